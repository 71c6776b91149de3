/* renewal_cuts - the power goes at each flash operation of whole renewals of the pair.
 *
 *     renewal_cuts [--seed N] [--second N] [--only STORY:OPERATION:KIND]
 *
 * A story is one life of an appliance (world.h): renewed at once, with a move to the other bank on
 * the way, with a wait for the CA manager, with a rollback, with the end of the old generation. It runs
 * once. Before each flash operation, for each kind of damage, a twin of the world gets that
 * damage instead and loses its RAM; the power comes back and the oracle looks:
 *   - the mount and the start end, and the certificates served are of the generations that the
 *     commit names before the operation, or, while a commit or a rollback is being written, of those
 *     that it is about to name: all roles together
 *   - what is served is byte for byte what the CA issued, with its issuers; each key fits its
 *     certificate, proved by use
 *   - the renewal ends by itself, with the new pair, within the daily attempts; a pair that was
 *     given up does not come back
 *   - after one more reset the same is served and the store is clean
 *   - no rule of the flash was broken, no request was one that the CA finds fault with
 * An erase that is cut AFTER has happened: so no erase may take the last good copy of anything.
 * Some of the recoveries, one operation in --second, are cut a second time.
 * Every 50th cut is judged with wolfSSL alone, without the table of memo.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memo.h"
#include "world.h"

#define DEPTH_MAX 2u
#define LONG_DAYS 20

struct tap {
    struct world *w;
    struct hal_flash flash;
    unsigned depth;
};

static struct world worlds[DEPTH_MAX + 1];
static struct tap taps[DEPTH_MAX + 1];
static uint8_t shadows[DEPTH_MAX + 1][WORLD_FLASH_MAX];

static const char *const kind_names[] = {"before", "after", "prefix", "all-but-last",
                                         "random-bits"};
#define KINDS (sizeof kind_names / sizeof kind_names[0])

static struct {
    const char *story;
    unsigned operation, second;
    unsigned kind, second_kind;
    unsigned unstable; /* 0: no, else which try */
} here;

static unsigned planned, fired, seconds_planned, seconds_fired, failures, real;
static unsigned switched_for; /* operations since a switch began */
static uint32_t seed, first_seed = 1, second_in = 400;
static const char *only_story;
static unsigned only_operation, only_kind;

