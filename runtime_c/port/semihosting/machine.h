/* What a machine gives to the firmware that all emulated boards share, and what it gets from it. */
#ifndef PORT_MACHINE_H
#define PORT_MACHINE_H

#include <stdint.h>

/* Start the counter behind machine_instructions(). Called once, before it. */
void machine_start_clock(void);

/* Instructions that the core has executed, exact as long as the emulator runs with -icount shift=ICOUNT_SHIFT. The
 * value never wraps. Time spent blocked in a semihosting call does not count. */
uint64_t machine_instructions(void);

/* The serial line to the host. `uart_get` returns -1 if no byte waits; `uart_put` waits for room. */
void uart_start(void);
int32_t uart_get(void);
void uart_put(uint8_t byte);

/* Start again as after power on. */
void machine_restart(void) __attribute__((noreturn));

/* Entered from the reset code with the stack pointer set and the floating-point unit on. */
void firmware_start(void) __attribute__((noreturn));

/* Entered from every fault handler: prints the machine's fault registers and ends the emulation. */
void firmware_fault(const char *cause, uint32_t status, uint32_t address) __attribute__((noreturn));

#endif
