/* An HTTP exchange over a transport: limits, reuse, redirects, and a server that goes away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_transport.h"
#include "ra_exchange.h"

static uint8_t buf[RA_HTTP_BUFFER_MIN];
static struct ra_exchange x;
static struct fake_transport fake;
static struct ra_url url;
static uint64_t now;

static const struct ra_exchange_limits limits = {
    .connect_ms = 1000, .idle_ms = 2000, .total_ms = 10000, .reuse_ms = 500};

static void begin_with(const struct fake_connection *connections, size_t count)
{
    fake_transport_init(&fake);
    fake.connections = connections;
    fake.connection_count = count;
    now = 5;
    assert_int_equal(ra_exchange_init(&x, &fake.transport, &limits, buf, sizeof buf), RA_OK);
    assert_int_equal(ra_url_parse(&url, "http://ca:8080/a", 16), RA_OK);
}
#define SCRIPT(c) begin_with(c, sizeof(c) / sizeof((c)[0]))

/* Steps until the end; time passes only while nothing else happens. */
static ra_err finish(void)
{
    ra_err e;
    unsigned rounds = 0;
    while ((e = ra_exchange_step(&x, now)) == RA_AGAIN) {
        uint32_t wait = ra_exchange_wait_ms(&x, now);
        assert_true(wait <= limits.total_ms);
        now += wait < 100 ? wait : 100;
        assert_true(++rounds < 100000);
    }
    assert_int_equal(ra_exchange_wait_ms(&x, now), UINT32_MAX);
    return e;
}

static ra_err run(const struct ra_http_request *request)
{
    struct ra_http_request r = *request;
    r.url = &url;
    ra_err e = ra_exchange_start(&x, &r, now, RA_HTTP_NO_TIME);
    if (e == RA_OK) {
        assert_int_equal(ra_exchange_wait_ms(&x, now), 0);
        assert_int_equal(ra_exchange_start(&x, &r, now, RA_HTTP_NO_TIME), RA_E_BUSY);
        e = finish();
    }
    assert_int_equal(ra_exchange_step(&x, now), RA_E_STATE);
    return e;
}

static size_t read_letters(void *ctx, size_t offset, uint8_t *to, size_t cap)
{
    (void)ctx;
    for (size_t i = 0; i < cap; i++) {
        to[i] = (uint8_t)('a' + (offset + i) % 26);
    }
    return cap;
}

static const struct ra_http_request get = {.method = RA_HTTP_GET};
static const struct ra_http_request post = {
    .method = RA_HTTP_POST, .body_size = 3000, .body_read = read_letters};

static void expect_body(const char *body)
{
    const struct ra_http_reply *r = ra_exchange_reply(&x);
    assert_int_equal(r->body_size, strlen(body));
    assert_memory_equal(r->body, body, strlen(body));
}

static bool request_begins(const char *text)
{
    return strncmp((const char *)fake.request, text, strlen(text)) == 0;
}

#define OK5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define OK3 "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbye"

static void two_on_one_connection(void **state)
{
    (void)state;
    static const struct fake_reply replies[] = {{.bytes = OK5}, {.bytes = OK3}};
    static const struct fake_connection c[] = {{.replies = replies, .count = 2}};
    for (uint32_t s = 0; s < 8; s++) {
        SCRIPT(c);
        fake.piece_max = s == 1 ? 1 : 0;
        fake.random = s > 1 ? s : 0;
        assert_int_equal(run(&post), RA_OK);
        expect_body("hello");
        assert_int_equal(
            fake.request_size - 3000,
            (size_t)(strstr((char *)fake.request, "\r\n\r\n") + 4 - (char *)fake.request));
        assert_int_equal(fake.request[fake.request_size - 1], 'a' + 2999 % 26);
        struct ra_http_request r = get;
        r.suffix = "b?c=d";
        assert_int_equal(run(&r), RA_OK);
        expect_body("bye");
        assert_true(request_begins("GET /a/b?c=d HTTP/1.1\r\nHost: ca:8080\r\n"));
        assert_int_equal(fake.opened, 1);
        assert_string_equal(fake.host, "ca");
        assert_int_equal(fake.port, 8080);
        assert_int_equal(x.counters.requests, 2);
        assert_int_equal(x.counters.connections, 1);
        assert_int_equal(x.counters.bytes_in, sizeof OK5 - 1 + sizeof OK3 - 1);
    }
}

