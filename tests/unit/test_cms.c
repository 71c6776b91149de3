/* CMS: the genuine Windows renewal and ours side by side, openssl's messages in DER and BER, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pki_vectors.h"
#include "ra_cms.h"
#include "ra_pem.h"

static uint8_t buf[RA_REQUEST_MAX];
static uint8_t scratch[8192];
static struct ra_key key, old_key;
static struct ra_cert cert;
static struct ra_cms_signed s;

static ra_err parse(struct ra_span in)
{
    memcpy(scratch, in.p, in.size);
    return ra_cms_signed_parse(&s, scratch, in.size, sizeof scratch);
}

static struct ra_span renewal(const char *old, const char *old_name, const char *new_name)
{
    static uint8_t spki[RA_SPKI_MAX];
    size_t size;
    struct ra_span tbs, csr, out;
    struct ra_random *random = pki_random();
    pki_cert_parse(&cert, old);
    pki_key(&old_key, old_name);
    pki_key(&key, new_name);
    assert_int_equal(ra_key_spki(&key, spki, sizeof spki, &size), RA_OK);
    struct ra_csr_input in = {.subject = cert.subject, .spki = {spki, size}, .old = &cert};
    assert_int_equal(ra_csr_begin(&in, buf, sizeof buf, &tbs), RA_OK);
    assert_int_equal(ra_csr_sign(buf, sizeof buf, tbs, &key, random, RA_HASH_SHA256, &csr), RA_OK);
    assert_int_equal(
        ra_cms_renewal_build(buf, sizeof buf, csr, &cert, &old_key, random, RA_HASH_SHA256, &out),
        RA_OK);
    assert_ptr_equal(out.p + out.size, buf + sizeof buf);
    return out;
}

/* --- shape ------------------------------------------------------------- */

/* The structure as text: tags in order, OIDs and small INTEGERs with their contents, nesting in
 * brackets. A certificate is taken as one element "C", an attribute of the PKCS#10 is left out. */
static char shape_a[2000], shape_b[2000];

static void shape(struct ra_span der, const uint8_t *stop_p, char *out)
{
    struct ra_der stack[RA_DER_DEPTH_MAX];
    unsigned depth = 0;
    ra_der_init(&stack[0], der);
    for (;;) {
        if (!ra_der_more(&stack[depth])) {
            assert_int_equal(stack[depth].err, RA_OK);
            if (depth == 0) {
                break;
            }
            depth--;
            *out++ = ']';
            continue;
        }
        struct ra_der probe = stack[depth];
        uint8_t tag;
        struct ra_span value = ra_der_next(&stack[depth], &tag);
        struct ra_span whole = ra_der_any(&probe);
        *out++ = ' ';
        if (ra_span_equal(whole, cert.der)) {
            *out++ = 'C';
        } else if (ra_span_equal(whole, cert.issuer)) {
            *out++ = 'I';
        } else {
            pki_hex(&tag, 1, out);
            out += 2;
            if (tag == RA_DER_OID || (tag == RA_DER_INTEGER && value.size == 1)) {
                *out++ = '=';
                pki_hex(value.p, value.size, out);
                out += 2 * value.size;
            } else if ((tag & 0x20) != 0 && whole.p != stop_p) {
                *out++ = '[';
                ra_der_init(&stack[++depth], value);
            }
        }
    }
    *out = 0;
}

/* Put the Windows message's SHA-1 where ours has SHA-256. */
static void replace(char *text, const char *from, const char *to)
{
    char *at;
    while ((at = strstr(text, from)) != NULL) {
        memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
        for (size_t i = 0; to[i] != 0; i++) {
            at[i] = to[i];
        }
    }
}

