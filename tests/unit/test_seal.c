/* Sealing: AES-256-GCM under the derived key, against openssl's AES and Python's GHASH. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "ra_seal.h"

static struct noise noise;
static struct ra_random random_;
static struct ra_seal seal;

static int key_answer = 1;

static int device_key(void *dev, uint8_t key[HAL_DEVICE_KEY_SIZE])
{
    (void)dev;
    for (size_t i = 0; i < HAL_DEVICE_KEY_SIZE; i++)
        key[i] = (uint8_t)i;
    return key_answer;
}

static const struct hal_device_key hal_key = {device_key, NULL};

static int setup(void **state)
{
    (void)state;
    key_answer = 1;
    noise_random(&noise, &random_, 7);
    return ra_seal_init(&seal, &hal_key) == RA_OK && seal.have_key == 1 ? 0 : -1;
}

static void opens_what_others_sealed(void **state)
{
    static const struct {
        const char *name;
        size_t size, aad;
    } cases[] = {{"0", 0, 40}, {"1", 1, 0}, {"16", 16, 16}, {"128", 128, 24}, {"1000", 1000, 5}};
    uint8_t pattern[1012], buf[1000];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct crypto_blob *b = crypto_blob("seal", cases[i].name);
        size_t size = cases[i].size;

        assert_int_equal(b->size, size + RA_SEAL_TAG_SIZE);
        crypto_pattern(pattern, sizeof pattern); /* nonce: its first 12 bytes */
        memcpy(buf, b->p, size);
        assert_int_equal(
            ra_seal_open(&seal, pattern, cases[i].aad, buf, size, pattern, b->p + size), RA_OK);
        assert_memory_equal(buf, pattern, size);
    }
}

static void nothing_may_differ(void **state)
{
    uint8_t plain[50], sealed[50], aad[9], nonce[12], tag[16], buf[50];
    static const uint8_t zero[50];

    (void)state;
    crypto_pattern(plain, sizeof plain);
    crypto_pattern(aad, sizeof aad);
    memcpy(sealed, plain, sizeof plain);
    assert_int_equal(
        ra_seal_close(&seal, &random_, aad, sizeof aad, sealed, sizeof sealed, nonce, tag), RA_OK);
    assert_memory_not_equal(sealed, plain, sizeof plain);
    memcpy(buf, sealed, sizeof buf);
    assert_int_equal(ra_seal_open(&seal, aad, sizeof aad, buf, sizeof buf, nonce, tag), RA_OK);
    assert_memory_equal(buf, plain, sizeof plain);

    struct {
        uint8_t *p;
        size_t size;
    } const parts[] = {{sealed, sizeof sealed}, {aad, sizeof aad}, {nonce, 12}, {tag, 16}};
    for (size_t part = 0; part < 4; part++) {
        for (size_t bit = 0; bit < parts[part].size * 8; bit += 3) {
            uint8_t *b = parts[part].p + bit / 8;

            *b = (uint8_t)(*b ^ (1u << (bit % 8)));
            memcpy(buf, sealed, sizeof buf);
            assert_int_equal(ra_seal_open(&seal, aad, sizeof aad, buf, sizeof buf, nonce, tag),
                             RA_E_RECORD_SEAL);
            assert_memory_equal(buf, zero, sizeof buf);
            *b = (uint8_t)(*b ^ (1u << (bit % 8)));
        }
    }
    /* moved: a byte of the text counted to the additional data, or lost */
    memcpy(buf, sealed, sizeof buf);
    assert_int_equal(ra_seal_open(&seal, aad, sizeof aad, buf, sizeof buf - 1, nonce, tag),
                     RA_E_RECORD_SEAL);
    memcpy(buf, sealed, sizeof buf);
    assert_int_equal(ra_seal_open(&seal, aad, sizeof aad - 1, buf, sizeof buf, nonce, tag),
                     RA_E_RECORD_SEAL);
}

static void every_nonce_is_new(void **state)
{
    uint8_t nonces[64][12], buf[4] = {0}, tag[16];

    (void)state;
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(ra_seal_close(&seal, &random_, NULL, 0, buf, sizeof buf, nonces[i], tag),
                         RA_OK);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(nonces[i], nonces[j], 12);
    }
}

static void without_random_numbers_nothing_is_sealed(void **state)
{
    uint8_t buf[4] = "abc", nonce[12], tag[16];
    struct ra_random unseeded;
    struct noise n;

    (void)state;
    noise_init(&n);
    assert_int_equal(ra_random_init(&unseeded, &n.hal), RA_OK);
    assert_int_equal(ra_seal_close(&seal, &unseeded, NULL, 0, buf, sizeof buf, nonce, tag),
                     RA_E_RANDOM_STATE);
    assert_string_equal((char *)buf, "abc");
}

static void without_a_device_key_it_says_so(void **state)
{
    const struct hal_device_key none = {NULL, NULL};
    uint8_t buf[4] = {0}, nonce[12] = {0}, tag[16] = {0};

    (void)state;
    key_answer = 0;
    assert_int_equal(ra_seal_init(&seal, &hal_key), RA_OK);
    assert_int_equal(seal.have_key, 0);
    assert_int_equal(ra_seal_init(&seal, &none), RA_OK);
    assert_int_equal(seal.have_key, 0);
    assert_int_equal(ra_seal_init(&seal, NULL), RA_OK);
    assert_int_equal(seal.have_key, 0);
    assert_int_equal(ra_seal_close(&seal, &random_, NULL, 0, buf, 4, nonce, tag), RA_E_STATE);
    assert_int_equal(ra_seal_open(&seal, NULL, 0, buf, 4, nonce, tag), RA_E_STATE);
}

static void wipe_leaves_nothing(void **state)
{
    (void)state;
    ra_seal_wipe(&seal);
    for (size_t i = 0; i < sizeof seal; i++)
        assert_int_equal(((const uint8_t *)&seal)[i], 0);
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
        TEST(opens_what_others_sealed),
        TEST(nothing_may_differ),
        TEST(every_nonce_is_new),
        TEST(without_random_numbers_nothing_is_sealed),
        TEST(without_a_device_key_it_says_so),
        TEST(wipe_leaves_nothing),
        TEST(nothing_was_allocated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
