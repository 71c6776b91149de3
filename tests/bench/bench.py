#!/usr/bin/env python3
"""What a renewal costs: counts, not timings, beside their aims.

    make bench       or  tests/bench/bench.py [--write] [--quick]

Three appliances on the emulated emcraft-sf2 (Cortex-M3, the real flash driver) renew both their
certificates at the stand-in CA: RSA-2048 for both, a P-256 agent beside RSA-2048, and larger RSA
keys for the longest step. QEMU counts instructions (-icount), so a run can be repeated to within
what differs in the CA's certificates. A last renewal on the host board shows the same HTTP
traffic over lwIP, and renewals by https show what TLS costs. --write puts the tables into docs/measurements.md.

"bare" is what wolfSSL's own functions execute: the public-key operations that a phase cannot do
without, at the cost of one call, and AES-GCM, SHA and the random generator as they were called.
"""

import argparse
import io
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import counted  # noqa: E402  (the path comes first)
import figures  # noqa: E402
import lab  # noqa: E402
import words  # noqa: E402

PAGE = os.path.join(lab.ROOT, 'docs', 'measurements.md')
MARK = re.compile(r'(<!-- bench: begin -->\n).*?(<!-- bench: end -->\n)', re.S)
NAMES = {'SAVE_KEY': 'store the key', 'KEYGEN': 'make the key', 'BUILD': 'build CSR and CMS',
         'SAVE_ATTEMPT': 'note the attempt', 'SUBMIT': 'submit', 'SAVE_ID': 'note the request id',
         'FETCH': 'fetch', 'POLL': 'poll', 'CHECK': 'check: gates, chain', 'STAGE': 'stage',
         'SELF_TEST': 'self-test', 'COMMIT': 'commit', 'IDLE': 'housekeeping', 'RESUME': 'resume'}
OPERATIONS = ('private-2048', 'private-3072', 'private-4096', 'public-2048', 'power-1024',
              'power-1536', 'power-2048', 'ec-sign', 'ec-verify', 'ec-multiply', 'ec-check')


class Page:
    """Prints, and keeps what it printed for the document."""

    def __init__(self):
        self.out = io.StringIO()

    def say(self, text=''):
        print(text, flush=True)
        self.out.write(text + '\n')

    def heading(self, text):
        print('\n' + text, flush=True)
        self.out.write('\n### %s\n\n' % text)

    def table(self, head, rows):
        """Rows of texts; the first column to the left, the others to the right."""
        rows = [tuple(str(c) for c in row) for row in rows]
        wide = [max(len(r[i]) for r in [head] + rows) for i in range(len(head))]
        for n, row in enumerate([head] + rows):
            print('  ' + '  '.join(c.rjust(w) if i else c.ljust(w)
                                   for i, (c, w) in enumerate(zip(row, wide))), flush=True)
            self.out.write('| ' + ' | '.join(row) + ' |\n')
            if not n:
                self.out.write('|---' + '|---:' * (len(head) - 1) + '|\n')


def count(n):
    return '{:,}'.format(round(n)).replace(',', ' ')


def verdict(value, aim):
    return 'PASS' if value <= aim else 'above'


def phases(page, renewal):
    page.heading('Phases of a renewal: %s (instructions)' % renewal.title)
    rows = []
    for p in renewal.phases:
        need = ', '.join('%d %s' % (times, n) for n, times in p.need)
        judged = bool(p.need)
        rows.append((p.role, NAMES.get(p.name, p.name.lower()), count(p.instructions),
                     count(p.bare) if p.bare else '-', '%+.1f %%' % (p.percent() - 100)
                     if judged else '-', verdict(p.percent(), 105) if judged else '',
                     count(p.row.longest), need))
    total, bare = (sum(getattr(p, a) for p in renewal.phases) for a in ('instructions', 'bare'))
    rows.append(('both', 'all of it', count(total), count(bare), '%+.1f %%' % (
        100 * total / bare - 100), verdict(100 * total / bare, 105), '', ''))
    page.table(('role', 'phase', 'executed', 'bare', 'more', 'aim +5 %', 'longest step',
                'public-key operations needed'), rows)


