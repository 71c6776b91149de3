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
 *   repeats   the same operation of each life, 300 lives, for every operation that a life has
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

#include "merge.h"
#include "ra_console.h"
#include "world.h"
#include "world_vectors.h"

#define DEPTH_MAX 2u
#define PASSWORD "s3cret-Passw0rd!"
#define LONG_DAYS 20
#define WEAR_BANKS 2u
#define WEAK_WAYS 4u    /* in which weak cells are read after a second cut */
#define OUTAGE_MS 60000 /* the power comes back at a multiple of it */

/* --- what is swept ------------------------------------------------------------------------------ */

/* As many banks as this, of as many sectors as hold what an appliance keeps, and sectors behind the
 * last. */
static const struct geometry {
    uint32_t sector_size;
    uint16_t program_unit, program_max;
    uint8_t erased, banks, behind;
} shapes[] = {
    {4096, 16, 256, 0xff, 2, 8},  {4096, 1, 256, 0xff, 2, 8},    {16384, 8, 512, 0x00, 2, 2},
    {65536, 2, 256, 0xff, 2, 0},  {4096, 256, 256, 0xff, 2, 9},  {512, 4, 64, 0xff, 2, 80},
    {131072, 32, 32, 0xff, 2, 0}, {131072, 4, 256, 0x00, 3, 0},  {65536, 8, 256, 0x00, 4, 0},
    {32768, 32, 256, 0xff, 3, 0}, {2048, 256, 512, 0x00, 4, 20}, {8192, 16, 64, 0x00, 2, 4},
};
#define GEOMETRIES (sizeof shapes / sizeof shapes[0])

static struct hal_flash geometries[GEOMETRIES];

static void make_geometries(void)
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

enum start { BLANK, RANDOM, ZEROS, OTHER_PRODUCT, OUR_HEADERS, STARTS };
static const char *const start_names[] = {"blank", "random", "zeros", "other product",
                                          "our own headers"};

static const char *const kind_names[] = {"before",      "after",  "prefix", "all but the last byte",
                                         "random bits", "disturb"};

struct damage {
    unsigned operation, kind, unit, unstable, level;
};

struct tap {
    struct world *w;
    struct hal_flash flash;
    unsigned depth;
    uint32_t erasing;     /* the last sector erased */
    uint64_t transaction; /* under which what follows is written */
    struct {
        uint32_t at, size;
    } written[512]; /* since it began */
    unsigned writes;
    bool settled;    /* all was, once since the cut                   */
    unsigned origin; /* operations until then, of those since the cut */
};

static struct world worlds[DEPTH_MAX + 1];
static struct tap taps[DEPTH_MAX + 1];
static uint8_t shadows[DEPTH_MAX + 1][WORLD_FLASH_MAX];

static struct {
    unsigned geometry, start, story;
    struct damage d[DEPTH_MAX + 2]; /* [1]: in the story, [2]: in the recovery */
    unsigned repeat;                /* how often so far                                */
    unsigned point;                 /* of REPEATS; of COUNTERS the number of the counter */
    long flip;                      /* bit of the flash; 9 a byte, the last is its unit disturbed */
} here;

enum mode { SAMPLE, SINGLES, PAIRS, MARKERS, REPEATS, COUNTERS, FLIPS, REPLAY };
static enum mode mode;

static struct {
    unsigned long planned, fired, seconds_planned, seconds_fired;
    unsigned long kinds[NOR_CUT_KINDS], units, erases, unstable, markers, next_renewals;
    unsigned long moves, probes;
    unsigned long same; /* of the planned: as others that fired */
    unsigned long lives, at_once, merged;
    uint32_t most_banks;
} n;
static unsigned failures, depth_now;
static uint32_t seed, first_seed = 1, rate = 1, share = 100, times, one_in = 1;
static struct damage only[DEPTH_MAX + 1];
static bool only_second, stop_at_first, count_only;
#define ANY UINT32_MAX
static struct {
    uint32_t geometry, start, story, counter, point, bit, at_least, part, parts;
} wish = {ANY, ANY, ANY, ANY, ANY, ANY, 1, 0, 1};
static uint32_t base_id; /* ids of the CA above it are of renewals */

static uint32_t rnd(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

/* Each cut has random numbers of its own, so that it can be had again alone. */
static void seed_from(const struct damage *d, uint32_t more)
{
    uint32_t x =
        first_seed * 2654435761u + here.geometry * 0x10001u + here.start * 257u + here.story;
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
               here.geometry, here.start, here.story, (unsigned)first_seed,
               mode == FLIPS     ? "bit"
               : mode == REPEATS ? "point"
                                 : "only",
               mode == FLIPS ? here.flip : (long)here.point, here.repeat);
        return;
    }
    printf("replay %u:%u:%u", here.geometry, here.start, here.story);
    unsigned cuts = depth_now;
    for (unsigned i = 1; i <= cuts; i++) {
        printf(":%u:%u:%u:%u:%u", here.d[i].operation, here.d[i].kind, here.d[i].unit,
               here.d[i].unstable, here.d[i].level);
    }
    printf(" --seed %u", (unsigned)first_seed);
    for (unsigned i = 1; i <= cuts; i++) {
        printf(" %s%s%s", i > 1 ? "then " : "", kind_names[here.d[i].kind],
               here.d[i].unstable != 0 ? ", unstable" : "");
    }
    printf("\n");
}

/* A must of the world itself ends the program; say where before. */
static void at_abort(void)
{
    printf("FAIL: the world ended\n");
    where();
    (void)fflush(stdout);
}

static void fail(const char *why)
{
    if (failures++ < 5) {
        printf("FAIL: %s\n", why);
        where();
        (void)fflush(stdout);
    }
    if (stop_at_first) {
        exit(1);
    }
}

/* --- the oracle ------------------------------------------------------------------------------- */

/* What the life of a story comes to. */
static enum { RENEWAL, FIRST, ERASURE } goal;
static enum ra_role first_role; /* of FIRST */
static struct ra_wish first_wish;

static bool same_generations(const struct ra_commit *a, const struct ra_commit *b)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (a->slot[i].active != b->slot[i].active) {
            return false;
        }
    }
    return true;
}

/* What a rollback has given up does not count as new. */
static uint32_t given_up[RA_ROLES];

static bool is_new(struct world *w, enum ra_role role)
{
    uint32_t id = world_serves(w, role);
    return id > base_id && id > given_up[role];
}

/* The operator carries a request to the CA manager, and back what that one issues. */
static void carry(struct world *w, enum ra_role role)
{
    static char text[16384];
    static uint8_t p7b[4096];
    size_t size = 0;
    if (w->ra.worker >= 0 ||
        ra_request_text(&w->ra, role, false, 0, text, sizeof text - 1, &size) != RA_OK) {
        return; /* when the other role is done, or the text is there */
    }
    text[size] = '\0';
    uint32_t id = fake_ca_take(&w->ca, world_now(w), text, size);
    const struct fake_ca_request *r = fake_ca_request(&w->ca, id);
    ra_err e = r != NULL ? ra_accept(&w->ra, role, p7b, fake_ca_chain(&w->ca, r, p7b, sizeof p7b))
                         : RA_E_NO_REQUEST;
    if (e != RA_OK && e != RA_E_BUSY) {
        fail("the CA manager refuses the request, or the machine what he issued");
    }
}

