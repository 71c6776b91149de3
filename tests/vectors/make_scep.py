#!/usr/bin/env python3
"""Writes tests/support/scep_vectors.c: SCEP messages of other programs, and envelopes by openssl.

    make_scep.py            from the folders beside it; needs openssl with its legacy provider

The recorded exchanges come as they are; the envelopes are made anew at each run (their content
keys are random), each around the same text, with the keys of those exchanges.
"""
import pathlib
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parent / 'support' / 'scep_vectors.c'
SERVER, APPLE = HERE / 'scepserver-2.1.0', HERE / 'apple-mdm-scep-2016'
LEGACY = ('-provider', 'default', '-provider', 'legacy')
TEXT = b'The quick brown fox jumps over the lazy dog, and comes back. ' * 9
OAEP = ('-keyopt', 'rsa_padding_mode:oaep')
ENVELOPES = {
    'env_aes128': ('-aes-128-cbc',), 'env_aes256': ('-aes-256-cbc',), 'env_des3': ('-des3',),
    'env_des': ('-des-cbc',), 'env_stream': ('-aes-128-cbc', '-stream', '-indef'),
    'env_keyid': ('-aes-128-cbc', '-keyid'),
    'env_oaep': ('-aes-128-cbc', *OAEP),
    'env_oaep256': ('-aes-128-cbc', *OAEP, '-keyopt', 'rsa_oaep_md:sha256', '-keyopt',
                    'rsa_mgf1_md:sha256'),
    'env_oaep_mixed': ('-aes-128-cbc', *OAEP, '-keyopt', 'rsa_oaep_md:sha256', '-keyopt',
                       'rsa_mgf1_md:sha1'),
    'env_aes192': ('-aes-192-cbc',)}


def openssl(*args, data=b''):
    return subprocess.run(('openssl',) + tuple(str(a) for a in args), input=data, check=True,
                          capture_output=True).stdout


def main():
    blobs = {'text': TEXT, 'text_short': TEXT[:15]}
    for folder, prefix in ((SERVER, ''), (APPLE, 'apple_')):
        for path in sorted(folder.iterdir()):
            name = prefix + path.stem.replace('-', '_')
            if path.suffix == '.p7m':
                blobs[name] = path.read_bytes()
            elif path.suffix == '.pem' and 'key' in path.stem:
                blobs[name] = openssl('rsa', '-in', path, '-outform', 'DER', '-traditional')
            elif path.suffix == '.pem':
                blobs[name] = openssl('x509', '-in', path, '-outform', 'DER')
    caps = (SERVER / 'cacaps.txt').read_bytes()
    blobs['cacaps'] = caps
    to, other = SERVER / 'client-cert1.pem', SERVER / 'client-cert2.pem'
    with tempfile.TemporaryDirectory() as where:
        # A certificate with a key identifier, for the recipient that is named by it.
        keyed = pathlib.Path(where, 'keyed.pem')
        openssl('req', '-x509', '-new', '-key', SERVER / 'client-key.pem', '-subj', '/CN=keyed',
                '-days', '7000', '-addext', 'subjectKeyIdentifier=hash', '-out', keyed)
        blobs['keyed_cert'] = openssl('x509', '-in', keyed, '-outform', 'DER')
        for name, options in ENVELOPES.items():
            recipient = keyed if name == 'env_keyid' else to
            # -recip after its -keyid, before its -keyopt, as the command wants them.
            before = [o for o in options if o == '-keyid']
            ciphers = [o for o in options if o.startswith('-') and o not in ('-keyid', '-keyopt')]
            after = [o for o in options if o not in before and o not in ciphers]
            blobs[name] = openssl('cms', '-encrypt', '-binary', '-outform', 'DER', *ciphers, *before,
                                  '-recip', recipient, *after, *LEGACY, data=TEXT)
        blobs['env_two'] = openssl('cms', '-encrypt', '-binary', '-outform', 'DER', '-aes-128-cbc',
                                   '-recip', other, '-recip', to, data=TEXT)
        blobs['env_short'] = openssl('cms', '-encrypt', '-binary', '-outform', 'DER',
                                     '-aes-128-cbc', '-recip', to, data=TEXT[:15])
    lines = ['/* Made by tests/vectors/make_scep.py; origin and licence: tests/vectors/README.md. */',
             '#include "scep_vectors.h"', '']
    for name, data in blobs.items():
        lines.append('static const uint8_t %s[] = {' % name)
        for at in range(0, len(data), 16):
            lines.append('    ' + ', '.join('0x%02x' % b for b in data[at:at + 16]) + ',')
        lines += ['};', '']
    lines.append('const struct pki_blob scep_blobs[] = {')
    lines += ['    {"%s", %s, sizeof %s},' % (n, n, n) for n in blobs]
    lines += ['    {NULL, NULL, 0},', '};', '']
    OUT.write_text('\n'.join(lines))


if __name__ == '__main__':
    main()
