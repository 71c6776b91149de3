#include "ra_exchange.h"

#include <string.h>

const struct ra_exchange_limits ra_exchange_limits_default = {
    .connect_ms = 20000, .idle_ms = 90000, .total_ms = 240000, .reuse_ms = 15000};

enum phase { NONE, CONNECT, TALK };

static void hang_up(struct ra_exchange *x)
{
    x->transport->close(x->transport->ctx);
    x->open = false;
}

static ra_err fail(struct ra_exchange *x, ra_err e)
{
    hang_up(x);
    x->phase = NONE;
    return e;
}

/* The open connection is as we left it: not closed by the server, and not one
 * byte came that would be read as the answer to the next request. */
static bool can_reuse(struct ra_exchange *x, uint64_t now_ms)
{
    const struct ra_transport *t = x->transport;
    uint8_t stray;
    return x->open && now_ms - x->activity_ms <= x->limits->reuse_ms &&
           t->state(t->ctx) == RA_TRANSPORT_OPEN && t->receive(t->ctx, &stray, 1) == 0 &&
           t->state(t->ctx) == RA_TRANSPORT_OPEN;
}

static ra_err begin(struct ra_exchange *x, const struct ra_http_request *request, uint64_t now_ms,
                    bool reuse)
{
    ra_err e = ra_http_start(&x->http, request, &x->url, x->wall_s);
    if (e == RA_OK && request->bound && !reuse) {
        e = RA_E_NET_CLOSED;
    }
    if (e != RA_OK) {
        return fail(x, e);
    }
    x->counters.requests++;
    x->activity_ms = now_ms;
    x->progress = true;
    x->reused = reuse;
    x->open = true;
    x->phase = TALK;
    if (!reuse) {
        hang_up(x);
        x->phase = CONNECT;
        x->counters.connections++;
        e = x->transport->open(x->transport->ctx, x->url.host, x->url.port, x->url.tls);
        if (e != RA_OK) {
            return fail(x, e);
        }
    }
    return RA_OK;
}

ra_err ra_exchange_init(struct ra_exchange *x, const struct ra_transport *transport,
                        const struct ra_exchange_limits *limits, uint8_t *buf, size_t cap)
{
    memset(x, 0, sizeof *x);
    x->transport = transport;
    x->limits = limits != NULL ? limits : &ra_exchange_limits_default;
    return ra_http_init(&x->http, buf, cap);
}

ra_err ra_exchange_start(struct ra_exchange *x, const struct ra_http_request *request,
                         uint64_t now_ms, int64_t wall_s)
{
    if (x->phase != NONE) {
        return RA_E_BUSY;
    }
    struct ra_url url = *request->url;
    if (request->suffix != NULL) {
        ra_err e = ra_url_join(&url, request->suffix);
        if (e != RA_OK) {
            return e;
        }
    }
    bool reuse = ra_url_same_origin(&url, &x->url) && can_reuse(x, now_ms);
    x->url = url;
    x->wall_s = wall_s;
    x->started_ms = now_ms;
    x->redirects = 0;
    x->resent = false;
    return begin(x, request, now_ms, reuse);
}

/* The connection failed under a request. On one that had been idle the likely
 * cause is that the server closed it meanwhile. */
static ra_err lost(struct ra_exchange *x, ra_err e, uint64_t now_ms)
{
    const struct ra_http_request *r = &x->http.request;
    if (x->reused && !x->resent && !r->bound && !ra_http_heard(&x->http) &&
        (r->method == RA_HTTP_GET || r->repeatable || !ra_http_sent(&x->http))) {
        x->resent = true;
        e = begin(x, r, now_ms, false);
        return e == RA_OK ? RA_AGAIN : e;
    }
    return fail(x, e);
}

static ra_err refuse_redirect(struct ra_exchange *x)
{
    struct ra_http_reply *reply = &x->http.reply;
    size_t n = 0;
    for (; n < reply->location_size && n < RA_PEER_TEXT_MAX; n++) {
        char c = reply->location[n];
        reply->reason[n] = c >= ' ' && c < 0x7f ? c : '?';
    }
    reply->reason[n] = '\0';
    return fail(x, RA_E_HTTP_REDIRECT);
}

static ra_err replied(struct ra_exchange *x, uint64_t now_ms)
{
    const struct ra_http_reply *reply = ra_http_reply(&x->http);
    bool reuse = ra_http_keep_alive(&x->http);
    uint16_t status = reply->status;

    x->phase = NONE;
    x->activity_ms = now_ms;
    if (!reuse) {
        hang_up(x);
    }
    bool to_get = status == 301 || status == 302 || status == 303;
    if ((!to_get && status != 307 && status != 308) || reply->location == NULL) {
        return RA_OK;
    }
    if (x->redirects == RA_EXCHANGE_REDIRECTS_MAX || x->http.request.target_size != 0 ||
        ra_url_follow(&x->url, reply->location, reply->location_size) != RA_OK) {
        return refuse_redirect(x);
    }
    x->redirects++;
    struct ra_http_request next = x->http.request;
    if (to_get) {
        next.method = RA_HTTP_GET;
        next.body_size = 0;
    }
    ra_err e = begin(x, &next, now_ms, can_reuse(x, now_ms));
    return e == RA_OK ? RA_AGAIN : e;
}

