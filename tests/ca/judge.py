"""Judges a renewal request the way the test CA does.

`judge` takes the DER that came in the form, the CA's own records and the
form's attributes, and returns a Verdict: a list of findings, each a rule's
name, the HRESULT a real CA answers (or, where a real CA is more patient than
we want our own request to be, the nearest one) and a sentence. An empty list
means: exactly the PKCS#7 renewal that Windows sends, nothing less, nothing
more. Signatures are openssl's judgement, the structure der.py's.

Rule names are for tests to assert on; they do not change with the wording.
"""

import collections
import hashlib
import os
import tempfile

import der
import x509

OID_SIGNED_DATA = '1.2.840.113549.1.7.2'
OID_DATA = '1.2.840.113549.1.7.1'
OID_RENEWAL_CERT = '1.3.6.1.4.1.311.13.1'
OID_EXT_REQUEST = '1.2.840.113549.1.9.14'
OID_EXT_REQUEST_MS = '1.3.6.1.4.1.311.2.1.14'
OID_OS_VERSION = '1.3.6.1.4.1.311.13.2.3'
OID_CSP = '1.3.6.1.4.1.311.13.2.2'
OID_CLIENT_INFO = '1.3.6.1.4.1.311.21.20'
OID_NAME_VALUE = '1.3.6.1.4.1.311.13.2.1'

# name: number, symbol, the words a CA's page carries with it
HRESULTS = {
    0x8007000D: ('ERROR_INVALID_DATA', 'The data is invalid.'),
    0x80090006: ('NTE_BAD_SIGNATURE', 'Invalid Signature.'),
    0x80090008: ('NTE_BAD_ALGID', 'Invalid algorithm specified.'),
    0x80092004: ('CRYPT_E_NOT_FOUND', 'Cannot find object or property.'),
    0x8009200E: ('CRYPT_E_NO_SIGNER', 'The signed message has no signer.'),
    0x8009310B: ('CRYPT_E_ASN1_BADTAG', 'ASN1 bad tag value met.'),
    0x80094001: ('CERTSRV_E_BAD_REQUESTSUBJECT', 'The request subject name is invalid.'),
    0x80094002: ('CERTSRV_E_NO_REQUEST', 'The request does not exist.'),
    0x80094003: ('CERTSRV_E_BAD_REQUESTSTATUS', "The request's status does not allow this."),
    0x80094004: ('CERTSRV_E_PROPERTY_EMPTY', 'The requested property value is empty.'),
    0x80094009: ('CERTSRV_E_RESTRICTEDOFFICER', 'The officer is not allowed to do this.'),
    0x8009400E: ('CERTSRV_E_BAD_RENEWAL_CERT_ATTRIBUTE',
                 'The renewal certificate attribute is wrong.'),
    0x80094011: ('CERTSRV_E_ENROLL_DENIED', 'The CA does not let the caller enrol.'),
    0x80094012: ('CERTSRV_E_TEMPLATE_DENIED', 'The template does not let the caller enrol.'),
    0x80094014: ('CERTSRV_E_ADMIN_DENIED_REQUEST', 'Denied by a certificate manager.'),
    0x80094800: ('CERTSRV_E_UNSUPPORTED_CERT_TYPE', 'This CA does not issue that template.'),
    0x80094801: ('CERTSRV_E_NO_CERT_TYPE', 'The request names no template.'),
    0x80094802: ('CERTSRV_E_TEMPLATE_CONFLICT', 'The request names conflicting templates.'),
    0x80094806: ('CERTSRV_E_SUBJECT_NOT_CALLER', 'The subject is not the caller.'),
    0x80094807: ('CERTSRV_E_TEMPLATE_VERSION', 'The template version is newer than the CA has.'),
    0x80094809: ('CERTSRV_E_SIGNATURE_POLICY', 'A signature of the issuance policy is missing.'),
    0x8009480A: ('CERTSRV_E_SIGNATURE_COUNT', 'Too few signatures.'),
    0x8009480B: ('CERTSRV_E_SIGNATURE_REJECTED', 'A signature was rejected.'),
    0x80094811: ('CERTSRV_E_KEY_LENGTH', 'The public key is too short for the template.'),
    0x80094814: ('CERTSRV_E_RENEWAL_PERIOD', 'The renewal period exceeds the validity.'),
    0x80094816: ('CERTSRV_E_RENEWAL_BAD_PUBLIC_KEY', 'The public key does not suit a renewal.'),
    0x800B0101: ('CERT_E_EXPIRED', 'A certificate is outside its validity period.'),
    0x800B0109: ('CERT_E_UNTRUSTEDROOT', 'The chain ends in an untrusted root.'),
    0x800B010A: ('CERT_E_CHAINING', 'No chain to a trusted root.'),
    0x800B010C: ('CRYPT_E_REVOKED', 'A certificate has been revoked.'),
    0x800B010E: ('CERT_E_REVOCATION_FAILURE', 'Revocation could not be checked.'),
    0x800B0110: ('CERT_E_WRONG_USAGE', 'The certificate is not valid for this use.'),
}

