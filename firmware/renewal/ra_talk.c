#include <string.h>

#include "ra_adcs.h"
#include "ra_cipher.h"
#include "ra_est.h"
#include "ra_internal.h"
#include "ra_name.h"
#include "ra_scep.h"

static const struct ra_enroll_ops *const protocols[RA_PROTOCOLS] = {
    [RA_PROTOCOL_ADCS] = RA_WITH_ADCS ? &ra_adcs_ops : &ra_enroll_absent,
    [RA_PROTOCOL_SCEP] = RA_WITH_SCEP ? &ra_scep_ops : &ra_enroll_absent,
    [RA_PROTOCOL_EST] = RA_WITH_EST ? &ra_est_ops : &ra_enroll_absent,
};

enum ra_protocol ra_protocol_of(const struct ra *ra, enum ra_role role)
{
    if (role == RA_ROLE_DEVICE && ra->config.device_protocol != 0) {
        return (enum ra_protocol)(ra->config.device_protocol - 1);
    }
    return (enum ra_protocol)ra->config.protocol;
}

const char *ra_url_of(const struct ra *ra, enum ra_role role)
{
    bool own = role == RA_ROLE_DEVICE && ra->config.device_url[0] != '\0';
    return own ? ra->config.device_url : ra->config.ca_url;
}

/* Scheme, host and port as they are written; 0: there is no scheme. */
static size_t origin_size(const char *url)
{
    size_t scheme = strcspn(url, ":");
    return strncmp(url + scheme, "://", 3) != 0 ? 0
                                                : scheme + 3u + strcspn(url + scheme + 3u, "/?");
}

/* Whether it is the server of ca-url: another one, of device-url, is not to learn its secrets. */
static bool is_ca_server(const struct ra *ra, const char *url)
{
    size_t size = origin_size(ra->config.ca_url);
    return size > 0 && origin_size(url) == size && memcmp(url, ra->config.ca_url, size) == 0;
}

bool ra_challenge_for(const struct ra *ra, enum ra_role role)
{
    /* Where ca-url's server speaks another protocol the challenge can only be device-url's. */
    bool other = ra->config.ca_url[0] == '\0' || ra->config.protocol != RA_PROTOCOL_SCEP;
    return ra->config.scep_challenge[0] != '\0' && (other || is_ca_server(ra, ra_url_of(ra, role)));
}

bool ra_protocol_own_id(uint8_t protocol)
{
    return protocols[protocol]->own_id;
}

bool ra_protocol_wants_cms(uint8_t protocol)
{
    return protocols[protocol]->message == RA_ENROLL_MESSAGE_CMS_RENEWAL;
}

/* --- what a protocol that makes its own messages asks for ------------------------- */

static enum ra_role signer_of(const struct ra *ra, enum ra_role role)
{
    uint8_t signer = ra->config.signer[role];
    return signer == RA_SIGNER_OWN ? role : (enum ra_role)(signer - 1);
}

bool ra_signs_scep(const struct ra *ra, enum ra_role role)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        bool first = i == role && ra->renewal[i].txn.first; /* signed by the new key itself */
        if (ra_protocol_own_id((uint8_t)ra_protocol_of(ra, (enum ra_role)i)) &&
            (first || signer_of(ra, (enum ra_role)i) == role)) {
            return true;
        }
    }
    return false;
}

static bool first_request(const struct ra *ra)
{
    return ra->renewal[ra->talker].txn.first;
}

uint16_t ra_signer_id(const struct ra *ra, enum ra_role role)
{
    enum ra_role signer = signer_of(ra, role);
    uint32_t generation = ra->commit.slot[signer].active;
    bool none = ra->renewal[role].txn.first || generation == 0;
    return none ? 0 : ra_generation_id(signer, generation);
}

/* A CA may bind a transaction to the certificate that signed its request, and encrypt to that. So
 * a question about it is signed by the same, while that one is there and valid, though its role may
 * have been renewed meanwhile; and by today's signer otherwise. 0: none. */
static uint16_t signer_now(const struct ra *ra)
{
    enum ra_role talker = (enum ra_role)ra->talker;
    const struct ra_txn *txn = &ra->renewal[talker].txn;
    enum ra_role role = (enum ra_role)(txn->signer >> 8);
    if (txn->phase == RA_PHASE_PENDING && txn->signer != 0 && role < RA_ROLES) {
        const struct ra_slot *slot = &ra->commit.slot[role];
        bool active = ra_generation_id(role, slot->active) == txn->signer;
        bool previous = slot->previous != 0 &&
                        ra_generation_id(role, slot->previous) == txn->signer &&
                        ra_clock_now(&ra->clock) < slot->previous_not_after;
        if (active || previous) {
            return txn->signer;
        }
    }
    return ra_signer_id(ra, talker);
}

