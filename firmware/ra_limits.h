/* ra_limits.h - the fixed sizes of this build, in one place.
 *
 * All state is static, so every limit is a number here. Larger input is
 * refused with RA_E_LIMIT, RA_E_HTTP_TOO_LARGE or the like, never cut short.
 * An integrator may define any of them on the compiler's command line; the
 * asserts below say what must hold.
 */
#ifndef RA_LIMITS_H
#define RA_LIMITS_H

#include "ra_options.h"

#ifndef RA_RSA_BITS_MAX
#define RA_RSA_BITS_MAX 4096 /* 2048, 3072 or 4096: the largest RSA key, ours or a CA's */
#endif

#define RA_ROLES_MAX 4 /* credentials the store has room for; two are used by the RA roles */

#ifndef RA_CERT_MAX
#define RA_CERT_MAX 2560 /* bytes of one DER certificate (AD CS with LDAP AIA/CDP: 1.4 to 1.9 KB) */
#endif
#ifndef RA_CHAIN_MAX
#define RA_CHAIN_MAX                                                                               \
    6144 /* bytes of a stored chain: issuers' DER certificates, one after the other */
#endif
#define RA_CA_SET_CERTS 8 /* certificates kept of those a CA names as its own: see ra_ca_set.h */
/* Certificates looked at in one chain or one CMS message: what was issued, and the CA's. */
#define RA_CHAIN_CERTS_MAX (RA_CA_SET_CERTS + 2)
#define RA_ANCHORS_MAX 4 /* trust anchors */

/* Private key in DER (PKCS#1 or SEC1): RSA-2048 1193, 3072 1793, 4096 2349 bytes at most. */
#define RA_KEY_DER_MAX (RA_RSA_BITS_MAX / 8 * 9 / 2 + 64)
/* SubjectPublicKeyInfo in DER. */
#define RA_SPKI_MAX (RA_RSA_BITS_MAX / 8 + 64)
#define RA_SIGNATURE_MAX (RA_RSA_BITS_MAX / 8)

/* The message that goes out, in DER. AD CS: the old certificate twice, new public key, two
 * signatures, names: 8192 bytes at most. SCEP: the same content, encrypted and signed. */
#ifndef RA_REQUEST_MAX
#define RA_REQUEST_MAX 12288
#endif
/* The body of one HTTP reply: a chain as base64 PKCS#7, or a certsrv page. */
#ifndef RA_REPLY_MAX
#define RA_REPLY_MAX 16384
#endif
/* The certificates of a CA, kept through one conversation: as many as RA_REPLY_MAX holds in base64. */
#ifndef RA_CA_SET_MAX
#define RA_CA_SET_MAX 12288
#endif
/* The buffer the caller gives for both. */
#define RA_REPLY_BUFFER (RA_REPLY_MAX + RA_CA_SET_MAX)

/* TLS: the certificates a server sends, and the arena wolfSSL's TLS lives in. Measured in
 * docs/measurements.md: a chain of 10 KiB in one record needs 37 KB of it on a Cortex-M3. */
#ifndef RA_TLS_CHAIN_MAX
#define RA_TLS_CHAIN_MAX 12288
#endif
#ifndef RA_TLS_ARENA
#define RA_TLS_ARENA 65536
#endif

#define RA_URL_MAX 200      /* characters of a configured URL */
#define RA_HOST_MAX 128     /* characters of a host name */
#define RA_NAME_MAX 512     /* bytes of the subject in a request of SCEP */
#define RA_USER_MAX 64      /* characters of a user name or password */
#define RA_BINDING_MAX 48   /* bytes of a TLS channel binding */
#define RA_EVENTS 32        /* entries of the event log in flash */
#define RA_PEER_TEXT_MAX 80 /* characters kept of a peer's own words, cleaned to printable ASCII */

/* The largest record of the store: a chain. */
#define RA_RECORD_MAX RA_CHAIN_MAX

_Static_assert(RA_RSA_BITS_MAX == 2048 || RA_RSA_BITS_MAX == 3072 || RA_RSA_BITS_MAX == 4096,
               "RA_RSA_BITS_MAX is 2048, 3072 or 4096");
_Static_assert(RA_CA_SET_CERTS <= 8, "struct ra_ca_set has a bit for each");
_Static_assert(
    RA_CA_SET_MAX >= 2 * RA_CERT_MAX,
    "beside a CA's certificate there is room for one that a first request is signed with");
_Static_assert(RA_KEY_DER_MAX <= RA_RECORD_MAX && RA_CERT_MAX <= RA_RECORD_MAX,
               "a record holds a key and a certificate");
_Static_assert(RA_REQUEST_MAX >= 2 * RA_CERT_MAX + RA_RSA_BITS_MAX / 8 * 3 + 1536,
               "a request holds two certificates, a key and two signatures");
_Static_assert(RA_REQUEST_MAX >= 2 * RA_CHAIN_MAX,
               "the buffer of a request holds the chain in use and the new one");

#endif
