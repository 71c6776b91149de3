/* Bounded text: what fits is whole and ended, what does not fit is cut and said to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_text.h"

static char buf[64];
static struct ra_text t;

static int empty(void **state)
{
    (void)state;
    memset(buf, 'x', sizeof buf);
    ra_text_init(&t, buf, sizeof buf);
    return 0;
}

static void is(const char *expected)
{
    assert_string_equal(buf, expected);
    assert_int_equal(t.size, strlen(expected));
    assert_false(t.cut);
    (void)empty(NULL);
}

static void numbers(void **state)
{
    (void)state;
    ra_text_add_u32(&t, 0);
    is("0");
    ra_text_add_u32(&t, UINT32_MAX);
    is("4294967295");
    ra_text_add_i64(&t, 0);
    is("0");
    ra_text_add_i64(&t, -10);
    is("-10");
    ra_text_add_i64(&t, INT64_MAX);
    ra_text_add_i64(&t, INT64_MIN);
    is("9223372036854775807-9223372036854775808");
    ra_text_add_u32_pad(&t, 7, 12);
    ra_text_add_char(&t, ' ');
    ra_text_add_u32_pad(&t, 123, 2);
    is("000000000007 123");
    ra_text_add_hex32(&t, 0x80094004u);
    is("0x80094004");
    ra_text_add_hex(&t, (const uint8_t *)"\x00\x9f\xa0", 3, ':');
    ra_text_add_hex(&t, NULL, 0, ':');
    ra_text_add_hex(&t, (const uint8_t *)"\x12\xfe", 2, '\0');
    is("00:9f:a012fe");
}

static void columns(void **state)
{
    (void)state;
    ra_text_pad_to(&t, 2);
    ra_text_add(&t, "a\nbcd");
    ra_text_pad_to(&t, 5);
    ra_text_pad_to(&t, 5);
    ra_text_add(&t, "e");
    ra_text_pad_to(&t, 3);
    is("  a\nbcd  e");
}

/* In each room from 1 byte on; nothing is written behind it. */
static void what_does_not_fit(void **state)
{
    (void)state;
    static const char whole[] = "hello 42\n        ";
    for (size_t cap = 1; cap <= sizeof whole; cap++) {
        (void)empty(NULL);
        ra_text_init(&t, buf, cap);
        ra_text_add(&t, "hello ");
        ra_text_add_u32(&t, 42);
        ra_text_add_char(&t, '\n');
        ra_text_pad_to(&t, 8);
        assert_int_equal(t.cut, cap < sizeof whole);
        assert_int_equal(t.size, cap - 1);
        assert_memory_equal(buf, whole, cap - 1);
        assert_int_equal(buf[cap - 1], '\0');
        assert_int_equal(buf[cap], 'x');
    }
}

static void reading_numbers(void **state)
{
    (void)state;
    uint32_t n = 5;
    assert_true(ra_text_parse_u32("4294967295", 10, UINT32_MAX, &n));
    assert_int_equal(n, UINT32_MAX);
    assert_true(ra_text_parse_u32("0079", 3, 7, &n));
    assert_int_equal(n, 7);
    static const char *const none[] = {"",   "8",  "4294967296", "18446744073709551617",
                                       "-1", "+1", "7 "};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_false(ra_text_parse_u32(none[i], strlen(none[i]), i < 2 ? 7 : UINT32_MAX, &n));
    }
    assert_int_equal(n, 7);
}

static void without_case(void **state)
{
    (void)state;
    assert_true(ra_text_equal_nocase("", ""));
    assert_true(ra_text_equal_nocase("Renew-DAYS[", "rEnew-days["));
    assert_false(ra_text_equal_nocase("days", "day"));
    assert_false(ra_text_equal_nocase("day", "days"));
    assert_false(ra_text_equal_nocase("[", "{")); /* as far apart as a letter's cases */
    assert_false(ra_text_equal_nocase("@", "`"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(numbers, empty),
        cmocka_unit_test_setup(columns, empty),
        cmocka_unit_test_setup(what_does_not_fit, empty),
        cmocka_unit_test_setup(reading_numbers, empty),
        cmocka_unit_test_setup(without_case, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
