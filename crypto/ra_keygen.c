#include "ra_keygen.h"

#include "ra_crypto_internal.h"

#include <string.h>

enum state {
    IDLE = 0,
    RSA_BEGIN,
    P_DRAW,
    P_TEST,
    Q_DRAW,
    Q_TEST,
    RSA_ASSEMBLE,
    RSA_INVERSE,
    RSA_CHECK,
    PAIR,
    EC_MAKE
};

#define EXPONENT 65537u
#define PRIME_BITS_MAX (RA_RSA_BITS_MAX / 2)
#define PRIME_BYTES_MAX (PRIME_BITS_MAX / 8)

_Static_assert(RA_KEYGEN_SIEVE % 32 == 0 && RA_KEYGEN_SIEVE < EXPONENT, "sieve size");

static const uint8_t small_primes[] = {
    3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,
    71,  73,  79,  83,  89,  97,  101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157,
    163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233, 239, 241, 251};

ra_err ra_keygen_start(struct ra_keygen *g, enum ra_key_alg alg)
{
    memset(g, 0, sizeof *g);
    if (ra_key_is_rsa(alg) && ra_key_bits(alg) <= RA_RSA_BITS_MAX)
        g->state = RSA_BEGIN;
    else if (alg == RA_KEY_EC_P256 || alg == RA_KEY_EC_P384)
        g->state = EC_MAKE;
    else
        return RA_E_KEY_ALGORITHM;
    g->alg = alg;
    return RA_OK;
}

uint32_t ra_keygen_progress(const struct ra_keygen *g)
{
    return g->progress;
}

/* The primes below 2^16 leave 2 e^-gamma / ln 2^16 of the odd numbers; one in
 * ln 2^bits / 2 of those is prime. */
uint32_t ra_keygen_expected(enum ra_key_alg alg)
{
    switch (alg) {
    case RA_KEY_RSA_2048:
        return 72;
    case RA_KEY_RSA_3072:
        return 108;
    case RA_KEY_RSA_4096:
        return 144;
    default:
        return 0;
    }
}

void ra_keygen_cancel(struct ra_keygen *g, struct ra_key *out)
{
    ra_wipe(g, sizeof *g);
    ra_key_wipe(out);
}

static int prime_bits(const struct ra_keygen *g)
{
    return (int)ra_key_bits(g->alg) / 2;
}

static enum ra_rsa_part part_of(const struct ra_keygen *g)
{
    return g->state == P_DRAW || g->state == P_TEST ? RA_RSA_P : RA_RSA_Q;
}

/* ---- sieve ------------------------------------------------------------------------------ */

static int is_small_prime(uint32_t c)
{
    for (size_t i = 0; i < sizeof small_primes; i++) {
        uint32_t p = small_primes[i];

        if (p * p > c)
            return 1;
        if (c % p == 0)
            return 0;
    }
    return 1;
}

/* Strikes out every i with start + 2 i = 0 mod p, where `rest` is start mod p. */
static void strike(struct ra_keygen *g, uint32_t rest, uint32_t p)
{
    uint32_t i = rest == 0 ? 0 : p - rest;

    if ((i & 1) != 0)
        i += p;
    for (i /= 2; i < RA_KEYGEN_SIEVE; i += p)
        g->sieve[i / 32] |= 1u << (i % 32);
}

static uint32_t reduce(const uint8_t *number, size_t size, uint32_t p)
{
    uint32_t rest = 0;

    /* 16 bits at a time: the hardware divides 32 bits by 32 */
    for (size_t i = 0; i < size; i += 2)
        rest = (rest << 16 | (uint32_t)number[i] << 8 | number[i + 1]) % p;
    return rest;
}

/* The start of an interval, and the sieve over it. */
static ra_err draw(struct ra_keygen *g, struct ra_random *random, struct ra_key *out)
{
    uint8_t start[PRIME_BYTES_MAX];
    size_t size = (size_t)prime_bits(g) / 8;
    sp_int *x = ra_rsa_part_init(out, part_of(g));
    uint32_t top;
    ra_err e = ra_random_bytes(random, start, size);

    /* [sqrt(2) 2^31, 2^32 - 1) in the top word: p q then has its full length, and the
     * interval ends below 2^bits. Accepted in three of ten draws; 200 in a row are not. */
    for (int i = 0; e == RA_OK; i++) {
        top = (uint32_t)start[0] << 24 | (uint32_t)start[1] << 16 | (uint32_t)start[2] << 8 |
              start[3];
        if (top >= 0xb504f334u && top != 0xffffffffu)
            break;
        e = i < 200 ? ra_random_bytes(random, start, 4) : RA_E_CRYPTO_INTERNAL;
    }
    start[size - 1] |= 1;
    if (e == RA_OK && sp_read_unsigned_bin(x, start, (word32)size) != MP_OKAY)
        e = RA_E_CRYPTO_INTERNAL;
    if (e == RA_OK) {
        memset(g->sieve, 0, sizeof g->sieve);
        for (uint32_t p = 3; p < 0x10000; p += 2) {
            if (is_small_prime(p))
                strike(g, reduce(start, size, p), p);
        }
        /* gcd(p - 1, e) = 1: strike out what is 1 modulo e */
        strike(g, (ra_mp_mod32(x, EXPONENT) + EXPONENT - 1) % EXPONENT, EXPONENT);
        g->left = 0;
        for (uint32_t i = 0; i < RA_KEYGEN_SIEVE; i++)
            g->left = (uint16_t)(g->left + (~g->sieve[i / 32] >> (i % 32) & 1));
        g->round = 0;
        g->state++;
    }
    ra_wipe(start, sizeof start);
    return e == RA_OK ? RA_AGAIN : e;
}

