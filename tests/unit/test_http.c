/* The HTTP engine: requests byte for byte, replies whole, byte by byte and in random pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ra_http.h"

#define CAP 8192

static uint8_t buf[CAP];
static struct ra_http http;
static struct ra_url url;

static uint32_t seed;

static size_t random_below(size_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* `size` bytes of a text, without its end. */
static void put(void *to, const char *text, size_t size)
{
    memcpy(to, text, size);
}

static void setup_url(const char *text)
{
    assert_int_equal(ra_url_parse(&url, text, strlen(text)), RA_OK);
}

/* --- requests ------------------------------------------------------------------------------- */

static char sent[32768];
static size_t sent_size;

/* Takes what the engine wants to send, at most `most` bytes at a time. */
static void drain(size_t most)
{
    sent_size = 0;
    while ((ra_http_wants(&http) & RA_HTTP_WANT_SEND) != 0) {
        size_t n;
        const uint8_t *p = ra_http_out(&http, &n);
        if (n == 0) {
            break;
        }
        assert_true(n <= RA_HTTP_OUT_MAX);
        if (n > most) {
            n = most;
        }
        memcpy(sent + sent_size, p, n);
        sent_size += n;
        ra_http_out_taken(&http, n);
    }
    sent[sent_size] = '\0';
}

static void get_is_written(void **state)
{
    (void)state;
    setup_url("http://CA.example.net:8080/certsrv/certnew.cer?ReqID=7&Enc=b64");
    struct ra_http_request r = {.method = RA_HTTP_GET};
    assert_int_equal(ra_http_init(&http, buf, CAP), RA_OK);
    assert_int_equal(ra_http_start(&http, &r, &url, RA_HTTP_NO_TIME), RA_OK);
    drain(1);
    assert_string_equal(sent, "GET /certsrv/certnew.cer?ReqID=7&Enc=b64 HTTP/1.1\r\n"
                              "Host: ca.example.net:8080\r\n"
                              "User-Agent: Perennial\r\n"
                              "Accept: */*\r\n"
                              "Accept-Encoding: identity\r\n"
                              "\r\n");
    assert_int_equal(ra_http_wants(&http), RA_HTTP_WANT_RECEIVE);
    assert_true(ra_http_sent(&http));
    assert_false(ra_http_heard(&http));
}

static size_t read_pattern(void *ctx, size_t offset, uint8_t *to, size_t cap)
{
    size_t most = *(size_t *)ctx;
    if (cap > most) {
        cap = most;
    }
    for (size_t i = 0; i < cap; i++) {
        to[i] = (uint8_t)('a' + (offset + i) % 26);
    }
    return cap;
}

static void post_is_written(void **state)
{
    (void)state;
    size_t most[] = {1, 7, 100000};
    size_t takes[] = {1, 1000, 100000};
    setup_url("http://ca/f");
    for (size_t k = 0; k < 3; k++) {
        /* The example of RFC 7617 §2. */
        struct ra_http_request r = {.method = RA_HTTP_POST,
                                    .user = "Aladdin",
                                    .password = "open sesame",
                                    .allow_plaintext = true,
                                    .user_agent = "Mozilla/5.0",
                                    .content_type = "text/plain",
                                    .body_size = 5000,
                                    .body_read = read_pattern,
                                    .body_ctx = &most[k]};
        assert_int_equal(ra_http_init(&http, buf, CAP), RA_OK);
        assert_int_equal(ra_http_start(&http, &r, &url, RA_HTTP_NO_TIME), RA_OK);
        drain(takes[k]);
        static const char head[] = "POST /f HTTP/1.1\r\n"
                                   "Host: ca\r\n"
                                   "User-Agent: Mozilla/5.0\r\n"
                                   "Accept: */*\r\n"
                                   "Accept-Encoding: identity\r\n"
                                   "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"
                                   "Content-Type: text/plain\r\n"
                                   "Content-Length: 5000\r\n"
                                   "\r\n";
        assert_int_equal(sent_size, sizeof head - 1 + 5000);
        assert_memory_equal(sent, head, sizeof head - 1);
        for (size_t i = 0; i < 5000; i++) {
            assert_int_equal(sent[sizeof head - 1 + i], 'a' + i % 26);
        }
    }
}

