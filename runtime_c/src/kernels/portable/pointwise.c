#include "../products.h"
#include "../rounding.h"

void plr_pointwise(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t input = plr_call_input(call, 0);
    const plr_finish_t finish = plr_call_finish(call);
    const int32_t *bias = plr_call_words(call, parameters->bias);
    for (uint32_t row = 0; row < call->output.rows; row++) {
        const int8_t *values = plr_box_values(&input, row);
        int8_t *output = plr_box_output(&call->output, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            const int8_t *weights = plr_call_bytes(call, parameters->weights);
            for (uint32_t o = 0; o < call->output.channels; o++) {
                output[o] = plr_finish(&finish, o, plr_dot((uint32_t)bias[o], values, weights, input.channels));
                weights += input.channels;
            }
            values += input.pixel_stride_bytes;
            output += call->output.pixel_stride_bytes;
        }
    }
}
