/* A board as a process: firmware CONFIG PLAN DIRECTORY, with the named pipes in DIRECTORY.
 *
 * The configuration's RAM cap is the size of the arena alone: static data and stack are the operating system's. Work is
 * counted in nanoseconds of processor time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "pipes.h"
#include "plr/plr.h"

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

int main(int argc, char **argv) {
    static plr_t runtime;
    static pipes_t pipes;
    static const plr_footprint_t footprint = {.link_buffer_bytes = PLR_LINK_BUFFER_BYTES};
    static const plr_hal_t hal = {.context = &pipes,
                                  .send = pipes_send,
                                  .receive = pipes_receive,
                                  .work = work,
                                  .stack_peak_bytes = untold,
                                  .above_cap_bytes = untold};
    if (argc != 4) {
        stop("usage", "firmware CONFIG PLAN DIRECTORY");
    }
    size_t config_bytes;
    size_t plan_bytes;
    const uint8_t *config_file = map_file(argv[1], &config_bytes);
    const uint8_t *plan = map_file(argv[2], &plan_bytes);
    if (chdir(argv[3]) != 0) {
        stop(argv[3], strerror(errno));
    }

    plr_config_t config;
    plr_status_t status = plr_config_load(config_file, config_bytes, &config);
    if (status == PLR_OK) {
        uint8_t *arena = malloc(config.ram_cap_bytes);
        if (arena == NULL) {
            stop("arena", strerror(errno));
        }
        pipes_init(&pipes, config.node);
        status = plr_init(&runtime, &hal, &config, &footprint, arena, config.ram_cap_bytes);
    }
    if (status == PLR_OK) {
        status = plr_serve(&runtime, plan, plan_bytes);
    }
    if (status != PLR_OK) {
        fprintf(stderr, "%s\n", plr_status_name(status));
        return EXIT_RUNTIME;
    }
    return EXIT_SUCCESS;
}
