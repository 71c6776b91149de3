/* Keys in and out of DER, signatures and encryption, against openssl and RFC 6979. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "ra_key.h"

#define DER_MAX 2560

static const struct {
    const char *name;
    const char *text;
    enum ra_key_alg alg;
    uint32_t bits, block;
} own[] = {
    {"rsa2048", "RSA-2048", RA_KEY_RSA_2048, 2048, 256},
    {"rsa3072", "RSA-3072", RA_KEY_RSA_3072, 3072, 384},
    {"rsa4096", "RSA-4096", RA_KEY_RSA_4096, 4096, 512},
    {"p256", "EC P-256", RA_KEY_EC_P256, 256, 72},
    {"p384", "EC P-384", RA_KEY_EC_P384, 384, 104},
};
enum { OWN = sizeof own / sizeof own[0] };

static struct noise noise;
static struct ra_random random_;

static int setup(void **state)
{
    (void)state;
    noise_random(&noise, &random_, 99);
    return 0;
}

static ra_err from_der(struct ra_key *key, const char *name, const char *suffix)
{
    const struct crypto_blob *b = crypto_blob(name, suffix);

    return ra_key_from_der(key, b->p, b->size);
}

static ra_err from_spki(struct ra_key *key, const char *name, const char *suffix)
{
    const struct crypto_blob *b = crypto_blob(name, suffix);

    return ra_key_from_spki(key, b->p, b->size);
}

static void assert_empty(const struct ra_key *key)
{
    for (size_t i = 0; i < sizeof *key; i++)
        assert_int_equal(((const uint8_t *)key)[i], 0);
}

static void names_and_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < OWN; i++) {
        assert_string_equal(ra_key_alg_name(own[i].alg), own[i].text);
        assert_int_equal(ra_key_bits(own[i].alg), own[i].bits);
        assert_int_equal(ra_key_is_rsa(own[i].alg), own[i].text[0] == 'R');
    }
    assert_string_equal(ra_key_alg_name(RA_KEY_NONE), "none");
    assert_string_equal(ra_key_alg_name((enum ra_key_alg)77), "none");
    assert_int_equal(ra_key_bits(RA_KEY_NONE), 0);
    assert_int_equal(ra_key_is_rsa(RA_KEY_NONE), 0);
}

static void private_keys_go_through_unchanged(void **state)
{
    (void)state;
    for (size_t i = 0; i < OWN; i++) {
        const struct crypto_blob *der = crypto_blob(own[i].name, "der");
        const struct crypto_blob *spki = crypto_blob(own[i].name, "spki");
        struct ra_key key, other;
        uint8_t out[DER_MAX];
        size_t size;

        assert_int_equal(from_der(&key, own[i].name, "der"), RA_OK);
        assert_int_equal(key.alg, own[i].alg);
        assert_int_equal(key.bits, own[i].bits);
        assert_true(key.is_private);
        assert_int_equal(ra_key_block_size(&key), own[i].block);
        assert_int_equal(from_der(&other, own[i].name, "p8"), RA_OK);
        assert_memory_equal(&other, &key, sizeof key);

        /* openssl wrote d modulo lcm(p-1, q-1) as well */
        assert_int_equal(ra_key_to_der(&key, out, sizeof out, &size), RA_OK);
        assert_int_equal(size, der->size);
        assert_memory_equal(out, der->p, size);
        assert_true(size <= RA_KEY_DER_MAX);
        assert_int_equal(ra_key_to_der(&key, out, der->size, &size), RA_OK);
        assert_memory_equal(out, der->p, size);
        assert_int_equal(ra_key_to_der(&key, out, der->size - 1, &size), RA_E_SPACE);
        assert_int_equal(size, 0);

        assert_int_equal(ra_key_spki(&key, out, sizeof out, &size), RA_OK);
        assert_int_equal(size, spki->size);
        assert_memory_equal(out, spki->p, size);
        assert_int_equal(ra_key_spki(&key, out, spki->size - 1, &size), RA_E_SPACE);

        assert_int_equal(from_spki(&other, own[i].name, "spki"), RA_OK);
        assert_false(other.is_private);
        assert_int_equal(ra_key_same_public(&key, &other), 1);
        assert_int_equal(ra_key_spki(&other, out, sizeof out, &size), RA_OK);
        assert_memory_equal(out, spki->p, spki->size);
        assert_int_equal(ra_key_to_der(&other, out, sizeof out, &size), RA_E_KEY_PRIVATE);
        assert_int_equal(from_spki(&other, own[(i + 1) % OWN].name, "spki"), RA_OK);
        assert_int_equal(ra_key_same_public(&key, &other), 0);

        ra_key_wipe(&key);
        assert_empty(&key);
        assert_int_equal(ra_key_to_der(&key, out, sizeof out, &size), RA_E_STATE);
        assert_int_equal(ra_key_spki(&key, out, sizeof out, &size), RA_E_STATE);
        assert_int_equal(ra_key_same_public(&key, &key), 0);
        assert_int_equal(ra_key_block_size(&key), 0);
    }
}

