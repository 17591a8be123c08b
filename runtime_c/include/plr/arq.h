/* Reliable frames over a transport that loses, damages, repeats and reorders bytes: automatic repeat request, a frame
 * at a time, and only when its receiver has given credit for it. docs/LINK_PROTOCOL.md, section 3. */
#ifndef PLR_ARQ_H
#define PLR_ARQ_H

#include <stdbool.h>

#include "plr/layout.h"
#include "plr/status.h"
#include "plr/transport.h"

/* Everything that happens on a link, for people. */
typedef struct plr_arq_counters {
    uint32_t sent;       /* frames, repetitions included */
    uint32_t received;   /* frames of this session for this node */
    uint32_t repeated;   /* frames sent again because nothing came back */
    uint32_t duplicates; /* frames received again */
    uint32_t foreign;    /* frames of another session or for another node */
    uint32_t garbage;    /* what was no frame, or had a wrong CRC */
} plr_arq_counters_t;

typedef struct plr_arq_peer {
    uint16_t sent;     /* order of the next frame to it */
    uint16_t received; /* order of the next frame from it */
} plr_arq_peer_t;

typedef struct plr_arq {
    const plr_transport_t *transport;
    uint32_t patience_us; /* longest wait without an answer */
    uint16_t node;
    uint16_t host;
    uint32_t nonce;     /* of the CONNECT of this session */
    uint8_t session;    /* 0 before the first CONNECT */
    bool is_restarted;  /* a CONNECT has come since plr_arq_await_session() */
    bool wants_restart; /* a RESTART has come */
    plr_arq_counters_t counters;
    plr_arq_peer_t peers[PLR_NODES_MAX];
    uint8_t credits[PLR_NODES_MAX / 8]; /* a bit per peer that waits for the next frame */
} plr_arq_t;

/* A link without a session. `patience_us` bounds every wait. */
void plr_arq_init(plr_arq_t *arq, const plr_transport_t *transport, uint32_t patience_us);

/* plr_hal_t.send and .receive; the context is a plr_arq_t. Both fail with PLR_ERR_RESTART iff the host begins another
 * session or sends RESTART meanwhile, with PLR_ERR_LINK iff the peer is none or its answer does not come in time. */
plr_status_t plr_arq_send(void *context, uint16_t peer, uint8_t *frame, size_t size_bytes);
plr_status_t plr_arq_receive(void *context, uint16_t peer, uint8_t *frame, size_t capacity_bytes, size_t *size_bytes);

/* Wait, for as long as it takes, for the host to begin a session, unless it just has. False iff it sends RESTART. */
PLR_MUST_CHECK bool plr_arq_await_session(plr_arq_t *arq);

/* Send one frame to the host outside of the order, once: the answer to CONNECT. */
void plr_arq_answer(plr_arq_t *arq, uint8_t *frame, plr_frame_header_t header);

#endif
