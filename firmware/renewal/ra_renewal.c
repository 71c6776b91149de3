#include <string.h>

#include "ra_internal.h"

/* How long a role that waits for time is left alone; every look is cheap. */
#define LOOK_MS 1000u
/* How often an expiry is doubted that only a jump of the clock, or the network, bears witness to. */
#define EXPIRED_AGAIN (7 * RA_DAY)
/* So many attempts in a row that nobody answered, in about an hour, count as the CA's word. */
#define UNHEARD_MAX 6u
/* A first certificate is asked for as if one ended so soon: each day. */
#define FIRST_LEFT (2 * RA_DAY)

static int64_t now_of(const struct ra *ra)
{
    return ra_clock_now(&ra->clock);
}

void ra_log(struct ra *ra, enum ra_event_kind kind, unsigned role, ra_err cause, uint32_t hresult,
            const char *detail)
{
    const struct ra_event_entry *entry =
        ra_events_add(&ra->events, now_of(ra), kind, (uint8_t)role, cause, hresult, detail);
    for (struct ra_subscriber *who = ra->subscribers; who != NULL; who = who->next) {
        if (who->event != NULL) {
            who->event(who, entry);
        }
    }
}

void ra_enter(struct ra *ra, enum ra_role role, enum ra_state state)
{
    struct ra_renewal *r = &ra->renewal[role];
    if (ra->worker == (int8_t)role && !ra_state_works(state)) {
        ra->worker = -1;
    }
    r->state = state;
    r->sub = 0;
}

void ra_txn_clear(struct ra_txn *txn)
{
    struct ra_budget budget = txn->budget;
    uint8_t rollbacks = txn->rollbacks;
    memset(txn, 0, sizeof *txn);
    txn->budget = budget;
    txn->rollbacks = rollbacks;
}

/* What an event means beyond the new state: the transaction's bookkeeping. */
static void on_event(struct ra *ra, enum ra_role role, enum ra_event event)
{
    struct ra_renewal *r = &ra->renewal[role];
    if ((r->state == RA_STATE_IDLE || r->state == RA_STATE_EMPTY || r->state == RA_STATE_EXPIRED) &&
        event == RA_EVENT_DUE) {
        if (!r->asked) {
            memset(&r->wish, 0, sizeof r->wish);
        }
        ra_txn_clear(&r->txn);
        r->txn.rollbacks = 0;
        r->txn.generation = ra_new_generation(ra, role);
        r->txn.first = r->state != RA_STATE_IDLE || r->anew;
        r->anew = false;
        r->txn.by_hand = r->wish.by_hand;
        r->txn.hash = (uint8_t)r->wish.hash;
        r->txn.started = now_of(ra);
        r->txn.alone = r->asked && r->asked_alone;
        ra_log(ra, RA_LOG_BEGUN, role, RA_OK, 0, NULL);
    }
    /* A request that waits is not due by itself: what the operator asks for is answered each time. */
    if (event == RA_EVENT_DUE || event == RA_EVENT_SHOW) {
        r->reported = RA_OK;
    }
    /* Out of BACKOFF the wish is kept until the recovery table was asked: the
     * waiting time in flash is not over. */
    if (event == RA_EVENT_DUE && r->state != RA_STATE_BACKOFF) {
        r->asked = false;
    }
    if (event == RA_EVENT_TIMER && r->state == RA_STATE_BACKOFF) {
        r->waited = true;
    }
    if (event == RA_EVENT_EXPIRE) {
        r->asked = r->asked && r->anew; /* a renewal that was asked for is no first enrolment */
        r->poll_at = now_of(ra) + EXPIRED_AGAIN;
    }
    if (r->state == RA_STATE_EXPIRED) {
        r->confirm_expiry = false;
    }
}

void ra_apply(struct ra *ra, enum ra_role role, enum ra_event event)
{
    on_event(ra, role, event);
    ra_enter(ra, role, ra_states_next(ra->renewal[role].state, event));
}

