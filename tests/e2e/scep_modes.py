"""Every mode of the SCEP stand-in against a running appliance; as modes.py does for AD CS.

A mode ends in a renewal, or in a refusal for the named cause with the old pair still served;
after a refusal the server is put right, the operator asks again, and the renewal must succeed.
"""

import datetime
import sys
import time

import lab
import adcs
import modes
import tally
import words
from console import ConsoleError
from modes import RENEWED

# Under `scep-renewal renewalreq`: one kind of message, so that a failure is the failure.
CASES = {
    'issue': RENEWED, 'ber': RENEWED, 'base64': RENEWED, 'wrapped': RENEWED, 'no-type': RENEWED,
    'oaep': RENEWED, 'oaep256': RENEWED, 'sha512': RENEWED, 'no-post': RENEWED,
    'no-caps': RENEWED, 'html-caps': RENEWED, 'long-caps': RENEWED, 'lf': RENEWED,
    'one-ca': RENEWED, 'reversed': RENEWED, 'two-gens': RENEWED, 'two-gens reversed': RENEWED,
    'large-reply': RENEWED, 'large-reply ber': RENEWED,
    'chunked': RENEWED, 'close': RENEWED, 'interim': RENEWED, 'slow:40000': RENEWED,
    'fail:0': 'SCEP_BAD_ALG', 'fail:1': 'SCEP_BAD_CHECK', 'fail:2': 'SCEP_BAD_REQUEST',
    'fail:3': 'SCEP_BAD_TIME', 'fail:4': 'CA_UNKNOWN_ID', 'fail:2 failtext': 'SCEP_BAD_REQUEST',
    'fail:2 ndes': 'SCEP_BAD_REQUEST', 'fail:9': 'CA_ERROR',
    'wrong-nonce': 'SCEP_REPLAY', 'wrong-txid': 'SCEP_FOREIGN', 'replay': 'SCEP_FOREIGN',
    'stranger': 'SCEP_SIGNER', 'bad-signature-reply': 'SCEP_SIGNER',
    'wrong-recipient': 'CMS_RECIPIENT', 'no-content': 'SCEP_EMPTY', 'request-type': 'CA_ANSWER',
    'des': 'SCEP_WEAK', 'des3': 'SCEP_WEAK', 'reply-sha1': 'SCEP_WEAK', 'sha1': 'GATE_WEAK',
    'weak-caps': 'SCEP_WEAK', 'foreign-ca': 'SCEP_UNTRUSTED',
    'huge-reply': 'HTTP_TOO_LARGE', 'cut-reply': 'DER_TRUNCATED BASE64 PEM',
    'garbage-body@pki': 'BASE64 PEM DER_TAG DER_LENGTH', 'empty@pki': 'BASE64 PEM DER_TRUNCATED',
    'garbage-body@cacert': 'BASE64 PEM DER_TAG DER_LENGTH', 'empty@cacert': 'PEM BASE64 DER_TRUNCATED',
    '401@pki': 'HTTP_AUTH', '403@pki': 'HTTP_STATUS', '404@cacert': 'HTTP_STATUS',
    '500@pki': 'HTTP_STATUS', '503:30@pki': 'HTTP_BUSY', 'truncate@pki': 'NET_CLOSED HTTP_LENGTH',
    'reset@pki': 'NET_RESET NET_CLOSED', 'drop@cacert': 'NET_CLOSED NET_RESET',
    'garbage@pki': 'HTTP_SYNTAX HTTP_HEADERS',
    'wrong-key': 'GATE_KEY', 'wrong-role': 'GATE_USAGE GATE_TEMPLATE', 'wrong-usage': 'GATE_USAGE',
    'no-eku': 'GATE_EKU', 'same-cert': 'GATE_KEY GATE_SAME', 'shorter': 'GATE_NOT_LONGER GATE_LIFETIME',
    'other-subject': 'GATE_SUBJECT', 'is-ca': 'GATE_IS_CA',
    'untrusted': 'CHAIN_SIGNATURE CHAIN_ISSUER',
    'bad-signature': 'CHAIN_SIGNATURE',
}
# The other role, and what the emulated board is shown of them all.
ENCRYPTION = {w: CASES[w] for w in ('issue', 'ber', 'no-post', 'wrong-usage', 'fail:2 ndes')}
SAMPLE = {w: CASES[w] for w in (
    'issue', 'ber', 'large-reply', 'no-post', 'oaep256', 'two-gens reversed', 'fail:2 ndes', 'wrong-nonce',
    'wrong-txid', 'stranger', 'wrong-recipient', 'des', 'cut-reply', 'wrong-key')}


