/* What the firmware promises, looked at after every step of a life. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "life.h"
#include "world_vectors.h"

#define CALM_LONG (10 * DAY) /* in a healthy world the longest wait between two attempts */
#define CALM_SHORT (3 * DAY) /* and in the last week before expiry, a day's budget lost included */
#define LAST_DAYS (25 * DAY) /* split-days at most, and some in which it was fetched */
#define CLOCK_SLACK 120      /* seconds that count as the right time */
#define BEGINS DAY           /* until a renewal that is due has begun */
#define SAYS (2 * HOUR)      /* until a reminder has been given */
#define SAYS_END (4 * DAY)   /* and that it has ended, after asking the CA whether it is so */
#define STEPS_A_DAY 400000u  /* more of them is no progress */
#define ERASES_A_YEAR 40u    /* of the whole region */

/* --- what is served --------------------------------------------------------------------------- */

static bool same(const struct ra_commit *a, const struct ra_commit *b)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (a->slot[i].active != b->slot[i].active) {
            return false;
        }
    }
    return true;
}

/* Whether a certificate that was issued so may serve at all. Those of a wrong date pass where the
 * clock was wrong. */
static bool proper(const struct life *l, const struct fake_ca_request *r)
{
    switch (r->as) {
    case FAKE_CA_ISSUE:
    case FAKE_CA_SOON:
    case FAKE_CA_NOT_LONGER: /* than the one the CA takes for the old one, which may have been rolled
                                back: watch_switch compares with what served */
        return true;
    case FAKE_CA_NOT_YET:
        if (world_now(&l->w) >= r->at + 2 * DAY) {
            return true; /* refused at first, and fetched again when its time had come */
        }
        /* fall through */
    case FAKE_CA_SHORT:
        if (l->w.ra.commit.slot[r->role].previous_not_after - r->at < LAST_DAYS) {
            return true; /* the one before was near its end */
        }
        /* fall through */
    case FAKE_CA_EXPIRED:
        return l->w.ra.config.minimum_life_days < 60 || l->clock_right_ms > r->at * 1000;
    default:
        return false;
    }
}

/* What the CA found fault with. It may say that the old certificate has expired: the appliance
 * does not always know. Nor can it know that a GetCACaps or a GetCACert is an older one, while that leads
 * to an anchor: the attempt is lost, and the next one asks again (CALM_LONG says that there is one). */
static void watch_requests(struct life *l)
{
    struct fake_ca *ca = &l->w.ca;
    bool replayed = l->replayed_ms != 0 && l->w.true_ms - l->replayed_ms < HOUR * 1000;
    if (ca->bad != 0 && strcmp(ca->why, "the certificate to renew has expired") != 0 &&
        (strcmp(ca->why, "the challenge password") != 0 || l->protocol->device) &&
        !(replayed && (strcmp(ca->why, FAKE_SCEP_FORMER) == 0 ||
                       strcmp(ca->why, FAKE_SCEP_NOT_OFFERED) == 0))) {
        life_fail(l, ca->why);
    }
    ca->bad = 0;
}

