/* Keys under passphrases: what openssl made is opened, derived keys are openssl's, and whatever is
 * cut, bent or under another passphrase is refused with its cause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "pkcs12_vectors.h"
#include "ra_key.h"
#include "ra_pem.h"
#include "ra_pkcs12.h"

/* What is behind a MAC is looked at all the same: whoever knows the passphrase could have written it. */
static bool forgiving;
FAULT_OWN(int, ra_equal_ct, (const void *a, const void *b, size_t size))
int __wrap_ra_equal_ct(const void *a, const void *b, size_t size)
{
    return forgiving || __real_ra_equal_ct(a, b, size);
}

/* clang-format off: CMake reads these lines */
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_hash,
      (enum ra_hash_alg a, const uint8_t *p, size_t n, uint8_t *out), (a, p, n, out))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_hash_start, (struct ra_hash_state * s, enum ra_hash_alg a),
      (s, a))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_hash_add,
      (struct ra_hash_state * s, const uint8_t *p, size_t n), (s, p, n))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_hash_end, (struct ra_hash_state * s, uint8_t *out), (s, out))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_cipher_decrypt,
      (enum ra_cipher c, const uint8_t *k, const uint8_t *iv, uint8_t *p, size_t n),
      (c, k, iv, p, n))
/* clang-format on */

static struct ra_pkcs12 p12;
static uint8_t buf[8192];
static uint8_t key[RA_PKCS12_KEY_MAX];

static const struct pkcs12_file *file(const char *name)
{
    const struct pkcs12_file *f = pkcs12_files;
    while (f->name != NULL && strcmp(f->name, name) != 0) {
        f++;
    }
    assert_non_null(f->name);
    return f;
}

static ra_err open_bytes(size_t size, const char *password)
{
    unsigned steps = 0;
    ra_err e;
    memset(key, 0x5a, sizeof key);
    ra_pkcs12_init(&p12, buf, size, sizeof buf, password, key, sizeof key);
    while ((e = ra_pkcs12_step(&p12)) == RA_AGAIN) {
        assert_true(++steps < 2000);
    }
    if (e != RA_OK) {
        for (size_t i = 0; i < sizeof key; i++) {
            assert_int_equal(key[i], 0);
        }
    }
    return e;
}

static ra_err open_file(const char *name, const char *password)
{
    const struct pkcs12_file *f = file(name);
    memcpy(buf, f->p, f->size);
    return open_bytes(f->size, password);
}

static void holds(const char *who, size_t certs)
{
    char name[16];
    uint8_t spki[RA_SPKI_MAX];
    size_t size = 0;
    struct ra_key k;
    assert_int_equal(ra_key_from_der(&k, key, p12.key_size), RA_OK);
    assert_int_equal(ra_key_spki(&k, spki, sizeof spki, &size), RA_OK);
    (void)snprintf(name, sizeof name, "%s.spki", who);
    const struct pkcs12_file *f = file(name);
    assert_int_equal(size, f->size);
    assert_memory_equal(spki, f->p, size);
    assert_int_equal(p12.cert_count, certs);
    (void)snprintf(name, sizeof name, "%s.cert", who);
    f = file(name);
    assert_int_equal(p12.certs[0].size, f->size);
    assert_memory_equal(p12.certs[0].p, f->p, f->size);
    f = file("ca.cert");
    assert_int_equal(p12.certs[1].size, f->size);
    assert_memory_equal(p12.certs[1].p, f->p, f->size);
}

static void derived_keys(void **state)
{
    (void)state;
    for (const struct pkcs12_derived *d = pkcs12_derived; d->out != NULL; d++) {
        static struct ra_pbkdf k;
        const uint8_t *salt = (const uint8_t *)PKCS12_SALT;
        ra_err e =
            d->use == 0
                ? ra_pbkdf_start(&k, d->alg, PKCS12_PASSWORD, strlen(PKCS12_PASSWORD), salt, 13,
                                 d->iterations, d->size)
                : ra_pbkdf_pkcs12_start(&k, d->alg, (enum ra_pkcs12_use)d->use, PKCS12_PASSWORD,
                                        strlen(PKCS12_PASSWORD), salt, 13, d->iterations, d->size);
        while (e == RA_OK && (e = ra_pbkdf_step(&k, 64)) == RA_AGAIN) {
            e = RA_OK;
        }
        assert_int_equal(e, RA_OK);
        assert_memory_equal(k.out, d->out, d->size);
        ra_pbkdf_wipe(&k);
        assert_int_equal(k.out[0] | k.iterations, 0);
    }
}

