/* Requests that the operator carries: made, shown, answered, handed to the network, given up, over
 * resets and losses of power; and the first certificate of a role by the same way. The CA manager
 * is fake_ca_take, which judges what is shown as a CA does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ra_pem.h"
#include "world.h"
#include "world_vectors.h"

#define AGENT RA_ROLE_AGENT
#define ENCRYPTION RA_ROLE_ENCRYPTION
#define DEVICE RA_ROLE_DEVICE
#define DAY ((int64_t)RA_DAY)
#define HOUR ((int64_t)RA_HOUR)

static struct world w;
static char shown[16384];
static size_t shown_size;
static char answer[16384];
static size_t answer_size;

static const struct ra_wish by_hand = {
    .key = RA_WISH_NEW_KEY, .alg = RA_KEY_EC_P256, .by_hand = true};
static const struct ra_wish same_key = {.key = RA_WISH_SAME_KEY, .by_hand = true};

/* An appliance whose certificates are far from their end, so that nothing begins by itself. */
static void start(int days)
{
    world_init(&w, NULL);
    world_provision_pair(&w, days, days);
    world_boot(&w);
    assert_true(world_settle(&w));
}

static void until(enum ra_role role, enum ra_state state, int64_t seconds)
{
    assert_true(world_until_state(&w, role, state, seconds));
}

/* The request as the operator sees it, in pieces of an odd size. */
static void show(enum ra_role role, bool pkcs10)
{
    shown_size = 0;
    for (;;) {
        size_t n = 0;
        ra_err e = ra_request_text(&w.ra, role, pkcs10, shown_size, shown + shown_size, 333, &n);
        if (e == RA_AGAIN) {
            assert_true(world_step(&w));
            continue;
        }
        assert_int_equal(e, RA_OK);
        shown_size += n;
        if (n < 333) {
            break;
        }
    }
    shown[shown_size] = '\0';
}

enum form {
    CERT_DER,
    CERT_PEM,
    CHAIN_PEM,
    CHAIN_TURNED,
    P7B_PEM,
    P7B_BARE,
    P7B_DER,
    CRLF_LESS,
    FORMS
};

static void add_pem(const uint8_t *p, size_t size, const char *label)
{
    answer_size += ra_pem_read((struct ra_span){p, size}, label, 0, answer + answer_size,
                               sizeof answer - answer_size);
}

/* The CA's answer to request `id` in a form of the manager's choice. */
static void answer_with(uint32_t id, enum form form)
{
    const struct fake_ca_request *r = fake_ca_request(&w.ca, id);
    const struct world_blob *issuing = world_blob("issuing.cert"), *root = world_blob("root.cert");
    uint8_t p7b[4096];
    size_t size = fake_ca_chain(&w.ca, r, p7b, sizeof p7b);
    answer_size = 0;
    switch (form) {
    case CERT_DER:
        memcpy(answer, r->cert, r->cert_size);
        answer_size = r->cert_size;
        break;
    case CERT_PEM:
    case CRLF_LESS:
        add_pem(r->cert, r->cert_size, "CERTIFICATE");
        if (form == CRLF_LESS) {
            size_t n = 0;
            add_pem(issuing->p, issuing->size, "CERTIFICATE");
            for (size_t i = 0; i < answer_size; i++) {
                if (answer[i] != '\r') {
                    answer[n++] = answer[i];
                }
            }
            answer_size = n;
        }
        break;
    case CHAIN_PEM:
        add_pem(r->cert, r->cert_size, "CERTIFICATE");
        add_pem(issuing->p, issuing->size, "CERTIFICATE");
        add_pem(root->p, root->size, "CERTIFICATE");
        break;
    case CHAIN_TURNED:
        /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
        memcpy(answer, "Bag Attributes\r\n", 16);
        answer_size = 16;
        add_pem(root->p, root->size, "X509 CERTIFICATE");
        add_pem(issuing->p, issuing->size, "CERTIFICATE");
        add_pem(r->cert, r->cert_size, "CERTIFICATE");
        break;
    case P7B_PEM:
        add_pem(p7b, size, "PKCS7");
        break;
    case P7B_BARE:
        answer_size = ra_base64_read((struct ra_span){p7b, size}, 76, 0, answer, sizeof answer);
        break;
    default:
        memcpy(answer, p7b, size);
        answer_size = size;
        break;
    }
}

static ra_err accept(enum ra_role role)
{
    ra_err e;
    while ((e = ra_accept(&w.ra, role, (const uint8_t *)answer, answer_size)) == RA_E_BUSY) {
        assert_true(world_step(&w)); /* another role is at work */
    }
    memset(answer, 0xa5, sizeof answer); /* not needed any more */
    return e;
}

static uint32_t carry(enum ra_role role)
{
    show(role, false);
    uint32_t id = fake_ca_take(&w.ca, world_now(&w), shown, shown_size);
    if (id == 0) {
        print_error("%s\n", w.ca.why);
    }
    assert_int_not_equal(id, 0);
    return id;
}

static ra_err retrieve(enum ra_role role, uint32_t id)
{
    char number[16];
    struct ra_text text;
    ra_text_init(&text, number, sizeof number);
    ra_text_add_u32(&text, id);
    return ra_retrieve(&w.ra, role, number);
}

static void a_renewal_by_hand(void **state)
{
    (void)state;
    start(400);
    uint32_t before = world_serves(&w, AGENT);
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    assert_int_equal(world_logged(&w, RA_LOG_OFFLINE, AGENT), 1);
    uint32_t id = carry(AGENT);
    answer_with(id, P7B_BARE);
    assert_int_equal(accept(AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, AGENT), id);
    assert_true(id > before);
    assert_null(world_check(&w, AGENT));
    /* Nothing went over the network. */
    assert_int_equal(w.ca.connections, 0);
    world_boot(&w);
    assert_int_equal(world_serves(&w, AGENT), id);
}

static void every_form_of_answer(void **state)
{
    (void)state;
    for (unsigned form = 0; form < FORMS; form++) {
        start(400);
        assert_int_equal(ra_renew_as(&w.ra, ENCRYPTION, true, &same_key), RA_OK);
        until(ENCRYPTION, RA_STATE_OFFLINE, HOUR);
        uint32_t id = carry(ENCRYPTION);
        answer_with(id, (enum form)form);
        assert_int_equal(accept(ENCRYPTION), RA_OK);
        until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
        assert_int_equal(world_serves(&w, ENCRYPTION), id);
        assert_null(world_check(&w, ENCRYPTION));
    }
}

