#include "ra_scep.h"

#include <string.h>

#include "ra_adcs.h"
#include "ra_enroll_internal.h"
#include "ra_envelope.h"
#include "ra_pem.h"
#include "ra_scep_message.h"
#include "ra_selfsigned.h"

/* The exchanges of a conversation. */
enum part { PART_CAPS, PART_CERTS, PART_NEXT, PART_MESSAGE };

/* --- the query ---------------------------------------------------------------- */

static ra_err set_query(struct ra_enroll *e, const char *operation, const char *ca_id)
{
    struct ra_text t;
    ra_text_init(&t, e->suffix, sizeof e->suffix);
    ra_text_add(&t, "?operation=");
    ra_text_add(&t, operation);
    if (ca_id != NULL && ca_id[0] != '\0') {
        ra_text_add(&t, "&message=");
        ra_enroll_add_escaped(&t, ca_id);
    }
    return t.cut ? RA_E_LIMIT : RA_OK;
}

/* --- the message on its way out --------------------------------------------------- */

static size_t read_message(void *ctx, size_t offset, uint8_t *to, size_t cap)
{
    const struct ra_enroll *e = ctx;
    size_t n = e->scep.message.size - offset;
    n = n < cap ? n : cap;
    memcpy(to, e->scep.message.p + offset, n);
    return n;
}

static const char escapes[] = "+/=";

static size_t query_size(struct ra_span message)
{
    size_t total = 0;
    char piece[32];
    size_t n;
    for (size_t at = 0; (n = ra_base64_read(message, 0, at, piece, sizeof piece)) != 0; at += n) {
        for (size_t i = 0; i < n; i++) {
            total += strchr(escapes, piece[i]) != NULL ? 3 : 1;
        }
    }
    return total;
}

/* base64, with what a query cannot hold as %XX. Offsets rise without gaps or begin again. */
static size_t read_query(void *ctx, size_t offset, uint8_t *to, size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";
    struct ra_enroll *e = ctx;
    size_t n = 0;
    if (offset == 0) {
        memset(&e->body, 0, sizeof e->body);
    }
    while (n < cap) {
        if (e->body.escape != 0) {
            unsigned shift = e->body.escape == 2 ? 4 : 0;
            to[n++] = (uint8_t)digits[(uint8_t)e->body.byte >> shift & 15];
            e->body.escape--;
            continue;
        }
        char c;
        if (ra_base64_read(e->scep.message, 0, e->body.at, &c, 1) == 0) {
            break;
        }
        e->body.at++;
        if (strchr(escapes, c) != NULL) {
            e->body.byte = c;
            e->body.escape = 2;
            c = '%';
        }
        to[n++] = (uint8_t)c;
    }
    return n;
}

static ra_err send_message(struct ra_enroll *e, struct ra_http_request *out)
{
    ra_err err = set_query(e, "PKIOperation", NULL);
    out->repeatable = true; /* the transaction id makes it the same request */
    if ((e->scep.caps & RA_SCEP_CAP_POST) != 0) {
        out->method = RA_HTTP_POST;
        out->content_type = "application/x-pki-message";
        out->body_size = e->scep.message.size;
        out->body_read = read_message;
        out->body_ctx = e;
        return err;
    }
    if (err == RA_OK) {
        size_t size = strlen(e->suffix);
        memcpy(e->suffix + size, "&message=", sizeof "&message=");
    }
    out->target_size = query_size(e->scep.message);
    out->target_read = read_query;
    out->target_ctx = e;
    return err;
}

/* --- building it --------------------------------------------------------------------- */

enum build {
    BUILD_BEGIN,
    BUILD_SELF_KEY,
    BUILD_SELF_SIGN,
    BUILD_ENVELOPE,
    BUILD_KEY,
    BUILD_SIGN,
    BUILT
};

