/* The calls of the public header before the start is over, with what cannot be, and at odd moments. */
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
#define DEVICE RA_ROLE_DEVICE
#define HOUR ((int64_t)RA_HOUR)

static struct world w;
static uint8_t out[RA_CHAIN_MAX + 1];
static size_t size;

static void start(int days)
{
    world_init(&w, NULL);
    world_provision_pair(&w, days, days);
    world_boot(&w);
    assert_true(world_settle(&w));
}

static void start_empty(const char *subject)
{
    static const struct world_enrolment none;
    world_init(&w, NULL);
    world_provision(&w, &none);
    world_boot_offline(&w);
    world_set(&w, "subject", subject);
    assert_true(world_settle(&w));
    world_boot(&w);
}

static void until(enum ra_role role, enum ra_state state)
{
    assert_true(world_until_state(&w, role, state, HOUR));
}

static void put(enum ra_record type, uint16_t id, const char *text)
{
    while (ra_seed(&w.ra) == RA_AGAIN) {
        assert_true(world_step(&w));
    }
    assert_int_equal(ra_store_put(&w.ra.store, (uint8_t)type, id, text, strlen(text)), RA_OK);
    assert_true(world_settle(&w));
}

/* One call of ra_provision with what the CA issued as `id` and a key. */
static ra_err provide(enum ra_role role, const char *name, uint32_t id)
{
    const struct world_blob *issuing = world_blob("issuing.cert"), *key = world_blob(name);
    const struct fake_ca_request *r = fake_ca_request(&w.ca, id);
    return ra_provision(&w.ra, role, key->p, key->size, r->cert, r->cert_size, issuing->p,
                        issuing->size);
}

static void before_the_start_is_over(void **state)
{
    (void)state;
    static const uint8_t digest[32] = {1};
    uint16_t place;
    bool known;
    world_init(&w, NULL);
    world_provision_pair(&w, 300, 300);
    assert_int_equal(ra_init(&w.ra, &w.hal, NULL, NULL), RA_OK);
    assert_false(ra_started(&w.ra));
    assert_true(ra_working(&w.ra));
    assert_false(ra_settled(&w.ra));
    ra_password_save(&w.ra);
    assert_true(ra_password_saved(&w.ra)); /* it cannot be, now */
    assert_int_equal(ra_certificate(&w.ra, AGENT, out, sizeof out, &size), RA_AGAIN);
    assert_int_equal(ra_issuers(&w.ra, AGENT, out, sizeof out, &size), RA_AGAIN);
    assert_int_equal(ra_sign(&w.ra, AGENT, RA_HASH_SHA256, digest, out, sizeof out, &size),
                     RA_AGAIN);
    assert_int_equal(ra_provision_anchor(&w.ra, 0, out, 10), RA_AGAIN);
    assert_int_equal(ra_anchor_place(&w.ra, (struct ra_span){out, 10}, out, &place, &known),
                     RA_AGAIN);
    assert_int_equal(ra_provision(&w.ra, AGENT, out, 10, out, 10, out, 10), RA_AGAIN);
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_E_BUSY);
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_E_BUSY);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_E_BUSY);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_E_BUSY);
    assert_int_equal(ra_accept(&w.ra, AGENT, out, 1), RA_E_BUSY);
    assert_int_equal(ra_submit(&w.ra, AGENT), RA_E_BUSY);
    assert_int_equal(ra_request_text(&w.ra, AGENT, false, 0, (char *)out, sizeof out, &size),
                     RA_E_BUSY);
    assert_int_equal(ra_roll_back(&w.ra, AGENT), RA_E_BUSY);
    assert_int_equal(ra_erase_credentials(&w.ra), RA_E_BUSY);
    assert_int_equal(ra_import(&w.ra, AGENT, out, 10, sizeof out, "x"), RA_E_BUSY);
    world_boot_offline(&w);
    assert_int_not_equal(world_serves(&w, AGENT), 0);
}

