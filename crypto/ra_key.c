#include "ra_crypto_internal.h"

#include <string.h>

#include <wolfssl/wolfcrypt/rsa.h>

#define TAG_INTEGER 0x02
#define TAG_BITS 0x03
#define TAG_OCTETS 0x04
#define TAG_NULL 0x05
#define TAG_OID 0x06
#define TAG_SEQUENCE 0x30
#define TAG_CONTEXT_0 0xa0
#define TAG_CONTEXT_1 0xa1

static const uint8_t oid_rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
static const uint8_t oid_ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
static const uint8_t oid_p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t oid_p384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};

/* ---- names and sizes -------------------------------------------------------------------- */

const char *ra_key_alg_name(enum ra_key_alg alg)
{
    switch (alg) {
    case RA_KEY_RSA_2048:
        return "RSA-2048";
    case RA_KEY_RSA_3072:
        return "RSA-3072";
    case RA_KEY_RSA_4096:
        return "RSA-4096";
    case RA_KEY_EC_P256:
        return "EC P-256";
    case RA_KEY_EC_P384:
        return "EC P-384";
    case RA_KEY_NONE:
        break;
    }
    return "none";
}

int ra_key_is_rsa(enum ra_key_alg alg)
{
    return alg == RA_KEY_RSA_2048 || alg == RA_KEY_RSA_3072 || alg == RA_KEY_RSA_4096;
}

unsigned ra_key_bits(enum ra_key_alg alg)
{
    switch (alg) {
    case RA_KEY_RSA_2048:
        return 2048;
    case RA_KEY_RSA_3072:
        return 3072;
    case RA_KEY_RSA_4096:
        return 4096;
    case RA_KEY_EC_P256:
        return 256;
    case RA_KEY_EC_P384:
        return 384;
    case RA_KEY_NONE:
        break;
    }
    return 0;
}

static int is_ec(enum ra_key_alg alg)
{
    return alg == RA_KEY_EC_P256 || alg == RA_KEY_EC_P384;
}

static size_t field_size(const struct ra_key *key)
{
    return key->alg == RA_KEY_EC_P256 ? 32 : 48;
}

size_t ra_key_block_size(const struct ra_key *key)
{
    if (ra_key_is_rsa(key->alg))
        return key->bits / 8u;
    if (is_ec(key->alg))
        return 2 * field_size(key) + 8; /* two INTEGERs with a sign octet, short lengths */
    return 0;
}

void ra_key_wipe(struct ra_key *key)
{
    ra_wipe(key, sizeof *key);
}

/* ---- reading DER: just what keys and signatures need, every length checked -------------- */

struct der {
    const uint8_t *p;
    const uint8_t *end;
};

/* 1 and the content when an element with this tag comes next, else 0 and nothing moved. */
static int take(struct der *d, uint8_t tag, struct der *content)
{
    const uint8_t *p = d->p;
    size_t left = (size_t)(d->end - p);
    size_t size;

    if (left < 2 || p[0] != tag)
        return 0;
    size = p[1];
    p += 2;
    left -= 2;
    if (size == 0x81) {
        if (left < 1 || p[0] < 0x80)
            return 0;
        size = p[0];
        p += 1;
        left -= 1;
    } else if (size == 0x82) {
        if (left < 2 || p[0] == 0)
            return 0;
        size = (size_t)p[0] << 8 | p[1];
        p += 2;
        left -= 2;
    } else if (size >= 0x80) {
        return 0;
    }
    if (size > left)
        return 0;
    content->p = p;
    content->end = p + size;
    d->p = p + size;
    return 1;
}

static int at_end(const struct der *d)
{
    return d->p == d->end;
}

/* A non-negative INTEGER in its shortest form; the content comes without leading zero. */
static int take_number(struct der *d, struct der *n)
{
    if (!take(d, TAG_INTEGER, n) || at_end(n) || (n->p[0] & 0x80) != 0)
        return 0;
    if (n->p[0] == 0) {
        if (n->end - n->p > 1 && (n->p[1] & 0x80) == 0)
            return 0;
        n->p++;
    }
    return 1;
}

