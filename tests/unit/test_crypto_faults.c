/* Whatever wolfSSL refuses is an error of ours: every place in crypto/ that calls it sees the call
 * fail once. No error is swallowed, nothing half done is left behind, and the next try succeeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "fault.h"
#include "ra_cipher.h"
#include "ra_keygen.h"
#include "ra_seal.h"

/* clang-format off: CMake reads these lines */
FAULT(int, -1, wc_InitSha, (void *h), (h))
FAULT(int, -1, wc_InitSha256, (void *h), (h))
FAULT(int, -1, wc_InitSha384, (void *h), (h))
FAULT(int, -1, wc_InitSha512, (void *h), (h))
FAULT(int, -1, wc_ShaUpdate, (void *h, const void *p, uint32_t n), (h, p, n))
FAULT(int, -1, wc_Sha256Update, (void *h, const void *p, uint32_t n), (h, p, n))
FAULT(int, -1, wc_Sha384Update, (void *h, const void *p, uint32_t n), (h, p, n))
FAULT(int, -1, wc_Sha512Update, (void *h, const void *p, uint32_t n), (h, p, n))
FAULT(int, -1, wc_ShaFinal, (void *h, void *out), (h, out))
FAULT(int, -1, wc_Sha256Final, (void *h, void *out), (h, out))
FAULT(int, -1, wc_Sha384Final, (void *h, void *out), (h, out))
FAULT(int, -1, wc_Sha512Final, (void *h, void *out), (h, out))
FAULT(int, -1, wc_HmacInit, (void *h, void *heap, int id), (h, heap, id))
FAULT(int, -1, wc_HmacSetKey, (void *h, int type, const void *key, uint32_t n), (h, type, key, n))
FAULT(int, -1, wc_HmacUpdate, (void *h, const void *p, uint32_t n), (h, p, n))
FAULT(int, -1, wc_AesInit, (void *a, void *heap, int id), (a, heap, id))
FAULT(int, -1, wc_AesSetKey, (void *a, const void *key, uint32_t n, const void *iv, int dir),
      (a, key, n, iv, dir))
FAULT(int, -1, wc_AesCbcEncrypt, (void *a, void *out, const void *in, uint32_t n), (a, out, in, n))
FAULT(int, -1, wc_AesCbcDecrypt, (void *a, void *out, const void *in, uint32_t n), (a, out, in, n))
FAULT(int, -1, wc_AesGcmSetKey, (void *a, const void *key, uint32_t n), (a, key, n))
FAULT(int, -1, wc_AesGcmEncrypt,
      (void *a, void *out, const void *in, uint32_t n, const void *iv, uint32_t iv_n, void *tag,
       uint32_t tag_n, const void *add, uint32_t add_n),
      (a, out, in, n, iv, iv_n, tag, tag_n, add, add_n))
FAULT(int, -1, wc_Des3Init, (void *d, void *heap, int id), (d, heap, id))
FAULT(int, -1, wc_Des3_SetKey, (void *d, const void *key, const void *iv, int dir),
      (d, key, iv, dir))
FAULT(int, -1, wc_Des3_CbcEncrypt, (void *d, void *out, const void *in, uint32_t n),
      (d, out, in, n))
FAULT(int, -1, wc_Des3_CbcDecrypt, (void *d, void *out, const void *in, uint32_t n),
      (d, out, in, n))
FAULT(int, -1, wc_Des_SetKey, (void *d, const void *key, const void *iv, int dir),
      (d, key, iv, dir))
FAULT(int, -1, wc_Des_CbcDecrypt, (void *d, void *out, const void *in, uint32_t n), (d, out, in, n))
FAULT(int, -1, wc_InitRng, (void *r), (r))
FAULT(ra_err, RA_E_RANDOM_STATE, ra_random_bytes, (struct ra_random * r, uint8_t *to, size_t n),
      (r, to, n))
FAULT(int, -1, wc_RNG_DRBG_Reseed, (void *r, const void *p, uint32_t n), (r, p, n))
FAULT(int, -1, wc_RsaPad_ex,
      (const void *in, uint32_t n, void *block, uint32_t size, uint8_t value, void *rng, int type,
       int hash, int mgf, void *label, uint32_t label_n, int salt, int bits, void *heap),
      (in, n, block, size, value, rng, type, hash, mgf, label, label_n, salt, bits, heap))
FAULT(int, -1, sp_init_multi, (void *a, void *b, void *c, void *d, void *e, void *f),
      (a, b, c, d, e, f))
