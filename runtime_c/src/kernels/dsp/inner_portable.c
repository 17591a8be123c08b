/* inner.S in C, for cores without the DSP extension: lets any computer run and check the variant's plans. */
#include "inner.h"

#if !defined(__ARM_FEATURE_DSP)

#include <stdbool.h>
#include <string.h>

#include "../floating.h"

static uint32_t pair(int32_t low, int32_t high) {
    return (uint32_t)(low & 0xffff) | (uint32_t)high << 16;
}

static int32_t low_half(uint32_t word) {
    return (int16_t)(word & 0xffff);
}

static int32_t high_half(uint32_t word) {
    return (int16_t)(word >> 16);
}

static uint32_t add_products(uint32_t sum, uint32_t a, uint32_t b) {
    return sum + (uint32_t)(low_half(a) * low_half(b)) + (uint32_t)(high_half(a) * high_half(b));
}

/* The value of a sum (doubled, under TFLM) by its finish. */
static int8_t finished(uint32_t sum, const uint32_t *finish, bool is_float) {
    int32_t value;
    if (is_float) {
        float factor;
        memcpy(&factor, finish, sizeof factor);
        const float scaled = (float)(int32_t)sum * factor;
        value = (int32_t)((uint32_t)plr_to_integer(scaled) + finish[1]);
    } else {
        const int64_t product = (int64_t)(int32_t)sum * (int32_t)finish[0] + ((int64_t)1 << 31);
        const uint32_t high = (uint32_t)(product >> 32) + finish[1] - ((int32_t)sum < 0);
        value = (int32_t)high >> (finish[2] & 0xff);
    }
    return (int8_t)(value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value);
}

void plr_dsp_expand(uint32_t *expanded, const int8_t *const pixels[PLR_DSP_PIXELS], uint32_t chunks) {
    for (uint32_t chunk = 0; chunk < chunks; chunk++) {
        for (uint32_t k = 0; k < 2; k++) {
            for (uint32_t p = 0; p < PLR_DSP_PIXELS; p++) {
                const int8_t *values = pixels[p] + chunk * PLR_DSP_CHUNK + k;
                *expanded++ = pair(values[0], values[2]);
            }
        }
    }
}

static void pairs(const plr_dsp_tile_t *tile, bool is_float) {
    const uint32_t steps = (uint32_t)(tile->expanded_end - tile->expanded) / PLR_DSP_PIXELS;
    const uint32_t scale = is_float ? 1 : 2;
    int8_t *output = tile->output;
    for (const uint32_t *group = tile->groups; group != tile->groups_end; group += steps + PLR_DSP_GROUP_WORDS) {
        const uint32_t *constants = group + steps;
        for (uint32_t p = 0; p < PLR_DSP_PIXELS; p++) {
            uint32_t both = 0;
            uint32_t first = 0;
            for (uint32_t step = 0; step < steps; step++) {
                const uint32_t values = tile->expanded[step * PLR_DSP_PIXELS + p];
                const uint32_t low_bytes = pair((int8_t)group[step], (int8_t)(group[step] >> 16));
                both = add_products(both, values, group[step]);
                first = add_products(first, values, low_bytes);
            }
            const uint32_t second = (uint32_t)((int32_t)(both - first) >> 8);
            int8_t *place = output + (p > 0 ? tile->offset_bytes[p - 1] : 0);
            place[0] = finished(constants[0] + scale * first, constants + 2, is_float);
            place[1] = finished(constants[1] + scale * second, constants + 5, is_float);
        }
        output += constants[PLR_DSP_GROUP_WORDS - 1] >> PLR_DSP_ADVANCE_BIT;
    }
}

void plr_dsp_pairs_fixed(const plr_dsp_tile_t *tile) {
    pairs(tile, false);
}

void plr_dsp_pairs_float(const plr_dsp_tile_t *tile) {
    pairs(tile, true);
}

void plr_dsp_planar(int16_t *line, const int8_t *pixels, uint32_t pixel_stride_bytes, uint32_t count) {
    for (uint32_t column = 0; column < 2 * count; column++) {
        for (uint32_t plane = 0; plane < PLR_DSP_PLANES; plane++) {
            line[plane * PLR_DSP_LINES * PLR_DSP_COLUMNS + column] = pixels[plane];
        }
        pixels += pixel_stride_bytes;
    }
}

