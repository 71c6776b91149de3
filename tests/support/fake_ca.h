/* fake_ca.h - the web enrollment of an AD CS, for appliances that live in one process (world.h).
 * At other addresses of the same server SCEP (fake_scep.c) and EST (fake_est.c) are spoken, by
 * the same CA.
 *
 * It takes HTTP requests and gives replies, as bytes. A submitted request is judged as a CA
 * does: the form, base64, CMS signature by the old key over the PKCS #10, that one's own signature,
 * the certificate to renew (one it has issued, still valid, alone in the message and in the
 * RENEWAL_CERTIFICATE attribute), subject and template. What does not fit is refused and counted in
 * `bad`, so that a test can demand that there was none. What it issues has the values of the
 * template, or a defect that the mode asks for.
 *
 * A plain struct, pointers to constants apart: it may be copied, and the copy goes on by itself.
 */
#ifndef FAKE_CA_H
#define FAKE_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_credentials.h"
#include "ra_key.h"
#include "ra_x509.h"

#define FAKE_CA_URL "http://ca.example.test/certsrv/"
#define FAKE_SCEP_URL "http://ca.example.test/scep"
#define FAKE_EST_URL "https://ca.example.test"
#define FAKE_CA_CERT_MAX 1024u
#ifndef FAKE_CA_REQUESTS
#define FAKE_CA_REQUESTS 48u /* are remembered: the newest, and of the issued ones more */
#endif
#define FAKE_CA_TIMES 96u
#define FAKE_CA_REPLY_MAX 8192u

/* What becomes of a request of one role. */
enum fake_ca_mode {
    FAKE_CA_ISSUE,
    FAKE_CA_PEND,
    FAKE_CA_DENY,
    FAKE_CA_ERROR,      /* with `hresult`                                          */
    FAKE_CA_WRONG_KEY,  /* from here on: issued, with a defect                     */
    FAKE_CA_WRONG_ROLE, /* key usage and template of the other role                */
    FAKE_CA_SAME,       /* the certificate that was to be renewed                  */
    FAKE_CA_EXPIRED,    /* yesterday                                               */
    FAKE_CA_NOT_YET,    /* valid in three days                                     */
    FAKE_CA_SOON,       /* valid in two hours: no defect                           */
    FAKE_CA_SHORT,      /* 60 days, beyond the old one's end                       */
    FAKE_CA_NOT_LONGER, /* ends with the old one                                   */
    FAKE_CA_OTHER_SUBJECT,
    FAKE_CA_IS_CA,
    FAKE_CA_UNTRUSTED,     /* by a stranger of the issuing CA's name                  */
    FAKE_CA_BAD_SIGNATURE, /* one bit of the signature is wrong                       */
    FAKE_CA_MODES
};

/* Whose key signs, and what is sent as its issuers: an AD CS keeps its name when it is renewed. */
enum fake_authority {
    FAKE_AUTHORITY_FIRST,    /* root.cert, issuing.cert, to 2060                      */
    FAKE_AUTHORITY_ENDS,     /* the same keys, the issuing CA's certificate ends 2034 */
    FAKE_AUTHORITY_NEW_KEY,  /* another issuing CA under the same root                */
    FAKE_AUTHORITY_NEW_ROOT, /* another root, another issuing CA                      */
    FAKE_AUTHORITIES
};

/* What is wrong between the appliance and the CA, for all requests alike. */
enum fake_ca_net {
    FAKE_NET_UP,
    FAKE_NET_REFUSED,    /* no connection                             */
    FAKE_NET_RESET,      /* reset at the first byte of the request    */
    FAKE_NET_SILENT,     /* the request is swallowed                  */
    FAKE_NET_LOSE_REPLY, /* the CA does its work, the reply is lost   */
    FAKE_NET_GARBAGE,    /* not HTTP                                  */
    FAKE_NET_PAGE,       /* a page of something else                  */
    FAKE_NET_401,
    FAKE_NET_503, /* with Retry-After: retry_after             */
    FAKE_NET_KINDS
};

