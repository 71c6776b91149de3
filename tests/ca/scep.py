#!/usr/bin/env python3
"""A stand-in for a SCEP server (RFC 8894), on 127.0.0.1 only.

    python3 tests/ca/scep.py --pki DIR --log DIR --port 8080

Serves GetCACaps, GetCACert, GetNextCACert and PKIOperation by GET and POST under any path.
Encryption, decryption and every signature are the openssl command's; the messages around them
are der.py's. Each pkiMessage is judged (class Message): what is wrong with it is written down
and refused. The CA behind it, its records and its certificate mode words are adcs.py's; what is
SCEP's own is said in these words:

  decisions   issue  pend  fail[:FAILINFO]
  failures    ndes (one byte of content, no certificates, an HRESULT)  failtext
  types       no-renewal (not offered)  refuse-17  no-poll (CertPoll is unknown)
  caps        no-post  no-caps  html-caps  weak-caps (DES3 and SHA-1 only)  long-caps
  CA set      one-ca (the CA itself does all)  reversed  two-gens  foreign-ca
              next-ca (the root signs it; with `by-issuing` the CA below it, or a stranger)
  replies     wrong-nonce  wrong-txid  replay  stranger  wrong-recipient  zero-success
              no-content  ber  base64  wrapped  no-type  oaep  oaep256  des3  des  reply-sha1  sha512
              bad-signature-reply  request-type  huge-reply  cut-reply
              large-reply (LARGE bytes, with revocation lists nobody asked for)
  demands     challenge:TEXT (of each PKCSReq; with `challenge-17` of renewals too)
"""
import argparse
import base64
import datetime
import hashlib
import os
import sys
import tempfile
import urllib.parse

import adcs
import der
import pki as pki_room
import x509

SCEP_WORDS = ('ndes', 'failtext', 'no-renewal', 'refuse-17', 'no-poll', 'no-post', 'no-caps',
              'html-caps', 'weak-caps', 'long-caps', 'one-ca', 'two-gens', 'next-ca', 'by-issuing', 'foreign-ca',
              'wrong-nonce', 'wrong-txid', 'replay', 'stranger', 'wrong-recipient', 'zero-success',
              'no-content', 'base64', 'wrapped', 'oaep', 'oaep256', 'des3', 'des', 'reply-sha1', 'sha512',
              'bad-signature-reply', 'request-type', 'huge-reply', 'large-reply', 'cut-reply',
              'challenge', 'challenge-17')
LARGE = 12 * 1024  # the least that an appliance has to take
adcs.WORDS += SCEP_WORDS
adcs.WHERES += ('caps', 'next', 'pki')

VERISIGN = '2.16.840.1.113733.1.9.'
OID_TYPE, OID_STATUS, OID_INFO = VERISIGN + '2', VERISIGN + '3', VERISIGN + '4'
OID_SENDER, OID_RECIPIENT, OID_TXID = VERISIGN + '5', VERISIGN + '6', VERISIGN + '7'
OID_TEXT, OID_HRESULT = '1.3.6.1.5.5.7.24.1', '1.3.6.1.4.1.311.21.33'
OID_DATA, OID_SIGNED = '1.2.840.113549.1.7.1', '1.2.840.113549.1.7.2'
OID_CONTENT_TYPE, OID_DIGEST = '1.2.840.113549.1.9.3', '1.2.840.113549.1.9.4'
OID_EXT_REQUEST, OID_CHALLENGE = '1.2.840.113549.1.9.14', '1.2.840.113549.1.9.7'
CIPHERS = {'2.16.840.1.101.3.4.1.2': 'aes128', '2.16.840.1.101.3.4.1.42': 'aes256',
           '1.2.840.113549.3.7': 'des3', '1.3.14.3.2.7': 'des'}
