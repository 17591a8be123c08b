/* An Ethernet controller as the firmware needs it: bytes in and out, a frame at a time. */
#ifndef PORT_ETHERNET_H
#define PORT_ETHERNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False iff the controller does not answer. */
bool ethernet_start(void);

/* Begin a frame of so many bytes, which put() then gives. */
void ethernet_begin(size_t size_bytes);
void ethernet_put(const uint8_t *bytes, size_t size_bytes);

/* The next byte of what has arrived, or -1 if none waits. */
int32_t ethernet_get(void);

#endif
