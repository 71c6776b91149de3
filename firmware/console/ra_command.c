#include "ra_command.h"

#include <string.h>

#include "ra_time.h"
#include "ra_x509.h"

void ra_command_error(ra_err e, struct ra_text *to)
{
    ra_text_add(to, "% ");
    ra_error_print(e, to);
    ra_text_add(to, "\n");
}

enum ra_run ra_command_failed(ra_err e, struct ra_text *to)
{
    ra_command_error(e, to);
    return RA_RUN_DONE;
}

void ra_command_time(int64_t t, struct ra_text *to)
{
    char when[RA_TIME_TEXT_SIZE];
    if (t == RA_TIME_UNKNOWN) {
        ra_text_add(to, "unknown");
        return;
    }
    ra_time_print(t, when);
    ra_text_add(to, when);
}

/* --- what `show` prints ---------------------------------------------------------- */

enum ra_json { JSON_NO, JSON_BEGIN, JSON_EMPTY, JSON_MEMBERS };

void ra_show_item(struct ra_console *c, const char *title, struct ra_text *to)
{
    if (c->json == JSON_NO) {
        ra_text_add(to, title);
        ra_text_add(to, "\n");
        return;
    }
    ra_text_add(to, c->json == JSON_BEGIN ? "[{" : "\n}, {");
    c->json = JSON_EMPTY;
}

static void json_string(const char *s, struct ra_text *to)
{
    ra_text_add_char(to, '"');
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') {
            ra_text_add_char(to, '\\');
        }
        ra_text_add_char(to, *s >= ' ' && *s <= '~' ? *s : '?');
    }
    ra_text_add_char(to, '"');
}

static void begin_member(struct ra_console *c, const char *name, struct ra_text *to)
{
    if (c->json == JSON_NO) {
        ra_text_add(to, "  ");
        ra_text_add(to, name);
        ra_text_pad_to(to, 15);
        return;
    }
    ra_text_add(to, c->json == JSON_EMPTY ? "\n  \"" : ",\n  \"");
    for (; *name != '\0'; name++) {
        ra_text_add_char(to, *name == ' ' ? '_' : *name);
    }
    ra_text_add(to, "\": ");
    c->json = JSON_MEMBERS;
}

static void end_member(const struct ra_console *c, struct ra_text *to)
{
    ra_text_add(to, c->json == JSON_NO ? "\n" : "");
}

void ra_show_text(struct ra_console *c, const char *name, const char *value, struct ra_text *to)
{
    begin_member(c, name, to);
    if (c->json == JSON_NO) {
        ra_text_add(to, value);
    } else {
        json_string(value, to);
    }
    end_member(c, to);
}

void ra_show_number(struct ra_console *c, const char *name, int64_t value, struct ra_text *to)
{
    begin_member(c, name, to);
    ra_text_add_i64(to, value);
    end_member(c, to);
}

void ra_show_time(struct ra_console *c, const char *name, int64_t t, struct ra_text *to)
{
    char text[RA_TIME_TEXT_SIZE + 8];
    struct ra_text when;
    if (c->json != JSON_NO && t == RA_TIME_UNKNOWN) {
        begin_member(c, name, to);
        ra_text_add(to, "null");
        return;
    }
    ra_text_init(&when, text, sizeof text);
    ra_command_time(t, &when);
    ra_show_text(c, name, text, to);
}

void ra_show_error(struct ra_console *c, const char *name, ra_err e, struct ra_text *to)
{
    char text[120];
    struct ra_text why;
    ra_text_init(&why, text, sizeof text);
    ra_error_print(e, &why);
    ra_show_text(c, name, text, to);
}

void ra_show_flag(struct ra_console *c, const char *name, bool value, struct ra_text *to)
{
    if (c->json != JSON_NO) {
        begin_member(c, name, to);
        ra_text_add(to, value ? "true" : "false");
    }
}

void ra_show_end(struct ra_console *c, struct ra_text *to)
{
    if (c->json != JSON_NO) {
        ra_text_add(to, c->json == JSON_BEGIN ? "[]\n" : "\n}]\n");
    }
}

