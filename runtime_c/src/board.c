#include "plr/board.h"

#include "link.h"

/* Of the stored plan, or 0 if there is none. */
static uint32_t stored_crc32(const plr_store_t *store) {
    if (store->capacity_bytes < PLR_PLAN_HEADER_BYTES) {
        return 0;
    }
    const plr_plan_header_t header = plr_plan_header_read(store->plan);
    return header.magic == PLR_PLAN_MAGIC ? header.crc32 : 0;
}

/* The answer to CONNECT. */
static void introduce(plr_t *runtime, const plr_board_hal_t *board) {
    plr_board_t identity = board->identity;
    identity.firmware_version = PLR_FIRMWARE_VERSION;
    identity.format_major = PLR_FORMAT_MAJOR;
    identity.format_minor = PLR_FORMAT_MINOR;
    identity.capabilities = PLR_RUNTIME_CAPABILITIES;
    identity.code_bytes = board->footprint.code_bytes;
    identity.store_bytes = (uint32_t)board->store.capacity_bytes;
    identity.plan_crc32 = stored_crc32(&board->store);
    plr_board_write(plr_link_payload(runtime), &identity);
    uint16_t length = PLR_BOARD_BYTES;
    for (const char *text = board->text; *text != '\0'; text++) {
        plr_link_payload(runtime)[length++] = (uint8_t)*text;
    }
    plr_arq_answer(board->arq, runtime->frame.bytes,
                   (plr_frame_header_t){.kind = PLR_FRAME_KIND_BOARD, .length = length});
}

/* Forget what was, and take part in the session as the node that the host has made of this board. */
static plr_status_t begin(plr_t *runtime, const plr_board_hal_t *board, plr_config_t config, uint8_t *arena,
                          size_t arena_bytes) {
    config.node = board->arq->node;
    config.host = board->arq->host;
    return plr_init(runtime, &board->hal, &config, &board->footprint, arena, arena_bytes);
}

static plr_status_t store(plr_t *runtime, const plr_store_t *store, const plr_frame_header_t *header) {
    return store->write(store->context, header->tag, plr_link_payload(runtime), header->length);
}

/* Run the stored plan; a configuration record is the last payload. */
static plr_status_t run(plr_t *runtime, const plr_board_hal_t *board, const plr_frame_header_t *header) {
    plr_config_t config;
    uint8_t *arena;
    size_t arena_bytes;
    plr_status_t status = plr_config_load(plr_link_payload(runtime), header->length, &config);
    if (status == PLR_OK) {
        status = board->prepare(board->hal.context, &config, &arena, &arena_bytes);
    }
    if (status == PLR_OK) {
        status = begin(runtime, board, config, arena, arena_bytes);
    }
    if (status != PLR_OK) {
        plr_link_report(runtime, status);
        return status;
    }
    return plr_serve(runtime, board->store.plan, board->store.capacity_bytes);
}

/* Obey one command. What fails has been reported, apart from the link. */
static plr_status_t obey(plr_t *runtime, const plr_board_hal_t *board) {
    plr_frame_header_t header;
    plr_status_t status = plr_link_receive(runtime, board->arq->host, &header);
    if (status != PLR_OK) {
        return status;
    }
    switch (header.kind) {
    case PLR_FRAME_KIND_RUN:
        return run(runtime, board, &header);
    case PLR_FRAME_KIND_PLAN:
        status = store(runtime, &board->store, &header);
        break;
    default:
        status = PLR_ERR_PROTOCOL;
        break;
    }
    if (status != PLR_OK) {
        plr_link_report(runtime, status);
    }
    return status;
}

void plr_board_serve(plr_t *runtime, const plr_board_hal_t *board) {
    static const plr_config_t idle = {.ns_numerator = 1, .ns_denominator = 1};
    uint8_t *no_arena = (uint8_t *)runtime; /* of no bytes: any address of the right alignment does */
    while (plr_arq_await_session(board->arq)) {
        plr_status_t status = begin(runtime, board, idle, no_arena, 0);
        introduce(runtime, board);
        while (status != PLR_ERR_RESTART) {
            status = obey(runtime, board);
        }
    }
}
