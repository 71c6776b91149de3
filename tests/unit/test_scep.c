/* SCEP's parts: capabilities, the choice of certificates, messages and replies. Replies and
 * requests of other programs come from scep_vectors.h. The conversation as a whole is run by
 * tests/e2e/scep_*.py against a server made with the openssl command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_ca_internal.h"
#include "ra_scep.h"
#include "ra_scep_ca.h"
#include "ra_scep_message.h"
#include "ra_selfsigned.h"
#include "scep_vectors.h"
#include "world_vectors.h"

static uint8_t buf[16384];
static struct ra_key key;
static struct ra_cert cert;
static struct ra_cms_signed s;

static uint16_t caps_of(const char *text)
{
    return ra_scep_caps_read((const uint8_t *)text, strlen(text));
}

static void capabilities(void **state)
{
    static char long_list[RA_SCEP_CAPS_MAX + 2];
    struct ra_span real = scep_blob("cacaps");
    (void)state;
    assert_int_equal(ra_scep_caps_read(real.p, real.size),
                     RA_SCEP_CAP_KNOWN | RA_SCEP_CAP_RENEWAL | RA_SCEP_CAP_SHA1 |
                         RA_SCEP_CAP_SHA256 | RA_SCEP_CAP_AES | RA_SCEP_CAP_DES3 |
                         RA_SCEP_CAP_POST);
    assert_int_equal(caps_of(""), 0);
    assert_int_equal(caps_of("aes"), RA_SCEP_CAP_KNOWN | RA_SCEP_CAP_AES);
    assert_int_equal(caps_of("AES\r\n\r\nsha-512 \r\n"),
                     RA_SCEP_CAP_KNOWN | RA_SCEP_CAP_AES | RA_SCEP_CAP_SHA512);
    assert_int_equal(caps_of("SCEPStandard\nGetNextCACert"),
                     RA_SCEP_CAP_KNOWN | RA_SCEP_CAP_AES | RA_SCEP_CAP_POST | RA_SCEP_CAP_SHA256 |
                         RA_SCEP_CAP_NEXT_CA);
    assert_int_equal(caps_of("<html>AES\n</html>"), 0);
    assert_int_equal(caps_of("AESX\nXAES\nAE\nMD5\n"), 0);
    assert_int_equal(caps_of(" \t\r\nAES\t \r\n"), RA_SCEP_CAP_KNOWN | RA_SCEP_CAP_AES);
    memset(long_list, '\n', sizeof long_list - 1);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(long_list, "AES", 3);
    assert_int_equal(ra_scep_caps_read((uint8_t *)long_list, RA_SCEP_CAPS_MAX),
                     RA_SCEP_CAP_KNOWN | RA_SCEP_CAP_AES);
    assert_int_equal(ra_scep_caps_read((uint8_t *)long_list, RA_SCEP_CAPS_MAX + 1), 0);
}

static void policy_first(void **state)
{
    struct ra_scep_policy p = {.cipher = RA_CIPHER_AES_128, .hash = RA_HASH_SHA256};
    static const struct {
        const char *caps;
        bool legacy;
        ra_err err;
        uint8_t cipher;
        enum ra_hash_alg hash;
    } cases[] = {
        {"", false, RA_OK, RA_CIPHER_AES_128, RA_HASH_SHA256},
        {"AES\nSHA-256", false, RA_OK, RA_CIPHER_AES_128, RA_HASH_SHA256},
        {"AES\nSHA-512", false, RA_OK, RA_CIPHER_AES_128, RA_HASH_SHA512},
        {"DES3\nSHA-256", false, RA_E_SCEP_WEAK, 0, RA_HASH_NONE},
        {"AES\nSHA-1", false, RA_E_SCEP_WEAK, 0, RA_HASH_NONE},
        {"DES3\nSHA-1", true, RA_OK, RA_CIPHER_DES3, RA_HASH_SHA1},
        {"DES3\nAES\nSHA-1\nSHA-256", true, RA_OK, RA_CIPHER_AES_128, RA_HASH_SHA256},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t cipher = 0;
        enum ra_hash_alg hash = RA_HASH_NONE;
        bool legacy;
        p.legacy = cases[i].legacy;
        assert_int_equal(ra_scep_choose(caps_of(cases[i].caps), &p, &cipher, &hash, &legacy),
                         cases[i].err);
        if (cases[i].err == RA_OK) {
            assert_int_equal(cipher, cases[i].cipher);
            assert_int_equal(hash, cases[i].hash);
            assert_int_equal(legacy, cipher == RA_CIPHER_DES3);
        }
    }
    /* What the operator wants more of is asked for, as far as the server goes. */
    bool legacy;
    uint8_t cipher;
    enum ra_hash_alg hash;
    p = (struct ra_scep_policy){.cipher = RA_CIPHER_AES_256, .hash = RA_HASH_SHA512};
    assert_int_equal(ra_scep_choose(caps_of("AES\nSHA-256"), &p, &cipher, &hash, &legacy), RA_OK);
    assert_int_equal(cipher, RA_CIPHER_AES_256);
    assert_int_equal(hash, RA_HASH_SHA256);
}

