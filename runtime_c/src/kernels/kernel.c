#include "kernel.h"

#include "../records.h"

static const plr_kernel_t portable[] = {
    [PLR_KERNEL_CONVOLUTION] = plr_convolution,
    [PLR_KERNEL_POINTWISE] = plr_pointwise,
    [PLR_KERNEL_DEPTHWISE] = plr_depthwise,
    [PLR_KERNEL_FULLY_CONNECTED] = plr_fully_connected,
    [PLR_KERNEL_MAXIMUM_POOL] = plr_maximum_pool,
    [PLR_KERNEL_AVERAGE_POOL] = plr_average_pool,
    [PLR_KERNEL_MEAN] = plr_mean,
    [PLR_KERNEL_ADD] = plr_add,
    [PLR_KERNEL_CONCAT] = plr_concat,
    [PLR_KERNEL_PAD] = plr_pad,
    [PLR_KERNEL_LOOKUP] = plr_lookup,
    [PLR_KERNEL_PARTIAL_SUMS] = plr_partial_sums,
    [PLR_KERNEL_REQUANTISE] = plr_requantise,
    [PLR_KERNEL_ACCUMULATE] = plr_accumulate,
    [PLR_KERNEL_COPY] = plr_copy,
    [PLR_KERNEL_MUL] = plr_mul,
    [PLR_KERNEL_GATHER] = plr_gather,
};

#if (PLR_VARIANT_CAPABILITIES & PLR_CAPABILITY_DSP) != 0
static const plr_implementation_t dsp[] = {
    [PLR_KERNEL_CONVOLUTION] = {plr_dsp_convolution, PLR_PACKING_DSP_PAIRS, PLR_DSP_CONVOLUTION_SCRATCH_BYTES,
                                PLR_DSP_CONVOLUTION_TAP_SCRATCH_BYTES},
    [PLR_KERNEL_POINTWISE] = {plr_dsp_pointwise, PLR_PACKING_DSP_PAIRS, PLR_DSP_POINTWISE_SCRATCH_BYTES,
                              PLR_DSP_POINTWISE_TAP_SCRATCH_BYTES},
    [PLR_KERNEL_DEPTHWISE] = {plr_dsp_depthwise, PLR_PACKING_DSP_CHANNELS, PLR_DSP_DEPTHWISE_SCRATCH_BYTES,
                              PLR_DSP_DEPTHWISE_TAP_SCRATCH_BYTES},
    [PLR_KERNEL_FULLY_CONNECTED] = {plr_dsp_fully_connected, PLR_PACKING_PLAIN, PLR_DSP_FULLY_CONNECTED_SCRATCH_BYTES,
                                    PLR_DSP_FULLY_CONNECTED_TAP_SCRATCH_BYTES},
    [PLR_KERNEL_ADD] = {plr_dsp_add, PLR_PACKING_PLAIN, PLR_DSP_ADD_SCRATCH_BYTES, PLR_DSP_ADD_TAP_SCRATCH_BYTES},
};
#endif

#if (PLR_VARIANT_CAPABILITIES & PLR_CAPABILITY_MVE) != 0
static const plr_implementation_t mve[] = {
    [PLR_KERNEL_CONVOLUTION] = {plr_mve_convolution, PLR_PACKING_MVE_GROUPS, PLR_MVE_CONVOLUTION_SCRATCH_BYTES,
                                PLR_MVE_CONVOLUTION_TAP_SCRATCH_BYTES},
    [PLR_KERNEL_POINTWISE] = {plr_mve_pointwise, PLR_PACKING_MVE_GROUPS, PLR_MVE_POINTWISE_SCRATCH_BYTES,
                              PLR_MVE_POINTWISE_TAP_SCRATCH_BYTES},
    [PLR_KERNEL_DEPTHWISE] = {plr_mve_depthwise, PLR_PACKING_MVE_WINDOWS, PLR_MVE_DEPTHWISE_SCRATCH_BYTES,
                              PLR_MVE_DEPTHWISE_TAP_SCRATCH_BYTES},
    [PLR_KERNEL_FULLY_CONNECTED] = {plr_mve_fully_connected, PLR_PACKING_MVE_GROUPS,
                                    PLR_MVE_FULLY_CONNECTED_SCRATCH_BYTES, PLR_MVE_FULLY_CONNECTED_TAP_SCRATCH_BYTES},
    [PLR_KERNEL_ADD] = {plr_mve_add, PLR_PACKING_PLAIN, PLR_MVE_ADD_SCRATCH_BYTES, PLR_MVE_ADD_TAP_SCRATCH_BYTES},
};
#endif

