/* The CMSDK timer counts down at TICK_HZ and wraps after minutes; the 1 Hz counter of the FPGA tells how often. */
#include "machine.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define TIMER_CTRL REGISTER(TIMER_BASE + 0x0)
#define TIMER_VALUE REGISTER(TIMER_BASE + 0x4)
#define TIMER_RELOAD REGISTER(TIMER_BASE + 0x8)
#define SECONDS REGISTER(FPGAIO_BASE + 0x10)

#define TICK_NS (1000000000u / TICK_HZ)
#define WRAP_TICKS (UINT64_C(1) << 32)

void machine_start_clock(void) {
    TIMER_CTRL = 0;
    TIMER_RELOAD = UINT32_MAX;
    TIMER_VALUE = UINT32_MAX;
    SECONDS = 0;
    TIMER_CTRL = 1;
}

uint64_t machine_instructions(void) {
    const uint32_t low = UINT32_MAX - TIMER_VALUE;
    const uint64_t coarse = (uint64_t)SECONDS * TICK_HZ;
    /* The count that has these low 32 bits and lies nearest to the coarse one, which is at most a second late. */
    const uint64_t ticks = low + (coarse + WRAP_TICKS / 2 - low) / WRAP_TICKS * WRAP_TICKS;
    return (ticks * TICK_NS + (1u << (ICOUNT_SHIFT - 1))) >> ICOUNT_SHIFT;
}
