/* Sixteen bugs that others had with flash and power, each in the same situation here; their numbers
 * are those of issues and pull requests. Here the store alone: sectors, markers, order. 6, 15 and 16
 * are in test_ledger_appliance.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_flash.h"
#include "ra_store.h"
#include "store_sweep.h"

#define STEPS 200000u
#define IDS 8u
#define SMALL 90u

static const struct ra_store_need needs[] = {{IDS, 100}, {2, 700}};
static const struct fake_geometry many = {1024, 24, 8, 64, 0xff};
static const struct fake_geometry two = {4096, 2, 16, 256, 0xff};

static struct fake_flash f;
static struct ra_store s, kept_store;
static unsigned version[IDS]; /* acknowledged; 0: none */
static unsigned changing;     /* the record under way: its version, or the next one */
static uint32_t kept_operations;
static struct {
    uint32_t at, size; /* size 0: an erase */
    bool marker;
} operation[400];
static unsigned operations;

/* --- the store ---------------------------------------------------------------------------------- */

static const uint8_t *content(unsigned id, unsigned v)
{
    static uint8_t bytes[SMALL];
    uint32_t x = id * 7919u + v * 104729u + 1u;
    for (unsigned i = 0; i < SMALL; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(x >> 24);
    }
    return bytes;
}

static bool holds(unsigned id, unsigned v)
{
    uint8_t out[700];
    size_t size = 0;
    ra_err e;
    do {
        e = ra_store_get(&s, 1, (uint16_t)id, out, sizeof out, &size);
        if (e == RA_AGAIN) {
            (void)ra_store_step(&s);
        }
    } while (e == RA_AGAIN);
    return v == 0 ? e == RA_E_NOT_FOUND
                  : e == RA_OK && size == SMALL && memcmp(out, content(id, v), SMALL) == 0;
}

static void mount(void)
{
    nor_model_power_on(&f.model);
    f.model.cut_fired = false;
    assert_int_equal(ra_store_init_needs(&s, &f.hal, NULL, NULL, needs, 2), RA_OK);
    for (unsigned i = 0; ra_store_mount_step(&s) != RA_OK; i++) {
        assert_true(i < STEPS); /* a mount ends, whatever there is */
    }
}

/* Until idle, or until the power goes. */
static void settle(void)
{
    for (unsigned i = 0; !f.model.cut_fired && ra_store_step(&s) == RA_AGAIN; i++) {
        assert_true(i < STEPS);
    }
}

/* The next version of the record under way, until it is in flash and all is settled. */
static void put_next(void)
{
    assert_int_equal(
        ra_store_put(&s, 1, (uint16_t)changing, content(changing, version[changing] + 1u), SMALL),
        RA_OK);
    settle();
}

static void put_id(unsigned id)
{
    changing = id;
    put_next();
    assert_int_equal(ra_store_result(&s), RA_OK);
    version[id]++;
}

static struct ra_store_info info(void)
{
    struct ra_store_info i;
    ra_store_info(&s, &i);
    return i;
}

/* Eight records, and settled. */
static void start(const struct fake_geometry *g)
{
    fake_flash_start(&f, g);
    memset(version, 0, sizeof version);
    mount();
    for (unsigned id = 0; id < IDS; id++) {
        put_id(id);
    }
    changing = 3;
}

/* Until the next put makes the store move to another bank. */
static void fill_log(void)
{
    uint32_t unit = f.model.geometry.program_unit;
    uint32_t head = (20u + unit - 1u) / unit * unit;
    uint32_t record = (20u + SMALL + unit - 1u) / unit * unit;
    for (unsigned i = 0; info().bank_bytes - info().used >= record + head; i++) {
        assert_true(i < 500u);
        put_id(i % IDS);
    }
    changing = 3;
}

static void note(void *context, uint32_t at, uint32_t size)
{
    (void)context;
    assert_true(operations < sizeof operation / sizeof operation[0]);
    uint32_t unit = f.model.geometry.program_unit;
    operation[operations].at = at;
    operation[operations].size = size;
    operation[operations++].marker = size == (20u + unit - 1u) / unit * unit;
}

static void save(void)
{
    fake_flash_save(&f, 0);
    kept_store = s;
    kept_operations = f.model.operations;
}

static void bring_back(void)
{
    fake_flash_restore(&f, 0);
    s = kept_store;
    f.model.operations = kept_operations;
}

