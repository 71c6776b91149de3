#include "ra_pbkdf.h"

#include <string.h>

/* Bytes a hash works on at once. */
static size_t block_of(enum ra_hash_alg alg)
{
    return alg == RA_HASH_SHA384 || alg == RA_HASH_SHA512 ? 128 : 64;
}

/* The two hash states that every HMAC with this key begins with. */
static ra_err key_states(enum ra_hash_alg alg, const uint8_t *key, size_t size,
                         struct ra_hash_state *inner, struct ra_hash_state *outer)
{
    uint8_t pad[128] = {0};
    size_t block = block_of(alg);
    ra_err e = RA_OK;
    if (size > block)
        e = ra_hash(alg, key, size, pad);
    else if (size > 0)
        memcpy(pad, key, size);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36;
    if (e == RA_OK)
        e = ra_hash_start(inner, alg);
    if (e == RA_OK)
        e = ra_hash_add(inner, pad, block);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    if (e == RA_OK)
        e = ra_hash_start(outer, alg);
    if (e == RA_OK)
        e = ra_hash_add(outer, pad, block);
    ra_wipe(pad, sizeof pad);
    return e;
}

/* out = HMAC(in || more). */
static ra_err hmac_of(enum ra_hash_alg alg, const struct ra_hash_state *inner,
                      const struct ra_hash_state *outer, const uint8_t *in, size_t in_size,
                      const uint8_t *more, size_t more_size, uint8_t out[RA_HASH_SIZE_MAX])
{
    struct ra_hash_state s = *inner; /* wiped when the hash ends */
    ra_err e = ra_hash_add(&s, in, in_size);
    if (e == RA_OK)
        e = ra_hash_add(&s, more, more_size);
    if (e == RA_OK)
        e = ra_hash_end(&s, out);
    s = *outer;
    if (e == RA_OK)
        e = ra_hash_add(&s, out, ra_hash_size(alg));
    if (e == RA_OK)
        e = ra_hash_end(&s, out);
    return e;
}

ra_err ra_hmac(enum ra_hash_alg alg, const uint8_t *key, size_t key_size, const uint8_t *in,
               size_t in_size, uint8_t out[RA_HASH_SIZE_MAX])
{
    struct ra_hash_state inner, outer;
    ra_err e = key_states(alg, key, key_size, &inner, &outer);
    if (e == RA_OK)
        e = hmac_of(alg, &inner, &outer, in, in_size, NULL, 0, out);
    ra_wipe(&inner, sizeof inner);
    ra_wipe(&outer, sizeof outer);
    return e;
}

static ra_err begin(struct ra_pbkdf *k, enum ra_hash_alg alg, size_t salt_size, uint32_t iterations,
                    size_t out_size)
{
    memset(k, 0, sizeof *k);
    if (ra_hash_size(alg) == 0 || iterations == 0)
        return RA_E_ARGUMENT;
    if (salt_size > RA_PBKDF_SALT_MAX || out_size > RA_PBKDF_OUT_MAX ||
        iterations > RA_PBKDF_ITERATIONS_MAX)
        return RA_E_LIMIT;
    k->alg = alg;
    k->iterations = iterations;
    k->salt_size = (uint8_t)salt_size;
    k->out_size = (uint8_t)out_size;
    return RA_OK;
}

ra_err ra_pbkdf_start(struct ra_pbkdf *k, enum ra_hash_alg alg, const char *password,
                      size_t password_size, const uint8_t *salt, size_t salt_size,
                      uint32_t iterations, size_t out_size)
{
    ra_err e = begin(k, alg, salt_size, iterations, out_size);
    if (e == RA_OK) {
        memcpy(k->salt, salt, salt_size);
        e = key_states(alg, (const uint8_t *)password, password_size, &k->from.hmac.inner,
                       &k->from.hmac.outer);
    }
    return e;
}

/* p repeated up to a multiple of `block`. */
static void repeat(struct ra_pbkdf *k, const uint8_t *p, size_t size, size_t block)
{
    size_t whole = (size + block - 1) / block * block;
    for (size_t i = 0; i < whole; i++)
        k->from.input[k->input_size++] = p[i % size];
}

