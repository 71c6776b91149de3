#include "ra_hash.h"

#include "ra_crypto_internal.h"

#include <limits.h>
#include <string.h>

#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/sha.h>
#include <wolfssl/wolfcrypt/sha256.h>
#include <wolfssl/wolfcrypt/sha512.h>

union hash_wc {
    wc_Sha sha1;
    wc_Sha256 sha256;
    wc_Sha512 sha512; /* SHA-384 too */
};

_Static_assert(sizeof(union hash_wc) <= sizeof(((struct ra_hash_state *)0)->opaque_),
               "struct ra_hash_state is too small for this wolfSSL");
_Static_assert(_Alignof(union hash_wc) <= _Alignof(struct ra_hash_state), "alignment");

/* wolfSSL counts in 32 bits. */
#define HASH_CHUNK 0x40000000u

static union hash_wc *hash_of(struct ra_hash_state *s)
{
    return (union hash_wc *)(void *)s->opaque_;
}

size_t ra_hash_size(enum ra_hash_alg alg)
{
    switch (alg) {
    case RA_HASH_SHA1:
        return 20;
    case RA_HASH_SHA256:
        return 32;
    case RA_HASH_SHA384:
        return 48;
    case RA_HASH_SHA512:
        return 64;
    case RA_HASH_NONE:
        break;
    }
    return 0;
}

ra_err ra_hash_start(struct ra_hash_state *s, enum ra_hash_alg alg)
{
    union hash_wc *w = hash_of(s);
    int rc;

    memset(s, 0, sizeof *s);
    switch (alg) {
    case RA_HASH_SHA1:
        rc = wc_InitSha(&w->sha1);
        break;
    case RA_HASH_SHA256:
        rc = wc_InitSha256(&w->sha256);
        break;
    case RA_HASH_SHA384:
        rc = wc_InitSha384(&w->sha512);
        break;
    case RA_HASH_SHA512:
        rc = wc_InitSha512(&w->sha512);
        break;
    default:
        return RA_E_ARGUMENT;
    }
    if (rc != 0)
        return RA_E_CRYPTO_INTERNAL;
    s->alg = alg;
    return RA_OK;
}

ra_err ra_hash_add(struct ra_hash_state *s, const uint8_t *in, size_t in_size)
{
    union hash_wc *w = hash_of(s);
    int rc = 0;

    if (ra_hash_size(s->alg) == 0)
        return RA_E_STATE;
    while (in_size > 0 && rc == 0) {
        word32 n = in_size > HASH_CHUNK ? HASH_CHUNK : (word32)in_size;

        switch (s->alg) {
        case RA_HASH_SHA1:
            rc = wc_ShaUpdate(&w->sha1, in, n);
            break;
        case RA_HASH_SHA256:
            rc = wc_Sha256Update(&w->sha256, in, n);
            break;
        case RA_HASH_SHA384:
            rc = wc_Sha384Update(&w->sha512, in, n);
            break;
        default:
            rc = wc_Sha512Update(&w->sha512, in, n);
            break;
        }
        in += n;
        in_size -= n;
    }
    return rc == 0 ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

ra_err ra_hash_end(struct ra_hash_state *s, uint8_t out[RA_HASH_SIZE_MAX])
{
    union hash_wc *w = hash_of(s);
    int rc;

    switch (s->alg) {
    case RA_HASH_SHA1:
        rc = wc_ShaFinal(&w->sha1, out);
        break;
    case RA_HASH_SHA256:
        rc = wc_Sha256Final(&w->sha256, out);
        break;
    case RA_HASH_SHA384:
        rc = wc_Sha384Final(&w->sha512, out);
        break;
    case RA_HASH_SHA512:
        rc = wc_Sha512Final(&w->sha512, out);
        break;
    default:
        return RA_E_STATE;
    }
    ra_wipe(s, sizeof *s);
    return rc == 0 ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

ra_err ra_hash(enum ra_hash_alg alg, const uint8_t *in, size_t in_size,
               uint8_t out[RA_HASH_SIZE_MAX])
{
    struct ra_hash_state s;
    ra_err e = ra_hash_start(&s, alg);

    if (e == RA_OK)
        e = ra_hash_add(&s, in, in_size);
    if (e == RA_OK)
        e = ra_hash_end(&s, out);
    ra_wipe(&s, sizeof s);
    return e;
}

ra_err ra_hmac_sha256(const uint8_t *key, size_t key_size, const uint8_t *in, size_t in_size,
                      uint8_t out[32])
{
    static const uint8_t none;
    Hmac h;
    int rc;

    if (key_size > HASH_CHUNK)
        return RA_E_ARGUMENT;
    memset(&h, 0, sizeof h);
    rc = wc_HmacInit(&h, NULL, INVALID_DEVID);
    if (rc == 0)
        rc = wc_HmacSetKey(&h, WC_SHA256, key_size > 0 ? key : &none, (word32)key_size);
    while (rc == 0 && in_size > 0) {
        word32 n = in_size > HASH_CHUNK ? HASH_CHUNK : (word32)in_size;

        rc = wc_HmacUpdate(&h, in, n);
        in += n;
        in_size -= n;
    }
    if (rc == 0)
        rc = wc_HmacFinal(&h, out);
    ra_wipe(&h, sizeof h);
    return rc == 0 ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

int ra_equal_ct(const void *a, const void *b, size_t size)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint32_t differ = 0;

    for (size_t i = 0; i < size; i++)
        differ |= (uint32_t)(x[i] ^ y[i]);
    return (int)((differ - 1u) >> 31);
}

const char *ra_crypto_library(void)
{
    return "wolfSSL " LIBWOLFSSL_VERSION_STRING;
}

/* Whatever the object is made of. */
typedef uint32_t __attribute__((may_alias)) word_of_any;

void ra_wipe(void *p, size_t size)
{
    volatile uint8_t *b = p;

    for (; size > 0 && (uintptr_t)b % sizeof(word_of_any) != 0; size--)
        *b++ = 0;
    for (; size >= sizeof(word_of_any); size -= sizeof(word_of_any), b += sizeof(word_of_any))
        *(volatile word_of_any *)(volatile void *)b = 0;
    while (size-- > 0)
        *b++ = 0;
}

/* Bytes of stack below a function of ra_key.h at its deepest, by the table there; elsewhere the
 * frames of 64-bit and instrumented code. */
#ifdef __arm__
#define STACK_KEY 5376u
#define STACK_OPERATION 9216u
#else
#define STACK_KEY 32768u
#define STACK_OPERATION 49152u
#endif

static void zero(volatile uint32_t *p, size_t words)
{
    while (words-- > 0)
        *p++ = 0;
}

RA_OUT_OF_LINE void ra_wipe_stack_key(void)
{
    volatile uint32_t below[STACK_KEY / 4u];

    zero(below, STACK_KEY / 4u);
}

RA_OUT_OF_LINE void ra_wipe_stack_operation(void)
{
    volatile uint32_t below[STACK_OPERATION / 4u];

    zero(below, STACK_OPERATION / 4u);
}
