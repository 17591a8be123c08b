#include "frame.h"

#include "crc32.h"

void plr_frame_seal(uint8_t *frame, plr_frame_header_t *header) {
    header->magic = PLR_FRAME_MAGIC;
    header->crc32 = 0;
    plr_frame_header_write(frame, header);
    header->crc32 = plr_crc32(0, frame, PLR_FRAME_HEADER_BYTES + header->length);
    plr_frame_header_write(frame, header);
}

plr_status_t plr_frame_open(const uint8_t *frame, size_t size_bytes, plr_frame_header_t *header) {
    if (size_bytes < PLR_FRAME_HEADER_BYTES) {
        return PLR_ERR_FRAME;
    }
    *header = plr_frame_header_read(frame);
    if (header->magic != PLR_FRAME_MAGIC || header->session != 0 || header->order != 0 ||
        header->length > PLR_FRAME_PAYLOAD_BYTES || header->length != size_bytes - PLR_FRAME_HEADER_BYTES) {
        return PLR_ERR_FRAME;
    }
    return plr_crc32_without(frame, size_bytes, PLR_FRAME_HEADER_CRC32_OFFSET) == header->crc32 ? PLR_OK
                                                                                                : PLR_ERR_FRAME_CRC;
}
