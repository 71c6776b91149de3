#include "merge.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define GRAIN 16u       /* bytes of flash that are noted together */
#define BLOCK 32u       /* grains that are hashed together: 512 bytes, of one sector */
#define ALL 0xffffffffu /* the grains of a block */
#define BLOCKS (WORLD_FLASH_MAX / (GRAIN * BLOCK))
#define SLOTS 4096u
#define ALIKE_MAX 64u /* so many lives of the same state are compared */

/* The flash of a world. */
struct content {
    uint32_t unit;
    const uint8_t *memory, *shadow, *touched; /* shadow NULL: no weak cells */
};

/* What a life comes to, from a point of it on: whoever goes the same way leaves the same. */
struct outcome {
    uint64_t world;
    uint32_t operations; /* of the flash */
    unsigned long cuts;
};

/* What the rest of a life has read: grains of the flash, and the hash of their content before. */
struct ending {
    struct ending *next;
    uint64_t state;
    struct outcome outcome;
    uint32_t weak_seed; /* 0: it has read no weak cell */
    uint32_t pieces;
    struct piece {
        uint32_t block, grains; /* a bit for each */
        uint64_t content;
    } piece[];
};

static struct ending *slots[SLOTS];

static struct recording {
    bool open, weak;
    const struct ending *known; /* this life is one of those that are run all the same */
    uint64_t state;
    uint32_t operations; /* of the flash, until then */
    uint32_t weak_seed;
    struct merge_count count;
    uint32_t sector_size, unit;
    bool shadowed;
    uint32_t read[BLOCKS]; /* a bit for each grain */
    uint8_t erased[BLOCKS];
    uint8_t memory[WORLD_FLASH_MAX], shadow[WORLD_FLASH_MAX], touched[WORLD_UNITS_MAX / 8];
} recordings[MERGE_DEPTH_MAX + 1][MERGE_POINTS];

/* Of a life whose rest was known when all was settled: how that one ended. */
static const struct ending *settled_as[MERGE_DEPTH_MAX + 1];

static uint8_t erased_since_cut[MERGE_DEPTH_MAX + 1][BLOCKS];

/* Hashes of the blocks of each world, as long as they stay as they are: of the whole, and of those
 * grains that were asked for last; 0: not known. */
static struct {
    const struct world *w;
    struct {
        uint64_t whole, part;
        uint32_t grains; /* of `part` */
        bool weak;       /* there are weak cells in it */
        bool own;        /* other than in the world that this one was made from */
    } block[BLOCKS];
} known[MERGE_DEPTH_MAX + 1];

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

static uint64_t hash(uint64_t h, const void *p, size_t size)
{
    const uint8_t *at = p;
    uint64_t v[4] = {h, h ^ 0x9e3779b97f4a7c15u, ~h, h + size};
    for (; size >= 32; size -= 32, at += 32) {
        for (unsigned i = 0; i < 4; i++) {
            uint64_t x;
            memcpy(&x, at + 8 * i, 8);
            v[i] = (v[i] ^ x) * 0x9fb21c651e98df25u;
            v[i] ^= v[i] >> 29;
        }
    }
    uint64_t tail[4] = {0};
    memcpy(tail, at, size);
    for (unsigned i = 0; i < 4; i++) {
        h = mix(h * 31u + v[i]) ^ mix(tail[i] + i);
    }
    return mix(h);
}

void merge_forget(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        while (slots[i] != NULL) {
            struct ending *e = slots[i];
            slots[i] = e->next;
            free(e);
        }
    }
    for (unsigned i = 0; i <= MERGE_DEPTH_MAX; i++) {
        recordings[i][MERGE_POWER_ON].open = false;
        recordings[i][MERGE_SETTLED].open = false;
        memset(&known[i], 0, sizeof known[i]);
    }
}

void merge_cut(unsigned depth, const struct world *before, const struct world *w)
{
    memset(erased_since_cut[depth], 0, sizeof erased_since_cut[depth]);
    memset(&known[depth], 0, sizeof known[depth]);
    known[depth - 1u].w = before;
    known[depth].w = w;
}

