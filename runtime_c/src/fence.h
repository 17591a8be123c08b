/* Tells AddressSanitizer, in programs that are built with it, which bytes of the arena belong to no live buffer, so
 * that reading one of them is found as well as writing one. */
#ifndef PLR_FENCE_H
#define PLR_FENCE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PLR_HAS_FENCE 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define PLR_HAS_FENCE 1
#endif

#if defined(PLR_HAS_FENCE)
#include <sanitizer/asan_interface.h>

static inline void plr_fence_close(const uint8_t *bytes, size_t size_bytes) {
    ASAN_POISON_MEMORY_REGION(bytes, size_bytes);
}

static inline void plr_fence_open(const uint8_t *bytes, size_t size_bytes) {
    ASAN_UNPOISON_MEMORY_REGION(bytes, size_bytes);
}
#else
static inline void plr_fence_close(const uint8_t *bytes, size_t size_bytes) {
    (void)bytes;
    (void)size_bytes;
}

static inline void plr_fence_open(const uint8_t *bytes, size_t size_bytes) {
    (void)bytes;
    (void)size_bytes;
}
#endif

#endif
