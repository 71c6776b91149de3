/* The line being typed, on a terminal of one row that knows CR, backspace and BEL only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ra_line.h"

#define PROMPT "ra> "
#define WIDTH (RA_LINE_COLUMNS - 1 - (sizeof PROMPT - 1))

static struct ra_line line;
static char row[RA_LINE_COLUMNS + 1];
static unsigned column;

/* --- the terminal ---------------------------------------------------------------- */

static void show(const char *echo)
{
    for (; *echo != '\0'; echo++) {
        if (*echo == '\r') {
            column = 0;
        } else if (*echo == '\b') {
            assert_true(column > 0);
            column--;
        } else if (*echo == '\n') {
            memset(row, ' ', RA_LINE_COLUMNS);
            column = 0;
        } else {
            assert_in_range(*echo, ' ', '~');
            assert_true(column < RA_LINE_COLUMNS); /* nothing wraps */
            row[column++] = *echo;
        }
    }
}

/* The row is the prompt and the line, or the part of it around the cursor between two `$`. */
static void check_row(void)
{
    char wanted[RA_LINE_COLUMNS + 1];
    unsigned n = (unsigned)line.size - line.first;
    n = n > WIDTH ? WIDTH : n;
    memset(wanted, ' ', sizeof wanted - 1);
    wanted[RA_LINE_COLUMNS] = '\0';
    memcpy(wanted, PROMPT, sizeof PROMPT - 1);
    memcpy(wanted + sizeof PROMPT - 1, line.text + line.first, n);
    if (line.first != 0 && n != 0) {
        wanted[sizeof PROMPT - 1] = '$';
    }
    if (line.first + n < line.size) {
        wanted[sizeof PROMPT - 1 + n - 1] = '$';
    }
    assert_string_equal(row, wanted);
    assert_int_equal(column, sizeof PROMPT - 1 + line.cursor - line.first);
    assert_true(line.first + n == line.size || line.cursor + 1u < line.first + n);
}

static enum ra_line_result key(char ch)
{
    char text[RA_LINE_ECHO];
    struct ra_text echo;
    ra_text_init(&echo, text, sizeof text);
    enum ra_line_result result = ra_line_put(&line, ch, &echo);
    assert_false(echo.cut);
    show(text);
    if (line.drawn) {
        check_row();
    }
    return result;
}

static enum ra_line_result type(const char *keys)
{
    enum ra_line_result result = RA_LINE_NOTHING;
    for (; *keys != '\0'; keys++) {
        result = key(*keys);
    }
    return result;
}

static void draw(void)
{
    char text[RA_LINE_ECHO];
    struct ra_text echo;
    ra_text_init(&echo, text, sizeof text);
    ra_line_draw(&line, &echo);
    show(text);
    check_row();
}

static int setup(void **state)
{
    (void)state;
    ra_line_init(&line, PROMPT);
    memset(row, ' ', RA_LINE_COLUMNS);
    column = 0;
    draw();
    return 0;
}

/* Type keys; the line that comes of it. */
static const char *typed(const char *keys)
{
    ra_line_clear(&line);
    show("\n");
    draw();
    (void)type(keys);
    return line.text;
}

/* --- tests ----------------------------------------------------------------------- */

#define UP "\x1b[A"
#define DOWN "\x1b[B"
#define RIGHT "\x1b[C"
#define LEFT "\x1b[D"