FAULT(int, -1, sp_copy, (const void *a, void *r), (a, r))
FAULT(int, -1, sp_mul, (const void *a, const void *b, void *r), (a, b, r))
FAULT(int, -1, sp_mod, (const void *a, const void *m, void *r), (a, m, r))
FAULT(int, -1, sp_div, (const void *a, const void *d, void *r, void *rest), (a, d, r, rest))
FAULT(int, -1, sp_sub, (const void *a, const void *b, void *r), (a, b, r))
FAULT(int, -1, sp_rshb, (const void *a, int n, void *r), (a, n, r))
FAULT(int, -1, sp_to_unsigned_bin_len, (const void *a, void *out, int n), (a, out, n))
FAULT(int, -1, sp_ModExp_1024, (const void *b, const void *e, const void *m, void *r), (b, e, m, r))
FAULT(int, -1, sp_RsaPublic_2048,
      (const void *in, uint32_t n, const void *e, const void *m, void *out, uint32_t *size),
      (in, n, e, m, out, size))
FAULT(int, -1, sp_RsaPrivate_2048,
      (const void *in, uint32_t n, const void *d, const void *p, const void *q, const void *dp,
       const void *dq, const void *qi, const void *m, void *out, uint32_t *size),
      (in, n, d, p, q, dp, dq, qi, m, out, size))
FAULT(int, -1, sp_ecc_is_point_256, (const void *x, const void *y), (x, y))
FAULT(int, -1, sp_ecc_is_point_384, (const void *x, const void *y), (x, y))
FAULT(int, -1, sp_ecc_mulmod_base_256, (const void *k, void *r, int map, void *heap),
      (k, r, map, heap))
FAULT(int, -1, sp_ecc_mulmod_base_384, (const void *k, void *r, int map, void *heap),
      (k, r, map, heap))
FAULT(int, -1, sp_ecc_sign_256,
      (const void *h, uint32_t n, void *rng, const void *d, void *r, void *s, void *k, void *heap),
      (h, n, rng, d, r, s, k, heap))
FAULT(int, -1, sp_ecc_sign_384,
      (const void *h, uint32_t n, void *rng, const void *d, void *r, void *s, void *k, void *heap),
      (h, n, rng, d, r, s, k, heap))
FAULT(int, -1, sp_ecc_verify_256,
      (const void *h, uint32_t n, const void *x, const void *y, const void *z, const void *r,
       const void *s, int *good, void *heap),
      (h, n, x, y, z, r, s, good, heap))
FAULT(int, -1, sp_ecc_verify_384,
      (const void *h, uint32_t n, const void *x, const void *y, const void *z, const void *r,
       const void *s, int *good, void *heap),
      (h, n, x, y, z, r, s, good, heap))
/* clang-format on */

/* These three do more than fail: what comes out of them may be chosen. */
static int fill = -1;       /* of the generator and of HMAC: bytes of this value, if not negative */
static unsigned fill_times; /* so often */
static bool fill_one;       /* the last byte is 1 */

static bool filled(uint8_t *out, size_t n)
{
    if (fill_times == 0) {
        return false;
    }
    fill_times--;
    memset(out, fill, n);
    out[n - 1] = fill_one ? 1 : out[n - 1];
    return true;
}

FAULT_OWN(int, wc_RNG_GenerateBlock, (void *r, uint8_t *out, uint32_t n))
int __wrap_wc_RNG_GenerateBlock(void *r, uint8_t *out, uint32_t n)
{
    if (fault_here(__builtin_return_address(0), "wc_RNG_GenerateBlock")) {
        return -1;
    }
    return filled(out, n) ? 0 : __real_wc_RNG_GenerateBlock(r, out, n);
}

FAULT_OWN(int, wc_HmacFinal, (void *h, uint8_t *out))
int __wrap_wc_HmacFinal(void *h, uint8_t *out)
{
    if (fault_here(__builtin_return_address(0), "wc_HmacFinal")) {
        return -1;
    }
    return filled(out, 32) ? 0 : __real_wc_HmacFinal(h, out);
}

static bool more_fails; /* what fails for nobody else does too */
FAULT_OWN(int, sp_read_unsigned_bin, (void *a, const void *in, uint32_t n))
int __wrap_sp_read_unsigned_bin(void *a, const void *in, uint32_t n)
{
    if (more_fails && fault_here(__builtin_return_address(0), "sp_read_unsigned_bin")) {
        return -1;
    }
    return __real_sp_read_unsigned_bin(a, in, n);
}

