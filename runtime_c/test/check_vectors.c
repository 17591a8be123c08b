/* Prints what the runtime says of vector files, one line per argument: `plan FILE` or `frame FILE`.
 * Built with sanitizers; tests/runtime compares the lines with the manifests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "plr/plan.h"

/* Read a file into memory of exactly its size, so that the sanitizer sees every byte too many. */
static uint8_t *read_file(const char *path, size_t *size_bytes) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        exit(2);
    }
    *size_bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size_bytes);
    if (bytes == NULL || fread(bytes, 1, *size_bytes, file) != *size_bytes) {
        exit(2);
    }
    fclose(file);
    return bytes;
}

static plr_status_t check_plan(const uint8_t *bytes, size_t size_bytes, uint32_t arena_bytes) {
    plr_plan_t plan;
    return plr_plan_load(bytes, size_bytes, arena_bytes, &plan);
}

static plr_status_t check_frame(const uint8_t *bytes, size_t size_bytes) {
    plr_frame_header_t header;
    return plr_frame_open(bytes, size_bytes, &header);
}

int main(int argument_count, char **arguments) {
    if (argument_count < 4) {
        return 2;
    }
    const uint32_t arena_bytes = (uint32_t)strtoul(arguments[2], NULL, 10);
    for (int i = 3; i < argument_count; i++) {
        size_t size_bytes;
        uint8_t *bytes = read_file(arguments[i], &size_bytes);
        const plr_status_t status = strcmp(arguments[1], "plan") == 0 ? check_plan(bytes, size_bytes, arena_bytes)
                                                                      : check_frame(bytes, size_bytes);
        puts(plr_status_name(status));
        free(bytes);
    }
    return 0;
}
