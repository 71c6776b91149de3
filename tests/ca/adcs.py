#!/usr/bin/env python3
"""A stand-in for AD CS Web Enrollment, on 127.0.0.1 only.

    python3 tests/ca/adcs.py --pki DIR --log DIR --port 80 --control 8080

Serves POST /certsrv/certfnsh.asp and GET certnew.cer, certnew.p7b and
certcarc.asp as microsoft-enrolment §2 has them, judges each request by
judge.py, and writes down what came: LOG/log.jsonl has one JSON object for
each request, LOG/requests/ each request's DER and its verdict.

What it does is said in mode words, set at the start (--mode) or at run time
through the control port, for all templates or for one:

    NAME[:ARGUMENT][@WHERE][*TIMES]      e.g.  pend  fail:0x80094800
                                         503:30@submit*1   slow:500@fetch

WHERE is submit, fetch (certnew.cer), chain (certnew.p7b) or cacert; without
it the word holds everywhere. With *N the word is used up after N replies.

  decisions  issue  pend  deny  fail[:HRESULT]
  the certificate issued   wrong-key  wrong-role  wrong-usage  other-template
             no-eku  same-cert  expired  not-yet-valid  shorter  other-subject
             is-ca  untrusted  bad-signature  critical  sha1
  pages      german  latin1
  formats    ber  reversed  no-root  lf  bare  pkcs7-label  no-type
  transport  slow[:BYTES/S]  chunked  close  interim  401  403  404  500
             503[:SECONDS]  503-date[:SECONDS]  redirect  redirect-loop
             redirect-other  truncate  reset  drop  hang  garbage
             garbage-body  huge  empty  two-lengths  te-cl  fold  many-headers
             long-header
  keys       same-key (the template demands the old key)
  rights     enrol (the account may ask for a first certificate by a bare PKCS#10)

Control port (JSON): GET /state /log; POST /mode {"words": [...], "template":
T or null} /approve {"id": n} /deny {"id": n} /revoke {"serial": hex} /clock
{"offset": seconds} /auth {"user": u, "password": p} or {} /forget {"id": n}
"""

import argparse
import base64
import binascii
import datetime
import email.utils
import http.server
import json
import os
import random
import re
import socket
import struct
import sys
import tempfile
import threading
import time
import urllib.parse

import der
import judge
import pages
import pki as pki_room
import x509

UTC = datetime.timezone.utc
ISSUED, PENDING, DENIED, ERROR = 3, 5, 2, 1
DECISIONS = ('issue', 'pend', 'deny', 'fail')
CERT_WORDS = ('wrong-key', 'wrong-role', 'wrong-usage', 'other-template', 'no-eku', 'same-cert',
              'expired', 'not-yet-valid', 'shorter', 'other-subject', 'is-ca', 'untrusted',
              'bad-signature', 'critical', 'sha1')
PAGE_WORDS = ('german', 'latin1')
FORMAT_WORDS = ('ber', 'reversed', 'no-root', 'lf', 'bare', 'pkcs7-label', 'no-type')
WIRE_WORDS = ('slow', 'chunked', 'close', 'interim', '401', '403', '404', '500', '503', '503-date',
              'redirect', 'redirect-loop', 'redirect-other', 'truncate', 'reset', 'drop', 'hang',
              'garbage', 'garbage-body', 'huge', 'empty', 'two-lengths', 'te-cl', 'fold',
              'many-headers', 'long-header')
WORDS = DECISIONS + CERT_WORDS + PAGE_WORDS + FORMAT_WORDS + WIRE_WORDS + ('same-key', 'enrol')
WHERES = ('submit', 'fetch', 'chain', 'cacert')
# Findings about templates and rights are the policy module's: a denial. The
# others are errors of the request itself.
POLICY_CODES = (0x80094011, 0x80094012, 0x80094800, 0x80094801, 0x80094802, 0x80094806,
                0x80094807, 0x80094809, 0x8009480A, 0x8009480B, 0x80094811, 0x80094816)
OTHER_ROLE = {'EnrollmentAgentOffline': 'CEPEncryption',
              'CEPEncryption': 'EnrollmentAgentOffline'}
BODY_MAX = 64 * 1024


