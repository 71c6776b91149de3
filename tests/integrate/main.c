/* The smallest appliance: Perennial beside an application's own main loop.
 *
 * Everything the application brings is here: a flash region (RAM in this example), a clock, no
 * entropy (so no key is ever made), its own lwIP. It runs a second of main loop and prints what
 * the console would show of the two roles.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <lwip/init.h>
#include <lwip/timeouts.h>

#include "perennial.h"
#include "ra_net.h"

#ifndef APPLIANCE_LWIP
#error "built with another lwIP than the appliance's own target"
#endif

#define SECTOR 65536u
static uint8_t cells[8][SECTOR];

static int flash_read(void *dev, uint32_t at, void *to, uint32_t size)
{
    (void)dev;
    memcpy(to, &cells[0][0] + at, size);
    return HAL_FLASH_DONE;
}

static int flash_program(void *dev, uint32_t at, const void *from, uint32_t size)
{
    (void)dev;
    memcpy(&cells[0][0] + at, from, size);
    return HAL_FLASH_DONE;
}

static int flash_erase(void *dev, uint32_t sector)
{
    (void)dev;
    memset(cells[sector], 0xff, SECTOR);
    return HAL_FLASH_DONE;
}

static int flash_poll(void *dev)
{
    (void)dev;
    return HAL_FLASH_DONE;
}

static uint64_t monotonic_ms(void *dev)
{
    struct timespec now;

    (void)dev;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static int64_t wall_s(void *dev)
{
    (void)dev;
    return (int64_t)time(NULL);
}

static int no_bytes(void *dev, uint8_t *to, uint32_t size)
{
    (void)dev;
    (void)to;
    (void)size;
    return -1;
}

static int no_key(void *dev, uint8_t key[HAL_DEVICE_KEY_SIZE])
{
    (void)dev;
    (void)key;
    return 0;
}

static const struct hal hal = {
    .flash = {.sector_size = SECTOR,
              .sector_count = 8,
              .program_unit = 8,
              .program_max = 256,
              .erased = 0xff,
              .read = flash_read,
              .program = flash_program,
              .erase = flash_erase,
              .poll = flash_poll},
    .clock = {.monotonic_ms = monotonic_ms, .wall_s = wall_s},
    .entropy = {.read = no_bytes},
    .device_key = {.read = no_key},
};

/* What the appliance's own port of lwIP has. */
u32_t sys_now(void)
{
    return (u32_t)monotonic_ms(NULL);
}

uint32_t ra_lwip_random(void)
{
    uint32_t word = 0;

    return getrandom(&word, sizeof word, 0) == (ssize_t)sizeof word ? word : sys_now();
}

static struct ra ra;
static struct ra_net net;

static uint8_t reply[RA_REPLY_BUFFER];

int main(void)
{
    struct ra_transport transport;
    uint64_t end;

    memset(cells, 0xff, sizeof cells);
    lwip_init();
    ra_net_init(&net, &transport);
    if (ra_init(&ra, &hal, &transport, reply) != RA_OK) {
        return 1;
    }
    end = monotonic_ms(NULL) + 1000u;
    while (monotonic_ms(NULL) < end && !ra_started(&ra)) {
        (void)ra_step(&ra); /* the milliseconds it returns may be slept */
        sys_check_timeouts();
    }
    for (unsigned role = 0; role < RA_PAIR; role++) {
        struct ra_status status;

        ra_status(&ra, (enum ra_role)role, &status);
        printf("role %u: %s, %s\n", role, status.stored ? "stored" : "not stored",
               ra_error_text(status.cause));
    }
    return ra_started(&ra) ? 0 : 1;
}
