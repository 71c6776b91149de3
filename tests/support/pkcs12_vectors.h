/* pkcs12_vectors.h - keys under passphrases, by openssl. pkcs12_vectors.c is made by
 * tests/vectors/make_pkcs12.py. */
#ifndef PKCS12_VECTORS_H
#define PKCS12_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "ra_hash.h"

#define PKCS12_PASSWORD "correct horse-7"
#define PKCS12_SALT "NaCl-and-more"

struct pkcs12_file {
    const char *name;
    const uint8_t *p;
    size_t size;
};

/* `use` 0: PBKDF2, else PKCS #12's derivation for it. */
struct pkcs12_derived {
    enum ra_hash_alg alg;
    uint8_t use;
    uint32_t iterations;
    size_t size;
    const uint8_t *out;
};

/* Both end with an entry of zeros. */
extern const struct pkcs12_file pkcs12_files[];
extern const struct pkcs12_derived pkcs12_derived[];

#endif
