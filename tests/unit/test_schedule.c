/* The arithmetic of when. Expected times are worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ra_schedule.h"

#define NOW 1800000000 /* some moment in 2027 */
#define DAYS(n) ((int64_t)(n)*RA_DAY)

static struct ra_config config(void)
{
    struct ra_config c;
    ra_config_defaults(&c);
    c.jitter_hours = 0;
    return c;
}

static void window_opens_42_days_before(void **state)
{
    (void)state;
    struct ra_config c = config();
    assert_int_equal(ra_schedule_due(&c, NOW, NOW + DAYS(730), 7), NOW + DAYS(730 - 42));
}

static void window_by_percent(void **state)
{
    (void)state;
    struct ra_config c = config();
    c.renew_percent = 75;
    assert_int_equal(ra_schedule_due(&c, NOW, NOW + DAYS(400), 7), NOW + DAYS(300));
}

static void short_life_starts_at_two_thirds(void **state)
{
    (void)state;
    struct ra_config c = config();
    assert_int_equal(ra_schedule_due(&c, NOW, NOW + DAYS(30), 7), NOW + DAYS(20));
    assert_int_equal(ra_schedule_due(&c, NOW, NOW + DAYS(48), 7), NOW + DAYS(32));
    assert_int_equal(ra_schedule_due(&c, NOW, NOW + DAYS(81), 7), NOW + DAYS(54));
    assert_int_equal(ra_schedule_due(&c, NOW, NOW + DAYS(84), 7), NOW + DAYS(42));
    c.renew_percent = 5; /* as somebody wants it */
    assert_int_equal(ra_schedule_due(&c, NOW, NOW + DAYS(100), 7), NOW + DAYS(5));
}

static void jitter_is_stable_bounded_and_spread(void **state)
{
    (void)state;
    struct ra_config c = config();
    c.jitter_hours = 24;
    int64_t first = NOW + DAYS(730 - 42);
    int64_t low = INT64_MAX, high = 0;
    for (uint32_t seed = 0; seed < 1000; seed++) {
        int64_t due = ra_schedule_due(&c, NOW, NOW + DAYS(730), seed * 2654435761u);
        assert_int_equal(due, ra_schedule_due(&c, NOW, NOW + DAYS(730), seed * 2654435761u));
        assert_in_range(due - first, 0, RA_DAY - 1);
        low = due < low ? due : low;
        high = due > high ? due : high;
    }
    assert_true(high - low > RA_DAY * 9 / 10);
}

static void jitter_never_passes_the_last_day(void **state)
{
    (void)state;
    struct ra_config c = config();
    c.renew_days = 1;
    c.jitter_hours = 240;
    assert_true(ra_schedule_due(&c, NOW, NOW + DAYS(100), 0xffffffffu) <= NOW + DAYS(99));
}

static void unreachable_doubles_to_six_hours(void **state)
{
    (void)state;
    int64_t end = NOW + DAYS(40);
    for (unsigned failures = 1; failures < 40; failures++) {
        int64_t plain = failures > 9 ? 6 * RA_HOUR : (int64_t)60 << (failures - 1);
        plain = plain > 6 * RA_HOUR ? 6 * RA_HOUR : plain;
        int64_t least = ra_schedule_retry(RA_RETRY_SOON, failures, NOW, end, 0) - NOW;
        int64_t most =
            ra_schedule_retry(RA_RETRY_SOON, failures, NOW, end, (uint32_t)(plain / 2)) - NOW;
        assert_int_equal(least, plain - plain / 4);
        assert_int_equal(most, plain - plain / 4 + plain / 2);
    }
}

static void broken_answers_wait_a_day_then_a_week(void **state)
{
    (void)state;
    int64_t end = NOW + DAYS(40);
    assert_in_range(ra_schedule_retry(RA_RETRY_LATER, 1, NOW, end, 12345) - NOW, RA_DAY * 3 / 4,
                    RA_DAY * 5 / 4);
    assert_in_range(ra_schedule_retry(RA_RETRY_LATER, 9, NOW, end, 12345) - NOW, DAYS(7) * 3 / 4,
                    DAYS(7) * 5 / 4);
}

