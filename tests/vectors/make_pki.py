#!/usr/bin/env python3
"""Makes tests/support/pki_vectors.c: keys, certificates and CMS messages for the unit tests.

    make_pki.py [OUTPUT]

Everything is made by the openssl command, and so is what the tests expect of
it (thumbprints, serial numbers, names, dates): our code has no part in either.
The keys are for tests only. The messages of Windows in ms-wstep/ are turned
into C arrays as they are. Running it again gives new keys and the same tests.
"""
import calendar
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE.parent / 'support' / 'pki_vectors.c'
AGENT = '1.3.6.1.4.1.311.20.2.1'

CONFIG = '''
[ca]
default_ca = d
[d]
dir = .
database = index.txt
new_certs_dir = .
serial = serial
policy = any
unique_subject = no
[any]
[req]
prompt = no
distinguished_name = dn
utf8 = yes
string_mask = {mask}
[dn]
{subject}
{extensions}
'''
ISSUING = ('basicConstraints=critical,CA:TRUE{path}\nkeyUsage=critical,keyCertSign,cRLSign\n'
           'subjectKeyIdentifier=hash\n')
AKI = 'authorityKeyIdentifier=keyid\n'
LDAP = 'ldap:///CN=Test%20Issuing%20CA%2CCN=AIA%2CCN=Services%2CDC=example%2CDC=test?cACertificate'


def run(*command, data=None):
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f'{" ".join(map(str, command))}: {done.stderr.decode()}')
    return done.stdout


def openssl(*arguments, data=None):
    return run('openssl', *arguments, data=data)


def leaf(template, usage, san='', extra=''):
    return (f'keyUsage=critical,{usage}\nextendedKeyUsage={AGENT}\nsubjectKeyIdentifier=hash\n{AKI}'
            f'{template}\nauthorityInfoAccess=caIssuers;URI:{LDAP}\n{san}{extra}')


V1 = '1.3.6.1.4.1.311.20.2=ASN1:BMPSTRING:{}'
V2 = '1.3.6.1.4.1.311.21.7=ASN1:SEQUENCE:template'
V2_SECTION = ('[template]\nid=OID:1.3.6.1.4.1.311.21.8.8519178.3046971.49.1234567.1.12\n'
              'major=INTEGER:100\nminor=INTEGER:4\n')
UPN = 'subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ra@example.test,DNS:ra01.example.test\n'
RA = '0.C=DE\n1.O=Größe & Söhne, "AG"\n2.OU=Scep\n3.CN=RA01-MSCEP-RA\n'

RSA2048 = ('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048')
RSA1024 = ('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024')
P256 = ('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256')
P384 = ('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384')
KEYS = {'root': RSA2048, 'sub': RSA2048, 'sub2': P256, 'other': P256, 'weak': RSA1024,
        'ec_root': P384, 'agent': RSA2048, 'agent_new': RSA2048, 'agent_ec': P256,
        'agent_ec_new': P256, 'agent_ec384': P384}

