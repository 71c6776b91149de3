#!/usr/bin/env python3
"""Some of the cuts of powercut.c with wolfSSL itself in place of the stand-in for crypto/."""
# timeout: 200
import os
import pathlib
import sys

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / 'build/host/powercut/powercut_wolfssl'
SAMPLE = ['sample', '--geometry', '0', '--start', '0', '--story', '0', '--rate', '3', '--at-least', '200']

if __name__ == '__main__':
    os.execv(PROGRAM, [PROGRAM, *(sys.argv[1:] or SAMPLE)])
