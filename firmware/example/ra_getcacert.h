/* ra_getcacert.h - an example: the beginning of an appliance's own SCEP service, on perennial.h.
 *
 * Clients of a registration authority first ask it for its certificates: GET .../?operation=GetCACert
 * [RFC 8894 4.2]. This serves both RA certificates and their issuers as NDES does, one certs-only
 * SignedData of the type application/x-x509-ca-ra-cert, over lwIP. It subscribes to changes and serves the new
 * pair from the moment it is switched, without a restart. PKIOperation is the appliance's own matter: it
 * decrypts with ra_decrypt and signs with ra_sign in the same way.
 *
 *     static struct ra_getcacert service;           all of it is public: it may lie in external RAM
 *     ra_getcacert_init(&service, &ra);             after ra_init, once
 *     ra_getcacert_listen(&service, 80);            after lwip_init, once
 *     for (;;) { ra_step(&ra); ra_getcacert_step(&service); ... }
 *
 * One client at a time, each for RA_GETCACERT_MS at most and one request; a client that comes meanwhile is
 * refused and tries again. Any path will do. No call waits; the longest one reads four records from flash.
 */
#ifndef RA_GETCACERT_H
#define RA_GETCACERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "perennial.h"
#include "ra_net.h"

#define RA_GETCACERT_MS 10000u         /* a client may take so long                     */
#define RA_GETCACERT_REQUEST_MAX 1024u /* bytes of a request's head                     */
#define RA_GETCACERT_HEAD_MAX 256u     /* bytes of a reply's head                       */
#define RA_GETCACERT_REPLY_MAX (2 * (RA_CERT_MAX + RA_CHAIN_MAX) + 64) /* of its body    */

/* Caller-owned; what is in it is private. */
struct ra_getcacert {
    struct ra_subscriber changes; /* first: it is found by it                            */
    struct ra *ra;
    struct ra_net net;
    struct ra_transport client;
    uint64_t since_ms; /* of the client's coming                                         */
    bool served;       /* a client is there                                              */
    bool stale;        /* `certs` is to be made again                                    */
    uint8_t request[RA_GETCACERT_REQUEST_MAX];
    size_t request_size;
    char head[RA_GETCACERT_HEAD_MAX];
    struct ra_span part[2]; /* of the reply that has not left yet                        */
    struct ra_span certs;   /* the SignedData, in `body`; empty: there is none           */
    uint8_t body[RA_GETCACERT_REPLY_MAX];
};

void ra_getcacert_init(struct ra_getcacert *s, struct ra *ra);
/* As ra_net_listen. */
ra_err ra_getcacert_listen(struct ra_getcacert *s, uint16_t port);
void ra_getcacert_step(struct ra_getcacert *s);

/* The answer to what a client sent so far, without a network: RA_OK, and head and body as two views
 * that stay until the next call of ra_getcacert_step; RA_AGAIN: its request is not complete. A client that
 * is wrong gets 400, 404 or 405, one that comes before there are two certificates gets 503. */
ra_err ra_getcacert_answer(struct ra_getcacert *s, const uint8_t *request, size_t size,
                           struct ra_span *head, struct ra_span *body);

#endif
