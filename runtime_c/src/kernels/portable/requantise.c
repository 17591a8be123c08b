#include "../finishing.h"

void plr_requantise(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const plr_finish_t finish = plr_call_finish(call);
    const int32_t *bias = plr_call_words(call, call->parameters.bias);
    for (uint32_t row = 0; row < call->output.rows; row++) {
        const int32_t *sums = plr_box_sums(&input, row);
        int8_t *output = plr_box_output(&call->output, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            plr_finish_run(&finish, PLR_FACTOR_EACH, sums, bias, output, call->output.channels);
            sums += input.pixel_stride_bytes / sizeof *sums;
            output += call->output.pixel_stride_bytes;
        }
    }
}
