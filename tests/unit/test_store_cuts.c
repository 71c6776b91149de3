/* The power goes at flash operations of the store: a seeded sample, all geometries and all
 * kinds of damage (store_sweep.h). tests/powercut/store_cuts.c runs as many as you like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "store_sweep.h"

#ifdef __arm__
#define LESS 20u /* of the host's cuts, one in so many */
#define LARGEST 0x10000u
#elif defined(__powerpc__) /* in an emulator too */
#define LESS 10u
#define LARGEST FAKE_FLASH_BYTES
#else
#define LESS 1u
#define LARGEST FAKE_FLASH_BYTES
#endif

static uint32_t planned, fired;

static void sweep(struct store_sweep_plan plan)
{
    struct store_sweep_result result;
    const struct fake_geometry *g = plan.geometry;
    if (g->sector_size * g->sectors > LARGEST) {
        return;
    }
    plan.kinds = (1u << NOR_CUT_DISTURB) - 1u;
    plan.unstable = 2;
    store_sweep(&plan, &result);
    planned += result.planned;
    fired += result.fired;
    if (result.failures != 0) {
        fail_msg("%u failures, the first: %s", (unsigned)result.failures, result.why);
    }
    assert_int_equal(result.planned, result.fired);
    assert_true(result.operations > 0);
}

/* One cut, then full recovery; flash blank or dirty before. */
static void single_cuts(void **state)
{
    (void)state;
    for (unsigned g = 0; g < FAKE_GEOMETRIES; g++) {
        bool fine = fake_geometries[g].page < 16u;
        for (unsigned dirty = SWEEP_BLANK; dirty <= SWEEP_OLD; dirty++) {
            sweep((struct store_sweep_plan){.geometry = &fake_geometries[g],
                                            .seed = 100u + g * 8u + dirty,
                                            .operations = 50,
                                            .one_in = (fine ? 97u : 13u) * LESS,
                                            .start = dirty});
        }
    }
}

/* A second cut in the recovery from the first. */
static void pairs_of_cuts(void **state)
{
    (void)state;
    for (unsigned g = 0; g < FAKE_GEOMETRIES; g++) {
        bool fine = fake_geometries[g].page < 16u;
        sweep((struct store_sweep_plan){.geometry = &fake_geometries[g],
                                        .seed = 200u + g,
                                        .operations = 60,
                                        .one_in = (fine ? 997u : 17u) * LESS,
                                        .second_in = fine ? 41u : 3u});
    }
}

/* 300 times at the same operation after each boot. */
static void the_same_point_again(void **state)
{
    (void)state;
    for (unsigned g = 1; g < FAKE_GEOMETRIES; g++) {
        sweep((struct store_sweep_plan){.geometry = &fake_geometries[g],
                                        .seed = 300u + g,
                                        .operations = 40,
                                        .one_in = 251u * LESS,
                                        .repeats = 300});
    }
}

static void sealed_records(void **state)
{
    (void)state;
    sweep((struct store_sweep_plan){.geometry = &fake_geometries[3],
                                    .seed = 400,
                                    .operations = 40,
                                    .one_in = 11u * LESS,
                                    .sealed = true});
}

static void all_planned_cuts_fired(void **state)
{
    (void)state;
    print_message("%u cuts planned, %u fired\n", (unsigned)planned, (unsigned)fired);
    assert_int_equal(planned, fired);
    assert_true(fired > (LESS > 1u ? 200u : 5000u));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_cuts),
        cmocka_unit_test(pairs_of_cuts),
        cmocka_unit_test(the_same_point_again),
        cmocka_unit_test(sealed_records),
        cmocka_unit_test(all_planned_cuts_fired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
