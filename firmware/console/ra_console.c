#include "ra_console.h"

#include <string.h>

#include "ra_adcs.h"
#include "ra_time.h"
#include "ra_x509.h"

/* A command prints its `piece`-th piece into `to` and says whether another follows. */
struct command {
    const char *name;
    const char *usage;
    const char *help;
    bool (*run)(struct ra_console *c, unsigned piece, struct ra_text *to);
};

static const struct command commands[];
static const unsigned command_count;

static void say_error(ra_err e, struct ra_text *to)
{
    ra_text_add(to, "% ");
    ra_error_print(e, to);
    ra_text_add(to, "\n");
}

static void add_time(struct ra_text *to, int64_t t)
{
    char when[RA_TIME_TEXT_SIZE];
    if (t == RA_TIME_UNKNOWN) {
        ra_text_add(to, "unknown");
        return;
    }
    ra_time_print(t, when);
    ra_text_add(to, when);
}

static const char *word(const struct ra_console *c, unsigned i)
{
    return c->words[i] != NULL ? c->words[i] : "";
}

/* --- help --------------------------------------------------------------- */

static bool run_help(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)c;
    ra_text_add(to, "  ");
    ra_text_add(to, commands[piece].usage);
    ra_text_pad_to(to, 42);
    ra_text_add(to, commands[piece].help);
    ra_text_add(to, "\n");
    return piece + 1 < command_count;
}

/* --- show ---------------------------------------------------------------- */

static void field(struct ra_text *to, const char *name)
{
    ra_text_add(to, "  ");
    ra_text_add(to, name);
    ra_text_pad_to(to, 15);
}