static ra_err tool_signer(void *ctx, struct ra_span *cert)
{
    struct ra *ra = ctx;
    uint16_t id = signer_now(ra);
    if (first_request(ra)) {
        return RA_E_NOT_FOUND;
    }
    if (id == 0) {
        return RA_E_NO_CREDENTIAL;
    }
    ra_err e =
        ra_read(ra, RA_RECORD_CERT, id, ra->old_cert, sizeof ra->old_cert, &ra->old_cert_size);
    *cert = (struct ra_span){ra->old_cert, e == RA_OK ? ra->old_cert_size : 0};
    return e;
}

static ra_err tool_signer_key(void *ctx, struct ra_key *key)
{
    struct ra *ra = ctx;
    enum ra_role talker = (enum ra_role)ra->talker;
    uint16_t id = signer_now(ra);
    return first_request(ra) ? ra_load_key(ra, talker, ra->renewal[talker].txn.generation, key)
                             : ra_load_key(ra, (enum ra_role)(id >> 8), id & 0xffu, key);
}

static ra_err tool_anchor(void *ctx, unsigned place, struct ra_span *cert)
{
    struct ra *ra = ctx;
    ra_err e = ra_read(ra, RA_RECORD_ANCHOR, (uint16_t)place, ra->old_cert, sizeof ra->old_cert,
                       &ra->old_cert_size);
    *cert = (struct ra_span){ra->old_cert, e == RA_OK ? ra->old_cert_size : 0};
    return e;
}

ra_err ra_stage_anchor(struct ra *ra, unsigned role, struct ra_span cert)
{
    char name[RA_EVENT_DETAIL_MAX + 1];
    struct ra_cert parsed;
    uint16_t place = 0;
    ra_err e;
    if (ra->writer != RA_WRITER_WORK) {
        bool known = false;
        e = ra_anchor_place(ra, cert, ra->old_cert, &place, &known);
        const struct ra_renewal *r = &ra->renewal[role];
        bool again = r->txn.phase == RA_PHASE_PENDING && r->state != RA_STATE_CHECK; /* a poll */
        if (e == RA_E_ANCHORS_FULL && !again) {
            ra_log(ra, RA_LOG_NOT_SAVED, role, e, 0, NULL);
        }
        if (e != RA_OK || known) {
            return e;
        }
    }
    e = ra_write(ra, RA_WRITER_WORK, RA_RECORD_ANCHOR, place, cert.p, cert.size);
    if (e == RA_OK && ra_cert_parse(&parsed, cert.p, cert.size) == RA_OK) {
        ra_name_text(parsed.subject, name, sizeof name);
        ra_log(ra, RA_LOG_ANCHOR, role, RA_OK, 0, name);
    }
    return e;
}

static ra_err tool_stage_anchor(void *ctx, struct ra_span cert)
{
    struct ra *ra = ctx;
    return ra_stage_anchor(ra, ra->talker, cert);
}

static ra_err tool_request_key(void *ctx, struct ra_key *key)
{
    struct ra *ra = ctx;
    enum ra_role role = (enum ra_role)ra->talker;
    return ra_load_key(ra, role, ra->renewal[role].txn.generation, key);
}

static size_t tool_binding(void *ctx, uint8_t *out, size_t cap)
{
    return ra_exchange_binding(&((struct ra *)ctx)->exchange, out, cap);
}

static void fill_tools(struct ra *ra)
{
    struct ra_enroll_tools *t = &ra->enroll_tools;
    t->ctx = ra;
    t->signer = tool_signer;
    t->signer_key = tool_signer_key;
    t->anchor = tool_anchor;
    t->stage_anchor = tool_stage_anchor;
    t->request_key = tool_request_key;
    t->binding = tool_binding;
    t->key = &ra->key;
    t->random = &ra->random;
    t->message = ra->request;
    t->message_cap = sizeof ra->request;
    t->reply = ra->reply;
    t->reply_cap = RA_REPLY_MAX;
    t->ca = ra->reply + RA_REPLY_MAX;
    t->ca_cap = RA_CA_SET_MAX;
    t->now = ra_clock_now(&ra->clock);
}

