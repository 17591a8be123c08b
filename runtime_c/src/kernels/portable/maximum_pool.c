#include "../rounding.h"
#include "../window.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#define LANES 16u

/* The greatest value under the window of every channel, within the clamp. */
static void pixel_maxima(const plr_window_t *window, int8_t *output, uint32_t channels) {
    const int8x16_t minima = vdupq_n_s8(window->parameters->clamp_minimum);
    const int8x16_t maxima = vdupq_n_s8(window->parameters->clamp_maximum);
    for (uint32_t channel = 0; channel < channels; channel += LANES) {
        const mve_pred16_t lanes = vctp8q(channels - channel);
        const size_t offset_bytes = window->column_offset_bytes + channel;
        int8x16_t greatest = minima;
        for (uint32_t i = 0; i < window->row_taps.count; i++) {
            const int8_t *values = window->rows[i] + offset_bytes;
            for (uint32_t j = window->column_taps.count; j > 0; j--) {
                greatest = vmaxq_s8(greatest, vldrbq_z_s8(values, lanes));
                values += window->column_step_bytes;
            }
        }
        vstrbq_p_s8(output + channel, vminq_s8(greatest, maxima), lanes);
    }
}

#else

static inline int32_t channel_maximum(const plr_window_t *window, uint32_t channel) {
    const size_t offset_bytes = window->column_offset_bytes + channel;
    int32_t maximum = INT8_MIN;
    for (uint32_t i = 0; i < window->row_taps.count; i++) {
        const int8_t *values = window->rows[i] + offset_bytes;
        for (uint32_t j = window->column_taps.count; j > 0; j--) {
            maximum = *values > maximum ? *values : maximum;
            values += window->column_step_bytes;
        }
    }
    return maximum;
}

/* The greatest value under the window of every channel, within the clamp. */
static void pixel_maxima(const plr_window_t *window, int8_t *output, uint32_t channels) {
    for (uint32_t channel = 0; channel < channels; channel++) {
        output[channel] = plr_clamp(window->parameters, channel_maximum(window, channel));
    }
}

#endif

void plr_maximum_pool(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    plr_window_t window = plr_window_over(call, &input);
    for (uint32_t row = 0; row < call->output.rows; row++) {
        int8_t *output = plr_box_output(&call->output, row);
        plr_window_to_row(&window, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            plr_window_to_column(&window, column);
            pixel_maxima(&window, output, call->output.channels);
            output += call->output.pixel_stride_bytes;
        }
    }
}
