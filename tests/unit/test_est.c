/* EST's parts: csrattrs, a request that is signed again, the next root. The conversation as a
 * whole is in test_est_renewal.c, and against servers and clients of others in tests/e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pki_vectors.h"
#include "ra_ca_set.h"
#include "ra_csr.h"
#include "ra_est.h"
#include "ra_est_attrs.h"
#include "ra_pem.h"
#include "world_vectors.h"

static uint8_t buf[16384];
static struct ra_key key;

/* --- csrattrs --------------------------------------------------------------------------------- */

static struct ra_est_attrs attrs;
static char passed_text[RA_ENROLL_PASSED_MAX + 1];
static uint8_t list[RA_EST_ATTRS_MAX + 64];
static size_t list_size;

static ra_err read_list(const char *key_name)
{
    uint8_t spki[RA_SPKI_MAX];
    size_t size = 0;
    struct ra_span k = pki_blob(key_name);
    struct ra_text t;
    assert_int_equal(ra_key_from_der(&key, k.p, k.size), RA_OK);
    assert_int_equal(ra_key_spki(&key, spki, sizeof spki, &size), RA_OK);
    ra_text_init(&t, passed_text, sizeof passed_text);
    return ra_est_attrs_read(&attrs, (struct ra_span){list, list_size},
                             (struct ra_span){spki, size}, &t);
}

static ra_err read_base64(const char *base64, const char *key_name)
{
    assert_int_equal(
        ra_base64_decode((const uint8_t *)base64, strlen(base64), list, sizeof list, &list_size),
        RA_OK);
    return read_list(key_name);
}

/* RFC 7030 4.5.2: challengePassword, secp384r1, a MAC address, ecdsa-with-SHA384. */
static const char of_the_rfc[] = "MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJ"
                                 "BgcrBgEBAQEWBggqhkjOPQQDAw==";
/* The others are made with openssl asn1parse -genconf. extensionRequest as RFC 9908 has it, with
 * SAN, key usage and policies; RSA of 3072 bits; sha1WithRSA, ecdsa-with-SHA256, sha384WithRSA,
 * sha512WithRSA; challengePassword. */
static const char of_values[] =
    "MIGGMDsGCSqGSIb3DQEJDjEuMCwwEgYDVR0RAQH/BAgwBoIEYS5iZDALBgNVHQ8EBAMCB4"
    "AwCQYDVR0gBAIwADARBgkqhkiG9w0BAQExBAICDAAGCSqGSIb3DQEBBQYIKoZIzj0EAwIG"
    "CSqGSIb3DQEBDAYJKoZIhvcNAQENBgkqhkiG9w0BCQc=";
/* RSA of 2048 or 4096 bits; P-256; 1.2.3.99999999999 with a text. */
static const char of_keys[] =
    "MEMwFQYJKoZIhvcNAQEBMQgCAggAAgIQADAVBgcqhkjOPQIBMQoGCCqGSM49AwEHMBMGCC"
    "oDgvTD289/MQcMBWhlbGxv";

static void what_is_asked(void **state)
{
    static const struct {
        const char *list, *key;
        bool binding;
        enum ra_hash_alg hash;
        const char *passed;
    } cases[] = {
        {of_the_rfc, "agent_ec384.key", true, RA_HASH_SHA384, "1.3.6.1.1.1.1.22"},
        {of_the_rfc, "agent_ec.key", true, RA_HASH_SHA384, "1.2.840.10045.2.1 1.3.6.1.1.1.1.22"},
        {of_the_rfc, "agent.key", true, RA_HASH_NONE,
         "1.2.840.10045.2.1 1.3.6.1.1.1.1.22 1.2.840.10045.4.3.3"},
        {of_values, "agent.key", true, RA_HASH_SHA384,
         "2.5.29.32 1.2.840.113549.1.1.1 1.2.840.113549.1.1.5"},
        {of_values, "agent_ec.key", true, RA_HASH_SHA256,
         "2.5.29.32 1.2.840.113549.1.1.1 1.2.840.113549.1.1.5"},
        {of_keys, "agent.key", false, RA_HASH_NONE, "1.2.840.10045.2.1 1.2.3.?"},
        {of_keys, "agent_ec.key", false, RA_HASH_NONE, "1.2.840.113549.1.1.1 1.2.3.?"},
        {of_keys, "agent_ec384.key", false, RA_HASH_NONE,
         "1.2.840.113549.1.1.1 1.2.840.10045.2.1 1.2.3.?"},
        {"MAA=", "agent.key", false, RA_HASH_NONE, ""},
        /* rsaEncryption alone, of any size; extKeyUsage in an extensionRequest */
        {"MCQGCSqGSIb3DQEBATAXBgkqhkiG9w0BCQ4xCgYDVR0lBgNVHQ4=", "agent.key", false, RA_HASH_NONE,
         ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_base64(cases[i].list, cases[i].key), RA_OK);
        assert_int_equal(attrs.binding, cases[i].binding);
        assert_int_equal(attrs.hash, cases[i].hash);
        assert_string_equal(passed_text, cases[i].passed);
    }
}