/* Does put_next without a cut, notes its flash operations, and goes back to before. */
static void rehearse(void)
{
    save();
    operations = 0;
    f.model.before = note;
    put_next();
    f.model.before = NULL;
    assert_true(operations > 0);
    bring_back();
}

/* The power goes in the n-th operation of put_next (from 0), and comes back. */
static void cut(unsigned n, enum nor_cut kind, uint32_t depth, bool unstable)
{
    bring_back();
    f.model.cut_at = kept_operations + n + 1u;
    f.model.cut = kind;
    f.model.depth = depth;
    f.model.unstable = unstable;
    f.model.seed = n * 64u + depth + 1u;
    put_next();
    assert_true(f.model.cut_fired);
    mount();
}

/* What a mount after a cut must find, and how it goes on: all as acknowledged, the record under way
 * old or new, nothing called damaged, and the next put works. */
static void judge(void)
{
    for (unsigned id = 0; id < IDS; id++) {
        assert_true(holds(id, version[id]) || (id == changing && holds(id, version[id] + 1u)));
    }
    assert_int_equal(ra_store_damaged(&s), 0);
    assert_true(info().next_seq < 10000u &&
                info().bank_seq < 10000u); /* no torn number is believed */
    settle();
    bool done = holds(changing, version[changing] + 1u);
    assert_true(done || holds(changing, version[changing]));
    for (unsigned id = 0; id < IDS; id++) {
        assert_true(id == changing || holds(id, version[id]));
    }
    unsigned other = (changing + 1u) % IDS;
    assert_int_equal(ra_store_put(&s, 1, (uint16_t)other, content(other, 9999), SMALL), RA_OK);
    settle();
    assert_int_equal(ra_store_result(&s), RA_OK);
    mount();
    assert_false(ra_store_was_unclean(&s));
    assert_true(holds(other, 9999));
    assert_true(holds(changing, version[changing] + (done ? 1u : 0)));
    assert_string_equal(f.model.why, "");
}

/* MCUboot 1966, fixed by 2100: a marker was torn while it was written, the combination matched no
 * row of the recovery table, and the device was bricked. */
static void bug_01_a_torn_marker_matches_no_row(void **state)
{
    (void)state;
    start(&many);
    fill_log();
    rehearse(); /* BANK READY BANK' READY', a record, SETTLED */
    unsigned markers = 0;
    for (unsigned n = 0; n < operations; n++) {
        if (!operation[n].marker) {
            continue;
        }
        markers++;
        for (unsigned byte = 1; byte < operation[n].size; byte++) {
            cut(n, NOR_CUT_PREFIX, (byte * 256u + operation[n].size - 1u) / operation[n].size,
                false);
            judge();
        }
        for (unsigned pattern = 0; pattern < 8u; pattern++) {
            cut(n, NOR_CUT_RANDOM_BITS, pattern, pattern % 2u != 0);
            judge();
        }
    }
    assert_true(markers >= 6u);
    /* Every combination of the four markers of the new bank: whole, torn, absent. */
    bring_back();
    put_next();
    uint32_t base = info().bank_base;
    uint32_t head = 24;
    for (unsigned row = 0; row < 81u; row++) {
        bring_back();
        put_next();
        for (unsigned slot = 0, left = row; slot < 4u; slot++, left /= 3u) {
            uint8_t *p = f.model.memory + base + slot * head;
            if (left % 3u == 1u) {
                memset(p + 7, 0xff, head - 7u);
            } else if (left % 3u == 2u) {
                memset(p, 0xff, head);
            }
        }
        nor_model_format(&f.model, false);
        mount();
        for (unsigned id = 0; id < IDS; id++) {
            assert_true(holds(id, version[id]) || (id == changing && holds(id, version[id] + 1u)));
        }
    }
}

/* MCUboot 2108, 2648, 2793: the simulator that should have found that one cut between operations
 * only. Here each byte of each operation is a place to cut, and what is left is in between. */
static void bug_02_cuts_fall_between_operations_only(void **state)
{
    (void)state;
    start(&many);
    rehearse();
    unsigned inside = 0;
    for (unsigned n = 0; n < operations; n++) {
        uint32_t at = operation[n].at;
        uint32_t size = operation[n].size;
        uint8_t before[64], after[64];
        assert_in_range(size, 1, sizeof before);
        cut(n, NOR_CUT_BEFORE, 0, false);
        memcpy(before, f.model.memory + at, size);
        cut(n, NOR_CUT_AFTER, 0, false);
        memcpy(after, f.model.memory + at, size);
        assert_memory_not_equal(before, after, size);
        for (unsigned byte = 0; byte < size; byte++) {
            cut(n, NOR_CUT_PREFIX, (byte * 256u + size - 1u) / size, false);
            assert_memory_equal(f.model.memory + at, after, byte);
            assert_memory_equal(f.model.memory + at + byte, before + byte, size - byte);
            inside += memcmp(f.model.memory + at, before, size) != 0 &&
                      memcmp(f.model.memory + at, after, size) != 0;
            judge();
        }
    }
    assert_true(inside > 100u);
}