static void limits_of_derivation(void **state)
{
    (void)state;
    static struct ra_pbkdf k;
    static const uint8_t salt[65];
    char word[66];
    memset(word, 'x', 65);
    word[65] = '\0';
    assert_int_equal(
        ra_pbkdf_pkcs12_start(&k, RA_HASH_SHA1, RA_PKCS12_KEY, word, 65, salt, 8, 1, 20),
        RA_E_LIMIT);
    assert_int_equal(ra_pbkdf_start(&k, RA_HASH_SHA256, "x", 1, salt, 65, 1, 32), RA_E_LIMIT);
    assert_int_equal(ra_pbkdf_start(&k, RA_HASH_SHA256, "x", 1, salt, 8, 1, 65), RA_E_LIMIT);
    assert_int_equal(ra_pbkdf_start(&k, RA_HASH_SHA256, "x", 1, salt, 8, 1000001, 32), RA_E_LIMIT);
    assert_int_equal(ra_pbkdf_start(&k, RA_HASH_SHA256, "x", 1, salt, 8, 0, 32), RA_E_ARGUMENT);
    assert_int_equal(ra_pbkdf_start(&k, RA_HASH_NONE, "x", 1, salt, 8, 1, 32), RA_E_ARGUMENT);
    /* The longest of each at once, and none. */
    word[64] = '\0';
    assert_int_equal(ra_pbkdf_pkcs12_start(&k, RA_HASH_SHA512, RA_PKCS12_KEY, word, strlen(word),
                                           salt, 64, 1, 64),
                     RA_OK);
    assert_int_equal(ra_pbkdf_step(&k, 64), RA_OK);
    assert_int_equal(ra_pbkdf_pkcs12_start(&k, RA_HASH_SHA1, RA_PKCS12_KEY, "", 0, salt, 0, 1, 20),
                     RA_OK);
    assert_int_equal(ra_pbkdf_step(&k, 64), RA_OK);
    /* HMAC with a key longer than a block: RFC 4231 test case 6. */
    uint8_t long_key[131], out[RA_HASH_SIZE_MAX];
    memset(long_key, 0xaa, sizeof long_key);
    static const char text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    assert_int_equal(ra_hmac(RA_HASH_SHA256, long_key, sizeof long_key, (const uint8_t *)text,
                             sizeof text - 1, out),
                     RA_OK);
    assert_memory_equal(out, "\x60\xe4\x31\x59\x1e\xe0\xb6\x7f\x0d\x8a\x26\xaa\xcb\xf5\xb7\x7f",
                        16);
}

static void what_others_wrote(void **state)
{
    (void)state;
    static const struct {
        const char *name, *who;
    } files[] = {{"modern.p12", "rsa"}, {"aes128.p12", "ec"}, {"old.p12", "rsa"},
                 {"sha384.p12", "ec"},  {"ber.p12", "ec"},    {"nss.p12", "ec"},
                 {"sha256.pem", "ec"},  {"sha1.pem", "ec"},   {"sha384.pem", "ec"},
                 {"sha512.pem", "ec"}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        ra_err e = open_file(files[i].name, PKCS12_PASSWORD);
        if (e != RA_OK) {
            print_error("%s: %s\n", files[i].name, ra_error_text(e));
        }
        assert_int_equal(e, RA_OK);
        holds(files[i].who, 2);
        e = open_file(files[i].name, "correct horse-8");
        assert_int_equal(e, RA_E_PASSPHRASE);
    }
    /* As text: base64 alone, and in armour. */
    const struct pkcs12_file *f = file("aes128.p12");
    size_t size = ra_base64_read((struct ra_span){f->p, f->size}, 64, 0, (char *)buf, sizeof buf);
    assert_int_equal(open_bytes(size, PKCS12_PASSWORD), RA_OK);
    holds("ec", 2);
    size = ra_pem_read((struct ra_span){f->p, f->size}, "PKCS12", 0, (char *)buf, sizeof buf);
    assert_int_equal(open_bytes(size, PKCS12_PASSWORD), RA_OK);
    holds("ec", 2);
    ra_pkcs12_wipe(&p12);
    assert_null(p12.password);
}

