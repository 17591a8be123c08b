#include "../kernel.h"
#include "clamp.h"
#include "inner.h"

#define PLANE_ELEMENTS (PLR_DSP_LINES * PLR_DSP_COLUMNS)
#define WINDOW 3u

/* Columns of output whose input fits a line, even in pairs of which the second is cut off. */
#define STRIP_COLUMNS(stride) ((PLR_DSP_COLUMNS - WINDOW) / (stride) / 2 * 2)

/* Some columns of output of up to four channels, and where their input lies. */
typedef struct plr_dsp_part {
    uint32_t first_column; /* of the output */
    uint32_t columns;
    uint32_t line_columns; /* that the window reaches */
    uint32_t valid_first;  /* of the line: columns that the input has */
    uint32_t valid_count;
    uint32_t source_column; /* of the input, of the first valid one */
    uint32_t channel;       /* that are loaded */
    uint32_t channels;
    uint32_t skipped; /* of them, that have been computed before */
} plr_dsp_part_t;

static plr_dsp_part_t part_of(const plr_call_t *call, uint32_t input_columns, uint32_t first_column) {
    const plr_parameters_t *parameters = &call->parameters;
    const uint32_t stride = parameters->stride_columns;
    const uint32_t left = call->output.columns - first_column;
    plr_dsp_part_t part = {.first_column = first_column,
                           .columns = left < STRIP_COLUMNS(stride) ? left : STRIP_COLUMNS(stride)};
    const uint32_t start = first_column * stride; /* in the padded input */
    const uint32_t pad = parameters->pad_left;
    part.line_columns = (part.columns - 1) * stride + WINDOW;
    part.valid_first = start < pad ? pad - start : 0;
    part.source_column = start < pad ? 0 : start - pad;
    if (part.valid_first > part.line_columns) {
        part.valid_first = part.line_columns;
    }
    if (part.source_column < input_columns) {
        const uint32_t reached = part.line_columns - part.valid_first;
        const uint32_t present = input_columns - part.source_column;
        part.valid_count = reached < present ? reached : present;
    }
    return part;
}

static void fill(int16_t *line, uint32_t count, int16_t value) {
    for (uint32_t plane = 0; plane < PLR_DSP_PLANES; plane++, line += PLANE_ELEMENTS) {
        for (uint32_t column = 0; column < count; column++) {
            line[column] = value;
        }
    }
}

/* Columns that the planar copy does not do: an odd one, or the last ones of fewer channels than it reads. */
static void copy_columns(int16_t *line, const int8_t *pixels, uint32_t stride_bytes, uint32_t columns,
                         uint32_t channels) {
    for (; columns > 0; columns--, line++, pixels += stride_bytes) {
        for (uint32_t plane = 0; plane < channels; plane++) {
            line[plane * PLANE_ELEMENTS] = pixels[plane];
        }
    }
}

/* One input row into its line. */
static void load_row(const plr_dsp_part_t *part, const plr_box_t *input, uint32_t row, int16_t *line) {
    const uint32_t stride_bytes = input->pixel_stride_bytes;
    const int8_t *pixels = plr_box_values(input, row) + (size_t)part->source_column * stride_bytes + part->channel;
    /* The planar copy reads the channels of all planes, so that it must end before columns where fewer are left. */
    const uint32_t unsafe = (PLR_DSP_PLANES - part->channels + stride_bytes - 1) / stride_bytes;
    const uint32_t pairs = part->valid_count < unsafe ? 0 : (part->valid_count - unsafe) / 2;
    line += part->valid_first;
    if (pairs > 0) {
        plr_dsp_planar(line, pixels, stride_bytes, pairs);
    }
    copy_columns(line + 2 * pairs, pixels + 2 * (size_t)pairs * stride_bytes, stride_bytes,
                 part->valid_count - 2 * pairs, part->channels);
}

static void run_part(const plr_call_t *call, const plr_box_t *input, const plr_dsp_part_t *part) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t *output = &call->output;
    const uint32_t stride = parameters->stride_columns;
    const plr_dsp_row_t *rows = call->plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME
                                    ? plr_dsp_rows_float[stride - 1]
                                    : plr_dsp_rows_fixed[stride - 1];
    const uint32_t *channels = (const uint32_t *)plr_call_words(call, parameters->weights);
    int16_t *lines = (int16_t *)(void *)call->scratch;
    const uint32_t first_channel = part->channel + part->skipped;
    plr_dsp_strip_t strip = {.planes = lines + part->skipped * PLANE_ELEMENTS,
                             .pairs_bytes = part->columns / 2 * 4 * stride,
                             .channel = channels + (size_t)first_channel * PLR_DSP_CHANNEL_WORDS,
                             .channels = part->channels - part->skipped,
                             .is_odd = part->columns % 2,
                             .pixel_stride_bytes = output->pixel_stride_bytes};
    uint32_t turn = 0;   /* line of the window's first row */
    uint32_t loaded = 0; /* rows of the padded input: those before it are in their lines or no longer needed */
    for (uint32_t y = 0; y < output->rows; y++) {
        const uint32_t first = y * parameters->stride_rows;
        uint32_t line = first < loaded ? (turn + loaded - first) % PLR_DSP_LINES : turn;
        for (loaded = first < loaded ? loaded : first; loaded < first + WINDOW; loaded++) {
            const uint32_t row = loaded - parameters->pad_top;
            if (loaded >= parameters->pad_top && row < input->rows) {
                load_row(part, input, row, lines + line * PLR_DSP_COLUMNS);
            } else {
                fill(lines + line * PLR_DSP_COLUMNS + part->valid_first, part->valid_count,
                     parameters->input_zero_point);
            }
            line = line + 1 == PLR_DSP_LINES ? 0 : line + 1;
        }
        strip.output =
            plr_box_output(output, y) + (size_t)part->first_column * output->pixel_stride_bytes + first_channel;
        rows[turn](&strip);
        turn = (turn + parameters->stride_rows) % PLR_DSP_LINES;
    }
}

void plr_dsp_depthwise(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const uint32_t channels = call->output.channels;
    int16_t *lines = (int16_t *)(void *)call->scratch;
    const uint32_t strip = STRIP_COLUMNS(call->parameters.stride_columns);
    for (uint32_t column = 0; column < call->output.columns; column += strip) {
        plr_dsp_part_t part = part_of(call, input.columns, column);
        const uint32_t valid_end = part.valid_first + part.valid_count;
        for (uint32_t line = 0; line < PLR_DSP_LINES; line++) {
            int16_t *values = lines + line * PLR_DSP_COLUMNS;
            fill(values, part.valid_first, call->parameters.input_zero_point);
            fill(values + valid_end, part.line_columns - valid_end, call->parameters.input_zero_point);
        }
        for (uint32_t channel = 0; channel < channels; channel += PLR_DSP_PLANES) {
            /* The last strip begins where it has all planes, as far as there are as many channels. */
            part.channels = channels < PLR_DSP_PLANES ? channels : PLR_DSP_PLANES;
            part.channel = channels - channel < part.channels ? channels - part.channels : channel;
            part.skipped = channel - part.channel;
            run_part(call, &input, &part);
        }
    }
    plr_dsp_clamp(call);
}
