/* perennial.h - the one header an appliance includes.
 *
 * Perennial keeps the two registration-authority credentials of an appliance
 * alive: it renews each before it expires, at the CA's web enrollment, and
 * never gives up a working pair on the way.
 *
 * Use:     fill a struct hal (hal/hal.h) and a struct ra_transport
 *          (ra_transport.h; firmware/net has one over lwIP), call ra_init once,
 *          then ra_step for ever: it returns how long it has nothing to do.
 *          Everything else here may be called between two steps.
 * Threads: one. Never from an interrupt, never from inside a
 *          subscriber's call except where that says so.
 * Memory:  struct ra is the caller's, static, and holds all state, keys
 *          included; put it where other code and DMA cannot read. No heap.
 * Time:    each call is bounded. The longest step is one private RSA operation
 *          of the configured size; the figures are in docs/measurements.md.
 * Power:   may fail at any moment, inside a flash operation too. After the
 *          reset ra_init and ra_step go on where it stopped; the appliance is
 *          served the complete old or the complete new credentials.
 *
 * Not done here: revocation is not checked (neither CRL nor OCSP), name
 * constraints and policies are not evaluated (a critical one is refused), and
 * putting back an older image of the whole flash is not noticed.
 */
#ifndef PERENNIAL_H
#define PERENNIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hal.h"
#include "ra_certs.h"
#include "ra_chain.h"
#include "ra_clock.h"
#include "ra_cms.h"
#include "ra_config.h"
#include "ra_credentials.h"
#include "ra_csr.h"
#include "ra_enroll.h"
#include "ra_error.h"
#include "ra_events.h"
#include "ra_exchange.h"
#include "ra_gates.h"
#include "ra_hash.h"
#include "ra_key.h"
#include "ra_keygen.h"
#include "ra_limits.h"
#include "ra_password.h"
#include "ra_random.h"
#include "ra_seal.h"
#include "ra_secure.h"
#include "ra_states.h"
#include "ra_store.h"
#include "ra_transport.h"
#include "ra_url.h"

#define RA_VERSION "0.1.0"

/* Who is told of what happens: embed one in your own state, give it to ra_subscribe. Each call may
 * be NULL, and may call ra_certificate, ra_issuers and ra_status, nothing else. */
struct ra_subscriber {
    /* The served certificate of a role has changed (renewed, rolled back, provisioned, erased): read
     * it again with ra_certificate. Once for each role of a pair, after both have switched. */
    void (*changed)(struct ra_subscriber *self, enum ra_role role);
    /* An event is logged: an alert, a failure, a switch (RA_EVENT_KINDS, docs/alerts.md). The entry
     * is gone afterwards; its sequence number may be 0 before the log was read. */
    void (*event)(struct ra_subscriber *self, const struct ra_event_entry *entry);
    struct ra_subscriber *next; /* private */
};

/* What the operator asks for beyond the settings. All zero: nothing. */
enum ra_key_wish { RA_WISH_ANY_KEY, RA_WISH_SAME_KEY, RA_WISH_NEW_KEY };
struct ra_wish {
    enum ra_key_wish key;
    enum ra_key_alg alg;   /* of a new key; RA_KEY_NONE: as the settings or the old key say */
    enum ra_hash_alg hash; /* of the request's signatures; RA_HASH_NONE: SHA-256            */
    bool by_hand;          /* make the request, and leave it to the operator to carry it    */
};

