"""Every mode of the test CA against a running appliance.

Each case sets the CA's mode, has the operator ask for a renewal, and says what
must come of it: renewed, or refused for the named cause with the old pair
still served. After a refusal the CA is put right, the operator asks again, and
the renewal must succeed: no mode may leave the appliance unable to go on. One
appliance goes through many of them, as in years of service.
"""

import argparse
import datetime
import sys
import time
import traceback

import lab
import tally
import words
import x509
from console import ConsoleError

RENEWED = 'renewed'
BATCH = 34

# mode words: what must come of it; several names where either is a fair reading
CASES = {
    'issue': RENEWED, 'german latin1': RENEWED, 'german': RENEWED, 'chunked': RENEWED,
    'close': RENEWED, 'interim': RENEWED, 'slow:20000': RENEWED, 'ber': RENEWED,
    'reversed': RENEWED, 'no-root': RENEWED, 'lf': RENEWED, 'pkcs7-label': RENEWED,
    'redirect': RENEWED, 'redirect@submit': RENEWED, 'chunked slow:20000 german ber': RENEWED,
    'deny': 'CA_DENIED CA_PERMISSION', 'deny german': 'CA_DENIED CA_PERMISSION',
    'deny:0x80094800': 'CA_DENIED CA_TEMPLATE', 'fail': 'CA_ERROR CA_REQUEST',
    'fail:0x80094001 german latin1': 'CA_ERROR CA_REQUEST',
    'fail:0x8009400e': 'CA_ERROR CA_REQUEST',
    'wrong-key': 'GATE_KEY', 'wrong-role': 'GATE_USAGE GATE_TEMPLATE',
    'wrong-usage': 'GATE_USAGE', 'other-template': 'GATE_TEMPLATE', 'no-eku': 'GATE_EKU',
    'same-cert': 'GATE_KEY GATE_SAME', 'expired': 'GATE_EXPIRED GATE_NOT_LONGER',
    'not-yet-valid': 'GATE_NOT_YET', 'shorter': 'GATE_NOT_LONGER GATE_LIFETIME',
    'other-subject': 'GATE_SUBJECT', 'is-ca': 'GATE_IS_CA',
    'untrusted': 'CHAIN_SIGNATURE CHAIN_ISSUER',
    'bad-signature': 'CHAIN_SIGNATURE', 'critical': 'CHAIN_CRITICAL',
    'sha1': 'GATE_WEAK',
    '401': 'HTTP_AUTH', '403': 'HTTP_STATUS', '404': 'HTTP_STATUS', '500': 'HTTP_STATUS',
    '500@chain': 'HTTP_STATUS CA_NO_CHAIN', '503:30': 'HTTP_BUSY', '503-date:30': 'HTTP_BUSY',
    'redirect-loop': 'HTTP_REDIRECT', 'redirect-other': 'HTTP_REDIRECT',
    'truncate@submit': 'NET_CLOSED HTTP_LENGTH', 'truncate@chain': 'NET_CLOSED HTTP_LENGTH',
    'chunked truncate': 'NET_CLOSED HTTP_CHUNK', 'reset': 'NET_RESET NET_CLOSED',
    'reset@chain': 'NET_RESET NET_CLOSED', 'drop': 'NET_CLOSED NET_RESET',
    'garbage': 'HTTP_SYNTAX HTTP_HEADERS', 'garbage-body@submit': 'CA_ANSWER',
    'garbage-body@chain': 'CA_NO_CHAIN CA_ANSWER CMS_SYNTAX DER_TAG DER_LENGTH BASE64 PEM',
    'huge@submit': 'HTTP_TOO_LARGE', 'huge@chain': 'HTTP_TOO_LARGE', 'empty@submit': 'CA_ANSWER',
    'empty@chain': 'CA_NO_CHAIN CA_ANSWER', 'two-lengths': 'HTTP_LENGTH', 'te-cl': 'HTTP_LENGTH',
    'fold': 'HTTP_SYNTAX HTTP_HEADERS', 'many-headers': 'HTTP_HEADERS',
    'long-header': 'HTTP_HEADERS', 'no-type': RENEWED,
}
# The other role: what differs by role.
ENCRYPTION = {
    'issue': RENEWED, 'german latin1': RENEWED, 'wrong-role': 'GATE_USAGE GATE_TEMPLATE',
    'wrong-usage': 'GATE_USAGE', 'other-template': 'GATE_TEMPLATE', 'wrong-key': 'GATE_KEY',
    'deny': 'CA_DENIED CA_PERMISSION',
}