static void what_cannot_be(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 300, 300);
    world_boot(&w);
    assert_int_equal(ra_provision_anchor(&w.ra, RA_ANCHORS_MAX, out, 10), RA_E_ARGUMENT);
    assert_int_equal(ra_remove_anchor(&w.ra, RA_ANCHORS_MAX), RA_E_NOT_FOUND);
    assert_int_equal(ra_remove_anchor(&w.ra, RA_ANCHORS_MAX - 1u), RA_E_NOT_FOUND);
    assert_int_equal(ra_provision_anchor(&w.ra, 0, out, RA_CERT_MAX + 1), RA_E_LIMIT);
    assert_int_equal(ra_provision(&w.ra, AGENT, out, RA_KEY_DER_MAX + 1, out, 10, out, 10),
                     RA_E_LIMIT);
    assert_int_equal(ra_provision(&w.ra, AGENT, out, 10, out, RA_CERT_MAX + 1, out, 10),
                     RA_E_LIMIT);
    assert_int_equal(ra_provision(&w.ra, AGENT, out, 10, out, 10, out, RA_CHAIN_MAX + 1),
                     RA_E_LIMIT);
    assert_int_equal(ra_certificate(&w.ra, RA_ROLE_DEVICE, out, sizeof out, &size),
                     RA_E_NO_CREDENTIAL);
    assert_int_equal(ra_issuers(&w.ra, RA_ROLE_DEVICE, out, sizeof out, &size), RA_E_NO_CREDENTIAL);
    assert_int_equal(ra_sign(&w.ra, DEVICE, RA_HASH_SHA256, out, out, sizeof out, &size),
                     RA_E_NO_CREDENTIAL);
    const uint8_t *none = (const uint8_t *)"no DER";
    struct ra_cert cert;
    ra_err e = ra_cert_parse(&cert, none, 6);
    assert_true(e < 0);
    assert_int_equal(ra_provision(&w.ra, AGENT, out, 10, none, 6, out, 10), e);
    assert_int_equal(ra_provision_anchor(&w.ra, 0, none, 6), e);
    start_empty("CN=RA01-MSCEP-RA");
    const struct ra_span served = {NULL, 0};
    assert_int_equal(
        ra_decrypt(&w.ra, served, served, RA_PAD_PKCS1, out, 256, out, sizeof out, &size),
        RA_E_NO_CREDENTIAL);
}

/* The key must fit the certificate: another one changes nothing. */
static void a_key_of_another_certificate(void **state)
{
    (void)state;
    start(300);
    uint32_t served = world_serves(&w, AGENT);
    uint32_t id = world_enrol(&w, AGENT, "agent.key", 500);
    ra_err e;
    while ((e = provide(AGENT, "encryption.key", id)) == RA_AGAIN) {
        assert_true(world_step(&w));
    }
    assert_int_equal(e, RA_E_GATE_KEY);
    assert_true(world_run(&w, HOUR));
    assert_int_equal(world_serves(&w, AGENT), served);
    world_store_issued(&w, AGENT, "agent.key", id);
    assert_int_equal(world_serves(&w, AGENT), id);
    /* Nor does one of the same kind and size. */
    id = world_enrol(&w, ENCRYPTION, "encryption.key", 500);
    assert_int_equal(provide(ENCRYPTION, "encryption_new1.key", id), RA_E_GATE_KEY);
}

static void provided(enum ra_role role, const char *name, uint32_t id)
{
    ra_err e;
    while ((e = provide(role, name, id)) == RA_AGAIN) {
        (void)ra_step(&w.ra);
    }
    assert_int_equal(e, RA_OK);
    assert_int_equal(world_serves(&w, role), id);
    assert_true(world_settle(&w));
    world_boot(&w);
    assert_int_equal(world_serves(&w, role), id);
    assert_null(world_check(&w, role));
}

/* One of a role is begun and left for one of another, and one for which meanwhile a renewal has
 * taken the next generation, switched to it or waits with it: what is provided is whole each time. */
