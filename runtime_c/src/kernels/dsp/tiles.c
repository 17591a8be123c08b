#include "tiles.h"

#include <stdbool.h>

#include "stream.h"

plr_dsp_tiles_t plr_dsp_tiles(const plr_call_t *call, uint32_t depth) {
    const uint32_t *stream = (const uint32_t *)plr_call_words(call, call->parameters.weights);
    const uint32_t *groups = stream + PLR_DSP_HEADER_WORDS;
    const bool is_float = call->plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME;
    return (plr_dsp_tiles_t){.pairs = is_float ? plr_dsp_pairs_float : plr_dsp_pairs_fixed,
                             .channels = call->output.channels,
                             .depth = depth,
                             .chunks = plr_padded_taps(&call->parameters) / PLR_DSP_CHUNK,
                             .expanded = (uint32_t *)(void *)call->scratch,
                             .groups = groups,
                             .groups_end = groups + stream[PLR_DSP_PAIRED_WORDS],
                             .last_end = groups + stream[PLR_DSP_ALL_WORDS]};
}

static void expand(const plr_dsp_tiles_t *tiles, const int8_t *const pixels[PLR_DSP_PIXELS]) {
    const uint32_t whole = tiles->depth / PLR_DSP_CHUNK;
    if (whole > 0) {
        plr_dsp_expand(tiles->expanded, pixels, whole);
    }
    if (whole < tiles->chunks) {
        int8_t rest[PLR_DSP_PIXELS][PLR_DSP_CHUNK] = {{0}};
        const int8_t *rests[PLR_DSP_PIXELS];
        for (uint32_t p = 0; p < PLR_DSP_PIXELS; p++) {
            for (uint32_t k = whole * PLR_DSP_CHUNK; k < tiles->depth; k++) {
                rest[p][k % PLR_DSP_CHUNK] = pixels[p][k];
            }
            rests[p] = rest[p];
        }
        plr_dsp_expand(tiles->expanded + whole * 2 * PLR_DSP_PIXELS, rests, 1);
    }
}

void plr_dsp_tile_run(const plr_dsp_tiles_t *tiles, const int8_t *const pixels[PLR_DSP_PIXELS],
                      int8_t *const outputs[PLR_DSP_PIXELS]) {
    const size_t pair_bytes = 2;
    plr_dsp_tile_t tile = {.expanded = tiles->expanded,
                           .groups = tiles->groups,
                           .output = outputs[0],
                           .groups_end = tiles->groups_end,
                           .expanded_end = tiles->expanded + tiles->chunks * 2 * PLR_DSP_PIXELS};
    expand(tiles, pixels);
    for (uint32_t p = 1; p < PLR_DSP_PIXELS; p++) {
        tile.offset_bytes[p - 1] = (int32_t)(outputs[p] - outputs[0]);
    }
    if (tile.groups != tile.groups_end) {
        tiles->pairs(&tile);
    }
    if (tiles->groups_end != tiles->last_end) {
        int8_t last[PLR_DSP_PIXELS * 2];
        const uint32_t channel = tiles->channels - 1;
        tile.groups = tiles->groups_end;
        tile.groups_end = tiles->last_end;
        tile.output = last;
        for (uint32_t p = 1; p < PLR_DSP_PIXELS; p++) {
            tile.offset_bytes[p - 1] = (int32_t)(p * pair_bytes);
        }
        tiles->pairs(&tile);
        for (uint32_t p = 0; p < PLR_DSP_PIXELS; p++) {
            outputs[p][channel] = last[p * pair_bytes];
        }
    }
}
