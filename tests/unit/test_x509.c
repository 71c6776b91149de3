/* Certificates: what openssl reads in them, the rules of RFC 5280, names, and damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pki_vectors.h"
#include "ra_x509.h"

static uint8_t buf[RA_CERT_MAX + 64];
static char text[400], hex[200];
static struct ra_cert cert;

static void assert_text_span(struct ra_span s, const char *expected_hex)
{
    assert_true(2 * s.size < sizeof hex);
    pki_hex(s.p, s.size, hex);
    assert_string_equal(hex, expected_hex);
}

static bool is_inside(struct ra_span s, struct ra_span all)
{
    return s.size == 0 || (s.p >= all.p && s.p + s.size <= all.p + all.size);
}

static void as_openssl_reads_them(void **state)
{
    uint8_t sha1[20], sha256[32];
    (void)state;
    for (const struct pki_cert *v = pki_certs; v->name != NULL; v++) {
        assert_int_equal(ra_cert_parse(&cert, v->p, v->size), RA_OK);
        assert_int_equal(ra_cert_sha1(cert.der, sha1), RA_OK);
        assert_int_equal(ra_cert_sha256(cert.der, sha256), RA_OK);
        pki_hex(sha1, 20, hex);
        assert_string_equal(hex, v->sha1);
        pki_hex(sha256, 32, hex);
        assert_string_equal(hex, v->sha256);
        ra_cert_serial_text(&cert, hex, sizeof hex);
        assert_string_equal(hex, v->serial);
        assert_true(cert.not_before == v->not_before && cert.not_after == v->not_after);
        if (strcmp(v->name, "odd") != 0) { /* openssl has other words for its attributes */
            ra_name_text(cert.subject, text, sizeof text);
            assert_string_equal(text, v->subject);
        }
        ra_name_text(cert.issuer, text, sizeof text);
        assert_string_equal(text, v->issuer);
        assert_true(ra_cert_self_issued(&cert) == (strcmp(v->subject, v->issuer) == 0));
    }
}

/* Values as openssl x509 -text shows them. */
static void fields(void **state)
{
    (void)state;
    pki_cert_parse(&cert, "agent");
    assert_int_equal(cert.version, 3);
    assert_true(cert.has_key_usage);
    assert_int_equal(cert.key_usage, RA_KU_DIGITAL_SIGNATURE);
    assert_true(cert.eku_request_agent);
    assert_int_equal(cert.eku_count, 1);
    assert_false(cert.is_ca || cert.has_path_len || cert.unknown_critical);
    assert_true(cert.sig_rsa);
    assert_int_equal(cert.sig_hash, RA_HASH_SHA256);
    assert_int_equal(cert.sig.size, 256);
    assert_text_span(cert.key_usage_ext, "300e0603551d0f0101ff040403020780");
    assert_text_span(cert.eku_ext, "30150603551d25040e300c060a2b060104018237140201");
    assert_text_span(cert.eku, "300c060a2b060104018237140201");
    assert_text_span(cert.template_ext,
                     "303b06092b0601040182371402042e1e2c0045006e0072006f006c006c006d"
                     "0065006e0074004100670065006e0074004f00660066006c0069006e0065");
    ra_cert_template_name(&cert, text, sizeof text);
    assert_string_equal(text, "EnrollmentAgentOffline");
    assert_int_equal(cert.skid.size, 20);
    assert_int_equal(cert.akid.size, 20);
    assert_int_equal(cert.san.p[0], 0x30);
    assert_true(cert.san_ext.size > cert.san.size && is_inside(cert.san, cert.san_ext));
    assert_int_equal(cert.spki_bits.size, 270);

    struct ra_cert sub;
    pki_cert_parse(&sub, "sub");
    assert_true(sub.is_ca && sub.has_path_len);
    assert_int_equal(sub.path_len, 0);
    assert_int_equal(sub.key_usage, RA_KU_KEY_CERT_SIGN | RA_KU_CRL_SIGN);
    assert_true(ra_span_equal(sub.skid, cert.akid));
    assert_int_equal(sub.template_ext.size + sub.san.size + sub.eku.size, 0);
    ra_cert_template_name(&sub, text, sizeof text);
    assert_string_equal(text, "");

    pki_cert_parse(&cert, "encryption");
    assert_int_equal(cert.key_usage, RA_KU_KEY_ENCIPHERMENT);
    ra_cert_template_name(&cert, text, sizeof text);
    assert_string_equal(text, "CEPEncryption");
    assert_int_equal(cert.serial.p[0], 0); /* the sign's octet, not shown */

    pki_cert_parse(&cert, "agent_ec384");
    assert_false(cert.sig_rsa);
    assert_int_equal(cert.sig_hash, RA_HASH_SHA384);
    ra_cert_template_name(&cert, text, sizeof text);
    assert_string_equal(text, "1.3.6.1.4.1.311.21.8.8519178.3046971.49.1234567.1.12");
    assert_int_equal(cert.spki_bits.size, 97);

    pki_cert_parse(&cert, "root_v1");
    assert_int_equal(cert.version, 1);
    assert_int_equal(cert.sig_hash, RA_HASH_SHA1);
    assert_false(cert.is_ca || cert.has_key_usage);
    pki_cert_parse(&cert, "sub_critical");
    assert_true(cert.unknown_critical);
}

