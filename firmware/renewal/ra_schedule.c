#include "ra_schedule.h"

#define SOON_FIRST RA_MINUTE
#define SOON_LONGEST (6 * RA_HOUR)
#define LATER_LONGEST (7 * RA_DAY)

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t ra_schedule_due(const struct ra_config *c, int64_t not_before, int64_t not_after,
                        uint32_t seed)
{
    int64_t life = not_after - not_before;
    int64_t due = not_after - (int64_t)c->renew_days * RA_DAY;
    if (c->renew_percent != 0) {
        due = not_before + life / 100 * c->renew_percent;
    }
    /* A short life (47 days, a test CA, a wrong template) is not renewed again as soon as it begins. */
    if (c->renew_percent == 0 && due < not_before + life / 2) {
        due = not_before + life / 3 * 2;
    }
    if (c->jitter_hours != 0) {
        due += (int64_t)(seed % ((uint32_t)c->jitter_hours * RA_HOUR));
    }
    return most(least(due, not_after - RA_DAY), not_before);
}

int64_t ra_schedule_split(const struct ra_config *c, int64_t first_not_after)
{
    return first_not_after - (int64_t)c->split_days * RA_DAY;
}

static int64_t doubled(int64_t first, unsigned failures, int64_t longest)
{
    int64_t wait = first;
    for (unsigned i = 1; i < failures && wait < longest; i++) {
        wait *= 2;
    }
    return least(wait, longest);
}

static int64_t spread(int64_t wait, uint32_t random)
{
    return wait - wait / 4 + (int64_t)(random % (uint32_t)(wait / 2 + 1));
}

static int64_t denied(int64_t now, int64_t not_after)
{
    static const uint8_t days_before[] = {14, 7, 3, 1};
    for (unsigned i = 0; i < sizeof days_before; i++) {
        int64_t at = not_after - (int64_t)days_before[i] * RA_DAY;
        if (at > now) {
            return at;
        }
    }
    return now + most((not_after - now) / 2, RA_HOUR);
}

int64_t ra_schedule_longest(enum ra_retry retry, int64_t now, int64_t not_after)
{
    switch (retry) {
    case RA_RETRY_SOON:
        return SOON_LONGEST / 4 * 5;
    case RA_RETRY_DENIED:
        return most(not_after - 14 * RA_DAY - now, LATER_LONGEST);
    default:
        return LATER_LONGEST / 4 * 5;
    }
}

int64_t ra_schedule_retry(enum ra_retry retry, unsigned failures, int64_t now, int64_t not_after,
                          uint32_t random)
{
    int64_t wait;
    if (retry == RA_RETRY_DENIED) {
        return denied(now, not_after);
    }
    if (retry == RA_RETRY_SOON) {
        wait = spread(doubled(SOON_FIRST, failures, SOON_LONGEST), random);
    } else {
        wait = spread(doubled(RA_DAY, failures, LATER_LONGEST), random);
    }
    return now + least(wait, most(not_after - 7 * RA_DAY - now, 0) + RA_DAY);
}

unsigned ra_schedule_reminder(int64_t left)
{
    int64_t days = left / RA_DAY;
    if (left <= 0 || days >= 60) {
        return left <= 0 ? RA_REMINDERS : 0;
    }
    return (unsigned)(days >= 7 ? 1 + (59 - days) / 7 : 9 + (6 - days));
}

int64_t ra_schedule_clamp(int64_t next, int64_t now, int64_t longest)
{
    return least(next, now + longest);
}

static uint32_t day_of(int64_t now)
{
    return now <= 0 ? 0u : (uint32_t)(now / RA_DAY);
}

bool ra_budget_over(const struct ra_budget *b, int64_t now)
{
    return day_of(now) > b->day || day_of(now) + 1u < b->day;
}

bool ra_budget_allows(const struct ra_budget *b, const struct ra_config *c, int64_t now)
{
    return ra_budget_over(b, now) || b->spent < c->attempts_per_day;
}

void ra_budget_spend(struct ra_budget *b, int64_t now)
{
    if (ra_budget_over(b, now)) {
        b->day = day_of(now);
        b->spent = 0;
    }
    b->spent++;
}

int64_t ra_budget_refilled(const struct ra_budget *b)
{
    return ((int64_t)b->day + 1) * RA_DAY;
}
