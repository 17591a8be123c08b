#include <stdbool.h>

#include "kernels/kernel.h"
#include "plan_check.h"
#include "records.h"

#define HAS_DSP ((PLR_VARIANT_CAPABILITIES & PLR_CAPABILITY_DSP) != 0)
#define HAS_SCALAR ((PLR_VARIANT_CAPABILITIES & (PLR_CAPABILITY_M3 | PLR_CAPABILITY_RV32)) != 0)
#if HAS_DSP
#include "kernels/dsp/stream.h"
#endif
#if HAS_SCALAR
#include "kernels/scalar/stream.h"
#endif

#define HAS_MVE ((PLR_VARIANT_CAPABILITIES & PLR_CAPABILITY_MVE) != 0)
#if HAS_MVE
#include "kernels/mve/stream.h"
#endif

#define STRIDE_MAX 255u
#define FLOAT_MULTIPLIER_MIN (1 << 23)
#define FLOAT_MULTIPLIER_MAX ((1 << 24) - 1)
#define FLOAT_SHIFT_MIN 1
#define FLOAT_SHIFT_MAX 60
#define FIXED_SHIFT_MIN (-31)
#define FIXED_SHIFT_MAX 30
#define ADDITION_WORDS (2 * PLR_TABLE_BYTES + 3)
#define TERM_SHIFT_MAX 31u
#define FLOAT_EXPONENT_MASK 0x7F800000u

/* A KERNEL step under examination. `inputs` are the first two; more are only allowed where a kernel looks them up. */
typedef struct candidate {
    const plr_plan_t *plan;
    const plr_step_t *step;
    uint32_t input_count;
    plr_box_t inputs[2];
    plr_box_t output;
    plr_parameters_t parameters;
} candidate_t;

static bool same_plane(const plr_box_t *a, const plr_box_t *b) {
    return a->rows == b->rows && a->columns == b->columns;
}

static bool is_same(const candidate_t *candidate) {
    for (uint32_t i = 0; i < candidate->input_count; i++) {
        if (!same_plane(&candidate->inputs[i], &candidate->output) ||
            candidate->inputs[i].channels != candidate->output.channels) {
            return false;
        }
    }
    return true;
}

static bool is_multiplied(const candidate_t *candidate) {
    const plr_box_t *first = &candidate->inputs[0];
    const plr_box_t *second = &candidate->inputs[1];
    const plr_box_t *output = &candidate->output;
    return same_plane(first, output) && first->channels == output->channels && second->channels == output->channels &&
           (same_plane(second, output) || (second->rows == 1 && second->columns == 1));
}

static bool is_concatenated(const candidate_t *candidate) {
    uint32_t missing = candidate->output.channels;
    for (uint32_t i = 0; i < candidate->input_count; i++) {
        const plr_box_t input = plr_operand_shape(candidate->plan, candidate->step->first_operand + i);
        if (!same_plane(&input, &candidate->output) || input.channels > missing) {
            return false;
        }
        missing -= input.channels;
    }
    return missing == 0;
}

static bool is_padded(const candidate_t *candidate) {
    const plr_box_t *input = &candidate->inputs[0];
    const plr_box_t *output = &candidate->output;
    return candidate->input_count == 0 ||
           (input->channels == output->channels && candidate->parameters.pad_top + input->rows <= output->rows &&
            candidate->parameters.pad_left + input->columns <= output->columns);
}

static bool is_averaged(const candidate_t *candidate) {
    return candidate->output.rows == 1 && candidate->output.columns == 1 &&
           candidate->output.channels == candidate->inputs[0].channels;
}

/* Any dimensions: the kernel's constants say what fits. */
static bool is_any(const candidate_t *candidate) {
    (void)candidate;
    return true;
}

