#include "ra_net_setup.h"

#include <string.h>

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/init.h>
#include <lwip/ip4_addr.h>
#include <lwip/netif.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>

#if NO_SYS /* an lwIP with threads is set up by the appliance: then this file is empty */

_Static_assert(sizeof(struct netif) <= RA_NET_NETIF_SIZE, "raise RA_NET_NETIF_SIZE");

#define STEP_MAX_MS 1000u

/* lwIP asks without saying for whom, and there is one lwIP. */
static struct ra_net_setup *the_setup;

static struct netif *netif_of(struct ra_net_setup *s)
{
    return (struct netif *)(void *)s->netif.bytes;
}

static const struct netif *netif_of_const(const struct ra_net_setup *s)
{
    return (const struct netif *)(const void *)s->netif.bytes;
}

static uint64_t now(const struct ra_net_setup *s)
{
    return s->clock->monotonic_ms(s->clock->dev);
}

u32_t sys_now(void)
{
    return (u32_t)now(the_setup);
}

uint32_t ra_lwip_random(void)
{
    struct ra_net_setup *s = the_setup;
    uint8_t b[4];
    uint32_t v;

    if (s->random != NULL && s->random(s->random_ctx, b, sizeof b)) {
        memcpy(&v, b, sizeof v);
        return v;
    }
    /* Spread the bits of a Weyl sequence and the time (finisher of MurmurHash3). */
    s->weak += 0x9e3779b9u;
    v = s->weak ^ (uint32_t)now(s);
    v = (v ^ v >> 16) * 0x85ebca6bu;
    v = (v ^ v >> 13) * 0xc2b2ae35u;
    return v ^ v >> 16;
}

ra_err ra_net_setup_init(struct ra_net_setup *s, const struct hal_ethernet *ethernet,
                         const struct hal_clock *clock, ra_net_random random, void *random_ctx)
{
    size_t i;
    memset(s, 0, sizeof *s);
    s->clock = clock;
    s->random = random;
    s->random_ctx = random_ctx;
    for (i = 0; i < sizeof ethernet->mac; i++) {
        s->weak = s->weak * 31u + ethernet->mac[i];
    }
    ra_sntp_init(&s->sntp);
    the_setup = s;
    lwip_init();
    return ra_netif_add(&s->port, netif_of(s), ethernet, NULL) ? RA_OK : RA_E_NET_MEMORY;
}

static bool mask_is_proper(uint32_t mask)
{
    uint32_t hosts = ~mask;
    return mask != 0 && (hosts & (hosts + 1u)) == 0;
}

static void set_dns(struct ra_net_setup *s)
{
    u8_t i;
    for (i = 0; i < RA_NET_DNS_SERVERS; i++) {
        ip_addr_t a;
        ip_addr_set_ip4_u32_val(a, lwip_htonl(s->dns[i]));
        if (!ip_addr_eq(dns_getserver(i), &a)) {
            dns_setserver(i, &a);
        }
    }
}

ra_err ra_net_setup_apply(struct ra_net_setup *s, const struct ra_net_config *c)
{
    struct netif *netif = netif_of(s);
    const char *host_name = c->host_name != NULL ? c->host_name : "";
    ip4_addr_t address, netmask, gateway;
    ra_err e = RA_OK;

    if (c->address != 0 && (!mask_is_proper(c->netmask) ||
                            (c->gateway != 0 && ((c->gateway ^ c->address) & c->netmask) != 0))) {
        return RA_E_CONFIG_VALUE;
    }
    if (strlen(host_name) >= sizeof s->host_name ||
        ra_sntp_start(&s->sntp, c->sntp_server) != RA_OK) {
        return RA_E_CONFIG_VALUE;
    }

    if (s->dhcp) {
        dhcp_release_and_stop(netif);
        dhcp_cleanup(netif);
    }
    s->dhcp = c->address == 0;
    s->address = c->address;
    s->netmask = c->netmask;
    s->gateway = c->gateway;
    memcpy(s->dns, c->dns, sizeof s->dns);
    memset(s->host_name, 0, sizeof s->host_name);
    memcpy(s->host_name, host_name, strlen(host_name));
#if LWIP_NETIF_HOSTNAME
    netif_set_hostname(netif, s->host_name[0] != '\0' ? s->host_name : NULL);
#endif
    set_dns(s);
    if (s->dhcp) {
        ip4_addr_set_zero(&address);
        netif_set_addr(netif, &address, &address, &address);
        if (dhcp_start(netif) != ERR_OK) {
            s->dhcp = false;
            e = RA_E_NET_MEMORY;
        }
    } else {
        ip4_addr_set_u32(&address, lwip_htonl(c->address));
        ip4_addr_set_u32(&netmask, lwip_htonl(c->netmask));
        ip4_addr_set_u32(&gateway, lwip_htonl(c->gateway));
        netif_set_addr(netif, &address, &netmask, &gateway);
    }
    return e;
}

ra_err ra_net_setup_ready(const struct ra_net_setup *s)
{
    const struct netif *netif = netif_of_const(s);
    if (!netif_is_link_up(netif)) {
        return RA_E_NET_DOWN;
    }
    return ip4_addr_isany_val(*netif_ip4_addr(netif)) ? RA_E_NET_NO_ADDRESS : RA_OK;
}

uint32_t ra_net_setup_step(struct ra_net_setup *s)
{
    bool more = ra_netif_poll(&s->port, netif_of(s), RA_NET_SETUP_FRAMES);
    uint32_t next, sntp;

    sys_check_timeouts();
    if (s->dhcp && s->dns[0] != 0) {
        set_dns(s); /* each lease brings its own */
    }
    sntp = ra_sntp_step(&s->sntp, now(s), ra_net_setup_ready(s) == RA_OK);
    next = sys_timeouts_sleeptime(); /* SYS_TIMEOUTS_SLEEPTIME_INFINITE is the largest number */
    if (next > sntp) {
        next = sntp;
    }
    if (next > STEP_MAX_MS) {
        next = STEP_MAX_MS;
    }
    return more ? 0 : next;
}

static void ip_text(char out[RA_NET_IP_TEXT], const ip4_addr_t *a)
{
    (void)ip4addr_ntoa_r(a, out, (int)RA_NET_IP_TEXT);
}

void ra_net_setup_status(const struct ra_net_setup *s, struct ra_net_status *out)
{
    const struct netif *netif = netif_of_const(s);
    u8_t i;
    memset(out, 0, sizeof *out);
    out->link = netif_is_link_up(netif) != 0;
    out->address_known = !ip4_addr_isany_val(*netif_ip4_addr(netif));
    out->dhcp = s->dhcp;
    out->time_known = s->sntp.answers != 0;
    ip_text(out->address, netif_ip4_addr(netif));
    ip_text(out->netmask, netif_ip4_netmask(netif));
    ip_text(out->gateway, netif_ip4_gw(netif));
    for (i = 0; i < RA_NET_DNS_SERVERS; i++) {
        ip_text(out->dns[i], ip_2_ip4(dns_getserver(i)));
    }
    out->frames_in = s->port.frames_in;
    out->frames_out = s->port.frames_out;
}

int64_t ra_net_setup_wall(const struct ra_net_setup *s)
{
    return ra_sntp_wall(&s->sntp, now(s));
}

uint32_t ra_net_setup_time_answers(const struct ra_net_setup *s)
{
    return s->sntp.answers;
}

const char *ra_net_library(void)
{
    return "lwIP " LWIP_VERSION_STRING;
}

#else
typedef int ra_net_setup_is_for_no_sys;
#endif
