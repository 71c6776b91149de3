/* The renewal of the pair, in a world of one process (world.h): flash, clock, CA.
 *
 * Dates are worked out by hand from WORLD_NOW; what the CA got and gave is judged by the CA.
 * On the Cortex-M a few cases are left out that only cost time there (RSA keys made and used). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_internal.h"
#include "world.h"
#include "world_vectors.h"

#define AGENT RA_ROLE_AGENT
#define ENCRYPTION RA_ROLE_ENCRYPTION
#define DAY ((int64_t)RA_DAY)
#define HOUR ((int64_t)RA_HOUR)
#define UNKNOWN_SINCE_S 70 /* by then the time has been asked for */

static struct world w, twin;

static void check_role(enum ra_role role)
{
    const char *why = world_check(&w, role);
    if (why != NULL) {
        print_error("%s: %s\n", ra_role_word(role), why);
    }
    assert_null(why);
}

/* Both keys fit their certificates, neither the CA nor the flash has anything to complain of. */
static void check_pair(void)
{
    check_role(AGENT);
    check_role(ENCRYPTION);
}

static void start_pair(int agent_days, int encryption_days)
{
    world_init(&w, NULL);
    world_provision_pair(&w, agent_days, encryption_days);
    world_boot(&w);
}

/* The Enrollment Agent alone, with an EC key: quick, and a new key each time. */
static void provision_agent(int days)
{
    const struct world_enrolment e = {.key = {"agent.key", NULL}, .days_left = {days, 0}};
    world_init(&w, NULL);
    world_provision(&w, &e);
}

static void start_agent(int days)
{
    provision_agent(days);
    world_boot(&w);
}

static void until(enum ra_role role, enum ra_state state, int64_t seconds)
{
    assert_true(world_until_state(&w, role, state, seconds));
}

/* --- the good way ---------------------------------------------------------------------------- */

static struct {
    unsigned switches, parted;
} seen;

/* Between two steps the roles have the same generation, or they have parted. */
static void watch_switch(struct world *world)
{
    static uint32_t last;
    const struct ra_slot *slot = world->ra.commit.slot;
    seen.parted += slot[AGENT].active != slot[ENCRYPTION].active;
    seen.switches += slot[AGENT].active != last;
    last = slot[AGENT].active;
}

static void pair_switches_in_one_commit(void **state)
{
    (void)state;
    start_pair(30, 30);
    check_pair();
    assert_int_equal(world_serves(&w, AGENT), 1);
    assert_int_equal(world_serves(&w, ENCRYPTION), 2);
    (void)world_step(&w);
    w.on_step = watch_switch;
    watch_switch(&w);
    memset(&seen, 0, sizeof seen);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PROBATION);
    assert_int_equal(seen.switches, 1);
    assert_int_equal(seen.parted, 0);
    assert_int_equal(world_serves(&w, AGENT), 3);
    assert_int_equal(world_serves(&w, ENCRYPTION), 4);
    assert_int_equal(w.told[AGENT], 1);
    assert_int_equal(w.told[ENCRYPTION], 1);
    assert_int_equal(world_logged(&w, RA_LOG_SWITCHED, AGENT), 1);
    assert_int_equal(world_logged(&w, RA_LOG_SPLIT, AGENT), 0);
    check_pair();
    /* Two requests on one connection for each role, and nothing else. */
    assert_int_equal(w.ca.submits[AGENT], 1);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
    assert_int_equal(w.ca.fetches, 2);
    assert_int_equal(w.ca.polls + w.ca.others, 0);
    assert_in_range(w.ca.connections, 1, 2);
    /* The old generation is kept, in flash. */
    for (unsigned i = 0; i < RA_PAIR; i++) {
        struct ra_status s = world_status(&w, (enum ra_role)i);
        assert_int_equal(s.previous, 1);
        assert_int_equal(s.generation, 2);
    }
    assert_true(world_settle(&w));
    assert_true(world_flash_holds(&w, RA_RECORD_KEY, ra_generation_id(AGENT, 1), NULL, 0, NULL));
    assert_true(world_flash_holds(&w, RA_RECORD_KEY, ra_generation_id(AGENT, 2), NULL, 0, NULL));
    /* And the new one after a reset. */
    world_boot(&w);
    assert_int_equal(world_serves(&w, AGENT), 3);
    assert_int_equal(world_serves(&w, ENCRYPTION), 4);
    check_pair();
    until(AGENT, RA_STATE_PROBATION, HOUR);
}

static void probation_ends_by_use_or_by_time(void **state)
{
    (void)state;
    start_pair(30, 30);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    int64_t began = world_now(&w);
    ra_report_use(&w.ra, AGENT, true);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
    assert_int_equal(world_logged(&w, RA_LOG_PROVED, AGENT), 1);
    assert_true(world_run(&w, 23 * HOUR));
    assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_PROBATION);
    until(ENCRYPTION, RA_STATE_IDLE, 2 * HOUR);
    assert_in_range(world_now(&w) - began, 24 * HOUR, 24 * HOUR + 600);
    /* What the budget of that day needs goes with the probation. */
    assert_true(world_run(&w, 600));
    assert_false(world_flash_holds(&w, RA_RECORD_TXN, ENCRYPTION, NULL, 0, NULL));
    /* A reset does not bring the probation back. */
    assert_true(world_settle(&w));
    world_boot(&w);
    until(AGENT, RA_STATE_IDLE, 60);
    until(ENCRYPTION, RA_STATE_IDLE, 60);
    /* The old generation ends with its certificate, 30 days after the beginning: not before. */
    w.pace_ms = 3600000;
    assert_true(world_run(&w, WORLD_NOW + 30 * DAY - world_now(&w) - HOUR));
    assert_int_equal(world_status(&w, ENCRYPTION).previous, 1);
    assert_true(world_run(&w, 4 * HOUR));
    assert_int_equal(world_status(&w, ENCRYPTION).previous, 0);
    assert_true(world_settle(&w));
    assert_true(world_run(&w, HOUR));
    assert_false(
        world_flash_holds(&w, RA_RECORD_KEY, ra_generation_id(ENCRYPTION, 1), NULL, 0, NULL));
    assert_false(world_flash_holds(&w, RA_RECORD_CERT, ra_generation_id(AGENT, 1), NULL, 0, NULL));
    assert_true(
        world_flash_holds(&w, RA_RECORD_KEY, ra_generation_id(ENCRYPTION, 2), NULL, 0, NULL));
    check_pair();
    assert_int_equal(w.ca.submits[AGENT] + w.ca.submits[ENCRYPTION], 2);
}

#ifndef __arm__
/* With new keys: what was encrypted to the old certificate can be read until its key is dropped. */
static void old_decryption_key_is_retained(void **state)
{
    (void)state;
    static const uint8_t secret[] = "for the old key";
    const struct world_enrolment e = {.key = {"agent.key", "encryption.key"},
                                      .days_left = {30, 30},
                                      .settings = {{"retention-days", "10"}}};
    uint8_t der[RA_CERT_MAX], sealed[RA_SIGNATURE_MAX], plain[RA_SIGNATURE_MAX];
    size_t size = 0, sealed_size = 0;
    struct ra_cert old;
    struct ra_key key;
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
    const struct fake_ca_request *r = fake_ca_request(&w.ca, 2);
    memcpy(der, r->cert, r->cert_size);
    assert_int_equal(ra_cert_parse(&old, der, r->cert_size), RA_OK);
    assert_int_equal(ra_key_from_spki(&key, old.spki.p, old.spki.size), RA_OK);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_int_equal(w.ca.keys[ENCRYPTION], 1);
    assert_int_equal(w.ca.keys[AGENT], 1);
    check_pair();
    assert_int_equal(ra_key_encrypt(&key, &w.ra.random, RA_PAD_OAEP_SHA256, secret, sizeof secret,
                                    sealed, sizeof sealed, &sealed_size),
                     RA_OK);
    assert_int_equal(ra_decrypt(&w.ra, old.issuer, old.serial, RA_PAD_OAEP_SHA256, sealed,
                                sealed_size, plain, sizeof plain, &size),
                     RA_OK);
    assert_int_equal(size, sizeof secret);
    assert_memory_equal(plain, secret, sizeof secret);
    struct ra_span none = {NULL, 0};
    assert_int_equal(ra_decrypt(&w.ra, none, none, RA_PAD_OAEP_SHA256, sealed, sealed_size, plain,
                                sizeof plain, &size),
                     RA_E_DECRYPT);
    assert_true(world_run(&w, 9 * DAY));
    assert_int_equal(world_status(&w, ENCRYPTION).previous, 1);
    assert_true(world_run(&w, 2 * DAY));
    assert_int_equal(world_status(&w, ENCRYPTION).previous, 0);
    assert_int_equal(ra_decrypt(&w.ra, old.issuer, old.serial, RA_PAD_OAEP_SHA256, sealed,
                                sealed_size, plain, sizeof plain, &size),
                     RA_E_NO_SUCH_CERT);
}
#endif

