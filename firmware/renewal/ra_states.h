/* ra_states.h - the renewal of one credential as two const tables.
 *
 * The transition table says what follows each event in each state. It is
 * total: every pair has exactly one cell, and a cell that is not listed means
 * "stay", which for an event that cannot happen there is the safe answer.
 *
 * The recovery table says where to go on after a reset or a waiting time, from
 * what is found in flash. It is total too: the last row takes whatever the
 * others left. The first match wins.
 *
 * docs/states.md is printed from both by tests/tools/print_states; a test
 * compares them.
 */
#ifndef RA_STATES_H
#define RA_STATES_H

#include <stdbool.h>
#include <stdint.h>

/*    name          works  text: what the console shows */
#define RA_STATES(X)                                                                               \
    X(RESUME, 1, "taking up where it stopped")                                                     \
    X(EMPTY, 0, "no credential")                                                                   \
    X(IDLE, 0, "serving")                                                                          \
    X(KEYGEN, 1, "making a key")                                                                   \
    X(SAVE_KEY, 1, "storing the key")                                                              \
    X(BUILD, 1, "building the request")                                                            \
    X(OFFLINE, 0, "the request waits for the operator")                                            \
    X(SAVE_ATTEMPT, 1, "storing the attempt")                                                      \
    X(SUBMIT, 1, "submitting the request")                                                         \
    X(SAVE_ID, 1, "storing the request id")                                                        \
    X(PENDING, 0, "waiting for the CA manager")                                                    \
    X(POLL, 1, "asking the CA")                                                                    \
    X(FETCH, 1, "fetching the certificate")                                                        \
    X(CHECK, 1, "checking the certificate")                                                        \
    X(STAGE, 1, "storing the certificate")                                                         \
    X(SELF_TEST, 1, "testing key and certificate")                                                 \
    X(READY, 0, "ready, waiting for the partner")                                                  \
    X(COMMIT, 1, "switching")                                                                      \
    X(PROBATION, 0, "serving, on probation")                                                       \
    X(ROLLBACK, 1, "going back to the old pair")                                                   \
    X(SAVE_FAILURE, 1, "storing the failure")                                                      \
    X(BACKOFF, 0, "waiting to try again")                                                          \
    X(EXPIRED, 0, "expired: needs new enrolment")                                                  \
    X(CANCEL, 1, "giving the request up")

enum ra_state {
#define RA_STATE_ENUM_(name, works, text) RA_STATE_##name,
    RA_STATES(RA_STATE_ENUM_)
#undef RA_STATE_ENUM_
        RA_STATE_COUNT
};

/*    name     what happened */
#define RA_EVENTS_LIST(X)                                                                          \
    X(DONE, "the state's work is done")                                                            \
    X(FAILED, "the state's work failed; the cause is kept")                                        \
    X(DUE, "the renewal window is open, or the operator asks")                                     \
    X(TIMER, "the waiting time is over")                                                           \
    X(ISSUED, "the CA issued")                                                                     \
    X(WAITING, "the CA makes us wait")                                                             \
    X(GO, "the partner is ready or no longer waited for")                                          \
    X(PROVED, "the appliance used the new credential with success")                                \
    X(BROKEN, "the new credential fails")                                                          \
    X(EXPIRE, "the active certificate has expired")                                                \
    X(VALID, "the active certificate is valid after all: the clock was corrected")                 \
    X(CHANGED, "the credential was put into or taken out of the store")                            \
    X(RESEND, "a pending request is asked for by sending it again")                                \
    X(ID_GIVEN, "the operator names the request's id at the CA")                                   \
    X(SERIAL_GIVEN, "the operator names the certificate that was issued")                          \
    X(BY_HAND, "the request is built, and the operator carries it")                                \
    X(SHOW, "the operator wants to see the request, or the network to carry it after all")         \
    X(GIVEN, "the operator gives the certificate")                                                 \
    X(CANCELLED, "the operator gives the request up")

enum ra_event {
#define RA_EVENT_ENUM_(name, text) RA_EVENT_##name,
    RA_EVENTS_LIST(RA_EVENT_ENUM_)
#undef RA_EVENT_ENUM_
        RA_EVENT_COUNT
};

/* The state after `event` in `state`; `state` itself where the table says stay. */
enum ra_state ra_states_next(enum ra_state state, enum ra_event event);
/* Whether the state does work of its own, as against waiting for time or others. */
bool ra_state_works(enum ra_state state);
const char *ra_state_name(enum ra_state state);
const char *ra_state_text(enum ra_state state);
const char *ra_event_name(enum ra_event event);
const char *ra_event_text(enum ra_event event);

/* How far the stored transaction of a role has come. */
enum ra_phase {
    RA_PHASE_NONE = 0,    /* no transaction is stored, or an unreadable one        */
    RA_PHASE_WAIT = 1,    /* only a failure and its next time: no key made yet     */
    RA_PHASE_KEY = 2,     /* the new key is stored; nothing was sent               */
    RA_PHASE_SENT = 3,    /* the request may have reached the CA; no id known      */
    RA_PHASE_PENDING = 4, /* the CA's request id is stored                         */
    RA_PHASE_ISSUED = 5,  /* the new certificate passed the gates and is stored    */
    RA_PHASE_COUNT
};

/* Three-valued: what a row of the recovery table asks, and what was found. */
enum ra_tri { RA_NO = 0, RA_YES = 1, RA_ANY = 2 };

struct ra_found {
    enum ra_phase phase;
    bool active;    /* an active generation is stored, or a first one is asked for */
    bool key;       /* the transaction's key is stored and readable                */
    bool cert;      /* the transaction's certificate is stored and fits the key    */
    bool waiting;   /* the transaction's next time lies ahead                      */
    bool probation; /* the active generation is on probation                       */
};

struct ra_recovery {
    uint8_t phase_from, phase_to;                  /* inclusive range of enum ra_phase */
    uint8_t active, key, cert, waiting, probation; /* enum ra_tri */
    uint8_t to;                                    /* enum ra_state */
    const char *why;
};

unsigned ra_recovery_count(void);
const struct ra_recovery *ra_recovery_at(unsigned i);
/* The state to go on in. Total: every combination has an answer. */
enum ra_state ra_states_recover(const struct ra_found *found);

#endif
