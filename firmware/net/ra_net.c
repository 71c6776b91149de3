#include "ra_net.h"

#include <string.h>

#include <lwip/def.h>
#include <lwip/dns.h>
#include <lwip/ip_addr.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>

#include "ra_net_host.h"
#include "ra_net_lock.h"

#define PORT_FIRST 49152u /* RFC 6335 6: dynamic ports, 49152 .. 65535 */
#define PORT_MASK 0x3fffu

static ra_err carries(const struct netif *netif)
{
    if (!netif_is_up(netif) || !netif_is_link_up(netif) ||
        ip_addr_isloopback(netif_ip_addr4(netif))) {
        return RA_E_NET_DOWN;
    }
#if !LWIP_IPV6
    if (ip4_addr_isany_val(*netif_ip4_addr(netif))) {
        return RA_E_NET_NO_ADDRESS;
    }
#endif
    return RA_OK;
}

/* RA_OK when some interface could carry a connection, else why none can. (NETIF_FOREACH is no
 * loop when lwIP is built for a single one.) */
static ra_err reachable(void)
{
    ra_err best = RA_E_NET_DOWN;
    const struct netif *netif;
    NETIF_FOREACH(netif)
    {
        ra_err e = carries(netif);
        if (e == RA_OK || best == RA_E_NET_DOWN) {
            best = e;
        }
    }
    return best;
}

static ra_err fail(struct ra_net *n, ra_err e)
{
    n->phase = RA_NET_DEAD;
    n->error = e;
    return e;
}

static void release_input(struct ra_net *n)
{
    if (n->in != NULL) {
        (void)pbuf_free(n->in);
        n->in = NULL;
    }
    n->in_at = 0;
}

/* lwIP calls nothing of ours for this connection any more. */
static void detach(struct tcp_pcb *pcb)
{
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_err(pcb, NULL);
}

/* ---- called by lwIP ----
 *
 * These only note what happened. None closes or aborts the connection it is called for, so
 * ERR_ABRT never has to be returned. */

static void opened(struct ra_net *n)
{
    /* A message is written in few pieces and then waits for the reply: holding back the last one
     * until the others are acknowledged would cost a round trip. */
    tcp_nagle_disable(n->pcb);
    n->phase = RA_NET_OPEN;
    n->was_open = true;
    n->connections++;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct ra_net *n = arg;
    (void)err; /* always ERR_OK */
    if (n != NULL && n->pcb == pcb) {
        opened(n);
    }
    return ERR_OK;
}

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct ra_net *n = arg;
    (void)err; /* always ERR_OK */
    if (n == NULL || n->pcb != pcb) {
        if (p != NULL) {
            (void)pbuf_free(p);
        }
        return ERR_OK;
    }
    if (p == NULL) {
        n->peer_closed = true;
        return ERR_OK;
    }
    if (n->in == NULL) {
        n->in = p;
        n->in_at = 0;
    } else if (pbuf_clen(n->in) + pbuf_clen(p) > RA_NET_PBUFS_MAX) {
        /* Many small segments, all in whole packet buffers. lwIP keeps this one, takes no other,
         * and offers it again. */
        return ERR_MEM;
    } else {
        pbuf_cat(n->in, p);
    }
    return ERR_OK;
}

/* lwIP has freed the connection. */
static void on_error(void *arg, err_t err)
{
    struct ra_net *n = arg;
    ra_err e;
    if (n == NULL) {
        return;
    }
    n->pcb = NULL;
    switch (err) {
    case ERR_RST:
        e = n->phase == RA_NET_CONNECTING ? RA_E_NET_REFUSED : RA_E_NET_RESET;
        break;
    case ERR_CLSD:
        e = RA_E_NET_CLOSED;
        break;
    case ERR_MEM:
    case ERR_BUF:
        e = RA_E_NET_MEMORY;
        break;
    default: /* ERR_ABRT: repeated in vain, or the interface lost its address */
        e = reachable();
        if (e == RA_OK) {
            e = RA_E_NET_TIMEOUT;
        }
        break;
    }
    (void)fail(n, e);
}

static void attach(struct ra_net *n, struct tcp_pcb *pcb)
{
    tcp_arg(pcb, n);
    tcp_recv(pcb, on_receive);
    tcp_err(pcb, on_error);
}

static err_t on_accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct ra_net *n = arg;
    if (err != ERR_OK || n->phase != RA_NET_IDLE) {
        return ERR_MEM; /* lwIP resets it, if there is one */
    }
    n->pcb = pcb;
    attach(n, pcb);
    opened(n);
    return ERR_OK;
}

