/* URLs: what is accepted, how paths are joined, where a redirect leads (RFC 3986 §5.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_url.h"

static struct ra_url url;

/* `size` bytes of a text, without its end. */
static void put(void *to, const char *text, size_t size)
{
    memcpy(to, text, size);
}

static ra_err parse(const char *text)
{
    return ra_url_parse(&url, text, strlen(text));
}

static void accepted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool tls;
        uint16_t port;
        const char *host, *path;
    } cases[] = {
        {"http://ca.example.net/certsrv", false, 80, "ca.example.net", "/certsrv"},
        {"HTTPS://CA.Example.Net", true, 443, "ca.example.net", "/"},
        {"http://10.0.2.2:8080/", false, 8080, "10.0.2.2", "/"},
        {"http://ca_1:65535?x=1", false, 65535, "ca_1", "/?x=1"},
        {"https://ca.:443/a%20b/c?d=e&f", true, 443, "ca.", "/a%20b/c?d=e&f"},
        {"http://h:/x", false, 80, "h", "/x"},
        {"https://h:80/", true, 80, "h", "/"},
        {"http://h:81", false, 81, "h", "/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].text), RA_OK);
        assert_int_equal(url.tls, cases[i].tls);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.host, cases[i].host);
        assert_string_equal(url.path, cases[i].path);
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "http://",          "http:///x",         "http://h:0/",
        "http://h:65536/",  "http://h:8o/",      "http://h:-1/",
        "http://u@h/",      "http://u:p@h/",     "http://[::1]/",
        "http://[::1]:80/", "http://h/a b",      "http://h/a#b",
        "http://h/\x7f",    "http://h/\xc3\xa4", "http://h/a\"b",
        "http://h\\x/",     "http://a..b/",      "http://.a/",
        "http://h/a\r\nX:", "http://h%20/",      "http://h:99999999999999999999/",
        "http://h{x}/",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i]), RA_E_URL);
    }
    assert_int_equal(parse("ftp://h/"), RA_E_HTTP_SCHEME);
    assert_int_equal(parse("h/path"), RA_E_HTTP_SCHEME);
    assert_int_equal(parse(""), RA_E_HTTP_SCHEME);
    assert_int_equal(parse("http:/"), RA_E_HTTP_SCHEME);
}

static void lengths(void **state)
{
    (void)state;
    char text[RA_URL_MAX + 2];
    memset(text, 'a', sizeof text);
    put(text, "http://h/", 9);
    assert_int_equal(ra_url_parse(&url, text, RA_URL_MAX), RA_OK);
    assert_int_equal(strlen(url.path), RA_URL_MAX - 8);
    assert_int_equal(ra_url_parse(&url, text, RA_URL_MAX + 1), RA_E_URL);

    memset(text, 'a', sizeof text);
    put(text, "http://", 7);
    assert_int_equal(ra_url_parse(&url, text, 7 + RA_HOST_MAX), RA_OK);
    assert_int_equal(strlen(url.host), RA_HOST_MAX);
    assert_int_equal(ra_url_parse(&url, text, 7 + RA_HOST_MAX + 1), RA_E_URL);
}

static void joined(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"http://h/certsrv", "certfnsh.asp", "/certsrv/certfnsh.asp"},
        {"http://h/certsrv/", "certfnsh.asp", "/certsrv/certfnsh.asp"},
        {"http://h/certsrv/", "/certnew.cer?ReqID=1", "/certsrv/certnew.cer?ReqID=1"},
        {"http://h", "a", "/a"},
        {"http://h/mscep.dll", "?operation=GetCACert", "/mscep.dll?operation=GetCACert"},
        {"http://h/x", "", "/x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i][0]), RA_OK);
        assert_int_equal(ra_url_join(&url, cases[i][1]), RA_OK);
        assert_string_equal(url.path, cases[i][2]);
    }
    assert_int_equal(parse("http://h/x?y"), RA_OK);
    assert_int_equal(ra_url_join(&url, "z"), RA_E_URL);
    assert_string_equal(url.path, "/x?y");
    assert_int_equal(parse("http://h/x"), RA_OK);
    assert_int_equal(ra_url_join(&url, "a b"), RA_E_URL);

    char suffix[RA_URL_PATH_MAX + 1];
    memset(suffix, 'a', sizeof suffix);
    suffix[RA_URL_PATH_MAX - 3] = '\0'; /* "/x" and "/" before it */
    assert_int_equal(ra_url_join(&url, suffix), RA_OK);
    assert_int_equal(strlen(url.path), RA_URL_PATH_MAX);
    assert_int_equal(parse("http://h/x"), RA_OK);
    suffix[RA_URL_PATH_MAX - 3] = 'a';
    suffix[RA_URL_PATH_MAX - 2] = '\0';
    assert_int_equal(ra_url_join(&url, suffix), RA_E_URL);
}

