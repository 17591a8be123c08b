/* Copying elements from box to box, a word at a time. The time of a pixel is linear in its words and in the bytes that
 * are left, wherever they lie: memmove() takes another way for every alignment and length, which no profile predicts.
 */
#ifndef PLR_COPYING_H
#define PLR_COPYING_H

#include <string.h>

#include "box.h"

#if defined(__GNUC__)
#define PLR_KEEP_LOOP() __asm__ volatile("")
#else
#define PLR_KEEP_LOOP() ((void)0)
#endif

/* Copy bytes, or fill them with a byte. The loader does not forbid that source and target overlap; the result is then
 * anything. The barriers keep the compiler from calling the library for a few bytes. */
static inline void plr_copy_bytes(uint8_t *target, const uint8_t *source, uint32_t size_bytes) {
    for (uint32_t words = size_bytes / sizeof(uint32_t); words > 0; words--) {
        uint32_t word;
        memcpy(&word, source, sizeof word);
        memcpy(target, &word, sizeof word);
        source += sizeof word;
        target += sizeof word;
        PLR_KEEP_LOOP();
    }
    for (uint32_t bytes = size_bytes % sizeof(uint32_t); bytes > 0; bytes--) {
        *target++ = *source++;
        PLR_KEEP_LOOP();
    }
}

static inline void plr_fill_bytes(uint8_t *target, uint8_t byte, uint32_t size_bytes) {
    const uint32_t word = byte * 0x01010101u;
    for (uint32_t words = size_bytes / sizeof word; words > 0; words--) {
        memcpy(target, &word, sizeof word);
        target += sizeof word;
        PLR_KEEP_LOOP();
    }
    for (uint32_t bytes = size_bytes % sizeof word; bytes > 0; bytes--) {
        *target++ = byte;
        PLR_KEEP_LOOP();
    }
}

/* Copy a box to the place in `output` that begins at a row and a column. */
static inline void plr_copy_box(const plr_box_t *input, const plr_box_t *output, uint32_t first_row,
                                uint32_t first_column) {
    for (uint32_t row = 0; row < input->rows; row++) {
        const uint8_t *source = plr_box_row(input, row);
        uint8_t *target = plr_box_row(output, first_row + row) + (size_t)first_column * output->pixel_stride_bytes;
        for (uint32_t column = 0; column < input->columns; column++) {
            plr_copy_bytes(target, source, input->channels);
            source += input->pixel_stride_bytes;
            target += output->pixel_stride_bytes;
        }
    }
}

#endif
