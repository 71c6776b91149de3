/* The generator: start-up, health tests, reseeding, and what it does without noise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "ra_random.h"

static struct noise noise;
static struct ra_random random_;

static ra_err seed_until(unsigned calls)
{
    ra_err e = RA_AGAIN;

    while (calls-- > 0 && e == RA_AGAIN)
        e = ra_random_seed(&random_);
    return e;
}

static int setup(void **state)
{
    (void)state;
    noise_init(&noise);
    return ra_random_init(&random_, &noise.hal) == RA_OK ? 0 : -1;
}

static void start_takes_1024_bytes_in_slices(void **state)
{
    uint8_t out[4] = {1, 2, 3, 4};

    (void)state;
    assert_int_equal(noise.calls, 0);
    for (unsigned i = 1; i < 16; i++) {
        assert_int_equal(ra_random_seed(&random_), RA_AGAIN);
        assert_int_equal(noise.calls, i);
        assert_int_equal(ra_random_ready(&random_), 0);
        assert_int_equal(ra_random_bytes(&random_, out, sizeof out), RA_E_RANDOM_STATE);
        assert_memory_equal(out, "\0\0\0\0", 4);
    }
    assert_int_equal(ra_random_seed(&random_), RA_OK);
    assert_int_equal(ra_random_ready(&random_), 1);
    assert_int_equal(noise.given, 1024);
    assert_int_equal(noise.asked_max, 64);
    assert_int_equal(ra_random_seed(&random_), RA_OK);
    assert_int_equal(noise.calls, 16);
}

static void bytes_are_hash_drbgs(void **state)
{
    uint8_t out[80];

    (void)state;
    assert_int_equal(seed_until(16), RA_OK);
    assert_int_equal(ra_random_bytes(&random_, out, 80), RA_OK);
    assert_memory_equal(out, crypto_blob("drbg", "first")->p, 80);

    /* one call is over; 4095 more, then eight that also collect, the last of which reseeds */
    for (unsigned i = 1; i < RA_RANDOM_RESEED_AFTER; i++)
        assert_int_equal(ra_random_bytes(&random_, out, 20), RA_OK);
    assert_int_equal(noise.given, 1024);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(ra_random_bytes(&random_, out, 20), RA_OK);
    assert_memory_equal(out, crypto_blob("drbg", "before")->p, 20);
    assert_int_equal(ra_random_bytes(&random_, out, 20), RA_OK);
    assert_memory_equal(out, crypto_blob("drbg", "after")->p, 20);
    assert_int_equal(noise.given, 1024 + 512);
    assert_int_equal(ra_random_bytes(&random_, out, 20), RA_OK);
    assert_int_equal(noise.given, 1024 + 512);
}

static void small_portions_serve_too(void **state)
{
    uint8_t out[80];

    (void)state;
    noise.most = 5;
    assert_int_equal(seed_until(204), RA_AGAIN);
    assert_int_equal(ra_random_seed(&random_), RA_OK);
    assert_int_equal(ra_random_bytes(&random_, out, 80), RA_OK);
    assert_memory_equal(out, crypto_blob("drbg", "first")->p, 80);
}

static void a_source_that_waits_is_waited_for(void **state)
{
    (void)state;
    noise.defect = NOISE_NONE;
    noise.defect_at = 640;
    assert_int_equal(seed_until(100), RA_AGAIN);
    assert_int_equal(noise.given, 640);
    noise.defect = NOISE_GOOD;
    assert_int_equal(seed_until(6), RA_OK);
}

static void without_a_source_there_is_no_key(void **state)
{
    const struct hal_entropy none = {NULL, NULL};
    uint8_t out[1];

    (void)state;
    assert_int_equal(ra_random_init(&random_, &none), RA_E_ARGUMENT);
    assert_int_equal(ra_random_init(&random_, NULL), RA_E_ARGUMENT);
    assert_int_equal(ra_random_seed(&random_), RA_E_STATE);
    assert_int_equal(ra_random_bytes(&random_, out, 1), RA_E_RANDOM_STATE);
    setup(NULL);
    noise.defect = NOISE_ABSENT;
    assert_int_equal(ra_random_seed(&random_), RA_E_ENTROPY);
    assert_int_equal(ra_random_bytes(&random_, out, 1), RA_E_RANDOM_STATE);
    noise.defect = NOISE_LIAR;
    assert_int_equal(ra_random_seed(&random_), RA_E_ENTROPY);
    /* a failure in the middle: seeding starts over, with all 1024 bytes */
    noise.defect = NOISE_GOOD;
    assert_int_equal(seed_until(10), RA_AGAIN);
    noise.defect = NOISE_ABSENT;
    assert_int_equal(ra_random_seed(&random_), RA_E_ENTROPY);
    noise.defect = NOISE_GOOD;
    assert_int_equal(seed_until(15), RA_AGAIN);
    assert_int_equal(ra_random_seed(&random_), RA_OK);
}

