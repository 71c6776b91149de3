/* The credential store: what it keeps, what it refuses, and what it makes of a bad flash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "fake_flash.h"
#include "ra_crc.h"
#include "ra_store.h"

#define STEPS 200000u

static const struct ra_store_need needs[] = {{8, 100}, {2, 700}};
static const struct fake_geometry many = {1024, 24, 8, 64, 0xff};
static const struct fake_geometry two = {4096, 2, 16, 256, 0xff};

static struct fake_flash f;
static struct ra_store s;
static uint8_t out[RA_RECORD_MAX];
static size_t size;

static struct noise noise;
static struct ra_random random_;
static struct ra_seal seal;
static uint8_t device_key_first;

static int device_key(void *dev, uint8_t key[HAL_DEVICE_KEY_SIZE])
{
    (void)dev;
    memset(key, 0x5c, HAL_DEVICE_KEY_SIZE);
    key[0] = device_key_first;
    return 1;
}

static const struct hal_device_key hal_key = {device_key, NULL};

/* --- helpers -------------------------------------------------------------- */

static void mount_with(const struct ra_seal *with)
{
    nor_model_power_on(&f.model);
    assert_int_equal(
        ra_store_init_needs(&s, &f.hal, with, with != NULL ? &random_ : NULL, needs, 2), RA_OK);
    for (unsigned i = 0; ra_store_mount_step(&s) != RA_OK; i++) {
        assert_true(i < STEPS);
    }
}

static void mount(void)
{
    mount_with(NULL);
}

static void settle(void)
{
    for (unsigned i = 0; ra_store_step(&s) == RA_AGAIN; i++) {
        assert_true(i < STEPS);
    }
    assert_true(ra_store_settled(&s));
}

static ra_err finish(ra_err accepted)
{
    if (accepted != RA_OK) {
        return accepted;
    }
    for (unsigned i = 0; ra_store_result(&s) == RA_AGAIN; i++) {
        assert_true(i < STEPS);
        (void)ra_store_step(&s);
    }
    return ra_store_result(&s);
}

static ra_err put(uint8_t type, uint16_t id, const void *p, size_t n)
{
    return finish(ra_store_put(&s, type, id, p, n));
}

static ra_err drop(uint8_t type, uint16_t id)
{
    struct ra_store_key key = {type, id};
    return finish(ra_store_drop(&s, &key, 1));
}

static ra_err get(uint8_t type, uint16_t id)
{
    ra_err e;
    size = 9999;
    for (unsigned i = 0; (e = ra_store_get(&s, type, id, out, sizeof out, &size)) == RA_AGAIN;
         i++) {
        assert_true(i < STEPS);
        (void)ra_store_step(&s);
    }
    return e;
}

/* Bytes that tell record and version apart, and need not be kept. */
static uint8_t *content(unsigned id, unsigned version, size_t n)
{
    static uint8_t bytes[700];
    uint32_t x = id * 7919u + version * 104729u + 1u;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(x >> 24);
    }
    return bytes;
}

static void put_version(unsigned id, unsigned version, size_t n)
{
    assert_int_equal(put(1, (uint16_t)id, content(id, version, n), n), RA_OK);
}

static bool holds(unsigned id, unsigned version, size_t n)
{
    return get(1, (uint16_t)id) == RA_OK && size == n &&
           memcmp(out, content(id, version, n), n) == 0;
}

static void start(const struct fake_geometry *g)
{
    fake_flash_start(&f, g);
    mount();
}

/* Where a record's payload stands in flash, newest copy; bytes are unique. */
static uint32_t find_bytes(const uint8_t *p, size_t n)
{
    uint32_t found = 0xffffffffu;
    struct ra_store_info info;
    ra_store_info(&s, &info);
    for (uint32_t i = 0; i + n <= info.bank_bytes; i++) {
        if (memcmp(f.model.memory + info.bank_base + i, p, n) == 0) {
            found = info.bank_base + i;
        }
    }
    assert_int_not_equal(found, 0xffffffffu);
    return found;
}

static void no_rule_broken(void)
{
    assert_string_equal(f.model.why, "");
}

/* As if bits had changed at rest. */
static void spoil(uint32_t at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        f.model.memory[at + i] ^= (uint8_t)(0x91u + i);
    }
    nor_model_format(&f.model, false);
}

/* --- the CRC -------------------------------------------------------------- */