FAULT_OWN(int, sp_count_bits, (const void *a))
int __wrap_sp_count_bits(const void *a)
{
    if (more_fails && fault_here(__builtin_return_address(0), "sp_count_bits")) {
        return 0;
    }
    return __real_sp_count_bits(a);
}

static struct noise noise;
static struct ra_random random_;
static struct ra_key key, other;
static struct ra_keygen gen;
static struct ra_seal seal;
static uint8_t out[RA_KEY_DER_MAX], out2[RA_RSA_BITS_MAX / 8];
static size_t out_size, out2_size;

static int setup(void **state)
{
    (void)state;
    fault_forget();
    fill_times = 0;
    fill_one = more_fails = false;
    memset(&key, 0, sizeof key);
    noise_random(&noise, &random_, 31);
    return 0;
}

static void load(const char *name, const char *form)
{
    const struct crypto_blob *b = crypto_blob(name, form);
    assert_int_equal(ra_key_from_der(&key, b->p, b->size), RA_OK);
}

/* Runs `op` until no place is left that has not failed; `after` sees each failure. */
static unsigned each_fails(ra_err (*op)(void), void (*after)(void))
{
    unsigned times = 0;
    ra_err e;
    do {
        unsigned before = fault_fired;
        fault_armed = true;
        e = op();
        fault_armed = false;
        if (fault_fired != before) {
            if (e == RA_OK) {
                print_error("%s failed and nobody noticed\n", fault_name);
            }
            assert_int_not_equal(e, RA_OK);
            if (after != NULL) {
                after();
            }
            times++;
            e = RA_AGAIN;
            noise_random(&noise, &random_, 31); /* its generator may be out of order for ever */
        }
    } while (e == RA_AGAIN);
    fault_armed = false;
    assert_int_equal(e, RA_OK);
    assert_true(times > 0);
    return times;
}

static enum ra_hash_alg alg;

static ra_err hashes(void)
{
    return ra_hash(alg, (const uint8_t *)"abc", 3, out);
}

static void hashing(void **state)
{
    (void)state;
    for (alg = RA_HASH_SHA1; alg <= RA_HASH_SHA512; alg++) {
        assert_int_equal(each_fails(hashes, NULL), 3);
    }
}

static void a_failed_start_takes_nothing(void **state)
{
    struct ra_hash_state s;
    (void)state;
    fault_armed = true;
    assert_int_equal(ra_hash_start(&s, RA_HASH_SHA256), RA_E_CRYPTO_INTERNAL);
    assert_int_equal(ra_hash_add(&s, out, 1), RA_E_STATE);
    assert_int_equal(ra_hash_end(&s, out), RA_E_STATE);
}

static ra_err hmac(void)
{
    return ra_hmac_sha256((const uint8_t *)"key", 3, (const uint8_t *)"abc", 3, out);
}

static void hmac_fails(void **state)
{
    (void)state;
    assert_in_range(each_fails(hmac, NULL), 4, 20); /* wolfSSL's own calls count too */
    assert_int_equal(ra_hmac_sha256(out, 0x40000001u, out, 0, out), RA_E_ARGUMENT);
}

static enum ra_cipher cipher;

static ra_err encrypts(void)
{
    return ra_cipher_encrypt(cipher, out, out + 32, out2, 32);
}

static ra_err decrypts(void)
{
    return ra_cipher_decrypt(cipher, out, out + 32, out2, 32);
}

static void ciphers(void **state)
{
    (void)state;
    cipher = RA_CIPHER_AES_256;
    assert_int_equal(each_fails(encrypts, NULL) + each_fails(decrypts, NULL), 4);
    cipher = RA_CIPHER_DES3;
    assert_int_equal(each_fails(encrypts, NULL) + each_fails(decrypts, NULL), 4);
    cipher = RA_CIPHER_DES;
    assert_int_equal(each_fails(decrypts, NULL), 2);
}

static int device_key(void *dev, uint8_t to[HAL_DEVICE_KEY_SIZE])
{
    (void)dev;
    memset(to, 0x5a, HAL_DEVICE_KEY_SIZE);
    return 1;
}

static ra_err seal_begins(void)
{
    static const struct hal_device_key device = {device_key, NULL};
    return ra_seal_init(&seal, &device);
}

