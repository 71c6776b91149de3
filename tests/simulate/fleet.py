#!/usr/bin/env python3
"""How the requests of 10 000 appliances, provisioned on one day, spread over their CA: see fleet.c.

    fleet.py            fails when more than MOST requests come in one hour, or docs/fleet.svg differs
    fleet.py --write    writes docs/fleet.svg
"""
# timeout: 300
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / 'build/host/simulate/fleet'
PICTURE = ROOT / 'docs/fleet.svg'
APPLIANCES = 10000
PARTS = 8
SCENES = ('The CA answers', 'The CA cannot be reached for the first three days')
MOST = (1200, 4200)  # requests in one hour: jitter-hours parts them, then the waits after failures do
HOURS = 96
WIDTH, HEIGHT, LEFT, GAP = 640, 170, 60, 50
END = re.compile(r'^(\d+) appliances, 0 failed, 0 requests at other times$', re.M)


def run(seed):
    out = subprocess.run([PROGRAM, '--seed', str(seed), '--appliances', str(APPLIANCES // PARTS)],
                         capture_output=True, text=True, check=True).stdout
    if not END.search(out):
        sys.exit('FAIL: ' + out.splitlines()[-1])
    return [[int(n) for n in line.split()[1:]] for line in out.splitlines()[:-1]]


def text(x, y, words, more=''):
    return '<text x="%d" y="%d" font-family="sans-serif" font-size="12"%s>%s</text>' % (x, y, more, words)


def panel(top, title, counts, most):
    step = WIDTH / HOURS
    out = [text(LEFT, top - 8, '%s: %d requests, %d in one hour at most' % (title, sum(counts), max(counts)))]
    for part in (0, 0.5, 1):
        y = top + HEIGHT - HEIGHT * part
        out.append('<path d="M%d %.1fh%d" stroke="#ccc"/>' % (LEFT, y, WIDTH))
        out.append(text(LEFT - 6, y + 4, '%d' % (most * part), ' text-anchor="end"'))
    for hour in range(0, HOURS + 1, 12):
        out.append(text(LEFT + hour * step, top + HEIGHT + 16, '%d h' % hour, ' text-anchor="middle"'))
    for hour, n in enumerate(counts[:HOURS]):
        if n:
            height = HEIGHT * n / most
            out.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#357"/>' % (
                LEFT + hour * step, top + HEIGHT - height, step - 1, height))
    return out


def picture(scenes):
    height = 2 * (HEIGHT + GAP) + 40
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d">' % (LEFT + WIDTH + 30, height),
           '<rect width="100%" height="100%" fill="#fff"/>',
           text(LEFT, 18, '%d appliances provisioned on one day: requests to their CA in each hour after the first' %
                APPLIANCES, ' font-weight="bold"')]
    for i, counts in enumerate(scenes):
        out += panel(50 + i * (HEIGHT + GAP), SCENES[i], counts, MOST[i])
    return '\n'.join(out + ['</svg>', ''])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--write', action='store_true')
    args = parser.parse_args()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        parts = list(pool.map(run, range(1, PARTS + 1)))
    scenes = [[sum(part[hour][i] for part in parts) for hour in range(len(parts[0]))] for i in range(2)]
    bad = 0
    for i, counts in enumerate(scenes):
        wrong = max(counts) > MOST[i] or sum(counts) < 2 * APPLIANCES
        bad += wrong
        print('count: %s: %d requests, %d in one hour at most (bound %d)%s' % (
            SCENES[i], sum(counts), max(counts), MOST[i], ': FAIL' if wrong else ''))
    if args.write:
        PICTURE.write_text(picture(scenes), encoding='utf-8')
    differs = PICTURE.read_text(encoding='utf-8') != picture(scenes)
    print('%s docs/fleet.svg %s' % (('FAIL', 'differs: make fleet') if differs else ('ok  ', 'is this run')))
    bad += differs
    print('%d passed, %d failed' % (3 - bad, bad))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
