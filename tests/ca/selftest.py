#!/usr/bin/env python3
"""Tests the test CA by itself, with requests the firmware had no hand in.

    python3 tests/ca/selftest.py [-k WORD]

A judge that finds nothing is worth nothing, so most cases here are requests
with one fault each, and the case passes only when exactly the rule that
guards against it speaks (or rules, where one fault breaks two promises).
"""

import base64
import datetime
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

import adcs
import der
import judge
import netservices
import pki as pki_room
import request as make
import x509

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, '..', 'vectors', 'ms-wstep')
UTC = datetime.timezone.utc
CASES = []


def case(function):
    CASES.append(function)
    return function


class Ground:
    """PKIs, keys and a running CA, made once."""

    def __init__(self, where):
        self.where = where
        self.pki = pki_room.make(os.path.join(where, 'pki'), days_left=30)
        self.ec = pki_room.make(os.path.join(where, 'ec'), days_left=30, agent_key='p256',
                                ca_key='p384', sub_ca=False)
        self.v2 = pki_room.make(os.path.join(where, 'v2'), days_left=30, v2=True,
                                san='ra01.example.net')
        self.keys = {k: x509.make_key(os.path.join(where, k + '.key'), k)
                     for k in ('rsa1024', 'rsa2048', 'rsa3072', 'p256', 'p384', 'p521')}
        self.second_key = x509.make_key(os.path.join(where, 'second.key'), 'rsa2048')
        self.cep_key = x509.make_key(os.path.join(where, 'cep2.key'), 'rsa2048')
        self.ca = adcs.Ca(self.pki, os.path.join(where, 'log'))
        self.web, self.control = adcs.serve(self.ca)
        self.port = self.web.server_address[1]

    def old(self, role='agent', pki=None):
        pki = pki or self.pki
        return x509.load(pki.path(role + '.pem')), pki.path(role + '.key')

    def records(self, pki=None):
        records = adcs.Records()
        for role in ('agent', 'cep'):
            records.add(self.old(role, pki)[0].der, None, role)
        return records

    def connection(self):
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)

    def get(self, path, connection=None):
        link = connection or self.connection()
        link.request('GET', path, headers={'User-Agent': 'Mozilla/5.0 (test)'})
        reply = link.getresponse()
        return reply, reply.read()

    def post(self, body, connection=None, headers=None):
        link = connection or self.connection()
        link.request('POST', '/certsrv/certfnsh.asp', body,
                     dict({'User-Agent': 'Mozilla/5.0 (test)',
                           'Content-Type': 'application/x-www-form-urlencoded'},
                          **(headers or {})))
        reply = link.getresponse()
        return reply, reply.read()

    def good(self, role='agent', key=None):
        old, old_key = self.old(role)
        new_key = self.cep_key if role == 'cep' else self.second_key
        return make.renewal(old, old_key, key or new_key)

    def submit(self, role='agent', data=None, **options):
        return self.post(make.form(data or self.good(role), self.old(role)[0].template),
                         **options)

    def tell(self, path, value):
        link = http.client.HTTPConnection('127.0.0.1', self.control.server_address[1], timeout=20)
        link.request('POST', path, json.dumps(value))
        reply = link.getresponse()
        return reply.status, json.loads(reply.read())


def need(truth, text):
    if not truth:
        raise AssertionError(text)


def verdict_is(verdict, *rules):
    got = sorted({f.rule for f in verdict.findings})
    need(got == sorted(rules), 'findings %s, expected %s\n    %s' % (
        got, sorted(rules), '\n    '.join('%s 0x%08x %s' % f for f in verdict.findings)))


def issued_id(page):
    found = re.search(rb'certnew\.cer\?ReqID=(\d+)', page)
    return int(found.group(1)) if found else None


# ---------------------------------------------------------------- the PKI

@case
def pki_verifies_and_has_the_size_of_adcs(g):
    for role, usage, other in (('agent', 'Digital Signature', 'Key Enc'),
                               ('cep', 'Key Encipherment', 'Digital')):
        path = g.pki.path(role + '.pem')
        pki_room.verify(g.pki, datetime.datetime.now(UTC), (role + '.pem',))
        cert = x509.load(path)
        need(1400 <= len(cert.der) <= 1900, 'size %d' % len(cert.der))
        text = x509.openssl('x509', '-in', path, '-noout', '-text').decode()
        need('X509v3 Key Usage: critical\n                %s\n' % usage in text
             and other not in text.split('Key Usage')[1].split('X509v3')[0], 'key usage')
        need('ldap:///CN=' in text and 'http://' in text, 'CDP and AIA')
        end = x509.openssl('x509', '-in', path, '-noout', '-enddate').decode()
        left = (cert.not_after - datetime.datetime.now(UTC)).total_seconds() / 86400
        need(29.9 < left < 30.1 and cert.not_after.strftime('%b %e') in end, end)
        need(len(cert.serial) >= 10, 'serial number')
    need(x509.load(g.pki.path('agent.pem')).subject == x509.load(g.pki.path('cep.pem')).subject,
         'the subjects differ')


