#include "ra_line.h"

#include <string.h>

#define CTRL_C 0x03
#define CTRL_U 0x15
#define BACKSPACE 0x08
#define DELETE 0x7f

void ra_line_init(struct ra_line *l, const char *prompt)
{
    memset(l, 0, sizeof *l);
    l->prompt = prompt;
}

void ra_line_clear(struct ra_line *l)
{
    memset(l->text, 0, sizeof l->text);
    l->size = 0;
    l->overlong = false;
}

void ra_line_draw(struct ra_line *l, struct ra_text *echo)
{
    ra_text_add(echo, l->prompt);
    ra_text_add(echo, l->text);
    l->drawn = true;
}

void ra_line_hide(struct ra_line *l, struct ra_text *echo)
{
    if (l->drawn) {
        ra_text_add(echo, "\r\x1b[K");
        l->drawn = false;
    }
}

static enum ra_line_result end_line(struct ra_line *l, struct ra_text *echo)
{
    ra_text_add(echo, "\n");
    l->drawn = false;
    if (l->overlong) {
        ra_line_clear(l);
        return RA_LINE_TOO_LONG;
    }
    return RA_LINE_DONE;
}

enum ra_line_result ra_line_put(struct ra_line *l, char ch, struct ra_text *echo)
{
    if (ch == '\r' || ch == '\n') {
        return end_line(l, echo);
    }
    if (ch == CTRL_U || ch == CTRL_C) {
        ra_line_hide(l, echo);
        ra_line_clear(l);
        return RA_LINE_NOTHING;
    }
    if (ch == BACKSPACE || ch == DELETE) {
        if (l->size != 0) {
            l->text[--l->size] = '\0';
            ra_text_add(echo, "\b \b");
        }
        return RA_LINE_NOTHING;
    }
    if (ch < ' ' || ch > '~') {
        return RA_LINE_NOTHING;
    }
    if (l->size == RA_LINE_MAX) {
        l->overlong = true;
        return RA_LINE_NOTHING;
    }
    l->text[l->size++] = ch;
    l->text[l->size] = '\0';
    ra_text_add_char(echo, ch);
    return RA_LINE_NOTHING;
}
