/* TLS as a transport, with a script in place of crypto/ra_tls.c: who is let in, what is sent when,
 * how a connection ends. Real handshakes are in tests/e2e/tls_host.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_secure.h"
#include "server_vectors.h"

#define NOW 1795385040 /* 2026-11-22 */
#define HOST "ca01.example.test"

/* --- the script -------------------------------------------------------------------- */

static struct {
    unsigned want; /* what ra_tls_wants answers, SEND aside */
    ra_err start, error, refused;
    bool accepted, stepped, ended, notified, closed_in;
    struct ra_span certs[RA_CHAIN_CERTS_MAX + 2];
    unsigned count;
    struct ra_tls_config config;
    char host[64];
    uint8_t out[8], in[8];
    size_t out_size, in_size;
    const char *data; /* of the peer */
} script;

ra_err ra_tls_start(struct ra_tls *t, const struct ra_tls_config *config, void *arena, size_t size)
{
    (void)t, (void)arena, (void)size;
    script.config = *config;
    script.host[0] = '\0';
    if (config->host != NULL) {
        memcpy(script.host, config->host, strlen(config->host) + 1);
    }
    return script.start;
}

unsigned ra_tls_wants(const struct ra_tls *t)
{
    (void)t;
    return script.want | (script.out_size > 0 ? RA_TLS_WANT_SEND : 0u);
}

void ra_tls_step(struct ra_tls *t)
{
    (void)t;
    script.stepped = true;
}

const uint8_t *ra_tls_out(struct ra_tls *t, size_t *size)
{
    (void)t;
    *size = script.out_size;
    return script.out;
}

void ra_tls_out_taken(struct ra_tls *t, size_t size)
{
    (void)t;
    script.out_size -= size;
}

uint8_t *ra_tls_in(struct ra_tls *t, size_t *room)
{
    (void)t;
    *room = sizeof script.in - script.in_size;
    return script.in + script.in_size;
}

void ra_tls_in_given(struct ra_tls *t, size_t size)
{
    (void)t;
    script.in_size += size;
}

void ra_tls_in_closed(struct ra_tls *t)
{
    (void)t;
    script.closed_in = true;
}

bool ra_tls_peer_cert(const struct ra_tls *t, unsigned i, const uint8_t **der, size_t *size)
{
    (void)t;
    if (i >= script.count) {
        return false;
    }
    *der = script.certs[i].p;
    *size = script.certs[i].size;
    return true;
}

void ra_tls_accept(struct ra_tls *t)
{
    (void)t;
    script.accepted = true;
    script.want = RA_TLS_WANT_RECEIVE;
}

void ra_tls_refuse(struct ra_tls *t, ra_err why)
{
    (void)t;
    script.refused = script.error = why;
    script.want = RA_TLS_FAILED;
    script.out_size = 7; /* the alert */
}

size_t ra_tls_read(struct ra_tls *t, uint8_t *to, size_t cap)
{
    size_t n = script.data != NULL ? strlen(script.data) : 0;
    (void)t;
    n = n < cap ? n : cap;
    memcpy(to, script.data != NULL ? script.data : "", n);
    script.data = NULL;
    return n;
}

size_t ra_tls_write(struct ra_tls *t, const uint8_t *from, size_t size)
{
    (void)t, (void)from;
    script.out_size = sizeof script.out;
    return size;
}

void ra_tls_close(struct ra_tls *t)
{
    (void)t;
    script.notified = true;
    script.out_size = 5;
}

ra_err ra_tls_error(const struct ra_tls *t)
{
    (void)t;
    return script.error;
}

const char *ra_tls_version(const struct ra_tls *t)
{
    (void)t;
    return "TLS 1.3";
}

ra_err ra_tls_binding(const struct ra_tls *t, uint8_t out[RA_TLS_BINDING_MAX], size_t *size)
{
    (void)t;
    memset(out, 9, 12);
    *size = 12;
    return RA_OK;
}

