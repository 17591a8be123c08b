#include "stream.h"

#include <string.h>

plr_stream_t plr_stream_over(const plr_box_t *box) {
    const uint32_t pixel_bytes = box->channels * box->element_bytes;
    const bool is_dense = box->pixel_stride_bytes == pixel_bytes;
    return (plr_stream_t){.box = box,
                          .runs = is_dense ? 1 : box->columns,
                          .run_bytes = is_dense ? pixel_bytes * box->columns : pixel_bytes};
}

bool plr_stream_ended(const plr_stream_t *stream) {
    return stream->row == stream->box->rows;
}

/* The next contiguous bytes, at most `limit_bytes`, past which the stream moves. The stream must not have ended. */
static uint8_t *advance(plr_stream_t *stream, uint32_t limit_bytes, uint32_t *size_bytes) {
    const uint32_t left = stream->run_bytes - stream->done_bytes;
    uint8_t *bytes = plr_box_row(stream->box, stream->row) + (size_t)stream->run * stream->box->pixel_stride_bytes +
                     stream->done_bytes;
    *size_bytes = left < limit_bytes ? left : limit_bytes;
    stream->done_bytes += *size_bytes;
    if (stream->done_bytes == stream->run_bytes) {
        stream->done_bytes = 0;
        if (++stream->run == stream->runs) {
            stream->run = 0;
            stream->row++;
        }
    }
    return bytes;
}

uint32_t plr_stream_read(plr_stream_t *stream, uint8_t *bytes, uint32_t capacity_bytes) {
    uint32_t total = 0;
    while (total < capacity_bytes && !plr_stream_ended(stream)) {
        uint32_t size_bytes;
        const uint8_t *source = advance(stream, capacity_bytes - total, &size_bytes);
        memcpy(bytes + total, source, size_bytes);
        total += size_bytes;
    }
    return total;
}

uint32_t plr_stream_write(plr_stream_t *stream, const uint8_t *bytes, uint32_t size_bytes) {
    uint32_t total = 0;
    while (total < size_bytes && !plr_stream_ended(stream)) {
        uint32_t run_bytes;
        uint8_t *target = advance(stream, size_bytes - total, &run_bytes);
        memcpy(target, bytes + total, run_bytes);
        total += run_bytes;
    }
    return total;
}
