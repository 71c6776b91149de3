/* ra_exchange.h - one HTTP request and its reply over a transport.
 *
 * Drives ra_http over a ra_transport: connects or reuses the open connection,
 * keeps the time limits, follows redirects, closes. One exchange at a time.
 *
 *     ra_exchange_start(&x, &request, now, wall);
 *     each time round the main loop:
 *         e = ra_exchange_step(&x, now);
 *         RA_AGAIN: call again after ra_exchange_wait_ms or when bytes arrive;
 *         RA_OK:    ra_exchange_reply(&x), any HTTP status;
 *         else:     no usable reply.
 *
 * Time:      one step sends at most one window of RA_HTTP_OUT_MAX bytes and
 *            takes in at most RA_EXCHANGE_SLICE bytes: under 80 000 Cortex-M
 *            instructions to receive, for a head of 4 KB or a body in chunks
 *            of one byte 90 000, and what the body's producer needs for 1 KiB
 *            (AD CS: 100 000). With TLS a step is one slice of the handshake, or
 *            that and one record (ra_secure.h).
 * Redirects: 301, 302, 303 with a Location are followed with GET and without
 *            the body, 307 and 308 with the same request, at most
 *            RA_EXCHANGE_REDIRECTS_MAX in all and only to the same scheme, host
 *            and port; else RA_E_HTTP_REDIRECT. So the password never travels
 *            to another server. Other 3xx are handed over as they are.
 * Reuse:     the connection stays open after a reply that allows it and serves
 *            the next request to the same scheme, host and port, for
 *            `reuse_ms`. When the server closes it at the very moment a request
 *            goes out, the request is sent once more on a new connection, if no
 *            byte of a reply came. A POST is sent again only when it is marked
 *            repeatable or none of its bytes was taken by the transport: an
 *            enrolment request the server did read would be in the CA twice.
 *            Its error (RA_E_NET_CLOSED or _RESET) goes to the caller instead,
 *            who stored the request and may decide to send it again later.
 * Bound:     a request that holds the binding of the open connection goes out on
 *            that one or ends with RA_E_NET_CLOSED.
 */
#ifndef RA_EXCHANGE_H
#define RA_EXCHANGE_H

#include "ra_http.h"
#include "ra_transport.h"

#define RA_EXCHANGE_REDIRECTS_MAX 3
#define RA_EXCHANGE_SLICE 2048 /* bytes received in one step at most */

struct ra_exchange_limits {
    uint32_t connect_ms; /* look-up, TCP and TLS handshake                         */
    uint32_t idle_ms;    /* without one byte either way; a CA may think for a minute */
    uint32_t total_ms;   /* the whole exchange, redirects and resending included   */
    uint32_t reuse_ms;   /* an idle connection older than this is not used again   */
};
/* 20 s, 90 s, 240 s, 15 s. */
extern const struct ra_exchange_limits ra_exchange_limits_default;

struct ra_exchange_counters { /* since init; for the bench and `show` */
    uint32_t requests;        /* sent or begun, redirects and resending included */
    uint32_t connections;
    uint32_t bytes_out, bytes_in; /* HTTP, without TLS and TCP */
};

/* Private to ra_exchange.c, but for `counters`. */
struct ra_exchange {
    const struct ra_transport *transport;
    const struct ra_exchange_limits *limits;
    struct ra_http http;
    struct ra_url url; /* of the open connection, and the target on it */
    struct ra_exchange_counters counters;
    uint64_t started_ms, activity_ms;
    int64_t wall_s;
    uint8_t phase, redirects;
    bool open, reused, resent, progress, working;
};

/* `buf`, `cap`: the reply buffer, see ra_http.h. `limits` NULL: the default;
 * else it must stay. Returns RA_OK or RA_E_ARGUMENT. */
ra_err ra_exchange_init(struct ra_exchange *x, const struct ra_transport *transport,
                        const struct ra_exchange_limits *limits, uint8_t *buf, size_t cap);

/* Begin. What the request points at must stay until the exchange has ended.
 * Returns RA_OK, RA_E_BUSY (one is under way), RA_E_URL (path too long), what
 * ra_http_start refuses, or the transport's refusal to open. */
ra_err ra_exchange_start(struct ra_exchange *x, const struct ra_http_request *request,
                         uint64_t now_ms, int64_t wall_s);

/* One slice. Returns RA_AGAIN; RA_OK with a reply; RA_E_STATE (none under way);
 * RA_E_NET_CONNECT (connect_ms passed), RA_E_NET_TIMEOUT (idle_ms or total_ms),
 * RA_E_NET_* of the transport, RA_E_HTTP_REDIRECT, RA_E_HTTP_* of the engine.
 * After anything but RA_AGAIN the exchange has ended; after an error the
 * connection is closed. */
ra_err ra_exchange_step(struct ra_exchange *x, uint64_t now_ms);

/* Milliseconds until the next step is of use if no byte arrives and no room to
 * send appears; 0: at once; UINT32_MAX: no exchange is under way. */
uint32_t ra_exchange_wait_ms(const struct ra_exchange *x, uint64_t now_ms);

/* The reply of the last exchange, after RA_OK; status, reason and date also
 * after RA_E_HTTP_REDIRECT. In the reply buffer until the next start. */
const struct ra_http_reply *ra_exchange_reply(const struct ra_exchange *x);

/* Whether any byte of a reply came, in the exchange that is under way or has just ended. */
bool ra_exchange_heard(const struct ra_exchange *x);

/* The channel binding of the connection that the last exchange left open, see ra_transport.h;
 * 0: none is open, or it has none. */
size_t ra_exchange_binding(const struct ra_exchange *x, uint8_t *out, size_t cap);

/* Give up the exchange if one is under way, and close the connection. Call it
 * too when no further request will follow soon. */
void ra_exchange_cancel(struct ra_exchange *x);

#endif
