#include "ra_secure.h"

#include <string.h>

#include "ra_server.h"

enum phase {
    IDLE,
    PLAIN,   /* http: the inner transport alone         */
    CONNECT, /* TCP                                     */
    PREPARE, /* random numbers, the client's certificate */
    SHAKE,
    JUDGE,    /* chain to an anchor, one after the other */
    TAKE_KEY, /* the client's key                        */
    OPEN,
    DEAD
};

/* The scratch key is ours from the first use until here. */
static void drop_key(struct ra_secure *s)
{
    if (s->has_key) {
        ra_key_wipe(s->tools.key);
        s->has_key = false;
    }
}

static enum ra_transport_state dead(struct ra_secure *s, ra_err e)
{
    s->error = e;
    s->phase = DEAD;
    drop_key(s);
    return RA_TRANSPORT_FAILED;
}

/* Bytes between the engine and TCP, as many as there is room for. */
static void pump(struct ra_secure *s)
{
    const struct ra_transport *t = s->inner;
    enum ra_transport_state state = t->state(t->ctx);
    size_t size;
    const uint8_t *out = ra_tls_out(&s->tls, &size);
    if (size > 0 && (state == RA_TRANSPORT_OPEN || state == RA_TRANSPORT_PEER_CLOSED)) {
        ra_tls_out_taken(&s->tls, t->send(t->ctx, out, size));
    }
    if ((ra_tls_wants(&s->tls) & RA_TLS_WANT_RECEIVE) != 0) {
        size_t room;
        uint8_t *in = ra_tls_in(&s->tls, &room);
        size_t got = t->receive(t->ctx, in, room);
        ra_tls_in_given(&s->tls, got);
        if (got == 0 && state == RA_TRANSPORT_PEER_CLOSED) {
            ra_tls_in_closed(&s->tls);
        }
    }
    s->peak = ra_tls_peak(&s->tls) > s->peak ? ra_tls_peak(&s->tls) : s->peak;
}

static bool is_address(const char *host)
{
    return host[strspn(host, "0123456789.")] == '\0';
}

static enum ra_transport_state prepare(struct ra_secure *s)
{
    const struct ra_secure_tools *tools = &s->tools;
    struct ra_tls_config config = {.random = tools->random, .client_key = tools->key};
    struct ra_span certs = {NULL, 0};
    ra_err e = tools->ready(tools->ctx);
    if (e == RA_OK) {
        e = tools->client_certs(tools->ctx, &certs);
    }
    if (e == RA_OK) {
        config.host = is_address(s->host) ? NULL : s->host;
        config.client_certs = certs.p;
        config.client_size = certs.size;
        e = ra_tls_start(&s->tls, &config, s->arena, sizeof s->arena);
    }
    if (e == RA_AGAIN) {
        return RA_TRANSPORT_WORKING;
    }
    if (e != RA_OK) {
        return dead(s, e);
    }
    s->has_client = certs.size > 0;
    s->phase = SHAKE;
    return RA_TRANSPORT_WORKING;
}

/* The chain's words for what is wrong with a server. */
static ra_err of_server(ra_err e)
{
    return e == RA_E_CHAIN_ISSUER || e == RA_E_CHAIN_SIGNATURE ? RA_E_TLS_UNTRUSTED
           : e == RA_E_GATE_WEAK                               ? RA_E_TLS_WEAK
                                                               : e;
}

/* What the server sent, into `leaf` and `pool`. */
static ra_err read_peer(struct ra_secure *s)
{
    struct ra_span der;
    if (!ra_tls_peer_cert(&s->tls, 0, &der.p, &der.size)) {
        return RA_E_TLS_NO_CERT;
    }
    ra_err e = ra_cert_parse(&s->leaf, der.p, der.size);
    if (e != RA_OK) {
        return RA_E_TLS_CERT;
    }
    s->pool_count = 0;
    while (ra_tls_peer_cert(&s->tls, (unsigned)s->pool_count + 1, &der.p, &der.size)) {
        if (s->pool_count == RA_CHAIN_CERTS_MAX) {
            return RA_E_TLS_CHAIN_SIZE;
        }
        s->pool[s->pool_count++] = der;
    }
    return ra_server_check(&s->leaf, s->host, s->now, s->at_least);
}

