#include "../addition.h"
#include "clamp.h"
#include "inner.h"

void plr_dsp_add(const plr_call_t *call) {
    plr_add_runs(call, plr_dsp_add_run);
    plr_dsp_clamp(call);
}
