#include <string.h>

#include "ra_internal.h"
#include "ra_name.h"

/* --- CHECK ------------------------------------------------------------------------ */

/* Doubles would take the places of others; what finds none is passed over. */
static void add_certificate(struct ra_check *c, struct ra_span cert)
{
    bool add = c->cert_count < RA_CHAIN_CERTS_MAX;
    for (size_t i = 0; i < c->cert_count; i++) {
        add = add && !ra_span_equal(c->certs[i], cert);
    }
    if (add) {
        c->certs[c->cert_count++] = cert;
    }
}

static void drop_doubles(struct ra_check *c)
{
    size_t count = c->cert_count;
    c->cert_count = 0;
    for (size_t i = 0; i < count; i++) {
        add_certificate(c, c->certs[i]);
    }
}

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
    ra_err e = ra_cms_certs(ra->reply + at, result->data.size, RA_REPLY_MAX - at, ra->check.certs,
                            RA_CHAIN_CERTS_MAX, &ra->check.cert_count);
    for (size_t i = 0; e == RA_OK && i < result->chain_count; i++) {
        add_certificate(&ra->check, result->chain[i]);
    }
    return e;
}

static ra_err check_gates(struct ra *ra, enum ra_role role)
{
    struct ra_cert old;
    struct ra_gates_input in;
    uint8_t spki[RA_SPKI_MAX];
    size_t spki_size = 0;
    ra_err e = ra_key_spki(&ra->key, spki, sizeof spki, &spki_size);
    bool first = ra->renewal[role].txn.first;
    if (e == RA_OK) {
        e = first ? ra_name_from_text(ra->config.subject, ra->name, sizeof ra->name, &in.subject)
                  : ra_load_active_cert(ra, role, &old);
    }
    if (e != RA_OK) {
        return e;
    }
    if (!first) {
        in.subject = old.subject;
    }
    in.role = role;
    in.config = &ra->config;
    in.old = first ? NULL : &old;
    in.key.p = spki;
    in.key.size = spki_size;
    in.certs = ra->check.certs;
    in.cert_count = ra->check.cert_count;
    in.now = ra_clock_now(&ra->clock);
    in.work = &ra->key;
    return ra_gates_check(&in, &ra->check.leaf);
}

/* What was sent without its issuers may have those of the certificate in use: they follow it, in the
 * half of the request's buffer that ra_work_stage does not need. */
static ra_err add_known_issuers(struct ra *ra, enum ra_role role)
{
    struct ra_check *c = &ra->check;
    struct ra_span known = {ra->request + RA_CHAIN_MAX, 0};
    struct ra_der d;
    uint16_t id = ra_generation_id(role, ra->commit.slot[role].active);
    ra_err e =
        ra_read(ra, RA_RECORD_CHAIN, id, ra->request + RA_CHAIN_MAX, RA_CHAIN_MAX, &known.size);
    if (e == RA_AGAIN) {
        return e;
    }
    ra_der_init(&d, known);
    while (e == RA_OK && ra_der_more(&d)) {
        add_certificate(c, ra_der_any(&d));
    }
    return RA_OK;
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
            return ra_chain_start(&ra->check.chain, &ra->check.leaf, ra->check.certs,
                                  ra->check.cert_count, &ra->check.anchor_span, 1,
                                  ra_clock_now(&ra->clock));
        }
        if (e != RA_E_NOT_FOUND) {
            ra->check.cause = e; /* it cannot be read: it may be the one that would do */
        }
    }
    /* With no anchor left, an unreadable one or what was wrong with the last chain is the cause. */
    return ra->check.cause != RA_OK ? ra->check.cause : RA_E_NO_ANCHOR;
}

/* The root that the chain ended at, renewed with its key: an AD CS sends it as the end of its chain for
 * years before the pinned one ends. Whoever has that key could vouch for it. Of several the one that
 * lasts longest. */
