/* SignedData: the certificates in it, and the whole of it with attributes and signature. */
#include <string.h>

#include "fuzz.h"
#include "ra_cms.h"
#include "ra_oid.h"
#include "ra_pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static struct ra_key key;
    static struct ra_cert ca, cert;
    size_t cap = size + RA_BER_SLACK, n = 0;
    struct ra_span certs[RA_CHAIN_CERTS_MAX], value;
    struct ra_cms_signed s;
    if (ca.der.size == 0) {
        struct ra_span der = fuzz_blob("ca_cert");
        fuzz_must(ra_cert_parse(&ca, der.p, der.size) == RA_OK &&
                      ra_key_from_spki(&key, ca.spki.p, ca.spki.size) == RA_OK,
                  "the CA's certificate");
    }
    uint8_t *buf = fuzz_copy(p, size, cap);
    if (ra_cms_certs(buf, size, cap, certs, RA_CHAIN_CERTS_MAX, &n) == RA_OK) {
        fuzz_must(n >= 1 && n <= RA_CHAIN_CERTS_MAX, "the number of certificates");
        for (size_t i = 0; i < n; i++) {
            fuzz_must(certs[i].p >= buf && certs[i].p + certs[i].size <= buf + cap,
                      "a certificate");
            (void)ra_cert_parse(&cert, certs[i].p, certs[i].size);
        }
    }
    fuzz_free(buf);
    buf = fuzz_copy(p, size, cap);
    if (ra_cms_signed_parse(&s, buf, size, cap) == RA_OK) {
        bool named = ra_cms_signed_by(&s, &ca);
        ra_err verdict = ra_cms_signed_verify(&s, &key);
        fuzz_must(verdict != RA_OK || (s.sig_known && s.sig_rsa), "a signature we do not know");
        fuzz_must(named || s.signers == 0 || verdict != RA_AGAIN, "who signed");
        for (int oid = 1; oid <= (int)RA_OID_UNKNOWN; oid++) {
            struct ra_span id = ra_oid_value((enum ra_oid)oid);
            if (id.size != 0 && ra_cms_signed_attr(&s, id, &value) == RA_OK) {
                fuzz_must(value.p >= buf && value.p + value.size <= buf + cap, "an attribute");
            }
        }
    }
    fuzz_free(buf);
    return 0;
}
