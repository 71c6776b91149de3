/* base64 and PEM: RFC 4648 section 10, openssl's output, what CAs send, and rubbish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pki_vectors.h"
#include "ra_pem.h"

static uint8_t buf[8192];
static char text[8192];

static const struct {
    const char *plain, *coded;
} rfc4648[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};

static struct ra_span span(const char *s)
{
    return (struct ra_span){(const uint8_t *)s, strlen(s)};
}

static ra_err decode(const char *s, size_t cap, size_t *size)
{
    return ra_base64_decode((const uint8_t *)s, strlen(s), buf, cap, size);
}

static void base64_of_the_rfc(void **state)
{
    size_t size;
    (void)state;
    for (size_t i = 0; i < sizeof rfc4648 / sizeof rfc4648[0]; i++) {
        size_t n = strlen(rfc4648[i].plain);
        assert_int_equal(decode(rfc4648[i].coded, n, &size), RA_OK);
        assert_int_equal(size, n);
        assert_memory_equal(buf, rfc4648[i].plain, n);
        if (n > 0) {
            assert_int_equal(decode(rfc4648[i].coded, n - 1, &size), RA_E_SPACE);
        }
        assert_int_equal(ra_base64_size(n, 0), strlen(rfc4648[i].coded));
        size = ra_base64_read(span(rfc4648[i].plain), 0, 0, text, sizeof text);
        assert_int_equal(size, strlen(rfc4648[i].coded));
        assert_memory_equal(text, rfc4648[i].coded, size);
    }
    assert_int_equal(decode("+/+/", 3, &size), RA_OK);
    assert_memory_equal(buf, "\xfb\xff\xbf", 3);
}

static void base64_forms(void **state)
{
    size_t size;
    (void)state;
    static const char *const good[] = {"Zm9vYg==", "Zm9vYg", "Zm9v\r\nYg==\r\n",
                                       " Z m\t9\nvYg = = "};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(decode(good[i], 4, &size), RA_OK);
        assert_int_equal(size, 4);
        assert_memory_equal(buf, "foob", 4);
    }
    assert_int_equal(ra_base64_decode((const uint8_t *)"Zm9v\0", 5, buf, 4, &size), RA_OK);
    static const char *const bad[] = {
        "Z",    "Zm9vY", "Zg=",  "Zg===", "Zm9v=", "Zm=v",  "Zg==Zg==",   "Zm9_",
        "Zm-v", "Zh==",  "Zm9=", "=",     "====",  "Zm9v.", "\xc3\xa4zzz"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(decode(bad[i], 100, &size), RA_E_BASE64);
    }
}

/* Any window of the text is the same as that part of the whole. */
static void base64_by_offset(void **state)
{
    static char whole[600], part[600];
    (void)state;
    for (size_t i = 0; i < 300; i++) {
        buf[i] = (uint8_t)(i * 37);
    }
    for (size_t size = 0; size <= 200; size += size < 10 ? 1 : 19) {
        static const size_t lines[] = {0, 4, 64, 76};
        for (size_t l = 0; l < 4; l++) {
            struct ra_span in = {buf, size};
            size_t total = ra_base64_size(size, lines[l]);
            assert_int_equal(ra_base64_read(in, lines[l], 0, whole, sizeof whole), total);
            assert_int_equal(ra_base64_read(in, lines[l], total, part, 10), 0);
            for (size_t at = 0; at < total; at++) {
                for (size_t cap = 0; cap < 9; cap++) {
                    size_t n = ra_base64_read(in, lines[l], at, part, cap);
                    assert_int_equal(n, cap < total - at ? cap : total - at);
                    assert_memory_equal(part, whole + at, n);
                }
            }
            size_t back;
            uint8_t out[300];
            assert_int_equal(ra_base64_decode((uint8_t *)whole, total, out, sizeof out, &back),
                             RA_OK);
            assert_int_equal(back, size);
            assert_memory_equal(out, buf, size);
            if (lines[l] != 0 && total > 0) {
                assert_memory_equal(whole + total - 2, "\r\n", 2);
                for (size_t at = 0; at < total; at++) {
                    assert_int_equal(whole[at] == '\r',
                                     at % (lines[l] + 2) == lines[l] || at == total - 2);
                }
            }
        }
    }
}

static void pem_as_openssl_writes_it(void **state)
{
    (void)state;
    /* openssl's file, its line ends made CR LF */
    struct ra_span expected = pki_blob("certs_only_pem");
    struct ra_span in = pki_blob("certs_only");
    assert_int_equal(ra_pem_size(in.size, "PKCS7"), expected.size);
    assert_int_equal(ra_pem_read(in, "PKCS7", 0, text, sizeof text), expected.size);
    assert_memory_equal(text, expected.p, expected.size);
    for (size_t step = 1; step < 200; step += 11) {
        memset(text, 0, sizeof text);
        size_t at = 0, n;
        while ((n = ra_pem_read(in, "PKCS7", at, text + at, step)) > 0) {
            at += n;
        }
        assert_int_equal(at, expected.size);
        assert_memory_equal(text, expected.p, expected.size);
    }
}

