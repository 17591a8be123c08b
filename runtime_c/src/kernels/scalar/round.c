#include "../rounding.h"
#include "inner.h"
#include "stream.h"

#define FACTOR_BITS 24 /* of a quantisation record's multiplier; one of a finish has 31 */
#define FINISH_BITS 31

int32_t plr_scalar_round(int32_t sum, uint32_t addend, uint32_t multiplier, uint32_t shift) {
    const int32_t one = 1 << PLR_SCALAR_FRACTION_BITS;
    const int32_t zero_point = ((int32_t)addend - one / 2 - 1) / one;
    /* (sum << shift) * multiplier / 2^32 is 2^14 times the value. */
    const int32_t factor_shift = 32 + (int32_t)PLR_SCALAR_FRACTION_BITS - (FINISH_BITS - FACTOR_BITS) - (int32_t)shift;
    return plr_float_product(sum, (int32_t)(multiplier >> (FINISH_BITS - FACTOR_BITS)), factor_shift) + zero_point;
}