/* The txid and nonce of a request of another program. */
static struct ra_span string_in(const char *message, enum ra_oid oid)
{
    static uint8_t copy[8192];
    struct ra_span in = scep_blob(message), value;
    struct ra_der d;
    uint8_t tag;
    memcpy(copy, in.p, in.size);
    assert_int_equal(ra_cms_signed_parse(&s, copy, in.size, sizeof copy), RA_OK);
    assert_int_equal(ra_cms_signed_attr(&s, ra_oid_value(oid), &value), RA_OK);
    ra_der_init(&d, value);
    return ra_der_next(&d, &tag);
}

static void parse_reply(const char *message)
{
    struct ra_span in = scep_blob(message);
    memcpy(buf, in.p, in.size);
    assert_int_equal(ra_cms_signed_parse(&s, buf, in.size, sizeof buf), RA_OK);
}

static void replies_of_scepserver(void **state)
{
    static const struct {
        const char *request, *reply;
        enum ra_scep_status status;
        uint8_t fail_info;
    } cases[] = {
        {"pkcsreq19", "pkcsreq19_certrep_success", RA_SCEP_SUCCESS, 255},
        {"renewalreq17_samekey", "renewalreq17_samekey_certrep_success", RA_SCEP_SUCCESS, 255},
        {"renewalreq17_newkey_aes_sha256", "renewalreq17_newkey_certrep_success", RA_SCEP_SUCCESS,
         255},
        {"renewalreq17_wrong_challenge", "renewalreq17_certrep_failure_badrequest", RA_SCEP_FAILURE,
         2},
    };
    struct ra_span ca = scep_blob("ca_cert");
    (void)state;
    assert_int_equal(ra_cert_parse(&cert, ca.p, ca.size), RA_OK);
    assert_int_equal(ra_key_from_spki(&key, cert.spki.p, cert.spki.size), RA_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char id[128] = "";
        uint8_t nonce[RA_SCEP_NONCE_SIZE];
        struct ra_scep_reply r;
        struct ra_span txid = string_in(cases[i].request, RA_OID_SCEP_TRANSACTION_ID);
        memcpy(id, txid.p, txid.size);
        struct ra_span sent = string_in(cases[i].request, RA_OID_SCEP_SENDER_NONCE);
        assert_int_equal(sent.size, sizeof nonce);
        memcpy(nonce, sent.p, sizeof nonce);
        parse_reply(cases[i].reply);
        assert_true(ra_cms_signed_by(&s, &cert));
        assert_int_equal(ra_cms_signed_verify(&s, &key), RA_OK);
        assert_int_equal(ra_scep_reply_read(&r, &s, id, nonce), RA_OK);
        assert_int_equal(r.status, cases[i].status);
        assert_int_equal(r.fail_info, cases[i].fail_info);
        assert_int_equal(r.hresult, 0);
        nonce[3] ^= 1;
        assert_int_equal(ra_scep_reply_read(&r, &s, id, nonce), RA_E_SCEP_REPLAY);
        id[0] ^= 1;
        assert_int_equal(ra_scep_reply_read(&r, &s, id, nonce), RA_E_SCEP_FOREIGN);
        /* A request is no reply, and a changed one has no signature. */
        parse_reply(cases[i].request);
        assert_int_equal(ra_scep_reply_read(&r, &s, id, nonce), RA_E_CA_ANSWER);
        parse_reply(cases[i].reply);
        buf[s.signed_attrs.p - buf + 30] ^= 1;
        assert_int_equal(ra_cms_signed_verify(&s, &key), RA_E_SIGNATURE);
    }
}

/* What ra_scep_reply_read makes of attributes of any shape; they are not signed here. */
struct attribute {
    enum ra_oid oid;
    uint8_t tag;
    const char *value;
};

