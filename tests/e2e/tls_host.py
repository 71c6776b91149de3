#!/usr/bin/env python3
"""TLS of the appliance against servers of OpenSSL: good ones, each kind of bad, cut and altered ones.

Runs tests/net/tls_probe.c (built with the sanitizers): the code the appliance has above TCP, on a
socket. The servers are threads of this test and `openssl s_server`; what is cut, delayed or altered
on the way is done by a relay between them.
"""
# timeout: 300
import contextlib
import os
import re
import select
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'ca')]

import lab  # noqa: E402  (the path comes first)
import pki as pki_room  # noqa: E402
import tls  # noqa: E402
import x509  # noqa: E402

PROBE = os.path.join(os.environ.get('RA_BUILD', os.path.join(ROOT, 'build')), 'host-asan', 'boards', 'host',
                     'tls_probe')
HOST = 'ca01.example.net'
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
ANY = 'ALL:@SECLEVEL=0'
VERSIONS = {'TLS 1.2': V12, 'TLS 1.3': V13}


class Server:
    """One https server in a thread; `talk(connection)` says what it does after the handshake."""

    def __init__(self, context, talk):
        self.context, self.talk = context, talk
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.bindings, self.errors = [], []
        self.peer = None
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(plain,), daemon=True).start()

    def one(self, plain):
        plain.settimeout(10)
        try:
            with self.context.wrap_socket(plain, server_side=True) as secure:
                self.peer = secure.getpeercert(True)
                if secure.version() == 'TLSv1.2':
                    self.bindings.append(secure.get_channel_binding('tls-unique').hex())
                self.talk(secure)
        except OSError as why:
            self.errors.append(str(why))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def request(secure):
    data = b''
    while b'\r\n\r\n' not in data:
        more = secure.recv(4096)
        if not more:
            raise OSError('no request')
        data += more
    return data.split()[1].decode()


def notify(secure):
    """close_notify, and the end."""
    with contextlib.suppress(OSError):
        secure.settimeout(1)
        secure.unwrap()


def answer(secure, size=5, length=True, end=notify):
    """Answers requests /N with N bytes, on one connection."""
    while True:
        try:
            path = request(secure)
        except OSError:
            return
        size = int(path[1:]) if path[1:].isdigit() else size
        head = 'HTTP/1.1 200 OK\r\n' + ('Content-Length: %d\r\n' % size if length else
                                        'Connection: close\r\n') + '\r\n'
        secure.sendall(head.encode() + b'x' * size)
        if not length:
            end(secure)
            return


class Relay:
    """Between client and server; `alter(data, at)` gets the server's bytes and their offset and
    gives what to send on; after `limit` bytes the connection ends."""

    def __init__(self, port, alter=lambda data, at: data, reset=False, pause=0.0, limit=None):
        self.to, self.alter, self.reset, self.pause = port, alter, reset, pause
        self.limit = limit
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(client,), daemon=True).start()

    def one(self, client):
        server = socket.create_connection(('127.0.0.1', self.to))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        over = threading.Event()

        def up():  # never waits inside recv: it would keep the socket open
            with contextlib.suppress(OSError, ValueError):
                while not over.is_set():
                    if select.select([client], [], [], 0.05)[0]:
                        data = client.recv(4096)
                        if not data:
                            break
                        server.sendall(data)
        upward = threading.Thread(target=up, daemon=True)
        upward.start()
        at = 0
        with contextlib.suppress(OSError):
            while True:
                data = server.recv(4096)
                if not data:
                    break
                out = self.alter(data, at)
                if self.limit is not None:
                    out = out[:self.limit - at]
                at += len(data)
                step = 1 if self.pause else len(out) or 1
                for i in range(0, len(out), step):
                    client.sendall(out[i:i + step])
                    time.sleep(self.pause)
                if self.limit is not None and at >= self.limit:
                    break
        over.set()
        upward.join()
        if self.reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        client.close()
        server.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def flip(where):
    def alter(data, at):
        if at <= where < at + len(data):
            i = where - at
            data = data[:i] + bytes([data[i] ^ 1]) + data[i + 1:]
        return data
    return alter


