/* Renewal goes on for ever: clocks that were wrong, days that are short, requests that are given up
 * and anchors that end must not stop it, nor leave the operator without a word. */
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
#define DAY ((int64_t)RA_DAY)
#define HOUR ((int64_t)RA_HOUR)

static struct world w;

static void provision_agent(int days)
{
    const struct world_enrolment e = {.key = {"agent.key", NULL}, .days_left = {days, 0}};
    world_init(&w, NULL);
    world_provision(&w, &e);
}

static void until(enum ra_role role, enum ra_state state, int64_t seconds)
{
    assert_true(world_until_state(&w, role, state, seconds));
}

/* Switched on for eight hours of each day. */
static void a_working_day(void)
{
    assert_true(world_run(&w, 8 * HOUR));
    assert_true(world_settle(&w));
    world_advance(&w, 16 * HOUR);
    world_boot(&w);
    assert_true(world_run(&w, RA_MINUTE));
}

/* A failure was planned by a clock that was 20 days ahead. The appliance is never on for a whole
 * day, so that a wait which begins anew at each boot would last as long as the clock was wrong. */
static void a_wrong_plan_and_short_days(void **state)
{
    (void)state;
    provision_agent(30);
    w.board_error_s = 20 * DAY;
    w.ca.net = FAKE_NET_PAGE;
    world_boot(&w);
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_true(world_settle(&w));
    w.board_error_s = 0;
    w.ca.net = FAKE_NET_UP;
    world_boot(&w);
    for (unsigned day = 0; day < 3 && world_serves(&w, AGENT) == 1; day++) {
        a_working_day();
    }
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PROBATION);
    assert_null(world_check(&w, AGENT));
}

/* The same of a probation: its end goes back into flash as it is cut short. */
static void a_wrong_probation_and_short_days(void **state)
{
    (void)state;
    provision_agent(30);
    w.board_error_s = 20 * DAY;
    world_boot(&w);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_true(world_settle(&w));
    w.board_error_s = 0;
    world_boot(&w);
    for (unsigned day = 0; day < 3; day++) {
        a_working_day();
    }
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
}

/* Only replies of the CA's web server give the time, and one is 20 days ahead: too little for a
 * jump, enough for a certificate that has 15. Expired, nothing would be asked any more, so that no
 * reply could put it right. */
static void a_false_date_ends_nothing(void **state)
{
    (void)state;
    provision_agent(15);
    w.board_clock = false;
    w.ca.clock_error = 20 * DAY;
    w.ca.net = FAKE_NET_PAGE;
    world_boot(&w);
    until(AGENT, RA_STATE_EXPIRED, HOUR);
    assert_false(w.ra.clock.jumped);
    w.ca.clock_error = 0;
    w.ca.net = FAKE_NET_UP;
    until(AGENT, RA_STATE_PROBATION, 10 * DAY);
    assert_null(world_check(&w, AGENT));
}

/* A time server is 60 days ahead while nobody can be reached: that is no confirmation. */
static void nobody_confirms_an_expiry(void **state)
{
    (void)state;
    provision_agent(45);
    w.board_error_s = 60 * DAY;
    w.ca.net = FAKE_NET_REFUSED;
    world_boot(&w);
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_true(world_run(&w, HOUR / 4));
    assert_int_equal(world_logged(&w, RA_LOG_EXPIRED, AGENT), 0);
    w.ca.net = FAKE_NET_UP;
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_null(world_check(&w, AGENT));
}

/* What is ready does not switch on hold, not by itself and not when the window to wait for the
 * partner ends. */
static void hold_keeps_what_is_ready(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 10, 10);
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    world_boot(&w);
    until(AGENT, RA_STATE_READY, HOUR);
    world_set(&w, "hold", "on");
    assert_true(world_run(&w, 5 * DAY));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_READY);
    assert_true(world_settle(&w));
    world_boot(&w);
    assert_true(world_run(&w, HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_READY);
    assert_int_equal(world_serves(&w, AGENT), 1);
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_E_HELD);
    world_set(&w, "hold", "off");
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_null(world_check(&w, AGENT));
}

