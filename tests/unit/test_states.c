/* The two tables: total, no dead ends, and what a reset means in every combination. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_states.h"

static void every_pair_has_an_answer(void **state)
{
    (void)state;
    for (unsigned s = 0; s < RA_STATE_COUNT; s++) {
        for (unsigned e = 0; e < RA_EVENT_COUNT; e++) {
            enum ra_state to = ra_states_next((enum ra_state)s, (enum ra_event)e);
            assert_in_range(to, 0, RA_STATE_COUNT - 1);
        }
    }
}

static void working_states_end_by_success_and_by_failure(void **state)
{
    (void)state;
    for (unsigned s = 0; s < RA_STATE_COUNT; s++) {
        bool leaves_well = false;
        if (!ra_state_works((enum ra_state)s) || s == RA_STATE_RESUME) {
            continue; /* RESUME is left by the recovery table */
        }
        for (unsigned e = 0; e < RA_EVENT_COUNT; e++) {
            leaves_well |=
                e != RA_EVENT_FAILED && ra_states_next((enum ra_state)s, (enum ra_event)e) != s;
        }
        assert_true(leaves_well);
        assert_int_not_equal(ra_states_next((enum ra_state)s, RA_EVENT_FAILED), s);
    }
}

/* From every state the serving state can be reached: nothing is a dead end. */
static void every_state_leads_back_to_serving(void **state)
{
    (void)state;
    bool good[RA_STATE_COUNT] = {[RA_STATE_IDLE] = true, [RA_STATE_RESUME] = true};
    for (unsigned round = 0; round < RA_STATE_COUNT; round++) {
        for (unsigned s = 0; s < RA_STATE_COUNT; s++) {
            for (unsigned e = 0; e < RA_EVENT_COUNT; e++) {
                good[s] |= good[ra_states_next((enum ra_state)s, (enum ra_event)e)];
            }
        }
    }
    for (unsigned s = 0; s < RA_STATE_COUNT; s++) {
        assert_true(good[s]);
    }
}

static void the_credential_is_replaced_by_commit_alone(void **state)
{
    (void)state;
    /* PROBATION, the state of a switched credential, is entered from COMMIT only. */
    for (unsigned s = 0; s < RA_STATE_COUNT; s++) {
        for (unsigned e = 0; e < RA_EVENT_COUNT; e++) {
            if (s != RA_STATE_PROBATION &&
                ra_states_next((enum ra_state)s, (enum ra_event)e) == RA_STATE_PROBATION) {
                assert_int_equal(s, RA_STATE_COMMIT);
            }
        }
    }
    /* And COMMIT from READY only, READY from SELF_TEST only. */
    for (unsigned s = 0; s < RA_STATE_COUNT; s++) {
        for (unsigned e = 0; e < RA_EVENT_COUNT; e++) {
            enum ra_state to = ra_states_next((enum ra_state)s, (enum ra_event)e);
            if (to == RA_STATE_COMMIT && s != RA_STATE_COMMIT) {
                assert_int_equal(s, RA_STATE_READY);
            }
            if (to == RA_STATE_READY && s != RA_STATE_READY) {
                assert_int_equal(s, RA_STATE_SELF_TEST);
            }
        }
    }
}

static void nothing_is_sent_before_it_is_stored(void **state)
{
    (void)state;
    for (unsigned s = 0; s < RA_STATE_COUNT; s++) {
        for (unsigned e = 0; e < RA_EVENT_COUNT; e++) {
            if (s != RA_STATE_SUBMIT &&
                ra_states_next((enum ra_state)s, (enum ra_event)e) == RA_STATE_SUBMIT) {
                assert_int_equal(s, RA_STATE_SAVE_ATTEMPT);
            }
        }
    }
}

