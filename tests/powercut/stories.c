#include <string.h>

#include "sweep.h"
#include "world_vectors.h"

struct world *const golden = &worlds[0];

#define FIRST_SETTINGS                                                                             \
    {"subject", "CN=ra7,O=World"},                                                                 \
    {                                                                                              \
        "encryption-key", "rsa2048"                                                                \
    }
const struct world_enrolment pair = {.key = {"agent.key", "encryption.key"}, .days_left = {30, 30}};
const struct world_enrolment pair_scep = {
    .key = {"encryption_new1.key", "encryption.key"},
    .days_left = {30, 30},
    .settings = {{"protocol", "scep"}, {"ca-url", FAKE_SCEP_URL}}};
const struct world_enrolment pair_est = {
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
const struct world_enrolment *enrolled = &pair;

static void provision(void)
{
    world_provision(golden, enrolled);
    golden->ca.est.next_root = true;                /* a trust anchor more is written on the way */
    golden->ca.root_again = enrolled == &pair_scep; /* as it is checked what was issued */
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

void prepare(uint32_t room)
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

void finish(void)
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
    prepare(300u + (wish.seed * 977u + here.geometry * 331u + here.start * 1499u) % 3000u);
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

const struct story stories[STORIES] = {
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
