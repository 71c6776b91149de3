/* Renewals by SCEP in a world of one process (fake_scep.c): each way through a conversation, and
 * what it makes of each reply that is not what it should be. The old keys are kept (key-policy
 * same): the search for primes is not what is looked at here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pki_vectors.h"
#include "ra_scep.h"
#include "ra_scep_message.h"
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
                                      .settings = {{"ca-url", FAKE_SCEP_URL},
                                                   {"protocol", "scep"},
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

static void a_pair_by_renewal_request(void **state)
{
    (void)state;
    const struct world_enrolment e = {
        .key = {"encryption_new1.key", "encryption.key"},
        .days_left = {30, 30},
        .settings = {{"ca-url", FAKE_SCEP_URL}, {"protocol", "scep"}, {"key-policy", "same"}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
    renewed(AGENT, 2);
    renewed(ENCRYPTION, 2);
    assert_int_equal(w.ca.scep_type[RA_SCEP_RENEWAL_REQ], 2);
    assert_int_equal(w.ca.submits[AGENT], 1);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
    assert_int_equal(w.ca.bad + w.ca.others, 0);
    world_boot(&w);
    assert_int_equal(world_serves(&w, AGENT), 3);
    assert_int_equal(world_serves(&w, ENCRYPTION), 4);
}

static unsigned queries;

/* The query is as long as was said before its first byte left, with more room than that too. */
static void measure_query(struct world *world)
{
    static uint8_t query[WORLD_REQUEST_MAX];
    const struct ra_http_request *r = &world->ra.exchange.http.request;
    if (r->target_size != 0) {
        assert_true(r->target_size < sizeof query);
        assert_int_equal(r->target_read(r->target_ctx, 0, query, sizeof query), r->target_size);
        queries++;
    }
}

static void by_get_without_renewal(void **state)
{
    (void)state;
    start("scep-cipher", "aes256");
    w.ca.scep.get_only = true;
    w.ca.scep.no_renewal = true;
    w.on_send = measure_query;
    queries = 0;
    renewed(ENCRYPTION, 1);
    assert_int_equal(queries, 1);
    assert_int_equal(w.ca.scep_type[RA_SCEP_PKCS_REQ], 1);
    assert_int_equal(w.ca.scep_type[RA_SCEP_RENEWAL_REQ], 0);
}

/* Offered, refused: the other kind of request follows, with a transaction of its own. */
static void a_refused_renewal_becomes_a_request(void **state)
{
    (void)state;
    start("scep-hash", "sha512");
    w.ca.scep.refuse_renewal = true;
    until(ENCRYPTION, RA_STATE_PROBATION, DAY);
    assert_int_equal(w.ca.scep_type[RA_SCEP_RENEWAL_REQ], 1);
    assert_int_equal(w.ca.scep_type[RA_SCEP_PKCS_REQ], 1);
    assert_null(world_check(&w, ENCRYPTION));
}

/* By HTTP it is refused only where the server says that it does not know it: not for now, not for
 * who asks, and not by a gateway that did not reach the server. */
static void which_status_refuses_a_kind(void **state)
{
    static const struct {
        unsigned status;
        bool refuses;
    } cases[] = {{404, true}, {403, false}, {408, false}, {429, false},
                 {500, true}, {501, true},  {502, false}, {504, false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start("host-name", "ra");
        w.ca.scep.message_status = cases[i].status;
        until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
        bool refused = world_status(&w, ENCRYPTION).cause == RA_E_SCEP_RENEWAL_REFUSED;
        if (refused != cases[i].refuses) {
            print_error("HTTP status %u\n", cases[i].status);
        }
        assert_int_equal(refused, cases[i].refuses);
        w.ca.scep.message_status = 0;
        until(ENCRYPTION, RA_STATE_PROBATION, 9 * DAY);
        assert_int_equal(w.ca.scep_type[RA_SCEP_PKCS_REQ], refused);
        assert_null(world_check(&w, ENCRYPTION));
    }
}

static void kinds_by_setting(void **state)
{
    (void)state;
    start("scep-renewal", "pkcsreq");
    renewed(ENCRYPTION, 1);
    assert_int_equal(w.ca.scep_type[RA_SCEP_PKCS_REQ], 1);
    start("scep-renewal", "renewalreq");
    w.ca.scep.refuse_renewal = true;
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_SCEP_BAD_REQUEST);
    assert_int_equal(world_serves(&w, ENCRYPTION), 1);
}

static void pending_is_asked_for(void **state)
{
    (void)state;
    for (unsigned resend = 0; resend < 2; resend++) {
        start("scep-poll", resend ? "resend" : "certpoll");
        w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
        until(ENCRYPTION, RA_STATE_PENDING, HOUR);
        assert_true(world_run(&w, 3 * HOUR));
        assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_PENDING);
        world_boot(&w);
        assert_true(world_run(&w, 3 * HOUR));
        assert_in_range(w.ca.polls, 4, 8);
        assert_int_equal(w.ca.scep_type[RA_SCEP_CERT_POLL], resend ? 0 : w.ca.polls);
        assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
        until(ENCRYPTION, RA_STATE_PROBATION, 2 * HOUR);
        assert_int_equal(w.ca.submits[ENCRYPTION], 1);
        assert_null(world_check(&w, ENCRYPTION));
    }
}