static uint8_t message_type(const struct ra_enroll *e, bool first)
{
    const struct ra_enroll_input *in = e->in;
    if (e->op == RA_ENROLL_POLL) {
        return RA_SCEP_CERT_POLL;
    }
    if (e->op == RA_ENROLL_FETCH) {
        return RA_SCEP_GET_CERT;
    }
    if (first || in->scep->renewal == RA_SCEP_RENEWAL_NEVER) {
        return RA_SCEP_PKCS_REQ;
    }
    if (in->scep->renewal == RA_SCEP_RENEWAL_ALWAYS) {
        return RA_SCEP_RENEWAL_REQ;
    }
    bool offered = (e->scep.caps & RA_SCEP_CAP_RENEWAL) != 0;
    return offered && in->variant == 0 ? RA_SCEP_RENEWAL_REQ : RA_SCEP_PKCS_REQ;
}

/* The certificate that signs, parsed: the stored one, or the self-signed of this conversation. */
static ra_err load_signer(struct ra_enroll *e, struct ra_cert *cert)
{
    struct ra_span der = e->scep.self;
    ra_err err = der.p != NULL ? RA_OK : e->in->tools->signer(e->in->tools->ctx, &der);
    return err == RA_OK ? ra_cert_parse(cert, der.p, der.size) : err;
}

static ra_err begin_message(struct ra_enroll *e)
{
    const struct ra_enroll_tools *t = e->in->tools;
    struct ra_scep *s = &e->scep;
    struct ra_span der;
    struct ra_cert cert;
    ra_err err = t->signer(t->ctx, &der);
    bool first = err == RA_E_NOT_FOUND;
    if (err != RA_OK && !first) {
        return err;
    }
    s->self = (struct ra_span){NULL, 0};
    s->type = message_type(e, first);
    err = ra_scep_choose(s->caps, e->in->scep, &s->cipher, &s->hash, &s->legacy);
    if (err == RA_OK) {
        err = ra_random_bytes(t->random, s->nonce, sizeof s->nonce);
    }
    if (err != RA_OK) {
        return err;
    }
    if (!first) {
        /* What the peer encrypts to us needs an RSA key. */
        err = ra_cert_parse(&cert, der.p, der.size);
        if (err == RA_OK) {
            err = ra_key_from_spki(t->key, cert.spki.p, cert.spki.size);
        }
        if (err == RA_OK && !ra_key_is_rsa(t->key->alg)) {
            err = RA_E_SCEP_SIGNER_KEY;
        }
        s->step = BUILD_ENVELOPE;
    } else {
        s->step = BUILD_SELF_KEY;
    }
    return err;
}

/* The free part of the room for the CA's certificates, RA_CERT_MAX at least: the self-signed one goes to
 * its end. */
static uint8_t *free_room(const struct ra_enroll *e, size_t *cap)
{
    const struct ra_enroll_tools *t = e->in->tools;
    size_t used = 0;
    for (unsigned i = 0; i < e->scep.set.count; i++) {
        used += e->scep.set.cert[i].size;
    }
    *cap = t->ca_cap - used;
    return t->ca + used;
}

/* Made anew in each conversation, and the same each time: to the CA a request and the questions about
 * it are of one signer, resets or not. 2020-01-01, and no end [RFC 5280 4.1.2.5]. */
#define SELF_NOT_BEFORE 1577836800
#define SELF_NOT_AFTER 253402300799