Finding = collections.namedtuple('Finding', 'rule hresult text')


class Verdict:
    """What the judge found; `old` is the ca.Record of the old certificate."""

    def __init__(self):
        self.findings = []
        self.notes = []
        self.old = None
        self.template = None
        self.spki = None
        self.subject = None
        self.sizes = {}
        self.facts = {}
        self.attributes = []

    @property
    def good(self):
        return not self.findings

    @property
    def hresult(self):
        return self.findings[0].hresult if self.findings else 0

    def find(self, rule, hresult, text):
        self.findings.append(Finding(rule, hresult, text))

    def as_json(self):
        return {'good': self.good, 'hresult': '0x%08x' % self.hresult,
                'rules': [f.rule for f in self.findings],
                'findings': ['%s: 0x%08x %s' % f for f in self.findings],
                'notes': self.notes, 'template': self.template, 'sizes': self.sizes,
                'facts': self.facts, 'attributes': self.attributes,
                'old_serial': self.old.cert.serial_hex if self.old else None}


class Stop(Exception):
    """Nothing further can be judged; the finding is already recorded."""


def algorithm(node, what):
    """(oid, parameters node or None) of an AlgorithmIdentifier."""
    parts = node.expect(0x30, what).children
    if not 1 <= len(parts) <= 2:
        raise der.DerError(what + ': bad AlgorithmIdentifier', node.at)
    return parts[0].oid(what), parts[1] if len(parts) == 2 else None


def digest_name(verdict, node, what):
    number, parameters = algorithm(node, what)
    name = x509.DIGESTS.get(number)
    if name not in ('sha256', 'sha384', 'sha512'):
        verdict.find('weak-digest', 0x80090008, '%s: digest %s is not of the SHA-2 family'
                     % (what, name or number))
    if parameters is not None and parameters.tag != 0x05:
        verdict.find('digest-parameters', 0x80090008, what + ': digest parameters are not NULL')
    verdict.facts.setdefault('digest_null', []).append(parameters is not None)
    return name


class Outer:
    """The SignedData, taken apart; findings go to the verdict."""

    def __init__(self, verdict, data):
        find = verdict.find
        node = der.read(data)
        parts = node.expect(0x30, 'ContentInfo').children
        if len(parts) != 2 or parts[0].oid('contentType') != OID_SIGNED_DATA:
            find('content-type', 0x8007000D, 'the message is not signedData')
            raise Stop
        signed = parts[1].expect(0xa0, 'content').children
        if len(signed) != 1:
            raise der.DerError('content', parts[1].at)
        items = signed[0].expect(0x30, 'SignedData').children
        if items[0].int('version') != 1:
            find('signed-version', 0x8007000D,
                 'SignedData version %d, not 1' % items[0].int())
        self.digests = items[1].expect(0x31, 'digestAlgorithms').children
        if len(self.digests) != 1:
            find('digest-count', 0x8007000D, '%d digestAlgorithms, not 1' % len(self.digests))
        self.digest = digest_name(verdict, self.digests[0], 'digestAlgorithms') \
            if self.digests else None
        inner = items[2].expect(0x30, 'encapContentInfo').children
        if inner[0].oid('eContentType') != OID_DATA:
            find('inner-type', 0x8007000D, 'the content is not id-data')
            raise Stop
        if len(inner) != 2:
            find('no-content', 0x8007000D, 'the content is missing')
            raise Stop
        content = inner[1].expect(0xa0, 'eContent').children
        self.content = content[0].expect(0x04, 'eContent').content
        rest = items[3:]
        self.certificates = []
        if rest and rest[0].tag == 0xa0:
            self.certificates = rest.pop(0).children
        if rest and rest[0].tag == 0xa1:
            find('crls', 0x8007000D, 'the message carries CRLs')
            rest.pop(0)
        if len(rest) != 1:
            raise der.DerError('SignedData has a wrong number of parts', signed[0].at)
        self.signers = rest[0].expect(0x31, 'signerInfos').children