static ra_err next_anchor(struct ra_secure *s)
{
    while (s->place < RA_ANCHORS_MAX) {
        ra_err e = s->tools.anchor(s->tools.ctx, s->place, &s->anchor);
        if (e == RA_AGAIN) {
            return e;
        }
        s->place++;
        if (e == RA_OK) {
            e = ra_chain_start(&s->chain, &s->leaf, s->pool, s->pool_count, &s->anchor, 1, s->now);
            if (s->at_least) {
                ra_chain_at_least(&s->chain);
            }
            return e;
        }
        if (e != RA_E_NOT_FOUND) {
            s->cause = e; /* it cannot be read: it may be the one that would do */
        }
    }
    return s->cause == RA_OK ? RA_E_NO_ANCHOR : s->cause;
}

/* One slice; RA_AGAIN while it goes on. */
static ra_err judge(struct ra_secure *s)
{
    ra_err e;
    if (s->chain.leaf == NULL) {
        e = next_anchor(s);
        return e == RA_OK ? RA_AGAIN : e;
    }
    s->has_key = true;
    e = ra_chain_step(&s->chain, s->tools.key);
    if (e < 0) {
        /* Of several anchors the reason of the one that fits best: any but "no issuer". */
        s->cause = s->cause == RA_OK || s->cause == RA_E_TLS_UNTRUSTED ? of_server(e) : s->cause;
        memset(&s->chain, 0, sizeof s->chain);
        return RA_AGAIN;
    }
    return e;
}

static enum ra_transport_state begin_judging(struct ra_secure *s)
{
    ra_err e = read_peer(s);
    if (e != RA_OK) {
        ra_tls_refuse(&s->tls, e);
        return RA_TRANSPORT_WORKING;
    }
    s->place = 0;
    s->cause = RA_OK;
    memset(&s->chain, 0, sizeof s->chain);
    s->phase = JUDGE;
    return RA_TRANSPORT_WORKING;
}

static enum ra_transport_state shake(struct ra_secure *s)
{
    pump(s);
    unsigned want = ra_tls_wants(&s->tls);
    const struct ra_transport *t = s->inner;
    if ((want & RA_TLS_FAILED) != 0) {
        return dead(s, ra_tls_error(&s->tls));
    }
    if ((want & RA_TLS_OPEN) != 0) {
        s->phase = OPEN;
        drop_key(s);
        return RA_TRANSPORT_OPEN;
    }
    if ((want & RA_TLS_WANT_JUDGE) != 0) {
        return begin_judging(s);
    }
    if ((want & RA_TLS_WANT_STEP) != 0) {
        ra_tls_step(&s->tls);
        pump(s);
        return RA_TRANSPORT_WORKING;
    }
    if (t->state(t->ctx) == RA_TRANSPORT_FAILED) {
        return dead(s, t->error(t->ctx));
    }
    return RA_TRANSPORT_CONNECTING;
}

static enum ra_transport_state judging(struct ra_secure *s)
{
    ra_err e = judge(s);
    if (e < 0) {
        ra_tls_refuse(&s->tls, e);
        s->phase = SHAKE;
    } else if (e == RA_OK) {
        s->phase = TAKE_KEY;
    }
    return RA_TRANSPORT_WORKING;
}

static enum ra_transport_state take_key(struct ra_secure *s)
{
    s->has_key = true;
    ra_err e = s->has_client ? s->tools.client_key(s->tools.ctx, s->tools.key) : RA_OK;
    if (e < 0) {
        ra_tls_refuse(&s->tls, e);
        s->phase = SHAKE;
    } else if (e == RA_OK) {
        ra_tls_accept(&s->tls);
        s->phase = SHAKE;
    }
    return RA_TRANSPORT_WORKING;
}

static enum ra_transport_state connecting(struct ra_secure *s)
{
    const struct ra_transport *t = s->inner;
    enum ra_transport_state state = t->state(t->ctx);
    if (state == RA_TRANSPORT_OPEN) {
        s->phase = PREPARE;
        return RA_TRANSPORT_WORKING;
    }
    if (state == RA_TRANSPORT_PEER_CLOSED) {
        return dead(s, RA_E_NET_CLOSED);
    }
    return state == RA_TRANSPORT_FAILED ? dead(s, t->error(t->ctx)) : state;
}

