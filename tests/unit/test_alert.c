/* Alerts: when a certificate's end is said, over resets too; who subscribed is told;
 * and an event as a message of RFC 5424 (a real daemon reads it in tests/e2e/alerts_syslog.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_alert.h"
#include "world.h"

#define AGENT RA_ROLE_AGENT
#define DAY ((int64_t)RA_DAY)

static struct world w;

static void when_the_end_is_said(void **state)
{
    (void)state;
    /* 60, 53, 46 ... 11 days, then 7, 6 ... 0. */
    assert_int_equal(ra_schedule_reminder(60 * DAY), 0);
    assert_int_equal(ra_schedule_reminder(60 * DAY - 1), 1);
    assert_int_equal(ra_schedule_reminder(53 * DAY), 1);
    assert_int_equal(ra_schedule_reminder(53 * DAY - 1), 2);
    assert_int_equal(ra_schedule_reminder(7 * DAY), 8);
    for (unsigned day = 0; day < 7; day++) {
        assert_int_equal(ra_schedule_reminder((int64_t)day * DAY + 1), 15 - day);
    }
    assert_int_equal(ra_schedule_reminder(0), RA_REMINDERS);
    assert_int_equal(ra_schedule_reminder(-DAY), RA_REMINDERS);
    unsigned last = 0;
    for (int64_t left = 100 * DAY; left > -DAY; left -= 3600) {
        unsigned now = ra_schedule_reminder(left);
        assert_true(now >= last && now <= last + 1);
        last = now;
    }
}

struct heard {
    struct ra_subscriber ear; /* first: it is found by it */
    unsigned reminders[RA_ROLES], all;
    char detail[32];
};

static void hear(struct ra_subscriber *self, const struct ra_event_entry *entry)
{
    struct heard *h = (struct heard *)(void *)self;
    h->all++;
    if (entry->kind == RA_LOG_DAYS_LEFT) {
        h->reminders[entry->role]++;
        memcpy(h->detail, entry->detail, sizeof h->detail - 1);
    }
}

/* A CA that is not there, to the end: one reminder a week, then one a day, resets or not. */
static void reminders_of_a_life(void **state)
{
    (void)state;
    struct heard heard = {.ear = {.event = hear}};
    world_init(&w, NULL);
    world_provision_pair(&w, 70, 700);
    world_boot(&w);
    world_set(&w, "hold", "on");
    ra_subscribe(&w.ra, &heard.ear);
    assert_true(world_run(&w, 9 * DAY));
    assert_int_equal(heard.reminders[AGENT], 0);
    assert_true(world_run(&w, 2 * DAY));
    assert_int_equal(heard.reminders[AGENT], 1);
    assert_string_equal(heard.detail, "59 days left");
    for (unsigned i = 0; i < 52; i++) {
        assert_true(world_settle(&w));
        world_boot(&w); /* what was said is in the log: it is not said again */
        ra_subscribe(&w.ra, &heard.ear);
        assert_true(world_run(&w, DAY));
    }
    assert_int_equal(heard.reminders[AGENT], 8);
    assert_int_equal(world_logged(&w, RA_LOG_DAYS_LEFT, AGENT), 8);
    assert_true(world_run(&w, 9 * DAY));
    assert_int_equal(heard.reminders[AGENT], 15);
    assert_string_equal(heard.detail, "0 days left");
    assert_int_equal(world_logged(&w, RA_LOG_EXPIRED, AGENT), 1);
    assert_int_equal(heard.reminders[RA_ROLE_ENCRYPTION], 0);
    assert_true(ra_event_is_alert(RA_LOG_DAYS_LEFT));
}

/* On hold the CA is not asked whether a time is right that only the network vouches for, or that has leapt
 * ahead of all that was known, as after a reset in a quiet year. The end is said all the same, once,
 * whether a renewal has begun before or not; afterwards the CA is asked. */
