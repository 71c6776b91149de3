/* A URL as an operator types it, then what is joined to it or what a Location header says of it,
 * one a line. */
#include <string.h>

#include "fuzz.h"
#include "ra_url.h"

static void sane(const struct ra_url *u)
{
    fuzz_must(memchr(u->host, 0, sizeof u->host) != NULL && u->host[0] != 0, "the host");
    fuzz_must(memchr(u->path, 0, sizeof u->path) != NULL && u->path[0] == '/', "the path");
    for (const char *c = u->path; *c != 0; c++) {
        fuzz_must(*c > ' ' && *c < 0x7f, "what goes into a request line");
    }
    for (const char *c = u->host; *c != 0; c++) {
        fuzz_must(*c > ' ' && *c < 0x7f && *c != '/' && *c != ':' && *c != '@', "a host's name");
    }
    fuzz_must(u->port != 0, "the port");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    struct ra_span rest = {p, size};
    struct ra_span text = fuzz_part(&rest, '\n');
    struct ra_url url;
    if (ra_url_parse(&url, (const char *)text.p, text.size) != RA_OK) {
        return 0;
    }
    sane(&url);
    while (rest.size != 0) {
        char suffix[300];
        struct ra_url was = url, joined = url;
        struct ra_span line = fuzz_part(&rest, '\n');
        if (ra_url_follow(&url, (const char *)line.p, line.size) != RA_OK) {
            fuzz_must(memcmp(&url, &was, sizeof url) == 0, "unchanged on failure");
        } else {
            const char *dots = strstr(url.path, "/../"), *query = strchr(url.path, '?');
            fuzz_must(dots == NULL || (query != NULL && query < dots), "dot segments");
        }
        fuzz_must(ra_url_same_origin(&url, &was), "a redirect stays on its server");
        sane(&url);
        if (line.size < sizeof suffix && line.size != 0 && memchr(line.p, 0, line.size) == NULL) {
            memcpy(suffix, line.p, line.size);
            suffix[line.size] = 0;
            if (ra_url_join(&joined, suffix) != RA_OK) {
                fuzz_must(memcmp(&joined, &was, sizeof joined) == 0, "unchanged on failure");
            }
            fuzz_must(memchr(joined.path, 0, sizeof joined.path) != NULL, "the joined path");
        }
    }
    return 0;
}
