/* Float arithmetic of the ONNXRUNTIME rule where it is defined step by step in float32 and float64. Products and sums
 * are separate statements and the build forbids contraction, so every step rounds once. */
#ifndef PLR_FLOATING_H
#define PLR_FLOATING_H

#include <float.h>

#include "kernel.h"

#if FLT_EVAL_METHOD != 0
#error "float expressions must be evaluated in float: on x86 use -msse2 -mfpmath=sse"
#endif

#define PLR_UNSIGNED_OFFSET 128

/* What to add to int8 values to round as the model's uint8 values. */
static inline int32_t plr_unsigned_offset(const plr_parameters_t *parameters) {
    return (parameters->flags & PLR_PARAMETERS_FLAG_UNSIGNED) != 0 ? PLR_UNSIGNED_OFFSET : 0;
}

/* `value` to the nearest integer, ties to even; values beyond +-1024 become +-1024, outside every clamp. */
static inline int32_t plr_to_integer(float value) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: its unit in the last place is 1 */
    const float bounded = value < -1024.0f ? -1024.0f : value > 1024.0f ? 1024.0f : value;
    const float shifted = bounded + magic;
    return (int32_t)(shifted - magic);
}

#endif