static void steps_are_bounded(void **state)
{
    (void)state;
    static char reply[6000] = "HTTP/1.1 200 OK\r\n\r\n";
    static const struct fake_reply replies[] = {
        {.bytes = reply, .size = sizeof reply, .end = FAKE_CLOSES}};
    static const struct fake_connection c[] = {{.replies = replies, .count = 1}};
    SCRIPT(c);
    struct ra_http_request r = post;
    r.url = &url;
    assert_int_equal(ra_exchange_start(&x, &r, now, RA_HTTP_NO_TIME), RA_OK);
    uint32_t in = 0, out = 0;
    ra_err e;
    while ((e = ra_exchange_step(&x, now)) == RA_AGAIN) {
        assert_true(x.counters.bytes_in - in <= RA_EXCHANGE_SLICE);
        assert_true(x.counters.bytes_out - out <= RA_HTTP_OUT_MAX);
        in = x.counters.bytes_in;
        out = x.counters.bytes_out;
    }
    assert_int_equal(e, RA_OK);
    assert_int_equal(ra_exchange_reply(&x)->body_size, sizeof reply - 19);
}

static void other_server_other_connection(void **state)
{
    (void)state;
    static const struct fake_reply replies[] = {{.bytes = OK5}, {.bytes = OK5}};
    static const struct fake_connection c[] = {{.replies = replies, .count = 2},
                                               {.replies = replies, .count = 2},
                                               {.replies = replies, .count = 2},
                                               {.replies = replies, .count = 2}};
    static const char *const urls[] = {"http://ca:8080/x", "http://ca:8081/x", "http://cb:8081/x",
                                       "https://cb:8081/x"};
    SCRIPT(c);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(ra_url_parse(&url, urls[i], strlen(urls[i])), RA_OK);
        assert_int_equal(run(&get), RA_OK);
        assert_int_equal(run(&get), RA_OK);
        assert_int_equal(fake.opened, i + 1);
        assert_int_equal(fake.tls, i == 3);
    }
}

static void no_reuse_when_old_or_stray_or_closed(void **state)
{
    (void)state;
    static const struct fake_reply replies[] = {{.bytes = OK5}, {.bytes = OK5}};
    static const struct fake_reply closing[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
        {.bytes = OK5}};
    static const struct fake_connection c[][2] = {
        {{.replies = replies, .count = 2}, {.replies = replies, .count = 2}},
        {{.replies = replies, .count = 2, .stray = true}, {.replies = replies, .count = 2}},
        {{.replies = replies, .count = 2, .drop = FAKE_CLOSES}, {.replies = replies, .count = 2}},
        {{.replies = replies, .count = 2, .drop = FAKE_RESETS}, {.replies = replies, .count = 2}},
        {{.replies = closing, .count = 2}, {.replies = replies, .count = 2}},
        {{.replies = replies, .count = 2, .drop = FAKE_CLOSES, .drop_heard = true},
         {.replies = replies, .count = 2}},
    };
    for (unsigned i = 0; i < 6; i++) {
        SCRIPT(c[i]);
        assert_int_equal(run(&post), RA_OK);
        now += i == 0 ? limits.reuse_ms + 1 : 0;
        assert_int_equal(run(&post), RA_OK);
        expect_body("hello");
        assert_int_equal(fake.opened, 2);
        assert_int_equal(x.counters.requests, 2);
    }
    SCRIPT(c[0]);
    assert_int_equal(run(&get), RA_OK);
    ra_exchange_cancel(&x);
    assert_int_equal(fake.state, RA_TRANSPORT_IDLE);
    assert_int_equal(run(&get), RA_OK);
    assert_int_equal(fake.opened, 2);
}

