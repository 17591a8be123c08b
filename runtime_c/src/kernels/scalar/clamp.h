/* The clamp of a step, where it is narrower than int8. */
#ifndef PLR_SCALAR_CLAMP_H
#define PLR_SCALAR_CLAMP_H

#include "../rounding.h"

/* Bring the output's values into the step's clamp. */
static inline void plr_scalar_clamp(const plr_call_t *call) {
    const plr_box_t *output = &call->output;
    if (call->parameters.clamp_minimum == INT8_MIN && call->parameters.clamp_maximum == INT8_MAX) {
        return;
    }
    for (uint32_t row = 0; row < output->rows; row++) {
        int8_t *values = plr_box_output(output, row);
        for (uint32_t column = 0; column < output->columns; column++) {
            for (uint32_t channel = 0; channel < output->channels; channel++) {
                values[channel] = plr_clamp(&call->parameters, values[channel]);
            }
            values += output->pixel_stride_bytes;
        }
    }
}

#endif
