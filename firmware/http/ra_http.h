/* ra_http.h - HTTP/1.1 client engine: a request in, bytes out, bytes in, a reply out.
 *
 * No I/O, no clock, no waiting, no allocation: the caller asks what the engine
 * wants, takes or gives bytes, and asks again. ra_exchange.h drives it over a
 * transport; use that unless you have a reason not to. RFC 9110, RFC 9112.
 *
 * Owns:   `buf`, from ra_http_init until the caller is done with the reply.
 *         It holds the reply's head, then the reply's body; while the request
 *         goes out its last RA_HTTP_OUT_MAX bytes are the sending window. So a
 *         body producer must not read from it.
 * State:  struct ra_http, no close needed, may be dropped at any time.
 * Same bytes, same result: whether the reply arrives at once, byte by byte or
 *         in any pieces, status, headers, body and error are the same.
 *
 * Header lines are split by picohttpparser. It is lax where a client must not
 * be, and its chunked decoder has no bound on extensions and trailers, so the
 * engine checks or does itself:
 *  - status line "HTTP/1.x NNN[ reason]"; status 100 .. 599; 101 is refused;
 *  - lines end in CR LF, a lone CR or LF is refused; control bytes are refused;
 *  - folded header lines, names that are not tokens (blank before the colon);
 *  - RA_HTTP_HEAD_MAX bytes and RA_HTTP_HEADERS_MAX lines of a head;
 *  - RA_HTTP_INTERIM_MAX replies 1xx before the final one;
 *  - Content-Length: once, digits only; with Transfer-Encoding: refused;
 *  - Transfer-Encoding: "chunked" alone, once, HTTP/1.1 only;
 *  - chunk sizes of at most 8 digits, RA_HTTP_CHUNK_EXT_MAX bytes of extensions each,
 *    RA_HTTP_TRAILER_MAX bytes of trailers (read over);
 *  - 204 and 304 have no body; the connection's end ends a body only where
 *    neither a length nor chunks were announced.
 */
#ifndef RA_HTTP_H
#define RA_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"
#include "ra_limits.h"
#include "ra_url.h"

#define RA_HTTP_HEAD_MAX 4096     /* bytes of a reply's head                          */
#define RA_HTTP_HEADERS_MAX 32    /* header lines of a reply                          */
#define RA_HTTP_INTERIM_MAX 8     /* replies 1xx skipped before the final one         */
#define RA_HTTP_CHUNK_EXT_MAX 128 /* bytes of extensions of one chunk                 */
#define RA_HTTP_TRAILER_MAX 1024  /* bytes of trailers                                */
#define RA_HTTP_OUT_MAX 1024      /* sending window; also the longest request head    */
#define RA_HTTP_TYPE_MAX 47       /* characters kept of a Content-Type                */
#define RA_HTTP_BUFFER_MIN (RA_HTTP_HEAD_MAX + RA_HTTP_OUT_MAX + 1024)

#define RA_HTTP_NO_TIME INT64_MIN /* no Date header; same value as HAL_CLOCK_UNKNOWN */

_Static_assert(RA_REPLY_MAX >= RA_HTTP_BUFFER_MIN, "RA_REPLY_MAX is too small for HTTP");

enum ra_http_method { RA_HTTP_GET, RA_HTTP_POST };

/* Schemes a WWW-Authenticate header offers, a set. */
enum ra_http_auth {
    RA_HTTP_AUTH_BASIC = 1,
    RA_HTTP_AUTH_DIGEST = 2,
    RA_HTTP_AUTH_NTLM = 4,
    RA_HTTP_AUTH_NEGOTIATE = 8,
    RA_HTTP_AUTH_OTHER = 16
};

/* What to ask. The struct is copied by ra_http_start and ra_exchange_start;
 * what it points at must stay until the exchange has ended. */
struct ra_http_request {
    enum ra_http_method method;
    bool allow_plaintext; /* the password may go over plain HTTP                          */
    bool repeatable;      /* a POST that does no harm when the server gets it twice       */
    bool bound;           /* for the open connection alone: neither opened nor sent again  */
    const struct ra_url *url;
    const char *suffix;       /* joined to url->path by ra_url_join; NULL: url->path as it is */
    const char *content_type; /* of the request's body, NULL: no such header                  */
    const char *user_agent;   /* NULL: "Perennial"                                            */
    const char *user;         /* Basic authentication, sent unasked; NULL: none               */
    const char *password;     /* NULL: empty                                                  */
    size_t body_size;         /* exact; only with POST                                        */
    /* Writes up to `cap` bytes of the body from `offset` to `to`; returns how
     * many, 1 .. cap. Offsets rise without gaps, or begin again at 0 when the
     * request is sent once more. */
    size_t (*body_read)(void *ctx, size_t offset, uint8_t *to, size_t cap);
    void *body_ctx;
    /* GET only: bytes that follow the path in the request line, made while they are sent, for
     * a query longer than RA_HTTP_OUT_MAX. Same rules as the body; they must be what a query
     * may hold [RFC 3986 3.4]. A redirect is not followed then. */
    size_t target_size;
    size_t (*target_read)(void *ctx, size_t offset, uint8_t *to, size_t cap);
    void *target_ctx;
};

