/* How int32 sums become int8 values, in integers alone: see docs/ARITHMETIC.md, section 2. */
#ifndef PLR_ROUNDING_H
#define PLR_ROUNDING_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel.h"

/* value * 2^-shift to nearest, ties to even. 1 <= shift <= 31. */
static inline uint32_t plr_round_half_even(uint32_t value, uint32_t shift) {
    const uint32_t quotient = value >> shift;
    const uint32_t half = 1u << (shift - 1);
    const uint32_t remainder = value & (2 * half - 1);
    return quotient + (remainder + (quotient & 1) > half);
}

/* Number of zero bits above the highest set bit; 31 for 0. */
static inline uint32_t plr_leading_zeros(uint32_t value) {
#if defined(__GNUC__)
    return (uint32_t)__builtin_clz(value | 1);
#else
    uint32_t zeros = 31;
    while ((value >>= 1) != 0) {
        zeros--;
    }
    return zeros;
#endif
}

/* rne(f32(f32(value) * multiplier * 2^-shift)), where the multiplier has 24 bits; exact below 2^22, large above.
 *
 * `value` is rounded to 24 bits at first, as its conversion to float32 does. The product of two 24-bit numbers has 47
 * or 48 bits, so that one comparison finds where float32 rounds it; the bits below are kept as one sticky bit. */
static inline int32_t plr_float_product(int32_t value, int32_t multiplier, int32_t shift) {
    const uint32_t magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    const uint32_t zeros = plr_leading_zeros(magnitude);
    const uint32_t mantissa = plr_round_half_even(magnitude << zeros, 8);
    const uint64_t product = (uint64_t)mantissa * (uint32_t)multiplier;
    const uint32_t top = (uint32_t)(product >> 16) | ((product & 0xffff) != 0);
    const uint32_t excess = 7 + (top >> 31);
    const uint32_t rounded = plr_round_half_even(top, excess);
    const int32_t right = shift + (int32_t)zeros - 24 - (int32_t)excess;
    const uint32_t result = plr_round_half_even(rounded, right < 1 ? 1u : right > 26 ? 26u : (uint32_t)right);
    return value < 0 ? -(int32_t)result : (int32_t)result;
}

/* value * multiplier * 2^(shift - 31), rounded twice as TensorFlow Lite does. */
static inline int32_t plr_fixed_product(int32_t value, int32_t multiplier, int32_t shift) {
    const uint32_t right = shift < 0 ? (uint32_t)-shift : 0;
    int32_t raised = value;
    if (shift > 0) {
        const int64_t exact = value * ((int64_t)1 << shift);
        raised = exact > INT32_MAX ? INT32_MAX : exact < INT32_MIN ? INT32_MIN : (int32_t)exact;
    }
    const int32_t high = (int32_t)(((int64_t)raised * multiplier + ((int64_t)1 << 30)) >> 31);
    const uint32_t mask = (1u << right) - 1;
    const uint32_t remainder = (uint32_t)high & mask;
    const uint32_t threshold = (mask >> 1) + (high < 0);
    return (high >> right) + (remainder > threshold);
}

/* `value` within the output's clamp. */
static inline int8_t plr_clamp(const plr_parameters_t *parameters, int32_t value) {
    const int32_t minimum = parameters->clamp_minimum;
    const int32_t maximum = parameters->clamp_maximum;
    return (int8_t)(value < minimum ? minimum : value > maximum ? maximum : value);
}

/* How a kernel finishes its sums. The clamp is that of the output less its zero point. */
typedef struct plr_finish {
    const int32_t *factors; /* multiplier and shift, in turns */
    bool is_float;
    int32_t zero_point;
    int32_t minimum;
    int32_t maximum;
} plr_finish_t;

/* With factors of the caller's. */
static inline plr_finish_t plr_finish_with(const plr_call_t *call, const int32_t *factors) {
    const plr_parameters_t *parameters = &call->parameters;
    const int32_t zero_point = parameters->output_zero_point;
    return (plr_finish_t){.factors = factors,
                          .is_float = call->plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME,
                          .zero_point = zero_point,
                          .minimum = parameters->clamp_minimum - zero_point,
                          .maximum = parameters->clamp_maximum - zero_point};
}

/* With the factors of the step. */
static inline plr_finish_t plr_call_finish(const plr_call_t *call) {
    return plr_finish_with(call, plr_call_words(call, call->parameters.quantisation));
}

/* The int8 value of a complete sum, with the factor of the given index. Sums wrap modulo 2^32. */
static inline int8_t plr_finish(const plr_finish_t *finish, uint32_t index, uint32_t sum) {
    const int32_t multiplier = finish->factors[2 * index];
    const int32_t shift = finish->factors[2 * index + 1];
    int32_t value = finish->is_float ? plr_float_product((int32_t)sum, multiplier, shift)
                                     : plr_fixed_product((int32_t)sum, multiplier, shift);
    value = value < finish->minimum ? finish->minimum : value > finish->maximum ? finish->maximum : value;
    return (int8_t)(value + finish->zero_point);
}

#endif
