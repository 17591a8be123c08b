/* A board as a process: firmware CONFIG PLAN PLACE. If the configuration asks for pipes, they lie in the directory
 * PLACE; if it asks for a serial line, PLACE is the number of an open descriptor, a stream of bytes both ways, and the
 * board waits for commands until it is closed, with PLAN, a slot of the plan store, at the start of its flash.
 *
 * The configuration's RAM cap is the size of the arena alone: static data and stack are the operating system's. Work is
 * counted in nanoseconds of processor time. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "emulated_flash.h"
#include "file.h"
#include "pipes.h"
#include "plr/board.h"

#define FLASH_BYTES (16u << 20)
#define FLASH_PAGE_BYTES 4096u
#define FLASH_WORD_BYTES 8u
#define RAM_BYTES (64u << 20)
#define PATIENCE_US 120000000u
#define REPEAT_US 20000u
#define RECEIVED_BYTES 4096u

enum { EXIT_RUNTIME = 1, EXIT_USAGE };

int file_open(const char *path) {
    return open(path, O_RDWR);
}

bool file_read(int handle, uint8_t *data, size_t size_bytes) {
    while (size_bytes > 0) {
        const ssize_t count = read(handle, data, size_bytes);
        if (count > 0) {
            data += count;
            size_bytes -= (size_t)count;
        } else if (count == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool file_write(int handle, const uint8_t *data, size_t size_bytes) {
    while (size_bytes > 0) {
        const ssize_t count = write(handle, data, size_bytes);
        if (count >= 0) {
            data += count;
            size_bytes -= (size_t)count;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static uint64_t work(void *context) {
    (void)context;
    struct timespec now;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) != 0) {
        abort();
    }
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint32_t untold(void *context) {
    (void)context;
    return 0;
}

static void stop(const char *what, const char *reason) {
    fprintf(stderr, "%s: %s\n", what, reason);
    exit(EXIT_USAGE);
}

/* Map a file; exits iff it cannot be read or is empty. */
static const uint8_t *map_file(const char *path, size_t *size_bytes) {
    struct stat status;
    const int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status) != 0) {
        stop(path, strerror(errno));
    }
    const void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes == MAP_FAILED) {
        stop(path, strerror(errno));
    }
    *size_bytes = (size_t)status.st_size;
    return bytes;
}

/* Bytes that have been read from the descriptor and not been asked for yet. */
typedef struct line {
    int descriptor;
    size_t next;
    size_t end;
    uint8_t bytes[RECEIVED_BYTES];
    size_t leaving; /* bytes of the frame that is being put together, and how many it will have */
    size_t frame_bytes;
    uint8_t frame[2 * PLR_FRAME_BYTES];
} line_t;

static void line_begin(void *context, size_t size_bytes) {
    line_t *line = context;
    line->leaving = 0;
    line->frame_bytes = size_bytes;
}

/* A frame is written at once. A line that nobody reads any more ends the board. */
static void line_put(void *context, const uint8_t *bytes, size_t size_bytes) {
    line_t *line = context;
    memcpy(line->frame + line->leaving, bytes, size_bytes);
    line->leaving += size_bytes;
    if (line->leaving == line->frame_bytes && !file_write(line->descriptor, line->frame, line->frame_bytes)) {
        exit(EXIT_SUCCESS);
    }
}

/* Sleeps a little where nothing waits, so that boards which do leave the processor to others. */
static int32_t line_get(void *context) {
    line_t *line = context;
    if (line->next == line->end) {
        struct pollfd wanted = {.fd = line->descriptor, .events = POLLIN};
        if (poll(&wanted, 1, 1) <= 0) {
            return -1;
        }
        const ssize_t count = read(line->descriptor, line->bytes, sizeof line->bytes);
        if (count <= 0) {
            exit(EXIT_SUCCESS);
        }
        line->next = 0;
        line->end = (size_t)count;
    }
    return line->bytes[line->next++];
}

static uint64_t line_now_us(void *context) {
    struct timespec now;
    (void)context;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        abort();
    }
    return (uint64_t)now.tv_sec * UINT64_C(1000000) + (uint64_t)now.tv_nsec / 1000;
}

