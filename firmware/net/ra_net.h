/* ra_net.h - TCP connections over lwIP's raw API, as a transport for HTTP.
 *
 * One struct ra_net is one client connection at a time: resolve a name, connect,
 * send, receive, close, and again. It runs on any lwIP 2.2 that has TCP and DNS,
 * the appliance's own included: NO_SYS, or threads with core locking (every call
 * takes the core lock for its own duration; nothing here may be called with the
 * lock held, nor from an interrupt). Setting lwIP up is not done here: see
 * ra_net_setup.h, which is optional.
 *
 * State: about 220 bytes and lwIP's own pools (see boards/common/lwip). No heap.
 *
 * Time: no call waits. The longest one copies at most one send window (`send`)
 * or what the caller has room for (`receive`).
 *
 * Ownership: the struct is the caller's and must stay in place for ever, because
 * an answer from DNS may still arrive after `close`. Bytes and names passed in
 * are copied before the call returns.
 *
 * Flow: at most one TCP window of received bytes and RA_NET_PBUFS_MAX packet
 * buffers are held; the peer's window opens again only as `receive` hands bytes
 * out. `send` takes what fits into lwIP's send buffer and returns the number.
 *
 * What the states mean (enum ra_transport_state in ra_transport.h):
 *   CONNECTING   resolving the name or waiting for the peer's answer
 *   OPEN         bytes can flow both ways
 *   PEER_CLOSED  the peer will send no more. Bytes received before are still
 *                handed out; sending still works, for peers that half-close
 *   FAILED       `error` says why. A failure of an open connection is shown only
 *                after the bytes that arrived before it were received: servers
 *                that answer and then reset are common
 *
 * How failures are told apart (RFC 9293 3.10.7, RFC 1035 4.1.1):
 *   RA_E_NET_DOWN        no interface has a link
 *   RA_E_NET_NO_ADDRESS  a link, but no address or no route yet
 *   RA_E_NET_DNS         no DNS server, no answer from one, or no such name
 *   RA_E_NET_REFUSED     a reset answered the connection request
 *   RA_E_NET_TIMEOUT     nothing answered it, or nothing was acknowledged any more
 *   RA_E_NET_RESET       an open connection was reset
 *   RA_E_NET_MEMORY      lwIP's pools are used up
 *   RA_E_NET_CONNECT     anything else lwIP reports
 * lwIP's own limits are long (about 20 s to connect, minutes later on); the user
 * of the transport sets its own and calls `close`.
 *
 * Local ports are drawn at random (LWIP_RAND) for each connection, so that two
 * connections before and after a reset do not share one.
 */
#ifndef RA_NET_H
#define RA_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"
#include "ra_limits.h"
#include "ra_transport.h"

/* Packet buffers held for bytes not yet received by the caller. More are refused
 * and offered again by lwIP; keep it below half of PBUF_POOL_SIZE. */
#ifndef RA_NET_PBUFS_MAX
#define RA_NET_PBUFS_MAX 5
#endif

struct tcp_pcb; /* lwIP's */
struct pbuf;

enum ra_net_phase {
    RA_NET_IDLE,
    RA_NET_RESOLVING,
    RA_NET_CONNECTING,
    RA_NET_OPEN,
    RA_NET_DEAD /* lwIP no longer has the connection; `error` says why */
};

/* Private to ra_net.c; here only so that the caller can provide the storage. */
struct ra_net {
    struct tcp_pcb *pcb; /* set while CONNECTING and OPEN                       */
    struct pbuf *in;     /* received, not yet handed out                        */
    size_t in_at;        /* bytes of the first buffer already handed out        */
    enum ra_net_phase phase;
    bool peer_closed;
    bool was_open;
    ra_err error;
    uint16_t port;
    char host[RA_HOST_MAX + 1]; /* the name being resolved, without a final dot */
    uint32_t connections;       /* opened since ra_net_init: RA_TRANSPORT_OPEN reached */
    uint32_t received;          /* bytes handed out, wraps                      */
    uint32_t sent;              /* bytes taken, wraps                           */
};

/* Makes `n` an idle connection and fills `t` with the calls on it (`t->ctx` is `n`).
 * Touches nothing of lwIP, so it may come before lwip_init. Once for each struct:
 * calling it again on a connection in use loses lwIP's buffers. */
void ra_net_init(struct ra_net *n, struct ra_transport *t);

/* Make `n` a server's instead: it takes one client at a time that connects to `port`, and the transport
 * is OPEN with it until closed; others are refused (RST) meanwhile. `open` is not called then. After
 * lwip_init, once, for ever. RA_E_NET_MEMORY: no MEMP_NUM_TCP_PCB_LISTEN left; RA_E_NET_CONNECT: the
 * port is taken. */
ra_err ra_net_listen(struct ra_net *n, uint16_t port);
/* Whether the peer's TCP has all that was sent: now `close` is an orderly end. */
bool ra_net_acknowledged(const struct ra_net *n);

/* The calls in `t`:
 *
 * open(host, port, tls)   Starts a connection to a dotted address or a DNS name of at
 *   most RA_HOST_MAX characters. RA_OK: under way, ask `state`. A connection still
 *   there is abandoned first. RA_E_HTTP_SCHEME: tls is not in this build.
 *   RA_E_ARGUMENT: empty host or port 0. RA_E_LIMIT: the name is too long.
 *   RA_E_NET_*: it failed at once, as listed above; `state` then says FAILED too.
 * state()                 Never changes anything.
 * error()                 RA_OK unless FAILED.
 * send(p, size)           Bytes taken, 0 when there is no room or nobody to send to.
 *   They leave at once (no Nagle delay).
 * receive(p, cap)         Bytes written to p, 0 = none now; ask `state` for the end.
 * close()                 Any time, also when idle, resolving or failed; back to IDLE
 *   at once, with nothing of the old connection to be seen again. When all that was sent
 *   is acknowledged and all that came was received, the peer sees an orderly end (FIN),
 *   else a reset. lwIP may keep the closed connection in TIME-WAIT for some time. */

#endif
