/* Whole structures with one thing wrong in them: each element of keys, certificates, requests and
 * messages left out, doubled, emptied, cut, of another tag, with something after it or in it. All
 * lengths around it are right again, so that only the check of that very element can see it. What
 * is taken all the same must mean what the original meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "pki_vectors.h"
#include "ra_cms.h"
#include "ra_csr.h"
#include "ra_envelope.h"
#include "scep_vectors.h"

enum change {
    LEAVE_OUT,
    NULL_AFTER,
    NULL_INSIDE,
    OTHER_TAG,
    EMPTY,
    CUT,
    ONE_BYTE,
    TWICE,
    ZERO_FIRST,
    FLIP,
    CHANGES
};

#define ROOM 8192u
#define DEPTH 16

static uint8_t mutant[ROOM], work[ROOM];
static size_t mutant_size;

struct element {
    uint8_t tag;
    const uint8_t *p; /* contents */
    size_t size;
};

/* Definite lengths only: the originals are DER. False at the end or where it is none. */
static bool next_element(const uint8_t **p, const uint8_t *end, struct element *e)
{
    size_t left = (size_t)(end - *p), head = 2, size;
    if (left < 2 || ((*p)[0] & 0x1f) == 0x1f) {
        return false;
    }
    size = (*p)[1];
    if (size >= 0x80) {
        size_t n = size & 0x7f;
        if (n == 0 || n > 2 || left < 2 + n) {
            return false;
        }
        size = n == 1 ? (*p)[2] : (size_t)(*p)[2] << 8 | (*p)[3];
        head += n;
    }
    if (size > left - head) {
        return false;
    }
    *e = (struct element){(*p)[0], *p + head, size};
    *p += head + size;
    return true;
}

static bool all_elements(const uint8_t *p, const uint8_t *end)
{
    struct element e;
    unsigned n = 0;
    while (p != end) {
        if (!next_element(&p, end, &e)) {
            return false;
        }
        n++;
    }
    return n > 0;
}

/* Bytes of the contents before the elements in it, -1: there are none. */
static int inside(const struct element *e)
{
    bool bits = e->tag == 3 && e->size > 4 && e->p[0] == 0 && e->p[1] == 0x30;
    bool octets = e->tag == 4 && e->size > 3 && (e->p[0] == 0x30 || e->p[0] == 4);
    if ((e->tag & 0x20) == 0 && !bits && !octets) {
        return -1;
    }
    return all_elements(e->p + bits, e->p + e->size) ? bits : -1;
}

static size_t put_head(uint8_t *to, uint8_t tag, size_t size)
{
    size_t n = 0;
    to[n++] = tag;
    if (size >= 0x100) {
        to[n++] = 0x82;
        to[n++] = (uint8_t)(size >> 8);
    } else if (size >= 0x80) {
        to[n++] = 0x81;
    }
    to[n++] = (uint8_t)size;
    return n;
}

static int at; /* counts down to the element that is changed */

/* The elements of p .. end written to `to`, one of them changed; the size. */
static size_t copy(const uint8_t *p, const uint8_t *end, uint8_t *to, enum change change)
{
    size_t n = 0;
    struct element e;
    while (next_element(&p, end, &e)) {
        static uint8_t contents[DEPTH][ROOM];
        static int depth = -1;
        assert_true(++depth < DEPTH);
        uint8_t *c = contents[depth];
        bool now = at-- == 0;
        int skip = now ? -1 : inside(&e);
        size_t size = e.size;
        if (skip >= 0) {
            memcpy(c, e.p, (size_t)skip);
            size = (size_t)skip + copy(e.p + skip, e.p + e.size, c + skip, change);
        } else {
            memcpy(c, e.p, e.size);
        }
        depth--;
        if (now) {
            switch (change) {
            case LEAVE_OUT:
                continue;
            case NULL_INSIDE:
                memcpy(c + size, "\5", 2);
                size += 2;
                break;
            case OTHER_TAG:
                e.tag = e.tag == 0x13 ? 0x16 : 0x13;
                break;
            case EMPTY:
                size = 0;
                break;
            case CUT:
                size -= size > 0;
                break;
            case ONE_BYTE:
                size = size > 1 ? 1 : 2;
                break;
            case ZERO_FIRST:
                memmove(c + 1, c, size);
                c[0] = 0;
                size++;
                break;
            case FLIP:
                if (size > 0) {
                    c[size / 2] ^= 0x41;
                }
                break;
            default:
                break;
            }
        }
        for (unsigned i = 0; i < 1u + (now && change == TWICE); i++) {
            n += put_head(to + n, e.tag, size);
            memcpy(to + n, c, size);
            n += size;
        }
        if (now && change == NULL_AFTER) {
            memcpy(to + n, "\5", 2);
            n += 2;
        }
    }
    return n;
}