static void lost_while_idle(void **state)
{
    (void)state;
    static const struct fake_reply replies[] = {{.bytes = OK5}};
    static const struct fake_connection c[][3] = {
        {{.replies = replies, .count = 1, .drop = FAKE_RESETS, .drop_late = true},
         {.replies = replies, .count = 1}},
        {{.replies = replies, .count = 1, .drop = FAKE_CLOSES, .drop_late = true},
         {.replies = replies, .count = 1}},
    };
    static const ra_err errors[] = {RA_E_NET_RESET, RA_E_NET_CLOSED};
    for (unsigned i = 0; i < 2; i++) {
        /* GET is sent again without a word. */
        SCRIPT(c[i]);
        assert_int_equal(run(&get), RA_OK);
        assert_int_equal(run(&get), RA_OK);
        expect_body("hello");
        assert_int_equal(fake.opened, 2);
        assert_int_equal(x.counters.requests, 3);

        /* A POST of which bytes went out is not: the server may have read it. */
        SCRIPT(c[i]);
        assert_int_equal(run(&get), RA_OK);
        assert_int_equal(run(&post), errors[i]);
        assert_int_equal(fake.opened, 1);
        assert_int_equal(fake.state, RA_TRANSPORT_IDLE);

        /* Unless it may be repeated. Its body begins anew. */
        SCRIPT(c[i]);
        struct ra_http_request r = post;
        r.repeatable = true;
        assert_int_equal(run(&get), RA_OK);
        assert_int_equal(run(&r), RA_OK);
        assert_int_equal(fake.opened, 2);
        assert_int_equal(fake_request_whole((char *)fake.request, fake.request_size),
                         fake.request_size);
    }

    /* So is one of which no byte was taken. */
    SCRIPT(c[0]);
    assert_int_equal(run(&get), RA_OK);
    struct ra_http_request r = post;
    r.url = &url;
    assert_int_equal(ra_exchange_start(&x, &r, now, RA_HTTP_NO_TIME), RA_OK);
    fake.state = RA_TRANSPORT_FAILED;
    fake.error = RA_E_NET_RESET;
    assert_int_equal(finish(), RA_OK);
    assert_int_equal(fake.opened, 2);
    assert_true(request_begins("POST "));

    /* The new connection may be refused. */
    static const struct fake_connection d[] = {
        {.replies = replies, .count = 1, .drop = FAKE_RESETS, .drop_late = true},
        {.open_error = RA_E_NET_MEMORY}};
    SCRIPT(d);
    assert_int_equal(run(&get), RA_OK);
    assert_int_equal(run(&get), RA_E_NET_MEMORY);
}

static size_t name_it(void *ctx, uint8_t *out, size_t cap)
{
    (void)ctx;
    assert_true(cap >= RA_BINDING_MAX);
    memcpy(out, "this", 4);
    return 4;
}

/* A request for the open connection alone. */
static void bound(void **state)
{
    (void)state;
    static const struct fake_reply replies[] = {{.bytes = OK5}, {.bytes = OK5}};
    static const struct fake_connection c[] = {
        {.replies = replies, .count = 2},
        {.replies = replies, .count = 1, .drop = FAKE_CLOSES, .drop_late = true},
        {.replies = replies, .count = 2}};
    uint8_t binding[RA_BINDING_MAX];
    struct ra_http_request r = post;
    r.bound = true;
    r.repeatable = true;
    SCRIPT(c);
    assert_int_equal(run(&r), RA_E_NET_CLOSED); /* none is open */
    assert_int_equal(fake.opened, 0);
    assert_int_equal(ra_exchange_binding(&x, binding, sizeof binding), 0);
    assert_int_equal(run(&get), RA_OK);
    assert_int_equal(ra_exchange_binding(&x, binding, sizeof binding), 0); /* this one has none */
    assert_int_equal(run(&r), RA_OK);
    assert_int_equal(fake.opened, 1);
    /* It goes away under the request, which is not sent on another. */
    begin_with(&c[1], 2);
    assert_int_equal(run(&get), RA_OK);
    assert_int_equal(run(&r), RA_E_NET_CLOSED);
    assert_int_equal(fake.opened, 1);
    /* It is named between two exchanges, so long as it is open. */
    SCRIPT(c);
    fake.transport.binding = name_it;
    assert_int_equal(run(&get), RA_OK);
    assert_int_equal(ra_exchange_binding(&x, binding, sizeof binding), 4);
    r.url = &url;
    assert_int_equal(ra_exchange_start(&x, &r, now, RA_HTTP_NO_TIME), RA_OK);
    assert_int_equal(ra_exchange_binding(&x, binding, sizeof binding), 0);
    assert_int_equal(finish(), RA_OK);
    assert_int_equal(ra_exchange_binding(&x, binding, sizeof binding), 4);
    fake.state = RA_TRANSPORT_PEER_CLOSED;
    assert_int_equal(ra_exchange_binding(&x, binding, sizeof binding), 0);
}

