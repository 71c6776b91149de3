#include "ra_envelope.h"

#include <string.h>

static enum ra_oid oid_of_cipher(enum ra_cipher cipher)
{
    return cipher == RA_CIPHER_AES_128   ? RA_OID_AES_128_CBC
           : cipher == RA_CIPHER_AES_256 ? RA_OID_AES_256_CBC
           : cipher == RA_CIPHER_DES3    ? RA_OID_DES3_CBC
                                         : RA_OID_DES_CBC;
}

static enum ra_cipher cipher_of_oid(enum ra_oid oid)
{
    return oid == RA_OID_AES_128_CBC   ? RA_CIPHER_AES_128
           : oid == RA_OID_AES_256_CBC ? RA_CIPHER_AES_256
           : oid == RA_OID_DES3_CBC    ? RA_CIPHER_DES3
           : oid == RA_OID_DES_CBC     ? RA_CIPHER_DES
                                       : RA_CIPHER_NONE;
}

/* --- building ------------------------------------------------------------ */

static void put_recipient(struct ra_der_put *w, const struct ra_cert *recipient,
                          struct ra_span encrypted_key)
{
    size_t all = ra_der_put_size(w);
    ra_der_put_value(w, RA_DER_OCTETS, encrypted_key.p, encrypted_key.size);
    ra_der_put_algorithm(w, RA_OID_RSA, true);
    size_t mark = ra_der_put_size(w);
    ra_der_put_value(w, RA_DER_INTEGER, recipient->serial.p, recipient->serial.size);
    ra_der_put_raw(w, recipient->issuer);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
    ra_der_put_u32(w, 0);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, all);
    ra_der_put_wrap(w, RA_DER_SET, all);
}

ra_err ra_envelope_build(uint8_t *buf, size_t cap, struct ra_span content,
                         const struct ra_cert *recipient, struct ra_key *work,
                         enum ra_cipher cipher, struct ra_random *random, struct ra_span *out)
{
    uint8_t secret[RA_CIPHER_KEY_MAX + RA_CIPHER_BLOCK_MAX];
    uint8_t *iv = secret + RA_CIPHER_KEY_MAX;
    uint8_t encrypted[RA_SIGNATURE_MAX];
    struct ra_der_put w;
    size_t block = ra_cipher_block_size(cipher);
    size_t key_size = ra_cipher_key_size(cipher);
    size_t size = 0;
    *out = (struct ra_span){NULL, 0};
    if (cipher == RA_CIPHER_DES || block == 0) {
        return RA_E_UNSUPPORTED;
    }
    size_t padded = content.size + block - content.size % block;
    if (content.size > cap || padded > cap) {
        return RA_E_SPACE;
    }
    ra_err e = ra_key_from_spki(work, recipient->spki.p, recipient->spki.size);
    if (e == RA_OK) {
        e = ra_random_bytes(random, secret, sizeof secret);
    }
    if (e == RA_OK) {
        e = ra_key_encrypt(work, random, RA_PAD_PKCS1, secret, key_size, encrypted,
                           sizeof encrypted, &size);
    }
    /* The content, padded, where it stays: at the end. */
    uint8_t *data = buf + cap - padded;
    if (e == RA_OK) {
        memmove(data, content.p, content.size);
        memset(data + content.size, (int)(padded - content.size), padded - content.size);
        e = ra_cipher_encrypt(cipher, secret, iv, data, padded);
    }
    if (e == RA_OK) {
        ra_der_put_init(&w, buf, cap);
        w.p = data;
        ra_der_put_header(&w, RA_DER_CONTEXT(0), padded);
        size_t mark = ra_der_put_size(&w);
        ra_der_put_value(&w, RA_DER_OCTETS, iv, block);
        ra_der_put_oid(&w, oid_of_cipher(cipher));
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, mark);
        ra_der_put_oid(&w, RA_OID_DATA);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
        put_recipient(&w, recipient, (struct ra_span){encrypted, size});
        ra_der_put_u32(&w, 0);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
        ra_der_put_wrap(&w, RA_DER_CONTEXT_CONSTRUCTED(0), 0);
        ra_der_put_oid(&w, RA_OID_ENVELOPED_DATA);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
        e = w.err;
    }
    ra_wipe(secret, sizeof secret);
    if (e == RA_OK) {
        *out = ra_der_put_span(&w);
    }
    return e;
}

/* --- reading --------------------------------------------------------------- */