/* Calls `judge` for each element of the original and each change to it; how many were. */
static unsigned each(struct ra_span der, void (*judge)(enum change change))
{
    unsigned count = 0;
    for (unsigned change = 0; change < CHANGES; change++) {
        for (int element = 0;; element++) {
            at = element;
            mutant_size = copy(der.p, der.p + der.size, mutant, (enum change)change);
            if (at >= 0) {
                assert_int_equal(mutant_size, der.size); /* none is left, nothing was changed */
                assert_memory_equal(mutant, der.p, der.size);
                break;
            }
            if (mutant_size != der.size || memcmp(mutant, der.p, der.size) != 0) {
                judge((enum change)change);
                count++;
            }
        }
    }
    return count;
}

static struct ra_span blob(const char *name, const char *form)
{
    const struct crypto_blob *b = crypto_blob(name, form);
    return (struct ra_span){b->p, b->size};
}

static struct ra_key key, original;
static unsigned taken;

static void judge_private(enum change change)
{
    (void)change;
    ra_err e = ra_key_from_der(&key, mutant, mutant_size);
    if (e == RA_OK) {
        taken++;
        assert_int_equal(ra_key_same_public(&key, &original), 1);
    } else {
        assert_true(e == RA_E_KEY_FORMAT || e == RA_E_KEY_ALGORITHM);
        assert_int_equal(key.alg, RA_KEY_NONE);
    }
}

static void private_keys(void **state)
{
    static const char *const names[] = {"rsa2048", "p256", "p384"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (unsigned form = 0; form < 2; form++) {
            struct ra_span der = blob(names[i], form == 0 ? "der" : "p8");
            assert_int_equal(ra_key_from_der(&original, der.p, der.size), RA_OK);
            taken = 0;
            unsigned all = each(der, judge_private);
            assert_true(all > 50);
            assert_true(taken < all / 4); /* optional parts, and d, which is not looked at */
        }
    }
}

static void judge_public(enum change change)
{
    ra_err e = ra_key_from_spki(&key, mutant, mutant_size);
    if (e != RA_OK) {
        assert_true(e == RA_E_KEY_FORMAT || e == RA_E_KEY_ALGORITHM);
        assert_int_equal(key.alg, RA_KEY_NONE);
    } else if (change != FLIP && change != CUT && change != ONE_BYTE && change != ZERO_FIRST) {
        assert_int_equal(ra_key_same_public(&key, &original), 1);
    }
}

static void public_keys(void **state)
{
    static const char *const names[] = {"rsa2048", "p256", "p384"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ra_span der = blob(names[i], "spki");
        assert_int_equal(ra_key_from_spki(&original, der.p, der.size), RA_OK);
        assert_true(each(der, judge_public) > 30);
    }
    /* The same numbers in another kind of key, or another number of them. */
    static struct ra_key a, b;
    assert_int_equal(ra_key_from_spki(&a, blob("p256", "spki").p, blob("p256", "spki").size),
                     RA_OK);
    b = a;
    assert_int_equal(ra_key_same_public(&a, &b), 1);
    ((uint8_t *)b.opaque_)[0] ^= 1; /* x */
    assert_int_equal(ra_key_same_public(&a, &b), 0);
    b = a;
    ((uint8_t *)b.opaque_)[48] ^= 1; /* y */
    assert_int_equal(ra_key_same_public(&a, &b), 0);
    assert_int_equal(ra_key_from_spki(&a, blob("rsa2048", "spki").p, blob("rsa2048", "spki").size),
                     RA_OK);
    b = a;
    b.exponent = 3;
    assert_int_equal(ra_key_same_public(&a, &b), 0);
    b = a;
    b.opaque_[5] ^= 1;
    assert_int_equal(ra_key_same_public(&a, &b), 0);
    b = a;
    b.bits = 2056;
    assert_int_equal(ra_key_same_public(&a, &b), 0);
    ra_key_wipe(&a);
    b = a;
    assert_int_equal(ra_key_same_public(&a, &b), 0);
    size_t size;
    assert_int_equal(ra_key_spki(&a, work, sizeof work, &size), RA_E_STATE);
}

static void judge_signature(enum change change)
{
    (void)change;
    assert_int_equal(
        ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256), mutant, mutant_size),
        RA_E_SIGNATURE);
}

static void ecdsa_signatures(void **state)
{
    (void)state;
    assert_int_equal(ra_key_from_spki(&key, blob("p256", "spki").p, blob("p256", "spki").size),
                     RA_OK);
    assert_true(each(blob("p256", "sha256"), judge_signature) > 20);
    /* A number longer than the field. */
    static uint8_t longer[3 + 2 * 36] = {0x30, 0x46, 0x02, 0x22, 0x01};
    assert_int_equal(ra_key_verify(&key, RA_HASH_SHA256, crypto_digest(RA_HASH_SHA256), longer, 72),
                     RA_E_SIGNATURE);
}

static struct ra_cert cert;