static void resent_once_only(void **state)
{
    (void)state;
    static const struct fake_reply replies[] = {{.bytes = OK5}};
    static const struct fake_reply nothing[] = {{.end = FAKE_CLOSES}};
    static const struct fake_connection c[] = {
        {.replies = replies, .count = 1, .drop = FAKE_RESETS, .drop_late = true},
        {.replies = nothing, .count = 1},
        {.replies = replies, .count = 1}};
    SCRIPT(c);
    assert_int_equal(run(&get), RA_OK);
    assert_int_equal(run(&get), RA_E_NET_CLOSED);
    assert_int_equal(fake.opened, 2);

    /* On a new connection nothing is sent twice; after a byte of the reply neither. */
    begin_with(&c[1], 2);
    assert_int_equal(run(&get), RA_E_NET_CLOSED);
    assert_int_equal(fake.opened, 1);

    static const struct fake_reply cut[] = {{.bytes = OK5},
                                            {.bytes = "HTTP/1.1 2", .end = FAKE_RESETS}};
    static const struct fake_connection d[] = {{.replies = cut, .count = 2},
                                               {.replies = replies, .count = 1}};
    SCRIPT(d);
    assert_int_equal(run(&get), RA_OK);
    assert_int_equal(run(&get), RA_E_NET_RESET);
    assert_int_equal(fake.opened, 1);

    /* Nor on the new connection, where a redirect leads on. */
    static const struct fake_reply to[] = {
        {.bytes = "HTTP/1.1 302 F\r\nLocation: /1\r\nContent-Length: 0\r\n\r\n"}};
    static const struct fake_connection again[] = {
        {.replies = replies, .count = 1, .drop = FAKE_RESETS, .drop_late = true},
        {.replies = to, .count = 1, .drop = FAKE_RESETS, .drop_late = true},
        {.replies = replies, .count = 1}};
    SCRIPT(again);
    assert_int_equal(run(&get), RA_OK);
    assert_int_equal(run(&get), RA_E_NET_RESET);
    assert_int_equal(fake.opened, 2);
}

static void answers_before_a_reset_count(void **state)
{
    (void)state;
    static const struct fake_reply replies[] = {
        {.bytes = "HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 2\r\n\r\nno",
         .end = FAKE_RESETS,
         .early = true}};
    static const struct fake_connection c[] = {{.replies = replies, .count = 1}};
    for (size_t piece = 0; piece < 3; piece++) {
        SCRIPT(c);
        fake.piece_max = piece;
        assert_int_equal(run(&post), RA_OK);
        assert_int_equal(ra_exchange_reply(&x)->status, 401);
        assert_int_equal(ra_exchange_reply(&x)->auth, RA_HTTP_AUTH_NTLM);
        expect_body("no");
    }
}

static void transport_errors(void **state)
{
    (void)state;
    static const struct fake_connection refused[] = {{.open_error = RA_E_HTTP_SCHEME}};
    static const struct fake_connection unresolved[] = {{.connect_error = RA_E_NET_DNS}};
    static const struct fake_connection hangs[] = {{.hangs = true}};
    static const struct fake_connection deaf[] = {{.deaf = true}};
    static const struct fake_connection silent[] = {{.replies = NULL, .count = 0}};
    SCRIPT(refused);
    assert_int_equal(run(&get), RA_E_HTTP_SCHEME);
    SCRIPT(unresolved);
    assert_int_equal(run(&get), RA_E_NET_DNS);
    SCRIPT(hangs);
    assert_int_equal(run(&get), RA_E_NET_CONNECT);
    assert_int_equal(now, 5 + limits.connect_ms);
    assert_int_equal(fake.state, RA_TRANSPORT_IDLE);
    /* 100 ms pass while the fake connects. */
    SCRIPT(deaf);
    assert_int_equal(run(&get), RA_E_NET_TIMEOUT);
    assert_int_equal(now, 105 + limits.idle_ms);
    SCRIPT(silent);
    assert_int_equal(run(&get), RA_E_NET_TIMEOUT);
    assert_int_equal(now, 105 + limits.idle_ms);
    SCRIPT(silent);
    struct ra_http_request r = get;
    r.user = "u";
    assert_int_equal(run(&r), RA_E_HTTP_PLAINTEXT);
    assert_int_equal(fake.opened, 0);
    r.user = NULL;
    r.suffix = "a b";
    assert_int_equal(run(&r), RA_E_URL);
    /* A time that is over is not waited for. */
    SCRIPT(hangs);
    r.suffix = NULL;
    r.url = &url;
    assert_int_equal(ra_exchange_start(&x, &r, now, RA_HTTP_NO_TIME), RA_OK);
    assert_int_equal(ra_exchange_step(&x, now), RA_AGAIN);
    assert_int_equal(ra_exchange_wait_ms(&x, now + limits.connect_ms - 1), 1);
    assert_int_equal(ra_exchange_wait_ms(&x, now + limits.total_ms), 0);
}

