#include <string.h>

#include "ra_adcs.h"
#include "ra_internal.h"

/* What a state's work answers: an event, or one of these. */
#define GOES_ON (-1)

#define WAIT_FLASH_MS 1u

_Static_assert(RA_REQUEST_ID_MAX >= RA_ENROLL_ID_MAX, "a stored id holds every protocol's");

static struct ra_renewal *renewal(struct ra *ra, enum ra_role role)
{
    return &ra->renewal[role];
}

/* End the state with a failure whose cause is kept for SAVE_FAILURE. */
static int fail(struct ra_renewal *r, ra_err cause)
{
    r->cause = cause;
    return RA_EVENT_FAILED;
}

/* Turn a step's answer into "goes on", "failed" or `done`. */
static int outcome(struct ra_renewal *r, ra_err e, int done)
{
    if (e == RA_AGAIN) {
        return GOES_ON;
    }
    return e == RA_OK ? done : fail(r, e);
}

static void wipe_scratch(struct ra *ra)
{
    ra_wipe(ra->request, sizeof ra->request);
    ra->scratch_size = 0;
}

void ra_stop_work(struct ra *ra)
{
    if (ra->transport != NULL) {
        ra_exchange_cancel(&ra->exchange);
    }
    ra_keygen_cancel(&ra->keygen, &ra->key);
    wipe_scratch(ra);
}

ra_err ra_load_key(struct ra *ra, enum ra_role role, uint32_t generation, struct ra_key *key)
{
    uint8_t der[RA_KEY_DER_MAX];
    size_t size = 0;
    ra_err e =
        ra_read(ra, RA_RECORD_KEY, ra_generation_id(role, generation), der, sizeof der, &size);
    if (e == RA_OK) {
        e = ra_key_from_der(key, der, size);
    }
    ra_wipe(der, sizeof der);
    return e;
}

static ra_err load_old_cert(struct ra *ra, enum ra_role role, struct ra_cert *cert)
{
    uint16_t id = ra_generation_id(role, ra->commit.slot[role].active);
    ra_err e =
        ra_read(ra, RA_RECORD_CERT, id, ra->old_cert, sizeof ra->old_cert, &ra->old_cert_size);
    return e == RA_OK ? ra_cert_parse(cert, ra->old_cert, ra->old_cert_size) : e;
}

/* Whether key and certificate of a generation can be read and belong together.
 * `cert` is then parsed, in ra->old_cert. */
static ra_err read_pair(struct ra *ra, enum ra_role role, uint32_t generation, struct ra_cert *cert)
{
    uint8_t spki[RA_SPKI_MAX];
    size_t spki_size = 0;
    ra_err e = ra_read(ra, RA_RECORD_CERT, ra_generation_id(role, generation), ra->old_cert,
                       sizeof ra->old_cert, &ra->old_cert_size);
    if (e == RA_OK) {
        e = ra_cert_parse(cert, ra->old_cert, ra->old_cert_size);
    }
    if (e == RA_OK) {
        e = ra_load_key(ra, role, generation, &ra->key);
    }
    if (e == RA_OK) {
        e = ra_key_spki(&ra->key, spki, sizeof spki, &spki_size);
    }
    ra_key_wipe(&ra->key);
    if (e == RA_OK &&
        (spki_size != cert->spki.size || memcmp(spki, cert->spki.p, spki_size) != 0)) {
        e = RA_E_GATE_SELF_TEST;
    }
    return e;
}

ra_err ra_write_txn(struct ra *ra, enum ra_role role)
{
    uint8_t record[RA_TXN_SIZE_MAX];
    size_t size = ra_txn_encode(&renewal(ra, role)->txn, record);
    return ra_write(ra, RA_WRITER_WORK, RA_RECORD_TXN, (uint16_t)role, record, size);
}

/* --- RESUME ----------------------------------------------------------------- */

static ra_err find_transaction(struct ra *ra, enum ra_role role, struct ra_found *found)
{
    struct ra_renewal *r = renewal(ra, role);
    const struct ra_slot *slot = &ra->commit.slot[role];
    int64_t now = ra_clock_now(&ra->clock);
    struct ra_cert cert;
    ra_err e = ra_txn_load(&r->txn, &ra->store, role);
    if (e == RA_AGAIN) {
        return e;
    }
    memset(found, 0, sizeof *found);
    found->active = slot->active != 0;
    found->probation = slot->probation_until != 0;
    if ((e == RA_E_RECORD_DAMAGED || e == RA_E_RECORD_SEAL) &&
        ra_store_find(&ra->store, RA_RECORD_KEY, ra_generation_id(role, slot->newest + 1u))) {
        /* How far it got is lost, its key is not: the same request goes out again. */
        r->txn.phase = RA_PHASE_KEY;
        r->txn.generation = slot->newest + 1u;
    }
    if (!ra_txn_open(&r->txn, slot)) {
        return RA_OK;
    }
    found->phase = r->txn.phase;
    if (r->txn.phase >= RA_PHASE_KEY) {
        e = ra_load_key(ra, role, r->txn.generation, &ra->key);
        ra_key_wipe(&ra->key);
        if (e == RA_AGAIN) {
            return e;
        }
        found->key = e == RA_OK;
    }
    if (r->txn.phase == RA_PHASE_ISSUED) {
        e = read_pair(ra, role, r->txn.generation, &cert);
        if (e == RA_AGAIN) {
            return e;
        }
        found->cert = e == RA_OK;
    }
    found->waiting = !r->asked && !r->waited && r->txn.next != 0 &&
                     (now == RA_TIME_UNKNOWN || now < r->txn.next);
    return RA_OK;
}