/* Two months on a shelf are a jump of the clock: no reason to be silent for the years after. */
static void reminders_after_a_long_time_off(void **state)
{
    (void)state;
    provision_agent(140);
    world_boot(&w);
    world_set(&w, "hold", "on");
    ra_config_save(&w.ra);
    assert_true(world_settle(&w));
    world_advance(&w, 60 * DAY);
    world_boot(&w);
    assert_true(w.ra.clock.jumped);
    assert_true(world_run(&w, 22 * DAY));
    assert_int_equal(world_logged(&w, RA_LOG_DAYS_LEFT, AGENT), 1);
}

/* The CA manager lets the request lie until the certificate has expired: the operator is told, once. */
static void an_expiry_while_a_request_waits(void **state)
{
    (void)state;
    provision_agent(10);
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    world_boot(&w);
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_true(world_run(&w, 11 * DAY));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PENDING);
    assert_int_equal(world_logged(&w, RA_LOG_EXPIRED, AGENT), 1);
    assert_true(world_settle(&w));
    world_boot(&w);
    assert_true(world_run(&w, DAY));
    assert_int_equal(world_logged(&w, RA_LOG_EXPIRED, AGENT), 1);
    assert_true(fake_ca_approve(&w.ca, AGENT, world_now(&w)));
    until(AGENT, RA_STATE_PROBATION, 2 * HOUR);
    assert_null(world_check(&w, AGENT));
}

static bool stored(enum ra_record type, uint16_t id)
{
    return world_flash_holds(&w, type, id, NULL, 0, NULL);
}

/* The operator mistypes the year and puts it right: neither the probation nor the old pair has
 * ended meanwhile. What nobody puts right counts after a week. */
static void a_mistyped_year_ends_nothing_for_good(void **state)
{
    (void)state;
    uint16_t old = ra_generation_id(AGENT, 1);
    provision_agent(30);
    world_boot(&w);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    for (unsigned proved = 0; proved < 2; proved++) {
        int64_t wrong = world_now(&w) + 3650 * DAY;
        assert_int_equal(ra_offer_time(&w.ra, RA_TIME_OPERATOR, wrong), RA_OK);
        assert_true(world_run(&w, proved ? 6 * DAY : 5 * HOUR));
        assert_int_equal(ra_offer_time(&w.ra, RA_TIME_OPERATOR, world_now(&w)), RA_OK);
        assert_true(world_run(&w, HOUR));
        assert_int_equal(world_state(&w, AGENT), proved ? RA_STATE_IDLE : RA_STATE_PROBATION);
        assert_int_equal(world_status(&w, AGENT).previous, 1);
        assert_true(stored(RA_RECORD_KEY, old) && stored(RA_RECORD_CERT, old));
        until(AGENT, RA_STATE_IDLE, 2 * DAY);
    }
    w.board_clock = false;
    assert_true(world_settle(&w));
    world_advance(&w, 600 * DAY);
    world_boot(&w);
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_OPERATOR, world_now(&w)), RA_OK);
    assert_true(world_run(&w, 6 * DAY));
    assert_true(stored(RA_RECORD_KEY, old));
    assert_true(world_run(&w, 2 * DAY));
    assert_int_equal(world_status(&w, AGENT).previous, 0);
    assert_false(stored(RA_RECORD_KEY, old));
}

/* A request that is given up takes its key along, with a certificate or without. */
static void given_up_when_ready(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 30, 30);
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    world_boot(&w);
    until(AGENT, RA_STATE_READY, HOUR);
    assert_true(world_settle(&w));
    uint16_t id = ra_generation_id(AGENT, 2);
    assert_true(stored(RA_RECORD_KEY, id) && stored(RA_RECORD_CERT, id));
    world_set(&w, "hold", "on");
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_IDLE, HOUR);
    assert_true(world_run(&w, HOUR));
    assert_true(world_settle(&w));
    assert_false(stored(RA_RECORD_KEY, id));
    assert_false(stored(RA_RECORD_CERT, id));
    assert_false(stored(RA_RECORD_CHAIN, id));
    assert_int_equal(world_serves(&w, AGENT), 1);
    assert_null(world_check(&w, AGENT));
}

/* The power goes at each flash operation of giving it up: the request is there again or gone, and the
 * pair that serves is whole; in the end no key is left that nobody asked for. */