/* A bare certificate gets its issuers from the one in use: the same are stored with it. Where there are
 * none, or those of another CA, it is refused until it comes with its own. */
static void a_certificate_without_its_issuer(void **state)
{
    (void)state;
    for (unsigned other = 0; other < 2; other++) {
        start(400);
        const struct ra_store_key issuers = {
            RA_RECORD_CHAIN, ra_generation_id(AGENT, w.ra.commit.slot[AGENT].active)};
        if (other) {
            w.ca.authority = FAKE_AUTHORITY_NEW_KEY;
        } else {
            assert_int_equal(ra_store_drop(&w.ra.store, &issuers, 1), RA_OK);
            assert_true(world_settle(&w));
        }
        assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &same_key), RA_OK);
        until(AGENT, RA_STATE_OFFLINE, HOUR);
        uint32_t id = carry(AGENT);
        answer_with(id, CERT_PEM);
        assert_int_equal(accept(AGENT), RA_OK);
        until(AGENT, RA_STATE_SAVE_FAILURE, HOUR);
        until(AGENT, RA_STATE_OFFLINE, HOUR);
        assert_int_equal(world_status(&w, AGENT).cause, RA_E_CHAIN_ISSUER);
        answer_with(id, P7B_PEM);
        assert_int_equal(accept(AGENT), RA_OK);
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_int_equal(world_serves(&w, AGENT), id);
        assert_null(world_check(&w, AGENT));
    }
}

/* The text is certreq's, and the same after a reset; the PKCS #10 inside it is shown alone too. */
static void the_request_as_text(void **state)
{
    (void)state;
    static char first[sizeof shown];
    static uint8_t der[8192], inner[8192];
    struct ra_cms_signed cms;
    struct ra_csr csr;
    size_t size = 0;
    start(400);
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    show(AGENT, false);
    memcpy(first, shown, sizeof first);
    assert_memory_equal(shown, "-----BEGIN NEW CERTIFICATE REQUEST-----\r\n", 41);
    assert_non_null(strstr(shown, "-----END NEW CERTIFICATE REQUEST-----\r\n"));
    assert_int_equal(strcspn(shown + 41, "\r"), 64);
    assert_true(world_settle(&w));
    world_boot(&w);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    show(AGENT, false);
    assert_string_equal(shown, first);
    assert_int_equal(ra_pem_to_der((const uint8_t *)shown, shown_size, der, sizeof der, &size),
                     RA_OK);
    assert_int_equal(ra_cms_signed_parse(&cms, der, size, sizeof der), RA_OK);
    show(AGENT, true);
    assert_int_equal(ra_pem_to_der((const uint8_t *)shown, shown_size, inner, sizeof inner, &size),
                     RA_OK);
    assert_true(ra_span_equal(cms.content, (struct ra_span){inner, size}));
    assert_int_equal(ra_csr_parse(&csr, cms.content), RA_OK);
    assert_int_equal(csr.sig_hash, RA_HASH_SHA256);
}

/* While it is printed another role works, and needs the same buffer. */
static void shown_while_another_works(void **state)
{
    (void)state;
    static char first[sizeof shown];
    start(400);
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    show(AGENT, false);
    memcpy(first, shown, sizeof first);
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, true), RA_OK);
    size_t at = 0, n = 0;
    unsigned rebuilt = 0;
    do {
        ra_err e = ra_request_text(&w.ra, AGENT, false, at, shown + at, 64, &n);
        assert_true(e == RA_OK || e == RA_AGAIN);
        rebuilt += e == RA_AGAIN;
        at += n;
        for (unsigned i = 0; i < 5; i++) {
            assert_true(world_step(&w));
        }
    } while (n == 64 || n == 0);
    shown[at] = '\0';
    assert_string_equal(shown, first);
    assert_true(rebuilt > 1);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_OFFLINE);
}

static void hashes_as_wished(void **state)
{
    (void)state;
    static uint8_t der[8192];
    static const enum ra_hash_alg hashes[] = {RA_HASH_SHA384, RA_HASH_SHA512};
    for (unsigned i = 0; i < 2; i++) {
        struct ra_wish wish = {.key = RA_WISH_SAME_KEY, .hash = hashes[i], .by_hand = true};
        struct ra_cms_signed cms;
        struct ra_csr csr;
        size_t size = 0;
        start(400);
        assert_int_equal(ra_renew_as(&w.ra, ENCRYPTION, true, &wish), RA_OK);
        until(ENCRYPTION, RA_STATE_OFFLINE, HOUR);
        assert_true(world_settle(&w));
        world_boot(&w); /* it is stored with the transaction */
        until(ENCRYPTION, RA_STATE_OFFLINE, HOUR);
        (void)carry(ENCRYPTION);
        assert_int_equal(ra_pem_to_der((const uint8_t *)shown, shown_size, der, sizeof der, &size),
                         RA_OK);
        assert_int_equal(ra_cms_signed_parse(&cms, der, size, sizeof der), RA_OK);
        assert_int_equal(cms.hash, hashes[i]);
        assert_int_equal(ra_csr_parse(&csr, cms.content), RA_OK);
        assert_int_equal(csr.sig_hash, hashes[i]);
    }
}