static void same_shape_as_windows(void **state)
{
    (void)state;
    struct ra_span windows = pki_blob("ms_request"), windows_cert = pki_blob("ms_old_cert");
    assert_int_equal(ra_cert_parse(&cert, windows_cert.p, windows_cert.size), RA_OK);
    shape(windows, NULL, shape_a);
    struct ra_span ours = renewal("agent", "agent", "agent_new");
    shape(ours, NULL, shape_b);
    replace(shape_a, "06=2b0e03021a", "06=608648016503040201");
    assert_string_equal(shape_a, shape_b);
    /* ... and this is that shape, from the specification */
    assert_string_equal(shape_b, " 30[ 06=2a864886f70d010702 a0[ 30[ 02=01"
                                 " 31[ 30[ 06=608648016503040201 05]]"
                                 " 30[ 06=2a864886f70d010701 a0[ 04]]"
                                 " a0[ C]"
                                 " 31[ 30[ 02=01 30[ I 02] 30[ 06=608648016503040201 05]"
                                 " 30[ 06=2a864886f70d010101 05] 04]]]]]");
    /* the PKCS#10 inside: what remains of the Windows one without its own attributes and S/MIME
     * capabilities is test_csr's; here the frame around the attributes */
    assert_int_equal(parse(windows), RA_OK);
    struct ra_csr csr;
    assert_int_equal(ra_csr_parse(&csr, s.content), RA_OK);
    assert_int_equal(ra_cert_parse(&cert, windows_cert.p, windows_cert.size), RA_OK);
    shape(s.content, csr.attributes.p - 4, shape_a);
    replace(shape_a, "2a864886f70d010105", "2a864886f70d01010b");
    assert_int_equal(parse(ours), RA_OK);
    assert_int_equal(ra_csr_parse(&csr, s.content), RA_OK);
    pki_cert_parse(&cert, "agent");
    shape(s.content, csr.attributes.p - 4, shape_b);
    assert_memory_equal(shape_a, " 30[ 30[ 02=00 30[", 18);
    assert_memory_equal(shape_b, " 30[ 30[ 02=00 30[", 18);
    const char *tail_a = strstr(shape_a, "] 30[ 30[ 06=2a864886f70d010101");
    const char *tail_b = strstr(shape_b, "] 30[ 30[ 06=2a864886f70d010101");
    assert_non_null(tail_a);
    assert_non_null(tail_b);
    assert_string_equal(tail_a, tail_b);
    assert_string_equal(tail_b, "] 30[ 30[ 06=2a864886f70d010101 05] 03] a0]"
                                " 30[ 06=2a864886f70d01010b 05] 03]");
}

/* --- the genuine messages ---------------------------------------------- */

static void windows_request_verifies(void **state)
{
    (void)state;
    struct ra_span der = pki_blob("ms_request"), inner = pki_blob("ms_request_inner");
    struct ra_span old = pki_blob("ms_old_cert");
    assert_int_equal(ra_cert_parse(&cert, old.p, old.size), RA_OK);
    assert_int_equal(parse(der), RA_OK);
    assert_int_equal(s.version, 1);
    assert_int_equal(s.signers, 1);
    assert_true(ra_span_equal(s.content, inner));
    assert_true(ra_span_equal(s.certs, old));
    assert_null(s.signed_attrs.p);
    assert_int_equal(s.hash, RA_HASH_SHA1);
    assert_true(s.sig_rsa && s.sig_known);
    assert_true(ra_cms_signed_by(&s, &cert));
    assert_int_equal(ra_key_from_spki(&key, cert.spki.p, cert.spki.size), RA_OK);
    assert_int_equal(ra_cms_signed_verify(&s, &key), RA_OK);
    struct ra_csr csr;
    assert_int_equal(ra_csr_parse(&csr, s.content), RA_OK);
    assert_int_equal(ra_csr_verify(&csr, &key), RA_OK);
    /* the new key did not sign the outside */
    assert_int_equal(ra_key_from_spki(&key, csr.spki.p, csr.spki.size), RA_OK);
    assert_int_equal(ra_cms_signed_verify(&s, &key), RA_E_SIGNATURE);
}

static void windows_answer_holds_three(void **state)
{
    struct ra_span certs[6];
    size_t n;
    char text[100];
    (void)state;
    struct ra_span der = pki_blob("ms_response");
    memcpy(scratch, der.p, der.size);
    assert_int_equal(ra_cms_certs(scratch, der.size, der.size, certs, 6, &n), RA_OK);
    assert_int_equal(n, 3);
    struct ra_csr csr;
    assert_int_equal(ra_csr_parse(&csr, pki_blob("ms_request_inner")), RA_OK);
    unsigned found = 0;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ra_cert_parse(&cert, certs[i].p, certs[i].size), RA_OK);
        if (ra_span_equal(cert.spki,
                          csr.spki)) { /* the new certificate carries the request's key */
            ra_cert_serial_text(&cert, text, sizeof text);
            assert_string_equal(text, "18d9ec8e00000000003f");
            found++;
        }
    }
    assert_int_equal(found, 1);
}

