#include "clamp.h"
#include "gather.h"
#include "pixels.h"

void plr_mve_convolution(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t input = plr_call_input(call, 0);
    const plr_box_t *output = &call->output;
    const uint32_t patch_bytes = plr_mve_blocks(plr_taps(parameters)) * PLR_MVE_BLOCK;
    const uint32_t scratch_bytes =
        PLR_MVE_CONVOLUTION_SCRATCH_BYTES + PLR_MVE_CONVOLUTION_TAP_SCRATCH_BYTES * plr_padded_taps(parameters);
    const uint32_t capacity = scratch_bytes / patch_bytes / 2 * 2;
    int8_t *patches = (int8_t *)call->scratch;
    plr_mve_product_t product = plr_mve_product(call);
    plr_window_t window = plr_window_over(call, &input);
    uint8_t *first = plr_box_row(output, 0); /* place of the first patch that waits */
    uint32_t waiting = 0;
    for (uint32_t row = 0; row < output->rows; row++) {
        uint8_t *place = plr_box_row(output, row);
        plr_window_to_row(&window, row);
        for (uint32_t column = 0; column < output->columns; column++, place += output->pixel_stride_bytes) {
            if (waiting == capacity || place != first + (size_t)waiting * output->pixel_stride_bytes) {
                plr_mve_run(&product, patches, patch_bytes, first, output->pixel_stride_bytes, waiting);
                waiting = 0;
            }
            if (waiting == 0) {
                first = place;
            }
            plr_window_to_column(&window, column);
            plr_mve_gather(&window, patches + (size_t)waiting * patch_bytes);
            waiting++;
        }
    }
    plr_mve_run(&product, patches, patch_bytes, first, output->pixel_stride_bytes, waiting);
    plr_mve_clamp(call);
}
