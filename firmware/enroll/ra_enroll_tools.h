/* ra_enroll_tools.h - what a protocol is lent when it makes and opens messages itself.
 *
 * AD CS gets a finished request and needs none of it, EST only to change the one it gets. Whoever drives the conversation
 * (firmware/renewal) owns all of this; the callbacks read and write the store.
 */
#ifndef RA_ENROLL_TOOLS_H
#define RA_ENROLL_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_der.h"
#include "ra_hash.h"
#include "ra_key.h"
#include "ra_random.h"

/* What a protocol needs that makes and opens messages itself. The
 * callbacks may answer RA_AGAIN (flash is busy): ask again. */
struct ra_enroll_tools {
    void *ctx;
    /* The certificate that signs the messages, in DER; RA_E_NOT_FOUND: a first
     * enrolment, the protocol makes a self-signed one for the new key. Valid until
     * the next call of `signer` or `anchor`. */
    ra_err (*signer)(void *ctx, struct ra_span *cert);
    /* Its private key; what the peer encrypts to us is for it. Wipe after use. */
    ra_err (*signer_key)(void *ctx, struct ra_key *key);
    /* The trust anchor in place 0 .. RA_ANCHORS_MAX-1; RA_E_NOT_FOUND: the place is
     * empty. Valid until the next call of `signer` or `anchor`. */
    ra_err (*anchor)(void *ctx, unsigned place, struct ra_span *cert);
    /* Store a further trust anchor: one the operator's fingerprint names, or the next
     * CA certificate that the present CA signed. RA_OK when it is there already;
     * RA_E_ANCHORS_FULL: no place is free, and no anchor in one has ended. */
    ra_err (*stage_anchor)(void *ctx, struct ra_span cert);
    /* The private key that the request is for, and signed by. Wipe after use. */
    ra_err (*request_key)(void *ctx, struct ra_key *key);
    /* The binding of the open connection (ra_exchange_binding); 0: none. */
    size_t (*binding)(void *ctx, uint8_t *out, size_t cap);
    struct ra_key *key; /* room for one key at a time */
    struct ra_random *random;
    uint8_t *message; /* room for the message that goes out; the CSR lies somewhere in it */
    size_t message_cap;
    uint8_t *reply; /* where reply->body lies: what may be rearranged in place */
    size_t reply_cap;
    uint8_t *ca; /* RA_CA_SET_MAX bytes: the CA's certificates, kept through a conversation */
    size_t ca_cap;
    int64_t now; /* Unix seconds, known */
};

enum ra_scep_renewal { RA_SCEP_RENEWAL_AUTO, RA_SCEP_RENEWAL_ALWAYS, RA_SCEP_RENEWAL_NEVER };
enum ra_scep_poll { RA_SCEP_POLL_CERTPOLL, RA_SCEP_POLL_RESEND };

/* The local policy for SCEP: what the CA offers only chooses among what is allowed here. */
struct ra_scep_policy {
    const char *ca_id;     /* the `message` of GetCACaps and GetCACert; "": none */
    uint8_t cipher;        /* enum ra_cipher: AES-128 or AES-256                 */
    enum ra_hash_alg hash; /* SHA-256 or SHA-512                                 */
    bool legacy;           /* DES3 and SHA-1 may be used, single DES be opened   */
    uint8_t renewal;       /* enum ra_scep_renewal                               */
    uint8_t poll;          /* enum ra_scep_poll                                  */
    bool have_fingerprint; /* SHA-256 of a CA certificate that the operator confirmed */
    uint8_t fingerprint[32];
};

enum ra_est_binding { RA_EST_BINDING_ASKED, RA_EST_BINDING_ALWAYS, RA_EST_BINDING_NEVER };

/* The local policy for EST. */
struct ra_est_policy {
    const char *label; /* "": none                                              */
    uint8_t binding;   /* enum ra_est_binding                                   */
    bool as_new;       /* a renewal goes to simpleenroll, as a first request    */
};

#endif