/* One role's renewal. Private to firmware/renewal; visible so that you can size it. */
struct ra_renewal {
    enum ra_state state;
    struct ra_txn txn;
    uint8_t sub;                      /* step within the state's work               */
    bool refused;                     /* the CA ended the transaction id that we made */
    bool asked;                       /* the operator asked for it now              */
    bool asked_alone;                 /* and for this role only                     */
    bool anew;                        /* and as a first one: damaged or expired   */
    struct ra_wish wish;              /* and in this way                            */
    bool announce;                    /* the operator waits for the request to be built */
    uint8_t reminded;                 /* the last reminder of the certificate's end */
    bool given;                       /* the operator gave the certificates to be checked */
    bool waited;                      /* the waiting time is over, whatever flash says: the
                               clock may have gone back since             */
    bool confirm_expiry;              /* one attempt before a jumped clock is believed */
    bool issued_at_once;              /* no waiting between submit and fetch        */
    ra_err cause;                     /* of the failure being handled               */
    ra_err reported;                  /* cause last put into the event log          */
    int64_t poll_at;                  /* next question about a pending request      */
    int64_t retry_after;              /* the CA's wish, seconds, 0: none            */
    char named[RA_ENROLL_ID_MAX + 1]; /* id or serial that the operator names, "": none */
};

/* What the CA sent, on its way through the gates. Private to firmware/renewal. */
struct ra_check {
    struct ra_span certs[RA_CHAIN_CERTS_MAX]; /* in the reply buffer, known issuers in `request` */
    size_t cert_count;
    struct ra_cert leaf;
    struct ra_chain chain;
    struct ra_span anchor_span;
    uint16_t anchor;
    uint8_t looked;      /* of certs, for the anchor renewed */
    struct ra_span heir; /* which was found, size 0: none   */
    int64_t heir_end;
    ra_err cause; /* why the chain to the last anchor failed */
};

#define RA_TEMPLATE_MAX 63

/* The store and the events are large: what lies before them costs less code. */
struct ra {
    const struct hal *hal;
    const struct ra_transport *transport;
    struct ra_subscriber *subscribers;

    uint64_t started_ms;
    uint64_t time_missed_ms; /* from then on a missing time is put into the log */
    uint64_t seed_ms;        /* since when the source has had no bytes, 0: it has */
    uint8_t phase;           /* of the start: mount, load, run */
    bool commit_dirty;       /* the commit in RAM is newer than in flash */
    bool config_dirty;
    bool password_dirty;
    struct ra_password password;
    ra_err password_error; /* why it could not be read: nobody gets in */
    ra_err start_error;    /* of ra_init: there is no store            */
    bool config_changed;   /* saved since the caller last cleared this */
    bool cleanup_wanted;   /* records no longer named by the commit may be dropped */
    uint8_t writer;        /* who has a put under way */
    uint8_t linger;        /* steps left for a put to follow the last one */
    int8_t worker;         /* the role whose work owns what follows, -1: none */
    uint32_t damaged_seen;
    bool network_down; /* the caller said so: begin nothing */
    uint8_t import_sub;
    uint8_t erase; /* how far the erasing of all credentials is, 0: none */
    bool scrubbing;
    uint8_t recall; /* events looked through for reminders already given */
    uint8_t provision_sub;
    uint8_t provision_role;
    uint32_t provision_generation;
    uint64_t provision_ms; /* the last call; who stops calling is not waited for */
    ra_err commit_error;   /* why the stored commit could not be read */
    ra_err save_error;     /* why a change of ours is not in flash yet */
    uint64_t save_ms;      /* when to try that again */
    uint8_t probe_sub;     /* asking the CA's web server for the time */
    uint64_t probe_ms;     /* when to ask next */

    struct ra_clock clock;
    struct ra_random random;
    struct ra_seal seal;
    struct ra_commit commit;
    struct ra_config config;
    struct ra_renewal renewal[RA_ROLES];
    struct ra_events events;
    struct ra_store store;

    /* The worker's: one role works at a time. */
    struct ra_url url;
    char template_name[RA_TEMPLATE_MAX + 1]; /* the old certificate's */
    struct ra_exchange exchange;
    struct ra_enroll enroll;
    struct ra_enroll_input enroll_input;
    struct ra_enroll_tools enroll_tools;
    struct ra_scep_policy scep_policy;
    struct ra_est_policy est_policy;
    uint8_t talker;            /* the role whose request it is */
    uint8_t name[RA_NAME_MAX]; /* the subject of that request */
    size_t name_size;
    struct ra_enroll_result enroll_result;
    struct ra_check check;
    struct ra_commit next_commit; /* what a commit or a rollback is writing */
    struct ra_keygen keygen;
    struct ra_key key;               /* one at a time; wiped as soon as it has served */
    uint8_t request[RA_REQUEST_MAX]; /* also scratch for a key's DER, wiped */
    struct ra_span request_span;     /* the request, at the end of `request` */
    uint8_t old_cert[RA_CERT_MAX];
    size_t old_cert_size;
    uint8_t *reply; /* what the CA sent: RA_REPLY_BUFFER bytes, the caller's */
    size_t scratch_size;