static void start_signed_by_agent(const char *name, const char *value)
{
    const struct world_enrolment e = {.key = {"encryption_new1.key", "encryption.key"},
                                      .days_left = {400, 30},
                                      .settings = {{"ca-url", FAKE_SCEP_URL},
                                                   {"protocol", "scep"},
                                                   {"key-policy", "same"},
                                                   {"encryption-signer", "agent"},
                                                   {name, value}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
}

/* The agent's certificate signed a request that waits, and the agent is renewed meanwhile: questions
 * are signed by the old certificate, so long as there is that; a CA may answer nobody else. */
static void the_signer_is_renewed_while_a_request_waits(void **state)
{
    (void)state;
    for (unsigned resend = 0; resend < 2; resend++) {
        start_signed_by_agent("scep-poll", resend ? "resend" : "certpoll");
        w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
        w.ca.scep.bind_signer = true;
        until(ENCRYPTION, RA_STATE_PENDING, HOUR);
        assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
        renewed(AGENT, 1);
        assert_true(world_run(&w, 2 * HOUR));
        world_boot(&w);
        assert_true(world_run(&w, 2 * HOUR));
        assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_PENDING);
        assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
        until(ENCRYPTION, RA_STATE_PROBATION, 2 * HOUR);
        assert_int_equal(w.ca.submits[ENCRYPTION], 1);
        assert_null(world_check(&w, ENCRYPTION));
    }
    /* Renewed twice, the old certificate is gone, and the one of today asks. */
    start_signed_by_agent("host-name", "ra");
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    for (unsigned i = 0; i < 2; i++) {
        w.ca.life_days = (uint16_t)(800 + 100 * i);
        uint32_t before = world_serves(&w, AGENT);
        assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
        until(AGENT, RA_STATE_CHECK, HOUR);
        renewed(AGENT, before);
        assert_true(world_run(&w, 3 * DAY));
    }
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    until(ENCRYPTION, RA_STATE_PROBATION, 2 * HOUR);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
    assert_null(world_check(&w, ENCRYPTION));
}

/* Its signer has been renewed, and the old certificate, still kept, has expired: the one of today
 * asks. A CA that answers nobody but who signed ends the request with that, and gets another. */
static void the_signer_has_expired(void **state)
{
    (void)state;
    start_signed_by_agent("probation-hours", "720");
    world_store_pair(&w, AGENT, "encryption_new1.key", 10);
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    w.ca.scep.bind_signer = true;
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    until(AGENT, RA_STATE_PROBATION, 5 * DAY);
    assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_PENDING);
    until(ENCRYPTION, RA_STATE_BACKOFF, 9 * DAY);
    assert_true(world_now(&w) >= WORLD_NOW + 10 * DAY);
    assert_true(world_status(&w, AGENT).previous != 0);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_SCEP_BAD_CHECK);
    w.ca.mode[ENCRYPTION] = FAKE_CA_ISSUE;
    until(ENCRYPTION, RA_STATE_PROBATION, 9 * DAY);
    assert_null(world_check(&w, ENCRYPTION));
    /* And a stored signer of a role that there is not is nobody: today's asks. */
    start_signed_by_agent("host-name", "ra");
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    w.ra.renewal[ENCRYPTION].txn.signer = 0x0701;
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    until(ENCRYPTION, RA_STATE_PROBATION, 2 * HOUR);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
}

/* The setting names a signer that has no credential. */
static void no_signer(void **state)
{
    (void)state;
    start("encryption-signer", "agent");
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_NO_CREDENTIAL);
    assert_int_equal(w.ca.submits[ENCRYPTION], 0);
    world_set(&w, "encryption-signer", "own");
    until(ENCRYPTION, RA_STATE_PROBATION, 9 * DAY);
}

/* A manager's "no" that comes at once ends the transaction: the next request has another. */
static void denied_at_once(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.mode[ENCRYPTION] = FAKE_CA_ERROR;
    w.ca.hresult = 0x80094014;
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_CA_DENIED);
    assert_string_equal(world_status(&w, ENCRYPTION).request_id, "");
    w.ca.mode[ENCRYPTION] = FAKE_CA_ISSUE;
    until(ENCRYPTION, RA_STATE_PROBATION, 20 * DAY);
    assert_int_equal(w.ca.submits[ENCRYPTION], 2);
    assert_null(world_check(&w, ENCRYPTION));
}

/* Where the pair's server is not known, the one of the appliance's own certificate tells the time, in
 * this protocol too; not while another source has told it. */
static void the_time_of_its_own_server(void **state)
{
    (void)state;
    const struct world_enrolment e = {.key = {NULL, NULL, "encryption.key"},
                                      .days_left = {0, 0, 30},
                                      .settings = {{"ca-url", ""},
                                                   {"device-url", FAKE_SCEP_URL},
                                                   {"protocol", "scep"},
                                                   {"key-policy", "same"}}};
    for (unsigned other = 0; other < 2; other++) {
        world_init(&w, NULL);
        world_provision(&w, &e);
        w.board_clock = false;
        w.pace_ms = 1000;
        w.ca.net = other ? FAKE_NET_SILENT : FAKE_NET_UP;
        world_boot(&w);
        assert_true(world_run(&w, 50));
        assert_int_equal(w.link.requests, 0);
        if (other) {
            assert_true(world_run(&w, 15));
            assert_int_equal(w.link.requests, 1);
            assert_true(w.ra.worker >= 0);
            assert_int_equal(ra_offer_time(&w.ra, RA_TIME_SNTP, world_now(&w)), RA_OK);
            w.ca.net = FAKE_NET_UP;
        }
        until(DEVICE, RA_STATE_PROBATION, 60);
        assert_int_equal(w.ra.clock.source, other ? RA_TIME_SNTP : RA_TIME_HTTP);
        assert_null(world_check(&w, DEVICE));
    }
}

/* A subject with more than there is room for in a message: refused before anything is sent. */
static void a_subject_too_long(void **state)
{
    (void)state;
    static uint8_t name[600], cert[RA_CERT_MAX], large[RA_CERT_MAX];
    const struct world_enrolment e = {.key = {NULL, NULL, "encryption.key"},
                                      .days_left = {0, 0, 30},
                                      .settings = {{"ca-url", FAKE_SCEP_URL},
                                                   {"protocol", "scep"},
                                                   {"key-policy", "same"},
                                                   {"hold", "on"}}};
    const struct world_blob *key = world_blob("encryption.key");
    struct ra_cert parsed;
    size_t size = 0;
    ra_err err = RA_AGAIN;
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(name,
           "\x30\x82\x02\x54\x31\x82\x02\x50\x30\x82\x02\x4c\x06\x03\x55\x04\x03"
           "\x0c\x82\x02\x43",
           21);
    memset(name + 21, 'x', sizeof name - 21);
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
    until(DEVICE, RA_STATE_IDLE, 60);
    assert_int_equal(ra_certificate(&w.ra, DEVICE, cert, sizeof cert, &size), RA_OK);
    assert_int_equal(ra_cert_parse(&parsed, cert, size), RA_OK);
    struct ra_span long_one = pki_with((struct ra_span){cert, size}, parsed.subject,
                                       (struct ra_span){name, sizeof name}, large);
    while (err == RA_AGAIN) {
        err = ra_provision(&w.ra, DEVICE, key->p, key->size, large, long_one.size, NULL, 0);
        (void)ra_step(&w.ra);
    }
    assert_int_equal(err, RA_OK);
    world_set(&w, "hold", "off");
    until(DEVICE, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, DEVICE).cause, RA_E_LIMIT);
    assert_int_equal(w.ca.connections, 0);
}

static void the_manager_denies(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    assert_true(fake_ca_refuse(&w.ca, ENCRYPTION));
    until(ENCRYPTION, RA_STATE_BACKOFF, 2 * HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_SCEP_ENDED);
    assert_int_equal(world_serves(&w, ENCRYPTION), 1);
    /* A transaction that was refused is over: the next request has another id. */
    w.ca.mode[ENCRYPTION] = FAKE_CA_ISSUE;
    until(ENCRYPTION, RA_STATE_PROBATION, 16 * DAY);
    assert_int_equal(w.ca.submits[ENCRYPTION], 2);
}

/* The server says "no" to a request that it had accepted, and its manager says that it was issued:
 * GetCert brings it, with no second request. */