static void followed(void **state)
{
    (void)state;
    /* The base and most answers are those of RFC 3986 §5.4. */
    static const char *const cases[][2] = {
        {"g", "/b/c/g"},
        {"./g", "/b/c/g"},
        {"g/", "/b/c/g/"},
        {"/g", "/g"},
        {"?y", "/b/c/d;p?y"},
        {"g?y", "/b/c/g?y"},
        {"g?y#s", "/b/c/g?y"},
        {";x", "/b/c/;x"},
        {".", "/b/c/"},
        {"./", "/b/c/"},
        {"..", "/b/"},
        {"../", "/b/"},
        {"../g", "/b/g"},
        {"../..", "/"},
        {"../../g", "/g"},
        {"../../../g", "/g"},
        {"/./g", "/g"},
        {"/../g", "/g"},
        {"g.", "/b/c/g."},
        {"..g", "/b/c/..g"},
        {".g", "/b/c/.g"},
        {"./g/.", "/b/c/g/"},
        {"g/../h", "/b/c/h"},
        {"g?y/../x", "/b/c/g?y/../x"},
        {"http://a/x/../y", "/y"},
        {"HTTP://A:80/z", "/z"},
        {"http://a", "/"},
        {"http://a?q", "/?q"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse("http://a/b/c/d;p?q"), RA_OK);
        assert_int_equal(ra_url_follow(&url, cases[i][0], strlen(cases[i][0])), RA_OK);
        assert_string_equal(url.path, cases[i][1]);
        assert_string_equal(url.host, "a");
    }
    static const char *const elsewhere[] = {
        "https://a/b",
        "http://b/",
        "http://a:81/",
        "//b/c",
        "//a/c",
        "http://a@b/",
        "ftp://a/",
        "mailto:x",
        "",
        "#x",
        "/a b",
        "javascript:alert(1)",
        "http://[::1]/",
        "/a\x7f",
    };
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        assert_int_equal(parse("http://a/b/c/d;p?q"), RA_OK);
        assert_int_equal(ra_url_follow(&url, elsewhere[i], strlen(elsewhere[i])),
                         RA_E_HTTP_REDIRECT);
        assert_string_equal(url.path, "/b/c/d;p?q");
    }
    char lots[RA_URL_PATH_MAX + 2];
    memset(lots, 'a', sizeof lots);
    lots[0] = '/';
    assert_int_equal(ra_url_follow(&url, lots, RA_URL_PATH_MAX), RA_OK);
    assert_int_equal(ra_url_follow(&url, lots, RA_URL_PATH_MAX + 1), RA_E_HTTP_REDIRECT);
}

static void origins(void **state)
{
    (void)state;
    struct ra_url a, b;
    assert_int_equal(ra_url_parse(&a, "http://h/x", 10), RA_OK);
    assert_int_equal(ra_url_parse(&b, "http://H:80/", 12), RA_OK);
    assert_true(ra_url_same_origin(&a, &b));
    assert_int_equal(ra_url_parse(&b, "https://h:80/", 13), RA_OK);
    assert_false(ra_url_same_origin(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted), cmocka_unit_test(refused),  cmocka_unit_test(lengths),
        cmocka_unit_test(joined),   cmocka_unit_test(followed), cmocka_unit_test(origins),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
