#include <string.h>

#include "ra_adcs.h"
#include "ra_command.h"
#include "ra_time.h"
#include "ra_x509.h"

/* --- show credentials ------------------------------------------------------------ */

static void show_state(struct ra_console *c, enum ra_role role, const struct ra_status *s,
                       struct ra_text *to)
{
    char line[160];
    struct ra_text text;
    ra_text_init(&text, line, sizeof line);
    ra_text_add(&text, ra_role_text(role));
    ra_text_add(&text, " (");
    ra_text_add(&text, ra_role_word(role));
    ra_text_add(&text, ")");
    ra_show_item(c, line, to);
    if (c->json != 0) {
        ra_show_text(c, "role", ra_role_word(role), to);
        ra_show_text(c, "state", ra_state_text(s->state), to);
        ra_show_flag(c, "stored", s->stored, to);
        ra_show_flag(c, "damaged", s->damaged, to);
        ra_show_flag(c, "expired", s->expired, to);
        ra_show_flag(c, "held", s->held, to);
        ra_show_number(c, "candidates", s->progress, to);
        ra_show_text(c, "request id", s->request_id, to);
        return;
    }
    ra_text_init(&text, line, sizeof line);
    ra_text_add(&text, s->damaged ? "DAMAGED in flash, " : "");
    ra_text_add(&text, s->expired ? "EXPIRED, " : "");
    ra_text_add(&text, ra_state_text(s->state));
    ra_text_add(&text, s->held ? ", on hold by the operator" : "");
    if (s->state == RA_STATE_KEYGEN) {
        ra_text_add(&text, ", ");
        ra_text_add_u32(&text, s->progress);
        ra_text_add(&text, " candidates tried");
    }
    if (s->request_id[0] != '\0') {
        ra_text_add(&text, ", request id ");
        ra_text_add(&text, s->request_id);
    }
    ra_show_text(c, "state", line, to);
}

/* False: flash is busy. */
static bool show_certificate(struct ra_console *c, enum ra_role role, bool names,
                             struct ra_text *to)
{
    struct ra_cert cert;
    ra_err e = ra_command_certificate(c, role, &cert);
    if (e == RA_OK && names) {
        ra_show_names(c, &cert, to);
    } else if (e == RA_OK) {
        ra_show_numbers(c, &cert, to);
    } else if (e != RA_AGAIN && names) {
        ra_show_error(c, "certificate", e, to);
    }
    return e != RA_AGAIN;
}

static void show_failure(struct ra_console *c, const struct ra_status *s, struct ra_text *to)
{
    char line[120];
    struct ra_text text;
    if (s->cause == RA_OK) {
        return;
    }
    ra_show_error(c, "last failure", s->cause, to);
    if (s->hresult != 0) {
        ra_text_init(&text, line, sizeof line);
        ra_text_add_hex32(&text, s->hresult);
        ra_text_add(&text, " ");
        ra_text_add(&text, ra_hresult_text(s->hresult));
        ra_show_text(c, "CA's status", line, to);
    }
    if (s->peer[0] != '\0') {
        ra_show_text(c, "CA's words", s->peer, to);
    }
}

static void show_outlook(struct ra_console *c, const struct ra_status *s, struct ra_text *to)
{
    int64_t now = ra_clock_now(&c->ra->clock);
    if (now != RA_TIME_UNKNOWN) {
        ra_show_number(c, "days left", s->not_after > now ? (s->not_after - now) / RA_DAY : 0, to);
    } else if (c->json == 0) {
        ra_show_text(c, "days left", "unknown: the time is not set", to);
    }
    ra_show_time(c, "window opens", s->due, to);
    if (s->next != RA_TIME_UNKNOWN) {
        ra_show_time(c, "next attempt", s->next, to);
    }
    show_failure(c, s, to);
}

static enum ra_run show_credentials(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    enum ra_role role = (enum ra_role)(piece / 4);
    struct ra_status s;
    ra_status(c->ra, role, &s);
    /* The device's own credential need not exist. */
    bool absent = role == RA_ROLE_DEVICE && !s.stored && s.state == RA_STATE_EMPTY;
    if (!absent && piece % 4 == 0) {
        show_state(c, role, &s, to);
    } else if (s.stored && piece % 4 < 3) {
        if (!show_certificate(c, role, piece % 4 == 1, to)) {
            return RA_RUN_AGAIN;
        }
    } else if (s.stored) {
        show_outlook(c, &s, to);
    } else if (!absent && piece % 4 == 3) {
        show_failure(c, &s, to);
    }
    if (piece + 1 < 4 * RA_ROLES) {
        return RA_RUN_MORE;
    }
    if (!c->ra->seal.have_key && c->json == 0) {
        ra_text_add(to, "warning: this board has no device key, stored keys are not sealed\n");
    }
    return RA_RUN_DONE;
}

static const struct ra_command commands[] = {
    {"show", "", "the credentials and how they stand", "show", show_credentials, NULL, 0, 0,
     RA_COMMAND_JSON},
    {"show credentials", "", "the same", "show credentials | json", show_credentials, NULL, 0, 0,
     RA_COMMAND_JSON},
};
const struct ra_command_table ra_commands_show = {commands, sizeof commands / sizeof commands[0]};
