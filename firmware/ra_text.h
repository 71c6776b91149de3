/* ra_text.h - bounded text without printf.
 *
 * A struct ra_text is a caller's buffer that text is appended to. What does not
 * fit is cut and `cut` says so; the text is always ended by a zero byte. No
 * call fails, none allocates, each takes time linear in what it appends.
 */
#ifndef RA_TEXT_H
#define RA_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ra_text {
    char *p;     /* the caller's, at least 1 byte       */
    size_t cap;  /* bytes at p                          */
    size_t size; /* characters so far, without the zero */
    bool cut;    /* something did not fit               */
};

/* Start an empty text in p[0 .. cap-1]; cap >= 1. */
void ra_text_init(struct ra_text *t, char *p, size_t cap);
void ra_text_add(struct ra_text *t, const char *s);
void ra_text_add_bytes(struct ra_text *t, const char *s, size_t size);
void ra_text_add_char(struct ra_text *t, char c);
/* Decimal, no padding. */
void ra_text_add_u32(struct ra_text *t, uint32_t v);
void ra_text_add_i64(struct ra_text *t, int64_t v);
/* Decimal, at least `width` digits with leading zeros. */
void ra_text_add_u32_pad(struct ra_text *t, uint32_t v, unsigned width);
/* Lower-case hex, two digits a byte, `separator` between bytes unless it is 0. */
void ra_text_add_hex(struct ra_text *t, const uint8_t *p, size_t size, char separator);
/* "0x" and eight digits, the usual way to write an HRESULT. */
void ra_text_add_hex32(struct ra_text *t, uint32_t v);
/* Spaces until the text is `column` characters long since the last line end. */
void ra_text_pad_to(struct ra_text *t, size_t column);

/* Parse a decimal number that is all of s[0 .. size-1]. False when empty, not
 * decimal, or greater than `max`. */
bool ra_text_parse_u32(const char *s, size_t size, uint32_t max, uint32_t *out);
/* ASCII only: no locale. */
bool ra_text_equal_nocase(const char *a, const char *b);

#endif