static void look_at(struct life *l, enum ra_role role)
{
    struct world *w = &l->w;
    uint8_t cert[RA_CERT_MAX], issuers[RA_CHAIN_MAX];
    size_t size = 0, issuers_size = 0;
    struct ra_cert parsed;
    ra_err e = ra_certificate(&w->ra, role, cert, sizeof cert, &size);
    ra_err more = ra_issuers(&w->ra, role, issuers, sizeof issuers, &issuers_size);
    if (e == RA_E_NO_CREDENTIAL || e == RA_AGAIN || more == RA_AGAIN) {
        return;
    }
    if (e != RA_OK || more != RA_OK) {
        life_fail_role(l, role, ra_error_text(e != RA_OK ? e : more));
        return;
    }
    const struct fake_ca_request *r = fake_ca_find(&w->ca, cert, size);
    if (r == NULL || r->role != role) {
        life_fail_role(l, role, "serves what the CA has not issued for it");
        return;
    }
    fake_ca_keep(&w->ca, r->id);
    const struct world_blob *issuing = world_blob(fake_ca_issuing(r->by));
    if (!proper(l, r)) {
        life_fail_role(l, role, "serves a certificate with a defect");
    } else if (issuers_size < issuing->size || memcmp(issuers, issuing->p, issuing->size) != 0) {
        life_fail_role(l, role, "serves other issuers than the CA's");
    } else if (ra_cert_parse(&parsed, cert, size) != RA_OK ||
               parsed.not_after != w->ra.commit.slot[role].active_not_after) {
        life_fail_role(l, role,
                       "serves a certificate that ends at another time than the commit says");
    } else if (ra_random_ready(&w->ra.random)) {
        const char *why = world_check(w, role);
        if (why != NULL) {
            life_fail_role(l, role, why);
        }
    }
}

void oracle_look(struct life *l)
{
    l->n.looks++;
    watch_requests(l);
    l->look_ms = l->w.true_ms + 20 * DAY * 1000;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        look_at(l, (enum ra_role)i);
    }
}

void oracle_accept(struct life *l)
{
    l->now = l->w.ra.commit;
    l->has_next = false;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        l->told[i] = l->w.told[i];
        operator_hands_over(l, (enum ra_role)i);
    }
    oracle_look(l);
}

/* A switch: both roles are looked at, and what is new must be valid and last longer. */
static void watch_switch(struct life *l)
{
    const struct ra *ra = &l->w.ra;
    if (same(&ra->commit, &l->now)) {
        return;
    }
    unsigned changed = 0;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        const struct ra_slot *slot = &ra->commit.slot[i];
        const struct ra_slot *old = &l->now.slot[i];
        if (slot->active == old->active) {
            continue;
        }
        changed += i < RA_PAIR;
        l->denied[i] = false;
        l->switched_ms[i] = l->w.true_ms;
        bool forward = slot->active > old->active;
        l->n.renewals += forward;
        l->n.rollbacks += !forward;
        if (!forward) {
            operator_hands_over(l, (enum ra_role)i);
        }
        life_say(l, forward ? "renewed" : "rolled back", ra_role_word((enum ra_role)i));
        if (l->told[i] == l->w.told[i]) {
            life_fail_role(l, (enum ra_role)i, "switched, and no subscriber was told");
        }
        l->told[i] = l->w.told[i];
        if (forward && slot->active_not_after <= old->active_not_after) {
            life_fail_role(l, (enum ra_role)i, "switched to what does not last longer");
        }
        if (l->w.true_ms != l->clock_right_ms) {
            if (slot->active_not_after <= world_now(&l->w)) {
                life_fail_role(l, (enum ra_role)i, "switched to what has expired");
            }
            if (forward && slot->active_not_before > world_now(&l->w) + CLOCK_SLACK) {
                life_fail_role(l, (enum ra_role)i, "switched to what is not valid yet");
            }
        }
    }
    l->n.splits += changed == 1;
    l->now = ra->commit;
    l->has_next = false;
    oracle_look(l);
}

/* --- power ------------------------------------------------------------------------------------------ */

void oracle_power_lost(struct life *l)
{
    const struct ra *ra = &l->w.ra;
    if (!ra_started(ra)) {
        return; /* nothing is switched before */
    }
    watch_switch(l);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        enum ra_state state = ra->renewal[i].state;
        if ((state == RA_STATE_COMMIT || state == RA_STATE_ROLLBACK) && ra->renewal[i].sub != 0) {
            l->next = ra->next_commit;
            l->has_next = true;
        }
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        l->told[i] = 0;
    }
}

