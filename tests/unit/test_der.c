/* DER in and out, BER to DER: rules of X.690, and any bytes without harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pki_vectors.h"
#include "ra_der.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__})
#define IN(...) ((struct ra_span){BYTES(__VA_ARGS__), sizeof BYTES(__VA_ARGS__)})

static uint8_t buf[8192];
static uint8_t copy[8192];

static void assert_span(struct ra_span s, const void *p, size_t size)
{
    assert_int_equal(s.size, size);
    assert_memory_equal(s.p, p, size);
}

static ra_err check(struct ra_span in)
{
    return ra_der_check(in);
}

static void headers(void **state)
{
    (void)state;
    assert_int_equal(check(IN(0x30, 0x00)), RA_OK);
    assert_int_equal(check(IN(0x04, 0x01, 0x55)), RA_OK);
    assert_int_equal(check(IN(0x30)), RA_E_DER_TRUNCATED);
    assert_int_equal(check((struct ra_span){NULL, 0}), RA_E_DER_TRUNCATED);
    assert_int_equal(check(IN(0x04, 0x02, 0x55)), RA_E_DER_TRUNCATED);
    assert_int_equal(check(IN(0x04, 0x82, 0x01)), RA_E_DER_TRUNCATED);
    assert_int_equal(check(IN(0x04, 0x01, 0x55, 0x00)), RA_E_DER_TRAILING);
    assert_int_equal(check(IN(0x30, 0x03, 0x04, 0x02, 0x55)), RA_E_DER_TRUNCATED);
    /* lengths that DER writes shorter */
    assert_int_equal(check(IN(0x04, 0x81, 0x01, 0x55)), RA_E_DER_LENGTH);
    assert_int_equal(check(IN(0x04, 0x82, 0x00, 0x80)), RA_E_DER_LENGTH);
    assert_int_equal(check(IN(0x30, 0x80, 0x00, 0x00)), RA_E_DER_LENGTH);
    /* a length that does not fit into a size_t */
    assert_int_equal(check(IN(0x04, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0)), RA_E_DER_LENGTH);
    assert_int_equal(check(IN(0x04, 0x84, 0xff, 0xff, 0xff, 0xff)), RA_E_DER_TRUNCATED);
    assert_int_equal(check(IN(0x04, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)),
                     sizeof(size_t) == 8 ? RA_E_DER_TRUNCATED : RA_E_DER_LENGTH);
    /* tags: long form, end-of-contents, constructed string, primitive sequence */
    assert_int_equal(check(IN(0x1f, 0x01, 0x00)), RA_E_DER_TAG);
    assert_int_equal(check(IN(0x00, 0x00)), RA_E_DER_TAG);
    assert_int_equal(check(IN(0x24, 0x00)), RA_E_DER_TAG);
    assert_int_equal(check(IN(0x10, 0x00)), RA_E_DER_TAG);
    assert_int_equal(check(IN(0xa0, 0x02, 0x80, 0x00)), RA_OK);
}

static void nesting(void **state)
{
    (void)state;
    for (size_t depth = 1; depth < 40; depth++) {
        for (size_t i = 0; i < depth; i++) {
            buf[2 * i] = 0x30;
            buf[2 * i + 1] = (uint8_t)(2 * (depth - i) - 2);
        }
        assert_int_equal(check((struct ra_span){buf, 2 * depth}),
                         depth <= RA_DER_DEPTH_MAX ? RA_OK : RA_E_DER_DEPTH);
    }
}