static void seal_is_empty(void)
{
    static const struct ra_seal none;
    assert_memory_equal(&seal, &none, sizeof none);
}

static ra_err seal_closes(void)
{
    memset(out, 0x77, 64);
    return ra_seal_close(&seal, &random_, NULL, 0, out, 64, out2, out2 + RA_SEAL_NONCE_SIZE);
}

static void plain_is_gone(void)
{
    static const uint8_t zero[64];
    if (strcmp(fault_name, "wc_AesGcmEncrypt") == 0) {
        assert_memory_equal(out, zero, sizeof zero);
    }
}

static void sealing(void **state)
{
    (void)state;
    each_fails(seal_begins, seal_is_empty);
    assert_int_equal(seal.have_key, 1);
    each_fails(seal_closes, plain_is_gone);
    assert_int_equal(ra_seal_open(&seal, NULL, 0, out, 64, out2, out2 + RA_SEAL_NONCE_SIZE), RA_OK);
    assert_int_equal(out[0], 0x77);
    size_t huge = (size_t)UINT32_MAX / 2 + 1;
    assert_int_equal(ra_seal_close(&seal, &random_, NULL, 0, out, huge, out2, out2), RA_E_LIMIT);
    assert_int_equal(ra_seal_close(&seal, &random_, NULL, huge, out, 0, out2, out2), RA_E_LIMIT);
    assert_int_equal(ra_seal_open(&seal, NULL, 0, out, huge, out2, out2), RA_E_LIMIT);
    assert_int_equal(ra_seal_open(&seal, NULL, huge, out, 0, out2, out2), RA_E_LIMIT);
}

static ra_err seeds(void)
{
    ra_err e;
    noise_init(&noise);
    assert_int_equal(ra_random_init(&random_, &noise.hal), RA_OK);
    do {
        e = ra_random_seed(&random_);
    } while (e == RA_AGAIN);
    return e;
}

static void no_number_comes(void)
{
    memset(out, 1, 8);
    assert_int_not_equal(ra_random_bytes(&random_, out, 8), RA_OK);
    assert_memory_equal(out, "\0\0\0\0\0\0\0\0", 8);
}

static ra_err reseeds(void)
{
    ra_err e = RA_OK;
    (void)seeds();
    random_.calls = RA_RANDOM_RESEED_AFTER;
    for (unsigned i = 0; e == RA_OK && i < 16; i++) {
        e = ra_random_bytes(&random_, out, 8);
    }
    if (e != RA_OK) {
        assert_memory_equal(out, "\0\0\0\0\0\0\0\0", 8);
    }
    return e;
}

int ra_random_wolfssl_seed(unsigned char *to, unsigned int size);

static void random_numbers(void **state)
{
    (void)state;
    each_fails(seeds, no_number_comes);
    each_fails(reseeds, NULL);
    assert_true(random_.calls < RA_RANDOM_RESEED_AFTER);
    /* wolfSSL asks for a seed when nobody has one for it. */
    assert_int_equal(ra_random_wolfssl_seed(out, 1), -1);
}

static ra_err signs(void)
{
    return ra_key_sign(&key, &random_, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256), out2,
                       sizeof out2, &out2_size);
}

static ra_err verifies(void)
{
    return ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256), out2, out2_size);
}

static const char *form;

static ra_err reads(void)
{
    return ra_key_from_der(&key, crypto_blob(form, "p8")->p, crypto_blob(form, "p8")->size);
}

static void key_is_empty(void)
{
    assert_int_equal(key.alg, RA_KEY_NONE);
}

static ra_err reads_public(void)
{
    return ra_key_from_spki(&key, crypto_blob(form, "spki")->p, crypto_blob(form, "spki")->size);
}

static void ec(void **state)
{
    (void)state;
    static const char *const names[] = {"p256", "p384"};
    for (size_t i = 0; i < 2; i++) {
        form = names[i];
        each_fails(reads, key_is_empty);
        each_fails(signs, NULL);
        each_fails(verifies, NULL);
        each_fails(reads_public, key_is_empty);
        assert_int_equal(verifies(), RA_OK);
    }
}

/* A nonce that is out of range is not used: the next one is (RFC 6979 3.2 step h.3). */
static void a_nonce_out_of_range(void **state)
{
    (void)state;
    load("p256", "p8");
    fill = 0xff;
    fill_times = 7; /* both starts are two each, then k; a next one is two and k */
    assert_int_equal(signs(), RA_OK);
    assert_int_equal(fill_times, 0);
    assert_int_equal(verifies(), RA_OK);
    fill_times = 100;
    assert_int_equal(signs(), RA_E_CRYPTO_INTERNAL);
    assert_true(fill_times > 50);
}