void merge_change(unsigned depth, uint32_t at, uint32_t size)
{
    for (uint32_t b = at / (GRAIN * BLOCK); b * GRAIN * BLOCK < at + size; b++) {
        known[depth].block[b].whole = known[depth].block[b].part = 0;
        known[depth].block[b].own = true;
    }
}

static uint64_t hash_ca(uint64_t h, const struct fake_ca *ca)
{
    h = hash(h, ca, offsetof(struct fake_ca, request));
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        if (ca->request[i].id != 0) { /* where there is none it is all zero */
            h = hash(h + i, &ca->request[i], sizeof ca->request[i]);
        }
    }
    const size_t behind = offsetof(struct fake_ca, request) + sizeof ca->request;
    return hash(h, (const uint8_t *)ca + behind, sizeof *ca - behind);
}

/* All that the rest depends on beside the flash. */
static uint64_t state_of(unsigned depth, enum merge_point point, const struct world *w,
                         const void *expected, size_t size)
{
    const uint64_t world[] = {depth,
                              point,
                              (uint64_t)w->true_ms,
                              (uint64_t)w->board_error_s,
                              w->noise_state,
                              w->pace_ms,
                              w->flash.shadow != NULL,
                              w->flash.fades,
                              w->flash.violations};
    uint64_t h = hash(1, world, sizeof world);
    h = hash(h, expected, size);
    h = hash_ca(h, &w->ca);
    if (point == MERGE_POWER_ON) {
        return h;
    }
    const struct world_link *l = &w->link;
    const uint64_t of_this_boot[] = {
        (uint64_t)w->boot_ms, w->idle,       (uint64_t)l->state, (uint64_t)l->error,
        l->request_size,      l->reply_size, l->reply_at,        (uint64_t)l->reply_ms};
    h = hash(h, of_this_boot, sizeof of_this_boot);
    h = hash(h, w->told, sizeof w->told);
    h = hash(h, l->request, l->request_size);
    h = hash(h, l->reply, l->reply_size);
    h = hash(h, w->reply, sizeof w->reply);
    return hash(h, &w->ra, sizeof w->ra);
}

static struct outcome outcome_of(const struct recording *r, unsigned depth, const struct world *w,
                                 const struct merge_count *now)
{
    const struct ending *rest = settled_as[depth];
    struct outcome o = {.operations = w->flash.operations - r->operations,
                        .cuts = now->cuts - r->count.cuts};
    if (rest != NULL) { /* the cuts of that rest are counted */
        o.world = rest->outcome.world;
        o.operations += rest->outcome.operations;
        return o;
    }
    const uint64_t world[] = {(uint64_t)w->true_ms, w->noise_state, w->steps};
    o.world = hash_ca(hash(3, world, sizeof world), &w->ca);
    return o;
}

static bool has_weak(const struct content *c, uint32_t at, uint32_t size)
{
    return c->shadow != NULL && memcmp(c->memory + at, c->shadow + at, size) != 0;
}

/* The bytes, what weak cells may be instead, which units were programmed. */
static uint64_t hash_run(uint64_t h, const struct content *c, uint32_t at, uint32_t size)
{
    uint32_t first = at / c->unit;
    uint32_t last = (at + size - 1u) / c->unit;
    h = hash(h, c->memory + at, size);
    if (has_weak(c, at, size)) {
        h = hash(h, c->shadow + at, size);
    }
    for (uint32_t u = first; u <= last; u += 8) { /* 8 flags a turn, wherever they begin */
        unsigned flags = (unsigned)c->touched[u / 8] >> u % 8;
        if (u % 8 != 0 && u / 8 != last / 8) {
            flags |= (unsigned)c->touched[u / 8 + 1] << (8 - u % 8);
        }
        unsigned n = last - u + 1u < 8u ? last - u + 1u : 8u;
        h = mix(h + (flags & ((1u << n) - 1u)));
    }
    return h;
}