static void fill_policies(struct ra *ra)
{
    struct ra_scep_policy *p = &ra->scep_policy;
    struct ra_est_policy *est = &ra->est_policy;
    const struct ra_config *c = &ra->config;
    p->ca_id = c->ca_id;
    p->cipher = c->scep_cipher == 0 ? RA_CIPHER_AES_128 : RA_CIPHER_AES_256;
    p->hash = c->scep_hash == 0 ? RA_HASH_SHA256 : RA_HASH_SHA512;
    p->legacy = c->scep_legacy;
    p->renewal = c->scep_renewal;
    p->poll = c->scep_poll;
    p->have_fingerprint = ra_config_fingerprint(c->ca_fingerprint, p->fingerprint);
    est->label = c->est_label;
    est->binding = c->est_channel_binding;
    est->as_new = c->est_renewal != 0;
}

/* The subject of the request: a question about it names it, long after it was built. */
static ra_err load_subject(struct ra *ra)
{
    struct ra_cert old;
    struct ra_span name;
    if (first_request(ra)) {
        ra_err e = ra_name_from_text(ra->config.subject, ra->name, sizeof ra->name, &name);
        if (e == RA_OK) {
            memmove(ra->name, name.p, name.size);
            ra->name_size = name.size;
        }
        return e;
    }
    ra_err e = ra_load_active_cert(ra, (enum ra_role)ra->talker, &old);
    if (e == RA_OK && old.subject.size > sizeof ra->name) {
        e = RA_E_LIMIT;
    }
    if (e == RA_OK) {
        memcpy(ra->name, old.subject.p, old.subject.size);
        ra->name_size = old.subject.size;
    }
    return e;
}

/* --- SUBMIT, POLL, FETCH -------------------------------------------------------- */

static ra_err start_exchange(struct ra *ra, enum ra_enroll_op op, const char *id)
{
    struct ra_enroll_input *in = &ra->enroll_input;
    struct ra_http_request request;
    const char *url = ra_url_of(ra, (enum ra_role)ra->talker);
    ra_err e = ra_url_parse(&ra->url, url, strlen(url));
    if (e != RA_OK) {
        return e;
    }
    fill_tools(ra);
    fill_policies(ra);
    memset(in, 0, sizeof *in);
    in->url = &ra->url;
    in->user = ra->config.ca_user[0] != '\0' && is_ca_server(ra, url) ? ra->config.ca_user : NULL;
    in->password = in->user != NULL ? ra->config.ca_password : "";
    in->allow_plaintext = ra->config.allow_plaintext_password;
    in->request = ra->request_span.p;
    in->request_size = ra->request_span.size;
    in->template_name = ra->template_name[0] != '\0' ? ra->template_name : NULL;
    in->id = id;
    in->variant = ra->renewal[ra->talker].txn.variant;
    in->subject = (struct ra_span){ra->name, ra->name_size};
    in->tools = &ra->enroll_tools;
    in->scep = &ra->scep_policy;
    in->est = &ra->est_policy;
    in->first = first_request(ra);
    in->tried = ra->renewal[ra->talker].txn.failures != 0;
    in->again = ra->renewal[ra->talker].txn.phase == RA_PHASE_PENDING;
    e = ra_enroll_request(&ra->enroll, op, in, &request);
    if (e != RA_OK) {
        return e;
    }
    return ra_exchange_start(&ra->exchange, &request, ra_clock_ms(&ra->clock),
                             ra_clock_now(&ra->clock));
}

/* What is done once, before the first exchange. */
static ra_err begin_talk(struct ra *ra, enum ra_role role, uint8_t protocol, enum ra_enroll_op op)
{
    struct ra_txn *txn = &ra->renewal[role].txn;
    ra->talker = (uint8_t)role;
    if (op != RA_ENROLL_CACERT) { /* what was said before is not said of this */
        txn->hresult = 0;
        txn->peer[0] = '\0';
    }
    if (protocols[protocol]->own_id && op != RA_ENROLL_CACERT) {
        ra_err e = ra_seed(ra);
        if (e == RA_OK) {
            e = load_subject(ra);
        }
        if (e != RA_OK) {
            return e;
        }
    }
    ra_enroll_init(&ra->enroll, protocols[protocol]);
    ra->enroll_result.next = op;
    return RA_OK;
}

static const struct ra_http_reply no_reply;

/* Carry one operation through its exchanges; *sub starts at 0. RA_OK:
 * ra->enroll_result is its end. */