/* MCUboot 2169: a reset after the last erase had finished and before its function returned. */
static void bug_03_reset_before_the_erase_returns(void **state)
{
    static const struct fake_geometry *const both[] = {&many, &two};
    (void)state;
    for (unsigned g = 0; g < 2u; g++) {
        unsigned erases = 0;
        start(both[g]);
        fill_log();
        rehearse();
        for (unsigned n = 0; n < operations; n++) {
            if (operation[n].size == 0) {
                erases++;
                cut(n, NOR_CUT_AFTER, 0, false);
                judge();
            }
        }
        assert_int_equal(erases, info().bank_bytes / f.model.geometry.sector_size);
    }
}

/* MCUboot 829, Zephyr 28933: what a factory image had left was read as state after a cut. */
static void bug_04_bytes_of_a_factory_image_read_as_state(void **state)
{
    static const uint8_t fills[] = {0x00, 0x42, 0x61};
    (void)state;
    for (unsigned from = 0; from < 6u; from++) {
        fake_flash_start(&f, &many);
        memset(version, 0, sizeof version);
        if (from < 3u) {
            fake_flash_fill(&f, fills[from]);
        } else if (from < 5u) {
            fake_flash_fill_random(&f, from * 13u);
        } else { /* our own layout for another part */
            static const struct fake_geometry other = {1024, 24, 16, 64, 0xff};
            start(&other);
            struct fake_geometry g = many;
            uint8_t *m = f.model.memory;
            fake_flash_save(&f, 1);
            fake_flash_start(&f, &g);
            fake_flash_restore(&f, 1);
            assert_ptr_equal(m, f.model.memory);
            nor_model_format(&f.model, false);
            memset(version, 0, sizeof version);
        }
        mount();
        changing = 3;
        rehearse();
        for (unsigned n = 0; n < operations; n++) {
            for (unsigned kind = NOR_CUT_BEFORE; kind < NOR_CUT_DISTURB; kind++) {
                cut(n, (enum nor_cut)kind, 100, false);
                judge();
            }
        }
    }
}

/* wolfBoot, pull request 315: the power-fail script had run for a while without cutting anything,
 * because addresses had moved. A cut that does not come is not a cut that went well. */
static void bug_05_a_planned_cut_does_not_fire(void **state)
{
    struct store_sweep_plan plan = {.geometry = &fake_geometries[3],
                                    .seed = 5,
                                    .operations = 4,
                                    .kinds = 1u << NOR_CUT_PREFIX,
                                    .one_in = 1};
    struct store_sweep_result result;
    (void)state;
    start(&many);
    save();
    f.model.cut_at = f.model.operations + 1000u;
    put_next();
    assert_false(f.model.cut_fired);
    store_sweep(&plan, &result);
    assert_int_equal(result.failures, 0);
    assert_int_equal(result.planned, result.operations);
    assert_int_equal(result.fired, result.planned);
    plan.only = result.operations + 1u; /* an operation that there is not */
    store_sweep(&plan, &result);
    assert_int_equal(result.planned + result.fired, 0);
}

/* wolfBoot 406: the second bank was switched to before it was fully copied. */
static void bug_07_the_second_bank_counts_before_it_is_copied(void **state)
{
    (void)state;
    start(&many);
    fill_log();
    uint32_t old = info().bank_base;
    rehearse();
    unsigned switched = 0;
    for (unsigned n = 0; n < operations; n++) {
        cut(n, NOR_CUT_BEFORE, 0, false);
        switched += info().bank_base != old;
        /* Which bank it is does not matter: all is in it. */
        for (unsigned id = 0; id < IDS; id++) {
            assert_true(holds(id, version[id]) || (id == changing && holds(id, version[id] + 1u)));
        }
        assert_int_equal(info().records, IDS);
        assert_true(switched == 0 || info().bank_base != old); /* and it stays so */
    }
    assert_in_range(switched, 1, operations - 1u);
}

/* Zephyr 34722 (NVS): the erase at the end of a collection was cut, and the restart took the half
 * erased sector for the source and destroyed the moved copy. Here in every place of the rotation. */
