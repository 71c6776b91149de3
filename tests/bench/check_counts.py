#!/usr/bin/env python3
"""The counts that need no key search, against the bench.* limits of budgets.mk.

The pair is renewed with its old keys (key-policy same), on the emulated emcraft-sf2, and booted
before and after: instructions, bytes of flash, HTTP. `make bench` counts the rest.
"""
# timeout: 120

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import figures  # noqa: E402  (the path comes first)
import lab  # noqa: E402


def main():
    limits = figures.limits()
    renewal = figures.Renewal('RSA-2048, RSA-2048, the same keys', same=True)
    seen = bad = 0
    for figure in renewal.figures('same'):
        limit = limits.get(figure.limit)
        if limit is None:
            if figure.limit != 'bench.same.renewal':
                print('%s: budgets.mk has no limit' % figure.limit)
                bad += 1
            continue
        seen += 1
        above = figure.value > limit
        bad += above
        print('%s %-24s %12.1f, limit %12.1f  %s' % ('FAIL' if above else 'ok  ', figure.limit,
                                                   figure.value, limit, figure.text))
    print('%d passed, %d failed' % (seen - bad if seen > bad else 0, bad))
    return 1 if bad or not seen else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
