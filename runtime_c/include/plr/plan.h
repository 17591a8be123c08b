/* A loaded plan: checked once, then read in place. */
#ifndef PLR_PLAN_H
#define PLR_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "plr/layout.h"
#include "plr/status.h"

/* A table of fixed-size records, or the bytes of the constants. */
typedef struct plr_table {
    const uint8_t *bytes;
    uint32_t count; /* records, or bytes of the constants */
} plr_table_t;

typedef struct plr_plan {
    plr_plan_header_t header;
    plr_table_t buffers;
    plr_table_t steps;
    plr_table_t bodies; /* steps of loops */
    plr_table_t operands;
    plr_table_t views;
    plr_table_t parameters;
    plr_table_t messages;
    plr_table_t ends;
    plr_table_t constants;
} plr_plan_t;

/* Kernel variants of this build besides the portable one, as bits of plr_capability. */
#ifndef PLR_VARIANT_CAPABILITIES
#define PLR_VARIANT_CAPABILITIES 0
#endif

/* Capabilities of this runtime, as bits of plr_capability. */
#define PLR_RUNTIME_CAPABILITIES                                                                                       \
    (PLR_CAPABILITY_TFLM | PLR_CAPABILITY_ONNXRUNTIME | PLR_CAPABILITY_RING_ROWS | PLR_CAPABILITY_LOOPS |              \
     PLR_VARIANT_CAPABILITIES)

/* Check a plan binary and fill `plan`, which then points into `bytes`. Trusts nothing: after PLR_OK all invariants of
 * docs/PLAN_FORMAT.md hold for a node with `arena_bytes` of arena. `bytes` must be a multiple of 16 in address.
 * Returns the status code of the first rule that is broken; `plan` is then not to be used. */
PLR_MUST_CHECK plr_status_t plr_plan_load(const uint8_t *bytes, size_t capacity_bytes, uint32_t arena_bytes,
                                          plr_plan_t *plan);

#endif
