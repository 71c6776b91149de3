/* hal_watchdog.h - the watchdog of the main loop.
 *
 * The core promises: `feed` is called by the appliance's main loop only,
 * between two steps, never from inside one. The longest step is one private
 * RSA operation of the configured size (see docs/measurements.md).
 *
 * The driver promises: `feed` returns at once; a board without a watchdog
 * leaves the pointer NULL.
 */
#ifndef HAL_WATCHDOG_H
#define HAL_WATCHDOG_H

struct hal_watchdog {
    void (*feed)(void *dev);
    void *dev;
};

#endif