static void what_was_issued_is_retrieved(void **state)
{
    (void)state;
    char serial[2 * 24];
    start("host-name", "ra");
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    w.ca.scep.fault = FAKE_SCEP_ENDED;
    until(ENCRYPTION, RA_STATE_BACKOFF, 2 * HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_SCEP_ENDED);
    /* Of another one there is nothing, and that ends nothing. */
    assert_int_equal(ra_retrieve(&w.ra, ENCRYPTION, "7f:00:00:01"), RA_OK);
    until(ENCRYPTION, RA_STATE_FETCH, HOUR);
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_CA_UNKNOWN_ID);
    assert_int_equal(ra_retrieve(&w.ra, ENCRYPTION, ""), RA_E_PARAMETER);
    assert_int_equal(ra_retrieve(&w.ra, ENCRYPTION, "12g4"), RA_E_PARAMETER);
    assert_int_equal(ra_retrieve(&w.ra, ENCRYPTION, ":1234"), RA_E_PARAMETER);
    assert_int_equal(ra_retrieve(&w.ra, ENCRYPTION, "12-34"), RA_E_PARAMETER);
    assert_int_equal(ra_retrieve(&w.ra, DEVICE, "1234"), RA_E_NO_REQUEST);
    const struct fake_ca_request *r = fake_ca_newest(&w.ca, ENCRYPTION);
    struct ra_cert cert;
    assert_int_equal(ra_cert_parse(&cert, r->cert, r->cert_size), RA_OK);
    struct ra_text t;
    ra_text_init(&t, serial, sizeof serial);
    ra_text_add_hex(&t, cert.serial.p, cert.serial.size, ':');
    assert_int_equal(ra_retrieve(&w.ra, ENCRYPTION, serial), RA_OK);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, ENCRYPTION), r->id);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
    assert_int_equal(w.ca.fetches, 2);
    assert_null(world_check(&w, ENCRYPTION));
}

/* A number that is not the request's costs a request that waits nothing: neither one of which there is
 * nothing, nor that of the certificate to be renewed. By hand it is shown again at once. */
static void a_wrong_number_changes_nothing(void **state)
{
    (void)state;
    char serial[2 * 24];
    const struct ra_wish by_hand = {.by_hand = true};
    for (unsigned hand = 0; hand < 2; hand++) {
        start("host-name", "ra");
        w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
        until(ENCRYPTION, RA_STATE_PENDING, HOUR);
        if (hand) {
            assert_int_equal(ra_cancel(&w.ra, ENCRYPTION), RA_OK);
            world_set(&w, "hold", "on");
            until(ENCRYPTION, RA_STATE_IDLE, HOUR);
            assert_int_equal(ra_renew_as(&w.ra, ENCRYPTION, true, &by_hand), RA_OK);
            until(ENCRYPTION, RA_STATE_OFFLINE, HOUR);
            world_set(&w, "hold", "off");
        }
        enum ra_state waits = hand ? RA_STATE_OFFLINE : RA_STATE_PENDING;
        const struct ra_txn before = w.ra.renewal[ENCRYPTION].txn;
        const struct fake_ca_request *r = fake_ca_newest(&w.ca, ENCRYPTION);
        struct ra_cert cert;
        struct ra_text t;
        assert_int_equal(ra_cert_parse(&cert, r->cert, r->cert_size), RA_OK);
        ra_text_init(&t, serial, sizeof serial);
        ra_text_add_hex(&t, cert.serial.p, cert.serial.size, ':');
        for (unsigned old = 0; old < 2; old++) {
            assert_int_equal(ra_retrieve(&w.ra, ENCRYPTION, old ? serial : "7f01"), RA_OK);
            until(ENCRYPTION, RA_STATE_SAVE_FAILURE, HOUR);
            until(ENCRYPTION, waits, HOUR);
            const struct ra_txn *txn = &w.ra.renewal[ENCRYPTION].txn;
            assert_int_equal(txn->phase, before.phase);
            assert_int_equal(txn->next, before.next);
            assert_string_equal(txn->request_id, before.request_id);
            assert_int_equal(world_logged(&w, RA_LOG_REFUSED, ENCRYPTION), old + 1);
        }
        assert_int_equal(world_logged(&w, RA_LOG_FAILED, ENCRYPTION), 0);
        assert_int_equal(w.ca.submits[ENCRYPTION], 1);
        assert_int_equal(w.ca.fetches, 2);
        if (!hand) {
            /* The CA's "no" to the number is none to the request, though nobody answers next. */
            assert_int_equal(ra_retrieve(&w.ra, ENCRYPTION, "7f01"), RA_OK);
            until(ENCRYPTION, RA_STATE_SAVE_FAILURE, HOUR);
            w.ca.net = FAKE_NET_REFUSED;
            until(ENCRYPTION, RA_STATE_POLL, HOUR);
            until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
            w.ca.net = FAKE_NET_UP;
            assert_string_equal(w.ra.renewal[ENCRYPTION].txn.request_id, before.request_id);
            assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
            until(ENCRYPTION, RA_STATE_PROBATION, DAY);
            assert_int_equal(w.ca.submits[ENCRYPTION], 1);
        }
    }
}

static void failures_have_names(void **state)
{
    (void)state;
    static const ra_err causes[] = {RA_E_SCEP_BAD_ALG,  RA_E_SCEP_BAD_CHECK, RA_E_SCEP_BAD_REQUEST,
                                    RA_E_SCEP_BAD_TIME, RA_E_CA_UNKNOWN_ID,  RA_E_CA_ERROR};
    for (unsigned i = 0; i < 6; i++) {
        start("scep-renewal", "renewalreq");
        w.ca.mode[ENCRYPTION] = FAKE_CA_ERROR;
        w.ca.hresult = 0;
        w.ca.scep.fail_info = (uint8_t)i;
        until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
        assert_int_equal(world_status(&w, ENCRYPTION).cause, causes[i]);
        assert_int_equal(world_serves(&w, ENCRYPTION), 1);
    }
    /* NDES's own number says more: CERTSRV_E_UNSUPPORTED_CERT_TYPE [MS-ERREF]. */
    start("scep-renewal", "renewalreq");
    w.ca.mode[ENCRYPTION] = FAKE_CA_ERROR;
    w.ca.hresult = 0x80094800u;
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).hresult, 0x80094800u);
}

/* One reply is wrong: it is dropped, the old pair serves, the transaction lives on and the
 * certificate comes in the end, with one request. */
