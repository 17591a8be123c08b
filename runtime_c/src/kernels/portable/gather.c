#include <string.h>

#include "../kernel.h"

/* The pixel of the input that was read last: most runs of an output pixel stay within one. */
typedef struct pixel {
    const int8_t *values;
    uint32_t first; /* place of its first element in the order of the input */
} pixel_t;

static pixel_t pixel_at(const plr_box_t *input, uint32_t place) {
    const uint32_t number = place / input->channels;
    const uint32_t row = number / input->columns;
    const uint32_t column = number % input->columns;
    return (pixel_t){.values = plr_box_values(input, row) + (size_t)column * input->pixel_stride_bytes,
                     .first = number * input->channels};
}

/* Copy consecutive elements of the input, which may reach over several of its pixels. The loader does not forbid that
 * input and output overlap, hence memmove(). */
static void copy_run(const plr_box_t *input, pixel_t *pixel, uint32_t place, uint32_t length, int8_t *output) {
    while (length > 0) {
        if (place - pixel->first >= input->channels) {
            *pixel = pixel_at(input, place);
        }
        const uint32_t channel = place - pixel->first;
        const uint32_t rest = input->channels - channel;
        const uint32_t count = length < rest ? length : rest;
        if (count == 1) {
            *output = pixel->values[channel];
        } else {
            memmove(output, pixel->values + channel, count);
        }
        output += count;
        place += count;
        length -= count;
    }
}

void plr_gather(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const int32_t *row_offsets = plr_call_words(call, call->parameters.table);
    const int32_t *column_offsets = row_offsets + call->output.rows;
    const int32_t *run_count = column_offsets + call->output.columns;
    for (uint32_t row = 0; row < call->output.rows; row++) {
        int8_t *output = plr_box_output(&call->output, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            const uint32_t base = (uint32_t)row_offsets[row] + (uint32_t)column_offsets[column];
            const int32_t *run = run_count + 1;
            int8_t *written = output;
            pixel_t pixel = pixel_at(&input, base + (uint32_t)run[0]);
            for (int32_t i = 0; i < *run_count; i++, run += 2) {
                copy_run(&input, &pixel, base + (uint32_t)run[0], (uint32_t)run[1], written);
                written += run[1];
            }
            output += call->output.pixel_stride_bytes;
        }
    }
}
