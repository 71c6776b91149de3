/* What time it is and how far it is believed. Dates are Unix seconds, by date -u. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ra_clock.h"

#define NOW 1800000000 /* 2027-01-15 */
#define DAY 86400

static uint64_t ms;
static int64_t board;

static uint64_t monotonic(void *dev)
{
    (void)dev;
    return ms;
}

static int64_t wall(void *dev)
{
    (void)dev;
    return board;
}

static const struct hal_clock hal = {monotonic, wall, NULL};
static struct ra_clock c;

static void start(int64_t time)
{
    ms = 5000;
    board = time;
    ra_clock_init(&c, &hal);
}

static void unknown_at_first(void **state)
{
    (void)state;
    start(HAL_CLOCK_UNKNOWN);
    assert_true(ra_clock_now(&c) == RA_TIME_UNKNOWN);
    assert_int_equal(c.source, RA_TIME_NONE);
    assert_int_equal(ra_clock_offer(&c, RA_TIME_SNTP, RA_TIME_UNKNOWN), RA_E_TIME_UNKNOWN);
    assert_true(ra_clock_now(&c) == RA_TIME_UNKNOWN);
    assert_int_equal(ra_clock_ms(&c), 5000);
}

static void the_boards_clock_runs(void **state)
{
    (void)state;
    start(NOW);
    assert_int_equal(c.source, RA_TIME_BOARD);
    assert_int_equal(ra_clock_now(&c), NOW);
    ms += 999;
    assert_int_equal(ra_clock_now(&c), NOW);
    ms += 1;
    assert_int_equal(ra_clock_now(&c), NOW + 1);
    ms += 400 * (uint64_t)DAY * 1000;
    assert_int_equal(ra_clock_now(&c), NOW + 1 + 400 * (int64_t)DAY);
}

static void nothing_before_the_floor(void **state)
{
    (void)state;
    /* A battery gone flat: 1970, and the last second before the build. */
    start(0);
    assert_true(ra_clock_now(&c) == RA_TIME_UNKNOWN);
    start(RA_BUILD_TIME - 1);
    assert_true(ra_clock_now(&c) == RA_TIME_UNKNOWN);
    start(RA_BUILD_TIME);
    assert_int_equal(ra_clock_now(&c), RA_BUILD_TIME);
    /* The floor rises, never falls, and takes a time below it away, whoever gave it. */
    start(NOW);
    ra_clock_raise_floor(&c, NOW - DAY);
    assert_int_equal(ra_clock_now(&c), NOW);
    ra_clock_raise_floor(&c, NOW - 2 * DAY);
    assert_int_equal(c.floor, NOW - DAY);
    ra_clock_raise_floor(&c, NOW + 1);
    assert_true(ra_clock_now(&c) == RA_TIME_UNKNOWN);
    assert_int_equal(c.source, RA_TIME_NONE);
    assert_int_equal(ra_clock_offer(&c, RA_TIME_OPERATOR, NOW), RA_E_TIME_UNKNOWN);
    assert_int_equal(ra_clock_offer(&c, RA_TIME_HTTP, NOW + 1), RA_OK);
    assert_int_equal(ra_clock_now(&c), NOW + 1);
}

static void better_sources_win(void **state)
{
    (void)state;
    static const enum ra_time_source order[] = {RA_TIME_HTTP, RA_TIME_BOARD, RA_TIME_SNTP,
                                                RA_TIME_OPERATOR};
    static const char *const texts[] = {"HTTP Date", "board", "SNTP", "operator"};
    for (unsigned first = 0; first < 4; first++) {
        for (unsigned second = 0; second < 4; second++) {
            start(HAL_CLOCK_UNKNOWN);
            assert_int_equal(ra_clock_offer(&c, order[first], NOW), RA_OK);
            ms += 2000;
            assert_int_equal(ra_clock_offer(&c, order[second], NOW + 100), RA_OK);
            assert_int_equal(ra_clock_now(&c), second >= first ? NOW + 100 : NOW + 2);
            assert_int_equal(c.source, order[second >= first ? second : first]);
        }
        assert_string_equal(ra_clock_source_text(order[first]), texts[first]);
    }
    assert_string_equal(ra_clock_source_text(RA_TIME_NONE), "unknown");
}

