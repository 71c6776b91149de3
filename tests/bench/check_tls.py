#!/usr/bin/env python3
"""What https costs the emulated emcraft-sf2, against the bench.tls.* limits of budgets.mk.

One handshake with each kind of server: instructions of the longest step, the stack, the arena.
"""
# timeout: 240

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import figures  # noqa: E402  (the path comes first)
import lab  # noqa: E402


def main():
    limits, renewals, bad = figures.limits(), [], 0
    for arguments in figures.HTTPS:
        renewals.append(figures.Https(*arguments))
        r = renewals[-1]
        print('%-48s submit %10d, longest step %9d, stack %5d, arena %5d' % (
            r.title, r.submit, r.step, r.stack, r.arena), flush=True)
    found = figures.https_figures(renewals)
    for figure in found:
        above = figure.value > limits[figure.limit]
        bad += above
        print('%s %-18s %10d, limit %10d  %s' % ('FAIL' if above else 'ok  ', figure.limit,
                                               figure.value, limits[figure.limit], figure.text))
    print('%d passed, %d failed' % (len(found) - bad, bad))
    return 1 if bad else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