static void a_wrong_reply_is_dropped(void **state)
{
    (void)state;
    static const struct {
        enum fake_scep_fault fault;
        ra_err cause;
    } cases[] = {
        {FAKE_SCEP_NONCE, RA_E_SCEP_REPLAY},     {FAKE_SCEP_TRANSACTION, RA_E_SCEP_FOREIGN},
        {FAKE_SCEP_TYPE, RA_E_CA_ANSWER},        {FAKE_SCEP_STRANGER, RA_E_SCEP_SIGNER},
        {FAKE_SCEP_SIGNATURE, RA_E_SCEP_SIGNER}, {FAKE_SCEP_RECIPIENT, RA_E_CMS_RECIPIENT},
        {FAKE_SCEP_CONTENT, RA_E_DECRYPT},       {FAKE_SCEP_DES3, RA_E_SCEP_WEAK},
        {FAKE_SCEP_SHA1, RA_E_SCEP_WEAK},        {FAKE_SCEP_SIGNED_TWICE, RA_E_SCEP_SIGNER},
        {FAKE_SCEP_ABSENT, RA_E_SCEP_EMPTY},     {FAKE_SCEP_GARBAGE, RA_E_BASE64},
        {FAKE_SCEP_NO_SET, RA_E_HTTP_STATUS},    {FAKE_SCEP_LOOSE_SET, RA_E_SCEP_UNTRUSTED},
        {FAKE_SCEP_EMPTY_SET, RA_E_SCEP_CA_SET}, {FAKE_SCEP_500, RA_E_HTTP_STATUS}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start("scep-renewal", "renewalreq");
        w.ca.scep.fault = cases[i].fault;
        until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
        ra_err cause = world_status(&w, ENCRYPTION).cause;
        if (cause != cases[i].cause) {
            print_error("fault %d: %s\n", (int)cases[i].fault, ra_error_text(cause));
        }
        assert_int_equal(cause, cases[i].cause);
        assert_int_equal(world_serves(&w, ENCRYPTION), 1);
        char first[RA_ENROLL_ID_MAX + 1];
        memcpy(first, w.ra.renewal[ENCRYPTION].txn.request_id, sizeof first);
        w.ca.scep.fault = FAKE_SCEP_RIGHT;
        until(ENCRYPTION, RA_STATE_PROBATION, 9 * DAY);
        assert_string_equal(fake_ca_newest(&w.ca, ENCRYPTION)->transaction, first);
        assert_in_range(w.ca.submits[ENCRYPTION], 0, 1);
        assert_null(world_check(&w, ENCRYPTION));
    }
}

/* Whoever is on the way can answer a CertPoll with what is not the CA's, as often as he likes: the
 * CA has not spoken, and the request that waits at it is not given up. */
static void noise_ends_no_pending_request(void **state)
{
    (void)state;
    static const enum fake_scep_fault faults[] = {FAKE_SCEP_NONCE, FAKE_SCEP_TRANSACTION,
                                                  FAKE_SCEP_STRANGER, FAKE_SCEP_LOOSE_SET,
                                                  FAKE_SCEP_EMPTY_SET};
    for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        start("host-name", "ra");
        w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
        until(ENCRYPTION, RA_STATE_PENDING, HOUR);
        char first[RA_ENROLL_ID_MAX + 1];
        memcpy(first, w.ra.renewal[ENCRYPTION].txn.request_id, sizeof first);
        w.ca.scep.fault = faults[i];
        for (unsigned n = 0; n < 6; n++) {
            until(ENCRYPTION, RA_STATE_POLL, 9 * DAY);
            until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
            assert_int_equal(w.ra.renewal[ENCRYPTION].txn.phase, RA_PHASE_PENDING);
            assert_string_equal(w.ra.renewal[ENCRYPTION].txn.request_id, first);
            (void)ra_retry(&w.ra, ENCRYPTION);
        }
        w.ca.scep.fault = FAKE_SCEP_RIGHT;
        assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
        until(ENCRYPTION, RA_STATE_PROBATION, 9 * DAY);
        assert_int_equal(w.ca.submits[ENCRYPTION], 1);
        assert_null(world_check(&w, ENCRYPTION));
    }
}

/* Sent again as a question, a RenewalReq has been taken before: "no" is about the request, not about
 * its kind, and an error of the web server is about neither. */
static void a_question_is_not_refused_for_its_kind(void **state)
{
    (void)state;
    for (unsigned denied = 0; denied < 2; denied++) {
        start("scep-poll", "resend");
        w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
        until(ENCRYPTION, RA_STATE_PENDING, HOUR);
        char first[RA_ENROLL_ID_MAX + 1];
        memcpy(first, w.ra.renewal[ENCRYPTION].txn.request_id, sizeof first);
        if (denied) {
            assert_true(fake_ca_refuse(&w.ca, ENCRYPTION));
        } else {
            w.ca.scep.fault = FAKE_SCEP_500;
        }
        until(ENCRYPTION, RA_STATE_BACKOFF, 2 * HOUR);
        assert_int_equal(world_status(&w, ENCRYPTION).cause,
                         denied ? RA_E_SCEP_ENDED : RA_E_HTTP_STATUS);
        if (!denied) {
            w.ca.scep.fault = FAKE_SCEP_RIGHT;
            assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
            until(ENCRYPTION, RA_STATE_PROBATION, 9 * DAY);
            assert_string_equal(fake_ca_newest(&w.ca, ENCRYPTION)->transaction, first);
            assert_int_equal(w.ca.submits[ENCRYPTION], 1);
        }
        assert_int_equal(w.ca.scep_type[RA_SCEP_PKCS_REQ], 0);
    }
}

static void odd_replies_are_understood(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.scep.fault = FAKE_SCEP_BASE64;
    renewed(ENCRYPTION, 1);
    for (unsigned i = 0; i < 2; i++) {
        start("host-name", "ra");
        w.ca.scep.fault = i == 0 ? FAKE_SCEP_NOT_YET : FAKE_SCEP_NO_DATA;
        until(ENCRYPTION, RA_STATE_PENDING, HOUR);
        w.ca.scep.fault = FAKE_SCEP_RIGHT;
        until(ENCRYPTION, RA_STATE_PROBATION, 2 * HOUR);
        start("scep-legacy", "on");
        w.ca.scep.fault = i == 0 ? FAKE_SCEP_DES3 : FAKE_SCEP_SHA1;
        renewed(ENCRYPTION, 1);
        assert_true(world_logged(&w, RA_LOG_LEGACY, ENCRYPTION) > 0);
    }
}

/* The SCEP server's Date will do where no other time is to be had: a GetCACert brings it. */
static void the_time_from_its_server(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.board_clock = false;
    world_boot(&w);
    until(ENCRYPTION, RA_STATE_PROBATION, 2 * HOUR);
    assert_int_equal(w.ra.clock.source, RA_TIME_HTTP);
    start("host-name", "ra");
    w.board_clock = false;
    w.ca.no_date = true;
    w.ca.scep.fault = FAKE_SCEP_NO_SET;
    w.pace_ms = 1000;
    world_boot(&w);
    assert_true(world_run(&w, 90));
    assert_int_equal(w.link.requests, 1);
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, true), RA_E_TIME_UNKNOWN);
}

/* A signer is named, and a name is no proof: others of that name stand before it in the CA's list,
 * one that its CA has not signed and one that has not signed the reply. */
