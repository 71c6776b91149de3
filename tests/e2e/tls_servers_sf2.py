#!/usr/bin/env python3
"""Servers that emcraft-sf2 must not speak to, and connections that end or change on the way.

Some of the cases of tls_host.py, by the whole appliance over lwIP: each ends in its named cause,
nothing of a request reaches a server that is not to be trusted, and at the end a good server is
still taken.
"""
# timeout: 240
import os
import ssl
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import modes  # noqa: E402
import tally  # noqa: E402
import tls  # noqa: E402
import tls_host  # noqa: E402
import words  # noqa: E402
from console import ConsoleError  # noqa: E402

V12 = ssl.TLSVersion.TLSv1_2
OLD = ssl.TLSVersion.TLSv1_1


class Run(modes.Run):
    def point(self, port):
        text = words.command(self.board, 'config set ca-url https://%s:%d/certsrv/' % (lab.CA_NAME, port))
        if text.strip():
            raise ConsoleError(text)

    def serve(self, context):
        self.lab.ca.down()
        self.lab.ca.tls = context
        self.lab.ca.up()

    def cause(self, *names):
        """A renewal that must fail so; what the CA heard of it."""
        seen = len(self.lab.ca.log())
        done, state = self.renew('issue')
        if done or not any(words.sentence(n) in state.get('last failure', '') for n in names):
            raise ConsoleError('expected %s: %s' % (names, state))
        return self.lab.ca.log()[seen:]

    def refused(self, name, *names, ciphers=None, versions=(V12, V12), ask=False, **certificate):
        server = tls.certificate(self.lab.pki, 'web-' + name.replace(' ', '-'), **certificate)
        self.serve(tls.context(server, *versions, ciphers=ciphers, client_required=ask,
                               client_ca=self.lab.pki.path('root.pem') if ask else None))
        if self.cause(*names):
            raise ConsoleError('it told a server that it does not trust: %s' % self.lab.ca.log()[-1])

    def on_the_way(self, names, **relay):
        with tls_host.Relay(self.lab.ca.port, **relay) as between:
            self.point(between.port)
            self.cause(*names)
            self.point(self.lab.ca.port)

    def long_chain(self):
        """10 KiB of certificates, in a record of their own."""
        pki = self.lab.pki
        fill = [tls_host.x509.load(tls.certificate(pki, 'fill%d' % i, pad=1450, self_signed=True)[0])
                for i in range(3)]
        self.serve(tls.context(tls.certificate(pki, 'web-long', chain=[pki.issuer] + fill, pad=1450)))
        self.right()

    def keys(self):
        """This image makes RSA keys of 2048 bits, and no larger ones."""
        for key, made in (('rsa3072', False), ('rsa4096', False), ('rsa2048', True), ('like-old', True)):
            text = words.command(self.board, 'config set agent-key ' + key).strip()
            if text if made else words.sentence('CONFIG_VALUE') not in text:
                raise ConsoleError('agent-key %s: %s' % (key, text))


def cases(this):
    pki = this.lab.pki
    good = this.lab.ca.tls
    stranger = (pki.stranger, pki.path('stranger.key'))
    bad = {
        'expired': (['TLS_EXPIRED'], {'days': (-400, -1)}),
        'not yet valid': (['TLS_NOT_YET'], {'days': (1, 300)}),
        'wrong host': (['TLS_NAME'], {'hosts': ['ca02.example.net']}),
        'wrong anchor': (['TLS_UNTRUSTED'], {'issuer': stranger}),
        'self-signed': (['TLS_UNTRUSTED'], {'self_signed': True}),
        'for clients': (['TLS_USAGE'], {'purposes': (tls.CLIENT_AUTH,)}),
        'TLS 1.1 only': (['ALERT_VERSION', 'ALERT_HANDSHAKE'],
                         {'versions': (OLD, OLD), 'ciphers': tls_host.ANY}),
        'no shared suite': (['ALERT_HANDSHAKE'], {'ciphers': 'ECDHE-RSA-AES128-SHA256'}),
        'RSA-1024': (['TLS_WEAK'], {'kind': 'rsa1024', 'ciphers': tls_host.ANY}),
        'SHA-1': (['TLS_WEAK'], {'digest': 'sha1', 'ciphers': tls_host.ANY}),
        'a client certificate that is not there': (['ALERT_CERT_REQUIRED', 'ALERT_HANDSHAKE'], {'ask': True}),
    }
    for name, (names, options) in bad.items():
        this.case(name, lambda: this.refused(name, *names, **options))
    this.case('chain of 10 KiB', this.long_chain)
    this.serve(good)
    ends = ['TLS_TRUNCATED', 'NET_RESET', 'NET_CLOSED']
    ways = {
        'cut in the handshake': (ends, {'limit': 1000}),
        'reset in the handshake': (ends, {'limit': 1000, 'reset': True}),
        'reset in a record': (ends, {'limit': 4000, 'reset': True}),
        'altered on the way': (['TLS_SIGNATURE', 'TLS_MAC', 'TLS_PROTOCOL', 'TLS_CERT', 'TLS_UNTRUSTED'],
                               {'alter': tls_host.flip(900)}),
        'slow drip': (['NET_TIMEOUT', 'NET_CONNECT'], {'pause': 0.05}),
    }
    for name, (names, options) in ways.items():
        this.case(name, lambda: this.on_the_way(names, **options))
    this.case('a good one', this.right)
    this.case('keys too large for this image', this.keys)


def main():
    tally.limit(230)
    with lab.Lab(days_left=200, agent_key='p256', tls={}) as here:
        here.provision(roles=('agent',), config=dict(here.config(), **{
            'attempts-per-day': '100'}))
        with here.board(life=225) as board:
            board.read_until(words.PROMPT, 30)
            end = time.monotonic() + 20
            while words.command(board, words.TIME).startswith('unknown'):
                if time.monotonic() > end:
                    raise ConsoleError('no time from the NTP server')
                time.sleep(0.2)
            this = Run(here, board)
            cases(this)
            board.kill()
            this.case('no forbidden access by a driver', board.check_log)
    print('%d passed, %d failed' % (this.passed, len(this.failures)))
    return 1 if this.failures else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
