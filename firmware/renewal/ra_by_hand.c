#include <string.h>

#include "ra_internal.h"
#include "ra_pem.h"

/* What an operator does with a request that the CA manager gets on paper, by mail or on a stick:
 * see it, bring the answer, hand it to the network after all, give it up. */

/* Whether ra->request still holds the request of this role: its buffer serves everybody. */
static bool is_built(const struct ra *ra, enum ra_role role)
{
    uint8_t digest[RA_HASH_SIZE_MAX];
    struct ra_span span = ra->request_span;
    return ra_hash(RA_HASH_SHA256, span.p, span.size, digest) == RA_OK &&
           memcmp(digest, ra->renewal[role].txn.request_sha256,
                  sizeof ra->renewal[role].txn.request_sha256) == 0;
}

bool ra_remakes_request(const struct ra *ra, enum ra_role role)
{
    const struct ra_renewal *r = &ra->renewal[role];
    bool due = r->state == RA_STATE_BACKOFF && ra_clock_now(&ra->clock) >= r->txn.next;
    return r->txn.by_hand && r->txn.phase == RA_PHASE_KEY && (due || ra_state_works(r->state));
}

ra_err ra_request_text(struct ra *ra, enum ra_role role, bool pkcs10, size_t offset, char *to,
                       size_t cap, size_t *size)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = ra_ready(ra);
    *size = 0;
    if (e != RA_OK) {
        return e;
    }
    if (ra_remakes_request(ra, role)) {
        return RA_AGAIN;
    }
    if (r->state != RA_STATE_OFFLINE) {
        return RA_E_NO_REQUEST;
    }
    if (!is_built(ra, role)) {
        ra_apply(ra, role, RA_EVENT_SHOW);
        return RA_AGAIN;
    }
    struct ra_span request = ra->request_span;
    if (pkcs10 && !r->txn.first) {
        struct ra_cms_signed cms;
        uint8_t *p = ra->request + (request.p - ra->request);
        e = ra_cms_signed_parse(&cms, p, request.size, request.size);
        if (e != RA_OK) {
            return e;
        }
        request = cms.content;
    }
    /* certreq writes both kinds under this label. */
    *size = ra_pem_read(request, "NEW CERTIFICATE REQUEST", offset, to, cap);
    return RA_OK;
}

bool ra_has_request(const struct ra_renewal *r)
{
    return (r->state == RA_STATE_PENDING || r->state == RA_STATE_BACKOFF ||
            r->state == RA_STATE_OFFLINE) &&
           r->txn.phase >= RA_PHASE_KEY && r->txn.phase < RA_PHASE_ISSUED;
}

ra_err ra_accept(struct ra *ra, enum ra_role role, const uint8_t *text, size_t size)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = ra_ready(ra);
    if (e != RA_OK) {
        return e;
    }
    if (!ra_has_request(r)) {
        return ra_state_works(r->state) ? RA_E_BUSY : RA_E_NO_REQUEST;
    }
    if (ra->worker >= 0) {
        return RA_E_BUSY;
    }
    if (ra_clock_now(&ra->clock) == RA_TIME_UNKNOWN) {
        return RA_E_TIME_UNKNOWN;
    }
    if (ra->reply == NULL) {
        return RA_E_UNSUPPORTED;
    }
    if (size > RA_REPLY_MAX - RA_BER_SLACK) {
        return RA_E_LIMIT;
    }
    memmove(ra->reply, text, size);
    e = ra_certs_from_text(ra->reply, size, RA_REPLY_MAX, ra->check.certs, RA_CHAIN_CERTS_MAX,
                           &ra->check.cert_count);
    if (e == RA_OK) {
        r->given = true;
        ra->worker = (int8_t)role; /* the reply buffer is in use from now on */
        ra_apply(ra, role, RA_EVENT_GIVEN);
    }
    return e;
}

ra_err ra_submit(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = ra_ready(ra);
    if (e != RA_OK) {
        return e;
    }
    if (r->state != RA_STATE_OFFLINE) {
        return RA_E_NO_REQUEST;
    }
    if (ra->config.hold) {
        return RA_E_HELD;
    }
    if (ra_clock_now(&ra->clock) == RA_TIME_UNKNOWN) {
        return RA_E_TIME_UNKNOWN;
    }
    if (ra->transport == NULL) {
        return RA_E_UNSUPPORTED;
    }
    r->txn.by_hand = false;
    ra_apply(ra, role, RA_EVENT_SHOW);
    return RA_OK;
}

ra_err ra_cancel(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = ra_ready(ra);
    if (e != RA_OK) {
        return e;
    }
    if (r->asked && (r->state == RA_STATE_IDLE || r->state == RA_STATE_EMPTY)) {
        r->asked = r->anew = false; /* it had not begun */
        return RA_OK;
    }
    if (ra_states_next(r->state, RA_EVENT_CANCELLED) == r->state) {
        return ra_state_works(r->state) ? RA_E_BUSY : RA_E_NO_REQUEST;
    }
    r->asked = r->anew = false;
    ra_apply(ra, role, RA_EVENT_CANCELLED);
    return RA_OK;
}

ra_err ra_retry(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = ra_ready(ra);
    if (e != RA_OK) {
        return e;
    }
    if (ra_state_works(r->state)) {
        return RA_E_BUSY;
    }
    if (r->state != RA_STATE_PENDING && r->state != RA_STATE_BACKOFF) {
        return RA_E_NO_REQUEST;
    }
    if (ra->config.hold) {
        return RA_E_HELD;
    }
    if (ra_clock_now(&ra->clock) == RA_TIME_UNKNOWN) {
        return RA_E_TIME_UNKNOWN;
    }
    r->asked = true;
    return RA_OK;
}

ra_err ra_roll_back(struct ra *ra, enum ra_role role)
{
    enum ra_state state = ra->renewal[role].state;
    ra_err e = ra_ready(ra);
    if (e != RA_OK) {
        return e;
    }
    if (ra_states_next(state, RA_EVENT_BROKEN) == state) {
        return RA_E_BUSY;
    }
    if (!ra_can_roll_back(ra, role)) {
        return RA_E_NO_PREVIOUS;
    }
    ra_apply(ra, role, RA_EVENT_BROKEN);
    return RA_OK;
}
