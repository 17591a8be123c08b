#include "../kernel.h"

void plr_accumulate(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    for (uint32_t row = 0; row < call->output.rows; row++) {
        const int32_t *terms = plr_box_sums(&input, row);
        int32_t *sums = plr_box_sums(&call->output, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            for (uint32_t channel = 0; channel < call->output.channels; channel++) {
                sums[channel] = (int32_t)((uint32_t)sums[channel] + (uint32_t)terms[channel]);
            }
            terms += input.pixel_stride_bytes / sizeof *terms;
            sums += call->output.pixel_stride_bytes / sizeof *sums;
        }
    }
}
