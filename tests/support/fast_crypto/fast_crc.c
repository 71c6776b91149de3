/* ra_crc.h at eight bytes a turn: what a mount in these worlds spends most of its time on.
 *
 * The firmware's own file stands below under another name: it repairs headers, and every table here
 * is made of its answers.
 */
#include "ra_crc.h"

static uint32_t crc_of_bytes(uint32_t crc, const void *p, size_t size);
#define ra_crc32 crc_of_bytes
#include "../../../firmware/store/ra_crc.c" /* NOLINT(bugprone-suspicious-include) */
#undef ra_crc32

uint32_t ra_crc32(uint32_t crc, const void *p, size_t size)
{
    static uint32_t after[8][256]; /* a byte and so many zero bytes behind it */
    const uint8_t *at = p;
    if (after[0][1] == 0) {
        for (unsigned i = 0; i < 256; i++) {
            after[0][i] = table[i];
        }
        for (unsigned n = 1; n < 8; n++) {
            for (unsigned i = 0; i < 256; i++) {
                after[n][i] = table[after[n - 1][i] & 0xffu] ^ (after[n - 1][i] >> 8);
            }
        }
    }
    crc = ~crc;
    for (; size >= 8; size -= 8, at += 8) {
        uint32_t a = crc ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                            (uint32_t)at[3] << 24);
        crc = after[7][a & 0xffu] ^ after[6][a >> 8 & 0xffu] ^ after[5][a >> 16 & 0xffu] ^
              after[4][a >> 24] ^ after[3][at[4]] ^ after[2][at[5]] ^ after[1][at[6]] ^
              after[0][at[7]];
    }
    return crc_of_bytes(~crc, at, size);
}