static ra_err from_lwip(err_t err)
{
    ra_err e;
    switch (err) {
    case ERR_MEM:
    case ERR_BUF:
        return RA_E_NET_MEMORY;
    case ERR_RTE:
        e = reachable();
        return e == RA_OK ? RA_E_NET_NO_ADDRESS : e;
    default:
        return RA_E_NET_CONNECT;
    }
}

static ra_err connect_to(struct ra_net *n, const ip_addr_t *address)
{
    struct tcp_pcb *pcb;
    err_t err = ERR_USE;
    unsigned tries;

    if (ip_addr_isany(address) || ip_addr_ismulticast(address)) {
        return fail(n, RA_E_NET_CONNECT);
    }
    pcb = tcp_new_ip_type(IP_GET_TYPE(address));
    if (pcb == NULL) {
        return fail(n, RA_E_NET_MEMORY);
    }
#ifdef LWIP_RAND
    for (tries = 0; tries < 8 && err != ERR_OK; tries++) {
        err = tcp_bind(pcb, IP_ANY_TYPE, (u16_t)(PORT_FIRST + (LWIP_RAND() & PORT_MASK)));
    }
#else
    (void)tries;
    (void)err;
#endif
    /* Eight ports taken in a row, or no LWIP_RAND: tcp_connect picks the port. */
    attach(n, pcb);
    err = tcp_connect(pcb, address, n->port, on_connected);
    if (err != ERR_OK) {
        detach(pcb);
        tcp_abort(pcb);
        return fail(n, from_lwip(err));
    }
    n->pcb = pcb;
    n->phase = RA_NET_CONNECTING;
    return RA_OK;
}

static void on_resolved(const char *name, const ip_addr_t *address, void *arg)
{
    struct ra_net *n = arg;
    /* A query cannot be called off. An answer to one that `close` gave up is known by its name,
     * or, with the same name, is as good as the new one. */
    if (n->phase != RA_NET_RESOLVING || lwip_stricmp(name, n->host) != 0) {
        return;
    }
    if (address == NULL) {
        (void)fail(n, RA_E_NET_DNS);
    } else {
        (void)connect_to(n, address);
    }
}

/* ---- the server's side ---- */

static ra_err listen_locked(struct ra_net *n, uint16_t port)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    if (pcb == NULL) {
        return RA_E_NET_MEMORY;
    }
    if (tcp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK) {
        tcp_abort(pcb);
        return RA_E_NET_CONNECT;
    }
    struct tcp_pcb *listening = tcp_listen(pcb);
    if (listening == NULL) {
        tcp_abort(pcb);
        return RA_E_NET_MEMORY;
    }
    tcp_arg(listening, n);
    tcp_accept(listening, on_accepted);
    return RA_OK;
}

ra_err ra_net_listen(struct ra_net *n, uint16_t port)
{
    RA_NET_LOCK();
    ra_err e = listen_locked(n, port);
    RA_NET_UNLOCK();
    return e;
}

bool ra_net_acknowledged(const struct ra_net *n)
{
    RA_NET_LOCK();
    bool all = n->pcb == NULL || (n->pcb->unsent == NULL && n->pcb->unacked == NULL);
    RA_NET_UNLOCK();
    return all;
}

/* ---- the transport ---- */

static void abandon(struct ra_net *n)
{
    struct tcp_pcb *pcb = n->pcb;
    bool quiet = n->in == NULL;

    n->pcb = NULL;
    release_input(n);
    n->phase = RA_NET_IDLE;
    n->error = RA_OK;
    n->peer_closed = false;
    n->was_open = false;
    if (pcb == NULL) {
        return;
    }
    detach(pcb);
    /* tcp_close would go on repeating unacknowledged data for minutes, in buffers that the next
     * connection needs. */
    if (!quiet || pcb->unsent != NULL || pcb->unacked != NULL || tcp_close(pcb) != ERR_OK) {
        tcp_abort(pcb);
    }
}

static void net_close(void *ctx)
{
    RA_NET_LOCK();
    abandon(ctx);
    RA_NET_UNLOCK();
}

static ra_err open_locked(struct ra_net *n)
{
    ip_addr_t address;
    ra_err e = reachable();
    if (e != RA_OK) {
        return fail(n, e);
    }
    n->phase = RA_NET_RESOLVING;
    switch (dns_gethostbyname(n->host, &address, on_resolved, n)) {
    case ERR_OK: /* an address, or known from before */
        return connect_to(n, &address);
    case ERR_INPROGRESS:
        return n->phase == RA_NET_DEAD ? n->error : RA_OK;
    case ERR_MEM:
        return fail(n, RA_E_NET_MEMORY);
    default: /* no server is known, or not a name */
        return fail(n, RA_E_NET_DNS);
    }
}

