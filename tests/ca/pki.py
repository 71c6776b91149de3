#!/usr/bin/env python3
"""Makes the test PKI: a root, an issuing CA, and the two RA certificates.

    python3 tests/ca/pki.py --out DIR --days-left 30 --agent-key rsa2048

leaves in DIR, all PEM: root, issuing, stranger (a root nobody trusts), agent
(EnrollmentAgentOffline) and cep (CEPEncryption), each with its .key; the two
chains agent-chain.pem and cep-chain.pem (the issuers below the root, or the
root when it issues by itself); and pki.json, which the stand-in CA reads.
Both RA certificates have the same subject, as the NDES set-up gives them.
"""

import argparse
import datetime
import json
import os
import sys

import der
import x509

UTC = datetime.timezone.utc
DAY = datetime.timedelta(days=1)
CA_KU = (5, 6)  # keyCertSign, cRLSign


def write(path, text, mode=0o644):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), 'w') as out:
        out.write(text)


class Pki:
    """The CA keys and certificates of one directory."""

    def __init__(self, where):
        self.dir = where
        with open(os.path.join(where, 'pki.json')) as source:
            self.info = json.load(source)
        self.root = x509.load(self.path('root.pem'))
        self.stranger = x509.load(self.path('stranger.pem'))
        self.has_sub = self.info['sub_ca']
        self.issuer = x509.load(self.path('issuing.pem')) if self.has_sub else self.root
        self.issuer_key = self.path('issuing.key' if self.has_sub else 'root.key')
        self.ca_name = self.info['ca_name']

    def path(self, leaf):
        return os.path.join(self.dir, leaf)

    def chain(self):
        """The CA's own certificates, the issuer first, the root last."""
        return [self.issuer, self.root] if self.has_sub else [self.root]

    def leaf_extensions(self, spki, template, v2=False, extra=()):
        """The extensions an enterprise CA writes: the template's values."""
        values = x509.TEMPLATES[template]
        named = x509.ext_template_v2(template) if v2 else x509.ext_template(template)
        return ([x509.ext_key_usage(values['ku']), named, x509.ext_eku(values['eku']),
                 x509.ext_ski(spki)] + list(extra) + [x509.ext_aki(self.issuer.spki)]
                + x509.ext_cdp_aia(self.ca_name))

    def issue(self, subject, spki, template, not_before, not_after, request_id, v2=False,
              extra=()):
        return x509.make_cert(self.issuer.subject, self.issuer_key, subject, spki, not_before,
                              not_after, x509.serial_for(request_id),
                              self.leaf_extensions(spki, template, v2, extra))


def make_ca(where, leaf, text, kind, not_before, years, issuer=None, path_len=None):
    """A CA certificate; self-signed unless `issuer` is (Cert, key path)."""
    key = x509.make_key(os.path.join(where, leaf + '.key'), kind)
    spki, subject = x509.spki_of_key(key), x509.name(text)
    extensions = [x509.ext_key_usage(CA_KU), x509.ext_basic(True, path_len), x509.ext_ski(spki),
                  x509.extension(x509.OID_CA_VERSION, der.integer(0))]
    issuer_name, issuer_key = subject, key
    if issuer:
        issuer_name, issuer_key = issuer[0].subject, issuer[1]
        extensions.append(x509.ext_aki(issuer[0].spki))
        extensions += x509.ext_cdp_aia('Example Root CA', 'root01')
    data = x509.make_cert(issuer_name, issuer_key, subject, spki, not_before,
                          not_before + years * 365 * DAY, x509.serial_for(2), extensions)
    write(os.path.join(where, leaf + '.pem'), der.to_pem(data, 'CERTIFICATE'))
    return x509.Cert(data)


