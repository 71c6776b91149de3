/* hal_flash.h - the flash region that holds the credential store.
 *
 * One instance describes one region of NOR flash that belongs to Perennial
 * alone. Addresses are offsets from the start of that region. The geometry is
 * data, so that one binary serves, and one test runs, every geometry.
 *
 * The core promises:
 *  - `read` stays inside the region; any address, any size.
 *  - `program` is called with `at` and `size` multiples of `program_unit`,
 *    1 <= size <= `program_max`, and never crosses a multiple of `program_max`.
 *  - A unit is programmed at most once between two erases of its sector
 *    (flash with ECC demands it), and only while all of it reads `erased`.
 *  - While `poll` says busy, nothing but `poll` is called.
 *  - `from` stays readable and unchanged until `poll` no longer says busy.
 *
 * The driver promises:
 *  - `program` and `erase` start an operation and return within 1 ms. `poll`
 *    returns within 1 ms too. `read` takes at most 1 ms for each 1 KiB.
 *  - It checks the bounds and the alignment itself and refuses with
 *    HAL_FLASH_FAILED before it touches the part.
 *  - An operation cut by a reset or a loss of power may leave the range it
 *    touched in any state, even one that reads differently twice, and changes
 *    nothing outside that range.
 *  - Storage that reads wholly erased reads the same the next time.
 */
#ifndef HAL_FLASH_H
#define HAL_FLASH_H

#include <stdint.h>

enum hal_flash_status {
    HAL_FLASH_DONE = 0,  /* the last operation ended well; also: nothing started */
    HAL_FLASH_BUSY = 1,  /* still under way: poll again                          */
    HAL_FLASH_FAILED = 2 /* refused, or the part reports failure                 */
};

struct hal_flash {
    uint32_t sector_size;  /* bytes an erase clears, 512 .. 1 MiB              */
    uint32_t sector_count; /* sectors in the region, at least 2                */
    uint16_t program_unit; /* bytes, power of two 1 .. 256, divides all below  */
    uint16_t program_max;  /* bytes of one `program` at most: the page; a
                              power of two, program_unit .. 4096, divides
                              sector_size                                      */
    uint8_t erased;        /* value of an erased byte: 0xff or 0x00            */

    /* All return an enum hal_flash_status. `read` is done when it returns and
     * never says busy. `program` and `erase` say BUSY when the operation was
     * started (poll then tells its end), DONE when it is over already, FAILED
     * when it was refused. */
    int (*read)(void *dev, uint32_t at, void *to, uint32_t size);
    int (*program)(void *dev, uint32_t at, const void *from, uint32_t size);
    int (*erase)(void *dev, uint32_t sector); /* 0 .. sector_count - 1 */
    int (*poll)(void *dev);
    void *dev; /* the driver's own, handed back unchanged */
};

#endif