    /* For ra_sign and ra_decrypt. */
    struct ra_key service_key;
    uint32_t service_generation; /* loaded key: role and generation, 0: none */
    uint8_t service_role;
};

/* Start. `hal`, `transport` and `reply` stay the caller's and must outlive `ra`.
 * `reply` is a buffer of RA_REPLY_BUFFER bytes that only ever holds what the CA
 * sent: it may lie in external memory, where struct ra should not.
 * Returns RA_OK, RA_E_FLASH_SMALL or RA_E_FLASH_GEOMETRY; after an error ra_step
 * must not be called, and what needs the store fails with that error. Takes under
 * 1 ms: reading the store is ra_step's work.
 * `transport` may be NULL, and then `reply`: nothing is renewed. */
ra_err ra_init(struct ra *ra, const struct hal *hal, const struct ra_transport *transport,
               uint8_t *reply);

/* Give `ra` TLS, once, right after ra_init with a transport: https is then spoken over it, with the
 * anchors, the time and the client's certificate that the store and the settings hold. `secure`
 * stays the caller's and holds the session's keys, no other: it may lie in external memory. Only
 * in a build with RA_WITH_TLS; without this call https is refused (RA_E_HTTP_SCHEME). */
void ra_https(struct ra *ra, struct ra_secure *secure);

/* Do one bounded piece of work. Returns the milliseconds until it wants to be
 * called again, 0: at once. Calling it sooner or later does no harm. */
uint32_t ra_step(struct ra *ra);

/* Say whether the network can be used. Up until said otherwise; while it is down
 * nothing is begun, so that a boot before DHCP has answered costs no attempt. Say
 * "up" after a while in any case: then the failure is noticed and reported. */
void ra_network(struct ra *ra, bool up);

/* Whether nothing is being written to flash: a good moment for a reset. */
bool ra_settled(const struct ra *ra);

/* Whether the store has been read and the served credentials are known. */
bool ra_started(const struct ra *ra);
/* Whether work is under way that a boot may want to wait for (bounded by the
 * setting boot-budget-seconds, which the caller counts). */
bool ra_working(const struct ra *ra);

/* Whether something may be due that has not begun: the window is open, or the
 * time is not known yet. */
bool ra_may_be_due(const struct ra *ra);

/* Tell `who` of changes and events from now on, besides all others; any time after ra_init. It
 * stays the caller's and in place until ra_unsubscribe. Whoever came last is told first. Neither may
 * be called from inside such a call. Time: as many steps as there are subscribers. */
void ra_subscribe(struct ra *ra, struct ra_subscriber *who);
void ra_unsubscribe(struct ra *ra, struct ra_subscriber *who); /* harmless when it is none */

/* --- the credentials in use ------------------------------------------- */

/* The served certificate in DER. RA_E_NO_CREDENTIAL, RA_E_SPACE, RA_AGAIN while
 * flash is being erased, RA_E_RECORD_*. */
ra_err ra_certificate(struct ra *ra, enum ra_role role, uint8_t *out, size_t cap, size_t *size);
/* Its issuers in DER, one after the other, nearest first; may be empty. */
ra_err ra_issuers(struct ra *ra, enum ra_role role, uint8_t *out, size_t cap, size_t *size);

