#include "ra_line.h"

#include <string.h>

#define CTRL(letter) ((letter) - 'A' + 1)
#define ESCAPE 0x1b
#define DELETE 0x7f

/* enum: how much of an escape sequence has arrived */
enum { NO_ESCAPE, AFTER_ESC, IN_CSI, AFTER_SS3 };

void ra_line_init(struct ra_line *l, const char *prompt)
{
    memset(l, 0, sizeof *l);
    l->prompt = prompt;
}

void ra_line_clear(struct ra_line *l)
{
    memset(l->text, 0, sizeof l->text);
    l->size = 0;
    l->cursor = 0;
    l->first = 0;
    l->overlong = false;
    l->recalled = l->history_size;
}

/* --- the row on the terminal ------------------------------------------------------- */

static unsigned columns(const struct ra_line *l)
{
    return RA_LINE_COLUMNS - 1 - (unsigned)strlen(l->prompt);
}

static void add_many(struct ra_text *echo, char ch, unsigned count)
{
    while (count-- != 0) {
        ra_text_add_char(echo, ch);
    }
}

static bool tail_is_shown(const struct ra_line *l)
{
    return l->size - l->first <= (int)columns(l);
}

/* The row behind the prompt, over what stood there, and the cursor to its place. */
static void draw_row(struct ra_line *l, struct ra_text *echo)
{
    unsigned width = columns(l);
    bool left_of = l->cursor < l->first || (l->first != 0 && l->cursor == l->first);
    unsigned last = l->first + width - (tail_is_shown(l) ? 0 : 2u); /* not under the `$` */
    if (left_of || l->cursor > last) {
        unsigned before = left_of ? width / 4 : width * 3 / 4;
        l->first = (uint16_t)(l->cursor > before ? l->cursor - before : 0);
    }
    unsigned count = l->size - l->first;
    count = count > width ? width : count;
    ra_text_add_bytes(echo, l->text + l->first, count);
    if (count != 0 && l->first != 0) {
        echo->p[echo->size - count] = '$';
    }
    if (count != 0 && l->first + count < l->size) {
        echo->p[echo->size - 1] = '$';
    }
    unsigned blank = l->shown > count ? l->shown - count : 0;
    add_many(echo, ' ', blank);
    add_many(echo, '\b', blank + l->first + count - l->cursor);
    l->shown = (uint8_t)count;
}

static void redraw(struct ra_line *l, struct ra_text *echo)
{
    ra_text_add_char(echo, '\r');
    ra_text_add(echo, l->prompt);
    draw_row(l, echo);
}

void ra_line_draw(struct ra_line *l, struct ra_text *echo)
{
    ra_text_add(echo, l->prompt);
    l->shown = 0;
    draw_row(l, echo);
    l->drawn = true;
}

void ra_line_hide(struct ra_line *l, struct ra_text *echo)
{
    if (l->drawn) {
        ra_text_add_char(echo, '\r');
        add_many(echo, ' ', (unsigned)strlen(l->prompt) + l->shown);
        ra_text_add_char(echo, '\r');
        l->drawn = false;
    }
}

static void move_to(struct ra_line *l, unsigned cursor, struct ra_text *echo)
{
    unsigned last = l->first + columns(l);
    unsigned from = l->cursor;
    l->cursor = (uint16_t)cursor;
    /* A `$` in the row hides a character: draw the row anew when the cursor comes near one. */
    if ((l->first != 0 && cursor <= l->first) || (!tail_is_shown(l) && cursor + 1 >= last)) {
        l->first = (uint16_t)(cursor > columns(l) / 2 ? cursor - columns(l) / 2 : 0);
        redraw(l, echo);
    } else if (cursor < from) {
        add_many(echo, '\b', from - cursor);
    } else {
        ra_text_add_bytes(echo, l->text + from, cursor - from);
    }
}

/* --- changes ---------------------------------------------------------------------- */

