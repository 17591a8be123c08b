/* What the runtime needs of a board. A port fills one plr_hal_t and passes it to plr_init(). */
#ifndef PLR_HAL_H
#define PLR_HAL_H

#include <stddef.h>
#include <stdint.h>

#include "plr/status.h"

typedef struct plr_hal {
    void *context; /* passed back to every function */

    /* Send one whole frame (header and payload, at most PLR_FRAME_BYTES) to a peer node. May block until the peer
     * reads, and may change the frame. Fails with PLR_ERR_LINK iff the link is broken or a timeout that the port keeps
     * has passed. Over a transport that loses bytes, this and receive() are those of plr/arq.h. */
    plr_status_t (*send)(void *context, uint16_t peer, uint8_t *frame, size_t size_bytes);

    /* Receive the next whole frame from a peer node. Blocks. Fails with PLR_ERR_LINK iff the link is broken, a timeout
     * that the port keeps has passed, or the frame is larger than capacity_bytes. */
    plr_status_t (*receive)(void *context, uint16_t peer, uint8_t *frame, size_t capacity_bytes, size_t *size_bytes);

    /* Monotonic count of work done by this core: instructions, cycles or timer ticks; the board configuration holds
     * the ratio to nanoseconds. Never wraps. */
    uint64_t (*work)(void *context);

    /* Deepest use of the stack so far in bytes, or 0 where the port cannot tell. */
    uint32_t (*stack_peak_bytes)(void *context);

    /* Bytes beyond the RAM cap that have lost their paint, or 0 where there are none. */
    uint32_t (*above_cap_bytes)(void *context);
} plr_hal_t;

#endif