class Run:
    """One appliance with the agent's credential only, far from its window, so
    that it renews when asked and at no other time."""

    def __init__(self, the_lab, board, role='agent'):
        self.lab, self.board, self.role = the_lab, board, role
        self.leaf = 'agent' if role == 'agent' else 'cep'
        self.failures = []
        self.passed = 0

    def state(self):
        return words.show(self.board)[1][self.role]

    def ask(self):
        text = words.command(self.board, words.RENEW[self.role])
        if 'renewal begins' not in text:
            raise ConsoleError('the console says: ' + text)

    def settle(self, before, seconds=40.0):
        """Waits until the renewal that was asked for has ended; the state. A
        state that looks as before the question is one not yet left."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.state()
            if state['thumbprint'] != before['thumbprint']:
                return state
            if state['state'].startswith((words.BACKOFF, words.PENDING)) \
                    and looks(state) != looks(before):
                return state
            time.sleep(0.1)
        raise ConsoleError('no end within %d s: %s' % (seconds, state))

    def renew(self, *mode):
        """Asks under this mode; (renewed or not, the state after)."""
        self.lab.ca.core.life += datetime.timedelta(days=1)
        self.lab.ca.mode(*mode)
        before = self.state()
        self.ask()
        state = self.settle(before)
        return state['thumbprint'] != before['thumbprint'], state

    def right(self):
        """A plain renewal that must succeed, as the CA has it in its records."""
        done, state = self.renew('issue')
        if not done:
            raise ConsoleError('not renewed by a CA in order: %s' % state)
        self.check_served(state)

    def check_served(self, state):
        records = self.lab.ca.core.records.all
        newest = [r for r in records if r.cert.template == lab.TEMPLATE[self.leaf]][-1].cert
        if state['thumbprint'] != newest.sha1 or state['serial'] != newest.serial_hex:
            raise ConsoleError('serves %s, the newest in the CA\'s records is %s'
                               % (state['serial'], newest.serial_hex))

    def expect(self, mode, outcome):
        begun = len(self.lab.ca.bad())
        done, state = self.renew(*mode.split())
        if outcome == RENEWED:
            if not done:
                raise ConsoleError('not renewed: %s' % state)
            self.check_served(state)
        else:
            fair = [words.sentence(name) for name in outcome.split()]
            if done:
                raise ConsoleError('it installed the certificate')
            if not any(text in state.get('last failure', '') for text in fair):
                raise ConsoleError('cause %r, expected one of %s' % (
                    state.get('last failure'), outcome))
        bad = self.lab.ca.bad()[begun:]
        if bad:
            raise ConsoleError('the CA finds fault with the request: %s' % bad[0])
        if outcome != RENEWED:
            self.right()

    def case(self, name, function, *arguments):
        begin = time.monotonic()
        try:
            function(*arguments)
            self.passed += 1
            print('  ok    %-34s %.1f s' % (name, time.monotonic() - begin), flush=True)
        except Exception as why:  # one case may fail in any way, the next still runs
            self.failures.append(name)
            print('  FAIL  %s: %s' % (name, why), flush=True)
            if not isinstance(why, (ConsoleError, AssertionError, KeyError)):
                traceback.print_exc()

    # -- cases that need more than a mode

    def two_round_trips_on_one_connection(self):
        before = {c['id']: c['requests'] for c in self.lab.ca.connections()}
        self.right()
        new = [c['requests'] - before.get(c['id'], 0) for c in self.lab.ca.connections()
               if c['requests'] != before.get(c['id'], 0)]
        if new != [2]:
            raise ConsoleError('requests on each connection: %s, expected [2]' % new)

    def pending(self, *mode):
        """Asks under a pending mode; the CA's request."""
        done, state = self.renew('pend', *mode)
        if done or words.PENDING not in state['state']:
            raise ConsoleError('not waiting: %s' % state)
        request = self.lab.ca.pending(self.leaf)[-1]
        if state['request id'] != self.lab.ca.name_of(request):
            raise ConsoleError('names request %s, the CA %s' % (
                state['request id'], self.lab.ca.name_of(request)))
        return request, state

    def pending_then_approved(self, *mode):
        request, before = self.pending(*mode)
        self.lab.ca.approve(request.id)
        self.ask()
        self.check_served(self.settle(before))

    def pending_then(self, decide, *names):
        request, before = self.pending()
        decide(request.id)
        self.ask()
        state = self.settle(before)
        if state['thumbprint'] != before['thumbprint']:
            raise ConsoleError('it installed something')
        if not any(words.sentence(n) in state.get('last failure', '') for n in names):
            raise ConsoleError('cause %r, expected %s' % (state.get('last failure'), names))
        self.right()

    def nobody_listens(self):
        self.lab.ca.down()
        try:
            _, state = self.renew('issue')
        finally:
            self.lab.ca.up()
        if words.sentence('NET_REFUSED') not in state.get('last failure', ''):
            raise ConsoleError('cause %r' % state.get('last failure'))
        self.right()

    def password_by_https(self):
        """Sent unasked, and told from a wrong one; a server that takes none says what it takes."""
        self.lab.ca.auth('ra01', 'correct-horse')
        try:
            _, state = self.renew('issue')
            if words.sentence('HTTP_AUTH') not in state.get('last failure', ''):
                raise ConsoleError('cause %r' % state.get('last failure'))
            for line in ('config set ca-user ra01', 'config set ca-password correct-horse'):
                words.command(self.board, line)
            self.right()
        finally:
            self.lab.ca.auth()

    def password(self):
        self.lab.ca.auth('ra01', 'correct-horse')
        try:
            for line in ('config set ca-user ra01', 'config set ca-password correct-horse'):
                words.command(self.board, line)
            _, state = self.renew('issue')
            if words.sentence('HTTP_PLAINTEXT')[:40] not in state.get('last failure', ''):
                raise ConsoleError('cause %r' % state.get('last failure'))
            words.command(self.board, 'config set allow-plaintext-password on')
            self.right()
            if 'correct-horse' in words.command(self.board, 'config list'):
                raise ConsoleError('config list shows the password')
            words.command(self.board, 'config set ca-password wrong')
            _, state = self.renew('issue')
            if words.sentence('HTTP_AUTH') not in state.get('last failure', ''):
                raise ConsoleError('cause %r' % state.get('last failure'))
        finally:
            self.lab.ca.auth()
        self.right()


