/* Renewals in which everything that can fail does, once at each place: keys, hashes, ciphers and
 * random numbers refuse, flash is busy, a record cannot be taken. The appliance gets through all
 * the same, and at no moment serves anything but a whole pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"
#include "world_vectors.h"

#define FAULT_WHEN (!fake_ca_busy)
#include "fault.h"

#define AGENT RA_ROLE_AGENT
#define ENCRYPTION RA_ROLE_ENCRYPTION
#define DAY ((int64_t)RA_DAY)

static ra_err store_fault = RA_E_BUSY; /* what a put or a drop says that fails */

/* clang-format off: CMake reads these lines */
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_hash,
      (enum ra_hash_alg a, const uint8_t *in, size_t n, uint8_t *out), (a, in, n, out))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_hash_start, (struct ra_hash_state * s, enum ra_hash_alg a),
      (s, a))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_hash_add,
      (struct ra_hash_state * s, const uint8_t *in, size_t n), (s, in, n))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_hash_end, (struct ra_hash_state * s, uint8_t *out), (s, out))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_cipher_encrypt,
      (int c, const uint8_t *key, const uint8_t *iv, uint8_t *p, size_t n), (c, key, iv, p, n))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_cipher_decrypt,
      (int c, const uint8_t *key, const uint8_t *iv, uint8_t *p, size_t n), (c, key, iv, p, n))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_random_bytes, (struct ra_random * r, uint8_t *out, size_t n),
      (r, out, n))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_key_from_der,
      (struct ra_key * k, const uint8_t *p, size_t n), (k, p, n))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_key_from_spki,
      (struct ra_key * k, const uint8_t *p, size_t n), (k, p, n))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_key_to_der,
      (const struct ra_key *k, uint8_t *out, size_t cap, size_t *n), (k, out, cap, n))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_key_spki,
      (const struct ra_key *k, uint8_t *out, size_t cap, size_t *n), (k, out, cap, n))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_key_sign,
      (const struct ra_key *k, struct ra_random *r, enum ra_hash_alg a, const uint8_t *d,
       uint8_t *out, size_t cap, size_t *n),
      (k, r, a, d, out, cap, n))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_key_verify,
      (const struct ra_key *k, enum ra_hash_alg a, const uint8_t *d, const uint8_t *s, size_t n),
      (k, a, d, s, n))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_key_encrypt,
      (const struct ra_key *k, struct ra_random *r, enum ra_padding p, const uint8_t *in, size_t n,
       uint8_t *out, size_t cap, size_t *m),
      (k, r, p, in, n, out, cap, m))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_key_decrypt,
      (const struct ra_key *k, struct ra_random *r, enum ra_padding p, const uint8_t *in, size_t n,
       uint8_t *out, size_t cap, size_t *m),
      (k, r, p, in, n, out, cap, m))
FAULT(ra_err, RA_E_CERT_SYNTAX, ra_cert_parse, (struct ra_cert * c, const uint8_t *p, size_t n),
      (c, p, n))
FAULT(ra_err, RA_E_CMS_SYNTAX, ra_cms_signed_parse,
      (struct ra_cms_signed * m, uint8_t *p, size_t n, size_t cap), (m, p, n, cap))
FAULT(ra_err, RA_E_KEY_ALGORITHM, ra_keygen_start, (struct ra_keygen * g, enum ra_key_alg a),
      (g, a))
FAULT(ra_err, RA_AGAIN, ra_store_get,
      (struct ra_store * s, uint8_t t, uint16_t id, void *out, size_t cap, size_t *n),
      (s, t, id, out, cap, n))
FAULT(ra_err, store_fault, ra_store_put,
      (struct ra_store * s, uint8_t t, uint16_t id, const void *p, size_t n), (s, t, id, p, n))
FAULT(ra_err, store_fault, ra_store_drop,
      (struct ra_store * s, const struct ra_store_key *k, size_t n), (s, k, n))
/* clang-format on */

static struct world w;

static bool at_rest(enum ra_role role)
{
    enum ra_state s = world_state(&w, role);
    return s == RA_STATE_PROBATION || s == RA_STATE_IDLE;
}

