/* Everything that crypto/'s headers declare for the other rooms, made for speed and not for
 * secrecy: for power cuts and simulated years, where a device is renewed a million times.
 *
 * It keeps what the firmware relies on. A key is made of a private number and a public part
 * that follows from it; the encodings are the real ones (PKCS #1, SEC 1, SubjectPublicKeyInfo)
 * at their real sizes. A signature fits one public key, one hash and one digest; a ciphertext
 * opens with the key it was made for; a sealed record opens with its device key, nonce and
 * additional data, unchanged. Anything else gives the error the real one gives. The generator
 * wants its 1024 bytes of the noise source, in the same pieces, and follows from them alone.
 *
 * It proves nothing against somebody who wants to forge: a signature follows from public parts.
 * Keys that openssl made are read too; their parts are taken as they are.
 */
#include <string.h>

#include "ra_cipher.h"
#include "ra_hash.h"
#include "ra_key.h"
#include "ra_keygen.h"
#include "ra_random.h"
#include "ra_seal.h"

/* --- one mixer for all ---------------------------------------------------------------------- */

#define K1 0x9e3779b97f4a7c15u
#define K2 0xd6e8feb86659fd93u

struct mix {
    uint64_t a, b, size;
    uint8_t tail[8];
};

static uint64_t scramble(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void mix_start(struct mix *m, uint64_t what)
{
    *m = (struct mix){.a = scramble(what + K1), .b = scramble(what + K2)};
}

static void mix_word(struct mix *m, uint64_t w)
{
    m->a = (m->a ^ w) * K1;
    m->a ^= m->a >> 29;
    m->b = (m->b + w + (m->a >> 7)) * K2;
    m->b ^= m->b >> 32;
}

static void mix_add(struct mix *m, const void *from, size_t size)
{
    const uint8_t *p = from;
    uint64_t w;
    while (size != 0 && m->size % 8u != 0) {
        m->tail[m->size++ % 8u] = *p++;
        size--;
        if (m->size % 8u == 0) {
            memcpy(&w, m->tail, 8);
            mix_word(m, w);
        }
    }
    for (; size >= 8; size -= 8, p += 8, m->size += 8) {
        memcpy(&w, p, 8);
        mix_word(m, w);
    }
    for (; size != 0; size--) {
        m->tail[m->size++ % 8u] = *p++;
    }
}

/* The answer, as long as wanted. With `onto` it is exclusive-ored to what is there. */
static void mix_end(const struct mix *from, uint8_t *out, size_t size, bool onto)
{
    struct mix m = *from;
    uint64_t w = 0;
    memcpy(&w, m.tail, m.size % 8u);
    mix_word(&m, w);
    mix_word(&m, m.size);
    for (size_t i = 0; i < size; i += 8) {
        size_t n = size - i < 8 ? size - i : 8;
        w = scramble(m.a + m.b + (i + 1u) * K1) ^ scramble(m.b ^ ((i + 1u) * K2));
        if (onto) {
            uint64_t old = 0;
            memcpy(&old, out + i, n);
            w ^= old;
        }
        memcpy(out + i, &w, n);
    }
}

/* --- ra_hash.h ------------------------------------------------------------------------------ */

static struct mix *mix_of(struct ra_hash_state *s)
{
    return (struct mix *)(void *)s->opaque_;
}

size_t ra_hash_size(enum ra_hash_alg alg)
{
    static const size_t sizes[] = {0, 20, 32, 48, 64};
    return (size_t)alg < sizeof sizes / sizeof sizes[0] ? sizes[alg] : 0;
}

ra_err ra_hash_start(struct ra_hash_state *s, enum ra_hash_alg alg)
{
    s->alg = ra_hash_size(alg) != 0 ? alg : RA_HASH_NONE;
    mix_start(mix_of(s), (uint64_t)alg);
    return s->alg != RA_HASH_NONE ? RA_OK : RA_E_ARGUMENT;
}

ra_err ra_hash_add(struct ra_hash_state *s, const uint8_t *in, size_t in_size)
{
    if (s->alg == RA_HASH_NONE) {
        return RA_E_STATE;
    }
    mix_add(mix_of(s), in, in_size);
    return RA_OK;
}

ra_err ra_hash_end(struct ra_hash_state *s, uint8_t out[RA_HASH_SIZE_MAX])
{
    if (s->alg == RA_HASH_NONE) {
        return RA_E_STATE;
    }
    mix_end(mix_of(s), out, ra_hash_size(s->alg), false);
    memset(s, 0, sizeof *s);
    return RA_OK;
}

ra_err ra_hash(enum ra_hash_alg alg, const uint8_t *in, size_t in_size,
               uint8_t out[RA_HASH_SIZE_MAX])
{
    struct mix m;
    if (ra_hash_size(alg) == 0) {
        return RA_E_ARGUMENT;
    }
    mix_start(&m, (uint64_t)alg);
    mix_add(&m, in, in_size);
    mix_end(&m, out, ra_hash_size(alg), false);
    return RA_OK;
}

ra_err ra_hmac_sha256(const uint8_t *key, size_t key_size, const uint8_t *in, size_t in_size,
                      uint8_t out[32])
{
    struct mix m;
    mix_start(&m, 0x100u + key_size);
    mix_add(&m, key, key_size);
    mix_add(&m, in, in_size);
    mix_end(&m, out, 32, false);
    return RA_OK;
}

int ra_equal_ct(const void *a, const void *b, size_t size)
{
    return size == 0 || memcmp(a, b, size) == 0;
}

const char *ra_crypto_library(void)
{
    return "stand-in";
}

void ra_wipe(void *p, size_t size)
{
    memset(p, 0, size);
    __asm__ volatile("" : : "r"(p) : "memory");
}

/* --- ra_random.h ---------------------------------------------------------------------------- */

ra_err ra_random_init(struct ra_random *r, const struct hal_entropy *source)
{
    memset(r, 0, sizeof *r);
    if (source == NULL || source->read == NULL) {
        return RA_E_ARGUMENT;
    }
    r->source = source;
    return RA_OK;
}

ra_err ra_random_seed(struct ra_random *r)
{
    uint8_t chunk[RA_RANDOM_CHUNK], seed[RA_HASH_SIZE_MAX];
    if (r->failed != RA_OK || r->ready) {
        return r->failed;
    }
    if (r->source == NULL) {
        return RA_E_STATE;
    }
    uint32_t left = RA_RANDOM_START_BYTES - r->collected;
    int got = r->source->read(r->source->dev, chunk, left < sizeof chunk ? left : sizeof chunk);
    if (got == 0) {
        return RA_AGAIN;
    }
    if (got < 0) {
        (void)ra_random_init(r, r->source);
        return RA_E_ENTROPY;
    }
    if (r->collected == 0) {
        (void)ra_hash_start(&r->pool, RA_HASH_SHA256);
    }
    (void)ra_hash_add(&r->pool, chunk, (size_t)got);
    for (int i = 0; i < got; i++) {
        r->repeats = chunk[i] == r->last ? (uint16_t)(r->repeats + 1u) : 1;
        r->last = chunk[i];
        if (r->repeats >= RA_RANDOM_REPEAT_CUTOFF) {
            r->failed = RA_E_ENTROPY_HEALTH;
            return r->failed;
        }
    }
    r->collected = (uint16_t)(r->collected + got);
    if (r->collected < RA_RANDOM_START_BYTES) {
        return RA_AGAIN;
    }
    (void)ra_hash_end(&r->pool, seed);
    memcpy(r->drbg_, seed, ra_hash_size(RA_HASH_SHA256));
    r->ready = 1;
    return RA_OK;
}

int ra_random_ready(const struct ra_random *r)
{
    return r->ready && r->failed == RA_OK;
}

ra_err ra_random_bytes(struct ra_random *r, uint8_t *out, size_t size)
{
    struct mix m;
    if (!ra_random_ready(r)) {
        memset(out, 0, size);
        return r->failed != RA_OK ? r->failed : RA_E_RANDOM_STATE;
    }
    mix_start(&m, 0x200);
    r->drbg_[5]++;
    mix_add(&m, r->drbg_, sizeof r->drbg_);
    mix_end(&m, out, size, false);
    return RA_OK;
}

void ra_random_wipe(struct ra_random *r)
{
    ra_wipe(r, sizeof *r);
}

/* --- ciphers: a stream that follows from cipher, key and IV --------------------------------- */

static const struct {
    uint8_t key, block;
} ciphers[] = {{0, 0}, {16, 16}, {32, 16}, {24, 8}, {8, 8}};

size_t ra_cipher_key_size(enum ra_cipher cipher)
{
    return (unsigned)cipher < sizeof ciphers / sizeof ciphers[0] ? ciphers[cipher].key : 0;
}

size_t ra_cipher_block_size(enum ra_cipher cipher)
{
    return (unsigned)cipher < sizeof ciphers / sizeof ciphers[0] ? ciphers[cipher].block : 0;
}

ra_err ra_cipher_decrypt(enum ra_cipher cipher, const uint8_t *key, const uint8_t *iv, uint8_t *buf,
                         size_t size)
{
    struct mix m;
    size_t block = ra_cipher_block_size(cipher);
    if (block == 0 || size % block != 0) {
        return RA_E_ARGUMENT;
    }
    mix_start(&m, 0x63627463u + (uint64_t)cipher);
    mix_add(&m, key, ra_cipher_key_size(cipher));
    mix_add(&m, iv, block);
    mix_end(&m, buf, size, true);
    return RA_OK;
}

ra_err ra_cipher_encrypt(enum ra_cipher cipher, const uint8_t *key, const uint8_t *iv, uint8_t *buf,
                         size_t size)
{
    return cipher == RA_CIPHER_DES ? RA_E_UNSUPPORTED
                                   : ra_cipher_decrypt(cipher, key, iv, buf, size);
}

/* --- ra_seal.h ------------------------------------------------------------------------------ */

ra_err ra_seal_init(struct ra_seal *s, const struct hal_device_key *device_key)
{
    uint8_t secret[HAL_DEVICE_KEY_SIZE];
    memset(s, 0, sizeof *s);
    if (device_key == NULL || device_key->read == NULL ||
        device_key->read(device_key->dev, secret) != 1) {
        return RA_OK;
    }
    s->have_key = 1;
    return ra_hmac_sha256(secret, sizeof secret, NULL, 0, (uint8_t *)s->opaque_);
}

static void seal_mix(const struct ra_seal *s, struct mix *m, uint64_t what, const uint8_t *nonce)
{
    mix_start(m, what);
    mix_add(m, s->opaque_, 32);
    mix_add(m, nonce, RA_SEAL_NONCE_SIZE);
}

static void seal_tag(const struct ra_seal *s, const uint8_t *aad, size_t aad_size,
                     const uint8_t *buf, size_t size, const uint8_t *nonce,
                     uint8_t tag[RA_SEAL_TAG_SIZE])
{
    struct mix m;
    seal_mix(s, &m, 0x300u + aad_size, nonce);
    mix_add(&m, aad, aad_size);
    mix_add(&m, buf, size);
    mix_end(&m, tag, RA_SEAL_TAG_SIZE, false);
}

ra_err ra_seal_close(const struct ra_seal *s, struct ra_random *random, const uint8_t *aad,
                     size_t aad_size, uint8_t *buf, size_t size, uint8_t nonce[RA_SEAL_NONCE_SIZE],
                     uint8_t tag[RA_SEAL_TAG_SIZE])
{
    struct mix m;
    if (!s->have_key) {
        return RA_E_STATE;
    }
    ra_err e = ra_random_bytes(random, nonce, RA_SEAL_NONCE_SIZE);
    if (e == RA_OK) {
        seal_mix(s, &m, 0x301, nonce);
        mix_end(&m, buf, size, true);
        seal_tag(s, aad, aad_size, buf, size, nonce, tag);
    }
    return e;
}

ra_err ra_seal_open(const struct ra_seal *s, const uint8_t *aad, size_t aad_size, uint8_t *buf,
                    size_t size, const uint8_t nonce[RA_SEAL_NONCE_SIZE],
                    const uint8_t tag[RA_SEAL_TAG_SIZE])
{
    uint8_t wanted[RA_SEAL_TAG_SIZE];
    struct mix m;
    if (!s->have_key) {
        return RA_E_STATE;
    }
    seal_tag(s, aad, aad_size, buf, size, nonce, wanted);
    if (memcmp(wanted, tag, sizeof wanted) != 0) {
        ra_wipe(buf, size);
        return RA_E_RECORD_SEAL;
    }
    seal_mix(s, &m, 0x301, nonce);
    mix_end(&m, buf, size, true);
    return RA_OK;
}

void ra_seal_wipe(struct ra_seal *s)
{
    ra_wipe(s, sizeof *s);
}

/* --- ra_key.h: what a key is ----------------------------------------------------------------- */

#define SEED_SIZE 32u

/* The private number's first bytes, and n, or x and y. */
struct parts {
    uint8_t seed[SEED_SIZE];
    uint8_t pub[RA_RSA_BITS_MAX / 8];
};

_Static_assert(sizeof(struct parts) <= sizeof(((struct ra_key *)0)->opaque_), "room for a key");

static const uint8_t made_here[4] = {'f', 'a', 's', 't'};
static const uint8_t oid_rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
static const uint8_t oid_ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
static const uint8_t oid_p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t oid_p384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};

