#include "ra_netif.h"

#include <string.h>

#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <netif/ethernet.h>

#if NO_SYS /* as ra_net_setup.c */

static err_t send_frame(struct netif *netif, struct pbuf *p)
{
    struct ra_netif *n = netif->state;
    const uint8_t *frame;
    uint32_t size = p->tot_len;

    if (size > HAL_ETHERNET_FRAME_MAX + ETH_PAD_SIZE) {
        return ERR_IF;
    }
    size -= ETH_PAD_SIZE; /* the empty room that lwIP leaves in front of a frame */
    if (p->next == NULL) {
        frame = (const uint8_t *)p->payload + ETH_PAD_SIZE;
    } else {
        (void)pbuf_copy_partial(p, n->frame, (u16_t)size, ETH_PAD_SIZE);
        frame = n->frame;
    }
    if (n->ethernet->send(n->ethernet->dev, frame, size) != 1) {
        n->frames_refused++;
        return ERR_WOULDBLOCK; /* lwIP repeats what matters */
    }
    n->frames_out++;
    return ERR_OK;
}

static err_t init_netif(struct netif *netif)
{
    struct ra_netif *n = netif->state;
    netif->name[0] = 'r';
    netif->name[1] = 'a';
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, n->ethernet->mac, 6);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    return ERR_OK;
}

bool ra_netif_add(struct ra_netif *n, struct netif *netif, const struct hal_ethernet *ethernet,
                  const char *hostname)
{
    if (PBUF_POOL_BUFSIZE < HAL_ETHERNET_FRAME_MAX + ETH_PAD_SIZE) {
        return false;
    }
    memset(n, 0, sizeof *n);
    n->ethernet = ethernet;
    if (netif_add(netif, NULL, NULL, NULL, n, init_netif, ethernet_input) == NULL) {
        return false;
    }
#if LWIP_NETIF_HOSTNAME
    netif_set_hostname(netif, hostname);
#else
    (void)hostname;
#endif
    netif_set_default(netif);
    netif_set_up(netif);
    return true;
}

bool ra_netif_poll(struct ra_netif *n, struct netif *netif, unsigned frames)
{
    const struct hal_ethernet *e = n->ethernet;
    bool link = e->link_up(e->dev) == 1;

    if (!netif_is_up(netif)) {
        return false; /* lwIP refused it: nobody takes a frame */
    }
    if (link != (netif_is_link_up(netif) != 0)) {
        if (link) {
            netif_set_link_up(netif);
        } else {
            netif_set_link_down(netif);
        }
    }
    while (frames > 0) {
        struct pbuf *p =
            pbuf_alloc(PBUF_RAW, (u16_t)(HAL_ETHERNET_FRAME_MAX + ETH_PAD_SIZE), PBUF_POOL);
        uint32_t size;
        if (p == NULL) {
            n->starved++;
            return false; /* the frames wait in the driver */
        }
        size = e->receive(e->dev, (uint8_t *)p->payload + ETH_PAD_SIZE, HAL_ETHERNET_FRAME_MAX);
        if (size == 0 || size > HAL_ETHERNET_FRAME_MAX) {
            (void)pbuf_free(p);
            return false;
        }
        pbuf_realloc(p, (u16_t)(size + ETH_PAD_SIZE));
        n->frames_in++;
        if (netif->input(p, netif) != ERR_OK) {
            (void)pbuf_free(p);
        }
        frames--;
    }
    return true;
}

#else
typedef int ra_netif_is_for_no_sys;
#endif