static int work_resume(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    struct ra_found found;
    if (find_transaction(ra, role, &found) == RA_AGAIN) {
        *wait_ms = WAIT_FLASH_MS;
        return GOES_ON;
    }
    ra_clock_witness(&ra->clock, r->txn.submitted);
    enum ra_state to = ra_states_recover(&found);
    /* Without the time, without a network or on hold nothing that leads to the CA is
     * begun: the waiting states look again, and the others have the worker. */
    if (ra_state_works(to) && to != RA_STATE_SELF_TEST &&
        (ra_clock_now(&ra->clock) == RA_TIME_UNKNOWN || !ra_may_ask(ra))) {
        r->poll_at = 0;
        ra_enter(ra, role, to == RA_STATE_POLL ? RA_STATE_PENDING : RA_STATE_BACKOFF);
        return GOES_ON;
    }
    if (to == RA_STATE_PROBATION || to == RA_STATE_IDLE || to == RA_STATE_EMPTY) {
        ra_txn_clear(&r->txn);
    }
    if (to == RA_STATE_PROBATION) {
        /* A pair on probation that does not come back whole from flash has failed. */
        struct ra_cert cert;
        ra_err e = read_pair(ra, role, ra->commit.slot[role].active, &cert);
        if (e == RA_AGAIN) {
            *wait_ms = WAIT_FLASH_MS;
            return GOES_ON;
        }
        if (e != RA_OK && ra_can_roll_back(ra, role)) {
            to = ra_states_next(RA_STATE_PROBATION, RA_EVENT_BROKEN);
        }
    }
    if (to == RA_STATE_KEYGEN) {
        r->txn.generation = ra->commit.slot[role].newest + 1u;
    }
    r->asked = false;
    r->waited = false;
    ra_enter(ra, role, to);
    return GOES_ON;
}

/* --- KEYGEN, SAVE_KEY --------------------------------------------------------- */

static ra_err start_keygen(struct ra *ra, enum ra_role role)
{
    struct ra_cert old;
    uint8_t wanted = role == RA_ROLE_ENCRYPTION ? ra->config.encryption_key : ra->config.agent_key;
    enum ra_key_alg alg = (enum ra_key_alg)wanted;
    ra_err e = load_old_cert(ra, role, &old);
    if (e == RA_OK && alg == RA_KEY_NONE) {
        e = ra_key_from_spki(&ra->key, old.spki.p, old.spki.size);
        alg = ra->key.alg;
    }
    if (e == RA_OK && role == RA_ROLE_ENCRYPTION && !ra_key_is_rsa(alg)) {
        e = RA_E_ENCRYPTION_EC;
    }
    return e == RA_OK ? ra_keygen_start(&ra->keygen, alg) : e;
}

/* The new key's DER goes to the request buffer, from there to the store. */
static int work_keygen(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    ra_err e;
    if (ra->config.key_policy == RA_KEY_POLICY_SAME) {
        uint16_t id = ra_generation_id(role, ra->commit.slot[role].active);
        e = ra_read(ra, RA_RECORD_KEY, id, ra->request, RA_KEY_DER_MAX, &ra->scratch_size);
        *wait_ms = WAIT_FLASH_MS;
        return outcome(r, e, RA_EVENT_DONE);
    }
    switch (r->sub) {
    case 0:
        *wait_ms = WAIT_FLASH_MS; /* the source may have no bytes yet */
        e = ra_seed(ra);
        break;
    case 1:
        e = start_keygen(ra, role);
        break;
    case 2:
        e = ra_keygen_step(&ra->keygen, &ra->random, &ra->key);
        break;
    default:
        e = ra_key_to_der(&ra->key, ra->request, RA_KEY_DER_MAX, &ra->scratch_size);
        ra_key_wipe(&ra->key);
        return outcome(r, e, RA_EVENT_DONE);
    }
    if (e == RA_OK) {
        r->sub++;
        return GOES_ON;
    }
    return outcome(r, e, GOES_ON);
}