static void nothing_due_is_quiet(void **state)
{
    (void)state;
    start_pair(43, 400);
    assert_true(world_run(&w, 20 * HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
    assert_int_equal(w.link.requests, 0);
    assert_int_equal(world_status(&w, AGENT).due, WORLD_NOW + 1000 / 1000 + DAY);
    until(AGENT, RA_STATE_PROBATION, 5 * HOUR);
    /* 42 days before the end; the partner is not due for a year and not waited for. */
    assert_in_range(w.ca.submit_at[AGENT][0] - WORLD_NOW, DAY, DAY + 120);
    assert_int_equal(world_logged(&w, RA_LOG_SPLIT, AGENT), 0);
    assert_int_equal(world_serves(&w, ENCRYPTION), 2);
    assert_int_equal(w.ca.submits[ENCRYPTION], 0);
    check_pair();
}

static void small_pieces_and_a_busy_flash(void **state)
{
    (void)state;
    start_agent(30);
    w.link.piece = 1;
    w.flash.polls = 3;
    until(AGENT, RA_STATE_PROBATION, 2 * HOUR);
    while (!ra_settled(&w.ra)) {
        (void)world_step(&w);
    }
    w.flash.polls = 0;
    check_role(AGENT);
}

/* --- one of the pair waits ---------------------------------------------------------------------- */

static void ready_one_waits_for_the_pending_one(void **state)
{
    (void)state;
    start_pair(30, 30);
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_READY, HOUR);
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    assert_string_equal(world_status(&w, ENCRYPTION).request_id, "4");
    assert_true(world_run(&w, 4 * DAY));
    assert_int_equal(world_serves(&w, AGENT), 1);
    assert_int_equal(world_serves(&w, ENCRYPTION), 2);
    /* Asked for each hour, as poll-minutes says. */
    assert_in_range(w.ca.polls, 90, 97);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
    world_boot(&w);
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    until(AGENT, RA_STATE_PROBATION, 2 * HOUR);
    assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_PROBATION);
    assert_int_equal(world_serves(&w, AGENT), 3);
    assert_int_equal(world_serves(&w, ENCRYPTION), 4);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
    assert_int_equal(world_logged(&w, RA_LOG_SPLIT, AGENT), 0);
    check_pair();
}

static void split_seven_days_before_the_first_expiry(void **state)
{
    (void)state;
    start_pair(30, 28);
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_READY, HOUR);
    w.pace_ms = 3600000;
    /* The first one ends in 28 days: the wait ends at the 21st. */
    assert_true(world_run(&w, WORLD_NOW + 21 * DAY - 2 * HOUR - world_now(&w)));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_READY);
    until(AGENT, RA_STATE_PROBATION, 4 * HOUR);
    assert_int_equal(world_logged(&w, RA_LOG_SPLIT, AGENT), 1);
    assert_int_equal(world_serves(&w, AGENT), 3);
    assert_int_equal(world_serves(&w, ENCRYPTION), 2);
    until(ENCRYPTION, RA_STATE_PENDING, 60);
    check_pair();
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    until(ENCRYPTION, RA_STATE_PROBATION, 3 * HOUR);
    assert_int_equal(world_serves(&w, ENCRYPTION), 4);
    check_pair();
}

static void one_asked_for_alone(void **state)
{
    (void)state;
    start_pair(100, 100);
    assert_true(world_run(&w, HOUR));
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_logged(&w, RA_LOG_SPLIT, AGENT), 0);
    assert_int_equal(world_serves(&w, ENCRYPTION), 2);
    assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_IDLE);
    assert_int_equal(w.ca.submits[ENCRYPTION], 0);
    /* Both, though not due. (Some time later: the next certificate has to end later.) */
    assert_true(world_run(&w, HOUR));
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_OK);
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, false), RA_OK);
    w.on_step = watch_switch;
    memset(&seen, 0, sizeof seen);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PROBATION);
    assert_int_equal(world_logged(&w, RA_LOG_SPLIT, AGENT), 0);
    check_pair();
}

static void alone_though_the_partner_is_under_way(void **state)
{
    (void)state;
    start_pair(30, 30);
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_READY, HOUR);
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_logged(&w, RA_LOG_SPLIT, AGENT), 1);
    assert_int_equal(world_serves(&w, ENCRYPTION), 2);
    check_pair();
}

static void a_certificate_of_the_near_future_waits(void **state)
{
    (void)state;
    start_agent(30);
    w.ca.mode[AGENT] = FAKE_CA_SOON;
    until(AGENT, RA_STATE_READY, HOUR);
    int64_t from = w.ca.submit_at[AGENT][0] + 2 * HOUR;
    until(AGENT, RA_STATE_PROBATION, 3 * HOUR);
    assert_in_range(world_now(&w), from, from + 120);
    check_role(AGENT);
}

/* --- what can go wrong at the CA ------------------------------------------------------------------ */

struct failure {
    enum fake_ca_mode mode;
    enum fake_ca_net net;
    uint32_t hresult;
    ra_err cause;
    enum ra_retry retry;
};

static const struct failure failures[] = {
    {FAKE_CA_DENY, FAKE_NET_UP, 0, RA_E_CA_DENIED, RA_RETRY_DENIED},
    {FAKE_CA_ERROR, FAKE_NET_UP, 0x80094800, RA_E_CA_TEMPLATE, RA_RETRY_DENIED},
    {FAKE_CA_ERROR, FAKE_NET_UP, 0x80094012, RA_E_CA_PERMISSION, RA_RETRY_DENIED},
    {FAKE_CA_ERROR, FAKE_NET_UP, 0x800706ba, RA_E_CA_ERROR, RA_RETRY_LATER},
    {FAKE_CA_WRONG_KEY, FAKE_NET_UP, 0, RA_E_GATE_KEY, RA_RETRY_LATER},
    {FAKE_CA_WRONG_ROLE, FAKE_NET_UP, 0, RA_E_GATE_USAGE, RA_RETRY_LATER},
    {FAKE_CA_SAME, FAKE_NET_UP, 0, RA_E_GATE_SAME, RA_RETRY_LATER},
    {FAKE_CA_EXPIRED, FAKE_NET_UP, 0, RA_E_GATE_EXPIRED, RA_RETRY_LATER},
    {FAKE_CA_NOT_YET, FAKE_NET_UP, 0, RA_E_GATE_NOT_YET, RA_RETRY_LATER},
    {FAKE_CA_SHORT, FAKE_NET_UP, 0, RA_E_GATE_LIFETIME, RA_RETRY_LATER},
    {FAKE_CA_NOT_LONGER, FAKE_NET_UP, 0, RA_E_GATE_NOT_LONGER, RA_RETRY_LATER},
    {FAKE_CA_OTHER_SUBJECT, FAKE_NET_UP, 0, RA_E_GATE_SUBJECT, RA_RETRY_LATER},
    {FAKE_CA_IS_CA, FAKE_NET_UP, 0, RA_E_GATE_IS_CA, RA_RETRY_LATER},
    {FAKE_CA_UNTRUSTED, FAKE_NET_UP, 0, RA_E_CHAIN_SIGNATURE, RA_RETRY_LATER},
    {FAKE_CA_BAD_SIGNATURE, FAKE_NET_UP, 0, RA_E_CHAIN_SIGNATURE, RA_RETRY_LATER},
    {FAKE_CA_ISSUE, FAKE_NET_REFUSED, 0, RA_E_NET_REFUSED, RA_RETRY_SOON},
    {FAKE_CA_ISSUE, FAKE_NET_RESET, 0, RA_E_NET_RESET, RA_RETRY_SOON},
    {FAKE_CA_ISSUE, FAKE_NET_SILENT, 0, RA_E_NET_TIMEOUT, RA_RETRY_SOON},
    {FAKE_CA_ISSUE, FAKE_NET_LOSE_REPLY, 0, RA_E_NET_RESET, RA_RETRY_SOON},
    {FAKE_CA_ISSUE, FAKE_NET_GARBAGE, 0, RA_E_HTTP_SYNTAX, RA_RETRY_LATER},
    {FAKE_CA_ISSUE, FAKE_NET_PAGE, 0, RA_E_CA_ANSWER, RA_RETRY_LATER},
    {FAKE_CA_ISSUE, FAKE_NET_401, 0, RA_E_HTTP_AUTH, RA_RETRY_LATER},
    {FAKE_CA_ISSUE, FAKE_NET_503, 0, RA_E_HTTP_BUSY, RA_RETRY_SOON},
};