@case
def template_extension_has_the_documented_bytes(_):
    wanted = bytes.fromhex('303B06092B060104018237140204 2E1E2C0045006E0072006F006C006C006D'
                           '0065006E0074004100670065006E0074004F00660066006C0069006E0065'
                           .replace(' ', ''))
    need(x509.ext_template('EnrollmentAgentOffline') == wanted, 'EnrollmentAgentOffline')
    need(x509.ext_key_usage((0,)).hex() == '300e0603551d0f0101ff040403020780', 'KU agent')
    need(x509.ext_key_usage((2,)).hex() == '300e0603551d0f0101ff040403020520', 'KU cep')


@case
def der_reader_refuses_what_is_not_der(_):
    for text, why in (('3080 0000', 'indefinite'), ('308102 0500', 'long length'),
                      ('0202 0001', 'integer'), ('0101 01', 'boolean'), ('0302 0701', 'bits'),
                      ('0500 00', 'trailing'), ('0602 8001', 'oid'), ('2404 0402 0000', 'string'),
                      ('3003 0201', 'overrun'), ('1f8101 00', 'high tag'), ('30', 'short'),
                      ('0200', 'empty integer'), ('0501 00', 'null')):
        try:
            for _ in der.walk(der.read(bytes.fromhex(text.replace(' ', '')))):
                pass
        except der.DerError:
            continue
        raise AssertionError('accepted: ' + why)


# ---------------------------------------------------------------- the judge

@case
def genuine_windows_request_has_the_shape_we_ask_for(_):
    """Everything but its age is as we ask: SHA-1, and the User template with
    its S/MIME capabilities, are the only complaints."""
    def load(leaf):
        with open(os.path.join(VECTORS, leaf), 'rb') as source:
            return source.read()
    data = load('renewal-request.p7m')
    records = adcs.Records()
    records.add(load('old-cert.der'), None)
    old = records.all[0].cert
    at = old.not_before + datetime.timedelta(days=1)
    verdict = judge.judge(data, records, (), at)
    verdict_is(verdict, 'weak-digest', 'extension-stranger', 'unknown-template', 'key-family')
    need(old.template == 'User' and old.sha1 == 'D4C22B46EB4F23776A020FE2B07EA5B134AE578F',
         'old certificate')
    need(verdict.attributes == [judge.OID_OS_VERSION, judge.OID_CLIENT_INFO, judge.OID_CSP,
                                judge.OID_EXT_REQUEST, judge.OID_RENEWAL_CERT], 'attributes')
    flipped = bytearray(data)
    flipped[-1] ^= 1
    need('outer-signature' in [f.rule for f in judge.judge(bytes(flipped), records, (), at)
                               .findings], 'a flipped bit in the outer signature')
    flipped = data.replace(load('renewal-request-inner.p10'),
                           load('renewal-request-inner.p10')[:-1] + b'\x00')
    need('inner-signature' in [f.rule for f in judge.judge(flipped, records, (), at).findings],
         'a changed inner signature')


@case
def good_requests_are_good(g):
    now = datetime.datetime.now(UTC)
    for pki, role, key in ((g.pki, 'agent', 'rsa2048'), (g.pki, 'agent', 'rsa3072'),
                           (g.pki, 'agent', 'p256'), (g.pki, 'cep', 'rsa2048'),
                           (g.ec, 'agent', 'p384'), (g.ec, 'cep', 'rsa2048'),
                           (g.v2, 'agent', 'rsa2048'), (g.v2, 'cep', 'rsa3072')):
        old, old_key = g.old(role, pki)
        inner = make.pkcs10(g.keys[key], old.subject, make.extensions_like(old, g.keys[key]),
                            old.der)
        for data in (make.cms_openssl(inner, old, old_key, '-noattr'),
                     make.cms(inner, old, old_key)):
            verdict = judge.judge(data, g.records(pki),
                                  [('CertificateTemplate', old.template)], now)
            verdict_is(verdict)
            need(verdict.facts['template_named_by'] == ['extension', 'CertAttrib'], 'template')
            need(verdict.sizes['der'] <= 6000 or key != 'rsa2048', 'size %r' % verdict.sizes)


# name: (rules expected, function of (g, old, old_key, new_key) giving the DER)
def _inner(g, old, key, **options):
    options.setdefault('extensions', make.extensions_like(old, key))
    options.setdefault('renewal_cert', old.der)
    options.setdefault('subject', old.subject)
    return make.pkcs10(key, **options)


