/* What is typed into a line: on a terminal that knows CR, backspace and BEL nothing wraps, the row
 * shows the line around the cursor, and the echo of one byte is bounded. */
#include <string.h>

#include "fuzz.h"
#include "ra_line.h"

#define PROMPT "ra> "
#define WIDTH (RA_LINE_COLUMNS - sizeof PROMPT) /* behind the prompt, without the last column */

static struct ra_line line;
static char row[RA_LINE_COLUMNS];
static unsigned column;

static void show(const struct ra_text *echo)
{
    fuzz_must(!echo->cut, "the bound of the echo");
    for (const char *p = echo->p; *p != '\0'; p++) {
        if (*p == '\r') {
            column = 0;
        } else if (*p == '\b') {
            fuzz_must(column-- > 0, "backspace at the edge");
        } else if (*p == '\n') {
            memset(row, ' ', sizeof row);
            column = 0;
        } else {
            fuzz_must(*p >= ' ' && *p <= '~', "a control character");
            fuzz_must(column < sizeof row, "a row that wraps");
            row[column++] = *p;
        }
    }
}

static void check(void)
{
    unsigned count = (unsigned)line.size - line.first;
    bool cut = count > WIDTH;
    count = cut ? WIDTH : count;
    fuzz_must(line.size <= RA_LINE_MAX && line.cursor <= line.size && line.first <= line.cursor,
              "the cursor");
    fuzz_must(strlen(line.text) == line.size, "the zero byte");
    fuzz_must(line.history_size <= RA_LINE_HISTORY && line.recalled <= line.history_size,
              "the history");
    fuzz_must(column == sizeof PROMPT - 1 + line.cursor - line.first, "where the cursor stands");
    fuzz_must(memcmp(row, PROMPT, sizeof PROMPT - 1) == 0, "the prompt");
    for (unsigned i = 0; i < WIDTH; i++) {
        char wanted = i < count ? line.text[line.first + i] : ' ';
        bool dollar = count != 0 && ((i == 0 && line.first != 0) || (cut && i == count - 1));
        fuzz_must(row[sizeof PROMPT - 1 + i] == (dollar ? '$' : wanted), "the row");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    char text[RA_LINE_ECHO];
    struct ra_text echo;
    ra_line_init(&line, PROMPT);
    memset(row, ' ', sizeof row);
    column = 0;
    for (size_t i = 0; i < size; i++) {
        if (!line.drawn) {
            ra_text_init(&echo, text, sizeof text);
            ra_line_draw(&line, &echo);
            show(&echo);
            check();
        }
        ra_text_init(&echo, text, sizeof text);
        enum ra_line_result result = ra_line_put(&line, (char)p[i], &echo);
        show(&echo);
        if (result == RA_LINE_TAB && line.size + 5u <= RA_LINE_MAX) {
            ra_text_init(&echo, text, sizeof text);
            ra_line_insert(&line, "tab's", 5, &echo);
            show(&echo);
        }
        if (line.drawn) {
            check();
        }
        if (result == RA_LINE_DONE) {
            ra_line_remember(&line);
            ra_line_clear(&line);
        }
    }
    return 0;
}