/* Every combination of what flash can hold: 6 phases and 5 bits. */
static void recovery_is_total_and_safe(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RA_PHASE_COUNT * 32u; n++) {
        struct ra_found f = {
            .phase = (enum ra_phase)(n / 32u),
            .active = (n & 1u) != 0,
            .key = (n & 2u) != 0,
            .cert = (n & 4u) != 0,
            .waiting = (n & 8u) != 0,
            .probation = (n & 16u) != 0,
        };
        enum ra_state to = ra_states_recover(&f);
        assert_in_range(to, 0, RA_STATE_COUNT - 1);
        assert_int_not_equal(to, RA_STATE_RESUME);
        /* A stored credential is never answered with "enrol", its absence always. */
        assert_int_equal(to == RA_STATE_EMPTY, !f.active);
        /* Never a way around the self-test, the gates or the stored attempt. */
        assert_int_not_equal(to, RA_STATE_READY);
        assert_int_not_equal(to, RA_STATE_COMMIT);
        assert_int_not_equal(to, RA_STATE_SUBMIT);
        if (to == RA_STATE_SELF_TEST) {
            assert_true(f.key && f.cert && f.phase == RA_PHASE_ISSUED);
        }
        if (to == RA_STATE_POLL || to == RA_STATE_BUILD) {
            assert_true(f.key && !f.waiting);
        }
        /* A request the CA knows is asked for, not sent again. */
        if (f.active && f.key && f.phase == RA_PHASE_PENDING && !f.waiting) {
            assert_int_equal(to, RA_STATE_POLL);
        }
    }
}

static bool asks(uint8_t asked, bool found)
{
    return asked == RA_ANY || asked == (found ? RA_YES : RA_NO);
}

/* The first row that fits decides, and no row stands in the shadow of those before it. */
static void every_row_of_the_recovery_decides(void **state)
{
    (void)state;
    unsigned decided[16] = {0};
    assert_in_range(ra_recovery_count(), 1, 16);
    for (unsigned n = 0; n < RA_PHASE_COUNT * 32u; n++) {
        const struct ra_found f = {
            .phase = (enum ra_phase)(n / 32u),
            .active = (n & 1u) != 0,
            .key = (n & 2u) != 0,
            .cert = (n & 4u) != 0,
            .waiting = (n & 8u) != 0,
            .probation = (n & 16u) != 0,
        };
        unsigned i = 0;
        const struct ra_recovery *row = ra_recovery_at(0);
        while (f.phase < row->phase_from || f.phase > row->phase_to ||
               !asks(row->active, f.active) || !asks(row->key, f.key) || !asks(row->cert, f.cert) ||
               !asks(row->waiting, f.waiting) || !asks(row->probation, f.probation)) {
            assert_true(++i < ra_recovery_count());
            row = ra_recovery_at(i);
        }
        assert_int_equal(ra_states_recover(&f), row->to);
        decided[i]++;
    }
    for (unsigned i = 0; i < ra_recovery_count(); i++) {
        assert_true(decided[i] > 0);
    }
}

static void names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(ra_state_name(RA_STATE_PENDING), "PENDING");
    assert_string_equal(ra_event_name(RA_EVENT_CHANGED), "CHANGED");
    for (unsigned s = 0; s < RA_STATE_COUNT; s++) {
        assert_true(strlen(ra_state_text((enum ra_state)s)) > 0);
    }
    for (unsigned e = 0; e < RA_EVENT_COUNT; e++) {
        assert_true(strlen(ra_event_text((enum ra_event)e)) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_has_an_answer),
        cmocka_unit_test(working_states_end_by_success_and_by_failure),
        cmocka_unit_test(every_state_leads_back_to_serving),
        cmocka_unit_test(the_credential_is_replaced_by_commit_alone),
        cmocka_unit_test(nothing_is_sent_before_it_is_stored),
        cmocka_unit_test(recovery_is_total_and_safe),
        cmocka_unit_test(every_row_of_the_recovery_decides),
        cmocka_unit_test(names_and_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
