#!/usr/bin/env python3
"""Makes tests/support/world_vectors.c: the keys and CA certificates of the appliance in one process.

    python3 tests/vectors/make_world.py [OUTPUT]

Needs the openssl command. A root and an issuing CA (P-256, valid 2020 to 2060), a stranger of the
same name that nobody trusts, a SCEP server's certificate, and keys for the two roles: the old ones,
and new ones for tests that would wait too long for a search. Beside them the authorities that come
later, under the same names as an AD CS keeps them: an issuing CA with a new key, one under a new
root, and the first one with a life that ends in 2034; both roots certify each other, and the first is
renewed with its key, to 2070 and to 2080. The keys protect nothing. What OUTPUT holds already is kept; without it
everything is new, and the tests are the same.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

OUTPUT = pathlib.Path(__file__).resolve().parent.parent / 'support' / 'world_vectors.c'
P256 = ('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256')
RSA = ('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048')
KEYS = {'root': P256, 'issuing': P256, 'stranger': P256, 'agent': P256, 'agent_new1': P256,
        'agent_new2': P256, 'encryption': RSA, 'encryption_new1': RSA, 'encryption_new2': RSA,
        'scep': RSA, 'issuing2': P256, 'scep2': RSA, 'root2': P256, 'issuing3': P256}
CA = ('basicConstraints=critical,CA:TRUE{}\nkeyUsage=critical,keyCertSign,cRLSign\n'
      'subjectKeyIdentifier=hash\n')
SCEP = ('keyUsage=critical,digitalSignature,keyEncipherment\n'
        'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n')
CERTS = {  # subject, issuer (None: itself), extensions
    'root': ('/DC=test/DC=example/CN=World Root CA', None, CA.format('')),
    'issuing': ('/O=World/CN=World Issuing CA', 'root', CA.format(',pathlen:0') +
                'authorityKeyIdentifier=keyid\n'),
    'scep': ('/O=World/CN=World SCEP', 'issuing', SCEP),
    'stranger': ('/O=World/CN=World Issuing CA', None, CA.format('')),
    'issuing2': ('/O=World/CN=World Issuing CA', 'root', CA.format(',pathlen:0') +
                 'authorityKeyIdentifier=keyid\n'),
    'scep2': ('/O=World/CN=World SCEP', 'issuing2', SCEP),
    'root2': ('/DC=test/DC=example/CN=World Root CA', None, CA.format('')),
    'issuing3': ('/O=World/CN=World Issuing CA', 'root2', CA.format(',pathlen:0') +
                 'authorityKeyIdentifier=keyid\n'),
    'scep3': ('/O=World/CN=World SCEP', 'issuing3', SCEP),
    'issuing_ends': ('/O=World/CN=World Issuing CA', 'root', CA.format(',pathlen:0') +
                     'authorityKeyIdentifier=keyid\n'),
    # Both roots, each certified by the other [RFC 4210 4.4], and the new one by a false root.
    'root2_by_root': ('/DC=test/DC=example/CN=World Root CA', 'root', CA.format('')),
    'root_by_root2': ('/DC=test/DC=example/CN=World Root CA', 'root2', CA.format('')),
    'false_root': ('/DC=test/DC=example/CN=World Root CA', None, CA.format('')),
    'root2_by_false': ('/DC=test/DC=example/CN=World Root CA', 'false_root', CA.format('')),
    'root_again': ('/DC=test/DC=example/CN=World Root CA', None, CA.format('')),
    'root_between': ('/DC=test/DC=example/CN=World Root CA', None, CA.format('')),
}
KEY_OF = {'scep3': 'scep2', 'issuing_ends': 'issuing', 'root2_by_root': 'root2',
          'root_by_root2': 'root', 'false_root': 'stranger', 'root2_by_false': 'root2',
          'root_again': 'root', 'root_between': 'root'}  # others have one of their own name
ENDS = {'issuing_ends': '20340101000000Z', 'root_again': '20800101000000Z',
        'root_between': '20700101000000Z'}


def openssl(*arguments):
    done = subprocess.run(('openssl', *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f'openssl {" ".join(arguments)}: {done.stderr.decode()}')
    return done.stdout


def c_array(name, data):
    lines = [f'static const uint8_t {name}[] = {{']
    for i in range(0, len(data), 16):
        lines.append('    ' + ' '.join(f'0x{b:02x},' for b in data[i:i + 16]))
    return lines + ['};']


def held(output):
    """The arrays of an earlier run, by name."""
    text = output.read_text() if output.exists() else ''
    return {name: bytes(int(b, 16) for b in re.findall('0x([0-9a-f]{2}),', body)) for name, body in
            re.findall(r'^static const uint8_t (\w+)\[\] = \{\n(.*?)^\};', text, re.M | re.S)}


def make_key(name, arguments, der):
    if der:
        open('key.der', 'wb').write(der)
        openssl('pkey', '-in', 'key.der', '-inform', 'DER', '-out', f'{name}.key')
    else:
        open(f'{name}.key', 'wb').write(openssl('genpkey', *arguments))
    return openssl('pkey', '-in', f'{name}.key', '-outform', 'DER', '-traditional')


def certificate(name, der):
    if der:
        open('cert.der', 'wb').write(der)
        openssl('x509', '-in', 'cert.der', '-inform', 'DER', '-out', f'{name}.pem')
        return der
    subject, issuer, extensions = CERTS[name]
    key = f'{KEY_OF.get(name, name)}.key'
    open('req.cfg', 'w').write('[req]\ndistinguished_name=dn\n[dn]\n')
    open('ext.cfg', 'w').write('[d]\ndatabase=index.txt\nnew_certs_dir=.\nserial=serial\npolicy=p\n'
                               'unique_subject=no\n[ca]\ndefault_ca=d\n[p]\n[e]\n' + extensions)
    open('index.txt', 'w').close()
    open('serial', 'w').write(f'{0x10 + list(CERTS).index(name):02x}\n')
    openssl('req', '-new', '-config', 'req.cfg', '-subj', subject, '-key', key, '-out', 'csr')
    signer = (('-selfsign', '-keyfile', key) if issuer is None else
              ('-cert', f'{issuer}.pem', '-keyfile', f'{KEY_OF.get(issuer, issuer)}.key'))
    openssl('ca', '-config', 'ext.cfg', '-batch', '-notext', '-preserveDN', '-in', 'csr', '-out',
            f'{name}.pem', '-md', 'sha256', '-startdate', '20200101000000Z', '-enddate',
            ENDS.get(name, '20600101000000Z'), '-extensions', 'e', *signer)
    return openssl('x509', '-in', f'{name}.pem', '-outform', 'DER')


def main():
    output = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else OUTPUT).resolve()
    lines = ['/* Made by tests/vectors/make_world.py; keys for tests only. */', '/* clang-format off */',
             '#include "world_vectors.h"', '']
    blobs, have = [], held(output)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, arguments in KEYS.items():
            lines += c_array(f'key_{name}', make_key(name, arguments, have.get(f'key_{name}')))
            blobs.append((f'{name}.key', f'key_{name}'))
        for name in CERTS:
            lines += c_array(f'cert_{name}', certificate(name, have.get(f'cert_{name}')))
            blobs.append((f'{name}.cert', f'cert_{name}'))
    lines += ['', 'const struct world_blob world_blobs[] = {']
    lines += [f'    {{"{name}", {array}, sizeof {array}}},' for name, array in blobs]
    lines += ['    {NULL, NULL, 0}};']
    output.write_text('\n'.join(lines) + '\n')
    print(f'{output}: {len(blobs)} keys and certificates')


if __name__ == '__main__':
    main()