/* One of the numbers that are left, at random. */
static ra_err choose(struct ra_keygen *g, struct ra_random *random)
{
    uint32_t rank;
    ra_err e = ra_random_bytes(random, (uint8_t *)&rank, sizeof rank);

    if (e != RA_OK)
        return e;
    rank %= g->left;
    for (uint32_t i = 0; i < RA_KEYGEN_SIEVE; i++) {
        if ((g->sieve[i / 32] >> (i % 32) & 1) == 0 && rank-- == 0) {
            g->index = (uint16_t)i;
            break;
        }
    }
    return RA_OK;
}

/* ---- Miller-Rabin ----------------------------------------------------------------------- */

static void add_small(sp_int *a, sp_int_digit b)
{
    for (unsigned i = 0; b != 0 && i < a->used; i++) {
        a->dp[i] += b;
        b = a->dp[i] < b;
    }
}

static void subtract_one(sp_int *a)
{
    for (unsigned i = 0; i < a->used; i++) {
        if (a->dp[i]-- != 0)
            break;
    }
}

static int low_zeros(const sp_int *a)
{
    int n = 0;

    while ((a->dp[n / SP_WORD_SIZE] >> (n % SP_WORD_SIZE) & 1) == 0)
        n++;
    return n;
}

/* Uniform from [2, w - 2], FIPS 186-5 B.3.1 step 4.1. */
static ra_err draw_base(const sp_int *minus_one, int bits, struct ra_random *random, sp_int *base)
{
    uint8_t bytes[PRIME_BYTES_MAX];
    ra_err e;

    for (int i = 0; i < 200; i++) { /* more than two thirds are accepted */
        e = ra_random_bytes(random, bytes, (size_t)bits / 8);
        if (e != RA_OK)
            return e;
        if (sp_read_unsigned_bin(base, bytes, (word32)bits / 8) == MP_OKAY && base->used > 0 &&
            !sp_isone(base) && sp_cmp(base, minus_one) == MP_LT)
            return RA_OK;
    }
    return RA_E_CRYPTO_INTERNAL;
}

/* One round, FIPS 186-5 B.3.1 steps 4.1 to 4.7. */
static ra_err miller_rabin(const sp_int *w, int bits, struct ra_random *random, int *passed)
{
    uint64_t a_words[RA_MP_WORDS(PRIME_BITS_MAX)];
    uint64_t m_words[RA_MP_WORDS(PRIME_BITS_MAX)];
    uint64_t z_words[RA_MP_WORDS(2 * PRIME_BITS_MAX)];
    sp_int *minus_one = ra_mp_init(a_words, RA_MP_WORDS(PRIME_BITS_MAX));
    sp_int *m = ra_mp_init(m_words, RA_MP_WORDS(PRIME_BITS_MAX));
    sp_int *z = ra_mp_init(z_words, RA_MP_WORDS(2 * PRIME_BITS_MAX));
    int a;
    ra_err e = RA_E_CRYPTO_INTERNAL;

    *passed = 0;
    if (sp_copy(w, minus_one) == MP_OKAY) {
        minus_one->dp[0] &= ~(sp_int_digit)1;
        a = low_zeros(minus_one);
        if (sp_copy(minus_one, m) == MP_OKAY && sp_rshb(m, a, m) == MP_OKAY)
            e = draw_base(minus_one, bits, random, z);
        if (e == RA_OK)
            e = ra_mp_power(z, m, w, z);
        if (e == RA_OK && sp_isone(z))
            *passed = 1;
        while (e == RA_OK && !*passed && a-- > 0) {
            if (sp_cmp(z, minus_one) == MP_EQ)
                *passed = 1;
            else if (a > 0 && (sp_mul(z, z, z) != MP_OKAY || sp_mod(z, w, z) != MP_OKAY))
                e = RA_E_CRYPTO_INTERNAL;
        }
    }
    ra_wipe(a_words, sizeof a_words);
    ra_wipe(m_words, sizeof m_words);
    ra_wipe(z_words, sizeof z_words);
    return e;
}

