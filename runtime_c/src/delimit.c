#include "delimit.h"

#include "crc32.h"

#define BLOCK_BYTES 254u /* most bytes after one code */

/* Bytes before the next zero or the end, at most BLOCK_BYTES. */
static size_t block_bytes(const uint8_t *bytes, size_t size_bytes) {
    size_t length = 0;
    while (length < size_bytes && length < BLOCK_BYTES && bytes[length] != 0) {
        length++;
    }
    return length;
}

/* Visit the blocks of a frame: their encoding's size, and if `transport` is given, send it. The frame is taken to be
 * followed by a zero, which belongs to its last block and is not sent. */
static size_t encode(const plr_transport_t *transport, const uint8_t *frame, size_t size_bytes) {
    size_t encoded_bytes = 0;
    size_t at = 0;
    while (at <= size_bytes) {
        const size_t length = block_bytes(frame + at, size_bytes - at);
        if (transport != NULL) {
            const uint8_t code = (uint8_t)(length + 1);
            transport->put(transport->context, &code, sizeof code);
            transport->put(transport->context, frame + at, length);
        }
        encoded_bytes += 1 + length;
        at += length == BLOCK_BYTES ? length : length + 1;
    }
    return encoded_bytes;
}

void plr_delimit(const plr_transport_t *transport, const uint8_t *frame, size_t size_bytes) {
    static const uint8_t zero = 0;
    transport->begin(transport->context, encode(NULL, frame, size_bytes) + 2);
    transport->put(transport->context, &zero, sizeof zero);
    (void)encode(transport, frame, size_bytes);
    transport->put(transport->context, &zero, sizeof zero);
}

/* Take in one byte of the frame itself. */
static void append(plr_undelimiter_t *reader, uint8_t byte) {
    const uint32_t at = reader->size_bytes++;
    if (at < PLR_FRAME_HEADER_BYTES) {
        reader->header[at] = byte;
    } else if (at >= PLR_FRAME_HEADER_BYTES + PLR_FRAME_PAYLOAD_BYTES) {
        reader->broken = true;
        return;
    } else if (reader->payload != NULL) {
        reader->payload[at - PLR_FRAME_HEADER_BYTES] = byte;
    }
    const bool is_crc = at - PLR_FRAME_HEADER_CRC32_OFFSET < sizeof(uint32_t);
    const uint8_t counted = is_crc ? 0 : byte;
    reader->crc32 = plr_crc32(reader->crc32, &counted, sizeof counted);
}

static bool is_frame(const plr_undelimiter_t *reader, plr_frame_header_t *header) {
    if (reader->broken || reader->left != 0 || reader->size_bytes < PLR_FRAME_HEADER_BYTES) {
        return false;
    }
    *header = plr_frame_header_read(reader->header);
    return header->magic == PLR_FRAME_MAGIC && header->length == reader->size_bytes - PLR_FRAME_HEADER_BYTES &&
           header->crc32 == reader->crc32;
}

static plr_undelimited_t finish(plr_undelimiter_t *reader, plr_frame_header_t *header) {
    const bool was_empty = reader->size_bytes == 0 && !reader->broken && reader->left == 0;
    const plr_undelimited_t result = was_empty ? PLR_UNFINISHED : is_frame(reader, header) ? PLR_FRAME : PLR_GARBAGE;
    *reader = (plr_undelimiter_t){.payload = reader->payload};
    return result;
}

plr_undelimited_t plr_undelimit(plr_undelimiter_t *reader, uint8_t byte, plr_frame_header_t *header) {
    if (byte == 0) {
        return finish(reader, header);
    }
    if (reader->broken) {
        return PLR_UNFINISHED;
    }
    if (reader->left > 0) {
        reader->left--;
        append(reader, byte);
        return PLR_UNFINISHED;
    }
    if (reader->ends_in_zero) {
        append(reader, 0);
    }
    reader->left = (uint8_t)(byte - 1);
    reader->ends_in_zero = byte - 1u < BLOCK_BYTES;
    return PLR_UNFINISHED;
}