static void values(void **state)
{
    struct ra_der d;
    (void)state;
    static const struct {
        uint8_t der[8];
        size_t size;
        ra_err err;
        uint32_t value;
    } numbers[] = {
        {{2, 1, 0}, 3, RA_OK, 0},
        {{2, 1, 0x7f}, 3, RA_OK, 127},
        {{2, 2, 0, 0x80}, 4, RA_OK, 128},
        {{2, 5, 0, 0xff, 0xff, 0xff, 0xff}, 7, RA_OK, 0xffffffff},
        {{2, 5, 1, 0, 0, 0, 0}, 7, RA_E_DER_VALUE, 0},
        {{2, 1, 0x80}, 3, RA_E_DER_VALUE, 0},
        {{2, 2, 0, 0x7f}, 4, RA_E_DER_VALUE, 0},
        {{2, 2, 0xff, 0x80}, 4, RA_E_DER_VALUE, 0},
        {{2, 0}, 2, RA_E_DER_VALUE, 0},
        {{4, 1, 0}, 3, RA_E_DER_TAG, 0},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        ra_der_init(&d, (struct ra_span){numbers[i].der, numbers[i].size});
        assert_int_equal(ra_der_u32(&d), numbers[i].value);
        assert_int_equal(ra_der_finish(&d), numbers[i].err);
    }
    ra_der_init(&d, IN(1, 1, 0xff, 1, 1, 0));
    assert_true(ra_der_boolean(&d));
    assert_false(ra_der_boolean(&d));
    assert_int_equal(ra_der_finish(&d), RA_OK);
    ra_der_init(&d, IN(1, 1, 1));
    assert_false(ra_der_boolean(&d));
    assert_int_equal(d.err, RA_E_DER_VALUE);
    ra_der_init(&d, IN(3, 2, 0, 0x5a));
    assert_span(ra_der_bits(&d), "\x5a", 1);
    ra_der_init(&d, IN(3, 2, 1, 0x5a));
    assert_int_equal(ra_der_bits(&d).size, 0);
    assert_int_equal(d.err, RA_E_DER_VALUE);
    ra_der_init(&d, IN(0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b, 5, 0));
    assert_int_equal(ra_der_algorithm(&d), RA_OID_RSA_SHA256);
    assert_int_equal(ra_der_finish(&d), RA_OK);
    ra_der_init(&d, IN(0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b, 0x30, 0));
    assert_int_equal(ra_der_algorithm(&d), RA_OID_UNKNOWN);
    assert_int_equal(ra_der_finish(&d), RA_OK);
}

static void first_error_stays(void **state)
{
    struct ra_der d;
    (void)state;
    ra_der_init(&d, IN(0x30, 3, 2, 1, 5, 4, 0));
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    assert_true(ra_der_more(&d));
    assert_int_equal(ra_der_read(&d, RA_DER_OCTETS).size, 0);
    assert_int_equal(d.err, RA_E_DER_TAG);
    assert_false(ra_der_more(&d));
    assert_int_equal(ra_der_peek(&d), 0);
    ra_der_leave(&d, outer);
    assert_int_equal(ra_der_any(&d).size, 0);
    assert_int_equal(ra_der_enter(&d, RA_DER_SEQUENCE), outer);
    ra_der_fail(&d, RA_E_LIMIT);
    assert_int_equal(ra_der_finish(&d), RA_E_DER_TAG);

    ra_der_init(&d, IN(0x30, 3, 2, 1, 5));
    outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    ra_der_leave(&d, outer);
    assert_int_equal(ra_der_finish(&d), RA_E_DER_TRAILING);
}