def _good_inner(g, old, key):
    return _inner(g, old, key)


def _swap(old, find, replace, key):
    return make.extensions_like(old, key, swap={find: replace})


def _bad(rules, build, **options):
    return rules, build, options


BAD = {
    'bare PKCS#10': _bad(['bare-request'], lambda g, o, ok, k: _inner(g, o, k)),
    'no renewal attribute': _bad(['no-renewal-attribute'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k, renewal_cert=None), o, ok)),
    "another role's certificate in the attribute": _bad(
        ['certificate', 'signer-id', 'key-usage', 'template-differs', 'template-extension'],
        lambda g, o, ok, k: make.cms(_inner(g, o, k, renewal_cert=g.old('cep')[0].der), o, ok)),
    'a CA certificate in the attribute': _bad(
        ['renewal-attribute'],
        lambda g, o, ok, k: make.cms(_inner(g, o, k, renewal_cert=g.pki.root.der), o, ok)),
    'two values in the renewal attribute': _bad(
        ['attribute-values', 'renewal-attribute'],
        lambda g, o, ok, k: make.cms(_inner(g, o, k, renewal_cert=None, more=[
            make.attribute(judge.OID_RENEWAL_CERT, o.der, o.der + b'')]), o, ok)),
    'signed attributes (openssl default)': _bad(
        ['signed-attributes'],
        lambda g, o, ok, k: make.cms_openssl(_inner(g, o, k), o, ok)),
    'no certificates (openssl -nocerts)': _bad(
        ['certificate-count', 'certificate', 'outer-signature'],
        lambda g, o, ok, k: make.cms_openssl(_inner(g, o, k), o, ok, '-noattr', '-nocerts')),
    'signer by key identifier (openssl -keyid)': _bad(
        ['signed-version', 'signer-version', 'signer-id'],
        lambda g, o, ok, k: make.cms_openssl(_inner(g, o, k), o, ok, '-noattr', '-keyid')),
    'the chain too in certificates': _bad(
        ['certificate-count'], lambda g, o, ok, k: make.cms(
            _inner(g, o, k), o, ok, certificates=[o.der, g.pki.issuer.der])),
    'only another certificate': _bad(
        ['certificate', 'outer-signature'], lambda g, o, ok, k: make.cms(
            _inner(g, o, k), o, ok, certificates=[g.pki.issuer.der])),
    'no signer': _bad(['no-signer', 'outer-signature'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k), o, ok, signers=0)),
    'two signers': _bad(['signer-count'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k), o, ok, signers=2)),
    'two digest algorithms': _bad(['digest-count'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k), o, ok, digests=2)),
    'SignedData version 3': _bad(['signed-version'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k), o, ok, signed_version=3)),
    'SHA-1 outside': _bad(['weak-digest'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k), o, ok, digest='sha1')),
    'SHA-1 inside': _bad(['weak-digest'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k, digest='sha1'), o, ok)),
    'sha256WithRSA as signatureAlgorithm': _bad(
        ['signature-algorithm'], lambda g, o, ok, k: make.cms(
            _inner(g, o, k), o, ok, algorithm=x509.signature_algorithm(o.spki, 'sha256'))),
    'PKIData as the inner type': _bad(['inner-type'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k), o, ok, inner_oid='1.3.6.1.5.5.7.12.2')),
    'signed by the new key': _bad(['outer-signature'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k), o, k)),
    'another serial number in the signer': _bad(
        ['signer-id', 'outer-signature'], lambda g, o, ok, k: make.cms(
            _inner(g, o, k), o, ok, sid=der.seq(o.issuer, der.integer(77)))),
    'PKCS#10 signed by the old key': _bad(['inner-signature'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k, signer=ok), o, ok)),
    'PKCS#10 version 1': _bad(['request-version'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k, version=1), o, ok)),
    'attributes out of order': _bad(['attribute-order'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k, in_order=False), o, ok)),
    'another subject': _bad(['subject'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k, subject=x509.name('C=US,O=Example,CN=RA02-MSCEP-RA')), o, ok)),
    'the subject in another string type': _bad(['subject'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k, subject=x509.name('C=US,O=Example,CN=RA01-MSCEP-RA', der.utf8)), o, ok)),
    'empty subject': _bad(['subject'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k, subject=der.seq()), o, ok)),
    'no template extension': _bad(['template-extension'], lambda g, o, ok, k: make.cms(
        _inner(g, o, k, extensions=make.extensions_like(o, k, (x509.OID_TEMPLATE_V1,))), o, ok)),
    'no template at all': _bad(
        ['no-template'], lambda g, o, ok, k: make.cms(_inner(
            g, o, k, extensions=make.extensions_like(o, k, (x509.OID_TEMPLATE_V1,))), o, ok),
        attributes=()),
    "the other role's template": _bad(
        ['template-differs', 'template-extension'], lambda g, o, ok, k: make.cms(_inner(
            g, o, k, extensions=_swap(o, x509.OID_TEMPLATE_V1,
                                      x509.ext_template('CEPEncryption'), k)), o, ok),
        attributes=(('CertificateTemplate', 'CEPEncryption'),)),
    'CertAttrib names another template': _bad(
        ['template-conflict'], lambda g, o, ok, k: make.cms(_inner(g, o, k), o, ok),
        attributes=(('CertificateTemplate', 'CEPEncryption'),)),
    'a template the CA does not have': _bad(
        ['unknown-template'], lambda g, o, ok, k: make.cms(_inner(g, o, k), o, ok),
        attributes=(('CertificateTemplate', 'EnrollmentAgent'),)),
    'no key usage': _bad(['key-usage'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, extensions=make.extensions_like(o, k, (x509.OID_KU,))), o, ok)),
    'key usage of the other role': _bad(['key-usage'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, extensions=_swap(o, x509.OID_KU, x509.ext_key_usage((2,)), k)), o, ok)),
    'key usage not critical': _bad(['key-usage'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, extensions=_swap(o, x509.OID_KU, x509.ext_key_usage((0,), False), k)), o, ok)),
    'no EKU': _bad(['extended-key-usage'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, extensions=make.extensions_like(o, k, (x509.OID_EKU,))), o, ok)),
    'more EKUs': _bad(['extended-key-usage'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, extensions=_swap(o, x509.OID_EKU, x509.ext_eku(
            (x509.OID_REQUEST_AGENT, '1.3.6.1.5.5.7.3.2')), k)), o, ok)),
    'no SKI': _bad(['key-identifier'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, extensions=make.extensions_like(o, k, (x509.OID_SKI,))), o, ok)),
    'the SKI of the old key': _bad(['key-identifier'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, extensions=make.extensions_like(o, ok)), o, ok)),
    'an empty SAN': _bad(['subject-alt-name'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, extensions=make.extensions_like(o, k)
        + [x509.extension(x509.OID_SAN, der.seq())]), o, ok)),
    'application policies': _bad(['extension-stranger'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, extensions=make.extensions_like(o, k) + [x509.extension(
            x509.OID_APP_POLICIES, der.seq(der.seq(der.oid('1.3.6.1.5.5.7.3.2'))))]), o, ok)),
    'an extension twice': _bad(['extension-twice'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, extensions=make.extensions_like(o, k) + [o.ext(x509.OID_EKU)[3]]), o, ok)),
    'no extensionRequest': _bad(
        ['extension-request', 'template-extension'], lambda g, o, ok, k: make.cms(
            _inner(g, o, k, extensions=None), o, ok)),
    'a challenge password': _bad(['attribute-stranger'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, more=[make.attribute('1.2.840.113549.1.9.7', der.printable('x'))]), o, ok)),
    'a malformed OS version': _bad(['os-version'], lambda g, o, ok, k: make.cms(_inner(
        g, o, k, more=[make.attribute(judge.OID_OS_VERSION, der.utf8('6.1'))]), o, ok)),
    'RSA-1024': _bad(['key-length'], lambda g, o, ok, k: make.cms(
        _inner(g, o, g.keys['rsa1024']), o, ok)),
    'EC P-521': _bad(['key-length'], lambda g, o, ok, k: make.cms(
        _inner(g, o, g.keys['p521']), o, ok)),
    'the old key again': _bad(['same-key'], lambda g, o, ok, k: make.cms(
        _inner(g, o, ok), o, ok)),
    "the other role's key": _bad(['key-reuse'], lambda g, o, ok, k: make.cms(
        _inner(g, o, g.old('cep')[1]), o, ok)),
    'BER inside': _bad(['der'], lambda g, o, ok, k: adcs.p7b([o.der], True)),
    'cut short': _bad(['der'], lambda g, o, ok, k: g.good()[:-3]),
    'something behind': _bad(['der'], lambda g, o, ok, k: g.good() + b'\0'),
    'a certs-only message': _bad(['digest-count', 'no-content'],
                                 lambda g, o, ok, k: adcs.p7b([o.der])),
}


