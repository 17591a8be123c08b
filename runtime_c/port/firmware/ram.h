/* The RAM of a firmware that firmware.ld has laid out: stack, static data, arena, and how much of each is used. */
#ifndef PORT_RAM_H
#define PORT_RAM_H

#include "plr/plr.h"

/* Give data and bss their first values. Before anything else. */
void ram_start(void);

/* All RAM of the board. */
uint32_t ram_size_bytes(void);

/* What the firmware itself takes. */
plr_footprint_t ram_footprint(void);

/* plr_board_hal_t.prepare: paint the free stack and what lies above the cap; the arena is all RAM between static data
 * and the cap. */
plr_status_t ram_prepare(void *context, const plr_config_t *config, uint8_t **arena, size_t *arena_bytes);

/* plr_hal_t.stack_peak_bytes and .above_cap_bytes. */
uint32_t ram_stack_peak_bytes(void *context);
uint32_t ram_above_cap_bytes(void *context);

#endif