/* Sign a digest with the role's served key (RSASSA-PKCS1-v1_5 or ECDSA). The
 * key never leaves `ra`. One private-key operation; the first call after a
 * change also reads the key from flash. RA_E_NO_CREDENTIAL, RA_E_SPACE, RA_E_RECORD_*, RA_AGAIN while
 * flash is being erased. RSA needs random numbers for its blinding: RA_AGAIN while there are none yet,
 * RA_E_ENTROPY after a minute of that or without a source, RA_E_ENTROPY_HEALTH until the next reset. */
ra_err ra_sign(struct ra *ra, enum ra_role role, enum ra_hash_alg hash, const uint8_t *digest,
               uint8_t *out, size_t cap, size_t *size);
/* Decrypt with the CEP Encryption key that belongs to the certificate with this
 * issuer and serial (DER contents as in a RecipientInfo), the old one included
 * while it is retained; empty spans mean the served one. RA_E_NO_SUCH_CERT, RA_E_DECRYPT, and what
 * ra_sign says of RSA. */
ra_err ra_decrypt(struct ra *ra, struct ra_span issuer, struct ra_span serial,
                  enum ra_padding padding, const uint8_t *in, size_t in_size, uint8_t *out,
                  size_t cap, size_t *size);

/* Report what the appliance saw when it used the served credential. Success ends the probation. Failure
 * brings the old pair back, on probation and later, while it is kept and has not expired: on probation
 * with those that switched together, later this role alone. Without such a pair, or while a renewal is
 * under way, nothing happens: the call may be repeated. */
void ra_report_use(struct ra *ra, enum ra_role role, bool worked);

/* --- what the operator sees and does ---------------------------------- */

struct ra_status {
    enum ra_state state;
    bool stored; /* a credential is stored                      */
    bool held;   /* by the setting `hold`                       */
    bool time_known;
    bool expired; /* by the present time; never stored           */
    bool damaged; /* its key, certificate or issuers were found unreadable in flash */
    int64_t not_before, not_after;
    int64_t due;  /* start of the renewal window                 */
    int64_t next; /* next attempt or question, RA_TIME_UNKNOWN: none planned */
    uint32_t generation, previous;
    ra_err cause; /* last failure of the open transaction, RA_OK: none */
    uint32_t hresult;
    uint16_t attempts;
    const char *request_id; /* "" when none; valid until the next step     */
    const char *peer;       /* the peer's words, "" when none              */
    uint32_t progress;      /* key search: candidates tried                */
};

void ra_status(const struct ra *ra, enum ra_role role, struct ra_status *out);

/* Renew now, window or not. `alone`: commit without waiting for the partner.
 * RA_E_NO_CREDENTIAL, RA_E_HELD, RA_E_EXPIRED, RA_E_BUSY when it is under way. */
ra_err ra_renew(struct ra *ra, enum ra_role role, bool alone);

/* The same in the way of `wish`. A wish of a key, and by_hand, need a renewal that has not begun:
 * RA_E_BUSY; see ra_cancel. It is kept in RAM until the key is stored: after a reset before that the
 * operator asks again.
 * By hand nothing is sent, and `hold` does not hold it, nor its switch: the state becomes OFFLINE, which survives resets
 * and keeps the role from renewing by itself. ra_request_text shows the request, ra_accept takes the
 * answer, ra_submit and ra_retrieve hand over to the network. */
ra_err ra_renew_as(struct ra *ra, enum ra_role role, bool alone, const struct ra_wish *wish);

/* Ask the CA for a first certificate of a role that has none, or whose certificate has expired or is
 * damaged in flash (struct ra_status), key or certificate: then nothing can be renewed. What waits to
 * try again, such a renewal or a first request that failed, is given up for it. A first one that
 * fails, denied or not, is tried again within a day. A new key, the setting `subject`, with SCEP the
 * challenge password, with EST name and password, with AD CS the role's template.
 * `wish` may be NULL. RA_E_STORED: the role has one; RA_E_CONFIG_VALUE (the subject), RA_E_HELD,
 * RA_E_TIME_UNKNOWN, RA_E_BUSY, RA_E_RECORD_DAMAGED: what was stored cannot be read, and is not to be
 * replaced. */
