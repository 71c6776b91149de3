#include "store_sweep.h"

#include <stdio.h>
#include <string.h>

#include "crypto_vectors.h"
#include "ra_store.h"

#define KEYS 10u
#define SMALL 100u
#define LARGE 600u
#define TYPE 7
#define STEPS 400000u /* a mount or a recovery that takes more does not end */

static const struct ra_store_need needs[] = {{8, SMALL}, {2, LARGE}};

struct value {
    bool there;
    uint16_t size;
    uint8_t bytes[LARGE];
};

struct world {
    struct fake_flash flash;
    struct ra_store store;
    struct value now[KEYS];  /* acknowledged                     */
    struct value next[KEYS]; /* what an operation under way makes of it */
    bool pending[KEYS];
    uint32_t random;
    uint32_t version;
};

static struct world w;
static struct world kept[3];
static const struct store_sweep_plan *plan;
static struct store_sweep_result *result;
static struct ra_seal seal;
static struct ra_random random_state;
static struct noise noise;
static struct {
    uint32_t op, second, kind, unstable;
} here;

static uint32_t rnd(uint32_t below)
{
    w.random = w.random * 1664525u + 1013904223u;
    return (w.random >> 8) % below;
}

/* A branch's own random numbers, so that it can be replayed alone. */
static uint32_t mixed(void)
{
    uint32_t x = plan->seed * 2654435761u;
    x = (x ^ here.op) * 2246822519u;
    x = (x ^ here.second) * 3266489917u;
    x = (x ^ (here.kind * 8u + here.unstable)) * 668265263u;
    return x ^ (x >> 15);
}

static void fail(const char *why)
{
    if (result->failures++ == 0) {
        (void)snprintf(
            result->why, sizeof result->why,
            "%s: sector %u x %u unit %u seed %u start %u op %u second %u kind %u unstable %u", why,
            (unsigned)plan->geometry->sector_size, (unsigned)plan->geometry->sectors,
            plan->geometry->unit, (unsigned)plan->seed, (unsigned)plan->start, (unsigned)here.op,
            (unsigned)here.second, (unsigned)here.kind, (unsigned)here.unstable);
    }
}

static void keep(unsigned slot)
{
    kept[slot] = w;
    fake_flash_save(&w.flash, slot);
}

static void bring_back(unsigned slot)
{
    w = kept[slot];
    fake_flash_restore(&w.flash, slot);
}

/* Whether the bytes stand in flash outside one sector. */
static bool elsewhere(const struct value *v, uint32_t sector_at)
{
    const uint8_t *m = w.flash.model.memory;
    uint32_t size = w.flash.model.size;
    uint32_t sector = w.flash.model.geometry.sector_size;
    for (uint32_t at = 0; at + v->size <= size; at++) {
        if (at + v->size > sector_at && at < sector_at + sector) {
            at = sector_at + sector - 1u;
            continue;
        }
        const uint8_t *p = memchr(m + at, v->bytes[0], size - at - v->size + 1u);
        if (p == NULL) {
            return false;
        }
        at = (uint32_t)(p - m);
        if (at + v->size > sector_at && at < sector_at + sector) {
            at = sector_at + sector - 1u;
            continue;
        }
        if (memcmp(p, v->bytes, v->size) == 0) {
            return true;
        }
    }
    return false;
}

static void before(void *context, uint32_t at, uint32_t size)
{
    (void)context;
    if (size != 0 || plan->sealed) {
        return;
    }
    for (unsigned k = 0; k < KEYS; k++) {
        if (w.now[k].there && !w.pending[k] && w.now[k].size > 8u && !elsewhere(&w.now[k], at)) {
            fail("an erase takes the only copy");
        }
    }
}

static void boot(void)
{
    nor_model_power_on(&w.flash.model);
    w.flash.model.cut_fired = false;
    if (ra_store_init_needs(&w.store, &w.flash.hal, plan->sealed ? &seal : NULL,
                            plan->sealed ? &random_state : NULL, needs, 2) != RA_OK) {
        fail("init");
    }
    for (uint32_t i = 0; ra_store_mount_step(&w.store) != RA_OK; i++) {
        if (i > STEPS) {
            fail("the mount does not end");
            return;
        }
    }
}

static bool is(const struct value *v, const uint8_t *bytes, size_t size, bool there)
{
    return v->there == there && (!there || (v->size == size && memcmp(v->bytes, bytes, size) == 0));
}

/* Reads everything; with `take` the answers are held against the store from now on. */
static void look(const char *when, bool take)
{
    uint8_t out[LARGE];
    for (unsigned k = 0; k < KEYS; k++) {
        size_t size = 0;
        ra_err e = ra_store_get(&w.store, TYPE, (uint16_t)k, out, sizeof out, &size);
        if (e != RA_OK && e != RA_E_NOT_FOUND) {
            fail(when);
            continue;
        }
        bool there = e == RA_OK;
        bool old = is(&w.now[k], out, size, there);
        bool new = w.pending[k] && is(&w.next[k], out, size, there);
        if (!old && !new) {
            fail(when);
        }
        if (take) {
            w.now[k] = old ? w.now[k] : w.next[k];
            w.pending[k] = false;
        }
    }
    if (ra_store_damaged(&w.store) != 0) {
        fail("damage reported after a cut");
    }
    if (w.flash.model.violations != 0) {
        fail(w.flash.model.why);
    }
}

