#include "ra_states.h"

/* A cell holds the next state + 1, so that what is not listed is 0: stay. */
#define TO(state) (uint8_t)(RA_STATE_##state + 1)

static const uint8_t transitions[RA_STATE_COUNT][RA_EVENT_COUNT] = {
    [RA_STATE_EMPTY] = {[RA_EVENT_DUE] = TO(KEYGEN), [RA_EVENT_CHANGED] = TO(RESUME)},
    [RA_STATE_IDLE] =
        {
            [RA_EVENT_DUE] = TO(KEYGEN),
            [RA_EVENT_EXPIRE] = TO(EXPIRED),
            [RA_EVENT_BROKEN] = TO(ROLLBACK),
            [RA_EVENT_CHANGED] = TO(RESUME),
        },
    [RA_STATE_KEYGEN] = {[RA_EVENT_DONE] = TO(SAVE_KEY),
                         [RA_EVENT_FAILED] = TO(SAVE_FAILURE),
                         [RA_EVENT_CANCELLED] = TO(CANCEL)},
    [RA_STATE_SAVE_KEY] = {[RA_EVENT_DONE] = TO(BUILD), [RA_EVENT_FAILED] = TO(SAVE_FAILURE)},
    [RA_STATE_BUILD] = {[RA_EVENT_DONE] = TO(SAVE_ATTEMPT),
                        [RA_EVENT_FAILED] = TO(SAVE_FAILURE),
                        [RA_EVENT_BY_HAND] = TO(OFFLINE)},
    [RA_STATE_OFFLINE] =
        {
            [RA_EVENT_SHOW] = TO(BUILD),
            [RA_EVENT_ID_GIVEN] = TO(POLL),
            [RA_EVENT_SERIAL_GIVEN] = TO(FETCH),
            [RA_EVENT_GIVEN] = TO(CHECK),
            [RA_EVENT_CANCELLED] = TO(CANCEL),
            [RA_EVENT_CHANGED] = TO(RESUME),
        },
    [RA_STATE_SAVE_ATTEMPT] = {[RA_EVENT_DONE] = TO(SUBMIT), [RA_EVENT_FAILED] = TO(SAVE_FAILURE)},
    [RA_STATE_SUBMIT] =
        {
            [RA_EVENT_ISSUED] = TO(SAVE_ID),
            [RA_EVENT_WAITING] = TO(SAVE_ID),
            [RA_EVENT_FAILED] = TO(SAVE_FAILURE),
        },
    [RA_STATE_SAVE_ID] =
        {
            [RA_EVENT_ISSUED] = TO(FETCH),
            [RA_EVENT_WAITING] = TO(PENDING),
            [RA_EVENT_FAILED] = TO(SAVE_FAILURE),
        },
    [RA_STATE_PENDING] =
        {
            [RA_EVENT_TIMER] = TO(POLL),
            [RA_EVENT_DUE] = TO(POLL),
            [RA_EVENT_CHANGED] = TO(RESUME),
            [RA_EVENT_ID_GIVEN] = TO(POLL),
            [RA_EVENT_SERIAL_GIVEN] = TO(FETCH),
            [RA_EVENT_GIVEN] = TO(CHECK),
            [RA_EVENT_CANCELLED] = TO(CANCEL),
        },
    [RA_STATE_POLL] =
        {
            [RA_EVENT_ISSUED] = TO(FETCH),
            [RA_EVENT_WAITING] = TO(PENDING),
            [RA_EVENT_FAILED] = TO(SAVE_FAILURE),
            [RA_EVENT_RESEND] = TO(BUILD),
            [RA_EVENT_ID_GIVEN] = TO(SAVE_ID),
        },
    [RA_STATE_FETCH] = {[RA_EVENT_DONE] = TO(CHECK), [RA_EVENT_FAILED] = TO(SAVE_FAILURE)},
    [RA_STATE_CHECK] = {[RA_EVENT_DONE] = TO(STAGE), [RA_EVENT_FAILED] = TO(SAVE_FAILURE)},
    [RA_STATE_STAGE] = {[RA_EVENT_DONE] = TO(SELF_TEST), [RA_EVENT_FAILED] = TO(SAVE_FAILURE)},
    [RA_STATE_SELF_TEST] = {[RA_EVENT_DONE] = TO(READY), [RA_EVENT_FAILED] = TO(SAVE_FAILURE)},
    [RA_STATE_READY] = {[RA_EVENT_GO] = TO(COMMIT),
                        [RA_EVENT_CHANGED] = TO(RESUME),
                        [RA_EVENT_CANCELLED] = TO(CANCEL)},
    [RA_STATE_COMMIT] = {[RA_EVENT_DONE] = TO(PROBATION), [RA_EVENT_FAILED] = TO(SAVE_FAILURE)},
    [RA_STATE_PROBATION] =
        {
            [RA_EVENT_PROVED] = TO(IDLE),
            [RA_EVENT_TIMER] = TO(IDLE),
            [RA_EVENT_BROKEN] = TO(ROLLBACK),
            [RA_EVENT_CHANGED] = TO(RESUME),
        },
    [RA_STATE_ROLLBACK] = {[RA_EVENT_DONE] = TO(SAVE_FAILURE), [RA_EVENT_FAILED] = TO(IDLE)},
    [RA_STATE_SAVE_FAILURE] = {[RA_EVENT_DONE] = TO(BACKOFF), [RA_EVENT_FAILED] = TO(BACKOFF)},
    [RA_STATE_BACKOFF] =
        {
            [RA_EVENT_TIMER] = TO(RESUME),
            [RA_EVENT_DUE] = TO(RESUME),
            [RA_EVENT_EXPIRE] = TO(EXPIRED),
            [RA_EVENT_CHANGED] = TO(RESUME),
            [RA_EVENT_ID_GIVEN] = TO(POLL),
            [RA_EVENT_SERIAL_GIVEN] = TO(FETCH),
            [RA_EVENT_GIVEN] = TO(CHECK),
            [RA_EVENT_CANCELLED] = TO(CANCEL),
        },
    [RA_STATE_EXPIRED] = {[RA_EVENT_VALID] = TO(RESUME),
                          [RA_EVENT_CHANGED] = TO(RESUME),
                          [RA_EVENT_TIMER] = TO(RESUME),
                          [RA_EVENT_DUE] = TO(KEYGEN)},
    [RA_STATE_CANCEL] = {[RA_EVENT_DONE] = TO(RESUME), [RA_EVENT_FAILED] = TO(RESUME)},
};

