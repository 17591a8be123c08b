/* Semihosting: the emulator does input and output for the core, which stands still meanwhile. */
#ifndef PORT_SEMIHOST_H
#define PORT_SEMIHOST_H

#include <stdbool.h>
#include <stdint.h>

/* The trap itself; each core family has its own instruction. Provided by the machine's startup file. */
intptr_t semihost_call(uintptr_t operation, const void *arguments);

/* Let the next transfer of a file begin at an offset. False iff it has none. */
bool semihost_seek(int handle, uint32_t offset_bytes);

/* Print on the emulator's standard error. */
void semihost_print(const char *text);

/* End the emulation with this exit status. */
void semihost_exit(int status) __attribute__((noreturn));

#endif