static void the_end_on_hold(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool begun = i % 2 == 1, leaps = i >= 2;
        world_init(&w, NULL);
        world_provision_pair(&w, begun ? 20 : 50, 700);
        w.board_clock = leaps;
        w.ca.net = begun ? FAKE_NET_REFUSED : FAKE_NET_UP;
        world_boot(&w);
        assert_int_equal(ra_offer_time(&w.ra, RA_TIME_SNTP, world_now(&w)), RA_OK);
        assert_true(!begun || world_until_state(&w, AGENT, RA_STATE_BACKOFF, RA_HOUR));
        world_set(&w, "hold", "on");
        assert_true(world_settle(&w));
        if (leaps) {
            world_advance(&w, 55 * DAY);
            world_boot(&w);
            assert_true(w.ra.clock.jumped);
        }
        assert_true(world_run(&w, (begun ? 21 : 51) * DAY));
        assert_int_not_equal(world_state(&w, AGENT), RA_STATE_EXPIRED);
        assert_int_equal(world_logged(&w, RA_LOG_EXPIRED, AGENT), 1);
        assert_true(world_settle(&w));
        world_boot(&w);
        (void)ra_offer_time(&w.ra, RA_TIME_SNTP, world_now(&w));
        assert_true(world_run(&w, RA_HOUR));
        assert_int_equal(world_logged(&w, RA_LOG_EXPIRED, AGENT), 1);
        unsigned connections = w.ca.connections;
        world_set(&w, "hold", "off");
        assert_true(world_run(&w, 9 * DAY));
        assert_true(w.ca.connections > connections);
    }
}

/* After a renewal the count begins anew; a failure is heard at once. */
static void renewal_ends_them(void **state)
{
    (void)state;
    struct heard heard = {.ear = {.event = hear}};
    world_init(&w, NULL);
    world_provision_pair(&w, 30, 30);
    world_boot(&w);
    ra_subscribe(&w.ra, &heard.ear);
    world_set(&w, "hold", "on");
    assert_true(world_run(&w, RA_HOUR));
    assert_int_equal(heard.reminders[AGENT], 0); /* it was said when the pair was stored */
    assert_int_equal(world_logged(&w, RA_LOG_DAYS_LEFT, AGENT), 1);
    assert_int_equal(w.ra.renewal[AGENT].reminded, 5);
    world_set(&w, "hold", "off");
    assert_true(world_until_state(&w, AGENT, RA_STATE_PROBATION, DAY));
    assert_true(world_run(&w, DAY));
    assert_int_equal(w.ra.renewal[AGENT].reminded, 0);
    unsigned before = heard.all;
    w.ca.net = FAKE_NET_REFUSED;
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
    assert_true(world_until_state(&w, AGENT, RA_STATE_BACKOFF, DAY));
    assert_true(heard.all > before);
    ra_unsubscribe(&w.ra, &heard.ear);
}

/* One that is near its end when it begins to serve is said to be, whatever was said of the one before. */
static void a_new_one_near_its_end(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 5, 700);
    world_boot(&w);
    world_set(&w, "hold", "on");
    assert_true(world_run(&w, 3 * DAY + DAY / 2));
    unsigned said = world_logged(&w, RA_LOG_DAYS_LEFT, AGENT);
    world_store_pair(&w, AGENT, "agent_new1.key", 27);
    assert_true(world_run(&w, RA_HOUR));
    assert_int_equal(world_logged(&w, RA_LOG_DAYS_LEFT, AGENT), said + 1);
}

/* A request that the operator carries outlives its certificate: nobody asks the CA whether the time is
 * right, and the end is said. */
static void the_end_by_hand(void **state)
{
    (void)state;
    static const struct ra_wish by_hand = {.key = RA_WISH_SAME_KEY, .by_hand = true};
    world_init(&w, NULL);
    world_provision_pair(&w, 50, 700);
    world_boot(&w);
    assert_true(world_until_state(&w, AGENT, RA_STATE_IDLE, RA_HOUR));
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    assert_true(world_until_state(&w, AGENT, RA_STATE_OFFLINE, RA_HOUR));
    assert_true(world_settle(&w));
    world_advance(&w, 55 * DAY);
    world_boot(&w);
    assert_true(w.ra.clock.jumped);
    assert_true(world_until_state(&w, AGENT, RA_STATE_OFFLINE, RA_HOUR));
    assert_true(world_run(&w, DAY));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_OFFLINE);
    assert_int_equal(world_logged(&w, RA_LOG_EXPIRED, AGENT), 1);
}

static const char *message(struct ra_event_entry *e, const char *host, const char *serial,
                           int64_t not_after)
{
    static char text[480];
    struct ra_text to;
    const struct ra_alert_input in = {e, 16, host, serial, not_after};
    ra_text_init(&to, text, sizeof text);
    ra_alert_print(&in, &to);
    assert_false(to.cut);
    return text;
}

