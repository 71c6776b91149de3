/* ra_netif.h - a HAL Ethernet interface as an lwIP network interface.
 *
 * For boards without an lwIP driver of their own. Works under NO_SYS: the board's
 * loop calls ra_netif_poll, nothing comes from an interrupt.
 *
 * Needs an lwIP with PBUF_POOL_BUFSIZE large enough for one whole frame, so that
 * the driver writes straight into a packet buffer. With threads the .c file is empty.
 */
#ifndef RA_NETIF_H
#define RA_NETIF_H

#include <stdbool.h>
#include <stdint.h>

#include "hal_ethernet.h"

struct netif; /* lwIP's */

/* Caller-owned, stays in place for ever. */
struct ra_netif {
    const struct hal_ethernet *ethernet;
    uint32_t frames_in;
    uint32_t frames_out;
    uint32_t frames_refused; /* the driver had no room; TCP repeats */
    uint32_t starved;        /* polls that found no packet buffer; frames waited below */
    uint8_t frame[HAL_ETHERNET_FRAME_MAX]; /* a frame that lwIP built in pieces */
};

/* Adds `netif` (storage of the caller) to lwIP as its default interface, administratively
 * up, without address; its link state follows at the first poll. `hostname` goes to DHCP
 * and may be NULL; it is not copied. False: lwIP refused, or its buffers are too small. */
bool ra_netif_add(struct ra_netif *n, struct netif *netif, const struct hal_ethernet *ethernet,
                  const char *hostname);

/* Follows the link state, then hands at most `frames` received frames to lwIP.
 * True when it stopped at that limit and more may be waiting. Does nothing for an interface
 * that ra_netif_add could not add. */
bool ra_netif_poll(struct ra_netif *n, struct netif *netif, unsigned frames);

#endif