static ra_err converse(struct ra *ra, enum ra_role role, uint8_t protocol, uint8_t *sub,
                       enum ra_enroll_op op, const char *id, uint32_t *wait_ms)
{
    ra_err e;
    if (*sub == 0) {
        e = begin_talk(ra, role, protocol, op);
        if (e != RA_OK) {
            *wait_ms = RA_WAIT_FLASH_MS;
            return e;
        }
        *sub = 1;
    }
    if (*sub == 1) {
        e = start_exchange(ra, ra->enroll_result.next, id);
        if (e != RA_OK) {
            return e;
        }
        *sub = 2;
    }
    if (*sub == 2) {
        e = ra_exchange_step(&ra->exchange, ra_clock_ms(&ra->clock));
        if (e == RA_AGAIN) {
            *wait_ms = ra_exchange_wait_ms(&ra->exchange, ra_clock_ms(&ra->clock));
        }
        bool heard = ra_exchange_heard(&ra->exchange);
        if (e == RA_AGAIN || (e != RA_OK && !ra_enroll_unanswered(&ra->enroll, e, heard))) {
            return e;
        }
        if (e == RA_OK) {
            (void)ra_clock_offer(&ra->clock, RA_TIME_HTTP, ra_exchange_reply(&ra->exchange)->date);
        }
        *sub = e == RA_OK ? 3 : 4;
    }
    e = ra_enroll_reply(&ra->enroll, *sub == 3 ? ra_exchange_reply(&ra->exchange) : &no_reply,
                        &ra->enroll_result);
    if (e == RA_OK && ra->enroll_result.outcome == RA_ENROLL_MORE) {
        *sub = 1;
        return RA_AGAIN;
    }
    return e;
}

/* Any answer of the CA's web server has a Date: good enough to plan by until
 * the next reset, where nothing better is to be had. */
ra_err ra_probe_time(struct ra *ra, uint32_t *wait_ms)
{
    enum ra_role role = ra->config.ca_url[0] != '\0' ? RA_ROLE_AGENT : RA_ROLE_DEVICE;
    ra_err e = converse(ra, role, (uint8_t)ra_protocol_of(ra, role), &ra->probe_sub,
                        RA_ENROLL_CACERT, "", wait_ms);
    return e == RA_AGAIN && ra_clock_now(&ra->clock) == RA_TIME_UNKNOWN ? RA_AGAIN : RA_OK;
}

/* Keep what the CA said about the request. */
static void note_result(struct ra_renewal *r, const struct ra_enroll_result *result)
{
    r->retry_after = result->retry_after_s;
    r->txn.hresult = result->hresult;
    memcpy(r->txn.peer, result->text, sizeof r->txn.peer);
    r->txn.peer[sizeof r->txn.peer - 1] = '\0';
    if (result->id[0] != '\0' && r->named[0] == '\0') {
        memcpy(r->txn.request_id, result->id, sizeof r->txn.request_id);
    }
}

/* The event that the end of a conversation is, for SUBMIT and POLL. */
static int judge(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = &ra->renewal[role];
    const struct ra_enroll_result *result = &ra->enroll_result;
    note_result(r, result);
    if (result->legacy) {
        ra_log(ra, RA_LOG_LEGACY, role, RA_OK, 0, NULL);
    }
    if (result->passed[0] != '\0' && r->txn.phase != RA_PHASE_PENDING) {
        ra_log(ra, RA_LOG_PASSED, role, RA_OK, 0, result->passed);
    }
    /* The CA's "no" ends an id that we made, its web server's does not: the CA may have the request. */
    r->refused = protocols[r->txn.protocol]->own_id &&
                 (result->http_status == 200 || result->variant != 0) &&
                 (result->outcome == RA_ENROLL_FAILED || result->outcome == RA_ENROLL_DENIED);
    r->txn.variant = result->variant != 0 ? result->variant : r->txn.variant;
    bool asked = r->state != RA_STATE_FETCH && r->txn.phase == RA_PHASE_PENDING;
    if (asked && r->refused && result->cause == RA_E_SCEP_BAD_REQUEST) {
        return ra_work_failed(r, RA_E_SCEP_ENDED);
    }
    switch (result->outcome) {
    case RA_ENROLL_ISSUED:
        return RA_EVENT_ISSUED;
    case RA_ENROLL_PENDING:
        return RA_EVENT_WAITING;
    default:
        return ra_work_failed(r, result->cause);
    }
}

/* The CA's own wish counts more than ours, between a minute and a day. */
static int64_t poll_time(const struct ra *ra, const struct ra_renewal *r)
{
    int64_t wait = (int64_t)ra->config.poll_minutes * RA_MINUTE;
    if (r->retry_after > 0) {
        wait = r->retry_after < RA_MINUTE ? RA_MINUTE : r->retry_after;
        wait = wait < RA_DAY ? wait : RA_DAY;
    }
    return ra_clock_now(&ra->clock) + wait;
}

