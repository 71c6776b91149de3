/* ra_error.h - the one list of what can go wrong.
 *
 * Each entry has a name, a number that stays the same in every release, the
 * layer that noticed it, whether trying again helps, and the sentence an
 * operator reads. The console prints `E<layer>-<number>` and the sentence,
 * followed by the peer's own words where a peer spoke (HRESULT, HTTP status).
 * docs/errors.md is printed from this list; a test compares them.
 *
 * A value is -(layer * 32 + number), so 0 is success and every error is
 * negative. RA_AGAIN is no error: the call did one bounded slice of its work
 * and wants to be called again.
 */
#ifndef RA_ERROR_H
#define RA_ERROR_H

#include <stdint.h>

#include "ra_text.h"

typedef int32_t ra_err;

#define RA_OK ((ra_err)0)
#define RA_AGAIN ((ra_err)1)

enum ra_layer {
    RA_LAYER_API = 0,     /* called wrongly, or a limit of this build       */
    RA_LAYER_STORE = 1,   /* flash and the records in it                    */
    RA_LAYER_CRYPTO = 2,  /* keys, random numbers, sealing                  */
    RA_LAYER_PARSE = 3,   /* bytes from outside that are not what they claim*/
    RA_LAYER_NET = 4,     /* link, address, name, connection                */
    RA_LAYER_HTTP = 5,    /* HTTP                                           */
    RA_LAYER_CA = 6,      /* the certification authority's answer           */
    RA_LAYER_GATE = 7,    /* a certificate refused before it was installed  */
    RA_LAYER_TIME = 8,    /* the clock                                      */
    RA_LAYER_CONSOLE = 9, /* operator input and configuration              */
    RA_LAYER_TLS = 10,    /* TLS, as we see it                             */
    RA_LAYER_ALERT = 11   /* TLS, as the server sees it: its alert         */
};

enum ra_retry {
    RA_RETRY_NEVER,   /* the same call fails the same way                 */
    RA_RETRY_SOON,    /* exponential, with jitter: nobody answered        */
    RA_RETRY_LATER,   /* next day, growing to a week: a broken answer     */
    RA_RETRY_DENIED,  /* 14, 7, 3 and 1 days before expiry: somebody said no */
    RA_RETRY_OPERATOR /* nothing changes until a person acts              */
};

