/* Two slots for plans in flash, one of which is in force. A plan is written into the other one and comes into force by
 * its last write: whenever the power fails, the board has the old plan or the new one, whole.
 *
 * A slot begins with its head (a stored_plan record and the model's name), which is programmed last; the plan follows.
 * A page of a slot is erased just before its first word is programmed, and never programmed without that, so that
 * nothing is built on a page whose erasure or programming was cut short. Pages that already hold the right bytes need
 * not be written again: the sender compares their CRCs and resumes what was cut short. docs/PLAN_FORMAT.md, section 8.
 */
#ifndef PLR_PLAN_STORE_H
#define PLR_PLAN_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "plr/flash.h"
#include "plr/layout.h"
#include "plr/status.h"

#define PLR_PLAN_STORE_SLOTS 2u
#define PLR_NO_SLOT PLR_PLAN_STORE_SLOTS

typedef struct plr_plan_store {
    const plr_flash_t *flash;
    uint32_t slot_bytes;
    uint32_t plan_offset_bytes; /* of a plan in its slot */
    uint32_t active;            /* slot whose plan is in force, or PLR_NO_SLOT */
    uint32_t target;            /* slot that is being written, or PLR_NO_SLOT */
    uint32_t plan_bytes;        /* of the plan that is being written */
    uint32_t end_bytes;         /* of what has been programmed in the target's current page, from the slot's start */
    plr_stored_plan_t stored;   /* record of the active slot, zeros if there is none */
} plr_plan_store_t;

/* Find the plan in force: of the slots whose head and plan are whole, the one that was committed last. Reads both plans
 * once. Fails with PLR_ERR_ARGUMENT iff the flash's numbers are not as plr/flash.h says. */
PLR_MUST_CHECK plr_status_t plr_plan_store_open(plr_plan_store_t *store, const plr_flash_t *flash);

/* Largest plan that a slot holds. */
uint32_t plr_plan_store_capacity_bytes(const plr_plan_store_t *store);

/* The plan in force and the model's name (stored.name_bytes of it), or NULL if there is none. Both point into flash. */
const uint8_t *plr_plan_store_plan(const plr_plan_store_t *store);
const uint8_t *plr_plan_store_name(const plr_plan_store_t *store);

/* Begin to write a plan into the slot that is not in force. Erases the slot's first page, and with it the head, whose
 * bytes of the plan are gone too. Fails with PLR_ERR_STORE_TOO_SMALL iff a slot is too small, or as the flash does. */
PLR_MUST_CHECK plr_status_t plr_plan_store_begin(plr_plan_store_t *store, uint32_t plan_bytes);

/* Bytes of a plan in the first page of a slot. In all others they fill the page. */
uint32_t plr_plan_store_first_page_bytes(const plr_plan_store_t *store);

/* Pages of the slot that the plan being written takes, 0 if nothing has been begun; and the CRC-32 of what one of them
 * holds where the plan should be. */
uint32_t plr_plan_store_pages(const plr_plan_store_t *store);
uint32_t plr_plan_store_page_crc32(const plr_plan_store_t *store, uint32_t page);

/* Write a piece of the plan, which must continue the last one or begin where a page does, and read it back. The size is
 * a multiple of the flash's word unless the plan ends there. Fails with PLR_ERR_STORE iff the place is another or
 * nothing has been begun, with PLR_ERR_FLASH iff the flash does or reads back otherwise. */
PLR_MUST_CHECK plr_status_t plr_plan_store_write(plr_plan_store_t *store, uint32_t offset_bytes, const uint8_t *bytes,
                                                 uint32_t size_bytes);

/* Check what has been written as plr_plan_load() does, for `arena_bytes` of arena, and bring it into force. `plan` says
 * what it should be; magic, size, name_bytes, sequence and crc32 are filled in. Fails as the loader does, with
 * PLR_ERR_STORE_MISMATCH iff the plan is not the one that `plan` describes, with PLR_ERR_STORE iff nothing has been
 * begun or the name is too long, or as the flash does. The old plan is then still in force. */
PLR_MUST_CHECK plr_status_t plr_plan_store_commit(plr_plan_store_t *store, const plr_stored_plan_t *plan,
                                                  const uint8_t *name, uint16_t name_bytes, uint32_t arena_bytes);

#endif