/* Whether every output position of an axis has a tap inside the input. */
static bool reaches(uint32_t outputs, uint32_t stride, uint32_t pad, uint32_t taps, uint32_t dilation, uint32_t size) {
    for (uint32_t i = 0; i < outputs; i++) {
        const uint32_t padded = i * stride;
        const uint32_t first_tap = padded < pad ? (pad - padded + dilation - 1) / dilation : 0;
        if (first_tap >= taps || padded + first_tap * dilation - pad >= size) {
            return false;
        }
    }
    return true;
}

static bool is_pooled(const candidate_t *candidate) {
    const plr_parameters_t *p = &candidate->parameters;
    const plr_box_t *input = &candidate->inputs[0];
    const plr_box_t *output = &candidate->output;
    return input->channels == output->channels &&
           reaches(output->rows, p->stride_rows, p->pad_top, p->kernel_rows, p->dilation_rows, input->rows) &&
           reaches(output->columns, p->stride_columns, p->pad_left, p->kernel_columns, p->dilation_columns,
                   input->columns);
}

static bool is_grouped(const candidate_t *candidate) {
    const plr_parameters_t *p = &candidate->parameters;
    if (p->first_in_group >= p->group_output_channels || p->group_input_channels == 0) {
        return false;
    }
    const uint64_t last_channel = (uint64_t)p->first_in_group + candidate->output.channels - 1;
    const uint64_t groups = last_channel / p->group_output_channels + 1;
    return groups <= candidate->inputs[0].channels / p->group_input_channels;
}

static bool is_depthwise(const candidate_t *candidate) {
    return candidate->parameters.group_input_channels == 1 && candidate->parameters.other_zero_point == 0 &&
           is_grouped(candidate);
}

static bool is_ungrouped(const candidate_t *candidate) {
    return candidate->inputs[0].channels == candidate->parameters.group_input_channels;
}

static bool is_folded(const candidate_t *candidate) {
    const plr_parameters_t *p = &candidate->parameters;
    return p->pad_top == 0 && p->pad_left == 0 && p->input_zero_point == 0 && p->other_zero_point == 0 &&
           is_ungrouped(candidate);
}

static bool is_pointwise(const candidate_t *candidate) {
    const plr_parameters_t *p = &candidate->parameters;
    return p->kernel_rows == 1 && p->kernel_columns == 1 && p->stride_rows == 1 && p->stride_columns == 1 &&
           same_plane(&candidate->inputs[0], &candidate->output) && is_folded(candidate);
}

static bool is_fully_connected(const candidate_t *candidate) {
    const plr_parameters_t *p = &candidate->parameters;
    return (p->kernel_rows - 1u) * p->dilation_rows + 1 == candidate->inputs[0].rows &&
           (p->kernel_columns - 1u) * p->dilation_columns + 1 == candidate->inputs[0].columns &&
           candidate->output.rows == 1 && candidate->output.columns == 1 && is_folded(candidate);
}

#if HAS_DSP || HAS_MVE || HAS_SCALAR
static bool is_symmetric(const candidate_t *candidate) {
    return candidate->parameters.other_zero_point == 0 && is_ungrouped(candidate);
}

static bool is_three_by_three(const candidate_t *candidate) {
    const plr_parameters_t *p = &candidate->parameters;
    return p->kernel_rows == 3 && p->kernel_columns == 3 && p->dilation_rows == 1 && p->dilation_columns == 1 &&
           p->stride_columns <= 2 && p->group_output_channels == 1 &&
           candidate->inputs[0].channels == candidate->output.channels && is_depthwise(candidate);
}
#endif

plr_status_t plr_constant_check(const plr_plan_t *plan, uint32_t offset, uint32_t a, uint32_t b, uint32_t c,
                                uint32_t d) {
    if (offset % PLR_SECTION_ALIGNMENT != 0 || offset > plan->constants.count ||
        (plan->constants.count - offset) / a / b / c / d == 0) {
        return PLR_ERR_PLAN_CONSTANT;
    }
    return PLR_OK;
}

