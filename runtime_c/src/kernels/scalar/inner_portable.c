/* inner_thumb.S and inner_riscv.S in C: lets any computer run and check the plans of the scalar variants. */
#include "inner.h"

#if !defined(__thumb2__) && !defined(__riscv)

#include "../rounding.h"
#include "stream.h"

typedef int8_t (*finish_t)(uint32_t sum, const uint32_t *finish);

static int8_t saturated(int32_t value) {
    return (int8_t)(value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value);
}

/* The value of a doubled sum. */
static int8_t rounded_twice(uint32_t doubled, uint32_t addend, uint32_t multiplier, uint32_t shift) {
    const int64_t product = (int64_t)(int32_t)doubled * (int32_t)multiplier + ((int64_t)1 << 31);
    const uint32_t high = (uint32_t)(product >> 32) + addend - ((int32_t)doubled < 0);
    return saturated((int32_t)high >> shift);
}

static int8_t finish_fixed(uint32_t sum, const uint32_t *finish) {
    return rounded_twice(2 * sum, finish[PLR_SCALAR_ADDEND], finish[PLR_SCALAR_MULTIPLIER], finish[PLR_SCALAR_SHIFT]);
}

static int8_t finish_float(uint32_t sum, const uint32_t *finish) {
    return saturated(plr_scalar_round((int32_t)sum, finish[PLR_SCALAR_ADDEND], finish[PLR_SCALAR_MULTIPLIER],
                                      finish[PLR_SCALAR_SHIFT]));
}

/* One tile, `input` and `output` bytes behind the first. */
static void tile_run(const plr_scalar_tile_t *tile, size_t input, size_t output, uint32_t channels, finish_t finish) {
    const uint32_t weight_words = plr_scalar_weight_words(tile->depth, channels);
    uint32_t channel = 0;
    for (const uint32_t *group = tile->groups; group != tile->groups_end; channel += channels) {
        const int8_t *weights = (const int8_t *)(group + channels);
        const uint32_t *finishes = group + channels + weight_words;
        for (uint32_t p = 0; p < PLR_SCALAR_PIXELS; p++) {
            for (uint32_t c = 0; c < channels; c++) {
                uint32_t sum = group[c];
                for (uint32_t k = 0; k < tile->depth; k++) {
                    sum += (uint32_t)(tile->pixels[p][input + k] * weights[k * channels + c]);
                }
                int8_t *place = tile->outputs[p] + output;
                if (finish == NULL) {
                    ((int32_t *)(void *)place)[channel + c] = (int32_t)sum;
                } else {
                    place[channel + c] = finish(sum, finishes + c * (size_t)PLR_SCALAR_FINISH_WORDS);
                }
            }
        }
        group = finishes + (finish == NULL ? 0 : channels * (size_t)PLR_SCALAR_FINISH_WORDS);
    }
}

#define TILE(rule, channels, finish)                                                                                   \
    static void tile_##rule##_##channels(const plr_scalar_tile_t *tile) {                                              \
        for (size_t i = 0; i < tile->count; i++) {                                                                     \
            tile_run(tile, i * tile->input_step, i * tile->output_step, channels, finish);                             \
        }                                                                                                              \
    }
#define TILES(rule, finish)                                                                                            \
    TILE(rule, 1, finish)                                                                                              \
    TILE(rule, 2, finish)                                                                                              \
    TILE(rule, 3, finish)                                                                                              \
    TILE(rule, 4, finish)                                                                                              \
    const plr_scalar_tile_run_t plr_scalar_tiles_##rule[PLR_SCALAR_GROUP] = {tile_##rule##_1, tile_##rule##_2,         \
                                                                             tile_##rule##_3, tile_##rule##_4};

TILES(fixed, finish_fixed)
TILES(float, finish_float)
TILES(sums, NULL)

void plr_scalar_planar(int8_t *line, const int8_t *pixels, uint32_t pixel_stride_bytes, uint32_t count) {
    for (uint32_t column = 0; column < count; column++) {
        for (uint32_t plane = 0; plane < PLR_SCALAR_PLANES; plane++) {
            line[plane * PLR_SCALAR_LINES * PLR_SCALAR_LINE_BYTES + column] = pixels[plane];
        }
        pixels += pixel_stride_bytes;
    }
}

static void row(const plr_scalar_strip_t *strip, uint32_t stride, finish_t finish) {
    for (uint32_t c = 0; c < strip->channels; c++) {
        const uint8_t *record = strip->channel + c * PLR_SCALAR_RECORD_BYTES;
        const uint32_t *constants = (const uint32_t *)(const void *)(record + PLR_SCALAR_RECORD_BIAS);
        const int8_t *weights = (const int8_t *)record + strip->rotation_bytes;
        const int8_t *plane = strip->planes + c * PLR_SCALAR_LINES * PLR_SCALAR_LINE_BYTES;
        int8_t *output = strip->output + c;
        for (uint32_t column = 0; column < strip->columns; column++) {
            uint32_t sum = constants[0];
            for (uint32_t i = 0; i < 3 * PLR_SCALAR_LINES; i++) {
                sum += (uint32_t)(plane[i / 3 * PLR_SCALAR_LINE_BYTES + column * stride + i % 3] * weights[i]);
            }
            *output = finish(sum, constants + 1);
            output += strip->pixel_stride_bytes;
        }
    }
}

#define ROW(rule, stride)                                                                                              \
    static void row_##rule##_##stride(const plr_scalar_strip_t *strip) {                                               \
        row(strip, stride, finish_##rule);                                                                             \
    }
#define ROWS(rule)                                                                                                     \
    ROW(rule, 1)                                                                                                       \
    ROW(rule, 2)                                                                                                       \
    const plr_scalar_row_t plr_scalar_rows_##rule[2] = {row_##rule##_1, row_##rule##_2};

ROWS(fixed)
ROWS(float)

void plr_scalar_dots(uint32_t sums[PLR_SCALAR_ROWS], const int8_t *values, const int8_t *weights, uint32_t row_bytes,
                     uint32_t chunks) {
    for (uint32_t i = 0; i < PLR_SCALAR_ROWS; i++) {
        const int8_t *row_weights = weights + (size_t)i * row_bytes;
        for (uint32_t k = 0; k < chunks * PLR_SCALAR_CHUNK; k++) {
            sums[i] += (uint32_t)(values[k] * row_weights[k]);
        }
    }
}

void plr_scalar_add_run(int8_t *sums, const int8_t *values1, const int8_t *values2, uint32_t count,
                        const uint32_t *constants) {
    const uint32_t *terms2 = constants + PLR_TABLE_BYTES;
    const uint32_t *finish = terms2 + PLR_TABLE_BYTES; /* multiplier, addend, shift */
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t doubled = constants[(uint8_t)values1[i]] + terms2[(uint8_t)values2[i]];
        sums[i] = rounded_twice(doubled, finish[1], finish[0], finish[2]);
    }
}

#endif
