#include <stdbool.h>

#include "link.h"
#include "plr/plr.h"
#include "program.h"

#define ARENA_ALIGNMENT 8u
#define ARENA_WORD 4u

plr_status_t plr_init(plr_t *runtime, const plr_hal_t *hal, const plr_config_t *config,
                      const plr_footprint_t *footprint, uint8_t *arena, size_t arena_bytes) {
    if (runtime == NULL || hal == NULL || config == NULL || footprint == NULL || arena == NULL ||
        (uintptr_t)arena % ARENA_ALIGNMENT != 0 || (uint32_t)arena_bytes != arena_bytes) {
        return PLR_ERR_ARGUMENT;
    }
    *runtime = (plr_t){.hal = hal,
                       .config = *config,
                       .footprint = *footprint,
                       .arena = arena,
                       .arena_bytes = (uint32_t)(arena_bytes - arena_bytes % ARENA_WORD),
                       .step = PLR_NO_INDEX,
                       .failed_peer = PLR_NO_NODE};
    return PLR_OK;
}

static plr_status_t load(plr_t *runtime, const uint8_t *plan, size_t capacity_bytes) {
    const plr_status_t status = plr_plan_load(plan, capacity_bytes, runtime->arena_bytes, &runtime->plan);
    if (status != PLR_OK) {
        return status;
    }
    const plr_plan_header_t *header = &runtime->plan.header;
    const bool is_for_me = header->node == runtime->config.node && header->nodes - 1 == runtime->config.host;
    return is_for_me ? PLR_OK : PLR_ERR_CONFIG;
}

static plr_status_t say_hello(plr_t *runtime) {
    const plr_hello_t hello = {.format_major = PLR_FORMAT_MAJOR,
                               .format_minor = PLR_FORMAT_MINOR,
                               .capabilities = PLR_RUNTIME_CAPABILITIES,
                               .cluster_id = runtime->plan.header.cluster_id,
                               .plan_crc32 = runtime->plan.header.crc32,
                               .static_bytes = runtime->footprint.static_bytes,
                               .link_buffer_bytes = runtime->footprint.link_buffer_bytes,
                               .stack_reserve_bytes = runtime->footprint.stack_reserve_bytes,
                               .arena_bytes = runtime->arena_bytes,
                               .code_bytes = runtime->footprint.code_bytes};
    plr_hello_write(plr_link_payload(runtime), &hello);
    return plr_link_send(
        runtime,
        (plr_frame_header_t){.kind = PLR_FRAME_KIND_HELLO, .target = runtime->config.host, .length = PLR_HELLO_BYTES});
}

static plr_status_t run_and_report(plr_t *runtime) {
    const plr_status_t status = plr_program_run(runtime);
    if (status != PLR_OK) {
        return status;
    }
    plr_report_write(plr_link_payload(runtime), &runtime->report);
    return plr_link_send(runtime, (plr_frame_header_t){.kind = PLR_FRAME_KIND_REPORT,
                                                       .target = runtime->config.host,
                                                       .length = PLR_REPORT_BYTES});
}

/* Obey the host until STOP. */
static plr_status_t obey(plr_t *runtime) {
    plr_status_t status = say_hello(runtime);
    while (status == PLR_OK) {
        plr_frame_header_t header;
        status = plr_link_receive(runtime, runtime->config.host, &header);
        if (status != PLR_OK) {
            break;
        }
        if (header.kind == PLR_FRAME_KIND_STOP) {
            return PLR_OK;
        }
        if (header.kind != PLR_FRAME_KIND_START) {
            runtime->failed_peer = runtime->config.host;
            return PLR_ERR_PROTOCOL;
        }
        status = run_and_report(runtime);
    }
    return status;
}

plr_status_t plr_serve(plr_t *runtime, const uint8_t *plan, size_t capacity_bytes) {
    plr_status_t status = load(runtime, plan, capacity_bytes);
    if (status == PLR_OK) {
        status = obey(runtime);
    }
    if (status != PLR_OK) {
        plr_link_report(runtime, status);
    }
    return status;
}