size_t ra_tls_peak(const struct ra_tls *t)
{
    (void)t;
    return 1234;
}

void ra_tls_end(struct ra_tls *t)
{
    (void)t;
    script.ended = true;
}

/* --- TCP ---------------------------------------------------------------------------- */

static struct {
    enum ra_transport_state state;
    ra_err refusal, error;
    bool tls, closed;
    size_t sent, held;
} tcp;

static ra_err tcp_open(void *ctx, const char *host, uint16_t port, bool tls)
{
    (void)ctx, (void)host, (void)port;
    tcp.tls = tls;
    tcp.state = RA_TRANSPORT_CONNECTING;
    return tcp.refusal;
}

static enum ra_transport_state tcp_state(void *ctx)
{
    (void)ctx;
    return tcp.state;
}

static ra_err tcp_error(void *ctx)
{
    (void)ctx;
    return tcp.error;
}

static size_t tcp_send(void *ctx, const uint8_t *from, size_t size)
{
    (void)ctx, (void)from;
    tcp.sent += size;
    return size;
}

static size_t tcp_receive(void *ctx, uint8_t *to, size_t size)
{
    size_t n = tcp.held < size ? tcp.held : size;
    (void)ctx;
    memset(to, 0x16, n);
    tcp.held -= n;
    return n;
}

static void tcp_close(void *ctx)
{
    (void)ctx;
    tcp.closed = true;
    tcp.state = RA_TRANSPORT_IDLE;
}

static const struct ra_transport inner = {.open = tcp_open,
                                          .state = tcp_state,
                                          .error = tcp_error,
                                          .send = tcp_send,
                                          .receive = tcp_receive,
                                          .close = tcp_close};

/* --- the appliance -------------------------------------------------------------------- */

static struct {
    ra_err ready, now, certs, key;
    bool at_least;
    int64_t clock;  /* 0: NOW */
    unsigned again; /* times that flash is busy first */
    const char *anchors[RA_ANCHORS_MAX];
    unsigned damaged; /* place of an anchor that cannot be read */
    struct ra_span client;
} told;

static struct ra_key key;
static struct ra_secure secure;
static const struct ra_transport *const s = &secure.transport;

static ra_err ready(void *ctx)
{
    (void)ctx;
    return told.ready;
}

static ra_err now(void *ctx, int64_t *to, bool *at_least)
{
    (void)ctx;
    *to = told.clock != 0 ? told.clock : NOW;
    *at_least = told.at_least;
    return told.now;
}

static ra_err anchor(void *ctx, unsigned place, struct ra_span *cert)
{
    (void)ctx;
    if (told.again > 0) {
        told.again--;
        return RA_AGAIN;
    }
    if (told.anchors[place] == NULL) {
        return place == told.damaged ? RA_E_RECORD_DAMAGED : RA_E_NOT_FOUND;
    }
    *cert = server_cert(told.anchors[place]);
    return RA_OK;
}

static ra_err client_certs(void *ctx, struct ra_span *to)
{
    (void)ctx;
    *to = told.client;
    return told.certs;
}

static ra_err client_key(void *ctx, struct ra_key *to)
{
    (void)ctx;
    pki_key(to, "agent_ec");
    return told.key;
}

static int setup(void **state)
{
    static const struct ra_secure_tools tools = {NULL, NULL,   &key,         ready,
                                                 now,  anchor, client_certs, client_key};
    (void)state;
    memset(&script, 0, sizeof script);
    memset(&tcp, 0, sizeof tcp);
    memset(&told, 0, sizeof told);
    memset(&key, 0, sizeof key);
    told.anchors[1] = "root";
    told.damaged = RA_ANCHORS_MAX;
    ra_secure_init(&secure, &inner, &tools);
    return 0;
}

static void peer(const char *leaf, const char *issuer)
{
    script.certs[0] = server_cert(leaf);
    script.count = 1;
    if (issuer != NULL) {
        script.certs[script.count++] = server_cert(issuer);
    }
}