void oracle_booted(struct life *l)
{
    const struct ra_commit *served = &l->w.ra.commit;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        l->told[i] = l->w.told[i];
        l->pending_clean[i] = l->pending_clean[i] && ra_store_damaged(&l->w.ra.store) == 0;
    }
    if (l->failure != NULL) {
        return;
    }
    if (!same(served, &l->now) && !(l->has_next && same(served, &l->next))) {
        life_fail(l, "after the reset other generations are served");
        return;
    }
    /* Cells that a cut has left in between may show the other one at the next boot, until the store
     * has settled. */
    if (l->has_next && same(served, &l->next)) {
        l->next = l->now;
    }
    l->now = *served;
    l->day_steps = 0;
    operator_booted(l);
    oracle_look(l);
}

/* --- requests ----------------------------------------------------------------------------------------- */

/* Persist, then act: what a request needs after a loss of power is in flash before it leaves. */
void oracle_send(struct world *w)
{
    struct life *l = (struct life *)(void *)w;
    const struct ra *ra = &w->ra;
    uint8_t key[RA_KEY_DER_MAX], record[RA_TXN_SIZE_MAX];
    size_t size = 0;
    struct ra_txn txn;
    if (ra->worker < 0 || ra->worker >= (int8_t)RA_ROLES) {
        return;
    }
    enum ra_role role = (enum ra_role)ra->worker;
    const struct ra_renewal *r = &ra->renewal[role];
    if (r->state != RA_STATE_SUBMIT || l->sent_ms[role] == w->true_ms) {
        return; /* the further exchanges of the same attempt */
    }
    l->sent_ms[role] = w->true_ms;
    struct ra_store *flash = world_flash_mount(w);
    if (ra_store_get(flash, RA_RECORD_KEY, ra_generation_id(role, r->txn.generation), key,
                     sizeof key, &size) != RA_OK) {
        life_fail_role(l, role, "a request leaves before its key is stored");
    }
    if (ra_store_get(flash, RA_RECORD_TXN, (uint16_t)role, record, sizeof record, &size) != RA_OK ||
        ra_txn_decode(&txn, record, size) != RA_OK || txn.generation != r->txn.generation ||
        txn.phase < RA_PHASE_SENT || txn.budget.spent == 0) {
        life_fail_role(l, role, "a request leaves before the attempt is stored");
    }
}

/* All of it is worn: what the CA said is forgotten with each reset, and asked for again. */
static bool flash_fails(const struct life *l)
{
    if (l->dying && l->w.ra.store.info.worn != 0) {
        return true;
    }
    for (unsigned i = 0; i < RA_ROLES && l->dying; i++) {
        if (ra_error_layer(l->w.ra.renewal[i].txn.cause) == RA_LAYER_STORE) {
            return true;
        }
    }
    return false;
}

/* The requests that have reached the CA since the last look. */
static void count_requests(struct life *l, enum ra_role role)
{
    struct world *w = &l->w;
    unsigned new = w->ca.submits[role] - l->submits[role];
    ra_err cause = w->ra.renewal[role].txn.cause;
    if (cause != l->cause[role]) {
        l->cause[role] = cause;
        l->cause_denies[role] = ra_error_retry(cause) == RA_RETRY_DENIED;
    }
    l->denied[role] = l->denied[role] || l->cause_denies[role];
    l->submits[role] = w->ca.submits[role];
    l->n.submits += new;
    if (new != 0) {
        life_say(l, "request", ra_role_word(role));
    }
    /* Days under a wrong clock have a budget of their own, and may have spent tomorrow's. */
    int64_t today = world_now(w) / RA_DAY;
    /* One of EST goes out once more when the server hangs up on a connection that had served. */
    bool est = w->ra.renewal[role].txn.protocol == RA_PROTOCOL_EST;
    unsigned allowed = w->ra.config.attempts_per_day * (est ? 2u : 1u);
    if (new != 0 && w->ca.day == today && w->ca.today[role] > allowed && !flash_fails(l) &&
        l->clock_right_ms < (today - 2) * DAY * 1000) {
        life_fail_role(l, role, "more attempts than the day allows");
    }
    const struct fake_ca_request *open = fake_ca_request(&w->ca, l->pending[role]);
    if (new != 0 && l->pending_clean[role] && open != NULL && open->state == FAKE_CA_WAITS) {
        life_fail_role(l, role, "a pending request was sent again");
    }
    if (new != 0 && l->operator.hand[role].open) {
        life_fail_role(l, role, "a request goes out that the operator carries");
    }
    if (world_state(w, role) == RA_STATE_STAGE) {
        struct ra_span leaf = w->ra.check.leaf.der;
        const struct fake_ca_request *r = fake_ca_find(&w->ca, leaf.p, leaf.size);
        fake_ca_keep(&w->ca, r != NULL ? r->id : 0);
    }
    if (world_state(w, role) == RA_STATE_PENDING) {
        uint32_t id = 0;
        for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
            const struct fake_ca_request *r = &w->ca.request[i];
            id = r->role == role && r->state == FAKE_CA_WAITS && r->id > id ? r->id : id;
        }
        if (id != l->pending[role]) {
            l->pending[role] = id;
            l->pending_clean[role] = troubles_outages_only(l);
        }
    } else if (world_state(w, role) == RA_STATE_KEYGEN) {
        l->pending[role] = 0;
    }
}

