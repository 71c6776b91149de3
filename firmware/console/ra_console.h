/* ra_console.h - the operator's serial console.
 *
 * Bytes in, bytes out, over hal_serial. A command prints in pieces, a line or
 * so each, whenever the line has room, so that a slow line never holds the
 * machine and the machine never holds the line. Events appear as they happen,
 * above the line being typed (ra_line.h).
 *
 * The commands are tables in ra_command_*.c; ra_command.h says how one is written.
 *
 * Input is hostile: any bytes, any length, at any speed. A line longer than
 * RA_LINE_MAX, an answer or a paste that is too long is refused whole, with one message.
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
#include "ra_line.h"
#include "ra_text.h"

#define RA_CONSOLE_OUT 1024    /* bytes of output waiting for the serial line */
#define RA_CONSOLE_PIECE 480   /* bytes one piece prints at most */
#define RA_CONSOLE_ARGS 6      /* arguments of a command at most */
#define RA_CONSOLE_ANSWER 64   /* characters of the answer to a question */
#define RA_CONSOLE_BULK 16384u /* bytes of the buffer for what is public */
#define RA_CONSOLE_PROMPT "perennial> "

/* Who gets the bytes that arrive. */
enum ra_console_input {
    RA_CONSOLE_COMMANDS, /* the line being typed; nothing is read while a command runs */
    RA_CONSOLE_CONFIRM,  /* the answer to a question of yes or no                      */
    RA_CONSOLE_SECRET,   /* a secret, without an echo                                  */
    RA_CONSOLE_PASTE     /* lines up to one of "." or END, or up to ^D                 */
};

struct ra_command; /* ra_command.h */

/* Private to firmware/console; visible so that you can size it. */
struct ra_console {
    struct ra *ra;
    const char *board; /* what `show version` says of the board */
    uint8_t *bulk;     /* RA_CONSOLE_BULK bytes, the caller's   */
    struct ra_line line;
    bool last_was_cr;
    bool reboot; /* when all output is out */

    char out[RA_CONSOLE_OUT];
    uint16_t out_first, out_count;

    /* The running command. */
    const struct ra_command *command; /* NULL: none                        */
    const char *args[RA_CONSOLE_ARGS];
    uint8_t arg_count;
    bool force;     /* the last word was `force`         */
    uint16_t piece; /* the next piece it prints          */

    /* What it asked for. */
    uint8_t input; /* enum ra_console_input */
    bool too_long;
    const char *prompt;
    char answer[RA_CONSOLE_ANSWER + 1];
    uint8_t answer_size;
    char *paste; /* paste_room bytes, the command's */
    uint32_t paste_room, paste_size, paste_column;
    char paste_head[4]; /* the line's first characters */
    bool paste_secret;

    uint32_t events_shown; /* sequence number of the last one printed */
    bool news_begun;
};

/* `ra` outlives the console; `board` is a static text of one line. `bulk` is a buffer of
 * RA_CONSOLE_BULK bytes for what is public (certificates shown and pasted, requests): it may lie
 * in external memory, where struct ra should not. */
void ra_console_init(struct ra_console *c, struct ra *ra, const char *board, uint8_t *bulk);
/* Move bytes and do one piece. Returns true when it has more to do at once. */
bool ra_console_step(struct ra_console *c);
/* Print a line of the board's own, above the line being typed (the banner). */
void ra_console_say(struct ra_console *c, const char *line);

#endif
