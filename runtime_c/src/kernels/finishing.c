#include "finishing.h"

#if defined(__ARM_FEATURE_MVE)
#define LANES 4u
#define MANTISSA_BITS 23

/* Under TFLM: saturating shift to the left, high product, rounding shift to the right with ties away from zero. */
static int32x4_t fixed_products(int32x4_t values, int32x4_t multipliers, int32x4_t shifts) {
    const int32x4_t zeros = vdupq_n_s32(0);
    const int32x4_t rights = vminq_s32(shifts, zeros);
    const int32x4_t raised = vqshlq_s32(values, vmaxq_s32(shifts, zeros));
    const int32x4_t high = vqrdmulhq_s32(raised, multipliers);
    const int32x4_t below = vshrq_n_s32(vandq_s32(high, rights), 31); /* -1 where negative, and shifted */
    return vrshlq_s32(vqaddq_s32(high, below), rights);
}

/* Under ONNXRUNTIME: the multiplier has 24 bits, so a shift is a smaller exponent. */
static int32x4_t float_products(int32x4_t values, int32x4_t multipliers, int32x4_t shifts) {
    const int32x4_t exponents = vshlq_n_s32(shifts, MANTISSA_BITS);
    const int32x4_t bits = vsubq_s32(vreinterpretq_s32_f32(vcvtq_f32_s32(multipliers)), exponents);
    return vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(values), vreinterpretq_f32_s32(bits)));
}

void plr_finish_run(const plr_finish_t *finish, plr_factors_t factors, const int32_t *sums, const int32_t *bias,
                    int8_t *output, uint32_t count) {
    const int32x4_t minima = vdupq_n_s32(finish->minimum);
    const int32x4_t maxima = vdupq_n_s32(finish->maximum);
    for (uint32_t i = 0; i < count; i += LANES) {
        const mve_pred16_t lanes = vctp32q(count - i);
        int32x4_t values = vldrwq_z_s32(sums + i, lanes);
        int32x4_t multipliers = vdupq_n_s32(finish->factors[0]);
        int32x4_t shifts = vdupq_n_s32(finish->factors[1]);
        if (factors == PLR_FACTOR_EACH) {
            const uint32x4_t places = vidupq_n_u32(2 * i, 2);
            multipliers = vldrwq_gather_shifted_offset_z_s32(finish->factors, places, lanes);
            shifts = vldrwq_gather_shifted_offset_z_s32(finish->factors + 1, places, lanes);
        }
        if (bias != NULL) {
            values = vaddq_s32(values, vldrwq_z_s32(bias + i, lanes));
        }
        values = finish->is_float ? float_products(values, multipliers, shifts)
                                  : fixed_products(values, multipliers, shifts);
        values = vminq_s32(vmaxq_s32(values, minima), maxima);
        vstrbq_p_s32(output + i, vaddq_n_s32(values, finish->zero_point), lanes);
    }
}

#else

void plr_finish_run(const plr_finish_t *finish, plr_factors_t factors, const int32_t *sums, const int32_t *bias,
                    int8_t *output, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t sum = (uint32_t)sums[i] + (bias != NULL ? (uint32_t)bias[i] : 0);
        output[i] = plr_finish(finish, factors == PLR_FACTOR_EACH ? i : 0, sum);
    }
}

#endif