static size_t read_nothing(void *ctx, size_t offset, uint8_t *to, size_t cap)
{
    (void)ctx, (void)offset, (void)to, (void)cap;
    return 0;
}

static void body_that_does_not_come(void **state)
{
    (void)state;
    static const struct fake_connection c[] = {{.replies = NULL, .count = 0}};
    struct ra_http_request r = post;
    r.body_read = read_nothing;
    SCRIPT(c);
    assert_int_equal(run(&r), RA_E_ARGUMENT);
    assert_int_equal(fake.state, RA_TRANSPORT_IDLE);
}

/* A reply that fills the buffer before all is sent waits for the rest of the request. */
static void large_reply_before_the_end(void **state)
{
    (void)state;
    static char reply[6050] = "HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n";
    size_t head = strlen(reply);
    const struct fake_reply replies[] = {{.bytes = reply, .size = head + 6000, .early = true}};
    const struct fake_connection c[] = {{.replies = replies, .count = 1}};
    for (size_t i = 0; i < 6000; i++) {
        reply[head + i] = (char)('A' + i % 26);
    }
    struct ra_http_request r = post;
    r.body_size = 12000;
    SCRIPT(c);
    fake.piece_max = 600;
    assert_int_equal(run(&r), RA_OK);
    assert_int_equal(ra_exchange_reply(&x)->body_size, 6000);
    assert_memory_equal(ra_exchange_reply(&x)->body, reply + head, 6000);
    assert_true(fake.request_whole);
    for (size_t i = 0; i < 12000; i++) {
        assert_int_equal(fake.request[fake.request_size - 12000 + i], 'a' + i % 26);
    }
}

/* A reply that is not HTTP ends the connection too, and nothing is sent twice. */
static void broken_replies(void **state)
{
    (void)state;
    static const struct fake_reply replies[] = {{.bytes = OK5},
                                                {.bytes = "220 mail.example.net ESMTP\r\n\r\n"}};
    static const struct fake_connection c[] = {{.replies = replies, .count = 2},
                                               {.replies = replies, .count = 2}};
    SCRIPT(c);
    assert_int_equal(run(&get), RA_OK);
    assert_int_equal(run(&get), RA_E_HTTP_SYNTAX);
    assert_int_equal(fake.state, RA_TRANSPORT_IDLE);
    assert_int_equal(fake.opened, 1);
    assert_int_equal(run(&get), RA_OK);
}

/* A server that sends a byte now and then holds us until the total limit only. */
static void slow_drip(void **state)
{
    (void)state;
    static char reply[6000] = "HTTP/1.1 200 OK\r\n\r\n";
    static const struct fake_reply replies[] = {{.bytes = reply, .size = sizeof reply}};
    static const struct fake_connection c[] = {{.replies = replies, .count = 1}};
    SCRIPT(c);
    fake.piece_max = 1;
    struct ra_http_request r = get;
    r.url = &url;
    assert_int_equal(ra_exchange_start(&x, &r, now, RA_HTTP_NO_TIME), RA_OK);
    ra_err e;
    while ((e = ra_exchange_step(&x, now)) == RA_AGAIN) {
        now += limits.idle_ms / 20;
    }
    assert_int_equal(e, RA_E_NET_TIMEOUT);
    assert_true(now >= 5 + limits.total_ms && now <= 5 + limits.total_ms + limits.idle_ms);
}