static void crc_is_the_usual_one(void **state)
{
    (void)state;
    assert_int_equal(ra_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(ra_crc32(ra_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    for (unsigned n = 0; n < 256u; n++) {
        uint8_t byte = (uint8_t)n;
        uint32_t crc = 0xffffffffu ^ n;
        for (unsigned i = 0; i < 8u; i++) {
            crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xedb88320u : 0);
        }
        assert_int_equal(ra_crc32(0, &byte, 1), ~crc);
    }
}

static void crc_rights_any_single_bit(void **state)
{
    uint8_t p[16], q[16];
    (void)state;
    for (unsigned i = 0; i < 16u; i++) {
        p[i] = (uint8_t)(i * 31u);
    }
    uint32_t good = ra_crc32(0x1234, p, 16);
    for (unsigned bit = 0; bit < 128u; bit++) {
        memcpy(q, p, 16);
        q[bit / 8u] ^= (uint8_t)(1u << (bit % 8u));
        assert_int_equal(ra_crc32_repair(q, 16, ra_crc32(0x1234, q, 16) ^ good), 1);
        assert_memory_equal(p, q, 16);
    }
    for (unsigned bit = 0; bit < 32u; bit++) {
        assert_int_equal(ra_crc32_repair(q, 16, 1u << bit), 1);
        assert_memory_equal(p, q, 16);
    }
    assert_int_equal(ra_crc32_repair(q, 16, 0), 0); /* none is wrong */
    assert_memory_equal(p, q, 16);
    q[3] ^= 5u;
    memcpy(p, q, 16);
    assert_int_equal(ra_crc32_repair(q, 16, ra_crc32(0x1234, q, 16) ^ good), 0);
    assert_memory_equal(p, q, 16);
}

/* --- keeping ---------------------------------------------------------------- */

/* 200 puts and drops with remounts between, against a table in RAM. */
static void keeps_what_it_is_given(const struct fake_geometry *g)
{
    unsigned version[10] = {0};
    start(g);
    f.model.polls = 1;
    assert_false(ra_store_was_unclean(&s));
    for (unsigned i = 1; i <= 200u; i++) {
        unsigned id = i * 7u % 10u;
        size_t n = id < 8u ? i % 101u : 600u + i % 100u;
        if (i % 9u == 0) {
            assert_int_equal(drop(1, (uint16_t)id), RA_OK);
            version[id] = 0;
        } else {
            put_version(id, i, n);
            version[id] = i;
        }
        if (i % 5u == 0) {
            settle();
            mount();
            assert_false(ra_store_was_unclean(&s));
            assert_true(ra_store_settled(&s));
        }
    }
    for (unsigned id = 0; id < 10u; id++) {
        unsigned v = version[id];
        if (v == 0) {
            assert_int_equal(get(1, (uint16_t)id), RA_E_NOT_FOUND);
            assert_int_equal(size, 0);
        } else {
            assert_true(holds(id, v, id < 8u ? v % 101u : 600u + v % 100u));
        }
    }
    assert_int_equal(ra_store_damaged(&s), 0);
    no_rule_broken();
}

static void keeps_on_every_geometry(void **state)
{
    (void)state;
    for (unsigned g = 0; g < FAKE_GEOMETRIES; g++) {
        if (fake_geometries[g].sector_size * fake_geometries[g].sectors <= FAKE_FLASH_BYTES) {
            keeps_what_it_is_given(&fake_geometries[g]);
        }
    }
}

static void sectors_wear_alike(void **state)
{
    uint32_t low = 0xffffffffu, high = 0;
    struct ra_store_info info;
    (void)state;
    start(&many);
    for (unsigned i = 0; i < 600u; i++) {
        put_version(9, i, 700);
    }
    ra_store_info(&s, &info);
    assert_int_equal(info.banks, 6);
    for (unsigned i = 0; i < 24u; i++) {
        low = fake_flash_wear[i] < low ? fake_flash_wear[i] : low;
        high = fake_flash_wear[i] > high ? fake_flash_wear[i] : high;
    }
    assert_true(low >= 20u && high - low <= 1u);
    assert_int_equal(info.erases, f.model.erases);
    assert_int_equal(info.programmed, f.model.programmed);
}

static void mounts_any_flash(void **state)
{
    (void)state;
    for (unsigned g = 0; g < FAKE_GEOMETRIES; g++) {
        if (fake_geometries[g].sector_size * fake_geometries[g].sectors > FAKE_FLASH_BYTES) {
            continue;
        }
        for (unsigned fill = 0; fill < 5u; fill++) {
            fake_flash_start(&f, &fake_geometries[g]);
            if (fill < 3u) {
                static const uint8_t value[] = {0x00, 0xff, 0x42};
                fake_flash_fill(&f, value[fill]);
            } else {
                fake_flash_fill_random(&f, fill * 77u + g);
            }
            mount();
            assert_false(ra_store_was_unclean(&s));
            assert_false(ra_store_settled(&s));
            assert_int_equal(get(1, 1), RA_E_NOT_FOUND);
            settle();
            put_version(3, 1, 90);
            settle();
            mount();
            assert_true(holds(3, 1, 90));
            assert_int_equal(ra_store_damaged(&s), 0);
            no_rule_broken();
        }
    }
}

/* A store of other limits, and so of banks of another length, keeps all there is. */
static void limits_may_change(void **state)
{
    static const struct ra_store_need larger[] = {{8, 100}, {8, 700}};
    (void)state;
    for (unsigned round = 0; round < 14u; round++) {
        start(&many);
        for (unsigned i = 0; i < 10u + round * 13u; i++) {
            put_version(i % 10u, i, 80);
        }
        settle();
        for (unsigned change = 0; change < 6u; change++) {
            assert_int_equal(
                ra_store_init_needs(&s, &f.hal, NULL, NULL, change % 2u == 0 ? larger : needs, 2),
                RA_OK);
            while (ra_store_mount_step(&s) == RA_AGAIN) {
            }
            for (unsigned id = 1; id < 10u && change == 0; id++) {
                unsigned last = 9u + round * 13u;
                assert_true(holds(id, last - (last - id) % 10u, 80));
            }
            for (unsigned i = 0; i < 90u; i++) {
                put_version(0, i, 100);
            }
            settle();
        }
        mount();
        for (unsigned id = 1; id < 10u; id++) {
            unsigned last = 9u + round * 13u;
            assert_true(holds(id, last - (last - id) % 10u, 80));
        }
        assert_true(holds(0, 89, 100));
        assert_int_equal(ra_store_damaged(&s), 0);
        no_rule_broken();
    }
}

static void walks_names_in_order(void **state)
{
    struct ra_store_cursor c;
    struct ra_store_key key;
    uint32_t seq = 0;
    (void)state;
    start(&many);
    assert_int_equal(put(2, 700, "b", 1), RA_OK);
    assert_int_equal(put(2, 3, "a", 1), RA_OK);
    assert_int_equal(put(1, 9, "cc", 2), RA_OK);
    assert_int_equal(put(3, 0, "", 0), RA_OK);
    ra_store_cursor_init(&c, 2);
    assert_true(ra_store_next(&s, &c, &key));
    assert_int_equal(key.id, 3);
    assert_true(ra_store_next(&s, &c, &key));
    assert_int_equal(key.id, 700);
    assert_false(ra_store_next(&s, &c, &key));
    ra_store_cursor_init(&c, RA_STORE_TYPE_ANY);
    for (unsigned i = 0; i < 4u; i++) {
        assert_true(ra_store_next(&s, &c, &key));
        assert_int_equal(key.type, i == 0 ? 1 : i < 3u ? 2 : 3);
    }
    assert_false(ra_store_next(&s, &c, &key));
    assert_true(ra_store_stat(&s, 1, 9, &size, &seq));
    assert_int_equal(size, 2);
    assert_true(seq > 0);
    assert_false(ra_store_find(&s, 1, 8));
    assert_int_equal(get(3, 0), RA_OK);
    assert_int_equal(size, 0);
}

static void drops_several_at_once(void **state)
{
    struct ra_store_key keys[RA_STORE_DROP_MAX + 1u];
    uint32_t programmed;
    (void)state;
    start(&many);
    for (unsigned i = 0; i < 4u; i++) {
        put_version(i, 1, 20);
    }
    memset(keys, 0, sizeof keys);
    for (unsigned i = 0; i < 3u; i++) {
        keys[i] = (struct ra_store_key){1, (uint16_t)(2u * i)};
    }
    assert_int_equal(finish(ra_store_drop(&s, keys, 3)), RA_OK);
    settle();
    mount();
    assert_true(!ra_store_find(&s, 1, 0) && ra_store_find(&s, 1, 1) && !ra_store_find(&s, 1, 2) &&
                ra_store_find(&s, 1, 3));
    programmed = f.model.programmed;
    assert_int_equal(finish(ra_store_drop(&s, keys, 3)), RA_OK);
    assert_int_equal(f.model.programmed, programmed);
    assert_int_equal(ra_store_drop(&s, keys, RA_STORE_DROP_MAX + 1u), RA_E_ARGUMENT);
    assert_int_equal(ra_store_drop(&s, NULL, 1), RA_E_ARGUMENT);
}

/* --- limits ------------------------------------------------------------------- */

static void a_small_region_is_refused(void **state)
{
    (void)state;
    for (unsigned g = 0; g < FAKE_GEOMETRIES; g++) {
        fake_flash_start(&f, &fake_geometries[0]);
        f.hal.sector_size = fake_geometries[g].sector_size;
        f.hal.program_unit = fake_geometries[g].unit;
        f.hal.program_max = fake_geometries[g].page;
        uint32_t least = ra_store_min_bytes(&f.hal, needs, 2) / f.hal.sector_size;
        f.hal.sector_count = least;
        assert_int_equal(ra_store_init_needs(&s, &f.hal, NULL, NULL, needs, 2), RA_OK);
        f.hal.sector_count = least - 1u;
        assert_int_equal(ra_store_init_needs(&s, &f.hal, NULL, NULL, needs, 2),
                         least == 2u ? RA_E_FLASH_GEOMETRY : RA_E_FLASH_SMALL);
    }
    fake_flash_start(&f, &many);
    assert_int_equal(ra_store_init(&s, &f.hal, NULL, NULL), RA_E_FLASH_SMALL);
    /* The boards' flash: 8 sectors of 64 KiB hold this build's limits. */
    f.hal.sector_size = 65536;
    f.hal.sector_count = 8;
    f.hal.program_unit = 16;
    f.hal.program_max = 256;
    assert_int_equal(ra_store_init(&s, &f.hal, NULL, NULL), RA_OK);
    assert_true(ra_store_min_bytes(&f.hal, NULL, 0) <= 8u * 65536u);
}

static void a_wrong_geometry_is_refused(void **state)
{
    static const struct fake_geometry bad[] = {
        {256, 8, 1, 16, 0xff},     {1024, 1, 1, 16, 0xff},     {1024, 64, 3, 24, 0xff},
        {1024, 64, 0, 16, 0xff},   {1024, 64, 512, 512, 0xff}, {1024, 64, 16, 8, 0xff},
        {1024, 64, 16, 48, 0xff},  {1536, 64, 16, 1024, 0xff}, {1024, 64, 16, 64, 0xfe},
        {8192, 64, 16, 8192, 0xff}};
    static const struct ra_store_need much[] = {{RA_STORE_KEYS_MAX, 1}, {1, 1}};
    static const struct ra_store_need large[] = {{1, RA_RECORD_MAX + 1}};
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fake_flash_start(&f, &many);
        f.hal.sector_size = bad[i].sector_size;
        f.hal.sector_count = bad[i].sectors;
        f.hal.program_unit = bad[i].unit;
        f.hal.program_max = bad[i].page;
        f.hal.erased = bad[i].erased;
        assert_int_equal(ra_store_init_needs(&s, &f.hal, NULL, NULL, needs, 2),
                         RA_E_FLASH_GEOMETRY);
    }
    fake_flash_start(&f, &many);
    assert_int_equal(ra_store_init_needs(&s, &f.hal, NULL, NULL, much, 2), RA_E_LIMIT);
    assert_int_equal(ra_store_init_needs(&s, &f.hal, NULL, NULL, large, 1), RA_E_LIMIT);
    assert_int_equal(ra_store_init_needs(&s, NULL, NULL, NULL, needs, 2), RA_E_ARGUMENT);
    assert_int_equal(ra_store_mount_step(&s), RA_E_STATE);
    assert_int_equal(ra_store_init_needs(&s, &f.hal, NULL, NULL, needs, 2), RA_OK);
    assert_int_equal(ra_store_step(&s), RA_E_STATE);
    assert_int_equal(ra_store_put(&s, 1, 1, "x", 1), RA_E_STATE);
    assert_int_equal(ra_store_get(&s, 1, 1, out, 1, &size), RA_E_STATE);
}

/* Everything the limits promise fits, each record can be replaced over and over, and what
 * goes beyond is refused before anything is written. */
static void holds_its_limits_and_no_more(void **state)
{
    (void)state;
    for (unsigned g = 0; g < FAKE_GEOMETRIES; g++) {
        struct fake_geometry least = fake_geometries[g];
        fake_flash_start(&f, &least);
        least.sectors = ra_store_min_bytes(&f.hal, needs, 2) / least.sector_size;
        if (least.sector_size * least.sectors > FAKE_FLASH_BYTES) {
            continue;
        }
        start(&least);
        for (unsigned i = 0; i < 60u; i++) {
            put_version(i % 10u, i, i % 10u < 8u ? 100u : 700u);
        }
        settle();
        for (unsigned id = 0; id < 10u; id++) {
            assert_true(holds(id, 50u + id, id < 8u ? 100u : 700u));
        }
        uint32_t operations = 0;
        uint16_t id = 10;
        ra_err e = RA_OK;
        for (; e == RA_OK && id < 400u; id++) {
            settle();
            operations = f.model.operations;
            e = put(1, id, content(id, 1, 700), 700);
        }
        assert_int_equal(e, RA_E_STORE_FULL);
        assert_int_equal(f.model.operations, operations);
        /* Full, but what is there can still go. */
        assert_int_equal(drop(1, 9), RA_OK);
        put_version(9, 99, 700);
        settle();
        mount();
        assert_true(holds(9, 99, 700) && holds(0, 50, 100));
        no_rule_broken();
    }
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    start(&many);
    assert_int_equal(ra_store_put(&s, 0, 1, "x", 1), RA_E_ARGUMENT);
    assert_int_equal(ra_store_put(&s, RA_STORE_TYPE_MAX + 1u, 1, "x", 1), RA_E_ARGUMENT);
    assert_int_equal(ra_store_put(&s, 1, 1, NULL, 1), RA_E_ARGUMENT);
    assert_int_equal(ra_store_put(&s, 1, 1, out, RA_RECORD_MAX + 1u), RA_E_LIMIT);
    assert_int_equal(ra_store_put(&s, 1, 1, "xyz", 3), RA_OK);
    assert_int_equal(ra_store_put(&s, 1, 2, "x", 1), RA_E_BUSY);
    assert_int_equal(ra_store_drop(&s, NULL, 0), RA_E_BUSY);
    assert_int_equal(finish(RA_OK), RA_OK);
    assert_int_equal(ra_store_get(&s, 1, 1, out, 2, &size), RA_E_SPACE);
    assert_int_equal(size, 3);
    assert_int_equal(ra_store_get(&s, 1, 1, NULL, 2, &size), RA_E_ARGUMENT);
    assert_int_equal(ra_store_get(&s, 1, 1, out, 2, NULL), RA_E_ARGUMENT);
}

/* An erase takes seconds; a get between two steps has its turn after it, and no later. */
static void a_get_has_its_turn(void **state)
{
    unsigned again = 0, longest = 0, answers = 0;
    (void)state;
    start(&many);
    f.model.polls = 40;
    put_version(1, 1, 100);
    for (unsigned i = 0; answers < 300u; i++) {
        if (ra_store_result(&s) != RA_AGAIN) {
            assert_int_equal(ra_store_put(&s, 1, 9, content(9, i, 600), 600), RA_OK);
        }
        (void)ra_store_step(&s);
        ra_err e = ra_store_get(&s, 1, 1, out, sizeof out, &size);
        if (e == RA_AGAIN) {
            again++;
            longest = again > longest ? again : longest;
        } else {
            assert_int_equal(e, RA_OK);
            assert_memory_equal(out, content(1, 1, 100), 100);
            answers++;
            again = 0;
        }
    }
    assert_true(f.model.erases > 4u);
    assert_true(longest <= 42u);
    no_rule_broken();
}

/* --- damage ----------------------------------------------------------------- */

static void small_store(const struct fake_geometry *g)
{
    start(g);
    for (unsigned i = 0; i < 6u; i++) {
        put_version(i, 1, 40u + i);
    }
    put_version(7, 1, 30);
    assert_int_equal(drop(1, 7), RA_OK);
    put_version(2, 2, 42);
    settle();
}

/* Every bit in turn: right bytes, an older copy, or an error and a report; never others. */
static void every_single_bit(void **state)
{
    unsigned damaged = 0, repaired = 0, step = sizeof(void *) > 4u ? 1u : 13u;
    (void)state;
    for (unsigned g = 0; g < 3u; g++) {
        static const struct fake_geometry *const on[] = {&two, &fake_geometries[1],
                                                         &fake_geometries[0]};
        struct ra_store_info info;
        small_store(on[g]);
        ra_store_info(&s, &info);
        fake_flash_save(&f, 0);
        for (uint32_t bit = g; bit < 8u * (info.used + 80u); bit += step) {
            unsigned wrong = 0;
            fake_flash_restore(&f, 0);
            f.model.memory[info.bank_base + bit / 8u] ^= (uint8_t)(1u << (bit % 8u));
            nor_model_format(&f.model, false);
            mount();
            for (unsigned id = 0; id < 6u; id++) {
                unsigned version = id == 2u ? 2u : 1u;
                if (holds(id, version, 40u + id)) {
                    continue;
                }
                wrong++;
                assert_true(ra_store_damaged(&s) > 0);
                if (get(1, (uint16_t)id) == RA_OK) {
                    assert_true(id == 2u && holds(2, 1, 42));
                } else {
                    assert_int_equal(get(1, (uint16_t)id), RA_E_RECORD_DAMAGED);
                    assert_int_equal(size, 0);
                }
            }
            assert_true(wrong <= 1u);
            assert_int_equal(get(1, 7), RA_E_NOT_FOUND);
            ra_store_info(&s, &info);
            damaged += info.damaged;
            repaired += info.repaired;
            settle();
            mount();
            assert_int_equal(ra_store_damaged(&s), 0);
            no_rule_broken();
            small_store(on[g]);
            ra_store_info(&s, &info);
            fake_flash_save(&f, 0);
        }
    }
    assert_true(damaged > 100u && repaired > 100u);
}

static void an_older_copy_serves(void **state)
{
    (void)state;
    start(&many);
    put_version(1, 1, 60);
    put_version(1, 2, 60);
    put_version(2, 1, 60);
    settle();
    spoil(find_bytes(content(1, 2, 60), 60) + 7u, 3);
    mount();
    assert_false(ra_store_was_unclean(&s));
    assert_true(holds(1, 1, 60));
    assert_int_equal(ra_store_damaged(&s), 1);
    assert_false(ra_store_settled(&s));
    settle();
    mount();
    assert_true(holds(1, 1, 60) && holds(2, 1, 60));
    assert_int_equal(ra_store_damaged(&s), 0);
    no_rule_broken();
}

static void a_dropped_copy_does_not_serve(void **state)
{
    (void)state;
    start(&many);
    put_version(1, 1, 60);
    assert_int_equal(drop(1, 1), RA_OK);
    put_version(1, 2, 60);
    put_version(2, 1, 60);
    settle();
    spoil(find_bytes(content(1, 2, 60), 60), 9);
    mount();
    assert_int_equal(get(1, 1), RA_E_RECORD_DAMAGED);
    settle();
    mount();
    /* The loss stays known until somebody does something about it. */
    assert_int_equal(get(1, 1), RA_E_RECORD_DAMAGED);
    assert_true(ra_store_find(&s, 1, 1) && ra_store_stat(&s, 1, 1, &size, NULL) && size == 0);
    put_version(1, 3, 60);
    settle();
    mount();
    assert_true(holds(1, 3, 60) && holds(2, 1, 60));
}

/* With two banks the older copy is in the very bank that would be erased next. */
static void an_older_copy_is_brought_over(void **state)
{
    struct ra_store_info first, info;
    (void)state;
    for (unsigned sooner = 0; sooner < 2u; sooner++) {
        start(&two);
        put_version(1, 1, 60);
        ra_store_info(&s, &first);
        for (unsigned i = 0;; i++) {
            put_version(9, i, 700);
            ra_store_info(&s, &info);
            if (info.bank_seq != first.bank_seq) {
                break;
            }
        }
        put_version(1, 2, 61);
        put_version(2, 1, 50);
        settle();
        /* The second copy of version 1, in the active bank, and version 2. */
        spoil(find_bytes(content(1, 1, 60), 60), 5);
        spoil(find_bytes(content(1, 2, 61), 61), 5);
        mount();
        if (sooner == 0) {
            assert_true(holds(1, 1, 60));
        }
        put_version(3, 1, 50);
        settle();
        for (unsigned i = 0; i < 20u; i++) {
            put_version(9, i, 700);
        }
        settle();
        mount();
        if (sooner == 0) {
            assert_true(holds(1, 1, 60));
        } else {
            /* Nobody read it before its turn to be copied came; still found then. */
            assert_true(holds(1, 1, 60) || get(1, 1) == RA_E_RECORD_DAMAGED);
        }
        assert_true(holds(2, 1, 50) && holds(3, 1, 50) && holds(9, 19, 700));
        no_rule_broken();
    }
}

/* A move leaves the same record, with the same number, in the bank it came from. */
static void the_same_record_in_the_old_bank_serves(void **state)
{
    struct ra_store_info first, info;
    (void)state;
    start(&two);
    put_version(1, 1, 60);
    ra_store_info(&s, &first);
    for (unsigned i = 0;; i++) {
        put_version(9, i, 700);
        ra_store_info(&s, &info);
        if (info.bank_seq != first.bank_seq) {
            break;
        }
    }
    settle();
    spoil(find_bytes(content(1, 1, 60), 60), 5);
    mount();
    assert_true(holds(1, 1, 60));
    assert_int_equal(ra_store_damaged(&s), 1);
    put_version(2, 1, 60);
    settle();
    mount();
    assert_true(holds(1, 1, 60) && holds(2, 1, 60));
    assert_int_equal(ra_store_damaged(&s), 0);
    no_rule_broken();
}

/* A smaller bank in the rear of an old one of many sectors: the old header must go with it, or
 * the next mount goes by that and never sees the new one. */
static void no_old_header_stands_before_a_new_bank(void **state)
{
    static const struct fake_geometry fine = {512, 160, 4, 64, 0xff};
    static const struct ra_store_need large[] = {{60, 600}};
    struct ra_store_info first, info;
    (void)state;
    fake_flash_start(&f, &fine);
    for (unsigned life = 0; life < 3u; life++) {
        nor_model_power_on(&f.model);
        assert_int_equal(ra_store_init_needs(&s, &f.hal, NULL, NULL, large, 1), RA_OK);
        while (ra_store_mount_step(&s) != RA_OK) {
        }
        ra_store_info(&s, &first);
        if (life == 0) {
            put_version(1, 1, 60);
            ra_store_info(&s, &first);
            for (unsigned i = 0;; i++) {
                put_version(9, i, 600);
                ra_store_info(&s, &info);
                if (info.bank_seq != first.bank_seq) {
                    break;
                }
            }
            settle();
            spoil(find_bytes(content(1, 1, 60), 60), 5);
        } else if (life == 1) {
            assert_true(holds(1, 1, 60));
            assert_int_equal(ra_store_damaged(&s), 1);
            settle();
            put_version(2, 1, 60);
            settle();
        } else {
            assert_true(holds(1, 1, 60) && holds(2, 1, 60));
            assert_int_equal(ra_store_damaged(&s), 0);
        }
    }
    no_rule_broken();
}

/* A whole unit disturbed, everywhere in turn. */
static void every_unit_disturbed(void **state)
{
    struct ra_store_info info;
    (void)state;
    small_store(&two);
    ra_store_info(&s, &info);
    for (uint32_t at = info.bank_base; at < info.bank_base + info.used; at += 16u) {
        unsigned wrong = 0;
        small_store(&two);
        spoil(at, 16);
        mount();
        for (unsigned id = 0; id < 6u; id++) {
            if (!holds(id, id == 2u ? 2u : 1u, 40u + id)) {
                wrong++;
                assert_true(id == 2u ? holds(2, 1, 42) : get(1, (uint16_t)id) != RA_OK);
            }
        }
        /* One record at most; a header hit takes the way to its payload with it. */
        assert_true(wrong <= 1u);
        assert_true(wrong == 0 || ra_store_damaged(&s) > 0);
        settle();
        put_version(5, 9, 80);
        settle();
        mount();
        assert_true(holds(5, 9, 80));
        assert_int_equal(ra_store_damaged(&s), 0);
        no_rule_broken();
    }
}

/* Behind a lost header the store looks for the next one unit by unit, here through a
 * payload made of its own headers, units in place: a dropped record among them, not the drop. */
static void payloads_that_copy_headers(void **state)
{
    static uint8_t copies[700];
    (void)state;
    for (unsigned g = 0; g < 3u; g++) {
        struct ra_store_info info;
        uint32_t shift = (8u - (20u % 8u)) % fake_geometries[g].unit;
        small_store(&fake_geometries[g]);
        ra_store_info(&s, &info);
        uint32_t seven = find_bytes(content(7, 1, 30), 30) + 30u - info.bank_base;
        assert_in_range(seven, 400, 690);
        memset(copies, 0, sizeof copies);
        memcpy(copies + shift, f.model.memory + info.bank_base, seven);
        assert_int_equal(put(1, 8, copies, 700), RA_OK);
        put_version(2, 3, 77);
        settle();
        spoil(find_bytes(copies, 700) - 20u, 20);
        mount();
        assert_true(ra_store_was_unclean(&s));
        assert_true(ra_store_damaged(&s) > 0);
        assert_int_equal(get(1, 7), RA_E_NOT_FOUND);
        assert_int_equal(get(1, 8), RA_E_NOT_FOUND);
        for (unsigned id = 0; id < 6u; id++) {
            assert_true(holds(id, id == 2u ? 3u : 1u, id == 2u ? 77u : 40u + id));
        }
        settle();
        no_rule_broken();
    }
}

/* The same with the headers an earlier bank had at the very same addresses. */
static void payloads_that_copy_a_former_bank(void **state)
{
    static uint8_t former[4096];
    struct ra_store_info info;
    uint32_t seven, base, seq;
    (void)state;
    start(&two);
    for (unsigned i = 0; i < 18u; i++) {
        put_version(i % 6u, i, 100);
    }
    put_version(7, 1, 100);
    seven = find_bytes(content(7, 1, 100), 100);
    ra_store_info(&s, &info);
    base = info.bank_base;
    seq = info.bank_seq;
    memcpy(former, f.model.memory + base, sizeof former);
    assert_int_equal(drop(1, 7), RA_OK);
    for (unsigned i = 18; info.bank_seq < seq + 2u || base + info.used + 20u + 128u < seven; i++) {
        put_version(i % 6u, i, 100);
        ra_store_info(&s, &info);
    }
    assert_int_equal(info.bank_base, base);
    uint32_t at = base + info.used;
    assert_true(at + 20u <= seven - 20u && seven + 100u <= at + 720u);
    assert_int_equal(put(1, 8, former + info.used + 20u, 700), RA_OK);
    put_version(1, 99, 90);
    settle();
    assert_memory_equal(f.model.memory + seven - 20u, former + (seven - base) - 20u, 120);
    spoil(at, 16);
    mount();
    assert_true(ra_store_was_unclean(&s));
    assert_int_equal(get(1, 7), RA_E_NOT_FOUND);
    assert_true(holds(1, 99, 90));
}

/* Banks copied to other places, and a bank copied over a younger one's neighbour. */
static void banks_out_of_place(void **state)
{
    struct ra_store_info info;
    (void)state;
    small_store(&many);
    ra_store_info(&s, &info);
    for (uint32_t to = 0; to + info.bank_bytes <= f.model.size; to += 1024u) {
        small_store(&many);
        if (to == info.bank_base) {
            continue;
        }
        uint32_t n = to > info.bank_base ? to - info.bank_base : info.bank_base - to;
        n = n < info.bank_bytes ? n : info.bank_bytes;
        memmove(f.model.memory + (to > info.bank_base ? info.bank_base + info.bank_bytes : to),
                f.model.memory + info.bank_base, n);
        nor_model_format(&f.model, false);
        mount();
        for (unsigned id = 0; id < 6u; id++) {
            assert_true(holds(id, id == 2u ? 2u : 1u, 40u + id));
        }
        assert_int_equal(ra_store_damaged(&s), 0);
        for (unsigned i = 0; i < 40u; i++) {
            put_version(0, i, 100);
        }
        settle();
        mount();
        assert_true(holds(0, 39, 100) && holds(1, 1, 41));
        no_rule_broken();
    }
}

/* --- worn flash ----------------------------------------------------------------- */

static void a_worn_sector_is_passed_over(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3u; kind++) {
        for (uint32_t bad = 1; bad <= 24u; bad++) {
            struct ra_store_info info;
            start(&many);
            put_version(2, 1, 100);
            settle();
            f.model.bad_sector = bad;
            f.model.bad_kind = (unsigned)kind == 0   ? NOR_BAD_ERASE
                               : (unsigned)kind == 1 ? NOR_BAD_PROGRAM
                                                     : NOR_BAD_SILENT;
            for (unsigned i = 0; i < 60u; i++) {
                put_version(9, i, 600);
                put_version(1, i, 60);
            }
            settle();
            ra_store_info(&s, &info);
            /* A failed program alone is answered by moving; a failed erase ends the bank. */
            assert_true(info.worn >= 1u || kind != 0);
            mount();
            assert_true(holds(9, 59, 600) && holds(1, 59, 60) && holds(2, 1, 100));
            assert_int_equal(ra_store_damaged(&s), 0);
            no_rule_broken();
        }
    }
}

