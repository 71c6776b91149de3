#include "sweep.h"

#include <stdio.h>
#include <stdlib.h>

/* As many banks as this, of as many sectors as hold what an appliance keeps, and sectors behind the
 * last. */
static const struct geometry {
    uint32_t sector_size;
    uint16_t program_unit, program_max;
    uint8_t erased, banks, behind;
} shapes[GEOMETRIES] = {
    {4096, 16, 256, 0xff, 2, 8},  {4096, 1, 256, 0xff, 2, 8},    {16384, 8, 512, 0x00, 2, 2},
    {65536, 2, 256, 0xff, 2, 0},  {4096, 256, 256, 0xff, 2, 9},  {512, 4, 64, 0xff, 2, 80},
    {131072, 32, 32, 0xff, 2, 0}, {131072, 4, 256, 0x00, 3, 0},  {65536, 8, 256, 0x00, 4, 0},
    {32768, 32, 256, 0xff, 3, 0}, {2048, 256, 512, 0x00, 4, 20}, {8192, 16, 64, 0x00, 2, 4},
};
struct hal_flash geometries[GEOMETRIES];

void make_geometries(void)
{
    for (unsigned i = 0; i < GEOMETRIES; i++) {
        struct hal_flash *g = &geometries[i];
        *g = (struct hal_flash){.sector_size = shapes[i].sector_size,
                                .program_unit = shapes[i].program_unit,
                                .program_max = shapes[i].program_max,
                                .erased = shapes[i].erased};
        uint32_t bank = ra_store_bank_bytes(g, NULL, 0) / g->sector_size;
        g->sector_count = shapes[i].banks * bank + shapes[i].behind;
    }
}

static const char *const kind_names[] = {"before",      "after",  "prefix", "all but the last byte",
                                         "random bits", "disturb"};

const char *const start_names[STARTS] = {"blank", "random", "zeros", "other product",
                                         "our own headers"};

struct here here;
struct tally tally;
struct wishes wish = {.geometry = ANY,
                      .start = ANY,
                      .story = ANY,
                      .counter = ANY,
                      .point = ANY,
                      .bit = ANY,
                      .at_least = 1,
                      .parts = 1,
                      .seed = 1,
                      .rate = 1,
                      .share = 100,
                      .one_in = 1};
enum mode mode;
uint32_t seed;

struct world worlds[DEPTH_MAX + 1];
struct tap taps[DEPTH_MAX + 1];

uint32_t rnd(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

void seed_from(const struct damage *d, uint32_t more)
{
    uint32_t x =
        wish.seed * 2654435761u + here.geometry * 0x10001u + here.start * 257u + here.story;
    x = (x ^ d->operation) * 2246822519u;
    x = (x ^ (d->kind * 4096u + d->unit)) * 3266489917u;
    x = (x ^ (d->unstable * 16u + d->level)) * 668265263u;
    x = (x ^ more) * 374761393u;
    seed = (x ^ (x >> 15)) | 1u;
}

static void where(void)
{
    const struct hal_flash *g = &geometries[here.geometry];
    printf("  sectors %u x %u, unit %u, page %u, erased %02x, start %s\n  replay: powercut ",
           (unsigned)g->sector_size, (unsigned)g->sector_count, g->program_unit, g->program_max,
           g->erased, start_names[here.start]);
    if (mode == FLIPS || mode == REPEATS || mode == COUNTERS) {
        const char *what = mode == FLIPS ? "flips" : mode == REPEATS ? "repeats" : "counters";
        printf("%s --geometry %u --start %u --story %u --seed %u --%s %ld --times %u\n", what,
               here.geometry, here.start, here.story, (unsigned)wish.seed,
               mode == FLIPS     ? "bit"
               : mode == REPEATS ? "point"
                                 : "only",
               mode == FLIPS ? here.flip : (long)here.point, here.repeat);
        return;
    }
    printf("replay %u:%u:%u", here.geometry, here.start, here.story);
    unsigned cuts = here.depth;
    for (unsigned i = 1; i <= cuts; i++) {
        printf(":%u:%u:%u:%u:%u", here.d[i].operation, here.d[i].kind, here.d[i].unit,
               here.d[i].unstable, here.d[i].level);
    }
    printf(" --seed %u", (unsigned)wish.seed);
    for (unsigned i = 1; i <= cuts; i++) {
        printf(" %s%s%s", i > 1 ? "then " : "", kind_names[here.d[i].kind],
               here.d[i].unstable != 0 ? ", unstable" : "");
    }
    printf("\n");
}

/* A must of the world itself ends the program; say where before. */
void at_abort(void)
{
    printf("FAIL: the world ended\n");
    where();
    (void)fflush(stdout);
}

void fail(const char *why)
{
    if (tally.failures++ < 5) {
        printf("FAIL: %s\n", why);
        where();
        (void)fflush(stdout);
    }
    if (wish.stop_at_first) {
        exit(1);
    }
}
