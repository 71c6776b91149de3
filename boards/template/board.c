/* board.c - a port to start from: copy the folder, fill in one device after the other.
 *
 * As it stands it compiles, links and runs, and every device answers as one that is not
 * there: nothing is stored, nothing is sent, no key is made. That is also how a device
 * your board lacks must answer. What each call has to keep to stands in hal/; the order in
 * which to bring them up, and the check after each, in docs/porting.md.
 *
 * FILL IN marks the places.
 */
#include "board.h"

#include <stddef.h>

#include "hal.h"

/* ---- clock: first, everything waits by it ---- */

static uint64_t monotonic_ms(void *dev)
{
    /* FILL IN: milliseconds from a free-running counter, widened to 64 bits. Read the counter
     * rather than count its interrupts: an interrupt missed while others are masked is time
     * lost for ever. */
    static uint64_t ms;
    (void)dev;
    return ms++;
}

static int64_t wall_s(void *dev)
{
    /* FILL IN, if a battery-backed clock says that its time is valid. Never the build date. */
    (void)dev;
    return HAL_CLOCK_UNKNOWN;
}

/* ---- serial: second, so that the board can talk ---- */

static uint32_t serial_read(void *dev, uint8_t *to, uint32_t size)
{
    /* FILL IN: bytes from the receive queue that the interrupt or DMA filled. */
    (void)dev;
    (void)to;
    (void)size;
    return 0;
}

static uint32_t serial_write(void *dev, const uint8_t *from, uint32_t size)
{
    /* FILL IN: what the transmit queue has room for. A board without a console takes all. */
    (void)dev;
    (void)from;
    return size;
}

/* ---- flash ---- */

/* FILL IN: the geometry of the region that belongs to Perennial. program_unit is what the part
 * programs, with its ECC, in one go; too small a number loses data on such parts. */
#define SECTOR_SIZE 65536u
#define SECTOR_COUNT 8u
#define PROGRAM_UNIT 16u
#define PAGE 256u

static int flash_read(void *dev, uint32_t at, void *to, uint32_t size)
{
    /* FILL IN: memcpy from a mapped part, or read commands of a bounded length. */
    (void)dev;
    (void)at;
    (void)to;
    (void)size;
    return HAL_FLASH_FAILED;
}

static int flash_program(void *dev, uint32_t at, const void *from, uint32_t size)
{
    (void)dev;
    (void)from;
    if (size == 0 || size > PAGE || at % PROGRAM_UNIT != 0 || size % PROGRAM_UNIT != 0 ||
        at > SECTOR_SIZE * SECTOR_COUNT - size || at / PAGE != (at + size - 1) / PAGE) {
        return HAL_FLASH_FAILED; /* before the part is touched: keep this check */
    }
    /* FILL IN: write enable, command, data; return HAL_FLASH_BUSY without waiting. Never program
     * a page again after a failure: that decision is the core's. */
    return HAL_FLASH_FAILED;
}

static int flash_erase(void *dev, uint32_t sector)
{
    (void)dev;
    if (sector >= SECTOR_COUNT) {
        return HAL_FLASH_FAILED;
    }
    /* FILL IN: write enable, sector erase at sector * SECTOR_SIZE; return HAL_FLASH_BUSY. */
    return HAL_FLASH_FAILED;
}

static int flash_poll(void *dev)
{
    /* FILL IN: the part's status register: busy, failed (and clear the flag) or done. */
    (void)dev;
    return HAL_FLASH_DONE;
}

/* ---- entropy, device key ---- */

static int entropy_read(void *dev, uint8_t *to, uint32_t size)
{
    /* FILL IN: raw bytes of the hardware noise source, 0 while it collects, -1 when its own
     * alarm is raised. Without a source leave it like this: no key is made, and the console
     * says why. Anything that merely looks random here is a security hole nobody will see. */
    (void)dev;
    (void)to;
    (void)size;
    return -1;
}

static int device_key_read(void *dev, uint8_t key[HAL_DEVICE_KEY_SIZE])
{
    /* FILL IN: 32 secret bytes of this device (fuses, PUF, secure element); 1 when written. */
    (void)dev;
    (void)key;
    return 0;
}

/* ---- Ethernet: not needed by an appliance that brings its own lwIP interface ---- */

static int ethernet_send(void *dev, const uint8_t *frame, uint32_t size)
{
    /* FILL IN: copy into a free transmit descriptor, 0 when there is none. */
    (void)dev;
    (void)frame;
    (void)size;
    return 0;
}

static uint32_t ethernet_receive(void *dev, uint8_t *to, uint32_t size)
{
    /* FILL IN: copy the next received frame out and give its descriptor back; drop frames with
     * errors or longer than `size`. */
    (void)dev;
    (void)to;
    (void)size;
    return 0;
}

static int ethernet_link_up(void *dev)
{
    /* FILL IN: the PHY's link bit, read at most every 100 ms: MDIO is slow. */
    (void)dev;
    return 0;
}

/* ---- watchdog, reset ---- */

static void watchdog_feed(void *dev)
{
    /* FILL IN, or leave hal->watchdog.feed NULL. The period must be longer than the longest
     * step: one RSA private operation (docs/measurements.md), with a margin of two. */
    (void)dev;
}

static void reset(void *dev)
{
    /* FILL IN: the part's system reset. */
    (void)dev;
    for (;;) {
    }
}

/* ---- the whole ---- */

void board_init(void)
{
    /* FILL IN: clocks, pins, memory controller, then the devices above. If a reset can come
     * while the flash erases, wait here until it is done or reset the part too. */
}

void board_idle(uint32_t ms)
{
    /* FILL IN: sleep until an interrupt or for `ms`. Returning at once is correct, only hot. */
    (void)ms;
}

void board_hal(struct hal *hal)
{
    static const uint8_t mac[6] = {0x02, 0, 0, 0, 0, 1}; /* FILL IN: the device's own address */
    size_t i;

    hal->flash.sector_size = SECTOR_SIZE;
    hal->flash.sector_count = SECTOR_COUNT;
    hal->flash.program_unit = PROGRAM_UNIT;
    hal->flash.program_max = PAGE;
    hal->flash.erased = 0xff;
    hal->flash.read = flash_read;
    hal->flash.program = flash_program;
    hal->flash.erase = flash_erase;
    hal->flash.poll = flash_poll;
    hal->flash.dev = NULL; /* the pointer every call gets back; NULL when there is one device */
    hal->clock.monotonic_ms = monotonic_ms;
    hal->clock.wall_s = wall_s;
    hal->clock.dev = NULL;
    hal->entropy.read = entropy_read;
    hal->entropy.dev = NULL;
    hal->serial.read = serial_read;
    hal->serial.write = serial_write;
    hal->serial.dev = NULL;
    for (i = 0; i < sizeof mac; i++) {
        hal->ethernet.mac[i] = mac[i];
    }
    hal->ethernet.send = ethernet_send;
    hal->ethernet.receive = ethernet_receive;
    hal->ethernet.link_up = ethernet_link_up;
    hal->ethernet.dev = NULL;
    hal->device_key.read = device_key_read;
    hal->device_key.dev = NULL;
    hal->watchdog.feed = watchdog_feed;
    hal->watchdog.dev = NULL;
    hal->reset.reset = reset;
    hal->reset.dev = NULL;
}
