/* An EST server's answer to each exchange of a conversation: the bytes are what csrattrs says, in DER
 * and as a body; cacerts; and the answer to the request, with statuses that follow from them. */
#include <string.h>

#include "fuzz.h"
#include "ra_est.h"
#include "ra_est_attrs.h"

static struct ra_key key, work;
static struct ra_random random_;
static uint8_t message[RA_REQUEST_MAX], ca[RA_CA_SET_MAX], spki[RA_SPKI_MAX];
static size_t spki_size;

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

static ra_err signer(void *ctx, struct ra_span *cert)
{
    (void)ctx;
    *cert = fuzz_blob("client_cert1");
    return RA_OK;
}

static ra_err request_key(void *ctx, struct ra_key *out)
{
    (void)ctx;
    *out = key;
    return RA_OK;
}

static ra_err anchor(void *ctx, unsigned place, struct ra_span *cert)
{
    (void)ctx;
    *cert = fuzz_blob("root.cert");
    return place == 0 ? RA_OK : RA_E_NOT_FOUND;
}

static ra_err stage_anchor(void *ctx, struct ra_span cert)
{
    (void)ctx;
    (void)cert;
    return RA_OK;
}

static size_t binding(void *ctx, uint8_t *out, size_t cap)
{
    (void)ctx;
    memset(out, 0x42, 12);
    return cap >= 12 ? 12 : 0;
}

static void start(void)
{
    static const struct hal_entropy source = {noise, NULL};
    struct ra_span der = fuzz_blob("client_key");
    fuzz_must(ra_key_from_der(&key, der.p, der.size) == RA_OK, "a key");
    fuzz_must(ra_key_spki(&key, spki, sizeof spki, &spki_size) == RA_OK, "its SPKI");
    fuzz_must(ra_random_init(&random_, &source) == RA_OK, "the noise source");
    while (ra_random_seed(&random_) == RA_AGAIN) {
    }
}

static void attributes(const uint8_t *p, size_t size)
{
    struct ra_est_attrs attrs;
    char text[65];
    struct ra_text passed;
    memset(&attrs, 0xa5, sizeof attrs);
    ra_text_init(&passed, text, sizeof text);
    ra_err err = ra_est_attrs_read(&attrs, (struct ra_span){p, size},
                                   (struct ra_span){spki, spki_size}, &passed);
    fuzz_must(err == RA_OK || (!attrs.binding && attrs.hash == RA_HASH_NONE), "nothing on error");
    fuzz_must(attrs.hash == RA_HASH_NONE || attrs.hash >= RA_HASH_SHA256, "the digest");
    fuzz_must(memchr(text, 0, sizeof text) != NULL, "the text has an end");
}

static void conversation(const uint8_t *p, size_t size, uint32_t h)
{
    static struct ra_enroll e;
    static struct ra_enroll_result result;
    static const unsigned statuses[] = {200, 200, 200, 202, 204, 400, 401, 403, 404, 500, 503};
    uint8_t *reply = fuzz_copy(p, 0, RA_REPLY_MAX);
    struct ra_url url;
    struct ra_est_policy policy = {.label = "", .binding = RA_EST_BINDING_NEVER};
    struct ra_enroll_tools tools = {.signer = signer,
                                    .signer_key = request_key,
                                    .request_key = request_key,
                                    .anchor = anchor,
                                    .stage_anchor = stage_anchor,
                                    .binding = binding,
                                    .key = &work,
                                    .random = &random_,
                                    .message = message,
                                    .message_cap = sizeof message,
                                    .reply = reply,
                                    .reply_cap = RA_REPLY_MAX,
                                    .ca = ca,
                                    .ca_cap = sizeof ca,
                                    .now = 1800000000};
    struct ra_enroll_input in = {.url = &url,
                                 .id = "0123456789abcdef0123456789abcdef",
                                 .request = (const uint8_t *)"0\0",
                                 .request_size = 2,
                                 .tools = &tools,
                                 .est = &policy};
    fuzz_must(ra_url_parse(&url, "https://ca/", 11) == RA_OK, "the address");
    ra_enroll_init(&e, &ra_est_ops);
    memset(&result, 0, sizeof result);
    unsigned turn = h % 4u;
    for (unsigned part = 0; part < 5; part++) {
        struct ra_http_request request;
        struct ra_http_reply http = {.status = 200, .retry_after_s = -1, .body = reply};
        ra_err err = RA_AGAIN;
        for (unsigned steps = 0; err == RA_AGAIN; steps++) {
            fuzz_must(steps < 50, "a request that does not end");
            err = ra_enroll_request(&e, RA_ENROLL_SUBMIT, &in, &request);
        }
        if (err != RA_OK) {
            break;
        }
        /* The part whose turn it is gets the bytes, those before it what lets them go on. */
        bool ours = part >= turn;
        http.status = (uint16_t)(ours ? statuses[h / 4u % 11u] : part == 0 ? 200 : 204);
        struct ra_span body = ours        ? (struct ra_span){p, size}
                              : part == 0 ? fuzz_blob("root.cert")
                                          : (struct ra_span){NULL, 0};
        http.body_size = body.size < RA_REPLY_MAX ? body.size : RA_REPLY_MAX;
        if (http.body_size != 0) {
            memcpy(reply, body.p, http.body_size);
        }
        err = RA_AGAIN;
        for (unsigned steps = 0; err == RA_AGAIN; steps++) {
            fuzz_must(steps < 500, "a reply that does not end");
            err = ra_enroll_reply(&e, &http, &result);
        }
        fuzz_must(err == RA_OK && result.outcome <= RA_ENROLL_BROKEN, "no other value");
        fuzz_must(memchr(result.text, 0, sizeof result.text) != NULL, "the words have an end");
        if (result.outcome != RA_ENROLL_MORE) {
            break;
        }
    }
    fuzz_must(work.alg == RA_KEY_NONE || !work.is_private, "a private key stays behind");
    fuzz_free(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    if (spki_size == 0) {
        start();
    }
    attributes(p, size);
    uint32_t h = fuzz_hash(p, size);
    for (unsigned turn = 0; turn < 4; turn++) {
        conversation(p, size, (h & ~3u) | turn);
    }
    return 0;
}
