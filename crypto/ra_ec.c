#include "ra_crypto_internal.h"

#include <string.h>

#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/sp.h>

#define EC_WORDS RA_MP_WORDS(384)

struct curve {
    uint8_t prime[RA_EC_BYTES_MAX];
    uint8_t order[RA_EC_BYTES_MAX];
};

/* SP 800-186 3.2.1.3 and 3.2.1.4 */
static const struct curve p256 = {{0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
                                   0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                  {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                   0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51}};
static const struct curve p384 = {
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff,
     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff},
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2,
     0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73}};

_Static_assert(sizeof(struct ra_ec_numbers) <= RA_KEY_STORAGE, "an EC key fits");

struct ra_ec_numbers *ra_ec_numbers(struct ra_key *key)
{
    return (struct ra_ec_numbers *)(void *)key->opaque_;
}

const struct ra_ec_numbers *ra_ec_numbers_const(const struct ra_key *key)
{
    return (const struct ra_ec_numbers *)(const void *)key->opaque_;
}

static const struct curve *curve_of(const struct ra_key *key)
{
    return key->alg == RA_KEY_EC_P256 ? &p256 : &p384;
}

static size_t bytes_of(const struct ra_key *key)
{
    return key->alg == RA_KEY_EC_P256 ? 32 : 48;
}

static sp_int *load(uint64_t words[EC_WORDS], const uint8_t *from, size_t size)
{
    sp_int *a = ra_mp_init(words, EC_WORDS);

    /* cannot fail: 48 bytes fit */
    (void)sp_read_unsigned_bin(a, from, (word32)size);
    return a;
}

static int is_zero(const uint8_t *a, size_t size)
{
    static const uint8_t zero[RA_EC_BYTES_MAX];

    return ra_equal_ct(a, zero, size);
}

/* 0 < a < order. memcmp would tell by its time how far a nonce is like the order. */
static int in_order(const struct ra_key *key, const uint8_t *a)
{
    size_t size = bytes_of(key);
    const uint8_t *order = curve_of(key)->order;
    uint32_t borrow = 0;

    for (size_t i = size; i-- > 0;)
        borrow = ((uint32_t)a[i] - order[i] - borrow) >> 31;
    return (int)borrow & (1 - is_zero(a, size));
}

ra_err ra_ec_check_point(const struct ra_key *key)
{
    const struct ra_ec_numbers *num = ra_ec_numbers_const(key);
    size_t size = bytes_of(key);
    uint64_t x_words[EC_WORDS];
    uint64_t y_words[EC_WORDS];
    sp_int *x = load(x_words, num->x, size);
    sp_int *y = load(y_words, num->y, size);
    int rc;

    if (memcmp(num->x, curve_of(key)->prime, size) >= 0 ||
        memcmp(num->y, curve_of(key)->prime, size) >= 0)
        return RA_E_KEY_ALGORITHM;
    if (key->alg == RA_KEY_EC_P256)
        rc = sp_ecc_is_point_256(x, y);
    else
        rc = sp_ecc_is_point_384(x, y);
    return rc == MP_OKAY ? RA_OK : RA_E_KEY_ALGORITHM;
}

