#include "../rounding.h"
#include "../window.h"

/* The sum over the window's valid taps of one channel. `weights` are the output channel's, tap by tap. */
static inline uint32_t channel_sum(const plr_window_t *window, uint32_t channel, const int8_t *weights) {
    const uint32_t row_weights = window->parameters->kernel_columns;
    const int32_t zero_point = window->parameters->input_zero_point;
    const size_t offset_bytes = window->column_offset_bytes + channel;
    const size_t step_bytes = window->column_step_bytes;
    const uint32_t count = window->column_taps.count;
    uint32_t sum = 0;
    weights += window->row_taps.first * row_weights + window->column_taps.first;
    for (uint32_t i = 0; i < window->row_taps.count; i++) {
        const int8_t *values = window->rows[i] + offset_bytes;
        for (uint32_t j = 0; j < count; j++) {
            sum += (uint32_t)((*values - zero_point) * weights[j]);
            values += step_bytes;
        }
        weights += row_weights;
    }
    return sum;
}

void plr_depthwise(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t input = plr_call_input(call, 0);
    const plr_finish_t finish = plr_call_finish(call);
    const int32_t *bias = plr_call_words(call, parameters->bias);
    const size_t channel_weights = (size_t)parameters->kernel_rows * parameters->kernel_columns;
    plr_window_t window = plr_window_over(call, &input);
    for (uint32_t row = 0; row < call->output.rows; row++) {
        int8_t *output = plr_box_output(&call->output, row);
        plr_window_to_row(&window, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            const int8_t *weights = plr_call_bytes(call, parameters->weights);
            uint32_t place = parameters->first_in_group;
            uint32_t channel = 0;
            plr_window_to_column(&window, column);
            for (uint32_t o = 0; o < call->output.channels; o++) {
                output[o] = plr_finish(&finish, o, (uint32_t)bias[o] + channel_sum(&window, channel, weights));
                weights += channel_weights;
                if (++place == parameters->group_output_channels) {
                    place = 0;
                    channel++;
                }
            }
            output += call->output.pixel_stride_bytes;
        }
    }
}
