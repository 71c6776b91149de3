"""Every mode of the EST stand-in against a running appliance; as modes.py does for AD CS.

A mode ends in a renewal, or in a refusal for the named cause with the old pair still served;
after a refusal the server is put right, the operator asks again, and the renewal must succeed.
"""

import sys
import time

import lab
import adcs
import modes
import scep_peers
import ssl
import tally
import words
import x509
from console import ConsoleError
from modes import RENEWED

USER, PASSWORD = 'ra01', 'correct-horse'
CASES = {
    'issue': RENEWED, 'unwrapped': RENEWED, 'unwrapped nul': RENEWED, 'nul crlf': RENEWED,
    'armour': RENEWED, 'binary': RENEWED, 'ber': RENEWED, 'wrong-type': RENEWED,
    'no-type': RENEWED, 'extra': RENEWED, 'reversed': RENEWED, 'next-root reversed': RENEWED,
    'chunked': RENEWED, 'close': RENEWED, 'interim': RENEWED, 'slow:40000': RENEWED,
    '404@attrs': RENEWED, '500@attrs': RENEWED, '503:30@attrs': RENEWED, 'attrs:sha512': RENEWED,
    'attrs:sha384': RENEWED, 'attrs:rfc': RENEWED, 'attrs:values': RENEWED,
    'attrs:broken': RENEWED, 'attrs:rfc unwrapped nul': RENEWED, 'garbage-body@attrs': RENEWED,
    'attrs:binding want-binding': RENEWED,
    'bad': 'CA_REQUEST', 'deny': 'CA_DENIED', 'label:other': 'HTTP_STATUS',
    'foreign-ca untrusted': 'CHAIN_SIGNATURE CHAIN_ISSUER', 'many': RENEWED,
    'huge-reply@enroll': 'HTTP_TOO_LARGE', 'huge-reply@cacert': 'HTTP_TOO_LARGE',
    'cut-reply@enroll': 'DER_TRUNCATED BASE64 PEM', 'cut-reply@cacert': 'DER_TRUNCATED BASE64 PEM',
    'garbage-body@enroll': 'BASE64 PEM DER_TAG DER_LENGTH', 'empty@enroll': 'BASE64 PEM',
    'garbage-body@cacert': 'BASE64 PEM DER_TAG DER_LENGTH', 'empty@cacert': 'BASE64 PEM',
    '401@enroll': 'HTTP_AUTH', '401@attrs': 'HTTP_AUTH', '403@enroll': 'CA_DENIED',
    '404@cacert': 'HTTP_STATUS', '404@enroll': 'HTTP_STATUS', '500@enroll': 'HTTP_STATUS',
    '503:30@enroll': 'HTTP_BUSY', 'want-cert': 'HTTP_AUTH',
    'truncate@enroll': 'NET_CLOSED HTTP_LENGTH TLS_TRUNCATED',
    'reset@enroll': 'NET_RESET NET_CLOSED TLS_TRUNCATED',
    'drop@cacert': 'NET_CLOSED NET_RESET TLS_TRUNCATED', 'garbage@enroll': 'HTTP_SYNTAX HTTP_HEADERS',
    'wrong-key': 'GATE_KEY', 'wrong-role': 'GATE_USAGE GATE_TEMPLATE', 'wrong-usage': 'GATE_USAGE',
    'no-eku': 'GATE_EKU', 'same-cert': 'GATE_KEY GATE_SAME',
    'shorter': 'GATE_NOT_LONGER GATE_LIFETIME', 'other-subject': 'GATE_SUBJECT',
    'is-ca': 'GATE_IS_CA', 'untrusted': 'CHAIN_SIGNATURE CHAIN_ISSUER',
    'bad-signature': 'CHAIN_SIGNATURE', 'sha1': 'GATE_WEAK',
}
# The other role, and what the emulated board is shown of them all.
ENCRYPTION = {w: CASES[w] for w in ('issue', 'unwrapped nul', 'attrs:sha512', 'wrong-usage', 'deny')}
SAMPLE = {w: CASES[w] for w in (
    'issue', 'unwrapped nul', 'attrs:binding want-binding', 'next-root reversed', 'bad', 'deny',
    'cut-reply@enroll', 'wrong-key')}


