"""Keys, certificates and certificate extensions for the test CA.

Certificates are written with der.py, because an exact copy of a subject, a
BMPString template extension and a given notBefore are easier to write than to
ask for; every key, signature and verification is the openssl command's. RFC
5280 for the layout, microsoft-enrolment facts for what AD CS puts in.
"""

import datetime
import hashlib
import os
import subprocess

import der

OID_CN = '2.5.4.3'
OID_SKI = '2.5.29.14'
OID_KU = '2.5.29.15'
OID_SAN = '2.5.29.17'
OID_BC = '2.5.29.19'
OID_CDP = '2.5.29.31'
OID_AKI = '2.5.29.35'
OID_EKU = '2.5.29.37'
OID_AIA = '1.3.6.1.5.5.7.1.1'
OID_TEMPLATE_V1 = '1.3.6.1.4.1.311.20.2'
OID_TEMPLATE_V2 = '1.3.6.1.4.1.311.21.7'
OID_CA_VERSION = '1.3.6.1.4.1.311.21.1'
OID_APP_POLICIES = '1.3.6.1.4.1.311.21.10'
OID_REQUEST_AGENT = '1.3.6.1.4.1.311.20.2.1'
OID_RSA = '1.2.840.113549.1.1.1'
OID_EC = '1.2.840.10045.2.1'

CURVES = {'1.2.840.10045.3.1.7': ('P-256', 256), '1.3.132.0.34': ('P-384', 384),
          '1.3.132.0.35': ('P-521', 521)}
SIGNATURES = {  # OID: (family, hash)
    '1.2.840.113549.1.1.5': ('rsa', 'sha1'), '1.2.840.113549.1.1.11': ('rsa', 'sha256'),
    '1.2.840.113549.1.1.12': ('rsa', 'sha384'), '1.2.840.113549.1.1.13': ('rsa', 'sha512'),
    '1.2.840.10045.4.1': ('ec', 'sha1'), '1.2.840.10045.4.3.2': ('ec', 'sha256'),
    '1.2.840.10045.4.3.3': ('ec', 'sha384'), '1.2.840.10045.4.3.4': ('ec', 'sha512')}
DIGESTS = {'1.3.14.3.2.26': 'sha1', '2.16.840.1.101.3.4.2.1': 'sha256',
           '2.16.840.1.101.3.4.2.2': 'sha384', '2.16.840.1.101.3.4.2.3': 'sha512'}
DIGEST_OIDS = {name: number for number, name in DIGESTS.items()}

# The two v1 templates of the RA certificates (and a stranger for the tests),
# as the CA has them: key usage bits, EKUs, key families, smallest RSA key.
TEMPLATES = {
    'EnrollmentAgentOffline': {'ku': (0,), 'eku': (OID_REQUEST_AGENT,),
                               'families': ('rsa', 'ec'), 'bits': 2048},
    'CEPEncryption': {'ku': (2,), 'eku': (OID_REQUEST_AGENT,),
                      'families': ('rsa',), 'bits': 2048},
    'WebServer': {'ku': (0, 2), 'eku': ('1.3.6.1.5.5.7.3.1',),
                  'families': ('rsa', 'ec'), 'bits': 2048},
}
# Version 2 copies of them have an OID of the forest; (OID, major, minor).
TEMPLATES_V2 = {
    'EnrollmentAgentOffline': ('1.3.6.1.4.1.311.21.8.8519178.3046971.49'
                               '.1234567.1.12', 100, 4),
    'CEPEncryption': ('1.3.6.1.4.1.311.21.8.8519178.3046971.49.1234567.1.22', 100, 4),
}
KEY_KINDS = {'rsa1024': ('RSA', 'rsa_keygen_bits:1024'),
             'rsa2048': ('RSA', 'rsa_keygen_bits:2048'),
             'rsa3072': ('RSA', 'rsa_keygen_bits:3072'),
             'rsa4096': ('RSA', 'rsa_keygen_bits:4096'),
             'p256': ('EC', 'ec_paramgen_curve:P-256'),
             'p384': ('EC', 'ec_paramgen_curve:P-384'),
             'p521': ('EC', 'ec_paramgen_curve:P-521')}


class OpensslError(Exception):
    """The openssl command did not end with 0."""


def openssl(*args, data=None, check=True):
    """Runs the openssl command; stdout, or (code, stdout, stderr) unchecked."""
    env = dict(os.environ, OPENSSL_CONF='/dev/null', LC_ALL='C')
    done = subprocess.run(('openssl',) + args, input=data if data is not None else b'',
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=120)
    if not check:
        return done.returncode, done.stdout, done.stderr.decode('utf-8', 'replace')
    if done.returncode:
        raise OpensslError('openssl %s: %s' % (args[0], done.stderr.decode('utf-8', 'replace')))
    return done.stdout


# ---------------------------------------------------------------- keys

