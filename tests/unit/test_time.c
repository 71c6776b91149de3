/* Dates, against values of date(1) and RFC examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_time.h"

static ra_err from_der(uint8_t tag, const char *text, int64_t *time)
{
    return ra_time_from_der(tag, (struct ra_span){(const uint8_t *)text, strlen(text)}, time);
}

/* date -u -d TEXT +%s */
static const struct {
    const char *text;
    int64_t time;
} known[] = {
    {"0000-01-01T00:00:00Z", -62167219200}, {"0000-02-29T12:00:00Z", -62162078400},
    {"0001-03-01T00:00:00Z", -62130499200}, {"1600-02-29T23:59:59Z", -11670912001},
    {"1899-12-31T23:59:59Z", -2208988801},  {"1949-12-31T23:59:59Z", -631152001},
    {"1969-12-31T23:59:59Z", -1},           {"1970-01-01T00:00:00Z", 0},
    {"1994-11-06T08:49:37Z", 784111777},    {"2000-02-29T00:00:00Z", 951782400},
    {"2000-03-01T00:00:00Z", 951868800},    {"2026-11-22T22:04:00Z", 1795385040},
    {"2038-01-19T03:14:08Z", 2147483648},   {"2100-02-28T23:59:59Z", 4107542399},
    {"2100-03-01T00:00:00Z", 4107542400},   {"9999-12-31T23:59:59Z", 253402300799},
};

static void text_both_ways(void **state)
{
    char out[RA_TIME_TEXT_SIZE];
    int64_t time;
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        ra_time_print(known[i].time, out);
        assert_string_equal(out, known[i].text);
        assert_int_equal(ra_time_from_text(known[i].text, 20, &time), RA_OK);
        assert_true(time == known[i].time);
    }
    ra_time_print(INT64_MIN, out);
    assert_string_equal(out, "0000-01-01T00:00:00Z");
    ra_time_print(INT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59Z");
}

static void every_day_of_two_eras(void **state)
{
    struct ra_date d = {1599, 12, 31, 0, 0, 0};
    int64_t time, day;
    (void)state;
    assert_int_equal(ra_time_from_date(&d, &day), RA_OK);
    while (d.year < 2401) {
        struct ra_date next = {d.year, d.month, d.day + 1, 0, 0, 0};
        day += 86400;
        if (ra_time_from_date(&next, &time) != RA_OK) {
            next = (struct ra_date){d.year, d.month + 1, 1, 0, 0, 0};
            if (ra_time_from_date(&next, &time) != RA_OK) {
                next = (struct ra_date){d.year + 1, 1, 1, 0, 0, 0};
                assert_int_equal(ra_time_from_date(&next, &time), RA_OK);
            }
        }
        assert_true(time == day);
        ra_time_to_date(day + 86399, &d);
        assert_true(d.year == next.year && d.month == next.month && d.day == next.day &&
                    d.hour == 23 && d.minute == 59 && d.second == 59);
    }
}

static void text_forms(void **state)
{
    int64_t time;
    (void)state;
    static const char *const same[] = {"2026-11-22T22:04:00Z", "2026-11-22 22:04:00",
                                       "2026-11-22T22:04Z", "2026-11-22 22:04"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_int_equal(ra_time_from_text(same[i], strlen(same[i]), &time), RA_OK);
        assert_true(time == 1795385040);
    }
    assert_int_equal(ra_time_from_text("2026-11-22", 10, &time), RA_OK);
    assert_true(time == 1795305600);
    static const char *const bad[] = {"",
                                      "Z",
                                      "2026",
                                      "2026-11-22T",
                                      "2026-02-30",
                                      "2026-13-01",
                                      "2026-00-01",
                                      "2026-11-00",
                                      "2026-11-22T24:00:00Z",
                                      "2026-11-22T22:60",
                                      "2026-11-22T22:04:60Z",
                                      "2026-11-22T22:04:00+01",
                                      "2026/11/22",
                                      "22-11-2026",
                                      "2026-11-22T22:04:00ZZ",
                                      "+026-11-22"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ra_time_from_text(bad[i], strlen(bad[i]), &time), RA_E_TIME_SYNTAX);
        assert_true(time == 0);
    }
}

static void der_forms(void **state)
{
    int64_t time;
    (void)state;
    assert_int_equal(from_der(RA_DER_UTC_TIME, "090305182617Z", &time), RA_OK);
    assert_true(time == 1236277577);
    assert_int_equal(from_der(RA_DER_UTC_TIME, "491231235959Z", &time), RA_OK);
    assert_true(time == 2524607999);
    assert_int_equal(from_der(RA_DER_UTC_TIME, "500101000000Z", &time), RA_OK);
    assert_true(time == -631152000);
    assert_int_equal(from_der(RA_DER_GENERALIZED_TIME, "20500101000000Z", &time), RA_OK);
    assert_true(time == 2524608000);
    assert_int_equal(from_der(RA_DER_GENERALIZED_TIME, "99991231235959Z", &time), RA_OK);
    assert_true(time == 253402300799);
    static const char *const bad[] = {"",
                                      "0903051826Z",
                                      "090305182617",
                                      "0903051826170",
                                      "090305182617+0100",
                                      "09030518261 Z",
                                      "-90305182617Z",
                                      "20090305182617.5Z",
                                      "20090230000000Z",
                                      "2009030518261Z",
                                      "a90305182617Z",
                                      "090305182660Z"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(from_der(RA_DER_UTC_TIME, bad[i], &time), RA_E_TIME_SYNTAX);
        assert_int_equal(from_der(RA_DER_GENERALIZED_TIME, bad[i], &time), RA_E_TIME_SYNTAX);
        assert_true(time == 0);
    }
    assert_int_equal(from_der(RA_DER_IA5, "090305182617Z", &time), RA_E_TIME_SYNTAX);
    assert_int_equal(ra_time_from_der(RA_DER_UTC_TIME, (struct ra_span){NULL, 0}, &time),
                     RA_E_TIME_SYNTAX);
}

static void http_form(void **state)
{
    int64_t time;
    (void)state;
    assert_int_equal(ra_time_from_http("Sun, 06 Nov 1994 08:49:37 GMT", 29, &time), RA_OK);
    assert_true(time == 784111777);
    assert_int_equal(ra_time_from_http("Sun, 22 Nov 2026 22:04:00 GMT", 29, &time), RA_OK);
    assert_true(time == 1795385040);
    static const char *const bad[] = {"",
                                      "Sunday, 06-Nov-94 08:49:37 GMT",
                                      "Sun Nov  6 08:49:37 1994",
                                      "Sun, 06 Nov 1994 08:49:37 UTC",
                                      "Sun, 31 Jun 1994 08:49:37 GMT",
                                      "Sun, 06 nov 1994 08:49:37 GMT",
                                      "Sun, 6 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 GMT ",
                                      "Sun, 06 anF 1994 08:49:37 GMT"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ra_time_from_http(bad[i], strlen(bad[i]), &time), RA_E_TIME_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_both_ways), cmocka_unit_test(every_day_of_two_eras),
        cmocka_unit_test(text_forms),     cmocka_unit_test(der_forms),
        cmocka_unit_test(http_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
