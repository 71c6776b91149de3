/* What happens to a renewal once in a decade: records that are gone or are not what they were, a CA
 * that says something else than before, a clock that is lost, counters at their end. Each time the
 * old pair serves until a new one is proved, and the failure has its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ra_internal.h"
#include "world.h"
#include "world_vectors.h"

#define AGENT RA_ROLE_AGENT
#define ENCRYPTION RA_ROLE_ENCRYPTION
#define DEVICE RA_ROLE_DEVICE
#define DAY ((int64_t)RA_DAY)
#define HOUR ((int64_t)RA_HOUR)

static struct world w;
static struct ra_renewal *const agent = &w.ra.renewal[AGENT];

static void start_pair(int agent_days, int encryption_days)
{
    world_init(&w, NULL);
    world_provision_pair(&w, agent_days, encryption_days);
    world_boot(&w);
}

static void start_agent(int days, const char *setting, const char *value)
{
    const struct world_enrolment e = {
        .key = {"agent.key"}, .days_left = {days}, .settings = {{setting, value}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
}

static void until(enum ra_role role, enum ra_state state, int64_t seconds)
{
    assert_true(world_until_state(&w, role, state, seconds));
}

static void serves_well(enum ra_role role, uint32_t id)
{
    const char *why = world_check(&w, role);
    if (why != NULL) {
        print_error("%s\n", why);
    }
    assert_null(why);
    assert_int_equal(world_serves(&w, role), id);
}

static void failed(enum ra_role role, ra_err cause)
{
    until(role, RA_STATE_BACKOFF, HOUR);
    if (world_status(&w, role).cause != cause) {
        print_error("%s\n", ra_error_text(world_status(&w, role).cause));
    }
    assert_int_equal(world_status(&w, role).cause, cause);
}

static void settle_store(void)
{
    while (!ra_store_settled(&w.ra.store)) {
        (void)ra_store_step(&w.ra.store);
    }
}

static void put(enum ra_record type, uint16_t id, const void *p, size_t size)
{
    settle_store();
    assert_int_equal(ra_store_put(&w.ra.store, (uint8_t)type, id, p, size), RA_OK);
    settle_store();
}

static void drop(enum ra_record type, uint16_t id)
{
    const struct ra_store_key key = {(uint8_t)type, id};
    settle_store();
    assert_int_equal(ra_store_drop(&w.ra.store, &key, 1), RA_OK);
    settle_store();
}

static void lose_the_time(void)
{
    w.ra.clock.base = RA_TIME_UNKNOWN;
    w.ra.clock.source = RA_TIME_NONE;
    assert_true(ra_clock_now(&w.ra.clock) == RA_TIME_UNKNOWN);
}

/* --- anchors ---------------------------------------------------------------------------------- */

/* What was issued is fetched again once somebody has stored the anchor. */
static void no_anchor(void **state)
{
    (void)state;
    start_agent(30, "host-name", "ra");
    drop(RA_RECORD_ANCHOR, 0);
    failed(AGENT, RA_E_NO_ANCHOR);
    serves_well(AGENT, 1);
    world_anchor(&w, 0, fake_ca_root(w.ca.authority));
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    serves_well(AGENT, 2);
    assert_int_equal(w.ca.submits[AGENT], 1);
}

/* The one that cannot be read may be the one that would do: that the other does not says less. */
static void one_anchor_unreadable(void **state)
{
    (void)state;
    start_agent(30, "host-name", "ra");
    world_anchor(&w, 1, "root2.cert");
    assert_true(world_settle(&w));
    world_damage(&w, RA_RECORD_ANCHOR, 0);
    failed(AGENT, RA_E_RECORD_DAMAGED);
    assert_int_equal(w.ca.submits[AGENT], 1);
}

/* --- what the CA gives ------------------------------------------------------------------------ */

/* The newest certificate alone where a chain was asked for. */
static bool give_it_bare(struct world *world)
{
    struct world_link *l = &world->link;
    const struct fake_ca_request *r = fake_ca_newest(&world->ca, AGENT);
    if (strstr((const char *)l->request, "certnew.p7b") != NULL) {
        int head = snprintf((char *)l->reply, sizeof l->reply,
                            "HTTP/1.1 200 OK\r\nContent-Type: application/pkix-cert\r\n"
                            "Content-Length: %u\r\n\r\n",
                            (unsigned)r->cert_size);
        memcpy(l->reply + head, r->cert, r->cert_size);
        l->reply_size = (size_t)head + r->cert_size;
    }
    return false;
}