static void provided_by_turns(void **state)
{
    (void)state;
    start(300);
    uint32_t served = world_serves(&w, AGENT);
    uint32_t id = world_enrol(&w, AGENT, "agent.key", 500);
    uint32_t other = world_enrol(&w, ENCRYPTION, "encryption.key", 500);
    assert_int_equal(provide(AGENT, "agent.key", id), RA_AGAIN);
    assert_int_equal(provide(ENCRYPTION, "encryption_new1.key", other), RA_E_GATE_KEY);
    assert_int_equal(provide(AGENT, "agent.key", id), RA_AGAIN);
    provided(ENCRYPTION, "encryption.key", other);
    assert_int_equal(world_serves(&w, AGENT), served);
    provided(AGENT, "agent.key", id);
    for (unsigned waits = 0; waits < 2; waits++) {
        start(30);
        id = world_enrol(&w, AGENT, "agent.key", 500);
        assert_int_equal(provide(AGENT, "agent.key", id), RA_AGAIN);
        w.ca.mode[AGENT] = waits ? FAKE_CA_PEND : FAKE_CA_ISSUE;
        until(AGENT, waits ? RA_STATE_PENDING : RA_STATE_PROBATION);
        assert_true(world_settle(&w));
        uint32_t generation = world_status(&w, AGENT).generation;
        provided(AGENT, "agent.key", id);
        assert_true(world_status(&w, AGENT).generation > generation + waits);
    }
}

/* The retained certificates are known by issuer and serial number together. */
static void the_serial_number_of_another_issuer(void **state)
{
    uint8_t der[RA_CERT_MAX], digest[256] = {0};
    struct ra_cert cert;
    (void)state;
    start(300);
    assert_int_equal(ra_certificate(&w.ra, ENCRYPTION, der, sizeof der, &size), RA_OK);
    assert_int_equal(ra_cert_parse(&cert, der, size), RA_OK);
    while (ra_seed(&w.ra) == RA_AGAIN) {
        assert_true(world_step(&w));
    }
    assert_int_equal(ra_decrypt(&w.ra, cert.subject, cert.serial, RA_PAD_PKCS1, digest,
                                sizeof digest, out, sizeof out, &size),
                     RA_E_NO_SUCH_CERT);
    assert_int_equal(ra_decrypt(&w.ra, cert.issuer, cert.serial, RA_PAD_PKCS1, digest,
                                sizeof digest, out, sizeof out, &size),
                     RA_E_DECRYPT);
    /* While flash is busy it is not known. */
    w.flash.polls = 1000;
    world_set(&w, "host-name", "other");
    ra_err e;
    while ((e = ra_decrypt(&w.ra, cert.issuer, cert.serial, RA_PAD_PKCS1, digest, sizeof digest,
                           out, sizeof out, &size)) != RA_AGAIN) {
        assert_int_equal(e, RA_E_DECRYPT);
        assert_true(world_step(&w));
    }
    w.flash.polls = 0;
    assert_true(world_settle(&w));
    /* A certificate that cannot be read is nobody's. */
    world_damage(&w, RA_RECORD_CERT, ra_generation_id(ENCRYPTION, 1));
    assert_int_equal(ra_decrypt(&w.ra, cert.issuer, cert.serial, RA_PAD_PKCS1, digest,
                                sizeof digest, out, sizeof out, &size),
                     RA_E_NO_SUCH_CERT);
}

/* What is gone or is no key fails its self-test: the pair before serves again. Success says nothing
 * outside a probation. */
