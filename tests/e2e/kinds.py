#!/usr/bin/env python3
"""Kinds of keys, chains and templates: each pair is renewed once on the host board.

Both certificates are due at boot; one kind of PKI each. The new pair must have
the old kinds of keys, and both requests the CA's approval.
"""
# timeout: 300
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import words  # noqa: E402
import x509  # noqa: E402
from console import ConsoleError  # noqa: E402

KINDS = {
    'RSA-2048 pair': {},
    'P-256 agent': {'agent_key': 'p256'},
    'P-384 agent, P-384 CA, no sub CA': {'agent_key': 'p384', 'ca_key': 'p384', 'sub_ca': False},
    'P-256 CA': {'ca_key': 'p256'},
    'RSA-3072 agent, RSA-4096 CA': {'agent_key': 'rsa3072', 'ca_key': 'rsa4096'},
    'RSA-4096 agent': {'agent_key': 'rsa4096'},
    'RSA-4096 encryption': {'cep_key': 'rsa4096'},
    'version 2 templates, SAN': {'v2': True, 'san': 'ra01.example.net'},
    'a subject in UTF-8': {'subject': 'C=DE,O=M\u00fcller \u4e2d\u6587,OU=RA,CN=RA01-MSCEP-RA'},
    '3 days left': {'days_left': 3},
}


def pair(options):
    with lab.Lab(**options) as here:
        here.provision('host')
        with here.board('host') as board:
            board.read_until(words.PROMPT, 30)
            old = {role: here.old(leaf) for role, leaf in (('agent', 'agent'),
                                                           ('encryption', 'cep'))}
            end = time.monotonic() + 60
            while True:
                got = words.show(board)[1]
                if all(got[r]['thumbprint'] != old[r].sha1 for r in old):
                    break
                if time.monotonic() > end:
                    raise ConsoleError('not renewed: %s; faults: %s' % (got, here.ca.bad()))
                time.sleep(0.2)
        if here.ca.bad():
            raise ConsoleError('; '.join(here.ca.bad()))
        for role, leaf in (('agent', 'agent'), ('encryption', 'cep')):
            requests = here.ca.requests(leaf)
            new = x509.Cert(requests[-1].cert)
            if len(requests) != 1:
                raise ConsoleError('%d requests for %s' % (len(requests), leaf))
            if got[role]['thumbprint'] != new.sha1 or new.key_name != old[role].key_name:
                raise ConsoleError('%s: serves %s' % (role, got[role]))
        return ', '.join('%d' % r.verdict.sizes['der'] for r in here.ca.requests())


def main():
    signal.alarm(290)
    passed = failed = 0
    for name, options in KINDS.items():
        if sys.argv[1:] and not any(w in name for w in sys.argv[1:]):
            continue
        begin = time.monotonic()
        try:
            sizes = pair(options)
            passed += 1
            print('  ok    %-34s %4.1f s, requests of %s bytes' % (
                name, time.monotonic() - begin, sizes), flush=True)
        except (ConsoleError, AssertionError, KeyError, OSError, x509.OpensslError) as why:
            failed += 1
            print('  FAIL  %s: %s' % (name, why), flush=True)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
