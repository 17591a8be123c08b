/* A window that slides over an input: which of its taps are valid at an output, and where their elements lie. */
#ifndef PLR_WINDOW_H
#define PLR_WINDOW_H

#include "kernel.h"

/* The taps [first, first + count) of one axis that fall inside the input. */
typedef struct plr_taps {
    uint32_t first;
    uint32_t count;
} plr_taps_t;

typedef struct plr_window {
    const plr_parameters_t *parameters;
    const plr_box_t *input;
    plr_taps_t row_taps;
    plr_taps_t column_taps;
    const int8_t **rows;        /* input row of each valid row tap */
    size_t column_offset_bytes; /* of the first valid column tap in every row */
    size_t column_step_bytes;   /* from column tap to column tap */
} plr_window_t;

static inline plr_taps_t plr_valid_taps(int32_t position, uint32_t taps, uint32_t dilation, uint32_t size) {
    const int32_t step = (int32_t)dilation;
    const int32_t first = position < 0 ? (step - 1 - position) / step : 0;
    const int32_t inside = ((int32_t)size - position + step - 1) / step;
    const int32_t end = inside < (int32_t)taps ? inside : (int32_t)taps;
    return (plr_taps_t){.first = (uint32_t)first, .count = end > first ? (uint32_t)(end - first) : 0};
}

static inline plr_window_t plr_window_over(const plr_call_t *call, const plr_box_t *input) {
    return (plr_window_t){.parameters = &call->parameters,
                          .input = input,
                          .rows = call->rows,
                          .column_step_bytes = (size_t)call->parameters.dilation_columns * input->pixel_stride_bytes};
}

/* Move to a row of the output. */
static inline void plr_window_to_row(plr_window_t *window, uint32_t row) {
    const plr_parameters_t *parameters = window->parameters;
    const uint32_t dilation = parameters->dilation_rows;
    const int32_t position = (int32_t)(row * parameters->stride_rows) - parameters->pad_top;
    window->row_taps = plr_valid_taps(position, parameters->kernel_rows, dilation, window->input->rows);
    PLR_ASSERT(window->row_taps.count <= PLR_KERNEL_ROWS_MAX);
    for (uint32_t i = 0; i < window->row_taps.count; i++) {
        const int32_t tap = (int32_t)((window->row_taps.first + i) * dilation);
        window->rows[i] = plr_box_values(window->input, (uint32_t)(position + tap));
    }
}

/* Move to a column of the output, within the row. */
static inline void plr_window_to_column(plr_window_t *window, uint32_t column) {
    const plr_parameters_t *parameters = window->parameters;
    const uint32_t dilation = parameters->dilation_columns;
    const int32_t position = (int32_t)(column * parameters->stride_columns) - parameters->pad_left;
    window->column_taps = plr_valid_taps(position, parameters->kernel_columns, dilation, window->input->columns);
    if (window->column_taps.count > 0) {
        const uint32_t first = (uint32_t)(position + (int32_t)(window->column_taps.first * dilation));
        window->column_offset_bytes = (size_t)first * window->input->pixel_stride_bytes;
    }
}

#endif