ROOT = '0.DC=test\n1.DC=example\n2.CN=Perennial Test Root\n'
SUB = '0.O=Perennial\n1.CN=Test Issuing CA\n'
# name: key, issuer (itself: None), subject, extensions, more
CERTS = {
    'root': ('root', None, ROOT, ISSUING.format(path=''), {}),
    'sub': ('sub', 'root', SUB, ISSUING.format(path=',pathlen:0') + AKI, {}),
    'agent': ('agent', 'sub', RA,
              leaf(V1.format('EnrollmentAgentOffline'), 'digitalSignature', UPN),
              {'mask': 'MASK:0x802', 'serial': '18d9df0600000000003e'}),
    'encryption': ('agent', 'sub', RA, leaf(V1.format('CEPEncryption'), 'keyEncipherment'),
                   {'mask': 'utf8only', 'serial': '00d9df0600000000003f'}),
    'agent_ec': ('agent_ec', 'sub', RA, leaf(V2, 'digitalSignature', '', V2_SECTION), {}),
    'agent_ec384': ('agent_ec384', 'ec_root', RA, leaf(V2, 'digitalSignature', '', V2_SECTION),
                    {'md': 'sha384'}),
    'ec_root': ('ec_root', None, '0.CN=EC Root\n', ISSUING.format(path=''), {'md': 'sha384'}),
    # issuers in place of `sub` that must not do
    'sub_not_ca': ('sub', 'root', SUB, 'basicConstraints=critical,CA:FALSE\n' + AKI, {}),
    'sub_no_constraints': ('sub', 'root', SUB, AKI, {}),
    'sub_no_sign': ('sub', 'root', SUB, 'basicConstraints=critical,CA:TRUE\n'
                    'keyUsage=critical,digitalSignature,cRLSign\n' + AKI, {}),
    'sub_expired': ('sub', 'root', SUB, ISSUING.format(path='') + AKI,
                    {'start': '20180101000000Z', 'end': '20190101000000Z'}),
    'sub_future': ('sub', 'root', SUB, ISSUING.format(path='') + AKI,
                   {'start': '20480101000000Z', 'end': '20580101000000Z'}),
    'sub_sha1': ('sub', 'root', SUB, ISSUING.format(path='') + AKI, {'md': 'sha1'}),
    'sub_critical': ('sub', 'root', SUB, ISSUING.format(path='') + AKI +
                     'nameConstraints=critical,permitted;DNS:example.test\n', {}),
    'sub_by_other': ('sub', 'other', SUB, ISSUING.format(path='') + AKI, {}),
    'sub_other_key': ('other', 'root', SUB, 'basicConstraints=critical,CA:TRUE\n'
                      'subjectKeyIdentifier=none\n' + AKI, {}),
    'sub_folded': ('sub', 'root', '0.O=PERENNIAL\n1.CN=test  issuing ca\n',
                   ISSUING.format(path='') + AKI, {'mask': 'default'}),
    # a root with the same name and another key, and a root without extensions
    'root_other': ('other', None, ROOT, ISSUING.format(path=''), {}),
    'other': ('other', None, '0.CN=Other Root\n', ISSUING.format(path=''), {}),
    'root_v1': ('root', None, '0.CN=Root of version 1\n', '', {'md': 'sha1'}),
    'sub_by_v1': ('sub', 'root_v1', SUB, ISSUING.format(path=''), {}),
    'root_of_cross': ('root', 'other', ROOT, ISSUING.format(path='') + AKI, {}),
    # a root that took a new key: self-issued, so it does not count for the path length
    'root_pathlen0': ('root', None, ROOT, ISSUING.format(path=',pathlen:0'), {}),
    'root_rolled': ('other', 'root', ROOT, ISSUING.format(path='') + AKI, {}),
    'below_rolled': ('agent', 'root_rolled', RA,
                     leaf(V1.format('CEPEncryption'), 'keyEncipherment'), {}),
    # twins that all vouch for each other
    **{f'twin{i}': ('root', None, ROOT, ISSUING.format(path=''), {}) for i in range(5)},
    # one level too many below `sub`, whose path length is 0
    'sub2': ('sub2', 'sub', '0.CN=Second CA\n', ISSUING.format(path='') + AKI, {}),
    'below_sub2': ('agent', 'sub2', RA, leaf(V1.format('CEPEncryption'), 'keyEncipherment'), {}),
    # weak keys and digests
    'weak_ca': ('weak', 'root', '0.CN=Weak CA\n', ISSUING.format(path='') + AKI, {}),
    'below_weak': ('agent', 'weak_ca', RA, leaf(V1.format('CEPEncryption'), 'keyEncipherment'), {}),
    'weak_leaf': ('weak', 'sub', RA, leaf(V1.format('CEPEncryption'), 'keyEncipherment'), {}),
    'agent_sha1': ('agent', 'sub', RA, leaf(V1.format('CEPEncryption'), 'keyEncipherment'),
                   {'md': 'sha1'}),
    # oddities
    'odd': ('agent', 'sub', '0.C=DE\n1.emailAddress=ra@example.test\n2.UID="  #x,y+z"\n'
            '3.CN=a\n4.+OU=b\n5.1.2.840.113556.1.4.656=up\n6.title="<T> "\n',
            'keyUsage=digitalSignature,decipherOnly,keyAgreement\n'
            'subjectKeyIdentifier=none\n'
            f'extendedKeyUsage=serverAuth,{AGENT},1.3.6.1.5.5.7.3.2\n'
            f'{V1.format("First")}\n{V2}\n1.3.6.1.4.1.311.21.10=DER:30:00\n' + V2_SECTION,
            {'start': '19991231235959Z', 'end': '20991231235959Z'}),
}


