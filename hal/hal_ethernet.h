/* hal_ethernet.h - the Ethernet interface under lwIP.
 *
 * Used by firmware/net/ra_netif.c only; an appliance that brings its own lwIP
 * interface leaves this file alone.
 *
 * The core promises: one frame a call, destination address first, without the
 * frame check sequence, at most 1514 bytes; one thread.
 *
 * The driver promises: no call waits. `send` copies the frame or refuses;
 * `receive` hands out whole frames in order and drops what it had no room for.
 */
#ifndef HAL_ETHERNET_H
#define HAL_ETHERNET_H

#include <stdint.h>

#define HAL_ETHERNET_FRAME_MAX 1514u

struct hal_ethernet {
    uint8_t mac[6];
    /* 1 = taken, 0 = no room now, try again (the core drops it: TCP repeats). */
    int (*send)(void *dev, const uint8_t *frame, uint32_t size);
    /* Length of the frame put into `to` (`size` is HAL_ETHERNET_FRAME_MAX), 0 = none. */
    uint32_t (*receive)(void *dev, uint8_t *to, uint32_t size);
    int (*link_up)(void *dev); /* 1 or 0 */
    void *dev;
};

#endif
