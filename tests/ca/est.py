#!/usr/bin/env python3
"""A stand-in for an EST server (RFC 7030), on 127.0.0.1 only, by https.

    python3 tests/ca/est.py --pki DIR --log DIR --port 8443

Serves cacerts, csrattrs, simpleenroll and simplereenroll under /.well-known/est/[LABEL/]. TLS is
Python's ssl, every signature the openssl command's; each PKCS#10 is judged, and what is wrong with
it is written down and refused. Who asks must show a certificate of this CA in TLS, or name and
password where `auth` is set. The CA behind it, its records and its certificate mode words are
adcs.py's; what is EST's own is said in these words:

  decisions   issue  pend  deny (403)  bad (400)
  pending     retry:SECONDS  retry-date:SECONDS  no-retry
  cacerts     next-root  forged-root  foreign-ca  reversed  ber  many
  csrattrs    attrs:NAME  (binding, sha384, sha512, rfc, values, broken; without it 204)
  replies     unwrapped  nul  crlf  armour  binary  wrong-type  no-type  extra  huge-reply  cut-reply
  demands     want-binding  want-cert  label:NAME
"""
import argparse
import base64
import datetime
import hashlib
import hmac
import os
import sys
import threading

import adcs
import der
import pki as pki_room
import scep
import tls
import x509

EST_WORDS = ('bad', 'retry', 'retry-date', 'no-retry', 'next-root', 'forged-root', 'many', 'attrs',
             'unwrapped', 'nul', 'crlf', 'armour', 'binary', 'wrong-type', 'extra', 'want-binding',
             'want-cert', 'label')
adcs.WORDS += EST_WORDS
adcs.WHERES += ('attrs', 'enroll')
WELL_KNOWN = '/.well-known/est/'
PLACES = {'cacerts': 'cacert', 'csrattrs': 'attrs', 'simpleenroll': 'enroll',
          'simplereenroll': 'enroll'}
OID_CHALLENGE, OID_EXT_REQUEST = scep.OID_CHALLENGE, scep.OID_EXT_REQUEST
OID_EC, OID_MAC = '1.2.840.10045.2.1', '1.3.6.1.1.1.1.22'
ATTRS = {
    'binding': der.seq(der.oid(OID_CHALLENGE)),
    'sha384': der.seq(der.oid('1.2.840.113549.1.1.12'), der.oid('1.2.840.10045.4.3.3')),
    'sha512': der.seq(der.oid('1.2.840.113549.1.1.13'), der.oid('1.2.840.10045.4.3.4')),
    # The example of RFC 7030 4.5.2, without the challenge password.
    'rfc': der.seq(der.seq(der.oid(OID_EC), der.set_of(der.oid('1.3.132.0.34'))),
                   der.seq(der.oid(OID_EXT_REQUEST), der.set_of(der.oid(OID_MAC)))),
    # Extensions with values, as RFC 9908 has them.
    'values': der.seq(der.seq(der.oid(OID_EXT_REQUEST), der.set_of(der.seq(
        x509.ext_san_dns('other.example.net'), x509.ext_key_usage((0,)))))),
    'broken': b'\x30\x05\x06\x03\x2a',
}