static int work_save_key(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    *wait_ms = WAIT_FLASH_MS;
    if (r->sub == 0) {
        ra_err e =
            ra_write(ra, RA_WRITER_WORK, RA_RECORD_KEY, ra_generation_id(role, r->txn.generation),
                     ra->request, ra->scratch_size);
        if (e != RA_AGAIN) {
            wipe_scratch(ra);
            r->txn.phase = RA_PHASE_KEY;
            r->sub = 1;
        }
        return outcome(r, e, GOES_ON);
    }
    return outcome(r, ra_write_txn(ra, role), RA_EVENT_DONE);
}

/* --- BUILD -------------------------------------------------------------------- */

/* The form field wants a template's name; an OID (schema 2 and later) goes in
 * the request's own extension only. */
static void note_template(struct ra *ra, const struct ra_cert *old)
{
    ra_cert_template_name(old, ra->template_name, sizeof ra->template_name);
    if (ra->template_name[0] >= '0' && ra->template_name[0] <= '9') {
        ra->template_name[0] = '\0';
    }
}

/* One private-key operation a call: the PKCS#10 by the new key, the CMS around
 * it by the old one. Both grow from the end of the same buffer. */
static ra_err build_step(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = renewal(ra, role);
    struct ra_cert old;
    struct ra_csr_input in;
    uint8_t spki[RA_SPKI_MAX];
    uint8_t digest[RA_HASH_SIZE_MAX];
    size_t spki_size = 0;
    ra_err e;
    switch (r->sub) {
    case 0: /* RSA signatures are blinded, so the generator is needed here too */
        return ra_seed(ra);
    case 1:
        return ra_load_key(ra, role, r->txn.generation, &ra->key);
    case 2:
        e = load_old_cert(ra, role, &old);
        if (e == RA_OK) {
            e = ra_key_spki(&ra->key, spki, sizeof spki, &spki_size);
        }
        if (e != RA_OK) {
            return e;
        }
        memset(&in, 0, sizeof in);
        in.subject = old.subject;
        in.spki.p = spki;
        in.spki.size = spki_size;
        in.old = &old;
        in.machine = ra->config.host_name;
        in.user = "";
        in.process = "perennial";
        note_template(ra, &old);
        return ra_csr_begin(&in, ra->request, sizeof ra->request, &ra->request_span);
    case 3:
        return ra_csr_sign(ra->request, sizeof ra->request, ra->request_span, &ra->key, &ra->random,
                           RA_HASH_SHA256, &ra->request_span);
    case 4:
        return ra_load_key(ra, role, ra->commit.slot[role].active, &ra->key);
    case 5: /* the old certificate is still where step 2 put it */
        e = ra_cert_parse(&old, ra->old_cert, ra->old_cert_size);
        return e != RA_OK
                   ? e
                   : ra_cms_renewal_build(ra->request, sizeof ra->request, ra->request_span, &old,
                                          &ra->key, &ra->random, RA_HASH_SHA256, &ra->request_span);
    default:
        e = ra_hash(RA_HASH_SHA256, ra->request_span.p, ra->request_span.size, digest);
        memcpy(r->txn.request_sha256, digest, sizeof r->txn.request_sha256);
        return e;
    }
}

static int work_build(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    ra_err e = build_step(ra, role);
    if (e == RA_AGAIN) {
        *wait_ms = WAIT_FLASH_MS;
        return GOES_ON;
    }
    if (e == RA_OK && r->sub < 6) {
        r->sub++;
        return GOES_ON;
    }
    ra_key_wipe(&ra->key);
    return outcome(r, e, RA_EVENT_DONE);
}

