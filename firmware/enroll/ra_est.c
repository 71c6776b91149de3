#include "ra_est.h"

#include <string.h>

#include "ra_enroll_internal.h"
#include "ra_est_attrs.h"
#include "ra_pem.h"

#define LINE 64 /* characters of base64 in a line */

/* The exchanges of a conversation. */
enum part { PART_CACERTS, PART_ATTRS, PART_ENROLL };

/* --- requests ------------------------------------------------------------------------- */

static ra_err set_path(struct ra_enroll *e, const char *operation)
{
    const struct ra_enroll_input *in = e->in;
    struct ra_text t;
    ra_text_init(&t, e->suffix, sizeof e->suffix);
    if (strcmp(in->url->path, "/") == 0) {
        ra_text_add(&t, ".well-known/est/");
    }
    if (in->est->label[0] != '\0') {
        ra_enroll_add_escaped(&t, in->est->label);
        ra_text_add_char(&t, '/');
    }
    ra_text_add(&t, operation);
    return t.cut ? RA_E_LIMIT : RA_OK;
}

static size_t read_body(void *ctx, size_t offset, uint8_t *to, size_t cap)
{
    const struct ra_enroll *e = ctx;
    return ra_base64_read(e->est.message, LINE, offset, (char *)to, cap);
}

static bool wants_binding(const struct ra_enroll *e)
{
    uint8_t policy = e->in->est->binding;
    return policy == RA_EST_BINDING_ALWAYS ||
           (policy == RA_EST_BINDING_ASKED && e->est.asked_binding);
}

enum amend { AMEND_INFO, AMEND_KEY, AMEND_SIGN };

/* The request once more, as the server asks for it. */
static ra_err amend(struct ra_enroll *e)
{
    const struct ra_enroll_tools *t = e->in->tools;
    struct ra_est *s = &e->est;
    uint8_t binding[RA_BINDING_MAX];
    char text[RA_BINDING_MAX / 3 * 4 + 1];
    bool bound = wants_binding(e);
    ra_err err;
    switch (s->step) {
    case AMEND_INFO: {
        struct ra_span bytes = {binding, bound ? t->binding(t->ctx, binding, sizeof binding) : 0};
        if (bound && bytes.size == 0) {
            return RA_E_EST_BINDING;
        }
        text[ra_base64_read(bytes, 0, 0, text, sizeof text - 1)] = '\0';
        err =
            ra_csr_amend(t->message, t->message_cap, s->message, bound ? text : NULL, &s->message);
        break;
    }
    case AMEND_KEY:
        err = t->request_key(t->ctx, t->key);
        break;
    default:
        err = ra_csr_sign(t->message, t->message_cap, s->message, t->key, t->random, s->hash,
                          &s->message);
        ra_key_wipe(t->key);
        return err;
    }
    if (err == RA_OK) {
        s->step++;
        return RA_AGAIN;
    }
    return err;
}

static ra_err send_request(struct ra_enroll *e, struct ra_http_request *out)
{
    const struct ra_enroll_input *in = e->in;
    struct ra_est *s = &e->est;
    bool bound = wants_binding(e);
    if (bound || s->hash != RA_HASH_SHA256) {
        ra_err err = amend(e);
        if (err != RA_OK) {
            return err;
        }
    }
    s->step = 0;
    out->method = RA_HTTP_POST;
    /* Twice the same request is one that is asked about [RFC 7030 4.2.3]. */
    out->repeatable = !bound;
    out->bound = bound;
    out->content_type = "application/pkcs10";
    out->body_size = ra_base64_size(s->message.size, LINE);
    out->body_read = read_body;
    out->body_ctx = e;
    return set_path(e, in->first || in->est->as_new ? "simpleenroll" : "simplereenroll");
}

static ra_err request(struct ra_enroll *e, enum ra_enroll_op op, const struct ra_enroll_input *in,
                      struct ra_http_request *out)
{
    out->method = RA_HTTP_GET;
    if (op != RA_ENROLL_SUBMIT && op != RA_ENROLL_CACERT) {
        return RA_E_UNSUPPORTED;
    }
    if (in->tools == NULL || (op == RA_ENROLL_SUBMIT && in->request_size == 0)) {
        return RA_E_ARGUMENT;
    }
    if (!in->url->tls) {
        return RA_E_EST_PLAIN;
    }
    switch (e->part) {
    case PART_CACERTS:
        memset(&e->est, 0, sizeof e->est);
        e->est.hash = RA_HASH_SHA256;
        e->est.message = (struct ra_span){in->request, in->request_size};
        return set_path(e, "cacerts");
    case PART_ATTRS:
        return set_path(e, "csrattrs");
    default:
        return send_request(e, out);
    }
}

/* --- replies -------------------------------------------------------------------------- */

static ra_err go_on(struct ra_enroll *e, struct ra_enroll_result *r, enum part part)
{
    e->part = (uint8_t)part;
    e->est.step = 0;
    return ra_enroll_end(r, RA_ENROLL_MORE, RA_OK);
}

