/* ra_crypto_internal.h - what the files of crypto/ share. Not for other rooms: it
 * includes wolfSSL.
 *
 * Numbers. struct ra_key stores RSA numbers as wolfSSL SP integers of just the size
 * they need: a header of 8 bytes (digits used, digits there), then the digits. Our
 * own temporaries are made the same way from arrays of 64-bit words, so that none
 * takes the kilobyte of a full mp_int.
 */
#ifndef RA_CRYPTO_INTERNAL_H
#define RA_CRYPTO_INTERNAL_H

#include "ra_key.h"
#include "ra_random.h"
#include "ra_wolfssl_check.h"

#include <wolfssl/wolfcrypt/types.h>

#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/sp_int.h>

#define RA_RSA_BYTES_MAX (RA_RSA_BITS_MAX / 8)

/* 64-bit words of a number of `bits` with one digit to spare, header included. */
#define RA_MP_WORDS(bits) ((bits) / 64 + 2)

/* An SP integer of value 0 in `words` words at `w`. Kept out of line on purpose: the
 * compiler must not see that the object is smaller than wolfSSL's type for it. */
sp_int *ra_mp_init(uint64_t *w, size_t words);

/* Overwrites the stack below the caller, as deep as work with a private key goes: wolfSSL's numbers
 * and spilled registers stay there. The work must be a call of its own (RA_OUT_OF_LINE). */
void ra_wipe_stack_key(void);       /* reading and writing keys  */
void ra_wipe_stack_operation(void); /* sign, decrypt, make a key */
#define RA_OUT_OF_LINE __attribute__((noinline))

enum ra_rsa_part { RA_RSA_N, RA_RSA_P, RA_RSA_Q, RA_RSA_DP, RA_RSA_DQ, RA_RSA_QI };

/* The number inside the key; ra_rsa_part_init also makes it 0. */
sp_int *ra_rsa_part(struct ra_key *key, enum ra_rsa_part part);
const sp_int *ra_rsa_part_const(const struct ra_key *key, enum ra_rsa_part part);
sp_int *ra_rsa_part_init(struct ra_key *key, enum ra_rsa_part part);

/* a mod d, d > 0. */
uint32_t ra_mp_mod32(const sp_int *a, uint32_t d);
/* a^-1 mod d for odd d > 1; 0 when there is none. */
uint32_t ra_mp_inverse32(uint32_t a, uint32_t d);
/* r = (x + k a) / d for odd d that divides it; x NULL means 1. r has room for a's
 * digits and x <= a; r may be x. The time depends on the sizes only. */
void ra_mp_divide_exact(const sp_int *x, uint32_t k, const sp_int *a, uint32_t d, sp_int *r);
/* d = e^-1 mod m for odd e > 2 with gcd(e, m) = 1: RA_OK, else RA_E_KEY_FORMAT. */
ra_err ra_mp_inverse_small(uint32_t e, const sp_int *m, sp_int *d);

/* r = base^exponent mod `mod`, constant time, for mod of 1024, 1536 or 2048 bits. r has
 * room for twice the bits of mod (1024, 1536) or for those of mod (2048). */
ra_err ra_mp_power(const sp_int *base, const sp_int *exponent, const sp_int *mod, sp_int *r);
/* 64-bit words of that r. */
#define RA_MP_POWER_WORDS(bits) RA_MP_WORDS((bits) == 2048 ? 2048 : 2 * (bits))

/* out = in^e mod n; both of the key's block size. RA_E_SIGNATURE when in >= n. */
ra_err ra_rsa_public(const struct ra_key *key, const uint8_t *in, uint8_t *out);
/* out = in^d mod n, blinded and checked; `out` is not `in`. RA_E_DECRYPT when in >= n,
 * RA_E_RANDOM_STATE, RA_E_CRYPTO_INTERNAL when the check fails. */
ra_err ra_rsa_private(const struct ra_key *key, struct ra_random *random, const uint8_t *in,
                      uint8_t *out);
/* The parts of a private key agree. */
ra_err ra_rsa_check(const struct ra_key *key);
/* d > 2^(bits/2), into r (room for n and a digit). */
ra_err ra_rsa_private_exponent(const struct ra_key *key, sp_int *r);

/* EC keys: big-endian bytes of the field size in key->opaque_. */
#define RA_EC_BYTES_MAX 48u
struct ra_ec_numbers {
    uint8_t x[RA_EC_BYTES_MAX];
    uint8_t y[RA_EC_BYTES_MAX];
    uint8_t d[RA_EC_BYTES_MAX];
};
struct ra_ec_numbers *ra_ec_numbers(struct ra_key *key);
const struct ra_ec_numbers *ra_ec_numbers_const(const struct ra_key *key);
/* x, y < p and on the curve: RA_OK, else RA_E_KEY_ALGORITHM. */
ra_err ra_ec_check_point(const struct ra_key *key);
/* x, y from d. RA_E_KEY_FORMAT unless 0 < d < order. */
ra_err ra_ec_make_public(struct ra_key *key);
/* A new d, and its point. */
ra_err ra_ec_generate(struct ra_key *key, struct ra_random *random);
/* r and s as big-endian bytes of the field size. */
ra_err ra_ec_sign(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest, uint8_t *r,
                  uint8_t *s);
ra_err ra_ec_verify(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest,
                    const uint8_t *r, const uint8_t *s);

/* wolfSSL's generator inside `r`, NULL when it is not seeded. */
WC_RNG *ra_random_wolfssl(struct ra_random *r);

#endif