class Word:
    """One mode word with its argument, its place and its remaining uses."""

    def __init__(self, text):
        found = re.fullmatch(r'([a-z0-9-]+?)(?::([^@*]+))?(?:@([a-z]+))?(?:\*(\d+))?', text)
        if not found or found.group(1) not in WORDS:
            raise ValueError('unknown mode word: ' + text)
        self.text = text
        self.name, self.argument, self.where = found.group(1, 2, 3)
        if self.where and self.where not in WHERES:
            raise ValueError('unknown place: ' + text)
        self.left = int(found.group(4)) if found.group(4) else None


class Record:
    """A certificate in the CA's database."""

    def __init__(self, data, request_id, role=None):
        self.cert = x509.Cert(data)
        self.id = request_id
        self.role = role
        self.revoked = False


class Records:
    def __init__(self):
        self.all = []

    def add(self, data, request_id, role=None):
        self.all.append(Record(data, request_id, role))

    def by_der(self, data):
        return next((r for r in self.all if r.cert.der == data), None)

    def by_spki(self, spki):
        return [r for r in self.all if r.cert.spki == spki]


class Request:
    """One row of the CA's request table."""

    def __init__(self, request_id, verdict, data):
        self.id = request_id
        self.verdict = verdict
        self.data = data
        self.template = verdict.template
        self.state = ERROR
        self.hresult = 0
        self.words = {}
        self.cert = None
        self.chain = []
        self.resolved_by_officer = False

    def as_json(self):
        return {'id': self.id, 'state': {ISSUED: 'issued', PENDING: 'pending', DENIED: 'denied',
                                         ERROR: 'error'}[self.state],
                'hresult': '0x%08x' % self.hresult, 'template': self.template,
                'verdict': self.verdict.as_json(),
                'cert': base64.b64encode(self.cert).decode() if self.cert else None}