static void used_and_found_broken(void **state)
{
    static const uint8_t digest[32] = {1};
    static const enum ra_record types[] = {RA_RECORD_CERT, RA_RECORD_CHAIN, RA_RECORD_KEY};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        start(30);
        ra_report_use(&w.ra, AGENT, true);
        assert_int_equal(world_logged(&w, RA_LOG_PROVED, AGENT), 0);
        uint32_t served = world_serves(&w, AGENT);
        until(AGENT, RA_STATE_PROBATION);
        assert_true(world_settle(&w));
        assert_int_not_equal(world_serves(&w, AGENT), served);
        struct ra_store_key key = {RA_RECORD_KEY, ra_generation_id(AGENT, 2)};
        if (i < 3) {
            key.type = (uint8_t)types[i];
            assert_int_equal(ra_store_drop(&w.ra.store, &key, 1), RA_OK);
            assert_true(world_settle(&w));
        } else {
            put(RA_RECORD_KEY, key.id, "no key");
        }
        ra_err e = i == 0   ? ra_certificate(&w.ra, AGENT, out, sizeof out, &size)
                   : i == 1 ? ra_issuers(&w.ra, AGENT, out, sizeof out, &size)
                            : ra_sign(&w.ra, AGENT, RA_HASH_SHA256, digest, out, sizeof out, &size);
        assert_int_equal(e, i < 3 ? RA_E_NOT_FOUND : RA_E_KEY_FORMAT);
        until(AGENT, RA_STATE_BACKOFF);
        assert_int_equal(world_serves(&w, AGENT), served);
        assert_null(world_check(&w, AGENT));
    }
}

static void nothing_is_stored_while_all_is_erased(void **state)
{
    (void)state;
    start(300);
    uint32_t id = world_enrol(&w, AGENT, "agent.key", 500);
    assert_int_equal(ra_erase_credentials(&w.ra), RA_OK);
    assert_true(ra_erasing(&w.ra));
    assert_int_equal(provide(AGENT, "agent.key", id), RA_E_BUSY);
    while (ra_erasing(&w.ra)) {
        assert_true(world_step(&w));
    }
    world_store_issued(&w, AGENT, "agent.key", id);
    assert_int_equal(world_serves(&w, AGENT), id);
}

/* Asked for while the commit of a provided pair is being written: the pair is what is served, and
 * what had begun is looked at anew. */
static void a_renewal_that_begins_meanwhile(void **state)
{
    static const struct ra_wish new_key = {.key = RA_WISH_NEW_KEY, .alg = RA_KEY_EC_P256};
    (void)state;
    start(300);
    uint32_t id = world_enrol(&w, AGENT, "agent.key", 500);
    ra_err e = provide(AGENT, "agent.key", id);
    while (w.ra.provision_sub != 4 || w.ra.writer != RA_WRITER_PROVISION) {
        assert_int_equal(e, RA_AGAIN);
        (void)ra_step(&w.ra);
        e = provide(AGENT, "agent.key", id);
    }
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &new_key), RA_OK);
    while (w.ra.scratch_size == 0) { /* until its new key is there */
        (void)ra_step(&w.ra);
    }
    assert_true(ra_state_works(world_state(&w, AGENT)));
    do {
        (void)ra_step(&w.ra);
        e = provide(AGENT, "agent.key", id);
    } while (e == RA_AGAIN);
    assert_int_equal(e, RA_OK);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_RESUME);
    assert_int_equal(w.ra.scratch_size, 0); /* the new key is given up, and wiped */
    assert_int_equal(world_serves(&w, AGENT), id);
    until(AGENT, RA_STATE_IDLE);
    assert_true(world_settle(&w));
    assert_false(ra_working(&w.ra));
    assert_int_equal(w.ca.submits[AGENT], 0);
    world_boot(&w);
    assert_int_equal(world_serves(&w, AGENT), id);
    assert_null(world_check(&w, AGENT));
}

/* Records of a role that only another version knows are not this one's to drop; a key that nothing
 * names is. */
static void what_another_version_stored(void **state)
{
    static const uint16_t ids[] = {RA_ROLES << 8 | 1u, 0x60};
    (void)state;
    start(300);
    for (unsigned i = 0; i < 2; i++) {
        put(RA_RECORD_KEY, ids[i], "key");
    }
    assert_true(world_flash_holds(&w, RA_RECORD_KEY, ids[1], NULL, 0, NULL));
    world_boot(&w);
    assert_true(world_run(&w, HOUR));
    assert_true(world_flash_holds(&w, RA_RECORD_KEY, ids[0], NULL, 0, NULL));
    assert_false(world_flash_holds(&w, RA_RECORD_KEY, ids[1], NULL, 0, NULL));
}

