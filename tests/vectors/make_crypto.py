#!/usr/bin/env python3
"""Makes tests/support/crypto_vectors.c: what the tests of crypto/ expect.

    make_crypto.py [OUTPUT]

Keys, signatures, ciphertexts and digests come from the openssl command. What
it cannot say on its command line is computed here from the standards, on top
of Python's hashlib and integers and of openssl's bare AES: the nonces of
RFC 6979 (checked against the RFC's own examples), AES-256-GCM (SP 800-38D,
checked against a test case of its authors) and Hash_DRBG (SP 800-90A). Our own
code has no part in any of it. The keys are for tests only. Running it again
gives new keys and the same tests.
"""
import hashlib
import hmac
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE.parent / 'support' / 'crypto_vectors.c'
MESSAGE = b'sample'
HASHES = ('sha1', 'sha256', 'sha384', 'sha512')
blobs = []


def blob(name, data):
    blobs.append((name, bytes(data)))


def openssl(*arguments, data=None):
    done = subprocess.run(('openssl',) + tuple(map(str, arguments)), input=data,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f'openssl {" ".join(map(str, arguments))}: {done.stderr.decode()}')
    return done.stdout


# ---- keys, signatures, ciphertexts ------------------------------------------------------------

def signatures(name, pem, hashes=HASHES):
    for h in hashes:
        blob(f'{name}.{h}', openssl('dgst', '-' + h, '-sign', pem, data=MESSAGE))


def private_forms(name, pem, kind):
    blob(f'{name}.der', openssl(kind, '-in', pem, '-outform', 'DER',
                                *(['-traditional'] if kind == 'rsa' else [])))
    blob(f'{name}.p8', openssl('pkcs8', '-topk8', '-nocrypt', '-in', pem, '-outform', 'DER'))
    blob(f'{name}.spki', openssl('pkey', '-in', pem, '-pubout', '-outform', 'DER'))


def rsa(name, directory, bits, *options):
    pem = directory / (name + '.pem')
    openssl('genrsa', '-traditional', '-out', pem, *options, bits)
    return pem


def encrypt(pem, *options):
    arguments = ['pkeyutl', '-encrypt', '-inkey', pem]
    for o in options:
        arguments += ['-pkeyopt', o]
    return openssl(*arguments, data=b'content encryption key')


