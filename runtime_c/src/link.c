#include "link.h"

#include "frame.h"

plr_status_t plr_link_send(plr_t *runtime, plr_frame_header_t header) {
    header.source = runtime->config.node;
    plr_frame_seal(runtime->frame.bytes, &header);
    const plr_status_t status = runtime->hal->send(runtime->hal->context, header.target, runtime->frame.bytes,
                                                   PLR_FRAME_HEADER_BYTES + header.length);
    if (status != PLR_OK) {
        runtime->failed_peer = header.target;
    }
    return status;
}

plr_status_t plr_link_receive(plr_t *runtime, uint16_t peer, plr_frame_header_t *header) {
    size_t size_bytes = 0;
    plr_status_t status =
        runtime->hal->receive(runtime->hal->context, peer, runtime->frame.bytes, PLR_FRAME_BYTES, &size_bytes);
    if (status == PLR_OK) {
        status = plr_frame_open(runtime->frame.bytes, size_bytes, header);
    }
    if (status == PLR_OK && (header->source != peer || header->target != runtime->config.node)) {
        status = PLR_ERR_FRAME;
    }
    if (status != PLR_OK) {
        runtime->failed_peer = peer;
    }
    return status;
}

plr_status_t plr_link_expect(plr_t *runtime, uint16_t peer, uint8_t kind, uint32_t tag, uint32_t sequence,
                             plr_frame_header_t *header) {
    const plr_status_t status = plr_link_receive(runtime, peer, header);
    if (status == PLR_OK && (header->kind != kind || header->tag != tag || header->sequence != sequence)) {
        runtime->failed_peer = peer;
        return PLR_ERR_PROTOCOL;
    }
    return status;
}

void plr_link_report(plr_t *runtime, plr_status_t status) {
    const plr_error_t error = {.status = status, .step = runtime->step, .peer = runtime->failed_peer};
    plr_error_write(plr_link_payload(runtime), &error);
    const plr_status_t ignored = plr_link_send(
        runtime,
        (plr_frame_header_t){.kind = PLR_FRAME_KIND_ERROR, .target = runtime->config.host, .length = PLR_ERROR_BYTES});
    (void)ignored;
}
