/* powercut - the power goes in every flash operation of whole renewals of the pair.
 *
 *     powercut sample [--seed N] [--rate N] [--share P] [--part I/N]
 *                       some cuts of every kind: N at each operation, at P of 100 of them
 *     powercut singles | pairs | markers [...]       all of them: see below
 *     powercut repeats [--times N] | counters [--times N] [--only COUNTER]
 *     powercut flips [--one-in N] [--seed N]
 *     powercut replay ID [--seed N]                  one cut again, named as a failure names it;
 *                                                    of the last three: --point, --only, --bit
 *     --geometry N, --start N, --story N             only that one (repeats, counters: the protocol,
 *                                                    0 AD CS, 1 SCEP, 2 EST; flips: 0 two
 *                                                    generations, 1 one alone); --at-least N: fewer cuts fail;
 *     --stop: at the first failure; --count: how many there are, and none is run but the first of
 *     two (repeats: at most so many)
 *
 * A story is one life of an appliance (world.h). It runs once. Before each flash operation a twin
 * of the world gets the damage instead and loses its RAM; the power comes back, and the oracle looks:
 *   - the mount and the start end, and the certificates served are of the generations that the
 *     commit names before the operation, or, while a commit or a rollback is being written, of those
 *     that it is about to name: all roles together
 *   - what is served is byte for byte what the CA issued, with its issuers; each key fits its
 *     certificate, proved by use
 *   - the renewal ends by itself, with the new pair, within the daily attempts; a pair that was
 *     given up does not come back; in one of eight the next one, two years later, ends too
 *   - after one more reset the same is served and the store is clean
 *   - no erase touches the active bank, what is left without the sectors about to be erased holds a
 *     whole pair, and from the cut to the end of the renewal no more than WEAR_BANKS banks are erased
 *   - no rule of the flash was broken, no request was one that the CA finds fault with
 * Of a first enrolment instead: nothing is served, or what the CA issued for the one key that it was
 * ever asked for, and the rest happens by itself once the request has been sent; before that the
 * operator asks again. Of an erasing: before its mark is in flash all serves, and the operator asks
 * again; after it nothing is ever served, in the end no piece of a key or a password is in flash, and
 * each bank is erased twice at most, and WEAR_BANKS more.
 *
 * Damage: of the whole call, or of its n-th unit while those before it are complete: not begun,
 * complete but nobody was told, a prefix, all but the last byte, any of the bits, the same and
 * an earlier unit of what was not committed yet loses a bit; of an erase: at three depths, by
 * address and by bits. Each stable, or of cells that read now so, now so.
 * After the cut the power stays away to the next full minute.
 *   singles   every damage of every operation
 *   pairs     every two flash calls: of the story, and of the recovery from that cut
 *   markers   every two units that write a bank's header, READY, SETTLED, STEADY or the commit
 *   repeats   the same operation of each life, 300 lives and as many renewals as they take, for every
 *             operation that a life has
 *   counters  the same 70 000 times at each number that counts up in flash
 *   flips     every bit of the flash at rest; a unit of what is committed disturbed
 *
 * Of singles, pairs and markers a life, or its rest, is run once where it is the same as another's:
 * merge.h says when that is, and why no cut is left out by it. A cut whose whole life is known, and
 * the second cuts of a recovery that is, count as the same, not as fired: planned is fired and the
 * same. A second damage follows from the operation alone, counted from the first cut or from when
 * all was settled, so that they are the same indeed; weak cells then answer in one of WEAK_WAYS ways.
 * One of MERGE_TRIED such lives goes on nevertheless and must come to the same end.
 *
 * powercut is built with the limits of an appliance for RSA-2048, powercut_wolfssl with those of
 * every key; the geometries count banks, whose size follows from them.
 *
 * An id is GEOMETRY:START:STORY:OPERATION:KIND:UNIT:UNSTABLE:LEVEL and the last five again for a
 * second cut, in the recovery. The program links fast_crypto (powercut) or wolfSSL
 * (powercut_wolfssl).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sweep.h"

/* The stand-in, or wolfSSL, tells one key from another: else nothing below means anything. */
static void canary(void)
{
    struct world *w = &worlds[1];
    const uint32_t kept = wish.seed;
    world_init(w, NULL);
    world_provision_pair(w, 100, 100);
    world_boot(w);
    look(w, "the canary");
    /* The old key under the new certificate, and the other way round, must not fit. */
    memset(&w->ra.service_key, 0, sizeof w->ra.service_key);
    w->ra.service_key = *fake_ca_key("stranger.key");
    w->ra.service_generation = w->ra.commit.slot[RA_ROLE_AGENT].active;
    w->ra.service_role = RA_ROLE_AGENT;
    if (world_check(w, RA_ROLE_AGENT) == NULL) {
        fail("a key that does not fit its certificate is not noticed");
    }
    wish.seed = kept;
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 0);
}

