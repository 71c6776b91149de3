#include "perennial.h"

#include <string.h>

#include "ra_internal.h"
#include "ra_name.h"

/* The start: each phase is left when its work is done. */
enum start_phase {
    START_MOUNT,
    START_SETTLE,
    START_COMMIT,
    START_CONFIG,
    START_PASSWORD,
    START_EVENTS,
    START_RUN
};

#define LOOK_MS 1000u
#define SAVE_AGAIN_MS 60000u
#define SAVE_STILL_MS 86400000u /* and again: each time may cost a thousand erases */
#define PROVISION_PATIENCE_MS 60000u
#define SEED_PATIENCE_MS 60000u
#define SETTLE_PATIENCE_MS 10000u

/* Steps that a finished put is given to be followed by another, before the store
 * ends its log with a marker: a put that comes at once spares one. */
#define LINGER_STEPS 3u

/* Without a time: how long SNTP has before the CA's web server is asked, and how
 * often that is repeated. */
#define PROBE_FIRST_MS 60000u
#define PROBE_EVERY_MS 3600000u

/* Then the log says that it is missing, and every week. */
#define TIME_PATIENCE_MS 60000u
#define TIME_AGAIN_MS ((uint64_t)7 * RA_DAY * 1000u)

ra_err ra_init(struct ra *ra, const struct hal *hal, const struct ra_transport *transport,
               uint8_t *reply)
{
    ra_err e;
    memset(ra, 0, sizeof *ra);
    ra->hal = hal;
    ra->transport = transport;
    ra->reply = reply;
    ra->worker = -1;
    ra_config_defaults(&ra->config);
    ra_events_init(&ra->events);
    ra_clock_init(&ra->clock, &hal->clock);
    ra->started_ms = ra_clock_ms(&ra->clock);
    ra->probe_ms = ra->started_ms + PROBE_FIRST_MS;
    ra->time_missed_ms = ra->started_ms + TIME_PATIENCE_MS;
    e = ra_random_init(&ra->random, &hal->entropy);
    if (e == RA_OK) {
        e = ra_seal_init(&ra->seal, &hal->device_key);
    }
    if (e == RA_OK && transport != NULL) {
        /* Room is left behind the largest reply to rewrite BER as DER in place. */
        e = ra_exchange_init(&ra->exchange, transport, NULL, reply, RA_REPLY_MAX - RA_BER_SLACK);
    }
    if (e == RA_OK) {
        e = ra_store_init(&ra->store, &hal->flash, &ra->seal, &ra->random);
    }
    ra->start_error = ra->save_error = e;
    return e;
}

bool ra_started(const struct ra *ra)
{
    return ra->phase == START_RUN;
}

ra_err ra_usable(const struct ra *ra)
{
    return ra_started(ra) ? RA_OK : ra->start_error != RA_OK ? ra->start_error : RA_AGAIN;
}

ra_err ra_ready(const struct ra *ra)
{
    ra_err e = ra_usable(ra);
    return e == RA_AGAIN ? RA_E_BUSY : e;
}

ra_err ra_seed(struct ra *ra)
{
    uint64_t ms = ra_clock_ms(&ra->clock);
    uint16_t before = ra->random.collected;
    ra_err e = ra_random_seed(&ra->random);
    if (e != RA_AGAIN) {
        ra->seed_ms = 0;
        return e;
    }
    /* A source that has come back is waited for. */
    if (ra->seed_ms == 0 || ra->random.collected != before) {
        ra->seed_ms = ms + 1u;
    }
    return ms > ra->seed_ms + SEED_PATIENCE_MS ? RA_E_ENTROPY : RA_AGAIN;
}

/* --- the store, shared ------------------------------------------------------ */

/* Whether somebody is at it: then *e is how it stands with `who`. */
static bool is_writing(struct ra *ra, enum ra_writer who, ra_err *e)
{
    if (ra->writer == RA_WRITER_NONE) {
        return false;
    }
    *e = ra->writer == (uint8_t)who ? ra_store_result(&ra->store) : RA_AGAIN;
    if (*e != RA_AGAIN) {
        ra->writer = RA_WRITER_NONE;
    }
    return true;
}

static ra_err begun(struct ra *ra, enum ra_writer who, ra_err e)
{
    if (e == RA_OK) {
        ra->writer = (uint8_t)who;
        return RA_AGAIN;
    }
    return e == RA_E_BUSY ? RA_AGAIN : e;
}

ra_err ra_write(struct ra *ra, enum ra_writer who, enum ra_record type, uint16_t id,
                const void *data, size_t size)
{
    ra_err e;
    if (is_writing(ra, who, &e)) {
        return e;
    }
    if (ra->seal.have_key && !ra_random_ready(&ra->random)) {
        e = ra_seed(ra);
        return e == RA_OK ? RA_AGAIN : e;
    }
    return begun(ra, who, ra_store_put(&ra->store, (uint8_t)type, id, data, size));
}

ra_err ra_drop(struct ra *ra, enum ra_writer who, const struct ra_store_key *keys, size_t n)
{
    ra_err e;
    return is_writing(ra, who, &e) ? e : begun(ra, who, ra_store_drop(&ra->store, keys, n));
}

ra_err ra_read(struct ra *ra, enum ra_record type, uint16_t id, void *out, size_t cap, size_t *size)
{
    return ra_store_get(&ra->store, (uint8_t)type, id, out, cap, size);
}

/* A change that waits for its turn, or for the generator's seed. One that cannot be
 * written is not waited for. */
static bool unsaved(const struct ra *ra)
{
    bool seeding = ra->seed_ms != 0 && ra_clock_ms(&ra->clock) <= ra->seed_ms + SEED_PATIENCE_MS;
    bool can = ra_started(ra) && (!ra->seal.have_key || ra_random_ready(&ra->random) || seeding);
    return can && ra->save_error == RA_OK &&
           (ra->commit_dirty || ra->config_dirty || ra->password_dirty);
}

bool ra_settled(const struct ra *ra)
{
    return ra->start_error != RA_OK ||
           (ra->writer == RA_WRITER_NONE && !unsaved(ra) && ra_store_settled(&ra->store));
}

/* --- the start --------------------------------------------------------------- */

static ra_err load_config(struct ra *ra)
{
    /* The request buffer is idle at the start, and wiped: the text holds a password. */
    size_t size = 0;
    ra_err e = ra_read(ra, RA_RECORD_CONFIG, 0, ra->request, RA_CONFIG_TEXT_MAX, &size);
    if (e == RA_AGAIN) {
        return e;
    }
    if (e == RA_OK) {
        (void)ra_config_read(&ra->config, (const char *)ra->request, size);
        ra_wipe(ra->request, size);
    } else if (e != RA_E_NOT_FOUND) {
        ra_log(ra, RA_LOG_DAMAGED, RA_EVENT_NO_ROLE, e, 0, "the settings");
    }
    return RA_OK;
}

