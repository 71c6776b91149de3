#include "ra_error.h"

#include <stddef.h>
#include <string.h>

struct entry {
    int16_t code;
    uint8_t retry;
    const char *text;
};

#define ENTRY(name, layer, no, retry, text)                                                        \
    {(int16_t)(-(RA_LAYER_##layer * 32 + (no))), RA_RETRY_##retry, text},
static const struct entry entries[] = {RA_ERRORS(ENTRY)};
#undef ENTRY

/* One after the other, in an array of their own: an image that prints no names has none of the 3 KB. */
#define NAME(name, layer, no, retry, text) #name "\0"
static const char names[] = RA_ERRORS(NAME);
#undef NAME

static const struct entry *find(ra_err e)
{
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        if (entries[i].code == e) {
            return &entries[i];
        }
    }
    return NULL;
}

const char *ra_error_text(ra_err e)
{
    const struct entry *entry = find(e);
    if (entry != NULL) {
        return entry->text;
    }
    return e == RA_OK ? "ok" : "an error without a name";
}

const char *ra_error_name(ra_err e)
{
    const struct entry *entry = find(e);
    const char *name = names;
    if (entry == NULL) {
        return e == RA_OK ? "OK" : "UNKNOWN";
    }
    for (const struct entry *i = entries; i < entry; i++) {
        name += strlen(name) + 1;
    }
    return name;
}

enum ra_layer ra_error_layer(ra_err e)
{
    return e < 0 ? (enum ra_layer)((-e) / 32) : RA_LAYER_API;
}

enum ra_retry ra_error_retry(ra_err e)
{
    const struct entry *entry = find(e);
    return entry != NULL ? (enum ra_retry)entry->retry : RA_RETRY_NEVER;
}

unsigned ra_error_number(ra_err e)
{
    return e < 0 ? (unsigned)(-e) % 32u : 0u;
}

void ra_error_print(ra_err e, struct ra_text *to)
{
    ra_text_add_char(to, 'E');
    ra_text_add_u32(to, (uint32_t)ra_error_layer(e));
    ra_text_add_char(to, '-');
    ra_text_add_u32_pad(to, ra_error_number(e), 2);
    ra_text_add_char(to, ' ');
    ra_text_add(to, ra_error_text(e));
}
