#include "ra_appliance.h"

#include <string.h>

#include "ra_alert.h"

/* After this long the machine may try without a network, so that the trouble is
 * noticed, logged and shown. */
#define NETWORK_PATIENCE_MS 60000u
/* With nothing to wait for, look at the console and the network this often. */
#define IDLE_MS 10u

static bool random_for_network(void *ctx, uint8_t *out, size_t size)
{
    return ra_random_bytes(ctx, out, size) == RA_OK;
}

void ra_appliance_init(struct ra_appliance *a, const struct hal *hal, uint8_t *reply, uint8_t *bulk,
                       const char *board)
{
    memset(a, 0, sizeof *a);
    a->started_ms = hal->clock.monotonic_ms(hal->clock.dev);
    ra_net_init(&a->net, &a->transport);
    a->start_error = ra_init(&a->ra, hal, &a->transport, reply);
    ra_network(&a->ra, false);
    ra_console_init(&a->console, &a->ra, board, bulk);
    ra_console_about_network(&a->console, ra_net_library());
    ra_console_say(&a->console, "Perennial " RA_VERSION);
    ra_console_say(&a->console, board);
    if (a->start_error != RA_OK) {
        char line[160];
        struct ra_text text;
        ra_text_init(&text, line, sizeof line);
        ra_text_add(&text, "% ");
        ra_error_print(a->start_error, &text);
        ra_console_say(&a->console, line);
    }
    ra_syslog_init(&a->syslog);
    ra_err e = ra_net_setup_init(&a->setup, &hal->ethernet, &hal->clock, random_for_network,
                                 &a->ra.random);
    if (e != RA_OK) {
        ra_console_say(&a->console, ra_error_text(e));
    }
}

static void wanted_network(const struct ra_config *c, struct ra_net_config *out)
{
    memset(out, 0, sizeof *out);
    out->address = c->ip_address;
    out->netmask = c->netmask;
    out->gateway = c->gateway;
    out->dns[0] = c->dns_server;
    out->sntp_server[0] = c->sntp_server[0];
    out->sntp_server[1] = c->sntp_server[1];
    out->host_name = c->host_name;
}

/* Hand the configuration on once it was read, and again whenever it was saved. */
static void configure(struct ra_appliance *a)
{
    if (!ra_started(&a->ra) || (a->configured && !a->ra.config_changed)) {
        return;
    }
    a->configured = true;
    a->ra.config_changed = false;
    wanted_network(&a->ra.config, &a->net_config);
    ra_err e = ra_net_setup_apply(&a->setup, &a->net_config);
    if (e == RA_OK) {
        e = ra_syslog_start(&a->syslog, a->ra.config.syslog_server, a->ra.config.syslog_port);
    }
    if (e != RA_OK) {
        ra_console_say(&a->console, ra_error_text(e));
    }
}

static void pass_on_time(struct ra_appliance *a)
{
    uint32_t answers = ra_net_setup_time_answers(&a->setup);
    if (answers != a->time_answers) {
        a->time_answers = answers;
        (void)ra_offer_time(&a->ra, RA_TIME_SNTP, ra_net_setup_wall(&a->setup));
    }
}

/* The serial number of the role's served certificate, as text. RA_AGAIN: flash is busy. */
static ra_err served_serial(struct ra_appliance *a, unsigned role, char *text, size_t cap)
{
    uint8_t der[RA_CERT_MAX];
    struct ra_cert cert;
    size_t size = 0;
    text[0] = '\0';
    ra_err e = role < RA_ROLES ? ra_certificate(&a->ra, (enum ra_role)role, der, sizeof der, &size)
                               : RA_E_NO_CREDENTIAL;
    if (e == RA_OK && ra_cert_parse(&cert, der, size) == RA_OK) {
        ra_cert_serial_text(&cert, text, cap);
    }
    return e;
}

/* One event for the syslog server, if there is one that was not sent yet. What happened before the
 * network was there is sent when it is; what a former boot logged was its own to send. */
static void send_event(struct ra_appliance *a, uint64_t now_ms)
{
    struct ra_events *events = &a->ra.events;
    const struct ra_config *c = &a->ra.config;
    struct ra_event_entry entry;
    if (!a->syslog_begun && events->loaded) {
        a->syslog_begun = true;
        a->syslog_sent = events->next - 1 - events->count;
    }
    if (!a->syslog_begun || !ra_syslog_on(&a->syslog) || a->syslog_sent + 1 >= events->next ||
        ra_net_setup_ready(&a->setup) != RA_OK) {
        return;
    }
    ra_err e = ra_events_get(events, &a->ra.store, events->next - 2 - a->syslog_sent, &entry);
    if (e == RA_AGAIN) {
        return;
    }
    if (e == RA_OK && (unsigned)ra_alert_severity(&entry) <= c->syslog_level) {
        char message[RA_SYSLOG_MAX], serial[64];
        struct ra_text to;
        struct ra_status status = {.not_after = 0};
        if (served_serial(a, entry.role, serial, sizeof serial) == RA_AGAIN) {
            return;
        }
        if (entry.role < RA_ROLES) {
            ra_status(&a->ra, (enum ra_role)entry.role, &status);
        }
        const struct ra_alert_input in = {&entry, (uint8_t)c->syslog_facility, c->host_name, serial,
                                          status.not_after};
        ra_text_init(&to, message, sizeof message);
        ra_alert_print(&in, &to);
        if (ra_syslog_send(&a->syslog, now_ms, message, to.size) == RA_AGAIN) {
            return;
        }
    }
    a->syslog_sent++;
}

static void watch_boot(struct ra_appliance *a, uint64_t now_ms)
{
    uint64_t budget = (uint64_t)a->ra.config.boot_budget_s * 1000u;
    if (a->boot_over || (a->start_error == RA_OK && !ra_started(&a->ra))) {
        return;
    }
    bool idle = a->start_error != RA_OK || (!ra_working(&a->ra) && !ra_may_be_due(&a->ra));
    if (idle || now_ms - a->started_ms >= budget) {
        a->boot_over = true;
        ra_console_say(&a->console, idle ? "boot: nothing due, going on"
                                         : "boot: going on, renewal continues in the background");
    }
}

uint32_t ra_appliance_step(struct ra_appliance *a)
{
    const struct hal *hal = a->ra.hal;
    uint64_t now_ms = hal->clock.monotonic_ms(hal->clock.dev);
    uint32_t wake = IDLE_MS;
    if (hal->watchdog.feed != NULL) {
        hal->watchdog.feed(hal->watchdog.dev);
    }
    /* The network first: what has arrived is then seen in this very turn. */
    uint32_t wait = ra_net_setup_step(&a->setup);
    wake = wait < wake ? wait : wake;
    pass_on_time(a);
    if (a->start_error == RA_OK) {
        ra_network(&a->ra, ra_net_setup_ready(&a->setup) == RA_OK ||
                               now_ms - a->started_ms > NETWORK_PATIENCE_MS);
        wait = ra_step(&a->ra);
        wake = wait < wake ? wait : wake;
        configure(a);
        send_event(a, now_ms);
    }
    watch_boot(a, now_ms);
    if (ra_console_step(&a->console)) {
        wake = 0;
    }
    return wake;
}

bool ra_appliance_boot_over(const struct ra_appliance *a)
{
    return a->boot_over;
}