/* False: all was done before. */
static bool cut_at(uint32_t operation, uint32_t unit)
{
    f.model.cut = NOR_CUT_AFTER;
    f.model.cut_unit = unit;
    f.model.cut_fired = false;
    f.model.cut_at = f.model.operations + operation;
    for (unsigned i = 0; !f.model.cut_fired && ra_store_step(&s) == RA_AGAIN; i++) {
        assert_true(i < STEPS);
    }
    mount();
    return f.model.cut_fired;
}

/* The first header of a new bank's log is torn, and in the recovery the one behind it, after a unit
 * that is all zero: where a blank unit reads zero, nothing tells that it was programmed. */
static void what_follows_a_torn_header_is_passed_over_whole(void **state)
{
    static const struct fake_geometry zero = {1024, 8, 4, 64, 0x00};
    (void)state;
    bool fired = true;
    unsigned both = 0;
    for (uint32_t operation = 1; fired; operation++) {
        start(&zero);
        put_version(1, 1, 100);
        settle();
        ra_store_scrub(&s);
        fired = cut_at(operation, 1);
        both += cut_at(1, 2);
        settle();
        no_rule_broken();
        assert_true(holds(1, 1, 100));
    }
    assert_true(both > 10);
}

/* Two banks, one worn out: what is there is served for ever, and new records are taken
 * while there is room. */
