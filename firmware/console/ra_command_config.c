#include "ra_command.h"

static enum ra_run list(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    const struct ra_setting *s = ra_setting_at(piece);
    ra_text_add(to, s->name);
    ra_text_pad_to(to, 26);
    ra_config_print(&c->ra->config, s, false, to);
    ra_text_add(to, "\n");
    ra_text_pad_to(to, 26);
    ra_text_add(to, "  ");
    ra_text_add(to, s->help);
    ra_text_add(to, "\n");
    return piece + 1 < ra_setting_count() ? RA_RUN_MORE : RA_RUN_DONE;
}

static enum ra_run set(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    ra_err e = ra_setting_change(c->ra, c->args[0], c->arg_count > 1 ? c->args[1] : "");
    if (e != RA_OK) {
        ra_command_error(e, to);
    }
    return RA_RUN_DONE;
}

static enum ra_run save(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    ra_config_save(c->ra);
    ra_text_add(to, "saving\n");
    return RA_RUN_DONE;
}

static const char *setting_name(unsigned arg, unsigned i)
{
    return arg == 0 && i < ra_setting_count() ? ra_setting_at(i)->name : NULL;
}

static const struct ra_command commands[] = {
    {"config", "", "every setting", "config", list, NULL, 0, 0, 0},
    {"config list", "", "the same", "config list", list, NULL, 0, 0, 0},
    {"config set", "NAME [VALUE]", "change a setting", "config set renew-days 60", set,
     setting_name, 1, 2, 0},
    {"config save", "", "write the settings to flash", "config save", save, NULL, 0, 0, 0},
};
const struct ra_command_table ra_commands_config = {commands, sizeof commands / sizeof commands[0]};
