#include "emulated_flash.h"

#include <stdbool.h>
#include <string.h>

#define ERASED 0xFFu

static bool is_erased(const uint8_t *bytes, uint32_t size_bytes) {
    for (uint32_t i = 0; i < size_bytes; i++) {
        if (bytes[i] != ERASED) {
            return false;
        }
    }
    return true;
}

static plr_status_t keep(emulated_flash_t *self, uint32_t offset_bytes, uint32_t size_bytes) {
    return self->changed == NULL || self->changed(self, offset_bytes, size_bytes) ? PLR_OK : PLR_ERR_FLASH;
}

static plr_status_t erase(void *context, uint32_t offset_bytes) {
    emulated_flash_t *self = context;
    const uint32_t page_bytes = self->flash.page_bytes;
    if (offset_bytes % page_bytes != 0 || offset_bytes > self->flash.size_bytes - page_bytes) {
        return PLR_ERR_FLASH;
    }
    if (self->before != NULL) {
        self->before(self, offset_bytes, NULL, page_bytes);
    }
    memset(self->memory + offset_bytes, ERASED, page_bytes);
    return keep(self, offset_bytes, page_bytes);
}

static plr_status_t program(void *context, uint32_t offset_bytes, const uint8_t *bytes, uint32_t size_bytes) {
    emulated_flash_t *self = context;
    const uint32_t word_bytes = self->flash.word_bytes;
    const uint32_t page_bytes = self->flash.page_bytes;
    if (offset_bytes % word_bytes != 0 || size_bytes % word_bytes != 0 ||
        size_bytes > page_bytes - offset_bytes % page_bytes || offset_bytes >= self->flash.size_bytes) {
        return PLR_ERR_FLASH;
    }
    for (uint32_t i = 0; i < size_bytes; i += word_bytes) {
        uint8_t *word = self->memory + offset_bytes + i;
        if (!is_erased(word, word_bytes)) {
            return PLR_ERR_FLASH;
        }
        if (self->before != NULL) {
            self->before(self, offset_bytes + i, bytes + i, word_bytes);
        }
        memcpy(word, bytes + i, word_bytes);
    }
    return keep(self, offset_bytes, size_bytes);
}

void emulated_flash_init(emulated_flash_t *self, uint8_t *memory, uint32_t size_bytes, uint32_t page_bytes,
                         uint32_t word_bytes) {
    *self = (emulated_flash_t){.memory = memory,
                               .flash = {.context = self,
                                         .memory = memory,
                                         .size_bytes = size_bytes,
                                         .page_bytes = page_bytes,
                                         .word_bytes = word_bytes,
                                         .erase = erase,
                                         .program = program}};
}
