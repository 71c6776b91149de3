#include <string.h>

#include "ra_command.h"
#include "ra_login.h"

/* Wait for the record to be in flash, and say so. */
static enum ra_run stored(struct ra_console *c, const char *done, struct ra_text *to)
{
    if (!ra_password_saved(c->ra)) {
        return RA_RUN_AGAIN;
    }
    if (c->ra->save_error != RA_OK) {
        ra_command_error(c->ra->save_error, to);
    } else {
        ra_text_add(to, done);
    }
    return RA_RUN_DONE;
}

static ra_err digest(const struct ra_console *c, uint8_t out[RA_HASH_SIZE_MAX])
{
    return ra_hash(RA_HASH_SHA256, (const uint8_t *)c->answer, c->answer_size, out);
}

/* The password typed for the second time: a new salt, and the first iteration. */
static enum ra_run begin_key(struct ra_console *c, struct ra_text *to)
{
    struct ra_password *next = &c->next_password;
    uint8_t again[RA_HASH_SIZE_MAX];
    ra_err e = digest(c, again);
    if (e == RA_OK && ra_equal_ct(again, next->hash, sizeof next->hash) != 1) {
        e = RA_E_PASSWORD_AGAIN;
    }
    if (e == RA_OK) {
        e = ra_random_for(c->ra, next->salt, sizeof next->salt);
    }
    if (e == RA_AGAIN) {
        return RA_RUN_AGAIN;
    }
    if (e == RA_OK) {
        next->iterations = RA_PASSWORD_ITERATIONS;
        e = ra_pbkdf_start(&c->kdf, RA_HASH_SHA256, c->answer, c->answer_size, next->salt,
                           sizeof next->salt, next->iterations, sizeof next->hash);
    }
    return e == RA_OK ? RA_RUN_MORE : ra_command_failed(e, to);
}

static enum ra_run set(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    struct ra_password *next = &c->next_password;
    uint8_t hash[RA_HASH_SIZE_MAX];
    ra_err e;
    switch (piece) {
    case 0:
        return ra_console_ask_secret(c, "new password: ");
    case 1:
        if (c->answer_size < RA_PASSWORD_MIN) {
            return ra_command_failed(RA_E_PASSWORD_SHORT, to);
        }
        memset(next, 0, sizeof *next);
        e = digest(c, hash);
        memcpy(next->hash, hash, sizeof next->hash);
        return e == RA_OK ? ra_console_ask_secret(c, "again: ") : ra_command_failed(e, to);
    case 2:
        return begin_key(c, to);
    case 3:
        e = ra_pbkdf_step(&c->kdf, RA_LOGIN_SLICE);
        if (e == RA_AGAIN) {
            return RA_RUN_AGAIN;
        }
        memcpy(next->hash, c->kdf.out, sizeof next->hash);
        ra_pbkdf_wipe(&c->kdf);
        if (e != RA_OK) {
            return ra_command_failed(e, to);
        }
        next->set = true;
        c->ra->password = *next;
        c->ra->password_error = RA_OK;
        c->logged_in = true;
        ra_wipe(next, sizeof *next);
        ra_password_save(c->ra);
        return RA_RUN_MORE;
    default:
        return stored(c, "the password is set\n", to);
    }
}

static enum ra_run clear(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    if (piece == 0) {
        return ra_console_confirm(c, "open the console to everybody? (yes/no) ");
    }
    if (piece == 1) {
        memset(&c->ra->password, 0, sizeof c->ra->password);
        ra_password_save(c->ra);
        return RA_RUN_MORE;
    }
    return stored(c, "no password is asked for\n", to);
}

static enum ra_run logout(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    (void)piece;
    (void)to;
    c->leave = true;
    return RA_RUN_DONE;
}

static const struct ra_command commands[] = {
    {"password set", "", "ask for a password at this console", "password set", set, NULL, 0, 0, 0},
    {"password clear", "[force]", "ask for none any more", "password clear", clear, NULL, 0, 0,
     RA_COMMAND_FORCE},
    {"logout", "", "end the session", "logout", logout, NULL, 0, 0, 0},
};
const struct ra_command_table ra_commands_password = {commands,
                                                      sizeof commands / sizeof commands[0]};
