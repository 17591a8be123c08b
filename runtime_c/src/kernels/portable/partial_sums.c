#include "../products.h"

void plr_partial_sums(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t input = plr_call_input(call, 0);
    const uint32_t depth = parameters->group_input_channels;
    const size_t channel_weights = (size_t)parameters->kernel_rows * parameters->kernel_columns * depth;
    plr_window_t window = plr_window_over(call, &input);
    for (uint32_t row = 0; row < call->output.rows; row++) {
        int32_t *sums = plr_box_sums(&call->output, row);
        plr_window_to_row(&window, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            const int8_t *weights = plr_call_bytes(call, parameters->weights);
            plr_window_to_column(&window, column);
            for (uint32_t o = 0; o < call->output.channels; o++) {
                sums[o] = (int32_t)plr_window_sum(&window, 0, weights, depth);
                weights += channel_weights;
            }
            sums += call->output.pixel_stride_bytes / sizeof *sums;
        }
    }
}
