/* The TLS engine without a server: its first words, its alerts, and every bad beginning. Real
 * handshakes are in tests/e2e: they are different each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "pki_vectors.h"
#include "ra_tls.h"

extern unsigned ra_wolfssl_alloc_count;

static struct noise noise;
static struct ra_random random_;
static struct ra_tls tls;
static _Alignas(8) uint8_t arena[RA_TLS_ARENA];
static struct ra_tls_config config;

static int setup(void **state)
{
    (void)state;
    noise_random(&noise, &random_, 3);
    memset(&tls, 0, sizeof tls);
    config = (struct ra_tls_config){.random = &random_, .host = "ca01.example.net"};
    return 0;
}

/* Steps until it waits for the peer; what it said, in `to`. */
static size_t talk(uint8_t *to, size_t cap)
{
    size_t said = 0;
    for (unsigned i = 0; i < 100; i++) {
        unsigned want = ra_tls_wants(&tls);
        if ((want & RA_TLS_WANT_SEND) != 0) {
            size_t n;
            const uint8_t *p = ra_tls_out(&tls, &n);
            n = n > 7 ? 7 : n;
            assert_true(said + n <= cap);
            memcpy(to + said, p, n);
            ra_tls_out_taken(&tls, n);
            said += n;
        } else if ((want & RA_TLS_WANT_STEP) != 0) {
            ra_tls_step(&tls);
        } else {
            return said;
        }
    }
    fail_msg("it never waits");
    return 0;
}

static void hear(const uint8_t *p, size_t size)
{
    uint8_t ignored[600];
    while (size > 0) {
        size_t room;
        uint8_t *to = ra_tls_in(&tls, &room);
        size_t n = size < room ? size : room;
        assert_true(n > 0);
        memcpy(to, p, n);
        ra_tls_in_given(&tls, n);
        p += n;
        size -= n;
        (void)talk(ignored, sizeof ignored);
    }
}

static void clean_end(void)
{
    ra_tls_end(&tls);
    for (size_t i = 0; i < sizeof arena; i++) {
        assert_int_equal(arena[i], 0);
    }
    assert_int_equal(ra_tls_wants(&tls), 0);
}