static struct parts *parts(struct ra_key *key)
{
    return (struct parts *)(void *)key->opaque_;
}

static const struct parts *parts_of(const struct ra_key *key)
{
    return (const struct parts *)(const void *)key->opaque_;
}

const char *ra_key_alg_name(enum ra_key_alg alg)
{
    static const char *const names[] = {"none",     "RSA-2048", "RSA-3072",
                                        "RSA-4096", "EC P-256", "EC P-384"};
    return names[(unsigned)alg <= RA_KEY_EC_P384 ? alg : 0];
}

int ra_key_is_rsa(enum ra_key_alg alg)
{
    return alg >= RA_KEY_RSA_2048 && alg <= RA_KEY_RSA_4096;
}

unsigned ra_key_bits(enum ra_key_alg alg)
{
    static const unsigned bits[] = {0, 2048, 3072, 4096, 256, 384};
    return bits[(unsigned)alg <= RA_KEY_EC_P384 ? alg : 0];
}

size_t ra_key_block_size(const struct ra_key *key)
{
    return ra_key_is_rsa(key->alg)      ? key->bits / 8u
           : key->alg == RA_KEY_EC_P256 ? 72
           : key->alg == RA_KEY_EC_P384 ? 104
                                        : 0;
}

/* Bytes of n, or of x and y. */
static size_t pub_size(const struct ra_key *key)
{
    return ra_key_is_rsa(key->alg) ? key->bits / 8u : key->bits / 4u;
}

