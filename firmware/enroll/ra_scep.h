/* ra_scep.h - SCEP, RFC 8894, behind ra_enroll.h.
 *
 * A conversation is up to four HTTP exchanges, on one connection where the server allows:
 *   GetCACaps      what the server can do; nothing of it is trusted. A server that hangs up, or
 *                  does not know it (4xx, 500, 501), can nothing; any other error is an error
 *   GetCACert      its certificates: the recipient and the signers must lead to an anchor, or
 *                  the operator's fingerprint names the CA, which then becomes an anchor
 *   GetNextCACert  before a request is sent (not when it is sent again as a question), when offered:
 *                  the next CA certificate, of the same name and signed by an anchor, becomes an
 *                  anchor too, and nothing that a CA below an anchor has signed. A refusal is passed
 *                  over; silence is from the second attempt on
 *   PKIOperation   SUBMIT: RenewalReq (17), or PKCSReq (19) for a first enrolment, for a server
 *                  that does not offer Renewal, by setting, or after a refusal; POLL: CertPoll
 *                  (20); FETCH: GetCert (21) for a serial number. POST when offered, else GET.
 * CACERT is GetCACert alone, and its certificates are not looked at.
 *
 * A first enrolment is signed by a self-signed certificate for the new key. It is made from subject
 * and key alone, so each conversation about one request has the same, byte for byte.
 *
 * A message is encrypted to the recipient (RSAES-PKCS1-v1_5) and signed by the certificate
 * that ra_enroll_tools.signer names, whose key opens the reply. What is accepted of a reply,
 * in this order [RFC 8894 3.3.2, 3.4]: one signature by a certificate of the set that leads to
 * an anchor (each that is named as the signer is tried), over the attributes and the content;
 * messageType CertRep; our transaction id; the nonce of this very message; then the status. A reply that fails one of these is dropped
 * (outcome BROKEN) and the transaction lives on.
 *
 * Seen in the field and understood: no content in PENDING and FAILURE, or NDES's one zero byte;
 * no certificates in the message; NDES's HRESULT; SUCCESS with an empty envelope, which means
 * "not yet"; BER at every level; base64 instead of binary; any Content-Type.
 *
 * Sizes: what goes out has at most ra_enroll_tools.message_cap bytes, what comes in
 * RA_REPLY_MAX; both hold RSA-4096 with room to spare. Time: one RSA operation a call.
 */
#ifndef RA_SCEP_H
#define RA_SCEP_H

#include "ra_enroll.h"

extern const struct ra_enroll_ops ra_scep_ops;

#endif
