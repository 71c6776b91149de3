/* ra_est.h - EST, RFC 7030 with RFC 8951 and 9908, behind ra_enroll.h.
 *
 * A conversation is three HTTP exchanges, on one connection where the server allows, under the
 * configured URL: https://HOST stands for https://HOST/.well-known/est, a URL with a path is
 * taken as it is; the setting est-label adds one part to either.
 *   GET  cacerts          the CA's certificates, kept: what is issued comes without them. A next
 *                         root among them that the pinned one vouches for becomes an anchor
 *                         (ra_ca_set_rollover_step)
 *   GET  csrattrs         what the server asks of requests (ra_est_attrs.h). 204, 404 or any other
 *                         answer that is not a list asks for nothing; only 401 ends it
 *   POST simplereenroll   SUBMIT: the PKCS#10; simpleenroll for a first enrolment, or by setting.
 *                         200: issued, certs-only. 202: pending
 * CACERT is cacerts alone, and its certificates are not looked at. POLL and FETCH are not there:
 * the same request is sent again, and what was issued comes with the answer.
 *
 * There is no id: a pending request is known by its bytes. They are the same after a reset,
 * because nothing random is in them (ra_credentials.h), unless the request is bound.
 * Channel binding [RFC 7030 3.5]: the base64 of the TLS connection's binding as challengePassword,
 * when csrattrs or the setting est-channel-binding asks for it. The request is then signed again in
 * each conversation, by the same key, for the connection it goes out on; if that one is gone, the
 * exchange fails and the next attempt makes another. RA_E_EST_BINDING where there is no binding,
 * because the server closes the connection after each reply or it is not TLS.
 *
 * Who may ask is the server's to say: the TLS client certificate, or name and password. The
 * request itself is signed by the new key alone [RFC 7030 4.2.2].
 * Only https: without TLS nobody says that this is the server (RA_E_EST_PLAIN).
 *
 * Bodies are base64 in any lines, or none, whatever the headers say [RFC 8951]; blanks and zero
 * bytes between and behind are skipped, PEM armour and DER are understood. Ours have lines of
 * 64 ending with CR LF. Errors: the first characters of a text/plain body are the peer's words,
 * else the reason of the status line; 400 is RA_E_CA_REQUEST, 403 RA_E_CA_DENIED.
 * Time: one public-key or private-key operation a call.
 */
#ifndef RA_EST_H
#define RA_EST_H

#include "ra_enroll.h"

extern const struct ra_enroll_ops ra_est_ops;

#endif