static void key_mix(const struct ra_key *key, struct mix *m, uint64_t what)
{
    mix_start(m, what);
    mix_add(m, &key->alg, sizeof key->alg);
    mix_add(m, &key->exponent, sizeof key->exponent);
    mix_add(m, parts_of(key)->pub, pub_size(key));
}

static void set_alg(struct ra_key *key, enum ra_key_alg alg)
{
    memset(key, 0, sizeof *key);
    key->alg = alg;
    key->bits = (uint16_t)ra_key_bits(alg);
    key->exponent = ra_key_is_rsa(alg) ? 65537 : 0;
}

static void follow(const struct ra_key *key, uint8_t *pub)
{
    struct mix m;
    mix_start(&m, 0x400u + (uint64_t)key->alg);
    mix_add(&m, parts_of(key)->seed, SEED_SIZE);
    mix_end(&m, pub, pub_size(key), false);
    if (ra_key_is_rsa(key->alg)) {
        pub[0] |= 0xc0;
        pub[pub_size(key) - 1] |= 1;
    }
}

void ra_key_wipe(struct ra_key *key)
{
    ra_wipe(key, sizeof *key);
}

int ra_key_same_public(const struct ra_key *a, const struct ra_key *b)
{
    return a->alg != RA_KEY_NONE && a->alg == b->alg && a->bits == b->bits &&
           a->exponent == b->exponent &&
           memcmp(parts_of(a)->pub, parts_of(b)->pub, pub_size(a)) == 0;
}

