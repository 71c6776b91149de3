/* Of the sixteen bugs of test_ledger.c those of keys, switches and rollbacks: a whole appliance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world w, before;

static void start_pair(void)
{
    world_init(&w, NULL);
    world_provision_pair(&w, 30, 30);
    world_boot(&w);
}

static void renew_pair(void)
{
    for (unsigned i = 0; i < RA_PAIR; i++) {
        assert_true(world_until_state(&w, (enum ra_role)i, RA_STATE_PROBATION, RA_DAY));
    }
    assert_true(world_settle(&w));
}

static void pair_fits(void)
{
    assert_null(world_check(&w, RA_ROLE_AGENT));
    assert_null(world_check(&w, RA_ROLE_ENCRYPTION));
    assert_int_equal(w.ra.commit.slot[0].active, w.ra.commit.slot[1].active);
}

static unsigned erased, last_erases;

static void count_erases(void *context, uint32_t at, uint32_t size)
{
    (void)context;
    (void)at;
    erased += size == 0;
}

/* wolfBoot, pull request 354: a cut in the last erase of an update lost the encryption key and the
 * state "testing". Here: while the new pair is on probation the store moves, and the power goes in
 * its last erases. Both old and new key, and the probation, are still there. */
static void bug_06_the_last_erase_takes_key_and_testing_state(void **state)
{
    (void)state;
    start_pair();
    renew_pair();
    struct ra_commit commit = w.ra.commit;
    assert_true(commit.slot[0].probation_until != 0 && commit.slot[1].previous != 0);
    /* A log that is cut moves at the next boot: how many erases is that? */
    w.flash.cut = NOR_CUT_RANDOM_BITS;
    w.flash.cut_at = w.flash.operations + 1u;
    world_set(&w, "host-name", "torn");
    assert_false(world_settle(&w));
    memcpy(&before, &w, sizeof w);
    erased = 0;
    w.flash.before = count_erases;
    world_boot(&w);
    w.flash.before = NULL;
    last_erases = erased;
    assert_true(last_erases > 8u);
    for (unsigned back = 0; back < 3u; back++) {
        for (unsigned kind = NOR_CUT_BEFORE; kind <= NOR_CUT_RANDOM_BITS; kind++) {
            world_copy(&w, &before);
            w.flash.cut = (enum nor_cut)kind;
            w.flash.depth = 128;
            w.cut_after = last_erases - back;
            world_boot(&w);
            assert_true(w.flash.cut_fired);
            w.cut_after = 0;
            world_boot(&w);
            pair_fits();
            assert_memory_equal(&w.ra.commit, &commit, sizeof commit);
            assert_true(world_until_state(&w, RA_ROLE_ENCRYPTION, RA_STATE_PROBATION, RA_HOUR));
            /* The testing state works: a pair that fails goes back to the old one, with its key. */
            ra_report_use(&w.ra, RA_ROLE_ENCRYPTION, false);
            assert_true(world_until_state(&w, RA_ROLE_ENCRYPTION, RA_STATE_BACKOFF, RA_HOUR));
            pair_fits();
            assert_int_equal(w.ra.commit.slot[1].active, commit.slot[1].previous);
        }
    }
}

static uint32_t find_record(enum ra_record type, uint16_t id)
{
    for (uint32_t i = 0; i < w.ra.store.entries; i++) {
        if (w.ra.store.entry[i].type == (uint8_t)type && w.ra.store.entry[i].id == id) {
            return w.ra.store.entry[i].at;
        }
    }
    fail();
    return 0;
}

/* littlefs 899: one record was rolled back and another was not, which gave a state that had never
 * been. Here any one record of the new pair is lost: a certificate never serves beside another key, and
 * the two roles never part. */
static void bug_15_one_record_goes_back_and_not_the_other(void **state)
{
    static const uint8_t types[] = {RA_RECORD_KEY, RA_RECORD_CERT, RA_RECORD_CHAIN,
                                    RA_RECORD_COMMIT};
    (void)state;
    uint8_t issuers[2048];
    size_t size = 0;
    start_pair();
    renew_pair();
    uint32_t new_one = w.ra.commit.slot[0].active;
    memcpy(&before, &w, sizeof w);
    for (unsigned i = 0; i < 7u; i++) {
        enum ra_role role = (enum ra_role)(i / 4u);
        enum ra_record type = (enum ra_record)types[i % 4u];
        world_copy(&w, &before);
        world_boot(&w);
        uint16_t id = type == RA_RECORD_COMMIT ? 0 : ra_generation_id(role, new_one);
        w.memory[find_record(type, id) + 30u] ^= 0x11;
        nor_model_format(&w.flash, false);
        world_boot(&w);
        for (unsigned round = 0; round < 2u; round++) {
            /* The first use may find the damage; it gives nothing that does not fit. */
            for (unsigned r = 0; r < RA_PAIR; r++) {
                (void)world_check(&w, (enum ra_role)r);
                (void)ra_issuers(&w.ra, (enum ra_role)r, issuers, sizeof issuers, &size);
            }
            assert_true(world_run(&w, 10));
            assert_true(world_settle(&w));
        }
        pair_fits();
        assert_int_equal(world_serves(&w, RA_ROLE_AGENT) > 2u,
                         world_serves(&w, RA_ROLE_ENCRYPTION) > 2u); /* 1 and 2 are the old ones */
    }
}

/* littlefs 671: a cell in between reads now so, now so. What a cut has touched is written again, in
 * another place, before anything relies on it. */
static void bug_16_a_cell_in_between_is_relied_on(void **state)
{
    static uint8_t shadow[WORLD_FLASH_MAX];
    (void)state;
    start_pair();
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_COMMIT, RA_DAY));
    memcpy(&before, &w, sizeof w);
    unsigned operations_ = 0;
    for (bool fired = true; fired; operations_++) {
        /* The same again, and the power goes one operation later. */
        world_copy(&w, &before);
        world_boot(&w);
        w.flash.shadow = shadow;
        memcpy(shadow, w.memory, w.flash.size);
        w.flash.unstable = true;
        w.flash.cut = operations_ % 2u != 0 ? NOR_CUT_RANDOM_BITS : NOR_CUT_AFTER;
        w.flash.seed = operations_ + 1u;
        w.flash.cut_at = w.flash.operations + 1u + operations_;
        fired = !world_run(&w, RA_HOUR);
        if (!fired) {
            break;
        }
        world_boot(&w);
        uint32_t serves = world_serves(&w, RA_ROLE_AGENT);
        pair_fits();
        for (unsigned i = 0; i < 5u; i++) {
            world_boot_offline(&w); /* and the answer stays the same */
            assert_int_equal(world_serves(&w, RA_ROLE_AGENT), serves);
            pair_fits();
        }
        /* Nothing that is live stands on a cell in between. */
        for (uint32_t i = 0; i < w.ra.store.entries; i++) {
            const struct ra_store_entry_ *e = &w.ra.store.entry[i];
            assert_memory_equal(w.memory + e->at, shadow + e->at, 20u + e->size);
        }
    }
    assert_true(operations_ > 10u);
    w.flash.shadow = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bug_06_the_last_erase_takes_key_and_testing_state),
        cmocka_unit_test(bug_15_one_record_goes_back_and_not_the_other),
        cmocka_unit_test(bug_16_a_cell_in_between_is_relied_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
