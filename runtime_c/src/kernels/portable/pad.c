#include "../copying.h"
#include "../kernel.h"

void plr_pad(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    for (uint32_t row = 0; row < call->output.rows; row++) {
        uint8_t *output = plr_box_row(&call->output, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            plr_fill_bytes(output, (uint8_t)parameters->output_zero_point, call->output.channels);
            output += call->output.pixel_stride_bytes;
        }
    }
    if (call->input_count > 0) {
        const plr_box_t input = plr_call_input(call, 0);
        plr_copy_box(&input, &call->output, parameters->pad_top, parameters->pad_left);
    }
}
