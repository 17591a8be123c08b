/* Sums of products, the innermost loops of the convolutions. Sums wrap modulo 2^32. Cores with MVE take 16 at once. */
#ifndef PLR_PRODUCTS_H
#define PLR_PRODUCTS_H

#include "window.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#define PLR_LANES 16u

static inline uint32_t plr_dot(uint32_t sum, const int8_t *values, const int8_t *weights, uint32_t count) {
    for (uint32_t k = 0; k < count; k += PLR_LANES) {
        const mve_pred16_t lanes = vctp8q(count - k);
        const int8x16_t some = vldrbq_z_s8(values + k, lanes);
        sum = (uint32_t)vmladavaq_s8((int32_t)sum, some, vldrbq_z_s8(weights + k, lanes));
    }
    return sum;
}

/* The same over (value - zero_point) * (weight - weight_zero_point). */
static inline uint32_t plr_offset_dot(uint32_t sum, const int8_t *values, const int8_t *weights, uint32_t count,
                                      int32_t zero_point, int32_t weight_zero_point) {
    int32_t value_sum = 0;
    int32_t weight_sum = 0;
    for (uint32_t k = 0; k < count; k += PLR_LANES) {
        const mve_pred16_t lanes = vctp8q(count - k);
        const int8x16_t some = vldrbq_z_s8(values + k, lanes);
        const int8x16_t factors = vldrbq_z_s8(weights + k, lanes);
        sum = (uint32_t)vmladavaq_s8((int32_t)sum, some, factors);
        value_sum = vaddvaq_s8(value_sum, some);
        weight_sum = vaddvaq_s8(weight_sum, factors);
    }
    const int32_t both = (int32_t)count * zero_point - value_sum;
    return sum - (uint32_t)(zero_point * weight_sum) + (uint32_t)(weight_zero_point * both);
}

#else

static inline uint32_t plr_dot(uint32_t sum, const int8_t *values, const int8_t *weights, uint32_t count) {
    for (uint32_t k = 0; k < count; k++) {
        sum += (uint32_t)(values[k] * weights[k]);
    }
    return sum;
}

/* The same over (value - zero_point) * (weight - weight_zero_point). */
static inline uint32_t plr_offset_dot(uint32_t sum, const int8_t *values, const int8_t *weights, uint32_t count,
                                      int32_t zero_point, int32_t weight_zero_point) {
    if (weight_zero_point == 0) {
        for (uint32_t k = 0; k < count; k++) {
            sum += (uint32_t)((values[k] - zero_point) * weights[k]);
        }
    } else {
        for (uint32_t k = 0; k < count; k++) {
            sum += (uint32_t)((values[k] - zero_point) * (weights[k] - weight_zero_point));
        }
    }
    return sum;
}

#endif

/* The sum over the window's valid taps, of `depth` channels from `channel` on. `weights` are one output channel's. */
static inline uint32_t plr_window_sum(const plr_window_t *window, uint32_t channel, const int8_t *weights,
                                      uint32_t depth) {
    const plr_parameters_t *parameters = window->parameters;
    const size_t row_weights = (size_t)parameters->kernel_columns * depth;
    const size_t offset_bytes = window->column_offset_bytes + channel;
    uint32_t sum = 0;
    weights += window->row_taps.first * row_weights + (size_t)window->column_taps.first * depth;
    for (uint32_t i = 0; i < window->row_taps.count; i++) {
        const int8_t *values = window->rows[i] + offset_bytes;
        const int8_t *tap_weights = weights;
        for (uint32_t j = window->column_taps.count; j > 0; j--) {
            sum = plr_offset_dot(sum, values, tap_weights, depth, parameters->input_zero_point,
                                 parameters->other_zero_point);
            values += window->column_step_bytes;
            tap_weights += depth;
        }
        weights += row_weights;
    }
    return sum;
}

#endif