/* The window opens while the request is out: the role does not begin by itself, the partner does. */
static void the_automatic_renewal_is_held(void **state)
{
    (void)state;
    start(50);
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    assert_true(world_run(&w, 20 * DAY));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_OFFLINE);
    assert_int_equal(w.ca.submits[AGENT], 0);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
    /* It waits for its partner, and goes alone when the split window ends. */
    assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_READY);
    world_boot(&w);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    uint32_t id = carry(AGENT);
    answer_with(id, CHAIN_TURNED);
    assert_int_equal(accept(AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, AGENT), id);
    assert_null(world_check(&w, ENCRYPTION));
    /* Beyond its own end too the request waits: the answer may still come. */
    start(50);
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    id = carry(AGENT);
    assert_true(world_run(&w, 60 * DAY));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_OFFLINE);
    answer_with(id, CHAIN_PEM);
    assert_int_equal(accept(AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
}

/* Without a network, on hold, at any time: the operator is asked, not the setting. */
static void neither_network_nor_hold_matter(void **state)
{
    (void)state;
    start(400);
    ra_network(&w.ra, false);
    world_set(&w, "hold", "on");
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    assert_true(world_settle(&w));
    world_boot(&w);
    ra_network(&w.ra, false);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    assert_false(ra_may_be_due(&w.ra));
    uint32_t id = carry(AGENT);
    answer_with(id, P7B_PEM);
    assert_int_equal(accept(AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, AGENT), id);
}

/* What does not pass changes nothing: the request stays, and the right answer is taken after. */
static void wrong_answers(void **state)
{
    (void)state;
    static const struct {
        enum fake_ca_mode mode;
        ra_err cause;
    } bad[] = {{FAKE_CA_WRONG_KEY, RA_E_GATE_KEY},
               {FAKE_CA_SAME, RA_E_GATE_SAME},
               {FAKE_CA_OTHER_SUBJECT, RA_E_GATE_SUBJECT},
               {FAKE_CA_SHORT, RA_E_GATE_NOT_LONGER},
               {FAKE_CA_UNTRUSTED, RA_E_CHAIN_SIGNATURE}};
    start(400);
    uint32_t served = world_serves(&w, AGENT);
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        w.ca.mode[AGENT] = bad[i].mode;
        answer_with(carry(AGENT), P7B_DER);
        assert_int_equal(accept(AGENT), RA_OK);
        until(AGENT, RA_STATE_SAVE_FAILURE, HOUR);
        until(AGENT, RA_STATE_OFFLINE, HOUR);
        ra_err cause = world_status(&w, AGENT).cause;
        if (bad[i].mode == FAKE_CA_UNTRUSTED) {
            assert_int_equal(ra_error_layer(cause), RA_LAYER_GATE);
        } else {
            assert_int_equal(cause, bad[i].cause);
        }
        assert_int_equal(world_logged(&w, RA_LOG_REFUSED, AGENT), i + 1);
        assert_int_equal(world_serves(&w, AGENT), served);
    }
    static const char *const nonsense[] = {"", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n",
                                           "-----BEGIN CERTIFICATE-----\n####\n"
                                           "-----END CERTIFICATE-----\n"};
    for (unsigned i = 0; i < 4; i++) {
        ra_err e = ra_accept(&w.ra, AGENT, (const uint8_t *)nonsense[i], strlen(nonsense[i]));
        assert_int_equal(ra_error_layer(e), RA_LAYER_PARSE);
        assert_int_equal(world_state(&w, AGENT), RA_STATE_OFFLINE);
    }
    static uint8_t large[RA_REPLY_MAX];
    assert_int_equal(ra_accept(&w.ra, AGENT, large, sizeof large), RA_E_LIMIT);
    w.ca.mode[AGENT] = FAKE_CA_ISSUE;
    uint32_t id = carry(AGENT);
    answer_with(id, CRLF_LESS);
    assert_int_equal(accept(AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, AGENT), id);
}

/* A request carried to the CA, and its certificate alone as the answer's beginning; the id. */
static uint32_t answered(void)
{
    start(400);
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    uint32_t id = carry(AGENT);
    answer_with(id, CERT_PEM);
    return id;
}

/* A root that has the pinned one's name and key, and not its signature, is only passed over; the right
 * one behind it is stored. */
static void a_forged_root_among_the_issuers(void **state)
{
    (void)state;
    const struct world_blob *issuing = world_blob("issuing.cert");
    const struct world_blob *again = world_blob("root_again.cert");
    uint8_t forged[RA_CERT_MAX], stored[RA_CERT_MAX];
    memcpy(forged, again->p, again->size);
    forged[again->size - 3] ^= 4;
    for (unsigned right = 0; right < 2; right++) {
        size_t size = 0;
        uint32_t id = answered();
        add_pem(issuing->p, issuing->size, "CERTIFICATE");
        add_pem(forged, again->size, "CERTIFICATE");
        if (right != 0) {
            add_pem(again->p, again->size, "CERTIFICATE");
        }
        assert_int_equal(accept(AGENT), RA_OK);
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_int_equal(world_serves(&w, AGENT), id);
        assert_true(world_settle(&w));
        bool found = world_flash_holds(&w, RA_RECORD_ANCHOR, 1, stored, sizeof stored, &size);
        assert_int_equal(found, right != 0);
        assert_true(!found || (size == again->size && memcmp(stored, again->p, size) == 0));
    }
}

/* Renewed twice: the root that lasts longest is stored, wherever it stands, and no other. Doubles take
 * nobody's place. */
static void the_root_that_lasts_longest(void **state)
{
    static const char *const names[] = {"root_between.cert", "root_again.cert",
                                        "root_between.cert"};
    (void)state;
    for (unsigned first = 0; first < 2; first++) {
        uint8_t stored[RA_CERT_MAX];
        size_t size = 0;
        uint32_t id = answered();
        for (unsigned i = 0; i < 7; i++) {
            add_pem(world_blob("root.cert")->p, world_blob("root.cert")->size, "CERTIFICATE");
        }
        for (unsigned i = first; i < first + 2; i++) {
            add_pem(world_blob(names[i])->p, world_blob(names[i])->size, "CERTIFICATE");
        }
        assert_int_equal(accept(AGENT), RA_OK);
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_int_equal(world_serves(&w, AGENT), id);
        assert_true(world_settle(&w));
        assert_true(world_flash_holds(&w, RA_RECORD_ANCHOR, 1, stored, sizeof stored, &size));
        assert_int_equal(size, world_blob("root_again.cert")->size);
        assert_memory_equal(stored, world_blob("root_again.cert")->p, size);
        assert_false(world_flash_holds(&w, RA_RECORD_ANCHOR, 2, NULL, 0, NULL));
        assert_int_equal(world_logged(&w, RA_LOG_ANCHOR, AGENT), 1);
    }
}

