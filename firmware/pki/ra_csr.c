#include "ra_csr.h"

#include <string.h>

/* subjectPublicKey's bytes [RFC 5280 4.2.1.2 (1)]; empty when the SPKI is none. */
static struct ra_span spki_bits(struct ra_span spki)
{
    struct ra_der d;
    ra_der_init(&d, spki);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    ra_der_read(&d, RA_DER_SEQUENCE);
    struct ra_span bits = ra_der_bits(&d);
    ra_der_leave(&d, outer);
    return ra_der_finish(&d) == RA_OK ? bits : (struct ra_span){NULL, 0};
}

/* Turn what was written since `mark` into the value of an attribute. */
static void end_attribute(struct ra_der_put *w, enum ra_oid oid, size_t mark)
{
    ra_der_put_wrap(w, RA_DER_SET, mark);
    ra_der_put_oid(w, oid);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
}

static void end_extension(struct ra_der_put *w, enum ra_oid oid, bool critical, size_t mark)
{
    static const uint8_t yes = 0xff;
    ra_der_put_wrap(w, RA_DER_OCTETS, mark);
    if (critical) {
        ra_der_put_value(w, RA_DER_BOOLEAN, &yes, 1);
    }
    ra_der_put_oid(w, oid);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
}

/* What no old certificate says. */
static void put_first_extensions(struct ra_der_put *w, const struct ra_csr_input *in)
{
    if (in->key_usage != 0) {
        size_t mark = ra_der_put_size(w);
        /* Bit 0 of the BIT STRING is the top bit of its first byte; zeros at the end are dropped. */
        uint8_t bits[2] = {0, 0};
        for (unsigned i = 0; i < 8; i++) {
            bits[1] = (uint8_t)(bits[1] | (((unsigned)in->key_usage >> i & 1u) << (7 - i)));
        }
        while (((unsigned)bits[1] >> bits[0] & 1u) == 0) {
            bits[0]++;
        }
        ra_der_put_value(w, RA_DER_BITS, bits, sizeof bits);
        end_extension(w, RA_OID_KEY_USAGE, true, mark);
    }
    if (in->request_agent) {
        size_t mark = ra_der_put_size(w);
        ra_der_put_oid(w, RA_OID_MS_REQUEST_AGENT);
        ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
        end_extension(w, RA_OID_EXTENDED_KEY_USAGE, false, mark);
    }
}

static ra_err put_extensions(struct ra_der_put *w, const struct ra_csr_input *in)
{
    uint8_t id[RA_HASH_SIZE_MAX];
    struct ra_span bits = spki_bits(in->spki);
    size_t mark = ra_der_put_size(w);
    if (bits.size == 0) {
        return RA_E_CSR_SYNTAX;
    }
    ra_err err = ra_hash(RA_HASH_SHA1, bits.p, bits.size, id);
    if (err != RA_OK) {
        return err;
    }
    ra_der_put_value(w, RA_DER_OCTETS, id, 20);
    ra_der_put_wrap(w, RA_DER_OCTETS, mark);
    ra_der_put_oid(w, RA_OID_SUBJECT_KEY_ID);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
    if (in->old != NULL) {
        ra_der_put_raw(w, in->old->key_usage_ext);
        ra_der_put_raw(w, in->old->eku_ext);
        ra_der_put_raw(w, in->old->template_ext);
        if (in->old->san.size > 2) { /* an empty one trips policy modules */
            ra_der_put_raw(w, in->old->san_ext);
        }
    }
    if (in->old == NULL) {
        put_first_extensions(w, in);
    }
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
    end_attribute(w, RA_OID_EXTENSION_REQUEST, mark);
    return RA_OK;
}

static const char *text_or_empty(const char *s)
{
    return s == NULL ? "" : s;
}

