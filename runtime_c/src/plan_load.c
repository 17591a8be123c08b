#include <stdbool.h>

#include "crc32.h"
#include "plan_check.h"

/* Where a known section goes, and the size of its records. */
typedef struct section {
    plr_table_t *table;
    uint32_t record_bytes;
} section_t;

#define SECTION_KINDS (PLR_SECTION_BODIES + 1u)

static plr_status_t check_envelope(const uint8_t *bytes, size_t capacity_bytes, plr_plan_header_t *header) {
    if (capacity_bytes < PLR_PLAN_HEADER_BYTES) {
        return PLR_ERR_PLAN_TRUNCATED;
    }
    *header = plr_plan_header_read(bytes);
    if (header->magic != PLR_PLAN_MAGIC) {
        return PLR_ERR_PLAN_MAGIC;
    }
    if (header->format_major != PLR_FORMAT_MAJOR) {
        return PLR_ERR_PLAN_MAJOR;
    }
    if (header->format_minor > PLR_FORMAT_MINOR) {
        return PLR_ERR_PLAN_MINOR;
    }
    if (header->total_size > capacity_bytes) {
        return PLR_ERR_PLAN_TRUNCATED;
    }
    if (header->header_size < PLR_PLAN_HEADER_BYTES || header->header_size % 8 != 0 ||
        header->header_size > header->total_size ||
        header->section_count > (header->total_size - header->header_size) / PLR_SECTION_ENTRY_BYTES) {
        return PLR_ERR_PLAN_HEADER;
    }
    if (plr_crc32_without(bytes, header->total_size, PLR_PLAN_HEADER_CRC32_OFFSET) != header->crc32) {
        return PLR_ERR_PLAN_CRC;
    }
    return PLR_OK;
}

static plr_status_t check_header(const plr_plan_header_t *header) {
    const uint32_t rounding = header->arithmetic == PLR_ARITHMETIC_TFLM          ? PLR_CAPABILITY_TFLM
                              : header->arithmetic == PLR_ARITHMETIC_ONNXRUNTIME ? PLR_CAPABILITY_ONNXRUNTIME
                                                                                 : 0;
    if ((header->capabilities & ~PLR_RUNTIME_CAPABILITIES) != 0) {
        return PLR_ERR_PLAN_CAPABILITY;
    }
    if (header->node >= header->nodes || header->port_count > PLR_PORTS_MAX || (header->capabilities & rounding) == 0 ||
        header->reserved != 0 || header->reserved2 != 0) {
        return PLR_ERR_PLAN_HEADER;
    }
    return PLR_OK;
}

static plr_status_t take_section(const uint8_t *bytes, const plr_section_entry_t *entry, const section_t *section) {
    if (section->table->bytes != NULL || entry->reserved != 0 || entry->size_bytes % section->record_bytes != 0) {
        return PLR_ERR_PLAN_SECTION;
    }
    section->table->bytes = bytes + entry->offset_bytes;
    section->table->count = entry->size_bytes / section->record_bytes;
    return PLR_OK;
}

static plr_status_t find_sections(const uint8_t *bytes, plr_plan_t *plan) {
    const plr_plan_header_t *header = &plan->header;
    plr_table_t names = {0};
    const section_t sections[SECTION_KINDS] = {
        [PLR_SECTION_BUFFERS] = {&plan->buffers, PLR_BUFFER_BYTES},
        [PLR_SECTION_STEPS] = {&plan->steps, PLR_STEP_BYTES},
        [PLR_SECTION_OPERANDS] = {&plan->operands, PLR_OPERAND_BYTES},
        [PLR_SECTION_VIEWS] = {&plan->views, PLR_VIEW_BYTES},
        [PLR_SECTION_PARAMETERS] = {&plan->parameters, PLR_PARAMETERS_BYTES},
        [PLR_SECTION_MESSAGES] = {&plan->messages, PLR_MESSAGE_BYTES},
        [PLR_SECTION_CONSTANTS] = {&plan->constants, 1},
        [PLR_SECTION_ENDS] = {&plan->ends, PLR_END_BYTES},
        [PLR_SECTION_NAMES] = {&names, 1},
        [PLR_SECTION_BODIES] = {&plan->bodies, PLR_STEP_BYTES},
    };
    uint32_t end = header->header_size + header->section_count * PLR_SECTION_ENTRY_BYTES;
    for (uint32_t i = 0; i < header->section_count; i++) {
        const plr_section_entry_t entry =
            plr_section_entry_read(bytes + header->header_size + i * (size_t)PLR_SECTION_ENTRY_BYTES);
        if (entry.offset_bytes % PLR_SECTION_ALIGNMENT != 0 || entry.offset_bytes < end ||
            entry.offset_bytes > header->total_size || entry.size_bytes > header->total_size - entry.offset_bytes) {
            return PLR_ERR_PLAN_SECTION;
        }
        end = entry.offset_bytes + entry.size_bytes;
        plr_status_t status = PLR_OK;
        if (entry.kind < SECTION_KINDS && sections[entry.kind].table != NULL) {
            status = take_section(bytes, &entry, &sections[entry.kind]);
        } else if ((entry.flags & PLR_SECTION_FLAG_REQUIRED) != 0) {
            status = PLR_ERR_PLAN_UNKNOWN_SECTION;
        }
        if (status != PLR_OK) {
            return status;
        }
    }
    for (uint32_t kind = 0; kind < SECTION_KINDS; kind++) {
        const bool is_optional = kind == PLR_SECTION_NAMES || kind == PLR_SECTION_BODIES;
        if (sections[kind].table != NULL && sections[kind].table->bytes == NULL && !is_optional) {
            return PLR_ERR_PLAN_SECTION;
        }
    }
    return PLR_OK;
}

plr_status_t plr_plan_load(const uint8_t *bytes, size_t capacity_bytes, uint32_t arena_bytes, plr_plan_t *plan) {
    if (bytes == NULL || plan == NULL || (uintptr_t)bytes % PLR_SECTION_ALIGNMENT != 0) {
        return PLR_ERR_ARGUMENT;
    }
    *plan = (plr_plan_t){0};
    plr_status_t status = check_envelope(bytes, capacity_bytes, &plan->header);
    if (status == PLR_OK) {
        status = check_header(&plan->header);
    }
    if (status == PLR_OK) {
        status = find_sections(bytes, plan);
    }
    if (status == PLR_OK && plan->header.arena_bytes > arena_bytes) {
        status = PLR_ERR_PLAN_ARENA;
    }
    return status == PLR_OK ? plr_plan_check(plan) : status;
}