def make_key(path, kind):
    """A new private key at `path`, PKCS#8 PEM, readable by its owner alone."""
    algorithm, option = KEY_KINDS[kind]
    more = ('-pkeyopt', 'ec_param_enc:named_curve') if algorithm == 'EC' else ()
    pem = openssl('genpkey', '-algorithm', algorithm, '-pkeyopt', option, *more)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as out:
        out.write(pem)
    return path


def spki_of_key(path):
    return openssl('pkey', '-in', path, '-pubout', '-outform', 'DER')


def sign(path, data, digest='sha256'):
    return openssl('dgst', '-' + digest, '-sign', path, data=data)


def key_info(spki):
    """('rsa'|'ec'|'other', bits, name) of a SubjectPublicKeyInfo."""
    node = der.read(spki)
    algorithm = node.children[0].children
    number = algorithm[0].oid()
    if number == OID_RSA:
        bits = der.read(node.children[1].bit_octets()).children[0].int().bit_length()
        return 'rsa', bits, 'RSA-%d' % bits
    if number == OID_EC and len(algorithm) > 1 and algorithm[1].tag == 6:
        name, bits = CURVES.get(algorithm[1].oid(), ('unknown curve', 0))
        return 'ec', bits, 'EC ' + name
    return 'other', 0, number


def key_id(spki):
    """SHA-1 of the subjectPublicKey bits (RFC 5280 4.2.1.2, method 1)."""
    return hashlib.sha1(der.read(spki).children[1].bit_octets()).digest()


# ---------------------------------------------------------------- names

NAME_TYPES = {'C': '2.5.4.6', 'ST': '2.5.4.8', 'L': '2.5.4.7', 'O': '2.5.4.10',
              'OU': '2.5.4.11', 'CN': OID_CN, 'DC': '0.9.2342.19200300.100.1.25'}


def name(text, string=None):
    """The DER of 'C=US,O=Example,CN=x'; C is PrintableString, DC IA5String,
    the rest PrintableString as AD CS writes them (or `string`)."""
    rdns = []
    for part in text.split(','):
        kind, value = part.split('=', 1)
        kind = kind.strip().upper()
        if kind == 'DC':
            wire = der.ia5(value)
        elif kind == 'C':
            wire = der.printable(value)
        else:
            wire = (string or (der.printable if value.isascii() else der.utf8))(value)
        rdns.append(der.set_of(der.seq(der.oid(NAME_TYPES[kind]), wire)))
    return der.seq(*rdns)


# ---------------------------------------------------------------- extensions

def extension(number, value, critical=False):
    return der.seq(der.oid(number), der.boolean(True) if critical else b'', der.octets(value))


def ext_key_usage(bits, critical=True):
    return extension(OID_KU, der.named_bits(*bits), critical)


def ext_eku(numbers):
    return extension(OID_EKU, der.seq(*[der.oid(n) for n in numbers]))


def ext_ski(spki):
    return extension(OID_SKI, der.octets(key_id(spki)))


def ext_aki(spki):
    return extension(OID_AKI, der.seq(der.context(0, key_id(spki), False)))


def ext_template(template):
    return extension(OID_TEMPLATE_V1, der.bmp(template))


def ext_template_v2(template, minor_add=0):
    number, major, minor = TEMPLATES_V2[template]
    return extension(OID_TEMPLATE_V2, der.seq(der.oid(number), der.integer(major),
                                              der.integer(minor + minor_add)))


def ext_basic(ca, path_len=None):
    parts = (der.boolean(True) if ca else b'',
             der.integer(path_len) if path_len is not None else b'')
    return extension(OID_BC, der.seq(*parts), True)


def ext_san_dns(*names):
    return extension(OID_SAN, der.seq(*[der.context(2, n.encode('ascii'), False) for n in names]))


def ext_cdp_aia(ca_name, host='ca01', base='DC=example,DC=net'):
    """CDP and AIA with the LDAP and HTTP locations that AD CS writes by
    default; they are what makes its certificates 1.4 KB and more."""
    quoted = ca_name.replace(' ', '%20')
    tail = 'CN=Public%20Key%20Services,CN=Services,CN=Configuration,' + base
    web = 'http://pki.example.net/CertEnroll/'
    crl = ('ldap:///CN=%s,CN=%s,CN=CDP,%s?certificateRevocationList?base'
           '?objectClass=cRLDistributionPoint' % (quoted, host, tail), web + quoted + '.crl')
    issuer = ('ldap:///CN=%s,CN=AIA,%s?cACertificate?base?objectClass=certificationAuthority'
              % (quoted, tail), web + host + '.example.net_' + quoted + '.crt')
    names = b''.join(der.context(6, url.encode('ascii'), False) for url in crl)
    cdp = der.seq(der.seq(der.context(0, der.context(0, names))))
    aia = der.seq(*[der.seq(der.oid('1.3.6.1.5.5.7.48.2'),
                            der.context(6, url.encode('ascii'), False)) for url in issuer])
    return [extension(OID_CDP, cdp), extension(OID_AIA, aia)]


