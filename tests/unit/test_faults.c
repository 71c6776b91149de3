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
FAULT(ra_err, RA_E_KEY_ALGORITHM, ra_keygen_start, (struct ra_keygen * g, enum ra_key_alg a),
      (g, a))
FAULT(ra_err, RA_AGAIN, ra_store_get,
      (struct ra_store * s, uint8_t t, uint16_t id, void *out, size_t cap, size_t *n),
      (s, t, id, out, cap, n))
FAULT(ra_err, RA_E_BUSY, ra_store_put,
      (struct ra_store * s, uint8_t t, uint16_t id, const void *p, size_t n), (s, t, id, p, n))
FAULT(ra_err, RA_E_BUSY, ra_store_drop,
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

static void begin(const char *url, const char *protocol, const char *policy)
{
    const struct world_enrolment e = {
        .key = {"agent.key", "encryption.key"},
        .days_left = {30, 30},
        .settings = {{"ca-url", url}, {"protocol", protocol}, {"key-policy", policy}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    fault_forget();
    fault_all = true;
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
        fault_armed = true;
        world_boot(&w);
        gets_through(ENCRYPTION, 2, 25);
        assert_true(fault_fired > 0);
        all += fault_fired;
    }
    print_message("%u calls failed\n", all);
    assert_true(all > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_adcs),
        cmocka_unit_test(by_scep),
        cmocka_unit_test(by_est),
        cmocka_unit_test(at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
