#include "ra_crypto_internal.h"

#include <string.h>

#include <wolfssl/wolfcrypt/sp.h>

#define FULL_WORDS (1 + RA_RSA_BITS_MAX / 64)
#define HALF_WORDS (1 + RA_RSA_BITS_MAX / 128)
#define DIGITS_PER_WORD (64 / SP_WORD_SIZE)
#define BLIND_FACTORS 4

_Static_assert(offsetof(sp_int, dp) == 8, "the header of an SP integer is not 8 bytes");
_Static_assert(SP_WORD_SIZE == 32 || SP_WORD_SIZE == 64, "SP digits of 32 or 64 bits are needed");
_Static_assert(SP_INT_BITS >= RA_RSA_BITS_MAX, "SP_INT_BITS is smaller than RA_RSA_BITS_MAX");
_Static_assert((FULL_WORDS + 5 * HALF_WORDS) * 8 == RA_KEY_STORAGE,
               "RA_KEY_STORAGE does not fit the layout");

/* ---- numbers ---------------------------------------------------------------------------- */

sp_int *ra_mp_init(uint64_t *w, size_t words)
{
    sp_int *a = (sp_int *)(void *)w;

    memset(w, 0, words * sizeof *w);
    a->size = (unsigned)((words - 1) * DIGITS_PER_WORD);
    return a;
}

static size_t part_offset(enum ra_rsa_part part)
{
    return part == RA_RSA_N ? 0 : FULL_WORDS + ((size_t)part - 1) * HALF_WORDS;
}

sp_int *ra_rsa_part(struct ra_key *key, enum ra_rsa_part part)
{
    return (sp_int *)(void *)(key->opaque_ + part_offset(part));
}

const sp_int *ra_rsa_part_const(const struct ra_key *key, enum ra_rsa_part part)
{
    return (const sp_int *)(const void *)(key->opaque_ + part_offset(part));
}

sp_int *ra_rsa_part_init(struct ra_key *key, enum ra_rsa_part part)
{
    return ra_mp_init(key->opaque_ + part_offset(part), part == RA_RSA_N ? FULL_WORDS : HALF_WORDS);
}

/* Numbers as 32-bit pieces, whatever wolfSSL's digit is. */
static size_t pieces(const sp_int *a)
{
    return (size_t)a->used * (SP_WORD_SIZE / 32);
}

static uint32_t piece(const sp_int *a, size_t i)
{
#if SP_WORD_SIZE == 64
    return (uint32_t)(a->dp[i / 2] >> (i % 2 * 32));
#else
    return a->dp[i];
#endif
}

uint32_t ra_mp_mod32(const sp_int *a, uint32_t d)
{
    uint64_t rest = 0;

    for (size_t i = pieces(a); i-- > 0;)
        rest = (rest << 32 | piece(a, i)) % d;
    return (uint32_t)rest;
}

uint32_t ra_mp_inverse32(uint32_t a, uint32_t d)
{
    int64_t u = 0, v = 1;
    uint32_t m = d;
    uint32_t n = a % d;

    while (n != 0) {
        uint32_t q = m / n;
        uint32_t rest = m - q * n;
        int64_t t = u - (int64_t)q * v;

        m = n;
        n = rest;
        u = v;
        v = t;
    }
    if (m != 1)
        return 0;
    return (uint32_t)(u < 0 ? u + (int64_t)d : u);
}

/* From the low end: each piece of the quotient is what makes the low piece vanish. */
void ra_mp_divide_exact(const sp_int *x, uint32_t k, const sp_int *a, uint32_t d, sp_int *r)
{
    uint32_t inverse = d; /* d^-1 mod 2^32 by Newton; right to 3 bits for odd d */
    size_t n = pieces(a);
    size_t x_pieces = x != NULL ? pieces(x) : 1;
    uint64_t carry = 0;  /* of x + k a      */
    uint32_t borrow = 0; /* of the division */
    sp_int_digit digit = 0;

    for (int i = 0; i < 4; i++)
        inverse *= 2u - d * inverse;
    for (size_t i = 0; i < n; i++) {
        uint32_t low = i < x_pieces ? (x != NULL ? piece(x, i) : 1u) : 0u;
        uint32_t q;

        carry += (uint64_t)k * piece(a, i);
        /* carry < 2^64 - 2^32 here, so that adding `low` cannot overflow */
        carry += low;
        low = (uint32_t)carry;
        carry >>= 32;
        q = (low - borrow) * inverse;
        borrow = (uint32_t)(((uint64_t)q * d + borrow) >> 32);
#if SP_WORD_SIZE == 64
        if (i % 2 == 0) {
            digit = q;
            continue;
        }
        digit |= (sp_int_digit)q << 32;
        r->dp[i / 2] = digit;
#else
        digit = q;
        r->dp[i] = digit;
#endif
    }
    r->used = a->used;
    sp_clamp(r);
}