/* More than go in one drop, of keys whose transaction was never written; the next one's number is not
 * that of any. */
static void many_keys_without_a_name(void **state)
{
    (void)state;
    start_empty("CN=RA01-MSCEP-RA");
    for (uint16_t i = 0; i < RA_STORE_DROP_MAX + 4u; i++) {
        put(RA_RECORD_KEY, ra_generation_id(AGENT, RA_STORE_DROP_MAX + 4u - i), "key");
    }
    put(RA_RECORD_TXN, DEVICE, "of nobody");
    world_store_pair(&w, AGENT, "agent.key", 300);
    assert_int_equal(world_status(&w, AGENT).generation, RA_STORE_DROP_MAX + 5u);
    assert_true(world_run(&w, HOUR));
    for (uint16_t i = 1; i < RA_STORE_DROP_MAX + 5u; i++) {
        assert_false(
            world_flash_holds(&w, RA_RECORD_KEY, ra_generation_id(AGENT, i), NULL, 0, NULL));
    }
    assert_false(world_flash_holds(&w, RA_RECORD_TXN, DEVICE, NULL, 0, NULL));
    assert_null(world_check(&w, AGENT));
}

static void half_a_second(void *context, uint32_t at, uint32_t bytes)
{
    (void)context;
    (void)at;
    (void)bytes;
    w.true_ms += 500;
}

/* After a cut nothing is relied on before it was copied; but for ten seconds and not for a minute
 * that slow flash takes. What is served then is written again. */
static void a_cut_on_slow_flash(void **state)
{
    (void)state;
    start(300);
    uint32_t served = world_serves(&w, AGENT);
    w.flash.cut = NOR_CUT_RANDOM_BITS;
    w.flash.cut_at = w.flash.operations + 1;
    world_set(&w, "host-name", "torn");
    assert_false(world_settle(&w));
    w.flash.before = half_a_second;
    int64_t begun = w.true_ms;
    world_boot(&w);
    assert_in_range(w.true_ms - begun, 10000, 13000);
    assert_true(ra_store_was_unclean(&w.ra.store));
    assert_false(ra_settled(&w.ra));
    assert_int_equal(world_serves(&w, AGENT), served);
    w.flash.before = NULL;
    uint32_t first = 0, second = 0;
    assert_true(ra_store_stat(&w.ra.store, RA_RECORD_COMMIT, 0, NULL, &first));
    assert_true(world_settle(&w));
    assert_true(ra_store_stat(&w.ra.store, RA_RECORD_COMMIT, 0, NULL, &second));
    assert_true(second > first);
    world_boot(&w);
    assert_false(ra_store_was_unclean(&w.ra.store));
    assert_int_equal(world_serves(&w, AGENT), served);
}

static void a_first_certificate_that_cannot_be_asked_for(void **state)
{
    (void)state;
    start_empty("");
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_E_CONFIG_VALUE);
    start_empty("CN=RA01-MSCEP-RA");
    w.board_clock = false;
    w.ca.no_date = true;
    world_boot(&w);
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_E_TIME_UNKNOWN);
    /* What served cannot be read: it may still be on the board that can. */
    w.board_clock = true;
    put(RA_RECORD_COMMIT, 0, "junk");
    world_boot(&w);
    assert_int_equal(world_logged(&w, RA_LOG_LOST, RA_EVENT_NO_ROLE), 1);
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), world_status(&w, AGENT).cause);
    assert_int_equal(world_status(&w, AGENT).cause, RA_E_RECORD_DAMAGED);
    assert_true(world_run(&w, HOUR));
    uint8_t record[RA_COMMIT_SIZE];
    assert_true(world_flash_holds(&w, RA_RECORD_COMMIT, 0, record, sizeof record, &size));
    assert_int_equal(size, 4);
    world_store_pair(&w, AGENT, "agent.key", 300);
    assert_int_equal(world_status(&w, AGENT).cause, RA_OK);
    assert_null(world_check(&w, AGENT));
}