static void no_lists(void **state)
{
    static const struct {
        const char *list;
        ra_err err;
    } cases[] = {
        {"", RA_E_DER_TRUNCATED},
        {"MQA=", RA_E_DER_TAG},           /* a SET */
        {"MAIFAA==", RA_E_DER_TAG},       /* NULL in it */
        {"MAQwAgYA", RA_E_DER_TRUNCATED}, /* an attribute without values, empty OID */
        {"MA0GCSqGSIb3DQEJBw==", RA_E_DER_TRUNCATED},
        {"MAIwAAU=", RA_E_DER_TRAILING},
        /* extensionRequest with an Extensions that holds no Extension */
        {"MBMwEQYJKoZIhvcNAQkOMQQwAgUA", RA_E_DER_TAG},
        {"MBUwEwYJKoZIhvcNAQkOMQYwBDACBQA=", RA_E_DER_TAG},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        attrs.binding = true;
        ra_err e = read_base64(cases[i].list, "agent.key");
        if (e != cases[i].err) {
            print_error("case %u: %s\n", (unsigned)i, ra_error_text(e));
        }
        assert_int_equal(e, cases[i].err);
        assert_false(attrs.binding);
    }
    /* Each prefix of a list is none, each byte changed does no harm. */
    assert_int_equal(read_base64(of_values, "agent.key"), RA_OK);
    size_t whole = list_size;
    for (list_size = 0; list_size < whole; list_size++) {
        assert_true(read_list("agent.key") < RA_OK);
    }
    for (size_t i = 0; i < whole; i++) {
        list[i] ^= 0x21;
        (void)read_list("agent.key");
        list[i] ^= 0x21;
    }
    assert_int_equal(read_list("agent.key"), RA_OK);
}

/* `n` times the OID 1.2.3 at the end of a list, in an extensionRequest or alone. */
static ra_err long_list(size_t n, bool extensions)
{
    static const uint8_t oid[] = {0x2a, 3};
    struct ra_der_put w;
    ra_der_put_init(&w, list, sizeof list);
    for (size_t i = 0; i < n; i++) {
        ra_der_put_value(&w, RA_DER_OID, oid, sizeof oid);
    }
    if (extensions) {
        ra_der_put_wrap(&w, RA_DER_SET, 0);
        ra_der_put_oid(&w, RA_OID_EXTENSION_REQUEST);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    }
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    assert_int_equal(w.err, RA_OK);
    list_size = ra_der_put_span(&w).size;
    memmove(list, ra_der_put_span(&w).p, list_size);
    return read_list("agent.key");
}

static void limits(void **state)
{
    (void)state;
    assert_int_equal(long_list(RA_EST_ATTRS_COUNT, false), RA_OK);
    assert_int_equal(strlen(passed_text), 53); /* nine of "1.2.3 " */
    assert_int_equal(long_list(RA_EST_ATTRS_COUNT + 1, false), RA_E_LIMIT);
    assert_int_equal(long_list(RA_EST_ATTRS_COUNT - 1, true), RA_OK);
    assert_int_equal(long_list(RA_EST_ATTRS_COUNT, true), RA_E_LIMIT);
    assert_int_equal(long_list(RA_EST_ATTRS_MAX / 4, false), RA_E_LIMIT);
}

/* --- a request signed again ------------------------------------------------------------------ */

