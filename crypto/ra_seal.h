/* ra_seal.h - sealing of stored secrets: AES-256-GCM under a key derived from the device key.
 *
 * The AES key is HMAC-SHA-256(device key, "Perennial store seal v1"); the device key
 * itself is wiped before ra_seal_init returns. struct ra_seal (caller-owned) keeps
 * the expanded AES key so that opening a record does not pay for it again; wipe it
 * when the store is closed.
 *
 * A record is sealed in place under a fresh random 96-bit nonce from the DRBG, never
 * from a counter that a torn write could repeat: after 2^32 seals the chance of one
 * repeated nonce is still below 2^-32 (SP 800-38D 8.3), more than flash endures. The
 * additional data binds the ciphertext to its place (record name, sequence number).
 * Size 0 is allowed: nonce and tag then only authenticate the additional data.
 * Instructions on a Cortex-M3: 30 000 for ra_seal_init, then 19 200 to open 128 bytes
 * (2 000 for each 16 bytes), 3 800 where only additional data is authenticated, and
 * 12 000 more to seal (the nonce). Stack: at most 1040 bytes; opening 250.
 *
 * Source: SP 800-38D, FIPS 197. A power cut leaves nothing behind.
 */
#ifndef RA_SEAL_H
#define RA_SEAL_H

#include "hal_device_key.h"
#include "ra_error.h"
#include "ra_random.h"

#include <stddef.h>
#include <stdint.h>

#define RA_SEAL_NONCE_SIZE 12u
#define RA_SEAL_TAG_SIZE 16u
#define RA_SEAL_OVERHEAD (RA_SEAL_NONCE_SIZE + RA_SEAL_TAG_SIZE)

struct ra_seal {
    uint8_t have_key; /* read only; 0: the board has no device key, nothing can be sealed */
    uint64_t opaque_[120];
};

/* Reads the device key once and derives. RA_OK with have_key 0 when the board has
 * none (`device_key` NULL, its read NULL, or it answers 0). */
ra_err ra_seal_init(struct ra_seal *s, const struct hal_device_key *device_key);

/* Encrypts `size` bytes at `buf` in place, and writes nonce and tag.
 * RA_E_STATE without a key; RA_E_RANDOM_STATE when `random` is not seeded (`buf` is
 * then unchanged). */
ra_err ra_seal_close(const struct ra_seal *s, struct ra_random *random, const uint8_t *aad,
                     size_t aad_size, uint8_t *buf, size_t size, uint8_t nonce[RA_SEAL_NONCE_SIZE],
                     uint8_t tag[RA_SEAL_TAG_SIZE]);

/* Checks the tag over `aad` and `buf`, and decrypts in place. RA_E_RECORD_SEAL when it
 * does not fit; `buf` is then zeroed. RA_E_STATE without a key. */
ra_err ra_seal_open(const struct ra_seal *s, const uint8_t *aad, size_t aad_size, uint8_t *buf,
                    size_t size, const uint8_t nonce[RA_SEAL_NONCE_SIZE],
                    const uint8_t tag[RA_SEAL_TAG_SIZE]);

/* Zeroes everything. */
void ra_seal_wipe(struct ra_seal *s);

#endif