/* A request target of which a part is produced while it is sent, as SCEP's GET has it. */
static void a_target_is_produced(void **state)
{
    (void)state;
    size_t most[] = {1, 47, 100000, 100000};
    size_t takes[] = {1, 100, 100000, 7}; /* the last: each piece in parts */
    static char expected[8192];
    setup_url("http://ca:8080/scep?operation=PKIOperation&message=");
    for (size_t k = 0; k < 4; k++) {
        struct ra_http_request r = {.method = RA_HTTP_GET,
                                    .target_size = 5000,
                                    .target_read = read_pattern,
                                    .target_ctx = &most[k]};
        static const char head[] = "GET /scep?operation=PKIOperation&message=";
        static const char tail[] = " HTTP/1.1\r\n"
                                   "Host: ca:8080\r\n"
                                   "User-Agent: Perennial\r\n"
                                   "Accept: */*\r\n"
                                   "Accept-Encoding: identity\r\n"
                                   "\r\n";
        assert_int_equal(ra_http_init(&http, buf, CAP), RA_OK);
        assert_int_equal(ra_http_start(&http, &r, &url, RA_HTTP_NO_TIME), RA_OK);
        drain(takes[k]);
        size_t n = sizeof head - 1;
        memcpy(expected, head, n);
        for (size_t i = 0; i < 5000; i++) {
            expected[n++] = (char)('a' + i % 26);
        }
        memcpy(expected + n, tail, sizeof tail);
        assert_string_equal(sent, expected);
        assert_true(ra_http_sent(&http));
    }
}

static void basic_in_all_lengths(void **state)
{
    (void)state;
    /* python3: base64.b64encode(b"u:"), (b"us:"), (b"use:p"), ("ä:ö".encode()) */
    static const char *const cases[][3] = {{"u", "", "dTo="},
                                           {"us", NULL, "dXM6"},
                                           {"use", "p", "dXNlOnA="},
                                           {"\xc3\xa4", "\xc3\xb6", "w6Q6w7Y="},
                                           {"EXAMPLE\\ra", "x:y", "RVhBTVBMRVxyYTp4Onk="}};
    setup_url("https://ca/");
    assert_int_equal(ra_http_init(&http, buf, CAP), RA_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[80];
        struct ra_http_request r = {.user = cases[i][0], .password = cases[i][1]};
        assert_int_equal(ra_http_start(&http, &r, &url, RA_HTTP_NO_TIME), RA_OK);
        drain(CAP);
        (void)snprintf(line, sizeof line, "\r\nAuthorization: Basic %s\r\n", cases[i][2]);
        assert_non_null(strstr(sent, line));
        /* Nothing of it stays behind. */
        for (size_t k = CAP - RA_HTTP_OUT_MAX; k < CAP; k++) {
            assert_int_equal(buf[k], 0);
        }
    }
}

static size_t lazy(void *ctx, size_t offset, uint8_t *to, size_t cap)
{
    to[0] = 'x';
    return offset < 10 ? 10 : *(size_t *)ctx == 0 ? 0 : cap + 1;
}

static void requests_refused(void **state)
{
    (void)state;
    struct ra_http_request r = {.user = "u"};
    assert_int_equal(ra_http_init(&http, buf, RA_HTTP_BUFFER_MIN - 1), RA_E_ARGUMENT);
    assert_int_equal(ra_http_init(&http, buf, CAP), RA_OK);
    setup_url("http://ca/");
    assert_int_equal(ra_http_start(&http, &r, &url, 0), RA_E_HTTP_PLAINTEXT);
    assert_int_equal(ra_http_wants(&http), RA_HTTP_FINISHED);
    setup_url("https://ca/");
    assert_int_equal(ra_http_start(&http, &r, &url, 0), RA_OK);

    static const struct ra_http_request bad[] = {
        {.user = "a:b"},
        {.user = "a\r\nX"},
        {.user = "a\x7f"},
        {.user = "a", .password = "\n"},
        {.user_agent = "a\r\nb"},
        {.method = RA_HTTP_POST, .content_type = "a\n"},
        {.method = RA_HTTP_POST, .body_size = 1},
        {.method = RA_HTTP_POST, .body_size = (size_t)INT32_MAX + 1, .body_read = lazy},
        {.method = RA_HTTP_GET, .body_size = 1, .body_read = lazy},
        {.method = RA_HTTP_GET, .target_size = 1},
        {.method = RA_HTTP_POST, .target_size = 1, .target_read = lazy},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ra_http_start(&http, &bad[i], &url, 0), RA_E_ARGUMENT);
    }
    static char agent[RA_HTTP_OUT_MAX];
    memset(agent, 'a', sizeof agent - 1);
    struct ra_http_request big = {.user_agent = agent};
    assert_int_equal(ra_http_start(&http, &big, &url, 0), RA_E_LIMIT);

    /* A producer that writes nothing, or claims more than it was given room for. */
    for (size_t k = 0; k < 2; k++) {
        struct ra_http_request post = {
            .method = RA_HTTP_POST, .body_size = 5000, .body_read = lazy, .body_ctx = &k};
        assert_int_equal(ra_http_start(&http, &post, &url, 0), RA_OK);
        drain(CAP);
        assert_int_equal(ra_http_wants(&http), RA_HTTP_FINISHED);
        assert_int_equal(ra_http_outcome(&http), RA_E_ARGUMENT);
        struct ra_http_request get = {
            .method = RA_HTTP_GET, .target_size = 5000, .target_read = lazy, .target_ctx = &k};
        assert_int_equal(ra_http_start(&http, &get, &url, 0), RA_OK);
        drain(CAP);
        assert_int_equal(ra_http_wants(&http), RA_HTTP_FINISHED);
        assert_int_equal(ra_http_outcome(&http), RA_E_ARGUMENT);
    }
}