/* Until it waits for somebody. */
static enum ra_transport_state turn(void)
{
    enum ra_transport_state state = RA_TRANSPORT_WORKING;
    for (unsigned i = 0; i < 60 && state == RA_TRANSPORT_WORKING; i++) {
        state = s->state(s->ctx);
    }
    return state;
}

/* To the server's certificates and past them; RA_OK: accepted. */
static ra_err judged(const char *leaf, const char *issuer, const char *host)
{
    assert_int_equal(s->open(s->ctx, host, 443, true), RA_OK);
    assert_false(tcp.tls);
    assert_int_equal(s->state(s->ctx), RA_TRANSPORT_CONNECTING);
    tcp.state = RA_TRANSPORT_OPEN;
    script.want = RA_TLS_WANT_RECEIVE;
    assert_int_equal(turn(), RA_TRANSPORT_CONNECTING);
    script.want = RA_TLS_WANT_JUDGE;
    peer(leaf, issuer);
    enum ra_transport_state state = turn();
    if (script.accepted) {
        assert_int_equal(state, RA_TRANSPORT_CONNECTING);
        return RA_OK;
    }
    assert_int_equal(state, RA_TRANSPORT_FAILED);
    assert_int_equal(s->error(s->ctx), script.refused);
    assert_true(tcp.sent > 0); /* the alert */
    assert_int_equal(key.alg, RA_KEY_NONE);
    assert_int_equal(s->send(s->ctx, (const uint8_t *)"secret", 6), 0);
    return script.refused;
}

static void open_connection(void)
{
    assert_int_equal(judged("good", "sub", HOST), RA_OK);
    script.want = RA_TLS_OPEN | RA_TLS_WANT_RECEIVE;
    assert_int_equal(turn(), RA_TRANSPORT_OPEN);
    assert_int_equal(key.alg, RA_KEY_NONE);
}

/* --- the tests -------------------------------------------------------------------------- */

static void http_goes_through(void **state)
{
    uint8_t buf[8];
    (void)state;
    assert_int_equal(s->state(s->ctx), RA_TRANSPORT_IDLE);
    assert_int_equal(s->receive(s->ctx, buf, sizeof buf), 0);
    told.now = RA_E_TIME_UNKNOWN; /* no matter */
    assert_int_equal(s->open(s->ctx, HOST, 80, false), RA_OK);
    tcp.state = RA_TRANSPORT_OPEN;
    assert_int_equal(s->state(s->ctx), RA_TRANSPORT_OPEN);
    assert_int_equal(s->send(s->ctx, (const uint8_t *)"GET", 3), 3);
    tcp.held = 4;
    assert_int_equal(s->receive(s->ctx, buf, sizeof buf), 4);
    assert_int_equal(s->binding(s->ctx, buf, sizeof buf), 0);
    assert_string_equal(ra_secure_version(&secure), "");
    tcp.error = RA_E_NET_RESET;
    assert_int_equal(s->error(s->ctx), RA_E_NET_RESET);
    s->close(s->ctx);
    assert_true(tcp.closed && !script.notified);
}

static void a_server_in_order(void **state)
{
    uint8_t buf[RA_BINDING_MAX];
    (void)state;
    open_connection();
    assert_string_equal(script.host, HOST);
    assert_string_equal(ra_secure_version(&secure), "TLS 1.3");
    assert_int_equal(s->binding(s->ctx, buf, sizeof buf), 12);
    assert_int_equal(s->binding(s->ctx, buf, 12), 0);
    assert_int_equal(s->send(s->ctx, (const uint8_t *)"GET", 3), 3);
    assert_int_equal(tcp.sent, 8);
    script.data = "hello";
    assert_int_equal(s->receive(s->ctx, buf, sizeof buf), 5);
    assert_int_equal(s->receive(s->ctx, buf, sizeof buf), 0);
    assert_int_equal(secure.peak, 1234);
    s->close(s->ctx);
    assert_true(script.notified && script.ended && tcp.closed);
    assert_int_equal(tcp.sent, 13); /* close_notify */
    assert_int_equal(s->state(s->ctx), RA_TRANSPORT_IDLE);
}