struct ra_http_reply {
    uint16_t status;                         /* 200 .. 599                               */
    uint8_t auth;                            /* set of enum ra_http_auth                 */
    char content_type[RA_HTTP_TYPE_MAX + 1]; /* the first; lower case, no parameters; "" if none or
                                                too long */
    char reason[RA_PEER_TEXT_MAX + 1];       /* the peer's words, printable ASCII; after
                                                RA_E_HTTP_REDIRECT: where it pointed     */
    int64_t date;                            /* Date header, Unix seconds, or RA_HTTP_NO_TIME */
    int64_t retry_after_s;                   /* seconds to wait, 0 .. INT32_MAX; -1: not said.
                                                A date counts from the Date header, without
                                                one from `wall_s` of the start; -1 without both */
    uint8_t *body;                           /* in the caller's buffer; may be changed in place */
    size_t body_size;
    const char *location; /* the first of a 3xx reply, in the caller's buffer; NULL: it has none, or
                             one of RA_HTTP_OUT_MAX characters or more */
    size_t location_size;
};

enum ra_http_want {
    RA_HTTP_WANT_SEND = 1,    /* bytes wait in ra_http_out                                */
    RA_HTTP_WANT_RECEIVE = 2, /* room waits in ra_http_in                                */
    RA_HTTP_FINISHED = 4      /* exclusive; ask ra_http_outcome                           */
};

/* Private to ra_http.c; visible so that it can be embedded. */
struct ra_http {
    uint8_t *buf;
    size_t cap;
    struct ra_http_request request;
    struct ra_http_reply reply;
    ra_err outcome;
    size_t have;      /* bytes of head or body in buf                   */
    size_t limit;     /* most bytes of body                             */
    size_t left;      /* of the body with a length, or of the chunk     */
    size_t out_at;    /* sent from the window                           */
    size_t out_size;  /* filled in the window                           */
    size_t body_at;   /* of the request's body, brought to the window   */
    size_t split;     /* in the window: where the produced target goes  */
    size_t target_at; /* sent of it                                    */
    int64_t wall_s;
    uint16_t lines; /* of the head                                    */
    uint16_t extra; /* bytes of a chunk's extensions, or of trailers  */
    uint8_t phase, line, interim, digits;
    bool sending, heard, sent, keep_alive;
    uint8_t spill[16];
    uint8_t piece[48]; /* of the produced target */
    uint8_t piece_at, piece_size;
};

/* `cap` at least RA_HTTP_BUFFER_MIN, else RA_E_ARGUMENT. */
ra_err ra_http_init(struct ra_http *h, uint8_t *buf, size_t cap);

/* Begin one request to `target` (which is used instead of request->url and
 * suffix, and only during the call). `wall_s`: Unix seconds or RA_HTTP_NO_TIME.
 * Returns RA_OK; RA_E_HTTP_PLAINTEXT (a password over http without leave);
 * RA_E_ARGUMENT (':' in the user name, control characters in a text, a body without producer,
 * with GET or above INT32_MAX, a target to produce without producer or with POST); RA_E_LIMIT
 * (a head above RA_HTTP_OUT_MAX). */
ra_err ra_http_start(struct ra_http *h, const struct ra_http_request *request,
                     const struct ra_url *target, int64_t wall_s);

/* A set of enum ra_http_want. */
unsigned ra_http_wants(const struct ra_http *h);

/* The bytes to send next, `*size` at most RA_HTTP_OUT_MAX; then say how many
 * were taken. Refilling calls the body producer, once or until the window is full. */
const uint8_t *ra_http_out(struct ra_http *h, size_t *size);
void ra_http_out_taken(struct ra_http *h, size_t size);

/* Room for received bytes, `*room` >= 1 while RECEIVE is wanted; then say how
 * many were put there. Work is proportional to `size`, and to the head's
 * length once when its last byte arrives. */
uint8_t *ra_http_in(struct ra_http *h, size_t *room);
void ra_http_in_given(struct ra_http *h, size_t size);
/* The peer has closed and all it sent was given. */
void ra_http_in_closed(struct ra_http *h);

/* RA_AGAIN until FINISHED; then RA_OK for a whole reply of any status, or
 * RA_E_HTTP_SYNTAX, _HEADERS, _LENGTH, _TOO_LARGE, _CHUNK,
 * RA_E_NET_CLOSED (the peer closed too early), RA_E_ARGUMENT (the body
 * producer broke its promise). */
ra_err ra_http_outcome(const struct ra_http *h);

/* The reply after outcome RA_OK; stays until the next start. */
const struct ra_http_reply *ra_http_reply(const struct ra_http *h);
/* After RA_OK: the connection may carry another request. */
bool ra_http_keep_alive(const struct ra_http *h);
/* A byte of a reply has arrived; a byte of the request was taken. */
bool ra_http_heard(const struct ra_http *h);
bool ra_http_sent(const struct ra_http *h);

#endif
