/* The reply to a SCEP request, through ra_scep_ops as the renewal drives it.
 *
 * The first byte chooses: bits 0 and 1: 0 the rest is the body of a CertRep as it is; 1 it is
 * attributes and content, which are then encrypted and signed as by the CA; 2 attributes and an
 * envelope, which are signed; 3 it is the body of the reply to GetCACert. In 1 and 2 two bytes say how
 * long the attributes are, and in them a transaction id of 'T's and a nonce of 'N's become ours. */
#include <string.h>

#include "fuzz.h"
#include "ra_enroll.h"
#include "ra_scep.h"
#include "ra_scep_message.h"
#include "world.h"
#include "world_vectors.h"

#define ID "0123456789abcdef0123456789abcdef"

static struct ra_cert own, server;
static struct ra_key own_key, server_key, work;
static struct ra_random random_;
static uint8_t message[RA_REQUEST_MAX], ca[RA_CA_SET_MAX];
static uint8_t set[4096];
static size_t set_size;

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

static void load(struct ra_cert *cert, struct ra_key *key, const char *cert_name,
                 const char *key_name)
{
    const struct world_blob *c = world_blob(cert_name), *k = world_blob(key_name);
    fuzz_must(ra_cert_parse(cert, c->p, c->size) == RA_OK, cert_name);
    fuzz_must(ra_key_from_der(key, k->p, k->size) == RA_OK, key_name);
}

/* A degenerate SignedData of the CA's certificates. */
static void make_set(void)
{
    static const char *const names[] = {"root.cert", "issuing.cert", "scep.cert"};
    struct ra_der_put put;
    ra_der_put_init(&put, set, sizeof set);
    ra_der_put_value(&put, RA_DER_SET, NULL, 0);
    size_t mark = ra_der_put_size(&put);
    for (unsigned i = 0; i < 3; i++) {
        const struct world_blob *b = world_blob(names[i]);
        ra_der_put_bytes(&put, b->p, b->size);
    }
    ra_der_put_wrap(&put, RA_DER_CONTEXT_CONSTRUCTED(0), mark);
    mark = ra_der_put_size(&put);
    ra_der_put_oid(&put, RA_OID_DATA);
    ra_der_put_wrap(&put, RA_DER_SEQUENCE, mark);
    ra_der_put_value(&put, RA_DER_SET, NULL, 0);
    ra_der_put_u32(&put, 1);
    ra_der_put_wrap(&put, RA_DER_SEQUENCE, 0);
    ra_der_put_wrap(&put, RA_DER_CONTEXT_CONSTRUCTED(0), 0);
    ra_der_put_oid(&put, RA_OID_SIGNED_DATA);
    ra_der_put_wrap(&put, RA_DER_SEQUENCE, 0);
    struct ra_span all = ra_der_put_span(&put);
    memmove(set, all.p, all.size);
    set_size = all.size;
}

static void start(void)
{
    static const struct hal_entropy source = {noise, NULL};
    load(&server, &server_key, "scep.cert", "scep.key");
    /* Any certificate over a key of ours serves as the one that signs. */
    own = server;
    own_key = server_key;
    make_set();
    fuzz_must(ra_random_init(&random_, &source) == RA_OK, "the noise source");
    while (ra_random_seed(&random_) == RA_AGAIN) {
    }
}

static ra_err signer(void *ctx, struct ra_span *cert)
{
    (void)ctx;
    *cert = own.der;
    return RA_OK;
}

static ra_err signer_key(void *ctx, struct ra_key *key)
{
    (void)ctx;
    *key = own_key;
    return RA_OK;
}

static ra_err anchor(void *ctx, unsigned place, struct ra_span *cert)
{
    const struct world_blob *root = world_blob("root.cert");
    (void)ctx;
    *cert = (struct ra_span){root->p, root->size};
    return place == 0 ? RA_OK : RA_E_NOT_FOUND;
}

static ra_err stage_anchor(void *ctx, struct ra_span cert)
{
    (void)ctx;
    (void)cert;
    return RA_OK;
}

/* Ours for the place-holders of the fuzzer. */
static void fill_in(uint8_t *p, size_t size, const uint8_t nonce[16])
{
    for (size_t i = 0; i < size; i++) {
        if (size - i >= 32 && memcmp(p + i, "TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT", 32) == 0) {
            memcpy(p + i, ID, 32);
        }
        if (size - i >= 16 && memcmp(p + i, "NNNNNNNNNNNNNNNN", 16) == 0) {
            memcpy(p + i, nonce, 16);
        }
    }
}

/* The CertRep that the rest describes, at reply[0 .. returned-1]. */
static size_t cert_rep(unsigned how, struct ra_span rest, const uint8_t nonce[16], uint8_t *reply,
                       size_t cap)
{
    static uint8_t buf[RA_REPLY_MAX];
    uint8_t attributes[1024];
    struct ra_span out, content = {NULL, 0};
    size_t n = (size_t)fuzz_byte(&rest) << 8;
    n |= fuzz_byte(&rest);
    struct ra_span given = fuzz_take(&rest, n < sizeof attributes ? n : sizeof attributes);
    if (given.size != 0) {
        memcpy(attributes, given.p, given.size);
    }
    fill_in(attributes, given.size, nonce);
    if (rest.size > 8192) {
        rest.size = 8192;
    }
    if (how == 1) {
        fuzz_must(ra_envelope_build(buf, sizeof buf, rest, &own, &work, RA_CIPHER_AES_128, &random_,
                                    &content) == RA_OK,
                  "an envelope");
    } else {
        content = rest;
    }
    given = (struct ra_span){attributes, given.size};
    if (ra_cms_signed_build(buf, sizeof buf, content, &server, &server_key, &random_,
                            RA_HASH_SHA256, &given, 1, &out) != RA_OK) {
        return 0;
    }
    n = out.size < cap ? out.size : cap;
    memcpy(reply, out.p, n);
    return n;
}

