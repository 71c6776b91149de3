/* ra_hash.h - hashes, HMAC, constant-time compare, wiping.
 *
 * SHA-1 is here for thumbprints, key identifiers and old chains only; whether a
 * SHA-1 signature is accepted is decided by ra_chain and the gates, not here.
 *
 * Nothing here keeps state of its own, allocates or fails for lack of memory;
 * any input size up to SIZE_MAX is accepted and read once. Time grows with the
 * input: 2 950 (SHA-1) or 2 700 (SHA-256) instructions for each 64 bytes, 16 700
 * (SHA-384, SHA-512) for each 128, on a Cortex-M3; 22 000 for an HMAC of 64 bytes.
 * Stack: at most 950 bytes. A power cut leaves nothing behind.
 *
 * Source: FIPS 180-4 (hashes), FIPS 198-1 and RFC 2104 (HMAC).
 */
#ifndef RA_HASH_H
#define RA_HASH_H

#include "ra_error.h"

#include <stddef.h>
#include <stdint.h>

enum ra_hash_alg {
    RA_HASH_NONE = 0,
    RA_HASH_SHA1 = 1,
    RA_HASH_SHA256 = 2,
    RA_HASH_SHA384 = 3,
    RA_HASH_SHA512 = 4
};

#define RA_HASH_SIZE_MAX 64u

/* Bytes of a digest: 20, 32, 48, 64; 0 for RA_HASH_NONE and anything else. */
size_t ra_hash_size(enum ra_hash_alg alg);

/* Hash of `in_size` bytes at `in` (NULL allowed when in_size is 0) into the first
 * ra_hash_size(alg) bytes of `out`; the rest of `out` is not touched.
 * RA_E_ARGUMENT for an unknown algorithm. */
ra_err ra_hash(enum ra_hash_alg alg, const uint8_t *in, size_t in_size,
               uint8_t out[RA_HASH_SIZE_MAX]);

/* The same in pieces. The caller owns the state; nothing need be closed, and a
 * state abandoned half way holds hashed input only until it is overwritten: wipe it
 * when the input was secret. A copy of the struct is an independent hash. */
struct ra_hash_state {
    uint64_t opaque_[30];
    enum ra_hash_alg alg;
};

/* RA_E_ARGUMENT for an unknown algorithm. */
ra_err ra_hash_start(struct ra_hash_state *s, enum ra_hash_alg alg);
/* RA_E_STATE after ra_hash_end or a failed start. */
ra_err ra_hash_add(struct ra_hash_state *s, const uint8_t *in, size_t in_size);
/* Writes ra_hash_size(alg) bytes and wipes the state. RA_E_STATE as above. */
ra_err ra_hash_end(struct ra_hash_state *s, uint8_t out[RA_HASH_SIZE_MAX]);

/* HMAC-SHA-256. Any key size, 0 included. */
ra_err ra_hmac_sha256(const uint8_t *key, size_t key_size, const uint8_t *in, size_t in_size,
                      uint8_t out[32]);

/* 1 when the `size` bytes at `a` and `b` are equal, else 0, in a time that depends
 * on `size` only. */
int ra_equal_ct(const void *a, const void *b, size_t size);

/* The library below this room and its version: "wolfSSL 5.7.2". Static. */
const char *ra_crypto_library(void);

/* Zeroes `size` bytes in a way the compiler cannot leave out. */
void ra_wipe(void *p, size_t size);

#endif
