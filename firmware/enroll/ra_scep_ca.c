#include "ra_scep_ca.h"

#include <string.h>

/* --- capabilities ------------------------------------------------------------ */

static bool is_word(const uint8_t *p, size_t size, const char *word)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t c = p[i] >= 'A' && p[i] <= 'Z' ? (uint8_t)(p[i] | 0x20u) : p[i];
        if (word[i] == '\0' || c != (uint8_t)word[i]) {
            return false;
        }
    }
    return word[size] == '\0';
}

uint16_t ra_scep_caps_read(const uint8_t *p, size_t size)
{
    static const struct {
        const char *word;
        uint16_t caps;
    } known[] = {
        {"aes", RA_SCEP_CAP_AES},
        {"des3", RA_SCEP_CAP_DES3},
        {"getnextcacert", RA_SCEP_CAP_NEXT_CA},
        {"postpkioperation", RA_SCEP_CAP_POST},
        {"renewal", RA_SCEP_CAP_RENEWAL},
        {"sha-1", RA_SCEP_CAP_SHA1},
        {"sha-256", RA_SCEP_CAP_SHA256},
        {"sha-512", RA_SCEP_CAP_SHA512},
        {"scepstandard", RA_SCEP_CAP_AES | RA_SCEP_CAP_POST | RA_SCEP_CAP_SHA256},
    };
    uint16_t caps = 0;
    if (size > RA_SCEP_CAPS_MAX) {
        return 0;
    }
    while (size != 0) {
        size_t line = 0;
        while (line < size && p[line] != '\n') {
            line++;
        }
        size_t end = line;
        while (end != 0 && (p[end - 1] == '\r' || p[end - 1] == ' ' || p[end - 1] == '\t')) {
            end--;
        }
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            if (is_word(p, end, known[i].word)) {
                caps = (uint16_t)(caps | known[i].caps | RA_SCEP_CAP_KNOWN);
            }
        }
        line += line < size ? 1 : 0;
        p += line;
        size -= line;
    }
    return caps;
}

ra_err ra_scep_choose(uint16_t caps, const struct ra_scep_policy *policy, uint8_t *cipher,
                      enum ra_hash_alg *hash, bool *legacy)
{
    bool no_aes = (caps & RA_SCEP_CAP_AES) == 0 && (caps & RA_SCEP_CAP_DES3) != 0;
    bool no_sha2 =
        (caps & (RA_SCEP_CAP_SHA256 | RA_SCEP_CAP_SHA512)) == 0 && (caps & RA_SCEP_CAP_SHA1) != 0;
    *cipher = policy->cipher;
    *hash = policy->hash;
    *legacy = no_aes || no_sha2;
    if (*legacy && !policy->legacy) {
        return RA_E_SCEP_WEAK;
    }
    if (no_aes) {
        *cipher = RA_CIPHER_DES3;
    }
    if (no_sha2) {
        *hash = RA_HASH_SHA1;
    } else if ((caps & RA_SCEP_CAP_SHA512) == 0 && (caps & RA_SCEP_CAP_SHA256) != 0) {
        *hash = RA_HASH_SHA256;
    } else if ((caps & RA_SCEP_CAP_SHA256) == 0 && (caps & RA_SCEP_CAP_SHA512) != 0) {
        *hash = RA_HASH_SHA512;
    }
    return RA_OK;
}

/* --- the certificates ----------------------------------------------------------- */

static bool parse(const struct ra_ca_set *s, unsigned index, struct ra_cert *cert)
{
    return ra_cert_parse(cert, s->cert[index].p, s->cert[index].size) == RA_OK;
}

/* How well a certificate suits as recipient; 0: not at all. Key usage orders, it does not
 * refuse: a CA that stands alone may carry signing bits only. */
static unsigned rank(const struct ra_cert *c, int64_t now)
{
    bool wraps_keys = !c->has_key_usage || (c->key_usage & RA_KU_KEY_ENCIPHERMENT) != 0;
    struct ra_der d;
    ra_der_init(&d, c->spki);
    ra_der_enter(&d, RA_DER_SEQUENCE);
    if (ra_der_algorithm(&d) != RA_OID_RSA || now >= c->not_after || now + 300 < c->not_before) {
        return 0;
    }
    if (c->is_ca) {
        return wraps_keys ? 2 : 1;
    }
    if (wraps_keys) {
        return c->eku_request_agent ? 5 : 4;
    }
    return (c->key_usage & RA_KU_DATA_ENCIPHERMENT) != 0 ? 3 : 0;
}

int ra_scep_recipient(const struct ra_ca_set *s, int64_t now)
{
    int best = -1;
    unsigned best_rank = 0;
    int64_t best_date = 0;
    for (unsigned i = 0; i < s->count; i++) {
        struct ra_cert c;
        if (((unsigned)s->refused >> i & 1u) != 0 || !parse(s, i, &c)) {
            continue;
        }
        unsigned r = rank(&c, now);
        if (r > best_rank || (r != 0 && r == best_rank && c.not_before > best_date)) {
            best = (int)i;
            best_rank = r;
            best_date = c.not_before;
        }
    }
    return best;
}

int ra_scep_signer(const struct ra_ca_set *s, const struct ra_cms_signed *message, unsigned from)
{
    for (unsigned i = from; i < s->count; i++) {
        struct ra_cert c;
        if (!parse(s, i, &c) || !ra_cms_signed_by(message, &c)) {
            continue;
        }
        if (c.is_ca || !c.has_key_usage || (c.key_usage & RA_KU_DIGITAL_SIGNATURE) != 0) {
            return (int)i;
        }
    }
    return -1;
}

int ra_scep_issuer(const struct ra_ca_set *s, unsigned index)
{
    struct ra_cert leaf, c;
    if (!parse(s, index, &leaf)) {
        return -1;
    }
    if (leaf.is_ca) {
        return (int)index;
    }
    int best = -1;
    int64_t best_end = 0;
    for (unsigned i = 0; i < s->count; i++) {
        if (i == index || !parse(s, i, &c) || !c.is_ca || !ra_name_equal(c.subject, leaf.issuer)) {
            continue;
        }
        bool other_key =
            c.skid.size != 0 && leaf.akid.size != 0 && !ra_span_equal(c.skid, leaf.akid);
        if (!other_key && (best < 0 || c.not_after > best_end)) {
            best = (int)i;
            best_end = c.not_after;
        }
    }
    return best;
}

int ra_scep_by_fingerprint(const struct ra_ca_set *s, const uint8_t fingerprint[32])
{
    for (unsigned i = 0; i < s->count; i++) {
        struct ra_cert c;
        uint8_t digest[32];
        if (ra_cert_sha256(s->cert[i], digest) == RA_OK && memcmp(digest, fingerprint, 32) == 0 &&
            parse(s, i, &c) && c.is_ca) {
            return (int)i;
        }
    }
    return -1;
}
