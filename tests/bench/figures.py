"""What the counts of counted.py mean: phases beside bare wolfSSL, steps, boot, flash, HTTP.

A figure is (name of its limit in budgets.mk, text, value, unit, aim); it meets its aim when the
value is not above it. Percentages have 100 for "as much as the bare primitives".
"""
import collections
import datetime
import os
import ssl
import subprocess

import counted
import lab
import tls
import x509

DAY = 86400
YOUNG = 600  # days left of 730: nothing is due
LATER = 575  # days to the renewal
Figure = collections.namedtuple('Figure', 'limit text value unit aim')

# Public-key operations that a phase cannot do without, by the kind of the role's key: a request
# is signed by the new and by the old key; an issued certificate hangs below an issuing CA below
# a root; key and certificate are tried against each other once. A key search needs the powers
# that it took (each is a Miller-Rabin round, one the inverse of q), and FIPS's pairwise test.
SIGN, VERIFY = {'rsa': 'private', 'ec': 'ec-sign'}, {'rsa': 'public', 'ec': 'ec-verify'}
SYMMETRIC = ('aes-gcm', 'aes-key', 'hash', 'hmac', 'random')
STORE_UNIT, STORE_HEAD, STORE_SEAL = 16, 20, 28  # ra_store.h, sf2_flash.c
TYPES = {1: 'commit', 2: 'keys', 3: 'certificates', 4: 'chains', 5: 'transactions',
         6: 'configuration', 7: 'anchors', 8: 'events'}
KEPT = (1, 2, 3, 4)
MARKER = 32  # a header without payload in units


