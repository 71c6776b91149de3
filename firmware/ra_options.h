/* ra_options.h - which parts this build has.
 *
 * Each is 0 or 1, set by the CMake option of the same name (or on the compiler's command line,
 * alike for wolfSSL, Perennial and the application). A part is whole files: CMakeLists.txt leaves
 * them out, and the table of protocols (ra_protocols.c) and of settings follow from here. What a
 * build lacks is refused by name: E0-6, or E5-11 for https.
 */
#ifndef RA_OPTIONS_H
#define RA_OPTIONS_H

#ifndef RA_WITH_TLS
#define RA_WITH_TLS 0 /* https: crypto/ra_tls.c, firmware/http/ra_secure.c, wolfSSL's TLS */
#endif

#endif
