#!/usr/bin/env python3
"""Each wolfSSL option that crypto/ needs is named at compile time when it is missing.

Compiles crypto/ra_wolfssl_check.h against changed copies of user_settings.h and looks for
the option's name in the compiler's message; the unchanged file must pass.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
WOLFSSL = pathlib.Path(os.environ.get('WOLFSSL_DIR') or ROOT / '.cache/src/wolfssl')
# what to add at the end of user_settings.h, and what the message must name
CASES = [('#undef ' + name, name) for name in (
    'SINGLE_THREADED', 'WOLFSSL_NO_MALLOC', 'WOLFSSL_HAVE_SP_RSA',
    'WOLFSSL_HAVE_SP_ECC', 'HAVE_ECC', 'WOLFSSL_SP_384', 'WOLFSSL_SP_4096', 'WOLFSSL_SHA384',
    'WOLFSSL_SHA512', 'HAVE_AESGCM', 'HAVE_HASHDRBG', 'CUSTOM_RAND_GENERATE_SEED',
    'ECC_TIMING_RESISTANT')]
CASES += [('#define ' + name, name) for name in (
    'WORDS_BIGENDIAN', 'WOLFSSL_SMALL_STACK', 'WOLFSSL_SP_SMALL_STACK', 'WOLFSSL_SP_INT_NEGATIVE',
    'HAVE_WOLF_BIGINT', 'WOLFSSL_SP_NO_256', 'WOLFSSL_SP_NO_2048', 'WOLFSSL_SP_NO_3072',
    'RSA_LOW_MEM', 'SP_RSA_PRIVATE_EXP_D', 'NO_RSA', 'WOLFSSL_RSA_PUBLIC_ONLY',
    'WOLFSSL_RSA_VERIFY_ONLY', 'WC_NO_RSA_OAEP', 'WC_NO_HARDEN', 'WC_NO_CACHE_RESISTANT')]
CASES += [('#define NO_SHA', 'SHA-1'), ('#define NO_SHA256', 'SHA-256'),
          ('#undef NO_WOLFSSL_MEMORY\n#undef XMALLOC_OVERRIDE', 'NO_WOLFSSL_MEMORY'),
          ('#define NO_AES_256', 'HAVE_AESGCM'),
          ('#undef WOLFSSL_SP_MATH\n#define USE_FAST_MATH', 'WOLFSSL_SP_MATH')]
# The same with RA_WITH_TLS=1.
TLS_CASES = [('#undef ' + name, name) for name in (
    'WOLFSSL_NO_MALLOC', 'WOLFSSL_TLS13', 'HAVE_PK_CALLBACKS', 'WOLFSSL_ALWAYS_VERIFY_CB',
    'WOLFSSL_USER_IO', 'WOLFSSL_AEAD_ONLY', 'HAVE_SNI', 'HAVE_MAX_FRAGMENT', 'HAVE_KEYING_MATERIAL',
    'WOLFSSL_HAVE_TLS_UNIQUE')]
TLS_CASES += [('#define ' + name, name) for name in (
    'WOLFCRYPT_ONLY', 'NO_TLS', 'NO_CERTS', 'NO_WOLFSSL_CLIENT',
    'HAVE_SECURE_RENEGOTIATION')]


def compile_with(addition, directory, user_settings=True, tls=False):
    settings = (ROOT / 'crypto/user_settings.h').read_text()
    (directory / 'user_settings.h').write_text(settings + '\n' + addition + '\n')
    (directory / 'c.c').write_text('#include "ra_wolfssl_check.h"\nextern int x;\n')
    command = ['cc', '-fsyntax-only', '-I', directory, '-I', ROOT / 'crypto', '-I',
               ROOT / 'firmware', '-isystem', WOLFSSL, directory / 'c.c']
    if user_settings:
        command.append('-DWOLFSSL_USER_SETTINGS')
    if tls:
        command.append('-DRA_WITH_TLS=1')
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    messages = [line for line in done.stderr.splitlines() if '#error "Perennial needs' in line
                or line.lstrip().startswith(('|', '"')) or '"' in line]
    return done.returncode, ' '.join(messages)


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        for addition, want, options, tls in [('', None, True, False), ('', None, True, True)] + \
                [(a, w, True, False) for a, w in CASES] + \
                [(a, w, True, True) for a, w in TLS_CASES] + \
                [('', 'WOLFSSL_USER_SETTINGS', False, False)]:
            code, text = compile_with(addition, directory, options, tls)
            good = code == 0 if want is None else (code != 0 and 'Perennial needs' in text
                                                   and want in text)
            passed += good
            failed += not good
            if not good:
                print(f'{addition or "unchanged"}: rc {code}, {want} not named: {text[:300]}')
    print(f'{passed} passed, {failed} failed')
    return failed != 0


sys.exit(main())