static void expect_wait(const struct failure *f, int64_t failed_at, int64_t next)
{
    int64_t wait = next - failed_at;
    if (f->net == FAKE_NET_503) {
        assert_in_range(wait, 3599, 3660); /* as Retry-After says */
    } else if (f->retry == RA_RETRY_SOON) {
        assert_in_range(wait, 45, 76);
    } else if (f->retry == RA_RETRY_LATER) {
        assert_in_range(wait, DAY * 3 / 4, DAY * 5 / 4 + 60);
    } else {
        /* 14 days before the end, which is 30 days after the beginning. */
        assert_in_range(next - WORLD_NOW, 16 * DAY, 16 * DAY + 60);
    }
}

static void every_failure_leaves_the_old_one(void **state)
{
    (void)state;
    provision_agent(30);
    world_copy(&twin, &w);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        const struct failure *f = &failures[i];
        world_copy(&w, &twin);
        world_boot(&w);
        w.ca.mode[AGENT] = f->mode;
        w.ca.net = f->net;
        w.ca.hresult = f->hresult;
        until(AGENT, RA_STATE_BACKOFF, HOUR);
        int64_t failed_at = world_now(&w);
        struct ra_status s = world_status(&w, AGENT);
        if (s.cause != f->cause) {
            print_error("mode %d net %d: %s\n", (int)f->mode, (int)f->net, ra_error_text(s.cause));
        }
        assert_int_equal(s.cause, f->cause);
        assert_int_equal(ra_error_retry(s.cause), f->retry);
        assert_int_equal(s.hresult, f->hresult);
        expect_wait(f, failed_at, s.next);
        assert_int_equal(world_logged(&w, RA_LOG_FAILED, AGENT), 1);
        assert_int_equal(world_serves(&w, AGENT), 1);
        assert_int_equal(w.told[AGENT], 0);
        check_role(AGENT);
        /* The failure and its time outlast a reset; nothing happens before. */
        unsigned requests = w.link.requests;
        world_boot(&w);
        until(AGENT, RA_STATE_BACKOFF, 60);
        assert_int_equal(world_status(&w, AGENT).cause, f->cause);
        assert_int_equal(world_status(&w, AGENT).next, s.next);
        w.pace_ms = 10000;
        if (s.next - world_now(&w) > 30) {
            assert_true(world_run(&w, s.next - world_now(&w) - 20));
        }
        assert_int_equal(w.link.requests, requests);
        /* Then the CA has come to its senses: the same key, and done. */
        w.ca.mode[AGENT] = FAKE_CA_ISSUE;
        w.ca.net = FAKE_NET_UP;
        /* One of the future is asked for again until its time has come. */
        int64_t most = f->mode == FAKE_CA_NOT_YET ? 4 * DAY : 120;
        if (!world_until_state(&w, AGENT, RA_STATE_PROBATION, most)) {
            print_error("after mode %d net %d: %s, next in %d s\n", (int)f->mode, (int)f->net,
                        ra_error_text(world_status(&w, AGENT).cause),
                        (int)(world_status(&w, AGENT).next - world_now(&w)));
            fail();
        }
        assert_int_equal(w.ca.keys[AGENT], 1);
        assert_int_equal(world_status(&w, AGENT).cause, RA_OK);
        assert_int_equal(world_serves(&w, AGENT), fake_ca_newest(&w.ca, AGENT)->id);
        check_role(AGENT);
    }
}

/* The waits between failed attempts, from one to the next. */
static void fail_again(int64_t waits[], unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        until(AGENT, RA_STATE_BACKOFF, HOUR);
        int64_t next = world_status(&w, AGENT).next;
        waits[i] = next - world_now(&w);
        assert_true(world_run(&w, waits[i]));
        until(AGENT, RA_STATE_BUILD, 120);
    }
}

static void waits_grow(void **state)
{
    (void)state;
    static const int64_t soon[] = {60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 21600, 21600};
    static const int64_t later[] = {1, 2, 4, 7};
    int64_t waits[11];
    start_agent(40);
    w.ca.net = FAKE_NET_REFUSED;
    w.pace_ms = 5000;
    fail_again(waits, 11);
    for (unsigned i = 0; i < 11; i++) {
        assert_in_range(waits[i], soon[i] * 3 / 4 - 1, soon[i] * 5 / 4 + 1);
    }
    start_agent(40);
    w.ca.net = FAKE_NET_PAGE;
    fail_again(waits, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_in_range(waits[i], later[i] * DAY * 3 / 4 - 1, later[i] * DAY * 5 / 4 + 1);
    }
    /* Denied: 14, 7, 3 and 1 days before the end. */
    static const int64_t days_before[] = {14, 7, 3, 1};
    start_agent(40);
    w.ca.mode[AGENT] = FAKE_CA_DENY;
    w.pace_ms = 600000;
    assert_true(world_run(&w, 39 * DAY + 12 * HOUR));
    assert_in_range(w.ca.submits[AGENT], 5, 7);
    for (unsigned i = 0; i < 4; i++) {
        assert_in_range(w.ca.submit_at[AGENT][i + 1] - WORLD_NOW, (40 - days_before[i]) * DAY,
                        (40 - days_before[i]) * DAY + 700);
    }
    assert_int_equal(w.ca.keys[AGENT], 1);
    check_role(AGENT);
}

static void the_manager_denies(void **state)
{
    (void)state;
    start_agent(30);
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_true(fake_ca_refuse(&w.ca, AGENT));
    until(AGENT, RA_STATE_BACKOFF, 2 * HOUR);
    struct ra_status s = world_status(&w, AGENT);
    assert_int_equal(s.cause, RA_E_CA_DENIED);
    assert_string_equal(s.peer, "Denied by EXAMPLE\\boss");
    assert_string_equal(s.request_id, "");
    w.ca.mode[AGENT] = FAKE_CA_ISSUE;
    until(AGENT, RA_STATE_PROBATION, 17 * DAY);
    assert_int_equal(w.ca.submits[AGENT], 2);
    assert_in_range(w.ca.submit_at[AGENT][1] - WORLD_NOW, 16 * DAY, 16 * DAY + 120);
    assert_int_equal(w.ca.keys[AGENT], 1);
}

static void what_the_web_server_said(void **state)
{
    (void)state;
    start_agent(30);
    w.ca.net = FAKE_NET_401;
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    struct ra_status s = world_status(&w, AGENT);
    assert_int_equal(s.cause, RA_E_HTTP_AUTH);
    assert_string_equal(s.peer, "the server offers NTLM");
    assert_true(world_run(&w, 10)); /* until it is in flash */
    world_boot(&w);
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_string_equal(world_status(&w, AGENT).peer, "the server offers NTLM");
    /* What comes after it is not said in its words. */
    w.ca.net = FAKE_NET_GARBAGE;
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_OK);
    until(AGENT, RA_STATE_SUBMIT, HOUR);
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    s = world_status(&w, AGENT);
    assert_int_equal(s.cause, RA_E_HTTP_SYNTAX);
    assert_string_equal(s.peer, "");
}