static void answer(struct ra_enroll *e, uint8_t *body, size_t size, struct ra_enroll_result *result)
{
    struct ra_http_reply reply = {
        .status = 200, .retry_after_s = -1, .body = body, .body_size = size};
    ra_err err;
    unsigned steps = 0;
    do {
        fuzz_must(steps++ < 300, "a reply that does not end");
        err = ra_enroll_reply(e, &reply, result);
    } while (err == RA_AGAIN);
    fuzz_must(err == RA_OK, "no other value");
}

static void ask(struct ra_enroll *e, enum ra_enroll_op op, const struct ra_enroll_input *in)
{
    struct ra_http_request request;
    ra_err err;
    unsigned steps = 0;
    do {
        fuzz_must(steps++ < 50, "a request that does not end");
        err = ra_enroll_request(e, op, in, &request);
    } while (err == RA_AGAIN);
    fuzz_must(err == RA_OK, "a request");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static struct ra_enroll e;
    static struct ra_enroll_result result;
    static const char caps[] = "AES\nPOSTPKIOperation\nRenewal\nSHA-256\n";
    struct ra_span rest = {p, size};
    uint8_t how = fuzz_byte(&rest);
    struct ra_url url;
    struct ra_scep_policy policy = {
        .ca_id = "", .cipher = RA_CIPHER_AES_128, .hash = RA_HASH_SHA256, .legacy = (how & 4) != 0};
    if (own.der.size == 0) {
        start();
    }
    uint8_t *reply = fuzz_copy(p, 0, RA_REPLY_MAX);
    struct ra_enroll_tools tools = {.signer = signer,
                                    .signer_key = signer_key,
                                    .anchor = anchor,
                                    .stage_anchor = stage_anchor,
                                    .key = &work,
                                    .random = &random_,
                                    .message = message,
                                    .message_cap = sizeof message,
                                    .reply = reply,
                                    .reply_cap = RA_REPLY_MAX,
                                    .ca = ca,
                                    .ca_cap = sizeof ca,
                                    .now = WORLD_NOW};
    struct ra_enroll_input in = {.url = &url,
                                 .id = ID,
                                 .request = (const uint8_t *)"0\0",
                                 .request_size = 2,
                                 .tools = &tools,
                                 .scep = &policy,
                                 .subject = own.subject};
    enum ra_enroll_op op = (how & 8) != 0 ? RA_ENROLL_POLL : RA_ENROLL_SUBMIT;
    fuzz_must(ra_url_parse(&url, "http://ca/scep", 14) == RA_OK, "the address");
    memset(message, 0, sizeof message);
    memset(&result, 0, sizeof result);
    ra_enroll_init(&e, &ra_scep_ops);
    ask(&e, op, &in);
    memcpy(reply, caps, sizeof caps - 1);
    answer(&e, reply, sizeof caps - 1, &result);
    ask(&e, op, &in);
    bool fuzz_set = (how & 3) == 3;
    size_t n = fuzz_set ? (rest.size < RA_REPLY_MAX ? rest.size : RA_REPLY_MAX) : set_size;
    if (n != 0) {
        memcpy(reply, fuzz_set ? rest.p : set, n);
    }
    answer(&e, reply, n, &result);
    fuzz_must(fuzz_set || result.outcome == RA_ENROLL_MORE, "our own certificates");
    if (!fuzz_set) {
        ask(&e, op, &in);
        if ((how & 3) == 0) {
            n = rest.size < RA_REPLY_MAX ? rest.size : RA_REPLY_MAX;
            if (n != 0) {
                memcpy(reply, rest.p, n);
            }
        } else {
            n = cert_rep(how & 3u, rest, e.scep.nonce, reply, RA_REPLY_MAX);
        }
        answer(&e, reply, n, &result);
        fuzz_must(result.outcome != RA_ENROLL_MORE && result.outcome <= RA_ENROLL_BROKEN, "an end");
        if (result.outcome == RA_ENROLL_ISSUED) {
            struct ra_span certs[RA_CHAIN_CERTS_MAX];
            size_t found = 0;
            fuzz_must(result.data.p >= reply &&
                          result.data.p + result.data.size <= reply + RA_REPLY_MAX,
                      "what was issued");
            (void)ra_cms_certs(reply + (result.data.p - reply), result.data.size,
                               RA_REPLY_MAX - (size_t)(result.data.p - reply), certs,
                               RA_CHAIN_CERTS_MAX, &found);
        }
    }
    fuzz_must(memchr(result.text, 0, sizeof result.text) != NULL, "the words have an end");
    fuzz_must(work.alg == RA_KEY_NONE || !work.is_private, "a private key stays behind");
    fuzz_free(reply);
    return 0;
}