static void others_named_as_the_signer(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.scep.fault = FAKE_SCEP_TWINS;
    renewed(ENCRYPTION, 1);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
    assert_int_equal(w.ca.bad, 0);
}

/* The CA has another key by now, and sends what it issues without its own certificate: GetCACert has
 * that. */
static void issued_without_its_issuers(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.authority = FAKE_AUTHORITY_NEW_KEY;
    w.ca.scep.alone = true;
    renewed(ENCRYPTION, 1);
    /* With a wait between, there is a conversation of its own. */
    start("host-name", "ra");
    w.ca.authority = FAKE_AUTHORITY_NEW_KEY;
    w.ca.scep.alone = true;
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    until(ENCRYPTION, RA_STATE_PROBATION, DAY);
    assert_null(world_check(&w, ENCRYPTION));
}

/* A CA's list grows with its roots and with whatever else lands in it. */
static void a_crowded_list(void **state)
{
    (void)state;
    static const unsigned strangers[] = {5, 6, 10};
    for (unsigned i = 0; i < 3; i++) {
        start("host-name", "ra");
        w.ca.strangers = strangers[i];
        renewed(ENCRYPTION, 1);
        assert_int_equal(w.ca.submits[ENCRYPTION], 1);
    }
    /* Where the right ones are not found in it, that may be why. */
    start("host-name", "ra");
    w.ca.scep.fault = FAKE_SCEP_LOOSE_SET;
    w.ca.strangers = 8;
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_CMS_TOO_MANY);
}

/* NDES of old hangs up at GetCACaps: then there is GET, and what every server can do. */
static void a_server_without_capabilities(void **state)
{
    (void)state;
    start("scep-legacy", "on");
    w.ca.scep.fault = FAKE_SCEP_NO_CAPS;
    w.ca.scep.get_only = true;
    w.ca.scep.no_renewal = true;
    renewed(ENCRYPTION, 1);
    /* Nothing offered is not a reason to use what policy forbids. */
    start("scep-legacy", "off");
    w.ca.scep.fault = FAKE_SCEP_NO_CAPS;
    w.ca.scep.get_only = true;
    w.ca.scep.no_renewal = true;
    renewed(ENCRYPTION, 1);
    assert_int_equal(world_logged(&w, RA_LOG_LEGACY, ENCRYPTION), 0);
}

/* "I do not know it" is a server without a list. One that is busy or was not reached has its list
 * another time, and the renewal waits for that. */
static void which_status_is_no_capabilities(void **state)
{
    static const struct {
        unsigned status;
        bool none;
    } cases[] = {{403, true},  {404, true},  {500, true},  {501, true},
                 {401, false}, {408, false}, {502, false}, {503, false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start("host-name", "ra");
        w.ca.scep.caps_status = cases[i].status;
        w.ca.scep.get_only = w.ca.scep.no_renewal = cases[i].none;
        if (!cases[i].none) {
            until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
            assert_int_equal(world_status(&w, ENCRYPTION).cause,
                             cases[i].status == 401                             ? RA_E_HTTP_AUTH
                             : cases[i].status == 429 || cases[i].status == 503 ? RA_E_HTTP_BUSY
                                                                                : RA_E_HTTP_STATUS);
            w.ca.scep.caps_status = 0;
        }
        until(ENCRYPTION, RA_STATE_PROBATION, 9 * DAY);
        assert_int_equal(w.ca.scep_type[RA_SCEP_PKCS_REQ], cases[i].none);
        assert_int_equal(w.ca.others, 0);
        assert_null(world_check(&w, ENCRYPTION));
    }
    start("host-name", "ra");
    w.ca.scep.fault = FAKE_SCEP_HALF_CAPS;
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_NET_CLOSED);
}

/* What the CA issues is looked at as it is with AD CS. */
/* --- the next root ---------------------------------------------------------------------------- */

#define ISSUING_ENDS ((int64_t)23376 * DAY) /* 2034-01-01, issuing_ends.cert */

/* What is asked of the CA names it, escaped [RFC 3986 2]. */
static unsigned named;

static bool count_named(struct world *world)
{
    static const char *const questions[] = {
        "GET /scep?operation=GetCACaps&message=RA%26Co_1-~ HTTP/1.1",
        "GET /scep?operation=GetCACert&message=RA%26Co_1-~ HTTP/1.1",
        "GET /scep?operation=GetNextCACert&message=RA%26Co_1-~ HTTP/1.1"};
    for (unsigned i = 0; i < 3; i++) {
        named +=
            memcmp(world->link.request, questions[i], strlen(questions[i])) == 0 ? 1u << 8 * i : 0;
    }
    return false;
}

static void start_before_the_end(int64_t days)
{
    const struct world_enrolment e = {.key = {NULL, "encryption.key"},
                                      .days_left = {0, 30},
                                      .settings = {{"ca-url", FAKE_SCEP_URL},
                                                   {"protocol", "scep"},
                                                   {"key-policy", "same"},
                                                   {"ca-id", "RA&Co_1-~"}}};
    world_init(&w, NULL);
    w.true_ms = (ISSUING_ENDS - days * DAY) * 1000;
    w.ca.authority = FAKE_AUTHORITY_ENDS;
    w.ca.scep.next_root = true;
    w.on_reply = count_named;
    named = 0;
    world_provision(&w, &e);
    world_boot(&w);
}

/* Announced under the pinned root's signature, long before the CA ends: stored before the request, and
 * logged once. */
static void the_next_root(void **state)
{
    (void)state;
    start_before_the_end(2000);
    renewed(ENCRYPTION, 1);
    assert_int_equal(w.ca.scep_next, 1);
    assert_int_equal(named, 0x010101);
    assert_true(world_settle(&w));
    assert_true(world_holds_anchor(&w, 0, "root.cert"));
    assert_true(world_holds_anchor(&w, 1, "root2.cert"));
    assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, ENCRYPTION), 1);
    /* Known the next time. */
    assert_true(world_run(&w, 25 * HOUR));
    w.ca.life_days = 800;
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, true), RA_OK);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_int_equal(w.ca.scep_next, 2);
    assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, ENCRYPTION), 1);
    assert_false(world_flash_holds(&w, RA_RECORD_ANCHOR, 2, NULL, 0, NULL));
    /* It is trusted: the new CA renews. */
    assert_true(world_run(&w, 25 * HOUR));
    w.ca.authority = FAKE_AUTHORITY_NEW_ROOT;
    w.ca.scep.next_root = false;
    w.ca.life_days = 900;
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, true), RA_OK);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_null(world_check(&w, ENCRYPTION));
}

static void save_settings(struct world *world)
{
    if (!world->ra.config_dirty) {
        ra_config_save(&world->ra);
    }
}

