#include "../addition.h"
#include "clamp.h"
#include "inner.h"

void plr_mve_add(const plr_call_t *call) {
    plr_add_runs(call, plr_mve_add_run);
    plr_mve_clamp(call);
}
