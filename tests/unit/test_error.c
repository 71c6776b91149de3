/* The error list: every entry can be told apart, and has words for the operator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_error.h"

#define CODE(name, layer, no, retry, text) RA_E_##name,
static const ra_err codes[] = {RA_ERRORS(CODE)};
#define NUMBER(name, layer, no, retry, text) no,
static const unsigned numbers[] = {RA_ERRORS(NUMBER)};
#define LAYER(name, layer, no, retry, text) RA_LAYER_##layer,
static const enum ra_layer layers[] = {RA_ERRORS(LAYER)};
enum { COUNT = sizeof codes / sizeof codes[0] };

static void numbers_fit_and_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        assert_in_range(numbers[i], 1, 31);
        assert_int_equal(ra_error_number(codes[i]), numbers[i]);
        assert_int_equal(ra_error_layer(codes[i]), layers[i]);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(codes[i], codes[j]);
            assert_string_not_equal(ra_error_name(codes[i]), ra_error_name(codes[j]));
            assert_string_not_equal(ra_error_text(codes[i]), ra_error_text(codes[j]));
        }
    }
}

static void numbers_stay_as_released(void **state)
{
    (void)state;
    assert_int_equal(RA_E_ARGUMENT, -1);
    assert_int_equal(RA_E_FLASH_IO, -33);
    assert_int_equal(RA_E_SIGNATURE, -71);
    assert_int_equal(RA_E_DER_TRUNCATED, -97);
    assert_int_equal(RA_E_NET_TIMEOUT, -136);
    assert_int_equal(RA_E_HTTP_STATUS, -168);
    assert_int_equal(RA_E_CA_DENIED, -193);
    assert_int_equal(RA_E_GATE_EXPIRED, -235);
    assert_int_equal(RA_E_EXPIRED, -258);
    assert_int_equal(RA_E_COMMAND, -289);
}

static void what_retrying_helps(void **state)
{
    (void)state;
    assert_int_equal(ra_error_retry(RA_E_NET_TIMEOUT), RA_RETRY_SOON);
    assert_int_equal(ra_error_retry(RA_E_CA_ANSWER), RA_RETRY_LATER);
    assert_int_equal(ra_error_retry(RA_E_CA_DENIED), RA_RETRY_DENIED);
    assert_int_equal(ra_error_retry(RA_E_HELD), RA_RETRY_OPERATOR);
    assert_int_equal(ra_error_retry(RA_E_ARGUMENT), RA_RETRY_NEVER);
}

static void words_for_what_is_no_error(void **state)
{
    (void)state;
    assert_string_equal(ra_error_name(RA_OK), "OK");
    assert_string_equal(ra_error_text(RA_OK), "ok");
    assert_int_equal(ra_error_number(RA_OK), 0);
    assert_string_equal(ra_error_name(-32000), "UNKNOWN");
    assert_non_null(ra_error_text(-32000));
    assert_int_equal(ra_error_retry(-32000), RA_RETRY_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_fit_and_differ),
        cmocka_unit_test(numbers_stay_as_released),
        cmocka_unit_test(what_retrying_helps),
        cmocka_unit_test(words_for_what_is_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