/* Something is being written whenever an anchor is to be read. */
static void a_busy_flash(void **state)
{
    (void)state;
    start_before_the_end(100);
    w.flash.polls = 3;
    w.on_step = save_settings;
    until(ENCRYPTION, RA_STATE_PROBATION, 2 * HOUR);
    w.on_step = NULL;
    while (!ra_settled(&w.ra)) {
        (void)world_step(&w);
    }
    w.flash.polls = 0;
    assert_null(world_check(&w, ENCRYPTION));
    assert_true(world_holds_anchor(&w, 1, "root2.cert"));
}

/* What the pinned root has not signed, a CA below it included, is no next root, nor is one of another
 * name or without its key; it holds up no renewal. */
static void no_next_root(void **state)
{
    static const enum fake_scep_fault faults[] = {
        FAKE_SCEP_NO_NEXT,      FAKE_SCEP_NEXT_GARBAGE, FAKE_SCEP_NEXT_STRANGER,
        FAKE_SCEP_NEXT_FORGED,  FAKE_SCEP_NEXT_EMPTY,   FAKE_SCEP_NEXT_PRESENT,
        FAKE_SCEP_NEXT_ISSUING, FAKE_SCEP_NEXT_NAME,    FAKE_SCEP_NEXT_BROKEN,
        FAKE_SCEP_NEXT_ABSENT,  FAKE_SCEP_RIGHT};
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        start_before_the_end(100);
        w.ca.scep.fault = faults[i];
        w.ca.scep.next_sha1 = faults[i] == FAKE_SCEP_RIGHT;
        renewed(ENCRYPTION, 1);
        assert_int_equal(w.ca.scep_next, i < 2 ? 0 : 1);
        assert_true(world_settle(&w));
        assert_false(world_flash_holds(&w, RA_RECORD_ANCHOR, 1, NULL, 0, NULL));
        assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, ENCRYPTION), 0);
    }
}

static bool swallow_next(struct world *world)
{
    if (strstr(world->link.request, "GetNextCACert") != NULL) {
        world->link.reply_size = 0;
    }
    return count_named(world);
}

/* A server that offers what it then does not answer: it is asked once more, in case that a packet was
 * lost, and then the request goes out all the same. */
static void silence_about_the_next_root(void **state)
{
    (void)state;
    start_before_the_end(100);
    w.on_reply = swallow_next;
    renewed(ENCRYPTION, 1);
    assert_int_equal(named, 0x020202);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
    assert_int_equal(world_logged(&w, RA_LOG_FAILED, ENCRYPTION), 1);
    /* A packet was. */
    start_before_the_end(100);
    w.on_reply = swallow_next;
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_NET_TIMEOUT);
    w.on_reply = NULL;
    renewed(ENCRYPTION, 1);
    assert_true(world_settle(&w));
    assert_true(world_holds_anchor(&w, 1, "root2.cert"));
}

/* What waits at the CA is asked about by sending it again: its next root was asked for already. */
static void the_next_root_is_asked_for_once(void **state)
{
    (void)state;
    start_before_the_end(100);
    world_set(&w, "scep-poll", "resend");
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    assert_true(world_run(&w, DAY));
    assert_true(w.ca.polls > 5);
    assert_int_equal(w.ca.scep_next, 1);
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    until(ENCRYPTION, RA_STATE_PROBATION, DAY);
    assert_int_equal(w.ca.scep_next, 1);
}

/* All places are taken: what is stored is never replaced. */
static void no_place_for_a_root(void **state)
{
    (void)state;
    start_before_the_end(100);
    for (unsigned i = 1; i < RA_ANCHORS_MAX; i++) {
        world_anchor(&w, i, "false_root.cert");
    }
    world_boot(&w);
    renewed(ENCRYPTION, 1);
    assert_int_equal(w.ca.scep_next, 1);
    assert_true(world_settle(&w));
    for (unsigned i = 0; i < RA_ANCHORS_MAX; i++) {
        assert_true(world_holds_anchor(&w, i, i == 0 ? "root.cert" : "false_root.cert"));
    }
}

/* Somebody gives the GetCACert of before the CA had its new root in place of the present one, so often. */
static uint8_t former[FAKE_CA_REPLY_MAX];
static size_t former_size;
static unsigned former_times;

static bool give_former(struct world *world)
{
    struct world_link *l = &world->link;
    if (strstr((const char *)l->request, "?operation=GetCACert") == NULL) {
        return false;
    }
    if (world->ca.authority != FAKE_AUTHORITY_NEW_ROOT) {
        memcpy(former, l->reply, l->reply_size);
        former_size = l->reply_size;
    } else if (former_times > 0) {
        former_times--;
        memcpy(l->reply, former, former_size);
        l->reply_size = former_size;
    }
    return false;
}

/* It leads to an anchor and cannot be told from the present one: the server does not understand
 * the request, the old certificate serves on, and the next attempt asks again. */
static void an_older_list_of_certificates(void **state)
{
    (void)state;
    start("host-name", "ra");
    world_anchor(&w, 1, "root2.cert");
    w.on_reply = give_former;
    renewed(ENCRYPTION, 1);
    assert_true(world_run(&w, 25 * HOUR));
    uint32_t served = world_serves(&w, ENCRYPTION);
    w.ca.authority = FAKE_AUTHORITY_NEW_ROOT;
    w.ca.life_days = 900;
    former_times = 3;
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, true), RA_OK);
    for (unsigned left = former_times; left-- > 0;) {
        until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
        assert_int_equal(former_times, left);
        assert_int_equal(w.ca.bad, 1);
        assert_string_equal(w.ca.why, FAKE_SCEP_FORMER);
        w.ca.bad = 0;
        assert_int_equal(world_serves(&w, ENCRYPTION), served);
        until(ENCRYPTION, RA_STATE_SUBMIT, 9 * DAY);
    }
    renewed(ENCRYPTION, served);
    assert_int_equal(w.ca.bad + w.ca.others, 0);
}

/* ca-fingerprint names a CA certificate by its SHA-256: that one becomes an anchor, no other does. */
static void a_root_by_fingerprint(void **state)
{
    const struct world_blob *root = world_blob("root2.cert");
    uint8_t digest[RA_HASH_SIZE_MAX];
    (void)state;
    for (unsigned known = 0; known < 2; known++) {
        char hex[80];
        struct ra_text t;
        assert_int_equal(ra_hash(RA_HASH_SHA256, root->p, root->size, digest), RA_OK);
        digest[31] ^= known ? 0 : 1;
        ra_text_init(&t, hex, sizeof hex);
        ra_text_add_hex(&t, digest, 32, 0);
        start("ca-fingerprint", hex);
        w.ca.authority = FAKE_AUTHORITY_NEW_ROOT;
        until(ENCRYPTION, known ? RA_STATE_PROBATION : RA_STATE_BACKOFF, HOUR);
        if (known) {
            assert_null(world_check(&w, ENCRYPTION));
            assert_true(world_settle(&w));
            assert_true(world_holds_anchor(&w, 1, "root2.cert"));
        } else {
            assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_SCEP_UNTRUSTED);
            assert_false(world_flash_holds(&w, RA_RECORD_ANCHOR, 1, NULL, 0, NULL));
        }
    }
}