/* Those of the one in use serve, where they are known. */
static void a_certificate_without_issuers(void **state)
{
    (void)state;
    start_agent(30, "host-name", "ra");
    w.on_reply = give_it_bare;
    until(AGENT, RA_STATE_PROBATION, HOUR);
    serves_well(AGENT, 2);
    start_agent(30, "host-name", "ra");
    until(AGENT, RA_STATE_FETCH, HOUR);
    const struct world_blob *other = world_blob("root2.cert");
    put(RA_RECORD_CHAIN, ra_generation_id(AGENT, 1), other->p, other->size);
    w.on_reply = give_it_bare;
    failed(AGENT, RA_E_CHAIN_ISSUER);
    assert_int_equal(w.ra.commit.slot[AGENT].active, 1);
    w.on_reply = NULL;
    until(AGENT, RA_STATE_PROBATION, 9 * DAY);
    assert_true(world_serves(&w, AGENT) > 1);
}

/* It is issued, and the connection breaks before it has come: it is asked for again. */
static void cut_off_while_fetching(void **state)
{
    (void)state;
    start_agent(30, "host-name", "ra");
    until(AGENT, RA_STATE_FETCH, HOUR);
    w.ca.net = FAKE_NET_LOSE_REPLY;
    failed(AGENT, RA_E_NET_RESET);
    w.ca.net = FAKE_NET_UP;
    until(AGENT, RA_STATE_PROBATION, HOUR);
    serves_well(AGENT, 2);
    assert_int_equal(w.ca.submits[AGENT], 1);
}

/* Issued, it says, and then it has no certificate to give: no reason to believe either. */
static void issued_and_taken_back(void **state)
{
    (void)state;
    start_agent(30, "host-name", "ra");
    until(AGENT, RA_STATE_FETCH, HOUR);
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        if (w.ca.request[i].id == 2) {
            w.ca.request[i].state = FAKE_CA_WAITS;
        }
    }
    failed(AGENT, RA_E_CA_NO_CHAIN);
    assert_true(fake_ca_approve(&w.ca, AGENT, world_now(&w)));
    until(AGENT, RA_STATE_PROBATION, 9 * DAY);
    serves_well(AGENT, 2);
    assert_int_equal(w.ca.submits[AGENT], 1);
}

static ra_err replace_with(const uint8_t *cert, size_t size)
{
    const struct world_blob *key = world_blob("agent.key");
    ra_err e = RA_AGAIN;
    while (e == RA_AGAIN) {
        e = ra_provision(&w.ra, AGENT, key->p, key->size, cert, size, NULL, 0);
        (void)ra_step(&w.ra);
    }
    return e;
}

static unsigned forms, named;

static bool look_at_form(struct world *world)
{
    const char *text = (const char *)world->link.request;
    forms += strstr(text, "certfnsh.asp") != NULL;
    named += strstr(text, "CertificateTemplate") != NULL;
    return false;
}

/* A template of version 2 and later is named by an object identifier, which stands in the request: the
 * form has a field for names alone. */
static void a_template_without_a_name(void **state)
{
    (void)state;
    static const char v1[] = "\x06\x09\x2b\x06\x01\x04\x01\x82\x37\x14\x02";
    static const char v2[] = "\x06\x09\x2b\x06\x01\x04\x01\x82\x37\x15\x07";
    static const char value[] = "\x30\x2c\x06\x27\x2b\x06\x01\x04\x01\x82\x37\x15\x08";
    uint8_t cert[RA_CERT_MAX];
    size_t size = 0, at = 0;
    forms = named = 0;
    start_agent(30, "host-name", "ra");
    w.on_reply = look_at_form;
    until(AGENT, RA_STATE_FETCH, HOUR);
    assert_int_equal(forms, 1);
    assert_int_equal(named, 1);

    start_agent(30, "hold", "on");
    until(AGENT, RA_STATE_IDLE, HOUR);
    assert_int_equal(ra_certificate(&w.ra, AGENT, cert, sizeof cert, &size), RA_OK);
    while (memcmp(cert + at, v1, 11) != 0) {
        assert_true(++at + 11 + 2 + 46 < size);
    }
    memcpy(cert + at, v2, 11);
    at += 13; /* behind the OCTET STRING's head, a BMPString of 22 characters */
    assert_int_equal(cert[at + 1], 44);
    memcpy(cert + at, value, 13);
    memset(cert + at + 13, 1, 30);
    memcpy(cert + at + 43, "\x02\x01\x64", 3);
    assert_int_equal(replace_with(cert, size), RA_OK);
    forms = named = 0;
    w.on_reply = look_at_form;
    world_set(&w, "hold", "off");
    until(AGENT, RA_STATE_BACKOFF, HOUR); /* this CA knows no such certificate */
    assert_int_equal(forms, 1);
    assert_int_equal(named, 0);
}