static ra_err renewed_anchor(struct ra *ra)
{
    struct ra_check *check = &ra->check;
    struct ra_cert root, c;
    ra_err e = ra_cert_parse(&root, check->anchor_span.p, check->anchor_span.size);
    root.not_after = check->heir.size != 0 ? check->heir_end : root.not_after;
    while (e == RA_OK && check->looked < check->cert_count) {
        struct ra_span der = check->certs[check->looked++];
        if (der.size <= RA_CERT_MAX && ra_cert_parse(&c, der.p, der.size) == RA_OK &&
            ra_chain_renews(&root, &c, ra_clock_now(&ra->clock))) {
            if (ra_chain_self_signature(&c, &ra->key) == RA_OK) {
                check->heir = der;
                check->heir_end = c.not_after;
            }
            return RA_AGAIN;
        }
    }
    return check->heir.size != 0 ? RA_OK : RA_E_NOT_FOUND;
}

#define CHECKED 7 /* the last of the steps */

static ra_err check_step(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e;
    switch (r->sub) {
    case 0:
        ra->check.anchor = 0;
        ra->check.cause = RA_OK;
        e = r->given ? RA_OK : read_certificates(ra); /* what is given was read already */
        drop_doubles(&ra->check);
        return e;
    case 1:
        return ra_load_key(ra, role, r->txn.generation, &ra->key);
    case 2:
        e = check_gates(ra, role);
        if (e != RA_AGAIN) {
            ra_key_wipe(&ra->key);
        }
        return e;
    case 3:
        return add_known_issuers(ra, role);
    case 4:
        return next_anchor(ra);
    case 5:
        e = ra_chain_step(&ra->check.chain, &ra->key);
        if (e < 0) {
            ra->check.cause =
                ra_error_layer(ra->check.cause) == RA_LAYER_STORE ? ra->check.cause : e;
            r->sub = 4;
            return RA_AGAIN;
        }
        ra->check.looked = 0;
        ra->check.heir.size = 0;
        return e;
    case 6:
        e = renewed_anchor(ra);
        if (e < 0) {
            r->sub = CHECKED; /* there is none */
            return RA_OK;
        }
        return e;
    default: /* whatever goes wrong here is passed over: the certificate is good */
        e = ra_stage_anchor(ra, role, ra->check.heir);
        return e == RA_AGAIN ? e : RA_OK;
    }
}

int ra_work_check(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = check_step(ra, role);
    *wait_ms = r->sub == CHECKED ? RA_WAIT_FLASH_MS : 0;
    if (e == RA_OK && r->sub < CHECKED) {
        r->sub++;
        return RA_WORK_GOES_ON;
    }
    if (e == RA_OK) {
        r->given = false;
        if (r->named[0] != '\0' && ra_protocol_of(ra, role) == RA_PROTOCOL_ADCS) {
            memcpy(r->txn.request_id, r->named, sizeof r->named);
        }
        r->named[0] = '\0';
    }
    return ra_work_outcome(r, e, RA_EVENT_DONE);
}

/* --- STAGE --------------------------------------------------------------------------- */

/* The issuers above the new certificate, nearest first, one after the other. */
static ra_err gather_issuers(struct ra *ra, uint8_t *out, size_t *size)
{
    *size = 0;
    for (unsigned i = 0; i < ra->check.chain.length; i++) {
        struct ra_span cert = ra->check.certs[ra->check.chain.path[i]];
        if (cert.size > RA_CHAIN_MAX - *size) {
            return RA_E_LIMIT;
        }
        memcpy(out + *size, cert.p, cert.size);
        *size += cert.size;
    }
    return RA_OK;
}

int ra_work_stage(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    uint16_t id = ra_generation_id(role, r->txn.generation);
    struct ra_span leaf = ra->check.leaf.der;
    ra_err e;
    *wait_ms = RA_WAIT_FLASH_MS;
    switch (r->sub) {
    case 0:
        e = leaf.size > RA_CERT_MAX
                ? RA_E_LIMIT
                : ra_write(ra, RA_WRITER_WORK, RA_RECORD_CERT, id, leaf.p, leaf.size);
        break;
    case 1:
        e = gather_issuers(ra, ra->request, &ra->scratch_size);
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
        return RA_WORK_GOES_ON;
    }
    return ra_work_outcome(r, e, RA_WORK_GOES_ON);
}

/* --- SELF_TEST ------------------------------------------------------------------------- */

/* Key and certificate as read back from flash belong together and work: sign
 * and verify, or encrypt to the certificate and decrypt. */