static ra_err sign_self(struct ra_enroll *e)
{
    const struct ra_enroll_tools *t = e->in->tools;
    uint8_t spki[RA_SPKI_MAX];
    uint8_t serial[RA_HASH_SIZE_MAX]; /* the first bytes of it */
    struct ra_span tbs, key = {spki, 0};
    size_t cap;
    uint8_t *room = free_room(e, &cap);
    if (!ra_key_is_rsa(t->key->alg)) {
        return RA_E_SCEP_SIGNER_KEY;
    }
    ra_err err = ra_key_spki(t->key, spki, sizeof spki, &key.size);
    if (err == RA_OK) {
        err = ra_hash(RA_HASH_SHA256, spki, key.size, serial);
    }
    if (err == RA_OK) {
        err = ra_selfsigned_begin(e->in->subject, key, serial, SELF_NOT_BEFORE, SELF_NOT_AFTER,
                                  RA_HASH_SHA256, true, room, cap, &tbs);
    }
    if (err == RA_OK) {
        err = ra_csr_sign(room, cap, tbs, t->key, t->random, RA_HASH_SHA256, &e->scep.self);
    }
    return err;
}

#define QUESTION_MAX (2 * RA_NAME_MAX + 64)

static ra_err seal_content(struct ra_enroll *e)
{
    const struct ra_enroll_input *in = e->in;
    const struct ra_enroll_tools *t = in->tools;
    struct ra_scep *s = &e->scep;
    uint8_t *question = t->message; /* no request lies there when there is a question */
    struct ra_span content = {in->request, in->request_size};
    struct ra_cert recipient, issuer;
    unsigned above = (unsigned)(s->issuer >= 0 ? s->issuer : s->recipient);
    ra_err err =
        ra_cert_parse(&recipient, s->set.cert[s->recipient].p, s->set.cert[s->recipient].size);
    if (err == RA_OK) {
        err = ra_cert_parse(&issuer, s->set.cert[above].p, s->set.cert[above].size);
    }
    if (err == RA_OK && s->type == RA_SCEP_CERT_POLL) {
        err = ra_scep_poll_build(question, QUESTION_MAX, issuer.subject, in->subject, &content);
    } else if (err == RA_OK && s->type == RA_SCEP_GET_CERT) {
        err = ra_scep_get_cert_build(question, QUESTION_MAX, issuer.subject, in->id, &content);
    }
    return err != RA_OK ? err
                        : ra_envelope_build(t->message, t->message_cap, content, &recipient, t->key,
                                            (enum ra_cipher)s->cipher, t->random, &s->message);
}

static ra_err build_message(struct ra_enroll *e)
{
    const struct ra_enroll_tools *t = e->in->tools;
    struct ra_scep *s = &e->scep;
    struct ra_cert signer;
    ra_err err;
    switch (s->step) {
    case BUILD_BEGIN:
        err = begin_message(e); /* sets the step itself */
        return err == RA_OK ? RA_AGAIN : err;
    case BUILD_SELF_KEY:
    case BUILD_KEY:
        err = t->signer_key(t->ctx, t->key);
        break;
    case BUILD_SELF_SIGN:
        err = sign_self(e);
        ra_key_wipe(t->key);
        break;
    case BUILD_ENVELOPE:
        err = seal_content(e);
        break;
    default: /* BUILD_SIGN */
        err = load_signer(e, &signer);
        if (err == RA_AGAIN) {
            return err;
        }
        if (err == RA_OK) {
            err = ra_scep_message_build(t->message, t->message_cap, s->message,
                                        (enum ra_scep_type)s->type, e->in->id, s->nonce, &signer,
                                        t->key, t->random, s->hash, &s->message);
        }
        ra_key_wipe(t->key);
        break;
    }
    if (err == RA_OK) {
        s->step++;
        return s->step == BUILT ? RA_OK : RA_AGAIN;
    }
    return err;
}

