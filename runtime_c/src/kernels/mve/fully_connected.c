#include "../gather_window.h"
#include "clamp.h"
#include "pixels.h"

void plr_mve_fully_connected(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    int8_t *values = (int8_t *)call->scratch;
    plr_mve_product_t product = plr_mve_product(call);
    plr_window_t window = plr_window_over(call, &input);
    plr_window_to_row(&window, 0);
    plr_window_to_column(&window, 0);
    plr_gather_window_by(&window, values, plr_mve_copy);
    plr_mve_run(&product, values, 0, plr_box_row(&call->output, 0), 0, 1);
    plr_mve_clamp(call);
}