class Run(modes.Run):
    """Adds what is EST's own."""

    def set(self, name, value=''):
        text = words.command(self.board, ('config set %s %s' % (name, value)).strip())
        if text.strip():
            raise ConsoleError('config set %s: %s' % (name, text))

    def posts(self, since):
        return self.lab.ca.core.posts[since:]

    def renewed(self, *mode):
        done, state = self.renew(*mode)
        if not done:
            raise ConsoleError('not renewed: %s' % state)
        self.check_served(state)

    def bound(self, how, version):
        """Each request carries the binding of its own connection; est.py compares."""
        self.set('est-channel-binding', how)
        begun, events = len(self.lab.ca.core.posts), len(self.lab.ca.log())
        self.renewed('want-binding', *(['attrs:binding'] if how == 'asked' else []))
        self.set('est-channel-binding', 'asked')
        used = {e['tls'] for e in self.lab.ca.log()[events:]}
        if [p[2] for p in self.posts(begun)] != [True] or used != {version}:
            raise ConsoleError('%s over %s' % (self.posts(begun), used))

    def never_bound(self):
        self.set('est-channel-binding', 'never')
        begun = len(self.lab.ca.core.posts)
        self.renewed('attrs:binding')
        self.set('est-channel-binding', 'asked')
        if [p[2] for p in self.posts(begun)] != [False]:
            raise ConsoleError('bound all the same')

    def closes_after_each_reply(self):
        """Nothing can be bound to a connection that is gone."""
        _, state = self.renew('attrs:binding', 'close')
        if words.sentence('EST_BINDING') not in state.get('last failure', ''):
            raise ConsoleError('%s' % state)
        self.right()

    def digest(self, name):
        begun = len(self.lab.ca.requests())
        self.renewed('attrs:' + name)
        data = self.lab.ca.requests()[begun].data
        text = x509.openssl('req', '-inform', 'DER', '-noout', '-text', data=data).decode().lower()
        if name + 'with' not in text and 'with-' + name not in text:
            raise ConsoleError('signed otherwise: ' + text[-400:])

    def paths(self):
        """Label, the other operation, a URL with a path."""
        self.set('est-label', 'ra-certs')
        self.renewed('label:ra-certs')
        self.set('est-label')
        url = self.lab.url
        self.set('ca-url', url + '.well-known/est/long')
        self.renewed('label:long')
        self.set('ca-url', url)
        self.set('est-renewal', 'simpleenroll')
        begun = len(self.lab.ca.core.posts)
        self.renewed('issue')
        self.set('est-renewal', 'simplereenroll')
        self.renewed('issue')
        if [p[0] for p in self.posts(begun)] != ['simpleenroll', 'simplereenroll']:
            raise ConsoleError('%s' % self.posts(begun))

    def poll(self, *mode):
        """202, asked again, 202, approved, issued: one request, the same bytes."""
        begun = len(self.lab.ca.core.posts)
        request, before = self.pending(*mode)
        self.ask()
        self.lab.ca.wait(lambda ca: len(ca.core.posts) == begun + 2, 10, 'the question')
        time.sleep(0.5)
        self.lab.ca.approve(request.id)
        self.lab.ca.mode(*mode)
        self.ask()
        self.check_served(self.settle(before))
        posts = self.posts(begun)
        if len(posts) != 3 or {p[0] for p in posts} != {'simplereenroll'} \
                or len({p[1].spki for p in posts}) != 1:
            raise ConsoleError('%s' % posts)

    def words_of_the_peer(self):
        _, state = self.renew('bad')
        if 'not to the taste of the registrar' not in state.get("CA's words", ''):
            raise ConsoleError('%s' % state)
        self.right()

    def passed_over(self):
        self.renewed('attrs:rfc')
        if '1.3.6.1.1.1.1.22' not in words.command(self.board, words.SHOW_LOG):
            raise ConsoleError('the log says nothing of it')

    def rollover(self):
        """The next root becomes an anchor, once; what it has issued by itself is taken then."""
        self.renewed('forged-root')
        if 'a trust anchor was added' in words.command(self.board, words.SHOW_LOG):
            raise ConsoleError("a stranger's root became an anchor")
        self.renewed('next-root')
        self.renewed('next-root')
        log = words.command(self.board, words.SHOW_LOG)
        if log.count('a trust anchor was added') != 1:
            raise ConsoleError('the log: %s' % log)


def deny(self, number):
    self.lab.ca.core.requests[number].state = adcs.DENIED


Run.deny = deny


def others(this, kind):
    this.case('202, asked again, approved', this.poll)
    this.case('202 with a date', this.poll, 'retry-date:2')
    this.case('202, bound each time', this.poll, 'attrs:binding', 'want-binding')
    this.case("the peer's words", this.words_of_the_peer)
    this.case('what is passed over', this.passed_over)
    this.case('label, operation, path', this.paths)
    # The image of emcraft-sf2 has no room for TLS 1.3.
    this.case('bound when asked', this.bound, 'asked', 'TLSv1.3' if kind == 'host' else 'TLSv1.2')
    if kind != 'host':
        return
    this.case('bound by setting', this.bound, 'always', 'TLSv1.3')
    this.case('never bound', this.never_bound)
    this.case('close and binding', this.closes_after_each_reply)
    this.case('SHA-384', this.digest, 'sha384')
    this.case('SHA-512', this.digest, 'sha512')
    this.case('202, no Retry-After', this.poll, 'no-retry')
    this.case('pend, deny', this.pending_then, this.deny, 'CA_DENIED')
    this.case('nobody listens', this.nobody_listens)
    this.case('the next root', this.rollover)