static int take_oid(struct der *d, const uint8_t *oid, size_t size)
{
    struct der before = *d;
    struct der c;

    if (take(d, TAG_OID, &c) && (size_t)(c.end - c.p) == size && memcmp(c.p, oid, size) == 0)
        return 1;
    *d = before;
    return 0;
}

static int take_null(struct der *d)
{
    struct der c;

    return take(d, TAG_NULL, &c) && at_end(&c);
}

/* A named curve, as SubjectPublicKeyInfo, PKCS #8 and SEC 1 give it. */
static enum ra_key_alg take_curve(struct der *d)
{
    if (take_oid(d, oid_p256, sizeof oid_p256))
        return RA_KEY_EC_P256;
    if (take_oid(d, oid_p384, sizeof oid_p384))
        return RA_KEY_EC_P384;
    return RA_KEY_NONE;
}

static int read_number(sp_int *to, const struct der *n)
{
    return sp_read_unsigned_bin(to, n->p, (word32)(n->end - n->p)) == MP_OKAY;
}

static enum ra_key_alg rsa_class(unsigned bits)
{
    return bits <= 2048 ? RA_KEY_RSA_2048 : bits <= 3072 ? RA_KEY_RSA_3072 : RA_KEY_RSA_4096;
}

/* Modulus and exponent. */
static ra_err rsa_public(struct ra_key *key, struct der *d)
{
    struct der n, e;
    size_t bits;

    if (!take_number(d, &n) || !take_number(d, &e) || at_end(&n) || at_end(&e))
        return RA_E_KEY_FORMAT;
    bits = (size_t)(n.end - n.p) * 8;
    if (bits < 2048 || bits > RA_RSA_BITS_MAX || (n.p[0] & 0x80) == 0 || (n.end[-1] & 1) == 0)
        return RA_E_KEY_ALGORITHM;
    if (e.end - e.p > 4)
        return RA_E_KEY_ALGORITHM;
    while (!at_end(&e))
        key->exponent = key->exponent << 8 | *e.p++;
    if (key->exponent < 3 || (key->exponent & 1) == 0)
        return RA_E_KEY_ALGORITHM;
    key->bits = (uint16_t)bits;
    key->alg = rsa_class((unsigned)bits);
    return read_number(ra_rsa_part_init(key, RA_RSA_N), &n) ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

/* The contents of an RSAPrivateKey SEQUENCE. */
static ra_err rsa_private(struct ra_key *key, struct der *d)
{
    static const enum ra_rsa_part order[] = {RA_RSA_P, RA_RSA_Q, RA_RSA_DP, RA_RSA_DQ, RA_RSA_QI};
    struct der c;
    ra_err e;

    if (!take_number(d, &c))
        return RA_E_KEY_FORMAT;
    if (!at_end(&c))
        return RA_E_KEY_ALGORITHM; /* more than two primes */
    e = rsa_public(key, d);
    if (e != RA_OK)
        return e;
    if (key->bits != ra_key_bits(key->alg))
        return RA_E_KEY_ALGORITHM;
    if (!take_number(d, &c) || at_end(&c)) /* d: not needed beside p and q */
        return RA_E_KEY_FORMAT;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        sp_int *part = ra_rsa_part_init(key, order[i]);

        if (!take_number(d, &c) || at_end(&c) || !read_number(part, &c))
            return RA_E_KEY_FORMAT;
    }
    if (!at_end(d))
        return RA_E_KEY_FORMAT;
    key->is_private = true;
    return ra_rsa_check(key);
}

static void ec_init(struct ra_key *key, enum ra_key_alg alg)
{
    key->alg = alg;
    key->bits = (uint16_t)ra_key_bits(alg);
}

/* A BIT STRING with an uncompressed point. */
static ra_err ec_point(const struct ra_key *key, const struct der *bits, struct ra_ec_numbers *num)
{
    size_t size = field_size(key);

    if (bits->end - bits->p < 2 || bits->p[0] != 0)
        return RA_E_KEY_FORMAT;
    if (bits->p[1] != 4 || (size_t)(bits->end - bits->p) != 2 + 2 * size)
        return RA_E_KEY_ALGORITHM; /* compressed, infinity, or another curve's */
    memcpy(num->x, bits->p + 2, size);
    memcpy(num->y, bits->p + 2 + size, size);
    return RA_OK;
}

