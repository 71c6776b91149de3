/* Any content of the flash: the mount ends, a put works and is read back, and the next mount finds
 * it. The first byte chooses geometry and device key, the rest lies at the start of the flash. */
#include <string.h>

#include "fake_flash.h"
#include "fuzz.h"
#include "ra_store.h"

#define STEPS 100000u

static const struct ra_store_need needs[] = {{8, 100}, {2, 700}};
static const struct fake_geometry geometries[] = {
    {512, 64, 1, 1, 0xff}, {512, 48, 4, 64, 0x00},  {4096, 6, 16, 256, 0xff},
    {4096, 2, 16, 256, 0}, {8192, 3, 2, 512, 0xff}, {16384, 2, 256, 256, 0xff},
};

static struct fake_flash f;
static struct ra_store s;
static struct ra_random random_;

static int noise(void *dev, uint8_t *to, uint32_t size)
{
    static uint32_t x = 1;
    (void)dev;
    for (uint32_t i = 0; i < size; i++) {
        x = (uint32_t)(x * (uint64_t)1664525u + 1013904223u);
        to[i] = (uint8_t)(x >> 24);
    }
    return (int)size;
}

static int device_key(void *dev, uint8_t key[HAL_DEVICE_KEY_SIZE])
{
    (void)dev;
    memset(key, 0x5c, HAL_DEVICE_KEY_SIZE);
    return 1;
}

static void mount(const struct ra_seal *seal)
{
    nor_model_power_on(&f.model);
    fuzz_must(ra_store_init_needs(&s, &f.hal, seal, &random_, needs, 2) == RA_OK, "init");
    for (unsigned i = 0; ra_store_mount_step(&s) != RA_OK; i++) {
        fuzz_must(i < STEPS, "the mount does not end");
    }
}

/* What is listed can be read, or says why not. */
static void read_all(void)
{
    struct ra_store_cursor c;
    struct ra_store_key key;
    uint8_t out[RA_RECORD_MAX];
    size_t n;
    ra_store_cursor_init(&c, RA_STORE_TYPE_ANY);
    while (ra_store_next(&s, &c, &key)) {
        ra_err e = RA_AGAIN;
        for (unsigned i = 0; e == RA_AGAIN; i++) {
            fuzz_must(i < STEPS, "the flash stays busy");
            e = ra_store_get(&s, key.type, key.id, out, sizeof out, &n);
            if (e == RA_AGAIN) {
                (void)ra_store_step(&s);
            }
        }
        fuzz_must(e == RA_OK || e == RA_E_RECORD_DAMAGED || e == RA_E_RECORD_SEAL, "a record");
    }
}

static void settle(void)
{
    for (unsigned i = 0; ra_store_step(&s) == RA_AGAIN; i++) {
        fuzz_must(i < STEPS, "the store does not settle");
    }
}

static void put_and_find(uint16_t id)
{
    static const char words[] = "what is put comes back";
    char out[sizeof words];
    size_t n = 0;
    ra_err e = ra_store_put(&s, 3, id, words, sizeof words);
    for (unsigned i = 0; e == RA_OK && ra_store_result(&s) == RA_AGAIN; i++) {
        fuzz_must(i < STEPS, "a put does not end");
        (void)ra_store_step(&s);
    }
    if (e == RA_E_STORE_FULL) {
        return; /* what lay there before is live, as far as can be told */
    }
    fuzz_must(e == RA_OK && ra_store_result(&s) == RA_OK, "a put after the mount");
    do {
        e = ra_store_get(&s, 3, id, out, sizeof out, &n);
    } while (e == RA_AGAIN && ra_store_step(&s) != RA_E_STATE);
    fuzz_must(e == RA_OK && n == sizeof words && memcmp(out, words, n) == 0, "what was put");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static const struct hal_entropy source = {noise, NULL};
    static const struct hal_device_key key = {device_key, NULL};
    static struct ra_seal seal;
    struct ra_span rest = {p, size};
    uint8_t choice = fuzz_byte(&rest);
    size_t n = 0;
    char out[32];
    if (ra_random_ready(&random_) == 0) {
        fuzz_must(ra_random_init(&random_, &source) == RA_OK && ra_seal_init(&seal, &key) == RA_OK,
                  "keys");
        while (ra_random_seed(&random_) == RA_AGAIN) {
        }
    }
    const struct fake_geometry *g = &geometries[choice % 6u];
    const struct ra_seal *with = choice >= 128 ? &seal : NULL;
    fake_flash_start(&f, g);
    f.model.polls = 0;
    rest.size = rest.size < f.model.size ? rest.size : f.model.size;
    if (rest.size != 0) {
        memcpy(f.model.memory, rest.p, rest.size);
    }
    nor_model_format(&f.model, false);
    mount(with);
    read_all();
    if ((choice & 0x40) != 0) {
        settle();
    }
    put_and_find(9);
    settle();
    read_all();
    bool there = ra_store_find(&s, 3, 9);
    mount(with);
    fuzz_must(ra_store_find(&s, 3, 9) == there, "a record after the next mount");
    fuzz_must(!there || ra_store_get(&s, 3, 9, out, sizeof out, &n) == RA_OK, "and its bytes");
    fuzz_must(f.model.violations == 0, f.model.why != NULL ? f.model.why : "");
    return 0;
}
