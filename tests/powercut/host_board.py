#!/usr/bin/env python3
"""A power cut before and after every flash operation of a whole renewal, on the host board.

The real program with its own TCP against the test CA: the pair is provisioned 30 days before
expiry, the program is ended at its Nth flash operation, before it or after it, and started
again. The next boot must serve the complete old pair or the complete new one, and then finish
the renewal by itself. For each N there is a run; the operations are counted in a run without a
cut. Fails when a planned cut did not fire.

    host_board.py [--only before:17]     one cut, its console shown
"""
# timeout: 500
import argparse
import concurrent.futures
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
import lab  # noqa: E402  (the path comes first)
import words  # noqa: E402
from console import ConsoleError  # noqa: E402

CUT = 137  # boards/host/host_hal.h: HOST_EXIT_CUT
KINDS = ('before', 'after')
SETTLE = 1.0  # seconds in which the store of a finished renewal has settled


def options(*more):
    return ['--time', 'now', *more]


class Sweep:
    def __init__(self, the_lab):
        self.lab = the_lab
        config = dict(the_lab.config(), **{'sntp-server': 'none.invalid', 'attempts-per-day': '100'})
        self.fresh = the_lab.provision('host', 'fresh.bin', config=config)
        self.old = {role: the_lab.old(leaf).sha1.upper()
                    for role, leaf in (('agent', 'agent'), ('encryption', 'cep'))}

    def board(self, image, *more):
        return self.lab.board('host', image, life=60, options=options(*more))

    def image(self, name):
        shutil.copyfile(self.fresh, self.lab.path(name))
        return name

    def served(self, board):
        """Thumbprints of the served pair; waits for the store to be read."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            shown = words.show(board)[1]
            if all('thumbprint' in shown.get(role, {}) for role in words.ROLES):
                return {role: shown[role]['thumbprint'].upper() for role in words.ROLES}
            time.sleep(0.05)
        raise ConsoleError('serves nothing: %s' % shown)

    def finish(self, board):
        """Until both have been switched; the new pair."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            pair = self.served(board)
            if all(pair[role] != self.old[role] for role in pair):
                return pair
            time.sleep(0.05)
        raise ConsoleError('not renewed within 30 s: %s' % words.show(board)[0][-1500:])

    def count(self):
        """Flash operations of a boot and a renewal that nobody interrupts."""
        image = self.image('count.bin')
        with self.board(image, '--trace-flash') as board:
            for role in words.ROLES:  # nothing is typed: the trace stands between the lines
                board.read_until(words.event('switched', role), 30)
            time.sleep(SETTLE)
            board.kill()
            return len(re.findall(r'flash \d+: ', board.transcript))

    def cut(self, kind, n):
        """One cut; None, or what is wrong."""
        image = self.image('%s-%d.bin' % (kind, n))
        try:
            with self.board(image, '--cut-%s' % kind, str(n)) as board:
                code = board.wait(40)
            if code != CUT:
                return 'the cut did not fire: exit code %d' % code
            with self.board(image) as board:
                board.read_until(words.PROMPT, 20)
                pair = self.served(board)
                kept = [role for role in pair if pair[role] == self.old[role]]
                if len(kept) == 1:  # unless the switch came between the two lines of `show`
                    pair = self.served(board)
                    kept = [role for role in pair if pair[role] == self.old[role]]
                if len(kept) == 1:
                    return 'a mixture is served: only %s is the old one' % kept[0]
                issued = {r.cert.sha1.upper() for r in self.lab.ca.core.records.all}
                if any(pair[role] not in issued | {self.old[role]} for role in pair):
                    return 'serves a certificate nobody issued'
                self.finish(board)
            return None
        except ConsoleError as why:
            return str(why)
        finally:
            os.unlink(self.lab.path(image))


def main(protocol='adcs'):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', metavar='KIND:N')
    args = parser.parse_args()
    keys = {'agent_key': 'p256' if protocol == 'adcs' else 'rsa2048', 'ca_key': 'p256'}
    with lab.Lab(days_left=30, protocol=protocol, **keys) as the_lab:
        sweep = Sweep(the_lab)
        if args.only:
            kind, n = args.only.split(':')
            print(sweep.cut(kind, int(n)) or 'right')
            return 0
        total = sweep.count()
        plan = [(kind, n) for n in range(1, total + 1) for kind in KINDS]
        failed = []
        with concurrent.futures.ThreadPoolExecutor(max_workers=3) as pool:
            for (kind, n), wrong in zip(plan, pool.map(lambda p: sweep.cut(*p), plan)):
                if wrong:
                    failed.append((kind, n))
                    print('FAIL  %s:%d  %s' % (kind, n, wrong), flush=True)
    print('count: %d flash operations, %d cuts planned, %d went right' % (
        total, len(plan), len(plan) - len(failed)))
    print('%d passed, %d failed' % (len(plan) - len(failed), len(failed)))
    return 1 if failed or not plan else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
