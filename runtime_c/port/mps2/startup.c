/* Reset, faults and the semihosting trap of the Cortex-M machines. */
#include <stdint.h>

#include "machine.h"
#include "semihost.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define CPACR REGISTER(0xE000ED88u) /* coprocessor access: floating point and MVE */
#define AIRCR REGISTER(0xE000ED0Cu) /* application interrupt and reset control */
#define CFSR REGISTER(0xE000ED28u)  /* configurable fault status */
#define BFAR REGISTER(0xE000ED38u)  /* memory or bus fault address */

#define AIRCR_RESET 0x05FA0004u

#define MPU_CTRL REGISTER(0xE000ED94u)
#define MPU_RBAR REGISTER(0xE000ED9Cu)
#define MPU_RASR REGISTER(0xE000EDA0u)
#define MPU_RBAR_VALID 0x10u /* region 0 */
#define MPU_RASR_ENABLE 1u
#define MPU_RASR_GUARD_SIZE (11u << 1) /* GUARD_BYTES = 2 ** (11 + 1) */
#define MPU_CTRL_ENABLE 1u
#define MPU_CTRL_BACKGROUND 4u /* what no region covers stays as it is */
#define GUARD_BYTES 4096u

extern uint32_t firmware_ram_start[], firmware_stack_top[];

void reset(void);

/* Make the first write below the stack a fault: by the stack limit register, or else by an MPU region without access.
 */
static void guard_stack(void) {
#if __ARM_ARCH >= 8
    __asm__ volatile("msr msplim, %0" ::"r"(firmware_ram_start));
#else
    MPU_RBAR = ((uintptr_t)firmware_ram_start - GUARD_BYTES) | MPU_RBAR_VALID;
    MPU_RASR = MPU_RASR_GUARD_SIZE | MPU_RASR_ENABLE;
    MPU_CTRL = MPU_CTRL_BACKGROUND | MPU_CTRL_ENABLE;
#endif
}

void reset(void) {
    CPACR |= 0xFu << 20;
    guard_stack();
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    firmware_start();
}

void machine_restart(void) {
    AIRCR = AIRCR_RESET;
    for (;;) {
    }
}

/* The stack may be what is broken: start again from its top. */
static void report_fault(void) {
    firmware_fault("fault", CFSR, BFAR);
}

__attribute__((naked)) static void fault(void) {
    __asm__ volatile("ldr r0, =firmware_stack_top\n\tmov sp, r0\n\tb %c0" ::"i"(report_fault));
}

typedef void (*vector_t)(void);

__attribute__((section(".reset"), used)) static const struct {
    const void *stack_top;
    vector_t handlers[15];
} vectors = {firmware_stack_top,
             {reset, fault, fault, fault, fault, fault, fault, 0, 0, 0, fault, fault, 0, fault, fault}};

intptr_t semihost_call(uintptr_t operation, const void *arguments) {
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (intptr_t)r0;
}
