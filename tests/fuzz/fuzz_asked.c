/* The head of a request to a server of the appliance's own; a NUL byte ends it, behind it comes the name
 * of a field to look for in its query. */
#include <string.h>

#include "fuzz.h"
#include "ra_http_server.h"

static void within(struct ra_span part, struct ra_span whole)
{
    fuzz_must(part.size == 0 || (part.p >= whole.p && part.p + part.size <= whole.p + whole.size),
              "a view of what came");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    struct ra_span rest = {p, size};
    struct ra_span text = fuzz_part(&rest, 0);
    struct ra_http_asked asked, early;
    struct ra_span value = {NULL, 0};
    char name[32] = "operation";
    ra_err e = ra_http_asked_parse(text.p, text.size, &asked);
    /* Not complete at one size: not wrong, or else wrong at each larger one. */
    size_t part = text.size / 2;
    ra_err half = ra_http_asked_parse(text.p, part, &early);
    fuzz_must(half == RA_AGAIN || half == e, "more bytes change what was decided");
    if (e != RA_OK) {
        return 0;
    }
    within(asked.method, text);
    within(asked.path, text);
    within(asked.query, text);
    fuzz_must(asked.method.size > 0 && asked.path.size > 0 && asked.path.p[0] == '/',
              "what there is");
    fuzz_must(memchr(asked.path.p, '?', asked.path.size) == NULL, "a query in the path");
    if (rest.size > 0 && rest.size < sizeof name) {
        memcpy(name, rest.p, rest.size);
        name[rest.size] = 0;
    }
    if (ra_http_query(asked.query, name, &value)) {
        within(value, asked.query);
        fuzz_must(memchr(value.p, '&', value.size) == NULL, "a value ends at its field's end");
    }
    return 0;
}
