/* ra_console.h - the operator's serial console.
 *
 * Bytes in, bytes out, over hal_serial. A command prints in pieces, a line or
 * so each, whenever the line has room, so that a slow line never holds the
 * machine and the machine never holds the line. Events appear as they happen,
 * above the line being typed.
 *
 * Input is hostile: any bytes, any length, at any speed. A line longer than
 * RA_CONSOLE_LINE is refused whole, with one message. Control characters other
 * than backspace, delete, ^U (clear), ^C (clear) and the line ends are ignored.
 *
 * State: caller-owned, no close. A call does at most one piece of output and
 * reads at most 32 bytes; a piece that reads a certificate from flash takes
 * one ra_certificate.
 */
#ifndef RA_CONSOLE_H
#define RA_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "perennial.h"
#include "ra_text.h"

#define RA_CONSOLE_LINE 320  /* characters of an input line */
#define RA_CONSOLE_OUT 1024  /* bytes of output waiting for the serial line */
#define RA_CONSOLE_PIECE 480 /* bytes one piece prints at most */
#define RA_CONSOLE_PROMPT "perennial> "

struct ra_console {
    struct ra *ra;
    const char *board; /* what `show version` says of the board */
    char line[RA_CONSOLE_LINE + 1];
    uint16_t line_size;
    bool overlong;
    bool last_was_cr;
    bool prompt_shown;
    bool reboot; /* when all output is out */

    char out[RA_CONSOLE_OUT];
    uint16_t out_first, out_count;

    uint8_t command; /* index of the running command + 1, 0: none */
    uint16_t piece;  /* the next piece it prints */
    const char *words[4];
    uint32_t events_shown; /* sequence number of the last one printed */
    bool news_begun;

    uint8_t cert[RA_CERT_MAX];
};

/* `ra` outlives the console; `board` is a static text of one line. */
void ra_console_init(struct ra_console *c, struct ra *ra, const char *board);
/* Move bytes and do one piece. Returns true when it has more to do at once. */
bool ra_console_step(struct ra_console *c);
/* Print a line of the board's own, above the line being typed (the banner). */
void ra_console_say(struct ra_console *c, const char *line);

#endif
