#include "ra_enroll.h"

#include <string.h>

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

bool ra_enroll_unanswered(const struct ra_enroll *e)
{
    return e->ops->dispensable != NULL && e->ops->dispensable(e);
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