static void the_last_bank_serves(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3u; kind++) {
        struct ra_store_info info;
        unsigned i = 0;
        ra_err e = RA_OK;
        start(&two);
        put_version(2, 1, 100);
        settle();
        ra_store_info(&s, &info);
        f.model.bad_sector = info.bank_base == 0 ? 2u : 1u;
        f.model.bad_kind = (unsigned)kind == 0   ? NOR_BAD_ERASE
                           : (unsigned)kind == 1 ? NOR_BAD_PROGRAM
                                                 : NOR_BAD_SILENT;
        for (; e == RA_OK && i < 50u; i++) {
            e = put(1, 9, content(9, i, 650), 650);
        }
        assert_int_equal(e, RA_E_FLASH_WORN);
        settle();
        ra_store_info(&s, &info);
        assert_true(info.worn > 0);
        assert_true(holds(9, i - 2u, 650) && holds(2, 1, 100));
        assert_int_equal(put(1, 1, "small", 5), RA_OK);
        settle();
        mount();
        assert_true(holds(9, i - 2u, 650) && holds(2, 1, 100));
        assert_int_equal(get(1, 1), RA_OK);
        /* After a cut, too. */
        f.model.cut_at = f.model.operations + 1u;
        f.model.cut = NOR_CUT_PREFIX;
        f.model.depth = 128;
        assert_int_equal(ra_store_put(&s, 1, 3, "torn", 4), RA_OK);
        for (unsigned n = 0; n < 100u; n++) {
            (void)ra_store_step(&s);
        }
        mount();
        assert_true(holds(9, i - 2u, 650) && holds(2, 1, 100));
        assert_int_equal(get(1, 3), RA_E_NOT_FOUND);
        settle();
        assert_int_equal(put(1, 3, "more", 4), RA_OK);
        settle();
        mount();
        assert_int_equal(get(1, 3), RA_OK);
        assert_true(holds(9, i - 2u, 650));
        assert_int_equal(ra_store_damaged(&s), 0);
        no_rule_broken();
    }
}

