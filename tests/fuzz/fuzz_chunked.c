/* A body in chunks, after a head that announces it: whole, byte by byte and in random pieces. */
#include <string.h>

#include "fuzz.h"
#include "ra_http.h"

#define CAP RA_HTTP_BUFFER_MIN

static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

static struct ra_http http;

static void give(const char *from, size_t size, struct fuzz_pieces *pieces)
{
    const uint8_t *p = (const uint8_t *)from;
    while (size != 0 && (ra_http_wants(&http) & RA_HTTP_WANT_RECEIVE) != 0) {
        size_t n;
        uint8_t *to = ra_http_in(&http, &n);
        fuzz_must(n >= 1, "room to receive");
        n = fuzz_piece(pieces, n < size ? n : size);
        memcpy(to, p, n);
        ra_http_in_given(&http, n);
        p += n;
        size -= n;
    }
}

static ra_err run(const uint8_t *p, size_t size, uint8_t *buf, struct fuzz_pieces pieces)
{
    static const char there[] = "http://ca/";
    struct ra_url url;
    struct ra_http_request request = {.method = RA_HTTP_GET};
    size_t n;
    fuzz_must(ra_url_parse(&url, there, sizeof there - 1) == RA_OK, "the address");
    fuzz_must(ra_http_init(&http, buf, CAP) == RA_OK, "ra_http_init");
    fuzz_must(ra_http_start(&http, &request, &url, RA_HTTP_NO_TIME) == RA_OK, "ra_http_start");
    while ((ra_http_wants(&http) & RA_HTTP_WANT_SEND) != 0) {
        (void)ra_http_out(&http, &n);
        ra_http_out_taken(&http, n);
    }
    give(head, sizeof head - 1, &pieces);
    give((const char *)p, size, &pieces);
    if (ra_http_wants(&http) != RA_HTTP_FINISHED) {
        ra_http_in_closed(&http);
        fuzz_must(ra_http_outcome(&http) != RA_OK, "a body without its last chunk");
    }
    fuzz_must(ra_http_wants(&http) == RA_HTTP_FINISHED, "an end");
    return ra_http_outcome(&http);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    uint8_t *first = fuzz_copy(p, 0, CAP), *buf = fuzz_copy(p, 0, CAP);
    ra_err outcome = run(p, size, first, (struct fuzz_pieces){FUZZ_WHOLE, 0});
    struct ra_span body = {NULL, 0};
    if (outcome == RA_OK) {
        body = (struct ra_span){ra_http_reply(&http)->body, ra_http_reply(&http)->body_size};
        fuzz_must(body.size <= size, "a body larger than its chunks");
    }
    for (unsigned way = FUZZ_BYTES; way < FUZZ_WAYS; way++) {
        ra_err other =
            run(p, size, buf, (struct fuzz_pieces){(enum fuzz_way)way, fuzz_hash(p, size)});
        fuzz_must(other == outcome, "pieces: the same outcome");
        fuzz_must(other != RA_OK ||
                      ra_span_equal(body, (struct ra_span){ra_http_reply(&http)->body,
                                                           ra_http_reply(&http)->body_size}),
                  "pieces: the same body");
    }
    fuzz_free(first);
    fuzz_free(buf);
    return 0;
}
