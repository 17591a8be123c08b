#include "transfer.h"

#include "kernels/kernel.h"
#include "link.h"
#include "records.h"
#include "stream.h"

/* The two times of a message slot. */
#define SLOT_READY 0u
#define SLOT_END 8u

static uint8_t *slot_time(const plr_t *runtime, const plr_message_t *message, uint32_t which) {
    const plr_buffer_t slots = plr_plan_buffer(&runtime->plan, 0);
    PLR_ASSERT(message->slot < runtime->plan.header.slot_count);
    return runtime->arena + slots.offset_bytes + message->slot * (size_t)PLR_SLOT_BYTES + which;
}

static uint64_t later(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint64_t port_free_ns(const plr_t *runtime, const plr_message_t *message) {
    return message->port == PLR_NO_PORT ? 0 : runtime->port_free_ns[message->port];
}

/* When this end of a message is ready for its transmission. */
static uint64_t end_ready_ns(const plr_t *runtime, const plr_message_t *message) {
    return later(plr_get_u64(slot_time(runtime, message, SLOT_READY)), port_free_ns(runtime, message));
}

/* Note the end of a message's transmission in its slot and its port. */
static void occupy(plr_t *runtime, const plr_message_t *message, uint64_t end_ns) {
    plr_put_u64(slot_time(runtime, message, SLOT_END), end_ns);
    if (message->port != PLR_NO_PORT) {
        runtime->port_free_ns[message->port] = end_ns;
    }
}

void plr_message_ready(const plr_t *runtime, uint32_t message) {
    const plr_message_t record = plr_plan_message(&runtime->plan, message);
    plr_put_u64(slot_time(runtime, &record, SLOT_READY), runtime->clock_ns);
}

void plr_message_await(plr_t *runtime, uint32_t message) {
    const plr_message_t record = plr_plan_message(&runtime->plan, message);
    runtime->clock_ns = later(runtime->clock_ns, plr_get_u64(slot_time(runtime, &record, SLOT_END)));
}

/* Send an operand in as many frames as it takes; kind, target, tag and virtual_ns are given. */
static plr_status_t send_operand(plr_t *runtime, plr_frame_header_t header, uint32_t operand) {
    const plr_box_t box = plr_operand_box(&runtime->plan, operand, runtime->arena, 0);
    plr_stream_t stream = plr_stream_over(&box);
    plr_status_t status = PLR_OK;
    for (header.sequence = 0; status == PLR_OK && !plr_stream_ended(&stream); header.sequence++) {
        header.length = (uint16_t)plr_stream_read(&stream, plr_link_payload(runtime), PLR_FRAME_PAYLOAD_BYTES);
        status = plr_link_send(runtime, header);
    }
    return status;
}

/* Receive an operand from as many frames as it takes. Fails with PLR_ERR_PROTOCOL if one is empty or they hold too
 * much. */
static plr_status_t receive_operand(plr_t *runtime, uint16_t peer, uint8_t kind, uint32_t tag, uint32_t operand,
                                    uint64_t *virtual_ns) {
    const plr_box_t box = plr_operand_box(&runtime->plan, operand, runtime->arena, 0);
    plr_stream_t stream = plr_stream_over(&box);
    for (uint32_t sequence = 0; !plr_stream_ended(&stream); sequence++) {
        plr_frame_header_t header;
        const plr_status_t status = plr_link_expect(runtime, peer, kind, tag, sequence, &header);
        if (status != PLR_OK) {
            return status;
        }
        const uint32_t size_bytes = plr_stream_write(&stream, plr_link_payload(runtime), header.length);
        if (size_bytes == 0 || size_bytes != header.length) {
            runtime->failed_peer = peer;
            return PLR_ERR_PROTOCOL;
        }
        *virtual_ns = header.virtual_ns;
    }
    return PLR_OK;
}

/* On a bus: when it is free, by the token of the message before; 0 if that was this node's own, or on no bus. */
static plr_status_t take_token(plr_t *runtime, const plr_message_t *message, uint64_t *free_ns) {
    *free_ns = 0;
    if (message->token_from == PLR_NO_NODE) {
        return PLR_OK;
    }
    plr_frame_header_t token = {0};
    const plr_status_t status =
        plr_link_expect(runtime, message->token_from, PLR_FRAME_KIND_TOKEN, message->tag - 1, 0, &token);
    *free_ns = token.virtual_ns;
    return status;
}

static plr_status_t pass_token(plr_t *runtime, const plr_message_t *message, uint64_t free_ns) {
    if (message->token_to == PLR_NO_NODE) {
        return PLR_OK;
    }
    return plr_link_send(runtime, (plr_frame_header_t){.kind = PLR_FRAME_KIND_TOKEN,
                                                       .target = message->token_to,
                                                       .tag = message->tag,
                                                       .virtual_ns = free_ns});
}

static plr_status_t send_message(plr_t *runtime, const plr_message_t *message, uint32_t operand) {
    plr_frame_header_t grant;
    uint64_t free_ns;
    plr_status_t status = take_token(runtime, message, &free_ns);
    if (status == PLR_OK) {
        status = plr_link_expect(runtime, message->peer, PLR_FRAME_KIND_GRANT, message->tag, 0, &grant);
    }
    if (status != PLR_OK) {
        return status;
    }
    const uint64_t start_ns = later(later(free_ns, grant.virtual_ns), end_ready_ns(runtime, message));
    const uint64_t end_ns = start_ns + message->duration_ns;
    occupy(runtime, message, end_ns);
    runtime->report.sent_bytes += message->size_bytes;
    status = send_operand(
        runtime,
        (plr_frame_header_t){
            .kind = PLR_FRAME_KIND_DATA, .target = message->peer, .tag = message->tag, .virtual_ns = end_ns},
        operand);
    return status == PLR_OK ? pass_token(runtime, message, end_ns) : status;
}

static plr_status_t receive_message(plr_t *runtime, const plr_message_t *message, uint32_t operand) {
    plr_status_t status = plr_link_send(runtime, (plr_frame_header_t){.kind = PLR_FRAME_KIND_GRANT,
                                                                      .target = message->peer,
                                                                      .tag = message->tag,
                                                                      .virtual_ns = end_ready_ns(runtime, message)});
    uint64_t end_ns = 0;
    if (status == PLR_OK) {
        status = receive_operand(runtime, message->peer, PLR_FRAME_KIND_DATA, message->tag, operand, &end_ns);
    }
    occupy(runtime, message, end_ns);
    runtime->report.received_bytes += message->size_bytes;
    return status;
}

plr_status_t plr_message_transfer(plr_t *runtime, uint32_t message, uint32_t operand) {
    const plr_message_t record = plr_plan_message(&runtime->plan, message);
    if ((runtime->config.flags & PLR_CONFIG_FLAG_PROGRESS) != 0) {
        const plr_status_t status = plr_link_send(runtime, (plr_frame_header_t){.kind = PLR_FRAME_KIND_PROGRESS,
                                                                                .target = runtime->config.host,
                                                                                .tag = record.tag,
                                                                                .virtual_ns = runtime->clock_ns});
        if (status != PLR_OK) {
            return status;
        }
    }
    return record.direction == PLR_DIRECTION_SEND ? send_message(runtime, &record, operand)
                                                  : receive_message(runtime, &record, operand);
}

plr_status_t plr_end_receive(plr_t *runtime, uint32_t end, uint32_t operand) {
    uint64_t virtual_ns;
    return receive_operand(runtime, runtime->config.host, PLR_FRAME_KIND_INPUT, end, operand, &virtual_ns);
}

plr_status_t plr_end_send(plr_t *runtime, uint32_t end, uint32_t operand) {
    return send_operand(runtime,
                        (plr_frame_header_t){.kind = PLR_FRAME_KIND_OUTPUT, .target = runtime->config.host, .tag = end},
                        operand);
}
