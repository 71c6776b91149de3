#!/usr/bin/env python3
"""A CA that misbehaves at random (hostile_ca.c), for some lives from today's seed.

    hostile_ca.py [--seed N] [--lives N] [--only LIFE]
"""
# timeout: 300
import datetime
import os
import pathlib
import sys

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build/fuzzers/fuzz/hostile_ca"

if __name__ == "__main__":
    seed = datetime.date.today().toordinal()
    arguments = sys.argv[1:] or ["--seed", str(seed), "--lives", "200"]
    print(f"hostile_ca {' '.join(arguments)}", flush=True)
    os.execv(PROGRAM, [PROGRAM, *arguments])
