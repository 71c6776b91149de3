/* sf2_emac.c - hal_ethernet on the MSS Ethernet MAC: two descriptor rings in DDR.
 *
 * The MAC stops receiving when it meets a descriptor that is not empty, and
 * starts again where register RX_DESC says. All descriptors are then full and
 * our own next one is the oldest; so once that is empty again, all are, and
 * reception restarts there with no frame out of order.
 */
#include <string.h>

#include "board.h"
#include "hal_ethernet.h"
#include "sf2_board.h"
#include "sf2_regs.h"

#define RX_COUNT 16u /* a TCP window of four segments, and the chatter of a LAN beside it */
#define TX_COUNT 4u
#define BUFFER_SIZE 1536u /* the MAC's own limit for a frame */
#define PHY_ADDRESS 1u
#define PHY_STATUS 1u /* IEEE 802.3 clause 22, register 1 */
#define PHY_LINK 0x4u

struct descriptor {
    volatile uint32_t address;
    volatile uint32_t size; /* EMAC_DESC_EMPTY: the MAC's to fill, or sent */
    volatile uint32_t next;
};

struct rings {
    struct descriptor rx[RX_COUNT];
    struct descriptor tx[TX_COUNT];
    uint8_t rx_buffer[RX_COUNT][BUFFER_SIZE];
    uint8_t tx_buffer[TX_COUNT][BUFFER_SIZE];
};

static struct rings rings __attribute__((section(".bss.ddr.emac"), aligned(8)));

static struct {
    uint32_t rx_next;
    uint32_t tx_next; /* next to fill          */
    uint32_t tx_last; /* oldest not known sent */
} emac;

static uint32_t bus(const volatile void *p)
{
    return (uint32_t)(uintptr_t)p;
}

void sf2_emac_init(void)
{
    const uint8_t mac[6] = {RA_BOARD_MAC};
    uint32_t i;

    EMAC_CFG1 = EMAC_CFG1_RESET;
    EMAC_CFG1 = 0;
    for (i = 0; i < RX_COUNT; i++) {
        rings.rx[i].address = bus(rings.rx_buffer[i]);
        rings.rx[i].size = EMAC_DESC_EMPTY;
        rings.rx[i].next = bus(&rings.rx[(i + 1u) % RX_COUNT]);
    }
    for (i = 0; i < TX_COUNT; i++) {
        rings.tx[i].address = bus(rings.tx_buffer[i]);
        rings.tx[i].size = EMAC_DESC_EMPTY;
        rings.tx[i].next = bus(&rings.tx[(i + 1u) % TX_COUNT]);
    }
    emac.rx_next = 0;
    emac.tx_next = 0;
    emac.tx_last = 0;

    EMAC_FIFO_CFG0 = EMAC_FIFO_ENABLE_ALL;
    EMAC_CFG2 = EMAC_CFG2_PREAMBLE_7 | EMAC_CFG2_CRC_PAD | EMAC_CFG2_FULL_DUPLEX | EMAC_CFG2_NIBBLE;
    EMAC_FRAME_MAX = BUFFER_SIZE;
    EMAC_STATION1 =
        (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3];
    EMAC_STATION2 = (uint32_t)mac[4] << 24 | (uint32_t)mac[5] << 16;
    EMAC_RX_DESC = bus(&rings.rx[0]);
    EMAC_CFG1 = EMAC_CFG1_TX | EMAC_CFG1_RX;
    sf2_barrier();
    EMAC_RX_CONTROL = EMAC_DMA_RUN;
    EMAC_IRQ_MASK = EMAC_IRQ_RX | EMAC_IRQ_RX_OVERFLOW;
    NVIC_ENABLE0 = 1u << SF2_IRQ_EMAC;
}

/* The line stays up until the frames are taken, so it is masked at the MAC
 * until the ring is found empty. */
void sf2_emac_irq(void)
{
    EMAC_IRQ_MASK = 0;
}

static int frame_waits(void)
{
    return (rings.rx[emac.rx_next].size & EMAC_DESC_EMPTY) == 0u;
}