def keys(directory):
    for bits in (2048, 3072, 4096):
        name = f'rsa{bits}'
        pem = rsa(name, directory, bits)
        private_forms(name, pem, 'rsa')
        signatures(name, pem)
        blob(f'{name}.pkcs1', encrypt(pem, 'rsa_padding_mode:pkcs1'))
        blob(f'{name}.oaep1', encrypt(pem, 'rsa_padding_mode:oaep', 'rsa_oaep_md:sha1'))
        blob(f'{name}.oaep256', encrypt(pem, 'rsa_padding_mode:oaep', 'rsa_oaep_md:sha256'))
    # padding that PKCS #1 v1.5 decryption must refuse: block type 1, and none
    pem = directory / 'rsa2048.pem'
    size = 256
    for name, block in (('type1', b'\0\1' + b'\xff' * 220 + b'\0' + b'm' * 33),
                        ('noend', b'\0\2' + b'\xaa' * 254),
                        ('short', b'\0\2' + b'\xaa' * 7 + b'\0' + b'm' * 246)):
        assert len(block) == size
        blob(f'rsa2048.{name}', openssl('pkeyutl', '-encrypt', '-inkey', pem, '-pkeyopt',
                                        'rsa_padding_mode:none', data=block))
    # signatures that a lazy reader would take: parameters left out, and a digest too early
    # with rubbish behind it (Bleichenbacher 2006)
    digest = hashlib.sha256(MESSAGE).digest()
    info = bytes.fromhex('3031300d060960864801650304020105000420') + digest
    bare = bytes.fromhex('302f300b0609608648016503040201' '0420') + digest
    for name, block in (('bare', b'\0\1' + b'\xff' * (253 - len(bare)) + b'\0' + bare),
                        ('early', b'\0\1' + b'\xff' * 8 + b'\0' + info
                         + b'\0' * (size - 11 - len(info)))):
        assert len(block) == size
        blob(f'rsa2048.sign-{name}', openssl('pkeyutl', '-decrypt', '-inkey', pem, '-pkeyopt',
                                             'rsa_padding_mode:none', data=block))

    for name, bits, options in (('rsa2560', 2560, ()), ('rsa2048e3', 2048, ('-3',)),
                                ('rsa2056', 2056, ())):
        pem = rsa(name, directory, bits, *options)
        private_forms(name, pem, 'rsa')
        signatures(name, pem)
    for name, bits, options in (('rsa1024', 1024, ()), ('rsa2050', 2050, ()),
                                ('rsa4104', 4104, ()), ('rsa3primes', 2048, ('-primes', 3))):
        private_forms(name, rsa(name, directory, bits, *options), 'rsa')

    # a signature to which the modulus was added, and keys with strange exponents
    while True:
        pem = rsa('sum', directory, 2048)
        n = int(openssl('rsa', '-in', pem, '-noout', '-modulus').split(b'=')[1], 16)
        total = n + int.from_bytes(openssl('dgst', '-sha256', '-sign', pem, data=MESSAGE), 'big')
        if total < 2**2048:
            break
    blob('rsasum.spki', openssl('pkey', '-in', pem, '-pubout', '-outform', 'DER'))
    blob('rsasum.sha256', (total - n).to_bytes(256, 'big'))
    blob('rsasum.sum', total.to_bytes(256, 'big'))
    for name, e in (('e1', 1), ('e2', 2), ('e65536', 65536), ('e2to32', 2**32 + 1),
                    ('e4294967295', 2**32 - 1)):
        key = der(0x30, der_integer(n) + der_integer(e))
        blob(f'rsasum.{name}', der(0x30, der(0x30, bytes.fromhex('06092a864886f70d0101010500'))
                                   + der(3, b'\0' + key)))

    for name, curve in (('p256', 'prime256v1'), ('p384', 'secp384r1'), ('p521', 'secp521r1'),
                        ('k256', 'secp256k1')):
        pem = directory / (name + '.pem')
        openssl('ecparam', '-name', curve, '-genkey', '-noout', '-out', pem)
        private_forms(name, pem, 'ec')
        if name in ('p256', 'p384'):
            signatures(name, pem)
            blob(f'{name}.nopublic', openssl('ec', '-in', pem, '-no_public', '-outform', 'DER'))
            blob(f'{name}.compressed', openssl('ec', '-in', pem, '-pubout', '-conv_form',
                                               'compressed', '-outform', 'DER'))
            blob(f'{name}.explicit', openssl('ec', '-in', pem, '-param_enc', 'explicit',
                                             '-outform', 'DER'))
    pem = directory / 'ed25519.pem'
    openssl('genpkey', '-algorithm', 'ed25519', '-out', pem)
    blob('ed25519.p8', openssl('pkey', '-in', pem, '-outform', 'DER'))
    blob('ed25519.spki', openssl('pkey', '-in', pem, '-pubout', '-outform', 'DER'))


# ---- digests ---------------------------------------------------------------------------------

PATTERN_SIZES = (0, 1, 55, 56, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129, 1000)


def pattern(size):
    return bytes((7 * i + i // 256) & 0xff for i in range(size))


def digests():
    for h in HASHES:
        blob(f'{h}.patterns', b''.join(openssl('dgst', '-' + h, '-binary', data=pattern(n))
                                       for n in PATTERN_SIZES))
        blob(f'{h}.message', openssl('dgst', '-' + h, '-binary', data=MESSAGE))
    for key_size in (1, 20, 64, 65, 131):
        blob(f'hmac.{key_size}', openssl('dgst', '-sha256', '-binary', '-mac', 'HMAC', '-macopt',
                                         'hexkey:' + pattern(key_size + 1)[1:].hex(),
                                         data=pattern(152)))


# ---- RFC 6979 ---------------------------------------------------------------------------------

CURVES = {
    'p256': (2**256 - 2**224 + 2**192 + 2**96 - 1,
             0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551,
             (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
              0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)),
    'p384': (2**384 - 2**128 - 2**96 + 2**32 - 1,
             int('ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf'
                 '581a0db248b0a77aecec196accc52973', 16),
             (int('aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a38'
                  '5502f25dbf55296c3a545e3872760ab7', 16),
              int('3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c0'
                  '0a60b1ce1d7e819d7a431d7c90ea0e5f', 16))),
}


def add(p, a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % p == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, p)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, p)
    x = (slope * slope - a[0] - b[0]) % p
    return x, (slope * (a[0] - x) - a[1]) % p


def multiply(p, k, point):
    result = None
    while k:
        if k & 1:
            result = add(p, result, point)
        point = add(p, point, point)
        k >>= 1
    return result


def rfc6979(curve, x, h, digest):
    p, q, base = CURVES[curve]
    size = (q.bit_length() + 7) // 8
    e = int.from_bytes(digest[:size], 'big')
    seed = x.to_bytes(size, 'big') + (e % q).to_bytes(size, 'big')
    n = len(digest)
    k, v = bytes(n), b'\1' * n

    def mac(key, data):
        return hmac.new(key, data, h).digest()
    for step in (b'\0', b'\1'):
        k = mac(k, v + step + seed)
        v = mac(k, v)
    while True:
        t = b''
        while len(t) < size:
            v = mac(k, v)
            t += v
        nonce = int.from_bytes(t[:size], 'big')
        if 0 < nonce < q:
            break
        k = mac(k, v + b'\0')
        v = mac(k, v)
    r = multiply(p, nonce, base)[0] % q
    return r, pow(nonce, -1, q) * (e + r * x) % q


def der(tag, content):
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    return bytes((tag, 0x82)) + size.to_bytes(2, 'big') + content if size > 255 else \
        bytes((tag, 0x81, size)) + content


def der_integer(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, 'big'))


