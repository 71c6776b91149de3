#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "ra_hash.h"

const char *const crypto_hashes[5] = {"", "sha1", "sha256", "sha384", "sha512"};

#ifdef RA_TEST_ALLOC_TRAP
extern unsigned ra_wolfssl_alloc_count;
unsigned crypto_alloc_count(void)
{
    return ra_wolfssl_alloc_count;
}
#else
#error "the tests are built with RA_TEST_ALLOC_TRAP"
#endif

const struct crypto_blob *crypto_blob(const char *name, const char *suffix)
{
    size_t size = strlen(name);
    const struct crypto_blob *b = crypto_blobs;

    while (b->name != NULL && (strncmp(b->name, name, size) != 0 || b->name[size] != '.' ||
                               strcmp(b->name + size + 1, suffix) != 0))
        b++;
    assert_non_null(b->name);
    return b;
}

const uint8_t *crypto_digest(enum ra_hash_alg alg)
{
    return crypto_blob(crypto_hashes[alg], "message")->p;
}

void crypto_pattern(uint8_t *to, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(7 * i + i / 256);
}

static int noise_read(void *dev, uint8_t *to, uint32_t size)
{
    struct noise *n = dev;
    enum noise_defect defect = n->given >= n->defect_at ? n->defect : NOISE_GOOD;

    n->calls++;
    if (size > n->asked_max)
        n->asked_max = size;
    if (defect == NOISE_NONE)
        return 0;
    if (defect == NOISE_ABSENT)
        return -1;
    if (n->most != 0 && size > n->most)
        size = n->most;
    for (uint32_t i = 0; i < size; i++) {
        n->state = n->state * 6364136223846793005u + 1442695040888963407u;
        to[i] = (uint8_t)(n->state >> 56);
        if (n->defect == NOISE_STUCK && n->given >= n->defect_at)
            to[i] = 0x5a;
        if (n->defect == NOISE_BIASED && n->given >= n->defect_at && (n->given & 3) != 3)
            to[i] = 0;
        n->given++;
    }
    return defect == NOISE_LIAR ? (int)size + 1 : (int)size;
}

void noise_init(struct noise *n)
{
    memset(n, 0, sizeof *n);
    n->state = 1;
    n->hal.read = noise_read;
    n->hal.dev = n;
}

void noise_random(struct noise *n, struct ra_random *r, uint64_t start)
{
    ra_err e;

    noise_init(n);
    n->state = start;
    assert_int_equal(ra_random_init(r, &n->hal), RA_OK);
    do
        e = ra_random_seed(r);
    while (e == RA_AGAIN);
    assert_int_equal(e, RA_OK);
}
