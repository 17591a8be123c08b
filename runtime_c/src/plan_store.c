#include "plr/plan_store.h"

#include <stdbool.h>
#include <string.h>

#include "crc32.h"
#include "plr/assert.h"
#include "plr/plan.h"

#define NAME_BYTES_MAX (PLR_STORED_PLAN_HEAD_BYTES - PLR_STORED_PLAN_BYTES)

static uint32_t smaller(uint32_t one, uint32_t other) {
    return one < other ? one : other;
}

static bool is_power_of_two(uint32_t number) {
    return number != 0 && (number & (number - 1)) == 0;
}

static uint32_t rounded_up(uint32_t number, uint32_t unit) {
    return (number + unit - 1) & ~(unit - 1);
}

static const uint8_t *slot_memory(const plr_plan_store_t *store, uint32_t slot) {
    return store->flash->memory + (size_t)slot * store->slot_bytes;
}

/* CRC-32 of a head's record and name, without the fields from crc32 on. */
static uint32_t head_crc32(const uint8_t *head, uint16_t name_bytes) {
    const uint32_t crc = plr_crc32(0, head, PLR_STORED_PLAN_CRC32_OFFSET);
    return plr_crc32(crc, head + PLR_STORED_PLAN_BYTES, name_bytes);
}

/* Read a slot's head; false iff it or the plan is not whole. */
static bool read_slot(const plr_plan_store_t *store, uint32_t slot, plr_stored_plan_t *stored) {
    const uint8_t *head = slot_memory(store, slot);
    *stored = plr_stored_plan_read(head);
    if (stored->magic != PLR_STORED_PLAN_MAGIC || stored->size != PLR_STORED_PLAN_BYTES ||
        stored->name_bytes > NAME_BYTES_MAX || stored->crc32 != head_crc32(head, stored->name_bytes) ||
        stored->plan_bytes < PLR_PLAN_HEADER_BYTES || stored->plan_bytes > plr_plan_store_capacity_bytes(store)) {
        return false;
    }
    const uint8_t *plan = head + store->plan_offset_bytes;
    return plr_crc32_without(plan, stored->plan_bytes, PLR_PLAN_HEADER_CRC32_OFFSET) == stored->plan_crc32;
}

plr_status_t plr_plan_store_open(plr_plan_store_t *store, const plr_flash_t *flash) {
    if (!is_power_of_two(flash->page_bytes) || !is_power_of_two(flash->word_bytes) ||
        flash->word_bytes > PLR_FLASH_WORD_BYTES_MAX || flash->word_bytes > flash->page_bytes ||
        flash->page_bytes < PLR_STORED_PLAN_HEAD_BYTES || (uintptr_t)flash->memory % PLR_SECTION_ALIGNMENT != 0 ||
        flash->size_bytes / PLR_PLAN_STORE_SLOTS < flash->page_bytes) {
        return PLR_ERR_ARGUMENT;
    }
    const uint32_t slot_pages = flash->size_bytes / flash->page_bytes / PLR_PLAN_STORE_SLOTS;
    *store = (plr_plan_store_t){.flash = flash,
                                .slot_bytes = slot_pages * flash->page_bytes,
                                .plan_offset_bytes = rounded_up(PLR_STORED_PLAN_HEAD_BYTES, flash->word_bytes),
                                .active = PLR_NO_SLOT,
                                .target = PLR_NO_SLOT};
    for (uint32_t slot = 0; slot < PLR_PLAN_STORE_SLOTS; slot++) {
        plr_stored_plan_t stored;
        if (read_slot(store, slot, &stored) &&
            (store->active == PLR_NO_SLOT || (int32_t)(stored.sequence - store->stored.sequence) > 0)) {
            store->active = slot;
            store->stored = stored;
        }
    }
    return PLR_OK;
}

uint32_t plr_plan_store_capacity_bytes(const plr_plan_store_t *store) {
    return store->slot_bytes - store->plan_offset_bytes;
}

uint32_t plr_plan_store_first_page_bytes(const plr_plan_store_t *store) {
    return store->flash->page_bytes - store->plan_offset_bytes;
}

const uint8_t *plr_plan_store_plan(const plr_plan_store_t *store) {
    return store->active == PLR_NO_SLOT ? NULL : slot_memory(store, store->active) + store->plan_offset_bytes;
}

const uint8_t *plr_plan_store_name(const plr_plan_store_t *store) {
    return store->active == PLR_NO_SLOT ? NULL : slot_memory(store, store->active) + PLR_STORED_PLAN_BYTES;
}

/* Erase the target's page at an offset in the slot. */
static plr_status_t erase(const plr_plan_store_t *store, uint32_t at) {
    return store->flash->erase(store->flash->context, store->target * store->slot_bytes + at);
}

/* Program whole words of one page of the target, and read them back. */
static plr_status_t program(const plr_plan_store_t *store, uint32_t at, const uint8_t *bytes, uint32_t size_bytes) {
    const uint32_t offset_bytes = store->target * store->slot_bytes + at;
    const plr_status_t status = store->flash->program(store->flash->context, offset_bytes, bytes, size_bytes);
    if (status != PLR_OK) {
        return status;
    }
    return memcmp(store->flash->memory + offset_bytes, bytes, size_bytes) == 0 ? PLR_OK : PLR_ERR_FLASH;
}

