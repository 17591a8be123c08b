#include "clamp.h"
#include "tiles.h"

void plr_dsp_pointwise(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const plr_box_t *output = &call->output;
    const plr_dsp_tiles_t tiles = plr_dsp_tiles(call, input.channels);
    const int8_t *pixels[PLR_DSP_PIXELS] = {0};
    int8_t *outputs[PLR_DSP_PIXELS] = {0};
    uint32_t waiting = 0;
    for (uint32_t row = 0; row < output->rows; row++) {
        const int8_t *pixel = plr_box_values(&input, row);
        int8_t *place = plr_box_output(output, row);
        for (uint32_t column = 0; column < output->columns; column++) {
            pixels[waiting] = pixel;
            outputs[waiting] = place;
            if (++waiting == PLR_DSP_PIXELS) {
                plr_dsp_tile_run(&tiles, pixels, outputs);
                waiting = 0;
            }
            pixel += input.pixel_stride_bytes;
            place += output->pixel_stride_bytes;
        }
    }
    if (waiting > 0) {
        for (uint32_t p = waiting; p < PLR_DSP_PIXELS; p++) {
            pixels[p] = pixels[0];
            outputs[p] = outputs[0];
        }
        plr_dsp_tile_run(&tiles, pixels, outputs);
    }
    plr_dsp_clamp(call);
}