def needed(phase, kind, bits, row, ca_bits=2048):
    """[(primitive, times)] of a phase."""
    sign = SIGN[kind] + ('-%d' % bits if kind == 'rsa' else '')
    verify = VERIFY[kind] + ('-%d' % bits if kind == 'rsa' else '')
    if phase == 'KEYGEN' and kind == 'rsa':
        power = 'power-%d' % (bits // 2)
        return [(power, row.calls(power)), (sign, 1)] if row.calls(power) else []
    if phase == 'KEYGEN':
        return [('ec-multiply', 1), (sign, 1), (verify, 1)] if row.calls('ec-multiply') else []
    return {'BUILD': [(sign, 2)], 'CHECK': [('public-%d' % ca_bits, 2)],
            'SELF_TEST': [(sign, 1), (verify, 1)]}.get(phase, [])


class Phase:
    def __init__(self, role, name, row, need, counts):
        self.role, self.name, self.row, self.need = role, name, row, need
        self.instructions = row.instructions
        self.asymmetric = sum(times * counts.each(p) for p, times in need)
        self.symmetric = row.inside(*SYMMETRIC)
        self.bare = self.asymmetric + self.symmetric

    def percent(self):
        return 100 * self.instructions / self.bare if self.bare else 0


class Renewal:
    """Both credentials of an appliance renewed once, and a boot before and after."""

    def __init__(self, title, agent='rsa2048', cep='rsa2048', same=False, boot=True,
                 seed='Perennial'):
        self.title = title
        self.kinds = {'agent': agent, 'encryption': cep}
        with lab.Lab(days_left=YOUNG, agent_key=agent, cep_key=cep) as the_lab:
            config = the_lab.config()
            if same:
                config['key-policy'] = 'same'
                the_lab.ca.mode('same-key')
            the_lab.provision(config=config)
            self.boot = counted.run(the_lab, seed, until='booted') if boot else None
            the_lab.clock(LATER * DAY)
            self.counts = counted.run(the_lab, seed, offset=LATER * DAY)
            self.requests = the_lab.ca.log()
            self.connections = [c for c in the_lab.ca.connections() if c['requests']]
            bad = the_lab.ca.bad()
            self.boot_after = self.boot_after_probation(the_lab, seed) if boot else None
        self.finish(bad)

    @staticmethod
    def boot_after_probation(the_lab, seed):
        """A boot with the new pair. On probation a boot also reads the pair back from flash,
        so the appliance itself ends the probation first."""
        the_lab.clock((LATER + 2) * DAY)
        with the_lab.board() as board:
            for _ in range(2):
                board.read_until('probation ended', 60)
            board.kill()
        counted.run(the_lab, seed, until='settled', offset=(LATER + 3) * DAY)
        return counted.run(the_lab, seed, until='booted', offset=(LATER + 3) * DAY)

    def finish(self, bad):
        for role, (state, _, cause) in self.counts.states.items():
            if state != 'PROBATION' or bad:
                raise lab.ConsoleError('%s: %s is %s, cause %d; the CA says %s' % (
                    self.title, role, state, cause, bad))
        self.phases = [self.phase(role, name, row)
                       for (role, name), row in self.counts.rows.items() if role != 'start']

    def phase(self, role, name, row):
        kind = self.kinds.get(role, 'rsa2048')
        family, bits = ('rsa', int(kind[3:])) if kind.startswith('rsa') else ('ec', 0)
        need = needed(name, family, bits, row) if role in counted.ROLES else []
        return Phase(role, name, row, need, self.counts)

    def percent(self, *names):
        """Instructions of these phases, or of all, in per cent of the bare ones."""
        chosen = [p for p in self.phases if not names or p.name in names]
        bare = sum(p.bare for p in chosen)
        return 100 * sum(p.instructions for p in chosen) / bare if bare else 0

    def percent_without_search(self):
        chosen = [p for p in self.phases if p.name != 'KEYGEN']
        return 100 * sum(p.instructions for p in chosen) / sum(p.bare for p in chosen)

    def private(self):
        """Instructions of one bare private operation of the largest key."""
        bits = max(int(k[3:]) for k in self.kinds.values() if k.startswith('rsa'))
        return bits, self.counts.each('private-%d' % bits)

    def flash(self):
        """{what: (times, bytes kept, bytes programmed)}; markers are what is left over."""
        table = collections.OrderedDict()
        rest = self.counts.words['flash', 'programmed']
        for number in sorted(self.counts.puts):
            puts, size = self.counts.puts[number]
            # Records of one type differ little in size: rounding is spread evenly.
            each = STORE_HEAD + STORE_SEAL + size / puts
            cost = puts * -(-each // STORE_UNIT) * STORE_UNIT
            table[TYPES.get(number, str(number))] = (puts, size if number in KEPT else 0, int(cost))
            rest -= int(cost)
        table['markers'] = (round(rest / MARKER), 0, rest)
        return table

    def flash_percent(self):
        kept = sum(self.counts.puts.get(t, (0, 0))[1] for t in KEPT)
        return 100 * self.counts.words['flash', 'programmed'] / kept

    def boot_instructions(self, counts):
        return sum(r.instructions for r in counts.rows.values())

    def figures(self, tag):
        bits, private = self.private()
        step = self.counts.longest()
        out = [
            Figure('bench.%s.renewal' % tag, 'a renewal of the pair beside bare wolfSSL',
                   self.percent(), '%', 105),
            Figure('bench.%s.work' % tag, 'all but the key search beside bare wolfSSL',
                   self.percent_without_search(), '%', 105),
            Figure('bench.%s.step' % tag, 'longest step (%s %s) beside one bare private operation'
                   ' of RSA-%d' % (step[1], step[2], bits), 100 * step[0] / private, '%', 105),
            Figure('bench.%s.flash' % tag, 'bytes programmed beside bytes kept',
                   self.flash_percent(), '%', 130),
            Figure('bench.%s.erases' % tag, 'sectors erased', self.counts.words['flash', 'erases'],
                   '', 0),
            Figure('bench.%s.round-trips' % tag, 'HTTP round trips for two credentials',
                   len(self.requests), '', 4),
            Figure('bench.%s.connections' % tag, 'connections for them', len(self.connections), '',
                   2)]
        if self.boot:
            out += [Figure('bench.%s.boot' % tag, 'boot, nothing due, as provisioned',
                           self.boot_instructions(self.boot), 'instructions', 200000),
                    Figure('bench.%s.boot-renewed' % tag, 'boot, nothing due, after a renewal',
                           self.boot_instructions(self.boot_after), 'instructions', 200000)]
        return out


class Https:
    """One credential renewed by https, with Basic and the device's certificate for TLS."""

    LONG = 1450  # bytes that make four certificates a chain of 10 KiB

    def __init__(self, title, kind, curve, own='p256', long=False, seed='Perennial'):
        self.title, self.own = title, own
        web = {'kind': kind, 'days': (-10, 1000), 'pad': self.LONG if long else 0}
        with lab.Lab(days_left=YOUNG, agent_key='p256', tls=web) as the_lab:
            pki, context = the_lab.pki, the_lab.ca.tls
            if long:
                fill = [x509.load(tls.certificate(pki, 'fill%d' % i, pad=self.LONG, self_signed=True)[0])
                        for i in range(3)]
                context.load_cert_chain(*tls.certificate(pki, 'long', chain=[pki.issuer] + fill, **web))
            context.set_ecdh_curve(curve)
            context.load_verify_locations(pki.path('root.pem'))
            context.verify_mode = ssl.CERT_REQUIRED
            cert, key = tls.certificate(pki, 'own', hosts=(), kind=own, purposes=(tls.CLIENT_AUTH,),
                                        days=(-10, 1000))
            the_lab.ca.auth('ra01', 'correct-horse')
            the_lab.ca.mode('same-key')
            the_lab.provision(config=dict(the_lab.config(), **{
                'key-policy': 'same', 'ca-user': 'ra01', 'ca-password': 'correct-horse',
                'tls-client-certificate': 'device'}), options=(
                    '--own-key', key, '--own-cert', cert, '--own-chain', pki.path('issuing.pem')))
            the_lab.clock(LATER * DAY)
            self.counts = counted.run(the_lab, seed, offset=LATER * DAY, large=long)
            bad = the_lab.ca.bad()
        for role, (state, _, cause) in self.counts.states.items():
            if state != 'PROBATION' or bad:
                raise lab.ConsoleError('%s: %s is %s, cause %d; the CA says %s' % (
                    title, role, state, cause, bad))
        row = self.counts.row('agent', 'SUBMIT')
        self.submit, self.step = row.instructions, row.longest
        self.stack, self.arena = self.counts.words['board', 'stack'], self.counts.words['tls', 'arena']


# The server's key and the curve of the key agreement; the client's key is on P-256 or P-384 too.
HTTPS = (('RSA-2048, P-256', 'rsa2048', 'prime256v1'), ('P-256, P-256', 'p256', 'prime256v1'),
         ('P-384, P-384', 'p384', 'secp384r1', 'p384'),
         ('P-384, P-384; the client has RSA-2048', 'p384', 'secp384r1', 'rsa2048'),
         ('RSA-2048, P-256; chain of 10 KiB in one record', 'rsa2048', 'prime256v1', 'p256', True))


def https_figures(renewals):
    """The largest of each; a private operation of RSA is a step of its own kind."""
    rsa = [r for r in renewals if r.own.startswith('rsa')]
    steps = [('bench.tls.step', 'longest step of a handshake', [r for r in renewals if r not in rsa]),
             ('bench.tls.step-rsa', 'and with a client key of RSA-2048', rsa)]
    return [Figure(limit, 'https: ' + text, max(r.step for r in some), 'instructions', 50000000)
            for limit, text, some in steps] + [
        Figure('bench.tls.stack', 'https: stack of a renewal', max(r.stack for r in renewals), 'bytes',
               16384),
        Figure('bench.tls.arena', "https: arena of wolfSSL's TLS", max(r.arena for r in renewals),
               'bytes', 65536)]


def limits():
    """The bench.* lines of budgets.mk."""
    found = {}
    with open(os.path.join(lab.ROOT, 'budgets.mk')) as source:
        for line in source:
            name, equals, value = line.split('#')[0].partition('=')
            if equals and name.strip().startswith('bench.'):
                found[name.strip()] = float(value)
    return found


def versions():
    def first(*argv):
        return subprocess.run(argv, stdout=subprocess.PIPE, check=False).stdout.decode(
            'utf-8', 'replace').splitlines()[0].strip()

    def define(path, name):
        with open(os.path.join(lab.ROOT, '.cache', 'src', path)) as source:
            for line in source:
                if line.split()[:2] == ['#define', name]:
                    return line.split()[2].strip('"')
        return 'unknown'

    lwip = '.'.join(define('lwip/src/include/lwip/init.h', 'LWIP_VERSION_' + part)
                    for part in ('MAJOR', 'MINOR', 'REVISION'))
    return [('compiler', first('arm-none-eabi-gcc', '--version')),
            ('emulator', first('qemu-system-arm', '--version')),
            ('wolfSSL', define('wolfssl/wolfssl/version.h', 'LIBWOLFSSL_VERSION_STRING')),
            ('lwIP', lwip), ('date', datetime.date.today().isoformat())]