/* --- sealing ---------------------------------------------------------------------- */

static void start_sealed(const struct fake_geometry *g)
{
    device_key_first = 1;
    noise_random(&noise, &random_, 11);
    assert_int_equal(ra_seal_init(&seal, &hal_key), RA_OK);
    fake_flash_start(&f, g);
    mount_with(&seal);
}

static void other_device(void)
{
    device_key_first = 2;
    assert_int_equal(ra_seal_init(&seal, &hal_key), RA_OK);
}

static bool in_flash(const uint8_t *p, size_t n)
{
    for (uint32_t i = 0; i + n <= f.model.size; i++) {
        if (memcmp(f.model.memory + i, p, n) == 0) {
            return true;
        }
    }
    return false;
}

static void sealed_records_are_secret(void **state)
{
    (void)state;
    start_sealed(&many);
    for (unsigned i = 0; i < 30u; i++) {
        put_version(i % 10u, i, 100);
    }
    settle();
    for (unsigned i = 0; i < 30u; i++) {
        assert_false(in_flash(content(i % 10u, i, 100), 12));
    }
    mount_with(&seal);
    for (unsigned id = 0; id < 10u; id++) {
        assert_true(holds(id, 20u + id, 100));
    }
    assert_true(ra_store_stat(&s, 1, 1, &size, NULL) && size == 100u);
    assert_int_equal(put(1, 1, "", 0), RA_OK);
    assert_int_equal(get(1, 1), RA_OK);
    assert_int_equal(size, 0);
    assert_int_equal(ra_store_get(&s, 1, 2, out, 99, &size), RA_E_SPACE);
    assert_int_equal(size, 100);
    no_rule_broken();
}

