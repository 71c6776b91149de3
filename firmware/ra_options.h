/* ra_options.h - which parts this build has.
 *
 * Each is 0 or 1, set by the CMake option of the same name (or on the compiler's command line,
 * alike for wolfSSL, Perennial and the application). A part is whole files, which CMakeLists.txt
 * leaves out; the tables of protocols (ra_talk.c) and of commands (ra_console.c) have a stand-in
 * or nothing in their place. A protocol that the build lacks is refused when it is to be spoken
 * (RA_E_UNSUPPORTED), https as RA_E_HTTP_SCHEME. Every build knows all settings.
 */
#ifndef RA_OPTIONS_H
#define RA_OPTIONS_H

#ifndef RA_WITH_TLS
#define RA_WITH_TLS 0 /* https: wolfSSL's TLS, crypto/ra_tls.c, http/ra_secure.c */
#endif
#ifndef RA_WITH_TLS13
#define RA_WITH_TLS13 1 /* and TLS 1.3 beside TLS 1.2 */
#endif
#ifndef RA_WITH_ADCS
#define RA_WITH_ADCS 1 /* AD CS Web Enrollment */
#endif
#ifndef RA_WITH_SCEP
#define RA_WITH_SCEP 1 /* SCEP, RFC 8894 */
#endif
#ifndef RA_WITH_EST
#define RA_WITH_EST RA_WITH_TLS /* EST, RFC 7030 */
#endif
#ifndef RA_WITH_CERTREQ
#define RA_WITH_CERTREQ 1 /* the console's certreq and its INF files */
#endif
#ifndef RA_WITH_PROVISION
#define RA_WITH_PROVISION 1 /* the console's import of PKCS #12 and PEM, anchors and erase */
#endif

/* No file, but code: AES without its tables of 8 KiB, three times slower. */
#ifndef RA_AES_SMALL
#define RA_AES_SMALL 0
#endif

#if RA_WITH_EST && !RA_WITH_TLS
#error "RA_WITH_EST needs RA_WITH_TLS: EST is spoken over https only"
#endif
#if !RA_WITH_ADCS && !RA_WITH_SCEP && !RA_WITH_EST
#error "one of RA_WITH_ADCS, RA_WITH_SCEP and RA_WITH_EST is needed"
#endif

#endif
