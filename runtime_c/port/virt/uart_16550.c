/* A 16550 UART, polled; the emulator needs no baud rate. */
#include "machine.h"

#define REGISTER(offset) (*(volatile uint8_t *)(uintptr_t)(UART_BASE + (offset)))
#define DATA REGISTER(0)
#define FIFO_CONTROL REGISTER(2)
#define LINE_STATUS REGISTER(5)

#define FIFO_ENABLE 1u
#define DATA_READY 0x01u
#define TX_EMPTY 0x20u

void uart_start(void) {
    FIFO_CONTROL = FIFO_ENABLE;
}

int32_t uart_get(void) {
    return (LINE_STATUS & DATA_READY) != 0 ? DATA : -1;
}

void uart_put(uint8_t byte) {
    while ((LINE_STATUS & TX_EMPTY) == 0) {
    }
    DATA = byte;
}