static const uint8_t nonce_of_16[RA_SCEP_NONCE_SIZE + 1] = "0123456789abcdef";

static ra_err read_attributes(struct ra_scep_reply *r, const struct attribute *list, size_t n)
{
    static uint8_t attributes[1024];
    struct ra_der_put w;
    ra_der_put_init(&w, attributes, sizeof attributes);
    for (size_t i = 0; i < n; i++) {
        size_t mark = ra_der_put_size(&w);
        ra_der_put_text(&w, list[i].tag, list[i].value);
        ra_der_put_wrap(&w, RA_DER_SET, mark);
        ra_der_put_oid(&w, list[i].oid);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, mark);
    }
    memset(&s, 0, sizeof s);
    s.signed_attrs = ra_der_put_span(&w);
    return ra_scep_reply_read(r, &s, "id", nonce_of_16);
}

#define BASE                                                                                       \
    {RA_OID_SCEP_MESSAGE_TYPE, RA_DER_PRINTABLE, "3"},                                             \
        {RA_OID_SCEP_TRANSACTION_ID, RA_DER_PRINTABLE, "id"},                                      \
    {                                                                                              \
        RA_OID_SCEP_RECIPIENT_NONCE, RA_DER_OCTETS, "0123456789abcdef"                             \
    }

static void reasons(void **state)
{
    const struct attribute ndes[] = {
        BASE,
        {RA_OID_SCEP_STATUS, RA_DER_PRINTABLE, "2"},
        {RA_OID_SCEP_FAIL_INFO, RA_DER_PRINTABLE, "2"},
        {RA_OID_MS_SCEP_ERROR, RA_DER_PRINTABLE, "-2147024809"},
        {RA_OID_SCEP_FAIL_INFO_TEXT, RA_DER_UTF8, "no \033[31mway\n\303\251"},
    };
    struct ra_scep_reply r;
    (void)state;
    assert_int_equal(read_attributes(&r, ndes, sizeof ndes / sizeof ndes[0]), RA_OK);
    assert_int_equal(r.status, RA_SCEP_FAILURE);
    assert_int_equal(r.fail_info, 2);
    assert_int_equal(r.hresult, 0x80070057);
    assert_string_equal(r.text, "no ?[31mway???");
    char longer[sizeof r.text + 10];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const struct attribute wordy[] = {BASE,
                                      {RA_OID_SCEP_STATUS, RA_DER_IA5, "2"},
                                      {RA_OID_SCEP_FAIL_INFO_TEXT, RA_DER_IA5, longer}};
    assert_int_equal(read_attributes(&r, wordy, 5), RA_OK);
    assert_int_equal(strlen(r.text), sizeof r.text - 1);
    static const struct {
        const char *text;
        uint32_t hresult;
    } numbers[] = {{"0", 0},
                   {"", 0},
                   {"-", 0},
                   {"12", 12},
                   {"4294967295", 0xffffffff},
                   {"4294967296", 0},
                   {"1x", 0},
                   {"-1/", 0},
                   {"-2147483648", 0x80000000},
                   {"99999999999999999999999999", 0}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct attribute list[] = {BASE,
                                         {RA_OID_SCEP_STATUS, RA_DER_PRINTABLE, "3"},
                                         {RA_OID_MS_SCEP_ERROR, RA_DER_PRINTABLE, numbers[i].text}};
        assert_int_equal(read_attributes(&r, list, 5), RA_OK);
        assert_int_equal(r.hresult, numbers[i].hresult);
    }
}

