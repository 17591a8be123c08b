#include "plr/arq.h"

#include "delimit.h"
#include "frame.h"

#define LAST_REPEAT_US 800000u
#define POLLS_PER_LOOK 16u /* how often the transport is asked before the clock is */

void plr_arq_init(plr_arq_t *arq, const plr_transport_t *transport, uint32_t patience_us) {
    *arq = (plr_arq_t){.transport = transport, .patience_us = patience_us, .node = PLR_NO_NODE, .host = PLR_NO_NODE};
}

static uint64_t now_us(const plr_arq_t *arq) {
    return arq->transport->now_us(arq->transport->context);
}

static bool has_credit(const plr_arq_t *arq, uint16_t peer) {
    return peer == arq->host || (arq->credits[peer / 8] >> peer % 8 & 1) != 0;
}

static void set_credit(plr_arq_t *arq, uint16_t peer, bool given) {
    const uint8_t bit = (uint8_t)(1u << peer % 8);
    arq->credits[peer / 8] = (uint8_t)(given ? arq->credits[peer / 8] | bit : arq->credits[peer / 8] & ~bit);
}

static void transmit(plr_arq_t *arq, const uint8_t *frame, size_t size_bytes) {
    arq->counters.sent++;
    plr_delimit(arq->transport, frame, size_bytes);
}

/* Send a frame without payload that tells how far this node has received from a peer. */
static void acknowledge(plr_arq_t *arq, uint16_t peer, uint8_t kind) {
    uint8_t frame[PLR_FRAME_HEADER_BYTES];
    plr_frame_header_t header = {
        .kind = kind, .session = arq->session, .source = arq->node, .target = peer, .order = arq->peers[peer].received};
    plr_frame_seal(frame, &header);
    transmit(arq, frame, sizeof frame);
}

static bool has_heard_host(const plr_arq_t *arq) {
    return arq->host < PLR_NODES_MAX && arq->peers[arq->host].received > 0;
}

/* Begin the session of a CONNECT, unless it has begun and the host has gone on. */
static void connect(plr_arq_t *arq, const plr_frame_header_t *header) {
    const bool is_stale = header->session == arq->session && header->tag == arq->nonce && has_heard_host(arq);
    if (is_stale || header->session == 0 || header->source >= PLR_NODES_MAX || header->target >= PLR_NODES_MAX) {
        return;
    }
    const plr_arq_counters_t counters = arq->counters;
    plr_arq_init(arq, arq->transport, arq->patience_us);
    arq->counters = counters;
    arq->node = header->target;
    arq->host = header->source;
    arq->session = header->session;
    arq->nonce = header->tag;
    arq->is_restarted = true;
}

/* An ACK or a CREDIT. */
static void take_acknowledgement(plr_arq_t *arq, const plr_frame_header_t *header) {
    plr_arq_peer_t *peer = &arq->peers[header->source];
    if (header->order == (uint16_t)(peer->sent + 1)) {
        peer->sent++;
        set_credit(arq, header->source, false);
    }
    if (header->kind == PLR_FRAME_KIND_CREDIT && header->order == peer->sent) {
        set_credit(arq, header->source, true);
    }
}

/* A frame that carries something. Returns whether it is the one that `peer` owes. */
static bool take_data(plr_arq_t *arq, const plr_frame_header_t *header, uint16_t peer) {
    plr_arq_peer_t *source = &arq->peers[header->source];
    const uint16_t ahead = (uint16_t)(header->order - source->received);
    if (ahead == 0 && header->source == peer) {
        source->received++;
        acknowledge(arq, peer, PLR_FRAME_KIND_ACK);
        return true;
    }
    if (ahead > UINT16_MAX / 2) {
        arq->counters.duplicates++;
        acknowledge(arq, header->source, PLR_FRAME_KIND_ACK);
    }
    return false;
}

/* Act on a frame. Returns whether it is the one that `peer` owes. */
static bool take(plr_arq_t *arq, const plr_frame_header_t *header, uint16_t peer) {
    if (header->kind == PLR_FRAME_KIND_CONNECT) {
        connect(arq, header);
        return false;
    }
    if (header->session != arq->session || header->target != arq->node || header->source >= PLR_NODES_MAX) {
        arq->counters.foreign++;
        return false;
    }
    arq->counters.received++;
    switch (header->kind) {
    case PLR_FRAME_KIND_RESTART:
        arq->wants_restart = true;
        return false;
    case PLR_FRAME_KIND_ACK:
    case PLR_FRAME_KIND_CREDIT:
        take_acknowledgement(arq, header);
        return false;
    default:
        return take_data(arq, header, peer);
    }
}

typedef enum heard { SILENCE, CONTROL, OWED } heard_t;

/* Take in bytes until a frame has been acted on, or `until_us` has come. OWED: `header` is that of the frame that
 * `peer` owes. */
static heard_t listen(plr_arq_t *arq, plr_undelimiter_t *reader, plr_frame_header_t *header, uint16_t peer,
                      uint64_t until_us) {
    uint32_t polls = 0;
    for (;;) {
        const int32_t byte = arq->transport->get(arq->transport->context);
        if (byte < 0) {
            if (++polls % POLLS_PER_LOOK == 0 && now_us(arq) >= until_us) {
                return SILENCE;
            }
            continue;
        }
        switch (plr_undelimit(reader, (uint8_t)byte, header)) {
        case PLR_FRAME:
            return take(arq, header, peer) ? OWED : CONTROL;
        case PLR_GARBAGE:
            arq->counters.garbage++;
            break;
        default:
            break;
        }
    }
}

