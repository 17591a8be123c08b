#include <stdbool.h>

#include "../kernel.h"
#include "clamp.h"
#include "inner.h"

#define WINDOW 3u
#define WORD 4u /* rows of a word: one more than a window has, so that two windows fit */
#define HALF 2u
#define PLANE_BYTES (PLR_MVE_COLUMNS * WORD)
#define OUTPUTS 8u      /* of a block */
#define PAIR_COLUMNS 4u /* of a block of two rows */

/* Columns of output whose blocks read no column beyond a plane, by column stride. */
#define PART_COLUMNS(stride) ((stride) == 1 ? 120u : 56u)

/* Some columns of the output, and where their input lies. */
typedef struct part {
    uint32_t first_column; /* of the output */
    uint32_t columns;
    uint32_t line_columns; /* that the windows reach */
    uint32_t valid_first;  /* of the line: columns that the input has */
    uint32_t valid_count;
    uint32_t source_column; /* of the input, of the first valid one */
} part_t;

/* Up to eight channels of a part: four rows at a time are in the planes. */
typedef struct planes {
    const plr_parameters_t *parameters;
    const plr_box_t *input;
    const part_t *part;
    uint8_t *words;
    uint32_t channel;
    uint32_t channels;
    int8_t padding[PLR_MVE_PLANES];
    uint32_t first_row; /* held, of the padded input */
    bool is_turned;     /* it is in the upper half of the words */
} planes_t;

#define NO_ROW UINT32_MAX

