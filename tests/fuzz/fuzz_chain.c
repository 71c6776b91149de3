/* A leaf and a pool of certificates, one after the other in DER: the way to an anchor, bounded. */
#include <string.h>

#include "fuzz.h"
#include "ra_chain.h"

static const char *const names[] = {"root", "ca_cert", "root.cert"};
#define ANCHORS (sizeof names / sizeof names[0])

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static struct ra_cert leaf;
    static struct ra_chain chain;
    static struct ra_key work;
    struct ra_span pool[RA_CHAIN_CERTS_MAX], anchors[ANCHORS], first;
    struct ra_der d;
    size_t n = 0;
    for (size_t i = 0; i < ANCHORS; i++) {
        anchors[i] = fuzz_blob(names[i]);
    }
    ra_der_init(&d, (struct ra_span){p, size});
    first = ra_der_any(&d);
    if (ra_cert_parse(&leaf, first.p, first.size) != RA_OK) {
        return 0;
    }
    while (ra_der_more(&d) && n < RA_CHAIN_CERTS_MAX) {
        struct ra_span next = ra_der_any(&d);
        if (next.size != 0) {
            pool[n++] = next;
        }
    }
    ra_err err = ra_chain_start(&chain, &leaf, pool, n, anchors, ANCHORS,
                                fuzz_hash(p, size) % 2 == 0 ? 1800000000 : leaf.not_before + 1);
    fuzz_must(err == RA_OK, "ra_chain_start");
    for (unsigned steps = 0; (err = ra_chain_step(&chain, &work)) == RA_AGAIN; steps++) {
        fuzz_must(steps <= RA_CHAIN_SIGNATURES, "an end");
    }
    fuzz_must(chain.err == err && ra_chain_step(&chain, &work) == err, "the same again");
    if (err == RA_OK) {
        fuzz_must(chain.anchor < ANCHORS && chain.length <= n, "the path");
        for (unsigned i = 0; i < chain.length; i++) {
            fuzz_must(chain.path[i] < n, "a certificate of the pool");
        }
    }
    return 0;
}
