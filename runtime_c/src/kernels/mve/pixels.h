/* Products of runs of pixels with all groups of output channels. */
#ifndef PLR_MVE_PIXELS_H
#define PLR_MVE_PIXELS_H

#include "../kernel.h"
#include "inner.h"

typedef struct plr_mve_product {
    void (*pairs)(const plr_mve_pixels_t *pixels);
    void (*single)(const plr_mve_pixels_t *pixels);
    uint32_t channels;
    uint32_t element_bytes; /* of the output */
    plr_mve_pixels_t pixels;
} plr_mve_product_t;

/* Products with the step's weights, rounded if its output is int8. */
plr_mve_product_t plr_mve_product(const plr_call_t *call);

/* Compute pixels that lie evenly, into places that do. */
void plr_mve_run(plr_mve_product_t *product, const int8_t *pixels, uint32_t pixel_stride_bytes, uint8_t *output,
                 uint32_t output_stride_bytes, uint32_t count);

/* Blocks that the taps fill. */
static inline uint32_t plr_mve_blocks(uint32_t taps) {
    return (taps + PLR_MVE_BLOCK - 1) / PLR_MVE_BLOCK;
}

#endif