/* --- DER, read and written -------------------------------------------------------------------- */

struct view {
    const uint8_t *p;
    size_t size;
    bool bad;
};

static struct view take(struct view *v, uint8_t tag)
{
    struct view none = {NULL, 0, true};
    size_t head = 2, size;
    if (v->bad || v->size < 2 || v->p[0] != tag) {
        v->bad = true;
        return none;
    }
    size = v->p[1];
    if (size >= 0x80) {
        size_t n = size & 0x7fu;
        if (n == 0 || n > 2 || v->size < 2 + n) {
            v->bad = true;
            return none;
        }
        size = n == 1 ? v->p[2] : (size_t)v->p[2] << 8 | v->p[3];
        head += n;
    }
    if (size > v->size - head) {
        v->bad = true;
        return none;
    }
    struct view inner = {v->p + head, size, false};
    v->p += head + size;
    v->size -= head + size;
    return inner;
}

static struct view take_number(struct view *v)
{
    struct view n = take(v, 0x02);
    while (!n.bad && n.size > 1 && n.p[0] == 0) {
        n.p++;
        n.size--;
    }
    return n;
}

static bool is(const struct view *v, const void *bytes, size_t size)
{
    return !v->bad && v->size == size && memcmp(v->p, bytes, size) == 0;
}

/* Backwards, as lengths are known then. */
struct put {
    uint8_t *start, *p;
    bool full;
};