def extra(page, renewal):
    """Where the instructions above the bare ones go."""
    page.heading('What comes on top of bare wolfSSL, without the key search: ' + renewal.title)
    rows, known = [], 0.0
    chosen = [p for p in renewal.phases if p.name != 'KEYGEN']
    for name in OPERATIONS:
        calls = sum(p.row.calls(name) for p in chosen)
        more = calls - sum(times for p in chosen for n, times in p.need if n == name)
        if more > 0:
            cost = more * renewal.counts.each(name)
            known += cost
            rows.append(('%d more of %s' % (more, name), count(cost)))
    flash = sum(p.row.inside('flash-read', 'flash-write') for p in chosen)
    rest = sum(p.instructions - p.bare for p in chosen) - known - flash
    rows += [('flash driver', count(flash)), ('our own code', count(rest))]
    page.table(('what', 'instructions'), rows)


def boots(page, renewal):
    page.heading('Boot with nothing due: ' + renewal.title + ' (instructions)')
    first, after = renewal.boot, renewal.boot_after
    rows = []
    for key in list(first.rows) + [k for k in after.rows if k not in first.rows]:
        a, b = first.rows.get(key, counted.Row()), after.rows.get(key, counted.Row())
        rows.append((' '.join(key).lower() if key[0] == 'start' else 'first steps, ' +
                     key[1].lower(), count(a.instructions), count(a.inside('aes-gcm', 'aes-key',
                     'hmac')), count(a.inside('flash-read')), count(b.instructions)))
    sums = [renewal.boot_instructions(c) for c in (first, after)]
    rows.append(('all', count(sums[0]), '', '', count(sums[1])))
    page.table(('phase', 'as provisioned', 'of it AES and HMAC', 'of it flash',
                'after a renewal'), rows)


def flash(page, renewal):
    page.heading('Flash, bytes: ' + renewal.title)
    rows = []
    for what, (times, kept, cost) in renewal.flash().items():
        rows.append((what, times, kept or '-', cost))
    kept = sum(r[2] for r in rows if r[2] != '-')
    rows.append(('all', sum(r[1] for r in rows), kept, renewal.counts.words['flash', 'programmed']))
    page.table(('records', 'written', 'kept', 'programmed'), rows)


def wire(page, requests, connections, title):
    page.heading('HTTP: ' + title)
    page.table(('connection', 'request', 'body', 'answer', 'bytes'), [
        (str(e['conn']), '%s %s' % (e['method'], e['path']), e['body'], e.get('state') or '-',
         e.get('reply', 0)) for e in requests])
    page.say()
    page.say('%d round trips on %d connections, %d bytes to the CA, %d from it.' % (
        len(requests), len(connections), sum(c['in'] for c in connections),
        sum(c['out'] for c in connections)))


def over_lwip():
    """(requests, connections) of a renewal by the whole appliance on the host board."""
    with lab.Lab(days_left=30) as the_lab:
        the_lab.provision('host')
        with the_lab.board('host') as board:
            for role in ('agent', 'encryption'):
                if not re.search(words.event('switched', role), board.transcript):
                    board.read_until(words.event('switched', role), 90)
            return the_lab.ca.log(), [c for c in the_lab.ca.connections() if c['requests']]


