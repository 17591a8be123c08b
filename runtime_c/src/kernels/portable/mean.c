#include "../rounding.h"

static inline uint32_t channel_sum(const plr_box_t *input, uint32_t channel, int32_t zero_point) {
    uint32_t sum = 0;
    for (uint32_t row = 0; row < input->rows; row++) {
        const int8_t *values = plr_box_values(input, row) + channel;
        for (uint32_t column = 0; column < input->columns; column++) {
            sum += (uint32_t)(*values - zero_point);
            values += input->pixel_stride_bytes;
        }
    }
    return sum;
}

void plr_mean(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const plr_finish_t finish = plr_call_finish(call);
    const int32_t zero_point = call->parameters.input_zero_point;
    int8_t *output = plr_box_output(&call->output, 0);
    for (uint32_t channel = 0; channel < call->output.channels; channel++) {
        output[channel] = plr_finish(&finish, 0, channel_sum(&input, channel, zero_point));
    }
}