static uint64_t hash_grains(const struct content *c, uint32_t block, uint32_t grains)
{
    uint64_t h = 2;
    for (uint32_t g = 0; g < BLOCK;) {
        uint32_t to = g;
        while (to < BLOCK && (grains >> to & 1u) != 0) {
            to++;
        }
        if (to != g) {
            h = hash_run(h + g, c, (block * BLOCK + g) * GRAIN, (to - g) * GRAIN);
        }
        g = to + 1u;
    }
    return h | 1u;
}

static struct content content_of(const struct world *w)
{
    return (struct content){w->flash.geometry.program_unit, w->memory, w->flash.shadow, w->touched};
}

static uint64_t hash_piece(unsigned depth, const struct piece *p)
{
    const struct content c = content_of(known[depth].w);
    uint32_t b = p->block;
    bool whole = p->grains == ALL;
    uint64_t *hash = whole ? &known[depth].block[b].whole : &known[depth].block[b].part;
    if (*hash != 0 && (whole || known[depth].block[b].grains == p->grains)) {
        return *hash;
    }
    known[depth].block[b].grains = whole ? known[depth].block[b].grains : p->grains;
    if (depth != 0 && !known[depth].block[b].own) {
        uint64_t of_parent = hash_piece(depth - 1u, p);
        if (!known[depth - 1u].block[b].weak) {
            *hash = of_parent;
            return of_parent;
        } /* what is weak may have been settled by the cut */
    }
    *hash = hash_grains(&c, b, p->grains);
    known[depth].block[b].weak = has_weak(&c, b * BLOCK * GRAIN, BLOCK * GRAIN);
    return *hash;
}

/* What differed once is looked at first the next time. */
static bool same_content(struct ending *e, unsigned depth, const struct world *w)
{
    for (uint32_t i = 0; i < e->pieces; i++) {
        struct piece p = e->piece[i];
        if (hash_piece(depth, &p) != p.content) {
            e->piece[i] = e->piece[0];
            e->piece[0] = p;
            return false;
        }
    }
    return e->weak_seed == 0 || e->weak_seed == w->flash.seed;
}

/* What was met last stands first. */
static const struct ending *find(uint64_t state, unsigned depth, const struct world *w)
{
    struct ending **first = &slots[state % SLOTS];
    unsigned alike = 0;
    for (struct ending **at = first; *at != NULL && alike < ALIKE_MAX; at = &(*at)->next) {
        struct ending *e = *at;
        alike += e->state == state;
        if (e->state == state && same_content(e, depth, w)) {
            *at = e->next;
            e->next = *first;
            *first = e;
            return e;
        }
    }
    return NULL;
}

static void note(unsigned depth, uint32_t block, uint32_t grains)
{
    for (unsigned i = MERGE_POINTS; i < (depth + 1u) * MERGE_POINTS; i++) {
        unsigned d = i / MERGE_POINTS;
        struct recording *r = &recordings[d][i % MERGE_POINTS];
        if (!r->open || (grains & ~r->read[block]) == 0) {
            continue;
        }
        uint32_t sector = block * BLOCK * GRAIN / r->sector_size;
        bool gone = r->erased[sector] != 0;
        for (unsigned e = d + 1u; e <= depth; e++) {
            gone = gone || erased_since_cut[e][sector] != 0;
        }
        r->read[block] |= gone ? 0 : grains;
    }
}

/* Of this world alone: after a further cut they answer by that one's seed. */
static void note_weak(unsigned depth)
{
    recordings[depth][MERGE_POWER_ON].weak = true;
    recordings[depth][MERGE_SETTLED].weak = true;
}

void merge_read(unsigned depth, const struct world *w, uint32_t at, uint32_t size)
{
    const uint32_t step = BLOCK * GRAIN;
    const uint32_t unit = w->flash.geometry.program_unit;
    if (w->flash.shadow != NULL && memcmp(w->memory + at, w->flash.shadow + at, size) != 0) {
        note_weak(depth);
        size += at % unit; /* how weak cells answer depends on their whole unit */
        at -= at % unit;
        size = (size + unit - 1u) / unit * unit;
    }
    for (uint32_t b = at / step; b * step < at + size; b++) {
        uint32_t from = at > b * step ? (at - b * step) / GRAIN : 0;
        uint32_t to =
            at + size < (b + 1u) * step ? (at + size - b * step + GRAIN - 1u) / GRAIN : BLOCK;
        note(depth, b, ALL << from & ALL >> (BLOCK - to));
    }
}