void ra_line_insert(struct ra_line *l, const char *s, size_t size, struct ra_text *echo)
{
    if (size > (size_t)(RA_LINE_MAX - l->size)) {
        l->overlong = true;
        return;
    }
    memmove(l->text + l->cursor + size, l->text + l->cursor, l->size - l->cursor);
    memcpy(l->text + l->cursor, s, size);
    bool at_end = l->cursor == l->size;
    l->size = (uint16_t)(l->size + size);
    l->cursor = (uint16_t)(l->cursor + size);
    if (at_end && tail_is_shown(l)) {
        ra_text_add_bytes(echo, s, size);
        l->shown = (uint8_t)(l->size - l->first);
    } else {
        redraw(l, echo);
    }
}

static void remove_range(struct ra_line *l, unsigned from, unsigned to, struct ra_text *echo)
{
    if (from == to) {
        return;
    }
    bool at_end = to == l->size && l->cursor == to && from > l->first;
    memmove(l->text + from, l->text + to, l->size - to);
    memset(l->text + l->size - (to - from), 0, to - from);
    l->size = (uint16_t)(l->size - (to - from));
    l->cursor = (uint16_t)from;
    if (at_end && tail_is_shown(l) && to - from == 1) {
        ra_text_add(echo, "\b \b");
        l->shown--;
    } else {
        redraw(l, echo);
    }
}

static unsigned word_start(const struct ra_line *l)
{
    unsigned at = l->cursor;
    while (at != 0 && l->text[at - 1] == ' ') {
        at--;
    }
    while (at != 0 && l->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

static void forget(struct ra_line *l, struct ra_text *echo)
{
    ra_line_clear(l);
    redraw(l, echo);
}

/* --- history ---------------------------------------------------------------------- */

/* Where the line before the one at `at` begins; `at` itself when it is the oldest. */
static unsigned older(const struct ra_line *l, unsigned at)
{
    if (at == 0) {
        return 0;
    }
    at--;
    while (at != 0 && l->history[at - 1] != '\0') {
        at--;
    }
    return at;
}

void ra_line_remember(struct ra_line *l)
{
    unsigned need = l->size + 1u;
    const char *last = l->history + older(l, l->history_size);
    if (l->size == 0 || need > RA_LINE_HISTORY ||
        (l->history_size != 0 && strcmp(last, l->text) == 0)) {
        return;
    }
    while (l->history_size + need > RA_LINE_HISTORY) {
        unsigned oldest = (unsigned)strlen(l->history) + 1;
        l->history_size = (uint16_t)(l->history_size - oldest);
        memmove(l->history, l->history + oldest, l->history_size);
    }
    memcpy(l->history + l->history_size, l->text, need);
    l->history_size = (uint16_t)(l->history_size + need);
    l->recalled = l->history_size;
}

static void recall(struct ra_line *l, unsigned at, struct ra_text *echo)
{
    if (at == l->recalled) {
        return;
    }
    ra_line_clear(l);
    l->recalled = (uint16_t)at;
    if (at < l->history_size) {
        l->size = (uint16_t)strlen(l->history + at);
        memcpy(l->text, l->history + at, l->size);
        l->cursor = l->size;
    }
    redraw(l, echo);
}

static void recall_newer(struct ra_line *l, struct ra_text *echo)
{
    if (l->recalled < l->history_size) {
        recall(l, l->recalled + (unsigned)strlen(l->history + l->recalled) + 1, echo);
    }
}

/* --- keys ------------------------------------------------------------------------- */

static enum ra_line_result end_line(struct ra_line *l, struct ra_text *echo)
{
    ra_text_add_char(echo, '\n');
    l->drawn = false;
    if (l->overlong) {
        ra_line_clear(l);
        return RA_LINE_TOO_LONG;
    }
    return RA_LINE_DONE;
}

static void left(struct ra_line *l, struct ra_text *echo)
{
    if (l->cursor != 0) {
        move_to(l, l->cursor - 1u, echo);
    }
}

static void right(struct ra_line *l, struct ra_text *echo)
{
    if (l->cursor != l->size) {
        move_to(l, l->cursor + 1u, echo);
    }
}

static void delete_right(struct ra_line *l, struct ra_text *echo)
{
    remove_range(l, l->cursor, l->cursor == l->size ? l->size : l->cursor + 1u, echo);
}

static enum ra_line_result control(struct ra_line *l, char ch, struct ra_text *echo)
{
    switch (ch) {
    case '\r':
    case '\n':
        return end_line(l, echo);
    case '\t':
        return RA_LINE_TAB;
    case CTRL('A'):
        move_to(l, 0, echo);
        break;
    case CTRL('B'):
        left(l, echo);
        break;
    case CTRL('C'):
    case CTRL('U'):
        forget(l, echo);
        break;
    case CTRL('D'):
        if (l->size == 0) {
            return RA_LINE_END;
        }
        delete_right(l, echo);
        break;
    case CTRL('E'):
        move_to(l, l->size, echo);
        break;
    case CTRL('F'):
        right(l, echo);
        break;
    case CTRL('H'):
    case DELETE:
        remove_range(l, l->cursor != 0 ? l->cursor - 1u : 0, l->cursor, echo);
        break;
    case CTRL('K'):
        remove_range(l, l->cursor, l->size, echo);
        break;
    case CTRL('L'):
        redraw(l, echo);
        break;
    case CTRL('N'):
        recall_newer(l, echo);
        break;
    case CTRL('P'):
        recall(l, older(l, l->recalled), echo);
        break;
    case CTRL('V'):
        l->literal = true;
        break;
    case CTRL('W'):
        remove_range(l, word_start(l), l->cursor, echo);
        break;
    case ESCAPE:
        l->escape = AFTER_ESC;
        l->number = 0;
        break;
    default:
        break;
    }
    return RA_LINE_NOTHING;
}

/* The last byte of ESC [ number final or ESC O final. */
static void sequence(struct ra_line *l, char final, struct ra_text *echo)
{
    static const struct {
        char final, number, key;
    } keys[] = {
        {'A', 0, CTRL('P')}, {'B', 0, CTRL('N')}, {'C', 0, CTRL('F')}, {'D', 0, CTRL('B')},
        {'H', 0, CTRL('A')}, {'F', 0, CTRL('E')}, {'~', 1, CTRL('A')}, {'~', 4, CTRL('E')},
        {'~', 7, CTRL('A')}, {'~', 8, CTRL('E')},
    };
    if (final == '~' && l->number == 3) {
        delete_right(l, echo);
        return;
    }
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i].final == final && (uint8_t)keys[i].number == l->number) {
            (void)control(l, keys[i].key, echo);
        }
    }
}

