#!/usr/bin/env python3
"""Makes tests/support/server_vectors.c: certificates of TLS servers, good ones and each kind of bad.

    make_server.py [OUTPUT]

Made by the openssl command, as make_pki.py does; what openssl's own check of the host name says
of each is written beside it (-checkhost, -checkip), and the unit test wants the same of ours. The
keys are not kept.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import make_pki
from make_pki import AKI, HERE, ISSUING, P256, RSA1024, c_array

OUTPUT = HERE.parent / 'support' / 'server_vectors.c'
NAMES = 'subjectAltName=DNS:ca01.example.test,DNS:*.lab.example.test,IP:192.0.2.7\n'
SERVER = 'extendedKeyUsage=serverAuth\n'
SIGN = 'keyUsage=critical,digitalSignature\n'
WEB = '0.CN=web\n'


def leaf(*parts):
    return ''.join(parts) + 'subjectKeyIdentifier=hash\n' + AKI


KEYS = {'root': P256, 'sub': P256, 'web': P256, 'weak': RSA1024}
CERTS = {
    'root': ('root', None, '0.CN=Web Root\n', ISSUING.format(path=''), {}),
    'stranger': ('sub', None, '0.CN=Web Root\n', ISSUING.format(path=''), {}),
    'sub': ('sub', 'root', '0.CN=Web CA\n', ISSUING.format(path=',pathlen:0') + AKI, {}),
    'good': ('web', 'sub', WEB, leaf(NAMES, SERVER, SIGN), {}),
    'any': ('web', 'sub', WEB, leaf(NAMES, 'extendedKeyUsage=clientAuth,anyExtendedKeyUsage\n'), {}),
    'plain': ('web', 'sub', WEB, leaf(NAMES), {}),
    'client': ('web', 'sub', WEB, leaf(NAMES, SIGN, 'extendedKeyUsage=clientAuth\n'), {}),
    'encipher': ('web', 'sub', WEB, leaf(NAMES, SERVER, 'keyUsage=critical,keyEncipherment\n'), {}),
    'authority': ('web', 'sub', WEB, leaf(NAMES, SERVER, 'basicConstraints=critical,CA:TRUE\n'), {}),
    'named': ('web', 'sub', '0.CN=ca01.example.test\n', leaf(SERVER, SIGN), {}),
    'expired': ('web', 'sub', WEB, leaf(NAMES, SERVER, SIGN),
                {'start': '20180101000000Z', 'end': '20190101000000Z'}),
    'future': ('web', 'sub', WEB, leaf(NAMES, SERVER, SIGN),
               {'start': '20480101000000Z', 'end': '20580101000000Z'}),
    'own': ('web', None, WEB, NAMES + SERVER + SIGN, {}),
    'weak': ('weak', 'sub', WEB, leaf(NAMES, SERVER, SIGN), {}),
}
HOSTS = ['ca01.example.test', 'CA01.Example.Test', 'ca02.example.test', 'example.test', 'test',
         'a.lab.example.test', 'lab.example.test', 'a.b.lab.example.test', 'ca01.example.test.evil',
         'xca01.example.test']
ADDRESSES = ['192.0.2.7', '192.0.2.8']


def fits(name, host):
    what = '-checkip' if host in ADDRESSES else '-checkhost'
    text = subprocess.run(('openssl', 'x509', '-in', f'{name}.pem', '-noout', what, host),
                          capture_output=True, text=True).stdout
    return 'does match' in text


def main():
    output = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else OUTPUT).resolve()
    make_pki.CERTS = CERTS
    made = make_pki.Maker()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, arguments in KEYS.items():
            made.key(name, arguments)
        made.all_certs(CERTS)
        told = [(host, fits('good', host)) for host in HOSTS + ADDRESSES]
    lines = ['/* Made by tests/vectors/make_server.py. */', '/* clang-format off */',
             '#include "server_vectors.h"', '']
    for name, data in made.certs.items():
        lines += c_array(f'cert_{name}', data)
    lines += ['', 'const struct pki_blob server_certs[] = {']
    lines += [f'    {{"{n}", cert_{n}, sizeof cert_{n}}},' for n in made.certs]
    lines += ['    {NULL, NULL, 0}};', '', 'const struct server_host server_hosts[] = {']
    lines += [f'    {{"{host}", {str(good).lower()}}},' for host, good in told]
    lines += ['    {NULL, false}};']
    output.write_text('\n'.join(lines) + '\n')
    print(f'{output}: {len(made.certs)} certificates, {len(told)} host names')


if __name__ == '__main__':
    main()
