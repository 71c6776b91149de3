#include "ra_crypto_internal.h"

#include <limits.h>
#include <string.h>

#define BLOCKS_WITHOUT_RESEED (16u * RA_RANDOM_RESEED_AFTER)

_Static_assert(sizeof(WC_RNG) <= sizeof(((struct ra_random *)0)->drbg_),
               "struct ra_random is too small for this wolfSSL");
_Static_assert(_Alignof(WC_RNG) <= _Alignof(struct ra_random), "alignment");
_Static_assert(RA_RANDOM_START_BYTES >= 1024 && RA_RANDOM_START_BYTES % RA_RANDOM_CHUNK == 0,
               "SP 800-90B 4.3 wants 1024 samples at start");

/* wolfSSL asks for the seed through a function without an argument. */
static const uint8_t *seed_bytes;
static size_t seed_left;

int ra_random_wolfssl_seed(unsigned char *out, unsigned int size)
{
    if (seed_bytes == NULL || size > seed_left)
        return -1;
    memcpy(out, seed_bytes, size);
    seed_bytes += size;
    seed_left -= size;
    return 0;
}

static WC_RNG *rng_of(struct ra_random *r)
{
    return (WC_RNG *)(void *)r->drbg_;
}

WC_RNG *ra_random_wolfssl(struct ra_random *r)
{
    return r != NULL && r->ready && r->failed == RA_OK ? rng_of(r) : NULL;
}

void ra_random_wipe(struct ra_random *r)
{
    ra_wipe(r, sizeof *r);
}

ra_err ra_random_init(struct ra_random *r, const struct hal_entropy *source)
{
    memset(r, 0, sizeof *r);
    if (source == NULL || source->read == NULL)
        return RA_E_ARGUMENT;
    r->source = source;
    return RA_OK;
}

int ra_random_ready(const struct ra_random *r)
{
    return r->ready && r->failed == RA_OK;
}

static ra_err fail(struct ra_random *r)
{
    const struct hal_entropy *source = r->source;

    ra_random_wipe(r);
    r->source = source;
    r->failed = RA_E_ENTROPY_HEALTH;
    return r->failed;
}

/* SP 800-90B 4.4.1 and 4.4.2, one byte a sample. */
static int healthy(struct ra_random *r, uint8_t sample)
{
    if (r->started && sample == r->last) {
        if (++r->repeats >= RA_RANDOM_REPEAT_CUTOFF)
            return 0;
    } else {
        r->repeats = 1;
    }
    r->last = sample;
    r->started = 1;

    if (r->window == 0) {
        r->first = sample;
        r->proportion = 1;
        r->window = 1;
        return 1;
    }
    if (sample == r->first && ++r->proportion >= RA_RANDOM_PROPORTION_CUTOFF)
        return 0;
    if (++r->window == RA_RANDOM_PROPORTION_WINDOW)
        r->window = 0;
    return 1;
}

/* One chunk into the pool. RA_AGAIN: there was nothing. */
static ra_err collect(struct ra_random *r, size_t want)
{
    uint8_t chunk[RA_RANDOM_CHUNK];
    size_t left = want - r->collected;
    uint32_t size = left < sizeof chunk ? (uint32_t)left : (uint32_t)sizeof chunk;
    int got = r->source->read(r->source->dev, chunk, size);
    ra_err e = RA_OK;

    if (got == 0)
        return RA_AGAIN;
    if (got < 0 || (uint32_t)got > size)
        return RA_E_ENTROPY;
    for (int i = 0; i < got && e == RA_OK; i++) {
        if (!healthy(r, chunk[i]))
            e = fail(r);
    }
    if (e == RA_OK && r->collected == 0)
        e = ra_hash_start(&r->pool, RA_HASH_SHA512);
    if (e == RA_OK)
        e = ra_hash_add(&r->pool, chunk, (size_t)got);
    if (e == RA_OK)
        r->collected = (uint16_t)(r->collected + got);
    ra_wipe(chunk, sizeof chunk);
    return e;
}

ra_err ra_random_seed(struct ra_random *r)
{
    uint8_t seed[RA_HASH_SIZE_MAX];
    ra_err e;
    int rc;

    if (r->failed != RA_OK)
        return r->failed;
    if (r->ready)
        return RA_OK;
    if (r->source == NULL)
        return RA_E_STATE;
    e = collect(r, RA_RANDOM_START_BYTES);
    if (e == RA_E_ENTROPY) { /* it may come back: begin anew */
        const struct hal_entropy *source = r->source;

        ra_random_wipe(r);
        r->source = source;
    }
    if (e != RA_OK)
        return e;
    if (r->collected < RA_RANDOM_START_BYTES)
        return RA_AGAIN;

    r->collected = 0;
    e = ra_hash_end(&r->pool, seed);
    if (e != RA_OK)
        return e;
    seed_bytes = seed;
    seed_left = sizeof seed;
    rc = wc_InitRng(rng_of(r));
    seed_bytes = NULL;
    seed_left = 0;
    ra_wipe(seed, sizeof seed);
    if (rc != 0) {
        /* the generator's own known-answer test, or two equal words in a row of the seed */
        return fail(r);
    }
    r->ready = 1;
    r->calls = 0;
    return RA_OK;
}

static ra_err reseed(struct ra_random *r)
{
    uint8_t seed[RA_HASH_SIZE_MAX];
    ra_err e = collect(r, RA_RANDOM_RESEED_BYTES);

    if (e == RA_E_ENTROPY_HEALTH)
        return e;
    if (e != RA_OK)
        return r->calls >= BLOCKS_WITHOUT_RESEED ? RA_E_ENTROPY : RA_OK;
    if (r->collected < RA_RANDOM_RESEED_BYTES)
        return RA_OK;
    r->collected = 0;
    e = ra_hash_end(&r->pool, seed);
    if (e == RA_OK && wc_RNG_DRBG_Reseed(rng_of(r), seed, sizeof seed) != 0)
        e = fail(r);
    if (e == RA_OK)
        r->calls = 0;
    ra_wipe(seed, sizeof seed);
    return e;
}

ra_err ra_random_bytes(struct ra_random *r, uint8_t *out, size_t size)
{
    ra_err e = RA_OK;

    if (size > RNG_MAX_BLOCK_LEN)
        return RA_E_LIMIT;
    if (r == NULL || r->failed != RA_OK || !r->ready)
        e = r != NULL && r->failed != RA_OK ? r->failed : RA_E_RANDOM_STATE;
    if (e == RA_OK && r->calls >= RA_RANDOM_RESEED_AFTER)
        e = reseed(r);
    if (e == RA_OK && size > 0 && wc_RNG_GenerateBlock(rng_of(r), out, (word32)size) != 0)
        e = RA_E_CRYPTO_INTERNAL;
    if (e == RA_OK)
        r->calls++;
    else
        memset(out, 0, size);
    return e;
}
