#include "merge.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS 1024u
#define GRAIN 16u /* bytes of flash that are noted together */
#define SLOTS 4096u

/* What the rest of a life has read: runs of grains, and the hash of their content before. */
struct ending {
    struct ending *next;
    uint64_t state, content, end;
    uint32_t runs;
    unsigned long cuts;
    struct {
        uint32_t from, to;
    } run[];
};

static struct ending *slots[SLOTS];

static struct recording {
    bool open, weak;
    const struct ending *known; /* this life is one of those that are run all the same */
    uint64_t state;
    uint32_t operations; /* of the flash, until then */
    uint32_t sector_size, size, unit;
    bool shadowed;
    uint8_t read[WORLD_FLASH_MAX / GRAIN]; /* 1: this grain */
    uint8_t erased[SECTORS];
    uint8_t memory[WORLD_FLASH_MAX], shadow[WORLD_FLASH_MAX], touched[WORLD_UNITS_MAX / 8];
} recordings[MERGE_DEPTH_MAX + 1];

static uint8_t erased_since_cut[MERGE_DEPTH_MAX + 1][SECTORS];

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
        recordings[i].open = false;
    }
}

void merge_cut(unsigned depth)
{
    memset(erased_since_cut[depth], 0, sizeof erased_since_cut[depth]);
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
static uint64_t state_of(unsigned depth, const struct world *w, const void *expected, size_t size)
{
    const struct world_link *l = &w->link;
    const uint64_t rest[] = {depth,
                             (uint64_t)w->true_ms,
                             (uint64_t)w->boot_ms,
                             (uint64_t)w->board_error_s,
                             w->noise_state,
                             w->idle,
                             w->pace_ms,
                             w->flash.shadow != NULL,
                             w->flash.fades,
                             w->flash.violations,
                             (uint64_t)l->state,
                             (uint64_t)l->error,
                             l->request_size,
                             l->reply_size,
                             l->reply_at,
                             (uint64_t)l->reply_ms};
    uint64_t h = hash(1, rest, sizeof rest);
    h = hash(h, expected, size);
    h = hash(h, w->told, sizeof w->told);
    h = hash(h, l->request, l->request_size);
    h = hash(h, l->reply, l->reply_size);
    h = hash(h, w->reply, sizeof w->reply);
    h = hash_ca(h, &w->ca);
    return hash(h, &w->ra, sizeof w->ra);
}

/* What a life has come to: whoever goes the same way leaves the same. */
static uint64_t end_of(const struct recording *r, const struct world *w, unsigned long cuts)
{
    const uint64_t rest[] = {(uint64_t)w->true_ms, w->noise_state, w->steps, cuts,
                             w->flash.operations - r->operations};
    return hash_ca(hash(3, rest, sizeof rest), &w->ca);
}

/* Of grains from .. to - 1: the bytes, what weak cells may be instead, what was programmed. */
static uint64_t content_of(uint64_t h, uint32_t unit, const uint8_t *memory, const uint8_t *shadow,
                           const uint8_t *touched, uint32_t from, uint32_t to)
{
    uint32_t first = from * GRAIN / unit;
    uint32_t last = (to * GRAIN - 1u) / unit;
    h = hash(h, memory + from * GRAIN, (to - from) * GRAIN);
    if (shadow != NULL) {
        h = hash(h, shadow + from * GRAIN, (to - from) * GRAIN);
    }
    for (uint32_t u = first; u <= last; u += 8) { /* 8 flags a turn, wherever they begin */
        unsigned flags = (unsigned)touched[u / 8] >> u % 8;
        if (u % 8 != 0 && u / 8 != last / 8) {
            flags |= (unsigned)touched[u / 8 + 1] << (8 - u % 8);
        }
        unsigned n = last - u + 1u < 8u ? last - u + 1u : 8u;
        h = mix(h + (flags & ((1u << n) - 1u)));
    }
    return h;
}

static void note(unsigned depth, uint32_t from, uint32_t to)
{
    for (unsigned d = 1; d <= depth; d++) {
        struct recording *r = &recordings[d];
        for (uint32_t g = from; r->open && g < to; g++) {
            if (r->read[g] != 0) {
                continue;
            }
            uint32_t sector = g * GRAIN / r->sector_size;
            bool gone = r->erased[sector] != 0;
            for (unsigned e = d + 1u; e <= depth; e++) {
                gone = gone || erased_since_cut[e][sector] != 0;
            }
            r->read[g] = !gone;
        }
    }
}

void merge_read(unsigned depth, const struct world *w, uint32_t at, uint32_t size)
{
    struct recording *r = &recordings[depth];
    note(depth, at / GRAIN, (at + size + GRAIN - 1u) / GRAIN);
    if (r->open && w->flash.shadow != NULL &&
        memcmp(w->memory + at, w->flash.shadow + at, size) != 0) {
        r->weak = true;
    }
}

void merge_erase(unsigned depth, uint32_t sector)
{
    erased_since_cut[depth][sector] = 1;
    recordings[depth].erased[sector] = 1;
}

bool merge_begin(unsigned depth, const struct world *w, const void *expected, size_t size,
                 unsigned long *cuts)
{
    struct recording *r = &recordings[depth];
    static unsigned long met;
    r->known = NULL;
    uint64_t state = state_of(depth, w, expected, size);
    uint32_t unit = w->flash.geometry.program_unit;
    for (const struct ending *e = slots[state % SLOTS]; e != NULL; e = e->next) {
        uint64_t content = 2;
        for (uint32_t i = 0; e->state == state && i < e->runs; i++) {
            content = content_of(content, unit, w->memory, w->flash.shadow, w->touched,
                                 e->run[i].from, e->run[i].to);
        }
        if (e->state == state && content == e->content && met++ % MERGE_TRIED == 0) {
            r->known = e;
            break;
        }
        if (e->state == state && content == e->content) {
            for (uint32_t i = 0; i < e->runs; i++) {
                note(depth, e->run[i].from, e->run[i].to);
            }
            *cuts = e->cuts;
            return true;
        }
    }
    r->open = true;
    r->operations = w->flash.operations;
    r->weak = false;
    r->state = state;
    r->unit = unit;
    r->sector_size = w->flash.geometry.sector_size;
    r->size = w->flash.size;
    r->shadowed = w->flash.shadow != NULL;
    memset(r->read, 0, sizeof r->read);
    memset(r->erased, 0, sizeof r->erased);
    memcpy(r->memory, w->memory, r->size);
    memcpy(r->touched, w->touched, (r->size / unit + 7u) / 8u);
    if (r->shadowed) {
        memcpy(r->shadow, w->flash.shadow, r->size);
    }
    return false;
}

bool merge_end(unsigned depth, const struct world *w, bool passed, unsigned long cuts)
{
    struct recording *r = &recordings[depth];
    uint32_t grains = r->size / GRAIN;
    uint32_t runs = 0;
    uint64_t end = r->open ? end_of(r, w, cuts) : 0;
    bool right = !r->open || r->known == NULL || (passed && r->known->end == end);
    if (r->open && passed && !r->weak && r->known == NULL) {
        for (uint32_t g = 0; g < grains; g++) {
            runs += r->read[g] != 0 && (g == 0 || r->read[g - 1u] == 0);
        }
        struct ending *e = malloc(sizeof *e + runs * sizeof e->run[0]);
        if (e == NULL) {
            abort();
        }
        *e = (struct ending){.next = slots[r->state % SLOTS],
                             .state = r->state,
                             .content = 2,
                             .end = end,
                             .cuts = cuts,
                             .runs = runs};
        runs = 0;
        for (uint32_t g = 0; g < grains; g++) {
            if (r->read[g] != 0) {
                uint32_t from = g;
                while (g < grains && r->read[g] != 0) {
                    g++;
                }
                e->run[runs].from = from;
                e->run[runs++].to = g;
                e->content = content_of(e->content, r->unit, r->memory,
                                        r->shadowed ? r->shadow : NULL, r->touched, from, g);
            }
        }
        slots[r->state % SLOTS] = e;
    }
    r->open = false;
    return right;
}
