#include <string.h>

#include "ra_command.h"

static enum ra_run list(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    const struct ra_setting *s = ra_setting_at(piece);
    char value[RA_URL_MAX + 1];
    struct ra_text text;
    ra_text_init(&text, value, sizeof value);
    ra_config_print(&c->ra->config, s, false, &text);
    if (c->json != 0) {
        ra_show_item(c, "", to);
        ra_show_text(c, "name", s->name, to);
        ra_show_text(c, "value", value, to);
        ra_show_text(c, "help", s->help, to);
    } else {
        ra_text_add(to, s->name);
        ra_text_pad_to(to, 26);
        ra_text_add(to, value);
        ra_text_add(to, "\n");
        ra_text_pad_to(to, 18);
        ra_text_add(to, s->help);
        ra_text_add(to, "\n");
    }
    return piece + 1 < ra_setting_count() ? RA_RUN_MORE : RA_RUN_DONE;
}

static enum ra_run set(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    const struct ra_setting *s = ra_setting_find(c->args[0]);
    /* What was meant for a secret may stand behind a name that is not quite one. */
    c->secret_line = s == NULL || s->kind == RA_SETTING_SECRET;
    if (piece == 0 && s != NULL && s->kind == RA_SETTING_SECRET && c->arg_count == 1) {
        return ra_console_ask_secret(c, "value, not shown: ");
    }
    const char *value = c->arg_count > 1 ? c->args[1] : piece != 0 ? c->answer : "";
    ra_err e = ra_setting_change(c->ra, c->args[0], value);
    if (e != RA_OK) {
        ra_command_error(e, to);
    }
    return RA_RUN_DONE;
}

static void running_line(const struct ra_config *config, const struct ra_setting *s, bool all,
                         struct ra_text *to)
{
    bool is_default = ra_config_is_default(config, s);
    if (s->kind == RA_SETTING_SECRET) {
        ra_text_add(to, is_default ? "" : "! secret ");
        ra_text_add(to, is_default ? "" : s->name);
        ra_text_add(to, is_default ? "" : " is set\n");
    } else if (all || !is_default) {
        ra_text_add(to, "config set ");
        ra_text_add(to, s->name);
        ra_text_add(to, " ");
        ra_config_print(config, s, false, to);
        ra_text_add(to, "\n");
    }
}

/* What can be pasted into another appliance: the console skips lines that begin with `!`. */
static enum ra_run running(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    bool all = c->arg_count != 0;
    if (all && strcmp(c->args[0], "all") != 0) {
        return ra_command_failed(RA_E_PARAMETER, to);
    }
    if (piece == 0) {
        ra_text_add(to, all ? "! every setting\n" : "! settings that differ from the defaults\n");
    }
    if (piece < ra_setting_count()) {
        running_line(&c->ra->config, ra_setting_at(piece), all, to);
        return RA_RUN_MORE;
    }
    if (c->ra->password.set) {
        ra_text_add(to, "! secret password is set\n");
    }
    ra_text_add(to, "! end; `config save` writes the settings to flash\n");
    return RA_RUN_DONE;
}

static const char *all_word(unsigned arg, unsigned i)
{
    return arg == 0 && i == 0 ? "all" : NULL;
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
    {"config", "", "every setting", "config", list, NULL, 0, 0, RA_COMMAND_JSON},
    {"config list", "", "the same", "config list", list, NULL, 0, 0, RA_COMMAND_JSON},
    {"config set", "NAME [VALUE]", "change a setting", "config set renew-days 60", set,
     setting_name, 1, 2, RA_COMMAND_REST},
    {"show running-config", "[all]", "the settings, to be pasted into another appliance",
     "show running-config", running, all_word, 0, 1, 0},
    {"config save", "", "write the settings to flash", "config save", save, NULL, 0, 0, 0},
};
const struct ra_command_table ra_commands_config = {commands, sizeof commands / sizeof commands[0]};
