/* The part of a board's flash in which plans are kept, as plr/plan_store.h needs it. */
#ifndef PLR_FLASH_H
#define PLR_FLASH_H

#include <stdint.h>

#include "plr/status.h"

typedef struct plr_flash {
    void *context;         /* passed back to both functions */
    const uint8_t *memory; /* where it is read, at a multiple of 16 in address */
    uint32_t size_bytes;   /* at least two pages */
    uint32_t page_bytes;   /* unit of erasing, a power of two */
    uint32_t word_bytes;   /* unit of programming, a power of two, at most PLR_FLASH_WORD_BYTES_MAX and a page */

    /* Set all bytes of the page at an offset, a multiple of page_bytes, to 0xFF. Blocks until done. Fails with
     * PLR_ERR_FLASH iff the flash refuses. */
    plr_status_t (*erase)(void *context, uint32_t offset_bytes);

    /* Program whole words that have not been programmed since their page was erased. Both numbers are multiples of
     * word_bytes, the words lie in one page. Blocks until done. Fails with PLR_ERR_FLASH iff the flash refuses. */
    plr_status_t (*program)(void *context, uint32_t offset_bytes, const uint8_t *bytes, uint32_t size_bytes);
} plr_flash_t;

#endif