static ra_err load_password(struct ra *ra)
{
    uint8_t record[RA_PASSWORD_SIZE];
    size_t size = 0;
    ra_err e = ra_read(ra, RA_RECORD_PASSWORD, 0, record, sizeof record, &size);
    if (e == RA_OK) {
        e = ra_password_decode(&ra->password, record, size);
    }
    ra_wipe(record, sizeof record);
    ra->password_error = e == RA_AGAIN || e == RA_E_NOT_FOUND ? RA_OK : e;
    return e == RA_AGAIN ? e : RA_OK;
}

static void report_start(struct ra *ra)
{
    if (ra->password_error != RA_OK) {
        ra_log(ra, RA_LOG_DAMAGED, RA_EVENT_NO_ROLE, ra->password_error, 0, "the password");
    }
    if (ra_store_was_unclean(&ra->store)) {
        ra_log(ra, RA_LOG_UNCLEAN, RA_EVENT_NO_ROLE, RA_OK, 0, NULL);
        /* Cells that a cut left half programmed may have read well just now and not when
         * the store makes its clean copy: what serves from here on is written again. */
        ra->commit_dirty =
            ra->commit_error == RA_OK && ra_store_find(&ra->store, RA_RECORD_COMMIT, 0);
    }
    if (ra->commit_error != RA_OK) {
        ra_log(ra, RA_LOG_LOST, RA_EVENT_NO_ROLE, ra->commit_error, 0, NULL);
    }
    /* A cut may have come between the last switch and what follows it. */
    ra->cleanup_wanted = ra->commit_error == RA_OK;
}

/* Cells that a cut has touched may read well now and not again: nothing is relied on
 * before the store has copied it. A store that cannot does not hold the boot. */
static ra_err settle(struct ra *ra)
{
    if (!ra_store_was_unclean(&ra->store) || ra_store_settled(&ra->store) ||
        ra_clock_ms(&ra->clock) - ra->started_ms > SETTLE_PATIENCE_MS) {
        return RA_OK;
    }
    (void)ra_store_step(&ra->store);
    return RA_AGAIN;
}

static ra_err start_step(struct ra *ra)
{
    int64_t newest = 0;
    ra_err e;
    switch (ra->phase) {
    case START_MOUNT:
        e = ra_store_mount_step(&ra->store);
        break;
    case START_SETTLE:
        e = settle(ra);
        break;
    case START_COMMIT:
        e = ra_commit_load(&ra->commit, &ra->store);
        if (e != RA_AGAIN) {
            ra->commit_error = e == RA_E_NOT_FOUND ? RA_OK : e;
            ra_clock_raise_floor(&ra->clock, ra->commit.time_floor);
        }
        break;
    case START_CONFIG:
        e = load_config(ra);
        break;
    case START_PASSWORD:
        e = load_password(ra);
        break;
    default:
        e = ra_events_load(&ra->events, &ra->store, &newest);
        if (e != RA_AGAIN) {
            ra_clock_witness(&ra->clock, newest);
            report_start(ra);
            if (ra_erase_found(ra)) {
                ra_erase_begin(ra);
            }
        }
        break;
    }
    if (e != RA_AGAIN) {
        ra->phase++;
    }
    return e;
}

/* --- the work between renewals --------------------------------------------------- */

static ra_err save_commit(struct ra *ra)
{
    uint8_t record[RA_COMMIT_SIZE];
    size_t size = ra_commit_encode(&ra->commit, record);
    return ra_write(ra, RA_WRITER_COMMIT, RA_RECORD_COMMIT, 0, record, size);
}

static ra_err save_config(struct ra *ra)
{
    char text[RA_CONFIG_TEXT_MAX];
    size_t size = 0;
    ra_err e = ra_config_write(&ra->config, text, sizeof text, &size);
    if (e == RA_OK) {
        e = ra_write(ra, RA_WRITER_CONFIG, RA_RECORD_CONFIG, 0, text, size);
    }
    ra_wipe(text, sizeof text);
    if (e == RA_OK) {
        ra_log(ra, RA_LOG_CONFIG, RA_EVENT_NO_ROLE, RA_OK, 0, NULL);
    }
    return e;
}

static ra_err save_password(struct ra *ra)
{
    uint8_t record[RA_PASSWORD_SIZE];
    ra_password_encode(&ra->password, record);
    ra_err e = ra_write(ra, RA_WRITER_PASSWORD, RA_RECORD_PASSWORD, 0, record, sizeof record);
    ra_wipe(record, sizeof record);
    return e;
}

/* Whether a generation of a role is named by the commit or the role's transaction, or has a
 * certificate and is newer than all that ever served: its commit was lost. A newer key alone is one
 * whose transaction was never written. Of a role that the commit does not know nothing can be
 * judged. */
static bool in_use(const struct ra *ra, uint16_t id)
{
    unsigned role = id >> 8;
    if (role >= RA_ROLES) {
        return true;
    }
    const struct ra_slot *slot = &ra->commit.slot[role];
    uint32_t pending = ra->renewal[role].txn.generation; /* 0: none; 256 has the id of 0 */
    uint8_t ahead = (uint8_t)(id - slot->newest);
    return slot->active == 0 || ra_generation_id((enum ra_role)role, slot->active) == id ||
           (slot->previous != 0 && ra_generation_id((enum ra_role)role, slot->previous) == id) ||
           (pending != 0 && ra_generation_id((enum ra_role)role, pending) == id) ||
           (ahead != 0 && ahead < 128 && ra_store_find(&ra->store, RA_RECORD_CERT, id));
}

/* What a transaction that is over still has to say after a reset. */
static bool still_counts(const struct ra *ra, const struct ra_renewal *r)
{
    int64_t now = ra_clock_now(&ra->clock);
    bool today = now == RA_TIME_UNKNOWN || !ra_budget_over(&r->txn.budget, now);
    return (r->txn.budget.spent != 0 && today) ||
           (r->txn.rollbacks != 0 && r->state == RA_STATE_PROBATION);
}

/* Drop the records that nothing names any more, a transaction that is over among
 * them. Not before every role has read
 * its transaction, and never without a commit: then nothing can be judged. */
