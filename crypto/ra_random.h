/* ra_random.h - random numbers: SP 800-90A Hash_DRBG (SHA-256) over the board's noise source.
 *
 * Every byte of the noise source goes through the two health tests of SP 800-90B
 * 4.4 and then into SHA-512, whose output seeds the generator; no byte of it is
 * used directly. The source is credited with one bit of min-entropy a byte
 * (hal_entropy.h), so that 1024 bytes at start and 512 bytes at each reseed are
 * 1024 and 512 bits for a 256-bit generator.
 *
 * Start-up: 1024 bytes, in calls of at most 64 bytes, before the first output.
 * Repetition count: cutoff 31. Adaptive proportion: window 512, cutoff 325. Both
 * for H = 1 and a false alarm rate of 2^-30. They go on over every later byte.
 *
 * A failed health test is final for this struct (RA_E_ENTROPY_HEALTH from every
 * call until ra_random_init): a source that failed once is not trusted again
 * before a reset. A source that reports failure itself (-1) gives RA_E_ENTROPY
 * and may be tried again: seeding then starts over.
 *
 * Instructions on a Cortex-M3: at most 200 000 for one call of ra_random_seed (the
 * last, which runs the generator's known-answer tests), 12 000 for 32 random bytes.
 * Stack: 1050 bytes.
 *
 * State: caller-owned, 464 bytes, not to be copied or moved once initialised (it
 * holds pointers into itself). The seed callback of wolfSSL takes no argument: one
 * static pointer is set during the one call that needs it and cleared after (one
 * thread, never from an interrupt).
 * A power cut loses the state; the next boot seeds anew.
 */
#ifndef RA_RANDOM_H
#define RA_RANDOM_H

#include "hal_entropy.h"
#include "ra_error.h"
#include "ra_hash.h"

#include <stddef.h>
#include <stdint.h>

#define RA_RANDOM_START_BYTES 1024u  /* health-tested before the first output      */
#define RA_RANDOM_RESEED_BYTES 512u  /* collected for each later reseed            */
#define RA_RANDOM_RESEED_AFTER 4096u /* calls of the generator between two reseeds */
#define RA_RANDOM_CHUNK 64u          /* bytes asked of the source at once          */
#define RA_RANDOM_REPEAT_CUTOFF 31u
#define RA_RANDOM_PROPORTION_WINDOW 512u
#define RA_RANDOM_PROPORTION_CUTOFF 325u

struct ra_random {
    const struct hal_entropy *source;
    ra_err failed; /* sticky health failure, or RA_OK */
    uint8_t ready; /* seeded: bytes may be drawn      */
    uint8_t last;  /* repetition count test           */
    uint8_t first; /* adaptive proportion test        */
    uint8_t started;
    uint16_t repeats;
    uint16_t window;
    uint16_t proportion;
    uint16_t collected; /* bytes in the pool               */
    uint32_t calls;     /* since the last (re)seed         */
    struct ra_hash_state pool;
    uint64_t drbg_[24];
};

/* Forgets everything and binds the source, which must outlive the struct. Reads
 * nothing from it. RA_E_ARGUMENT without a source or its read function. */
ra_err ra_random_init(struct ra_random *r, const struct hal_entropy *source);

/* One bounded slice of the start-up: one call of the source (at most 64 bytes), its
 * tests, and after the last slice the instantiation of the generator.
 * RA_AGAIN until seeded (also while the source has nothing ready), then RA_OK for
 * ever without touching the source. RA_E_ENTROPY, RA_E_ENTROPY_HEALTH as above. */
ra_err ra_random_seed(struct ra_random *r);

/* 1 once seeded and healthy. */
int ra_random_ready(const struct ra_random *r);

/* `size` random bytes (at most 65536 a call). RA_E_RANDOM_STATE before seeded.
 * After RA_RANDOM_RESEED_AFTER calls each call also takes one chunk from the source
 * until RA_RANDOM_RESEED_BYTES are together, then reseeds; a source that has nothing
 * ready or reports failure then does not stop the generator before 16 times that
 * number of calls (RA_E_ENTROPY), a failed health test does at once. On an error
 * `out` is zeroed. */
ra_err ra_random_bytes(struct ra_random *r, uint8_t *out, size_t size);

/* Zeroes everything. Call ra_random_init before the next use. */
void ra_random_wipe(struct ra_random *r);

#endif