/* FIPS 186-5 table B.1, Miller-Rabin alone: 2^-112 for 1024 bits, 2^-128, 2^-144. */
static uint8_t rounds(int bits)
{
    return bits <= 1024 ? 5 : 4;
}

/* |p - q| > 2^(n/2 - 100) */
static int far_apart(const sp_int *p, const sp_int *q, int bits)
{
    uint64_t words[RA_MP_WORDS(PRIME_BITS_MAX)];
    sp_int *d = ra_mp_init(words, RA_MP_WORDS(PRIME_BITS_MAX));
    int far = 0;

    if ((sp_cmp(p, q) == MP_GT ? sp_sub(p, q, d) : sp_sub(q, p, d)) == MP_OKAY)
        far = sp_count_bits(d) > bits - 100;
    ra_wipe(words, sizeof words);
    return far;
}

static ra_err test(struct ra_keygen *g, struct ra_random *random, struct ra_key *out)
{
    sp_int *start = ra_rsa_part(out, part_of(g));
    uint64_t words[RA_MP_WORDS(PRIME_BITS_MAX)];
    sp_int *w = ra_mp_init(words, RA_MP_WORDS(PRIME_BITS_MAX));
    int bits = prime_bits(g);
    int passed;
    ra_err e = RA_OK;

    if (g->left == 0) {
        g->state--; /* the interval is used up: another */
        return RA_AGAIN;
    }
    if (g->round == 0) {
        if (g->tried >= RA_KEYGEN_CANDIDATES_MAX)
            return RA_E_KEYGEN_GAVE_UP;
        e = choose(g, random);
    }
    if (e == RA_OK && sp_copy(start, w) != MP_OKAY)
        e = RA_E_CRYPTO_INTERNAL;
    if (e == RA_OK) {
        add_small(w, 2u * g->index);
        e = miller_rabin(w, bits, random, &passed);
    }
    if (e == RA_OK) {
        e = RA_AGAIN;
        if (g->round == 0) {
            g->progress++;
            g->tried++;
        }
        if (passed && ++g->round == rounds(bits)) {
            if (g->state == P_TEST || far_apart(ra_rsa_part(out, RA_RSA_P), w, bits)) {
                if (sp_copy(w, start) != MP_OKAY)
                    e = RA_E_CRYPTO_INTERNAL;
                g->tried = 0;
                g->round = 0;
                g->state++;
            } else {
                passed = 0;
            }
        }
        if (!passed) {
            g->sieve[g->index / 32] |= 1u << (g->index % 32);
            g->left--;
            g->round = 0;
        }
    }
    ra_wipe(words, sizeof words);
    return e;
}

/* ---- the rest of the key ---------------------------------------------------------------- */

static ra_err crt_exponent(struct ra_key *out, enum ra_rsa_part prime, enum ra_rsa_part exponent)
{
    uint64_t words[RA_MP_WORDS(PRIME_BITS_MAX)];
    sp_int *m = ra_mp_init(words, RA_MP_WORDS(PRIME_BITS_MAX));
    ra_err e = RA_E_CRYPTO_INTERNAL;

    if (sp_copy(ra_rsa_part(out, prime), m) == MP_OKAY) {
        m->dp[0] &= ~(sp_int_digit)1;
        e = ra_mp_inverse_small(EXPONENT, m, ra_rsa_part_init(out, exponent));
    }
    ra_wipe(words, sizeof words);
    return e;
}

static ra_err assemble(struct ra_keygen *g, struct ra_key *out)
{
    sp_int *p = ra_rsa_part(out, RA_RSA_P);
    sp_int *q = ra_rsa_part(out, RA_RSA_Q);
    ra_err e;

    if (sp_cmp(p, q) == MP_LT) {
        for (unsigned i = 0; i < p->used; i++) {
            sp_int_digit t = p->dp[i];

            p->dp[i] = q->dp[i];
            q->dp[i] = t;
        }
    }
    if (sp_mul(p, q, ra_rsa_part_init(out, RA_RSA_N)) != MP_OKAY)
        return RA_E_CRYPTO_INTERNAL;
    out->exponent = EXPONENT;
    out->bits = (uint16_t)ra_key_bits(g->alg);
    e = crt_exponent(out, RA_RSA_P, RA_RSA_DP);
    if (e == RA_OK)
        e = crt_exponent(out, RA_RSA_Q, RA_RSA_DQ);
    g->state = RSA_INVERSE;
    return e == RA_OK ? RA_AGAIN : e;
}

