/* Frames in a stream of bytes that may be damaged: consistent overhead byte stuffing (COBS). A zero byte ends a frame
 * and occurs nowhere else, so that a reader who has lost the thread finds it again at the next zero.
 * docs/LINK_PROTOCOL.md, section 2. */
#ifndef PLR_DELIMIT_H
#define PLR_DELIMIT_H

#include <stdbool.h>

#include "plr/layout.h"
#include "plr/transport.h"

/* Send a frame with a zero before and after it. */
void plr_delimit(const plr_transport_t *transport, const uint8_t *frame, size_t size_bytes);

/* What has been read of a frame. All zero, apart from the payload's place, before the first byte. */
typedef struct plr_undelimiter {
    uint8_t *payload; /* where the payload goes, or NULL to check it and let it go */
    uint8_t header[PLR_FRAME_HEADER_BYTES];
    uint32_t size_bytes; /* of the frame so far */
    uint32_t crc32;      /* of the frame so far, with its CRC taken as 0 */
    uint8_t left;        /* bytes that follow before the next code */
    bool ends_in_zero;   /* a zero follows the current block */
    bool broken;         /* not a frame: wait for the next zero */
} plr_undelimiter_t;

typedef enum plr_undelimited { PLR_UNFINISHED, PLR_FRAME, PLR_GARBAGE } plr_undelimited_t;

/* Take in one byte. PLR_FRAME: `header` is that of a whole frame with the right magic, length and CRC. PLR_GARBAGE:
 * what ends here was none. Another frame begins with the next byte in both cases. */
plr_undelimited_t plr_undelimit(plr_undelimiter_t *reader, uint8_t byte, plr_frame_header_t *header);

#endif
