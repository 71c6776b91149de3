#!/usr/bin/env python3
# timeout: 300
"""The renewal request judged by openssl: both signatures, structure, attributes, copies.

Old certificates are made fresh by openssl (tests/vectors/make_pki.py), the
request by tests/tools/make_request.c, which calls what the firmware calls. The
genuine Windows request goes through the same judgement, so that what is
demanded here is what Windows does.
"""
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / 'vectors'))
import make_pki  # noqa: E402

PROGRAM = TESTS.parent / 'build' / 'host-asan' / 'unit' / 'make_request'
MS = TESTS / 'vectors' / 'ms-wstep'
RENEWAL, REQUEST = '1.3.6.1.4.1.311.13.1', '1.2.840.113549.1.9.14'
CLIENT_INFO = '1.3.6.1.4.1.311.21.20'
SKI, KU, EKU, SAN = '2.5.29.14', '2.5.29.15', '2.5.29.37', '2.5.29.17'
TEMPLATES = ('1.3.6.1.4.1.311.20.2', '1.3.6.1.4.1.311.21.7')
COPIED = (KU, EKU, SAN) + TEMPLATES
FAMILY = {'rsa': ('rsaEncryption', 'sha256WithRSAEncryption', 'sha1WithRSAEncryption'),
          'ec': ('ecdsa-with-SHA256', 'ecdsa-with-SHA256', None)}

# old certificate, its key, the new key; all four pairs of RSA and EC. `agent` has a BMPString in
# its subject and an otherName in its SAN.
CASES = [('agent', 'agent', 'agent_new'), ('encryption', 'agent', 'agent_new'),
         ('agent_ec', 'agent_ec', 'agent_ec_new'), ('agent_ec384', 'agent_ec384', 'agent_ec384'),
         ('agent_ec384', 'agent_ec384', 'agent_new'), ('agent', 'agent', 'agent_ec_new'),
         ('odd', 'agent', 'agent')]

passed = failed = 0


def openssl(*arguments):
    done = subprocess.run(('openssl',) + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def check(name, what, good, more=''):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f'{name}: {what}: WRONG {more}')


def children(data, start=0, end=None):
    """(tag, whole, contents) of each element; openssl has checked before that it is DER."""
    end = len(data) if end is None else end
    out = []
    while start < end:
        tag, inner, stop = make_pki.der_item(data, start)
        out.append((tag, data[start:stop], data[inner:stop]))
        start = stop
    return out


def oid(contents):
    arcs, value = [], 0
    for byte in contents:
        value = value << 7 | byte & 0x7f
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return '.'.join(map(str, [first, arcs[0] - 40 * first] + arcs[1:]))


def extensions(sequence):
    """OID: whole Extension, of a SEQUENCE OF Extension."""
    out = {}
    for _, whole, contents in children(sequence):
        out[oid(children(contents)[0][2])] = whole
    return out


def certificate(der):
    """What a request copies of a certificate."""
    tbs = children(children(children(der)[0][2])[0][2])
    at = 1 if tbs[0][0] == 0xa0 else 0
    return {'subject': tbs[at + 4][1], 'serial': tbs[at][1], 'issuer': tbs[at + 2][1],
            'extensions': extensions(children(tbs[-1][2])[0][2])}