static void escape(struct ra_line *l, char ch, struct ra_text *echo)
{
    if (l->escape == AFTER_ESC) {
        l->escape = ch == '[' ? IN_CSI : ch == 'O' ? AFTER_SS3 : NO_ESCAPE;
    } else if (l->escape == IN_CSI && ch < '@') {
        /* Parameters; of several only the last matters, and none of two digits means a thing. */
        l->number = ch >= '0' && ch <= '9' && l->number == 0 ? (uint8_t)(ch - '0') : 10;
    } else {
        l->escape = NO_ESCAPE;
        sequence(l, ch, echo);
    }
}

enum ra_line_result ra_line_put(struct ra_line *l, char ch, struct ra_text *echo)
{
    bool printable = ch >= ' ' && ch <= '~';
    if (((unsigned char)ch & 0x80u) != 0) {
        return RA_LINE_NOTHING;
    }
    if (!printable) {
        l->escape = NO_ESCAPE; /* a sequence that was cut short */
        l->literal = false;
        return control(l, ch, echo);
    }
    if (l->escape != NO_ESCAPE) {
        escape(l, ch, echo);
        return RA_LINE_NOTHING;
    }
    if (ch == '?' && !l->literal) {
        return RA_LINE_HELP;
    }
    l->literal = false;
    ra_line_insert(l, &ch, 1, echo);
    return RA_LINE_NOTHING;
}
