#include "ra_text.h"

#include <string.h>

void ra_text_init(struct ra_text *t, char *p, size_t cap)
{
    t->p = p;
    t->cap = cap;
    t->size = 0;
    t->cut = false;
    t->p[0] = '\0';
}

void ra_text_add_bytes(struct ra_text *t, const char *s, size_t size)
{
    size_t room = t->cap - 1 - t->size;
    if (size > room) {
        size = room;
        t->cut = true;
    }
    if (size != 0) {
        memcpy(t->p + t->size, s, size);
        t->size += size;
    }
    t->p[t->size] = '\0';
}

void ra_text_add(struct ra_text *t, const char *s)
{
    ra_text_add_bytes(t, s, strlen(s));
}

void ra_text_add_char(struct ra_text *t, char c)
{
    ra_text_add_bytes(t, &c, 1);
}

void ra_text_add_u32_pad(struct ra_text *t, uint32_t v, unsigned width)
{
    char digits[10];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + v % 10u);
        v /= 10u;
    } while (v != 0);
    for (size_t have = sizeof digits - n; have < width; have++) {
        ra_text_add_char(t, '0');
    }
    ra_text_add_bytes(t, digits + n, sizeof digits - n);
}

void ra_text_add_u32(struct ra_text *t, uint32_t v)
{
    ra_text_add_u32_pad(t, v, 1);
}

void ra_text_add_i64(struct ra_text *t, int64_t v)
{
    char digits[20];
    size_t n = sizeof digits;
    uint64_t u = v < 0 ? 0u - (uint64_t)v : (uint64_t)v;
    do {
        digits[--n] = (char)('0' + (unsigned)(u % 10u));
        u /= 10u;
    } while (u != 0);
    if (v < 0) {
        ra_text_add_char(t, '-');
    }
    ra_text_add_bytes(t, digits + n, sizeof digits - n);
}

void ra_text_add_hex(struct ra_text *t, const uint8_t *p, size_t size, char separator)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        if (i != 0 && separator != '\0') {
            ra_text_add_char(t, separator);
        }
        ra_text_add_char(t, hex[p[i] >> 4]);
        ra_text_add_char(t, hex[p[i] & 15]);
    }
}

void ra_text_add_hex32(struct ra_text *t, uint32_t v)
{
    uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    ra_text_add(t, "0x");
    ra_text_add_hex(t, b, sizeof b, '\0');
}

void ra_text_pad_to(struct ra_text *t, size_t column)
{
    size_t start = t->size;
    while (start > 0 && t->p[start - 1] != '\n') {
        start--;
    }
    while (t->size - start < column && !t->cut) {
        ra_text_add_char(t, ' ');
    }
}

bool ra_text_parse_u32(const char *s, size_t size, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;
    if (size == 0) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return false;
        }
        v = v * 10u + (uint64_t)(s[i] - '0');
        if (v > max) {
            return false;
        }
    }
    *out = (uint32_t)v;
    return true;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool ra_text_equal_nocase(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}