def judge(name, path, old, digest, family, new_family):
    """Everything AD CS looks at, by openssl where openssl can."""
    code, out = openssl('cms', '-verify', '-noverify', '-purpose', 'any', '-inform', 'DER', '-in',
                        path, '-binary', '-out', 'inner')
    check(name, 'openssl cms -verify', code == 0, out.decode())
    code, out = openssl('req', '-verify', '-noout', '-inform', 'DER', '-in', 'inner')
    check(name, 'openssl req -verify', code == 0, out.decode())
    code, out = openssl('asn1parse', '-inform', 'DER', '-in', path)
    check(name, 'definite lengths only', code == 0 and b'l=inf' not in out, out.decode())
    code, out = openssl('cms', '-cmsout', '-print', '-noout', '-inform', 'DER', '-in', path)
    text = out.decode(errors='replace')
    check(name, 'CMS printed', code == 0)
    check(name, 'no signed attributes', 'signedAttrs:\n' in text and
          text.split('signedAttrs:\n')[1].strip().startswith('<ABSENT>'))
    signer = text.split('signerInfos:')[1]
    signature = signer.split('signatureAlgorithm:')[1].split('algorithm:')[1].split()[0]
    check(name, 'signature algorithm', signature == FAMILY[family][0], signature)
    check(name, 'signer by issuer and serial', 'issuerAndSerialNumber' in signer)
    check(name, 'one signer', signer.count('signatureAlgorithm:') == 1)

    data = open(path, 'rb').read()
    signed = children(children(children(data)[0][2])[1][2])[0][2]
    version, digests, content, certificates, signers = children(signed)
    info = certificate(old)
    null_digest = bytes.fromhex({'sha256': '300d06096086480165030402010500',
                                 'sha1': '300906052b0e03021a0500'}[digest])
    check(name, 'SignedData version 1', version[1] == b'\x02\x01\x01')
    check(name, 'one digest with NULL', digests[2] == null_digest)
    check(name, 'the old certificate alone', certificates[2] == old)
    one = children(children(signers[2])[0][2])
    check(name, 'SignerInfo version 1', one[0][1] == b'\x02\x01\x01')
    check(name, 'issuer and serial', one[1][2] == info['issuer'] + info['serial'])
    check(name, 'SignerInfo digest', one[2][1] == null_digest)
    check(name, 'SignerInfo has five parts', len(one) == 5, len(one))
    octets = children(children(content[2])[1][2])
    inner = open('inner', 'rb').read()
    check(name, 'PKCS#10 in one OCTET STRING', octets[0][0] == 4 and octets[0][2] == inner)

    tbs, _, _ = children(children(inner)[0][2])
    fields = children(tbs[2])
    check(name, 'PKCS#10 version 0', fields[0][1] == b'\x02\x01\x00')
    check(name, 'subject byte for byte', fields[1][1] == info['subject'])
    wanted = FAMILY[new_family][1 if digest == 'sha256' else 2]
    _, printed = openssl('req', '-inform', 'DER', '-in', 'inner', '-noout', '-text')
    printed = printed.decode(errors='replace')
    check(name, 'request signed with ' + wanted, f'Signature Algorithm: {wanted}' in printed)
    attributes = children(fields[3][2])
    check(name, 'attributes in DER order', [a[1] for a in attributes] ==
          sorted(a[1] for a in attributes))
    by_oid = {oid(children(a[2])[0][2]): children(children(a[2])[1][2]) for a in attributes}
    check(name, 'no attribute twice', len(by_oid) == len(attributes))
    check(name, 'one value each', all(len(v) == 1 for v in by_oid.values()))
    check(name, 'RENEWAL_CERTIFICATE byte for byte', by_oid[RENEWAL][0][1] == old)
    asked = extensions(by_oid[REQUEST][0][2])
    for number in COPIED:
        check(name, f'extension {number} copied', asked.get(number) ==
              (None if number == TEMPLATES[0] and TEMPLATES[1] in info['extensions'] else
               info['extensions'].get(number)))
    check(name, 'no application policies', '1.3.6.1.4.1.311.21.10' not in asked)
    key_bits = children(fields[2][2])[1][2][1:]
    check(name, 'SKI', asked[SKI][-20:] == hashlib.sha1(key_bits).digest())
    return by_oid, asked


def main():
    if not PROGRAM.exists():
        sys.exit(f'{PROGRAM} is missing: make host-asan')
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        maker = make_pki.Maker()
        names = {'root', 'sub', 'ec_root'} | {c[0] for c in CASES}
        for name, arguments in make_pki.KEYS.items():
            maker.key(name, arguments)
            open(f'{name}.key.der', 'wb').write(maker.keys[name])
        maker.all_certs(names)
        for name in names:
            open(f'{name}.der', 'wb').write(maker.certs[name])
        for case, (cert, old_key, new_key) in enumerate(CASES):
            name = f'{cert} -> {new_key}'
            words = ('ra01.example.net', 'EXAMPLE\\ra01$', 'perennial') if case % 2 else ()
            done = subprocess.run((PROGRAM, f'{cert}.der', f'{old_key}.key.der', f'{new_key}.key.der',
                                   'request') + words, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            check(name, 'made', done.returncode == 0, done.stdout.decode())
            if done.returncode != 0:
                continue
            by_oid, asked = judge(name, 'request', maker.certs[cert], 'sha256',
                                  'ec' if '_ec' in old_key else 'rsa',
                                  'ec' if '_ec' in new_key else 'rsa')
            check(name, 'these attributes only',
                  set(by_oid) == {RENEWAL, REQUEST} | ({CLIENT_INFO} if words else set()))
            check(name, 'these extensions only', set(asked) <= set(COPIED) | {SKI})
            spki = subprocess.run(('openssl', 'pkey', '-in', f'{new_key}.key', '-pubout', '-outform',
                                   'DER'), stdout=subprocess.PIPE, check=True).stdout
            check(name, 'the new key', spki in open('inner', 'rb').read())
        old = (MS / 'old-cert.der').read_bytes()
        judge('Windows', str(MS / 'renewal-request.p7m'), old, 'sha1', 'rsa', 'rsa')
    print(f'{passed} passed, {failed} failed')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
