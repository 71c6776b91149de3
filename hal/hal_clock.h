/* hal_clock.h - time.
 *
 * The core promises: it calls from one thread only. It asks for wall time once, in
 * ra_init, and counts on by monotonic time; who learns of a better one later says
 * so with ra_offer_time.
 *
 * The driver promises: both calls return at once (under 10 us). Monotonic time is
 * good to 0.1 %, does not wrap in the device's life, never goes back between two
 * resets and does not jump when wall time is set.
 * Wall time is UTC, or HAL_CLOCK_UNKNOWN when nothing on the board knows it
 * (no battery-backed clock, or one that lost its power): unknown is a proper
 * answer, a guess is not.
 */
#ifndef HAL_CLOCK_H
#define HAL_CLOCK_H

#include <stdint.h>

#define HAL_CLOCK_UNKNOWN INT64_MIN

struct hal_clock {
    uint64_t (*monotonic_ms)(void *dev); /* milliseconds since some point before reset ended */
    int64_t (*wall_s)(void *dev);        /* seconds since 1970-01-01T00:00:00Z, or unknown   */
    void *dev;
};

#endif