/* --- for several commands ---------------------------------------------------------- */

enum ra_run ra_command_role_said(enum ra_role role, ra_err e, const char *done, struct ra_text *to)
{
    ra_text_add(to, ra_role_text(role));
    ra_text_add(to, ": ");
    if (e == RA_OK) {
        ra_text_add(to, done);
    } else {
        ra_error_print(e, to);
    }
    ra_text_add(to, "\n");
    return RA_RUN_DONE;
}

const char *ra_command_role_word(unsigned arg, unsigned i)
{
    return arg == 0 && i < RA_ROLES ? ra_role_word((enum ra_role)i) : NULL;
}

const char *ra_command_role_key_word(unsigned arg, unsigned i)
{
    static const char *const keys[] = {"same-key", "new-key"};
    return arg == 1 && i < 2 ? keys[i] : ra_command_role_word(arg, i);
}

bool ra_command_role(const char *word, enum ra_role *role)
{
    size_t n = strlen(word);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (n != 0 && strncmp(word, ra_role_word((enum ra_role)i), n) == 0) {
            *role = (enum ra_role)i;
            return true;
        }
    }
    return false;
}

static bool is_open(const struct ra_console *c, enum ra_role role)
{
    const struct ra_renewal *r = &c->ra->renewal[role];
    return r->state == RA_STATE_OFFLINE || r->state == RA_STATE_PENDING ||
           r->state == RA_STATE_BACKOFF || ra_remakes_request(c->ra, role);
}

ra_err ra_command_open_role(const struct ra_console *c, const char *word, enum ra_role *role)
{
    unsigned found = 0;
    if (word != NULL) {
        return ra_command_role(word, role) ? RA_OK : RA_E_PARAMETER;
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (is_open(c, (enum ra_role)i)) {
            *role = (enum ra_role)i;
            found++;
        }
    }
    return found == 1 ? RA_OK : found == 0 ? RA_E_NO_REQUEST : RA_E_WHICH_ROLE;
}

bool ra_command_key(const char *word, enum ra_key_wish *key)
{
    *key = strcmp(word, "same-key") == 0 ? RA_WISH_SAME_KEY : RA_WISH_NEW_KEY;
    return *key == RA_WISH_SAME_KEY || strcmp(word, "new-key") == 0;
}

ra_err ra_command_certificate(struct ra_console *c, enum ra_role role, struct ra_cert *cert)
{
    size_t size = 0;
    ra_err e = ra_certificate(c->ra, role, c->bulk, RA_CERT_MAX, &size);
    return e == RA_OK ? ra_cert_parse(cert, c->bulk, size) : e;
}

void ra_show_names(struct ra_console *c, const struct ra_cert *cert, struct ra_text *to)
{
    char name[160];
    ra_name_text(cert->subject, name, sizeof name);
    ra_show_text(c, "subject", name, to);
    ra_name_text(cert->issuer, name, sizeof name);
    ra_show_text(c, "issuer", name, to);
}

void ra_show_numbers(struct ra_console *c, const struct ra_cert *cert, struct ra_text *to)
{
    char value[80];
    uint8_t thumbprint[20];
    struct ra_text text;
    ra_cert_serial_text(cert, value, sizeof value);
    ra_show_text(c, "serial", value, to);
    (void)ra_cert_sha1(cert->der, thumbprint);
    ra_text_init(&text, value, sizeof value);
    ra_text_add_hex(&text, thumbprint, sizeof thumbprint, '\0');
    ra_show_text(c, "thumbprint", value, to);
    if (c->json != JSON_NO) {
        ra_show_time(c, "not before", cert->not_before, to);
        ra_show_time(c, "not after", cert->not_after, to);
        return;
    }
    ra_text_init(&text, value, sizeof value);
    ra_command_time(cert->not_before, &text);
    ra_text_add(&text, " to ");
    ra_command_time(cert->not_after, &text);
    ra_show_text(c, "valid", value, to);
}