/* One is under way, or what is damaged is asked for already: the open request is not given up. */
static void a_first_certificate_that_is_not_needed_now(void **state)
{
    (void)state;
    start_empty("CN=RA01-MSCEP-RA");
    until(AGENT, RA_STATE_EMPTY);
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_OK);
    while (world_state(&w, AGENT) == RA_STATE_EMPTY) {
        assert_true(world_step(&w));
    }
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_E_BUSY);
    start(30);
    world_set(&w, "subject", "CN=RA01-MSCEP-RA");
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_PENDING);
    assert_true(world_settle(&w));
    world_damage(&w, RA_RECORD_CERT, ra_generation_id(AGENT, 1));
    assert_int_equal(ra_certificate(&w.ra, AGENT, out, sizeof out, &size), RA_E_RECORD_DAMAGED);
    assert_true(world_status(&w, AGENT).damaged);
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_E_BUSY);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PENDING);
}

/* What waits for its partner has what it was asked for; what waits to try again takes no other
 * wish. */
static void asked_for_again(void **state)
{
    static const struct ra_wish wishes[] = {
        {.by_hand = true}, {.key = RA_WISH_NEW_KEY}, {.alg = RA_KEY_EC_P256}};
    (void)state;
    start(30);
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(ENCRYPTION, RA_STATE_PENDING);
    until(AGENT, RA_STATE_READY);
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_OK);
    assert_true(world_run(&w, HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_READY);
    assert_int_equal(w.ca.submits[AGENT], 1);
    start(300);
    w.ca.net = FAKE_NET_REFUSED;
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
    until(AGENT, RA_STATE_BACKOFF);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &wishes[i]), RA_E_BUSY);
    }
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
}

static void what_was_issued_cannot_be_fetched_now(void **state)
{
    (void)state;
    start(30);
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_PENDING);
    until(ENCRYPTION, RA_STATE_SUBMIT);
    assert_int_equal(ra_retrieve(&w.ra, AGENT, "2"), RA_E_BUSY);
    while (ra_working(&w.ra)) { /* its partner is */
        assert_true(world_step(&w));
    }
    world_set(&w, "hold", "on");
    assert_int_equal(ra_retrieve(&w.ra, AGENT, "2"), RA_E_HELD);
    world_set(&w, "hold", "off");
    assert_true(world_settle(&w));
    w.board_clock = false;
    w.ca.no_date = true;
    world_boot(&w);
    until(AGENT, RA_STATE_PENDING);
    while (ra_working(&w.ra)) { /* its partner is */
        assert_true(world_step(&w));
    }
    assert_int_equal(ra_retrieve(&w.ra, AGENT, "2"), RA_E_TIME_UNKNOWN);
}

static ra_err not_saved; /* the last cause */

static void hear(struct ra_subscriber *self, const struct ra_event_entry *entry)
{
    (void)self;
    if (entry->kind == RA_LOG_NOT_SAVED) {
        assert_int_not_equal(entry->cause, not_saved);
        not_saved = entry->cause;
    }
}

/* Flash takes nothing: each cause is said once, and it is tried again after a minute and then
 * daily, until it does. */