static void show_state(const struct ra_console *c, enum ra_role role, const struct ra_status *s,
                       struct ra_text *to)
{
    (void)c;
    ra_text_add(to, ra_role_text(role));
    ra_text_add(to, " (");
    ra_text_add(to, ra_role_word(role));
    ra_text_add(to, ")\n");
    field(to, "state");
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

static void show_certificate(struct ra_console *c, enum ra_role role, const struct ra_status *s,
                             struct ra_text *to)
{
    struct ra_cert cert;
    char name[160];
    uint8_t thumbprint[20];
    size_t size = 0;
    ra_err e = ra_certificate(c->ra, role, c->cert, sizeof c->cert, &size);
    if (e == RA_OK) {
        e = ra_cert_parse(&cert, c->cert, size);
    }
    if (e != RA_OK) {
        field(to, "certificate");
        ra_error_print(e, to);
        ra_text_add(to, "\n");
        return;
    }
    field(to, "subject");
    ra_name_text(cert.subject, name, sizeof name);
    ra_text_add(to, name);
    ra_text_add(to, "\n");
    field(to, "issuer");
    ra_name_text(cert.issuer, name, sizeof name);
    ra_text_add(to, name);
    ra_text_add(to, "\n");
    field(to, "serial");
    ra_cert_serial_text(&cert, name, sizeof name);
    ra_text_add(to, name);
    ra_text_add(to, "\n");
    field(to, "thumbprint");
    (void)ra_cert_sha1(cert.der, thumbprint);
    ra_text_add_hex(to, thumbprint, sizeof thumbprint, '\0');
    ra_text_add(to, "\n");
    field(to, "valid");
    add_time(to, s->not_before);
    ra_text_add(to, " to ");
    add_time(to, s->not_after);
    ra_text_add(to, "\n");
}

static void show_outlook(const struct ra_console *c, const struct ra_status *s, struct ra_text *to)
{
    int64_t now = ra_clock_now(&c->ra->clock);
    field(to, "days left");
    if (now == RA_TIME_UNKNOWN) {
        ra_text_add(to, "unknown: the time is not set");
    } else {
        ra_text_add_i64(to, s->not_after > now ? (s->not_after - now) / RA_DAY : 0);
    }
    ra_text_add(to, "\n");
    field(to, "window opens");
    add_time(to, s->due);
    ra_text_add(to, "\n");
    if (s->next != RA_TIME_UNKNOWN) {
        field(to, "next attempt");
        add_time(to, s->next);
        ra_text_add(to, "\n");
    }
    if (s->cause != RA_OK) {
        field(to, "last failure");
        ra_error_print(s->cause, to);
        ra_text_add(to, "\n");
        if (s->hresult != 0) {
            field(to, "CA's status");
            ra_text_add_hex32(to, s->hresult);
            ra_text_add(to, " ");
            ra_text_add(to, ra_hresult_text(s->hresult));
            ra_text_add(to, "\n");
        }
        if (s->peer[0] != '\0') {
            field(to, "CA's words");
            ra_text_add(to, s->peer);
            ra_text_add(to, "\n");
        }
    }
}

static bool show_credentials(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    enum ra_role role = (enum ra_role)(piece / 3);
    struct ra_status s;
    ra_status(c->ra, role, &s);
    /* The device's own credential need not exist. */
    bool absent = role == RA_ROLE_DEVICE && !s.stored && s.state == RA_STATE_EMPTY;
    switch (absent ? 2 : piece % 3) {
    case 0:
        show_state(c, role, &s, to);
        break;
    case 1:
        if (s.stored) {
            show_certificate(c, role, &s, to);
        } else if (s.cause != RA_OK) {
            field(to, "last failure");
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
    return piece + 1 < 3 * RA_ROLES;
}

static bool show_log(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    struct ra_event_entry entry;
    /* Oldest first, so that the newest stands above the prompt. */
    ra_err e = ra_events_get(&c->ra->events, &c->ra->store, RA_EVENTS - 1 - piece, &entry);
    if (e == RA_AGAIN) {
        c->piece--; /* flash is being erased: the same piece again */
        return true;
    }
    if (e == RA_OK) {
        ra_event_print(&entry, to);
        ra_text_add(to, "\n");
    }
    return piece + 1 < RA_EVENTS;
}

static bool show_version(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    ra_text_add(to, "Perennial " RA_VERSION ", ");
    ra_text_add(to, c->board);
    ra_text_add(to, "\n");
    return false;
}

static bool run_show(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    const char *what = word(c, 1);
    if (*what == '\0' || strcmp(what, "credentials") == 0) {
        return show_credentials(c, piece, to);
    }
    if (strcmp(what, "log") == 0) {
        return show_log(c, piece, to);
    }
    if (strcmp(what, "version") == 0) {
        return show_version(c, piece, to);
    }
    say_error(RA_E_PARAMETER, to);
    return false;
}

/* --- config -------------------------------------------------------------- */

static bool list_setting(struct ra_console *c, unsigned piece, struct ra_text *to)
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
    return piece + 1 < ra_setting_count();
}

static bool run_config(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    const char *what = word(c, 1);
    if (*what == '\0' || strcmp(what, "list") == 0) {
        return list_setting(c, piece, to);
    }
    if (strcmp(what, "set") == 0 && c->words[2] != NULL) {
        ra_err e = ra_setting_change(c->ra, c->words[2], word(c, 3));
        if (e != RA_OK) {
            say_error(e, to);
        }
        return false;
    }
    if (strcmp(what, "save") == 0) {
        ra_config_save(c->ra);
        ra_text_add(to, "saving\n");
        return false;
    }
    say_error(RA_E_PARAMETER, to);
    return false;
}

/* --- renew ----------------------------------------------------------------- */

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    ch = (char)(ch | 0x20);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* Exactly 40 hex digits, colons between them allowed. */
static ra_err parse_thumbprint(const char *s, uint8_t out[20])
{
    unsigned digits = 0;
    for (; *s != '\0'; s++) {
        int v = hex_digit(*s);
        if (*s == ':' && digits % 2 == 0) {
            continue;
        }
        if (v < 0 || digits == 40) {
            return RA_E_THUMBPRINT;
        }
        out[digits / 2] = (uint8_t)(digits % 2 == 0 ? v << 4 : out[digits / 2] | v);
        digits++;
    }
    return digits == 40 ? RA_OK : RA_E_THUMBPRINT;
}

static ra_err role_by_thumbprint(struct ra_console *c, const uint8_t wanted[20], enum ra_role *role)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        struct ra_cert cert;
        uint8_t thumbprint[20];
        size_t size = 0;
        if (ra_certificate(c->ra, (enum ra_role)i, c->cert, sizeof c->cert, &size) == RA_OK &&
            ra_cert_parse(&cert, c->cert, size) == RA_OK) {
            (void)ra_cert_sha1(cert.der, thumbprint);
            if (memcmp(thumbprint, wanted, sizeof thumbprint) == 0) {
                *role = (enum ra_role)i;
                return RA_OK;
            }
        }
    }
    return RA_E_NO_SUCH_CERT;
}

