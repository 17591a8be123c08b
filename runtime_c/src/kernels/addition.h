/* Additions of two boxes by an inner loop over runs of values. */
#ifndef PLR_ADDITION_H
#define PLR_ADDITION_H

#include <stdbool.h>

#include "kernel.h"

/* Add `count` values to as many others. */
typedef void (*plr_add_run_t)(int8_t *sums, const int8_t *values1, const int8_t *values2, uint32_t count,
                              const uint32_t *constants);

/* Add the step's inputs, a row at once where all three boxes are dense, else a pixel. */
static inline void plr_add_runs(const plr_call_t *call, plr_add_run_t add_run) {
    const plr_box_t first = plr_call_input(call, 0);
    const plr_box_t second = plr_call_input(call, 1);
    const plr_box_t *output = &call->output;
    const uint32_t *constants = (const uint32_t *)plr_call_words(call, call->parameters.table);
    const uint32_t channels = output->channels;
    const bool is_dense = first.pixel_stride_bytes == channels && second.pixel_stride_bytes == channels &&
                          output->pixel_stride_bytes == channels;
    const uint32_t runs = is_dense ? 1 : output->columns;
    const uint32_t count = is_dense ? output->columns * channels : channels;
    for (uint32_t row = 0; row < output->rows; row++) {
        const int8_t *values1 = plr_box_values(&first, row);
        const int8_t *values2 = plr_box_values(&second, row);
        int8_t *sums = plr_box_output(output, row);
        for (uint32_t run = 0; run < runs; run++) {
            add_run(sums, values1, values2, count, constants);
            values1 += first.pixel_stride_bytes;
            values2 += second.pixel_stride_bytes;
            sums += output->pixel_stride_bytes;
        }
    }
}

#endif