static ra_err cleanup(struct ra *ra)
{
    static const uint8_t types[] = {RA_RECORD_KEY, RA_RECORD_CERT, RA_RECORD_CHAIN};
    struct ra_store_key keys[RA_STORE_DROP_MAX];
    size_t n = 0;
    if (ra->writer == RA_WRITER_CLEANUP) {
        ra_err e = ra_store_result(&ra->store);
        if (e != RA_AGAIN) {
            ra->writer = RA_WRITER_NONE;
        }
        return e == RA_OK ? RA_AGAIN : e; /* there may be more than goes in one drop */
    }
    for (unsigned t = 0; t < sizeof types; t++) {
        struct ra_store_cursor cursor;
        struct ra_store_key key;
        ra_store_cursor_init(&cursor, types[t]);
        while (n < RA_STORE_DROP_MAX && ra_store_next(&ra->store, &cursor, &key)) {
            if (!in_use(ra, key.id)) {
                keys[n++] = key;
            }
        }
    }
    for (unsigned i = 0; i < RA_ROLES && n < RA_STORE_DROP_MAX; i++) {
        const struct ra_renewal *r = &ra->renewal[i];
        if (r->txn.phase == RA_PHASE_NONE && !still_counts(ra, r) &&
            ra_store_find(&ra->store, RA_RECORD_TXN, (uint16_t)i)) {
            keys[n].type = RA_RECORD_TXN;
            keys[n++].id = (uint16_t)i;
        }
    }
    if (n == 0) {
        return RA_OK;
    }
    ra_err e = ra_store_drop(&ra->store, keys, n);
    if (e == RA_OK) {
        ra->writer = RA_WRITER_CLEANUP;
        return RA_AGAIN;
    }
    return e == RA_E_BUSY ? RA_AGAIN : e;
}

/* The old generation is given up when its certificate, or the operator's
 * retention time, has ended. */
static void end_retention(struct ra *ra)
{
    int64_t now = ra_clock_now(&ra->clock);
    bool doubted = ra->clock.jumped || ra_clock_leapt(&ra->clock, RA_LEAPT_RETENTION);
    for (unsigned i = 0; i < RA_ROLES && now != RA_TIME_UNKNOWN && !doubted; i++) {
        struct ra_slot *slot = &ra->commit.slot[i];
        int64_t end = slot->previous_not_after;
        if (ra->config.retention_days != 0) {
            int64_t wanted = slot->active_not_before + (int64_t)ra->config.retention_days * RA_DAY;
            end = wanted < end ? wanted : end;
        }
        if (slot->previous != 0 && slot->probation_until == 0 && now >= end) {
            slot->previous = 0;
            slot->previous_not_after = 0;
            ra->commit_dirty = true;
            ra->cleanup_wanted = true;
        }
    }
}

static bool all_resumed(const struct ra *ra)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (ra->renewal[i].state == RA_STATE_RESUME) {
            return false;
        }
    }
    return true;
}

/* Carry on with a save. What changes after the store has taken the bytes is dirty
 * again; what could not be written stays so. */
static ra_err save(struct ra *ra, enum ra_writer who, bool *dirty, ra_err (*put)(struct ra *))
{
    bool begun = ra->writer == (uint8_t)who;
    ra_err e = put(ra);
    if (!begun && ra->writer == (uint8_t)who) {
        *dirty = false;
    }
    if (e == RA_OK) {
        ra->save_error = RA_OK;
    } else if (e != RA_AGAIN) {
        *dirty = true;
        ra->save_ms =
            ra_clock_ms(&ra->clock) + (ra->save_error == RA_OK ? SAVE_AGAIN_MS : SAVE_STILL_MS);
        if (ra->save_error != e) {
            ra->save_error = e;
            ra_log(ra, RA_LOG_NOT_SAVED, RA_EVENT_NO_ROLE, e, 0, NULL);
        }
    }
    return e;
}

/* A caller that stopped in the middle of provisioning must not keep the store. */
static void end_provisioning(struct ra *ra)
{
    if (ra_clock_ms(&ra->clock) - ra->provision_ms > PROVISION_PATIENCE_MS &&
        ra_store_result(&ra->store) != RA_AGAIN) {
        ra->writer = RA_WRITER_NONE;
        ra->provision_sub = 0;
    }
}

/* One job at a time, in this order; a job that fails is not repeated at once. */
static uint32_t housekeeping(struct ra *ra)
{
    ra_err e = RA_OK;
    end_retention(ra);
    if (ra->writer == RA_WRITER_PROVISION) {
        end_provisioning(ra);
        return LOOK_MS;
    }
    if (ra->writer == RA_WRITER_WORK) {
        return LOOK_MS;
    }
    bool may_save = ra->save_error == RA_OK || ra_clock_ms(&ra->clock) >= ra->save_ms;
    if (ra->writer == RA_WRITER_EVENT || (ra->writer == RA_WRITER_NONE && ra->events.count != 0)) {
        if (ra->seal.have_key && !ra_random_ready(&ra->random)) {
            /* Without entropy there is no log in flash, and nothing else suffers. */
            return ra_seed(ra) == RA_AGAIN ? 1 : LOOK_MS;
        }
        (void)ra_events_step(&ra->events, &ra->store);
        ra->writer = ra->events.writing ? RA_WRITER_EVENT : RA_WRITER_NONE;
        return 0;
    }
    if (ra->writer == RA_WRITER_COMMIT ||
        (ra->writer == RA_WRITER_NONE && ra->commit_dirty && may_save)) {
        e = save(ra, RA_WRITER_COMMIT, &ra->commit_dirty, save_commit);
    } else if (ra->writer == RA_WRITER_CONFIG ||
               (ra->writer == RA_WRITER_NONE && ra->config_dirty && may_save)) {
        e = save(ra, RA_WRITER_CONFIG, &ra->config_dirty, save_config);
    } else if (ra->writer == RA_WRITER_PASSWORD ||
               (ra->writer == RA_WRITER_NONE && ra->password_dirty && may_save)) {
        e = save(ra, RA_WRITER_PASSWORD, &ra->password_dirty, save_password);
    } else if (ra->writer == RA_WRITER_CLEANUP || (ra->cleanup_wanted && !ra->commit_dirty &&
                                                   all_resumed(ra) && ra->provision_sub == 0)) {
        e = cleanup(ra);
        ra->cleanup_wanted = e == RA_AGAIN;
    } else {
        return LOOK_MS;
    }
    /* A source of noise that has nothing yet wants time to pass. */
    bool seeding = ra->seal.have_key && !ra_random_ready(&ra->random);
    return e != RA_AGAIN ? LOOK_MS : seeding ? 1 : 0;
}

