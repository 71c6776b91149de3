/* ra_oid.h - the object identifiers we know, in one table.
 *
 * Sources: RFC 5280, 3279, 5758, 5652, 2985, 8894; [MS-WCCE] 2.2.2.7.
 */
#ifndef RA_OID_H
#define RA_OID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_hash.h"

/* A view of bytes that somebody else owns. p is NULL or valid when size is 0. */
struct ra_span {
    const uint8_t *p;
    size_t size;
};

enum ra_oid {
    RA_OID_UNKNOWN = 0,
    /* digests */
    RA_OID_SHA1,
    RA_OID_SHA256,
    RA_OID_SHA384,
    RA_OID_SHA512,
    /* keys */
    RA_OID_RSA,
    RA_OID_EC,
    /* signatures, in the order of the digests */
    RA_OID_RSA_SHA1,
    RA_OID_RSA_SHA256,
    RA_OID_RSA_SHA384,
    RA_OID_RSA_SHA512,
    RA_OID_ECDSA_SHA1,
    RA_OID_ECDSA_SHA256,
    RA_OID_ECDSA_SHA384,
    RA_OID_ECDSA_SHA512,
    /* CMS */
    RA_OID_DATA,
    RA_OID_SIGNED_DATA,
    RA_OID_CONTENT_TYPE,
    RA_OID_MESSAGE_DIGEST,
    /* certificate extensions */
    RA_OID_SUBJECT_KEY_ID,
    RA_OID_KEY_USAGE,
    RA_OID_SUBJECT_ALT_NAME,
    RA_OID_BASIC_CONSTRAINTS,
    RA_OID_CERTIFICATE_POLICIES,
    RA_OID_AUTHORITY_KEY_ID,
    RA_OID_EXTENDED_KEY_USAGE,
    RA_OID_MS_TEMPLATE_NAME,        /* 1.3.6.1.4.1.311.20.2  */
    RA_OID_MS_TEMPLATE,             /* 1.3.6.1.4.1.311.21.7  */
    RA_OID_MS_APPLICATION_POLICIES, /* 1.3.6.1.4.1.311.21.10 */
    /* extended key usages */
    RA_OID_MS_REQUEST_AGENT, /* 1.3.6.1.4.1.311.20.2.1 */
    /* request attributes */
    RA_OID_EXTENSION_REQUEST,  /* 1.2.840.113549.1.9.14 */
    RA_OID_CHALLENGE_PASSWORD, /* 1.2.840.113549.1.9.7  */
    RA_OID_MS_RENEWAL_CERT,    /* 1.3.6.1.4.1.311.13.1  */
    RA_OID_MS_CLIENT_INFO,     /* 1.3.6.1.4.1.311.21.20 */
    /* encryption */
    RA_OID_ENVELOPED_DATA, /* 1.2.840.113549.1.7.3        */
    RA_OID_RSA_OAEP,       /* 1.2.840.113549.1.1.7        */
    RA_OID_MGF1,           /* 1.2.840.113549.1.1.8        */
    RA_OID_P_SPECIFIED,    /* 1.2.840.113549.1.1.9        */
    RA_OID_AES_128_CBC,    /* 2.16.840.1.101.3.4.1.2      */
    RA_OID_AES_256_CBC,    /* 2.16.840.1.101.3.4.1.42     */
    RA_OID_DES3_CBC,       /* 1.2.840.113549.3.7          */
    RA_OID_DES_CBC,        /* 1.3.14.3.2.7                */
    /* SCEP's signed attributes, 2.16.840.1.113733.1.9.2 to .7 in this order */
    RA_OID_SCEP_MESSAGE_TYPE,
    RA_OID_SCEP_STATUS,
    RA_OID_SCEP_FAIL_INFO,
    RA_OID_SCEP_SENDER_NONCE,
    RA_OID_SCEP_RECIPIENT_NONCE,
    RA_OID_SCEP_TRANSACTION_ID,
    RA_OID_SCEP_FAIL_INFO_TEXT, /* 1.3.6.1.5.5.7.24.1      */
    RA_OID_MS_SCEP_ERROR,       /* 1.3.6.1.4.1.311.21.33   */
    RA_OID_COUNT
};

/* The contents of the OBJECT IDENTIFIER; static. */
struct ra_span ra_oid_value(enum ra_oid oid);
enum ra_oid ra_oid_find(struct ra_span value);

/* Between digests and OIDs. */
enum ra_oid ra_oid_of_hash(enum ra_hash_alg hash);
enum ra_hash_alg ra_oid_hash(enum ra_oid digest); /* RA_HASH_NONE: not a digest */
enum ra_oid ra_oid_of_signature(enum ra_hash_alg hash, bool rsa);
/* The digest of a signature algorithm and, in *rsa, whether it is RSA PKCS#1 v1.5 or
 * ECDSA. RA_HASH_NONE: not a signature algorithm we know. */
enum ra_hash_alg ra_oid_signature(enum ra_oid oid, bool *rsa);

#endif
