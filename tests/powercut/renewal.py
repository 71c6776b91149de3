#!/usr/bin/env python3
"""Power cuts at every flash operation of whole renewals, in one process: see renewal_cuts.c."""
# timeout: 300
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / 'build/host/powercut/renewal_cuts'

if __name__ == '__main__':
    os.execv(PROGRAM, [PROGRAM, *sys.argv[1:]])
