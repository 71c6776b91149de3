/* Key generation: the primes by arithmetic of the test's own, the sieve, and the way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "ra_keygen.h"

static struct noise noise;
static struct ra_random random_;
static struct ra_keygen gen;
static struct ra_key key;

/* ---- plain arithmetic on big-endian bytes, slow and without any of our code ------------- */

#define LIMBS 64

struct number {
    uint32_t limb[LIMBS + 1]; /* low first */
    unsigned count;
};

static void number_read(struct number *n, const uint8_t *from, size_t size)
{
    memset(n, 0, sizeof *n);
    assert_true(size <= 4 * LIMBS);
    n->count = (unsigned)(size + 3) / 4;
    for (size_t i = 0; i < size; i++)
        n->limb[i / 4] |= (uint32_t)from[size - 1 - i] << (i % 4 * 8);
}

static uint32_t number_mod(const struct number *n, uint32_t d)
{
    uint64_t rest = 0;

    for (unsigned i = n->count; i-- > 0;)
        rest = (rest << 32 | n->limb[i]) % d;
    return (uint32_t)rest;
}

/* x = x + y mod m, for x, y < m */
static void add_mod(struct number *x, const struct number *y, const struct number *m)
{
    uint64_t carry = 0;
    bool above = true;

    for (unsigned i = 0; i <= m->count; i++) {
        carry += (uint64_t)x->limb[i] + y->limb[i];
        x->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    for (unsigned i = m->count + 1; i-- > 0;) {
        if (x->limb[i] != m->limb[i]) {
            above = x->limb[i] > m->limb[i];
            break;
        }
    }
    if (above) {
        int64_t borrow = 0;

        for (unsigned i = 0; i <= m->count; i++) {
            borrow += (int64_t)x->limb[i] - m->limb[i];
            x->limb[i] = (uint32_t)borrow;
            borrow >>= 32;
        }
    }
}

static void square_mod(struct number *x, const struct number *m)
{
    struct number sum = {.count = m->count};

    for (unsigned bit = 32 * m->count; bit-- > 0;) {
        struct number twice = sum;

        add_mod(&sum, &twice, m);
        if ((x->limb[bit / 32] >> (bit % 32) & 1) != 0)
            add_mod(&sum, x, m);
    }
    *x = sum;
}

/* 2^(m-1) = 1 mod m: Fermat. A composite of this size passes with negligible chance. */
static bool is_prime(const struct number *m)
{
    struct number y = {.limb = {1}, .count = m->count};
    struct number one = y;

    for (unsigned bit = 32 * m->count; bit-- > 0;) {
        square_mod(&y, m);
        if (((bit < 32 ? m->limb[0] - 1 : m->limb[bit / 32]) >> (bit % 32) & 1) != 0) {
            struct number twice = y;

            add_mod(&y, &twice, m);
        }
    }
    return memcmp(y.limb, one.limb, 4 * (m->count + 1)) == 0;
}

/* ---- generating ------------------------------------------------------------------------- */

/* The `index`th INTEGER of a PKCS #1 key, without leading zero. */
static const uint8_t *integer(const uint8_t *der, unsigned index, size_t *size)
{
    const uint8_t *p = der + 4;

    for (;;) {
        size_t n = p[1];

        assert_int_equal(p[0], 2);
        p += 2;
        if (n == 0x81) {
            n = *p++;
        } else if (n == 0x82) {
            n = (size_t)p[0] << 8 | p[1];
            p += 2;
        }
        if (index-- == 0) {
            *size = n - (*p == 0);
            return p + (*p == 0);
        }
        p += n;
    }
}

static unsigned generate(enum ra_key_alg alg, uint64_t start)
{
    unsigned slices = 0;
    uint32_t before = 0;
    ra_err e;

    noise_random(&noise, &random_, start);
    memset(&key, 0xee, sizeof key);
    assert_int_equal(ra_keygen_start(&gen, alg), RA_OK);
    assert_int_equal(ra_keygen_progress(&gen), 0);
    do {
        e = ra_keygen_step(&gen, &random_, &key);
        slices++;
        assert_in_range(ra_keygen_progress(&gen), before, before + 1);
        before = ra_keygen_progress(&gen);
    } while (e == RA_AGAIN);
    assert_int_equal(e, RA_OK);
    assert_int_equal(key.alg, alg);
    assert_true(key.is_private);
    assert_int_equal(key.bits, ra_key_bits(alg));
    assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_E_STATE);
    return slices;
}