static void the_tail_of_the_buffer_holds_no_secret(void **state)
{
    struct ra_key key;
    uint8_t out[DER_MAX];
    size_t size;

    (void)state;
    for (size_t room = 0; room < 300; room += 60) {
        const struct crypto_blob *der = crypto_blob("rsa2048", "der");

        memset(out, 0, sizeof out);
        assert_int_equal(from_der(&key, "rsa2048", "der"), RA_OK);
        assert_int_equal(ra_key_to_der(&key, out, der->size + room, &size), RA_OK);
        assert_memory_equal(out, der->p, size);
        for (size_t i = size; i < sizeof out; i++)
            assert_int_equal(out[i], 0);
    }
}

static void ec_keys_come_in_several_forms(void **state)
{
    static const char *const names[] = {"p256", "p384"};
    struct ra_key key, whole;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(from_der(&whole, names[i], "der"), RA_OK);
        assert_int_equal(from_der(&key, names[i], "nopublic"), RA_OK);
        assert_memory_equal(&key, &whole, sizeof key);
        assert_int_equal(from_der(&key, names[i], "explicit"), RA_E_KEY_ALGORITHM);
        assert_empty(&key);
        assert_int_equal(from_spki(&key, names[i], "compressed"), RA_E_KEY_ALGORITHM);
        assert_empty(&key);
    }
}

static void a_key_that_is_none(void **state)
{
    static const uint8_t version_alone[] = {0x30, 0x03, 0x02, 0x01, 0x00};
    static struct ra_random random;
    struct ra_key key;
    uint8_t out[512];
    size_t size = 7;

    (void)state;
    assert_int_equal(ra_key_from_der(&key, version_alone, sizeof version_alone), RA_E_KEY_FORMAT);
    assert_empty(&key);
    assert_int_equal(ra_key_encrypt(&key, &random, RA_PAD_PKCS1, out, 4, out, sizeof out, &size),
                     RA_E_STATE);
    assert_int_equal(size, 0);
}

static void other_keys_are_refused_by_name(void **state)
{
    static const char *const ders[] = {"rsa1024", "rsa2050", "rsa4104", "rsa3primes",
                                       "rsa2560", "rsa2056", "p521",    "k256"};
    static const char *const spkis[] = {"rsa1024", "rsa2050", "rsa4104", "p521", "k256", "ed25519"};
    struct ra_key key;

    (void)state;
    for (size_t i = 0; i < sizeof ders / sizeof ders[0]; i++) {
        assert_int_equal(from_der(&key, ders[i], "der"), RA_E_KEY_ALGORITHM);
        assert_empty(&key);
        assert_int_equal(from_der(&key, ders[i], "p8"), RA_E_KEY_ALGORITHM);
        assert_empty(&key);
    }
    assert_int_equal(from_der(&key, "ed25519", "p8"), RA_E_KEY_ALGORITHM);
    for (size_t i = 0; i < sizeof spkis / sizeof spkis[0]; i++) {
        assert_int_equal(from_spki(&key, spkis[i], "spki"), RA_E_KEY_ALGORITHM);
        assert_empty(&key);
    }
}