class Ca:
    """The certification authority behind the pages: decides and issues."""

    def __init__(self, pki, log_dir, life_days=None, first_id=5):
        self.pki = pki
        self.life = datetime.timedelta(days=life_days or pki.info['life_days'])
        self.lock = threading.RLock()
        self.records = Records()
        for entry in pki.info['issued']:
            with open(pki.path(entry['file'])) as source:
                self.records.add(der.from_pem(source.read())[0], None, entry['role'])
        self.requests = {}
        self.next_id = first_id
        self.modes = {None: []}
        self.offset = 0.0
        self.auth = None
        self.events = []
        self.connections = []
        self.log_dir = log_dir
        self.stop = threading.Event()
        self.spare = {}
        os.makedirs(os.path.join(log_dir, 'requests'), exist_ok=True)

    # -- clock, modes, log

    def now(self):
        moment = datetime.datetime.fromtimestamp(time.time() + self.offset, UTC)
        return moment.replace(microsecond=0)

    def set_mode(self, words, template=None):
        parsed = [Word(w) for w in words]
        with self.lock:
            if template is None:
                self.modes = {}
            self.modes[template] = parsed

    def words(self, template, where):
        """The words in force for a reply, as {name: argument}; counts them."""
        with self.lock:
            chosen = {}
            for key in ([None, template] if template else [None]):
                if key == template and template in self.modes and template is not None:
                    if any(w.name in DECISIONS for w in self.modes[template]):
                        chosen = {n: a for n, a in chosen.items() if n not in DECISIONS}
                for word in self.modes.get(key, []):
                    if word.where not in (None, where) or word.left == 0:
                        continue
                    if word.left:
                        word.left -= 1
                    chosen[word.name] = word.argument
            return chosen

    def note(self, event):
        with self.lock:
            event['n'] = len(self.events)
            event['time'] = round(time.time(), 3)
            self.events.append(event)
            with open(os.path.join(self.log_dir, 'log.jsonl'), 'a') as out:
                out.write(json.dumps(event) + '\n')

    # -- requests

    def submit(self, data, attributes, words):
        """Judges a request and decides; returns the Request."""
        with self.lock:
            verdict = judge.judge(data, self.records, attributes, self.now(), 'same-key' in words,
                                  'enrol' in words)
            request = Request(self.next_id, verdict, data)
            self.next_id += 1
            self.requests[request.id] = request
            stem = os.path.join(self.log_dir, 'requests', '%04d' % request.id)
            with open(stem + '.der', 'wb') as out:
                out.write(data)
            with open(stem + '.json', 'w') as out:
                json.dump(verdict.as_json(), out, indent=1)
            request.words = words
            if not verdict.good:
                request.hresult = verdict.hresult
                request.state = DENIED if verdict.hresult in POLICY_CODES else ERROR
            elif 'deny' in words:
                request.hresult = int(words['deny'] or '0x80094012', 16)
                request.state = DENIED
            elif 'fail' in words:
                request.hresult = int(words['fail'] or '0x8007000d', 16)
                request.state = ERROR
            elif 'pend' in words:
                request.state = PENDING
            else:
                self.issue(request)
            return request

    def issue(self, request):
        """Makes the certificate, right or (by a mode word) wrong."""
        words, verdict, pki = request.words, request.verdict, self.pki
        template = verdict.template
        old = verdict.old.cert if verdict.old else x509.Template(template)
        now = self.now()
        not_before, not_after = now - datetime.timedelta(minutes=10), now + self.life
        not_after = min(not_after, pki.issuer.not_after)
        spki, subject = verdict.spki, verdict.subject
        v2 = old.ext(x509.OID_TEMPLATE_V2) is not None
        san = old.ext(x509.OID_SAN)
        request.chain = [c.der for c in pki.chain()]
        if 'expired' in words:
            not_before, not_after = now - self.life, now - datetime.timedelta(days=1)
        if 'not-yet-valid' in words:
            not_before = now + datetime.timedelta(days=2)
        if 'shorter' in words:
            not_after = old.not_after - datetime.timedelta(days=1)
        if 'other-subject' in words:
            subject = x509.name('C=US,O=Example,CN=SOMEONE-ELSE')
        if 'wrong-key' in words:
            spki = self.another_key(spki)
        shown = OTHER_ROLE.get(template, template) if 'wrong-role' in words else template
        extensions = pki.leaf_extensions(spki, shown, v2, [san[3]] if san else [])
        if 'wrong-usage' in words:
            extensions[0] = x509.ext_key_usage(x509.TEMPLATES[OTHER_ROLE[template]]['ku'])
        if 'other-template' in words:
            other = OTHER_ROLE[template]
            extensions[1] = x509.ext_template_v2(other) if v2 else x509.ext_template(other)
        if 'no-eku' in words:
            del extensions[2]
        if 'is-ca' in words:
            extensions.append(x509.ext_basic(True))
        if 'critical' in words:
            extensions.append(x509.extension('1.3.6.1.4.1.99999.1', der.null(), True))
        issuer_key = pki.issuer_key
        if 'untrusted' in words:
            issuer_key, request.chain = self.stranger_issuer()
        digest = 'sha1' if 'sha1' in words else None
        data = x509.make_cert(pki.issuer.subject, issuer_key, subject, spki, not_before,
                              not_after, x509.serial_for(request.id), extensions, digest)
        if 'bad-signature' in words:
            data = data[:-1] + bytes((data[-1] ^ 1,))
        if 'same-cert' in words:
            data = old.der
        request.cert, request.state, request.hresult = data, ISSUED, 0
        if not any(w in words for w in CERT_WORDS):
            self.records.add(data, request.id)

    def issue_as_asked(self, request, purposes=()):
        """A certificate with what request.csr asks for, where there is no template."""
        csr, now = request.csr, self.now()
        extensions = [e for e in (csr.ext(n) for n in (x509.OID_KU, x509.OID_EKU, x509.OID_SAN))
                      if e] + [x509.ext_ski(csr.spki), x509.ext_aki(self.pki.issuer.spki)]
        if purposes and not csr.ext(x509.OID_EKU):
            extensions.append(x509.ext_eku(purposes))
        request.cert = x509.make_cert(self.pki.issuer.subject, self.pki.issuer_key, csr.subject,
                                      csr.spki, now - datetime.timedelta(minutes=10),
                                      min(now + self.life, self.pki.issuer.not_after),
                                      x509.serial_for(request.id), extensions)
        request.chain = [c.der for c in self.pki.chain()]
        request.state = ISSUED
        self.records.add(request.cert, request.id)

    def another_key(self, spki):
        """A public key of the same kind whose private key nobody keeps."""
        family, size, _ = x509.key_info(spki)
        kind = ('rsa%d' if family == 'rsa' else 'p%d') % size
        if kind not in self.spare:
            with tempfile.TemporaryDirectory() as where:
                self.spare[kind] = x509.spki_of_key(
                    x509.make_key(os.path.join(where, 'k'), kind))
        return self.spare[kind]

    def stranger_issuer(self):
        """An issuing CA with the right names under a root nobody pinned."""
        pki = self.pki
        stranger_key = pki.path('stranger.key')
        if not pki.has_sub:
            return stranger_key, [pki.stranger.der]
        if 'issuer' not in self.spare:
            key = x509.make_key(os.path.join(self.log_dir, 'stranger-issuing.key'), 'rsa2048')
            real, spki = pki.issuer, x509.spki_of_key(key)
            data = x509.make_cert(pki.stranger.subject, stranger_key, real.subject, spki,
                                  real.not_before, real.not_after, x509.serial_for(2),
                                  [x509.ext_key_usage((5, 6)), x509.ext_basic(True, 0),
                                   x509.ext_ski(spki), x509.ext_aki(pki.stranger.spki)])
            self.spare['issuer'] = (key, [data, pki.stranger.der])
        return self.spare['issuer']

    def resolve(self, request_id, approve):
        """The CA manager's decision on a pending request."""
        with self.lock:
            request = self.requests[request_id]
            if request.state != PENDING:
                return False
            if approve:
                # What is issued follows the mode of this moment, not of the submission.
                request.words = {n: a for n, a in self.words(request.template, None).items()
                                 if n in CERT_WORDS}
                self.issue(request)
            else:
                request.state, request.hresult = DENIED, 0x80094014
            request.resolved_by_officer = True
            return True

    def state(self):
        with self.lock:
            return {'requests': [r.as_json() for r in self.requests.values()],
                    'issued': [{'serial': r.cert.serial_hex, 'template': r.cert.template,
                                'id': r.id, 'role': r.role, 'sha1': r.cert.sha1,
                                'sha256': r.cert.sha256, 'revoked': r.revoked,
                                'not_after': r.cert.not_after.isoformat(),
                                'der': base64.b64encode(r.cert.der).decode()}
                               for r in self.records.all],
                    'modes': {k or '': [w.text for w in v] for k, v in self.modes.items()},
                    'offset': self.offset, 'connections': self.connections}


