#!/usr/bin/env python3
"""SCEP with programs that others wrote.

scepserver enrols and renews the device role of both boards, and its certificates are refused for
the RA roles; certmonger's scep-submit carries our messages and verifies the replies; scepclient and
strongSwan's pki enrol from our stand-in; tshark reads our messages.
"""
# timeout: 300
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import scep_peers  # noqa: E402
import words  # noqa: E402
import x509  # noqa: E402

SCEP_SUBMIT = '/usr/lib/certmonger/scep-submit'
passed = failed = 0


def case(name, function, *arguments):
    global passed, failed
    try:
        function(*arguments)
        passed += 1
        print('  ok    ' + name, flush=True)
    except Exception as why:  # the next case may still run
        failed += 1
        print('  FAIL  %s: %s: %s' % (name, type(why).__name__, why), flush=True)


def device(the_lab, server, kind):
    """First enrolment and renewal, each judged by openssl on recorded bytes."""
    image = 'device-%s.img' % kind
    the_lab.provision(kind, image=image, roles=(), config=dict(
        the_lab.config(), **scep_peers.settings(server)), options=('--anchor', server.ca_file))
    with the_lab.board(kind, image=image, life=120) as board:
        board.read_until(words.PROMPT, 30)
        scep_peers.enroll(board)
        first = scep_peers.wait_served(server, board, None, 60)
        assert server.judge(first, None) == 19, 'not a PKCSReq'
        assert 'a credential is stored' in words.command(board, 'enroll device')
        time.sleep(1.2)  # a certificate of the same second would not last longer
        words.command(board, words.RENEW['device'])
        second = scep_peers.wait_served(server, board, first, 60)
        assert server.judge(second, first) == 17, 'not a RenewalReq'


def fingerprint(the_lab, server):
    """No anchor stored: the operator's fingerprint of the CA makes it one."""
    print_ = x509.load(server.ca_file).sha256
    other = ('0' if print_[0] != '0' else '1') + print_[1:]
    settings = dict(the_lab.config(), **scep_peers.settings(server))
    for text, good in ((other, False), (':'.join(print_[i:i + 2] for i in range(0, 64, 2)), True)):
        image = 'print-%s.img' % good
        the_lab.provision('host', image=image, roles=(), config=dict(
            settings, **{'ca-fingerprint': text}))
        with the_lab.board('host', image=image, life=60) as board:
            board.read_until(words.PROMPT, 30)
            scep_peers.enroll(board)
            if good:
                scep_peers.wait_served(server, board, None, 30)
                assert 'a trust anchor was added' in words.command(board, words.SHOW_LOG)
            else:
                board.read_until(re.escape(words.sentence('SCEP_UNTRUSTED')), 30)


def ra_roles(the_lab, server):
    """No gate is relaxed for a server: digitalSignature and clientAuth are not a role's."""
    the_lab.provision('host', image='roles.img', config=dict(
        the_lab.config(), **scep_peers.settings(server)), options=('--anchor', server.ca_file))
    with the_lab.board('host', image='roles.img', life=60) as board:
        board.read_until(words.PROMPT, 30)
        for role, leaf, sentence in (('agent', 'agent', 'GATE_EKU'),
                                     ('encryption', 'cep', 'GATE_USAGE')):
            pattern = re.escape(words.TITLE[role]) + '[^\r\n]*' + re.escape(words.sentence(sentence))
            if not re.search(pattern, board.transcript):
                board.read_until(pattern, 30)
            assert words.show(board)[1][role]['thumbprint'] == the_lab.old(leaf).sha1


def submit(url, ca_pem, data):
    """What scep-submit makes of a message; its exit code."""
    with tempfile.TemporaryDirectory() as where:
        der_file, pem = os.path.join(where, 'm.der'), os.path.join(where, 'm.pem')
        with open(der_file, 'wb') as out:
            out.write(data)
        x509.openssl('cms', '-cmsout', '-inform', 'DER', '-in', der_file, '-outform', 'PEM', '-out',
                     pem)
        done = subprocess.run([SCEP_SUBMIT, '-u', url, '-p', '-r', ca_pem, '-N', ca_pem, pem],
                              capture_output=True, timeout=60)
        return done.returncode, done.stdout.decode(), done.stderr.decode()


