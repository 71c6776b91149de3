/* ra_credentials.h - what the store's records mean: generations, transactions, the commit.
 *
 * A credential is one generation of a role: a private key, its certificate and
 * the issuers above it, three records under (role, generation). Which
 * generation serves is said by one record alone, the commit, that names the
 * active and the previous generation of every role at once. Replacing the
 * commit is the only step that switches anything, and replacing a record is
 * atomic (ra_store.h): before its last byte is in flash the old pair serves,
 * after it the new one, never a mixture.
 *
 * A transaction is a renewal under way: one record per role that says how far
 * it got (enum ra_phase) and under which generation its new key, and later its
 * certificate, are stored. A transaction whose generation is not newer than all
 * that ever served is over; no record need be erased for that. The request itself is
 * not stored: it is made again from old certificate, old key and new key, which
 * are, and comes out byte for byte the same (PKCS#1 v1.5 and RFC 6979 signatures
 * have no randomness). Its SHA-256 is stored, to tell the CA manager which it was.
 *
 * Encoding of all records: little-endian, fixed layout, a version byte first;
 * an unknown version reads as absent (RA_E_RECORD_DAMAGED).
 *
 * This header does no flash operation of its own but ra_store_get's reads.
 */
#ifndef RA_CREDENTIALS_H
#define RA_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"
#include "ra_hash.h"
#include "ra_limits.h"
#include "ra_schedule.h"
#include "ra_states.h"
#include "ra_store.h"

enum ra_role {
    RA_ROLE_AGENT = 0, /* Enrollment Agent: template EnrollmentAgentOffline, digitalSignature */
    RA_ROLE_ENCRYPTION =
        1,              /* CEP Encryption: template CEPEncryption, keyEncipherment             */
    RA_ROLE_DEVICE = 2, /* the appliance's own, of any purpose; need not exist                 */
    RA_ROLES = 3,       /* the store has room for RA_ROLES_MAX                                 */
    RA_PAIR = 2         /* the first two serve together, wait for each other, switch together  */
};

/* Whether two roles are renewed as a pair: wait for each other, switch and go back together. */
bool ra_roles_paired(unsigned a, unsigned b);

/* "Enrollment Agent", "CEP Encryption", "Device". */
const char *ra_role_text(enum ra_role role);
/* "agent", "encryption", "device": what the operator types. */
const char *ra_role_word(enum ra_role role);
/* The certificate template's CN [MS-CRTD appendix A]; "" where there is no usual one. */
const char *ra_role_template(enum ra_role role);

/* Record types of the store. The numbers are stored: never reuse one. */
enum ra_record {
    RA_RECORD_COMMIT = 1,
    RA_RECORD_KEY = 2,      /* id: role and generation */
    RA_RECORD_CERT = 3,     /* id: role and generation */
    RA_RECORD_CHAIN = 4,    /* id: role and generation; issuers in DER, one after the other */
    RA_RECORD_TXN = 5,      /* id: role */
    RA_RECORD_CONFIG = 6,   /* ra_config's stored form */
    RA_RECORD_ANCHOR = 7,   /* id: 0 .. RA_ANCHORS_MAX-1; a certificate in DER */
    RA_RECORD_EVENT = 8,    /* id: sequence number modulo RA_EVENTS */
    RA_RECORD_PASSWORD = 9, /* the operator's: ra_password.h */
    RA_RECORD_ERASE = 10    /* the credentials are being erased: nothing is served */
};

/* The id of a role's record of one generation. Generations that are 256 apart
 * share an id; at most three of a role live at once. */
uint16_t ra_generation_id(enum ra_role role, uint32_t generation);

struct ra_slot {
    uint32_t active;   /* generation that serves, 0: none                   */
    uint32_t previous; /* the one before, still usable, 0: none             */
    uint32_t newest;   /* highest generation ever used                      */
    int64_t active_not_before, active_not_after;
    int64_t previous_not_after;
    int64_t probation_until; /* 0: not on probation                               */
    uint32_t seed;           /* first bytes of the active thumbprint, for jitter  */
};

struct ra_commit {
    struct ra_slot slot[RA_ROLES_MAX];
    int64_t time_floor; /* time is at least this: set by the operator, or the notBefore of a
                           certificate that passed the gates */
};

#define RA_COMMIT_SIZE (1 + 1 + 8 + RA_ROLES_MAX * (3 * 4 + 4 * 8 + 4)) /* at most */

#define RA_REQUEST_ID_MAX 64

struct ra_txn {
    enum ra_phase phase;
    uint32_t generation;                    /* of the new key and certificate                    */
    bool alone;                             /* the operator asked for this role only             */
    bool first;                             /* a first enrolment: nothing is stored yet          */
    bool by_hand;                           /* the operator carries the request and the answer   */
    uint8_t hash;                           /* of the request's signatures: enum ra_hash_alg      */
    uint8_t protocol;                       /* of the request: enum ra_protocol                  */
    uint8_t variant;                        /* of the message, 0 .. 15: as the protocol asked    */
    char request_id[RA_REQUEST_ID_MAX + 1]; /* the CA's; SCEP: ours, stored before sending */
    uint8_t request_sha256[32];             /* of the request last sent             */
    uint16_t signer; /* SCEP: id of the generation whose key signed it, and is
                                               to sign what is asked about it; 0: none */
    struct ra_budget budget;
    uint16_t attempts;               /* requests sent in this transaction            */
    uint16_t failures;               /* in a row, of the last class                  */
    uint8_t rollbacks;               /* of what was switched to, in a row            */
    int64_t started;                 /* when it began                                */
    int64_t submitted;               /* when the request last left                   */
    int64_t next;                    /* not before this time, 0: at once             */
    ra_err cause;                    /* of the last failure, RA_OK: none             */
    uint32_t hresult;                /* the CA's, 0: none                            */
    char peer[RA_PEER_TEXT_MAX + 1]; /* the CA's own words, cleaned     */
};

#define RA_TXN_SIZE_MAX                                                                            \
    (1 + 1 + 1 + 4 + 1 + RA_REQUEST_ID_MAX + 1 + 32 + 6 + 2 + 2 + 1 + 24 + 2 + 4 + 1 +             \
     RA_PEER_TEXT_MAX + 2)

/* Both write to `out` and return the number of bytes. */
size_t ra_commit_encode(const struct ra_commit *c, uint8_t out[RA_COMMIT_SIZE]);
size_t ra_txn_encode(const struct ra_txn *t, uint8_t out[RA_TXN_SIZE_MAX]);
/* RA_E_RECORD_DAMAGED leaves the struct zeroed. Any bytes are accepted. */
ra_err ra_commit_decode(struct ra_commit *c, const uint8_t *in, size_t size);
ra_err ra_txn_decode(struct ra_txn *t, const uint8_t *in, size_t size);

/* Read them from the store; RA_E_NOT_FOUND and damage leave them zeroed. RA_AGAIN
 * while the flash is busy. */
ra_err ra_commit_load(struct ra_commit *c, struct ra_store *s);
ra_err ra_txn_load(struct ra_txn *t, struct ra_store *s, enum ra_role role);

/* Whether the transaction is still under way, as against over or never begun. */
bool ra_txn_open(const struct ra_txn *t, const struct ra_slot *slot);

#endif