@case
def each_fault_is_found_and_only_it(g):
    old, old_key = g.old()
    now = datetime.datetime.now(UTC)
    wrong = []
    for name, (rules, build, options) in BAD.items():
        data = build(g, old, old_key, g.keys['rsa2048'])
        attributes = options.get('attributes', (('CertificateTemplate', old.template),))
        verdict = judge.judge(data, g.records(), attributes, now)
        try:
            verdict_is(verdict, *rules)
            need(verdict.hresult >= 0x80000000, 'no HRESULT')
        except AssertionError as fault:
            wrong.append('%s: %s' % (name, fault))
    need(not wrong, '\n  '.join(['%d of %d faults misjudged' % (len(wrong), len(BAD))] + wrong))
    print('      %d faulty requests' % len(BAD))


@case
def ec_encryption_key_expired_revoked_same_key(g):
    now = datetime.datetime.now(UTC)
    old, old_key = g.old('cep')
    attributes = (('CertificateTemplate', old.template),)
    verdict = judge.judge(make.cms(_inner(g, old, g.keys['p256']), old, old_key), g.records(),
                          attributes, now)
    verdict_is(verdict, 'key-family')
    good = g.good('cep', g.keys['rsa2048'])
    for at in (now + datetime.timedelta(days=31), now - datetime.timedelta(days=800)):
        verdict = judge.judge(good, g.records(), attributes, at)
        verdict_is(verdict, 'expired')
        need(verdict.hresult == 0x800B0101, 'HRESULT of expired')
    records = g.records()
    records.all[1].revoked = True
    verdict = judge.judge(good, records, attributes, now)
    verdict_is(verdict, 'revoked')
    verdict_is(judge.judge(good, g.records(), attributes, now, same_key=True), 'other-key')
    verdict_is(judge.judge(g.good('cep', old_key), g.records(), attributes, now, same_key=True))
    other = judge.judge(good, g.records(g.v2), attributes, now)
    verdict_is(other, 'renewal-attribute')
    need(other.hresult == 0x8009400E, 'HRESULT of a foreign certificate')


