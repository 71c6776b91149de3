/* ra_selfsigned.h - the throw-away certificate that signs a first SCEP request.
 *
 * Version 3, issuer and subject the same, key usage digitalSignature and keyEncipherment,
 * nothing else [RFC 8894 2.3]. Two calls, as with ra_csr.h: this one without a key, then
 * ra_csr_sign, whose outer shape a certificate shares. Nothing persists.
 */
#ifndef RA_SELFSIGNED_H
#define RA_SELFSIGNED_H

#include "ra_csr.h"

#define RA_SELFSIGNED_SERIAL 16 /* bytes of the serial number */

/* Write the TBSCertificate to the end of buf[0 .. cap-1]. `subject` and `spki` are whole
 * elements and lie outside buf; `serial` is any bytes; times are Unix seconds; hash and
 * `rsa` are those of the signature that follows. RA_E_SPACE. */
ra_err ra_selfsigned_begin(struct ra_span subject, struct ra_span spki,
                           const uint8_t serial[RA_SELFSIGNED_SERIAL], int64_t not_before,
                           int64_t not_after, enum ra_hash_alg hash, bool rsa, uint8_t *buf,
                           size_t cap, struct ra_span *tbs);

#endif