static void servers_that_are_refused(void **state)
{
    static const struct {
        const char *leaf, *issuer, *host;
        ra_err why;
    } cases[] = {
        {"good", "sub", "ca02.example.test", RA_E_TLS_NAME},
        {"named", "sub", HOST, RA_E_TLS_NAME},
        {"expired", "sub", HOST, RA_E_TLS_EXPIRED},
        {"future", "sub", HOST, RA_E_TLS_NOT_YET},
        {"client", "sub", HOST, RA_E_TLS_USAGE},
        {"good", NULL, HOST, RA_E_TLS_UNTRUSTED},
        {"good", "stranger", HOST, RA_E_TLS_UNTRUSTED},
        {"own", NULL, HOST, RA_E_TLS_UNTRUSTED},
        {"weak", "sub", HOST, RA_E_TLS_WEAK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)setup(state);
        assert_int_equal(judged(cases[i].leaf, cases[i].issuer, cases[i].host), cases[i].why);
    }
}

static void what_is_no_chain(void **state)
{
    static const uint8_t junk[] = {0x30, 0x00};
    static const struct {
        unsigned count;
        bool junk;
        ra_err why;
    } cases[] = {{0, false, RA_E_TLS_NO_CERT},
                 {1, true, RA_E_TLS_CERT},
                 {RA_CHAIN_CERTS_MAX + 2, false, RA_E_TLS_CHAIN_SIZE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)setup(state);
        assert_int_equal(s->open(s->ctx, HOST, 443, true), RA_OK);
        tcp.state = RA_TRANSPORT_OPEN;
        script.want = RA_TLS_WANT_JUDGE;
        for (unsigned j = 0; j < cases[i].count; j++) {
            script.certs[j] = server_cert(j == 0 ? "good" : "sub");
        }
        if (cases[i].junk) {
            script.certs[0] = (struct ra_span){junk, sizeof junk};
        }
        script.count = cases[i].count;
        assert_int_equal(turn(), RA_TRANSPORT_FAILED);
        assert_int_equal(script.refused, cases[i].why);
    }
}

static void anchors(void **state)
{
    (void)state;
    told.anchors[1] = NULL;
    assert_int_equal(judged("good", "sub", HOST), RA_E_NO_ANCHOR);
    (void)setup(state);
    told.anchors[0] = "stranger"; /* same name, another key: then the right one */
    told.again = 3;
    assert_int_equal(judged("good", "sub", HOST), RA_OK);
    (void)setup(state);
    told.anchors[0] = "root";
    told.anchors[1] = "stranger";
    assert_int_equal(judged("weak", "sub", HOST), RA_E_TLS_WEAK);
}

static void an_anchor_that_cannot_be_read(void **state)
{
    told.damaged = 0;
    assert_int_equal(judged("good", "sub", HOST), RA_OK); /* another one vouches */
    (void)setup(state);
    told.damaged = 1;
    told.anchors[1] = NULL;
    assert_int_equal(judged("good", "sub", HOST), RA_E_RECORD_DAMAGED);
    for (unsigned place = 0; place < 3; place += 2) {
        (void)setup(state);
        told.damaged = place;
        told.anchors[1] = "stranger";
        assert_int_equal(judged("good", "sub", HOST), RA_E_RECORD_DAMAGED);
    }
}

