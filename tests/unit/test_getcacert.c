/* The example of an RA service: what it answers, before, while and after the pair changes; the heads of
 * requests; subscribers that come and go. What goes over lwIP is in tests/e2e/getcacert.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_getcacert.h"
#include "ra_http_server.h"
#include "world.h"

#define DAY (24 * 3600)
#define AGENT RA_ROLE_AGENT
#define ENCRYPTION RA_ROLE_ENCRYPTION

static struct world w;
static struct ra_getcacert service;
static struct ra_span head, body;

/* --- heads of requests --------------------------------------------------------------- */

static ra_err parse(const char *text, struct ra_http_asked *asked)
{
    return ra_http_asked_parse((const uint8_t *)text, strlen(text), asked);
}

static bool span_is(struct ra_span s, const char *text)
{
    return s.size == strlen(text) && (s.size == 0 || memcmp(s.p, text, s.size) == 0);
}

static void heads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ra_err err;
        const char *method, *path, *query;
    } cases[] = {
        {"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", RA_OK, "GET", "/a", "b=c"},
        {"POST / HTTP/1.0\r\n\r\nbody", RA_OK, "POST", "/", ""},
        {"GET /? HTTP/1.1\r\n\r\n", RA_OK, "GET", "/", ""},
        {"GET /a?b?c HTTP/1.1\r\n\r\n", RA_OK, "GET", "/a", "b?c"},
        {"GET / HTTP/1.1\r\nHost: x\r\n", RA_AGAIN, "", "", ""},
        {"GET", RA_AGAIN, "", "", ""},
        {"", RA_AGAIN, "", "", ""},
        {"GET http://x/ HTTP/1.1\r\n\r\n", RA_E_HTTP_SYNTAX, "", "", ""},
        {" / HTTP/1.1\r\n\r\n", RA_E_HTTP_SYNTAX, "", "", ""}, /* no method */
        {"OPTIONS * HTTP/1.1\r\n\r\n", RA_E_HTTP_SYNTAX, "", "", ""},
        {"GET / HTTP/2.0\r\n\r\n", RA_E_HTTP_SYNTAX, "", "", ""},
        {"\x16\x03\x01", RA_E_HTTP_SYNTAX, "", "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ra_http_asked asked;
        assert_int_equal(parse(cases[i].text, &asked), cases[i].err);
        assert_true(span_is(asked.method, cases[i].method));
        assert_true(span_is(asked.path, cases[i].path));
        assert_true(span_is(asked.query, cases[i].query));
    }
}

static void fields_of_a_query(void **state)
{
    (void)state;
    static const struct {
        const char *query, *value; /* NULL: there is none */
    } cases[] = {
        {"op=a", "a"},   {"x=1&op=a&op=b", "a"}, {"op=", ""},      {"xop=1&op=2", "2"},
        {"&&op=3", "3"}, {"op=a%20b", "a%20b"},  {"", NULL},       {"op", NULL},
        {"opx=1", NULL}, {"Op=1", NULL},         {"x=op=1", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ra_span query = {(const uint8_t *)cases[i].query, strlen(cases[i].query)};
        struct ra_span value = {NULL, 0};
        assert_int_equal(ra_http_query(query, "op", &value), cases[i].value != NULL);
        assert_true(cases[i].value == NULL || span_is(value, cases[i].value));
    }
}

/* --- answers ------------------------------------------------------------------------- */

static ra_err ask(const char *request)
{
    head = body = (struct ra_span){NULL, 0};
    return ra_getcacert_answer(&service, (const uint8_t *)request, strlen(request), &head, &body);
}

#define GET_CA_CERT "GET /cgi-bin/pkiclient.exe?operation=GetCACert HTTP/1.1\r\nHost: ra\r\n\r\n"

static void assert_status(const char *request, const char *status)
{
    assert_int_equal(ask(request), RA_OK);
    assert_memory_equal(head.p, status, strlen(status));
    assert_memory_equal(head.p + head.size - 4, "\r\n\r\n", 4);
}

/* The answer holds what `ra` serves: both certificates and, once, their issuers. */
static void assert_serves(void)
{
    static uint8_t copy[RA_GETCACERT_REPLY_MAX], want[RA_CHAIN_MAX];
    struct ra_span certs[8];
    size_t n = 0, size = 0;
    assert_status(GET_CA_CERT,
                  "HTTP/1.1 200 OK\r\nContent-Type: application/x-x509-ca-ra-cert\r\n");
    memcpy(copy, body.p, body.size);
    assert_int_equal(ra_cms_certs(copy, body.size, sizeof copy, certs, 8, &n), RA_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ra_certificate(&w.ra, (enum ra_role)i, want, sizeof want, &size), RA_OK);
        assert_true(ra_span_equal(certs[i], (struct ra_span){want, size}));
    }
    assert_int_equal(ra_issuers(&w.ra, AGENT, want, sizeof want, &size), RA_OK);
    size_t at = 0;
    for (size_t i = 2; i < n; i++) {
        assert_true(ra_span_equal(certs[i], (struct ra_span){want + at, certs[i].size}));
        at += certs[i].size;
    }
    assert_int_equal(at, size);
    assert_true(size > 0);
}