static void strange_exponents_are_refused(void **state)
{
    static const char *const strange[] = {"e1", "e2", "e65536", "e2to32"};
    struct ra_key key;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(from_spki(&key, "rsasum", strange[i]), RA_E_KEY_ALGORITHM);
        assert_empty(&key);
    }
    assert_int_equal(from_spki(&key, "rsasum", "e4294967295"), RA_OK);
    assert_true(key.exponent == 0xffffffffu);
}

static void cut_and_longer_input_is_refused(void **state)
{
    static uint8_t copy[DER_MAX];

    (void)state;
    for (size_t i = 0; i < OWN; i++) {
        static const char *const forms[] = {"der", "p8", "spki"};

        for (size_t f = 0; f < 3; f++) {
            const struct crypto_blob *b = crypto_blob(own[i].name, forms[f]);
            struct ra_key key;

            for (size_t size = 0; size < b->size; size++)
                assert_int_equal(f == 2 ? ra_key_from_spki(&key, b->p, size)
                                        : ra_key_from_der(&key, b->p, size),
                                 RA_E_KEY_FORMAT);
            memcpy(copy, b->p, b->size);
            copy[b->size] = 0;
            assert_int_equal(f == 2 ? ra_key_from_spki(&key, copy, b->size + 1)
                                    : ra_key_from_der(&key, copy, b->size + 1),
                             RA_E_KEY_FORMAT);
        }
    }
}

/* Every single-bit change is refused, or changes something that is not part of the key: the
 * private exponent, a version, attributes. */
static void changed_private_keys_are_refused(void **state)
{
    static uint8_t copy[DER_MAX], out[DER_MAX];
    static const char *const names[] = {"rsa2048", "p256"};

    (void)state;
    for (size_t n = 0; n < 2; n++) {
        const struct crypto_blob *b = crypto_blob(names[n], "der");
        unsigned taken = 0;

        for (size_t bit = 0; bit < b->size * 8; bit += n == 0 ? 11 : 3) {
            struct ra_key key;
            size_t size;
            ra_err e;

            memcpy(copy, b->p, b->size);
            copy[bit / 8] = (uint8_t)(copy[bit / 8] ^ (1u << (bit % 8)));
            e = ra_key_from_der(&key, copy, b->size);
            if (e == RA_OK) {
                taken++;
                assert_int_equal(ra_key_to_der(&key, out, sizeof out, &size), RA_OK);
                assert_int_equal(size, b->size);
                assert_memory_equal(out, b->p, size);
            } else {
                assert_true(e == RA_E_KEY_FORMAT || e == RA_E_KEY_ALGORITHM);
                assert_empty(&key);
            }
        }
        /* d is 256 of 1190 bytes */
        assert_true(n == 0 ? taken > 100 && taken < 250 : taken == 0);
    }
}

static void points_off_the_curve_are_refused(void **state)
{
    static const char *const names[] = {"p256", "p384"};
    uint8_t copy[200];
    struct ra_key key;

    (void)state;
    assert_int_equal(from_spki(&key, "p256", "reduced"), RA_OK);
    assert_int_equal(from_spki(&key, "p256", "unreduced"), RA_E_KEY_ALGORITHM);
    for (size_t i = 0; i < 2; i++) {
        const struct crypto_blob *b = crypto_blob(names[i], "spki");
        size_t field = i == 0 ? 32 : 48;

        for (size_t at = b->size - 2 * field; at < b->size; at += 5) {
            memcpy(copy, b->p, b->size);
            copy[at] ^= 0x10;
            assert_int_equal(ra_key_from_spki(&key, copy, b->size), RA_E_KEY_ALGORITHM);
            assert_empty(&key);
        }
        memcpy(copy, b->p, b->size); /* (0, 0) */
        memset(copy + b->size - 2 * field, 0, 2 * field);
        assert_int_equal(ra_key_from_spki(&key, copy, b->size), RA_E_KEY_ALGORITHM);
        memset(copy + b->size - 2 * field, 0xff, field); /* x >= p */
        assert_int_equal(ra_key_from_spki(&key, copy, b->size), RA_E_KEY_ALGORITHM);
        /* the right point under the wrong curve's name */
        memcpy(copy, b->p, b->size);
        copy[b->size - 2 * field] = 2;
        assert_int_not_equal(ra_key_from_spki(&key, copy, b->size), RA_OK);
    }
}