/* RSAES-OAEP-params [RFC 8017 A.2.1]; what is absent has its default, SHA-1. */
static bool read_oaep(struct ra_span contents, enum ra_padding *padding)
{
    enum ra_oid hash = RA_OID_SHA1;
    enum ra_oid mask = RA_OID_SHA1;
    bool known = true;
    struct ra_der d;
    ra_der_init(&d, contents);
    if (ra_der_peek(&d) == RA_DER_CONTEXT_CONSTRUCTED(0)) {
        const uint8_t *outer = ra_der_enter(&d, RA_DER_CONTEXT_CONSTRUCTED(0));
        hash = ra_der_algorithm(&d);
        ra_der_leave(&d, outer);
    }
    if (ra_der_peek(&d) == RA_DER_CONTEXT_CONSTRUCTED(1)) {
        const uint8_t *outer = ra_der_enter(&d, RA_DER_CONTEXT_CONSTRUCTED(1));
        const uint8_t *generator = ra_der_enter(&d, RA_DER_SEQUENCE);
        known = ra_der_oid(&d) == RA_OID_MGF1;
        mask = ra_der_algorithm(&d);
        ra_der_leave(&d, generator);
        ra_der_leave(&d, outer);
    }
    if (ra_der_peek(&d) == RA_DER_CONTEXT_CONSTRUCTED(2)) {
        /* pSourceAlgorithm: the empty label is the only one there is. */
        const uint8_t *outer = ra_der_enter(&d, RA_DER_CONTEXT_CONSTRUCTED(2));
        const uint8_t *source = ra_der_enter(&d, RA_DER_SEQUENCE);
        known = ra_der_oid(&d) == RA_OID_P_SPECIFIED && known;
        known = ra_der_read(&d, RA_DER_OCTETS).size == 0 && known;
        ra_der_leave(&d, source);
        ra_der_leave(&d, outer);
    }
    *padding = hash == RA_OID_SHA1 ? RA_PAD_OAEP_SHA1 : RA_PAD_OAEP_SHA256;
    return ra_der_finish(&d) == RA_OK && known && hash == mask &&
           (hash == RA_OID_SHA1 || hash == RA_OID_SHA256);
}

static bool read_key_transport(struct ra_span whole, enum ra_padding *padding)
{
    struct ra_der d;
    ra_der_init(&d, whole);
    ra_der_enter(&d, RA_DER_SEQUENCE);
    enum ra_oid oid = ra_der_oid(&d);
    if (oid == RA_OID_RSA) {
        *padding = RA_PAD_PKCS1;
        return d.err == RA_OK;
    }
    struct ra_span parameters = {NULL, 0};
    if (ra_der_more(&d)) {
        parameters = ra_der_read(&d, RA_DER_SEQUENCE);
    }
    return d.err == RA_OK && oid == RA_OID_RSA_OAEP && read_oaep(parameters, padding);
}

/* One KeyTransRecipientInfo; false when it is for somebody else. */
static bool read_recipient(struct ra_envelope *e, struct ra_der *d, const struct ra_cert *recipient,
                           bool *known)
{
    bool ours;
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    ra_der_u32(d);
    if (ra_der_peek(d) == RA_DER_CONTEXT(0)) {
        struct ra_span id = ra_der_read(d, RA_DER_CONTEXT(0));
        ours = id.size != 0 && ra_span_equal(id, recipient->skid);
    } else {
        const uint8_t *name = ra_der_enter(d, RA_DER_SEQUENCE);
        struct ra_span issuer = ra_der_whole(d, RA_DER_SEQUENCE);
        struct ra_span serial = ra_der_integer(d);
        ra_der_leave(d, name);
        ours = d->err == RA_OK && ra_span_equal(serial, recipient->serial) &&
               ra_name_equal(issuer, recipient->issuer);
    }
    struct ra_span algorithm = ra_der_whole(d, RA_DER_SEQUENCE);
    struct ra_span key = ra_der_read(d, RA_DER_OCTETS);
    ra_der_leave(d, outer);
    if (ours && d->err == RA_OK) {
        *known = read_key_transport(algorithm, &e->padding);
        e->key = key;
    }
    return ours;
}

/* Others than KeyTransRecipientInfo are tagged [1] to [4] and passed over. */
static ra_err read_recipients(struct ra_envelope *e, struct ra_der *d,
                              const struct ra_cert *recipient)
{
    bool found = false;
    bool known = true;
    const uint8_t *outer = ra_der_enter(d, RA_DER_SET);
    while (ra_der_more(d)) {
        if (ra_der_peek(d) == RA_DER_SEQUENCE && !found) {
            found = read_recipient(e, d, recipient, &known);
        } else {
            ra_der_any(d);
        }
    }
    ra_der_leave(d, outer);
    return d->err != RA_OK ? d->err
           : !found        ? RA_E_CMS_RECIPIENT
           : !known        ? RA_E_CMS_ALGORITHM
                           : RA_OK;
}

/* ContentEncryptionAlgorithmIdentifier: the IV is its parameter. */
static bool read_cipher(struct ra_envelope *e, struct ra_der *d)
{
    struct ra_span oid, whole = ra_der_whole(d, RA_DER_SEQUENCE);
    struct ra_der a;
    uint8_t tag = 0;
    ra_der_init(&a, whole);
    ra_der_enter(&a, RA_DER_SEQUENCE);
    oid = ra_der_read(&a, RA_DER_OID);
    e->iv = ra_der_next(&a, &tag);
    e->cipher = cipher_of_oid(ra_oid_find(oid));
    return a.err == RA_OK && e->cipher != RA_CIPHER_NONE && tag == RA_DER_OCTETS &&
           e->iv.size == ra_cipher_block_size(e->cipher);
}