@case
def template_version_newer_than_the_ca(g):
    old, old_key = g.old('agent', g.v2)
    key = g.keys['rsa2048']
    extensions = _swap(old, x509.OID_TEMPLATE_V2,
                       x509.ext_template_v2('EnrollmentAgentOffline', 1), key)
    verdict = judge.judge(make.cms(_inner(g, old, key, extensions=extensions), old, old_key),
                          g.records(g.v2), (), datetime.datetime.now(UTC))
    verdict_is(verdict, 'template-version', 'template-extension')


# ---------------------------------------------------------------- the pages

def fetch(g, number, kind='cer', enc='bin', link=None):
    return g.get('/certsrv/certnew.%s?ReqID=%d&Enc=%s' % (kind, number, enc), link)


@case
def issue_fetch_and_chain_on_one_connection(g):
    g.ca.set_mode([])
    link = g.connection()
    before = len(g.ca.connections)
    reply, page = g.submit(connection=link)
    need(reply.status == 200 and reply.getheader('Content-Type').startswith('text/html'), 'type')
    number = issued_id(page)
    need(number and b'nReqId=%d' % number in page, 'no link in %r' % page[:300])
    reply, body = fetch(g, number, link=link)
    need(reply.getheader('Content-Type') == 'application/pkix-cert', 'type of certnew.cer')
    cert, old = x509.Cert(body), g.old()[0]
    need(cert.subject == old.subject and cert.template == old.template, 'subject, template')
    need(cert.spki == x509.spki_of_key(g.second_key), 'public key')
    need(cert.key_usage == old.key_usage and cert.ext(x509.OID_EKU) == old.ext(x509.OID_EKU),
         'usage')
    skew = (datetime.datetime.now(UTC) - cert.not_before).total_seconds()
    need(590 <= skew <= 630, 'backdated by %d s' % skew)
    need(cert.not_after > old.not_after and cert.serial[-4:] == number.to_bytes(4, 'big'), 'life')
    reply, text = fetch(g, number, 'cer', 'b64', link)
    need(text.startswith(b'-----BEGIN CERTIFICATE-----\r\n')
         and der.from_pem(text.decode()) == [body], 'base64')
    path = os.path.join(g.where, 'new.pem')
    with open(path, 'wb') as out:
        out.write(text)
    x509.openssl('verify', '-x509_strict', '-CAfile', g.pki.path('root.pem'), '-untrusted',
                 g.pki.path('issuing.pem'), path)
    reply, text = fetch(g, number, 'p7b', 'b64', link)
    need(reply.getheader('Content-Type') == 'application/x-pkcs7-certificates', 'type of p7b')
    data = der.from_pem(text.decode())[0]
    path = os.path.join(g.where, 'chain.p7b')
    with open(path, 'wb') as out:
        out.write(data)
    names = make.openssl_lists(path)
    need(names.count('subject=') == 3 and 'RA01-MSCEP-RA' in names and 'Root CA' in names, names)
    need(len(g.ca.connections) == before + 1 and g.ca.connections[-1]['requests'] == 4,
         'connections')
    with open(os.path.join(g.where, 'log', 'requests', '%04d.json' % number)) as source:
        need(json.load(source)['good'], 'the verdict on file')


