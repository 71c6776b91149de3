"""First provisioning at the serial port, from a blank flash: see provisioning_sf2.py, provisioning_host.py.

Settings, the trust anchor with its fingerprint, the agent's pair as PKCS #12 and the other as PEM, all made
by openssl, are pasted; the power is cut; the pair renews by itself at the stand-in for AD CS. Then all
is erased. On the host board a flash without a device key is erased too, and searched.
"""
import base64
import hashlib
import os
import re
import subprocess
import sys
import textwrap
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import qemu_sf2  # noqa: E402
import tally  # noqa: E402
import words  # noqa: E402
from console import Console  # noqa: E402
from kb import need, openssl, paste  # noqa: E402
from secrets_sf2 import needles, search  # noqa: E402

PASSPHRASE = 'Correct horse / battery'
# As Windows exports with TripleDES-SHA1, what its servers up to 2016 know.
WINDOWS = ('-legacy', '-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1')
STORED = 'stored and serving'


def pkcs12(pki, role, *options):
    """A pair and its issuers as the CA's manager would export them; lines of base64."""
    out = openssl('pkcs12', '-export', '-inkey', pki.path(role + '.key'), '-in', pki.path(role + '.pem'),
                  '-certfile', pki.path(role + '-chain.pem'), '-passout', 'pass:' + PASSPHRASE, *options)
    return textwrap.wrap(base64.b64encode(out).decode(), 64)


def pem(pki, role, *options):
    """The key under the passphrase, the certificate and its issuers, in PEM; lines."""
    key = openssl('pkcs8', '-topk8', '-in', pki.path(role + '.key'), '-passout', 'pass:' + PASSPHRASE,
                  *options)
    certs = b''.join(open(pki.path(role + leaf), 'rb').read() for leaf in ('.pem', '-chain.pem'))
    return (key + certs).decode().splitlines()


def give(board, command, lines, passphrase):
    """An import as it is typed; what the console says of it."""
    paste(board, command, lines, 'passphrase: ')
    board.send(passphrase)  # not echoed
    return words.clean(board.read_until(r'[\r\n](\[[^\n]*\] )?' + words.PROMPT + '$', 90))