static void settings_on_worn_flash(void **state)
{
    static uint32_t wear[WORLD_FLASH_MAX / 4096u], endurance[WORLD_FLASH_MAX / 4096u];
    static struct ra_subscriber ear = {.event = hear};
    uint8_t record[RA_PASSWORD_SIZE];
    (void)state;
    start(300);
    ra_subscribe(&w.ra, &ear);
    not_saved = RA_OK;
    memset(wear, 1, sizeof wear);
    memset(endurance, 0, sizeof endurance);
    w.flash.wear = wear;
    w.flash.endurance = endurance;
    w.flash.bad_kind = NOR_BAD_PROGRAM;
    assert_int_equal(ra_setting_change(&w.ra, "host-name", "other"), RA_OK);
    ra_config_save(&w.ra);
    ra_password_save(&w.ra);
    assert_false(ra_password_saved(&w.ra));
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_OPERATOR, world_now(&w)), RA_OK);
    int64_t told = world_now(&w);
    assert_true(world_run(&w, 3 * (int64_t)RA_DAY));
    assert_int_not_equal(w.ra.save_error, RA_OK);
    assert_true(ra_password_saved(&w.ra)); /* as well as it can be */
    assert_true(ra_settled(&w.ra));
    assert_int_equal(not_saved, w.ra.save_error);
    memset(endurance, 0xff, sizeof endurance);
    assert_true(world_run(&w, 2 * (int64_t)RA_DAY));
    assert_int_equal(w.ra.save_error, RA_OK);
    assert_true(world_flash_holds(&w, RA_RECORD_PASSWORD, 0, record, sizeof record, &size));
    ra_password_save(&w.ra);
    assert_false(ra_settled(&w.ra));
    assert_true(world_settle(&w));
    assert_true(ra_password_saved(&w.ra));
    world_boot(&w);
    assert_string_equal(w.ra.config.host_name, "other");
    assert_true(w.ra.commit.time_floor >= told);
}

/* A boot waits for nothing that is on hold. */
static void due_and_on_hold(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 10, 10);
    w.board_clock = true;
    world_boot_offline(&w);
    assert_true(ra_may_be_due(&w.ra));
    world_set(&w, "hold", "on");
    assert_false(ra_may_be_due(&w.ra));
}

/* Nor for what waits for its time, or for nothing that comes by itself. */
static void due_or_waiting(void **state)
{
    (void)state;
    start(300);
    assert_false(ra_may_be_due(&w.ra));
    w.board_clock = false;
    w.ca.no_date = true;
    world_boot(&w);
    assert_true(ra_may_be_due(&w.ra)); /* the time is not known */
    for (unsigned pends = 0; pends < 2; pends++) {
        start(30);
        w.ca.mode[AGENT] = w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
        w.ca.net = pends ? FAKE_NET_UP : FAKE_NET_PAGE;
        until(AGENT, pends ? RA_STATE_PENDING : RA_STATE_BACKOFF);
        until(ENCRYPTION, pends ? RA_STATE_PENDING : RA_STATE_BACKOFF);
        assert_false(ra_may_be_due(&w.ra));
        w.true_ms = (world_status(&w, AGENT).next + 1) * 1000;
        assert_true(ra_may_be_due(&w.ra));
    }
    start(1);
    w.ca.net = FAKE_NET_REFUSED;
    assert_true(world_until_state(&w, AGENT, RA_STATE_EXPIRED, 2 * (int64_t)RA_DAY));
    assert_true(world_until_state(&w, ENCRYPTION, RA_STATE_EXPIRED, 2 * (int64_t)RA_DAY));
    assert_false(ra_may_be_due(&w.ra));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_start_is_over),
        cmocka_unit_test(what_cannot_be),
        cmocka_unit_test(a_key_of_another_certificate),
        cmocka_unit_test(provided_by_turns),
        cmocka_unit_test(the_serial_number_of_another_issuer),
        cmocka_unit_test(used_and_found_broken),
        cmocka_unit_test(nothing_is_stored_while_all_is_erased),
        cmocka_unit_test(a_renewal_that_begins_meanwhile),
        cmocka_unit_test(what_another_version_stored),
        cmocka_unit_test(many_keys_without_a_name),
        cmocka_unit_test(a_cut_on_slow_flash),
        cmocka_unit_test(a_first_certificate_that_cannot_be_asked_for),
        cmocka_unit_test(a_first_certificate_that_is_not_needed_now),
        cmocka_unit_test(asked_for_again),
        cmocka_unit_test(what_was_issued_cannot_be_fetched_now),
        cmocka_unit_test(settings_on_worn_flash),
        cmocka_unit_test(due_and_on_hold),
        cmocka_unit_test(due_or_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