static ra_err request(struct ra_enroll *e, enum ra_enroll_op op, const struct ra_enroll_input *in,
                      struct ra_http_request *out)
{
    out->method = RA_HTTP_GET;
    if (op == RA_ENROLL_CACERT) {
        return set_query(e, "GetCACert", in->scep->ca_id);
    }
    if (in->tools == NULL || in->id == NULL || in->id[0] == '\0' ||
        (op == RA_ENROLL_SUBMIT && in->request_size == 0)) {
        return RA_E_ARGUMENT;
    }
    switch (e->part) {
    case PART_CAPS:
        return set_query(e, "GetCACaps", in->scep->ca_id);
    case PART_CERTS:
        return set_query(e, "GetCACert", in->scep->ca_id);
    case PART_NEXT:
        return set_query(e, "GetNextCACert", in->scep->ca_id);
    default:
        break;
    }
    ra_err err = build_message(e);
    e->scep.step = err == RA_OK ? 0 : e->scep.step; /* the reply is read from its beginning */
    return err == RA_OK ? send_message(e, out) : err;
}

/* --- replies ------------------------------------------------------------------------- */

static ra_err go_on(struct ra_enroll *e, struct ra_enroll_result *r, enum part part)
{
    e->part = (uint8_t)part;
    e->scep.step = 0;
    return ra_enroll_end(r, RA_ENROLL_MORE, RA_OK);
}

/* What went wrong while working on a reply: with us, or with what the peer sent. */
static ra_err give_up(struct ra_enroll_result *r, ra_err cause)
{
    return cause == RA_AGAIN ? RA_AGAIN : ra_enroll_end(r, RA_ENROLL_BROKEN, cause);
}

/* The body in DER or BER, whether it came so or as base64. */
static ra_err binary(const struct ra_http_reply *http, size_t *size)
{
    *size = http->body_size;
    if (http->body_size != 0 && http->body[0] == RA_DER_SEQUENCE) {
        return RA_OK;
    }
    return ra_pem_to_der(http->body, http->body_size, http->body, http->body_size, size);
}

/* An HTTP status that says "what is that?", and neither "who are you?" nor "not now". Old servers
 * say it with 500. */
static bool knows_not(uint16_t status)
{
    return (status >= 400 && status < 500 && status != 401 && status != 408 && status != 429) ||
           status == 500 || status == 501;
}

/* No list, no capabilities: a server that old still has certificates [RFC 8894 3.5.2]. One that
 * is busy, or was not reached, has a list another time. */
static ra_err read_caps(struct ra_enroll *e, const struct ra_http_reply *http,
                        struct ra_enroll_result *r)
{
    bool hung_up = http->status == 0;
    if (http->status != 200 && !hung_up && !knows_not(http->status)) {
        return ra_enroll_http_failed(http, r);
    }
    e->scep.caps = http->status == 200 ? ra_scep_caps_read(http->body, http->body_size) : 0;
    return go_on(e, r, PART_CERTS);
}

enum certs { CERTS_READ, CERTS_FINGERPRINT, CERTS_RECIPIENT, CERTS_TRUST };

/* Whenever a server has it: until the next renewal, years from now, the next CA may have become the
 * present one, which nobody vouches for any more. */
static bool may_have_next(const struct ra_enroll *e)
{
    const struct ra_scep *s = &e->scep;
    return e->op == RA_ENROLL_SUBMIT && !e->in->again && (s->caps & RA_SCEP_CAP_NEXT_CA) != 0 &&
           s->issuer >= 0;
}