ra_err ra_envelope_parse(struct ra_envelope *e, uint8_t *buf, size_t size, size_t cap,
                         const struct ra_cert *recipient)
{
    struct ra_der d;
    uint8_t tag = 0;
    struct ra_span content = {NULL, 0};
    memset(e, 0, sizeof *e);
    ra_err err = ra_ber_to_der(buf, size, cap, &size);
    if (err != RA_OK) {
        return err;
    }
    ra_der_init(&d, (struct ra_span){buf, size});
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    if (ra_der_oid(&d) != RA_OID_ENVELOPED_DATA) {
        ra_der_fail(&d, RA_E_CMS_SYNTAX);
    }
    const uint8_t *tagged = ra_der_enter(&d, RA_DER_CONTEXT_CONSTRUCTED(0));
    const uint8_t *data = ra_der_enter(&d, RA_DER_SEQUENCE);
    ra_der_u32(&d);
    if (ra_der_peek(&d) == RA_DER_CONTEXT_CONSTRUCTED(0)) {
        ra_der_any(&d); /* originatorInfo */
    }
    ra_err recipients = read_recipients(e, &d, recipient);
    const uint8_t *encrypted = ra_der_enter(&d, RA_DER_SEQUENCE);
    ra_der_read(&d, RA_DER_OID); /* contentType: SCEP's is id-data, whatever it says */
    bool known = read_cipher(e, &d);
    if (ra_der_more(&d)) {
        content = ra_der_next(&d, &tag);
        if (tag != RA_DER_CONTEXT(0) && tag != RA_DER_CONTEXT_CONSTRUCTED(0)) {
            ra_der_fail(&d, RA_E_CMS_SYNTAX);
        }
    }
    ra_der_leave(&d, encrypted);
    if (ra_der_peek(&d) == RA_DER_CONTEXT_CONSTRUCTED(1)) {
        ra_der_any(&d); /* unprotectedAttrs */
    }
    ra_der_leave(&d, data);
    ra_der_leave(&d, tagged);
    ra_der_leave(&d, outer);
    err = ra_der_finish(&d);
    if (err != RA_OK || recipients != RA_OK) {
        return err != RA_OK ? err : recipients;
    }
    if (!known) {
        return RA_E_CMS_ALGORITHM;
    }
    e->data = content.p == NULL ? NULL : buf + (content.p - buf);
    e->size = content.size;
    return tag == RA_DER_CONTEXT_CONSTRUCTED(0) ? ra_der_join(e->data, e->size, &e->size) : RA_OK;
}

/* 0x00 or 0xff without a branch: whether a == b, both below 2^31. */
static uint8_t equal_mask(uint32_t a, uint32_t b)
{
    return (uint8_t)(((a ^ b) - 1u) >> 31 ? 0xffu : 0u);
}

/* PKCS#7 padding, looked at in a time that depends on the block size alone. 0: bad. */
static size_t padding_of(const uint8_t *end, size_t block)
{
    uint32_t n = end[-1];
    uint8_t bad = (uint8_t) ~(equal_mask(n == 0, 0) & equal_mask(n > block, 0));
    for (uint32_t i = 1; i <= block; i++) {
        uint8_t counts = (uint8_t)(i <= n ? 0xffu : 0u);
        bad = (uint8_t)(bad | (counts & (end[-(int32_t)i] ^ (uint8_t)n)));
    }
    return bad == 0 ? n : 0;
}

ra_err ra_envelope_open(struct ra_envelope *e, const struct ra_key *key, struct ra_random *random,
                        struct ra_span *content)
{
    uint8_t block[RA_SIGNATURE_MAX];
    uint8_t secret[RA_CIPHER_KEY_MAX];
    size_t key_size = ra_cipher_key_size(e->cipher);
    size_t unit = ra_cipher_block_size(e->cipher);
    size_t size = 0;
    *content = (struct ra_span){NULL, 0};
    if (e->size == 0 || e->size % unit != 0) {
        return RA_E_DECRYPT;
    }
    ra_err err = ra_random_bytes(random, secret, sizeof secret);
    if (err != RA_OK) {
        return err;
    }
    err =
        ra_key_decrypt(key, random, e->padding, e->key.p, e->key.size, block, sizeof block, &size);
    if (err == RA_OK && size == key_size) {
        memcpy(secret, block, key_size);
    }
    if (err == RA_OK || err == RA_E_DECRYPT) {
        err = ra_cipher_decrypt(e->cipher, secret, e->iv.p, e->data, e->size);
    }
    ra_wipe(block, sizeof block);
    ra_wipe(secret, sizeof secret);
    if (err == RA_OK) {
        size_t padding = padding_of(e->data + e->size, unit);
        if (padding == 0) {
            return RA_E_DECRYPT;
        }
        *content = (struct ra_span){e->data, e->size - padding};
    }
    return err;
}
