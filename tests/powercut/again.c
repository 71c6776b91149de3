#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sweep.h"

/* The numbers that count up, and where: the first write of such a record in each life is cut. What
 * must be written for a life to come to its next such write is never written whole. */
static const struct counter {
    const char *name;
    uint8_t
        type;   /* of the record; 0: any, 'B': the header of a bank, 0xf1: SETTLED, after a move */
    bool whole; /* may be complete */
} counters[] = {{"sequence of banks", 'B', true},   {"sequence of records", 0, true},
                {"attempts", RA_RECORD_TXN, false}, {"generations", RA_RECORD_KEY, false},
                {"events", RA_RECORD_EVENT, true},  {"commit", RA_RECORD_COMMIT, false},
                {"banks used", 0xf1, false}};
#define COUNTERS_ (sizeof counters / sizeof counters[0])

static const struct counter *cut_counter;

static int counter_program(void *dev, uint32_t at, const void *from, uint32_t size)
{
    struct tap *t = dev;
    const uint8_t *p = from;
    if (size >= 4 && t->w->flash.cut_at == 0 &&
        (cut_counter->type == 'B'
             ? memcmp(p, "BNK1", 4) == 0
             : p[0] == 0x61 && p[1] == 0x52 &&
                   (p[2] == cut_counter->type || (cut_counter->type == 0 && p[2] < 0xf0)))) {
        t->w->flash.cut_at = t->w->flash.operations + 1u;
    }
    return t->flash.program(t->flash.dev, at, from, size);
}

static int plain_erase(void *dev, uint32_t sector)
{
    struct tap *t = dev;
    return t->flash.erase(t->flash.dev, sector);
}

/* Leave the log unclean, so that the next life begins with a copy to another bank. */
static void tear(struct world *w)
{
    (void)world_settle(w);
    w->flash.cut = NOR_CUT_RANDOM_BITS;
    world_set(w, "host-name", "torn");
    w->flash.cut_at = w->flash.operations + 2u;
    (void)world_settle(w);
}

/* A renewal has ended without the cut: the appliance is switched on again when the next one is due. */
static void until_the_next(struct world *w)
{
    w->flash.cut_at = 0;
    world_set(w, "renew-percent", "1");
    tear(w);
    base_id = w->ca.last_id;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        given_up[i] = base_id;
    }
    world_advance(w, 10 * (int64_t)RA_DAY);
}

/* The power goes at the `point`-th operation of each of `lives` lives, or at cut_counter; false: the
 * first life has fewer. Renewals that come to their end all the same are followed by others. */
static bool same_point(unsigned point, uint32_t lives)
{
    struct world *w = &worlds[1];
    static uint32_t wear[WORLD_FLASH_MAX / 512u];
    bool reached = true, ended = false;
    uint32_t whole_lives = 0, first_id = base_id;
    memset(wear, 0, sizeof wear);
    here.d[1] = (struct damage){0};
    here.point = cut_counter != NULL ? (unsigned)(cut_counter - counters) : point;
    world_copy(w, golden);
    if (cut_counter != NULL) {
        struct tap *t = &taps[1];
        t->w = w;
        t->flash = w->hal.flash;
        w->hal.flash.program = counter_program;
        w->hal.flash.erase = plain_erase;
        w->hal.flash.read = tap_read;
        w->hal.flash.poll = tap_poll;
        w->hal.flash.dev = t;
    }
    w->flash.shadow = NULL;
    w->flash.wear = wear;
    w->cut_after = point;
    w->on_step = NULL;
    memset(given_up, 0, sizeof given_up);
    for (here.repeat = 1; here.repeat <= lives; here.repeat++) {
        seed_from(&here.d[1], here.repeat * 31u + point);
        static const uint8_t torn[] = {NOR_CUT_BEFORE, NOR_CUT_PREFIX};
        bool whole = cut_counter == NULL || cut_counter->whole;
        w->flash.cut = (enum nor_cut)(whole ? rnd(NOR_CUT_DISTURB) : torn[rnd(2)]);
        w->flash.depth = rnd(whole ? 256 : 128);
        w->flash.seed = seed;
        world_boot(w);
        if (!w->flash.cut_fired) {
            look(w, "after a cut");
            bool done = world_until(w, finished, LONG_DAYS * (int64_t)RA_DAY);
            if (!done && !w->flash.cut_fired) {
                fail("the renewal does not end by itself");
                break;
            }
        }
        if (!w->flash.cut_fired) {
            reached = here.repeat > 1;
            if (!reached || ended || cut_counter != NULL) {
                break; /* a whole renewal has no such operation any more */
            }
            ended = true;
            whole_lives++;
            here.repeat--;
            until_the_next(w);
            continue;
        }
        ended = false;
        tally.planned += here.repeat == 1 ? lives : 0;
        tally.fired++;
    }
    w->cut_after = 0;
    if (cut_counter != NULL) {
        w->hal.flash = taps[1].flash;
    }
    if (w->flash.cut_fired) {
        uint32_t copies = here.repeat + 2u * whole_lives + 8u;
        for (uint32_t s = 0; s < w->flash.geometry.sector_count; s++) {
            if (wear[s] > copies) {
                fail("a sector is erased more than once in a life");
            }
        }
    }
    w->flash.wear = NULL;
    uint32_t erases = w->flash.erases;
    world_boot(w);
    look(w, "after the last cut");
    finish_life(w, erases, false);
    base_id = first_id;
    return reached;
}

static void prepare_torn(void)
{
    static const struct world_enrolment *const pairs[] = {&pair, &pair_scep, &pair_est};
    enrolled = pairs[here.story];
    prepare(0);
    enrolled = &pair;
    tear(golden);
}

void repeats(void)
{
    unsigned points = 0;
    prepare_torn();
    for (unsigned point = wish.point != ANY ? wish.point : 1u;
         same_point(point, wish.count_only ? 2 : wish.times) && wish.point == ANY; point++) {
        points++;
    }
    if (wish.count_only) {
        tally.fired = 0;
        tally.planned = tally.same = (unsigned long)points * wish.times;
    }
    printf("geometry %2u: %u operations of a life\n", here.geometry, points);
}

void count_up(void)
{
    for (unsigned i = 0; i < COUNTERS_; i++) {
        unsigned long before = tally.fired;
        if (wish.counter != ANY && wish.counter != i) {
            continue;
        }
        if (wish.count_only) {
            tally.planned += wish.times;
            tally.same += wish.times;
            continue;
        }
        clock_t start = clock();
        prepare_torn();
        cut_counter = &counters[i];
        (void)same_point(0, wish.times);
        cut_counter = NULL;
        printf("%-20s %6lu cuts, each at the first such write of a life, %.1f s\n",
               counters[i].name, tally.fired - before, (double)(clock() - start) / CLOCKS_PER_SEC);
        (void)fflush(stdout);
        if (tally.fired - before < wish.times && tally.failures == 0) {
            fail("fewer cuts at a number that counts up than there must be");
        }
    }
}
