/* PKCS#10: the genuine Windows request and ours, element by element. What openssl says of ours is in
 * tests/e2e/request_openssl.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pki_vectors.h"
#include "ra_csr.h"

static uint8_t buf[RA_REQUEST_MAX];
static struct ra_key key;
static struct ra_cert old;
static struct ra_csr csr;
static char hex[1000];

static struct ra_span build_with(const struct ra_csr_input *in, size_t cap, ra_err expected)
{
    struct ra_span tbs, der = {NULL, 0};
    uint8_t *at = buf + sizeof buf - cap; /* so that the sanitizer sees the end */
    ra_err err = ra_csr_begin(in, at, cap, &tbs);
    if (err == RA_OK) {
        err = ra_csr_sign(at, cap, tbs, &key, pki_random(), RA_HASH_SHA256, &der);
    }
    assert_int_equal(err, expected);
    return der;
}

static struct ra_csr_input input(const char *cert, const char *key_name)
{
    static uint8_t spki[RA_SPKI_MAX];
    size_t size;
    pki_cert_parse(&old, cert);
    pki_key(&key, key_name);
    assert_int_equal(ra_key_spki(&key, spki, sizeof spki, &size), RA_OK);
    return (struct ra_csr_input){.subject = old.subject, .spki = {spki, size}, .old = &old};
}

/* The extension of this OID in the extension request, whole. */
static struct ra_span extension(enum ra_oid oid)
{
    struct ra_span value, found = {NULL, 0};
    struct ra_der d;
    assert_int_equal(ra_csr_attribute(&csr, RA_OID_EXTENSION_REQUEST, &value), RA_OK);
    ra_der_init(&d, value);
    ra_der_enter(&d, RA_DER_SEQUENCE);
    while (ra_der_more(&d)) {
        struct ra_der probe = d;
        struct ra_span whole = ra_der_any(&d);
        ra_der_enter(&probe, RA_DER_SEQUENCE);
        if (ra_der_oid(&probe) == oid) {
            assert_int_equal(found.size, 0);
            found = whole;
        }
    }
    return found;
}

static size_t count_extensions(void)
{
    struct ra_span value;
    struct ra_der d;
    size_t n = 0;
    assert_int_equal(ra_csr_attribute(&csr, RA_OID_EXTENSION_REQUEST, &value), RA_OK);
    ra_der_init(&d, value);
    ra_der_enter(&d, RA_DER_SEQUENCE);
    while (ra_der_more(&d)) {
        ra_der_any(&d);
        n++;
    }
    return n;
}

/* OIDs of the attributes in hex, parted by blanks; every element must sort after the one before. */
static const char *attributes(void)
{
    struct ra_der d;
    struct ra_span before = {NULL, 0};
    char *to = hex;
    ra_der_init(&d, csr.attributes);
    while (ra_der_more(&d)) {
        struct ra_der probe = d;
        struct ra_span whole = ra_der_any(&d);
        if (before.size > 0) {
            size_t n = before.size < whole.size ? before.size : whole.size;
            assert_true(memcmp(before.p, whole.p, n) < 0);
        }
        before = whole;
        ra_der_enter(&probe, RA_DER_SEQUENCE);
        struct ra_span oid = ra_der_read(&probe, RA_DER_OID);
        pki_hex(oid.p, oid.size, to);
        to += 2 * oid.size;
        *to++ = ' ';
    }
    assert_int_equal(ra_der_finish(&d), RA_OK);
    *to = 0;
    return hex;
}

#define EXTENSION_REQUEST "2a864886f70d01090e "
#define RENEWAL_CERT "2b0601040182370d01 "
#define CLIENT_INFO "2b0601040182371514 "

static void genuine_windows_request(void **state)
{
    struct ra_span value;
    (void)state;
    struct ra_span der = pki_blob("ms_request_inner"), cert = pki_blob("ms_old_cert");
    assert_int_equal(ra_csr_parse(&csr, der), RA_OK);
    assert_int_equal(csr.sig_hash, RA_HASH_SHA1);
    assert_true(csr.sig_rsa);
    assert_int_equal(ra_csr_verify(&csr, &key), RA_OK);
    assert_int_equal(ra_cert_parse(&old, cert.p, cert.size), RA_OK);
    assert_true(ra_span_equal(csr.subject, old.subject));
    assert_int_equal(ra_csr_attribute(&csr, RA_OID_MS_RENEWAL_CERT, &value), RA_OK);
    assert_true(ra_span_equal(value, cert));
    /* OS version, client info and CSP are what Windows has and an appliance has not (client info: may) */
    assert_string_equal(attributes(), "2b0601040182370d0203 " CLIENT_INFO
                                      "2b0601040182370d0202 " EXTENSION_REQUEST RENEWAL_CERT);
    /* what Windows copies from the old certificate, byte for byte, is what we copy */
    assert_true(ra_span_equal(extension(RA_OID_MS_TEMPLATE_NAME), old.template_ext));
    assert_true(ra_span_equal(extension(RA_OID_EXTENDED_KEY_USAGE), old.eku_ext));
    assert_true(ra_span_equal(extension(RA_OID_KEY_USAGE), old.key_usage_ext));
    assert_true(ra_span_equal(extension(RA_OID_SUBJECT_ALT_NAME), old.san_ext));
    assert_int_equal(count_extensions(), 6); /* and S/MIME capabilities, SKI */
}

