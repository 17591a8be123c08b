#include "../finishing.h"

#define CHANNELS 16u /* at once */

#if defined(__ARM_FEATURE_MVE)

#define LANES 4u

/* Sums of a row's values less the zero point, added to those of the rows before. */
static void add_row(int32_t *sums, const int8_t *values, uint32_t stride_bytes, uint32_t columns, uint32_t channels,
                    int32_t zero_point) {
    for (uint32_t i = 0; i < channels; i += LANES) {
        const mve_pred16_t lanes = vctp32q(channels - i);
        const int8_t *value = values + i;
        int32x4_t sum = vsubq_n_s32(vldrwq_s32(sums + i), (int32_t)columns * zero_point);
        for (uint32_t column = columns; column > 0; column--) {
            sum = vaddq_s32(sum, vldrbq_z_s32(value, lanes));
            value += stride_bytes;
        }
        vstrwq_s32(sums + i, sum);
    }
}

#else

static void add_row(int32_t *sums, const int8_t *values, uint32_t stride_bytes, uint32_t columns, uint32_t channels,
                    int32_t zero_point) {
    for (uint32_t i = 0; i < channels; i++) {
        const int8_t *value = values + i;
        uint32_t sum = (uint32_t)sums[i];
        for (uint32_t column = columns; column > 0; column--) {
            sum += (uint32_t)(*value - zero_point);
            value += stride_bytes;
        }
        sums[i] = (int32_t)sum;
    }
}

#endif

void plr_mean(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const plr_finish_t finish = plr_call_finish(call);
    const uint32_t all = call->output.channels;
    int8_t *output = plr_box_output(&call->output, 0);
    for (uint32_t channel = 0; channel < all; channel += CHANNELS) {
        int32_t sums[CHANNELS] = {0};
        const uint32_t channels = all - channel < CHANNELS ? all - channel : CHANNELS;
        for (uint32_t row = 0; row < input.rows; row++) {
            add_row(sums, plr_box_values(&input, row) + channel, input.pixel_stride_bytes, input.columns, channels,
                    call->parameters.input_zero_point);
        }
        plr_finish_run(&finish, PLR_FACTOR_SHARED, sums, NULL, output + channel, channels);
    }
}
