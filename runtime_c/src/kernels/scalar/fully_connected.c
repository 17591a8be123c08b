#include "../products.h"
#include "../rounding.h"
#include "inner.h"

/* Add the products of `count` values with four rows of weights to four sums. */
static void add_products(uint32_t sums[PLR_SCALAR_ROWS], const int8_t *values, const int8_t *weights,
                         uint32_t row_bytes, uint32_t count) {
    const uint32_t whole = count / PLR_SCALAR_CHUNK * PLR_SCALAR_CHUNK;
    if (whole > 0) {
        plr_scalar_dots(sums, values, weights, row_bytes, whole / PLR_SCALAR_CHUNK);
    }
    for (uint32_t i = 0; i < PLR_SCALAR_ROWS && whole < count; i++) {
        sums[i] = plr_dot(sums[i], values + whole, weights + (size_t)i * row_bytes + whole, count - whole);
    }
}

void plr_scalar_fully_connected(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t input = plr_call_input(call, 0);
    const plr_finish_t finish = plr_call_finish(call);
    const uint32_t *bias = (const uint32_t *)plr_call_words(call, parameters->bias);
    const uint32_t depth = plr_taps(parameters);
    const uint32_t channels = call->output.channels;
    int8_t *output = plr_box_output(&call->output, 0);
    plr_window_t window = plr_window_over(call, &input);
    plr_window_to_row(&window, 0);
    /* Fewer channels than rows: every one of them four times. Otherwise the last rows may overlap those before. */
    const uint32_t count = channels < PLR_SCALAR_ROWS ? 1 : PLR_SCALAR_ROWS;
    const uint32_t row_bytes = channels < PLR_SCALAR_ROWS ? 0 : depth;
    for (uint32_t next = 0; next < channels; next += count) {
        const uint32_t first = channels - next < count ? channels - count : next;
        const int8_t *weights = plr_call_bytes(call, parameters->weights) + (size_t)first * depth;
        uint32_t sums[PLR_SCALAR_ROWS] = {0};
        for (uint32_t i = 0; i < parameters->kernel_rows; i++) {
            const int8_t *values = window.rows[i];
            for (uint32_t j = 0; j < parameters->kernel_columns; j++) {
                add_products(sums, values, weights, row_bytes, input.channels);
                values += window.column_step_bytes;
                weights += input.channels;
            }
        }
        for (uint32_t i = 0; i < count; i++) {
            output[first + i] = plr_finish(&finish, first + i, sums[i] + bias[first + i]);
        }
    }
}