/* Four anchors that have not ended leave no place: that is said, and is no failure where one of the
 * four vouches for the CA anyhow. */
static void no_place_for_the_fingerprint(void **state)
{
    static const char *const certs[] = {"root2.cert", "issuing.cert"};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct world_blob *b = world_blob(certs[i]);
        uint8_t digest[RA_HASH_SIZE_MAX];
        char hex[80];
        struct ra_text t;
        assert_int_equal(ra_hash(RA_HASH_SHA256, b->p, b->size, digest), RA_OK);
        ra_text_init(&t, hex, sizeof hex);
        ra_text_add_hex(&t, digest, 32, 0);
        start("ca-fingerprint", hex);
        for (unsigned place = 1; place < RA_ANCHORS_MAX; place++) {
            world_anchor(&w, place, "false_root.cert");
        }
        if (i == 0) {
            w.ca.authority = FAKE_AUTHORITY_NEW_ROOT;
            until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
            assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_ANCHORS_FULL);
        } else {
            renewed(ENCRYPTION, 1);
        }
        assert_int_equal(world_logged(&w, RA_LOG_NOT_SAVED, ENCRYPTION), 1);
        assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, ENCRYPTION), 0);
    }
}

static void the_gates_are_the_same(void **state)
{
    (void)state;
    start("host-name", "ra");
    w.ca.mode[ENCRYPTION] = FAKE_CA_WRONG_ROLE;
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_serves(&w, ENCRYPTION), 1);
    w.ca.mode[ENCRYPTION] = FAKE_CA_ISSUE;
    until(ENCRYPTION, RA_STATE_PROBATION, 9 * DAY);
    assert_null(world_check(&w, ENCRYPTION));
}

/* An appliance without credentials that knows the challenge password. */
static void start_first(const char *name, const char *value)
{
    const struct world_enrolment e = {.key = {NULL},
                                      .settings = {{"ca-url", FAKE_SCEP_URL},
                                                   {"protocol", "scep"},
                                                   {"subject", "CN=ra7,O=World"},
                                                   {"scep-challenge", "open-sesame"},
                                                   {name, value}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
}

static void ask_first(void)
{
    assert_true(world_run(&w, 10));
    assert_int_equal(ra_enroll_new(&w.ra, DEVICE, NULL), RA_OK);
}

static void serves_newest_as(const char *subject)
{
    const struct fake_ca_request *r = fake_ca_newest(&w.ca, DEVICE);
    struct ra_cert cert;
    char name[RA_EVENT_DETAIL_MAX + 1];
    assert_non_null(r);
    assert_int_equal(world_serves(&w, DEVICE), r->id);
    assert_int_equal(ra_cert_parse(&cert, r->cert, r->cert_size), RA_OK);
    ra_name_text(cert.subject, name, sizeof name);
    assert_string_equal(name, subject);
}

static void a_first_enrolment(void **state)
{
    (void)state;
    start_first("host-name", "ra");
    w.ca.scep.challenge = "another";
    ask_first();
    until(DEVICE, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_serves(&w, DEVICE), 0);
    w.ca.scep.challenge = "open-sesame";
    w.ca.bad = 0;
    until(DEVICE, RA_STATE_PROBATION, 9 * DAY);
    serves_newest_as("CN=ra7,O=World");
    assert_null(world_clean(&w));
}

/* The challenge is for the server of ca-url; where that one speaks another protocol, or there is
 * none, for device-url's. */
static void the_challenge_of_another_server(void **state)
{
    static const struct {
        const char *ca, *protocol, *device_protocol;
        bool told;
    } cases[] = {{"http://other.example.test/scep", "scep", "scep", false},
                 {FAKE_SCEP_URL, "scep", "scep", true},
                 {"http://other.example.test/certsrv", "adcs", "scep", true},
                 {"", "scep", "same", true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct world_enrolment e = {
            .key = {NULL},
            .settings = {{"ca-url", cases[i].ca},
                         {"device-url", FAKE_SCEP_URL},
                         {"protocol", cases[i].protocol},
                         {"device-protocol", cases[i].device_protocol},
                         {"subject", "CN=ra7,O=World"},
                         {"scep-challenge", "open-sesame"}}};
        world_init(&w, NULL);
        world_provision(&w, &e);
        world_boot(&w);
        w.ca.scep.challenge = "open-sesame";
        ask_first();
        until(DEVICE, cases[i].told ? RA_STATE_PROBATION : RA_STATE_BACKOFF, HOUR);
        assert_int_equal(world_serves(&w, DEVICE) != 0, cases[i].told);
    }
}

/* After a failure the operator asks again, with another name: at once, for that name, by a new key. */
static void a_first_enrolment_asked_for_again(void **state)
{
    (void)state;
    start_first("subject", "CN=ra6,O=World");
    w.ca.scep.challenge = "another";
    ask_first();
    until(DEVICE, RA_STATE_BACKOFF, HOUR);
    w.ca.scep.challenge = "open-sesame";
    w.ca.bad = 0;
    world_set(&w, "subject", "CN=ra7,O=World");
    assert_int_equal(ra_enroll_new(&w.ra, DEVICE, NULL), RA_OK);
    until(DEVICE, RA_STATE_PROBATION, HOUR);
    serves_newest_as("CN=ra7,O=World");
    assert_null(world_clean(&w));
}

/* What SCEP's peer encrypts to needs an RSA key, and who signs a first request is the new key. */
static void a_first_enrolment_needs_rsa(void **state)
{
    (void)state;
    start_first("device-key", "p256");
    ask_first();
    until(DEVICE, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, DEVICE).cause, RA_E_SCEP_SIGNER_KEY);
    /* Nor by a key that was made for another protocol. */
    start_first("device-key", "p256");
    world_set(&w, "protocol", "adcs");
    w.ca.net = FAKE_NET_REFUSED;
    ask_first();
    until(DEVICE, RA_STATE_BACKOFF, HOUR);
    assert_int_not_equal(world_status(&w, DEVICE).cause, RA_E_SCEP_SIGNER_KEY);
    world_set(&w, "protocol", "scep");
    w.ca.net = FAKE_NET_UP;
    assert_true(world_run(&w, DAY));
    assert_int_equal(world_status(&w, DEVICE).cause, RA_E_SCEP_SIGNER_KEY);
    assert_int_equal(w.ca.scep_type[RA_SCEP_PKCS_REQ], 0);
}

static void start_signers(const char *key, const char *agent, const char *encryption, int days)
{
    const struct world_enrolment e = {.key = {key, "encryption.key"},
                                      .days_left = {days, 400},
                                      .settings = {{"ca-url", FAKE_SCEP_URL},
                                                   {"protocol", "scep"},
                                                   {"agent-key", "p256"},
                                                   {"agent-signer", agent},
                                                   {"encryption-signer", encryption}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
}

/* A key that signs the next renewal, its own or another role's, opens the reply: it is not replaced by
 * one that cannot. A word of the operator's that would is refused, a setting passed over and said:
 * now, not in two years. */
static void a_signer_stays_rsa(void **state)
{
    static const struct {
        const char *agent, *encryption; /* who signs for them */
        bool may;
    } cases[] = {
        {"own", "own", false}, {"encryption", "agent", false}, {"encryption", "own", true}};
    static const struct ra_wish wish = {.alg = RA_KEY_EC_P256};
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start_signers("encryption_new1.key", cases[i].agent, cases[i].encryption, 400);
        assert_true(world_run(&w, HOUR));
        assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &wish), RA_OK);
        until(AGENT, cases[i].may ? RA_STATE_PROBATION : RA_STATE_BACKOFF, HOUR);
        assert_int_equal(w.ca.submits[AGENT], cases[i].may);
        assert_int_equal(world_status(&w, AGENT).cause == RA_E_SCEP_SIGNER_KEY, !cases[i].may);
        assert_null(world_check(&w, AGENT));
    }
    start_signers("agent.key", "own", "own", 30); /* of a curve */
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, AGENT).cause, RA_E_SCEP_SIGNER_KEY);
    start_signers("encryption_new1.key", "own", "own", 30);
    until(AGENT, RA_STATE_KEYGEN, HOUR);
    while (world_logged(&w, RA_LOG_REFUSED, AGENT) == 0) {
        assert_true(world_step(&w));
        assert_int_equal(world_state(&w, AGENT), RA_STATE_KEYGEN);
    }
    assert_int_equal(w.ra.keygen.alg, RA_KEY_RSA_2048);
}