static void certificates_in_text(void **state)
{
    (void)state;
    struct ra_span certs[4];
    size_t n = 0;
    start(400);
    const struct world_blob *root = world_blob("root.cert");
    static const char tail[] = "-----BEGIN CERTIFICATE-----\r\nTUlJ\r\n";
    /* A block without an end is not overlooked, and too many are refused. */
    answer_size = 0;
    add_pem(root->p, root->size, "CERTIFICATE");
    memcpy(answer + answer_size, tail, sizeof tail - 1);
    assert_int_equal(ra_certs_from_text((uint8_t *)answer, answer_size + sizeof tail - 1,
                                        sizeof answer, certs, 4, &n),
                     RA_E_PEM);
    for (unsigned count = 1; count < 6; count++) {
        answer_size = 0;
        for (unsigned i = 0; i < count; i++) {
            add_pem(root->p, root->size, "CERTIFICATE");
        }
        ra_err e = ra_certs_from_text((uint8_t *)answer, answer_size, sizeof answer, certs, 4, &n);
        assert_int_equal(e, count <= 4 ? RA_OK : RA_E_CMS_TOO_MANY);
        for (unsigned i = 0; i < count && e == RA_OK; i++) {
            assert_int_equal(certs[i].size, root->size);
            assert_memory_equal(certs[i].p, root->p, root->size);
        }
    }
    answer_size = 0;
    add_pem(world_blob("root.key")->p, world_blob("root.key")->size, "PRIVATE KEY");
    assert_int_not_equal(
        ra_certs_from_text((uint8_t *)answer, answer_size, sizeof answer, certs, 4, &n), RA_OK);
}

/* Without the time no question is asked about a request that waits; and one that was asked for is
 * given up with it. */
static void neither_answer_nor_question(void **state)
{
    (void)state;
    start(30);
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_true(world_settle(&w));
    w.board_clock = false;
    w.ca.no_date = true;
    world_boot(&w);
    assert_true(world_run(&w, 30));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PENDING);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_E_TIME_UNKNOWN);
    unsigned polls = w.ca.polls;
    assert_true(world_run(&w, DAY));
    assert_int_equal(w.ca.polls, polls);
    /* Asked for in its waiting time, and given up before that was looked at. */
    w.board_clock = true;
    world_boot(&w);
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_OK);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_OK);
    world_set(&w, "hold", "on");
    until(AGENT, RA_STATE_IDLE, HOUR);
    assert_int_equal(world_logged(&w, RA_LOG_CANCELLED, AGENT), 1);
    assert_true(world_run(&w, HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
}

/* The request goes over the network after all: sent, by its id, or answered by hand while pending. */
static void handed_to_the_network(void **state)
{
    (void)state;
    start(400);
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    world_set(&w, "hold", "on");
    assert_int_equal(ra_submit(&w.ra, AGENT), RA_E_HELD);
    world_set(&w, "hold", "off");
    assert_int_equal(ra_submit(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_int_equal(ra_submit(&w.ra, AGENT), RA_E_NO_REQUEST);
    assert_true(world_settle(&w));
    world_boot(&w);
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_true(fake_ca_approve(&w.ca, AGENT, world_now(&w)));
    const struct fake_ca_request *r = fake_ca_newest(&w.ca, AGENT);
    answer_with(r->id, CHAIN_PEM);
    assert_int_equal(accept(AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, AGENT), r->id);

    start(400);
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    assert_int_equal(ra_renew_as(&w.ra, ENCRYPTION, true, &same_key), RA_OK);
    until(ENCRYPTION, RA_STATE_OFFLINE, HOUR);
    uint32_t id = carry(ENCRYPTION);
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    assert_int_equal(retrieve(ENCRYPTION, id), RA_OK);
    until(ENCRYPTION, RA_STATE_SELF_TEST, HOUR);
    assert_int_equal(strtoul(world_status(&w, ENCRYPTION).request_id, NULL, 10), id);
    until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, ENCRYPTION), id);
    assert_int_equal(w.ca.submits[ENCRYPTION], 1);
}

/* The encryption role's request, carried or pending (no `hand`); the id it has at the CA. */
static uint32_t waiting_request(bool hand)
{
    start(400);
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    const struct ra_wish wish = {.key = RA_WISH_SAME_KEY, .by_hand = hand};
    assert_int_equal(ra_renew_as(&w.ra, ENCRYPTION, true, &wish), RA_OK);
    until(ENCRYPTION, hand ? RA_STATE_OFFLINE : RA_STATE_PENDING, HOUR);
    return hand ? carry(ENCRYPTION) : w.ca.last_id;
}

/* An id that leads to nothing: unknown to the CA, denied, another's certificate, asked of a CA that does not
 * answer. The request stands as before, over a reset too, and is not sent; the right id still does. */
static void a_wrong_id_changes_nothing(void **state)
{
    (void)state;
    static const ra_err causes[] = {RA_E_CA_UNKNOWN_ID, RA_E_CA_DENIED, RA_E_GATE_KEY,
                                    RA_E_NET_REFUSED};
    for (unsigned hand = 0; hand < 2; hand++) {
        uint32_t id = waiting_request(hand);
        unsigned submits = w.ca.submits[ENCRYPTION];
        w.ca.mode[AGENT] = FAKE_CA_DENY;
        assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
        until(AGENT, RA_STATE_BACKOFF, HOUR);
        const uint32_t wrong[] = {99, w.ca.last_id, world_serves(&w, AGENT), id};
        const struct ra_txn before = w.ra.renewal[ENCRYPTION].txn;
        const enum ra_state waits = hand ? RA_STATE_OFFLINE : RA_STATE_PENDING;
        for (unsigned i = 0; i < 4; i++) {
            w.ca.net = i == 3 ? FAKE_NET_REFUSED : FAKE_NET_UP;
            assert_int_equal(retrieve(ENCRYPTION, wrong[i]), RA_OK);
            until(ENCRYPTION, RA_STATE_SAVE_FAILURE, HOUR);
            assert_int_equal(w.ra.renewal[ENCRYPTION].cause, causes[i]);
            w.ca.net = FAKE_NET_UP;
            until(ENCRYPTION, waits, HOUR);
            assert_true(world_settle(&w));
            world_boot(&w);
            until(ENCRYPTION, waits, HOUR);
            const struct ra_txn *txn = &w.ra.renewal[ENCRYPTION].txn;
            assert_int_equal(txn->phase, before.phase);
            assert_int_equal(txn->by_hand, hand);
            assert_string_equal(txn->request_id, before.request_id);
            assert_int_equal(world_logged(&w, RA_LOG_REFUSED, ENCRYPTION), i + 1);
        }
        assert_int_equal(world_logged(&w, RA_LOG_FAILED, ENCRYPTION), 0);
        assert_int_equal(w.ca.submits[ENCRYPTION], submits);
        assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
        assert_int_equal(retrieve(ENCRYPTION, id), RA_OK);
        until(ENCRYPTION, RA_STATE_PROBATION, HOUR);
        assert_int_equal(world_serves(&w, ENCRYPTION), id);
        assert_int_equal(w.ca.submits[ENCRYPTION], submits);
    }
}

/* An id that the CA makes wait takes the place of what there was, in flash before it is asked again. */
static void a_pending_id_is_taken(void **state)
{
    (void)state;
    for (unsigned hand = 0; hand < 2; hand++) {
        uint32_t id = waiting_request(hand);
        unsigned submits = w.ca.submits[ENCRYPTION];
        w.ca.mode[AGENT] = FAKE_CA_PEND;
        assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
        until(AGENT, RA_STATE_PENDING, HOUR);
        const uint32_t ids[] = {w.ca.last_id, id};
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(retrieve(ENCRYPTION, ids[i]), RA_OK);
            until(ENCRYPTION, RA_STATE_SAVE_ID, HOUR);
            until(ENCRYPTION, RA_STATE_PENDING, HOUR);
            assert_true(world_settle(&w));
            world_boot(&w);
            until(ENCRYPTION, RA_STATE_PENDING, HOUR);
            const struct ra_txn *txn = &w.ra.renewal[ENCRYPTION].txn;
            assert_false(txn->by_hand);
            assert_int_equal(strtoul(txn->request_id, NULL, 10), ids[i]);
            assert_int_equal(world_logged(&w, RA_LOG_PENDING, ENCRYPTION), i + (hand ? 1 : 2));
        }
        assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
        until(ENCRYPTION, RA_STATE_PROBATION, 2 * HOUR);
        assert_int_equal(world_serves(&w, ENCRYPTION), id);
        assert_int_equal(w.ca.submits[ENCRYPTION], submits);
    }
}

