#include "../kernel.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

/* Four at once. */
static void add_sums(int32_t *sums, const int32_t *terms, uint32_t count) {
    const uint32_t lane_count = 4;
    for (uint32_t i = 0; i < count; i += lane_count) {
        const mve_pred16_t lanes = vctp32q(count - i);
        const int32x4_t some = vldrwq_z_s32(terms + i, lanes);
        vstrwq_p_s32(sums + i, vaddq_s32(vldrwq_z_s32(sums + i, lanes), some), lanes);
    }
}

#else

static void add_sums(int32_t *sums, const int32_t *terms, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        sums[i] = (int32_t)((uint32_t)sums[i] + (uint32_t)terms[i]);
    }
}

#endif

void plr_accumulate(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    for (uint32_t row = 0; row < call->output.rows; row++) {
        const int32_t *terms = plr_box_sums(&input, row);
        int32_t *sums = plr_box_sums(&call->output, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            add_sums(sums, terms, call->output.channels);
            terms += input.pixel_stride_bytes / sizeof *terms;
            sums += call->output.pixel_stride_bytes / sizeof *sums;
        }
    }
}
