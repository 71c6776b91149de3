/* A reply of a time server, as lwIP hands it over: 1 byte that says whether the originate
 * timestamp is the one we sent, and from where it came, then the message. */
#include <string.h>

#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/sys.h>
#include <lwip/udp.h>

#include "fuzz.h"
#include "ra_sntp.h"

static struct netif port;

static err_t output(struct netif *n, struct pbuf *p, const ip4_addr_t *to)
{
    (void)n;
    (void)p;
    (void)to;
    return ERR_OK;
}

static err_t start_port(struct netif *n)
{
    n->output = output;
    n->mtu = 1500;
    return ERR_OK;
}

static void start(void)
{
    ip4_addr_t address, mask, gateway;
    IP4_ADDR(&address, 10, 0, 0, 2);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, 0, 0, 1);
    lwip_init();
    fuzz_must(netif_add(&port, &address, &mask, &gateway, NULL, start_port, NULL) != NULL, "netif");
    netif_set_default(&port);
    netif_set_link_up(&port);
    netif_set_up(&port);
}

static void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static const char *const servers[RA_SNTP_SERVERS] = {"10.0.0.3", NULL};
    static struct ra_sntp s;
    static bool started;
    struct ra_span rest = {p, size};
    uint8_t how = fuzz_byte(&rest);
    ip_addr_t from;
    if (!started) {
        start();
        started = true;
    }
    ra_sntp_init(&s);
    fuzz_must(ra_sntp_start(&s, servers) == RA_OK, "a server");
    (void)ra_sntp_step(&s, 1000, true);
    fuzz_must(s.phase == RA_SNTP_ASKED && s.pcb != NULL, "a request went out");
    struct pbuf *b =
        pbuf_alloc(PBUF_TRANSPORT, (u16_t)(rest.size < 400 ? rest.size : 400), PBUF_RAM);
    fuzz_must(b != NULL, "a buffer");
    if (rest.size != 0) {
        memcpy(b->payload, rest.p, b->len);
    }
    bool right = (how & 3) != 0 && b->len >= 48;
    if (right) {
        put32((uint8_t *)b->payload + 24, s.cookie[0]);
        put32((uint8_t *)b->payload + 28, s.cookie[1]);
    }
    IP_ADDR4(&from, 10, 0, 0, (how & 4) != 0 ? 9 : 3);
    s.pcb->recv(s.pcb->recv_arg, s.pcb, b, &from, (how & 8) != 0 ? 124 : 123);
    uint32_t wait = ra_sntp_step(&s, 1100, true);
    fuzz_must(wait <= RA_SNTP_UPDATE_MS, "the next request");
    bool taken = s.answers != 0;
    fuzz_must(!taken || (right && (how & 12) == 0), "an answer nobody asked for");
    fuzz_must(taken == (ra_sntp_wall(&s, 2000) != INT64_MIN), "the time is known");
    if (taken) { /* 1968 to 2104 */
        int64_t wall = ra_sntp_wall(&s, 2000);
        fuzz_must(wall > -2000000000 && wall < 4300000000, "a time NTP can tell");
    }
    ra_sntp_stop(&s);
    return 0;
}

u32_t sys_now(void)
{
    return 0;
}

uint32_t ra_lwip_random(void)
{
    static uint32_t x = 1;
    x = (uint32_t)(x * (uint64_t)1664525u + 1013904223u);
    return x;
}