def make(where, days_left=30.0, life_days=730, agent_key='rsa2048', cep_key='rsa2048',
         ca_key='rsa2048', sub_ca=True, now=None, subject='C=US,O=Example,CN=RA01-MSCEP-RA',
         v2=False, san=None, check=True, ca_days_left=None):
    """Makes everything described above and returns the Pki. `days_left` may
    be negative: the certificates have then expired. `ca_days_left`: when the
    issuing CA's own certificate ends (else years from now)."""
    os.makedirs(where, exist_ok=True)
    now = now or datetime.datetime.now(UTC).replace(microsecond=0)
    not_after = now + days_left * DAY
    not_before = not_after - life_days * DAY
    founded = min(not_before, now) - 400 * DAY
    ca_name = 'Example Issuing CA 1' if sub_ca else 'Example Root CA'

    root = make_ca(where, 'root', 'DC=net,DC=example,CN=Example Root CA', ca_key, founded, 20)
    make_ca(where, 'stranger', 'DC=net,DC=example,CN=Example Root CA', ca_key, founded, 20)
    if sub_ca:
        years = 12 if ca_days_left is None else (now - founded) / DAY / 365 + (ca_days_left - 1) / 365
        make_ca(where, 'issuing', 'DC=net,DC=example,CN=' + ca_name, ca_key, founded + DAY, years,
                (root, os.path.join(where, 'root.key')), 0)
    info = {'sub_ca': sub_ca, 'ca_name': ca_name, 'v2': v2, 'life_days': life_days, 'issued': []}
    write(os.path.join(where, 'pki.json'), json.dumps(info))
    pki = Pki(where)

    extra = [x509.ext_san_dns(san)] if san else []
    roles = (('agent', agent_key, 'EnrollmentAgentOffline'), ('cep', cep_key, 'CEPEncryption'))
    for number, (role, kind, template) in enumerate(roles):
        key = x509.make_key(pki.path(role + '.key'), kind)
        data = pki.issue(x509.name(subject), x509.spki_of_key(key), template, not_before,
                         not_after, number + 3, v2, extra)
        write(pki.path(role + '.pem'), der.to_pem(data, 'CERTIFICATE'))
        chain = [pki.issuer] if sub_ca else [root]
        write(pki.path(role + '-chain.pem'),
              ''.join(der.to_pem(c.der, 'CERTIFICATE') for c in chain))
        info['issued'].append({'role': role, 'template': template, 'file': role + '.pem'})
    write(pki.path('pki.json'), json.dumps(info, indent=1) + '\n')
    pki.info = info
    if check:
        verify(pki, not_before + (not_after - not_before) / 2)
    return pki


def verify(pki, moment, leaves=('agent.pem', 'cep.pem')):
    """Has openssl judge what der.py wrote; raises if it finds fault."""
    at = ('-attime', str(int(moment.timestamp())), '-x509_strict', '-CAfile',
          pki.path('root.pem'))
    middle = ('-untrusted', pki.path('issuing.pem')) if pki.has_sub else ()
    for leaf in leaves:
        x509.openssl('verify', *at, *middle, pki.path(leaf))


def main():
    parser = argparse.ArgumentParser(description='make the test PKI')
    parser.add_argument('--out', required=True)
    parser.add_argument('--days-left', type=float, default=30)
    parser.add_argument('--life-days', type=int, default=730)
    kinds = sorted(x509.KEY_KINDS)
    parser.add_argument('--agent-key', choices=kinds, default='rsa2048')
    parser.add_argument('--cep-key', choices=kinds, default='rsa2048')
    parser.add_argument('--ca-key', choices=kinds, default='rsa2048')
    parser.add_argument('--no-sub-ca', action='store_true', help='the root issues by itself')
    parser.add_argument('--subject', default='C=US,O=Example,CN=RA01-MSCEP-RA')
    parser.add_argument('--san', help='a DNS name for a subjectAltName')
    parser.add_argument('--v2', action='store_true', help='version 2 templates (311.21.7)')
    parser.add_argument('--now', type=int, help='pretend it is this time (Unix seconds)')
    args = parser.parse_args()
    now = datetime.datetime.fromtimestamp(args.now, UTC) if args.now else None
    pki = make(args.out, args.days_left, args.life_days, args.agent_key, args.cep_key,
               args.ca_key, not args.no_sub_ca, now, args.subject, args.v2, args.san)
    for role in ('agent', 'cep'):
        cert = x509.load(pki.path(role + '.pem'))
        print('%-5s %-22s %-8s %4d bytes  serial %s  until %s' % (
            role, cert.template, cert.key_name, len(cert.der), cert.serial_hex,
            cert.not_after.strftime('%Y-%m-%d')))
    return 0


if __name__ == '__main__':
    sys.exit(main())
