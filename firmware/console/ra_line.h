/* ra_line.h - the line being typed: bytes in, a finished line and its echo out.
 *
 * Pure: no clock, no serial line. Each byte gives at most RA_LINE_ECHO bytes of echo. A line
 * longer than RA_LINE_MAX is refused whole, with one RA_LINE_TOO_LONG. Bytes that mean nothing
 * here are ignored. CR and LF both end a line: the caller drops the second of a pair.
 *
 * State: caller-owned, no close. What was typed may be a secret: ra_line_clear wipes it.
 */
#ifndef RA_LINE_H
#define RA_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "ra_text.h"

#define RA_LINE_MAX 320  /* characters of a line */
#define RA_LINE_ECHO 400 /* bytes of echo one call gives at most */

enum ra_line_result {
    RA_LINE_NOTHING, /* go on typing                                         */
    RA_LINE_DONE,    /* a line is in `text`; the caller clears it afterwards */
    RA_LINE_TOO_LONG /* what was typed did not fit, and is gone              */
};

struct ra_line {
    char text[RA_LINE_MAX + 1];
    uint16_t size;
    bool overlong;
    bool drawn; /* the prompt and the line stand on the terminal */
    const char *prompt;
};

/* `prompt` is static. */
void ra_line_init(struct ra_line *l, const char *prompt);
enum ra_line_result ra_line_put(struct ra_line *l, char ch, struct ra_text *echo);
/* Show the prompt and what was typed so far. */
void ra_line_draw(struct ra_line *l, struct ra_text *echo);
/* Take both off the terminal, so that something else can be printed there. */
void ra_line_hide(struct ra_line *l, struct ra_text *echo);
/* Forget what was typed. */
void ra_line_clear(struct ra_line *l);

#endif