static void the_ca_forgets_the_request(void **state)
{
    (void)state;
    start_agent(30);
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_PENDING, HOUR);
    fake_ca_forget(&w.ca, w.ca.last_id);
    w.ca.mode[AGENT] = FAKE_CA_ISSUE;
    until(AGENT, RA_STATE_BACKOFF, 2 * HOUR);
    assert_int_equal(world_status(&w, AGENT).cause, RA_E_CA_UNKNOWN_ID);
    until(AGENT, RA_STATE_PROBATION, 2 * DAY);
    assert_int_equal(w.ca.submits[AGENT], 2);
    assert_int_equal(w.ca.keys[AGENT], 1);
    check_role(AGENT);
}

/* The CA has the request, its answer was lost, its manager has the number. */
static void the_operator_names_the_request(void **state)
{
    (void)state;
    start_agent(30);
    assert_int_equal(ra_retrieve(&w.ra, AGENT, "2"), RA_E_BUSY); /* not looked yet */
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    w.ca.net = FAKE_NET_LOSE_REPLY;
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    w.ca.net = FAKE_NET_UP;
    assert_int_equal(w.ca.submits[AGENT], 1);
    assert_int_equal(ra_retrieve(&w.ra, ENCRYPTION, "2"), RA_E_NO_REQUEST);
    assert_int_equal(ra_retrieve(&w.ra, AGENT, "0x2"), RA_E_PARAMETER);
    assert_int_equal(ra_retrieve(&w.ra, AGENT, "12345678901"), RA_E_PARAMETER);
    assert_int_equal(ra_retrieve(&w.ra, AGENT, "2"), RA_OK);
    until(AGENT, RA_STATE_POLL, HOUR);
    until(AGENT, RA_STATE_PENDING, HOUR);
    /* The number is in flash. */
    world_boot(&w);
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_true(fake_ca_approve(&w.ca, AGENT, world_now(&w)));
    until(AGENT, RA_STATE_PROBATION, 2 * HOUR);
    assert_int_equal(world_serves(&w, AGENT), 2);
    assert_int_equal(w.ca.submits[AGENT], 1);
    check_role(AGENT);
}

/* One entry of the log for the same failure again and again; one more each time the operator asks. */
static void what_the_operator_asks_for_is_answered(void **state)
{
    (void)state;
    start_agent(30);
    w.ca.net = FAKE_NET_REFUSED;
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    for (unsigned asked = 0; asked < 3; asked++) {
        assert_true(world_run(&w, 2 * DAY)); /* it is tried again by itself */
        assert_int_equal(world_logged(&w, RA_LOG_FAILED, AGENT), asked + 1);
        until(AGENT, RA_STATE_BACKOFF, DAY);
        assert_int_equal(asked == 0 ? ra_retry(&w.ra, AGENT) : ra_renew(&w.ra, AGENT, true), RA_OK);
        until(AGENT, RA_STATE_SAVE_FAILURE, RA_MINUTE);
        until(AGENT, RA_STATE_BACKOFF, HOUR);
        assert_int_equal(world_status(&w, AGENT).cause, RA_E_NET_REFUSED);
        assert_int_equal(world_logged(&w, RA_LOG_FAILED, AGENT), asked + 2);
    }
}

/* What was wrong while a request waited is no reason to wait for a week before the next one. */
static void a_request_given_up_does_not_weigh_on_the_next(void **state)
{
    (void)state;
    for (unsigned wrong = 0; wrong < 2; wrong++) {
        int64_t waits[5];
        start_agent(60);
        w.ca.mode[AGENT] = FAKE_CA_PEND;
        world_set(&w, "renew-days", "90");
        until(AGENT, RA_STATE_PENDING, HOUR);
        w.ca.net = FAKE_NET_GARBAGE;
        for (unsigned i = 0; i < 5; i++) {
            until(AGENT, RA_STATE_BACKOFF, 2 * HOUR);
            waits[i] = world_status(&w, AGENT).next - world_now(&w);
            assert_true(world_run(&w, i < 4 ? waits[i] + RA_MINUTE : 0));
        }
        assert_true(waits[4] > 5 * DAY);
        if (wrong != 0) {
            w.ca.mode[AGENT] = FAKE_CA_SAME;
            assert_true(fake_ca_approve(&w.ca, AGENT, world_now(&w)));
        } else {
            fake_ca_forget(&w.ca, w.ca.last_id);
        }
        w.ca.net = FAKE_NET_UP;
        w.ca.mode[AGENT] = FAKE_CA_ISSUE;
        until(AGENT, RA_STATE_SAVE_FAILURE, 9 * DAY);
        until(AGENT, RA_STATE_BACKOFF, HOUR);
        assert_int_equal(world_status(&w, AGENT).cause,
                         wrong != 0 ? RA_E_GATE_SAME : RA_E_CA_UNKNOWN_ID);
        until(AGENT, RA_STATE_PROBATION, DAY / 4 * 5 + HOUR);
        check_role(AGENT);
    }
}

static void the_daily_budget_holds(void **state)
{
    (void)state;
    static const enum fake_ca_net nets[] = {FAKE_NET_LOSE_REPLY, FAKE_NET_UP};
    for (unsigned i = 0; i < 2; i++) {
        provision_agent(30);
        world_boot_offline(&w);
        world_set(&w, "attempts-per-day", "4");
        assert_true(world_settle(&w));
        world_boot(&w);
        w.ca.net = nets[i];
        w.ca.mode[AGENT] = FAKE_CA_ERROR;
        for (unsigned day = 0; day < 4; day++) {
            assert_true(world_run(&w, DAY));
            if (day == 1) {
                /* Resets and an impatient operator buy nothing. */
                for (unsigned n = 0; n < 20; n++) {
                    (void)ra_renew(&w.ra, AGENT, true);
                    assert_true(world_run(&w, 300));
                    world_boot(&w);
                    assert_true(world_run(&w, 300));
                }
            }
        }
        assert_int_equal(w.ca.most_a_day[AGENT], 4);
        assert_in_range(w.ca.submits[AGENT], i == 0 ? 12 : 5, 20);
        check_role(AGENT);
    }
}

static void noise_that_comes_back_is_waited_for(void **state)
{
    const struct world_blob *root = world_blob("root.cert");
    (void)state;
    provision_agent(100);
    w.noise = WORLD_NOISE_NONE;
    world_boot(&w);
    assert_int_equal(ra_provision_anchor(&w.ra, 1, root->p, root->size), RA_AGAIN);
    assert_true(world_run(&w, 200));
    assert_int_equal(ra_provision_anchor(&w.ra, 1, root->p, root->size), RA_E_ENTROPY);
    w.noise = WORLD_NOISE_GOOD;
    world_anchor(&w, 1, "root.cert");
}

static void a_renewal_does_not_refill_the_budget(void **state)
{
    (void)state;
    provision_agent(30);
    world_boot_offline(&w);
    world_set(&w, "attempts-per-day", "3");
    assert_true(world_settle(&w));
    world_boot(&w);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    for (unsigned i = 0; i < 8; i++) {
        (void)ra_renew(&w.ra, AGENT, true);
        assert_true(world_run(&w, 1200));
        if (i % 2 != 0) {
            assert_true(world_settle(&w));
            world_boot(&w);
            assert_true(world_run(&w, 600));
        }
    }
    assert_int_equal(w.ca.most_a_day[AGENT], 3);
    until(AGENT, RA_STATE_PROBATION, 2 * DAY);
    check_role(AGENT);
}

/* --- resets --------------------------------------------------------------------------------------- */

static unsigned early; /* requests that left before flash held what they need */