static void malformed(void **state)
{
    static const char *const statuses[] = {"", "1", "4", "00x", "222", "-1", "03x"};
    struct ra_scep_reply r;
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        const struct attribute list[] = {BASE, {RA_OID_SCEP_STATUS, RA_DER_PRINTABLE, statuses[i]}};
        assert_int_equal(read_attributes(&r, list, 4), RA_E_CA_ANSWER);
    }
    const struct attribute twice[] = {BASE,
                                      {RA_OID_SCEP_STATUS, RA_DER_PRINTABLE, "0"},
                                      {RA_OID_SCEP_STATUS, RA_DER_PRINTABLE, "3"}};
    assert_int_equal(read_attributes(&r, twice, 5), RA_E_CA_ANSWER);
    assert_int_equal(read_attributes(&r, twice, 3), RA_E_CA_ANSWER); /* no status */
    const struct attribute unknown[] = {BASE,
                                        {RA_OID_SCEP_STATUS, RA_DER_PRINTABLE, "2"},
                                        {RA_OID_SCEP_FAIL_INFO, RA_DER_PRINTABLE, "5"}};
    assert_int_equal(read_attributes(&r, unknown, 5), RA_OK);
    assert_int_equal(r.fail_info, 255);
    const struct attribute kind[] = {{RA_OID_SCEP_MESSAGE_TYPE, RA_DER_INTEGER, "3"}};
    assert_int_equal(read_attributes(&r, kind, 1), RA_E_CA_ANSWER);
    const struct attribute no_id[] = {{RA_OID_SCEP_MESSAGE_TYPE, RA_DER_PRINTABLE, "3"}};
    assert_int_equal(read_attributes(&r, no_id, 1), RA_E_SCEP_FOREIGN);
    assert_int_equal(ra_scep_reply_read(&r, &s, "", nonce_of_16), RA_E_SCEP_FOREIGN);
    const struct attribute nonce[] = {
        {RA_OID_SCEP_MESSAGE_TYPE, RA_DER_PRINTABLE, "3"},
        {RA_OID_SCEP_TRANSACTION_ID, RA_DER_PRINTABLE, "id"},
        {RA_OID_SCEP_RECIPIENT_NONCE, RA_DER_OCTETS, "0123456789abcde"}};
    assert_int_equal(read_attributes(&r, nonce, 3), RA_E_SCEP_REPLAY);
}

static void message_reads_back(void **state)
{
    static uint8_t out[8192];
    static const uint8_t nonce[RA_SCEP_NONCE_SIZE] = {1, 2, 3};
    struct ra_span envelope = scep_blob("env_aes128"), message, value;
    struct ra_span der = scep_blob("client_cert1"), k = scep_blob("client_key");
    (void)state;
    assert_int_equal(ra_cert_parse(&cert, der.p, der.size), RA_OK);
    assert_int_equal(ra_key_from_der(&key, k.p, k.size), RA_OK);
    static const enum ra_hash_alg hashes[] = {RA_HASH_SHA1, RA_HASH_SHA256, RA_HASH_SHA512};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ra_scep_message_build(out, sizeof out, envelope, RA_SCEP_RENEWAL_REQ,
                                               "0123456789abcdef0123456789abcdef", nonce, &cert,
                                               &key, pki_random(), hashes[i], &message),
                         RA_OK);
        assert_ptr_equal(message.p + message.size, out + sizeof out);
        memcpy(buf, message.p, message.size);
        assert_int_equal(ra_der_check(message), RA_OK);
        assert_int_equal(ra_cms_signed_parse(&s, buf, message.size, sizeof buf), RA_OK);
        assert_true(ra_span_equal(s.content, envelope));
        assert_true(ra_cms_signed_by(&s, &cert));
        assert_int_equal(s.hash, hashes[i]);
        assert_int_equal(ra_cms_signed_verify(&s, &key), RA_OK);
        assert_int_equal(ra_cms_signed_attr(&s, ra_oid_value(RA_OID_SCEP_MESSAGE_TYPE), &value),
                         RA_OK);
        assert_memory_equal(value.p,
                            "\x13\x02"
                            "17",
                            4);
    }
    for (size_t cap = 0; cap < message.size; cap += 97) {
        assert_int_equal(ra_scep_message_build(out, cap, envelope, RA_SCEP_RENEWAL_REQ, "id", nonce,
                                               &cert, &key, pki_random(), RA_HASH_SHA256, &message),
                         RA_E_SPACE);
    }
    char id[200];
    memset(id, 'f', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    assert_int_equal(ra_scep_message_build(out, sizeof out, envelope, RA_SCEP_RENEWAL_REQ, id,
                                           nonce, &cert, &key, pki_random(), RA_HASH_SHA256,
                                           &message),
                     RA_E_SPACE);
}

