#include "ra_x509.h"

#include <string.h>

#include "ra_text.h"
#include "ra_time.h"

#define SERIAL_MAX 21 /* 20 octets [RFC 5280 4.1.2.2] and a sign octet */

/* --- certificate ------------------------------------------------------- */

/* A Name is a SEQUENCE of SETs of SEQUENCE { type, value }. */
static struct ra_span read_name(struct ra_der *d)
{
    struct ra_der probe = *d;
    struct ra_span name = ra_der_whole(d, RA_DER_SEQUENCE);
    const uint8_t *outer = ra_der_enter(&probe, RA_DER_SEQUENCE);
    while (ra_der_more(&probe)) {
        const uint8_t *names = ra_der_enter(&probe, RA_DER_SET);
        do {
            const uint8_t *set = ra_der_enter(&probe, RA_DER_SEQUENCE);
            ra_der_oid(&probe);
            ra_der_any(&probe);
            ra_der_leave(&probe, set);
        } while (ra_der_more(&probe));
        ra_der_leave(&probe, names);
    }
    ra_der_leave(&probe, outer);
    if (probe.err != RA_OK) {
        ra_der_fail(d, probe.err);
    }
    return name;
}

static int64_t read_time(struct ra_der *d)
{
    uint8_t tag;
    int64_t time = 0;
    struct ra_span text = ra_der_next(d, &tag);
    if (d->err == RA_OK) {
        ra_err err = ra_time_from_der(tag, text, &time);
        if (err != RA_OK) {
            ra_der_fail(d, err);
        }
    }
    return time;
}

static void read_spki(struct ra_cert *c, struct ra_der *d)
{
    struct ra_der probe = *d;
    c->spki = ra_der_whole(d, RA_DER_SEQUENCE);
    const uint8_t *outer = ra_der_enter(&probe, RA_DER_SEQUENCE);
    ra_der_read(&probe, RA_DER_SEQUENCE);
    c->spki_bits = ra_der_bits(&probe);
    ra_der_leave(&probe, outer);
    if (probe.err != RA_OK) {
        ra_der_fail(d, probe.err);
    }
}

static void read_key_usage(struct ra_cert *c, struct ra_der *d)
{
    struct ra_span v = ra_der_read(d, RA_DER_BITS);
    if (v.size < 2 || v.size > 3 || v.p[0] > 7 || (v.p[v.size - 1] & ((1u << v.p[0]) - 1)) != 0) {
        ra_der_fail(d, RA_E_CERT_SYNTAX);
        return;
    }
    for (unsigned bit = 0; bit < 8 * (v.size - 1); bit++) {
        if ((v.p[1 + bit / 8] & 0x80u >> bit % 8) != 0) {
            c->key_usage |= (uint16_t)(1u << bit);
        }
    }
    c->has_key_usage = true;
}

static void read_eku(struct ra_cert *c, struct ra_der *d)
{
    struct ra_der probe = *d;
    c->eku = ra_der_whole(&probe, RA_DER_SEQUENCE);
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    do {
        if (ra_der_oid(d) == RA_OID_MS_REQUEST_AGENT) {
            c->eku_request_agent = true;
        }
        if (c->eku_count < 255) {
            c->eku_count++;
        }
    } while (ra_der_more(d));
    ra_der_leave(d, outer);
}

static void read_basic_constraints(struct ra_cert *c, struct ra_der *d)
{
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    if (ra_der_peek(d) == RA_DER_BOOLEAN) {
        c->is_ca = ra_der_boolean(d);
    }
    if (ra_der_more(d)) {
        c->path_len = ra_der_u32(d);
        c->has_path_len = true;
    }
    ra_der_leave(d, outer);
}

static void read_template(struct ra_cert *c, struct ra_der *d, enum ra_oid oid,
                          struct ra_span whole)
{
    struct ra_span id;
    if (oid == RA_OID_MS_TEMPLATE_NAME) {
        id = ra_der_any(d);
        if (c->template_ext.size != 0) {
            return; /* 311.21.7 has gone before and says more */
        }
    } else {
        const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
        id = ra_der_whole(d, RA_DER_OID);
        while (ra_der_more(d)) {
            ra_der_u32(d); /* major and minor version */
        }
        ra_der_leave(d, outer);
    }
    c->template_id = id;
    c->template_ext = whole;
}