void ra_switched(struct ra *ra, enum ra_role role)
{
    ra_key_wipe(&ra->service_key);
    ra->service_generation = 0;
    ra->cleanup_wanted = true;
    ra->renewal[role].reminded = 0; /* of another certificate */
    for (struct ra_subscriber *who = ra->subscribers; who != NULL; who = who->next) {
        if (who->changed != NULL) {
            who->changed(who, role);
        }
    }
}

/* After a start: which reminders were given before it, by the log. False: not known yet. */
static bool recall_reminders(struct ra *ra)
{
    struct ra_event_entry entry;
    if (ra->recall == RA_EVENTS) {
        return true;
    }
    ra_err e = ra_events_get(&ra->events, &ra->store, ra->recall, &entry);
    if (e == RA_AGAIN) {
        return false;
    }
    ra->recall = e == RA_E_NOT_FOUND ? RA_EVENTS : (uint8_t)(ra->recall + 1);
    if (e == RA_OK && (entry.kind == RA_LOG_DAYS_LEFT || entry.kind == RA_LOG_EXPIRED) &&
        entry.role < RA_ROLES) {
        const struct ra_slot *slot = &ra->commit.slot[entry.role];
        unsigned given = ra_schedule_reminder(slot->active_not_after - entry.time);
        struct ra_renewal *r = &ra->renewal[entry.role];
        r->reminded = given > r->reminded ? (uint8_t)given : r->reminded;
    }
    return false;
}

/* The reminder that the role's certificate calls for, 0: none. Its end itself is said by the states
 * IDLE and BACKOFF as they leave for EXPIRED; an open request outlives it, and on hold they do not ask
 * the CA whether a doubtful time is right: then it is said here, doubtful or not where nobody asks. */
static unsigned reminder_of(const struct ra *ra, unsigned role, int64_t now)
{
    const struct ra_slot *slot = &ra->commit.slot[role];
    const struct ra_renewal *r = &ra->renewal[role];
    int64_t left = slot->active_not_after - now;
    bool open = (r->txn.phase >= RA_PHASE_PENDING || r->txn.by_hand) && !r->txn.first;
    bool stays = open || (!ra_may_ask(ra) && r->state != RA_STATE_EXPIRED);
    bool doubted = ra->clock.jumped && !ra->config.hold && !r->txn.by_hand;
    return slot->active == 0 || (left <= 0 && (!stays || doubted)) ? 0 : ra_schedule_reminder(left);
}

/* A certificate near its end is said at 60 days, weekly, daily, whatever renewal is doing, and
 * however the clock came to know it. Only then is the log read for what was said before the start. */
static void remind(struct ra *ra)
{
    int64_t now = ra_clock_now(&ra->clock);
    bool any = false;
    if (now == RA_TIME_UNKNOWN) {
        return;
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        any = any || reminder_of(ra, i, now) > ra->renewal[i].reminded;
    }
    if (any && !recall_reminders(ra)) {
        return;
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        unsigned due = reminder_of(ra, i, now);
        if (due == RA_REMINDERS && ra->renewal[i].reminded != RA_REMINDERS) {
            ra_log(ra, RA_LOG_EXPIRED, i, RA_OK, 0, NULL);
        } else if (due > ra->renewal[i].reminded) {
            char text[32];
            struct ra_text to;
            ra_text_init(&to, text, sizeof text);
            ra_text_add_i64(&to, (ra->commit.slot[i].active_not_after - now) / RA_DAY);
            ra_text_add(&to, " days left");
            ra_log(ra, RA_LOG_DAYS_LEFT, i, RA_OK, 0, text);
        }
        ra->renewal[i].reminded = (uint8_t)due;
    }
}

/* Said when the sources have had their time to answer, and weekly: no certificate's end can be. */
static void watch_time(struct ra *ra)
{
    uint64_t ms = ra_clock_ms(&ra->clock);
    if (ra_clock_now(&ra->clock) == RA_TIME_UNKNOWN && ms >= ra->time_missed_ms) {
        ra->time_missed_ms = ms + TIME_AGAIN_MS;
        ra_log(ra, RA_LOG_NO_TIME, RA_EVENT_NO_ROLE, RA_E_TIME_UNKNOWN, 0, NULL);
    }
}

static uint32_t probe_step(struct ra *ra)
{
    uint64_t ms = ra_clock_ms(&ra->clock);
    uint32_t wait = LOOK_MS;
    if (ra->worker < 0 && ms >= ra->probe_ms && ra_may_ask(ra) &&
        (ra->config.ca_url[0] != '\0' || ra->config.device_url[0] != '\0') &&
        ra_clock_now(&ra->clock) == RA_TIME_UNKNOWN) {
        ra->worker = RA_WORKER_PROBE;
        ra->probe_sub = 0;
        ra->probe_ms = ms + PROBE_EVERY_MS;
    }
    if (ra->worker == RA_WORKER_PROBE && ra_probe_time(ra, &wait) != RA_AGAIN) {
        ra_exchange_cancel(&ra->exchange);
        ra->worker = -1;
    }
    return wait;
}

static void watch_damage(struct ra *ra)
{
    uint32_t damaged = ra_store_damaged(&ra->store);
    if (damaged != ra->damaged_seen) {
        ra->damaged_seen = damaged;
        ra_log(ra, RA_LOG_DAMAGED, RA_EVENT_NO_ROLE, RA_E_RECORD_DAMAGED, 0, NULL);
    }
}

uint32_t ra_step(struct ra *ra)
{
    uint32_t wake = UINT32_MAX;
    if (ra->phase != START_RUN) {
        return start_step(ra) == RA_AGAIN && ra->phase == START_SETTLE ? 1 : 0;
    }
    uint8_t writer = ra->writer;
    if (writer == RA_WRITER_NONE && ra->linger > 0) {
        ra->linger--;
        wake = 1;
    } else if (ra_store_step(&ra->store) == RA_AGAIN) {
        wake = 1;
    }
    if (RA_WITH_PROVISION && ra->worker == RA_WORKER_IMPORT &&
        ra_clock_ms(&ra->clock) - ra->provision_ms > PROVISION_PATIENCE_MS) {
        ra_import_stop(ra);
    }
    if (ra->erase != 0) {
        uint32_t wait = ra_erase_step(ra);
        wake = wait < wake ? wait : wake;
    }
    for (unsigned i = 0; i < RA_ROLES && ra->erase == 0; i++) {
        uint32_t wait = ra_renewal_step(ra, (enum ra_role)i);
        wake = wait < wake ? wait : wake;
    }
    /* Nobody works, so no request follows soon: let go of the connection. */
    if (ra->worker < 0 && ra->exchange.open) {
        ra_exchange_cancel(&ra->exchange);
    }
    uint32_t wait = probe_step(ra);
    wake = wait < wake ? wait : wake;
    wait = housekeeping(ra);
    watch_damage(ra);
    watch_time(ra);
    remind(ra);
    if (writer != RA_WRITER_NONE && ra->writer == RA_WRITER_NONE) {
        ra->linger = LINGER_STEPS;
    }
    return wait < wake ? wait : wake;
}

