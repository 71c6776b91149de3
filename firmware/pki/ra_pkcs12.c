#include "ra_pkcs12.h"

#include <string.h>

#include "ra_pem.h"

enum phase { OPEN, MAC, NEXT, CONTENT, KEY };

/* Contents of the object identifiers that only this file knows. */
#define PKCS "\x2a\x86\x48\x86\xf7\x0d\x01"
static const char encrypted_data[] = PKCS "\x07\x06";
static const char pbes2[] = PKCS "\x05\x0d";
static const char pbkdf2[] = PKCS "\x05\x0c";
static const char pbe_3des[] = PKCS "\x0c\x01\x03";
static const char bare_key_bag[] = PKCS "\x0c\x0a\x01\x01";
static const char key_bag[] = PKCS "\x0c\x0a\x01\x02";
static const char cert_bag[] = PKCS "\x0c\x0a\x01\x03";
static const char x509_certificate[] = PKCS "\x09\x16\x01";
static const char hmac[] = "\x2a\x86\x48\x86\xf7\x0d\x02"; /* and 7, 9, 10, 11 */

static bool is(struct ra_span oid, const char *contents)
{
    return oid.size == strlen(contents) && memcmp(oid.p, contents, oid.size) == 0;
}

static uint8_t *writable(const struct ra_pkcs12 *p, struct ra_span s)
{
    return p->buf + (s.p - p->buf);
}

/* --- how it is protected -------------------------------------------------------------- */

static enum ra_hash_alg prf_of(struct ra_span oid)
{
    size_t n = sizeof hmac - 1;
    if (oid.size != n + 1 || memcmp(oid.p, hmac, n) != 0) {
        return RA_HASH_NONE;
    }
    return oid.p[n] == 7    ? RA_HASH_SHA1
           : oid.p[n] == 9  ? RA_HASH_SHA256
           : oid.p[n] == 10 ? RA_HASH_SHA384
           : oid.p[n] == 11 ? RA_HASH_SHA512
                            : RA_HASH_NONE;
}

/* PBES2-params [RFC 8018 A.4]; `d` stands at them. */
static ra_err start_pbes2(struct ra_pkcs12 *p, struct ra_der *d)
{
    enum ra_hash_alg prf = RA_HASH_SHA1;
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    const uint8_t *kdf = ra_der_enter(d, RA_DER_SEQUENCE);
    if (!is(ra_der_read(d, RA_DER_OID), pbkdf2)) {
        return d->err != RA_OK ? RA_E_PKCS12_SYNTAX : RA_E_CMS_ALGORITHM;
    }
    const uint8_t *inner = ra_der_enter(d, RA_DER_SEQUENCE);
    struct ra_span salt = ra_der_read(d, RA_DER_OCTETS);
    uint32_t iterations = ra_der_u32(d);
    if (ra_der_peek(d) == RA_DER_INTEGER) {
        (void)ra_der_u32(d); /* the key's length: the cipher says it */
    }
    if (ra_der_more(d)) {
        const uint8_t *algorithm = ra_der_enter(d, RA_DER_SEQUENCE);
        prf = prf_of(ra_der_read(d, RA_DER_OID));
        if (ra_der_more(d)) {
            (void)ra_der_read(d, RA_DER_NULL);
        }
        ra_der_leave(d, algorithm);
    }
    ra_der_leave(d, inner);
    ra_der_leave(d, kdf);
    const uint8_t *cipher = ra_der_enter(d, RA_DER_SEQUENCE);
    enum ra_oid oid = ra_der_oid(d);
    struct ra_span iv = ra_der_read(d, RA_DER_OCTETS);
    ra_der_leave(d, cipher);
    ra_der_leave(d, outer);
    if (d->err != RA_OK) {
        return RA_E_PKCS12_SYNTAX;
    }
    p->cipher = oid == RA_OID_AES_128_CBC   ? RA_CIPHER_AES_128
                : oid == RA_OID_AES_256_CBC ? RA_CIPHER_AES_256
                : oid == RA_OID_DES3_CBC    ? RA_CIPHER_DES3
                                            : RA_CIPHER_NONE;
    if (prf == RA_HASH_NONE || p->cipher == RA_CIPHER_NONE) {
        return RA_E_CMS_ALGORITHM;
    }
    if (iv.size != ra_cipher_block_size((enum ra_cipher)p->cipher)) {
        return RA_E_PKCS12_SYNTAX;
    }
    memcpy(p->secret + RA_CIPHER_KEY_MAX, iv.p, iv.size);
    return ra_pbkdf_start(&p->kdf, prf, p->password, strlen(p->password), salt.p, salt.size,
                          iterations, ra_cipher_key_size((enum ra_cipher)p->cipher));
}

