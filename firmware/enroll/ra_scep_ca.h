/* ra_scep_ca.h - what a SCEP CA says of itself: capabilities, certificates [RFC 8894 3.5, 4].
 *
 * Capabilities are not authenticated: they choose among what policy allows, nothing else.
 * Of the certificates one is the recipient of what we encrypt, some may sign replies; they are
 * chosen by key usage and chain, never by their position. None counts before it leads to a
 * pinned trust anchor.
 */
#ifndef RA_SCEP_CA_H
#define RA_SCEP_CA_H

#include "ra_ca_set.h"
#include "ra_cipher.h"
#include "ra_cms.h"
#include "ra_enroll_tools.h"

/* Capabilities, a set. */
enum ra_scep_cap {
    RA_SCEP_CAP_KNOWN = 0x01, /* the server named at least one that we know */
    RA_SCEP_CAP_AES = 0x02,
    RA_SCEP_CAP_DES3 = 0x04,
    RA_SCEP_CAP_NEXT_CA = 0x08,
    RA_SCEP_CAP_POST = 0x10,
    RA_SCEP_CAP_RENEWAL = 0x20,
    RA_SCEP_CAP_SHA1 = 0x40,
    RA_SCEP_CAP_SHA256 = 0x80,
    RA_SCEP_CAP_SHA512 = 0x100
};

#define RA_SCEP_CAPS_MAX 1024 /* bytes of a list; more is no list but some page */

/* Keywords, one a line, LF or CR LF, in any case, unknown ones skipped. Any bytes; 0 when there
 * is none, or when it is too long to be a list. */
uint16_t ra_scep_caps_read(const uint8_t *p, size_t size);

/* What to encrypt and sign with. RA_E_SCEP_WEAK: the server names only what policy does not
 * allow. *legacy is set when it comes to DES3 or SHA-1. */
ra_err ra_scep_choose(uint16_t caps, const struct ra_scep_policy *policy, uint8_t *cipher,
                      enum ra_hash_alg *hash, bool *legacy);

/* The index of the best recipient that is not refused; -1: there is none. An end entity
 * that may encipher keys, else data, else a CA; the one that became valid last; RSA only. */
int ra_scep_recipient(const struct ra_ca_set *s, int64_t now);

/* The index of the next certificate at `from` or behind it that the message names as its signer, and
 * that may sign replies; -1: none. A name is no proof: of several with one issuer and serial number,
 * or one key identifier, the signature says which. */
int ra_scep_signer(const struct ra_ca_set *s, const struct ra_cms_signed *message, unsigned from);

/* The index of the CA certificate whose subject issued the one at `index`, or that is it; -1: not
 * in the set. Where key identifiers are given they fit; of several, the one that ends last. */
int ra_scep_issuer(const struct ra_ca_set *s, unsigned index);

/* The index of the CA certificate with this SHA-256; -1: none. */
int ra_scep_by_fingerprint(const struct ra_ca_set *s, const uint8_t fingerprint[32]);

#endif