static void put_client_info(struct ra_der_put *w, const struct ra_csr_input *in)
{
    size_t mark = ra_der_put_size(w);
    ra_der_put_text(w, RA_DER_UTF8, text_or_empty(in->process));
    ra_der_put_text(w, RA_DER_UTF8, text_or_empty(in->user));
    ra_der_put_text(w, RA_DER_UTF8, in->machine);
    ra_der_put_u32(w, RA_CSR_CLIENT_ID);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
    end_attribute(w, RA_OID_MS_CLIENT_INFO, mark);
}

/* Some servers take nothing but a PrintableString. */
static void put_challenge(struct ra_der_put *w, const char *challenge)
{
    static const char others[] = " '()+,-./:=?";
    uint8_t tag = RA_DER_PRINTABLE;
    size_t mark = ra_der_put_size(w);
    for (const char *p = challenge; *p != '\0'; p++) {
        char letter = (char)(*p | 0x20);
        bool plain = (letter >= 'a' && letter <= 'z') || (*p >= '0' && *p <= '9') ||
                     strchr(others, *p) != NULL;
        tag = plain ? tag : RA_DER_UTF8;
    }
    ra_der_put_text(w, tag, challenge);
    end_attribute(w, RA_OID_CHALLENGE_PASSWORD, mark);
}

/* The CertificationRequestInfo around the attributes that are there. */
static void put_info(struct ra_der_put *w, struct ra_span spki, struct ra_span subject)
{
    ra_der_put_wrap(w, RA_DER_CONTEXT_CONSTRUCTED(0), 0);
    ra_der_put_raw(w, spki);
    ra_der_put_raw(w, subject);
    ra_der_put_u32(w, 0);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, 0);
}

ra_err ra_csr_begin(const struct ra_csr_input *in, uint8_t *buf, size_t cap, struct ra_span *tbs)
{
    struct ra_der_put w;
    ra_der_put_init(&w, buf, cap);
    *tbs = (struct ra_span){NULL, 0};
    for (size_t i = 0; i < in->more_n; i++) {
        ra_der_put_raw(&w, in->more[i]);
    }
    if (in->machine != NULL) {
        put_client_info(&w, in);
    }
    if (in->challenge != NULL) {
        put_challenge(&w, in->challenge);
    }
    if (in->old != NULL && !in->plain) {
        size_t mark = ra_der_put_size(&w);
        ra_der_put_raw(&w, in->old->der);
        end_attribute(&w, RA_OID_MS_RENEWAL_CERT, mark);
    }
    ra_err err = put_extensions(&w, in);
    if (err != RA_OK) {
        return err;
    }
    ra_der_put_sort(&w, 0);
    put_info(&w, in->spki, in->subject);
    if (w.err == RA_OK) {
        *tbs = ra_der_put_span(&w);
    }
    return w.err;
}

ra_err ra_csr_sign(uint8_t *buf, size_t cap, struct ra_span tbs, const struct ra_key *key,
                   struct ra_random *random, enum ra_hash_alg hash, struct ra_span *csr)
{
    static const uint8_t no_unused_bits;
    uint8_t digest[RA_HASH_SIZE_MAX];
    struct ra_der_put w;
    size_t size;
    *csr = (struct ra_span){NULL, 0};
    if (cap < RA_SIGNATURE_MAX || cap - RA_SIGNATURE_MAX < tbs.size) {
        return RA_E_SPACE;
    }
    ra_err err = ra_hash(hash, tbs.p, tbs.size, digest);
    if (err != RA_OK) {
        return err;
    }
    memmove(buf, tbs.p, tbs.size);
    uint8_t *sig = buf + cap - RA_SIGNATURE_MAX;
    err = ra_key_sign(key, random, hash, digest, sig, RA_SIGNATURE_MAX, &size);
    if (err != RA_OK) {
        return err;
    }
    bool rsa = ra_key_is_rsa(key->alg) != 0;
    ra_der_put_init(&w, buf, cap);
    ra_der_put_bytes(&w, sig, size);
    ra_der_put_bytes(&w, &no_unused_bits, 1);
    ra_der_put_wrap(&w, RA_DER_BITS, 0);
    ra_der_put_algorithm(&w, ra_oid_of_signature(hash, rsa), rsa);
    ra_der_put_bytes(&w, buf, tbs.size);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    if (w.err == RA_OK) {
        *csr = ra_der_put_span(&w);
    }
    return w.err;
}