/* The old name of a certificate's block is one too; other blocks say nothing. */
static void other_blocks_in_pem(void **state)
{
    (void)state;
    static const struct {
        const char *label, *name;
    } blocks[] = {{"CRL", "ec.spki"},
                  {"X509 CERTIFICATE", "ec.cert"},
                  {"EC PARAMETERS", "ec.spki"},
                  {"CERTIFICATE", "ca.cert"}};
    static const char key_begins[] = "-----BEGIN ENCRYPTED";
    size_t size = 0, at = 0;
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        const struct pkcs12_file *f = file(blocks[i].name);
        size += ra_pem_read((struct ra_span){f->p, f->size}, blocks[i].label, 0, (char *)buf + size,
                            sizeof buf - size);
    }
    const struct pkcs12_file *f = file("sha1.pem");
    while (memcmp(f->p + at, key_begins, sizeof key_begins - 1) != 0) {
        assert_true(++at < f->size - sizeof key_begins);
    }
    memcpy(buf + size, f->p + at, f->size - at);
    assert_int_equal(open_bytes(size + f->size - at, PKCS12_PASSWORD), RA_OK);
    holds("ec", 2);
}

static void what_is_not_taken(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        ra_err cause;
    } files[] = {{"bare.p12", RA_E_KEY_BARE},        {"bare.pem", RA_E_KEY_BARE},
                 {"aes192.p12", RA_E_CMS_ALGORITHM}, {"scrypt.pem", RA_E_CMS_ALGORITHM},
                 {"md5.pem", RA_E_CMS_ALGORITHM},    {"sha224.pem", RA_E_CMS_ALGORITHM},
                 {"nomac.p12", RA_E_PKCS12_SYNTAX},  {"nokey.p12", RA_E_NO_KEY},
                 {"ca.cert", RA_E_PKCS12_SYNTAX}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        ra_err e = open_file(files[i].name, PKCS12_PASSWORD);
        if (e != files[i].cause) {
            print_error("%s: %s\n", files[i].name, ra_error_text(e));
        }
        assert_int_equal(e, files[i].cause);
    }
    /* Two keys, too many certificates, no room for the key. */
    const struct pkcs12_file *f = file("sha1.pem");
    memcpy(buf, f->p, f->size);
    memcpy(buf + f->size, f->p, f->size);
    assert_int_equal(open_bytes(2 * f->size, PKCS12_PASSWORD), RA_E_NO_KEY);
    size_t size = 0;
    f = file("ca.cert");
    for (unsigned i = 0; i <= RA_CHAIN_CERTS_MAX; i++) {
        size += ra_pem_read((struct ra_span){f->p, f->size}, "CERTIFICATE", 0, (char *)buf + size,
                            sizeof buf - size);
    }
    assert_int_equal(open_bytes(size, PKCS12_PASSWORD), RA_E_CMS_TOO_MANY);
    f = file("modern.p12");
    memcpy(buf, f->p, f->size);
    ra_pkcs12_init(&p12, buf, f->size, sizeof buf, PKCS12_PASSWORD, key, 100);
    ra_err e;
    while ((e = ra_pkcs12_step(&p12)) == RA_AGAIN) {
    }
    assert_int_equal(e, RA_E_LIMIT);
    assert_int_equal(open_bytes(0, PKCS12_PASSWORD), RA_E_PEM);
}

/* One byte of it is another, or it ends early: never opened as something else. The structure around
 * what the MAC covers is not covered itself, and may say the same in another way. */
static void bent_and_cut(void **state)
{
    (void)state;
    const char *const names[] = {"aes128.p12", "ber.p12", "sha256.pem"};
#if defined(__arm__) || defined(__powerpc__)
    const size_t step = 41;
#else
    const size_t step = 3;
#endif
    for (unsigned n = 0; n < 3; n++) {
        const struct pkcs12_file *f = file(names[n]);
        for (size_t at = n; at < f->size; at += step) {
            memcpy(buf, f->p, f->size);
            buf[at] ^= (uint8_t)(1u << (at % 8));
            if (open_bytes(f->size, PKCS12_PASSWORD) == RA_OK && n < 2) {
                struct ra_key k;
                assert_int_equal(ra_key_from_der(&k, key, p12.key_size), RA_OK);
            }
            memcpy(buf, f->p, f->size);
            if (n < 2) { /* PEM may end behind the key */
                assert_int_not_equal(open_bytes(at, PKCS12_PASSWORD), RA_OK);
            }
        }
    }
}

/* openssl's key under a passphrase (AES-128-CBC, HMAC-SHA-512), its parameters written again with
 * something else in one place. */
enum {
    AS_IT_WAS,
    WITH_KEY_LENGTH,
    SHORT_IV,
    NO_SALT,
    CUT_CIPHERTEXT,
    NO_CIPHERTEXT,
    OLD_WITHOUT_COUNT
};