/* One Extension; its OID's contents. */
static struct ra_span read_extension(struct ra_cert *c, struct ra_der *d)
{
    struct ra_der probe = *d;
    struct ra_der v;
    bool critical = false;
    struct ra_span whole = ra_der_whole(&probe, RA_DER_SEQUENCE);
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    struct ra_span name = ra_der_read(d, RA_DER_OID);
    if (ra_der_peek(d) == RA_DER_BOOLEAN) {
        critical = ra_der_boolean(d);
    }
    ra_der_init(&v, ra_der_read(d, RA_DER_OCTETS));
    ra_der_leave(d, outer);
    if (d->err != RA_OK) {
        return name;
    }

    enum ra_oid oid = ra_oid_find(name);
    switch (oid) {
    case RA_OID_KEY_USAGE:
        c->key_usage_ext = whole;
        read_key_usage(c, &v);
        break;
    case RA_OID_EXTENDED_KEY_USAGE:
        c->eku_ext = whole;
        read_eku(c, &v);
        break;
    case RA_OID_BASIC_CONSTRAINTS:
        read_basic_constraints(c, &v);
        break;
    case RA_OID_SUBJECT_KEY_ID:
        c->skid = ra_der_read(&v, RA_DER_OCTETS);
        break;
    case RA_OID_AUTHORITY_KEY_ID:
        outer = ra_der_enter(&v, RA_DER_SEQUENCE);
        if (ra_der_peek(&v) == RA_DER_CONTEXT(0)) {
            c->akid = ra_der_read(&v, RA_DER_CONTEXT(0));
        }
        while (ra_der_more(&v)) {
            ra_der_any(&v);
        }
        ra_der_leave(&v, outer);
        break;
    case RA_OID_SUBJECT_ALT_NAME:
        c->san_ext = whole;
        c->san = ra_der_whole(&v, RA_DER_SEQUENCE);
        break;
    case RA_OID_MS_TEMPLATE_NAME:
    case RA_OID_MS_TEMPLATE:
        read_template(c, &v, oid, whole);
        break;
    case RA_OID_CERTIFICATE_POLICIES:
    case RA_OID_MS_APPLICATION_POLICIES:
        /* Any policy will do for us, so nothing in them can be violated. */
        return name;
    default:
        c->unknown_critical = c->unknown_critical || critical;
        return name;
    }
    if (ra_der_finish(&v) != RA_OK) {
        ra_der_fail(d, RA_E_CERT_SYNTAX);
    }
    return name;
}

static void read_extensions(struct ra_cert *c, struct ra_der *d)
{
    struct ra_span seen[RA_CERT_EXTENSIONS_MAX];
    size_t n = 0;
    const uint8_t *tagged = ra_der_enter(d, RA_DER_CONTEXT_CONSTRUCTED(3));
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    do {
        if (n == RA_CERT_EXTENSIONS_MAX) {
            ra_der_fail(d, RA_E_LIMIT);
            break;
        }
        seen[n] = read_extension(c, d);
        for (size_t i = 0; i < n && d->err == RA_OK; i++) {
            if (ra_span_equal(seen[i], seen[n])) {
                ra_der_fail(d, RA_E_CERT_SYNTAX);
            }
        }
        n++;
    } while (ra_der_more(d));
    ra_der_leave(d, outer);
    ra_der_leave(d, tagged);
}