class Story:
    def __init__(self, the_lab, kind, total):
        self.lab, self.kind, self.total = the_lab, kind, total
        if kind == 'sf2':
            qemu_sf2.blank_nor(the_lab.path('nor.img'))

    def board(self):
        return self.lab.board(self.kind, life=self.total)

    def ready(self, board):
        board.read_until(words.PROMPT, 60)
        words.show(board)

    def anchor(self, board, answer):
        root = self.lab.pki.path('root.pem')
        want = re.sub(r'.*=|\s', '', openssl('x509', '-in', root, '-noout', '-fingerprint', '-sha256').decode())
        shown = paste(board, 'trust add', open(root).read().splitlines(), r'\(yes/no\) ')
        shown = ':'.join(re.findall(r'[0-9a-f]{2}(?=[:\s])', shown.split('SHA-256')[1].split('valid')[0]))
        need(shown.upper() == want, 'the fingerprint is %s, openssl says %s' % (shown, want))
        return words.command(board, answer)

    def from_nothing(self):
        """Settings, trust, both pairs; the wrong passphrase and the wrong role change nothing."""
        pki = self.lab.pki
        with self.board() as board:
            self.ready(board)
            need('Trust anchor' not in words.command(board, 'trust list'), 'a blank flash trusts somebody')
            for name, value in self.lab.config().items():
                words.command(board, 'config set %s %s' % (name, value))
            words.command(board, 'config save')
            self.anchor(board, 'no')
            need('Trust anchor' not in words.command(board, 'trust list'), 'stored against the answer')
            need('stored' in self.anchor(board, 'yes'), 'the anchor is not stored')
            words.command(board, 'hold')
            need(STORED not in give(board, 'import agent', pkcs12(pki, 'agent'), 'wrong'), 'opened by any word')
            need('thumbprint' not in words.command(board, 'show'), 'a failed import stored something')
            need(STORED not in give(board, 'import encryption', pkcs12(pki, 'agent'), PASSPHRASE),
                 'the Enrollment Agent certificate was taken for the other role')
            need(STORED in give(board, 'import agent', pkcs12(pki, 'agent'), PASSPHRASE), 'PKCS #12')
            need(STORED in give(board, 'import encryption', pem(pki, 'cep', '-v2', 'aes-256-cbc', '-v2prf',
                                                                'hmacWithSHA256'), PASSPHRASE), 'PEM')
            need(PASSPHRASE not in board.transcript, 'the passphrase is shown')
            board.kill()

    def renewed(self):
        """After a loss of power both serve; released, they renew: the keys are whole, the anchor holds."""
        with self.board() as board:
            self.ready(board)
            shown = words.show(board)[1]
            for role, leaf in (('agent', 'agent'), ('encryption', 'cep')):
                need(shown[role]['thumbprint'] == self.lab.old(leaf).sha1, '%s: %s' % (role, shown))
            need('Example Root CA' in words.command(board, 'trust list'), 'the anchor is lost')
            # Another form over what is stored: asked first; no: nothing happens.
            board.unread()
            board.send('import encryption')
            board.read_until(r'replace the stored credential\? \(yes/no\) ', 20)
            words.command(board, 'no')
            pair = pkcs12(self.lab.pki, 'cep', *WINDOWS)
            need(STORED in give(board, 'import encryption force', pair, PASSPHRASE), 'PKCS #12 of Windows')
            words.command(board, 'resume')
            board.read_until(words.event('switched', 'encryption'), 200)
            shown = words.show(board)[1]
            issued = {hashlib.sha1(r.cert).hexdigest().upper() for r in self.lab.ca.issued()}
            need(not self.lab.ca.bad(), 'findings: %s' % self.lab.ca.bad())
            need({shown[role]['thumbprint'] for role in words.ROLES} == issued,
                 'serves %s, issued %s' % (shown, issued))
            board.kill()

    def erased(self):
        """All gone after the answer, and still after a loss of power; the settings stay."""
        with self.board() as board:
            self.ready(board)
            board.unread()
            board.send('erase credentials')
            board.read_until(r'\(yes/no\) ', 20)
            need('erased' not in words.command(board, 'no'), 'erased against the answer')
            board.unread()
            board.send('erase credentials')
            board.read_until(r'\(yes/no\) ', 20)
            need('\nerased' in '\n' + words.command(board, 'yes', 90), 'not erased')
            board.kill()
        with self.board() as board:
            self.ready(board)
            need('thumbprint' not in words.command(board, 'show'), 'a credential came back')
            need('/certsrv' in words.command(board, 'show running-config'), 'the settings are gone')
            board.kill()

    def factory(self):
        """The same pairs by the factory's tool; what it cannot open or does not fit it says, and writes nothing."""
        path, pki = self.lab.path, self.lab.pki
        for name, lines in (('agent.p12', pkcs12(pki, 'agent')), ('cep.sealed', pem(pki, 'cep')),
                            ('word', [PASSPHRASE]), ('wrong', ['no'])):
            with open(path(name), 'w') as out:
                out.write('\n'.join(lines) + '\n')

        def tool(agent, word):
            argv = [lab.host_program('provision'), '--out', path('nor.img'), '--device-key', path('device.key'),
                    '--agent-pair', path(agent), '--cep-pair', path('cep.sealed'), '--anchor', pki.path('root.pem'),
                    '--passphrase', path(word)] + ['--sf2'] * (self.kind == 'sf2')
            for setting in self.lab.config().items():
                argv += ['--config', '%s=%s' % setting]
            return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        for agent, word, sentence in (('agent.p12', 'wrong', 'PASSPHRASE'), ('cep.sealed', 'word', 'GATE_USAGE')):
            os.path.exists(path('nor.img')) and os.remove(path('nor.img'))
            done = tool(agent, word)
            need(done.returncode == 1 and not os.path.exists(path('nor.img')), 'written: %s' % done.stdout)
            need(words.sentence(sentence) in done.stdout.decode(), done.stdout)
        done = tool('agent.p12', 'word')
        need(done.returncode == 0, done.stdout)
        with self.board() as board:
            self.ready(board)
            shown = words.show(board)[1]
            for role, leaf in (('agent', 'agent'), ('encryption', 'cep')):
                need(shown[role]['thumbprint'] == self.lab.old(leaf).sha1, '%s: %s' % (role, shown))
            board.read_until(words.event('switched', 'agent'), 200)
            board.kill()

    def unsealed(self):
        """Without a device key the flash holds the keys as they are, and after erasing nothing of them."""
        image = self.lab.path('plain.bin')
        wanted = needles(self.lab.pki.path('agent.key'))

        def found():
            with open(image, 'rb') as file:
                return {what for _, what in search(file.read(), wanted)}
        with Console([lab.host_program('appliance'), '--flash', image, '--no-network'], life=self.total) as board:
            self.ready(board)
            words.command(board, 'hold')
            need(STORED in give(board, 'import agent', pkcs12(self.lab.pki, 'agent'), PASSPHRASE), 'PKCS #12')
            need(len(found()) >= 5, 'the search finds a key that is there: %s' % found())
            words.command(board, 'erase credentials force', 90)
            end = time.monotonic() + 30
            while found() and time.monotonic() < end:
                time.sleep(0.2)
            need(not found(), 'after erasing: %s' % found())
            board.kill()


def script(kind, total):
    lab.enter()
    tally.limit(total)
    tried = tally.Tally()
    with lab.Lab(days_left=30) as the_lab:
        story = Story(the_lab, kind, total)
        cases = [story.from_nothing, story.renewed, story.erased, story.factory]
        for case in cases + ([story.unsealed] if kind == 'host' else []):
            tried.case(case.__name__, case)
    sys.exit(tried.end())
