/* The strict flash model: each rule refuses, each cut leaves what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_flash.h"

static const struct fake_geometry geometry = {1024, 4, 8, 64, 0xff};
static struct fake_flash f;
static uint8_t bytes[64], got[1024];

static int setup(void **state)
{
    (void)state;
    fake_flash_start(&f, &geometry);
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 37u);
    }
    return 0;
}

static int program(uint32_t at, uint32_t size)
{
    return f.hal.program(f.hal.dev, at, bytes, size);
}

static void programs_and_erases(void **state)
{
    (void)state;
    assert_int_equal(program(64, 64), HAL_FLASH_DONE);
    assert_int_equal(f.hal.read(f.hal.dev, 64, got, 64), HAL_FLASH_DONE);
    assert_memory_equal(got, bytes, 64);
    assert_int_equal(f.hal.erase(f.hal.dev, 0), HAL_FLASH_DONE);
    assert_int_equal(program(64, 64), HAL_FLASH_DONE);
    assert_int_equal(f.model.programs, 2);
    assert_int_equal(f.model.erases, 1);
    assert_int_equal(f.model.programmed, 128);
    assert_int_equal(fake_flash_wear[0], 1);
    assert_int_equal(f.model.violations, 0);
}

static void refuses_what_the_contract_forbids(void **state)
{
    static const struct {
        uint32_t at, size;
    } bad[] = {{4, 8}, {8, 4}, {8, 0}, {32, 64}, {0, 128}, {4096, 8}, {4088, 16}, {0xfffffff8u, 8}};
    uint8_t before[4096];
    (void)state;
    memcpy(before, f.model.memory, sizeof before);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(program(bad[i].at, bad[i].size), HAL_FLASH_FAILED);
        assert_int_equal(f.model.violations, i + 1u);
    }
    assert_int_equal(f.hal.erase(f.hal.dev, 4), HAL_FLASH_FAILED);
    assert_int_equal(f.hal.read(f.hal.dev, 4095, got, 2), HAL_FLASH_FAILED);
    assert_int_equal(f.model.violations, sizeof bad / sizeof bad[0] + 2u);
    assert_memory_equal(before, f.model.memory, sizeof before);
}

static void a_unit_is_programmed_once(void **state)
{
    (void)state;
    assert_int_equal(program(0, 16), HAL_FLASH_DONE);
    assert_int_equal(program(8, 8), HAL_FLASH_FAILED);
    assert_int_equal(f.model.violations, 1);
    /* Also when it was programmed with the erased value. */
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(program(16, 8), HAL_FLASH_DONE);
    assert_int_equal(program(16, 8), HAL_FLASH_FAILED);
    assert_int_equal(f.model.violations, 2);
    /* From content alone that cannot be known. */
    nor_model_format(&f.model, false);
    assert_int_equal(program(16, 8), HAL_FLASH_DONE);
    assert_int_equal(program(0, 8), HAL_FLASH_FAILED);
}

static void nothing_but_poll_while_busy(void **state)
{
    (void)state;
    f.model.polls = 3;
    assert_int_equal(program(0, 8), HAL_FLASH_BUSY);
    assert_int_equal(f.hal.read(f.hal.dev, 0, got, 8), HAL_FLASH_FAILED);
    assert_int_equal(program(8, 8), HAL_FLASH_FAILED);
    assert_int_equal(f.hal.erase(f.hal.dev, 1), HAL_FLASH_FAILED);
    assert_int_equal(f.model.violations, 3);
}

static void busy_for_so_many_polls(void **state)
{
    (void)state;
    f.model.polls = 3;
    assert_int_equal(f.hal.erase(f.hal.dev, 1), HAL_FLASH_BUSY);
    for (unsigned i = 0; i < 3u; i++) {
        assert_int_equal(f.hal.poll(f.hal.dev), HAL_FLASH_BUSY);
    }
    assert_int_equal(f.hal.poll(f.hal.dev), HAL_FLASH_DONE);
    assert_int_equal(f.hal.poll(f.hal.dev), HAL_FLASH_DONE);
    assert_int_equal(program(1024, 8), HAL_FLASH_BUSY);
}

static void cut(enum nor_cut kind)
{
    f.model.cut_at = f.model.operations + 1u;
    f.model.cut = kind;
    f.model.cut_fired = false;
    assert_int_equal(program(64, 64), HAL_FLASH_FAILED);
    assert_true(f.model.cut_fired);
    /* The power is off. */
    assert_int_equal(f.hal.read(f.hal.dev, 0, got, 64), HAL_FLASH_FAILED);
    assert_int_equal(program(128, 8), HAL_FLASH_FAILED);
    assert_int_equal(f.hal.erase(f.hal.dev, 0), HAL_FLASH_FAILED);
    nor_model_power_on(&f.model);
    assert_int_equal(f.hal.read(f.hal.dev, 64, got, 64), HAL_FLASH_DONE);
}

static void cuts_of_a_program(void **state)
{
    static const uint8_t blank[64] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    (void)state;
    cut(NOR_CUT_BEFORE);
    assert_memory_equal(got, blank, 64);
    cut(NOR_CUT_AFTER);
    assert_memory_equal(got, bytes, 64);
    assert_int_equal(f.hal.erase(f.hal.dev, 0), HAL_FLASH_DONE);
    f.model.depth = 128;
    cut(NOR_CUT_PREFIX);
    assert_memory_equal(got, bytes, 32);
    assert_memory_equal(got + 32, blank, 32);
    assert_int_equal(f.hal.erase(f.hal.dev, 0), HAL_FLASH_DONE);
    cut(NOR_CUT_ALL_BUT_LAST);
    assert_memory_equal(got, bytes, 63);
    assert_int_equal(got[63], 0xff);
    assert_int_equal(f.hal.erase(f.hal.dev, 0), HAL_FLASH_DONE);
    cut(NOR_CUT_RANDOM_BITS);
    assert_memory_not_equal(got, bytes, 64);
    assert_memory_not_equal(got, blank, 64);
    for (unsigned i = 0; i < 64u; i++) {
        assert_int_equal(got[i] & bytes[i], bytes[i]);
    }
    /* What the cut left half programmed is not programmed again. */
    assert_int_equal(program(64, 64), HAL_FLASH_FAILED);
}

