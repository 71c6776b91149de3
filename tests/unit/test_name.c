/* Names from text; the DER is what openssl 3 writes for the same subject. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_name.h"
#include "ra_x509.h"

static uint8_t buf[512];

static ra_err parse(const char *text, struct ra_span *name)
{
    return ra_name_from_text(text, buf, sizeof buf, name);
}

static void test_as_openssl_writes_it(void **state)
{
    /* openssl req -subj '/C=DE/O=Example, Inc/CN=ra 01' -utf8 */
    static const uint8_t expected[] =
        "\x30\x34\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02\x44\x45\x31\x15\x30\x13\x06\x03\x55"
        "\x04\x0a\x0c\x0c\x45\x78\x61\x6d\x70\x6c\x65\x2c\x20\x49\x6e\x63\x31\x0e\x30\x0c\x06\x03"
        "\x55\x04\x03\x0c\x05\x72\x61\x20\x30\x31";
    struct ra_span name;
    (void)state;
    assert_int_equal(parse("CN=ra\\2001,o=Example\\,\\20Inc,c=DE", &name), RA_OK);
    assert_int_equal(name.size, sizeof expected - 1);
    assert_memory_equal(name.p, expected, name.size);
}

static void test_reads_back(void **state)
{
    static const char text[] = "CN=a,OU=b,L=c,ST=d,DC=example,DC=com,SERIALNUMBER=7";
    struct ra_span name;
    char back[128];
    (void)state;
    assert_int_equal(parse(text, &name), RA_OK);
    ra_name_text(name, back, sizeof back);
    assert_string_equal(back, text);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {"",       "CN",     "CN=",
                                      "X=1",    "CN=a,",  "CN=a,,O=b",
                                      "=a",     "CN=a\\", "verylongattributetype=a",
                                      "CN=a,O", "CN=,O=b"};
    struct ra_span name;
    char text[200];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(parse(bad[i], &name), RA_E_CONFIG_VALUE);
    }
    memset(text, 'a', sizeof text);
    memcpy(text, "CN=", 3);
    text[3 + 64] = '\0';
    assert_int_equal(parse(text, &name), RA_OK);
    text[3 + 64] = 'a';
    text[3 + 65] = '\0';
    assert_int_equal(parse(text, &name), RA_E_CONFIG_VALUE);
}

/* What a string type cannot hold [X.680 41.4], and what is not UTF-8 [RFC 3629]. */
static void test_characters(void **state)
{
    static const char *const good[] = {"C=Q'",
                                       "SERIALNUMBER=A (1)+2,O=b",
                                       "DC=a@b_c~",
                                       "CN=@*&",
                                       "CN=\xc3\xa9",
                                       "CN=\xe2\x82\xac",
                                       "CN=\\f0\\9f\\94\\91",
                                       "CN=\xed\x9f\xbf",
                                       "CN=\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"C=D@",
                                      "SERIALNUMBER=a_b",
                                      "SERIALNUMBER=\xc3\xa9",
                                      "DC=\xc3\xa9",
                                      "CN=a\\00b",
                                      "CN=\x1b[2J",
                                      "DC=\x7f",
                                      "CN=\xff",
                                      "CN=\x80",
                                      "CN=\xc0\xaf",
                                      "CN=\xe2\x82",
                                      "CN=\xe2\x82z",
                                      "CN=\xe0\x80\xaf",
                                      "CN=\xed\xa0\x80",
                                      "CN=\xf0\x80\x80\xaf",
                                      "CN=\xf4\x90\x80\x80",
                                      "CN=\xf5\x80\x80\x80"};
    struct ra_span name;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(parse(good[i], &name), RA_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(parse(bad[i], &name), RA_E_CONFIG_VALUE);
    }
}

static void test_bounds(void **state)
{
    char text[80] = "CN=a";
    struct ra_span name;
    (void)state;
    for (unsigned i = 1; i < RA_NAME_RDNS_MAX; i++) {
        strcat(text, ",O=b");
    }
    assert_int_equal(parse(text, &name), RA_OK);
    strcat(text, ",O=b");
    assert_int_equal(parse(text, &name), RA_E_CONFIG_VALUE);
    assert_int_equal(ra_name_from_text("CN=ra", buf, 16, &name), RA_OK);
    assert_int_equal(ra_name_from_text("CN=ra", buf, 14, &name), RA_E_SPACE);
    assert_null(name.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_openssl_writes_it),
        cmocka_unit_test(test_reads_back),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
