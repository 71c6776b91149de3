/* ra_pbkdf.h - keys from passwords, in slices: PBKDF2 with any hash, and the derivation of PKCS #12.
 *
 * wolfSSL has them as calls that take seconds; these are left off and taken up again after any
 * number of iterations. For the operator's password, and for what others protected with one:
 * there iterations are their choice, up to RA_PBKDF_ITERATIONS_MAX.
 *
 * State: caller-owned; holds the password's hash states and the key, so wipe it (ra_pbkdf_wipe) when
 * done or given up. No allocation, nothing left behind by a power cut. An iteration is about 9 500
 * (SHA-1, SHA-256) or 36 000 (SHA-384, SHA-512) Cortex-M3 instructions. Stack: at most 1 200 bytes.
 *
 * Source: RFC 8018 5.2 (PBKDF2), RFC 2104 (HMAC), RFC 7292 appendix B.2 (PKCS #12). The vectors of
 * RFC 7914, 11 are in tests/unit/test_password.c, openssl's in test_pkcs12.c.
 */
#ifndef RA_PBKDF_H
#define RA_PBKDF_H

#include "ra_error.h"
#include "ra_hash.h"

#include <stddef.h>
#include <stdint.h>

#define RA_PBKDF_ITERATIONS_MAX 1000000u
#define RA_PBKDF_PASSWORD_MAX 64u /* characters, for PKCS #12 */
#define RA_PBKDF_SALT_MAX 64u
#define RA_PBKDF_OUT_MAX 64u

/* What a PKCS #12 derivation is for. */
enum ra_pkcs12_use { RA_PKCS12_KEY = 1, RA_PKCS12_IV = 2, RA_PKCS12_MAC = 3 };

struct ra_pbkdf {
    union {
        struct {
            struct ra_hash_state inner, outer;
        } hmac;             /* PBKDF2: keyed with the password        */
        uint8_t input[384]; /* PKCS #12: salt and password, repeated  */
    } from;
    uint8_t salt[RA_PBKDF_SALT_MAX];
    uint8_t u[RA_HASH_SIZE_MAX], t[RA_HASH_SIZE_MAX];
    uint8_t out[RA_PBKDF_OUT_MAX];
    uint32_t iterations, done; /* of the present block */
    uint16_t input_size;
    uint8_t salt_size, out_size, at; /* bytes of `out` that are there */
    uint8_t use;                     /* 0: PBKDF2, else enum ra_pkcs12_use */
    enum ra_hash_alg alg;
};

/* PBKDF2 with HMAC; a password of any size. RA_E_ARGUMENT: an unknown hash, no iterations; RA_E_LIMIT:
 * beyond the limits. */
ra_err ra_pbkdf_start(struct ra_pbkdf *k, enum ra_hash_alg alg, const char *password,
                      size_t password_size, const uint8_t *salt, size_t salt_size,
                      uint32_t iterations, size_t out_size);
/* PKCS #12's; the password is ASCII, and hashed as the BMPString it stands for. */
ra_err ra_pbkdf_pkcs12_start(struct ra_pbkdf *k, enum ra_hash_alg alg, enum ra_pkcs12_use use,
                             const char *password, size_t password_size, const uint8_t *salt,
                             size_t salt_size, uint32_t iterations, size_t out_size);
/* At most `slice` iterations. RA_AGAIN, or RA_OK: k->out[0 .. out_size-1] is the key. */
ra_err ra_pbkdf_step(struct ra_pbkdf *k, uint32_t slice);
void ra_pbkdf_wipe(struct ra_pbkdf *k);

/* HMAC with any of the hashes; writes ra_hash_size(alg) bytes. */
ra_err ra_hmac(enum ra_hash_alg alg, const uint8_t *key, size_t key_size, const uint8_t *in,
               size_t in_size, uint8_t out[RA_HASH_SIZE_MAX]);

#endif
