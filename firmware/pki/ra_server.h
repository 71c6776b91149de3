/* ra_server.h - whether a certificate is that of a TLS server of this name [RFC 9525].
 *
 * The name is looked for in subjectAltName only: dNSName for a host name, iPAddress for an IPv4
 * address written with dots. The subject's commonName is never looked at. Letters compare without
 * case. A "*" stands for exactly one label, the whole of the first one, and at least two labels
 * must follow it: *.example.net fits ca01.example.net, neither example.net nor a.b.example.net;
 * "*.net" and "c*.example.net" fit nothing.
 *
 * Also: not a CA's certificate; with a key usage, digitalSignature is in it (every suite we offer
 * signs); with an extended key usage, serverAuth or anyExtendedKeyUsage is in it; its dates.
 * Whoever signed it is ra_chain's to find out.
 *
 * Time: linear in the certificate's size. No state.
 */
#ifndef RA_SERVER_H
#define RA_SERVER_H

#include "ra_x509.h"

/* RA_OK, RA_E_TLS_NAME, RA_E_TLS_USAGE, RA_E_TLS_EXPIRED, RA_E_TLS_NOT_YET. `host` is a name or an
 * IPv4 address, a dot at its end does not matter. `at_least`: `now` is only known to be past, so
 * that a certificate that begins later is no contradiction; the end is checked all the same. */
ra_err ra_server_check(const struct ra_cert *cert, const char *host, int64_t now, bool at_least);

/* Whether the pattern of a dNSName fits the host name. */
bool ra_server_name_fits(struct ra_span pattern, const char *host);

#endif