static void a_change_is_served_at_once(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 30, 30);
    world_boot(&w);
    ra_getcacert_init(&service, &w.ra);
    assert_serves();
    struct ra_span before = service.certs;
    uint32_t old = world_serves(&w, AGENT);
    assert_serves();
    assert_ptr_equal(service.certs.p, before.p); /* not made again for each client */
    assert_true(world_until_state(&w, ENCRYPTION, RA_STATE_PROBATION, DAY));
    assert_int_not_equal(world_serves(&w, AGENT), old);
    assert_true(service.stale);
    assert_serves();
    assert_false(service.stale);
    /* Back to the old pair: that, too. */
    ra_report_use(&w.ra, ENCRYPTION, false);
    assert_true(world_until_state(&w, AGENT, RA_STATE_BACKOFF, 60));
    assert_int_equal(world_serves(&w, AGENT), old);
    assert_serves();
}

/* One role moved to another CA's chain: each certificate has its own issuers behind it. */
static void issuers_that_differ(void **state)
{
    (void)state;
    static uint8_t copy[RA_GETCACERT_REPLY_MAX];
    struct ra_span certs[8];
    size_t n = 0, size = 0;
    uint8_t key[RA_KEY_DER_MAX], cert[RA_CERT_MAX];
    size_t cert_size = 0;
    world_init(&w, NULL);
    world_provision_pair(&w, 300, 300);
    world_boot(&w);
    ra_getcacert_init(&service, &w.ra);
    /* The same pair again, without its issuers. */
    assert_int_equal(ra_certificate(&w.ra, ENCRYPTION, cert, sizeof cert, &cert_size), RA_OK);
    uint16_t id = ra_generation_id(ENCRYPTION, w.ra.commit.slot[ENCRYPTION].active);
    assert_true(world_flash_holds(&w, RA_RECORD_KEY, id, key, sizeof key, &size));
    ra_err e;
    do {
        e = ra_provision(&w.ra, ENCRYPTION, key, size, cert, cert_size, NULL, 0);
        (void)world_step(&w);
    } while (e == RA_AGAIN);
    assert_int_equal(e, RA_OK);
    assert_status(GET_CA_CERT, "HTTP/1.1 200 OK");
    memcpy(copy, body.p, body.size);
    assert_int_equal(ra_cms_certs(copy, body.size, sizeof copy, certs, 8, &n), RA_OK);
    assert_true(n >= 3);
    assert_true(ra_span_equal(certs[n - 1], (struct ra_span){cert, cert_size}));
}