static void bug_08_a_half_erased_sector_is_the_source(void **state)
{
    (void)state;
    start(&many);
    for (unsigned bank = 0; bank < info().banks + 1u; bank++) {
        fill_log();
        rehearse();
        for (unsigned n = 0; n < operations; n++) {
            for (unsigned depth = 30; operation[n].size == 0 && depth < 256u; depth += 75u) {
                cut(n, NOR_CUT_PREFIX, depth, false);
                judge();
                cut(n, NOR_CUT_RANDOM_BITS, depth, depth > 100u);
                judge();
            }
        }
        bring_back();
        put_next();
        version[changing]++;
    }
    assert_true(info().bank_seq > info().banks);
}

/* Zephyr 103029 (NVS): a cut in the last entry of a nearly full sector, and it never mounts again. */
static void bug_09_a_nearly_full_sector_never_mounts_again(void **state)
{
    uint8_t filler[100];
    (void)state;
    memset(filler, 0x77, sizeof filler);
    for (unsigned left = 0; left < 160u; left += 8u) {
        start(&many);
        fill_log();
        /* The last record but one leaves `left` bytes more, or fewer, in steps of a unit. */
        if (info().bank_bytes - info().used > left + 72u) {
            uint32_t size = info().bank_bytes - info().used - left - 48u;
            size = size < 20u ? 0 : size - 20u;
            assert_int_equal(ra_store_put(&s, 1, IDS, filler, size < 100u ? size : 100u), RA_OK);
            settle();
        }
        rehearse();
        for (unsigned n = 0; n < operations; n++) {
            for (unsigned kind = NOR_CUT_BEFORE; kind < NOR_CUT_DISTURB; kind++) {
                cut(n, (enum nor_cut)kind, 128, false);
                judge();
            }
        }
    }
}

/* Zephyr 84874 (ZMS), fixed by 87834: 256 cuts at one point wrapped a counter of 8 bits. The
 * counters of 16 bits are in tests/powercut: 70 000 times. */
static void bug_10_a_counter_wraps_after_256_cuts(void **state)
{
    (void)state;
    start(&many);
    fill_log();
    rehearse();
    put_next();
    version[changing]++;
    uint32_t seq = info().bank_seq;
    /* After each boot the log is unclean, the store moves, and the last marker of the move is cut. */
    for (unsigned life = 0; life < 300u; life++) {
        save();
        f.model.cut_at = f.model.operations + 1u;
        f.model.cut = NOR_CUT_RANDOM_BITS;
        put_next(); /* torn at once */
        mount();
        uint32_t before = info().bank_seq;
        for (unsigned i = 0; info().bank_seq == before; i++) {
            assert_true(i < STEPS);
            (void)ra_store_step(&s);
        }
        mount();
        for (unsigned id = 0; id < IDS; id++) {
            assert_true(holds(id, version[id]) || (id == changing && holds(id, version[id] + 1u)));
        }
    }
    assert_true(info().bank_seq >= seq + 300u);
    assert_string_equal(f.model.why, "");
}

static const struct ra_store_entry_ *entry_of(unsigned id)
{
    for (uint32_t i = 0; i < s.entries; i++) {
        if (s.entry[i].id == id) {
            return &s.entry[i];
        }
    }
    fail();
    return NULL;
}

/* Zephyr 87809 and 119632 (ZMS): after a reboot user data was taken for metadata. Here the payload is
 * a record of ours from the future, byte for byte, and what leads over it is torn or damaged. */
