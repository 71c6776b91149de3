/* A page of AD CS Web Enrollment in answer to each of the four operations. */
#include <string.h>

#include "fuzz.h"
#include "ra_adcs.h"

static void read_reply(enum ra_enroll_op op, unsigned status, const uint8_t *p, size_t size)
{
    static struct ra_enroll enroll;
    struct ra_enroll_result result;
    struct ra_http_request request;
    struct ra_http_reply reply = {
        .status = (uint16_t)status, .retry_after_s = -1, .body_size = size};
    struct ra_url url;
    struct ra_enroll_input input = {.url = &url,
                                    .id = "6",
                                    .template_name = "CEPEncryption",
                                    .request = (const uint8_t *)"0",
                                    .request_size = 1};
    fuzz_must(ra_url_parse(&url, "http://ca/certsrv", 17) == RA_OK, "the address");
    uint8_t *body = fuzz_copy(p, size, size);
    reply.body = body;
    ra_enroll_init(&enroll, &ra_adcs_ops);
    fuzz_must(ra_enroll_request(&enroll, op, &input, &request) == RA_OK, "a request");
    memset(&result, 0xa5, sizeof result);
    fuzz_must(ra_enroll_reply(&enroll, &reply, &result) == RA_OK, "no other value");
    fuzz_must(result.outcome <= RA_ENROLL_BROKEN, "the outcome");
    bool good = result.outcome == RA_ENROLL_MORE || result.outcome == RA_ENROLL_ISSUED ||
                result.outcome == RA_ENROLL_PENDING;
    fuzz_must(good == (result.cause == RA_OK), "a cause where something went wrong, only there");
    const char *end = memchr(result.id, 0, sizeof result.id);
    fuzz_must(end != NULL, "the id has an end");
    for (const char *c = result.id; c < end; c++) {
        fuzz_must(*c >= '0' && *c <= '9', "an id of digits");
    }
    end = memchr(result.text, 0, sizeof result.text);
    fuzz_must(end != NULL, "the words have an end");
    for (const char *c = result.text; c < end; c++) {
        fuzz_must(*c >= ' ' && *c < 0x7f, "the words are printable");
    }
    if (result.outcome == RA_ENROLL_ISSUED && result.kind != RA_ENROLL_DATA_NONE) {
        fuzz_must(result.data.p >= body && result.data.p + result.data.size <= body + size,
                  "what was issued");
    }
    if (result.outcome == RA_ENROLL_MORE) {
        fuzz_must(ra_enroll_request(&enroll, result.next, &input, &request) == RA_OK,
                  "the next request");
    }
    fuzz_free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static const unsigned statuses[] = {200, 200, 200, 401, 403, 404, 500, 503};
    for (int op = RA_ENROLL_SUBMIT; op <= RA_ENROLL_CACERT; op++) {
        read_reply((enum ra_enroll_op)op, statuses[fuzz_hash(p, size) % 8], p, size);
        read_reply((enum ra_enroll_op)op, 200, p, size);
    }
    return 0;
}
