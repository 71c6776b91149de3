/* ra_appliance.h - the rooms joined: credentials, console, network, one main loop.
 *
 * For boards whose firmware is Perennial alone, and the example for those where
 * it is a part: nothing is decided here, it only hands things from one room to
 * another. An appliance with its own main loop and its own lwIP calls
 * perennial.h directly.
 *
 *     static struct ra_appliance appliance;
 *     static uint8_t reply[RA_REPLY_BUFFER];
 *     static uint8_t bulk[RA_CONSOLE_BULK];
 *     ra_appliance_init(&appliance, &hal, reply, bulk, "board name");
 *     for (;;) {
 *         uint32_t ms = ra_appliance_step(&appliance);
 *         ... sleep until an interrupt or ms milliseconds, whichever is first ...
 *     }
 *
 * Boot: ra_appliance_boot_over tells when the rest of the appliance may start:
 * when nothing is due or under way, or when boot-budget-seconds have passed;
 * renewal then goes on in the background. A dead CA never holds the boot.
 */
#ifndef RA_APPLIANCE_H
#define RA_APPLIANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "hal.h"
#include "perennial.h"
#include "ra_console.h"
#include "ra_net.h"
#include "ra_net_setup.h"
#include "ra_syslog.h"

struct ra_appliance {
    struct ra ra;
    struct ra_console console;
    struct ra_net net;
    struct ra_transport transport;
    struct ra_net_setup setup;
    struct ra_syslog syslog;
    uint32_t syslog_sent; /* sequence number of the last event sent, or passed over */
    bool syslog_begun;
    struct ra_net_config net_config; /* as applied */
    uint64_t started_ms;
    uint32_t time_answers;
    ra_err start_error; /* the store cannot be used: only the console runs */
    bool configured;    /* the stored configuration was given to the network */
    bool boot_over;
};

/* Start everything. `board` is one line of static text for the banner and
 * `show version`; `reply` as for ra_init, `bulk` as for ra_console_init: neither holds
 * a secret. Never fails: what does not work is said on the console. */
void ra_appliance_init(struct ra_appliance *a, const struct hal *hal, uint8_t *reply, uint8_t *bulk,
                       const char *board);

/* One turn of the main loop; feeds the watchdog. Returns the milliseconds until
 * the next turn is wanted if nothing arrives from outside. */
uint32_t ra_appliance_step(struct ra_appliance *a);

bool ra_appliance_boot_over(const struct ra_appliance *a);

#endif
