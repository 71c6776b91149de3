#include <string.h>

#include "ra_command.h"

/* The build says which commit it was made from, and with which HTTP parser; "" where it cannot. */
#ifndef RA_GIT
#define RA_GIT ""
#endif
#ifndef RA_HTTP_PARSER
#define RA_HTTP_PARSER ""
#endif

static const char *const phases[] = {"none", "waiting to begin", "key stored",
                                     "sent", "pending",          "certificate received"};

_Static_assert(sizeof phases / sizeof phases[0] == RA_PHASE_COUNT, "a word for each phase");

/* --- log ------------------------------------------------------------------------- */

static void log_item(struct ra_console *c, const struct ra_event_entry *entry, struct ra_text *to)
{
    struct ra_text line;
    char text[RA_CONSOLE_PIECE / 2];
    if (c->json == 0) {
        ra_event_print(entry, to);
        ra_text_add(to, "\n");
        return;
    }
    ra_show_item(c, "Event", to);
    ra_show_number(c, "sequence", entry->sequence, to);
    ra_show_time(c, "time", entry->time, to);
    ra_show_flag(c, "alert", ra_event_is_alert((enum ra_event_kind)entry->kind), to);
    ra_text_init(&line, text, sizeof text);
    ra_event_print(entry, &line);
    ra_show_text(c, "text", text, to);
}

static enum ra_run show_log(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    struct ra_event_entry entry;
    uint32_t count = RA_EVENTS;
    if (c->arg_count != 0 &&
        (!ra_text_parse_u32(c->args[0], strlen(c->args[0]), RA_EVENTS, &count) || count == 0)) {
        return ra_command_failed(RA_E_PARAMETER, to);
    }
    /* Oldest first, so that the newest stands above the prompt. */
    ra_err e = ra_events_get(&c->ra->events, &c->ra->store, count - 1 - piece, &entry);
    if (e == RA_AGAIN) {
        return RA_RUN_AGAIN;
    }
    if (e == RA_OK) {
        log_item(c, &entry, to);
    }
    return piece + 1 < count ? RA_RUN_MORE : RA_RUN_DONE;
}

/* --- timers ---------------------------------------------------------------------- */

void ra_show_clock(struct ra_console *c, struct ra_text *to)
{
    const struct ra_clock *clock = &c->ra->clock;
    ra_show_item(c, "Clock", to);
    ra_show_time(c, "time", ra_clock_now(clock), to);
    ra_show_text(c, "source", ra_clock_source_text(clock->source), to);
    ra_show_time(c, "not before", clock->floor, to);
    ra_show_number(c, "up seconds", (int64_t)((ra_clock_ms(clock) - c->ra->started_ms) / 1000u),
                   to);
}

static void show_role_timers(struct ra_console *c, enum ra_role role, struct ra_text *to)
{
    const struct ra_slot *slot = &c->ra->commit.slot[role];
    const struct ra_renewal *r = &c->ra->renewal[role];
    struct ra_status s;
    ra_status(c->ra, role, &s);
    if (!s.stored && s.state == RA_STATE_EMPTY) {
        return;
    }
    ra_show_item(c, ra_role_text(role), to);
    ra_show_flag(c, ra_role_word(role), true, to);
    if (s.stored) {
        int64_t early = ra_schedule_due(&c->ra->config, s.not_before, s.not_after, 0);
        ra_show_time(c, "window opens", s.due, to);
        ra_show_number(c, "jitter min", (s.due - early) / RA_MINUTE, to);
        ra_show_time(c, "expires", s.not_after, to);
    }
    if (s.next != RA_TIME_UNKNOWN) {
        ra_show_time(c, s.state == RA_STATE_PENDING ? "next poll" : "next attempt", s.next, to);
    }
    if (slot->probation_until != 0) {
        ra_show_time(c, "probation to", slot->probation_until, to);
    }
    if (slot->previous != 0) {
        ra_show_time(c, "old ends", slot->previous_not_after, to);
    }
    ra_show_number(c, "sent today", r->txn.budget.spent, to);
    ra_show_number(c, "of at most", c->ra->config.attempts_per_day, to);
}