static ra_err rewritten(int how)
{
    static uint8_t der[1024], out[1024];
    const struct pkcs12_file *f = file("sha512.pem");
    struct ra_span rest = {f->p, f->size}, label = {NULL, 0}, body = {NULL, 0};
    size_t size = 0;
    while (ra_pem_next(&rest, &label, &body) == RA_OK && label.size != 21) { /* ENCRYPTED ... */
    }
    assert_int_equal(ra_base64_decode(body.p, body.size, der, sizeof der, &size), RA_OK);
    struct ra_der d;
    ra_der_init(&d, (struct ra_span){der, size});
    (void)ra_der_enter(&d, RA_DER_SEQUENCE);
    const uint8_t *algorithm = ra_der_enter(&d, RA_DER_SEQUENCE);
    struct ra_span scheme = ra_der_whole(&d, RA_DER_OID);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    const uint8_t *kdf = ra_der_enter(&d, RA_DER_SEQUENCE);
    struct ra_span pbkdf2_oid = ra_der_whole(&d, RA_DER_OID);
    const uint8_t *inner = ra_der_enter(&d, RA_DER_SEQUENCE);
    struct ra_span salt = ra_der_whole(&d, RA_DER_OCTETS), count = ra_der_whole(&d, RA_DER_INTEGER);
    struct ra_span prf = ra_der_whole(&d, RA_DER_SEQUENCE);
    ra_der_leave(&d, inner);
    ra_der_leave(&d, kdf);
    const uint8_t *cipher = ra_der_enter(&d, RA_DER_SEQUENCE);
    struct ra_span cipher_oid = ra_der_whole(&d, RA_DER_OID), iv = ra_der_read(&d, RA_DER_OCTETS);
    ra_der_leave(&d, cipher);
    ra_der_leave(&d, outer);
    ra_der_leave(&d, algorithm);
    struct ra_span sealed = ra_der_read(&d, RA_DER_OCTETS);
    assert_int_equal(d.err, RA_OK);

    static const uint8_t pbe_sha1_3des[] = {6, 10, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1, 3};
    struct ra_der_put w;
    ra_der_put_init(&w, out, sizeof out);
    ra_der_put_value(&w, RA_DER_OCTETS, sealed.p,
                     sealed.size - (how == CUT_CIPHERTEXT  ? 1
                                    : how == NO_CIPHERTEXT ? sealed.size
                                                           : 0));
    size_t all = ra_der_put_size(&w);
    if (how == OLD_WITHOUT_COUNT) {
        ra_der_put_raw(&w, salt);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, all);
        ra_der_put_bytes(&w, pbe_sha1_3des, sizeof pbe_sha1_3des);
    } else {
        ra_der_put_value(&w, RA_DER_OCTETS, iv.p, iv.size - (how == SHORT_IV ? 1 : 0));
        ra_der_put_raw(&w, cipher_oid);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, all);
        size_t mark = ra_der_put_size(&w);
        ra_der_put_raw(&w, prf);
        if (how == WITH_KEY_LENGTH) {
            ra_der_put_u32(&w, 16);
        }
        ra_der_put_raw(&w, count);
        if (how != NO_SALT) {
            ra_der_put_raw(&w, salt);
        }
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, mark);
        ra_der_put_raw(&w, pbkdf2_oid);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, mark);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, all);
        ra_der_put_raw(&w, scheme);
    }
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, all);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    assert_int_equal(w.err, RA_OK);
    size = ra_pem_read(ra_der_put_span(&w), "ENCRYPTED PRIVATE KEY", 0, (char *)buf, sizeof buf);
    f = file("ec.cert");
    size += ra_pem_read((struct ra_span){f->p, f->size}, "CERTIFICATE", 0, (char *)buf + size,
                        sizeof buf - size);
    return open_bytes(size, PKCS12_PASSWORD);
}

static void parameters_written_otherwise(void **state)
{
    (void)state;
    assert_int_equal(rewritten(AS_IT_WAS), RA_OK);
    assert_int_equal(rewritten(WITH_KEY_LENGTH), RA_OK);
    assert_int_equal(rewritten(SHORT_IV), RA_E_PKCS12_SYNTAX);
    assert_int_equal(rewritten(NO_SALT), RA_E_PKCS12_SYNTAX);
    assert_int_equal(rewritten(CUT_CIPHERTEXT), RA_E_PKCS12_SYNTAX);
    assert_int_equal(rewritten(NO_CIPHERTEXT), RA_E_PKCS12_SYNTAX);
    assert_int_equal(rewritten(OLD_WITHOUT_COUNT), RA_E_PKCS12_SYNTAX);
}

