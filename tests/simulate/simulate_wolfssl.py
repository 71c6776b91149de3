#!/usr/bin/env python3
"""Some of the years of simulate.c with wolfSSL itself in place of the stand-in for crypto/."""
# timeout: 400
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import simulate  # noqa: E402  (the path comes first)

if __name__ == '__main__':
    simulate.PROGRAM = simulate.ROOT / 'build/host/simulate/simulate_wolfssl'
    simulate.YEARS = 120
    simulate.PARTS = 1
    simulate.SAME = (0, 0)
    sys.exit(simulate.main())