static int work_save_attempt(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    int64_t now = ra_clock_now(&ra->clock);
    *wait_ms = WAIT_FLASH_MS;
    if (r->sub == 0) {
        if (now == RA_TIME_UNKNOWN) {
            return fail(r, RA_E_TIME_UNKNOWN);
        }
        if (ra->config.hold) {
            return fail(r, RA_E_HELD);
        }
        if (!ra_budget_allows(&r->txn.budget, &ra->config, now)) {
            return fail(r, RA_E_BUDGET);
        }
        ra_budget_spend(&r->txn.budget, now);
        r->txn.attempts++;
        r->txn.submitted = now;
        r->txn.next = 0;
        r->txn.phase = RA_PHASE_SENT;
        r->sub = 1;
    }
    return outcome(r, ra_write_txn(ra, role), RA_EVENT_DONE);
}

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
    struct ra_renewal *r = renewal(ra, role);
    const struct ra_enroll_result *result = &ra->enroll_result;
    note_result(r, result);
    switch (result->outcome) {
    case RA_ENROLL_ISSUED:
        return RA_EVENT_ISSUED;
    case RA_ENROLL_PENDING:
        return RA_EVENT_WAITING;
    default:
        return fail(r, result->cause != RA_OK ? result->cause : RA_E_CA_ANSWER);
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

static int work_submit(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    ra_err e = converse(ra, &r->sub, RA_ENROLL_SUBMIT, r->txn.request_id, wait_ms);
    if (e != RA_OK) {
        return outcome(r, e, GOES_ON);
    }
    int event = judge(ra, role);
    r->issued_at_once = event == RA_EVENT_ISSUED;
    if (event == RA_EVENT_ISSUED || event == RA_EVENT_WAITING) {
        ra_log(ra, event == RA_EVENT_ISSUED ? RA_LOG_ISSUED : RA_LOG_PENDING, role, RA_OK, 0,
               r->txn.request_id);
    }
    return event;
}

static int work_save_id(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    r->txn.phase = RA_PHASE_PENDING;
    /* Issued at once says nothing yet: a bad certificate each day is to become one a week. */
    if (!r->issued_at_once) {
        r->txn.cause = RA_OK;
        r->txn.failures = 0;
    }
    ra_err e = ra_write_txn(ra, role);
    *wait_ms = WAIT_FLASH_MS;
    if (e == RA_OK) {
        r->poll_at = poll_time(ra, r);
    }
    return outcome(r, e, r->issued_at_once ? RA_EVENT_ISSUED : RA_EVENT_WAITING);
}

static int work_poll(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    ra_err e = converse(ra, &r->sub, RA_ENROLL_POLL, r->txn.request_id, wait_ms);
    if (e != RA_OK) {
        return outcome(r, e, GOES_ON);
    }
    int event = judge(ra, role);
    if (event == RA_EVENT_WAITING) {
        r->poll_at = poll_time(ra, r);
    } else if (event == RA_EVENT_ISSUED) {
        ra_log(ra, RA_LOG_ISSUED, role, RA_OK, 0, r->txn.request_id);
    }
    return event;
}

static int work_fetch(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    ra_err e = converse(ra, &r->sub, RA_ENROLL_FETCH, r->txn.request_id, wait_ms);
    if (e != RA_OK) {
        return outcome(r, e, GOES_ON);
    }
    int event = judge(ra, role);
    if (event == RA_EVENT_WAITING) {
        return fail(r, RA_E_CA_NO_CHAIN);
    }
    return event == RA_EVENT_ISSUED ? RA_EVENT_DONE : event;
}

/* --- CHECK ------------------------------------------------------------------------ */

static ra_err read_certificates(struct ra *ra)
{
    const struct ra_enroll_result *result = &ra->enroll_result;
    if (result->kind == RA_ENROLL_DATA_CERT) {
        ra->check.certs[0] = result->data;
        ra->check.cert_count = 1;
        return RA_OK;
    }
    /* The body lies in the reply buffer: it may be rearranged there, up to its end. */
    size_t at = (size_t)(result->data.p - ra->reply);
    return ra_cms_certs(ra->reply + at, result->data.size, RA_REPLY_MAX - at, ra->check.certs,
                        RA_CHAIN_CERTS_MAX, &ra->check.cert_count);
}

static ra_err check_gates(struct ra *ra, enum ra_role role)
{
    struct ra_cert old;
    struct ra_gates_input in;
    uint8_t spki[RA_SPKI_MAX];
    size_t spki_size = 0;
    ra_err e = ra_key_spki(&ra->key, spki, sizeof spki, &spki_size);
    if (e == RA_OK) {
        e = load_old_cert(ra, role, &old);
    }
    if (e != RA_OK) {
        return e;
    }
    in.role = role;
    in.config = &ra->config;
    in.old = &old;
    in.key.p = spki;
    in.key.size = spki_size;
    in.certs = ra->check.certs;
    in.cert_count = ra->check.cert_count;
    in.now = ra_clock_now(&ra->clock);
    in.work = &ra->key;
    return ra_gates_check(&in, &ra->check.leaf);
}

/* Try the anchors one after the other: only one has room in RAM. */
static ra_err next_anchor(struct ra *ra)
{
    for (; ra->check.anchor < RA_ANCHORS_MAX; ra->check.anchor++) {
        ra_err e = ra_read(ra, RA_RECORD_ANCHOR, ra->check.anchor, ra->old_cert,
                           sizeof ra->old_cert, &ra->old_cert_size);
        if (e == RA_AGAIN) {
            return e;
        }
        if (e == RA_OK) {
            ra->check.anchor_span.p = ra->old_cert;
            ra->check.anchor_span.size = ra->old_cert_size;
            ra->check.anchor++;
            ra->check.anchors_tried++;
            return ra_chain_start(&ra->check.chain, &ra->check.leaf, ra->check.certs,
                                  ra->check.cert_count, &ra->check.anchor_span, 1,
                                  ra_clock_now(&ra->clock));
        }
    }
    return ra->check.anchors_tried == 0 ? RA_E_NO_ANCHOR : RA_E_GATE_CHAIN;
}

static ra_err check_step(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = renewal(ra, role);
    ra_err e;
    switch (r->sub) {
    case 0:
        ra->check.anchor = 0;
        ra->check.anchors_tried = 0;
        ra->check.cause = RA_OK;
        return read_certificates(ra);
    case 1:
        return ra_load_key(ra, role, r->txn.generation, &ra->key);
    case 2:
        e = check_gates(ra, role);
        if (e != RA_AGAIN) {
            ra_key_wipe(&ra->key);
        }
        return e;
    case 3:
        e = next_anchor(ra);
        /* With no anchor left, what was wrong with the last chain says more. */
        return e == RA_E_GATE_CHAIN && ra->check.cause != RA_OK ? ra->check.cause : e;
    default:
        e = ra_chain_step(&ra->check.chain, &ra->key);
        if (e < 0) {
            ra->check.cause = e;
            r->sub = 3;
            return RA_AGAIN;
        }
        return e;
    }
}

static int work_check(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    ra_err e = check_step(ra, role);
    (void)wait_ms;
    if (e == RA_OK && r->sub < 4) {
        r->sub++;
        return GOES_ON;
    }
    return outcome(r, e, RA_EVENT_DONE);
}

/* --- STAGE --------------------------------------------------------------------------- */

/* The issuers above the new certificate, nearest first, one after the other. */
static ra_err gather_issuers(struct ra *ra, uint8_t *out, size_t cap, size_t *size)
{
    *size = 0;
    for (unsigned i = 0; i < ra->check.chain.length; i++) {
        struct ra_span cert = ra->check.certs[ra->check.chain.path[i]];
        if (cert.size > cap - *size) {
            return RA_E_LIMIT;
        }
        memcpy(out + *size, cert.p, cert.size);
        *size += cert.size;
    }
    return RA_OK;
}

static int work_stage(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    uint16_t id = ra_generation_id(role, r->txn.generation);
    struct ra_span leaf = ra->check.leaf.der;
    ra_err e;
    *wait_ms = WAIT_FLASH_MS;
    switch (r->sub) {
    case 0:
        e = leaf.size > RA_CERT_MAX
                ? RA_E_LIMIT
                : ra_write(ra, RA_WRITER_WORK, RA_RECORD_CERT, id, leaf.p, leaf.size);
        break;
    case 1:
        e = gather_issuers(ra, ra->request, sizeof ra->request, &ra->scratch_size);
        break;
    case 2:
        e = ra_write(ra, RA_WRITER_WORK, RA_RECORD_CHAIN, id, ra->request, ra->scratch_size);
        break;
    default:
        r->txn.phase = RA_PHASE_ISSUED;
        r->txn.cause = RA_OK;
        r->txn.failures = 0;
        /* READY waits for it: a certificate may be dated a little ahead of us. */
        r->txn.next = ra->check.leaf.not_before;
        e = ra_write_txn(ra, role);
        if (e == RA_OK) {
            return RA_EVENT_DONE;
        }
        break;
    }
    if (e == RA_OK) {
        r->sub++;
        return GOES_ON;
    }
    return outcome(r, e, GOES_ON);
}

/* --- SELF_TEST ------------------------------------------------------------------------- */

/* Key and certificate as read back from flash belong together and work: sign
 * and verify, or encrypt to the certificate and decrypt. */
static ra_err self_test_step(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = renewal(ra, role);
    uint16_t id = ra_generation_id(role, r->txn.generation);
    struct ra_cert cert;
    size_t size = 0;
    ra_err e;
    if (r->sub >= 2) {
        e = ra_cert_parse(&cert, ra->old_cert, ra->old_cert_size);
        if (e != RA_OK) {
            return e;
        }
    }
    switch (r->sub) {
    case 0:
        return ra_seed(ra);
    case 1:
        return ra_read(ra, RA_RECORD_CERT, id, ra->old_cert, sizeof ra->old_cert,
                       &ra->old_cert_size);
    case 2: /* what only the public key can do first */
        ra->scratch_size = 0;
        if (role != RA_ROLE_ENCRYPTION) {
            return RA_OK;
        }
        e = ra_key_from_spki(&ra->key, cert.spki.p, cert.spki.size);
        return e != RA_OK ? e
                          : ra_key_encrypt(&ra->key, &ra->random, RA_PAD_PKCS1, cert.serial.p,
                                           cert.serial.size, ra->request, RA_SIGNATURE_MAX,
                                           &ra->scratch_size);
    case 3:
        return ra_load_key(ra, role, r->txn.generation, &ra->key);
    case 4: { /* one private-key operation */
        uint8_t digest[RA_HASH_SIZE_MAX];
        uint8_t *plain = ra->request + RA_SIGNATURE_MAX;
        if (role == RA_ROLE_ENCRYPTION) {
            e = ra_key_decrypt(&ra->key, &ra->random, RA_PAD_PKCS1, ra->request, ra->scratch_size,
                               plain, RA_SIGNATURE_MAX, &size);
            bool same =
                e == RA_OK && size == cert.serial.size && memcmp(plain, cert.serial.p, size) == 0;
            return same ? RA_OK : RA_E_GATE_SELF_TEST;
        }
        e = ra_hash(RA_HASH_SHA256, cert.der.p, cert.der.size, digest);
        return e != RA_OK ? e
                          : ra_key_sign(&ra->key, &ra->random, RA_HASH_SHA256, digest, ra->request,
                                        RA_SIGNATURE_MAX, &ra->scratch_size);
    }
    default:
        if (role == RA_ROLE_ENCRYPTION) {
            return RA_OK;
        } else {
            uint8_t digest[RA_HASH_SIZE_MAX];
            e = ra_hash(RA_HASH_SHA256, cert.der.p, cert.der.size, digest);
            if (e == RA_OK) {
                e = ra_key_from_spki(&ra->key, cert.spki.p, cert.spki.size);
            }
            return e != RA_OK ? e
                              : ra_key_verify(&ra->key, RA_HASH_SHA256, digest, ra->request,
                                              ra->scratch_size);
        }
    }
}

static int work_self_test(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    ra_err e = self_test_step(ra, role);
    if (e == RA_AGAIN) {
        *wait_ms = WAIT_FLASH_MS;
        return GOES_ON;
    }
    if (e == RA_OK && r->sub < 5) {
        r->sub++;
        return GOES_ON;
    }
    ra_key_wipe(&ra->key);
    if (ra_error_layer(e) == RA_LAYER_CRYPTO && e != RA_E_DECRYPT && e != RA_E_SIGNATURE &&
        e != RA_E_KEY_FORMAT && e != RA_E_KEY_ALGORITHM) {
        return fail(r, e); /* no random numbers: that says nothing about the pair */
    }
    if (e != RA_OK) {
        /* Whatever the reason, this pair is not to serve: begin again with a new key. */
        r->txn.phase = RA_PHASE_WAIT;
        return fail(r, RA_E_GATE_SELF_TEST);
    }
    ra_log(ra, RA_LOG_READY, role, RA_OK, 0, NULL);
    return RA_EVENT_DONE;
}

/* --- COMMIT, ROLLBACK --------------------------------------------------------------------- */

static ra_err write_commit(struct ra *ra, const struct ra_commit *commit)
{
    uint8_t record[RA_COMMIT_SIZE];
    size_t size = ra_commit_encode(commit, record);
    return ra_write(ra, RA_WRITER_WORK, RA_RECORD_COMMIT, 0, record, size);
}

/* Put the stored generation of `role` into `slot` as the active one. */
static ra_err advance(struct ra *ra, enum ra_role role, struct ra_slot *slot)
{
    const struct ra_txn *txn = &renewal(ra, role)->txn;
    struct ra_cert cert;
    ra_err e = ra_read(ra, RA_RECORD_CERT, ra_generation_id(role, txn->generation), ra->old_cert,
                       sizeof ra->old_cert, &ra->old_cert_size);
    if (e == RA_OK) {
        e = ra_cert_parse(&cert, ra->old_cert, ra->old_cert_size);
    }
    if (e != RA_OK) {
        return e;
    }
    ra_slot_switch(slot, txn->generation, &cert);
    slot->probation_until =
        ra_clock_now(&ra->clock) + (int64_t)ra->config.probation_hours * RA_HOUR;
    /* The CA says it is at least this late, and it passed the gates. */
    if (cert.not_before > ra->next_commit.time_floor &&
        cert.not_before <= ra_clock_now(&ra->clock)) {
        ra->next_commit.time_floor = cert.not_before;
    }
    return RA_OK;
}

static bool joins(const struct ra *ra, unsigned i, enum ra_role leader)
{
    return i == (unsigned)leader ||
           (ra_roles_paired(i, leader) && ra->renewal[i].state == RA_STATE_READY &&
            !ra_not_yet(&ra->renewal[i], ra_clock_now(&ra->clock)));
}

/* The commit with the pair as far as it is ready. It is made anew until the store has taken it:
 * meanwhile something else of the present commit may change. */
static ra_err plan_switch(struct ra *ra, enum ra_role role)
{
    ra_err e = RA_OK;
    ra->next_commit = ra->commit;
    for (unsigned i = 0; i < RA_ROLES && e == RA_OK; i++) {
        if (!joins(ra, i, role)) {
            continue;
        }
        e = advance(ra, (enum ra_role)i, &ra->next_commit.slot[i]);
        if (e != RA_OK && e != RA_AGAIN && i != (unsigned)role) {
            /* A partner that cannot be read must not hold this one up. */
            ra->next_commit.slot[i] = ra->commit.slot[i];
            ra_enter(ra, (enum ra_role)i, RA_STATE_RESUME);
            e = RA_OK;
        }
    }
    return e;
}

/* What is ready of a pair switches in one record. */
static int work_commit(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    ra_err e = RA_OK;
    *wait_ms = WAIT_FLASH_MS;
    if (ra->writer != RA_WRITER_WORK) {
        e = plan_switch(ra, role);
        r->sub = e == RA_OK; /* from here on next_commit may be in flash */
    }
    if (e == RA_OK) {
        e = write_commit(ra, &ra->next_commit);
    }
    if (e != RA_OK) {
        return outcome(r, e, GOES_ON);
    }
    uint32_t before[RA_ROLES];
    for (unsigned i = 0; i < RA_ROLES; i++) {
        before[i] = ra->commit.slot[i].active;
        if (before[i] != ra->next_commit.slot[i].active) {
            ra->commit.slot[i] = ra->next_commit.slot[i];
        }
    }
    if (ra->next_commit.time_floor > ra->commit.time_floor) {
        ra->commit.time_floor = ra->next_commit.time_floor;
    }
    ra_clock_raise_floor(&ra->clock, ra->commit.time_floor);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (before[i] != ra->commit.slot[i].active) {
            ra_log(ra, RA_LOG_SWITCHED, i, RA_OK, 0, NULL);
            memset(&ra->renewal[i].txn, 0, sizeof ra->renewal[i].txn);
            ra->renewal[i].asked = false;
            ra->renewal[i].confirm_expiry = false;
            if (i != (unsigned)role) {
                ra_enter(ra, (enum ra_role)i, RA_STATE_PROBATION);
            }
            ra_switched(ra, (enum ra_role)i);
        }
    }
    return RA_EVENT_DONE;
}