static ra_err self_test_step(struct ra *ra, enum ra_role role)
{
    struct ra_renewal *r = &ra->renewal[role];
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
            if (e == RA_OK && !ra_span_equal(cert.serial, (struct ra_span){plain, size})) {
                e = RA_E_GATE_SELF_TEST;
            }
            return e;
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

int ra_work_self_test(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = self_test_step(ra, role);
    if (e == RA_AGAIN) {
        *wait_ms = RA_WAIT_FLASH_MS;
        return RA_WORK_GOES_ON;
    }
    if (e == RA_OK && r->sub < 5) {
        r->sub++;
        return RA_WORK_GOES_ON;
    }
    ra_key_wipe(&ra->key);
    if (ra_error_layer(e) == RA_LAYER_CRYPTO && e != RA_E_DECRYPT && e != RA_E_SIGNATURE &&
        e != RA_E_KEY_FORMAT && e != RA_E_KEY_ALGORITHM) {
        return ra_work_failed(r, e); /* no random numbers: that says nothing about the pair */
    }
    if (e != RA_OK) {
        /* Whatever the reason, this pair is not to serve: begin again with a new key. */
        r->txn.phase = RA_PHASE_WAIT;
        return ra_work_failed(r, RA_E_GATE_SELF_TEST);
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
    const struct ra_txn *txn = &ra->renewal[role].txn;
    struct ra_cert cert;
    ra_err e = ra_read(ra, RA_RECORD_CERT, ra_generation_id(role, txn->generation), ra->old_cert,
                       sizeof ra->old_cert, &ra->old_cert_size);
    if (e == RA_OK) {
        e = ra_cert_parse(&cert, ra->old_cert, ra->old_cert_size);
    }
    /* It may have been stored for long, without power. */
    if (e == RA_OK && cert.not_after <= ra_clock_now(&ra->clock)) {
        e = RA_E_GATE_EXPIRED;
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
int ra_work_commit(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = RA_OK;
    *wait_ms = RA_WAIT_FLASH_MS;
    if (ra->writer != RA_WRITER_NONE && ra->writer != RA_WRITER_WORK) {
        return RA_WORK_GOES_ON; /* not yet our turn: what was planned now would be planned again */
    }
    if (ra->writer != RA_WRITER_WORK) {
        e = plan_switch(ra, role);
        r->sub = e == RA_OK; /* from here on next_commit may be in flash */
    }
    if (e == RA_OK) {
        e = write_commit(ra, &ra->next_commit);
    }
    if (e != RA_OK) {
        return ra_work_outcome(r, e, RA_WORK_GOES_ON);
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
            ra_txn_clear(&ra->renewal[i].txn);
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
    now = now == RA_TIME_UNKNOWN ? ra->clock.floor : now; /* it is at least this late */
    return slot->previous != 0 && now < slot->previous_not_after &&
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
    ra_err e = ra_read_pair(ra, role, slot->previous, &cert);
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
        /* By the commit, not by its state: just after a boot that is still RESUME. */
        if (ra_roles_paired(i, role) && ra->commit.slot[i].probation_until != 0 &&
            go_back(ra, (enum ra_role)i, &ra->next_commit.slot[i]) == RA_AGAIN) {
            e = RA_AGAIN;
        }
    }
    return e;
}

/* What switched together goes back together, but never to an expired certificate. */
int ra_work_rollback(struct ra *ra, enum ra_role role, uint32_t *wait_ms)
{
    struct ra_renewal *r = &ra->renewal[role];
    ra_err e = RA_OK;
    *wait_ms = RA_WAIT_FLASH_MS;
    if (ra->writer != RA_WRITER_WORK) {
        e = plan_rollback(ra, role);
        r->sub = e == RA_OK;
    }
    if (e == RA_OK) {
        e = write_commit(ra, &ra->next_commit);
    }
    if (e != RA_OK) {
        return ra_work_outcome(r, e, RA_WORK_GOES_ON);
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (ra->commit.slot[i].active != ra->next_commit.slot[i].active) {
            ra->commit.slot[i] = ra->next_commit.slot[i];
            ra_log(ra, RA_LOG_ROLLED_BACK, i, RA_OK, 0, NULL);
            if (ra->renewal[i].txn.rollbacks < UINT8_MAX) {
                ra->renewal[i].txn.rollbacks++;
            }
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
