/* ra_keygen.h - key generation in slices.
 *
 * struct ra_keygen (caller-owned, 272 bytes) carries the state between slices; the
 * primes under way live in the key that is being made. Each slice does at most one
 * Miller-Rabin round, one sieve, or one piece of the final assembly; none is longer
 * than one private RSA operation of the same size. Between slices everything else
 * may run. A power cut loses the work done: start again.
 *
 * RSA: FIPS 186-5 A.1.3 with probable primes: e = 65537; p and q uniform odd numbers
 * from [sqrt(2) 2^(n/2-1), 2^(n/2)) with gcd(p-1, e) = 1, |p - q| > 2^(n/2-100);
 * Miller-Rabin with random bases, rounds as table B.1 (5 for RSA-2048, 4 for 3072 and
 * 4096). Where the standard draws every candidate anew, this draws a random interval
 * of 4096 numbers, strikes out all multiples of the primes below 2^16, and tests the
 * survivors in random order: each draw is uniform over the interval, and 36 candidates
 * instead of 355 odd numbers cost a Miller-Rabin round for each prime of 1024 bits (54
 * for 1536, 72 for 2048). qInv by Fermat; d > 2^(n/2) checked; a pairwise test signs and verifies.
 *
 * Longest slice of each kind in millions of instructions, and the worst stack, on a
 * Cortex-M3 (as in ra_key.h). The mean total counts what is expected, not one run:
 *
 *              sieve   Miller-Rabin   qInv    check    pair    stack    slices    total
 *   RSA-2048    8.7       23.3        22.8     1.4     48.6    7 510      86      1 930
 *   RSA-3072   11.0       75.4        74.5     2.8    155.5   10 460     120      8 750
 *   RSA-4096   13.4      186.5       185.9     4.8    383.0    9 250     156     28 500
 *   P-256      make 0.7                                 3.6    6 240       2          4
 *   P-384      make 7.0                                28.6    8 690       2         36
 *
 * EC: the private number comes from the generator by rejection (FIPS 186-5 A.2.2);
 * two slices: make, and pairwise test.
 */
#ifndef RA_KEYGEN_H
#define RA_KEYGEN_H

#include "ra_error.h"
#include "ra_key.h"
#include "ra_random.h"

#include <stdint.h>

/* Candidates that reach Miller-Rabin before giving up, for each prime: 28 to 56 times
 * the number expected, so that a healthy generator gives up less than once in 10^12. */
#define RA_KEYGEN_CANDIDATES_MAX 2048u
#define RA_KEYGEN_SIEVE 2048u /* odd numbers in one interval */

struct ra_keygen {
    enum ra_key_alg alg;
    uint8_t state;
    uint8_t round;                        /* Miller-Rabin rounds the candidate has passed  */
    uint16_t index;                       /* of the candidate under test                   */
    uint16_t left;                        /* survivors of the sieve not tried yet          */
    uint16_t tried;                       /* candidates for the present prime              */
    uint32_t progress;                    /* candidates tried in all                       */
    uint32_t sieve[RA_KEYGEN_SIEVE / 32]; /* 1: composite or tried        */
};

/* Prepares for one key of `alg`. RA_E_KEY_ALGORITHM when this build has not got it. */
ra_err ra_keygen_start(struct ra_keygen *g, enum ra_key_alg alg);

/* One slice. `out` is scratch from the first slice on and must be the same struct,
 * untouched, in each; it holds the key only after RA_OK. RA_AGAIN: call again.
 * RA_E_RANDOM_STATE, RA_E_ENTROPY*: from the generator, call again when it is seeded.
 * RA_E_KEYGEN_GAVE_UP, RA_E_CRYPTO_INTERNAL: over, `out` and `g` are wiped.
 * RA_E_STATE when there is nothing to do. */
ra_err ra_keygen_step(struct ra_keygen *g, struct ra_random *random, struct ra_key *out);

/* Candidates tried so far; the expected total is ra_keygen_expected(alg). Counts up,
 * never resets during one key. */
uint32_t ra_keygen_progress(const struct ra_keygen *g);
uint32_t ra_keygen_expected(enum ra_key_alg alg);

/* Abandons the work: wipes both. */
void ra_keygen_cancel(struct ra_keygen *g, struct ra_key *out);

#endif
