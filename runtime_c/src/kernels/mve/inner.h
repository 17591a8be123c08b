/* The inner loops of the MVE variant: inner.S for cores with MVE, inner_portable.c for all others.
 *
 * The constants of a channel are a bias, a factor and a shift. Under TFLM the factor is the multiplier and the shift
 * negative, for a shift to the right; under ONNXRUNTIME the factor is a float and the shift 0. */
#ifndef PLR_MVE_INNER_H
#define PLR_MVE_INNER_H

#include <stdint.h>

#define PLR_MVE_GROUP 4u    /* output channels of a group */
#define PLR_MVE_BLOCK 16u   /* taps of a block */
#define PLR_MVE_PLANES 8u   /* channels of a strip */
#define PLR_MVE_COLUMNS 128 /* words of a plane */

#define PLR_MVE_GROUP_BYTES 48u     /* of a group, without its weights: four biases, factors and shifts */
#define PLR_MVE_WINDOW_BYTES 28u    /* of a depthwise channel: weights, bias, factor, shift */
#define PLR_MVE_ADDITION_WORDS 515u /* two tables, multiplier, shift, zero point */

/* Pixels whose products with all groups are to be computed. A group has its constants, then for every block 16 weights
 * of each channel; the last block is filled up with zeros, and only `rest` values of a pixel are read for it. Groups
 * follow each other by four channels; the last one may overlap the one before. A group of fewer channels is filled up
 * with its last one, and is computed in pairs only. */
typedef struct plr_mve_pixels {
    const int8_t *pixels;
    uint32_t pixel_stride_bytes;
    uint8_t *output;
    uint32_t output_stride_bytes; /* below 65533 where the output is int8 */
    const int8_t *groups;
    uint32_t group_count;
    uint32_t last_advance_bytes; /* of the output, to the last group */
    uint32_t blocks;
    uint32_t rest;
    int32_t zero_point;
    uint32_t pairs;
    uint32_t last_channel; /* of a group: 3, or less if it is the only one */
} plr_mve_pixels_t;

/* Pairs of pixels, at least one. Without rounding, outputs are int32. */
void plr_mve_pairs_fixed(const plr_mve_pixels_t *pixels);
void plr_mve_pairs_float(const plr_mve_pixels_t *pixels);
void plr_mve_pairs_sums(const plr_mve_pixels_t *pixels);

/* One pixel. */
void plr_mve_single_fixed(const plr_mve_pixels_t *pixels);
void plr_mve_single_float(const plr_mve_pixels_t *pixels);
void plr_mve_single_sums(const plr_mve_pixels_t *pixels);

/* Put some channels of two rows of pixels into the same half of the words of as many planes: a word of a plane has four
 * rows of a column. Other planes may be overwritten. */
void plr_mve_planar(uint8_t *words, const int8_t *pixels1, const int8_t *pixels2, uint32_t columns,
                    uint32_t stride1_bytes, uint32_t stride2_bytes, uint32_t channels);

/* Outputs of some channels of a 3x3 depthwise convolution, from planes. The weights of a channel are a word with three
 * rows for every column, and zeros. */
typedef struct plr_mve_strip {
    const uint8_t *planes; /* at the first column */
    int8_t *output;
    const uint8_t *channel;
    const uint8_t *channels_end;
    uint32_t width_bytes; /* of the columns from which whole blocks of outputs come */
    uint32_t rest;        /* which of the eight outputs after them are wanted: two bits each */
    uint32_t is_turned;   /* the first row of the window is in the upper half of the words */
    uint32_t pixel_stride_bytes;
    uint32_t second_bytes; /* from the first four outputs to the other four */
    int32_t zero_point;
} plr_mve_strip_t;

typedef void (*plr_mve_windows_t)(const plr_mve_strip_t *strip);

/* Blocks of four columns and two rows, of eight columns, and of eight columns two apart. Outputs are in the order of
 * places: 0, second, stride, stride + second, and so on. */
void plr_mve_windows_fixed_rows(const plr_mve_strip_t *strip);
void plr_mve_windows_fixed_row(const plr_mve_strip_t *strip);
void plr_mve_windows_fixed_strided(const plr_mve_strip_t *strip);
void plr_mve_windows_float_rows(const plr_mve_strip_t *strip);
void plr_mve_windows_float_row(const plr_mve_strip_t *strip);
void plr_mve_windows_float_strided(const plr_mve_strip_t *strip);

/* Add two runs of values. `constants`: the term of each value as a byte, of the first run and of the second; then
 * multiplier, shift and zero point. */
void plr_mve_add_run(int8_t *sums, const int8_t *values1, const int8_t *values2, uint32_t count,
                     const uint32_t *constants);

void plr_mve_clamp_run(int8_t *values, uint32_t count, int32_t minimum, int32_t maximum);

void plr_mve_copy(int8_t *target, const int8_t *source, uint32_t count);

/* Copy `count` bytes from each of some evenly spaced places to another. */
void plr_mve_spread(int8_t *target, const int8_t *source, uint32_t count, uint32_t places, uint32_t target_stride_bytes,
                    uint32_t source_stride_bytes);

#endif