ra_err ra_ec_make_public(struct ra_key *key)
{
    struct ra_ec_numbers *num = ra_ec_numbers(key);
    size_t size = bytes_of(key);
    uint64_t d_words[EC_WORDS];
    sp_int *d = load(d_words, num->d, size);
    ecc_point point;
    int rc;

    if (!in_order(key, num->d)) {
        ra_wipe(d_words, sizeof d_words);
        return RA_E_KEY_FORMAT;
    }
    rc = sp_init_multi(point.x, point.y, point.z, NULL, NULL, NULL);
    if (rc == MP_OKAY) {
        if (key->alg == RA_KEY_EC_P256)
            rc = sp_ecc_mulmod_base_256(d, &point, 1, NULL);
        else
            rc = sp_ecc_mulmod_base_384(d, &point, 1, NULL);
    }
    if (rc == MP_OKAY)
        rc = sp_to_unsigned_bin_len(point.x, num->x, (int)size);
    if (rc == MP_OKAY)
        rc = sp_to_unsigned_bin_len(point.y, num->y, (int)size);
    ra_wipe(d_words, sizeof d_words);
    return rc == MP_OKAY ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

ra_err ra_ec_generate(struct ra_key *key, struct ra_random *random)
{
    struct ra_ec_numbers *num = ra_ec_numbers(key);

    /* Out of range once in 2^32 draws (P-256): eight in a row is a broken generator. */
    for (int i = 0; i < 8; i++) {
        ra_err e = ra_random_bytes(random, num->d, bytes_of(key));

        if (e != RA_OK)
            return e;
        if (in_order(key, num->d))
            return ra_ec_make_public(key);
    }
    return RA_E_CRYPTO_INTERNAL;
}

/* ---- ECDSA ------------------------------------------------------------------------------ */

struct nonce { /* RFC 6979 3.2 */
    int hash;  /* wolfSSL's name of it */
    word32 size;
    uint8_t k[RA_HASH_SIZE_MAX];
    uint8_t v[RA_HASH_SIZE_MAX];
};

/* k = HMAC_k(v || step || x || h) unless step < 0; then v = HMAC_k(v). */
static int nonce_turn(struct nonce *t, int step, const uint8_t *x, const uint8_t *h, size_t size)
{
    Hmac mac;
    int rc = 0;

    memset(&mac, 0, sizeof mac);
    if (step >= 0) {
        uint8_t octet = (uint8_t)step;

        rc = wc_HmacInit(&mac, NULL, INVALID_DEVID);
        if (rc == 0)
            rc = wc_HmacSetKey(&mac, t->hash, t->k, t->size);
        if (rc == 0)
            rc = wc_HmacUpdate(&mac, t->v, t->size);
        if (rc == 0)
            rc = wc_HmacUpdate(&mac, &octet, 1);
        if (rc == 0 && x != NULL)
            rc = wc_HmacUpdate(&mac, x, (word32)size);
        if (rc == 0 && h != NULL)
            rc = wc_HmacUpdate(&mac, h, (word32)size);
        if (rc == 0)
            rc = wc_HmacFinal(&mac, t->k);
    }
    if (rc == 0)
        rc = wc_HmacInit(&mac, NULL, INVALID_DEVID);
    if (rc == 0)
        rc = wc_HmacSetKey(&mac, t->hash, t->k, t->size);
    if (rc == 0)
        rc = wc_HmacUpdate(&mac, t->v, t->size);
    if (rc == 0)
        rc = wc_HmacFinal(&mac, t->v);
    ra_wipe(&mac, sizeof mac);
    return rc;
}

static int hmac_type(enum ra_hash_alg alg)
{
    switch (alg) {
    case RA_HASH_SHA1:
        return WC_SHA;
    case RA_HASH_SHA256:
        return WC_SHA256;
    case RA_HASH_SHA384:
        return WC_SHA384;
    default:
        return WC_SHA512;
    }
}

/* The leftmost bytes of the digest as a number below 2^(8 size), then modulo the order:
 * at most one subtraction, since the order has its top bit set. */
static void bits2octets(const struct ra_key *key, const uint8_t *digest, size_t digest_size,
                        uint8_t h[RA_EC_BYTES_MAX])
{
    size_t size = bytes_of(key);
    const uint8_t *order = curve_of(key)->order;

    memset(h, 0, size);
    if (digest_size > size)
        digest_size = size;
    memcpy(h + size - digest_size, digest, digest_size);
    if (memcmp(h, order, size) >= 0) {
        unsigned borrow = 0;

        for (size_t i = size; i-- > 0;) {
            unsigned t = 0x100u + h[i] - order[i] - borrow;

            h[i] = (uint8_t)t;
            borrow = 1u - (t >> 8);
        }
    }
}

static int nonce_start(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest,
                       struct nonce *t)
{
    const uint8_t *d = ra_ec_numbers_const(key)->d;
    size_t size = bytes_of(key);
    uint8_t h[RA_EC_BYTES_MAX];
    int rc;

    t->hash = hmac_type(alg);
    t->size = (word32)ra_hash_size(alg);
    memset(t->k, 0, sizeof t->k);
    memset(t->v, 1, sizeof t->v);
    bits2octets(key, digest, t->size, h);
    rc = nonce_turn(t, 0, d, h, size);
    if (rc == 0)
        rc = nonce_turn(t, 1, d, h, size);
    return rc;
}

/* The next k into `out`, which need not be in range. */
static int nonce_next(struct nonce *t, uint8_t *out, size_t size)
{
    size_t have = 0;
    int rc = 0;

    while (have < size && rc == 0) {
        size_t n = size - have < t->size ? size - have : t->size;

        rc = nonce_turn(t, -1, NULL, NULL, 0);
        memcpy(out + have, t->v, n);
        have += n;
    }
    return rc;
}

ra_err ra_ec_sign(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest, uint8_t *r,
                  uint8_t *s)
{
    const struct ra_ec_numbers *num = ra_ec_numbers_const(key);
    size_t size = bytes_of(key);
    word32 digest_size = (word32)ra_hash_size(alg);
    struct nonce t;
    uint8_t k[RA_EC_BYTES_MAX];
    uint64_t k_words[EC_WORDS], d_words[EC_WORDS], r_words[EC_WORDS], s_words[EC_WORDS];
    ra_err e = RA_E_CRYPTO_INTERNAL;
    int rc = nonce_start(key, alg, digest, &t);

    /* A k out of range comes once in 2^32 (P-256); r or s of 0 never. */
    for (int i = 0; i < 8 && rc == 0; i++) {
        rc = nonce_next(&t, k, size);
        if (rc == 0 && in_order(key, k)) {
            sp_int *km = load(k_words, k, size);
            sp_int *dm = load(d_words, num->d, size);
            sp_int *rm = ra_mp_init(r_words, EC_WORDS);
            sp_int *sm = ra_mp_init(s_words, EC_WORDS);

            /* Without a generator wolfSSL fails, instead of drawing another k itself. */
            if (key->alg == RA_KEY_EC_P256)
                rc = sp_ecc_sign_256(digest, digest_size, NULL, dm, rm, sm, km, NULL);
            else
                rc = sp_ecc_sign_384(digest, digest_size, NULL, dm, rm, sm, km, NULL);
            if (rc == MP_OKAY)
                rc = sp_to_unsigned_bin_len(rm, r, (int)size);
            if (rc == MP_OKAY)
                rc = sp_to_unsigned_bin_len(sm, s, (int)size);
            if (rc == MP_OKAY && in_order(key, r) && in_order(key, s))
                e = RA_OK;
            break;
        }
        if (rc == 0)
            rc = nonce_turn(&t, 0, NULL, NULL, 0);
    }
    ra_wipe(&t, sizeof t);
    ra_wipe(k, sizeof k);
    ra_wipe(k_words, sizeof k_words);
    ra_wipe(d_words, sizeof d_words);
    return e;
}

ra_err ra_ec_verify(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest,
                    const uint8_t *r, const uint8_t *s)
{
    static const uint8_t one = 1;
    const struct ra_ec_numbers *num = ra_ec_numbers_const(key);
    size_t size = bytes_of(key);
    word32 digest_size = (word32)ra_hash_size(alg);
    uint64_t x_words[EC_WORDS], y_words[EC_WORDS], z_words[EC_WORDS];
    uint64_t r_words[EC_WORDS], s_words[EC_WORDS];
    sp_int *x = load(x_words, num->x, size);
    sp_int *y = load(y_words, num->y, size);
    sp_int *z = load(z_words, &one, 1);
    sp_int *rm = load(r_words, r, size);
    sp_int *sm = load(s_words, s, size);
    int good = 0;
    int rc;

    /* The SP code leaves this check to its caller. */
    if (!in_order(key, r) || !in_order(key, s))
        return RA_E_SIGNATURE;
    if (key->alg == RA_KEY_EC_P256)
        rc = sp_ecc_verify_256(digest, digest_size, x, y, z, rm, sm, &good, NULL);
    else
        rc = sp_ecc_verify_384(digest, digest_size, x, y, z, rm, sm, &good, NULL);
    return rc == MP_OKAY && good == 1 ? RA_OK : RA_E_SIGNATURE;
}
