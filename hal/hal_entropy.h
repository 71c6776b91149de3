/* hal_entropy.h - the noise source that seeds the random generator.
 *
 * The core promises: it runs its own start-up and continuous health tests on
 * every byte (repetition count and adaptive proportion, SP 800-90B 4.4), never
 * uses a byte as a key or a nonce directly, and asks for at most 64 bytes a call.
 *
 * The driver promises: it returns within 1 ms with the number of bytes written,
 * 0 when none are ready yet (ask again later), or -1 when the source has failed
 * or is absent. Every byte holds at least one bit of min-entropy. It never
 * falls back to a counter, a serial number or a constant: without a source no
 * key is made, and that is wanted.
 */
#ifndef HAL_ENTROPY_H
#define HAL_ENTROPY_H

#include <stdint.h>

struct hal_entropy {
    int (*read)(void *dev, uint8_t *to, uint32_t size);
    void *dev;
};

#endif
