#include "ra_der.h"

#include <string.h>

#define INDEFINITE SIZE_MAX

struct header {
    uint8_t tag;
    size_t size;   /* of the header itself        */
    size_t length; /* of the contents; INDEFINITE */
};

static bool is_constructed(uint8_t tag)
{
    return (tag & 0x20) != 0;
}

/* Read the header at p[0 .. room-1]; the contents fit into what is left. */
static ra_err read_header(struct header *h, const uint8_t *p, size_t room, bool ber)
{
    if (room < 2) {
        return RA_E_DER_TRUNCATED;
    }
    h->tag = p[0];
    h->size = 2;
    h->length = p[1];
    /* Tag numbers above 30 occur in nothing we read. Of the universal types SEQUENCE
     * and SET alone are constructed, and they always; BER may do it with OCTET STRING. */
    if ((h->tag & 0x1f) == 0x1f || h->tag == 0) {
        return RA_E_DER_TAG;
    }
    if ((h->tag & 0xc0) == 0) {
        bool container = (h->tag & 0x1f) == 0x10 || (h->tag & 0x1f) == 0x11;
        if (is_constructed(h->tag) != container && !(ber && h->tag == (RA_DER_OCTETS | 0x20))) {
            return RA_E_DER_TAG;
        }
    }
    if (p[1] == 0x80 && ber && is_constructed(h->tag)) {
        h->length = INDEFINITE;
        return RA_OK;
    }
    if (p[1] >= 0x80) {
        size_t n = p[1] & 0x7fu;
        size_t length = 0;
        if (n == 0) {
            return RA_E_DER_LENGTH;
        }
        h->size += n;
        if (room < h->size) {
            return RA_E_DER_TRUNCATED;
        }
        for (size_t i = 2; i < h->size; i++) {
            if (length >> (8 * (sizeof length - 1)) != 0) {
                return RA_E_DER_LENGTH;
            }
            length = length << 8 | p[i];
        }
        if (!ber && (p[2] == 0 || length < 0x80)) {
            return RA_E_DER_LENGTH;
        }
        h->length = length;
    }
    return h->length > room - h->size ? RA_E_DER_TRUNCATED : RA_OK;
}

/* --- reader ------------------------------------------------------------ */

static const struct ra_span nothing;

void ra_der_init(struct ra_der *d, struct ra_span in)
{
    d->p = in.p;
    d->end = in.size == 0 ? in.p : in.p + in.size;
    d->err = RA_OK;
}

void ra_der_fail(struct ra_der *d, ra_err err)
{
    if (d->err == RA_OK) {
        d->err = err;
    }
    d->p = d->end;
}

bool ra_der_more(const struct ra_der *d)
{
    return d->err == RA_OK && d->p != d->end;
}

uint8_t ra_der_peek(const struct ra_der *d)
{
    return (uint8_t)(ra_der_more(d) ? *d->p : 0);
}

/* Contents and, in *whole, the element with its header. */
static struct ra_span take(struct ra_der *d, uint8_t *tag, struct ra_span *whole)
{
    struct header h;
    *tag = 0;
    *whole = nothing;
    ra_err err = d->err;
    if (err == RA_OK) {
        err = read_header(&h, d->p, (size_t)(d->end - d->p), false);
    }
    if (err != RA_OK) {
        ra_der_fail(d, err);
        return nothing;
    }
    *tag = h.tag;
    *whole = (struct ra_span){d->p, h.size + h.length};
    d->p += whole->size;
    return (struct ra_span){whole->p + h.size, h.length};
}

struct ra_span ra_der_next(struct ra_der *d, uint8_t *tag)
{
    struct ra_span whole;
    uint8_t t;
    struct ra_span contents = take(d, &t, &whole);
    if (tag != NULL) {
        *tag = t;
    }
    return contents;
}

static struct ra_span take_tag(struct ra_der *d, uint8_t tag, struct ra_span *whole)
{
    uint8_t found;
    struct ra_span contents = take(d, &found, whole);
    if (d->err == RA_OK && found != tag) {
        ra_der_fail(d, RA_E_DER_TAG);
        *whole = nothing;
        return nothing;
    }
    return contents;
}

struct ra_span ra_der_read(struct ra_der *d, uint8_t tag)
{
    struct ra_span whole;
    return take_tag(d, tag, &whole);
}

struct ra_span ra_der_whole(struct ra_der *d, uint8_t tag)
{
    struct ra_span whole;
    take_tag(d, tag, &whole);
    return whole;
}

