#!/usr/bin/env python3
"""Every mode of the test CA by https on the host board: see modes.py."""
# timeout: 400
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import modes  # noqa: E402  (the path comes first)

if __name__ == '__main__':
    modes.script('host', 380, tls={})