void ra_slot_switch(struct ra_slot *slot, uint32_t generation, const struct ra_cert *cert)
{
    uint8_t thumbprint[20] = {0};
    (void)ra_cert_sha1(cert->der, thumbprint);
    slot->previous = slot->active;
    slot->previous_not_after = slot->active_not_after;
    slot->active = generation;
    slot->newest = generation;
    slot->active_not_before = cert->not_before;
    slot->active_not_after = cert->not_after;
    slot->probation_until = 0;
    slot->seed = (uint32_t)thumbprint[0] << 24 | (uint32_t)thumbprint[1] << 16 |
                 (uint32_t)thumbprint[2] << 8 | thumbprint[3];
}

static bool due(const struct ra *ra, enum ra_role role, int64_t now)
{
    const struct ra_slot *slot = &ra->commit.slot[role];
    return now >= ra_schedule_due(&ra->config, slot->active_not_before, slot->active_not_after,
                                  slot->seed);
}

static bool expired(const struct ra *ra, enum ra_role role, int64_t now)
{
    const struct ra_slot *slot = &ra->commit.slot[role];
    return slot->active != 0 && now >= slot->active_not_after;
}

int64_t ra_expiry(const struct ra *ra, enum ra_role role, int64_t now)
{
    const struct ra_slot *slot = &ra->commit.slot[role];
    bool first = slot->active == 0 || ra->renewal[role].txn.first;
    return first ? now + FIRST_LEFT : slot->active_not_after;
}

static uint32_t step_empty(struct ra *ra, enum ra_role role, int64_t now)
{
    const struct ra_renewal *r = &ra->renewal[role];
    if (now != RA_TIME_UNKNOWN && r->asked && (r->wish.by_hand || ra_may_ask(ra))) {
        ra_apply(ra, role, RA_EVENT_DUE);
        return 0;
    }
    return LOOK_MS;
}

/* Whether the present time has jumped ahead, or has nobody's word but the network's. */
static bool doubtful(const struct ra *ra)
{
    return ra->clock.jumped || ra->clock.source == RA_TIME_HTTP || ra->clock.source == RA_TIME_SNTP;
}

/* An expiry is believed at once, unless the time is doubtful: then one attempt at the CA comes
 * first, and again each week. A false time must not end the attempts, least of all where only
 * the CA's replies can put it right. */
static bool believed(const struct ra *ra, enum ra_role role)
{
    return !doubtful(ra) || ra->renewal[role].confirm_expiry;
}

bool ra_may_ask(const struct ra *ra)
{
    return ra->transport != NULL && !ra->network_down && !ra->config.hold;
}

static uint32_t step_idle(struct ra *ra, enum ra_role role, int64_t now)
{
    struct ra_renewal *r = &ra->renewal[role];
    if (now == RA_TIME_UNKNOWN) {
        return LOOK_MS;
    }
    if (expired(ra, role, now) && believed(ra, role)) {
        ra_log(ra, RA_LOG_EXPIRED, role, RA_E_EXPIRED, 0, NULL);
        ra_apply(ra, role, RA_EVENT_EXPIRE);
        return 0;
    }
    bool by_hand = r->asked && r->wish.by_hand;
    if (by_hand || (ra_may_ask(ra) && (r->asked || due(ra, role, now)))) {
        r->confirm_expiry = expired(ra, role, now);
        ra_apply(ra, role, RA_EVENT_DUE);
        return 0;
    }
    return LOOK_MS;
}

static uint32_t step_pending(struct ra *ra, enum ra_role role, int64_t now)
{
    struct ra_renewal *r = &ra->renewal[role];
    if (now == RA_TIME_UNKNOWN || !ra_may_ask(ra)) {
        return LOOK_MS;
    }
    r->poll_at = ra_schedule_clamp(r->poll_at, now, RA_DAY);
    if (r->asked) {
        ra_apply(ra, role, RA_EVENT_DUE);
        return 0;
    }
    if (now >= r->poll_at) {
        ra_apply(ra, role, RA_EVENT_TIMER);
        return 0;
    }
    return LOOK_MS;
}