static void use(void)
{
    const uint8_t *digest = crypto_digest(RA_HASH_SHA256);
    uint8_t out[RA_SIGNATURE_MAX], again[RA_SIGNATURE_MAX];
    size_t size, opened;

    assert_int_equal(ra_key_sign(&key, &random_, RA_HASH_SHA256, digest, out, sizeof out, &size),
                     RA_OK);
    assert_int_equal(ra_key_verify(&key, RA_HASH_SHA256, digest, out, size), RA_OK);
    if (ra_key_is_rsa(key.alg)) {
        assert_int_equal(
            ra_key_encrypt(&key, &random_, RA_PAD_PKCS1, digest, 32, out, sizeof out, &size),
            RA_OK);
        assert_int_equal(
            ra_key_decrypt(&key, &random_, RA_PAD_PKCS1, out, size, again, sizeof again, &opened),
            RA_OK);
        assert_int_equal(opened, 32);
        assert_memory_equal(again, digest, 32);
    }
}

static void check_rsa(bool prove)
{
    uint8_t der[RA_KEY_DER_MAX];
    struct ra_key again;
    struct number p, q;
    size_t size, n;
    const uint8_t *b;
    size_t half = key.bits / 16u;
    uint64_t apart;

    assert_int_equal(ra_key_to_der(&key, der, sizeof der, &size), RA_OK);
    assert_int_equal(ra_key_from_der(&again, der, size), RA_OK);
    assert_memory_equal(&again, &key, sizeof key);
    b = integer(der, 1, &n);
    assert_int_equal(n, key.bits / 8);
    assert_true((b[0] & 0x80) != 0);
    b = integer(der, 2, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(b, "\1\0\1", 3);
    (void)integer(der, 3, &n); /* 2^(n/2) < d */
    assert_true(n > half);
    b = integer(der, 4, &n);
    assert_int_equal(n, half);
    number_read(&p, b, n);
    b = integer(der, 5, &n);
    assert_int_equal(n, half);
    number_read(&q, b, n);
    assert_true(p.limb[p.count - 1] >= 0xb504f333u);
    assert_true(q.limb[q.count - 1] >= 0xb504f333u);
    /* the first 64 of the 100 bits in which they must differ */
    apart = ((uint64_t)p.limb[p.count - 1] << 32 | p.limb[p.count - 2]) -
            ((uint64_t)q.limb[q.count - 1] << 32 | q.limb[q.count - 2]);
    assert_true(apart != 0 && apart < UINT64_MAX / 2); /* and p > q */
    assert_int_not_equal(number_mod(&p, 65537), 1);
    assert_int_not_equal(number_mod(&q, 65537), 1);
    if (prove) {
        assert_true(is_prime(&p));
        assert_true(is_prime(&q));
    }
}

static void rsa_2048(void **state)
{
    unsigned slices;

    (void)state;
    for (uint64_t i = 0; i < 2; i++) {
        slices = generate(RA_KEY_RSA_2048, 1000 + i);
        /* one for each candidate and each further round of the two primes, and a few more */
        assert_in_range(slices - ra_keygen_progress(&gen), 2 + 2 * 4 + 4, 40);
        assert_in_range(ra_keygen_progress(&gen), 2, 10 * ra_keygen_expected(RA_KEY_RSA_2048));
        check_rsa(i == 0);
        use();
    }
}

#if !defined(__arm__) && !defined(__powerpc__) /* minutes in the emulator */
static void larger_rsa(void **state)
{
    (void)state;
    generate(RA_KEY_RSA_3072, 31);
    check_rsa(false);
    use();
    generate(RA_KEY_RSA_4096, 41);
    check_rsa(true);
    use();
}
#endif

static void ec(void **state)
{
    static const enum ra_key_alg algs[] = {RA_KEY_EC_P256, RA_KEY_EC_P384};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t der[RA_KEY_DER_MAX], first[RA_KEY_DER_MAX];
        struct ra_key again;
        size_t size;

        assert_int_equal(generate(algs[i], 5), 2);
        use();
        assert_int_equal(ra_key_to_der(&key, first, sizeof first, &size), RA_OK);
        assert_int_equal(ra_key_from_der(&again, first, size), RA_OK);
        assert_memory_equal(&again, &key, sizeof key);
        assert_int_equal(generate(algs[i], 6), 2);
        assert_int_equal(ra_key_to_der(&key, der, sizeof der, &size), RA_OK);
        assert_memory_not_equal(der, first, size);
        assert_int_equal(ra_keygen_expected(algs[i]), 0);
    }
}

#ifdef __SIZEOF_INT128__ /* wolfSSL's digit */
typedef uint64_t digit;
#else
typedef uint32_t digit;
#endif

/* Right after the first slice the sieve covers start, start + 2 ...: what it leaves has no
 * factor below 2^16, and what it strikes out has one, or is 1 modulo e. */
