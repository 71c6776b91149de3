/* What a CA says of itself: SCEP's capabilities, or the set of its certificates (EST's too). */
#include <string.h>

#include "fuzz.h"
#include "ra_scep_ca.h"

static ra_err anchor(void *ctx, unsigned place, struct ra_span *cert)
{
    static const char *const names[RA_ANCHORS_MAX] = {"ca_cert", "apple_ca", "root.cert", NULL};
    (void)ctx;
    if (names[place] == NULL) {
        return RA_E_NOT_FOUND;
    }
    *cert = fuzz_blob(names[place]);
    return RA_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static struct ra_ca_set set;
    static struct ra_key key;
    static uint8_t ca[RA_CA_SET_MAX];
    struct ra_enroll_tools tools = {.anchor = anchor, .key = &key, .now = 1800000000};
    struct ra_scep_policy policy = {.cipher = RA_CIPHER_AES_128, .hash = RA_HASH_SHA256};
    uint16_t caps = ra_scep_caps_read(p, size);
    uint8_t cipher = 0;
    enum ra_hash_alg hash = RA_HASH_NONE;
    bool legacy;
    if (ra_scep_choose(caps, &policy, &cipher, &hash, &legacy) == RA_OK) {
        fuzz_must(!legacy && cipher != RA_CIPHER_DES3 && hash >= RA_HASH_SHA256,
                  "the server weakens what policy demands");
    }
    size_t cap = size + RA_BER_SLACK;
    uint8_t *body = fuzz_copy(p, size, cap);
    if (ra_ca_set_read(&set, body, size, cap, ca, sizeof ca) == RA_OK) {
        fuzz_must(set.count >= 1 && set.count <= RA_CA_SET_CERTS, "the number of certificates");
        int best = ra_scep_recipient(&set, tools.now);
        fuzz_must(best < (int)set.count, "the recipient");
        for (unsigned i = 0; i < set.count; i++) {
            ra_err err = RA_AGAIN;
            for (unsigned steps = 0; err == RA_AGAIN; steps++) {
                fuzz_must(steps <= 2 * RA_ANCHORS_MAX * (RA_CHAIN_SIGNATURES + 2), "an end");
                err = ra_ca_set_trust_step(&set, i, &tools);
            }
            fuzz_must(ra_scep_issuer(&set, i) < (int)set.count, "the issuer");
        }
        (void)ra_scep_by_fingerprint(&set, ca);
        set.heir = set.trying = set.place = 0;
        struct ra_span next;
        ra_err err = RA_AGAIN;
        for (unsigned steps = 0; err == RA_AGAIN || err == RA_OK; steps++) {
            fuzz_must(steps <= 500, "an end of the roots");
            err = ra_ca_set_rollover_step(&set, &tools, &next);
            fuzz_must(err != RA_OK || (next.p >= ca && next.p + next.size <= ca + sizeof ca),
                      "the next root");
        }
    }
    fuzz_free(body);
    return 0;
}
