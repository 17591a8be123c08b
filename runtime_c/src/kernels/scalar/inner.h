/* The inner loops of the scalar kernels, variants M3 and RV32: inner_thumb.S, inner_riscv.S, and inner_portable.c for
 * all other computers. Weights and constants are in the orders of stream.h. */
#ifndef PLR_SCALAR_INNER_H
#define PLR_SCALAR_INNER_H

#include <stdint.h>

/* Pixels of a tile: as many as the registers hold sums for, with four output channels. */
#if defined(__riscv)
#define PLR_SCALAR_PIXELS 4u
#else
#define PLR_SCALAR_PIXELS 2u
#endif

#define PLR_SCALAR_GROUP 4u  /* most output channels of a group */
#define PLR_SCALAR_ROWS 4u   /* output channels of a fully connected layer at once */
#define PLR_SCALAR_CHUNK 4u  /* products of a row at once */
#define PLR_SCALAR_PLANES 4u /* channels of a depthwise strip */
#define PLR_SCALAR_LINES 3u  /* rows of a plane: a ring */
#define PLR_SCALAR_LINE_BYTES 128u

/* Tiles of some pixels, and the groups of output channels to compute for each. */
typedef struct plr_scalar_tile {
    const int8_t *pixels[PLR_SCALAR_PIXELS];
    int8_t *outputs[PLR_SCALAR_PIXELS]; /* of the first group's first channel; of int32 elements for sums */
    const uint32_t *groups;
    const uint32_t *groups_end;
    uint32_t depth;       /* products of a sum, not 0 */
    uint32_t count;       /* tiles, not 0 */
    uint32_t input_step;  /* bytes from tile to tile */
    uint32_t output_step; /* the same of the outputs */
} plr_scalar_tile_t;

typedef void (*plr_scalar_tile_run_t)(const plr_scalar_tile_t *tile);

/* By the channels of a group, less 1: values under TFLM, values under ONNXRUNTIME, or the sums themselves. */
extern const plr_scalar_tile_run_t plr_scalar_tiles_fixed[PLR_SCALAR_GROUP];
extern const plr_scalar_tile_run_t plr_scalar_tiles_float[PLR_SCALAR_GROUP];
extern const plr_scalar_tile_run_t plr_scalar_tiles_sums[PLR_SCALAR_GROUP];

/* Spread four channels of some pixels over the same line of four planes. */
void plr_scalar_planar(int8_t *line, const int8_t *pixels, uint32_t pixel_stride_bytes, uint32_t count);

/* One output row of some channels of a 3x3 depthwise convolution. */
typedef struct plr_scalar_strip {
    const int8_t *planes; /* at the first column */
    int8_t *output;
    uint32_t columns;
    const uint8_t *channel;  /* record of the first channel */
    uint32_t rotation_bytes; /* from its first weight to that of the row that line 0 holds */
    uint32_t channels;
    uint32_t pixel_stride_bytes;
} plr_scalar_strip_t;

typedef void (*plr_scalar_row_t)(const plr_scalar_strip_t *strip);

/* By column stride, less 1. */
extern const plr_scalar_row_t plr_scalar_rows_fixed[2];
extern const plr_scalar_row_t plr_scalar_rows_float[2];

/* Add the products of some chunks of values with four rows of weights, `row_bytes` apart, to four sums. */
void plr_scalar_dots(uint32_t sums[PLR_SCALAR_ROWS], const int8_t *values, const int8_t *weights, uint32_t row_bytes,
                     uint32_t chunks);

/* Add two runs of values. `constants`: the term of each value as a byte, doubled, of the first run and of the second;
 * then multiplier, addend and shift as in FastAddition. */
void plr_scalar_add_run(int8_t *sums, const int8_t *values1, const int8_t *values2, uint32_t count,
                        const uint32_t *constants);

/* What the inner loops call where a float32 product lies too close to a tie to tell by its high word: the value of a
 * sum by a finish of ONNXRUNTIME, not saturated. */
int32_t plr_scalar_round(int32_t sum, uint32_t addend, uint32_t multiplier, uint32_t shift);

#endif
