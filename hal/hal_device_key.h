/* hal_device_key.h - the secret that seals the credential store.
 *
 * The core promises: it asks once at start, derives its own key from it
 * (HMAC-SHA-256), wipes its copy, and never stores, prints or sends it.
 *
 * The driver promises: the same 32 bytes at every boot of this device,
 * different from every other device's, unreadable to anybody who only has the
 * flash (eFuses, a PUF, a secure element). A board without such a secret
 * answers 0; then the store works unsealed and the console says so.
 */
#ifndef HAL_DEVICE_KEY_H
#define HAL_DEVICE_KEY_H

#include <stdint.h>

#define HAL_DEVICE_KEY_SIZE 32u

struct hal_device_key {
    int (*read)(void *dev, uint8_t key[HAL_DEVICE_KEY_SIZE]); /* 1 = written, 0 = none */
    void *dev;
};

#endif
