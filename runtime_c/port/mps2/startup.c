/* Reset, faults and the semihosting trap of the Cortex-M machines. */
#include <stdint.h>

#include "machine.h"
#include "semihost.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define CPACR REGISTER(0xE000ED88u) /* coprocessor access: floating point and MVE */
#define CFSR REGISTER(0xE000ED28u)  /* configurable fault status */
#define BFAR REGISTER(0xE000ED38u)  /* bus fault address */

extern uint32_t firmware_stack_top[];

void reset(void);

void reset(void) {
    CPACR |= 0xFu << 20;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    firmware_start();
}

/* The stack may be what is broken: start again from its top. */
static void report_fault(void) { firmware_fault("fault", CFSR, BFAR); }

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
