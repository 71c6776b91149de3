/* ra_ca_set.h - the certificates a CA names as its own, and which of them may be believed.
 *
 * SCEP's GetCACert and EST's cacerts give them. They are kept in the caller's buffer through one
 * conversation. None counts before it leads to a pinned trust anchor.
 */
#ifndef RA_CA_SET_H
#define RA_CA_SET_H

#include "ra_chain.h"
#include "ra_enroll_tools.h"

/* The CA's certificates, in the caller's buffer. */
struct ra_ca_set {
    struct ra_span cert[RA_CA_SET_CERTS];
    uint8_t count;
    uint8_t refused; /* bit for each one that leads to no anchor      */
    uint8_t trusted; /* bit for each one that does                    */
    uint8_t trying;  /* private: index whose chain is followed, +1    */
    uint8_t place;   /* private: next anchor                          */
    uint8_t heir;    /* private: NewWithNew being looked at                */
    ra_err why;      /* of a refusal, where more is known: see ra_ca_set_refusal */
    struct ra_span anchor;
    struct ra_cert leaf;
    struct ra_chain chain;
};

/* Keep the certificates of a GetCACert reply (one certificate, or a SignedData) in
 * buf[0 .. cap-1]. `body` is rewritten. Of more than RA_CA_SET_CERTS the first are kept, of these
 * those that have room: what a rollover adds must not end renewals. (Two roots, each certified by
 * the other, with a policy CA and an issuing CA under each, are eight; RA_CA_SET_MAX holds them at
 * 1.5 KB each.) RA_E_LIMIT: none has room. */
ra_err ra_ca_set_read(struct ra_ca_set *s, uint8_t *body, size_t size, size_t body_cap,
                      uint8_t *buf, size_t cap);

/* Follow the certificate's chain to an anchor: RA_AGAIN, RA_OK, or ra_ca_set_refusal. At most one
 * public-key operation. A verdict is kept. */
ra_err ra_ca_set_trust_step(struct ra_ca_set *s, unsigned index, const struct ra_enroll_tools *t);

/* Why certificates were refused: what reading an anchor failed with, RA_E_ANCHORS_FULL where the
 * caller found no place for one, RA_E_CMS_TOO_MANY or RA_E_LIMIT where not all were kept,
 * RA_E_SCEP_UNTRUSTED otherwise. */
ra_err ra_ca_set_refusal(const struct ra_ca_set *s);

/* Look for the next root [RFC 7030 4.1.3, RFC 4210 4.4]: a self-signed CA certificate of the set
 * ("NewWithNew") with the name of an anchor, whose key that very anchor has certified under the
 * same name ("NewWithOld", in the set too). RA_AGAIN; RA_OK: *next waits to become an anchor, and
 * another call goes on looking; RA_E_NOT_FOUND: nothing more. At most one public-key operation.
 * To begin after ra_ca_set_trust_step, clear heir, trying and place. */
ra_err ra_ca_set_rollover_step(struct ra_ca_set *s, const struct ra_enroll_tools *t,
                               struct ra_span *next);

#endif
