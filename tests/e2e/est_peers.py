#!/usr/bin/env python3
"""The EST stand-in as other programs see it: curl with openssl, and strongSwan's pki, enrol and
renew from it. So what the appliance is tested against is not only our own reading of the RFC."""
# timeout: 120
import base64
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import x509  # noqa: E402

USER = ('ra01', 'correct-horse')


class Peer:
    """A directory and the programs in it."""

    def __init__(self, the_lab, where):
        self.lab, self.where = the_lab, where
        self.url = 'https://localhost/.well-known/est/'
        self.root = the_lab.pki.path('root.pem')

    def path(self, name):
        return os.path.join(self.where, name)

    def run(self, *argv, data=None):
        done = subprocess.run(argv, cwd=self.where, input=data, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False)
        if done.returncode:
            raise AssertionError('%s: %s' % (' '.join(argv), done.stderr.decode('utf-8', 'replace')))
        return done.stdout

    def curl(self, operation, *options, data=None):
        """(status, body)"""
        out = self.run('curl', '-s', '-w', '\n%{http_code}', '--cacert', self.root,
                       *options, self.url + operation, data=data)
        body, _, status = out.rpartition(b'\n')
        return int(status), body

    def csr(self, name, subject):
        """A new key NAME.key and its request, as base64 in lines."""
        more = ('-addext', 'keyUsage=critical,digitalSignature,keyEncipherment')
        self.run('openssl', 'req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', name + '.key',
                 '-subj', subject, *more, '-outform', 'DER', '-out', name + '.csr')
        return self.run('openssl', 'base64', '-in', name + '.csr')

    def keep(self, name, body):
        """The one certificate of a certs-only reply, verified by openssl; its path."""
        text = self.run('openssl', 'pkcs7', '-inform', 'DER', '-print_certs',
                        data=base64.b64decode(body))
        if text.count(b'BEGIN CERTIFICATE') != 1:
            raise AssertionError('not one certificate: %r' % text)
        with open(self.path(name + '.pem'), 'wb') as out:
            out.write(text)
        self.verify(self.path(name + '.pem'))
        return name + '.pem'

    def verify(self, path):
        x509.openssl('verify', '-CAfile', self.root, '-untrusted', self.lab.pki.path('issuing.pem'),
                     path)


def by_curl(peer, version):
    ca = peer.lab.ca
    ca.mode()
    status, body = peer.curl('cacerts', '--tls-max', version)
    certs = peer.run('openssl', 'pkcs7', '-inform', 'DER', '-print_certs', '-noout',
                     data=base64.b64decode(body))
    assert status == 200 and certs.count(b'subject') == 2, certs
    assert peer.curl('csrattrs')[0] == 204
    kind = ('-H', 'Content-Type: application/pkcs10', '--data-binary', '@-', '--tls-max', version)
    name = 'curl' + version
    request = peer.csr(name, '/O=Example/CN=' + name)
    assert peer.curl('simpleenroll', *kind, data=request)[0] == 401
    status, body = peer.curl('simpleenroll', *kind, '-u', '%s:%s' % USER, data=request)
    assert status == 200, body
    first = peer.keep(name, body)
    # Renewed on the strength of the certificate in TLS, by a new key, after a 202.
    client = ('--cert', first, '--key', name + '.key')
    request = peer.csr(name + 'b', '/O=Example/CN=' + name)
    ca.mode('pend', 'retry:7')
    status, _ = peer.curl('simplereenroll', *kind, *client, data=request)
    assert status == 202
    ca.approve(ca.pending()[-1].id)
    status, body = peer.curl('simplereenroll', *kind, *client, data=request)
    assert status == 200, body
    peer.keep(name + 'b', body)
    # A bound request needs its connection's binding, which curl has not.
    ca.mode('want-binding')
    status, body = peer.curl('simplereenroll', *kind, *client, data=request)
    assert (status, body) == (400, b'the request is not bound'), body
    ca.core.findings.clear()


def by_pki(peer):
    """strongSwan 5.9.8 reads base64 in one line only."""
    ca = peer.lab.ca
    ca.mode('unwrapped')
    with open(peer.path('tls.der'), 'wb') as out:
        out.write(x509.openssl('x509', '-in', peer.root, '-outform', 'DER'))
    with open(peer.path('issuing.der'), 'wb') as out:
        out.write(peer.lab.pki.issuer.der)
    url = 'https://localhost'
    peer.run('pki', '--estca', '--url', url, '--cacert', 'tls.der', '--caout', 'ca.der', '--force')
    for name, more in (('first', ('--userpass', '%s:%s' % USER)),
                       ('second', ('--cert', 'first.der', '--key', 'first.key'))):
        peer.run('openssl', 'genrsa', '-traditional', '-out', name + '.pem', '2048')
        peer.run('openssl', 'rsa', '-in', name + '.pem', '-outform', 'DER', '-out', name + '.key')
        with open(peer.path(name + '.csr'), 'wb') as out:
            out.write(peer.run('pki', '--req', '--in', name + '.key', '--type', 'rsa', '--dn',
                               'O=Example, CN=strongswan'))
        with open(peer.path(name + '.der'), 'wb') as out:
            out.write(peer.run('pki', '--est', '--url', url, '--in', name + '.csr', '--cacert',
                               'tls.der', '--cacert', 'issuing.der', *more))
        with open(peer.path(name + '-cert.pem'), 'wb') as out:
            out.write(peer.run('openssl', 'x509', '-inform', 'DER', '-in', name + '.der'))
        peer.verify(peer.path(name + '-cert.pem'))
    assert [p[0] for p in ca.core.posts[-2:]] == ['simpleenroll', 'simplereenroll'], ca.core.posts


def main():
    signal.alarm(110)
    failed = 0
    with lab.Lab(protocol='est', tls={'hosts': ('localhost',)}) as the_lab, tempfile.TemporaryDirectory() as where:
        the_lab.ca.auth(*USER)
        peer = Peer(the_lab, where)
        for name, case in (('curl and openssl, TLS 1.2', lambda: by_curl(peer, '1.2')),
                           ('curl and openssl, TLS 1.3', lambda: by_curl(peer, '1.3')),
                           ("strongSwan's pki", lambda: by_pki(peer))):
            try:
                case()
                assert not the_lab.ca.bad(), the_lab.ca.bad()
                print('  ok    ' + name, flush=True)
            except (AssertionError, x509.OpensslError, subprocess.TimeoutExpired) as why:
                failed += 1
                print('  FAIL  %s: %s' % (name, why), flush=True)
    print('%d passed, %d failed' % (3 - failed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
