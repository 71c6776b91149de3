/* ra_pbkdf.h - keys from passwords, in slices: PBKDF2 with any hash, and the derivation of PKCS #12.
 *
 * For opening what somebody else protected (the operator's own password is ra_pbkdf2.h's, which knows
 * one hash and takes half the time). Iterations are the other side's choice: up to RA_PBKDF_ITERATIONS_MAX, RA_PBKDF_SLICE in one step.
 *
 * State: caller-owned; holds the password's hash states, so wipe it (ra_pbkdf_wipe) when done or
 * given up. No allocation, nothing left behind by a power cut. A step is at most 64 iterations:
 * about 800 000 (SHA-1, SHA-256) or 4 300 000 (SHA-384, SHA-512) Cortex-M3 instructions.
 *
 * Source: RFC 8018 5.2 (PBKDF2), RFC 2104 (HMAC), RFC 7292 appendix B.2 (PKCS #12).
 */
#ifndef RA_PBKDF_H
#define RA_PBKDF_H

#include "ra_error.h"
#include "ra_hash.h"

#include <stddef.h>
#include <stdint.h>

#define RA_PBKDF_SLICE 64u
#define RA_PBKDF_ITERATIONS_MAX 1000000u
#define RA_PBKDF_PASSWORD_MAX 64u /* characters */
#define RA_PBKDF_SALT_MAX 64u
#define RA_PBKDF_OUT_MAX 64u

/* What a PKCS #12 derivation is for. */
enum ra_pkcs12_use { RA_PKCS12_KEY = 1, RA_PKCS12_IV = 2, RA_PKCS12_MAC = 3 };

struct ra_pbkdf {
    struct ra_hash_state inner, outer; /* of HMAC, keyed with the password            */
    uint8_t input[384];                /* PKCS #12: salt and password, repeated       */
    uint8_t salt[RA_PBKDF_SALT_MAX];
    uint8_t u[RA_HASH_SIZE_MAX], t[RA_HASH_SIZE_MAX];
    uint8_t out[RA_PBKDF_OUT_MAX];
    uint32_t iterations, done; /* of the present block */
    uint16_t input_size;
    uint8_t salt_size, out_size, at; /* bytes of `out` that are there */
    uint8_t use;                     /* 0: PBKDF2, else enum ra_pkcs12_use */
    enum ra_hash_alg alg;
};

/* PBKDF2 with HMAC. RA_E_ARGUMENT: an unknown hash, no iterations; RA_E_LIMIT: beyond the limits. */
ra_err ra_pbkdf_start(struct ra_pbkdf *k, enum ra_hash_alg alg, const char *password,
                      const uint8_t *salt, size_t salt_size, uint32_t iterations, size_t out_size);
/* PKCS #12's; the password is ASCII, and hashed as the BMPString it stands for. */
ra_err ra_pbkdf_pkcs12_start(struct ra_pbkdf *k, enum ra_hash_alg alg, enum ra_pkcs12_use use,
                             const char *password, const uint8_t *salt, size_t salt_size,
                             uint32_t iterations, size_t out_size);
/* A slice. RA_OK: k->out[0 .. out_size-1] is the result. */
ra_err ra_pbkdf_step(struct ra_pbkdf *k);
void ra_pbkdf_wipe(struct ra_pbkdf *k);

/* HMAC with any of the hashes; writes ra_hash_size(alg) bytes. */
ra_err ra_hmac(enum ra_hash_alg alg, const uint8_t *key, size_t key_size, const uint8_t *in,
               size_t in_size, uint8_t out[RA_HASH_SIZE_MAX]);

#endif
