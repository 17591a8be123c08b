#include "pixels.h"

#include <stdbool.h>

/* The places of a pair of pixels are 16-bit offsets. */
#define STRIDE_MAX (UINT16_MAX - PLR_MVE_GROUP + 1)

plr_mve_product_t plr_mve_product(const plr_call_t *call) {
    const uint32_t taps = plr_taps(&call->parameters);
    const uint32_t channels = call->output.channels;
    const uint32_t groups = (channels + PLR_MVE_GROUP - 1) / PLR_MVE_GROUP;
    const uint32_t element_bytes = call->output.element_bytes;
    const bool is_float = call->plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME;
    plr_mve_product_t product = {.pairs = is_float ? plr_mve_pairs_float : plr_mve_pairs_fixed,
                                 .single = is_float ? plr_mve_single_float : plr_mve_single_fixed,
                                 .channels = channels,
                                 .element_bytes = element_bytes};
    if (element_bytes > 1) {
        product.pairs = plr_mve_pairs_sums;
        product.single = plr_mve_single_sums;
    }
    product.pixels = (plr_mve_pixels_t){.groups = plr_call_bytes(call, call->parameters.weights),
                                        .group_count = groups,
                                        .last_advance_bytes = (channels - (groups - 1) * PLR_MVE_GROUP) * element_bytes,
                                        .blocks = plr_mve_blocks(taps),
                                        .rest = taps - (plr_mve_blocks(taps) - 1) * PLR_MVE_BLOCK,
                                        .zero_point = call->parameters.output_zero_point,
                                        .last_channel = (channels < PLR_MVE_GROUP ? channels : PLR_MVE_GROUP) - 1};
    return product;
}

/* One pixel: as a pair of itself, if its channels do not fill a group. */
static void run_single(plr_mve_product_t *product) {
    plr_mve_pixels_t *run = &product->pixels;
    if (product->channels >= PLR_MVE_GROUP) {
        product->single(run);
    } else {
        run->pixel_stride_bytes = 0;
        run->output_stride_bytes = 0;
        run->pairs = 1;
        product->pairs(run);
    }
}

void plr_mve_run(plr_mve_product_t *product, const int8_t *pixels, uint32_t pixel_stride_bytes, uint8_t *output,
                 uint32_t output_stride_bytes, uint32_t count) {
    plr_mve_pixels_t *run = &product->pixels;
    const bool has_pairs = product->element_bytes > 1 || output_stride_bytes < STRIDE_MAX;
    const uint32_t pairs = has_pairs ? count / 2 : 0;
    if (pairs > 0) {
        run->pixels = pixels;
        run->pixel_stride_bytes = pixel_stride_bytes;
        run->output = output;
        run->output_stride_bytes = output_stride_bytes;
        run->pairs = pairs;
        product->pairs(run);
    }
    for (uint32_t pixel = 2 * pairs; pixel < count; pixel++) {
        run->pixels = pixels + (size_t)pixel * pixel_stride_bytes;
        run->output = output + (size_t)pixel * output_stride_bytes;
        run_single(product);
    }
}