/* qInv = q^(p-2) mod p: as long as a Miller-Rabin round, and constant time. */
static ra_err invert(struct ra_keygen *g, struct ra_key *out)
{
    uint64_t m_words[RA_MP_WORDS(PRIME_BITS_MAX)];
    uint64_t r_words[RA_MP_WORDS(2 * PRIME_BITS_MAX)];
    sp_int *m = ra_mp_init(m_words, RA_MP_WORDS(PRIME_BITS_MAX));
    sp_int *r = ra_mp_init(r_words, RA_MP_WORDS(2 * PRIME_BITS_MAX));
    const sp_int *p = ra_rsa_part(out, RA_RSA_P);
    ra_err e = RA_E_CRYPTO_INTERNAL;

    if (sp_copy(p, m) == MP_OKAY) {
        m->dp[0] &= ~(sp_int_digit)1;
        subtract_one(m);
        e = ra_mp_power(ra_rsa_part(out, RA_RSA_Q), m, p, r);
    }
    if (e == RA_OK && sp_copy(r, ra_rsa_part_init(out, RA_RSA_QI)) != MP_OKAY)
        e = RA_E_CRYPTO_INTERNAL;
    ra_wipe(m_words, sizeof m_words);
    ra_wipe(r_words, sizeof r_words);
    g->state = RSA_CHECK;
    return e == RA_OK ? RA_AGAIN : e;
}

static ra_err check(struct ra_keygen *g, struct ra_key *out)
{
    uint64_t words[RA_MP_WORDS(RA_RSA_BITS_MAX)];
    sp_int *d = ra_mp_init(words, RA_MP_WORDS(RA_RSA_BITS_MAX));
    ra_err e = ra_rsa_check(out);

    if (e == RA_OK)
        e = ra_rsa_private_exponent(out, d);
    if (e == RA_OK && sp_count_bits(d) <= prime_bits(g))
        e = RA_E_CRYPTO_INTERNAL; /* once in 2^(n/2) keys */
    ra_wipe(words, sizeof words);
    out->alg = g->alg;
    out->is_private = true;
    g->state = PAIR;
    return e == RA_OK ? RA_AGAIN : RA_E_CRYPTO_INTERNAL;
}

/* Pairwise consistency test. For RSA the signing itself raises the result to the public
 * exponent and compares: a second time would only make the slice longer. */
static ra_err pair(struct ra_keygen *g, struct ra_random *random, struct ra_key *out)
{
    static const uint8_t digest[32] = "Perennial pairwise consistency.";
    uint8_t signature[RA_RSA_BYTES_MAX];
    size_t size;
    ra_err e = ra_key_sign(out, random, RA_HASH_SHA256, digest, signature, sizeof signature, &size);

    if (e == RA_OK && !ra_key_is_rsa(out->alg) &&
        ra_key_verify(out, RA_HASH_SHA256, digest, signature, size) != RA_OK)
        e = RA_E_CRYPTO_INTERNAL;
    if (e == RA_OK) {
        ra_wipe(g->sieve, sizeof g->sieve);
        g->state = IDLE;
    }
    return e;
}

static ra_err make_ec(struct ra_keygen *g, struct ra_random *random, struct ra_key *out)
{
    ra_err e;

    memset(out, 0, sizeof *out);
    out->alg = g->alg;
    out->bits = (uint16_t)ra_key_bits(g->alg);
    e = ra_ec_generate(out, random);
    if (e != RA_OK)
        return e;
    out->is_private = true;
    g->progress = 1;
    g->state = PAIR;
    return RA_AGAIN;
}

static int may_be_repeated(ra_err e)
{
    return e == RA_OK || e == RA_AGAIN || e == RA_E_RANDOM_STATE || e == RA_E_ENTROPY ||
           e == RA_E_ENTROPY_HEALTH;
}

RA_OUT_OF_LINE static ra_err step(struct ra_keygen *g, struct ra_random *random, struct ra_key *out)
{
    ra_err e;

    switch ((enum state)g->state) {
    case RSA_BEGIN:
        memset(out, 0, sizeof *out);
        g->state = P_DRAW;
        e = draw(g, random, out);
        break;
    case P_DRAW:
    case Q_DRAW:
        e = draw(g, random, out);
        break;
    case P_TEST:
    case Q_TEST:
        e = test(g, random, out);
        break;
    case RSA_ASSEMBLE:
        e = assemble(g, out);
        break;
    case RSA_INVERSE:
        e = invert(g, out);
        break;
    case RSA_CHECK:
        e = check(g, out);
        break;
    case PAIR:
        e = pair(g, random, out);
        break;
    case EC_MAKE:
        e = make_ec(g, random, out);
        break;
    default:
        return RA_E_STATE;
    }
    if (!may_be_repeated(e))
        ra_keygen_cancel(g, out);
    return e;
}

ra_err ra_keygen_step(struct ra_keygen *g, struct ra_random *random, struct ra_key *out)
{
    ra_err e = step(g, random, out);

    ra_wipe_stack_operation();
    return e;
}
