/* What must never meet: provisioning and a renewal, a strange board and the stored commit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"
#include "world_vectors.h"

static struct world w;

static void start_agent(void)
{
    const struct world_enrolment e = {.key = {"agent.key", NULL}, .days_left = {30, 0}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
}

/* The served credential once more, as a factory tool would store it. */
static ra_err provision(unsigned calls)
{
    static uint8_t cert[RA_CERT_MAX];
    size_t size = 0;
    const struct world_blob *key = world_blob("agent.key");
    ra_err e = RA_AGAIN;
    assert_int_equal(ra_certificate(&w.ra, RA_ROLE_AGENT, cert, sizeof cert, &size), RA_OK);
    for (unsigned i = 0; i < calls && e == RA_AGAIN; i++) {
        e = ra_provision(&w.ra, RA_ROLE_AGENT, key->p, key->size, cert, size, NULL, 0);
        (void)ra_store_step(&w.ra.store);
    }
    return e;
}

static void provisioning_waits_for_the_role_at_work(void **state)
{
    (void)state;
    start_agent();
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_SAVE_KEY, RA_HOUR));
    assert_int_equal(provision(1), RA_E_BUSY);
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PROBATION, RA_HOUR));
    assert_null(world_check(&w, RA_ROLE_AGENT));
}

static void provisioning_spares_the_key_of_a_pending_request(void **state)
{
    (void)state;
    uint8_t before[RA_KEY_DER_MAX], after[RA_KEY_DER_MAX];
    size_t before_size = 0, after_size = 0;
    start_agent();
    w.ca.mode[RA_ROLE_AGENT] = FAKE_CA_PEND;
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PENDING, RA_HOUR));
    assert_true(world_settle(&w));
    uint16_t id = ra_generation_id(RA_ROLE_AGENT, 2);
    assert_true(world_flash_holds(&w, RA_RECORD_KEY, id, before, sizeof before, &before_size));
    assert_int_equal(provision(20), RA_AGAIN); /* and the caller stops there */
    assert_true(world_run(&w, 5 * RA_MINUTE));
    assert_true(world_settle(&w));
    assert_true(world_flash_holds(&w, RA_RECORD_KEY, id, after, sizeof after, &after_size));
    assert_int_equal(before_size, after_size);
    assert_memory_equal(before, after, after_size);
    /* The store was given back, and the request is still the one that was sent. */
    assert_true(fake_ca_approve(&w.ca, RA_ROLE_AGENT, world_now(&w)));
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PROBATION, 2 * RA_HOUR));
    assert_int_equal(w.ca.submits[RA_ROLE_AGENT], 1);
    assert_null(world_check(&w, RA_ROLE_AGENT));
}

static void a_strange_board_does_not_replace_the_commit(void **state)
{
    (void)state;
    start_agent();
    uint32_t id = world_serves(&w, RA_ROLE_AGENT);
    w.no_device_key = true;
    world_boot(&w);
    assert_int_equal(world_status(&w, RA_ROLE_AGENT).cause, RA_E_RECORD_SEAL);
    assert_int_equal(ra_offer_time(&w.ra, RA_TIME_OPERATOR, world_now(&w)), RA_OK);
    assert_true(world_run(&w, RA_HOUR));
    w.no_device_key = false;
    world_boot(&w);
    assert_int_equal(world_serves(&w, RA_ROLE_AGENT), id);
    assert_null(world_check(&w, RA_ROLE_AGENT));
}

static bool key_without_transaction(struct world *at)
{
    return ra_store_find(&at->ra.store, RA_RECORD_KEY, ra_generation_id(RA_ROLE_AGENT, 2)) &&
           !ra_store_find(&at->ra.store, RA_RECORD_TXN, RA_ROLE_AGENT);
}

/* The power goes between a key and its transaction, time and again: the flash must not fill up. */
static void keys_without_a_transaction_are_dropped(void **state)
{
    (void)state;
    uint8_t key[RA_KEY_DER_MAX];
    size_t size = 0;
    start_agent();
    assert_true(world_until(&w, key_without_transaction, RA_HOUR));
    world_boot(&w);
    assert_true(world_flash_holds(&w, RA_RECORD_KEY, ra_generation_id(RA_ROLE_AGENT, 2), key,
                                  sizeof key, &size));
    world_set(&w, "hold", "on");
    assert_true(world_run(&w, RA_MINUTE));
    assert_true(world_settle(&w));
    assert_false(world_flash_holds(&w, RA_RECORD_KEY, ra_generation_id(RA_ROLE_AGENT, 2), key,
                                   sizeof key, &size));
    world_set(&w, "hold", "off");
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PROBATION, RA_HOUR));
    assert_null(world_check(&w, RA_ROLE_AGENT));
}

static bool transaction_under_way(struct world *at)
{
    return ra_store_result(&at->ra.store) == RA_AGAIN && at->ra.store.put.type == RA_RECORD_TXN;
}

/* The same, and so early that no life comes to drop anything: the next key takes the place of the
 * one before. */