static void the_odd_one(void **state)
{
    (void)state;
    pki_cert_parse(&cert, "odd");
    assert_int_equal(cert.key_usage, RA_KU_DIGITAL_SIGNATURE | RA_KU_KEY_AGREEMENT | 1u << 8);
    assert_int_equal(cert.eku_count, 3);
    assert_true(cert.eku_request_agent);
    assert_false(cert.unknown_critical);
    /* both template extensions: the one with the OID counts */
    ra_cert_template_name(&cert, text, sizeof text);
    assert_string_equal(text, "1.3.6.1.4.1.311.21.8.8519178.3046971.49.1234567.1.12");
    ra_name_text(cert.subject, text, sizeof text);
    assert_string_equal(text, "T=\\<T\\>\\ ,1.2.840.113556.1.4.656=up,CN=a+OU=b,"
                              "UID=\\  #x\\,y\\+z,E=ra@example.test,C=DE");
    ra_name_common(cert.subject, text, sizeof text);
    assert_string_equal(text, "a");
    for (size_t cap = 1; cap < 80; cap++) {
        memset(text, '!', sizeof text);
        ra_name_text(cert.subject, text, cap);
        assert_true(strlen(text) < cap);
        assert_int_equal(text[cap], '!');
    }
}

static void genuine_windows_certificate(void **state)
{
    (void)state;
    struct ra_span der = pki_blob("ms_old_cert");
    assert_int_equal(ra_cert_parse(&cert, der.p, der.size), RA_OK);
    ra_cert_serial_text(&cert, text, sizeof text);
    assert_string_equal(text, "18d9df0600000000003e");
    uint8_t sha1[20];
    assert_int_equal(ra_cert_sha1(der, sha1), RA_OK);
    assert_text_span((struct ra_span){sha1, 20}, "d4c22b46eb4f23776a020fe2b07ea5b134ae578f");
    ra_name_text(cert.issuer, text, sizeof text);
    assert_string_equal(text, "CN=FB_EntSubCA,OU=Microsoft PKI Team");
    ra_name_text(cert.subject, text, sizeof text);
    assert_string_equal(text, "E=abby@D9-1351C0406A.NTTEST.MICROSOFT.COM,CN=abby,CN=Users,"
                              "DC=d9-1351C0406A,DC=nttest,DC=microsoft,DC=com");
    ra_cert_template_name(&cert, text, sizeof text);
    assert_string_equal(text, "User");
    assert_true(cert.not_before == 1236277577 && cert.not_after == 1267813577);
    assert_int_equal(cert.key_usage, RA_KU_DIGITAL_SIGNATURE | RA_KU_KEY_ENCIPHERMENT);
    assert_int_equal(cert.eku_count, 3);
    assert_false(cert.eku_request_agent);
}

/* --- rules ------------------------------------------------------------- */

/* A copy of the certificate in buf; where in it the bytes are. */
static size_t load(const char *name, const char *bytes, size_t size, size_t *total)
{
    struct ra_span der = pki_cert_der(name);
    memcpy(buf, der.p, der.size);
    *total = der.size;
    for (size_t i = 0; i + size <= der.size; i++) {
        if (memcmp(buf + i, bytes, size) == 0) {
            return i;
        }
    }
    fail();
    return 0;
}

