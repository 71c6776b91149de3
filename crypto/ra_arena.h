/* ra_arena.h - the fixed memory that wolfSSL's TLS allocates from: first fit, coalescing.
 *
 * Only wolfSSL's TLS allocates, and only while ra_tls.c has entered an arena; at every other
 * moment a request for memory is answered with NULL (and counted, in test builds), so that the
 * primitives the rest of crypto/ uses keep allocating nothing.
 *
 * Owner: the caller gives the memory; the bookkeeping lies in it, 8 bytes for each block. Blocks
 *        are aligned to 8 bytes. A request of 0 bytes gives a block (wolfSSL takes NULL for "no
 *        memory").
 * Bound: a call walks the list of blocks, some hundred at most in a handshake.
 * Out of memory is sticky: wolfSSL does not report each failed request, so `failed` stays set
 * and ra_tls.c ends the connection.
 * Threads: one, as for all of Perennial. A power cut leaves nothing.
 */
#ifndef RA_ARENA_H
#define RA_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"

#define RA_ARENA_MIN 64

/* Read only for others. */
struct ra_arena {
    uint8_t *memory;
    size_t size;
    size_t used,
        peak;    /* bytes handed out, with their headers; peak: the end of the highest block */
    bool failed; /* a request could not be met since init */
};

/* All of `memory` is one free block; what it held is lost. It is aligned to 8 bytes.
 * RA_E_ARGUMENT: it is not, or size is under RA_ARENA_MIN. */
ra_err ra_arena_init(struct ra_arena *a, void *memory, size_t size);

/* NULL when no free block is large enough; `failed` is then set. */
void *ra_arena_alloc(struct ra_arena *a, size_t size);
/* Like realloc; the old block stays when NULL is returned. */
void *ra_arena_realloc(struct ra_arena *a, void *p, size_t size);
/* Zeroes the block and gives it back; NULL, and a pointer that is not to a block in use, do
 * nothing. */
void ra_arena_free(struct ra_arena *a, void *p);

/* Zeroes all of the memory; init before the next use. */
void ra_arena_wipe(struct ra_arena *a);

/* Between the two calls wolfSSL's requests are met from `a`. One arena at a time. */
void ra_arena_enter(struct ra_arena *a);
void ra_arena_leave(void);

#endif