static void health_failures_stay(void **state)
{
    static const struct {
        enum noise_defect defect;
        size_t at, seen;
    } cases[] = {
        /* 31 equal bytes; the chunk in which the 31st falls is the last one read */
        {NOISE_STUCK, 0, 64},
        {NOISE_STUCK, 900, 960},
        {NOISE_STUCK, 1024 - 31, 1024},
        /* 325 zeros in a window of 512: at three of four, after at least 433 bytes */
        {NOISE_BIASED, 0, 1024},
    };
    uint8_t out[1];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setup(NULL);
        noise.defect = cases[i].defect;
        noise.defect_at = cases[i].at;
        assert_int_equal(seed_until(16), RA_E_ENTROPY_HEALTH);
        assert_true(noise.given <= cases[i].seen);
        noise.defect = NOISE_GOOD;
        assert_int_equal(ra_random_seed(&random_), RA_E_ENTROPY_HEALTH);
        assert_int_equal(ra_random_bytes(&random_, out, 1), RA_E_ENTROPY_HEALTH);
        assert_int_equal(ra_random_ready(&random_), 0);
    }
    setup(NULL); /* only a new start helps */
    assert_int_equal(seed_until(16), RA_OK);
}

static uint8_t script[1024];
static size_t script_at;

static int script_read(void *dev, uint8_t *to, uint32_t size)
{
    (void)dev;
    memcpy(to, script + script_at, size);
    script_at += size;
    return (int)size;
}

static ra_err seed_from_script(void)
{
    static const struct hal_entropy hal = {script_read, NULL};

    script_at = 0;
    assert_int_equal(ra_random_init(&random_, &hal), RA_OK);
    return seed_until(16);
}

static void cutoffs_are_exact(void **state)
{
    (void)state;
    /* SP 800-90B 4.4.1: 30 equal samples pass, 31 do not */
    for (unsigned equal = 30; equal <= 31; equal++) {
        for (size_t i = 0; i < sizeof script; i++)
            script[i] = (uint8_t)(i * 11 + i / 256);
        memset(script + 500, 0x77, equal);
        script[499] = 1;
        script[500 + equal] = 2;
        assert_int_equal(seed_from_script(), equal == 30 ? RA_OK : RA_E_ENTROPY_HEALTH);
    }
    /* 4.4.2: the first sample of a window of 512 comes 324 times in it, or 325; the last of
     * them is the window's last sample */
    for (unsigned often = 324; often <= 325; often++) {
        unsigned left = often - 1;

        for (size_t i = 0; i < sizeof script; i++) {
            script[i] = (uint8_t)(1 + i % 251);
            if (left > 0 && i % 25 != 24) {
                script[i] = 0;
                left--;
            }
        }
        script[511] = 0;
        assert_int_equal(seed_from_script(), often == 324 ? RA_OK : RA_E_ENTROPY_HEALTH);
    }
    /* 360 times over the border of two windows is no failure */
    for (size_t i = 0; i < sizeof script; i++)
        script[i] = (uint8_t)(1 + i % 251);
    for (size_t i = 0; i < 512 + 64; i++) {
        if (i % 25 != 24 && (i < 324 || i > 512))
            script[i] = 0;
    }
    assert_int_equal(seed_from_script(), RA_OK);
}

static void later_failures_stop_it(void **state)
{
    uint8_t out[8];
    ra_err e = RA_OK;

    (void)state;
    assert_int_equal(seed_until(16), RA_OK);
    noise.defect = NOISE_STUCK;
    noise.defect_at = 1024;
    for (unsigned i = 0; i < RA_RANDOM_RESEED_AFTER; i++)
        assert_int_equal(ra_random_bytes(&random_, out, 8), RA_OK);
    memset(out, 1, sizeof out);
    assert_int_equal(ra_random_bytes(&random_, out, 8), RA_E_ENTROPY_HEALTH);
    assert_memory_equal(out, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal(ra_random_bytes(&random_, out, 8), RA_E_ENTROPY_HEALTH);

    /* nothing ready is no failure, for sixteen times as long */
    setup(NULL);
    assert_int_equal(seed_until(16), RA_OK);
    noise.defect = NOISE_ABSENT;
    noise.defect_at = 1024;
    unsigned n = 0;
    while (e == RA_OK && n < 17 * RA_RANDOM_RESEED_AFTER) {
        e = ra_random_bytes(&random_, out, 1);
        n++;
    }
    assert_int_equal(e, RA_E_ENTROPY);
    assert_int_equal(n, 16 * RA_RANDOM_RESEED_AFTER + 1);
    noise.defect = NOISE_GOOD; /* and it comes back by itself */
    for (unsigned i = 0; i < 8; i++)
        e = ra_random_bytes(&random_, out, 1);
    assert_int_equal(e, RA_OK);
}

static void sizes_are_bounded(void **state)
{
    static uint8_t big[65537];

    (void)state;
    assert_int_equal(seed_until(16), RA_OK);
    assert_int_equal(ra_random_bytes(&random_, big, 0), RA_OK);
    assert_int_equal(ra_random_bytes(&random_, big, 65536), RA_OK);
    assert_int_equal(ra_random_bytes(&random_, big, 65537), RA_E_LIMIT);
    ra_random_wipe(&random_);
    for (size_t i = 0; i < sizeof random_; i++)
        assert_int_equal(((const uint8_t *)&random_)[i], 0);
}

static void nothing_was_allocated(void **state)
{
    (void)state;
    assert_int_equal(crypto_alloc_count(), 0);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(start_takes_1024_bytes_in_slices),
        TEST(bytes_are_hash_drbgs),
        TEST(small_portions_serve_too),
        TEST(a_source_that_waits_is_waited_for),
        TEST(without_a_source_there_is_no_key),
        TEST(health_failures_stay),
        TEST(cutoffs_are_exact),
        TEST(later_failures_stop_it),
        TEST(sizes_are_bounded),
        TEST(nothing_was_allocated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