static plr_status_t check_weights(const candidate_t *candidate) {
    const plr_parameters_t *p = &candidate->parameters;
    return plr_constant_check(candidate->plan, p->weights, candidate->output.channels, p->kernel_rows,
                              p->kernel_columns, p->group_input_channels);
}

bool plr_factor_is_sound(const plr_plan_t *plan, const plr_quantisation_t *factor) {
    const bool is_float = plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME;
    const int32_t multiplier_min = is_float ? FLOAT_MULTIPLIER_MIN : 0;
    const int32_t multiplier_max = is_float ? FLOAT_MULTIPLIER_MAX : INT32_MAX;
    const int32_t shift_min = is_float ? FLOAT_SHIFT_MIN : FIXED_SHIFT_MIN;
    const int32_t shift_max = is_float ? FLOAT_SHIFT_MAX : FIXED_SHIFT_MAX;
    return factor->multiplier >= multiplier_min && factor->multiplier <= multiplier_max && factor->shift >= shift_min &&
           factor->shift <= shift_max;
}

static plr_status_t check_factors(const candidate_t *candidate, uint32_t count) {
    const plr_plan_t *plan = candidate->plan;
    const uint32_t offset = candidate->parameters.quantisation;
    const plr_status_t status = plr_constant_check(plan, offset, count, PLR_QUANTISATION_BYTES, 1, 1);
    if (status != PLR_OK) {
        return status;
    }
    for (uint32_t i = 0; i < count; i++) {
        const plr_quantisation_t factor =
            plr_quantisation_read(plan->constants.bytes + offset + i * (size_t)PLR_QUANTISATION_BYTES);
        if (!plr_factor_is_sound(plan, &factor)) {
            return PLR_ERR_PLAN_QUANTISATION;
        }
    }
    return PLR_OK;
}

static plr_status_t check_floats(const candidate_t *candidate, uint32_t count, bool positive) {
    const uint32_t offset = candidate->parameters.quantisation;
    const plr_status_t status = plr_constant_check(candidate->plan, offset, count, sizeof(float), 1, 1);
    if (status != PLR_OK) {
        return status;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *bytes = candidate->plan->constants.bytes + offset + i * sizeof(float);
        const bool is_finite = (plr_get_u32(bytes) & FLOAT_EXPONENT_MASK) != FLOAT_EXPONENT_MASK;
        if (!is_finite || (positive && !(plr_get_f32(bytes) > 0.0f))) {
            return PLR_ERR_PLAN_QUANTISATION;
        }
    }
    return PLR_OK;
}

/* The tables and the finish of an addition. */
static plr_status_t check_terms(const candidate_t *candidate) {
    const plr_plan_t *plan = candidate->plan;
    const uint32_t table = candidate->parameters.table;
    const plr_status_t status = plr_constant_check(plan, table, ADDITION_WORDS, sizeof(uint32_t), 1, 1);
    if (status != PLR_OK) {
        return status;
    }
    const uint32_t shift = plr_get_u32(plan->constants.bytes + table + (ADDITION_WORDS - 1) * sizeof(uint32_t));
    return shift <= TERM_SHIFT_MAX ? PLR_OK : PLR_ERR_PLAN_QUANTISATION;
}

/* The constants that kernels ask for, as a set. */
enum {
    NEEDS_WEIGHTS = 1,
    NEEDS_BIAS = 2,
    NEEDS_TABLE = 4,
    NEEDS_TABLES = 8, /* of every input */
    NEEDS_CHANNEL_FACTORS = 16,
    NEEDS_FACTOR = 32,
    NEEDS_AVERAGE = 64,
    NEEDS_ADDITION = 128,
    NEEDS_DSP_PAIRS = 256,
    NEEDS_DSP_CHANNELS = 512,
    NEEDS_TERMS = 1024,
    NEEDS_OFFSETS = 2048,
    NEEDS_MVE_GROUPS = 4096,
    NEEDS_MVE_WINDOWS = 8192,
    NEEDS_MVE_TERMS = 16384,
    NEEDS_SCALAR_GROUPS = 32768,
    NEEDS_SCALAR_CHANNELS = 65536,
    NEEDS_ALL_WEIGHTED = NEEDS_WEIGHTS | NEEDS_BIAS | NEEDS_CHANNEL_FACTORS
};