/* --- ours -------------------------------------------------------------- */

static void our_renewals_verify(void **state)
{
    (void)state;
    static const struct {
        const char *cert, *old_key, *new_key;
    } cases[] = {
        {"agent", "agent", "agent_new"},
        {"encryption", "agent", "agent_new"}, /* its key usage is not asked */
        {"agent_ec", "agent_ec", "agent_ec_new"},
        {"agent_ec384", "agent_ec384", "agent_ec_new"},
        {"agent", "agent", "agent_ec_new"},
        {"agent_ec", "agent_ec", "agent_new"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ra_span der = renewal(cases[i].cert, cases[i].old_key, cases[i].new_key), value;
        assert_int_equal(ra_der_check(der), RA_OK);
        assert_int_equal(parse(der), RA_OK);
        assert_int_equal(s.version, 1);
        assert_int_equal(s.signers, 1);
        assert_int_equal(s.hash, RA_HASH_SHA256);
        assert_null(s.signed_attrs.p);
        assert_true(ra_span_equal(s.certs, cert.der));
        assert_true(ra_cms_signed_by(&s, &cert));
        struct ra_key work;
        assert_int_equal(ra_key_from_spki(&work, cert.spki.p, cert.spki.size), RA_OK);
        assert_int_equal(ra_cms_signed_verify(&s, &work), RA_OK);
        struct ra_csr csr;
        assert_int_equal(ra_csr_parse(&csr, s.content), RA_OK);
        assert_int_equal(ra_csr_verify(&csr, &work), RA_OK);
        assert_int_equal(ra_csr_attribute(&csr, RA_OID_MS_RENEWAL_CERT, &value), RA_OK);
        assert_true(ra_span_equal(value, cert.der));
    }
}

static void request_from_elsewhere_and_no_room(void **state)
{
    struct ra_span out, inner = pki_blob("ms_request_inner");
    (void)state;
    pki_cert_parse(&cert, "agent_ec");
    pki_key(&old_key, "agent_ec");
    assert_int_equal(
        ra_cms_renewal_build(buf, sizeof buf, inner, &cert, &old_key, NULL, RA_HASH_SHA256, &out),
        RA_OK);
    assert_int_equal(parse(out), RA_OK);
    assert_true(ra_span_equal(s.content, inner));
    size_t need = out.size;
    for (size_t cap = 0; cap < need; cap += 101) {
        assert_int_equal(ra_cms_renewal_build(buf + sizeof buf - cap, cap, inner, &cert, &old_key,
                                              NULL, RA_HASH_SHA256, &out),
                         RA_E_SPACE);
        assert_int_equal(out.size, 0);
    }
    assert_int_equal(ra_cms_renewal_build(buf + sizeof buf - need, need, inner, &cert, &old_key,
                                          NULL, RA_HASH_SHA256, &out),
                     RA_OK);
    /* a public key does not sign */
    assert_int_equal(ra_key_from_spki(&old_key, cert.spki.p, cert.spki.size), RA_OK);
    assert_int_equal(
        ra_cms_renewal_build(buf, sizeof buf, inner, &cert, &old_key, NULL, RA_HASH_SHA256, &out),
        RA_E_KEY_PRIVATE);
}

/* --- certificates ------------------------------------------------------ */

static void certificates_in_every_wrapping(void **state)
{
    static const char *const names[] = {"certs_only", "certs_only_ber", "certs_only_pem"};
    struct ra_span certs[4];
    size_t n, size;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ra_span in = pki_blob(names[i]);
        assert_int_equal(ra_pem_to_der(in.p, in.size, scratch, sizeof scratch, &size), RA_OK);
        assert_int_equal(ra_cms_certs(scratch, size, sizeof scratch, certs, 4, &n), RA_OK);
        assert_int_equal(n, 3);
        assert_true(ra_span_equal(certs[0], pki_cert_der("agent")));
        assert_true(ra_span_equal(certs[1], pki_cert_der("root")));
        assert_true(ra_span_equal(certs[2], pki_cert_der("sub")));
        assert_int_equal(ra_cms_certs(scratch, size, sizeof scratch, certs, 2, &n),
                         RA_E_CMS_TOO_MANY);
    }
    struct ra_span in = pki_cert_der("agent");
    memcpy(scratch, in.p, in.size);
    assert_int_equal(ra_cms_certs(scratch, in.size, in.size, certs, 4, &n), RA_OK);
    assert_int_equal(n, 1);
    assert_true(ra_span_equal(certs[0], in));
    /* BER without room to be rewritten */
    in = pki_blob("certs_only_ber");
    memcpy(scratch, in.p, in.size);
    assert_int_equal(ra_cms_certs(scratch, in.size, in.size, certs, 4, &n), RA_E_SPACE);
}

