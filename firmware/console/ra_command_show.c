#include <string.h>

#include "ra_adcs.h"
#include "ra_command.h"
#include "ra_time.h"
#include "ra_x509.h"

/* --- show credentials ------------------------------------------------------------ */

static void show_state(enum ra_role role, const struct ra_status *s, struct ra_text *to)
{
    ra_text_add(to, ra_role_text(role));
    ra_text_add(to, " (");
    ra_text_add(to, ra_role_word(role));
    ra_text_add(to, ")\n");
    ra_command_field("state", to);
    ra_text_add(to, s->damaged ? "DAMAGED in flash, " : "");
    ra_text_add(to, s->expired && s->stored ? "EXPIRED, " : "");
    ra_text_add(to, ra_state_text(s->state));
    if (s->held) {
        ra_text_add(to, ", on hold by the operator");
    }
    if (s->state == RA_STATE_KEYGEN) {
        ra_text_add(to, ", ");
        ra_text_add_u32(to, s->progress);
        ra_text_add(to, " candidates tried");
    }
    if (s->request_id[0] != '\0') {
        ra_text_add(to, ", request id ");
        ra_text_add(to, s->request_id);
    }
    ra_text_add(to, "\n");
}

static void show_certificate(struct ra_console *c, enum ra_role role, struct ra_text *to)
{
    struct ra_cert cert;
    ra_err e = ra_command_certificate(c, role, &cert);
    if (e != RA_OK) {
        ra_command_field("certificate", to);
        ra_error_print(e, to);
        ra_text_add(to, "\n");
        return;
    }
    ra_command_certificate_print(&cert, to);
}

static void show_outlook(const struct ra_console *c, const struct ra_status *s, struct ra_text *to)
{
    int64_t now = ra_clock_now(&c->ra->clock);
    ra_command_field("days left", to);
    if (now == RA_TIME_UNKNOWN) {
        ra_text_add(to, "unknown: the time is not set");
    } else {
        ra_text_add_i64(to, s->not_after > now ? (s->not_after - now) / RA_DAY : 0);
    }
    ra_text_add(to, "\n");
    ra_command_field("window opens", to);
    ra_command_time(s->due, to);
    ra_text_add(to, "\n");
    if (s->next != RA_TIME_UNKNOWN) {
        ra_command_field("next attempt", to);
        ra_command_time(s->next, to);
        ra_text_add(to, "\n");
    }
    if (s->cause != RA_OK) {
        ra_command_field("last failure", to);
        ra_error_print(s->cause, to);
        ra_text_add(to, "\n");
        if (s->hresult != 0) {
            ra_command_field("CA's status", to);
            ra_text_add_hex32(to, s->hresult);
            ra_text_add(to, " ");
            ra_text_add(to, ra_hresult_text(s->hresult));
            ra_text_add(to, "\n");
        }
        if (s->peer[0] != '\0') {
            ra_command_field("CA's words", to);
            ra_text_add(to, s->peer);
            ra_text_add(to, "\n");
        }
    }
}

static enum ra_run show_credentials(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    enum ra_role role = (enum ra_role)(piece / 3);
    struct ra_status s;
    ra_status(c->ra, role, &s);
    /* The device's own credential need not exist. */
    bool absent = role == RA_ROLE_DEVICE && !s.stored && s.state == RA_STATE_EMPTY;
    switch (absent ? 2 : piece % 3) {
    case 0:
        show_state(role, &s, to);
        break;
    case 1:
        if (s.stored) {
            show_certificate(c, role, to);
        } else if (s.cause != RA_OK) {
            ra_command_field("last failure", to);
            ra_error_print(s.cause, to);
            ra_text_add(to, "\n");
        }
        break;
    default:
        if (s.stored) {
            show_outlook(c, &s, to);
        }
        if (role + 1 == RA_ROLES && !c->ra->seal.have_key) {
            ra_text_add(to, "warning: this board has no device key, stored keys are not sealed\n");
        }
        break;
    }
    return piece + 1 < 3 * RA_ROLES ? RA_RUN_MORE : RA_RUN_DONE;
}

static enum ra_run show_log(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    struct ra_event_entry entry;
    /* Oldest first, so that the newest stands above the prompt. */
    ra_err e = ra_events_get(&c->ra->events, &c->ra->store, RA_EVENTS - 1 - piece, &entry);
    if (e == RA_AGAIN) {
        return RA_RUN_AGAIN;
    }
    if (e == RA_OK) {
        ra_event_print(&entry, to);
        ra_text_add(to, "\n");
    }
    return piece + 1 < RA_EVENTS ? RA_RUN_MORE : RA_RUN_DONE;
}

static enum ra_run show_version(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    ra_text_add(to, "Perennial " RA_VERSION ", ");
    ra_text_add(to, c->board);
    ra_text_add(to, "\n");
    return RA_RUN_DONE;
}

static const struct ra_command commands[] = {
    {"show", "", "the credentials and how they stand", "show", show_credentials, NULL, 0, 0, 0},
    {"show credentials", "", "the same", "show credentials", show_credentials, NULL, 0, 0, 0},
    {"show log", "", "the last events", "show log", show_log, NULL, 0, 0, 0},
    {"show version", "", "what runs here", "show version", show_version, NULL, 0, 0, 0},
};
const struct ra_command_table ra_commands_show = {commands, sizeof commands / sizeof commands[0]};