/* --- replies -------------------------------------------------------------------------------- */

struct outcome {
    ra_err err;
    struct ra_http_reply reply;
    uint8_t body[CAP];
    char location[RA_HTTP_OUT_MAX];
};

static int64_t wall = RA_HTTP_NO_TIME;

/* Feeds `in`; `most` 0: random pieces, `closes`: the peer closes after it. */
static void run(const char *in, size_t size, size_t most, bool closes, struct outcome *o)
{
    struct ra_http_request r = {.method = RA_HTTP_GET};
    memset(buf, 0xa5, sizeof buf);
    assert_int_equal(ra_http_init(&http, buf, CAP), RA_OK);
    assert_int_equal(ra_http_start(&http, &r, &url, wall), RA_OK);
    drain(CAP);
    size_t at = 0;
    while (at < size && (ra_http_wants(&http) & RA_HTTP_WANT_RECEIVE) != 0) {
        size_t room;
        uint8_t *to = ra_http_in(&http, &room);
        size_t n = most != 0 ? most : 1 + random_below(random_below(8) == 0 ? 3000 : 20);
        assert_true(room >= 1);
        n = n < room ? n : room;
        n = n < size - at ? n : size - at;
        memcpy(to, in + at, n);
        ra_http_in_given(&http, n);
        at += n;
    }
    if (closes) {
        ra_http_in_closed(&http);
    }
    memset(o, 0, sizeof *o);
    o->err = ra_http_outcome(&http);
    if (o->err == RA_OK) {
        o->reply = *ra_http_reply(&http);
        assert_ptr_equal(o->reply.body, buf);
        memcpy(o->body, o->reply.body, o->reply.body_size);
        if (o->reply.location != NULL) {
            memcpy(o->location, o->reply.location, o->reply.location_size);
        }
        o->reply.location = NULL;
    }
}

static struct outcome first, other;

/* The same result however the bytes are cut; the result is in `first`. */
static ra_err feed_bytes(const char *in, size_t size, bool closes)
{
    run(in, size, CAP, closes, &first);
    run(in, size, 1, closes, &other);
    assert_memory_equal(&first, &other, sizeof first);
    for (uint32_t s = 1; s <= 12; s++) {
        seed = s * 7919u;
        run(in, size, 0, closes, &other);
        assert_memory_equal(&first, &other, sizeof first);
    }
    return first.err;
}

static ra_err feed(const char *in)
{
    return feed_bytes(in, strlen(in), false);
}

static ra_err feed_closed(const char *in)
{
    return feed_bytes(in, strlen(in), true);
}

static void expect_body(const char *body)
{
    assert_int_equal(first.reply.body_size, strlen(body));
    assert_memory_equal(first.body, body, strlen(body));
}

