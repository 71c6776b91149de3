/* hal_clock.h - time.
 *
 * The core promises: it calls from one thread only, and compares monotonic
 * times by difference, so that a wrap after 2^64 ms is nobody's worry.
 *
 * The driver promises: both calls return at once (under 10 us). Monotonic time
 * never goes back between two resets and does not jump when wall time is set.
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
