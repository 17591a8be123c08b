/* nRF52840: UART0 on P0.06 and P0.08, plans in the last 768 KiB of the flash. Register names are those of the product
 * specification. The core always runs at 64 MHz. */
#include "board.h"

#define CLOCK_TASKS_HFCLKSTART REGISTER(0x40000000u)
#define CLOCK_EVENTS_HFCLKSTARTED REGISTER(0x40000100u)

#define UART_TASKS_STARTRX REGISTER(0x40002000u)
#define UART_TASKS_STARTTX REGISTER(0x40002008u)
#define UART_EVENTS_RXDRDY REGISTER(0x40002108u)
#define UART_EVENTS_TXDRDY REGISTER(0x4000211Cu)
#define UART_ENABLE REGISTER(0x40002500u)
#define UART_PSELTXD REGISTER(0x4000250Cu)
#define UART_PSELRXD REGISTER(0x40002514u)
#define UART_RXD REGISTER(0x40002518u)
#define UART_TXD REGISTER(0x4000251Cu)
#define UART_BAUDRATE REGISTER(0x40002524u)
#define UART_ENABLED 4u
#define UART_1M_BAUD 0x10000000u
#define TXD_PIN 6u
#define RXD_PIN 8u

#define P0_OUTSET REGISTER(0x50000508u)
#define P0_DIRSET REGISTER(0x50000518u)

#define NVMC_READY REGISTER(0x4001E400u)
#define NVMC_CONFIG REGISTER(0x4001E504u)
#define NVMC_ERASEPAGE REGISTER(0x4001E508u)

#define STORE 0x40000u
#define STORE_BYTES 0xC0000u
#define PAGE_BYTES 4096u

typedef enum access { READ_ONLY, WRITE, ERASE } access_t; /* of NVMC_CONFIG */

void board_start(void) {
    CLOCK_EVENTS_HFCLKSTARTED = 0; /* the crystal: the internal oscillator is too inaccurate for a UART */
    CLOCK_TASKS_HFCLKSTART = 1;
    while (CLOCK_EVENTS_HFCLKSTARTED == 0) {
    }
    P0_OUTSET = 1u << TXD_PIN;
    P0_DIRSET = 1u << TXD_PIN;
    UART_PSELTXD = TXD_PIN;
    UART_PSELRXD = RXD_PIN;
    UART_BAUDRATE = UART_1M_BAUD;
    UART_ENABLE = UART_ENABLED;
    UART_TASKS_STARTRX = 1;
    UART_TASKS_STARTTX = 1;
}

void board_put(uint8_t byte) {
    UART_EVENTS_TXDRDY = 0;
    UART_TXD = byte;
    while (UART_EVENTS_TXDRDY == 0) {
    }
}

int32_t board_get(void) {
    if (UART_EVENTS_RXDRDY == 0) {
        return -1;
    }
    UART_EVENTS_RXDRDY = 0; /* before the byte is taken: taking it announces the next */
    return (int32_t)(UART_RXD & 0xFFu);
}

static void allow(access_t access) {
    while (NVMC_READY == 0) {
    }
    NVMC_CONFIG = access;
}

static plr_status_t erase(void *context, uint32_t offset_bytes) {
    (void)context;
    allow(ERASE);
    NVMC_ERASEPAGE = STORE + offset_bytes;
    allow(READ_ONLY);
    return PLR_OK;
}

/* The controller reports no failure: the store reads back what it has written. */
static plr_status_t program(void *context, uint32_t offset_bytes, const uint8_t *bytes, uint32_t size_bytes) {
    (void)context;
    allow(WRITE);
    for (uint32_t i = 0; i < size_bytes; i += sizeof(uint32_t)) {
        REGISTER(STORE + offset_bytes + i) = plr_get_u32(bytes + i);
        while (NVMC_READY == 0) {
        }
    }
    allow(READ_ONLY);
    return PLR_OK;
}

const plr_flash_t board_flash = {.memory = (const uint8_t *)STORE,
                                 .size_bytes = STORE_BYTES,
                                 .page_bytes = PAGE_BYTES,
                                 .word_bytes = sizeof(uint32_t),
                                 .erase = erase,
                                 .program = program};