/* What is wrong with the next replies of the SCEP server. */
enum fake_scep_fault {
    FAKE_SCEP_RIGHT,
    FAKE_SCEP_NONCE,         /* answers another message              */
    FAKE_SCEP_TRANSACTION,   /* of another transaction               */
    FAKE_SCEP_TYPE,          /* no CertRep                           */
    FAKE_SCEP_STRANGER,      /* signed by nobody the CA names        */
    FAKE_SCEP_SIGNATURE,     /* one bit of it is wrong               */
    FAKE_SCEP_RECIPIENT,     /* encrypted to somebody else           */
    FAKE_SCEP_CONTENT,       /* one bit of what is encrypted is wrong */
    FAKE_SCEP_DES3,          /* a cipher that is not allowed         */
    FAKE_SCEP_ABSENT,        /* SUCCESS without content              */
    FAKE_SCEP_NOT_YET,       /* SUCCESS with zero bytes: it waits    */
    FAKE_SCEP_NO_DATA,       /* SUCCESS with an envelope without content: it waits */
    FAKE_SCEP_SHA1,          /* signed by a digest that is not allowed */
    FAKE_SCEP_SIGNED_TWICE,  /* two signers                          */
    FAKE_SCEP_BASE64,        /* in lines: no defect                  */
    FAKE_SCEP_GARBAGE,       /* no CMS                               */
    FAKE_SCEP_NO_CAPS,       /* GetCACaps: hangs up: no defect       */
    FAKE_SCEP_HALF_CAPS,     /* GetCACaps: hangs up in the middle    */
    FAKE_SCEP_NO_SET,        /* GetCACert: 404                       */
    FAKE_SCEP_LOOSE_SET,     /* GetCACert: leads to no anchor        */
    FAKE_SCEP_EMPTY_SET,     /* GetCACert: nobody to encrypt to      */
    FAKE_SCEP_TWINS,         /* GetCACert: others named as the signer: no defect */
    FAKE_SCEP_NO_NEXT,       /* GetNextCACert: 404                   */
    FAKE_SCEP_NEXT_GARBAGE,  /* no CMS                               */
    FAKE_SCEP_NEXT_STRANGER, /* signed by a stranger                 */
    FAKE_SCEP_NEXT_FORGED,   /* one bit of the signature is wrong    */
    FAKE_SCEP_NEXT_ISSUING,  /* signed by the CA below the pinned root */
    FAKE_SCEP_NEXT_NAME,     /* a root of another name               */
    FAKE_SCEP_NEXT_BROKEN,   /* a root that its key has not signed   */
    FAKE_SCEP_NEXT_EMPTY,    /* no certificates in it                */
    FAKE_SCEP_NEXT_ABSENT,   /* no content that could hold them      */
    FAKE_SCEP_NEXT_PRESENT,  /* none that ends later                 */
    FAKE_SCEP_500,
    FAKE_SCEP_ENDED, /* CertPoll: badRequest, whatever became of it */
    FAKE_SCEP_FAULTS
};

/* `why` of a message to the certificate that the SCEP server had before `authority` changed: its sender
 * has an older GetCACert. */
#define FAKE_SCEP_FORMER "encrypted to a former certificate"
/* And of a kind that it does not offer now: its sender has an older GetCACaps. */
#define FAKE_SCEP_NOT_OFFERED "a RenewalReq that was not offered"

/* The same for the EST server. */
enum fake_est_fault {
    FAKE_EST_RIGHT,
    FAKE_EST_UNWRAPPED,  /* base64 in one line, a zero byte behind it: no defect   */
    FAKE_EST_BINARY,     /* DER as it is: no defect                                */
    FAKE_EST_EXTRA,      /* the issuer's certificate before the one asked for: no defect */
    FAKE_EST_CUT,        /* half of each list of certificates                      */
    FAKE_EST_NO_CACERTS, /* cacerts: 404                                           */
    FAKE_EST_FORGED,     /* the next root is vouched for by a stranger             */
    FAKE_EST_400,
    FAKE_EST_500
};

#define FAKE_EST_BINDING 12 /* bytes of the channel binding in these worlds */

struct fake_ca_request {
    uint32_t id;          /* 0: none */
    char transaction[48]; /* of SCEP; "est" while one of EST waits for its answer */
    enum ra_role role;
    enum { FAKE_CA_WAITS, FAKE_CA_ISSUED, FAKE_CA_DENIED } state;
    enum fake_ca_mode as; /* it was issued: what it has of a defect */
    enum fake_authority by;
    uint32_t kept; /* when it was last kept, 0: never */
    int64_t at;
    uint8_t csr_sha256[32];
    uint8_t spki[320]; /* to be certified */
    uint8_t cert[FAKE_CA_CERT_MAX];
    uint8_t subject[64]; /* of a first request by SCEP that waits */
    uint8_t signer[32];  /* SHA-256 of the certificate that signed it, with SCEP */
    uint16_t spki_size, cert_size, subject_size;
};