static void given_up_when_ready_and_cut(void **state)
{
    (void)state;
    static struct world ready;
    bool cut = true;
    unsigned cuts = 0;
    world_init(&ready, NULL);
    world_provision_pair(&ready, 30, 30);
    ready.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    world_boot(&ready);
    assert_true(world_until_state(&ready, AGENT, RA_STATE_READY, HOUR));
    world_set(&ready, "hold", "on");
    assert_true(world_settle(&ready));
    for (unsigned at = 1; cut; at++) {
        world_init(&w, NULL);
        world_copy(&w, &ready);
        world_boot(&w);
        until(AGENT, RA_STATE_READY, HOUR);
        assert_true(world_settle(&w));
        w.flash.cut = (enum nor_cut)(at % 4);
        w.flash.cut_at = w.flash.operations + at;
        assert_int_equal(ra_cancel(&w.ra, AGENT), RA_OK);
        cut = !world_run(&w, HOUR) || !world_settle(&w);
        w.flash.cut_at = 0;
        world_boot(&w);
        assert_true(world_run(&w, RA_MINUTE));
        assert_int_equal(world_serves(&w, AGENT), 1);
        assert_null(world_check(&w, AGENT));
        if (world_state(&w, AGENT) != RA_STATE_IDLE) {
            assert_int_equal(ra_cancel(&w.ra, AGENT), RA_OK);
        }
        until(AGENT, RA_STATE_IDLE, HOUR);
        assert_true(world_run(&w, HOUR));
        assert_true(world_settle(&w));
        assert_false(stored(RA_RECORD_KEY, ra_generation_id(AGENT, 2)));
        cuts = at;
        assert_in_range(at, 1, 100);
    }
    assert_true(cuts > 4);
}

static void damage(enum ra_record type, uint16_t id)
{
    for (uint32_t i = 0; i < w.ra.store.entries; i++) {
        const struct ra_store_entry_ *entry = &w.ra.store.entry[i];
        if (entry->type == type && entry->id == id) {
            w.memory[entry->at + 60] ^= 0x04;
        }
    }
    nor_model_format(&w.flash, false);
}

/* The only copy of the served key is damaged. No renewal can be signed any more, and a year is left:
 * the operator has a first certificate made, whatever the role is about. */
static void a_new_one_for_a_damaged_one(void **state)
{
    (void)state;
    for (unsigned window = 0; window < 2; window++) {
        provision_agent(window != 0 ? 30 : 400);
        world_boot_offline(&w);
        world_set(&w, "subject", "CN=RA01-MSCEP-RA");
        assert_true(world_settle(&w));
        damage(RA_RECORD_KEY, ra_generation_id(AGENT, 1));
        world_boot(&w);
        if (window != 0) {
            until(AGENT, RA_STATE_BACKOFF, HOUR);
        } else {
            assert_true(world_run(&w, RA_MINUTE));
            assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_E_STORED); /* not read yet */
            assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
            until(AGENT, RA_STATE_BACKOFF, HOUR);
        }
        assert_int_equal(world_status(&w, AGENT).cause, RA_E_RECORD_DAMAGED);
        assert_true(world_status(&w, AGENT).damaged);
        assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_OK);
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_null(world_check(&w, AGENT));
        assert_false(world_status(&w, AGENT).damaged);
    }
}

/* Flash takes nothing any more: what waits cannot be given up for a first certificate, and goes on
 * waiting; it is not tried again and again. */
static void a_new_one_on_worn_flash(void **state)
{
    (void)state;
    static uint32_t wear[WORLD_FLASH_MAX / 4096u], endurance[WORLD_FLASH_MAX / 4096u];
    unsigned builds = 0;
    provision_agent(30);
    world_boot_offline(&w);
    world_set(&w, "subject", "CN=RA01-MSCEP-RA");
    assert_true(world_settle(&w));
    damage(RA_RECORD_KEY, ra_generation_id(AGENT, 1));
    world_boot(&w);
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_true(world_settle(&w));
    memset(wear, 1, sizeof wear);
    w.flash.wear = wear;
    w.flash.endurance = endurance;
    w.flash.bad_kind = NOR_BAD_PROGRAM;
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_OK);
    enum ra_state last = world_state(&w, AGENT);
    for (int64_t end = world_now(&w) + HOUR; world_now(&w) < end && builds < 10;) {
        assert_true(world_step(&w));
        builds += world_state(&w, AGENT) == RA_STATE_BUILD && last != RA_STATE_BUILD;
        last = world_state(&w, AGENT);
    }
    assert_in_range(builds, 0, 3);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_BACKOFF);
}