static void put(struct put *w, const void *bytes, size_t size)
{
    if (w->full || size > (size_t)(w->p - w->start)) {
        w->full = true;
        return;
    }
    w->p -= size;
    if (size != 0) {
        memcpy(w->p, bytes, size);
    }
}

static void put_byte(struct put *w, size_t byte)
{
    uint8_t b = (uint8_t)byte;
    put(w, &b, 1);
}

/* Tag and length in front of what was written since `end`. */
static void put_wrap(struct put *w, uint8_t tag, const uint8_t *end)
{
    size_t size = (size_t)(end - w->p);
    put_byte(w, size);
    if (size >= 0x100) {
        put_byte(w, size >> 8);
        put_byte(w, 0x82);
    } else if (size >= 0x80) {
        put_byte(w, 0x81);
    }
    put_byte(w, tag);
}

static void put_value(struct put *w, uint8_t tag, const void *bytes, size_t size)
{
    const uint8_t *end = w->p;
    put(w, bytes, size);
    put_wrap(w, tag, end);
}

static void put_number(struct put *w, const uint8_t *p, size_t size)
{
    const uint8_t *end = w->p;
    while (size > 1 && *p == 0) {
        p++;
        size--;
    }
    put(w, p, size);
    if ((*p & 0x80) != 0) {
        put_byte(w, 0);
    }
    put_wrap(w, 0x02, end);
}

static void put_small(struct put *w, uint32_t number)
{
    const uint8_t bytes[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                              (uint8_t)(number >> 8), (uint8_t)number};
    put_number(w, bytes, 4);
}

static ra_err put_done(struct put *w, uint8_t *out, size_t cap, size_t *size)
{
    if (w->full || (size_t)(w->start + RA_KEY_DER_MAX - w->p) > cap) {
        return RA_E_SPACE;
    }
    *size = (size_t)(w->start + RA_KEY_DER_MAX - w->p);
    memcpy(out, w->p, *size);
    return RA_OK;
}

static ra_err rsa_public(struct ra_key *key, struct view n, struct view e)
{
    if (n.bad || e.bad || e.size > 4) {
        return RA_E_KEY_FORMAT;
    }
    enum ra_key_alg alg = n.size <= 256   ? RA_KEY_RSA_2048
                          : n.size <= 384 ? RA_KEY_RSA_3072
                                          : RA_KEY_RSA_4096;
    if (n.size < 256 || n.size > RA_RSA_BITS_MAX / 8) {
        return RA_E_KEY_ALGORITHM;
    }
    set_alg(key, alg);
    key->bits = (uint16_t)(n.size * 8u);
    key->exponent = 0;
    for (size_t i = 0; i < e.size; i++) {
        key->exponent = key->exponent << 8 | e.p[i];
    }
    memcpy(parts(key)->pub, n.p, n.size);
    return RA_OK;
}

/* `point`: a BIT STRING's contents. */
static ra_err ec_public(struct ra_key *key, struct view curve, struct view point)
{
    enum ra_key_alg alg = is(&curve, oid_p256, sizeof oid_p256)   ? RA_KEY_EC_P256
                          : is(&curve, oid_p384, sizeof oid_p384) ? RA_KEY_EC_P384
                                                                  : RA_KEY_NONE;
    if (alg == RA_KEY_NONE) {
        return RA_E_KEY_ALGORITHM;
    }
    if (point.bad || point.size != ra_key_bits(alg) / 4u + 2u || point.p[0] != 0 ||
        point.p[1] != 4) {
        return RA_E_KEY_FORMAT;
    }
    set_alg(key, alg);
    memcpy(parts(key)->pub, point.p + 2, point.size - 2);
    return RA_OK;
}

static ra_err private_part(struct ra_key *key, const uint8_t *number, size_t size)
{
    uint8_t pub[RA_RSA_BITS_MAX / 8];
    if (size < SEED_SIZE) {
        return RA_E_KEY_FORMAT;
    }
    memcpy(parts(key)->seed, number, SEED_SIZE);
    key->is_private = true;
    if (memcmp(parts(key)->seed, made_here, sizeof made_here) != 0) {
        return RA_OK;
    }
    follow(key, pub);
    return memcmp(pub, parts(key)->pub, pub_size(key)) == 0 ? RA_OK : RA_E_KEY_FORMAT;
}