static void poke_large_chain(struct world *world)
{
    struct ra_check *check = &world->ra.check;
    if (agent->state == RA_STATE_STAGE && agent->sub == 1) {
        check->certs[check->chain.path[0]] = (struct ra_span){world->reply, RA_CHAIN_MAX + 1};
    }
}

static void poke_large_leaf(struct world *world)
{
    if (agent->state == RA_STATE_STAGE && agent->sub == 0) {
        world->ra.check.leaf.der.size = RA_CERT_MAX + 1;
    }
}

/* What there is no room for in flash is no reason to lose anything. */
static void too_large_to_be_stored(void **state)
{
    (void)state;
    start_agent(30, "host-name", "ra");
    w.on_step = poke_large_leaf;
    failed(AGENT, RA_E_LIMIT);
    serves_well(AGENT, 1);
    start_agent(30, "host-name", "ra");
    w.on_step = poke_large_chain;
    failed(AGENT, RA_E_LIMIT);
    serves_well(AGENT, 1);
    w.on_step = NULL;
    until(AGENT, RA_STATE_PROBATION, 9 * DAY);
}

/* --- the settings change ---------------------------------------------------------------------- */

/* A CA of another protocol knows nothing of the request that waits: it is sent there anew. */
static void another_protocol_while_pending(void **state)
{
    (void)state;
    start_pair(30, 400);
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_PENDING, HOUR);
    w.ca.mode[AGENT] = FAKE_CA_ISSUE;
    world_set(&w, "protocol", "est");
    world_set(&w, "ca-url", FAKE_EST_URL);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_OK);
    unsigned polls = w.ca.polls;
    failed(AGENT, RA_E_CA_UNKNOWN_ID);
    assert_int_equal(w.ca.polls, polls);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(w.ca.est_posts[1], 1);
    serves_well(AGENT, fake_ca_newest(&w.ca, AGENT)->id);
}

