/* ra_line.h - the line being typed: bytes in, a finished line and its echo out.
 *
 * Cursor keys (ANSI sequences, or ^B ^F ^A ^E), history (up and down, ^P ^N), backspace, delete
 * (^D within a line), ^U whole line, ^K rest of it, ^W word, ^L draw again, ^C forget it, ^V take
 * the next character as it is. Tab and `?` are the caller's. Other bytes mean nothing here.
 *
 * The echo is made of printable characters, CR, backspace and BEL, so that any terminal does. A
 * line longer than a row of RA_LINE_COLUMNS moves sideways in it, with a `$` where it goes on.
 *
 * Pure: no clock, no serial line. A byte gives at most RA_LINE_ECHO bytes of echo, bytes one by
 * one give the same as all at once. A line longer than RA_LINE_MAX is refused whole, with one
 * RA_LINE_TOO_LONG. Both CR and LF end a line: the caller drops the second of a pair.
 *
 * None of Debian's libraries for this does without a heap (libedit, readline, libtecla, libcli):
 * hence one of our own.
 *
 * State: caller-owned, no close. What was typed may be a secret: ra_line_clear wipes it, and the
 * history holds only what ra_line_remember was called for.
 */
#ifndef RA_LINE_H
#define RA_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "ra_text.h"

#define RA_LINE_MAX 320     /* characters of a line                                */
#define RA_LINE_COLUMNS 80  /* of the terminal; the last one stays empty           */
#define RA_LINE_HISTORY 384 /* bytes for older lines, as many as fit               */
#define RA_LINE_ECHO 256    /* bytes of echo one call gives at most                */

enum ra_line_result {
    RA_LINE_NOTHING,  /* go on typing                                         */
    RA_LINE_DONE,     /* a line is in `text`; the caller clears it afterwards */
    RA_LINE_TOO_LONG, /* what was typed did not fit, and is gone              */
    RA_LINE_TAB,      /* Tab was typed: complete what stands before the cursor */
    RA_LINE_HELP,     /* `?` was typed, and not put into the line             */
    RA_LINE_END       /* ^D in an empty line                                  */
};

struct ra_line {
    char text[RA_LINE_MAX + 1];
    uint16_t size, cursor;
    const char *prompt;
    bool drawn; /* the prompt and the line stand on the terminal */

    /* Private. */
    uint16_t first; /* of the characters in the row                      */
    uint8_t shown;  /* columns behind the prompt that are not blank      */
    uint8_t escape; /* how much of an escape sequence has arrived        */
    uint8_t number; /* in it                                             */
    bool overlong, literal;
    uint16_t history_size; /* lines with a zero byte behind each, oldest first  */
    uint16_t recalled;     /* where the line shown begins in it; or its size    */
    char history[RA_LINE_HISTORY];
};

/* `prompt` is static, under 40 characters. */
void ra_line_init(struct ra_line *l, const char *prompt);
enum ra_line_result ra_line_put(struct ra_line *l, char ch, struct ra_text *echo);
/* Put characters in at the cursor, as if typed; all or none of them. */
void ra_line_insert(struct ra_line *l, const char *s, size_t size, struct ra_text *echo);
/* Show the prompt and what was typed so far. */
void ra_line_draw(struct ra_line *l, struct ra_text *echo);
/* Take both off the terminal, so that something else can be printed there. */
void ra_line_hide(struct ra_line *l, struct ra_text *echo);
/* Forget what was typed. */
void ra_line_clear(struct ra_line *l);
/* Keep a copy of the line for the history. */
void ra_line_remember(struct ra_line *l);

#endif
