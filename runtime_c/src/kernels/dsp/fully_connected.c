#include "../gather_window.h"
#include "../products.h"
#include "../rounding.h"
#include "inner.h"

void plr_dsp_fully_connected(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t input = plr_call_input(call, 0);
    const plr_finish_t finish = plr_call_finish(call);
    const uint32_t *bias = (const uint32_t *)plr_call_words(call, parameters->bias);
    const int8_t *weights = plr_call_bytes(call, parameters->weights);
    const uint32_t depth = plr_taps(parameters);
    const uint32_t chunks = depth / PLR_DSP_CHUNK;
    const uint32_t widened_values = chunks * PLR_DSP_CHUNK;
    const uint32_t channels = call->output.channels;
    uint32_t *widened = (uint32_t *)(void *)call->scratch;
    int8_t *values = (int8_t *)(widened + 2 * chunks);
    int8_t *output = plr_box_output(&call->output, 0);
    plr_window_t window = plr_window_over(call, &input);
    plr_window_to_row(&window, 0);
    plr_window_to_column(&window, 0);
    plr_gather_window(&window, values);
    if (chunks > 0) {
        plr_dsp_widen(widened, values, chunks);
    }
    /* Fewer channels than rows: every one of them four times. Otherwise the last rows may overlap those before. */
    const uint32_t count = channels < PLR_DSP_ROWS ? 1 : PLR_DSP_ROWS;
    const uint32_t row_bytes = channels < PLR_DSP_ROWS ? 0 : depth;
    for (uint32_t next = 0; next < channels; next += count) {
        const uint32_t first = channels - next < count ? channels - count : next;
        const int8_t *row = weights + (size_t)first * depth;
        uint32_t sums[PLR_DSP_ROWS] = {0};
        if (chunks > 0) {
            plr_dsp_dots(sums, widened, row, row_bytes, chunks);
        }
        for (uint32_t i = 0; i < count; i++, row += depth) {
            const uint32_t sum = plr_dot(sums[i] + bias[first + i], values + widened_values, row + widened_values,
                                         depth - widened_values);
            output[first + i] = plr_finish(&finish, first + i, sum);
        }
    }
}