/* The genuine request made again by our writer from its own parts: all but S/MIME capabilities,
 * OS version, CSP and the signature comes out byte for byte. */
static void windows_request_rebuilt(void **state)
{
    static uint8_t again[RA_REQUEST_MAX];
    struct ra_span windows = pki_blob("ms_request_inner"), cert = pki_blob("ms_old_cert"), tbs,
                   ours;
    struct ra_csr rebuilt;
    (void)state;
    assert_int_equal(ra_csr_parse(&csr, windows), RA_OK);
    assert_int_equal(ra_cert_parse(&old, cert.p, cert.size), RA_OK);
    struct ra_csr_input in = {.subject = old.subject, .spki = csr.spki, .old = &old};
    assert_int_equal(ra_csr_begin(&in, again, sizeof again, &tbs), RA_OK);
    /* enough of a request to take it apart again */
    struct ra_der_put w;
    ra_der_put_init(&w, buf, sizeof buf);
    ra_der_put_value(&w, RA_DER_BITS, (const uint8_t *)"\0sig", 4);
    ra_der_put_algorithm(&w, RA_OID_RSA_SHA256, true);
    ra_der_put_raw(&w, tbs);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    assert_int_equal(ra_csr_parse(&rebuilt, ra_der_put_span(&w)), RA_OK);
    assert_true(ra_span_equal(rebuilt.subject, csr.subject) &&
                ra_span_equal(rebuilt.spki, csr.spki));
    /* each extension of ours stands in the Windows request as it is, the SKI of the new key too, in
     * the same order */
    struct ra_span theirs;
    assert_int_equal(ra_csr_attribute(&csr, RA_OID_EXTENSION_REQUEST, &theirs), RA_OK);
    assert_int_equal(ra_csr_attribute(&rebuilt, RA_OID_EXTENSION_REQUEST, &ours), RA_OK);
    struct ra_der a, b;
    ra_der_init(&a, ours);
    ra_der_init(&b, theirs);
    ra_der_enter(&a, RA_DER_SEQUENCE);
    ra_der_enter(&b, RA_DER_SEQUENCE);
    ra_der_any(&b); /* S/MIME capabilities */
    while (ra_der_more(&a)) {
        assert_true(ra_span_equal(ra_der_any(&a), ra_der_any(&b)));
    }
    assert_false(ra_der_more(&b));
    assert_int_equal(ra_csr_attribute(&csr, RA_OID_MS_RENEWAL_CERT, &theirs), RA_OK);
    assert_int_equal(ra_csr_attribute(&rebuilt, RA_OID_MS_RENEWAL_CERT, &ours), RA_OK);
    assert_true(ra_span_equal(ours, theirs));
}