static uint32_t step_backoff(struct ra *ra, enum ra_role role, int64_t now)
{
    struct ra_renewal *r = &ra->renewal[role];
    if (now == RA_TIME_UNKNOWN) {
        return LOOK_MS;
    }
    /* What the CA has accepted, or issued, may still come. */
    bool over = expired(ra, role, now) && r->txn.phase < RA_PHASE_PENDING && !r->txn.by_hand &&
                !r->txn.first;
    bool unheard = ra_error_retry(r->txn.cause) == RA_RETRY_SOON && r->txn.failures < UNHEARD_MAX;
    if (over && believed(ra, role) && !(doubtful(ra) && unheard)) {
        ra_log(ra, RA_LOG_EXPIRED, role, RA_E_EXPIRED, 0, NULL);
        ra_apply(ra, role, RA_EVENT_EXPIRE);
        return 0;
    }
    int64_t longest =
        ra_schedule_longest(ra_error_retry(r->txn.cause), now, ra_expiry(ra, role, now));
    if (r->txn.cause == RA_E_BUDGET) {
        longest = 2 * RA_DAY; /* a budget is a day's, whatever the clock said then */
    }
    /* The CA's own wish may be a day in every class. What lies further off was planned by a clock
     * that was wrong, and is cut short at each reset anew: to two hours at most, so that it comes
     * though the power may go each evening. */
    longest = longest > RA_DAY ? longest : RA_DAY;
    if (r->txn.next > now + longest + RA_DAY) {
        longest = RA_HOUR + (int64_t)(ra->commit.slot[role].seed % RA_HOUR);
    }
    r->txn.next = ra_schedule_clamp(r->txn.next, now, longest);
    if ((ra_may_ask(ra) || r->txn.by_hand) && (r->asked || now >= r->txn.next)) {
        r->confirm_expiry = over;
        ra_apply(ra, role, r->asked ? RA_EVENT_DUE : RA_EVENT_TIMER);
        return 0;
    }
    return LOOK_MS;
}

/* The earlier end of a pair; 0, in the past, where one has no certificate: that one does not wait. */
static int64_t first_expiry(const struct ra *ra, enum ra_role role)
{
    int64_t first = INT64_MAX;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        const struct ra_slot *slot = &ra->commit.slot[i];
        if ((i == (unsigned)role || ra_roles_paired(i, role)) && slot->active_not_after < first) {
            first = slot->active_not_after;
        }
    }
    return first;
}

/* Whether the partner is worth waiting for: its renewal is due or under way. */
static bool partner_coming(const struct ra *ra, enum ra_role role, int64_t now)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        const struct ra_renewal *r = &ra->renewal[i];
        if (!ra_roles_paired(i, role) || ra->commit.slot[i].active == 0 ||
            r->state == RA_STATE_EXPIRED) {
            continue;
        }
        if (r->state == RA_STATE_READY) {
            if (ra_not_yet(r, now)) {
                return true;
            }
            continue;
        }
        /* The jitter is not to part the pair, nor the moment between a beginning and its record. */
        int64_t soon = now + (int64_t)ra->config.jitter_hours * RA_HOUR;
        if (ra_txn_open(&r->txn, &ra->commit.slot[i]) || r->asked || ra_state_works(r->state) ||
            (r->state != RA_STATE_PROBATION && due(ra, (enum ra_role)i, soon))) {
            return true;
        }
    }
    return false;
}

bool ra_not_yet(const struct ra_renewal *r, int64_t now)
{
    return r->txn.next > now && r->txn.next - now <= RA_DAY;
}