/* The time server says that it has expired, and the last attempt is a while off: the operator need not
 * wait for that. */
static void a_new_one_before_the_expiry_is_believed(void **state)
{
    (void)state;
    provision_agent(3);
    w.board_clock = false;
    world_boot_offline(&w);
    world_set(&w, "subject", "CN=RA01-MSCEP-RA");
    assert_true(world_settle(&w));
    w.ca.net = FAKE_NET_PAGE;
    world_advance(&w, 5 * HOUR);
    world_boot(&w);
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_SNTP, world_now(&w)), RA_OK);
    assert_true(world_run(&w, 3 * DAY - 4 * HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_BACKOFF);
    assert_true(world_status(&w, AGENT).expired);
    w.ca.net = FAKE_NET_UP;
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_null(world_check(&w, AGENT));
}

/* Without a time the floor is known at least: what ended before it is not gone back to. */
static void never_back_to_what_the_floor_has_seen_end(void **state)
{
    (void)state;
    provision_agent(2);
    world_boot_offline(&w);
    world_set(&w, "probation-hours", "72");
    assert_true(world_settle(&w));
    world_boot(&w);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_true(world_run(&w, 2 * DAY + HOUR));
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_OPERATOR, world_now(&w)), RA_OK);
    assert_true(world_settle(&w));
    w.board_clock = false;
    world_boot_offline(&w);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_false(world_status(&w, AGENT).time_known);
    ra_report_use(&w.ra, AGENT, false);
    assert_true(world_run(&w, RA_MINUTE));
    assert_int_equal(world_serves(&w, AGENT), 2);
    assert_int_equal(ra_roll_back(&w.ra, AGENT), RA_E_NO_PREVIOUS);
}

static bool heard_of_settings;

static void hear(void *ctx, const struct ra_event_entry *entry)
{
    (void)ctx;
    heard_of_settings = heard_of_settings || (entry->kind == RA_LOG_DAMAGED &&
                                              strcmp(entry->detail, "the settings") == 0);
}

/* Settings that cannot be read are those of the factory: no URL and no hold. The operator is told. */
static void lost_settings_are_told(void **state)
{
    (void)state;
    provision_agent(400);
    world_boot(&w);
    assert_true(world_settle(&w));
    damage(RA_RECORD_CONFIG, 0);
    heard_of_settings = false;
    world_boot(&w);
    assert_string_equal(w.ra.config.ca_url, "");
    for (uint32_t i = 0; i < w.ra.events.count; i++) {
        hear(NULL, &w.ra.events.queue[(w.ra.events.first + i) % RA_EVENT_QUEUE]);
    }
    assert_true(heard_of_settings);
}

static ra_err sign(enum ra_role role)
{
    uint8_t out[RA_SIGNATURE_MAX], digest[32] = {0};
    size_t size = 0;
    return ra_sign(&w.ra, role, RA_HASH_SHA256, digest, out, sizeof out, &size);
}

/* RSA needs random numbers for its blinding: without noise it says so instead of asking to be called
 * again for ever. ECDSA needs none and goes on. */
static void what_serves_without_noise(void **state)
{
    (void)state;
    uint8_t out[RA_SIGNATURE_MAX];
    size_t size = 0;
    const struct ra_span none = {NULL, 0};
    world_init(&w, NULL);
    world_provision_pair(&w, 400, 400);
    w.noise = WORLD_NOISE_NONE;
    world_boot(&w);
    assert_true(world_run(&w, 10));
    assert_int_equal(sign(AGENT), RA_OK);
    assert_int_equal(sign(ENCRYPTION), RA_AGAIN);
    assert_true(world_run(&w, 2 * RA_MINUTE));
    assert_int_equal(sign(ENCRYPTION), RA_E_ENTROPY);
    assert_int_equal(ra_decrypt(&w.ra, none, none, RA_PAD_PKCS1, out, 256, out, sizeof out, &size),
                     RA_E_ENTROPY);
    assert_int_equal(sign(AGENT), RA_OK);
    w.noise = WORLD_NOISE_GOOD;
    for (unsigned i = 0; i < 100 && sign(ENCRYPTION) != RA_OK; i++) {
        (void)world_step(&w);
    }
    assert_int_equal(sign(ENCRYPTION), RA_OK);
}

