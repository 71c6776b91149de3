/* ra_transport.h - one byte stream to a server, without blocking.
 *
 * The boundary between HTTP and whatever carries it: lwIP's raw API in
 * firmware/net, TLS over that (ra_secure.h), a script in the tests. One transport
 * carries one connection at a time.
 *
 * The user (ra_exchange) promises:
 *  - `open` only after `close` or before anything else.
 *  - `send` and `receive` only after `state` said OPEN or PEER_CLOSED, and
 *    `receive` also after FAILED.
 *  - All calls from the one thread that runs Perennial.
 *
 * The transport promises:
 *  - No call blocks: each does at most the work of handing over one buffer.
 *  - `send` and `receive` answer 0 for "not now" only; the end of the stream is
 *    told by `state` alone.
 *  - Bytes that arrived before the peer closed, or before the connection
 *    failed, can still be received in the states PEER_CLOSED and FAILED.
 *  - The states move forward only: CONNECTING and WORKING (in any order), OPEN,
 *    PEER_CLOSED, FAILED; `close` leads back to IDLE from anywhere.
 */
#ifndef RA_TRANSPORT_H
#define RA_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"

enum ra_transport_state {
    RA_TRANSPORT_IDLE,        /* not open                                           */
    RA_TRANSPORT_CONNECTING,  /* name look-up, TCP and TLS handshake under way      */
    RA_TRANSPORT_WORKING,     /* the same, and the next call goes on at once        */
    RA_TRANSPORT_OPEN,        /* bytes flow both ways                               */
    RA_TRANSPORT_PEER_CLOSED, /* the peer will send nothing more than has arrived   */
    RA_TRANSPORT_FAILED       /* reset, refused, no such name, TLS alert: `error`   */
};

struct ra_transport {
    void *ctx; /* the transport's own, handed back unchanged */

    /* Start to connect. `host` is a name or an IPv4 address, NUL-terminated,
     * and is not needed after the call. Returns RA_OK or an error of the NET
     * layer; RA_E_HTTP_SCHEME when `tls` is asked for and this build has none. */
    ra_err (*open)(void *ctx, const char *host, uint16_t port, bool tls);
    enum ra_transport_state (*state)(void *ctx);
    /* Why the state is FAILED; RA_OK otherwise. */
    ra_err (*error)(void *ctx);
    /* Take a copy of up to `size` bytes; returns how many, 0 = no room now. */
    size_t (*send)(void *ctx, const uint8_t *from, size_t size);
    /* Hand out up to `size` bytes; returns how many, 0 = none now. */
    size_t (*receive)(void *ctx, uint8_t *to, size_t size);
    /* Let go of the connection at once, in any state, any number of times. */
    void (*close)(void *ctx);
    /* While OPEN: bytes that name this very TLS connection, tls-unique [RFC 5929] under TLS 1.2,
     * tls-exporter [RFC 9266] under 1.3, to out[0 .. cap-1], cap at least
     * RA_BINDING_MAX; returns how many, 0: there are none. NULL: none ever. */
    size_t (*binding)(void *ctx, uint8_t *out, size_t cap);
};

#endif