static void amended(void **state)
{
    struct ra_span k = pki_blob("agent.key"), old_der = pki_cert_der("agent"), tbs, csr, again,
                   value;
    uint8_t spki[RA_SPKI_MAX];
    size_t size = 0;
    struct ra_cert old;
    struct ra_csr was, now;
    static uint8_t before[4096];
    (void)state;
    assert_int_equal(ra_cert_parse(&old, old_der.p, old_der.size), RA_OK);
    assert_int_equal(ra_key_from_der(&key, k.p, k.size), RA_OK);
    assert_int_equal(ra_key_spki(&key, spki, sizeof spki, &size), RA_OK);
    const struct ra_csr_input in = {
        .subject = old.subject, .spki = {spki, size}, .old = &old, .plain = true};
    assert_int_equal(ra_csr_begin(&in, buf, sizeof buf, &tbs), RA_OK);
    assert_int_equal(ra_csr_sign(buf, sizeof buf, tbs, &key, pki_random(), RA_HASH_SHA256, &csr),
                     RA_OK);
    memcpy(before, csr.p, csr.size);
    assert_int_equal(ra_csr_parse(&was, (struct ra_span){before, csr.size}), RA_OK);
    assert_int_equal(ra_csr_amend(buf, sizeof buf, csr, "c29tZSBiaW5kaW5n", &tbs), RA_OK);
    assert_int_equal(ra_csr_sign(buf, sizeof buf, tbs, &key, pki_random(), RA_HASH_SHA384, &again),
                     RA_OK);
    assert_int_equal(ra_csr_parse(&now, again), RA_OK);
    assert_int_equal(ra_csr_verify(&now, &key), RA_OK);
    assert_int_equal(now.sig_hash, RA_HASH_SHA384);
    assert_true(ra_span_equal(now.subject, was.subject));
    assert_true(ra_span_equal(now.spki, was.spki));
    assert_int_equal(ra_csr_attribute(&now, RA_OID_CHALLENGE_PASSWORD, &value), RA_OK);
    assert_int_equal(value.size, 18);
    assert_memory_equal(value.p,
                        "\x13\x10"
                        "c29tZSBiaW5kaW5n",
                        18);
    struct ra_span ext_was, ext_now;
    assert_int_equal(ra_csr_attribute(&was, RA_OID_EXTENSION_REQUEST, &ext_was), RA_OK);
    assert_int_equal(ra_csr_attribute(&now, RA_OID_EXTENSION_REQUEST, &ext_now), RA_OK);
    assert_true(ra_span_equal(ext_was, ext_now));
    /* Unchanged: only another signature. */
    memcpy(buf, before, csr.size);
    assert_int_equal(ra_csr_amend(buf, sizeof buf, (struct ra_span){buf, csr.size}, NULL, &tbs),
                     RA_OK);
    assert_true(ra_span_equal(tbs, was.tbs));
    for (size_t cap = 0; cap < 2 * csr.size - RA_SIGNATURE_MAX; cap += 31) {
        struct ra_span from = {before, csr.size};
        assert_int_equal(ra_csr_amend(buf, cap, from, "c29tZSBiaW5kaW5n", &tbs), RA_E_SPACE);
    }
    assert_true(ra_csr_amend(buf, sizeof buf, (struct ra_span){before, 40}, NULL, &tbs) < RA_OK);
}

/* --- the next root ------------------------------------------------------------------------------ */

#define NOW 1800000000 /* the certificates are valid from 2020 to 2060 */

static struct ra_ca_set set;
static const char *anchors[RA_ANCHORS_MAX];
static unsigned busy;

static ra_err anchor(void *ctx, unsigned place, struct ra_span *cert)
{
    (void)ctx;
    if (busy != 0) {
        busy--;
        return RA_AGAIN;
    }
    if (anchors[place] == NULL) {
        return RA_E_NOT_FOUND;
    }
    const struct world_blob *b = world_blob(anchors[place]);
    *cert = (struct ra_span){b->p, b->size};
    return RA_OK;
}

/* Room for a certificate made here, signed by its own key. */
static uint8_t own_root[1024];
static struct world_blob own_root_blob = {"own_root", NULL, 0};

/* "root2.cert" with one bit of its signature changed. */
static uint8_t bent_root[1024];
static struct world_blob bent_root_blob = {"bent_root", bent_root, 0};

static void make_bent_root(void)
{
    const struct world_blob *b = world_blob("root2.cert");
    memcpy(bent_root, b->p, b->size);
    bent_root[b->size - 1] ^= 1;
    bent_root_blob.size = b->size;
}