void ra_network(struct ra *ra, bool up)
{
    ra->network_down = !up;
}

bool ra_working(const struct ra *ra)
{
    return !ra_started(ra) || ra->worker >= 0;
}

bool ra_may_be_due(const struct ra *ra)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        struct ra_status s;
        ra_status(ra, (enum ra_role)i, &s);
        bool waits = s.state == RA_STATE_BACKOFF || s.state == RA_STATE_PENDING;
        if (!s.stored || s.held || s.state == RA_STATE_EXPIRED || s.state == RA_STATE_PROBATION ||
            s.state == RA_STATE_OFFLINE) {
            continue;
        }
        if (!s.time_known || (waits ? s.next : s.due) <= ra_clock_now(&ra->clock)) {
            return true;
        }
    }
    return false;
}

void ra_unsubscribe(struct ra *ra, struct ra_subscriber *who)
{
    for (struct ra_subscriber **at = &ra->subscribers; *at != NULL; at = &(*at)->next) {
        if (*at == who) {
            *at = who->next;
            break;
        }
    }
}

void ra_subscribe(struct ra *ra, struct ra_subscriber *who)
{
    ra_unsubscribe(ra, who); /* twice would make a ring */
    who->next = ra->subscribers;
    ra->subscribers = who;
}

/* --- the credentials in use --------------------------------------------------------- */

static ra_err read_active(struct ra *ra, enum ra_record type, enum ra_role role, uint8_t *out,
                          size_t cap, size_t *size)
{
    *size = 0;
    ra_err e = ra_usable(ra);
    if (e != RA_OK) {
        return e;
    }
    uint32_t active = ra->commit.slot[role].active;
    if (active == 0) {
        return RA_E_NO_CREDENTIAL;
    }
    return ra_read(ra, type, ra_generation_id(role, active), out, cap, size);
}

/* A stored pair that cannot be read or does not fit is a pair that fails its self-test. */
static ra_err watch_active(struct ra *ra, enum ra_role role, ra_err e)
{
    if (e == RA_E_RECORD_DAMAGED || e == RA_E_RECORD_SEAL || e == RA_E_NOT_FOUND ||
        e == RA_E_KEY_FORMAT) {
        ra_report_use(ra, role, false);
    }
    return e;
}

ra_err ra_certificate(struct ra *ra, enum ra_role role, uint8_t *out, size_t cap, size_t *size)
{
    return watch_active(ra, role, read_active(ra, RA_RECORD_CERT, role, out, cap, size));
}

ra_err ra_issuers(struct ra *ra, enum ra_role role, uint8_t *out, size_t cap, size_t *size)
{
    return watch_active(ra, role, read_active(ra, RA_RECORD_CHAIN, role, out, cap, size));
}

static ra_err use_key(struct ra *ra, enum ra_role role, uint32_t generation)
{
    ra_err e;
    if (ra->service_generation == generation && ra->service_role == (uint8_t)role) {
        return RA_OK;
    }
    ra_key_wipe(&ra->service_key);
    ra->service_generation = 0;
    e = ra_load_key(ra, role, generation, &ra->service_key);
    if (e == RA_OK) {
        ra->service_generation = generation;
        ra->service_role = (uint8_t)role;
    }
    return e;
}

ra_err ra_sign(struct ra *ra, enum ra_role role, enum ra_hash_alg hash, const uint8_t *digest,
               uint8_t *out, size_t cap, size_t *size)
{
    ra_err e = ra_usable(ra);
    if (e != RA_OK) {
        return e;
    }
    if (ra->commit.slot[role].active == 0) {
        return RA_E_NO_CREDENTIAL;
    }
    e = watch_active(ra, role, use_key(ra, role, ra->commit.slot[role].active));
    if (e == RA_OK && ra_key_is_rsa(ra->service_key.alg)) {
        e = ra_seed(ra); /* for the blinding; ECDSA here is deterministic */
    }
    return e != RA_OK ? e
                      : ra_key_sign(&ra->service_key, &ra->random, hash, digest, out, cap, size);
}

/* The generation of the encryption role whose certificate has this issuer and serial. */
static ra_err find_recipient(struct ra *ra, struct ra_span issuer, struct ra_span serial,
                             uint32_t *generation)
{
    const struct ra_slot *slot = &ra->commit.slot[RA_ROLE_ENCRYPTION];
    const uint32_t candidates[] = {slot->active, slot->previous};
    for (unsigned i = 0; i < 2; i++) {
        uint8_t der[RA_CERT_MAX];
        struct ra_cert cert;
        size_t size = 0;
        if (candidates[i] == 0) {
            continue;
        }
        ra_err e = ra_read(ra, RA_RECORD_CERT, ra_generation_id(RA_ROLE_ENCRYPTION, candidates[i]),
                           der, sizeof der, &size);
        if (e == RA_AGAIN) {
            return e;
        }
        if (e == RA_OK && ra_cert_parse(&cert, der, size) == RA_OK &&
            ra_span_equal(cert.serial, serial) && ra_name_equal(cert.issuer, issuer)) {
            *generation = candidates[i];
            return RA_OK;
        }
    }
    return RA_E_NO_SUCH_CERT;
}

ra_err ra_decrypt(struct ra *ra, struct ra_span issuer, struct ra_span serial,
                  enum ra_padding padding, const uint8_t *in, size_t in_size, uint8_t *out,
                  size_t cap, size_t *size)
{
    uint32_t generation = ra->commit.slot[RA_ROLE_ENCRYPTION].active;
    ra_err e = ra_usable(ra);
    if (e != RA_OK) {
        return e;
    }
    if (generation == 0) {
        return RA_E_NO_CREDENTIAL;
    }
    e = ra_seed(ra);
    if (e == RA_OK && serial.size != 0) {
        e = find_recipient(ra, issuer, serial, &generation);
    }
    if (e == RA_OK) {
        e = use_key(ra, RA_ROLE_ENCRYPTION, generation);
    }
    if (generation == ra->commit.slot[RA_ROLE_ENCRYPTION].active) {
        e = watch_active(ra, RA_ROLE_ENCRYPTION, e); /* an old key that fails says nothing of it */
    }
    return e != RA_OK ? e
                      : ra_key_decrypt(&ra->service_key, &ra->random, padding, in, in_size, out,
                                       cap, size);
}

