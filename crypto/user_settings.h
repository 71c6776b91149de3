/* user_settings.h - the wolfSSL build that Perennial needs.
 *
 * wolfSSL reads this file when it is compiled with -DWOLFSSL_USER_SETTINGS and
 * this directory in its include path. An integrator who brings a wolfSSL of
 * their own (a TLS stack on the same device, say) starts from here or compares:
 * ra_wolfssl_check.h names each option that matters and stops the build when it
 * is missing.
 *
 * Choices the integrator makes: RA_RSA_BITS_MAX (ra_limits.h) sets the largest
 * RSA size compiled in; RA_WITH_TLS=1 adds the TLS client that ra_tls.c drives and the
 * files of wolfSSL's src/ (see CMakeLists.txt). A Cortex-M3/M4/M7/M33 target gets wolfSSL's Cortex-M
 * assembly by itself; everything else gets portable C (build that with -fwrapv:
 * its carries overflow signed integers on purpose).
 */
#ifndef RA_USER_SETTINGS_H
#define RA_USER_SETTINGS_H

#include "ra_limits.h"

/* ---- the crypto library alone, no operating system -------------------------- */
#if !RA_WITH_TLS
#define WOLFCRYPT_ONLY
#endif
#define SINGLE_THREADED
#define NO_FILESYSTEM
#define NO_WRITEV
#define NO_MAIN_DRIVER
#define NO_DEV_RANDOM
#define NO_ERROR_STRINGS
#define NO_WOLFSSL_DIR
#define NO_INLINE_MEMORY_UTILS
#define WOLFSSL_IGNORE_FILE_WARN
#define NO_STDIO_FILESYSTEM
#define WOLFSSL_NO_ATOMICS
#define XVALIDATE_DATE(d, f, t) (0)

/* ---- no heap: every request for memory is answered with NULL ---------------- */
#define NO_WOLFSSL_MEMORY
#define WOLFSSL_NO_MALLOC
#define WOLFSSL_SP_NO_MALLOC
#define WOLFSSL_SP_NO_DYN_STACK /* arrays of fixed size: the stack has a bound to compute */
#define XMALLOC_OVERRIDE
#if RA_WITH_TLS
/* ... but for TLS, which has an arena of its own while one of ra_tls.c's calls runs (ra_arena.h).
 * Whatever asks at another moment gets NULL here too. */
#include <stddef.h>
void *ra_arena_wolfssl_alloc(size_t size);
void *ra_arena_wolfssl_realloc(void *p, size_t size);
void ra_arena_wolfssl_free(void *p);
#define XMALLOC(s, h, t) ((void)(h), (void)(t), ra_arena_wolfssl_alloc((size_t)(s)))
#define XREALLOC(p, s, h, t) ((void)(h), (void)(t), ra_arena_wolfssl_realloc(p, (size_t)(s)))
#define XFREE(p, h, t) ((void)(h), (void)(t), ra_arena_wolfssl_free(p))
#elif defined(RA_TEST_ALLOC_TRAP)
/* Unit-test builds count the requests: a test checks that there were none. */
#include <stddef.h>
void *ra_wolfssl_alloc_trap(size_t size);
#define XMALLOC(s, h, t) ((void)(h), (void)(t), ra_wolfssl_alloc_trap((size_t)(s)))
#define XREALLOC(p, s, h, t) ((void)(p), (void)(h), (void)(t), ra_wolfssl_alloc_trap((size_t)(s)))
#else
#define XMALLOC(s, h, t) ((void)(s), (void)(h), (void)(t), NULL)
#define XREALLOC(p, s, h, t) ((void)(p), (void)(s), (void)(h), (void)(t), NULL)
#endif
#if !RA_WITH_TLS
#define XFREE(p, h, t) ((void)(p), (void)(h), (void)(t))
#endif

/* ---- big numbers: single precision code for the sizes we use, nothing general -- */
#define WOLFSSL_SP_MATH
#define WOLFSSL_SP_SMALL
#define WOLFSSL_HAVE_SP_RSA
#define WOLFSSL_HAVE_SP_ECC
#define WOLFSSL_SP_384
#if RA_RSA_BITS_MAX < 3072
#define WOLFSSL_SP_NO_3072
#endif
#if RA_RSA_BITS_MAX >= 4096
#define WOLFSSL_SP_4096
#endif
#define SP_INT_BITS RA_RSA_BITS_MAX
#define RSA_MAX_SIZE RA_RSA_BITS_MAX
#define RSA_MIN_SIZE 2048
#if defined(__thumb2__) && defined(__ARM_ARCH) && __ARM_ARCH >= 7
#define WOLFSSL_SP_ARM_CORTEX_M_ASM
#define WOLFSSL_ARM_ARCH __ARM_ARCH
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define WORDS_BIGENDIAN /* wolfSSL does not ask the compiler */
#endif
#ifdef __SIZEOF_INT128__
#define HAVE___UINT128_T 1 /* 64-bit hosts: sp_c64.c instead of sp_c32.c */
#endif
#define TFM_TIMING_RESISTANT
#define ECC_TIMING_RESISTANT
#define WC_RSA_BLINDING

