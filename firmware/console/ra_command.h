/* ra_command.h - how a command of the console is written. Private to firmware/console.
 *
 * A command is a row of a table: its words, what they mean, and a function that prints it piece by
 * piece. To add a group of commands, write ra_command_GROUP.c with a table like those that are
 * there, and name the table in `tables` of ra_console.c; tests/tools/stack-emcraft-sf2.txt lists
 * the functions for the stack's computation, tests/tools/print_console.c has a session for
 * docs/console.md. Help, prefixes and completion come from the row.
 *
 * A command function is called with piece 0, 1, 2 ... and appends at most RA_CONSOLE_PIECE bytes of
 * whole lines to `to`; each call is one bounded step of the main loop. Its arguments are
 * c->args[0 .. c->arg_count-1], as many as the row allows. A command that needs something from the
 * operator returns what ra_console_confirm, ra_console_ask_secret or ra_console_paste returns; the
 * next piece is called when it is there. Whoever says no, types ^C or sends too much ends the
 * command, with one line, and no further piece is called: nothing may be begun that has to be
 * undone. The answer, and what was pasted as a secret, are wiped when the command ends.
 *
 *     static enum ra_run erase(struct ra_console *c, unsigned piece, struct ra_text *to)
 *     {
 *         if (piece == 0) {
 *             return ra_console_confirm(c, "erase everything? (yes/no) ");
 *         }
 *         ...
 *         return RA_RUN_DONE;
 *     }
 */
#ifndef RA_COMMAND_H
#define RA_COMMAND_H

#include "ra_console.h"

enum ra_run {
    RA_RUN_DONE,  /* the command is over                                          */
    RA_RUN_MORE,  /* there is another piece                                       */
    RA_RUN_AGAIN, /* flash is busy, or the work needs more steps: this piece again */
    RA_RUN_ASK    /* the operator is being asked; the next piece has the answer   */
};

/* flags */
#define RA_COMMAND_FORCE 1u /* a last word `force` makes ra_console_confirm a yes */
#define RA_COMMAND_JSON 2u  /* prints by ra_show_* only, so that `| json` can be asked for */
#define RA_COMMAND_REST 4u  /* the last argument is the rest of the line, blanks, `|` and `?` too */

#define RA_CONSOLE_WORDS 12 /* words of a line at most */

struct ra_command {
    const char *words;   /* "show log": lower case, one space between            */
    const char *usage;   /* its arguments: "[N]", or ""                          */
    const char *help;    /* one line, 50 characters at most                      */
    const char *example; /* a whole line that can be typed                       */
    enum ra_run (*run)(struct ra_console *c, unsigned piece, struct ra_text *to);
    /* The i-th word that argument number `arg` can be, NULL past the last; NULL: anything. */
    const char *(*complete)(unsigned arg, unsigned i);
    uint8_t args_min, args_max;
    uint8_t flags;
};

struct ra_command_table {
    const struct ra_command *commands;
    unsigned count;
};

extern const struct ra_command_table ra_commands_show;
extern const struct ra_command_table ra_commands_status;
extern const struct ra_command_table ra_commands_config;
extern const struct ra_command_table ra_commands_renew;
extern const struct ra_command_table ra_commands_certreq;
extern const struct ra_command_table ra_commands_password;
extern const struct ra_command_table ra_commands_provision;
extern const struct ra_command_table ra_commands_system;

/* --- asking the operator ------------------------------------------------ */

/* A question of yes or no; `question` is static. With `force` typed: RA_RUN_MORE at once. */
enum ra_run ra_console_confirm(struct ra_console *c, const char *question);
/* A secret of up to RA_CONSOLE_ANSWER characters, not echoed; then in c->answer. */
enum ra_run ra_console_ask_secret(struct ra_console *c, const char *prompt);
/* Lines, pasted, into buffer[0 .. room-1] up to a line of "." or END, or ^D. Then in c->paste,
 * c->paste_size characters, lines ended by '\n', a zero byte behind. `what` is static and says
 * what to paste. `secret`: no echo, and the buffer is wiped when the command ends. Bytes other
 * than 1 .. 255 are dropped. `room` counts the mark of the end and the
 * zero byte too. c->bulk serves for what is public. */
enum ra_run ra_console_paste(struct ra_console *c, const char *what, uint8_t *buffer, uint32_t room,
                             bool secret);

/* --- what `show` prints --------------------------------------------------
 *
 * For people `  name         value`, for `| json` a list of objects, one for each ra_show_item,
 * whose members have the same names with `_` for spaces. What stands only in one of the two asks
 * c->json. */

/* A new object; for people the line `title`. */
void ra_show_item(struct ra_console *c, const char *title, struct ra_text *to);
void ra_show_text(struct ra_console *c, const char *name, const char *value, struct ra_text *to);
void ra_show_number(struct ra_console *c, const char *name, int64_t value, struct ra_text *to);
/* RA_TIME_UNKNOWN is "unknown", in JSON null. */
void ra_show_time(struct ra_console *c, const char *name, int64_t t, struct ra_text *to);
/* Subject and issuer; serial number, thumbprint and validity: both within one piece, not in JSON. */
void ra_show_names(struct ra_console *c, const struct ra_cert *cert, struct ra_text *to);
void ra_show_numbers(struct ra_console *c, const struct ra_cert *cert, struct ra_text *to);
void ra_show_error(struct ra_console *c, const char *name, ra_err e, struct ra_text *to);
/* JSON only. */
void ra_show_flag(struct ra_console *c, const char *name, bool value, struct ra_text *to);
/* The item of the clock: time, source, floor, uptime. */
void ra_show_clock(struct ra_console *c, struct ra_text *to);
/* Called by the console behind the last piece. */
void ra_show_end(struct ra_console *c, struct ra_text *to);

/* --- for several commands ---------------------------------------------- */

/* "% E9-02 ..." */
void ra_command_error(ra_err e, struct ra_text *to);
/* The same; returns RA_RUN_DONE. */
enum ra_run ra_command_failed(ra_err e, struct ra_text *to);
/* A date, or "unknown". */
void ra_command_time(int64_t t, struct ra_text *to);
/* "Enrollment Agent: done", or the error in place of `done`. Returns RA_RUN_DONE. */
enum ra_run ra_command_role_said(enum ra_role role, ra_err e, const char *done, struct ra_text *to);
/* The pieces of `retrieve` and `certreq retrieve`; asks before another id than the CA's is taken. */
enum ra_run ra_command_retrieve(struct ra_console *c, enum ra_role role, const char *id,
                                unsigned piece, struct ra_text *to);
/* The role of a word or the beginning of one. False when it is none. */
bool ra_command_role(const char *word, enum ra_role *role);
/* The role that `word` names; where it is NULL the only one with an open request. RA_E_PARAMETER,
 * RA_E_NO_REQUEST, RA_E_WHICH_ROLE. */
ra_err ra_command_open_role(const struct ra_console *c, const char *word, enum ra_role *role);
/* "same-key" or "new-key". False when it is neither. */
bool ra_command_key(const char *word, enum ra_key_wish *key);
/* For `complete`: the roles; and behind a role the two words of a key. */
const char *ra_command_role_word(unsigned arg, unsigned i);
const char *ra_command_role_key_word(unsigned arg, unsigned i);
/* The served certificate into c->bulk, parsed. */
ra_err ra_command_certificate(struct ra_console *c, enum ra_role role, struct ra_cert *cert);

/* The i-th of all commands, NULL past the last. */
const struct ra_command *ra_command_at(unsigned i);

#endif