bool ra_can_roll_back(const struct ra *ra, enum ra_role role)
{
    const struct ra_slot *slot = &ra->commit.slot[role];
    uint16_t id = ra_generation_id(role, slot->previous);
    int64_t now = ra_clock_now(&ra->clock);
    return slot->previous != 0 && (now == RA_TIME_UNKNOWN || now < slot->previous_not_after) &&
           ra_store_find(&ra->store, RA_RECORD_KEY, id) &&
           ra_store_find(&ra->store, RA_RECORD_CERT, id);
}

/* Never back to a pair that is not whole: what serves may fail, that one would for certain. */
static ra_err go_back(struct ra *ra, enum ra_role role, struct ra_slot *slot)
{
    struct ra_cert cert;
    uint32_t newest = slot->newest;
    if (!ra_can_roll_back(ra, role)) {
        return RA_E_EXPIRED;
    }
    ra_err e = read_pair(ra, role, slot->previous, &cert);
    if (e == RA_OK) {
        ra_slot_switch(slot, slot->previous, &cert);
        slot->newest = newest;
        slot->previous = 0;
        slot->previous_not_after = 0;
    }
    return e;
}

/* The commit with this role gone back, and with it those that switched together. */
static ra_err plan_rollback(struct ra *ra, enum ra_role role)
{
    ra->next_commit = ra->commit;
    ra_err e = go_back(ra, role, &ra->next_commit.slot[role]);
    for (unsigned i = 0; i < RA_ROLES && e == RA_OK; i++) {
        if (ra_roles_paired(i, role) && ra->renewal[i].state == RA_STATE_PROBATION &&
            go_back(ra, (enum ra_role)i, &ra->next_commit.slot[i]) == RA_AGAIN) {
            e = RA_AGAIN;
        }
    }
    return e;
}

