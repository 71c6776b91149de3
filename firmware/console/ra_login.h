/* ra_login.h - the operator's password at the console. Private to firmware/console.
 *
 * Without a password set the console is open. With one, nothing but the prompt for it is shown and
 * taken until it was typed, and again after `logout` or `idle-minutes` without a key. After a wrong
 * one input is dropped for 1, 2, 4 ... seconds up to 15 minutes; the count is in flash
 * (ra_password.h) and starts the waiting anew after a reset. A record that cannot be read keeps the
 * console shut, and the log says why.
 */
#ifndef RA_LOGIN_H
#define RA_LOGIN_H

#include "ra_console.h"

/* What happens at the prompt. */
enum ra_login {
    RA_LOGIN_BEGIN,  /* nothing is shown yet                                        */
    RA_LOGIN_TYPING, /* c->answer is being typed                                    */
    RA_LOGIN_COUNT,  /* the try is being counted in flash                           */
    RA_LOGIN_DERIVE, /* the key is being made                                       */
    RA_LOGIN_LOCKED  /* until c->login_ms                                           */
};

#define RA_LOGIN_SLICE 20u /* iterations in one step */

/* Whether a password has to be typed first. */
bool ra_login_needed(const struct ra_console *c);
/* One step towards it; what is to be shown goes to `to`. True: there is more to do at once. */
bool ra_login_step(struct ra_console *c, uint64_t now_ms, struct ra_text *to);
/* Nobody is there any more. */
void ra_login_end(struct ra_console *c);

#endif