/* Hour by hour until `role` has what it asked for, `polled` so long as it waits for the manager. */
static void gets_through(enum ra_role role, uint32_t before, unsigned days)
{
    for (unsigned hour = 0; hour < 24 * days; hour++) {
        fault_armed = true;
        assert_true(world_run(&w, RA_HOUR));
        fault_armed = false;
        if (w.ca.mode[role] == FAKE_CA_PEND && world_state(&w, role) == RA_STATE_PENDING &&
            w.ca.polls > 3) {
            (void)fake_ca_approve(&w.ca, role, world_now(&w));
        }
        uint32_t serves = world_serves(&w, role);
        assert_true(serves >= before);
        if (hour % 24 == 0) {
            const char *why = world_check(&w, role);
            if (why != NULL) {
                fail_msg("%s", why);
            }
        }
        if (serves > before && at_rest(role)) {
            assert_null(world_check(&w, role));
            return;
        }
        for (unsigned i = 0; i < RA_ROLES; i++) { /* the partner too: a pair is switched together */
            if (world_state(&w, (enum ra_role)i) == RA_STATE_BACKOFF) {
                (void)ra_retry(&w.ra, (enum ra_role)i);
            }
        }
    }
    fail_msg("%s is %s after %u failures (%s)", ra_role_word(role),
             ra_state_name(world_state(&w, role)), fault_fired,
             ra_error_text(world_status(&w, role).cause));
}

