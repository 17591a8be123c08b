/* An operand as a stream of bytes: row by row, pixel by pixel, whatever its layout in memory. */
#ifndef PLR_STREAM_H
#define PLR_STREAM_H

#include <stdbool.h>

#include "kernels/box.h"

typedef struct plr_stream {
    const plr_box_t *box;
    uint32_t row;
    uint32_t run;        /* index of the contiguous run within the row */
    uint32_t runs;       /* runs of a row: its pixels, or 1 if they are contiguous */
    uint32_t run_bytes;  /* size of a run */
    uint32_t done_bytes; /* of the current run */
} plr_stream_t;

plr_stream_t plr_stream_over(const plr_box_t *box);

/* Copy up to `capacity_bytes` from the operand to `bytes`, or into the operand from there. Returns the number copied, 0
 * at the end. */
uint32_t plr_stream_read(plr_stream_t *stream, uint8_t *bytes, uint32_t capacity_bytes);
uint32_t plr_stream_write(plr_stream_t *stream, const uint8_t *bytes, uint32_t size_bytes);

/* Whether all bytes have been copied. */
bool plr_stream_ended(const plr_stream_t *stream);

#endif
