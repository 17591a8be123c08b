#include "../products.h"
#include "../rounding.h"

void plr_convolution(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t input = plr_call_input(call, 0);
    const plr_finish_t finish = plr_call_finish(call);
    const int32_t *bias = plr_call_words(call, parameters->bias);
    const uint32_t depth = parameters->group_input_channels;
    const size_t channel_weights = (size_t)parameters->kernel_rows * parameters->kernel_columns * depth;
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
                const uint32_t sum = plr_window_sum(&window, channel, weights, depth);
                output[o] = plr_finish(&finish, o, sum + (uint32_t)bias[o]);
                weights += channel_weights;
                if (++place == parameters->group_output_channels) {
                    place = 0;
                    channel += depth;
                }
            }
            output += call->output.pixel_stride_bytes;
        }
    }
}
