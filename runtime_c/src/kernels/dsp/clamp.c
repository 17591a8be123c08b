#include "clamp.h"

#include <stdbool.h>

#include "../rounding.h"
#include "inner.h"

static void clamp_row(const plr_call_t *call, int8_t *values, uint32_t count) {
    const uint32_t words = count / 4;
    const uint32_t every_byte = 0x01010101u;
    const uint32_t minimum = every_byte * (uint8_t)call->parameters.clamp_minimum;
    const uint32_t maximum = every_byte * (uint8_t)call->parameters.clamp_maximum;
    if (words > 0) {
        plr_dsp_clamp_words(values, words, minimum, maximum);
    }
    for (uint32_t i = 4 * words; i < count; i++) {
        values[i] = plr_clamp(&call->parameters, values[i]);
    }
}

void plr_dsp_clamp(const plr_call_t *call) {
    const plr_box_t *output = &call->output;
    if (call->parameters.clamp_minimum == INT8_MIN && call->parameters.clamp_maximum == INT8_MAX) {
        return;
    }
    const bool is_dense = output->pixel_stride_bytes == output->channels;
    for (uint32_t row = 0; row < output->rows; row++) {
        int8_t *values = plr_box_output(output, row);
        if (is_dense) {
            clamp_row(call, values, output->columns * output->channels);
        } else {
            for (uint32_t column = 0; column < output->columns; column++) {
                clamp_row(call, values, output->channels);
                values += output->pixel_stride_bytes;
            }
        }
    }
}