class Refused(Exception):
    """This HTTP status, and why."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def exporter(secret, digest):
    """tls-exporter [RFC 9266] of a TLS 1.3 connection with this exporter_master_secret."""
    def expand(key, label, data, size):
        info = (size.to_bytes(2, 'big') + bytes((6 + len(label),)) + b'tls13 ' + label
                + bytes((len(data),)) + data)
        out, block = b'', b''
        while len(out) < size:
            block = hmac.new(key, block + info + bytes((len(out) // len(block or b'x') + 1,)),
                             digest).digest()
            out += block
        return out[:size]
    empty = hashlib.new(digest, b'').digest()
    derived = expand(secret, b'EXPORTER-Channel-Binding', empty, len(empty))
    return expand(derived, b'exporter', empty, 32)


class Ca(adcs.Ca):
    """The CA and its EST requests."""

    def __init__(self, pki, log_dir, life_days=None):
        super().__init__(pki, log_dir, life_days)
        self.findings = []  # what was wrong with requests, as texts
        self.posts = []     # (operation, Csr, bound) of each one that could be read
        self.hook = None    # called with "before" and "after" around each reply
        self.rolled = None
        self.secrets = os.path.join(log_dir, 'keylog')

    def context(self, server, **options):
        """A TLS context for the server's certificate, that knows this CA's clients."""
        clients = self.pki.path('est-clients.pem')
        with open(clients, 'w') as out:
            for cert in self.pki.chain():
                out.write(der.to_pem(cert.der, 'CERTIFICATE'))
        made = tls.context(server, client_ca=clients, **options)
        made.keylog_filename = self.secrets
        return made

    def rollover(self):
        """The next root: NewWithNew, NewWithOld, OldWithNew, and the second by a stranger."""
        if self.rolled is None:
            key, pki = x509.make_key(os.path.join(self.log_dir, 'next-root.key'), 'rsa2048'), self.pki
            name, now = pki.root.subject, self.now()

            def certify(issuer_key, issuer_spki, spki, serial):
                return x509.make_cert(name, issuer_key, name, spki,
                                      now - datetime.timedelta(days=1),
                                      now + datetime.timedelta(days=3000), x509.serial_for(serial),
                                      [x509.ext_key_usage((5, 6)), x509.ext_basic(True),
                                       x509.ext_ski(spki), x509.ext_aki(issuer_spki)])
            new, old = x509.spki_of_key(key), pki.root.spki
            self.rolled = (certify(key, new, new, 31), certify(pki.path('root.key'), old, new, 32),
                           certify(key, new, old, 33),
                           certify(pki.path('stranger.key'), old, new, 34))
        return self.rolled

    def ca_set(self, words):
        certs = [c.der for c in self.pki.chain()]
        if 'foreign-ca' in words:
            certs = self.stranger_issuer()[1]
        if 'next-root' in words or 'forged-root' in words:
            new, by_old, by_new, forged = self.rollover()
            certs += [by_new, forged if 'forged-root' in words else by_old, new]
        if 'many' in words:
            certs = certs * 5
        return certs[::-1] if 'reversed' in words else certs

    # -- requests

    def refuse(self, text, status=400):
        self.findings.append(text)
        return Refused(status, text)

    def check_binding(self, csr, binding, words):
        if csr.challenge is None:
            if 'want-binding' in words:
                raise self.refuse('the request is not bound')
        elif csr.challenge != base64.b64encode(binding or b'').decode():
            raise self.refuse('bound to another connection: ' + csr.challenge)

    def old_of(self, csr):
        """The record that a request renews: the newest of its subject and key usage."""
        usage = csr.ext(x509.OID_KU)
        same = [r for r in self.records.all if r.cert.subject == csr.subject
                and (r.cert.ext(x509.OID_KU) or (None,) * 4)[3] == usage]
        if not same:
            raise self.refuse('the subject or the key usage is not of a certificate here')
        old = same[-1]
        if not old.cert.not_before <= self.now() < old.cert.not_after:
            raise self.refuse('the old certificate is not valid now', 403)
        # RFC 7030 4.2.2 wants subject and SAN; an RA's certificate has the rest from its template.
        template = (x509.OID_EKU, x509.OID_TEMPLATE_V1, x509.OID_TEMPLATE_V2)
        for number in (x509.OID_SAN,) + (template if old.cert.template else ()):
            was = old.cert.ext(number)
            if (was[3] if was else None) != csr.ext(number):
                raise self.refuse('extension %s differs from the old' % number)
        return old

    def submit_csr(self, operation, data, csr, words):
        """The Request, new or known by its public key."""
        known = [r for r in self.requests.values() if r.csr.spki == csr.spki and r.waits]
        if known:
            if known[-1].data != data and csr.challenge is None:
                self.findings.append('the same request came with other bytes')
            return known[-1]
        again = operation == 'simplereenroll'
        old = self.old_of(csr) if again else next(
            (r for r in self.records.all if r.cert.subject == csr.subject
             and (r.cert.ext(x509.OID_KU) or (None,) * 4)[3] == csr.ext(x509.OID_KU)), None)
        template = old.cert.template if old else None
        request = adcs.Request(self.next_id, scep.Verdict(old, template or 'device', csr), data)
        self.next_id += 1
        request.csr, request.operation, request.waits, request.txid = csr, operation, False, None
        request.words = {n: a for n, a in words.items() if n in adcs.CERT_WORDS}
        self.requests[request.id] = request
        with open(os.path.join(self.log_dir, 'requests', '%04d.der' % request.id), 'wb') as out:
            out.write(data)
        if 'pend' in words:
            request.state, request.waits = adcs.PENDING, True
        elif 'deny' in words:
            request.state = adcs.DENIED
        else:
            self.issue(request)
        return request

    def issue(self, request):
        if request.template in x509.TEMPLATES:
            super().issue(request)
        else:
            self.issue_as_asked(request, (tls.CLIENT_AUTH,))


class Handler(adcs.Handler):
    """The EST server's web side; the wire words are adcs.Handler's."""

    server_version = 'EST/1.0'

    def setup(self):
        super().setup()
        self.peer = self.connection.getpeercert(True)
        self.binding = self.channel_binding()

    def channel_binding(self):
        if self.connection.version() == 'TLSv1.2':
            return self.connection.get_channel_binding('tls-unique')
        digest = 'sha384' if self.connection.cipher()[0].endswith('SHA384') else 'sha256'
        with open(self.ca.secrets) as source:
            found = [line.split()[2] for line in source if line.startswith('EXPORTER_SECRET ')]
        return exporter(bytes.fromhex(found[-1]), digest)

    def answer(self, body):
        ca = self.ca
        self.connection_log['requests'] += 1
        path = self.path[len(WELL_KNOWN):] if self.path.startswith(WELL_KNOWN) else ''
        label, _, operation = path.rpartition('/')
        where = PLACES.get(operation)
        self.event = {'conn': self.connection_log['id'], 'nth': self.connection_log['requests'],
                      'method': self.command, 'path': self.path, 'where': where,
                      'body': len(body), 'type': self.headers.get('Content-Type'),
                      'tls': self.connection.version(),
                      'client': x509.Cert(self.peer).sha1 if self.peer else None,
                      'auth': (self.headers.get('Authorization') or '').split(' ')[0] or None}
        if ca.hook:
            ca.hook('before')
        with ca.lock:
            words = ca.words(None, where) if where else {}
            method = 'POST' if where == 'enroll' else 'GET'
            if self.wire_status(words, where):
                pass
            elif where is None or self.command != method or label != words.get('label', ''):
                self.say(words, 404, 'there is nothing here')
            elif where == 'cacert':
                self.give(words, ca.ca_set(words))
            elif where == 'attrs':
                self.csrattrs(words)
            else:
                self.enroll(operation, body, words)
        ca.note(self.event)
        if ca.hook:
            ca.hook('after')

    def say(self, words, status, text, more=()):
        self.event['said'] = text
        self.reply(words, status, 'Words', 'text/plain', text.encode('utf-8'), more)

    def encode(self, words, data):
        if 'cut-reply' in words:
            data = data[:len(data) // 2]
        if 'huge-reply' in words:
            data += bytes(40000)
        if 'binary' in words:
            return data
        text = base64.b64encode(data) if 'unwrapped' in words else base64.encodebytes(data)
        if 'crlf' in words:
            text = text.replace(b'\n', b'\r\n')
        if 'armour' in words:
            text = b'-----BEGIN PKCS7-----\n' + text + b'-----END PKCS7-----\n'
        return text + b'\x00' if 'nul' in words else text

    def give(self, words, certs):
        data = adcs.p7b(certs, 'ber' in words)
        kind = 'text/html' if 'wrong-type' in words else \
            'application/pkcs7-mime; smime-type=certs-only'
        self.reply(words, 200, 'OK', kind, self.encode(words, data),
                   [('Content-Transfer-Encoding', 'base64'), ('Status', '200 OK')])

    def csrattrs(self, words):
        if 'attrs' not in words:
            self.reply({}, 204, 'No Content', None, b'')
            return
        self.reply(words, 200, 'OK', 'application/csrattrs',
                   self.encode(words, ATTRS[words['attrs']]))

    def may_ask(self, words):
        """A certificate of ours in TLS, or name and password."""
        if self.peer:
            record = self.ca.records.by_der(self.peer)
            if record is None or record.revoked:
                raise self.ca.refuse('the client certificate is not one of ours', 403)
            return True
        return 'want-cert' not in words and self.ca.auth is not None and self.allowed()

    def enroll(self, operation, body, words):
        ca = self.ca
        try:
            if not self.may_ask(words):
                self.unauthorised(words)
                return
            data = self.read_request(body)
            csr = scep.Csr(data)
            template = next((r.cert.template for r in ca.records.all
                             if r.cert.subject == csr.subject and r.cert.ext(x509.OID_KU)
                             and r.cert.ext(x509.OID_KU)[3] == csr.ext(x509.OID_KU)), None)
            if template in ca.modes:
                words = ca.words(template, 'enroll')
            ca.posts.append((operation, csr, csr.challenge is not None))
            ca.check_binding(csr, self.binding, words)
            if 'bad' in words:
                raise Refused(400, 'The request is not to the taste of the registrar')
            request = ca.submit_csr(operation, data, csr, words)
        except Refused as why:
            self.event['refused'] = str(why)
            self.say(words, why.status, str(why))
            return
        except (scep.Bad, der.DerError, ValueError) as why:
            ca.findings.append('not a request: %s' % why)
            self.say(words, 400, 'not a request')
            return
        self.event.update(id=request.id, template=request.template, operation=operation,
                          state=request.as_json()['state'])
        self.tell(request, words)

    def tell(self, request, words):
        if request.state == adcs.PENDING:
            more, seconds = [], int(words.get('retry') or words.get('retry-date') or 3)
            if 'retry-date' in words:
                more = [('Retry-After', self.date_time_string(
                    adcs.time.time() + self.ca.offset + seconds))]
            elif 'no-retry' not in words:
                more = [('Retry-After', str(seconds))]
            self.reply(words, 202, 'Accepted', 'text/plain', b'', more)
            return
        request.waits = False
        if request.state != adcs.ISSUED:
            self.say(words, 403, 'Denied by the registrar: ask at the desk, room 12')
            return
        certs = [request.cert]
        if 'extra' in words:
            certs = request.chain + certs
        self.give(words, certs)

    def read_request(self, body):
        """The PKCS#10 in a body; each line at most 76 characters and ended [RFC 8951 3.1]."""
        if self.headers.get('Content-Type') != 'application/pkcs10':
            raise self.ca.refuse('Content-Type is %s' % self.headers.get('Content-Type'))
        return base64.b64decode(b''.join(body.split()), validate=True)