static plr_status_t check_tables(const candidate_t *candidate) {
    for (uint32_t i = 0; i < candidate->input_count; i++) {
        if (plr_plan_operand(candidate->plan, candidate->step->first_operand + i).table == PLR_NO_INDEX) {
            return PLR_ERR_PLAN_CONSTANT;
        }
    }
    return PLR_OK;
}

static uint32_t largest(const uint8_t *words, uint32_t count) {
    uint32_t result = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t word = plr_get_u32(words + i * sizeof word);
        result = word > result ? word : result;
    }
    return result;
}

/* Offsets of rows and columns, a number of runs, and the runs; no sum of them leaves the input. */
static plr_status_t check_offsets(const candidate_t *candidate) {
    const plr_plan_t *plan = candidate->plan;
    const plr_box_t *input = &candidate->inputs[0];
    const plr_box_t *output = &candidate->output;
    const uint32_t table = candidate->parameters.table;
    const uint32_t fixed = output->rows + output->columns + 1;
    if (plr_constant_check(plan, table, fixed, sizeof(uint32_t), 1, 1) != PLR_OK) {
        return PLR_ERR_PLAN_CONSTANT;
    }
    const uint8_t *words = plan->constants.bytes + table;
    const uint8_t *runs = words + (size_t)fixed * sizeof(uint32_t);
    const uint32_t run_count = plr_get_u32(runs - sizeof(uint32_t));
    const uint32_t room = (plan->constants.count - table) / (uint32_t)sizeof(uint32_t) - fixed;
    if (run_count == 0 || run_count > output->channels || run_count > room / 2) {
        return PLR_ERR_PLAN_CONSTANT;
    }
    uint32_t missing = output->channels;
    uint64_t last_end = 0;
    for (uint32_t i = 0; i < run_count; i++, runs += 2 * sizeof(uint32_t)) {
        const uint32_t length = plr_get_u32(runs + sizeof length);
        if (length == 0 || length > missing) {
            return PLR_ERR_PLAN_CONSTANT;
        }
        missing -= length;
        const uint64_t end = (uint64_t)plr_get_u32(runs) + length;
        last_end = end > last_end ? end : last_end;
    }
    const uint64_t end = (uint64_t)largest(words, output->rows) +
                         largest(words + output->rows * sizeof(uint32_t), output->columns) + last_end;
    const uint64_t pixels = (uint64_t)input->rows * input->columns;
    return missing == 0 && end <= pixels * input->channels ? PLR_OK : PLR_ERR_PLAN_CONSTANT;
}