struct fake_ca {
    /* Set by the test. */
    enum fake_ca_mode mode[RA_ROLES];
    enum fake_ca_net net;
    enum fake_authority authority;
    uint32_t hresult;
    uint32_t retry_after;
    bool no_date;        /* replies have no Date */
    int64_t clock_error; /* of its Date */
    struct {
        bool get_only;           /* POSTPKIOperation is not offered                */
        bool no_renewal;         /* nor Renewal                                    */
        bool refuse_renewal;     /* offered, and then answered with badRequest     */
        bool next_root;          /* GetNextCACert: FAKE_AUTHORITY_NEW_ROOT is next */
        bool next_sha1;          /* which is said with SHA-1                       */
        bool alone;              /* what is issued comes without its issuers       */
        bool bind_signer;        /* who did not sign the request cannot ask about it */
        unsigned caps_status;    /* HTTP's, in answer to each GetCACaps; 0: its own    */
        unsigned message_status; /* the same to each PKIOperation                      */
        enum fake_scep_fault fault;
        uint8_t fail_info; /* of FAKE_CA_ERROR, with `hresult`; of FAKE_CA_DENY it is 2 */
        const char *challenge;
    } scep;
    struct {
        enum fake_est_fault fault;
        const char *label;         /* NULL: none                                   */
        const char *attrs;         /* base64 of csrattrs; NULL: 204, "": 404        */
        const char *authorization; /* the header line that is wanted; NULL: none    */
        bool authorized;           /* the last request for a certificate had some   */
        enum ra_hash_alg hash;     /* the digest that is wanted; RA_HASH_NONE: any   */
        bool demand_binding;
        bool retry_date; /* Retry-After as a date                        */
        bool next_root;  /* cacerts holds root2.cert, that root.cert vouches for */
    } est;
    unsigned strangers; /* what it names as its certificates holds so many of others' behind them */
    bool root_again;    /* for root.cert it sends root_again.cert: the same key, for longer */
    uint16_t life_days;
    uint32_t round_to; /* notBefore is a multiple of so many seconds */

    /* Read by the test. */
    unsigned submits[RA_ROLES], polls, fetches, others, connections;
    unsigned most_a_day[RA_ROLES]; /* submits of one role in one UTC day */
    int64_t submit_at[RA_ROLES][FAKE_CA_TIMES];
    uint8_t new_spki[RA_ROLES][320]; /* of the last request */
    unsigned keys[RA_ROLES];         /* different ones in a row */
    unsigned scep_type[32];          /* PKIOperations by messageType, 17 .. 21                 */
    unsigned scep_next;              /* GetNextCACert answered */
    unsigned scep_selves;            /* different self-signed signers in a row */
    uint8_t scep_self[32];           /* SHA-256 of the last                    */
    unsigned est_posts[2];           /* right requests: simpleenroll, simplereenroll           */
    unsigned bad;
    const char *why;
    unsigned today[RA_ROLES]; /* submits since `day` began */
    int64_t day;
    struct fake_ca_request request[FAKE_CA_REQUESTS];
    uint32_t last_id;

    /* Private. */
    uint32_t keeps;
    uint32_t drawn; /* times that it wanted random numbers */
};

void fake_ca_init(struct fake_ca *ca);
/* A first certificate, as after an enrolment by hand; its id. `spki` is the key's. */
uint32_t fake_ca_enrol(struct fake_ca *ca, enum ra_role role, const uint8_t *spki, size_t spki_size,
                       int64_t not_before, int64_t not_after);
/* Answer one whole HTTP request at time `now`; the size of the reply, 0: none. */
size_t fake_ca_serve(struct fake_ca *ca, int64_t now, const char *request, size_t size,
                     uint8_t reply[FAKE_CA_REPLY_MAX]);
/* The CA manager gets a request in PEM, renewal or first one, and submits it himself: decided as the
 * mode says. Its id; 0: refused, and counted. */
uint32_t fake_ca_take(struct fake_ca *ca, int64_t now, const char *pem, size_t size);
/* The CA manager's decision on the newest waiting request of a role; false: there is none. */
bool fake_ca_approve(struct fake_ca *ca, enum ra_role role, int64_t now);
bool fake_ca_refuse(struct fake_ca *ca, enum ra_role role);
/* certs-only SignedData [RFC 5652] of a request: the certificate, the issuing CA, the root. */
size_t fake_ca_chain(const struct fake_ca *ca, const struct fake_ca_request *r, uint8_t *out,
                     size_t cap);
/* NULL: forgotten, or never there. */
const struct fake_ca_request *fake_ca_request(const struct fake_ca *ca, uint32_t id);
/* It is in use: others are forgotten before it. */
void fake_ca_keep(struct fake_ca *ca, uint32_t id);
/* As a restore of the CA's database would. */
void fake_ca_forget(struct fake_ca *ca, uint32_t id);
/* The name of an authority's certificate, for world_blob: "root.cert". */
const char *fake_ca_root(enum fake_authority by);
const char *fake_ca_issuing(enum fake_authority by);
/* A key of world_vectors.h, read once. */
const struct ra_key *fake_ca_key(const char *name);
/* The newest issued one of a role; NULL: none. */
const struct fake_ca_request *fake_ca_newest(const struct fake_ca *ca, enum ra_role role);
/* The one whose certificate this is; NULL: not of this CA. */
const struct fake_ca_request *fake_ca_find(const struct fake_ca *ca, const uint8_t *cert,
                                           size_t size);
/* The channel binding of the connection that is open. */
void fake_est_binding(const struct fake_ca *ca, uint8_t out[FAKE_EST_BINDING]);
/* True while the CA itself is at work: for those who count the appliance's operations. */
extern bool fake_ca_busy;

#endif
