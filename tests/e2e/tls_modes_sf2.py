#!/usr/bin/env python3
"""Modes of the test CA by https on emcraft-sf2, the image for it: see modes.py."""
# timeout: 300
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import modes  # noqa: E402  (the path comes first)

SOME = ('issue', 'chunked', 'close', 'slow:20000', 'deny', 'expired', 'untrusted', '401', '503:30',
        'truncate@chain', 'reset', 'huge@chain', 'redirect', 'redirect-other')

if __name__ == '__main__':
    modes.CASES = {mode: modes.CASES[mode] for mode in SOME}
    modes.script('sf2', 280, tls={})
