/* inner.S in C, for cores without MVE: lets any computer run and check the variant's plans. */
#include "inner.h"

#if !defined(__ARM_FEATURE_MVE)

#include <string.h>

#include "../floating.h"

#define OUTPUTS 8u
#define WINDOW_ROWS 3u
#define WINDOW_COLUMNS 3u
#define WORD 4u /* rows of a word */

typedef enum plr_mve_rule { FIXED, FLOAT, SUMS } plr_mve_rule_t;

static int32_t word_at(const void *words, uint32_t index) {
    int32_t word;
    memcpy(&word, (const uint8_t *)words + index * sizeof word, sizeof word);
    return word;
}

static int8_t saturated(int32_t value) {
    return (int8_t)(value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value);
}

/* A sum with its bias, rounded by a multiplier and a shift to the right. */
static int32_t rounded_fixed(int32_t sum, int32_t multiplier, int32_t negative_shift) {
    const uint32_t shift = (uint32_t)-negative_shift;
    const int64_t high = ((int64_t)sum * multiplier + ((int64_t)1 << 30)) >> 31;
    return (int32_t)((high - (high < 0) + (((int64_t)1 << shift) >> 1)) >> shift);
}

static int32_t rounded_float(int32_t sum, int32_t factor_bits) {
    float factor;
    memcpy(&factor, &factor_bits, sizeof factor);
    const float scaled = (float)sum * factor;
    return plr_to_integer(scaled);
}

static int8_t finished(uint32_t sum, int32_t factor, int32_t shift, int32_t zero_point, plr_mve_rule_t rule) {
    const int32_t value =
        rule == FLOAT ? rounded_float((int32_t)sum, factor) : rounded_fixed((int32_t)sum, factor, shift);
    const int32_t bounded = value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value;
    return saturated(bounded + zero_point);
}

static void group(const plr_mve_pixels_t *run, const int8_t *pixel, const int8_t *constants, uint8_t *output,
                  plr_mve_rule_t rule) {
    const int8_t *weights = constants + PLR_MVE_GROUP_BYTES;
    for (uint32_t channel = 0; channel < PLR_MVE_GROUP; channel++) {
        uint32_t sum = (uint32_t)word_at(constants, channel);
        for (uint32_t k = 0; k < (run->blocks - 1) * PLR_MVE_BLOCK + run->rest; k++) {
            const uint32_t row = k / PLR_MVE_BLOCK * PLR_MVE_GROUP + channel;
            sum += (uint32_t)(pixel[k] * weights[row * PLR_MVE_BLOCK + k % PLR_MVE_BLOCK]);
        }
        const uint32_t place = channel < run->last_channel ? channel : run->last_channel;
        if (rule == SUMS) {
            memcpy(output + place * sizeof sum, &sum, sizeof sum);
        } else {
            const int32_t factor = word_at(constants, PLR_MVE_GROUP + channel);
            const int32_t shift = word_at(constants, 2 * PLR_MVE_GROUP + channel);
            output[place] = (uint8_t)finished(sum, factor, shift, run->zero_point, rule);
        }
    }
}

static void pixels(const plr_mve_pixels_t *run, uint32_t count, plr_mve_rule_t rule) {
    const size_t group_bytes = PLR_MVE_GROUP_BYTES + (size_t)run->blocks * PLR_MVE_GROUP * PLR_MVE_BLOCK;
    const size_t element_bytes = rule == SUMS ? sizeof(int32_t) : 1;
    uint8_t *output = run->output;
    for (uint32_t g = 0; g < run->group_count; g++) {
        for (uint32_t i = 0; i < count; i++) {
            group(run, run->pixels + (size_t)i * run->pixel_stride_bytes, run->groups + g * group_bytes,
                  output + (size_t)i * run->output_stride_bytes, rule);
        }
        output += g + 2 == run->group_count ? run->last_advance_bytes : PLR_MVE_GROUP * element_bytes;
    }
}

void plr_mve_pairs_fixed(const plr_mve_pixels_t *run) {
    pixels(run, 2 * run->pairs, FIXED);
}

void plr_mve_pairs_float(const plr_mve_pixels_t *run) {
    pixels(run, 2 * run->pairs, FLOAT);
}

void plr_mve_pairs_sums(const plr_mve_pixels_t *run) {
    pixels(run, 2 * run->pairs, SUMS);
}

void plr_mve_single_fixed(const plr_mve_pixels_t *run) {
    pixels(run, 1, FIXED);
}

void plr_mve_single_float(const plr_mve_pixels_t *run) {
    pixels(run, 1, FLOAT);
}

void plr_mve_single_sums(const plr_mve_pixels_t *run) {
    pixels(run, 1, SUMS);
}