static void without_a_pair(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_boot(&w);
    ra_getcacert_init(&service, &w.ra);
    assert_status(GET_CA_CERT, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\n");
    assert_true(span_is(body, "503 Service Unavailable"));
    assert_false(service.stale); /* not looked for again until something changes */
    const struct world_enrolment one = {.key = {"agent.key", NULL}, .days_left = {300, 0}};
    world_provision(&w, &one);
    world_boot(&w);
    ra_getcacert_init(&service, &w.ra);
    assert_status(GET_CA_CERT, "HTTP/1.1 503 ");
    /* Before the store was read nothing is known, and that is not the last word. */
    assert_int_equal(ra_init(&w.ra, &w.hal, NULL, NULL), RA_OK);
    ra_getcacert_init(&service, &w.ra);
    assert_status(GET_CA_CERT, "HTTP/1.1 503 ");
    assert_true(service.stale);
}

/* Half a pair is never served. */
static void a_certificate_that_is_damaged(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        world_init(&w, NULL);
        world_provision_pair(&w, 300, 300);
        world_boot(&w);
        world_damage(&w, RA_RECORD_CERT,
                     ra_generation_id((enum ra_role)i, w.ra.commit.slot[i].active));
        ra_getcacert_init(&service, &w.ra);
        assert_status(GET_CA_CERT, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\n");
        assert_true(span_is(body, "503 Service Unavailable"));
    }
}

static void other_requests(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 300, 300);
    world_boot(&w);
    ra_getcacert_init(&service, &w.ra);
    assert_status("GET /?operation=GetCACaps HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n");
    assert_true(span_is(body, "404 Not Found"));
    assert_status("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ");
    assert_status("POST /?operation=GetCACert HTTP/1.1\r\n\r\n",
                  "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n");
    assert_status("\r\n\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n");
    assert_int_equal(ask("GET /"), RA_AGAIN);
    assert_int_equal(ask(""), RA_AGAIN);
    assert_serves();
}

/* --- a client's life ----------------------------------------------------------------- */

static struct {
    enum ra_transport_state state;
    const char *says;
    size_t room; /* bytes taken in one step */
    size_t sent;
    unsigned closed;
} peer;

static enum ra_transport_state peer_state(void *ctx)
{
    (void)ctx;
    return peer.state;
}

static size_t peer_receive(void *ctx, uint8_t *to, size_t cap)
{
    (void)ctx;
    size_t n = strlen(peer.says);
    n = n < cap ? n : cap;
    memcpy(to, peer.says, n);
    peer.says += n;
    return n;
}

static size_t peer_send(void *ctx, const uint8_t *from, size_t size)
{
    (void)ctx;
    (void)from;
    size_t n = size < peer.room ? size : peer.room;
    peer.sent += n;
    return n;
}

static void peer_close(void *ctx)
{
    (void)ctx;
    peer.closed++;
    peer.state = RA_TRANSPORT_IDLE;
}

static void comes(const char *says)
{
    peer.state = RA_TRANSPORT_OPEN;
    peer.says = says;
    peer.room = 10000;
    peer.sent = 0;
    peer.closed = 0;
}

