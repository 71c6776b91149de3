/* Messages and certificates with parts that the standards allow and hardly anybody writes, put into
 * genuine ones of openssl: they mean what they meant before. What goes too far is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "ra_cms.h"
#include "ra_csr.h"
#include "ra_envelope.h"
#include "scep_vectors.h"

/* clang-format off: CMake reads these lines */
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_hash,
      (enum ra_hash_alg a, const uint8_t *in, size_t n, uint8_t *out), (a, in, n, out))
/* clang-format on */

#define ROOM 16384u

static uint8_t edited[ROOM], buf[ROOM];
static struct ra_cert cert;
static struct ra_key key;

/* --- editing ---------------------------------------------------------------- */

static size_t put_head(uint8_t *to, uint8_t tag, size_t size)
{
    size_t n = 0;
    to[n++] = tag;
    if (size >= 0x100) {
        to[n++] = 0x82;
        to[n++] = (uint8_t)(size >> 8);
    } else if (size >= 0x80) {
        to[n++] = 0x81;
    }
    to[n++] = (uint8_t)size;
    return n;
}

/* The elements of `in` to `to`; where `path` leads, each number the place among its siblings from
 * 0, `part` stands before the element that was there, or in its place. */
static size_t edit(struct ra_span in, uint8_t *to, const char *path, struct ra_span part,
                   bool instead)
{
    struct ra_der d;
    unsigned at = 0;
    size_t n = 0;
    char *rest;
    unsigned wanted = 0;
    for (rest = (char *)(uintptr_t)path; *rest >= '0' && *rest <= '9'; rest++) {
        wanted = wanted * 10u + (unsigned)(*rest - '0');
    }
    ra_der_init(&d, in);
    for (bool more = ra_der_more(&d); more || at <= wanted; at++) {
        if (at == wanted && *rest == '\0') {
            memcpy(to + n, part.p, part.size);
            n += part.size;
        }
        if (!more) {
            break;
        }
        struct ra_der probe = d;
        uint8_t tag;
        struct ra_span value = ra_der_next(&d, &tag), whole = ra_der_any(&probe);
        assert_int_equal(d.err, RA_OK);
        if (at == wanted && *rest != '\0') {
            uint8_t *inner = to + n + 8;
            size_t size = edit(value, inner, rest + 1, part, instead);
            size_t head = put_head(to + n, tag, size);
            memmove(to + n + head, inner, size);
            n += head + size;
        } else if (at != wanted || !instead) {
            memcpy(to + n, whole.p, whole.size);
            n += whole.size;
        }
        more = ra_der_more(&d);
    }
    return n;
}

static struct ra_span insert(struct ra_span in, const char *path, const void *p, size_t size)
{
    static uint8_t before[ROOM];
    memcpy(before, in.p, in.size);
    struct ra_span out = {edited, edit((struct ra_span){before, in.size}, edited, path,
                                       (struct ra_span){p, size}, false)};
    assert_int_equal(out.size > in.size, 1);
    return out;
}

/* --- CMS --------------------------------------------------------------------- */

static struct ra_cms_signed s;

static ra_err verifies(struct ra_span in)
{
    memcpy(buf, in.p, in.size);
    ra_err e = ra_cms_signed_parse(&s, buf, in.size, sizeof buf);
    assert_int_equal(e, RA_OK);
    pki_cert_parse(&cert, "agent_ec");
    assert_true(ra_cms_signed_by(&s, &cert));
    assert_int_equal(ra_key_from_spki(&key, cert.spki.p, cert.spki.size), RA_OK);
    return ra_cms_signed_verify(&s, &key);
}

/* Unsigned attributes stand behind the signature and mean nothing to us [RFC 5652 5.3]. */
static void unsigned_attributes(void **state)
{
    static const uint8_t attributes[] = {0xa1, 0x09, 0x30, 0x07, 0x06, 0x01,
                                         0x2a, 0x31, 0x02, 0x05, 0x00};
    (void)state;
    assert_int_equal(verifies(pki_blob("signed_ec")), RA_OK);
    assert_int_equal(
        verifies(insert(pki_blob("signed_ec"), "0.1.0.4.0.5", attributes, sizeof attributes)),
        RA_OK);
    assert_memory_equal(s.content.p, "signed content\n", 15);
}

