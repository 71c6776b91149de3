#include "ra_name.h"

#include <string.h>

#include "ra_text.h"

#define VALUE_MAX 64 /* ub-common-name and its kin [RFC 5280 appendix A.1] */

static const struct type {
    const char *name;
    const char *oid; /* contents */
    uint8_t oid_size;
    uint8_t tag;
} types[] = {
    {"CN", "\x55\x04\x03", 3, RA_DER_UTF8},
    {"serialNumber", "\x55\x04\x05", 3, RA_DER_PRINTABLE},
    {"C", "\x55\x04\x06", 3, RA_DER_PRINTABLE},
    {"L", "\x55\x04\x07", 3, RA_DER_UTF8},
    {"ST", "\x55\x04\x08", 3, RA_DER_UTF8},
    {"O", "\x55\x04\x0a", 3, RA_DER_UTF8},
    {"OU", "\x55\x04\x0b", 3, RA_DER_UTF8},
    {"DC", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10, RA_DER_IA5},
};

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const struct type *find_type(const char *s, size_t size)
{
    char name[16];
    if (size >= sizeof name) {
        return NULL;
    }
    memcpy(name, s, size);
    name[size] = '\0';
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (ra_text_equal_nocase(types[i].name, name)) {
            return &types[i];
        }
    }
    return NULL;
}

/* Undo the escapes of a value up to the next comma; *s is then there. 0: not a value. */
static size_t read_value(const char **s, uint8_t out[VALUE_MAX])
{
    size_t n = 0;
    const char *p = *s;
    for (; *p != '\0' && *p != ','; p++) {
        uint8_t byte = (uint8_t)*p;
        if (n == VALUE_MAX) {
            return 0;
        }
        if (*p == '\\') {
            if (p[1] == '\0') {
                return 0;
            }
            int high = hex(p[1]), low = hex(p[2]);
            if (high >= 0 && low >= 0) {
                byte = (uint8_t)(high << 4 | low);
                p += 2;
            } else {
                byte = (uint8_t) * ++p;
            }
        }
        out[n++] = byte;
    }
    *s = p;
    return n;
}

/* The length of the UTF-8 character at p[0 .. n-1] [RFC 3629 section 4]; 0: it is none. */
static size_t utf8_size(const uint8_t *p, size_t n)
{
    size_t size = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (size == 0 || size > n || p[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Too long a form, a surrogate, beyond U+10FFFF. */
    bool wrong = size > 2 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
                              (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f));
    return wrong ? 0 : size;
}

/* Whether a string of this type may hold the value [X.680 41.4]; control characters never. */
static bool fits(uint8_t tag, const uint8_t *p, size_t n)
{
    static const char marks[] = " '()+,-./:=?";
    size_t size = 1;
    for (size_t i = 0; i < n; i += size) {
        uint8_t letter = p[i] | 0x20;
        bool plain = (letter >= 'a' && letter <= 'z') || (p[i] >= '0' && p[i] <= '9') ||
                     memchr(marks, p[i], sizeof marks - 1) != NULL;
        size = tag == RA_DER_UTF8 ? utf8_size(p + i, n - i) : 1;
        if (p[i] < ' ' || p[i] == 0x7f || size == 0 || (tag == RA_DER_PRINTABLE && !plain) ||
            (tag == RA_DER_IA5 && p[i] > 0x7f)) {
            return false;
        }
    }
    return true;
}

ra_err ra_name_from_text(const char *text, uint8_t *buf, size_t cap, struct ra_span *name)
{
    struct ra_der_put w;
    ra_der_put_init(&w, buf, cap);
    *name = (struct ra_span){NULL, 0};
    /* The writer works backwards and the text has the last RDN first: the order fits. */
    for (unsigned rdns = 0;; rdns++) {
        uint8_t value[VALUE_MAX];
        size_t mark = ra_der_put_size(&w);
        size_t n = strcspn(text, "=,");
        const struct type *type = text[n] == '=' ? find_type(text, n) : NULL;
        if (type == NULL || rdns == RA_NAME_RDNS_MAX) {
            return RA_E_CONFIG_VALUE;
        }
        text += n + 1;
        size_t size = read_value(&text, value);
        if (size == 0 || !fits(type->tag, value, size)) {
            return RA_E_CONFIG_VALUE;
        }
        ra_der_put_value(&w, type->tag, value, size);
        ra_der_put_value(&w, RA_DER_OID, (const uint8_t *)type->oid, type->oid_size);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, mark);
        ra_der_put_wrap(&w, RA_DER_SET, mark);
        if (*text == '\0') {
            break;
        }
        text++;
    }
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    if (w.err == RA_OK) {
        *name = ra_der_put_span(&w);
    }
    return w.err;
}
