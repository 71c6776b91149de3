/* The main loop of an appliance: its boot with nothing to say, with a flash it cannot use, with a
 * network that never comes, and its log on the way to a syslog server. The Ethernet answers nobody;
 * what leaves is read from its frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <lwip/def.h>
#include <lwip/netif.h>

#include "fault.h"
#include "ra_appliance.h"
#include "ra_internal.h"
#include "world.h"

/* lwIP begins once in a process. */
FAULT_OWN(void, lwip_init, (void))
void __wrap_lwip_init(void)
{
    static bool begun;
    if (!begun) {
        begun = true;
        __real_lwip_init();
    }
}

/* clang-format off: CMake reads the lines FAULT_OWN */
static bool no_netif;
static ra_err log_says, certificate_says, syslog_says; /* RA_OK: what they say by themselves */

FAULT_OWN(struct netif *, netif_add,
          (struct netif * n, const ip4_addr_t *ip, const ip4_addr_t *m, const ip4_addr_t *g,
           void *state, netif_init_fn init, netif_input_fn input))
struct netif *__wrap_netif_add(struct netif *n, const ip4_addr_t *ip, const ip4_addr_t *m,
                               const ip4_addr_t *g, void *state, netif_init_fn init,
                               netif_input_fn input)
{
    return no_netif ? NULL : __real_netif_add(n, ip, m, g, state, init, input);
}

FAULT_OWN(ra_err, ra_events_get,
          (struct ra_events * events, struct ra_store *store, uint32_t back,
           struct ra_event_entry *out))
ra_err __wrap_ra_events_get(struct ra_events *events, struct ra_store *store, uint32_t back,
                            struct ra_event_entry *out)
{
    return log_says != RA_OK ? log_says : __real_ra_events_get(events, store, back, out);
}

FAULT_OWN(ra_err, ra_certificate,
          (struct ra * ra, enum ra_role role, uint8_t *out, size_t cap, size_t *size))
ra_err __wrap_ra_certificate(struct ra *ra, enum ra_role role, uint8_t *out, size_t cap,
                             size_t *size)
{
    return certificate_says != RA_OK ? certificate_says
                                     : __real_ra_certificate(ra, role, out, cap, size);
}

FAULT_OWN(ra_err, ra_syslog_send,
          (struct ra_syslog * s, uint64_t now_ms, const char *message, size_t size))
ra_err __wrap_ra_syslog_send(struct ra_syslog *s, uint64_t now_ms, const char *message, size_t size)
{
    return syslog_says != RA_OK ? syslog_says : __real_ra_syslog_send(s, now_ms, message, size);
}
/* clang-format on */

static struct world w;
static struct ra_appliance a;
static uint8_t reply[RA_REPLY_BUFFER], bulk[RA_CONSOLE_BULK];
static struct hal hal;
static char datagrams[8192]; /* what went to port 514, one after the other */
static size_t datagrams_size;
static bool asked_arp;
static int link;
static unsigned fed, strays; /* frames of no protocol that come */

static int eth_send(void *dev, const uint8_t *f, uint32_t size)
{
    (void)dev;
    if (f[12] == 8 && f[13] == 6 && f[21] == 1) {
        asked_arp = true;
    }
    if (f[12] == 8 && f[13] == 0 && f[23] == 17 && f[36] == 2 && f[37] == 2) { /* UDP, port 514 */
        size_t n = size - 42;
        assert_true(datagrams_size + n < sizeof datagrams);
        memcpy(datagrams + datagrams_size, f + 42, n);
        datagrams_size += n;
        datagrams[datagrams_size++] = '\n';
        datagrams[datagrams_size] = '\0';
    }
    return 1;
}

/* 10.0.0.9 has an address and nothing else. */
static uint32_t eth_receive(void *dev, uint8_t *to, uint32_t size)
{
    static const uint8_t arp[42] = {2,  0, 0, 1, 2, 3, 2, 0, 0, 0, 0,  9, 8, 6,
                                    0,  1, 8, 0, 6, 4, 0, 2, 2, 0, 0,  0, 0, 9,
                                    10, 0, 0, 9, 2, 0, 0, 1, 2, 3, 10, 0, 0, 1};
    (void)dev;
    (void)size;
    if (strays > 0) {
        strays--;
        memset(to, 0xff, 60);
        return 60;
    }
    if (!asked_arp) {
        return 0;
    }
    asked_arp = false;
    memcpy(to, arp, sizeof arp);
    return sizeof arp;
}

static int eth_link(void *dev)
{
    (void)dev;
    return link;
}

static void feed(void *dev)
{
    (void)dev;
    fed++;
}

