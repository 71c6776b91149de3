#include <string.h>

#include "ra_internal.h"
#include "ra_name.h"

_Static_assert(RA_REQUEST_ID_MAX >= RA_ENROLL_ID_MAX, "a stored id holds every protocol's");

int ra_work_failed(struct ra_renewal *r, ra_err cause)
{
    r->cause = cause;
    return RA_EVENT_FAILED;
}

int ra_work_outcome(struct ra_renewal *r, ra_err e, int done)
{
    if (e == RA_AGAIN) {
        return RA_WORK_GOES_ON;
    }
    return e == RA_OK ? done : ra_work_failed(r, e);
}

void ra_wipe_scratch(struct ra *ra)
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
    ra_wipe_scratch(ra);
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

ra_err ra_load_active_cert(struct ra *ra, enum ra_role role, struct ra_cert *cert)
{
    uint16_t id = ra_generation_id(role, ra->commit.slot[role].active);
    ra_err e =
        ra_read(ra, RA_RECORD_CERT, id, ra->old_cert, sizeof ra->old_cert, &ra->old_cert_size);
    return e == RA_OK ? ra_cert_parse(cert, ra->old_cert, ra->old_cert_size) : e;
}

ra_err ra_read_pair(struct ra *ra, enum ra_role role, uint32_t generation, struct ra_cert *cert)
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
    size_t size = ra_txn_encode(&ra->renewal[role].txn, record);
    return ra_write(ra, RA_WRITER_WORK, RA_RECORD_TXN, (uint16_t)role, record, size);
}

/* --- RESUME ----------------------------------------------------------------- */