static void read_tbs(struct ra_cert *c, struct ra_der *d, struct ra_span *algorithm)
{
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    c->version = 1;
    if (ra_der_peek(d) == RA_DER_CONTEXT_CONSTRUCTED(0)) {
        const uint8_t *tagged = ra_der_enter(d, RA_DER_CONTEXT_CONSTRUCTED(0));
        uint32_t version = ra_der_u32(d);
        ra_der_leave(d, tagged);
        /* version 1 is the default and therefore never written */
        if (version < 1 || version > 2) {
            ra_der_fail(d, RA_E_CERT_SYNTAX);
        }
        c->version = (uint8_t)(version + 1);
    }
    c->serial = ra_der_integer(d);
    *algorithm = ra_der_whole(d, RA_DER_SEQUENCE);
    c->issuer = read_name(d);
    const uint8_t *validity = ra_der_enter(d, RA_DER_SEQUENCE);
    c->not_before = read_time(d);
    c->not_after = read_time(d);
    ra_der_leave(d, validity);
    c->subject = read_name(d);
    read_spki(c, d);
    for (unsigned i = 1; i <= 2; i++) { /* issuer's and subject's unique identifier */
        if (c->version >= 2 && ra_der_peek(d) == RA_DER_CONTEXT(i)) {
            ra_der_any(d);
        }
    }
    if (c->version == 3 && ra_der_more(d)) {
        read_extensions(c, d);
    }
    ra_der_leave(d, outer);
}

ra_err ra_cert_parse(struct ra_cert *c, const uint8_t *der, size_t size)
{
    struct ra_der d;
    struct ra_span algorithm = {NULL, 0}, inner = {NULL, 0};

    memset(c, 0, sizeof *c);
    if (size > RA_CERT_MAX) {
        return RA_E_LIMIT;
    }
    c->der = (struct ra_span){der, size};
    ra_der_init(&d, c->der);
    d.err = ra_der_check(c->der);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    struct ra_der probe = d;
    c->tbs = ra_der_whole(&probe, RA_DER_SEQUENCE);
    read_tbs(c, &d, &inner);
    probe = d;
    algorithm = ra_der_whole(&probe, RA_DER_SEQUENCE);
    c->sig_hash = ra_oid_signature(ra_der_algorithm(&d), &c->sig_rsa);
    c->sig = ra_der_bits(&d);
    ra_der_leave(&d, outer);
    if (d.err == RA_OK && (!ra_span_equal(algorithm, inner) || c->serial.size > SERIAL_MAX ||
                           c->issuer.size <= 2 || c->not_after < c->not_before)) {
        d.err = RA_E_CERT_SYNTAX;
    }
    if (d.err != RA_OK) {
        memset(c, 0, sizeof *c);
    }
    return d.err;
}

static ra_err thumbprint(enum ra_hash_alg hash, struct ra_span der, uint8_t *out)
{
    uint8_t digest[RA_HASH_SIZE_MAX];
    ra_err err = ra_hash(hash, der.p, der.size, digest);
    if (err == RA_OK) {
        memcpy(out, digest, ra_hash_size(hash));
    }
    return err;
}

ra_err ra_cert_sha1(struct ra_span der, uint8_t out[20])
{
    return thumbprint(RA_HASH_SHA1, der, out);
}

ra_err ra_cert_sha256(struct ra_span der, uint8_t out[32])
{
    return thumbprint(RA_HASH_SHA256, der, out);
}

bool ra_cert_self_issued(const struct ra_cert *c)
{
    return ra_name_equal(c->issuer, c->subject);
}

void ra_cert_serial_text(const struct ra_cert *c, char *out, size_t cap)
{
    struct ra_text t;
    struct ra_span s = c->serial;
    ra_text_init(&t, out, cap);
    if (s.size > 1 && s.p[0] == 0) {
        s.p++;
        s.size--;
    }
    ra_text_add_hex(&t, s.p, s.size, 0);
}

/* --- characters of strings --------------------------------------------- */

#define BAD 0x80000000u /* with the octet that is not part of a character */

/* Whether a string of this type is one we can take apart into characters. */
static bool is_text(uint8_t tag)
{
    switch (tag) {
    case RA_DER_UTF8:
    case RA_DER_PRINTABLE:
    case RA_DER_T61:
    case RA_DER_IA5:
    case RA_DER_UNIVERSAL:
    case RA_DER_BMP:
        return true;
    default:
        return false;
    }
}

