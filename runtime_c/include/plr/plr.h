/* The runtime: loads a plan binary and runs it as one node of a cluster. No allocation, no globals: the caller owns
 * the plr_t, the arena and the plan's bytes, all of which must outlive the runtime. */
#ifndef PLR_PLR_H
#define PLR_PLR_H

#include <stddef.h>
#include <stdint.h>

#include "plr/hal.h"
#include "plr/layout.h"
#include "plr/plan.h"
#include "plr/status.h"

/* RAM of the firmware as the port knows it, for HELLO. */
typedef struct plr_footprint {
    uint32_t static_bytes;        /* data and bss, link buffers excluded */
    uint32_t link_buffer_bytes;   /* PLR_LINK_BUFFER_BYTES plus what the port's link needs */
    uint32_t stack_reserve_bytes; /* reserved for the stack */
    uint32_t code_bytes;          /* flash of the image, read-only data included */
} plr_footprint_t;

#define PLR_FRAME_BYTES (PLR_FRAME_HEADER_BYTES + PLR_FRAME_PAYLOAD_BYTES)
#define PLR_TRACE_STEPS 32u
#define PLR_LINK_BUFFER_BYTES (PLR_FRAME_BYTES + PLR_TRACE_STEPS * PLR_STEP_REPORT_BYTES)

typedef struct plr {
    const plr_hal_t *hal;
    plr_config_t config;
    plr_footprint_t footprint;
    plr_plan_t plan;
    uint8_t *arena;
    uint32_t arena_bytes;

    uint64_t clock_ns;
    uint64_t port_free_ns[PLR_PORTS_MAX];
    plr_report_t report;
    uint32_t step;         /* step being executed, or PLR_NO_INDEX between runs */
    uint32_t next_buffer;  /* first buffer whose lifespan has not begun */
    uint32_t trace_length; /* step records that wait in trace */
    uint16_t failed_peer;  /* node at the other end of the link that failed, or PLR_NO_NODE */

    /* The link buffers. No step both computes and communicates, so kernels use the frame as a table of row pointers. */
    uint8_t trace[PLR_TRACE_STEPS * PLR_STEP_REPORT_BYTES];
    union {
        uint8_t bytes[PLR_FRAME_BYTES];
        const int8_t *rows[PLR_KERNEL_ROWS_MAX];
    } frame;
} plr_t;

/* Read a board configuration. Fails with PLR_ERR_CONFIG iff it is shorter than its record, has another magic, size or
 * CRC, or a zero ratio. */
PLR_MUST_CHECK plr_status_t plr_config_load(const uint8_t *bytes, size_t capacity_bytes, plr_config_t *config);

/* Prepare a runtime. `arena` is the RAM from the end of static data and stack up to the configured cap. Fails with
 * PLR_ERR_ARGUMENT iff a pointer is null, the arena is not a multiple of 8 in address or larger than 4 GiB. */
PLR_MUST_CHECK plr_status_t plr_init(plr_t *runtime, const plr_hal_t *hal, const plr_config_t *config,
                                     const plr_footprint_t *footprint, uint8_t *arena, size_t arena_bytes);

/* Load the plan at `plan` (at most `capacity_bytes`; its header says how many), say HELLO to the host, and run it once
 * for every START until STOP. A failure is reported to the host with an ERROR frame, as far as the link still works,
 * and returned. `plan` must be a multiple of 16 in address; it is read in place for as long as the call lasts. */
PLR_MUST_CHECK plr_status_t plr_serve(plr_t *runtime, const uint8_t *plan, size_t capacity_bytes);

#endif