static void private_numbers_out_of_range_are_refused(void **state)
{
    const struct crypto_blob *b = crypto_blob("rfc6979", "p256.der");
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    uint8_t copy[64];
    struct ra_key key;

    (void)state;
    assert_int_equal(b->size, 51);
    memcpy(copy, b->p, b->size); /* 30 31 02 01 01 04 20 d a0 0a 06 08 oid */
    memset(copy + 7, 0, 32);
    assert_int_equal(ra_key_from_der(&key, copy, b->size), RA_E_KEY_FORMAT);
    memcpy(copy + 7, order, 32);
    assert_int_equal(ra_key_from_der(&key, copy, b->size), RA_E_KEY_FORMAT);
    copy[7 + 31]--;
    assert_int_equal(ra_key_from_der(&key, copy, b->size), RA_OK);
    copy[7 + 31] = 0xff;
    assert_int_equal(ra_key_from_der(&key, copy, b->size), RA_E_KEY_FORMAT);
}

static void verify_all_hashes(const char *name, const char *form)
{
    struct ra_key key;

    if (strcmp(form, "spki") == 0)
        assert_int_equal(from_spki(&key, name, form), RA_OK);
    else
        assert_int_equal(from_der(&key, name, form), RA_OK);
    for (int a = RA_HASH_SHA1; a <= RA_HASH_SHA512; a++) {
        enum ra_hash_alg alg = (enum ra_hash_alg)a;
        enum ra_hash_alg other = a == RA_HASH_SHA512 ? RA_HASH_SHA384 : (enum ra_hash_alg)(a + 1);
        const struct crypto_blob *sig = crypto_blob(name, crypto_hashes[a]);
        uint8_t copy[RA_SIGNATURE_MAX + 1] = {0};

        assert_int_equal(ra_key_verify(&key, alg, crypto_digest(alg), sig->p, sig->size), RA_OK);
        if (ra_key_is_rsa(key.alg))
            assert_int_equal(ra_key_verify(&key, other, crypto_digest(other), sig->p, sig->size),
                             RA_E_SIGNATURE);
        memcpy(copy, sig->p, sig->size);
        for (size_t at = 0; at < sig->size; at += 17) {
            copy[at] ^= 0x04;
            assert_int_equal(ra_key_verify(&key, alg, crypto_digest(alg), copy, sig->size),
                             RA_E_SIGNATURE);
            copy[at] ^= 0x04;
        }
        assert_int_equal(ra_key_verify(&key, alg, crypto_digest(alg), copy, sig->size + 1),
                         RA_E_SIGNATURE);
        assert_int_equal(ra_key_verify(&key, alg, crypto_digest(alg), copy, sig->size - 1),
                         RA_E_SIGNATURE);
        assert_int_equal(ra_key_verify(&key, alg, crypto_digest(alg), copy, 0), RA_E_SIGNATURE);
    }
    assert_int_equal(ra_key_verify(&key, RA_HASH_NONE, crypto_digest(RA_HASH_SHA1), NULL, 0),
                     RA_E_ARGUMENT);
}

static void openssls_signatures_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < OWN; i++)
        verify_all_hashes(own[i].name, "spki");
    verify_all_hashes("rsa2048e3", "spki");
    verify_all_hashes("rsa2048e3", "der");
    verify_all_hashes("rsa2056", "spki");
    verify_all_hashes("rsa2560", "spki");
}

static void public_keys_of_odd_sizes_name_the_next_class(void **state)
{
    struct ra_key key;

    (void)state;
    assert_int_equal(from_spki(&key, "rsa2056", "spki"), RA_OK);
    assert_int_equal(key.alg, RA_KEY_RSA_3072);
    assert_int_equal(key.bits, 2056);
    assert_int_equal(ra_key_block_size(&key), 257);
    assert_int_equal(from_spki(&key, "rsa2560", "spki"), RA_OK);
    assert_int_equal(ra_key_block_size(&key), 320);
}

