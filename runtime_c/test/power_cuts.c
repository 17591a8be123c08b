/* power_cuts PAGE_BYTES WORD_BYTES CUTS OLD_PLAN NEW_PLAN
 *
 * Replaces one plan of the store by another and cuts the power at every operation of the flash, before it and in the
 * middle of it in several ways. Each time the board boots with what the flash then holds: it must find the old plan or
 * the new one, whole, never the old one after a cut that left the new one, and it must be able to send the new one
 * again, under the flash's rules. With CUTS = 2 the power fails at every operation of that, too. First an empty flash
 * gets the old plan in the same manner. Prints counts; ends with status 1 and a reason at the first fault. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "emulated_flash.h"
#include "plr/plan.h"
#include "plr/plan_store.h"

#define PIECE_BYTES 1024u
#define ARENA_BYTES 65536u

typedef enum damage { NOT_BEGUN, HALF_THE_BYTES, SOME_BITS, OTHER_BITS, DAMAGES } damage_t;

typedef struct plan {
    uint8_t *bytes;
    uint32_t size_bytes;
    const char *name;
} plan_t;

/* One way from a plan in force, or none, to another. */
typedef struct trial {
    const plan_t *before; /* NULL for an empty store */
    const plan_t *after;
    unsigned cuts_left;
    bool is_after; /* an earlier cut has left the new plan in force */
} trial_t;

static struct {
    unsigned long operations; /* without a cut before them */
    unsigned long boots;
    unsigned long boots_with_new;
    unsigned long pages_kept; /* pages that a resumed transfer did not send again */
} counts;

static uint32_t random_state = 1;

static void fail(const char *reason) __attribute__((noreturn));

static void fail(const char *reason) {
    printf("after %lu boots: %s\n", counts.boots, reason);
    exit(1);
}

static void expect(plr_status_t status, const char *what) {
    if (status != PLR_OK) {
        printf("%s: ", what);
        fail(plr_status_name(status));
    }
}

static uint8_t random_byte(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return (uint8_t)(random_state >> 24);
}

static plan_t read_plan(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        exit(2);
    }
    plan_t plan = {.size_bytes = (uint32_t)ftell(file), .name = strrchr(path, '/') + 1};
    plan.bytes = malloc(plan.size_bytes);
    rewind(file);
    if (plan.bytes == NULL || fread(plan.bytes, 1, plan.size_bytes, file) != plan.size_bytes) {
        exit(2);
    }
    fclose(file);
    return plan;
}

/* What a sender does: every page whose bytes are not there yet, then the commit. */
static void send(plr_plan_store_t *store, const plan_t *plan) {
    const uint32_t page_bytes = store->flash->page_bytes;
    expect(plr_plan_store_begin(store, plan->size_bytes), "begin");
    for (uint32_t page = 0; page * page_bytes < store->plan_offset_bytes + plan->size_bytes; page++) {
        const uint32_t start = page == 0 ? 0 : page * page_bytes - store->plan_offset_bytes;
        uint32_t end = (page + 1) * page_bytes - store->plan_offset_bytes;
        end = end < plan->size_bytes ? end : plan->size_bytes;
        if (plr_plan_store_page_crc32(store, page) == plr_crc32(0, plan->bytes + start, end - start)) {
            counts.pages_kept++;
            continue;
        }
        for (uint32_t at = start; at < end; at += PIECE_BYTES) {
            const uint32_t size_bytes = end - at < PIECE_BYTES ? end - at : PIECE_BYTES;
            expect(plr_plan_store_write(store, at, plan->bytes + at, size_bytes), "write");
        }
    }
    const plr_plan_header_t header = plr_plan_header_read(plan->bytes);
    const plr_stored_plan_t stored = {.plan_bytes = plan->size_bytes,
                                      .plan_crc32 = header.crc32,
                                      .cluster_id = header.cluster_id,
                                      .model_hash = header.model_hash,
                                      .stored_at_s = 1};
    expect(
        plr_plan_store_commit(store, &stored, (const uint8_t *)plan->name, (uint16_t)strlen(plan->name), ARENA_BYTES),
        "commit");
}

static bool holds(const plr_plan_store_t *store, const plan_t *plan) {
    const uint8_t *bytes = plr_plan_store_plan(store);
    if (plan == NULL || bytes == NULL) {
        return plan == NULL && bytes == NULL;
    }
    return store->stored.plan_bytes == plan->size_bytes && memcmp(bytes, plan->bytes, plan->size_bytes) == 0 &&
           store->stored.name_bytes == strlen(plan->name) &&
           memcmp(plr_plan_store_name(store), plan->name, store->stored.name_bytes) == 0;
}

static void cut_power(emulated_flash_t *self, uint32_t offset_bytes, const uint8_t *bytes, uint32_t size_bytes);