def check_signer(verdict, outer, old):
    find = verdict.find
    if not outer.signers:
        find('no-signer', 0x8009200E, 'the message has no SignerInfo')
        return
    if len(outer.signers) != 1:
        find('signer-count', 0x8007000D, '%d SignerInfos, not 1' % len(outer.signers))
    parts = outer.signers[0].expect(0x30, 'SignerInfo').children
    if parts[0].int('SignerInfo version') != 1:
        find('signer-version', 0x8007000D, 'SignerInfo version %d, not 1' % parts[0].int())
    if parts[1].tag != 0x30:
        find('signer-id', 0x8009400E, 'the signer is not named by issuer and serial number')
    else:
        issuer, serial = parts[1].children
        if issuer.raw != old.issuer or serial.expect(0x02, 'serial').content != old.serial:
            find('signer-id', 0x8009400E, 'the signer named is not the old certificate')
    if digest_name(verdict, parts[2], 'SignerInfo') != outer.digest:
        find('digest-differs', 0x8007000D, 'digestAlgorithm is not among digestAlgorithms')
    at = 3
    if parts[at].tag == 0xa0:
        find('signed-attributes', 0x8007000D, 'signed attributes are present; Windows sends none')
        at += 1
    family = x509.key_info(old.spki)[0]
    number, parameters = algorithm(parts[at], 'signatureAlgorithm')
    verdict.facts['outer_signature'] = number
    if family == 'rsa':
        if number != x509.OID_RSA:
            find('signature-algorithm', 0x80090008,
                 'signatureAlgorithm %s, not rsaEncryption' % number)
        if parameters is None or parameters.tag != 0x05:
            find('signature-algorithm', 0x80090008, 'rsaEncryption without NULL parameters')
    else:
        if x509.SIGNATURES.get(number) != ('ec', outer.digest):
            find('signature-algorithm', 0x80090008,
                 'signatureAlgorithm %s does not suit the key and digest' % number)
        if parameters is not None:
            find('signature-algorithm', 0x80090008, 'ECDSA with parameters')
    if len(parts) > at + 2:
        find('unsigned-attributes', 0x8007000D, 'unsigned attributes are present')


def check_readable(verdict, name):
    """The other parser's view of the structure in the file `name`: it must read it to its end."""
    if x509.openssl('asn1parse', '-inform', 'DER', '-in', name, check=False)[0]:
        verdict.find('asn1parse', 0x8009310B, 'openssl asn1parse stops in the request')


def check_inner_signature(verdict, name):
    """The PKCS#10 in the file `name`."""
    code, out, words = x509.openssl('req', '-verify', '-noout', '-inform', 'DER', '-in', name,
                                    check=False)
    if code or 'verify OK' not in out.decode('ascii', 'replace') + words:
        verdict.find('inner-signature', 0x80090006, 'openssl req -verify refuses the PKCS#10')
    check_readable(verdict, name)


def check_signatures(verdict, data, outer):
    """Both signatures, by the openssl command alone."""
    with tempfile.TemporaryDirectory() as where:
        request, content = os.path.join(where, 'r.p7'), os.path.join(where, 'c.p10')
        with open(request, 'wb') as out:
            out.write(data)
        code, _, words = x509.openssl('cms', '-verify', '-noverify', '-purpose', 'any', '-binary',
                                      '-inform', 'DER', '-in', request, '-out', content,
                                      check=False)
        if code:
            verdict.find('outer-signature', 0x80090006,
                         'openssl cms -verify refuses: ' + words.strip().splitlines()[-1][-80:])
        else:
            with open(content, 'rb') as source:
                if source.read() != outer.content:
                    verdict.find('outer-signature', 0x80090006,
                                 'openssl reads another content than der.py')
        with open(content, 'wb') as out:
            out.write(outer.content)
        check_inner_signature(verdict, content)
        check_readable(verdict, request)