static bool is_waiting(struct world *world)
{
    enum ra_state state = world_state(world, ENCRYPTION);
    return state == RA_STATE_PENDING || state == RA_STATE_OFFLINE;
}

/* A reset at any step between the operator's word and the CA's leaves the one or the other. */
static void a_reset_while_an_id_is_asked_for(void **state)
{
    (void)state;
    static struct world before;
    uint32_t id = waiting_request(true);
    assert_true(world_settle(&w));
    world_copy(&before, &w);
    unsigned halves = 0;
    bool taken = false;
    for (unsigned steps = 0; !taken; steps++) {
        world_copy(&w, &before);
        world_boot(&w);
        until(ENCRYPTION, RA_STATE_OFFLINE, HOUR);
        assert_int_equal(retrieve(ENCRYPTION, id), RA_OK);
        for (unsigned i = 0; i < steps; i++) {
            assert_true(world_step(&w));
        }
        taken = world_state(&w, ENCRYPTION) == RA_STATE_PENDING;
        world_boot(&w);
        assert_true(world_until(&w, is_waiting, HOUR));
        bool pending = world_state(&w, ENCRYPTION) == RA_STATE_PENDING;
        halves |= pending ? 2u : 1u;
        assert_int_equal(w.ra.renewal[ENCRYPTION].txn.by_hand, !pending);
        assert_true(pending || !taken);
        assert_int_equal(w.ca.submits[ENCRYPTION], 1);
        assert_true(steps < 1000);
    }
    assert_int_equal(halves, 3);
}

/* A wrong paste does not cost a pending request its id. */
static void a_wrong_paste_while_pending(void **state)
{
    (void)state;
    start(30);
    w.ca.mode[AGENT] = w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(AGENT, RA_STATE_PENDING, HOUR);
    until(ENCRYPTION, RA_STATE_PENDING, HOUR);
    answer_with(world_serves(&w, AGENT), P7B_DER);
    assert_int_equal(accept(AGENT), RA_OK);
    until(AGENT, RA_STATE_SAVE_FAILURE, HOUR);
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_string_not_equal(world_status(&w, AGENT).request_id, "");
    assert_true(fake_ca_approve(&w.ca, AGENT, world_now(&w)));
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    until(AGENT, RA_STATE_PROBATION, DAY);
    assert_int_equal(w.ca.submits[AGENT], 1);
}

static void given_up(void **state)
{
    (void)state;
    start(400);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_E_NO_REQUEST);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_E_NO_REQUEST);
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_OK); /* before it began */
    assert_true(world_run(&w, HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
    /* A renewal of the same key differs only in who carries it. */
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    uint32_t generation = w.ra.renewal[AGENT].txn.generation;
    uint16_t id = ra_generation_id(AGENT, generation);
    assert_true(world_flash_holds(&w, RA_RECORD_KEY, id, NULL, 0, NULL));
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_E_BUSY);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_IDLE, HOUR);
    assert_int_equal(world_logged(&w, RA_LOG_CANCELLED, AGENT), 1);
    assert_true(world_run(&w, HOUR));
    assert_true(world_settle(&w));
    assert_false(world_flash_holds(&w, RA_RECORD_KEY, id, NULL, 0, NULL));
    world_boot(&w);
    assert_true(world_run(&w, HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
    /* During the search for a key. */
    struct ra_wish rsa = {.key = RA_WISH_NEW_KEY, .alg = RA_KEY_RSA_2048, .by_hand = true};
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &rsa), RA_OK);
    until(AGENT, RA_STATE_KEYGEN, HOUR);
    for (unsigned i = 0; i < 30; i++) {
        assert_true(world_step(&w));
    }
    assert_int_equal(world_state(&w, AGENT), RA_STATE_KEYGEN);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_IDLE, HOUR);
    /* A pending one that the network carries. */
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_OK);
    unsigned polls = w.ca.polls;
    until(AGENT, RA_STATE_POLL, HOUR);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_E_BUSY);
    until(AGENT, RA_STATE_PENDING, HOUR);
    assert_int_equal(w.ca.polls, polls + 1);
    world_set(&w, "hold", "on");
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_E_HELD);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_IDLE, HOUR);
    assert_null(world_check(&w, AGENT));
}

/* The operator asks for a renewal, or for another try, and mistypes the year behind it: no first enrolment
 * begins for what only seems to have expired, and with the right time it is renewed. */
