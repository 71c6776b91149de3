#include "ra_cms.h"

#include <string.h>

/* --- building ---------------------------------------------------------- */

/* One SignerInfo in its SET, before what is there. `attrs`: contents of signedAttrs, p is NULL
 * when there are none. */
static void put_signer(struct ra_der_put *w, const struct ra_cert *signer, bool rsa,
                       enum ra_hash_alg hash, struct ra_span attrs, struct ra_span sig)
{
    size_t all = ra_der_put_size(w);
    ra_der_put_value(w, RA_DER_OCTETS, sig.p, sig.size);
    ra_der_put_algorithm(w, rsa ? RA_OID_RSA : ra_oid_of_signature(hash, false), rsa);
    if (attrs.p != NULL) {
        ra_der_put_value(w, RA_DER_CONTEXT_CONSTRUCTED(0), attrs.p, attrs.size);
    }
    ra_der_put_algorithm(w, ra_oid_of_hash(hash), true);
    size_t mark = ra_der_put_size(w);
    ra_der_put_value(w, RA_DER_INTEGER, signer->serial.p, signer->serial.size);
    ra_der_put_raw(w, signer->issuer);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
    ra_der_put_u32(w, 1);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, all);
    ra_der_put_wrap(w, RA_DER_SET, all);
}

#define SIGNERS_NONE 2 /* bytes of an empty SET */

/* SignedData around all that is there, and ContentInfo around that. */
static void put_content_info(struct ra_der_put *w)
{
    ra_der_put_wrap(w, RA_DER_SEQUENCE, 0);
    ra_der_put_wrap(w, RA_DER_CONTEXT_CONSTRUCTED(0), 0);
    ra_der_put_oid(w, RA_OID_SIGNED_DATA);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, 0);
}

/* All that stands before the SignerInfos, and the ContentInfo around it. */
static void put_signed_data(struct ra_der_put *w, struct ra_span cert, struct ra_span content,
                            enum ra_hash_alg hash)
{
    /* certificates */
    ra_der_put_value(w, RA_DER_CONTEXT_CONSTRUCTED(0), cert.p, cert.size);
    /* encapContentInfo */
    size_t mark = ra_der_put_size(w);
    if (content.p != NULL) {
        ra_der_put_value(w, RA_DER_OCTETS, content.p, content.size);
        ra_der_put_wrap(w, RA_DER_CONTEXT_CONSTRUCTED(0), mark);
    }
    ra_der_put_oid(w, RA_OID_DATA);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
    /* digestAlgorithms, version */
    mark = ra_der_put_size(w);
    ra_der_put_algorithm(w, ra_oid_of_hash(hash), true);
    ra_der_put_wrap(w, RA_DER_SET, mark);
    ra_der_put_u32(w, 1);
    put_content_info(w);
}

/* The content waits at the start of the buffer while what follows it is written at the end.
 * Where they would meet, the writer finds no room for the content. */
ra_err ra_cms_renewal_build(uint8_t *buf, size_t cap, struct ra_span csr, const struct ra_cert *old,
                            const struct ra_key *old_key, struct ra_random *random,
                            enum ra_hash_alg hash, struct ra_span *out)
{
    uint8_t digest[RA_HASH_SIZE_MAX];
    struct ra_der_put w;
    size_t size;
    *out = (struct ra_span){NULL, 0};
    if (cap < RA_SIGNATURE_MAX || cap - RA_SIGNATURE_MAX < csr.size) {
        return RA_E_SPACE;
    }
    ra_err err = ra_hash(hash, csr.p, csr.size, digest);
    if (err != RA_OK) {
        return err;
    }
    memmove(buf, csr.p, csr.size);
    uint8_t *sig = buf + cap - RA_SIGNATURE_MAX;
    err = ra_key_sign(old_key, random, hash, digest, sig, RA_SIGNATURE_MAX, &size);
    if (err != RA_OK) {
        return err;
    }
    ra_der_put_init(&w, buf, cap);
    put_signer(&w, old, ra_key_is_rsa(old_key->alg) != 0, hash, (struct ra_span){NULL, 0},
               (struct ra_span){sig, size});
    put_signed_data(&w, old->der, (struct ra_span){buf, csr.size}, hash);
    if (w.err == RA_OK) {
        *out = ra_der_put_span(&w);
    }
    return w.err;
}

#define ATTRIBUTES_MAX 448 /* bytes of signed attributes: SCEP's five take about 260 */