/* Program bytes of one page of the target: the last word is filled up with what erased flash holds. */
static plr_status_t program_filled_up(const plr_plan_store_t *store, uint32_t at, const uint8_t *bytes,
                                      uint32_t size_bytes) {
    const uint32_t rest_bytes = size_bytes & (store->flash->word_bytes - 1);
    const uint32_t whole_bytes = size_bytes - rest_bytes;
    plr_status_t status = whole_bytes == 0 ? PLR_OK : program(store, at, bytes, whole_bytes);
    if (status == PLR_OK && rest_bytes != 0) {
        uint8_t word[PLR_FLASH_WORD_BYTES_MAX];
        memset(word, 0xFF, sizeof word);
        memcpy(word, bytes + whole_bytes, rest_bytes);
        status = program(store, at + whole_bytes, word, store->flash->word_bytes);
    }
    return status;
}

plr_status_t plr_plan_store_begin(plr_plan_store_t *store, uint32_t plan_bytes) {
    store->target = PLR_NO_SLOT;
    if (plan_bytes > plr_plan_store_capacity_bytes(store)) {
        return PLR_ERR_STORE_TOO_SMALL;
    }
    store->target = store->active == 0 ? 1 : 0;
    store->plan_bytes = plan_bytes;
    store->end_bytes = store->plan_offset_bytes;
    const plr_status_t status = erase(store, 0);
    if (status != PLR_OK) {
        store->target = PLR_NO_SLOT;
    }
    return status;
}

uint32_t plr_plan_store_pages(const plr_plan_store_t *store) {
    const uint32_t page_bytes = store->flash->page_bytes;
    return store->target == PLR_NO_SLOT
               ? 0
               : rounded_up(store->plan_offset_bytes + store->plan_bytes, page_bytes) / page_bytes;
}

uint32_t plr_plan_store_page_crc32(const plr_plan_store_t *store, uint32_t page) {
    const uint32_t page_bytes = store->flash->page_bytes;
    PLR_ASSERT(page < plr_plan_store_pages(store));
    const uint32_t start = page == 0 ? store->plan_offset_bytes : page * page_bytes;
    const uint32_t end = smaller((page + 1) * page_bytes, store->plan_offset_bytes + store->plan_bytes);
    return plr_crc32(0, slot_memory(store, store->target) + start, end - start);
}

plr_status_t plr_plan_store_write(plr_plan_store_t *store, uint32_t offset_bytes, const uint8_t *bytes,
                                  uint32_t size_bytes) {
    const plr_flash_t *flash = store->flash;
    const uint32_t capacity_bytes = plr_plan_store_capacity_bytes(store);
    uint32_t at = store->plan_offset_bytes + offset_bytes;
    if (store->target == PLR_NO_SLOT || offset_bytes > capacity_bytes || size_bytes > capacity_bytes - offset_bytes ||
        (at != store->end_bytes && at % flash->page_bytes != 0)) {
        return PLR_ERR_STORE;
    }
    while (size_bytes > 0) {
        const uint32_t part_bytes = smaller(size_bytes, flash->page_bytes - at % flash->page_bytes);
        plr_status_t status = at % flash->page_bytes == 0 ? erase(store, at) : PLR_OK;
        if (status == PLR_OK) {
            status = program_filled_up(store, at, bytes, part_bytes);
        }
        if (status != PLR_OK) {
            store->target = PLR_NO_SLOT;
            return status;
        }
        bytes += part_bytes;
        size_bytes -= part_bytes;
        at += rounded_up(part_bytes, flash->word_bytes);
        store->end_bytes = at;
    }
    return PLR_OK;
}

/* Whether the target holds the plan that it should. */
static plr_status_t check_target(const plr_plan_store_t *store, const plr_stored_plan_t *stored, uint32_t arena_bytes) {
    const uint8_t *bytes = slot_memory(store, store->target) + store->plan_offset_bytes;
    plr_plan_t plan;
    const plr_status_t status = plr_plan_load(bytes, plr_plan_store_capacity_bytes(store), arena_bytes, &plan);
    if (status != PLR_OK) {
        return status;
    }
    const bool is_expected = plan.header.total_size == stored->plan_bytes && plan.header.crc32 == stored->plan_crc32 &&
                             plan.header.cluster_id == stored->cluster_id &&
                             plan.header.model_hash == stored->model_hash;
    return is_expected ? PLR_OK : PLR_ERR_STORE_MISMATCH;
}

plr_status_t plr_plan_store_commit(plr_plan_store_t *store, const plr_stored_plan_t *plan, const uint8_t *name,
                                   uint16_t name_bytes, uint32_t arena_bytes) {
    if (store->target == PLR_NO_SLOT || name_bytes > NAME_BYTES_MAX) {
        return PLR_ERR_STORE;
    }
    plr_status_t status = check_target(store, plan, arena_bytes);
    if (status != PLR_OK) {
        return status;
    }
    plr_stored_plan_t stored = *plan;
    stored.magic = PLR_STORED_PLAN_MAGIC;
    stored.size = PLR_STORED_PLAN_BYTES;
    stored.name_bytes = name_bytes;
    stored.sequence = store->stored.sequence + 1;
    stored.reserved = 0;
    uint8_t head[PLR_STORED_PLAN_HEAD_BYTES];
    memset(head, 0xFF, sizeof head);
    memcpy(head + PLR_STORED_PLAN_BYTES, name, name_bytes);
    plr_stored_plan_write(head, &stored);
    stored.crc32 = head_crc32(head, name_bytes);
    plr_stored_plan_write(head, &stored);
    status = program_filled_up(store, 0, head, sizeof head);
    if (status == PLR_OK) {
        store->active = store->target;
        store->stored = stored;
    }
    store->target = PLR_NO_SLOT;
    return status;
}