/* Generations 256 apart have one id: across the wrap nothing is lost and nothing is left over. */
static void generations_wrap(void **state)
{
    (void)state;
    provision_agent(400);
    world_boot_offline(&w);
    while (w.ra.commit.slot[AGENT].active < 252) {
        world_store_pair(&w, AGENT, "agent.key", 400);
        assert_true(world_settle(&w));
    }
    world_boot(&w);
    for (unsigned i = 0; i < 8; i++) {
        w.ca.life_days += 10; /* each one lasts longer */
        assert_true(world_run(&w, RA_MINUTE));
        assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
        (void)world_step(&w);
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_null(world_check(&w, AGENT));
        if (i == 4) {
            ra_report_use(&w.ra, AGENT, false);
            until(AGENT, RA_STATE_BACKOFF, HOUR);
            assert_null(world_check(&w, AGENT));
            until(AGENT, RA_STATE_PROBATION, 2 * DAY);
        }
        assert_true(world_settle(&w));
        world_boot(&w);
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_null(world_check(&w, AGENT));
        assert_true(world_run(&w, 25 * HOUR));
        struct ra_store_cursor cursor;
        struct ra_store_key key;
        unsigned keys = 0;
        ra_store_cursor_init(&cursor, RA_RECORD_KEY);
        while (ra_store_next(&w.ra.store, &cursor, &key)) {
            keys++;
        }
        assert_int_equal(keys, 2);
    }
    assert_int_equal(w.ra.commit.slot[AGENT].active, 262); /* 256 would have the id of none */
}

/* Certificates of a week, and a probation that is set longer than they last: the next renewal does
 * not wait for its end. */
static void a_probation_longer_than_the_certificate(void **state)
{
    (void)state;
    provision_agent(3);
    world_boot_offline(&w);
    world_set(&w, "minimum-life-days", "1");
    world_set(&w, "key-policy", "same");
    world_set(&w, "probation-hours", "720");
    assert_true(world_settle(&w));
    w.ca.life_days = 7;
    world_boot(&w);
    assert_true(world_run(&w, 60 * DAY));
    assert_int_equal(world_logged(&w, RA_LOG_EXPIRED, AGENT), 0);
    assert_null(world_check(&w, AGENT));
    assert_in_range(w.ca.submits[AGENT], 9, 15);
}

/* A CA that answers at once, and each time with what cannot be installed: days, then weeks. */
static void a_bad_certificate_each_time(void **state)
{
    (void)state;
    provision_agent(40);
    w.ca.mode[AGENT] = FAKE_CA_SHORT;
    world_boot(&w);
    assert_true(world_run(&w, 30 * DAY));
    assert_in_range(w.ca.submits[AGENT], 4, 8);
    w.ca.mode[AGENT] = FAKE_CA_ISSUE;
    until(AGENT, RA_STATE_PROBATION, 9 * DAY);
}

/* --- a root is renewed with its key ---------------------------------------------------------- */

static const char *const protocols[][2] = {
    {"adcs", FAKE_CA_URL}, {"scep", FAKE_SCEP_URL}, {"est", FAKE_EST_URL}};

static void provision_by(unsigned protocol)
{
    const struct world_enrolment e = {.key = {NULL, "encryption.key"},
                                      .days_left = {0, 30},
                                      .settings = {{"ca-url", protocols[protocol][1]},
                                                   {"protocol", protocols[protocol][0]},
                                                   {"key-policy", "same"}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    w.ca.root_again = true;
    w.ca.scep.alone = protocol == 1; /* then only the server's list has it */
}

static void renew_again(void)
{
    assert_true(world_run(&w, 25 * HOUR));
    w.ca.life_days += 10;
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, true), RA_OK);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_true(world_settle(&w));
}

