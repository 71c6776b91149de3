/* The renewal of the pair, in a world of one process (world.h): flash, clock, CA. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world w;

#define AGENT RA_ROLE_AGENT
#define ENCRYPTION RA_ROLE_ENCRYPTION

/* Both keys fit their certificates, neither the CA nor the flash has anything to complain of. */
static void check_pair(void)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        const char *why = world_check(&w, (enum ra_role)i);
        if (why != NULL) {
            print_error("%s: %s\n", ra_role_word((enum ra_role)i), why);
        }
        assert_null(why);
    }
}

static void pair_due(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 30, 30);
    world_boot(&w);
    check_pair();
    assert_int_equal(world_serves(&w, AGENT), 1);
    assert_int_equal(world_serves(&w, ENCRYPTION), 2);
    assert_true(world_until_state(&w, ENCRYPTION, RA_STATE_PROBATION, RA_HOUR));
    assert_int_equal(world_state(&w, AGENT), RA_STATE_PROBATION);
    assert_int_equal(world_serves(&w, AGENT), 3);
    assert_int_equal(world_serves(&w, ENCRYPTION), 4);
    check_pair();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pair_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
