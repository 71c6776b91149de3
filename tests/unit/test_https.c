/* What an appliance tells its TLS connections: the time, the anchors, the client's certificate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_secure.h"
#include "world.h"

static struct world w;
static struct ra_secure secure;
static const struct ra_secure_tools *const tools = &secure.tools;

static void start(const char *setting, const char *value)
{
    const struct world_enrolment e = {.key = {"agent.key", NULL, "encryption.key"},
                                      .days_left = {300, 0, 300},
                                      .settings = {{setting, value}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    world_boot(&w);
    ra_https(&w.ra, &secure);
}

static void forget_the_time(void)
{
    w.ra.clock.base = RA_TIME_UNKNOWN;
    assert_true(ra_clock_now(&w.ra.clock) == RA_TIME_UNKNOWN);
}

static void the_time(void **state)
{
    int64_t now = 0;
    bool at_least = true;
    (void)state;
    start("tls-time", "wait");
    assert_int_equal(tools->now(tools->ctx, &now, &at_least), RA_OK);
    assert_true(now == world_now(&w) && !at_least);
    forget_the_time();
    assert_int_equal(tools->now(tools->ctx, &now, &at_least), RA_E_TIME_UNKNOWN);
    assert_int_equal(world_logged(&w, RA_LOG_FLOOR, RA_EVENT_NO_ROLE), 0);

    start("tls-time", "floor");
    assert_int_equal(tools->now(tools->ctx, &now, &at_least), RA_OK);
    assert_true(now == world_now(&w) && !at_least);
    forget_the_time();
    assert_int_equal(tools->now(tools->ctx, &now, &at_least), RA_OK);
    assert_true(at_least && now == w.ra.clock.floor && now != RA_TIME_UNKNOWN);
    assert_int_equal(world_logged(&w, RA_LOG_FLOOR, RA_EVENT_NO_ROLE), 1);
}

static void the_clients_certificate(void **state)
{
    struct ra_span certs = {NULL, 9};
    (void)state;
    start("tls-client-certificate", "off");
    assert_int_equal(tools->client_certs(tools->ctx, &certs), RA_OK);
    assert_int_equal(certs.size, 0);

    start("tls-client-certificate", "device");
    assert_int_equal(tools->client_certs(tools->ctx, &certs), RA_OK);
    struct ra_cert cert;
    struct ra_status status = world_status(&w, RA_ROLE_DEVICE);
    assert_true(certs.size > 4);
    size_t own = 4 + ((size_t)certs.p[2] << 8 | certs.p[3]); /* 30 82 and the length */
    assert_true(own < certs.size);                           /* its issuer follows */
    assert_int_equal(ra_cert_parse(&cert, certs.p, own), RA_OK);
    assert_true(cert.not_after == status.not_after);
    assert_int_equal(tools->client_key(tools->ctx, tools->key), RA_OK);
    assert_true(tools->key->is_private);
    ra_key_wipe(tools->key);
}

/* Without a certificate of the device none is shown; with one that has no issuers, it alone; and
 * one that cannot be read is an error, not an anonymous client. */
static void a_client_with_less(void **state)
{
    struct ra_span certs = {NULL, 9};
    const struct world_enrolment none = {.key = {"agent.key"},
                                         .days_left = {300},
                                         .settings = {{"tls-client-certificate", "device"}}};
    (void)state;
    world_init(&w, NULL);
    world_provision(&w, &none);
    world_boot(&w);
    ra_https(&w.ra, &secure);
    assert_int_equal(tools->client_certs(tools->ctx, &certs), RA_OK);
    assert_int_equal(certs.size, 0);

    start("tls-client-certificate", "device");
    const struct ra_store_key issuers = {RA_RECORD_CHAIN, ra_generation_id(RA_ROLE_DEVICE, 1)};
    assert_int_equal(ra_store_drop(&w.ra.store, &issuers, 1), RA_OK);
    assert_true(world_settle(&w));
    assert_int_equal(tools->client_certs(tools->ctx, &certs), RA_OK);
    struct ra_cert cert;
    assert_int_equal(ra_cert_parse(&cert, certs.p, certs.size), RA_OK);

    start("tls-client-certificate", "device");
    world_damage(&w, RA_RECORD_CERT, ra_generation_id(RA_ROLE_DEVICE, 1));
    assert_int_equal(tools->client_certs(tools->ctx, &certs), RA_E_RECORD_DAMAGED);
    assert_int_equal(certs.size, 0);
    start("tls-client-certificate", "device");
    world_damage(&w, RA_RECORD_CHAIN, ra_generation_id(RA_ROLE_DEVICE, 1));
    assert_int_equal(tools->client_certs(tools->ctx, &certs), RA_E_RECORD_DAMAGED);
}

static void the_anchors(void **state)
{
    struct ra_span cert;
    struct ra_cert parsed;
    (void)state;
    start("tls-time", "wait");
    assert_int_equal(tools->anchor(tools->ctx, 0, &cert), RA_OK);
    assert_int_equal(ra_cert_parse(&parsed, cert.p, cert.size), RA_OK);
    assert_true(parsed.is_ca);
    assert_int_equal(tools->anchor(tools->ctx, 1, &cert), RA_E_NOT_FOUND);
    assert_int_equal(cert.size, 0);
    ra_err e = RA_AGAIN; /* random numbers, a slice of the seed each */
    for (unsigned i = 0; i < 10000 && e == RA_AGAIN; i++) {
        e = tools->ready(tools->ctx);
    }
    assert_int_equal(e, RA_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time),
        cmocka_unit_test(the_clients_certificate),
        cmocka_unit_test(a_client_with_less),
        cmocka_unit_test(the_anchors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