static ra_err read_certs(struct ra_enroll *e, const struct ra_http_reply *http,
                         struct ra_enroll_result *r)
{
    const struct ra_enroll_input *in = e->in;
    const struct ra_enroll_tools *t = in->tools;
    struct ra_scep *s = &e->scep;
    size_t size;
    ra_err err;
    switch (s->step) {
    case CERTS_READ:
        if (http->status != 200) {
            return ra_enroll_http_failed(http, r);
        }
        err = binary(http, &size);
        if (err == RA_OK) {
            err = ra_ca_set_read(&s->set, http->body, size, ra_enroll_room(t, http->body), t->ca,
                                 in->first ? t->ca_cap - RA_CERT_MAX : t->ca_cap);
        }
        break;
    case CERTS_FINGERPRINT: {
        int found = in->scep->have_fingerprint
                        ? ra_scep_by_fingerprint(&s->set, in->scep->fingerprint)
                        : -1;
        err = found >= 0 ? t->stage_anchor(t->ctx, s->set.cert[found]) : RA_OK;
        if (err == RA_E_ANCHORS_FULL) {
            s->set.why = err; /* another anchor may vouch for it */
            err = RA_OK;
        }
        break;
    }
    case CERTS_RECIPIENT:
        s->recipient = (int8_t)ra_scep_recipient(&s->set, t->now);
        if (s->recipient < 0) {
            err = s->set.refused != 0 ? ra_ca_set_refusal(&s->set) : RA_E_SCEP_CA_SET;
            break;
        }
        s->issuer = (int8_t)ra_scep_issuer(&s->set, (unsigned)s->recipient);
        err = RA_OK;
        break;
    default:
        err = ra_ca_set_trust_step(&s->set, (unsigned)s->recipient, t);
        if (err == RA_OK) {
            return go_on(e, r, may_have_next(e) ? PART_NEXT : PART_MESSAGE);
        }
        s->step = err == RA_AGAIN ? CERTS_TRUST : CERTS_RECIPIENT; /* refused: the next best */
        return RA_AGAIN;
    }
    if (err == RA_OK) {
        s->step++;
        return RA_AGAIN;
    }
    return give_up(r, err);
}

enum next { NEXT_READ, NEXT_VERIFY, NEXT_CHOOSE, NEXT_STAGE };

static ra_err load_anchor(const struct ra_enroll *e, struct ra_cert *anchor)
{
    struct ra_span der;
    ra_err err = e->in->tools->anchor(e->in->tools->ctx, e->scep.place, &der);
    return err == RA_OK ? ra_cert_parse(anchor, der.p, der.size) : err;
}

/* Whether this anchor has signed what the server gives as its next CA. Only an anchor may make
 * another: a CA below it would outlive what was pinned. */
static ra_err verify_next(struct ra_enroll *e)
{
    const struct ra_enroll_tools *t = e->in->tools;
    const struct ra_cms_signed *reply = &e->scep.reply;
    struct ra_cert anchor;
    ra_err err = load_anchor(e, &anchor);
    if (err == RA_OK && (!ra_cms_signed_by(reply, &anchor) || reply->hash < RA_HASH_SHA256 ||
                         t->now < anchor.not_before || t->now >= anchor.not_after)) {
        err = RA_E_SCEP_SIGNER;
    }
    if (err == RA_OK) {
        err = ra_key_from_spki(t->key, anchor.spki.p, anchor.spki.size);
    }
    return err == RA_OK ? ra_cms_signed_verify(reply, t->key) : err;
}

/* The first CA certificate of the anchor's name that outlives the present CA; a root has to show
 * that it has its key. */
static ra_err choose_next(struct ra_enroll *e, struct ra_span *next)
{
    const struct ra_enroll_tools *t = e->in->tools;
    struct ra_scep *s = &e->scep;
    struct ra_cert anchor, ca, c;
    struct ra_span certs[RA_CHAIN_CERTS_MAX];
    size_t n = 0;
    if (s->reply.content.p == NULL) {
        return RA_E_SCEP_EMPTY;
    }
    uint8_t *inner = t->reply + (s->reply.content.p - t->reply);
    ra_err err = load_anchor(e, &anchor);
    if (err == RA_OK) {
        err = ra_cert_parse(&ca, s->set.cert[s->issuer].p, s->set.cert[s->issuer].size);
    }
    if (err == RA_OK) {
        err = ra_cms_certs(inner, s->reply.content.size, ra_enroll_room(t, inner), certs,
                           RA_CHAIN_CERTS_MAX, &n);
        err = err == RA_E_CMS_TOO_MANY ? RA_OK : err; /* the first are looked at */
    }
    for (size_t i = 0; err == RA_OK && i < n; i++) {
        if (ra_cert_parse(&c, certs[i].p, certs[i].size) == RA_OK && c.is_ca &&
            ra_name_equal(c.subject, anchor.subject) && c.not_after > ca.not_after) {
            *next = certs[i];
            return ra_cert_self_issued(&c) ? ra_chain_self_signature(&c, t->key) : RA_OK;
        }
    }
    return err != RA_OK ? err : RA_E_SCEP_CA_SET;
}

