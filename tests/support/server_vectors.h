/* server_vectors.h - certificates of TLS servers, see tests/vectors/make_server.py. */
#ifndef SERVER_VECTORS_H
#define SERVER_VECTORS_H

#include <stdbool.h>

#include "pki_vectors.h"

/* Both end with an entry whose name is NULL. */
extern const struct pki_blob server_certs[];
extern const struct server_host {
    const char *host;
    bool fits; /* the certificate "good", as openssl sees it */
} server_hosts[];

/* By name; the test fails when there is none. */
struct ra_span server_cert(const char *name);

#endif
