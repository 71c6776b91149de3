#include "ra_seal.h"

#include "ra_hash.h"
#include "ra_wolfssl_check.h"

#include <string.h>

#include <wolfssl/wolfcrypt/aes.h>

#define SEAL_LABEL "Perennial store seal v1"

_Static_assert(sizeof(Aes) <= sizeof(((struct ra_seal *)0)->opaque_),
               "struct ra_seal is too small for this wolfSSL");
_Static_assert(_Alignof(Aes) <= _Alignof(struct ra_seal), "alignment");

static Aes *aes_of(struct ra_seal *s)
{
    return (Aes *)(void *)s->opaque_;
}

/* wolfSSL takes the expanded key without const; GCM with a given nonce does not change it. */
static Aes *aes_shared(const struct ra_seal *s)
{
    union {
        const uint64_t *in;
        Aes *out;
    } key = {s->opaque_};

    return key.out;
}

void ra_seal_wipe(struct ra_seal *s)
{
    ra_wipe(s, sizeof *s);
}

ra_err ra_seal_init(struct ra_seal *s, const struct hal_device_key *device_key)
{
    uint8_t secret[HAL_DEVICE_KEY_SIZE];
    uint8_t key[32];
    ra_err e;

    memset(s, 0, sizeof *s);
    if (device_key == NULL || device_key->read == NULL ||
        device_key->read(device_key->dev, secret) != 1)
        return RA_OK;
    e = ra_hmac_sha256(secret, sizeof secret, (const uint8_t *)SEAL_LABEL, sizeof SEAL_LABEL - 1,
                       key);
    ra_wipe(secret, sizeof secret);
    if (e == RA_OK && (wc_AesInit(aes_of(s), NULL, INVALID_DEVID) != 0 ||
                       wc_AesGcmSetKey(aes_of(s), key, sizeof key) != 0))
        e = RA_E_CRYPTO_INTERNAL;
    ra_wipe(key, sizeof key);
    if (e == RA_OK)
        s->have_key = 1;
    else
        ra_seal_wipe(s);
    return e;
}

ra_err ra_seal_close(const struct ra_seal *s, struct ra_random *random, const uint8_t *aad,
                     size_t aad_size, uint8_t *buf, size_t size, uint8_t nonce[RA_SEAL_NONCE_SIZE],
                     uint8_t tag[RA_SEAL_TAG_SIZE])
{
    ra_err e;

    if (!s->have_key)
        return RA_E_STATE;
    if (size > UINT32_MAX / 2 || aad_size > UINT32_MAX / 2)
        return RA_E_LIMIT;
    e = ra_random_bytes(random, nonce, RA_SEAL_NONCE_SIZE);
    if (e != RA_OK)
        return e;
    if (wc_AesGcmEncrypt(aes_shared(s), buf, buf, (word32)size, nonce, RA_SEAL_NONCE_SIZE, tag,
                         RA_SEAL_TAG_SIZE, aad, (word32)aad_size) != 0) {
        ra_wipe(buf, size);
        return RA_E_CRYPTO_INTERNAL;
    }
    return RA_OK;
}

ra_err ra_seal_open(const struct ra_seal *s, const uint8_t *aad, size_t aad_size, uint8_t *buf,
                    size_t size, const uint8_t nonce[RA_SEAL_NONCE_SIZE],
                    const uint8_t tag[RA_SEAL_TAG_SIZE])
{
    if (!s->have_key)
        return RA_E_STATE;
    if (size > UINT32_MAX / 2 || aad_size > UINT32_MAX / 2)
        return RA_E_LIMIT;
    if (wc_AesGcmDecrypt(aes_shared(s), buf, buf, (word32)size, nonce, RA_SEAL_NONCE_SIZE, tag,
                         RA_SEAL_TAG_SIZE, aad, (word32)aad_size) != 0) {
        ra_wipe(buf, size);
        return RA_E_RECORD_SEAL;
    }
    return RA_OK;
}
