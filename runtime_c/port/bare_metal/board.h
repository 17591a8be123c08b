/* What a board gives to bare_metal/main.c: a serial line and flash. The core is a Cortex-M, whose SysTick counts. */
#ifndef PORT_BOARD_H
#define PORT_BOARD_H

#include <stdint.h>

#include "plr/flash.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* Start the clock and the serial line. The core runs at CLOCK_HZ afterwards. */
void board_start(void);

/* Send a byte when there is room for it, at the latest when those before it have left. */
void board_put(uint8_t byte);

/* The next byte that has arrived, or -1. */
int32_t board_get(void);

/* Where plans are kept. */
extern const plr_flash_t board_flash;

#endif