/* The contents of an ECPrivateKey SEQUENCE; `curve` from around it, or none. */
static ra_err ec_private(struct ra_key *key, struct der *d, enum ra_key_alg curve)
{
    struct ra_ec_numbers *num = ra_ec_numbers(key);
    struct ra_ec_numbers given;
    struct der c, secret, bits;
    int has_point = 0;
    ra_err e;

    if (!take_number(d, &c) || c.end - c.p != 1 || c.p[0] != 1 || !take(d, TAG_OCTETS, &secret))
        return RA_E_KEY_FORMAT;
    if (take(d, TAG_CONTEXT_0, &c)) {
        enum ra_key_alg named = take_curve(&c);

        if (named == RA_KEY_NONE || !at_end(&c) || (curve != RA_KEY_NONE && curve != named))
            return RA_E_KEY_ALGORITHM;
        curve = named;
    }
    if (curve == RA_KEY_NONE)
        return RA_E_KEY_ALGORITHM;
    ec_init(key, curve);
    if (take(d, TAG_CONTEXT_1, &c)) {
        if (!take(&c, TAG_BITS, &bits) || !at_end(&c))
            return RA_E_KEY_FORMAT;
        e = ec_point(key, &bits, &given);
        if (e != RA_OK)
            return e;
        has_point = 1;
    }
    if (!at_end(d) || (size_t)(secret.end - secret.p) != field_size(key))
        return RA_E_KEY_FORMAT;
    memcpy(num->d, secret.p, field_size(key));
    e = ra_ec_make_public(key);
    if (e != RA_OK)
        return e;
    if (has_point && (memcmp(given.x, num->x, field_size(key)) != 0 ||
                      memcmp(given.y, num->y, field_size(key)) != 0))
        return RA_E_KEY_FORMAT;
    key->is_private = true;
    return RA_OK;
}

/* The contents of a PrivateKeyInfo SEQUENCE after its version. */
static ra_err pkcs8(struct ra_key *key, struct der *d)
{
    struct der alg, octets, inner, c;
    enum ra_key_alg curve = RA_KEY_NONE;
    int rsa;

    if (!take(d, TAG_SEQUENCE, &alg) || !take(d, TAG_OCTETS, &octets))
        return RA_E_KEY_FORMAT;
    rsa = take_oid(&alg, oid_rsa, sizeof oid_rsa);
    if (rsa) {
        if (!take_null(&alg) || !at_end(&alg))
            return RA_E_KEY_FORMAT;
    } else {
        if (!take_oid(&alg, oid_ec, sizeof oid_ec))
            return RA_E_KEY_ALGORITHM;
        curve = take_curve(&alg);
        if (curve == RA_KEY_NONE || !at_end(&alg))
            return RA_E_KEY_ALGORITHM;
    }
    (void)take(d, TAG_CONTEXT_0, &c); /* attributes */
    (void)take(d, 0x81, &c);          /* public key of RFC 5958 */
    if (!at_end(d) || !take(&octets, TAG_SEQUENCE, &inner) || !at_end(&octets))
        return RA_E_KEY_FORMAT;
    return rsa ? rsa_private(key, &inner) : ec_private(key, &inner, curve);
}

RA_OUT_OF_LINE static ra_err from_der(struct ra_key *key, const uint8_t *der, size_t size)
{
    struct der all = {der, der + size};
    struct der d, after, c;

    if (!take(&all, TAG_SEQUENCE, &d) || !at_end(&all))
        return RA_E_KEY_FORMAT;
    after = d;
    if (!take_number(&after, &c))
        return RA_E_KEY_FORMAT;
    if (at_end(&after))
        return RA_E_KEY_FORMAT;
    switch (after.p[0]) { /* what follows the version tells the three apart */
    case TAG_INTEGER:
        return rsa_private(key, &d);
    case TAG_OCTETS:
        return ec_private(key, &d, RA_KEY_NONE);
    case TAG_SEQUENCE:
        if (c.end - c.p > 1 || (!at_end(&c) && c.p[0] != 1))
            return RA_E_KEY_FORMAT;
        return pkcs8(key, &after);
    default:
        return RA_E_KEY_FORMAT;
    }
}