/* pkcs-12PbeParams [RFC 7292 appendix C]. */
static ra_err start_old(struct ra_pkcs12 *p, struct ra_der *d)
{
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    p->salt = ra_der_read(d, RA_DER_OCTETS);
    p->iterations = ra_der_u32(d);
    ra_der_leave(d, outer);
    if (d->err != RA_OK) {
        return RA_E_PKCS12_SYNTAX;
    }
    p->cipher = RA_CIPHER_DES3;
    return ra_pbkdf_pkcs12_start(&p->kdf, RA_HASH_SHA1, RA_PKCS12_KEY, p->password,
                                 strlen(p->password), p->salt.p, p->salt.size, p->iterations, 24);
}

/* AlgorithmIdentifier at `d`; the key is then being derived for `p->data`. */
static ra_err start_opening(struct ra_pkcs12 *p, struct ra_der *d)
{
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    struct ra_span oid = ra_der_read(d, RA_DER_OID);
    ra_err e = RA_E_CMS_ALGORITHM;
    p->old_scheme = is(oid, pbe_3des);
    p->have_key = false;
    if (d->err != RA_OK) {
        return RA_E_PKCS12_SYNTAX;
    }
    if (p->old_scheme) {
        e = start_old(p, d);
    } else if (is(oid, pbes2)) {
        e = start_pbes2(p, d);
    }
    ra_der_leave(d, outer);
    return e;
}

/* A slice; when the key is there, what is at `data` is decrypted in place and *size its bytes. */
static ra_err open_step(struct ra_pkcs12 *p, uint8_t *data, size_t *size)
{
    enum ra_cipher cipher = (enum ra_cipher)p->cipher;
    size_t block = ra_cipher_block_size(cipher);
    uint8_t *iv = p->secret + RA_CIPHER_KEY_MAX;
    ra_err e = ra_pbkdf_step(&p->kdf, RA_PKCS12_SLICE);
    if (e != RA_OK) {
        return e;
    }
    if (p->old_scheme && !p->have_key) {
        memcpy(p->secret, p->kdf.out, 24);
        p->have_key = true;
        e = ra_pbkdf_pkcs12_start(&p->kdf, RA_HASH_SHA1, RA_PKCS12_IV, p->password,
                                  strlen(p->password), p->salt.p, p->salt.size, p->iterations, 8);
        return e == RA_OK ? RA_AGAIN : e;
    }
    memcpy(p->old_scheme ? iv : p->secret, p->kdf.out, p->kdf.out_size);
    if (*size == 0 || *size % block != 0) {
        return RA_E_PKCS12_SYNTAX;
    }
    e = ra_cipher_decrypt(cipher, p->secret, iv, data, *size);
    if (e != RA_OK) {
        return e;
    }
    uint8_t padding = data[*size - 1];
    bool right = padding >= 1 && padding <= block;
    for (size_t i = 0; right && i < padding; i++) {
        right = data[*size - 1 - i] == padding;
    }
    *size -= right ? padding : 0;
    return right ? RA_OK : RA_E_PASSPHRASE;
}

/* --- what is in it ------------------------------------------------------------------------ */

static ra_err take_cert(struct ra_pkcs12 *p, struct ra_span der)
{
    if (p->cert_count == RA_CHAIN_CERTS_MAX) {
        return RA_E_CMS_TOO_MANY;
    }
    p->certs[p->cert_count++] = der;
    return RA_OK;
}

static ra_err take_key(struct ra_pkcs12 *p, struct ra_span whole)
{
    if (p->shrouded.size != 0) {
        return RA_E_NO_KEY;
    }
    p->shrouded = whole;
    return RA_OK;
}