/*   name              layer    no  retry     sentence */
#define RA_ERRORS(X)                                                                               \
    X(ARGUMENT, API, 1, NEVER, "an argument is out of its range")                                  \
    X(STATE, API, 2, NEVER, "called in the wrong state")                                           \
    X(SPACE, API, 3, NEVER, "the buffer is too small")                                             \
    X(LIMIT, API, 4, NEVER, "larger than this build accepts")                                      \
    X(BUSY, API, 5, SOON, "another operation is under way")                                        \
    X(UNSUPPORTED, API, 6, NEVER, "not supported by this build")                                   \
                                                                                                   \
    X(FLASH_IO, STORE, 1, SOON, "the flash driver reports a failure")                              \
    X(FLASH_VERIFY, STORE, 2, SOON, "flash does not hold what was written to it")                  \
    X(FLASH_SMALL, STORE, 3, NEVER, "the flash region is too small for the store")                 \
    X(FLASH_GEOMETRY, STORE, 4, NEVER, "the flash geometry is not supported")                      \
    X(STORE_FULL, STORE, 5, OPERATOR, "the store is full of records still in use")                 \
    X(NOT_FOUND, STORE, 6, NEVER, "no such record")                                                \
    X(RECORD_DAMAGED, STORE, 7, OPERATOR, "a stored record is damaged")                            \
    X(RECORD_SEAL, STORE, 8, OPERATOR, "a stored record was sealed by another device or altered")  \
    X(FLASH_WORN, STORE, 9, OPERATOR, "a flash sector fails after erase")                          \
    X(NO_CREDENTIAL, STORE, 10, OPERATOR, "no credential is stored for this role")                 \
    X(STORED, STORE, 11, NEVER, "a credential is stored for this role: renew it")                  \
    X(NO_PREVIOUS, STORE, 12, NEVER, "no previous credential is kept that is still valid")         \
    X(ANCHORS_FULL, STORE, 13, OPERATOR, "no place is left for another trust anchor")              \
                                                                                                   \
    X(ENTROPY, CRYPTO, 1, OPERATOR, "no entropy: no key can be made on this board")                \
    X(ENTROPY_HEALTH, CRYPTO, 2, OPERATOR,                                                         \
      "the entropy source failed its health test; it is tested again after a reboot")              \
    X(KEY_FORMAT, CRYPTO, 3, NEVER, "not a private or public key we can read")                     \
    X(KEY_ALGORITHM, CRYPTO, 4, OPERATOR, "the key's algorithm or size is not supported")          \
    X(KEY_PRIVATE, CRYPTO, 5, NEVER, "the private part of the key is needed")                      \
    X(KEYGEN_GAVE_UP, CRYPTO, 6, LATER, "no prime was found within the bound")                     \
    X(SIGNATURE, CRYPTO, 7, NEVER, "the signature does not verify")                                \
    X(DECRYPT, CRYPTO, 8, NEVER, "decryption failed")                                              \
    X(CRYPTO_INTERNAL, CRYPTO, 9, SOON, "the cryptographic library reports a failure")             \
    X(ENCRYPTION_EC, CRYPTO, 10, OPERATOR, "the CEP Encryption role needs an RSA key, not EC")     \
    X(RANDOM_STATE, CRYPTO, 11, SOON, "the random generator is not seeded yet")                    \
    X(PASSPHRASE, CRYPTO, 16, NEVER, "the passphrase does not open it")                            \
    X(KEY_BARE, CRYPTO, 17, NEVER, "the private key is not protected by a passphrase")             \
    X(NO_KEY, CRYPTO, 18, NEVER, "it holds no private key, or more than one")                      \
                                                                                                   \
    X(DER_TRUNCATED, PARSE, 1, LATER, "an element runs past the end of its container")             \
    X(DER_TAG, PARSE, 2, LATER, "an element has another type than expected")                       \
    X(DER_LENGTH, PARSE, 3, LATER, "a length is not encoded as DER allows")                        \
    X(DER_DEPTH, PARSE, 4, LATER, "nested too deeply")                                             \
    X(DER_VALUE, PARSE, 5, LATER, "a value is out of its range")                                   \
    X(DER_TRAILING, PARSE, 6, LATER, "bytes follow the end of the structure")                      \
    X(PEM, PARSE, 7, LATER, "not PEM, or its armour is broken")                                    \
    X(BASE64, PARSE, 8, LATER, "not base64")                                                       \
    X(CERT_SYNTAX, PARSE, 9, LATER, "not a certificate as RFC 5280 has it")                        \
    X(CMS_SYNTAX, PARSE, 10, LATER, "not a CMS message as RFC 5652 has it")                        \
    X(CMS_NO_CERT, PARSE, 11, LATER, "the message holds no certificate")                           \
    X(CMS_TOO_MANY, PARSE, 12, LATER, "the message holds too many certificates")                   \
    X(CSR_SYNTAX, PARSE, 13, LATER, "not a certification request as RFC 2986 has it")              \
    X(TIME_SYNTAX, PARSE, 14, LATER, "not a date as its format demands")                           \
    X(CMS_RECIPIENT, PARSE, 15, LATER, "the message is not encrypted to our certificate")          \
    X(CMS_ALGORITHM, PARSE, 16, LATER, "the message uses an algorithm we do not accept")           \
    X(PKCS12_SYNTAX, PARSE, 20, NEVER,                                                             \
      "not PKCS #12 or an encrypted key as RFC 7292 and 5958 have it")                             \
                                                                                                   \
    X(NET_DOWN, NET, 1, SOON, "the network link is down")                                          \
    X(NET_NO_ADDRESS, NET, 2, SOON, "no network address yet")                                      \
    X(NET_DNS, NET, 3, SOON, "the CA's host name cannot be resolved")                              \
    X(NET_CONNECT, NET, 4, SOON, "the connection to the CA failed")                                \
    X(NET_REFUSED, NET, 5, SOON, "the CA's host refused the connection")                           \
    X(NET_RESET, NET, 6, SOON, "the connection was reset")                                         \
    X(NET_CLOSED, NET, 7, SOON, "the peer closed the connection before the end")                   \
    X(NET_TIMEOUT, NET, 8, SOON, "the CA did not answer in time")                                  \
    X(NET_MEMORY, NET, 9, SOON, "the network stack is out of buffers")                             \
                                                                                                   \
    X(URL, HTTP, 1, OPERATOR, "not a URL we can use")                                              \
    X(HTTP_SYNTAX, HTTP, 2, LATER, "the reply is not HTTP/1.1")                                    \
    X(HTTP_HEADERS, HTTP, 3, LATER, "too many or too long HTTP headers")                           \
    X(HTTP_LENGTH, HTTP, 4, LATER, "conflicting or broken length of the HTTP body")                \
    X(HTTP_TOO_LARGE, HTTP, 5, LATER, "the HTTP reply is larger than accepted")                    \
    X(HTTP_CHUNK, HTTP, 6, LATER, "a broken chunk in the HTTP body")                               \
    X(HTTP_REDIRECT, HTTP, 7, LATER, "a redirect that is not followed")                            \
    X(HTTP_STATUS, HTTP, 8, LATER, "the CA's web server answers with an error status")             \
    X(HTTP_AUTH, HTTP, 9, LATER, "the CA's web server refuses our name and password")              \
    X(HTTP_PLAINTEXT, HTTP, 10, OPERATOR,                                                          \
      "a password is not sent over plain HTTP (see allow-plaintext-password)")                     \
    X(HTTP_SCHEME, HTTP, 11, OPERATOR, "the URL's scheme is not supported by this build")          \
    X(HTTP_BUSY, HTTP, 12, SOON, "the CA's web server asks to come back later")                    \
                                                                                                   \
    X(TLS_MEMORY, TLS, 1, LATER, "TLS needs more memory than its arena has")                       \
    X(TLS_PROTOCOL, TLS, 2, LATER, "the server does not speak TLS as it should")                   \
    X(TLS_VERSION, TLS, 3, LATER, "the server has neither TLS 1.2 nor 1.3")                        \
    X(TLS_SUITE, TLS, 4, LATER, "the server has no cipher, curve or signature of ours")            \
    X(TLS_SIGNATURE, TLS, 5, LATER, "the server's signature in the handshake is wrong")            \
    X(TLS_MAC, TLS, 6, SOON, "what the server sent was altered on the way")                        \
    X(TLS_TRUNCATED, TLS, 7, SOON, "the TLS connection was cut without a close_notify")            \
    X(TLS_NO_CERT, TLS, 8, LATER, "the server sent no certificate")                                \
    X(TLS_CHAIN_SIZE, TLS, 9, LATER, "the server sent more certificates than we accept")           \
    X(TLS_CERT, TLS, 10, LATER, "the server's certificate cannot be read")                         \
    X(TLS_NAME, TLS, 11, LATER, "the server's certificate is for another host")                    \
    X(TLS_EXPIRED, TLS, 12, LATER, "the server's certificate has expired")                         \
    X(TLS_NOT_YET, TLS, 13, LATER, "the server's certificate is not valid yet")                    \
    X(TLS_USAGE, TLS, 14, LATER, "the server's certificate is not for TLS servers")                \
    X(TLS_UNTRUSTED, TLS, 15, LATER, "the server's certificate leads to no trust anchor")          \
    X(TLS_WEAK, TLS, 16, LATER, "the server's key, or a signature in its chain, is too weak")      \
                                                                                                   \
    X(ALERT_UNEXPECTED, ALERT, 1, LATER, "TLS alert: an unexpected message")                       \
    X(ALERT_MAC, ALERT, 2, SOON, "TLS alert: a bad record")                                        \
    X(ALERT_OVERFLOW, ALERT, 3, LATER, "TLS alert: a record too large")                            \
    X(ALERT_HANDSHAKE, ALERT, 4, LATER, "TLS alert: no common parameters")                         \
    X(ALERT_BAD_CERT, ALERT, 5, LATER, "TLS alert: our certificate is bad")                        \
    X(ALERT_CERT_TYPE, ALERT, 6, LATER, "TLS alert: our certificate is of a wrong kind")           \
    X(ALERT_REVOKED, ALERT, 7, LATER, "TLS alert: our certificate is revoked")                     \
    X(ALERT_EXPIRED, ALERT, 8, LATER, "TLS alert: our certificate has expired")                    \
    X(ALERT_CERT_UNKNOWN, ALERT, 9, LATER, "TLS alert: our certificate is not accepted")           \
    X(ALERT_PARAMETER, ALERT, 10, LATER, "TLS alert: an illegal parameter")                        \
    X(ALERT_UNKNOWN_CA, ALERT, 11, LATER, "TLS alert: the issuer of our certificate is unknown")   \
    X(ALERT_ACCESS, ALERT, 12, LATER, "TLS alert: access denied")                                  \
    X(ALERT_DECODE, ALERT, 13, LATER, "TLS alert: a message it cannot decode")                     \
    X(ALERT_DECRYPT, ALERT, 14, LATER, "TLS alert: a signature or key that does not verify")       \
    X(ALERT_VERSION, ALERT, 15, LATER, "TLS alert: a TLS version it does not accept")              \
    X(ALERT_SECURITY, ALERT, 16, LATER, "TLS alert: not secure enough for it")                     \
    X(ALERT_INTERNAL, ALERT, 17, SOON, "TLS alert: an internal error of its own")                  \
    X(ALERT_FALLBACK, ALERT, 18, LATER, "TLS alert: an inappropriate fallback")                    \
    X(ALERT_CANCELED, ALERT, 19, SOON, "TLS alert: cancelled")                                     \
    X(ALERT_RENEGOTIATION, ALERT, 20, LATER, "TLS alert: renegotiation is refused")                \
    X(ALERT_MISSING, ALERT, 21, LATER, "TLS alert: a missing extension")                           \
    X(ALERT_EXTENSION, ALERT, 22, LATER, "TLS alert: an unsupported extension")                    \
    X(ALERT_NAME, ALERT, 23, LATER, "TLS alert: it does not know the host name")                   \
    X(ALERT_STATUS, ALERT, 24, LATER, "TLS alert: a bad certificate status")                       \
    X(ALERT_PSK, ALERT, 25, LATER, "TLS alert: an unknown pre-shared key")                         \
    X(ALERT_CERT_REQUIRED, ALERT, 26, LATER,                                                       \
      "TLS alert: it wants a certificate of ours (see tls-client-certificate)")                    \
    X(ALERT_APPLICATION, ALERT, 27, LATER, "TLS alert: no common application protocol")            \
    X(ALERT_OTHER, ALERT, 28, LATER, "TLS alert: an alert without a name")                         \
                                                                                                   \
    X(CA_DENIED, CA, 1, DENIED, "the CA denied the request")                                       \
    X(CA_ERROR, CA, 2, LATER, "the CA reports an error")                                           \
    X(CA_ANSWER, CA, 3, LATER, "the CA's answer is not understood")                                \
    X(CA_UNKNOWN_ID, CA, 4, LATER, "the CA no longer knows the request")                           \
    X(CA_NO_CHAIN, CA, 5, LATER, "the CA's certificate chain could not be fetched")                \
    X(CA_TEMPLATE, CA, 6, DENIED, "the CA does not offer the template")                            \
    X(CA_PERMISSION, CA, 7, DENIED, "the account may not enrol for the template")                  \
    X(CA_REQUEST, CA, 8, DENIED, "the CA finds the request malformed")                             \
    X(SCEP_BAD_ALG, CA, 9, LATER, "the SCEP server does not accept our algorithms")                \
    X(SCEP_BAD_CHECK, CA, 10, LATER, "the SCEP server cannot verify or open our message")          \
    X(SCEP_BAD_REQUEST, CA, 11, DENIED, "the SCEP server refuses the request")                     \
    X(SCEP_BAD_TIME, CA, 12, LATER, "the SCEP server says our clock is wrong")                     \
    X(SCEP_RENEWAL_REFUSED, CA, 13, SOON,                                                          \
      "the SCEP server takes no renewal: an ordinary request follows")                             \
    X(SCEP_SIGNER, CA, 14, SOON, "the reply is not signed by the CA")                              \
    X(SCEP_FOREIGN, CA, 15, SOON, "the reply belongs to another transaction")                      \
    X(SCEP_REPLAY, CA, 16, SOON, "the reply answers another message of ours")                      \
    X(SCEP_EMPTY, CA, 17, LATER, "the SCEP server reports success and sends no certificate")       \
    X(SCEP_CA_SET, CA, 18, LATER, "the CA's certificates hold none that fits its work")            \
    X(SCEP_UNTRUSTED, CA, 19, OPERATOR, "the CA's certificates lead to no trust anchor")           \
    X(SCEP_WEAK, CA, 20, OPERATOR, "the CA offers nothing policy allows (see scep-legacy)")        \
    X(SCEP_SIGNER_KEY, CA, 21, OPERATOR, "SCEP needs an RSA key to sign and to open the reply")    \
    X(SCEP_ENDED, CA, 22, DENIED,                                                                  \
      "the SCEP server ended a pending request; if it has issued: retrieve ROLE SERIAL")           \
    X(NO_REQUEST, CA, 23, OPERATOR, "no request is open for this role")                            \
    X(EST_BINDING, CA, 24, LATER,                                                                  \
      "the request cannot be bound to the TLS connection (see est-channel-binding)")               \
    X(EST_PLAIN, CA, 25, OPERATOR, "EST needs a URL that begins with https")                       \
                                                                                                   \
    X(GATE_KEY, GATE, 1, LATER, "the certificate is for another key")                              \
    X(GATE_SAME, GATE, 2, LATER, "the CA returned the certificate we already have")                \
    X(GATE_NOT_LONGER, GATE, 3, LATER, "the certificate does not last longer than the old one")    \
    X(GATE_SUBJECT, GATE, 4, LATER, "the subject is not the one that was asked for")               \
    X(GATE_SAN, GATE, 5, LATER, "the subject alternative name differs from the old one")           \
    X(GATE_USAGE, GATE, 6, LATER, "the key usage is not the role's")                               \
    X(GATE_EKU, GATE, 7, LATER, "the extended key usage is not the role's")                        \
    X(GATE_TEMPLATE, GATE, 8, LATER, "the certificate template is not the role's")                 \
    X(GATE_IS_CA, GATE, 10, LATER, "the certificate is a CA's")                                    \
    X(GATE_EXPIRED, GATE, 11, LATER, "the certificate has expired")                                \
    X(GATE_NOT_YET, GATE, 12, LATER, "the certificate is not valid yet")                           \
    X(GATE_LIFETIME, GATE, 13, LATER, "the certificate's life is shorter than policy asks")        \
    X(GATE_WEAK, GATE, 14, LATER, "the signature algorithm or key is weaker than policy asks")     \
    X(GATE_SELF_TEST, GATE, 15, LATER, "the stored key and certificate fail their self-test")      \
    X(CHAIN_ISSUER, GATE, 16, LATER, "no issuer certificate was found")                            \
    X(CHAIN_SIGNATURE, GATE, 17, LATER, "a certificate's signature does not verify")               \
    X(CHAIN_CA, GATE, 18, LATER, "an issuer certificate may not issue")                            \
    X(CHAIN_PATH, GATE, 19, LATER, "the chain is longer than its path length allows")              \
    X(CHAIN_DATE, GATE, 20, LATER, "an issuer certificate is outside its validity")                \
    X(CHAIN_CRITICAL, GATE, 21, LATER, "a critical extension is not understood")                   \
    X(NO_ANCHOR, GATE, 22, OPERATOR, "no trust anchor is configured")                              \
    X(PROBATION, GATE, 23, LATER, "the new credential failed in use, or was given up")             \
                                                                                                   \
    X(TIME_UNKNOWN, TIME, 1, SOON, "the time is unknown: set it or configure SNTP")                \
    X(EXPIRED, TIME, 2, OPERATOR, "the certificate has expired: new enrolment is needed")          \
    X(BUDGET, TIME, 3, LATER, "today's attempts are used up")                                      \
    X(HELD, TIME, 4, OPERATOR, "renewal is on hold by the operator")                               \
                                                                                                   \
    X(COMMAND, CONSOLE, 1, NEVER, "unknown command; try help")                                     \
    X(PARAMETER, CONSOLE, 2, NEVER, "a parameter is missing or not understood")                    \
    X(CONFIG_NAME, CONSOLE, 3, NEVER, "no such setting")                                           \
    X(CONFIG_VALUE, CONSOLE, 4, NEVER, "the value is not allowed for this setting")                \
    X(LINE_TOO_LONG, CONSOLE, 5, NEVER, "the line is too long")                                    \
    X(THUMBPRINT, CONSOLE, 6, NEVER, "a thumbprint has exactly 40 hex digits")                     \
    X(NO_SUCH_CERT, CONSOLE, 7, NEVER, "no stored certificate has this thumbprint")                \
    X(PASTE_TOO_LONG, CONSOLE, 8, NEVER, "more was pasted than there is room for")                 \
    X(AMBIGUOUS, CONSOLE, 9, NEVER, "the beginning of several commands")                           \
    X(INCOMPLETE, CONSOLE, 10, NEVER, "the command is not complete")                               \
    X(FILTER, CONSOLE, 11, NEVER, "only | include WORD, and | json where help says so")            \
    X(PASSWORD, CONSOLE, 12, NEVER, "wrong password")                                              \
    X(PASSWORD_SHORT, CONSOLE, 13, NEVER, "a password has 8 characters at least")                  \
    X(PASSWORD_AGAIN, CONSOLE, 14, NEVER, "the two are not the same")                              \
    X(WHICH_ROLE, CONSOLE, 16, NEVER, "several requests are open: name the role")

#define RA_ERROR_ENUM_(name, layer, no, retry, text) RA_E_##name = -(RA_LAYER_##layer * 32 + (no)),
enum ra_error_code { RA_ERRORS(RA_ERROR_ENUM_) RA_ERROR_END_ = -32768 };
#undef RA_ERROR_ENUM_

/* The sentence for `e`; "ok" for RA_OK; never NULL, static. */
const char *ra_error_text(ra_err e);
/* The stable name without prefix ("CA_DENIED"); "UNKNOWN" for a number not in the list. */
const char *ra_error_name(ra_err e);
enum ra_layer ra_error_layer(ra_err e);
enum ra_retry ra_error_retry(ra_err e);
/* The number within the layer, 1 .. 31; 0 for RA_OK. */
unsigned ra_error_number(ra_err e);
/* Append "E<layer>-<number> <sentence>". */
void ra_error_print(ra_err e, struct ra_text *to);

#endif
