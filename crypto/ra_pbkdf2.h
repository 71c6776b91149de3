/* ra_pbkdf2.h - PBKDF2 with HMAC-SHA-256, in slices.
 *
 * wolfSSL has it as one call, which takes seconds; this is the same function over wolfSSL's
 * SHA-256, left off and taken up again after any number of iterations. One block: 32 bytes.
 *
 * State: caller-owned; it holds what was made of the password. Wiped when the result is there;
 * call ra_wipe to give it up before.
 * Time:  6 500 instructions for an iteration on a Cortex-M3. Stack: at most 600 bytes.
 * Source: RFC 8018, 5.2; the vectors of RFC 7914, 11 are in tests/unit/test_password.c.
 */
#ifndef RA_PBKDF2_H
#define RA_PBKDF2_H

#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"

struct ra_pbkdf2 {
    uint64_t opaque_[32];      /* the hash after the key's block, inside and outside */
    uint8_t last[32], sum[32]; /* U(i), and all so far combined                      */
    uint32_t left;             /* iterations                                         */
};

/* `salt_size` at most 64; `iterations` at least 1: else RA_E_ARGUMENT. Does the first one. */
ra_err ra_pbkdf2_start(struct ra_pbkdf2 *k, const char *password, size_t password_size,
                       const uint8_t *salt, size_t salt_size, uint32_t iterations);
/* At most `slice` iterations. RA_AGAIN, or RA_OK with the key. */
ra_err ra_pbkdf2_step(struct ra_pbkdf2 *k, uint32_t slice, uint8_t out[32]);

#endif
