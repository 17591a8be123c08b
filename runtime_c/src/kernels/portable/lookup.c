#include "../kernel.h"
#include "../table.h"

void plr_lookup(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const int8_t *table = plr_call_bytes(call, call->parameters.table);
    if ((call->parameters.flags & PLR_PARAMETERS_FLAG_CHANNEL_TABLES) != 0) {
        plr_map_channels(&input, &call->output, table);
    } else {
        plr_map_box(&input, &call->output, 0, table);
    }
}
