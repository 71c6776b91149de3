/* ra_cipher.h - block ciphers in CBC mode, for the contents of CMS messages.
 *
 * In place, whole blocks only; padding is the caller's (ra_envelope.h). The key lives on the
 * stack for the time of a call and is wiped. No state, no allocation, nothing left behind by
 * a power cut. Time grows with the input: on a Cortex-M3 about 1 900 (AES-128), 2 600
 * (AES-256) instructions for each 16 bytes. wolfSSL's AES uses tables: on a processor with a
 * data cache its time depends on the key. DES3 is for servers that know no better, DES for
 * opening what such a server sends; nothing of ours is ever sent in DES.
 *
 * Source: FIPS 197, SP 800-38A (CBC), SP 800-67 (TDEA).
 */
#ifndef RA_CIPHER_H
#define RA_CIPHER_H

#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"

enum ra_cipher {
    RA_CIPHER_NONE = 0,
    RA_CIPHER_AES_128 = 1,
    RA_CIPHER_AES_256 = 2,
    RA_CIPHER_DES3 = 3, /* three keys */
    RA_CIPHER_DES = 4   /* decrypts only */
};

#define RA_CIPHER_KEY_MAX 32
#define RA_CIPHER_BLOCK_MAX 16

/* Bytes; 0 for RA_CIPHER_NONE and anything else. */
size_t ra_cipher_key_size(enum ra_cipher cipher);
/* Bytes of a block and of the IV. */
size_t ra_cipher_block_size(enum ra_cipher cipher);

/* buf[0 .. size-1] in place. RA_E_ARGUMENT when `size` is no multiple of the block or the
 * cipher unknown; RA_E_UNSUPPORTED for encrypting with DES. */
ra_err ra_cipher_encrypt(enum ra_cipher cipher, const uint8_t *key, const uint8_t *iv, uint8_t *buf,
                         size_t size);
ra_err ra_cipher_decrypt(enum ra_cipher cipher, const uint8_t *key, const uint8_t *iv, uint8_t *buf,
                         size_t size);

#endif