static uint32_t rnd(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void where(void)
{
    printf("  at %s:%u:%s%s", here.story, here.operation, kind_names[here.kind],
           here.unstable != 0 ? " (unstable)" : "");
    if (here.second != 0) {
        printf(", then operation %u of the recovery:%s", here.second, kind_names[here.second_kind]);
    }
    printf("\n");
}

/* A must of the world itself ends the program; say where before. */
static void at_abort(void)
{
    where();
    (void)fflush(stdout);
}

static void fail(const char *why)
{
    if (failures++ < 5) {
        printf("FAIL: %s\n", why);
        where();
    }
}

/* --- the oracle ------------------------------------------------------------------------------- */

static bool same_generations(const struct ra_commit *a, const struct ra_commit *b)
{
    for (unsigned i = 0; i < RA_PAIR; i++) {
        if (a->slot[i].active != b->slot[i].active) {
            return false;
        }
    }
    return true;
}

/* What a rollback has given up does not count as new. */
static uint32_t given_up[RA_PAIR];

static bool is_new(struct world *w, enum ra_role role)
{
    uint32_t id = world_serves(w, role);
    return id > RA_PAIR && id > given_up[role];
}

/* Both new and nothing under way; meanwhile the CA manager approves whatever waits. */
static bool finished(struct world *w)
{
    bool done = true;
    for (unsigned i = 0; i < RA_PAIR; i++) {
        enum ra_state state = world_state(w, (enum ra_role)i);
        if (state == RA_STATE_PENDING) {
            (void)fake_ca_approve(&w->ca, (enum ra_role)i, world_now(w));
        }
        done = done && (state == RA_STATE_PROBATION || state == RA_STATE_IDLE);
    }
    return done && is_new(w, RA_ROLE_AGENT) && is_new(w, RA_ROLE_ENCRYPTION);
}

static void check(struct world *w, const char *when)
{
    for (unsigned i = 0; i < RA_PAIR; i++) {
        const char *why = world_check(w, (enum ra_role)i);
        if (why != NULL) {
            printf("%s, %s: ", when, ra_role_word((enum ra_role)i));
            fail(why);
        }
    }
}

static void cut_here(unsigned depth, uint32_t at, const void *from, uint32_t size, unsigned kind,
                     unsigned unstable);

/* What a commit or a rollback under way is about to name; NULL: there is none. */
static const struct ra_commit *switching(const struct world *w)
{
    for (unsigned i = 0; i < RA_PAIR; i++) {
        enum ra_state state = world_state(w, (enum ra_role)i);
        if ((state == RA_STATE_COMMIT || state == RA_STATE_ROLLBACK) && w->ra.renewal[i].sub != 0) {
            return &w->ra.next_commit;
        }
    }
    return NULL;
}

static void operate(struct tap *t, uint32_t at, const void *from, uint32_t size)
{
    if (t->depth == 0) {
        here.operation++;
        switched_for = switching(t->w) != NULL ? switched_for + 1 : 0;
        for (unsigned kind = 0; kind < KINDS; kind++) {
            if (only_story != NULL && (only_operation != here.operation || only_kind != kind)) {
                continue;
            }
            cut_here(0, at, from, size, kind, 0);
            /* Cells that read now so, now so: more often where a switch is being written. */
            bool often = switched_for != 0 && switched_for < 12;
            unsigned times = kind == NOR_CUT_BEFORE   ? 0
                             : !often                 ? 1
                             : kind == NOR_CUT_PREFIX ? 40
                                                      : 8;
            for (unsigned unstable = 1; unstable <= times; unstable++) {
                cut_here(0, at, from, size, kind, unstable);
            }
        }
    } else if (second_in != 0) {
        here.second++;
        if (rnd(second_in) == 0) {
            here.second_kind = rnd(KINDS);
            cut_here(1, at, from, size, here.second_kind, rnd(2));
        }
    }
}

static int tap_program(void *dev, uint32_t at, const void *from, uint32_t size)
{
    struct tap *t = dev;
    operate(t, at, from, size);
    return t->flash.program(t->flash.dev, at, from, size);
}

static int tap_erase(void *dev, uint32_t sector)
{
    struct tap *t = dev;
    operate(t, sector, NULL, 0);
    return t->flash.erase(t->flash.dev, sector);
}

static int tap_read(void *dev, uint32_t at, void *to, uint32_t size)
{
    struct tap *t = dev;
    return t->flash.read(t->flash.dev, at, to, size);
}

static int tap_poll(void *dev)
{
    struct tap *t = dev;
    return t->flash.poll(t->flash.dev);
}

static void tap(unsigned depth)
{
    struct tap *t = &taps[depth];
    t->w = &worlds[depth];
    t->depth = depth;
    t->flash = t->w->hal.flash;
    struct hal_flash *f = &t->w->hal.flash;
    f->read = tap_read;
    f->program = tap_program;
    f->erase = tap_erase;
    f->poll = tap_poll;
    f->dev = t;
}

/* A switch that was cut may be seen done at one boot and undone at the next, until the recovery from
 * the cut has ended. */
static struct {
    struct ra_commit now, next;
    bool open;
} last_cut;

static void watch_recovery(struct world *w)
{
    last_cut.open = last_cut.open && !ra_settled(&w->ra);
}

static bool may_serve(const struct world *w, unsigned depth, const struct ra_commit *now,
                      const struct ra_commit *next)
{
    return same_generations(&w->ra.commit, now) ||
           (next != NULL && same_generations(&w->ra.commit, next)) ||
           (depth == 2 && last_cut.open &&
            (same_generations(&w->ra.commit, &last_cut.now) ||
             same_generations(&w->ra.commit, &last_cut.next)));
}

static void recover(unsigned depth, const struct ra_commit *now, const struct ra_commit *next)
{
    struct world *w = &worlds[depth];
    if (depth == 1) {
        last_cut.now = *now;
        last_cut.next = next != NULL ? *next : *now;
        last_cut.open = true;
        w->on_step = watch_recovery;
    }
    world_boot(w);
    if (!may_serve(w, depth, now, next)) {
        fail("another generation is served, or the roles have parted");
    }
    if ((world_serves(w, RA_ROLE_AGENT) > RA_PAIR) !=
        (world_serves(w, RA_ROLE_ENCRYPTION) > RA_PAIR)) {
        fail("one role has switched without the other");
    }
    for (unsigned i = 0; i < RA_PAIR; i++) {
        if (depth == 1) {
            bool rolled_back = w->ra.commit.slot[i].newest > w->ra.commit.slot[i].active;
            given_up[i] = rolled_back ? w->ca.last_id : 0;
        }
        (void)world_serves(w, (enum ra_role)i);
    }
    check(w, "after the cut");
    if (!world_until(w, finished, LONG_DAYS * (int64_t)RA_DAY)) {
        fail("the renewal does not end by itself");
    }
    (void)world_settle(w);
    check(w, "renewed");
    if (w->ca.most_a_day[0] > w->ra.config.attempts_per_day ||
        w->ca.most_a_day[1] > w->ra.config.attempts_per_day) {
        fail("more attempts than the day allows");
    }
    struct ra_commit last = w->ra.commit;
    second_in = depth == 1 ? 0 : second_in; /* what follows is not part of the recovery */
    world_boot(w);
    if (!same_generations(&w->ra.commit, &last)) {
        fail("after one more reset others are served");
    }
    /* A SETTLED marker that the cut left in between can be read once and not the next time: then
     * the store copies once more, which costs an erase and loses nothing. */
    if (ra_store_was_unclean(&w->ra.store) && w->flash.shadow == NULL) {
        fail("unclean after one more reset, though it was settled");
    }
    if (ra_store_damaged(&w->ra.store) != 0) {
        fail("damage reported after one more reset");
    }
    check(w, "after one more reset");
}

/* The twin of world `depth` loses its power at this operation. `size` 0: an erase. */
static void cut_here(unsigned depth, uint32_t at, const void *from, uint32_t size, unsigned kind,
                     unsigned unstable)
{
    const struct world *before = &worlds[depth];
    struct world *w = &worlds[depth + 1];
    const struct ra_commit *next = switching(before);
    uint32_t kept = second_in, kept_given_up[RA_PAIR];
    bool alone = depth == 0 && planned % 50u == 49u;
    memcpy(kept_given_up, given_up, sizeof given_up);
    if (depth == 0) {
        /* Each cut has random numbers of its own, so that it can be had again alone. */
        seed = first_seed * 2654435761u + here.operation * 40503u + kind * 7u + unstable;
        here.kind = kind;
        here.second = 0;
        here.unstable = unstable;
    }
    world_copy(w, before);
    w->flash.shadow = NULL;
    if (unstable != 0) {
        w->flash.shadow = shadows[depth + 1];
        memcpy(w->flash.shadow,
               before->flash.shadow != NULL ? before->flash.shadow : before->memory, w->flash.size);
    }
    w->flash.unstable = unstable != 0;
    w->flash.depth = rnd(256);
    if (unstable > 1 && size != 0) {
        /* In the last unit: nothing but that one is missing. */
        w->flash.depth = 255u - rnd(256u * w->flash.geometry.program_unit / size);
    }
    w->flash.seed = rnd(0xffffff) + 1u;
    w->flash.cut = (enum nor_cut)kind;
    w->flash.cut_at = w->flash.operations + 1u;
    if (size != 0) {
        (void)w->hal.flash.program(w->hal.flash.dev, at, from, size);
    } else {
        (void)w->hal.flash.erase(w->hal.flash.dev, at);
    }
    *(depth == 0 ? &planned : &seconds_planned) += 1;
    *(depth == 0 ? &fired : &seconds_fired) += w->flash.cut_fired;
    if (depth == 0) {
        tap(1);
    } else {
        second_in = 0;
    }
    memo_off = memo_off || alone;
    real += alone;
    /* The commit in RAM is what flash has acknowledged, unless the machine is ahead of it. */
    struct ra_commit now = before->ra.commit;
    static struct ra_commit first, first_next;
    static bool has_next;
    if (depth == 0) {
        first = now;
        has_next = next != NULL;
        if (has_next) {
            first_next = *next;
        }
    } else if (!ra_started(&before->ra)) { /* nothing is served yet: as at the first cut */
        now = first;
        next = has_next ? &first_next : NULL;
    }
    recover(depth + 1, &now, next);
    second_in = kept;
    memcpy(given_up, kept_given_up, sizeof given_up);
    if (depth == 0) {
        memo_off = false;
    }
}

/* --- the stories ------------------------------------------------------------------------------- */

static struct world *const golden = &worlds[0];

static void prepare(const struct hal_flash *geometry, uint32_t room)
{
    static const struct world_enrolment pair = {.key = {"agent.key", "encryption.key"},
                                                .days_left = {30, 30}};
    struct ra_store_info info;
    world_init(golden, geometry);
    golden->ca.round_to = 3600;
    golden->pace_ms = 600000;
    world_provision(golden, &pair);
    /* Let the log grow until the renewal will not find room for all it writes. */
    for (unsigned i = 0; room != 0; i++) {
        ra_store_info(&golden->ra.store, &info);
        if (info.bank_bytes - info.used <= room) {
            break;
        }
        world_set(golden, "host-name", i % 2 != 0 ? "odd-appliance" : "even-appliance");
        (void)world_settle(golden);
    }
    world_boot(golden);
    tap(0);
}

static void finish(void)
{
    if (!world_until(golden, finished, 5 * RA_DAY)) {
        fail("the story itself does not end");
    }
    (void)world_settle(golden);
}

static void story_at_once(void)
{
    prepare(NULL, 0);
    finish();
}

static void story_move(void)
{
    prepare(NULL, 6000);
    finish();
    struct ra_store_info info;
    ra_store_info(&golden->ra.store, &info);
    if (info.erases == 0) {
        fail("the story has no move to another bank");
    }
}

static void story_pending(void)
{
    static const struct hal_flash geometry = {.sector_size = 65536,
                                              .sector_count = 6,
                                              .program_unit = 1,
                                              .program_max = 256,
                                              .erased = 0xff};
    prepare(&geometry, 3000);
    golden->ca.mode[RA_ROLE_ENCRYPTION] = FAKE_CA_PEND;
    (void)world_until_state(golden, RA_ROLE_AGENT, RA_STATE_READY, RA_DAY);
    (void)world_until_state(golden, RA_ROLE_ENCRYPTION, RA_STATE_PENDING, RA_DAY);
    (void)world_run(golden, 2 * RA_HOUR);
    finish();
}

static void story_rollback(void)
{
    static const struct hal_flash geometry = {.sector_size = 16384,
                                              .sector_count = 24,
                                              .program_unit = 8,
                                              .program_max = 512,
                                              .erased = 0x00};
    prepare(&geometry, 12000);
    /* At once: what is over has not been dropped yet. */
    if (!world_until(golden, finished, 5 * RA_DAY)) {
        fail("the story itself does not end");
    }
    ra_report_use(&golden->ra, RA_ROLE_ENCRYPTION, false);
    (void)world_until_state(golden, RA_ROLE_AGENT, RA_STATE_BACKOFF, RA_DAY);
    if (is_new(golden, RA_ROLE_AGENT) || is_new(golden, RA_ROLE_ENCRYPTION)) {
        fail("the story has no rollback");
    }
    (void)world_settle(golden);
}

static void story_retention(void)
{
    static const struct hal_flash geometry = {.sector_size = 4096,
                                              .sector_count = 96,
                                              .program_unit = 256,
                                              .program_max = 256,
                                              .erased = 0xff};
    prepare(&geometry, 0);
    finish();
    (void)world_run(golden, 31 * RA_DAY);
    (void)world_settle(golden);
    if (golden->ra.commit.slot[0].previous != 0) {
        fail("the story does not end the old generation");
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} stories[] = {
    {"at-once", story_at_once},   {"move", story_move},           {"pending", story_pending},
    {"rollback", story_rollback}, {"retention", story_retention},
};

static int usage(void)
{
    printf("usage: renewal_cuts [--seed N] [--second N] [--only STORY:OPERATION:KIND]\n");
    return 2;
}

static bool read_only(char *text)
{
    char *operation = strchr(text, ':');
    char *kind = operation != NULL ? strchr(operation + 1, ':') : NULL;
    if (kind == NULL) {
        return false;
    }
    *operation++ = '\0';
    *kind++ = '\0';
    only_story = text;
    only_operation = (unsigned)strtoul(operation, NULL, 10);
    for (unsigned i = 0; i < KINDS; i++) {
        if (strcmp(kind, kind_names[i]) == 0) {
            only_kind = i;
            return true;
        }
    }
    return false;
}

int main(int argc, char *argv[])
{
    unsigned passed = 0, failed = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0) {
            first_seed = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--second") == 0) {
            second_in = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--only") != 0 || !read_only(argv[i + 1])) {
            return usage();
        }
    }
    world_at_abort = at_abort;
    printf("seed %u\n", (unsigned)first_seed);
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        if (only_story != NULL && strcmp(only_story, stories[i].name) != 0) {
            continue;
        }
        unsigned failures_before = failures, planned_before = planned;
        memset(&here, 0, sizeof here);
        here.story = stories[i].name;
        clock_t start = clock();
        stories[i].run();
        printf("%-10s %5u operations, %5u cuts, %5.1f s%s\n", stories[i].name, here.operation,
               planned - planned_before, (double)(clock() - start) / CLOCKS_PER_SEC,
               failures != failures_before ? "  FAILED" : "");
        (void)fflush(stdout);
        *(failures != failures_before ? &failed : &passed) += 1;
    }
    printf("power cuts in whole renewals: planned %u, fired %u; during recovery: planned %u, fired "
           "%u; "
           "%u of them by wolfSSL alone\n",
           planned, fired, seconds_planned, seconds_fired, real);
    if (planned != fired || seconds_planned != seconds_fired || planned == 0) {
        printf("a planned cut did not fire\n");
        failed++;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0 ? 1 : 0;
}
