/* hal_reset.h - restart of the device.
 *
 * The core promises: it calls `reset` only for the console's `reboot`, when no
 * flash operation is under way. Any other reset, at any moment, is survived.
 *
 * The driver promises: `reset` does not return, or the board has none and
 * leaves the pointer NULL.
 */
#ifndef HAL_RESET_H
#define HAL_RESET_H

struct hal_reset {
    void (*reset)(void *dev);
    void *dev;
};

#endif