static void asked_for_before_a_wrong_year(void **state)
{
    (void)state;
    for (unsigned waits = 0; waits < 2; waits++) {
        start(20);
        w.ca.net = FAKE_NET_REFUSED;
        if (waits) {
            until(AGENT, RA_STATE_BACKOFF, HOUR);
            assert_int_equal(ra_retry(&w.ra, AGENT), RA_OK);
        } else {
            assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
            assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
        }
        assert_int_equal(ra_offer_time(&w.ra, RA_TIME_OPERATOR, world_now(&w) + 900 * DAY), RA_OK);
        assert_true(world_run(&w, DAY));
        assert_int_equal(world_state(&w, AGENT), RA_STATE_EXPIRED);
        assert_int_equal(ra_offer_time(&w.ra, RA_TIME_OPERATOR, world_now(&w)), RA_OK);
        w.ca.net = FAKE_NET_UP;
        until(AGENT, RA_STATE_PROBATION, 5 * DAY);
        assert_null(world_check(&w, AGENT));
    }
}

static void rolled_back(void **state)
{
    (void)state;
    start(400);
    uint32_t old = world_serves(&w, AGENT);
    assert_int_equal(ra_roll_back(&w.ra, AGENT), RA_E_NO_PREVIOUS);
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
    until(AGENT, RA_STATE_FETCH, HOUR);
    assert_int_equal(ra_roll_back(&w.ra, AGENT), RA_E_BUSY);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(ra_roll_back(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_serves(&w, AGENT), old);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_IDLE, HOUR);
    /* After the probation too, as long as the old pair is kept. */
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    ra_report_use(&w.ra, AGENT, true);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
    assert_int_equal(ra_roll_back(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_serves(&w, AGENT), old);
    assert_null(world_check(&w, AGENT));
}

static void keys_by_wish(void **state)
{
    (void)state;
    struct ra_wish new_key = {.key = RA_WISH_NEW_KEY, .alg = RA_KEY_EC_P256};
    start(400); /* key-policy same */
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &new_key), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(w.ca.keys[AGENT], 1);
    struct ra_cert cert;
    uint8_t der[RA_CERT_MAX];
    size_t size = 0;
    assert_int_equal(ra_certificate(&w.ra, AGENT, der, sizeof der, &size), RA_OK);
    assert_int_equal(ra_cert_parse(&cert, der, size), RA_OK);
    assert_int_equal(ra_key_from_spki(&w.ra.service_key, cert.spki.p, cert.spki.size), RA_OK);
    assert_int_equal(w.ra.service_key.alg, RA_KEY_EC_P256);
    assert_true(world_run(&w, 5 * DAY));
    /* The wish was for that one renewal. */
    world_set(&w, "key-policy", "new");
    world_set(&w, "agent-key", "p384");
    struct ra_wish keep = {.key = RA_WISH_SAME_KEY};
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &keep), RA_OK);
    until(AGENT, RA_STATE_READY, HOUR);
    assert_int_equal(w.ca.keys[AGENT], 1);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_null(world_check(&w, AGENT));
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &keep), RA_OK);
    /* CEP clients encrypt with RSA: no EC key for that role, and the old one serves on. */
    uint32_t old = world_serves(&w, ENCRYPTION);
    assert_int_equal(ra_renew_as(&w.ra, ENCRYPTION, true, &new_key), RA_OK);
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_ENCRYPTION_EC);
    assert_int_equal(world_serves(&w, ENCRYPTION), old);
    assert_int_equal(w.ca.submits[ENCRYPTION], 0);
}

/* Provisioned with nothing but an anchor. */
static void start_empty(void)
{
    const struct world_enrolment e = {.settings = {{"subject", "CN=RA01-MSCEP-RA"},
                                                   {"agent-key", "p256"},
                                                   {"device-key", "p256"}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
    until(AGENT, RA_STATE_EMPTY, HOUR);
    until(DEVICE, RA_STATE_EMPTY, HOUR);
}

static void a_first_certificate_by_hand(void **state)
{
    (void)state;
    static const struct ra_wish hand = {.by_hand = true};
    start_empty();
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &hand), RA_E_NO_CREDENTIAL);
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, &hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    assert_true(world_settle(&w));
    world_boot(&w);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    uint32_t id = carry(AGENT);
    answer_with(id, CHAIN_PEM);
    assert_int_equal(accept(AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, AGENT), id);
    assert_null(world_check(&w, AGENT));
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, &hand), RA_E_STORED);
    /* One given up leaves nothing behind. */
    assert_int_equal(ra_enroll_new(&w.ra, DEVICE, &hand), RA_OK);
    until(DEVICE, RA_STATE_OFFLINE, HOUR);
    assert_int_equal(ra_enroll_new(&w.ra, DEVICE, &hand), RA_E_BUSY);
    assert_int_equal(ra_cancel(&w.ra, DEVICE), RA_OK);
    until(DEVICE, RA_STATE_EMPTY, HOUR);
    /* Nor does one that had not begun. */
    assert_int_equal(ra_enroll_new(&w.ra, DEVICE, &hand), RA_OK);
    assert_int_equal(ra_cancel(&w.ra, DEVICE), RA_OK);
    assert_true(world_run(&w, HOUR));
    assert_int_equal(world_state(&w, DEVICE), RA_STATE_EMPTY);
}

/* A first request has no CMS around it, and no challenge password: the CA manager is not a SCEP
 * server. */
static void a_first_request_as_text(void **state)
{
    (void)state;
    static const struct ra_wish hand = {.by_hand = true};
    static char bare[sizeof shown];
    static uint8_t der[8192];
    size_t size = 0;
    start_empty();
    world_set(&w, "protocol", "scep");
    world_set(&w, "scep-challenge", "open-sesame");
    assert_int_equal(ra_enroll_new(&w.ra, DEVICE, &hand), RA_OK);
    until(DEVICE, RA_STATE_OFFLINE, HOUR);
    show(DEVICE, true);
    memcpy(bare, shown, sizeof bare);
    show(DEVICE, false);
    assert_string_equal(shown, bare);
    assert_int_equal(ra_pem_to_der((const uint8_t *)shown, shown_size, der, sizeof der, &size),
                     RA_OK);
    struct ra_csr csr;
    assert_int_equal(ra_csr_parse(&csr, (struct ra_span){der, size}), RA_OK);
    for (size_t i = 0; i + 11 <= size; i++) {
        assert_memory_not_equal(der + i, "open-sesame", 11);
    }
}

