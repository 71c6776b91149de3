#include "fake_flash.h"

#include <string.h>

/* The model belongs to the host board, and is as good on a Cortex-M. */
#include "../../boards/host/nor_model.c" /* NOLINT(bugprone-suspicious-include) */

static uint8_t memory[FAKE_FLASH_BYTES];
static uint8_t shadow[FAKE_FLASH_BYTES];
static uint8_t touched[FAKE_FLASH_BYTES / 8u];
static struct {
    uint8_t memory[FAKE_FLASH_BYTES];
    uint8_t shadow[FAKE_FLASH_BYTES];
    uint8_t touched[FAKE_FLASH_BYTES / 8u];
} saved[FAKE_FLASH_SLOTS];
uint32_t fake_flash_wear[FAKE_FLASH_SECTORS];

const struct fake_geometry fake_geometries[FAKE_GEOMETRIES] = {
    {512, 64, 1, 1, 0xff},      {512, 48, 4, 64, 0x00},      {1024, 24, 8, 8, 0xff},
    {4096, 6, 16, 256, 0xff},   {4096, 16, 32, 32, 0x00},    {8192, 3, 2, 512, 0xff},
    {16384, 2, 256, 256, 0xff}, {16384, 5, 128, 4096, 0x00}, {65536, 2, 16, 256, 0xff},
    {131072, 2, 8, 1024, 0x00},
};

void fake_flash_start(struct fake_flash *f, const struct fake_geometry *g)
{
    struct hal_flash hal = {.sector_size = g->sector_size,
                            .sector_count = g->sectors,
                            .program_unit = g->unit,
                            .program_max = g->page,
                            .erased = g->erased};
    nor_model_init(&f->model, &hal, memory);
    f->model.shadow = shadow;
    f->model.touched = touched;
    f->model.wear = fake_flash_wear;
    f->model.seed = 1;
    memset(fake_flash_wear, 0, sizeof fake_flash_wear);
    nor_model_format(&f->model, true);
    nor_model_hal(&f->model, &f->hal);
}

void fake_flash_fill(struct fake_flash *f, uint8_t value)
{
    memset(memory, value, f->model.size);
    nor_model_format(&f->model, false);
}

void fake_flash_fill_random(struct fake_flash *f, uint32_t seed)
{
    for (uint32_t i = 0; i < f->model.size; i++) {
        seed = seed * 1664525u + 1013904223u;
        memory[i] = (uint8_t)(seed >> 24);
    }
    nor_model_format(&f->model, false);
}

void fake_flash_save(const struct fake_flash *f, unsigned slot)
{
    memcpy(saved[slot].memory, memory, f->model.size);
    memcpy(saved[slot].shadow, shadow, f->model.size);
    memcpy(saved[slot].touched, touched, f->model.size / f->model.geometry.program_unit / 8u + 1u);
}

void fake_flash_restore(struct fake_flash *f, unsigned slot)
{
    memcpy(memory, saved[slot].memory, f->model.size);
    memcpy(shadow, saved[slot].shadow, f->model.size);
    memcpy(touched, saved[slot].touched, f->model.size / f->model.geometry.program_unit / 8u + 1u);
    nor_model_power_on(&f->model);
}
