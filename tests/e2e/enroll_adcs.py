#!/usr/bin/env python3
"""First certificates from AD CS web enrollment, by https with Basic, for an appliance that has none.

Both boards begin with a trust anchor and settings alone. A wrong password names the schemes the
server offers and leaves nothing behind. With the right one the agent's certificate is issued, the
other waits for the CA's manager while the power is cut, and is fetched after that; then the pair
renews as any other. The stand-in judges each PKCS #10 and the renewals.
"""
# timeout: 400
import hashlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import scep_peers  # noqa: E402
import tally  # noqa: E402
import words  # noqa: E402
from kb import need  # noqa: E402

USER, PASSWORD = 'EXAMPLE\\ra-enrol', 'correct-horse:battery'
SUBJECT = 'CN=RA07-MSCEP-RA,O=Example,C=US'
TOTAL = 380


def issued(here, leaf):
    """The SHA-1 of the one certificate that the CA has issued to a role."""
    found = here.ca.issued(leaf)
    need(len(found) == 1, '%s: %d issued' % (leaf, len(found)))
    return hashlib.sha1(found[0].cert).hexdigest().upper()


def until(board, truth):
    """Waits until truth(what `show` says) holds."""
    end = time.monotonic() + 90
    while True:
        text, got = words.show(board)
        if truth(got):
            return
        need(time.monotonic() < end, 'not within 90 s: ' + text)
        time.sleep(0.3)


def serves(board, want):
    """Waits until the roles of `want` serve these certificates."""
    until(board, lambda got: {role: got.get(role, {}).get('thumbprint') for role in want} == want)


def first(kind, here):
    config = dict(here.config(), **{'subject': SUBJECT, 'ca-user': USER, 'ca-password': 'wrong'})
    here.provision(kind, 'case.bin', config=config, roles=())
    here.ca.auth(USER, PASSWORD)
    here.ca.mode('enrol')
    here.ca.mode('enrol', 'pend', template='cep')
    with here.board(kind, 'case.bin', life=TOTAL) as board:
        board.read_until(words.PROMPT, 60)
        scep_peers.enroll(board, 'agent')
        failed = board.read_until(words.event('failed', 'agent') + r'\r*\n', 90)
        need(words.sentence('HTTP_AUTH') in failed, failed)
        need('Negotiate' in failed, 'the schemes are not named: ' + failed)
        need(not here.ca.requests(), 'it came through without the password')
        words.command(board, 'config set ca-password ' + PASSWORD)
        words.command(board, 'config save')
        scep_peers.enroll(board, 'agent')
        serves(board, {'agent': issued_later(here, 'agent')})
        scep_peers.enroll(board, 'encryption')
        here.ca.wait(lambda ca: ca.pending('cep'), 90, 'the request of the other role')
        until(board, lambda got: got['encryption'].get('state', '').startswith(words.PENDING))
        board.kill()
    request = here.ca.pending('cep')[0]
    here.ca.approve(request.id)
    with here.board(kind, 'case.bin', life=TOTAL) as board:
        board.read_until(words.PROMPT, 60)
        words.command(board, words.ASK_NOW)
        serves(board, {'agent': issued(here, 'agent'), 'encryption': issued_later(here, 'cep')})
        need(len(here.ca.requests()) == 2, 'asked more than once for each role')
        # As any other from here on: a renewal, signed by what was just issued.
        here.ca.mode('enrol')
        words.command(board, 'renew agent')
        here.ca.wait(lambda ca: len(ca.issued('agent')) == 2, 120, 'the renewal')
        need(here.ca.requests('agent')[-1].verdict.old.cert.der == here.ca.issued('agent')[0].cert,
             'the renewal is not of the first certificate')
        need(PASSWORD not in board.transcript.replace('config set ca-password ' + PASSWORD, ''),
             'the password is shown')
        board.kill()
    need(not here.ca.bad(), here.ca.bad())


def issued_later(here, leaf):
    here.ca.wait(lambda ca: ca.issued(leaf), 90, 'the first certificate')
    return issued(here, leaf)


def main():
    lab.enter()
    tally.limit(TOTAL)
    tried = tally.Tally()
    for kind in ('host', 'sf2'):
        with lab.Lab(days_left=30, tls=True) as here:
            tried.case(kind, first, kind, here)
    sys.exit(tried.end())


if __name__ == '__main__':
    main()