static ra_err read_bag(struct ra_pkcs12 *p, struct ra_der *d)
{
    ra_err e = RA_OK;
    const uint8_t *bag = ra_der_enter(d, RA_DER_SEQUENCE);
    struct ra_span kind = ra_der_read(d, RA_DER_OID);
    struct ra_span value = ra_der_read(d, RA_DER_CONTEXT_CONSTRUCTED(0));
    if (ra_der_more(d)) {
        (void)ra_der_read(d, RA_DER_SET); /* friendlyName and the like */
    }
    ra_der_leave(d, bag);
    if (d->err != RA_OK) {
        return RA_E_PKCS12_SYNTAX;
    }
    if (is(kind, key_bag)) {
        e = take_key(p, value);
    } else if (is(kind, bare_key_bag)) {
        e = RA_E_KEY_BARE;
    } else if (is(kind, cert_bag)) {
        struct ra_der v;
        ra_der_init(&v, value);
        const uint8_t *outer = ra_der_enter(&v, RA_DER_SEQUENCE);
        bool x509 = is(ra_der_read(&v, RA_DER_OID), x509_certificate);
        const uint8_t *tagged = ra_der_enter(&v, RA_DER_CONTEXT_CONSTRUCTED(0));
        struct ra_span cert = ra_der_read(&v, RA_DER_OCTETS);
        ra_der_leave(&v, tagged);
        ra_der_leave(&v, outer);
        e = ra_der_finish(&v) != RA_OK ? RA_E_PKCS12_SYNTAX : x509 ? take_cert(p, cert) : RA_OK;
    }
    return e;
}

static ra_err read_bags(struct ra_pkcs12 *p, struct ra_span contents)
{
    struct ra_der d;
    ra_err e = RA_OK;
    ra_der_init(&d, contents);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    while (e == RA_OK && ra_der_more(&d)) {
        e = read_bag(p, &d);
    }
    ra_der_leave(&d, outer);
    return e != RA_OK ? e : ra_der_finish(&d) == RA_OK ? RA_OK : RA_E_PKCS12_SYNTAX;
}

/* EncryptedData [RFC 5652 8]; its content is then being opened. */
static ra_err start_content(struct ra_pkcs12 *p, struct ra_span value)
{
    struct ra_der d;
    ra_der_init(&d, value);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    (void)ra_der_u32(&d);
    const uint8_t *info = ra_der_enter(&d, RA_DER_SEQUENCE);
    (void)ra_der_read(&d, RA_DER_OID);
    ra_err e = start_opening(p, &d);
    if (e != RA_OK) {
        return e;
    }
    if (ra_der_peek(&d) == RA_DER_CONTEXT_CONSTRUCTED(0)) {
        struct ra_span parts = ra_der_read(&d, RA_DER_CONTEXT_CONSTRUCTED(0));
        size_t size = 0;
        e = ra_der_join(writable(p, parts), parts.size, &size);
        p->data = (struct ra_span){parts.p, size};
    } else {
        p->data = ra_der_read(&d, RA_DER_CONTEXT(0));
    }
    ra_der_leave(&d, info);
    ra_der_leave(&d, outer);
    return d.err != RA_OK || e != RA_OK ? RA_E_PKCS12_SYNTAX : RA_OK;
}

/* The next ContentInfo of the AuthenticatedSafe. */
static ra_err next_content(struct ra_pkcs12 *p)
{
    struct ra_der d;
    ra_der_init(&d, p->rest);
    struct ra_span whole = ra_der_any(&d);
    p->rest = (struct ra_span){d.p, (size_t)(d.end - d.p)};
    ra_der_init(&d, whole);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    struct ra_span kind = ra_der_read(&d, RA_DER_OID);
    const uint8_t *tagged = ra_der_enter(&d, RA_DER_CONTEXT_CONSTRUCTED(0));
    struct ra_span value = ra_der_any(&d);
    ra_der_leave(&d, tagged);
    ra_der_leave(&d, outer);
    if (ra_der_finish(&d) != RA_OK) {
        return RA_E_PKCS12_SYNTAX;
    }
    if (is(kind, encrypted_data)) {
        p->phase = CONTENT;
        return start_content(p, value);
    }
    if (ra_oid_find(kind) != RA_OID_DATA) {
        return RA_E_CMS_ALGORITHM; /* public-key protection */
    }
    ra_der_init(&d, value);
    struct ra_span contents = ra_der_read(&d, RA_DER_OCTETS);
    return d.err != RA_OK ? RA_E_PKCS12_SYNTAX : read_bags(p, contents);
}