struct ra_span ra_der_any(struct ra_der *d)
{
    struct ra_span whole;
    uint8_t tag;
    take(d, &tag, &whole);
    return whole;
}

const uint8_t *ra_der_enter(struct ra_der *d, uint8_t tag)
{
    const uint8_t *outer = d->end;
    struct ra_span inside = ra_der_read(d, tag);
    if (d->err == RA_OK) {
        d->p = inside.p;
        d->end = inside.p + inside.size;
    }
    return outer;
}

void ra_der_leave(struct ra_der *d, const uint8_t *outer)
{
    if (ra_der_more(d)) {
        ra_der_fail(d, RA_E_DER_TRAILING);
    }
    d->end = outer;
    if (d->err != RA_OK) {
        d->p = outer;
    }
}

struct ra_span ra_der_integer(struct ra_der *d)
{
    struct ra_span v = ra_der_read(d, RA_DER_INTEGER);
    if (d->err == RA_OK && (v.size == 0 || (v.size > 1 && ((v.p[0] == 0 && v.p[1] < 0x80) ||
                                                           (v.p[0] == 0xff && v.p[1] >= 0x80))))) {
        ra_der_fail(d, RA_E_DER_VALUE);
        return nothing;
    }
    return v;
}

uint32_t ra_der_u32(struct ra_der *d)
{
    struct ra_span v = ra_der_integer(d);
    uint32_t n = 0;
    if (v.size > 5 || (v.size == 5 && v.p[0] != 0) || (v.size > 0 && v.p[0] >= 0x80)) {
        ra_der_fail(d, RA_E_DER_VALUE);
        return 0;
    }
    for (size_t i = 0; i < v.size; i++) {
        n = n << 8 | v.p[i];
    }
    return n;
}

bool ra_der_boolean(struct ra_der *d)
{
    struct ra_span v = ra_der_read(d, RA_DER_BOOLEAN);
    if (d->err == RA_OK && (v.size != 1 || (v.p[0] != 0 && v.p[0] != 0xff))) {
        ra_der_fail(d, RA_E_DER_VALUE);
    }
    return d->err == RA_OK && v.p[0] != 0;
}

struct ra_span ra_der_bits(struct ra_der *d)
{
    struct ra_span v = ra_der_read(d, RA_DER_BITS);
    if (d->err == RA_OK && (v.size == 0 || v.p[0] != 0)) {
        ra_der_fail(d, RA_E_DER_VALUE);
    }
    if (d->err != RA_OK) {
        return nothing;
    }
    return (struct ra_span){v.p + 1, v.size - 1};
}

enum ra_oid ra_der_oid(struct ra_der *d)
{
    struct ra_span v = ra_der_read(d, RA_DER_OID);
    return d->err == RA_OK ? ra_oid_find(v) : RA_OID_UNKNOWN;
}

enum ra_oid ra_der_algorithm(struct ra_der *d)
{
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    enum ra_oid oid = ra_der_oid(d);
    if (ra_der_more(d)) {
        uint8_t tag;
        struct ra_span parameters = ra_der_next(d, &tag);
        if (tag != RA_DER_NULL || parameters.size != 0) {
            oid = RA_OID_UNKNOWN;
        }
    }
    ra_der_leave(d, outer);
    return oid;
}

ra_err ra_der_finish(struct ra_der *d)
{
    if (ra_der_more(d)) {
        ra_der_fail(d, RA_E_DER_TRAILING);
    }
    return d->err;
}

bool ra_span_equal(struct ra_span a, struct ra_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.p, b.p, a.size) == 0);
}

ra_err ra_der_check(struct ra_span in)
{
    const uint8_t *end[RA_DER_DEPTH_MAX];
    unsigned depth = 0;
    const uint8_t *p = in.p;
    if (in.size == 0) {
        return RA_E_DER_TRUNCATED;
    }
    end[0] = in.p + in.size;
    do {
        struct header h;
        ra_err err = read_header(&h, p, (size_t)(end[depth] - p), false);
        if (err != RA_OK) {
            return err;
        }
        p += h.size;
        if (is_constructed(h.tag) && h.length != 0) {
            if (++depth == RA_DER_DEPTH_MAX) {
                return RA_E_DER_DEPTH;
            }
            end[depth] = p + h.length;
        } else {
            p += h.length;
        }
        while (depth > 0 && p == end[depth]) {
            depth--;
        }
    } while (depth > 0);
    return p == end[0] ? RA_OK : RA_E_DER_TRAILING;
}

