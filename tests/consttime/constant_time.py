#!/usr/bin/env python3
# timeout: 120
"""Whether time or addresses depend on a secret: constant_time.c under valgrind's memcheck.

    constant_time.py [NAME...]     only these operations

Each complaint is named by the function it is in and by what depends on the secret: a branch or an address.
KNOWN says what may be complained of, and why; all else fails. The operation `planted` compares secrets as memcmp does, and must be complained of. What runs here is
the code for x86-64, wolfSSL's portable C (sp_c64.c); the Cortex-M assembly has the same structure.
"""
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / 'build/host/consttime/constant_time'

# What may depend on a secret: a branch or an address, and why.
# wolfSSL's ladders take the same steps whatever the bit is, and read as much, from another place. Without
# a data cache, as on a Cortex-M3, that takes the same time.
LADDER = ('address', 'a bit of the exponent or scalar')
TABLES = ('address', 'AES and GHASH by tables: wolfSSL has no other for these processors')
DIGITS = ('branch', 'whether the top digit of the number is zero: with 64 bits once in 2^64')
RANGE = ('branch', 'whether the nonce, r, s or the key is in range, once all is known of it')
ODD = ('branch', 'whether p and q are odd')
KNOWN = {
    'rsa-sign': {'sp_2048_mod_exp_17': LADDER, 'sp_RsaPrivate_2048': ODD},
    'ec-sign': {'sp_256_ecc_mulmod_5': LADDER, 'sp_256_proj_point_add_5': LADDER, 'sp_256_from_mp': DIGITS,
                'sp_256_to_mp': DIGITS, 'sp_ecc_sign_256': RANGE, 'ra_ec_sign': RANGE},
    'ec-public': {'sp_256_ecc_mulmod_5': LADDER, 'sp_256_proj_point_add_5': LADDER, 'sp_256_from_mp': DIGITS,
                  'ra_ec_make_public': RANGE},
    'seal-close': {'AesEncrypt_C': TABLES, 'AesSetKey_C': TABLES, 'GMULT': TABLES},
}
KNOWN['rsa-decrypt'] = dict(KNOWN['rsa-sign'], decrypt=(
    'branch address', 'whether the padding is right and how long the message is, once all is known of it'))
KNOWN['seal-open'] = dict(KNOWN['seal-close'], ra_seal_open=(
    'branch', 'whether the tag is right, all of it compared'))
KINDS = {'UninitCondition': 'branch', 'UninitValue': 'address'}


def complaints(name, folder):
    """{(function, kind): times}, or None when the operation itself failed."""
    report = pathlib.Path(folder) / (name + '.xml')
    done = subprocess.run(['valgrind', '--quiet', '--xml=yes', '--error-limit=no', '--xml-file=%s' % report,
                           PROGRAM, name], capture_output=True, text=True, timeout=100)
    if done.returncode != 0:
        print(done.stdout + done.stderr)
        return None
    found = {}
    root = xml.parse(report).getroot()
    counts = {pair.findtext('unique'): int(pair.findtext('count')) for pair in root.iter('pair')}
    for error in root.iter('error'):
        function = (error.find('stack/frame').findtext('fn') or '?').split('.')[0]
        what = function, KINDS.get(error.findtext('kind'), error.findtext('kind'))
        found[what] = found.get(what, 0) + counts.get(error.findtext('unique'), 1)
    return found


def main():
    listed = subprocess.run([PROGRAM], capture_output=True, text=True, check=True).stdout.split()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or listed:
            found = complaints(name, folder)
            known = KNOWN.get(name, {})
            if found is None:
                verdict = ['the operation fails']
            elif name == 'planted':
                verdict = [] if found else ['a comparison that ends early is not complained of']
            else:
                verdict = ['%s: a secret decides the %s' % what for what in found
                           if what[1] not in known.get(what[0], ('', ''))[0].split()]
            print('%s %-12s %s' % ('FAIL' if verdict else 'ok  ', name, '; '.join(verdict) or (
                'complained of' if name == 'planted' else
                'but for: ' + ', '.join('%s %s %d' % (*what, found[what]) for what in sorted(found)) if found else 'clean')))
            passed += not verdict
            failed += bool(verdict)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