static void renewals(void **state)
{
    (void)state;
    static const struct {
        const char *cert, *key;
        size_t extensions;
    } cases[] = {
        {"agent", "agent_new", 5},       {"encryption", "agent_new", 4},
        {"agent_ec", "agent_ec_new", 4}, {"agent_ec384", "agent_ec384", 4},
        {"agent", "agent", 5},           {"agent", "agent_ec_new", 5},
        {"odd", "agent_new", 4},         {"sub", "agent_new", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ra_span value;
        struct ra_csr_input in = input(cases[i].cert, cases[i].key);
        struct ra_span der = build_with(&in, sizeof buf, RA_OK);
        assert_ptr_equal(der.p + der.size, buf + sizeof buf);
        assert_int_equal(ra_csr_parse(&csr, der), RA_OK);
        assert_true(ra_span_equal(csr.subject, old.subject));
        assert_true(ra_span_equal(csr.spki, in.spki));
        assert_int_equal(csr.sig_hash, RA_HASH_SHA256);
        static struct ra_key work;
        assert_int_equal(ra_csr_verify(&csr, &work), RA_OK);
        assert_string_equal(attributes(), EXTENSION_REQUEST RENEWAL_CERT);
        assert_int_equal(ra_csr_attribute(&csr, RA_OID_MS_RENEWAL_CERT, &value), RA_OK);
        assert_true(ra_span_equal(value, old.der));
        assert_int_equal(count_extensions(), cases[i].extensions);
        assert_true(ra_span_equal(extension(RA_OID_KEY_USAGE), old.key_usage_ext));
        assert_true(ra_span_equal(extension(RA_OID_EXTENDED_KEY_USAGE), old.eku_ext));
        assert_true(ra_span_equal(extension(RA_OID_SUBJECT_ALT_NAME), old.san_ext));
        struct ra_span t = extension(RA_OID_MS_TEMPLATE);
        assert_true(
            ra_span_equal(t.size > 0 ? t : extension(RA_OID_MS_TEMPLATE_NAME), old.template_ext));
        assert_int_equal(extension(RA_OID_MS_APPLICATION_POLICIES).size, 0);
    }
    /* same key, same certificate: the SKI is the one openssl put into the certificate */
    struct ra_csr_input in = input("agent", "agent");
    assert_int_equal(ra_csr_parse(&csr, build_with(&in, sizeof buf, RA_OK)), RA_OK);
    struct ra_span ski = extension(RA_OID_SUBJECT_KEY_ID);
    assert_int_equal(ski.size, 31);
    assert_memory_equal(ski.p + 11, old.skid.p, 20);
}

static void client_info_and_more(void **state)
{
    /* the bytes of the enrolment notes, with our client id */
    static const uint8_t info[] = "\x30\x2e\x02\x02\x03\xe9\x0c\x10ra01.example.net\x0c\x0d"
                                  "EXAMPLE\\ra01$\x0c\x07rarenew";
    /* challengePassword, as SCEP wants it: sorts before everything else */
    static const uint8_t password[] =
        "\x30\x13\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07\x31\x06\x13\x04"
        "abcd";
    struct ra_span value, more = {password, sizeof password - 1};
    (void)state;
    struct ra_csr_input in = input("agent_ec", "agent_ec_new");
    in.machine = "ra01.example.net";
    in.user = "EXAMPLE\\ra01$";
    in.process = "rarenew";
    in.more = &more;
    in.more_n = 1;
    assert_int_equal(ra_csr_parse(&csr, build_with(&in, sizeof buf, RA_OK)), RA_OK);
    assert_string_equal(attributes(),
                        "2a864886f70d010907 " CLIENT_INFO EXTENSION_REQUEST RENEWAL_CERT);
    assert_int_equal(ra_csr_attribute(&csr, RA_OID_MS_CLIENT_INFO, &value), RA_OK);
    assert_true(ra_span_equal(value, (struct ra_span){info, sizeof info - 1}));
    assert_int_equal(ra_csr_attribute(&csr, RA_OID_CHALLENGE_PASSWORD, &value), RA_OK);
    in.user = NULL;
    in.process = NULL;
    assert_int_equal(ra_csr_parse(&csr, build_with(&in, sizeof buf, RA_OK)), RA_OK);
    /* a first request: no old certificate, nothing to copy */
    in.old = NULL;
    in.machine = NULL;
    in.more_n = 0;
    assert_int_equal(ra_csr_parse(&csr, build_with(&in, sizeof buf, RA_OK)), RA_OK);
    assert_string_equal(attributes(), EXTENSION_REQUEST);
    assert_int_equal(count_extensions(), 1);
    assert_int_equal(ra_csr_attribute(&csr, RA_OID_MS_RENEWAL_CERT, &value), RA_E_NOT_FOUND);
    in.spki.size--;
    build_with(&in, sizeof buf, RA_E_CSR_SYNTAX);
    in.spki.size = 0;
    build_with(&in, sizeof buf, RA_E_CSR_SYNTAX);
    /* an attribute that is no element */
    in = input("agent_ec", "agent_ec_new");
    more.size--;
    in.more = &more;
    in.more_n = 1;
    build_with(&in, sizeof buf, RA_E_DER_TRUNCATED);
}

static void empty_san_is_not_copied(void **state)
{
    static const uint8_t san_ext[] = {0x30, 0x09, 6, 3, 0x55, 0x1d, 0x11, 4, 2, 0x30, 0};
    (void)state;
    struct ra_csr_input in = input("agent_ec", "agent_ec_new");
    old.san_ext = (struct ra_span){san_ext, sizeof san_ext};
    old.san = (struct ra_span){san_ext + 9, 2};
    assert_int_equal(ra_csr_parse(&csr, build_with(&in, sizeof buf, RA_OK)), RA_OK);
    assert_int_equal(extension(RA_OID_SUBJECT_ALT_NAME).size, 0);
}

static void no_room(void **state)
{
    (void)state;
    struct ra_csr_input in = input("agent_ec", "agent_ec_new");
    struct ra_span der = build_with(&in, sizeof buf, RA_OK);
    size_t need = der.size;
    for (size_t cap = 0; cap < need; cap += 13) {
        build_with(&in, cap, RA_E_SPACE);
    }
    build_with(&in, need + RA_SIGNATURE_MAX, RA_OK);
}

/* What was signed cannot be changed. */
static void altered(void **state)
{
    static uint8_t copy[RA_REQUEST_MAX];
    static struct ra_key work;
    unsigned parsed = 0;
    (void)state;
    struct ra_csr_input in = input("agent_ec", "agent_ec_new");
    struct ra_span der = build_with(&in, sizeof buf, RA_OK);
    for (size_t i = 0; i < der.size; i += 11) {
        memcpy(copy, der.p, der.size);
        copy[i] ^= 0x02;
        if (ra_csr_parse(&csr, (struct ra_span){copy, der.size}) == RA_OK) {
            parsed++;
            assert_int_not_equal(ra_csr_verify(&csr, &work), RA_OK);
        }
    }
    assert_true(parsed > 20);
}

static uint32_t seed = 3;
static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * n >> 32);
}

