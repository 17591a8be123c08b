/* Elements through a table of 256 entries. */
#ifndef PLR_TABLE_H
#define PLR_TABLE_H

#include "box.h"

/* Map a box onto the channels of `output` from `first_channel` on; both have the same rows and columns. */
static inline void plr_map_box(const plr_box_t *input, const plr_box_t *output, uint32_t first_channel,
                               const int8_t *table) {
    for (uint32_t row = 0; row < input->rows; row++) {
        const int8_t *values = plr_box_values(input, row);
        int8_t *mapped = plr_box_output(output, row) + first_channel;
        for (uint32_t column = 0; column < input->columns; column++) {
            for (uint32_t channel = 0; channel < input->channels; channel++) {
                mapped[channel] = table[values[channel] - INT8_MIN];
            }
            values += input->pixel_stride_bytes;
            mapped += output->pixel_stride_bytes;
        }
    }
}

/* The same with a table for each channel, one after the other. */
static inline void plr_map_channels(const plr_box_t *input, const plr_box_t *output, const int8_t *tables) {
    for (uint32_t row = 0; row < input->rows; row++) {
        const int8_t *values = plr_box_values(input, row);
        int8_t *mapped = plr_box_output(output, row);
        for (uint32_t column = 0; column < input->columns; column++) {
            const int8_t *table = tables;
            for (uint32_t channel = 0; channel < input->channels; channel++) {
                mapped[channel] = table[values[channel] - INT8_MIN];
                table += PLR_TABLE_BYTES;
            }
            values += input->pixel_stride_bytes;
            mapped += output->pixel_stride_bytes;
        }
    }
}

#endif