static plr_status_t check_constants(const candidate_t *candidate, uint32_t needs) {
    const plr_plan_t *plan = candidate->plan;
    const plr_parameters_t *p = &candidate->parameters;
    const bool is_float = plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME;
    plr_status_t status = PLR_OK;
    if ((needs & NEEDS_WEIGHTS) != 0) {
        status = check_weights(candidate);
    }
    if (status == PLR_OK && (needs & NEEDS_BIAS) != 0) {
        status = plr_constant_check(plan, p->bias, candidate->output.channels, sizeof(int32_t), 1, 1);
    }
    if (status == PLR_OK && (needs & NEEDS_TABLE) != 0) {
        const bool has_own = (p->flags & PLR_PARAMETERS_FLAG_CHANNEL_TABLES) != 0;
        status = plr_constant_check(plan, p->table, PLR_TABLE_BYTES, has_own ? candidate->output.channels : 1, 1, 1);
    }
    if (status == PLR_OK && (needs & NEEDS_OFFSETS) != 0) {
        status = check_offsets(candidate);
    }
    if (status == PLR_OK && (needs & NEEDS_TABLES) != 0) {
        status = check_tables(candidate);
    }
    if (status == PLR_OK && (needs & NEEDS_CHANNEL_FACTORS) != 0) {
        status = check_factors(candidate, candidate->output.channels);
    }
    if (status == PLR_OK && (needs & NEEDS_FACTOR) != 0) {
        status = check_factors(candidate, 1);
    }
    if (status == PLR_OK && (needs & NEEDS_AVERAGE) != 0) {
        status = is_float ? check_floats(candidate, 2, true) : check_factors(candidate, 1);
    }
    if (status == PLR_OK && (needs & NEEDS_ADDITION) != 0) {
        status = is_float ? check_floats(candidate, 3, false) : check_factors(candidate, 3);
    }
#if HAS_DSP
    if (status == PLR_OK && (needs & NEEDS_DSP_PAIRS) != 0) {
        status = plr_dsp_check_pairs(plan, p, candidate->output.channels);
    }
    if (status == PLR_OK && (needs & NEEDS_DSP_CHANNELS) != 0) {
        status = plr_dsp_check_channels(plan, p, candidate->output.channels);
    }
#endif
#if HAS_SCALAR
    if (status == PLR_OK && (needs & NEEDS_SCALAR_GROUPS) != 0) {
        status = plr_scalar_check_groups(plan, p, candidate->output.channels);
    }
    if (status == PLR_OK && (needs & NEEDS_SCALAR_CHANNELS) != 0) {
        status = plr_scalar_check_channels(plan, p, candidate->output.channels);
    }
#endif
#if HAS_MVE
    if (status == PLR_OK && (needs & NEEDS_MVE_GROUPS) != 0) {
        status = plr_mve_check_groups(plan, p, candidate->output.channels);
    }
    if (status == PLR_OK && (needs & NEEDS_MVE_WINDOWS) != 0) {
        status = plr_mve_check_windows(plan, p, candidate->output.channels);
    }
    if (status == PLR_OK && (needs & NEEDS_MVE_TERMS) != 0) {
        status = plr_mve_check_terms(plan, p);
    }
#endif
    if (status == PLR_OK && (needs & NEEDS_TERMS) != 0) {
        status = check_terms(candidate);
    }
    return status;
}

/* What a kernel asks of its step. */
typedef struct demand {
    bool (*fits)(const candidate_t *candidate);
    uint32_t needs;
    uint32_t least_inputs;
    uint32_t most_inputs;
    uint8_t input_bytes;
    uint8_t output_bytes;
    bool has_window;
    bool has_parameters;
} demand_t;

static const demand_t demands[] = {
    [PLR_KERNEL_CONVOLUTION] = {is_grouped, NEEDS_ALL_WEIGHTED, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_POINTWISE] = {is_pointwise, NEEDS_ALL_WEIGHTED, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_DEPTHWISE] = {is_depthwise, NEEDS_ALL_WEIGHTED, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_FULLY_CONNECTED] = {is_fully_connected, NEEDS_ALL_WEIGHTED, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_MAXIMUM_POOL] = {is_pooled, 0, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_AVERAGE_POOL] = {is_pooled, NEEDS_AVERAGE, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_MEAN] = {is_averaged, NEEDS_FACTOR, 1, 1, 1, 1, false, true},
    [PLR_KERNEL_ADD] = {is_same, NEEDS_ADDITION, 2, 2, 1, 1, false, true},
    [PLR_KERNEL_CONCAT] = {is_concatenated, NEEDS_TABLES, 1, UINT32_MAX, 1, 1, false, false},
    [PLR_KERNEL_PAD] = {is_padded, 0, 0, 1, 1, 1, false, true},
    [PLR_KERNEL_LOOKUP] = {is_same, NEEDS_TABLE, 1, 1, 1, 1, false, true},
    [PLR_KERNEL_PARTIAL_SUMS] = {is_ungrouped, NEEDS_WEIGHTS, 1, 1, 1, 4, true, true},
    [PLR_KERNEL_REQUANTISE] = {is_same, NEEDS_BIAS | NEEDS_CHANNEL_FACTORS, 1, 1, 4, 1, false, true},
    [PLR_KERNEL_ACCUMULATE] = {is_same, 0, 1, 1, 4, 4, false, false},
    [PLR_KERNEL_COPY] = {is_same, 0, 1, 1, 1, 1, false, false},
    [PLR_KERNEL_MUL] = {is_multiplied, NEEDS_FACTOR, 2, 2, 1, 1, false, true},
    [PLR_KERNEL_GATHER] = {is_any, NEEDS_OFFSETS, 1, 1, 1, 1, false, true},
};