ra_err ra_csr_parse(struct ra_csr *c, struct ra_span der)
{
    struct ra_der d;
    memset(c, 0, sizeof *c);
    ra_der_init(&d, der);
    d.err = ra_der_check(der);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    struct ra_der probe = d;
    c->tbs = ra_der_whole(&probe, RA_DER_SEQUENCE);
    const uint8_t *tbs = ra_der_enter(&d, RA_DER_SEQUENCE);
    if (ra_der_u32(&d) != 0) {
        ra_der_fail(&d, RA_E_CSR_SYNTAX);
    }
    c->subject = ra_der_whole(&d, RA_DER_SEQUENCE);
    c->spki = ra_der_whole(&d, RA_DER_SEQUENCE);
    c->attributes = ra_der_read(&d, RA_DER_CONTEXT_CONSTRUCTED(0));
    ra_der_leave(&d, tbs);
    c->sig_hash = ra_oid_signature(ra_der_algorithm(&d), &c->sig_rsa);
    c->sig = ra_der_bits(&d);
    ra_der_leave(&d, outer);
    return ra_der_finish(&d);
}

ra_err ra_csr_amend(uint8_t *buf, size_t cap, struct ra_span csr, const char *challenge,
                    struct ra_span *tbs)
{
    struct ra_csr c;
    struct ra_der_put w;
    *tbs = (struct ra_span){NULL, 0};
    if (csr.size > cap) {
        return RA_E_SPACE;
    }
    memmove(buf, csr.p, csr.size);
    ra_err err = ra_csr_parse(&c, (struct ra_span){buf, csr.size});
    if (err != RA_OK) {
        return err;
    }
    if (challenge == NULL) {
        *tbs = c.tbs;
        return RA_OK;
    }
    ra_der_put_init(&w, buf + csr.size, cap - csr.size);
    put_challenge(&w, challenge);
    ra_der_put_raw(&w, c.attributes);
    ra_der_put_sort(&w, 0);
    put_info(&w, c.spki, c.subject);
    if (w.err == RA_OK) {
        *tbs = ra_der_put_span(&w);
    }
    return w.err;
}

ra_err ra_csr_attribute(const struct ra_csr *c, enum ra_oid oid, struct ra_span *value)
{
    struct ra_der d;
    bool found = false;
    *value = (struct ra_span){NULL, 0};
    ra_der_init(&d, c->attributes);
    while (ra_der_more(&d)) {
        const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
        enum ra_oid type = ra_der_oid(&d);
        struct ra_span values = ra_der_read(&d, RA_DER_SET);
        ra_der_leave(&d, outer);
        if (d.err == RA_OK && type == oid) {
            struct ra_der v;
            ra_der_init(&v, values);
            *value = ra_der_any(&v);
            if (found || ra_der_finish(&v) != RA_OK) {
                ra_der_fail(&d, RA_E_CSR_SYNTAX);
            }
            found = true;
        }
    }
    return d.err != RA_OK ? RA_E_CSR_SYNTAX : found ? RA_OK : RA_E_NOT_FOUND;
}

ra_err ra_csr_verify(const struct ra_csr *c, struct ra_key *work)
{
    uint8_t digest[RA_HASH_SIZE_MAX];
    ra_err err = ra_key_from_spki(work, c->spki.p, c->spki.size);
    if (err != RA_OK) {
        return err;
    }
    if (c->sig_hash == RA_HASH_NONE || (ra_key_is_rsa(work->alg) != 0) != c->sig_rsa) {
        return RA_E_SIGNATURE;
    }
    err = ra_hash(c->sig_hash, c->tbs.p, c->tbs.size, digest);
    if (err != RA_OK) {
        return err;
    }
    return ra_key_verify(work, c->sig_hash, digest, c->sig.p, c->sig.size);
}
