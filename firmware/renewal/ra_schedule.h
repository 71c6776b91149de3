/* ra_schedule.h - when to act: pure arithmetic on times.
 *
 * All times are seconds since 1970 UTC. Nothing here keeps state, reads a
 * clock or draws a random number: the caller hands in what it knows, so the
 * same question has the same answer after a reset.
 */
#ifndef RA_SCHEDULE_H
#define RA_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "ra_config.h"
#include "ra_error.h"

#define RA_MINUTE 60
#define RA_HOUR 3600
#define RA_DAY 86400

/* When the renewal of a certificate begins: renew_days before its end (at two
 * thirds of a life of which they are more than half), or at renew_percent of its
 * life, plus this device's share of jitter_hours. The jitter comes from `seed`
 * (any four bytes that differ between devices and stay the same: the
 * thumbprint's first), so a fleet provisioned in one hour does not meet again at
 * the CA in one hour two years later. Never before notBefore; never later than
 * one day before the end. */
int64_t ra_schedule_due(const struct ra_config *c, int64_t not_before, int64_t not_after,
                        uint32_t seed);

/* The end of the split window: from here on a ready credential no longer waits
 * for its partner. */
int64_t ra_schedule_split(const struct ra_config *c, int64_t first_not_after);

/* When to try again after `failures` (>= 1) failures in a row of class `retry`.
 *   SOON:     1 minute doubling to 6 hours.
 *   LATER:    1 day, doubling to 7.
 *   DENIED:   14, 7, 3, 1 days before the end, then halving what is left, 1 hour at least.
 *   OPERATOR, NEVER: as LATER; the cause may have gone away.
 * SOON and LATER get +-25 % from `random`. No wait reaches further than a day into
 * the last week, and none in it is longer. While the certificate is valid there is
 * always a next time. */
int64_t ra_schedule_retry(enum ra_retry retry, unsigned failures, int64_t now, int64_t not_after,
                          uint32_t random);

/* Which of the reminders of a certificate's end is due with so many seconds left: 0: none yet; then
 * at 60 days, every 7 days, in the last week daily: 1 .. RA_REMINDERS, rising. */
#define RA_REMINDERS 16u
unsigned ra_schedule_reminder(int64_t left);

/* A stored time to wait for, made safe against clock steps: never more than
 * `longest` seconds after `now`. */
int64_t ra_schedule_clamp(int64_t next, int64_t now, int64_t longest);

/* The longest wait ra_schedule_retry can have given for this class at `now`. */
int64_t ra_schedule_longest(enum ra_retry retry, int64_t now, int64_t not_after);

/* Count of attempts in one day, kept with the transaction in flash. */
struct ra_budget {
    uint32_t day;   /* days since 1970 */
    uint16_t spent; /* attempts made on that day */
};

/* Whether one more attempt is allowed now. A later day refills the budget, and
 * so does a day more than one day earlier: then the budget was spent under a
 * wrong clock, and waiting for that day could take years. A clock that moves
 * within a day or back by one refills nothing. */
bool ra_budget_allows(const struct ra_budget *b, const struct ra_config *c, int64_t now);
void ra_budget_spend(struct ra_budget *b, int64_t now);
/* Whether what was spent no longer counts. */
bool ra_budget_over(const struct ra_budget *b, int64_t now);
/* Start of the day after the one the budget was spent on. */
int64_t ra_budget_refilled(const struct ra_budget *b);

#endif