static ra_err refused(const struct ra_http_reply *http, struct ra_enroll_result *r)
{
    (void)ra_enroll_http_failed(http, r);
    if (strcmp(http->content_type, "text/plain") == 0 && http->body_size != 0) {
        struct ra_text t;
        ra_text_init(&t, r->text, sizeof r->text);
        for (size_t i = 0; i < http->body_size && !t.cut; i++) {
            uint8_t c = http->body[i];
            bool blank = c == '\r' || c == '\n' || c == '\t';
            ra_text_add_char(&t, blank ? ' ' : c >= ' ' && c < 0x7f ? (char)c : '?');
        }
    }
    if (http->status == 400) {
        r->cause = RA_E_CA_REQUEST;
    } else if (http->status == 403) {
        return ra_enroll_end(r, RA_ENROLL_DENIED, RA_E_CA_DENIED);
    }
    return RA_OK;
}

enum cacerts { CACERTS_READ, CACERTS_ROLLOVER, CACERTS_STAGE };

static ra_err read_cacerts(struct ra_enroll *e, const struct ra_http_reply *http,
                           struct ra_enroll_result *r)
{
    const struct ra_enroll_tools *t = e->in->tools;
    struct ra_est *s = &e->est;
    size_t size;
    ra_err err;
    switch (s->step) {
    case CACERTS_READ:
        if (http->status != 200) {
            return ra_enroll_http_failed(http, r);
        }
        err = ra_pem_to_der(http->body, http->body_size, http->body, http->body_size, &size);
        if (err == RA_OK) {
            err = ra_ca_set_read(&s->set, http->body, size, ra_enroll_room(t, http->body), t->ca,
                                 t->ca_cap);
        }
        if (err != RA_OK) {
            return ra_enroll_end(r, RA_ENROLL_BROKEN, err);
        }
        s->step = CACERTS_ROLLOVER;
        return RA_AGAIN;
    case CACERTS_ROLLOVER:
        err = ra_ca_set_rollover_step(&s->set, t, &s->next);
        if (err != RA_OK) {
            return err == RA_AGAIN ? err : go_on(e, r, PART_ATTRS);
        }
        s->step = CACERTS_STAGE;
        return RA_AGAIN;
    default:
        /* No place left: the CA there is serves on. */
        err = t->stage_anchor(t->ctx, s->next);
        s->step = err == RA_AGAIN ? CACERTS_STAGE : CACERTS_ROLLOVER;
        return RA_AGAIN;
    }
}

static ra_err read_attrs(struct ra_enroll *e, const struct ra_http_reply *http,
                         struct ra_enroll_result *r)
{
    struct ra_est *s = &e->est;
    struct ra_est_attrs attrs;
    struct ra_csr csr;
    struct ra_text passed;
    size_t size = 0;
    if (http->status == 401) {
        return ra_enroll_http_failed(http, r);
    }
    if (http->status == 200 && http->body_size != 0) {
        ra_text_init(&passed, s->passed, sizeof s->passed);
        ra_err err =
            ra_base64_decode(http->body, http->body_size, http->body, http->body_size, &size);
        if (err == RA_OK) {
            err = ra_csr_parse(&csr, s->message);
        }
        if (err == RA_OK) {
            err = ra_est_attrs_read(&attrs, (struct ra_span){http->body, size}, csr.spki, &passed);
        }
        if (err != RA_OK) {
            ra_text_init(&passed, s->passed, sizeof s->passed);
            ra_text_add(&passed, "csrattrs cannot be read");
        } else {
            s->asked_binding = attrs.binding;
            s->hash = attrs.hash == RA_HASH_NONE ? s->hash : attrs.hash;
        }
    }
    return go_on(e, r, PART_ENROLL);
}

static ra_err read_answer(struct ra_enroll *e, const struct ra_http_reply *http,
                          struct ra_enroll_result *r)
{
    struct ra_est *s = &e->est;
    size_t size;
    memcpy(r->passed, s->passed, sizeof r->passed);
    if (http->status == 202) {
        return ra_enroll_end(r, RA_ENROLL_PENDING, RA_OK);
    }
    if (http->status != 200) {
        return refused(http, r);
    }
    ra_err err = ra_pem_to_der(http->body, http->body_size, http->body, http->body_size, &size);
    if (err != RA_OK) {
        return ra_enroll_end(r, RA_ENROLL_BROKEN, err);
    }
    r->kind = RA_ENROLL_DATA_CMS;
    r->data = (struct ra_span){http->body, size};
    r->chain = s->set.cert;
    r->chain_count = s->set.count;
    return ra_enroll_end(r, RA_ENROLL_ISSUED, RA_OK);
}

static ra_err reply(struct ra_enroll *e, const struct ra_http_reply *http,
                    struct ra_enroll_result *r)
{
    if (e->op == RA_ENROLL_CACERT) {
        return http->status == 200 ? ra_enroll_end(r, RA_ENROLL_ISSUED, RA_OK)
                                   : ra_enroll_http_failed(http, r);
    }
    switch (e->part) {
    case PART_CACERTS:
        return read_cacerts(e, http, r);
    case PART_ATTRS:
        return read_attrs(e, http, r);
    default:
        return read_answer(e, http, r);
    }
}

const struct ra_enroll_ops ra_est_ops = {
    .name = "est",
    .message = RA_ENROLL_MESSAGE_PKCS10,
    .request = request,
    .reply = reply,
};