static void oids_are_openssls(void **state)
{
    (void)state;
    /* openssl asn1parse -genstr OID:... */
    assert_span(ra_oid_value(RA_OID_SHA1), "\x2b\x0e\x03\x02\x1a", 5);
    assert_span(ra_oid_value(RA_OID_RSA), "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9);
    assert_span(ra_oid_value(RA_OID_ECDSA_SHA384), "\x2a\x86\x48\xce\x3d\x04\x03\x03", 8);
    assert_span(ra_oid_value(RA_OID_SIGNED_DATA), "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 9);
    assert_span(ra_oid_value(RA_OID_EXTENDED_KEY_USAGE), "\x55\x1d\x25", 3);
    assert_span(ra_oid_value(RA_OID_MS_REQUEST_AGENT), "\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x01",
                10);
    assert_span(ra_oid_value(RA_OID_EXTENSION_REQUEST), "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e", 9);
    assert_span(ra_oid_value(RA_OID_MS_RENEWAL_CERT), "\x2b\x06\x01\x04\x01\x82\x37\x0d\x01", 9);
    assert_span(ra_oid_value(RA_OID_MS_CLIENT_INFO), "\x2b\x06\x01\x04\x01\x82\x37\x15\x14", 9);
    for (unsigned i = 1; i < RA_OID_COUNT; i++) {
        assert_int_equal(ra_oid_find(ra_oid_value((enum ra_oid)i)), i);
    }
    assert_int_equal(ra_oid_find(IN(0x55, 0x1d)), RA_OID_UNKNOWN);
    for (int h = RA_HASH_SHA1; h <= RA_HASH_SHA512; h++) {
        for (int rsa = 0; rsa < 2; rsa++) {
            bool is_rsa = rsa == 0;
            enum ra_hash_alg hash = (enum ra_hash_alg)h;
            assert_int_equal(ra_oid_hash(ra_oid_of_hash(hash)), h);
            assert_int_equal(ra_oid_signature(ra_oid_of_signature(hash, rsa != 0), &is_rsa), h);
            assert_int_equal(is_rsa, rsa);
        }
    }
}

static void writer(void **state)
{
    struct ra_der_put w;
    (void)state;
    /* the example of the enrolment notes: client id 1000 and three strings */
    static const uint8_t expected[] = {0x30, 0x2e, 0x02, 0x02, 0x03, 0xe8, 0x0c, 0x10, 0x72, 0x61,
                                       0x30, 0x31, 0x2e, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65,
                                       0x2e, 0x6e, 0x65, 0x74, 0x0c, 0x0d, 0x45, 0x58, 0x41, 0x4d,
                                       0x50, 0x4c, 0x45, 0x5c, 0x72, 0x61, 0x30, 0x31, 0x24, 0x0c,
                                       0x07, 0x72, 0x61, 0x72, 0x65, 0x6e, 0x65, 0x77};
    for (size_t cap = 0; cap <= sizeof expected; cap++) {
        ra_der_put_init(&w, buf, cap);
        ra_der_put_text(&w, RA_DER_UTF8, "rarenew");
        ra_der_put_text(&w, RA_DER_UTF8, "EXAMPLE\\ra01$");
        ra_der_put_text(&w, RA_DER_UTF8, "ra01.example.net");
        ra_der_put_u32(&w, 1000);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
        assert_int_equal(w.err, cap < sizeof expected ? RA_E_SPACE : RA_OK);
    }
    assert_span(ra_der_put_span(&w), expected, sizeof expected);

    static const uint32_t numbers[] = {0, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffffffff};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct ra_der d;
        ra_der_put_init(&w, buf, sizeof buf);
        ra_der_put_u32(&w, numbers[i]);
        ra_der_init(&d, ra_der_put_span(&w));
        assert_int_equal(ra_der_u32(&d), numbers[i]);
        assert_int_equal(ra_der_finish(&d), RA_OK);
    }
    static const size_t sizes[] = {0, 1, 0x7f, 0x80, 0xff, 0x100, 8000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ra_der_put_init(&w, buf, sizeof buf);
        ra_der_put_value(&w, RA_DER_OCTETS, copy, sizes[i]);
        assert_int_equal(check(ra_der_put_span(&w)), RA_OK);
    }
    ra_der_put_init(&w, buf, 3);
    ra_der_put_header(&w, RA_DER_SET, 65536);
    assert_int_equal(w.err, RA_E_SPACE);
}

static void set_is_sorted_by_bytes(void **state)
{
    struct ra_der_put w;
    (void)state;
    /* longer may come first: 04 02 00 00 sorts before 05 00, and 02 02 .. before 04 00 */
    static const uint8_t sorted[] = {2, 1, 9, 2, 2, 1, 0, 4, 0, 4, 1, 1, 4, 1, 2, 4, 2, 0, 0, 5, 0};
    static const uint8_t elements[][5] = {{4, 2, 4, 2, 0}, {3, 4, 1, 2}, {2, 5, 0},
                                          {4, 2, 2, 1, 0}, {2, 4, 0},    {3, 4, 1, 1},
                                          {3, 2, 1, 9}};
    static const uint8_t zeros[] = {4, 2, 0, 0};
    for (size_t first = 0; first < 7; first++) {
        ra_der_put_init(&w, buf, sizeof buf);
        ra_der_put_bytes(&w, (const uint8_t *)"tail", 4);
        for (size_t i = 0; i < 7; i++) {
            size_t k = (first + i * 3) % 7;
            if (k == 0) {
                ra_der_put_bytes(&w, zeros, 4);
            } else {
                ra_der_put_bytes(&w, elements[k] + 1, elements[k][0]);
            }
        }
        ra_der_put_sort(&w, 4);
        assert_int_equal(w.err, RA_OK);
        assert_memory_equal(w.p, sorted, sizeof sorted);
        assert_memory_equal(w.p + sizeof sorted, "tail", 4);
    }
    ra_der_put_init(&w, buf, sizeof buf);
    ra_der_put_bytes(&w, BYTES(0x30, 0x7f, 4, 0), 4);
    ra_der_put_sort(&w, 0);
    assert_int_equal(w.err, RA_E_DER_TRUNCATED);
}

/* At the end of buf, so that the sanitizer sees a byte too far; *ber is where. */
static uint8_t *ber;

static ra_err from_ber(struct ra_span in, size_t cap, size_t *size)
{
    ber = buf + sizeof buf - (cap > in.size ? cap : in.size);
    memcpy(ber, in.p, in.size);
    return ra_ber_to_der(ber, in.size, cap, size);
}

static void assert_ber(struct ra_span in, struct ra_span der)
{
    size_t size;
    assert_int_equal(from_ber(in, in.size + RA_BER_SLACK, &size), RA_OK);
    assert_span((struct ra_span){ber, size}, der.p, der.size);
}

static void ber_cases(void **state)
{
    size_t size;
    (void)state;
    assert_ber(IN(0x30, 0x80, 0, 0), IN(0x30, 0));
    assert_ber(IN(0x30, 0x80, 2, 1, 5, 0, 0, 9, 9), IN(0x30, 3, 2, 1, 5));
    assert_ber(IN(0x30, 0x84, 0, 0, 0, 4, 2, 0x81, 1, 5), IN(0x30, 3, 2, 1, 5));
    assert_ber(IN(0xa0, 0x80, 0x30, 0x80, 0, 0, 0x04, 0, 0, 0), IN(0xa0, 4, 0x30, 0, 4, 0));
    /* constructed OCTET STRING, pieces of pieces, definite and not */
    assert_ber(IN(0x24, 0x80, 4, 1, 1, 0x24, 4, 4, 2, 2, 3, 0x24, 0x80, 0, 0, 0, 0),
               IN(4, 3, 1, 2, 3));
    assert_ber(IN(0x24, 0), IN(4, 0));
    /* DER stays where it is, needs no slack, and loses what follows it */
    assert_int_equal(from_ber(IN(0x30, 3, 2, 1, 5, 7), 6, &size), RA_OK);
    assert_int_equal(size, 5);
    assert_int_equal(from_ber(IN(0x30, 0x80, 0, 0), 4, &size), RA_E_SPACE);
    assert_int_equal(from_ber(IN(0x30, 0x80, 0, 0), 3 + RA_BER_SLACK, &size), RA_E_SPACE);
    assert_int_equal(from_ber(IN(0x30, 0x80, 0, 0), 3, &size), RA_E_ARGUMENT);
    /* broken */
    static const struct {
        uint8_t in[12];
        size_t size;
    } bad[] = {
        {{0x30, 0x80}, 2}, /* no end                         */
        {{0x30, 0x80, 0}, 3},
        {{0x30, 0x80, 0, 1}, 4},             /* end with a length              */
        {{4, 0x80, 1, 0, 0}, 5},             /* primitive and indefinite       */
        {{0x24, 0x80, 2, 1, 1, 0, 0}, 7},    /* another type among the pieces  */
        {{0x30, 3, 0x30, 0x80, 1, 0, 0}, 7}, /* runs past a definite container */
        {{0x30, 4, 0x30, 0x80, 2, 1, 5, 0, 0}, 9},
        {{0x23, 0x80, 3, 1, 0, 0, 0}, 7}, /* constructed BIT STRING         */
        {{0x30, 0x80, 0x1f, 1, 0, 0, 0}, 7},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ra_err err = from_ber((struct ra_span){bad[i].in, bad[i].size}, 100, &size);
        assert_int_equal(ra_error_layer(err), RA_LAYER_PARSE);
    }
}

static void ber_depth(void **state)
{
    size_t size;
    (void)state;
    for (size_t depth = 1; depth < 40; depth++) {
        for (size_t i = 0; i < depth; i++) {
            copy[2 * i] = 0x30;
            copy[2 * i + 1] = 0x80;
        }
        memset(copy + 2 * depth, 0, 2 * depth);
        ra_err err = from_ber((struct ra_span){copy, 4 * depth}, 4 * depth + RA_BER_SLACK, &size);
        assert_int_equal(err, depth <= RA_DER_DEPTH_MAX ? RA_OK : RA_E_DER_DEPTH);
        if (err == RA_OK) {
            assert_int_equal(size, 2 * depth);
            assert_int_equal(check((struct ra_span){ber, size}), RA_OK);
        }
    }
}

static void real_messages_from_ber(void **state)
{
    size_t size;
    (void)state;
    struct ra_span der = pki_blob("certs_only");
    assert_int_equal(from_ber(pki_blob("certs_only_ber"), sizeof buf, &size), RA_OK);
    assert_span((struct ra_span){ber, size}, der.p, der.size);
    der = pki_blob("signed_attributes");
    struct ra_span in = pki_blob("signed_ber");
    assert_int_equal(check(in), RA_E_DER_LENGTH);
    assert_int_equal(from_ber(in, in.size + RA_BER_SLACK, &size), RA_OK);
    assert_span((struct ra_span){ber, size}, der.p, der.size);
    /* what openssl itself streams out */
    assert_int_equal(from_ber(pki_blob("signed_stream"), sizeof buf, &size), RA_OK);
    assert_int_equal(check((struct ra_span){ber, size}), RA_OK);
}

static void join(void **state)
{
    uint8_t pieces[] = {4, 2, 1, 2, 4, 0, 4, 1, 3};
    size_t size;
    (void)state;
    assert_int_equal(ra_der_join(pieces, sizeof pieces, &size), RA_OK);
    assert_span((struct ra_span){pieces, size}, "\1\2\3", 3);
    uint8_t bad[] = {4, 1, 1, 2, 0};
    assert_int_equal(ra_der_join(bad, sizeof bad, &size), RA_E_DER_TAG);
}

static uint32_t seed = 1;
static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * n >> 32);
}