/* The appliance's own certificate by another protocol, at another address, than the pair's. */
static void a_protocol_of_its_own(void **state)
{
    (void)state;
    const struct world_enrolment e = {.key = {"agent.key", NULL, "encryption.key"},
                                      .days_left = {30, 0, 30},
                                      .settings = {{"key-policy", "same"},
                                                   {"device-protocol", "est"},
                                                   {"device-url", FAKE_EST_URL}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
    until(DEVICE, RA_STATE_PROBATION, HOUR);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(w.ca.est_posts[1], 1);
    assert_int_equal(w.ca.fetches, 1); /* the agent's, by AD CS */
    assert_null(world_check(&w, DEVICE));
    assert_null(world_check(&w, AGENT));
}

static void an_address_that_is_none(void **state)
{
    (void)state;
    start_agent(30, "ca-url", "nowhere");
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(w.ca.connections, 0);
    assert_true(world_status(&w, AGENT).cause < 0);
    world_set(&w, "ca-url", FAKE_CA_URL);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    serves_well(AGENT, 2);
}

/* --- records that are not what they were ------------------------------------------------------ */

/* How far it got is lost, its key is not: the same key goes out again. */
static void a_transaction_that_makes_no_sense(void **state)
{
    (void)state;
    start_agent(30, "host-name", "ra");
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_true(world_settle(&w));
    put(RA_RECORD_TXN, AGENT, "\x63nonsense", 9);
    w.ca.mode[AGENT] = FAKE_CA_ISSUE;
    world_boot(&w);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(w.ca.submits[AGENT], 2);
    assert_int_equal(w.ca.keys[AGENT], 1);
    serves_well(AGENT, world_serves(&w, AGENT));
    /* Of one that has no key nothing is left, and the next one begins. */
    start_agent(30, "hold", "on");
    until(AGENT, RA_STATE_IDLE, HOUR);
    while (ra_random_seed(&w.ra.random) == RA_AGAIN) {
    }
    put(RA_RECORD_TXN, AGENT, "\x63nonsense", 9);
    world_boot(&w);
    until(AGENT, RA_STATE_IDLE, HOUR);
    world_set(&w, "hold", "off");
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(w.ca.submits[AGENT], 1);
}

/* On another board nothing can be opened, the transaction least of all; back on its own it goes on. */
static void a_strange_board_while_pending(void **state)
{
    (void)state;
    start_agent(30, "host-name", "ra");
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_true(world_settle(&w));
    unsigned requests = w.link.requests;
    w.no_device_key = true;
    world_boot(&w);
    until(AGENT, RA_STATE_EMPTY, HOUR);
    assert_true(world_run(&w, DAY));
    assert_int_equal(w.link.requests, requests);
    w.no_device_key = false;
    world_boot(&w);
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_true(fake_ca_approve(&w.ca, AGENT, world_now(&w)));
    until(AGENT, RA_STATE_PROBATION, 2 * HOUR);
    assert_int_equal(w.ca.submits[AGENT], 1);
    serves_well(AGENT, 2);
}

/* Another key in the place of the new one, of the same kind and of another: the certificate is not
 * its, and the CA is asked for one that is. */
static void another_key_at_boot(void **state)
{
    (void)state;
    static const char *const keys[] = {"agent_new1.key", "encryption.key"};
    for (unsigned i = 0; i < 2; i++) {
        const struct world_blob *other = world_blob(keys[i]);
        start_agent(30, "host-name", "ra");
        until(AGENT, RA_STATE_SELF_TEST, HOUR);
        put(RA_RECORD_KEY, ra_generation_id(AGENT, 2), other->p, other->size);
        world_boot(&w);
        failed(AGENT, RA_E_GATE_KEY);
        serves_well(AGENT, 1);
        until(AGENT, RA_STATE_PROBATION, 9 * DAY);
        assert_int_equal(w.ca.submits[AGENT], 2);
        serves_well(AGENT, 3);
    }
}

/* Nor is one served that is no key, or of a kind that is not known here. */
static void no_key_before_the_self_test(void **state)
{
    (void)state;
    uint8_t key[RA_KEY_DER_MAX];
    const struct world_blob *other = world_blob("agent.key");
    memcpy(key, other->p, other->size);
    for (unsigned i = 0; i < 2; i++) {
        if (i == 1) { /* P-256, 1.2.840.10045.3.1.7: .5 is another curve */
            size_t at = 0;
            while (memcmp(key + at, "\x2a\x86\x48\xce\x3d\x03\x01\x07", 8) != 0) {
                assert_true(++at + 8 <= other->size);
            }
            key[at + 7] = 5;
        }
        start_agent(30, "host-name", "ra");
        until(AGENT, RA_STATE_SELF_TEST, HOUR);
        put(RA_RECORD_KEY, ra_generation_id(AGENT, 2), key, i == 0 ? 9 : other->size);
        failed(AGENT, RA_E_GATE_SELF_TEST);
        serves_well(AGENT, 1);
        until(AGENT, RA_STATE_PROBATION, 2 * DAY);
        assert_int_equal(w.ca.keys[AGENT], 2);
    }
}

static size_t secret_size;

/* Before it is decrypted: encrypted is something else than the test had. */
static void poke_secret(struct world *world)
{
    const struct ra_renewal *r = &world->ra.renewal[ENCRYPTION];
    if (r->state == RA_STATE_SELF_TEST && r->sub == 3 && secret_size != 0) {
        struct ra_cert cert;
        struct ra_key key;
        uint8_t secret[64] = {0};
        struct ra *ra = &world->ra;
        assert_int_equal(ra_cert_parse(&cert, ra->old_cert, ra->old_cert_size), RA_OK);
        assert_int_equal(ra_key_from_spki(&key, cert.spki.p, cert.spki.size), RA_OK);
        size_t size = secret_size == 1 ? cert.serial.size : secret_size;
        assert_int_equal(ra_key_encrypt(&key, &ra->random, RA_PAD_PKCS1, secret, size, ra->request,
                                        RA_SIGNATURE_MAX, &ra->scratch_size),
                         RA_OK);
        secret_size = 0;
    }
}

static void what_decrypts_to_something_else(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 40}; /* 1: of the right size */
    for (unsigned i = 0; i < 2; i++) {
        start_pair(400, 30);
        secret_size = sizes[i];
        w.on_step = poke_secret;
        failed(ENCRYPTION, RA_E_GATE_SELF_TEST);
        assert_int_equal(secret_size, 0);
        serves_well(ENCRYPTION, 2);
        until(ENCRYPTION, RA_STATE_PROBATION, 2 * DAY);
        assert_null(world_check(&w, ENCRYPTION));
    }
}

/* The certificate to be renewed cannot be read: no key is made for a request that cannot be. */
static void nothing_to_renew_from(void **state)
{
    (void)state;
    start_agent(30, "hold", "on");
    until(AGENT, RA_STATE_IDLE, HOUR);
    assert_true(world_settle(&w));
    world_damage(&w, RA_RECORD_CERT, ra_generation_id(AGENT, 1));
    world_set(&w, "hold", "off");
    failed(AGENT, RA_E_RECORD_DAMAGED);
    assert_int_equal(w.ca.submits[AGENT], 0);
    assert_false(world_flash_holds(&w, RA_RECORD_KEY, ra_generation_id(AGENT, 2), NULL, 0, NULL));
}

/* --- back again ------------------------------------------------------------------------------- */

/* The old pair is not whole any more: what serves goes on serving. */
static void nothing_to_go_back_to(void **state)
{
    (void)state;
    static const enum ra_record types[] = {RA_RECORD_KEY, RA_RECORD_CERT};
    for (unsigned i = 0; i < 2; i++) {
        start_agent(30, "host-name", "ra");
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_true(world_settle(&w));
        world_damage(&w, types[i], ra_generation_id(AGENT, 1));
        assert_int_equal(ra_roll_back(&w.ra, AGENT), RA_OK);
        until(AGENT, RA_STATE_IDLE, HOUR);
        assert_int_equal(world_logged(&w, RA_LOG_ROLLED_BACK, AGENT), 0);
        serves_well(AGENT, 2);
        assert_true(world_settle(&w));
        drop(types[i], ra_generation_id(AGENT, 1));
        assert_int_equal(ra_roll_back(&w.ra, AGENT), RA_E_NO_PREVIOUS);
        ra_report_use(&w.ra, AGENT, false);
        assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
        serves_well(AGENT, 2);
    }
}

/* How often it went back is known days into the next probation and after a reset. */
static void went_back_before(void **state)
{
    (void)state;
    start_agent(30, "probation-hours", "72");
    for (unsigned i = 1; i <= 2; i++) {
        until(AGENT, RA_STATE_PROBATION, 3 * DAY);
        assert_true(world_run(&w, 2 * DAY));
        world_boot(&w);
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_true(world_run(&w, HOUR));
        world_boot(&w);
        until(AGENT, RA_STATE_PROBATION, HOUR);
        ra_report_use(&w.ra, AGENT, false);
        failed(AGENT, RA_E_PROBATION);
        serves_well(AGENT, 1);
        assert_int_equal(agent->txn.rollbacks, i);
    }
}

/* One goes back, and its partner has nothing left to go back to. */
static void the_partners_old_one_has_expired(void **state)
{
    (void)state;
    start_pair(30, 2);
    world_set(&w, "probation-hours", "72");
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    uint32_t now = world_serves(&w, ENCRYPTION);
    assert_true(world_run(&w, 2 * DAY + HOUR));
    ra_report_use(&w.ra, AGENT, false);
    until(AGENT, RA_STATE_BACKOFF, 60);
    serves_well(AGENT, 1);
    serves_well(ENCRYPTION, now);
    assert_int_equal(world_logged(&w, RA_LOG_ROLLED_BACK, ENCRYPTION), 0);
}

/* A pair on probation is damaged, and the one before has expired: what there is serves. */
static void damaged_with_nothing_before(void **state)
{
    (void)state;
    start_agent(2, "probation-hours", "72");
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_true(world_run(&w, 2 * DAY + HOUR));
    assert_true(world_settle(&w));
    world_damage(&w, RA_RECORD_KEY, ra_generation_id(AGENT, 2));
    world_boot(&w);
    until(AGENT, RA_STATE_PROBATION, 60);
    assert_int_equal(world_serves(&w, AGENT), 2);
    ra_report_use(&w.ra, AGENT, false);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PROBATION);
    assert_int_equal(world_serves(&w, AGENT), 2);
    assert_int_equal(world_logged(&w, RA_LOG_ROLLED_BACK, AGENT), 0);
}