class Maker:
    def __init__(self):
        self.keys, self.certs = {}, {}

    def key(self, name, arguments):
        open(f'{name}.key', 'wb').write(openssl('genpkey', *arguments))
        self.keys[name] = openssl('pkey', '-in', f'{name}.key', '-outform', 'DER', '-traditional')

    def cert(self, number, name, key, issuer, subject, extensions, more):
        body, *sections = extensions.split('[template]')
        extensions = '[e]\n' + body + ''.join('[template]' + s for s in sections)
        text = CONFIG.format(mask=more.get('mask', 'utf8only'), subject=subject,
                             extensions=extensions)
        open('cfg', 'w').write(text)
        open('index.txt', 'w').close()
        open('serial', 'w').write(more.get('serial', f'{0x1000 + number:04x}') + '\n')
        openssl('req', '-new', '-config', 'cfg', '-key', f'{key}.key', '-out', 'csr')
        issuing = ('-selfsign', '-keyfile', f'{key}.key') if issuer is None else (
            '-cert', f'{issuer}.pem', '-keyfile', f'{CERTS[issuer][0]}.key')
        openssl('ca', '-config', 'cfg', '-batch', '-notext', '-preserveDN', '-in', 'csr',
                '-out', f'{name}.pem', '-utf8', '-md', more.get('md', 'sha256'),
                '-startdate', more.get('start', '20240101000000Z'),
                '-enddate', more.get('end', '20490101000000Z'),
                *(('-extensions', 'e') if body else ()), *issuing)
        self.certs[name] = openssl('x509', '-in', f'{name}.pem', '-outform', 'DER')

    def all_certs(self, names):
        waiting = {name: CERTS[name] for name in names}
        while waiting:  # issuers first
            for name, (key, issuer, subject, extensions, more) in list(waiting.items()):
                if issuer is None or issuer not in waiting:
                    self.cert(len(self.certs), name, key, issuer, subject, extensions, more)
                    del waiting[name]

    def facts(self, name):
        """What openssl reads in a certificate."""
        def ask(*what):
            out = openssl('x509', '-in', f'{name}.pem', '-noout', '-nameopt',
                          'rfc2253,-esc_msb,utf8,sname', *what).decode().strip()
            return out.split('=', 1)[1].strip()

        def seconds(what):
            return calendar.timegm(time.strptime(ask(what), '%b %d %H:%M:%S %Y %Z'))
        return [ask('-fingerprint', '-sha1').replace(':', '').lower(),
                ask('-fingerprint', '-sha256').replace(':', '').lower(),
                ask('-serial').lower(), ask('-subject'), ask('-issuer'),
                seconds('-startdate'), seconds('-enddate')]


def der_item(data, at):
    """Tag, contents' start and end of the DER element at `at`."""
    first = data[at + 1]
    size = first if first < 0x80 else int.from_bytes(data[at + 2:at + 2 + (first & 0x7f)], 'big')
    start = at + 2 + (first & 0x7f if first & 0x80 else 0)
    return data[at], start, start + size