/* What switched together goes back together, but never to an expired certificate. */
static int work_rollback(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    ra_err e = RA_OK;
    *wait_ms = WAIT_FLASH_MS;
    if (ra->writer != RA_WRITER_WORK) {
        e = plan_rollback(ra, role);
        r->sub = e == RA_OK;
    }
    if (e == RA_OK) {
        e = write_commit(ra, &ra->next_commit);
    }
    if (e != RA_OK) {
        return outcome(r, e, GOES_ON);
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (ra->commit.slot[i].active != ra->next_commit.slot[i].active) {
            ra->commit.slot[i] = ra->next_commit.slot[i];
            ra_log(ra, RA_LOG_ROLLED_BACK, i, RA_OK, 0, NULL);
            ra->renewal[i].txn.phase = RA_PHASE_WAIT;
            ra->renewal[i].txn.generation = ra->commit.slot[i].newest;
            ra->renewal[i].cause = RA_E_PROBATION;
            if (i != (unsigned)role) {
                ra_enter(ra, (enum ra_role)i, RA_STATE_SAVE_FAILURE);
            }
            ra_switched(ra, (enum ra_role)i);
        }
    }
    return RA_EVENT_DONE;
}

/* --- SAVE_FAILURE ----------------------------------------------------------------------------- */

