/* ra_scep_message.h - SCEP's pkiMessage [RFC 8894 section 3]: attributes out and in.
 *
 * Pure: bytes to bytes. The envelope is ra_envelope's, the signature ra_cms's; here is what
 * lies in the signed attributes, and what the contents of a question are.
 */
#ifndef RA_SCEP_MESSAGE_H
#define RA_SCEP_MESSAGE_H

#include "ra_cms.h"
#include "ra_limits.h"

enum ra_scep_type {
    RA_SCEP_CERT_REP = 3,
    RA_SCEP_RENEWAL_REQ = 17,
    RA_SCEP_PKCS_REQ = 19,
    RA_SCEP_CERT_POLL = 20,
    RA_SCEP_GET_CERT = 21
};

enum ra_scep_status { RA_SCEP_SUCCESS = 0, RA_SCEP_FAILURE = 2, RA_SCEP_PENDING = 3 };

#define RA_SCEP_NONCE_SIZE 16
#define RA_SCEP_SERIAL_MAX 64 /* hex digits of a serial number */

/* Sign an envelope as a pkiMessage: messageType, transactionID, senderNonce, with the
 * certificate `signer` in it. At the end of buf, see ra_cms_signed_build. One private-key
 * operation. */
ra_err ra_scep_message_build(uint8_t *buf, size_t cap, struct ra_span envelope,
                             enum ra_scep_type type, const char *transaction_id,
                             const uint8_t nonce[RA_SCEP_NONCE_SIZE], const struct ra_cert *signer,
                             const struct ra_key *key, struct ra_random *random,
                             enum ra_hash_alg hash, struct ra_span *out);

/* SEQUENCE { issuer, subject }, what a CertPoll asks about; at the end of buf. */
ra_err ra_scep_poll_build(uint8_t *buf, size_t cap, struct ra_span issuer, struct ra_span subject,
                          struct ra_span *out);
/* IssuerAndSerialNumber, what GetCert asks for; the serial number in hex. RA_E_ARGUMENT. */
ra_err ra_scep_get_cert_build(uint8_t *buf, size_t cap, struct ra_span issuer, const char *serial,
                              struct ra_span *out);

/* What the attributes of a verified CertRep say. */
struct ra_scep_reply {
    enum ra_scep_status status;
    uint8_t fail_info; /* with FAILURE: 0 .. 4, 255: none or unknown */
    uint32_t hresult;  /* Microsoft's, 0: none                       */
    char text[RA_PEER_TEXT_MAX + 1];
};

/* Read them, in the order of what must fit: messageType, transactionID, recipientNonce,
 * pkiStatus. RA_E_CA_ANSWER: not a CertRep; RA_E_SCEP_FOREIGN: of another transaction;
 * RA_E_SCEP_REPLAY: answers another message. */
ra_err ra_scep_reply_read(struct ra_scep_reply *r, const struct ra_cms_signed *s,
                          const char *transaction_id, const uint8_t nonce[RA_SCEP_NONCE_SIZE]);

#endif