DIGESTS = {number: name for name, number in x509.DIGEST_OIDS.items()}
TYPES = {17: 'RenewalReq', 19: 'PKCSReq', 20: 'CertPoll', 21: 'GetCert'}
BAD_ALG, BAD_CHECK, BAD_REQUEST, BAD_TIME, BAD_CERT_ID = range(5)
HRESULT_NDES = -2147024809  # 0x80070057, as a captured failure has it
LEGACY = ('-provider', 'default', '-provider', 'legacy')


class Bad(Exception):
    """The message is refused, with this failInfo."""

    def __init__(self, info, text):
        super().__init__(text)
        self.info = info


def pem_file(where, name, data):
    path = os.path.join(where, name)
    with open(path, 'w') as out:
        out.write(der.to_pem(data, 'CERTIFICATE'))
    return path


def attributes_of(node):
    """{oid: value node} of signedAttrs, and whether they are in DER's order."""
    found = {}
    for attribute in node.children:
        number, values = attribute.children[0].oid(), attribute.children[1].children
        if number in found or len(values) != 1:
            raise Bad(BAD_REQUEST, 'attribute %s is there twice, or not once' % number)
        found[number] = values[0]
    return found, der.is_sorted(node.children)


class Message:
    """A pkiMessage that came in, taken apart by der.py and checked by openssl."""

    def __init__(self, data, ra_cert, ra_key):
        self.data = data
        outer = der.read(data).children
        signed = outer[1].children[0].children
        self.certs = [x509.Cert(n.raw) for n in signed[3].children] if signed[3].tag == 0xa0 else []
        info = signed[-1].children[0].children
        self.digest = DIGESTS.get(info[2].children[0].oid(), '?')
        self.attributes, self.sorted = attributes_of(info[3])
        self.type = int(self.attributes[OID_TYPE].expect(0x13, 'messageType').content)
        self.txid = self.attributes[OID_TXID].expect(0x13, 'transactionID').content.decode()
        self.nonce = self.attributes[OID_SENDER].expect(0x04, 'senderNonce').content
        issuer, serial = info[1].children[0].raw, info[1].children[1].content
        self.signer = next((c for c in self.certs if c.issuer == issuer and c.serial == serial),
                           None)
        if self.signer is None:
            raise Bad(BAD_CHECK, "the signer's certificate is not in the message")
        with tempfile.TemporaryDirectory() as where:
            self.open(where, ra_cert, ra_key)

    def open(self, where, ra_cert, ra_key):
        """Verify and decrypt, both by openssl."""
        message, sealed, inner = (os.path.join(where, n) for n in ('m', 'e', 'i'))
        with open(message, 'wb') as out:
            out.write(self.data)
        code, _, why = x509.openssl('cms', '-verify', '-noverify', '-purpose', 'any', '-binary',
                                    '-inform', 'DER', '-in', message, '-out', sealed, check=False)
        if code:
            raise Bad(BAD_CHECK, 'openssl does not verify it: ' + why)
        with open(sealed, 'rb') as source:
            envelope = source.read()
        parts = der.read(envelope).children[1].children[0].children
        content = parts[2].children
        self.cipher = CIPHERS.get(content[1].children[0].oid(), '?')
        code, _, why = x509.openssl('cms', '-decrypt', '-binary', '-inform', 'DER', '-in', sealed,
                                    '-recip', pem_file(where, 'r', ra_cert.der), '-inkey', ra_key,
                                    '-out', inner, *LEGACY, check=False)
        if code:
            raise Bad(BAD_CHECK, 'openssl does not decrypt it: ' + why)
        with open(inner, 'rb') as source:
            self.content = source.read()


class Csr:
    """The PKCS#10 inside."""

    def __init__(self, data):
        code, _, why = x509.openssl('req', '-verify', '-noout', '-inform', 'DER', data=data,
                                    check=False)
        if code or 'verify failure' in why:
            raise Bad(BAD_REQUEST, 'openssl does not verify the PKCS#10: ' + why)
        info = der.read(data).children[0].children
        self.subject, self.spki = info[1].raw, info[2].raw
        self.challenge, self.extensions = None, []
        for attribute in info[3].children:
            value = attribute.children[1].children[0]
            number = attribute.children[0].oid()
            if number == OID_CHALLENGE:
                self.challenge = value.content.decode()
            elif number == OID_EXT_REQUEST:
                self.extensions = x509.read_extensions(value)

    def ext(self, number):
        return next((e[3] for e in self.extensions if e[0] == number), None)


