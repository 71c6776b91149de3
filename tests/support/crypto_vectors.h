/* crypto_vectors.h - keys, signatures, ciphertexts and digests for the tests of crypto/, as
 * arrays; crypto_vectors.c is made by tests/vectors/make_crypto.py. And a noise source that can
 * be good or bad.
 */
#ifndef CRYPTO_VECTORS_H
#define CRYPTO_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "hal_entropy.h"
#include "ra_key.h"
#include "ra_random.h"

struct crypto_blob {
    const char *name;
    const uint8_t *p;
    size_t size;
};

/* Ends with an entry whose name is NULL. */
extern const struct crypto_blob crypto_blobs[];

/* The blob "NAME.SUFFIX"; the test fails when there is none. */
const struct crypto_blob *crypto_blob(const char *name, const char *suffix);
/* The suffix for each enum ra_hash_alg: "sha1" ... */
extern const char *const crypto_hashes[5];
/* The digest of the message that all signatures are over. */
const uint8_t *crypto_digest(enum ra_hash_alg alg);
/* Bytes of the pattern that digests and seals are over. */
void crypto_pattern(uint8_t *to, size_t size);

/* A noise source for tests: a generator with a fixed start (make_crypto.py has the same), or
 * one of several defects, from byte `defect_at` on. */
enum noise_defect {
    NOISE_GOOD,
    NOISE_STUCK,  /* the same byte again and again                             */
    NOISE_BIASED, /* three bytes of four are zero, never 31 in a row         */
    NOISE_NONE,   /* nothing ready                                             */
    NOISE_ABSENT, /* -1                                                        */
    NOISE_LIAR    /* claims more bytes than it was asked for                   */
};
struct noise {
    uint64_t state;
    size_t given;
    size_t defect_at;
    enum noise_defect defect;
    uint32_t most; /* bytes given in one call at most; 0: all        */
    unsigned calls;
    uint32_t asked_max; /* the largest request seen                       */
    struct hal_entropy hal;
};
void noise_init(struct noise *n);
/* A generator seeded from a good source with this start. */
void noise_random(struct noise *n, struct ra_random *r, uint64_t start);

/* wolfSSL asked for memory this many times since the program started. */
unsigned crypto_alloc_count(void);

#endif
