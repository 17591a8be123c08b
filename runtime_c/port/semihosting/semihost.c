#include "semihost.h"

#include <string.h>

#include "file.h"

enum {
    SYS_OPEN = 0x01,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_SEEK = 0x0A,
    SYS_EXIT_EXTENDED = 0x20,
    MODE_READ_WRITE_BINARY = 3,
    STOPPED_APPLICATION_EXIT = 0x20026
};

int file_open(const char *path) {
    const uintptr_t arguments[3] = {(uintptr_t)path, MODE_READ_WRITE_BINARY, strlen(path)};
    return (int)semihost_call(SYS_OPEN, arguments);
}

/* Both operations return how many bytes they did not transfer. */
static bool transfer(uintptr_t operation, int handle, uintptr_t data, size_t size_bytes) {
    while (size_bytes > 0) {
        const uintptr_t arguments[3] = {(uintptr_t)handle, data, size_bytes};
        const size_t left = (size_t)semihost_call(operation, arguments);
        if (left >= size_bytes) {
            return false;
        }
        data += size_bytes - left;
        size_bytes = left;
    }
    return true;
}

bool file_read(int handle, uint8_t *data, size_t size_bytes) {
    return transfer(SYS_READ, handle, (uintptr_t)data, size_bytes);
}

bool file_write(int handle, const uint8_t *data, size_t size_bytes) {
    return transfer(SYS_WRITE, handle, (uintptr_t)data, size_bytes);
}

bool semihost_seek(int handle, uint32_t offset_bytes) {
    const uintptr_t arguments[2] = {(uintptr_t)handle, offset_bytes};
    return semihost_call(SYS_SEEK, arguments) == 0;
}

void semihost_print(const char *text) {
    (void)semihost_call(SYS_WRITE0, text);
}

void semihost_exit(int status) {
    const uintptr_t arguments[2] = {STOPPED_APPLICATION_EXIT, (uintptr_t)status};
    for (;;) {
        (void)semihost_call(SYS_EXIT_EXTENDED, arguments);
    }
}
