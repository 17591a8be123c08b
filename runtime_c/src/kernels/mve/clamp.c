#include "clamp.h"

#include <stdbool.h>

#include "inner.h"

void plr_mve_clamp(const plr_call_t *call) {
    const plr_box_t *output = &call->output;
    const int32_t minimum = call->parameters.clamp_minimum;
    const int32_t maximum = call->parameters.clamp_maximum;
    if (minimum == INT8_MIN && maximum == INT8_MAX) {
        return;
    }
    const bool is_dense = output->pixel_stride_bytes == output->channels;
    const uint32_t runs = is_dense ? 1 : output->columns;
    const uint32_t count = is_dense ? output->columns * output->channels : output->channels;
    for (uint32_t row = 0; row < output->rows; row++) {
        int8_t *values = plr_box_output(output, row);
        for (uint32_t run = 0; run < runs; run++, values += output->pixel_stride_bytes) {
            plr_mve_clamp_run(values, count, minimum, maximum);
        }
    }
}