/* Ours is what openssl crl2pkcs7 made of the same three. */
static void certificates_alone_as_openssl_writes_them(void **state)
{
    static const char *const names[] = {"sub", "root", "agent"};
    struct ra_span theirs = pki_blob("certs_only");
    (void)state;
    for (size_t cap = theirs.size - 8; cap <= theirs.size; cap++) {
        struct ra_der_put w;
        ra_der_put_init(&w, scratch, cap);
        ra_cms_certs_begin(&w);
        for (size_t i = 0; i < 3; i++) {
            ra_der_put_raw(&w, pki_cert_der(names[i]));
        }
        ra_cms_certs_end(&w);
        assert_int_equal(w.err, cap < theirs.size ? RA_E_SPACE : RA_OK);
        assert_int_equal(ra_span_equal(ra_der_put_span(&w), theirs), cap == theirs.size);
    }
}

static void no_certificates(void **state)
{
    struct ra_span certs[4];
    size_t n;
    (void)state;
    /* SignedData without any; with an attribute certificate choice only; EnvelopedData; rubbish */
    static const uint8_t none[] = {0x30, 0x25, 6,    9,    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                   1,    7,    2,    0xa0, 0x18, 0x30, 0x16, 2,    1,    1,
                                   0x31, 0,    0x30, 0x0b, 6,    9,    0x2a, 0x86, 0x48, 0x86,
                                   0xf7, 0x0d, 1,    7,    1,    0xa0, 0,    0x31, 0};
    memcpy(scratch, none, sizeof none);
    assert_int_equal(ra_cms_certs(scratch, sizeof none, sizeof scratch, certs, 4, &n),
                     RA_E_CMS_NO_CERT);
    scratch[12] = 3;
    assert_int_equal(ra_cms_certs(scratch, sizeof none, sizeof scratch, certs, 4, &n),
                     RA_E_CMS_SYNTAX);
    memcpy(scratch, "<html>", sizeof "<html>");
    assert_int_not_equal(ra_cms_certs(scratch, 6, sizeof scratch, certs, 4, &n), RA_OK);
    assert_int_not_equal(ra_cms_certs(scratch, 0, sizeof scratch, certs, 4, &n), RA_OK);
    assert_int_equal(n, 0);
}

/* --- messages of openssl cms -sign ------------------------------------- */

static void openssl_messages_verify(void **state)
{
    static const char *const names[] = {"signed_attributes", "signed_stream", "signed_ber",
                                        "signed_ec", "signed_by_key_id"};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct ra_span in = pki_blob(names[i]);
        assert_int_equal(parse(in), RA_OK);
        assert_int_equal(s.content.size, 15);
        assert_memory_equal(s.content.p, "signed content\n", 15);
        pki_cert_parse(&cert, i < 3 ? "agent" : "agent_ec");
        assert_true(ra_cms_signed_by(&s, &cert));
        assert_int_equal(s.signer_skid.size, i == 4 ? 20 : 0);
        assert_true((s.signed_attrs.p != NULL) == (i != 3));
        assert_int_equal(ra_key_from_spki(&key, cert.spki.p, cert.spki.size), RA_OK);
        assert_int_equal(ra_cms_signed_verify(&s, &key), RA_OK);
        /* other content, no content, other certificate, other key */
        struct ra_cms_signed other = s;
        other.content.size--;
        assert_int_equal(ra_cms_signed_verify(&other, &key), RA_E_SIGNATURE);
        other.content = (struct ra_span){NULL, 0};
        assert_int_equal(ra_cms_signed_verify(&other, &key), RA_E_SIGNATURE);
        if (s.signed_attrs.p != NULL) {
            other = s;
            other.content_type = ra_oid_value(RA_OID_SIGNED_DATA);
            assert_int_equal(ra_cms_signed_verify(&other, &key), RA_E_SIGNATURE);
            other = s;
            other.signed_attrs.p = NULL;
            assert_int_equal(ra_cms_signed_verify(&other, &key), RA_E_SIGNATURE);
            struct ra_span value;
            assert_int_equal(ra_cms_signed_attr(&s, ra_oid_value(RA_OID_DATA), &value),
                             RA_E_NOT_FOUND);
            assert_int_equal(ra_cms_signed_attr(&s, ra_oid_value(RA_OID_MESSAGE_DIGEST), &value),
                             RA_OK);
            assert_int_equal(value.size, 34);
        }
        pki_cert_parse(&cert, i < 3 ? "encryption" : "agent");
        assert_false(ra_cms_signed_by(&s, &cert));
        pki_key(&key, i < 3 ? "agent_new" : "agent_ec_new");
        assert_int_equal(ra_cms_signed_verify(&s, &key), RA_E_SIGNATURE);
        pki_key(&key, i < 3 ? "agent_ec" : "agent");
        assert_int_equal(ra_cms_signed_verify(&s, &key), RA_E_SIGNATURE);
    }
}

