"""KB 2712186 from top to bottom, typed at the serial port: see kb_sf2.py and kb_host.py.

Online: the article's Request.inf names the Enrollment Agent certificate; the request goes to the
stand-in for AD CS, where it has to wait; the power is cut; the CA manager approves and names the
id. Offline: the CEP Encryption certificate, by serial number and with its old key; the openssl
command is the CA manager, and nothing goes over the network. A third, the device's first
certificate, is a PKCS #10 that openssl judges and signs.
"""
import base64
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import tally  # noqa: E402
import words  # noqa: E402
import x509  # noqa: E402
from console import ConsoleError  # noqa: E402

LRM = '\u200e'
REQUEST = r'-----BEGIN NEW CERTIFICATE REQUEST-----\s+(?:[^-]+)-----END NEW CERTIFICATE REQUEST-----'


def need(truth, what):
    if not truth:
        raise ConsoleError(what)


def openssl(*argv, data=None):
    done = subprocess.run(('openssl',) + argv, input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False)
    need(done.returncode == 0, 'openssl %s: %s' % (argv, done.stderr.decode('utf-8', 'replace')))
    return done.stdout


def paste(board, command, lines, until, timeout=30):
    """A command that wants lines, the lines, the dot; what is shown up to `until`."""
    board.unread()
    board.send(command)
    board.read_until(r'a line with a dot', timeout)
    board.send('\r'.join(list(lines) + ['.']))
    return words.clean(board.read_until(until, timeout))


def spaced(digits):
    """As the certificate's dialog shows it, with what it puts in front."""
    return LRM + ' '.join(digits[i:i + 2].lower() for i in range(0, len(digits), 2))