/* The next character of s, or BAD and an octet. T61 is taken as Latin-1, which is what
 * those who still write it mean. s is not empty. */
static uint32_t next_char(uint8_t tag, struct ra_span *s)
{
    const uint8_t *p = s->p;
    size_t n = 1;
    uint32_t c = p[0];
    if (tag == RA_DER_BMP || tag == RA_DER_UNIVERSAL) {
        n = tag == RA_DER_BMP ? 2 : 4;
        if (s->size < n) {
            n = 1;
            c |= BAD;
        } else {
            c = 0;
            for (size_t i = 0; i < n; i++) {
                c = c << 8 | p[i];
            }
            /* A surrogate pair is not BMP, but Windows writes it. */
            if (n == 2 && (c & 0xfc00) == 0xd800 && s->size >= 4 && (p[2] & 0xfc) == 0xdc) {
                c = 0x10000 + ((c & 0x3ff) << 10) + ((p[2] & 3u) << 8) + p[3];
                n = 4;
            }
            if (c > 0x10ffff || (c & 0xfffff800) == 0xd800) {
                c = 0xfffd;
            }
        }
    } else if (c >= 0x80 && (tag == RA_DER_UTF8)) {
        static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
        size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        uint32_t v = c & (0x3fu >> more);
        bool good = c >= 0xc2 && c <= 0xf4 && s->size > more;
        for (size_t i = 1; good && i <= more; i++) {
            good = (p[i] & 0xc0) == 0x80;
            v = v << 6 | (p[i] & 0x3fu);
        }
        if (good && v >= least[more] && v <= 0x10ffff && (v & 0xfffff800) != 0xd800) {
            c = v;
            n = more + 1;
        } else {
            c |= BAD;
        }
    }
    s->p += n;
    s->size -= n;
    return c;
}

/* --- names ------------------------------------------------------------- */

/* Attribute types with a short name: 2.5.4.n, and two with long OIDs. */
static const char *type_name(struct ra_span oid)
{
    static const struct {
        uint8_t last;
        char name[13];
    } x520[] = {{3, "CN"},     {4, "SN"}, {5, "SERIALNUMBER"}, {6, "C"},  {7, "L"},   {8, "ST"},
                {9, "STREET"}, {10, "O"}, {11, "OU"},          {12, "T"}, {42, "GN"}, {43, "I"}};
    static const uint8_t dc[] = {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19};
    static const uint8_t email[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01};
    if (oid.size == 3 && oid.p[0] == 0x55 && oid.p[1] == 0x04) {
        for (size_t i = 0; i < sizeof x520 / sizeof x520[0]; i++) {
            if (x520[i].last == oid.p[2]) {
                return x520[i].name;
            }
        }
    }
    if (oid.size == sizeof dc && memcmp(oid.p, dc, sizeof dc - 1) == 0) {
        return oid.p[sizeof dc - 1] == 0x19 ? "DC" : oid.p[sizeof dc - 1] == 0x01 ? "UID" : NULL;
    }
    if (ra_span_equal(oid, (struct ra_span){email, sizeof email})) {
        return "E";
    }
    return NULL;
}

/* "1.3.6.1", "?" for an arc above 2^32 - 1. */
void ra_oid_text(struct ra_text *t, struct ra_span oid)
{
    uint32_t arc = 0;
    bool first = true, large = false;
    for (size_t i = 0; i < oid.size; i++) {
        large = large || arc >> 25 != 0;
        arc = arc << 7 | (oid.p[i] & 0x7fu);
        if ((oid.p[i] & 0x80) != 0) {
            continue;
        }
        if (first) {
            uint32_t root = arc < 40 ? 0 : arc < 80 ? 1 : 2;
            ra_text_add_u32(t, root);
            arc -= root * 40;
            first = false;
        }
        ra_text_add_char(t, '.');
        if (large) {
            ra_text_add_char(t, '?');
        } else {
            ra_text_add_u32(t, arc);
        }
        arc = 0;
        large = false;
    }
}

static void add_escaped(struct ra_text *t, uint8_t octet)
{
    ra_text_add_char(t, '\\');
    ra_text_add_hex(t, &octet, 1, 0);
}

