#!/usr/bin/env python3
"""Some of the cuts of powercut.c with wolfSSL itself in place of the stand-in for crypto/."""
# timeout: 300
import pathlib
import re
import subprocess
import sys

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / 'build/host/powercut/powercut_wolfssl'
SAMPLE = ['sample', '--geometry', '0', '--start', '0', '--story', '0', '--rate', '3', '--at-least', '200']

if __name__ == '__main__':
    done = subprocess.run([PROGRAM, *(sys.argv[1:] or SAMPLE)], capture_output=True, text=True)
    print(done.stdout + done.stderr)
    total = re.search(r'^(\d+ cuts planned, \d+ fired)', done.stdout, re.M)
    print('count: %s, on wolfSSL' % (total.group(1) if total else 'none'))
    sys.exit(done.returncode)
