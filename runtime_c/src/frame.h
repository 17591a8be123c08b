/* Frames: the unit of every link. */
#ifndef PLR_FRAME_H
#define PLR_FRAME_H

#include "plr/layout.h"
#include "plr/status.h"

/* Put a header, its magic and CRC filled in, before the header->length bytes of payload that follow it in `frame`. */
void plr_frame_seal(uint8_t *frame, plr_frame_header_t *header);

/* Read and check the header of a frame of `size_bytes`. Fails with PLR_ERR_FRAME iff the frame is shorter than a
 * header, has another magic or a session or an order, or its length is not what follows; with PLR_ERR_FRAME_CRC iff the
 * CRC is wrong. */
PLR_MUST_CHECK plr_status_t plr_frame_open(const uint8_t *frame, size_t size_bytes, plr_frame_header_t *header);

#endif