/* Steps until idle; false when the power went. */
static bool settle(void)
{
    for (uint32_t i = 0; ra_store_step(&w.store) == RA_AGAIN; i++) {
        if (w.flash.model.cut_fired) {
            return false;
        }
        if (i > STEPS) {
            fail("the store does not settle");
            return true;
        }
    }
    return !w.flash.model.cut_fired;
}

static void fill(struct value *v, unsigned k)
{
    v->there = true;
    v->size = (uint16_t)(k < 8u ? rnd(SMALL + 1u) : LARGE - rnd(50));
    for (uint32_t i = 0; i < v->size; i++) {
        v->bytes[i] = (uint8_t)rnd(256);
    }
    if (rnd(4) == 0) {
        /* A byte-exact copy of our own headers, wherever some stand. */
        struct ra_store_info info;
        ra_store_info(&w.store, &info);
        uint32_t from = info.bank_base + rnd(info.used + 1u);
        if (from + v->size <= w.flash.model.size && v->size > 32u) {
            memcpy(v->bytes + 8, w.flash.model.memory + info.bank_base, v->size - 8u);
            memcpy(v->bytes + 8 + v->size / 2u, w.flash.model.memory + from, v->size / 2u - 8u);
        }
    }
    if (v->size >= 8u) {
        uint32_t tag = ++w.version * 2654435761u;
        memcpy(v->bytes, &tag, 4);
        v->bytes[4] = (uint8_t)k;
    }
}

static void acknowledge(bool done)
{
    for (unsigned k = 0; k < KEYS; k++) {
        if (w.pending[k] && done) {
            w.now[k] = w.next[k];
        }
        w.pending[k] = false;
    }
}

/* Starts the next operation of the script. */
static void start_operation(void)
{
    ra_err e;
    if (rnd(8) == 0) {
        struct ra_store_key keys[3];
        for (unsigned i = 0; i < 3u; i++) {
            unsigned k = rnd(KEYS);
            keys[i] = (struct ra_store_key){TYPE, (uint16_t)k};
            w.pending[k] = true;
            w.next[k].there = false;
        }
        e = ra_store_drop(&w.store, keys, 3);
    } else {
        unsigned k = rnd(KEYS);
        fill(&w.next[k], k);
        w.pending[k] = true;
        e = ra_store_put(&w.store, TYPE, (uint16_t)k, w.next[k].bytes, w.next[k].size);
    }
    if (e != RA_OK) {
        fail("a put or drop is refused");
    }
}

/* The power is back for good: the store mounts, answers, settles, and goes on. */
static void recover(void)
{
    boot();
    look("after the cut", false);
    (void)settle();
    look("settled after the cut", true);
    boot();
    if (here.unstable != 0 && ra_store_was_unclean(&w.store)) {
        /* A SETTLED that the cut left unstable read well by chance. */
        look("unsettled again", false);
        (void)settle();
        boot();
    }
    if (ra_store_was_unclean(&w.store) || !ra_store_settled(&w.store)) {
        fail("unclean though settled");
    }
    look("second mount after the cut", false);
    fill(&w.next[0], 0);
    w.pending[0] = true;
    if (ra_store_put(&w.store, TYPE, 0, w.next[0].bytes, w.next[0].size) != RA_OK) {
        fail("the next put is refused");
    }
    (void)settle();
    if (ra_store_result(&w.store) != RA_OK) {
        fail("the next put fails");
    }
    acknowledge(true);
    look("after the next put", false);
}

static void plan_cut(uint32_t in, uint32_t kind)
{
    struct nor_model *m = &w.flash.model;
    m->cut_at = m->operations + in;
    m->cut = (enum nor_cut)kind;
    m->cut_fired = false;
    m->unstable = here.unstable != 0;
    m->fades = m->unstable && rnd(2) == 0;
    m->depth = 16u + rnd(224);
    m->seed = rnd(0x00ffffff) + 1u;
}

/* Cuts the recovery from the first cut again, at each operation in turn. */
static void second_cuts(uint32_t kind)
{
    boot();
    for (uint32_t i = 0; i < STEPS; i++) {
        keep(1);
        here.second++;
        w.random = mixed();
        plan_cut(1, kind);
        bool again = ra_store_step(&w.store) == RA_AGAIN;
        if (w.flash.model.cut_fired) {
            if (rnd(plan->second_in) == 0) {
                result->planned++;
                result->fired++;
                recover();
            }
            bring_back(1);
            w.flash.model.cut_at = 0;
            again = ra_store_step(&w.store) == RA_AGAIN;
        } else {
            here.second--;
        }
        if (!again) {
            break;
        }
    }
}