static ra_err talk(struct ra_exchange *x, uint64_t now_ms)
{
    const struct ra_transport *t = x->transport;
    /* Asked before receiving: bytes that arrive between the two calls must not be
     * taken for an end without them. */
    enum ra_transport_state state = t->state(t->ctx);
    size_t received = 0;

    if ((ra_http_wants(&x->http) & RA_HTTP_WANT_SEND) != 0 &&
        (state == RA_TRANSPORT_OPEN || state == RA_TRANSPORT_PEER_CLOSED)) {
        size_t size;
        const uint8_t *p = ra_http_out(&x->http, &size);
        size_t taken = size != 0 ? t->send(t->ctx, p, size) : 0;
        ra_http_out_taken(&x->http, taken);
        x->counters.bytes_out += (uint32_t)taken;
        x->progress = taken != 0;
    }
    if ((ra_http_wants(&x->http) & RA_HTTP_WANT_RECEIVE) != 0) {
        size_t room;
        uint8_t *to = ra_http_in(&x->http, &room);
        received = t->receive(t->ctx, to, room < RA_EXCHANGE_SLICE ? room : RA_EXCHANGE_SLICE);
        ra_http_in_given(&x->http, received);
        x->counters.bytes_in += (uint32_t)received;
        x->progress = x->progress || received != 0;
        if (received == 0 && state == RA_TRANSPORT_PEER_CLOSED) {
            ra_http_in_closed(&x->http);
        }
    }
    ra_err e = ra_http_outcome(&x->http);
    if (e == RA_OK) {
        return replied(x, now_ms);
    }
    if (e == RA_E_NET_CLOSED) {
        return lost(x, e, now_ms);
    }
    if (e != RA_AGAIN) {
        return fail(x, e);
    }
    if (received == 0 && (state == RA_TRANSPORT_FAILED || state == RA_TRANSPORT_IDLE)) {
        e = t->error(t->ctx);
        return lost(x, e < RA_OK ? e : RA_E_NET_RESET, now_ms);
    }
    return RA_AGAIN;
}

ra_err ra_exchange_step(struct ra_exchange *x, uint64_t now_ms)
{
    const struct ra_transport *t = x->transport;
    if (x->phase == NONE) {
        return RA_E_STATE;
    }
    x->progress = false;
    ra_err e = RA_AGAIN;
    if (x->phase == CONNECT) {
        enum ra_transport_state state = t->state(t->ctx);
        if (state == RA_TRANSPORT_FAILED || state == RA_TRANSPORT_IDLE) {
            e = t->error(t->ctx);
            return fail(x, e < RA_OK ? e : RA_E_NET_CONNECT);
        }
        x->working = state == RA_TRANSPORT_WORKING;
        if (state != RA_TRANSPORT_CONNECTING && !x->working) {
            x->phase = TALK;
            x->open = true;
            x->progress = true;
        } else if (now_ms - x->activity_ms >= x->limits->connect_ms) {
            return fail(x, RA_E_NET_CONNECT);
        }
    } else {
        e = talk(x, now_ms);
        if (e != RA_AGAIN) {
            return e;
        }
    }
    if (x->progress) {
        x->activity_ms = now_ms;
    }
    if (now_ms - x->started_ms >= x->limits->total_ms ||
        (x->phase == TALK && now_ms - x->activity_ms >= x->limits->idle_ms)) {
        return fail(x, RA_E_NET_TIMEOUT);
    }
    return RA_AGAIN;
}

uint32_t ra_exchange_wait_ms(const struct ra_exchange *x, uint64_t now_ms)
{
    if (x->phase == NONE) {
        return UINT32_MAX;
    }
    if (x->progress || (x->phase == CONNECT && x->working)) {
        return 0;
    }
    uint64_t idle =
        x->activity_ms + (x->phase == CONNECT ? x->limits->connect_ms : x->limits->idle_ms);
    uint64_t total = x->started_ms + x->limits->total_ms;
    uint64_t first = idle < total ? idle : total;
    return first > now_ms ? (uint32_t)(first - now_ms) : 0;
}

const struct ra_http_reply *ra_exchange_reply(const struct ra_exchange *x)
{
    return ra_http_reply(&x->http);
}

bool ra_exchange_heard(const struct ra_exchange *x)
{
    return ra_http_heard(&x->http);
}

size_t ra_exchange_binding(const struct ra_exchange *x, uint8_t *out, size_t cap)
{
    const struct ra_transport *t = x->transport;
    bool open = x->open && x->phase == NONE && t->state(t->ctx) == RA_TRANSPORT_OPEN;
    return open && t->binding != NULL ? t->binding(t->ctx, out, cap) : 0;
}

void ra_exchange_cancel(struct ra_exchange *x)
{
    (void)fail(x, RA_OK);
}