static enum ra_run show_timers(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    if (piece == 0) {
        ra_show_clock(c, to);
    } else {
        show_role_timers(c, (enum ra_role)(piece - 1), to);
    }
    return piece < RA_ROLES ? RA_RUN_MORE : RA_RUN_DONE;
}

/* --- counters -------------------------------------------------------------------- */

static void count_network(struct ra_console *c, struct ra_text *to)
{
    const struct ra_exchange_counters *n = &c->ra->exchange.counters;
    ra_show_item(c, "Since the boot", to);
    ra_show_number(c, "requests", n->requests, to);
    ra_show_number(c, "connections", n->connections, to);
    ra_show_number(c, "bytes out", n->bytes_out, to);
    ra_show_number(c, "bytes in", n->bytes_in, to);
    ra_show_number(c, "events lost", c->ra->events.dropped, to);
}

static void count_flash(struct ra_console *c, struct ra_text *to)
{
    struct ra_store_info info;
    ra_store_info(&c->ra->store, &info);
    ra_show_number(c, "programs", info.programs, to);
    ra_show_number(c, "programmed", info.programmed, to);
    ra_show_number(c, "erases", info.erases, to);
    ra_show_number(c, "repaired", info.repaired, to);
    ra_show_number(c, "damaged", info.damaged, to);
    ra_show_number(c, "worn banks", info.worn, to);
}

static void count_store(struct ra_console *c, struct ra_text *to)
{
    struct ra_store_info info;
    ra_store_info(&c->ra->store, &info);
    ra_show_item(c, "Flash", to);
    ra_show_number(c, "records", info.records, to);
    ra_show_number(c, "live bytes", info.live, to);
    ra_show_number(c, "log bytes", info.used, to);
    ra_show_number(c, "bank bytes", info.bank_bytes, to);
    ra_show_number(c, "banks", info.banks, to);
    /* The banks take turns, and each copy erases one. */
    ra_show_number(c, "copies", info.bank_seq, to);
    ra_show_number(c, "sector wear", info.banks != 0 ? info.bank_seq / info.banks : 0, to);
}

static enum ra_run show_counters(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    if (piece == 0) {
        count_network(c, to);
    } else if (piece == 1) {
        count_flash(c, to);
    } else {
        count_store(c, to);
    }
    return piece < 2 ? RA_RUN_MORE : RA_RUN_DONE;
}

/* --- transactions ---------------------------------------------------------------- */

static void show_request(struct ra_console *c, enum ra_role role, const struct ra_txn *t,
                         struct ra_text *to)
{
    static const char *const protocols[] = {"adcs", "scep", "est"};
    _Static_assert(sizeof protocols / sizeof protocols[0] == RA_PROTOCOLS, "a word for each");
    ra_show_item(c, ra_role_text(role), to);
    ra_show_text(c, "phase", phases[t->phase], to);
    ra_show_text(c, "state", ra_state_text(c->ra->renewal[role].state), to);
    ra_show_text(c, "protocol", t->protocol < RA_PROTOCOLS ? protocols[t->protocol] : "?", to);
    ra_show_number(c, "generation", t->generation, to);
    ra_show_number(c, "attempts", t->attempts, to);
    ra_show_number(c, "failures", t->failures, to);
    if (t->request_id[0] != '\0') {
        ra_show_text(c, "request id", t->request_id, to);
    }
}

static void show_times(struct ra_console *c, const struct ra_txn *t, struct ra_text *to)
{
    char hash[65];
    struct ra_text text;
    ra_show_time(c, "started", t->started, to);
    if (t->phase >= RA_PHASE_SENT) {
        ra_text_init(&text, hash, sizeof hash);
        ra_text_add_hex(&text, t->request_sha256, sizeof t->request_sha256, '\0');
        ra_show_text(c, "request hash", hash, to);
        ra_show_time(c, "submitted", t->submitted, to);
    }
    if (t->next != 0) {
        ra_show_time(c, "next", t->next, to);
    }
    if (t->cause != RA_OK) {
        ra_show_error(c, "last failure", t->cause, to);
    }
    if (t->peer[0] != '\0') {
        ra_show_text(c, "CA's words", t->peer, to);
    }
}

