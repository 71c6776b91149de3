/* fleet - when the appliances of one fleet ask their CA, all provisioned on one working day.
 *
 *     fleet [--seed N] [--appliances N]
 *
 * Each lives alone in a world of its own (world.h) and is followed through the renewal of its pair,
 * with the settings that an appliance has when nobody changes them. The CA is the same for all: what
 * it does depends on the time only. Two scenes: it answers; it cannot be reached for three days from
 * the first request on. Prints for each hour since that first request how many requests have reached
 * the CA in each scene.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define HOURS (24u * 8u)
#define OUT_HOURS 72
#define DAY ((int64_t)RA_DAY)
#define HOUR ((int64_t)RA_HOUR)
#define OFFICE_SECONDS (8 * 3600u) /* the day on which all were provisioned */
#define RENEW_DAYS 42              /* settings as they are */
#define LIFE_DAYS 730

enum scene { ANSWERS, IS_AWAY, SCENES };

static struct world w;
static unsigned long requests[SCENES][HOURS + 1];
static uint64_t random_state;

static uint32_t random_below(uint32_t below)
{
    uint64_t x = random_state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((uint64_t)(uint32_t)(x >> 32) * below >> 32);
}

static bool renewed(struct world *world)
{
    for (unsigned i = 0; i < RA_PAIR; i++) {
        if (world_state(world, (enum ra_role)i) != RA_STATE_PROBATION) {
            return false;
        }
    }
    return true;
}

/* When the window of the first of them opens. */
static int64_t first_hour(void)
{
    return WORLD_NOW + (LIFE_DAYS - RENEW_DAYS) * DAY;
}

static void count(enum scene scene)
{
    for (unsigned i = 0; i < RA_PAIR; i++) {
        for (unsigned j = 0; j < w.ca.submits[i] && j < FAKE_CA_TIMES; j++) {
            int64_t hour = (w.ca.submit_at[i][j] - first_hour()) / HOUR;
            requests[scene][hour >= 0 && hour < HOURS ? hour : HOURS]++;
        }
    }
}

static bool live(enum scene scene, uint32_t born_s, uint32_t noise, uint32_t *last_id)
{
    static const struct world_enrolment e = {.key = {"agent.key", "encryption.key"},
                                             .days_left = {LIFE_DAYS, LIFE_DAYS},
                                             .settings = {{"jitter-hours", "24"}}};
    world_init(&w, NULL);
    w.true_ms += (int64_t)born_s * 1000;
    w.noise_state = noise;
    w.ca.last_id = *last_id; /* one CA: no serial number comes twice */
    world_provision(&w, &e);
    *last_id = w.ca.last_id;
    world_advance(&w, first_hour() - world_now(&w) - HOUR);
    w.ca.net = scene == IS_AWAY ? FAKE_NET_REFUSED : FAKE_NET_UP;
    world_boot(&w);
    if (scene == IS_AWAY) {
        (void)world_run(&w, first_hour() + OUT_HOURS * HOUR - world_now(&w));
        w.ca.net = FAKE_NET_UP;
    }
    if (!world_until(&w, renewed, HOURS * HOUR)) {
        return false;
    }
    *last_id = w.ca.last_id;
    count(scene);
    return true;
}

int main(int argc, char **argv)
{
    uint32_t appliances = 10000, last_id = 0;
    unsigned failed = 0;
    random_state = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0) {
            random_state = strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--appliances") == 0) {
            appliances = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        }
    }
    for (uint32_t n = 0; n < appliances; n++) {
        uint32_t born_s = random_below(OFFICE_SECONDS);
        for (unsigned scene = 0; scene < SCENES; scene++) {
            failed += !live((enum scene)scene, born_s, n + 1u, &last_id);
        }
    }
    for (unsigned hour = 0; hour < HOURS; hour++) {
        printf("%u %lu %lu\n", hour, requests[ANSWERS][hour], requests[IS_AWAY][hour]);
    }
    printf("%u appliances, %u failed, %lu requests at other times\n", (unsigned)appliances, failed,
           requests[ANSWERS][HOURS] + requests[IS_AWAY][HOURS]);
    return failed == 0 ? 0 : 1;
}