class Sizes:
    """The largest record that passes."""

    def __init__(self):
        self.largest, self.head, self.left = 0, b'', 0

    def __call__(self, data, at):
        for byte in data:
            if self.left:
                self.left -= 1
                continue
            self.head += bytes([byte])
            if len(self.head) == 5:
                self.left = int.from_bytes(self.head[3:], 'big')
                self.largest, self.head = max(self.largest, self.left), b''
        return data


class Joined:
    """Packs the plain handshake records at the start of TLS 1.2 into one, as Schannel does."""

    def __init__(self):
        self.held, self.done = b'', False

    def __call__(self, data, at):
        if self.done:
            return data
        self.held += data
        body, i = b'', 0
        while i + 5 <= len(self.held):
            size = int.from_bytes(self.held[i + 3:i + 5], 'big')
            if i + 5 + size > len(self.held):
                return b''
            body += self.held[i + 5:i + 5 + size]
            i += 5 + size
            if body[-4:] == b'\x0e\x00\x00\x00':  # ServerHelloDone
                self.done = True
                return b'\x16\x03\x03' + len(body).to_bytes(2, 'big') + body + self.held[i:]
        return b''


class Tests:
    def __init__(self, where):
        self.where = where
        self.pki = pki_room.make(os.path.join(where, 'pki'), check=False)
        self.passed, self.failed = 0, []
        self.anchor = self.der('root.pem')
        self.made = {}

    def der(self, leaf):
        out = self.pki.path(leaf + '.der')
        with open(out, 'wb') as to:
            to.write(x509.load(self.pki.path(leaf)).der)
        return out

    def server(self, leaf='good', **options):
        if leaf not in self.made:
            self.made[leaf] = tls.certificate(self.pki, leaf, **options)
        return self.made[leaf]

    def probe(self, port, *options, host=HOST, path='/5', anchor=True, clock=True):
        argv = [PROBE]
        argv += ['--anchor', self.anchor] if anchor else []
        argv += ['--time', str(int(time.time()))] if clock else []
        argv += [str(o) for o in options] + [str(port), host, path]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        text = done.stdout.decode()
        if done.returncode:
            raise AssertionError('%s ends with %d: %s%s' % (argv, done.returncode, text,
                                                            done.stderr.decode()[-3000:]))
        return text

    def want(self, text, *words):
        """One of the words is there."""
        if not any(w in text for w in words):
            raise AssertionError('%r, expected %s' % (text, ' or '.join(words)))
        return text

    def case(self, name, function, *arguments, **named):
        begin = time.monotonic()
        try:
            function(*arguments, **named)
            self.passed += 1
            print('  ok    %-52s %.1f s' % (name, time.monotonic() - begin), flush=True)
        except Exception as why:  # one case may fail in any way, the next still runs
            self.failed.append(name)
            print('  FAIL  %s: %s' % (name, why), flush=True)
            if not isinstance(why, AssertionError):
                traceback.print_exc()

    # -- servers in order

    def good(self, version, kind):
        with Server(tls.context(self.server(kind, kind=kind), VERSIONS[version],
                                VERSIONS[version]), answer) as s:
            text = self.probe(s.port, '--requests', 3)
            self.want(text, 'version ' + version)
            if text.count('reply 200 5\n') != 3 or 'connections 1\n' not in text:
                raise AssertionError('not three replies on one connection: ' + text)
            if version == 'TLS 1.2':
                self.want(text, 'binding %s\n' % s.bindings[0])

    def exporter(self):
        """tls-exporter [RFC 9266] is what openssl exports under that label."""
        cert, key = self.server()
        with s_server(cert, key, '-tls1_3', '-keymatexport', 'EXPORTER-Channel-Binding',
                      '-keymatexportlen', '32', stdin=subprocess.PIPE) as (port, process):
            text = self.answered(port, process, b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
            self.want(text, 'reply 200 2\n')
            seen = re.search(rb'Keying material: ([0-9A-F]{64})', bytes(process.seen)).group(1)
            self.want(text, 'binding %s\n' % seen.decode().lower())

    def key_update(self, letter):
        """The server takes new keys, and wants some of us too (K), before it answers."""
        cert, key = self.server()
        with s_server(cert, key, '-tls1_3', '-msg', stdin=subprocess.PIPE) as (port, process):
            text = self.answered(port, process, letter,
                                 b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
            self.want(text, 'reply 200 2\n')
            seen = bytes(process.seen).split(b'GET /5')[-1]
            for mark, wanted in ((b'>>>', True), (b'<<<', letter == b'K\n')):
                if any(l.startswith(mark) and b'KeyUpdate' in l for l in seen.splitlines()) != wanted:
                    raise AssertionError('%r' % seen)

    def key_updates(self):
        """New keys for ever, each to be answered, and no reply: the exchange's time ends it."""
        cert, key = self.server()
        with s_server(cert, key, '-tls1_3', '-msg', stdin=subprocess.PIPE) as (port, process):
            done = []
            probe = threading.Thread(target=lambda: done.append(self.probe(port)))
            probe.start()
            deadline = time.monotonic() + 30
            while b'GET /5' not in bytes(process.seen) and time.monotonic() < deadline:
                time.sleep(0.05)
            with contextlib.suppress(OSError):
                while probe.is_alive() and time.monotonic() < deadline:
                    process.stdin.write(b'K\n')
                    process.stdin.flush()
                    time.sleep(0.01)
            probe.join(30)
            self.want(done[0], 'error NET_TIMEOUT')
            answers = sum(l.startswith(b'<<<') and b'KeyUpdate' in l for l in bytes(process.seen).splitlines())
            peak = int(re.search(r'peak (\d+)', done[0]).group(1))
            print('        %d key updates answered, arena used at most: %d bytes' % (answers, peak))
            if answers < 100 or peak > 32768:
                raise AssertionError(done[0])

    def answered(self, port, process, *words, options=()):
        """Types these words into s_server when the request is there; what the probe says."""
        done = []
        probe = threading.Thread(target=lambda: done.append(self.probe(port, *options)))
        probe.start()
        deadline = time.monotonic() + 5
        while b'GET /5' not in bytes(process.seen) and time.monotonic() < deadline:
            time.sleep(0.05)
        for part in words:
            process.stdin.write(part)
            process.stdin.flush()
            time.sleep(0.3)  # s_server takes a command only where it reads nothing else with it
        probe.join(20)
        return done[0]

    def suites(self, version, name):
        context = tls.context(self.server(), VERSIONS[version], VERSIONS[version])
        context.set_ciphers(name)
        with Server(context, answer) as s:
            self.want(self.probe(s.port), 'reply 200 5\n')

    def curve(self, version, name):
        context = tls.context(self.server(), VERSIONS[version], VERSIONS[version])
        context.set_ecdh_curve(name)
        with Server(context, answer) as s:
            self.want(self.probe(s.port), 'reply 200 5\n')

    def records(self, version, *options):
        """15 000 bytes; with the option in one record of as many."""
        sizes = Sizes()
        with Server(tls.context(self.server(), VERSIONS[version], VERSIONS[version]), answer) as s, \
                Relay(s.port, sizes) as r:
            text = self.want(self.probe(r.port, *options, path='/16300'), 'reply 200 16300\n')
        print('        records of %d bytes, arena used at most: %s bytes' % (
            sizes.largest, re.search(r'peak (\d+)', text).group(1)))
        if not (16300 < sizes.largest if options else sizes.largest < 2048 + 256):
            raise AssertionError('records of %d bytes' % sizes.largest)

    def long_chain(self, version, *options):
        """A chain of 10 KiB: four certificates of about 2.5 KB."""
        server = self.server('long', chain=[self.pki.issuer] + [x509.load(
            self.server('fill%d' % i, pad=1450, self_signed=True)[0]) for i in range(3)], pad=1450)
        size = sum(len(b) for b in ders(server[0]))
        if not 10000 <= size <= 12000:
            raise AssertionError('a chain of %d bytes' % size)
        with Server(tls.context(server, VERSIONS[version], VERSIONS[version]), answer) as s:
            text = self.want(self.probe(s.port, *options), 'reply 200 5\n')
            print('        chain of %d bytes, arena used at most: %s bytes' % (
                size, re.search(r'peak (\d+)', text).group(1)))

    def too_long_chain(self):
        server = self.server('toolong', chain=[self.pki.issuer] + [x509.load(
            self.server('fill%d' % i, pad=1450, self_signed=True)[0]) for i in range(5)], pad=1450)
        self.refused(server, 'TLS_CHAIN_SIZE')

    def too_many(self):
        server = self.server('toomany', chain=[self.pki.issuer] * 11)
        self.refused(server, 'TLS_CHAIN_SIZE')

    def one_record(self):
        with Server(tls.context(self.server(), V12, V12), answer) as s, \
                Relay(s.port, Joined()) as r:
            self.want(self.probe(r.port), 'reply 200 5\n')

    def slow(self, version):
        with Server(tls.context(self.server(), VERSIONS[version], VERSIONS[version]), answer) as s, \
                Relay(s.port, pause=0.0005) as r:
            self.want(self.probe(r.port), 'reply 200 5\n')

    def drip(self):
        """So slow that the handshake does not end in its time."""
        with Server(tls.context(self.server()), answer) as s, \
                Relay(s.port, pause=0.05) as r:
            self.want(self.probe(r.port), 'error NET_CONNECT')

    def ticket(self):
        context = tls.context(self.server(), V13, V13)
        context.num_tickets = 4
        with Server(context, answer) as s:
            self.want(self.probe(s.port, '--requests', 2), 'reply 200 5\n')

    def address(self):
        with Server(tls.context(self.server('address', hosts=(), addresses=['192.0.2.7'])),
                    answer) as s:
            self.want(self.probe(s.port, host='192.0.2.7'), 'reply 200 5\n')
            self.want(self.probe(s.port, host='192.0.2.8'), 'error TLS_NAME')
            self.want(self.probe(s.port, host='192.0.2.7.'), 'reply 200 5\n')

    def wildcard(self):
        with Server(tls.context(self.server('wild', hosts=['*.example.net'])), answer) as s:
            self.want(self.probe(s.port), 'reply 200 5\n')
            self.want(self.probe(s.port, host='a.b.example.net'), 'error TLS_NAME')
            self.want(self.probe(s.port, host='example.net'), 'error TLS_NAME')

    def by_name(self):
        """SNI: the server has two certificates and chooses by name."""
        context = tls.context(self.server('other', hosts=['www.example.net']))
        asked = []

        def choose(connection, name, _):
            asked.append(name)
            if name == HOST:
                connection.context = tls.context(self.server())
        context.sni_callback = choose
        with Server(context, answer) as s:
            self.want(self.probe(s.port), 'reply 200 5\n')
            self.want(self.probe(s.port, host='192.0.2.7'), 'error TLS_NAME')
            # The dot of an absolute name is not sent [RFC 6066 3].
            self.want(self.probe(s.port, host=HOST + '.'), 'reply 200 5\n')
            if asked != [HOST, None, HOST]:
                raise AssertionError('SNI: %s' % asked)

    # -- servers that are refused

    def refused(self, server, *errors, ciphers=None, host=HOST, **probe):
        for version in VERSIONS.values():
            context = tls.context(server, version, version, ciphers=ciphers)
            heard = []
            with Server(context, lambda c: heard.append(c.recv(100))) as s:
                self.want(self.probe(s.port, host=host, **probe), *('error ' + e for e in errors))
                time.sleep(0.05)
                if any(heard):
                    raise AssertionError('it sent %r to a server that is not to be trusted' % heard)

    def alert_of(self, server, alert, **probe):
        """The server is told why."""
        with Server(tls.context(server, V13, V13), answer) as s:
            self.probe(s.port, **probe)
            time.sleep(0.1)
            self.want(' '.join(s.errors), alert)

    def weak_key(self):
        self.refused(self.server('weak', kind='rsa1024'), 'TLS_WEAK', ciphers=ANY)

    def sha1(self):
        self.refused(self.server('sha1', digest='sha1'), 'TLS_WEAK', ciphers=ANY)

    def sha1_issuer(self):
        made = pki_room.make_ca(self.pki.dir, 'oldca', 'CN=Old CA', 'rsa2048',
                                self.pki.issuer.not_before, 5,
                                (self.pki.root, self.pki.path('root.key')))
        spki = made.spki
        data = x509.make_cert(self.pki.root.subject, self.pki.path('root.key'), made.subject, spki,
                              made.not_before, made.not_after, x509.serial_for(9),
                              [x509.ext_key_usage((5, 6)), x509.ext_basic(True),
                               x509.ext_ski(spki), x509.ext_aki(self.pki.root.spki)], 'sha1')
        old = x509.Cert(data)
        self.refused(self.server('undersha1', issuer=(old, self.pki.path('oldca.key'))),
                     'TLS_WEAK', ciphers=ANY)

    def old_version(self):
        context = tls.context(self.server(), ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1,
                              ciphers=ANY)
        with Server(context, answer) as s:
            self.want(self.probe(s.port), 'error ALERT_VERSION', 'error TLS_VERSION')

    def no_suite(self, name):
        context = tls.context(self.server(), V12, V12)
        context.set_ciphers(name)
        with Server(context, answer) as s:
            self.want(self.probe(s.port), 'error ALERT_HANDSHAKE')

    def no_time(self):
        with Server(tls.context(self.server()), answer) as s:
            self.want(self.probe(s.port, clock=False), 'error TIME_UNKNOWN')
            if s.peer is not None:
                raise AssertionError('it connected without a time')

    def floor(self):
        day = 86400
        with Server(tls.context(self.server()), answer) as s:  # valid for ten days
            for ago, word in ((5, 'reply 200'), (30, 'reply 200'), (9000, 'reply 200'),
                              (-400, 'error TLS_EXPIRED')):
                self.want(self.probe(s.port, '--floor', int(time.time()) - ago * day, clock=False),
                          word)

    # -- the client's certificate

    def client(self, version, kind):
        cert, key = self.server('client-' + kind, kind=kind, purposes=(tls.CLIENT_AUTH,), hosts=())
        both = self.pki.path('client.der')
        with open(both, 'wb') as out:
            out.write(b''.join(ders(cert)))
        key_der = self.pki.path('client-key.der')
        with open(key_der, 'wb') as out:
            out.write(x509.openssl('pkey', '-in', key, '-outform', 'DER'))
        context = tls.context(self.server(), VERSIONS[version], VERSIONS[version],
                              self.pki.path('root.pem'), True)
        with Server(context, answer) as s:
            text = self.probe(s.port, '--certs', both, '--key', key_der)
            self.want(text, 'reply 200 5\n')
            if s.peer != ders(cert)[0]:
                raise AssertionError('the server saw another certificate')

    def pkcs1(self):
        """A server that takes no signature but RSA by PKCS #1, which TLS 1.2 has."""
        client, key = self.server('client-pkcs1', kind='rsa2048', purposes=(tls.CLIENT_AUTH,), hosts=())
        both, key_der = self.pki.path('client.der'), self.pki.path('client-key.der')
        with open(both, 'wb') as out:
            out.write(b''.join(ders(client)))
        with open(key_der, 'wb') as out:
            out.write(x509.openssl('pkey', '-in', key, '-outform', 'DER'))
        with s_server(*self.server(), '-tls1_2', '-Verify', '2', '-verify_return_error', '-CAfile',
                      self.pki.path('root.pem'), '-client_sigalgs', 'RSA+SHA256',
                      stdin=subprocess.PIPE) as (port, process):
            text = self.answered(port, process, b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
                                 options=('--certs', both, '--key', key_der))
            self.want(text, 'reply 200 2\n')
            if b'Peer signature type: RSA\n' not in bytes(process.seen):
                raise AssertionError('%r' % bytes(process.seen))

    def no_client(self, version):
        """Asked for, and not there."""
        for needed in (False, True):
            context = tls.context(self.server(), VERSIONS[version], VERSIONS[version],
                                  self.pki.path('root.pem'), needed)
            with Server(context, answer) as s:
                self.want(self.probe(s.port), *(
                    ('error ALERT_CERT_REQUIRED', 'error ALERT_HANDSHAKE') if needed
                    else ('reply 200 5\n',)))

    # -- connections that end or change on the way

    def handshake_cut(self, version, reset):
        with Server(tls.context(self.server(), VERSIONS[version], VERSIONS[version]), answer) as s:
            for limit in (0, 3, 5, 60, 200, 1000, 2000):
                with Relay(s.port, reset=reset, limit=limit) as r:
                    self.want(self.probe(r.port), 'error TLS_TRUNCATED', 'error NET_RESET')

    def record_cut(self, reset):
        """The reply's record ends in its middle."""
        with Server(tls.context(self.server(), V12, V12), answer) as s:
            with Relay(s.port) as r:
                self.want(self.probe(r.port, path='/9000'), 'reply 200 9000')
            for limit in (4000, 6000, 9000):
                with Relay(s.port, reset=reset, limit=limit) as r:
                    self.want(self.probe(r.port, path='/9000'), 'error NET_RESET',
                              'error TLS_TRUNCATED')

    def no_notify(self):
        """A reply that ends with its connection must end with a close_notify."""
        with Server(tls.context(self.server()), lambda c: answer(c, length=False)) as s:
            self.want(self.probe(s.port), 'reply 200 5\n')
        with Server(tls.context(self.server()),
                    lambda c: answer(c, length=False, end=lambda c: c.shutdown(2))) as s:
            self.want(self.probe(s.port), 'error TLS_TRUNCATED')

    def altered(self, version):
        """Any byte of the server's flight, and of its reply: never a reply, never a crash."""
        with Server(tls.context(self.server(), VERSIONS[version], VERSIONS[version]), answer) as s:
            for where in list(range(5, 1900, 97)) + list(range(1900, 2600, 60)):
                with Relay(s.port, flip(where)) as r:
                    text = self.probe(r.port)
                    if 'reply' in text and where < 1900:
                        raise AssertionError('a reply with byte %d altered: %s' % (where, text))

    def renegotiation(self):
        cert, key = self.server()
        with s_server(cert, key, '-tls1_2', '-no_ticket', '-state', stdin=subprocess.PIPE) as (port,
                                                                                             process):
            self.want(self.answered(port, process, b'R\n'), 'error ALERT_HANDSHAKE\n')
            self.want(bytes(process.seen).decode('latin-1'), 'alert read:warning:no renegotiation')

    def no_memory(self, version):
        """Each of wolfSSL's requests for memory refused in turn."""
        with Server(tls.context(self.server(), VERSIONS[version], VERSIONS[version]), answer) as s:
            total = int(re.search(r'allocs (\d+)', self.probe(s.port)).group(1))
            print('        %d requests for memory' % total)
            for number in range(1, total + 1):
                text = self.probe(s.port, '--fail-alloc', number)
                self.want(text, 'error TLS_MEMORY')


def ders(path):
    text = open(path).read()
    return [ssl.PEM_cert_to_DER_cert(p) for p in re.findall(
        '-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n', text, re.S)]


@contextlib.contextmanager
def s_server(cert, key, *options, stdin=subprocess.DEVNULL):
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    process = subprocess.Popen(['openssl', 's_server', '-accept', str(port), '-cert', cert, '-key', key,
                                '-cert_chain', cert] + list(options), stdin=stdin,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    process.seen = bytearray()

    def read():
        for part in iter(lambda: process.stdout.read1(4096), b''):
            process.seen += part
    threading.Thread(target=read, daemon=True).start()
    try:
        deadline = time.monotonic() + 10
        while b'ACCEPT' not in bytes(process.seen) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield port, process
    finally:
        process.kill()
        process.wait()


def main():
    if not os.path.exists(PROBE):
        sys.exit('%s is not built: make host-asan' % PROBE)
    where = tempfile.mkdtemp(prefix='perennial-tls.')
    try:
        t = Tests(where)
        run(t)
    finally:
        shutil.rmtree(where, ignore_errors=True)
    print('%d passed, %d failed' % (t.passed, len(t.failed)))
    return 1 if t.failed else 0


def run(t):
    only = sys.argv[1] if len(sys.argv) > 1 else ''

    def case(name, *rest, **named):
        if only in name:
            t.case(name, *rest, **named)
    for version in VERSIONS:
        for kind in ('rsa2048', 'p256', 'p384', 'rsa4096'):
            case('%s with a server of %s' % (version, kind), t.good, version, kind)
        for name in ('P-256:prime256v1', 'secp384r1'):
            case('%s, curve %s' % (version, name.split(':')[0]), t.curve, version,
                 name.split(':')[-1])
        case(version + ', records of 2 KiB', t.records, version)
        case(version + ', records of 16 KiB', t.records, version, '--large-records', 1)
        case(version + ', chain of 10 KiB', t.long_chain, version)
        case(version + ', chain of 10 KiB in large records', t.long_chain, version,
             '--large-records', 1)
        case(version + ', byte by byte', t.slow, version)
        for kind in ('rsa2048', 'p256', 'p384'):
            case('%s, client certificate of %s' % (version, kind), t.client, version, kind)
        if version == 'TLS 1.2':
            case(version + ', client certificate, signature by PKCS #1', t.pkcs1)
        case(version + ', client certificate wanted and not there', t.no_client, version)
        case(version + ', cut in the handshake', t.handshake_cut, version, False)
        case(version + ', reset in the handshake', t.handshake_cut, version, True)
        case(version + ', altered on the way', t.altered, version)
        case(version + ', out of memory', t.no_memory, version)
    for name in ('ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384'):
        case('suite ' + name, t.suites, 'TLS 1.2', name)
    case('TLS 1.2, flight in one record', t.one_record)
    case('TLS 1.3, tickets nobody asked for', t.ticket)
    case('TLS 1.3, new keys of the server', t.key_update, b'k\n')
    case('TLS 1.3, new keys of both', t.key_update, b'K\n')
    case('TLS 1.3, new keys for ever', t.key_updates)
    case('channel binding of TLS 1.3', t.exporter)
    case('address in the certificate', t.address)
    case('wildcard', t.wildcard)
    case('SNI', t.by_name)
    case('no time', t.no_time)
    case('time floor', t.floor)
    case('expired', t.refused, t.server('expired', days=(-400, -1)), 'TLS_EXPIRED')
    case('not yet valid', t.refused, t.server('future', days=(1, 300)), 'TLS_NOT_YET')
    case('wrong host', t.refused, t.server(), 'TLS_NAME', host='ca02.example.net')
    case('host in the CN alone', t.refused, t.server('cn', hosts=(), subject='CN=' + HOST),
         'TLS_NAME')
    case('wrong anchor', t.refused, t.server('stranger', issuer=(
        t.pki.stranger, t.pki.path('stranger.key'))), 'TLS_UNTRUSTED')
    case('self-signed', t.refused, t.server('self', self_signed=True), 'TLS_UNTRUSTED')
    case('issuer not sent', t.refused, t.server('alone', chain=[]), 'TLS_UNTRUSTED')
    case('no anchor', t.refused, t.server(), 'NO_ANCHOR', anchor=False)
    case('for clients', t.refused, t.server('eku', purposes=(tls.CLIENT_AUTH,)), 'TLS_USAGE')
    case('for key encipherment', t.refused, t.server('ku', usage=(2,)), 'TLS_USAGE')
    case('a CA certificate', t.refused, t.server('ca', ca=True), 'TLS_USAGE')
    case('critical extension', t.refused, t.server('critical', critical='1.3.6.1.4.1.32473.2'),
         'CHAIN_CRITICAL', 'TLS_PROTOCOL')
    case('RSA-1024', t.weak_key)
    case('signed with SHA-1', t.sha1)
    case('issuer signed with SHA-1', t.sha1_issuer)
    case('too many certificates', t.too_many)
    case('chain of 15 KiB', t.too_long_chain)
    case('alert: unknown CA', t.alert_of, t.server('self', self_signed=True), 'UNKNOWN_CA')
    case('alert: expired', t.alert_of, t.server('expired', days=(-400, -1)), 'CERTIFICATE_EXPIRED')
    case('TLS 1.1 only', t.old_version)
    for name in ('AES128-GCM-SHA256', 'ECDHE-RSA-AES128-SHA256', 'ECDHE-RSA-CHACHA20-POLY1305',
                 'DHE-RSA-AES128-GCM-SHA256'):
        case('only ' + name, t.no_suite, name)
    case('cut in a record', t.record_cut, False)
    case('reset in a record', t.record_cut, True)
    case('end without close_notify', t.no_notify)
    case('renegotiation', t.renegotiation)
    case('slow drip', t.drip)


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
