#include "../products.h"
#include "../rounding.h"

void plr_fully_connected(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t input = plr_call_input(call, 0);
    const plr_finish_t finish = plr_call_finish(call);
    const int32_t *bias = plr_call_words(call, parameters->bias);
    const int8_t *weights = plr_call_bytes(call, parameters->weights);
    int8_t *output = plr_box_output(&call->output, 0);
    plr_window_t window = plr_window_over(call, &input);
    plr_window_to_row(&window, 0);
    for (uint32_t o = 0; o < call->output.channels; o++) {
        uint32_t sum = (uint32_t)bias[o];
        for (uint32_t i = 0; i < parameters->kernel_rows; i++) {
            const int8_t *values = window.rows[i];
            for (uint32_t j = parameters->kernel_columns; j > 0; j--) {
                sum = plr_dot(sum, values, weights, input.channels);
                values += window.column_step_bytes;
                weights += input.channels;
            }
        }
        output[o] = plr_finish(&finish, o, sum);
    }
}
