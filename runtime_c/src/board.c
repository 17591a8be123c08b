#include "plr/board.h"

#include <string.h>

#include "link.h"

/* The answer to CONNECT. */
static void introduce(plr_t *runtime, const plr_board_hal_t *board) {
    plr_board_t identity = board->identity;
    identity.firmware_version = PLR_FIRMWARE_VERSION;
    identity.format_major = PLR_FORMAT_MAJOR;
    identity.format_minor = PLR_FORMAT_MINOR;
    identity.capabilities = PLR_RUNTIME_CAPABILITIES;
    identity.code_bytes = board->footprint.code_bytes;
    identity.store_bytes = plr_plan_store_capacity_bytes(board->store);
    identity.plan_crc32 = board->store->stored.plan_crc32;
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

static plr_status_t answer(plr_t *runtime, const plr_board_hal_t *board, uint8_t kind, uint32_t length) {
    return plr_link_send(runtime,
                         (plr_frame_header_t){.kind = kind, .target = board->arq->host, .length = (uint16_t)length});
}

static plr_status_t tell_stored(plr_t *runtime, const plr_board_hal_t *board) {
    const plr_stored_plan_t *stored = &board->store->stored;
    plr_stored_plan_write(plr_link_payload(runtime), stored);
    if (stored->name_bytes > 0) {
        memcpy(plr_link_payload(runtime) + PLR_STORED_PLAN_BYTES, plr_plan_store_name(board->store),
               stored->name_bytes);
    }
    return answer(runtime, board, PLR_FRAME_KIND_STORED, PLR_STORED_PLAN_BYTES + stored->name_bytes);
}

static plr_status_t begin_plan(plr_t *runtime, const plr_board_hal_t *board, uint32_t plan_bytes) {
    const plr_status_t status = plr_plan_store_begin(board->store, plan_bytes);
    if (status != PLR_OK) {
        return status;
    }
    const plr_store_t store = {.page_bytes = board->store->flash->page_bytes,
                               .first_page_bytes = plr_plan_store_first_page_bytes(board->store)};
    plr_store_write(plr_link_payload(runtime), &store);
    return answer(runtime, board, PLR_FRAME_KIND_STORE, PLR_STORE_BYTES);
}

/* The CRCs of as many pages as fit. */
static plr_status_t tell_pages(plr_t *runtime, const plr_board_hal_t *board, uint32_t first_page) {
    const uint32_t pages = plr_plan_store_pages(board->store);
    uint32_t length = 0;
    for (uint32_t page = first_page; page < pages && length < PLR_FRAME_PAYLOAD_BYTES; page++) {
        plr_put_u32(plr_link_payload(runtime) + length, plr_plan_store_page_crc32(board->store, page));
        length += sizeof(uint32_t);
    }
    return answer(runtime, board, PLR_FRAME_KIND_PAGES, length);
}

/* A plan may use all RAM but the firmware's own. */
static plr_status_t commit(plr_t *runtime, const plr_board_hal_t *board, const plr_frame_header_t *header) {
    if (header->length < PLR_STORED_PLAN_BYTES) {
        return PLR_ERR_PROTOCOL;
    }
    const plr_footprint_t *own = &board->footprint;
    const uint32_t arena_bytes =
        board->identity.ram_bytes - own->static_bytes - own->link_buffer_bytes - own->stack_reserve_bytes;
    const plr_stored_plan_t plan = plr_stored_plan_read(plr_link_payload(runtime));
    const plr_status_t status =
        plr_plan_store_commit(board->store, &plan, plr_link_payload(runtime) + PLR_STORED_PLAN_BYTES,
                              (uint16_t)(header->length - PLR_STORED_PLAN_BYTES), arena_bytes);
    return status == PLR_OK ? tell_stored(runtime, board) : status;
}

/* Run the stored plan; a configuration record is the last payload. */
static plr_status_t run(plr_t *runtime, const plr_board_hal_t *board, const plr_frame_header_t *header) {
    plr_config_t config;
    uint8_t *arena;
    size_t arena_bytes;
    plr_status_t status = plr_config_load(plr_link_payload(runtime), header->length, &config);
    if (status == PLR_OK && plr_plan_store_plan(board->store) == NULL) {
        status = PLR_ERR_STORE;
    }
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
    return plr_serve(runtime, plr_plan_store_plan(board->store), plr_plan_store_capacity_bytes(board->store));
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
        status = plr_plan_store_write(board->store, header.tag, plr_link_payload(runtime), header.length);
        break;
    case PLR_FRAME_KIND_STORE:
        status = begin_plan(runtime, board, header.tag);
        break;
    case PLR_FRAME_KIND_PAGES:
        status = tell_pages(runtime, board, header.tag);
        break;
    case PLR_FRAME_KIND_COMMIT:
        status = commit(runtime, board, &header);
        break;
    case PLR_FRAME_KIND_STORED:
        status = tell_stored(runtime, board);
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