#if HAS_DSP
static const demand_t dsp_demands[] = {
    [PLR_KERNEL_CONVOLUTION] = {is_symmetric, NEEDS_DSP_PAIRS, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_POINTWISE] = {is_pointwise, NEEDS_DSP_PAIRS, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_DEPTHWISE] = {is_three_by_three, NEEDS_DSP_CHANNELS, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_FULLY_CONNECTED] = {is_fully_connected, NEEDS_ALL_WEIGHTED, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_ADD] = {is_same, NEEDS_TERMS, 2, 2, 1, 1, false, true},
};
#endif

#if HAS_SCALAR
static const demand_t scalar_demands[] = {
    [PLR_KERNEL_CONVOLUTION] = {is_symmetric, NEEDS_SCALAR_GROUPS, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_POINTWISE] = {is_pointwise, NEEDS_SCALAR_GROUPS, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_DEPTHWISE] = {is_three_by_three, NEEDS_SCALAR_CHANNELS, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_FULLY_CONNECTED] = {is_fully_connected, NEEDS_ALL_WEIGHTED, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_ADD] = {is_same, NEEDS_TERMS, 2, 2, 1, 1, false, true},
};
#endif

#if HAS_MVE
static const demand_t mve_demands[] = {
    [PLR_KERNEL_CONVOLUTION] = {is_symmetric, NEEDS_MVE_GROUPS, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_POINTWISE] = {is_pointwise, NEEDS_MVE_GROUPS, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_DEPTHWISE] = {is_three_by_three, NEEDS_MVE_WINDOWS, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_FULLY_CONNECTED] = {is_fully_connected, NEEDS_MVE_GROUPS, 1, 1, 1, 1, true, true},
    [PLR_KERNEL_ADD] = {is_same, NEEDS_MVE_TERMS, 2, 2, 1, 1, false, true},
};
#endif

/* What the kernel of a step asks; the variant is known. */
static const demand_t *demand_of(const plr_step_t *step) {
#if HAS_SCALAR
    if (step->variant == PLR_VARIANT_M3 || step->variant == PLR_VARIANT_RV32) {
        return &scalar_demands[step->kernel];
    }
#endif
#if HAS_DSP
    if (step->variant == PLR_VARIANT_DSP) {
        return &dsp_demands[step->kernel];
    }
#endif
#if HAS_MVE
    if (step->variant == PLR_VARIANT_MVE) {
        return &mve_demands[step->kernel];
    }
#endif
    return &demands[step->kernel];
}

/* Whether the capabilities that the plan announces include that of the step's variant: they have the same order. */
static bool variant_is_announced(const plr_plan_t *plan, const plr_step_t *step) {
    const uint32_t needed = step->variant == PLR_VARIANT_PORTABLE ? 0 : PLR_CAPABILITY_DSP << (step->variant - 1u);
    return (plan->header.capabilities & needed) == needed;
}