/* The scalar kernels with the scratch memory of a variant. */
#define SCALAR_KERNEL(run, packing, NAME)                                                                              \
    { run, packing, PLR_##NAME##_SCRATCH_BYTES, PLR_##NAME##_TAP_SCRATCH_BYTES }
#define SCALAR_KERNELS(NAME)                                                                                           \
    {                                                                                                                  \
        [PLR_KERNEL_CONVOLUTION] =                                                                                     \
            SCALAR_KERNEL(plr_scalar_convolution, PLR_PACKING_SCALAR_GROUPS, NAME##_CONVOLUTION),                      \
        [PLR_KERNEL_POINTWISE] = SCALAR_KERNEL(plr_scalar_pointwise, PLR_PACKING_SCALAR_GROUPS, NAME##_POINTWISE),     \
        [PLR_KERNEL_DEPTHWISE] = SCALAR_KERNEL(plr_scalar_depthwise, PLR_PACKING_SCALAR_CHANNELS, NAME##_DEPTHWISE),   \
        [PLR_KERNEL_FULLY_CONNECTED] =                                                                                 \
            SCALAR_KERNEL(plr_scalar_fully_connected, PLR_PACKING_PLAIN, NAME##_FULLY_CONNECTED),                      \
        [PLR_KERNEL_ADD] = SCALAR_KERNEL(plr_scalar_add, PLR_PACKING_PLAIN, NAME##_ADD),                               \
    }

#if (PLR_VARIANT_CAPABILITIES & PLR_CAPABILITY_M3) != 0
static const plr_implementation_t m3[] = SCALAR_KERNELS(M3);
#endif
#if (PLR_VARIANT_CAPABILITIES & PLR_CAPABILITY_RV32) != 0
static const plr_implementation_t rv32[] = SCALAR_KERNELS(RV32);
#endif

plr_implementation_t plr_kernel_find(uint32_t kernel, uint32_t variant) {
    plr_implementation_t implementation = {0};
    if (variant == PLR_VARIANT_PORTABLE && kernel < sizeof portable / sizeof portable[0]) {
        implementation.run = portable[kernel];
    }
#if (PLR_VARIANT_CAPABILITIES & PLR_CAPABILITY_DSP) != 0
    if (variant == PLR_VARIANT_DSP && kernel < sizeof dsp / sizeof dsp[0]) {
        implementation = dsp[kernel];
    }
#endif
#if (PLR_VARIANT_CAPABILITIES & PLR_CAPABILITY_MVE) != 0
    if (variant == PLR_VARIANT_MVE && kernel < sizeof mve / sizeof mve[0]) {
        implementation = mve[kernel];
    }
#endif
#if (PLR_VARIANT_CAPABILITIES & PLR_CAPABILITY_M3) != 0
    if (variant == PLR_VARIANT_M3 && kernel < sizeof m3 / sizeof m3[0]) {
        implementation = m3[kernel];
    }
#endif
#if (PLR_VARIANT_CAPABILITIES & PLR_CAPABILITY_RV32) != 0
    if (variant == PLR_VARIANT_RV32 && kernel < sizeof rv32 / sizeof rv32[0]) {
        implementation = rv32[kernel];
    }
#endif
    return implementation;
}

uint32_t plr_kernel_scratch_bytes(uint32_t kernel, uint32_t variant, const plr_parameters_t *parameters) {
    const plr_implementation_t implementation = plr_kernel_find(kernel, variant);
    return implementation.scratch_bytes + implementation.tap_scratch_bytes * plr_padded_taps(parameters);
}

void plr_kernel_run(const plr_plan_t *plan, const plr_step_t *step, uint32_t iteration, uint8_t *arena,
                    const int8_t **rows) {
    plr_call_t call = {.plan = plan,
                       .arena = arena,
                       .first_input = step->first_operand,
                       .input_count = step->operand_count - 1,
                       .iteration = iteration,
                       .rows = rows};
    call.output = plr_operand_box(plan, step->first_operand + call.input_count, arena, iteration);
    if (step->parameters != PLR_NO_INDEX) {
        call.parameters = plr_plan_parameters(plan, step->parameters);
    }
    if (step->scratch_buffer != PLR_NO_INDEX) {
        call.scratch = arena + plr_plan_buffer(plan, step->scratch_buffer).offset_bytes;
    }
    plr_kernel_find(step->kernel, step->variant).run(&call);
}

plr_box_t plr_operand_shape(const plr_plan_t *plan, uint32_t operand) {
    const plr_operand_t record = plr_plan_operand(plan, operand);
    plr_box_t box = {.columns = record.columns,
                     .channels = record.channels,
                     .element_bytes = record.element_bytes,
                     .pixel_stride_bytes = record.pixel_stride_bytes,
                     .table = record.table};
    for (uint32_t i = 0; i < record.view_count; i++) {
        box.rows += plr_plan_view(plan, record.first_view + i).rows;
    }
    return box;
}

plr_box_t plr_operand_box(const plr_plan_t *plan, uint32_t operand, uint8_t *arena, uint32_t iteration) {
    const plr_operand_t record = plr_plan_operand(plan, operand);
    plr_box_t box = plr_operand_shape(plan, operand);
    for (uint32_t i = 0; i < record.view_count; i++) {
        const plr_view_t view = plr_plan_view(plan, record.first_view + i);
        const plr_buffer_t buffer = plr_plan_buffer(plan, view.buffer);
        const size_t shift_bytes = (size_t)iteration * view.advance_columns * record.pixel_stride_bytes;
        box.pieces[i] = (plr_piece_t){.bytes = arena + buffer.offset_bytes + view.offset_bytes + shift_bytes,
                                      .rows = view.rows,
                                      .ring_rows = view.ring_rows != 0 ? view.ring_rows : view.rows,
                                      .ring_first_row = view.ring_first_row,
                                      .row_stride_bytes = view.row_stride_bytes};
    }
    return box;
}
