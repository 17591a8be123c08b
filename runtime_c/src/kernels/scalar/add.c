#include "../addition.h"
#include "clamp.h"
#include "inner.h"

void plr_scalar_add(const plr_call_t *call) {
    plr_add_runs(call, plr_scalar_add_run);
    plr_scalar_clamp(call);
}
