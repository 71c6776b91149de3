#include "ra_syslog.h"

#include <string.h>

#include <lwip/def.h>
#include <lwip/dns.h>
#include <lwip/ip_addr.h>
#include <lwip/pbuf.h>
#include <lwip/udp.h>

#include "ra_net_host.h"
#include "ra_net_lock.h"

enum phase { UNRESOLVED, RESOLVING, RESOLVED, FAILED };

_Static_assert(sizeof(ip_addr_t) <= sizeof((struct ra_syslog *)0)->address,
               "room for an lwIP address");

void ra_syslog_init(struct ra_syslog *s)
{
    memset(s, 0, sizeof *s);
}

ra_err ra_syslog_start(struct ra_syslog *s, const char *server, uint16_t port)
{
    size_t size;
    if (strcmp(s->server, server) == 0 && s->port == port) {
        return RA_OK;
    }
    RA_NET_LOCK();
    s->phase = UNRESOLVED;
    s->server[0] = '\0';
    s->port = port;
    size = ra_net_host_copy(s->server, server);
    RA_NET_UNLOCK();
    return size <= RA_HOST_MAX ? RA_OK : RA_E_ARGUMENT;
}

bool ra_syslog_on(const struct ra_syslog *s)
{
    return s->server[0] != '\0';
}

static void on_resolved(const char *name, const ip_addr_t *address, void *arg)
{
    struct ra_syslog *s = arg;
    if (s->phase != RESOLVING || lwip_stricmp(name, s->server) != 0) {
        return; /* of a server that was taken back */
    }
    if (address != NULL) {
        memcpy(s->address, address, sizeof *address);
    }
    s->phase = address != NULL ? RESOLVED : FAILED;
}

static void resolve(struct ra_syslog *s, uint64_t now_ms)
{
    ip_addr_t address;
    s->phase = RESOLVING;
    s->again_ms = now_ms + RA_SYSLOG_RETRY_MS;
    err_t err = dns_gethostbyname(s->server, &address, on_resolved, s);
    if (err == ERR_OK) {
        memcpy(s->address, &address, sizeof address);
        s->phase = RESOLVED;
    } else if (err != ERR_INPROGRESS) {
        s->phase = FAILED;
    }
}

static ra_err send_to(const struct ra_syslog *s, const char *message, size_t size)
{
    ip_addr_t to;
    ra_err e = RA_AGAIN;
    memcpy(&to, s->address, sizeof to);
    struct udp_pcb *pcb = udp_new_ip_type(IP_GET_TYPE(&to));
    struct pbuf *p = pcb != NULL ? pbuf_alloc(PBUF_TRANSPORT, (u16_t)size, PBUF_RAM) : NULL;
    if (p != NULL && pbuf_take(p, message, (u16_t)size) == ERR_OK &&
        udp_sendto(pcb, p, &to, s->port) == ERR_OK) {
        e = RA_OK;
    }
    if (p != NULL) {
        (void)pbuf_free(p);
    }
    if (pcb != NULL) {
        udp_remove(pcb);
    }
    return e;
}

static ra_err send_locked(struct ra_syslog *s, uint64_t now_ms, const char *message, size_t size)
{
    if (s->phase == UNRESOLVED || (s->phase == FAILED && now_ms >= s->again_ms)) {
        resolve(s, now_ms);
    }
    if (s->phase != RESOLVED) {
        return RA_AGAIN;
    }
    ra_err e = send_to(s, message, size);
    s->sent += e == RA_OK;
    return e;
}

ra_err ra_syslog_send(struct ra_syslog *s, uint64_t now_ms, const char *message, size_t size)
{
    ra_err e;
    if (!ra_syslog_on(s)) {
        return RA_E_STATE;
    }
    if (size > RA_SYSLOG_MAX) {
        return RA_E_ARGUMENT;
    }
    RA_NET_LOCK();
    e = send_locked(s, now_ms, message, size);
    RA_NET_UNLOCK();
    return e;
}
