#include "../finishing.h"
#include "../window.h"

#if defined(__ARM_FEATURE_MVE)

#define LANES 4u

/* All channels of a pixel, four at once: each has its own input channel, and its own weights. */
static void pixel_outputs(const plr_call_t *call, const plr_window_t *window, const plr_finish_t *finish,
                          int8_t *output) {
    const plr_parameters_t *parameters = &call->parameters;
    const uint32_t row_weights = parameters->kernel_columns;
    const uint32_t channel_weights = parameters->kernel_rows * row_weights;
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), channel_weights);
    const int32_t *bias = plr_call_words(call, parameters->bias);
    const int8_t *weights = plr_call_bytes(call, parameters->weights) + (size_t)window->row_taps.first * row_weights +
                            window->column_taps.first;
    plr_finish_t some = *finish;
    uint32_t place = parameters->first_in_group;
    uint32_t channel = 0;
    for (uint32_t o = 0; o < call->output.channels; o += LANES, weights += LANES * channel_weights) {
        const uint32_t left = call->output.channels - o;
        const mve_pred16_t lanes = vctp32q(left);
        const int8_t *tap_weights = weights;
        uint32_t channels[LANES];
        int32_t sums[LANES];
        int32x4_t sum = vdupq_n_s32(0);
        for (uint32_t i = 0; i < LANES; i++) {
            channels[i] = channel;
            if (++place == parameters->group_output_channels) {
                place = 0;
                channel++;
            }
        }
        const uint32x4_t sources = vldrwq_u32(channels);
        for (uint32_t i = 0; i < window->row_taps.count; i++, tap_weights += row_weights) {
            const int8_t *values = window->rows[i] + window->column_offset_bytes;
            for (uint32_t j = 0; j < window->column_taps.count; j++, values += window->column_step_bytes) {
                const int32x4_t factors = vldrbq_gather_offset_z_s32(tap_weights + j, places, lanes);
                const int32x4_t value = vldrbq_gather_offset_z_s32(values, sources, lanes);
                sum = vaddq_s32(sum, vmulq_s32(vsubq_n_s32(value, parameters->input_zero_point), factors));
            }
        }
        vstrwq_s32(sums, sum);
        some.factors = finish->factors + (size_t)2 * o;
        plr_finish_run(&some, PLR_FACTOR_EACH, sums, bias + o, output + o, left < LANES ? left : LANES);
    }
}

#else

/* The sum over the window's valid taps of one channel. `weights` are the output channel's, tap by tap. */
static inline uint32_t channel_sum(const plr_window_t *window, uint32_t channel, const int8_t *weights) {
    const uint32_t row_weights = window->parameters->kernel_columns;
    const int32_t zero_point = window->parameters->input_zero_point;
    const size_t offset_bytes = window->column_offset_bytes + channel;
    const size_t step_bytes = window->column_step_bytes;
    const uint32_t count = window->column_taps.count;
    uint32_t sum = 0;
    weights += window->row_taps.first * row_weights + window->column_taps.first;
    for (uint32_t i = 0; i < window->row_taps.count; i++) {
        const int8_t *values = window->rows[i] + offset_bytes;
        for (uint32_t j = 0; j < count; j++) {
            sum += (uint32_t)((*values - zero_point) * weights[j]);
            values += step_bytes;
        }
        weights += row_weights;
    }
    return sum;
}

/* All channels of a pixel. */
static void pixel_outputs(const plr_call_t *call, const plr_window_t *window, const plr_finish_t *finish,
                          int8_t *output) {
    const plr_parameters_t *parameters = &call->parameters;
    const int32_t *bias = plr_call_words(call, parameters->bias);
    const int8_t *weights = plr_call_bytes(call, parameters->weights);
    const size_t channel_weights = (size_t)parameters->kernel_rows * parameters->kernel_columns;
    uint32_t place = parameters->first_in_group;
    uint32_t channel = 0;
    for (uint32_t o = 0; o < call->output.channels; o++) {
        output[o] = plr_finish(finish, o, (uint32_t)bias[o] + channel_sum(window, channel, weights));
        weights += channel_weights;
        if (++place == parameters->group_output_channels) {
            place = 0;
            channel++;
        }
    }
}

#endif

void plr_depthwise(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const plr_finish_t finish = plr_call_finish(call);
    plr_window_t window = plr_window_over(call, &input);
    for (uint32_t row = 0; row < call->output.rows; row++) {
        int8_t *output = plr_box_output(&call->output, row);
        plr_window_to_row(&window, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            plr_window_to_column(&window, column);
            pixel_outputs(call, &window, &finish, output);
            output += call->output.pixel_stride_bytes;
        }
    }
}