/* id-ecPublicKey in place of ecdsa-with-SHA256, as some write it: the hash is named beside it. An
 * algorithm that nobody knows does not verify. */
static void the_signature_named_by_its_key(void **state)
{
    static const uint8_t ec[] = {0x30, 0x09, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    static const uint8_t other[] = {0x30, 0x03, 0x06, 0x01, 0x2a};
    (void)state;
    for (unsigned i = 0; i < 2u; i++) {
        struct ra_span out = {edited, edit(pki_blob("signed_ec"), edited, "0.1.0.4.0.3",
                                           i == 0 ? (struct ra_span){ec, sizeof ec}
                                                  : (struct ra_span){other, sizeof other},
                                           true)};
        if (i == 0) {
            assert_int_equal(verifies(out), RA_OK);
            s.sig_rsa = true; /* and not with a key of another kind */
            assert_int_equal(ra_cms_signed_verify(&s, &key), RA_E_SIGNATURE);
        } else {
            assert_int_not_equal(verifies(out), RA_OK);
        }
    }
}

/* Every size of the buffer from none to what is needed: no room is said, and nothing comes out. */
static void signed_messages_and_no_room(void **state)
{
    static uint8_t content[700];
    struct ra_span out, in = {content, sizeof content};
    (void)state;
    pki_cert_parse(&cert, "agent_ec");
    pki_key(&key, "agent_ec");
    memset(content, 0x5c, sizeof content);
    assert_int_equal(
        ra_cms_signed_build(buf, sizeof buf, in, &cert, &key, NULL, RA_HASH_SHA256, NULL, 0, &out),
        RA_OK);
    size_t need = out.size;
    for (size_t cap = RA_SIGNATURE_MAX; cap < need + 2000u; cap += 41u) {
        ra_err e =
            ra_cms_signed_build(buf, cap, in, &cert, &key, NULL, RA_HASH_SHA256, NULL, 0, &out);
        if (e == RA_OK) {
            assert_int_equal(out.size, need);
            memcpy(edited, out.p, need);
            assert_int_equal(verifies((struct ra_span){edited, need}), RA_OK);
            assert_true(ra_span_equal(s.content, in));
            pki_key(&key, "agent_ec");
        } else {
            assert_int_equal(e, RA_E_SPACE);
            assert_int_equal(out.size, 0);
        }
    }
    /* Attributes beyond their room, too. */
    struct ra_span large = {content, 500};
    assert_int_equal(ra_cms_signed_build(buf, sizeof buf, in, &cert, &key, NULL, RA_HASH_SHA256,
                                         &large, 1, &out),
                     RA_E_SPACE);
}

/* --- envelopes ---------------------------------------------------------------- */

static ra_err opens(struct ra_span in)
{
    static struct ra_envelope e;
    struct ra_span content, der = scep_blob("client_cert1"), k = scep_blob("client_key");
    memcpy(buf, in.p, in.size);
    assert_int_equal(ra_cert_parse(&cert, der.p, der.size), RA_OK);
    ra_err err = ra_envelope_parse(&e, buf, in.size, sizeof buf, &cert);
    if (err != RA_OK) {
        return err;
    }
    assert_int_equal(ra_key_from_der(&key, k.p, k.size), RA_OK);
    err = ra_envelope_open(&e, &key, pki_random(), &content);
    assert_true(err != RA_OK || ra_span_equal(content, scep_blob("text")));
    return err;
}

/* originatorInfo before the recipients, unprotectedAttrs at the end [RFC 5652 6.1]. */
static void envelopes_with_every_part(void **state)
{
    static const uint8_t originator[] = {0xa0, 0x02, 0xa0, 0x00};
    static const uint8_t attributes[] = {0xa1, 0x09, 0x30, 0x07, 0x06, 0x01,
                                         0x2a, 0x31, 0x02, 0x05, 0x00};
    (void)state;
    struct ra_span in = scep_blob("env_aes128");
    assert_int_equal(opens(in), RA_OK);
    struct ra_span out = insert(in, "0.1.0.1", originator, sizeof originator);
    assert_int_equal(opens(out), RA_OK);
    out = insert(out, "0.1.0.4", attributes, sizeof attributes);
    assert_int_equal(opens(out), RA_OK);
}

/* The label of OAEP: the empty one is the default and may be written; we know no other. */
static void labels_of_oaep(void **state)
{
    static const uint8_t empty[] = {0xa2, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
                                    0x86, 0xf7, 0x0d, 0x01, 0x01, 0x09, 0x04, 0x00};
    static const uint8_t label[] = {0xa2, 0x10, 0x30, 0x0e, 0x06, 0x09, 0x2a, 0x86, 0x48,
                                    0x86, 0xf7, 0x0d, 0x01, 0x01, 0x09, 0x04, 0x01, 0x41};
    static const uint8_t source[] = {0xa2, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
                                     0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x04, 0x00};
    struct ra_span in = scep_blob("env_oaep256");
    (void)state;
    assert_int_equal(opens(insert(in, "0.1.0.1.0.2.1.2", empty, sizeof empty)), RA_OK);
    assert_int_equal(opens(insert(in, "0.1.0.1.0.2.1.2", label, sizeof label)), RA_E_CMS_ALGORITHM);
    assert_int_equal(opens(insert(in, "0.1.0.1.0.2.1.2", source, sizeof source)),
                     RA_E_CMS_ALGORITHM);
}

static void envelopes_and_no_room(void **state)
{
    struct ra_span out, der = scep_blob("client_cert1"), text = scep_blob("text");
    static struct ra_key work;
    (void)state;
    assert_int_equal(ra_cert_parse(&cert, der.p, der.size), RA_OK);
    static const enum ra_cipher ciphers[] = {RA_CIPHER_AES_128, RA_CIPHER_AES_256, RA_CIPHER_DES3};
    for (unsigned i = 0; i < 3u; i++) {
        size_t caps[] = {0, text.size - 1u, text.size, text.size + 1u, text.size + 40u};
        for (unsigned c = 0; c < 5u; c++) {
            assert_int_equal(
                ra_envelope_build(buf, caps[c], text, &cert, &work, ciphers[i], pki_random(), &out),
                RA_E_SPACE);
            assert_int_equal(out.size, 0);
        }
        assert_int_equal(ra_envelope_build(edited, sizeof edited, text, &cert, &work, ciphers[i],
                                           pki_random(), &out),
                         RA_OK);
        assert_int_equal(opens(out), RA_OK);
    }
    assert_int_equal(ra_envelope_build(buf, sizeof buf, text, &cert, &work, (enum ra_cipher)99,
                                       pki_random(), &out),
                     RA_E_UNSUPPORTED);
}

/* --- certificates ----------------------------------------------------------------- */

/* issuerUniqueID and subjectUniqueID [RFC 5280 4.1.2.8], of versions 2 and 3 alone. */
static void unique_identifiers(void **state)
{
    static const uint8_t issuer[] = {0x81, 0x02, 0x00, 0x55}, subject[] = {0x82, 0x02, 0x00, 0x66};
    struct ra_cert plain;
    (void)state;
    pki_cert_parse(&plain, "agent");
    struct ra_span out = insert(pki_cert_der("agent"), "0.0.7", issuer, sizeof issuer);
    out = insert(out, "0.0.8", subject, sizeof subject);
    assert_int_equal(ra_cert_parse(&cert, out.p, out.size), RA_OK);
    assert_int_equal(cert.not_after, plain.not_after);
    assert_int_equal(cert.eku_count, plain.eku_count);
    assert_int_equal(cert.version, 3);
    out = insert(pki_cert_der("root_v1"), "0.0.6", issuer, sizeof issuer);
    assert_int_not_equal(ra_cert_parse(&cert, out.p, out.size), RA_OK);
}

static void many_extensions(void **state)
{
    uint8_t extension[] = {0x30, 0x0a, 0x06, 0x04, 0x2b, 0x06, 0x7f, 0x00, 0x04, 0x02, 0x05, 0x00};
    struct ra_span out = pki_cert_der("agent");
    unsigned added = 0;
    ra_err e;
    (void)state;
    /* How many it has. */
    struct ra_der d;
    unsigned n = 0;
    pki_cert_parse(&cert, "agent");
    do {
        extension[7] = (uint8_t)++added;
        out = insert(out, "0.0.7.0.0", extension, sizeof extension);
        e = ra_cert_parse(&cert, out.p, out.size);
    } while (e == RA_OK);
    assert_int_equal(e, RA_E_LIMIT);
    struct ra_der walk;
    ra_der_init(&d, out);
    ra_der_init(&walk, ra_der_read(&d, RA_DER_SEQUENCE));
    ra_der_init(&d, ra_der_read(&walk, RA_DER_SEQUENCE));
    for (unsigned i = 0; i < 7u; i++) {
        ra_der_any(&d);
    }
    ra_der_init(&walk, ra_der_read(&d, RA_DER_CONTEXT_CONSTRUCTED(3)));
    ra_der_init(&d, ra_der_read(&walk, RA_DER_SEQUENCE));
    while (ra_der_more(&d)) {
        ra_der_any(&d);
        n++;
    }
    assert_int_equal(n, RA_CERT_EXTENSIONS_MAX + 1);
}

/* A name whose attribute has no value: what is there is printed, and no more. */
static void a_name_with_nothing_in_it(void **state)
{
    static const uint8_t name[] = {0x30, 0x13, 0x31, 0x0a, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03,
                                   0x0c, 0x01, 'a',  0x31, 0x05, 0x30, 0x03, 0x06, 0x01, 0x2a};
    struct ra_span span = {name, sizeof name};
    char text[40];
    (void)state;
    ra_name_text(span, text, sizeof text);
    assert_string_equal(text, "CN=a");
    ra_name_common(span, text, sizeof text);
    assert_string_equal(text, "a");
}

/* --- the rest ---------------------------------------------------------------------- */

/* 64 KiB are looked at, however large the buffer is. */
static void a_large_buffer_for_ber(void **state)
{
    static uint8_t large[70000], small[ROOM];
    struct ra_span in = pki_blob("signed_ber");
    size_t size, same;
    (void)state;
    memset(large, 0xee, sizeof large);
    memcpy(large, in.p, in.size);
    memcpy(small, in.p, in.size);
    assert_int_equal(ra_ber_to_der(large, in.size, sizeof large, &size), RA_OK);
    assert_int_equal(ra_ber_to_der(small, in.size, sizeof small, &same), RA_OK);
    assert_int_equal(size, same);
    assert_memory_equal(large, small, size);
    for (size_t i = 65535; i < sizeof large; i++) {
        assert_int_equal(large[i], 0xee);
    }
}

static void a_hash_that_fails(void **state)
{
    static struct ra_csr csr;
    struct ra_span in = pki_blob("ms_request_inner");
    (void)state;
    assert_int_equal(ra_csr_parse(&csr, in), RA_OK);
    fault_forget();
    fault_armed = true;
    assert_int_equal(ra_csr_verify(&csr, &key), RA_E_CRYPTO_INTERNAL);
    assert_int_equal(ra_csr_verify(&csr, &key), RA_OK);
    csr.sig_hash = RA_HASH_NONE;
    assert_int_equal(ra_csr_verify(&csr, &key), RA_E_SIGNATURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_attributes),
        cmocka_unit_test(the_signature_named_by_its_key),
        cmocka_unit_test(signed_messages_and_no_room),
        cmocka_unit_test(envelopes_with_every_part),
        cmocka_unit_test(labels_of_oaep),
        cmocka_unit_test(envelopes_and_no_room),
        cmocka_unit_test(unique_identifiers),
        cmocka_unit_test(many_extensions),
        cmocka_unit_test(a_name_with_nothing_in_it),
        cmocka_unit_test(a_large_buffer_for_ber),
        cmocka_unit_test(a_hash_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
