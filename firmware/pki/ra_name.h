/* ra_name.h - a distinguished name as an operator types it, made into DER.
 *
 * The way back, and comparing, are in ra_x509.h.
 */
#ifndef RA_NAME_H
#define RA_NAME_H

#include "ra_der.h"

#define RA_NAME_RDNS_MAX 12

/* Write the Name of `text` to the end of buf[0 .. cap-1]: RFC 4514, last RDN first,
 * "CN=ra01.example.com,O=Example,C=DE". Types: CN, C, L, ST, O, OU, DC and serialNumber, in
 * any case; one for each RDN. A character after a backslash stands for itself, two hex digits
 * for a byte ("\20" is a blank). C, DC and serialNumber become PrintableString and IA5String as
 * their syntax demands [RFC 5280 appendix A], the others UTF8String.
 * RA_E_CONFIG_VALUE: an unknown type, an empty value, one that its string type cannot hold or
 * that is not UTF-8, control characters, more than RA_NAME_RDNS_MAX; RA_E_SPACE. */
ra_err ra_name_from_text(const char *text, uint8_t *buf, size_t cap, struct ra_span *name);

#endif