static size_t u16(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

/* The extension of that type in a ClientHello record, or NULL [RFC 8446 4.1.2]. */
static const uint8_t *extension(const uint8_t *hello, unsigned type)
{
    const uint8_t *p = hello + 5 + 4 + 2 + 32;
    p += 1 + p[0];
    p += 2 + u16(p);
    p += 1 + p[0];
    const uint8_t *end = p + 2 + u16(p);
    for (p += 2; p < end; p += 4 + u16(p + 2)) {
        if (u16(p) == type) {
            return p;
        }
    }
    return NULL;
}

static void the_first_words(void **state)
{
    uint8_t hello[600];
    (void)state;
    assert_int_equal(ra_tls_start(&tls, &config, arena, sizeof arena), RA_OK);
    assert_string_equal(ra_tls_version(&tls), "");
    size_t size = talk(hello, sizeof hello);
    assert_int_equal(size, 5 + u16(hello + 3));
    assert_int_equal(hello[0], 22);
    assert_int_equal(hello[5], 1);
    const uint8_t *name = extension(hello, 0);
    assert_non_null(name);
    assert_memory_equal(name + 9, "ca01.example.net", 16);
    const uint8_t *fragment = extension(hello, 1);
    assert_non_null(fragment);
    assert_int_equal(fragment[4], 3); /* 2^11 [RFC 6066 4] */
    const uint8_t *versions = extension(hello, 43);
    assert_non_null(versions);
    assert_memory_equal(versions + 4, "\x04\x03\x04\x03\x03", 5);
    assert_non_null(extension(hello, 23)); /* extended master secret */
    assert_null(extension(hello, 35));     /* no tickets */

    /* AEAD with forward secrecy only [RFC 8446 B.4, RFC 5289], and the SCSV of RFC 5746. */
    const uint8_t *suites = hello + 5 + 4 + 2 + 32;
    suites += 1 + suites[0];
    for (size_t i = 2; i < 2 + u16(suites); i += 2) {
        size_t suite = u16(suites + i);
        assert_true(suite == 0x1301 || suite == 0x1302 || (suite >= 0xc02b && suite <= 0xc030) ||
                    suite == 0x00ff);
        assert_false(suite == 0xc02d || suite == 0xc02e); /* ECDH, static */
    }
    /* No SHA-1 and no MD5 among the signatures [RFC 8446 4.2.3]. */
    const uint8_t *signatures = extension(hello, 13);
    assert_non_null(signatures);
    for (size_t i = 6; i < 6 + u16(signatures + 4); i += 2) {
        assert_true(signatures[i] >= 4 && signatures[i] <= 8);
    }
    assert_int_equal(ra_tls_wants(&tls), RA_TLS_WANT_RECEIVE);
    assert_true(ra_tls_peak(&tls) > 0 && ra_tls_peak(&tls) < 16384);
    clean_end();
}

static void no_name_for_an_address(void **state)
{
    uint8_t hello[600];
    (void)state;
    config.host = NULL;
    assert_int_equal(ra_tls_start(&tls, &config, arena, sizeof arena), RA_OK);
    (void)talk(hello, sizeof hello);
    assert_null(extension(hello, 0));
    clean_end();
}

static void an_arena_of_any_size(void **state)
{
    uint8_t hello[600];
    unsigned refused = 0;
    (void)state;
    for (size_t size = RA_ARENA_MIN; size < 12000; size += 160) {
        memset(arena, 0, sizeof arena);
        ra_err e = ra_tls_start(&tls, &config, arena, size);
        if (e != RA_OK) {
            assert_int_equal(e, RA_E_TLS_MEMORY);
            assert_int_equal(ra_tls_wants(&tls), 0);
            refused++;
        } else if (talk(hello, sizeof hello) == 0) {
            assert_true((ra_tls_wants(&tls) & RA_TLS_FAILED) != 0);
            assert_int_equal(ra_tls_error(&tls), RA_E_TLS_MEMORY);
            refused++;
        }
        ra_tls_end(&tls);
        for (size_t i = size; i < sizeof arena; i++) {
            assert_int_equal(arena[i], 0);
        }
    }
    assert_true(refused > 10);
    assert_int_equal(ra_tls_start(&tls, &config, arena + 1, 8000), RA_E_ARGUMENT);
}

/* With a certificate of the client, which takes memory last of all. */
static void an_arena_of_any_size_for_a_client(void **state)
{
    struct ra_span cert = pki_cert_der("agent");
    static struct ra_key key;
    unsigned refused = 0, taken = 0;
    (void)state;
    pki_key(&key, "agent");
    config.client_certs = cert.p;
    config.client_size = cert.size;
    config.client_key = &key;
    for (size_t size = 6000; size < 16000; size += 16) {
        ra_err e = ra_tls_start(&tls, &config, arena, size);
        assert_true(e == RA_OK || e == RA_E_TLS_MEMORY);
        refused += e != RA_OK;
        taken += e == RA_OK;
        clean_end();
    }
    assert_true(refused > 20 && taken > 20);
}

static void random_numbers_first(void **state)
{
    static struct ra_random unseeded;
    (void)state;
    config.random = &unseeded;
    assert_int_equal(ra_tls_start(&tls, &config, arena, sizeof arena), RA_E_RANDOM_STATE);
    assert_int_equal(ra_tls_wants(&tls), 0);
}

static void no_certificate_for_a_client(void **state)
{
    static const uint8_t junk[] = {0x30, 0x03, 0x02, 0x01, 0x00};
    (void)state;
    config.client_certs = junk;
    config.client_size = sizeof junk;
    assert_int_equal(ra_tls_start(&tls, &config, arena, sizeof arena), RA_E_CERT_SYNTAX);
    assert_int_equal(ra_tls_wants(&tls), 0);
}

static ra_err after(const uint8_t *p, size_t size, bool closed)
{
    uint8_t said[600];
    assert_int_equal(ra_tls_start(&tls, &config, arena, sizeof arena), RA_OK);
    (void)talk(said, sizeof said);
    hear(p, size);
    if (closed) {
        ra_tls_in_closed(&tls);
        (void)talk(said, sizeof said);
    }
    ra_err e = ra_tls_error(&tls);
    assert_int_equal(e != RA_OK, (ra_tls_wants(&tls) & RA_TLS_FAILED) != 0);
    clean_end();
    return e;
}

static void every_alert_is_an_error_with_words(void **state)
{
    static const struct {
        const char *name;
        ra_err error;
        uint8_t alert;
    } known[] = {
        /* RFC 8446 6, RFC 5246 7.2 */
        {"unexpected_message", RA_E_ALERT_UNEXPECTED, 10},
        {"bad_record_mac", RA_E_ALERT_MAC, 20},
        {"record_overflow", RA_E_ALERT_OVERFLOW, 22},
        {"handshake_failure", RA_E_ALERT_HANDSHAKE, 40},
        {"bad_certificate", RA_E_ALERT_BAD_CERT, 42},
        {"unsupported_certificate", RA_E_ALERT_CERT_TYPE, 43},
        {"certificate_revoked", RA_E_ALERT_REVOKED, 44},
        {"certificate_expired", RA_E_ALERT_EXPIRED, 45},
        {"certificate_unknown", RA_E_ALERT_CERT_UNKNOWN, 46},
        {"illegal_parameter", RA_E_ALERT_PARAMETER, 47},
        {"unknown_ca", RA_E_ALERT_UNKNOWN_CA, 48},
        {"access_denied", RA_E_ALERT_ACCESS, 49},
        {"decode_error", RA_E_ALERT_DECODE, 50},
        {"decrypt_error", RA_E_ALERT_DECRYPT, 51},
        {"protocol_version", RA_E_ALERT_VERSION, 70},
        {"insufficient_security", RA_E_ALERT_SECURITY, 71},
        {"internal_error", RA_E_ALERT_INTERNAL, 80},
        {"inappropriate_fallback", RA_E_ALERT_FALLBACK, 86},
        {"user_canceled", RA_E_ALERT_CANCELED, 90},
        {"no_renegotiation", RA_E_ALERT_RENEGOTIATION, 100},
        {"missing_extension", RA_E_ALERT_MISSING, 109},
        {"unsupported_extension", RA_E_ALERT_EXTENSION, 110},
        {"unrecognized_name", RA_E_ALERT_NAME, 112},
        {"bad_certificate_status_response", RA_E_ALERT_STATUS, 113},
        {"unknown_psk_identity", RA_E_ALERT_PSK, 115},
        {"certificate_required", RA_E_ALERT_CERT_REQUIRED, 116},
        {"no_application_protocol", RA_E_ALERT_APPLICATION, 120},
        {"alert", RA_E_ALERT_OTHER, 200},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint8_t record[] = {21, 3, 3, 0, 2, 2, known[i].alert};
        assert_string_equal(ra_tls_alert_name(known[i].alert), known[i].name);
        assert_int_equal(ra_tls_alert_error(known[i].alert), known[i].error);
        assert_int_equal(after(record, sizeof record, false), known[i].error);
    }
}

static void what_is_no_tls(void **state)
{
    static const uint8_t http[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    static const uint8_t short_hello[] = {22, 3, 3, 0, 4, 2, 0, 0, 0};
    static const uint8_t huge[] = {22, 3, 3, 0xff, 0xff, 2, 0, 0, 0};
    static const uint8_t data[] = {23, 3, 3, 0, 1, 0};
    /* TLS 1.1 in a ServerHello: random, no session, suite 0xc02f, no compression. */
    static const uint8_t old[9 + 2 + 32 + 4] = {22, 3,  2, 0, 42,          2,          0,
                                                0,  38, 3, 2, [44] = 0xc0, [45] = 0x2f};
    (void)state;
    assert_int_equal(after(http, sizeof http - 1, false), RA_E_TLS_PROTOCOL);
    assert_int_equal(after(short_hello, sizeof short_hello, false), RA_E_TLS_PROTOCOL);
    assert_int_equal(after(huge, sizeof huge, false), RA_E_TLS_PROTOCOL);
    assert_int_equal(after(data, sizeof data, false), RA_E_TLS_PROTOCOL);
    assert_int_equal(after(old, sizeof old, false), RA_E_TLS_VERSION);
}

static void an_end_in_the_handshake(void **state)
{
    static const uint8_t part[] = {22, 3, 3, 0, 80, 2};
    (void)state;
    assert_int_equal(after(part, 0, true), RA_E_TLS_TRUNCATED);
    assert_int_equal(after(part, 3, true), RA_E_TLS_TRUNCATED);
    assert_int_equal(after(part, sizeof part, true), RA_E_TLS_TRUNCATED);
    assert_int_equal(after(part, sizeof part, false), RA_OK);
}

static void nothing_works_before_its_time(void **state)
{
    uint8_t buf[64];
    size_t size;
    const uint8_t *der;
    (void)state;
    ra_tls_end(&tls);
    ra_tls_step(&tls);
    assert_int_equal(ra_tls_wants(&tls), 0);
    assert_int_equal(ra_tls_start(&tls, &config, arena, sizeof arena), RA_OK);
    assert_int_equal(ra_tls_read(&tls, buf, sizeof buf), 0);
    assert_int_equal(ra_tls_write(&tls, buf, sizeof buf), 0);
    assert_int_equal(ra_tls_binding(&tls, buf, &size), RA_E_STATE);
    assert_false(ra_tls_peer_cert(&tls, 0, &der, &size));
    ra_tls_accept(&tls);
    ra_tls_refuse(&tls, RA_E_TLS_NAME);
    ra_tls_close(&tls);
    assert_int_equal(ra_tls_wants(&tls), RA_TLS_WANT_RECEIVE | RA_TLS_WANT_STEP);
    clean_end();
}

static void the_primitives_asked_for_no_memory(void **state)
{
    (void)state;
    assert_int_equal(ra_wolfssl_alloc_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_words, setup),
        cmocka_unit_test_setup(no_name_for_an_address, setup),
        cmocka_unit_test_setup(an_arena_of_any_size, setup),
        cmocka_unit_test_setup(an_arena_of_any_size_for_a_client, setup),
        cmocka_unit_test_setup(random_numbers_first, setup),
        cmocka_unit_test_setup(no_certificate_for_a_client, setup),
        cmocka_unit_test_setup(every_alert_is_an_error_with_words, setup),
        cmocka_unit_test_setup(what_is_no_tls, setup),
        cmocka_unit_test_setup(an_end_in_the_handshake, setup),
        cmocka_unit_test_setup(nothing_works_before_its_time, setup),
        cmocka_unit_test(the_primitives_asked_for_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
