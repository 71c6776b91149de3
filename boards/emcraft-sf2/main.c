/* main.c - the appliance on emcraft-sf2: init, banner, main loop. */
#include "board.h"
#include "hal.h"
#include "ra_appliance.h"
#ifdef RA_EXAMPLE
#include "ra_getcacert.h"
#endif

int main(void);

extern const char __image_size[]; /* emcraft-sf2.ld: the address is the number */

#ifdef RA_BOARD_SEMIHOSTING
#define BOARD "*** TEST BOARD emcraft-sf2: entropy and device key by semihosting ***"
#else
#define BOARD "emcraft-sf2"
#endif

static struct hal hal;
static struct ra_appliance appliance; /* keys and secrets: in the eSRAM */
/* What the CA sent and what the console pastes is public: in the DDR, like the rest of the network's buffers. */
static uint8_t reply[RA_REPLY_BUFFER] __attribute__((section(".bss.ddr.reply")));
static uint8_t bulk[RA_CONSOLE_BULK] __attribute__((section(".bss.ddr.bulk")));
#if RA_WITH_TLS
/* The keys of TLS sessions, none of ours. */
static struct ra_secure secure __attribute__((section(".bss.ddr.secure")));
#endif

#ifdef RA_EXAMPLE
static struct ra_getcacert service __attribute__((section(".bss.ddr.service")));
#endif

int main(void)
{
    uint32_t id;

    board_init();
    board_hal(&hal);
    if (!board_flash_present(&id)) {
        board_print("\nflash: S25FL128P expected, JEDEC id is ");
        board_print_hex(id);
        board_print("\n");
    }
    ra_appliance_init(&appliance, &hal, reply, bulk, BOARD);
    ra_console_about_image(&appliance.console, (uint32_t)(uintptr_t)__image_size);
#if RA_WITH_TLS
    ra_https(&appliance.ra, &secure);
#endif
#ifdef RA_EXAMPLE
    ra_getcacert_init(&service, &appliance.ra);
    (void)ra_getcacert_listen(&service, 80);
#endif
    for (;;) {
        uint32_t ms = ra_appliance_step(&appliance);
#ifdef RA_EXAMPLE
        ra_getcacert_step(&service);
#endif
        board_idle(ms);
    }
}
