/* Several replies one after the other on connections that close, stay or break: redirects, resending,
 * reuse. The bytes between two 0xff 0xff 0xfe are one reply; behind the last one the peer is silent. */
#include <string.h>

#include "fake_transport.h"
#include "fuzz.h"
#include "ra_exchange.h"

static struct fake_transport peer;
static struct ra_exchange x;
static struct ra_span rest;
static uint8_t buf[RA_HTTP_BUFFER_MIN];

static void serve(void *ctx, unsigned number, const char *request, size_t request_size,
                  struct fake_reply *reply)
{
    static const uint8_t mark[] = {0xff, 0xff, 0xfe};
    size_t n = 0;
    (void)ctx;
    (void)number;
    fuzz_must(fake_request_whole(request, request_size) == request_size, "a whole request");
    fuzz_must(memcmp(request, "GET ", 4) == 0 || memcmp(request, "POST ", 5) == 0, "a method");
    while (n + sizeof mark <= rest.size && memcmp(rest.p + n, mark, sizeof mark) != 0) {
        n++;
    }
    n = n + sizeof mark <= rest.size ? n : rest.size;
    struct ra_span bytes = fuzz_take(&rest, n);
    (void)fuzz_take(&rest, sizeof mark);
    uint32_t h = fuzz_hash(bytes.p, bytes.size);
    *reply = (struct fake_reply){.bytes = bytes.size != 0 ? bytes.p : NULL,
                                 .size = bytes.size,
                                 .end = (enum fake_end)(h % 3u)};
}

static size_t body_read(void *ctx, size_t offset, uint8_t *to, size_t cap)
{
    (void)ctx;
    (void)offset;
    memset(to, 'b', cap);
    return cap;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    struct ra_url url;
    uint64_t now = 1000;
    uint32_t h = fuzz_hash(p, size);
    bool post = (h & 1) != 0;
    struct ra_http_request request = {.method = post ? RA_HTTP_POST : RA_HTTP_GET,
                                      .url = &url,
                                      .repeatable = (h & 2) != 0,
                                      .body_size = post ? 100 : 0,
                                      .body_read = post ? body_read : NULL};
    rest = (struct ra_span){p, size};
    fuzz_must(ra_url_parse(&url, "http://ca.example.test/a/b", 26) == RA_OK, "the address");
    fake_transport_init(&peer);
    peer.serve = serve;
    peer.random = h | 1u;
    peer.piece_max = 1 + h % 300u;
    fuzz_must(ra_exchange_init(&x, &peer.transport, NULL, buf, sizeof buf) == RA_OK, "init");
    for (unsigned i = 0; i < 3; i++) {
        uint64_t began = now;
        ra_err err = ra_exchange_start(&x, &request, now, RA_HTTP_NO_TIME);
        unsigned before = peer.requests;
        for (unsigned steps = 0; err == RA_OK || err == RA_AGAIN; steps++) {
            fuzz_must(steps < 200000, "an exchange that does not end");
            err = ra_exchange_step(&x, now);
            if (err != RA_AGAIN) {
                break;
            }
            uint32_t wait = ra_exchange_wait_ms(&x, now);
            now += steps % 8u == 7u && wait != UINT32_MAX ? wait : 0;
        }
        fuzz_must(now - began <= ra_exchange_limits_default.total_ms + 1,
                  "the time of an exchange");
        fuzz_must(peer.requests - before <= 2 * (RA_EXCHANGE_REDIRECTS_MAX + 1), "requests");
        fuzz_must(strcmp(peer.host, "ca.example.test") == 0 && peer.port == 80, "another server");
        if (err == RA_OK) {
            const struct ra_http_reply *r = ra_exchange_reply(&x);
            fuzz_must(r->status >= 200 && r->status <= 599, "a status");
        }
        now += h % 20000u;
    }
    ra_exchange_cancel(&x);
    return 0;
}