/* Name and key of another; `issuer`: who it says has issued it; `yes`: cA, 0xff or 0. */
static void make_own_root(const char *cert, const char *key_name, const char *issuer, uint8_t yes,
                          const char *until)
{
    const struct world_blob *b = world_blob(cert), *k = world_blob(key_name);
    const struct world_blob *i = world_blob(issuer);
    struct ra_cert like, by;
    assert_int_equal(ra_cert_parse(&by, i->p, i->size), RA_OK);
    struct ra_der_put w;
    struct ra_span tbs, der;
    assert_int_equal(ra_cert_parse(&like, b->p, b->size), RA_OK);
    assert_int_equal(ra_key_from_der(&key, k->p, k->size), RA_OK);
    ra_der_put_init(&w, own_root, sizeof own_root);
    if (yes != 0) {
        ra_der_put_value(&w, RA_DER_BOOLEAN, &yes, 1);
    }
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    ra_der_put_wrap(&w, RA_DER_OCTETS, 0);
    ra_der_put_oid(&w, RA_OID_BASIC_CONSTRAINTS);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    ra_der_put_wrap(&w, RA_DER_CONTEXT_CONSTRUCTED(3), 0);
    ra_der_put_raw(&w, like.spki);
    ra_der_put_raw(&w, like.subject);
    size_t mark = ra_der_put_size(&w);
    ra_der_put_text(&w, RA_DER_UTC_TIME, until);
    ra_der_put_text(&w, RA_DER_UTC_TIME, "200101000000Z");
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, mark);
    ra_der_put_raw(&w, by.subject);
    ra_der_put_algorithm(&w, RA_OID_ECDSA_SHA256, false);
    ra_der_put_u32(&w, 77);
    mark = ra_der_put_size(&w);
    ra_der_put_u32(&w, 2);
    ra_der_put_wrap(&w, RA_DER_CONTEXT_CONSTRUCTED(0), mark);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    tbs = ra_der_put_span(&w);
    assert_int_equal(
        ra_csr_sign(own_root, sizeof own_root, tbs, &key, pki_random(), RA_HASH_SHA256, &der),
        RA_OK);
    own_root_blob.p = der.p;
    own_root_blob.size = der.size;
}

/* What ra_ca_set_rollover_step finds in a set of these certificates; NULL: nothing. */
static const char *next_of(const char *const names[], int64_t now)
{
    const struct ra_enroll_tools t = {.anchor = anchor, .key = &key, .now = now};
    struct ra_span next = {NULL, 0};
    const char *found = NULL;
    ra_err e;
    memset(&set, 0, sizeof set);
    for (; names[set.count] != NULL; set.count++) {
        bool own = strcmp(names[set.count], "own_root") == 0;
        bool bent = strcmp(names[set.count], "bent_root") == 0;
        const struct world_blob *b = own    ? &own_root_blob
                                     : bent ? &bent_root_blob
                                            : world_blob(names[set.count]);
        set.cert[set.count] = (struct ra_span){b->p, b->size};
    }
    for (unsigned steps = 0; (e = ra_ca_set_rollover_step(&set, &t, &next)) != RA_E_NOT_FOUND;
         steps++) {
        assert_true(steps < 200);
        for (unsigned i = 0; e == RA_OK && names[i] != NULL; i++) {
            if (set.cert[i].p == next.p) {
                assert_null(found);
                found = names[i];
            }
        }
    }
    return found;
}

static void next_root(void **state)
{
    static const char *const whole[] = {"issuing.cert",       "root2.cert", "root_by_root2.cert",
                                        "root2_by_root.cert", "root.cert",  NULL};
    static const char *const forged[] = {"root2.cert", "root2_by_false.cert", "root.cert", NULL};
    static const char *const alone[] = {"root2.cert", "root_by_root2.cert", "root.cert", NULL};
    static const char *const without[] = {"root2_by_root.cert", "root.cert", NULL};
    /* A CA below the root that signs itself, and has the root's word for another name. */
    static const char *const below[] = {"own_root", "issuing.cert", "root.cert", NULL};
    static const char *const bent[] = {"bent_root", "root2_by_root.cert", NULL};
    (void)state;
    make_own_root("issuing.cert", "issuing.key", "issuing.cert", 0xff, "490101000000Z");
    make_bent_root();
    memset(anchors, 0, sizeof anchors);
    anchors[2] = "root.cert";
    busy = 3;
    assert_string_equal(next_of(whole, NOW), "root2.cert");
    assert_null(next_of(forged, NOW));
    assert_null(next_of(alone, NOW));
    assert_null(next_of(without, NOW));
    assert_null(next_of(below, NOW));
    assert_null(next_of(bent, NOW));
    /* A NewWithNew as it should be; and no CA, or of another issuer, or at its end. */
    static const char *const made[] = {"own_root", "root2_by_root.cert", "root.cert", NULL};
    static const struct {
        const char *issuer, *until;
        uint8_t ca;
        bool fits;
    } heirs[] = {{"root2.cert", "490101000000Z", 0xff, true},
                 {"root2.cert", "490101000000Z", 0, false},
                 {"issuing.cert", "490101000000Z", 0xff, false},
                 {"root2.cert", "270115080001Z", 0xff, true}, /* NOW is 08:00:00 */
                 {"root2.cert", "270115080000Z", 0xff, false}};
    for (size_t i = 0; i < sizeof heirs / sizeof heirs[0]; i++) {
        make_own_root("root2.cert", "root2.key", heirs[i].issuer, heirs[i].ca, heirs[i].until);
        const char *found = next_of(made, NOW);
        assert_int_equal(found != NULL, heirs[i].fits);
        assert_true(found == NULL || strcmp(found, "own_root") == 0);
    }
    /* Out of its dates, or known already, or where no anchor has the name. */
    assert_null(next_of(whole, NOW + 40LL * 365 * 86400));
    assert_null(next_of(whole, NOW - 10LL * 365 * 86400));
    anchors[3] = "root2.cert";
    assert_null(next_of(whole, NOW));
    memset(anchors, 0, sizeof anchors);
    assert_null(next_of(whole, NOW));
    anchors[0] = "issuing.cert";
    assert_null(next_of(whole, NOW));
    /* A false anchor of the name does not hide the right one. */
    anchors[0] = "root2_by_false.cert";
    anchors[1] = "root.cert";
    assert_string_equal(next_of(whole, NOW), "root2.cert");
}

