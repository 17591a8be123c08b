/* The clamp of a step, where it is narrower than int8. */
#ifndef PLR_MVE_CLAMP_H
#define PLR_MVE_CLAMP_H

#include "../kernel.h"

/* Bring the output's values into the step's clamp. */
void plr_mve_clamp(const plr_call_t *call);

#endif