static enum ra_run show_transactions(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    enum ra_role role = (enum ra_role)(piece / 2);
    const struct ra_txn *t = &c->ra->renewal[role].txn;
    bool open = ra_txn_open(t, &c->ra->commit.slot[role]);
    if (piece % 2 != 0 && open) {
        show_times(c, t, to);
    } else if (open) {
        show_request(c, role, t, to);
    } else if (c->json == 0 && piece % 2 == 0) {
        ra_text_add(to, ra_role_text(role));
        ra_text_add(to, "\n  none is open\n");
    }
    return piece + 1 < 2 * RA_ROLES ? RA_RUN_MORE : RA_RUN_DONE;
}

/* --- version --------------------------------------------------------------------- */

static enum ra_run show_version(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    char line[120];
    struct ra_text text;
    (void)piece;
    ra_text_init(&text, line, sizeof line);
    ra_text_add(&text, "Perennial " RA_VERSION ", ");
    ra_text_add(&text, c->board);
    ra_show_item(c, line, to);
    ra_show_text(c, "version", RA_VERSION, to);
    if (c->json != 0) {
        ra_show_text(c, "board", c->board, to);
    }
    ra_show_text(c, "git", RA_GIT, to);
    ra_show_text(c, "crypto", ra_crypto_library(), to);
    ra_show_text(c, "HTTP", "picohttpparser " RA_HTTP_PARSER, to);
    if (c->network != NULL) {
        ra_show_text(c, "network", c->network, to);
    }
    if (c->image != 0) {
        ra_show_number(c, "image bytes", c->image, to);
    }
    ra_show_number(c, "RSA bits max", RA_RSA_BITS_MAX, to);
    ra_show_number(c, "RAM core", sizeof *c->ra, to);
    ra_show_number(c, "RAM console", sizeof *c, to);
    ra_show_number(c, "flash bytes", c->ra->hal->flash.sector_size * c->ra->hal->flash.sector_count,
                   to);
    return RA_RUN_DONE;
}

/* --- all of it for a support case ---------------------------------------------------- */

static const char *const tech[] = {
    "show version",      "time",          "show timers",         "show credentials",
    "show transactions", "show counters", "show running-config", "show log",
};

static const struct ra_command *named(const char *words)
{
    unsigned i = 0;
    while (strcmp(ra_command_at(i)->words, words) != 0) {
        i++;
    }
    return ra_command_at(i);
}

static enum ra_run show_tech(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    if (piece == 0) {
        c->part = 0;
        c->part_piece = 0;
    }
    if (c->part_piece == 0) {
        ra_text_add(to, "! ");
        ra_text_add(to, tech[c->part]);
        ra_text_add(to, "\n");
    }
    enum ra_run next = named(tech[c->part])->run(c, c->part_piece, to);
    if (next == RA_RUN_AGAIN) {
        ra_text_init(to, to->p, to->cap);
        return next;
    }
    c->part_piece++;
    if (next == RA_RUN_DONE) {
        c->part++;
        c->part_piece = 0;
    }
    return c->part < sizeof tech / sizeof tech[0] ? RA_RUN_MORE : RA_RUN_DONE;
}

static const struct ra_command commands[] = {
    {"show log", "[N]", "the last events, oldest first", "show log 5", show_log, NULL, 0, 1,
     RA_COMMAND_JSON},
    {"show timers", "", "what happens when", "show timers", show_timers, NULL, 0, 0,
     RA_COMMAND_JSON},
    {"show counters", "", "network, flash and its wear", "show counters | json", show_counters,
     NULL, 0, 0, RA_COMMAND_JSON},
    {"show transactions", "", "requests under way", "show transactions", show_transactions, NULL, 0,
     0, RA_COMMAND_JSON},
    {"show version", "", "what runs here", "show version", show_version, NULL, 0, 0,
     RA_COMMAND_JSON},
    {"show tech", "", "all of it for a support case, no secrets", "show tech", show_tech, NULL, 0,
     0, 0},
};
const struct ra_command_table ra_commands_status = {commands, sizeof commands / sizeof commands[0]};