/* Without a network at all. */
static void without_a_network(void **state)
{
    (void)state;
    start(400);
    world_boot_offline(&w);
    until(AGENT, RA_STATE_IDLE, 60);
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    assert_int_equal(retrieve(AGENT, 3), RA_E_UNSUPPORTED);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_OK);
    until(AGENT, RA_STATE_IDLE, HOUR);
    assert_int_equal(world_logged(&w, RA_LOG_CANCELLED, AGENT), 1);
    assert_null(world_check(&w, AGENT));
}

/* A request by hand whose key cannot be made, an EC key for CEP Encryption: there is nothing to answer,
 * and it is the operator's until he gives it up, whatever becomes of the certificate meanwhile. */
static void no_key_for_it(void **state)
{
    (void)state;
    start(20);
    world_set(&w, "hold", "on");
    assert_true(world_settle(&w));
    world_boot_offline(&w);
    until(ENCRYPTION, RA_STATE_IDLE, 60);
    assert_int_equal(ra_renew_as(&w.ra, ENCRYPTION, true, &by_hand), RA_OK);
    until(ENCRYPTION, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, ENCRYPTION).cause, RA_E_ENCRYPTION_EC);
    assert_int_equal(ra_accept(&w.ra, ENCRYPTION, (const uint8_t *)"", 0), RA_E_NO_REQUEST);
    unsigned failures = w.ra.renewal[ENCRYPTION].txn.failures;
    assert_true(world_run(&w, 30 * DAY));
    assert_true(w.ra.renewal[ENCRYPTION].txn.failures > failures);
    assert_true(world_status(&w, ENCRYPTION).expired);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_EXPIRED);
    assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_BACKOFF);
    assert_int_equal(ra_cancel(&w.ra, ENCRYPTION), RA_OK);
    until(ENCRYPTION, RA_STATE_EXPIRED, HOUR);
}

/* AD CS takes a bare PKCS #10 for a first certificate, with the role's template. */
static void a_first_certificate_over_the_network(void **state)
{
    (void)state;
    start_empty();
    /* Asked for while there is no network: it begins when there is. */
    ra_network(&w.ra, false);
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_OK);
    assert_true(world_run(&w, HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_EMPTY);
    ra_network(&w.ra, true);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(w.ca.submits[AGENT], 1);
    assert_int_not_equal(world_serves(&w, AGENT), 0);
    assert_null(world_check(&w, AGENT));
    world_boot(&w);
    assert_true(world_run(&w, HOUR));
    /* And renews it by itself. */
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
    until(AGENT, RA_STATE_READY, HOUR);
    assert_int_equal(w.ca.submits[AGENT], 2);
}

/* Nothing serves meanwhile: whatever the CA says, a first one is asked for again each day. */
static void a_first_certificate_is_asked_for_each_day(void **state)
{
    (void)state;
    static const enum fake_ca_mode no[] = {FAKE_CA_DENY, FAKE_CA_IS_CA};
    for (unsigned i = 0; i < 2; i++) {
        start_empty();
        w.ca.mode[AGENT] = no[i];
        assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_OK);
        for (unsigned n = 0; n < 5; n++) {
            until(AGENT, RA_STATE_BACKOFF, HOUR);
            int64_t wait = world_status(&w, AGENT).next - world_now(&w);
            assert_in_range(wait, DAY / 4 * 3 - 60, DAY + 60);
            if (n == 3) {
                assert_true(world_settle(&w));
                world_boot(&w);
                until(AGENT, RA_STATE_BACKOFF, HOUR);
            }
            assert_true(world_run(&w, wait));
            until(AGENT, RA_STATE_BUILD, 120);
        }
        w.ca.mode[AGENT] = FAKE_CA_ISSUE;
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_null(world_check(&w, AGENT));
    }
}

/* The CA that puts another name into a first certificate than the setting's is refused, over the network
 * and by hand, until it gives the right one. */
static void a_first_certificate_of_another_name(void **state)
{
    (void)state;
    static const struct ra_wish hand = {.by_hand = true};
    start_empty();
    w.ca.mode[AGENT] = FAKE_CA_OTHER_SUBJECT;
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_OK);
    until(AGENT, RA_STATE_BACKOFF, HOUR);
    assert_int_equal(world_status(&w, AGENT).cause, RA_E_GATE_SUBJECT);
    assert_int_equal(world_serves(&w, AGENT), 0);
    w.ca.mode[AGENT] = FAKE_CA_ISSUE;
    until(AGENT, RA_STATE_PROBATION, 9 * DAY);
    assert_null(world_check(&w, AGENT));

    start_empty();
    w.ca.mode[AGENT] = FAKE_CA_OTHER_SUBJECT;
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, &hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    answer_with(carry(AGENT), CHAIN_PEM);
    assert_int_equal(accept(AGENT), RA_OK);
    until(AGENT, RA_STATE_SAVE_FAILURE, HOUR);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    assert_int_equal(world_status(&w, AGENT).cause, RA_E_GATE_SUBJECT);
    assert_int_equal(world_serves(&w, AGENT), 0);
    /* The operator may want that name after all. */
    world_set(&w, "subject", "CN=Somebody\\20Else");
    answer_with(w.ca.last_id, CHAIN_PEM);
    assert_int_equal(accept(AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, AGENT), w.ca.last_id);
}

/* An expired certificate cannot be renewed: a new one takes its place. */
static void a_new_one_for_an_expired_one(void **state)
{
    (void)state;
    start(20);
    world_set(&w, "hold", "on");
    world_set(&w, "subject", "CN=RA01-MSCEP-RA");
    world_set(&w, "agent-key", "p256");
    assert_true(world_run(&w, 30 * DAY));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_EXPIRED);
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_E_HELD);
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_E_HELD);
    static const struct ra_wish hand = {.by_hand = true};
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, &hand), RA_OK);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    uint32_t id = carry(AGENT);
    answer_with(id, P7B_PEM);
    assert_int_equal(accept(AGENT), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, AGENT), id);
    world_set(&w, "hold", "off");
    world_set(&w, "encryption-key", "rsa2048");
    w.ca.net = FAKE_NET_REFUSED;
    assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_EXPIRED);
}