void ra_report_use(struct ra *ra, enum ra_role role, bool worked)
{
    struct ra_slot *slot = &ra->commit.slot[role];
    if (!worked) {
        /* Never back to nothing, never to an expired certificate. */
        if (ra_can_roll_back(ra, role)) {
            ra_apply(ra, role, RA_EVENT_BROKEN);
        }
        return;
    }
    if (ra->renewal[role].state == RA_STATE_PROBATION) {
        ra_log(ra, RA_LOG_PROVED, role, RA_OK, 0, NULL);
        slot->probation_until = 0;
        ra->commit_dirty = true;
        ra_apply(ra, role, RA_EVENT_PROVED);
    }
}

/* --- what the operator sees and does ----------------------------------------------------- */

static bool damaged(const struct ra *ra, enum ra_role role)
{
    static const uint8_t types[] = {RA_RECORD_KEY, RA_RECORD_CERT, RA_RECORD_CHAIN};
    uint16_t id = ra_generation_id(role, ra->commit.slot[role].active);
    bool whole = true;
    for (unsigned i = 0; i < sizeof types; i++) {
        whole = whole && ra_store_whole(&ra->store, types[i], id);
    }
    return !whole;
}

void ra_status(const struct ra *ra, enum ra_role role, struct ra_status *out)
{
    const struct ra_renewal *r = &ra->renewal[role];
    const struct ra_slot *slot = &ra->commit.slot[role];
    int64_t now = ra_clock_now(&ra->clock);
    memset(out, 0, sizeof *out);
    out->state = r->state;
    out->stored = slot->active != 0;
    out->held = ra->config.hold;
    out->time_known = now != RA_TIME_UNKNOWN;
    out->expired = out->stored && out->time_known && now >= slot->active_not_after;
    out->damaged = out->stored && damaged(ra, role);
    out->not_before = slot->active_not_before;
    out->not_after = slot->active_not_after;
    out->due =
        ra_schedule_due(&ra->config, slot->active_not_before, slot->active_not_after, slot->seed);
    out->next = RA_TIME_UNKNOWN;
    if (r->state == RA_STATE_BACKOFF) {
        out->next = r->txn.next;
    } else if (r->state == RA_STATE_PENDING) {
        out->next = r->poll_at;
    } else if (r->state == RA_STATE_IDLE) {
        out->next = out->due;
    }
    out->generation = slot->active;
    out->previous = slot->previous;
    out->cause = r->txn.cause;
    out->hresult = r->txn.hresult;
    out->attempts = r->txn.attempts;
    out->request_id = r->txn.request_id;
    out->peer = r->txn.cause != RA_OK ? r->txn.peer : "";
    if (!out->stored && ra->commit_error != RA_OK) {
        out->cause = ra->commit_error;
    }
    out->progress = r->state == RA_STATE_KEYGEN ? ra_keygen_progress(&ra->keygen) : 0;
}

ra_err ra_renew_as(struct ra *ra, enum ra_role role, bool alone, const struct ra_wish *wish)
{
    struct ra_renewal *r = &ra->renewal[role];
    int64_t now = ra_clock_now(&ra->clock);
    ra_err e = ra_ready(ra);
    if (e != RA_OK) {
        return e;
    }
    if (ra->commit.slot[role].active == 0) {
        return RA_E_NO_CREDENTIAL;
    }
    if (ra->config.hold && !wish->by_hand) {
        return RA_E_HELD;
    }
    if (now == RA_TIME_UNKNOWN) {
        return RA_E_TIME_UNKNOWN;
    }
    if (r->state == RA_STATE_EXPIRED) {
        return RA_E_EXPIRED;
    }
    if (ra_state_works(r->state) || r->state == RA_STATE_OFFLINE) {
        return RA_E_BUSY;
    }
    if (r->state == RA_STATE_PROBATION) {
        /* Asking for another one says that this one is accepted. */
        ra_report_use(ra, role, true);
    }
    if (r->state == RA_STATE_READY && !alone) {
        return RA_OK; /* it has what was asked for, and waits for its partner */
    }
    if ((wish->by_hand || wish->key != RA_WISH_ANY_KEY || wish->alg != RA_KEY_NONE) &&
        r->state != RA_STATE_IDLE) {
        return RA_E_BUSY; /* another key, or none of its requests, is under way */
    }
    r->wish = *wish;
    r->asked = true;
    r->asked_alone = alone;
    return RA_OK;
}

ra_err ra_renew(struct ra *ra, enum ra_role role, bool alone)
{
    static const struct ra_wish none;
    return ra_renew_as(ra, role, alone, &none);
}

ra_err ra_enroll_new(struct ra *ra, enum ra_role role, const struct ra_wish *wish)
{
    static const struct ra_wish none;
    struct ra_renewal *r = &ra->renewal[role];
    uint8_t name[RA_NAME_MAX];
    struct ra_span subject;
    ra_err e = ra_ready(ra);
    if (e != RA_OK) {
        return e;
    }
    wish = wish != NULL ? wish : &none;
    struct ra_status now;
    ra_status(ra, role, &now);
    bool lost = now.damaged || now.expired; /* while the state may doubt that it has */
    bool again = lost || r->txn.first;
    if (now.stored && r->state != RA_STATE_EXPIRED && !lost) {
        return RA_E_STORED;
    }
    if (ra->commit_error != RA_OK) {
        return ra->commit_error;
    }
    if (ra_name_from_text(ra->config.subject, name, sizeof name, &subject) != RA_OK) {
        return RA_E_CONFIG_VALUE;
    }
    if (ra->config.hold && !wish->by_hand) {
        return RA_E_HELD;
    }
    if (ra_clock_now(&ra->clock) == RA_TIME_UNKNOWN) {
        return RA_E_TIME_UNKNOWN;
    }
    if (r->state != RA_STATE_EMPTY && r->state != RA_STATE_EXPIRED &&
        !(lost && r->state == RA_STATE_IDLE) && !(again && r->state == RA_STATE_BACKOFF)) {
        return RA_E_BUSY;
    }
    if (r->state == RA_STATE_BACKOFF) {
        ra_apply(ra, role, RA_EVENT_CANCELLED);
    }
    r->wish = *wish;
    r->asked = true;
    r->asked_alone = true;
    r->anew = again;
    return RA_OK;
}

