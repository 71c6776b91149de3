/* hal_serial.h - the operator's serial line.
 *
 * The core promises: it never waits for the line; what `write` does not take
 * is offered again at the next step.
 *
 * The driver promises: both calls return at once with the number of bytes
 * moved, 0 .. size. Bytes arrive and leave in order and unaltered (8 bits, no
 * echo, no CR LF translation). Input that overflows the driver's queue is
 * dropped, newest first; at least 64 bytes are queued.
 */
#ifndef HAL_SERIAL_H
#define HAL_SERIAL_H

#include <stdint.h>

struct hal_serial {
    uint32_t (*read)(void *dev, uint8_t *to, uint32_t size);
    uint32_t (*write)(void *dev, const uint8_t *from, uint32_t size);
    void *dev;
};

#endif
