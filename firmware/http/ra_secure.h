/* ra_secure.h - TLS between HTTP and TCP: one struct ra_transport over another.
 *
 * http goes through untouched; https is spoken by crypto/ra_tls.h over the inner transport. The
 * connection is OPEN only after the server's certificates have passed: a chain to a pinned anchor
 * (ra_chain.h: all places of RA_RECORD_ANCHOR may vouch for a TLS server too), the host name of
 * the URL, usage and dates (ra_server.h). Before that not one byte of ours follows the
 * ClientHello, and nothing of the request is sent before the handshake is over.
 *
 * End:   PEER_CLOSED only after the server's close_notify. A connection that ends without one is
 *        FAILED with RA_E_TLS_TRUNCATED once all that came was handed out: a reply whose length
 *        is its connection's end cannot be cut short unnoticed.
 * Time:  each call does one slice at most: what ra_tls_step or ra_chain_step states, or one
 *        record. WORKING says that the next slice can be done at once.
 * Memory: caller-owned, static; may lie in external memory. It holds the session's keys, and no
 *        key of ours: the client's key is in tools.key during the handshake only, then wiped.
 * State: init once; a power cut leaves nothing.
 */
#ifndef RA_SECURE_H
#define RA_SECURE_H

#include "ra_chain.h"
#include "ra_limits.h"
#include "ra_tls.h"
#include "ra_transport.h"
#include "ra_x509.h"

/* What a connection is told by its user. Every function may answer RA_AGAIN: it is called again,
 * soon. Spans must stay until the next call of any of them. */
struct ra_secure_tools {
    void *ctx;
    struct ra_random *random;
    struct ra_key *key; /* scratch, ours while CONNECTING or WORKING */
    /* Before a handshake: is `random` seeded. RA_OK, or why there can be none. */
    ra_err (*ready)(void *ctx);
    /* The time that dates are checked against. *at_least: it is a floor, the true time is not
     * known. RA_E_TIME_UNKNOWN: there is none to be used, do not connect. */
    ra_err (*now)(void *ctx, int64_t *now, bool *at_least);
    /* The anchor in a place, 0 .. RA_ANCHORS_MAX - 1; RA_E_NOT_FOUND: empty.
     * Another error is the cause where no other place vouches for the server. */
    ra_err (*anchor)(void *ctx, unsigned place, struct ra_span *cert);
    /* The client's certificate and its issuers, one after the other; size 0: none. */
    ra_err (*client_certs)(void *ctx, struct ra_span *certs);
    /* Its key into `key`. */
    ra_err (*client_key)(void *ctx, struct ra_key *key);
};

/* Private to ra_secure.c, but for `transport`. */
struct ra_secure {
    struct ra_transport transport; /* what ra_exchange is given */
    const struct ra_transport *inner;
    struct ra_secure_tools tools;
    struct ra_tls tls;
    ra_err error, cause;
    uint8_t phase;
    bool has_client, has_key, at_least;
    uint8_t place; /* of the anchor tried next */
    int64_t now;
    char host[RA_HOST_MAX + 1];
    struct ra_cert leaf;
    struct ra_span pool[RA_CHAIN_CERTS_MAX];
    size_t pool_count;
    struct ra_span anchor;
    struct ra_chain chain;
    size_t peak; /* bytes of the arena that were in use at most, in any connection */
    uint64_t arena[RA_TLS_ARENA / 8];
};

/* `inner`, and what `tools` points at, must outlive `s`. */
void ra_secure_init(struct ra_secure *s, const struct ra_transport *inner,
                    const struct ra_secure_tools *tools);

/* "TLS 1.3", "TLS 1.2", "" when none is open. Static. */
const char *ra_secure_version(const struct ra_secure *s);

#endif