static void row(const plr_dsp_strip_t *strip, uint32_t stride, uint32_t turn, bool is_float) {
    const uint32_t columns = strip->pairs_bytes / (2 * stride) + strip->is_odd;
    for (uint32_t c = 0; c < strip->channels; c++) {
        const uint32_t *channel = strip->channel + c * PLR_DSP_CHANNEL_WORDS;
        const int16_t *plane = strip->planes + c * PLR_DSP_LINES * PLR_DSP_COLUMNS;
        int8_t *output = strip->output + c;
        for (uint32_t column = 0; column < columns; column++) {
            uint32_t sum = channel[6];
            for (uint32_t i = 0; i < PLR_DSP_LINES; i++) {
                const int16_t *line = plane + (turn + i) % PLR_DSP_LINES * PLR_DSP_COLUMNS + column * stride;
                sum = add_products(sum, pair(line[0], line[1]), channel[2 * i]);
                sum += (uint32_t)(line[2] * high_half(channel[2 * i + 1]));
            }
            *output = finished(sum, channel + 7, is_float);
            output += strip->pixel_stride_bytes;
        }
    }
}

#define ROW(rule, is_float, stride, turn)                                                                              \
    static void row_##rule##_##stride##_##turn(const plr_dsp_strip_t *strip) {                                         \
        row(strip, stride, turn, is_float);                                                                            \
    }
#define ROWS(rule, is_float)                                                                                           \
    ROW(rule, is_float, 1, 0)                                                                                          \
    ROW(rule, is_float, 1, 1)                                                                                          \
    ROW(rule, is_float, 1, 2)                                                                                          \
    ROW(rule, is_float, 2, 0)                                                                                          \
    ROW(rule, is_float, 2, 1)                                                                                          \
    ROW(rule, is_float, 2, 2)                                                                                          \
    const plr_dsp_row_t plr_dsp_rows_##rule[2][PLR_DSP_LINES] = {                                                      \
        {row_##rule##_1_0, row_##rule##_1_1, row_##rule##_1_2},                                                        \
        {row_##rule##_2_0, row_##rule##_2_1, row_##rule##_2_2}};

ROWS(fixed, false)
ROWS(float, true)

void plr_dsp_widen(uint32_t *widened, const int8_t *pixel, uint32_t chunks) {
    for (uint32_t chunk = 0; chunk < chunks; chunk++, pixel += PLR_DSP_CHUNK) {
        *widened++ = pair(pixel[0], pixel[2]);
        *widened++ = pair(pixel[1], pixel[3]);
    }
}

void plr_dsp_dots(uint32_t sums[PLR_DSP_ROWS], const uint32_t *widened, const int8_t *weights, uint32_t row_bytes,
                  uint32_t chunks) {
    for (uint32_t i = 0; i < PLR_DSP_ROWS; i++) {
        const int8_t *values = weights + (size_t)i * row_bytes;
        sums[i] = 0;
        for (uint32_t chunk = 0; chunk < chunks; chunk++, values += PLR_DSP_CHUNK) {
            sums[i] = add_products(sums[i], widened[2 * chunk], pair(values[0], values[2]));
            sums[i] = add_products(sums[i], widened[2 * chunk + 1], pair(values[1], values[3]));
        }
    }
}

void plr_dsp_clamp_words(int8_t *values, uint32_t words, uint32_t minimum, uint32_t maximum) {
    const int8_t least = (int8_t)minimum;
    const int8_t most = (int8_t)maximum;
    for (uint32_t i = 0; i < 4 * words; i++) {
        values[i] = values[i] < least ? least : values[i] > most ? most : values[i];
    }
}

void plr_dsp_add_run(int8_t *sums, const int8_t *values1, const int8_t *values2, uint32_t count,
                     const uint32_t *constants) {
    const uint32_t *terms2 = constants + PLR_TABLE_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t sum = constants[(uint8_t)values1[i]] + terms2[(uint8_t)values2[i]];
        sums[i] = finished(sum, terms2 + PLR_TABLE_BYTES, false);
    }
}

#endif
