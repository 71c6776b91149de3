/* ra_cms.h - CMS SignedData [RFC 5652]: the renewal request out, certificates in.
 *
 * Input is DER or BER; BER is rewritten as DER in the caller's buffer first (ra_der.h,
 * ra_ber_to_der), so the buffer must be writable and the spans point into it.
 * EnvelopedData is in ra_envelope.h.
 */
#ifndef RA_CMS_H
#define RA_CMS_H

#include "ra_csr.h"
#include "ra_key.h"
#include "ra_random.h"
#include "ra_x509.h"

/* Wrap a PKCS#10 into the renewal request AD CS takes [MS-WCCE 3.2.1.4.2.1.4.2.1], the
 * shape Windows sends: SignedData version 1, id-data with the request as OCTET STRING,
 * the old certificate alone, one SignerInfo version 1 by issuer and serial of the old
 * certificate, no signed attributes, signed by the old key over the request's bytes.
 * `csr` lies in buf (where ra_csr_sign left it) or elsewhere; the result is at the end
 * of buf. One private-key operation. RA_E_SPACE. The old certificate's key usage is not
 * asked: the CEP Encryption certificate signs its own renewal. */
ra_err ra_cms_renewal_build(uint8_t *buf, size_t cap, struct ra_span csr, const struct ra_cert *old,
                            const struct ra_key *old_key, struct ra_random *random,
                            enum ra_hash_alg hash, struct ra_span *out);

/* Sign `content` as SignedData version 1: id-data with the content as OCTET STRING (absent
 * when content.p is NULL), the signer's certificate alone, one SignerInfo by issuer and
 * serial, signed attributes contentType, messageDigest and `attrs` (each a whole Attribute
 * element), sorted as DER wants. `content` lies in buf or elsewhere; the result is at the end
 * of buf, which needs room for the content, the certificate and 1.5 KiB. One private-key operation. RA_E_SPACE. */
ra_err ra_cms_signed_build(uint8_t *buf, size_t cap, struct ra_span content,
                           const struct ra_cert *signer, const struct ra_key *key,
                           struct ra_random *random, enum ra_hash_alg hash,
                           const struct ra_span attrs[], size_t n, struct ra_span *out);

/* Write a certs-only SignedData, without content and signer [RFC 5652 5.2, RFC 8894 3.4]: begin on a
 * fresh writer, put the certificates one by one (the last goes first; their order stays), end. What
 * does not fit is in w->err. */
void ra_cms_certs_begin(struct ra_der_put *w);
void ra_cms_certs_end(struct ra_der_put *w);

/* The certificates of a SignedData (certs-only or any other), or the one of a bare
 * certificate. buf[0 .. size-1] is the input, `cap` its room: see ra_ber_to_der. At
 * most `max`, more is RA_E_CMS_TOO_MANY; none is RA_E_CMS_NO_CERT. Other kinds of
 * certificate choices are skipped, doubles are kept, order is the message's. The
 * certificates are not parsed. */
ra_err ra_cms_certs(uint8_t *buf, size_t size, size_t cap, struct ra_span certs[], size_t max,
                    size_t *n);

/* A SignedData taken apart; views into the buffer. The first SignerInfo only. */
struct ra_cms_signed {
    struct ra_span content_type;  /* OID contents                                   */
    struct ra_span content;       /* the octets; p is NULL when absent              */
    struct ra_span certs;         /* contents of certificates [0]                   */
    struct ra_span signer_issuer; /* Name, whole; empty when the signer is named by SKI */
    struct ra_span signer_serial; /* INTEGER contents                               */
    struct ra_span signer_skid;   /* subjectKeyIdentifier                           */
    struct ra_span signed_attrs;  /* contents of signedAttrs [0]; p is NULL: absent */
    struct ra_span sig;
    uint32_t version;
    uint32_t signers;      /* SignerInfos in all */
    enum ra_hash_alg hash; /* digestAlgorithm, RA_HASH_NONE: unknown */
    bool sig_rsa;          /* signatureAlgorithm: RSA PKCS#1 v1.5 or ECDSA */
    bool sig_known;        /* and whether it is one of these, with that digest */
};

/* RA_E_CMS_SYNTAX and RA_E_DER_*. */
ra_err ra_cms_signed_parse(struct ra_cms_signed *s, uint8_t *buf, size_t size, size_t cap);
/* Whether `cert` is the one the SignerInfo names. */
bool ra_cms_signed_by(const struct ra_cms_signed *s, const struct ra_cert *cert);
/* Verify the first signer's signature with `key`; with signed attributes their content
 * type and message digest too; without, the content must be id-data [RFC 5652 5.3]. An absent
 * content counts as empty. The signer's
 * certificate is the caller's matter. RA_E_SIGNATURE. One public-key operation. */
ra_err ra_cms_signed_verify(const struct ra_cms_signed *s, const struct ra_key *key);
/* The value (whole element) of a signed attribute of this OID contents; RA_E_NOT_FOUND. */
ra_err ra_cms_signed_attr(const struct ra_cms_signed *s, struct ra_span oid, struct ra_span *value);

#endif
