/* ra_console.h - the operator's serial console.
 *
 * Bytes in, bytes out, over hal_serial. A command prints in pieces, a line or
 * so each, whenever the line has room, so that a slow line never holds the
 * machine and the machine never holds the line. Events appear as they happen,
 * above the line being typed (ra_line.h). Words may be shortened as long as only one
 * fits (ra_lookup.h); Tab completes them, `?` says what can follow. Output stops after
 * each page; `| json` makes it fit for a program, `| include WORD` leaves lines out.
 * While somebody is there, the prompt says what the machine is doing. A password may be set
 * (ra_login.h).
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
#include "ra_password.h"
#include "ra_pbkdf.h"
#include "ra_text.h"

#define RA_CONSOLE_OUT 768     /* bytes of output waiting for the serial line */
#define RA_CONSOLE_PIECE 560   /* bytes one piece prints at most */
#define RA_CONSOLE_ARGS 6      /* arguments of a command at most */
#define RA_CONSOLE_ANSWER 64   /* characters of the answer to a question */
#define RA_CONSOLE_LENGTH 24   /* lines of a page, unless `terminal length` says otherwise */
#define RA_CONSOLE_BULK 16384u /* bytes of the buffer for what is public */
#define RA_CONSOLE_PROMPT "perennial> "
#define RA_CONSOLE_PROMPT_MAX 56 /* with what the machine is doing before it */

/* Who gets the bytes that arrive. */
enum ra_console_input {
    RA_CONSOLE_COMMANDS, /* the line being typed; nothing is read while a command runs */
    RA_CONSOLE_CONFIRM,  /* the answer to a question of yes or no                      */
    RA_CONSOLE_SECRET,   /* a secret, without an echo                                  */
    RA_CONSOLE_LOGIN,    /* the operator's password, or nobody: see ra_login.h         */
    RA_CONSOLE_PASTE,    /* lines up to one of "." or END, or up to ^D                 */
    RA_CONSOLE_PAGER     /* space, Enter or q after a page                             */
};

struct ra_command; /* ra_command.h */

/* Private to firmware/console; visible so that you can size it. */
struct ra_console {
    struct ra *ra;
    const char *board;   /* what `show version` says of the board */
    const char *network; /* and of the network, NULL: nothing     */
    uint32_t image;      /* and of the image's bytes, 0: nothing  */
    uint8_t *bulk;       /* RA_CONSOLE_BULK bytes, the caller's   */
    struct ra_line line;
    char prompt[RA_CONSOLE_PROMPT_MAX + 1];
    uint64_t active_ms; /* when something was typed last, 0: never */
    uint64_t status_ms; /* when the prompt last changed            */
    bool last_was_cr;
    bool reboot; /* when all output is out */

    char out[RA_CONSOLE_OUT];
    uint16_t out_first, out_count;
    uint16_t length; /* lines of a page, 0: no end of pages and no work in the prompt */
    uint16_t lines;  /* printed on this page                                         */
    uint16_t column; /* of what is being printed, 0: a row begins                    */
    bool folds;      /* that line goes on in the next row where it is too long       */
    bool folded;     /* and this row is such a one                                   */
    char last;       /* character of it                                              */

    /* The running command. */
    const struct ra_command *command; /* NULL: none                        */
    const char *args[RA_CONSOLE_ARGS];
    uint8_t arg_count;
    bool force;                /* the last word was `force`                                 */
    bool keep;                 /* the line stays: what is running is the help about it      */
    bool secret_line;          /* a secret is in the line: not for the history              */
    uint8_t json;              /* enum ra_json of ra_command.c                              */
    const char *include;       /* print only lines with this word, NULL: all                */
    uint16_t piece;            /* the next piece it prints                                  */
    uint16_t part, part_piece; /* of a command made of others                         */
    uint8_t next;              /* enum ra_run: what is to be done when `text` is printed    */
    char text[RA_CONSOLE_PIECE];
    uint16_t text_size, text_at; /* the part that is not printed yet */

    /* What it asked for. */
    uint8_t input, wanted; /* enum ra_console_input: now, and when `text` is printed */
    bool too_long;
    const char *question;
    char answer[RA_CONSOLE_ANSWER + 1];
    uint8_t answer_size;
    char *paste; /* paste_room bytes, the command's */
    uint32_t paste_room, paste_size, paste_column;
    char paste_head[4]; /* the line's first characters */
    bool paste_secret;

    /* The operator's password. */
    bool logged_in;
    bool leave;        /* log out when the command has ended */
    uint8_t login;     /* enum ra_login                      */
    uint64_t login_ms; /* locked until                       */
    struct ra_pbkdf kdf;
    struct ra_password next_password; /* the one being set */

    uint32_t events_shown; /* sequence number of the last one printed */
    bool news_begun;
};

/* `ra` outlives the console; `board` is a static text of one line. `bulk` is a buffer of
 * RA_CONSOLE_BULK bytes for what is public (certificates shown and pasted, requests): it may lie
 * in external memory, where struct ra should not. */
void ra_console_init(struct ra_console *c, struct ra *ra, const char *board, uint8_t *bulk);
/* What `show version` says of the network: a static text of a few words. */
void ra_console_about_network(struct ra_console *c, const char *library);
/* And of the image: the bytes of code memory it takes, as the linker knows them. */
void ra_console_about_image(struct ra_console *c, uint32_t bytes);
/* Move bytes and do one piece. Returns true when it has more to do at once. Nothing is taken
 * before the store has said whether a password is set. */
bool ra_console_step(struct ra_console *c);
/* Print a line of the board's own, above the line being typed (the banner). */
void ra_console_say(struct ra_console *c, const char *line);

#endif