void merge_erase(unsigned depth, uint32_t sector, uint32_t size)
{
    merge_change(depth, sector * size, size);
    erased_since_cut[depth][sector] = 1;
    recordings[depth][MERGE_POWER_ON].erased[sector] = 1;
    recordings[depth][MERGE_SETTLED].erased[sector] = 1;
}

bool merge_begin(unsigned depth, enum merge_point point, const struct world *w,
                 const void *expected, size_t size, const struct merge_count *now,
                 unsigned long *cuts)
{
    struct recording *r = &recordings[depth][point];
    static unsigned long met;
    uint64_t state = state_of(depth, point, w, expected, size);
    const struct ending *e = find(state, depth, w);
    settled_as[depth] = NULL;
    const struct recording *whole = &recordings[depth][MERGE_POWER_ON];
    bool tried = point == MERGE_SETTLED && whole->open && whole->known != NULL; /* to its end */
    if (e != NULL && !tried && met++ % MERGE_TRIED != 0) {
        for (uint32_t i = 0; i < e->pieces; i++) {
            note(depth, e->piece[i].block, e->piece[i].grains);
        }
        if (e->weak_seed != 0) {
            note_weak(depth);
        }
        settled_as[depth] = e;
        *cuts = e->outcome.cuts;
        return true;
    }
    r->open = true;
    r->known = e;
    r->operations = w->flash.operations;
    r->weak = false;
    r->weak_seed = w->flash.seed;
    r->count = *now;
    r->state = state;
    r->unit = w->flash.geometry.program_unit;
    r->sector_size = w->flash.geometry.sector_size;
    r->shadowed = w->flash.shadow != NULL;
    memset(r->read, 0, sizeof r->read);
    memset(r->erased, 0, sizeof r->erased);
    memcpy(r->memory, w->memory, w->flash.size);
    memcpy(r->touched, w->touched, (w->flash.size / r->unit + 7u) / 8u);
    if (r->shadowed) {
        memcpy(r->shadow, w->flash.shadow, w->flash.size);
    }
    return false;
}

static void keep(const struct recording *r, const struct outcome *outcome)
{
    const struct content c = {r->unit, r->memory, r->shadowed ? r->shadow : NULL, r->touched};
    uint32_t pieces = 0;
    for (uint32_t b = 0; b < BLOCKS; b++) {
        pieces += r->read[b] != 0;
    }
    struct ending *e = malloc(sizeof *e + pieces * sizeof e->piece[0]);
    if (e == NULL) {
        abort();
    }
    struct ending **first = &slots[r->state % SLOTS];
    *e = (struct ending){.next = *first,
                         .state = r->state,
                         .outcome = *outcome,
                         .weak_seed = r->weak ? r->weak_seed : 0};
    for (uint32_t b = 0; b < BLOCKS; b++) {
        if (r->read[b] != 0) {
            e->piece[e->pieces++] = (struct piece){b, r->read[b], hash_grains(&c, b, r->read[b])};
        }
    }
    *first = e;
}

bool merge_end(unsigned depth, const struct world *w, const struct merge_count *now)
{
    bool right = true;
    for (unsigned point = 0; point < MERGE_POINTS; point++) {
        struct recording *r = &recordings[depth][point];
        bool passed = r->count.failures == now->failures;
        if (!r->open) {
            continue;
        }
        struct outcome o = outcome_of(r, depth, w, now);
        if (r->known != NULL) {
            const struct outcome *k = &r->known->outcome;
            right = right && passed && k->world == o.world && k->operations == o.operations &&
                    k->cuts == o.cuts;
        } else if (passed) {
            keep(r, &o);
        }
        r->open = false;
    }
    return right;
}