class Story:
    def __init__(self, the_lab, kind, total):
        self.lab, self.kind, self.total = the_lab, kind, total
        self.lab.provision(kind, config=dict(self.lab.config(), **{
            'renew-days': '1', 'device-key': 'p256', 'subject': 'CN=ra01.example.net,O=Example'}))

    def board(self):
        return self.lab.board(self.kind, life=self.total)

    def ready(self, board):
        """The appliance has read its store, and the time server has answered."""
        board.read_until(words.PROMPT, 60)
        words.show(board)
        for _ in range(100):
            if 'unknown' not in words.command(board, 'time'):
                return
            time.sleep(0.2)
        raise ConsoleError('no time')

    def request(self, board, command):
        """The request as the operator would save it."""
        text = words.command(board, command, 60)
        found = re.search(REQUEST, text)
        need(found, 'no request in: ' + text)
        need(all(len(line) <= 64 for line in found.group(0).splitlines()), 'lines of more than 64')
        return re.sub(r'\r', '', found.group(0)) + '\n'

    def until(self, board, role, state, timeout=60):
        """Asks until the role's state begins like this; what `show` says of it then."""
        end = time.monotonic() + timeout
        while True:
            shown = words.show(board)[1][role]
            if shown['state'].startswith(state):
                return shown
            need(time.monotonic() < end, '%s is not %s: %s' % (role, state, shown))
            time.sleep(0.2)

    # ---- the article, online ----

    def article(self):
        self.lab.ca.mode('pend')
        old = self.lab.old('agent')
        with self.board() as board:
            self.ready(board)
            text = paste(board, 'certreq new', ['[Version]', 'Signature="$Windows NT$"', '',
                                                '[NewRequest]',
                                                'RenewalCert = "%s"' % spaced(old.sha1)],
                         words.PROMPT)
            need('MachineKeySet: refused: is missing' in text, text)
            text = paste(board, 'certreq new', [
                '; as in the article', '[Version]', 'Signature="$Windows NT$"', '', '[NewRequest]',
                'RenewalCert = "%s"' % spaced(old.sha1), 'MachineKeySet = TRUE', 'KeyLength = 2048'],
                         r'\(yes/no\) ')
            need('Enrollment Agent' in text and old.sha1.lower() in text, text)
            board.send('yes')
            board.read_until('a request is ready for the operator', 200)
            need('waits for the operator' in words.show(board)[0], 'not OFFLINE')
            need(not self.lab.ca.requests(), 'something was sent')
            board.send('certreq submit')
            board.read_until('submitting the request', 20)
            self.lab.ca.wait(lambda ca: ca.pending('agent'), 60, 'the request')
            self.until(board, 'agent', 'waiting for the CA manager')
            board.kill()
        waiting = self.lab.ca.pending('agent')
        need(len(waiting) == 1, 'the CA has %d requests' % len(waiting))
        with self.board() as board:
            self.ready(board)
            shown = self.until(board, 'agent', 'waiting for the CA manager')
            need(shown['request id'] == waiting[0].id, 'the id is lost: %s' % shown)
            self.lab.ca.approve(waiting[0].id)
            board.send('certreq retrieve agent %d' % waiting[0].id)
            board.read_until(words.event('switched', 'agent'), 120)
            new = words.show(board)[1]['agent']['thumbprint']
            board.kill()
        need(new != old.sha1 and not self.lab.ca.bad(), 'findings: %s' % self.lab.ca.bad())
        need(len(self.lab.ca.requests()) == 1, 'it was sent twice')
        return new

    # ---- offline, openssl is the CA manager ----

    def sign(self, csr, name, days=800):
        """What the CA manager makes of a PKCS #10 (DER): the certificate's path."""
        pki, path = self.lab.pki, self.lab.path
        with open(path(name + '.csr'), 'wb') as out:
            out.write(csr)
        openssl('req', '-inform', 'DER', '-in', path(name + '.csr'), '-verify', '-noout')
        openssl('x509', '-req', '-inform', 'DER', '-in', path(name + '.csr'), '-CA',
                pki.path('issuing.pem'), '-CAkey', pki.path('issuing.key'), '-set_serial',
                '0x' + os.urandom(16).hex(), '-days', str(days), '-sha256', '-copy_extensions',
                'copyall', '-out', path(name + '.pem'))
        return path(name + '.pem')

    def answer(self, cert, form):
        """The certificate and its issuer, as lines to paste."""
        issuing = self.lab.pki.path('issuing.pem')
        if form == 'p7b':
            out = openssl('crl2pkcs7', '-nocrl', '-certfile', issuing, '-certfile', cert)
        else:
            out = b''.join(open(name, 'rb').read() for name in (issuing, cert))
        return out.decode().splitlines()

    def offline(self):
        old = self.lab.old('cep')
        seen = len(self.lab.ca.log())
        with self.board() as board:
            self.ready(board)
            serial = words.show(board)[1]['encryption']['serial']
            text = paste(board, 'certreq new', [
                '[Strings]', 'serial = %s' % serial, '[newrequest]', 'machinekeyset = true',
                'RENEWALCERT = %serial%', 'UseExistingKeySet = TRUE', 'SMIME = FALSE',
                'RequestType = PKCS7'], r'\(yes/no\) ')
            need('SMIME: warning' in text and old.sha1.lower() in text, text)
            board.send('yes')
            board.read_until('a request is ready for the operator', 60)
            first = self.request(board, 'request show')
            board.kill()
        with self.board() as board:
            self.ready(board)
            self.until(board, 'encryption', 'the request waits for the operator')
            pem = self.request(board, 'request show encryption')
            need(pem == first, 'the request is another after the power cut')
            message = base64.b64decode(''.join(pem.splitlines()[1:-1]))
            # The old key's signature, and the old certificate's chain, by openssl.
            with open(self.lab.path('chain.pem'), 'wb') as out:
                out.write(b''.join(open(self.lab.pki.path(leaf), 'rb').read()
                                   for leaf in ('root.pem', 'issuing.pem')))
            csr = openssl('cms', '-verify', '-inform', 'DER', '-CAfile', self.lab.path('chain.pem'),
                          '-purpose', 'any', '-binary', data=message)
            # The wrong certificate first: nothing changes.
            wrong = self.answer(self.lab.pki.path('agent.pem'), 'pem')
            paste(board, 'certreq accept', wrong, 'what the operator gave brought nothing', 60)
            cert = self.sign(csr, 'cep-new')
            paste(board, 'certreq accept', self.answer(cert, 'p7b'),
                  words.event('switched', 'encryption'), 120)
            new = words.show(board)[1]['encryption']['thumbprint']
            board.kill()
        need(new == x509.load(cert).sha1, 'another certificate serves')
        need(x509.load(cert).spki == old.spki, 'the key was to be kept')
        sent = [e for e in self.lab.ca.log()[seen:] if e['method'] == 'POST']
        need(not sent, 'something was sent: %s' % sent)

    def first_certificate(self):
        """A role that has none: a key made on the device, its PKCS #10, the answer as PEM."""
        with self.board() as board:
            self.ready(board)
            board.send('request new device')
            board.read_until('a request is ready for the operator', 60)
            pem = self.request(board, 'request show')
            openssl('req', '-verify', '-noout', data=pem.encode())  # a PEM openssl reads as it is
            csr = openssl('req', '-outform', 'DER', data=pem.encode())
            cert = self.sign(csr, 'device')
            paste(board, 'certreq accept', self.answer(cert, 'pem'), words.event('switched'), 120)
            text = words.command(board, 'show')
            need(x509.load(cert).sha1.lower() in text, text)
            board.kill()


def script(kind, total):
    lab.enter()
    tally.limit(total)
    tried = tally.Tally()
    with lab.Lab(days_left=30) as the_lab:
        story = Story(the_lab, kind, total)
        for case in (story.article, story.offline, story.first_certificate):
            tried.case(case.__name__, case)
    sys.exit(tried.end())