static bool read_id(const char *text)
{
    unsigned v[13] = {0};
    unsigned count = 0;
    for (const char *p = text; p != NULL && count < 13; count++) {
        v[count] = number(p);
        p = strchr(p, ':');
        p = p != NULL ? p + 1 : NULL;
    }
    here.geometry = v[0];
    here.start = v[1];
    here.story = v[2];
    wish.only[1] = (struct damage){v[3], v[4], v[5], v[6], v[7]};
    wish.only[2] = (struct damage){v[8], v[9], v[10], v[11], v[12]};
    wish.only_second = count == 13;
    return (count == 8 || count == 13) && v[0] < GEOMETRIES && v[1] < STARTS && v[2] < STORIES;
}

static void run_one(void)
{
    unsigned failures_before = tally.failures;
    unsigned long fired = tally.fired + tally.seconds_fired;
    clock_t start = clock();
    memset(given_up, 0, sizeof given_up);
    merge_forget();
    here.d[1] = here.d[2] = (struct damage){0};
    stories[here.story].run();
    if (mode != SAMPLE || tally.failures != failures_before) {
        printf("geometry %2u, %-15s %-9s %4u operations, %7lu cuts, %5.1f s%s\n", here.geometry,
               start_names[here.start], stories[here.story].name, here.d[1].operation,
               tally.fired + tally.seconds_fired - fired,
               (double)(clock() - start) / CLOCKS_PER_SEC,
               tally.failures != failures_before ? "  FAILED" : "");
    }
    (void)fflush(stdout);
}

/* The options with a number. */
static const struct {
    const char *name;
    uint32_t *to;
} options[] = {
    {"--seed", &wish.seed},   {"--rate", &wish.rate},     {"--share", &wish.share},
    {"--times", &wish.times}, {"--one-in", &wish.one_in}, {"--at-least", &wish.at_least},
    {"--bit", &wish.bit},     {"--point", &wish.point},   {"--geometry", &wish.geometry},
    {"--start", &wish.start}, {"--story", &wish.story},   {"--only", &wish.counter},
};

static bool option(const char *name, const char *value)
{
    if (strcmp(name, "--part") == 0) {
        const char *parts = strchr(value, '/');
        wish.part = number(value);
        wish.parts = parts != NULL ? number(parts + 1) : 0;
        return wish.parts != 0;
    }
    for (unsigned i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(name, options[i].name) == 0) {
            *options[i].to = number(value);
            return true;
        }
    }
    return false;
}

