#!/usr/bin/env python3
"""Power cuts at exact flash commands of the real image on emcraft-sf2.

One renewal of the pair, and the move to another bank before it, runs under QEMU and is stopped before each page program and each erase (the
gdb stub, at the entry of the flash driver's functions). What flash holds then, and what the command
would have done, is kept. Then, for each cut of the sample: the command is done as a cut leaves it,
the board boots from that, and
  - the console comes up and serves the whole old pair or the whole new one: the old one before the
    commit was begun, the new one after it
  - the renewal ends by itself, with requests in which the CA's openssl finds no fault (they are
    signed by the keys that served), openssl verifies the chains of what serves then
  - with the CA switched off, the boot after it serves the same
Damage: before, after, a prefix, all but the last byte, any of the bits, the same of one unit while
those before it are complete, a bit of an earlier page of the same record disturbed, an erase at three
depths, and a range that reads otherwise at the next boot: that one is cut at its first flash command.

    sf2_board.py [--cuts N] [--seed N]     a sample, other places each day
    sf2_board.py --all                     every kind at every command
    sf2_board.py --only 17:prefix:3        one cut, with its seed
"""
# timeout: 400
import argparse
import concurrent.futures
import os
import random
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
import demo  # noqa: E402  (the path comes first)
import gdb_stub  # noqa: E402
import lab  # noqa: E402
import words  # noqa: E402
import x509  # noqa: E402
from console import ConsoleError  # noqa: E402
from qemu_sf2 import SECTOR, QemuSf2, read_store, write_store  # noqa: E402

IMAGE = os.path.join(lab.BUILD, 'emcraft-sf2', 'boards', 'emcraft-sf2', 'appliance-test.elf')
UNIT = 16
RECORD, COMMIT = b'aR', 1  # ra_store.c, ra_credentials.h
PROGRAMS = ('before', 'after', 'prefix', 'all-but-last', 'random', 'unit', 'disturb', 'unstable')
ERASES = ('before', 'after', 'depth', 'random', 'unstable')
LEAF = {'agent': 'agent', 'encryption': 'cep'}


class Command:
    """One flash command: what was there, and what it would write (None: an erase)."""

    def __init__(self, region, at, data):
        self.region, self.at, self.data = region, at, data
        self.size = SECTOR if data is None else len(data)

    def kinds(self):
        return ERASES if self.data is None else PROGRAMS

    def whole(self):
        """The range as the command would leave it."""
        return b'\xff' * SECTOR if self.data is None else self.data


def some_bits(old, new, rnd, share=0.5):
    """Any of the bits that were to change."""
    out = bytearray(old)
    for i, (a, b) in enumerate(zip(old, new)):
        for bit in range(8) if a != b else ():
            if (a ^ b) >> bit & 1 and rnd.random() < share:
                out[i] ^= 1 << bit
    return bytes(out)


class Board(QemuSf2):
    """The appliance under the stub, stopped at its flash commands."""

    def __init__(self, the_lab, image, life=300.0):
        self.path = os.path.join(the_lab.dir, os.path.basename(image) + '.gdb')
        super().__init__(IMAGE, image, words={'key': the_lab.path('device.key')}, life=life,
                         extra=gdb_stub.options(self.path))
        self.stub = None

    def start(self):
        super().start()
        self.stub = gdb_stub.Stub(self.path)
        for name in ('flash_program', 'flash_erase'):
            self.stub.stop_at(SYMBOLS[name])
        return self

    def command_at(self, timeout):
        """Runs to the next flash command; None when none comes in time."""
        pc = self.stub.go_on(timeout)
        if pc is None:
            return None
        region = read_store(self.nor)
        if pc == SYMBOLS['flash_erase']:
            return Command(region, self.stub.register(1) * SECTOR, None)
        return Command(region, self.stub.register(1), self.stub.memory(self.stub.register(2), self.stub.register(3)))


def symbols():
    out = subprocess.run(['arm-none-eabi-nm', IMAGE], capture_output=True, text=True, timeout=30, check=True).stdout
    found = re.findall(r'^([0-9a-f]{8}) [tT] (flash_program|flash_erase)$', out, re.M)
    return {name: int(address, 16) & ~1 for address, name in found}


SYMBOLS = {}


