/* ra_key.h - RSA and ECDSA keys: in and out of DER, sign, verify, encrypt, decrypt.
 *
 * A struct ra_key holds one public or private key by value: no pointer in it, so it
 * may be copied; the caller owns it and calls ra_key_wipe when the private part is no
 * longer needed. On a 32-bit machine it takes 1848 bytes for RA_RSA_BITS_MAX
 * 4096, 1400 for 3072, 952 for 2048 (wolfSSL's own RsaKey: 8316, 6268, 4220). That is n, p, q, dP, dQ and qInv; d is computed when the key is
 * written out.
 *
 * Sizes. Private RSA keys: 2048, 3072, 4096 bits up to RA_RSA_BITS_MAX, two primes.
 * Public RSA keys: any multiple of 8 bits from 2048 to RA_RSA_BITS_MAX; `alg` then
 * names the next larger class, ra_key_block_size tells the exact size. Exponent: odd,
 * 3 .. 2^32 - 1 (old roots have 3; the whole padded block is compared, so that a small
 * exponent gives a forger nothing). EC: P-256 and P-384 as named curves, uncompressed
 * points, checked to lie on the curve.
 *
 * Side channels. RSA private operations are blinded with 128 random bits (the
 * multiplier of a Cortex-M3 is not constant time) and use wolfSSL's constant-time
 * exponentiation with the CRT; each result is checked with the public key before it
 * leaves (a fault in one half of the CRT would give the key away). ECDSA takes its
 * nonce from the key and the digest (RFC 6979): the same input gives the same
 * signature, which a request rebuilt after a reset relies on. Padding errors of a
 * decryption all look alike: RA_E_DECRYPT. After each call that had a private key in hand the
 * stack below it is overwritten as deep as it was used.
 *
 * Cost of one call, in thousands of instructions and bytes of stack below the caller
 * (Cortex-M3, -Os, Cortex-M assembly, RA_RSA_BITS_MAX 4096; QEMU with -icount):
 *
 *              from_der      to_der      sign, decrypt    verify, encrypt  from_spki
 *   RSA-2048   137  1840    1286  2384    48 600  6930     1 270   3290     12   110
 *   RSA-3072   252  2350    2636  2640   155 700  9870     2 760   4310     12   110
 *   RSA-4096   422  2870    4378  2900   383 100  8660     4 820   5340     13   110
 *   P-256      687  4710       2   100     1 310  2320     2 270   5660     29   780
 *   P-384    6 955  5240       3   100     8 800  3060    19 810   8100     46   980
 *
 * RSA public keys of other sizes than these three take up to 18 million and 7.0 KB.
 * Of RSA signing, 5 % are the blinding and the check; the rest is wolfSSL's bare
 * operation. RSA-4096 takes less stack than 3072 because wolfSSL's window is smaller.
 *
 * No call allocates, keeps state, or leaves anything behind on a power cut.
 *
 * Source: RFC 8017 (PKCS #1), RFC 5915 (EC private key), RFC 5958/5208 (PKCS #8),
 * RFC 5280 4.1.2.7, RFC 3279 2.3, RFC 5480 (SubjectPublicKeyInfo), RFC 6979.
 */
#ifndef RA_KEY_H
#define RA_KEY_H

#include "ra_error.h"
#include "ra_hash.h"
#include "ra_limits.h"
#include "ra_random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ra_key_alg {
    RA_KEY_NONE = 0,
    RA_KEY_RSA_2048 = 1,
    RA_KEY_RSA_3072 = 2,
    RA_KEY_RSA_4096 = 3,
    RA_KEY_EC_P256 = 4,
    RA_KEY_EC_P384 = 5
};

enum ra_padding {
    RA_PAD_PKCS1 = 0,      /* RSAES-PKCS1-v1_5                                 */
    RA_PAD_OAEP_SHA1 = 1,  /* RSAES-OAEP, SHA-1 and MGF1-SHA-1, empty label    */
    RA_PAD_OAEP_SHA256 = 2 /* RSAES-OAEP, SHA-256 and MGF1-SHA-256, empty label */
};

/* n and five numbers of half its size, each with a header of 8 bytes. */
#define RA_KEY_STORAGE (RA_RSA_BITS_MAX / 8 + 8 + 5 * (RA_RSA_BITS_MAX / 16 + 8))

struct ra_key {
    enum ra_key_alg alg; /* read only; RA_KEY_NONE: empty                           */
    bool is_private;     /* read only                                               */
    uint16_t bits;       /* read only: exact size of the modulus or the field       */
    uint32_t exponent;   /* read only: public RSA exponent                          */
    uint64_t opaque_[RA_KEY_STORAGE / 8];
};

