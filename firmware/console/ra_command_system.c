#include <string.h>

#include "ra_command.h"
#include "ra_time.h"

static enum ra_run help(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    const struct ra_command *command = ra_command_at(piece);
    (void)c;
    ra_text_add(to, "  ");
    ra_text_add(to, command->words);
    ra_text_add(to, *command->usage != '\0' ? " " : "");
    ra_text_add(to, command->usage);
    ra_text_pad_to(to, 42);
    ra_text_add(to, command->help);
    ra_text_add(to, "\n");
    return ra_command_at(piece + 1) != NULL ? RA_RUN_MORE : RA_RUN_DONE;
}

static enum ra_run time_show(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    ra_command_time(ra_clock_now(&c->ra->clock), to);
    ra_text_add(to, ", source: ");
    ra_text_add(to, ra_clock_source_text(c->ra->clock.source));
    ra_text_add(to, ", not before ");
    ra_command_time(c->ra->clock.floor, to);
    ra_text_add(to, "\n");
    return RA_RUN_DONE;
}

static enum ra_run time_set(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    int64_t t;
    ra_err e = ra_time_from_text(c->args[0], strlen(c->args[0]), &t);
    if (e == RA_OK) {
        e = ra_offer_time(c->ra, RA_TIME_OPERATOR, t);
    }
    if (e != RA_OK) {
        ra_command_error(e, to);
        return RA_RUN_DONE;
    }
    return time_show(c, piece, to);
}

static enum ra_run reboot(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    if (c->ra->hal->reset.reset == NULL) {
        ra_command_error(RA_E_UNSUPPORTED, to);
        return RA_RUN_DONE;
    }
    ra_text_add(to, "rebooting\n");
    c->reboot = true;
    return RA_RUN_DONE;
}

static const struct ra_command commands[] = {
    {"help", "", "this list", "help", help, NULL, 0, 0, 0},
    {"?", "", "the same", "?", help, NULL, 0, 0, 0},
    {"time", "", "the time, its source and its floor", "time", time_show, NULL, 0, 0, 0},
    {"time set", "YYYY-MM-DDThh:mm:ssZ", "set the time", "time set 2027-01-15T08:00:00Z", time_set,
     NULL, 1, 1, 0},
    {"reboot", "", "restart the appliance", "reboot", reboot, NULL, 0, 0, 0},
};
const struct ra_command_table ra_commands_system = {commands, sizeof commands / sizeof commands[0]};