class Inner:
    """The PKCS#10, taken apart."""

    def __init__(self, verdict, data):
        node = der.read(data)
        for _ in der.walk(node):
            pass
        parts = node.expect(0x30, 'CertificationRequest').children
        if len(parts) != 3:
            raise der.DerError('CertificationRequest', node.at)
        info = parts[0].expect(0x30, 'CertificationRequestInfo').children
        if info[0].int('version') != 0:
            verdict.find('request-version', 0x8007000D, 'PKCS#10 version is not 0')
        self.subject = info[1].expect(0x30, 'subject').raw
        self.spki = info[2].expect(0x30, 'subjectPKInfo').raw
        self.attributes = []
        if len(info) > 3:
            if len(info) != 4:
                raise der.DerError('CertificationRequestInfo', parts[0].at)
            nodes = info[3].expect(0xa0, 'attributes').children
            if not der.is_sorted(nodes):
                verdict.find('attribute-order', 0x8007000D, 'the attributes are not in DER order')
            for attribute in nodes:
                kind, values = attribute.expect(0x30, 'attribute').children
                values = values.expect(0x31, 'attribute values').children
                self.attributes.append((kind.oid(), values))
        number, parameters = algorithm(parts[1], 'signatureAlgorithm')
        self.signature = x509.SIGNATURES.get(number)
        family = x509.key_info(self.spki)[0]
        if not self.signature or self.signature[0] != family:
            verdict.find('request-signature-algorithm', 0x80090008,
                         'the PKCS#10 signature algorithm %s does not suit its key' % number)
        elif self.signature[1] == 'sha1':
            verdict.find('weak-digest', 0x80090008, 'the PKCS#10 is signed with SHA-1')
        verdict.facts['inner_signature'] = number

    def values(self, number):
        return [values for kind, values in self.attributes if kind == number]


def check_renewal_attribute(verdict, inner, records):
    """Finds the old certificate through the RENEWAL_CERTIFICATE attribute."""
    found = inner.values(OID_RENEWAL_CERT)
    if not found:
        verdict.find('no-renewal-attribute', 0x80094009,
                     'no RENEWAL_CERTIFICATE: to a real CA this is not a renewal')
        raise Stop
    if len(found) != 1 or len(found[0]) != 1:
        verdict.find('renewal-attribute', 0x8009400E,
                     'RENEWAL_CERTIFICATE does not have exactly one value')
        raise Stop
    data = found[0][0].raw
    record = records.by_der(data)
    if not record:
        verdict.find('renewal-attribute', 0x8009400E,
                     'the certificate in RENEWAL_CERTIFICATE is none that this CA issued')
        raise Stop
    return record


def check_extensions(verdict, inner, old, template, spki):
    """The extensions asked for agree with the old certificate's."""
    find = verdict.find
    lists = [(kind, values) for kind, values in inner.attributes
             if kind in (OID_EXT_REQUEST, OID_EXT_REQUEST_MS)]
    if len(lists) != 1 or len(lists[0][1]) != 1:
        find('extension-request', 0x8007000D, 'not exactly one extensionRequest')
        return []
    if lists[0][0] == OID_EXT_REQUEST_MS:
        verdict.notes.append('extensionRequest under the older Microsoft OID')
    extensions = x509.read_extensions(lists[0][1][0])
    seen = [e[0] for e in extensions]
    for number in sorted(set(seen)):
        if seen.count(number) > 1:
            find('extension-twice', 0x8007000D, 'extension %s occurs twice' % number)
    for number, _, value, _ in extensions:
        for _ in der.walk(der.read(value)):
            pass
        if number not in (x509.OID_TEMPLATE_V1, x509.OID_TEMPLATE_V2, x509.OID_KU, x509.OID_EKU,
                          x509.OID_SKI, x509.OID_SAN):
            find('extension-stranger', 0x8007000D, 'extension %s does not belong here' % number)
    for number, rule in ((x509.OID_KU, 'key-usage'), (x509.OID_EKU, 'extended-key-usage')):
        wanted = old.ext(number)
        got = [e for e in extensions if e[0] == number]
        if not got:
            find(rule, 0x8007000D, 'extension %s is missing' % number)
        elif wanted and got[0][3] != wanted[3]:
            find(rule, 0x800B0110, "extension %s differs from the old certificate's" % number)
    wanted, got = old.ext(x509.OID_SAN), [e for e in extensions if e[0] == x509.OID_SAN]
    if bool(wanted) != bool(got) or (wanted and wanted[3] != got[0][3]):
        find('subject-alt-name', 0x80094001, "subjectAltName differs from the old certificate's")
    got = [e for e in extensions if e[0] == x509.OID_SKI]
    if not got:
        find('key-identifier', 0x8007000D, 'subjectKeyIdentifier is missing')
    elif got[0][2] != der.octets(x509.key_id(spki)):
        find('key-identifier', 0x8007000D, 'subjectKeyIdentifier is not the SHA-1 of the key')
    return extensions


