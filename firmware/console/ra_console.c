#include "ra_console.h"

#include <string.h>

#include "ra_command.h"

#define CTRL_C 0x03
#define CTRL_D 0x04
#define BACKSPACE 0x08
#define CTRL_U 0x15
#define DELETE 0x7f

static const struct ra_command_table *const tables[] = {
    &ra_commands_show,    &ra_commands_config, &ra_commands_renew,
    &ra_commands_certreq, &ra_commands_system,
};

const struct ra_command *ra_command_at(unsigned i)
{
    for (unsigned t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        if (i < tables[t]->count) {
            return &tables[t]->commands[i];
        }
        i -= tables[t]->count;
    }
    return NULL;
}

/* --- output -------------------------------------------------------------------- */

static size_t room(const struct ra_console *c)
{
    return RA_CONSOLE_OUT - c->out_count;
}

static void emit_char(struct ra_console *c, char ch)
{
    if (room(c) != 0) {
        c->out[(c->out_first + c->out_count) % RA_CONSOLE_OUT] = ch;
        c->out_count++;
    }
}

static void emit(struct ra_console *c, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\n') {
            emit_char(c, '\r');
        }
        emit_char(c, *s);
    }
}

static void emit_error(struct ra_console *c, ra_err e)
{
    char text[96];
    struct ra_text to;
    ra_text_init(&to, text, sizeof text);
    ra_command_error(e, &to);
    emit(c, text);
}

static void flush(struct ra_console *c)
{
    const struct hal_serial *serial = &c->ra->hal->serial;
    while (c->out_count != 0) {
        uint32_t run = RA_CONSOLE_OUT - c->out_first;
        if (run > c->out_count) {
            run = c->out_count;
        }
        uint32_t n = serial->write(serial->dev, (const uint8_t *)c->out + c->out_first, run);
        if (n == 0) {
            return;
        }
        memset(c->out + c->out_first, 0, n); /* an echoed password does not stay */
        c->out_first = (uint16_t)((c->out_first + n) % RA_CONSOLE_OUT);
        c->out_count = (uint16_t)(c->out_count - n);
    }
}

/* --- a command: found, run, ended ------------------------------------------------ */

static void end_command(struct ra_console *c)
{
    if (c->paste != NULL && c->paste_secret) {
        ra_wipe(c->paste, c->paste_room);
    }
    ra_wipe(c->answer, sizeof c->answer);
    c->answer_size = 0;
    c->paste = NULL;
    c->command = NULL;
    c->input = RA_CONSOLE_COMMANDS;
    ra_line_clear(&c->line);
}

/* How many words of the command are typed: all, or 0. */
static unsigned matches(const struct ra_command *command, char *const *words, unsigned count)
{
    const char *p = command->words;
    for (unsigned i = 0;; i++) {
        size_t n = strcspn(p, " ");
        if (i == count || strlen(words[i]) != n || memcmp(words[i], p, n) != 0) {
            return 0;
        }
        if (p[n] == '\0') {
            return i + 1;
        }
        p += n + 1;
    }
}

static ra_err find_command(struct ra_console *c, char *const *words, unsigned count)
{
    const struct ra_command *found = NULL, *at;
    unsigned used = 0;
    for (unsigned i = 0; (at = ra_command_at(i)) != NULL; i++) {
        unsigned n = matches(at, words, count);
        if (n > used) {
            found = at;
            used = n;
        }
    }
    if (found == NULL) {
        return RA_E_COMMAND;
    }
    c->force = (found->flags & RA_COMMAND_FORCE) != 0 && count > used &&
               strcmp(words[count - 1], "force") == 0;
    count -= used + c->force;
    if (count < found->args_min || count > found->args_max) {
        return RA_E_PARAMETER;
    }
    memset(c->args, 0, sizeof c->args);
    for (unsigned i = 0; i < count; i++) {
        c->args[i] = words[used + i];
    }
    c->arg_count = (uint8_t)count;
    c->command = found;
    c->piece = 0;
    return RA_OK;
}

static void start_command(struct ra_console *c)
{
    char *words[RA_CONSOLE_ARGS + 4];
    char *p = c->line.text;
    unsigned n = 0;
    while (*p != '\0') {
        while (*p == ' ') {
            *p++ = '\0';
        }
        if (*p == '\0') {
            break;
        }
        if (n < sizeof words / sizeof words[0]) {
            words[n] = p;
        }
        n++;
        p += strcspn(p, " ");
    }
    ra_err e = RA_OK;
    if (n > sizeof words / sizeof words[0]) {
        e = RA_E_PARAMETER;
    } else if (n != 0) {
        e = find_command(c, words, n);
    }
    if (e != RA_OK) {
        emit_error(c, e);
    }
    if (c->command == NULL) {
        ra_line_clear(&c->line);
    }
}