static void start(void)
{
    if (netif_default != NULL) {
        netif_remove(netif_default); /* of the test before */
    }
    hal = w.hal;
    hal.ethernet = (struct hal_ethernet){{2, 0, 0, 1, 2, 3}, eth_send, eth_receive, eth_link, NULL};
    hal.watchdog.feed = feed;
    w.serial_room = WORLD_SERIAL_MAX;
    w.shown_size = datagrams_size = 0;
    w.shown[0] = datagrams[0] = '\0';
    asked_arp = false;
    link = 1;
    fed = strays = 0;
    ra_appliance_init(&a, &hal, reply, bulk, "test board");
}

static void turns(unsigned n, uint32_t ms)
{
    for (unsigned i = 0; i < n; i++) {
        w.serial_taken = 0;
        assert_true(ra_appliance_step(&a) <= 10);
        w.true_ms += ms;
    }
}

static void provision(const char *name, const char *value, int days)
{
    const struct world_enrolment e = {.key = {"agent.key", "encryption.key"},
                                      .days_left = {days, days},
                                      .settings = {{"ca-url", "http://10.0.0.8/certsrv/"},
                                                   {"ip-address", "10.0.0.1"},
                                                   {"netmask", "255.255.255.0"},
                                                   {"host-name", "ra01"},
                                                   {"key-policy", "same"},
                                                   {name, value}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    w.board_clock = true;
}

static void nothing_is_due(void **state)
{
    (void)state;
    provision("jitter-hours", "0", 300);
    start();
    assert_false(ra_appliance_boot_over(&a));
    turns(2000, 1);
    assert_true(ra_appliance_boot_over(&a));
    assert_non_null(strstr(w.shown, "test board"));
    assert_non_null(strstr(w.shown, "boot: nothing due, going on"));
    assert_int_equal(fed, 2000);
    assert_int_equal(ra_net_setup_ready(&a.setup), RA_OK);
    hal.watchdog.feed = NULL; /* a board without one */
    turns(10, 1);
    assert_int_equal(fed, 2000);
}

static void a_dead_ca_does_not_hold_the_boot(void **state)
{
    (void)state;
    provision("boot-budget-seconds", "20", 10);
    start();
    turns(500, 10);
    assert_false(ra_appliance_boot_over(&a));
    turns(500, 100);
    assert_true(ra_appliance_boot_over(&a));
    assert_non_null(strstr(w.shown, "boot: going on, renewal continues in the background"));
}

static void a_flash_that_cannot_be_used(void **state)
{
    (void)state;
    provision("jitter-hours", "0", 300);
    w.hal.flash.sector_count = 1;
    start();
    assert_int_not_equal(a.start_error, RA_OK);
    turns(100, 1);
    assert_true(ra_appliance_boot_over(&a));
    assert_non_null(strstr(w.shown, "% E"));
    assert_non_null(strstr(w.shown, "boot: nothing due"));
    w.typed = "version\r";
    turns(200, 1);
    assert_non_null(strstr(w.shown, ">"));
}

static void settings_of_no_network(void **state)
{
    (void)state;
    provision("netmask", "255.0.255.0", 300);
    start();
    turns(2000, 1);
    assert_non_null(strstr(w.shown, ra_error_text(RA_E_CONFIG_VALUE)));
}

/* Each event from this boot on, in order, none twice, those below the level left out. */
static void the_log_goes_to_syslog(void **state)
{
    (void)state;
    provision("syslog-server", "10.0.0.9", 300);
    start();
    link = 0;
    turns(1500, 1);
    a.ra.config.syslog_level = 7;
    ra_log(&a.ra, RA_LOG_ANCHOR, RA_EVENT_NO_ROLE, RA_OK, 0, "first of all");
    ra_log(&a.ra, RA_LOG_ANCHOR, RA_EVENT_NO_ROLE, RA_OK, 0, "and second");
    turns(500, 1);
    assert_int_equal(datagrams_size, 0); /* no link yet: nothing is lost */
    link = 1;
    turns(4000, 5);
    assert_true(datagrams_size > 0);
    assert_int_equal(datagrams[0], '<');
    const char *first = strstr(datagrams, "first of all");
    assert_non_null(first);
    assert_true(strstr(datagrams, "and second") > first);
    assert_null(strstr(first + 1, "first of all"));
    assert_non_null(strstr(datagrams, " ra01 "));
    uint32_t sent = a.syslog_sent;
    assert_int_equal(sent + 1, a.ra.events.next);
    size_t before = datagrams_size;
    turns(1000, 5);
    assert_int_equal(datagrams_size, before);
    /* An event of a role has the serial number of what it serves. */
    ra_log(&a.ra, RA_LOG_CANCELLED, RA_ROLE_AGENT, RA_OK, 0, NULL);
    turns(2000, 5);
    assert_true(datagrams_size > before);
    assert_non_null(strstr(datagrams + before, "1a0000"));
    /* Below the level: passed over. */
    a.ra.config.syslog_level = 0;
    before = datagrams_size;
    ra_log(&a.ra, RA_LOG_CANCELLED, RA_ROLE_AGENT, RA_OK, 0, NULL);
    turns(2000, 5);
    assert_int_equal(datagrams_size, before);
    assert_int_equal(a.syslog_sent, sent + 2);
}

/* What cannot be sent now is sent when it can, once; what cannot be read is passed over. */
static void the_log_waits_for_its_turn(void **state)
{
    static ra_err *const busy[] = {&log_says, &certificate_says, &syslog_says};
    (void)state;
    provision("syslog-server", "10.0.0.9", 300);
    start();
    turns(2000, 5);
    a.ra.config.syslog_level = 7;
    for (unsigned i = 0; i < 3; i++) {
        char word[] = "word-0";
        word[5] = (char)('0' + i);
        uint32_t sent = a.syslog_sent;
        size_t before = datagrams_size;
        *busy[i] = RA_AGAIN;
        ra_log(&a.ra, RA_LOG_CANCELLED, RA_ROLE_AGENT, RA_OK, 0, word);
        turns(1000, 5);
        assert_int_equal(datagrams_size, before);
        assert_int_equal(a.syslog_sent, sent);
        *busy[i] = RA_OK;
        turns(1000, 5);
        const char *first = strstr(datagrams + before, word);
        assert_non_null(first);
        assert_null(strstr(first + 1, word));
        assert_int_equal(a.syslog_sent, sent + 1);
    }
    size_t before = datagrams_size;
    log_says = RA_E_RECORD_DAMAGED;
    ra_log(&a.ra, RA_LOG_CANCELLED, RA_ROLE_AGENT, RA_OK, 0, "unreadable");
    turns(1000, 5);
    log_says = RA_OK;
    ra_log(&a.ra, RA_LOG_CANCELLED, RA_ROLE_AGENT, RA_OK, 0, "the next");
    turns(1000, 5);
    assert_null(strstr(datagrams + before, "unreadable"));
    assert_non_null(strstr(datagrams + before, "the next"));
}

/* lwIP has no room for the interface: said, and all but the network goes on. */
static void no_interface(void **state)
{
    (void)state;
    provision("jitter-hours", "0", 300);
    no_netif = true;
    start();
    no_netif = false;
    strays = 10;
    turns(2000, 1);
    assert_non_null(strstr(w.shown, ra_error_text(RA_E_NET_MEMORY)));
    assert_true(ra_appliance_boot_over(&a));
    assert_int_not_equal(ra_net_setup_ready(&a.setup), RA_OK);
}

/* Settings saved while it runs hold from then on, without a reset. */
static void settings_saved_later(void **state)
{
    (void)state;
    provision("jitter-hours", "0", 300);
    start();
    turns(2000, 1);
    assert_int_equal(lwip_ntohl(netif_default->ip_addr.addr), 0x0a000001);
    assert_int_equal(ra_setting_change(&a.ra, "ip-address", "10.0.0.2"), RA_OK);
    assert_int_equal(ra_setting_change(&a.ra, "sntp-server", "10.0.0.7"), RA_OK);
    assert_int_equal(ra_setting_change(&a.ra, "sntp-server-2", "10.0.0.8"), RA_OK);
    turns(10, 1);
    assert_int_equal(a.setup.sntp.phase, RA_SNTP_OFF);
    assert_int_equal(lwip_ntohl(netif_default->ip_addr.addr), 0x0a000001);
    ra_config_save(&a.ra);
    turns(10, 1);
    assert_int_equal(lwip_ntohl(netif_default->ip_addr.addr), 0x0a000002);
    assert_int_not_equal(a.setup.sntp.phase, RA_SNTP_OFF);
    assert_string_equal(a.setup.sntp.names[0], "10.0.0.7");
    assert_string_equal(a.setup.sntp.names[1], "10.0.0.8");
}

/* Without a network nothing is tried for a minute; then once, so that it is noticed. */
static void a_network_that_never_comes(void **state)
{
    (void)state;
    provision("jitter-hours", "0", 10);
    start();
    link = 0;
    turns(550, 100);
    struct ra_status s;
    ra_status(&a.ra, RA_ROLE_AGENT, &s);
    assert_int_equal(s.cause, RA_OK);
    assert_int_equal(s.attempts, 0);
    turns(200, 100);
    ra_status(&a.ra, RA_ROLE_AGENT, &s);
    assert_int_equal(s.state, RA_STATE_BACKOFF);
    assert_int_equal(s.cause, RA_E_NET_DOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_due),
        cmocka_unit_test(a_dead_ca_does_not_hold_the_boot),
        cmocka_unit_test(a_flash_that_cannot_be_used),
        cmocka_unit_test(settings_of_no_network),
        cmocka_unit_test(the_log_goes_to_syslog),
        cmocka_unit_test(the_log_waits_for_its_turn),
        cmocka_unit_test(no_interface),
        cmocka_unit_test(settings_saved_later),
        cmocka_unit_test(a_network_that_never_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
