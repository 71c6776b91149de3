/* ra_certs.h - certificates out of what a person pastes, or a file that came by mail.
 *
 * Source: what certreq -accept and the CA managers of other CAs hand over: a certificate, a PEM
 * chain in any order, or a PKCS #7 (p7b) of certificates [RFC 5652 5.1, RFC 5280].
 */
#ifndef RA_CERTS_H
#define RA_CERTS_H

#include "ra_der.h"
#include "ra_error.h"

/* The certificates in buf[0 .. size-1]: one object in DER, BER or bare base64, or any number of PEM
 * blocks, each a certificate or a PKCS #7, with any text around them. At most `max` of them, in
 * certs[0 .. *n-1], in the order of the text; not parsed. `buf` is rewritten in place, `cap` its room;
 * BER needs cap >= size + RA_BER_SLACK (see ra_cms_certs). Linear in the size.
 * RA_E_PEM, RA_E_BASE64, RA_E_CMS_NO_CERT, RA_E_CMS_TOO_MANY, RA_E_DER_*, RA_E_CMS_SYNTAX. */
ra_err ra_certs_from_text(uint8_t *buf, size_t size, size_t cap, struct ra_span certs[], size_t max,
                          size_t *n);

#endif
