#include "stream.h"

#include <stdbool.h>

#include "../../plan_check.h"
#include "inner.h"

#define SHIFT_MAX 31u
#define SHIFT_MASK 0xffu
#define FLOAT_EXPONENT_MASK 0x7F800000u

static const uint32_t *words_at(const plr_plan_t *plan, uint32_t constant) {
    return (const uint32_t *)(const void *)(plan->constants.bytes + constant);
}

static plr_status_t check_words(const plr_plan_t *plan, uint32_t constant, uint32_t words) {
    return plr_constant_check(plan, constant, words, sizeof(uint32_t), 1, 1);
}

/* A shift within a word, or a finite factor. */
static bool finish_is_sound(const plr_plan_t *plan, const uint32_t finish[3]) {
    const bool is_float = plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME;
    return is_float ? (finish[0] & FLOAT_EXPONENT_MASK) != FLOAT_EXPONENT_MASK : (finish[2] & SHIFT_MASK) <= SHIFT_MAX;
}

plr_status_t plr_dsp_check_pairs(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels) {
    /* Every tap takes half a word of the constants, so that what fits there does not wrap here. */
    plr_status_t status = plr_constant_check(plan, parameters->weights, parameters->kernel_rows,
                                             parameters->kernel_columns, parameters->group_input_channels, 1);
    if (status == PLR_OK) {
        status = check_words(plan, parameters->weights, PLR_DSP_HEADER_WORDS);
    }
    if (status != PLR_OK) {
        return status;
    }
    const uint32_t group_words = plr_padded_taps(parameters) / 2 + PLR_DSP_GROUP_WORDS;
    const uint32_t *stream = words_at(plan, parameters->weights);
    const uint32_t all_words = stream[PLR_DSP_ALL_WORDS];
    const uint32_t last_words = all_words - stream[PLR_DSP_PAIRED_WORDS];
    if (all_words == 0 || all_words % group_words != 0 || (last_words != 0 && last_words != group_words) ||
        all_words > plan->constants.count ||
        check_words(plan, parameters->weights, PLR_DSP_HEADER_WORDS + all_words) != PLR_OK) {
        return PLR_ERR_PLAN_CONSTANT;
    }
    const uint32_t *end = stream + PLR_DSP_HEADER_WORDS + all_words;
    uint32_t missing = channels;
    uint32_t advance = 0;
    for (const uint32_t *group = stream + PLR_DSP_HEADER_WORDS; group != end; group += group_words) {
        const uint32_t last = group[group_words - 1];
        advance = last >> PLR_DSP_ADVANCE_BIT;
        if (advance < 1 || advance > 2 || advance > missing) {
            return PLR_ERR_PLAN_CONSTANT;
        }
        missing -= advance;
        if (!finish_is_sound(plan, group + group_words - 6) || !finish_is_sound(plan, group + group_words - 3)) {
            return PLR_ERR_PLAN_QUANTISATION;
        }
    }
    return missing == 0 && advance == (last_words != 0 ? 1 : 2) ? PLR_OK : PLR_ERR_PLAN_CONSTANT;
}

plr_status_t plr_dsp_check_channels(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels) {
    const plr_status_t status =
        plr_constant_check(plan, parameters->weights, channels, PLR_DSP_CHANNEL_WORDS, sizeof(uint32_t), 1);
    if (status != PLR_OK) {
        return status;
    }
    const uint32_t *words = words_at(plan, parameters->weights);
    for (uint32_t i = 1; i <= channels; i++) {
        if (!finish_is_sound(plan, words + i * PLR_DSP_CHANNEL_WORDS - 3)) {
            return PLR_ERR_PLAN_QUANTISATION;
        }
    }
    return PLR_OK;
}
