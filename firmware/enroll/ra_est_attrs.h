/* ra_est_attrs.h - what an EST server asks of requests: csrattrs [RFC 7030 4.5, RFC 9908].
 *
 *     CsrAttrs ::= SEQUENCE OF CHOICE { OBJECT IDENTIFIER, Attribute }
 *
 * What is done about an item:
 *   challengePassword   the request is bound to the TLS connection
 *   sha384WithRSA...    the request is signed with that digest (SHA-256, 384, 512), if the
 *                       algorithm is one of our key; of several the first counts
 *   extensionRequest    key usage, extended key usage, SAN, key identifier and template are in
 *                       a request as far as the old certificate has them: nothing to do. Their
 *                       values stay the old ones
 *   rsaEncryption, ecPublicKey   nothing, when our key is of this kind and size
 * Anything else is passed over and named in `passed`: it is advice [RFC 9908 3.2], and our key
 * was stored long before it is heard.
 */
#ifndef RA_EST_ATTRS_H
#define RA_EST_ATTRS_H

#include "ra_der.h"
#include "ra_hash.h"

#define RA_EST_ATTRS_MAX 2048 /* bytes of csrattrs in DER */
#define RA_EST_ATTRS_COUNT 48 /* items, values of extensionRequest included */

struct ra_est_attrs {
    bool binding;          /* challengePassword is asked for        */
    enum ra_hash_alg hash; /* RA_HASH_NONE: nothing said about it   */
};

/* Read `in` for a request of a key with this SubjectPublicKeyInfo. `passed` gets the object
 * identifiers of what is passed over, with blanks between, as many as fit. RA_E_DER_*;
 * RA_E_LIMIT above the limits. On error *out says nothing is asked. Linear time. */
ra_err ra_est_attrs_read(struct ra_est_attrs *out, struct ra_span in, struct ra_span spki,
                         struct ra_text *passed);

#endif
