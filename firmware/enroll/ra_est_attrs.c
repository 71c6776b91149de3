#include "ra_est_attrs.h"

#include <string.h>

#include "ra_x509.h"

struct reader {
    struct ra_est_attrs *out;
    struct ra_text *passed;
    unsigned items;
    enum ra_oid key;       /* RA_OID_RSA or RA_OID_EC   */
    struct ra_span params; /* of an EC key: the curve   */
    uint32_t bits;         /* of an RSA key             */
};

/* The kind and size of our key. */
static void read_key(struct reader *r, struct ra_span spki)
{
    struct ra_der d, bits;
    ra_der_init(&d, spki);
    ra_der_enter(&d, RA_DER_SEQUENCE);
    const uint8_t *algorithm = ra_der_enter(&d, RA_DER_SEQUENCE);
    r->key = ra_der_oid(&d);
    r->params = ra_der_any(&d);
    ra_der_leave(&d, algorithm);
    ra_der_init(&bits, ra_der_bits(&d));
    if (r->key == RA_OID_RSA) {
        ra_der_enter(&bits, RA_DER_SEQUENCE);
        struct ra_span modulus = ra_der_integer(&bits);
        /* A modulus has its top bit set, and a zero byte before that. */
        r->bits = modulus.size == 0 ? 0 : (uint32_t)(modulus.size - 1) * 8;
    }
}

static void pass(struct reader *r, struct ra_span oid)
{
    char text[40];
    struct ra_text t;
    ra_text_init(&t, text, sizeof text);
    ra_oid_text(&t, oid);
    if (r->passed->size + t.size + 2 <= r->passed->cap) {
        ra_text_add(r->passed, r->passed->size != 0 ? " " : "");
        ra_text_add(r->passed, text);
    }
}

/* An extension that every request of ours has, where there was one in the old certificate. */
static bool sent(enum ra_oid oid)
{
    return oid == RA_OID_SUBJECT_KEY_ID || oid == RA_OID_KEY_USAGE ||
           oid == RA_OID_SUBJECT_ALT_NAME || oid == RA_OID_EXTENDED_KEY_USAGE ||
           oid == RA_OID_MS_TEMPLATE_NAME || oid == RA_OID_MS_TEMPLATE;
}

/* The values of extensionRequest: OBJECT IDENTIFIERs [RFC 7030] or Extensions [RFC 9908]. */
static void read_extensions(struct reader *r, struct ra_der *d, struct ra_span values)
{
    struct ra_der v;
    ra_der_init(&v, values);
    while (ra_der_more(&v) && ++r->items <= RA_EST_ATTRS_COUNT) {
        struct ra_span oid;
        if (ra_der_peek(&v) == RA_DER_OID) {
            oid = ra_der_read(&v, RA_DER_OID);
            if (!sent(ra_oid_find(oid))) {
                pass(r, oid);
            }
            continue;
        }
        const uint8_t *list = ra_der_enter(&v, RA_DER_SEQUENCE);
        while (ra_der_more(&v) && ++r->items <= RA_EST_ATTRS_COUNT) {
            struct ra_der extension;
            ra_der_init(&extension, ra_der_read(&v, RA_DER_SEQUENCE));
            oid = ra_der_read(&extension, RA_DER_OID);
            if (extension.err != RA_OK) {
                ra_der_fail(&v, extension.err);
            } else if (!sent(ra_oid_find(oid))) {
                pass(r, oid);
            }
        }
        ra_der_leave(&v, list);
    }
    if (v.err != RA_OK) {
        ra_der_fail(d, v.err);
    }
}

/* Whether the values name our key, or none in particular. */
static bool same_key(const struct reader *r, enum ra_oid oid, struct ra_span values)
{
    struct ra_der v;
    bool same = values.size == 0;
    ra_der_init(&v, values);
    while (oid == r->key && !same && ra_der_more(&v)) {
        struct ra_der one;
        struct ra_span value = ra_der_any(&v);
        ra_der_init(&one, value);
        same = oid == RA_OID_EC ? ra_span_equal(value, r->params) : ra_der_u32(&one) == r->bits;
    }
    return oid == r->key && same;
}

static void read_item(struct reader *r, struct ra_der *d, struct ra_span oid, struct ra_span values)
{
    enum ra_oid known = ra_oid_find(oid);
    bool rsa = false;
    enum ra_hash_alg hash = ra_oid_signature(known, &rsa);
    if (known == RA_OID_CHALLENGE_PASSWORD) {
        r->out->binding = true;
    } else if (known == RA_OID_EXTENSION_REQUEST) {
        read_extensions(r, d, values);
    } else if (known == RA_OID_RSA || known == RA_OID_EC) {
        if (!same_key(r, known, values)) {
            pass(r, oid);
        }
    } else if (hash >= RA_HASH_SHA256 && rsa == (r->key == RA_OID_RSA)) {
        r->out->hash = r->out->hash == RA_HASH_NONE ? hash : r->out->hash;
    } else {
        pass(r, oid);
    }
}

ra_err ra_est_attrs_read(struct ra_est_attrs *out, struct ra_span in, struct ra_span spki,
                         struct ra_text *passed)
{
    struct reader r = {.out = out, .passed = passed};
    struct ra_der d;
    memset(out, 0, sizeof *out);
    ra_err e = in.size > RA_EST_ATTRS_MAX ? RA_E_LIMIT : ra_der_check(in);
    if (e != RA_OK) {
        return e;
    }
    read_key(&r, spki);
    ra_der_init(&d, in);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    while (ra_der_more(&d) && ++r.items <= RA_EST_ATTRS_COUNT) {
        if (ra_der_peek(&d) == RA_DER_OID) {
            read_item(&r, &d, ra_der_read(&d, RA_DER_OID), (struct ra_span){NULL, 0});
            continue;
        }
        const uint8_t *attribute = ra_der_enter(&d, RA_DER_SEQUENCE);
        struct ra_span oid = ra_der_read(&d, RA_DER_OID);
        struct ra_span values = ra_der_read(&d, RA_DER_SET);
        if (d.err == RA_OK) {
            read_item(&r, &d, oid, values);
        }
        ra_der_leave(&d, attribute);
    }
    ra_der_leave(&d, outer);
    e = r.items > RA_EST_ATTRS_COUNT ? RA_E_LIMIT : ra_der_finish(&d);
    if (e != RA_OK) {
        memset(out, 0, sizeof *out);
    }
    return e;
}