static void nothing_leaves_before_it_is_stored(struct world *world)
{
    struct ra_txn txn;
    uint8_t record[RA_TXN_SIZE_MAX];
    size_t size = 0;
    uint16_t id = ra_generation_id(AGENT, 2);
    bool key = world_flash_holds(world, RA_RECORD_KEY, id, NULL, 0, NULL);
    bool stored = world_flash_holds(world, RA_RECORD_TXN, AGENT, record, sizeof record, &size) &&
                  ra_txn_decode(&txn, record, size) == RA_OK;
    enum ra_phase least =
        world->ra.renewal[AGENT].state == RA_STATE_SUBMIT ? RA_PHASE_SENT : RA_PHASE_PENDING;
    if (!key || !stored || txn.phase < least || txn.generation != 2 ||
        (least == RA_PHASE_PENDING && txn.request_id[0] == '\0')) {
        early++;
    }
}

static void reset_in_every_state(void **state)
{
    (void)state;
    /* The states on the way, and how many requests the CA may see in all. */
    static const struct {
        enum ra_state at;
        unsigned submits;
    } points[] = {
        {RA_STATE_RESUME, 1},   {RA_STATE_IDLE, 1},      {RA_STATE_KEYGEN, 1},
        {RA_STATE_SAVE_KEY, 1}, {RA_STATE_BUILD, 1},     {RA_STATE_SAVE_ATTEMPT, 1},
        {RA_STATE_SUBMIT, 1},   {RA_STATE_SAVE_ID, 2},   {RA_STATE_PENDING, 1},
        {RA_STATE_POLL, 1},     {RA_STATE_FETCH, 1},     {RA_STATE_CHECK, 1},
        {RA_STATE_STAGE, 1},    {RA_STATE_SELF_TEST, 1}, {RA_STATE_READY, 1},
        {RA_STATE_COMMIT, 1},   {RA_STATE_PROBATION, 1},
    };
    provision_agent(30);
    world_copy(&twin, &w);
    early = 0;
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        world_copy(&w, &twin);
        w.on_send = nothing_leaves_before_it_is_stored;
        world_boot(&w);
        w.ca.mode[AGENT] = FAKE_CA_PEND;
        while (world_state(&w, AGENT) != points[i].at) {
            if (world_state(&w, AGENT) == RA_STATE_PENDING) {
                (void)fake_ca_approve(&w.ca, AGENT, world_now(&w));
            }
            assert_true(world_step(&w));
            assert_true(world_now(&w) < WORLD_NOW + 3 * HOUR);
        }
        world_boot(&w);
        assert_int_equal(world_serves(&w, AGENT), points[i].at == RA_STATE_PROBATION ? 2 : 1);
        while (world_state(&w, AGENT) != RA_STATE_PROBATION) {
            if (world_state(&w, AGENT) == RA_STATE_PENDING) {
                (void)fake_ca_approve(&w.ca, AGENT, world_now(&w));
            }
            assert_true(world_step(&w));
            assert_true(world_now(&w) < WORLD_NOW + 6 * HOUR);
        }
        if (w.ca.submits[AGENT] != points[i].submits) {
            print_error("reset at %s\n", ra_state_name(points[i].at));
        }
        assert_int_equal(w.ca.submits[AGENT], points[i].submits);
        check_role(AGENT);
    }
    assert_int_equal(early, 0);
    w.on_send = NULL;
}

/* --- time ---------------------------------------------------------------------------------------- */

static void unknown_time_begins_nothing(void **state)
{
    (void)state;
    start_pair(30, 30);
    w.board_clock = false;
    w.ca.no_date = true;
    w.pace_ms = 1000;
    world_boot(&w);
    assert_true(world_run(&w, 55));
    assert_int_equal(w.link.requests, 0);
    assert_true(world_run(&w, 20));
    /* The CA's web server has been asked, in vain; again each hour. */
    assert_int_equal(w.link.requests, 1);
    w.pace_ms = 60000;
    assert_true(world_run(&w, 3 * DAY));
    assert_in_range(w.link.requests, 72, 74);
    assert_int_equal(w.ca.submits[AGENT] + w.ca.submits[ENCRYPTION], 0);
    assert_int_equal(world_logged(&w, RA_LOG_NO_TIME, AGENT), 1);
    assert_true(world_run(&w, 5 * DAY)); /* and weekly */
    assert_int_equal(world_logged(&w, RA_LOG_NO_TIME, AGENT), 2);
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_E_TIME_UNKNOWN);
    assert_false(world_status(&w, AGENT).time_known);
    check_pair();
    /* At last a Date. */
    w.ca.no_date = false;
    until(AGENT, RA_STATE_PROBATION, 2 * HOUR);
    assert_int_equal(w.ra.clock.source, RA_TIME_HTTP);
}

static void time_from_http_after_a_minute(void **state)
{
    (void)state;
    provision_agent(30);
    w.board_clock = false;
    world_boot(&w);
    w.pace_ms = 1000;
    until(AGENT, RA_STATE_PROBATION, 120);
    assert_int_equal(w.ca.submits[AGENT], 1);
    assert_in_range(world_now(&w) - WORLD_NOW, 60, 90);
    check_role(AGENT);
}

static void time_from_sntp_and_from_the_operator(void **state)
{
    (void)state;
    provision_agent(30);
    w.board_clock = false;
    world_boot(&w);
    w.pace_ms = 1000;
    assert_true(world_run(&w, 10));
    assert_int_equal(w.link.requests, 0);
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_SNTP, world_now(&w)), RA_OK);
    until(AGENT, RA_STATE_PROBATION, 10);
    /* SNTP leaves no trace in flash; the certificate's notBefore does: it passed the gates. */
    int64_t not_before = world_status(&w, AGENT).not_before;
    assert_true(world_settle(&w));
    world_boot(&w);
    assert_int_equal(w.ra.clock.floor, not_before);
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_SNTP, not_before - 1), RA_E_TIME_UNKNOWN);
    /* The operator's time does. */
    int64_t said = world_now(&w) + 5 * DAY;
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_OPERATOR, said), RA_OK);
    assert_int_equal(world_logged(&w, RA_LOG_TIME_SET, AGENT), 1);
    assert_true(world_settle(&w));
    world_boot(&w);
    assert_int_equal(w.ra.clock.floor, said);
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_SNTP, said - 1), RA_E_TIME_UNKNOWN);
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_SNTP, said), RA_OK);
    world_boot(&w);
    assert_int_equal(w.ra.clock.floor, said);
}

static void clock_steps_back(void **state)
{
    (void)state;
    start_agent(30);
    w.ca.net = FAKE_NET_PAGE;
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    /* Back by 300 days: the next attempt does not wait for a time that far ahead. Its certificate
     * is of the future and not believed; the old one serves. */
    w.board_error_s = -300 * DAY;
    world_boot(&w);
    w.ca.net = FAKE_NET_UP;
    until(AGENT, RA_STATE_CHECK, 9 * DAY);
    until(AGENT, RA_STATE_BACKOFF, 60);
    assert_int_equal(world_status(&w, AGENT).cause, RA_E_GATE_NOT_YET);
    check_role(AGENT);
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_SNTP, world_now(&w)), RA_OK);
    until(AGENT, RA_STATE_PROBATION, 9 * DAY);
    check_role(AGENT);
    assert_in_range(w.ca.submits[AGENT], 1, 3);
}

static void clock_jumps_ahead_and_the_ca_answers(void **state)
{
    (void)state;
    /* The clock is 60 days ahead, and by it the certificate has expired. */
    provision_agent(45);
    w.board_error_s = 60 * DAY;
    world_boot(&w);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_logged(&w, RA_LOG_EXPIRED, AGENT), 0);
    assert_int_equal(w.ca.submits[AGENT], 1);
    check_role(AGENT);
}

