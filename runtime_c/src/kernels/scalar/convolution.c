#include "../gather_window.h"
#include "clamp.h"
#include "tiles.h"

void plr_scalar_convolution(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t input = plr_call_input(call, 0);
    const plr_box_t *output = &call->output;
    const plr_scalar_tiles_t tiles = plr_scalar_tiles(call);
    const uint32_t patch_bytes = plr_padded_taps(parameters);
    const int8_t *pixels[PLR_SCALAR_PIXELS];
    int8_t *outputs[PLR_SCALAR_PIXELS];
    plr_window_t window = plr_window_over(call, &input);
    /* Columns whose whole window lies inside of the input: there only the place changes. */
    const plr_taps_t inside = plr_inside(parameters, input.columns, output->columns);
    const uint32_t inside_end = inside.first + inside.count;
    const size_t step_bytes = (size_t)parameters->stride_columns * input.pixel_stride_bytes;
    uint32_t waiting = 0;
    for (uint32_t row = 0; row < output->rows; row++) {
        int8_t *place = plr_box_output(output, row);
        plr_window_to_row(&window, row);
        for (uint32_t column = 0; column < output->columns; column++) {
            int8_t *patch = (int8_t *)call->scratch + waiting * (size_t)patch_bytes;
            if (column > inside.first && column < inside_end) {
                window.column_offset_bytes += step_bytes;
            } else {
                plr_window_to_column(&window, column);
            }
            plr_gather_window(&window, patch);
            pixels[waiting] = patch;
            outputs[waiting] = place;
            if (++waiting == PLR_SCALAR_PIXELS) {
                plr_scalar_tile_run(&tiles, pixels, outputs, waiting);
                waiting = 0;
            }
            place += output->pixel_stride_bytes;
        }
    }
    if (waiting > 0) {
        plr_scalar_tile_run(&tiles, pixels, outputs, waiting);
    }
    plr_scalar_clamp(call);
}
