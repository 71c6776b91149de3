/* Renewals by EST in a world of one process (fake_est.c): each way through a conversation, and
 * what it makes of each reply that is not what it should be. The old keys are kept (key-policy
 * same): the search for primes is not what is looked at here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"
#include "world_vectors.h"

#define AGENT RA_ROLE_AGENT
#define ENCRYPTION RA_ROLE_ENCRYPTION
#define DEVICE RA_ROLE_DEVICE
#define DAY ((int64_t)RA_DAY)
#define HOUR ((int64_t)RA_HOUR)

static struct world w;

static void start(const char *setting, const char *value)
{
    const struct world_enrolment e = {.key = {NULL, "encryption.key"},
                                      .days_left = {0, 30},
                                      .settings = {{"ca-url", FAKE_EST_URL},
                                                   {"protocol", "est"},
                                                   {"key-policy", "same"},
                                                   {setting, value}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
}

static void until(enum ra_role role, enum ra_state state, int64_t seconds)
{
    assert_true(world_until_state(&w, role, state, seconds));
}

static void renewed(enum ra_role role, uint32_t before)
{
    until(role, RA_STATE_PROBATION, HOUR);
    assert_true(world_serves(&w, role) > before);
    const char *why = world_check(&w, role);
    if (why != NULL) {
        print_error("%s\n", why);
    }
    assert_null(why);
}

static void fails(ra_err cause)
{
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    ra_err found = world_status(&w, ENCRYPTION).cause;
    if (found != cause) {
        print_error("%s\n", ra_error_text(found));
    }
    assert_int_equal(found, cause);
    assert_int_equal(world_serves(&w, ENCRYPTION), 1);
}

static void a_pair(void **state)
{
    (void)state;
    const struct world_enrolment e = {
        .key = {"agent.key", "encryption.key"},
        .days_left = {30, 30},
        .settings = {{"ca-url", FAKE_EST_URL}, {"protocol", "est"}, {"key-policy", "same"}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
    renewed(AGENT, 2);
    renewed(ENCRYPTION, 2);
    assert_int_equal(w.ca.est_posts[1], 2);
    assert_int_equal(w.ca.est_posts[0] + w.ca.others, 0);
    assert_int_equal(w.ca.submits[AGENT], 1);
    world_boot(&w);
    assert_int_equal(world_serves(&w, AGENT), 3);
    assert_int_equal(world_serves(&w, ENCRYPTION), 4);
}

static void paths(void **state)
{
    (void)state;
    start("est-renewal", "simpleenroll");
    renewed(ENCRYPTION, 1);
    assert_int_equal(w.ca.est_posts[0], 1);
    start("est-label", "my/ra's-own");
    w.ca.est.label = "my%2fra%27s-own";
    renewed(ENCRYPTION, 1);
    /* A URL with a path says all. */
    start("ca-url", FAKE_EST_URL "/.well-known/est/long/");
    w.ca.est.label = "long";
    renewed(ENCRYPTION, 1);
    start("ca-url", "http://ca.example.test/");
    fails(RA_E_EST_PLAIN);
    assert_int_equal(w.ca.connections, 0);
}

static void odd_replies_are_understood(void **state)
{
    (void)state;
    static const enum fake_est_fault faults[] = {FAKE_EST_UNWRAPPED, FAKE_EST_BINARY,
                                                 FAKE_EST_EXTRA};
    for (unsigned i = 0; i < 3; i++) {
        start("host-name", "ra");
        w.ca.est.fault = faults[i];
        renewed(ENCRYPTION, 1);
    }
}

/* The certificate came with the answer, and the power goes before it is stored. */
static void issued_and_lost_costs_an_attempt(void **state)
{
    (void)state;
    start("attempts-per-day", "2");
    for (unsigned i = 0; i < 5; i++) {
        (void)world_until_state(&w, ENCRYPTION, RA_STATE_FETCH, HOUR);
        world_boot(&w);
    }
    assert_int_equal(w.ca.most_a_day[ENCRYPTION], 2);
    until(ENCRYPTION, RA_STATE_PROBATION, 2 * DAY);
    assert_null(world_check(&w, ENCRYPTION));
}

