/* ra_wolfssl_check.h - names each wolfSSL option that Perennial needs and does not find.
 *
 * Private to crypto/: the first wolfSSL header there. Nothing is declared here but
 * the test hook; the check runs in the preprocessor, so that a wolfSSL configured by
 * an integrator fails with a sentence and not with a strange run-time error.
 */
#ifndef RA_WOLFSSL_CHECK_H
#define RA_WOLFSSL_CHECK_H

#include "ra_limits.h"

#ifndef WOLFSSL_USER_SETTINGS
#error "Perennial needs -DWOLFSSL_USER_SETTINGS for itself and for wolfSSL: both must see" \
    "the same user_settings.h"
#endif
#include <wolfssl/wolfcrypt/settings.h>
#include <wolfssl/version.h>
#include <wolfssl/wolfcrypt/types.h>

#if LIBWOLFSSL_VERSION_HEX < 0x05007002
#error "Perennial needs wolfSSL 5.7.2 or later"
#endif
#if defined(__BYTE_ORDER__) && (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) != defined(BIG_ENDIAN_ORDER)
#error                                                                                             \
    "Perennial needs WORDS_BIGENDIAN in user_settings.h on a big-endian target, and only there:" \
    "wolfSSL takes every target for little-endian otherwise"
#endif
#ifndef SINGLE_THREADED
#error "Perennial needs SINGLE_THREADED in user_settings.h because it calls wolfSSL from one" \
    "thread and brings no mutex"
#endif
#ifndef WOLFSSL_NO_MALLOC
#error "Perennial needs WOLFSSL_NO_MALLOC in user_settings.h because no heap may be linked" \
    "and the generator's state must lie inside WC_RNG"
#endif
#if !defined(NO_WOLFSSL_MEMORY) && !defined(XMALLOC_OVERRIDE)
#error "Perennial needs NO_WOLFSSL_MEMORY (or XMALLOC_OVERRIDE) in user_settings.h because" \
    "no heap may be linked"
#endif
#ifdef WOLFSSL_SMALL_STACK
#error "Perennial needs WOLFSSL_SMALL_STACK off in user_settings.h because it moves" \
    "temporaries to a heap that is not there"
#endif
#ifdef WOLFSSL_SP_SMALL_STACK
#error "Perennial needs WOLFSSL_SP_SMALL_STACK off in user_settings.h because it moves" \
    "temporaries to a heap that is not there"
#endif
#if !defined(WOLFSSL_SP_MATH) && !defined(WOLFSSL_SP_MATH_ALL)
#error "Perennial needs WOLFSSL_SP_MATH in user_settings.h because its keys are stored as SP" \
    "integers"
#endif
#if defined(WOLFSSL_SP_INT_NEGATIVE) || defined(HAVE_WOLF_BIGINT)
#error "Perennial needs WOLFSSL_SP_INT_NEGATIVE and HAVE_WOLF_BIGINT off in user_settings.h" \
    "because both enlarge the header of an SP integer (they come with WOLFSSL_SP_MATH_ALL" \
    "and OPENSSL_ALL)"
#endif
#ifndef WOLFSSL_HAVE_SP_RSA
#error "Perennial needs WOLFSSL_HAVE_SP_RSA in user_settings.h because RSA runs on the SP code"
#endif
#ifndef WOLFSSL_HAVE_SP_ECC
#error "Perennial needs WOLFSSL_HAVE_SP_ECC in user_settings.h because ECDSA runs on the SP" \
    "code"
#endif
#ifndef HAVE_ECC
#error "Perennial needs HAVE_ECC in user_settings.h because signing keys and CAs may be" \
    "P-256 or P-384"
#endif
#ifdef WOLFSSL_SP_NO_256
#error "Perennial needs WOLFSSL_SP_NO_256 off in user_settings.h because of P-256"
#endif
#ifndef WOLFSSL_SP_384
#error "Perennial needs WOLFSSL_SP_384 in user_settings.h because of P-384"
#endif
#ifdef WOLFSSL_SP_NO_2048
#error "Perennial needs WOLFSSL_SP_NO_2048 off in user_settings.h because of RSA-2048"
#endif
#if RA_RSA_BITS_MAX >= 3072 && defined(WOLFSSL_SP_NO_3072)
#error "Perennial needs WOLFSSL_SP_NO_3072 off in user_settings.h because RA_RSA_BITS_MAX is" \
    "3072 or more"
#endif
#if RA_RSA_BITS_MAX >= 4096 && !defined(WOLFSSL_SP_4096)
#error "Perennial needs WOLFSSL_SP_4096 in user_settings.h because RA_RSA_BITS_MAX is 4096"
#endif
#if defined(RSA_LOW_MEM) || defined(SP_RSA_PRIVATE_EXP_D)
#error "Perennial needs RSA_LOW_MEM and SP_RSA_PRIVATE_EXP_D off in user_settings.h because" \
    "private RSA operations use the CRT and d is not stored"