def main():
    parser = argparse.ArgumentParser(description='stand-in for an EST server')
    parser.add_argument('--pki', required=True, help='directory made by pki.py')
    parser.add_argument('--log', required=True, help='directory for the log and the requests')
    parser.add_argument('--port', type=int, default=8443)
    parser.add_argument('--host', default='localhost', help='name in the server certificate')
    parser.add_argument('--auth', help='user:password that may enrol')
    parser.add_argument('--mode', action='append', default=[], help='WORD,WORD...')
    parser.add_argument('--lifetime', type=float, default=3600, help='seconds until it ends itself')
    args = parser.parse_args()
    ca = Ca(pki_room.Pki(args.pki), args.log)
    ca.auth = tuple(args.auth.split(':', 1)) if args.auth else None
    for mode in args.mode:
        ca.set_mode(mode.split(','))
    web = tls.certificate(ca.pki, 'web', hosts=(args.host,), addresses=('127.0.0.1',))
    server = adcs.Server(('127.0.0.1', args.port), type('Est', (Handler,), {'ca': ca}),
                         ca.context(web))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    print('ready https://127.0.0.1:%d%s' % (server.server_address[1], WELL_KNOWN), flush=True)
    try:
        ca.stop.wait(args.lifetime)
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == '__main__':
    sys.exit(main())