#ifdef __linux__
#define EVERY 1u
#else
#define EVERY 17u /* an emulated machine is slow */
#endif

/* Each byte changed in turn: an error, or a key that is one. */
static void bent_behind_the_mac(void **state)
{
    (void)state;
    static const char *const names[] = {"aes128.p12", "sha384.p12", "ber.p12", "nss.p12",
                                        "sha1.pem"};
    static const uint8_t masks[] = {0x01, 0x20, 0x80};
    forgiving = true;
    for (size_t n = 0; n < 5; n++) {
        const struct pkcs12_file *f = file(names[n]);
        unsigned refused = 0;
        for (size_t i = 0; i < f->size; i += EVERY) {
            for (size_t m = 0; m < sizeof masks; m++) {
                struct ra_key k;
                memcpy(buf, f->p, f->size);
                buf[i] ^= masks[m];
                ra_err e = open_bytes(f->size, PKCS12_PASSWORD);
                refused += e != RA_OK;
                assert_true(e != RA_OK ||
                            (p12.key_size > 0 && p12.cert_count <= RA_CHAIN_CERTS_MAX));
                (void)ra_key_from_der(&k, key, p12.key_size);
                ra_pkcs12_wipe(&p12);
            }
        }
        assert_true(refused > f->size / EVERY / 4);
    }
    forgiving = false;
}

/* Each length of each, too. */
static void cut_short_behind_the_mac(void **state)
{
    (void)state;
    static const char *const names[] = {"sha384.p12", "ber.p12", "nss.p12", "sha512.pem"};
    forgiving = true;
    for (size_t n = 0; n < 4; n++) {
        const struct pkcs12_file *f = file(names[n]);
        size_t least = strcmp(names[n], "sha512.pem") == 0 ? f->size - 1 : f->size;
        for (size_t size = 0; size < least; size += EVERY) {
            memcpy(buf, f->p, size);
            assert_int_not_equal(open_bytes(size, PKCS12_PASSWORD), RA_OK);
        }
    }
    forgiving = false;
}

/* Ciphertext comes in OCTET STRINGs or as one [RFC 5652 6.1, 8]: nothing else is joined to it. */
static void a_piece_that_is_another_type(void **state)
{
    (void)state;
    static const uint8_t first[] = {0xa0, 0x80, 0x04, 0x81, 192}; /* of make_pkcs12.py, as_nss */
    const struct pkcs12_file *f = file("nss.p12");
    memcpy(buf, f->p, f->size);
    size_t at = 0;
    while (memcmp(buf + at, first, sizeof first) != 0) {
        assert_true(++at < f->size - sizeof first);
    }
    buf[at + sizeof first + 192] = 0x0c; /* a UTF8String follows it */
    forgiving = true;
    assert_int_equal(open_bytes(f->size, PKCS12_PASSWORD), RA_E_PKCS12_SYNTAX);
    forgiving = false;
}

/* Each call of a hash or a cipher fails once: its error comes out and no key, then it opens. */
static void a_library_that_fails(void **state)
{
    (void)state;
    static const char *const names[] = {"old.p12", "aes128.p12"};
    static const uint8_t long_key[129];
    for (size_t n = 0; n < 2; n++) {
        unsigned before;
        fault_forget();
        do {
            uint8_t digest[RA_HASH_SIZE_MAX];
            before = fault_fired;
            fault_armed = true;
            ra_err e = ra_hmac(RA_HASH_SHA512, long_key, sizeof long_key, digest, 0, digest);
            e = e == RA_OK ? open_file(names[n], PKCS12_PASSWORD) : e;
            fault_armed = false;
            assert_int_equal(e, fault_fired == before ? RA_OK : RA_E_CRYPTO_INTERNAL);
        } while (fault_fired != before);
        assert_true(fault_fired > 10);
        holds(n == 0 ? "rsa" : "ec", 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derived_keys),
        cmocka_unit_test(limits_of_derivation),
        cmocka_unit_test(what_others_wrote),
        cmocka_unit_test(other_blocks_in_pem),
        cmocka_unit_test(what_is_not_taken),
        cmocka_unit_test(bent_and_cut),
        cmocka_unit_test(bent_behind_the_mac),
        cmocka_unit_test(parameters_written_otherwise),
        cmocka_unit_test(cut_short_behind_the_mac),
        cmocka_unit_test(a_piece_that_is_another_type),
        cmocka_unit_test(a_library_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