@case
def pending_then_approved_or_denied(g):
    g.ca.set_mode(['pend'], 'CEPEncryption')
    reply, page = g.submit('cep')
    need(issued_id(page) is None, 'a download link while pending')
    found = re.search(rb'<P ID=locInfoReqID>\s*[^0-9<]*(\d+)', page)
    number = int(found.group(1))
    reply, page = fetch(g, number)
    need(reply.status == 200 and reply.getheader('Content-Type').startswith('text/html')
         and re.search(rb'locDispLabel>.*?<DD>\s*5 ', page, re.S), 'disposition 5')
    need(g.tell('/approve', {'id': number})[0] == 200, 'approve')
    need(g.tell('/approve', {'id': number})[0] == 409, 'approve twice')
    reply, body = fetch(g, number)
    need(x509.Cert(body).template == 'CEPEncryption', 'template')
    g.submit('agent')
    need(g.ca.requests[number + 1].state == adcs.ISSUED, 'the other template is not pending')
    _, page = g.submit('cep')
    number = max(g.ca.requests)
    g.tell('/deny', {'id': number})
    _, page = fetch(g, number)
    need(re.search(rb'locDispLabel>.*?<DD>\s*2 ', page, re.S) and b'0x80094014' in page,
         'denied by the officer')
    _, page = fetch(g, 999999)
    need(b'0x80094004' in page, 'unknown id')
    g.ca.set_mode([])


@case
def deny_fail_and_bad_requests_show_their_hresult(g):
    for words, wanted, mark in ((['deny'], b'0x80094012', b'ID=locDenied'),
                                (['fail:0x80094800'], b'0x80094800', b'ID=locDispLabel'),
                                (['deny', 'german'], b'0x80094012', b'ID=locDenied'),
                                (['fail', 'german', 'latin1'], b'0x8007000d', b'locLastStat')):
        g.ca.set_mode(words)
        reply, page = g.submit()
        need(reply.status == 200 and wanted in page and mark in page and issued_id(page) is None,
             '%s: %r' % (words, page[:2000]))
        if 'german' in words:
            kind = reply.getheader('Content-Type').lower()
            charset = kind.split('charset=')[1]
            need('Verf\u00fcgung' in page.decode(charset) or 'verweigert' in page.decode(charset),
                 'not German')
    g.ca.set_mode([])
    old, old_key = g.old()
    _, page = g.submit(data=make.cms(_inner(g, old, g.keys['rsa1024']), old, old_key))
    need(b'0x80094811' in page and b'locDenied' in page, 'short key')
    _, page = g.submit(data=make.cms(_inner(g, old, g.keys['rsa2048'],
                                            renewal_cert=g.pki.root.der), old, old_key))
    need(b'0x8009400e' in page and b'locDispLabel' in page, 'renewal attribute')
    body = make.form(g.good(), old.template).replace(b'%2B', b'+')
    _, page = g.post(body)
    need(b'0x8009310b' in page, 'plus signs as spaces')
    _, page = g.post(make.form(g.good(), old.template), headers={'Content-Type': 'text/plain'})
    need(b'0x8007000d' in page, 'content type')


@case
def each_wrong_certificate_is_wrong_in_its_way(g):
    old = g.old()[0]
    now = datetime.datetime.now(UTC)

    def got(word):
        g.ca.set_mode([word])
        _, page = g.submit()
        _, body = fetch(g, issued_id(page))
        return x509.Cert(body)

    new_spki = x509.spki_of_key(g.second_key)
    need(got('wrong-key').spki != new_spki, 'wrong-key')
    cert = got('wrong-role')
    need(cert.template == 'CEPEncryption' and cert.key_usage != old.key_usage, 'wrong-role')
    cert = got('wrong-usage')
    need(cert.template == old.template and cert.key_usage != old.key_usage, 'wrong-usage')
    need(got('other-template').template == 'CEPEncryption', 'other-template')
    need(not got('no-eku').ext(x509.OID_EKU), 'no-eku')
    need(got('same-cert').der == old.der, 'same-cert')
    need(got('expired').not_after < now, 'expired')
    need(got('not-yet-valid').not_before > now, 'not-yet-valid')
    need(now < got('shorter').not_after < old.not_after, 'shorter')
    need(got('other-subject').subject != old.subject, 'other-subject')
    need(der.read(got('is-ca').ext(x509.OID_BC)[2]).children[0].content == b'\xff', 'is-ca')
    need(got('critical').extensions[-1][1], 'critical')
    verify = ['verify', '-CAfile', g.pki.path('root.pem'), '-untrusted', g.pki.path('issuing.pem')]
    for word, wanted in (('ok', 0), ('untrusted', 2), ('bad-signature', 2)):
        cert = got(word if word != 'ok' else 'issue')
        path = os.path.join(g.where, word + '.pem')
        with open(path, 'w') as out:
            out.write(der.to_pem(cert.der, 'CERTIFICATE'))
        need(x509.openssl(*verify, path, check=False)[0] == wanted, word)
    g.ca.set_mode([])


