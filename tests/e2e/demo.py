#!/usr/bin/env python3
"""The main job on an emulated appliance: renew both RA certificates.

    make demo [PROTOCOL=scep|est]   or  tests/e2e/demo.py [--board sf2|host]
                                            [--protocol adcs|scep|est] [--keep DIR]

Provisions a flash image with both certificates 30 days before expiry, boots,
lets the CA issue one at once and keep the other waiting, cuts the power while
it waits, boots again, has the CA manager approve, waits until the pair has
been switched, reboots and sees the new pair served from flash. Everything the
console claims is checked against the CA's records and by openssl. Under SCEP the
appliance then gets a third credential, its own, from micromdm's scepserver, and
renews it there; under EST it gets one from the same server by name and password, and
renews it with that very certificate in TLS. Exits with 0 only if all of it is right.
"""
# timeout: 300

import argparse
import datetime
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import der  # noqa: E402
import est  # noqa: E402
import scep  # noqa: E402
import scep_peers  # noqa: E402
import words  # noqa: E402
import x509  # noqa: E402

WIDTH = 78
LOGIN = ('ra01', 'correct-horse')
ROLES = (('agent', 'agent', 'Enrollment Agent'), ('encryption', 'cep', 'CEP Encryption'))


class Wrong(Exception):
    """Something is not as it should be."""


class Story:
    """Prints what happens, with the time it happened at."""

    def __init__(self):
        self.begin = time.monotonic()
        self.step = 0
        self.checks = 0
        self.board = None
        self.told = 0

    def chapter(self, text):
        self.step += 1
        print('\n%d. %s  [%.1f s]' % (self.step, text, time.monotonic() - self.begin), flush=True)

    def say(self, text):
        print('   ' + text, flush=True)

    def quote(self, text):
        """The console's own words."""
        for line in words.clean(text).splitlines():
            line = line.rstrip()
            if line and not re.fullmatch(words.PROMPT.strip() + '.*', line):
                for piece in textwrap.wrap(line, WIDTH - 5, subsequent_indent=' ' * 15,
                                           break_on_hyphens=False):
                    print('   | ' + piece, flush=True)

    def news(self):
        """The events that the console has shown since the last call."""
        lines = words.clean(self.board.transcript).splitlines()
        events = [l for l in lines if re.match(r'[*!] ', l)]
        self.quote('\n'.join(events[self.told:]))
        self.told = len(events)

    def last_words(self):
        """What the console says when something went wrong."""
        signal.alarm(0)
        if not self.board or not self.board.running():
            return
        self.say('the console at that moment:')
        try:
            self.quote(words.command(self.board, words.SHOW_LOG, 5))
            self.quote(words.command(self.board, words.SHOW, 5))
        except lab.ConsoleError as why:
            self.say('it does not answer: %s' % why)

    def check(self, truth, text):
        if not truth:
            raise Wrong('this does not hold: ' + text)
        self.checks += 1
        self.say('ok: ' + text)


def openssl_says(pki, cert_der, *fields):
    """Serial, thumbprint and end of a certificate, by openssl alone."""
    out = x509.openssl('x509', '-inform', 'DER', '-noout', *fields, data=cert_der).decode()
    return dict(line.split('=', 1) for line in out.strip().splitlines())


def facts(pki, cert_der):
    got = openssl_says(pki, cert_der, '-serial', '-fingerprint', '-sha1', '-enddate')
    print_ = next(v for k, v in got.items() if 'ingerprint' in k)
    return {'serial': got['serial'].upper(), 'thumbprint': print_.replace(':', '').upper(),
            'until': got['notAfter']}


def chain_verifies(pki, cert_der):
    with tempfile.TemporaryDirectory() as where:
        leaf = os.path.join(where, 'leaf.pem')
        with open(leaf, 'w') as out:
            out.write(der.to_pem(cert_der, 'CERTIFICATE'))
        middle = ('-untrusted', pki.path('issuing.pem')) if pki.has_sub else ()
        return x509.openssl('verify', '-x509_strict', '-CAfile', pki.path('root.pem'), *middle,
                            leaf, check=False)[0] == 0