static void clock_jumps_ahead_and_nobody_answers(void **state)
{
    (void)state;
    provision_agent(45);
    w.board_error_s = 60 * DAY;
    w.ca.net = FAKE_NET_REFUSED;
    world_boot(&w);
    unsigned connections = w.ca.connections;
    until(AGENT, RA_STATE_EXPIRED, 2 * HOUR);
    assert_in_range(w.ca.connections - connections, 6, 6);
    assert_int_equal(world_logged(&w, RA_LOG_EXPIRED, AGENT), 1);
    assert_true(world_status(&w, AGENT).expired);
    assert_true(world_run(&w, 2 * DAY));
    assert_in_range(w.ca.connections - connections, 6, 6);
    assert_int_equal(world_serves(&w, AGENT), 1);
    /* The clock is put right: it goes on. */
    w.ca.net = FAKE_NET_UP;
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_SNTP, world_now(&w)), RA_OK);
    until(AGENT, RA_STATE_PROBATION, 2 * DAY);
    check_role(AGENT);
}

static void an_expiry_after_a_jump_is_doubted_once_a_week(void **state)
{
    (void)state;
    provision_agent(45);
    w.board_error_s = 60 * DAY;
    w.ca.net = FAKE_NET_REFUSED;
    world_boot(&w);
    until(AGENT, RA_STATE_EXPIRED, 2 * HOUR);
    unsigned connections = w.ca.connections;
    assert_true(world_run(&w, 15 * DAY));
    assert_in_range(w.ca.connections - connections, 1, 4);
    /* The clock stays wrong, the CA comes back. */
    w.ca.net = FAKE_NET_UP;
    until(AGENT, RA_STATE_PROBATION, 8 * DAY);
    check_role(AGENT);
}

static void no_storm_after_clock_jumps(void **state)
{
    (void)state;
    start_agent(30);
    w.ca.net = FAKE_NET_LOSE_REPLY;
    assert_true(world_run(&w, DAY));
    for (int i = 0; i < 12; i++) {
        int64_t error = (i % 2 != 0 ? 20 : -200) * DAY;
        (void)ra_offer_time(&w.ra, RA_TIME_SNTP, world_now(&w) + error);
        assert_true(world_run(&w, HOUR));
    }
    /* Each change of the day by more than one refills the budget once. */
    assert_in_range(w.ca.most_a_day[AGENT], 8, 8 + 12);
    w.ca.net = FAKE_NET_UP;
    (void)ra_offer_time(&w.ra, RA_TIME_SNTP, world_now(&w));
    until(AGENT, RA_STATE_PROBATION, 8 * DAY);
    check_role(AGENT);
}

static void expired_needs_enrolment(void **state)
{
    (void)state;
    start_agent(-1);
    until(AGENT, RA_STATE_EXPIRED, 60);
    unsigned logged = world_logged(&w, RA_LOG_EXPIRED, AGENT);
    assert_true(logged > 0);
    assert_true(world_run(&w, 3 * DAY));
    assert_int_equal(w.link.requests, 0);
    assert_int_equal(world_logged(&w, RA_LOG_EXPIRED, AGENT), logged);
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_E_EXPIRED);
    assert_int_equal(world_serves(&w, AGENT), 1);
    /* It expires while the CA cannot be reached. */
    start_agent(3);
    w.ca.net = FAKE_NET_REFUSED;
    assert_true(world_run(&w, 3 * DAY - HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_BACKOFF);
    until(AGENT, RA_STATE_EXPIRED, 2 * HOUR);
    assert_in_range(world_now(&w) - WORLD_NOW, 3 * DAY, 3 * DAY + 120);
}

/* --- the operator --------------------------------------------------------------------------------- */

static void hold_stops_everything(void **state)
{
    (void)state;
    start_agent(30);
    world_set(&w, "hold", "on");
    assert_true(world_run(&w, 2 * DAY));
    assert_int_equal(w.link.requests, 0);
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_E_HELD);
    assert_true(world_status(&w, AGENT).held);
    world_boot(&w);
    assert_true(world_run(&w, DAY));
    assert_int_equal(w.link.requests, 0);
    world_set(&w, "hold", "off");
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_PENDING, HOUR);
    world_set(&w, "hold", "on");
    unsigned requests = w.link.requests;
    assert_true(world_run(&w, DAY));
    assert_int_equal(w.link.requests, requests);
    world_set(&w, "hold", "off");
    assert_true(fake_ca_approve(&w.ca, AGENT, world_now(&w)));
    until(AGENT, RA_STATE_PROBATION, 2 * HOUR);
    assert_int_equal(w.ca.submits[AGENT], 1);
}

static void renew_is_refused_when_it_cannot_be(void **state)
{
    (void)state;
    start_agent(30);
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, false), RA_E_NO_CREDENTIAL);
    until(AGENT, RA_STATE_KEYGEN, 60);
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_E_BUSY);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    /* Asking for the next one accepts this one. */
    assert_true(world_run(&w, HOUR));
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_OK);
    assert_int_equal(world_logged(&w, RA_LOG_PROVED, AGENT), 1);
    (void)world_step(&w);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, AGENT), 3);
    assert_int_equal(w.ca.keys[AGENT], 2);
    check_role(AGENT);
    /* In a waiting time it means: now. */
    assert_true(world_run(&w, HOUR));
    ra_report_use(&w.ra, AGENT, true);
    w.ca.net = FAKE_NET_PAGE;
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_OK);
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    w.ca.net = FAKE_NET_UP;
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_OK);
    until(AGENT, RA_STATE_PROBATION, 60);
    assert_int_equal(world_serves(&w, AGENT), 4);
}

static void network_down_costs_no_attempt(void **state)
{
    (void)state;
    start_agent(30);
    ra_network(&w.ra, false);
    assert_true(world_run(&w, DAY));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
    assert_true(ra_may_be_due(&w.ra));
    assert_false(ra_working(&w.ra));
    ra_network(&w.ra, true);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(w.ca.submits[AGENT], 1);
    assert_false(ra_may_be_due(&w.ra));
}

/* --- rollback -------------------------------------------------------------------------------------- */

static void failure_in_use_brings_the_pair_back(void **state)
{
    (void)state;
    start_pair(30, 30);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    check_pair();
    ra_report_use(&w.ra, ENCRYPTION, false);
    until(ENCRYPTION, RA_STATE_BACKOFF, 60);
    until(AGENT, RA_STATE_BACKOFF, 60);
    assert_int_equal(world_serves(&w, AGENT), 1);
    assert_int_equal(world_serves(&w, ENCRYPTION), 2);
    assert_int_equal(w.told[AGENT], 2);
    assert_int_equal(w.told[ENCRYPTION], 2);
    assert_int_equal(world_logged(&w, RA_LOG_ROLLED_BACK, AGENT), 1);
    assert_int_equal(world_logged(&w, RA_LOG_ROLLED_BACK, ENCRYPTION), 1);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_PROBATION);
    check_pair();
    assert_true(world_settle(&w));
    world_boot(&w);
    assert_int_equal(world_serves(&w, AGENT), 1);
    assert_int_equal(world_serves(&w, ENCRYPTION), 2);
    /* Next day it begins again and gets other certificates. */
    until(ENCRYPTION, RA_STATE_PROBATION, 2 * DAY);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PROBATION);
    assert_true(world_serves(&w, AGENT) > 4 && world_serves(&w, ENCRYPTION) > 4);
    check_pair();
}

/* Found broken long after its probation: the role goes back alone, but not from under a renewal. */
static void failure_in_use_brings_one_back_later(void **state)
{
    (void)state;
    start_pair(30, 30);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    until(AGENT, RA_STATE_IDLE, 2 * DAY);
    until(ENCRYPTION, RA_STATE_IDLE, 2 * DAY);
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, true), RA_OK);
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    uint32_t agents = world_serves(&w, AGENT), present = world_serves(&w, ENCRYPTION);
    ra_report_use(&w.ra, ENCRYPTION, false);
    assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_PENDING);
    assert_int_equal(world_serves(&w, ENCRYPTION), present);
    assert_int_equal(ra_cancel(&w.ra, ENCRYPTION), RA_OK);
    until(ENCRYPTION, RA_STATE_IDLE, HOUR);
    ra_report_use(&w.ra, ENCRYPTION, false);
    until(ENCRYPTION, RA_STATE_BACKOFF, 60);
    assert_int_equal(world_serves(&w, ENCRYPTION), 2);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
    assert_int_equal(world_serves(&w, AGENT), agents);
    assert_int_equal(world_logged(&w, RA_LOG_ROLLED_BACK, ENCRYPTION), 1);
    check_pair();
}