def to_ber(data, level=0):
    """The same elements as BER: indefinite lengths, OCTET STRINGs in constructed pieces, nested
    and of uneven sizes, long lengths; below level 9 as they are (certificates are DER)."""
    out, at = b'', 0
    while at < len(data):
        tag, start, end = der_item(data, at)
        inside = data[start:end]
        if level < 9 and tag & 0x20:
            out += bytes([tag, 0x80]) + to_ber(inside, level + 1) + b'\0\0'
        elif level < 9 and tag == 4:
            a, b = inside[:len(inside) // 3], inside[len(inside) // 3:]
            long = b'\x04\x83' + len(b).to_bytes(3, 'big') + b
            short = b'\x24\x80\x04\x81' + bytes([len(a[:100])]) + a[:100] + b'\0\0'
            middle = b'\x04\x82' + len(a[100:]).to_bytes(2, 'big') + a[100:]
            out += b'\x24\x80' + short + middle + b'\x04\0' + long + b'\0\0'
        else:
            out += data[at:end]
        at = end
    return out


def c_array(name, data):
    lines = [f'static const uint8_t {name}[] = {{']
    for i in range(0, len(data), 16):
        lines.append('    ' + ' '.join(f'0x{b:02x},' for b in data[i:i + 16]))
    return lines + ['};']


def c_string(text):
    out = re.sub(r'(["\\])', r'\\\1', text).encode()
    return '"' + ''.join(chr(b) if 0x20 <= b < 0x7f else f'\\{b:03o}' for b in out) + '"'


def main():
    output = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else OUTPUT).resolve()
    made = Maker()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, arguments in KEYS.items():
            made.key(name, arguments)
        made.all_certs(CERTS)
        bundle = [f for n in ('agent', 'root', 'sub') for f in ('-certfile', f'{n}.pem')]
        certs_only = openssl('crl2pkcs7', '-nocrl', *bundle, '-outform', 'DER')
        open('text', 'wb').write(b'signed content\n')
        sign = ('cms', '-sign', '-in', 'text', '-binary', '-nodetach', '-outform', 'DER', '-md',
                'sha256', '-nosmimecap')
        rsa = ('-signer', 'agent.pem', '-inkey', 'agent.key')
        ec = ('-signer', 'agent_ec.pem', '-inkey', 'agent_ec.key')
        blobs = {
            'certs_only': certs_only,
            'certs_only_ber': to_ber(certs_only),
            'certs_only_pem': openssl('pkcs7', '-inform', 'DER',
                                      data=certs_only).replace(b'\n', b'\r\n'),
            'signed_attributes': openssl(*sign, *rsa),
            'signed_stream': openssl(*sign, *rsa, '-stream'),
            'signed_ec': openssl(*sign, *ec, '-noattr'),
            'signed_by_key_id': openssl(*sign, *ec, '-keyid'),
            'ms_request': (HERE / 'ms-wstep/renewal-request.p7m').read_bytes(),
            'ms_request_inner': (HERE / 'ms-wstep/renewal-request-inner.p10').read_bytes(),
            'ms_old_cert': (HERE / 'ms-wstep/old-cert.der').read_bytes(),
            'ms_response': (HERE / 'ms-wstep/renewal-response-cmc.p7b').read_bytes(),
        }
        blobs['signed_ber'] = to_ber(blobs['signed_attributes'])
        for name in ('signed_stream', 'signed_ber', 'signed_by_key_id', 'signed_ec'):
            open('m', 'wb').write(blobs[name])  # openssl itself takes what we call BER
            openssl('cms', '-verify', '-noverify', '-inform', 'DER', '-in', 'm', '-purpose', 'any')
        facts = {name: made.facts(name) for name in made.certs}

    lines = ['/* Made by tests/vectors/make_pki.py; keys for tests only. The arrays ms_* are messages',
             ' * of Windows from [MS-WSTEP], copyright Microsoft: tests/vectors/ms-wstep/README.md. */',
             '/* clang-format off */', '#include "pki_vectors.h"', '']
    for name, data in blobs.items():
        lines += c_array(f'blob_{name}', data)
    for name, data in made.keys.items():
        lines += c_array(f'key_{name}', data)
    for name, data in made.certs.items():
        lines += c_array(f'cert_{name}', data)
    lines += ['', 'const struct pki_blob pki_blobs[] = {']
    lines += [f'    {{"{n}", blob_{n}, sizeof blob_{n}}},' for n in blobs]
    lines += [f'    {{"{n}.key", key_{n}, sizeof key_{n}}},' for n in made.keys]
    lines += ['    {NULL, NULL, 0}};', '', 'const struct pki_cert pki_certs[] = {']
    for name, (sha1, sha256, serial, subject, issuer, start, end) in facts.items():
        lines += [f'    {{"{name}", cert_{name}, sizeof cert_{name}, "{sha1}",',
                  f'     "{sha256}", "{serial}",',
                  f'     {c_string(subject)},', f'     {c_string(issuer)}, {start}, {end}}},']
    lines += ['    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, 0, 0}};']
    output.write_text('\n'.join(lines) + '\n')
    print(f'{output}: {len(made.certs)} certificates, {len(blobs)} messages')


if __name__ == '__main__':
    main()