/* 202: the same request again, not before the server says, and after a reset too. */
static void pending(void **state)
{
    (void)state;
    for (unsigned date = 0; date < 2; date++) {
        start("poll-minutes", "1");
        w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
        w.ca.est.retry_date = date != 0;
        w.ca.retry_after = 2 * 3600;
        until(ENCRYPTION, RA_STATE_PENDING, HOUR);
        int64_t at = w.ca.submit_at[ENCRYPTION][0];
        assert_in_range(w.ra.renewal[ENCRYPTION].poll_at, at + 7200, at + 7260);
        assert_true(world_run(&w, HOUR));
        assert_int_equal(w.ca.polls, 0);
        assert_true(world_run(&w, 3 * HOUR / 2));
        assert_int_equal(w.ca.polls, 1);
        until(ENCRYPTION, RA_STATE_PENDING, HOUR);
        world_boot(&w);
        until(ENCRYPTION, RA_STATE_PENDING, HOUR);
        assert_int_equal(w.ca.polls, 2);
        assert_int_equal(w.ca.submits[ENCRYPTION], 1);
        assert_int_equal(w.ra.renewal[ENCRYPTION].txn.attempts, 1);
        assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
        until(ENCRYPTION, RA_STATE_PROBATION, 3 * HOUR);
        assert_int_equal(w.ca.submits[ENCRYPTION], 1);
        assert_null(world_check(&w, ENCRYPTION));
    }
    /* Without a Retry-After our own setting counts; a short one is a minute. */
    start("poll-minutes", "30");
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    w.ca.retry_after = 0;
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    assert_in_range(w.ra.renewal[ENCRYPTION].poll_at - world_now(&w), 1700, 1800);
    w.ca.retry_after = 1;
    assert_true(world_run(&w, HOUR / 2));
    until(ENCRYPTION, RA_STATE_POLL, HOUR);
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    assert_in_range(w.ra.renewal[ENCRYPTION].poll_at - world_now(&w), 50, 60);
}

/* Nobody answers for weeks, then a bad certificate comes: the next request follows in a day. */
static void failed_questions_do_not_weigh_on_the_next_request(void **state)
{
    (void)state;
    start("renew-days", "90");
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    w.ca.net = FAKE_NET_GARBAGE;
    for (unsigned i = 0; i < 4; i++) {
        until(ENCRYPTION, RA_STATE_BACKOFF, 2 * HOUR);
        assert_true(world_run(&w, world_status(&w, ENCRYPTION).next - world_now(&w) + RA_MINUTE));
    }
    w.ca.net = FAKE_NET_UP;
    w.ca.mode[ENCRYPTION] = FAKE_CA_WRONG_KEY;
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    until(ENCRYPTION, RA_STATE_SAVE_FAILURE, 9 * DAY);
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_GATE_KEY);
    w.ca.mode[ENCRYPTION] = FAKE_CA_ISSUE;
    until(ENCRYPTION, RA_STATE_PROBATION, DAY / 4 * 5 + HOUR);
    assert_null(world_check(&w, ENCRYPTION));
}

static void the_manager_denies(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    assert_int_equal(ra_retrieve(&w.ra, ENCRYPTION, "12"), RA_E_UNSUPPORTED);
    assert_true(fake_ca_refuse(&w.ca, ENCRYPTION));
    until(ENCRYPTION, RA_STATE_BACKOFF, 2 * HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_CA_DENIED);
    /* In the server's words, on one line and without what a terminal would obey. */
    assert_string_equal(world_status(&w, ENCRYPTION).peer, "Denied by the  registrar?[2J");
    w.ca.mode[ENCRYPTION] = FAKE_CA_ISSUE;
    until(ENCRYPTION, RA_STATE_PROBATION, 16 * DAY);
    assert_int_equal(w.ca.submits[ENCRYPTION], 2);
}