static bool is_interrupted(const plr_arq_t *arq) {
    return arq->is_restarted || arq->wants_restart;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint32_t next_repeat_us(uint32_t repeat_us) {
    return (uint32_t)earlier(2 * repeat_us, LAST_REPEAT_US);
}

/* Wait for the credit of a peer. The acknowledgements that it gets meanwhile show that this node lives. */
static plr_status_t await_credit(plr_arq_t *arq, uint16_t peer) {
    plr_undelimiter_t reader = {0};
    plr_frame_header_t header;
    const uint64_t until_us = now_us(arq) + arq->patience_us;
    uint32_t repeat_us = arq->transport->repeat_us;
    uint64_t repeat_at_us = now_us(arq) + repeat_us;
    while (!has_credit(arq, peer)) {
        if (listen(arq, &reader, &header, PLR_NO_NODE, earlier(repeat_at_us, until_us)) == SILENCE) {
            if (repeat_at_us >= until_us) {
                return PLR_ERR_LINK;
            }
            acknowledge(arq, peer, PLR_FRAME_KIND_ACK);
            repeat_us = next_repeat_us(repeat_us);
            repeat_at_us += repeat_us;
        }
        if (is_interrupted(arq)) {
            return PLR_ERR_RESTART;
        }
    }
    return PLR_OK;
}

/* Send a sealed frame again and again until its peer has it. */
static plr_status_t deliver(plr_arq_t *arq, uint16_t peer, const uint8_t *frame, size_t size_bytes) {
    plr_undelimiter_t reader = {0};
    plr_frame_header_t header;
    const uint16_t order = arq->peers[peer].sent;
    const uint64_t until_us = now_us(arq) + arq->patience_us;
    for (uint32_t repeat_us = arq->transport->repeat_us;; repeat_us = next_repeat_us(repeat_us)) {
        transmit(arq, frame, size_bytes);
        const uint64_t repeat_at_us = earlier(now_us(arq) + repeat_us, until_us);
        heard_t heard = CONTROL;
        while (heard != SILENCE) {
            heard = listen(arq, &reader, &header, PLR_NO_NODE, repeat_at_us);
            if (is_interrupted(arq)) {
                return PLR_ERR_RESTART;
            }
            if (arq->peers[peer].sent != order) {
                return PLR_OK;
            }
        }
        if (repeat_at_us == until_us) {
            return PLR_ERR_LINK;
        }
        arq->counters.repeated++;
    }
}

plr_status_t plr_arq_send(void *context, uint16_t peer, uint8_t *frame, size_t size_bytes) {
    plr_arq_t *arq = context;
    if (peer >= PLR_NODES_MAX) {
        return PLR_ERR_LINK;
    }
    if (is_interrupted(arq)) {
        return PLR_ERR_RESTART;
    }
    const plr_status_t status = await_credit(arq, peer);
    if (status != PLR_OK) {
        return status;
    }
    plr_frame_header_t header = plr_frame_header_read(frame);
    header.session = arq->session;
    header.order = arq->peers[peer].sent;
    plr_frame_seal(frame, &header);
    return deliver(arq, peer, frame, size_bytes);
}

plr_status_t plr_arq_receive(void *context, uint16_t peer, uint8_t *frame, size_t capacity_bytes, size_t *size_bytes) {
    plr_arq_t *arq = context;
    if (peer >= PLR_NODES_MAX || capacity_bytes < PLR_FRAME_HEADER_BYTES + PLR_FRAME_PAYLOAD_BYTES) {
        return PLR_ERR_LINK;
    }
    plr_undelimiter_t reader = {.payload = frame + PLR_FRAME_HEADER_BYTES};
    plr_frame_header_t header;
    const uint64_t until_us = now_us(arq) + arq->patience_us;
    for (uint32_t repeat_us = arq->transport->repeat_us;; repeat_us = next_repeat_us(repeat_us)) {
        if (is_interrupted(arq)) {
            return PLR_ERR_RESTART;
        }
        acknowledge(arq, peer, PLR_FRAME_KIND_CREDIT);
        const uint64_t repeat_at_us = earlier(now_us(arq) + repeat_us, until_us);
        heard_t heard = CONTROL;
        while (heard == CONTROL && !is_interrupted(arq)) {
            heard = listen(arq, &reader, &header, peer, repeat_at_us);
        }
        if (heard == OWED) {
            break;
        }
        if (repeat_at_us == until_us) {
            return PLR_ERR_LINK;
        }
        arq->counters.repeated++;
    }
    header.session = 0;
    header.order = 0;
    plr_frame_seal(frame, &header);
    *size_bytes = PLR_FRAME_HEADER_BYTES + header.length;
    return PLR_OK;
}

bool plr_arq_await_session(plr_arq_t *arq) {
    plr_undelimiter_t reader = {0};
    plr_frame_header_t header;
    while (!is_interrupted(arq)) {
        (void)listen(arq, &reader, &header, PLR_NO_NODE, UINT64_MAX);
    }
    arq->is_restarted = false;
    return !arq->wants_restart;
}

void plr_arq_answer(plr_arq_t *arq, uint8_t *frame, plr_frame_header_t header) {
    header.session = arq->session;
    header.source = arq->node;
    header.target = arq->host;
    plr_frame_seal(frame, &header);
    transmit(arq, frame, PLR_FRAME_HEADER_BYTES + header.length);
}