def by_client_certificate(kind, total):
    """The RA's certificates, renewed on the strength of the device's own in TLS."""
    print('by a client certificate on %s, EST' % kind, flush=True)
    settings = {'ca-user': USER, 'ca-password': PASSWORD, 'subject': scep_peers.SUBJECT,
                'key-policy': 'same'}
    with lab.Lab(days_left=200, protocol='est') as the_lab:
        ca = the_lab.ca
        ca.auth(USER, PASSWORD)
        the_lab.provision(kind, roles=('agent',), config=dict(the_lab.config(), **settings))
        with the_lab.board(kind, life=total) as board:
            wait_for_time(board)
            this = Run(the_lab, board)

            def nobody():
                """Without a certificate, and without a name, it is refused."""
                this.set('ca-user')
                _, state = this.renew('issue')
                if words.sentence('HTTP_AUTH') not in state.get('last failure', ''):
                    raise ConsoleError('%s' % state)

            def first():
                scep_peers.enroll(board)
                ca.wait(lambda c: c.issued('device'), 30, 'a first certificate')

            def by_it(version):
                this.set('tls-client-certificate', 'device')
                ca.tls.maximum_version = version
                end = time.monotonic() + 10
                while not words.show(board)[1]['device'].get('thumbprint'):
                    if time.monotonic() > end:
                        raise ConsoleError('the device has no certificate')
                    time.sleep(0.1)
                this.renewed('want-cert')
                asked = ca.log('enroll')[-1]
                if asked['client'] != x509.Cert(ca.issued('device')[-1].cert).sha1:
                    raise ConsoleError('%s' % asked)

            this.case('a first certificate by password', first)
            this.case('no certificate, no name', nobody)
            this.case('the device vouches, TLS 1.2', by_it, ssl.TLSVersion.TLSv1_2)
            if kind == 'host':
                this.case('the device vouches, TLS 1.3', by_it, ssl.TLSVersion.TLSv1_3)
            return this.passed, this.failures


def wait_for_time(board):
    board.read_until(words.PROMPT, 30)
    end = time.monotonic() + 20
    while words.command(board, words.TIME).startswith('unknown'):
        if time.monotonic() > end:
            raise ConsoleError('no time from the NTP server')
        time.sleep(0.2)


def run(kind, role, cases, total, last, version=None):
    """These cases on one appliance with one credential; (passed, failed names)."""
    leaf = 'agent' if role == 'agent' else 'cep'
    print('%s on %s, EST%s' % (lab.TEMPLATE[leaf], kind, ' over ' + version if version else ''),
          flush=True)
    settings = {'attempts-per-day': '100', 'key-policy': 'new' if kind == 'host' else 'same',
                'ca-user': USER, 'ca-password': PASSWORD}
    with lab.Lab(days_left=200, protocol='est') as the_lab:
        the_lab.ca.auth(USER, PASSWORD)
        if version:
            the_lab.ca.tls.maximum_version = ssl.TLSVersion.TLSv1_2
        the_lab.provision(kind, roles=(leaf,), config=dict(the_lab.config(), **settings))
        with the_lab.board(kind, life=total) as board:
            wait_for_time(board)
            this = Run(the_lab, board, role)
            for mode, outcome in cases.items():
                this.case(mode, this.expect, mode, outcome)
            if last:
                others(this, kind)
            if version:
                this.case('bound when asked', this.bound, 'asked', version)
            board.kill()
            if hasattr(board, 'check_log'):
                this.case('no forbidden access by a driver', board.check_log)
            return this.passed, this.failures


def script(kind, total):
    lab.enter()
    tally.limit(total)
    only = sys.argv[1] if len(sys.argv) > 1 else ''
    chosen = [(m, o) for m, o in (CASES if kind == 'host' else SAMPLE).items() if only in m]
    passed = failed = 0
    for at in range(0, len(chosen) or 1, modes.BATCH):
        good, bad = run(kind, 'agent', dict(chosen[at:at + modes.BATCH]), total,
                        at + modes.BATCH >= len(chosen) and only in ('', 'others'))
        passed, failed = passed + good, failed + len(bad)
    if not only:
        good, bad = run(kind, 'encryption', ENCRYPTION, total, False)
        passed, failed = passed + good, failed + len(bad)
        good, bad = by_client_certificate(kind, total)
        passed, failed = passed + good, failed + len(bad)
    if not only and kind == 'host':
        good, bad = run(kind, 'agent', {'issue': RENEWED}, total, False, 'TLSv1.2')
        passed, failed = passed + good, failed + len(bad)
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed else 0)
