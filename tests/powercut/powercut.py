#!/usr/bin/env python3
"""Power cuts inside every flash operation of whole renewals: see powercut.c for what is judged.

    powercut.py [--seed N]          a sample over every kind, geometry, start and story; the seed is
                                    the day's number, so that each day cuts elsewhere
    powercut.py --long              every single cut, all pairs, markers, repeats, counters, flips
    powercut.py --long --count      how many that are of each kind and on each geometry, without them
    powercut.py --long --shard 2/8  every 8th job of these, beginning with the second

--long enumerates the stories of powercut.c on each of 12 geometries: singles and pairs from each of 5 starts,
markers from blank flash, repeats and counters from each start and by each protocol, each bit of blank flash
and one of 40 of the others. One point stands for several only as merge.h has it: where all that follows
is computed from the same input.
    powercut.py --replay ID --seed N

It fails when a cut was planned and did not fire, or when there were fewer than LEAST. A failure
prints the arguments of build/host/powercut/powercut that bring it back.
"""
# timeout: 400
import argparse
import concurrent.futures
import os
import pathlib
import re
import resource
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / 'build/host/powercut/powercut'
GEOMETRIES = 12
MOST_MARKERS = (1, 3)  # the smallest units
COUNTERS = 7
STARTS = 5
PROTOCOLS = 3
LEAST = 150000
KIND = re.compile(r'(before|after|prefix|all but the last byte|random bits|disturbed|within a unit|of an erase'
                  r'|unstable|of a marker) (\d+)')
TOTAL = re.compile(r'^(\d+) cuts planned, (\d+) fired, (\d+) (?:the same|not run), (\d+) failures$', re.M)


def sample(seed, parts):
    """The longest first: the others fill the gaps."""
    whole = seed % GEOMETRIES  # runs that sweep one geometry take another one each day
    other = ['--start', seed // GEOMETRIES % STARTS, '--story', seed % PROTOCOLS]
    return ([['sample', '--seed', seed, '--part', '%d/%d' % (i, parts)] for i in range(parts)] +
            [['counters', '--seed', seed, '--geometry', 0, '--times', 2500] + other,
             ['repeats', '--seed', seed, '--geometry', whole, '--times', 50] + other] +
            [['flips', '--seed', seed, '--geometry', g, '--start', (seed + g) % STARTS, '--one-in', 400]
             for g in range(GEOMETRIES)])


def everything(seed):
    """The two longest first."""
    jobs = [['markers', '--seed', seed, '--geometry', g, '--start', 0] for g in MOST_MARKERS]
    jobs += [['counters', '--seed', seed, '--geometry', g, '--only', c] for g in (0, 3) for c in range(COUNTERS)]
    # Each other start and each other protocol too; at rest one bit of ten in all.
    others = [(s, 0) for s in range(1, STARTS)] + [(0, p) for p in range(1, PROTOCOLS)]
    jobs += [['counters', '--seed', seed, '--geometry', 0, '--start', s, '--story', p] for s, p in others]
    for g in range(GEOMETRIES):
        jobs += [[mode, '--seed', seed, '--geometry', g] for mode in ('repeats', 'flips')]
        jobs += [['repeats', '--seed', seed, '--geometry', g, '--start', s, '--story', p] for s, p in others]
        jobs += [['flips', '--seed', seed, '--geometry', g, '--start', s, '--one-in', 40]
                 for s in range(1, STARTS)]
        jobs += [[mode, '--seed', seed, '--geometry', g, '--start', s]
                 for mode in ('singles', 'pairs') for s in range(STARTS)]
        if g not in MOST_MARKERS:
            jobs.append(['markers', '--seed', seed, '--geometry', g, '--start', 0])
    return jobs


def run(job):
    began = time.monotonic()
    done = subprocess.run([PROGRAM] + [str(a) for a in job], capture_output=True, text=True)
    return job, done.returncode, done.stdout + done.stderr, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=int(time.time() // 86400))
    parser.add_argument('--long', action='store_true')
    parser.add_argument('--shard', default='1/1')
    parser.add_argument('--replay')
    parser.add_argument('--count', action='store_true')
    args = parser.parse_args()
    if args.replay:
        os.execv(PROGRAM, [str(PROGRAM), 'replay', args.replay, '--seed', str(args.seed)])
    workers = os.cpu_count() or 1
    jobs = everything(args.seed) if args.long else sample(args.seed, 2 * workers)
    first, of = map(int, args.shard.split('/'))
    jobs = jobs[first - 1::of]
    if args.count:
        jobs = [job + ['--count'] for job in jobs]
    began = time.monotonic()
    cuts = same = not_fired = flips = bad = 0
    kinds = {}
    counts = {}
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for job, code, out, seconds in pool.map(run, jobs):
            total = TOTAL.search(out)
            planned, fired, alike, failures = map(int, total.groups()) if total else (0, 0, 0, 1)
            right = code == 0 and total and planned == fired + alike and not failures
            bad += not right
            same += alike
            not_fired += planned - fired - alike
            of_kind = counts.setdefault(job[0], [0] * GEOMETRIES)
            if '--geometry' in job:
                of_kind[job[job.index('--geometry') + 1]] += planned
            for kind, count in KIND.findall(out):
                kinds[kind] = kinds.get(kind, 0) + int(count)
            if job[0] == 'flips':
                flips += fired
            else:
                cuts += fired
            print('%s %9d fired of %9d %6.1f s  %s' % ('ok  ' if right else 'FAIL', fired, planned, seconds,
                                                  ' '.join(str(a) for a in job)), flush=True)
            if not right:
                print(out)
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    if args.long:
        for kind, of_geometry in counts.items():
            print('planned %-9s %10d, by geometry %s' % (kind, sum(of_geometry), ' '.join(map(str, of_geometry))))
    print('count: %d cuts planned, %d fired, %d %s, %d flipped bits; %.0f s, %.0f s of processor, seed %d' % (
        cuts + same + not_fired, cuts, same, 'not run' if args.count else 'the same', flips, time.monotonic() - began, cpu, args.seed))
    print('count: of them ' + ', '.join('%s %d' % kind for kind in kinds.items()))
    if cuts + same < LEAST and of == 1:
        print('FAIL: fewer than %d cuts' % LEAST)
        bad += 1
    print('%d passed, %d failed' % (len(jobs) - bad, bad))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
