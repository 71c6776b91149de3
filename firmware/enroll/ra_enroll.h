/* ra_enroll.h - the enrolment protocols behind one interface: bytes to bytes.
 *
 * A protocol turns an operation into an HTTP request and an HTTP reply into an
 * outcome. It does no I/O, keeps no time, keeps no key, decides nothing about
 * retries: whoever drives it (firmware/renewal) carries the request over
 * ra_exchange, stores what must survive a reset, and checks what was issued.
 *
 *     op = RA_ENROLL_SUBMIT;
 *     do {
 *         while (ra_enroll_request(&e, op, &input, &http_request) == RA_AGAIN) {}
 *         ... ra_exchange_start, _step until it ends ...
 *         while (ra_enroll_reply(&e, ra_exchange_reply(&x), &result) == RA_AGAIN) {}
 *         op = result.next;
 *     } while (result.outcome == RA_ENROLL_MORE);
 *
 * Both calls are steps: each does at most one public-key or private-key operation
 * and answers RA_AGAIN while there is more to do, with the same arguments.
 *
 * `id` is set whenever it is known. Store it before the next request: after a
 * reset the work goes on with POLL or FETCH and that id.
 * Nothing here is trusted: ISSUED means that the peer sent certificates, not
 * that they are ours. The install gates look at them.
 */
#ifndef RA_ENROLL_H
#define RA_ENROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_ca_set.h"
#include "ra_cms.h"
#include "ra_enroll_tools.h"
#include "ra_envelope.h"
#include "ra_error.h"
#include "ra_http.h"
#include "ra_limits.h"
#include "ra_scep_ca.h"

#define RA_ENROLL_ID_MAX 64      /* AD CS: decimal, 10 digits; SCEP: a hash in hex */
#define RA_ENROLL_SUFFIX_MAX 255 /* what a protocol appends to the configured URL */
#define RA_ENROLL_PASSED_MAX 56  /* characters of object identifiers for the log */

enum ra_enroll_op {
    RA_ENROLL_SUBMIT, /* hand in the request                                   */
    RA_ENROLL_POLL,   /* ask what became of request `id`; EST: SUBMIT again    */
    RA_ENROLL_FETCH,  /* get the issued certificate `id` and its chain         */
    RA_ENROLL_CACERT  /* get the CA's own certificates                         */
};

/* What the bytes handed in by SUBMIT are. */
enum ra_enroll_message {
    RA_ENROLL_MESSAGE_CMS_RENEWAL, /* PKCS#7 around PKCS#10 (MS-WCCE 3.1.1.4.3.2.1) */
    RA_ENROLL_MESSAGE_PKCS10       /* PKCS#10 alone; the protocol wraps it itself       */
};

/* Same for every operation of one conversation; the pointers must stay until
 * the reply was read. */
struct ra_enroll_input {
    const struct ra_url *url; /* AD CS: http://HOST/certsrv; EST: https://HOST    */
    const char *user;         /* NULL: no authentication                        */
    const char *password;
    bool allow_plaintext;
    const uint8_t *request; /* SUBMIT: the message in DER                     */
    size_t request_size;
    const char *template_name;           /* AD CS: the template's CN; NULL: not sent       */
    const char *id;                      /* POLL, FETCH: as stored; may point at result.id.
                                  SCEP: the transaction id, SUBMIT too; with FETCH
                                  the serial number in hex                       */
    uint8_t variant;                     /* as result.variant said, stored; 0 at first      */
    struct ra_span subject;              /* of the request, Name, whole                     */
    const struct ra_enroll_tools *tools; /* may be NULL for AD CS                  */
    const struct ra_scep_policy *scep;
    const struct ra_est_policy *est;
    bool first; /* a first enrolment: no certificate is renewed            */
    bool again; /* SUBMIT: the CA has taken this very request before; sent as a question */
    bool tried; /* the last attempt failed */
};

enum ra_enroll_outcome {
    RA_ENROLL_MORE,            /* one part of the operation is done: go on with `next` */
    RA_ENROLL_ISSUED,          /* `data` holds certificates; RA_ENROLL_DATA_NONE or _CERT
                                  after SUBMIT and POLL: FETCH `id` to get the chain  */
    RA_ENROLL_PENDING,         /* waits for a person; poll `id` later               */
    RA_ENROLL_DENIED,          /* a person or a policy said no                      */
    RA_ENROLL_FAILED,          /* the CA or its web server reports an error         */
    RA_ENROLL_UNAUTHENTICATED, /* name and password refused; `auth` says what it takes */
    RA_ENROLL_BROKEN           /* not understood                                    */
};

enum ra_enroll_data {
    RA_ENROLL_DATA_NONE, /* AD CS, SUBMIT                                     */
    RA_ENROLL_DATA_CERT, /* one certificate, DER                              */
    RA_ENROLL_DATA_CMS   /* certs-only SignedData, DER or BER: ra_cms_certs   */
};