static void judge_cert(enum change change)
{
    (void)change;
    if (ra_cert_parse(&cert, mutant, mutant_size) == RA_OK) {
        taken++;
        assert_int_equal(cert.der.size, mutant_size);
        assert_true(cert.tbs.p >= mutant && cert.tbs.p + cert.tbs.size <= mutant + mutant_size);
        assert_true(cert.spki.size != 0 && cert.serial.size != 0);
    }
}

static void certificates(void **state)
{
    static const char *const names[] = {"agent", "sub", "odd", "agent_ec384", "root_v1"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        taken = 0;
        unsigned all = each(pki_cert_der(names[i]), judge_cert);
        assert_true(all > 200 && taken > 0 && taken < all);
    }
}

static struct ra_csr csr, csr_original;

static void judge_csr(enum change change)
{
    (void)change;
    struct ra_span value;
    if (ra_csr_parse(&csr, (struct ra_span){mutant, mutant_size}) != RA_OK) {
        return;
    }
    ra_err e = ra_csr_attribute(&csr, RA_OID_EXTENSION_REQUEST, &value);
    assert_true(e == RA_OK || e == RA_E_NOT_FOUND || e == RA_E_CSR_SYNTAX ||
                ra_error_layer(e) == ra_error_layer(RA_E_DER_TRUNCATED));
    if (ra_csr_verify(&csr, &key) == RA_OK) {
        taken++;
        assert_true(ra_span_equal(csr.tbs, csr_original.tbs));
        assert_int_equal(e, RA_OK);
    }
}

static void requests(void **state)
{
    struct ra_span der = pki_blob("ms_request_inner");
    (void)state;
    taken = 0;
    assert_int_equal(ra_csr_parse(&csr_original, der), RA_OK);
    assert_int_equal(ra_csr_verify(&csr_original, &key), RA_OK);
    assert_true(each(der, judge_csr) > 300);
    assert_true(taken < 8);
}

static struct ra_cms_signed s, s_original;
static struct ra_key signer;

static void judge_signed(enum change change)
{
    (void)change;
    struct ra_span certs[4];
    size_t n;
    memcpy(work, mutant, mutant_size);
    ra_err e = ra_cms_certs(work, mutant_size, sizeof work, certs, 4, &n);
    assert_true(e != RA_OK || n > 0);
    memcpy(work, mutant, mutant_size);
    if (ra_cms_signed_parse(&s, work, mutant_size, sizeof work) != RA_OK) {
        return;
    }
    (void)ra_cms_signed_by(&s, &cert);
    if (ra_cms_signed_verify(&s, &signer) == RA_OK) {
        taken++;
        assert_true(ra_span_equal(s.content, s_original.content));
        assert_true(ra_span_equal(s.content_type, s_original.content_type));
        assert_true(ra_span_equal(s.signed_attrs, s_original.signed_attrs));
    }
}

static void signed_messages(void **state)
{
    static const char *const names[] = {"signed_attributes", "signed_ec", "signed_by_key_id"};
    static uint8_t first[ROOM];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ra_span der = pki_blob(names[i]);
        pki_key(&signer, i > 0 ? "agent_ec" : "agent");
        pki_cert_parse(&cert, i > 0 ? "agent_ec" : "agent");
        memcpy(first, der.p, der.size);
        assert_int_equal(ra_cms_signed_parse(&s_original, first, der.size, sizeof first), RA_OK);
        assert_int_equal(ra_cms_signed_verify(&s_original, &signer), RA_OK);
        taken = 0;
        unsigned all = each(der, judge_signed);
        assert_true(all > 100 && taken > 0 && taken < all);
    }
}

static void judge_envelope(enum change change)
{
    struct ra_envelope e;
    struct ra_span content;
    memcpy(work, mutant, mutant_size);
    if (ra_envelope_parse(&e, work, mutant_size, sizeof work, &cert) != RA_OK || e.size == 0) {
        return;
    }
    ra_err err = ra_envelope_open(&e, &key, pki_random(), &content);
    assert_true(err == RA_OK || err == RA_E_DECRYPT);
    if (err == RA_OK && change != FLIP) {
        assert_true(ra_span_equal(content, scep_blob("text")));
        taken++;
    }
}

static void envelopes(void **state)
{
    static const char *const names[] = {"env_aes128", "env_oaep256", "env_keyid"};
    struct ra_span k = scep_blob("client_key");
    (void)state;
    assert_int_equal(ra_key_from_der(&key, k.p, k.size), RA_OK);
    for (size_t i = 0; i < 3; i++) {
        struct ra_span c = scep_blob(i == 2 ? "keyed_cert" : "client_cert1");
        assert_int_equal(ra_cert_parse(&cert, c.p, c.size), RA_OK);
        taken = 0;
        unsigned all = each(scep_blob(names[i]), judge_envelope);
        assert_true(all > 80 && taken < all / 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_keys),     cmocka_unit_test(public_keys),
        cmocka_unit_test(ecdsa_signatures), cmocka_unit_test(certificates),
        cmocka_unit_test(requests),         cmocka_unit_test(signed_messages),
        cmocka_unit_test(envelopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