/* After so many failures in a row the CA's answers about a request are given up,
 * and the request is sent again. */
#define ANSWERS_MAX 4u

/* How far back a failure throws the transaction. The key stays wherever it can:
 * it costs most, and sending the same request again does no harm. */
static void set_back(struct ra_txn *txn, ra_err cause)
{
    bool told = ra_error_layer(cause) == RA_LAYER_GATE || ra_error_layer(cause) == RA_LAYER_CA;
    /* Without an anchor it is not the certificate's fault: it will be asked for again. */
    bool answered = ra_error_retry(cause) == RA_RETRY_DENIED || cause == RA_E_CA_UNKNOWN_ID ||
                    (ra_error_layer(cause) == RA_LAYER_GATE && cause != RA_E_NO_ANCHOR) ||
                    (told && txn->failures >= ANSWERS_MAX);
    if (answered && txn->phase >= RA_PHASE_PENDING) {
        txn->phase = RA_PHASE_KEY;
        txn->request_id[0] = '\0';
    }
    if (txn->phase == RA_PHASE_SENT) {
        txn->phase = RA_PHASE_KEY;
    }
    if (txn->phase == RA_PHASE_NONE) {
        txn->phase = RA_PHASE_WAIT;
    }
}

static void schedule_failure(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = renewal(ra, role);
    int64_t now = ra_clock_now(&ra->clock);
    enum ra_retry retry = ra_error_retry(r->cause);
    uint8_t random[4] = {0};
    if (now == RA_TIME_UNKNOWN) {
        now = ra->clock.floor; /* a rollback needs no time: it is at least this late */
    }
    uint32_t seed;
    /* Jitter wants no secret: without the generator the device's own seed serves. */
    seed = ra_random_bytes(&ra->random, random, sizeof random) == RA_OK
               ? (uint32_t)random[0] << 16 | (uint32_t)random[1] << 8 | random[2]
               : ra->commit.slot[role].seed >> 8;
    if (retry != ra_error_retry(r->txn.cause)) {
        r->txn.failures = 0;
    }
    if (r->txn.failures < UINT16_MAX) {
        r->txn.failures++;
    }
    /* An attempt that nobody heard does not count against the day. One that was
     * cut short may have been. */
    if (r->cause <= RA_E_NET_DOWN && r->cause >= RA_E_NET_REFUSED &&
        r->txn.phase == RA_PHASE_SENT && r->txn.budget.spent != 0) {
        r->txn.budget.spent--;
    }
    if (r->cause == RA_E_STORE_FULL) {
        ra->cleanup_wanted = true;
    }
    if (ra_error_layer(r->cause) != RA_LAYER_CA) {
        r->txn.hresult = 0;
        r->txn.peer[0] = '\0';
    }
    set_back(&r->txn, r->cause);
    r->txn.cause = r->cause;
    r->txn.next = ra_schedule_retry(retry, r->txn.failures, now,
                                    ra->commit.slot[role].active_not_after, seed);
    if (r->cause == RA_E_BUDGET) {
        r->txn.next = ra_budget_refilled(&r->txn.budget) + (int64_t)(seed % RA_HOUR);
    }
    if (r->cause == RA_E_HELD) {
        r->txn.next = now; /* the moment it is released */
    }
    if (r->retry_after > 0 && r->txn.next < now + r->retry_after && r->retry_after <= RA_DAY) {
        r->txn.next = now + r->retry_after;
    }
}