static void bodies(void **state)
{
    (void)state;
    setup_url("http://ca/");
    assert_int_equal(feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: "
                          "Application/PKIX-Cert ; charset=x\r\n\r\nhello"),
                     RA_OK);
    expect_body("hello");
    assert_int_equal(first.reply.status, 200);
    assert_string_equal(first.reply.reason, "OK");
    assert_string_equal(first.reply.content_type, "application/pkix-cert");
    assert_int_equal(first.reply.retry_after_s, -1);
    assert_true(first.reply.date == RA_HTTP_NO_TIME);

    /* All that a name may be made of [RFC 9110 5.6.2]. */
    assert_int_equal(feed("HTTP/1.1 200 OK\r\n!#$%&'*+-.^_`|~09AZaz: x\r\n"
                          "content-length:0\r\n\r\n"),
                     RA_OK);
    expect_body("");
    assert_int_equal(feed("HTTP/1.1 204 No Content\r\n\r\n"), RA_OK);
    assert_int_equal(feed("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), RA_OK);
    expect_body("");
    assert_int_equal(feed("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"), RA_OK);
    assert_int_equal(feed("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), RA_OK);
    assert_string_equal(first.reply.reason, "");
    assert_int_equal(feed("HTTP/1.1 599 G\xc3\xb6t\ttab\r\nContent-Length: 000\r\n\r\n"), RA_OK);
    assert_string_equal(first.reply.reason, "G??t?tab");

    assert_int_equal(feed_closed("HTTP/1.1 200 OK\r\n\r\nuntil the end"), RA_OK);
    expect_body("until the end");
    assert_int_equal(feed_closed("HTTP/1.0 404 Not Found\r\n\r\n"), RA_OK);
    assert_string_equal(first.reply.reason, "Not Found");
    expect_body("");

    assert_int_equal(feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
                          "5\r\nhello\r\n1;a=\"b c\"\r\n \r\nA  \r\n0123456789\r\n0\r\n\r\n"),
                     RA_OK);
    expect_body("hello 0123456789");
    assert_int_equal(feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked \r\n\r\n"
                          "00000003\r\nabc\r\n0000;last\r\nExpires: never\r\nX: y\r\n\r\n"),
                     RA_OK);
    expect_body("abc");
}

static void truncated(void **state)
{
    (void)state;
    setup_url("http://ca/");
    static const char *const whole[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: x\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        size_t size = strlen(whole[i]);
        for (size_t n = 0; n < size; n++) {
            assert_int_equal(feed_bytes(whole[i], n, false), RA_AGAIN);
            assert_int_equal(feed_bytes(whole[i], n, true), RA_E_NET_CLOSED);
        }
        assert_int_equal(feed_bytes(whole[i], size, false), RA_OK);
    }
}

static void broken(void **state)
{
    (void)state;
    setup_url("http://ca/");
#define H "HTTP/1.1 200 OK\r\n"
#define C H "Transfer-Encoding: chunked\r\n\r\n"
    static const struct {
        const char *in;
        ra_err err;
    } cases[] = {
        /* status line */
        {"HTTP/2.0 200 OK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"HTTP/1.1  200 OK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"HTTP/1.1 2000 OK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"HTTP/1.1 20 OKOK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"HTTP/1.1 -20 OK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"HTTP/1.1 099 OK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"HTTP/1.1 600 OK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"HTTP/1.11 200 OK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"HTTP/1.99999999999 200 OK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"HTTP/1.1 200-OK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"http/1.1 200 OK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"220 smtp.example.net ESMTP\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"A\r\n\r\n", RA_E_HTTP_SYNTAX},
        {"<html>\n", RA_E_HTTP_SYNTAX},
        /* line ends and control bytes */
        {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", RA_E_HTTP_SYNTAX},
        {H "A: b\nContent-Length: 0\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H "A: b\rc\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H "A: b\r\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H "A: b\r\n\rX", RA_E_HTTP_SYNTAX},
        {H "A: \x01\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H "A: \x7f\r\n\r\n", RA_E_HTTP_SYNTAX},
        /* header lines */
        {H "A: b\r\n folded\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H "A: b\r\n\tfolded\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H " A: b\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H "Content-Length : 5\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H ": b\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H "A\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H "A(b): c\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H "A{b}: c\r\n\r\n", RA_E_HTTP_SYNTAX},
        {H "A\xc3\xa4: c\r\n\r\n", RA_E_HTTP_SYNTAX},
        /* length of the body */
        {H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Content-Length: 5, 5\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Content-Length: -1\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Content-Length: +1\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Content-Length: 0x5\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Content-Length: 5 5\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Content-Length: 5;\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Content-Length:\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Content-Length: 8193\r\n\r\n", RA_E_HTTP_TOO_LARGE},
        {H "Content-Length: 4294967301\r\n\r\nhello", RA_E_HTTP_TOO_LARGE},
        {H "Content-Length: 18446744073709551621\r\n\r\nhello", RA_E_HTTP_TOO_LARGE},
        {H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Transfer-Encoding: gzip, chunked\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Transfer-Encoding: identity\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Transfer-Encoding: xchunked\r\n\r\n", RA_E_HTTP_LENGTH},
        {H "Transfer-Encoding: chunke\r\n\r\n", RA_E_HTTP_LENGTH},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", RA_E_HTTP_LENGTH},
        {"HTTP/1.1 204 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", RA_E_HTTP_LENGTH},
        /* chunks */
        {C "\r\n", RA_E_HTTP_CHUNK},
        {C "g\r\n", RA_E_HTTP_CHUNK},
        {C "-1\r\n", RA_E_HTTP_CHUNK},
        {C "0x5\r\n", RA_E_HTTP_CHUNK},
        {C " 5\r\n", RA_E_HTTP_CHUNK},
        {C "5\nhello", RA_E_HTTP_CHUNK},
        {C "5\rhello", RA_E_HTTP_CHUNK},
        {C "5;\x01\r\n", RA_E_HTTP_CHUNK},
        {C "5;\x7f\r\n", RA_E_HTTP_CHUNK},
        {C "5\r\nhelloX\r\n", RA_E_HTTP_CHUNK},
        {C "5\r\nhello\n", RA_E_HTTP_CHUNK},
        {C "5\r\nhello\rX", RA_E_HTTP_CHUNK},
        {C "5\r\nhello\r\r\n", RA_E_HTTP_CHUNK},
        {C "000000005\r\n", RA_E_HTTP_CHUNK},
        {C "100000005\r\n", RA_E_HTTP_CHUNK},
        {C "ffffffffffffffff\r\n", RA_E_HTTP_CHUNK},
        {C "ffffffff\r\n", RA_E_HTTP_TOO_LARGE},
        {C "2001\r\n", RA_E_HTTP_TOO_LARGE},
        {C "5\r\nhello\r\n1ffc\r\n", RA_E_HTTP_TOO_LARGE},
        {C "0\r\nA: b\n\r\n", RA_E_HTTP_SYNTAX},
        {C "0\r\nA: \x02\r\n\r\n", RA_E_HTTP_SYNTAX},
        {C "0\r\nA: \x7f\r\n\r\n", RA_E_HTTP_SYNTAX},
        {C "0\r\n\rX", RA_E_HTTP_SYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ra_err e = feed(cases[i].in);
        if (e != cases[i].err) {
            print_error("case %u: %s gives %d\n", (unsigned)i, cases[i].in, (int)e);
        }
        assert_int_equal(e, cases[i].err);
        assert_false(ra_http_keep_alive(&http));
    }
    assert_int_equal(feed_bytes(H "A: b\0c\r\n\r\n", 25, false), RA_E_HTTP_SYNTAX);
}

static char big[64 * 1024];
static size_t big_size;

static void add(const char *text)
{
    size_t n = strlen(text);
    memcpy(big + big_size, text, n + 1);
    big_size += n;
}

static void fill(char c, size_t n)
{
    memset(big + big_size, c, n);
    big_size += n;
}

static void limits(void **state)
{
    (void)state;
    setup_url("http://ca/");
    /* A head of exactly RA_HTTP_HEAD_MAX bytes, and of one more. */
    for (size_t extra = 0; extra < 2; extra++) {
        big_size = 0;
        add(H "Content-Length: 0\r\nX: ");
        fill('x', RA_HTTP_HEAD_MAX - big_size - 4 + extra);
        add("\r\n\r\n");
        assert_int_equal(feed_bytes(big, big_size, false), extra ? RA_E_HTTP_HEADERS : RA_OK);
    }
    big_size = 0;
    fill('H', 20000);
    assert_int_equal(feed_bytes(big, big_size, false), RA_E_HTTP_HEADERS);
    /* RA_HTTP_HEADERS_MAX headers, and one more. */
    for (size_t extra = 0; extra < 2; extra++) {
        big_size = 0;
        add(H "Content-Length: 0\r\n");
        for (size_t i = 1; i < RA_HTTP_HEADERS_MAX + extra; i++) {
            add("X: y\r\n");
        }
        add("\r\n");
        assert_int_equal(feed_bytes(big, big_size, false), extra ? RA_E_HTTP_HEADERS : RA_OK);
    }
    /* Interim replies. */
    for (size_t extra = 0; extra < 2; extra++) {
        big_size = 0;
        for (size_t i = 0; i < RA_HTTP_INTERIM_MAX + extra; i++) {
            add(i % 2 == 0 ? "HTTP/1.1 100 Continue\r\n\r\n"
                           : "HTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 7\r\n\r\n");
        }
        add(H "Content-Length: 2\r\n\r\nok");
        assert_int_equal(feed_bytes(big, big_size, false), extra ? RA_E_HTTP_HEADERS : RA_OK);
        if (extra == 0) {
            expect_body("ok");
            assert_int_equal(first.reply.status, 200);
        }
    }
    /* A body that fills the buffer, and one byte more, in the three ways. */
    for (size_t extra = 0; extra < 2; extra++) {
        big_size = 0;
        add(H "\r\n");
        fill('b', CAP + extra);
        assert_int_equal(feed_bytes(big, big_size, true), extra ? RA_E_HTTP_TOO_LARGE : RA_OK);
        assert_int_equal(first.reply.body_size, extra ? 0 : CAP);

        big_size = 0;
        add(extra ? H "Content-Length: 8193\r\n\r\n" : H "Content-Length: 8192\r\n\r\n");
        fill('b', CAP + extra);
        assert_int_equal(feed_bytes(big, big_size, false), extra ? RA_E_HTTP_TOO_LARGE : RA_OK);
        assert_int_equal(first.reply.body_size, extra ? 0 : CAP);

        big_size = 0;
        add(C "1000\r\n");
        fill('b', 4096);
        add(extra ? "\r\n1001\r\n" : "\r\n1000\r\n");
        fill('b', 4096 + extra);
        add("\r\n0\r\nTrailer: with some length\r\n\r\n");
        assert_int_equal(feed_bytes(big, big_size, false), extra ? RA_E_HTTP_TOO_LARGE : RA_OK);
        assert_int_equal(first.reply.body_size, extra ? 0 : CAP);
    }
    /* Chunk extensions and trailers. */
    for (size_t extra = 0; extra < 2; extra++) {
        big_size = 0;
        add(C "1");
        fill(';', RA_HTTP_CHUNK_EXT_MAX + extra);
        add("\r\nx\r\n1");
        fill(';', RA_HTTP_CHUNK_EXT_MAX);
        add("\r\nx\r\n0\r\n\r\n");
        assert_int_equal(feed_bytes(big, big_size, false), extra ? RA_E_HTTP_CHUNK : RA_OK);

        big_size = 0;
        add(C "0\r\nT:");
        fill('t', RA_HTTP_TRAILER_MAX - 4 + extra);
        add("\r\n\r\n");
        assert_int_equal(feed_bytes(big, big_size, false), extra ? RA_E_HTTP_HEADERS : RA_OK);
    }
}

static void many_chunks(void **state)
{
    (void)state;
    setup_url("http://ca/");
    big_size = 0;
    add(C);
    for (unsigned i = 0; i < CAP; i++) {
        static const char digits[] = "0123456789abcdef";
        char chunk[] = "1\r\n?\r\n";
        chunk[3] = digits[i % 16];
        if (big_size + 16 > sizeof big) {
            break;
        }
        add(chunk);
    }
    add("0\r\n\r\n");
    assert_int_equal(feed_bytes(big, big_size, false), RA_OK);
    assert_int_equal(first.reply.body_size, CAP);
    for (size_t i = 0; i < first.reply.body_size; i++) {
        assert_int_equal(first.body[i], "0123456789abcdef"[i % 16]);
    }
}

/* --- headers that are read ------------------------------------------------------------------ */

static void authentication(void **state)
{
    (void)state;
    setup_url("http://ca/");
#define U "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
    static const struct {
        const char *in;
        unsigned set;
    } cases[] = {
        {U "\r\n", 0},
        {U "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n\r\n",
         RA_HTTP_AUTH_NEGOTIATE | RA_HTTP_AUTH_NTLM},
        {U "www-authenticate: Negotiate, NTLM , basic realm=\"x, Digest\"\r\n\r\n",
         RA_HTTP_AUTH_NEGOTIATE | RA_HTTP_AUTH_NTLM | RA_HTTP_AUTH_BASIC},
        {U "WWW-Authenticate: Digest realm=\"a\\\", Basic\", nonce = \"b\", qop=auth,NTLM\r\n\r\n",
         RA_HTTP_AUTH_DIGEST | RA_HTTP_AUTH_NTLM},
        {U "WWW-Authenticate: Bearer abc==, Basic realm=y\r\n\r\n",
         RA_HTTP_AUTH_OTHER | RA_HTTP_AUTH_BASIC},
        {U "WWW-Authenticate: Basics\r\n\r\n", RA_HTTP_AUTH_OTHER},
        {U "WWW-Authenticate: Negotiate TlRMTVNTUAAB,\r\n\r\n", RA_HTTP_AUTH_NEGOTIATE},
        {U "WWW-Authenticate: Basic realm=\"unterminated, NTLM\\\r\n\r\n", RA_HTTP_AUTH_BASIC},
        {U "WWW-Authenticate: ,,\r\n\r\n", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(feed(cases[i].in), RA_OK);
        assert_int_equal(first.reply.auth, cases[i].set);
    }
}

static void waiting_and_dates(void **state)
{
    (void)state;
    setup_url("http://ca/");
    /* date -u -d 'Sun, 22 Nov 2026 22:00:00 GMT' +%s */
    const int64_t then = 1795384800;
#define S "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n"
#define D "Date: Sun, 22 Nov 2026 22:00:00 GMT\r\n"
    static const struct {
        const char *in;
        int64_t wait;
    } cases[] = {
        {S "Retry-After: 120\r\n\r\n", 120},
        {S "Retry-After: 0\r\n\r\n", 0},
        {S "Retry-After: 99999999999999999999\r\n\r\n", INT32_MAX},
        {S "Retry-After: -5\r\n\r\n", -1},
        {S "Retry-After: soon\r\n\r\n", -1},
        {S "Retry-After: Sun, 22 Nov 2026 22:10:00 GMT\r\n\r\n", -1},
        {S D "Retry-After: Sun, 22 Nov 2026 22:10:00 GMT\r\n\r\n", 600},
        {S "Retry-After: Sun, 22 Nov 2026 22:10:00 GMT\r\n" D "\r\n", 600},
        {S D "Retry-After: Sun, 22 Nov 2026 21:10:00 GMT\r\n\r\n", 0},
        {S D "Retry-After: tomorrow\r\n\r\n", -1},
        {S D "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n\r\n", INT32_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(feed(cases[i].in), RA_OK);
        assert_true(first.reply.retry_after_s == cases[i].wait);
    }
    assert_int_equal(feed(S D "\r\n"), RA_OK);
    assert_true(first.reply.date == then);
    assert_int_equal(feed(S "Date: yesterday\r\n\r\n"), RA_OK);
    assert_true(first.reply.date == RA_HTTP_NO_TIME);
    wall = then - 60;
    assert_int_equal(feed(S "Retry-After: Sun, 22 Nov 2026 22:10:00 GMT\r\n\r\n"), RA_OK);
    assert_true(first.reply.retry_after_s == 660);
    wall = RA_HTTP_NO_TIME;
}

static void content_types(void **state)
{
    (void)state;
    setup_url("http://ca/");
    static const char *const cases[][2] = {
        {"text/html", "text/html"},
        {"Text/HTML;charset=utf-8", "text/html"},
        {"TEXT/html\t; a", "text/html"},
        {"", ""},
        {"application/0123456789012345678901234567890123456789", ""},
        {"text/html\r\nContent-Type: text/plain", "text/html"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        big_size = 0;
        add(H "Content-Length: 0\r\nContent-Type: ");
        add(cases[i][0]);
        add("\r\n\r\n");
        assert_int_equal(feed_bytes(big, big_size, false), RA_OK);
        assert_string_equal(first.reply.content_type, cases[i][1]);
    }
}

static void locations(void **state)
{
    (void)state;
    setup_url("http://ca/");
    assert_int_equal(feed("HTTP/1.1 302 Found\r\nLocation: /certsrv/ \r\nContent-Length: "
                          "4\r\n\r\nmove"),
                     RA_OK);
    assert_int_equal(first.reply.location_size, 9);
    assert_string_equal(first.location, "/certsrv/");
    expect_body("move");
    /* It survives a body as large as one with a Location may be. */
    big_size = 0;
    add("HTTP/1.1 307 Found\r\nLocation: /x\r\nContent-Length: 7168\r\n\r\n");
    fill('b', CAP - RA_HTTP_OUT_MAX);
    assert_int_equal(feed_bytes(big, big_size, false), RA_OK);
    assert_string_equal(first.location, "/x");
    assert_int_equal(first.reply.body_size, 7168);
    assert_int_equal(feed(H "Location: /x\r\nContent-Length: 0\r\n\r\n"), RA_OK);
    assert_int_equal(first.reply.location_size, 0);
    assert_int_equal(feed("HTTP/1.1 302 F\r\nLocation: /a\r\nLocation: /b\r\n"
                          "Content-Length: 0\r\n\r\n"),
                     RA_OK);
    assert_string_equal(first.location, "/a");
    /* The longest that is kept, and one more. */
    for (size_t extra = 0; extra < 2; extra++) {
        big_size = 0;
        add("HTTP/1.1 302 F\r\nContent-Length: 0\r\nLocation: ");
        fill('/', RA_HTTP_OUT_MAX - 1 + extra);
        add("\r\n\r\n");
        assert_int_equal(feed_bytes(big, big_size, false), RA_OK);
        assert_int_equal(first.reply.status, 302);
        assert_int_equal(first.reply.location_size, extra ? 0 : RA_HTTP_OUT_MAX - 1);
    }
}

static void keeping_alive(void **state)
{
    (void)state;
    setup_url("http://ca/");
    static const struct {
        const char *in;
        bool closes, keep;
    } cases[] = {
        {H "Content-Length: 0\r\n\r\n", false, true},
        {C "0\r\n\r\n", false, true},
        {"HTTP/1.1 204 No\r\n\r\n", false, true},
        {H "Content-Length: 0\r\nConnection: close\r\n\r\n", false, false},
        {H "Content-Length: 0\r\nConnection: Foo , CLOSE\r\n\r\n", false, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", false, true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, close\r\n\r\n", false,
         false},
        {H "Content-Length: 0\r\nConnection: close, keep-alive\r\n\r\n", false, false},
        {H "\r\nx", true, false},
        {H "Content-Length: 1\r\n\r\nxy", false, false}, /* something follows */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run(cases[i].in, strlen(cases[i].in), CAP, cases[i].closes, &first);
        assert_int_equal(first.err, RA_OK);
        assert_int_equal(ra_http_keep_alive(&http), cases[i].keep);
    }
}

/* --- a reply before the end of the request -------------------------------------------------- */

static size_t give(const char *in)
{
    size_t room, n = strlen(in);
    uint8_t *to = ra_http_in(&http, &room);
    if (n > room) {
        n = room;
    }
    put(to, in, n);
    ra_http_in_given(&http, n);
    return n;
}

static void early_replies(void **state)
{
    (void)state;
    size_t most = 100000, n;
    setup_url("http://ca/");
    struct ra_http_request r = {
        .method = RA_HTTP_POST, .body_size = 5000, .body_read = read_pattern, .body_ctx = &most};
    assert_int_equal(ra_http_init(&http, buf, CAP), RA_OK);

    /* An error ends the sending. */
    assert_int_equal(ra_http_start(&http, &r, &url, 0), RA_OK);
    (void)ra_http_out(&http, &n);
    ra_http_out_taken(&http, n);
    (void)give("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nbi");
    assert_int_equal(ra_http_wants(&http), RA_HTTP_WANT_RECEIVE);
    (void)give("g!");
    assert_int_equal(ra_http_outcome(&http), RA_OK);
    assert_int_equal(ra_http_reply(&http)->status, 413);
    assert_memory_equal(ra_http_reply(&http)->body, "big!", 4);
    assert_false(ra_http_keep_alive(&http));

    /* 100 does not; neither does it disturb the bytes that go out. */
    assert_int_equal(ra_http_start(&http, &r, &url, 0), RA_OK);
    (void)ra_http_out(&http, &n);
    ra_http_out_taken(&http, n);
    (void)give("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7000\r\n\r\n");
    (void)ra_http_out(&http, &n);
    size_t room, given = 0;
    while ((ra_http_wants(&http) & RA_HTTP_WANT_RECEIVE) != 0) {
        /* Until the window would be overwritten. */
        uint8_t *to = ra_http_in(&http, &room);
        room = room < 1000 ? room : 1000;
        if (room > 7000 - given) {
            break;
        }
        memset(to, 'r', room);
        ra_http_in_given(&http, room);
        given += room;
    }
    assert_int_equal(given, 7000);
    assert_int_equal(ra_http_outcome(&http), RA_OK);
    assert_false(ra_http_keep_alive(&http));

    assert_int_equal(ra_http_start(&http, &r, &url, 0), RA_OK);
    (void)ra_http_out(&http, &n);
    ra_http_out_taken(&http, n);
    (void)give("HTTP/1.1 200 OK\r\nContent-Length: 8000\r\n\r\n");
    given = 0;
    while ((ra_http_wants(&http) & RA_HTTP_WANT_RECEIVE) != 0) {
        uint8_t *to = ra_http_in(&http, &room);
        memset(to, 'r', room);
        ra_http_in_given(&http, room);
        given += room;
    }
    assert_int_equal(given, CAP - RA_HTTP_OUT_MAX);
    drain(CAP);
    assert_int_equal(sent_size, 5000);
    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(sent[i], 'a' + i % 26);
    }
    while (given < 8000) {
        uint8_t *to = ra_http_in(&http, &room);
        room = room < 8000 - given ? room : 8000 - given;
        memset(to, 'r', room);
        ra_http_in_given(&http, room);
        given += room;
    }
    assert_int_equal(ra_http_outcome(&http), RA_OK);
    assert_true(ra_http_keep_alive(&http));
    for (size_t i = 0; i < 8000; i++) {
        assert_int_equal(ra_http_reply(&http)->body[i], 'r');
    }
}

/* A caller that does not keep to what it was told does no harm. */
static void careless_caller(void **state)
{
    (void)state;
    struct ra_http_request r = {.method = RA_HTTP_GET};
    size_t n;
    setup_url("http://ca/");
    assert_int_equal(ra_http_init(&http, buf, CAP), RA_OK);
    assert_int_equal(ra_http_start(&http, &r, &url, 0), RA_OK);
    drain(CAP);
    (void)ra_http_out(&http, &n);
    assert_int_equal(n, 0);
    memset(buf, 'x', sizeof buf);
    ra_http_in_given(&http, 100000);
    assert_int_equal(ra_http_outcome(&http), RA_E_HTTP_HEADERS);
    (void)ra_http_in(&http, &n);
    assert_int_equal(n, 0);
    ra_http_in_given(&http, 1);
    ra_http_in_closed(&http);
    assert_int_equal(ra_http_outcome(&http), RA_E_HTTP_HEADERS);
    /* It has ended before all was sent: nothing more goes out. */
    assert_int_equal(ra_http_start(&http, &r, &url, 0), RA_OK);
    ra_http_in_closed(&http);
    (void)ra_http_out(&http, &n);
    assert_int_equal(n, 0);
}

/* Mutated replies: any bytes end in some outcome, the same for every cut. */
static void mutations(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        H "Content-Length: 5\r\nDate: Sun, 22 Nov 2026 22:00:00 GMT\r\nRetry-After: 5\r\n\r\nhello",
        C "5;x\r\nhello\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\n",
        "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 1\r\n\r\nz",
        U "WWW-Authenticate: Digest realm=\"a\", Basic realm=\"b\"\r\n\r\n",
    };
    static const char bytes[] = "\r\n :;,\"\\0159afAF\t\x7f\x80-";
    uint32_t s = 1;
    for (unsigned i = 0; i < 600; i++) {
        char in[256];
        const char *from = seeds[i % 4];
        size_t size = strlen(from);
        put(in, from, size);
        for (unsigned k = 0; k < 1 + i % 3; k++) {
            s = s * 1664525u + 1013904223u;
            in[(s >> 8) % size] = bytes[(s >> 20) % (sizeof bytes - 1)];
        }
        run(in, size, CAP, true, &first);
        run(in, size, 1, true, &other);
        assert_memory_equal(&first, &other, sizeof first);
        seed = i;
        run(in, size, 0, true, &other);
        assert_memory_equal(&first, &other, sizeof first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_is_written),
        cmocka_unit_test(post_is_written),
        cmocka_unit_test(a_target_is_produced),
        cmocka_unit_test(basic_in_all_lengths),
        cmocka_unit_test(requests_refused),
        cmocka_unit_test(bodies),
        cmocka_unit_test(truncated),
        cmocka_unit_test(broken),
        cmocka_unit_test(limits),
        cmocka_unit_test(many_chunks),
        cmocka_unit_test(authentication),
        cmocka_unit_test(waiting_and_dates),
        cmocka_unit_test(content_types),
        cmocka_unit_test(locations),
        cmocka_unit_test(keeping_alive),
        cmocka_unit_test(early_replies),
        cmocka_unit_test(careless_caller),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