static enum ra_transport_state open_state(struct ra_secure *s)
{
    const struct ra_transport *t = s->inner;
    pump(s);
    unsigned want = ra_tls_wants(&s->tls);
    if ((want & RA_TLS_CLOSED) != 0) {
        return RA_TRANSPORT_PEER_CLOSED;
    }
    if ((want & RA_TLS_FAILED) != 0) {
        return dead(s, ra_tls_error(&s->tls));
    }
    return t->state(t->ctx) == RA_TRANSPORT_FAILED ? RA_TRANSPORT_FAILED : RA_TRANSPORT_OPEN;
}

static enum ra_transport_state secure_state(void *ctx)
{
    struct ra_secure *s = ctx;
    switch ((enum phase)s->phase) {
    case PLAIN:
        return s->inner->state(s->inner->ctx);
    case CONNECT:
        return connecting(s);
    case PREPARE:
        return prepare(s);
    case SHAKE:
        return shake(s);
    case JUDGE:
        return judging(s);
    case TAKE_KEY:
        return take_key(s);
    case OPEN:
        return open_state(s);
    case DEAD:
        return RA_TRANSPORT_FAILED;
    default:
        return RA_TRANSPORT_IDLE;
    }
}

static ra_err secure_error(void *ctx)
{
    struct ra_secure *s = ctx;
    return s->phase == DEAD ? s->error : s->inner->error(s->inner->ctx);
}

static void secure_close(void *ctx)
{
    struct ra_secure *s = ctx;
    if (s->phase == OPEN) {
        ra_tls_close(&s->tls);
        pump(s);
    }
    drop_key(s);
    ra_tls_end(&s->tls);
    s->inner->close(s->inner->ctx);
    s->phase = IDLE;
    s->error = RA_OK;
}

static ra_err secure_open(void *ctx, const char *host, uint16_t port, bool tls)
{
    struct ra_secure *s = ctx;
    size_t size = strlen(host);
    ra_err e = RA_OK;
    secure_close(s);
    if (tls) {
        e = size <= RA_HOST_MAX ? s->tools.now(s->tools.ctx, &s->now, &s->at_least) : RA_E_LIMIT;
    }
    if (e == RA_OK) {
        memcpy(s->host, host, size <= RA_HOST_MAX ? size + 1 : 0);
        if (size > 0 && size <= RA_HOST_MAX && host[size - 1] == '.') {
            s->host[size - 1] = '\0'; /* neither SNI [RFC 6066 3] nor a certificate has it */
        }
        e = s->inner->open(s->inner->ctx, host, port, false);
    }
    if (e == RA_OK) {
        s->phase = tls ? CONNECT : PLAIN;
    }
    return e;
}

static size_t secure_send(void *ctx, const uint8_t *from, size_t size)
{
    struct ra_secure *s = ctx;
    if (s->phase != OPEN) {
        return s->phase == PLAIN ? s->inner->send(s->inner->ctx, from, size) : 0;
    }
    size_t taken = ra_tls_write(&s->tls, from, size);
    pump(s);
    return taken;
}

static size_t secure_receive(void *ctx, uint8_t *to, size_t size)
{
    struct ra_secure *s = ctx;
    if (s->phase != OPEN) {
        return s->phase == PLAIN ? s->inner->receive(s->inner->ctx, to, size) : 0;
    }
    size_t got = ra_tls_read(&s->tls, to, size);
    if (got == 0) {
        pump(s);
        got = ra_tls_read(&s->tls, to, size);
    }
    return got;
}

static size_t secure_binding(void *ctx, uint8_t *out, size_t cap)
{
    const struct ra_secure *s = ctx;
    size_t size = 0;
    bool told = s->phase == OPEN && cap >= RA_TLS_BINDING_MAX &&
                ra_tls_binding(&s->tls, out, &size) == RA_OK;
    return told ? size : 0;
}

void ra_secure_init(struct ra_secure *s, const struct ra_transport *inner,
                    const struct ra_secure_tools *tools)
{
    memset(s, 0, sizeof *s);
    s->inner = inner;
    s->tools = *tools;
    s->transport.ctx = s;
    s->transport.open = secure_open;
    s->transport.state = secure_state;
    s->transport.error = secure_error;
    s->transport.send = secure_send;
    s->transport.receive = secure_receive;
    s->transport.close = secure_close;
    s->transport.binding = secure_binding;
}

const char *ra_secure_version(const struct ra_secure *s)
{
    return s->phase == OPEN ? ra_tls_version(&s->tls) : "";
}
