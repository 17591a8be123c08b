/* store_script PAGE_BYTES WORD_BYTES PAGES ARENA_BYTES PLAN COMMAND...
 *
 * Obeys commands on an emulated flash and the plan store over it, and prints a status name, or an answer, per command:
 *   eOFFSET        erase a page                     pOFFSET,SIZE   program bytes of the plan's start
 *   o              open the store: sequence number and size of the plan in force
 *   bSIZE          begin                            wOFFSET,SIZE   write this piece of the plan
 *   c              commit the plan as it describes itself          x    commit it as one of another cluster */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulated_flash.h"
#include "plr/plan.h"
#include "plr/plan_store.h"

#define PLAN_BYTES_MAX 65536u

static plr_status_t commit(plr_plan_store_t *store, const uint8_t *plan, uint32_t other, uint32_t arena_bytes) {
    const plr_plan_header_t header = plr_plan_header_read(plan);
    const plr_stored_plan_t stored = {.plan_bytes = header.total_size,
                                      .plan_crc32 = header.crc32,
                                      .cluster_id = header.cluster_id + other,
                                      .model_hash = header.model_hash};
    return plr_plan_store_commit(store, &stored, (const uint8_t *)"model", 5, arena_bytes);
}

int main(int argument_count, char **arguments) {
    static uint8_t plan[PLAN_BYTES_MAX];
    FILE *file = argument_count > 5 ? fopen(arguments[5], "rb") : NULL;
    if (file == NULL || fread(plan, 1, sizeof plan, file) == 0) {
        return 2;
    }
    fclose(file);
    const uint32_t page_bytes = (uint32_t)strtoul(arguments[1], NULL, 10);
    const uint32_t word_bytes = (uint32_t)strtoul(arguments[2], NULL, 10);
    const uint32_t size_bytes = (uint32_t)strtoul(arguments[3], NULL, 10) * page_bytes;
    const uint32_t arena_bytes = (uint32_t)strtoul(arguments[4], NULL, 10);
    uint8_t *memory = malloc(size_bytes);
    if (memory == NULL) {
        return 2;
    }
    memset(memory, 0xFF, size_bytes);
    emulated_flash_t flash;
    emulated_flash_init(&flash, memory, size_bytes, page_bytes, word_bytes);
    plr_plan_store_t store = {0};
    for (int i = 6; i < argument_count; i++) {
        char *rest;
        const uint32_t first = (uint32_t)strtoul(arguments[i] + 1, &rest, 10);
        const uint32_t second = *rest == ',' ? (uint32_t)strtoul(rest + 1, NULL, 10) : 0;
        plr_status_t status = PLR_ERR_ARGUMENT;
        switch (arguments[i][0]) {
        case 'e':
            status = flash.flash.erase(flash.flash.context, first);
            break;
        case 'p':
            status = flash.flash.program(flash.flash.context, first, plan, second);
            break;
        case 'o':
            status = plr_plan_store_open(&store, &flash.flash);
            break;
        case 'b':
            status = plr_plan_store_begin(&store, first);
            break;
        case 'w':
            status = plr_plan_store_write(&store, first, plan + first, second);
            break;
        case 'c':
        case 'x':
            status = commit(&store, plan, arguments[i][0] == 'x', arena_bytes);
            break;
        }
        if (arguments[i][0] == 'o' && status == PLR_OK) {
            printf("%u:%u\n", (unsigned)store.stored.sequence, (unsigned)store.stored.plan_bytes);
        } else {
            puts(plr_status_name(status));
        }
    }
    free(memory);
    return 0;
}