static void keys_do_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *text;
    } cases[] = {
        {"show", "show"},
        {"shw" LEFT "o", "show"},
        {"how\x01s", "show"},
        {"sh\x02\x02\x06x\x05y", "sxhy"},
        {"how\x1b[Hs", "show"},
        {"how\x1b[1~s\x1b[4~s", "shows"},
        {"how\x1b[7~s\x1b[8~s\x1bOHx\x1bOFy", "xshowsy"},
        {"ow\x1bOD\x1bOD\x1bOChx\x7f", "ohw"},
        {"show\x08\x7f", "sh"},
        {"show" LEFT LEFT "\x08", "sow"},
        {"show" LEFT LEFT "\x1b[3~", "shw"},
        {"show" LEFT LEFT "\x04", "shw"},
        {"show\x1b[3~\x04", "show"},
        {"show log" LEFT LEFT LEFT "\x0b", "show "},
        {"show log\x15time", "time"},
        {"show log\x03time", "time"},
        {"show log  \x17x", "show x"},
        {"show log" LEFT "\x17", "show g"},
        {"show\x17\x17", ""},
        {"\x01\x02\x05\x06\x08\x7f\x0b\x0e\x10\x17" LEFT RIGHT UP DOWN, ""},
        {"a\x0c"
         "b",
         "ab"},
        {"a\x16?b", "a?b"},
        {"\x16\x03?", ""},
        /* Sequences that mean nothing here, whole and cut short. */
        {"a\x1b[5~\x1b[20~\x1b[1;5C\x1b[31m\x1b[Z\x1bOP\x1bx\x1b[0~b", "ab"},
        {"a\x1b[\x08"
         "b",
         "b"},
        {"a\x1b\x08"
         "b\x1bO\x08",
         ""},
        {"a\x80\xff\x9b"
         "b\x07\x1c",
         "ab"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(typed(cases[i].keys), cases[i].text);
        assert_int_equal(line.size, strlen(cases[i].text));
    }
    (void)typed("x");
    assert_int_equal(key('\t'), RA_LINE_TAB);
    assert_int_equal(key('?'), RA_LINE_HELP);
    assert_string_equal(line.text, "x");
    assert_int_equal(key('\r'), RA_LINE_DONE);
    assert_false(line.drawn);
    (void)typed("");
    assert_int_equal(key(0x04), RA_LINE_END);
    assert_int_equal(key('\n'), RA_LINE_DONE);
}

static void a_long_line_moves_sideways(void **state)
{
    (void)state;
    char keys[RA_LINE_MAX + 1];
    for (unsigned i = 0; i < RA_LINE_MAX; i++) {
        keys[i] = (char)('a' + i % 26);
    }
    keys[RA_LINE_MAX] = '\0';
    assert_string_equal(typed(keys), keys);
    assert_true(line.first > RA_LINE_MAX - WIDTH);
    for (unsigned i = 0; i < RA_LINE_MAX; i++) {
        (void)type(LEFT);
    }
    assert_int_equal(line.cursor, 0);
    assert_int_equal(line.first, 0);
    for (unsigned i = 0; i < RA_LINE_MAX; i++) {
        (void)type(RIGHT);
    }
    (void)type("\x01\x05");
    for (unsigned i = 0; i < RA_LINE_MAX; i++) {
        (void)type("\x7f");
    }
    assert_int_equal(line.size, 0);
    /* One more is too many; it is said once, at the end of the line. */
    (void)typed(keys);
    assert_int_equal(key('x'), RA_LINE_NOTHING);
    assert_int_equal(type("\x7f\x7f\r"), RA_LINE_TOO_LONG);
    assert_int_equal(line.size, 0);
    draw();
    assert_int_equal(type("ok\r"), RA_LINE_DONE);
}

static void enter(const char *text)
{
    assert_int_equal(type(text), RA_LINE_NOTHING);
    assert_int_equal(key('\r'), RA_LINE_DONE);
    ra_line_remember(&line);
    ra_line_clear(&line);
    draw();
}

