#include "pixels.h"

#include <stdbool.h>
#include <string.h>

#define STAGED_PIXELS 16u
#define GROUP_BYTES_MAX (PLR_MVE_GROUP * sizeof(int32_t))
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
                                        .zero_point = call->parameters.output_zero_point};
    return product;
}

/* The output's channels fill at least a group. */
static void run_groups(plr_mve_product_t *product, const int8_t *pixels, uint32_t pixel_stride_bytes, uint8_t *output,
                       uint32_t output_stride_bytes, uint32_t count) {
    plr_mve_pixels_t *run = &product->pixels;
    const bool has_pairs = product->element_bytes > 1 || output_stride_bytes < STRIDE_MAX;
    run->pixels = pixels;
    run->pixel_stride_bytes = pixel_stride_bytes;
    run->output = output;
    run->output_stride_bytes = output_stride_bytes;
    run->pairs = has_pairs ? count / 2 : 0;
    if (run->pairs > 0) {
        product->pairs(run);
    }
    for (uint32_t pixel = 2 * run->pairs; pixel < count; pixel++) {
        run->pixels = pixels + (size_t)pixel * pixel_stride_bytes;
        run->output = output + (size_t)pixel * output_stride_bytes;
        product->single(run);
    }
}

void plr_mve_run(plr_mve_product_t *product, const int8_t *pixels, uint32_t pixel_stride_bytes, uint8_t *output,
                 uint32_t output_stride_bytes, uint32_t count) {
    if (product->channels >= PLR_MVE_GROUP) {
        run_groups(product, pixels, pixel_stride_bytes, output, output_stride_bytes, count);
        return;
    }
    const uint32_t staged_bytes = PLR_MVE_GROUP * product->element_bytes;
    while (count > 0) {
        uint8_t staged[STAGED_PIXELS * GROUP_BYTES_MAX];
        const uint32_t part = count < STAGED_PIXELS ? count : STAGED_PIXELS;
        run_groups(product, pixels, pixel_stride_bytes, staged, staged_bytes, part);
        for (uint32_t i = 0; i < part; i++, output += output_stride_bytes) {
            memcpy(output, staged + i * staged_bytes, product->channels * product->element_bytes);
        }
        pixels += (size_t)part * pixel_stride_bytes;
        count -= part;
    }
}