/* Characters that change how a terminal shows what is around them, or that nobody sees. */
static bool is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff0 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

static void add_string(struct ra_text *t, uint8_t tag, struct ra_span s)
{
    bool first = true;
    while (s.size > 0) {
        uint32_t c = next_char(tag, &s);
        uint8_t utf8[4];
        size_t n = 1;
        if ((c & BAD) != 0) {
            add_escaped(t, (uint8_t)c);
            first = false;
            continue;
        }
        if (c < 0x80) {
            utf8[0] = (uint8_t)c;
        } else {
            n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
            for (size_t i = n - 1; i > 0; i--) {
                utf8[i] = (uint8_t)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
            }
            utf8[0] = (uint8_t)(0xf00 >> n | c >> (6 * (n - 1)));
        }
        if (is_hidden(c)) {
            for (size_t i = 0; i < n; i++) {
                add_escaped(t, utf8[i]);
            }
        } else {
            if (c == '"' || c == '+' || c == ',' || c == ';' || c == '<' || c == '>' || c == '\\' ||
                (first && (c == '#' || c == ' ')) || (c == ' ' && s.size == 0)) {
                ra_text_add_char(t, '\\');
            }
            ra_text_add_bytes(t, (const char *)utf8, n);
        }
        first = false;
    }
}

/* The next AttributeTypeAndValue of an RDN. */
struct ava {
    struct ra_span type;
    struct ra_span value; /* contents */
    struct ra_span whole; /* of the value */
    uint8_t tag;
};

static struct ava read_ava(struct ra_der *d)
{
    struct ava a;
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    a.type = ra_der_read(d, RA_DER_OID);
    struct ra_der probe = *d;
    a.whole = ra_der_any(&probe);
    a.value = ra_der_next(d, &a.tag);
    ra_der_leave(d, outer);
    return a;
}

static void add_ava(struct ra_text *t, const struct ava *a)
{
    const char *name = type_name(a->type);
    if (name != NULL) {
        ra_text_add(t, name);
    } else {
        ra_oid_text(t, a->type);
    }
    ra_text_add_char(t, '=');
    if (is_text(a->tag)) {
        add_string(t, a->tag, a->value);
    } else {
        ra_text_add_char(t, '#');
        ra_text_add_hex(t, a->whole.p, a->whole.size, 0);
    }
}

/* A reader over the RDNs of a name, and how many there are; 0 when it is no Name. */
static size_t open_name(struct ra_der *d, struct ra_span name)
{
    size_t n = 0;
    ra_der_init(d, name);
    ra_der_enter(d, RA_DER_SEQUENCE);
    struct ra_der count = *d;
    while (ra_der_more(&count)) {
        ra_der_read(&count, RA_DER_SET);
        n++;
    }
    return count.err == RA_OK ? n : 0;
}

void ra_name_text(struct ra_span name, char *out, size_t cap)
{
    struct ra_text t;
    struct ra_der d;
    size_t n = open_name(&d, name);
    ra_text_init(&t, out, cap);
    for (size_t i = n; i-- > 0 && !t.cut;) {
        struct ra_der rdns = d;
        for (size_t skip = 0; skip < i; skip++) {
            ra_der_any(&rdns);
        }
        struct ra_der rdn;
        ra_der_init(&rdn, ra_der_read(&rdns, RA_DER_SET));
        char separator = ',';
        while (ra_der_more(&rdn)) {
            struct ava a = read_ava(&rdn);
            if (rdn.err != RA_OK) {
                break;
            }
            if (t.size > 0) {
                ra_text_add_char(&t, separator);
            }
            add_ava(&t, &a);
            separator = '+';
        }
    }
}