def check_template(verdict, extensions, attributes, old):
    """Every place that names a template names the old certificate's."""
    named = []
    for number, _, value, whole in extensions:
        if number in (x509.OID_TEMPLATE_V1, x509.OID_TEMPLATE_V2):
            named.append(('extension', x509.template_of([(number, 0, value, whole)])))
    for key, value in attributes:
        if key.replace(' ', '').replace('-', '').lower() == 'certificatetemplate':
            named.append(('CertAttrib', value))
    verdict.facts['template_named_by'] = [place for place, _ in named]
    if not named:
        verdict.find('no-template', 0x80094801, 'no template is named anywhere')
        return
    for place, template in named:
        if template not in x509.TEMPLATES:
            verdict.find('unknown-template', 0x80094800,
                         '%s names %s, not a template of this CA' % (place, template))
            return
    if len({template for _, template in named}) > 1:
        verdict.find('template-conflict', 0x80094802,
                     'two templates are named: ' + ', '.join('%s %s' % n for n in named))
    elif named[0][1] != old.template:
        verdict.find('template-differs', 0x80094802,
                     'template %s is not that of the old certificate' % named[0][1])
    if 'extension' not in [place for place, _ in named]:
        verdict.find('template-extension', 0x80094801, 'the template extension is missing')
    for number, _, value, _ in extensions:
        if number == x509.OID_TEMPLATE_V2 and named[0][1] in x509.TEMPLATES_V2:
            version = tuple(n.int() for n in der.read(value).children[1:])
            if version > x509.TEMPLATES_V2[named[0][1]][1:]:
                verdict.find('template-version', 0x80094807, 'template version %r is newer'
                             % (version,))
    wanted = old.ext(x509.OID_TEMPLATE_V2) or old.ext(x509.OID_TEMPLATE_V1)
    if wanted and wanted[3] not in [e[3] for e in extensions] \
            and 'extension' in [place for place, _ in named]:
        verdict.find('template-extension', 0x80094802,
                     "the template extension is not the old certificate's, byte for byte")


def check_key_kind(verdict, spki, template):
    family, size, name = x509.key_info(spki)
    rules = x509.TEMPLATES.get(template, {'families': (), 'bits': 2048})
    verdict.facts['key'] = name
    if family not in rules['families']:
        verdict.find('key-family', 0x80090008, '%s key, which the template does not take' % name)
    elif family == 'rsa' and size < rules['bits']:
        verdict.find('key-length', 0x80094811, '%d bits, fewer than %d' % (size, rules['bits']))
    elif family == 'ec' and size not in (256, 384):
        verdict.find('key-length', 0x80094811, '%s is not P-256 or P-384' % name)


def check_key(verdict, spki, record, records, same_key):
    check_key_kind(verdict, spki, record.cert.template)
    if same_key:
        if spki != record.cert.spki:
            verdict.find('other-key', 0x80094816, 'the template demands the same key')
        return
    if spki == record.cert.spki:
        verdict.find('same-key', 0x80094816, 'the key is still the old one')
        return
    for other in records.by_spki(spki):
        if other.cert.template != record.cert.template:
            verdict.find('key-reuse', 0x80094816, 'the key is in a certificate of another role')
            break
        verdict.notes.append('the key is already in certificate %s' % other.cert.serial_hex)


def check_bookkeeping(verdict, inner):
    """Attributes the CA ignores must still be well-formed and single."""
    seen = [kind for kind, _ in inner.attributes]
    verdict.attributes = seen
    for kind in sorted(set(seen)):
        if seen.count(kind) > 1:
            verdict.find('attribute-twice', 0x8007000D, 'attribute %s occurs twice' % kind)
    known = (OID_RENEWAL_CERT, OID_EXT_REQUEST, OID_EXT_REQUEST_MS, OID_OS_VERSION, OID_CSP,
             OID_CLIENT_INFO)
    for kind, values in inner.attributes:
        if kind not in known:
            verdict.find('attribute-stranger', 0x8007000D,
                         'attribute %s does not belong here' % kind)
        if len(values) != 1:
            verdict.find('attribute-values', 0x8007000D,
                         'attribute %s has %d values' % (kind, len(values)))
        elif kind == OID_OS_VERSION and values[0].tag != 0x16:
            verdict.find('os-version', 0x8007000D, 'OS_VERSION is not an IA5String')
        elif kind == OID_CLIENT_INFO:
            tags = [n.tag for n in values[0].expect(0x30, 'CLIENT_INFO').children]
            if tags != [0x02, 0x0c, 0x0c, 0x0c]:
                verdict.find('client-info', 0x8007000D, 'CLIENT_INFO is malformed')