@case
def chain_formats(g):
    g.ca.set_mode([])
    _, page = g.submit()
    number = issued_id(page)
    path = os.path.join(g.where, 'x.p7b')
    plain = None
    for words, check in (([], None), (['ber'], None), (['reversed'], None), (['no-root'], None)):
        g.ca.set_mode(words)
        _, data = fetch(g, number, 'p7b')
        with open(path, 'wb') as out:
            out.write(data)
        names = make.openssl_lists(path).split('subject=')[1:]
        if not words:
            plain = names
        need({'': names == plain, 'ber': data[:2] == b'\x30\x80' and names == plain,
              'reversed': names == plain[::-1], 'no-root': names == plain[:2]}[''.join(words)],
             str(words))
    for words, check in ((['lf'], b'\r'), (['bare'], b'-----')):
        g.ca.set_mode(words)
        need(check not in fetch(g, number, 'p7b', 'b64')[1], str(words))
    g.ca.set_mode([])
    reply, data = g.get('/certsrv/certnew.cer?ReqID=CACert&Renewal=0&Enc=bin')
    need(data == g.pki.issuer.der, 'CACert')
    need(b'var nRenewals=0;' in g.get('/certsrv/certcarc.asp')[1], 'certcarc.asp')


# ---------------------------------------------------------------- the wire

def raw(g, path='/certsrv/certcarc.asp', limit=1 << 21):
    """The bytes of one reply, read until the server closes; with the error."""
    with socket.create_connection(('127.0.0.1', g.port), timeout=10) as link:
        link.sendall(('GET %s HTTP/1.1\r\nHost: ca\r\nConnection: close\r\n\r\n' % path).encode())
        data, fault = b'', None
        try:
            while len(data) < limit:
                piece = link.recv(65536)
                if not piece:
                    break
                data += piece
        except OSError as error:
            fault = error
        return data, fault


