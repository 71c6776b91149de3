/* Names, usage and dates of TLS servers' certificates; host names against openssl's verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_server.h"
#include "server_vectors.h"

#define NOW 1795385040 /* 2026-11-22 */
#define HOST "ca01.example.test"

static ra_err check(const char *name, const char *host, int64_t now, bool at_least)
{
    struct ra_cert cert;
    struct ra_span der = server_cert(name);
    assert_int_equal(ra_cert_parse(&cert, der.p, der.size), RA_OK);
    return ra_server_check(&cert, host, now, at_least);
}

static void hosts_as_openssl_sees_them(void **state)
{
    (void)state;
    unsigned fit = 0;
    for (const struct server_host *h = server_hosts; h->host != NULL; h++) {
        assert_int_equal(check("good", h->host, NOW, false), h->fits ? RA_OK : RA_E_TLS_NAME);
        fit += h->fits;
    }
    assert_true(fit >= 4);
}

static bool fits(const char *pattern, const char *host)
{
    return ra_server_name_fits((struct ra_span){(const uint8_t *)pattern, strlen(pattern)}, host);
}

static void patterns(void **state)
{
    (void)state;
    assert_true(fits("a.example.net", "A.EXAMPLE.net."));
    assert_true(fits("a.example.net.", "a.example.net"));
    assert_true(fits("host", "host"));
    assert_true(fits("*.example.net", "a.example.net"));
    assert_false(fits("*.example.net", ".example.net"));
    assert_false(fits("*.example.net", "example.net"));
    assert_false(fits("*.example.net", "a.b.example.net"));
    assert_false(fits("*.net", "example.net"));
    assert_false(fits("*.net.", "example.net"));
    assert_false(fits("*", "host"));
    assert_false(fits("*.", "host."));
    assert_false(fits("*.*.net", "a.b.net"));
    assert_false(fits("a*.example.net", "ab.example.net"));
    assert_false(fits("*a.example.net", "ba.example.net"));
    assert_false(fits("", ""));
    assert_false(fits(".", "."));
    assert_false(fits("", "host"));
    /* A name with a zero in it is no shorter name. */
    assert_false(ra_server_name_fits((struct ra_span){(const uint8_t *)"host\0.evil", 10}, "host"));
}

static void addresses_are_no_names(void **state)
{
    (void)state;
    assert_int_equal(check("good", "192.0.2.7", NOW, false), RA_OK);
    static const char *const others[] = {"192.0.2.70",  "192.0.2",  "192.0.2.7.1", "192.0.2.0007",
                                         "192.0.2.263", "192.0.2.", "1920.0.2.7",  ""};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(check("good", others[i], NOW, false), RA_E_TLS_NAME);
    }
}

static void no_common_name(void **state)
{
    (void)state;
    assert_int_equal(check("named", HOST, NOW, false), RA_E_TLS_NAME);
}

static void usage(void **state)
{
    (void)state;
    assert_int_equal(check("any", HOST, NOW, false), RA_OK);
    assert_int_equal(check("plain", HOST, NOW, false), RA_OK);
    assert_int_equal(check("client", HOST, NOW, false), RA_E_TLS_USAGE);
    assert_int_equal(check("encipher", HOST, NOW, false), RA_E_TLS_USAGE);
    assert_int_equal(check("authority", HOST, NOW, false), RA_E_TLS_USAGE);
}

static void dates(void **state)
{
    struct ra_cert cert;
    struct ra_span der = server_cert("good");
    (void)state;
    assert_int_equal(ra_cert_parse(&cert, der.p, der.size), RA_OK);
    assert_int_equal(ra_server_check(&cert, HOST, cert.not_before, false), RA_OK);
    assert_int_equal(ra_server_check(&cert, HOST, cert.not_after, false), RA_OK);
    assert_int_equal(ra_server_check(&cert, HOST, cert.not_before - 1, false), RA_E_TLS_NOT_YET);
    assert_int_equal(ra_server_check(&cert, HOST, cert.not_after + 1, false), RA_E_TLS_EXPIRED);
    /* Against a floor: what ended before it has ended, what begins after it may have begun. */
    assert_int_equal(ra_server_check(&cert, HOST, cert.not_before - 1, true), RA_OK);
    assert_int_equal(ra_server_check(&cert, HOST, cert.not_after + 1, true), RA_E_TLS_EXPIRED);
    assert_int_equal(check("expired", HOST, NOW, false), RA_E_TLS_EXPIRED);
    assert_int_equal(check("future", HOST, NOW, false), RA_E_TLS_NOT_YET);
}

/* What ra_cert_parse let through, and more: no bytes lead astray. */
static void any_bytes(void **state)
{
    uint8_t san[24];
    uint32_t seed = 7;
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct ra_cert cert;
        memset(&cert, 0, sizeof cert);
        for (size_t j = 0; j < sizeof san; j++) {
            seed = seed * 1664525u + 1013904223u;
            san[j] = (uint8_t)(seed >> 24);
        }
        san[0] = 0x30;
        san[1] = (uint8_t)(seed >> 8 & 0x1f);
        cert.san = (struct ra_span){san, 1 + seed % sizeof san};
        cert.eku = cert.san;
        (void)ra_server_check(&cert, HOST, 0, false);
        (void)ra_server_name_fits(cert.san, HOST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_as_openssl_sees_them),
        cmocka_unit_test(patterns),
        cmocka_unit_test(addresses_are_no_names),
        cmocka_unit_test(no_common_name),
        cmocka_unit_test(usage),
        cmocka_unit_test(dates),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
