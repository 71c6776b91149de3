#include <string.h>

#include "ra_command.h"
#include "ra_x509.h"

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
        ra_err e = ra_command_certificate(c, (enum ra_role)i, &cert);
        if (e == RA_AGAIN) {
            return e;
        }
        if (e == RA_OK) {
            (void)ra_cert_sha1(cert.der, thumbprint);
            if (memcmp(thumbprint, wanted, sizeof thumbprint) == 0) {
                *role = (enum ra_role)i;
                return RA_OK;
            }
        }
    }
    return RA_E_NO_SUCH_CERT;
}

static enum ra_run renew_one(struct ra_console *c, enum ra_role role, bool alone,
                             struct ra_text *to)
{
    struct ra_wish wish = {.key = RA_WISH_ANY_KEY};
    if (c->arg_count > 1 && !ra_command_key(c->args[1], &wish.key)) {
        return ra_command_failed(RA_E_PARAMETER, to);
    }
    return ra_command_role_said(role, ra_renew_as(c->ra, role, alone, &wish), "renewal begins", to);
}

static enum ra_run renew(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    uint8_t thumbprint[20];
    enum ra_role role;
    if (c->arg_count == 0 || strcmp(c->args[0], "all") == 0) {
        struct ra_status s;
        ra_status(c->ra, (enum ra_role)piece, &s);
        if (s.stored || piece < RA_PAIR) {
            (void)renew_one(c, (enum ra_role)piece, false, to);
        }
        return piece + 1 < RA_ROLES ? RA_RUN_MORE : RA_RUN_DONE;
    }
    if (ra_command_role(c->args[0], &role)) {
        return renew_one(c, role, true, to);
    }
    ra_err e = parse_thumbprint(c->args[0], thumbprint);
    if (e == RA_OK) {
        e = role_by_thumbprint(c, thumbprint, &role);
    }
    if (e == RA_AGAIN) {
        return RA_RUN_AGAIN; /* flash is busy */
    }
    if (e == RA_OK) {
        return renew_one(c, role, true, to);
    }
    return ra_command_failed(e, to);
}

static enum ra_run enroll(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    enum ra_role role;
    (void)piece;
    if (!ra_command_role(c->args[0], &role)) {
        return ra_command_failed(RA_E_PARAMETER, to);
    }
    return ra_command_role_said(role, ra_enroll_new(c->ra, role, NULL), "first enrolment begins",
                                to);
}

enum ra_run ra_command_retrieve(struct ra_console *c, enum ra_role role, const char *id,
                                unsigned piece, struct ra_text *to)
{
    const struct ra_txn *txn = &c->ra->renewal[role].txn;
    uint32_t known, asked;
    if (piece != 0) {
        return ra_command_role_said(role, ra_retrieve(c->ra, role, id), "asking the CA", to);
    }
    if (txn->protocol != RA_PROTOCOL_ADCS ||
        !ra_text_parse_u32(txn->request_id, strlen(txn->request_id), UINT32_MAX, &known) ||
        !ra_text_parse_u32(id, strlen(id), UINT32_MAX, &asked) || known == asked) {
        return RA_RUN_MORE;
    }
    ra_text_add(to, "the CA gave the request id ");
    ra_text_add(to, txn->request_id);
    ra_text_add(to, "\n");
    return ra_console_confirm(c, "ask for the other one instead? (yes/no) ");
}

static enum ra_run retrieve(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    enum ra_role role;
    if (!ra_command_role(c->args[0], &role)) {
        return ra_command_failed(RA_E_PARAMETER, to);
    }
    return ra_command_retrieve(c, role, c->args[1], piece, to);
}

static enum ra_run on_role(struct ra_console *c, struct ra_text *to,
                           ra_err (*call)(struct ra *ra, enum ra_role role), const char *done)
{
    enum ra_role role;
    ra_err e = ra_command_open_role(c, c->args[0], &role);
    return e != RA_OK ? ra_command_failed(e, to)
                      : ra_command_role_said(role, call(c->ra, role), done, to);
}

static enum ra_run cancel(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    return piece == 0 ? ra_console_confirm(c, "give the request and its new key up? (yes/no) ")
                      : on_role(c, to, ra_cancel, "given up");
}

static enum ra_run retry(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    return on_role(c, to, ra_retry, "trying again");
}

static enum ra_run rollback(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    return piece == 0 ? ra_console_confirm(c, "go back to the previous credential? (yes/no) ")
                      : on_role(c, to, ra_roll_back, "going back to the previous credential");
}

static enum ra_run set_hold(struct ra_console *c, const char *value, const char *done,
                            struct ra_text *to)
{
    (void)ra_setting_change(c->ra, "hold", value);
    ra_config_save(c->ra);
    ra_text_add(to, done);
    return RA_RUN_DONE;
}

static enum ra_run hold(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    return set_hold(c, "on", "nothing is renewed until `resume`\n", to);
}

static enum ra_run resume(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    return set_hold(c, "off", "renewals begin by themselves\n", to);
}

static const char *all_or_role(unsigned arg, unsigned i)
{
    return arg == 0 && i == RA_ROLES ? "all" : ra_command_role_key_word(arg, i);
}

#define ROLES "agent|encryption|device"

static const struct ra_command commands[] = {
    {"renew", "[all|" ROLES "|THUMBPRINT] [same-key|new-key]", "renew now", "renew agent new-key",
     renew, all_or_role, 0, 2, 0},
    {"enroll", ROLES, "ask the CA for a first certificate", "enroll device", enroll,
     ra_command_role_word, 1, 1, 0},
    {"retrieve", ROLES " NUMBER [force]", "fetch what was issued, by request id or serial",
     "retrieve agent 17", retrieve, ra_command_role_word, 2, 2, RA_COMMAND_FORCE},
    {"cancel", "[" ROLES "] [force]", "give an open request up", "cancel agent", cancel,
     ra_command_role_word, 0, 1, RA_COMMAND_FORCE},
    {"retry", "[" ROLES "]", "end the waiting time of a request", "retry", retry,
     ra_command_role_word, 0, 1, 0},
    {"rollback", ROLES " [force]", "go back to the previous credential", "rollback agent", rollback,
     ra_command_role_word, 1, 1, RA_COMMAND_FORCE},
    {"hold", "", "renew and switch nothing until `resume`", "hold", hold, NULL, 0, 0, 0},
    {"resume", "", "the opposite of `hold`", "resume", resume, NULL, 0, 0, 0},
};
const struct ra_command_table ra_commands_renew = {commands, sizeof commands / sizeof commands[0]};