ra_err ra_mp_inverse_small(uint32_t e, const sp_int *m, sp_int *d)
{
    uint32_t k = ra_mp_inverse32(ra_mp_mod32(m, e), e);

    if (k == 0)
        return RA_E_KEY_FORMAT;
    ra_mp_divide_exact(NULL, e - k, m, e, d);
    return RA_OK;
}

ra_err ra_mp_power(const sp_int *base, const sp_int *exponent, const sp_int *mod, sp_int *r)
{
    int rc;

    switch (sp_count_bits(mod)) {
    case 1024:
        rc = sp_ModExp_1024(base, exponent, mod, r);
        break;
#if RA_RSA_BITS_MAX >= 3072
    case 1536:
        rc = sp_ModExp_1536(base, exponent, mod, r);
        break;
#endif
#if RA_RSA_BITS_MAX >= 4096
    case 2048:
        rc = sp_ModExp_2048(base, exponent, mod, r);
        break;
#endif
    default:
        return RA_E_KEY_ALGORITHM;
    }
    return rc == MP_OKAY ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

/* ---- RSA -------------------------------------------------------------------------------- */

/* For a CA's modulus of a size that the SP code has not got: square and multiply with a
 * plain division. Only ever a public operation, so it need not be constant time. */
static ra_err public_any_size(const struct ra_key *key, const uint8_t *in, uint8_t *out)
{
    const sp_int *n = ra_rsa_part_const(key, RA_RSA_N);
    uint64_t base_words[RA_MP_WORDS(RA_RSA_BITS_MAX)];
    uint64_t y_words[RA_MP_WORDS(2 * RA_RSA_BITS_MAX)];
    sp_int *base = ra_mp_init(base_words, RA_MP_WORDS(RA_RSA_BITS_MAX));
    sp_int *y = ra_mp_init(y_words, RA_MP_WORDS(2 * RA_RSA_BITS_MAX));
    int rc = sp_read_unsigned_bin(base, in, (word32)(key->bits / 8u));
    uint32_t bit = 0x80000000u;

    while ((key->exponent & bit) == 0)
        bit >>= 1;
    if (rc == MP_OKAY)
        rc = sp_copy(base, y);
    for (bit >>= 1; bit != 0 && rc == MP_OKAY; bit >>= 1) {
        rc = sp_mul(y, y, y);
        if (rc == MP_OKAY)
            rc = sp_mod(y, n, y);
        if (rc == MP_OKAY && (key->exponent & bit) != 0) {
            rc = sp_mul(y, base, y);
            if (rc == MP_OKAY)
                rc = sp_mod(y, n, y);
        }
    }
    if (rc == MP_OKAY)
        rc = sp_to_unsigned_bin_len(y, out, (int)(key->bits / 8u));
    return rc == MP_OKAY ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

/* in < n, as big-endian bytes of the same length. */
static int below_modulus(const struct ra_key *key, const uint8_t *in)
{
    const sp_int *n = ra_rsa_part_const(key, RA_RSA_N);
    size_t size = key->bits / 8u;

    for (size_t i = 0; i < size; i++) {
        size_t from_low = size - 1 - i;
        uint8_t b = (uint8_t)(piece(n, from_low / 4) >> (from_low % 4 * 8));

        if (in[i] != b)
            return in[i] < b;
    }
    return 0;
}

ra_err ra_rsa_public(const struct ra_key *key, const uint8_t *in, uint8_t *out)
{
    const sp_int *n = ra_rsa_part_const(key, RA_RSA_N);
    uint64_t e_words[RA_MP_WORDS(64)];
    sp_int *e = ra_mp_init(e_words, RA_MP_WORDS(64));
    word32 size = (word32)(key->bits / 8u);
    int rc;

    if (!below_modulus(key, in))
        return RA_E_SIGNATURE;
    e->dp[0] = key->exponent;
    e->used = 1;
    switch (key->bits) {
    case 2048:
        rc = sp_RsaPublic_2048(in, size, e, n, out, &size);
        break;
#if RA_RSA_BITS_MAX >= 3072
    case 3072:
        rc = sp_RsaPublic_3072(in, size, e, n, out, &size);
        break;
#endif
#if RA_RSA_BITS_MAX >= 4096
    case 4096:
        rc = sp_RsaPublic_4096(in, size, e, n, out, &size);
        break;
#endif
    default:
        return public_any_size(key, in, out);
    }
    return rc == MP_OKAY ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

/* Multiplies in x (in, of the key's block size) and y (in place) modulo n. */
static ra_err multiply(const struct ra_key *key, const uint8_t *x, uint8_t *y)
{
    const sp_int *n = ra_rsa_part_const(key, RA_RSA_N);
    word32 size = (word32)(key->bits / 8u);
    uint64_t a_words[RA_MP_WORDS(RA_RSA_BITS_MAX)];
    uint64_t b_words[RA_MP_WORDS(2 * RA_RSA_BITS_MAX)];
    sp_int *a = ra_mp_init(a_words, RA_MP_WORDS(RA_RSA_BITS_MAX));
    sp_int *b = ra_mp_init(b_words, RA_MP_WORDS(2 * RA_RSA_BITS_MAX));
    int rc = sp_read_unsigned_bin(a, x, size);

    if (rc == MP_OKAY)
        rc = sp_read_unsigned_bin(b, y, size);
    if (rc == MP_OKAY)
        rc = sp_mul(a, b, b);
    if (rc == MP_OKAY)
        rc = sp_mod(b, n, b);
    if (rc == MP_OKAY)
        rc = sp_to_unsigned_bin_len(b, y, (int)size);
    return rc == MP_OKAY ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

/* y = x / (f[0] f[1] ...) mod n: a division by a small number needs no inverse modulo n,
 * only the multiple of n that makes it exact. */
static ra_err divide(const struct ra_key *key, const uint32_t f[BLIND_FACTORS], uint8_t *y)
{
    const sp_int *n = ra_rsa_part_const(key, RA_RSA_N);
    word32 size = (word32)(key->bits / 8u);
    uint64_t words[RA_MP_WORDS(RA_RSA_BITS_MAX)];
    sp_int *a = ra_mp_init(words, RA_MP_WORDS(RA_RSA_BITS_MAX));
    int rc = sp_read_unsigned_bin(a, y, size);

    for (int i = 0; i < BLIND_FACTORS && rc == MP_OKAY; i++) {
        uint32_t inverse = ra_mp_inverse32(ra_mp_mod32(n, f[i]), f[i]);
        uint64_t k = (uint64_t)ra_mp_mod32(a, f[i]) * inverse % f[i];

        /* No inverse: n is no key's, and check_result will say so. */
        ra_mp_divide_exact(a, k == 0 ? 0u : f[i] - (uint32_t)k, n, f[i], a);
    }
    if (rc == MP_OKAY)
        rc = sp_to_unsigned_bin_len(a, y, (int)size);
    ra_wipe(words, sizeof words);
    return rc == MP_OKAY ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

static ra_err blind_factors(struct ra_random *random, uint32_t f[BLIND_FACTORS])
{
    ra_err e = ra_random_bytes(random, (uint8_t *)f, BLIND_FACTORS * sizeof f[0]);

    for (int i = 0; i < BLIND_FACTORS; i++)
        f[i] |= 0x80000001u; /* odd, as the exact division wants it, and not 1 */
    return e;
}

/* The product of the factors, to the power of e. */
static ra_err blind_power(const struct ra_key *key, const uint32_t f[BLIND_FACTORS], uint8_t *out)
{
    uint32_t product[BLIND_FACTORS + 1] = {1};
    uint8_t in[RA_RSA_BYTES_MAX];
    size_t size = key->bits / 8u;
    ra_err e;

    for (size_t i = 0; i < BLIND_FACTORS; i++) {
        uint64_t carry = 0;

        for (size_t j = 0; j <= i + 1; j++) {
            carry += (uint64_t)product[j] * f[i];
            product[j] = (uint32_t)carry;
            carry >>= 32;
        }
    }
    memset(in, 0, size);
    for (size_t i = 0; i < BLIND_FACTORS * 4u; i++)
        in[size - 1 - i] = (uint8_t)(product[i / 4] >> (i % 4 * 8));
    e = ra_rsa_public(key, in, out);
    ra_wipe(in, BLIND_FACTORS * 4u);
    ra_wipe(in + size - BLIND_FACTORS * 4u, BLIND_FACTORS * 4u);
    ra_wipe(product, sizeof product);
    return e;
}

static ra_err private_crt(const struct ra_key *key, uint8_t *buf)
{
    const sp_int *n = ra_rsa_part_const(key, RA_RSA_N);
    const sp_int *p = ra_rsa_part_const(key, RA_RSA_P);
    const sp_int *q = ra_rsa_part_const(key, RA_RSA_Q);
    const sp_int *dp = ra_rsa_part_const(key, RA_RSA_DP);
    const sp_int *dq = ra_rsa_part_const(key, RA_RSA_DQ);
    const sp_int *qi = ra_rsa_part_const(key, RA_RSA_QI);
    word32 size = (word32)(key->bits / 8u);
    int rc;

    /* Where d should stand n does: the CRT code does not look at it. */
    switch (key->bits) {
    case 2048:
        rc = sp_RsaPrivate_2048(buf, size, n, p, q, dp, dq, qi, n, buf, &size);
        break;
#if RA_RSA_BITS_MAX >= 3072
    case 3072:
        rc = sp_RsaPrivate_3072(buf, size, n, p, q, dp, dq, qi, n, buf, &size);
        break;
#endif
#if RA_RSA_BITS_MAX >= 4096
    case 4096:
        rc = sp_RsaPrivate_4096(buf, size, n, p, q, dp, dq, qi, n, buf, &size);
        break;
#endif
    default:
        return RA_E_KEY_ALGORITHM;
    }
    return rc == MP_OKAY ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

static ra_err check_result(const struct ra_key *key, const uint8_t *in, const uint8_t *result)
{
    uint8_t again[RA_RSA_BYTES_MAX];
    ra_err e = ra_rsa_public(key, result, again);

    if (e != RA_OK || !ra_equal_ct(again, in, key->bits / 8u))
        return RA_E_CRYPTO_INTERNAL;
    return RA_OK;
}

ra_err ra_rsa_private(const struct ra_key *key, struct ra_random *random, const uint8_t *in,
                      uint8_t *out)
{
    uint32_t f[BLIND_FACTORS];
    ra_err e;

    if (!below_modulus(key, in))
        return RA_E_DECRYPT;
    e = blind_factors(random, f);
    if (e == RA_OK)
        e = blind_power(key, f, out);
    if (e == RA_OK)
        e = multiply(key, in, out);
    if (e == RA_OK)
        e = private_crt(key, out);
    if (e == RA_OK)
        e = divide(key, f, out);
    if (e == RA_OK)
        e = check_result(key, in, out);
    ra_wipe(f, sizeof f);
    if (e != RA_OK)
        ra_wipe(out, key->bits / 8u);
    return e;
}

/* ---- agreement of the parts ------------------------------------------------------------- */

/* a b mod m == 1, with a of 32 bits. */
static int inverse_of_small(uint32_t a, const sp_int *b, const sp_int *p)
{
    uint64_t m_words[RA_MP_WORDS(RA_RSA_BITS_MAX / 2)];
    uint64_t d_words[RA_MP_WORDS(RA_RSA_BITS_MAX / 2)];
    sp_int *m = ra_mp_init(m_words, RA_MP_WORDS(RA_RSA_BITS_MAX / 2));
    sp_int *d = ra_mp_init(d_words, RA_MP_WORDS(RA_RSA_BITS_MAX / 2));
    int same = 0;

    if (sp_copy(p, m) == MP_OKAY) {
        m->dp[0] &= ~(sp_int_digit)1; /* p - 1 */
        same = ra_mp_inverse_small(a, m, d) == RA_OK && sp_cmp(d, b) == MP_EQ;
    }
    ra_wipe(m_words, sizeof m_words);
    ra_wipe(d_words, sizeof d_words);
    return same;
}

ra_err ra_rsa_check(const struct ra_key *key)
{
    const sp_int *n = ra_rsa_part_const(key, RA_RSA_N);
    const sp_int *p = ra_rsa_part_const(key, RA_RSA_P);
    const sp_int *q = ra_rsa_part_const(key, RA_RSA_Q);
    const sp_int *qi = ra_rsa_part_const(key, RA_RSA_QI);
    uint64_t words[RA_MP_WORDS(RA_RSA_BITS_MAX)];
    sp_int *t = ra_mp_init(words, RA_MP_WORDS(RA_RSA_BITS_MAX));
    int half = key->bits / 2;
    ra_err e = RA_E_KEY_FORMAT;

    if (sp_count_bits(p) != half || sp_count_bits(q) != half || sp_iseven(p) || sp_iseven(q))
        return RA_E_KEY_ALGORITHM;
    if (sp_mul(p, q, t) == MP_OKAY && sp_cmp(t, n) == MP_EQ && sp_cmp(qi, p) == MP_LT &&
        inverse_of_small(key->exponent, ra_rsa_part_const(key, RA_RSA_DP), p) &&
        inverse_of_small(key->exponent, ra_rsa_part_const(key, RA_RSA_DQ), q) &&
        sp_mul(q, qi, t) == MP_OKAY && sp_mod(t, p, t) == MP_OKAY && sp_isone(t))
        e = RA_OK;
    ra_wipe(words, sizeof words);
    return e;
}

/* gcd by Euclid, into a; b is used up. */
static int gcd(sp_int *a, sp_int *b)
{
    int rc = MP_OKAY;

    while (!sp_iszero(b) && rc == MP_OKAY) {
        rc = sp_mod(a, b, a);
        if (rc != MP_OKAY || sp_iszero(a)) {
            if (rc == MP_OKAY)
                rc = sp_copy(b, a);
            break;
        }
        rc = sp_mod(b, a, b);
    }
    return rc;
}

ra_err ra_rsa_private_exponent(const struct ra_key *key, sp_int *r)
{
    uint64_t a_words[RA_MP_WORDS(RA_RSA_BITS_MAX / 2)];
    uint64_t b_words[RA_MP_WORDS(RA_RSA_BITS_MAX / 2)];
    uint64_t m_words[RA_MP_WORDS(RA_RSA_BITS_MAX)];
    sp_int *a = ra_mp_init(a_words, RA_MP_WORDS(RA_RSA_BITS_MAX / 2));
    sp_int *b = ra_mp_init(b_words, RA_MP_WORDS(RA_RSA_BITS_MAX / 2));
    sp_int *m = ra_mp_init(m_words, RA_MP_WORDS(RA_RSA_BITS_MAX));
    const sp_int *p = ra_rsa_part_const(key, RA_RSA_P);
    const sp_int *q = ra_rsa_part_const(key, RA_RSA_Q);
    ra_err e = RA_E_CRYPTO_INTERNAL;

    if (sp_copy(p, a) == MP_OKAY && sp_copy(q, b) == MP_OKAY) {
        a->dp[0] &= ~(sp_int_digit)1;
        b->dp[0] &= ~(sp_int_digit)1;
        if (gcd(a, b) == MP_OKAY && sp_copy(q, b) == MP_OKAY) {
            b->dp[0] &= ~(sp_int_digit)1;
            /* lcm(p - 1, q - 1) = (q - 1) / gcd * (p - 1) */
            if (sp_div(b, a, b, NULL) == MP_OKAY && sp_copy(p, a) == MP_OKAY) {
                a->dp[0] &= ~(sp_int_digit)1;
                if (sp_mul(a, b, m) == MP_OKAY)
                    e = ra_mp_inverse_small(key->exponent, m, r);
            }
        }
    }
    ra_wipe(a_words, sizeof a_words);
    ra_wipe(b_words, sizeof b_words);
    ra_wipe(m_words, sizeof m_words);
    return e;
}
