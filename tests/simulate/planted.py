#!/usr/bin/env python3
"""Plants bugs of a renewal, one at a time, in a copy of the tree: simulated years must find each.

    planted.py [NAME ...]

As tests/powercut/planted.py does: a bug is a few lines to look for and what stands there instead. It is
looked for in the years that are the same each day (simulate.py). The life that found it fails again by its id, and does not without the bug.
"""
# timeout: 400
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'powercut'))
import planted  # noqa: E402  (the path comes first)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import simulate  # noqa: E402

INSTALL = 'firmware/renewal/ra_install.c'
WORK = 'firmware/renewal/ra_work.c'
TALK = 'firmware/renewal/ra_talk.c'
SCHEDULE = 'firmware/renewal/ra_schedule.c'
GATES = 'firmware/renewal/ra_gates.c'
RENEWAL = 'firmware/renewal/ra_renewal.c'
YEARS = ['--seed', str(simulate.SAME[0]), '--years', str(simulate.SAME[1])]

BUGS = {
    'anything_the_ca_sends': (
        'a certificate for another key is installed', GATES,
        [('            ra_span_equal(leaf->spki, in->key)) {', '            true) {')], YEARS),
    'attempts_not_counted': (
        'the budget of the day is not used up', SCHEDULE, [('    b->spent++;', '')], YEARS),
    'attempts_forgotten': (
        'a renewal gives back the attempts of the day', INSTALL,
        [('            ra_txn_clear(&ra->renewal[i].txn);',
          '            memset(&ra->renewal[i].txn, 0, sizeof ra->renewal[i].txn);')], YEARS),
    'act_then_persist': (
        'a request leaves before its attempt is in flash', WORK,
        [('    return ra_work_outcome(r, ra_write_txn(ra, role), RA_EVENT_DONE);\n}\n\n/* --- SAVE_FAILURE',
          '    return RA_EVENT_DONE;\n}\n\n/* --- SAVE_FAILURE')], YEARS),
    'pending_sent_again': (
        'the id of a request that waits is not kept', TALK,
        [('    r->txn.phase = gone ? RA_PHASE_SENT : RA_PHASE_PENDING;', '    (void)gone;')], YEARS),
    'only_the_first_anchor': (
        'a new root is not looked at', INSTALL,
        [('ra->check.anchor < RA_ANCHORS_MAX', 'ra->check.anchor < 1')], YEARS),
    'by_hand_forgotten': (
        'after a reset a request by hand goes out over the network', 'firmware/renewal/ra_credentials.c',
        [('    t->by_hand = (phase & 0x20u) != 0;', '    t->by_hand = false;')], YEARS),
    'wrong_paste_counts': (
        'a wrong answer of the operator is taken for the CA\'s', WORK,
        [("    if (r->given || r->named[0] != '\\0') {", "    if (r->named[0] != '\\0') {")], YEARS),
    'wrong_number_counts': (
        'so is a wrong number', WORK,
        [("    if (r->given || r->named[0] != '\\0') {", '    if (r->given) {')], YEARS),
    'hold_for_ever': (
        'what was due on hold does not begin afterwards', 'firmware/renewal/ra_renewal.c',
        [('(r->asked || due(ra, role, now))', 'r->asked')], YEARS),
    'silent_on_hold': (
        'nobody is told that a certificate has ended', 'firmware/perennial.c',
        [('    bool stays = open || (!ra_may_ask(ra) && r->state != RA_STATE_EXPIRED);',
          '    bool stays = open;')], YEARS),
    'listener_not_told': (
        'the appliance goes on with the old certificate', 'firmware/perennial.c',
        [('            who->changed(who, role);', '')], YEARS),
    'any_role': (
        'a certificate for the other role is installed', GATES,
        [('        e = ra_gates_role(in->role, leaf, in->work);', '')], YEARS),
    'any_subject': (
        'a certificate of another name is installed', GATES,
        [('e == RA_OK && !ra_name_equal(leaf->subject, in->subject)', 'false')], YEARS),
    'any_end': (
        'a certificate that does not last longer is installed', GATES,
        [('in->old != NULL && leaf->not_after <= in->old->not_after', 'false')], YEARS),
    'any_life': (
        'a certificate of a short life is installed', GATES,
        [('leaf->not_after - (leaf->not_before > in->now ? leaf->not_before : in->now) < least', 'false')],
        YEARS),
    'any_begin': (
        'a certificate of the far future is installed', GATES,
        [('leaf->not_before > in->now + RA_DAY', 'false')], YEARS),
    'too_early': (
        'a certificate serves before its first second', RENEWAL,
        [('    return r->txn.next > now && r->txn.next - now <= RA_DAY;',
          '    return r->txn.next > now && now == 0;')], YEARS),
    'too_late': (
        'a certificate that waited without power is switched to after its end', INSTALL,
        [('e == RA_OK && cert.not_after <= ra_clock_now(&ra->clock)', 'false')], YEARS),
    'back_to_an_expired_one': (
        'a rollback does not ask whether the old certificate is valid', INSTALL,
        [('slot->previous != 0 && now < slot->previous_not_after &&', 'slot->previous != 0 && now != 0 &&')],
        YEARS),
    'clock_steps_forgotten': (
        'a time to wait for from a clock that was years ahead', RENEWAL,
        [('    r->txn.next = ra_schedule_clamp(r->txn.next, now, longest);', '')], YEARS),
    'a_week_too_late': (
        'a wait reaches beyond the end of the certificate', SCHEDULE,
        [('    return now + least(wait, most(not_after - 7 * RA_DAY - now, 0) + RA_DAY);',
          '    return now + wait;')], YEARS),
    'pair_parted': (
        'one that is ready does not wait for its partner', RENEWAL,
        [('now < ra_schedule_split(&ra->config, first_expiry(ra, role))', 'false')], YEARS),
    'partner_for_ever': (
        'one that is ready waits for its partner to the end', RENEWAL,
        [('now < ra_schedule_split(&ra->config, first_expiry(ra, role))', 'now < first_expiry(ra, role)')],
        YEARS),
    'no_issuers': (
        'a new certificate serves without its issuers', INSTALL,
        [('        e = gather_issuers(ra, ra->request, &ra->scratch_size);',
          '        e = RA_OK;\n        ra->scratch_size = 0;')], YEARS),
}


def main():
    planted.BUGS = BUGS
    planted.TARGET, planted.LIBRARY = 'simulate/simulate', 'fast_perennial'
    planted.COPY = planted.ROOT / 'build/planted-simulate'
    planted.REPLAY = re.compile(r'replay: simulate (--replay \d+)')
    planted.NOTHING = None
    return planted.main()


if __name__ == '__main__':
    sys.exit(main())
