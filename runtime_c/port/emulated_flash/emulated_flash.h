/* Flash in ordinary memory, with the rules of real flash: a page is erased to 0xFF as a whole, programming clears bits,
 * and a word is programmed once between two erasures. What breaks a rule is refused. */
#ifndef PORT_EMULATED_FLASH_H
#define PORT_EMULATED_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "plr/flash.h"

typedef struct emulated_flash {
    plr_flash_t flash; /* for the plan store; its context is this structure */
    uint8_t *memory;

    /* Told of each operation on a page or a word when it is to be carried out; `bytes` is NULL for an erasure. May be
     * NULL. Where the power may fail, and where tests let it. */
    void (*before)(struct emulated_flash *self, uint32_t offset_bytes, const uint8_t *bytes, uint32_t size_bytes);

    /* Told of the bytes that an operation has changed, to keep them where they outlive the power. May be NULL. False
     * iff that fails. */
    bool (*changed)(struct emulated_flash *self, uint32_t offset_bytes, uint32_t size_bytes);

    void *context; /* of the one who is told */
} emulated_flash_t;

/* A flash over `memory`, which holds what the flash held when the power failed, or 0xFF everywhere. */
void emulated_flash_init(emulated_flash_t *self, uint8_t *memory, uint32_t size_bytes, uint32_t page_bytes,
                         uint32_t word_bytes);

#endif