static void same_bytes_seal_differently(void **state)
{
    struct ra_store_info info;
    (void)state;
    start_sealed(&many);
    put_version(1, 1, 64);
    ra_store_info(&s, &info);
    uint32_t first = info.bank_base + info.used;
    put_version(1, 1, 64);
    uint32_t cost = (20u + 64u + 28u + 7u) / 8u * 8u;
    assert_memory_not_equal(f.model.memory + first + 20u, f.model.memory + first + 20u - cost, 64);
}

static void another_device_key_reads_nothing_and_loses_nothing(void **state)
{
    (void)state;
    start_sealed(&many);
    for (unsigned i = 0; i < 10u; i++) {
        put_version(i, 1, 50);
    }
    settle();
    other_device();
    mount_with(&seal);
    for (unsigned i = 1; i < 10u; i++) {
        assert_int_equal(get(1, (uint16_t)i), RA_E_RECORD_SEAL);
        assert_int_equal(size, 0);
    }
    /* It goes on with its own, through many banks. */
    for (unsigned i = 0; i < 80u; i++) {
        put_version(0, i, 100);
    }
    settle();
    mount();
    assert_int_equal(get(1, 3), RA_E_RECORD_SEAL); /* no key at all */
    device_key_first = 1;
    assert_int_equal(ra_seal_init(&seal, &hal_key), RA_OK);
    mount_with(&seal);
    for (unsigned i = 1; i < 10u; i++) {
        assert_true(holds(i, 1, 50));
    }
    assert_int_equal(get(1, 0), RA_E_RECORD_SEAL);
    assert_int_equal(ra_store_damaged(&s), 0);
}