static void in_the_last_week_no_wait_is_longer_than_a_day(void **state)
{
    (void)state;
    for (unsigned failures = 1; failures < 10; failures++) {
        assert_true(ra_schedule_retry(RA_RETRY_LATER, failures, NOW, NOW + DAYS(6), 99) <=
                    NOW + RA_DAY);
        /* Nor does one reach over it from before: at the latest on its second day it is tried. */
        for (int hours = 7 * 24; hours < 20 * 24; hours++) {
            int64_t end = NOW + (int64_t)hours * RA_HOUR;
            assert_true(ra_schedule_retry(RA_RETRY_LATER, failures, NOW, end, UINT32_MAX) <=
                        end - DAYS(6));
        }
    }
}

static void denied_comes_back_14_7_3_1_days_before_the_end(void **state)
{
    (void)state;
    int64_t end = NOW + DAYS(42);
    const int expected[] = {14, 7, 3, 1};
    int64_t now = NOW;
    for (unsigned i = 0; i < 4; i++) {
        now = ra_schedule_retry(RA_RETRY_DENIED, i + 1, now, end, 0);
        assert_int_equal(now, end - DAYS(expected[i]));
    }
    /* And never stops before the end. */
    unsigned more = 0;
    while (now < end) {
        int64_t next = ra_schedule_retry(RA_RETRY_DENIED, 5, now, end, 0);
        assert_true(next - now >= RA_HOUR);
        now = next;
        more++;
    }
    assert_in_range(more, 2, 12);
}

static void a_stored_time_survives_clock_steps(void **state)
{
    (void)state;
    /* Stored under a clock that was a year ahead. */
    int64_t longest = ra_schedule_longest(RA_RETRY_SOON, NOW, NOW + DAYS(40));
    assert_true(ra_schedule_clamp(NOW + DAYS(365), NOW, longest) <= NOW + 8 * RA_HOUR);
    assert_int_equal(ra_schedule_clamp(NOW + 5, NOW, longest), NOW + 5);
    assert_int_equal(ra_schedule_clamp(NOW - 5, NOW, longest), NOW - 5);
}

static void longest_covers_every_retry(void **state)
{
    (void)state;
    for (unsigned days = 0; days < 60; days++) {
        for (unsigned failures = 1; failures < 12; failures++) {
            for (int retry = RA_RETRY_NEVER; retry <= RA_RETRY_OPERATOR; retry++) {
                int64_t end = NOW + DAYS(days);
                int64_t next =
                    ra_schedule_retry((enum ra_retry)retry, failures, NOW, end, 0xfffffffu);
                assert_true(next > NOW);
                assert_true(next - NOW <= ra_schedule_longest((enum ra_retry)retry, NOW, end));
            }
        }
    }
}

static void budget_refills_each_day_and_after_a_wrong_clock(void **state)
{
    (void)state;
    struct ra_config c = config();
    struct ra_budget b = {0};
    c.attempts_per_day = 3;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(ra_budget_allows(&b, &c, NOW));
        ra_budget_spend(&b, NOW);
    }
    assert_false(ra_budget_allows(&b, &c, NOW));
    assert_false(ra_budget_allows(&b, &c, NOW - RA_DAY)); /* one day back refills nothing */
    assert_true(ra_budget_allows(&b, &c, NOW + RA_DAY));
    assert_true(ra_budget_allows(&b, &c, ra_budget_refilled(&b)));
    assert_false(ra_budget_allows(&b, &c, ra_budget_refilled(&b) - 1));
    /* Spent under a clock ten years ahead: not held back for ten years. */
    b.day += 3650;
    assert_true(ra_budget_allows(&b, &c, NOW));
    /* A clock before 1970 is as wrong; its day is the first there is. */
    assert_true(ra_budget_allows(&b, &c, -5));
    ra_budget_spend(&b, -5);
    assert_int_equal(b.day, 0);
    assert_int_equal(b.spent, 1);
    assert_true(ra_budget_allows(&b, &c, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_opens_42_days_before),
        cmocka_unit_test(window_by_percent),
        cmocka_unit_test(short_life_starts_at_two_thirds),
        cmocka_unit_test(jitter_is_stable_bounded_and_spread),
        cmocka_unit_test(jitter_never_passes_the_last_day),
        cmocka_unit_test(unreachable_doubles_to_six_hours),
        cmocka_unit_test(broken_answers_wait_a_day_then_a_week),
        cmocka_unit_test(in_the_last_week_no_wait_is_longer_than_a_day),
        cmocka_unit_test(denied_comes_back_14_7_3_1_days_before_the_end),
        cmocka_unit_test(a_stored_time_survives_clock_steps),
        cmocka_unit_test(longest_covers_every_retry),
        cmocka_unit_test(budget_refills_each_day_and_after_a_wrong_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