/* Nothing is served any more, nor being erased; until it begins, the operator asks for it. */
static bool erased(struct world *w)
{
    if (w->ra.commit.slot[0].active != 0) {
        (void)ra_erase_credentials(&w->ra);
        return false;
    }
    return world_erased(w);
}

/* The operator asks for a first certificate until the request is in flash: once is enough then. */
static void ask_first(struct world *w)
{
    if (world_state(w, first_role) == RA_STATE_EMPTY && !w->ra.renewal[first_role].asked) {
        if (w->ca.keys[first_role] != 0) {
            fail("a request that was sent is forgotten");
        }
        (void)ra_enroll_new(&w->ra, first_role, &first_wish);
    }
}

static struct {
    struct ra_commit now, next;
    bool open, has_next;
} cut_of[DEPTH_MAX + 1];

/* Where lives become one (merge.h). */
static struct {
    bool awaited, merged, again;
    uint32_t erases;
} ends[DEPTH_MAX + 1];

static bool merges(void)
{
    return mode == SINGLES || mode == PAIRS || mode == MARKERS;
}

static struct merge_count counted(void)
{
    return (struct merge_count){n.seconds_planned, failures};
}

/* Whether the rest is known. */
static bool as_before(struct world *w, enum merge_point point, bool done)
{
    unsigned depth = (unsigned)(w - worlds);
    struct {
        struct ra_commit now[DEPTH_MAX], next[DEPTH_MAX];
        uint32_t given_up[RA_ROLES], base_id, erases, again, goal, done;
        uint32_t open[DEPTH_MAX], has_next[DEPTH_MAX];
    } expected;
    memset(&expected, 0, sizeof expected);
    memcpy(expected.given_up, given_up, sizeof given_up);
    expected.base_id = base_id;
    expected.erases = w->flash.erases - ends[depth].erases;
    expected.again = ends[depth].again;
    expected.goal = goal;
    expected.done = done;
    for (unsigned i = 0; i < depth; i++) {
        expected.open[i] = cut_of[i + 1].open;
        if (cut_of[i + 1].open) {
            expected.now[i] = cut_of[i + 1].now;
            expected.has_next[i] = cut_of[i + 1].has_next;
            expected.next[i] = cut_of[i + 1].next;
        }
    }
    unsigned long cuts = 0;
    struct merge_count now = counted();
    if (!merges() || !merge_begin(depth, point, w, &expected, sizeof expected, &now, &cuts)) {
        return false;
    }
    n.same += cuts;
    n.seconds_planned += cuts;
    return true;
}

/* Looked at when all is settled for the first time after a cut. */
static bool settled_as_before(struct world *w, bool done)
{
    unsigned depth = (unsigned)(w - worlds);
    if (ends[depth].awaited && ra_settled(&w->ra)) {
        ends[depth].awaited = false;
        taps[depth].settled = true;
        taps[depth].origin = here.d[depth + 1].operation;
        taps[depth].erasing = 0;
        taps[depth].transaction = 0;
        taps[depth].writes = 0;
        cut_of[DEPTH_MAX].open = false; /* asked for at its start only */
        ends[depth].merged = as_before(w, MERGE_SETTLED, done);
        n.merged += ends[depth].merged;
    }
    return ends[depth].merged;
}

/* Both new and nothing under way; meanwhile the CA manager approves whatever waits. */
static bool finished(struct world *w)
{
    bool done = true;
    if (settled_as_before(w, false)) {
        return true;
    }
    if (goal == ERASURE) {
        return erased(w);
    }
    if (goal == FIRST) {
        ask_first(w);
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (goal == FIRST ? i != first_role : i >= RA_PAIR) {
            continue;
        }
        enum ra_state state = world_state(w, (enum ra_role)i);
        if (state == RA_STATE_PENDING) {
            (void)fake_ca_approve(&w->ca, (enum ra_role)i, world_now(w));
        } else if (state == RA_STATE_OFFLINE) {
            carry(w, (enum ra_role)i);
        }
        done = done && (state == RA_STATE_PROBATION || state == RA_STATE_IDLE) &&
               is_new(w, (enum ra_role)i);
    }
    return done;
}

static void check(struct world *w, const char *when)
{
    char text[160];
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (w->ra.commit.slot[i].active == 0 && (i >= RA_PAIR || goal != RENEWAL)) {
            continue; /* never had one */
        }
        const char *why = world_check(w, (enum ra_role)i);
        if (why != NULL) {
            (void)snprintf(text, sizeof text, "%s, %s: %s", when, ra_role_word((enum ra_role)i),
                           why);
            fail(text);
        }
    }
}

/* What a commit, a rollback or an import under way is about to name; NULL: there is none. */
static const struct ra_commit *switching(const struct world *w)
{
    static struct ra_commit imported;
    if (w->ra.provision_sub == 4) {
        imported = w->ra.commit;
        imported.slot[w->ra.provision_role].active = w->ra.provision_generation;
        return &imported;
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        enum ra_state state = world_state(w, (enum ra_role)i);
        if ((state == RA_STATE_COMMIT || state == RA_STATE_ROLLBACK) && w->ra.renewal[i].sub != 0) {
            return &w->ra.next_commit;
        }
    }
    return NULL;
}

static uint32_t bank_sectors(const struct world *w)
{
    return w->ra.store.bank_sectors;
}

static uint32_t banks_of(const struct world *w)
{
    return (w->flash.geometry.sector_count + bank_sectors(w) - 1u) / bank_sectors(w);
}

/* A switch that was cut may be seen done at one boot and undone at the next, until the recovery
 * from the cut has ended. */
static void watch_recovery(struct world *w)
{
    cut_of[1].open = cut_of[1].open && !ra_settled(&w->ra);
}

static bool may_serve(const struct world *w, unsigned depth)
{
    for (unsigned i = 1; i <= depth; i++) {
        if ((i == depth || cut_of[i].open) &&
            (same_generations(&w->ra.commit, &cut_of[i].now) ||
             (cut_of[i].has_next && same_generations(&w->ra.commit, &cut_of[i].next)))) {
            return true;
        }
    }
    return false;
}

static void look(struct world *w, const char *when)
{
    if (goal != FIRST && (world_serves(w, RA_ROLE_AGENT) > base_id) !=
                             (world_serves(w, RA_ROLE_ENCRYPTION) > base_id)) {
        fail("one role has switched without the other");
    }
    if (goal == FIRST && w->ca.keys[first_role] > 1) {
        fail("the key of a request that was sent is lost");
    }
    check(w, when);
    const char *why = world_clean(w);
    if (why != NULL) {
        fail(why);
    }
}

/* Every eight bytes of what is secret, as it lies in flash before an erasing: of a sealed record the
 * whole. */
static struct {
    uint64_t piece[2048];
    unsigned pieces;
    uint8_t head[65536 / 8]; /* a bit for each that a piece begins with */
} secrets;