ra_err ra_enroll_new(struct ra *ra, enum ra_role role, const struct ra_wish *wish);

/* The request of a role in state OFFLINE, as PEM text: what certreq -new would write (PKCS #7 around
 * PKCS #10 [MS-WCCE 3.1.1.4.3.2.1], for a first enrolment PKCS #10), or the PKCS #10 alone. Writes
 * the characters from `offset` on to `to`; *size is less than cap only at the end. The request is made
 * again from what is stored whenever its buffer served something else meanwhile: RA_AGAIN, call again.
 * RA_E_NO_REQUEST: there is none. A private-key operation or two in the steps between. */
ra_err ra_request_text(struct ra *ra, enum ra_role role, bool pkcs10, size_t offset, char *to,
                       size_t cap, size_t *size);
/* Whether a request by hand is at work and will be in state OFFLINE again, unless it is taken: it is made,
 * or what was given is checked, or its refusal written. ra_request_text and ra_accept wait for that. */
bool ra_remakes_request(const struct ra *ra, enum ra_role role);

/* Take the CA's answer from the operator: certificates in any order and form ra_certs_from_text
 * reads, the new one among them; issuers that are missing are taken from the certificate in use. They pass the same gates as those that came over the network; one
 * that does not pass changes nothing. For a request that is OFFLINE, PENDING or waiting in BACKOFF.
 * `text` is not needed afterwards. RA_E_NO_REQUEST, RA_E_BUSY (try again), RA_E_LIMIT, what
 * ra_certs_from_text fails with; what the gates say comes later, as a failure of the role. */
ra_err ra_accept(struct ra *ra, enum ra_role role, const uint8_t *text, size_t size);

/* Send the request of state OFFLINE to the CA after all, as one made automatically.
 * RA_E_NO_REQUEST, RA_E_HELD, RA_E_TIME_UNKNOWN. */
ra_err ra_submit(struct ra *ra, enum ra_role role);

/* Give the open request, and its key, up. When the window is open the role begins anew by itself
 * (see `hold`). A power cut before the next settled state may bring the request back.
 * RA_E_NO_REQUEST, RA_E_BUSY while a step is under way that is not given up half done. */
ra_err ra_cancel(struct ra *ra, enum ra_role role);
/* End the waiting time of an open request. RA_E_NO_REQUEST, RA_E_BUSY, RA_E_HELD, RA_E_TIME_UNKNOWN. */
ra_err ra_retry(struct ra *ra, enum ra_role role);
/* Go back to the previous pair, and with it those that switched together. RA_E_NO_PREVIOUS,
 * RA_E_BUSY while a renewal is under way. */
ra_err ra_roll_back(struct ra *ra, enum ra_role role);

/* Fetch what the CA made of the open request of a role, as certreq -retrieve does: the CA says
 * nothing of it, or the wrong thing, and its manager names it. AD CS: `id` is the request id,
 * decimal. SCEP: the serial number in hex, colons allowed, asked for by GetCert. EST knows no numbers.
 * It is asked for once, at once, and kept in RAM until the CA has answered; a reset before that forgets
 * it. A certificate goes through the same gates as any; one that passes them is the request's, and is
 * stored with the id. Where AD CS says that it is pending, the id is stored in place of the one there
 * was, and asked for over the network from then on, a request by hand too. Nothing tells whether a
 * pending id is this request's: ask the operator before another is forgotten for it. Whatever else
 * comes of it - no such request, denied, another's certificate, no answer - is the event REFUSED with
 * its cause, and the request stands as before: phase, id, by hand or not.
 * RA_E_NO_REQUEST: none is open, or its key is not stored yet. RA_E_PARAMETER: not such a number.
 * RA_E_UNSUPPORTED: EST, or no transport. RA_E_HELD, RA_E_TIME_UNKNOWN, RA_E_BUSY. */
ra_err ra_retrieve(struct ra *ra, enum ra_role role, const char *id);