static void breaches_are_refused(void **state)
{
    size_t at, size;
    (void)state;
    /* version 4, and version 1 spelled out */
    at = load("agent", "\xa0\x03\x02\x01\x02", 5, &size);
    buf[at + 4] = 3;
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_E_CERT_SYNTAX);
    buf[at + 4] = 0;
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_E_CERT_SYNTAX);
    /* extensions in a certificate of version 2 */
    buf[at + 4] = 1;
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_E_DER_TRAILING);
    /* the inner signature algorithm is not the outer one */
    at = load("agent", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", 9, &size);
    buf[at + 8] = 0x0c;
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_E_CERT_SYNTAX);
    /* the same extension twice: the EKU's OID turned into the key usage's */
    at = load("agent", "\x06\x03\x55\x1d\x0e", 5, &size);
    buf[at + 4] = 0x23;
    assert_int_not_equal(ra_cert_parse(&cert, buf, size), RA_OK);
    at = load("odd", "\x2b\x06\x01\x04\x01\x82\x37\x15\x0a", 9, &size);
    buf[at + 7] = 0x14;
    buf[at + 8] = 0x02;
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_E_CERT_SYNTAX);
    /* dates: no such day; end before beginning */
    at = load("agent", "240101000000Z", 13, &size);
    memcpy(buf + at, "240229", 6);
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_OK);
    memcpy(buf + at, "240230", 6);
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_E_TIME_SYNTAX);
    memcpy(buf + at, "490201000000Z", 13);
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_E_CERT_SYNTAX);
    /* an extension's contents are not what they should be */
    at = load("agent", "\x04\x04\x03\x02\x07\x80", 6, &size);
    buf[at + 4] = 8;
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_E_CERT_SYNTAX);
    buf[at + 4] = 7;
    buf[at + 5] = 0x81; /* a bit that counts as unused is set */
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_E_CERT_SYNTAX);
    buf[at + 5] = 0x80;
    buf[at + 2] = 4;
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_E_CERT_SYNTAX);
    buf[at + 2] = 3;
    /* critical: neither true nor false */
    buf[at - 1] = 0x01;
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_E_DER_VALUE);
    buf[at - 1] = 0xff;
    assert_int_equal(ra_cert_parse(&cert, buf, size), RA_OK);
    /* one byte more, one less, too large, nothing */
    assert_int_equal(ra_cert_parse(&cert, buf, size + 1), RA_E_DER_TRAILING);
    assert_int_equal(ra_cert_parse(&cert, buf, size - 1), RA_E_DER_TRUNCATED);
    assert_int_equal(ra_cert_parse(&cert, buf, RA_CERT_MAX + 1), RA_E_LIMIT);
    assert_int_equal(ra_cert_parse(&cert, NULL, 0), RA_E_DER_TRUNCATED);
    assert_int_equal(cert.der.size, 0);
}

/* The "agent" certificate with another serial number and, where given, issuer. */
static ra_err parse_with(const uint8_t *serial, size_t size, const char *issuer)
{
    struct ra_cert from;
    struct ra_der_put w;
    pki_cert_parse(&from, "agent");
    const uint8_t *tbs_end = from.tbs.p + from.tbs.size;
    const uint8_t *rest = from.issuer.p + from.issuer.size;
    const uint8_t *algorithm = from.serial.p + from.serial.size;
    ra_der_put_init(&w, buf, sizeof buf);
    ra_der_put_bytes(&w, tbs_end, (size_t)(from.der.p + from.der.size - tbs_end));
    size_t mark = ra_der_put_size(&w);
    ra_der_put_bytes(&w, rest, (size_t)(tbs_end - rest));
    if (issuer != NULL) {
        ra_der_put_bytes(&w, (const uint8_t *)issuer, 2);
    } else {
        ra_der_put_raw(&w, from.issuer);
    }
    ra_der_put_bytes(&w, algorithm, (size_t)(from.issuer.p - algorithm));
    ra_der_put_value(&w, RA_DER_INTEGER, serial, size);
    ra_der_put_u32(&w, 2);
    ra_der_put_wrap(&w, RA_DER_CONTEXT_CONSTRUCTED(0), ra_der_put_size(&w) - 3);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, mark);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    struct ra_span der = ra_der_put_span(&w);
    return ra_cert_parse(&cert, der.p, der.size);
}

