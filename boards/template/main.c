/* main.c - an appliance that is Perennial alone. Where Perennial is a part of a larger
 * firmware, see "Linking" in docs/porting.md instead. */
#include "board.h"
#include "hal.h"
#include "ra_appliance.h"

int main(void);

/* Static: together they hold all state, some tens of kilobytes, keys included. */
static struct hal hal;
static struct ra_appliance appliance;
static uint8_t reply[RA_REPLY_BUFFER];
static uint8_t bulk[RA_CONSOLE_BULK];

int main(void)
{
    board_init();
    board_hal(&hal);
    ra_appliance_init(&appliance, &hal, reply, bulk, "template board");
    for (;;) {
        board_idle(ra_appliance_step(&appliance));
    }
}