/* --- time ------------------------------------------------------------------------------------- */

/* Without the time nothing is sent, wherever that comes; with it all goes on. */
static void the_time_is_lost(void **state)
{
    (void)state;
    start_agent(30, "host-name", "ra");
    w.ca.no_date = true;
    until(AGENT, RA_STATE_BUILD, HOUR);
    lose_the_time();
    failed(AGENT, RA_E_TIME_UNKNOWN);
    assert_true(world_run(&w, DAY));
    assert_int_equal(w.ca.submits[AGENT], 0);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_BACKOFF);
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_SNTP, world_now(&w)), RA_OK);
    until(AGENT, RA_STATE_PROBATION, 2 * DAY);
    serves_well(AGENT, 2);
    /* Ready, and the power goes: what was proved waits for the time, and for nothing else. */
    start_agent(30, "host-name", "ra");
    w.ca.no_date = true;
    until(AGENT, RA_STATE_SELF_TEST, HOUR);
    w.board_clock = false;
    world_boot(&w);
    until(AGENT, RA_STATE_READY, 60);
    assert_true(world_run(&w, DAY));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_READY);
    serves_well(AGENT, 1);
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_SNTP, world_now(&w)), RA_OK);
    until(AGENT, RA_STATE_PROBATION, 60);
    serves_well(AGENT, 2);
}

