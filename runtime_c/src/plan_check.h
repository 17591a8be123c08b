/* The rules of a plan's records: docs/PLAN_FORMAT.md, section 4. */
#ifndef PLR_PLAN_CHECK_H
#define PLR_PLAN_CHECK_H

#include <stdbool.h>

#include "plr/plan.h"

/* Check the records of a plan whose header and section table are in order. */
PLR_MUST_CHECK plr_status_t plr_plan_check(const plr_plan_t *plan);

/* Check a KERNEL step whose operands are in order; the rules that depend on the kernel. */
PLR_MUST_CHECK plr_status_t plr_kernel_check(const plr_plan_t *plan, const plr_step_t *step);

/* Check that the constants hold a * b * c * d bytes at an aligned offset. None of the factors may be 0. */
PLR_MUST_CHECK plr_status_t plr_constant_check(const plr_plan_t *plan, uint32_t offset, uint32_t a, uint32_t b,
                                               uint32_t c, uint32_t d);

/* Whether a multiplier and a shift are within the range of the plan's rounding rule. */
bool plr_factor_is_sound(const plr_plan_t *plan, const plr_quantisation_t *factor);

#endif
