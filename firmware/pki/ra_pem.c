#include "ra_pem.h"

#include <stdbool.h>
#include <string.h>

#define PEM_LINE 64

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";
static const char dashes[] = "-----";
#define DASHES (sizeof dashes - 1)

/* 0 .. 63, -1: white space or zero byte, -2: padding, -3: not base64 */
static int value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    switch (c) {
    case '+':
        return 62;
    case '/':
        return 63;
    case '=':
        return -2;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
    case 0:
        return -1;
    default:
        return -3;
    }
}

ra_err ra_base64_decode(const uint8_t *in, size_t size, uint8_t *out, size_t cap, size_t *out_size)
{
    uint32_t bits = 0;
    unsigned count = 0, padding = 0;
    size_t n = 0;
    *out_size = 0;
    for (size_t i = 0; i < size; i++) {
        int v = value_of(in[i]);
        if (v == -3 || (v >= 0 && padding > 0) || (v == -2 && ++padding > 2)) {
            return RA_E_BASE64;
        }
        if (v < 0) {
            continue;
        }
        bits = bits << 6 | (uint32_t)v;
        if (++count % 4 != 1) {
            if (n == cap) {
                return RA_E_SPACE;
            }
            out[n++] = (uint8_t)(bits >> (2 * (3 - (count - 1) % 4)));
        }
    }
    /* One character cannot hold a byte; padding, if any, fills up to four; the bits
     * left over are zero. */
    unsigned tail = count % 4;
    if (tail == 1 || (padding > 0 && tail + padding != 4) || (tail == 2 && (bits & 0xf) != 0) ||
        (tail == 3 && (bits & 0x3) != 0)) {
        return RA_E_BASE64;
    }
    *out_size = n;
    return RA_OK;
}

size_t ra_base64_size(size_t size, size_t line)
{
    size_t n = (size + 2) / 3 * 4;
    return line == 0 ? n : n + (n + line - 1) / line * 2;
}

static char base64_char(struct ra_span in, size_t at)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t i = at / 4 * 3;
    size_t left = in.size - i;
    uint32_t bits = (uint32_t)in.p[i] << 16;
    if (left < at % 4) {
        return '=';
    }
    if (left > 1) {
        bits |= (uint32_t)in.p[i + 1] << 8;
    }
    if (left > 2) {
        bits |= in.p[i + 2];
    }
    return alphabet[bits >> (6 * (3 - at % 4)) & 0x3f];
}

size_t ra_base64_read(struct ra_span in, size_t line, size_t offset, char *to, size_t cap)
{
    size_t size = ra_base64_size(in.size, line);
    size_t characters = ra_base64_size(in.size, 0);
    size_t n = 0;
    for (; n < cap && offset < size; n++, offset++) {
        size_t column = line == 0 ? 0 : offset % (line + 2);
        size_t at = line == 0 ? offset : offset / (line + 2) * line + column;
        if (column < line && size - offset == 2) {
            column = line; /* the last line may be shorter */
        } else if (column < line && size - offset == 1) {
            column = line + 1;
        }
        if (line != 0 && column >= line) {
            to[n] = column == line ? '\r' : '\n';
        } else {
            to[n] = at < characters ? base64_char(in, at) : '=';
        }
    }
    return n;
}

size_t ra_pem_size(size_t size, const char *label)
{
    return sizeof begin_mark - 1 + sizeof end_mark - 1 + 2 * (strlen(label) + DASHES + 2) +
           ra_base64_size(size, PEM_LINE);
}

/* Copy what of s lies at or behind *offset; *offset is taken down by its length, or to
 * 0 once copying has begun. */
static size_t part(const char *s, size_t *offset, char *to, size_t cap)
{
    size_t size = strlen(s);
    if (*offset >= size) {
        *offset -= size;
        return 0;
    }
    size_t n = size - *offset < cap ? size - *offset : cap;
    memcpy(to, s + *offset, n);
    *offset = 0;
    return n;
}

size_t ra_pem_read(struct ra_span in, const char *label, size_t offset, char *to, size_t cap)
{
    const char *const words[] = {begin_mark, label, "-----\r\n", NULL,
                                 end_mark,   label, "-----\r\n"};
    size_t n = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0] && n < cap; i++) {
        if (words[i] != NULL) {
            n += part(words[i], &offset, to + n, cap - n);
            continue;
        }
        size_t body = ra_base64_size(in.size, PEM_LINE);
        if (offset >= body) {
            offset -= body;
        } else {
            n += ra_base64_read(in, PEM_LINE, offset, to + n, cap - n);
            offset = 0;
        }
    }
    return n;
}

/* Where `mark` is in p[0 .. size-1], or size. */
static size_t find(const uint8_t *p, size_t size, const char *mark)
{
    size_t n = strlen(mark);
    for (size_t i = 0; i + n <= size; i++) {
        if (p[i] == (uint8_t)mark[0] && memcmp(p + i, mark, n) == 0) {
            return i;
        }
    }
    return size;
}

ra_err ra_pem_next(struct ra_span *rest, struct ra_span *label, struct ra_span *body)
{
    const uint8_t *p = rest->p;
    size_t size = rest->size;
    size_t at = find(p, size, begin_mark);
    *rest = (struct ra_span){p + size, 0};
    if (at == size) {
        return RA_E_PEM;
    }
    p += at + sizeof begin_mark - 1;
    size -= at + sizeof begin_mark - 1;
    at = find(p, size, dashes);
    if (at == size) {
        return RA_E_PEM;
    }
    *label = (struct ra_span){p, at};
    p += at + DASHES;
    size -= at + DASHES;
    at = find(p, size, end_mark);
    size_t tail = at + sizeof end_mark - 1 + label->size;
    if (at == size || size - at < sizeof end_mark - 1 + label->size + DASHES ||
        memcmp(p + tail - label->size, label->p, label->size) != 0 ||
        memcmp(p + tail, dashes, DASHES) != 0) {
        return RA_E_PEM;
    }
    *body = (struct ra_span){p, at};
    *rest = (struct ra_span){p + tail + DASHES, size - tail - DASHES};
    return RA_OK;
}

ra_err ra_pem_to_der(const uint8_t *in, size_t size, uint8_t *out, size_t cap, size_t *out_size)
{
    struct ra_span rest = {in, size}, label, body;
    *out_size = 0;
    /* A SEQUENCE begins with "0", which is also base64; its length octet is not: at
     * least 0x80 for anything of interest. */
    if (size > 2 && in[0] == RA_DER_SEQUENCE && in[1] >= 0x80) {
        while (size > 2 && value_of(in[size - 1]) == -1) {
            size--;
        }
        struct ra_der d;
        ra_der_init(&d, rest);
        struct ra_span whole = ra_der_any(&d);
        if (d.err == RA_OK) {
            if (whole.size < size) {
                return RA_E_DER_TRAILING;
            }
            size = whole.size;
        } else {
            size = rest.size; /* BER, whose last bytes may be zero: left as it came */
        }
        if (size > cap) {
            return RA_E_SPACE;
        }
        memmove(out, in, size);
        *out_size = size;
        return RA_OK;
    }
    if (find(in, size, begin_mark) != size) {
        ra_err err = ra_pem_next(&rest, &label, &body);
        if (err != RA_OK) {
            return err;
        }
    } else {
        body = rest;
    }
    ra_err err = ra_base64_decode(body.p, body.size, out, cap, out_size);
    if (err == RA_OK && *out_size == 0) {
        err = RA_E_PEM;
    }
    return err;
}