static void failures_have_names(void **state)
{
    (void)state;
    static const struct {
        enum fake_est_fault fault;
        ra_err cause;
    } cases[] = {{FAKE_EST_NO_CACERTS, RA_E_HTTP_STATUS},
                 {FAKE_EST_CUT, RA_E_BASE64},
                 {FAKE_EST_400, RA_E_CA_REQUEST},
                 {FAKE_EST_500, RA_E_HTTP_STATUS}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start("host-name", "ra");
        w.ca.est.fault = cases[i].fault;
        fails(cases[i].cause);
        w.ca.est.fault = FAKE_EST_RIGHT;
        until(ENCRYPTION, RA_STATE_PROBATION, 20 * DAY);
        assert_null(world_check(&w, ENCRYPTION));
    }
    static const enum fake_ca_net nets[] = {FAKE_NET_401, FAKE_NET_503, FAKE_NET_PAGE};
    static const ra_err causes[] = {RA_E_HTTP_AUTH, RA_E_HTTP_BUSY, RA_E_BASE64};
    for (unsigned i = 0; i < 3; i++) {
        start("host-name", "ra");
        w.ca.net = nets[i];
        fails(causes[i]);
    }
}

/* What the CA issues is looked at as it is with AD CS. */
static void the_gates_are_the_same(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.mode[ENCRYPTION] = FAKE_CA_WRONG_KEY;
    fails(RA_E_GATE_KEY);
    w.ca.mode[ENCRYPTION] = FAKE_CA_WRONG_ROLE;
    until(ENCRYPTION, RA_STATE_SUBMIT, 9 * DAY);
    fails(RA_E_GATE_USAGE);
    w.ca.mode[ENCRYPTION] = FAKE_CA_ISSUE;
    until(ENCRYPTION, RA_STATE_PROBATION, 20 * DAY);
    assert_null(world_check(&w, ENCRYPTION));
}

/* --- csrattrs and channel binding --------------------------------------------------------- */

/* RFC 7030 4.5.2 and RFC 8951 have this one: challengePassword, secp384r1, a MAC address,
 * ecdsa-with-SHA384. */
static const char of_the_rfc[] = "MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJ"
                                 "BgcrBgEBAQEWBggqhkjOPQQDAw==";

static void bound_when_asked(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.est.attrs = of_the_rfc;
    w.ca.est.demand_binding = true;
    renewed(ENCRYPTION, 1);
    assert_int_equal(world_logged(&w, RA_LOG_PASSED, ENCRYPTION), 1);
    /* The same in each question about a pending one, on whatever connection. */
    start("host-name", "ra");
    w.ca.est.attrs = of_the_rfc;
    w.ca.est.demand_binding = true;
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    world_boot(&w);
    assert_true(world_run(&w, 5 * HOUR));
    assert_true(w.ca.polls > 2);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
    assert_int_equal(world_logged(&w, RA_LOG_PASSED, ENCRYPTION), 1);
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    until(ENCRYPTION, RA_STATE_PROBATION, 3 * HOUR);
    assert_null(world_check(&w, ENCRYPTION));
}

static void bound_by_setting(void **state)
{
    (void)state;
    start("est-channel-binding", "always");
    w.ca.est.demand_binding = true;
    renewed(ENCRYPTION, 1);
    start("est-channel-binding", "always");
    w.link.unbound = true;
    fails(RA_E_EST_BINDING);
    assert_int_equal(w.ca.est_posts[1], 0);
    start("est-channel-binding", "never");
    w.ca.est.attrs = of_the_rfc;
    w.link.unbound = true;
    renewed(ENCRYPTION, 1);
}