static void questions(void **state)
{
    uint8_t out[128];
    struct ra_span q, name = {(const uint8_t *)"\x30\x00", 2};
    static const struct {
        const char *serial, *der;
    } cases[] = {{"1", "\x02\x01\x01"},           {"7f", "\x02\x01\x7f"},
                 {"80", "\x02\x02\x00\x80"},      {"0080", "\x02\x02\x00\x80"},
                 {"00000000007", "\x02\x01\x07"}, {"ABCdef", "\x02\x04\x00\xab\xcd\xef"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = 2u + (uint8_t)cases[i].der[1];
        assert_int_equal(ra_scep_get_cert_build(out, sizeof out, name, cases[i].serial, &q), RA_OK);
        assert_int_equal(q.size, 4 + size);
        assert_memory_equal(q.p + 4, cases[i].der, size);
    }
    assert_int_equal(ra_scep_get_cert_build(out, sizeof out, name, "", &q), RA_E_ARGUMENT);
    static const char *const none[] = {"12g4", "12/4", "12:4", "12@4"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(ra_scep_get_cert_build(out, sizeof out, name, none[i], &q), RA_E_ARGUMENT);
    }
    assert_int_equal(ra_scep_get_cert_build(out, 4, name, "12", &q), RA_E_SPACE);
    char digits[RA_SCEP_SERIAL_MAX + 2];
    memset(digits, '9', sizeof digits);
    digits[RA_SCEP_SERIAL_MAX + 1] = '\0';
    assert_int_equal(ra_scep_get_cert_build(out, sizeof out, name, digits, &q), RA_E_ARGUMENT);
    digits[RA_SCEP_SERIAL_MAX] = '\0';
    assert_int_equal(ra_scep_get_cert_build(out, sizeof out, name, digits, &q), RA_OK);
    assert_int_equal(ra_scep_poll_build(out, sizeof out, name, name, &q), RA_OK);
    assert_memory_equal(q.p, "\x30\x04\x30\x00\x30\x00", 6);
    assert_int_equal(ra_scep_poll_build(out, 5, name, name, &q), RA_E_SPACE);
}

static void self_signed(void **state)
{
    static uint8_t out[4096];
    static const uint8_t serial[RA_SELFSIGNED_SERIAL] = {0xff, 1};
    uint8_t spki[RA_SPKI_MAX], digest[RA_HASH_SIZE_MAX];
    struct ra_span k = scep_blob("client_key"), tbs, der, public_key = {spki, 0};
    struct ra_cert c, like;
    struct ra_span old = scep_blob("client_cert1");
    (void)state;
    assert_int_equal(ra_cert_parse(&like, old.p, old.size), RA_OK);
    assert_int_equal(ra_key_from_der(&key, k.p, k.size), RA_OK);
    assert_int_equal(ra_key_spki(&key, spki, sizeof spki, &public_key.size), RA_OK);
    /* Into the years that need GeneralizedTime. */
    assert_int_equal(ra_selfsigned_begin(like.subject, public_key, serial, 1800000000, 2600000000,
                                         RA_HASH_SHA256, true, out, sizeof out, &tbs),
                     RA_OK);
    assert_int_equal(ra_csr_sign(out, sizeof out, tbs, &key, pki_random(), RA_HASH_SHA256, &der),
                     RA_OK);
    assert_int_equal(ra_der_check(der), RA_OK);
    assert_int_equal(ra_cert_parse(&c, der.p, der.size), RA_OK);
    assert_true(ra_span_equal(c.subject, like.subject));
    assert_true(ra_span_equal(c.issuer, like.subject));
    assert_true(ra_span_equal(c.spki, public_key));
    assert_int_equal(c.not_before, 1800000000);
    assert_int_equal(c.not_after, 2600000000);
    assert_int_equal(c.key_usage, RA_KU_DIGITAL_SIGNATURE | RA_KU_KEY_ENCIPHERMENT);
    assert_false(c.is_ca);
    assert_int_equal(c.serial.p[0], 0x7f);
    assert_int_equal(ra_hash(RA_HASH_SHA256, c.tbs.p, c.tbs.size, digest), RA_OK);
    assert_int_equal(ra_key_verify(&key, RA_HASH_SHA256, digest, c.sig.p, c.sig.size), RA_OK);
    assert_int_equal(ra_selfsigned_begin(like.subject, public_key, serial, 0, 1, RA_HASH_SHA256,
                                         true, out, 100, &tbs),
                     RA_E_SPACE);
}

/* --- the CA's certificates --------------------------------------------------- */

static struct ra_ca_set set;
static uint8_t room[RA_CA_SET_MAX];

static void certificates(void **state)
{
    struct ra_span ca = scep_blob("ca_cert");
    uint8_t print[32];
    (void)state;
    memcpy(buf, ca.p, ca.size);
    assert_int_equal(ra_ca_set_read(&set, buf, ca.size, sizeof buf, room, sizeof room), RA_OK);
    assert_int_equal(set.count, 1);
    /* scepserver's CA may sign certificates and CRLs only, and does it all. */
    assert_int_equal(ra_cert_parse(&cert, ca.p, ca.size), RA_OK);
    assert_int_equal(ra_scep_recipient(&set, cert.not_before), 0);
    assert_int_equal(ra_scep_issuer(&set, 0), 0);
    assert_int_equal(ra_scep_recipient(&set, cert.not_after), -1);
    assert_int_equal(ra_scep_recipient(&set, cert.not_before - 301), -1);
    parse_reply("pkcsreq19_certrep_success");
    assert_int_equal(ra_scep_signer(&set, &s, 0), 0);
    assert_int_equal(ra_scep_signer(&set, &s, 1), -1);
    assert_int_equal(ra_cert_sha256(ca, print), RA_OK);
    assert_int_equal(ra_scep_by_fingerprint(&set, print), 0);
    print[31] ^= 1;
    assert_int_equal(ra_scep_by_fingerprint(&set, print), -1);
    set.refused = 1;
    assert_int_equal(ra_scep_recipient(&set, cert.not_before), -1);
    memcpy(buf, ca.p, ca.size);
    assert_int_equal(ra_ca_set_read(&set, buf, ca.size, sizeof buf, room, ca.size - 1), RA_E_LIMIT);
    assert_int_equal(set.count, 0);
    assert_int_equal(ra_ca_set_read(&set, buf, 0, sizeof buf, room, sizeof room),
                     RA_E_DER_TRUNCATED);
    assert_int_equal(set.count, 0);
}

/* Of more than there is room for the first are kept, without those that are too large for what is left;
 * where no trust comes of it, that is the reason given. */
static void not_all_certificates(void **state)
{
    static const char *const names[] = {"stranger.cert", "scep.cert", "root.cert"};
    struct ra_span certs[RA_CA_SET_CERTS + 1];
    (void)state;
    for (size_t i = 0; i < RA_CA_SET_CERTS + 1; i++) {
        const struct world_blob *b = world_blob(names[i < 3 ? i : 0]);
        certs[i] = (struct ra_span){b->p, b->size};
    }
    size_t size = fake_ca_certs(certs, RA_CA_SET_CERTS, buf, sizeof buf);
    assert_int_equal(ra_ca_set_read(&set, buf, size, sizeof buf, room, sizeof room), RA_OK);
    assert_int_equal(set.count, RA_CA_SET_CERTS);
    assert_int_equal(ra_ca_set_refusal(&set), RA_E_SCEP_UNTRUSTED);
    size = fake_ca_certs(certs, RA_CA_SET_CERTS + 1, buf, sizeof buf);
    assert_int_equal(ra_ca_set_read(&set, buf, size, sizeof buf, room, sizeof room), RA_OK);
    assert_int_equal(set.count, RA_CA_SET_CERTS);
    assert_int_equal(ra_ca_set_refusal(&set), RA_E_CMS_TOO_MANY);
    for (size_t i = 0; i < RA_CA_SET_CERTS; i++) {
        assert_true(ra_span_equal(set.cert[i], certs[i]));
    }
    size = fake_ca_certs(certs, 3, buf, sizeof buf);
    size_t cap = certs[0].size + certs[2].size;
    assert_true(certs[1].size > certs[2].size);
    assert_int_equal(ra_ca_set_read(&set, buf, size, sizeof buf, room, cap), RA_OK);
    assert_int_equal(set.count, 2);
    assert_true(ra_span_equal(set.cert[0], certs[0]));
    assert_true(ra_span_equal(set.cert[1], certs[2]));
    assert_int_equal(ra_ca_set_refusal(&set), RA_E_LIMIT);
}

/* The key usage orders who is encrypted to: none that may only sign, and of equals the first. */
static void recipients(void **state)
{
    static const uint8_t both[] = {3, 2, 5, 0xa0}; /* digitalSignature, keyEncipherment */
    static const struct {
        uint8_t unused, usage, rank; /* the bits that are none, those that are */
    } usages[] = {{7, 0x80, 0}, {4, 0x90, 1}, {5, 0xa0, 2}};
    static uint8_t copies[3][2048];
    const struct world_blob *ra = world_blob("scep.cert");
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(ra->size <= sizeof copies[i]);
        memcpy(copies[i], ra->p, ra->size);
        for (size_t at = 0; at + sizeof both <= ra->size; at++) {
            if (memcmp(copies[i] + at, both, sizeof both) == 0) {
                copies[i][at + 2] = usages[i].unused;
                copies[i][at + 3] = usages[i].usage;
            }
        }
    }
    assert_int_equal(ra_cert_parse(&cert, ra->p, ra->size), RA_OK);
    for (size_t i = 0; i < 3; i++) {
        memset(&set, 0, sizeof set);
        set.count = 2;
        set.cert[0] = (struct ra_span){copies[i], ra->size};
        for (size_t j = 0; j < 3; j++) {
            set.cert[1] = (struct ra_span){copies[j], ra->size};
            int best = usages[i].rank < usages[j].rank ? 1 : 0;
            best = usages[i].rank + usages[j].rank == 0 ? -1 : best;
            assert_int_equal(ra_scep_recipient(&set, cert.not_before), best);
        }
    }
}

