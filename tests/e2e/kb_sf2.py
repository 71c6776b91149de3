#!/usr/bin/env python3
"""KB 2712186 at the serial port of emcraft-sf2: see kb.py."""
# timeout: 400
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kb  # noqa: E402  (the path comes first)

if __name__ == '__main__':
    kb.script('sf2', 380)