static void as_a_message(void **state)
{
    (void)state;
    struct ra_event_entry e = {.sequence = 7,
                               .time = 1800000000,
                               .kind = RA_LOG_FAILED,
                               .role = AGENT,
                               .cause = RA_E_CA_DENIED,
                               .hresult = 0x80094014u,
                               .detail = "Denied by \"boss\"]\\"};
    assert_string_equal(
        message(&e, "ra-1", "6100aa", 1800000000 + 29 * DAY + 5),
        "<131>1 2027-01-15T08:00:00Z ra-1 perennial - FAILED [perennial@32473 role=\"agent\" "
        "serial=\"6100aa\" daysLeft=\"29\" cause=\"E6-01\" hresult=\"0x80094014\" sequence=\"7\"] "
        "Enrollment Agent: renewal failed, will be tried again: E6-01 the CA denied the request, "
        "HRESULT 0x80094014 (Denied by \"boss\"]\\)");
    e = (struct ra_event_entry){.sequence = 1,
                                .time = RA_TIME_UNKNOWN,
                                .kind = RA_LOG_NO_TIME,
                                .role = RA_EVENT_NO_ROLE,
                                .cause = RA_E_TIME_UNKNOWN};
    assert_string_equal(message(&e, "", "", 0),
                        "<132>1 - - perennial - NO_TIME [perennial@32473 cause=\"E8-01\" "
                        "sequence=\"1\"] the time is unknown, renewal waits for it: E8-01 the time "
                        "is unknown: set it or configure SNTP");
    /* What a header may not hold, and what structured data escapes. */
    e.kind = RA_LOG_EXPIRED;
    e.role = RA_ROLE_DEVICE;
    e.time = 1800000000;
    const char *text = message(&e, "two words\n", "a]b\"c\\", 1);
    assert_non_null(strstr(text, "<130>1 2027-01-15T08:00:00Z two?words? perennial - EXPIRED "));
    assert_non_null(strstr(text, "serial=\"a\\]b\\\"c\\\\\" daysLeft=\"0\""));
    assert_non_null(strstr(message(&e, "ra\x7fx", "", 1), "Z ra?x perennial"));
    /* Of a role that has no certificate, and by a clock that does not know how long it lasts. */
    assert_non_null(strstr(message(&e, "ra", "", 1), "role=\"device\" cause="));
    e.time = RA_TIME_UNKNOWN;
    assert_non_null(strstr(message(&e, "ra", "61aa", 1), "serial=\"61aa\" cause="));
    e.time = 1800000000;
    e.kind = RA_LOG_SWITCHED;
    assert_int_equal(ra_alert_severity(&e), RA_SEVERITY_NOTICE);
    e.kind = RA_LOG_CONFIG;
    assert_int_equal(ra_alert_severity(&e), RA_SEVERITY_INFO);
    e.kind = RA_LOG_DAYS_LEFT;
    assert_int_equal(ra_alert_severity(&e), RA_SEVERITY_WARNING);
    assert_string_equal(ra_event_kind_name((enum ra_event_kind)250), "UNKNOWN");
    /* The longest there can be fits. */
    char serial[48], host[33];
    memset(serial, 'f', 40);
    serial[40] = '\0';
    memset(host, 'h', 32);
    host[32] = '\0';
    memset(e.detail, '"', RA_EVENT_DETAIL_MAX);
    e.detail[RA_EVENT_DETAIL_MAX] = '\0';
    e.sequence = UINT32_MAX;
    e.hresult = 0x80094014u;
    for (unsigned kind = 1; kind < 40; kind++) {
        e.kind = (uint8_t)kind;
        e.cause = RA_E_HTTP_PLAINTEXT;
        e.role = AGENT;
        assert_in_range(strlen(message(&e, host, serial, 1800000000 + 9999 * DAY)), 100, 479);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_the_end_is_said),   cmocka_unit_test(reminders_of_a_life),
        cmocka_unit_test(the_end_on_hold),        cmocka_unit_test(renewal_ends_them),
        cmocka_unit_test(a_new_one_near_its_end), cmocka_unit_test(the_end_by_hand),
        cmocka_unit_test(as_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
