#include "crc32.h"

/* By half bytes: 64 bytes of flash instead of a kilobyte. */
static const uint32_t remainders[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
};

uint32_t plr_crc32(uint32_t crc, const uint8_t *bytes, size_t size_bytes) {
    crc = ~crc;
    for (size_t i = 0; i < size_bytes; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ remainders[crc & 15];
        crc = crc >> 4 ^ remainders[crc & 15];
    }
    return ~crc;
}

uint32_t plr_crc32_without(const uint8_t *bytes, size_t size_bytes, size_t field_offset) {
    static const uint8_t zeros[4] = {0};
    const size_t after = field_offset + sizeof zeros;
    const uint32_t crc = plr_crc32(plr_crc32(0, bytes, field_offset), zeros, sizeof zeros);
    return plr_crc32(crc, bytes + after, size_bytes - after);
}