void plr_mve_planar(uint8_t *words, const int8_t *pixels1, const int8_t *pixels2, uint32_t columns,
                    uint32_t stride1_bytes, uint32_t stride2_bytes, uint32_t channels) {
    for (uint32_t column = 0; column < columns; column++) {
        for (uint32_t plane = 0; plane < channels; plane++) {
            uint8_t *word = words + (plane * PLR_MVE_COLUMNS + column) * WORD;
            word[0] = (uint8_t)pixels1[plane];
            word[1] = (uint8_t)pixels2[plane];
        }
        pixels1 += stride1_bytes;
        pixels2 += stride2_bytes;
    }
}

/* The output of which the window's first row is `row` rows below that of the strip. */
static int8_t window(const plr_mve_strip_t *strip, const uint8_t *channel, const uint8_t *words, uint32_t row,
                     plr_mve_rule_t rule) {
    const uint32_t first = row + (strip->is_turned ? WORD / 2 : 0);
    const int8_t *weights = (const int8_t *)channel;
    const uint8_t *constants = channel + WORD * WORD;
    uint32_t sum = (uint32_t)word_at(constants, 0);
    for (uint32_t c = 0; c < WINDOW_COLUMNS; c++) {
        for (uint32_t r = 0; r < WINDOW_ROWS; r++) {
            sum += (uint32_t)((int8_t)words[c * WORD + (first + r) % WORD] * weights[c * WORD + r]);
        }
    }
    return finished(sum, word_at(constants, 1), word_at(constants, 2), strip->zero_point, rule);
}

static void windows(const plr_mve_strip_t *strip, plr_mve_rule_t rule, uint32_t rows, uint32_t step) {
    const uint32_t columns = OUTPUTS / rows;
    const uint32_t whole = strip->width_bytes / WORD / step / columns;
    const uint8_t *planes = strip->planes;
    int8_t *outputs = strip->output;
    for (const uint8_t *channel = strip->channel; channel != strip->channels_end; channel += PLR_MVE_WINDOW_BYTES) {
        for (uint32_t block = 0; block < whole + (strip->rest != 0); block++) {
            for (uint32_t i = 0; i < OUTPUTS; i++) {
                const uint32_t column = block * columns + i / 2 + (rows == 1 ? i % 2 * WORD : 0);
                if (block < whole || (strip->rest >> (2 * i) & 1) != 0) {
                    const uint32_t second = i % 2;
                    int8_t *place = outputs + (size_t)(block * columns + i / 2) * strip->pixel_stride_bytes;
                    place[second * strip->second_bytes] =
                        window(strip, channel, planes + column * step * WORD, rows == 1 ? 0 : second, rule);
                }
            }
        }
        planes += PLR_MVE_COLUMNS * WORD;
        outputs++;
    }
}

void plr_mve_windows_fixed_rows(const plr_mve_strip_t *strip) {
    windows(strip, FIXED, 2, 1);
}

void plr_mve_windows_fixed_row(const plr_mve_strip_t *strip) {
    windows(strip, FIXED, 1, 1);
}

void plr_mve_windows_fixed_strided(const plr_mve_strip_t *strip) {
    windows(strip, FIXED, 1, 2);
}

void plr_mve_windows_float_rows(const plr_mve_strip_t *strip) {
    windows(strip, FLOAT, 2, 1);
}

void plr_mve_windows_float_row(const plr_mve_strip_t *strip) {
    windows(strip, FLOAT, 1, 1);
}

void plr_mve_windows_float_strided(const plr_mve_strip_t *strip) {
    windows(strip, FLOAT, 1, 2);
}

void plr_mve_add_run(int8_t *sums, const int8_t *values1, const int8_t *values2, uint32_t count,
                     const uint32_t *constants) {
    const int32_t *finish = (const int32_t *)constants + 2 * PLR_TABLE_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t terms = constants[(uint8_t)values1[i]] + constants[PLR_TABLE_BYTES + (uint8_t)values2[i]];
        sums[i] = finished(terms, finish[0], finish[1], finish[2], FIXED);
    }
}

void plr_mve_clamp_run(int8_t *values, uint32_t count, int32_t minimum, int32_t maximum) {
    for (uint32_t i = 0; i < count; i++) {
        values[i] = (int8_t)(values[i] < minimum ? minimum : values[i] > maximum ? maximum : values[i]);
    }
}

void plr_mve_copy(int8_t *target, const int8_t *source, uint32_t count) {
    memcpy(target, source, count);
}

void plr_mve_spread(int8_t *target, const int8_t *source, uint32_t count, uint32_t places, uint32_t target_stride_bytes,
                    uint32_t source_stride_bytes) {
    for (uint32_t i = 0; i < places; i++) {
        memcpy(target + (size_t)i * target_stride_bytes, source + (size_t)i * source_stride_bytes, count);
    }
}

#endif