void ra_name_common(struct ra_span name, char *out, size_t cap)
{
    struct ra_text t;
    struct ra_der d, rdn;
    static const uint8_t cn[] = {0x55, 0x04, 0x03};
    ra_text_init(&t, out, cap);
    open_name(&d, name);
    while (ra_der_more(&d)) {
        ra_der_init(&rdn, ra_der_read(&d, RA_DER_SET));
        while (ra_der_more(&rdn)) {
            struct ava a = read_ava(&rdn);
            if (rdn.err == RA_OK && is_text(a.tag) &&
                ra_span_equal(a.type, (struct ra_span){cn, sizeof cn})) {
                add_string(&t, a.tag, a.value);
                return;
            }
        }
    }
}

/* A string's next character as names compare: letters in lower case, blanks at the ends
 * dropped and runs of them as one; 0 at the end. */
static uint32_t next_folded(uint8_t tag, struct ra_span *s, bool *started)
{
    bool blank = false;
    while (s->size > 0) {
        struct ra_span before = *s;
        uint32_t c = next_char(tag, s);
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            blank = *started;
        } else if (blank) {
            *s = before;
            return ' ';
        } else {
            *started = true;
            return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c == 0 ? BAD : c;
        }
    }
    return 0;
}

static bool strings_equal(uint8_t tag_a, struct ra_span a, uint8_t tag_b, struct ra_span b)
{
    bool started_a = false, started_b = false;
    uint32_t ca, cb;
    do {
        ca = next_folded(tag_a, &a, &started_a);
        cb = next_folded(tag_b, &b, &started_b);
        if (ca != cb) {
            return false;
        }
    } while (ca != 0);
    return true;
}

bool ra_name_equal(struct ra_span a, struct ra_span b)
{
    struct ra_der da, db;
    if (ra_span_equal(a, b)) {
        return true;
    }
    ra_der_init(&da, a);
    ra_der_init(&db, b);
    const uint8_t *outer_a = ra_der_enter(&da, RA_DER_SEQUENCE);
    const uint8_t *outer_b = ra_der_enter(&db, RA_DER_SEQUENCE);
    while (ra_der_more(&da) && ra_der_more(&db)) {
        const uint8_t *set_a = ra_der_enter(&da, RA_DER_SET);
        const uint8_t *set_b = ra_der_enter(&db, RA_DER_SET);
        while (ra_der_more(&da) && ra_der_more(&db)) {
            struct ava ava_a = read_ava(&da);
            struct ava ava_b = read_ava(&db);
            if (!ra_span_equal(ava_a.type, ava_b.type)) {
                return false;
            }
            if (is_text(ava_a.tag) && is_text(ava_b.tag)
                    ? !strings_equal(ava_a.tag, ava_a.value, ava_b.tag, ava_b.value)
                    : !ra_span_equal(ava_a.whole, ava_b.whole)) {
                return false;
            }
        }
        ra_der_leave(&da, set_a);
        ra_der_leave(&db, set_b);
    }
    ra_der_leave(&da, outer_a);
    ra_der_leave(&db, outer_b);
    return ra_der_finish(&da) == RA_OK && ra_der_finish(&db) == RA_OK;
}

/* --- template ---------------------------------------------------------- */

/* The string in 311.20.2 or the OID in 311.21.7; its tag, 0 when there is none. */
static uint8_t template_value(const struct ra_cert *c, struct ra_span *value)
{
    struct ra_der d;
    uint8_t tag;
    ra_der_init(&d, c->template_id);
    *value = ra_der_next(&d, &tag);
    return tag;
}

void ra_cert_template_name(const struct ra_cert *c, char *out, size_t cap)
{
    struct ra_text t;
    struct ra_span value;
    uint8_t tag = template_value(c, &value);
    ra_text_init(&t, out, cap);
    if (tag == RA_DER_OID) {
        ra_oid_text(&t, value);
    } else if (is_text(tag)) {
        add_string(&t, tag, value);
    }
}

bool ra_cert_template_equal(const struct ra_cert *a, const struct ra_cert *b)
{
    struct ra_span va, vb;
    uint8_t ta = template_value(a, &va);
    uint8_t tb = template_value(b, &vb);
    if (is_text(ta) && is_text(tb)) {
        return strings_equal(ta, va, tb, vb);
    }
    return ra_span_equal(a->template_id, b->template_id);
}