class Sweep:
    def __init__(self, the_lab):
        self.lab = the_lab
        config = dict(the_lab.config(), **{'attempts-per-day': '100'})
        self.fresh = the_lab.provision('sf2', 'fresh.img', config=config)
        self.old = {role: the_lab.old(leaf).sha1.upper() for role, leaf in LEAF.items()}
        self.commands = []
        self.commit = (0, 0)
        self.lock = threading.Lock()

    def board(self, image):
        return self.lab.board('sf2', image, life=100)

    def image(self, name, region):
        write_store(self.lab.path(name), region)
        return name

    def rehearse(self):
        """The renewal that nobody cuts, on a log that was: the store moves to another bank first."""
        with Board(self.lab, self.fresh) as board:
            first = board.command_at(20.0)
            board.kill()
        region = bytearray(first.region)
        region[first.at:first.at + 7] = first.data[:7]
        image = self.image('rehearsal.img', bytes(region))
        end = time.monotonic() + 120
        before_news = 0
        with Board(self.lab, self.lab.path(image)) as board:
            while time.monotonic() < end:
                switched = all(re.search(words.event('switched', role), board.transcript) for role in LEAF)
                before_news = before_news if switched else len(self.commands)
                command = board.command_at(4.0 if switched else 20.0)
                if command is None:
                    if switched:
                        break
                    raise ConsoleError('no flash command for 20 s:\n' + board.transcript[-800:])
                self.commands.append(command)
            board.kill()
        self.new = {role: x509.Cert(self.lab.ca.issued(leaf)[-1].cert).sha1.upper() for role, leaf in LEAF.items()}
        heads = [i for i, c in enumerate(self.commands) if c.data is not None and c.data[:2] == RECORD]
        first = max(i for i in heads if i < before_news and self.commands[i].data[2] == COMMIT)
        self.commit = (first, next(i for i in heads if i > first) - 1)

    def served(self, board):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            shown = words.show(board)[1]
            if all('thumbprint' in shown.get(role, {}) for role in LEAF):
                return {role: shown[role]['thumbprint'] for role in LEAF}
            time.sleep(0.1)
        raise ConsoleError('serves nothing: %s' % shown)

    def finish(self, board):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            pair = self.served(board)
            if all(pair[role] != self.old[role] for role in LEAF):
                return pair
            time.sleep(0.2)
        raise ConsoleError('not renewed within 60 s:\n' + board.transcript[-1200:])

    def damaged(self, command, kind, n, rnd):
        """The region after the cut; for `unstable` the range's other reading too."""
        region = bytearray(command.region)
        here = slice(command.at, command.at + command.size)
        old, new = bytes(region[here]), command.whole()
        other = None
        if kind == 'after':
            region[here] = new
        elif kind in ('prefix', 'all-but-last', 'depth'):
            part = {'prefix': rnd.randrange(command.size), 'all-but-last': command.size - 1,
                    'depth': command.size * (1, 4, 7)[n % 3] // 8}[kind]
            region[here] = new[:part] + old[part:]
        elif kind in ('random', 'unstable'):
            region[here] = some_bits(old, new, rnd, rnd.choice((0.15, 0.5, 0.85)))
            other = new if kind == 'unstable' else None
        elif kind == 'unit':
            part = rnd.randrange(0, command.size, UNIT)
            region[here] = new[:part] + some_bits(old[part:part + UNIT], new[part:part + UNIT], rnd) + \
                old[part + UNIT:]
        elif kind == 'disturb':
            region[here] = some_bits(old, new, rnd)
            before = self.commands[self.commands.index(command) - 1]
            if before.data is not None and before.at + before.size == command.at and command.data[:2] != RECORD:
                region[before.at + rnd.randrange(before.size)] &= ~(1 << rnd.randrange(8)) & 0xFF
        return bytes(region), other

    def read_otherwise(self, image, command, other):
        """A boot that is cut at its first flash command; then the range reads as `other`."""
        with Board(self.lab, self.lab.path(image), life=60) as board:
            next_one = board.command_at(20.0)
            board.kill()
        if next_one is None:
            return
        region = bytearray(next_one.region)
        region[command.at:command.at + command.size] = other
        self.image(image, bytes(region))

    def cut(self, index, kind, n):
        """One cut; None, or what is wrong."""
        rnd = random.Random('%d:%s:%d' % (index, kind, n))
        command = self.commands[index]
        name = 'cut-%d-%s-%d.img' % (index, kind, n)
        try:
            region, other = self.damaged(command, kind, n, rnd)
            self.image(name, region)
            if other is not None:
                self.read_otherwise(name, command, other)
            with self.board(name) as board:
                board.read_until(words.PROMPT, 30)
                pair = self.served(board)
                if sum(pair[role] == self.old[role] for role in LEAF) == 1:
                    pair = self.served(board)  # the switch came between the lines of `show`
                allowed = [self.old] if index < self.commit[0] else [self.new] if index > self.commit[1] else \
                    [self.old, self.new]
                if pair not in allowed and (index >= self.commit[0] or not self.just_renewed(board, pair)):
                    return 'serves %s, not %s' % (pair, allowed)
                pair = self.finish(board)
                board.kill()
                board.check_log()
            wrong = self.judge(pair)
            if wrong or n % 2:
                return wrong
            return self.serves_offline(name, pair)
        except (ConsoleError, OSError, subprocess.SubprocessError) as why:
            return str(why)
        finally:
            if os.path.exists(self.lab.path(name)):
                os.unlink(self.lab.path(name))

    def just_renewed(self, board, pair):
        """It was quick: the renewal ended between the boot and `show`."""
        return all(re.search(words.event('switched', role), board.transcript) and pair[role] != self.old[role]
                   for role in LEAF)

    def judge(self, pair):
        with self.lock:
            issued = {x509.Cert(r.cert).sha1.upper(): r.cert for leaf in LEAF.values() for r in self.lab.ca.issued(leaf)}
            bad = self.lab.ca.bad()
        if bad:
            return 'the CA found: ' + '; '.join(bad)
        for role, thumbprint in pair.items():
            if thumbprint not in issued:
                return '%s serves what the CA did not issue' % role
            if not demo.chain_verifies(self.lab.pki, issued[thumbprint]):
                return 'openssl does not verify what %s serves' % role
        return None

    def serves_offline(self, name, pair):
        """The same after one more boot, without a network."""
        board = self.board(name)
        board.nic = 'none'
        with board:
            board.read_until(words.PROMPT, 30)
            again = self.served(board)
        return None if again == pair else 'after one more boot serves %s, not %s' % (again, pair)


def plan(commands, commit, args):
    """(command, kind, number): each kind in turn, the commit's commands first."""
    if args.only:
        index, kind, n = args.only.split(':')
        return [(int(index), kind, int(n))]
    every = [(i, kind, n) for i, c in enumerate(commands) for kind in c.kinds()
             for n in range(3 if kind == 'depth' else 1)]
    if args.all:
        return every
    rnd = random.Random(args.seed)
    sample = [(i, 'random', args.seed) for i in range(commit[0], commit[1] + 1)]
    by_kind = {}
    for one in every:
        by_kind.setdefault((one[1], commands[one[0]].data is None), []).append(one)
    while len(sample) < args.cuts:
        for (kind, _), ones in sorted(by_kind.items()):
            sample.append((rnd.choice(ones)[0], kind, args.seed + len(sample)))
    return sample[:args.cuts]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cuts', type=int, default=30)
    parser.add_argument('--seed', type=int, default=int(time.time() // 86400))
    parser.add_argument('--all', action='store_true')
    parser.add_argument('--only', metavar='COMMAND:KIND:N')
    args = parser.parse_args()
    SYMBOLS.update(symbols())
    with lab.Lab(days_left=30, agent_key='p256', ca_key='p256') as the_lab:
        sweep = Sweep(the_lab)
        sweep.rehearse()
        cuts = plan(sweep.commands, sweep.commit, args)
        bad = 0
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for one, wrong in zip(cuts, pool.map(lambda c: sweep.cut(*c), cuts)):
                bad += bool(wrong)
                if wrong or args.only:
                    print('%s  --only %d:%s:%d  %s' % ('FAIL' if wrong else 'ok  ', *one, wrong or ''), flush=True)
    kinds = sorted({kind for _, kind, _ in cuts})
    erases = sum(c.data is None for c in sweep.commands)
    print('count: %d flash commands of a renewal on emcraft-sf2 (%d erases), %d cuts planned, %d went right, seed %d: %s'
          % (len(sweep.commands), erases, len(cuts), len(cuts) - bad, args.seed, ', '.join(kinds)))
    print('%d passed, %d failed' % (len(cuts) - bad, bad))
    return 1 if bad or not cuts else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