static void cancelled_anywhere(void **state)
{
    (void)state;
    static const struct fake_reply replies[] = {{.bytes = OK5}};
    static const struct fake_connection c[] = {{.replies = replies, .count = 1},
                                               {.replies = replies, .count = 1}};
    for (unsigned steps = 0; steps < 8; steps++) {
        SCRIPT(c);
        struct ra_http_request r = get;
        r.url = &url;
        assert_int_equal(ra_exchange_start(&x, &r, now, RA_HTTP_NO_TIME), RA_OK);
        for (unsigned i = 0; i < steps; i++) {
            (void)ra_exchange_step(&x, now);
        }
        ra_exchange_cancel(&x);
        ra_exchange_cancel(&x);
        assert_int_equal(fake.state, RA_TRANSPORT_IDLE);
        assert_int_equal(run(&get), RA_OK);
        expect_body("hello");
    }
}

/* --- redirects ------------------------------------------------------------------------------ */

static char reply_text[4][160];
static struct fake_reply scripted[5];

static void redirects(unsigned n, const char *const lines[], const char *rest)
{
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(reply_text[i], sizeof reply_text[i], "HTTP/1.1 %s%s", lines[i], rest);
        scripted[i] = (struct fake_reply){.bytes = reply_text[i]};
    }
    scripted[n] = (struct fake_reply){.bytes = OK5};
}

static void redirects_followed(void **state)
{
    (void)state;
    static const struct fake_connection c[] = {{.replies = scripted, .count = 5}};
    static const char *const three[] = {"301 M\r\nLocation: /1\r\n", "302 F\r\nLocation: 2\r\n",
                                        "303 S\r\nLocation: http://CA:8080/3?x\r\n"};
    redirects(3, three, "Content-Length: 2\r\n\r\nxx");
    SCRIPT(c);
    struct ra_http_request r = post;
    r.user = "u";
    r.allow_plaintext = true;
    assert_int_equal(run(&r), RA_OK);
    expect_body("hello");
    assert_true(request_begins("GET /3?x HTTP/1.1\r\n"));
    assert_non_null(strstr((char *)fake.request, "\r\nAuthorization: Basic dTo=\r\n"));
    assert_null(strstr((char *)fake.request, "Content-Length"));
    assert_int_equal(fake.opened, 1);
    assert_int_equal(x.counters.requests, 4);

    /* 307 and 308 repeat the request, body and all. */
    static const char *const repeat[] = {"307 T\r\nLocation: /1\r\n", "308 P\r\nLocation: /2\r\n"};
    redirects(2, repeat, "Content-Length: 0\r\n\r\n");
    SCRIPT(c);
    fake.piece_max = 100;
    assert_int_equal(run(&post), RA_OK);
    assert_true(request_begins("POST /2 HTTP/1.1\r\n"));
    assert_int_equal(fake_request_whole((char *)fake.request, fake.request_size),
                     fake.request_size);
    assert_int_equal(fake.request[fake.request_size - 3000], 'a');
    assert_int_equal(fake.request[fake.request_size - 1], 'a' + 2999 % 26);

    /* One more than RA_EXCHANGE_REDIRECTS_MAX. */
    static const char *const four[] = {"302 F\r\nLocation: /1\r\n", "302 F\r\nLocation: /1\r\n",
                                       "302 F\r\nLocation: /1\r\n", "302 F\r\nLocation: /1\r\n"};
    redirects(4, four, "Content-Length: 0\r\n\r\n");
    SCRIPT(c);
    assert_int_equal(run(&get), RA_E_HTTP_REDIRECT);
    assert_int_equal(x.counters.requests, 4);
    assert_string_equal(ra_exchange_reply(&x)->reason, "/1");
}

