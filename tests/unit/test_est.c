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

/* What ra_ca_set_rollover_step finds in a set of these certificates; NULL: nothing. */
static const char *next_of(const char *const names[], int64_t now)
{
    const struct ra_enroll_tools t = {.anchor = anchor, .key = &key, .now = now};
    struct ra_span next = {NULL, 0};
    const char *found = NULL;
    ra_err e;
    memset(&set, 0, sizeof set);
    for (; names[set.count] != NULL; set.count++) {
        const struct world_blob *b = world_blob(names[set.count]);
        set.cert[set.count] = (struct ra_span){b->p, b->size};
    }
    for (unsigned steps = 0; (e = ra_ca_set_rollover_step(&set, &t, &next)) != RA_E_NOT_FOUND;
         steps++) {
        assert_true(steps < 200);
        for (unsigned i = 0; e == RA_OK && i < set.count; i++) {
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
    static const char *const below[] = {"issuing.cert", "stranger.cert", NULL};
    (void)state;
    memset(anchors, 0, sizeof anchors);
    anchors[2] = "root.cert";
    busy = 3;
    assert_string_equal(next_of(whole, NOW), "root2.cert");
    assert_null(next_of(forged, NOW));
    assert_null(next_of(alone, NOW));
    assert_null(next_of(without, NOW));
    assert_null(next_of(below, NOW));
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

/* --- called wrongly ------------------------------------------------------------------------- */

static void wrong_calls(void **state)
{
    static struct ra_enroll e;
    static const struct ra_est_policy policy = {.label = ""};
    static const struct ra_enroll_tools t;
    struct ra_url url;
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
    assert_false(ra_enroll_unanswered(&e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked), cmocka_unit_test(no_lists),  cmocka_unit_test(limits),
        cmocka_unit_test(amended),       cmocka_unit_test(next_root), cmocka_unit_test(wrong_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