static ra_err net_open(void *ctx, const char *host, uint16_t port, bool tls)
{
    struct ra_net *n = ctx;
    size_t size;
    ra_err e;

    net_close(n);
    if (tls) {
        return fail(n, RA_E_HTTP_SCHEME);
    }
    size = ra_net_host_copy(n->host, host);
    if (size == 0 || port == 0) {
        return fail(n, RA_E_ARGUMENT);
    }
    if (size > RA_HOST_MAX) {
        return fail(n, RA_E_LIMIT);
    }
    n->port = port;
    RA_NET_LOCK();
    e = open_locked(n);
    RA_NET_UNLOCK();
    return e;
}

static enum ra_transport_state state_of(const struct ra_net *n)
{
    switch (n->phase) {
    case RA_NET_IDLE:
        return RA_TRANSPORT_IDLE;
    case RA_NET_RESOLVING:
    case RA_NET_CONNECTING:
        return RA_TRANSPORT_CONNECTING;
    case RA_NET_OPEN:
        return n->peer_closed ? RA_TRANSPORT_PEER_CLOSED : RA_TRANSPORT_OPEN;
    case RA_NET_DEAD:
    default:
        /* After the peer's end nothing that it sent is missing, whatever came then. */
        if (n->peer_closed) {
            return RA_TRANSPORT_PEER_CLOSED;
        }
        return n->in != NULL ? RA_TRANSPORT_OPEN : RA_TRANSPORT_FAILED;
    }
}

static enum ra_transport_state net_state(void *ctx)
{
    enum ra_transport_state s;
    RA_NET_LOCK();
    s = state_of(ctx);
    RA_NET_UNLOCK();
    return s;
}

static ra_err net_error(void *ctx)
{
    const struct ra_net *n = ctx;
    ra_err e;
    RA_NET_LOCK();
    e = state_of(n) == RA_TRANSPORT_FAILED ? n->error : RA_OK;
    RA_NET_UNLOCK();
    return e;
}

static size_t send_locked(struct ra_net *n, const uint8_t *p, size_t size)
{
    if (n->phase != RA_NET_OPEN) {
        return 0;
    }
    size = LWIP_MIN(size, LWIP_MIN(tcp_sndbuf(n->pcb), 0xffffu));
    /* With the pools nearly empty a shorter piece may still fit. */
    for (; size > 0; size /= 2) {
        err_t err = tcp_write(n->pcb, p, (u16_t)size, TCP_WRITE_FLAG_COPY);
        if (err == ERR_OK) {
            (void)tcp_output(n->pcb);
            n->sent += (uint32_t)size;
            return size;
        }
        if (err != ERR_MEM) {
            return 0;
        }
    }
    return 0;
}

static size_t net_send(void *ctx, const uint8_t *p, size_t size)
{
    size_t taken;
    RA_NET_LOCK();
    taken = send_locked(ctx, p, size);
    RA_NET_UNLOCK();
    return taken;
}

static size_t receive_locked(struct ra_net *n, uint8_t *p, size_t cap)
{
    size_t done = 0;
    while (n->in != NULL && done < cap) {
        struct pbuf *first = n->in;
        size_t part = first->len - n->in_at;
        if (part > cap - done) {
            part = cap - done;
        }
        memcpy(p + done, (const uint8_t *)first->payload + n->in_at, part);
        done += part;
        n->in_at += part;
        if (n->in_at == first->len) {
            /* Freeing a buffer also lets go of the next one in its chain. */
            n->in = first->next;
            n->in_at = 0;
            if (n->in != NULL) {
                pbuf_ref(n->in);
            }
            (void)pbuf_free(first);
        }
    }
    n->received += (uint32_t)done;
    if (n->pcb != NULL) {
        size_t open = done;
        while (open > 0) {
            u16_t part = (u16_t)(open > 0x8000u ? 0x8000u : open);
            tcp_recved(n->pcb, part);
            open -= part;
        }
    }
    return done;
}

static size_t net_receive(void *ctx, uint8_t *p, size_t cap)
{
    size_t done;
    RA_NET_LOCK();
    done = receive_locked(ctx, p, cap);
    RA_NET_UNLOCK();
    return done;
}

void ra_net_init(struct ra_net *n, struct ra_transport *t)
{
    memset(n, 0, sizeof *n);
    t->ctx = n;
    t->open = net_open;
    t->state = net_state;
    t->error = net_error;
    t->send = net_send;
    t->receive = net_receive;
    t->close = net_close;
    t->binding = NULL;
}