def judge_first(verdict, data, records, attributes):
    """A bare PKCS#10 from an account that may enrol: it names one template, in the form as the web
    pages do, and asks for what that template gives."""
    inner = Inner(verdict, data)
    verdict.spki, verdict.subject = inner.spki, inner.subject
    check_bookkeeping(verdict, inner)
    named = {value for key, value in attributes if key == 'CertificateTemplate'}
    if len(named) != 1:
        verdict.find('no-template', 0x80094801, 'the form names %d templates' % len(named))
        raise Stop
    verdict.template = named.pop()
    if verdict.template not in x509.TEMPLATES:
        verdict.find('unknown-template', 0x80094800, 'no template: ' + verdict.template)
        raise Stop
    check_extensions(verdict, inner, x509.Template(verdict.template), verdict.template, inner.spki)
    check_key_kind(verdict, inner.spki, verdict.template)
    if any(r.cert.template != verdict.template for r in records.by_spki(inner.spki)):
        verdict.find('key-reuse', 0x80094816, 'the key is in a certificate of another role')
    if not der.read(inner.subject).children:
        verdict.find('subject', 0x80094001, 'the subject is empty')
    with tempfile.TemporaryDirectory() as where:
        name = os.path.join(where, 'r.p10')
        with open(name, 'wb') as out:
            out.write(data)
        check_inner_signature(verdict, name)


def judge(data, records, attributes=(), now=None, same_key=False, may_enrol=False):
    """The whole judgement. `records` finds issued certificates (by_der,
    by_spki); `attributes` are the (name, value) lines of CertAttrib."""
    verdict = Verdict()
    verdict.sizes = {'der': len(data)}
    verdict.facts['sha256'] = hashlib.sha256(data).hexdigest()
    try:
        try:
            for _ in der.walk(der.read(data)):
                pass
        except der.DerError as fault:
            verdict.find('der', 0x8009310B, str(fault))
            raise Stop
        if der.read(data).children and der.read(data).children[0].tag == 0x30:
            if may_enrol:
                judge_first(verdict, data, records, attributes)
                raise Stop
            verdict.find('bare-request', 0x80094012,
                         'a bare PKCS#10 is a new request, and this account may only renew')
            raise Stop
        outer = Outer(verdict, data)
        inner = Inner(verdict, outer.content)
        verdict.sizes.update(pkcs10=len(outer.content))
        verdict.spki, verdict.subject = inner.spki, inner.subject
        check_bookkeeping(verdict, inner)
        record = check_renewal_attribute(verdict, inner, records)
        old = record.cert
        verdict.old, verdict.template = record, old.template
        verdict.sizes.update(old_cert=len(old.der))
        if len(outer.certificates) != 1:
            verdict.find('certificate-count', 0x8009400E,
                         '%d certificates, not the old one alone' % len(outer.certificates))
        if old.der not in [c.raw for c in outer.certificates]:
            verdict.find('certificate', 0x8009400E,
                         'certificates does not hold the old certificate')
        check_signer(verdict, outer, old)
        check_signatures(verdict, data, outer)
        if record.revoked:
            verdict.find('revoked', 0x800B010C, 'the old certificate has been revoked')
        if now and not old.not_before <= now <= old.not_after:
            verdict.find('expired', 0x800B0101, 'the old certificate is not valid at this time')
        if inner.subject != old.subject:
            verdict.find('subject', 0x80094001,
                         "the subject is not the old certificate's, byte for byte")
        extensions = check_extensions(verdict, inner, old, old.template, inner.spki)
        check_template(verdict, extensions, attributes, old)
        check_key(verdict, inner.spki, record, records, same_key)
    except Stop:
        pass
    except (der.DerError, ValueError, IndexError, UnicodeDecodeError) as fault:
        verdict.find('structure', 0x8009310B, str(fault) or 'a part is missing')
    return verdict
