#!/usr/bin/env python3
"""Makes tests/support/pkcs12_vectors.c: keys under passphrases, all by the openssl command.

    make_pkcs12.py [OUTPUT]

PKCS #12 files and encrypted PEM keys of one RSA and one EC key with a certificate and its issuer,
protected in each way that is taken and in some that are not, and keys derived from passwords by
`openssl kdf` (PBKDF2 and PKCS12KDF). Iterations are few, but for one of each: tests run in emulators.
"""
import hmac
import os
import pathlib
import subprocess
import sys
import tempfile

OUTPUT = pathlib.Path(__file__).resolve().parent.parent / 'support' / 'pkcs12_vectors.c'
PASSWORD = 'correct horse-7'
BMP_PASSWORD = ''.join('00%02x' % ord(c) for c in PASSWORD) + '0000'


def openssl(*argv, data=None):
    return subprocess.run(('openssl',) + argv, input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True).stdout


def c_array(name, data):
    lines = [f'static const uint8_t {name}[] = {{']
    for at in range(0, len(data), 16):
        lines.append('    ' + ' '.join(f'0x{b:02x},' for b in data[at:at + 16]))
    return lines + ['};']


def item(data, at):
    """(tag, start of the contents, end) of a DER element."""
    size, inner = data[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7f
        size, inner = int.from_bytes(data[inner:inner + count], 'big'), inner + count
    return data[at], inner, inner + size


def tlv(tag, *contents):
    data = b''.join(contents)
    size = len(data)
    if size < 0x80:
        return bytes((tag, size)) + data
    count = (size.bit_length() + 7) // 8
    return bytes((tag, 0x80 | count)) + size.to_bytes(count, 'big') + data


def open_ended(tag, *contents):
    return bytes((tag, 0x80)) + b''.join(contents) + b'\0\0'


def elements(data):
    """The elements of a constructed one, whole."""
    _, at, end = item(data, 0)
    found = []
    while at < end:
        found.append(data[at:item(data, at)[2]])
        at += len(found[-1])
    return found


def contents(data):
    _, inner, end = item(data, 0)
    return data[inner:end]


def pieces(data, size):
    return b''.join(tlv(4, data[at:at + size]) for at in range(0, len(data), size))


def as_ber(pfx, size=300, content=None, mac=None):
    """The same PFX with indefinite lengths, the content in pieces."""
    version, safe, mac_data = elements(pfx)
    kind, tagged = elements(safe)
    content = content or contents(contents(tagged))
    return open_ended(0x30, version, open_ended(
        0x30, kind, open_ended(0xa0, open_ended(0x24, pieces(content, size)))), mac or mac_data)


def as_nss(pfx):
    """The same PFX as NSS's pk12util writes it: each ContentInfo with indefinite lengths, too, and
    what is encrypted as a constructed [0], in pieces. The content is another, so the MAC is."""
    _, safe, mac_data = elements(pfx)
    infos = []
    for kind, tagged in map(elements, elements(contents(contents(elements(safe)[1])))):
        value = contents(tagged)
        if value[0] == 4:
            value = open_ended(0x24, pieces(contents(value), 192))
        else:
            version, info = elements(value)
            data, algorithm, encrypted = elements(info)
            value = open_ended(0x30, version, open_ended(
                0x30, data, algorithm, open_ended(0xa0, pieces(contents(encrypted), 192))))
        infos.append(open_ended(0x30, kind, open_ended(0xa0, value)))
    content = open_ended(0x30, *infos)
    info, salt, count = elements(mac_data)
    key = openssl('kdf', '-binary', '-keylen', '64', '-kdfopt', 'digest:SHA512', '-kdfopt',
                  f'hexpass:{BMP_PASSWORD}', '-kdfopt', f'hexsalt:{contents(salt).hex()}', '-kdfopt',
                  f'iter:{int.from_bytes(contents(count), "big")}', '-kdfopt', 'id:3', 'PKCS12KDF')
    mac = tlv(0x30, tlv(0x30, elements(info)[0], tlv(4, hmac.digest(key, content, 'sha512'))),
              salt, count)
    made = as_ber(pfx, 2000, content, mac)
    openssl('pkcs12', '-noout', '-passin', f'pass:{PASSWORD}', data=made)
    return made


def main():
    output = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else OUTPUT).resolve()
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=CA', '-days', '9000')
        for name, kind in (('rsa', ('RSA', '-pkeyopt', 'rsa_keygen_bits:2048')),
                           ('ec', ('EC', '-pkeyopt', 'ec_paramgen_curve:P-256'))):
            openssl('genpkey', '-algorithm', *kind, '-out', f'{name}.key')
            csr = openssl('req', '-new', '-key', f'{name}.key', '-subj', f'/CN={name}')
            open(f'{name}.csr', 'wb').write(csr)
            openssl('x509', '-req', '-in', f'{name}.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key',
                    '-set_serial', '7', '-days', '8000', '-out', f'{name}.pem')
            files[f'{name}.cert'] = openssl('x509', '-in', f'{name}.pem', '-outform', 'DER')
            files[f'{name}.spki'] = openssl('pkey', '-in', f'{name}.key', '-pubout', '-outform', 'DER')
        files['ca.cert'] = openssl('x509', '-in', 'ca.pem', '-outform', 'DER')

        def p12(name, key, *options, few=True):
            files[name] = openssl('pkcs12', '-export', '-inkey', f'{key}.key', '-in', f'{key}.pem',
                                  '-certfile', 'ca.pem', '-passout', f'pass:{PASSWORD}',
                                  '-name', key, *(('-iter', '20') if few else ()), *options)
        p12('modern.p12', 'rsa', few=False)
        p12('aes128.p12', 'ec', '-keypbe', 'AES-128-CBC', '-certpbe', 'AES-128-CBC', '-macalg', 'sha512')
        p12('old.p12', 'rsa', '-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1')
        p12('sha384.p12', 'ec', '-macalg', 'sha384', '-certpbe', 'NONE')
        p12('bare.p12', 'ec', '-keypbe', 'NONE')
        p12('aes192.p12', 'ec', '-keypbe', 'AES-192-CBC')
        p12('nomac.p12', 'ec', '-nomac')
        files['nokey.p12'] = openssl('pkcs12', '-export', '-nokeys', '-in', 'ec.pem', '-passout',
                                     f'pass:{PASSWORD}', '-iter', '20')
        files['ber.p12'] = as_ber(files['aes128.p12'])
        files['nss.p12'] = as_nss(files['aes128.p12'])
        chain = open('ec.pem', 'rb').read() + open('ca.pem', 'rb').read()
        for name, options in (('sha256.pem', ('-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA256')),
                              ('sha1.pem', ('-v2', 'des3', '-v2prf', 'hmacWithSHA1')),
                              ('sha384.pem', ('-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA384')),
                              ('sha224.pem', ('-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA224')),
                              ('sha512.pem', ('-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA512')),
                              ('scrypt.pem', ('-scrypt', '-scrypt_N', '16')),
                              ('md5.pem', ('-v1', 'PBE-MD5-DES', '-provider', 'legacy', '-provider', 'default'))):
            few = () if 'scrypt' in name else ('-iter', '20')
            try:
                key = openssl('pkcs8', '-topk8', '-in', 'ec.key', *options, *few, '-passout',
                              f'pass:{PASSWORD}')
            except subprocess.CalledProcessError:
                continue
            files[name] = chain + key
        files['bare.pem'] = chain + open('ec.key', 'rb').read()

    derived = []
    for digest in ('SHA1', 'SHA256', 'SHA384', 'SHA512'):
        for count, size in ((1, 20), (3, 64), (200, 33)):
            derived.append((digest, 0, count, size, openssl(
                'kdf', '-binary', '-keylen', str(size), '-kdfopt', f'digest:{digest}', '-kdfopt',
                f'pass:{PASSWORD}', '-kdfopt', 'salt:NaCl-and-more', '-kdfopt', f'iter:{count}', 'PBKDF2')))
        for use in (1, 2, 3):
            derived.append((digest, use, 70, 48, openssl(
                'kdf', '-binary', '-keylen', '48', '-kdfopt', f'digest:{digest}', '-kdfopt',
                f'hexpass:{BMP_PASSWORD}', '-kdfopt', 'salt:NaCl-and-more', '-kdfopt', 'iter:70', '-kdfopt',
                f'id:{use}', 'PKCS12KDF')))

    lines = ['/* Made by tests/vectors/make_pkcs12.py; keys for tests only. */', '/* clang-format off */',
             '#include "pkcs12_vectors.h"', '']
    names = {name: 'file_' + name.replace('.', '_') for name in files}
    for name, data in files.items():
        lines += c_array(names[name], data)
    lines += ['', 'const struct pkcs12_file pkcs12_files[] = {']
    lines += [f'    {{"{name}", {c}, sizeof {c}}},' for name, c in names.items()]
    lines += ['    {NULL, NULL, 0},', '};', '']
    for at, (*_, data) in enumerate(derived):
        lines += c_array(f'derived_{at}', data)
    lines += ['', 'const struct pkcs12_derived pkcs12_derived[] = {']
    lines += [f'    {{RA_HASH_{d}, {use}, {count}, {size}, derived_{at}}},'
              for at, (d, use, count, size, _) in enumerate(derived)]
    lines += ['    {RA_HASH_NONE, 0, 0, 0, NULL},', '};']
    output.write_text('\n'.join(lines) + '\n')
    print(f'{output}: {len(files)} files, {len(derived)} derived keys')


if __name__ == '__main__':
    main()
