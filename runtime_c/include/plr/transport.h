/* How bytes leave and reach a board where they may be lost, damaged, repeated or reordered on the way. A port fills one
 * plr_transport_t per lossy link; plr/arq.h makes a reliable link of it. docs/LINK_PROTOCOL.md. */
#ifndef PLR_TRANSPORT_H
#define PLR_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

typedef struct plr_transport {
    void *context; /* passed back to every function */

    /* First wait for an answer before a frame is sent again: longer than a frame and its answer usually take. */
    uint32_t repeat_us;

    /* Announce that `size_bytes` follow by put(), for transports that carry packets. May do nothing. */
    void (*begin)(void *context, size_t size_bytes);

    /* Send bytes. May lose them, but does not block for longer than they take on the line. */
    void (*put)(void *context, const uint8_t *bytes, size_t size_bytes);

    /* The next byte that has arrived, or -1 if there is none now. Never blocks. */
    int32_t (*get)(void *context);

    /* Microseconds since any moment in the past. Never wraps, goes on while the board waits. */
    uint64_t (*now_us)(void *context);
} plr_transport_t;

#endif