static void almost_signatures_are_refused(void **state)
{
    static const uint8_t ff[256] = {0xff, 0xff};
    struct ra_key key;

    (void)state;
    assert_int_equal(from_spki(&key, "rsa2048", "spki"), RA_OK);
    for (int i = 0; i < 2; i++) {
        const struct crypto_blob *b = crypto_blob("rsa2048", i == 0 ? "sign-bare" : "sign-early");

        assert_int_equal(
            ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256), b->p, b->size),
            RA_E_SIGNATURE);
    }
    /* s + n is as good as s for the arithmetic, but no signature */
    assert_int_equal(from_spki(&key, "rsasum", "spki"), RA_OK);
    assert_int_equal(ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256),
                                   crypto_blob("rsasum", "sha256")->p, 256),
                     RA_OK);
    assert_int_equal(ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256),
                                   crypto_blob("rsasum", "sum")->p, 256),
                     RA_E_SIGNATURE);
    /* not below the modulus */
    assert_int_equal(ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256), ff, 256),
                     RA_E_SIGNATURE);
}

static void ecdsa_numbers_out_of_range_are_refused(void **state)
{
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    static const uint8_t zeros[] = {0x30, 6, 2, 1, 0, 2, 1, 0};
    static const uint8_t zero_r[] = {0x30, 6, 2, 1, 0, 2, 1, 1};
    static const uint8_t zero_s[] = {0x30, 6, 2, 1, 1, 2, 1, 0};
    static const uint8_t negative[] = {0x30, 6, 2, 1, 0x81, 2, 1, 1};
    static const uint8_t padded[] = {0x30, 7, 2, 2, 0, 1, 2, 1, 1};
    static const struct {
        const uint8_t *p;
        size_t size;
    } cases[] = {{zeros, sizeof zeros},
                 {zero_r, sizeof zero_r},
                 {zero_s, sizeof zero_s},
                 {negative, sizeof negative},
                 {padded, sizeof padded}};
    uint8_t sig[72];
    struct ra_key key;

    (void)state;
    assert_int_equal(from_spki(&key, "p256", "spki"), RA_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256),
                                       cases[i].p, cases[i].size),
                         RA_E_SIGNATURE);
    /* r = order, and s = order */
    for (int i = 0; i < 2; i++) {
        uint8_t *n = sig + (i == 0 ? 2 : 5);

        sig[0] = 0x30;
        sig[1] = 38;
        sig[i == 0 ? 37 : 2] = 2;
        sig[i == 0 ? 38 : 3] = 1;
        sig[i == 0 ? 39 : 4] = 1;
        n[0] = 2;
        n[1] = 33;
        n[2] = 0;
        memcpy(n + 3, order, 32);
        assert_int_equal(
            ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256), sig, 40),
            RA_E_SIGNATURE);
    }
}

static void rsa_signatures_are_openssls(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ra_key key;

        assert_int_equal(from_der(&key, own[i].name, "der"), RA_OK);
        for (int a = RA_HASH_SHA1; a <= RA_HASH_SHA512; a++) {
            const struct crypto_blob *want = crypto_blob(own[i].name, crypto_hashes[a]);
            uint8_t out[RA_SIGNATURE_MAX];
            size_t size;

            if (i > 0 && a != RA_HASH_SHA256)
                continue;
            assert_int_equal(ra_key_sign(&key, &random_, (enum ra_hash_alg)a,
                                         crypto_digest((enum ra_hash_alg)a), out, sizeof out,
                                         &size),
                             RA_OK);
            assert_int_equal(size, want->size);
            assert_memory_equal(out, want->p, size);
        }
    }
}