static void the_time(void **state)
{
    (void)state;
    told.now = RA_E_TIME_UNKNOWN;
    assert_int_equal(s->open(s->ctx, HOST, 443, true), RA_E_TIME_UNKNOWN);
    assert_int_equal(s->state(s->ctx), RA_TRANSPORT_IDLE);
    told.now = RA_OK;
    told.at_least = true;
    assert_int_equal(judged("future", "sub", HOST), RA_OK);
    (void)setup(state);
    told.at_least = true;
    assert_int_equal(judged("expired", "sub", HOST), RA_E_TLS_EXPIRED);
    /* the issuers may begin after the floor as well, and only after a floor */
    (void)setup(state);
    told.at_least = true;
    told.clock = 1000000000;
    assert_int_equal(judged("good", "sub", HOST), RA_OK);
    (void)setup(state);
    told.clock = 1704067199; /* the day before all of them */
    assert_int_equal(judged("good", "sub", HOST), RA_E_TLS_NOT_YET);
}

/* The dot of an absolute name is in no certificate, and not in SNI [RFC 6066 3]. */
static void a_dot_at_the_end(void **state)
{
    (void)state;
    assert_int_equal(judged("good", "sub", HOST "."), RA_OK);
    assert_string_equal(script.host, HOST);
    (void)setup(state);
    assert_int_equal(judged("good", "sub", "192.0.2.7."), RA_OK);
    assert_null(script.config.host);
}

static void an_address_has_no_sni(void **state)
{
    (void)state;
    assert_int_equal(judged("good", "sub", "192.0.2.7"), RA_OK);
    assert_null(script.config.host);
}

static void the_clients_key_is_there_only_while_it_may_sign(void **state)
{
    (void)state;
    told.client = server_cert("good");
    assert_int_equal(judged("good", "sub", HOST), RA_OK);
    assert_true(key.is_private);
    assert_ptr_equal(script.config.client_key, &key);
    assert_int_equal(script.config.client_size, told.client.size);
    script.want = RA_TLS_OPEN;
    assert_int_equal(turn(), RA_TRANSPORT_OPEN);
    assert_int_equal(key.alg, RA_KEY_NONE);

    (void)setup(state);
    told.client = server_cert("good");
    told.key = RA_E_RECORD_DAMAGED;
    assert_int_equal(judged("good", "sub", HOST), RA_E_RECORD_DAMAGED);

    (void)setup(state);
    told.client = server_cert("good");
    assert_int_equal(judged("good", "sub", HOST), RA_OK);
    s->close(s->ctx);
    assert_int_equal(key.alg, RA_KEY_NONE);
}

static void beginnings_that_fail(void **state)
{
    char host[RA_HOST_MAX + 2];
    (void)state;
    memset(host, 'a', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    assert_int_equal(s->open(s->ctx, host, 443, true), RA_E_LIMIT);
    tcp.refusal = RA_E_NET_DNS;
    assert_int_equal(s->open(s->ctx, HOST, 443, true), RA_E_NET_DNS);
    assert_int_equal(s->state(s->ctx), RA_TRANSPORT_IDLE);

    static const ra_err each[] = {RA_E_ENTROPY, RA_E_RECORD_SEAL, RA_E_TLS_MEMORY};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        (void)setup(state);
        told.ready = i == 0 ? each[i] : RA_OK;
        told.certs = i == 1 ? each[i] : RA_OK;
        script.start = i == 2 ? each[i] : RA_OK;
        assert_int_equal(s->open(s->ctx, HOST, 443, true), RA_OK);
        tcp.state = RA_TRANSPORT_OPEN;
        assert_int_equal(turn(), RA_TRANSPORT_FAILED);
        assert_int_equal(s->error(s->ctx), each[i]);
    }
    (void)setup(state);
    told.ready = RA_AGAIN;
    assert_int_equal(s->open(s->ctx, HOST, 443, true), RA_OK);
    tcp.state = RA_TRANSPORT_OPEN;
    assert_int_equal(turn(), RA_TRANSPORT_WORKING);

    (void)setup(state);
    assert_int_equal(s->open(s->ctx, HOST, 443, true), RA_OK);
    tcp.state = RA_TRANSPORT_PEER_CLOSED;
    assert_int_equal(turn(), RA_TRANSPORT_FAILED);
    assert_int_equal(s->error(s->ctx), RA_E_NET_CLOSED);

    (void)setup(state);
    assert_int_equal(s->open(s->ctx, HOST, 443, true), RA_OK);
    tcp.state = RA_TRANSPORT_FAILED;
    tcp.error = RA_E_NET_REFUSED;
    assert_int_equal(turn(), RA_TRANSPORT_FAILED);
    assert_int_equal(s->error(s->ctx), RA_E_NET_REFUSED);
    /* Whatever TCP says later. */
    tcp.state = RA_TRANSPORT_OPEN;
    assert_int_equal(s->state(s->ctx), RA_TRANSPORT_FAILED);
    assert_int_equal(s->error(s->ctx), RA_E_NET_REFUSED);
}

