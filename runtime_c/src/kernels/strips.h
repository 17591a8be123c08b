/* Strips of a depthwise convolution's output: some columns of few channels, whose input lies in lines of fixed length.
 */
#ifndef PLR_STRIPS_H
#define PLR_STRIPS_H

#include "kernel.h"

/* The columns of a strip, and where their input lies. */
typedef struct plr_strip_part {
    uint32_t first_column; /* of the output */
    uint32_t columns;
    uint32_t line_columns; /* that the window reaches */
    uint32_t valid_first;  /* of the line: columns that the input has */
    uint32_t valid_count;
    uint32_t source_column; /* of the input, of the first valid one */
} plr_strip_part_t;

/* Up to `most` columns of the output from `first_column` on. */
static inline plr_strip_part_t plr_strip_part(const plr_call_t *call, uint32_t input_columns, uint32_t first_column,
                                              uint32_t most) {
    const plr_parameters_t *parameters = &call->parameters;
    const uint32_t stride = parameters->stride_columns;
    const uint32_t left = call->output.columns - first_column;
    plr_strip_part_t part = {.first_column = first_column, .columns = left < most ? left : most};
    const uint32_t start = first_column * stride; /* in the padded input */
    const uint32_t pad = parameters->pad_left;
    part.line_columns = (part.columns - 1) * stride + parameters->kernel_columns;
    part.valid_first = start < pad ? pad - start : 0;
    part.source_column = start < pad ? 0 : start - pad;
    if (part.valid_first > part.line_columns) {
        part.valid_first = part.line_columns;
    }
    if (part.source_column < input_columns) {
        const uint32_t reached = part.line_columns - part.valid_first;
        const uint32_t present = input_columns - part.source_column;
        part.valid_count = reached < present ? reached : present;
    }
    return part;
}

#endif
