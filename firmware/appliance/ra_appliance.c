#include "ra_appliance.h"

#include <string.h>

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
    out->sntp_server = c->sntp_server;
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
