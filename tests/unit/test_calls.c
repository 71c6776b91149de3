/* The calls of the public header before the start is over, and with what cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#define AGENT RA_ROLE_AGENT

static struct world w;
static uint8_t out[RA_CHAIN_MAX + 1];
static size_t size;

static void before_the_start_is_over(void **state)
{
    (void)state;
    static const uint8_t digest[32] = {1};
    world_init(&w, NULL);
    world_provision_pair(&w, 300, 300);
    assert_int_equal(ra_init(&w.ra, &w.hal, NULL, NULL), RA_OK);
    assert_false(ra_started(&w.ra));
    assert_int_equal(ra_certificate(&w.ra, AGENT, out, sizeof out, &size), RA_AGAIN);
    assert_int_equal(ra_issuers(&w.ra, AGENT, out, sizeof out, &size), RA_AGAIN);
    assert_int_equal(ra_sign(&w.ra, AGENT, RA_HASH_SHA256, digest, out, sizeof out, &size),
                     RA_AGAIN);
    assert_int_equal(ra_provision_anchor(&w.ra, 0, out, 10), RA_AGAIN);
    assert_int_equal(ra_provision(&w.ra, AGENT, out, 10, out, 10, out, 10), RA_AGAIN);
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_E_BUSY);
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_E_BUSY);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_E_BUSY);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_E_BUSY);
    assert_int_equal(ra_accept(&w.ra, AGENT, out, 1), RA_E_BUSY);
    assert_int_equal(ra_submit(&w.ra, AGENT), RA_E_BUSY);
    assert_int_equal(ra_request_text(&w.ra, AGENT, false, 0, (char *)out, sizeof out, &size),
                     RA_E_BUSY);
    assert_int_equal(ra_roll_back(&w.ra, AGENT), RA_E_BUSY);
    assert_int_equal(ra_erase_credentials(&w.ra), RA_E_BUSY);
    assert_int_equal(ra_import(&w.ra, AGENT, out, 10, sizeof out, "x"), RA_E_BUSY);
    world_boot_offline(&w);
    assert_int_not_equal(world_serves(&w, AGENT), 0);
}

static void what_cannot_be(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 300, 300);
    world_boot(&w);
    assert_int_equal(ra_provision_anchor(&w.ra, RA_ANCHORS_MAX, out, 10), RA_E_ARGUMENT);
    assert_int_equal(ra_provision_anchor(&w.ra, 0, out, RA_CERT_MAX + 1), RA_E_LIMIT);
    assert_int_equal(ra_provision(&w.ra, AGENT, out, RA_KEY_DER_MAX + 1, out, 10, out, 10),
                     RA_E_LIMIT);
    assert_int_equal(ra_provision(&w.ra, AGENT, out, 10, out, RA_CERT_MAX + 1, out, 10),
                     RA_E_LIMIT);
    assert_int_equal(ra_provision(&w.ra, AGENT, out, 10, out, 10, out, RA_CHAIN_MAX + 1),
                     RA_E_LIMIT);
    assert_int_equal(ra_certificate(&w.ra, RA_ROLE_DEVICE, out, sizeof out, &size),
                     RA_E_NO_CREDENTIAL);
    assert_int_equal(ra_issuers(&w.ra, RA_ROLE_DEVICE, out, sizeof out, &size), RA_E_NO_CREDENTIAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_start_is_over),
        cmocka_unit_test(what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
