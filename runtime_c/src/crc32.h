#ifndef PLR_CRC32_H
#define PLR_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 (IEEE) of the bytes so far, `crc` (0 at first), and `size_bytes` more. */
uint32_t plr_crc32(uint32_t crc, const uint8_t *bytes, size_t size_bytes);

/* CRC-32 of `size_bytes` bytes with the four at `field_offset` taken as 0. */
uint32_t plr_crc32_without(const uint8_t *bytes, size_t size_bytes, size_t field_offset);

#endif
