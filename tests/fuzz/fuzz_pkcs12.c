/* PKCS #12 and PEM under the passphrase of tests/support/pkcs12_vectors.h. Every second input has a
 * MAC that is believed, whatever it says: what is behind it is hostile too when the passphrase is
 * known. Who asks for many iterations is given up in the middle. */
#include <string.h>

#include "fuzz.h"
#include "pkcs12_vectors.h"
#include "ra_key.h"
#include "ra_pkcs12.h"

#define STEPS 60u /* some 3 000 iterations */

static bool believe;

int __real_ra_equal_ct(const void *a, const void *b, size_t size);
int __wrap_ra_equal_ct(const void *a, const void *b, size_t size);

int __wrap_ra_equal_ct(const void *a, const void *b, size_t size)
{
    return believe ? 1 : __real_ra_equal_ct(a, b, size);
}

static bool all_zero(const void *p, size_t size)
{
    const uint8_t *b = p;
    while (size != 0 && b[size - 1] == 0) {
        size--;
    }
    return size == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static struct ra_pkcs12 pkcs12;
    static struct ra_key key;
    uint8_t secret[RA_PKCS12_KEY_MAX] = {0};
    size_t cap = size + RA_BER_SLACK;
    uint8_t *buf = fuzz_copy(p, size, cap);
    ra_err e = RA_AGAIN;
    believe = fuzz_hash(p, size) % 2u == 0;
    ra_pkcs12_init(&pkcs12, buf, size, cap, PKCS12_PASSWORD, secret, sizeof secret);
    for (unsigned i = 0; e == RA_AGAIN && i < STEPS; i++) {
        e = ra_pkcs12_step(&pkcs12);
    }
    if (e == RA_OK) {
        fuzz_must(pkcs12.key_size != 0 && pkcs12.key_size <= sizeof secret, "the key");
        fuzz_must(pkcs12.cert_count <= RA_CHAIN_CERTS_MAX, "the certificates");
        for (size_t i = 0; i < pkcs12.cert_count; i++) {
            struct ra_span c = pkcs12.certs[i];
            fuzz_must(c.p >= buf && c.p + c.size <= buf + cap, "certificates lie in the buffer");
        }
        (void)ra_key_from_der(&key, secret, pkcs12.key_size);
    } else if (e != RA_AGAIN) {
        fuzz_must(e < 0 && *ra_error_text(e) != '\0', "an error");
        fuzz_must(all_zero(secret, sizeof secret), "an error leaves nothing of the key");
    }
    ra_pkcs12_wipe(&pkcs12);
    fuzz_must(all_zero(&pkcs12, sizeof pkcs12), "all is wiped");
    fuzz_free(buf);
    return 0;
}