/* --- time ----------------------------------------------------------------------------------------------- */

static bool clock_is_right(struct life *l)
{
    int64_t now = ra_clock_now(&l->w.ra.clock);
    int64_t error = now - world_now(&l->w);
    if (now == RA_TIME_UNKNOWN) {
        l->clock_right_ms = l->w.true_ms;
        return l->w.true_ms < l->boot_ms + 2 * HOUR * 1000; /* it is being asked for */
    }
    if (error > CLOCK_SLACK || error < -CLOCK_SLACK) {
        l->clock_was_wrong = true;
        l->clock_right_ms = l->w.true_ms;
        return false;
    }
    return true;
}

/* Whether the CA has a request that its manager has not decided. */
static bool undecided(struct life *l)
{
    if (l->w.ca.last_id == l->counted_id && !l->undecided) {
        return false;
    }
    l->counted_id = l->w.ca.last_id;
    l->undecided = false;
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        if (l->w.ca.request[i].id != 0 && l->w.ca.request[i].state == FAKE_CA_WAITS) {
            l->undecided = true;
        }
    }
    return l->undecided;
}

static void watch_weather(struct life *l, int64_t step_ms)
{
    bool right = clock_is_right(l);
    if (!right || !troubles_none(l) || l->w.ra.config.hold || flash_fails(l) || undecided(l) ||
        operator_carries(l)) {
        l->calm_ms = l->w.true_ms;
    } else {
        l->n.calm_seconds += (uint64_t)step_ms / 1000u;
    }
}

/* --- progress --------------------------------------------------------------------------------------------- */

static int64_t due_of(const struct life *l, const struct ra_slot *slot)
{
    const struct ra_config *c = &l->w.ra.config;
    int64_t life = slot->active_not_after - slot->active_not_before;
    int64_t due = slot->active_not_after - (int64_t)c->renew_days * DAY;
    if (c->renew_percent != 0) {
        due = slot->active_not_before + life / 100 * c->renew_percent;
    } else if (due < slot->active_not_before + life / 2) {
        due = slot->active_not_before + life / 3 * 2;
    }
    due += (int64_t)c->jitter_hours * HOUR;
    return due < slot->active_not_after - DAY ? due : slot->active_not_after - DAY;
}