/* The power goes at every flash operation of a request by hand, from the wish to the switch. */
static void power_cuts(void **state)
{
    (void)state;
    bool finished = false;
    for (uint32_t cut = 1; !finished; cut++) {
        start(400);
        uint32_t old = world_serves(&w, AGENT), id = 0;
        w.flash.cut = (enum nor_cut)(cut % 4);
        w.flash.cut_at = w.flash.operations + cut;
        (void)ra_renew_as(&w.ra, AGENT, true, &by_hand);
        bool alive = world_until_state(&w, AGENT, RA_STATE_OFFLINE, HOUR);
        if (alive) {
            id = carry(AGENT);
            answer_with(id, CHAIN_PEM);
            assert_int_equal(accept(AGENT), RA_OK);
            alive = world_until_state(&w, AGENT, RA_STATE_PROBATION, HOUR) && world_settle(&w);
        }
        finished = alive && !w.flash.cut_fired;
        w.flash.cut_at = 0;
        world_boot(&w);
        uint32_t now = world_serves(&w, AGENT);
        assert_true(now == old || (id != 0 && now == id));
        assert_null(world_check(&w, AGENT));
        assert_true(world_run(&w, HOUR));
        if (world_state(&w, AGENT) == RA_STATE_IDLE) {
            assert_int_equal(world_serves(&w, AGENT), old); /* not stored yet: asked for again */
            assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
            until(AGENT, RA_STATE_OFFLINE, HOUR);
            id = 0;
        }
        if (world_state(&w, AGENT) == RA_STATE_OFFLINE) {
            /* The same request is shown, and its answer is still good. */
            id = id != 0 ? id : carry(AGENT);
            answer_with(id, CHAIN_PEM);
            assert_int_equal(accept(AGENT), RA_OK);
        }
        until(AGENT, RA_STATE_PROBATION, HOUR);
        assert_int_equal(world_serves(&w, AGENT), id);
        assert_null(world_check(&w, AGENT));
        assert_true(cut < 400);
#if defined(__arm__) || defined(__powerpc__) /* minutes in the emulator */
        cut += 12;
#endif
    }
}

/* What cannot be now says why, and changes nothing: the request waits on and is answered. */
static void not_now(void **state)
{
    size_t n = 0;
    (void)state;
    start(400);
    assert_int_equal(ra_accept(&w.ra, AGENT, (const uint8_t *)"", 0), RA_E_NO_REQUEST);
    assert_int_equal(ra_submit(&w.ra, AGENT), RA_E_NO_REQUEST);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_E_NO_REQUEST);
    assert_int_equal(ra_request_text(&w.ra, AGENT, true, 0, shown, sizeof shown, &n),
                     RA_E_NO_REQUEST);
    /* Asked for and not begun: nothing is left of it. */
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_OK);
    assert_true(world_run(&w, HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
    assert_int_equal(ra_renew_as(&w.ra, AGENT, true, &by_hand), RA_OK);
    until(AGENT, RA_STATE_KEYGEN, HOUR);
    assert_int_equal(ra_accept(&w.ra, AGENT, (const uint8_t *)"", 0), RA_E_BUSY);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_E_BUSY);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_E_NO_REQUEST);
    /* Without a network. */
    const struct ra_transport *transport = w.ra.transport;
    w.ra.transport = NULL;
    assert_int_equal(ra_submit(&w.ra, AGENT), RA_E_UNSUPPORTED);
    w.ra.transport = transport;
    uint8_t *reply = w.ra.reply;
    w.ra.reply = NULL;
    assert_int_equal(ra_accept(&w.ra, AGENT, (const uint8_t *)"", 0), RA_E_UNSUPPORTED);
    w.ra.reply = reply;
    assert_int_equal(world_state(&w, AGENT), RA_STATE_OFFLINE);
    /* Without the time, after a reset. */
    w.board_clock = false;
    world_boot_offline(&w);
    w.ca.net = FAKE_NET_REFUSED;
    assert_true(world_run(&w, 60));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_OFFLINE);
    assert_int_equal(ra_submit(&w.ra, AGENT), RA_E_TIME_UNKNOWN);
    assert_int_equal(ra_accept(&w.ra, AGENT, (const uint8_t *)"", 0), RA_E_TIME_UNKNOWN);
    assert_int_equal(world_state(&w, AGENT), RA_STATE_OFFLINE);
    w.board_clock = true;
    w.ca.net = FAKE_NET_UP;
    world_boot(&w);
    until(AGENT, RA_STATE_OFFLINE, HOUR);
    show(AGENT, false);
    uint32_t id = fake_ca_take(&w.ca, world_now(&w), shown, shown_size);
    assert_int_not_equal(id, 0);
    answer_with(id, P7B_PEM);
    assert_int_equal(ra_accept(&w.ra, AGENT, (const uint8_t *)answer, answer_size), RA_OK);
    until(AGENT, RA_STATE_PROBATION, HOUR);
    assert_int_equal(world_serves(&w, AGENT), id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_renewal_by_hand),
        cmocka_unit_test(every_form_of_answer),
        cmocka_unit_test(a_certificate_without_its_issuer),
        cmocka_unit_test(the_request_as_text),
        cmocka_unit_test(shown_while_another_works),
        cmocka_unit_test(hashes_as_wished),
        cmocka_unit_test(the_automatic_renewal_is_held),
        cmocka_unit_test(neither_network_nor_hold_matter),
        cmocka_unit_test(wrong_answers),
        cmocka_unit_test(a_forged_root_among_the_issuers),
        cmocka_unit_test(the_root_that_lasts_longest),
        cmocka_unit_test(certificates_in_text),
        cmocka_unit_test(neither_answer_nor_question),
        cmocka_unit_test(handed_to_the_network),
        cmocka_unit_test(a_wrong_id_changes_nothing),
        cmocka_unit_test(a_pending_id_is_taken),
        cmocka_unit_test(a_reset_while_an_id_is_asked_for),
        cmocka_unit_test(a_wrong_paste_while_pending),
        cmocka_unit_test(given_up),
        cmocka_unit_test(asked_for_before_a_wrong_year),
        cmocka_unit_test(rolled_back),
        cmocka_unit_test(keys_by_wish),
        cmocka_unit_test(a_first_certificate_by_hand),
        cmocka_unit_test(a_first_request_as_text),
        cmocka_unit_test(without_a_network),
        cmocka_unit_test(no_key_for_it),
        cmocka_unit_test(a_first_certificate_over_the_network),
        cmocka_unit_test(a_first_certificate_is_asked_for_each_day),
        cmocka_unit_test(a_first_certificate_of_another_name),
        cmocka_unit_test(a_new_one_for_an_expired_one),
        cmocka_unit_test(power_cuts),
        cmocka_unit_test(not_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