static void run_piece(struct ra_console *c)
{
    char text[RA_CONSOLE_PIECE];
    struct ra_text to;
    ra_text_init(&to, text, sizeof text);
    enum ra_run next = c->command->run(c, c->piece, &to);
    emit(c, text);
    if (next == RA_RUN_DONE) {
        end_command(c);
        return;
    }
    c->piece = (uint16_t)(c->piece + (next != RA_RUN_AGAIN));
    if (next == RA_RUN_ASK) {
        emit(c, c->prompt);
    }
}

/* --- what a command asks for ------------------------------------------------------- */

static enum ra_run ask(struct ra_console *c, enum ra_console_input input, const char *prompt)
{
    c->input = (uint8_t)input;
    c->prompt = prompt;
    c->answer_size = 0;
    c->too_long = false;
    memset(c->answer, 0, sizeof c->answer);
    return RA_RUN_ASK;
}

enum ra_run ra_console_confirm(struct ra_console *c, const char *question)
{
    return c->force ? RA_RUN_MORE : ask(c, RA_CONSOLE_CONFIRM, question);
}

enum ra_run ra_console_ask_secret(struct ra_console *c, const char *prompt)
{
    return ask(c, RA_CONSOLE_SECRET, prompt);
}

enum ra_run ra_console_paste(struct ra_console *c, const char *what, uint8_t *buffer, uint32_t room,
                             bool secret)
{
    c->paste = (char *)buffer;
    c->paste_room = room;
    c->paste_size = 0;
    c->paste_column = 0;
    c->paste_secret = secret;
    return ask(c, RA_CONSOLE_PASTE, what);
}

static void give_up(struct ra_console *c, const char *why)
{
    emit(c, why);
    end_command(c);
}

static void end_answer(struct ra_console *c)
{
    emit(c, "\n");
    if (c->too_long) {
        emit_error(c, RA_E_LINE_TOO_LONG);
        end_command(c);
    } else if (c->input == RA_CONSOLE_CONFIRM && !ra_text_equal_nocase(c->answer, "yes") &&
               !ra_text_equal_nocase(c->answer, "y")) {
        give_up(c, "cancelled\n");
    } else {
        c->input = RA_CONSOLE_COMMANDS;
    }
}

static void take_answer(struct ra_console *c, char ch)
{
    bool shown = c->input == RA_CONSOLE_CONFIRM;
    if (ch == '\r' || ch == '\n') {
        end_answer(c);
    } else if (ch == CTRL_C || ch == CTRL_D) {
        give_up(c, "\ncancelled\n");
    } else if (ch == CTRL_U) {
        while (shown && c->answer_size != 0) {
            c->answer_size--;
            emit(c, "\b \b");
        }
        ra_wipe(c->answer, sizeof c->answer);
        c->answer_size = 0;
    } else if (ch == BACKSPACE || ch == DELETE) {
        if (c->answer_size != 0) {
            c->answer[--c->answer_size] = '\0';
            emit(c, shown ? "\b \b" : "");
        }
    } else if (ch >= ' ' && ch <= '~') {
        if (c->answer_size == RA_CONSOLE_ANSWER) {
            c->too_long = true;
            return;
        }
        c->answer[c->answer_size++] = ch;
        if (shown) {
            emit_char(c, ch);
        }
    }
}

static void end_paste(struct ra_console *c)
{
    emit(c, "\n");
    if (c->too_long) {
        emit_error(c, RA_E_PASTE_TOO_LONG);
        end_command(c);
        return;
    }
    c->paste[c->paste_size] = '\0';
    c->input = RA_CONSOLE_COMMANDS;
}

static bool is_end_mark(const struct ra_console *c)
{
    return (c->paste_column == 1 && c->paste_head[0] == '.') ||
           (c->paste_column == 3 && memcmp(c->paste_head, "END", 3) == 0);
}

/* A byte more; what does not fit is counted, so that a paste that is too long still ends where
 * its end is. */
static void add_to_paste(struct ra_console *c, char ch)
{
    if (c->paste_size + 1 < c->paste_room) {
        c->paste[c->paste_size++] = ch;
    } else {
        c->too_long = true;
    }
    if (c->paste_column < sizeof c->paste_head) {
        c->paste_head[c->paste_column] = ch;
    }
    c->paste_column++;
}