static void a_handshake_that_goes_on_or_breaks(void **state)
{
    (void)state;
    assert_int_equal(s->open(s->ctx, HOST, 443, true), RA_OK);
    tcp.state = RA_TRANSPORT_OPEN;
    script.want = RA_TLS_WANT_STEP | RA_TLS_WANT_RECEIVE;
    tcp.held = 3;
    assert_int_equal(turn(), RA_TRANSPORT_WORKING);
    assert_true(script.stepped);
    assert_int_equal(script.in_size, 3);
    script.want = RA_TLS_WANT_RECEIVE;
    tcp.state = RA_TRANSPORT_PEER_CLOSED;
    assert_int_equal(turn(), RA_TRANSPORT_CONNECTING);
    assert_true(script.closed_in);
    tcp.state = RA_TRANSPORT_FAILED;
    tcp.error = RA_E_NET_RESET;
    assert_int_equal(turn(), RA_TRANSPORT_FAILED);
    assert_int_equal(s->error(s->ctx), RA_E_NET_RESET);
}

static void ends(void **state)
{
    uint8_t buf[8];
    (void)state;
    open_connection();
    script.want = RA_TLS_CLOSED;
    assert_int_equal(s->state(s->ctx), RA_TRANSPORT_PEER_CLOSED);

    (void)setup(state);
    open_connection();
    script.want = RA_TLS_FAILED;
    script.error = RA_E_TLS_TRUNCATED;
    assert_int_equal(s->state(s->ctx), RA_TRANSPORT_FAILED);
    assert_int_equal(s->error(s->ctx), RA_E_TLS_TRUNCATED);
    assert_int_equal(s->receive(s->ctx, buf, sizeof buf), 0);

    (void)setup(state);
    open_connection();
    tcp.state = RA_TRANSPORT_FAILED; /* what came before can still be read */
    tcp.error = RA_E_NET_RESET;
    script.data = "x";
    assert_int_equal(s->state(s->ctx), RA_TRANSPORT_FAILED);
    assert_int_equal(s->receive(s->ctx, buf, sizeof buf), 1);
    assert_int_equal(s->error(s->ctx), RA_E_NET_RESET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(http_goes_through, setup),
        cmocka_unit_test_setup(a_server_in_order, setup),
        cmocka_unit_test_setup(servers_that_are_refused, setup),
        cmocka_unit_test_setup(what_is_no_chain, setup),
        cmocka_unit_test_setup(anchors, setup),
        cmocka_unit_test_setup(an_anchor_that_cannot_be_read, setup),
        cmocka_unit_test_setup(the_time, setup),
        cmocka_unit_test_setup(a_dot_at_the_end, setup),
        cmocka_unit_test_setup(an_address_has_no_sni, setup),
        cmocka_unit_test_setup(the_clients_key_is_there_only_while_it_may_sign, setup),
        cmocka_unit_test_setup(beginnings_that_fail, setup),
        cmocka_unit_test_setup(a_handshake_that_goes_on_or_breaks, setup),
        cmocka_unit_test_setup(ends, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