static void jumps_of_more_than_30_days(void **state)
{
    (void)state;
    /* Without a witness there is nothing to jump from. */
    start(NOW);
    assert_false(c.jumped);
    ra_clock_witness(&c, NOW - 30 * DAY);
    assert_false(c.jumped);
    start(NOW);
    ra_clock_witness(&c, NOW - 30 * DAY - 1);
    assert_true(c.jumped);
    /* An older witness changes nothing, a newer one does. */
    ra_clock_witness(&c, NOW - 300 * DAY);
    assert_true(c.jumped);
    ra_clock_witness(&c, NOW - DAY);
    assert_false(c.jumped);
    /* SNTP takes it ahead, and back. */
    assert_int_equal(ra_clock_offer(&c, RA_TIME_SNTP, NOW + 40 * DAY), RA_OK);
    assert_true(c.jumped);
    assert_int_equal(ra_clock_offer(&c, RA_TIME_SNTP, NOW), RA_OK);
    assert_false(c.jumped);
    /* The operator is believed. */
    assert_int_equal(ra_clock_offer(&c, RA_TIME_OPERATOR, NOW + 40 * DAY), RA_OK);
    assert_false(c.jumped);
}

/* What cannot be undone waits after a jump, the operator's too, till it is put right or time has
 * passed. */
static void a_leap_is_waited_out(void **state)
{
    (void)state;
    static const enum ra_time_source sources[] = {RA_TIME_OPERATOR, RA_TIME_SNTP};
    for (unsigned i = 0; i < 2; i++) {
        start(NOW);
        ra_clock_witness(&c, NOW);
        for (unsigned again = 0; again < 2; again++) {
            int64_t wrong = ra_clock_now(&c) + 3650 * (int64_t)DAY;
            assert_false(ra_clock_leapt(&c, DAY));
            assert_int_equal(ra_clock_offer(&c, sources[i], wrong), RA_OK);
            ra_clock_raise_floor(&c, i == 0 ? wrong : NOW);
            assert_true(ra_clock_leapt(&c, DAY));
            ms += DAY * 1000 - 1;
            assert_true(ra_clock_leapt(&c, DAY));
            /* A server is asked each hour: no new leap. The operator's second one is. */
            assert_int_equal(ra_clock_offer(&c, sources[i], wrong + DAY + 40 * (1 - i) * DAY),
                             RA_OK);
            ms += 1;
            assert_int_equal(ra_clock_leapt(&c, DAY), i == 0);
            assert_true(ra_clock_leapt(&c, 2 * DAY));
            c.floor = NOW;
            assert_int_equal(ra_clock_offer(&c, sources[i], NOW + again + 1), RA_OK);
            assert_false(ra_clock_leapt(&c, 2 * DAY));
        }
    }
    /* A step of less is none, nor is the first time of all. */
    start(HAL_CLOCK_UNKNOWN);
    assert_int_equal(ra_clock_offer(&c, RA_TIME_OPERATOR, NOW), RA_OK);
    assert_false(ra_clock_leapt(&c, DAY));
    ra_clock_witness(&c, NOW);
    assert_int_equal(ra_clock_offer(&c, RA_TIME_OPERATOR, NOW + RA_CLOCK_JUMP), RA_OK);
    assert_false(ra_clock_leapt(&c, DAY));
}

/* A clock that has run since it was believed bears witness: a month of uptime is no jump; one that
 * jumped bears none. */
static void uptime_is_no_jump(void **state)
{
    (void)state;
    start(NOW);
    ra_clock_witness(&c, NOW);
    ms += 400 * (uint64_t)DAY * 1000;
    int64_t later = NOW + 400 * (int64_t)DAY;
    ra_clock_witness(&c, NOW); /* what flash says is old by now */
    assert_false(c.jumped);
    assert_int_equal(ra_clock_offer(&c, RA_TIME_SNTP, later + 1), RA_OK);
    assert_false(c.jumped);
    assert_int_equal(ra_clock_offer(&c, RA_TIME_SNTP, later + 2 * RA_CLOCK_JUMP), RA_OK);
    assert_true(c.jumped);
    ms += 2 * (uint64_t)RA_CLOCK_JUMP * 1000;
    assert_int_equal(ra_clock_offer(&c, RA_TIME_SNTP, later + 4 * RA_CLOCK_JUMP), RA_OK);
    assert_true(c.jumped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_at_first),           cmocka_unit_test(the_boards_clock_runs),
        cmocka_unit_test(nothing_before_the_floor),   cmocka_unit_test(better_sources_win),
        cmocka_unit_test(jumps_of_more_than_30_days), cmocka_unit_test(uptime_is_no_jump),
        cmocka_unit_test(a_leap_is_waited_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
