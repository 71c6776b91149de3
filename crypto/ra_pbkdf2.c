#include "ra_pbkdf2.h"

#include <string.h>

#include "ra_hash.h"
#include "ra_wolfssl_check.h"

#include <wolfssl/wolfcrypt/sha256.h>

#define BLOCK 64u
#define SALT_MAX 64u

struct states {
    wc_Sha256 inner, outer;
};

_Static_assert(sizeof(struct states) <= sizeof(((struct ra_pbkdf2 *)0)->opaque_),
               "struct ra_pbkdf2 is too small for this wolfSSL");

/* What HMAC does with the key, once: the hash after the key's block combined with `pad`. */
static int after_key(wc_Sha256 *h, const uint8_t key[BLOCK], uint8_t pad)
{
    uint8_t block[BLOCK];
    for (unsigned i = 0; i < BLOCK; i++) {
        block[i] = key[i] ^ pad;
    }
    int rc = wc_InitSha256(h);
    if (rc == 0) {
        rc = wc_Sha256Update(h, block, sizeof block);
    }
    ra_wipe(block, sizeof block);
    return rc;
}

static ra_err hmac(const struct ra_pbkdf2 *k, const uint8_t *in, uint32_t size, uint8_t out[32])
{
    struct states s; /* a copy: this wolfSSL's struct is plain data, as ra_hash.h says */
    memcpy(&s, k->opaque_, sizeof s);
    int rc = wc_Sha256Update(&s.inner, in, size);
    if (rc == 0) {
        rc = wc_Sha256Final(&s.inner, out);
    }
    if (rc == 0) {
        rc = wc_Sha256Update(&s.outer, out, 32);
    }
    if (rc == 0) {
        rc = wc_Sha256Final(&s.outer, out);
    }
    ra_wipe(&s, sizeof s);
    return rc == 0 ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

ra_err ra_pbkdf2_start(struct ra_pbkdf2 *k, const char *password, size_t password_size,
                       const uint8_t *salt, size_t salt_size, uint32_t iterations)
{
    static const uint8_t block_1[4] = {0, 0, 0, 1};
    uint8_t key[RA_HASH_SIZE_MAX] = {0}, first[SALT_MAX + sizeof block_1];
    struct states s;
    ra_err e = RA_OK;
    if (salt_size > SALT_MAX || iterations == 0) {
        return RA_E_ARGUMENT;
    }
    if (password_size > BLOCK) {
        e = ra_hash(RA_HASH_SHA256, (const uint8_t *)password, password_size, key);
    } else {
        memcpy(key, password, password_size);
    }
    if (e == RA_OK &&
        (after_key(&s.inner, key, 0x36) != 0 || after_key(&s.outer, key, 0x5c) != 0)) {
        e = RA_E_CRYPTO_INTERNAL;
    }
    memcpy(k->opaque_, &s, sizeof s);
    memcpy(first, salt, salt_size);
    memcpy(first + salt_size, block_1, sizeof block_1);
    if (e == RA_OK) {
        e = hmac(k, first, (uint32_t)(salt_size + sizeof block_1), k->last);
    }
    memcpy(k->sum, k->last, sizeof k->sum);
    k->left = iterations - 1;
    ra_wipe(&s, sizeof s);
    ra_wipe(key, sizeof key);
    return e;
}

ra_err ra_pbkdf2_step(struct ra_pbkdf2 *k, uint32_t slice, uint8_t out[32])
{
    ra_err e = RA_OK;
    for (; k->left != 0 && slice != 0 && e == RA_OK; slice--, k->left--) {
        e = hmac(k, k->last, sizeof k->last, k->last);
        for (unsigned i = 0; i < sizeof k->sum; i++) {
            k->sum[i] ^= k->last[i];
        }
    }
    if (e == RA_OK && k->left != 0) {
        return RA_AGAIN;
    }
    memcpy(out, k->sum, sizeof k->sum);
    ra_wipe(k, sizeof *k);
    return e;
}