static void the_sieve_is_right(void **state)
{
    static uint8_t composite[65536];
    digit digits[128 / sizeof(digit)]; /* the lowest first */
    static uint8_t struck[RA_KEYGEN_SIEVE];
    uint8_t bytes[128];
    struct number start;
    unsigned left = 0, by_exponent = 0;

    (void)state;
    noise_random(&noise, &random_, 173); /* a start for which the exponent matters */
    assert_int_equal(ra_keygen_start(&gen, RA_KEY_RSA_2048), RA_OK);
    assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_AGAIN);
    memcpy(digits, &key.opaque_[2 + RA_RSA_BITS_MAX / 64], sizeof digits);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[sizeof bytes - 1 - i] =
            (uint8_t)(digits[i / sizeof(digit)] >> (8 * (i % sizeof(digit))));
    number_read(&start, bytes, sizeof bytes);
    assert_true((start.limb[0] & 1) == 1 && start.limb[31] >= 0xb504f333u);

    memset(struck, 0, sizeof struck);
    for (uint32_t p = 3; p < 65536; p += 2) {
        uint32_t rest;

        if (composite[p])
            continue;
        for (uint32_t c = 3 * p; c < 65536; c += 2 * p)
            composite[c] = 1;
        rest = number_mod(&start, p);
        for (uint32_t i = 0; i < RA_KEYGEN_SIEVE; i++) {
            if ((rest + 2 * i) % p == 0)
                struck[i] = 1;
        }
    }
    for (uint32_t i = 0; i < RA_KEYGEN_SIEVE; i++) {
        if ((number_mod(&start, 65537) + 2 * i) % 65537 == 1) {
            by_exponent += !struck[i];
            struck[i] = 1;
        }
        assert_int_equal(gen.sieve[i / 32] >> (i % 32) & 1, struck[i]);
        left += !struck[i];
    }
    assert_int_equal(by_exponent, 1);
    assert_int_equal(gen.left, left);
    assert_in_range(left, 100, 400);
    ra_keygen_cancel(&gen, &key);
}

static void what_is_not_built_is_refused(void **state)
{
    (void)state;
    assert_int_equal(ra_keygen_start(&gen, RA_KEY_NONE), RA_E_KEY_ALGORITHM);
    assert_int_equal(ra_keygen_start(&gen, (enum ra_key_alg)9), RA_E_KEY_ALGORITHM);
    assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_E_STATE);
}

static void assert_wiped(const void *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(((const uint8_t *)p)[i], 0);
}

static void it_gives_up_after_a_bound(void **state)
{
    (void)state;
    noise_random(&noise, &random_, 3);
    assert_int_equal(ra_keygen_start(&gen, RA_KEY_RSA_2048), RA_OK);
    assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_AGAIN);
    gen.tried = RA_KEYGEN_CANDIDATES_MAX - 1; /* as if none of them had been prime */
    assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_AGAIN);
    assert_int_equal(gen.round, 0); /* composite, with this start */
    assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_E_KEYGEN_GAVE_UP);
    assert_wiped(&key, sizeof key);
    assert_wiped(&gen, sizeof gen);
    assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_E_STATE);
}

static void an_empty_interval_is_replaced(void **state)
{
    uint64_t before[4];

    (void)state;
    noise_random(&noise, &random_, 8);
    assert_int_equal(ra_keygen_start(&gen, RA_KEY_RSA_2048), RA_OK);
    assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_AGAIN);
    memcpy(before, &key.opaque_[2 + RA_RSA_BITS_MAX / 64], sizeof before);
    gen.left = 0;
    assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_AGAIN);
    assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_AGAIN);
    assert_in_range(gen.left, 100, 400);
    assert_memory_not_equal(before, &key.opaque_[2 + RA_RSA_BITS_MAX / 64], sizeof before);
    ra_keygen_cancel(&gen, &key);
}

static void it_waits_for_the_generator(void **state)
{
    struct ra_random other;
    struct noise n;
    static const enum ra_key_alg algs[] = {RA_KEY_RSA_2048, RA_KEY_EC_P256};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ra_err e;

        noise_init(&n);
        assert_int_equal(ra_random_init(&other, &n.hal), RA_OK);
        assert_int_equal(ra_keygen_start(&gen, algs[i]), RA_OK);
        assert_int_equal(ra_keygen_step(&gen, &other, &key), RA_E_RANDOM_STATE);
        assert_int_equal(ra_keygen_step(&gen, &other, &key), RA_E_RANDOM_STATE);
        do
            e = ra_random_seed(&other);
        while (e == RA_AGAIN);
        assert_int_equal(e, RA_OK);
        assert_int_equal(ra_keygen_step(&gen, &other, &key), RA_AGAIN);
    }
    ra_keygen_cancel(&gen, &key);
    assert_wiped(&key, sizeof key);
    assert_wiped(&gen, sizeof gen);
}

static void nothing_was_allocated(void **state)
{
    (void)state;
    assert_int_equal(crypto_alloc_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsa_2048),
#if !defined(__arm__) && !defined(__powerpc__)
        cmocka_unit_test(larger_rsa),
#endif
        cmocka_unit_test(ec),
        cmocka_unit_test(the_sieve_is_right),
        cmocka_unit_test(what_is_not_built_is_refused),
        cmocka_unit_test(it_gives_up_after_a_bound),
        cmocka_unit_test(an_empty_interval_is_replaced),
        cmocka_unit_test(it_waits_for_the_generator),
        cmocka_unit_test(nothing_was_allocated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
