/* The paint and the canaries of the arena, by which RAM is measured and overruns are found.
 *
 * A canary byte is the complement of the paint at its address, so the highest buffer marks the arena's peak under every
 * paint, and two runs with complementary paint words see every other byte that is written. */
#ifndef PLR_ARENA_H
#define PLR_ARENA_H

#include "plr/plr.h"

void plr_arena_paint(const plr_t *runtime);

/* Highest byte that lost its paint, plus one. */
uint32_t plr_arena_peak_bytes(const plr_t *runtime);

/* Write the canaries of the buffers whose lifespan begins with a step. Steps come in order. */
void plr_arena_begin_buffers(plr_t *runtime, uint32_t step);

/* Number of broken canaries among the buffers whose lifespan ended with the last step. */
uint32_t plr_arena_end_buffers(const plr_t *runtime);

#endif