static void end_attribute(struct ra_der_put *w, enum ra_oid oid, size_t mark)
{
    ra_der_put_wrap(w, RA_DER_SET, mark);
    ra_der_put_oid(w, oid);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
}

ra_err ra_cms_signed_build(uint8_t *buf, size_t cap, struct ra_span content,
                           const struct ra_cert *signer, const struct ra_key *key,
                           struct ra_random *random, enum ra_hash_alg hash,
                           const struct ra_span attrs[], size_t n, struct ra_span *out)
{
    uint8_t digest[RA_HASH_SIZE_MAX];
    uint8_t attributes[ATTRIBUTES_MAX];
    struct ra_der_put a, w;
    size_t size = 0;
    *out = (struct ra_span){NULL, 0};
    if (cap < RA_SIGNATURE_MAX || cap - RA_SIGNATURE_MAX < content.size) {
        return RA_E_SPACE;
    }
    ra_err err = ra_hash(hash, content.p, content.size, digest);
    if (err != RA_OK) {
        return err;
    }
    ra_der_put_init(&a, attributes, sizeof attributes);
    for (size_t i = 0; i < n; i++) {
        ra_der_put_raw(&a, attrs[i]);
    }
    size_t mark = ra_der_put_size(&a);
    ra_der_put_oid(&a, RA_OID_DATA);
    end_attribute(&a, RA_OID_CONTENT_TYPE, mark);
    mark = ra_der_put_size(&a);
    ra_der_put_value(&a, RA_DER_OCTETS, digest, ra_hash_size(hash));
    end_attribute(&a, RA_OID_MESSAGE_DIGEST, mark);
    ra_der_put_sort(&a, 0);
    struct ra_span contents = ra_der_put_span(&a);
    ra_der_put_wrap(&a, RA_DER_SET, 0); /* signed as a SET OF [RFC 5652 5.4] */
    struct ra_span set = ra_der_put_span(&a);
    err = a.err == RA_OK ? ra_hash(hash, set.p, set.size, digest) : a.err;
    if (err != RA_OK) {
        return err;
    }
    if (content.p != NULL) {
        memmove(buf, content.p, content.size);
        content.p = buf;
    }
    uint8_t *sig = buf + cap - RA_SIGNATURE_MAX;
    err = ra_key_sign(key, random, hash, digest, sig, RA_SIGNATURE_MAX, &size);
    if (err != RA_OK) {
        return err;
    }
    ra_der_put_init(&w, buf, cap);
    w.start = buf + content.size; /* the content is there until it has been written */
    put_signer(&w, signer, ra_key_is_rsa(key->alg) != 0, hash, contents,
               (struct ra_span){sig, size});
    w.start = buf;
    if ((size_t)(w.p - buf) < content.size + signer->der.size + 64) {
        return RA_E_SPACE;
    }
    put_signed_data(&w, signer->der, content, hash);
    if (w.err == RA_OK) {
        *out = ra_der_put_span(&w);
    }
    return w.err;
}

void ra_cms_certs_begin(struct ra_der_put *w)
{
    ra_der_put_header(w, RA_DER_SET, 0); /* signerInfos */
}

void ra_cms_certs_end(struct ra_der_put *w)
{
    ra_der_put_wrap(w, RA_DER_CONTEXT_CONSTRUCTED(0), SIGNERS_NONE);
    size_t mark = ra_der_put_size(w);
    ra_der_put_oid(w, RA_OID_DATA);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
    ra_der_put_header(w, RA_DER_SET, 0); /* digestAlgorithms */
    ra_der_put_u32(w, 1);
    put_content_info(w);
}

/* --- reading ----------------------------------------------------------- */