/* Whatever goes wrong here is passed over: the renewal goes on with the CA there is. */
static ra_err read_next(struct ra_enroll *e, const struct ra_http_reply *http,
                        struct ra_enroll_result *r)
{
    const struct ra_enroll_tools *t = e->in->tools;
    struct ra_scep *s = &e->scep;
    size_t size;
    ra_err err = RA_E_CA_ANSWER;
    switch (s->step) {
    case NEXT_READ:
        s->place = 0;
        if (http->status == 200 && binary(http, &size) == RA_OK) {
            err = ra_cms_signed_parse(&s->reply, http->body, size, ra_enroll_room(t, http->body));
        }
        break;
    case NEXT_VERIFY:
        err = verify_next(e);
        if (err != RA_OK && err != RA_AGAIN && ++s->place < RA_ANCHORS_MAX) {
            return RA_AGAIN; /* the next anchor */
        }
        break;
    case NEXT_CHOOSE:
        err = choose_next(e, &s->message);
        break;
    default:
        err = t->stage_anchor(t->ctx, s->message);
        if (err != RA_AGAIN) {
            return go_on(e, r, PART_MESSAGE);
        }
        break;
    }
    if (err == RA_AGAIN) {
        return err;
    }
    if (err != RA_OK) {
        return go_on(e, r, PART_MESSAGE);
    }
    s->step++;
    return RA_AGAIN;
}

/* --- CertRep --------------------------------------------------------------------------- */

enum answer { ANSWER_READ, ANSWER_TRUST, ANSWER_VERIFY, ANSWER_STATUS, ANSWER_KEY, ANSWER_OPEN };

static bool weak_hash(enum ra_hash_alg hash)
{
    return hash == RA_HASH_SHA1;
}

/* The server does not take our kind of renewal: say so once, and the other kind follows. What it
 * has taken before it cannot refuse for its kind. */
static bool other_kind(const struct ra_enroll *e)
{
    return e->scep.type == RA_SCEP_RENEWAL_REQ && e->in->scep->renewal == RA_SCEP_RENEWAL_AUTO &&
           !e->in->again;
}

static ra_err refused(struct ra_enroll *e, const struct ra_scep_reply *s,
                      struct ra_enroll_result *r)
{
    static const ra_err causes[] = {RA_E_SCEP_BAD_ALG, RA_E_SCEP_BAD_CHECK, RA_E_SCEP_BAD_REQUEST,
                                    RA_E_SCEP_BAD_TIME, RA_E_CA_UNKNOWN_ID};
    static const char *const words[] = {"badAlg", "badMessageCheck", "badRequest", "badTime",
                                        "badCertId"};
    ra_err cause = s->fail_info < 5 ? causes[s->fail_info] : RA_E_CA_ERROR;
    r->hresult = s->hresult;
    if (s->hresult != 0 && ra_hresult_error(s->hresult) != RA_E_CA_ERROR) {
        cause = ra_hresult_error(s->hresult);
    }
    ra_enroll_copy_text(r, s->text[0] != '\0' ? s->text
                           : s->fail_info < 5 ? words[s->fail_info]
                                              : "");
    if (other_kind(e) && (s->fail_info == 0 || s->fail_info == 2)) {
        r->variant = 1;
        cause = RA_E_SCEP_RENEWAL_REFUSED;
    }
    return ra_enroll_end(r, cause == RA_E_CA_DENIED ? RA_ENROLL_DENIED : RA_ENROLL_FAILED, cause);
}

