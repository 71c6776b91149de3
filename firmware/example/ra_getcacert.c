#include "ra_getcacert.h"

#include <string.h>

#include "ra_http_server.h"

static bool is(struct ra_span s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.p, text, s.size) == 0;
}

/* --- the certificates ---------------------------------------------------------------- */

static void changed(struct ra_subscriber *self, enum ra_role role)
{
    (void)role;
    ((struct ra_getcacert *)(void *)self)->stale = true;
}

/* Put the certificates of der[0 .. size-1], the last one first. */
static void put_issuers(struct ra_der_put *w, struct ra_span der)
{
    while (der.size > 0 && w->err == RA_OK) {
        struct ra_span last = der;
        struct ra_der d;
        ra_der_init(&d, der);
        while (ra_der_more(&d)) {
            last = ra_der_any(&d);
        }
        /* `last` is moved to the end of the same buffer: what lies before it stays. */
        ra_der_put_raw(w, last);
        der.size -= last.size;
    }
}

/* Certificate and issuers of a role, before what is there. The issuers wait at the start of the
 * buffer while they are put at its end. */
static ra_err put_role(struct ra_getcacert *s, struct ra_der_put *w, enum ra_role role,
                       bool with_issuers)
{
    size_t room = (size_t)(w->p - w->start), size = 0;
    if (with_issuers) {
        ra_err e = ra_issuers(s->ra, role, w->start, room, &size);
        if (e != RA_OK) {
            return e;
        }
        put_issuers(w, (struct ra_span){w->start, size});
        room = (size_t)(w->p - w->start);
    }
    ra_err e = ra_certificate(s->ra, role, w->start, room, &size);
    if (e == RA_OK) {
        ra_der_put_bytes(w, w->start, size);
        e = w->err;
    }
    return e;
}

/* Both roles of a pair have the same issuers, until one CA takes over from another. */
static bool same_issuers(struct ra_getcacert *s)
{
    uint8_t *second = s->body + RA_CHAIN_MAX;
    size_t size[2] = {0, 0};
    return ra_issuers(s->ra, RA_ROLE_AGENT, s->body, RA_CHAIN_MAX, &size[0]) == RA_OK &&
           ra_issuers(s->ra, RA_ROLE_ENCRYPTION, second, RA_CHAIN_MAX, &size[1]) == RA_OK &&
           size[0] == size[1] && memcmp(s->body, second, size[0]) == 0;
}

static void make_certs(struct ra_getcacert *s)
{
    struct ra_der_put w;
    bool once = same_issuers(s);
    s->certs = (struct ra_span){NULL, 0};
    ra_der_put_init(&w, s->body, sizeof s->body);
    ra_cms_certs_begin(&w);
    ra_err e = put_role(s, &w, RA_ROLE_ENCRYPTION, true);
    if (e == RA_OK) {
        e = put_role(s, &w, RA_ROLE_AGENT, !once);
    }
    ra_cms_certs_end(&w);
    s->stale = e == RA_AGAIN; /* flash is busy, or not read yet */
    if (e == RA_OK && w.err == RA_OK) {
        s->certs = ra_der_put_span(&w);
    }
}

/* --- one client ---------------------------------------------------------------------- */

static void put_head(struct ra_getcacert *s, const char *status, const char *type,
                     struct ra_span body, struct ra_span *head)
{
    struct ra_text t;
    ra_text_init(&t, s->head, sizeof s->head);
    ra_text_add(&t, "HTTP/1.1 ");
    ra_text_add(&t, status);
    ra_text_add(&t, "\r\nContent-Type: ");
    ra_text_add(&t, type);
    ra_text_add(&t, "\r\nContent-Length: ");
    ra_text_add_u32(&t, (uint32_t)body.size);
    ra_text_add(&t, "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
    *head = (struct ra_span){(const uint8_t *)t.p, t.size};
}

ra_err ra_getcacert_answer(struct ra_getcacert *s, const uint8_t *request, size_t size,
                           struct ra_span *head, struct ra_span *body)
{
    struct ra_http_asked r;
    struct ra_span operation = {NULL, 0};
    const char *status;
    ra_err e = ra_http_asked_parse(request, size, &r);
    if (e == RA_AGAIN) {
        return e;
    }
    if (s->stale) {
        make_certs(s);
    }
    if (e != RA_OK) {
        status = "400 Bad Request";
    } else if (!is(r.method, "GET")) {
        status = "405 Method Not Allowed\r\nAllow: GET";
    } else if (!ra_http_query(r.query, "operation", &operation) || !is(operation, "GetCACert")) {
        status = "404 Not Found";
    } else if (s->certs.size == 0) {
        status = "503 Service Unavailable\r\nRetry-After: 10";
    } else {
        *body = s->certs;
        put_head(s, "200 OK", "application/x-x509-ca-ra-cert", *body, head);
        return RA_OK;
    }
    *body = (struct ra_span){(const uint8_t *)status, strcspn(status, "\r")};
    put_head(s, status, "text/plain", *body, head);
    return RA_OK;
}

static void read_request(struct ra_getcacert *s)
{
    size_t room = sizeof s->request - s->request_size;
    s->request_size += s->client.receive(s->client.ctx, s->request + s->request_size, room);
    ra_err e = ra_getcacert_answer(s, s->request, s->request_size, &s->part[0], &s->part[1]);
    if (e == RA_AGAIN && s->request_size == sizeof s->request) {
        /* Two line ends make a head of whatever this is. */
        (void)ra_getcacert_answer(s, (const uint8_t *)"\r\n\r\n", 4, &s->part[0], &s->part[1]);
    }
}

static void send_reply(struct ra_getcacert *s)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ra_span *part = &s->part[i];
        size_t sent = s->client.send(s->client.ctx, part->p, part->size);
        part->p += sent;
        part->size -= sent;
        if (part->size > 0) {
            return;
        }
    }
}

void ra_getcacert_step(struct ra_getcacert *s)
{
    const struct hal_clock *clock = &s->ra->hal->clock;
    uint64_t now_ms = clock->monotonic_ms(clock->dev);
    enum ra_transport_state state = s->client.state(s->client.ctx);
    if (state == RA_TRANSPORT_IDLE) {
        if (s->stale) {
            make_certs(s);
        }
        return;
    }
    if (!s->served) {
        s->served = true;
        s->since_ms = now_ms;
        s->request_size = 0;
        memset(s->part, 0, sizeof s->part);
    }
    if (s->part[0].p == NULL) {
        read_request(s);
    }
    bool answered = s->part[0].p != NULL;
    if (answered) {
        /* What else it sent is read over: closed with bytes unread, TCP would take the reply back. */
        (void)s->client.receive(s->client.ctx, s->request, sizeof s->request);
        send_reply(s);
    }
    bool done = answered && s->part[1].size == 0 && ra_net_acknowledged(&s->net);
    bool gone = state == RA_TRANSPORT_FAILED || (state == RA_TRANSPORT_PEER_CLOSED && !answered);
    if (done || gone || now_ms - s->since_ms >= RA_GETCACERT_MS) {
        s->client.close(s->client.ctx);
        s->served = false;
    }
}

void ra_getcacert_init(struct ra_getcacert *s, struct ra *ra)
{
    memset(s, 0, sizeof *s);
    s->ra = ra;
    s->stale = true;
    s->changes.changed = changed;
    ra_subscribe(ra, &s->changes);
    ra_net_init(&s->net, &s->client);
}

ra_err ra_getcacert_listen(struct ra_getcacert *s, uint16_t port)
{
    return ra_net_listen(&s->net, port);
}
