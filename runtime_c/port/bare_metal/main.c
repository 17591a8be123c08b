/* The firmware of a real board: an idle board over a serial line, with its plans in flash. */
#include "board.h"
#include "cortex_m.h"
#include "plr/board.h"
#include "ram.h"

/* Longest wait for a node. */
#define PATIENCE_US 120000000u
/* First wait for an answer over the serial line. */
#define REPEAT_US 100000u

static struct {
    plr_arq_t arq; /* first: the context of the whole HAL */
    plr_plan_store_t store;
    plr_t runtime;
} firmware;

static uint64_t work(void *context) {
    (void)context;
    return cycles();
}

static uint64_t now_us(void *context) {
    (void)context;
    return cycles() / (CLOCK_HZ / 1000000u);
}

static void begin(void *context, size_t size_bytes) {
    (void)context;
    (void)size_bytes;
}

static void put(void *context, const uint8_t *bytes, size_t size_bytes) {
    (void)context;
    for (size_t i = 0; i < size_bytes; i++) {
        board_put(bytes[i]);
    }
}

static int32_t get(void *context) {
    (void)context;
    return board_get();
}

void firmware_start(void) {
    static const plr_transport_t serial = {
        .repeat_us = REPEAT_US, .begin = begin, .put = put, .get = get, .now_us = now_us};
    ram_start();
    cycles_start();
    board_start();
    plr_arq_init(&firmware.arq, &serial, PATIENCE_US);
    if (plr_plan_store_open(&firmware.store, &board_flash) == PLR_OK) {
        const plr_board_hal_t board = {
            .hal = {.context = &firmware,
                    .send = plr_arq_send,
                    .receive = plr_arq_receive,
                    .work = work,
                    .stack_peak_bytes = ram_stack_peak_bytes,
                    .above_cap_bytes = ram_above_cap_bytes},
            .arq = &firmware.arq,
            .store = &firmware.store,
            .prepare = ram_prepare,
            .footprint = ram_footprint(),
            .identity = {.clock_hz = CLOCK_HZ, .ram_bytes = ram_size_bytes(), .flash_bytes = FLASH_SIZE_BYTES},
            .text = BOARD_NAME "\n" CORE "\n",
        };
        plr_board_serve(&firmware.runtime, &board);
    }
    restart();
}