def carried(server):
    """An unrelated client hands in our request and verifies what comes back."""
    # The proxy forwards: what scep-submit sends goes to the server as it is.
    for data in server.messages[:2]:
        code, out, err = submit('http://127.0.0.1:%d/scep' % (server.port + 1), server.ca_file, data)
        assert code == 0 and '-----BEGIN' in out, (code, err)


def carried_to_the_stand_in(the_lab):
    """The same with our own server, so that it is not only our reading of the RFC."""
    ca = the_lab.ca
    ca.mode('one-ca')
    the_lab.provision('host', image='one.img', roles=('agent',))
    with the_lab.board('host', image='one.img', life=60) as board:
        board.read_until(words.event('switched', 'agent'), 30)
    url = 'http://127.0.0.1:%d/scep' % ca.port
    code, out, err = submit(url, the_lab.pki.path('root.pem'), ca.issued('agent')[-1].data)
    assert code == 0 and '-----BEGIN' in out, (code, err[-300:])


def largest(the_lab):
    """RSA-4096 for both roles and every CA, in both directions."""
    the_lab.provision('host', image='4096.img',
                      config=dict(the_lab.config(), **{'key-policy': 'same', 'scep-hash': 'sha512',
                                                       'scep-cipher': 'aes256'}))
    with the_lab.board('host', image='4096.img', life=100) as board:
        for role in ('agent', 'encryption'):
            if not re.search(words.event('switched', role), board.transcript):
                board.read_until(words.event('switched', role), 60)
        shown = words.show(board)[1]
    for role, leaf in (('agent', 'agent'), ('encryption', 'cep')):
        assert shown[role]['thumbprint'] != the_lab.old(leaf).sha1
        print('     %s: a request of %d bytes' % (role, len(the_lab.ca.issued(leaf)[-1].data)))
    assert not the_lab.ca.bad(), the_lab.ca.bad()


def scepclient(the_lab):
    """micromdm's client enrols from our stand-in."""
    ca = the_lab.ca
    ca.mode('one-ca')
    where = the_lab.path('client')
    os.makedirs(where)
    done = subprocess.run(['scepclient', '-server-url', 'http://127.0.0.1:%d/scep' % ca.port,
                           '-private-key', 'key.pem', '-certificate', 'cert.pem', '-cn', 'somebody',
                           '-organization', 'Example', '-country', 'US', '-keySize', '2048'],
                          cwd=where, capture_output=True, timeout=60)
    path = os.path.join(where, 'cert.pem')
    assert done.returncode == 0 and os.path.exists(path), done.stderr.decode()[-400:]
    chain = ('-untrusted', the_lab.pki.path('issuing.pem'))
    x509.openssl('verify', '-CAfile', the_lab.pki.path('root.pem'), *chain, path)


