#include "cortex_m.h"

#include "board.h"

#define SYST_CSR REGISTER(0xE000E010u) /* control and status */
#define SYST_RVR REGISTER(0xE000E014u) /* reload value */
#define SYST_CVR REGISTER(0xE000E018u) /* current value, counts down */
#define CPACR REGISTER(0xE000ED88u)    /* coprocessor access: floating point */
#define AIRCR REGISTER(0xE000ED0Cu)    /* application interrupt and reset control */

#define SYST_CORE_CLOCK_INTERRUPT_ENABLE 7u
#define SYST_PERIOD (UINT32_C(1) << 24)
#define AIRCR_RESET 0x05FA0004u

extern uint32_t firmware_stack_top[];

void reset(void);

static volatile uint32_t periods;

static void count_period(void) {
    periods = periods + 1;
}

void cycles_start(void) {
    SYST_RVR = SYST_PERIOD - 1;
    SYST_CVR = 0;
    SYST_CSR = SYST_CORE_CLOCK_INTERRUPT_ENABLE;
}

/* 2^56 cycles take years at any clock. */
uint64_t cycles(void) {
    uint32_t before;
    uint32_t left;
    do {
        before = periods;
        left = SYST_CVR;
    } while (before != periods);
    return (uint64_t)before * SYST_PERIOD + (SYST_PERIOD - 1 - left);
}

void restart(void) {
    AIRCR = AIRCR_RESET;
    for (;;) {
    }
}

void reset(void) {
#if defined(__ARM_FP)
    CPACR |= 0xFu << 20;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    firmware_start();
}

/* A fault: the host hears nothing more and names the board. */
static void fault(void) {
    for (;;) {
    }
}

typedef void (*vector_t)(void);

__attribute__((section(".reset"), used)) static const struct {
    const void *stack_top;
    vector_t handlers[15];
} vectors = {firmware_stack_top,
             {reset, fault, fault, fault, fault, fault, fault, 0, 0, 0, fault, fault, 0, fault, count_period}};
