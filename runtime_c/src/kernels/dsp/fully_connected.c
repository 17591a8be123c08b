#include "../products.h"
#include "../rounding.h"
#include "gather.h"
#include "inner.h"

void plr_dsp_fully_connected(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t input = plr_call_input(call, 0);
    const plr_finish_t finish = plr_call_finish(call);
    const uint32_t *bias = (const uint32_t *)plr_call_words(call, parameters->bias);
    const int8_t *weights = plr_call_bytes(call, parameters->weights);
    const uint32_t depth = parameters->kernel_rows * parameters->kernel_columns * input.channels;
    const uint32_t chunks = depth / PLR_DSP_CHUNK;
    const uint32_t widened_values = chunks * PLR_DSP_CHUNK;
    const uint32_t channels = call->output.channels;
    uint32_t *widened = (uint32_t *)(void *)call->scratch;
    int8_t *values = (int8_t *)(widened + 2 * chunks);
    int8_t *output = plr_box_output(&call->output, 0);
    plr_window_t window = plr_window_over(call, &input);
    plr_window_to_row(&window, 0);
    plr_window_to_column(&window, 0);
    plr_dsp_gather(&window, values);
    if (chunks > 0) {
        plr_dsp_widen(widened, values, chunks);
    }
    for (uint32_t first = 0; first < channels; first += PLR_DSP_ROWS) {
        const uint32_t count = channels - first < PLR_DSP_ROWS ? channels - first : PLR_DSP_ROWS;
        const int8_t *rows = weights + (size_t)first * depth;
        uint32_t sums[PLR_DSP_ROWS] = {0};
        if (chunks > 0) {
            /* Too few rows left: compute the first of them four times over, and the others one by one. */
            plr_dsp_dots(sums, widened, rows, count == PLR_DSP_ROWS ? depth : 0, chunks);
        }
        for (uint32_t i = 0; i < count; i++) {
            const bool is_done = i == 0 || count == PLR_DSP_ROWS;
            const uint32_t done = is_done ? widened_values : 0;
            const int8_t *row = rows + (size_t)i * depth;
            const uint32_t sum = plr_dot((is_done ? sums[i] : 0) + bias[first + i], values + done, row + done,
                                         depth - done);
            output[first + i] = plr_finish(&finish, first + i, sum);
        }
    }
}