/* Damaged BER never makes trouble, and what comes out as good is DER. */
static void damaged_ber(void **state)
{
    (void)state;
    static const char *const names[] = {"certs_only_ber", "signed_ber", "signed_stream"};
    for (unsigned round = 0; round < 3000; round++) {
        struct ra_span in = pki_blob(names[round % 3]);
        size_t size = in.size;
        size_t cap = size + dice(2) * (RA_BER_SLACK + dice(50));
        uint8_t *p = buf + sizeof buf - cap;
        memcpy(p, in.p, in.size);
        for (uint32_t n = 1 + dice(3); n > 0; n--) {
            /* half of the damage where the headers are */
            p[dice(2) == 0 ? dice(200) : dice((uint32_t)size)] = (uint8_t)dice(256);
        }
        if (dice(4) == 0) {
            size = dice((uint32_t)size);
        }
        if (ra_ber_to_der(p, size, cap, &size) == RA_OK) {
            assert_true(size <= cap);
            assert_int_equal(check((struct ra_span){p, size}), RA_OK);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(nesting),
        cmocka_unit_test(values),
        cmocka_unit_test(first_error_stays),
        cmocka_unit_test(oids_are_openssls),
        cmocka_unit_test(writer),
        cmocka_unit_test(set_is_sorted_by_bytes),
        cmocka_unit_test(ber_cases),
        cmocka_unit_test(ber_depth),
        cmocka_unit_test(real_messages_from_ber),
        cmocka_unit_test(join),
        cmocka_unit_test(damaged_ber),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
