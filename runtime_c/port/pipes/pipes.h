/* The link of emulated boards and local processes: a named pipe `c_<source>_<target>` per direction in the working
 * directory. A frame is at most one atomic write of a pipe. */
#ifndef PORT_PIPES_H
#define PORT_PIPES_H

#include <stddef.h>
#include <stdint.h>

#include "plr/status.h"

typedef struct pipes {
    uint16_t node;
    int16_t incoming[PLR_NODES_MAX]; /* handle + 1, or 0 before the first use */
    int16_t outgoing[PLR_NODES_MAX];
} pipes_t;

void pipes_init(pipes_t *pipes, uint16_t node);

/* plr_hal_t.send and .receive; the context is a pipes_t. They block without a timeout: the host watches. */
plr_status_t pipes_send(void *context, uint16_t peer, uint8_t *frame, size_t size_bytes);
plr_status_t pipes_receive(void *context, uint16_t peer, uint8_t *frame, size_t capacity_bytes, size_t *size_bytes);

#endif
