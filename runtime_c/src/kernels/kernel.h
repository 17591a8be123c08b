/* What the interpreter gives a kernel, and where it finds the kernels. The loader has checked all of it, so kernels
 * check nothing. */
#ifndef PLR_KERNEL_H
#define PLR_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "box.h"
#include "plr/plan.h"

typedef struct plr_call {
    const plr_plan_t *plan;
    uint8_t *arena;
    uint32_t first_input; /* operand record */
    uint32_t input_count;
    plr_box_t output;
    plr_parameters_t parameters;
    uint32_t iteration;  /* of the loop that the step is in, else 0 */
    const int8_t **rows; /* working memory for PLR_KERNEL_ROWS_MAX pointers */
    uint8_t *scratch;    /* of plr_kernel_scratch_bytes, or NULL */
} plr_call_t;

typedef void (*plr_kernel_t)(const plr_call_t *call);

/* The dimensions of an operand record; no pieces. */
plr_box_t plr_operand_shape(const plr_plan_t *plan, uint32_t operand);

/* The same, resolved to memory in one iteration of a loop. */
plr_box_t plr_operand_box(const plr_plan_t *plan, uint32_t operand, uint8_t *arena, uint32_t iteration);

static inline plr_box_t plr_call_input(const plr_call_t *call, uint32_t index) {
    return plr_operand_box(call->plan, call->first_input + index, call->arena, call->iteration);
}

/* Constants of a kernel. */
static inline const int8_t *plr_call_bytes(const plr_call_t *call, uint32_t constant) {
    return (const int8_t *)(call->plan->constants.bytes + constant);
}

static inline const int32_t *plr_call_words(const plr_call_t *call, uint32_t constant) {
    return (const int32_t *)(const void *)(call->plan->constants.bytes + constant);
}

/* One variant's way to compute a kernel. */
typedef struct plr_implementation {
    plr_kernel_t run; /* NULL if there is none */
    uint32_t packing;
    uint32_t scratch_bytes;
    uint32_t tap_scratch_bytes; /* more scratch memory per tap, padded to a multiple of PLR_TAP_CHUNK */
} plr_implementation_t;

#define PLR_TAP_CHUNK 4u

/* Products of one output of a convolution. */
static inline uint32_t plr_taps(const plr_parameters_t *parameters) {
    return (uint32_t)parameters->kernel_rows * parameters->kernel_columns * parameters->group_input_channels;
}

static inline uint32_t plr_padded_taps(const plr_parameters_t *parameters) {
    return (plr_taps(parameters) + PLR_TAP_CHUNK - 1) / PLR_TAP_CHUNK * PLR_TAP_CHUNK;
}

/* The implementation of a kernel, both named by the numbers of the format. */
plr_implementation_t plr_kernel_find(uint32_t kernel, uint32_t variant);

/* Run a KERNEL step of a loaded plan, in iteration `iteration` of a loop, or 0. `rows` has room for PLR_KERNEL_ROWS_MAX
 * pointers. */
void plr_kernel_run(const plr_plan_t *plan, const plr_step_t *step, uint32_t iteration, uint8_t *arena,
                    const int8_t **rows);

/* Scratch memory that an implementation needs for a step, whatever the core that asks: planner and board agree. */
uint32_t plr_kernel_scratch_bytes(uint32_t kernel, uint32_t variant, const plr_parameters_t *parameters);

void plr_convolution(const plr_call_t *call);
void plr_pointwise(const plr_call_t *call);
void plr_depthwise(const plr_call_t *call);
void plr_fully_connected(const plr_call_t *call);
void plr_maximum_pool(const plr_call_t *call);
void plr_average_pool(const plr_call_t *call);
void plr_mean(const plr_call_t *call);
void plr_add(const plr_call_t *call);
void plr_concat(const plr_call_t *call);
void plr_pad(const plr_call_t *call);
void plr_lookup(const plr_call_t *call);
void plr_partial_sums(const plr_call_t *call);
void plr_requantise(const plr_call_t *call);
void plr_accumulate(const plr_call_t *call);
void plr_copy(const plr_call_t *call);
void plr_mul(const plr_call_t *call);
void plr_gather(const plr_call_t *call);

/* Variant DSP. */
void plr_dsp_convolution(const plr_call_t *call);
void plr_dsp_pointwise(const plr_call_t *call);
void plr_dsp_depthwise(const plr_call_t *call);
void plr_dsp_fully_connected(const plr_call_t *call);
void plr_dsp_add(const plr_call_t *call);

/* Variant MVE. */
void plr_mve_convolution(const plr_call_t *call);
void plr_mve_pointwise(const plr_call_t *call);
void plr_mve_depthwise(const plr_call_t *call);
void plr_mve_fully_connected(const plr_call_t *call);
void plr_mve_add(const plr_call_t *call);

/* Variants M3 and RV32. */
void plr_scalar_convolution(const plr_call_t *call);
void plr_scalar_pointwise(const plr_call_t *call);
void plr_scalar_depthwise(const plr_call_t *call);
void plr_scalar_fully_connected(const plr_call_t *call);
void plr_scalar_add(const plr_call_t *call);

#endif