ra_err ra_key_from_der(struct ra_key *key, const uint8_t *der, size_t size)
{
    ra_err e;

    memset(key, 0, sizeof *key);
    e = from_der(key, der, size);
    ra_wipe_stack_key();
    if (e != RA_OK)
        ra_key_wipe(key);
    return e;
}

static ra_err from_spki(struct ra_key *key, const uint8_t *spki, size_t size)
{
    struct der all = {spki, spki + size};
    struct der d, alg, bits, inner;
    enum ra_key_alg curve;
    ra_err e;

    if (!take(&all, TAG_SEQUENCE, &d) || !at_end(&all) || !take(&d, TAG_SEQUENCE, &alg) ||
        !take(&d, TAG_BITS, &bits) || !at_end(&d))
        return RA_E_KEY_FORMAT;
    if (take_oid(&alg, oid_rsa, sizeof oid_rsa)) {
        if (!take_null(&alg) || !at_end(&alg) || bits.end - bits.p < 1 || *bits.p++ != 0 ||
            !take(&bits, TAG_SEQUENCE, &inner) || !at_end(&bits))
            return RA_E_KEY_FORMAT;
        e = rsa_public(key, &inner);
        return e == RA_OK && !at_end(&inner) ? RA_E_KEY_FORMAT : e;
    }
    if (!take_oid(&alg, oid_ec, sizeof oid_ec))
        return RA_E_KEY_ALGORITHM;
    curve = take_curve(&alg);
    if (curve == RA_KEY_NONE || !at_end(&alg))
        return RA_E_KEY_ALGORITHM;
    ec_init(key, curve);
    e = ec_point(key, &bits, ra_ec_numbers(key));
    return e == RA_OK ? ra_ec_check_point(key) : e;
}

ra_err ra_key_from_spki(struct ra_key *key, const uint8_t *spki, size_t size)
{
    ra_err e;

    memset(key, 0, sizeof *key);
    e = from_spki(key, spki, size);
    if (e != RA_OK)
        ra_key_wipe(key);
    return e;
}

/* ---- writing DER: backwards, so that every length is known when it is written ----------- */

struct out {
    uint8_t *start;
    uint8_t *p; /* what is written so far begins here */
    uint8_t *end;
    int full;
};

static void out_init(struct out *w, uint8_t *to, size_t cap)
{
    w->start = to;
    w->end = to + cap;
    w->p = w->end;
    w->full = 0;
}

static size_t out_size(const struct out *w)
{
    return (size_t)(w->end - w->p);
}

static void put(struct out *w, const void *from, size_t size)
{
    if (w->full || (size_t)(w->p - w->start) < size) {
        w->full = 1;
        return;
    }
    w->p -= size;
    memcpy(w->p, from, size);
}

static void put_octet(struct out *w, uint8_t b)
{
    put(w, &b, 1);
}

/* Tag and length in front of what was written since out_size was `since`. */
static void wrap(struct out *w, uint8_t tag, size_t since)
{
    size_t size = out_size(w) - since;

    put_octet(w, (uint8_t)size);
    if (size > 0xff)
        put_octet(w, (uint8_t)(size >> 8));
    if (size >= 0x80)
        put_octet(w, size > 0xff ? 0x82 : 0x81);
    put_octet(w, tag);
}

static void put_tlv(struct out *w, uint8_t tag, const void *from, size_t size)
{
    size_t since = out_size(w);

    put(w, from, size);
    wrap(w, tag, since);
}

static void put_mp(struct out *w, const sp_int *a)
{
    size_t since = out_size(w);
    int bits = sp_count_bits(a);
    size_t size = (size_t)(bits + 7) / 8;

    if (w->full || (size_t)(w->p - w->start) < size ||
        sp_to_unsigned_bin_len(a, w->p - size, (int)size) != MP_OKAY) {
        w->full = 1;
        return;
    }
    w->p -= size;
    if (bits % 8 == 0) /* 0, or the top bit is set */
        put_octet(w, 0);
    wrap(w, TAG_INTEGER, since);
}