static part_t part_of(const plr_call_t *call, uint32_t input_columns, uint32_t first_column) {
    const plr_parameters_t *parameters = &call->parameters;
    const uint32_t stride = parameters->stride_columns;
    const uint32_t left = call->output.columns - first_column;
    const uint32_t start = first_column * stride; /* in the padded input */
    const uint32_t pad = parameters->pad_left;
    part_t part = {.first_column = first_column,
                   .columns = left < PART_COLUMNS(stride) ? left : PART_COLUMNS(stride),
                   .valid_first = start < pad ? pad - start : 0,
                   .source_column = start < pad ? 0 : start - pad};
    part.line_columns = (part.columns - 1) * stride + WINDOW;
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

/* Fill the columns of all planes that the input does not have. */
static void fill_margins(const part_t *part, uint8_t *words, int32_t zero_point) {
    const uint32_t word = (uint8_t)zero_point * 0x01010101u;
    for (uint32_t plane = 0; plane < PLR_MVE_PLANES; plane++, words += PLANE_BYTES) {
        uint32_t *line = (uint32_t *)(void *)words;
        for (uint32_t column = 0; column < part->valid_first; column++) {
            line[column] = word;
        }
        for (uint32_t column = part->valid_first + part->valid_count; column < part->line_columns; column++) {
            line[column] = word;
        }
    }
}

/* A row of the padded input at the part's first valid column; `stride_bytes` becomes that of its pixels. */
static const int8_t *row_of(const planes_t *planes, uint32_t padded_row, uint32_t *stride_bytes) {
    const uint32_t row = padded_row - planes->parameters->pad_top; /* huge above the input */
    if (row >= planes->input->rows) {
        *stride_bytes = 0;
        return planes->padding;
    }
    const uint32_t pixel_bytes = planes->input->pixel_stride_bytes;
    *stride_bytes = pixel_bytes;
    return plr_box_values(planes->input, row) + (size_t)planes->part->source_column * pixel_bytes + planes->channel;
}

/* Load two rows into the half of the words that is the window's first, or its second. */
static void load(planes_t *planes, uint32_t padded_row, bool is_second) {
    uint32_t stride1_bytes = 0;
    uint32_t stride2_bytes = 0;
    const int8_t *pixels1 = row_of(planes, padded_row, &stride1_bytes);
    const int8_t *pixels2 = row_of(planes, padded_row + 1, &stride2_bytes);
    uint8_t *words = planes->words + planes->part->valid_first * WORD + (is_second != planes->is_turned ? HALF : 0);
    plr_mve_planar(words, pixels1, pixels2, planes->part->valid_count, stride1_bytes, stride2_bytes, planes->channels);
}

/* Have the four rows from `padded_row` on in the planes. */
static void move_to(planes_t *planes, uint32_t padded_row) {
    if (planes->first_row != NO_ROW && planes->first_row + HALF == padded_row) {
        planes->is_turned = !planes->is_turned;
    } else {
        planes->is_turned = false;
        load(planes, padded_row, false);
    }
    load(planes, padded_row + HALF, true);
    planes->first_row = padded_row;
}

/* The columns left over by whole blocks of one row or two, as lanes of a block. */
static uint32_t rest_lanes(uint32_t columns, bool is_pair) {
    uint32_t lanes = 0;
    for (uint32_t i = 0; i < OUTPUTS; i++) {
        const uint32_t column = is_pair ? i / 2 : i / 2 + i % 2 * PAIR_COLUMNS;
        lanes |= column < columns ? 3u << (2 * i) : 0;
    }
    return lanes;
}

/* Pixels so far apart that a block of them is out of reach of 16-bit offsets: one output at a time. */
static void run_far_columns(plr_mve_strip_t strip, uint32_t columns, uint32_t stride, plr_mve_windows_t windows) {
    strip.width_bytes = 0;
    strip.rest = 3;
    for (uint32_t column = 0; column < columns; column++) {
        windows(&strip);
        strip.planes += (size_t)stride * WORD;
        strip.output += strip.pixel_stride_bytes;
    }
}

static void run_strip(const plr_call_t *call, planes_t *planes) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_box_t *output = &call->output;
    const part_t *part = planes->part;
    const uint32_t stride = parameters->stride_columns;
    const uint32_t pixel_bytes = output->pixel_stride_bytes;
    const bool is_float = call->plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME;
    const plr_mve_windows_t pair = is_float ? plr_mve_windows_float_rows : plr_mve_windows_fixed_rows;
    const plr_mve_windows_t row = is_float ? plr_mve_windows_float_row : plr_mve_windows_fixed_row;
    const plr_mve_windows_t strided = is_float ? plr_mve_windows_float_strided : plr_mve_windows_fixed_strided;
    const uint8_t *channels = (const uint8_t *)plr_call_bytes(call, parameters->weights);
    plr_mve_strip_t strip = {.planes = planes->words,
                             .channel = channels + (size_t)planes->channel * PLR_MVE_WINDOW_BYTES,
                             .pixel_stride_bytes = pixel_bytes,
                             .zero_point = parameters->output_zero_point};
    strip.channels_end = strip.channel + (size_t)planes->channels * PLR_MVE_WINDOW_BYTES;
    const size_t shift_bytes = (size_t)part->first_column * pixel_bytes + planes->channel;
    const bool is_far = pixel_bytes > UINT16_MAX / OUTPUTS;
    const size_t reach_bytes = is_far ? 0 : UINT16_MAX - (PAIR_COLUMNS - 1) * (size_t)pixel_bytes;
    planes->first_row = NO_ROW;
    for (uint32_t y = 0; y < output->rows; y++) {
        int8_t *place = plr_box_output(output, y);
        size_t down_bytes = 0;
        if (parameters->stride_rows == 1 && stride == 1 && y + 1 < output->rows) {
            const int8_t *below = plr_box_output(output, y + 1);
            down_bytes = below > place ? (size_t)(below - place) : 0;
        }
        const bool is_pair = down_bytes > 0 && down_bytes <= reach_bytes;
        const uint32_t columns = is_pair ? PAIR_COLUMNS : OUTPUTS;
        move_to(planes, y * parameters->stride_rows);
        strip.output = place + shift_bytes;
        strip.is_turned = planes->is_turned;
        strip.second_bytes = is_pair ? (uint32_t)down_bytes : PAIR_COLUMNS * pixel_bytes;
        strip.width_bytes = part->columns / columns * columns * stride * WORD;
        strip.rest = rest_lanes(part->columns % columns, is_pair);
        if (is_far) {
            run_far_columns(strip, part->columns, stride, stride == 1 ? pair : strided);
        } else {
            (is_pair ? pair : stride == 1 ? row : strided)(&strip);
        }
        y += is_pair;
    }
}

void plr_mve_depthwise(const plr_call_t *call) {
    const plr_box_t input = plr_call_input(call, 0);
    const uint32_t channels = call->output.channels;
    const uint32_t part_columns = PART_COLUMNS(call->parameters.stride_columns);
    planes_t planes = {.parameters = &call->parameters, .input = &input, .words = call->scratch};
    for (uint32_t i = 0; i < PLR_MVE_PLANES; i++) {
        planes.padding[i] = (int8_t)call->parameters.input_zero_point;
    }
    for (uint32_t column = 0; column < call->output.columns; column += part_columns) {
        const part_t part = part_of(call, input.columns, column);
        planes.part = &part;
        fill_margins(&part, planes.words, call->parameters.input_zero_point);
        for (uint32_t channel = 0; channel < channels; channel += PLR_MVE_PLANES) {
            const uint32_t left = channels - channel;
            planes.channel = channel;
            planes.channels = left < PLR_MVE_PLANES ? left : PLR_MVE_PLANES;
            run_strip(call, &planes);
        }
    }
    plr_mve_clamp(call);
}