static bool parameters_are_sound(const demand_t *demand, const plr_parameters_t *p) {
    const bool window_is_sound = p->stride_rows >= 1 && p->stride_rows <= STRIDE_MAX && p->stride_columns >= 1 &&
                                 p->stride_columns <= STRIDE_MAX && p->dilation_rows >= 1 &&
                                 p->dilation_rows <= STRIDE_MAX && p->dilation_columns >= 1 &&
                                 p->dilation_columns <= STRIDE_MAX && p->kernel_rows >= 1 &&
                                 p->kernel_rows <= PLR_KERNEL_ROWS_MAX && p->kernel_columns >= 1;
    return p->clamp_minimum <= p->clamp_maximum && p->reserved == 0 && (window_is_sound || !demand->has_window);
}

/* Fill a candidate with the dimensions of the step's operands. */
static void resolve(const plr_plan_t *plan, const plr_step_t *step, candidate_t *candidate) {
    const uint32_t inputs = step->operand_count - 1;
    *candidate = (candidate_t){.plan = plan, .step = step, .input_count = inputs};
    for (uint32_t i = 0; i < inputs && i < 2; i++) {
        candidate->inputs[i] = plr_operand_shape(plan, step->first_operand + i);
    }
    candidate->output = plr_operand_shape(plan, step->first_operand + inputs);
}

static bool elements_fit(const candidate_t *candidate, const demand_t *demand) {
    for (uint32_t i = 0; i < candidate->input_count; i++) {
        if (plr_plan_operand(candidate->plan, candidate->step->first_operand + i).element_bytes !=
            demand->input_bytes) {
            return false;
        }
    }
    return candidate->output.element_bytes == demand->output_bytes;
}

static bool scratch_fits(const plr_plan_t *plan, const plr_step_t *step, uint32_t scratch_bytes) {
    if (step->scratch_bytes != scratch_bytes) {
        return false;
    }
    if (scratch_bytes == 0) {
        return step->scratch_buffer == PLR_NO_INDEX;
    }
    return step->scratch_buffer > 0 && step->scratch_buffer < plan->buffers.count &&
           scratch_bytes <= plr_plan_buffer(plan, step->scratch_buffer).size_bytes;
}

plr_status_t plr_kernel_check(const plr_plan_t *plan, const plr_step_t *step) {
    const plr_implementation_t implementation = plr_kernel_find(step->kernel, step->variant);
    if (step->message != PLR_NO_INDEX || implementation.run == NULL || step->packing != implementation.packing ||
        !variant_is_announced(plan, step)) {
        return PLR_ERR_PLAN_STEP;
    }
    const demand_t *demand = demand_of(step);
    if (step->operand_count <= demand->least_inputs || step->operand_count - 1 > demand->most_inputs ||
        (demand->has_parameters ? step->parameters >= plan->parameters.count : step->parameters != PLR_NO_INDEX)) {
        return PLR_ERR_PLAN_STEP;
    }
    candidate_t candidate;
    resolve(plan, step, &candidate);
    if (!elements_fit(&candidate, demand)) {
        return PLR_ERR_PLAN_SHAPE;
    }
    if (demand->has_parameters) {
        candidate.parameters = plr_plan_parameters(plan, step->parameters);
        if (!parameters_are_sound(demand, &candidate.parameters)) {
            return PLR_ERR_PLAN_PARAMETERS;
        }
    }
    if (!demand->fits(&candidate)) {
        return PLR_ERR_PLAN_SHAPE;
    }
    const plr_status_t status = check_constants(&candidate, demand->needs);
    if (status != PLR_OK) {
        return status;
    }
    const uint32_t scratch_bytes = plr_kernel_scratch_bytes(step->kernel, step->variant, &candidate.parameters);
    return scratch_fits(plan, step, scratch_bytes) ? PLR_OK : PLR_ERR_PLAN_SCRATCH;
}