static void take_paste(struct ra_console *c, char ch)
{
    if (ch == '\r' || ch == '\n') {
        if (is_end_mark(c)) {
            uint32_t mark = c->paste_column;
            c->paste_size -= mark < c->paste_size ? mark : c->paste_size;
            end_paste(c);
            return;
        }
        add_to_paste(c, '\n');
        c->paste_column = 0;
        emit(c, c->paste_secret ? "" : "\n");
    } else if (ch == CTRL_D) {
        end_paste(c);
    } else if (ch == CTRL_C) {
        give_up(c, "\ncancelled\n");
    } else if (ch == BACKSPACE || ch == DELETE) {
        if (c->paste_column != 0) {
            c->paste_column--;
            c->paste_size -= !c->too_long;
            emit(c, c->paste_secret ? "" : "\b \b");
        }
    } else if (ch != '\0') {
        add_to_paste(c, ch);
        if (!c->paste_secret && ((unsigned char)ch >= ' ' || ch == '\t')) {
            emit_char(c, ch);
        }
    }
}

/* --- input ----------------------------------------------------------------------- */

static void take_command(struct ra_console *c, char ch)
{
    char text[RA_LINE_ECHO];
    struct ra_text echo;
    ra_text_init(&echo, text, sizeof text);
    enum ra_line_result result = ra_line_put(&c->line, ch, &echo);
    emit(c, text);
    if (result == RA_LINE_DONE) {
        start_command(c);
    } else if (result == RA_LINE_TOO_LONG) {
        emit_error(c, RA_E_LINE_TOO_LONG);
    }
}

static void take(struct ra_console *c, char ch)
{
    bool second_of_pair = ch == '\n' && c->last_was_cr;
    c->last_was_cr = ch == '\r';
    if (second_of_pair) {
        return;
    }
    switch (c->input) {
    case RA_CONSOLE_COMMANDS:
        take_command(c, ch);
        break;
    case RA_CONSOLE_PASTE:
        take_paste(c, ch);
        break;
    default:
        take_answer(c, ch);
        break;
    }
}

void ra_console_init(struct ra_console *c, struct ra *ra, const char *board, uint8_t *bulk)
{
    memset(c, 0, sizeof *c);
    c->ra = ra;
    c->board = board;
    c->bulk = bulk;
    ra_line_init(&c->line, RA_CONSOLE_PROMPT);
}

static void hide_line(struct ra_console *c)
{
    char text[RA_LINE_ECHO];
    struct ra_text echo;
    ra_text_init(&echo, text, sizeof text);
    ra_line_hide(&c->line, &echo);
    emit(c, text);
}

static void draw_line(struct ra_console *c)
{
    char text[RA_LINE_ECHO];
    struct ra_text echo;
    ra_text_init(&echo, text, sizeof text);
    ra_line_draw(&c->line, &echo);
    emit(c, text);
}

void ra_console_say(struct ra_console *c, const char *line)
{
    hide_line(c);
    emit(c, line);
    emit(c, "\n");
}

/* Show one event that happened since the last call. */
static bool show_news(struct ra_console *c)
{
    struct ra_events *events = &c->ra->events;
    struct ra_event_entry entry;
    char text[RA_CONSOLE_PIECE];
    struct ra_text to;
    if (!events->loaded) {
        return false;
    }
    if (!c->news_begun) {
        /* What flash held at the start is `show log`'s, not news. */
        c->news_begun = true;
        c->events_shown = events->next - 1 - events->count;
    }
    if (c->events_shown + 1 >= events->next) {
        return false;
    }
    ra_err e = ra_events_get(events, &c->ra->store, events->next - 2 - c->events_shown, &entry);
    if (e == RA_AGAIN) {
        return false; /* flash is busy: the line being typed comes first */
    }
    c->events_shown++;
    if (e != RA_OK) {
        return true;
    }
    ra_text_init(&to, text, sizeof text);
    ra_text_add(&to, ra_event_is_alert((enum ra_event_kind)entry.kind) ? "! " : "* ");
    ra_event_print(&entry, &to);
    ra_console_say(c, text);
    return true;
}

bool ra_console_step(struct ra_console *c)
{
    const struct hal_serial *serial = &c->ra->hal->serial;
    uint8_t ch;
    flush(c);
    if (c->reboot) {
        if (c->out_count == 0 && ra_settled(c->ra)) {
            c->ra->hal->reset.reset(c->ra->hal->reset.dev);
        }
        return true;
    }
    /* A piece needs its own room; CR before LF can double a few characters. */
    if (room(c) < RA_CONSOLE_PIECE + 80) {
        return false;
    }
    if (c->command != NULL && c->input == RA_CONSOLE_COMMANDS) {
        run_piece(c);
        return true;
    }
    if (c->command == NULL) {
        if (show_news(c)) {
            return true;
        }
        if (!c->line.drawn) {
            draw_line(c);
        }
    }
    for (unsigned i = 0; i < 32 && room(c) >= RA_LINE_ECHO; i++) {
        if (c->command != NULL && c->input == RA_CONSOLE_COMMANDS) {
            break;
        }
        if (serial->read(serial->dev, &ch, 1) == 0) {
            return c->out_count != 0;
        }
        take(c, (char)ch);
    }
    return true;
}