int ra_work_submit(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e =
        converse(ra, role, r->txn.protocol, &r->sub, RA_ENROLL_SUBMIT, r->txn.request_id, wait_ms);
    if (e != RA_OK) {
        return ra_work_outcome(r, e, RA_WORK_GOES_ON);
    }
    int event = judge(ra, role);
    r->issued_at_once = event == RA_EVENT_ISSUED;
    if (event == RA_EVENT_ISSUED || event == RA_EVENT_WAITING) {
        ra_log(ra, event == RA_EVENT_ISSUED ? RA_LOG_ISSUED : RA_LOG_PENDING, role, RA_OK, 0,
               r->txn.request_id);
    }
    return event;
}

int ra_work_save_id(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    /* What EST issues comes once, with the answer: lost, it takes another attempt. */
    bool gone = r->issued_at_once && r->txn.protocol == RA_PROTOCOL_EST;
    if (r->sub == 0) {                                 /* once: the writing takes several calls */
        bool asked = r->txn.phase == RA_PHASE_PENDING; /* sent again as a question */
        r->txn.phase = gone ? RA_PHASE_SENT : RA_PHASE_PENDING;
        /* Issued at once says nothing yet: a bad certificate each day is to become one a week. */
        if (!r->issued_at_once || asked) {
            r->txn.cause = RA_OK;
            r->txn.failures = 0;
        }
        r->sub = 1;
    }
    ra_err e = ra_write_txn(ra, role);
    *wait_ms = RA_WAIT_FLASH_MS;
    if (e == RA_OK) {
        r->poll_at = poll_time(ra, r);
    }
    return ra_work_outcome(r, e, r->issued_at_once ? RA_EVENT_ISSUED : RA_EVENT_WAITING);
}

/* What is asked for: the operator's word comes first. */
static const char *id_of(const struct ra_renewal *r)
{
    return r->named[0] != '\0' ? r->named : r->txn.request_id;
}

/* The CA knows the id that the operator named: from here on it is asked for over the network. */
static void take_named(struct ra_renewal *r)
{
    memcpy(r->txn.request_id, r->named, sizeof r->named);
    r->named[0] = '\0';
    r->txn.protocol = RA_PROTOCOL_ADCS;
    r->txn.by_hand = false;
    r->issued_at_once = false;
}

int ra_work_poll(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    bool named = r->named[0] != '\0';
    uint8_t protocol = named ? RA_PROTOCOL_ADCS : r->txn.protocol;
    if (protocol != (uint8_t)ra_protocol_of(ra, role)) {
        return ra_work_failed(r, RA_E_CA_UNKNOWN_ID); /* the settings lead elsewhere now */
    }
    if (protocol == RA_PROTOCOL_EST ||
        (protocol == RA_PROTOCOL_SCEP && ra->config.scep_poll == RA_SCEP_POLL_RESEND)) {
        return RA_EVENT_RESEND;
    }
    ra_err e = converse(ra, role, protocol, &r->sub, RA_ENROLL_POLL, id_of(r), wait_ms);
    if (e != RA_OK) {
        return ra_work_outcome(r, e, RA_WORK_GOES_ON);
    }
    int event = judge(ra, role);
    if (event == RA_EVENT_ISSUED || (event == RA_EVENT_WAITING && named)) {
        ra_log(ra, event == RA_EVENT_ISSUED ? RA_LOG_ISSUED : RA_LOG_PENDING, role, RA_OK, 0,
               id_of(r));
    }
    if (event == RA_EVENT_WAITING && named) {
        take_named(r);
        return RA_EVENT_ID_GIVEN;
    }
    r->poll_at = poll_time(ra, r);
    return event;
}

int ra_work_fetch(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    if (r->named[0] == '\0' && ra->enroll_result.outcome == RA_ENROLL_ISSUED &&
        ra->enroll_result.kind == RA_ENROLL_DATA_CMS) {
        return RA_EVENT_DONE; /* it came with the answer */
    }
    uint8_t protocol = r->named[0] != '\0' ? (uint8_t)ra_protocol_of(ra, role) : r->txn.protocol;
    ra_err e = converse(ra, role, protocol, &r->sub, RA_ENROLL_FETCH, id_of(r), wait_ms);
    if (e == RA_AGAIN) {
        return RA_WORK_GOES_ON;
    }
    if (e != RA_OK) {
        return ra_work_outcome(r, e, RA_WORK_GOES_ON);
    }
    int event = judge(ra, role);
    if (event == RA_EVENT_WAITING) {
        return ra_work_failed(r, RA_E_CA_NO_CHAIN);
    }
    return event == RA_EVENT_ISSUED ? RA_EVENT_DONE : event;
}