/* What stands in other keys, or in the trust anchor, that stays, is no secret: the name of a curve. */
static bool of_others(const uint8_t *p)
{
    static const char *const others[] = {"root.cert", "agent_new1.key", "encryption_new1.key"};
    for (unsigned k = 0; k < sizeof others / sizeof others[0]; k++) {
        const struct world_blob *blob = world_blob(others[k]);
        for (size_t i = 0; i + 8 <= blob->size; i++) {
            if (memcmp(blob->p + i, p, 8) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void remember(const uint8_t *p, uint32_t size)
{
    for (; size >= 8 && secrets.pieces < sizeof secrets.piece / 8; size -= 8, p += 8) {
        uint16_t head = (uint16_t)(p[0] | p[1] << 8);
        if (of_others(p)) {
            continue;
        }
        memcpy(&secrets.piece[secrets.pieces++], p, 8);
        secrets.head[head / 8] |= (uint8_t)(1u << head % 8);
    }
}

static void remember_secrets(const struct world *w)
{
    memset(&secrets, 0, sizeof secrets);
    for (uint32_t i = 0; i < w->ra.store.entries; i++) {
        const struct ra_store_entry_ *e = &w->ra.store.entry[i];
        if (e->type == RA_RECORD_KEY || (e->type == RA_RECORD_CONFIG && !w->no_device_key)) {
            remember(w->memory + e->at + 20, e->size);
        }
    }
    if (w->no_device_key) {
        remember((const uint8_t *)PASSWORD, sizeof PASSWORD - 1);
    }
}

static bool secret_left(const struct world *w)
{
    const uint32_t step = 512;
    merge_read((unsigned)(w - worlds), w, 0, w->flash.size);
    for (uint32_t at = 0; at < w->flash.size; at += step) {
        const uint8_t *p = w->memory + at;
        if (p[0] == w->flash.geometry.erased && memcmp(p, p + 1, step - 1) == 0) {
            continue;
        }
        for (uint32_t i = at < 8 ? 0 : at - 7; i < at + step && i + 8 <= w->flash.size; i++) {
            const uint8_t *q = w->memory + i;
            uint16_t head = (uint16_t)(q[0] | q[1] << 8);
            for (unsigned k = 0;
                 (secrets.head[head / 8] & 1u << head % 8) != 0 && k < secrets.pieces; k++) {
                if (memcmp(&secrets.piece[k], q, 8) == 0) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* Two years later: the next one. */
static void renew_again(struct world *w)
{
    uint32_t until = w->ca.last_id;
    enum ra_role role = goal == FIRST ? first_role : RA_ROLE_AGENT;
    n.next_renewals++;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        given_up[i] = until;
    }
    world_advance(w,
                  w->ra.commit.slot[role].active_not_after - 30 * (int64_t)RA_DAY - world_now(w));
    world_boot(w);
    if (!world_until(w, finished, 60 * (int64_t)RA_DAY)) {
        fail("the next renewal does not end by itself");
    }
    check(w, "renewed again");
}

/* `erases`: so many there were when the power came back. */
static void finish_life(struct world *w, uint32_t erases, bool again)
{
    if (!world_until(w, finished, LONG_DAYS * (int64_t)RA_DAY)) {
        fail("the renewal does not end by itself");
        return;
    }
    if (ends[w - worlds].merged) {
        return;
    }
    (void)world_settle(w);
    if (settled_as_before(w, true)) {
        return;
    }
    look(w, "renewed");
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (w->ca.most_a_day[i] > w->ra.config.attempts_per_day) {
            fail("more attempts than the day allows");
        }
    }
    if (goal == ERASURE && secret_left(w)) {
        fail("a piece of a secret is left in flash");
    }
    if (goal == ERASURE && !ra_store_find(&w->ra.store, RA_RECORD_ANCHOR, 0)) {
        fail("the trust anchor is erased too");
    }
    uint32_t banks = (w->flash.erases - erases + bank_sectors(w) - 1u) / bank_sectors(w);
    uint32_t most = goal == ERASURE ? 2 * banks_of(w) + WEAR_BANKS : WEAR_BANKS;
    if (goal != ERASURE) {
        n.most_banks = banks > n.most_banks ? banks : n.most_banks;
    }
    if (banks > most) {
        fail("more wear than stated");
    }
    w->flash.context = NULL; /* what follows is not part of the recovery */
    w->on_step = NULL;
    struct ra_commit last = w->ra.commit;
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
    look(w, "after one more reset");
    if (again && goal != ERASURE) {
        renew_again(w);
    }
}

/* False: the whole is known. */
static bool recover(unsigned depth, bool again)
{
    struct world *w = &worlds[depth];
    w->true_ms = (w->true_ms / OUTAGE_MS + 1) * OUTAGE_MS;
    w->on_step = depth == 1 ? watch_recovery : NULL;
    cut_of[depth].open = true;
    ends[depth].awaited = true;
    ends[depth].merged = false;
    ends[depth].again = again;
    ends[depth].erases = w->flash.erases;
    n.lives++;
    if (mode == PAIRS && as_before(w, MERGE_POWER_ON, false)) {
        n.at_once++;
        return false;
    }
    world_boot(w);
    if (!may_serve(w, depth)) {
        fail("another generation is served, or the roles have parted");
    }
    for (unsigned i = 0; i < RA_ROLES && depth == 1; i++) {
        bool rolled_back = w->ra.commit.slot[i].newest > w->ra.commit.slot[i].active;
        given_up[i] = rolled_back ? w->ca.last_id : 0;
    }
    look(w, "after the cut");
    finish_life(w, ends[depth].erases, again);
    ends[depth].awaited = false;
    ends[depth].merged = false;
    struct merge_count now = counted();
    if (!merge_end(depth, w, &now)) {
        fail("what was to go on as another life did has not");
    }
    return true;
}

/* --- one cut ------------------------------------------------------------------------------------ */

static struct ra_commit before_erasing;

/* Whether flash says that the erasing has begun: it is beyond its first part (ra_erase.c). */
static bool erase_marked(const struct world *w)
{
    return w->ra.erase > 1;
}

/* What decides which bank and which pair counts: of the commit its payload too. */
static bool is_marker(const struct world *w, const uint8_t *from, uint32_t size)
{
    const struct ra_store *s = &w->ra.store;
    bool commit = ra_store_result(s) == RA_AGAIN && s->put.type == RA_RECORD_COMMIT &&
                  from >= s->buffer && from < s->buffer + sizeof s->buffer;
    return size != 0 &&
           (commit || (size >= 4 && ((from[0] == 0x61 && from[1] == 0x52 && from[2] > 0xf0) ||
                                     memcmp(from, "BNK1", 4) == 0)));
}

/* What is in flash and nothing relies on yet: of the record being put, of the bank being made. */
static void note_write(struct tap *t, uint32_t at, uint32_t size)
{
    const struct ra_store *s = &t->w->ra.store;
    bool copying = s->target.seq > s->active.seq;
    bool putting = !copying && ra_store_result(s) == RA_AGAIN;
    uint64_t now = putting   ? (uint64_t)1 << 32 | s->put.seq
                   : copying ? (uint64_t)2 << 32 | s->target.seq
                             : 0;
    if (now != t->transaction) {
        t->transaction = now;
        t->writes = 0;
    }
    if (now != 0 && size != 0 && t->writes < sizeof t->written / sizeof t->written[0]) {
        t->written[t->writes].at = at;
        t->written[t->writes++].size = size;
    }
}

static void tap(unsigned depth);

/* The twin of world `depth` loses its power at this operation. `size` 0: an erase. */
static void damage(unsigned depth, uint32_t at, const void *from, uint32_t size)
{
    const struct world *before = &worlds[depth];
    struct world *w = &worlds[depth + 1];
    const struct damage *d = &here.d[depth + 1];
    const struct tap *t = &taps[depth];
    static const uint8_t levels[] = {40, 128, 216};
    world_copy(w, before);
    w->flash.shadow = NULL;
    if (d->unstable != 0) {
        w->flash.shadow = shadows[depth + 1];
        memcpy(w->flash.shadow,
               before->flash.shadow != NULL ? before->flash.shadow : before->memory, w->flash.size);
    }
    w->flash.unstable = d->unstable != 0;
    w->flash.depth = size == 0 ? levels[d->level % 3u] + rnd(32) : rnd(256);
    w->flash.seed = rnd(0xffffff) + 1u;
    w->flash.cut = (enum nor_cut)d->kind;
    w->flash.cut_unit = d->unit;
    w->flash.cut_at = w->flash.operations + 1u;
    if (d->kind == NOR_CUT_DISTURB) {
        uint32_t own = d->unit > 1 ? (d->unit - 1u) * w->flash.geometry.program_unit : 0;
        unsigned i = t->writes != 0 ? rnd(t->writes + (own != 0)) : 0;
        if (i < t->writes) {
            w->flash.disturb_at = t->written[i].at + rnd(t->written[i].size);
        } else if (own != 0) {
            w->flash.disturb_at = at + rnd(own);
        }
    }
    merge_cut(depth + 1, before, w);
    merge_change(depth + 1, w->flash.disturb_at, 1);
    if (size != 0) {
        merge_change(depth + 1, at, size);
        (void)w->hal.flash.program(w->hal.flash.dev, at, from, size);
    } else {
        merge_change(depth + 1, at * w->flash.geometry.sector_size, w->flash.geometry.sector_size);
        (void)w->hal.flash.erase(w->hal.flash.dev, at);
    }
    if (depth != 0) { /* weak cells answer in one of a few ways */
        const struct damage none = {0};
        seed_from(&none, 500u + rnd(WEAK_WAYS));
        w->flash.seed = rnd(0xffffff) + 1u;
    }
}

/* Of a second cut they are the same whatever the first was, once all is settled. */
static void seed_of(unsigned depth, const struct damage *d, uint32_t more)
{
    struct damage since = *d;
    since.operation -= taps[depth].origin;
    seed_from(&since, more + (taps[depth].settled ? 1000u : 0));
}

static void cut_here(unsigned depth, uint32_t at, const void *from, uint32_t size)
{
    const struct world *before = &worlds[depth];
    struct world *w = &worlds[depth + 1];
    struct damage *d = &here.d[depth + 1];
    const struct ra_commit *next = switching(before);
    uint32_t kept_given_up[RA_ROLES];
    uint32_t kept_seed = seed;
    memcpy(kept_given_up, given_up, sizeof given_up);
    *(depth == 0 ? &n.planned : &n.seconds_planned) += 1;
    if (count_only && (depth != 0 || mode == SINGLES)) {
        n.same++;
        return;
    }
    seed_of(depth, d, depth);
    damage(depth, at, from, size);
    bool fired = w->flash.cut_fired;
    n.kinds[d->kind]++;
    n.units += d->unit != 0;
    n.erases += size == 0;
    n.unstable += d->unstable != 0;
    n.markers += is_marker(before, from, size);
    /* The commit in RAM is what flash has acknowledged, unless the machine is ahead of it. */
    if (depth != 0 && !ra_started(&before->ra)) { /* nothing is served yet: as at the first cut */
        cut_of[depth + 1] = cut_of[depth];
    } else if (goal == ERASURE && ra_erasing(&before->ra) && !erase_marked(before)) {
        cut_of[depth + 1].now = before_erasing;
        cut_of[depth + 1].has_next = true;
        cut_of[depth + 1].next = before->ra.commit;
    } else {
        cut_of[depth + 1].now = before->ra.commit;
        cut_of[depth + 1].has_next = next != NULL;
        if (next != NULL) {
            cut_of[depth + 1].next = *next;
        }
    }
    bool again = rnd(8) == 0;
    tap(depth + 1);
    depth_now = depth + 1;
    bool run = recover(depth + 1, again && depth == 0);
    *(depth == 0 ? &n.fired : &n.seconds_fired) += fired && run;
    n.same += fired && !run;
    depth_now = depth;
    memcpy(given_up, kept_given_up, sizeof given_up);
    here.d[depth + 1] = (struct damage){.operation = d->operation};
    seed = kept_seed;
}

static void try_one(unsigned depth, struct damage d, uint32_t at, const void *from, uint32_t size)
{
    d.operation = here.d[depth + 1].operation;
    here.d[depth + 1] = d;
    cut_here(depth, at, from, size);
}

/* Whether something was written before that unit which nothing relies on yet. */
static bool may_disturb(unsigned depth, unsigned unit)
{
    return taps[depth].writes != 0 || (taps[depth].transaction != 0 && unit > 1);
}

static void any(unsigned depth, uint32_t at, const void *from, uint32_t size)
{
    uint32_t units = size / worlds[depth].flash.geometry.program_unit;
    struct damage d = {.kind = rnd(NOR_CUT_KINDS), .unstable = rnd(2), .level = rnd(3)};
    if (units > 1 && d.kind != NOR_CUT_BEFORE && rnd(3) != 0) {
        d.unit = 1u + rnd(units);
    }
    if (d.kind == NOR_CUT_DISTURB && (size == 0 || !may_disturb(depth, d.unit))) {
        d.kind = NOR_CUT_RANDOM_BITS;
    }
    d.unstable = d.kind == NOR_CUT_BEFORE ? 0 : d.unstable;
    try_one(depth, d, at, from, size);
}

static void all(unsigned depth, uint32_t at, const void *from, uint32_t size)
{
    bool of_a_byte = worlds[depth].flash.geometry.program_unit == 1;
    uint32_t units = size / worlds[depth].flash.geometry.program_unit;
    for (unsigned unit = 0; unit <= (units > 1 ? units : 0); unit++) {
        for (unsigned kind = unit != 0; kind < NOR_CUT_KINDS; kind++) {
            bool deep = size == 0 && (kind == NOR_CUT_PREFIX || kind == NOR_CUT_RANDOM_BITS);
            if (kind == NOR_CUT_DISTURB && (size == 0 || !may_disturb(depth, unit))) {
                continue;
            }
            if (unit != 0 && of_a_byte &&
                (kind == NOR_CUT_PREFIX || kind == NOR_CUT_ALL_BUT_LAST)) {
                continue; /* the same as before it: test_nor_model.c */
            }
            for (unsigned i = 0; i < (kind == NOR_CUT_BEFORE ? 1u : 2u); i++) {
                for (unsigned level = 0; level < (deep ? 3u : 1u); level++) {
                    try_one(depth, (struct damage){0, kind, unit, i, level}, at, from, size);
                }
            }
        }
    }
}

/* Of a marker: each unit torn, complete, and in between. */
static void all_units(unsigned depth, uint32_t at, const void *from, uint32_t size)
{
    static const uint8_t kinds[] = {NOR_CUT_AFTER, NOR_CUT_PREFIX, NOR_CUT_RANDOM_BITS};
    uint32_t units = size / worlds[depth].flash.geometry.program_unit;
    for (unsigned unit = 1; unit <= units; unit++) {
        for (unsigned k = 0; k < sizeof kinds; k++) {
            unsigned kind = kinds[k];
            if (kind == NOR_CUT_PREFIX && worlds[depth].flash.geometry.program_unit == 1) {
                continue; /* nothing of one byte */
            }
            try_one(depth, (struct damage){0, kind, unit, rnd(4) == 0, 0}, at, from, size);
        }
    }
}

static void operate(struct tap *t, uint32_t at, const void *from, uint32_t size)
{
    unsigned depth = t->depth;
    note_write(t, at, 0);
    here.d[depth + 1].operation++;
    if (mode == REPLAY && depth != 0 && depth == depth_now) {
        const struct ra_store *s = &t->w->ra.store;
        printf("    %4u: %s at %u, %u bytes; active bank at %u, seq %u; damaged %u%s\n",
               here.d[depth + 1].operation, size == 0 ? "erase" : "program",
               (unsigned)(size == 0 ? at * t->w->flash.geometry.sector_size : at), (unsigned)size,
               (unsigned)s->active.base, (unsigned)s->active.seq, (unsigned)s->info.damaged,
               is_marker(t->w, from, size) ? ", a marker" : "");
    }
    if (depth >= DEPTH_MAX || (mode != REPLAY && depth == 1 && t->w->flash.context == NULL)) {
        return;
    }
    bool marker = is_marker(t->w, from, size);
    struct damage kept = here.d[depth + 1];
    if (merges() && depth != 0) {
        seed_of(depth, &kept, 78u);
    }
    switch (mode) {
    case SAMPLE:
        if (depth == 0) {
            seed_from(&kept, 76u);
            for (uint32_t i = 0; i < rate && rnd(100) < share; i++) {
                seed_from(&kept, 77u + i);
                any(depth, at, from, size);
            }
        } else if (rnd(600) == 0) {
            any(depth, at, from, size);
        }
        break;
    case SINGLES:
        if (depth == 0) {
            all(depth, at, from, size);
        }
        break;
    case PAIRS:
        if (depth == 0 || one_in == 1 || rnd(one_in) == 0) {
            any(depth, at, from, size);
        }
        break;
    case MARKERS:
        if (marker && (depth == 0 || one_in == 1 || rnd(one_in) == 0)) {
            all_units(depth, at, from, size);
        }
        break;
    case REPLAY:
        if (here.d[depth + 1].operation == only[depth + 1].operation &&
            (depth == 0 || only_second)) {
            try_one(depth, only[depth + 1], at, from, size);
        }
        break;
    default:
        break;
    }
    here.d[depth + 1] = (struct damage){.operation = kept.operation};
}

static int tap_program(void *dev, uint32_t at, const void *from, uint32_t size)
{
    struct tap *t = dev;
    merge_read(t->depth, t->w, at, size);
    operate(t, at, from, size);
    merge_change(t->depth, at, size);
    note_write(t, at, size);
    return t->flash.program(t->flash.dev, at, from, size);
}

/* The flash as it will be when the sectors from `from` up to `to` are erased. */
static struct {
    const struct world *w;
    uint32_t from, to;
} hole;

static int hole_read(void *dev, uint32_t at, void *to, uint32_t size)
{
    uint8_t *out = to;
    (void)dev;
    merge_read((unsigned)(hole.w - worlds), hole.w, at, size);
    memcpy(out, hole.w->memory + at, size);
    uint32_t from = hole.from > at ? hole.from : at;
    uint32_t end = hole.to < at + size ? hole.to : at + size;
    if (from < end) {
        memset(out + (from - at), hole.w->flash.geometry.erased, end - from);
    }
    return HAL_FLASH_DONE;
}

static ra_err probe_get(struct ra_store *s, enum ra_record type, uint16_t id)
{
    static uint8_t record[RA_RECORD_MAX];
    size_t size = 0;
    return ra_store_get(s, (uint8_t)type, id, record, sizeof record, &size);
}

/* Whether a store of its own still finds a whole pair beside the sectors about to be erased. */
static bool pair_elsewhere(struct world *w, uint32_t from, uint32_t to)
{
    static struct ra_store probe;
    static struct ra_commit commit;
    struct hal_flash f = w->hal.flash;
    f.read = hole_read;
    hole.w = w;
    hole.from = from;
    hole.to = to;
    bool serves = false;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        serves = serves || w->ra.commit.slot[i].active != 0;
    }
    if (goal != RENEWAL && !serves) {
        return true;
    }
    ra_err e = ra_store_init(&probe, &f, &w->ra.seal, &w->ra.random);
    while (e == RA_OK && (e = ra_store_mount_step(&probe)) == RA_AGAIN) {
        e = RA_OK;
    }
    e = e == RA_OK ? ra_commit_load(&commit, &probe) : e;
    for (unsigned i = 0; i < RA_ROLES && e == RA_OK; i++) {
        uint16_t id = ra_generation_id((enum ra_role)i, commit.slot[i].active);
        if (w->ra.commit.slot[i].active == 0) {
            continue; /* nothing is served */
        }
        e = probe_get(&probe, RA_RECORD_KEY, id);
        e = e == RA_OK ? probe_get(&probe, RA_RECORD_CERT, id) : e;
        e = e == RA_OK ? probe_get(&probe, RA_RECORD_CHAIN, id) : e;
    }
    return e == RA_OK;
}

static int tap_erase(void *dev, uint32_t sector)
{
    struct tap *t = dev;
    const struct ra_store *s = &t->w->ra.store;
    uint32_t size = t->w->flash.geometry.sector_size;
    uint32_t at = sector * size;
    if (s->active.size != 0 && at >= s->active.base && at < s->active.base + s->active.size) {
        fail("an erase in the active bank");
    }
    /* All that one move will erase; cells that read now so, now so are not what is asked here. */
    if (t->erasing != sector + 1u && t->w->flash.shadow == NULL &&
        (mode == REPLAY || mode == PAIRS || (merges() && t->settled) || n.moves++ % 4u == 0)) {
        n.probes++;
        if (!pair_elsewhere(t->w, s->sector_end * size, at + size)) {
            fail("an erase takes the last good copy");
        }
    }
    t->erasing = sector;
    operate(t, sector, NULL, 0);
    merge_erase(t->depth, sector, t->w->flash.geometry.sector_size);
    return t->flash.erase(t->flash.dev, sector);
}

static int tap_read(void *dev, uint32_t at, void *to, uint32_t size)
{
    struct tap *t = dev;
    merge_read(t->depth, t->w, at, size);
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
    t->erasing = 0;
    t->transaction = 0;
    t->writes = 0;
    t->settled = false;
    t->origin = 0;
    t->flash = t->w->hal.flash;
    struct hal_flash *f = &t->w->hal.flash;
    f->read = tap_read;
    f->program = tap_program;
    f->erase = tap_erase;
    f->poll = tap_poll;
    f->dev = t;
    t->w->flash.context = t;
    if (depth < DEPTH_MAX) {
        here.d[depth + 1] = (struct damage){0};
    }
}

/* --- the flash before ----------------------------------------------------------------------------- */

static struct world *const golden = &worlds[0];

#define FIRST_SETTINGS                                                                             \
    {"subject", "CN=ra7,O=World"},                                                                 \
    {                                                                                              \
        "encryption-key", "rsa2048"                                                                \
    }
static const struct world_enrolment pair = {.key = {"agent.key", "encryption.key"},
                                            .days_left = {30, 30}};
static const struct world_enrolment pair_scep = {
    .key = {"encryption_new1.key", "encryption.key"},
    .days_left = {30, 30},
    .settings = {{"protocol", "scep"}, {"ca-url", FAKE_SCEP_URL}}};
static const struct world_enrolment pair_est = {
    .key = {"agent.key", "encryption.key"},
    .days_left = {30, 30},
    .settings = {{"protocol", "est"}, {"ca-url", FAKE_EST_URL}}};
static const struct world_enrolment pair_to_erase = {.key = {"agent.key", "encryption.key"},
                                                     .days_left = {400, 400},
                                                     .settings = {{"ca-password", PASSWORD}}};
static const struct world_enrolment none_adcs = {.settings = {FIRST_SETTINGS}};
static const struct world_enrolment none_scep = {.settings = {FIRST_SETTINGS,
                                                              {"protocol", "scep"},
                                                              {"ca-url", FAKE_SCEP_URL},
                                                              {"scep-challenge", PASSWORD}}};
static const struct world_enrolment *enrolled = &pair;

static void provision(void)
{
    world_provision(golden, enrolled);
    golden->ca.est.next_root = true; /* a trust anchor more is written on the way */
}

/* Headers of a store like ours, its banks in another order, and copies of them all over. Its keys are
 * others: some stay where this store has no bank. */
static void put_headers(uint8_t *m, uint32_t size, uint32_t unit, uint32_t sector)
{
    static const struct world_enrolment former = {.key = {"agent_new1.key", "encryption_new1.key"},
                                                  .days_left = {30, 30}};
    const struct world_enrolment *now = enrolled;
    enrolled = &former;
    provision();
    enrolled = now;
    for (uint32_t i = 0; i < sector; i++) {
        uint8_t byte = m[i];
        m[i] = m[size - sector + i];
        m[size - sector + i] = byte;
    }
    for (uint32_t at = 0; at + 64 <= size; at += unit) {
        if (((m[at] == 0x61 && m[at + 1] == 0x52) || memcmp(m + at, "BNK1", 4) == 0) &&
            rnd(3) == 0) {
            memmove(m + rnd(size / unit - 64u / unit - 1u) * unit, m + at, 64u);
        }
    }
}

static void dirty(enum start start)
{
    uint8_t *m = golden->memory;
    uint32_t size = golden->flash.size;
    const struct hal_flash *g = &golden->flash.geometry;
    static const char other[] = "\x7f"
                                "ELF\1\1\1 U-Boot 2019.07 bootdelay=3\0baudrate=115200\0";
    switch (start) {
    case RANDOM:
        for (uint32_t i = 0; i < size; i++) {
            m[i] = (uint8_t)(rnd(0x10000) >> 4);
        }
        break;
    case ZEROS:
        memset(m, 0, size);
        break;
    case OTHER_PRODUCT:
        for (uint32_t i = 0; i < size; i++) {
            bool erased = i / g->sector_size % 3u == 2u;
            m[i] = erased ? g->erased : (uint8_t)((uint8_t)other[i % sizeof other] + (i >> 12));
        }
        break;
    case OUR_HEADERS:
        put_headers(m, size, g->program_unit, g->sector_size);
        break;
    default:
        break;
    }
    nor_model_format(&golden->flash, false);
}

static void prepare(uint32_t room)
{
    struct ra_store_info info;
    struct damage none = {0};
    seed_from(&none, 0);
    world_init(golden, &geometries[here.geometry]);
    golden->ca.round_to = 3600;
    golden->pace_ms = 600000;
    golden->no_device_key = here.geometry % 4u == 3u;
    dirty((enum start)here.start);
    provision();
    base_id = golden->ca.last_id;
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

/* --- the stories ------------------------------------------------------------------------------- */

static void finish(void)
{
    if (!world_until(golden, finished, 5 * RA_DAY)) {
        fail("the story itself does not end");
    }
    (void)world_settle(golden);
}

static void story_at_once(void)
{
    prepare(0);
    finish();
}

/* Every fill level: how much room is left is another one in each geometry, start and seed. */
static void story_move(void)
{
    prepare(300u + (first_seed * 977u + here.geometry * 331u + here.start * 1499u) % 3000u);
    finish();
    struct ra_store_info info;
    ra_store_info(&golden->ra.store, &info);
    if (info.erases == 0) {
        fail("the story has no move to another bank");
    }
}

static void pend(void)
{
    prepare(0);
    golden->ca.mode[RA_ROLE_ENCRYPTION] = FAKE_CA_PEND;
    (void)world_until_state(golden, RA_ROLE_AGENT, RA_STATE_READY, RA_DAY);
    (void)world_until_state(golden, RA_ROLE_ENCRYPTION, RA_STATE_PENDING, RA_DAY);
    (void)world_run(golden, 2 * RA_HOUR);
    finish();
}

static void story_pending(void)
{
    pend();
}

static void story_scep(void)
{
    enrolled = &pair_scep;
    story_at_once();
    enrolled = &pair;
}

static void story_scep_pending(void)
{
    enrolled = &pair_scep;
    pend();
    enrolled = &pair;
}

static void story_est(void)
{
    enrolled = &pair_est;
    story_at_once();
    enrolled = &pair;
}

static void story_est_pending(void)
{
    enrolled = &pair_est;
    pend();
    enrolled = &pair;
}

static void story_rollback(void)
{
    prepare(0);
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
    prepare(0);
    finish();
    (void)world_run(golden, 31 * RA_DAY);
    (void)world_settle(golden);
    if (golden->ra.commit.slot[0].previous != 0) {
        fail("the story does not end the old generation");
    }
}

/* The commit is damaged at rest: the one before it serves the old pair, and the next renewal meets
 * records of the generation that it is about to make. */
static void story_lost_commit(void)
{
    prepare(0);
    finish();
    world_damage(golden, RA_RECORD_COMMIT, 0);
    nor_model_format(&golden->flash, false);
    merge_change(0, 0, golden->flash.size);
    world_boot(golden);
    if (is_new(golden, RA_ROLE_AGENT) || is_new(golden, RA_ROLE_ENCRYPTION)) {
        fail("the story has no older commit");
    }
    finish();
}

/* certreq: both requests are made for the operator, the power also goes while they wait for him. */
static void story_by_hand(void)
{
    static const struct ra_wish by_hand = {.key = RA_WISH_SAME_KEY, .by_hand = true};
    prepare(0);
    for (unsigned i = 0, steps = 0; i < RA_PAIR && steps < 1000; steps++) {
        ra_err e = ra_renew_as(&golden->ra, (enum ra_role)i, false, &by_hand);
        i += e == RA_OK;
        (void)(e == RA_OK || world_step(golden)); /* busy: it still looks what is in flash */
    }
    for (unsigned i = 0; i < RA_PAIR; i++) {
        if (!world_until_state(golden, (enum ra_role)i, RA_STATE_OFFLINE, RA_DAY)) {
            fail("the story has no request that waits for the operator");
        }
    }
    (void)world_run(golden, 2 * RA_HOUR);
    finish();
    if (golden->ca.connections != 0) {
        fail("the story has no renewal by hand");
    }
}

/* One pair after the other is replaced by what the operator brings along, and renews. */
static void story_import(void)
{
    static const char *const keys[RA_PAIR] = {"agent_new1.key", "encryption_new1.key"};
    uint32_t id[RA_PAIR];
    prepare(0);
    for (unsigned i = 0; i < RA_PAIR; i++) {
        base_id = id[i] = world_enrol(golden, (enum ra_role)i, keys[i], 30);
    }
    for (unsigned i = 0; i < RA_PAIR; i++) {
        world_store_issued(golden, (enum ra_role)i, keys[i], id[i]);
    }
    if (world_serves(golden, RA_ROLE_AGENT) != id[0] ||
        world_serves(golden, RA_ROLE_ENCRYPTION) != id[1]) {
        fail("the story has no import");
    }
    finish();
}

static void first(enum ra_role role, bool by_hand, const struct world_enrolment *e)
{
    goal = FIRST;
    first_role = role;
    first_wish.by_hand = by_hand;
    enrolled = e;
    prepare(0);
    golden->ca.scep.challenge = PASSWORD;
    finish();
    if (golden->ca.submits[role] != 1 || world_serves(golden, role) == 0) {
        fail("the story has no first enrolment");
    }
    enrolled = &pair;
    goal = RENEWAL;
}

static void story_first(void)
{
    first(RA_ROLE_AGENT, false, &none_adcs);
}

static void story_first_by_hand(void)
{
    first(RA_ROLE_ENCRYPTION, true, &none_adcs);
}

static void story_first_scep(void)
{
    first(RA_ROLE_DEVICE, false, &none_scep);
}

static void story_erase(void)
{
    goal = ERASURE;
    enrolled = &pair_to_erase;
    prepare(0);
    before_erasing = golden->ra.commit;
    remember_secrets(golden);
    if (!secret_left(golden)) {
        fail("the story has no secret");
    }
    finish();
    if (secret_left(golden)) {
        fail("the story does not erase");
    }
    enrolled = &pair;
    goal = RENEWAL;
}

static const struct {
    const char *name;
    void (*run)(void);
} stories[] = {
    {"at-once", story_at_once},
    {"move", story_move},
    {"pending", story_pending},
    {"rollback", story_rollback},
    {"retention", story_retention},
    {"scep", story_scep},
    {"scep-pending", story_scep_pending},
    {"est", story_est},
    {"est-pending", story_est_pending},
    {"lost-commit", story_lost_commit},
    {"by-hand", story_by_hand},
    {"import", story_import},
    {"first", story_first},
    {"first-by-hand", story_first_by_hand},
    {"first-scep", story_first_scep},
    {"erase", story_erase},
};
#define STORIES (sizeof stories / sizeof stories[0])

/* --- the same point again and again ------------------------------------------------------------------ */

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

/* The power goes at the `point`-th operation of each of `lives` lives, or at cut_counter; false: a
 * life has fewer. */
static bool same_point(unsigned point, uint32_t lives)
{
    struct world *w = &worlds[1];
    static uint32_t wear[WORLD_FLASH_MAX / 512u];
    bool reached = true;
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
            (void)world_until(w, finished, LONG_DAYS * (int64_t)RA_DAY);
        }
        if (!w->flash.cut_fired) {
            reached = here.repeat > 1; /* the renewal has ended: no further cut is planned */
            break;
        }
        n.planned++;
        n.fired++;
    }
    w->cut_after = 0;
    if (cut_counter != NULL) {
        w->hal.flash = taps[1].flash;
    }
    if (w->flash.cut_fired) {
        uint32_t copies = here.repeat + 8u;
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
    return reached;
}

/* An unclean log, so that each life begins with a copy to another bank. */
static void prepare_torn(void)
{
    static const struct world_enrolment *const pairs[] = {&pair, &pair_scep, &pair_est};
    enrolled = pairs[here.story];
    prepare(0);
    enrolled = &pair;
    (void)world_settle(golden);
    golden->flash.cut = NOR_CUT_RANDOM_BITS;
    world_set(golden, "host-name", "torn");
    golden->flash.cut_at = golden->flash.operations + 2u;
    (void)world_settle(golden);
}

static void repeats(void)
{
    unsigned points = 0;
    prepare_torn();
    for (unsigned point = wish.point != ANY ? wish.point : 1u;
         same_point(point, count_only ? 2 : times) && wish.point == ANY; point++) {
        points++;
    }
    if (count_only) { /* at most: a life that comes to its end is the last of its point */
        n.fired = 0;
        n.planned = n.same = (unsigned long)points * times;
    }
    printf("geometry %2u: %u operations of a life\n", here.geometry, points);
}

static void count_up(void)
{
    for (unsigned i = 0; i < COUNTERS_; i++) {
        unsigned long before = n.fired;
        if (wish.counter != ANY && wish.counter != i) {
            continue;
        }
        if (count_only) {
            n.planned += times;
            n.same += times;
            continue;
        }
        clock_t start = clock();
        prepare_torn();
        cut_counter = &counters[i];
        (void)same_point(0, times);
        cut_counter = NULL;
        printf("%-20s %6lu cuts, each at the first such write of a life, %.1f s\n",
               counters[i].name, n.fired - before, (double)(clock() - start) / CLOCKS_PER_SEC);
        (void)fflush(stdout);
        if (n.fired - before < times && failures == 0) {
            fail("fewer cuts at a number that counts up than there must be");
        }
    }
}

/* --- bits that turn at rest ------------------------------------------------------------------------- */

static struct {
    unsigned long noticed, older, other, nothing, alarms;
} flips;

static bool alarmed(struct world *w)
{
    for (uint32_t back = 0; back < RA_EVENTS; back++) {
        struct ra_event_entry e;
        ra_err err = ra_events_get(&w->ra.events, &w->ra.store, back, &e);
        if (err == RA_OK && (e.kind == RA_LOG_DAMAGED || e.kind == RA_LOG_LOST)) {
            return true;
        }
    }
    return false;
}

/* What the operator reads who types `show`. */
static bool shown_damaged(struct world *w)
{
    static struct ra_console console;
    static uint8_t bulk[RA_CONSOLE_BULK];
    ra_console_init(&console, &w->ra, "powercut", bulk);
    w->shown_size = 0;
    w->shown[0] = '\0';
    w->typed = "show\r";
    for (unsigned i = 0; i < 2000; i++) {
        (void)ra_console_step(&console);
        (void)world_step(w);
    }
    /* An older commit may name no credential yet. */
    static const char *const words[] = {"DAMAGED", "damaged", "no credential"};
    bool shown = false;
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        shown = shown || strstr(w->shown, words[i]) != NULL;
    }
    return shown;
}

/* Served, or an alarm; never something else. */
static void after_flip(struct world *w, bool settle)
{
    uint8_t der[RA_CERT_MAX];
    size_t size = 0;
    bool damaged = ra_store_damaged(&w->ra.store) != 0;
    bool served = true;
    for (unsigned i = 0; i < RA_PAIR; i++) {
        ra_err e = ra_certificate(&w->ra, (enum ra_role)i, der, sizeof der, &size);
        if (e == RA_OK) {
            e = ra_issuers(&w->ra, (enum ra_role)i, der, sizeof der, &size);
        }
        if (e == RA_OK) {
            (void)world_serves(w, (enum ra_role)i); /* ends the program if never issued */
            e = world_check(w, (enum ra_role)i) == NULL ? RA_OK : RA_E_KEY_FORMAT;
        }
        if (e != RA_OK) {
            served = false;
        }
    }
    damaged = damaged || ra_store_damaged(&w->ra.store) != 0;
    flips.noticed += damaged || !served;
    if (!served || settle) {
        (void)world_settle(w);
        (void)world_run(w, 10);
        (void)world_settle(w);
    }
    if (!served) {
        bool again = true;
        for (unsigned i = 0; i < RA_PAIR; i++) {
            again = again && world_check(w, (enum ra_role)i) == NULL;
        }
        flips.other += again;
        if (!alarmed(w)) {
            fail("what is damaged raises no alarm");
        }
        if (!again && w->ra.commit.slot[0].previous != 0 && w->ra.commit.slot[1].previous != 0) {
            fail("another generation is there and is not served");
        }
        flips.nothing += !again;
        if (!again && !shown_damaged(w)) {
            fail("what is damaged is not shown");
            if (wish.bit != ANY) {
                printf("%s\n", w->shown);
            }
        }
        flips.alarms++;
    } else if (damaged) {
        flips.older++;
    }
}

/* Story 0: two generations are stored, 1: one alone. */
static void flip_all(void)
{
    struct world *w = &worlds[1];
    uint32_t unit = geometries[here.geometry].program_unit;
    prepare(0);
    if (here.story == 0) {
        finish();
        (void)world_settle(golden);
    } else {
        world_set(golden, "hold", "on");
        (void)world_settle(golden);
    }
    world_copy(w, golden);
    for (uint32_t at = 0; at < golden->flash.size; at++) {
        for (unsigned bit = 0; bit <= 8; bit++) {
            here.flip = (long)at * 9 + bit;
            struct damage d = {.operation = at + 1u, .kind = bit};
            seed_from(&d, 3);
            bool chosen = wish.bit != ANY ? here.flip == (long)wish.bit : rnd(one_in) == 0;
            if (!chosen || (bit == 8 && at % unit != 0)) {
                continue;
            }
            n.planned++;
            if (count_only) {
                n.same++;
                continue;
            }
            if (bit < 8) {
                w->memory[at] ^= (uint8_t)(1u << bit);
            } else { /* a unit disturbed: some of its bits are programmed */
                for (uint32_t i = at; i < at + unit; i++) {
                    uint8_t mask = (uint8_t)rnd(256);
                    w->memory[i] = geometries[here.geometry].erased != 0 ? w->memory[i] & mask
                                                                         : w->memory[i] | mask;
                }
            }
            uint32_t operations = w->flash.operations;
            n.fired++;
            world_boot(w);
            after_flip(w, rnd(64) == 0);
            if (w->flash.operations != operations) {
                world_copy(w, golden);
            } else {
                memcpy(w->memory + at, golden->memory + at, bit < 8 ? 1 : unit);
                w->true_ms = golden->true_ms;
            }
        }
    }
    here.flip = -1;
}

/* --- the run ---------------------------------------------------------------------------------------- */

/* The stand-in, or wolfSSL, tells one key from another: else nothing below means anything. */
static void canary(void)
{
    struct world *w = &worlds[1];
    const uint32_t kept = first_seed;
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
    first_seed = kept;
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
    only[1] = (struct damage){v[3], v[4], v[5], v[6], v[7]};
    only[2] = (struct damage){v[8], v[9], v[10], v[11], v[12]};
    only_second = count == 13;
    return (count == 8 || count == 13) && v[0] < GEOMETRIES && v[1] < STARTS && v[2] < STORIES;
}

static void run_one(void)
{
    unsigned failures_before = failures;
    unsigned long fired = n.fired + n.seconds_fired;
    clock_t start = clock();
    memset(given_up, 0, sizeof given_up);
    merge_forget();
    here.d[1] = here.d[2] = (struct damage){0};
    stories[here.story].run();
    if (mode != SAMPLE || failures != failures_before) {
        printf("geometry %2u, %-15s %-9s %4u operations, %7lu cuts, %5.1f s%s\n", here.geometry,
               start_names[here.start], stories[here.story].name, here.d[1].operation,
               n.fired + n.seconds_fired - fired, (double)(clock() - start) / CLOCKS_PER_SEC,
               failures != failures_before ? "  FAILED" : "");
    }
    (void)fflush(stdout);
}

/* The options with a number. */
static const struct {
    const char *name;
    uint32_t *to;
} options[] = {
    {"--seed", &first_seed},  {"--rate", &rate},        {"--share", &share},
    {"--times", &times},      {"--one-in", &one_in},    {"--at-least", &wish.at_least},
    {"--bit", &wish.bit},     {"--point", &wish.point}, {"--geometry", &wish.geometry},
    {"--start", &wish.start}, {"--story", &wish.story}, {"--only", &wish.counter},
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
            stop_at_first = true;
        } else if (strcmp(argv[i], "--count") == 0) {
            count_only = true;
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
    printf("seed %u\n", (unsigned)first_seed);
    canary();
    if (mode == REPLAY) {
        run_one();
    } else {
        bool whole = mode == REPEATS || mode == COUNTERS || mode == FLIPS;
        times = times != 0 ? times : mode == COUNTERS ? 70000 : 300;
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
           n.planned, n.fired, n.seconds_planned, n.seconds_fired,
           (double)(clock() - began) / CLOCKS_PER_SEC);
    if (mode == FLIPS) {
        printf("noticed %lu; an older copy served %lu; not served at first %lu, of them the other "
               "generation then %lu, an alarm alone %lu\n",
               flips.noticed, flips.older, flips.alarms, flips.other, flips.nothing);
    } else if (mode < REPEATS) {
        printf("before %lu, after %lu, prefix %lu, all but the last byte %lu, random bits %lu, "
               "disturbed %lu; within a unit %lu, of an erase %lu, unstable %lu, of a marker %lu; "
               "next renewal run too %lu; flash without a bank about to be erased mounted %lu; "
               "banks erased from a cut to the renewal's end %u at most\n",
               n.kinds[0], n.kinds[1], n.kinds[2], n.kinds[3], n.kinds[4], n.kinds[5], n.units,
               n.erases, n.unstable, n.markers, n.next_renewals, n.probes, (unsigned)n.most_banks);
    }
    if (merges() && !count_only) {
        printf("of %lu lives after a cut %lu were another's from the start, and of %lu the rest; "
               "so %lu "
               "cuts are the same as some that fired\n",
               n.lives, n.at_once, n.merged, n.same);
    }
    unsigned failed = failures;
    if (n.planned + n.seconds_planned != n.fired + n.seconds_fired + n.same) {
        printf("FAIL: a planned cut did not fire\n");
        failed++;
    }
    if (n.fired + n.seconds_fired + n.same < wish.at_least) {
        printf("FAIL: fewer cuts than there must be\n");
        failed++;
    }
    printf("%lu cuts planned, %lu fired, %lu %s, %u failures\n", n.planned + n.seconds_planned,
           n.fired + n.seconds_fired, n.same, count_only ? "not run" : "the same", failed);
    return failed != 0;
}
