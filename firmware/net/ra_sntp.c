#include "ra_sntp.h"

#include <string.h>

#include <lwip/def.h>
#include <lwip/dns.h>
#include <lwip/ip_addr.h>
#include <lwip/pbuf.h>
#include <lwip/sys.h>
#include <lwip/udp.h>

#include "ra_net_host.h"
#include "ra_net_lock.h"

#ifndef LWIP_RAND
#error "ra_sntp needs LWIP_RAND: without it anybody can forge an answer"
#endif

#define NTP_PORT 123u
#define NTP_SIZE 48u
#define NTP_CLIENT 0x23u            /* leap indicator 0, version 4, mode 3          */
#define NTP_1970_TO_2036 2085978496 /* seconds to the start of NTP era 1          */

_Static_assert(sizeof(ip_addr_t) <= sizeof((struct ra_sntp *)0)->address,
               "room for an lwIP address");

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static void drop_pcb(struct ra_sntp *s)
{
    if (s->pcb != NULL) {
        udp_remove(s->pcb);
        s->pcb = NULL;
    }
}

/* Only notes the answer: removing the pcb here would pull it from under lwIP. */
static void on_packet(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                      u16_t port)
{
    struct ra_sntp *s = arg;
    uint8_t m[NTP_SIZE];
    ip_addr_t asked;
    unsigned mode, version, leap, stratum;
    bool whole = pbuf_copy_partial(p, m, sizeof m, 0) == sizeof m;

    (void)pbuf_free(p);
    if (s->pcb != pcb || s->answered) {
        return;
    }
    memcpy(&asked, s->address, sizeof asked);
    if (!whole || port != NTP_PORT || !ip_addr_eq(from, &asked) || get32(m + 24) != s->cookie[0] ||
        get32(m + 28) != s->cookie[1]) {
        s->refused++;
        return;
    }
    leap = m[0] >> 6;
    version = m[0] >> 3 & 7u;
    mode = m[0] & 7u;
    stratum = m[1];
    if (mode == 4 && stratum == 0) {
        s->kissed = true;
        s->refused++;
        return;
    }
    if (mode != 4 || version < 3 || version > 4 || leap == 3 || stratum > 15 ||
        (get32(m + 40) == 0 && get32(m + 44) == 0)) {
        s->refused++;
        return;
    }
    s->answer_ms = ((int64_t)NTP_1970_TO_2036 + (int32_t)get32(m + 40)) * 1000 +
                   (int64_t)((uint64_t)get32(m + 44) * 1000u >> 32);
    s->answered_at = sys_now();
    s->answered = true;
}

static void wait_longer(struct ra_sntp *s, uint64_t now_ms)
{
    drop_pcb(s);
    s->phase = RA_SNTP_WAITING;
    s->due_ms = now_ms + s->wait_ms;
    s->wait_ms = s->wait_ms > RA_SNTP_UPDATE_MS / 2 ? RA_SNTP_UPDATE_MS : s->wait_ms * 2;
}

/* The next request goes to the other server, if there is one. */
static void give_up(struct ra_sntp *s, uint64_t now_ms)
{
    const char *other = s->names[s->server == s->names[0]];
    wait_longer(s, now_ms);
    if (other[0] != '\0') {
        s->server = other;
    }
}

static bool send_request(struct ra_sntp *s)
{
    ip_addr_t to;
    struct pbuf *p;
    uint8_t *m;
    bool sent;

    memcpy(&to, s->address, sizeof to);
    s->cookie[0] = LWIP_RAND();
    s->cookie[1] = LWIP_RAND();
    s->answered = false;
    s->kissed = false;
    s->pcb = udp_new_ip_type(IP_GET_TYPE(&to));
    if (s->pcb == NULL) {
        return false;
    }
    /* A port already taken leaves the choice to udp_connect. */
    (void)udp_bind(s->pcb, IP_ANY_TYPE, (u16_t)(49152u + (LWIP_RAND() & 0x3fffu)));
    udp_recv(s->pcb, on_packet, s);
    p = udp_connect(s->pcb, &to, NTP_PORT) == ERR_OK
            ? pbuf_alloc(PBUF_TRANSPORT, NTP_SIZE, PBUF_RAM)
            : NULL;
    if (p == NULL) {
        drop_pcb(s);
        return false;
    }
    m = p->payload;
    memset(m, 0, NTP_SIZE);
    m[0] = NTP_CLIENT;
    put32(m + 40, s->cookie[0]);
    put32(m + 44, s->cookie[1]);
    sent = udp_send(s->pcb, p) == ERR_OK;
    (void)pbuf_free(p);
    if (!sent) {
        drop_pcb(s);
    }
    return sent;
}