class Run(modes.Run):
    """Adds what is SCEP's own."""

    def set(self, name, value):
        text = words.command(self.board, 'config set %s %s' % (name, value))
        if text.strip():
            raise ConsoleError('config set %s: %s' % (name, text))

    def messages(self, since):
        return [(m.type, m.txid) for m in self.lab.ca.core.messages[since:]]

    def renewed_in_the_end(self, *mode):
        """Renewed under this mode, after failures that it gets over by itself."""
        self.lab.ca.core.life += datetime.timedelta(days=1)
        self.lab.ca.mode(*mode)
        before = self.state()
        self.ask()
        end = time.monotonic() + 40
        while time.monotonic() < end:
            state = self.state()
            if state['thumbprint'] != before['thumbprint']:
                self.check_served(state)
                return
            time.sleep(0.1)
        raise ConsoleError('not renewed: %s' % state)

    def types(self, mode, wanted, check=None):
        """Renewed under the mode with messages of these types, in this order."""
        begun = len(self.lab.ca.core.messages)
        self.renewed_in_the_end(*mode.split())
        seen = self.messages(begun)
        if [t for t, _ in seen] != wanted:
            raise ConsoleError('messages %s, expected types %s' % (seen, wanted))
        if check:
            check(seen)

    def other_id(self, seen):
        if seen[0][1] == seen[1][1]:
            raise ConsoleError('the second message has the transaction id of the first')

    def legacy(self):
        """What is refused otherwise is taken under `scep-legacy`, and logged."""
        self.set('scep-legacy', 'on')
        try:
            for mode in ('des', 'des3', 'reply-sha1', 'weak-caps'):
                begun = len(self.lab.ca.core.messages)
                self.renewed_in_the_end(mode)
                sent = self.lab.ca.core.messages[begun:]
                wanted = ('des3', 'sha1') if mode == 'weak-caps' else ('aes128', 'sha256')
                if any((m.cipher, m.digest) != wanted for m in sent):
                    raise ConsoleError('%s: sent in %s' % (mode, [(m.cipher, m.digest) for m in sent]))
            if 'weak algorithms' not in words.command(self.board, words.SHOW_LOG):
                raise ConsoleError('the log says nothing of it')
        finally:
            self.set('scep-legacy', 'off')

    def policy(self):
        """AES-256 and SHA-512 when the operator wants them."""
        self.set('scep-cipher', 'aes256')
        self.set('scep-hash', 'sha512')
        self.renewed_in_the_end('issue')
        sent = self.lab.ca.core.messages[-1]
        self.set('scep-cipher', 'aes128')
        self.set('scep-hash', 'sha256')
        if (sent.cipher, sent.digest) != ('aes256', 'sha512'):
            raise ConsoleError('sent in %s, %s' % (sent.cipher, sent.digest))

    def ca_id(self):
        self.set('ca-id', 'my&ca=1')
        begun = len(self.lab.ca.log())
        self.renewed_in_the_end('issue')
        ids = {e['ca_id'] for e in self.lab.ca.log()[begun:] if e['where'] in ('caps', 'cacert')}
        words.command(self.board, 'config set ca-id')
        if ids != {'my&ca=1'}:
            raise ConsoleError('the server was asked for %s' % ids)

    def poll(self, mode, *after):
        """Pending, then asked for by the operator until it is issued; the messages."""
        begun = len(self.lab.ca.core.messages)
        request, before = self.pending(*mode.split())
        self.ask()
        time.sleep(1.5)
        self.lab.ca.approve(request.id)
        self.lab.ca.mode('issue', *after)
        self.ask()
        self.check_served(self.settle(before))
        return self.messages(begun)

    def certpoll(self):
        seen = self.poll('issue')
        if [t for t, _ in seen] != [17, 20, 20] or len({i for _, i in seen}) != 1:
            raise ConsoleError('messages %s' % seen)

    def resend(self):
        self.set('scep-poll', 'resend')
        try:
            seen = self.poll('no-poll', 'no-poll')
            if [t for t, _ in seen] != [17, 17, 17] or len({i for _, i in seen}) != 1:
                raise ConsoleError('messages %s' % seen)
        finally:
            self.set('scep-poll', 'certpoll')

    def dogtag(self):
        """SUCCESS with nothing in it is "not yet"."""
        done, state = self.renew('zero-success')
        if done or words.PENDING not in state['state']:
            raise ConsoleError('not waiting: %s' % state)
        self.lab.ca.mode('issue')
        self.ask()
        self.check_served(self.settle(state))

    def poll_refused(self):
        """badCertId to a CertPoll: another request, another id, the same key."""
        request, before = self.pending()
        begun = len(self.lab.ca.core.messages)
        self.lab.ca.core.by_txid.clear()
        self.ask()
        state = self.settle(before)
        if words.sentence('CA_UNKNOWN_ID') not in state.get('last failure', ''):
            raise ConsoleError('cause %r' % state.get('last failure'))
        self.right()
        seen = self.messages(begun)
        if [t for t, _ in seen] != [20, 17] or seen[1][1] == request.txid:
            raise ConsoleError('messages %s' % seen)
        again = self.lab.ca.issued(self.leaf)[-1]
        if again.csr.spki != request.csr.spki:
            raise ConsoleError('another key')

    def words_of_the_peer(self):
        """The reason in the server's words and by NDES's HRESULT."""
        _, state = self.renew('fail:2', 'failtext')
        if 'Not today, says the registrar' not in state.get("CA's words", ''):
            raise ConsoleError('%s' % state)
        _, state = self.renew('fail:2', 'ndes')
        if '0x80070057' not in state.get("CA's status", '').lower():
            raise ConsoleError('%s' % state)
        self.right()

    def rollover(self):
        """The next root, signed by the present CA, becomes an anchor; once."""
        for _ in range(2):
            self.renewed_in_the_end('next-ca')
        log = words.command(self.board, words.SHOW_LOG)
        if log.count('a trust anchor was added') != 1:
            raise ConsoleError('the log: %s' % log)

    def forged_rollover(self, by):
        self.renewed_in_the_end('next-ca', by + '@next')
        if 'a trust anchor was added' in words.command(self.board, words.SHOW_LOG):
            raise ConsoleError('an anchor was added that the pinned one has not signed')

    def challenge(self):
        """Sent with a renewal only when the operator says so."""
        self.set('scep-challenge', 'open-sesame')
        self.set('challenge-at-renewal', 'on')
        self.renewed_in_the_end('challenge:open-sesame', 'challenge-17')
        self.set('challenge-at-renewal', 'off')
        self.renewed_in_the_end('issue')
        if 'open-sesame' in words.command(self.board, 'config list'):
            raise ConsoleError('config list shows it')

    def signed_by_the_other(self):
        """Another credential's key signs where the settings say so."""
        self.set('encryption-signer', 'agent')
        self.renewed_in_the_end('issue')
        signer = self.lab.ca.core.messages[-1].signer
        self.set('encryption-signer', 'own')
        if signer.template != lab.TEMPLATE['agent']:
            raise ConsoleError('signed by %s' % signer.template)