/* --- a conversation with canned replies -------------------------------------------------------- */

static struct ra_enroll talk;
static struct ra_enroll_result result;
static uint8_t reply_room[RA_REPLY_MAX], ca_room[RA_CA_SET_MAX];
static ra_err key_error;

static ra_err request_key(void *ctx, struct ra_key *out)
{
    (void)ctx;
    pki_key(out, "agent");
    return key_error;
}

static const struct ra_est_policy plain_policy = {.label = ""};
static struct ra_enroll_tools talk_tools = {.anchor = anchor,
                                            .request_key = request_key,
                                            .key = &key,
                                            .message = buf,
                                            .message_cap = sizeof buf,
                                            .reply = reply_room,
                                            .reply_cap = sizeof reply_room,
                                            .ca = ca_room,
                                            .ca_cap = sizeof ca_room,
                                            .now = NOW};
static struct ra_url url;
static struct ra_enroll_input talk_input = {
    .url = &url, .est = &plain_policy, .tools = &talk_tools, .first = true};

static ra_err ask(enum ra_enroll_op op)
{
    struct ra_http_request out;
    ra_err e;
    do {
        e = ra_enroll_request(&talk, op, &talk_input, &out);
    } while (e == RA_AGAIN);
    return e;
}

/* A reply, and what is made of it. */
static enum ra_enroll_outcome answer(uint16_t status, const char *type, const char *body)
{
    struct ra_http_reply reply = {.status = status, .body = reply_room, .body_size = strlen(body)};
    memcpy(reply.content_type, type, strlen(type) + 1);
    memcpy(reply.reason, "Some Words", sizeof "Some Words");
    memcpy(reply_room, body, reply.body_size);
    while (ra_enroll_reply(&talk, &reply, &result) == RA_AGAIN) {
    }
    return result.outcome;
}

/* To the question for csrattrs, or past its answer. */
static void begin_talk(const char *list_of_attrs)
{
    static char base64[2048];
    const struct world_blob *b = world_blob("issuing.cert");
    struct ra_span der = {b->p, b->size}, tbs, csr, subject = {(const uint8_t *)"\x30\x00", 2};
    uint8_t spki[RA_SPKI_MAX];
    size_t size = 0;
    pki_key(&key, "agent");
    assert_int_equal(ra_key_spki(&key, spki, sizeof spki, &size), RA_OK);
    const struct ra_csr_input in = {.subject = subject, .spki = {spki, size}, .plain = true};
    assert_int_equal(ra_csr_begin(&in, buf, sizeof buf, &tbs), RA_OK);
    assert_int_equal(ra_csr_sign(buf, sizeof buf, tbs, &key, pki_random(), RA_HASH_SHA256, &csr),
                     RA_OK);
    talk_input.request = csr.p;
    talk_input.request_size = csr.size;
    talk_tools.random = pki_random();
    base64[ra_base64_read(der, 76, 0, base64, sizeof base64 - 1)] = '\0';
    ra_enroll_init(&talk, &ra_est_ops);
    assert_int_equal(ask(RA_ENROLL_SUBMIT), RA_OK);
    assert_int_equal(answer(200, "", base64), RA_ENROLL_MORE);
    assert_int_equal(ask(RA_ENROLL_SUBMIT), RA_OK);
    if (list_of_attrs != NULL) {
        assert_int_equal(answer(200, "application/csrattrs", list_of_attrs), RA_ENROLL_MORE);
    }
}

