#include "ra_arena.h"

#include <string.h>

#include "ra_hash.h"
#include "ra_wolfssl_check.h"

/* In front of each block; the blocks lie side by side. */
struct block {
    uint32_t size; /* with this header, a multiple of 8 */
    uint32_t used;
};

#define UNIT sizeof(struct block)

_Static_assert(sizeof(struct block) == 8, "blocks are aligned to 8 bytes");

static struct block *at(const struct ra_arena *a, size_t offset)
{
    return (struct block *)(void *)(a->memory + offset);
}

ra_err ra_arena_init(struct ra_arena *a, void *memory, size_t size)
{
    memset(a, 0, sizeof *a);
    if (memory == NULL || (uintptr_t)memory % UNIT != 0 || size < RA_ARENA_MIN ||
        size > UINT32_MAX) {
        return RA_E_ARGUMENT;
    }
    a->memory = memory;
    a->size = size / UNIT * UNIT;
    at(a, 0)->size = (uint32_t)a->size;
    at(a, 0)->used = 0;
    return RA_OK;
}

/* The free neighbours behind the block at `offset` become part of it. */
static void join(const struct ra_arena *a, size_t offset)
{
    struct block *b = at(a, offset);
    while (offset + b->size < a->size && at(a, offset + b->size)->used == 0) {
        b->size += at(a, offset + b->size)->size;
    }
}

static size_t whole(size_t size)
{
    return (size + UNIT - 1) / UNIT * UNIT + UNIT;
}

void *ra_arena_alloc(struct ra_arena *a, size_t size)
{
    size_t offset = 0;
    size_t need = size < a->size ? whole(size) : a->size + UNIT;
    for (; offset < a->size; offset += at(a, offset)->size) {
        struct block *b = at(a, offset);
        if (b->used != 0) {
            continue;
        }
        join(a, offset);
        if (b->size >= need) {
            if (b->size > need) {
                struct block *rest = at(a, offset + need);
                rest->size = b->size - (uint32_t)need;
                rest->used = 0;
                b->size = (uint32_t)need;
            }
            b->used = 1;
            a->used += need;
            a->peak = offset + need > a->peak ? offset + need : a->peak;
            return b + 1;
        }
    }
    a->failed = true;
    return NULL;
}

/* The block in use whose content `p` is, or NULL. */
static struct block *find(const struct ra_arena *a, const void *p)
{
    for (size_t offset = 0; offset < a->size; offset += at(a, offset)->size) {
        if (at(a, offset) + 1 == p) {
            return at(a, offset)->used != 0 ? at(a, offset) : NULL;
        }
    }
    return NULL;
}

void ra_arena_free(struct ra_arena *a, void *p)
{
    struct block *b = p != NULL ? find(a, p) : NULL;
    if (b != NULL) {
        ra_wipe(b + 1, b->size - UNIT);
        b->used = 0;
        a->used -= b->size;
        join(a, (size_t)((uint8_t *)b - a->memory));
    }
}

void *ra_arena_realloc(struct ra_arena *a, void *p, size_t size)
{
    struct block *b = p != NULL ? find(a, p) : NULL;
    void *fresh = ra_arena_alloc(a, size);
    if (fresh != NULL && b != NULL) {
        size_t old = b->size - UNIT;
        memcpy(fresh, p, old < size ? old : size);
        ra_arena_free(a, p);
    }
    return fresh;
}

void ra_arena_wipe(struct ra_arena *a)
{
    ra_wipe(a->memory, a->size);
    a->used = 0;
}

/* --- wolfSSL's requests, see user_settings.h ------------------------------------- */

static struct ra_arena *entered;

void ra_arena_enter(struct ra_arena *a)
{
    entered = a;
}

void ra_arena_leave(void)
{
    entered = NULL;
}

void *ra_arena_wolfssl_alloc(size_t size)
{
    if (entered == NULL) {
#ifdef RA_TEST_ALLOC_TRAP
        return ra_wolfssl_alloc_trap(size);
#else
        return NULL;
#endif
    }
    return ra_arena_alloc(entered, size);
}

void *ra_arena_wolfssl_realloc(void *p, size_t size)
{
    return entered == NULL ? ra_arena_wolfssl_alloc(size) : ra_arena_realloc(entered, p, size);
}

void ra_arena_wolfssl_free(void *p)
{
    if (entered != NULL) {
        ra_arena_free(entered, p);
    }
}
