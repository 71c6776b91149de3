#include "ra_http_server.h"

#include <string.h>

#include "picohttpparser.h"

ra_err ra_http_asked_parse(const uint8_t *p, size_t size, struct ra_http_asked *asked)
{
    struct phr_header headers[RA_HTTP_SERVER_HEADERS_MAX];
    size_t count = RA_HTTP_SERVER_HEADERS_MAX;
    const char *method = NULL, *target = NULL;
    size_t method_size = 0, target_size = 0;
    int minor = 0;
    memset(asked, 0, sizeof *asked);
    int end = phr_parse_request((const char *)p, size, &method, &method_size, &target, &target_size,
                                &minor, headers, &count, 0);
    if (end == -2) {
        return RA_AGAIN;
    }
    if (end < 0 || method_size == 0 || target_size == 0 || target[0] != '/') {
        return RA_E_HTTP_SYNTAX;
    }
    const uint8_t *path = (const uint8_t *)target;
    const uint8_t *mark = memchr(path, '?', target_size);
    size_t path_size = mark != NULL ? (size_t)(mark - path) : target_size;
    asked->method = (struct ra_span){(const uint8_t *)method, method_size};
    asked->path = (struct ra_span){path, path_size};
    if (mark != NULL) {
        asked->query = (struct ra_span){mark + 1, target_size - path_size - 1};
    }
    return RA_OK;
}

bool ra_http_query(struct ra_span query, const char *name, struct ra_span *value)
{
    size_t name_size = strlen(name);
    while (query.size > 0) {
        const uint8_t *end = memchr(query.p, '&', query.size);
        size_t size = end != NULL ? (size_t)(end - query.p) : query.size;
        if (size > name_size && query.p[name_size] == '=' &&
            memcmp(query.p, name, name_size) == 0) {
            *value = (struct ra_span){query.p + name_size + 1, size - name_size - 1};
            return true;
        }
        size_t skip = end != NULL ? size + 1 : size;
        query.p += skip;
        query.size -= skip;
    }
    return false;
}
