/* Whether constants of the MVE variant are what its kernels rely on. */
#ifndef PLR_MVE_STREAM_H
#define PLR_MVE_STREAM_H

#include "../kernel.h"

plr_status_t plr_mve_check_groups(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels);

plr_status_t plr_mve_check_windows(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels);

plr_status_t plr_mve_check_terms(const plr_plan_t *plan, const plr_parameters_t *parameters);

#endif
