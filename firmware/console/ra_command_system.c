#include <string.h>

#include "ra_command.h"
#include "ra_lookup.h"
#include "ra_time.h"

#define HELP_COLUMN 30

static void print_usage(const struct ra_command *command, struct ra_text *to)
{
    ra_text_add(to, "  ");
    ra_text_add(to, command->words);
    ra_text_add(to, *command->usage != '\0' ? " " : "");
    ra_text_add(to, command->usage);
}

static void print_short(const struct ra_command *command, struct ra_text *to)
{
    size_t begin = to->size;
    print_usage(command, to);
    if (to->size - begin >= HELP_COLUMN) {
        ra_text_add(to, "\n");
    }
    ra_text_pad_to(to, HELP_COLUMN);
    ra_text_add(to, command->help);
    ra_text_add(to, "\n");
}

static void print_long(const struct ra_command *command, struct ra_text *to)
{
    print_usage(command, to);
    ra_text_add(to, (command->flags & RA_COMMAND_JSON) != 0 ? " [| json]" : "");
    ra_text_add(to, "\n      ");
    ra_text_add(to, command->help);
    ra_text_add(to, "\n      example: ");
    ra_text_add(to, command->example);
    ra_text_add(to, "\n");
}

static enum ra_run help(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    struct ra_word words[RA_CONSOLE_ARGS];
    struct ra_lookup at;
    const struct ra_command *command = ra_command_at(piece);
    if (c->arg_count == 0) {
        print_short(command, to);
    } else {
        for (unsigned i = 0; i < c->arg_count; i++) {
            words[i].p = c->args[i];
            words[i].size = strlen(c->args[i]);
        }
        ra_lookup(words, c->arg_count, &at);
        if (at.depth != c->arg_count) {
            ra_command_error(at.ambiguous ? RA_E_AMBIGUOUS : RA_E_COMMAND, to);
            return RA_RUN_DONE;
        }
        if (ra_lookup_is(&at, command)) {
            print_long(command, to);
        }
    }
    return ra_command_at(piece + 1) != NULL ? RA_RUN_MORE : RA_RUN_DONE;
}

static enum ra_run terminal_length(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    uint32_t length;
    (void)piece;
    if (!ra_text_parse_u32(c->args[0], strlen(c->args[0]), 512, &length) || length == 1) {
        ra_command_error(RA_E_PARAMETER, to);
    } else {
        c->length = (uint16_t)length;
    }
    return RA_RUN_DONE;
}

static enum ra_run time_show(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    if (c->json != 0) {
        ra_show_clock(c, to);
        return RA_RUN_DONE;
    }
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
        return ra_command_failed(e, to);
    }
    return time_show(c, piece, to);
}

static enum ra_run reboot(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    if (c->ra->hal->reset.reset == NULL) {
        return ra_command_failed(RA_E_UNSUPPORTED, to);
    }
    ra_text_add(to, "rebooting\n");
    c->reboot = true;
    return RA_RUN_DONE;
}

static const struct ra_command commands[] = {
    {"help", "[COMMAND]", "every command, or one with an example", "help config set", help, NULL, 0,
     3, 0},
    {"terminal length", "LINES", "lines of a page; 0: never stop, for scripts", "terminal length 0",
     terminal_length, NULL, 1, 1, 0},
    {"time", "", "the time, its source and its floor", "time", time_show, NULL, 0, 0,
     RA_COMMAND_JSON},
    {"time set", "YYYY-MM-DDThh:mm:ssZ", "set the time", "time set 2027-01-15T08:00:00Z", time_set,
     NULL, 1, 1, 0},
    {"reboot", "", "restart the appliance", "reboot", reboot, NULL, 0, 0, 0},
};
const struct ra_command_table ra_commands_system = {commands, sizeof commands / sizeof commands[0]};