static void how_clients_end(void **state)
{
    (void)state;
    static char long_path[RA_GETCACERT_REQUEST_MAX + 100];
    world_init(&w, NULL);
    world_provision_pair(&w, 300, 300);
    world_boot(&w);
    ra_getcacert_init(&service, &w.ra);
    service.client = (struct ra_transport){
        .state = peer_state, .receive = peer_receive, .send = peer_send, .close = peer_close};
    ra_getcacert_step(&service); /* nobody is there: the answer is made in advance */
    assert_false(service.stale);
    ra_getcacert_step(&service);
    comes(GET_CA_CERT);
    ra_getcacert_step(&service);
    assert_int_equal(peer.closed, 1);
    assert_true(peer.sent > service.certs.size);
    /* In small pieces; closed when all has left. */
    size_t all = peer.sent;
    comes(GET_CA_CERT);
    peer.room = 700;
    for (unsigned i = 0; i < 100 && peer.closed == 0; i++) {
        ra_getcacert_step(&service);
        assert_true(peer.closed == 0 || peer.sent == all);
    }
    assert_int_equal(peer.closed, 1);
    /* Its end was closed behind the request: it is answered. */
    comes(GET_CA_CERT);
    peer.state = RA_TRANSPORT_PEER_CLOSED;
    ra_getcacert_step(&service);
    assert_int_equal(peer.sent, all);
    /* Before the request was complete: it is not. */
    comes("GET /");
    ra_getcacert_step(&service);
    assert_int_equal(peer.closed, 0);
    peer.state = RA_TRANSPORT_PEER_CLOSED;
    ra_getcacert_step(&service);
    assert_int_equal(peer.closed, 1);
    comes("");
    peer.state = RA_TRANSPORT_FAILED;
    ra_getcacert_step(&service);
    assert_int_equal(peer.closed, 1);
    assert_int_equal(peer.sent, 0);
    /* A head without an end. */
    memset(long_path, 'a', sizeof long_path - 1);
    comes(long_path);
    ra_getcacert_step(&service);
    assert_int_equal(peer.closed, 1);
    assert_true(peer.sent > 0 && peer.sent < 300);
    /* Silence. */
    comes("GET /");
    ra_getcacert_step(&service);
    w.true_ms += RA_GETCACERT_MS - 1;
    ra_getcacert_step(&service);
    assert_int_equal(peer.closed, 0);
    w.true_ms += 1;
    ra_getcacert_step(&service);
    assert_int_equal(peer.closed, 1);
}

/* --- subscribers --------------------------------------------------------------------- */

struct ear {
    struct ra_subscriber me; /* first */
    unsigned changes, events;
};

static void change(struct ra_subscriber *self, enum ra_role role)
{
    assert_true(role == AGENT || role == ENCRYPTION);
    ((struct ear *)(void *)self)->changes++;
}

static void event(struct ra_subscriber *self, const struct ra_event_entry *entry)
{
    assert_non_null(entry);
    ((struct ear *)(void *)self)->events++;
}

static void several_subscribers(void **state)
{
    (void)state;
    struct ear both = {.me = {change, event, NULL}}, only_change = {.me = {.changed = change}};
    struct ear only_event = {.me = {.event = event}}, gone = {.me = {change, event, NULL}};
    struct ear *all[] = {&both, &only_change, &only_event, &gone};
    world_init(&w, NULL);
    world_provision_pair(&w, 30, 30);
    world_boot(&w);
    for (size_t i = 0; i < 4; i++) {
        ra_subscribe(&w.ra, &all[i]->me);
        ra_subscribe(&w.ra, &all[i]->me); /* once more is as good as once */
    }
    ra_unsubscribe(&w.ra, &gone.me);
    ra_unsubscribe(&w.ra, &gone.me);
    assert_true(world_until_state(&w, ENCRYPTION, RA_STATE_PROBATION, DAY));
    assert_int_equal(both.changes, 2);
    assert_int_equal(only_change.changes, 2);
    assert_int_equal(w.told[AGENT] + w.told[ENCRYPTION], 2);
    assert_true(both.events > 4);
    assert_int_equal(only_event.events, both.events);
    assert_int_equal(only_change.events + only_event.changes + gone.events + gone.changes, 0);
    ra_unsubscribe(&w.ra, &w.ear);
    ra_unsubscribe(&w.ra, &only_event.me);
    ra_unsubscribe(&w.ra, &only_change.me);
    assert_ptr_equal(w.ra.subscribers, &both.me);
    assert_null(both.me.next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(fields_of_a_query),
        cmocka_unit_test(a_change_is_served_at_once),
        cmocka_unit_test(issuers_that_differ),
        cmocka_unit_test(without_a_pair),
        cmocka_unit_test(a_certificate_that_is_damaged),
        cmocka_unit_test(other_requests),
        cmocka_unit_test(how_clients_end),
        cmocka_unit_test(several_subscribers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
