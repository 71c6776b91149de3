/* ra_csr.h - certification requests, PKCS#10 [RFC 2986], as AD CS wants a renewal
 * [MS-WCCE 3.1.1.4.3.2].
 *
 * Contents of a renewal: version 0, the old subject byte for byte, the new public key;
 * attributes in DER order:
 *   extensionRequest 1.2.840.113549.1.9.14 with the old certificate's SAN, template,
 *     EKU and key usage extensions byte for byte, as far as it has them, and the new
 *     key's SKI (SHA-1 of the public key bits);
 *   RENEWAL_CERTIFICATE 1.3.6.1.4.1.311.13.1, the old certificate, unless `plain`;
 *   REQUEST_CLIENT_INFO 1.3.6.1.4.1.311.21.20, when the caller names itself;
 *   whatever the caller adds.
 * Application policies (311.21.10) are never sent.
 *
 * Two calls, so that no call does more than one private-key operation:
 *     ra_csr_begin(&in, buf, cap, &tbs);                     no key
 *     ra_csr_sign(buf, cap, tbs, key, random, hash, &csr);   one private-key operation
 * Everything happens in `buf`; the result lies at its end, so that ra_cms can wrap it
 * there. Nothing persists: after a power cut start again.
 */
#ifndef RA_CSR_H
#define RA_CSR_H

#include "ra_key.h"
#include "ra_random.h"
#include "ra_x509.h"

#define RA_CSR_CLIENT_ID 1001 /* of REQUEST_CLIENT_INFO; 1 to 9 and 1000 are reserved */

struct ra_csr_input {
    struct ra_span subject;    /* Name, whole element                                     */
    struct ra_span spki;       /* SubjectPublicKeyInfo of the key that will sign          */
    const struct ra_cert *old; /* the certificate to be renewed; NULL: a first request    */
    const char *machine;       /* REQUEST_CLIENT_INFO in UTF-8; absent when machine is NULL */
    const char *user;
    const char *process;
    bool plain;                 /* without RENEWAL_CERTIFICATE: every protocol but AD CS's     */
    uint16_t key_usage;         /* RA_KU_ of a first request; 0: the old one's, or none        */
    bool request_agent;         /* EKU Certificate Request Agent in a first request            */
    const char *challenge;      /* challengePassword [RFC 2985 5.4.1]; NULL: none              */
    const struct ra_span *more; /* further attributes, each a whole Attribute element      */
    size_t more_n;
};

/* Write the CertificationRequestInfo to the end of buf[0 .. cap-1]. RA_E_SPACE,
 * RA_E_CSR_SYNTAX when the SPKI is none. */
ra_err ra_csr_begin(const struct ra_csr_input *in, uint8_t *buf, size_t cap, struct ra_span *tbs);

/* Sign it. `tbs` is ra_csr_begin's or ra_selfsigned_begin's, in the same buf. The result goes to the end of
 * buf: needs tbs.size + RA_SIGNATURE_MAX + 32 bytes (RA_E_SPACE). */
ra_err ra_csr_sign(uint8_t *buf, size_t cap, struct ra_span tbs, const struct ra_key *key,
                   struct ra_random *random, enum ra_hash_alg hash, struct ra_span *csr);

/* The CertificationRequestInfo of the signed `csr`, which lies in buf, once more at the end of
 * buf, with a challengePassword that it had not; to be signed with ra_csr_sign. NULL: unchanged.
 * RA_E_SPACE: buf needs room for both; RA_E_CSR_SYNTAX. */
ra_err ra_csr_amend(uint8_t *buf, size_t cap, struct ra_span csr, const char *challenge,
                    struct ra_span *tbs);

/* A request taken apart; views into it. */
struct ra_csr {
    struct ra_span tbs;        /* CertificationRequestInfo, whole */
    struct ra_span subject;    /* Name, whole                     */
    struct ra_span spki;       /* whole                           */
    struct ra_span attributes; /* contents of the [0]             */
    struct ra_span sig;
    enum ra_hash_alg sig_hash; /* RA_HASH_NONE: unknown           */
    bool sig_rsa;
};

ra_err ra_csr_parse(struct ra_csr *c, struct ra_span der);
/* The single value (whole element) of an attribute. RA_E_NOT_FOUND; RA_E_CSR_SYNTAX
 * when it is there twice or has not exactly one value. */
ra_err ra_csr_attribute(const struct ra_csr *c, enum ra_oid oid, struct ra_span *value);
/* Proof of possession: the signature against the request's own key. One public-key operation. */
ra_err ra_csr_verify(const struct ra_csr *c, struct ra_key *work);

#endif