/* A signer's certificate says that it signs, or says nothing. */
static void signers_by_usage(void **state)
{
    const struct world_blob *ra = world_blob("scep.cert");
    static uint8_t copy[2048];
    struct ra_cert own;
    (void)state;
    assert_int_equal(ra_cert_parse(&own, ra->p, ra->size), RA_OK);
    parse_reply("pkcsreq19_certrep_success");
    s.signer_issuer = own.issuer; /* as if this one had signed it */
    s.signer_serial = own.serial;
    s.signer_skid.size = 0;
    memset(&set, 0, sizeof set);
    set.count = 1;
    set.cert[0] = (struct ra_span){ra->p, ra->size};
    assert_int_equal(ra_scep_signer(&set, &s, 0), 0);
    memcpy(copy, ra->p, ra->size);
    set.cert[0].p = copy;
    for (size_t at = 0; at + 4 <= ra->size; at++) {
        if (memcmp(copy + at, "\x03\x02\x05\xa0", 4) == 0) {
            copy[at + 3] = 0x20;
        }
    }
    assert_int_equal(ra_scep_signer(&set, &s, 0), -1);
}

/* A root that is no better than what its digest is worth, or that another kind of key would have
 * signed, does not vouch for itself. */
static void own_signatures(void **state)
{
    const struct world_blob *root = world_blob("root.cert");
    (void)state;
    assert_int_equal(ra_cert_parse(&cert, root->p, root->size), RA_OK);
    assert_int_equal(ra_chain_self_signature(&cert, &key), RA_OK);
    struct ra_cert other = cert;
    other.sig_hash = RA_HASH_SHA1;
    assert_int_equal(ra_chain_self_signature(&other, &key), RA_E_GATE_WEAK);
    other = cert;
    other.sig_rsa = !cert.sig_rsa;
    assert_int_equal(ra_chain_self_signature(&other, &key), RA_E_CHAIN_SIGNATURE);
    other = cert;
    other.sig_hash = RA_HASH_SHA512;
    assert_int_equal(ra_chain_self_signature(&other, &key), RA_E_CHAIN_SIGNATURE);
    other = cert;
    other.spki.size = 0;
    assert_true(ra_chain_self_signature(&other, &key) < 0);
}