def strongswan(the_lab):
    """strongSwan's client takes our CA certificates, enrols from our stand-in, and renews there.
    Release 5.9.8 compares capabilities wrongly and takes no AES from anybody: DES3, sent by it."""
    url = 'http://127.0.0.1:%d/scep' % the_lab.ca.port
    the_lab.ca.mode('issue')
    where = the_lab.path('strongswan')
    os.makedirs(where)

    def pki(*arguments, out=None):
        done = subprocess.run(['pki', *arguments], cwd=where, capture_output=True, timeout=60)
        assert done.returncode == 0, (arguments, done.stderr.decode()[-600:])
        if out:
            with open(os.path.join(where, out), 'wb') as file:
                file.write(done.stdout)

    pki('--scepca', '--url', url, '--caout', 'ca.der', '--raout', 'ra.der', '--force')
    assert os.path.exists(os.path.join(where, 'ca.der'))
    for name, role in (('encrypt.der', 'seal'), ('sign.der', 'sign')):
        with open(os.path.join(where, name), 'wb') as file:
            file.write(the_lab.ca.core.ra[role][0].der)
    common = ('--scep', '--url', url, '--dn', 'C=US, O=Example, CN=somebody', '--cipher', 'des3',
              '--cacert-enc', 'encrypt.der', '--cacert-sig', 'sign.der', '--cacert',
              the_lab.pki.path('root.pem'), '--cacert', the_lab.pki.path('issuing.pem'),
              '--interval', '1', '--maxpolltime', '3')
    pki('--gen', '--type', 'rsa', '--size', '2048', out='first.key')
    pki(*common, '--in', 'first.key', out='first.der')
    pki('--gen', '--type', 'rsa', '--size', '2048', out='second.key')
    pki(*common, '--in', 'second.key', '--cert', 'first.der', '--key', 'first.key', out='second.der')
    for name in ('first', 'second'):
        x509.openssl('x509', '-inform', 'DER', '-in', os.path.join(where, name + '.der'),
                            '-outform', 'PEM', '-out', os.path.join(where, name + '.pem'))
        x509.openssl('verify', '-CAfile', the_lab.pki.path('root.pem'), '-untrusted',
                     the_lab.pki.path('issuing.pem'), os.path.join(where, name + '.pem'))
    assert [m.type for m in the_lab.ca.core.messages[-2:]] == [19, 17]


def dissected(message):
    """tshark finds the message in order, with SCEP's attributes."""
    request = (b'POST /scep?operation=PKIOperation HTTP/1.1\r\nHost: ca\r\nContent-Type: '
               b'application/pkcs7-mime\r\nContent-Length: %d\r\n\r\n' % len(message)) + message
    with tempfile.TemporaryDirectory() as where:
        text, capture = os.path.join(where, 't'), os.path.join(where, 'p')
        with open(text, 'w') as out:
            for at in range(0, len(request), 16):
                out.write('%06x %s\n' % (at, ' '.join('%02x' % b for b in request[at:at + 16])))
        subprocess.run(['text2pcap', '-q', '-T', '40000,80', text, capture], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        shown = subprocess.run(['tshark', '-r', capture, '-V'], capture_output=True,
                               timeout=60).stdout.decode('utf-8', 'replace')
    for wanted in ('contentType: 1.2.840.113549.1.7.2 (id-signedData)', 'signedAttrs: 5 items',
                   'Attribute (id-contentType)', 'Attribute (id-messageDigest)',
                   '2.16.840.1.113733.1.9.2 ', '2.16.840.1.113733.1.9.5 ',
                   '2.16.840.1.113733.1.9.7 ', 'digestAlgorithm (sha256)',
                   'certificates: 1 item'):
        assert wanted in shown, 'tshark does not show %r' % wanted
    assert 'Malformed' not in shown and 'BER Error' not in shown, 'tshark finds fault'


def main():
    with lab.Lab(days_left=30, protocol='scep') as the_lab:
        with scep_peers.ScepServer(the_lab.path('micromdm'), 8080) as server:
            for kind in ('host', 'sf2'):
                case('scepserver: first enrolment and renewal, ' + kind, device, the_lab, server,
                     kind)
            messages = list(server.messages)
            case('scepserver: the CA by its fingerprint', fingerprint, the_lab, server)
            case('scepserver: refused for the RA roles', ra_roles, the_lab, server)
            case('scep-submit carries our messages', carried, server)
        case('tshark reads a PKCSReq', dissected, messages[0])
        case('tshark reads a RenewalReq', dissected, messages[1])
        case('strongSwan and the stand-in', strongswan, the_lab)
        case('scepclient and the stand-in', scepclient, the_lab)
    with lab.Lab(days_left=30, protocol='scep', sub_ca=False) as the_lab:
        case('scep-submit and the stand-in', carried_to_the_stand_in, the_lab)
    with lab.Lab(days_left=30, protocol='scep', agent_key='rsa4096', cep_key='rsa4096',
                 ca_key='rsa4096') as the_lab:
        case('RSA-4096 everywhere', largest, the_lab)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