static void put_bytes_number(struct out *w, const uint8_t *a, size_t size)
{
    size_t since = out_size(w);

    while (size > 1 && *a == 0) {
        a++;
        size--;
    }
    put(w, a, size);
    if ((*a & 0x80) != 0)
        put_octet(w, 0);
    wrap(w, TAG_INTEGER, since);
}

static void put_small(struct out *w, uint32_t a)
{
    uint8_t b[4] = {(uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a};

    put_bytes_number(w, b, sizeof b);
}

static ra_err out_end(struct out *w, size_t *size)
{
    *size = 0;
    if (w->full) {
        ra_wipe(w->start, (size_t)(w->end - w->start));
        return RA_E_SPACE;
    }
    *size = out_size(w);
    memmove(w->start, w->p, *size);
    if (w->p > w->start) { /* the tail may hold part of a private key */
        size_t moved = (size_t)(w->p - w->start);

        ra_wipe(w->end - (moved < *size ? moved : *size), moved < *size ? moved : *size);
    }
    return RA_OK;
}

static void put_curve(struct out *w, const struct ra_key *key)
{
    if (key->alg == RA_KEY_EC_P256)
        put_tlv(w, TAG_OID, oid_p256, sizeof oid_p256);
    else
        put_tlv(w, TAG_OID, oid_p384, sizeof oid_p384);
}

static void put_point(struct out *w, const struct ra_key *key)
{
    const struct ra_ec_numbers *num = ra_ec_numbers_const(key);
    size_t since = out_size(w);

    put(w, num->y, field_size(key));
    put(w, num->x, field_size(key));
    put_octet(w, 4);
    put_octet(w, 0);
    wrap(w, TAG_BITS, since);
}

ra_err ra_key_spki(const struct ra_key *key, uint8_t *out, size_t cap, size_t *size)
{
    struct out w;
    size_t since;

    *size = 0;
    out_init(&w, out, cap);
    if (ra_key_is_rsa(key->alg)) {
        put_small(&w, key->exponent);
        put_mp(&w, ra_rsa_part_const(key, RA_RSA_N));
        wrap(&w, TAG_SEQUENCE, 0);
        put_octet(&w, 0);
        wrap(&w, TAG_BITS, 0);
        since = out_size(&w);
        put_tlv(&w, TAG_NULL, "", 0);
        put_tlv(&w, TAG_OID, oid_rsa, sizeof oid_rsa);
    } else if (is_ec(key->alg)) {
        put_point(&w, key);
        since = out_size(&w);
        put_curve(&w, key);
        put_tlv(&w, TAG_OID, oid_ec, sizeof oid_ec);
    } else {
        return RA_E_STATE;
    }
    wrap(&w, TAG_SEQUENCE, since);
    wrap(&w, TAG_SEQUENCE, 0);
    return out_end(&w, size);
}

static ra_err put_private_exponent(struct out *w, const struct ra_key *key)
{
    uint64_t words[RA_MP_WORDS(RA_RSA_BITS_MAX)];
    sp_int *d = ra_mp_init(words, RA_MP_WORDS(RA_RSA_BITS_MAX));
    ra_err e = ra_rsa_private_exponent(key, d);

    if (e == RA_OK)
        put_mp(w, d);
    ra_wipe(words, sizeof words);
    return e;
}

RA_OUT_OF_LINE static ra_err to_der(const struct ra_key *key, uint8_t *out, size_t cap,
                                    size_t *size)
{
    struct out w;
    ra_err e = RA_OK;

    *size = 0;
    if (key->alg == RA_KEY_NONE)
        return RA_E_STATE;
    if (!key->is_private)
        return RA_E_KEY_PRIVATE;
    out_init(&w, out, cap);
    if (ra_key_is_rsa(key->alg)) {
        put_mp(&w, ra_rsa_part_const(key, RA_RSA_QI));
        put_mp(&w, ra_rsa_part_const(key, RA_RSA_DQ));
        put_mp(&w, ra_rsa_part_const(key, RA_RSA_DP));
        put_mp(&w, ra_rsa_part_const(key, RA_RSA_Q));
        put_mp(&w, ra_rsa_part_const(key, RA_RSA_P));
        e = put_private_exponent(&w, key);
        put_small(&w, key->exponent);
        put_mp(&w, ra_rsa_part_const(key, RA_RSA_N));
        put_small(&w, 0);
    } else {
        size_t since;

        put_point(&w, key);
        wrap(&w, TAG_CONTEXT_1, 0);
        since = out_size(&w);
        put_curve(&w, key);
        wrap(&w, TAG_CONTEXT_0, since);
        put_tlv(&w, TAG_OCTETS, ra_ec_numbers_const(key)->d, field_size(key));
        put_small(&w, 1);
    }
    wrap(&w, TAG_SEQUENCE, 0);
    if (e != RA_OK) {
        ra_wipe(out, cap);
        return e;
    }
    return out_end(&w, size);
}

ra_err ra_key_to_der(const struct ra_key *key, uint8_t *out, size_t cap, size_t *size)
{
    ra_err e = to_der(key, out, cap, size);

    ra_wipe_stack_key();
    return e;
}

int ra_key_same_public(const struct ra_key *a, const struct ra_key *b)
{
    if (a->alg != b->alg || a->alg == RA_KEY_NONE || a->bits != b->bits)
        return 0;
    if (ra_key_is_rsa(a->alg))
        return a->exponent == b->exponent &&
               sp_cmp(ra_rsa_part_const(a, RA_RSA_N), ra_rsa_part_const(b, RA_RSA_N)) == MP_EQ;
    return memcmp(ra_ec_numbers_const(a)->x, ra_ec_numbers_const(b)->x, field_size(a)) == 0 &&
           memcmp(ra_ec_numbers_const(a)->y, ra_ec_numbers_const(b)->y, field_size(a)) == 0;
}

/* ---- signatures ------------------------------------------------------------------------- */

/* DigestInfo up to the digest itself, RFC 8017 9.2 note 1. */
static const uint8_t info_sha1[] = {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
                                    0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14};
static const uint8_t info_sha2[] = {0x30, 0x11, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                    0x65, 0x03, 0x04, 0x02, 0x00, 0x05, 0x00, 0x04, 0x00};

/* EMSA-PKCS1-v1_5. */
static void signature_block(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest,
                            uint8_t *em)
{
    size_t size = ra_key_block_size(key);
    size_t digest_size = ra_hash_size(alg);
    size_t info_size = alg == RA_HASH_SHA1 ? sizeof info_sha1 : sizeof info_sha2;
    uint8_t *info = em + size - digest_size - info_size;

    memset(em, 0xff, size);
    em[0] = 0;
    em[1] = 1;
    info[-1] = 0;
    if (alg == RA_HASH_SHA1) {
        memcpy(info, info_sha1, sizeof info_sha1);
    } else {
        memcpy(info, info_sha2, sizeof info_sha2);
        info[1] = (uint8_t)(info[1] + digest_size);
        info[14] = (uint8_t)(alg == RA_HASH_SHA256 ? 1 : alg == RA_HASH_SHA384 ? 2 : 3);
        info[18] = (uint8_t)digest_size;
    }
    memcpy(info + info_size, digest, digest_size);
}

static ra_err rsa_sign(const struct ra_key *key, struct ra_random *random, enum ra_hash_alg alg,
                       const uint8_t *digest, uint8_t *out)
{
    uint8_t em[RA_RSA_BYTES_MAX];

    signature_block(key, alg, digest, em);
    return ra_rsa_private(key, random, em, out);
}

static ra_err ec_sign(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest,
                      uint8_t *out, size_t cap, size_t *size)
{
    uint8_t r[RA_EC_BYTES_MAX], s[RA_EC_BYTES_MAX];
    struct out w;
    ra_err e = ra_ec_sign(key, alg, digest, r, s);

    if (e != RA_OK)
        return e;
    out_init(&w, out, cap);
    put_bytes_number(&w, s, field_size(key));
    put_bytes_number(&w, r, field_size(key));
    wrap(&w, TAG_SEQUENCE, 0);
    return out_end(&w, size);
}

RA_OUT_OF_LINE static ra_err sign(const struct ra_key *key, struct ra_random *random,
                                  enum ra_hash_alg alg, const uint8_t *digest, uint8_t *out,
                                  size_t cap, size_t *size)
{
    ra_err e;

    *size = 0;
    if (key->alg == RA_KEY_NONE)
        return RA_E_STATE;
    if (!key->is_private)
        return RA_E_KEY_PRIVATE;
    if (ra_hash_size(alg) == 0)
        return RA_E_ARGUMENT;
    if (cap < ra_key_block_size(key))
        return RA_E_SPACE;
    if (is_ec(key->alg))
        return ec_sign(key, alg, digest, out, cap, size);
    e = rsa_sign(key, random, alg, digest, out);
    if (e == RA_OK)
        *size = ra_key_block_size(key);
    return e;
}

ra_err ra_key_sign(const struct ra_key *key, struct ra_random *random, enum ra_hash_alg alg,
                   const uint8_t *digest, uint8_t *out, size_t cap, size_t *size)
{
    ra_err e = sign(key, random, alg, digest, out, cap, size);

    ra_wipe_stack_operation();
    return e;
}

/* Builds the block that the signature must hold and compares all of it: nothing in a
 * forged block is ever parsed. */
static ra_err rsa_verify(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest,
                         const uint8_t *sig, size_t sig_size)
{
    uint8_t got[RA_RSA_BYTES_MAX];
    uint8_t want[RA_RSA_BYTES_MAX];
    ra_err e;

    if (sig_size != ra_key_block_size(key))
        return RA_E_SIGNATURE;
    e = ra_rsa_public(key, sig, got);
    if (e != RA_OK)
        return e;
    signature_block(key, alg, digest, want);
    return ra_equal_ct(got, want, sig_size) ? RA_OK : RA_E_SIGNATURE;
}

/* A number of the signature as bytes of the field size. */
static int take_half(struct der *d, uint8_t *to, size_t size)
{
    struct der n;
    size_t n_size;

    if (!take_number(d, &n))
        return 0;
    n_size = (size_t)(n.end - n.p);
    if (n_size > size)
        return 0;
    memset(to, 0, size);
    memcpy(to + size - n_size, n.p, n_size);
    return 1;
}

static ra_err ec_verify(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest,
                        const uint8_t *sig, size_t sig_size)
{
    struct der all = {sig, sig + sig_size};
    struct der d;
    uint8_t r[RA_EC_BYTES_MAX], s[RA_EC_BYTES_MAX];

    if (!take(&all, TAG_SEQUENCE, &d) || !at_end(&all) || !take_half(&d, r, field_size(key)) ||
        !take_half(&d, s, field_size(key)) || !at_end(&d))
        return RA_E_SIGNATURE;
    return ra_ec_verify(key, alg, digest, r, s);
}

ra_err ra_key_verify(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest,
                     const uint8_t *sig, size_t sig_size)
{
    if (key->alg == RA_KEY_NONE)
        return RA_E_STATE;
    if (ra_hash_size(alg) == 0)
        return RA_E_ARGUMENT;
    if (is_ec(key->alg))
        return ec_verify(key, alg, digest, sig, sig_size);
    return rsa_verify(key, alg, digest, sig, sig_size);
}

/* ---- encryption ------------------------------------------------------------------------- */

static size_t padding_overhead(enum ra_padding padding)
{
    switch (padding) {
    case RA_PAD_PKCS1:
        return 11;
    case RA_PAD_OAEP_SHA1:
        return 2 * 20 + 2;
    case RA_PAD_OAEP_SHA256:
        return 2 * 32 + 2;
    }
    return 0;
}

static ra_err cipher_arguments(const struct ra_key *key, enum ra_padding padding, size_t cap)
{
    if (key->alg == RA_KEY_NONE)
        return RA_E_STATE;
    if (!ra_key_is_rsa(key->alg))
        return RA_E_ENCRYPTION_EC;
    if (padding_overhead(padding) == 0)
        return RA_E_ARGUMENT;
    return cap < ra_key_block_size(key) ? RA_E_SPACE : RA_OK;
}

static int pad_type(enum ra_padding padding)
{
    return padding == RA_PAD_PKCS1 ? WC_RSA_PKCSV15_PAD : WC_RSA_OAEP_PAD;
}

static enum wc_HashType pad_hash(enum ra_padding padding)
{
    return padding == RA_PAD_OAEP_SHA1     ? WC_HASH_TYPE_SHA
           : padding == RA_PAD_OAEP_SHA256 ? WC_HASH_TYPE_SHA256
                                           : WC_HASH_TYPE_NONE;
}

static int pad_mgf(enum ra_padding padding)
{
    return padding == RA_PAD_OAEP_SHA1     ? WC_MGF1SHA1
           : padding == RA_PAD_OAEP_SHA256 ? WC_MGF1SHA256
                                           : WC_MGF1NONE;
}

ra_err ra_key_encrypt(const struct ra_key *key, struct ra_random *random, enum ra_padding padding,
                      const uint8_t *in, size_t in_size, uint8_t *out, size_t cap, size_t *size)
{
    uint8_t em[RA_RSA_BYTES_MAX];
    size_t block = ra_key_block_size(key);
    WC_RNG *rng;
    ra_err e;

    *size = 0;
    e = cipher_arguments(key, padding, cap);
    if (e != RA_OK)
        return e;
    if (in_size == 0)
        return RA_E_ARGUMENT;
    if (in_size > block - padding_overhead(padding))
        return RA_E_LIMIT;
    rng = ra_random_wolfssl(random);
    if (rng == NULL)
        return RA_E_RANDOM_STATE;
    memset(em, 0, sizeof em);
    if (wc_RsaPad_ex(in, (word32)in_size, em, (word32)block, RSA_BLOCK_TYPE_2, rng,
                     pad_type(padding), pad_hash(padding), pad_mgf(padding), NULL, 0, 0, key->bits,
                     NULL) != 0)
        e = RA_E_CRYPTO_INTERNAL;
    if (e == RA_OK)
        e = ra_rsa_public(key, em, out);
    ra_wipe(em, sizeof em);
    if (e == RA_OK)
        *size = block;
    return e;
}

RA_OUT_OF_LINE static ra_err decrypt(const struct ra_key *key, struct ra_random *random,
                                     enum ra_padding padding, const uint8_t *in, size_t in_size,
                                     uint8_t *out, size_t cap, size_t *size)
{
    uint8_t em[RA_RSA_BYTES_MAX];
    size_t block = ra_key_block_size(key);
    byte *message = NULL;
    int n;
    ra_err e;

    *size = 0;
    e = cipher_arguments(key, padding, cap);
    if (e != RA_OK)
        return e;
    if (!key->is_private)
        return RA_E_KEY_PRIVATE;
    if (in_size != block)
        return RA_E_DECRYPT;
    e = ra_rsa_private(key, random, in, em);
    if (e != RA_OK)
        return e;
    n = wc_RsaUnPad_ex(em, (word32)block, &message, RSA_BLOCK_TYPE_2, pad_type(padding),
                       pad_hash(padding), pad_mgf(padding), NULL, 0, 0, key->bits, NULL);
    if (n > 0 && (size_t)n <= block) {
        memcpy(out, message, (size_t)n);
        *size = (size_t)n;
    } else {
        e = RA_E_DECRYPT;
    }
    ra_wipe(em, sizeof em);
    return e;
}

ra_err ra_key_decrypt(const struct ra_key *key, struct ra_random *random, enum ra_padding padding,
                      const uint8_t *in, size_t in_size, uint8_t *out, size_t cap, size_t *size)
{
    ra_err e = decrypt(key, random, padding, in, in_size, out, cap, size);

    ra_wipe_stack_operation();
    return e;
}
