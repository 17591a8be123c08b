#include "../finishing.h"

#define CHANNELS 16u /* at once */

#if defined(__ARM_FEATURE_MVE)

#define LANES 4u

static void multiply(int32_t *products, const int8_t *values1, const int8_t *values2, uint32_t count,
                     int32_t zero_point1, int32_t zero_point2) {
    for (uint32_t i = 0; i < count; i += LANES) {
        const mve_pred16_t lanes = vctp32q(count - i);
        const int32x4_t factors1 = vsubq_n_s32(vldrbq_z_s32(values1 + i, lanes), zero_point1);
        const int32x4_t factors2 = vsubq_n_s32(vldrbq_z_s32(values2 + i, lanes), zero_point2);
        vstrwq_s32(products + i, vmulq_s32(factors1, factors2));
    }
}

#else

static void multiply(int32_t *products, const int8_t *values1, const int8_t *values2, uint32_t count,
                     int32_t zero_point1, int32_t zero_point2) {
    for (uint32_t i = 0; i < count; i++) {
        products[i] = (values1[i] - zero_point1) * (values2[i] - zero_point2);
    }
}

#endif

void plr_mul(const plr_call_t *call) {
    const plr_box_t first = plr_call_input(call, 0);
    const plr_box_t second = plr_call_input(call, 1);
    const plr_finish_t finish = plr_call_finish(call);
    const int32_t zero_point1 = call->parameters.input_zero_point;
    const int32_t zero_point2 = call->parameters.other_zero_point;
    const uint32_t channels = call->output.channels;
    /* One pixel for all: the same row and column again and again. */
    const uint32_t step_bytes = second.columns == call->output.columns ? second.pixel_stride_bytes : 0;
    for (uint32_t row = 0; row < call->output.rows; row++) {
        const int8_t *values1 = plr_box_values(&first, row);
        const int8_t *values2 = plr_box_values(&second, second.rows == call->output.rows ? row : 0);
        int8_t *output = plr_box_output(&call->output, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            for (uint32_t channel = 0; channel < channels; channel += CHANNELS) {
                int32_t products[CHANNELS];
                const uint32_t count = channels - channel < CHANNELS ? channels - channel : CHANNELS;
                multiply(products, values1 + channel, values2 + channel, count, zero_point1, zero_point2);
                plr_finish_run(&finish, PLR_FACTOR_SHARED, products, NULL, output + channel, count);
            }
            values1 += first.pixel_stride_bytes;
            values2 += step_bytes;
            output += call->output.pixel_stride_bytes;
        }
    }
}
