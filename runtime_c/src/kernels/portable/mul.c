#include "../rounding.h"

void plr_mul(const plr_call_t *call) {
    const plr_box_t first = plr_call_input(call, 0);
    const plr_box_t second = plr_call_input(call, 1);
    const plr_finish_t finish = plr_call_finish(call);
    const int32_t zero_point1 = call->parameters.input_zero_point;
    const int32_t zero_point2 = call->parameters.other_zero_point;
    /* One pixel for all: the same row and column again and again. */
    const uint32_t step_bytes = second.columns == call->output.columns ? second.pixel_stride_bytes : 0;
    for (uint32_t row = 0; row < call->output.rows; row++) {
        const int8_t *values1 = plr_box_values(&first, row);
        const int8_t *values2 = plr_box_values(&second, second.rows == call->output.rows ? row : 0);
        int8_t *output = plr_box_output(&call->output, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            for (uint32_t channel = 0; channel < call->output.channels; channel++) {
                const int32_t product = (values1[channel] - zero_point1) * (values2[channel] - zero_point2);
                output[channel] = plr_finish(&finish, 0, (uint32_t)product);
            }
            values1 += first.pixel_stride_bytes;
            values2 += step_bytes;
            output += call->output.pixel_stride_bytes;
        }
    }
}