static void ecdsa_signatures_are_rfc_6979s(void **state)
{
    static const char *const names[2][4] = {
        {"p256.sha1", "p256.sha256", "p256.sha384", "p256.sha512"},
        {"p384.sha1", "p384.sha256", "p384.sha384", "p384.sha512"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ra_key key;

        assert_int_equal(from_der(&key, "rfc6979", i == 0 ? "p256.der" : "p384.der"), RA_OK);
        for (size_t a = 0; a < 4; a++) {
            const struct crypto_blob *want = crypto_blob("rfc6979", names[i][a]);
            enum ra_hash_alg alg = (enum ra_hash_alg)(a + 1);
            uint8_t out[RA_SIGNATURE_MAX];
            size_t size;

            assert_int_equal(
                ra_key_sign(&key, NULL, alg, crypto_digest(alg), out, sizeof out, &size), RA_OK);
            assert_int_equal(size, want->size);
            assert_memory_equal(out, want->p, size);
            assert_int_equal(ra_key_verify(&key, alg, crypto_digest(alg), out, size), RA_OK);
        }
    }
}

static void a_digest_above_the_order_is_reduced(void **state)
{
    const struct crypto_blob *want = crypto_blob("rfc6979", "p256.high");
    uint8_t digest[32], out[RA_SIGNATURE_MAX];
    struct ra_key key;
    size_t size;

    (void)state;
    memset(digest, 0xff, sizeof digest);
    assert_int_equal(from_der(&key, "rfc6979", "p256.der"), RA_OK);
    assert_int_equal(ra_key_sign(&key, NULL, RA_HASH_SHA256, digest, out, sizeof out, &size),
                     RA_OK);
    assert_int_equal(size, want->size);
    assert_memory_equal(out, want->p, size);
}

/* A good signature with one zero octet too many in r. */
static void ecdsa_numbers_are_in_shortest_form(void **state)
{
    const struct crypto_blob *b = crypto_blob("p256", "sha256");
    uint8_t copy[80];
    struct ra_key key;

    (void)state;
    assert_int_equal(from_spki(&key, "p256", "spki"), RA_OK);
    memcpy(copy, b->p, 4);
    copy[1]++;
    copy[3]++;
    copy[4] = 0;
    memcpy(copy + 5, b->p + 4, b->size - 4);
    assert_int_equal(
        ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256), b->p, b->size), RA_OK);
    assert_int_equal(
        ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256), copy, b->size + 1),
        RA_E_SIGNATURE);
}

static void signing_needs_all_it_needs(void **state)
{
    const uint8_t *digest = crypto_digest(RA_HASH_SHA256);
    struct ra_key key, public_key;
    struct ra_random unseeded;
    struct noise n;
    uint8_t out[RA_SIGNATURE_MAX];
    size_t size = 5;

    (void)state;
    noise_init(&n);
    assert_int_equal(ra_random_init(&unseeded, &n.hal), RA_OK);
    assert_int_equal(from_der(&key, "rsa2048", "der"), RA_OK);
    assert_int_equal(from_spki(&public_key, "rsa2048", "spki"), RA_OK);
    assert_int_equal(
        ra_key_sign(&public_key, &random_, RA_HASH_SHA256, digest, out, sizeof out, &size),
        RA_E_KEY_PRIVATE);
    assert_int_equal(size, 0);
    assert_int_equal(ra_key_sign(&key, &random_, RA_HASH_SHA256, digest, out, 255, &size),
                     RA_E_SPACE);
    assert_int_equal(ra_key_sign(&key, &random_, RA_HASH_NONE, digest, out, sizeof out, &size),
                     RA_E_ARGUMENT);
    assert_int_equal(ra_key_sign(&key, &unseeded, RA_HASH_SHA256, digest, out, sizeof out, &size),
                     RA_E_RANDOM_STATE);
    assert_int_equal(ra_key_sign(&key, NULL, RA_HASH_SHA256, digest, out, sizeof out, &size),
                     RA_E_RANDOM_STATE);
    ra_key_wipe(&key);
    assert_int_equal(ra_key_sign(&key, &random_, RA_HASH_SHA256, digest, out, sizeof out, &size),
                     RA_E_STATE);
    assert_int_equal(ra_key_verify(&key, RA_HASH_SHA256, digest, out, 256), RA_E_STATE);
}

