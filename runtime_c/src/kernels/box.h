/* An operand resolved to memory: a box of a tensor as up to three pieces stacked by rows. */
#ifndef PLR_BOX_H
#define PLR_BOX_H

#include <stddef.h>
#include <stdint.h>

#include "plr/assert.h"
#include "plr/layout.h"

typedef struct plr_piece {
    uint8_t *bytes; /* row 0 of the ring, or of the piece */
    uint32_t rows;
    uint32_t ring_rows; /* `rows` if there is no ring */
    uint32_t ring_first_row;
    uint32_t row_stride_bytes;
} plr_piece_t;

typedef struct plr_box {
    uint32_t rows;
    uint32_t columns;
    uint32_t channels;
    uint32_t element_bytes;
    uint32_t pixel_stride_bytes;
    uint32_t table; /* constant, or PLR_NO_INDEX */
    plr_piece_t pieces[PLR_PIECES_MAX];
} plr_box_t;

/* Address of the first element of a row, which must be smaller than box->rows. */
static inline uint8_t *plr_box_row(const plr_box_t *box, uint32_t row) {
    const plr_piece_t *piece = box->pieces;
    PLR_ASSERT(row < box->rows);
    while (row >= piece->rows) {
        row -= piece->rows;
        piece++;
    }
    row += piece->ring_first_row;
    if (row >= piece->ring_rows) {
        row -= piece->ring_rows;
    }
    return piece->bytes + (size_t)row * piece->row_stride_bytes;
}

static inline const int8_t *plr_box_values(const plr_box_t *box, uint32_t row) {
    return (const int8_t *)plr_box_row(box, row);
}

static inline int8_t *plr_box_output(const plr_box_t *box, uint32_t row) {
    return (int8_t *)plr_box_row(box, row);
}

/* The same for a box of int32 elements, whose rows and pixels are aligned. */
static inline int32_t *plr_box_sums(const plr_box_t *box, uint32_t row) {
    return (int32_t *)(void *)plr_box_row(box, row);
}

#endif