/* The full enumeration of power cuts leaves these out for that reason. */
static void of_one_byte_nothing_is_a_part(void **state)
{
    static const struct fake_geometry of_a_byte[] = {{1024, 4, 1, 64, 0xff}, {1024, 4, 1, 64, 0}};
    static uint8_t memory[4096], touched[512];
    (void)state;
    for (unsigned i = 0; i < 64u * 8u; i++) {
        uint32_t unit = 1u + i / 8u;
        const struct fake_geometry *g = &of_a_byte[i % 2u];
        fake_flash_start(&f, g);
        f.model.cut_unit = unit - 1u;
        f.model.unstable = false;
        cut(unit > 1u ? NOR_CUT_AFTER : NOR_CUT_BEFORE);
        memcpy(memory, f.model.memory, sizeof memory);
        memcpy(touched, f.model.touched, sizeof touched);
        fake_flash_start(&f, g);
        f.model.cut_unit = unit;
        f.model.unstable = (i & 2u) != 0;
        f.model.depth = 255;
        cut((i & 4u) != 0 ? NOR_CUT_PREFIX : NOR_CUT_ALL_BUT_LAST);
        assert_memory_equal(f.model.memory, memory, sizeof memory);
        assert_memory_equal(f.model.touched, touched, sizeof touched);
        assert_true(f.model.shadow == NULL ||
                    memcmp(f.model.shadow, memory, sizeof memory) == 0); /* reads the same */
    }
}

static void cuts_of_an_erase(void **state)
{
    unsigned back = 0;
    (void)state;
    memset(bytes, 0, sizeof bytes);
    for (uint32_t at = 0; at < 1024u; at += 64u) {
        assert_int_equal(program(at, 64), HAL_FLASH_DONE);
    }
    f.model.cut_at = f.model.operations + 1u;
    f.model.cut = NOR_CUT_RANDOM_BITS;
    f.model.depth = 64;
    assert_int_equal(f.hal.erase(f.hal.dev, 0), HAL_FLASH_FAILED);
    nor_model_power_on(&f.model);
    assert_int_equal(f.hal.read(f.hal.dev, 0, got, 1024), HAL_FLASH_DONE);
    for (unsigned i = 0; i < 8u * 1024u; i++) {
        back += ((unsigned)got[i / 8u] >> (i % 8u)) & 1u;
    }
    assert_in_range(back, 1500, 2600); /* a quarter of 8192 */
}

static void unstable_cells_read_differently(void **state)
{
    unsigned whole = 0, other = 0;
    (void)state;
    f.model.unstable = true;
    f.model.depth = 200;
    cut(NOR_CUT_RANDOM_BITS);
    for (unsigned i = 0; i < 200u; i++) {
        assert_int_equal(f.hal.read(f.hal.dev, 64, got, 8), HAL_FLASH_DONE);
        if (memcmp(got, bytes, 8) == 0) {
            whole++;
        } else {
            other++;
        }
    }
    assert_true(whole > 0 && other > 0);
    assert_int_equal(f.hal.erase(f.hal.dev, 0), HAL_FLASH_DONE);
    for (unsigned i = 0; i < 50u; i++) {
        assert_int_equal(f.hal.read(f.hal.dev, 64, got, 64), HAL_FLASH_DONE);
        assert_int_equal(got[i], 0xff);
    }
}

static void a_bad_sector_fails_in_its_way(void **state)
{
    (void)state;
    f.model.bad_sector = 2;
    f.model.bad_kind = NOR_BAD_SILENT;
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(program(1024, 64), HAL_FLASH_DONE);
    assert_int_equal(f.hal.read(f.hal.dev, 1024, got, 64), HAL_FLASH_DONE);
    assert_memory_not_equal(got, bytes, 64);
    f.model.bad_kind = NOR_BAD_PROGRAM;
    assert_int_equal(program(1088, 64), HAL_FLASH_FAILED);
    f.model.bad_kind = NOR_BAD_ERASE;
    assert_int_equal(f.hal.erase(f.hal.dev, 1), HAL_FLASH_FAILED);
    assert_int_equal(f.hal.erase(f.hal.dev, 2), HAL_FLASH_DONE);
    assert_int_equal(program(0, 64), HAL_FLASH_DONE);
    assert_int_equal(f.model.violations, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(programs_and_erases, setup),
        cmocka_unit_test_setup(refuses_what_the_contract_forbids, setup),
        cmocka_unit_test_setup(a_unit_is_programmed_once, setup),
        cmocka_unit_test_setup(nothing_but_poll_while_busy, setup),
        cmocka_unit_test_setup(busy_for_so_many_polls, setup),
        cmocka_unit_test_setup(cuts_of_a_program, setup),
        cmocka_unit_test_setup(of_one_byte_nothing_is_a_part, setup),
        cmocka_unit_test_setup(cuts_of_an_erase, setup),
        cmocka_unit_test_setup(unstable_cells_read_differently, setup),
        cmocka_unit_test_setup(a_bad_sector_fails_in_its_way, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
