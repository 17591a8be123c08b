#include "../copying.h"
#include "../kernel.h"

void plr_copy(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    plr_copy_box(&input, &call->output, 0, 0);
}
