#include "../kernel.h"
#include "../table.h"

void plr_concat(const plr_call_t *call) {
    uint32_t first_channel = 0;
    for (uint32_t i = 0; i < call->input_count; i++) {
        const plr_box_t input = plr_call_input(call, i);
        PLR_ASSERT(first_channel + input.channels <= call->output.channels);
        plr_map_box(&input, &call->output, first_channel, plr_call_bytes(call, input.table));
        first_channel += input.channels;
    }
}