#endif
#if defined(NO_RSA) || defined(WOLFSSL_RSA_PUBLIC_ONLY) || defined(WOLFSSL_RSA_VERIFY_ONLY)
#error "Perennial needs RSA with private keys in user_settings.h (NO_RSA," \
    "WOLFSSL_RSA_PUBLIC_ONLY and WOLFSSL_RSA_VERIFY_ONLY off)"
#endif
#ifndef ECC_TIMING_RESISTANT
#error "Perennial needs ECC_TIMING_RESISTANT in user_settings.h because no private operation may" \
    "take a time that depends on the key"
#endif
#if defined(WC_NO_HARDEN) || defined(WC_NO_CACHE_RESISTANT)
#error "Perennial needs WC_NO_HARDEN and WC_NO_CACHE_RESISTANT off in user_settings.h because no" \
    "private operation may take a time that depends on the key"
#endif
#ifdef WC_NO_RSA_OAEP
#error "Perennial needs WC_NO_RSA_OAEP off in user_settings.h because the CEP Encryption key" \
    "decrypts OAEP"
#endif
#if defined(NO_SHA) || defined(NO_SHA256) || !defined(WOLFSSL_SHA384) || !defined(WOLFSSL_SHA512)
#error "Perennial needs SHA-1, SHA-256, WOLFSSL_SHA384 and WOLFSSL_SHA512 in user_settings.h" \
    "because of thumbprints and certificate signatures"
#endif
#if !defined(HAVE_AESGCM) || !defined(WOLFSSL_AES_256)
#error "Perennial needs HAVE_AESGCM with 256-bit keys in user_settings.h because the store" \
    "is sealed with AES-256-GCM"
#endif
#ifndef HAVE_HASHDRBG
#error "Perennial needs HAVE_HASHDRBG in user_settings.h because its random numbers come" \
    "from Hash_DRBG"
#endif
#ifndef CUSTOM_RAND_GENERATE_SEED
#error "Perennial needs CUSTOM_RAND_GENERATE_SEED set to ra_random_wolfssl_seed in" \
    "user_settings.h because only health-tested entropy may seed the generator"
#endif

#if RA_WITH_TLS
#if defined(WOLFCRYPT_ONLY) || defined(NO_TLS) || defined(NO_CERTS)
#error "Perennial needs WOLFCRYPT_ONLY, NO_TLS and NO_CERTS off in user_settings.h for TLS"
#endif
#if RA_WITH_TLS13 && !defined(WOLFSSL_TLS13)
#error "Perennial needs WOLFSSL_TLS13 in user_settings.h for TLS because servers may take 1.3 only"
#endif
#ifndef HAVE_PK_CALLBACKS
#error                                                                                             \
    "Perennial needs HAVE_PK_CALLBACKS in user_settings.h for TLS because the client's key stays in struct ra_key"
#endif
#ifndef WOLFSSL_ALWAYS_VERIFY_CB
#error                                                                                             \
    "Perennial needs WOLFSSL_ALWAYS_VERIFY_CB in user_settings.h for TLS because it hands out the server's certificates"
#endif
#ifndef WOLFSSL_USER_IO
#error                                                                                             \
    "Perennial needs WOLFSSL_USER_IO in user_settings.h for TLS because bytes come and go through buffers"
#endif
#ifndef WOLFSSL_AEAD_ONLY
#error                                                                                             \
    "Perennial needs WOLFSSL_AEAD_ONLY in user_settings.h for TLS because no other cipher suite is offered"
#endif
#ifndef HAVE_SNI
#error                                                                                             \
    "Perennial needs HAVE_SNI in user_settings.h for TLS because servers choose their certificate by it"
#endif
#ifndef HAVE_MAX_FRAGMENT
#error                                                                                             \
    "Perennial needs HAVE_MAX_FRAGMENT in user_settings.h for TLS because records of 16 KiB are to be the exception"
#endif
#ifndef HAVE_KEYING_MATERIAL
#error                                                                                             \
    "Perennial needs HAVE_KEYING_MATERIAL in user_settings.h for TLS because channel bindings need the exporter"
#endif
#ifndef WOLFSSL_HAVE_TLS_UNIQUE
#error                                                                                             \
    "Perennial needs WOLFSSL_HAVE_TLS_UNIQUE in user_settings.h for TLS because channel bindings need the Finished message"
#endif
#ifdef NO_WOLFSSL_CLIENT
#error "Perennial needs NO_WOLFSSL_CLIENT off in user_settings.h for TLS"
#endif
#ifdef HAVE_SECURE_RENEGOTIATION
#error "Perennial needs HAVE_SECURE_RENEGOTIATION off in user_settings.h because it does not" \
    "renegotiate"
#endif
#endif

/* Unit tests only (RA_TEST_ALLOC_TRAP): how often wolfSSL asked for memory. */
#ifdef RA_TEST_ALLOC_TRAP
#include <stddef.h>
extern unsigned ra_wolfssl_alloc_count;
void *ra_wolfssl_alloc_trap(size_t size);
#endif

#endif
