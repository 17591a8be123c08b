#include "../rounding.h"
#include "../window.h"

static inline int32_t channel_maximum(const plr_window_t *window, uint32_t channel) {
    const size_t offset_bytes = window->column_offset_bytes + channel;
    int32_t maximum = INT8_MIN;
    for (uint32_t i = 0; i < window->row_taps.count; i++) {
        const int8_t *values = window->rows[i] + offset_bytes;
        for (uint32_t j = window->column_taps.count; j > 0; j--) {
            maximum = *values > maximum ? *values : maximum;
            values += window->column_step_bytes;
        }
    }
    return maximum;
}

void plr_maximum_pool(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    plr_window_t window = plr_window_over(call, &input);
    for (uint32_t row = 0; row < call->output.rows; row++) {
        int8_t *output = plr_box_output(&call->output, row);
        plr_window_to_row(&window, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            plr_window_to_column(&window, column);
            for (uint32_t channel = 0; channel < call->output.channels; channel++) {
                output[channel] = plr_clamp(&call->parameters, channel_maximum(&window, channel));
            }
            output += call->output.pixel_stride_bytes;
        }
    }
}