/* ---- algorithms --------------------------------------------------------------- */
#define HAVE_ECC
#define ECC_USER_CURVES
#define HAVE_ECC384
#define WOLFSSL_SHA384
#define WOLFSSL_SHA512
#define WOLFSSL_NOSHA512_224
#define WOLFSSL_NOSHA512_256
#define USE_SLOW_SHA512
#define USE_SLOW_SHA
#define HAVE_AESGCM
#define GCM_TABLE_4BIT
#define WOLFSSL_AES_NO_UNROLL
#if RA_AES_SMALL
#define WOLFSSL_AES_SMALL_TABLES
#endif
#define NO_AES_192
#if RA_WITH_SCEP || RA_WITH_PROVISION /* envelopes, and keys under a passphrase; DES3 too */
#define HAVE_AES_CBC
#define HAVE_AES_DECRYPT
#else
#define NO_AES_CBC
#define NO_AES_DECRYPT
#define NO_DES3
#endif
#define HAVE_AESGCM_DECRYPT

#if !RA_WITH_TLS
#define NO_ASN
#define NO_CERTS
#endif
#define NO_CODING
#define NO_DH
#define NO_DSA
#define NO_MD4
#define NO_MD5
#define NO_OLD_TLS
#define NO_PWDBASED
#define NO_RC4
#define NO_RABBIT
#define NO_HC128
#define NO_SIG_WRAPPER
#define NO_PSK

/* ---- TLS 1.3 and 1.2, client only: ECDHE with AES-GCM, nothing else ------------ */
#if RA_WITH_TLS
#if RA_WITH_TLS13
#define WOLFSSL_TLS13
#endif
#define HAVE_TLS_EXTENSIONS
#define HAVE_SUPPORTED_CURVES
#define HAVE_SNI
#define HAVE_MAX_FRAGMENT
#define HAVE_EXTENDED_MASTER
#define HAVE_SERVER_RENEGOTIATION_INFO
#define HAVE_HKDF
#define NO_HANDSHAKE_DONE_CB
#define NO_CHECK_PRIVATE_KEY

#define WOLFSSL_NO_CA_NAMES
#define NO_MULTIBYTE_PRINT
#define HAVE_PK_CALLBACKS        /* the client's key stays in struct ra_key */
#define HAVE_KEYING_MATERIAL     /* tls-exporter [RFC 9266] */
#define WOLFSSL_HAVE_TLS_UNIQUE  /* tls-unique [RFC 5929] */
#define WOLFSSL_ALWAYS_VERIFY_CB /* hands out the server's certificates: ra_tls.c judges none */
#define WOLFSSL_AEAD_ONLY
#define WC_RSA_PSS
#define WOLFSSL_ASN_TEMPLATE
#define NO_ASN_TIME
#define IGNORE_NAME_CONSTRAINTS
#define IGNORE_KEY_EXTENSIONS /* ra_server.c looks at them */
#define WOLFSSL_DYN_CERT
#define WOLFSSL_USER_IO
#define NO_WOLFSSL_SERVER
#define NO_SESSION_CACHE
#define NO_DES3_TLS_SUITES
#define MAX_CHAIN_DEPTH (RA_CHAIN_CERTS_MAX + 1)
#define MAX_CERTIFICATE_SZ RA_TLS_CHAIN_MAX
#define WOLFSSL_MIN_RSA_BITS 2048
#define WOLFSSL_MIN_ECC_BITS 256
#endif

/* ---- random numbers: SP 800-90A Hash_DRBG, seeded by ra_random.c only ---------- */
#define HAVE_HASHDRBG
#define WC_RESEED_INTERVAL 0x7fffffff
int ra_random_wolfssl_seed(unsigned char *out, unsigned int size);
#define CUSTOM_RAND_GENERATE_SEED ra_random_wolfssl_seed

#endif
