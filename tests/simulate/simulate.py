#!/usr/bin/env python3
"""10 000 years of appliances in which everything goes wrong that can: see simulate.c, life.h.

    simulate.py [--seed N] [--years N]    the seed is the day's number, so that each day lives other lives
    simulate.py --replay ID               one life again, and what happens in it

The lives of SAME are lived each day: planted.py shows that they see what they are for. A power cut that was planned and did not fire is counted with
what came before it.
"""
# timeout: 900
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / 'build/host/simulate/simulate'
YEARS = 10000
PARTS = 4  # for each worker: short ones fill the gaps
SAME = (5, 1500)  # seed, years
TOTAL = re.compile(r'^(\d+) lives, (\d+) years, (\d+) failures$', re.M)
ACTS = re.compile(r'^operator: (.*)$', re.M)
ACT = re.compile(r'(\d+) ([^(]+) \((\d+) refused\)')


def run(job):
    began = time.monotonic()
    done = subprocess.run([PROGRAM] + [str(a) for a in job], capture_output=True, text=True,
                          errors='replace')
    return job, done.returncode, done.stdout + done.stderr, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=int(time.time() // 86400))
    parser.add_argument('--years', type=int, default=YEARS)
    parser.add_argument('--replay')
    args = parser.parse_args()
    if args.replay:
        os.execv(PROGRAM, [str(PROGRAM), '--replay', args.replay])
    workers = os.cpu_count() or 1
    parts = workers * PARTS
    jobs = [['--seed', seed, '--years', -(-years // parts), '--part', '%d/%d' % (i, parts)]
            for seed, years in ((args.seed, args.years), SAME) for i in range(parts) if years]
    began = time.monotonic()
    lives = years = bad = 0
    acts, refused = collections.Counter(), collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for job, code, out, seconds in pool.map(run, jobs):
            total = TOTAL.search(out)
            right = code == 0 and total and total.group(3) == '0'
            bad += not right
            lives += int(total.group(1)) if total else 0
            years += int(total.group(2)) if total else 0
            for done, act, not_done in ACT.findall(''.join(ACTS.findall(out))):
                acts[act] += int(done)
                refused[act] += int(not_done)
            print('%s %6.1f s  %s' % ('ok  ' if right else 'FAIL', seconds, ' '.join(str(a) for a in job)),
                  flush=True)
            print(out if not right else ''.join('    ' + line for line in out.splitlines(True)[:-1]))
    print('%d lives, %d years, %.0f s, seed %d' % (lives, years, time.monotonic() - began, args.seed))
    print('count: %d years, %d lives, seed %d; %d actions of the operator done, %d refused' % (
        years, lives, args.seed, acts.total(), refused.total()))
    print('count: ' + ', '.join('%d %s (%d refused)' % (n, act, refused[act]) for act, n in acts.items()))
    if years < args.years + SAME[1]:
        print('FAIL: fewer than %d years' % args.years)
        bad += 1
    print('%d passed, %d failed' % (len(jobs) - bad, bad))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
