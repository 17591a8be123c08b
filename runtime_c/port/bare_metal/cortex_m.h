/* The core: cycles, and the way back to the start. */
#ifndef PORT_CORTEX_M_H
#define PORT_CORTEX_M_H

#include <stdint.h>

/* Start the SysTick timer. */
void cycles_start(void);

/* Clock cycles since then. Never wraps. */
uint64_t cycles(void);

/* Start again as after power on. */
void restart(void) __attribute__((noreturn));

/* Entered from the reset code. */
void firmware_start(void) __attribute__((noreturn));

#endif
