/* An idle board: it waits for the host, tells what it is, takes a plan into its store, and runs it on command.
 * docs/LINK_PROTOCOL.md, section 4. */
#ifndef PLR_BOARD_H
#define PLR_BOARD_H

#include "plr/arq.h"
#include "plr/plan_store.h"
#include "plr/plr.h"

#define PLR_FIRMWARE_VERSION 0x000100u /* major << 16 | minor << 8 | patch */

typedef struct plr_board_hal {
    plr_hal_t hal; /* send and receive are those of plr/arq.h, with `arq` as context */
    plr_arq_t *arq;
    plr_plan_store_t *store; /* open */

    /* Paint the free RAM and give what is between static data and the cap to the runtime as its arena. Fails with
     * PLR_ERR_CONFIG iff the board has not got that much RAM. The context is `hal`'s. */
    plr_status_t (*prepare)(void *context, const plr_config_t *config, uint8_t **arena, size_t *arena_bytes);

    plr_footprint_t footprint;
    plr_board_t identity; /* versions, capabilities, code, store and plan are filled in */
    const char *text;     /* name and core, each with a newline after it */
} plr_board_hal_t;

/* Serve the host, session after session, until it sends RESTART. `runtime` need not be initialised. */
void plr_board_serve(plr_t *runtime, const plr_board_hal_t *board);

#endif
