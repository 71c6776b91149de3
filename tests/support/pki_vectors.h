/* pki_vectors.h - keys, certificates and messages for tests, as arrays.
 *
 * pki_vectors.c is made by tests/vectors/make_pki.py; its `subject`, `issuer`, digests and dates
 * are what openssl reads in the certificate.
 */
#ifndef PKI_VECTORS_H
#define PKI_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "ra_der.h"
#include "ra_key.h"
#include "ra_random.h"
#include "ra_x509.h"

struct pki_blob {
    const char *name;
    const uint8_t *p;
    size_t size;
};

struct pki_cert {
    const char *name;
    const uint8_t *p;
    size_t size;
    const char *sha1, *sha256, *serial, *subject, *issuer;
    int64_t not_before, not_after;
};

/* Both end with an entry whose name is NULL. */
extern const struct pki_blob pki_blobs[];
extern const struct pki_cert pki_certs[];

/* By name; the test fails when there is none. */
struct ra_span pki_blob(const char *name);
struct ra_span pki_cert_der(const char *name);
/* The certificate `der` with `by` in the place of `part`, one element of it; no signature fits any more.
 * All lengths are right. `out` has room for it. */
struct ra_span pki_with(struct ra_span der, struct ra_span part, struct ra_span by, uint8_t *out);
void pki_cert_parse(struct ra_cert *c, const char *name);
/* The private key of this name ("agent"). */
void pki_key(struct ra_key *key, const char *name);
/* A seeded generator over a fixed noise source: the same numbers in every run. */
struct ra_random *pki_random(void);
/* Two small hex digits a byte. */
void pki_hex(const uint8_t *p, size_t size, char *out);

#endif