/* Offer a time (seconds since 1970 UTC). The operator's becomes the floor in flash, and only
 * the operator's can lower it again, never below the notBefore of what is served; SNTP's and
 * HTTP's serve this boot. A time the operator mistyped can be put right: what could not be undone
 * waits (ra_clock_leapt). RA_E_TIME_UNKNOWN: before the floor. */
ra_err ra_offer_time(struct ra *ra, enum ra_time_source source, int64_t wall);

/* Change a setting in RAM; ra_config_save writes all of them to flash. */
ra_err ra_setting_change(struct ra *ra, const char *name, const char *value);
void ra_config_save(struct ra *ra);

/* The operator's password, ra->password, was changed in RAM: store it. */
void ra_password_save(struct ra *ra);
/* Whether it is in flash, or cannot be written now (ra->save_error). */
bool ra_password_saved(const struct ra *ra);
/* Random bytes for its salt. RA_AGAIN while the source has none yet. */
ra_err ra_random_for(struct ra *ra, uint8_t *out, size_t size);

/* --- provisioning ------------------------------------------------------ */

/* Store a credential as a new generation and serve it. Blocking helpers for
 * factory tools are in boards/host; on an appliance call until it stops
 * returning RA_AGAIN, with the same arguments, and begin nothing else of this
 * section meanwhile. Not called for a minute, it is given up. The key must fit
 * the certificate, the certificate the role. RA_E_BUSY while a renewal of the
 * role is at work; a renewal that waits is ended by it. RA_E_LIMIT. */
ra_err ra_provision(struct ra *ra, enum ra_role role, const uint8_t *key_der, size_t key_size,
                    const uint8_t *cert, size_t cert_size, const uint8_t *issuers,
                    size_t issuers_size);
/* Store a pair that somebody else made: PKCS #12, or PEM with a key under a passphrase and its
 * certificates (ra_pkcs12.h says which). buf[0 .. size-1] is rewritten, `cap` is its room, at least
 * RA_BER_SLACK more than `size`; it holds nothing secret, the key never leaves `ra`. Same calling rule as
 * ra_provision: until it stops returning RA_AGAIN, with the same arguments. No renewal works meanwhile.
 * RA_E_BUSY: one works now. What ra_pkcs12_step and ra_provision say. */
ra_err ra_import(struct ra *ra, enum ra_role role, uint8_t *buf, size_t size, size_t cap,
                 const char *password);
/* Where a trust anchor goes: *known is whether *place holds this certificate already, whatever its
 * signature (of an ECDSA one anybody can make a twin); else *place is the
 * first free one, else that of an anchor that ended before the time floor: decades fill the places, and
 * no time of the network raises the floor. One that has not ended is never replaced. Each place is read
 * into buf[0 .. RA_CERT_MAX-1]; `cert` lies elsewhere. RA_AGAIN: flash is busy. RA_E_ANCHORS_FULL. */
ra_err ra_anchor_place(struct ra *ra, struct ra_span cert, uint8_t *buf, uint16_t *place,
                       bool *known);
/* Store a trust anchor (a certificate in DER) in place `index`; same calling rule. */
ra_err ra_provision_anchor(struct ra *ra, unsigned index, const uint8_t *cert, size_t cert_size);
/* Trust the anchor in place `index` no more; same calling rule. What is served stays; a new certificate
 * that leads to no other anchor is refused from then on. RA_E_NOT_FOUND: the place is empty. */
ra_err ra_remove_anchor(struct ra *ra, unsigned index);

/* Erase all credentials, with their old generations, open requests and the passwords among the
 * settings; anchors, other settings and the log stay. Nothing is served from the call on. Keys are
 * wiped in RAM at once; in flash their records are dropped and then every bank of the store is erased,
 * so that nothing is left to read in the cells (seconds to a minute: ra_erasing). A power cut before
 * the first record is written changes nothing, any later one only delays it: the next boot goes on.
 * RA_E_BUSY: a record is being written, ask again. */
ra_err ra_erase_credentials(struct ra *ra);
bool ra_erasing(const struct ra *ra);

#endif
