#include "../gather_window.h"
#include "clamp.h"
#include "pixels.h"

/* Places for the values under some windows, as pixels of many channels. */
typedef struct patches {
    int8_t *values;
    uint32_t stride_bytes;
    uint32_t capacity;
    uint32_t waiting; /* to be computed */
    uint8_t *output;  /* of the first that waits */
} patches_t;

/* Gather the values of columns whose windows lie inside of the input, from the window's column on. */
static void gather_inside(const plr_window_t *window, int8_t *values, uint32_t stride_bytes, uint32_t columns) {
    const plr_parameters_t *parameters = window->parameters;
    const uint32_t depth = window->input->channels;
    const uint32_t step_bytes = parameters->stride_columns * window->input->pixel_stride_bytes;
    const bool is_dense = window->column_step_bytes == depth;
    const uint32_t copies = is_dense ? 1 : parameters->kernel_columns;
    const uint32_t count = is_dense ? parameters->kernel_columns * depth : depth;
    if (window->row_taps.count < parameters->kernel_rows) {
        memset(values, parameters->input_zero_point, (size_t)columns * stride_bytes);
    }
    values += (size_t)window->row_taps.first * copies * count;
    for (uint32_t i = 0; i < window->row_taps.count; i++) {
        const int8_t *source = window->rows[i] + window->column_offset_bytes;
        for (uint32_t j = 0; j < copies; j++) {
            plr_mve_spread(values, source, count, columns, stride_bytes, step_bytes);
            values += count;
            source += window->column_step_bytes;
        }
    }
}

static void flush(plr_mve_product_t *product, patches_t *patches, uint32_t output_stride_bytes) {
    plr_mve_run(product, patches->values, patches->stride_bytes, patches->output, output_stride_bytes,
                patches->waiting);
    patches->waiting = 0;
}

void plr_mve_convolution(const plr_call_t *call) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t input = plr_call_input(call, 0);
    const plr_box_t *output = &call->output;
    const uint32_t scratch_bytes =
        PLR_MVE_CONVOLUTION_SCRATCH_BYTES + PLR_MVE_CONVOLUTION_TAP_SCRATCH_BYTES * plr_padded_taps(parameters);
    patches_t patches = {.values = (int8_t *)call->scratch,
                         .stride_bytes = plr_mve_blocks(plr_taps(parameters)) * PLR_MVE_BLOCK,
                         .output = plr_box_row(output, 0)};
    plr_mve_product_t product = plr_mve_product(call);
    plr_window_t window = plr_window_over(call, &input);
    const plr_taps_t inside = plr_inside(parameters, input.columns, output->columns);
    patches.capacity = scratch_bytes / patches.stride_bytes / 2 * 2;
    for (uint32_t row = 0; row < output->rows; row++) {
        uint8_t *place = plr_box_row(output, row);
        uint32_t count = 1;
        plr_window_to_row(&window, row);
        for (uint32_t column = 0; column < output->columns; column += count) {
            const uint8_t *next = patches.output + (size_t)patches.waiting * output->pixel_stride_bytes;
            if (patches.waiting == patches.capacity || place != next) {
                flush(&product, &patches, output->pixel_stride_bytes);
            }
            if (patches.waiting == 0) {
                patches.output = place;
            }
            int8_t *values = patches.values + (size_t)patches.waiting * patches.stride_bytes;
            plr_window_to_column(&window, column);
            if (column >= inside.first && column < inside.first + inside.count) {
                const uint32_t left = inside.first + inside.count - column;
                const uint32_t room = patches.capacity - patches.waiting;
                count = left < room ? left : room;
                gather_inside(&window, values, patches.stride_bytes, count);
            } else {
                count = 1;
                plr_gather_window_by(&window, values, plr_mve_copy);
            }
            patches.waiting += count;
            place += (size_t)count * output->pixel_stride_bytes;
        }
    }
    flush(&product, &patches, output->pixel_stride_bytes);
    plr_mve_clamp(call);
}
