/* constant_time - operations on secrets that memcheck takes for memory nobody has written.
 *
 *     valgrind constant_time NAME     one operation; without a name: their names
 *
 * Memcheck follows such bytes through every computation, and complains where one of them decides a
 * branch or is part of an address: there the time, or what is in a cache, depends on the secret.
 * What may be known is marked as written again before it is looked at. Run by
 * check_constant_time.py, which knows what may be complained about.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/memcheck.h>

#include "ra_crypto_internal.h"
#include "ra_hash.h"
#include "ra_key.h"
#include "ra_pbkdf.h"
#include "ra_seal.h"
#include "world_vectors.h"

#include <wolfssl/wolfcrypt/sp.h>

static struct ra_random random_;
static struct ra_key key;
static uint8_t digest[RA_HASH_SIZE_MAX] = {1, 2, 3};
static uint8_t out[RA_SIGNATURE_MAX];
static size_t size;

static void must(bool good, const char *what)
{
    if (!good) {
        printf("constant_time: %s\n", what);
        exit(1);
    }
}

static void secret(void *p, size_t n)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, n);
}

static void known(void *p, size_t n)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(p, n);
}

/* --- the world around ----------------------------------------------------------------------------- */

static int noise(void *dev, uint8_t *to, uint32_t n)
{
    static uint32_t x = 1;
    (void)dev;
    for (uint32_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        to[i] = (uint8_t)(x >> 24);
    }
    return (int)n;
}

static int device_key(void *dev, uint8_t to[HAL_DEVICE_KEY_SIZE])
{
    (void)dev;
    memset(to, 0x5c, HAL_DEVICE_KEY_SIZE);
    secret(to, HAL_DEVICE_KEY_SIZE);
    return 1;
}

static void seed(void)
{
    static const struct hal_entropy source = {noise, NULL};
    ra_err e = ra_random_init(&random_, &source);
    while (e == RA_OK && (e = ra_random_seed(&random_)) == RA_AGAIN) {
        e = RA_OK;
    }
    must(e == RA_OK, "the generator");
}

static void load(const char *name)
{
    const struct world_blob *blob = world_blobs;
    while (blob->name != NULL && strcmp(blob->name, name) != 0) {
        blob++;
    }
    must(ra_key_from_der(&key, blob->p, blob->size) == RA_OK, name);
    seed();
}

/* All of it that is not public but the number of its digits. */
static void load_rsa(void)
{
    static const enum ra_rsa_part parts[] = {RA_RSA_P, RA_RSA_Q, RA_RSA_DP, RA_RSA_DQ, RA_RSA_QI};
    load("encryption.key");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        sp_int *part = ra_rsa_part(&key, parts[i]);
        secret(part->dp, part->used * sizeof part->dp[0]);
    }
}

/* What comes out is blinded, by factors that a new draw makes each time: it tells nothing. */
int __real_sp_RsaPrivate_2048(const byte *in, word32 in_size, const mp_int *d, const mp_int *p,
                              const mp_int *q, const mp_int *dp, const mp_int *dq, const mp_int *qi,
                              const mp_int *n, byte *to, word32 *to_size);
int __wrap_sp_RsaPrivate_2048(const byte *in, word32 in_size, const mp_int *d, const mp_int *p,
                              const mp_int *q, const mp_int *dp, const mp_int *dq, const mp_int *qi,
                              const mp_int *n, byte *to, word32 *to_size);
int __wrap_sp_RsaPrivate_2048(const byte *in, word32 in_size, const mp_int *d, const mp_int *p,
                              const mp_int *q, const mp_int *dp, const mp_int *dq, const mp_int *qi,
                              const mp_int *n, byte *to, word32 *to_size)
{
    int rc = __real_sp_RsaPrivate_2048(in, in_size, d, p, q, dp, dq, qi, n, to, to_size);
    known(&rc, sizeof rc);
    known(to, *to_size);
    return rc;
}

/* What was decrypted is a secret. */
static bool decrypts;
ra_err __real_ra_rsa_private(const struct ra_key *k, struct ra_random *random, const uint8_t *in,
                             uint8_t *to);
ra_err __wrap_ra_rsa_private(const struct ra_key *k, struct ra_random *random, const uint8_t *in,
                             uint8_t *to);
ra_err __wrap_ra_rsa_private(const struct ra_key *k, struct ra_random *random, const uint8_t *in,
                             uint8_t *to)
{
    ra_err e = __real_ra_rsa_private(k, random, in, to);
    if (decrypts) {
        secret(to, k->bits / 8u);
    }
    return e;
}

/* r and s are the signature: anybody may see them. */
int __real_sp_ecc_sign_256(const byte *hash, word32 hash_size, WC_RNG *rng, const mp_int *d,
                           mp_int *r, mp_int *s, mp_int *k, void *heap);
int __wrap_sp_ecc_sign_256(const byte *hash, word32 hash_size, WC_RNG *rng, const mp_int *d,
                           mp_int *r, mp_int *s, mp_int *k, void *heap);
