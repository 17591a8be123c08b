#include "stream.h"

#include <stdbool.h>

#include "../../plan_check.h"
#include "inner.h"

#define SHIFT_MAX 31u

static const uint32_t *words_at(const plr_plan_t *plan, uint32_t constant) {
    return (const uint32_t *)(const void *)(plan->constants.bytes + constant);
}

/* Shifts within a word. `finishes` are of some channels; general ones are as in quantisation records. */
static plr_status_t check_finishes(const plr_plan_t *plan, const uint32_t *finishes, uint32_t channels,
                                   bool is_general) {
    for (uint32_t c = 0; c < channels; c++, finishes += PLR_SCALAR_FINISH_WORDS) {
        const plr_quantisation_t factor = {.multiplier = (int32_t)finishes[PLR_SCALAR_MULTIPLIER],
                                           .shift = (int32_t)finishes[PLR_SCALAR_SHIFT]};
        if (is_general ? !plr_factor_is_sound(plan, &factor) : finishes[PLR_SCALAR_SHIFT] > SHIFT_MAX) {
            return PLR_ERR_PLAN_QUANTISATION;
        }
    }
    return PLR_OK;
}

plr_status_t plr_scalar_check_groups(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels) {
    /* Every weight takes a byte of the constants, so that what fits there does not wrap here. */
    plr_status_t status = plr_constant_check(plan, parameters->weights, parameters->kernel_rows,
                                             parameters->kernel_columns, parameters->group_input_channels, channels);
    if (status != PLR_OK) {
        return status;
    }
    const uint32_t taps = plr_taps(parameters);
    const uint32_t *words = words_at(plan, parameters->weights);
    uint32_t left_words = (plan->constants.count - parameters->weights) / (uint32_t)sizeof(uint32_t);
    for (uint32_t missing = channels; missing > 0;) {
        if (left_words < PLR_SCALAR_RUN_WORDS) {
            return PLR_ERR_PLAN_CONSTANT;
        }
        const uint32_t groups = words[PLR_SCALAR_RUN_GROUPS];
        const uint32_t kind = words[PLR_SCALAR_RUN_KIND];
        const bool is_general = kind >= PLR_SCALAR_GENERAL;
        const uint32_t size = is_general ? kind - PLR_SCALAR_GENERAL : kind;
        words += PLR_SCALAR_RUN_WORDS;
        left_words -= PLR_SCALAR_RUN_WORDS;
        if (size < 1 || size > PLR_SCALAR_GROUP || groups < 1 || groups > missing / size ||
            groups > left_words / plr_scalar_group_words(taps, size)) {
            return PLR_ERR_PLAN_CONSTANT;
        }
        const uint32_t group_words = plr_scalar_group_words(taps, size);
        for (uint32_t group = 0; group < groups && status == PLR_OK; group++, words += group_words) {
            status = check_finishes(plan, words + group_words - size * PLR_SCALAR_FINISH_WORDS, size, is_general);
        }
        if (status != PLR_OK) {
            return status;
        }
        left_words -= groups * group_words;
        missing -= groups * size;
    }
    return PLR_OK;
}

plr_status_t plr_scalar_check_channels(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels) {
    const plr_status_t status = plr_constant_check(plan, parameters->weights, channels, PLR_SCALAR_RECORD_BYTES, 1, 1);
    if (status != PLR_OK) {
        return status;
    }
    const uint32_t record_words = PLR_SCALAR_RECORD_BYTES / (uint32_t)sizeof(uint32_t);
    const uint32_t *words = words_at(plan, parameters->weights);
    for (uint32_t i = 1; i <= channels; i++) {
        if (check_finishes(plan, words + i * record_words - PLR_SCALAR_FINISH_WORDS, 1, false) != PLR_OK) {
            return PLR_ERR_PLAN_QUANTISATION;
        }
    }
    return PLR_OK;
}
