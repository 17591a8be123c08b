/* The inner loops of the DSP variant: inner.S for cores with the DSP extension, inner_portable.c for all others.
 *
 * Constants are words. A *finish* is three of them: under TFLM multiplier, addend (half of 2^shift, and the zero point
 * times 2^shift) and shift, for sums that are doubled; under ONNXRUNTIME factor (float), zero point and 0. */
#ifndef PLR_DSP_INNER_H
#define PLR_DSP_INNER_H

#include <stdint.h>

#define PLR_DSP_PIXELS 4u    /* pixels of a tile */
#define PLR_DSP_CHUNK 4u     /* taps are padded to a multiple of it, PLR_TAP_CHUNK */
#define PLR_DSP_ROWS 4u      /* output channels of a fully connected layer at once */
#define PLR_DSP_PLANES 4u    /* channels of a strip */
#define PLR_DSP_LINES 3u     /* rows of a plane: a ring */
#define PLR_DSP_COLUMNS 128u /* int16 elements of a line */

#define PLR_DSP_GROUP_WORDS 8u    /* of a group, without its weights: two biases, two finishes */
#define PLR_DSP_CHANNEL_WORDS 10u /* of a depthwise channel: weights, bias, finish */
#define PLR_DSP_ADVANCE_BIT 8u    /* from here on, a group's last word is the number of its channels */

/* Four pixels, and the groups of output channels to compute for them. The weights of a group are, for every chunk, two
 * words with a half w[k] + 256 w'[k] each for k = 0 and 2, then 1 and 3: of its two channels, or of one and zeros. */
typedef struct plr_dsp_tile {
    const uint32_t *expanded; /* as plr_dsp_expand writes it */
    const uint32_t *groups;
    int8_t *output; /* of pixel 0; a group writes two bytes and moves on by the number of its channels */
    int32_t offset_bytes[PLR_DSP_PIXELS - 1]; /* from there to the other pixels */
    const uint32_t *groups_end;
    const uint32_t *expanded_end;
} plr_dsp_tile_t;

/* Widen some chunks of four pixels to int16 pairs: channels 0 and 2 of each pixel, then 1 and 3. */
void plr_dsp_expand(uint32_t *expanded, const int8_t *const pixels[PLR_DSP_PIXELS], uint32_t chunks);

void plr_dsp_pairs_fixed(const plr_dsp_tile_t *tile);
void plr_dsp_pairs_float(const plr_dsp_tile_t *tile);

/* One output row of some channels of a 3x3 depthwise convolution. The weights of a channel are, for every kernel row,
 * the int16 pairs [w0 w1] and [w1 w2], doubled under TFLM. */
typedef struct plr_dsp_strip {
    const int16_t *planes; /* at the first column */
    int8_t *output;
    uint32_t pairs_bytes; /* of a line, from which pairs of outputs come */
    const uint32_t *channel;
    uint32_t channels;
    uint32_t is_odd; /* one more output after the pairs */
    uint32_t pixel_stride_bytes;
} plr_dsp_strip_t;

typedef void (*plr_dsp_row_t)(const plr_dsp_strip_t *strip);

/* By column stride - 1, and by the line that holds the first row of the window. */
extern const plr_dsp_row_t plr_dsp_rows_fixed[2][PLR_DSP_LINES];
extern const plr_dsp_row_t plr_dsp_rows_float[2][PLR_DSP_LINES];

/* Widen four channels of 2 * `pairs` pixels into the same line of four planes. */
void plr_dsp_planar(int16_t *line, const int8_t *pixels, uint32_t pixel_stride_bytes, uint32_t pairs);

/* Widen some chunks of one pixel. */
void plr_dsp_widen(uint32_t *widened, const int8_t *pixel, uint32_t chunks);

/* Sums of products of a widened pixel with four rows of weights, `row_bytes` apart. */
void plr_dsp_dots(uint32_t sums[PLR_DSP_ROWS], const uint32_t *widened, const int8_t *weights, uint32_t row_bytes,
                  uint32_t chunks);

/* Clamp the int8 values of some words; every byte of a bound is the bound. */
void plr_dsp_clamp_words(int8_t *values, uint32_t words, uint32_t minimum, uint32_t maximum);

/* Add two runs of values. `constants`: the term of each value as a byte, doubled, of the first run and of the second;
 * then a finish as under TFLM. */
void plr_dsp_add_run(int8_t *sums, const int8_t *values1, const int8_t *values2, uint32_t count,
                     const uint32_t *constants);

#endif
