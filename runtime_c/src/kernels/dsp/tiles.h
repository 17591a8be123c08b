/* Convolutions as products of pixels with weights: tiles of four pixels by all output channels. */
#ifndef PLR_DSP_TILES_H
#define PLR_DSP_TILES_H

#include "../kernel.h"
#include "inner.h"

typedef struct plr_dsp_tiles {
    void (*pairs)(const plr_dsp_tile_t *tile);
    uint32_t channels;
    uint32_t depth;  /* values of a pixel that can be read */
    uint32_t chunks; /* of a pixel, the last one padded */
    uint32_t *expanded;
    const uint32_t *groups;
    const uint32_t *groups_end; /* of those that may write a second byte */
    const uint32_t *last_end;   /* a group of one channel may follow */
} plr_dsp_tiles_t;

/* Tiles over the step's weights. `depth` is how many values of a pixel can be read: all taps, padded or not. Twice the
 * padded taps of words at the start of scratch memory are used. */
plr_dsp_tiles_t plr_dsp_tiles(const plr_call_t *call, uint32_t depth);

/* Compute four pixels; places may be equal. */
void plr_dsp_tile_run(const plr_dsp_tiles_t *tiles, const int8_t *const pixels[PLR_DSP_PIXELS],
                      int8_t *const outputs[PLR_DSP_PIXELS]);

#endif
