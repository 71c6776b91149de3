#include <string.h>

#include "ra_adcs.h"
#include "ra_internal.h"

/* --- SUBMIT, POLL, FETCH -------------------------------------------------------- */

static ra_err start_exchange(struct ra *ra, enum ra_enroll_op op, const char *id)
{
    struct ra_enroll_input *in = &ra->enroll_input;
    struct ra_http_request request;
    ra_err e = ra_url_parse(&ra->url, ra->config.ca_url, strlen(ra->config.ca_url));
    if (e != RA_OK) {
        return e;
    }
    memset(in, 0, sizeof *in);
    in->url = &ra->url;
    in->user = ra->config.ca_user[0] != '\0' ? ra->config.ca_user : NULL;
    in->password = ra->config.ca_password;
    in->allow_plaintext = ra->config.allow_plaintext_password;
    in->request = ra->request_span.p;
    in->request_size = ra->request_span.size;
    in->template_name = ra->template_name[0] != '\0' ? ra->template_name : NULL;
    in->id = id;
    e = ra_enroll_request(&ra->enroll, op, in, &request);
    if (e != RA_OK) {
        return e;
    }
    return ra_exchange_start(&ra->exchange, &request, ra_clock_ms(&ra->clock),
                             ra_clock_now(&ra->clock));
}

/* Carry one operation through its exchanges; *sub starts at 0. RA_OK:
 * ra->enroll_result is its end. */
static ra_err converse(struct ra *ra, uint8_t *sub, enum ra_enroll_op op, const char *id,
                       uint32_t *wait_ms)
{
    ra_err e;
    if (*sub == 0) {
        ra_enroll_init(&ra->enroll, &ra_adcs_ops);
        ra->enroll_result.next = op;
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
        if (e != RA_OK) {
            return e;
        }
        (void)ra_clock_offer(&ra->clock, RA_TIME_HTTP, ra_exchange_reply(&ra->exchange)->date);
        *sub = 3;
    }
    e = ra_enroll_reply(&ra->enroll, ra_exchange_reply(&ra->exchange), &ra->enroll_result);
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
    ra_err e = converse(ra, &ra->probe_sub, RA_ENROLL_CACERT, "", wait_ms);
    return e == RA_AGAIN && ra_clock_now(&ra->clock) == RA_TIME_UNKNOWN ? RA_AGAIN : RA_OK;
}

/* Keep what the CA said about the request. */
static void note_result(struct ra_renewal *r, const struct ra_enroll_result *result)
{
    r->retry_after = result->retry_after_s;
    r->txn.hresult = result->hresult;
    memcpy(r->txn.peer, result->text, sizeof r->txn.peer);
    r->txn.peer[sizeof r->txn.peer - 1] = '\0';
    if (result->id[0] != '\0') {
        memcpy(r->txn.request_id, result->id, sizeof r->txn.request_id);
    }
}

/* The event that the end of a conversation is, for SUBMIT and POLL. */
static int judge(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = &ra->renewal[role];
    const struct ra_enroll_result *result = &ra->enroll_result;
    note_result(r, result);
    switch (result->outcome) {
    case RA_ENROLL_ISSUED:
        return RA_EVENT_ISSUED;
    case RA_ENROLL_PENDING:
        return RA_EVENT_WAITING;
    default:
        return ra_work_failed(r, result->cause != RA_OK ? result->cause : RA_E_CA_ANSWER);
    }
}

static int64_t poll_time(const struct ra *ra, const struct ra_renewal *r)
{
    int64_t wait = (int64_t)ra->config.poll_minutes * RA_MINUTE;
    if (r->retry_after > wait) {
        wait = r->retry_after < RA_DAY ? r->retry_after : RA_DAY;
    }
    return ra_clock_now(&ra->clock) + wait;
}

int ra_work_submit(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = converse(ra, &r->sub, RA_ENROLL_SUBMIT, r->txn.request_id, wait_ms);
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
    r->txn.phase = RA_PHASE_PENDING;
    /* Issued at once says nothing yet: a bad certificate each day is to become one a week. */
    if (!r->issued_at_once) {
        r->txn.cause = RA_OK;
        r->txn.failures = 0;
    }
    ra_err e = ra_write_txn(ra, role);
    *wait_ms = RA_WAIT_FLASH_MS;
    if (e == RA_OK) {
        r->poll_at = poll_time(ra, r);
    }
    return ra_work_outcome(r, e, r->issued_at_once ? RA_EVENT_ISSUED : RA_EVENT_WAITING);
}

int ra_work_poll(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = converse(ra, &r->sub, RA_ENROLL_POLL, r->txn.request_id, wait_ms);
    if (e != RA_OK) {
        return ra_work_outcome(r, e, RA_WORK_GOES_ON);
    }
    int event = judge(ra, role);
    if (event == RA_EVENT_WAITING) {
        r->poll_at = poll_time(ra, r);
    } else if (event == RA_EVENT_ISSUED) {
        ra_log(ra, RA_LOG_ISSUED, role, RA_OK, 0, r->txn.request_id);
    }
    return event;
}

int ra_work_fetch(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = converse(ra, &r->sub, RA_ENROLL_FETCH, r->txn.request_id, wait_ms);
    if (e != RA_OK) {
        return ra_work_outcome(r, e, RA_WORK_GOES_ON);
    }
    int event = judge(ra, role);
    if (event == RA_EVENT_WAITING) {
        return ra_work_failed(r, RA_E_CA_NO_CHAIN);
    }
    return event == RA_EVENT_ISSUED ? RA_EVENT_DONE : event;
}
