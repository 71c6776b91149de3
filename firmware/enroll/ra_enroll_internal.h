/* ra_enroll_internal.h - what the protocols share; not for others. */
#ifndef RA_ENROLL_INTERNAL_H
#define RA_ENROLL_INTERNAL_H

#include "ra_enroll.h"

/* The end of a conversation, or of one of its parts. RA_OK. */
ra_err ra_enroll_end(struct ra_enroll_result *r, enum ra_enroll_outcome outcome, ra_err cause);
/* The peer's words, cut. */
void ra_enroll_copy_text(struct ra_enroll_result *r, const char *text);
/* The web server's error status: 401, busy, or another. RA_OK. */
ra_err ra_enroll_http_failed(const struct ra_http_reply *http, struct ra_enroll_result *r);
/* Append `s` as a part of a path or a query may hold it [RFC 3986 2.3]. */
void ra_enroll_add_escaped(struct ra_text *t, const char *s);
/* The room from `p`, which lies in tools->reply, to that buffer's end. */
size_t ra_enroll_room(const struct ra_enroll_tools *t, const uint8_t *p);

#endif
