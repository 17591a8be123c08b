/* The CMSDK UART of the MPS2 and MPS3 boards, polled. */
#include "machine.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define DATA REGISTER(UART_BASE + 0x0)
#define STATE REGISTER(UART_BASE + 0x4)
#define CTRL REGISTER(UART_BASE + 0x8)
#define BAUDDIV REGISTER(UART_BASE + 0x10)

#define STATE_TX_FULL 1u
#define STATE_RX_FULL 2u
#define CTRL_TX_RX 3u
#define BAUDDIV_FASTEST 16u

void uart_start(void) {
    BAUDDIV = BAUDDIV_FASTEST;
    CTRL = CTRL_TX_RX;
}

int32_t uart_get(void) {
    return (STATE & STATE_RX_FULL) != 0 ? (int32_t)(DATA & 0xFF) : -1;
}

void uart_put(uint8_t byte) {
    while ((STATE & STATE_TX_FULL) != 0) {
    }
    DATA = byte;
}