static void serials_and_issuer(void **state)
{
    uint8_t serial[24] = {0, 0x80};
    (void)state;
    assert_int_equal(parse_with(serial, 21, NULL), RA_OK);
    ra_cert_serial_text(&cert, hex, sizeof hex);
    assert_string_equal(hex, "8000000000000000000000000000000000000000");
    assert_int_equal(parse_with(serial, 22, NULL), RA_E_CERT_SYNTAX);
    assert_int_equal(parse_with(serial, 1, NULL), RA_OK);
    ra_cert_serial_text(&cert, hex, sizeof hex);
    assert_string_equal(hex, "00");
    assert_int_equal(parse_with(serial, 0, NULL), RA_E_DER_VALUE);
    serial[1] = 0x7f;
    assert_int_equal(parse_with(serial, 2, NULL), RA_E_DER_VALUE);
    assert_int_equal(parse_with(serial + 1, 1, "\x30\x00"), RA_E_CERT_SYNTAX);
}

/* --- names ------------------------------------------------------------- */

struct name {
    uint8_t tag;
    const char *value;
    size_t size;
};
#define NAME(tag, value)                                                                           \
    {                                                                                              \
        tag, value, sizeof(value) - 1                                                              \
    }

/* C=DE, CN=value */
static struct ra_span make_name(const struct name *n, uint8_t *to, size_t cap)
{
    static const uint8_t cn[] = {6, 3, 0x55, 4, 3};
    static const uint8_t country[] = {0x31, 0x0b, 0x30, 9, 6, 3, 0x55, 4, 6, 0x13, 2, 'D', 'E'};
    struct ra_der_put w;
    ra_der_put_init(&w, to, cap);
    ra_der_put_value(&w, n->tag, (const uint8_t *)n->value, n->size);
    ra_der_put_bytes(&w, cn, sizeof cn);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    ra_der_put_wrap(&w, RA_DER_SET, 0);
    ra_der_put_bytes(&w, country, sizeof country);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    assert_int_equal(w.err, RA_OK);
    return ra_der_put_span(&w);
}

static void names_compare_by_meaning(void **state)
{
    uint8_t a[100], b[100];
    (void)state;
    static const struct name same[] = {
        NAME(RA_DER_UTF8, "Sub CA"),
        NAME(RA_DER_PRINTABLE, "Sub CA"),
        NAME(RA_DER_BMP, "\0S\0u\0b\0 \0C\0A"),
        NAME(RA_DER_IA5, "sub ca"),
        NAME(RA_DER_T61, "  SUB \t  ca "),
        NAME(RA_DER_UNIVERSAL, "\0\0\0s\0\0\0u\0\0\0b\0\0\0 \0\0\0c\0\0\0a"),
    };
    static const struct name umlaut[] = {
        NAME(RA_DER_UTF8, "Gr\xc3\xb6\xc3\x9f"
                          "e"),
        NAME(RA_DER_BMP, "\0g\0r\0\xf6\0\xdf\0e"),
        NAME(RA_DER_T61, "gr\xf6\xdf"
                         "e"),
    };
    static const struct name other[] = {
        NAME(RA_DER_UTF8, "SubCA"),
        NAME(RA_DER_UTF8, "Sub CA2"),
        NAME(RA_DER_UTF8, "Sub"),
        NAME(RA_DER_UTF8, ""),
        NAME(RA_DER_UTF8, "Sub CA\0"),
        NAME(RA_DER_OCTETS, "Sub CA"),
        NAME(RA_DER_UTF8, "Sub\0CA"),
        NAME(RA_DER_BMP, "Sub CA"),
        NAME(RA_DER_UTF8, "Gr\xc3\x96\xc3\x9f"
                          "e"),
        NAME(RA_DER_BMP, "\0S\0u\0b\0 \0C\0A\0"),
        NAME(RA_DER_UTF8, "Sub CA\xff"),
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct ra_span left = make_name(&same[i], a, sizeof a);
        for (size_t j = 0; j < sizeof same / sizeof same[0]; j++) {
            assert_true(ra_name_equal(left, make_name(&same[j], b, sizeof b)));
        }
        for (size_t j = 0; j < sizeof other / sizeof other[0]; j++) {
            assert_false(ra_name_equal(left, make_name(&other[j], b, sizeof b)));
            assert_false(ra_name_equal(make_name(&other[j], b, sizeof b), left));
        }
    }
    for (size_t i = 0; i < 3; i++) {
        struct ra_span left = make_name(&umlaut[i], a, sizeof a);
        for (size_t j = 0; j < 3; j++) {
            assert_true(ra_name_equal(left, make_name(&umlaut[j], b, sizeof b)));
        }
        assert_false(ra_name_equal(left, make_name(&other[8], b, sizeof b)));
    }
    /* fewer RDNs, or none */
    struct ra_span left = make_name(&same[0], a, sizeof a);
    static const uint8_t country[] = {0x30, 0x0d, 0x31, 0x0b, 0x30, 9,   6,  3,
                                      0x55, 4,    6,    0x13, 2,    'd', 'e'};
    static const uint8_t empty[] = {0x30, 0};
    assert_false(ra_name_equal(left, (struct ra_span){country, sizeof country}));
    assert_false(ra_name_equal((struct ra_span){country, sizeof country}, left));
    assert_false(ra_name_equal(left, (struct ra_span){empty, 2}));
    assert_true(ra_name_equal((struct ra_span){empty, 2}, (struct ra_span){empty, 2}));
    /* names of certificates: BMPString against UTF8String, folded */
    struct ra_cert other_cert;
    pki_cert_parse(&cert, "agent");
    pki_cert_parse(&other_cert, "encryption");
    assert_false(ra_span_equal(cert.subject, other_cert.subject));
    assert_true(ra_name_equal(cert.subject, other_cert.subject));
    pki_cert_parse(&other_cert, "sub_folded");
    assert_true(ra_name_equal(cert.issuer, other_cert.subject));
}