def nonces():
    x = {'p256': 0xc9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721,
         'p384': int('6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8'
                     '96d5724e4c70a825f872c9ea60d2edf5', 16)}
    digest = {h: hashlib.new(h, MESSAGE).digest() for h in HASHES}
    # RFC 6979 A.2.5 and A.2.6
    assert MESSAGE == b'sample'
    assert rfc6979('p256', x['p256'], 'sha256', digest['sha256']) == (
        0xefd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716,
        0xf7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8)
    assert rfc6979('p384', x['p384'], 'sha384', digest['sha384'])[0] == int(
        '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c'
        '81a648152e44acf96e36dd1e80fabe46', 16)
    oid = {'p256': '2a8648ce3d030107', 'p384': '2b81040022'}
    for curve, secret in x.items():
        size = 32 if curve == 'p256' else 48
        blob(f'rfc6979.{curve}.der', der(0x30, der_integer(1) + der(4, secret.to_bytes(size, 'big'))
                                         + der(0xa0, der(6, bytes.fromhex(oid[curve])))))
        for h in HASHES:
            r, s = rfc6979(curve, secret, h, digest[h])
            blob(f'rfc6979.{curve}.{h}', der(0x30, der_integer(r) + der_integer(s)))
    # a digest above the order, which is reduced
    r, s = rfc6979('p256', x['p256'], 'sha256', b'\xff' * 32)
    blob('rfc6979.p256.high', der(0x30, der_integer(r) + der_integer(s)))
    # a point whose x is given as x + p
    p, _, base = CURVES['p256']
    b = (base[1]**2 - base[0]**3 + 3 * base[0]) % p
    small = next(c for c in range(1, 1000) if pow(c**3 - 3 * c + b, (p - 1) // 2, p) == 1)
    y = pow(small**3 - 3 * small + b, (p + 1) // 4, p)
    for name, value in (('reduced', small), ('unreduced', small + p)):
        blob(f'p256.{name}', der(0x30, der(0x30, der(6, bytes.fromhex('2a8648ce3d0201'))
                                           + der(6, bytes.fromhex(oid['p256'])))
                                 + der(3, b'\0\4' + value.to_bytes(32, 'big')
                                       + y.to_bytes(32, 'big'))))


# ---- AES-256-GCM -------------------------------------------------------------------------------

def aes(key, block):
    return openssl('enc', '-aes-256-ecb', '-nopad', '-K', key.hex(), data=block)


def gcm(key, nonce, plain, aad):
    h = int.from_bytes(aes(key, bytes(16)), 'big')

    def times_h(x):
        z, v = 0, h
        for i in range(127, -1, -1):
            if x >> i & 1:
                z ^= v
            v = v >> 1 ^ (0xe1 << 120 if v & 1 else 0)
        return z

    def blocks(data):
        data += bytes(-len(data) % 16)
        return [data[i:i + 16] for i in range(0, len(data), 16)]
    counters = b''.join(nonce + (i + 1).to_bytes(4, 'big') for i in range(len(plain) // 16 + 2))
    stream = aes(key, counters)
    sealed = bytes(a ^ b for a, b in zip(plain, stream[16:]))
    y = 0
    for b in blocks(aad) + blocks(sealed) + [(len(aad) * 8 << 64 | len(sealed) * 8).to_bytes(16, 'big')]:
        y = times_h(y ^ int.from_bytes(b, 'big'))
    return sealed, (y ^ int.from_bytes(stream[:16], 'big')).to_bytes(16, 'big')


def seals():
    # McGrew and Viega, "The Galois/Counter Mode of Operation", test case 14
    assert gcm(bytes(32), bytes(12), bytes(16), b'') == (
        bytes.fromhex('cea7403d4d606b6e074ec5d3baf39d18'),
        bytes.fromhex('d0d1c8a799996bf0265b98b5d48ab919'))
    key = hmac.new(bytes(range(32)), b'Perennial store seal v1', 'sha256').digest()
    for size, aad in ((0, 40), (1, 0), (16, 16), (128, 24), (1000, 5)):
        sealed, tag = gcm(key, pattern(size + 12)[:12], pattern(size), pattern(aad))
        blob(f'seal.{size}', sealed + tag)


# ---- Hash_DRBG, SP 800-90A 10.1.1 -----------------------------------------------------------------

SEED_BITS = 440


def hash_df(data):
    out = b''
    counter = 1
    while len(out) < SEED_BITS // 8:
        out += hashlib.sha256(bytes((counter,)) + SEED_BITS.to_bytes(4, 'big') + data).digest()
        counter += 1
    return out[:SEED_BITS // 8]


class Drbg:
    def __init__(self, seed):
        self.start(seed)

    def start(self, seed):
        self.v = hash_df(seed)
        self.c = hash_df(b'\0' + self.v)
        self.counter = 1

    def reseed(self, entropy):
        self.start(b'\1' + self.v + entropy)

    def bytes(self, size):
        out, data = b'', int.from_bytes(self.v, 'big')
        while len(out) < size:
            out += hashlib.sha256((data % 2**SEED_BITS).to_bytes(55, 'big')).digest()
            data += 1
        h = hashlib.sha256(b'\3' + self.v).digest()
        total = (int.from_bytes(self.v, 'big') + int.from_bytes(h, 'big')
                 + int.from_bytes(self.c, 'big') + self.counter)
        self.v = (total % 2**SEED_BITS).to_bytes(55, 'big')
        self.counter += 1
        return out[:size]


def entropy(count):
    """The noise source of tests/support/crypto_support.c."""
    state, out = 1, bytearray()
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(state >> 56)
    return bytes(out)


def generator():
    """ra_random: 1024 bytes through SHA-512; wolfSSL then takes 4 bytes for its own test and
    48 as entropy and nonce. After 4096 calls eight more chunks of 64, and a reseed."""
    noise = entropy(1024 + 512)
    drbg = Drbg(hashlib.sha512(noise[:1024]).digest()[4:52])
    first = drbg.bytes(80)
    for _ in range(4095 + 7):
        last = drbg.bytes(20)
    drbg.reseed(hashlib.sha512(noise[1024:]).digest())
    blob('drbg.first', first)
    blob('drbg.before', last)
    blob('drbg.after', drbg.bytes(20))


# ---- output ----------------------------------------------------------------------------------------

def main():
    with tempfile.TemporaryDirectory() as name:
        keys(pathlib.Path(name))
    digests()
    nonces()
    seals()
    generator()
    lines = ['/* Made by tests/vectors/make_crypto.py: openssl\'s keys, signatures and digests. */',
             '#include "crypto_vectors.h"', '', '/* clang-format off */']
    for i, (name, data) in enumerate(blobs):
        lines.append(f'static const uint8_t b{i}[] = {{ /* {name} */')
        data = data or b'\0'
        for at in range(0, len(data), 16):
            lines.append('    ' + ' '.join(f'0x{b:02x},' for b in data[at:at + 16]))
        lines.append('};')
    lines.append('const struct crypto_blob crypto_blobs[] = {')
    for i, (name, data) in enumerate(blobs):
        lines.append(f'    {{ "{name}", b{i}, {len(data)} }},')
    lines += ['    { 0, 0, 0 },', '};', '']
    output = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    output.write_text('\n'.join(lines))
    print(f'{output}: {len(blobs)} blobs, {sum(len(d) for _, d in blobs)} bytes')


main()