/* Also asked before each sleep: the core need not have called `receive` once
 * more after the last frame. */
int sf2_emac_pending(void)
{
    if (frame_waits()) {
        return 1;
    }
    if ((EMAC_RX_CONTROL & EMAC_DMA_RUN) == 0u) {
        EMAC_RX_STATUS = EMAC_RX_OVERFLOW;
        EMAC_RX_DESC = bus(&rings.rx[emac.rx_next]);
        sf2_barrier();
        EMAC_RX_CONTROL = EMAC_DMA_RUN;
    }
    EMAC_IRQ_MASK = EMAC_IRQ_RX | EMAC_IRQ_RX_OVERFLOW;
    return frame_waits(); /* the MAC may have held one back */
}

/* Restarts transmission at the oldest frame still there. Also covers the race
 * in which the MAC stopped just before it would have seen a new frame. */
static void transmit(void)
{
    while (emac.tx_last != emac.tx_next &&
           (rings.tx[emac.tx_last % TX_COUNT].size & EMAC_DESC_EMPTY) != 0u) {
        emac.tx_last++;
        EMAC_TX_STATUS = EMAC_TX_SENT;
    }
    if (emac.tx_last != emac.tx_next && (EMAC_TX_CONTROL & EMAC_DMA_RUN) == 0u &&
        (rings.tx[emac.tx_last % TX_COUNT].size & EMAC_DESC_EMPTY) == 0u) {
        EMAC_TX_STATUS = EMAC_TX_UNDERRUN;
        EMAC_TX_DESC = bus(&rings.tx[emac.tx_last % TX_COUNT]);
        sf2_barrier();
        EMAC_TX_CONTROL = EMAC_DMA_RUN;
    }
}

static int emac_send(void *dev, const uint8_t *frame, uint32_t size)
{
    struct descriptor *d = &rings.tx[emac.tx_next % TX_COUNT];

    (void)dev;
    transmit();
    /* One descriptor always stays empty: it is where the MAC stops. */
    if (size == 0u || size > HAL_ETHERNET_FRAME_MAX ||
        emac.tx_next - emac.tx_last >= TX_COUNT - 1u) {
        return 0;
    }
    memcpy(rings.tx_buffer[emac.tx_next % TX_COUNT], frame, size);
    sf2_barrier();
    d->size = size;
    emac.tx_next++;
    sf2_barrier();
    transmit();
    return 1;
}

static uint32_t emac_receive(void *dev, uint8_t *to, uint32_t size)
{
    uint32_t length = 0;

    (void)dev;
    transmit();
    while (length == 0u && sf2_emac_pending()) {
        struct descriptor *d = &rings.rx[emac.rx_next];

        sf2_barrier();
        length = d->size & EMAC_DESC_SIZE;
        if (length > size || length > BUFFER_SIZE) {
            length = 0; /* dropped */
        }
        memcpy(to, rings.rx_buffer[emac.rx_next], length);
        sf2_barrier();
        d->size = EMAC_DESC_EMPTY;
        EMAC_RX_STATUS = EMAC_RX_RECEIVED; /* counts one frame off */
        emac.rx_next = (emac.rx_next + 1u) % RX_COUNT;
    }
    return length;
}

/* One management read takes 26 us at 2.5 MHz. */
static int emac_link_up(void *dev)
{
    uint32_t tries = 1000;

    (void)dev;
    EMAC_MII_ADDR = PHY_ADDRESS << 8 | PHY_STATUS;
    EMAC_MII_CMD = 0;
    EMAC_MII_CMD = 1;
    while ((EMAC_MII_BUSY & 1u) != 0u && tries != 0u) {
        tries--;
    }
    return (EMAC_MII_STATUS & PHY_LINK) != 0u;
}

void sf2_emac_hal(struct hal_ethernet *ethernet)
{
    const uint8_t mac[6] = {RA_BOARD_MAC};

    memcpy(ethernet->mac, mac, sizeof mac);
    ethernet->send = emac_send;
    ethernet->receive = emac_receive;
    ethernet->link_up = emac_link_up;
    ethernet->dev = NULL;
}