/* plr_board_hal_t.prepare: the cap is the arena's. */
static plr_status_t prepare(void *context, const plr_config_t *config, uint8_t **arena, size_t *arena_bytes) {
    static uint8_t *allocated;
    (void)context;
    free(allocated);
    allocated = config->ram_cap_bytes > RAM_BYTES ? NULL : malloc(config->ram_cap_bytes);
    *arena = allocated;
    *arena_bytes = config->ram_cap_bytes;
    return allocated == NULL ? PLR_ERR_CONFIG : PLR_OK;
}

static void serve_commands(int descriptor, const uint8_t *contents, size_t contents_bytes) {
    static line_t line;
    static plr_t runtime;
    static plr_arq_t arq;
    static const plr_transport_t transport = {.context = &line,
                                              .repeat_us = REPEAT_US,
                                              .begin = line_begin,
                                              .put = line_put,
                                              .get = line_get,
                                              .now_us = line_now_us};
    static emulated_flash_t flash;
    static plr_plan_store_t store;
    uint8_t *memory = contents_bytes > FLASH_BYTES ? NULL : malloc(FLASH_BYTES);
    if (memory == NULL) {
        stop("flash", "too small");
    }
    memset(memory, 0xFF, FLASH_BYTES);
    memcpy(memory, contents, contents_bytes);
    emulated_flash_init(&flash, memory, FLASH_BYTES, FLASH_PAGE_BYTES, FLASH_WORD_BYTES);
    if (plr_plan_store_open(&store, &flash.flash) != PLR_OK) {
        stop("flash", "no plan store");
    }
    line.descriptor = descriptor;
    plr_arq_init(&arq, &transport, PATIENCE_US);
    const plr_board_hal_t board = {
        .hal = {.context = &arq,
                .send = plr_arq_send,
                .receive = plr_arq_receive,
                .work = work,
                .stack_peak_bytes = untold,
                .above_cap_bytes = untold},
        .arq = &arq,
        .store = &store,
        .prepare = prepare,
        .footprint = {.link_buffer_bytes = PLR_LINK_BUFFER_BYTES},
        .identity = {.clock_hz = 1000000000u, .ram_bytes = RAM_BYTES, .flash_bytes = FLASH_BYTES},
        .text = "posix\nprocess\n",
    };
    plr_board_serve(&runtime, &board);
}

static plr_status_t serve_pipes(const char *directory, const plr_config_t *config, const uint8_t *plan,
                                size_t plan_bytes) {
    static plr_t runtime;
    static pipes_t pipes;
    static const plr_footprint_t footprint = {.link_buffer_bytes = PLR_LINK_BUFFER_BYTES};
    static const plr_hal_t hal = {.context = &pipes,
                                  .send = pipes_send,
                                  .receive = pipes_receive,
                                  .work = work,
                                  .stack_peak_bytes = untold,
                                  .above_cap_bytes = untold};
    uint8_t *arena;
    size_t arena_bytes;
    if (chdir(directory) != 0) {
        stop(directory, strerror(errno));
    }
    pipes_init(&pipes, config->node);
    plr_status_t status = prepare(NULL, config, &arena, &arena_bytes);
    if (status == PLR_OK) {
        status = plr_init(&runtime, &hal, config, &footprint, arena, arena_bytes);
    }
    return status == PLR_OK ? plr_serve(&runtime, plan, plan_bytes) : status;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        stop("usage", "firmware CONFIG PLAN PLACE");
    }
    size_t config_bytes;
    size_t plan_bytes;
    const uint8_t *config_file = map_file(argv[1], &config_bytes);
    const uint8_t *plan = map_file(argv[2], &plan_bytes);
    plr_config_t config;
    plr_status_t status = plr_config_load(config_file, config_bytes, &config);
    if (status == PLR_OK && config.transport == PLR_TRANSPORT_PIPES) {
        status = serve_pipes(argv[3], &config, plan, plan_bytes);
    } else if (status == PLR_OK) {
        serve_commands(atoi(argv[3]), plan, plan_bytes);
    }
    if (status != PLR_OK) {
        fprintf(stderr, "%s\n", plr_status_name(status));
        return EXIT_RUNTIME;
    }
    return EXIT_SUCCESS;
}