int main(int argc, char *argv[])
{
    static const char *const modes[] = {"sample",  "singles",  "pairs", "markers",
                                        "repeats", "counters", "flips", "replay"};
    unsigned config = 0;
    const char *id = NULL;
    for (mode = SAMPLE; mode <= REPLAY && (argc < 2 || strcmp(argv[1], modes[mode]) != 0); mode++) {
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--stop") == 0) {
            wish.stop_at_first = true;
        } else if (strcmp(argv[i], "--count") == 0) {
            wish.count_only = true;
        } else if (mode == REPLAY && i == 2) {
            id = argv[2];
        } else if (i + 1 >= argc || !option(argv[i], argv[i + 1])) {
            mode = REPLAY + 1;
        } else {
            i++;
        }
    }
    if (mode > REPLAY || (mode == REPLAY && (id == NULL || !read_id(id)))) {
        printf("see the head of powercut.c\n");
        return 2;
    }
    clock_t began = clock();
    make_geometries();
    here.flip = -1;
    world_at_abort = at_abort;
    printf("seed %u\n", (unsigned)wish.seed);
    canary();
    if (mode == REPLAY) {
        run_one();
    } else {
        bool whole = mode == REPEATS || mode == COUNTERS || mode == FLIPS;
        wish.times = wish.times != 0 ? wish.times : mode == COUNTERS ? 70000 : 300;
        for (unsigned g = 0; g < GEOMETRIES; g++) {
            for (unsigned s = 0; s < STARTS; s++) {
                for (unsigned t = 0; t < (mode == FLIPS ? 2u : whole ? 3u : STORIES); t++) {
                    /* Of repeats and counters one start and one protocol unless more are wanted. */
                    if ((wish.geometry != ANY && g != wish.geometry) ||
                        (wish.start != ANY ? s != wish.start : whole && s != 0) ||
                        (wish.story != ANY ? t != wish.story : whole && mode != FLIPS && t != 0) ||
                        (config++ * 2654435761u >> 16) % wish.parts != wish.part) {
                        continue;
                    }
                    here.geometry = g;
                    here.start = s;
                    here.story = t;
                    if (mode == REPEATS) {
                        repeats();
                    } else if (mode == COUNTERS) {
                        count_up();
                    } else if (mode == FLIPS) {
                        flip_all();
                    } else {
                        run_one();
                    }
                }
            }
        }
    }
    printf("first cuts: %lu planned, %lu fired; in the recovery: %lu planned, %lu fired; %.1f s\n",
           tally.planned, tally.fired, tally.seconds_planned, tally.seconds_fired,
           (double)(clock() - began) / CLOCKS_PER_SEC);
    if (mode == FLIPS) {
        flips_print();
    } else if (mode < REPEATS) {
        printf("before %lu, after %lu, prefix %lu, all but the last byte %lu, random bits %lu, "
               "disturbed %lu; within a unit %lu, of an erase %lu, unstable %lu, of a marker %lu; "
               "next renewal run too %lu; flash without a bank about to be erased mounted %lu; "
               "banks erased from a cut to the renewal's end %u at most\n",
               tally.kinds[0], tally.kinds[1], tally.kinds[2], tally.kinds[3], tally.kinds[4],
               tally.kinds[5], tally.units, tally.erases, tally.unstable, tally.markers,
               tally.next_renewals, tally.probes, (unsigned)tally.most_banks);
    }
    if (merges() && !wish.count_only) {
        printf("of %lu lives after a cut %lu were another's from the start, and of %lu the rest; "
               "so %lu "
               "cuts are the same as some that fired\n",
               tally.lives, tally.at_once, tally.merged, tally.same);
    }
    unsigned failed = tally.failures;
    if (tally.planned + tally.seconds_planned != tally.fired + tally.seconds_fired + tally.same) {
        printf("FAIL: a planned cut did not fire\n");
        failed++;
    }
    if (tally.fired + tally.seconds_fired + tally.same < wish.at_least) {
        printf("FAIL: fewer cuts than there must be\n");
        failed++;
    }
    printf("%lu cuts planned, %lu fired, %lu %s, %u failures\n",
           tally.planned + tally.seconds_planned, tally.fired + tally.seconds_fired, tally.same,
           wish.count_only ? "not run" : "the same", failed);
    return failed != 0;
}