def looks(state):
    """What tells one failure from the next."""
    return [state.get(f) for f in ('state', 'last failure', 'next attempt', "CA's words")]


def others(this, role):
    """The cases that need more than a mode."""
    ca = this.lab.ca
    this.case('two round trips, one connection', this.two_round_trips_on_one_connection)
    this.case('pend, approve', this.pending_then_approved)
    this.case('pend, approve (German)', this.pending_then_approved, 'german', 'latin1')
    if role == 'agent':
        for word in ('bare', 'lf', 'no-type'):
            this.case('pend, approve (%s)' % word, this.pending_then_approved, word)
        this.case('pend, forgotten', this.pending_then,
                  lambda number: ca.core.requests.pop(number), 'CA_UNKNOWN_ID')
        this.case('nobody listens', this.nobody_listens)
        this.case('password', this.password_by_https if this.lab.tls is not False
                  else this.password)
    this.case('pend, deny', this.pending_then, ca.deny, 'CA_DENIED')


def run(kind, role, cases, last, key, total, tls):
    """These cases on one appliance; (how many passed, which failed)."""
    leaf = 'agent' if role == 'agent' else 'cep'
    print('%s on %s' % (lab.TEMPLATE[leaf], kind), flush=True)
    with lab.Lab(days_left=200, agent_key=key, tls=tls) as the_lab:
        the_lab.provision(kind, roles=(leaf,), config=dict(
            the_lab.config(), **{'attempts-per-day': '100'}))
        with the_lab.board(kind, life=total) as board:
            board.read_until(words.PROMPT, 30)
            end = time.monotonic() + 20
            while words.command(board, words.TIME).startswith('unknown'):
                if time.monotonic() > end:
                    raise ConsoleError('no time from the NTP server')
                time.sleep(0.2)
            this = Run(the_lab, board, role)
            for mode, outcome in cases.items():
                this.case(mode, this.expect, mode, outcome)
            if last:
                others(this, role)
            board.kill()
            if hasattr(board, 'check_log'):
                this.case('no forbidden access by a driver', board.check_log)
            return this.passed, this.failures


def by_https(cases):
    """The outcomes where a connection's end is told apart from an end on purpose."""
    cut = ('truncate', 'reset', 'drop', 'garbage')
    return {mode: outcome + ' TLS_TRUNCATED' if outcome != RENEWED and any(w in mode for w in cut)
            else outcome for mode, outcome in cases.items()}


def main(kind, total, tls):
    parser = argparse.ArgumentParser(description='the CA modes on the %s board' % kind)
    parser.add_argument('-k', metavar='WORD', help='only modes with this word in their name')
    parser.add_argument('--agent-key', default='p256', choices=sorted(x509.KEY_KINDS))
    args = parser.parse_args()
    tally.limit(total)
    passed = failed = 0
    for role, cases in (('agent', CASES), ('encryption', ENCRYPTION)):
        cases = cases if tls is False else by_https(cases)
        chosen = [(m, o) for m, o in cases.items() if not args.k or args.k in m]
        # Fewer on one appliance than a day's attempts allow.
        for at in range(0, max(1, len(chosen)), BATCH):
            good, bad = run(kind, role, dict(chosen[at:at + BATCH]), at + BATCH >= len(chosen),
                            args.agent_key, total, tls)
            passed, failed = passed + good, failed + len(bad)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


def script(kind, total, tls=False):
    lab.enter()
    sys.exit(main(kind, total, tls))
