#include "stream.h"

#include <stdbool.h>

#include "../../plan_check.h"
#include "inner.h"
#include "pixels.h"

#define SHIFT_MAX 31
#define FLOAT_EXPONENT_MASK 0x7F800000u

static int32_t word_at(const plr_plan_t *plan, size_t offset_bytes) {
    return (int32_t)plr_get_u32(plan->constants.bytes + offset_bytes);
}

/* Whether a channel's factor is finite, or its shift one to the right within a word. */
static bool finish_is_sound(const plr_plan_t *plan, int32_t factor, int32_t shift) {
    const bool is_float = plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME;
    return is_float ? ((uint32_t)factor & FLOAT_EXPONENT_MASK) != FLOAT_EXPONENT_MASK
                    : shift <= 0 && shift >= -SHIFT_MAX;
}

plr_status_t plr_mve_check_groups(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels) {
    /* Every tap takes four bytes of the constants, so that what fits there does not wrap here. */
    plr_status_t status = plr_constant_check(plan, parameters->weights, parameters->kernel_rows,
                                             parameters->kernel_columns, parameters->group_input_channels, 1);
    if (status != PLR_OK) {
        return status;
    }
    const uint32_t blocks = plr_mve_blocks(plr_taps(parameters));
    const uint32_t groups = (channels + PLR_MVE_GROUP - 1) / PLR_MVE_GROUP;
    const uint32_t group_bytes = PLR_MVE_GROUP_BYTES + blocks * PLR_MVE_GROUP * PLR_MVE_BLOCK;
    status = plr_constant_check(plan, parameters->weights, groups, group_bytes, 1, 1);
    if (status != PLR_OK) {
        return status;
    }
    for (uint32_t group = 0; group < groups; group++) {
        const size_t constants = parameters->weights + (size_t)group * group_bytes;
        for (uint32_t i = 0; i < PLR_MVE_GROUP; i++) {
            const int32_t factor = word_at(plan, constants + (PLR_MVE_GROUP + i) * sizeof(int32_t));
            const int32_t shift = word_at(plan, constants + (2 * PLR_MVE_GROUP + i) * sizeof(int32_t));
            if (!finish_is_sound(plan, factor, shift)) {
                return PLR_ERR_PLAN_QUANTISATION;
            }
        }
    }
    return PLR_OK;
}

plr_status_t plr_mve_check_windows(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels) {
    const plr_status_t status = plr_constant_check(plan, parameters->weights, channels, PLR_MVE_WINDOW_BYTES, 1, 1);
    if (status != PLR_OK) {
        return status;
    }
    for (uint32_t i = 1; i <= channels; i++) {
        const size_t end = parameters->weights + (size_t)i * PLR_MVE_WINDOW_BYTES;
        if (!finish_is_sound(plan, word_at(plan, end - 2 * sizeof(int32_t)), word_at(plan, end - sizeof(int32_t)))) {
            return PLR_ERR_PLAN_QUANTISATION;
        }
    }
    return PLR_OK;
}

plr_status_t plr_mve_check_terms(const plr_plan_t *plan, const plr_parameters_t *parameters) {
    const plr_status_t status =
        plr_constant_check(plan, parameters->table, PLR_MVE_ADDITION_WORDS, sizeof(int32_t), 1, 1);
    if (status != PLR_OK) {
        return status;
    }
    const int32_t shift = word_at(plan, parameters->table + (PLR_MVE_ADDITION_WORDS - 2) * sizeof(int32_t));
    return shift <= 0 && shift >= -SHIFT_MAX ? PLR_OK : PLR_ERR_PLAN_QUANTISATION;
}
