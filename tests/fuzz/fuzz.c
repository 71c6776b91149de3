#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pki_vectors.h"
#include "scep_vectors.h"
#include "world_vectors.h"

void fuzz_must(bool truth, const char *what)
{
    if (!truth) {
        (void)fprintf(stderr, "fuzz: not true: %s\n", what);
        abort();
    }
}

uint8_t *fuzz_copy(const uint8_t *p, size_t size, size_t cap)
{
    uint8_t *copy = malloc(cap);
    fuzz_must(copy != NULL && size <= cap, "a copy");
    if (size != 0) {
        memcpy(copy, p, size);
    }
    return copy;
}

void fuzz_free(uint8_t *copy)
{
    free(copy);
}

uint32_t fuzz_hash(const uint8_t *p, size_t size)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < size; i++) {
        h = (uint32_t)((h ^ p[i]) * (uint64_t)16777619u);
    }
    return h;
}

size_t fuzz_piece(struct fuzz_pieces *f, size_t left)
{
    f->seed = (uint32_t)(f->seed * (uint64_t)1664525u + 1013904223u);
    size_t n = (f->seed >> 30) != 0 ? 1 + (f->seed >> 8) % 40 : 1 + (f->seed >> 8) % 3000;
    n = f->way == FUZZ_BYTES ? 1 : f->way == FUZZ_WHOLE ? left : n;
    return n < left ? n : left;
}

struct ra_span fuzz_take(struct ra_span *rest, size_t size)
{
    struct ra_span taken = {rest->p, size < rest->size ? size : rest->size};
    if (taken.size != 0) {
        rest->p += taken.size;
        rest->size -= taken.size;
    }
    return taken;
}

struct ra_span fuzz_part(struct ra_span *rest, uint8_t end)
{
    const uint8_t *at = rest->size == 0 ? NULL : memchr(rest->p, end, rest->size);
    struct ra_span part = fuzz_take(rest, at == NULL ? rest->size : (size_t)(at - rest->p));
    (void)fuzz_take(rest, 1);
    return part;
}

uint8_t fuzz_byte(struct ra_span *rest)
{
    struct ra_span one = fuzz_take(rest, 1);
    return one.size == 0 ? 0 : one.p[0];
}

struct ra_span fuzz_blob(const char *name)
{
    for (const struct pki_blob *b = pki_blobs; b->name != NULL; b++) {
        if (strcmp(b->name, name) == 0) {
            return (struct ra_span){b->p, b->size};
        }
    }
    for (const struct pki_blob *b = scep_blobs; b->name != NULL; b++) {
        if (strcmp(b->name, name) == 0) {
            return (struct ra_span){b->p, b->size};
        }
    }
    for (const struct pki_cert *c = pki_certs; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return (struct ra_span){c->p, c->size};
        }
    }
    for (const struct world_blob *b = world_blobs; b->name != NULL; b++) {
        if (strcmp(b->name, name) == 0) {
            return (struct ra_span){b->p, b->size};
        }
    }
    fuzz_must(false, name);
    return (struct ra_span){NULL, 0};
}