/* A fault in one half of the CRT must not leave the device: it would factor n. A damaged n may have
 * a small factor, and what blinds may have it too. */
static void a_damaged_key_gives_no_signature(void **state)
{
    const size_t n_words = 1 + RA_RSA_BITS_MAX / 64, half_words = 1 + RA_RSA_BITS_MAX / 128;
    uint8_t out[RA_SIGNATURE_MAX];
    size_t size;
    struct ra_key key;

    (void)state;
    assert_int_equal(from_der(&key, "rsa2048", "der"), RA_OK);
    for (unsigned i = 0; i < 7; i++) {
        /* in dP, dQ, qInv, behind n and p and q; then other bits, in n */
        size_t part = i < 3 ? n_words + (i + 2) * half_words : 0;
        uint64_t bit = (uint64_t)0x100 << i;

        key.opaque_[part + 4] ^= bit;
        memset(out, 1, sizeof out);
        assert_int_equal(ra_key_sign(&key, &random_, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256),
                                     out, sizeof out, &size),
                         RA_E_CRYPTO_INTERNAL);
        assert_int_equal(size, 0);
        for (size_t k = 0; k < 256; k++)
            assert_int_equal(out[k], 0);
        key.opaque_[part + 4] ^= bit;
    }
    assert_int_equal(ra_key_sign(&key, &random_, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256), out,
                                 sizeof out, &size),
                     RA_OK);
}

static const char *const paddings[] = {"pkcs1", "oaep1", "oaep256"};

static void openssls_ciphertexts_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ra_key key;

        assert_int_equal(from_der(&key, own[i].name, "der"), RA_OK);
        for (size_t p = 0; p < 3; p++) {
            const struct crypto_blob *c = crypto_blob(own[i].name, paddings[p]);
            uint8_t out[RA_SIGNATURE_MAX];
            size_t size;

            if (i > 0 && p > 0)
                continue;
            assert_int_equal(ra_key_decrypt(&key, &random_, (enum ra_padding)p, c->p, c->size, out,
                                            sizeof out, &size),
                             RA_OK);
            assert_int_equal(size, 22);
            assert_memory_equal(out, "content encryption key", 22);
            /* under another padding it is nothing */
            assert_int_equal(ra_key_decrypt(&key, &random_, (enum ra_padding)((p + 1) % 3), c->p,
                                            c->size, out, sizeof out, &size),
                             RA_E_DECRYPT);
            assert_int_equal(size, 0);
        }
    }
}

static void bad_padding_looks_all_alike(void **state)
{
    static const char *const bad[] = {"type1", "noend", "short"};
    static const uint8_t ff[256] = {0xff, 0xff};
    uint8_t out[RA_SIGNATURE_MAX];
    struct ra_key key;
    size_t size;

    (void)state;
    assert_int_equal(from_der(&key, "rsa2048", "der"), RA_OK);
    for (size_t i = 0; i < 3; i++) {
        const struct crypto_blob *c = crypto_blob("rsa2048", bad[i]);

        assert_int_equal(
            ra_key_decrypt(&key, &random_, RA_PAD_PKCS1, c->p, c->size, out, sizeof out, &size),
            RA_E_DECRYPT);
    }
    assert_int_equal(ra_key_decrypt(&key, &random_, RA_PAD_PKCS1, ff, 256, out, sizeof out, &size),
                     RA_E_DECRYPT);
    assert_int_equal(ra_key_decrypt(&key, &random_, RA_PAD_PKCS1, ff, 255, out, sizeof out, &size),
                     RA_E_DECRYPT);
}