static void begin_at(int days, const char *url, const char *protocol, const char *policy)
{
    const struct world_enrolment e = {
        .key = {"agent.key", "encryption.key"},
        .days_left = {days, days},
        .settings = {{"ca-url", url}, {"protocol", protocol}, {"key-policy", policy}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    fault_forget();
    fault_all = true;
    store_fault = RA_E_BUSY;
}

static void begin(const char *url, const char *protocol, const char *policy)
{
    begin_at(30, url, protocol, policy);
}

/* From here on one call in so many of `only` fails; NULL: of all of them. */
static void now_and_then(const char *only, unsigned chance, uint32_t seed)
{
    fault_only = only;
    fault_chance = chance;
    fault_seed = seed;
    fault_armed = true;
}

static void by_adcs(void **state)
{
    (void)state;
    begin(FAKE_CA_URL, "adcs", "same");
    fault_armed = true;
    world_boot(&w);
    gets_through(AGENT, 1, 20);
    gets_through(ENCRYPTION, 2, 20);
    assert_true(fault_fired > 25);
    print_message("%u places failed\n", fault_fired);
    /* With nothing left to fail the next renewal is as always. */
    unsigned before = fault_fired;
    world_boot(&w);
    assert_true(world_run(&w, DAY));
    assert_int_equal(fault_fired, before);
}

static void by_scep(void **state)
{
    (void)state;
    begin(FAKE_SCEP_URL, "scep", "same");
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    fault_armed = true;
    world_boot(&w);
    gets_through(ENCRYPTION, 2, 25);
    assert_true(fault_fired > 40);
    print_message("%u places failed\n", fault_fired);
}

static void by_est(void **state)
{
    (void)state;
    begin(FAKE_EST_URL, "est", "same");
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    w.ca.est.next_root = true;
    fault_armed = true;
    world_boot(&w);
    gets_through(ENCRYPTION, 2, 25);
    assert_true(fault_fired > 25);
    print_message("%u places failed\n", fault_fired);
}

/* Any call may fail, any number of times: first the flash is only ever busy, then everything goes
 * wrong now and then. */
static void at_random(void **state)
{
    static const struct {
        const char *url, *protocol, *only;
        unsigned chance;
    } cases[] = {
        {FAKE_CA_URL, "adcs", "ra_store_get", 2}, {FAKE_SCEP_URL, "scep", "ra_store_get", 2},
        {FAKE_EST_URL, "est", "ra_store_get", 2}, {FAKE_CA_URL, "adcs", NULL, 40},
        {FAKE_SCEP_URL, "scep", NULL, 40},        {FAKE_EST_URL, "est", NULL, 40}};
    unsigned all = 0;
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(cases[i].url, cases[i].protocol, "same");
        fault_seed = i;
        fault_only = cases[i].only;
        fault_chance = cases[i].chance;
        w.ca.mode[ENCRYPTION] = i % 2 == 1 ? FAKE_CA_PEND : FAKE_CA_ISSUE;
        w.ca.est.next_root = w.ca.scep.next_root = true;
        fault_armed = true;
        world_boot(&w);
        gets_through(ENCRYPTION, 2, 25);
        assert_true(fault_fired > 0);
        all += fault_fired;
    }
    print_message("%u calls failed\n", all);
    assert_true(all > 100);
}

/* A new key, where the search and what it needs fail once at each place. */
static void with_a_new_key(void **state)
{
    (void)state;
    const struct world_enrolment e = {.key = {"agent.key"}, .days_left = {30}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    fault_forget();
    fault_all = true;
    world_boot(&w);
    gets_through(AGENT, 1, 20);
    assert_true(w.ca.keys[AGENT] >= 1);
    assert_true(fault_fired > 15);
}

/* A reset at each stage, and what is read back is not there at once. */
static void busy_at_boot(void **state)
{
    (void)state;
    static const enum ra_state stages[] = {RA_STATE_PENDING, RA_STATE_READY, RA_STATE_PROBATION};
    for (unsigned i = 0; i < 9; i++) {
        enum ra_state stage = stages[i % 3];
        begin(FAKE_CA_URL, "adcs", "same");
        w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
        w.ca.mode[AGENT] = stage == RA_STATE_PENDING ? FAKE_CA_PEND : FAKE_CA_ISSUE;
        world_boot(&w);
        assert_true(world_until_state(&w, ENCRYPTION, RA_STATE_PENDING, RA_HOUR));
        if (stage == RA_STATE_PROBATION) {
            assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
        }
        assert_true(world_until_state(&w, AGENT, stage, 2 * RA_HOUR));
        assert_true(world_settle(&w));
        uint32_t serves = world_serves(&w, AGENT);
        unsigned submits = w.ca.submits[AGENT];
        now_and_then("ra_store_get", 2, i);
        world_boot(&w);
        assert_true(world_until_state(&w, AGENT, stage, 60));
        fault_armed = false;
        assert_true(fault_fired > 1);
        assert_int_equal(w.ca.submits[AGENT], submits);
        assert_int_equal(world_serves(&w, AGENT), serves);
        assert_null(world_check(&w, AGENT));
    }
}

/* A pair goes back, and the flash is busy: both go in the end, and together. */
static void back_again(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 6; seed++) {
        begin(FAKE_CA_URL, "adcs", "same");
        world_boot(&w);
        assert_true(world_until_state(&w, ENCRYPTION, RA_STATE_PROBATION, RA_HOUR));
        assert_true(world_until_state(&w, AGENT, RA_STATE_PROBATION, RA_HOUR));
        ra_report_use(&w.ra, ENCRYPTION, false);
        now_and_then("ra_store_get", 2, seed);
        assert_true(world_until_state(&w, ENCRYPTION, RA_STATE_BACKOFF, RA_HOUR));
        fault_armed = false;
        assert_true(world_until_state(&w, AGENT, RA_STATE_BACKOFF, RA_HOUR));
        assert_int_equal(world_serves(&w, AGENT), 1);
        assert_int_equal(world_serves(&w, ENCRYPTION), 2);
        assert_int_equal(world_logged(&w, RA_LOG_ROLLED_BACK, AGENT), 1);
        assert_null(world_check(&w, AGENT));
        assert_null(world_check(&w, ENCRYPTION));
    }
}

/* A request by hand: what is shown is the whole request or nothing, and the answer is taken. */
static void by_hand(void **state)
{
    (void)state;
    static char shown[16384];
    static uint8_t answer[8192];
    static const struct ra_wish wish = {.key = RA_WISH_SAME_KEY, .by_hand = true};
    size_t size = 0;
    ra_err e;
    begin_at(400, FAKE_CA_URL, "adcs", "same");
    world_boot(&w);
    assert_true(world_until_state(&w, AGENT, RA_STATE_IDLE, RA_HOUR));
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &wish), RA_OK);
    unsigned failures = 0;
    do {
        fault_armed = true;
        e = ra_request_text(&w.ra, AGENT, true, 0, shown, sizeof shown, &size);
        assert_true(e == RA_OK || size == 0);
        failures += e == RA_E_CMS_SYNTAX;
        assert_true(world_run(&w, RA_HOUR / 4));
    } while (e != RA_OK);
    assert_int_equal(failures, 1);
    do {
        e = ra_request_text(&w.ra, AGENT, false, 0, shown, sizeof shown, &size);
        assert_true(world_run(&w, 60));
    } while (e != RA_OK);
    fault_armed = false;
    uint32_t id = fake_ca_take(&w.ca, world_now(&w), shown, size);
    assert_int_not_equal(id, 0);
    size = fake_ca_chain(&w.ca, fake_ca_request(&w.ca, id), answer, sizeof answer);
    while (world_serves(&w, AGENT) != id) {
        fault_armed = true;
        e = ra_accept(&w.ra, AGENT, answer, size);
        assert_true(e == RA_OK || e == RA_E_BUSY || e == RA_E_NO_REQUEST);
        assert_true(world_run(&w, RA_HOUR));
        fault_armed = false;
        assert_true(world_now(&w) < WORLD_NOW + 20 * DAY);
    }
    assert_null(world_check(&w, AGENT));
    assert_true(fault_fired > 15);
}