class Verdict:
    """In the shape that adcs.Request and Ca.issue ask for."""

    def __init__(self, old, template, csr):
        self.old, self.template = old, template
        self.spki, self.subject = csr.spki, csr.subject
        self.good, self.hresult, self.findings = True, 0, []

    def as_json(self):
        return {'good': self.good, 'template': self.template, 'findings': self.findings}


class Ca(adcs.Ca):
    """The CA, its RA certificates and its SCEP transactions."""

    def __init__(self, pki, log_dir, life_days=None):
        super().__init__(pki, log_dir, life_days)
        self.by_txid = {}
        self.messages = []   # every Message that could be read
        self.findings = []   # what was wrong with messages, as texts
        self.last_reply = None
        self.hook = None     # called with "before" and "after" around each reply
        now = self.now()
        self.ra = {}
        for name, usage in (('sign', (0,)), ('seal', (2,)), ('old-seal', (2,)), ('next-sign', (0,))):
            key = x509.make_key(os.path.join(log_dir, name + '.key'), 'rsa2048')
            born = now - datetime.timedelta(days=600 if name.startswith('old') else 30)
            extensions = [x509.ext_key_usage(usage), x509.ext_eku(('1.3.6.1.4.1.311.20.2.1',)),
                          x509.ext_ski(x509.spki_of_key(key)), x509.ext_aki(pki.issuer.spki)]
            data = x509.make_cert(pki.issuer.subject, pki.issuer_key,
                                  x509.name('C=US,O=Example,CN=SCEP RA'), x509.spki_of_key(key),
                                  born, now + datetime.timedelta(days=700),
                                  x509.serial_for(900 + len(self.ra)), extensions)
            self.ra[name] = (x509.Cert(data), key)
        self.next_root = None

    def role(self, name, words):
        """(certificate, key path) that signs replies or opens requests."""
        if 'one-ca' in words:
            return self.pki.issuer, self.pki.issuer_key
        return self.ra[name]

    def ca_set(self, words):
        chain = [c.der for c in self.pki.chain()]
        if 'one-ca' in words:
            certs = chain[:1]
        else:
            certs = [self.ra['sign'][0].der, self.ra['seal'][0].der] + chain
        if 'two-gens' in words:
            certs = [self.ra['old-seal'][0].der, self.ra['next-sign'][0].der] + certs
        if 'foreign-ca' in words:
            stranger = self.stranger_issuer()[1]
            certs = stranger
        return certs[::-1] if 'reversed' in words else certs

    def rollover(self):
        """The next root: same name, new key, later."""
        if self.next_root is None:
            key = x509.make_key(os.path.join(self.log_dir, 'next-root.key'), 'rsa2048')
            spki, now = x509.spki_of_key(key), self.now()
            data = x509.make_cert(self.pki.root.subject, key, self.pki.root.subject, spki,
                                  now - datetime.timedelta(days=1),
                                  now + datetime.timedelta(days=365 * 30), x509.serial_for(3),
                                  [x509.ext_key_usage((5, 6)), x509.ext_basic(True),
                                   x509.ext_ski(spki)])
            self.next_root = (x509.Cert(data), key)
        return self.next_root

    # -- requests

    def refuse(self, info, text):
        self.findings.append(text)
        return Bad(info, text)

    def submit_message(self, message, words):
        """PKCSReq and RenewalReq: the Request, new or known by its transaction id."""
        known = self.by_txid.get(message.txid)
        csr = Csr(message.content)
        if known and known.spki_of_csr == csr.spki and known.state in (adcs.PENDING, adcs.ISSUED):
            return known
        signer = message.signer
        record = self.records.by_der(signer.der)
        now = self.now()
        if not message.sorted:
            raise self.refuse(BAD_REQUEST, 'signed attributes are not in the order of DER')
        if len(message.nonce) != 16:
            raise self.refuse(BAD_REQUEST, 'senderNonce has %d bytes' % len(message.nonce))
        if message.type == 17 and record is None:
            raise self.refuse(BAD_CHECK, 'a RenewalReq by a certificate that is not ours')
        # RFC 8894 2.3 wants the same subject too; scepclient names itself otherwise.
        if record is None and (signer.subject != signer.issuer or signer.spki != csr.spki):
            raise self.refuse(BAD_CHECK, 'a PKCSReq by a stranger')
        if record and not record.cert.not_before <= now < record.cert.not_after:
            raise self.refuse(BAD_TIME, 'the old certificate is not valid now')
        # The renewed certificate is the signer, or another of ours with this subject and usage.
        old = record
        if record:
            usage = csr.ext(x509.OID_KU)
            same = [r for r in self.records.all if r.cert.subject == csr.subject
                    and (r.cert.ext(x509.OID_KU) or (None,) * 4)[3] == usage]
            old = record if record in same else (same[-1] if same else None)
            if old is None:
                raise self.refuse(BAD_REQUEST, 'the subject or the key usage is not the old one')
            for number in (x509.OID_EKU, x509.OID_SAN, x509.OID_TEMPLATE_V1):
                was = old.cert.ext(number)
                if (was[3] if was else None) != csr.ext(number):
                    raise self.refuse(BAD_REQUEST, 'extension %s differs from the old' % number)
        wanted = words.get('challenge')
        if wanted and (not record or 'challenge-17' in words) and csr.challenge != wanted:
            raise Bad(BAD_REQUEST, 'the challenge password is wrong')
        if csr.challenge and record and 'challenge-17' not in words:
            raise self.refuse(BAD_REQUEST, 'a challenge password in a renewal')
        template = old.cert.template if old else None
        verdict = Verdict(old, template or 'device', csr)
        request = adcs.Request(self.next_id, verdict, message.data)
        self.next_id += 1
        request.txid, request.signer, request.csr = message.txid, signer, csr
        request.spki_of_csr, request.type = csr.spki, message.type
        request.words = {n: a for n, a in words.items() if n in adcs.CERT_WORDS}
        self.requests[request.id] = self.by_txid[message.txid] = request
        with open(os.path.join(self.log_dir, 'requests', '%04d.der' % request.id), 'wb') as out:
            out.write(message.data)
        if 'pend' in words:
            request.state = adcs.PENDING
        else:
            self.issue(request)
        return request

    def issue(self, request):
        if request.template in x509.TEMPLATES:
            super().issue(request)
            return
        self.issue_as_asked(request)

    # -- replies

    def seal(self, certs, signer, words):
        """The degenerate SignedData, encrypted to the request's signer by openssl."""
        data = adcs.p7b(certs, 'ber' in words)
        if 'wrong-recipient' in words:
            signer = self.ra['old-seal'][0]
        cipher = ('-des-cbc' if 'des' in words else '-des3' if 'des3' in words or 'weak-caps' in words
                  else '-aes-256-cbc' if 'sha512' in words else '-aes-128-cbc')
        with tempfile.TemporaryDirectory() as where:
            padding = ()
            if 'oaep' in words or 'oaep256' in words:
                padding = ('-keyopt', 'rsa_padding_mode:oaep')
                if 'oaep256' in words:
                    padding += ('-keyopt', 'rsa_oaep_md:sha256', '-keyopt', 'rsa_mgf1_md:sha256')
            stream = ('-stream', '-indef') if 'ber' in words else ()
            return x509.openssl('cms', '-encrypt', '-binary', '-outform', 'DER', cipher, *stream,
                                '-recip', pem_file(where, 'r', signer.der), *padding, *LEGACY,
                                data=data)

    def cert_rep(self, message, status, words, info=None, text=None, content=None):
        """A CertRep; `content` are the bytes inside, None: absent."""
        cert, key = self.role('sign', words)
        if 'stranger' in words:
            key = self.pki.path('stranger.key')
            cert = self.pki.stranger
        digest = 'sha1' if 'reply-sha1' in words or 'weak-caps' in words else \
            'sha512' if 'sha512' in words else 'sha256'
        nonce = os.urandom(16) if 'wrong-nonce' in words else message.nonce
        txid = 'f' * 32 if 'wrong-txid' in words else message.txid

        def attribute(number, value):
            return der.seq(der.oid(number), der.set_of(value))

        attributes = [
            attribute(OID_CONTENT_TYPE, der.oid(OID_DATA)),
            attribute(OID_DIGEST, der.octets(hashlib.new(digest, content or b'').digest())),
            attribute(OID_TYPE, der.printable('19' if 'request-type' in words else '3')),
            attribute(OID_STATUS, der.printable(str(status))),
            attribute(OID_TXID, der.printable(txid)),
            attribute(OID_RECIPIENT, der.octets(nonce)),
            attribute(OID_SENDER, der.octets(os.urandom(16)))]
        if info is not None:
            attributes.append(attribute(OID_INFO, der.printable(str(info))))
        if text:
            attributes.append(attribute(OID_TEXT, der.utf8(text)))
        if info is not None and 'ndes' in words:
            attributes.append(attribute(OID_HRESULT, der.printable(str(HRESULT_NDES))))
        whole = b''.join(sorted(attributes))
        signature = x509.sign(key, der.tlv(0x31, whole), digest)
        if 'bad-signature-reply' in words:
            signature = signature[:-1] + bytes((signature[-1] ^ 1,))
        algorithm = der.seq(der.oid(x509.DIGEST_OIDS[digest]), der.null())
        signer_info = der.seq(der.integer(1), der.seq(cert.issuer, der.tlv(0x02, cert.serial)),
                              algorithm, der.tlv(0xa0, whole),
                              der.seq(der.oid(x509.OID_RSA), der.null()), der.octets(signature))
        certs = b'' if 'ndes' in words else der.context(0, cert.der)
        if 'large-reply' in words:
            certs += der.context(1, der.seq(der.octets(os.urandom(LARGE - len(content or b'')))))
        if 'ber' in words and content:
            # Constructed and of indefinite length, in two pieces, as BER allows.
            half = len(content) // 2
            octets = (b'\x24\x80' + der.octets(content[:half]) + der.octets(content[half:])
                      + b'\x00\x00')
            inner = (b'\x30\x80' + der.oid(OID_DATA) + b'\xa0\x80' + octets + b'\x00\x00\x00\x00')
            return (b'\x30\x80' + der.oid(OID_SIGNED) + b'\xa0\x80\x30\x80' + der.integer(1)
                    + der.set_of(algorithm) + inner + certs + der.set_of(signer_info)
                    + b'\x00\x00' * 3)
        inner = der.seq(der.oid(OID_DATA),
                        der.context(0, der.octets(content)) if content is not None else b'')
        return der.seq(der.oid(OID_SIGNED),
                       der.context(0, der.seq(der.integer(1), der.set_of(algorithm), inner, certs,
                                              der.set_of(signer_info))))

    def failure(self, message, info, words, text=None):
        content = b'\x00' if 'ndes' in words else None
        return self.cert_rep(message, 2, words, info, text, content)

    def answer(self, message, words):
        """The CertRep for a message, as bytes."""
        if 'fail' in words:
            text = 'Not today, says the registrar' if 'failtext' in words else None
            return self.failure(message, int(words['fail'] or BAD_REQUEST), words, text)
        if message.type == 17 and 'refuse-17' in words:
            return self.failure(message, BAD_REQUEST, words)
        if message.type == 20:
            request = self.by_txid.get(message.txid)
            if 'no-poll' in words or request is None:
                return self.failure(message, BAD_CERT_ID, words)
            subject = der.read(message.content).children[1].raw
            if subject != request.csr.subject:
                self.findings.append('CertPoll asks for another subject')
                return self.failure(message, BAD_CERT_ID, words)
        elif message.type == 21:
            serial = der.read(message.content).children[1].content
            request = next((r for r in self.requests.values()
                            if r.cert and x509.Cert(r.cert).serial == serial), None)
            if request is None:
                return self.failure(message, BAD_CERT_ID, words)
        else:
            request = self.submit_message(message, words)
        if request.state == adcs.PENDING:
            return self.cert_rep(message, 3, words)
        if request.state != adcs.ISSUED:
            return self.failure(message, BAD_REQUEST, words)
        if 'zero-success' in words:
            return self.cert_rep(message, 0, words, content=b'')
        if 'no-content' in words:
            return self.cert_rep(message, 0, words)
        certs = [request.cert] + request.chain
        return self.cert_rep(message, 0, words,
                             content=self.seal(certs[::-1] if 'reversed' in words else certs,
                                               message.signer, words))