/* EncryptedPrivateKeyInfo [RFC 5958 3], to the caller's buffer. */
static ra_err start_key(struct ra_pkcs12 *p)
{
    struct ra_der d;
    if (p->shrouded.size == 0) {
        return RA_E_NO_KEY;
    }
    ra_der_init(&d, p->shrouded);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    ra_err e = start_opening(p, &d);
    struct ra_span data = e == RA_OK ? ra_der_read(&d, RA_DER_OCTETS) : p->data;
    ra_der_leave(&d, outer);
    if (e != RA_OK || ra_der_finish(&d) != RA_OK) {
        return e != RA_OK ? e : RA_E_PKCS12_SYNTAX;
    }
    if (data.size > p->key_cap) {
        return RA_E_LIMIT;
    }
    memcpy(p->key, data.p, data.size);
    p->key_size = data.size;
    p->phase = KEY;
    return RA_OK;
}

/* --- the beginning ------------------------------------------------------------------------ */

static bool label_is(struct ra_span label, const char *text)
{
    return is(label, text);
}

/* PEM: each block decoded where its text was. */
static ra_err open_pem(struct ra_pkcs12 *p, struct ra_span rest)
{
    struct ra_span label, body;
    ra_err e = RA_OK;
    while (e == RA_OK && ra_pem_next(&rest, &label, &body) == RA_OK) {
        uint8_t *at = writable(p, body);
        size_t size = 0;
        e = ra_base64_decode(body.p, body.size, at, body.size, &size);
        if (e != RA_OK) {
            break;
        }
        if (label_is(label, "ENCRYPTED PRIVATE KEY")) {
            e = take_key(p, (struct ra_span){at, size});
        } else if (label_is(label, "CERTIFICATE") || label_is(label, "X509 CERTIFICATE")) {
            e = take_cert(p, (struct ra_span){at, size});
        } else if (label.size >= 11 && memcmp(label.p + label.size - 11, "PRIVATE KEY", 11) == 0) {
            e = RA_E_KEY_BARE;
        }
    }
    return e == RA_OK ? start_key(p) : e;
}

/* MacData [RFC 7292 4]: how the content is to be checked. */
static ra_err start_mac(struct ra_pkcs12 *p, struct ra_der *d)
{
    const uint8_t *outer = ra_der_enter(d, RA_DER_SEQUENCE);
    const uint8_t *info = ra_der_enter(d, RA_DER_SEQUENCE);
    enum ra_hash_alg hash = ra_oid_hash(ra_der_algorithm(d));
    p->mac = ra_der_read(d, RA_DER_OCTETS);
    ra_der_leave(d, info);
    struct ra_span salt = ra_der_read(d, RA_DER_OCTETS);
    uint32_t iterations = ra_der_more(d) ? ra_der_u32(d) : 1;
    ra_der_leave(d, outer);
    if (d->err != RA_OK) {
        return RA_E_PKCS12_SYNTAX;
    }
    if (hash == RA_HASH_NONE) {
        return RA_E_CMS_ALGORITHM;
    }
    if (p->mac.size != ra_hash_size(hash)) {
        return RA_E_PKCS12_SYNTAX;
    }
    return ra_pbkdf_pkcs12_start(&p->kdf, hash, RA_PKCS12_MAC, p->password, strlen(p->password),
                                 salt.p, salt.size, iterations, p->mac.size);
}

