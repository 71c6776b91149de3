#!/usr/bin/env python3
"""What renewals leave in the memory of the emulated appliance.

By AD CS with name and password, then by SCEP with a challenge, the pair is renewed with its own
keys on the very image that would be shipped (but for semihosting). Then QEMU writes all of the
eSRAM and of the DDR to a file, and it is searched, byte by byte, for eight bytes in a row of each
secret number of both keys: as they are written, back to front (which is how limbs of 32 bits lie
there). The flash image is searched too, and what the console shows of state, log and settings. Password and challenge may be there once, among the settings.
"""
# timeout: 300
import base64
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import words  # noqa: E402
from console import ConsoleError  # noqa: E402

ESRAM, ESRAM_SIZE = 0x20000000, 0x10000
DDR, DDR_SIZE = 0xA0000000, 0x100000  # the image uses 100 KB of it
USER, PASSWORD, CHALLENGE = 'EXAMPLE\\ra', 'correct-horse-battery-staple', 'Tr0ub4dor-and-3-more-words'


def numbers(der):
    """The INTEGERs of an RSAPrivateKey."""
    def header(at):
        size = der[at + 1]
        at += 2
        if size & 0x80:
            n = size & 0x7f
            size = int.from_bytes(der[at:at + n], 'big')
            at += n
        return at, size
    at, _ = header(0)
    out = []
    while at < len(der):
        at, size = header(at)
        out.append(int.from_bytes(der[at:at + size], 'big'))
        at += size
    return out


def needles(key):
    """{eight bytes: what they are of} for d, p, q, dP, dQ and qInv of a key in PEM."""
    der = subprocess.run(['openssl', 'rsa', '-in', key, '-traditional', '-outform', 'DER'],
                         check=True, capture_output=True, timeout=20).stdout
    found = {}
    for name, number in list(zip('version n e d p q dP dQ qInv'.split(), numbers(der)))[3:]:
        size = (number.bit_length() + 7) // 8
        for order in ('big', 'little'):
            text = number.to_bytes(size, order)
            for i in range(0, size - 7, 4):
                found[text[i:i + 8]] = '%s of %s' % (name, os.path.basename(key))
    return found


def search(memory, wanted):
    """[(offset, what)]"""
    return [(i, wanted[memory[i:i + 8]]) for i in range(len(memory) - 7)
            if memory[i:i + 8] in wanted]


def dump(board, the_lab):
    out = {}
    board.monitor('stop')
    for name, start, size in (('eSRAM', ESRAM, ESRAM_SIZE), ('DDR', DDR, DDR_SIZE)):
        path = the_lab.path(name)
        board.monitor('pmemsave', val=start, size=size, filename=path)
        end = time.monotonic() + 10
        while not os.path.exists(path) or os.path.getsize(path) < size:
            if time.monotonic() > end:
                raise ConsoleError('pmemsave wrote no ' + name)
            time.sleep(0.05)
        with open(path, 'rb') as f:
            out[name] = f.read()
    with open(the_lab.path('nor.img'), 'rb') as f:
        out['flash'] = f.read()[-8 * 0x10000 * 4:]
    return out


def run(protocol):
    with lab.Lab(days_left=30, protocol=protocol) as l:
        config = dict(l.config(), **{'key-policy': 'same'})
        if protocol == 'adcs':
            l.ca.auth(USER, PASSWORD)
            l.ca.mode('same-key')
            config.update({'ca-user': USER, 'ca-password': PASSWORD, 'allow-plaintext-password': 'on'})
        else:
            config.update({'scep-challenge': CHALLENGE})
        l.provision(config=config)
        wanted = {}
        for leaf in ('agent', 'cep'):
            wanted.update(needles(l.pki.path(leaf + '.key')))
        with l.board() as board:
            l.ca.wait(lambda ca: len(ca.issued()) >= 2, 120, 'two certificates')
            end = time.monotonic() + 60
            while not all(s['state'] == words.PROBATION for s in words.show(board)[1].values()
                          if 'thumbprint' in s):
                if time.monotonic() > end:
                    raise ConsoleError('not on probation: %s' % words.show(board)[1])
                time.sleep(0.5)
            time.sleep(1)
            said = ''.join(words.command(board, line) for line in ('show', 'show log', 'config list'))
            memory = dump(board, l)
            memory['console'] = said.encode()
        bad = ['%s + %#x: %s' % (where, at, what) for where, bytes_ in memory.items()
               for at, what in search(bytes_, wanted)]
        sent = base64.b64encode(('%s:%s' % (USER, PASSWORD)).encode()).decode()[:30]
        for secret in (PASSWORD, CHALLENGE, sent):
            for where, bytes_ in memory.items():
                # The settings hold it once. The network's buffers keep what went out, which over plain
                # HTTP everybody on the way has seen.
                most = 1 if where == 'eSRAM' and secret != sent else 2 if where == 'DDR' and secret == sent else 0
                if bytes_.count(secret.encode()) > most:
                    bad.append('%s holds %s %d times' % (where, secret, bytes_.count(secret.encode())))
        print('count: %s: %d patterns in %d bytes of RAM and %d of flash: %d found'
              % (protocol, len(wanted), len(memory['eSRAM']) + len(memory['DDR']), len(memory['flash']), len(bad)))
        if not search(b'x' + next(iter(wanted)), wanted):
            bad.append('the search finds nothing')
        if memory['eSRAM'].count(b'RA01') == 0 and memory['eSRAM'].count(b'certsrv') == 0:
            bad.append('this is not the memory of an appliance')
        if b'serves now' not in memory['console'] or b'ca-url' not in memory['console']:
            bad.append('the console shows neither log nor settings')
        for line in bad[:20]:
            print('  ' + line)
        return not bad


def main():
    passed = failed = 0
    for protocol in ('adcs', 'scep'):
        if run(protocol):
            passed += 1
        else:
            failed += 1
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
