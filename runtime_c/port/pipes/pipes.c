#include "pipes.h"

#include <string.h>

#include "file.h"
#include "plr/layout.h"

#define PATH_BYTES sizeof "c_65535_65535"

/* Append the decimal digits of a number, without the library's printf. Returns the end of what it wrote. */
static char *append_number(char *text, uint16_t number) {
    uint16_t unit = 1;
    while (number / unit >= 10) {
        unit = (uint16_t)(unit * 10);
    }
    for (; unit > 0; unit /= 10) {
        *text++ = (char)('0' + number / unit % 10);
    }
    return text;
}

static int open_once(int16_t *slot, uint16_t source, uint16_t target) {
    if (*slot == 0) {
        char path[PATH_BYTES] = "c_";
        char *end = append_number(path + 2, source);
        *end++ = '_';
        end = append_number(end, target);
        *end = '\0';
        *slot = (int16_t)(file_open(path) + 1);
    }
    return *slot - 1;
}

void pipes_init(pipes_t *pipes, uint16_t node) {
    memset(pipes, 0, sizeof *pipes);
    pipes->node = node;
}

plr_status_t pipes_send(void *context, uint16_t peer, uint8_t *frame, size_t size_bytes) {
    pipes_t *pipes = context;
    if (peer >= PLR_NODES_MAX) {
        return PLR_ERR_LINK;
    }
    const int handle = open_once(&pipes->outgoing[peer], pipes->node, peer);
    return handle >= 0 && file_write(handle, frame, size_bytes) ? PLR_OK : PLR_ERR_LINK;
}

plr_status_t pipes_receive(void *context, uint16_t peer, uint8_t *frame, size_t capacity_bytes, size_t *size_bytes) {
    pipes_t *pipes = context;
    if (peer >= PLR_NODES_MAX || capacity_bytes < PLR_FRAME_HEADER_BYTES) {
        return PLR_ERR_LINK;
    }
    const int handle = open_once(&pipes->incoming[peer], peer, pipes->node);
    if (handle < 0 || !file_read(handle, frame, PLR_FRAME_HEADER_BYTES)) {
        return PLR_ERR_LINK;
    }
    const plr_frame_header_t header = plr_frame_header_read(frame);
    if (header.length > capacity_bytes - PLR_FRAME_HEADER_BYTES ||
        !file_read(handle, frame + PLR_FRAME_HEADER_BYTES, header.length)) {
        return PLR_ERR_LINK;
    }
    *size_bytes = PLR_FRAME_HEADER_BYTES + header.length;
    return PLR_OK;
}
