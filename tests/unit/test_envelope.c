/* EnvelopedData as openssl and other programs make it, opened; ours is opened by openssl in
 * tests/e2e (scep.py decrypts every request with the openssl command). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_cms.h"
#include "ra_envelope.h"
#include "scep_vectors.h"

static uint8_t buf[16384];
static struct ra_key key;
static struct ra_cert cert;
static struct ra_envelope e;

static void use(const char *cert_name, const char *key_name)
{
    struct ra_span der = scep_blob(cert_name);
    struct ra_span k = scep_blob(key_name);
    assert_int_equal(ra_cert_parse(&cert, der.p, der.size), RA_OK);
    assert_int_equal(ra_key_from_der(&key, k.p, k.size), RA_OK);
}

static ra_err open_copy(struct ra_span der, struct ra_span *content)
{
    memcpy(buf, der.p, der.size);
    ra_err err = ra_envelope_parse(&e, buf, der.size, sizeof buf, &cert);
    return err == RA_OK ? ra_envelope_open(&e, &key, pki_random(), content) : err;
}

static void by_openssl(void **state)
{
    static const struct {
        const char *name;
        enum ra_cipher cipher;
        enum ra_padding padding;
    } cases[] = {
        {"env_aes128", RA_CIPHER_AES_128, RA_PAD_PKCS1},
        {"env_aes256", RA_CIPHER_AES_256, RA_PAD_PKCS1},
        {"env_des3", RA_CIPHER_DES3, RA_PAD_PKCS1},
        {"env_des", RA_CIPHER_DES, RA_PAD_PKCS1},
        {"env_stream", RA_CIPHER_AES_128, RA_PAD_PKCS1},
        {"env_two", RA_CIPHER_AES_128, RA_PAD_PKCS1},
        {"env_oaep", RA_CIPHER_AES_128, RA_PAD_OAEP_SHA1},
        {"env_oaep256", RA_CIPHER_AES_128, RA_PAD_OAEP_SHA256},
    };
    struct ra_span text = scep_blob("text");
    (void)state;
    use("client_cert1", "client_key");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ra_span content;
        assert_int_equal(open_copy(scep_blob(cases[i].name), &content), RA_OK);
        assert_true(ra_span_equal(content, text));
        assert_int_equal(e.cipher, cases[i].cipher);
        assert_int_equal(e.padding, cases[i].padding);
    }
}

static void short_text(void **state)
{
    struct ra_span content;
    (void)state;
    use("client_cert1", "client_key");
    assert_int_equal(open_copy(scep_blob("env_short"), &content), RA_OK);
    assert_true(ra_span_equal(content, scep_blob("text_short")));
}

static void by_key_identifier(void **state)
{
    struct ra_span content;
    (void)state;
    use("keyed_cert", "client_key");
    assert_int_equal(open_copy(scep_blob("env_keyid"), &content), RA_OK);
    assert_true(ra_span_equal(content, scep_blob("text")));
    use("client_cert1", "client_key");
    assert_int_equal(open_copy(scep_blob("env_keyid"), &content), RA_E_CMS_RECIPIENT);
}

static void not_for_us(void **state)
{
    struct ra_span content;
    (void)state;
    use("client_cert3", "client_newkey");
    assert_int_equal(open_copy(scep_blob("env_aes128"), &content), RA_E_CMS_RECIPIENT);
    use("client_cert1", "client_key");
    assert_int_equal(open_copy(scep_blob("env_aes192"), &content), RA_E_CMS_ALGORITHM);
    assert_int_equal(open_copy(scep_blob("env_oaep_mixed"), &content), RA_E_CMS_ALGORITHM);
}

/* A wrong key, a changed key block and a changed content are told apart by nobody. */
static void no_oracle(void **state)
{
    struct ra_span content, der = scep_blob("env_aes128");
    (void)state;
    use("client_cert1", "client_newkey");
    assert_int_equal(open_copy(der, &content), RA_E_DECRYPT);
    assert_null(content.p);
    use("client_cert1", "client_key");
    memcpy(buf, der.p, der.size);
    assert_int_equal(ra_envelope_parse(&e, buf, der.size, sizeof buf, &cert), RA_OK);
    buf[e.key.p - buf + 9] ^= 1;
    assert_int_equal(ra_envelope_open(&e, &key, pki_random(), &content), RA_E_DECRYPT);
    memcpy(buf, der.p, der.size);
    assert_int_equal(ra_envelope_parse(&e, buf, der.size, sizeof buf, &cert), RA_OK);
    e.data[e.size - 17] ^= 1; /* flips a bit of the padding */
    assert_int_equal(ra_envelope_open(&e, &key, pki_random(), &content), RA_E_DECRYPT);
    memcpy(buf, der.p, der.size);
    assert_int_equal(ra_envelope_parse(&e, buf, der.size, sizeof buf, &cert), RA_OK);
    e.size -= 1;
    assert_int_equal(ra_envelope_open(&e, &key, pki_random(), &content), RA_E_DECRYPT);
    e.size = 0;
    assert_int_equal(ra_envelope_open(&e, &key, pki_random(), &content), RA_E_DECRYPT);
}