/* A clock 300 days back finds a pair that is ready, and of the far future: that is no time to wait
 * for. The time floor does not rise to what the clock denies. */
static void ready_in_the_far_future(void **state)
{
    (void)state;
    start_agent(30, "host-name", "ra");
    until(AGENT, RA_STATE_SELF_TEST, HOUR);
    settle_store();
    w.board_error_s = -300 * DAY;
    world_boot(&w);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    serves_well(AGENT, 2);
    assert_int_equal(w.ca.submits[AGENT], 1);
    assert_true(w.ra.commit.time_floor < world_status(&w, AGENT).not_before);
    assert_true(ra_clock_now(&w.ra.clock) != RA_TIME_UNKNOWN);
}

/* An expiry that only a jump says is doubted once a week; on hold not even that. */
static void doubts_are_held(void **state)
{
    (void)state;
    start_agent(45, "host-name", "ra");
    w.board_error_s = 60 * DAY;
    w.ca.net = FAKE_NET_REFUSED;
    world_boot(&w);
    until(AGENT, RA_STATE_EXPIRED, 2 * HOUR);
    world_set(&w, "hold", "on");
    unsigned connections = w.ca.connections;
    assert_true(world_run(&w, 15 * DAY));
    assert_int_equal(w.ca.connections, connections);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_EXPIRED);
    world_set(&w, "hold", "off");
    w.ca.net = FAKE_NET_UP;
    until(AGENT, RA_STATE_PROBATION, DAY);
}

/* --- attempts --------------------------------------------------------------------------------- */

/* The power comes back without a network, or on hold: what is open waits as it is. */
static void back_without_a_network(void **state)
{
    (void)state;
    start_agent(30, "host-name", "ra");
    until(AGENT, RA_STATE_SUBMIT, HOUR);
    world_boot_offline(&w);
    until(AGENT, RA_STATE_BACKOFF, 60);
    assert_true(world_run(&w, DAY));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_BACKOFF);
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    world_boot(&w);
    until(AGENT, RA_STATE_PENDING, HOUR);
    world_set(&w, "hold", "on");
    assert_true(world_settle(&w));
    unsigned requests = w.link.requests;
    world_boot(&w);
    until(AGENT, RA_STATE_PENDING, 60);
    assert_true(world_run(&w, DAY));
    assert_int_equal(w.link.requests, requests);
    assert_true(fake_ca_approve(&w.ca, AGENT, world_now(&w)));
    world_set(&w, "hold", "off");
    until(AGENT, RA_STATE_PROBATION, 2 * HOUR);
    assert_int_equal(w.ca.keys[AGENT], 1);
}