# ---------------------------------------------------------------- certificates

def signature_algorithm(key_spki, digest):
    family = key_info(key_spki)[0]
    for number, pair in SIGNATURES.items():
        if pair == (family, digest):
            return der.seq(der.oid(number), der.null() if family == 'rsa' else b'')
    raise ValueError('no signature algorithm for %s with %s' % (family, digest))


def make_cert(issuer_name, issuer_key, subject, spki, not_before, not_after, serial, extensions,
              digest=None):
    """A signed v3 certificate in DER. `serial` is content octets, first bit 0."""
    issuer_spki = spki_of_key(issuer_key)
    digest = digest or ('sha384' if key_info(issuer_spki)[1] == 384 else 'sha256')
    algorithm = signature_algorithm(issuer_spki, digest)
    tbs = der.seq(der.context(0, der.integer(2)), der.tlv(0x02, serial), algorithm, issuer_name,
                  der.seq(der.time(not_before), der.time(not_after)), subject, spki,
                  der.context(3, der.seq(*extensions)))
    return der.seq(tbs, algorithm, der.bits(sign(issuer_key, tbs, digest)))


def serial_for(request_id, ca_index=0):
    """19 octets as AD CS makes them: the CA's key index, random, request id."""
    return (bytes((0x61, 0, 0, ca_index & 0xff)) + os.urandom(9) + b'\x00\x00'
            + request_id.to_bytes(4, 'big'))


def parse_time(node):
    text = node.content.decode('ascii')
    if node.tag == 0x17:
        year = int(text[:2])
        text = ('19' if year >= 50 else '20') + text
    moment = datetime.datetime.strptime(text, '%Y%m%d%H%M%SZ')
    return moment.replace(tzinfo=datetime.timezone.utc)


class Cert:
    """What the tests ask of a certificate, read from its DER."""

    def __init__(self, data):
        self.der = data
        whole = der.read(data)
        tbs = whole.children[0].children
        if tbs[0].tag == 0xa0:
            tbs = tbs[1:]
        self.serial = tbs[0].content
        self.issuer = tbs[2].raw
        self.not_before, self.not_after = [parse_time(n) for n in tbs[3].children]
        self.subject = tbs[4].raw
        self.spki = tbs[5].raw
        self.extensions = []  # (oid, critical, value octets, whole extension)
        for extra in tbs[6:]:
            if extra.tag == 0xa3:
                self.extensions = read_extensions(extra.children[0])

    def ext(self, number):
        for found in self.extensions:
            if found[0] == number:
                return found
        return None

    @property
    def sha1(self):
        return hashlib.sha1(self.der).hexdigest().upper()

    @property
    def sha256(self):
        return hashlib.sha256(self.der).hexdigest().upper()

    @property
    def serial_hex(self):
        return self.serial.hex().upper()

    @property
    def template(self):
        return template_of(self.extensions)

    @property
    def key_usage(self):
        found = self.ext(OID_KU)
        return der.read(found[2]).raw if found else None

    @property
    def key_name(self):
        return key_info(self.spki)[2]


class Template:
    """What every certificate of a template holds, to be asked like a Cert."""

    def __init__(self, name):
        self.template = name
        self.extensions = read_extensions(der.read(der.seq(
            ext_key_usage(TEMPLATES[name]['ku']), ext_eku(TEMPLATES[name]['eku']),
            ext_template(name))))

    ext = Cert.ext


def read_extensions(sequence):
    out = []
    for node in sequence.expect(0x30, 'extensions').children:
        parts = node.expect(0x30, 'extension').children
        critical = len(parts) == 3
        if critical and parts[1].expect(0x01, 'critical').content != b'\xff':
            raise der.DerError('critical FALSE is written out', parts[1].at)
        if len(parts) not in (2, 3):
            raise der.DerError('bad extension', node.at)
        out.append((parts[0].oid(), critical, parts[-1].expect(0x04, 'extension').content,
                    node.raw))
    return out


def template_of(extensions):
    """The template a list of extensions names; None when it names none."""
    for number, _, value, _ in extensions:
        if number == OID_TEMPLATE_V1:
            return der.read(value).expect(0x1e, 'template name').content.decode('utf-16-be')
        if number == OID_TEMPLATE_V2:
            wanted = der.read(value).children[0].oid()
            for template, (template_oid, _, _) in TEMPLATES_V2.items():
                if template_oid == wanted:
                    return template
            return wanted
    return None


def load(path):
    with open(path, 'rb') as source:
        data = source.read()
    if data[:1] != b'\x30':
        data = der.from_pem(data.decode('ascii'))[0]
    return Cert(data)