class Handler(adcs.Handler):
    """The SCEP server's web side; the wire words are adcs.Handler's."""

    server_version = 'SCEP/1.0'

    def answer(self, body):
        ca = self.ca
        self.connection_log['requests'] += 1
        query = urllib.parse.urlsplit(self.path).query
        # A '+' that was not escaped is a blank, as it is to any server.
        items = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        operation = items.get('operation', '')
        where = {'GetCACaps': 'caps', 'GetCACert': 'cacert', 'GetNextCACert': 'next',
                 'PKIOperation': 'pki'}.get(operation)
        self.event = {'conn': self.connection_log['id'], 'nth': self.connection_log['requests'],
                      'method': self.command, 'path': self.path.split('message=')[0],
                      'where': where, 'body': len(body), 'target': len(self.path),
                      'type': self.headers.get('Content-Type'), 'ca_id': items.get('message')
                      if where != 'pki' else None}
        if ca.hook:
            ca.hook('before')
        with ca.lock:
            self.serve_operation(where, items, body)
        ca.note(self.event)
        if ca.hook:
            ca.hook('after')

    def serve_operation(self, where, items, body):
        ca = self.ca
        if where == 'pki':
            self.pki(items, body)
            return
        words = ca.words(None, where) if where else {}
        if self.wire_status(words, where):
            return
        if where == 'caps':
            self.caps(words)
        elif where == 'cacert':
            certs = ca.ca_set(words)
            if len(certs) == 1:
                self.reply(words, 200, 'OK', 'application/x-x509-ca-cert', certs[0])
            else:
                self.reply(words, 200, 'OK', 'application/x-x509-ca-ra-cert',
                           adcs.p7b(certs, 'ber' in words))
        elif where == 'next' and 'next-ca' in words:
            self.next_ca(words)
        else:
            self.reply(words, 404, 'Not Found', 'text/html', b'<h1>404</h1>')

    def caps(self, words):
        caps = ['POSTPKIOperation', 'Renewal', 'SHA-1', 'SHA-256', 'SHA-512', 'AES', 'DES3',
                'SCEPStandard', 'Something-New']
        if 'weak-caps' in words:
            caps = ['POSTPKIOperation', 'Renewal', 'DES3', 'SHA-1']
        if 'no-renewal' in words:
            caps.remove('Renewal')
        if 'no-post' in words:
            caps = [c for c in caps if c not in ('POSTPKIOperation', 'SCEPStandard')]
        if 'next-ca' in words:
            caps.append('GetNextCACert')
        body = ('\n' if 'lf' in words else '\r\n').join(caps).encode()
        if 'no-caps' in words:
            body = b''
        if 'html-caps' in words:
            body = b'<html><body>This operation is not known here</body></html>'
        if 'long-caps' in words:
            body += b'\nX' * 2000
        self.reply(words, 200, 'OK', 'text/plain', body)

    def next_ca(self, words):
        ca = self.ca
        with tempfile.TemporaryDirectory() as where:
            signer, key = ca.pki.root, ca.pki.path('root.key')
            if 'stranger' in words:
                signer, key = ca.pki.stranger, ca.pki.path('stranger.key')
            elif 'by-issuing' in words:
                signer, key = ca.pki.issuer, ca.pki.issuer_key
            cert = pem_file(where, 'c', signer.der)
            data = x509.openssl('cms', '-sign', '-nodetach', '-binary', '-md', 'sha256', '-signer',
                                cert, '-inkey', key, '-outform', 'DER',
                                data=adcs.p7b([ca.rollover()[0].der]))
        self.reply(words, 200, 'OK', 'application/x-x509-next-ca-cert', data)

    def pki(self, items, body):
        ca = self.ca
        if self.command == 'GET':
            try:
                body = base64.b64decode(items.get('message', ''), validate=True)
            except ValueError:
                ca.findings.append('the message in the query is not base64')
                self.reply({}, 500, 'Internal Server Error', 'text/plain', b'bad base64')
                return
        elif (self.headers.get('Content-Type') or '') != 'application/x-pki-message':
            ca.findings.append('Content-Type is %s' % self.headers.get('Content-Type'))
        words = ca.words(None, 'pki')
        if self.wire_status(words, 'pki'):
            return
        if self.command == 'POST' and 'no-post' in words:
            ca.findings.append('a POST that was not offered')
        try:
            message = Message(body, *ca.role('seal', words))
        except (Bad, der.DerError, IndexError, KeyError, ValueError) as why:
            ca.findings.append('not a pkiMessage: %s' % why)
            self.reply(words, 400, 'Bad Request', 'text/plain', b'not a pkiMessage')
            return
        ca.messages.append(message)
        template = next((r.cert.template for r in ca.records.all
                         if r.cert.der == message.signer.der), None)
        if template in ca.modes:
            words = ca.words(template, 'pki')
        self.event.update(message=message.type, txid=message.txid, cipher=message.cipher,
                          digest=message.digest, words=sorted(words))
        try:
            reply = ca.answer(message, words)
        except Bad as why:
            self.event['refused'] = str(why)
            reply = ca.failure(message, why.info, words, str(why))
        if 'replay' in words and ca.last_reply:
            reply = ca.last_reply
        ca.last_reply = reply
        self.event['state'] = [r.state for r in ca.requests.values() if r.txid == message.txid]
        if 'huge-reply' in words:
            reply += b'\x00' * 40000
        if 'cut-reply' in words:
            reply = reply[:len(reply) // 2]
        if 'base64' in words:
            reply = base64.b64encode(reply)
        if 'wrapped' in words:
            reply = base64.encodebytes(reply).replace(b'\n', b'\r\n')
        self.reply(words, 200, 'OK', 'application/x-pki-message', reply)


def main():
    parser = argparse.ArgumentParser(description='stand-in for a SCEP server')
    parser.add_argument('--pki', required=True, help='directory made by pki.py')
    parser.add_argument('--log', required=True, help='directory for the log and the requests')
    parser.add_argument('--port', type=int, default=8080)
    parser.add_argument('--mode', action='append', default=[], help='WORD,WORD...')
    parser.add_argument('--lifetime', type=float, default=3600, help='seconds until it ends itself')
    args = parser.parse_args()
    ca = Ca(pki_room.Pki(args.pki), args.log)
    for mode in args.mode:
        ca.set_mode(mode.split(','))
    server = adcs.Server(('127.0.0.1', args.port), type('Scep', (Handler,), {'ca': ca}))
    adcs.threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    print('ready http://127.0.0.1:%d/scep' % server.server_address[1], flush=True)
    try:
        ca.stop.wait(args.lifetime)
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == '__main__':
    sys.exit(main())
