/* Convolutions as products of pixels with weights: tiles of some pixels by all output channels. */
#ifndef PLR_SCALAR_TILES_H
#define PLR_SCALAR_TILES_H

#include "../rounding.h"
#include "inner.h"

typedef struct plr_scalar_tiles {
    const plr_scalar_tile_run_t *run; /* by the channels of a group, less 1 */
    const uint32_t *stream;
    uint32_t channels;
    uint32_t depth;
    plr_finish_t finish; /* of general groups; its factors are theirs */
} plr_scalar_tiles_t;

/* Tiles over the step's weights. */
plr_scalar_tiles_t plr_scalar_tiles(const plr_call_t *call);

/* Compute the first `count` of a tile's pixels and outputs, at least one; the rest is filled up with the first. */
void plr_scalar_tile_run(const plr_scalar_tiles_t *tiles, const int8_t *const pixels[PLR_SCALAR_PIXELS],
                         int8_t *const outputs[PLR_SCALAR_PIXELS], uint32_t count);

/* Compute `count` whole tiles, not 0, of pixels and outputs that follow each other. */
void plr_scalar_tiles_run(const plr_scalar_tiles_t *tiles, const int8_t *pixel, uint32_t pixel_stride_bytes,
                          int8_t *output, uint32_t output_stride_bytes, uint32_t count);

#endif
