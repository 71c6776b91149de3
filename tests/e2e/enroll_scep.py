#!/usr/bin/env python3
"""First enrolments by SCEP of an appliance without any credential, on the host board and emcraft-sf2.

The agent's is refused for a wrong challenge password, then given; the encryption certificate waits for the CA
manager over a loss of power; the pair renews on the strength of itself; the device's own waits too, and is
fetched by its serial number (GetCert).
"""
# timeout: 240
import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import scep_peers  # noqa: E402
import tally  # noqa: E402
import words  # noqa: E402
import x509  # noqa: E402
from kb import need, openssl  # noqa: E402

CHALLENGE = 'open-sesame'
SUBJECT = 'CN=RA07-MSCEP-RA,O=Example,C=US'
LEAF = {'agent': 'agent', 'encryption': 'cep'}


class Story:
    def __init__(self, the_lab, kind, total):
        self.lab, self.ca, self.kind, self.total = the_lab, the_lab.ca, kind, total
        self.first, self.begun = (), 0  # how the CA gives a first certificate; messages seen
        the_lab.provision(kind, roles=(), config=dict(
            the_lab.config(), subject=SUBJECT, **{'attempts-per-day': '100'}))

    @contextlib.contextmanager
    def board(self):
        """An appliance that has started and knows the time; at the end its power is cut."""
        with self.lab.board(self.kind, life=self.total) as board:
            board.read_until(words.PROMPT, 60)
            end = time.monotonic() + 30
            while words.command(board, words.TIME).startswith('unknown'):
                need(time.monotonic() < end, 'no time from the NTP server')
                time.sleep(0.2)
            yield board
            board.kill()
            if hasattr(board, 'check_log'):
                board.check_log()

    def set(self, board, name, value):
        text = words.command(board, 'config set %s %s' % (name, value))
        need('%' not in text, 'config set %s: %s' % (name, text))
        words.command(board, 'config save')

    def until(self, board, role, truth, what, seconds=90):
        end = time.monotonic() + seconds
        while True:
            state = words.show(board)[1].get(role, {})
            if truth(state):
                return state
            need(time.monotonic() < end, '%s: not %s after %d s: %s' % (role, what, seconds, state))
            time.sleep(0.2)

    def refused(self, board, role, name):
        """Of this cause, and nothing is there."""
        state = self.until(board, role, lambda s: words.sentence(name)[:40] in s.get('last failure', ''), name)
        need('thumbprint' not in state, 'it has a certificate: %s' % state)

    def again(self, board, role):
        end = time.monotonic() + 30
        while True:
            text = words.command(board, 'retry ' + role)
            if 'trying again' in text:
                return
            need(words.sentence('BUSY') in text and time.monotonic() < end, text)
            time.sleep(0.2)

    def served(self, board, role):
        """What serves now is what the CA gave last, and openssl follows it to the root."""
        state = self.until(board, role, lambda s: 'thumbprint' in s, 'served')
        new = x509.Cert(self.ca.issued()[-1].cert)
        need(state['thumbprint'] == new.sha1, '%s: serves %s' % (role, state))
        path = self.lab.path(role + '.der')
        with open(path, 'wb') as out:
            out.write(new.der)
        name = openssl('x509', '-in', path, '-noout', '-subject', '-nameopt', 'RFC2253').decode().strip()
        need(name == 'subject=' + SUBJECT, 'the name is another: ' + name)
        openssl('verify', '-x509_strict', '-CAfile', self.lab.pki.path('root.pem'), '-untrusted',
                self.lab.pki.path('issuing.pem'), path)
        need(not self.ca.bad(), 'the CA finds fault: %s' % self.ca.bad())
        return new

    def pending(self, role, ask=None):
        """Held by the CA, over a loss of power; approved, and asked for."""
        self.ca.mode('pend', *self.first)
        with self.board() as board:
            scep_peers.enroll(board, role)
            self.until(board, role, lambda s: words.PENDING in s.get('state', ''), 'waiting')
        sent = len(self.ca.requests())
        request = self.ca.pending()[-1]
        with self.board() as board:
            state = self.until(board, role, lambda s: words.PENDING in s.get('state', ''), 'waiting again')
            need(state['request id'] == self.ca.name_of(request), 'asks for %s' % state)
            need('thumbprint' not in state, 'it has a certificate: %s' % state)
            self.ca.approve(request.id)
            if ask:
                ask(board, x509.Cert(request.cert).serial_hex)
            else:
                self.again(board, role)
            new = self.served(board, role)
            need(len(self.ca.requests()) == sent and new.spki == request.verdict.spki,
                 'another request was sent after the reset')

    def renewed(self, board, role):
        """On the strength of itself: no right to enrol is needed any more."""
        self.ca.mode('issue')
        before = words.show(board)[1][role]['thumbprint']
        time.sleep(1.2)  # a certificate of the same second would not last longer
        text = words.command(board, words.RENEW[role])
        need('renewal begins' in text, text)
        self.until(board, role, lambda s: s['thumbprint'] != before, 'renewed')
        self.served(board, role)

    def both_renew(self):
        with self.board() as board:
            state = words.show(board)[1]
            need(all('thumbprint' in state[role] for role in LEAF), 'not both are there: %s' % state)
            self.renewed(board, 'agent')

    def types(self, wanted):
        got = [(m.type, m.txid) for m in self.ca.core.messages[self.begun:]]
        self.begun += len(got)
        # Asked again at the boot, and when told to: as often as it was too early.
        ids = {i for t, i in got if t != 21}  # GetCert's id is its own
        need(list(dict.fromkeys(t for t, _ in got)) == wanted and len(ids) == 1, 'messages: %s' % got)

    def by_password(self):
        self.ca.mode('challenge:' + CHALLENGE)
        with self.board() as board:
            self.set(board, 'scep-challenge', 'wrong')
            scep_peers.enroll(board, 'agent')
            self.refused(board, 'agent', 'SCEP_BAD_REQUEST')
            self.set(board, 'scep-challenge', CHALLENGE)
            self.begun = len(self.ca.core.messages)
            self.again(board, 'agent')
            self.served(board, 'agent')
            self.types([19])

    def held(self):
        self.first = ('challenge:' + CHALLENGE,)
        self.pending('encryption')
        self.types([19, 20])

    def by_serial(self):
        """The manager names what he issued: GetCert, for the device's own."""
        def ask(board, serial):
            text = words.command(board, 'retrieve device ' + serial)
            need('asking the CA' in text, text)
        self.begun = len(self.ca.core.messages)
        self.pending('device', ask)
        self.types([19, 20, 21])


def main(total=220):
    lab.enter()
    tally.limit(total)
    tried = tally.Tally()
    for kind in ('host', 'sf2'):
        print('first certificates by SCEP on %s' % kind, flush=True)
        with lab.Lab(days_left=200, protocol='scep') as the_lab:
            this = Story(the_lab, kind, total)
            for case in (this.by_password, this.held, this.both_renew, this.by_serial):
                tried.case(case.__name__, case)
    return tried.end()


if __name__ == '__main__':
    sys.exit(main())
