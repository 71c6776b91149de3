"""TLS in front of a stand-in: server certificates of every kind, and contexts of Python's ssl.

    server = tls.certificate(pki, 'web', hosts=['ca01.example.net'])
    web = adcs.Server(address, handler, tls.context(server))

A certificate is a pair of paths: PEM chain (the server's own first) and key. What is wrong with it
is asked for by the arguments; without any it is what an enterprise CA issues to its web server.
"""

import datetime
import ssl

import der
import x509

SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
DAY = datetime.timedelta(days=1)


def ext_san(hosts=(), addresses=()):
    names = [der.context(2, h.encode('ascii'), False) for h in hosts]
    names += [der.context(7, bytes(int(b) for b in a.split('.')), False) for a in addresses]
    return x509.extension(x509.OID_SAN, der.seq(*names))


def certificate(pki, leaf, hosts=('ca01.example.net',), addresses=(), kind='rsa2048',
                days=(-10, 355), usage=(0, 2), purposes=(SERVER_AUTH,), digest=None, issuer=None,
                subject='CN=web', self_signed=False, chain=None, pad=0, ca=False, critical=None):
    """Makes key and certificate under `pki`. issuer: (Cert, key path), default the issuing CA;
    chain: Certs to send behind it, default the issuer's; pad: bytes of an extension nobody
    knows; critical: the OID of one that is critical."""
    issuer = issuer or (pki.issuer, pki.issuer_key)
    key = x509.make_key(pki.path(leaf + '.key'), kind)
    spki = x509.spki_of_key(key)
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    name = x509.name(subject)
    extensions = [x509.ext_ski(spki)]
    if usage:
        extensions.append(x509.ext_key_usage(usage))
    if purposes:
        extensions.append(x509.ext_eku(purposes))
    if hosts or addresses:
        extensions.append(ext_san(hosts, addresses))
    if ca:
        extensions.append(x509.ext_basic(True))
    if pad:
        extensions.append(x509.extension('1.3.6.1.4.1.32473.1', der.octets(bytes(pad))))
    if critical:
        extensions.append(x509.extension(critical, der.null(), True))
    if not self_signed:
        extensions.append(x509.ext_aki(issuer[0].spki))
    made = x509.make_cert(name if self_signed else issuer[0].subject,
                          key if self_signed else issuer[1], name, spki, now + days[0] * DAY,
                          now + days[1] * DAY, x509.serial_for(77), extensions, digest)
    if chain is None:
        chain = [] if self_signed or issuer[0].der == pki.root.der else [issuer[0]]
    with open(pki.path(leaf + '.pem'), 'w') as out:
        for data in [made] + [c.der for c in chain]:
            out.write(der.to_pem(data, 'CERTIFICATE'))
    return pki.path(leaf + '.pem'), key


def context(server, minimum=ssl.TLSVersion.TLSv1_2, maximum=ssl.TLSVersion.TLSv1_3, client_ca=None,
            client_required=False, ciphers=None):
    """A server's context; client_ca: PEM of who may issue the client's certificate that is then
    asked for."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ciphers:
        made.set_ciphers(ciphers)
    made.minimum_version, made.maximum_version = minimum, maximum
    made.load_cert_chain(*server)
    if client_ca:
        made.load_verify_locations(client_ca)
        made.verify_mode = ssl.CERT_REQUIRED if client_required else ssl.CERT_OPTIONAL
    return made