static void unsealed_records_are_not_given_out_with_a_key(void **state)
{
    (void)state;
    start(&many);
    put_version(1, 1, 50);
    settle();
    device_key_first = 1;
    noise_random(&noise, &random_, 12);
    assert_int_equal(ra_seal_init(&seal, &hal_key), RA_OK);
    mount_with(&seal);
    assert_int_equal(get(1, 1), RA_E_RECORD_SEAL);
    put_version(1, 2, 50);
    assert_true(holds(1, 2, 50));
}

static void put_le32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4u; i++) {
        p[i] = (uint8_t)(v >> (8u * i));
    }
}

/* Who can write to the flash can make every CRC right, and still no name or number of a
 * sealed record can be changed. */
static void a_sealed_record_is_bound_to_its_header(void **state)
{
    static const unsigned changes[] = {2, 4, 8}; /* type, id, seq */
    (void)state;
    for (unsigned i = 0; i < 4u; i++) {
        struct ra_store_info info;
        uint8_t seed[8], place[4];
        start_sealed(&many);
        ra_store_info(&s, &info);
        put_version(1, 1, 50);
        ra_store_info(&s, &info);
        uint32_t at = info.bank_base + info.used - (20u + 78u + 7u) / 8u * 8u;
        uint8_t *h = f.model.memory + at;
        memcpy(seed, f.model.memory + info.bank_base + 12, 4);
        memcpy(seed + 4, f.model.memory + info.bank_base + 8, 4);
        put_le32(place, at);
        settle();
        if (i < 3u) {
            h[changes[i]]++;
        } else {
            h[20 + 30] ^= 1u;
            put_le32(h + 12, ra_crc32(0, h + 20, 78));
        }
        put_le32(h + 16, ra_crc32(ra_crc32(ra_crc32(0, seed, 8), place, 4), h, 16));
        nor_model_format(&f.model, false);
        mount_with(&seal);
        assert_false(ra_store_was_unclean(&s));
        assert_int_equal(get((uint8_t)(i == 0 ? 2 : 1), (uint16_t)(i == 1 ? 2 : 1)),
                         RA_E_RECORD_SEAL);
    }
}