/* An AD CS keeps its name when it gets another key, or the same one for longer. */
static void issuers_of_one_name(void **state)
{
    static const char *const names[] = {"issuing2.cert", "issuing_ends.cert", "issuing.cert",
                                        "stranger.cert", "scep.cert",         "scep2.cert"};
    (void)state;
    memset(&set, 0, sizeof set);
    for (size_t i = 0; i < 6; i++) {
        const struct world_blob *b = world_blob(names[i]);
        set.cert[set.count++] = (struct ra_span){b->p, b->size};
    }
    assert_int_equal(ra_scep_issuer(&set, 4), 2);
    assert_int_equal(ra_scep_issuer(&set, 5), 0);
    set.count = 2;
    set.cert[0] = set.cert[3];
    set.cert[1] = set.cert[4];
    assert_int_equal(ra_scep_issuer(&set, 1), -1);
}

static struct ra_span anchor_der;
static ra_err anchor_missing = RA_E_NOT_FOUND; /* what the empty places say */
static ra_err one_anchor(void *ctx, unsigned place, struct ra_span *out)
{
    unsigned *busy = ctx;
    if (*busy != 0) {
        (*busy)--;
        return RA_AGAIN;
    }
    *out = anchor_der;
    return place == 2 ? RA_OK : anchor_missing;
}

static ra_err trust(unsigned index, const struct ra_enroll_tools *t)
{
    ra_err e;
    do {
        e = ra_ca_set_trust_step(&set, index, t);
    } while (e == RA_AGAIN);
    return e;
}

