#!/usr/bin/env python3
"""A CA that misbehaves at random at the other end of real sockets, against the host board.

A relay stands between the appliance and the stand-in for AD CS. Each exchange it answers truly, or
with changed, cut, repeated, foreign, endless or trickling bytes, in other statuses, or not at all.
The operator asks for a renewal again and again. Whatever comes, the appliance goes on answering at
its console, serves a credential that the CA has issued, and asks no more often than its day allows;
then the relay becomes honest, and the renewal ends. The seed is the day's number, or --seed N.
"""
# timeout: 400
import argparse
import datetime
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import words  # noqa: E402
from console import ConsoleError  # noqa: E402

EXCHANGES = 300
SECONDS = 60
STATUSES = ('302 Found\r\nLocation: /certsrv/', '307 Temporary Redirect\r\nLocation: ?', '401 Unauthorized\r\n'
            'WWW-Authenticate: Negotiate', '403 Forbidden', '404 Not Found', '500 Internal Server Error',
            '503 Busy\r\nRetry-After: 1', '503 Busy\r\nRetry-After: 99999999999999', '200 OK', '204 No Content')


class Relay:
    """Listens on `port`, hands each request to `behind`, and answers as `rng` will."""

    def __init__(self, port, behind, rng):
        self.behind, self.rng = behind, rng
        self.honest = False
        self.exchanges = self.changed = 0
        self.old = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(('127.0.0.1', port))
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        peer.settimeout(20)
        try:
            with peer:
                while self.exchange(peer):
                    pass
        except OSError:
            pass

    @staticmethod
    def message(s):
        """A whole HTTP message with Content-Length or to the end; b'' at the end."""
        data = b''
        while True:
            head, mark, body = data.partition(b'\r\n\r\n')
            if mark:
                for line in head.split(b'\r\n')[1:]:
                    name, _, value = line.partition(b':')
                    if name.lower() == b'content-length' and len(body) >= int(value):
                        return data
                if b'content-length' not in head.lower() and data[:4] in (b'GET ', b'POST'):
                    return data
            piece = s.recv(65536)
            if not piece:
                return data
            data += piece

    def exchange(self, peer):
        request = self.message(peer)
        if not request:
            return False
        with socket.create_connection(('127.0.0.1', self.behind), 10) as server:
            server.settimeout(10)
            server.sendall(request)
            reply = self.message(server)
        with self.lock:
            self.exchanges += 1
            self.old = (self.old + [reply])[-10:]
            if self.honest or self.rng.randrange(12) == 0:
                peer.sendall(reply)
                return True
            self.changed += 1
            reply, pause, stays = self.misbehave(bytearray(reply))
        for i in range(0, len(reply), max(1, len(reply) // (20 if pause else 1))):
            peer.sendall(reply[i:i + max(1, len(reply) // (20 if pause else 1))])
            time.sleep(pause)
        return stays

    def misbehave(self, reply):
        """(bytes, pause between pieces, whether the connection stays)"""
        r = self.rng
        kind = r.randrange(11)
        if kind < 3:
            for _ in range(r.choice((1, 1, 2, 30))):
                reply[r.randrange(len(reply))] = r.choice((0, 0x30, 0x80, 0xff, 10, r.randrange(256)))
        elif kind == 3:
            del reply[r.randrange(len(reply)):]
            return reply, 0, False
        elif kind == 4:
            at, n = r.randrange(len(reply)), r.randrange(200)
            reply[at:at] = reply[at:at + n]
        elif kind == 5:
            reply = bytearray(r.choice(self.old))
        elif kind == 6:
            reply = bytearray(('HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n' % r.choice(STATUSES)).encode())
        elif kind == 7:
            first, again = r.choice(((b'HTTP/1.1 200 OK\r\n', b'X-H: 0123456789\r\n'), (b'', b'HTTP/1.1 100 Go\r\n\r\n'),
                                     (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', b'1\r\nx\r\n'),
                                     (b'HTTP/1.0 200 OK\r\n\r\n', b'0123456789abcdef')))
            return first + again * 5000, 0, False
        elif kind == 8:
            return bytes(r.randrange(256) for _ in range(r.randrange(2000))), 0, False
        elif kind == 9:
            return reply, 0.02, True
        else:
            return b'', 0, False
        return reply, 0, r.randrange(2) == 0


def look(board, the_lab, seen):
    """The console answers, and what is served the CA has issued."""
    state = words.show(board)[1]['agent']
    known = [r.cert.sha1 for r in the_lab.ca.core.records.all] + [the_lab.old('agent').sha1]
    if state['thumbprint'] not in known:
        raise ConsoleError('serves what was never issued: %s' % state)
    seen.add(state['thumbprint'])
    return state


def run(seed):
    rng = random.Random(seed)
    with lab.Lab(days_left=300, port=8080) as l:
        relay = Relay(80, 8080, rng)
        config = dict(l.config(), **{'ca-url': 'http://%s/certsrv/' % lab.CA_NAME,
                                     'attempts-per-day': '20'})
        l.provision('host', roles=('agent',), config=config)
        seen, end, boots = set(), time.monotonic() + SECONDS, 0
        begun = datetime.datetime.now(datetime.timezone.utc).date()
        while relay.exchanges < EXCHANGES and time.monotonic() < end:
            boots += 1
            with l.board('host') as board:
                # The day's attempts are soon spent: a new appliance of the same CA goes on.
                while relay.exchanges < EXCHANGES and time.monotonic() < end:
                    l.ca.core.life += datetime.timedelta(days=1)
                    text = words.command(board, words.RENEW['agent'])
                    time.sleep(0.4)
                    state = look(board, l, seen)
                    if 'attempts' in text or 'next attempt' in state and rng.randrange(25) == 0:
                        break
            if boots % 4 == 0 or l.ca.requests('agent') and len(l.ca.requests('agent')) % 15 == 14:
                l.provision('host', roles=('agent',), config=config)
        made = len(l.ca.requests('agent'))
        relay.honest = True
        l.provision('host', roles=('agent',), config=config)
        with l.board('host') as board:
            before = words.show(board)[1]['agent']['thumbprint']
            l.ca.core.life += datetime.timedelta(days=2)
            limit = time.monotonic() + 40
            while look(board, l, seen)['thumbprint'] == before:
                words.command(board, words.RENEW['agent'])  # refused until the time is known
                if time.monotonic() > limit:
                    raise ConsoleError('not renewed by a CA in order: %s' % words.show(board)[1])
                time.sleep(0.3)
        relay.close()
        days = (datetime.datetime.now(datetime.timezone.utc).date() - begun).days + 1
        print('count: seed %d: %d exchanges, %d replies changed, %d boots, %d requests in %d day(s), %d certificates '
              'served' % (seed, relay.exchanges, relay.changed, boots, made, days, len(seen)))
        if relay.exchanges < EXCHANGES // 6:
            raise ConsoleError('only %d exchanges' % relay.exchanges)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=datetime.date.today().toordinal())
    seed = parser.parse_args().seed
    print('seed %d' % seed, flush=True)
    run(seed)
    print('1 passed, 0 failed')
    return 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
