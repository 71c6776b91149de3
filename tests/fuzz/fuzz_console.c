/* What somebody types at the console of a running appliance: whole, byte by byte and in random
 * pieces, the screen shows the same and the settings are the same. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ra_console.h"
#include "world.h"

static struct world w, made;
static struct ra_console console;
static uint8_t bulk[RA_CONSOLE_BULK];

static struct {
    struct ra_span rest;
    struct fuzz_pieces pieces;
    size_t now; /* bytes that have arrived */
    char *shown;
    size_t shown_size, shown_cap;
} line;

static uint32_t line_read(void *dev, uint8_t *to, uint32_t size)
{
    uint32_t n = 0;
    (void)dev;
    while (n < size && line.now != 0) {
        to[n++] = fuzz_byte(&line.rest);
        line.now--;
    }
    return n;
}

static uint32_t line_write(void *dev, const uint8_t *from, uint32_t size)
{
    (void)dev;
    if (line.shown_size + size >= line.shown_cap) {
        line.shown_cap = 2 * (line.shown_size + size) + 4096;
        char *more = realloc(line.shown, line.shown_cap);
        fuzz_must(more != NULL, "memory");
        line.shown = more;
    }
    memcpy(line.shown + line.shown_size, from, size);
    line.shown_size += size;
    return size;
}

static void type(const uint8_t *p, size_t size, struct fuzz_pieces pieces)
{
    memset(&w, 0, sizeof w);
    world_copy(&w, &made);
    w.hal.serial = (struct hal_serial){line_read, line_write, &w};
    world_boot_offline(&w);
    w.pace_ms = 10;
    ra_console_init(&console, &w.ra, "a board", bulk);
    line.rest = (struct ra_span){p, size};
    line.pieces = pieces;
    line.now = 0;
    line.shown_size = 0;
    for (unsigned idle = 0, steps = 0; idle < 3; steps++) {
        fuzz_must(steps < 400000, "the console does not come to an end");
        if (line.now == 0 && line.rest.size != 0) {
            line.now = fuzz_piece(&line.pieces, line.rest.size);
        }
        bool more = ra_console_step(&console);
        if (console.input == RA_CONSOLE_LOGIN ||
            (console.command != NULL && console.input == RA_CONSOLE_COMMANDS)) {
            (void)world_step(&w); /* a command may wait for the store, or for a seed */
        }
        idle = !more && line.rest.size == 0 ? idle + 1 : 0;
        if (console.reboot) {
            break;
        }
    }
    fuzz_must(console.line.size <= RA_LINE_MAX, "the line");
}

/* Control characters that would obey a peer or an operator's paste: only what the console itself
 * uses. */
static void harmless(void)
{
    for (size_t i = 0; i < line.shown_size; i++) {
        uint8_t c = (uint8_t)line.shown[i];
        fuzz_must(c >= ' ' || c == '\r' || c == '\n' || c == '\b', "a control character");
        fuzz_must(c != 0x7f, "a control character");
    }
}

/* What is typed while a wrong password's wait runs is dropped: from there on time decides. */
static bool timeless(void)
{
    line.shown[line.shown_size] = '\0';
    char *found = strstr(line.shown, "\nwait ");
    if (found != NULL) {
        line.shown_size = (size_t)(found - line.shown);
    }
    return found == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static char *first;
    static struct ra_config config;
    if (made.flash.size == 0) {
        world_init(&made, NULL);
        world_provision_pair(&made, 400, 400);
    }
    type(p, size, (struct fuzz_pieces){FUZZ_WHOLE, 0});
    harmless();
    bool all = timeless();
    bool reboot = console.reboot;
    size_t shown = line.shown_size;
    char *more = realloc(first, shown + 1);
    fuzz_must(more != NULL, "memory");
    first = more;
    memcpy(first, line.shown, shown);
    memcpy(&config, &w.ra.config, sizeof config);
    for (unsigned way = FUZZ_BYTES; way < FUZZ_WAYS; way++) {
        type(p, size, (struct fuzz_pieces){(enum fuzz_way)way, fuzz_hash(p, size)});
        fuzz_must(timeless() == all, "pieces: the same wait");
        fuzz_must(!all || console.reboot == reboot, "pieces: the same end");
        fuzz_must(line.shown_size == shown && memcmp(line.shown, first, shown) == 0,
                  "pieces: the same screen");
        fuzz_must(!all || memcmp(&config, &w.ra.config, sizeof config) == 0,
                  "pieces: the same settings");
    }
    return 0;
}
