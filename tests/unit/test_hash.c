/* Hashes and HMAC against openssl, whole and in pieces; compare and wipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "ra_hash.h"

static const size_t sizes[] = {0, 1, 55, 56, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129, 1000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };
static uint8_t pattern[1000];

static void digests_are_openssls(void **state)
{
    (void)state;
    for (int a = RA_HASH_SHA1; a <= RA_HASH_SHA512; a++) {
        const struct crypto_blob *want = crypto_blob(crypto_hashes[a], "patterns");
        size_t size = ra_hash_size((enum ra_hash_alg)a);

        assert_int_equal(want->size, size * SIZES);
        for (size_t i = 0; i < SIZES; i++) {
            uint8_t out[RA_HASH_SIZE_MAX + 1];

            memset(out, 0xa5, sizeof out);
            assert_int_equal(
                ra_hash((enum ra_hash_alg)a, sizes[i] > 0 ? pattern : NULL, sizes[i], out), RA_OK);
            assert_memory_equal(out, want->p + i * size, size);
            assert_int_equal(out[size], 0xa5);
        }
    }
}

static void pieces_give_the_same(void **state)
{
    static const size_t steps[] = {1, 3, 63, 64, 65, 127, 200};

    (void)state;
    for (int a = RA_HASH_SHA1; a <= RA_HASH_SHA512; a++) {
        const struct crypto_blob *want = crypto_blob(crypto_hashes[a], "patterns");
        size_t size = ra_hash_size((enum ra_hash_alg)a);

        for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
            struct ra_hash_state h, copy;
            uint8_t out[RA_HASH_SIZE_MAX];

            assert_int_equal(ra_hash_start(&h, (enum ra_hash_alg)a), RA_OK);
            for (size_t at = 0; at < sizeof pattern; at += steps[s]) {
                size_t n = sizeof pattern - at < steps[s] ? sizeof pattern - at : steps[s];

                assert_int_equal(ra_hash_add(&h, pattern + at, n), RA_OK);
            }
            copy = h;
            assert_int_equal(ra_hash_end(&h, out), RA_OK);
            assert_memory_equal(out, want->p + (SIZES - 1) * size, size);
            memset(out, 0, sizeof out);
            assert_int_equal(ra_hash_end(&copy, out), RA_OK);
            assert_memory_equal(out, want->p + (SIZES - 1) * size, size);
        }
    }
}

static void misuse_is_told(void **state)
{
    struct ra_hash_state h;
    uint8_t out[RA_HASH_SIZE_MAX];

    (void)state;
    assert_int_equal(ra_hash_size(RA_HASH_NONE), 0);
    assert_int_equal(ra_hash_size((enum ra_hash_alg)99), 0);
    assert_int_equal(ra_hash(RA_HASH_NONE, pattern, 3, out), RA_E_ARGUMENT);
    assert_int_equal(ra_hash_start(&h, (enum ra_hash_alg)5), RA_E_ARGUMENT);
    assert_int_equal(ra_hash_add(&h, pattern, 1), RA_E_STATE);
    assert_int_equal(ra_hash_end(&h, out), RA_E_STATE);
    assert_int_equal(ra_hash_start(&h, RA_HASH_SHA256), RA_OK);
    assert_int_equal(ra_hash_end(&h, out), RA_OK);
    assert_int_equal(ra_hash_end(&h, out), RA_E_STATE);
    assert_int_equal(ra_hash_add(&h, pattern, 1), RA_E_STATE);
}

static void hmac_is_openssls(void **state)
{
    static const struct {
        const char *name;
        size_t key;
    } cases[] = {{"1", 1}, {"20", 20}, {"64", 64}, {"65", 65}, {"131", 131}};
    uint8_t out[32];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ra_hmac_sha256(pattern + 1, cases[i].key, pattern, 152, out), RA_OK);
        assert_memory_equal(out, crypto_blob("hmac", cases[i].name)->p, 32);
    }
    /* python3: hmac.new(b'', b'', 'sha256'); openssl's command line wants a key */
    static const uint8_t empty[32] = {0xb6, 0x13, 0x67, 0x9a, 0x08, 0x14, 0xd9, 0xec,
                                      0x77, 0x2f, 0x95, 0xd7, 0x78, 0xc3, 0x5f, 0xc5,
                                      0xff, 0x16, 0x97, 0xc4, 0x93, 0x71, 0x56, 0x53,
                                      0xc6, 0xc7, 0x12, 0x14, 0x42, 0x92, 0xc5, 0xad};
    assert_int_equal(ra_hmac_sha256(NULL, 0, NULL, 0, out), RA_OK);
    assert_memory_equal(out, empty, 32);
}

static void compare_sees_each_bit(void **state)
{
    uint8_t a[40], b[40];

    (void)state;
    memset(a, 0x3c, sizeof a);
    memcpy(b, a, sizeof a);
    assert_int_equal(ra_equal_ct(a, b, sizeof a), 1);
    assert_int_equal(ra_equal_ct(a, b, 0), 1);
    for (unsigned i = 0; i < sizeof a * 8; i++) {
        b[i / 8] = (uint8_t)(b[i / 8] ^ (1u << (i % 8)));
        assert_int_equal(ra_equal_ct(a, b, sizeof a), 0);
        assert_int_equal(ra_equal_ct(a, b, i / 8), 1);
        b[i / 8] = (uint8_t)(b[i / 8] ^ (1u << (i % 8)));
    }
}

static void wipe_stays_inside(void **state)
{
    uint8_t a[8];

    (void)state;
    memset(a, 0xff, sizeof a);
    ra_wipe(a + 2, 3);
    assert_memory_equal(a, "\xff\xff\0\0\0\xff\xff\xff", 8);
    ra_wipe(a, 0);
    assert_int_equal(a[0], 0xff);
}

static void nothing_was_allocated(void **state)
{
    (void)state;
    assert_int_equal(crypto_alloc_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_openssls),  cmocka_unit_test(pieces_give_the_same),
        cmocka_unit_test(misuse_is_told),        cmocka_unit_test(hmac_is_openssls),
        cmocka_unit_test(compare_sees_each_bit), cmocka_unit_test(wipe_stays_inside),
        cmocka_unit_test(nothing_was_allocated),
    };

    crypto_pattern(pattern, sizeof pattern);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
