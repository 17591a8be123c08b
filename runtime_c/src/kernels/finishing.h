/* Finishing runs of sums; cores with MVE finish four at once, to the same bytes. */
#ifndef PLR_FINISHING_H
#define PLR_FINISHING_H

#include "rounding.h"

/* Whose factor each of some sums has: the one of its place, or the first. */
typedef enum plr_factors { PLR_FACTOR_EACH, PLR_FACTOR_SHARED } plr_factors_t;

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#endif

/* int8 values of complete sums, to which `bias` is added unless it is NULL. Sums wrap modulo 2^32. */
void plr_finish_run(const plr_finish_t *finish, plr_factors_t factors, const int32_t *sums, const int32_t *bias,
                    int8_t *output, uint32_t count);

#endif
