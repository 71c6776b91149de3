"""micromdm's scepserver (Debian package `scep`) for the end-to-end tests.

The server takes any signer for a renewal, so what authorises one is asserted on the recorded
bytes of the request: a proxy on 127.0.0.1 hands everything on and keeps the messages.
"""

import glob
import http.client
import http.server
import os
import subprocess
import tempfile
import threading
import time

import lab
import scep
import words
import x509
from console import ConsoleError

CHALLENGE = 'open-sesame'
SUBJECT = 'CN=appliance-7,O=Example'


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server_port, kept = None, None

    def log_message(self, *args):
        pass

    def hand_on(self, body):
        if body:
            self.kept.append(body)
        there = http.client.HTTPConnection('127.0.0.1', self.server_port, timeout=20)
        there.request(self.command, self.path, body,
                      {k: v for k, v in self.headers.items() if k.lower() in ('content-type',)})
        reply = there.getresponse()
        data = reply.read()
        self.send_response(reply.status)
        for name in ('Content-Type', 'Date'):
            if reply.getheader(name):
                self.send_header(name, reply.getheader(name))
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        there.close()

    def do_GET(self):
        self.hand_on(None)

    def do_POST(self):
        self.hand_on(self.rfile.read(int(self.headers['Content-Length'])))


class ScepServer:
    """The server, its CA in `where`, and the proxy before it on `port`."""

    def __init__(self, where, port, challenge=CHALLENGE):
        self.where, self.port, self.challenge = where, port, challenge
        self.depot = os.path.join(where, 'depot')
        self.ca_file = os.path.join(self.depot, 'ca.pem')
        self.messages = []
        self.process = self.proxy = None

    def __enter__(self):
        os.makedirs(self.where, exist_ok=True)
        subprocess.run(['scepserver', 'ca', '-init', '-depot', self.depot, '-keySize', '2048',
                        '-years', '10', '-organization', 'Somebody', '-organizational_unit', 'CA'],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        self.key = os.path.join(self.where, 'ca.key')
        x509.openssl('rsa', '-passin', 'pass:', '-in', os.path.join(self.depot, 'ca.key'), '-out',
                     self.key)
        with open(os.path.join(self.where, 'log'), 'w') as log:
            self.process = subprocess.Popen(
                ['timeout', '300', 'scepserver', '-depot', self.depot, '-port', str(self.port + 1),
                 '-challenge', self.challenge, '-allowrenew', '0', '-crtvalid', '365'],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        handler = type('Proxy', (Proxy,), {'server_port': self.port + 1, 'kept': self.messages})
        self.proxy = http.server.ThreadingHTTPServer(('127.0.0.1', self.port), handler)
        self.proxy.daemon_threads = True
        threading.Thread(target=self.proxy.serve_forever, args=(0.05,), daemon=True).start()
        end = time.monotonic() + 15
        while True:
            try:
                there = http.client.HTTPConnection('127.0.0.1', self.port + 1, timeout=2)
                there.request('GET', '/scep?operation=GetCACaps')
                there.getresponse().read()
                return self
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def __exit__(self, *_):
        self.proxy.shutdown()
        self.proxy.server_close()
        self.process.terminate()
        self.process.wait(10)

    @property
    def url(self):
        return 'http://%s:%d/scep' % (lab.CA_NAME, self.port)

    def issued(self):
        return [x509.load(path) for path in glob.glob(os.path.join(self.depot, '*.pem'))
                if path != self.ca_file]

    def judge(self, new, old):
        """openssl verifies the certificate; the message that asked for it is what it has to be.
        The message's type."""
        with tempfile.TemporaryDirectory() as where:
            leaf = scep.pem_file(where, 'leaf', new.der)
            if x509.openssl('verify', '-CAfile', self.ca_file, leaf, check=False)[0]:
                raise ConsoleError('openssl does not verify the certificate')
        message = scep.Message(self.messages[-1], x509.load(self.ca_file), self.key)
        csr = scep.Csr(message.content)
        if csr.spki != new.spki:
            raise ConsoleError('the request is for another key')
        if old is None:
            if message.signer.spki != csr.spki or message.signer.subject != message.signer.issuer:
                raise ConsoleError('the first request is not signed by a certificate of its key')
            if csr.challenge != self.challenge:
                raise ConsoleError('challenge password: %r' % csr.challenge)
        elif message.signer.der != old.der or csr.spki == old.spki:
            raise ConsoleError('the renewal is not signed by the old certificate, for a new key')
        return message.type


def settings(server):
    return {'protocol': 'scep', 'ca-url': server.url, 'scep-legacy': 'on', 'subject': SUBJECT,
            'scep-challenge': server.challenge, 'challenge-at-renewal': 'on'}


def enroll(board, role='device'):
    """Asks for a first certificate, as soon as the boot is over and the time known; the console's words."""
    end = time.monotonic() + 20
    while True:
        text = words.command(board, 'enroll ' + role)
        early = any(words.sentence(w) in text for w in ('TIME_UNKNOWN', 'BUSY'))
        if not early or time.monotonic() > end:
            break
        time.sleep(0.2)
    if 'first enrolment begins' not in text:
        raise ConsoleError('the console says: ' + text)
    return text


def wait_served(server, board, before, seconds, role='device'):
    """The certificate that serves now, other than `before`, from the server's own files."""
    end = time.monotonic() + seconds
    while True:
        text, got = words.show(board)
        print_ = got.get(role, {}).get('thumbprint')
        if print_ and (before is None or print_ != before.sha1):
            found = [c for c in server.issued() if c.sha1 == print_]
            if not found:
                raise ConsoleError('it serves what the server never issued')
            return found[0]
        if time.monotonic() > end:
            raise ConsoleError('nothing new after %d s: %s' % (seconds, text))
        time.sleep(0.3)