def p7b(certs, indefinite=False):
    """A certs-only SignedData; in BER with indefinite lengths if asked."""
    version, none = der.integer(1), der.set_of()
    inner = der.seq(der.oid(judge.OID_DATA))
    if not indefinite:
        signed = der.seq(version, none, inner, der.context(0, b''.join(certs)), none)
        return der.seq(der.oid(judge.OID_SIGNED_DATA), der.context(0, signed))
    end = b'\x00\x00'
    signed = (b'\x30\x80' + version + none + b'\x30\x80' + der.oid(judge.OID_DATA) + end
              + b'\xa0\x80' + b''.join(certs) + end + none + end)
    return b'\x30\x80' + der.oid(judge.OID_SIGNED_DATA) + b'\xa0\x80' + signed + end + end


class Counted:
    """A file that counts what passes through it."""

    def __init__(self, inner, connection, key):
        self.inner, self.connection, self.key = inner, connection, key

    def _count(self, data):
        self.connection[self.key] += len(data)
        return data

    def read(self, *args):
        return self._count(self.inner.read(*args))

    def readline(self, *args):
        return self._count(self.inner.readline(*args))

    def write(self, data):
        self.connection[self.key] += len(data)
        return self.inner.write(data)

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Handler(http.server.BaseHTTPRequestHandler):
    """certsrv."""

    protocol_version = 'HTTP/1.1'
    server_version = 'Microsoft-IIS/10.0'
    sys_version = ''
    timeout = 130
    ca = None

    def setup(self):
        super().setup()
        with self.ca.lock:
            self.connection_log = {'id': len(self.ca.connections) + 1, 'requests': 0, 'in': 0,
                                   'out': 0, 'open': True}
            self.ca.connections.append(self.connection_log)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rfile = Counted(self.rfile, self.connection_log, 'in')
        self.wfile = Counted(self.wfile, self.connection_log, 'out')

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass
        self.connection_log['open'] = False

    def handle(self):
        try:
            super().handle()
        except OSError as fault:
            self.connection_log['fault'] = str(fault)

    def log_message(self, *args):
        pass

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate(timestamp or time.time() + self.ca.offset, usegmt=True)

    # -- requests

    def do_GET(self):
        self.answer(b'')

    def do_POST(self):
        try:
            size = int(self.headers.get('Content-Length', '-1'))
        except ValueError:
            size = -1
        if self.headers.get('Transfer-Encoding'):
            body = self.read_chunked()
        elif 0 <= size <= BODY_MAX:
            body = self.rfile.read(size)
        else:
            self.close_connection = True
            body = None
        if body is None:
            self.reply({}, 411, 'Length Required', 'text/html', b'<h1>411</h1>')
            return
        self.answer(body)

    def read_chunked(self):
        body = b''
        while len(body) <= BODY_MAX:
            size = int(self.rfile.readline(100).split(b';')[0], 16)
            if not size:
                while self.rfile.readline(1000).strip():
                    pass
                return body
            body += self.rfile.read(size)
            self.rfile.readline(10)
        return None

    def answer(self, body):
        ca = self.ca
        self.connection_log['requests'] += 1
        parts = urllib.parse.urlsplit(self.path)
        leaf = parts.path.rsplit('/', 1)[-1].lower()
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        # As ASP does, names of query items are taken in any case.
        query = {k.lower(): v for k, v in query.items()}
        where = {'certfnsh.asp': 'submit', 'certnew.cer': 'fetch', 'certnew.p7b': 'chain',
                 'certcarc.asp': 'cacert'}.get(leaf)
        if where in ('fetch', 'chain') and query.get('reqid') == 'CACert':
            where = 'cacert'
        self.event = {'conn': self.connection_log['id'], 'nth': self.connection_log['requests'],
                      'method': self.command, 'path': self.path, 'where': where,
                      'host': self.headers.get('Host'), 'body': len(body),
                      'agent': self.headers.get('User-Agent'),
                      'type': self.headers.get('Content-Type'),
                      'expect': self.headers.get('Expect'),
                      'auth': (self.headers.get('Authorization') or '').split(' ')[0] or None}
        form, data, attributes, problem, template = {}, b'', [], None, None
        if where == 'submit' and self.command == 'POST':
            form, data, attributes, problem = self.read_form(body)
            template = template_hint(data, attributes, ca)
        elif where in ('fetch', 'chain'):
            request = ca.requests.get(number(query.get('reqid')))
            template = request.template if request else None
        words = ca.words(template, where) if where else {}
        self.event['words'] = sorted(words)
        if not self.allowed():
            words = {n: a for n, a in words.items() if n in WIRE_WORDS}
            self.unauthorised(words)
        elif self.wire_status(words, where):
            pass
        elif where == 'submit' and self.command == 'POST':
            self.submit(form, data, attributes, problem, words)
        elif where == 'cacert':
            self.ca_cert(leaf, query, words)
        elif where in ('fetch', 'chain') and self.command == 'GET':
            self.fetch(where, query, words)
        else:
            self.reply(words, 404, 'Not Found', 'text/html', b'<h1>404</h1>')
        ca.note(self.event)

    def read_form(self, body):
        """(fields, request DER, CertAttrib lines, problem or None)."""
        try:
            text = body.decode('ascii')
        except UnicodeDecodeError:
            return {}, b'', [], 'the form is not ASCII'
        form = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
        if (self.headers.get('Content-Type') or '').split(';')[0].strip().lower() \
                != 'application/x-www-form-urlencoded':
            return form, b'', [], 'Content-Type is not that of a form'
        attributes = []
        for line in form.get('CertAttrib', '').splitlines():
            if ':' in line:
                key, value = line.split(':', 1)
                attributes.append((key.strip(), value.strip()))
        if form.get('Mode') != 'newreq':
            return form, b'', attributes, None if form.get('Mode') == 'chkpnd' else 'no Mode'
        text = form.get('CertRequest', '')
        lines = [l.strip() for l in text.replace('\r', '\n').split('\n')]
        armoured = [l for l in lines if l.startswith('-----')]
        text = ''.join(l for l in lines if not l.startswith('-----'))
        self.event['armour'] = armoured[0].strip('-') if armoured else None
        try:
            if ' ' in text:
                raise binascii.Error('a space: was a plus sign sent unescaped?')
            return form, base64.b64decode(text, validate=True), attributes, None
        except binascii.Error as fault:
            return form, b'', attributes, 'base64: %s' % fault

    def allowed(self):
        if not self.ca.auth:
            return True
        kind, _, value = (self.headers.get('Authorization') or '').partition(' ')
        if kind.lower() != 'basic':
            return False
        try:
            return base64.b64decode(value, validate=True).decode('utf-8') == '%s:%s' % self.ca.auth
        except (binascii.Error, UnicodeDecodeError):
            return False

    # -- the pages

    def page(self, words, text):
        charset = 'iso-8859-1' if 'latin1' in words else 'UTF-8'
        self.reply(words, 200, 'OK', 'text/html; Charset=' + charset,
                   text.replace('%CHARSET%', charset).encode(charset, 'replace'))

    def texts(self, words):
        return pages.TEXTS['de' if 'german' in words else 'en']

    def submit(self, form, data, attributes, problem, words):
        ca, texts = self.ca, self.texts(words)
        name = ca.pki.ca_name
        if form.get('Mode') == 'chkpnd' and not problem:
            self.status_page(number(form.get('ReqID')), words, 'chkpnd')
            return
        if problem or not data:
            self.event['problem'] = problem or 'CertRequest is empty'
            code = 0x8009310B if problem and problem.startswith('base64') else 0x8007000D
            self.page(words, pages.error(texts, 'newreq', ERROR,
                                         texts['failed'] % pages.status_text(code, texts), code,
                                         code, name, form.get('CertRequest', '')))
            return
        request = ca.submit(data, attributes, words)
        fields = {k: v for k, v in form.items() if k != 'CertRequest'}
        self.event.update(id=request.id, template=request.template, fields=fields,
                          verdict=request.verdict.as_json(), state=request.as_json()['state'],
                          hresult='0x%08x' % request.hresult)
        if request.state == ISSUED:
            self.page(words, pages.issued(texts, request.id, name))
        elif request.state == PENDING:
            self.page(words, pages.pending(texts, request.id, name))
        elif request.state == DENIED:
            message = texts['by_policy'] % pages.status_text(request.hresult, texts)
            self.page(words, pages.denied(texts, request.id, message, name))
        else:
            message = texts['failed'] % pages.status_text(request.hresult, texts)
            self.page(words, pages.error(texts, 'newreq', ERROR, message, request.hresult,
                                         request.hresult, name, form.get('CertRequest', '')))

    def status_page(self, request_id, words, mode=''):
        """What certnew.cer and chkpnd answer when there is no certificate."""
        ca, texts = self.ca, self.texts(words)
        request = ca.requests.get(request_id)
        if not request:
            disposition, message, result, last = ERROR, '', 0x80094004, 0x80094004
        elif request.state == PENDING:
            disposition, message, result, last = PENDING, texts['taken'], 0, 0
        elif request.state == DENIED:
            disposition, result, last = DENIED, 0, request.hresult
            message = texts['by_officer'] if request.resolved_by_officer else \
                texts['by_policy'] % pages.status_text(request.hresult, texts)
        else:
            disposition, result, last = ERROR, 0, request.hresult
            message = texts['failed'] % pages.status_text(request.hresult, texts)
        if mode == 'chkpnd' and request and request.state == ISSUED:
            self.page(words, pages.issued(texts, request.id, ca.pki.ca_name))
            return
        self.event.update(id=request_id, state=request.as_json()['state'] if request else None)
        self.page(words, pages.error(texts, mode, disposition, message, result, last,
                                     ca.pki.ca_name))

    def fetch(self, where, query, words):
        request = self.ca.requests.get(number(query.get('reqid')))
        self.event['template'] = request.template if request else None
        if not request or request.state != ISSUED:
            self.status_page(number(query.get('reqid')), words)
            return
        self.event.update(id=request.id, state='issued')
        certs = [request.cert] + request.chain
        self.certificates(where == 'chain', certs, query, words)

    def ca_cert(self, leaf, query, words):
        certs = [c.der for c in self.ca.pki.chain()]
        if leaf == 'certcarc.asp':
            self.page(words, pages.ca_certs(self.texts(words), 0, self.ca.pki.ca_name))
        else:
            self.certificates(leaf.endswith('p7b'), certs, query, words)

    def certificates(self, chain, certs, query, words):
        kind = 'application/x-pkcs7-certificates' if chain else 'application/pkix-cert'
        data = certs[0]
        if chain:
            if 'no-root' in words and len(certs) > 1:
                certs = certs[:-1]
            if 'reversed' in words:
                certs = certs[::-1]
            data = p7b(certs, 'ber' in words)
        if query.get('enc', 'bin').lower() == 'b64':
            # The real page armours a chain with CERTIFICATE too.
            label = 'PKCS7' if chain and 'pkcs7-label' in words else 'CERTIFICATE'
            text = der.to_pem(data, label, '\n' if 'lf' in words else '\r\n')
            if 'bare' in words:
                text = ''.join(l + '\r\n' for l in text.splitlines() if '-----' not in l)
            data = text.encode('ascii')
        leaf = 'certnew.p7b' if chain else 'certnew.cer'
        self.reply(words, 200, 'OK', kind, data,
                   [('Content-Disposition', 'attachment;filename="%s"' % leaf)])

    # -- the wire

    def unauthorised(self, words):
        self.event['status'] = 401
        self.reply(words, 401, 'Unauthorized', 'text/html; charset=iso-8859-1',
                   b'<h1>401</h1><p>Access is denied.</p>',
                   [('WWW-Authenticate', 'Negotiate'), ('WWW-Authenticate', 'NTLM'),
                    ('WWW-Authenticate', 'Basic realm="ca01.example.net"')])

    def wire_status(self, words, where):
        """Answers by itself when a word asks for a status; True if it did."""
        for code, reason in (('403', 'Forbidden'), ('404', 'Not Found'),
                             ('500', 'Internal Server Error')):
            if code in words:
                self.reply(words, int(code), reason, 'text/html', b'<h1>%s</h1>' % code.encode())
                return True
        if '401' in words:
            self.unauthorised(words)
            return True
        for word in ('503', '503-date'):
            if word in words:
                seconds = int(words[word] or 5)
                value = str(seconds) if word == '503' else email.utils.formatdate(
                    time.time() + self.ca.offset + seconds, usegmt=True)
                more = [('Retry-After', value)] if word == '503-date' or words[word] else []
                self.reply(words, 503, 'Service Unavailable', 'text/html', b'<h1>503</h1>', more)
                return True
        code = 302 if self.command == 'GET' else 307
        if 'redirect-other' in words:
            self.reply(words, code, 'Moved', 'text/html', b'moved',
                       [('Location', 'http://elsewhere.example.net' + self.path)])
            return True
        if 'redirect-loop' in words or ('redirect' in words and '/moved/' not in self.path):
            target = self.path if 'redirect-loop' in words else \
                self.path.replace('/certsrv/', '/certsrv/moved/', 1)
            self.reply(words, code, 'Moved', 'text/html', b'moved', [('Location', target)])
            return True
        return False

    def reply(self, words, status, reason, kind, body, more=()):
        """Sends a reply in the way the wire words ask for."""
        self.event = getattr(self, 'event', {})
        self.event.update(status=status, reply=len(body), kind=kind)
        out = self.wfile
        if 'hang' in words:
            self.ca.stop.wait(120)
            self.close_connection = True
            return
        if 'reset' in words:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack('ii', 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        if 'drop' in words:
            self.close_connection = True
            return
        if 'garbage' in words:
            self.close_connection = True
            out.write(random.Random(1).getrandbits(8 * 700).to_bytes(700, 'big'))
            return
        if 'garbage-body' in words:
            body = random.Random(2).getrandbits(8 * len(body)).to_bytes(len(body), 'big')
        if 'empty' in words:
            body = b''
        if 'huge' in words:
            body += b'<!--' + b'x' * (1 << 20) + b'-->'
        if 'interim' in words:
            out.write(b'HTTP/1.1 100 Continue\r\n\r\n')
            out.write(b'HTTP/1.1 102 Processing\r\nX-Note: wait\r\n\r\n')
        head = ['HTTP/1.1 %d %s' % (status, reason), 'Cache-Control: private']
        if kind and 'no-type' not in words:
            head.append('Content-Type: ' + kind)
        head += ['Server: ' + self.server_version, 'X-Powered-By: ASP.NET',
                 'Date: ' + self.date_time_string()]
        head += ['%s: %s' % pair for pair in more]
        if 'close' in words:
            self.close_connection = True
            head.append('Connection: close')
        elif 'chunked' in words:
            head.append('Transfer-Encoding: chunked')
        else:
            head.append('Content-Length: %d' % len(body))
        if 'two-lengths' in words:
            head.append('Content-Length: %d' % (len(body) // 2))
        if 'te-cl' in words:
            head.append('Transfer-Encoding: chunked')
        if 'fold' in words:
            head.append('X-Folded: one\r\n two')
        if 'many-headers' in words:
            head += ['X-%d: y' % i for i in range(300)]
        if 'long-header' in words:
            head.append('X-Long: ' + 'y' * 20000)
        if 'chunked' in words and 'close' not in words:
            pieces = [body[i:i + 700] for i in range(0, len(body), 700)]
            body = b''.join(b'%x;note=1\r\n%s\r\n' % (len(p), p) for p in pieces)
            body += b'0\r\nX-Trailer: end\r\n\r\n'
        if 'truncate' in words:
            body = body[:len(body) // 2]
            self.close_connection = True
        data = '\r\n'.join(head + ['', '']).encode('ascii') + body
        if 'slow' in words:
            rate = int(words['slow'] or 2000)
            piece = max(1, rate // 20)
            for at in range(0, len(data), piece):
                out.write(data[at:at + piece])
                out.flush()
                if self.ca.stop.wait(piece / rate):
                    break
        else:
            out.write(data)
        out.flush()


def number(text):
    return int(text) if text and text.isdigit() else None


def template_hint(data, attributes, ca):
    """The template whose mode applies: CertAttrib, else the old certificate
    whose DER occurs in the request."""
    for key, value in attributes:
        if key.lower().replace(' ', '') == 'certificatetemplate':
            return value
    for record in ca.records.all:
        if data and record.cert.der in data:
            return record.cert.template
    return None


class Control(http.server.BaseHTTPRequestHandler):
    """The tests' own door; see the head of this file."""

    ca = None
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def send(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == '/state':
            self.send(self.ca.state())
        elif self.path == '/log':
            with self.ca.lock:
                self.send({'events': self.ca.events, 'connections': self.ca.connections})
        else:
            self.send({'error': 'unknown'}, 404)

    def do_POST(self):
        ca = self.ca
        size = int(self.headers.get('Content-Length', '0'))
        try:
            value = json.loads(self.rfile.read(size) or b'{}')
            if self.path == '/mode':
                ca.set_mode(value['words'], value.get('template'))
            elif self.path in ('/approve', '/deny'):
                if not ca.resolve(int(value['id']), self.path == '/approve'):
                    self.send({'error': 'not pending'}, 409)
                    return
            elif self.path == '/forget':
                ca.requests.pop(int(value['id']), None)
            elif self.path == '/revoke':
                for record in ca.records.all:
                    if record.cert.serial_hex == value['serial'].upper():
                        record.revoked = True
            elif self.path == '/clock':
                ca.offset = float(value['offset'])
            elif self.path == '/auth':
                ca.auth = (value['user'], value['password']) if value else None
            else:
                self.send({'error': 'unknown'}, 404)
                return
            self.send({'ok': True})
        except (ValueError, KeyError, x509.OpensslError) as fault:
            self.send({'error': str(fault)}, 400)


class Server(http.server.ThreadingHTTPServer):
    """With `tls`, a context of Python's ssl, it speaks https."""
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 16

    def __init__(self, address, handler, tls=None):
        super().__init__(address, handler)
        self.tls = tls

    def finish_request(self, request, client_address):
        if not self.tls:
            super().finish_request(request, client_address)
            return
        request.settimeout(30)
        with self.tls.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)
            secure.settimeout(2)
            secure.unwrap()  # close_notify, and the peer's or its end

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)


def serve(ca, port=0, control_port=0):
    """Starts both doors on 127.0.0.1 in threads; returns (web, control)."""
    servers = []
    for kind, where in ((Handler, port), (Control, control_port)):
        server = Server(('127.0.0.1', where), type(kind.__name__, (kind,), {'ca': ca}))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
    return servers


def main():
    parser = argparse.ArgumentParser(description='stand-in for AD CS Web Enrollment')
    parser.add_argument('--pki', required=True, help='directory made by pki.py')
    parser.add_argument('--log', required=True, help='directory for the log and the requests')
    parser.add_argument('--port', type=int, default=8080)
    parser.add_argument('--control', type=int, default=8081)
    parser.add_argument('--mode', action='append', default=[],
                        help='[TEMPLATE=]WORD,WORD...; may be repeated')
    parser.add_argument('--auth', help='user:password demanded with Basic')
    parser.add_argument('--life-days', type=int, help='of what is issued (default: as the old)')
    parser.add_argument('--offset', type=float, default=0, help="seconds the CA's clock is ahead")
    parser.add_argument('--lifetime', type=float, default=3600, help='seconds until it ends itself')
    args = parser.parse_args()
    ca = Ca(pki_room.Pki(args.pki), args.log, args.life_days)
    ca.offset = args.offset
    if args.auth:
        ca.auth = tuple(args.auth.split(':', 1))
    for mode in sorted(args.mode, key=lambda m: '=' in m):
        template, _, words = mode.rpartition('=')
        ca.set_mode(words.split(','), template or None)
    web, control = serve(ca, args.port, args.control)
    print('ready http://127.0.0.1:%d/certsrv/ control %d'
          % (web.server_address[1], control.server_address[1]), flush=True)
    try:
        ca.stop.wait(args.lifetime)
    except KeyboardInterrupt:
        pass
    ca.stop.set()
    return 0


if __name__ == '__main__':
    sys.exit(main())