static void another_digest(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.est.attrs = "MAsGCSqGSIb3DQEBDQ=="; /* sha512WithRSAEncryption */
    w.ca.est.hash = RA_HASH_SHA512;
    renewed(ENCRYPTION, 1);
    assert_int_equal(world_logged(&w, RA_LOG_PASSED, ENCRYPTION), 0);
}

static void lists_that_say_nothing(void **state)
{
    (void)state;
    static const char *const lists[] = {"", "MAA=", "MAsGCSqGSIb3DQEBDQ", "not base64 at all!"};
    for (unsigned i = 0; i < 4; i++) {
        start("host-name", "ra");
        w.ca.est.attrs = lists[i];
        renewed(ENCRYPTION, 1);
        assert_int_equal(world_logged(&w, RA_LOG_PASSED, ENCRYPTION), i == 3 ? 1 : 0);
    }
}

/* --- the change of roots --------------------------------------------------------------------- */

static void the_next_root(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.est.next_root = true;
    renewed(ENCRYPTION, 1);
    assert_true(world_settle(&w));
    assert_true(world_holds_anchor(&w, 0, "root.cert"));
    assert_true(world_holds_anchor(&w, 1, "root2.cert"));
    assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, ENCRYPTION), 1);
    /* Known the next time. */
    assert_true(world_run(&w, 25 * HOUR));
    w.ca.life_days = 800;
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, true), RA_OK);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, ENCRYPTION), 1);
    assert_false(world_flash_holds(&w, RA_RECORD_ANCHOR, 2, NULL, 0, NULL));
}

/* With more certificates in the CA's list than are looked at, it is found, and what was issued
 * without its issuers has them. */
static void the_next_root_in_a_crowd(void **state)
{
    (void)state;
    for (unsigned strangers = 2; strangers < 8; strangers += 5) {
        start("host-name", "ra");
        w.ca.est.next_root = true;
        w.ca.strangers = strangers;
        renewed(ENCRYPTION, 1);
        assert_true(world_settle(&w));
        assert_true(world_holds_anchor(&w, 1, "root2.cert"));
    }
}

/* Decades have filled the places. An anchor that ended gives its own up, once more than a clock says
 * that it has: the first renewal's certificate bears witness, the second finds the place. */
static void the_next_root_when_no_place_is_free(void **state)
{
    (void)state;
    uint8_t ended[RA_CERT_MAX];
    size_t size = 0;
    start("hold", "on");
    world_store_pair(&w, DEVICE, "agent.key", -5);
    assert_int_equal(ra_certificate(&w.ra, DEVICE, ended, sizeof ended, &size), RA_OK);
    for (unsigned place = 1; place < RA_ANCHORS_MAX; place++) {
        while (ra_provision_anchor(&w.ra, place, ended, size) == RA_AGAIN) {
            (void)ra_step(&w.ra);
        }
    }
    w.ca.est.next_root = true;
    world_set(&w, "hold", "off");
    renewed(ENCRYPTION, 1);
    assert_true(world_settle(&w));
    assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, ENCRYPTION), 0);
    assert_true(world_run(&w, 25 * HOUR));
    w.ca.life_days = 800;
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, true), RA_OK);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_true(world_settle(&w));
    assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, ENCRYPTION), 1);
    assert_true(world_holds_anchor(&w, 0, "root.cert"));
    assert_true(world_holds_anchor(&w, 1, "root2.cert"));
    assert_true(world_flash_holds(&w, RA_RECORD_ANCHOR, 2, NULL, 0, NULL));
}

static void a_forged_root(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.est.next_root = true;
    w.ca.est.fault = FAKE_EST_FORGED;
    renewed(ENCRYPTION, 1);
    assert_true(world_settle(&w));
    assert_false(world_flash_holds(&w, RA_RECORD_ANCHOR, 1, NULL, 0, NULL));
}

/* --- a first enrolment ------------------------------------------------------------------------ */

