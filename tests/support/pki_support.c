#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hal_entropy.h"
#include "pki_vectors.h"
#include "ra_text.h"
#include "server_vectors.h"

struct ra_span pki_blob(const char *name)
{
    const struct pki_blob *b = pki_blobs;
    while (b->name != NULL && strcmp(b->name, name) != 0) {
        b++;
    }
    assert_non_null(b->name);
    return (struct ra_span){b->p, b->size};
}

struct ra_span pki_cert_der(const char *name)
{
    const struct pki_cert *c = pki_certs;
    while (c->name != NULL && strcmp(c->name, name) != 0) {
        c++;
    }
    assert_non_null(c->name);
    return (struct ra_span){c->p, c->size};
}

struct ra_span server_cert(const char *name)
{
    const struct pki_blob *b = server_certs;
    while (b->name != NULL && strcmp(b->name, name) != 0) {
        b++;
    }
    assert_non_null(b->name);
    return (struct ra_span){b->p, b->size};
}

struct ra_span pki_with(struct ra_span der, struct ra_span part, struct ra_span by, uint8_t *out)
{
    size_t head = (size_t)(part.p - der.p), added = by.size - part.size;
    assert_true(der.p[1] == 0x82 && der.p[5] == 0x82);
    memcpy(out, der.p, head);
    memcpy(out + head, by.p, by.size);
    memcpy(out + head + by.size, part.p + part.size, der.size - head - part.size);
    for (size_t at = 2; at <= 6; at += 4) {
        size_t length = ((size_t)out[at] << 8 | out[at + 1]) + added;
        out[at] = (uint8_t)(length >> 8);
        out[at + 1] = (uint8_t)length;
    }
    return (struct ra_span){out, der.size + added};
}

void pki_cert_parse(struct ra_cert *c, const char *name)
{
    struct ra_span der = pki_cert_der(name);
    assert_int_equal(ra_cert_parse(c, der.p, der.size), RA_OK);
}

void pki_key(struct ra_key *key, const char *name)
{
    char full[32];
    struct ra_text t;
    ra_text_init(&t, full, sizeof full);
    ra_text_add(&t, name);
    ra_text_add(&t, ".key");
    assert_false(t.cut);
    struct ra_span der = pki_blob(full);
    assert_int_equal(ra_key_from_der(key, der.p, der.size), RA_OK);
}

static int noise(void *dev, uint8_t *to, uint32_t size)
{
    uint32_t *x = dev;
    for (uint32_t i = 0; i < size; i++) {
        *x ^= *x << 13;
        *x ^= *x >> 17;
        *x ^= *x << 5;
        to[i] = (uint8_t)(*x >> 11);
    }
    return (int)size;
}

struct ra_random *pki_random(void)
{
    static uint32_t state;
    static const struct hal_entropy source = {noise, &state};
    static struct ra_random random;
    state = 0x2545f491;
    assert_int_equal(ra_random_init(&random, &source), RA_OK);
    ra_err err;
    do {
        err = ra_random_seed(&random);
    } while (err == RA_AGAIN);
    assert_int_equal(err, RA_OK);
    return &random;
}

void pki_hex(const uint8_t *p, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = 0;
}
