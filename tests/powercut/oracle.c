#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep.h"
#include "world_vectors.h"

#define WEAR_BANKS 2u
#define FLAKY_BANKS 3u  /* more for a record with cells that read now so, now so */
#define OUTAGE_MS 60000 /* the power comes back at a multiple of it */

enum goal goal;
enum ra_role first_role;
struct ra_wish first_wish;

static bool same_generations(const struct ra_commit *a, const struct ra_commit *b)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (a->slot[i].active != b->slot[i].active) {
            return false;
        }
    }
    return true;
}

uint32_t given_up[RA_ROLES];
uint32_t base_id;

bool is_new(struct world *w, enum ra_role role)
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

bool erased(struct world *w)
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

struct cut_of cut_of[DEPTH_MAX + 1];

/* Where lives become one (merge.h). */
static struct {
    bool awaited, merged, again;
    uint32_t erases;
} ends[DEPTH_MAX + 1];

bool merges(void)
{
    return mode == SINGLES || mode == PAIRS || mode == MARKERS;
}

static struct merge_count counted(void)
{
    return (struct merge_count){tally.seconds_planned, tally.failures};
}

/* Whether the rest is known. */
static bool as_before(struct world *w, enum merge_point point, bool done)
{
    unsigned depth = (unsigned)(w - worlds);
    if (!merges()) {
        return false;
    }
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
    if (!merge_begin(depth, point, w, &expected, sizeof expected, &now, &cuts)) {
        return false;
    }
    tally.same += cuts;
    tally.seconds_planned += cuts;
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
        tally.merged += ends[depth].merged;
    }
    return ends[depth].merged;
}

bool finished(struct world *w)
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

const struct ra_commit *switching(const struct world *w)
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

void look(struct world *w, const char *when)
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

void remember_secrets(const struct world *w)
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

bool secret_left(const struct world *w)
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
    tally.next_renewals++;
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

void finish_life(struct world *w, uint32_t erases, bool again)
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
    uint32_t anew = 0;
    for (unsigned i = 1; i <= here.depth; i++) {
        anew += here.d[i].unstable != 0 ? FLAKY_BANKS : 0;
    }
    struct ra_store_info info;
    ra_store_info(&w->ra.store, &info);
    if (info.begun_anew > anew) {
        fail("copies begun anew for cells that are stable");
    }
    most += info.begun_anew;
    if (goal != ERASURE) {
        tally.most_banks = banks > tally.most_banks ? banks : tally.most_banks;
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
bool recover(unsigned depth, bool again)
{
    struct world *w = &worlds[depth];
    w->true_ms = (w->true_ms / OUTAGE_MS + 1) * OUTAGE_MS;
    w->on_step = depth == 1 ? watch_recovery : NULL;
    cut_of[depth].open = true;
    ends[depth].awaited = true;
    ends[depth].merged = false;
    ends[depth].again = again;
    ends[depth].erases = w->flash.erases;
    tally.lives++;
    if (mode == PAIRS && as_before(w, MERGE_POWER_ON, false)) {
        tally.at_once++;
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
