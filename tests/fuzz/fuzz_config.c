/* Settings: the stored form, and each line of it as `set NAME VALUE`. */
#include <string.h>

#include "fuzz.h"
#include "ra_config.h"

static void sane(const struct ra_config *c)
{
    for (size_t i = 0; i < ra_setting_count(); i++) {
        const struct ra_setting *s = ra_setting_at(i);
        char text[400];
        struct ra_text to;
        struct ra_config copy = *c;
        ra_text_init(&to, text, sizeof text);
        ra_config_print(c, s, true, &to);
        fuzz_must(!to.cut, "a setting as text");
        fuzz_must(ra_config_set(&copy, s->name, text) == RA_OK, "what is printed can be set");
        fuzz_must(memcmp(&copy, c, sizeof copy) == 0, "and is the same then");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static struct ra_config c, again, lines;
    char stored[RA_CONFIG_TEXT_MAX];
    size_t stored_size = 0;
    memset(&c, 0, sizeof c);
    memset(&again, 0, sizeof again);
    ra_config_defaults(&c);
    ra_config_defaults(&again);
    unsigned bad = ra_config_read(&c, (const char *)p, size);
    fuzz_must(bad <= size + 1, "lines that were not understood");
    ra_err err = ra_config_write(&c, stored, sizeof stored, &stored_size);
    fuzz_must(err == RA_OK, "any configuration has room");
    fuzz_must(ra_config_read(&again, stored, stored_size) == 0, "our own form");
    fuzz_must(memcmp(&c, &again, sizeof c) == 0, "written and read: the same");
    sane(&c);
    /* The same lines one by one. */
    struct ra_span rest = {p, size};
    memset(&lines, 0, sizeof lines);
    ra_config_defaults(&lines);
    while (rest.size != 0) {
        char name[512], *value;
        struct ra_span line = fuzz_part(&rest, '\n');
        if (line.size >= sizeof name || (line.size != 0 && memchr(line.p, 0, line.size) != NULL)) {
            continue;
        }
        if (line.size != 0) {
            memcpy(name, line.p, line.size);
        }
        name[line.size] = 0;
        value = strchr(name, ' ');
        if (value != NULL) {
            struct ra_config was = lines;
            *value++ = 0;
            if (ra_config_set(&lines, name, value) != RA_OK) {
                fuzz_must(memcmp(&lines, &was, sizeof was) == 0, "unchanged on failure");
            }
        }
    }
    sane(&lines);
    uint8_t fingerprint[32];
    if (size < sizeof stored && (size == 0 || memchr(p, 0, size) == NULL)) {
        if (size != 0) {
            memcpy(stored, p, size);
        }
        stored[size] = 0;
        (void)ra_config_fingerprint(stored, fingerprint);
    }
    return 0;
}