static bool renew_one(struct ra_console *c, enum ra_role role, bool alone, struct ra_text *to)
{
    ra_err e = ra_renew(c->ra, role, alone);
    ra_text_add(to, ra_role_text(role));
    if (e == RA_OK) {
        ra_text_add(to, ": renewal begins\n");
    } else {
        ra_text_add(to, ": ");
        ra_error_print(e, to);
        ra_text_add(to, "\n");
    }
    return false;
}

static bool run_renew(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    const char *what = word(c, 1);
    uint8_t thumbprint[20];
    enum ra_role role;
    if (*what == '\0' || strcmp(what, "all") == 0) {
        struct ra_status s;
        ra_status(c->ra, (enum ra_role)piece, &s);
        if (s.stored || piece < RA_PAIR) {
            (void)renew_one(c, (enum ra_role)piece, false, to);
        }
        return piece + 1 < RA_ROLES;
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (strcmp(what, ra_role_word((enum ra_role)i)) == 0) {
            return renew_one(c, (enum ra_role)i, true, to);
        }
    }
    ra_err e = parse_thumbprint(what, thumbprint);
    if (e == RA_OK) {
        e = role_by_thumbprint(c, thumbprint, &role);
    }
    if (e == RA_OK) {
        return renew_one(c, role, true, to);
    }
    say_error(e, to);
    return false;
}

static bool run_enroll(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    const char *what = word(c, 1);
    (void)piece;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (strcmp(what, ra_role_word((enum ra_role)i)) == 0) {
            ra_err e = ra_enroll_new(c->ra, (enum ra_role)i);
            ra_text_add(to, ra_role_text((enum ra_role)i));
            ra_text_add(to, ": ");
            if (e == RA_OK) {
                ra_text_add(to, "first enrolment begins");
            } else {
                ra_error_print(e, to);
            }
            ra_text_add(to, "\n");
            return false;
        }
    }
    say_error(RA_E_PARAMETER, to);
    return false;
}

static bool run_retrieve(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (strcmp(word(c, 1), ra_role_word((enum ra_role)i)) == 0) {
            ra_err e = ra_retrieve(c->ra, (enum ra_role)i, word(c, 2));
            ra_text_add(to, ra_role_text((enum ra_role)i));
            ra_text_add(to, ": ");
            if (e == RA_OK) {
                ra_text_add(to, "asking the CA");
            } else {
                ra_error_print(e, to);
            }
            ra_text_add(to, "\n");
            return false;
        }
    }
    say_error(RA_E_PARAMETER, to);
    return false;
}

/* --- time, reboot ------------------------------------------------------------ */

static bool run_time(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    if (c->words[1] != NULL) {
        int64_t t;
        ra_err e = RA_E_PARAMETER;
        if (strcmp(c->words[1], "set") == 0 && c->words[2] != NULL) {
            e = ra_time_from_text(c->words[2], strlen(c->words[2]), &t);
        }
        if (e == RA_OK) {
            e = ra_offer_time(c->ra, RA_TIME_OPERATOR, t);
        }
        if (e != RA_OK) {
            say_error(e, to);
            return false;
        }
    }
    add_time(to, ra_clock_now(&c->ra->clock));
    ra_text_add(to, ", source: ");
    ra_text_add(to, ra_clock_source_text(c->ra->clock.source));
    ra_text_add(to, ", not before ");
    add_time(to, c->ra->clock.floor);
    ra_text_add(to, "\n");
    return false;
}

static bool run_reboot(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    if (c->ra->hal->reset.reset == NULL) {
        say_error(RA_E_UNSUPPORTED, to);
        return false;
    }
    ra_text_add(to, "rebooting\n");
    c->reboot = true;
    return false;
}

static const struct command commands[] = {
    {"help", "help", "this list", run_help},
    {"?", "?", "the same", run_help},
    {"show", "show [credentials|log|version]", "what there is and how it stands", run_show},
    {"config", "config [list|set NAME VALUE|save]", "settings; save writes them to flash",
     run_config},
    {"renew", "renew [all|agent|encryption|device|THUMBPRINT]", "renew now", run_renew},
    {"enroll", "enroll agent|encryption|device", "ask for a first certificate (SCEP)", run_enroll},
    {"retrieve", "retrieve agent|encryption|device NUMBER",
     "fetch what was issued: AD CS request id, SCEP serial number", run_retrieve},
    {"time", "time [set YYYY-MM-DDThh:mm:ssZ]", "show or set the time", run_time},
    {"reboot", "reboot", "restart the appliance", run_reboot},
};
static const unsigned command_count = sizeof commands / sizeof commands[0];

