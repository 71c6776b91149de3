/* ra_events.h - the event log: the last RA_EVENTS things worth knowing, in flash.
 *
 * Events are queued in RAM and written one by one while the store is idle, so
 * that logging never delays a transaction. A full queue drops the newest and
 * says so in the next entry's count. Each event is one small record whose id is its sequence
 * number modulo RA_EVENTS: the log is bounded by construction.
 *
 * A cut loses at most the events still in RAM.
 */
#ifndef RA_EVENTS_H
#define RA_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "ra_credentials.h"
#include "ra_error.h"
#include "ra_limits.h"
#include "ra_store.h"
#include "ra_text.h"

/*    name        no  alert  text; the role, cause and detail follow it. Numbers are stored. */
#define RA_EVENT_KINDS(X)                                                                          \
    X(BEGUN, 1, 0, "renewal begins")                                                               \
    X(PENDING, 3, 0, "the CA makes the request wait")                                              \
    X(ISSUED, 4, 0, "the CA issued the certificate")                                               \
    X(READY, 5, 0, "the new certificate passed every check")                                       \
    X(SWITCHED, 6, 0, "the new credential serves now")                                             \
    X(PROVED, 7, 0, "probation ended, the new credential works")                                   \
    X(ROLLED_BACK, 8, 1, "back to the old credential")                                             \
    X(FAILED, 9, 1, "renewal failed, will be tried again")                                         \
    X(EXPIRED, 10, 1, "the certificate has expired")                                               \
    X(SPLIT, 11, 1, "switched without its partner")                                                \
    X(CONFIG, 12, 0, "configuration saved")                                                        \
    X(TIME_SET, 13, 0, "the operator set the time")                                                \
    X(DAMAGED, 14, 1, "a stored record is damaged, an older one serves")                           \
    X(UNCLEAN, 15, 0, "flash was left in the middle of a write, repaired")                         \
    X(PROVISIONED, 16, 0, "a credential was stored")                                               \
    X(NO_TIME, 17, 1, "the time is unknown, renewal waits for it")                                 \
    X(LOST, 18, 1, "the record of what serves cannot be read")                                     \
    X(NOT_SAVED, 19, 1, "a change could not be stored")                                            \
    X(ANCHOR, 20, 0, "a trust anchor was added")                                                   \
    X(LEGACY, 21, 1, "the CA's weak algorithms were used (scep-legacy)")                           \
    X(OFFLINE, 22, 0, "a request is ready for the operator to carry to the CA")                    \
    X(CANCELLED, 23, 0, "the operator gave the request up")                                        \
    X(REFUSED, 24, 1, "what the operator gave brought nothing")                                    \
    X(PASSED, 25, 0, "the EST server asks of requests what ours has not")                          \
    X(FLOOR, 26, 1, "a TLS server's dates were checked against the time floor (tls-time)")         \
    X(DAYS_LEFT, 27, 1, "the certificate is near its end")                                         \
    X(ERASED, 28, 1, "all credentials were erased")

enum ra_event_kind {
#define RA_EVENT_KIND_(name, no, alert, text) RA_LOG_##name = no,
    RA_EVENT_KINDS(RA_EVENT_KIND_)
#undef RA_EVENT_KIND_
};

#define RA_EVENT_DETAIL_MAX 56 /* characters of detail kept in flash */
#define RA_EVENT_NO_ROLE 0xffu

struct ra_event_entry {
    uint32_t sequence;                    /* 1 is the first ever */
    int64_t time;                         /* RA_TIME_UNKNOWN when it was not known */
    uint8_t kind;                         /* enum ra_event_kind */
    uint8_t role;                         /* enum ra_role or RA_EVENT_NO_ROLE */
    ra_err cause;                         /* RA_OK: none */
    uint32_t hresult;                     /* the CA's, 0: none */
    char detail[RA_EVENT_DETAIL_MAX + 1]; /* a request id, the peer's words; printable ASCII */
};

#define RA_EVENT_QUEUE 8

struct ra_events {
    struct ra_event_entry queue[RA_EVENT_QUEUE];
    uint8_t first, count;
    bool writing; /* queue[first] is being stored */
    bool loaded;
    uint32_t next;    /* sequence number of the next event */
    uint32_t dropped; /* events not stored: the queue was full, or flash failed */
    uint32_t shown; /* events a console may show as they happen: sequence up to here were queued */
};

void ra_events_init(struct ra_events *e);
/* Find the highest sequence number in the store. RA_AGAIN while flash is busy. */
ra_err ra_events_load(struct ra_events *e, struct ra_store *s, int64_t *newest_time);
/* Queue an event. `detail` may be NULL; it is cleaned and cut. Returns the entry as queued, until
 * the next call. In a full queue the oldest gives way, and is never stored. */
const struct ra_event_entry *ra_events_add(struct ra_events *e, int64_t now,
                                           enum ra_event_kind kind, uint8_t role, ra_err cause,
                                           uint32_t hresult, const char *detail);
/* Start or finish the writing of one event. Call only while no other put is
 * under way. RA_AGAIN while one is being written, RA_OK when the queue is empty. */
ra_err ra_events_step(struct ra_events *e, struct ra_store *s);

/* The `back`-th event counted from the newest (0), from the queue or flash.
 * RA_E_NOT_FOUND past the end, RA_AGAIN while flash is busy. */
ra_err ra_events_get(struct ra_events *e, struct ra_store *s, uint32_t back,
                     struct ra_event_entry *out);

/* One line: time, role, text, cause with its number, HRESULT, detail. */
void ra_event_print(const struct ra_event_entry *e, struct ra_text *to);
/* The same without the time. */
void ra_event_print_text(const struct ra_event_entry *e, struct ra_text *to);
bool ra_event_is_alert(enum ra_event_kind kind);
/* "FAILED"; "UNKNOWN" for one of a newer release. */
const char *ra_event_kind_name(enum ra_event_kind no);

#endif
