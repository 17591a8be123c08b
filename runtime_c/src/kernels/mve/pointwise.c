#include <stdbool.h>

#include "clamp.h"
#include "pixels.h"

/* Whether the next row of a box begins where a row ends. */
static bool continues(const plr_box_t *box, uint32_t row) {
    const size_t row_bytes = (size_t)box->columns * box->pixel_stride_bytes;
    return plr_box_row(box, row + 1) == plr_box_row(box, row) + row_bytes;
}

void plr_mve_pointwise(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const plr_box_t *output = &call->output;
    plr_mve_product_t product = plr_mve_product(call);
    uint32_t end = 0;
    for (uint32_t row = 0; row < output->rows; row = end) {
        end = row + 1;
        while (end < output->rows && continues(&input, end - 1) && continues(output, end - 1)) {
            end++;
        }
        plr_mve_run(&product, plr_box_values(&input, row), input.pixel_stride_bytes, plr_box_row(output, row),
                    output->pixel_stride_bytes, (end - row) * output->columns);
    }
    plr_mve_clamp(call);
}
