/* board.c - the board as a whole: init and struct hal. */
#include "board.h"
#include "hal.h"
#include "sf2_board.h"
#include "sf2_regs.h"

void board_init(void)
{
    sf2_timer_init();
    sf2_uart_init();
    sf2_flash_init();
    sf2_emac_init();
#ifdef RA_BOARD_SEMIHOSTING
    board_semihost_init();
#endif
    sf2_unlock(0);
}

void board_reset(void)
{
    __asm volatile("dsb" : : : "memory");
    SCB_AIRCR = SCB_AIRCR_SYSRESETREQ;
    for (;;) {
    }
}

#ifndef RA_BOARD_SEMIHOSTING
void sf2_fault_end(void)
{
    board_reset();
}
#endif

/* The part has a noise source and a PUF only in its S variants, behind its
 * system controller; this board uses neither. So it has no entropy, and no key
 * is made on it, and it has no device key. */
static int no_entropy(void *dev, uint8_t *to, uint32_t size)
{
    (void)dev;
    (void)to;
    (void)size;
    return -1;
}

static int no_device_key(void *dev, uint8_t key[HAL_DEVICE_KEY_SIZE])
{
    (void)dev;
    (void)key;
    return 0;
}

static void reset(void *dev)
{
    (void)dev;
    board_reset();
}

void board_hal(struct hal *hal)
{
    sf2_timer_hal(&hal->clock);
    sf2_uart_hal(&hal->serial);
    sf2_flash_hal(&hal->flash);
    sf2_emac_hal(&hal->ethernet);
    hal->entropy.read = no_entropy;
    hal->entropy.dev = 0;
    hal->device_key.read = no_device_key;
    hal->device_key.dev = 0;
    hal->watchdog.feed = 0; /* the part's watchdog is off unless the fabric design turns it on */
    hal->watchdog.dev = 0;
    hal->reset.reset = reset;
    hal->reset.dev = 0;
#ifdef RA_BOARD_SEMIHOSTING
    board_semihost_hal(hal);
#endif
}
