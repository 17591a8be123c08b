#include "../kernel.h"
#include "../table.h"

void plr_lookup(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    plr_map_box(&input, &call->output, 0, plr_call_bytes(call, call->parameters.table));
}