static ra_err open_pfx(struct ra_pkcs12 *p)
{
    struct ra_der d;
    ra_err e = ra_ber_to_der(p->buf, p->size, p->cap, &p->size);
    if (e != RA_OK) {
        return e;
    }
    ra_der_init(&d, (struct ra_span){p->buf, p->size});
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    uint32_t version = ra_der_u32(&d);
    const uint8_t *safe = ra_der_enter(&d, RA_DER_SEQUENCE);
    enum ra_oid kind = ra_der_oid(&d);
    const uint8_t *tagged = ra_der_enter(&d, RA_DER_CONTEXT_CONSTRUCTED(0));
    p->data = ra_der_read(&d, RA_DER_OCTETS);
    ra_der_leave(&d, tagged);
    ra_der_leave(&d, safe);
    if (d.err != RA_OK || version != 3) {
        return RA_E_PKCS12_SYNTAX;
    }
    if (kind != RA_OID_DATA) {
        return RA_E_CMS_ALGORITHM;
    }
    p->phase = MAC;
    e = start_mac(p, &d); /* without one: refused, nothing says that the password is right */
    ra_der_leave(&d, outer);
    return e;
}

static ra_err open_input(struct ra_pkcs12 *p)
{
    struct ra_span rest = {p->buf, p->size}, label, body;
    bool der = p->size > 1 && p->buf[0] == RA_DER_SEQUENCE && p->buf[1] >= 0x80;
    if (!der && ra_pem_next(&rest, &label, &body) == RA_OK && !label_is(label, "PKCS12")) {
        return open_pem(p, (struct ra_span){p->buf, p->size});
    }
    ra_err e = der ? RA_OK : ra_pem_to_der(p->buf, p->size, p->buf, p->cap, &p->size);
    return e == RA_OK ? open_pfx(p) : e;
}

static ra_err check_mac(struct ra_pkcs12 *p)
{
    uint8_t digest[RA_HASH_SIZE_MAX];
    ra_err e = ra_pbkdf_step(&p->kdf, RA_PKCS12_SLICE);
    if (e != RA_OK) {
        return e;
    }
    e = ra_hmac(p->kdf.alg, p->kdf.out, p->kdf.out_size, p->data.p, p->data.size, digest);
    if (e == RA_OK && !ra_equal_ct(digest, p->mac.p, p->mac.size)) {
        e = RA_E_PASSPHRASE;
    }
    if (e != RA_OK) {
        return e;
    }
    /* What was checked goes to the front: BER in it needs room to become DER. */
    size_t size = p->data.size;
    struct ra_der d;
    memmove(p->buf, p->data.p, size);
    e = ra_ber_to_der(p->buf, size, p->cap, &size);
    if (e != RA_OK) {
        return e;
    }
    ra_der_init(&d, (struct ra_span){p->buf, size});
    p->rest = ra_der_read(&d, RA_DER_SEQUENCE);
    p->phase = NEXT;
    return ra_der_finish(&d) == RA_OK ? RA_AGAIN : RA_E_PKCS12_SYNTAX;
}

static ra_err step(struct ra_pkcs12 *p)
{
    size_t size = p->data.size;
    ra_err e;
    switch (p->phase) {
    case OPEN:
        e = open_input(p);
        break;
    case MAC:
        return check_mac(p);
    case NEXT:
        e = p->rest.size != 0 ? next_content(p) : start_key(p);
        break;
    case CONTENT:
        e = open_step(p, writable(p, p->data), &size);
        if (e == RA_OK) {
            p->phase = NEXT;
            e = read_bags(p, (struct ra_span){p->data.p, size});
        }
        break;
    default:
        return open_step(p, p->key, &p->key_size);
    }
    return e == RA_OK ? RA_AGAIN : e;
}

void ra_pkcs12_init(struct ra_pkcs12 *p, uint8_t *buf, size_t size, size_t cap,
                    const char *password, uint8_t *key, size_t key_cap)
{
    memset(p, 0, sizeof *p);
    p->buf = buf;
    p->size = size;
    p->cap = cap;
    p->password = password;
    p->key = key;
    p->key_cap = key_cap;
}

ra_err ra_pkcs12_step(struct ra_pkcs12 *p)
{
    ra_err e = step(p);
    if (e < 0) {
        ra_wipe(p->key, p->key_cap);
        p->key_size = 0;
    }
    return e;
}

void ra_pkcs12_wipe(struct ra_pkcs12 *p)
{
    ra_wipe(p, sizeof *p);
}
