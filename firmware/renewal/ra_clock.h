/* ra_clock.h - what time it is, and how far to believe it.
 *
 * Sources, best first: the operator, SNTP, the board's own clock, the Date
 * header of an HTTP reply. A better or equal source replaces a worse one; a
 * time before the floor is refused, whoever gives it, since it is known to be
 * wrong. SNTP and HTTP serve the present boot only: nothing learnt from the
 * network ever raises the floor, or one bad reply could stop renewal for good.
 *
 * State: a caller-owned struct, no close. No call waits or touches flash.
 */
#ifndef RA_CLOCK_H
#define RA_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "hal_clock.h"
#include "ra_error.h"

#define RA_TIME_UNKNOWN HAL_CLOCK_UNKNOWN

/* No time before this is believed; the build may define a later one (its own date). */
#ifndef RA_BUILD_TIME
#define RA_BUILD_TIME 1767225600 /* 2026-01-01T00:00:00Z */
#endif

/* A step of more than this makes an expiry need a confirmation by the CA, and so does a time that
 * only SNTP or HTTP gave. */
#define RA_CLOCK_JUMP (30 * 86400)

enum ra_time_source { RA_TIME_NONE, RA_TIME_HTTP, RA_TIME_BOARD, RA_TIME_SNTP, RA_TIME_OPERATOR };

struct ra_clock {
    const struct hal_clock *hal;
    int64_t floor; /* never before this                               */
    int64_t base;  /* wall time at `base_ms`, or RA_TIME_UNKNOWN      */
    uint64_t base_ms;
    int64_t last_known; /* newest time that flash bears witness to, 0: none */
    enum ra_time_source source;
    bool jumped; /* went ahead of last_known by more than RA_CLOCK_JUMP, and nobody typed it */
    bool leapt;  /* the same, whoever gave it; see ra_clock_leapt */
    uint64_t leapt_ms;
};

void ra_clock_init(struct ra_clock *c, const struct hal_clock *hal);

/* Seconds since 1970 UTC, or RA_TIME_UNKNOWN. */
int64_t ra_clock_now(const struct ra_clock *c);
uint64_t ra_clock_ms(const struct ra_clock *c);

/* Raise the floor to `t` (from the commit record); never lowers it. A present
 * time below the new floor becomes unknown. */
void ra_clock_raise_floor(struct ra_clock *c, int64_t t);

/* A time that flash bears witness to: the date of an event or a transaction.
 * Only for noticing jumps. */
void ra_clock_witness(struct ra_clock *c, int64_t t);

/* Whether a time that jumped, the operator's too, was taken less than `seconds` of uptime ago and
 * not put right since. He is believed in all that can be undone; what cannot be waits: the end of a
 * probation for 6 hours, the end of an old key for a week (by a time that nobody typed no key ends
 * before flash bears witness to it). */
bool ra_clock_leapt(const struct ra_clock *c, int64_t seconds);
#define RA_LEAPT_PROBATION (6 * 3600)
#define RA_LEAPT_RETENTION (7 * 86400)

/* Offer a time. RA_OK when it is used or a better source is in use already;
 * RA_E_TIME_UNKNOWN when it is before the floor. */
ra_err ra_clock_offer(struct ra_clock *c, enum ra_time_source source, int64_t wall);

/* "operator", "SNTP", "board", "HTTP Date", "unknown". */
const char *ra_clock_source_text(enum ra_time_source source);

#endif
