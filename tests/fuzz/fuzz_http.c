/* A reply of a web server, whole, byte by byte and in random pieces. */
#include <string.h>

#include "fuzz.h"
#include "ra_http.h"

#define CAP (RA_HTTP_BUFFER_MIN + 512)

struct seen {
    struct ra_http http;
    ra_err outcome;
    uint8_t *buf;
};

static void run(struct seen *s, const uint8_t *p, size_t size, struct fuzz_pieces pieces)
{
    static const char there[] = "http://ca.example.test/certsrv";
    struct ra_url url;
    struct ra_http_request request = {.method = RA_HTTP_GET};
    size_t n, at = 0;
    memset(s, 0, sizeof *s);
    s->buf = fuzz_copy(p, 0, CAP);
    memset(s->buf, 0x5a, CAP);
    fuzz_must(ra_url_parse(&url, there, sizeof there - 1) == RA_OK, "the address");
    fuzz_must(ra_http_init(&s->http, s->buf, CAP) == RA_OK, "ra_http_init");
    fuzz_must(ra_http_start(&s->http, &request, &url, 1800000000) == RA_OK, "ra_http_start");
    while ((ra_http_wants(&s->http) & RA_HTTP_WANT_SEND) != 0) {
        (void)ra_http_out(&s->http, &n);
        fuzz_must(n != 0 && n <= RA_HTTP_OUT_MAX, "the sending window");
        ra_http_out_taken(&s->http, n);
    }
    while ((ra_http_wants(&s->http) & RA_HTTP_WANT_RECEIVE) != 0 && at < size) {
        uint8_t *to = ra_http_in(&s->http, &n);
        fuzz_must(n >= 1 && (size_t)n <= CAP, "room to receive");
        n = n < size - at ? n : size - at;
        n = fuzz_piece(&pieces, n);
        memcpy(to, p + at, n);
        at += n;
        ra_http_in_given(&s->http, n);
    }
    if (ra_http_wants(&s->http) != RA_HTTP_FINISHED) {
        fuzz_must(ra_http_outcome(&s->http) == RA_AGAIN, "not finished, and no RA_AGAIN");
        ra_http_in_closed(&s->http);
    }
    fuzz_must(ra_http_wants(&s->http) == RA_HTTP_FINISHED, "no end after the connection's");
    s->outcome = ra_http_outcome(&s->http);
    fuzz_must(s->outcome != RA_AGAIN, "finished, and RA_AGAIN");
}

static void same(const struct seen *a, const struct seen *b)
{
    const struct ra_http_reply *x = ra_http_reply(&a->http), *y = ra_http_reply(&b->http);
    fuzz_must(a->outcome == b->outcome, "pieces: the same outcome");
    if (a->outcome != RA_OK) {
        return;
    }
    fuzz_must(x->status == y->status && x->auth == y->auth && x->date == y->date &&
                  x->retry_after_s == y->retry_after_s &&
                  strcmp(x->content_type, y->content_type) == 0 &&
                  strcmp(x->reason, y->reason) == 0,
              "pieces: the same head");
    fuzz_must(x->body_size == y->body_size &&
                  (x->body_size == 0 || memcmp(x->body, y->body, x->body_size) == 0),
              "pieces: the same body");
    fuzz_must(x->location_size == y->location_size &&
                  (x->location == NULL) == (y->location == NULL) &&
                  (x->location == NULL || memcmp(x->location, y->location, x->location_size) == 0),
              "pieces: the same location");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static struct seen seen[FUZZ_WAYS];
    for (unsigned way = 0; way < FUZZ_WAYS; way++) {
        run(&seen[way], p, size, (struct fuzz_pieces){(enum fuzz_way)way, fuzz_hash(p, size)});
    }
    const struct ra_http_reply *r = ra_http_reply(&seen[0].http);
    if (seen[0].outcome == RA_OK) {
        fuzz_must(r->status >= 200 && r->status <= 599, "the status");
        fuzz_must(r->body_size <= CAP - RA_HTTP_OUT_MAX || r->body_size <= size, "the body's size");
        fuzz_must(r->retry_after_s >= -1 && r->retry_after_s <= INT32_MAX, "Retry-After");
    }
    same(&seen[0], &seen[1]);
    same(&seen[0], &seen[2]);
    for (unsigned way = 0; way < FUZZ_WAYS; way++) {
        fuzz_free(seen[way].buf);
    }
    return 0;
}
