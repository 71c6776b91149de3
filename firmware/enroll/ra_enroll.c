#include "ra_enroll_internal.h"

#include <string.h>

static ra_err absent(struct ra_enroll *e, enum ra_enroll_op op, const struct ra_enroll_input *in,
                     struct ra_http_request *out)
{
    (void)e, (void)op, (void)in, (void)out;
    return RA_E_UNSUPPORTED;
}

const struct ra_enroll_ops ra_enroll_absent = {
    .name = "absent", .message = RA_ENROLL_MESSAGE_PKCS10, .request = absent};

void ra_enroll_init(struct ra_enroll *e, const struct ra_enroll_ops *ops)
{
    memset(e, 0, sizeof *e);
    e->ops = ops;
}

ra_err ra_enroll_request(struct ra_enroll *e, enum ra_enroll_op op,
                         const struct ra_enroll_input *in, struct ra_http_request *out)
{
    memset(out, 0, sizeof *out);
    if (e->op != op) {
        e->part = 0;
    }
    e->op = (uint8_t)op;
    e->in = in;
    e->suffix[0] = '\0';
    out->url = in->url;
    out->suffix = e->suffix;
    out->user = in->user;
    out->password = in->password;
    out->allow_plaintext = in->allow_plaintext;
    return e->ops->request(e, op, in, out);
}

bool ra_enroll_unanswered(const struct ra_enroll *e, ra_err cause, bool heard)
{
    return e->ops->dispensable != NULL && e->ops->dispensable(e, cause, heard);
}

ra_err ra_enroll_reply(struct ra_enroll *e, const struct ra_http_reply *reply,
                       struct ra_enroll_result *result)
{
    memset(result, 0, sizeof *result);
    result->outcome = RA_ENROLL_BROKEN;
    result->cause = RA_E_CA_ANSWER;
    result->next = (enum ra_enroll_op)e->op;
    result->http_status = reply->status;
    result->retry_after_s = reply->retry_after_s;
    return e->ops->reply(e, reply, result);
}

/* --- for the protocols ------------------------------------------------------------------ */

ra_err ra_enroll_end(struct ra_enroll_result *r, enum ra_enroll_outcome outcome, ra_err cause)
{
    r->outcome = outcome;
    r->cause = cause;
    return RA_OK;
}

void ra_enroll_copy_text(struct ra_enroll_result *r, const char *text)
{
    size_t n = strlen(text);
    n = n < RA_PEER_TEXT_MAX ? n : RA_PEER_TEXT_MAX;
    memcpy(r->text, text, n);
    r->text[n] = '\0';
}

ra_err ra_enroll_http_failed(const struct ra_http_reply *http, struct ra_enroll_result *r)
{
    ra_enroll_copy_text(r, http->reason);
    r->auth = http->auth;
    if (http->status == 401) {
        return ra_enroll_end(r, RA_ENROLL_UNAUTHENTICATED, RA_E_HTTP_AUTH);
    }
    bool busy = http->status == 503 || http->status == 429;
    return ra_enroll_end(r, RA_ENROLL_FAILED, busy ? RA_E_HTTP_BUSY : RA_E_HTTP_STATUS);
}

static bool unreserved(char c)
{
    char letter = (char)(c | 0x20);
    return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void ra_enroll_add_escaped(struct ra_text *t, const char *s)
{
    for (; *s != '\0'; s++) {
        if (unreserved(*s)) {
            ra_text_add_char(t, *s);
        } else {
            ra_text_add_char(t, '%');
            ra_text_add_hex(t, (const uint8_t *)s, 1, 0);
        }
    }
}

size_t ra_enroll_room(const struct ra_enroll_tools *t, const uint8_t *p)
{
    return t->reply_cap - (size_t)(p - t->reply);
}
