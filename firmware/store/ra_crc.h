/* ra_crc.h - CRC-32 (IEEE 802.3, reflected, as zlib and PNG have it).
 *
 * Finds every error of up to three bits in a record of the store and any burst
 * of up to 32. It is no protection against a person: sealing is (ra_seal.h).
 * About 7 instructions a byte on a Cortex-M3, a table of 1 KiB in code.
 */
#ifndef RA_CRC_H
#define RA_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc`, 0 at the start: ra_crc32(ra_crc32(0, a), b) is the CRC of a then b. */
uint32_t ra_crc32(uint32_t crc, const void *p, size_t size);

/* When exactly one bit of the `size` bytes at `p` is wrong, rights it and returns 1.
 * `difference` is the CRC found exclusive-or the CRC expected, over data that end with
 * these bytes. Returns 1 as well when the wrong bit is in the expected CRC itself; 0, with
 * nothing changed, when no single bit explains the difference. A wrong repair of random
 * bytes has the chance 8 * size / 2^32: for headers, not for large payloads. */
int ra_crc32_repair(uint8_t *p, size_t size, uint32_t difference);

#endif