static ra_err read_private(struct ra_key *key, struct view v)
{
    struct view all = take(&v, 0x30);
    struct view version = take(&all, 0x02);
    if (all.bad || v.size != 0 || version.size != 1) {
        return RA_E_KEY_FORMAT;
    }
    if (all.size != 0 && all.p[0] == 0x30) { /* PKCS #8 */
        (void)take(&all, 0x30);
        struct view inner = take(&all, 0x04);
        v = inner;
        all = take(&v, 0x30);
        version = take(&all, 0x02);
        if (all.bad || v.size != 0) {
            return RA_E_KEY_FORMAT;
        }
    }
    if (version.p[0] == 1) { /* SEC 1 */
        struct view d = take(&all, 0x04);
        struct view curve = take(&all, 0xa0);
        struct view point = take(&all, 0xa1);
        ra_err e = ec_public(key, take(&curve, 0x06), take(&point, 0x03));
        return e == RA_OK ? private_part(key, d.p, d.size) : e;
    }
    struct view n = take_number(&all);
    struct view exponent = take_number(&all);
    struct view d = take_number(&all);
    for (unsigned i = 0; i < 5; i++) {
        (void)take_number(&all);
    }
    ra_err e = all.bad || all.size != 0 || d.size < 1 + SEED_SIZE ? RA_E_KEY_FORMAT
                                                                  : rsa_public(key, n, exponent);
    return e == RA_OK ? private_part(key, d.p + 1, d.size - 1) : e;
}

ra_err ra_key_from_der(struct ra_key *key, const uint8_t *der, size_t size)
{
    memset(key, 0, sizeof *key);
    ra_err e = read_private(key, (struct view){der, size, false});
    if (e != RA_OK) {
        ra_key_wipe(key);
    }
    return e;
}

ra_err ra_key_to_der(const struct ra_key *key, uint8_t *out, size_t cap, size_t *size)
{
    uint8_t buf[RA_KEY_DER_MAX], numbers[RA_RSA_BITS_MAX / 8];
    struct put w = {buf, buf + sizeof buf, false};
    const uint8_t *end = w.p;
    const struct parts *k = parts_of(key);
    size_t bytes = key->bits / 8u;
    struct mix m;
    if (!key->is_private) {
        return RA_E_KEY_PRIVATE;
    }
    mix_start(&m, 0x500);
    mix_add(&m, k->seed, SEED_SIZE);
    mix_end(&m, numbers, bytes, false);
    if (ra_key_is_rsa(key->alg)) {
        for (unsigned i = 0; i < 5; i++) {
            numbers[0] = (uint8_t)(0xc0u + i);
            put_number(&w, numbers, bytes / 2u);
        }
        numbers[0] = 1;
        memcpy(numbers + 1, k->seed, SEED_SIZE);
        put_number(&w, numbers, bytes);
        put_small(&w, key->exponent);
        put_number(&w, k->pub, bytes);
        put_small(&w, 0);
    } else {
        const uint8_t *mark = w.p;
        put(&w, k->pub, 2 * bytes);
        put_byte(&w, 4);
        put_byte(&w, 0);
        put_wrap(&w, 0x03, mark);
        put_wrap(&w, 0xa1, mark);
        mark = w.p;
        put_value(&w, 0x06, key->alg == RA_KEY_EC_P256 ? oid_p256 : oid_p384,
                  key->alg == RA_KEY_EC_P256 ? sizeof oid_p256 : sizeof oid_p384);
        put_wrap(&w, 0xa0, mark);
        memcpy(numbers, k->seed, SEED_SIZE);
        put_value(&w, 0x04, numbers, bytes);
        put_small(&w, 1);
    }
    put_wrap(&w, 0x30, end);
    return put_done(&w, out, cap, size);
}

ra_err ra_key_from_spki(struct ra_key *key, const uint8_t *spki, size_t size)
{
    struct view v = {spki, size, false};
    struct view all = take(&v, 0x30);
    struct view alg = take(&all, 0x30);
    struct view bits = take(&all, 0x03);
    struct view oid = take(&alg, 0x06);
    ra_err e = RA_E_KEY_FORMAT;
    memset(key, 0, sizeof *key);
    if (!all.bad && !oid.bad && all.size == 0 && v.size == 0) {
        e = RA_E_KEY_ALGORITHM;
        if (is(&oid, oid_ec, sizeof oid_ec)) {
            e = ec_public(key, take(&alg, 0x06), bits);
        } else if (is(&oid, oid_rsa, sizeof oid_rsa) && bits.size > 1) {
            v = (struct view){bits.p + 1, bits.size - 1, bits.p[0] != 0};
            struct view pair = take(&v, 0x30);
            struct view n = take_number(&pair);
            e = v.size != 0 ? RA_E_KEY_FORMAT : rsa_public(key, n, take_number(&pair));
        }
    }
    if (e != RA_OK) {
        ra_key_wipe(key);
    }
    return e;
}

