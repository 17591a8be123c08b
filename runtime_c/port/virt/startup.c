/* Reset, traps, instruction counter and the semihosting trap of the RISC-V machine. */
#include <stdint.h>

#include "machine.h"
#include "semihost.h"

#define READ_CSR(name, value) __asm__ volatile("csrr %0, " #name : "=r"(value))
#define WRITE_CSR(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"(value))

#define GUARD_BYTES 4096u
#define PMP_NAPOT 0x18u
#define PMP_LOCKED 0x80u

extern uint8_t firmware_ram_start[];

void reset(void);
void trap(void);
void start(void);

__attribute__((naked, section(".reset"))) void reset(void) {
    __asm__ volatile("la sp, firmware_stack_top\n\tj start");
}

/* RAM begins in the middle of mapped memory here, so a locked page without rights guards the stack's end. */
static void guard_stack(void) {
    const uintptr_t page = (uintptr_t)firmware_ram_start - GUARD_BYTES;
    WRITE_CSR(pmpaddr0, page >> 2 | (GUARD_BYTES / 8 - 1));
    WRITE_CSR(pmpcfg0, PMP_LOCKED | PMP_NAPOT);
}

__attribute__((used)) void start(void) {
    WRITE_CSR(mtvec, trap);
    guard_stack();
    firmware_start();
}

__attribute__((used)) static void report_trap(void) {
    uint32_t cause;
    uint32_t address;
    READ_CSR(mcause, cause);
    READ_CSR(mtval, address);
    firmware_fault("trap", cause, address);
}

/* The guard stays locked, with the same page; everything else is set up again. */
void machine_restart(void) {
    reset();
    for (;;) {
    }
}

/* The stack may be what is broken: start again from its top. */
__attribute__((naked, aligned(4))) void trap(void) {
    __asm__ volatile("la sp, firmware_stack_top\n\tj report_trap");
}

void machine_start_clock(void) {
}

/* Under -icount the emulator's minstret counts virtual nanoseconds: instructions << ICOUNT_SHIFT. */
uint64_t machine_instructions(void) {
    uint32_t high;
    uint32_t low;
    uint32_t again;
    do {
        READ_CSR(minstreth, high);
        READ_CSR(minstret, low);
        READ_CSR(minstreth, again);
    } while (high != again);
    return ((uint64_t)high << 32 | low) >> ICOUNT_SHIFT;
}

intptr_t semihost_call(uintptr_t operation, const void *arguments) {
    register uintptr_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = arguments;
    __asm__ volatile(".option push\n\t.option norvc\n\t.balign 16\n\t"
                     "slli x0, x0, 0x1f\n\tebreak\n\tsrai x0, x0, 7\n\t.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return (intptr_t)a0;
}
