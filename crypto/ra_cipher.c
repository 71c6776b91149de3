#include "ra_cipher.h"

#include "ra_hash.h"
#include "ra_wolfssl_check.h"

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/des3.h>

size_t ra_cipher_key_size(enum ra_cipher cipher)
{
    static const uint8_t sizes[] = {0, 16, 32, 24, 8};

    return (unsigned)cipher < sizeof sizes ? sizes[cipher] : 0;
}

size_t ra_cipher_block_size(enum ra_cipher cipher)
{
    static const uint8_t sizes[] = {0, 16, 16, 8, 8};

    return (unsigned)cipher < sizeof sizes ? sizes[cipher] : 0;
}

static int run_aes(enum ra_cipher cipher, int encrypt, const uint8_t *key, const uint8_t *iv,
                   uint8_t *buf, word32 size)
{
    Aes aes;
    int r = wc_AesInit(&aes, NULL, INVALID_DEVID);

    if (r == 0)
        r = wc_AesSetKey(&aes, key, (word32)ra_cipher_key_size(cipher), iv,
                         encrypt ? AES_ENCRYPTION : AES_DECRYPTION);
    if (r == 0)
        r = encrypt ? wc_AesCbcEncrypt(&aes, buf, buf, size)
                    : wc_AesCbcDecrypt(&aes, buf, buf, size);
    ra_wipe(&aes, sizeof aes);
    return r;
}

static int run_des3(int encrypt, const uint8_t *key, const uint8_t *iv, uint8_t *buf, word32 size)
{
    Des3 des;
    int r = wc_Des3Init(&des, NULL, INVALID_DEVID);

    if (r == 0)
        r = wc_Des3_SetKey(&des, key, iv, encrypt ? DES_ENCRYPTION : DES_DECRYPTION);
    if (r == 0)
        r = encrypt ? wc_Des3_CbcEncrypt(&des, buf, buf, size)
                    : wc_Des3_CbcDecrypt(&des, buf, buf, size);
    ra_wipe(&des, sizeof des);
    return r;
}

static int open_des(const uint8_t *key, const uint8_t *iv, uint8_t *buf, word32 size)
{
    Des des;
    int r = wc_Des_SetKey(&des, key, iv, DES_DECRYPTION);

    if (r == 0)
        r = wc_Des_CbcDecrypt(&des, buf, buf, size);
    ra_wipe(&des, sizeof des);
    return r;
}

static ra_err run(enum ra_cipher cipher, int encrypt, const uint8_t *key, const uint8_t *iv,
                  uint8_t *buf, size_t size)
{
    size_t block = ra_cipher_block_size(cipher);
    int r;

    if (block == 0 || size % block != 0 || size > UINT32_MAX / 2)
        return RA_E_ARGUMENT;
    if (cipher == RA_CIPHER_DES && encrypt)
        return RA_E_UNSUPPORTED;
    if (cipher == RA_CIPHER_DES)
        r = open_des(key, iv, buf, (word32)size);
    else if (cipher == RA_CIPHER_DES3)
        r = run_des3(encrypt, key, iv, buf, (word32)size);
    else
        r = run_aes(cipher, encrypt, key, iv, buf, (word32)size);
    return r == 0 ? RA_OK : RA_E_CRYPTO_INTERNAL;
}

ra_err ra_cipher_encrypt(enum ra_cipher cipher, const uint8_t *key, const uint8_t *iv, uint8_t *buf,
                         size_t size)
{
    return run(cipher, 1, key, iv, buf, size);
}

ra_err ra_cipher_decrypt(enum ra_cipher cipher, const uint8_t *key, const uint8_t *iv, uint8_t *buf,
                         size_t size)
{
    return run(cipher, 0, key, iv, buf, size);
}
