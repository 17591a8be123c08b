/* The 64-bit system counter of the SSE-300 subsystem. */
#include "machine.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define COUNTER_CONTROL REGISTER(0x58100000u)
#define COUNTER_LOW REGISTER(0x58000000u)
#define COUNTER_HIGH REGISTER(0x58000004u)

/* One tick of TICK_HZ takes TICK_SIXTEENTHS / 16 ns. */
#define TICK_SIXTEENTHS (16000000000u / TICK_HZ)

void machine_start_clock(void) {
    COUNTER_CONTROL = 1;
}

uint64_t machine_instructions(void) {
    uint32_t high;
    uint32_t low;
    do {
        high = COUNTER_HIGH;
        low = COUNTER_LOW;
    } while (high != COUNTER_HIGH);
    const uint64_t ticks = (uint64_t)high << 32 | low;
    return (ticks * TICK_SIXTEENTHS + (UINT64_C(1) << (ICOUNT_SHIFT + 3))) >> (ICOUNT_SHIFT + 4);
}