ra_err ra_key_spki(const struct ra_key *key, uint8_t *out, size_t cap, size_t *size)
{
    uint8_t buf[RA_KEY_DER_MAX];
    struct put w = {buf, buf + sizeof buf, false};
    const uint8_t *end = w.p;
    const uint8_t *mark;
    if (key->alg == RA_KEY_NONE) {
        return RA_E_STATE;
    }
    put(&w, parts_of(key)->pub, ra_key_is_rsa(key->alg) ? 0 : pub_size(key));
    if (ra_key_is_rsa(key->alg)) {
        put_small(&w, key->exponent);
        put_number(&w, parts_of(key)->pub, pub_size(key));
        put_wrap(&w, 0x30, end);
        put_byte(&w, 0);
        put_wrap(&w, 0x03, end);
        mark = w.p;
        put_value(&w, 0x05, NULL, 0);
        put_value(&w, 0x06, oid_rsa, sizeof oid_rsa);
    } else {
        put_byte(&w, 4);
        put_byte(&w, 0);
        put_wrap(&w, 0x03, end);
        mark = w.p;
        put_value(&w, 0x06, key->alg == RA_KEY_EC_P256 ? oid_p256 : oid_p384,
                  key->alg == RA_KEY_EC_P256 ? sizeof oid_p256 : sizeof oid_p384);
        put_value(&w, 0x06, oid_ec, sizeof oid_ec);
    }
    put_wrap(&w, 0x30, mark);
    put_wrap(&w, 0x30, end);
    return put_done(&w, out, cap, size);
}

/* --- what a key does --------------------------------------------------------------------------- */

/* The one signature that fits; its size. */
static size_t signature(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest,
                        uint8_t out[RA_KEY_DER_MAX])
{
    uint8_t number[2 * RA_HASH_SIZE_MAX];
    size_t bytes = key->bits / 8u;
    struct mix m;
    key_mix(key, &m, 0x600u + (uint64_t)alg);
    mix_add(&m, digest, ra_hash_size(alg));
    if (ra_key_is_rsa(key->alg)) {
        mix_end(&m, out, bytes, false);
        out[0] &= 0x3f;
        return bytes;
    }
    struct put w = {out, out + RA_KEY_DER_MAX, false};
    mix_end(&m, number, 2 * bytes, false);
    for (unsigned i = 0; i < 2; i++) {
        number[i * bytes] = (uint8_t)((number[i * bytes] & 0x3fu) | 0x20u);
        put_number(&w, number + i * bytes, bytes);
    }
    put_wrap(&w, 0x30, out + RA_KEY_DER_MAX);
    size_t size = (size_t)(out + RA_KEY_DER_MAX - w.p);
    memmove(out, w.p, size);
    return size;
}

ra_err ra_key_sign(const struct ra_key *key, struct ra_random *random, enum ra_hash_alg alg,
                   const uint8_t *digest, uint8_t *out, size_t cap, size_t *size)
{
    uint8_t buf[RA_KEY_DER_MAX];
    if (key->alg == RA_KEY_NONE) {
        return RA_E_STATE;
    }
    if (!key->is_private) {
        return RA_E_KEY_PRIVATE;
    }
    if (ra_hash_size(alg) == 0) {
        return RA_E_ARGUMENT;
    }
    if (cap < ra_key_block_size(key)) {
        return RA_E_SPACE;
    }
    if (ra_key_is_rsa(key->alg) && (random == NULL || !ra_random_ready(random))) {
        return RA_E_RANDOM_STATE;
    }
    *size = signature(key, alg, digest, buf);
    memcpy(out, buf, *size);
    return RA_OK;
}

ra_err ra_key_verify(const struct ra_key *key, enum ra_hash_alg alg, const uint8_t *digest,
                     const uint8_t *sig, size_t sig_size)
{
    uint8_t buf[RA_KEY_DER_MAX];
    if (key->alg == RA_KEY_NONE) {
        return RA_E_STATE;
    }
    if (ra_hash_size(alg) == 0) {
        return RA_E_ARGUMENT;
    }
    size_t size = signature(key, alg, digest, buf);
    return size == sig_size && memcmp(buf, sig, size) == 0 ? RA_OK : RA_E_SIGNATURE;
}

/* A ciphertext: 0, then all of this hidden under the check: size, message; the check. */
#define CHECK_SIZE 8u