/* Until when a role must have been renewed (seconds), the way things have been. */
static int64_t deadline_of(const struct life *l, enum ra_role role)
{
    static const uint8_t days_before[] = {14, 7, 3, 1};
    const struct ra_slot *slot = &l->w.ra.commit.slot[role];
    int64_t end = slot->active_not_after;
    int64_t due = due_of(l, slot);
    int64_t calm = l->calm_ms / 1000;
    /* One that waited long for its partner may be due when it is switched to. */
    int64_t since = l->switched_ms[role] / 1000 > due ? l->switched_ms[role] / 1000 : due;
    int64_t deadline = (calm > since ? calm : since) + CALM_LONG;
    /* Somebody may have said no, which is asked again on these days. */
    bool denied = l->denied[role];
    for (unsigned i = 0; i < sizeof days_before && (calm > due || denied); i++) {
        int64_t again = end - days_before[i] * DAY;
        if (again > calm) {
            deadline = again + DAY > deadline ? again + DAY : deadline;
            break;
        }
    }
    return deadline < end ? deadline : end;
}

static void watch_progress(struct life *l)
{
    const struct ra *ra = &l->w.ra;
    int64_t now = world_now(&l->w);
    if (l->w.true_ms < l->boot_ms + HOUR * 1000) {
        return; /* it has not read yet how far it was */
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        const struct ra_slot *slot = &ra->commit.slot[i];
        if (slot->active == 0) {
            continue;
        }
        if (now >= slot->active_not_after && !l->was_expired[i]) {
            l->was_expired[i] = true;
            l->n.lost++;
            life_say(l, "expired", ra_role_word((enum ra_role)i));
            if (now - l->calm_ms / 1000 > CALM_SHORT) {
                life_fail_role(l, (enum ra_role)i, "expired in a healthy world");
            }
            if (i < RA_PAIR && l->provision_ms[i] == INT64_MAX) {
                l->provision_ms[i] = l->w.true_ms + life_span(l, DAY, 60 * DAY) * 1000;
            }
        }
        if (now < slot->active_not_after) {
            l->was_expired[i] = false;
            l->provision_ms[i] = INT64_MAX;
        }
        if (now >= slot->active_not_after || now - l->calm_ms / 1000 <= CALM_LONG) {
            continue;
        }
        int64_t deadline = deadline_of(l, (enum ra_role)i);
        for (unsigned j = 0; j < RA_PAIR && i < RA_PAIR; j++) {
            /* A ready one waits for its partner until the split window. */
            const struct ra_slot *partner = &ra->commit.slot[j];
            if (j != i && ra->renewal[i].txn.phase == RA_PHASE_ISSUED && partner->active != 0) {
                int64_t other = deadline_of(l, (enum ra_role)j);
                deadline = other > deadline ? other : deadline;
            }
        }
        if (now > deadline) {
            life_fail_role(l, (enum ra_role)i, "not renewed in a healthy world");
        }
    }
}

/* A renewal that is due begins, at once when `hold` has ended. */
static void watch_due(struct life *l, enum ra_role role)
{
    const struct ra *ra = &l->w.ra;
    int64_t ms = l->w.true_ms;
    bool could = world_state(&l->w, role) == RA_STATE_IDLE && !ra->config.hold &&
                 ms - l->boot_ms > HOUR * 1000 && ms - l->clock_right_ms > HOUR * 1000 &&
                 world_now(&l->w) > due_of(l, &ra->commit.slot[role]) + CLOCK_SLACK;
    if (!could) {
        l->idle_ms[role] = 0;
    } else if (l->idle_ms[role] == 0) {
        l->idle_ms[role] = ms;
    } else if (ms - l->idle_ms[role] > BEGINS * 1000) {
        life_fail_role(l, role, "is due, and does not begin");
    }
}

/* When the pair waits for each other no longer. */
static int64_t split_of(const struct life *l)
{
    const struct ra_slot *slot = l->w.ra.commit.slot;
    int64_t first = slot[0].active_not_after < slot[1].active_not_after ? slot[0].active_not_after
                                                                        : slot[1].active_not_after;
    return first - (int64_t)l->w.ra.config.split_days * DAY;
}

