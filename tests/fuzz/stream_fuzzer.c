/* A stream of any bytes is read in bounds, and every frame that is sent is read again, unchanged. */
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "delimit.h"
#include "frame.h"

#define LARGEST_BYTES (PLR_FRAME_HEADER_BYTES + PLR_FRAME_PAYLOAD_BYTES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* A line that ends in memory. */
typedef struct line {
    uint8_t bytes[2 * LARGEST_BYTES];
    size_t announced;
    size_t size;
} line_t;

static void begin(void *context, size_t size_bytes) {
    line_t *line = context;
    line->announced = size_bytes;
    line->size = 0;
}

static void put(void *context, const uint8_t *bytes, size_t size_bytes) {
    line_t *line = context;
    if (line->size + size_bytes > line->announced || line->announced > sizeof line->bytes) {
        abort();
    }
    memcpy(line->bytes + line->size, bytes, size_bytes);
    line->size += size_bytes;
}

/* Send a frame over a line of memory and read it again. */
static void check_passes(const uint8_t *frame, size_t size_bytes) {
    static line_t line;
    const plr_transport_t transport = {.context = &line, .begin = begin, .put = put};
    uint8_t payload[PLR_FRAME_PAYLOAD_BYTES];
    plr_undelimiter_t reader = {.payload = payload};
    plr_frame_header_t header;
    size_t frames = 0;
    plr_delimit(&transport, frame, size_bytes);
    if (line.size != line.announced) {
        abort();
    }
    for (size_t i = 0; i < line.size; i++) {
        const plr_undelimited_t result = plr_undelimit(&reader, line.bytes[i], &header);
        frames += result == PLR_FRAME;
        if (result == PLR_GARBAGE) {
            abort();
        }
    }
    if (frames != 1 || header.length != size_bytes - PLR_FRAME_HEADER_BYTES ||
        memcmp(payload, frame + PLR_FRAME_HEADER_BYTES, header.length) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    uint8_t *frame = malloc(LARGEST_BYTES); /* on the heap, where the sanitizer guards its ends */
    plr_undelimiter_t reader = {.payload = frame + PLR_FRAME_HEADER_BYTES};
    plr_frame_header_t header;
    for (size_t i = 0; i < size_bytes; i++) {
        (void)plr_undelimit(&reader, data[i], &header);
    }
    if (size_bytes >= PLR_FRAME_HEADER_BYTES && size_bytes <= LARGEST_BYTES) {
        memcpy(frame, data, size_bytes);
        header = plr_frame_header_read(frame);
        header.length = (uint16_t)(size_bytes - PLR_FRAME_HEADER_BYTES);
        plr_frame_seal(frame, &header);
        check_passes(frame, size_bytes);
    }
    free(frame);
    return 0;
}