static void only_put_needs_random_numbers(void **state)
{
    (void)state;
    start_sealed(&many);
    put_version(1, 1, 50);
    settle();
    memset(&random_, 0, sizeof random_);
    mount_with(&seal);
    assert_true(holds(1, 1, 50));
    assert_int_equal(put(1, 1, "x", 1), RA_E_RANDOM_STATE);
    assert_int_equal(drop(1, 2), RA_OK);
    assert_int_equal(drop(1, 1), RA_OK);
    assert_int_equal(get(1, 1), RA_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_is_the_usual_one),
        cmocka_unit_test(crc_rights_any_single_bit),
        cmocka_unit_test(keeps_on_every_geometry),
        cmocka_unit_test(sectors_wear_alike),
        cmocka_unit_test(mounts_any_flash),
        cmocka_unit_test(limits_may_change),
        cmocka_unit_test(walks_names_in_order),
        cmocka_unit_test(drops_several_at_once),
        cmocka_unit_test(a_small_region_is_refused),
        cmocka_unit_test(a_wrong_geometry_is_refused),
        cmocka_unit_test(holds_its_limits_and_no_more),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(a_get_has_its_turn),
        cmocka_unit_test(every_single_bit),
        cmocka_unit_test(an_older_copy_serves),
        cmocka_unit_test(a_dropped_copy_does_not_serve),
        cmocka_unit_test(an_older_copy_is_brought_over),
        cmocka_unit_test(the_same_record_in_the_old_bank_serves),
        cmocka_unit_test(no_old_header_stands_before_a_new_bank),
        cmocka_unit_test(every_unit_disturbed),
        cmocka_unit_test(payloads_that_copy_headers),
        cmocka_unit_test(payloads_that_copy_a_former_bank),
        cmocka_unit_test(banks_out_of_place),
        cmocka_unit_test(a_worn_sector_is_passed_over),
        cmocka_unit_test(what_follows_a_torn_header_is_passed_over_whole),
        cmocka_unit_test(the_last_bank_serves),
        cmocka_unit_test(sealed_records_are_secret),
        cmocka_unit_test(same_bytes_seal_differently),
        cmocka_unit_test(another_device_key_reads_nothing_and_loses_nothing),
        cmocka_unit_test(unsealed_records_are_not_given_out_with_a_key),
        cmocka_unit_test(a_sealed_record_is_bound_to_its_header),
        cmocka_unit_test(only_put_needs_random_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