static void what_we_encrypt_we_decrypt(void **state)
{
    static const size_t overhead[] = {11, 42, 66};
    struct ra_key key, public_key, ec;
    uint8_t in[256], sealed[256], out[256];
    size_t size, opened;

    (void)state;
    crypto_pattern(in, sizeof in);
    assert_int_equal(from_der(&key, "rsa2048", "der"), RA_OK);
    assert_int_equal(from_spki(&public_key, "rsa2048", "spki"), RA_OK);
    for (size_t p = 0; p < 3; p++) {
        enum ra_padding pad = (enum ra_padding)p;
        size_t longest = 256 - overhead[p];
        static const size_t step[] = {1, 32};

        for (size_t i = 0; i < 3; i++) {
            size_t n = i < 2 ? step[i] : longest;

            assert_int_equal(
                ra_key_encrypt(&public_key, &random_, pad, in, n, sealed, sizeof sealed, &size),
                RA_OK);
            assert_int_equal(size, 256);
            assert_int_equal(
                ra_key_decrypt(&key, &random_, pad, sealed, size, out, sizeof out, &opened), RA_OK);
            assert_int_equal(opened, n);
            assert_memory_equal(out, in, n);
        }
        assert_int_equal(ra_key_encrypt(&public_key, &random_, pad, in, longest + 1, sealed,
                                        sizeof sealed, &size),
                         RA_E_LIMIT);
        assert_int_equal(
            ra_key_encrypt(&public_key, &random_, pad, in, 0, sealed, sizeof sealed, &size),
            RA_E_ARGUMENT);
        assert_int_equal(ra_key_encrypt(&public_key, &random_, pad, in, 5, sealed, 255, &size),
                         RA_E_SPACE);
        assert_int_equal(ra_key_encrypt(&public_key, NULL, pad, in, 5, sealed, 256, &size),
                         RA_E_RANDOM_STATE);
        assert_int_equal(ra_key_decrypt(&key, &random_, pad, sealed, 256, out, 255, &size),
                         RA_E_SPACE);
        assert_int_equal(ra_key_decrypt(&public_key, &random_, pad, sealed, 256, out, 256, &size),
                         RA_E_KEY_PRIVATE);
    }
    assert_int_equal(ra_key_encrypt(&key, &random_, (enum ra_padding)9, in, 5, sealed, 256, &size),
                     RA_E_ARGUMENT);
    assert_int_equal(from_der(&ec, "p256", "der"), RA_OK);
    assert_int_equal(ra_key_encrypt(&ec, &random_, RA_PAD_PKCS1, in, 5, sealed, 256, &size),
                     RA_E_ENCRYPTION_EC);
    assert_int_equal(ra_key_decrypt(&ec, &random_, RA_PAD_PKCS1, in, 5, sealed, 256, &size),
                     RA_E_ENCRYPTION_EC);
}

static void nothing_was_allocated(void **state)
{
    (void)state;
    assert_int_equal(crypto_alloc_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_sizes),
        cmocka_unit_test(private_keys_go_through_unchanged),
        cmocka_unit_test(the_tail_of_the_buffer_holds_no_secret),
        cmocka_unit_test(ec_keys_come_in_several_forms),
        cmocka_unit_test(a_key_that_is_none),
        cmocka_unit_test(other_keys_are_refused_by_name),
        cmocka_unit_test(strange_exponents_are_refused),
        cmocka_unit_test(cut_and_longer_input_is_refused),
        cmocka_unit_test(changed_private_keys_are_refused),
        cmocka_unit_test(points_off_the_curve_are_refused),
        cmocka_unit_test(private_numbers_out_of_range_are_refused),
        cmocka_unit_test(openssls_signatures_verify),
        cmocka_unit_test(public_keys_of_odd_sizes_name_the_next_class),
        cmocka_unit_test(almost_signatures_are_refused),
        cmocka_unit_test(ecdsa_numbers_out_of_range_are_refused),
        cmocka_unit_test(rsa_signatures_are_openssls),
        cmocka_unit_test(ecdsa_signatures_are_rfc_6979s),
        cmocka_unit_test(a_digest_above_the_order_is_reduced),
        cmocka_unit_test(ecdsa_numbers_are_in_shortest_form),
        cmocka_unit_test(signing_needs_all_it_needs),
        cmocka_unit_test(a_damaged_key_gives_no_signature),
        cmocka_unit_test(openssls_ciphertexts_open),
        cmocka_unit_test(bad_padding_looks_all_alike),
        cmocka_unit_test(what_we_encrypt_we_decrypt),
        cmocka_unit_test(nothing_was_allocated),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