/* The number in `id` without colons; false: not one, or too long. */
static bool clean_number(const char *id, bool hex, char *out, size_t digits_max)
{
    size_t n = 0;
    for (; *id != '\0'; id++) {
        char c = (char)(*id | 0x20);
        bool digit = (*id >= '0' && *id <= '9') || (hex && c >= 'a' && c <= 'f');
        if (hex && *id == ':' && n != 0) {
            continue;
        }
        if (!digit || n == digits_max) {
            return false;
        }
        out[n++] = *id;
    }
    out[n] = '\0';
    return n != 0;
}

ra_err ra_retrieve(struct ra *ra, enum ra_role role, const char *id)
{
    struct ra_renewal *r = &ra->renewal[role];
    bool scep = ra_protocol_of(ra, role) == RA_PROTOCOL_SCEP;
    char number[RA_ENROLL_ID_MAX + 1] = "";
    ra_err e = ra_ready(ra);
    if (e != RA_OK) {
        return e;
    }
    if (ra_state_works(r->state) || ra->worker >= 0) {
        return RA_E_BUSY;
    }
    if (!ra_has_request(r)) {
        return RA_E_NO_REQUEST;
    }
    if (ra_protocol_of(ra, role) == RA_PROTOCOL_EST || ra->transport == NULL) {
        return RA_E_UNSUPPORTED;
    }
    if (!clean_number(id, scep, number, scep ? RA_ENROLL_ID_MAX : 10)) {
        return RA_E_PARAMETER;
    }
    if (ra->config.hold) {
        return RA_E_HELD;
    }
    if (ra_clock_now(&ra->clock) == RA_TIME_UNKNOWN) {
        return RA_E_TIME_UNKNOWN;
    }
    memcpy(r->named, number, sizeof r->named);
    ra_apply(ra, role, scep ? RA_EVENT_SERIAL_GIVEN : RA_EVENT_ID_GIVEN);
    return RA_OK;
}

/* No time before this can be right, whoever says so: the served certificates are older. */
static int64_t least_time(const struct ra *ra)
{
    int64_t least = RA_BUILD_TIME;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        const struct ra_slot *slot = &ra->commit.slot[i];
        if (slot->active != 0 && slot->active_not_before > least) {
            least = slot->active_not_before;
        }
    }
    return least;
}

ra_err ra_offer_time(struct ra *ra, enum ra_time_source source, int64_t wall)
{
    if (source == RA_TIME_OPERATOR && wall >= least_time(ra) && wall < ra->clock.floor) {
        /* The floor guards against the network. A year mistyped must not end renewal for good:
         * whoever raised it at the console can put it right there. */
        ra->clock.floor = wall;
    }
    ra_err e = ra_clock_offer(&ra->clock, source, wall);
    if (e == RA_OK && source == RA_TIME_OPERATOR) {
        ra_clock_raise_floor(&ra->clock, wall);
        /* A commit that cannot be read here is kept for the board that can: it is not
         * replaced by an empty one. */
        if (ra->commit_error == RA_OK) {
            ra->commit.time_floor = ra->clock.floor;
            ra->commit_dirty = true;
        }
        ra_log(ra, RA_LOG_TIME_SET, RA_EVENT_NO_ROLE, RA_OK, 0, NULL);
    }
    return e;
}

ra_err ra_setting_change(struct ra *ra, const char *name, const char *value)
{
    return ra_config_set(&ra->config, name, value);
}

void ra_config_save(struct ra *ra)
{
    ra->config_dirty = true;
    ra->config_changed = true;
}

void ra_password_save(struct ra *ra)
{
    ra->password_dirty = true;
}

bool ra_password_saved(const struct ra *ra)
{
    return ra->save_error != RA_OK || !ra_started(ra) ||
           (!ra->password_dirty && ra->writer != RA_WRITER_PASSWORD);
}

ra_err ra_random_for(struct ra *ra, uint8_t *out, size_t size)
{
    ra_err e = ra_random_ready(&ra->random) ? RA_OK : ra_seed(ra);
    return e == RA_OK ? ra_random_bytes(&ra->random, out, size) : e;
}

/* --- provisioning ----------------------------------------------------------------------------- */

static ra_err check_pair(struct ra *ra, enum ra_role role, const uint8_t *key_der, size_t key_size,
                         const uint8_t *der, size_t size, struct ra_cert *cert)
{
    uint8_t spki[RA_SPKI_MAX];
    size_t spki_size = 0;
    ra_err e = ra_cert_parse(cert, der, size);
    if (e == RA_OK) {
        e = ra_gates_role(role, cert, &ra->service_key);
    }
    if (e == RA_OK) {
        e = ra_key_from_der(&ra->service_key, key_der, key_size);
    }
    if (e == RA_OK) {
        e = ra_key_spki(&ra->service_key, spki, sizeof spki, &spki_size);
    }
    ra_key_wipe(&ra->service_key);
    ra->service_generation = 0;
    if (e == RA_OK &&
        (spki_size != cert->spki.size || memcmp(spki, cert->spki.p, spki_size) != 0)) {
        e = RA_E_GATE_KEY;
    }
    return e;
}

uint32_t ra_new_generation(const struct ra *ra, enum ra_role role)
{
    const struct ra_slot *slot = &ra->commit.slot[role];
    const struct ra_txn *txn = &ra->renewal[role].txn;
    uint32_t newest = slot->newest;
    struct ra_store_cursor cursor;
    struct ra_store_key key;
    if (ra_txn_open(txn, slot) && txn->generation > newest) {
        newest = txn->generation;
    }
    ra_store_cursor_init(&cursor, RA_RECORD_KEY);
    while (slot->active == 0 && ra_store_next(&ra->store, &cursor, &key)) {
        if (key.id >> 8 == (unsigned)role && (key.id & 0xffu) > newest) {
            newest = key.id & 0xffu;
        }
    }
    newest++;
    /* After a fall back to an older commit the pair of a newer one may be there still, and is kept.
     * A key alone is one whose transaction a cut prevented: if each of those were kept too, cuts at
     * one point would fill the store. */
    uint16_t id = ra_generation_id(role, newest);
    bool pair = ra_store_find(&ra->store, RA_RECORD_KEY, id) &&
                ra_store_find(&ra->store, RA_RECORD_CERT, id);
    newest += pair ? 1u : 0;
    return (newest & 0xffu) != 0 ? newest : newest + 1u; /* an id that ends in 0 is none */
}

