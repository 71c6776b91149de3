/* ra_pkcs12.h - a private key and its certificates that somebody else made, opened with a passphrase:
 * PKCS #12 [RFC 7292], or PEM with a PKCS #8 key under a passphrase [RFC 5958, RFC 8018].
 *
 * Taken: a PFX whose MAC is HMAC with SHA-1, SHA-256, SHA-384 or SHA-512; PBES2 with PBKDF2 and
 * AES-128-CBC, AES-256-CBC or DES3; and PBE-SHA1-3DES, as old Windows writes it. One key, in a
 * shrouded bag. As DER, BER, base64 or PEM. In PEM: one block ENCRYPTED PRIVATE KEY and any number of
 * CERTIFICATE blocks; a key without a passphrase is refused, since it was in clear on its way.
 * The MAC is verified before anything else is looked at.
 *
 * The input lies in `buf`, is rewritten there, and may be in external memory: it holds nothing secret
 * but for the passphrase. The key comes out in `key`, which is the caller's and should be on the chip.
 * Steps: each is RA_PKCS12_SLICE iterations of ra_pbkdf.h, or linear in the input.
 */
#ifndef RA_PKCS12_H
#define RA_PKCS12_H

#include "ra_cipher.h"
#include "ra_der.h"
#include "ra_error.h"
#include "ra_limits.h"
#include "ra_pbkdf.h"

/* Room for `key`: the PKCS #8 structure around a key, and the padding. */
#define RA_PKCS12_KEY_MAX (RA_KEY_DER_MAX + 256)
#define RA_PKCS12_SLICE 64u /* iterations in one step */

struct ra_pkcs12 {
    /* The result. */
    size_t key_size;                          /* PKCS #8 in key[0 ..]: ra_key_from_der reads it */
    struct ra_span certs[RA_CHAIN_CERTS_MAX]; /* in buf, in the order they stand; not parsed  */
    size_t cert_count;

    /* Private. */
    uint8_t *buf, *key;
    size_t size, cap, key_cap;
    const char *password;
    struct ra_span rest, shrouded, data, salt, mac;
    struct ra_pbkdf kdf;
    uint8_t secret[RA_CIPHER_KEY_MAX + RA_CIPHER_BLOCK_MAX];
    uint32_t iterations;
    uint8_t phase, cipher;
    bool old_scheme, have_key;
};

/* Begin. `buf` holds `size` bytes and has room for `cap`; BER needs RA_BER_SLACK more than it has.
 * `password` stays the caller's until the end; at most RA_PBKDF_PASSWORD_MAX characters of ASCII. */
void ra_pkcs12_init(struct ra_pkcs12 *p, uint8_t *buf, size_t size, size_t cap,
                    const char *password, uint8_t *key, size_t key_cap);
/* RA_AGAIN: go on; RA_OK: the result is there. RA_E_PASSPHRASE: it does not open it;
 * RA_E_PKCS12_SYNTAX, RA_E_DER_*, RA_E_BASE64, RA_E_PEM; RA_E_CMS_ALGORITHM: protected in a way that
 * is not taken; RA_E_KEY_BARE: the key has no passphrase; RA_E_NO_KEY: none, or more than one;
 * RA_E_CMS_TOO_MANY: certificates; RA_E_LIMIT. After an error `key` is wiped. */
ra_err ra_pkcs12_step(struct ra_pkcs12 *p);
/* Wipes all of it but `key` and `buf`. */
void ra_pkcs12_wipe(struct ra_pkcs12 *p);

#endif
