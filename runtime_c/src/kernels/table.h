/* Elements through a table of 256 entries. */
#ifndef PLR_TABLE_H
#define PLR_TABLE_H

#include "box.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

/* Sixteen at once. */
static inline void plr_map_run(int8_t *mapped, const int8_t *values, uint32_t count, const int8_t *table) {
    const uint32_t lane_count = 16;
    for (uint32_t i = 0; i < count; i += lane_count) {
        const mve_pred16_t lanes = vctp8q(count - i);
        const uint8x16_t some = vreinterpretq_u8_s8(vldrbq_z_s8(values + i, lanes));
        const uint8x16_t places = veorq_u8(some, vdupq_n_u8(0x80));
        vstrbq_p_s8(mapped + i, vldrbq_gather_offset_z_s8(table, places, lanes), lanes);
    }
}

#else

static inline void plr_map_run(int8_t *mapped, const int8_t *values, uint32_t count, const int8_t *table) {
    for (uint32_t i = 0; i < count; i++) {
        mapped[i] = table[values[i] - INT8_MIN];
    }
}

#endif

/* Map a box onto the channels of `output` from `first_channel` on; both have the same rows and columns. */
static inline void plr_map_box(const plr_box_t *input, const plr_box_t *output, uint32_t first_channel,
                               const int8_t *table) {
    for (uint32_t row = 0; row < input->rows; row++) {
        const int8_t *values = plr_box_values(input, row);
        int8_t *mapped = plr_box_output(output, row) + first_channel;
        for (uint32_t column = 0; column < input->columns; column++) {
            plr_map_run(mapped, values, input->channels, table);
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
