#include <stdio.h>
#include <string.h>

#include "sweep.h"

#define WEAK_WAYS 4u /* in which weak cells are read after a second cut */

struct ra_commit before_erasing;
static uint8_t shadows[DEPTH_MAX + 1][WORLD_FLASH_MAX];

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
    *(depth == 0 ? &tally.planned : &tally.seconds_planned) += 1;
    if (wish.count_only && (depth != 0 || mode == SINGLES)) {
        tally.same++;
        return;
    }
    seed_of(depth, d, depth);
    damage(depth, at, from, size);
    bool fired = w->flash.cut_fired;
    tally.kinds[d->kind]++;
    tally.units += d->unit != 0;
    tally.erases += size == 0;
    tally.unstable += d->unstable != 0;
    tally.markers += is_marker(before, from, size);
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
    here.depth = depth + 1;
    bool run = recover(depth + 1, again && depth == 0);
    *(depth == 0 ? &tally.fired : &tally.seconds_fired) += fired && run;
    tally.same += fired && !run;
    here.depth = depth;
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
    if (mode == REPLAY && depth != 0 && depth == here.depth) {
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
            for (uint32_t i = 0; i < wish.rate && rnd(100) < wish.share; i++) {
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
        if (depth == 0 || wish.one_in == 1 || rnd(wish.one_in) == 0) {
            any(depth, at, from, size);
        }
        break;
    case MARKERS:
        if (marker && (depth == 0 || wish.one_in == 1 || rnd(wish.one_in) == 0)) {
            all_units(depth, at, from, size);
        }
        break;
    case REPLAY:
        if (here.d[depth + 1].operation == wish.only[depth + 1].operation &&
            (depth == 0 || wish.only_second)) {
            try_one(depth, wish.only[depth + 1], at, from, size);
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
        (mode == REPLAY || mode == PAIRS || (merges() && t->settled) || tally.moves++ % 4u == 0)) {
        tally.probes++;
        if (!pair_elsewhere(t->w, s->sector_end * size, at + size)) {
            fail("an erase takes the last good copy");
        }
    }
    t->erasing = sector;
    operate(t, sector, NULL, 0);
    merge_erase(t->depth, sector, t->w->flash.geometry.sector_size);
    return t->flash.erase(t->flash.dev, sector);
}

int tap_read(void *dev, uint32_t at, void *to, uint32_t size)
{
    struct tap *t = dev;
    merge_read(t->depth, t->w, at, size);
    return t->flash.read(t->flash.dev, at, to, size);
}

int tap_poll(void *dev)
{
    struct tap *t = dev;
    return t->flash.poll(t->flash.dev);
}

void tap(unsigned depth)
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