static void damaged(void **state)
{
    struct ra_span der = pki_blob("ms_request_inner"), value;
    (void)state;
    for (size_t size = 0; size < der.size; size += 3) {
        uint8_t *p = buf + sizeof buf - size;
        memcpy(p, der.p, size);
        assert_int_not_equal(ra_csr_parse(&csr, (struct ra_span){p, size}), RA_OK);
    }
    uint8_t *p = buf + sizeof buf - der.size;
    for (unsigned round = 0; round < 3000; round++) {
        memcpy(p, der.p, der.size);
        for (uint32_t n = 1 + dice(3); n > 0; n--) {
            p[dice((uint32_t)der.size)] = (uint8_t)dice(256);
        }
        if (ra_csr_parse(&csr, (struct ra_span){p, der.size}) == RA_OK) {
            for (unsigned i = 1; i < RA_OID_COUNT; i++) {
                if (ra_csr_attribute(&csr, (enum ra_oid)i, &value) == RA_OK) {
                    assert_true(value.p >= p && value.p + value.size <= p + der.size);
                }
            }
        }
    }
}

/* Without an old certificate: the extensions as openssl 3 encodes them (req with keyUsage =
 * critical,digitalSignature,keyEncipherment and the EKU), and the challenge password. */
static void test_first_request(void **state)
{
    static const uint8_t usage[] = "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02"
                                   "\x05\xa0";
    static const uint8_t purpose[] = "\x30\x15\x06\x03\x55\x1d\x25\x04\x0e\x30\x0c\x06\x0a\x2b"
                                     "\x06\x01\x04\x01\x82\x37\x14\x02\x01";
    struct ra_csr_input in = input("agent", "agent");
    struct ra_span value;
    (void)state;
    in.old = NULL;
    in.key_usage = RA_KU_DIGITAL_SIGNATURE | RA_KU_KEY_ENCIPHERMENT;
    in.request_agent = true;
    in.challenge = "se-cret";
    struct ra_span der = build_with(&in, sizeof buf, RA_OK);
    assert_int_equal(ra_csr_parse(&csr, der), RA_OK);
    assert_true(
        ra_span_equal(extension(RA_OID_KEY_USAGE), (struct ra_span){usage, sizeof usage - 1}));
    assert_true(ra_span_equal(extension(RA_OID_EXTENDED_KEY_USAGE),
                              (struct ra_span){purpose, sizeof purpose - 1}));
    assert_int_equal(ra_csr_attribute(&csr, RA_OID_CHALLENGE_PASSWORD, &value), RA_OK);
    assert_int_equal(value.size, 9);
    assert_memory_equal(value.p, "\x13\x07se-cret", 9);
    in.challenge = "se_cret";
    der = build_with(&in, sizeof buf, RA_OK);
    assert_int_equal(ra_csr_parse(&csr, der), RA_OK);
    assert_int_equal(ra_csr_attribute(&csr, RA_OID_CHALLENGE_PASSWORD, &value), RA_OK);
    assert_memory_equal(value.p, "\x0c\x07se_cret", 9);
}

static void test_plain_renewal(void **state)
{
    struct ra_csr_input in = input("agent", "agent");
    struct ra_span value;
    (void)state;
    in.plain = true;
    struct ra_span der = build_with(&in, sizeof buf, RA_OK);
    assert_int_equal(ra_csr_parse(&csr, der), RA_OK);
    assert_int_equal(ra_csr_attribute(&csr, RA_OID_MS_RENEWAL_CERT, &value), RA_E_NOT_FOUND);
    assert_true(ra_span_equal(extension(RA_OID_KEY_USAGE), old.key_usage_ext));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_request),
        cmocka_unit_test(test_plain_renewal),
        cmocka_unit_test(genuine_windows_request),
        cmocka_unit_test(windows_request_rebuilt),
        cmocka_unit_test(renewals),
        cmocka_unit_test(client_info_and_more),
        cmocka_unit_test(empty_san_is_not_copied),
        cmocka_unit_test(no_room),
        cmocka_unit_test(altered),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
