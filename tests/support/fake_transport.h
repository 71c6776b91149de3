/* fake_transport.h - a transport whose peer is a script in memory.
 *
 * It counts whole requests (head, and as many bytes of body as Content-Length
 * says) and answers each with the next reply of the connection's script, or
 * with what `serve` returns. Bytes go both ways in pieces of at most
 * `piece_max`, random ones when `random` is not 0.
 */
#ifndef FAKE_TRANSPORT_H
#define FAKE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_transport.h"

#define FAKE_REQUEST_MAX 32768

enum fake_end { FAKE_STAYS, FAKE_CLOSES, FAKE_RESETS };

struct fake_reply {
    const void *bytes; /* NULL: no reply, only `end`            */
    size_t size;       /* 0: strlen(bytes)                      */
    enum fake_end end; /* what the peer does after the last byte */
    bool early;        /* at the first byte of the request, not after its end */
};

struct fake_connection {
    const struct fake_reply *replies;
    size_t count;
    ra_err open_error;    /* what `open` returns                              */
    ra_err connect_error; /* the connection attempt ends so                   */
    enum fake_end drop;   /* at the first use after a reply: closed or reset  */
    bool drop_late;       /* only once bytes of the next request were taken   */
    bool hangs;           /* stays CONNECTING for ever                        */
    bool deaf;            /* `send` never takes a byte                        */
    bool stray;           /* a byte nobody asked for comes after the reply    */
    bool drop_heard;      /* `drop` shows only as bytes are asked for         */
};

struct fake_transport {
    struct ra_transport transport;

    /* The script; set before use. */
    const struct fake_connection *connections;
    size_t connection_count;
    /* When set, answers every request instead of the scripts: `request` is the
     * whole request, `number` counts from 0 over all connections. */
    void (*serve)(void *ctx, unsigned number, const char *request, size_t request_size,
                  struct fake_reply *reply);
    void *serve_ctx;
    size_t piece_max; /* 0: no bound */
    uint32_t random;  /* seed; 0: pieces of piece_max */

    /* What happened; read by the test. */
    unsigned opened, closed, requests;
    char host[160];
    uint16_t port;
    bool tls;
    uint8_t request[FAKE_REQUEST_MAX + 1]; /* the last one, ended by a zero byte */
    size_t request_size;

    /* Private. */
    const struct fake_connection *now;
    enum ra_transport_state state;
    ra_err error;
    size_t answered; /* replies begun on this connection */
    struct fake_reply reply;
    size_t reply_at;
    bool replying, request_whole, stray_due;
};

/* Clears everything and fills in `transport`. */
void fake_transport_init(struct fake_transport *f);

/* The number of bytes of the head and body of an HTTP request, 0 while incomplete. */
size_t fake_request_whole(const char *p, size_t size);

#endif