static void history_goes_back_and_forth(void **state)
{
    (void)state;
    enter("one");
    enter("two");
    enter("two"); /* not twice */
    enter("");
    enter("three");
    (void)type(UP);
    assert_string_equal(line.text, "three");
    (void)type(UP);
    assert_string_equal(line.text, "two");
    (void)type("\x10\x10\x10");
    assert_string_equal(line.text, "one");
    (void)type(DOWN);
    assert_string_equal(line.text, "two");
    (void)type("\x0e\x0e\x0e");
    assert_string_equal(line.text, "");
    (void)type(UP UP "x");
    enter("");
    (void)type(UP);
    assert_string_equal(line.text, "twox");
    /* Old lines make room for new ones; what is longer than all of it is not kept. */
    (void)type("\x15");
    for (unsigned i = 0; i < 60; i++) {
        char text[20];
        (void)snprintf(text, sizeof text, "command %u", i);
        enter(text);
    }
    for (unsigned i = 0; i < 60; i++) {
        (void)type(UP);
    }
    assert_string_equal(line.text, "command 26"); /* 34 of 11 bytes in 384 */
    (void)type("\x15");
    char text[RA_LINE_MAX + 1];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    enter(text);
    enter("last");
    (void)type(UP UP);
    assert_string_equal(line.text, text);
}

static void hidden_and_drawn_again(void **state)
{
    (void)state;
    char echo_text[RA_LINE_ECHO], blank[RA_LINE_COLUMNS + 1];
    struct ra_text echo;
    memset(blank, ' ', sizeof blank - 1);
    blank[RA_LINE_COLUMNS] = '\0';
    (void)type("show log" LEFT LEFT);
    for (unsigned i = 0; i < 2; i++) {
        ra_text_init(&echo, echo_text, sizeof echo_text);
        ra_line_hide(&line, &echo);
        show(echo_text);
        assert_string_equal(row, blank);
        assert_int_equal(column, 0);
    }
    draw();
    assert_string_equal(line.text, "show log");
}

static void wiped_when_cleared(void **state)
{
    (void)state;
    (void)type("s3cret\x7f\x7f");
    ra_line_clear(&line);
    for (unsigned i = 0; i < sizeof line.text; i++) {
        assert_int_equal(line.text[i], 0);
    }
    for (unsigned i = 0; i < sizeof line.history; i++) {
        assert_int_equal(line.history[i], 0);
    }
}

/* Any keys, against a line kept the simple way. */
static void random_keys(void **state)
{
    (void)state;
    static const char *const keys[] = {LEFT,   RIGHT,     "\x01", "\x05", "\x7f",
                                       "\x04", "\x1b[3~", "\x0b", "\x0c", "\x80"};
    char model[RA_LINE_MAX + 1] = "";
    unsigned at = 0, size = 0;
    uint32_t random = 1;
    for (unsigned i = 0; i < 20000; i++) {
        random = random * 1664525u + 1013904223u;
        unsigned pick = random >> 24;
        if (pick >= 96 || size == 0) {
            char ch = (char)('a' + pick % 26);
            if (size == RA_LINE_MAX) {
                (void)type("\x03");
                size = at = 0;
                model[0] = '\0';
                continue;
            }
            memmove(model + at + 1, model + at, size - at + 1);
            model[at++] = ch;
            size++;
            (void)key(ch);
        } else {
            unsigned k = pick % (sizeof keys / sizeof keys[0]);
            (void)type(keys[k]);
            unsigned from = k == 4 ? at - (at != 0) : at;
            unsigned to = k == 4 ? at : k == 7 ? size : at + (at != size);
            at = k == 0   ? at - (at != 0)
                 : k == 1 ? at + (at != size)
                 : k == 2 ? 0
                 : k == 3 ? size
                          : at;
            if (k >= 4 && k <= 7) {
                memmove(model + from, model + to, size - to + 1);
                size -= to - from;
                at = from;
            }
        }
        assert_string_equal(line.text, model);
        assert_int_equal(line.cursor, at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(keys_do_what_they_say, setup),
        cmocka_unit_test_setup(a_long_line_moves_sideways, setup),
        cmocka_unit_test_setup(history_goes_back_and_forth, setup),
        cmocka_unit_test_setup(hidden_and_drawn_again, setup),
        cmocka_unit_test_setup(wiped_when_cleared, setup),
        cmocka_unit_test_setup(random_keys, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