/* Neither is a private number; a generator that gives nothing else is broken. */
static void a_private_number_out_of_range(void **state)
{
    static const uint8_t zero[96];
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fill = i == 0 ? 0xff : 0;
        fill_times = 3;
        assert_int_equal(ra_keygen_start(&gen, RA_KEY_EC_P384), RA_OK);
        assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_AGAIN);
        assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_OK);
        assert_int_equal(fill_times, 0);
        assert_int_equal(signs(), RA_OK);
        assert_int_equal(verifies(), RA_OK);
        fill_times = 8;
        assert_int_equal(ra_keygen_start(&gen, RA_KEY_EC_P384), RA_OK);
        assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_E_CRYPTO_INTERNAL);
        assert_int_equal(fill_times, 0);
        assert_int_equal(key.alg, RA_KEY_NONE);
        assert_memory_equal(key.opaque_, zero, sizeof zero);
        assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_E_STATE);
    }
}

static ra_err decrypts_rsa(void)
{
    const struct crypto_blob *c = crypto_blob("rsa2048", "oaep1");
    return ra_key_decrypt(&key, &random_, RA_PAD_OAEP_SHA1, c->p, c->size, out, sizeof out,
                          &out_size);
}

static void nothing_came_out(void)
{
    assert_int_equal(out_size, 0);
}

static ra_err encrypts_rsa(void)
{
    return ra_key_encrypt(&key, &random_, RA_PAD_PKCS1, out, 20, out2, sizeof out2, &out2_size);
}

static ra_err writes(void)
{
    memset(out, 0xee, sizeof out);
    return ra_key_to_der(&key, out, sizeof out, &out_size);
}

static void no_secret_was_written(void)
{
    static const uint8_t zero[RA_KEY_DER_MAX];
    assert_memory_equal(out, zero, sizeof out);
}

static void no_signature_came_out(void)
{
    static const uint8_t zero[256];
    assert_int_equal(out2_size, 0);
    assert_memory_equal(out2, zero, sizeof zero);
}

static void rsa(void **state)
{
    (void)state;
    form = "rsa2048";
    each_fails(reads, key_is_empty);
    each_fails(signs, no_signature_came_out);
    assert_int_equal(verifies(), RA_OK); /* its calls are those that check what was signed */
    each_fails(writes, no_secret_was_written);
    assert_int_equal(ra_key_from_der(&key, out, out_size), RA_OK);
    fault_forget();
    each_fails(decrypts_rsa, nothing_came_out);
    memset(out, 3, 20);
    fault_forget();
    each_fails(encrypts_rsa, NULL);
}

/* A modulus of a size that wolfSSL's fast code has not got. */
static ra_err verifies_odd(void)
{
    const struct crypto_blob *s = crypto_blob("rsa2056", "sha256");
    return ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256), s->p, s->size);
}

static void rsa_of_odd_size(void **state)
{
    const struct crypto_blob *b = crypto_blob("rsa2056", "spki");
    (void)state;
    assert_int_equal(ra_key_from_spki(&key, b->p, b->size), RA_OK);
    each_fails(verifies_odd, NULL);
}

/* s = n is no signature, whatever its power is. */
static void the_modulus_is_no_signature(void **state)
{
    const struct crypto_blob *b = crypto_blob("rsa2048", "spki");
    (void)state;
    assert_int_equal(ra_key_from_spki(&key, b->p, b->size), RA_OK);
    out2_size = 256;
    memcpy(out2, b->p + 33, 256); /* behind the header, the length and the leading zero */
    assert_int_equal(out2[0] >> 7, 1);
    assert_int_equal(verifies(), RA_E_SIGNATURE);
}

/* A size that no private key has: the struct was overwritten. */
static void a_private_key_of_no_size(void **state)
{
    (void)state;
    load("rsa2048", "p8");
    key.bits = 2056;
    assert_int_equal(signs(), RA_E_KEY_ALGORITHM);
    no_signature_came_out();
}

