/* ra_url.h - http and https URLs as this product uses them (RFC 3986, RFC 9110 §4.2).
 *
 * Accepted:  http://HOST[:PORT][/PATH][?QUERY] and https://..., HOST a DNS name
 *            (letters, digits, '-', '_', '.') or an IPv4 address.
 * Refused:   user names in the URL, fragments, IPv6 literals ("[::1]"), any
 *            byte that is not allowed in a URL (blanks, quotes, beyond ASCII),
 *            port 0, more than RA_URL_MAX characters. All with RA_E_URL.
 *
 * Nothing here keeps a pointer to its input. All calls are bounded by the
 * length of their text, at most a few hundred characters.
 */
#ifndef RA_URL_H
#define RA_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"
#include "ra_limits.h"

/* Path and query of a request: a configured URL and what a protocol adds to it. */
#define RA_URL_PATH_MAX (RA_URL_MAX + 104)

struct ra_url {
    bool tls;                       /* https                                       */
    uint16_t port;                  /* 80 or 443 where the text names none         */
    char host[RA_HOST_MAX + 1];     /* lower case, without port                    */
    char path[RA_URL_PATH_MAX + 1]; /* begins with '/'; with the query; no fragment */
};

/* Read `text`. On failure `*url` is not to be used.
 * Returns RA_OK, RA_E_URL, RA_E_HTTP_SCHEME (neither http nor https). */
ra_err ra_url_parse(struct ra_url *url, const char *text, size_t text_size);

/* Append `suffix` to `url->path`: with exactly one '/' between, or with none
 * when the suffix begins with '?'. The path must have no query then.
 * Returns RA_OK, RA_E_URL (too long, or two queries); the path is unchanged on failure. */
ra_err ra_url_join(struct ra_url *url, const char *suffix);

/* Go where a Location header points, seen from `url` (RFC 3986 §5.2, dot
 * segments removed). Only inside the same scheme, host and port.
 * Returns RA_OK and the new `url->path`, RA_E_HTTP_REDIRECT when the target is
 * another server or no URL of ours; `*url` is unchanged on failure. */
ra_err ra_url_follow(struct ra_url *url, const char *location, size_t location_size);

/* Same scheme, host and port. */
bool ra_url_same_origin(const struct ra_url *a, const struct ra_url *b);

#endif
