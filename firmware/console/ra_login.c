#include "ra_login.h"

#include <string.h>

#include "ra_command.h"

bool ra_login_needed(const struct ra_console *c)
{
    const struct ra *ra = c->ra;
    return (ra->password.set || ra->password_error != RA_OK) && !c->logged_in;
}

void ra_login_end(struct ra_console *c)
{
    c->logged_in = false;
    c->login = RA_LOGIN_BEGIN;
    ra_line_init(&c->line, c->prompt); /* the history was this operator's */
}

static void lock(struct ra_console *c, uint64_t now_ms, struct ra_text *to)
{
    uint32_t seconds = ra_password_lock_s(&c->ra->password);
    c->login = RA_LOGIN_TYPING;
    if (seconds != 0) {
        c->login = RA_LOGIN_LOCKED;
        c->login_ms = now_ms + seconds * 1000u;
        ra_text_add(to, "wait ");
        ra_text_add_u32(to, seconds);
        ra_text_add(to, " s\n");
    } else {
        ra_text_add(to, "password: ");
    }
    c->input = RA_CONSOLE_LOGIN;
}

static void judge(struct ra_console *c, ra_err e, uint64_t now_ms, struct ra_text *to)
{
    struct ra *ra = c->ra;
    uint8_t hash[sizeof ra->password.hash];
    memcpy(hash, c->kdf.out, sizeof hash);
    ra_pbkdf_wipe(&c->kdf);
    if (e == RA_OK && ra->password_error == RA_OK && ra->password.set &&
        ra_equal_ct(hash, ra->password.hash, sizeof ra->password.hash) == 1) {
        ra->password.failures = 0;
        ra_password_save(ra);
        c->logged_in = true;
        c->active_ms = now_ms + 1;
        c->input = RA_CONSOLE_COMMANDS;
        return;
    }
    ra_command_error(ra->password_error != RA_OK ? ra->password_error : RA_E_PASSWORD, to);
    lock(c, now_ms, to);
}

bool ra_login_step(struct ra_console *c, uint64_t now_ms, struct ra_text *to)
{
    struct ra_password *p = &c->ra->password;
    ra_err e;
    switch (c->login) {
    case RA_LOGIN_BEGIN:
        lock(c, now_ms, to);
        return true;
    case RA_LOGIN_COUNT:
        if (!ra_password_saved(c->ra)) {
            return true;
        }
        e = ra_pbkdf_start(&c->kdf, RA_HASH_SHA256, c->answer, c->answer_size, p->salt,
                           sizeof p->salt, p->iterations != 0 ? p->iterations : 1, sizeof p->hash);
        ra_wipe(c->answer, sizeof c->answer);
        c->answer_size = 0;
        c->login = RA_LOGIN_DERIVE;
        if (e != RA_OK) {
            judge(c, e, now_ms, to);
        }
        return true;
    case RA_LOGIN_DERIVE:
        e = ra_pbkdf_step(&c->kdf, RA_LOGIN_SLICE);
        if (e != RA_AGAIN) {
            judge(c, e, now_ms, to);
        }
        return true;
    case RA_LOGIN_LOCKED:
        if (now_ms >= c->login_ms) {
            c->login = RA_LOGIN_TYPING;
            ra_text_add(to, "password: ");
        }
        return false;
    default:
        return false;
    }
}
