#include "clamp.h"
#include "tiles.h"

void plr_scalar_pointwise(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const plr_box_t *output = &call->output;
    const plr_scalar_tiles_t tiles = plr_scalar_tiles(call);
    const int8_t *pixels[PLR_SCALAR_PIXELS];
    int8_t *outputs[PLR_SCALAR_PIXELS];
    uint32_t waiting = 0; /* pixels that do not fill a tile yet: it may go over rows */
    for (uint32_t row = 0; row < output->rows; row++) {
        const int8_t *pixel = plr_box_values(&input, row);
        int8_t *place = plr_box_output(output, row);
        for (uint32_t column = 0; column < output->columns;) {
            uint32_t done = 1;
            if (waiting == 0 && output->columns - column >= PLR_SCALAR_PIXELS) {
                const uint32_t whole = (output->columns - column) / PLR_SCALAR_PIXELS;
                plr_scalar_tiles_run(&tiles, pixel, input.pixel_stride_bytes, place, output->pixel_stride_bytes, whole);
                done = whole * PLR_SCALAR_PIXELS;
            } else {
                pixels[waiting] = pixel;
                outputs[waiting] = place;
                if (++waiting == PLR_SCALAR_PIXELS) {
                    plr_scalar_tile_run(&tiles, pixels, outputs, waiting);
                    waiting = 0;
                }
            }
            column += done;
            pixel += (size_t)done * input.pixel_stride_bytes;
            place += (size_t)done * output->pixel_stride_bytes;
        }
    }
    if (waiting > 0) {
        plr_scalar_tile_run(&tiles, pixels, outputs, waiting);
    }
    plr_scalar_clamp(call);
}