/* --- BER to DER -------------------------------------------------------- */

/* Write the shortest length that says `length` (at most 65535); the number of bytes. */
static size_t write_length(uint8_t *p, size_t length)
{
    size_t n = length < 0x80 ? 0 : length < 0x100 ? 1 : 2;
    if (n > 0) {
        *p++ = (uint8_t)(0x80 | n);
    }
    if (n == 2) {
        *p++ = (uint8_t)(length >> 8);
    }
    *p = (uint8_t)length;
    return n + 1;
}

struct level {
    const uint8_t *end; /* it ends here, or before when it is indefinite  */
    uint8_t *header;    /* where its tag is in the output; NULL: has none */
    bool indefinite;    /* ends with end-of-contents octets               */
    bool octets;        /* a constructed OCTET STRING                     */
};

#define HEADER_ROOM 4 /* tag and the longest length we write */

/* The output trails the input: each open level has cost 2 bytes of input at least and 4
 * of output at most, and a closed one never came out longer than it went in (an
 * indefinite length takes 1 + 2 bytes, as the longest definite one does). So
 * RA_BER_SLACK between the two is enough and one buffer serves both. */
ra_err ra_ber_to_der(uint8_t *buf, size_t size, size_t cap, size_t *out_size)
{
    struct level level[RA_DER_DEPTH_MAX];
    unsigned depth = 0;
    struct header h;

    *out_size = 0;
    if (size > cap) {
        return RA_E_ARGUMENT;
    }
    ra_err err = read_header(&h, buf, size, true);
    if (err != RA_OK) {
        return err;
    }
    if (h.length != INDEFINITE && ra_der_check((struct ra_span){buf, h.size + h.length}) == RA_OK) {
        *out_size = h.size + h.length;
        return RA_OK;
    }
    if (cap > 65535) {
        cap = 65535;
    }
    if (size > cap || cap - size < RA_BER_SLACK) {
        return RA_E_SPACE;
    }
    memmove(buf + cap - size, buf, size);
    const uint8_t *p = buf + cap - size;
    const uint8_t *end = buf + cap;
    uint8_t *out = buf;

    do {
        struct level *top = depth > 0 ? &level[depth - 1] : NULL;
        const uint8_t *limit = top != NULL ? top->end : end;
        bool octets = top != NULL && top->octets;
        if (top != NULL && top->indefinite && limit - p >= 2 && p[0] == 0 && p[1] == 0) {
            p += 2;
            top->end = p;
            top->indefinite = false;
        } else {
            err = read_header(&h, p, (size_t)(limit - p), true);
            if (err != RA_OK) {
                return err;
            }
            if (octets && (h.tag & ~0x20u) != RA_DER_OCTETS) {
                return RA_E_DER_TAG;
            }
            p += h.size;
            if (is_constructed(h.tag)) {
                if (depth == RA_DER_DEPTH_MAX) {
                    return RA_E_DER_DEPTH;
                }
                top = &level[depth++];
                top->octets = h.tag == (RA_DER_OCTETS | 0x20);
                top->header = octets ? NULL : out;
                top->indefinite = h.length == INDEFINITE;
                top->end = top->indefinite ? limit : p + h.length;
                if (!octets) {
                    *out = top->octets ? RA_DER_OCTETS : h.tag;
                    out += HEADER_ROOM;
                }
            } else {
                if (!octets) {
                    *out++ = h.tag;
                    out += write_length(out, h.length);
                }
                memmove(out, p, h.length);
                out += h.length;
                p += h.length;
            }
        }
        while (depth > 0 && !level[depth - 1].indefinite && level[depth - 1].end == p) {
            uint8_t *header = level[--depth].header;
            if (header != NULL) {
                size_t length = (size_t)(out - header) - HEADER_ROOM;
                size_t used = 1 + write_length(header + 1, length);
                memmove(header + used, header + HEADER_ROOM, length);
                out -= HEADER_ROOM - used;
            }
        }
    } while (depth > 0);
    *out_size = (size_t)(out - buf);
    return RA_OK;
}

ra_err ra_der_join(uint8_t *p, size_t size, size_t *out_size)
{
    struct ra_der d;
    size_t n = 0;
    ra_der_init(&d, (struct ra_span){p, size});
    while (ra_der_more(&d)) {
        struct ra_span part = ra_der_read(&d, RA_DER_OCTETS);
        if (part.size > 0) {
            memmove(p + n, part.p, part.size);
            n += part.size;
        }
    }
    *out_size = n;
    return ra_der_finish(&d);
}