/* Counters stop at their end: they do not begin again. */
static void counters_at_their_end(void **state)
{
    (void)state;
    start_agent(41, "host-name", "ra");
    w.ca.net = FAKE_NET_PAGE;
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_BUILD, HOUR);
    agent->txn.attempts = agent->txn.failures = UINT16_MAX;
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(agent->txn.attempts, UINT16_MAX);
    assert_int_equal(agent->txn.failures, UINT16_MAX);
    assert_true(agent->txn.next > world_now(&w) + 3 * DAY);
    w.ca.net = FAKE_NET_UP;
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    agent->txn.rollbacks = UINT8_MAX;
    ra_report_use(&w.ra, AGENT, false);
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(agent->txn.rollbacks, UINT8_MAX);
    assert_true(agent->txn.next > world_now(&w) + 3 * DAY);
    serves_well(AGENT, 1);
}

/* Nobody answers a question about what waits: that gives no attempt back, for it cost none. And
 * beyond the certificate's end it is asked on, for the answer may still come. */
static void nobody_answers_a_question(void **state)
{
    (void)state;
    start_agent(3, "host-name", "ra");
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_int_equal(agent->txn.budget.spent, 1);
    w.ca.net = FAKE_NET_REFUSED;
    until(AGENT, RA_STATE_POLL, 2 * HOUR);
    failed(AGENT, RA_E_NET_REFUSED);
    assert_int_equal(agent->txn.budget.spent, 1);
    assert_true(world_run(&w, 5 * DAY));
    assert_true(world_status(&w, AGENT).expired);
    assert_int_not_equal(world_state(&w, AGENT), RA_STATE_EXPIRED);
    assert_true(fake_ca_approve(&w.ca, AGENT, world_now(&w)));
    w.ca.net = FAKE_NET_UP;
    until(AGENT, RA_STATE_PROBATION, DAY);
    assert_int_equal(w.ca.submits[AGENT], 1);
    serves_well(AGENT, 2);
}

/* A new one for an expired one has no end to fail before: it is tried until it comes. */
static void a_new_one_that_waits_long(void **state)
{
    (void)state;
    start_agent(-1, "agent-key", "p256");
    until(AGENT, RA_STATE_EXPIRED, HOUR);
    world_set(&w, "subject", "CN=RA01-MSCEP-RA");
    w.ca.net = FAKE_NET_REFUSED;
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_OK);
    failed(AGENT, RA_E_NET_REFUSED);
    assert_true(world_run(&w, 9 * DAY));
    assert_int_not_equal(world_state(&w, AGENT), RA_STATE_EXPIRED);
    w.ca.net = FAKE_NET_UP;
    until(AGENT, RA_STATE_PROBATION, DAY);
    serves_well(AGENT, 2);
}

/* The web server's Retry-After counts when it is longer than our own wait, and up to a day: more is
 * not a web server's to say. */
static void what_the_server_asks_for(void **state)
{
    (void)state;
    static const uint32_t wishes[] = {1, 7200, 30 * RA_DAY};
    for (unsigned i = 0; i < 3; i++) {
        start_agent(30, "host-name", "ra");
        w.ca.net = FAKE_NET_503;
        w.ca.retry_after = wishes[i];
        until(AGENT, RA_STATE_BACKOFF, HOUR);
        int64_t wait = agent->txn.next - world_now(&w);
        assert_in_range(wait, i == 1 ? 7190 : 40, i == 1 ? 7200 : 80);
    }
}

/* --- the pair --------------------------------------------------------------------------------- */

static void ask_for_the_partner(struct world *world)
{
    if (agent->state == RA_STATE_READY && world->ra.renewal[ENCRYPTION].state == RA_STATE_IDLE &&
        !world->ra.renewal[ENCRYPTION].asked) {
        assert_int_equal(ra_renew(&world->ra, ENCRYPTION, false), RA_OK);
        world->on_step = NULL;
    }
}

/* The partner is asked for while one is ready, or is due within the jitter: they go together. */
static void the_partner_comes_soon(void **state)
{
    (void)state;
    start_pair(30, 400);
    w.on_step = ask_for_the_partner;
    until(AGENT, RA_STATE_READY, HOUR);
    until(ENCRYPTION, RA_STATE_SUBMIT, HOUR);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_READY);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PROBATION);

    world_init(&w, NULL);
    world_provision_pair(&w, 30, 42);
    world_set(&w, "jitter-hours", "48");
    assert_true(world_settle(&w));
    world_boot(&w);
    until(AGENT, RA_STATE_READY, HOUR);
    assert_true(world_run(&w, HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_READY);
    assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_IDLE);
    until(ENCRYPTION, RA_STATE_PROBATION, 4 * DAY);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PROBATION);
    assert_int_equal(world_logged(&w, RA_LOG_SPLIT, AGENT), 0);
}