def message_verifies(the_lab, path):
    """A stored pkiMessage: verified, decrypted and its PKCS#10 verified, by openssl alone."""
    with open(path, 'rb') as source:
        message = scep.Message(source.read(), *the_lab.ca.core.ra['seal'])
    scep.Csr(message.content)  # both raise when openssl says no
    return True


def pkcs10_verifies(path):
    """A stored PKCS#10, by openssl alone."""
    done = subprocess.run(['openssl', 'req', '-verify', '-noout', '-inform', 'DER', '-in', path],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode == 0 and b'verify OK' in done.stdout


def request_verifies(path):
    """Both signatures of a stored request, by openssl alone."""
    with tempfile.TemporaryDirectory() as where:
        inner = os.path.join(where, 'inner')
        outer = subprocess.run(['openssl', 'cms', '-verify', '-noverify', '-purpose', 'any',
                                '-binary', '-inform', 'DER', '-in', path, '-out', inner],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        done = subprocess.run(['openssl', 'req', '-verify', '-noout', '-inform', 'DER', '-in',
                               inner], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        return outer.returncode == 0 and done.returncode == 0 and b'verify OK' in done.stdout


def served(story, board, expected, what):
    """Asks `show` and compares serial numbers and thumbprints."""
    text, got = words.show(board)
    story.quote(text)
    for role, _, title in ROLES:
        fields = got.get(role, {})
        for field in ('serial', 'thumbprint'):
            if fields.get(field) != expected[role][field]:
                raise Wrong('%s: console shows %s %s, openssl says %s' % (
                    title, field, fields.get(field), expected[role][field]))
    story.check(True, 'the appliance serves ' + what)
    return got


def wait_state(board, wanted, seconds):
    """Asks `show` until every role's state begins as wanted; the last answer."""
    end = time.monotonic() + seconds
    while True:
        text, got = words.show(board)
        if all(got.get(role, {}).get('state', '').startswith(state)
               for role, state in wanted.items()):
            return text, got
        if time.monotonic() > end:
            raise Wrong('after %d s the console still says:\n%s' % (seconds, text))
        time.sleep(0.5)


def table(before, after):
    for role, _, title in ROLES:
        print('\n   ' + title)
        for field in ('serial', 'thumbprint', 'until'):
            print('     %-12s before  %s' % (field, before[role][field]))
            print('     %-12s after   %s' % ('', after[role][field]))


def tell(story, the_lab, kind, limits):
    pki, ca = the_lab.pki, the_lab.ca
    before = {role: facts(pki, the_lab.old(leaf).der) for role, leaf, _ in ROLES}

    story.chapter('A flash image; both certificates have 30 days left')
    settings = the_lab.config()
    if the_lab.tls is not False and the_lab.protocol == 'adcs':
        the_lab.ca.auth(*LOGIN)
        settings.update({'ca-user': LOGIN[0], 'ca-password': LOGIN[1]})
    if the_lab.protocol == 'est':
        ca.auth(*LOGIN)
        settings.update({'ca-user': LOGIN[0], 'ca-password': LOGIN[1]})
    image = the_lab.provision(kind, config=settings)
    for role, leaf, title in ROLES:
        old = the_lab.old(leaf)
        left = old.not_after - datetime.datetime.now(datetime.timezone.utc)
        days = round(left.total_seconds() / 86400)
        story.say('%-17s %s, %d bytes, %d days left' % (title, old.key_name, len(old.der), days))
    with open(image, 'rb') as source:
        flash = source.read()
    story.check(all(secret_of(the_lab, leaf) not in flash for _, leaf, _ in ROLES),
                'no private key can be read from the image: keys are sealed')

    story.chapter('First boot: one is issued, for the other a CA manager is asked')
    ca.mode('issue')
    ca.mode('pend', template='cep')
    board = story.board = the_lab.board(kind, life=limits['total'] + 10)
    board.start()
    story.quote(board.read_until(words.PROMPT, limits['boot']))
    ca.wait(lambda c: c.issued('agent') and c.pending('cep'), limits['keys'],
            'one request issued and one pending')
    text, got = wait_state(board, {'agent': words.READY, 'encryption': words.PENDING},
                           limits['step'])
    story.news()
    story.quote(text)
    request = ca.pending('cep')[0]
    name = ca.name_of(request)
    if name:
        story.check(got['encryption']['request id'] == name,
                    'the console names request %s, as the CA does' % name)
    for role, _, title in ROLES:
        if got[role]['thumbprint'] != before[role]['thumbprint']:
            raise Wrong('%s was switched before its partner was ready' % title)
    story.check(True, 'both old certificates still serve until the pair is complete')

    story.chapter('The power fails while it waits')
    board.kill()
    story.say('kill -9, and the process is gone')
    submissions = submitted(ca)

    story.chapter('Second boot: it goes on where it was')
    board.start()
    story.quote(board.read_until(words.PROMPT, limits['boot']))
    text, got = wait_state(board, {'agent': words.READY, 'encryption': words.PENDING},
                           limits['step'])
    story.news()
    story.quote(text)
    if name:
        story.check(got['encryption']['request id'] == name,
                    'request %s was kept over the power cut' % name)
    else:
        posts = [p for p in ca.core.posts if p[1].spki == request.csr.spki]
        story.check(len(posts) > 1, 'the same request was sent again after the power cut')

    story.chapter('The CA manager approves request %s' % (name or request.id))
    ca.approve(request.id)
    story.quote(words.command(board, words.ASK_NOW))
    for role, _, _ in ROLES:
        board_event(board, words.event('switched', role), limits['step'] + 70)
    wait_state(board, {role: words.SERVING for role, _, _ in ROLES}, limits['step'])
    story.news()
    after = {role: facts(pki, ca.issued(leaf)[-1].cert) for role, leaf, _ in ROLES}
    served(story, board, after, 'the new pair, switched in one commit')
    story.check(submitted(ca) == submissions == 2,
                'two requests in all: the power cut caused no third')

    story.chapter('A reboot: served from flash')
    board.send(words.REBOOT)
    restart(board, limits)
    ca.down()
    story.say('(the CA is switched off, so nothing can be fetched)')
    served(story, board, after, 'the new pair, read from flash')
    story.quote(words.command(board, words.SHOW_LOG))
    board.kill()
    if hasattr(board, 'check_log'):
        board.check_log()
        story.check(True, 'QEMU saw no access by a driver that the hardware forbids')

    story.chapter('The same, seen from outside')
    judge(story, the_lab, image, after)
    table(before, after)


def submitted(ca):
    """How many requests for a certificate have come in."""
    if ca.protocol is est:
        return len(ca.requests())
    return len(ca.log('submit')) + sum(e.get('message') in (17, 19) for e in ca.log('pki'))


def board_event(board, pattern, timeout):
    """Waits for an event that may have come already."""
    if not re.search(pattern, board.transcript):
        board.read_until(pattern, timeout)


def restart(board, limits):
    """The boot after `reboot`: the board restarts by itself, or ends and is
    started, as a power supply would."""
    end = time.monotonic() + limits['boot']
    board.read_until('rebooting', limits['boot'])
    while time.monotonic() < end:
        if not board.running():
            board.start()
            break
        if re.search(words.PROMPT, board.transcript[board._at:]):
            break
        time.sleep(0.05)
    board.read_until(words.PROMPT, limits['boot'])


def secret_of(the_lab, leaf):
    """Bytes that are in a private key and nowhere else: its first prime, or
    its private value."""
    with open(the_lab.pki.path(leaf + '.key')) as source:
        data = der.from_pem(source.read())[0]
    inner = der.read(der.read(data).children[2].content).children
    return inner[4].content[1:] if len(inner) > 6 else inner[1].content


def judge(story, the_lab, image, after):
    """The CA's records, openssl and the flash image agree."""
    pki, ca = the_lab.pki, the_lab.ca
    story.check(not ca.bad(), 'the CA had no fault to find in any request')
    for role, leaf, title in ROLES:
        old, request = the_lab.old(leaf), ca.issued(leaf)[-1]
        new = x509.Cert(request.cert)
        stored = the_lab.path('ca', 'requests', '%04d.der' % request.id)
        good = message_verifies(the_lab, stored) if the_lab.protocol == 'scep' else \
            pkcs10_verifies(stored) if the_lab.protocol == 'est' else request_verifies(stored)
        story.check(good, '%s: openssl verifies the request%s' % (
            title, '' if the_lab.protocol == 'est' else ', inside and outside'))
        if the_lab.protocol == 'scep':
            story.check(request.type == 17 and request.signer.der == old.der,
                        '%s: a RenewalReq, signed by the old certificate' % title)
        story.check(chain_verifies(pki, new.der), '%s: openssl verifies the new chain' % title)
        story.check(new.subject == old.subject and new.template == old.template
                    and new.key_usage == old.key_usage
                    and new.ext(x509.OID_EKU) == old.ext(x509.OID_EKU),
                    '%s: same subject, template, key usage and EKU' % title)
        story.check(new.spki != old.spki and new.key_name == old.key_name,
                    '%s: a new key, %s again' % (title, new.key_name))
        story.check(new.not_after > old.not_after and new.serial_hex == after[role]['serial'],
                    '%s: lasts %d days longer' % (title, (new.not_after - old.not_after).days))
    with open(image, 'rb') as source:
        flash = source.read()
    story.check(all(secret_of(the_lab, leaf) not in flash for _, leaf, _ in ROLES),
                'still no private key can be read from the flash image')
    connections = [c for c in ca.connections() if c['requests']]
    story.say('HTTP: %d requests on %d connections, %d bytes to the CA, %d from it' % (
        sum(c['requests'] for c in connections), len(connections),
        sum(c['in'] for c in connections), sum(c['out'] for c in connections)))


def own_credential(story, the_lab, kind, limits):
    """The device role, from a server that somebody else wrote."""
    story.chapter("A credential of the appliance's own, from micromdm's scepserver")
    with scep_peers.ScepServer(the_lab.path('micromdm'), 8080) as server:
        the_lab.provision(kind, image='own.img', roles=(), config=dict(
            the_lab.config(), **scep_peers.settings(server)),
            options=('--anchor', server.ca_file))
        board = story.board = the_lab.board(kind, image='own.img', life=limits['total'])
        board.start()
        board.read_until(words.PROMPT, limits['boot'])
        story.quote(scep_peers.enroll(board))
        story.told = 0
        first = scep_peers.wait_served(server, board, None, limits['keys'])
        story.news()
        story.check(server.judge(first, None) == 19,
                    'openssl verifies what it issued; a PKCSReq with the challenge password')
        time.sleep(1.2)  # a certificate of the same second would not last longer
        story.quote(words.command(board, words.RENEW['device']))
        second = scep_peers.wait_served(server, board, first, limits['keys'])
        story.news()
        story.check(server.judge(second, first) == 17,
                    'renewed: a RenewalReq, signed by the first certificate, a new key')
        board.kill()


def own_by_est(story, the_lab, kind, limits):
    """The device role: by name and password first, then on the strength of itself."""
    story.chapter("A credential of the appliance's own, by name and password")
    ca = the_lab.ca
    ca.up()
    ca.mode('issue')
    the_lab.provision(kind, image='own.img', roles=(), config=dict(
        the_lab.config(), **{'ca-user': LOGIN[0], 'ca-password': LOGIN[1],
                             'subject': scep_peers.SUBJECT}))
    board = story.board = the_lab.board(kind, image='own.img', life=limits['total'])
    board.start()
    board.read_until(words.PROMPT, limits['boot'])
    story.quote(scep_peers.enroll(board))
    story.told = 0
    ca.wait(lambda c: c.issued('device'), limits['keys'], 'a first certificate')
    wait_state(board, {'device': words.SERVING}, limits['step'])
    first = x509.Cert(ca.issued('device')[-1].cert)
    story.news()
    story.check(chain_verifies(the_lab.pki, first.der), 'openssl verifies what was issued')
    story.check(ca.requests('device')[-1].operation == 'simpleenroll', 'asked for by simpleenroll')

    story.chapter('Renewed with the certificate itself in TLS, without a name')
    for line in ('config set ca-user', 'config set tls-client-certificate device'):
        story.quote(words.command(board, line))
    ca.auth()
    ca.core.life += datetime.timedelta(days=1)
    story.quote(words.command(board, words.RENEW['device']))
    ca.wait(lambda c: len(c.issued('device')) == 2, limits['keys'], 'a second certificate')
    second = x509.Cert(ca.issued('device')[-1].cert)
    end = time.monotonic() + limits['step']
    while words.show(board)[1]['device'].get('thumbprint') != second.sha1:
        if time.monotonic() > end:
            raise Wrong('it does not serve the second certificate')
        time.sleep(0.3)
    story.news()
    asked = ca.log('enroll')[-1]
    story.check(asked['client'] == first.sha1 and asked['auth'] is None,
                'the TLS client was the certificate that was renewed')
    story.check(asked['path'].endswith('simplereenroll') and second.spki != first.spki,
                'by simplereenroll, for a new key')
    story.check(not ca.bad(), 'the CA had no fault to find')
    board.kill()


def out_of_time(*_):
    raise Wrong('out of time')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--board', choices=('sf2', 'host'), default='sf2')
    parser.add_argument('--protocol', choices=('adcs', 'scep', 'est'), default='adcs')
    parser.add_argument('--tls', action='store_true', help='AD CS by https, with a password')
    parser.add_argument('--keep', help='directory for all files, kept afterwards')
    parser.add_argument('--agent-key', default='rsa2048', choices=sorted(x509.KEY_KINDS))
    parser.add_argument('--total', type=int, default=280, help='seconds for all of it')
    args = parser.parse_args()
    limits = {'boot': 30, 'keys': 150, 'step': 60, 'total': args.total}
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(args.total)
    story = Story()
    print('Perennial renews both RA certificates of an appliance.\nBoard: '
          + {'sf2': 'emcraft-sf2, a Cortex-M3, under QEMU', 'host': 'host'}[args.board]
          + {'adcs': '. CA: AD CS Web Enrollment' + (' by https' if args.tls else ''), 'scep': '. CA: SCEP', 'est': '. CA: EST'}[args.protocol])
    try:
        with lab.Lab(days_left=30, keep=args.keep, agent_key=args.agent_key,
                     protocol=args.protocol, tls={} if args.tls else False) as the_lab:
            try:
                tell(story, the_lab, args.board, limits)
                if args.protocol == 'scep':
                    own_credential(story, the_lab, args.board, limits)
                if args.protocol == 'est':
                    own_by_est(story, the_lab, args.board, limits)
            except Exception:
                story.last_words()
                raise
            finally:
                if story.board:
                    story.board.__exit__(None, None, None)
    except (Wrong, AssertionError, OSError, x509.OpensslError, subprocess.SubprocessError) as why:
        print('\nFAILED after %.1f s: %s' % (time.monotonic() - story.begin, why))
        return 1
    print('\nAll %d checks hold. %.1f s.' % (story.checks, time.monotonic() - story.begin))
    return 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
