#include <string.h>

#include "../strips.h"
#include "clamp.h"
#include "inner.h"
#include "stream.h"

#define PLANE_BYTES (PLR_SCALAR_LINES * PLR_SCALAR_LINE_BYTES)
#define WINDOW 3u

/* Columns of output whose input fits a line. */
#define STRIP_COLUMNS(stride) ((PLR_SCALAR_LINE_BYTES - WINDOW) / (stride) + 1)

static void fill(int8_t *line, uint32_t count, int8_t value) {
    for (uint32_t plane = 0; plane < PLR_SCALAR_PLANES && count > 0; plane++, line += PLANE_BYTES) {
        memset(line, value, count);
    }
}

/* Some channels of one input row into its line. */
static void load_row(const plr_strip_part_t *part, const plr_box_t *input, uint32_t row, uint32_t channel,
                     uint32_t channels, int8_t *line) {
    const uint32_t stride_bytes = input->pixel_stride_bytes;
    const int8_t *pixels = plr_box_values(input, row) + (size_t)part->source_column * stride_bytes + channel;
    if (channels == PLR_SCALAR_PLANES) {
        plr_scalar_planar(line, pixels, stride_bytes, part->valid_count);
        return;
    }
    for (uint32_t column = 0; column < part->valid_count; column++, pixels += stride_bytes) {
        for (uint32_t plane = 0; plane < channels; plane++) {
            line[plane * PLANE_BYTES + column] = pixels[plane];
        }
    }
}

static void run_strip(const plr_call_t *call, const plr_box_t *input, const plr_strip_part_t *part, uint32_t channel,
                      uint32_t channels) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t *output = &call->output;
    const plr_scalar_row_t *rows =
        call->plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME ? plr_scalar_rows_float : plr_scalar_rows_fixed;
    const plr_scalar_row_t run_row = rows[parameters->stride_columns - 1];
    const uint8_t *records = (const uint8_t *)plr_call_bytes(call, parameters->weights);
    int8_t *lines = (int8_t *)call->scratch;
    plr_scalar_strip_t strip = {.planes = lines,
                                .columns = part->columns,
                                .channel = records + (size_t)channel * PLR_SCALAR_RECORD_BYTES,
                                .channels = channels,
                                .pixel_stride_bytes = output->pixel_stride_bytes};
    uint32_t turn = 0;   /* line of the window's first row */
    uint32_t loaded = 0; /* rows of the padded input: those before it are in their lines or no longer needed */
    for (uint32_t y = 0; y < output->rows; y++) {
        const uint32_t first = y * parameters->stride_rows;
        uint32_t line = first < loaded ? (turn + loaded - first) % PLR_SCALAR_LINES : turn;
        for (loaded = first < loaded ? loaded : first; loaded < first + WINDOW; loaded++) {
            const uint32_t row = loaded - parameters->pad_top;
            int8_t *values = lines + line * PLR_SCALAR_LINE_BYTES + part->valid_first;
            if (loaded >= parameters->pad_top && row < input->rows) {
                load_row(part, input, row, channel, channels, values);
            } else {
                fill(values, part->valid_count, parameters->input_zero_point);
            }
            line = line + 1 == PLR_SCALAR_LINES ? 0 : line + 1;
        }
        strip.output = plr_box_output(output, y) + (size_t)part->first_column * output->pixel_stride_bytes + channel;
        strip.rotation_bytes = (PLR_SCALAR_LINES - turn) % PLR_SCALAR_LINES * WINDOW;
        run_row(&strip);
        turn = (turn + parameters->stride_rows) % PLR_SCALAR_LINES;
    }
}

void plr_scalar_depthwise(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const int8_t zero_point = call->parameters.input_zero_point;
    const uint32_t channels = call->output.channels;
    const uint32_t planes = channels < PLR_SCALAR_PLANES ? channels : PLR_SCALAR_PLANES;
    const uint32_t most = STRIP_COLUMNS(call->parameters.stride_columns);
    int8_t *lines = (int8_t *)call->scratch;
    for (uint32_t column = 0; column < call->output.columns; column += most) {
        const plr_strip_part_t part = plr_strip_part(call, input.columns, column, most);
        const uint32_t valid_end = part.valid_first + part.valid_count;
        for (uint32_t line = 0; line < PLR_SCALAR_LINES; line++) {
            int8_t *values = lines + line * PLR_SCALAR_LINE_BYTES;
            fill(values, part.valid_first, zero_point);
            fill(values + valid_end, part.line_columns - valid_end, zero_point);
        }
        for (uint32_t channel = 0; channel < channels; channel += planes) {
            /* The last channels are computed again rather than one by one. */
            const uint32_t left = channels - channel;
            run_strip(call, &input, &part, left < planes ? channels - planes : channel, planes);
        }
    }
    plr_scalar_clamp(call);
}