/* One that is ready waits for its partner, and not too long. */
static void watch_ready(struct life *l, enum ra_role role)
{
    const struct ra *ra = &l->w.ra;
    int64_t ms = l->w.true_ms, since = l->ready_ms[role];
    bool waits = world_state(&l->w, role) == RA_STATE_READY && role < RA_PAIR &&
                 ms - l->clock_right_ms > HOUR * 1000 && ms - l->boot_ms > HOUR * 1000 &&
                 !ra->config.hold && world_now(&l->w) > ra->renewal[role].txn.next &&
                 world_now(&l->w) > split_of(l);
    l->ready_ms[role] = !waits ? 0 : since == 0 ? ms : since;
    if (waits && since != 0 && ms - since > BEGINS * 1000 && !flash_fails(l)) {
        life_fail_role(l, role, "is ready, and waits beyond its time");
    }
}

/* --- what is said ---------------------------------------------------------------------------------------- */

static struct life_reminders *reminders(struct life *l, enum ra_role role)
{
    uint32_t generation = l->w.ra.commit.slot[role].active;
    struct life_reminders *r = &l->reminded[role][generation % 4u];
    if (r->generation != generation) {
        *r = (struct life_reminders){.generation = generation};
    }
    return r;
}

static void hear(struct ra_subscriber *self, const struct ra_event_entry *e)
{
    struct life *l = (struct life *)(void *)((uint8_t *)self - offsetof(struct life, ear));
    if (e->kind == RA_LOG_SPLIT) {
        const struct ra_renewal *r = &l->w.ra.renewal[e->role];
        if (!r->txn.alone && !r->asked && e->time < split_of(l)) {
            life_fail_role(l, (enum ra_role)e->role, "does not wait for its partner");
        }
    }
    if (e->role < RA_ROLES && (e->kind == RA_LOG_DAYS_LEFT || e->kind == RA_LOG_EXPIRED)) {
        struct life_reminders *r = reminders(l, (enum ra_role)e->role);
        unsigned said =
            ra_schedule_reminder(l->w.ra.commit.slot[e->role].active_not_after - e->time);
        r->heard = said > r->heard ? said : r->heard;
    }
}

void oracle_listen(struct life *l)
{
    l->ear = (struct ra_subscriber){.event = hear};
    ra_subscribe(&l->w.ra, &l->ear);
}

/* The end of a certificate is announced whatever keeps its renewal, `hold` too. What a wrong clock has
 * said before is not said again after a reset. */
static void watch_reminders(struct life *l, enum ra_role role)
{
    const struct ra_slot *slot = &l->w.ra.commit.slot[role];
    int64_t now = world_now(&l->w), since = l->switched_ms[role] / 1000;
    /* The log is read first, an entry in a step. An end that only the network's time knows of is asked
     * about first. */
    int64_t late = SAYS + (RA_EVENTS + 2) * (int64_t)l->pace_ms / 1000;
    late += now > slot->active_not_after ? SAYS_END : 0;
    since = l->boot_ms / 1000 > since ? l->boot_ms / 1000 : since;
    since = l->clock_right_ms / 1000 > since ? l->clock_right_ms / 1000 : since;
    if (slot->active != 0 && !l->clock_was_wrong && now - since > late &&
        reminders(l, role)->heard < ra_schedule_reminder(slot->active_not_after - now + late)) {
        life_fail_role(l, role, "its end is near, and nobody is told");
    }
}

/* --- the log ------------------------------------------------------------------------------------------- */

#define EVENT_NUMBER_(name, no, alert, text) no,
static const uint8_t event_numbers[] = {RA_EVENT_KINDS(EVENT_NUMBER_)};
#define EVENT_KIND_LAST (event_numbers[sizeof event_numbers - 1])

