"""Runs the bench image on an emulated emcraft-sf2 and reads its counts.

The image talks HTTP through two pipes; Relay carries that to the stand-in CA of the laboratory,
whole requests one way and whole replies the other, so that what the image executes does not
depend on when bytes arrive. The entropy is a fixed stream: a key search takes the same
candidates in every run.
"""
import collections
import contextlib
import hashlib
import os
import re
import socket
import struct
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), 'e2e')]

import lab  # noqa: E402  (the path comes first)
from qemu_sf2 import QemuSf2  # noqa: E402

SHIFT = 4  # ICOUNT_SHIFT of bench_sf2.c
ROLES = ('agent', 'encryption')


class Row:
    """One phase: steps, instructions, the longest step, and {primitive: (calls, instructions)}."""

    def __init__(self, steps=0, instructions=0, longest=0):
        self.steps, self.instructions, self.longest = steps, instructions, longest
        self.parts = {}

    def calls(self, name):
        return self.parts.get(name, (0, 0))[0]

    def inside(self, *names):
        return sum(self.parts.get(n, (0, 0))[1] for n in names)


class Counts:
    """What the image printed."""

    def __init__(self, text):
        self.rows = collections.OrderedDict()  # (role or 'start' or 'none', phase): Row
        self.puts = {}                         # record type: (puts, bytes)
        self.words = {}                        # ('flash', 'erases'): n
        self.states = {}                       # role: (state, generation, cause)
        for line in text.splitlines():
            w = line.split()
            if not w:
                continue
            if w[0] == 'row':
                self.rows[w[1], w[2]] = Row(int(w[3]), int(w[4]), int(w[5]))
            elif w[0] == 'part':
                self.rows[w[1], w[2]].parts[w[3]] = (int(w[4]), int(w[5]))
            elif w[0] == 'put':
                self.puts[int(w[1])] = (int(w[2]), int(w[3]))
            elif w[0] == 'state':
                self.states[w[1]] = (w[2], int(w[3]), -int(w[4]))
            elif w[0] in ('flash', 'ra', 'board', 'tls') and len(w) == 3:
                self.words[w[0], w[1]] = int(w[2])

    def row(self, role, phase):
        return self.rows.get((role, phase), Row())

    def total(self, roles=ROLES):
        """The rows of these roles added up, phase by phase."""
        sums = collections.OrderedDict()
        for (role, phase), row in self.rows.items():
            if role in roles:
                into = sums.setdefault(phase, Row())
                into.steps += row.steps
                into.instructions += row.instructions
                into.longest = max(into.longest, row.longest)
                for name, (calls, n) in row.parts.items():
                    had = into.parts.get(name, (0, 0))
                    into.parts[name] = (had[0] + calls, had[1] + n)
        return sums

    def each(self, name):
        """Instructions of one call of a primitive, the mean of all; 0: never called."""
        calls = sum(r.calls(name) for r in self.rows.values())
        return sum(r.inside(name) for r in self.rows.values()) / calls if calls else 0

    def longest(self):
        """(instructions, role, phase) of the longest step."""
        return max((row.longest, *key) for key, row in self.rows.items())


class Relay(threading.Thread):
    """The other end of pipe.c. With TLS only the appliance knows where a message ends: what it has
    sent goes out at once, and what comes back within a moment is the answer."""

    def __init__(self, where, port, tls):
        super().__init__(daemon=True)
        self.tls = tls
        self.up, self.down = os.path.join(where, 'up'), os.path.join(where, 'down')
        for name in (self.up, self.down):
            if os.path.exists(name):
                os.unlink(name)
            os.mkfifo(name)
        self.port = port
        self.server = None
        self.asked = self.answer = b''

    def run(self):
        with open(self.up, 'rb') as up, open(self.down, 'wb', buffering=0) as down:
            for op in iter(lambda: up.read(1), b''):
                if op in b'SR':
                    size = struct.unpack('<H', up.read(2))[0]
                if op == b'O':
                    self.close()
                    self.server = socket.create_connection(('127.0.0.1', self.port), 60)
                elif op == b'S':
                    self.asked += up.read(size)
                elif op == b'R':
                    if self.server and (not self.answer if self.tls else
                                        self.asked and whole(self.asked)):
                        self.exchange()
                    part, self.answer = self.answer[:size], self.answer[size:]
                    down.write(struct.pack('<H', len(part)) + part)
                else:
                    self.close()
        self.close()

    def exchange(self):
        if self.tls:  # the emulated time goes on, so each look at the server takes a moment of ours
            self.server.settimeout(0.3 if self.asked else 0.05)
        self.server.sendall(self.asked)
        self.asked = b''
        with contextlib.suppress(TimeoutError):
            while self.tls or not whole(self.answer):
                more = self.server.recv(65536)
                if not more:
                    break
                self.answer += more
                if self.tls:
                    self.server.settimeout(0.05)

    def close(self):
        if self.server:
            self.server.close()
        self.server = None
        self.asked = self.answer = b''


def whole(message):
    """Whether an HTTP message is there with all of its body."""
    head, end, body = message.partition(b'\r\n\r\n')
    size = re.search(rb'(?im)^content-length:\s*(\d+)', head)
    return bool(end) and len(body) >= (int(size.group(1)) if size else 0)


def entropy(path, seed):
    """A fixed noise stream for key searches that can be repeated."""
    with open(path, 'wb') as out:
        out.write(hashlib.shake_128(seed.encode()).digest(1 << 18))


def run(the_lab, seed, until='renewed', offset=0.0, image='nor.img', life=240.0, port=None,
        large=False):
    """Counts of a whole renewal, of a boot with nothing due (`booted`), or of one and what the
    store does then (`settled`), `offset` seconds from now."""
    entropy(the_lab.path('entropy'), seed)
    tls = the_lab.tls is not False
    relay = Relay(the_lab.dir, port or the_lab.ca.port, tls)
    now = int(the_lab.ca.core.now().timestamp() - the_lab.ca.core.offset + offset)
    words = {'key': the_lab.path('device.key'), 'entropy': the_lab.path('entropy'),
             'up': relay.up, 'down': relay.down, 'time': str(now)}
    if large:
        words['large'] = '1'
    if until == 'renewed':
        relay.start()
    else:
        words[until] = None
    elf = os.path.join(lab.BUILD, 'emcraft-sf2' + ('-tls' if tls else ''), 'bench', 'bench_sf2.elf')
    with QemuSf2(elf, the_lab.path(image), words=words, nic='none', icount=SHIFT, sleep=False,
                 life=life) as board:
        board.read_until('bench end', life)
        return Counts(board.transcript)