static uint32_t step_ready(struct ra *ra, enum ra_role role, int64_t now)
{
    struct ra_renewal *r = &ra->renewal[role];
    if (now == RA_TIME_UNKNOWN || ra->worker >= 0) {
        return LOOK_MS;
    }
    /* A certificate of the near future is kept, not refused: it serves from its first second. */
    if (ra_not_yet(r, now)) {
        return LOOK_MS;
    }
    if (ra->config.hold && !r->txn.by_hand) {
        return LOOK_MS;
    }
    bool coming = partner_coming(ra, role, now);
    if (coming && !r->txn.alone && !r->asked &&
        now < ra_schedule_split(&ra->config, first_expiry(ra, role))) {
        return LOOK_MS;
    }
    if (coming) {
        ra_log(ra, RA_LOG_SPLIT, role, RA_OK, 0, NULL);
    }
    ra->worker = (int8_t)role;
    ra_apply(ra, role, RA_EVENT_GO);
    return 0;
}

static uint32_t step_probation(struct ra *ra, enum ra_role role, int64_t now)
{
    struct ra_slot *slot = &ra->commit.slot[role];
    if (now == RA_TIME_UNKNOWN) {
        return LOOK_MS;
    }
    int64_t longest = (int64_t)ra->config.probation_hours * RA_HOUR;
    if (slot->probation_until > now + longest + RA_DAY) {
        ra->commit_dirty = true; /* by a clock that was wrong: not anew at each reset */
    }
    slot->probation_until = ra_schedule_clamp(slot->probation_until, now, longest);
    /* Of a short life not all: the next renewal begins after it. */
    int64_t latest =
        slot->active_not_after - (slot->active_not_after - slot->active_not_before) / 3;
    bool over = now >= slot->probation_until || now >= latest;
    if (!over || ra_clock_leapt(&ra->clock, RA_LEAPT_PROBATION)) {
        return LOOK_MS;
    }
    ra_log(ra, RA_LOG_PROVED, role, RA_OK, 0, NULL);
    slot->probation_until = 0;
    ra->commit_dirty = true;
    ra->cleanup_wanted = true; /* its day is over: the transaction may go */
    ra_apply(ra, role, RA_EVENT_TIMER);
    return 0;
}

static uint32_t step_expired(struct ra *ra, enum ra_role role, int64_t now)
{
    struct ra_renewal *r = &ra->renewal[role];
    if (now != RA_TIME_UNKNOWN && !expired(ra, role, now)) {
        ra_apply(ra, role, RA_EVENT_VALID);
        return 0;
    }
    /* The clock may be wrong for long: the CA is asked now and then whether it is so. */
    r->poll_at = ra_schedule_clamp(r->poll_at, now, EXPIRED_AGAIN);
    if (doubtful(ra) && ra_may_ask(ra) && now >= r->poll_at) {
        ra_apply(ra, role, RA_EVENT_TIMER);
        return 0;
    }
    return step_empty(ra, role, now); /* a new enrolment, if the operator asks for one */
}

static uint32_t step_working(struct ra *ra, enum ra_role role)
{
    uint32_t wait_ms = 0;
    if (ra->worker < 0) {
        ra->worker = (int8_t)role;
    }
    if (ra->worker != (int8_t)role) {
        return LOOK_MS;
    }
    int event = ra_work(ra, role, &wait_ms);
    if (event >= 0) {
        ra_apply(ra, role, (enum ra_event)event);
        return 0;
    }
    return wait_ms;
}

uint32_t ra_renewal_step(struct ra *ra, enum ra_role role)
{
    int64_t now = now_of(ra);
    enum ra_state state = ra->renewal[role].state;
    if (ra_state_works(state)) {
        return step_working(ra, role);
    }
    switch (state) {
    case RA_STATE_EMPTY:
        return step_empty(ra, role, now);
    case RA_STATE_IDLE:
        return step_idle(ra, role, now);
    case RA_STATE_PENDING:
        return step_pending(ra, role, now);
    case RA_STATE_READY:
        return step_ready(ra, role, now);
    case RA_STATE_PROBATION:
        return step_probation(ra, role, now);
    case RA_STATE_BACKOFF:
        return step_backoff(ra, role, now);
    case RA_STATE_EXPIRED:
        return step_expired(ra, role, now);
    default:
        return LOOK_MS;
    }
}