/* Whether the role's own work would write the same records. Reading the store does not. */
static bool at_work(const struct ra *ra, enum ra_role role)
{
    enum ra_state state = ra->renewal[role].state;
    return ra_state_works(state) && state != RA_STATE_RESUME;
}

ra_err ra_provision(struct ra *ra, enum ra_role role, const uint8_t *key_der, size_t key_size,
                    const uint8_t *cert_der, size_t cert_size, const uint8_t *issuers,
                    size_t issuers_size)
{
    struct ra_cert cert;
    struct ra_commit next;
    uint8_t record[RA_COMMIT_SIZE];
    ra_err e = ra_usable(ra);
    if (e != RA_OK) {
        return e;
    }
    if (ra->erase != 0) {
        return RA_E_BUSY;
    }
    if (key_size > RA_KEY_DER_MAX || cert_size > RA_CERT_MAX || issuers_size > RA_CHAIN_MAX) {
        return RA_E_LIMIT;
    }
    e = ra_cert_parse(&cert, cert_der, cert_size);
    if (e != RA_OK) {
        return e;
    }
    ra->provision_ms = ra_clock_ms(&ra->clock);
    if (ra->writer != RA_WRITER_PROVISION) {
        if (at_work(ra, role)) {
            ra->provision_sub = 0;
            return RA_E_BUSY;
        }
        if (ra->provision_sub == 0 || ra->provision_role != (uint8_t)role ||
            ra->provision_generation <= ra->commit.slot[role].newest ||
            (ra_txn_open(&ra->renewal[role].txn, &ra->commit.slot[role]) &&
             ra->renewal[role].txn.generation == ra->provision_generation)) {
            ra->provision_sub = 0;
            ra->provision_role = (uint8_t)role;
            ra->provision_generation = ra_new_generation(ra, role);
        }
    }
    uint32_t generation = ra->provision_generation;
    uint16_t id = ra_generation_id(role, generation);
    switch (ra->provision_sub) {
    case 0:
        e = check_pair(ra, role, key_der, key_size, cert_der, cert_size, &cert);
        break;
    case 1:
        e = ra_write(ra, RA_WRITER_PROVISION, RA_RECORD_KEY, id, key_der, key_size);
        break;
    case 2:
        e = ra_write(ra, RA_WRITER_PROVISION, RA_RECORD_CERT, id, cert_der, cert_size);
        break;
    case 3:
        e = ra_write(ra, RA_WRITER_PROVISION, RA_RECORD_CHAIN, id, issuers, issuers_size);
        break;
    default:
        next = ra->commit;
        ra_slot_switch(&next.slot[role], generation, &cert);
        e = ra_write(ra, RA_WRITER_PROVISION, RA_RECORD_COMMIT, 0, record,
                     ra_commit_encode(&next, record));
        break;
    }
    if (e == RA_OK && ra->provision_sub < 4) {
        ra->provision_sub++;
        return RA_AGAIN;
    }
    if (e != RA_AGAIN) {
        ra->provision_sub = 0;
    }
    if (e == RA_OK) {
        ra_slot_switch(&ra->commit.slot[role], generation, &cert);
        ra->commit_error = RA_OK;
        ra_log(ra, RA_LOG_PROVISIONED, role, RA_OK, 0, NULL);
        if (at_work(ra, role)) {
            /* It began while the commit was being written: its generation is this one. */
            if (ra->worker == (int8_t)role) {
                ra_stop_work(ra);
            }
            ra_enter(ra, role, RA_STATE_RESUME);
        }
        ra_apply(ra, role, RA_EVENT_CHANGED);
        ra_switched(ra, role);
    }
    return e;
}

/* Whether both say the same. Signatures may differ: of an ECDSA one anybody can make a twin. */
static bool same_anchor(const struct ra_cert *stored, struct ra_span cert)
{
    struct ra_cert other;
    return ra_cert_parse(&other, cert.p, cert.size) == RA_OK &&
           ra_span_equal(stored->tbs, other.tbs);
}

ra_err ra_anchor_place(struct ra *ra, struct ra_span cert, uint8_t *buf, uint16_t *place,
                       bool *known)
{
    struct ra_cert stored;
    unsigned empty = RA_ANCHORS_MAX, ended = RA_ANCHORS_MAX;
    ra_err e = ra_usable(ra);
    if (e != RA_OK) {
        return e;
    }
    *known = false;
    for (unsigned i = RA_ANCHORS_MAX; i-- > 0;) {
        size_t size = 0;
        e = ra_read(ra, RA_RECORD_ANCHOR, (uint16_t)i, buf, RA_CERT_MAX, &size);
        if (e == RA_AGAIN) {
            return e;
        }
        if (e == RA_E_NOT_FOUND) {
            empty = i;
        } else if (e == RA_OK && ra_cert_parse(&stored, buf, size) == RA_OK) {
            if (same_anchor(&stored, cert)) {
                *known = true;
                *place = (uint16_t)i;
                return RA_OK;
            }
            ended = stored.not_after < ra->clock.floor ? i : ended;
        }
    }
    *place = (uint16_t)(empty < RA_ANCHORS_MAX ? empty : ended);
    return *place < RA_ANCHORS_MAX ? RA_OK : RA_E_ANCHORS_FULL;
}

ra_err ra_provision_anchor(struct ra *ra, unsigned index, const uint8_t *cert_der, size_t cert_size)
{
    struct ra_cert cert;
    ra_err e = ra_usable(ra);
    if (e != RA_OK) {
        return e;
    }
    if (index >= RA_ANCHORS_MAX) {
        return RA_E_ARGUMENT;
    }
    if (cert_size > RA_CERT_MAX) {
        return RA_E_LIMIT;
    }
    ra->provision_ms = ra_clock_ms(&ra->clock);
    e = ra_cert_parse(&cert, cert_der, cert_size);
    return e != RA_OK ? e
                      : ra_write(ra, RA_WRITER_PROVISION, RA_RECORD_ANCHOR, (uint16_t)index,
                                 cert_der, cert_size);
}

ra_err ra_remove_anchor(struct ra *ra, unsigned index)
{
    const struct ra_store_key key = {RA_RECORD_ANCHOR, (uint16_t)index};
    ra_err e = ra_usable(ra);
    if (e != RA_OK) {
        return e;
    }
    if (ra->writer != RA_WRITER_PROVISION &&
        (index >= RA_ANCHORS_MAX || !ra_store_find(&ra->store, key.type, key.id))) {
        return RA_E_NOT_FOUND;
    }
    ra->provision_ms = ra_clock_ms(&ra->clock);
    return ra_drop(ra, RA_WRITER_PROVISION, &key, 1);
}
