/* main.c - the appliance as a Linux program.
 *
 * Exit codes: 0 after --exit-on-reset, 64 for a wrong option, 134 from the watchdog,
 * 137 when the power was cut, 128 + n after signal n.
 */
#include <stdio.h>
#include <string.h>

#include "host_hal.h"
#include "ra_appliance.h"
#ifdef RA_EXAMPLE
#include "ra_getcacert.h"
#endif

static struct ra_appliance appliance;
static struct hal hal;
static uint8_t reply[RA_REPLY_BUFFER];
static uint8_t bulk[RA_CONSOLE_BULK];
#if RA_WITH_TLS
static struct ra_secure secure;
#endif

#ifdef RA_EXAMPLE
static struct ra_getcacert service;
#endif

int main(int argc, char *argv[])
{
    struct host_options options;
    int at = 1;

    host_options_default(&options);
    options.argv = argv;
    while (at < argc) {
        int known = host_options_read(&options, argc, argv, &at);
        if (known == 0) {
            bool help = strcmp(argv[at], "--help") == 0;
            fprintf(help ? stdout : stderr, "usage: %s [OPTIONS]\n%s", argv[0],
                    host_options_help());
            return help ? 0 : HOST_EXIT_USAGE;
        }
        if (known < 0) {
            return HOST_EXIT_USAGE;
        }
    }
    if (host_hal_open(&options, &hal) != 0) {
        return 1;
    }
    ra_appliance_init(&appliance, &hal, reply, bulk,
                      "host board (a Linux program; no hardware protects its keys)");
#if RA_WITH_TLS
    ra_https(&appliance.ra, &secure);
#endif
#ifdef RA_EXAMPLE
    ra_getcacert_init(&service, &appliance.ra);
    if (ra_getcacert_listen(&service, 80) != RA_OK) {
        return 1;
    }
#endif
    for (;;) {
        uint32_t ms = ra_appliance_step(&appliance);
#ifdef RA_EXAMPLE
        ra_getcacert_step(&service);
#endif
        host_hal_wait(ms);
    }
}
