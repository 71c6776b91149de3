#!/usr/bin/env python3
"""Plants bugs of a renewal, one at a time, in a copy of the tree: simulated years must find each.

    planted.py [NAME ...]

As tests/powercut/planted.py does: a bug is a few lines to look for and what stands there instead.
The life that found it fails again by its id, and does not without the bug.
"""
# timeout: 400
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'powercut'))
import planted  # noqa: E402  (the path comes first)

INSTALL = 'firmware/renewal/ra_install.c'
WORK = 'firmware/renewal/ra_work.c'
TALK = 'firmware/renewal/ra_talk.c'
SCHEDULE = 'firmware/renewal/ra_schedule.c'
GATES = 'firmware/renewal/ra_gates.c'
YEARS = ['--seed', '5', '--years', '1500']

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
        [("    if (r->given || r->serial[0] != '\\0') {", "    if (r->serial[0] != '\\0') {")], YEARS),
    'wrong_number_counts': (
        'so is a wrong serial number', WORK,
        [("    if (r->given || r->serial[0] != '\\0') {", '    if (r->given) {')], YEARS),
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
}


def main():
    planted.BUGS = BUGS
    planted.TARGET = 'simulate/simulate'
    planted.COPY = planted.ROOT / 'build/planted-simulate'
    planted.REPLAY = re.compile(r'replay: simulate (--replay \d+)')
    planted.NOTHING = None
    return planted.main()


if __name__ == '__main__':
    sys.exit(main())