/* --- the line ------------------------------------------------------------------ */

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

static void prompt(struct ra_console *c)
{
    emit(c, RA_CONSOLE_PROMPT);
    emit(c, c->line);
    c->prompt_shown = true;
}

/* Take back the prompt and what was typed, so that a line can be printed there. */
static void leave_prompt(struct ra_console *c)
{
    if (c->prompt_shown) {
        emit(c, "\r\x1b[K");
        c->prompt_shown = false;
    }
}

static void clear_line(struct ra_console *c)
{
    memset(c->line, 0, sizeof c->line);
    c->line_size = 0;
    c->overlong = false;
}

static void start_command(struct ra_console *c)
{
    char *p = c->line;
    unsigned n = 0;
    memset(c->words, 0, sizeof c->words);
    while (*p != '\0') {
        while (*p == ' ') {
            *p++ = '\0';
        }
        if (*p == '\0') {
            break;
        }
        if (n < sizeof c->words / sizeof c->words[0]) {
            c->words[n] = p;
        }
        n++;
        p += strcspn(p, " ");
    }
    if (n == 0) {
        clear_line(c);
        return;
    }
    if (n <= sizeof c->words / sizeof c->words[0]) {
        for (unsigned i = 0; i < command_count; i++) {
            if (strcmp(c->words[0], commands[i].name) == 0) {
                c->command = (uint8_t)(i + 1);
                c->piece = 0;
                return;
            }
        }
    }
    char text[96];
    struct ra_text to;
    ra_text_init(&to, text, sizeof text);
    say_error(n <= sizeof c->words / sizeof c->words[0] ? RA_E_COMMAND : RA_E_PARAMETER, &to);
    emit(c, text);
    clear_line(c);
}

static void end_line(struct ra_console *c)
{
    emit(c, "\n");
    c->prompt_shown = false;
    if (c->overlong) {
        char text[64];
        struct ra_text to;
        ra_text_init(&to, text, sizeof text);
        say_error(RA_E_LINE_TOO_LONG, &to);
        emit(c, text);
        clear_line(c);
        return;
    }
    start_command(c);
}

static void take(struct ra_console *c, char ch)
{
    bool second_of_pair = ch == '\n' && c->last_was_cr;
    c->last_was_cr = ch == '\r';
    if (ch == '\r' || ch == '\n') {
        if (!second_of_pair) {
            end_line(c);
        }
        return;
    }
    if (ch == 0x15 || ch == 0x03) { /* ^U, ^C */
        leave_prompt(c);
        clear_line(c);
        return;
    }
    if (ch == 0x08 || ch == 0x7f) {
        if (c->line_size != 0) {
            c->line[--c->line_size] = '\0';
            emit(c, "\b \b");
        }
        return;
    }
    if (ch < ' ' || ch > '~') {
        return;
    }
    if (c->line_size == RA_CONSOLE_LINE) {
        c->overlong = true;
        return;
    }
    c->line[c->line_size++] = ch;
    c->line[c->line_size] = '\0';
    emit_char(c, ch);
}

void ra_console_init(struct ra_console *c, struct ra *ra, const char *board)
{
    memset(c, 0, sizeof *c);
    c->ra = ra;
    c->board = board;
}

void ra_console_say(struct ra_console *c, const char *line)
{
    leave_prompt(c);
    emit(c, line);
    emit(c, "\n");
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

static void run_piece(struct ra_console *c)
{
    char text[RA_CONSOLE_PIECE];
    struct ra_text to;
    ra_text_init(&to, text, sizeof text);
    bool more = commands[c->command - 1].run(c, c->piece++, &to);
    emit(c, text);
    if (!more) {
        c->command = 0;
        clear_line(c);
    }
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
    if (c->command != 0) {
        run_piece(c);
        return true;
    }
    if (show_news(c)) {
        return true;
    }
    if (!c->prompt_shown) {
        prompt(c);
    }
    for (unsigned i = 0; i < 32 && c->command == 0 && room(c) >= 80; i++) {
        if (serial->read(serial->dev, &ch, 1) == 0) {
            return c->out_count != 0;
        }
        take(c, (char)ch);
    }
    return true;
}
