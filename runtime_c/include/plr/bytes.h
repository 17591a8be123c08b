/* Little-endian numbers at any byte address. Compilers turn each function into one load or store where the core allows
 * it. */
#ifndef PLR_BYTES_H
#define PLR_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint8_t plr_get_u8(const uint8_t *bytes) {
    return bytes[0];
}

static inline uint16_t plr_get_u16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | (uint16_t)(bytes[1] << 8));
}

static inline uint32_t plr_get_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static inline uint64_t plr_get_u64(const uint8_t *bytes) {
    return (uint64_t)plr_get_u32(bytes) | (uint64_t)plr_get_u32(bytes + 4) << 32;
}

static inline float plr_get_f32(const uint8_t *bytes) {
    const uint32_t bits = plr_get_u32(bytes);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void plr_put_u8(uint8_t *bytes, uint8_t value) {
    bytes[0] = value;
}

static inline void plr_put_u16(uint8_t *bytes, uint16_t value) {
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static inline void plr_put_u32(uint8_t *bytes, uint32_t value) {
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
    bytes[2] = (uint8_t)(value >> 16);
    bytes[3] = (uint8_t)(value >> 24);
}

static inline void plr_put_u64(uint8_t *bytes, uint64_t value) {
    plr_put_u32(bytes, (uint32_t)value);
    plr_put_u32(bytes + 4, (uint32_t)(value >> 32));
}

static inline void plr_put_f32(uint8_t *bytes, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    plr_put_u32(bytes, bits);
}

#endif