/* One is wanted alone while its partner's is not valid yet: that one does not come along. */
static void alone_before_the_partners_time(void **state)
{
    (void)state;
    start_pair(30, 30);
    w.ca.mode[ENCRYPTION] = FAKE_CA_SOON; /* in two hours */
    until(ENCRYPTION, RA_STATE_READY, HOUR);
    until(AGENT, RA_STATE_READY, HOUR);
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
    until(AGENT, RA_STATE_PROBATION, 60);
    assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_READY);
    serves_well(ENCRYPTION, 2);
    until(ENCRYPTION, RA_STATE_PROBATION, 3 * HOUR);
    assert_null(world_check(&w, ENCRYPTION));
}

/* --- erasing ---------------------------------------------------------------------------------- */

/* More credentials than are dropped at once, in the middle of a write, and asked for twice. */
static void erasing_all_of_it(void **state)
{
    (void)state;
    const struct world_enrolment e = {.key = {"agent.key", "encryption.key", "encryption_new1.key"},
                                      .days_left = {30, 30, 30},
                                      .settings = {{"key-policy", "same"},
                                                   {"device-protocol", "est"},
                                                   {"device-url", FAKE_EST_URL}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
    until(AGENT, RA_STATE_SAVE_KEY, HOUR);
    while (w.ra.writer != RA_WRITER_WORK) {
        assert_true(world_step(&w));
    }
    assert_int_equal(ra_erase_credentials(&w.ra), RA_E_BUSY);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    until(DEVICE, RA_STATE_PROBATION, HOUR);
    assert_true(world_settle(&w));
    unsigned records = 0;
    for (uint32_t i = 0; i < w.ra.store.entries; i++) {
        uint8_t type = w.ra.store.entry[i].type;
        records += type == RA_RECORD_KEY || type == RA_RECORD_CERT || type == RA_RECORD_CHAIN;
    }
    assert_true(records > RA_STORE_DROP_MAX);
    assert_int_equal(ra_erase_credentials(&w.ra), RA_OK);
    assert_true(world_step(&w));
    assert_int_equal(ra_erase_credentials(&w.ra), RA_OK);
    assert_true(world_until(&w, world_erased, HOUR));
    for (unsigned i = 0; i < RA_ROLES; i++) {
        assert_int_equal(world_serves(&w, (enum ra_role)i), 0);
    }
    for (uint32_t i = 0; i < w.ra.store.entries; i++) {
        assert_int_not_equal(w.ra.store.entry[i].type, RA_RECORD_KEY);
    }
    assert_int_equal(world_logged(&w, RA_LOG_ERASED, RA_EVENT_NO_ROLE), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_anchor),
        cmocka_unit_test(one_anchor_unreadable),
        cmocka_unit_test(a_certificate_without_issuers),
        cmocka_unit_test(cut_off_while_fetching),
        cmocka_unit_test(issued_and_taken_back),
        cmocka_unit_test(a_template_without_a_name),
        cmocka_unit_test(too_large_to_be_stored),
        cmocka_unit_test(another_protocol_while_pending),
        cmocka_unit_test(a_protocol_of_its_own),
        cmocka_unit_test(an_address_that_is_none),
        cmocka_unit_test(a_transaction_that_makes_no_sense),
        cmocka_unit_test(a_strange_board_while_pending),
        cmocka_unit_test(another_key_at_boot),
        cmocka_unit_test(no_key_before_the_self_test),
        cmocka_unit_test(what_decrypts_to_something_else),
        cmocka_unit_test(nothing_to_renew_from),
        cmocka_unit_test(nothing_to_go_back_to),
        cmocka_unit_test(went_back_before),
        cmocka_unit_test(the_partners_old_one_has_expired),
        cmocka_unit_test(damaged_with_nothing_before),
        cmocka_unit_test(the_time_is_lost),
        cmocka_unit_test(ready_in_the_far_future),
        cmocka_unit_test(doubts_are_held),
        cmocka_unit_test(back_without_a_network),
        cmocka_unit_test(counters_at_their_end),
        cmocka_unit_test(nobody_answers_a_question),
        cmocka_unit_test(a_new_one_that_waits_long),
        cmocka_unit_test(what_the_server_asks_for),
        cmocka_unit_test(the_partner_comes_soon),
        cmocka_unit_test(alone_before_the_partners_time),
        cmocka_unit_test(erasing_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
