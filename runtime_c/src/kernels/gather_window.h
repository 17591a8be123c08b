/* The values under a window, one after the other, as the rows of a matrix product. */
#ifndef PLR_GATHER_WINDOW_H
#define PLR_GATHER_WINDOW_H

#include <stdbool.h>
#include <string.h>

#include "window.h"

/* Copy `count` values of a run. */
typedef void (*plr_copy_run_t)(int8_t *target, const int8_t *source, uint32_t count);

static inline void plr_copy_run(int8_t *target, const int8_t *source, uint32_t count) {
    for (; count >= sizeof(uint32_t); count -= (uint32_t)sizeof(uint32_t)) {
        memcpy(target, source, sizeof(uint32_t));
        target += sizeof(uint32_t);
        source += sizeof(uint32_t);
    }
    while (count-- > 0) {
        *target++ = *source++;
    }
}

/* The output columns whose windows lie inside of the input. */
static inline plr_taps_t plr_inside(const plr_parameters_t *parameters, uint32_t input_columns, uint32_t columns) {
    const uint32_t stride = parameters->stride_columns;
    const uint32_t extent = (parameters->kernel_columns - 1u) * parameters->dilation_columns + 1;
    const uint32_t first = (parameters->pad_left + stride - 1) / stride;
    const uint32_t padded = parameters->pad_left + input_columns;
    const uint32_t reached = padded < extent ? 0 : (padded - extent) / stride + 1;
    const uint32_t end = reached < columns ? reached : columns;
    return (plr_taps_t){.first = first, .count = end > first ? end - first : 0};
}

/* Values of all channels under the window, tap by tap; the zero point outside of the input. */
static inline void plr_gather_window_by(const plr_window_t *window, int8_t *values, plr_copy_run_t copy_run) {
    const plr_parameters_t *parameters = window->parameters;
    const uint32_t depth = window->input->channels;
    const uint32_t row_values = parameters->kernel_columns * depth;
    const uint32_t row_count = window->column_taps.count * depth;
    const bool is_whole = window->row_taps.count == parameters->kernel_rows && row_count == row_values;
    if (!is_whole) {
        memset(values, parameters->input_zero_point, (size_t)parameters->kernel_rows * row_values);
    }
    values += (size_t)window->row_taps.first * row_values + (size_t)window->column_taps.first * depth;
    for (uint32_t i = 0; i < window->row_taps.count; i++, values += row_values) {
        const int8_t *source = window->rows[i] + window->column_offset_bytes;
        if (window->column_step_bytes == depth) {
            copy_run(values, source, row_count);
        } else {
            for (uint32_t j = 0; j < window->column_taps.count; j++, source += window->column_step_bytes) {
                copy_run(values + (size_t)j * depth, source, depth);
            }
        }
    }
}

static inline void plr_gather_window(const plr_window_t *window, int8_t *values) {
    plr_gather_window_by(window, values, plr_copy_run);
}

#endif