/* A copy of a flash as it is found after the power was cut. */
static void copy_flash(emulated_flash_t *copy, const emulated_flash_t *flash) {
    uint8_t *memory = malloc(flash->flash.size_bytes);
    memcpy(memory, flash->memory, flash->flash.size_bytes);
    emulated_flash_init(copy, memory, flash->flash.size_bytes, flash->flash.page_bytes, flash->flash.word_bytes);
}

/* Start a board on a flash; it must have the old plan or the new, and take the new. Whether it has the new one. */
static bool boot(emulated_flash_t *flash, const trial_t *trial) {
    counts.boots++;
    plr_plan_store_t store;
    expect(plr_plan_store_open(&store, &flash->flash), "open");
    if (holds(&store, trial->after)) {
        counts.boots_with_new++;
        return true;
    }
    if (!holds(&store, trial->before)) {
        fail("neither the old plan nor the new one is in force");
    }
    if (trial->is_after) {
        fail("the old plan is in force again");
    }
    trial_t again = {.before = trial->before, .after = trial->after, .cuts_left = trial->cuts_left - 1};
    if (again.cuts_left > 0) {
        flash->before = cut_power;
        flash->context = &again;
    }
    send(&store, trial->after);
    expect(plr_plan_store_open(&store, &flash->flash), "open");
    if (!holds(&store, trial->after)) {
        fail("the new plan is not in force after a second transfer");
    }
    return false;
}

/* Do a part of an operation: erasing sets bits, programming clears some. */
static void tear(uint8_t *memory, const uint8_t *bytes, uint32_t size_bytes, damage_t damage) {
    for (uint32_t i = 0; i < size_bytes; i++) {
        const uint8_t wanted = bytes == NULL ? 0xFF : bytes[i];
        const uint8_t done = damage == NOT_BEGUN        ? 0
                             : damage == HALF_THE_BYTES ? (i < size_bytes / 2 ? 0xFF : 0)
                                                        : random_byte();
        memory[i] = (uint8_t)((memory[i] & ~done) | (wanted & done));
    }
}

static void cut_power(emulated_flash_t *self, uint32_t offset_bytes, const uint8_t *bytes, uint32_t size_bytes) {
    trial_t *trial = self->context;
    bool is_after = false;
    counts.operations++;
    for (damage_t damage = NOT_BEGUN; damage < DAMAGES; damage++) {
        emulated_flash_t copy;
        copy_flash(&copy, self);
        tear(copy.memory + offset_bytes, bytes, size_bytes, damage);
        is_after |= boot(&copy, trial);
        free(copy.memory);
    }
    trial->is_after = is_after;
}

/* Send a plan, with the power cut at every operation. */
static void try_all_cuts(emulated_flash_t *flash, const plan_t *before, const plan_t *after, unsigned cuts) {
    trial_t trial = {.before = before, .after = after, .cuts_left = cuts};
    plr_plan_store_t store;
    expect(plr_plan_store_open(&store, &flash->flash), "open");
    flash->before = cut_power;
    flash->context = &trial;
    send(&store, after);
    flash->before = NULL;
    expect(plr_plan_store_open(&store, &flash->flash), "open");
    if (!holds(&store, after)) {
        fail("the new plan is not in force");
    }
}

int main(int argument_count, char **arguments) {
    if (argument_count != 6) {
        return 2;
    }
    const uint32_t page_bytes = (uint32_t)strtoul(arguments[1], NULL, 10);
    const uint32_t word_bytes = (uint32_t)strtoul(arguments[2], NULL, 10);
    const unsigned cuts = (unsigned)strtoul(arguments[3], NULL, 10);
    const plan_t old = read_plan(arguments[4]);
    const plan_t new = read_plan(arguments[5]);
    const uint32_t largest = old.size_bytes > new.size_bytes ? old.size_bytes : new.size_bytes;
    const uint32_t slot_pages = (largest + PLR_FLASH_WORD_BYTES_MAX) / page_bytes + 1;
    const uint32_t size_bytes = PLR_PLAN_STORE_SLOTS * slot_pages * page_bytes;
    uint8_t *memory = malloc(size_bytes);
    memset(memory, 0xFF, size_bytes);

    emulated_flash_t flash;
    emulated_flash_init(&flash, memory, size_bytes, page_bytes, word_bytes);
    try_all_cuts(&flash, NULL, &old, cuts);
    try_all_cuts(&flash, &old, &new, cuts);
    try_all_cuts(&flash, &new, &old, cuts); /* over what the first slot held */
    printf("operations %lu boots %lu new %lu kept %lu\n", counts.operations, counts.boots, counts.boots_with_new,
           counts.pages_kept);
    free(memory);
    free(old.bytes);
    free(new.bytes);
    return 0;
}