/* clang-format off */
static const struct ra_recovery recoveries[] = {
    /* phases                             active   key      cert     waiting  probation  to */
    {RA_PHASE_NONE,    RA_PHASE_ISSUED,   RA_NO,   RA_ANY,  RA_ANY,  RA_ANY,  RA_ANY,  RA_STATE_EMPTY,     "nothing to renew: the operator enrols"},
    {RA_PHASE_ISSUED,  RA_PHASE_ISSUED,   RA_YES,  RA_YES,  RA_YES,  RA_ANY,  RA_ANY,  RA_STATE_SELF_TEST, "stored pair: prove it as read back, then commit"},
    {RA_PHASE_PENDING, RA_PHASE_ISSUED,   RA_YES,  RA_YES,  RA_ANY,  RA_YES,  RA_ANY,  RA_STATE_BACKOFF,   "a failure's waiting time goes on"},
    {RA_PHASE_PENDING, RA_PHASE_ISSUED,   RA_YES,  RA_YES,  RA_ANY,  RA_NO,   RA_ANY,  RA_STATE_POLL,      "the CA knows the request: ask for it"},
    {RA_PHASE_KEY,     RA_PHASE_SENT,     RA_YES,  RA_YES,  RA_ANY,  RA_YES,  RA_ANY,  RA_STATE_BACKOFF,   "a failure's waiting time goes on"},
    {RA_PHASE_KEY,     RA_PHASE_SENT,     RA_YES,  RA_YES,  RA_ANY,  RA_NO,   RA_ANY,  RA_STATE_BUILD,     "same key, (re)send: a duplicate is tolerable, a lost key is not"},
    {RA_PHASE_WAIT,    RA_PHASE_ISSUED,   RA_YES,  RA_ANY,  RA_ANY,  RA_YES,  RA_NO,   RA_STATE_BACKOFF,   "no usable key yet; a failure's waiting time goes on"},
    {RA_PHASE_WAIT,    RA_PHASE_ISSUED,   RA_YES,  RA_ANY,  RA_ANY,  RA_NO,   RA_NO,   RA_STATE_KEYGEN,    "no usable key: make one"},
    {RA_PHASE_NONE,    RA_PHASE_ISSUED,   RA_YES,  RA_ANY,  RA_ANY,  RA_ANY,  RA_YES,  RA_STATE_PROBATION, "the new pair was switched to"},
    {RA_PHASE_NONE,    RA_PHASE_ISSUED,   RA_ANY,  RA_ANY,  RA_ANY,  RA_ANY,  RA_ANY,  RA_STATE_IDLE,      "nothing under way"},
};
/* clang-format on */

enum ra_state ra_states_next(enum ra_state state, enum ra_event event)
{
    uint8_t cell = transitions[state][event];
    return cell == 0 ? state : (enum ra_state)(cell - 1);
}

#define WORKS(name, works, text) works,
#define TEXT(name, works, text) text,

bool ra_state_works(enum ra_state state)
{
    static const bool works[] = {RA_STATES(WORKS)};
    return works[state];
}

const char *ra_state_text(enum ra_state state)
{
    static const char *const texts[] = {RA_STATES(TEXT)};
    return texts[state];
}

unsigned ra_recovery_count(void)
{
    return sizeof recoveries / sizeof recoveries[0];
}

const struct ra_recovery *ra_recovery_at(unsigned i)
{
    return &recoveries[i];
}

static bool fits(uint8_t asked, bool found)
{
    return asked == RA_ANY || (asked == RA_YES) == found;
}

enum ra_state ra_states_recover(const struct ra_found *found)
{
    unsigned i = 0;
    for (; i + 1 < ra_recovery_count(); i++) {
        const struct ra_recovery *r = &recoveries[i];
        if (found->phase >= r->phase_from && found->phase <= r->phase_to &&
            fits(r->active, found->active) && fits(r->key, found->key) &&
            fits(r->cert, found->cert) && fits(r->waiting, found->waiting) &&
            fits(r->probation, found->probation)) {
            break;
        }
    }
    return (enum ra_state)recoveries[i].to;
}