/* A message without signers says nothing, whatever its content is. */
static void no_signer_no_trust(void **state)
{
    (void)state;
    assert_int_equal(parse(pki_blob("certs_only")), RA_OK);
    assert_int_equal(s.signers, 0);
    pki_cert_parse(&cert, "agent");
    assert_false(ra_cms_signed_by(&s, &cert));
    assert_int_equal(ra_key_from_spki(&key, cert.spki.p, cert.spki.size), RA_OK);
    assert_int_equal(ra_cms_signed_verify(&s, &key), RA_E_SIGNATURE);
}

/* --- damage ------------------------------------------------------------ */

static uint32_t seed = 11;
static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * n >> 32);
}

static void damaged(void **state)
{
    static const char *const names[] = {"ms_request",     "ms_response",    "certs_only",
                                        "certs_only_ber", "certs_only_pem", "signed_attributes",
                                        "signed_stream",  "signed_ber",     "signed_by_key_id"};
    (void)state;
    for (unsigned round = 0; round < 9000; round++) {
        struct ra_span in = pki_blob(names[round % 9]), certs[4], value;
        size_t size = in.size, n;
        if (dice(4) == 0) {
            size = dice((uint32_t)size);
        }
        size_t cap = size + dice(2) * RA_BER_SLACK;
        uint8_t *p = scratch + sizeof scratch - cap;
        memcpy(p, in.p, size);
        for (uint32_t k = dice(4); k > 0 && size > 0; k--) {
            p[dice(3) == 0 && size > 150 ? dice(150) : dice((uint32_t)size)] = (uint8_t)dice(256);
        }
        if (ra_pem_to_der(p, size, p, cap, &size) != RA_OK) {
            continue;
        }
        if (dice(2) == 0) {
            if (ra_cms_certs(p, size, cap, certs, 4, &n) == RA_OK) {
                assert_in_range(n, 1, 4);
                for (size_t i = 0; i < n; i++) {
                    assert_true(certs[i].p >= p && certs[i].p + certs[i].size <= p + cap);
                    ra_cert_parse(&cert, certs[i].p, certs[i].size);
                }
            }
        } else if (ra_cms_signed_parse(&s, p, size, cap) == RA_OK) {
            struct ra_csr csr;
            ra_csr_parse(&csr, s.content);
            ra_cms_signed_by(&s, &cert);
            ra_cms_signed_attr(&s, ra_oid_value(RA_OID_MESSAGE_DIGEST), &value);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_shape_as_windows),
        cmocka_unit_test(windows_request_verifies),
        cmocka_unit_test(windows_answer_holds_three),
        cmocka_unit_test(our_renewals_verify),
        cmocka_unit_test(request_from_elsewhere_and_no_room),
        cmocka_unit_test(certificates_in_every_wrapping),
        cmocka_unit_test(certificates_alone_as_openssl_writes_them),
        cmocka_unit_test(no_certificates),
        cmocka_unit_test(openssl_messages_verify),
        cmocka_unit_test(no_signer_no_trust),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