static void read_signer(struct ra_cms_signed *s, struct ra_der *d)
{
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    ra_der_u32(d);
    if (ra_der_peek(d) == RA_DER_CONTEXT(0)) {
        s->signer_skid = ra_der_read(d, RA_DER_CONTEXT(0));
    } else {
        const uint8_t *name = ra_der_enter(d, RA_DER_SEQUENCE);
        s->signer_issuer = ra_der_whole(d, RA_DER_SEQUENCE);
        s->signer_serial = ra_der_integer(d);
        ra_der_leave(d, name);
    }
    s->hash = ra_oid_hash(ra_der_algorithm(d));
    if (ra_der_peek(d) == RA_DER_CONTEXT_CONSTRUCTED(0)) {
        s->signed_attrs = ra_der_read(d, RA_DER_CONTEXT_CONSTRUCTED(0));
    }
    enum ra_oid algorithm = ra_der_algorithm(d);
    if (algorithm == RA_OID_RSA) {
        s->sig_rsa = true;
        s->sig_known = true;
    } else if (algorithm == RA_OID_EC) {
        s->sig_known = true;
    } else {
        enum ra_hash_alg hash = ra_oid_signature(algorithm, &s->sig_rsa);
        s->sig_known = hash != RA_HASH_NONE && hash == s->hash;
    }
    s->sig = ra_der_read(d, RA_DER_OCTETS);
    if (ra_der_peek(d) == RA_DER_CONTEXT_CONSTRUCTED(1)) {
        ra_der_any(d); /* unsignedAttrs */
    }
    ra_der_leave(d, outer);
}

static ra_err parse_signed(struct ra_cms_signed *s, struct ra_span der)
{
    struct ra_der d;
    memset(s, 0, sizeof *s);
    ra_der_init(&d, der);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    if (ra_der_oid(&d) != RA_OID_SIGNED_DATA) {
        ra_der_fail(&d, RA_E_CMS_SYNTAX);
    }
    const uint8_t *tagged = ra_der_enter(&d, RA_DER_CONTEXT_CONSTRUCTED(0));
    const uint8_t *data = ra_der_enter(&d, RA_DER_SEQUENCE);
    s->version = ra_der_u32(&d);
    ra_der_read(&d, RA_DER_SET); /* digestAlgorithms */
    const uint8_t *content = ra_der_enter(&d, RA_DER_SEQUENCE);
    s->content_type = ra_der_read(&d, RA_DER_OID);
    if (ra_der_more(&d)) {
        const uint8_t *octets = ra_der_enter(&d, RA_DER_CONTEXT_CONSTRUCTED(0));
        s->content = ra_der_read(&d, RA_DER_OCTETS);
        ra_der_leave(&d, octets);
    }
    ra_der_leave(&d, content);
    if (ra_der_peek(&d) == RA_DER_CONTEXT_CONSTRUCTED(0)) {
        s->certs = ra_der_read(&d, RA_DER_CONTEXT_CONSTRUCTED(0));
    }
    if (ra_der_peek(&d) == RA_DER_CONTEXT_CONSTRUCTED(1)) {
        ra_der_any(&d); /* crls */
    }
    const uint8_t *signers = ra_der_enter(&d, RA_DER_SET);
    while (ra_der_more(&d)) {
        if (s->signers++ == 0) {
            read_signer(s, &d);
        } else {
            ra_der_read(&d, RA_DER_SEQUENCE);
        }
    }
    ra_der_leave(&d, signers);
    ra_der_leave(&d, data);
    ra_der_leave(&d, tagged);
    ra_der_leave(&d, outer);
    return ra_der_finish(&d);
}

ra_err ra_cms_signed_parse(struct ra_cms_signed *s, uint8_t *buf, size_t size, size_t cap)
{
    memset(s, 0, sizeof *s);
    ra_err err = ra_ber_to_der(buf, size, cap, &size);
    if (err == RA_OK) {
        err = parse_signed(s, (struct ra_span){buf, size});
    }
    return err;
}

ra_err ra_cms_certs(uint8_t *buf, size_t size, size_t cap, struct ra_span certs[], size_t max,
                    size_t *n)
{
    struct ra_cms_signed s;
    struct ra_der d;
    *n = 0;
    ra_err err = ra_ber_to_der(buf, size, cap, &size);
    if (err != RA_OK) {
        return err;
    }
    /* A certificate begins with a SEQUENCE, a ContentInfo with an OID. */
    struct ra_span all = {buf, size};
    ra_der_init(&d, all);
    ra_der_enter(&d, RA_DER_SEQUENCE);
    if (ra_der_peek(&d) == RA_DER_SEQUENCE) {
        s.certs = all;
    } else {
        err = parse_signed(&s, all);
        if (err != RA_OK) {
            return err;
        }
    }
    ra_der_init(&d, s.certs);
    while (ra_der_more(&d)) {
        bool is_cert = ra_der_peek(&d) == RA_DER_SEQUENCE;
        struct ra_span cert = ra_der_any(&d);
        if (d.err != RA_OK || !is_cert) {
            continue;
        }
        if (*n == max) {
            return RA_E_CMS_TOO_MANY;
        }
        certs[(*n)++] = cert;
    }
    return d.err != RA_OK ? d.err : *n == 0 ? RA_E_CMS_NO_CERT : RA_OK;
}

