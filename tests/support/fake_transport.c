#include "fake_transport.h"

#include <stdlib.h>
#include <string.h>

static size_t piece(struct fake_transport *f, size_t size)
{
    if (f->piece_max != 0 && size > f->piece_max) {
        size = f->piece_max;
    }
    if (f->random != 0 && size > 1) {
        f->random = f->random * 1664525u + 1013904223u;
        size = 1 + (f->random >> 8) % size;
    }
    return size;
}

static const char *find(const char *p, size_t size, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= size; i++) {
        if (memcmp(p + i, word, n) == 0) {
            return p + i;
        }
    }
    return NULL;
}

size_t fake_request_whole(const char *p, size_t size)
{
    const char *end = find(p, size, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    size_t head = (size_t)(end - p) + 4;
    const char *length = find(p, head, "\r\nContent-Length: ");
    size_t body = length != NULL ? (size_t)strtoul(length + 18, NULL, 10) : 0;
    return size >= head + body ? head + body : 0;
}

static ra_err open_(void *ctx, const char *host, uint16_t port, bool tls)
{
    struct fake_transport *f = ctx;
    strncpy(f->host, host, sizeof f->host - 1);
    f->port = port;
    f->tls = tls;
    f->request_size = 0;
    f->answered = 0;
    f->replying = f->request_whole = f->stray_due = false;
    f->error = RA_OK;
    f->now = f->opened < f->connection_count ? &f->connections[f->opened] : NULL;
    f->opened++;
    if (f->now == NULL && f->serve == NULL) {
        f->state = RA_TRANSPORT_FAILED;
        f->error = RA_E_NET_REFUSED;
        return RA_OK;
    }
    if (f->now != NULL && f->now->open_error != RA_OK) {
        return f->now->open_error;
    }
    f->state = RA_TRANSPORT_CONNECTING;
    return RA_OK;
}

static void end(struct fake_transport *f, enum fake_end how)
{
    if (how == FAKE_CLOSES) {
        f->state = RA_TRANSPORT_PEER_CLOSED;
    } else if (how == FAKE_RESETS) {
        f->state = RA_TRANSPORT_FAILED;
        f->error = RA_E_NET_RESET;
    }
}

static enum ra_transport_state state_(void *ctx)
{
    struct fake_transport *f = ctx;
    enum ra_transport_state was = f->state;
    if (was == RA_TRANSPORT_CONNECTING && (f->now == NULL || !f->now->hangs)) {
        f->state = RA_TRANSPORT_OPEN;
        if (f->now != NULL && f->now->connect_error != RA_OK) {
            f->state = RA_TRANSPORT_FAILED;
            f->error = f->now->connect_error;
        }
    }
    return was;
}

static ra_err error_(void *ctx)
{
    return ((struct fake_transport *)ctx)->error;
}

static void begin_reply(struct fake_transport *f, bool early)
{
    struct fake_reply r = {0};
    if (f->serve != NULL) {
        if (early) {
            return;
        }
        f->serve(f->serve_ctx, f->requests, (const char *)f->request, f->request_size, &r);
    } else {
        if (f->now == NULL || f->answered == f->now->count ||
            f->now->replies[f->answered].early != early) {
            return;
        }
        r = f->now->replies[f->answered];
    }
    f->answered++;
    if (r.bytes != NULL && r.size == 0) {
        r.size = strlen(r.bytes);
    }
    f->reply = r;
    f->reply_at = 0;
    f->replying = true;
    if (r.size == 0) {
        f->replying = false;
        end(f, r.end);
    }
}

static size_t send_(void *ctx, const uint8_t *from, size_t size)
{
    struct fake_transport *f = ctx;
    if (size == 0 || (f->now != NULL && f->now->deaf)) {
        return 0;
    }
    if (f->request_whole) {
        f->request_size = 0;
        f->request_whole = false;
    }
    bool first = f->request_size == 0;
    size = piece(f, size);
    if (size > FAKE_REQUEST_MAX - f->request_size) {
        size = FAKE_REQUEST_MAX - f->request_size;
    }
    memcpy(f->request + f->request_size, from, size);
    f->request_size += size;
    f->request[f->request_size] = 0;
    if (first && f->answered != 0 && f->now != NULL && f->now->drop_late) {
        end(f, f->now->drop);
        return size;
    }
    if (first && !f->replying) {
        begin_reply(f, true);
    }
    if (fake_request_whole((const char *)f->request, f->request_size) != 0) {
        f->request_whole = true;
        if (!f->replying) {
            begin_reply(f, false);
        }
        f->requests++;
    }
    return size;
}

static size_t receive_(void *ctx, uint8_t *to, size_t size)
{
    struct fake_transport *f = ctx;
    if (!f->replying) {
        if (f->stray_due && size != 0) {
            f->stray_due = false;
            *to = 'x';
            return 1;
        }
        if (f->answered != 0 && f->now != NULL && f->now->drop_heard) {
            end(f, f->now->drop);
        }
        return 0;
    }
    size_t left = f->reply.size - f->reply_at;
    size = piece(f, size < left ? size : left);
    memcpy(to, (const uint8_t *)f->reply.bytes + f->reply_at, size);
    f->reply_at += size;
    if (f->reply_at == f->reply.size) {
        f->replying = false;
        end(f, f->reply.end);
        if (f->now != NULL) {
            f->stray_due = f->now->stray;
            if (!f->now->drop_late && !f->now->drop_heard) {
                end(f, f->now->drop);
            }
        }
    }
    return size;
}

static void close_(void *ctx)
{
    struct fake_transport *f = ctx;
    if (f->state != RA_TRANSPORT_IDLE) {
        f->closed++;
    }
    f->state = RA_TRANSPORT_IDLE;
    f->replying = f->stray_due = false;
}

void fake_transport_init(struct fake_transport *f)
{
    memset(f, 0, sizeof *f);
    f->transport = (struct ra_transport){.ctx = f,
                                         .open = open_,
                                         .state = state_,
                                         .error = error_,
                                         .send = send_,
                                         .receive = receive_,
                                         .close = close_};
}
