/* A frame that plr_frame_open() accepts is one that plr_frame_seal() would have made. */
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "frame.h"
#include "plr/plr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    uint8_t *frame = malloc(size_bytes);
    plr_frame_header_t header;
    if (frame == NULL) {
        return 0;
    }
    memcpy(frame, data, size_bytes);
    if (size_bytes >= PLR_FRAME_HEADER_BYTES) {
        plr_put_u32(frame + PLR_FRAME_HEADER_CRC32_OFFSET,
                    plr_crc32_without(frame, size_bytes, PLR_FRAME_HEADER_CRC32_OFFSET));
    }
    if (plr_frame_open(frame, size_bytes, &header) == PLR_OK) {
        uint8_t again[PLR_FRAME_BYTES];
        memcpy(again + PLR_FRAME_HEADER_BYTES, frame + PLR_FRAME_HEADER_BYTES, header.length);
        plr_frame_seal(again, &header);
        if (memcmp(again, frame, size_bytes) != 0) {
            abort();
        }
    }
    free(frame);
    return 0;
}
