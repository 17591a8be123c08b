/* Copying elements from box to box. */
#ifndef PLR_COPYING_H
#define PLR_COPYING_H

#include <string.h>

#include "box.h"

/* Copy a box to the place in `output` that begins at a row and a column. The loader does not forbid that the two
 * overlap, hence memmove(). */
static inline void plr_copy_box(const plr_box_t *input, const plr_box_t *output, uint32_t first_row,
                                uint32_t first_column) {
    for (uint32_t row = 0; row < input->rows; row++) {
        const uint8_t *source = plr_box_row(input, row);
        uint8_t *target = plr_box_row(output, first_row + row) + (size_t)first_column * output->pixel_stride_bytes;
        for (uint32_t column = 0; column < input->columns; column++) {
            memmove(target, source, input->channels);
            source += input->pixel_stride_bytes;
            target += output->pixel_stride_bytes;
        }
    }
}

#endif