def others(this, role, short):
    this.case('CertPoll', this.certpoll)
    this.case('poll refused: new id, same key', this.poll_refused)
    this.case("the peer's words", this.words_of_the_peer)
    this.case('scep-legacy', this.legacy)
    this.set('scep-renewal', 'auto')
    this.case('17 where Renewal is offered', this.types, 'issue', [17])
    this.case('19 where it is not', this.types, 'no-renewal', [19])
    this.case('19 after a refusal of 17', this.types, 'refuse-17', [17, 19], this.other_id)
    if short:
        return
    this.set('scep-renewal', 'pkcsreq')
    this.case('19 by setting', this.types, 'issue', [19])
    this.set('scep-renewal', 'renewalreq')
    this.case('poll by sending again', this.resend)
    this.case('SUCCESS without content', this.dogtag)
    this.case('AES-256 and SHA-512', this.policy)
    this.case('CA identifier', this.ca_id)
    this.case('challenge at renewal', this.challenge)
    this.case('pend, deny', this.pending_then, this.deny, 'SCEP_ENDED')


def deny(self, number):
    self.lab.ca.core.requests[number].state = adcs.DENIED


Run.deny = deny


def wait_for_time(board):
    board.read_until(words.PROMPT, 30)
    end = time.monotonic() + 20
    while words.command(board, words.TIME).startswith('unknown'):
        if time.monotonic() > end:
            raise ConsoleError('no time from the NTP server')
        time.sleep(0.2)