/* Each slice, from where it stands: each place in it fails once, then it goes on. */
static unsigned slices_fail(enum ra_key_alg kind, unsigned *harmless)
{
    static struct ra_keygen gen_before;
    static struct ra_key key_before;
    unsigned times = 0;
    ra_err e = ra_keygen_start(&gen, kind);
    assert_int_equal(e, RA_OK);
    *harmless = 0;
    do {
        gen_before = gen;
        key_before = key;
        unsigned before = fault_fired;
        fault_armed = true;
        e = ra_keygen_step(&gen, &random_, &key);
        if (fault_fired == before) {
            continue;
        }
        times++;
        if (e == RA_OK || e == RA_AGAIN) {
            ++*harmless;
            if (strcmp(fault_name, "sp_count_bits") != 0 && strcmp(fault_name, "sp_sub") != 0 &&
                strcmp(fault_name, "sp_read_unsigned_bin") != 0) {
                fail_msg("%s failed and nobody noticed", fault_name);
            }
        }
        if (e != RA_OK && e != RA_AGAIN && e != RA_E_RANDOM_STATE &&
            gen.state != gen_before.state) {
            assert_int_equal(key.alg, RA_KEY_NONE);
            assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_E_STATE);
        }
        gen = gen_before;
        key = key_before;
        fault_armed = false;
        noise_random(&noise, &random_, 32 + times);
        e = RA_AGAIN;
    } while (e == RA_AGAIN);
    fault_armed = false;
    assert_int_equal(e, RA_OK);
    assert_int_equal(writes(), RA_OK);
    assert_int_equal(ra_key_from_der(&other, out, out_size), RA_OK);
    return times;
}

static void making_keys(void **state)
{
    unsigned harmless;
    (void)state;
    assert_true(slices_fail(RA_KEY_EC_P256, &harmless) >= 8);
    assert_int_equal(harmless, 0);
    more_fails = true;
    fault_forget();
    assert_true(slices_fail(RA_KEY_RSA_2048, &harmless) >= 40);
    /* A base that cannot be read is drawn again, primes too near each other are given up, and
     * wolfSSL counts bits to see that a number is not too large. */
    assert_in_range(harmless, 2, 12);
}

/* A generator that gives the same again and again ends the search. */
static void numbers_that_are_never_right(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ra_keygen_start(&gen, RA_KEY_RSA_2048), RA_OK);
        fill = i == 0 ? 0xff : 0;
        fill_times = 1000;
        assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_E_CRYPTO_INTERNAL);
        assert_in_range(fill_times, 700, 900);
    }
    for (unsigned i = 0; i < 3; i++) { /* bases of Miller-Rabin: too large, 0, 1 */
        fill_times = 0;
        assert_int_equal(ra_keygen_start(&gen, RA_KEY_RSA_2048), RA_OK);
        assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_AGAIN);
        fill = i == 0 ? 0xff : 0;
        fill_one = i == 2;
        fill_times = 1000;
        assert_int_equal(ra_keygen_step(&gen, &random_, &key), RA_E_CRYPTO_INTERNAL);
        assert_in_range(fill_times, 700, 900);
        fill_one = false;
    }
}

static void expectations(void **state)
{
    (void)state;
    /* A prime of 1.5 times the bits is 1.5 times as rare. */
    assert_int_equal(ra_keygen_expected(RA_KEY_RSA_3072) * 2,
                     ra_keygen_expected(RA_KEY_RSA_2048) * 3);
    assert_int_equal(ra_keygen_expected(RA_KEY_RSA_4096), ra_keygen_expected(RA_KEY_RSA_2048) * 2);
    assert_int_equal(ra_keygen_expected(RA_KEY_EC_P256), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(hashing, setup),
        cmocka_unit_test_setup(a_failed_start_takes_nothing, setup),
        cmocka_unit_test_setup(hmac_fails, setup),
        cmocka_unit_test_setup(ciphers, setup),
        cmocka_unit_test_setup(sealing, setup),
        cmocka_unit_test_setup(random_numbers, setup),
        cmocka_unit_test_setup(ec, setup),
        cmocka_unit_test_setup(a_nonce_out_of_range, setup),
        cmocka_unit_test_setup(a_private_number_out_of_range, setup),
        cmocka_unit_test_setup(rsa, setup),
        cmocka_unit_test_setup(rsa_of_odd_size, setup),
        cmocka_unit_test_setup(the_modulus_is_no_signature, setup),
        cmocka_unit_test_setup(a_private_key_of_no_size, setup),
        cmocka_unit_test_setup(making_keys, setup),
        cmocka_unit_test_setup(numbers_that_are_never_right, setup),
        cmocka_unit_test_setup(expectations, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
