/* ra_net_setup.h - lwIP brought up on a board: address, DNS, SNTP, timers. Optional.
 *
 * For boards that have no lwIP running already. It owns lwIP: it calls lwip_init,
 * adds the one interface over hal_ethernet (ra_netif.h), gets an address by DHCP or
 * sets the configured one, names the DNS servers, asks SNTP, and drives lwIP's timers.
 * An appliance with its own lwIP leaves this file and ra_netif out and uses ra_net alone.
 *
 * It also provides what lwIP needs from outside under NO_SYS with our lwipopts.h:
 * sys_now and ra_lwip_random. As lwIP is one per program, so is this: exactly one
 * struct ra_net_setup, initialised once.
 *
 * One thread. No call waits; a step handles at most RA_NET_SETUP_FRAMES frames.
 */
#ifndef RA_NET_SETUP_H
#define RA_NET_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hal_clock.h"
#include "hal_ethernet.h"
#include "ra_error.h"
#include "ra_limits.h"
#include "ra_netif.h"
#include "ra_sntp.h"

#define RA_NET_SETUP_FRAMES 8u /* received frames handled in one step */
#define RA_NET_DNS_SERVERS 2u
#define RA_NET_IP_TEXT 16u /* "255.255.255.255" and its end */

/* What the operator configures. Addresses are a.b.c.d with a in the top byte, 0 = not set.
 * Copied by ra_net_setup_apply, so it needs to live only during the call. */
struct ra_net_config {
    uint32_t address; /* 0: DHCP gives address, netmask and gateway */
    uint32_t netmask;
    uint32_t gateway;
    uint32_t dns[RA_NET_DNS_SERVERS];         /* first one set: used instead of those from DHCP */
    const char *sntp_server[RA_SNTP_SERVERS]; /* name or dotted address; NULL or "": none */
    const char *host_name;                    /* for DHCP, up to 32 characters; NULL or "": none */
};

struct ra_net_status {
    bool link;
    bool address_known;
    bool dhcp; /* the address is leased, or being asked for, not configured */
    bool time_known;
    char address[RA_NET_IP_TEXT]; /* "0.0.0.0" while unknown, likewise below */
    char netmask[RA_NET_IP_TEXT];
    char gateway[RA_NET_IP_TEXT];
    char dns[RA_NET_DNS_SERVERS][RA_NET_IP_TEXT];
    uint32_t frames_in;
    uint32_t frames_out;
};

/* Storage for lwIP's struct netif; ra_net_setup.c asserts that it fits. */
#ifndef RA_NET_NETIF_SIZE
#define RA_NET_NETIF_SIZE 256u
#endif

/* Fills `out` with `size` random bytes; false = none yet (the generator is not seeded). */
typedef bool (*ra_net_random)(void *ctx, uint8_t *out, size_t size);

/* Private to ra_net_setup.c; here only so that the caller can provide the storage. */
struct ra_net_setup {
    const struct hal_clock *clock;
    ra_net_random random;
    void *random_ctx;
    uint32_t weak; /* state of the stand-in used before `random` delivers */
    struct ra_netif port;
    union {
        uint64_t align;
        uint8_t bytes[RA_NET_NETIF_SIZE];
    } netif;
    uint32_t address, netmask, gateway; /* as configured */
    uint32_t dns[RA_NET_DNS_SERVERS];
    bool dhcp;
    char host_name[33];
    struct ra_sntp sntp;
};

/* Brings lwIP up with one interface and no address. Once per program. `ethernet`, `clock`
 * and `random_ctx` are kept. `random` feeds TCP's initial sequence numbers, port numbers,
 * DNS and DHCP ids and the SNTP cookie; NULL, or false from it, falls back to a mix of the
 * MAC address and the time, which is different at each boot but can be guessed.
 * RA_E_NET_MEMORY when lwIP refuses the interface. */
ra_err ra_net_setup_init(struct ra_net_setup *s, const struct hal_ethernet *ethernet,
                         const struct hal_clock *clock, ra_net_random random, void *random_ctx);

/* Takes a configuration, at start or when the operator saved another one. Connections
 * under way break when the address changes. Time already known stays known, and is asked for
 * anew. RA_E_CONFIG_VALUE: an address without a proper netmask, a gateway that is not in the
 * network, a name too long; then nothing has changed, but that SNTP is off when one of its names
 * is too long. RA_E_NET_MEMORY: no room for DHCP. */
ra_err ra_net_setup_apply(struct ra_net_setup *s, const struct ra_net_config *c);

/* Moves frames and runs lwIP's timers; call it in every turn of the main loop. Returns the
 * milliseconds until lwIP needs the next call without a frame arriving, 0 .. 1000. */
uint32_t ra_net_setup_step(struct ra_net_setup *s);

/* RA_OK when connections can be tried; RA_E_NET_DOWN, RA_E_NET_NO_ADDRESS. */
ra_err ra_net_setup_ready(const struct ra_net_setup *s);

void ra_net_setup_status(const struct ra_net_setup *s, struct ra_net_status *out);

/* Unix seconds now by the latest SNTP answer of this boot; HAL_CLOCK_UNKNOWN before one. */
int64_t ra_net_setup_wall(const struct ra_net_setup *s);

/* SNTP answers taken since start: changes when the time has been set again. */
uint32_t ra_net_setup_time_answers(const struct ra_net_setup *s);

/* The library below and its version: "lwIP 2.2.0". Static. */
const char *ra_net_library(void);

#endif