static void redirect_on_a_new_connection(void **state)
{
    (void)state;
    static const struct fake_reply to[] = {
        {.bytes = "HTTP/1.1 302 F\r\nLocation: /1\r\nConnection: close\r\n\r\n",
         .end = FAKE_CLOSES}};
    static const struct fake_reply ok[] = {{.bytes = OK5}};
    static const struct fake_connection c[] = {{.replies = to, .count = 1},
                                               {.replies = ok, .count = 1}};
    SCRIPT(c);
    assert_int_equal(run(&get), RA_OK);
    expect_body("hello");
    assert_int_equal(fake.opened, 2);
    static const struct fake_connection refused[] = {{.replies = to, .count = 1},
                                                     {.open_error = RA_E_NET_MEMORY}};
    SCRIPT(refused);
    assert_int_equal(run(&get), RA_E_NET_MEMORY);
}

static void redirects_refused(void **state)
{
    (void)state;
    static const struct fake_connection c[] = {{.replies = scripted, .count = 5}};
    static const char *const elsewhere[] = {"https://ca:8080/a", "http://ca/a",
                                            "http://evil.example.net:8080/a", "//ca:8080/a",
                                            "/a b"};
    for (unsigned i = 0; i < 5; i++) {
        char line[80];
        const char *lines[] = {line};
        (void)snprintf(line, sizeof line, "302 F\r\nLocation: %s\r\n", elsewhere[i]);
        redirects(1, lines, "Content-Length: 0\r\n\r\n");
        SCRIPT(c);
        assert_int_equal(run(&get), RA_E_HTTP_REDIRECT);
        assert_string_equal(ra_exchange_reply(&x)->reason, elsewhere[i]);
        assert_int_equal(ra_exchange_reply(&x)->status, 302);
        assert_int_equal(fake.opened, 1);
        assert_int_equal(fake.state, RA_TRANSPORT_IDLE);
    }
    /* Where it points is told in printable ASCII, as much as there is room for. */
    char far[RA_PEER_TEXT_MAX + 40];
    (void)snprintf(far, sizeof far, "302 F\r\nLocation: /\xc3\xa4%0*d\r\n", RA_PEER_TEXT_MAX, 0);
    const char *lines[] = {far};
    redirects(1, lines, "Content-Length: 0\r\n\r\n");
    SCRIPT(c);
    assert_int_equal(run(&get), RA_E_HTTP_REDIRECT);
    assert_int_equal(strlen(ra_exchange_reply(&x)->reason), RA_PEER_TEXT_MAX);
    assert_memory_equal(ra_exchange_reply(&x)->reason, "/??000", 6);
    /* A target that is made while it is sent cannot be made anew elsewhere. */
    struct ra_http_request r = get;
    r.target_size = 10;
    r.target_read = read_letters;
    static const char *const near[] = {"302 F\r\nLocation: /1\r\n"};
    redirects(1, near, "Content-Length: 0\r\n\r\n");
    SCRIPT(c);
    assert_int_equal(run(&r), RA_E_HTTP_REDIRECT);
    assert_int_equal(x.counters.requests, 1);
    /* These are for the caller to judge. */
    static const char *const others[] = {"300 M\r\nLocation: /1\r\n", "304 N\r\nLocation: /1\r\n",
                                         "302 F\r\n", "305 U\r\nLocation: /1\r\n"};
    for (unsigned i = 0; i < 4; i++) {
        redirects(1, &others[i], "Content-Length: 0\r\n\r\n");
        SCRIPT(c);
        assert_int_equal(run(&get), RA_OK);
        assert_true(ra_exchange_reply(&x)->status >= 300);
        assert_int_equal(x.counters.requests, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_on_one_connection),
        cmocka_unit_test(steps_are_bounded),
        cmocka_unit_test(other_server_other_connection),
        cmocka_unit_test(no_reuse_when_old_or_stray_or_closed),
        cmocka_unit_test(lost_while_idle),
        cmocka_unit_test(bound),
        cmocka_unit_test(resent_once_only),
        cmocka_unit_test(answers_before_a_reset_count),
        cmocka_unit_test(transport_errors),
        cmocka_unit_test(body_that_does_not_come),
        cmocka_unit_test(large_reply_before_the_end),
        cmocka_unit_test(broken_replies),
        cmocka_unit_test(slow_drip),
        cmocka_unit_test(cancelled_anywhere),
        cmocka_unit_test(redirects_followed),
        cmocka_unit_test(redirect_on_a_new_connection),
        cmocka_unit_test(redirects_refused),
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
