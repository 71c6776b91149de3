#include "ra_url.h"

#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool starts_nocase(const char *p, size_t size, const char *with)
{
    for (; *with != '\0'; p++, with++, size--) {
        if (size == 0 || lower(*p) != *with) {
            return false;
        }
    }
    return true;
}

static bool is_host_char(char c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* What may stand in a path or query without being encoded, and '%'. */
static bool is_path_char(char c)
{
    return c > ' ' && c < 0x7f && strchr("\"<>\\^`{|}#", c) == NULL;
}

static bool path_ok(const char *path, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_path_char(path[i])) {
            return false;
        }
    }
    return true;
}

/* Scheme, host and port; `*used` is where the path begins. */
static ra_err parse_authority(struct ra_url *url, const char *text, size_t size, size_t *used)
{
    size_t at;
    if (starts_nocase(text, size, "http://")) {
        url->tls = false;
        url->port = 80;
        at = 7;
    } else if (starts_nocase(text, size, "https://")) {
        url->tls = true;
        url->port = 443;
        at = 8;
    } else {
        return RA_E_HTTP_SCHEME;
    }

    size_t n = 0;
    bool label = false; /* the present label has a character */
    for (; at < size && is_host_char(text[at]); at++) {
        if (n == RA_HOST_MAX || (text[at] == '.' && !label)) {
            return RA_E_URL;
        }
        label = text[at] != '.';
        url->host[n++] = lower(text[at]);
    }
    if (n == 0) {
        return RA_E_URL;
    }
    url->host[n] = '\0';

    if (at < size && text[at] == ':') {
        uint32_t port = 0;
        size_t digits = 0;
        for (at++; at < size && text[at] >= '0' && text[at] <= '9'; at++) {
            port = port * 10 + (uint32_t)(text[at] - '0');
            if (port > 65535) {
                return RA_E_URL;
            }
            digits++;
        }
        /* RFC 3986 allows "http://host:/"; it means the default port. */
        if (digits != 0) {
            if (port == 0) {
                return RA_E_URL;
            }
            url->port = (uint16_t)port;
        }
    }
    if (at < size && text[at] != '/' && text[at] != '?') {
        return RA_E_URL;
    }
    *used = at;
    return RA_OK;
}

ra_err ra_url_parse(struct ra_url *url, const char *text, size_t text_size)
{
    if (text_size > RA_URL_MAX) {
        return RA_E_URL;
    }
    size_t at = 0;
    ra_err e = parse_authority(url, text, text_size, &at);
    if (e != RA_OK) {
        return e;
    }
    size_t n = 0;
    if (at == text_size || text[at] != '/') {
        url->path[n++] = '/';
    }
    if (!path_ok(text + at, text_size - at)) {
        return RA_E_URL;
    }
    memcpy(url->path + n, text + at, text_size - at);
    url->path[n + text_size - at] = '\0';
    return RA_OK;
}

ra_err ra_url_join(struct ra_url *url, const char *suffix)
{
    size_t have = strlen(url->path);
    size_t size = strlen(suffix);
    if (strchr(url->path, '?') != NULL || !path_ok(suffix, size)) {
        return RA_E_URL;
    }
    char *end = url->path + have;
    bool slash = false;
    if (size > 0 && suffix[0] != '?') {
        if (suffix[0] == '/') {
            suffix++;
            size--;
        }
        slash = have == 0 || end[-1] != '/';
    }
    if (have + slash + size > RA_URL_PATH_MAX) {
        return RA_E_URL;
    }
    if (slash) {
        *end++ = '/';
    }
    memcpy(end, suffix, size + 1);
    return RA_OK;
}

/* RFC 3986 §5.2.4 on the part before the query, in place. */
static void remove_dots(char *path)
{
    char *out = path;
    const char *in = path;
    while (*in == '/') {
        size_t n = 1;
        while (in[n] != '\0' && in[n] != '/' && in[n] != '?') {
            n++;
        }
        bool one = n == 2 && in[1] == '.';
        bool two = n == 3 && in[1] == '.' && in[2] == '.';
        if (two) {
            while (out > path && *--out != '/') {
            }
        }
        if (!one && !two) {
            memmove(out, in, n);
            out += n;
        } else if (in[n] != '/') {
            *out++ = '/';
        }
        in += n;
    }
    memmove(out, in, strlen(in) + 1);
}

ra_err ra_url_follow(struct ra_url *url, const char *location, size_t location_size)
{
    const char *hash = memchr(location, '#', location_size);
    if (hash != NULL) {
        location_size = (size_t)(hash - location);
    }
    if (location_size == 0 || !path_ok(location, location_size)) {
        return RA_E_HTTP_REDIRECT;
    }

    struct ra_url to = *url;
    size_t keep = 0; /* of the present path */
    if (location_size >= 2 && location[0] == '/' && location[1] == '/') {
        /* "//host/path" names a server without a scheme: none we know does it. */
        return RA_E_HTTP_REDIRECT;
    }
    size_t colon = 0;
    while (colon < location_size && strchr(":/?", location[colon]) == NULL) {
        colon++;
    }
    if (colon < location_size && location[colon] == ':') {
        size_t at = 0;
        if (parse_authority(&to, location, location_size, &at) != RA_OK ||
            !ra_url_same_origin(&to, url)) {
            return RA_E_HTTP_REDIRECT;
        }
        location += at;
        location_size -= at;
        if (location_size == 0 || location[0] == '?') {
            keep = 1;
            to.path[0] = '/';
        }
    } else if (location[0] == '?') {
        keep = strcspn(to.path, "?");
    } else if (location[0] != '/') {
        keep = strcspn(to.path, "?");
        while (keep > 0 && to.path[keep - 1] != '/') {
            keep--;
        }
    }
    if (keep + location_size > RA_URL_PATH_MAX) {
        return RA_E_HTTP_REDIRECT;
    }
    memcpy(to.path + keep, location, location_size);
    to.path[keep + location_size] = '\0';
    remove_dots(to.path);
    *url = to;
    return RA_OK;
}

bool ra_url_same_origin(const struct ra_url *a, const struct ra_url *b)
{
    return a->tls == b->tls && a->port == b->port && strcmp(a->host, b->host) == 0;
}