/* What ends in 2060 is followed, decades before, by what ends in 2080: by itself, once. */
static void a_root_renewed_with_its_key(void **state)
{
    (void)state;
    for (unsigned protocol = 0; protocol < 3; protocol++) {
        provision_by(protocol);
        world_boot(&w);
        until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
        assert_true(world_settle(&w));
        assert_true(world_holds_anchor(&w, 0, "root.cert"));
        assert_true(world_holds_anchor(&w, 1, "root_again.cert"));
        assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, ENCRYPTION), 1);
        renew_again();
        assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, ENCRYPTION), 1);
        assert_false(world_flash_holds(&w, RA_RECORD_ANCHOR, 2, NULL, 0, NULL));
        /* Without the old one it is enough. */
        while (ra_remove_anchor(&w.ra, 0) == RA_AGAIN) {
            (void)ra_step(&w.ra);
        }
        assert_true(world_settle(&w));
        assert_false(world_flash_holds(&w, RA_RECORD_ANCHOR, 0, NULL, 0, NULL));
        renew_again();
        assert_null(world_check(&w, ENCRYPTION));
        assert_false(world_flash_holds(&w, RA_RECORD_ANCHOR, 0, NULL, 0, NULL));
    }
}

/* A certificate is known by what it says, not by its signature; another one for the same name and key,
 * by another issuer or with another end, is not. */
static void anchors_that_are_known(void **state)
{
    static const struct {
        const char *cert;
        bool known;
        bool bent; /* in its signature */
    } cases[] = {{"root.cert", true, false},           {"root.cert", true, true},
                 {"root_by_root2.cert", false, false}, {"root_again.cert", false, false},
                 {"root2_by_root.cert", false, false}, {"stranger.cert", false, false}};
    (void)state;
    provision_agent(400);
    world_boot_offline(&w);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct world_blob *b = world_blob(cases[i].cert);
        uint8_t cert[RA_CERT_MAX], buf[RA_CERT_MAX];
        struct ra_span der = {cert, b->size};
        uint16_t place = 9;
        bool known = false;
        ra_err e;
        memcpy(cert, b->p, b->size);
        cert[b->size - 1] ^= cases[i].bent ? 1 : 0;
        while ((e = ra_anchor_place(&w.ra, der, buf, &place, &known)) == RA_AGAIN) {
            (void)ra_step(&w.ra);
        }
        assert_int_equal(e, RA_OK);
        assert_int_equal(known, cases[i].known);
        assert_int_equal(place, cases[i].known ? 0 : 1);
    }
}

/* No place is left: that is said, and holds nothing up. */
static void a_renewed_root_without_a_place(void **state)
{
    (void)state;
    provision_by(0);
    world_boot_offline(&w);
    for (unsigned place = 1; place < RA_ANCHORS_MAX; place++) {
        world_anchor(&w, place, "false_root.cert");
    }
    world_boot(&w);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_true(world_settle(&w));
    assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, ENCRYPTION), 0);
    assert_int_equal(world_logged(&w, RA_LOG_NOT_SAVED, ENCRYPTION), 1);
    assert_null(world_check(&w, ENCRYPTION));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_plan_and_short_days),
        cmocka_unit_test(a_wrong_probation_and_short_days),
        cmocka_unit_test(a_false_date_ends_nothing),
        cmocka_unit_test(nobody_confirms_an_expiry),
        cmocka_unit_test(hold_keeps_what_is_ready),
        cmocka_unit_test(reminders_after_a_long_time_off),
        cmocka_unit_test(an_expiry_while_a_request_waits),
        cmocka_unit_test(a_mistyped_year_ends_nothing_for_good),
        cmocka_unit_test(given_up_when_ready),
        cmocka_unit_test(given_up_when_ready_and_cut),
        cmocka_unit_test(a_new_one_for_a_damaged_one),
        cmocka_unit_test(a_new_one_before_the_expiry_is_believed),
        cmocka_unit_test(a_new_one_on_worn_flash),
        cmocka_unit_test(never_back_to_what_the_floor_has_seen_end),
        cmocka_unit_test(lost_settings_are_told),
        cmocka_unit_test(what_serves_without_noise),
        cmocka_unit_test(generations_wrap),
        cmocka_unit_test(a_probation_longer_than_the_certificate),
        cmocka_unit_test(a_bad_certificate_each_time),
        cmocka_unit_test(a_root_renewed_with_its_key),
        cmocka_unit_test(anchors_that_are_known),
        cmocka_unit_test(a_renewed_root_without_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