static ra_err find_transaction(struct ra *ra, enum ra_role role, struct ra_found *found)
{
    struct ra_renewal *r = &ra->renewal[role];
    const struct ra_slot *slot = &ra->commit.slot[role];
    int64_t now = ra_clock_now(&ra->clock);
    struct ra_cert cert;
    ra_err e = ra_txn_load(&r->txn, &ra->store, role);
    if (e == RA_AGAIN) {
        return e;
    }
    memset(found, 0, sizeof *found);
    found->probation = slot->probation_until != 0;
    if ((e == RA_E_RECORD_DAMAGED || e == RA_E_RECORD_SEAL) &&
        ra_store_find(&ra->store, RA_RECORD_KEY, ra_generation_id(role, slot->newest + 1u))) {
        /* How far it got is lost, its key is not: the same request goes out again. */
        r->txn.phase = RA_PHASE_KEY;
        r->txn.generation = slot->newest + 1u;
    }
    bool open = ra_txn_open(&r->txn, slot);
    found->active = slot->active != 0 || (open && r->txn.first);
    if (!open) {
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
        e = ra_read_pair(ra, role, r->txn.generation, &cert);
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
    struct ra_renewal *r = &ra->renewal[role];
    struct ra_found found;
    if (find_transaction(ra, role, &found) == RA_AGAIN) {
        *wait_ms = RA_WAIT_FLASH_MS;
        return RA_WORK_GOES_ON;
    }
    if (!ra->clock.jumped) { /* else it may have been written by the clock that is doubted */
        ra_clock_witness(&ra->clock, r->txn.submitted);
    }
    enum ra_state to = ra_states_recover(&found);
    /* Without the time, without a network or on hold nothing that leads to the CA is
     * begun: the waiting states look again, and the others have the worker. */
    if (ra_state_works(to) && to != RA_STATE_SELF_TEST && !r->txn.by_hand &&
        (ra_clock_now(&ra->clock) == RA_TIME_UNKNOWN || !ra_may_ask(ra))) {
        r->poll_at = 0;
        ra_enter(ra, role, to == RA_STATE_POLL ? RA_STATE_PENDING : RA_STATE_BACKOFF);
        return RA_WORK_GOES_ON;
    }
    if (to == RA_STATE_PROBATION || to == RA_STATE_IDLE || to == RA_STATE_EMPTY) {
        ra_txn_clear(&r->txn);
    }
    if (to == RA_STATE_PROBATION) {
        /* A pair on probation that does not come back whole from flash has failed. */
        struct ra_cert cert;
        ra_err e = ra_read_pair(ra, role, ra->commit.slot[role].active, &cert);
        if (e == RA_AGAIN) {
            *wait_ms = RA_WAIT_FLASH_MS;
            return RA_WORK_GOES_ON;
        }
        if (e != RA_OK && ra_can_roll_back(ra, role)) {
            to = ra_states_next(RA_STATE_PROBATION, RA_EVENT_BROKEN);
        }
    }
    if (to == RA_STATE_KEYGEN && r->txn.generation <= ra->commit.slot[role].newest) {
        r->txn.generation = ra_new_generation(ra, role);
    }
    /* What was given up for it is over, unless that could not be stored. */
    r->anew = r->anew && (to == RA_STATE_IDLE || to == RA_STATE_EMPTY);
    r->asked = r->anew;
    r->waited = false;
    r->named[0] = '\0';
    ra_enter(ra, role, to);
    return RA_WORK_GOES_ON;
}

/* --- KEYGEN, SAVE_KEY --------------------------------------------------------- */

static ra_err start_keygen(struct ra *ra, enum ra_role role)
{
    struct ra_cert old;
    const uint8_t wanted[RA_ROLES] = {ra->config.agent_key, ra->config.encryption_key,
                                      ra->config.device_key};
    const struct ra_wish *wish = &ra->renewal[role].wish;
    const bool first = ra->renewal[role].txn.first;
    enum ra_key_alg alg = wish->alg != RA_KEY_NONE ? wish->alg : (enum ra_key_alg)wanted[role];
    ra_err e = RA_OK;
    if (first) {
        alg = alg == RA_KEY_NONE ? RA_KEY_RSA_2048 : alg;
    } else {
        e = ra_load_active_cert(ra, role, &old);
    }
    if (e == RA_OK && alg == RA_KEY_NONE) {
        e = ra_key_from_spki(&ra->key, old.spki.p, old.spki.size);
        alg = ra->key.alg;
    }
    if (e == RA_OK && role == RA_ROLE_ENCRYPTION && !ra_key_is_rsa(alg)) {
        e = RA_E_ENCRYPTION_EC;
    }
    /* Not first when the next renewal would need it. A setting does not hold this one up. */
    if (e == RA_OK && !ra_key_is_rsa(alg) && !ra->renewal[role].txn.by_hand &&
        ra_signs_scep(ra, role)) {
        bool asked = wish->alg != RA_KEY_NONE || first;
        e = asked ? RA_E_SCEP_SIGNER_KEY : ra_key_from_spki(&ra->key, old.spki.p, old.spki.size);
        alg = ra->key.alg;
        if (e == RA_OK && !ra_key_is_rsa(alg)) {
            e = RA_E_SCEP_SIGNER_KEY;
        } else if (e == RA_OK) {
            ra_log(ra, RA_LOG_REFUSED, role, RA_E_SCEP_SIGNER_KEY, 0, NULL);
        }
    }
    return e == RA_OK ? ra_keygen_start(&ra->keygen, alg) : e;
}

static bool keeps_key(const struct ra *ra, enum ra_role role)
{
    const struct ra_renewal *r = &ra->renewal[role];
    bool settings = ra->config.key_policy == RA_KEY_POLICY_SAME;
    return !r->txn.first &&
           (r->wish.key == RA_WISH_SAME_KEY || (r->wish.key == RA_WISH_ANY_KEY && settings));
}

/* The new key's DER goes to the request buffer, from there to the store. */
static int work_keygen(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e;
    if (keeps_key(ra, role)) {
        uint16_t id = ra_generation_id(role, ra->commit.slot[role].active);
        e = ra_read(ra, RA_RECORD_KEY, id, ra->request, RA_KEY_DER_MAX, &ra->scratch_size);
        *wait_ms = RA_WAIT_FLASH_MS;
        return ra_work_outcome(r, e, RA_EVENT_DONE);
    }
    switch (r->sub) {
    case 0:
        *wait_ms = RA_WAIT_FLASH_MS; /* the source may have no bytes yet */
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
        return ra_work_outcome(r, e, RA_EVENT_DONE);
    }
    if (e == RA_OK) {
        r->sub++;
        return RA_WORK_GOES_ON;
    }
    return ra_work_outcome(r, e, RA_WORK_GOES_ON);
}

static int work_save_key(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    *wait_ms = RA_WAIT_FLASH_MS;
    if (r->sub == 0) {
        ra_err e =
            ra_write(ra, RA_WRITER_WORK, RA_RECORD_KEY, ra_generation_id(role, r->txn.generation),
                     ra->request, ra->scratch_size);
        if (e != RA_AGAIN) {
            ra_wipe_scratch(ra);
            r->txn.phase = RA_PHASE_KEY;
            r->sub = 1;
        }
        return ra_work_outcome(r, e, RA_WORK_GOES_ON);
    }
    r->announce = r->txn.by_hand;
    return ra_work_outcome(r, ra_write_txn(ra, role), RA_EVENT_DONE);
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

/* The operator's CA manager gets what certreq would write; a first request has no old
 * certificate to sign with. */
static bool wants_cms(const struct ra_txn *txn)
{
    return !txn->first && (txn->by_hand || ra_protocol_wants_cms(txn->protocol));
}

static enum ra_hash_alg hash_of(const struct ra_txn *txn)
{
    return txn->hash == RA_HASH_NONE ? RA_HASH_SHA256 : (enum ra_hash_alg)txn->hash;
}

/* What the PKCS#10 says when there is no old certificate to say it. */
static ra_err describe_first(struct ra *ra, enum ra_role role, struct ra_csr_input *in)
{
    static const uint16_t usage[RA_ROLES] = {RA_KU_DIGITAL_SIGNATURE, RA_KU_KEY_ENCIPHERMENT,
                                             RA_KU_DIGITAL_SIGNATURE | RA_KU_KEY_ENCIPHERMENT};
    in->key_usage = usage[role];
    in->request_agent = role < RA_PAIR;
    return ra_name_from_text(ra->config.subject, ra->name, sizeof ra->name, &in->subject);
}

/* The certification request, without its signature, to the end of the request buffer. */
static ra_err begin_request(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = &ra->renewal[role];
    struct ra_cert old;
    struct ra_csr_input in;
    uint8_t spki[RA_SPKI_MAX];
    size_t spki_size = 0;
    bool cms = wants_cms(&r->txn);
    memset(&in, 0, sizeof in);
    ra_err e = r->txn.first ? describe_first(ra, role, &in) : ra_load_active_cert(ra, role, &old);
    if (e == RA_OK) {
        e = ra_key_spki(&ra->key, spki, sizeof spki, &spki_size);
    }
    if (e != RA_OK) {
        return e;
    }
    in.spki.p = spki;
    in.spki.size = spki_size;
    in.plain = !cms;
    if (!r->txn.first) {
        in.old = &old;
        in.subject = old.subject;
        note_template(ra, &old);
    } else {
        struct ra_text name;
        ra_text_init(&name, ra->template_name, sizeof ra->template_name);
        ra_text_add(&name, ra_role_template(role));
    }
    if (cms) {
        in.machine = ra->config.host_name;
        in.user = "";
        in.process = "perennial";
    } else if (r->txn.protocol == RA_PROTOCOL_SCEP && !r->txn.by_hand &&
               (r->txn.first || ra->config.challenge_at_renewal) && ra_challenge_for(ra, role)) {
        in.challenge = ra->config.scep_challenge;
    }
    return ra_csr_begin(&in, ra->request, sizeof ra->request, &ra->request_span);
}

/* Another protocol, or another request: what the CA knew of the last one does not count. */
static void follow_settings(struct ra *ra, enum ra_role role)
{
    struct ra_txn *txn = &ra->renewal[role].txn;
    uint8_t protocol = (uint8_t)ra_protocol_of(ra, role);
    if (txn->protocol != protocol) {
        txn->protocol = protocol;
        txn->variant = 0;
        txn->phase = RA_PHASE_KEY;
        txn->request_id[0] = '\0';
    }
}

static ra_err note_request(struct ra *ra, enum ra_role role)
{
    struct ra_txn *txn = &ra->renewal[role].txn;
    uint8_t digest[RA_HASH_SIZE_MAX];
    ra_err e = ra_hash(RA_HASH_SHA256, ra->request_span.p, ra->request_span.size, digest);
    if (e == RA_OK && memcmp(txn->request_sha256, digest, sizeof txn->request_sha256) != 0) {
        memcpy(txn->request_sha256, digest, sizeof txn->request_sha256);
        if (ra_protocol_own_id(txn->protocol)) {
            txn->phase = RA_PHASE_KEY;
            txn->request_id[0] = '\0';
        }
    }
    return e;
}

/* One private-key operation a call: the PKCS#10 by the new key and, for AD CS, the CMS
 * around it by the old one. Both grow from the end of the same buffer. */
static ra_err build_step(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = &ra->renewal[role];
    struct ra_cert old;
    ra_err e;
    switch (r->sub) {
    case 0: /* RSA signatures are blinded, so the generator is needed here too */
        follow_settings(ra, role);
        return ra_seed(ra);
    case 1:
        return ra_load_key(ra, role, r->txn.generation, &ra->key);
    case 2:
        return begin_request(ra, role);
    case 3:
        e = ra_csr_sign(ra->request, sizeof ra->request, ra->request_span, &ra->key, &ra->random,
                        hash_of(&r->txn), &ra->request_span);
        if (e == RA_OK && !wants_cms(&r->txn)) {
            r->sub = 5; /* the protocol wraps it, or it is a first one */
        }
        return e;
    case 4:
        return ra_load_key(ra, role, ra->commit.slot[role].active, &ra->key);
    case 5: /* the old certificate is still where step 2 put it */
        e = ra_cert_parse(&old, ra->old_cert, ra->old_cert_size);
        return e != RA_OK ? e
                          : ra_cms_renewal_build(ra->request, sizeof ra->request, ra->request_span,
                                                 &old, &ra->key, &ra->random, hash_of(&r->txn),
                                                 &ra->request_span);
    default:
        return note_request(ra, role);
    }
}

static int work_build(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = build_step(ra, role);
    if (e == RA_AGAIN) {
        *wait_ms = RA_WAIT_FLASH_MS;
        return RA_WORK_GOES_ON;
    }
    if (e == RA_OK && r->sub < 6) {
        r->sub++;
        return RA_WORK_GOES_ON;
    }
    ra_key_wipe(&ra->key);
    if (e == RA_OK && r->announce) {
        ra_log(ra, RA_LOG_OFFLINE, role, RA_OK, 0, NULL);
        r->announce = false;
    }
    return ra_work_outcome(r, e, r->txn.by_hand ? RA_EVENT_BY_HAND : RA_EVENT_DONE);
}

/* A transaction id of our own: random, 32 hex digits. */
static ra_err make_id(struct ra *ra, struct ra_txn *txn)
{
    uint8_t bytes[16];
    struct ra_text to;
    ra_err e = ra_random_bytes(&ra->random, bytes, sizeof bytes);
    if (e == RA_OK) {
        ra_text_init(&to, txn->request_id, sizeof txn->request_id);
        ra_text_add_hex(&to, bytes, sizeof bytes, '\0');
    }
    return e;
}

static int work_save_attempt(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    int64_t now = ra_clock_now(&ra->clock);
    *wait_ms = RA_WAIT_FLASH_MS;
    if (r->txn.phase == RA_PHASE_PENDING) {
        return RA_EVENT_DONE; /* sent again as a question: no new attempt */
    }
    if (r->sub == 0) {
        if (now == RA_TIME_UNKNOWN) {
            return ra_work_failed(r, RA_E_TIME_UNKNOWN);
        }
        if (ra->config.hold) {
            return ra_work_failed(r, RA_E_HELD);
        }
        if (!ra_budget_allows(&r->txn.budget, &ra->config, now)) {
            return ra_work_failed(r, RA_E_BUDGET);
        }
        if (ra_protocol_own_id(r->txn.protocol) && r->txn.request_id[0] == '\0') {
            ra_err e = make_id(ra, &r->txn);
            if (e != RA_OK) {
                return ra_work_failed(r, e);
            }
        }
        r->txn.signer = ra_protocol_own_id(r->txn.protocol) ? ra_signer_id(ra, role) : 0;
        ra_budget_spend(&r->txn.budget, now);
        if (r->txn.attempts < UINT16_MAX) {
            r->txn.attempts++;
        }
        r->txn.submitted = now;
        r->txn.next = 0;
        r->txn.phase = RA_PHASE_SENT;
        r->sub = 1;
    }
    return ra_work_outcome(r, ra_write_txn(ra, role), RA_EVENT_DONE);
}

/* --- SAVE_FAILURE ----------------------------------------------------------------------------- */

/* After so many failures in a row the CA's answers about a request are given up,
 * and the request is sent again. */
#define ANSWERS_MAX 4u

/* What anybody on the way to a SCEP server can bring about: the CA itself has said nothing. */
static bool is_noise(ra_err cause)
{
    return cause == RA_E_SCEP_SIGNER || cause == RA_E_SCEP_FOREIGN || cause == RA_E_SCEP_REPLAY ||
           cause == RA_E_SCEP_CA_SET || cause == RA_E_SCEP_UNTRUSTED || cause == RA_E_SCEP_WEAK;
}

/* How far back a failure throws the transaction. The key stays wherever it can:
 * it costs most, and sending the same request again does no harm. */
static void set_back(struct ra_txn *txn, ra_err cause, bool refused)
{
    bool told = ra_error_layer(cause) == RA_LAYER_GATE ||
                (ra_error_layer(cause) == RA_LAYER_CA && !is_noise(cause));
    /* Without an anchor it is not the certificate's fault: it will be asked for again. */
    bool answered = ra_error_retry(cause) == RA_RETRY_DENIED || cause == RA_E_CA_UNKNOWN_ID ||
                    (ra_error_layer(cause) == RA_LAYER_GATE && cause != RA_E_NO_ANCHOR) ||
                    (told && txn->failures >= ANSWERS_MAX);
    if (refused && txn->phase >= RA_PHASE_SENT) {
        /* The CA has ended this transaction id: the same key goes out under another. */
        txn->phase = RA_PHASE_KEY;
        txn->request_id[0] = '\0';
    }
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
    struct ra_renewal *r = &ra->renewal[role];
    int64_t now = ra_clock_now(&ra->clock);
    enum ra_retry retry = ra_error_retry(r->cause);
    uint8_t random[4] = {0};
    if (r->given || r->named[0] != '\0') {
        /* What the operator pasted or named says nothing of the request: all stands as before. */
        r->given = r->refused = false;
        r->named[0] = '\0';
        r->txn.cause = r->cause;
        return;
    }
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
    /* What the CA issues is well each time, and fails each time: once a week is enough of that. */
    if (r->cause == RA_E_PROBATION) {
        r->txn.failures = r->txn.rollbacks;
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
    if (ra_error_layer(r->cause) != RA_LAYER_CA && ra_error_layer(r->cause) != RA_LAYER_HTTP) {
        r->txn.hresult = 0;
        r->txn.peer[0] = '\0';
    }
    bool asked = r->txn.phase == RA_PHASE_PENDING;
    set_back(&r->txn, r->cause, r->refused);
    r->refused = false;
    if (asked && r->txn.phase != RA_PHASE_PENDING && !r->issued_at_once) {
        r->txn.failures = 1; /* those of a request given up do not weigh on the next */
    }
    r->txn.cause = r->cause;
    r->txn.next = ra_schedule_retry(retry, r->txn.failures, now, ra_expiry(ra, role, now), seed);
    if (r->cause == RA_E_BUDGET) {
        r->txn.next = ra_budget_refilled(&r->txn.budget) + (int64_t)(seed % RA_HOUR);
    }
    if (r->cause == RA_E_HELD || r->cause == RA_E_SCEP_RENEWAL_REFUSED) {
        r->txn.next = now; /* the moment it is released; the other kind of message at once */
    }
    if (r->retry_after > 0 && r->txn.next < now + r->retry_after && r->retry_after <= RA_DAY) {
        r->txn.next = now + r->retry_after;
    }
}

static int work_save_failure(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    *wait_ms = RA_WAIT_FLASH_MS;
    if (r->sub == 0) {
        bool given = r->given || r->named[0] != '\0';
        ra_stop_work(ra);
        schedule_failure(ra, role);
        /* The same failure again and again is one entry of the log, until the operator asks. */
        if (given) {
            ra_log(ra, RA_LOG_REFUSED, role, r->cause, 0, NULL);
        } else if (r->reported != r->cause) {
            ra_log(ra, RA_LOG_FAILED, role, r->cause, r->txn.hresult, r->txn.peer);
            r->reported = r->cause;
        }
        r->sub = 1;
    }
    ra_err e = ra_write_txn(ra, role);
    if (e == RA_AGAIN) {
        return RA_WORK_GOES_ON;
    }
    r->retry_after = 0;
    return e == RA_OK ? RA_EVENT_DONE : RA_EVENT_FAILED;
}

/* --- CANCEL ----------------------------------------------------------------------------------- */

/* Drop the certificate that was ready: a key that has one is kept for the sake of a commit that was
 * lost. RA_AGAIN while it, or somebody else's put, is under way. */
static ra_err drop_ready(struct ra *ra, enum ra_role role)
{
    uint32_t generation = ra->renewal[role].txn.generation;
    const struct ra_store_key cert = {RA_RECORD_CERT, ra_generation_id(role, generation)};
    if (ra->writer != RA_WRITER_WORK && (generation <= ra->commit.slot[role].newest ||
                                         !ra_store_find(&ra->store, cert.type, cert.id))) {
        return RA_OK;
    }
    return ra_drop(ra, RA_WRITER_WORK, &cert, 1);
}

/* The record says that nothing is under way; the key goes when the store is cleaned up. */
static int work_cancel(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    *wait_ms = RA_WAIT_FLASH_MS;
    if (r->sub == 0) {
        ra_stop_work(ra);
        if (drop_ready(ra, role) == RA_AGAIN) {
            return RA_WORK_GOES_ON;
        }
        ra_txn_clear(&r->txn);
        r->sub = 1;
    }
    ra_err e = ra_write_txn(ra, role);
    if (e == RA_AGAIN) {
        return RA_WORK_GOES_ON;
    }
    ra_log(ra, e == RA_OK ? RA_LOG_CANCELLED : RA_LOG_NOT_SAVED, role, e, 0, NULL);
    ra->cleanup_wanted = true;
    return ra_work_outcome(r, e, RA_EVENT_DONE);
}

/* --- the table of works -------------------------------------------------------------------------- */

typedef int (*work)(struct ra *ra, enum ra_role role, uint32_t *wait_ms);

static const work works[RA_STATE_COUNT] = {
    [RA_STATE_RESUME] = work_resume,
    [RA_STATE_KEYGEN] = work_keygen,
    [RA_STATE_SAVE_KEY] = work_save_key,
    [RA_STATE_BUILD] = work_build,
    [RA_STATE_SAVE_ATTEMPT] = work_save_attempt,
    [RA_STATE_SUBMIT] = ra_work_submit,
    [RA_STATE_SAVE_ID] = ra_work_save_id,
    [RA_STATE_POLL] = ra_work_poll,
    [RA_STATE_FETCH] = ra_work_fetch,
    [RA_STATE_CHECK] = ra_work_check,
    [RA_STATE_STAGE] = ra_work_stage,
    [RA_STATE_SELF_TEST] = ra_work_self_test,
    [RA_STATE_COMMIT] = ra_work_commit,
    [RA_STATE_ROLLBACK] = ra_work_rollback,
    [RA_STATE_SAVE_FAILURE] = work_save_failure,
    [RA_STATE_CANCEL] = work_cancel,
};

int ra_work(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    *wait_ms = 0;
    return works[ra->renewal[role].state](ra, role, wait_ms);
}
