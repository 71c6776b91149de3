#!/usr/bin/env python3
"""The modes of the EST stand-in on emcraft-sf2, over TLS 1.2: see est_modes.py."""
# timeout: 400
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import est_modes  # noqa: E402  (the path comes first)

if __name__ == '__main__':
    est_modes.script('sf2', 380)