static void bug_11_user_data_is_taken_for_metadata(void **state)
{
    uint8_t copy[700], out[700];
    size_t size = 0;
    (void)state;
    start(&many);
    save();
    for (unsigned i = 0; i < 12u; i++) {
        put_id(5);
    }
    assert_int_equal(entry_of(5)->at % 8u, 0);
    memset(copy, 0x33, sizeof copy);
    for (unsigned at = 4; at + 112u <= sizeof copy; at += 112u) { /* where a unit begins */
        memcpy(copy + at, f.model.memory + entry_of(5)->at, 112);
    }
    bring_back();
    version[5] = 1;
    for (unsigned id = IDS; id < IDS + 2u; id++) {
        assert_int_equal(ra_store_put(&s, 1, (uint16_t)id, copy, sizeof copy), RA_OK);
        settle();
        assert_int_equal(ra_store_result(&s), RA_OK);
    }
    changing = 3;
    rehearse();
    cut(1, NOR_CUT_RANDOM_BITS, 7, false); /* so that the mount looks for headers everywhere */
    assert_true(ra_store_was_unclean(&s));
    assert_int_equal(info().records, IDS + 2u);
    for (unsigned id = IDS; id < IDS + 2u; id++) {
        assert_int_equal(ra_store_get(&s, 1, (uint16_t)id, out, sizeof out, &size), RA_OK);
        assert_int_equal(size, sizeof copy);
        assert_memory_equal(out, copy, size);
    }
    judge();
    for (unsigned id = IDS; id < IDS + 2u; id++) {
        bring_back();
        memset(f.model.memory + entry_of(id)->at + 4u, 0x12, 9); /* its header is lost at rest */
        nor_model_format(&f.model, false);
        mount();
        assert_true(ra_store_damaged(&s) != 0);
        assert_int_equal(info().records, IDS + 1u);
        for (unsigned other = 0; other < IDS; other++) {
            assert_true(holds(other, version[other]));
        }
    }
}

/* FlashDB 347: the order of sectors was inferred, wrongly when a collection had been cut, and a
 * valid sector was erased. */
static void bug_12_the_order_of_sectors_is_inferred(void **state)
{
    (void)state;
    start(&many);
    for (unsigned bank = 0; bank < info().banks; bank++) {
        fill_log();
        rehearse();
        for (unsigned n = 0; n < operations; n++) {
            cut(n, NOR_CUT_RANDOM_BITS, 128, false);
            judge();
        }
        bring_back();
        put_next();
        version[changing]++;
    }
}

static uint32_t active_base, active_size;

static void no_good_sector(void *context, uint32_t at, uint32_t size)
{
    (void)context;
    if (size == 0) {
        assert_true(at + f.model.geometry.sector_size <= active_base ||
                    at >= active_base + active_size);
    }
}

/* FlashDB 67 and 383: a cut between the erase of a sector and the writing of its header, and the
 * whole partition was formatted anew. */
static void bug_13_a_cut_before_the_header_formats_everything(void **state)
{
    static const struct fake_geometry *const both[] = {&many, &two};
    (void)state;
    for (unsigned g = 0; g < 2u; g++) {
        start(both[g]);
        fill_log();
        active_base = info().bank_base;
        active_size = info().bank_bytes;
        rehearse();
        unsigned headers = 0;
        for (unsigned n = 1; n < operations; n++) {
            if (operation[n - 1u].size == 0 && operation[n].size != 0) {
                headers++;
                cut(n, NOR_CUT_BEFORE, 0, false);
                f.model.before = no_good_sector;
                for (unsigned id = 0; id < IDS; id++) {
                    assert_true(holds(id, version[id]));
                }
                settle();
                f.model.before = NULL;
                judge();
            }
        }
        assert_int_equal(headers, 1);
    }
}

/* littlefs 245, fixed by 497: an area whose first bit was erased counted as unwritten, and was
 * partly programmed. */
static void bug_14_partly_programmed_counts_as_unwritten(void **state)
{
    (void)state;
    start(&many);
    save();
    uint32_t end = info().bank_base + info().used;
    for (unsigned bit = 0; bit < 24u * 8u; bit++) {
        bring_back();
        f.model.memory[end + bit / 8u] ^= (uint8_t)(1u << (bit % 8u));
        nor_model_format(&f.model, false);
        mount();
        judge(); /* no_rule: a unit that is not erased is not programmed */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bug_01_a_torn_marker_matches_no_row),
        cmocka_unit_test(bug_02_cuts_fall_between_operations_only),
        cmocka_unit_test(bug_03_reset_before_the_erase_returns),
        cmocka_unit_test(bug_04_bytes_of_a_factory_image_read_as_state),
        cmocka_unit_test(bug_05_a_planned_cut_does_not_fire),
        cmocka_unit_test(bug_07_the_second_bank_counts_before_it_is_copied),
        cmocka_unit_test(bug_08_a_half_erased_sector_is_the_source),
        cmocka_unit_test(bug_09_a_nearly_full_sector_never_mounts_again),
        cmocka_unit_test(bug_10_a_counter_wraps_after_256_cuts),
        cmocka_unit_test(bug_11_user_data_is_taken_for_metadata),
        cmocka_unit_test(bug_12_the_order_of_sectors_is_inferred),
        cmocka_unit_test(bug_13_a_cut_before_the_header_formats_everything),
        cmocka_unit_test(bug_14_partly_programmed_counts_as_unwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