bool ra_cms_signed_by(const struct ra_cms_signed *s, const struct ra_cert *cert)
{
    if (s->signer_skid.size > 0) {
        return ra_span_equal(s->signer_skid, cert->skid);
    }
    return s->signer_serial.size > 0 && ra_span_equal(s->signer_serial, cert->serial) &&
           ra_name_equal(s->signer_issuer, cert->issuer);
}

ra_err ra_cms_signed_attr(const struct ra_cms_signed *s, struct ra_span oid, struct ra_span *value)
{
    struct ra_der d;
    ra_err err = RA_E_NOT_FOUND;
    *value = (struct ra_span){NULL, 0};
    ra_der_init(&d, s->signed_attrs);
    while (ra_der_more(&d)) {
        const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
        struct ra_span type = ra_der_read(&d, RA_DER_OID);
        struct ra_span values = ra_der_read(&d, RA_DER_SET);
        ra_der_leave(&d, outer);
        if (d.err == RA_OK && ra_span_equal(type, oid)) {
            struct ra_der v;
            ra_der_init(&v, values);
            *value = ra_der_any(&v);
            /* Twice, or other than one value: nobody may choose which one counts. */
            err = err == RA_E_NOT_FOUND && ra_der_finish(&v) == RA_OK ? RA_OK : RA_E_CMS_SYNTAX;
            if (err != RA_OK) {
                break;
            }
        }
    }
    return d.err != RA_OK ? d.err : err;
}

/* Whether the signed attribute's value is an element `tag` with these contents. */
static bool attr_is(const struct ra_cms_signed *s, enum ra_oid oid, uint8_t tag,
                    struct ra_span contents)
{
    struct ra_der d;
    struct ra_span value;
    if (ra_cms_signed_attr(s, ra_oid_value(oid), &value) != RA_OK) {
        return false;
    }
    ra_der_init(&d, value);
    struct ra_span found = ra_der_read(&d, tag);
    return ra_der_finish(&d) == RA_OK && ra_span_equal(found, contents);
}

ra_err ra_cms_signed_verify(const struct ra_cms_signed *s, const struct ra_key *key)
{
    uint8_t digest[RA_HASH_SIZE_MAX];
    if (s->signers == 0 || !s->sig_known || s->hash == RA_HASH_NONE ||
        (ra_key_is_rsa(key->alg) != 0) != s->sig_rsa) {
        return RA_E_SIGNATURE;
    }
    /* What is not id-data has to be signed with attributes [RFC 5652 5.3]: else its type is not. */
    if (s->signed_attrs.p == NULL && !ra_span_equal(s->content_type, ra_oid_value(RA_OID_DATA))) {
        return RA_E_SIGNATURE;
    }
    ra_err err = ra_hash(s->hash, s->content.p, s->content.size, digest);
    if (err == RA_OK && s->signed_attrs.p != NULL) {
        struct ra_hash_state state;
        struct ra_span d = {digest, ra_hash_size(s->hash)};
        if (!attr_is(s, RA_OID_MESSAGE_DIGEST, RA_DER_OCTETS, d) ||
            !attr_is(s, RA_OID_CONTENT_TYPE, RA_DER_OID, s->content_type)) {
            return RA_E_SIGNATURE;
        }
        /* Signed is the SET OF, not the [0] it is sent under [RFC 5652 5.4]: another
         * tag before the same length and contents. */
        uint8_t header[4];
        struct ra_der_put w;
        ra_der_put_init(&w, header, sizeof header);
        ra_der_put_header(&w, RA_DER_SET, s->signed_attrs.size);
        struct ra_span h = ra_der_put_span(&w);
        err = w.err;
        if (err == RA_OK) {
            err = ra_hash_start(&state, s->hash);
        }
        if (err == RA_OK) {
            err = ra_hash_add(&state, h.p, h.size);
        }
        if (err == RA_OK) {
            err = ra_hash_add(&state, s->signed_attrs.p, s->signed_attrs.size);
        }
        if (err == RA_OK) {
            err = ra_hash_end(&state, digest);
        }
    }
    return err != RA_OK ? err : ra_key_verify(key, s->hash, digest, s->sig.p, s->sig.size);
}