static void what_fails_each_time_is_tried_once_a_week(void **state)
{
    (void)state;
    start_agent(41);
    for (int64_t end = world_now(&w) + 33 * DAY; world_now(&w) < end;) {
        if (world_state(&w, AGENT) == RA_STATE_PROBATION) {
            ra_report_use(&w.ra, AGENT, false);
            until(AGENT, RA_STATE_BACKOFF, 60);
            assert_true(world_settle(&w));
            world_boot(&w);
        }
        assert_true(world_run(&w, HOUR));
    }
    /* After 1, 2, 4 and then 7 days. */
    assert_in_range(w.ca.submits[AGENT], 5, 9);
    assert_int_equal(world_serves(&w, AGENT), 1);
    until(AGENT, RA_STATE_PROBATION, 8 * DAY);
    check_role(AGENT);
}

static void what_was_ready_may_have_expired_meanwhile(void **state)
{
    (void)state;
    start_pair(20, 20);
    world_set(&w, "minimum-life-days", "30");
    w.ca.mode[AGENT] = FAKE_CA_SHORT; /* 60 days */
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_READY, HOUR);
    assert_true(world_settle(&w));
    world_advance(&w, 70 * DAY);
    w.ca.net = FAKE_NET_REFUSED;
    world_boot(&w);
    until(AGENT, RA_STATE_EXPIRED, 2 * DAY);
    assert_int_equal(world_serves(&w, AGENT), 1);
    assert_int_equal(world_logged(&w, RA_LOG_SWITCHED, AGENT), 0);
}

static void never_back_to_an_expired_one(void **state)
{
    (void)state;
    provision_agent(2);
    world_boot_offline(&w);
    world_set(&w, "probation-hours", "72");
    assert_true(world_settle(&w));
    world_boot(&w);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_true(world_run(&w, 2 * DAY + HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PROBATION);
    ra_report_use(&w.ra, AGENT, false);
    assert_true(world_run(&w, HOUR));
    assert_int_equal(world_serves(&w, AGENT), 2);
    assert_int_equal(world_logged(&w, RA_LOG_ROLLED_BACK, AGENT), 0);
}

/* Every bit of the record's payload is turned. */
static void damage(enum ra_record type, uint16_t id)
{
    bool found = false;
    for (uint32_t i = 0; i < w.ra.store.entries; i++) {
        const struct ra_store_entry_ *e = &w.ra.store.entry[i];
        if (e->type == (uint8_t)type && e->id == id) {
            uint32_t unit = w.flash.geometry.program_unit;
            uint32_t at = w.ra.store.active.base + e->at + 20u;
            if (e->at >= w.ra.store.active.base) {
                at = e->at + 20u;
            }
            for (uint32_t k = unit; k < e->size; k++) {
                w.memory[at + k] ^= 0xff;
            }
            found = true;
        }
    }
    assert_true(found);
}

static void a_damaged_record_falls_back(void **state)
{
    (void)state;
    static const enum ra_record types[] = {RA_RECORD_CERT, RA_RECORD_KEY};
    for (unsigned i = 0; i < 2; i++) {
        start_agent(30);
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_true(world_settle(&w));
        damage(types[i], ra_generation_id(AGENT, 2));
        world_boot(&w);
        (void)world_check(&w, AGENT); /* the appliance uses it: that is when it is noticed */
        assert_true(world_run(&w, HOUR));
        assert_int_equal(world_serves(&w, AGENT), 1);
        assert_int_equal(world_logged(&w, RA_LOG_ROLLED_BACK, AGENT), 1);
        assert_true(world_logged(&w, RA_LOG_DAMAGED, AGENT) > 0);
        check_role(AGENT);
        until(AGENT, RA_STATE_PROBATION, 3 * DAY);
        assert_true(world_serves(&w, AGENT) > 2);
        check_role(AGENT);
    }
}

/* What the CA issued cannot be judged, and is fetched again when it can. */
static void a_damaged_anchor_is_named(void **state)
{
    (void)state;
    start_agent(30);
    assert_true(world_settle(&w));
    damage(RA_RECORD_ANCHOR, 0);
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, AGENT).cause, RA_E_RECORD_DAMAGED);
    assert_true(world_logged(&w, RA_LOG_DAMAGED, RA_EVENT_NO_ROLE) > 0);
    assert_int_equal(w.ca.submits[AGENT], 1);
    assert_int_equal(world_serves(&w, AGENT), 1);
    check_role(AGENT);
    world_anchor(&w, 0, fake_ca_root(w.ca.authority));
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(w.ca.submits[AGENT], 1);
    assert_true(world_serves(&w, AGENT) > 1);
}

/* The power goes while the switch is being written: what the next boot serves has been copied
 * to flash that no cut has touched, so it stays. */
static void after_a_cut_a_clean_copy_serves(void **state)
{
    (void)state;
    unsigned old = 0, new = 0;
    for (uint32_t operation = 1; operation <= 6; operation++) {
        provision_agent(30);
        world_boot(&w);
        until(AGENT, RA_STATE_COMMIT, HOUR);
        w.flash.cut = NOR_CUT_AFTER;
        w.flash.cut_at = w.flash.operations + operation;
        (void)world_run(&w, 60);
        assert_true(w.flash.cut_fired);
        world_boot(&w);
        assert_true(ra_store_was_unclean(&w.ra.store));
        assert_true(ra_store_settled(&w.ra.store));
        uint32_t id = world_serves(&w, AGENT);
        check_role(AGENT);
        world_boot(&w);
        assert_false(ra_store_was_unclean(&w.ra.store));
        assert_int_equal(world_serves(&w, AGENT), id);
        *(id == 1 ? &old : &new) += 1;
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_int_equal(w.ca.submits[AGENT], 1);
    }
    assert_true(old > 0 && new > 0);
}

/* Both certificates are read to plan the switch: not at each step while an event is being written. */
static void a_switch_is_planned_when_it_can_be_written(void **state)
{
    (void)state;
    start_agent(30);
    until(AGENT, RA_STATE_COMMIT, HOUR);
    w.flash.polls = 20;
    ra_log(&w.ra, RA_LOG_CONFIG, RA_EVENT_NO_ROLE, RA_OK, 0, "written first");
    (void)world_step(&w);
    assert_int_equal(w.ra.writer, RA_WRITER_EVENT);
    uint64_t read = w.flash.read_bytes;
    while (w.ra.writer == RA_WRITER_EVENT) {
        (void)world_step(&w);
        assert_int_equal(world_state(&w, AGENT), RA_STATE_COMMIT);
    }
    assert_true(w.flash.read_bytes - read < 500); /* what it wrote */
    w.flash.polls = 0;
    until(AGENT, RA_STATE_PROBATION, HOUR);
    check_role(AGENT);
}

static void a_pair_that_does_not_fit_is_not_installed(void **state)
{
    (void)state;
    /* Between the last write and the self-test another key, or nothing readable, takes the
     * place of the new one. */
    for (unsigned kind = 0; kind < 3; kind++) {
        uint16_t id = ra_generation_id(AGENT, 2);
        start_agent(30);
        until(AGENT, RA_STATE_SELF_TEST, HOUR);
        while (!ra_store_settled(&w.ra.store)) {
            (void)ra_store_step(&w.ra.store);
        }
        if (kind < 2) {
            const struct world_blob *other = world_blob("agent_new1.key");
            const struct fake_ca_request *r = fake_ca_request(&w.ca, 1);
            ra_err e = kind == 0
                           ? ra_store_put(&w.ra.store, RA_RECORD_KEY, id, other->p, other->size)
                           : ra_store_put(&w.ra.store, RA_RECORD_CERT, id, r->cert, r->cert_size);
            assert_int_equal(e, RA_OK);
            while (!ra_store_settled(&w.ra.store)) {
                (void)ra_store_step(&w.ra.store);
            }
        } else {
            damage(RA_RECORD_KEY, id);
        }
        until(AGENT, RA_STATE_BACKOFF, 60);
        assert_int_equal(world_status(&w, AGENT).cause, RA_E_GATE_SELF_TEST);
        assert_int_equal(world_serves(&w, AGENT), 1);
        check_role(AGENT);
        /* Again with another key. */
        until(AGENT, RA_STATE_PROBATION, 2 * DAY);
        assert_int_equal(w.ca.keys[AGENT], 2);
        check_role(AGENT);
    }
}