@case
def wire_faults(g):
    g.ca.set_mode([])
    plain, _ = raw(g)
    plain_body = plain.split(b'\r\n\r\n', 1)[1]

    def with_words(*words):
        g.ca.set_mode(list(words))
        return raw(g)

    for words in (('chunked',), ('close',), ('interim',), ('fold',), ('many-headers',)):
        g.ca.set_mode(list(words))
        if words[0] in ('fold', 'many-headers'):
            need(raw(g)[0].endswith(plain_body), str(words))
            continue
        if words[0] == 'interim':
            need(raw(g)[0].startswith(b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102'), 'interim')
            continue
        need(g.get('/certsrv/certcarc.asp')[1] == plain_body, str(words))
    need(b'Content-Length' not in with_words('close')[0], 'close has a length')
    need(b'Transfer-Encoding: chunked' in with_words('chunked')[0], 'chunked')
    need(with_words('reset')[1] is not None, 'reset did not reset')
    need(with_words('drop') == (b'', None), 'drop')
    need(not with_words('garbage')[0].startswith(b'HTTP/'), 'garbage')
    data = with_words('truncate')[0]
    need(len(data) < len(plain), 'truncate')
    need(len(with_words('huge')[0]) > 1 << 20, 'huge')
    need(with_words('two-lengths')[0].count(b'Content-Length') == 2, 'two-lengths')
    need(b'chunked' in with_words('te-cl')[0]
         and b'Content-Length' in with_words('te-cl')[0], 'te-cl')
    begin = time.time()
    need(with_words('slow:2000')[0].endswith(plain_body)
         and time.time() - begin > 0.7 * len(plain) / 2000, 'slow')
    need(b'HTTP/1.1 503' in with_words('503:30')[0]
         and b'Retry-After: 30\r\n' in with_words('503:30')[0], '503')
    need(re.search(rb'Retry-After: \w\w\w, \d\d', with_words('503-date:60')[0]), '503-date')
    need(b'\r\nLocation: /certsrv/moved/certcarc.asp\r\n' in with_words('redirect')[0], 'redirect')
    g.ca.set_mode(['redirect'])
    need(raw(g, '/certsrv/moved/certcarc.asp')[0].endswith(plain_body), 'after the redirect')
    g.ca.set_mode(['503:1@cacert*2', '404@fetch'])
    need([raw(g)[0][9:12] for _ in range(3)] == [b'503', b'503', b'200'], 'counted word')
    need(g.tell('/mode', {'words': ['nonsense']})[0] == 400, 'an unknown word is refused')
    g.ca.set_mode([])


@case
def basic_authentication(g):
    g.tell('/auth', {'user': 'EXAMPLE\\ra01', 'password': 'p:w'})
    reply, _ = g.submit()
    schemes = reply.headers.get_all('WWW-Authenticate')
    need(reply.status == 401 and [s.split()[0] for s in schemes] == ['Negotiate', 'NTLM', 'Basic'],
         str(schemes))
    token = base64.b64encode(b'EXAMPLE\\ra01:p:w').decode()
    reply, page = g.submit(headers={'Authorization': 'Basic ' + token})
    need(reply.status == 200 and issued_id(page), 'good password')
    token = base64.b64encode(b'EXAMPLE\\ra01:other').decode()
    need(g.submit(headers={'Authorization': 'Basic ' + token})[0].status == 401, 'bad password')
    g.tell('/auth', {})
    need(g.submit()[0].status == 200, 'switched off')


@case
def servers_listen_on_loopback_only(g):
    for server in (g.web, g.control):
        need(server.server_address[0] == '127.0.0.1', str(server.server_address))


# ---------------------------------------------------------------- DNS and NTP

@case
def dns_answers_one_name(_):
    dns = netservices.Dns({'ca.example.net': '10.0.2.2'}, port=0)
    with dns, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(5)

        def ask(name, kind=1):
            question = b''.join(bytes((len(p),)) + p.encode() for p in name.split('.')) + b'\0'
            link.sendto(b'\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0' + question
                        + bytes((0, kind, 0, 1)), ('127.0.0.1', dns.port))
            return link.recv(512)
        reply = ask('CA.example.net')
        need(reply[:2] == b'\x12\x34' and reply[3] & 15 == 0 and reply[7] == 1
             and reply.endswith(bytes((0, 4, 10, 0, 2, 2))), reply.hex())
        need(ask('other.example.net')[3] & 15 == 3, 'an unknown name')
        need(ask('ca.example.net', 28)[3] & 15 == 0 and ask('ca.example.net', 28)[7] == 0, 'AAAA')
        link.sendto(b'\x01', ('127.0.0.1', dns.port))
        need(ask('ca.example.net')[7] == 1, 'alive after a short packet')


@case
def ntp_answers_as_a_server(_):
    with netservices.Ntp(port=0, offset=86400.0) as ntp:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(5)
            link.sendto(b'\x23' + bytes(39) + b'\x01\x02\x03\x04\x05\x06\x07\x08',
                        ('127.0.0.1', ntp.port))
            reply = link.recv(100)
            need(len(reply) == 48 and reply[0] == 0x24 and reply[1] == 1, reply[:4].hex())
            need(reply[24:32] == bytes(range(1, 9)), 'originate timestamp')
            seconds = int.from_bytes(reply[40:44], 'big') - 2208988800
            need(abs(seconds - time.time() - 86400) < 2, 'transmit timestamp')


@case
def the_programs_start_from_the_command_line(g):
    where = os.path.join(g.where, 'cli')
    subprocess.run([sys.executable, os.path.join(HERE, 'pki.py'), '--out', where, '--days-left',
                    '-1', '--agent-key', 'p256'], check=True, stdout=subprocess.DEVNULL)
    need(x509.load(os.path.join(where, 'agent.pem')).not_after < datetime.datetime.now(UTC),
         'negative --days-left')
    server = subprocess.Popen([sys.executable, os.path.join(HERE, 'adcs.py'), '--pki', where,
                               '--log', os.path.join(where, 'log'), '--port', '0', '--control',
                               '0', '--mode', 'issue', '--mode', 'CEPEncryption=pend',
                               '--lifetime', '30'], stdout=subprocess.PIPE)
    try:
        line = server.stdout.readline().decode()
        found = re.match(r'ready http://127\.0\.0\.1:(\d+)/certsrv/ control (\d+)', line)
        need(found, line)
        link = http.client.HTTPConnection('127.0.0.1', int(found.group(2)), timeout=10)
        link.request('GET', '/state')
        state = json.loads(link.getresponse().read())
        need(state['modes'] == {'': ['issue'], 'CEPEncryption': ['pend']}, str(state['modes']))
        need([i['template'] for i in state['issued']]
             == ['EnrollmentAgentOffline', 'CEPEncryption'], 'records')
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def main():
    words = sys.argv[2:] if sys.argv[1:2] == ['-k'] else []
    passed = failed = 0
    with tempfile.TemporaryDirectory() as where:
        ground = Ground(where)
        for function in CASES:
            if words and not any(w in function.__name__ for w in words):
                continue
            begin = time.time()
            try:
                function(ground)
                passed += 1
                print('  ok    %s (%.1f s)' % (function.__name__, time.time() - begin))
            except Exception as fault:  # a case may fail in any way; the next one still runs
                failed += 1
                print('  FAIL  %s: %s: %s' % (function.__name__, type(fault).__name__, fault))
                if not isinstance(fault, AssertionError):
                    import traceback
                    traceback.print_exc()
        ground.ca.stop.set()
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