static void assert_der(const char *what, size_t size, struct ra_span der)
{
    size_t n;
    /* in place, as a reply is decoded */
    memcpy(buf, what, size);
    assert_int_equal(ra_pem_to_der(buf, size, buf, size, &n), RA_OK);
    assert_int_equal(n, der.size);
    assert_memory_equal(buf, der.p, n);
}

/* Bytes, not a string. */
static void put(char *to, const char *from, size_t size)
{
    while (size-- > 0) {
        *to++ = *from++;
    }
}

static void any_form_becomes_der(void **state)
{
    size_t n, size;
    (void)state;
    struct ra_span der = pki_blob("certs_only");
    struct ra_span pem = pki_blob("certs_only_pem");
    memcpy(text, pem.p, pem.size);
    assert_der(text, pem.size, der);
    put(text, "Bag Attributes\n", 15);
    memcpy(text + 15, pem.p, pem.size);
    put(text + 15 + pem.size, "junk", 4);
    assert_der(text, 15 + pem.size + 4, der);
    for (size_t line = 0; line <= 76; line += 4) {
        n = ra_base64_read(der, line, 0, text, sizeof text);
        assert_der(text, n, der);
    }
    /* DER, with the line end or the zero byte a server puts behind it */
    memcpy(text, der.p, der.size);
    put(text + der.size, "\r\n\0", 3);
    assert_der(text, der.size, der);
    assert_der(text, der.size + 3, der);
    memcpy(buf, text, der.size);
    buf[der.size] = 'x';
    assert_int_equal(ra_pem_to_der(buf, der.size + 1, buf, sizeof buf, &n), RA_E_DER_TRAILING);
    /* BER ends in zero bytes of its own */
    struct ra_span ber = pki_blob("certs_only_ber");
    memcpy(text, ber.p, ber.size);
    assert_der(text, ber.size, ber);
    assert_int_equal(ra_pem_to_der(der.p, der.size, buf, der.size - 1, &n), RA_E_SPACE);
    size = ra_base64_read(der, 64, 0, text, sizeof text);
    assert_int_equal(ra_pem_to_der((uint8_t *)text, size, buf, der.size - 1, &n), RA_E_SPACE);
}

static void broken_armour(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ra_err err;
    } bad[] = {
        {"", RA_E_PEM},
        {" \r\n", RA_E_PEM},
        {"<html>", RA_E_BASE64},
        {"-----BEGIN X-----\nMAA=\n", RA_E_PEM},
        {"-----BEGIN X", RA_E_PEM},
        {"-----BEGIN X-----\nMAA=\n-----END Y-----", RA_E_PEM},
        {"-----BEGIN X-----\nMAA=\n-----END X----", RA_E_PEM},
        {"-----BEGIN X-----\nMAA=\n-----END ", RA_E_PEM},
        {"-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\nMAA=\n-----END X-----", RA_E_BASE64},
        {"-----BEGIN X-----\n-----END X-----", RA_E_PEM},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t n;
        assert_int_equal(
            ra_pem_to_der((const uint8_t *)bad[i].text, strlen(bad[i].text), buf, sizeof buf, &n),
            bad[i].err);
    }
}

static void blocks_one_after_the_other(void **state)
{
    (void)state;
    struct ra_span rest = span("a\n-----BEGIN ONE-----\nMAA=\n-----END ONE-----\r\n"
                               "-----BEGIN X 2-----\nBAA=\n-----END X 2-----");
    struct ra_span label, body;
    assert_int_equal(ra_pem_next(&rest, &label, &body), RA_OK);
    assert_true(ra_span_equal(label, span("ONE")));
    assert_true(ra_span_equal(body, span("\nMAA=\n")));
    assert_int_equal(ra_pem_next(&rest, &label, &body), RA_OK);
    assert_true(ra_span_equal(label, span("X 2")));
    assert_int_equal(rest.size, 0);
    assert_int_equal(ra_pem_next(&rest, &label, &body), RA_E_PEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_of_the_rfc),          cmocka_unit_test(base64_forms),
        cmocka_unit_test(base64_by_offset),           cmocka_unit_test(pem_as_openssl_writes_it),
        cmocka_unit_test(any_form_becomes_der),       cmocka_unit_test(broken_armour),
        cmocka_unit_test(blocks_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