static void keys_without_a_transaction_do_not_pile_up(void **state)
{
    (void)state;
    start_agent();
    for (unsigned life = 0; life < 150u; life++) {
        w.ra.cleanup_wanted = false;
        assert_true(world_until(&w, transaction_under_way, RA_HOUR));
        world_boot(&w);
        struct ra_store_cursor cursor;
        struct ra_store_key key;
        unsigned keys = 0;
        ra_store_cursor_init(&cursor, RA_RECORD_KEY);
        while (ra_store_next(&w.ra.store, &cursor, &key)) {
            keys++;
        }
        assert_in_range(keys, 1, 2);
    }
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PROBATION, RA_HOUR));
    assert_null(world_check(&w, RA_ROLE_AGENT));
}

static void damage_the_commit(void)
{
    world_damage(&w, RA_RECORD_COMMIT, 0);
    nor_model_format(&w.flash, false);
    world_boot(&w);
}

/* The commit is damaged at rest, an older one serves: the transaction, which is kept as long as its
 * attempts count, brings the pair back without the CA. */
static void the_pair_of_a_lost_commit_comes_back(void **state)
{
    (void)state;
    start_agent();
    uint32_t old = world_serves(&w, RA_ROLE_AGENT);
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PROBATION, RA_HOUR));
    assert_true(world_settle(&w));
    uint32_t new = world_serves(&w, RA_ROLE_AGENT);
    unsigned submits = w.ca.submits[RA_ROLE_AGENT];
    damage_the_commit();
    assert_int_equal(world_serves(&w, RA_ROLE_AGENT), old);
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PROBATION, RA_HOUR));
    assert_int_equal(world_serves(&w, RA_ROLE_AGENT), new);
    assert_int_equal(w.ca.submits[RA_ROLE_AGENT], submits);
    assert_null(world_check(&w, RA_ROLE_AGENT));
}

/* The same when the transaction is gone: the next renewal leaves the pair alone that the damaged
 * commit named, should it be read after all. */
static void the_pair_of_a_lost_commit_is_left_alone(void **state)
{
    (void)state;
    uint8_t before[RA_KEY_DER_MAX], after[RA_KEY_DER_MAX];
    size_t before_size = 0, after_size = 0;
    uint16_t id = ra_generation_id(RA_ROLE_AGENT, 2);
    start_agent();
    uint32_t old = world_serves(&w, RA_ROLE_AGENT);
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PROBATION, RA_HOUR));
    w.ra.renewal[RA_ROLE_AGENT].txn.budget.spent = 0; /* as on the next day */
    w.ra.cleanup_wanted = true;
    assert_true(world_settle(&w));
    assert_true(world_flash_holds(&w, RA_RECORD_KEY, id, before, sizeof before, &before_size));
    damage_the_commit();
    assert_int_equal(world_serves(&w, RA_ROLE_AGENT), old);
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_COMMIT, RA_HOUR));
    assert_true(world_flash_holds(&w, RA_RECORD_KEY, id, after, sizeof after, &after_size));
    assert_int_equal(before_size, after_size);
    assert_memory_equal(before, after, after_size);
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PROBATION, RA_HOUR));
    assert_int_equal(w.ra.commit.slot[RA_ROLE_AGENT].active, 3);
    assert_null(world_check(&w, RA_ROLE_AGENT));
    assert_true(world_settle(&w));
    assert_false(world_flash_holds(&w, RA_RECORD_KEY, id, after, sizeof after, &after_size));
}

/* A pair whose issuers cannot be read is as broken as one without its key. */
static void damaged_issuers_bring_the_old_pair_back(void **state)
{
    (void)state;
    uint8_t chain[2048];
    size_t size = 0;
    start_agent();
    uint32_t old = world_serves(&w, RA_ROLE_AGENT);
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PROBATION, RA_HOUR));
    assert_true(world_settle(&w));
    unsigned damaged = 0;
    for (uint32_t i = 0; i < w.ra.store.entries; i++) {
        const struct ra_store_entry_ *e = &w.ra.store.entry[i];
        if (e->type == RA_RECORD_CHAIN && e->id == ra_generation_id(RA_ROLE_AGENT, 2)) {
            w.memory[e->at + 40] ^= 0x10;
            damaged++;
        }
    }
    assert_int_equal(damaged, 1);
    world_boot(&w);
    assert_true(world_run(&w, 1));
    assert_int_not_equal(ra_issuers(&w.ra, RA_ROLE_AGENT, chain, sizeof chain, &size), RA_OK);
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_BACKOFF, RA_HOUR));
    assert_int_equal(world_serves(&w, RA_ROLE_AGENT), old);
    assert_null(world_check(&w, RA_ROLE_AGENT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(provisioning_waits_for_the_role_at_work),
        cmocka_unit_test(provisioning_spares_the_key_of_a_pending_request),
        cmocka_unit_test(a_strange_board_does_not_replace_the_commit),
        cmocka_unit_test(keys_without_a_transaction_are_dropped),
        cmocka_unit_test(keys_without_a_transaction_do_not_pile_up),
        cmocka_unit_test(the_pair_of_a_lost_commit_comes_back),
        cmocka_unit_test(the_pair_of_a_lost_commit_is_left_alone),
        cmocka_unit_test(damaged_issuers_bring_the_old_pair_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
