/* ra_http_server.h - the head of an HTTP/1.x request, for what an appliance serves itself.
 *
 * No I/O and no state: bytes in, views of them out [RFC 9112 3]. picohttpparser splits the lines.
 */
#ifndef RA_HTTP_SERVER_H
#define RA_HTTP_SERVER_H

#include "ra_der.h"
#include "ra_error.h"

#define RA_HTTP_SERVER_HEADERS_MAX 32 /* header lines of a request */

/* Views into the caller's bytes. */
struct ra_http_asked {
    struct ra_span method; /* "GET"                                    */
    struct ra_span path;   /* of the target, as sent                   */
    struct ra_span query;  /* behind the "?", as sent; empty when none */
};

/* Take the first `size` bytes received apart. RA_AGAIN: the head is not complete yet, call again
 * with all bytes so far and those that followed. RA_E_HTTP_SYNTAX: no such head, too many header
 * lines, or a target that is not in origin form (a path). One pass. */
ra_err ra_http_asked_parse(const uint8_t *p, size_t size, struct ra_http_asked *asked);

/* The value of the query's field `name`, as sent: nothing is decoded. False: there is none. */
bool ra_http_query(struct ra_span query, const char *name, struct ra_span *value);

#endif