static void trusted(void **state)
{
    unsigned busy = 3;
    struct ra_span ca = scep_blob("ca_cert"), leaf = scep_blob("client_cert1");
    struct ra_enroll_tools t = {.ctx = &busy, .anchor = one_anchor, .key = &key};
    (void)state;
    assert_int_equal(ra_cert_parse(&cert, leaf.p, leaf.size), RA_OK);
    t.now = cert.not_before + 10;
    memset(&set, 0, sizeof set);
    set.cert[0] = ca;
    set.cert[1] = leaf;
    set.cert[2] = scep_blob("apple_ca");
    set.count = 3;
    anchor_der = ca;
    assert_int_equal(trust(0, &t), RA_OK);
    assert_int_equal(trust(1, &t), RA_OK);
    assert_int_equal(trust(2, &t), RA_E_SCEP_UNTRUSTED);
    assert_int_equal(set.trusted, 3);
    assert_int_equal(set.refused, 4);
    assert_int_equal(trust(2, &t), RA_E_SCEP_UNTRUSTED);
    /* The verdict is kept; another set begins anew. */
    set.trusted = set.refused = 0;
    anchor_der = scep_blob("apple_ca");
    assert_int_equal(trust(1, &t), RA_E_SCEP_UNTRUSTED);
    /* An anchor out of its dates is none. */
    set.trusted = set.refused = 0;
    anchor_der = ca;
    t.now = cert.not_after + 100LL * 365 * 86400;
    assert_int_equal(trust(0, &t), RA_E_SCEP_UNTRUSTED);
    set.trusted = set.refused = 0;
    assert_int_equal(ra_cert_parse(&cert, ca.p, ca.size), RA_OK);
    t.now = cert.not_before - 1;
    assert_int_equal(trust(0, &t), RA_E_SCEP_UNTRUSTED);
    /* One that cannot be read might vouch for what the others do not, and is named then. */
    memset(&set, 0, sizeof set);
    set.cert[0] = ca;
    set.cert[1] = scep_blob("apple_ca");
    set.count = 2;
    t.now = cert.not_before + 10;
    anchor_missing = RA_E_RECORD_DAMAGED;
    assert_int_equal(trust(0, &t), RA_OK);
    assert_int_equal(trust(1, &t), RA_E_RECORD_DAMAGED);
    assert_int_equal(trust(1, &t), RA_E_RECORD_DAMAGED);
    assert_int_equal(set.refused, 2);
    anchor_missing = RA_E_NOT_FOUND;
}

/* What is asked for without what it needs is not sent. */
static void arguments(void **state)
{
    struct ra_enroll_tools t = {.key = &key};
    static const struct ra_scep_policy policy = {.ca_id = ""};
    struct ra_enroll_input in = {.scep = &policy, .request = buf};
    struct ra_enroll e;
    struct ra_http_request out;
    struct ra_url url;
    (void)state;
    assert_int_equal(ra_url_parse(&url, "http://ca.test/scep", 19), RA_OK);
    in.url = &url;
    ra_enroll_init(&e, &ra_scep_ops);
    in.request_size = 1;
    in.id = "7";
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_SUBMIT, &in, &out), RA_E_ARGUMENT);
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_CACERT, &in, &out), RA_OK);
    assert_string_equal(out.suffix, "?operation=GetCACert");
    in.tools = &t;
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_SUBMIT, &in, &out), RA_OK);
    in.id = "";
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_SUBMIT, &in, &out), RA_E_ARGUMENT);
    in.id = NULL;
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_SUBMIT, &in, &out), RA_E_ARGUMENT);
    in.id = "7";
    in.request_size = 0;
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_SUBMIT, &in, &out), RA_E_ARGUMENT);
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_POLL, &in, &out), RA_OK);
    ra_enroll_init(&e, &ra_enroll_absent);
    assert_int_equal(ra_enroll_request(&e, RA_ENROLL_CACERT, &in, &out), RA_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capabilities),
        cmocka_unit_test(arguments),
        cmocka_unit_test(policy_first),
        cmocka_unit_test(replies_of_scepserver),
        cmocka_unit_test(reasons),
        cmocka_unit_test(malformed),
        cmocka_unit_test(message_reads_back),
        cmocka_unit_test(questions),
        cmocka_unit_test(self_signed),
        cmocka_unit_test(certificates),
        cmocka_unit_test(recipients),
        cmocka_unit_test(signers_by_usage),
        cmocka_unit_test(not_all_certificates),
        cmocka_unit_test(own_signatures),
        cmocka_unit_test(issuers_of_one_name),
        cmocka_unit_test(trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
