/* The operator's password: its key, its record, its lock. The console's side is in test_login.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_hash.h"
#include "ra_password.h"
#include "ra_pbkdf.h"

static void derive(const char *password, const char *salt, uint32_t iterations, uint32_t slice,
                   uint8_t out[32])
{
    struct ra_pbkdf k;
    ra_err e = ra_pbkdf_start(&k, RA_HASH_SHA256, password, strlen(password), (const uint8_t *)salt,
                              strlen(salt), iterations, 32);
    assert_int_equal(e, RA_OK);
    uint32_t steps = 0;
    while ((e = ra_pbkdf_step(&k, slice)) == RA_AGAIN) {
        steps++;
    }
    assert_int_equal(e, RA_OK);
    assert_true(steps <= iterations / slice);
    memcpy(out, k.out, 32);
    ra_pbkdf_wipe(&k);
    for (size_t i = 0; i < sizeof k; i++) {
        assert_int_equal(((const uint8_t *)&k)[i], 0);
    }
}

static void keys_are_those_of_others(void **state)
{
    (void)state;
    /* The first is RFC 7914, section 11; the others are Python's hashlib.pbkdf2_hmac. */
    static const struct {
        const char *password, *salt;
        uint32_t iterations;
        uint8_t key[32];
    } cases[] = {
        {"passwd", "salt", 1, {0x55, 0xac, 0x04, 0x6e, 0x56, 0xe3, 0x08, 0x9f, 0xec, 0x16, 0x91,
                               0xc2, 0x25, 0x44, 0xb6, 0x05, 0xf9, 0x41, 0x85, 0x21, 0x6d, 0xde,
                               0x04, 0x65, 0xe6, 0x8b, 0x9d, 0x57, 0xc2, 0x0d, 0xac, 0xbc}},
        {"Password", "NaCl", 800, {0x15, 0x98, 0x54, 0x7e, 0x18, 0xf9, 0x53, 0x04, 0x53, 0xe6, 0x12,
                                   0xb2, 0x35, 0x59, 0x47, 0x19, 0x89, 0xb8, 0xb9, 0x6d, 0x6d, 0x1d,
                                   0xca, 0x18, 0x4b, 0x37, 0x06, 0x86, 0xa2, 0x84, 0x1f, 0xe8}},
        {"", "salt", 2, {0x62, 0x38, 0x44, 0x66, 0x26, 0x4d, 0xaa, 0xdc, 0x41, 0x44, 0x01,
                         0x8c, 0x6b, 0xd8, 0x64, 0x64, 0x82, 0x72, 0xb3, 0x4d, 0xa8, 0x98,
                         0x0d, 0x31, 0x52, 0x1f, 0xfc, 0xce, 0x92, 0xae, 0x00, 0x3b}},
        {"correct horse battery staple and then some more words to make it long",
         "x",
         3,
         {0x43, 0x7e, 0x95, 0x7e, 0x3e, 0x81, 0x40, 0x96, 0xc4, 0x30, 0xb9,
          0x6d, 0x98, 0xf7, 0x51, 0x46, 0xd4, 0x8d, 0xbd, 0x14, 0x5b, 0x2f,
          0x9f, 0xba, 0x94, 0xb0, 0x90, 0xe8, 0xdc, 0xe4, 0x45, 0x10}},
    };
    uint8_t out[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint32_t slice = 1; slice < 5000; slice = slice * 7 + 1) {
            derive(cases[i].password, cases[i].salt, cases[i].iterations, slice, out);
            assert_memory_equal(out, cases[i].key, sizeof out);
        }
    }
    struct ra_pbkdf k;
    const uint8_t salt[65] = {0};
    assert_int_equal(ra_pbkdf_start(&k, RA_HASH_SHA256, "x", 1, salt, 65, 1, 32), RA_E_LIMIT);
    assert_int_equal(ra_pbkdf_start(&k, RA_HASH_SHA256, "x", 1, salt, 64, 0, 32), RA_E_ARGUMENT);
    assert_int_equal(ra_pbkdf_start(&k, RA_HASH_SHA256, "x", 1, salt, 64, 1, 32), RA_OK);
}

static void the_record_comes_back(void **state)
{
    (void)state;
    struct ra_password p = {true, 19, RA_PASSWORD_ITERATIONS, {1, 2, 3}, {4, 5, 6}}, q;
    uint8_t record[RA_PASSWORD_SIZE + 1] = {0};
    ra_password_encode(&p, record);
    assert_int_equal(ra_password_decode(&q, record, RA_PASSWORD_SIZE), RA_OK);
    assert_true(q.set);
    assert_int_equal(q.failures, 19);
    assert_int_equal(q.iterations, RA_PASSWORD_ITERATIONS);
    assert_memory_equal(q.salt, p.salt, sizeof p.salt);
    assert_memory_equal(q.hash, p.hash, sizeof p.hash);
    /* Nothing else is one. */
    assert_int_equal(ra_password_decode(&q, record, RA_PASSWORD_SIZE + 1), RA_E_RECORD_DAMAGED);
    assert_int_equal(ra_password_decode(&q, record, RA_PASSWORD_SIZE - 1), RA_E_RECORD_DAMAGED);
    static const struct {
        uint8_t at, value;
    } bad[] = {{0, 0}, {0, 2}, {1, 2}, {2, 1}, {3, RA_PASSWORD_FAILURES + 1}, {4, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t kept = record[bad[i].at];
        record[bad[i].at] = bad[i].value;
        assert_int_equal(ra_password_decode(&q, record, RA_PASSWORD_SIZE), RA_E_RECORD_DAMAGED);
        assert_false(q.set);
        record[bad[i].at] = kept;
    }
    memset(record + 4, 0, 4); /* a key of no iterations is none */
    assert_int_equal(ra_password_decode(&q, record, RA_PASSWORD_SIZE), RA_E_RECORD_DAMAGED);
    record[1] = 0;
    assert_int_equal(ra_password_decode(&q, record, RA_PASSWORD_SIZE), RA_OK);
    assert_false(q.set);
}

static void the_lock_grows_and_ends(void **state)
{
    (void)state;
    static const uint32_t seconds[] = {0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900};
    struct ra_password p = {0};
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        assert_int_equal(ra_password_lock_s(&p), seconds[i]);
        assert_true(ra_password_count(&p));
    }
    while (ra_password_count(&p)) {
        assert_true(p.failures <= RA_PASSWORD_FAILURES);
    }
    assert_int_equal(p.failures, RA_PASSWORD_FAILURES);
    assert_int_equal(ra_password_lock_s(&p), RA_PASSWORD_LOCK_MAX_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_those_of_others),
        cmocka_unit_test(the_record_comes_back),
        cmocka_unit_test(the_lock_grows_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
