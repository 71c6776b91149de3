/* Cuts the power at the flash operations of the store alone, as many times as you like.
 *
 *     store_cuts [single|pairs|repeat] [SEED [ROUNDS]]
 *     store_cuts replay GEOMETRY START OPERATIONS SEED OP [SECOND_IN [REPEATS]]
 *
 * `single` cuts at every operation of a script, in every kind of damage; `pairs` cuts the
 * recovery again, at every operation; `repeat` cuts 300 times at the same point of each
 * boot. The last line is `N cuts planned, N fired, N failures`; a failure names what
 * replays it. GEOMETRY is a row of fake_geometries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_sweep.h"

static struct store_sweep_result total;

static void sweep(struct store_sweep_plan *plan)
{
    struct store_sweep_result r;
    plan->kinds = (1u << NOR_CUT_DISTURB) - 1u;
    plan->unstable = 2;
    store_sweep(plan, &r);
    total.planned += r.planned;
    total.fired += r.fired;
    total.failures += r.failures;
    printf("sector %6u x %-3u unit %3u erased %02x start %u seed %u: %u operations, %u cuts%s%s\n",
           (unsigned)plan->geometry->sector_size, (unsigned)plan->geometry->sectors,
           plan->geometry->unit, plan->geometry->erased, (unsigned)plan->start,
           (unsigned)plan->seed, (unsigned)r.operations, (unsigned)r.fired,
           r.failures != 0 ? "\n  " : "", r.failures != 0 ? r.why : "");
    fflush(stdout);
}

static uint32_t number(int argc, char **argv, int i, uint32_t otherwise)
{
    return i < argc ? (uint32_t)strtoul(argv[i], NULL, 0) : otherwise;
}

static void rounds(const char *mode, uint32_t seed, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t g = 0; g < FAKE_GEOMETRIES; g++) {
            bool fine = fake_geometries[g].page < 16u;
            struct store_sweep_plan plan = {.geometry = &fake_geometries[g],
                                            .seed = seed + i,
                                            .operations = 60,
                                            .one_in = 1,
                                            .start = (seed + i) % 5u};
            if (strcmp(mode, "pairs") == 0) {
                plan.second_in = 1;
                plan.one_in = fine ? 211 : 1;
            } else if (strcmp(mode, "repeat") == 0) {
                plan.repeats = 300;
                plan.one_in = fine ? 97 : 5;
            }
            sweep(&plan);
        }
    }
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "single";
    if (strcmp(mode, "replay") == 0 && argc >= 7) {
        struct store_sweep_plan plan = {
            .geometry = &fake_geometries[number(argc, argv, 2, 0) % FAKE_GEOMETRIES],
            .start = number(argc, argv, 3, 0),
            .operations = number(argc, argv, 4, 0),
            .seed = number(argc, argv, 5, 1),
            .only = number(argc, argv, 6, 1),
            .one_in = 1,
            .second_in = number(argc, argv, 7, 0),
            .repeats = number(argc, argv, 8, 0)};
        sweep(&plan);
    } else if (strcmp(mode, "single") == 0 || strcmp(mode, "pairs") == 0 ||
               strcmp(mode, "repeat") == 0) {
        rounds(mode, number(argc, argv, 2, 1), number(argc, argv, 3, 1));
    } else {
        fprintf(stderr, "see the head of store_cuts.c\n");
        return 64;
    }
    printf("%u cuts planned, %u fired, %u failures\n", (unsigned)total.planned,
           (unsigned)total.fired, (unsigned)total.failures);
    return total.failures != 0 || total.planned != total.fired || total.fired == 0;
}