/* The power goes at the same operation after each of many boots. */
static void same_point(uint32_t kind)
{
    uint32_t point = 1u + rnd(12);
    for (uint32_t i = 0; i < plan->repeats; i++) {
        boot();
        look("same point", false);
        plan_cut(point, kind);
        result->planned++;
        if (settle()) {
            /* The recovery is shorter than that: it settled. */
            result->planned--;
            look("settled between cuts", true);
            return;
        }
        result->fired++;
    }
}

static void branch(uint32_t kind)
{
    if (plan->repeats != 0) {
        same_point(kind);
    } else if (plan->second_in != 0) {
        second_cuts(rnd(2) == 0 ? kind : rnd(NOR_CUT_DISTURB));
    }
    if (plan->repeats != 0 || plan->second_in == 0) {
        recover();
    } else {
        look("settled after second cuts", true);
    }
}

/* One step of the script: with a cut for each kind first, when it would start an operation. */
static void step(void)
{
    keep(0);
    w.flash.model.cut_at = w.flash.model.operations + 1u;
    w.flash.model.cut = NOR_CUT_BEFORE;
    w.flash.model.cut_fired = false;
    (void)ra_store_step(&w.store);
    bool operates = w.flash.model.cut_fired;
    bring_back(0);
    if (operates) {
        here.op++;
        bool chosen = plan->only != 0 ? here.op == plan->only : mixed() % plan->one_in == 0;
        for (uint32_t kind = 0; chosen && kind < NOR_CUT_DISTURB; kind++) {
            for (here.unstable = plan->unstable == 1u; here.unstable <= (plan->unstable != 0);
                 here.unstable++) {
                if ((plan->kinds & (1u << kind)) == 0 ||
                    (here.unstable != 0 && kind == NOR_CUT_BEFORE)) {
                    continue;
                }
                here.kind = kind;
                here.second = 0;
                w.random = mixed();
                plan_cut(1, kind);
                result->planned++;
                (void)ra_store_step(&w.store);
                result->fired += w.flash.model.cut_fired;
                branch(kind);
                bring_back(0);
            }
        }
        here.unstable = 0;
        here.kind = 0;
        here.second = 0;
    }
    w.flash.model.cut_at = 0;
    w.flash.model.cut_fired = false;
    (void)ra_store_step(&w.store);
}

static void dirty(void)
{
    static const uint8_t value[] = {0, 0, 0x00, 0xff, 0};
    if (plan->start == SWEEP_RANDOM) {
        fake_flash_fill_random(&w.flash, plan->seed);
    } else if (plan->start == SWEEP_ZEROS || plan->start == SWEEP_ONES) {
        fake_flash_fill(&w.flash, value[plan->start]);
    } else if (plan->start == SWEEP_OLD) {
        /* Another store's life, then the sectors in another order: headers out of place. */
        boot();
        for (unsigned i = 0; i < 30u; i++) {
            start_operation();
            (void)settle();
            acknowledge(true);
        }
        uint32_t size = w.flash.model.geometry.sector_size;
        for (uint32_t at = 0; at < size; at++) {
            uint8_t *m = w.flash.model.memory;
            uint8_t byte = m[at];
            m[at] = m[size + at];
            m[size + at] = byte;
        }
        nor_model_format(&w.flash.model, false);
        memset(w.now, 0, sizeof w.now);
        boot();
        for (unsigned k = 0; k < KEYS; k++) {
            size_t n = 0;
            if (ra_store_get(&w.store, TYPE, (uint16_t)k, w.now[k].bytes, LARGE, &n) == RA_OK) {
                w.now[k].there = true;
                w.now[k].size = (uint16_t)n;
            }
        }
        (void)settle();
    }
}

static int device_key(void *dev, uint8_t key[HAL_DEVICE_KEY_SIZE])
{
    (void)dev;
    memset(key, 0x3c, HAL_DEVICE_KEY_SIZE);
    return 1;
}

void store_sweep(const struct store_sweep_plan *p, struct store_sweep_result *r)
{
    plan = p;
    result = r;
    memset(r, 0, sizeof *r);
    memset(&w, 0, sizeof w);
    memset(&here, 0, sizeof here);
    w.random = p->seed;
    if (p->sealed) {
        static const struct hal_device_key hal = {device_key, NULL};
        noise_random(&noise, &random_state, p->seed);
        if (ra_seal_init(&seal, &hal) != RA_OK) {
            fail("seal");
        }
    }
    fake_flash_start(&w.flash, p->geometry);
    dirty();
    w.flash.model.before = before;
    boot();
    for (uint32_t i = 0; i < p->operations && r->failures == 0; i++) {
        bool pause = rnd(3) == 0;
        start_operation();
        for (uint32_t n = 0; ra_store_result(&w.store) == RA_AGAIN && n < STEPS; n++) {
            step();
        }
        if (ra_store_result(&w.store) != RA_OK) {
            fail("a put or drop fails");
        }
        acknowledge(true);
        for (uint32_t n = 0; pause && !ra_store_settled(&w.store) && n < STEPS; n++) {
            step();
        }
        if (rnd(10) == 0 && pause) {
            boot();
        }
    }
    look("at the end of the script", false);
    r->operations = here.op;
}