/* The agent's 256th generation would have the id of none, and could not sign for the next. */
static void an_id_that_says_none(void **state)
{
    const struct world_enrolment e = {
        .key = {"encryption_new1.key", "encryption.key"},
        .days_left = {30, 5000},
        .settings = {{"ca-url", FAKE_SCEP_URL}, {"protocol", "scep"}, {"key-policy", "same"}}};
    (void)state;
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
    w.ra.commit.slot[AGENT].newest = 255;
    w.ra.commit_dirty = true;
    assert_true(world_settle(&w));
    world_boot(&w);
    uint32_t before = 2;
    for (unsigned i = 0; i < 3; i++) {
        renewed(AGENT, before);
        before = world_serves(&w, AGENT);
        until(AGENT, RA_STATE_IDLE, 3 * DAY);
        assert_true(world_settle(&w));
        world_advance(&w, 710 * DAY);
        world_boot(&w);
    }
}

/* A first request waits for its manager, over resets and days: each question about it is signed as
 * it was itself. Another key has another signer. */
static void a_first_enrolment_that_waits(void **state)
{
    (void)state;
    start_first("poll-minutes", "720");
    w.ca.scep.challenge = "open-sesame";
    w.ca.mode[DEVICE] = FAKE_CA_PEND;
    ask_first();
    until(DEVICE, RA_STATE_PENDING, HOUR);
    for (unsigned i = 0; i < 3; i++) {
        world_boot(&w);
        assert_true(world_run(&w, 10 * DAY));
        assert_int_equal(world_state(&w, DEVICE), RA_STATE_PENDING);
    }
    assert_true(w.ca.scep_type[RA_SCEP_CERT_POLL] > 10);
    assert_int_equal(w.ca.scep_selves, 1);
    /* A question names the subject: without one, none is asked, and the request waits on. */
    world_set(&w, "subject", "");
    until(DEVICE, RA_STATE_POLL, DAY);
    unsigned polls = w.ca.polls;
    until(DEVICE, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(w.ca.polls, polls);
    world_set(&w, "subject", "CN=ra7,O=World");
    until(DEVICE, RA_STATE_PENDING, 9 * DAY);
    assert_true(fake_ca_approve(&w.ca, DEVICE, world_now(&w)));
    until(DEVICE, RA_STATE_PROBATION, DAY);
    assert_int_equal(world_serves(&w, DEVICE), fake_ca_newest(&w.ca, DEVICE)->id);
    assert_int_equal(w.ca.scep_selves, 1);
    assert_int_equal(w.ca.submits[DEVICE], 1);
    assert_int_equal(w.ca.bad + w.ca.others, 0);
    assert_null(world_check(&w, DEVICE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_by_renewal_request),
        cmocka_unit_test(by_get_without_renewal),
        cmocka_unit_test(a_refused_renewal_becomes_a_request),
        cmocka_unit_test(which_status_refuses_a_kind),
        cmocka_unit_test(kinds_by_setting),
        cmocka_unit_test(pending_is_asked_for),
        cmocka_unit_test(the_signer_is_renewed_while_a_request_waits),
        cmocka_unit_test(the_signer_has_expired),
        cmocka_unit_test(no_signer),
        cmocka_unit_test(denied_at_once),
        cmocka_unit_test(the_time_of_its_own_server),
        cmocka_unit_test(a_subject_too_long),
        cmocka_unit_test(the_manager_denies),
        cmocka_unit_test(what_was_issued_is_retrieved),
        cmocka_unit_test(a_wrong_number_changes_nothing),
        cmocka_unit_test(failures_have_names),
        cmocka_unit_test(a_wrong_reply_is_dropped),
        cmocka_unit_test(noise_ends_no_pending_request),
        cmocka_unit_test(a_question_is_not_refused_for_its_kind),
        cmocka_unit_test(odd_replies_are_understood),
        cmocka_unit_test(the_time_from_its_server),
        cmocka_unit_test(others_named_as_the_signer),
        cmocka_unit_test(issued_without_its_issuers),
        cmocka_unit_test(a_crowded_list),
        cmocka_unit_test(a_server_without_capabilities),
        cmocka_unit_test(which_status_is_no_capabilities),
        cmocka_unit_test(the_next_root),
        cmocka_unit_test(a_busy_flash),
        cmocka_unit_test(no_next_root),
        cmocka_unit_test(silence_about_the_next_root),
        cmocka_unit_test(the_next_root_is_asked_for_once),
        cmocka_unit_test(no_place_for_a_root),
        cmocka_unit_test(an_older_list_of_certificates),
        cmocka_unit_test(a_root_by_fingerprint),
        cmocka_unit_test(no_place_for_the_fingerprint),
        cmocka_unit_test(the_gates_are_the_same),
        cmocka_unit_test(a_first_enrolment),
        cmocka_unit_test(the_challenge_of_another_server),
        cmocka_unit_test(a_first_enrolment_asked_for_again),
        cmocka_unit_test(a_first_enrolment_needs_rsa),
        cmocka_unit_test(a_signer_stays_rsa),
        cmocka_unit_test(an_id_that_says_none),
        cmocka_unit_test(a_first_enrolment_that_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