/* RA_OK: *r is the end, or *open: the envelope waits to be opened. */
static ra_err judge(struct ra_enroll *e, struct ra_enroll_result *r, bool *open)
{
    const struct ra_enroll_tools *t = e->in->tools;
    struct ra_scep *s = &e->scep;
    struct ra_scep_reply reply;
    struct ra_cert signer;
    ra_err err = ra_scep_reply_read(&reply, &s->reply, e->in->id, s->nonce);
    if (err != RA_OK) {
        return ra_enroll_end(r, RA_ENROLL_BROKEN, err);
    }
    if (reply.status == RA_SCEP_FAILURE) {
        return refused(e, &reply, r);
    }
    if (reply.status == RA_SCEP_PENDING) {
        return ra_enroll_end(r, RA_ENROLL_PENDING, RA_OK);
    }
    if (s->reply.content.p == NULL) {
        return ra_enroll_end(r, RA_ENROLL_BROKEN, RA_E_SCEP_EMPTY);
    }
    if (s->reply.content.size == 0) {
        return ra_enroll_end(r, RA_ENROLL_PENDING, RA_OK); /* Dogtag: waits for its operator */
    }
    err = load_signer(e, &signer);
    if (err != RA_OK) {
        return give_up(r, err);
    }
    /* The certificates and the signature behind the content have served: room for BER. */
    uint8_t *inner = t->reply + (s->reply.content.p - t->reply);
    err = ra_envelope_parse(&s->envelope, inner, s->reply.content.size, ra_enroll_room(t, inner),
                            &signer);
    if (err != RA_OK) {
        return ra_enroll_end(r, RA_ENROLL_BROKEN, err);
    }
    if (s->envelope.size == 0) {
        return ra_enroll_end(r, RA_ENROLL_PENDING, RA_OK);
    }
    if (s->envelope.cipher == RA_CIPHER_DES || s->envelope.cipher == RA_CIPHER_DES3) {
        s->legacy = true;
        if (!e->in->scep->legacy) {
            return ra_enroll_end(r, RA_ENROLL_BROKEN, RA_E_SCEP_WEAK);
        }
    }
    *open = true;
    return RA_OK;
}

static ra_err read_answer(struct ra_enroll *e, const struct ra_http_reply *http)
{
    struct ra_scep *s = &e->scep;
    size_t size;
    ra_err err = binary(http, &size);
    if (err == RA_OK) {
        err = ra_cms_signed_parse(&s->reply, http->body, size,
                                  ra_enroll_room(e->in->tools, http->body));
    }
    if (err == RA_OK && s->reply.signers != 1) {
        err = RA_E_SCEP_SIGNER;
    }
    if (err == RA_OK) {
        s->signer = (int8_t)ra_scep_signer(&s->set, &s->reply, 0);
        err = s->signer < 0 ? RA_E_SCEP_SIGNER : RA_OK;
    }
    if (err == RA_OK && weak_hash(s->reply.hash)) {
        s->legacy = true;
        err = e->in->scep->legacy ? RA_OK : RA_E_SCEP_WEAK;
    }
    return err;
}

static ra_err verify_answer(struct ra_enroll *e)
{
    const struct ra_enroll_tools *t = e->in->tools;
    struct ra_scep *s = &e->scep;
    struct ra_cert signer;
    ra_err err = ra_cert_parse(&signer, s->set.cert[s->signer].p, s->set.cert[s->signer].size);
    if (err == RA_OK) {
        err = ra_key_from_spki(t->key, signer.spki.p, signer.spki.size);
    }
    if (err == RA_OK) {
        /* Attributes are what is signed: without them there is nothing to go by. */
        err = s->reply.signed_attrs.p == NULL ? RA_E_SCEP_SIGNER
                                              : ra_cms_signed_verify(&s->reply, t->key);
    }
    return err == RA_E_SIGNATURE ? RA_E_SCEP_SIGNER : err;
}