static void on_resolved(const char *name, const ip_addr_t *address, void *arg)
{
    struct ra_sntp *s = arg;
    if (s->phase != RA_SNTP_RESOLVING || lwip_stricmp(name, s->server) != 0) {
        return; /* of a request that was stopped */
    }
    /* The step goes on: it has the time. */
    if (address != NULL) {
        memcpy(s->address, address, sizeof *address);
        s->answered = true;
    } else {
        s->kissed = true;
    }
}

static void ask(struct ra_sntp *s, uint64_t now_ms)
{
    ip_addr_t address;
    err_t err;
    s->answered = false;
    s->kissed = false;
    s->phase = RA_SNTP_RESOLVING;
    err = dns_gethostbyname(s->server, &address, on_resolved, s);
    if (err == ERR_OK) {
        memcpy(s->address, &address, sizeof address);
        s->answered = true;
    } else if (err != ERR_INPROGRESS) {
        give_up(s, now_ms);
    }
}

void ra_sntp_init(struct ra_sntp *s)
{
    memset(s, 0, sizeof *s);
}

void ra_sntp_stop(struct ra_sntp *s)
{
    RA_NET_LOCK();
    drop_pcb(s);
    s->phase = RA_SNTP_OFF;
    RA_NET_UNLOCK();
}

ra_err ra_sntp_start(struct ra_sntp *s, const char *const names[RA_SNTP_SERVERS])
{
    size_t i = RA_SNTP_SERVERS;
    ra_sntp_stop(s);
    s->server = NULL;
    while (i-- > 0) {
        size_t size = ra_net_host_copy(s->names[i], names[i] != NULL ? names[i] : "");
        if (size > RA_HOST_MAX) {
            return RA_E_ARGUMENT;
        }
        if (size > 0) {
            s->server = s->names[i];
        }
    }
    if (s->server != NULL) {
        s->due_ms = 0;
        s->wait_ms = RA_SNTP_RETRY_MS;
        s->phase = RA_SNTP_WAITING;
    }
    return RA_OK;
}

static uint32_t step_locked(struct ra_sntp *s, uint64_t now_ms, bool network)
{
    const char *asked;
    if (s->phase == RA_SNTP_WAITING && now_ms >= s->due_ms && network) {
        ask(s, now_ms);
    }
    if (s->phase == RA_SNTP_RESOLVING) {
        if (s->answered) {
            s->phase = RA_SNTP_ASKED;
            s->due_ms = now_ms + RA_SNTP_ANSWER_MS;
            if (!send_request(s)) {
                give_up(s, now_ms);
            }
        } else if (s->kissed) {
            give_up(s, now_ms);
        } else {
            return UINT32_MAX; /* lwIP's DNS has its own timer */
        }
    }
    if (s->phase == RA_SNTP_ASKED) {
        if (s->answered) {
            s->known_ms = s->answer_ms;
            s->known_at_ms = now_ms - (uint32_t)(sys_now() - s->answered_at);
            s->answers++;
            s->wait_ms = RA_SNTP_UPDATE_MS;
            wait_longer(s, now_ms);
            s->wait_ms = RA_SNTP_RETRY_MS;
        } else if (s->kissed) {
            asked = s->server;
            give_up(s, now_ms);
            s->wait_ms = RA_SNTP_UPDATE_MS;
            if (s->server == asked) {
                wait_longer(s, now_ms);
            }
        } else if (now_ms >= s->due_ms) {
            give_up(s, now_ms);
        }
    }
    if (s->phase == RA_SNTP_OFF || (s->phase == RA_SNTP_WAITING && !network)) {
        return UINT32_MAX;
    }
    return (uint32_t)(s->due_ms - now_ms); /* what was due is done: it lies ahead */
}

uint32_t ra_sntp_step(struct ra_sntp *s, uint64_t now_ms, bool network)
{
    uint32_t next;
    RA_NET_LOCK();
    next = step_locked(s, now_ms, network);
    RA_NET_UNLOCK();
    return next;
}

int64_t ra_sntp_wall(const struct ra_sntp *s, uint64_t now_ms)
{
    if (s->answers == 0) {
        return INT64_MIN;
    }
    return (s->known_ms + (int64_t)(now_ms - s->known_at_ms)) / 1000;
}
