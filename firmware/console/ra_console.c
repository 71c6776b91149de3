#include "ra_console.h"

#include <string.h>

#include "ra_command.h"
#include "ra_login.h"
#include "ra_lookup.h"

#define CTRL_C 0x03
#define CTRL_D 0x04
#define BACKSPACE 0x08
#define CTRL_U 0x15
#define DELETE 0x7f

#define MORE "--more-- (space, Enter, q)"
#define STATUS_EVERY_MS 1000u
#define SOMEBODY_THERE_MS 300000u
/* Room that is left for ra_console_say, which cannot wait. */
#define RESERVED 220u

static const struct ra_command_table none = {NULL, 0};
static const struct ra_command_table *const tables[] = {
    &ra_commands_show,
    &ra_commands_status,
    &ra_commands_config,
    &ra_commands_renew,
    RA_WITH_CERTREQ ? &ra_commands_certreq : &none,
    &ra_commands_password,
    RA_WITH_PROVISION ? &ra_commands_provision : &none,
    &ra_commands_system,
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

static void put_out(struct ra_console *c, char ch)
{
    if (room(c) != 0) {
        c->out[(c->out_first + c->out_count) % RA_CONSOLE_OUT] = ch;
        c->out_count++;
    }
}

static void emit_char(struct ra_console *c, char ch)
{
    if (ch == '\n') {
        put_out(c, '\r');
    }
    put_out(c, ch);
}

static void emit(struct ra_console *c, const char *s)
{
    for (; *s != '\0'; s++) {
        emit_char(c, *s);
    }
}

/* One character of what is printed, in a text that ends in a zero byte. A sentence goes on in the next
 * row between two words, behind four blanks; JSON, what is to be pasted and a table's columns do not. */
static void emit_folded(struct ra_console *c, const char *p)
{
    bool between_words = *p == ' ' && c->last != ' ' && p[1] != ' ';
    c->last = *p;
    if (c->column == 0 && c->folded) {
        c->column = 4;
        emit(c, "    ");
    } else if (c->column == 0) {
        c->folds = c->json == 0 && *p != ' ' && strncmp(p, "config", 6) != 0;
    }
    c->folded =
        c->folds && between_words && c->column + 1u + strcspn(p + 1, " \n") > RA_LINE_COLUMNS;
    if (c->folded || *p == '\n') {
        c->column = 0;
        emit_char(c, '\n');
        return;
    }
    if (c->column++ % RA_LINE_COLUMNS == 0 && c->column > 1) {
        c->lines++; /* the terminal goes on in the next row by itself */
    }
    emit_char(c, *p);
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
    c->folded = false;
    for (c->column = 0; *line != '\0'; line++) {
        emit_folded(c, line);
    }
    c->column = 0;
    emit(c, "\n");
}

/* --- a command: found, run, ended ------------------------------------------------ */

static void end_command(struct ra_console *c)
{
    if (c->paste != NULL && c->paste_secret) {
        ra_wipe(c->paste, c->paste_room);
    }
    ra_wipe(c->answer, sizeof c->answer);
    ra_wipe(&c->kdf, sizeof c->kdf);
    ra_wipe(&c->next_password, sizeof c->next_password);
    c->answer_size = 0;
    c->paste = NULL;
    c->command = NULL;
    c->include = NULL;
    c->json = 0;
    c->input = RA_CONSOLE_COMMANDS;
    c->text_at = c->text_size;
    if (c->keep) {
        c->keep = false;
        return;
    }
    for (unsigned i = 0; i < c->line.size; i++) {
        c->line.text[i] = c->line.text[i] == '\0' ? ' ' : c->line.text[i];
    }
    if (!c->secret_line) {
        ra_line_remember(&c->line);
    }
    ra_line_clear(&c->line);
}

static void begin_command(struct ra_console *c, const struct ra_command *command)
{
    c->command = command;
    c->piece = 0;
    c->lines = 0;
    c->json = 0;
    c->secret_line = false;
}

/* What can follow the words before the cursor: the answer to `?`. Returns the last piece. */
static enum ra_run list_words(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    struct ra_word words[RA_CONSOLE_WORDS], word, start = {"", 0};
    struct ra_lookup at;
    const char *help;
    unsigned count = ra_lookup_words(c->line.text, c->line.cursor, words, RA_CONSOLE_WORDS);
    if (count > RA_CONSOLE_WORDS) {
        return RA_RUN_DONE;
    }
    if (count != 0 && c->line.text[c->line.cursor - 1] != ' ') {
        start = words[--count];
    }
    ra_lookup(words, count, &at);
    if (!at.ambiguous && ra_lookup_next(&at, count, start, piece, &word, &help)) {
        ra_text_add(to, "  ");
        ra_text_add_bytes(to, word.p, word.size);
        if (help != NULL) {
            ra_text_pad_to(to, 18);
            ra_text_add(to, help);
        }
        ra_text_add(to, "\n");
        return RA_RUN_MORE;
    }
    if (at.command != NULL && count >= at.depth && start.size == 0) {
        ra_text_add(to, at.command->usage[0] != '\0' ? "  " : "");
        ra_text_add(to, at.command->usage);
        ra_text_add(to, at.command->usage[0] != '\0' ? "\n" : "");
        count -= at.depth;
        ra_text_add(to, count >= at.command->args_min && count <= at.command->args_max
                            ? "  <Enter>\n"
                            : "");
    }
    return RA_RUN_DONE;
}

static void start_list(struct ra_console *c)
{
    static const struct ra_command list = {.words = "", .usage = "", .run = list_words};
    begin_command(c, &list);
    c->keep = true;
}

static bool word_is(struct ra_word w, const char *s)
{
    return strlen(s) == w.size && memcmp(s, w.p, w.size) == 0;
}

/* Take `| json` or `| include WORD` off the end. */
static ra_err take_filter(struct ra_console *c, const struct ra_command *command,
                          const struct ra_word *words, unsigned *count)
{
    unsigned bar = 0;
    while (bar < *count && !word_is(words[bar], "|")) {
        bar++;
    }
    unsigned behind = *count - bar;
    if (behind == 2 && word_is(words[bar + 1], "json") && (command->flags & RA_COMMAND_JSON) != 0) {
        c->json = 1;
    } else if (behind == 3 && word_is(words[bar + 1], "include")) {
        c->include = words[bar + 2].p;
    } else if (behind != 0) {
        return RA_E_FILTER;
    }
    *count = bar;
    return RA_OK;
}

/* `count` words, of which the first RA_CONSOLE_WORDS are in `words`. */
static ra_err find_command(struct ra_console *c, const struct ra_word *words, unsigned count)
{
    struct ra_lookup at;
    ra_lookup(words, count > RA_CONSOLE_WORDS ? RA_CONSOLE_WORDS : count, &at);
    if (at.ambiguous) {
        return RA_E_AMBIGUOUS;
    }
    const struct ra_command *found = at.command;
    if (found == NULL) {
        return at.depth == 0 ? RA_E_COMMAND : at.depth == count ? RA_E_INCOMPLETE : RA_E_PARAMETER;
    }
    begin_command(c, found);
    if ((found->flags & RA_COMMAND_REST) != 0) {
        count -= at.depth;
        count = count > found->args_max ? found->args_max : count;
    } else {
        ra_err e = count > RA_CONSOLE_WORDS ? RA_E_PARAMETER : take_filter(c, found, words, &count);
        if (e != RA_OK) {
            return e;
        }
        c->force = (found->flags & RA_COMMAND_FORCE) != 0 && count > at.depth &&
                   word_is(words[count - 1], "force");
        count -= at.depth + c->force;
    }
    if (count < found->args_min || count > found->args_max) {
        return RA_E_PARAMETER;
    }
    memset(c->args, 0, sizeof c->args);
    for (unsigned i = 0; i < count; i++) {
        c->args[i] = words[at.depth + i].p;
    }
    c->arg_count = (uint8_t)count;
    return RA_OK;
}

static void start_command(struct ra_console *c)
{
    struct ra_word words[RA_CONSOLE_WORDS];
    unsigned n = ra_lookup_words(c->line.text, c->line.size, words, RA_CONSOLE_WORDS);
    if (n == 0 || words[0].p[0] == '!') { /* nothing, or a comment in a pasted configuration */
        ra_line_clear(&c->line);
        return;
    }
    ra_err e = find_command(c, words, n);
    if (e == RA_E_AMBIGUOUS || e == RA_E_INCOMPLETE) {
        /* The words that would do. */
        emit_error(c, e);
        if (e == RA_E_INCOMPLETE && c->line.text[c->line.size - 1] != ' ' &&
            c->line.size < RA_LINE_MAX) {
            c->line.text[c->line.size++] = ' ';
        }
        c->line.cursor = c->line.size;
        start_list(c);
        c->keep = false;
        c->secret_line = true; /* a line that was no command is not worth remembering */
    } else if (e != RA_OK) {
        emit_error(c, e);
        c->command = NULL;
        c->include = NULL;
        ra_line_clear(&c->line);
    } else {
        const struct ra_command *command = c->command;
        bool rest = (command->flags & RA_COMMAND_REST) != 0 && c->arg_count == command->args_max;
        char *end = c->line.text + c->line.size;
        while (end[-1] == ' ') {
            *--end = '\0';
        }
        for (char *p = c->line.text; p != end && !(rest && p == c->args[c->arg_count - 1]); p++) {
            *p = *p == ' ' ? '\0' : *p; /* each argument ends in a zero byte */
        }
    }
}

static void run_piece(struct ra_console *c)
{
    struct ra_text to;
    ra_text_init(&to, c->text, sizeof c->text);
    c->next = (uint8_t)c->command->run(c, c->piece, &to);
    c->text_at = 0;
    c->piece = (uint16_t)(c->piece + (c->next != RA_RUN_AGAIN));
    if (c->next == RA_RUN_DONE) {
        ra_show_end(c, &to);
    }
    c->text_size = (uint16_t)to.size;
}

/* Whether the next line is to be left out. Its length in either case. */
static bool left_out(const struct ra_console *c, size_t *size)
{
    const char *line = c->text + c->text_at;
    const char *end = memchr(line, '\n', (size_t)(c->text_size - c->text_at));
    *size = end != NULL ? (size_t)(end - line) + 1 : (size_t)(c->text_size - c->text_at);
    if (c->include == NULL) {
        return false;
    }
    size_t n = strlen(c->include);
    for (size_t i = 0; i + n <= *size; i++) {
        if (memcmp(line + i, c->include, n) == 0) {
            return false;
        }
    }
    return true;
}

/* Print what the last piece said, as far as there is room in the queue and on the page. */
static void print_text(struct ra_console *c)
{
    size_t size;
    while (c->text_at < c->text_size && room(c) > RESERVED) {
        if (c->column == 0 && !c->folded && left_out(c, &size)) {
            c->text_at = (uint16_t)(c->text_at + size);
            continue;
        }
        if (c->column == 0) {
            if (c->length != 0 && c->json == 0 && c->lines + 1 >= c->length) {
                emit(c, MORE);
                c->input = RA_CONSOLE_PAGER;
                return;
            }
            c->lines++;
        }
        emit_folded(c, c->text + c->text_at++);
    }
    if (c->text_at < c->text_size) {
        return;
    }
    if (c->next == RA_RUN_DONE) {
        end_command(c);
    } else if (c->next == RA_RUN_ASK) {
        c->next = RA_RUN_MORE;
        c->input = c->wanted;
        emit(c, c->question);
    }
}

static void take_pager(struct ra_console *c, char ch)
{
    if (ch != ' ' && ch != '\r' && ch != '\n' && ch != 'q' && ch != 'Q' && ch != CTRL_C) {
        return;
    }
    emit(c, "\r");
    for (size_t i = 0; i < sizeof MORE - 1; i++) {
        emit_char(c, ' ');
    }
    emit(c, "\r");
    c->input = RA_CONSOLE_COMMANDS;
    if (ch == ' ') {
        c->lines = 0;
    } else if (ch == '\r' || ch == '\n') {
        c->lines = (uint16_t)(c->length - 2u); /* one row */
    } else {
        end_command(c);
    }
}

/* --- what a command asks for ------------------------------------------------------- */

static enum ra_run ask(struct ra_console *c, enum ra_console_input input, const char *question)
{
    c->wanted = (uint8_t)input;
    c->question = question;
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

enum ra_run ra_console_paste(struct ra_console *c, const char *what, uint8_t *buffer,
                             uint32_t room_, bool secret)
{
    c->paste = (char *)buffer;
    c->paste_room = room_;
    c->paste_size = 0;
    c->paste_column = 0;
    c->paste_secret = secret;
    return ask(c, RA_CONSOLE_PASTE, what);
}

static void give_up(struct ra_console *c, const char *why)
{
    emit(c, why);
    if (c->input == RA_CONSOLE_LOGIN) {
        ra_wipe(c->answer, sizeof c->answer);
        c->answer_size = 0;
        c->login = RA_LOGIN_BEGIN;
    } else {
        end_command(c);
    }
}
static void end_answer(struct ra_console *c)
{
    emit(c, "\n");
    if (c->input == RA_CONSOLE_LOGIN) {
        if (ra_password_count(&c->ra->password)) {
            ra_password_save(c->ra);
        }
        c->login = RA_LOGIN_COUNT;
    } else if (c->too_long) {
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

static bool running(const struct ra_console *c)
{
    return c->command != NULL && c->input == RA_CONSOLE_COMMANDS;
}

/* Put in what all the words that fit have in common; when that is nothing, list them. */
static void complete(struct ra_console *c, struct ra_text *echo)
{
    struct ra_word words[RA_CONSOLE_WORDS], word, first = {"", 0}, start = {"", 0};
    struct ra_lookup at;
    const char *help;
    struct ra_line *l = &c->line;
    unsigned count = ra_lookup_words(l->text, l->cursor, words, RA_CONSOLE_WORDS);
    if (count > RA_CONSOLE_WORDS || (l->cursor != l->size && l->text[l->cursor] != ' ')) {
        return;
    }
    if (count != 0 && l->text[l->cursor - 1] != ' ') {
        start = words[--count];
    }
    ra_lookup(words, count, &at);
    unsigned found = 0;
    while (!at.ambiguous && ra_lookup_next(&at, count, start, found, &word, &help)) {
        size_t same = 0;
        while (found != 0 && same < first.size && same < word.size &&
               first.p[same] == word.p[same]) {
            same++;
        }
        first = found == 0 ? word : (struct ra_word){first.p, same};
        found++;
    }
    size_t more = found != 0 ? first.size - start.size : 0;
    if (l->size + more + 1 > RA_LINE_MAX) {
        return;
    }
    if (more != 0) {
        ra_line_insert(l, first.p + start.size, more, echo);
    }
    if (found == 1 && l->cursor == l->size) {
        ra_line_insert(l, " ", 1, echo);
    } else if (found > 1 && more == 0) {
        ra_text_add_char(echo, '\n');
        l->drawn = false;
        start_list(c);
    }
}

/* `?` asks at the beginning of a word and within the words of a command; in an argument, a
 * URL say, it is a character like any other. */
static void question_mark(struct ra_console *c, struct ra_text *echo)
{
    struct ra_word words[RA_CONSOLE_WORDS];
    struct ra_lookup at;
    struct ra_line *l = &c->line;
    unsigned count = ra_lookup_words(l->text, l->cursor, words, RA_CONSOLE_WORDS);
    bool in_word = l->cursor != 0 && l->text[l->cursor - 1] != ' ';
    ra_lookup(words, count > RA_CONSOLE_WORDS ? RA_CONSOLE_WORDS : count, &at);
    if (at.command != NULL && (at.command->flags & RA_COMMAND_REST) != 0 &&
        count >= at.depth + at.command->args_max) {
        in_word = true; /* blanks belong to it */
    }
    if (in_word && count > at.depth && at.command != NULL && !at.ambiguous) {
        ra_line_insert(l, "?", 1, echo);
        return;
    }
    ra_text_add(echo, "?\n");
    l->drawn = false;
    start_list(c);
}

static void take_command(struct ra_console *c, char ch)
{
    char text[RA_LINE_ECHO + 4];
    struct ra_text echo;
    ra_text_init(&echo, text, sizeof text);
    enum ra_line_result result = ra_line_put(&c->line, ch, &echo);
    if (result == RA_LINE_TAB) {
        complete(c, &echo);
    } else if (result == RA_LINE_HELP) {
        question_mark(c, &echo);
    }
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
    case RA_CONSOLE_PAGER:
        take_pager(c, ch);
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
    c->length = RA_CONSOLE_LENGTH;
    memcpy(c->prompt, RA_CONSOLE_PROMPT, sizeof RA_CONSOLE_PROMPT);
    ra_line_init(&c->line, c->prompt);
}

void ra_console_about_network(struct ra_console *c, const char *library)
{
    c->network = library;
}

void ra_console_about_image(struct ra_console *c, uint32_t bytes)
{
    c->image = bytes;
}

/* --- what happens meanwhile ---------------------------------------------------------- */

/* Show one event that happened since the last call. */
static bool show_news(struct ra_console *c)
{
    struct ra_events *events = &c->ra->events;
    struct ra_event_entry entry;
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
    ra_text_init(&to, c->text, sizeof c->text);
    ra_text_add(&to, ra_event_is_alert((enum ra_event_kind)entry.kind) ? "! " : "* ");
    ra_event_print(&entry, &to);
    ra_console_say(c, c->text);
    return true;
}

/* "[agent: making a key, 120 tried] ": of the role that is at work, or else of one that waits for
 * the CA manager. */
static void add_work(const struct ra *ra, struct ra_text *to)
{
    int64_t now = ra_clock_now(&ra->clock);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < RA_ROLES; i++) {
            struct ra_status s;
            ra_status(ra, (enum ra_role)i, &s);
            bool works = ra_state_works(s.state) && s.state != RA_STATE_RESUME;
            if (pass == 0 ? !works : s.state != RA_STATE_PENDING) {
                continue;
            }
            ra_text_add(to, "[");
            ra_text_add(to, ra_role_word((enum ra_role)i));
            ra_text_add(to, ": ");
            if (pass != 0 && now != RA_TIME_UNKNOWN) {
                ra_text_add(to, "pending, asks in ");
                ra_text_add_i64(to, s.next > now ? (s.next - now + 59) / 60 : 0);
                ra_text_add(to, " min");
            } else {
                ra_text_add(to, ra_state_text(s.state));
            }
            if (s.progress != 0) {
                ra_text_add(to, ", ");
                ra_text_add_u32(to, s.progress);
                ra_text_add(to, " tried");
            }
            ra_text_add(to, "] ");
            return;
        }
    }
}

/* Somebody who looks sees the work go on; a console nobody uses is not written to. */
static void show_work(struct ra_console *c, uint64_t now_ms)
{
    char prompt[RA_CONSOLE_PROMPT_MAX + 1];
    struct ra_text to;
    if (c->line.size != 0 || (c->line.drawn && now_ms - c->status_ms < STATUS_EVERY_MS)) {
        return;
    }
    ra_text_init(&to, prompt, sizeof prompt);
    if (c->length != 0 && c->active_ms != 0 && now_ms - c->active_ms < SOMEBODY_THERE_MS) {
        add_work(c->ra, &to);
    }
    ra_text_add(&to, RA_CONSOLE_PROMPT);
    if (strcmp(prompt, c->prompt) != 0) {
        hide_line(c);
        memcpy(c->prompt, prompt, to.size + 1);
        c->status_ms = now_ms;
    }
}

/* Who went away leaves no question open and no console. */
static void watch_idle(struct ra_console *c, uint64_t now_ms)
{
    uint32_t limit_ms = c->ra->config.idle_minutes * 60000u;
    bool idle = limit_ms != 0 && c->active_ms != 0 && now_ms > c->active_ms + limit_ms;
    if (idle && (c->command != NULL || c->answer_size != 0) && !running(c)) {
        give_up(c, "\ntimed out\n");
    }
    if (c->command != NULL || !(c->leave || (idle && c->logged_in && c->ra->password.set))) {
        return;
    }
    c->leave = false;
    hide_line(c);
    emit(c, c->ra->password.set ? "logged out\n" : "no password is set\n");
    ra_login_end(c);
}

/* While nobody is logged in. */
static bool login_step(struct ra_console *c, uint64_t now_ms)
{
    struct ra_text to;
    uint8_t dropped[32];
    const struct hal_serial *serial = &c->ra->hal->serial;
    ra_text_init(&to, c->text, sizeof c->text);
    hide_line(c);
    bool more = ra_login_step(c, now_ms, &to);
    emit(c, c->text);
    if (c->login == RA_LOGIN_LOCKED) {
        (void)serial->read(serial->dev, dropped, sizeof dropped);
    }
    return more;
}

static bool may_read(const struct ra_console *c)
{
    return !running(c) && (c->input != RA_CONSOLE_LOGIN || c->login == RA_LOGIN_TYPING) &&
           room(c) >= RA_LINE_ECHO + RESERVED;
}

bool ra_console_step(struct ra_console *c)
{
    const struct hal_serial *serial = &c->ra->hal->serial;
    uint64_t now_ms = ra_clock_ms(&c->ra->clock);
    uint8_t ch;
    flush(c);
    if (c->reboot) {
        if (c->out_count == 0 && ra_settled(c->ra)) {
            c->ra->hal->reset.reset(c->ra->hal->reset.dev);
        }
        return true;
    }
    if (room(c) < RA_LINE_ECHO + RESERVED) {
        return false;
    }
    if (running(c)) {
        c->active_ms = now_ms + 1; /* the time that is waited for it is not idle */
        if (c->text_at == c->text_size) {
            run_piece(c);
        }
        print_text(c);
        return true;
    }
    if (!ra_started(c->ra) && c->ra->start_error == RA_OK) {
        return c->out_count != 0;
    }
    watch_idle(c, now_ms);
    if (ra_login_needed(c)) {
        if (login_step(c, now_ms)) {
            return true;
        }
    } else if (c->command == NULL) {
        if (show_news(c)) {
            return true;
        }
        show_work(c, now_ms);
        if (!c->line.drawn) {
            draw_line(c);
        }
    }
    for (unsigned i = 0; i < 32 && may_read(c); i++) {
        if (c->command == NULL && c->input == RA_CONSOLE_COMMANDS && !c->line.drawn) {
            break; /* the prompt comes first */
        }
        if (serial->read(serial->dev, &ch, 1) == 0) {
            return c->out_count != 0;
        }
        c->active_ms = now_ms + 1;
        take(c, (char)ch);
    }
    return true;
}