/* --- what the board lacks ---------------------------------------------------------------------------- */

static void without_entropy_no_key(void **state)
{
    (void)state;
    static const enum world_noise kinds[] = {WORLD_NOISE_ABSENT, WORLD_NOISE_NONE};
    for (unsigned i = 0; i < 2; i++) {
        provision_agent(30);
        w.noise = kinds[i];
        world_boot(&w);
        assert_true(world_run(&w, DAY));
        assert_int_equal(w.link.requests, 0);
        assert_int_equal(world_serves(&w, AGENT), 1);
        assert_int_equal(w.ra.commit.slot[AGENT].newest, 1);
        if (kinds[i] == WORLD_NOISE_ABSENT) {
            assert_int_equal(world_status(&w, AGENT).cause, RA_E_ENTROPY);
        }
        w.noise = WORLD_NOISE_GOOD;
        until(AGENT, RA_STATE_PROBATION, DAY);
        check_role(AGENT);
    }
}

static bool in_flash(const uint8_t *p, size_t size)
{
    for (uint32_t at = 0; at + size <= w.flash.size; at++) {
        if (w.memory[at] == p[0] && memcmp(w.memory + at, p, size) == 0) {
            return true;
        }
    }
    return false;
}

static void without_a_device_key_unsealed(void **state)
{
    (void)state;
    for (unsigned none = 0; none < 2; none++) {
        const struct world_enrolment e = {.key = {"agent.key", NULL}, .days_left = {30, 0}};
        uint8_t der[RA_KEY_DER_MAX];
        size_t size = 0;
        world_init(&w, NULL);
        w.no_device_key = none != 0;
        world_provision(&w, &e);
        world_boot(&w);
        until(AGENT, RA_STATE_PROBATION, HOUR);
        check_role(AGENT);
        assert_true(world_settle(&w));
        assert_int_equal(ra_store_get(&w.ra.store, RA_RECORD_KEY, ra_generation_id(AGENT, 2), der,
                                      sizeof der, &size),
                         RA_OK);
        assert_int_equal(in_flash(der + 7, 32), none != 0); /* SEC 1: the private number */
        world_boot(&w);
        assert_int_equal(world_serves(&w, AGENT), 2);
        check_role(AGENT);
    }
}

/* --- one private-key operation a step ------------------------------------------------------------------ */

/* The linker puts these between the firmware and crypto/. */
ra_err __wrap_ra_key_sign(const struct ra_key *key, struct ra_random *random, enum ra_hash_alg alg,
                          const uint8_t *digest, uint8_t *out, size_t cap, size_t *size);
ra_err __real_ra_key_sign(const struct ra_key *key, struct ra_random *random, enum ra_hash_alg alg,
                          const uint8_t *digest, uint8_t *out, size_t cap, size_t *size);
ra_err __wrap_ra_key_decrypt(const struct ra_key *key, struct ra_random *random,
                             enum ra_padding padding, const uint8_t *in, size_t in_size,
                             uint8_t *out, size_t cap, size_t *size);
ra_err __real_ra_key_decrypt(const struct ra_key *key, struct ra_random *random,
                             enum ra_padding padding, const uint8_t *in, size_t in_size,
                             uint8_t *out, size_t cap, size_t *size);
static unsigned private_operations, private_most, private_all;

ra_err __wrap_ra_key_sign(const struct ra_key *key, struct ra_random *random, enum ra_hash_alg alg,
                          const uint8_t *digest, uint8_t *out, size_t cap, size_t *size)
{
    private_operations += !fake_ca_busy;
    return __real_ra_key_sign(key, random, alg, digest, out, cap, size);
}

ra_err __wrap_ra_key_decrypt(const struct ra_key *key, struct ra_random *random,
                             enum ra_padding padding, const uint8_t *in, size_t in_size,
                             uint8_t *out, size_t cap, size_t *size)
{
    private_operations++;
    return __real_ra_key_decrypt(key, random, padding, in, in_size, out, cap, size);
}

static void count_private(struct world *world)
{
    (void)world;
    private_all += private_operations;
    private_most = private_operations > private_most ? private_operations : private_most;
    private_operations = 0;
}

static void a_step_has_one_private_operation(void **state)
{
    (void)state;
    start_pair(30, 30);
    private_operations = private_most = private_all = 0;
    w.on_step = count_private;
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    w.on_step = NULL;
    /* For each role: the request by the new key, the message by the old one, the self-test. */
    assert_int_equal(private_all, 6);
    assert_int_equal(private_most, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pair_switches_in_one_commit),
        cmocka_unit_test(probation_ends_by_use_or_by_time),
#ifndef __arm__
        cmocka_unit_test(old_decryption_key_is_retained),
#endif
        cmocka_unit_test(nothing_due_is_quiet),
        cmocka_unit_test(small_pieces_and_a_busy_flash),
        cmocka_unit_test(ready_one_waits_for_the_pending_one),
        cmocka_unit_test(split_seven_days_before_the_first_expiry),
        cmocka_unit_test(one_asked_for_alone),
        cmocka_unit_test(alone_though_the_partner_is_under_way),
        cmocka_unit_test(a_certificate_of_the_near_future_waits),
        cmocka_unit_test(every_failure_leaves_the_old_one),
        cmocka_unit_test(waits_grow),
        cmocka_unit_test(the_manager_denies),
        cmocka_unit_test(what_the_web_server_said),
        cmocka_unit_test(the_ca_forgets_the_request),
        cmocka_unit_test(the_operator_names_the_request),
        cmocka_unit_test(what_the_operator_asks_for_is_answered),
        cmocka_unit_test(a_request_given_up_does_not_weigh_on_the_next),
        cmocka_unit_test(the_daily_budget_holds),
        cmocka_unit_test(a_renewal_does_not_refill_the_budget),
        cmocka_unit_test(noise_that_comes_back_is_waited_for),
        cmocka_unit_test(reset_in_every_state),
        cmocka_unit_test(unknown_time_begins_nothing),
        cmocka_unit_test(time_from_http_after_a_minute),
        cmocka_unit_test(time_from_sntp_and_from_the_operator),
        cmocka_unit_test(clock_steps_back),
        cmocka_unit_test(clock_jumps_ahead_and_the_ca_answers),
        cmocka_unit_test(clock_jumps_ahead_and_nobody_answers),
        cmocka_unit_test(an_expiry_after_a_jump_is_doubted_once_a_week),
        cmocka_unit_test(no_storm_after_clock_jumps),
        cmocka_unit_test(expired_needs_enrolment),
        cmocka_unit_test(hold_stops_everything),
        cmocka_unit_test(renew_is_refused_when_it_cannot_be),
        cmocka_unit_test(network_down_costs_no_attempt),
        cmocka_unit_test(failure_in_use_brings_the_pair_back),
        cmocka_unit_test(failure_in_use_brings_one_back_later),
        cmocka_unit_test(what_fails_each_time_is_tried_once_a_week),
        cmocka_unit_test(what_was_ready_may_have_expired_meanwhile),
        cmocka_unit_test(never_back_to_an_expired_one),
        cmocka_unit_test(a_damaged_record_falls_back),
        cmocka_unit_test(a_damaged_anchor_is_named),
        cmocka_unit_test(after_a_cut_a_clean_copy_serves),
        cmocka_unit_test(a_switch_is_planned_when_it_can_be_written),
        cmocka_unit_test(a_pair_that_does_not_fit_is_not_installed),
        cmocka_unit_test(without_entropy_no_key),
        cmocka_unit_test(without_a_device_key_unsealed),
        cmocka_unit_test(a_step_has_one_private_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