def growth(page, renewals=4):
    """Boots with nothing due while the log fills with renewals; returns a figure."""
    page.heading('Boot with nothing due, as the log of the store grows (instructions)')
    rows = []
    with lab.Lab(days_left=figures.YOUNG) as the_lab:
        the_lab.ca.mode('same-key')
        the_lab.provision(config=dict(the_lab.config(), **{'key-policy': 'same'}))
        for n in range(1, renewals + 1):
            offset = (figures.LATER + (n - 1) * 705) * figures.DAY
            the_lab.clock(offset)
            counted.run(the_lab, 'growth %d' % n, offset=offset)
            boot = counted.run(the_lab, 'growth', until='booted', offset=offset + figures.DAY)
            total = sum(r.instructions for r in boot.rows.values())
            rows.append((n, count(boot.words['flash', 'used']),
                         count(boot.row('start', 'mount').instructions), count(total)))
    page.table(('renewals', 'bytes of log', 'mount', 'whole boot'), rows)
    return figures.Figure('', 'boot, nothing due, after %d renewals without a new bank' % renewals,
                          total, 'instructions', 200000)


def https(page):
    """What a handshake costs; returns figures."""
    page.heading('By https, with Basic and a client certificate, TLS 1.2: emcraft-sf2-tls (instructions, bytes)')
    renewals = [figures.Https(*arguments) for arguments in figures.HTTPS]
    page.table(('key of the server, curve', 'client', 'submit, with the handshake', 'longest step',
                'stack', 'arena'),
               [(r.title, r.own, count(r.submit), count(r.step), r.stack, r.arena) for r in renewals])
    return figures.https_figures(renewals)


def summary(page, found):
    page.heading('Aims')
    page.table(('figure', 'value', 'aim', ''), [
        (f.text, count(f.value) + ' ' + f.unit if f.unit != '%' else '%.1f %%' % f.value,
         count(f.aim) + (' %' if f.unit == '%' else ''), verdict(f.value, f.aim))
        for f in found])


def size():
    done = subprocess.run([os.path.join(lab.ROOT, 'tests', 'tools', 'size.py')],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode('utf-8', 'replace')


def write(text):
    about = ''.join('- %s: %s\n' % v for v in figures.versions())
    block = ('Made by `tests/bench/bench.py --write` after `make build`, with\n\n%s%s\n'
             '### Sizes\n\n```\n%s```\n' % (about, text, size()))
    try:
        with open(PAGE) as source:
            page = source.read()
    except FileNotFoundError:
        page = '# Measurements\n'
    if not MARK.search(page):
        page += '\n<!-- bench: begin -->\n<!-- bench: end -->\n'
    with open(PAGE, 'w') as out:
        out.write(MARK.sub(lambda m: m.group(1) + block + m.group(2), page))
    print('\nwritten: ' + os.path.relpath(PAGE, lab.ROOT))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--write', action='store_true', help='into docs/measurements.md')
    parser.add_argument('--quick', action='store_true', help='without the larger keys and lwIP')
    args = parser.parse_args()
    begin = time.monotonic()
    page = Page()
    found = []
    for tag, title, agent in (('rsa', 'RSA-2048 for both', 'rsa2048'),
                              ('ec', 'P-256 agent, RSA-2048 encryption', 'p256')):
        renewal = figures.Renewal(title, agent=agent)
        phases(page, renewal)
        extra(page, renewal)
        if tag == 'rsa':
            boots(page, renewal)
        flash(page, renewal)
        wire(page, renewal.requests, renewal.connections, title)
        found += [f._replace(text='%s: %s' % (tag.upper(), f.text)) for f in renewal.figures(tag)]
    if not args.quick:
        for bits in (3072, 4096):
            kind = 'rsa%d' % bits
            renewal = figures.Renewal('RSA-%d, the same keys' % bits, agent=kind, cep=kind,
                                      same=True, boot=False)
            found += [f for f in renewal.figures(str(bits)) if f.limit.endswith('.step')]
        found.append(growth(page))
        requests, connections = over_lwip()
        wire(page, requests, connections, 'RSA-2048 for both, the whole appliance over lwIP')
        found += [figures.Figure('', 'over lwIP: HTTP round trips for two credentials',
                                 len(requests), '', 4),
                  figures.Figure('', 'over lwIP: connections for them', len(connections), '', 2)]
    found += https(page)
    summary(page, found)
    if args.write:
        write(page.out.getvalue())
    print('\n%.0f s' % (time.monotonic() - begin))
    return 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