/* --- writer ------------------------------------------------------------ */

void ra_der_put_init(struct ra_der_put *w, uint8_t *buf, size_t cap)
{
    w->start = buf;
    w->p = buf + cap;
    w->end = w->p;
    w->err = RA_OK;
}

size_t ra_der_put_size(const struct ra_der_put *w)
{
    return (size_t)(w->end - w->p);
}

struct ra_span ra_der_put_span(const struct ra_der_put *w)
{
    return (struct ra_span){w->p, ra_der_put_size(w)};
}

void ra_der_put_bytes(struct ra_der_put *w, const uint8_t *p, size_t size)
{
    if (size > (size_t)(w->p - w->start)) {
        w->err = RA_E_SPACE;
    }
    if (w->err == RA_OK && size > 0) {
        w->p -= size;
        memmove(w->p, p, size);
    }
}

void ra_der_put_raw(struct ra_der_put *w, struct ra_span s)
{
    ra_der_put_bytes(w, s.p, s.size);
}

void ra_der_put_header(struct ra_der_put *w, uint8_t tag, size_t length)
{
    uint8_t header[HEADER_ROOM];
    if (length > 65535) {
        w->err = RA_E_SPACE;
        return;
    }
    header[0] = tag;
    ra_der_put_bytes(w, header, 1 + write_length(header + 1, length));
}

void ra_der_put_value(struct ra_der_put *w, uint8_t tag, const uint8_t *p, size_t size)
{
    ra_der_put_bytes(w, p, size);
    ra_der_put_header(w, tag, size);
}

void ra_der_put_wrap(struct ra_der_put *w, uint8_t tag, size_t mark)
{
    ra_der_put_header(w, tag, ra_der_put_size(w) - mark);
}

void ra_der_put_u32(struct ra_der_put *w, uint32_t v)
{
    uint8_t bytes[5] = {0, (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    size_t skip = 0;
    while (skip < 4 && bytes[skip] == 0 && bytes[skip + 1] < 0x80) {
        skip++;
    }
    ra_der_put_value(w, RA_DER_INTEGER, bytes + skip, sizeof bytes - skip);
}

void ra_der_put_oid(struct ra_der_put *w, enum ra_oid oid)
{
    struct ra_span value = ra_oid_value(oid);
    ra_der_put_value(w, RA_DER_OID, value.p, value.size);
}

void ra_der_put_algorithm(struct ra_der_put *w, enum ra_oid oid, bool null)
{
    size_t mark = ra_der_put_size(w);
    if (null) {
        ra_der_put_value(w, RA_DER_NULL, NULL, 0);
    }
    ra_der_put_oid(w, oid);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
}

void ra_der_put_text(struct ra_der_put *w, uint8_t tag, const char *text)
{
    ra_der_put_value(w, tag, (const uint8_t *)text, strlen(text));
}

static void reverse(uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size / 2; i++) {
        uint8_t t = p[i];
        p[i] = p[size - 1 - i];
        p[size - 1 - i] = t;
    }
}

/* X.690 11.6: as octet strings, the shorter one padded with zeros. Elements that differ
 * differ within the length of the shorter one. */
static bool sorts_before(struct ra_span a, struct ra_span b)
{
    return memcmp(a.p, b.p, a.size < b.size ? a.size : b.size) < 0;
}

void ra_der_put_sort(struct ra_der_put *w, size_t mark)
{
    uint8_t *p = w->p;
    const uint8_t *end = w->end - mark;
    while (w->err == RA_OK && p != end) {
        struct ra_der d;
        ra_der_init(&d, (struct ra_span){p, (size_t)(end - p)});
        struct ra_span least = ra_der_any(&d);
        while (ra_der_more(&d)) {
            struct ra_span s = ra_der_any(&d);
            if (d.err == RA_OK && sorts_before(s, least)) {
                least = s;
            }
        }
        if (d.err != RA_OK) {
            w->err = d.err;
            return;
        }
        /* Bring the least to the front, keeping the order of those it passes. */
        size_t before = (size_t)(least.p - p);
        if (before > 0) {
            reverse(p, before);
            reverse(p + before, least.size);
            reverse(p, before + least.size);
        }
        p += least.size;
    }
}