def run(kind, role, cases, key, total, last):
    """These cases on one appliance with one credential; (passed, failed names)."""
    leaf = 'agent' if role == 'agent' else 'cep'
    print('%s on %s, SCEP' % (lab.TEMPLATE[leaf], kind), flush=True)
    both = role == 'encryption'
    settings = {'attempts-per-day': '100', 'scep-renewal': 'renewalreq',
                'key-policy': 'new' if kind == 'host' else 'same'}
    with lab.Lab(days_left=200, protocol='scep', agent_key=key) as the_lab:
        the_lab.provision(kind, roles=('agent', 'cep') if both else (leaf,),
                          config=dict(the_lab.config(), **settings))
        with the_lab.board(kind, life=total) as board:
            wait_for_time(board)
            this = Run(the_lab, board, role)
            for mode, outcome in cases.items():
                this.case(mode, this.expect, mode, outcome)
            if last:
                others(this, role, kind != 'host')
            if both:
                this.case("signed by the agent's key", this.signed_by_the_other)
            board.kill()
            if hasattr(board, 'check_log'):
                this.case('no forbidden access by a driver', board.check_log)
            return this.passed, this.failures


def rollover(kind, total):
    """A CA whose own certificate ends next year names the next one."""
    print('CA rollover on %s, SCEP' % kind, flush=True)
    with lab.Lab(days_left=20, protocol='scep', life_days=100, ca_days_left=390) as the_lab:
        the_lab.provision(kind, roles=('agent',), config=dict(
            the_lab.config(), **{'renew-days': '1', 'key-policy': 'same'}))
        with the_lab.board(kind, life=total) as board:
            wait_for_time(board)
            this = Run(the_lab, board)
            this.case('a next CA by a stranger', this.forged_rollover, 'stranger')
            this.case('a next CA by the CA below the root', this.forged_rollover, 'by-issuing')
            this.case('the next CA', this.rollover)
            return this.passed, this.failures


def script(kind, total):
    lab.enter()
    tally.limit(total)
    only = sys.argv[1] if len(sys.argv) > 1 else ''
    chosen = [(m, o) for m, o in (CASES if kind == 'host' else SAMPLE).items() if only in m]
    passed = failed = 0
    for at in range(0, max(1, len(chosen)), modes.BATCH):
        good, bad = run(kind, 'agent', dict(chosen[at:at + modes.BATCH]), 'rsa2048', total,
                        at + modes.BATCH >= len(chosen) and not only)
        passed, failed = passed + good, failed + len(bad)
    if not only or only == 'rollover':
        good, bad = rollover(kind, total)
        passed, failed = passed + good, failed + len(bad)
    if not only:
        good, bad = run(kind, 'encryption', ENCRYPTION, 'rsa2048', total, False)
        passed, failed = passed + good, failed + len(bad)
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed else 0)