static int work_save_failure(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = renewal(ra, role);
    *wait_ms = WAIT_FLASH_MS;
    if (r->sub == 0) {
        ra_stop_work(ra);
        schedule_failure(ra, role);
        /* The same failure again and again is one entry of the log. */
        if (r->reported != r->cause) {
            ra_log(ra, RA_LOG_FAILED, role, r->cause, r->txn.hresult, r->txn.peer);
            r->reported = r->cause;
        }
        r->sub = 1;
    }
    ra_err e = ra_write_txn(ra, role);
    if (e == RA_AGAIN) {
        return GOES_ON;
    }
    r->retry_after = 0;
    return e == RA_OK ? RA_EVENT_DONE : RA_EVENT_FAILED;
}

/* --- the table of works -------------------------------------------------------------------------- */

typedef int (*work)(struct ra *ra, enum ra_role role, uint32_t *wait_ms);

static const work works[RA_STATE_COUNT] = {
    [RA_STATE_RESUME] = work_resume,
    [RA_STATE_KEYGEN] = work_keygen,
    [RA_STATE_SAVE_KEY] = work_save_key,
    [RA_STATE_BUILD] = work_build,
    [RA_STATE_SAVE_ATTEMPT] = work_save_attempt,
    [RA_STATE_SUBMIT] = work_submit,
    [RA_STATE_SAVE_ID] = work_save_id,
    [RA_STATE_POLL] = work_poll,
    [RA_STATE_FETCH] = work_fetch,
    [RA_STATE_CHECK] = work_check,
    [RA_STATE_STAGE] = work_stage,
    [RA_STATE_SELF_TEST] = work_self_test,
    [RA_STATE_COMMIT] = work_commit,
    [RA_STATE_ROLLBACK] = work_rollback,
    [RA_STATE_SAVE_FAILURE] = work_save_failure,
};

int ra_work(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    *wait_ms = 0;
    return works[renewal(ra, role)->state](ra, role, wait_ms);
}
