/* ra_sntp.h - the time of day from one of two SNTP servers (RFC 4330, client, unicast).
 *
 * Runs on any lwIP with UDP and DNS, under the same locking as ra_net.h. Why not the
 * client that comes with lwIP: it takes the time of a server that says itself that its
 * clock is not synchronised, and cannot be stopped while a name is being resolved.
 *
 * The time is unauthenticated. It serves the present boot, is never stored, and says
 * nothing about certificates by itself: what may follow from it is decided elsewhere.
 *
 * What is taken as an answer: one message of at least 48 bytes from port 123 of the
 * address asked, to the random local port of this one request, within
 * RA_SNTP_ANSWER_MS, in server mode, version 3 or 4, synchronised (leap indicator not
 * 3, stratum 1 .. 15), transmit time not 0, and with our originate timestamp. That
 * timestamp is 64 random bits, no time (draft-ietf-ntp-data-minimization), so a sender
 * who does not see the request cannot answer it. Anything else is counted and dropped.
 *
 * A server that answers is asked again. Where a name does not resolve or there was no
 * answer, the next request, one wait later, goes to the other server if there is one; so it
 * does after a kiss-of-death (stratum 0), and the one that sent it is left alone for an hour.
 *
 * Seconds are read as signed from 2036-02-07 06:28:16 UTC (RFC 4330 3), so they are
 * right from 1968 to 2104.
 */
#ifndef RA_SNTP_H
#define RA_SNTP_H

#include <stdbool.h>
#include <stdint.h>

#include "ra_error.h"
#include "ra_limits.h"

#define RA_SNTP_SERVERS 2u
#define RA_SNTP_ANSWER_MS 3000u          /* an answer later than this is dropped            */
#define RA_SNTP_RETRY_MS 5000u           /* first wait without an answer, doubled each time */
#define RA_SNTP_UPDATE_MS (60u * 60000u) /* longest wait, and the wait after an answer      */

struct udp_pcb; /* lwIP's */

enum ra_sntp_phase { RA_SNTP_OFF, RA_SNTP_WAITING, RA_SNTP_RESOLVING, RA_SNTP_ASKED };

/* Caller-owned; stays in place for ever, because a DNS answer may come after ra_sntp_stop. */
struct ra_sntp {
    struct udp_pcb *pcb; /* while ASKED */
    enum ra_sntp_phase phase;
    char names[RA_SNTP_SERVERS][RA_HOST_MAX + 1];
    const char *server;   /* whose turn it is, one of the names            */
    uint32_t address[8];  /* an lwIP address: the one asked                */
    uint32_t cookie[2];   /* the originate timestamp expected              */
    uint64_t due_ms;      /* WAITING: ask then; ASKED: give up then        */
    uint32_t wait_ms;     /* the next wait                                 */
    bool answered;        /* set by the packet handler, taken by the step  */
    bool kissed;          /* the server asked us to go away                */
    uint32_t answered_at; /* sys_now() of it                               */
    int64_t answer_ms;    /* what it said, Unix milliseconds               */
    int64_t known_ms;     /* Unix milliseconds ...                         */
    uint64_t known_at_ms; /* ... at this monotonic time; valid if answers  */
    uint32_t answers;     /* taken                                         */
    uint32_t refused;     /* messages that were no answer                  */
};

/* Call once, before the others. */
void ra_sntp_init(struct ra_sntp *s);

/* From now on ask these servers (names or dotted addresses; NULL or "": none), the first one
 * first. The first request goes out at the next step. Without any it is as after ra_sntp_stop;
 * so it is after RA_E_ARGUMENT: one is too long. */
ra_err ra_sntp_start(struct ra_sntp *s, const char *const names[RA_SNTP_SERVERS]);

/* No more requests; time already known stays. */
void ra_sntp_stop(struct ra_sntp *s);

/* Does what is due, without waiting; `network` = an address is there. Returns the
 * milliseconds to the next need, UINT32_MAX when there is none. */
uint32_t ra_sntp_step(struct ra_sntp *s, uint64_t now_ms, bool network);

/* Unix seconds at `now_ms`, INT64_MIN (HAL_CLOCK_UNKNOWN) before an answer of this boot. */
int64_t ra_sntp_wall(const struct ra_sntp *s, uint64_t now_ms);

#endif