static void a_first_enrolment(void **state)
{
    (void)state;
    const struct world_enrolment e = {.key = {NULL},
                                      .settings = {{"ca-url", FAKE_EST_URL},
                                                   {"protocol", "est"},
                                                   {"ca-user", "ra7"},
                                                   {"ca-password", "open"},
                                                   {"scep-challenge", "not-for-est"},
                                                   {"device-key", "p256"},
                                                   {"subject", "CN=ra7,O=World"}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
    w.ca.est.authorization = "\r\nAuthorization: Basic cmE3Om9wZW4=\r\n";
    assert_true(world_run(&w, 10));
    assert_int_equal(ra_enroll_new(&w.ra, DEVICE, NULL), RA_OK);
    until(DEVICE, RA_STATE_PROBATION, HOUR);
    assert_int_equal(w.ca.est_posts[0], 1);
    const struct fake_ca_request *r = fake_ca_newest(&w.ca, DEVICE);
    assert_non_null(r);
    assert_int_equal(world_serves(&w, DEVICE), r->id);
    struct ra_cert cert;
    char name[RA_EVENT_DETAIL_MAX + 1];
    assert_int_equal(ra_cert_parse(&cert, r->cert, r->cert_size), RA_OK);
    ra_name_text(cert.subject, name, sizeof name);
    assert_string_equal(name, "CN=ra7,O=World");
    assert_null(world_clean(&w));
}

/* Name and password are for the server of ca-url, written as it is there. */
static void the_password_of_another_server(void **state)
{
    (void)state;
    static const struct {
        const char *ca, *device;
        bool told;
    } cases[] = {{"https://other.example.test", FAKE_EST_URL, false},
                 {FAKE_EST_URL ".org", FAKE_EST_URL, false},
                 {FAKE_EST_URL ":8443/", FAKE_EST_URL, false},
                 {"http://ca.example.test", FAKE_EST_URL, false},
                 {"", FAKE_EST_URL, false},
                 {"HTTPS://ca.example.test", FAKE_EST_URL, false},
                 {FAKE_EST_URL "/.well-known/est/ra", FAKE_EST_URL "/", true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct world_enrolment e = {.key = {NULL},
                                          .settings = {{"ca-url", cases[i].ca},
                                                       {"device-url", cases[i].device},
                                                       {"protocol", "est"},
                                                       {"ca-user", "ra7"},
                                                       {"ca-password", "open"},
                                                       {"device-key", "p256"},
                                                       {"subject", "CN=ra7,O=World"}}};
        world_init(&w, NULL);
        world_provision(&w, &e);
        world_boot(&w);
        w.ca.est.authorization = cases[i].told ? "\r\nAuthorization: Basic cmE3Om9wZW4=\r\n" : NULL;
        assert_true(world_run(&w, 10));
        assert_int_equal(ra_enroll_new(&w.ra, DEVICE, NULL), RA_OK);
        until(DEVICE, RA_STATE_PROBATION, HOUR);
        assert_int_equal(w.ca.est.authorized, cases[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair),
        cmocka_unit_test(paths),
        cmocka_unit_test(odd_replies_are_understood),
        cmocka_unit_test(pending),
        cmocka_unit_test(failed_questions_do_not_weigh_on_the_next_request),
        cmocka_unit_test(the_manager_denies),
        cmocka_unit_test(failures_have_names),
        cmocka_unit_test(the_gates_are_the_same),
        cmocka_unit_test(bound_when_asked),
        cmocka_unit_test(bound_by_setting),
        cmocka_unit_test(another_digest),
        cmocka_unit_test(lists_that_say_nothing),
        cmocka_unit_test(the_next_root),
        cmocka_unit_test(the_next_root_in_a_crowd),
        cmocka_unit_test(the_next_root_when_no_place_is_free),
        cmocka_unit_test(a_forged_root),
        cmocka_unit_test(issued_and_lost_costs_an_attempt),
        cmocka_unit_test(a_first_enrolment),
        cmocka_unit_test(the_password_of_another_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