/* The named signer is not to be trusted, or has not signed: perhaps another that is named so. */
static ra_err other_signer(struct ra_scep *s, ra_err cause)
{
    int other = ra_scep_signer(&s->set, &s->reply, (unsigned)s->signer + 1);
    if (cause == RA_AGAIN || other < 0) {
        return cause;
    }
    s->signer = (int8_t)other;
    s->step = ANSWER_TRUST;
    return RA_AGAIN;
}

static ra_err read_reply_message(struct ra_enroll *e, const struct ra_http_reply *http,
                                 struct ra_enroll_result *r)
{
    const struct ra_enroll_tools *t = e->in->tools;
    struct ra_scep *s = &e->scep;
    bool open = false;
    ra_err err;
    switch (s->step) {
    case ANSWER_READ:
        if (http->status != 200) {
            bool other = other_kind(e) && knows_not(http->status) && http->status != 403;
            (void)ra_enroll_http_failed(http, r);
            if (other) {
                r->variant = 1;
                r->cause = RA_E_SCEP_RENEWAL_REFUSED;
            }
            return RA_OK;
        }
        err = read_answer(e, http);
        break;
    case ANSWER_TRUST:
        err = ra_ca_set_trust_step(&s->set, (unsigned)s->signer, t);
        err = err != RA_OK ? other_signer(s, err) : RA_OK;
        break;
    case ANSWER_VERIFY:
        err = verify_answer(e);
        err = err != RA_OK ? other_signer(s, err) : RA_OK;
        break;
    case ANSWER_STATUS:
        err = judge(e, r, &open);
        r->legacy = s->legacy;
        if (!open) {
            return err;
        }
        break;
    case ANSWER_KEY:
        err = t->signer_key(t->ctx, t->key);
        break;
    default:
        err = ra_envelope_open(&s->envelope, t->key, t->random, &r->data);
        ra_key_wipe(t->key);
        r->legacy = s->legacy;
        if (err == RA_OK) {
            r->kind = RA_ENROLL_DATA_CMS;
            r->chain = s->set.cert;
            r->chain_count = s->set.count;
            return ra_enroll_end(r, RA_ENROLL_ISSUED, RA_OK);
        }
        break;
    }
    if (err == RA_OK) {
        s->step++;
        return RA_AGAIN;
    }
    return give_up(r, err);
}

static ra_err reply(struct ra_enroll *e, const struct ra_http_reply *http,
                    struct ra_enroll_result *r)
{
    if (e->op == RA_ENROLL_CACERT) {
        return http->status == 200 ? ra_enroll_end(r, RA_ENROLL_ISSUED, RA_OK)
                                   : ra_enroll_http_failed(http, r);
    }
    switch (e->part) {
    case PART_CAPS:
        return read_caps(e, http, r);
    case PART_CERTS:
        return read_certs(e, http, r);
    case PART_NEXT:
        return read_next(e, http, r);
    default:
        return read_reply_message(e, http, r);
    }
}

/* Some releases of NDES close the connection at GetCACaps [RFC 8894 3.5.2], without a word. Without the
 * next CA certificate there is still a request to be sent; where the network may be to blame the question is
 * put once more before that. */
static bool dispensable(const struct ra_enroll *e, ra_err cause, bool heard)
{
    bool hung_up = cause == RA_E_NET_CLOSED || cause == RA_E_NET_RESET || cause == RA_E_HTTP_SYNTAX;
    bool next = e->part == PART_NEXT && (hung_up || e->in->tried);
    return e->op != RA_ENROLL_CACERT && (next || (e->part == PART_CAPS && hung_up && !heard));
}

const struct ra_enroll_ops ra_scep_ops = {
    .name = "scep",
    .message = RA_ENROLL_MESSAGE_PKCS10,
    .request = request,
    .reply = reply,
    .dispensable = dispensable,
    .own_id = true,
};