static void replies(void **state)
{
    (void)state;
    assert_int_equal(ra_url_parse(&url, "https://ca.example.test", 23), RA_OK);
    memset(anchors, 0, sizeof anchors);
    key_error = RA_OK;
    begin_talk(NULL);
    assert_int_equal(answer(401, "", ""), RA_ENROLL_UNAUTHENTICATED);
    assert_int_equal(result.cause, RA_E_HTTP_AUTH);
    begin_talk("");
    assert_int_equal(ask(RA_ENROLL_SUBMIT), RA_OK);
    assert_int_equal(answer(200, "text/html", "<html>"), RA_ENROLL_BROKEN);
    assert_int_equal(result.cause, RA_E_BASE64);
    assert_string_equal(result.passed, "");
    assert_int_equal(answer(500, "text/plain", ""), RA_ENROLL_FAILED);
    assert_int_equal(result.cause, RA_E_HTTP_STATUS);
    assert_string_equal(result.text, "Some Words");
    assert_int_equal(answer(429, "text/html", "wait"), RA_ENROLL_FAILED);
    assert_int_equal(result.cause, RA_E_HTTP_BUSY);
    assert_int_equal(answer(204, "", ""), RA_ENROLL_FAILED);
    /* The peer's words are cut, and made fit for a terminal. */
    assert_int_equal(answer(400, "text/plain",
                            "no\tway\x1b\x7f\xff 789 123456789 123456789 123456789 123456789 "
                            "123456789 123456789 123456789 123456789 "),
                     RA_ENROLL_FAILED);
    assert_int_equal(result.cause, RA_E_CA_REQUEST);
    assert_string_equal(result.text, "no way??? 789 123456789 123456789 123456789 123456789 "
                                     "123456789 123456789 123456");
    assert_int_equal(strlen(result.text), RA_PEER_TEXT_MAX);
    assert_int_equal(answer(202, "", ""), RA_ENROLL_PENDING);
    /* A key that cannot be read keeps the request from being signed again. */
    begin_talk("MAsGCSqGSIb3DQEBDQ=="); /* sha512WithRSAEncryption */
    key_error = RA_E_RECORD_SEAL;
    assert_int_equal(ask(RA_ENROLL_SUBMIT), RA_E_RECORD_SEAL);
    key_error = RA_OK;
    assert_int_equal(ask(RA_ENROLL_SUBMIT), RA_OK);
    ra_enroll_init(&talk, &ra_est_ops);
    assert_int_equal(ask(RA_ENROLL_CACERT), RA_OK);
    assert_int_equal(answer(200, "", ""), RA_ENROLL_ISSUED);
    assert_int_equal(answer(503, "", ""), RA_ENROLL_FAILED);
    assert_int_equal(result.cause, RA_E_HTTP_BUSY);
}

/* --- called wrongly ------------------------------------------------------------------------- */

static void wrong_calls(void **state)
{
    static struct ra_enroll e;
    static const struct ra_est_policy policy = {.label = ""};
    static const struct ra_enroll_tools t;
    struct ra_http_request out;
    struct ra_enroll_input in = {
        .url = &url, .est = &policy, .tools = &t, .request = buf, .request_size = 10};
    (void)state;
    assert_int_equal(ra_url_parse(&url, "https://ca.example.test", 23), RA_OK);
    ra_enroll_init(&e, &ra_est_ops);
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_POLL, &in, &out), RA_E_UNSUPPORTED);
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_FETCH, &in, &out), RA_E_UNSUPPORTED);
    in.tools = NULL;
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_SUBMIT, &in, &out), RA_E_ARGUMENT);
    in.tools = &t;
    in.request_size = 0;
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_SUBMIT, &in, &out), RA_E_ARGUMENT);
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_CACERT, &in, &out), RA_OK);
    assert_string_equal(out.suffix, ".well-known/est/cacerts");
    assert_false(ra_enroll_unanswered(&e, RA_E_NET_CLOSED, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked), cmocka_unit_test(no_lists),  cmocka_unit_test(limits),
        cmocka_unit_test(amended),       cmocka_unit_test(next_root), cmocka_unit_test(replies),
        cmocka_unit_test(wrong_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
