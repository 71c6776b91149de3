/* fake_flash.h - the host board's NOR model over static arrays, for the unit tests.
 *
 * One flash at a time: starting another forgets the first. Unstable cells and the
 * once-a-unit rule are on.
 */
#ifndef FAKE_FLASH_H
#define FAKE_FLASH_H

#include "../../boards/host/nor_model.h"

#ifdef __arm__
#define FAKE_FLASH_BYTES 0x40000u
#else
#define FAKE_FLASH_BYTES 0xc0000u
#endif
#define FAKE_FLASH_SECTORS 2048u

struct fake_flash {
    struct nor_model model;
    struct hal_flash hal;
};

/* A row of the geometry tables: sector size, sectors, unit, page, erased. */
struct fake_geometry {
    uint32_t sector_size, sectors;
    uint16_t unit, page;
    uint8_t erased;
};

/* 10 geometries: units 1, 2, 4, 8, 16, 32, 128, 256; erased 0xff and 0x00; sectors 512 B to
 * 128 KiB; 2, 3 and many banks, for stores of a few small records. */
#define FAKE_GEOMETRIES 10u
extern const struct fake_geometry fake_geometries[FAKE_GEOMETRIES];

/* All erased, power on, nothing planned. */
void fake_flash_start(struct fake_flash *f, const struct fake_geometry *g);
/* Random bytes everywhere, as another product may leave them. */
void fake_flash_fill_random(struct fake_flash *f, uint32_t seed);
/* The same byte everywhere. */
void fake_flash_fill(struct fake_flash *f, uint8_t value);
/* A copy of all content, and back. One copy for each `slot`, 0 .. 3. */
#define FAKE_FLASH_SLOTS 4u
void fake_flash_save(const struct fake_flash *f, unsigned slot);
void fake_flash_restore(struct fake_flash *f, unsigned slot);
/* Erases of each sector since start. */
extern uint32_t fake_flash_wear[FAKE_FLASH_SECTORS];

#endif
