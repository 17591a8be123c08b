/* Blocking files, as the pipes need them: semihosting on emulated boards, system calls on a POSIX host. */
#ifndef PORT_FILE_H
#define PORT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Open an existing file for reading and writing, which never blocks on a named pipe. Returns a handle >= 0, or a
 * negative number iff the file cannot be opened. */
int file_open(const char *path);

/* Transfer exactly size_bytes; block until done. False iff the file ends or fails before. */
bool file_read(int handle, uint8_t *data, size_t size_bytes);
bool file_write(int handle, const uint8_t *data, size_t size_bytes);

#endif