int __wrap_sp_ecc_sign_256(const byte *hash, word32 hash_size, WC_RNG *rng, const mp_int *d,
                           mp_int *r, mp_int *s, mp_int *k, void *heap)
{
    int rc = __real_sp_ecc_sign_256(hash, hash_size, rng, d, r, s, k, heap);
    known(&rc, sizeof rc);
    known(r, sizeof *r);
    known(s, sizeof *s);
    known(r->dp, 32);
    known(s->dp, 32);
    return rc;
}

/* --- the operations ---------------------------------------------------------------------------------- */

static void compare_equal(void)
{
    uint8_t a[32] = {7}, b[32] = {7};
    secret(a, sizeof a);
    int same = ra_equal_ct(a, b, sizeof a);
    known(&same, sizeof same);
    must(same == 1, "what is the same compares as different");
}

/* The canary: memcheck must complain. */
static void planted(void)
{
    volatile uint8_t a[32] = {7}, b[32] = {7};
    secret((void *)(uintptr_t)a, sizeof a);
    size_t i = 0;
    while (i < sizeof a && a[i] == b[i]) {
        i++;
    }
    known(&i, sizeof i);
    must(i == sizeof a, "what is the same compares as different");
}

static void hmac(void)
{
    uint8_t k[32] = {9}, text[40] = {8}, mac[32];
    secret(k, sizeof k);
    secret(text, sizeof text);
    must(ra_hmac_sha256(k, sizeof k, text, sizeof text, mac) == RA_OK, "HMAC");
}

static void password(void)
{
    char text[12] = "correct-hors";
    static const uint8_t salt[16] = {3};
    uint8_t stored[32] = {0};
    struct ra_pbkdf k;
    secret(text, sizeof text);
    ra_err e =
        ra_pbkdf_start(&k, RA_HASH_SHA256, text, sizeof text, salt, sizeof salt, 20, sizeof stored);
    while (e == RA_OK && (e = ra_pbkdf_step(&k, 7)) == RA_AGAIN) {
        e = RA_OK;
    }
    must(e == RA_OK, "PBKDF2");
    int same = ra_equal_ct(k.out, stored, sizeof stored);
    known(&same, sizeof same);
    must(same == 0, "another password");
}

static void rsa_sign(void)
{
    load_rsa();
    ra_err e = ra_key_sign(&key, &random_, RA_HASH_SHA256, digest, out, sizeof out, &size);
    must(e == RA_OK, "an RSA signature");
}

static void rsa_decrypt(void)
{
    uint8_t sealed[RA_SIGNATURE_MAX], plain[RA_SIGNATURE_MAX];
    size_t sealed_size = 0;
    load("encryption.key");
    ra_err e = ra_key_encrypt(&key, &random_, RA_PAD_PKCS1, digest, 24, sealed, sizeof sealed,
                              &sealed_size);
    must(e == RA_OK, "an RSA encryption");
    load_rsa();
    decrypts = true;
    e = ra_key_decrypt(&key, &random_, RA_PAD_PKCS1, sealed, sealed_size, plain, sizeof plain,
                       &size);
    known(&e, sizeof e);
    known(&size, sizeof size);
    must(e == RA_OK && size == 24, "an RSA decryption");
}

static void ec_sign(void)
{
    load("agent.key");
    must(key.alg == RA_KEY_EC_P256, "the agent's key is of P-256");
    secret(ra_ec_numbers(&key)->d, 32);
    ra_err e = ra_key_sign(&key, NULL, RA_HASH_SHA256, digest, out, sizeof out, &size);
    must(e == RA_OK, "an ECDSA signature");
}

static void ec_public(void)
{
    load("agent.key");
    secret(ra_ec_numbers(&key)->d, 32);
    ra_err e = ra_ec_make_public(&key);
    known(&e, sizeof e);
    must(e == RA_OK, "the public point");
}

static void sealing(bool open)
{
    static const struct hal_device_key hal = {device_key, NULL};
    struct ra_seal seal;
    uint8_t text[50] = {1}, nonce[RA_SEAL_NONCE_SIZE], tag[RA_SEAL_TAG_SIZE];
    seed();
    ra_err e = ra_seal_init(&seal, &hal);
    e = e == RA_OK ? ra_seal_close(&seal, &random_, digest, 10, text, sizeof text, nonce, tag) : e;
    must(e == RA_OK, "the seal");
    if (open) {
        known(text, sizeof text); /* in flash */
        known(tag, sizeof tag);
        e = ra_seal_open(&seal, digest, 10, text, sizeof text, nonce, tag);
        known(&e, sizeof e);
        must(e == RA_OK, "the seal does not open");
    }
}

static void seal_close(void)
{
    sealing(false);
}

static void seal_open(void)
{
    sealing(true);
}

static const struct {
    const char *name;
    void (*run)(void);
} operations[] = {
    {"compare", compare_equal}, {"planted", planted},     {"hmac", hmac},
    {"password", password},     {"rsa-sign", rsa_sign},   {"rsa-decrypt", rsa_decrypt},
    {"ec-sign", ec_sign},       {"ec-public", ec_public}, {"seal-close", seal_close},
    {"seal-open", seal_open},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (argc < 2) {
            printf("%s\n", operations[i].name);
        } else if (strcmp(argv[1], operations[i].name) == 0) {
            operations[i].run();
            return 0;
        }
    }
    return argc < 2 ? 0 : 2;
}
