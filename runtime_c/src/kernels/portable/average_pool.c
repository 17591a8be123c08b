#include "../floating.h"
#include "../rounding.h"
#include "../window.h"

/* What an average is over: the valid elements, or the whole window. */
static uint32_t element_count(const plr_window_t *window) {
    const plr_parameters_t *parameters = window->parameters;
    if ((parameters->flags & PLR_PARAMETERS_FLAG_COUNT_PADDING) != 0) {
        return (uint32_t)parameters->kernel_rows * parameters->kernel_columns;
    }
    return window->row_taps.count * window->column_taps.count;
}

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

static void float_pixel(const plr_call_t *call, const plr_window_t *window, int8_t *output) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_float_average_t scales =
        plr_float_average_read((const uint8_t *)plr_call_bytes(call, parameters->quantisation));
    const int32_t offset = plr_unsigned_offset(parameters);
    const float count = (float)element_count(window);
    const float zero_point = (float)(parameters->output_zero_point + offset);
    for (uint32_t channel = 0; channel < call->output.channels; channel++) {
        const float mean = float_sum(window, channel, scales.input_scale) / count;
        const float scaled = mean / scales.output_scale;
        output[channel] = plr_clamp(parameters, plr_to_integer(scaled + zero_point) - offset);
    }
}

static void integer_pixel(const plr_call_t *call, const plr_window_t *window, int8_t *output) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_finish_t finish = plr_call_finish(call);
    const int32_t count = (int32_t)element_count(window);
    PLR_ASSERT(count > 0);
    const int32_t padded = count - (int32_t)(window->row_taps.count * window->column_taps.count);
    for (uint32_t channel = 0; channel < call->output.channels; channel++) {
        const int32_t sum = integer_sum(window, channel) + padded * parameters->input_zero_point;
        const int32_t average = sum > 0 ? (sum + count / 2) / count : -((count / 2 - sum) / count);
        output[channel] = plr_finish(&finish, 0, (uint32_t)(average - parameters->input_zero_point));
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
