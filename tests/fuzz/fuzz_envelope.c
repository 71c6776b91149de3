/* EnvelopedData from a peer; then the bytes as the content of one of our own. */
#include <string.h>

#include "fuzz.h"
#include "ra_envelope.h"

static struct ra_cert own;
static struct ra_key key, work;
static struct ra_random random_;

static int noise(void *dev, uint8_t *to, uint32_t size)
{
    static uint32_t x = 1;
    (void)dev;
    for (uint32_t i = 0; i < size; i++) {
        x = (uint32_t)(x * (uint64_t)1664525u + 1013904223u);
        to[i] = (uint8_t)(x >> 24);
    }
    return (int)size;
}

static void start(void)
{
    static const struct hal_entropy source = {noise, NULL};
    struct ra_span cert = fuzz_blob("client_cert1"), der = fuzz_blob("client_key");
    fuzz_must(ra_cert_parse(&own, cert.p, cert.size) == RA_OK, "our certificate");
    fuzz_must(ra_key_from_der(&key, der.p, der.size) == RA_OK, "our key");
    fuzz_must(ra_random_init(&random_, &source) == RA_OK, "the noise source");
    while (ra_random_seed(&random_) == RA_AGAIN) {
    }
}

static void open_it(const uint8_t *p, size_t size)
{
    size_t cap = size + RA_BER_SLACK;
    uint8_t *buf = fuzz_copy(p, size, cap);
    struct ra_envelope e;
    struct ra_span content = {NULL, 0};
    if (ra_envelope_parse(&e, buf, size, cap, &own) == RA_OK) {
        fuzz_must(e.size == 0 || (e.data >= buf && e.data + e.size <= buf + cap), "the content");
        ra_err err = ra_envelope_open(&e, &key, &random_, &content);
        fuzz_must(err == RA_OK || err == RA_E_DECRYPT, "one error for all that is wrong");
        fuzz_must(err != RA_OK || content.size <= e.size, "what was encrypted");
    }
    fuzz_free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static const enum ra_cipher ciphers[] = {RA_CIPHER_AES_128, RA_CIPHER_AES_256, RA_CIPHER_DES3};
    static unsigned turn;
    struct ra_span made, content = {p, size};
    if (own.der.size == 0) {
        start();
    }
    open_it(p, size);
    if (++turn % 16u != 0) {
        return 0; /* the rest costs as much as ten of these */
    }
    size_t cap = size + 2048;
    uint8_t *buf = fuzz_copy(p, size, cap);
    fuzz_must(ra_envelope_build(buf, cap, content, &own, &work, ciphers[fuzz_hash(p, size) % 3u],
                                &random_, &made) == RA_OK,
              "an envelope of our own");
    size_t at = (size_t)(made.p - buf);
    struct ra_envelope e;
    struct ra_span back = {NULL, 0};
    fuzz_must(ra_envelope_parse(&e, buf + at, made.size, made.size, &own) == RA_OK &&
                  ra_envelope_open(&e, &key, &random_, &back) == RA_OK,
              "our own envelope");
    fuzz_must(back.size == size && (size == 0 || memcmp(back.p, p, size) == 0), "there and back");
    fuzz_free(buf);
    return 0;
}
