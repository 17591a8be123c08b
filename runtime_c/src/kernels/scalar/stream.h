/* Weights and constants of the scalar kernels, as the planner packs them, and whether they are what kernels rely on.
 *
 * A stream (SCALAR_GROUPS) is runs of groups of output channels, in order. A run begins with two words: the number of
 * groups, and the channels of each, 1 to 4, with PLR_SCALAR_GENERAL added if their finish is the general one. A group
 * is
 *
 *     a bias per channel, int32
 *     the weights, int8 [tap][channel], filled up to words
 *     a finish per channel
 *
 * A finish is three words, addend, multiplier and shift, of a sum `a`. Under TFLM the value is that of `fast_sums`;
 * under ONNXRUNTIME, with h = the high word of (a << shift) * multiplier + addend, it is h >> 14 unless h lies within
 * one of a tie (plr_scalar_round). A general finish is 0, then multiplier and shift of a quantisation record.
 *
 * A record (SCALAR_CHANNELS) of a depthwise channel is its 3x3 weights row by row with the first two rows again, an
 * unused byte, bias and finish. */
#ifndef PLR_SCALAR_STREAM_H
#define PLR_SCALAR_STREAM_H

#include "../kernel.h"

enum { PLR_SCALAR_RUN_GROUPS, PLR_SCALAR_RUN_KIND, PLR_SCALAR_RUN_WORDS };
enum { PLR_SCALAR_ADDEND, PLR_SCALAR_MULTIPLIER, PLR_SCALAR_SHIFT, PLR_SCALAR_FINISH_WORDS };

#define PLR_SCALAR_GENERAL 256u
#define PLR_SCALAR_RECORD_BYTES 32u
#define PLR_SCALAR_RECORD_BIAS 16u
#define PLR_SCALAR_FRACTION_BITS 14u

static inline uint32_t plr_scalar_weight_words(uint32_t taps, uint32_t channels) {
    return (taps * channels + 3) / 4;
}

static inline uint32_t plr_scalar_group_words(uint32_t taps, uint32_t channels) {
    return channels * (1 + PLR_SCALAR_FINISH_WORDS) + plr_scalar_weight_words(taps, channels);
}

/* A stream writes every one of `channels` once. */
plr_status_t plr_scalar_check_groups(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels);

plr_status_t plr_scalar_check_channels(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels);

#endif