static void names_are_safe_to_print(void **state)
{
    uint8_t der[200];
    (void)state;
    static const struct {
        struct name name;
        const char *shown;
    } names[] = {
        {NAME(RA_DER_UTF8, "a\x1b[2Jb"), "CN=a\\1b[2Jb,C=DE"},
        {NAME(RA_DER_UTF8, "a\0b"), "CN=a\\00b,C=DE"},
        {NAME(RA_DER_UTF8, "a\x7f\xc2\x9b"), "CN=a\\7f\\c2\\9b,C=DE"},
        {NAME(RA_DER_UTF8, "\xe2\x80\x8e"
                           "a"),
         "CN=\\e2\\80\\8ea,C=DE"},
        {NAME(RA_DER_BMP, "\x20\x2e\0a"), "CN=\\e2\\80\\aea,C=DE"},
        {NAME(RA_DER_UTF8, "a\xff"), "CN=a\\ff,C=DE"},
        {NAME(RA_DER_UTF8, "\xc0\x80"), "CN=\\c0\\80,C=DE"},
        {NAME(RA_DER_UTF8, "\xed\xa0\x80"), "CN=\\ed\\a0\\80,C=DE"},
        {NAME(RA_DER_UTF8, "\xf4\x90\x80\x80"), "CN=\\f4\\90\\80\\80,C=DE"},
        {NAME(RA_DER_UTF8, "\xe2\x82\xac\xf0\x9f\x94\x91"), "CN=\xe2\x82\xac\xf0\x9f\x94\x91,C=DE"},
        {NAME(RA_DER_UTF8, "\xe2\x82"), "CN=\\e2\\82,C=DE"},
        {NAME(RA_DER_BMP, "\x20\xac\xd8\x3d\xdd\x11"), "CN=\xe2\x82\xac\xf0\x9f\x94\x91,C=DE"},
        {NAME(RA_DER_BMP, "\xd8\x3d\0a\x41"), "CN=\xef\xbf\xbd"
                                              "a\\41,C=DE"},
        {NAME(RA_DER_T61, "\xe4\x9b"), "CN=\xc3\xa4\\c2\\9b,C=DE"},
        {NAME(RA_DER_UNIVERSAL, "\0\1\xf5\x11\x7f\0\0\0"), "CN=\xf0\x9f\x94\x91\xef\xbf\xbd,C=DE"},
        {NAME(RA_DER_UTF8, " #a,b+c\"d\\e<f>g;h "),
         "CN=\\ #a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\ ,C=DE"},
        {NAME(RA_DER_UTF8, "#a"), "CN=\\#a,C=DE"},
        {NAME(RA_DER_UTF8, ""), "CN=,C=DE"},
        {NAME(RA_DER_OCTETS, "\1\2"), "CN=#04020102,C=DE"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ra_name_text(make_name(&names[i].name, der, sizeof der), text, sizeof text);
        assert_string_equal(text, names[i].shown);
    }
    ra_name_text((struct ra_span){NULL, 0}, text, sizeof text);
    assert_string_equal(text, "");
    ra_name_text((struct ra_span){(const uint8_t *)"\x30\x02\x31", 3}, text, sizeof text);
    assert_string_equal(text, "");
}

static void templates_compare(void **state)
{
    struct ra_cert a, b;
    (void)state;
    pki_cert_parse(&a, "agent");
    pki_cert_parse(&b, "encryption");
    assert_true(ra_cert_template_equal(&a, &a));
    assert_false(ra_cert_template_equal(&a, &b));
    pki_cert_parse(&b, "agent_ec");
    assert_false(ra_cert_template_equal(&a, &b));
    pki_cert_parse(&a, "odd");
    assert_true(ra_cert_template_equal(&a, &b));
    pki_cert_parse(&a, "sub");
    assert_false(ra_cert_template_equal(&a, &b));
    pki_cert_parse(&b, "root");
    assert_true(ra_cert_template_equal(&a, &b));
    /* another version of the same template */
    size_t size;
    size_t at = load("agent_ec", "\x02\x01\x64\x02\x01\x04", 6, &size);
    buf[at + 5] = 5;
    assert_int_equal(ra_cert_parse(&a, buf, size), RA_OK);
    pki_cert_parse(&b, "agent_ec");
    assert_true(ra_cert_template_equal(&a, &b));
}

/* --- damage ------------------------------------------------------------ */

static uint32_t seed = 7;
static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * n >> 32);
}