static void ours(void **state)
{
    static const enum ra_cipher ciphers[] = {RA_CIPHER_AES_128, RA_CIPHER_AES_256, RA_CIPHER_DES3};
    static uint8_t work[2048];
    struct ra_key public_key;
    struct ra_span text = scep_blob("text");
    (void)state;
    use("client_cert1", "client_key");
    for (size_t i = 0; i < 3; i++) {
        for (size_t size = 0; size <= 33; size++) {
            struct ra_span sealed, content;
            struct ra_span in = {text.p, size};
            assert_int_equal(ra_envelope_build(work, sizeof work, in, &cert, &public_key,
                                               ciphers[i], pki_random(), &sealed),
                             RA_OK);
            assert_ptr_equal(sealed.p + sealed.size, work + sizeof work);
            assert_int_equal(open_copy(sealed, &content), RA_OK);
            assert_true(ra_span_equal(content, in));
        }
    }
    struct ra_span sealed;
    assert_int_equal(ra_envelope_build(work, sizeof work, text, &cert, &public_key, RA_CIPHER_DES,
                                       pki_random(), &sealed),
                     RA_E_UNSUPPORTED);
    assert_int_equal(ra_envelope_build(work, 600, text, &cert, &public_key, RA_CIPHER_AES_128,
                                       pki_random(), &sealed),
                     RA_E_SPACE);
    assert_null(sealed.p);
    assert_int_equal(ra_envelope_build(work, 700, text, &cert, &public_key, RA_CIPHER_AES_128,
                                       pki_random(), &sealed),
                     RA_E_SPACE);
}

static uint32_t seed = 3;
static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * n >> 32);
}

/* Truncated or changed anywhere: an error or a content inside the buffer, never more. */
static void damaged(void **state)
{
    static const char *const names[] = {"env_aes128", "env_stream", "env_two", "env_oaep256",
                                        "env_des"};
    (void)state;
    use("client_cert1", "client_key");
    for (unsigned round = 0; round < 20000; round++) {
        struct ra_span in = scep_blob(names[round % 5]);
        size_t size = dice(3) == 0 ? dice((uint32_t)in.size) : in.size;
        size_t cap = size + dice(2) * RA_BER_SLACK;
        uint8_t *p = buf + sizeof buf - cap;
        memcpy(p, in.p, size);
        for (uint32_t k = dice(4); k > 0 && size > 0; k--) {
            p[dice((uint32_t)size)] = (uint8_t)dice(256);
        }
        if (ra_envelope_parse(&e, p, size, cap, &cert) == RA_OK && e.size != 0) {
            assert_true(e.data >= p && e.data + e.size <= p + cap);
            assert_true(e.key.p >= p && e.key.p + e.key.size <= p + cap);
        }
    }
}

/* Exchanges of others: the request opens with the CA's key, the reply with the signer's. */
static void recorded(void **state)
{
    static const struct {
        const char *message, *cert, *key;
        bool reply;
    } cases[] = {
        {"pkcsreq19", "ca_cert", "ca_key", false},
        {"renewalreq17_samekey", "ca_cert", "ca_key", false},
        {"renewalreq17_newkey_aes_sha256", "ca_cert", "ca_key", false},
        {"renewalreq17_wrong_challenge", "ca_cert", "ca_key", false},
        {"renewalreq17_samekey_certrep_success", "client_cert1", "client_key", true},
        {"renewalreq17_newkey_certrep_success", "client_cert2", "client_key", true},
        {"apple_pkcsreq19", "apple_ca", "apple_ca_key", false},
    };
    static uint8_t message[16384];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ra_cms_signed s;
        struct ra_span content, in = scep_blob(cases[i].message), certs[4];
        size_t n = 0;
        use(cases[i].cert, cases[i].key);
        memcpy(message, in.p, in.size);
        assert_int_equal(ra_cms_signed_parse(&s, message, in.size, sizeof message), RA_OK);
        assert_int_equal(open_copy(s.content, &content), RA_OK);
        if (cases[i].reply) {
            assert_int_equal(ra_cms_certs(buf + (content.p - buf), content.size,
                                          sizeof buf - (size_t)(content.p - buf), certs, 4, &n),
                             RA_OK);
            assert_int_equal(n, 1);
        } else {
            struct ra_csr csr;
            /* Apple's says version 2, which RFC 2986 does not have. */
            bool apple = strncmp(cases[i].message, "apple", 5) == 0;
            assert_int_equal(ra_csr_parse(&csr, content), apple ? RA_E_CSR_SYNTAX : RA_OK);
            if (!apple) {
                assert_int_equal(ra_csr_verify(&csr, &key), RA_OK);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_openssl),        cmocka_unit_test(short_text),
        cmocka_unit_test(by_key_identifier), cmocka_unit_test(not_for_us),
        cmocka_unit_test(no_oracle),         cmocka_unit_test(ours),
        cmocka_unit_test(damaged),           cmocka_unit_test(recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
