"""Builds renewal requests, good ones and broken ones, for the self-test.

The inner PKCS#10 is written with der.py and signed by openssl; the outer
message is `openssl cms -sign -nodetach -binary -noattr` where openssl can make
what is wanted, and der.py where it cannot. Nothing here is the firmware's.
"""

import os
import subprocess
import tempfile
import urllib.parse

import der
import judge
import x509


def attribute(number, *values):
    return der.seq(der.oid(number), der.set_of(*values))


def pkcs10(key, subject, extensions, renewal_cert, digest='sha256', in_order=True, more=(),
           ext_oid=judge.OID_EXT_REQUEST, signer=None, version=0):
    """A PKCS#10 for the private key at `key`; `signer` signs it instead."""
    spki = x509.spki_of_key(key)
    attributes = list(more)
    if extensions is not None:
        attributes.append(attribute(ext_oid, der.seq(*extensions)))
    if renewal_cert:
        attributes.append(attribute(judge.OID_RENEWAL_CERT, renewal_cert))
    attributes.sort()
    if not in_order:
        attributes.reverse()
    info = der.seq(der.integer(version), subject, spki, der.context(0, b''.join(attributes)))
    signature = x509.sign(signer or key, info, digest)
    return der.seq(info, x509.signature_algorithm(spki, digest), der.bits(signature))


def cms(content, cert, key, digest='sha256', certificates=None, signed_version=1,
        signer_version=1, sid=None, signature=None, algorithm=None, signers=None, digests=1,
        attributes=None, inner_oid=judge.OID_DATA):
    """A SignedData over `content` by der.py, each part replaceable."""
    family = x509.key_info(cert.spki)[0]
    digest_algorithm = der.seq(der.oid(x509.DIGEST_OIDS[digest]), der.null())
    if algorithm is None:
        algorithm = der.seq(der.oid(x509.OID_RSA), der.null()) if family == 'rsa' else \
            x509.signature_algorithm(cert.spki, digest)
    info = der.seq(der.integer(signer_version),
                   sid or der.seq(cert.issuer, der.tlv(0x02, cert.serial)), digest_algorithm,
                   attributes or b'', algorithm,
                   der.octets(signature or x509.sign(key, content, digest)))
    signed = der.seq(der.integer(signed_version), der.set_of(*[digest_algorithm] * digests),
                     der.seq(der.oid(inner_oid), der.context(0, der.octets(content))),
                     der.context(0, b''.join([cert.der] if certificates is None
                                             else certificates)),
                     der.set_of(*([info] if signers is None else [info] * signers)))
    return der.seq(der.oid(judge.OID_SIGNED_DATA), der.context(0, signed))


def cms_openssl(content, cert, key, *more):
    """The same by the openssl command; options in `more`."""
    with tempfile.TemporaryDirectory() as where:
        signer, inner = os.path.join(where, 'old.pem'), os.path.join(where, 'inner')
        with open(signer, 'w') as out:
            out.write(der.to_pem(cert.der, 'CERTIFICATE'))
        with open(inner, 'wb') as out:
            out.write(content)
        return x509.openssl('cms', '-sign', '-nodetach', '-binary', '-md', 'sha256', '-in', inner,
                            '-signer', signer, '-inkey', key, '-outform', 'DER', *more)


def extensions_like(old, key, leave_out=(), swap=None):
    """The extensions a renewal copies from the old certificate, new SKI."""
    out = [old.ext(n)[3] for n in (x509.OID_TEMPLATE_V1, x509.OID_TEMPLATE_V2, x509.OID_EKU,
                                   x509.OID_KU, x509.OID_SAN)
           if old.ext(n) and n not in leave_out]
    if x509.OID_SKI not in leave_out:
        out.append(x509.ext_ski(x509.spki_of_key(key)))
    for find, replace in (swap or {}).items():
        out = [replace if old.ext(find) and e == old.ext(find)[3] else e for e in out]
    return out


def renewal(old, old_key, new_key):
    """A good renewal request."""
    inner = pkcs10(new_key, old.subject, extensions_like(old, new_key), old.der)
    return cms_openssl(inner, old, old_key, '-noattr')


def form(data, template='', armour='NEW CERTIFICATE REQUEST', mode='newreq'):
    """The body of the POST, as a browser encodes it."""
    text = der.to_pem(data, armour or 'X', '\r\n')
    if not armour:
        text = ''.join(l + '\r\n' for l in text.splitlines() if '-----' not in l)
    fields = [('Mode', mode), ('CertRequest', text),
              ('CertAttrib', 'CertificateTemplate:%s\r\n' % template if template else ''),
              ('FriendlyType', 'Saved-Request Certificate'), ('TargetStoreFlags', '0'),
              ('SaveCert', 'yes'), ('ThumbPrint', '')]
    return urllib.parse.urlencode(fields).encode('ascii')


def openssl_lists(path):
    """What openssl prints of a certs-only message: subjects and issuers."""
    done = subprocess.run(['openssl', 'pkcs7', '-inform', 'DER', '-print_certs', '-noout', '-in',
                           path], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()
