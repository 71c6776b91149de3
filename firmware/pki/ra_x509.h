/* ra_x509.h - certificates [RFC 5280], read and never written.
 *
 * ra_cert_parse checks the whole structure once; afterwards the fields are views into
 * the caller's DER, which must stay in place and unchanged as long as the struct is
 * used. A span of size 0 is an absent field. Nothing here says that a certificate is to
 * be trusted: that is ra_chain's and the gates' work. Time is linear in the size except
 * where said.
 */
#ifndef RA_X509_H
#define RA_X509_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_der.h"
#include "ra_error.h"
#include "ra_hash.h"
#include "ra_limits.h"

/* Key usage bits, as the constants of RFC 5280 4.2.1.3: bit n of the BIT STRING is 1 << n. */
#define RA_KU_DIGITAL_SIGNATURE 0x001u
#define RA_KU_NON_REPUDIATION 0x002u
#define RA_KU_KEY_ENCIPHERMENT 0x004u
#define RA_KU_DATA_ENCIPHERMENT 0x008u
#define RA_KU_KEY_AGREEMENT 0x010u
#define RA_KU_KEY_CERT_SIGN 0x020u
#define RA_KU_CRL_SIGN 0x040u

#define RA_CERT_EXTENSIONS_MAX 40 /* more are refused */

struct ra_cert {
    /* whole elements, header included */
    struct ra_span der;
    struct ra_span tbs;
    struct ra_span issuer;  /* Name */
    struct ra_span subject; /* Name, may be an empty SEQUENCE */
    struct ra_span spki;    /* SubjectPublicKeyInfo */
    /* whole Extension elements, to be copied into a request */
    struct ra_span template_ext; /* 311.21.7, or 311.20.2 when that is absent */
    struct ra_span key_usage_ext;
    struct ra_span eku_ext;
    struct ra_span san_ext;
    /* contents */
    struct ra_span serial;      /* INTEGER contents, two's complement            */
    struct ra_span spki_bits;   /* subjectPublicKey without the unused-bits byte */
    struct ra_span sig;         /* signature bytes                               */
    struct ra_span eku;         /* SEQUENCE OF OID, header included              */
    struct ra_span san;         /* GeneralNames, header included                 */
    struct ra_span skid;        /* key identifier bytes                          */
    struct ra_span akid;        /* keyIdentifier of the AKI, may be absent in it */
    struct ra_span template_id; /* BMPString of 311.20.2 or OID of 311.21.7, header included */
    int64_t not_before;
    int64_t not_after;
    uint32_t path_len;
    enum ra_hash_alg sig_hash; /* RA_HASH_NONE: a signature algorithm we do not know */
    uint16_t key_usage;        /* RA_KU_ */
    uint8_t version;           /* 1 .. 3 */
    uint8_t eku_count;         /* purposes in the EKU; 255: more */
    bool sig_rsa;              /* signed by an RSA key, else ECDSA */
    bool has_key_usage;
    bool is_ca; /* basicConstraints says so */
    bool has_path_len;
    bool eku_request_agent; /* EKU names Certificate Request Agent 1.3.6.1.4.1.311.20.2.1 */
    bool unknown_critical;  /* a critical extension that is not evaluated here */
};

/* Parse all of der[0 .. size-1]. RA_E_LIMIT above RA_CERT_MAX; RA_E_DER_* and
 * RA_E_CERT_SYNTAX otherwise, RA_E_TIME_SYNTAX for its dates. On error *c is zeroed.
 * Quadratic in the number of extensions (at most RA_CERT_EXTENSIONS_MAX). */
ra_err ra_cert_parse(struct ra_cert *c, const uint8_t *der, size_t size);

/* Thumbprints: digests over the whole DER. */
ra_err ra_cert_sha1(struct ra_span der, uint8_t out[20]);
ra_err ra_cert_sha256(struct ra_span der, uint8_t out[32]);

/* The template as text: its name (311.20.2), or its OID in dots (311.21.7). "" when the
 * certificate has none. Cut at cap - 1. */
void ra_cert_template_name(const struct ra_cert *c, char *out, size_t cap);
/* Same template: names compare as names do, OIDs byte for byte; version numbers are not
 * compared. Both without a template: true. */
bool ra_cert_template_equal(const struct ra_cert *a, const struct ra_cert *b);
/* Issuer and subject are the same name. */
bool ra_cert_self_issued(const struct ra_cert *c);
/* The serial number in lower-case hex, without the sign's zero byte. */
void ra_cert_serial_text(const struct ra_cert *c, char *out, size_t cap);

/* Append an OBJECT IDENTIFIER (contents) in dots; any bytes are accepted. */
void ra_oid_text(struct ra_text *t, struct ra_span oid);

/* A Name (whole element) for people: RFC 4514, last RDN first, "CN=ra01,O=Example".
 * ASCII controls, C1 controls, direction marks and invisible characters are escaped, so
 * that the text is safe on a terminal; other characters come out as UTF-8. Any bytes
 * are accepted; what is not a Name gives "". Cut at cap - 1. Quadratic in the number of
 * RDNs. */
void ra_name_text(struct ra_span name, char *out, size_t cap);
/* The first commonName only, same escapes; "" when there is none. */
void ra_name_common(struct ra_span name, char *out, size_t cap);
/* Compare Names as RFC 5280 7.1 means it: the string type does not matter, ASCII
 * letters without case, runs of blanks as one, none at the ends. No Unicode
 * normalisation: other characters must be equal. AVAs of one RDN compare in the order
 * they have. */
bool ra_name_equal(struct ra_span a, struct ra_span b);

#endif