/* The store has no room for the new key: the old one serves, and what is not needed is dropped. */
static void a_full_store(void **state)
{
    (void)state;
    begin(FAKE_CA_URL, "adcs", "same");
    world_boot(&w);
    assert_true(world_until_state(&w, AGENT, RA_STATE_SAVE_KEY, RA_HOUR));
    store_fault = RA_E_STORE_FULL;
    now_and_then("ra_store_put", 1, 0);
    w.ra.cleanup_wanted = false;
    assert_true(world_until_state(&w, AGENT, RA_STATE_SAVE_FAILURE, RA_HOUR));
    assert_true(world_step(&w));
    assert_true(w.ra.cleanup_wanted);
    assert_true(world_until_state(&w, AGENT, RA_STATE_BACKOFF, RA_HOUR));
    fault_armed = false;
    assert_int_equal(world_status(&w, AGENT).cause, RA_E_STORE_FULL);
    assert_int_equal(w.ca.submits[AGENT], 0);
    assert_int_equal(world_serves(&w, AGENT), 1);
    store_fault = RA_E_BUSY;
    fault_chance = 0;
    fault_only = NULL;
    gets_through(AGENT, 1, 20);
}

/* All is erased while the store is busy; and while it cannot be written, nothing is served and it is
 * tried on. */
static void erasing(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 4; seed++) {
        begin_at(400, FAKE_CA_URL, "adcs", "same");
        world_boot(&w);
        assert_true(world_until_state(&w, AGENT, RA_STATE_IDLE, RA_HOUR));
        assert_int_equal(ra_erase_credentials(&w.ra), RA_OK);
        if (seed == 0) {
            store_fault = RA_E_FLASH_IO;
            now_and_then(NULL, 1, 0);
            assert_true(world_run(&w, RA_HOUR));
            fault_armed = false;
            assert_true(ra_erasing(&w.ra));
            assert_int_equal(world_serves(&w, AGENT), 0);
            assert_int_equal(world_logged(&w, RA_LOG_ERASED, RA_EVENT_NO_ROLE), 0);
            store_fault = RA_E_BUSY;
        } else {
            static const char *const only[] = {NULL, "ra_store_drop", "ra_store_put", NULL};
            now_and_then(only[seed], 2, seed);
        }
        assert_true(world_until(&w, world_erased, RA_HOUR));
        fault_armed = false;
        assert_int_equal(world_serves(&w, AGENT), 0);
        if (seed < 3) { /* else the log may have failed too */
            assert_int_equal(world_logged(&w, RA_LOG_ERASED, RA_EVENT_NO_ROLE), 1);
        }
        world_boot(&w);
        assert_false(ra_erasing(&w.ra));
        assert_int_equal(world_serves(&w, ENCRYPTION), 0);
        assert_false(
            world_flash_holds(&w, RA_RECORD_KEY, ra_generation_id(AGENT, 1), NULL, 0, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_adcs),        cmocka_unit_test(by_scep),
        cmocka_unit_test(by_est),         cmocka_unit_test(at_random),
        cmocka_unit_test(with_a_new_key), cmocka_unit_test(busy_at_boot),
        cmocka_unit_test(back_again),     cmocka_unit_test(by_hand),
        cmocka_unit_test(a_full_store),   cmocka_unit_test(erasing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