struct ra_enroll_result {
    enum ra_enroll_outcome outcome;
    enum ra_enroll_op next; /* with MORE                                        */
    ra_err cause;           /* RA_OK with MORE, ISSUED and PENDING; else why    */
    uint32_t hresult;       /* the CA's own code, 0: none                       */
    uint16_t http_status;
    uint8_t auth;                /* set of enum ra_http_auth, with UNAUTHENTICATED   */
    enum ra_enroll_data kind;    /* with ISSUED                                      */
    struct ra_span data;         /* in the reply buffer: gone with the next exchange */
    const struct ra_span *chain; /* SCEP and EST, with ISSUED: the CA's certificates, which may
                                        lead from `data` to an anchor; in tools->ca       */
    size_t chain_count;
    int64_t retry_after_s;                 /* what the server asks for; -1: nothing            */
    bool legacy;                           /* the CA made us use, or open, a weak algorithm    */
    uint8_t variant;                       /* when the cause is RA_E_SCEP_RENEWAL_REFUSED: store
                                        it and submit again                              */
    char id[RA_ENROLL_ID_MAX + 1];         /* the CA's handle for the request; "" if not said  */
    char text[RA_PEER_TEXT_MAX + 1];       /* the peer's words, printable ASCII, for a person  */
    char passed[RA_ENROLL_PASSED_MAX + 1]; /* EST: what the server asks of requests and ours
                                             has not: object identifiers; "" nothing     */
};

struct ra_enroll;

struct ra_enroll_ops {
    const char *name; /* "adcs" */
    enum ra_enroll_message message;
    ra_err (*request)(struct ra_enroll *e, enum ra_enroll_op op, const struct ra_enroll_input *in,
                      struct ra_http_request *out);
    ra_err (*reply)(struct ra_enroll *e, const struct ra_http_reply *reply,
                    struct ra_enroll_result *result);
    /* As ra_enroll_unanswered; NULL: never. */
    bool (*dispensable)(const struct ra_enroll *e, ra_err cause, bool heard);
    /* The ids are ours: the caller makes one of 32 hex digits and stores it before SUBMIT. */
    bool own_id;
};

/* SCEP's part of a conversation; no key in it. Private to ra_scep.c. */
struct ra_scep {
    struct ra_ca_set set;
    uint16_t caps;
    uint8_t step;                     /* within the part's work                       */
    uint8_t type;                     /* of the message that is out                   */
    uint8_t cipher;                   /* enum ra_cipher                               */
    bool legacy;                      /* something weak was used, or is to be         */
    uint8_t place;                    /* of the anchor that may have signed the next  */
    int8_t recipient, issuer, signer; /* indices in the set, -1: none */
    enum ra_hash_alg hash;
    uint8_t nonce[16];      /* senderNonce of the message           */
    struct ra_span self;    /* the self-signed certificate          */
    struct ra_span message; /* what goes out                        */
    struct ra_cms_signed reply;
    struct ra_envelope envelope;
};

/* EST's. Private to ra_est.c. */
struct ra_est {
    struct ra_ca_set set;
    uint8_t step;           /* within the part's work              */
    bool asked_binding;     /* by csrattrs                         */
    enum ra_hash_alg hash;  /* of the request's signature          */
    struct ra_span next;    /* a root that is to become an anchor  */
    struct ra_span message; /* what goes out, DER                  */
    char passed[RA_ENROLL_PASSED_MAX + 1];
};

/* One conversation; caller-owned, may be dropped at any time. Private to the
 * protocols: `part` counts inside an operation of several requests, `suffix`
 * and `body` back the request that is out. */
struct ra_enroll {
    const struct ra_enroll_ops *ops;
    const struct ra_enroll_input *in;
    uint8_t op;
    uint8_t part;
    uint32_t number;
    char suffix[RA_ENROLL_SUFFIX_MAX + 1];
    struct {
        size_t at; /* position in the section       */
        uint8_t section;
        uint8_t escape;  /* characters of a %XX still owed */
        char byte;       /* the one that is escaped        */
        char base64[32]; /* around `at` */
    } body;
    union {
        struct ra_scep scep;
        struct ra_est est;
    };
};

/* In place of a protocol that this build lacks: every request is RA_E_UNSUPPORTED. */
extern const struct ra_enroll_ops ra_enroll_absent;

void ra_enroll_init(struct ra_enroll *e, const struct ra_enroll_ops *ops);

/* Describe the HTTP request for `op`. `*out` points into `*e` and `*in`: keep
 * both until the exchange has ended and the reply was read.
 * Time: for SUBMIT proportional to the request's size (it counts what URL
 * encoding adds): 130 000 Cortex-M instructions for each KiB.
 * Returns RA_OK, RA_AGAIN, RA_E_ARGUMENT (no request, no or a bad id, control characters
 * in the template's name), RA_E_UNSUPPORTED (an operation the protocol lacks), or
 * what building the message fails with. */
ra_err ra_enroll_request(struct ra_enroll *e, enum ra_enroll_op op,
                         const struct ra_enroll_input *in, struct ra_http_request *out);

/* The exchange of the last request failed with `cause`; `heard`: in the middle of an answer, or with
 * what is none. True: the conversation can go on; read an empty reply (all zero) next. */
bool ra_enroll_unanswered(const struct ra_enroll *e, ra_err cause, bool heard);

/* Read the reply to the last request. The body is decoded in place.
 * RA_OK: `*result` is filled; RA_AGAIN: call again; no other value.
 * Time: proportional to the body: up to 180 000 Cortex-M instructions for each
 * KiB of a page, of which there are at most RA_REPLY_MAX bytes. */
ra_err ra_enroll_reply(struct ra_enroll *e, const struct ra_http_reply *reply,
                       struct ra_enroll_result *result);

#endif