/* Each certificate cut at every length, and thousands damaged: never a read outside (the
 * sanitizer watches a copy of exact size at the end of buf), and what is accepted has its
 * fields inside. */
static void damaged(void **state)
{
    size_t n = 0;
    (void)state;
    while (pki_certs[n].name != NULL) {
        n++;
    }
    struct ra_span der = pki_cert_der("agent");
    for (size_t size = 0; size < der.size; size++) {
        uint8_t *p = buf + sizeof buf - size;
        memcpy(p, der.p, size);
        assert_int_not_equal(ra_cert_parse(&cert, p, size), RA_OK);
    }
    for (unsigned round = 0; round < 6000; round++) {
        const struct pki_cert *v = &pki_certs[dice((uint32_t)n)];
        uint8_t *p = buf + sizeof buf - v->size;
        memcpy(p, v->p, v->size);
        for (uint32_t k = 1 + dice(3); k > 0; k--) {
            p[dice((uint32_t)v->size)] = (uint8_t)dice(256);
        }
        struct ra_span all = {p, v->size};
        if (ra_cert_parse(&cert, p, v->size) == RA_OK) {
            assert_true(is_inside(cert.tbs, all) && is_inside(cert.serial, all) &&
                        is_inside(cert.template_id, all) && is_inside(cert.san, all) &&
                        is_inside(cert.akid, all) && is_inside(cert.sig, all));
        } else {
            assert_int_equal(cert.der.size, 0);
            cert.subject = all;
            cert.template_id = all;
        }
        ra_name_text(cert.subject, text, sizeof text);
        ra_name_common(cert.subject, text, sizeof text);
        ra_cert_template_name(&cert, text, sizeof text);
        ra_name_equal(cert.subject, cert.issuer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_openssl_reads_them),
        cmocka_unit_test(fields),
        cmocka_unit_test(the_odd_one),
        cmocka_unit_test(genuine_windows_certificate),
        cmocka_unit_test(breaches_are_refused),
        cmocka_unit_test(serials_and_issuer),
        cmocka_unit_test(names_compare_by_meaning),
        cmocka_unit_test(names_are_safe_to_print),
        cmocka_unit_test(templates_compare),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