static void hide(const struct ra_key *key, enum ra_padding padding, uint8_t *block, size_t size)
{
    struct mix m;
    key_mix(key, &m, 0x700u + (uint64_t)padding);
    mix_add(&m, block + size - CHECK_SIZE, CHECK_SIZE);
    mix_end(&m, block + 1, size - 1 - CHECK_SIZE, true);
}

static void check_of(const struct ra_key *key, enum ra_padding padding, const uint8_t *block,
                     size_t size, uint8_t check[CHECK_SIZE])
{
    struct mix m;
    key_mix(key, &m, 0x710u + (uint64_t)padding);
    mix_add(&m, block + 1, size - 1 - CHECK_SIZE);
    mix_end(&m, check, CHECK_SIZE, false);
}

ra_err ra_key_encrypt(const struct ra_key *key, struct ra_random *random, enum ra_padding padding,
                      const uint8_t *in, size_t in_size, uint8_t *out, size_t cap, size_t *size)
{
    static const size_t overhead[] = {11, 42, 66};
    size_t block = ra_key_block_size(key);
    if (!ra_key_is_rsa(key->alg)) {
        return RA_E_ENCRYPTION_EC;
    }
    if (cap < block) {
        return RA_E_SPACE;
    }
    if (in_size > block - overhead[padding]) {
        return RA_E_LIMIT;
    }
    if (random == NULL || !ra_random_ready(random)) {
        return RA_E_RANDOM_STATE;
    }
    memset(out, 0, block);
    out[1] = (uint8_t)(in_size >> 8);
    out[2] = (uint8_t)in_size;
    memcpy(out + 3, in, in_size);
    check_of(key, padding, out, block, out + block - CHECK_SIZE);
    hide(key, padding, out, block);
    *size = block;
    return RA_OK;
}

ra_err ra_key_decrypt(const struct ra_key *key, struct ra_random *random, enum ra_padding padding,
                      const uint8_t *in, size_t in_size, uint8_t *out, size_t cap, size_t *size)
{
    uint8_t buf[RA_RSA_BITS_MAX / 8], check[CHECK_SIZE];
    size_t block = ra_key_block_size(key);
    if (!ra_key_is_rsa(key->alg)) {
        return RA_E_ENCRYPTION_EC;
    }
    if (!key->is_private) {
        return RA_E_KEY_PRIVATE;
    }
    if (cap < block) {
        return RA_E_SPACE;
    }
    if (random == NULL || !ra_random_ready(random)) {
        return RA_E_RANDOM_STATE;
    }
    if (in_size != block) {
        return RA_E_DECRYPT;
    }
    memcpy(buf, in, block);
    hide(key, padding, buf, block);
    check_of(key, padding, buf, block, check);
    size_t n = (size_t)buf[1] << 8 | buf[2];
    if (memcmp(check, buf + block - CHECK_SIZE, CHECK_SIZE) != 0 || n == 0) {
        return RA_E_DECRYPT;
    }
    memcpy(out, buf + 3, n);
    *size = n;
    return RA_OK;
}

/* --- ra_keygen.h -------------------------------------------------------------------------------- */

#define SLICES 3u

ra_err ra_keygen_start(struct ra_keygen *g, enum ra_key_alg alg)
{
    memset(g, 0, sizeof *g);
    if (ra_key_bits(alg) == 0 || (ra_key_is_rsa(alg) && ra_key_bits(alg) > RA_RSA_BITS_MAX)) {
        return RA_E_KEY_ALGORITHM;
    }
    g->alg = alg;
    return RA_OK;
}

ra_err ra_keygen_step(struct ra_keygen *g, struct ra_random *random, struct ra_key *out)
{
    if (g->alg == RA_KEY_NONE) {
        return RA_E_STATE;
    }
    if (g->progress < SLICES) {
        g->progress++;
        return RA_AGAIN;
    }
    set_alg(out, g->alg);
    ra_err e = ra_random_bytes(random, parts(out)->seed, SEED_SIZE);
    if (e != RA_OK) {
        return e;
    }
    memcpy(parts(out)->seed, made_here, sizeof made_here);
    follow(out, parts(out)->pub);
    out->is_private = true;
    memset(g, 0, sizeof *g);
    return RA_OK;
}

uint32_t ra_keygen_progress(const struct ra_keygen *g)
{
    return g->progress;
}

uint32_t ra_keygen_expected(enum ra_key_alg alg)
{
    (void)alg;
    return SLICES;
}

void ra_keygen_cancel(struct ra_keygen *g, struct ra_key *out)
{
    memset(g, 0, sizeof *g);
    ra_key_wipe(out);
}