static void watch_log(struct life *l)
{
    uint32_t above = UINT32_MAX;
    l->log_ms = l->w.true_ms + 60 * DAY * 1000;
    for (uint32_t back = 0; back < RA_EVENTS; back++) {
        struct ra_event_entry e;
        ra_err err = ra_events_get(&l->w.ra.events, &l->w.ra.store, back, &e);
        if (err != RA_OK) {
            break;
        }
        if (e.sequence >= above || e.kind == 0 || e.kind > EVENT_KIND_LAST ||
            (e.role >= RA_ROLES && e.role != RA_EVENT_NO_ROLE)) {
            life_fail(l, "an entry of the log makes no sense");
        }
        above = e.sequence;
        if (strstr(e.detail, LIFE_PASSWORD) != NULL || strstr(e.detail, LIFE_CHALLENGE) != NULL) {
            life_fail(l, "the log holds a secret");
        }
    }
    uint32_t years = (uint32_t)((l->w.true_ms - l->born_ms) / (365 * DAY * 1000)) + 1u;
    uint64_t allowed = (uint64_t)ERASES_A_YEAR * years + l->n.boots;
    if (!l->dying && l->w.flash.erases / l->w.flash.geometry.sector_count > allowed) {
        life_fail(l, "the flash is worn faster than stated");
    }
}

/* --- all of it ------------------------------------------------------------------------------------------- */

/* No erase of the only good copy: the active bank is not touched. */
void oracle_before(void *context, uint32_t at, uint32_t size)
{
    struct life *l = context;
    const struct ra_store *s = &l->w.ra.store;
    if (size == 0 && s->active.size != 0 && at >= s->active.base &&
        at < s->active.base + s->active.size && !fake_ca_busy) {
        life_fail(l, "the active bank is erased");
    }
}

void oracle_begin(struct life *l)
{
    l->calm_ms = l->clock_right_ms = l->w.true_ms;
    l->born_ms = l->last_ms = l->day_ms = l->w.true_ms;
    l->look_ms = l->log_ms = 0;
    l->now = l->w.ra.commit;
    for (unsigned i = 0; i < RA_ROLES; i++) { /* said before the life began */
        reminders(l, (enum ra_role)i)->heard =
            ra_schedule_reminder(l->now.slot[i].active_not_after - world_now(&l->w));
    }
    l->w.flash.before = oracle_before;
    l->w.flash.context = l;
}

static void count_steps(struct life *l)
{
    if (l->w.true_ms - l->day_ms > DAY * 1000) {
        l->day_ms = l->w.true_ms;
        l->day_steps = 0;
    }
    if (++l->day_steps > STEPS_A_DAY) {
        life_fail(l, "steps without progress");
    }
}

static void say_states(struct life *l)
{
    for (unsigned i = 0; l->trace && i < RA_ROLES; i++) {
        enum ra_state state = world_state(&l->w, (enum ra_role)i);
        if (state != l->said[i]) {
            l->said[i] = state;
            life_say(l, ra_role_word((enum ra_role)i), ra_state_name(state));
        }
    }
}

void oracle_step(struct life *l)
{
    struct world *w = &l->w;
    say_states(l);
    int64_t step_ms = w->true_ms - l->last_ms;
    l->last_ms = w->true_ms;
    if (l->failure != NULL) {
        return;
    }
    if (w->flash.violations != 0) {
        life_fail(l, w->flash.why);
    }
    watch_requests(l);
    l->has_next = l->has_next && !ra_settled(&w->ra);
    if (l->dying && w->ra.store.info.worn != 0 && l->end_ms > w->true_ms + 200 * DAY * 1000) {
        l->end_ms = w->true_ms + 200 * DAY * 1000; /* it serves on, and that is all */
    }
    count_steps(l);
    watch_weather(l, step_ms);
    watch_switch(l);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        count_requests(l, (enum ra_role)i);
        watch_due(l, (enum ra_role)i);
        watch_ready(l, (enum ra_role)i);
        watch_reminders(l, (enum ra_role)i);
    }
    operator_watch(l);
    watch_progress(l);
    if (w->true_ms >= l->look_ms) {
        oracle_look(l);
    }
    if (w->true_ms >= l->log_ms) {
        watch_log(l);
    }
}
