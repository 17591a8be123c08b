#include "tiles.h"

#include <stdbool.h>

#include "stream.h"

plr_scalar_tiles_t plr_scalar_tiles(const plr_call_t *call) {
    const bool is_float = call->plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME;
    return (plr_scalar_tiles_t){.run = is_float ? plr_scalar_tiles_float : plr_scalar_tiles_fixed,
                                .stream = (const uint32_t *)plr_call_words(call, call->parameters.weights),
                                .channels = call->output.channels,
                                .depth = plr_taps(&call->parameters),
                                .finish = plr_finish_with(call, NULL)};
}

/* Groups whose finish no inner loop has, of one tile: their sums, and the general rounding of each. */
static void tile_general(const plr_scalar_tiles_t *tiles, plr_scalar_tile_t tile, uint32_t channels) {
    const uint32_t *end = tile.groups_end;
    const uint32_t constants = channels + plr_scalar_weight_words(tiles->depth, channels);
    int8_t *outputs[PLR_SCALAR_PIXELS];
    int32_t sums[PLR_SCALAR_PIXELS][PLR_SCALAR_GROUP];
    tile.count = 1;
    for (uint32_t p = 0; p < PLR_SCALAR_PIXELS; p++) {
        outputs[p] = tile.outputs[p];
    }
    while (tile.groups != end) {
        const uint32_t *finishes = tile.groups + constants;
        tile.groups_end = finishes;
        for (uint32_t p = 0; p < PLR_SCALAR_PIXELS; p++) {
            tile.outputs[p] = (int8_t *)(void *)sums[p];
        }
        plr_scalar_tiles_sums[channels - 1](&tile);
        for (uint32_t c = 0; c < channels; c++, finishes += PLR_SCALAR_FINISH_WORDS) {
            plr_finish_t finish = tiles->finish;
            finish.factors = (const int32_t *)(finishes + PLR_SCALAR_MULTIPLIER);
            for (uint32_t p = 0; p < PLR_SCALAR_PIXELS; p++) {
                *outputs[p]++ = plr_finish(&finish, 0, (uint32_t)sums[p][c]);
            }
        }
        tile.groups = finishes;
    }
}

static void run_general(const plr_scalar_tiles_t *tiles, plr_scalar_tile_t tile, uint32_t channels) {
    for (uint32_t i = 0; i < tile.count; i++) {
        tile_general(tiles, tile, channels);
        for (uint32_t p = 0; p < PLR_SCALAR_PIXELS; p++) {
            tile.pixels[p] += tile.input_step;
            tile.outputs[p] += tile.output_step;
        }
    }
}

/* All channels of some tiles, whose groups are yet to be set. */
static void run_all(const plr_scalar_tiles_t *tiles, plr_scalar_tile_t *tile) {
    tile->depth = tiles->depth;
    tile->groups_end = tiles->stream;
    for (uint32_t channel = 0; channel < tiles->channels;) {
        const uint32_t *run = tile->groups_end;
        const uint32_t channels = run[PLR_SCALAR_RUN_KIND] % PLR_SCALAR_GENERAL;
        const uint32_t groups = run[PLR_SCALAR_RUN_GROUPS];
        tile->groups = run + PLR_SCALAR_RUN_WORDS;
        tile->groups_end = tile->groups + (size_t)groups * plr_scalar_group_words(tiles->depth, channels);
        if (run[PLR_SCALAR_RUN_KIND] < PLR_SCALAR_GENERAL) {
            tiles->run[channels - 1](tile);
        } else {
            run_general(tiles, *tile, channels);
        }
        channel += groups * channels;
        for (uint32_t p = 0; p < PLR_SCALAR_PIXELS; p++) {
            tile->outputs[p] += groups * channels;
        }
    }
}

void plr_scalar_tile_run(const plr_scalar_tiles_t *tiles, const int8_t *const pixels[PLR_SCALAR_PIXELS],
                         int8_t *const outputs[PLR_SCALAR_PIXELS], uint32_t count) {
    plr_scalar_tile_t tile = {.count = 1};
    for (uint32_t p = 0; p < PLR_SCALAR_PIXELS; p++) {
        tile.pixels[p] = pixels[p < count ? p : 0];
        tile.outputs[p] = outputs[p < count ? p : 0];
    }
    run_all(tiles, &tile);
}

void plr_scalar_tiles_run(const plr_scalar_tiles_t *tiles, const int8_t *pixel, uint32_t pixel_stride_bytes,
                          int8_t *output, uint32_t output_stride_bytes, uint32_t count) {
    plr_scalar_tile_t tile = {.count = count,
                              .input_step = PLR_SCALAR_PIXELS * pixel_stride_bytes,
                              .output_step = PLR_SCALAR_PIXELS * output_stride_bytes};
    for (uint32_t p = 0; p < PLR_SCALAR_PIXELS; p++) {
        tile.pixels[p] = pixel + p * (size_t)pixel_stride_bytes;
        tile.outputs[p] = output + p * (size_t)output_stride_bytes;
    }
    run_all(tiles, &tile);
}