/* "RSA-2048", "EC P-256" ...; "none" for anything else. Static. */
const char *ra_key_alg_name(enum ra_key_alg alg);
int ra_key_is_rsa(enum ra_key_alg alg);
/* 2048, 3072, 4096, 256, 384; 0 for RA_KEY_NONE. */
unsigned ra_key_bits(enum ra_key_alg alg);

/* Bytes of the RSA modulus (= of a signature or ciphertext), or the largest DER
 * signature of an EC key (72 or 104); 0 for an empty key. */
size_t ra_key_block_size(const struct ra_key *key);

/* A private key from `size` bytes of DER: PKCS #1 RSAPrivateKey, SEC 1 ECPrivateKey
 * (named curve required), or a PKCS #8 PrivateKeyInfo around either. Bytes after the
 * structure are refused. The parts must agree: n = p q, e dP = 1 mod p-1, e dQ = 1 mod
 * q-1, q qInv = 1 mod p; an EC public point is derived from the private number and,
 * where given, must be the same.
 * RA_E_KEY_FORMAT: not such DER, or parts disagree. RA_E_KEY_ALGORITHM: another
 * algorithm, curve, size, or more than two primes. On any error `key` is empty. */
ra_err ra_key_from_der(struct ra_key *key, const uint8_t *der, size_t size);

/* The private key as PKCS #1 or SEC 1 (with curve and public point); at most
 * RA_KEY_DER_MAX bytes. d is e^-1 mod lcm(p-1, q-1) as FIPS 186-5 has it.
 * RA_E_KEY_PRIVATE for a public key, RA_E_SPACE when `cap` is too small. */
ra_err ra_key_to_der(const struct ra_key *key, uint8_t *out, size_t cap, size_t *size);

/* A public key from a DER SubjectPublicKeyInfo (all of `size` bytes).
 * RA_E_KEY_FORMAT, RA_E_KEY_ALGORITHM as above; a point off the curve or an exponent
 * or modulus out of range is RA_E_KEY_ALGORITHM. On any error `key` is empty. */
ra_err ra_key_from_spki(struct ra_key *key, const uint8_t *spki, size_t size);

/* The SubjectPublicKeyInfo in DER (at most RA_SPKI_MAX bytes). The subjectPublicKey
 * bits that a key identifier hashes are the value of its BIT STRING without the
 * leading zero octet. RA_E_SPACE, RA_E_STATE (empty key). */
ra_err ra_key_spki(const struct ra_key *key, uint8_t *out, size_t cap, size_t *size);

/* 1 when both hold the same public key (either may be private), else 0. */
int ra_key_same_public(const struct ra_key *a, const struct ra_key *b);

/* RSASSA-PKCS1-v1_5, or ECDSA as a DER SEQUENCE of r and s, over a digest of
 * ra_hash_size(alg) bytes. `cap` at least ra_key_block_size(key). RSA wants a seeded
 * `random` (RA_E_RANDOM_STATE otherwise); ECDSA does not look at it. */
ra_err ra_key_sign(const struct ra_key *key, struct ra_random *random, enum ra_hash_alg alg,
                   const uint8_t *digest, uint8_t *out, size_t cap, size_t *size);

/* RA_OK when the signature fits key and digest, else RA_E_SIGNATURE (any defect of
 * the signature, its encoding included). */
ra_err ra_key_verify(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest,
                     const uint8_t *sig, size_t sig_size);

/* RSA only (RA_E_ENCRYPTION_EC otherwise). The ciphertext has ra_key_block_size bytes
 * and `cap` must offer as many. RA_E_LIMIT when the message is too long for the key. */
ra_err ra_key_encrypt(const struct ra_key *key, struct ra_random *random, enum ra_padding padding,
                      const uint8_t *in, size_t in_size, uint8_t *out, size_t cap, size_t *size);

/* `cap` at least ra_key_block_size(key) (asked for before anything is decrypted, so
 * that no answer depends on the length of the message). RA_E_DECRYPT for everything
 * that is wrong with the ciphertext; an empty message counts as wrong. */
ra_err ra_key_decrypt(const struct ra_key *key, struct ra_random *random, enum ra_padding padding,
                      const uint8_t *in, size_t in_size, uint8_t *out, size_t cap, size_t *size);

/* Zeroes the key; it is then empty. */
void ra_key_wipe(struct ra_key *key);

#endif
