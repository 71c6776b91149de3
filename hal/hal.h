/* hal.h - all that a board provides, in one struct.
 *
 * The board fills it once before ra_init and keeps it for ever; the core only
 * reads it. What each part must do stands in its own header.
 */
#ifndef HAL_H
#define HAL_H

#include "hal_clock.h"
#include "hal_device_key.h"
#include "hal_entropy.h"
#include "hal_ethernet.h"
#include "hal_flash.h"
#include "hal_reset.h"
#include "hal_serial.h"
#include "hal_watchdog.h"

struct hal {
    struct hal_flash flash;
    struct hal_clock clock;
    struct hal_entropy entropy;
    struct hal_serial serial;
    struct hal_ethernet ethernet;
    struct hal_device_key device_key;
    struct hal_watchdog watchdog;
    struct hal_reset reset;
};

#endif
