#include "../finishing.h"
#include "../floating.h"
#include "../window.h"

/* What an average is over: the valid elements, or the whole window. */
static uint32_t element_count(const plr_window_t *window) {
    const plr_parameters_t *parameters = window->parameters;
    if ((parameters->flags & PLR_PARAMETERS_FLAG_COUNT_PADDING) != 0) {
        return (uint32_t)parameters->kernel_rows * parameters->kernel_columns;
    }
    return window->row_taps.count * window->column_taps.count;
}

#define CHANNELS 4u /* at once */

#if defined(__ARM_FEATURE_MVE)

/* Sums of real numbers over the window, of up to four channels. */
static void float_sums(const plr_window_t *window, uint32_t channel, uint32_t channels, float scale,
                       float sums[CHANNELS]) {
    const mve_pred16_t lanes = vctp32q(channels);
    const size_t offset_bytes = window->column_offset_bytes + channel;
    float32x4_t sum = vdupq_n_f32(0.0f);
    for (uint32_t i = 0; i < window->row_taps.count; i++) {
        const int8_t *values = window->rows[i] + offset_bytes;
        for (uint32_t j = window->column_taps.count; j > 0; j--) {
            const int32x4_t shifted = vsubq_n_s32(vldrbq_z_s32(values, lanes), window->parameters->input_zero_point);
            const float32x4_t real = vmulq_n_f32(vcvtq_f32_s32(shifted), scale);
            sum = vaddq_f32(sum, real);
            values += window->column_step_bytes;
        }
    }
    vstrwq_f32(sums, sum);
}

/* Sums of values over the window, of up to four channels. */
static void integer_sums(const plr_window_t *window, uint32_t channel, uint32_t channels, int32_t sums[CHANNELS]) {
    const mve_pred16_t lanes = vctp32q(channels);
    const size_t offset_bytes = window->column_offset_bytes + channel;
    int32x4_t sum = vdupq_n_s32(0);
    for (uint32_t i = 0; i < window->row_taps.count; i++) {
        const int8_t *values = window->rows[i] + offset_bytes;
        for (uint32_t j = window->column_taps.count; j > 0; j--) {
            sum = vaddq_s32(sum, vldrbq_z_s32(values, lanes));
            values += window->column_step_bytes;
        }
    }
    vstrwq_s32(sums, sum);
}

#else

static inline float float_sum(const plr_window_t *window, uint32_t channel, float scale) {
    const int32_t zero_point = window->parameters->input_zero_point;
    const size_t offset_bytes = window->column_offset_bytes + channel;
    float sum = 0.0f;
    for (uint32_t i = 0; i < window->row_taps.count; i++) {
        const int8_t *values = window->rows[i] + offset_bytes;
        for (uint32_t j = window->column_taps.count; j > 0; j--) {
            const float real = scale * (float)(*values - zero_point);
            sum = sum + real;
            values += window->column_step_bytes;
        }
    }
    return sum;
}

static inline int32_t integer_sum(const plr_window_t *window, uint32_t channel) {
    const size_t offset_bytes = window->column_offset_bytes + channel;
    int32_t sum = 0;
    for (uint32_t i = 0; i < window->row_taps.count; i++) {
        const int8_t *values = window->rows[i] + offset_bytes;
        for (uint32_t j = window->column_taps.count; j > 0; j--) {
            sum += *values;
            values += window->column_step_bytes;
        }
    }
    return sum;
}

/* Sums of real numbers over the window, of up to four channels. */
static void float_sums(const plr_window_t *window, uint32_t channel, uint32_t channels, float scale,
                       float sums[CHANNELS]) {
    for (uint32_t i = 0; i < channels; i++) {
        sums[i] = float_sum(window, channel + i, scale);
    }
}

/* Sums of values over the window, of up to four channels. */
static void integer_sums(const plr_window_t *window, uint32_t channel, uint32_t channels, int32_t sums[CHANNELS]) {
    for (uint32_t i = 0; i < channels; i++) {
        sums[i] = integer_sum(window, channel + i);
    }
}

#endif

static void float_pixel(const plr_call_t *call, const plr_window_t *window, int8_t *output) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_float_average_t scales =
        plr_float_average_read((const uint8_t *)plr_call_bytes(call, parameters->quantisation));
    const int32_t offset = plr_unsigned_offset(parameters);
    const float count = (float)element_count(window);
    const float zero_point = (float)(parameters->output_zero_point + offset);
    const uint32_t all = call->output.channels;
    for (uint32_t channel = 0; channel < all; channel += CHANNELS) {
        float sums[CHANNELS];
        const uint32_t channels = all - channel < CHANNELS ? all - channel : CHANNELS;
        float_sums(window, channel, channels, scales.input_scale, sums);
        for (uint32_t i = 0; i < channels; i++) {
            const float mean = sums[i] / count;
            const float scaled = mean / scales.output_scale;
            output[channel + i] = plr_clamp(parameters, plr_to_integer(scaled + zero_point) - offset);
        }
    }
}

static void integer_pixel(const plr_call_t *call, const plr_window_t *window, int8_t *output) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_finish_t finish = plr_call_finish(call);
    const int32_t count = (int32_t)element_count(window);
    PLR_ASSERT(count > 0);
    const int32_t padded = count - (int32_t)(window->row_taps.count * window->column_taps.count);
    const uint32_t all = call->output.channels;
    for (uint32_t channel = 0; channel < all; channel += CHANNELS) {
        int32_t averages[CHANNELS];
        const uint32_t channels = all - channel < CHANNELS ? all - channel : CHANNELS;
        integer_sums(window, channel, channels, averages);
        for (uint32_t i = 0; i < channels; i++) {
            const int32_t sum = averages[i] + padded * parameters->input_zero_point;
            const int32_t average = sum > 0 ? (sum + count / 2) / count : -((count / 2 - sum) / count);
            averages[i] = average - parameters->input_zero_point;
        }
        plr_finish_run(&finish, PLR_FACTOR_SHARED, averages, NULL, output + channel, channels);
    }
}

void plr_average_pool(const plr_call_t *call) {
    const bool is_float = call->plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME;
    const plr_box_t input = plr_call_input(call, 0);
    plr_window_t window = plr_window_over(call, &input);
    for (uint32_t row = 0; row < call->output.rows; row++) {
        int8_t *output = plr_box_output(&call->output, row);
        plr_window_to_row(&window, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            plr_window_to_column(&window, column);
            if (is_float) {
                float_pixel(call, &window, output);
            } else {
                integer_pixel(call, &window, output);
            }
            output += call->output.pixel_stride_bytes;
        }
    }
}