ra_err ra_pbkdf_pkcs12_start(struct ra_pbkdf *k, enum ra_hash_alg alg, enum ra_pkcs12_use use,
                             const char *password, size_t password_size, const uint8_t *salt,
                             size_t salt_size, uint32_t iterations, size_t out_size)
{
    uint8_t bmp[2 * RA_PBKDF_PASSWORD_MAX + 2] = {0};
    size_t block = block_of(alg), n = password_size;
    ra_err e = begin(k, alg, salt_size, iterations, out_size);
    if (e == RA_OK && n > RA_PBKDF_PASSWORD_MAX)
        e = RA_E_LIMIT;
    if (e != RA_OK)
        return e;
    for (size_t i = 0; i < n; i++)
        bmp[2 * i + 1] = (uint8_t)password[i];
    k->use = (uint8_t)use;
    if (salt_size > 0)
        repeat(k, salt, salt_size, block);
    repeat(k, bmp, 2 * n + 2, block);
    ra_wipe(bmp, sizeof bmp);
    return RA_OK;
}

/* One iteration of PBKDF2: the first hashes salt and block number. */
static ra_err iterate_pbkdf2(struct ra_pbkdf *k)
{
    size_t size = ra_hash_size(k->alg);
    uint8_t number[4] = {0, 0, 0, (uint8_t)(k->at / size + 1)};
    const struct ra_hash_state *inner = &k->from.hmac.inner, *outer = &k->from.hmac.outer;
    ra_err e = k->done == 0 ? hmac_of(k->alg, inner, outer, k->salt, k->salt_size, number,
                                      sizeof number, k->u)
                            : hmac_of(k->alg, inner, outer, k->u, size, NULL, 0, k->u);
    for (size_t i = 0; i < size; i++)
        k->t[i] = k->done == 0 ? k->u[i] : k->t[i] ^ k->u[i];
    return e;
}

static ra_err iterate_pkcs12(struct ra_pbkdf *k)
{
    if (k->done > 0)
        return ra_hash(k->alg, k->t, ra_hash_size(k->alg), k->t);
    struct ra_hash_state s;
    uint8_t diversifier[128];
    memset(diversifier, k->use, sizeof diversifier);
    ra_err e = ra_hash_start(&s, k->alg);
    if (e == RA_OK)
        e = ra_hash_add(&s, diversifier, block_of(k->alg));
    if (e == RA_OK)
        e = ra_hash_add(&s, k->from.input, k->input_size);
    if (e == RA_OK)
        e = ra_hash_end(&s, k->t);
    ra_wipe(&s, sizeof s);
    return e;
}

/* For the next block of output: each block of the input plus B plus 1, B being `t` repeated. */
static void advance_pkcs12(struct ra_pbkdf *k)
{
    size_t block = block_of(k->alg), size = ra_hash_size(k->alg);
    for (size_t at = 0; at < k->input_size; at += block) {
        unsigned carry = 1;
        for (size_t i = block; i-- > 0;) {
            carry += (unsigned)k->from.input[at + i] + k->t[i % size];
            k->from.input[at + i] = (uint8_t)carry;
            carry >>= 8;
        }
    }
}

ra_err ra_pbkdf_step(struct ra_pbkdf *k, uint32_t slice)
{
    size_t size = ra_hash_size(k->alg);
    for (; slice > 0 && k->done < k->iterations; slice--, k->done++) {
        ra_err e = k->use == 0 ? iterate_pbkdf2(k) : iterate_pkcs12(k);
        if (e != RA_OK)
            return e;
    }
    if (k->done < k->iterations)
        return RA_AGAIN;
    size_t left = (size_t)k->out_size - k->at;
    memcpy(k->out + k->at, k->t, left < size ? left : size);
    if (left <= size)
        return RA_OK;
    k->at = (uint8_t)(k->at + size);
    k->done = 0;
    if (k->use != 0)
        advance_pkcs12(k);
    return RA_AGAIN;
}

void ra_pbkdf_wipe(struct ra_pbkdf *k)
{
    ra_wipe(k, sizeof *k);
}
