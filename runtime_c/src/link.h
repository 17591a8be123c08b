/* Frames to and from other nodes, through the runtime's one frame buffer. */
#ifndef PLR_LINK_H
#define PLR_LINK_H

#include "plr/plr.h"

/* Where the payload of the next frame to send goes, and that of the last received one lies. */
static inline uint8_t *plr_link_payload(plr_t *runtime) {
    return runtime->frame.bytes + PLR_FRAME_HEADER_BYTES;
}

/* Send a frame of header->length bytes of payload to header->target. Kind, tag, sequence and virtual_ns are the
 * caller's. Fails as the port's send() does. */
PLR_MUST_CHECK plr_status_t plr_link_send(plr_t *runtime, plr_frame_header_t header);

/* Receive the next frame from a peer. Fails as the port's receive() does, or as plr_frame_open(), or with PLR_ERR_FRAME
 * if the frame is not from that peer to this node. */
PLR_MUST_CHECK plr_status_t plr_link_receive(plr_t *runtime, uint16_t peer, plr_frame_header_t *header);

/* Receive the frame that is due. Fails with PLR_ERR_PROTOCOL iff a frame of another kind, tag or sequence comes. */
PLR_MUST_CHECK plr_status_t plr_link_expect(plr_t *runtime, uint16_t peer, uint8_t kind, uint32_t tag,
                                            uint32_t sequence, plr_frame_header_t *header);

/* Tell the host what failed. If that fails too, nobody is left to tell. */
void plr_link_report(plr_t *runtime, plr_status_t status);

#endif
