"""What a person, a terminal and a script do at the console: keys, pages, JSON, a configuration taken
to another appliance, the password through resets, noise at full speed. For console_host.py and
console_sf2.py."""
import json
import os
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import tally  # noqa: E402
import words  # noqa: E402
from console import ConsoleError  # noqa: E402

UP, LEFT, HOME, END, DELETE = '\x1b[A', '\x1b[D', '\x1b[H', '\x1bOF', '\x1b[3~'
PASSWORD, SECRET = 'correct horse battery', 's3cret-of-the-CA'


def need(truth, what):
    if not truth:
        raise ConsoleError(what)


class Screen:
    """A terminal of 80 columns that knows CR, LF and backspace: what a dumb one knows."""

    def __init__(self):
        self.rows, self.at = [''], 0

    def feed(self, text):
        for ch in text:
            if ch == '\r':
                self.at = 0
            elif ch == '\n':
                self.rows.append('')
                self.at = 0
            elif ch == '\b':
                need(self.at > 0, 'backspace at the left edge')
                self.at -= 1
            else:
                need(' ' <= ch <= '~', 'the console sent %r' % ch)
                row = self.rows[-1].ljust(self.at)
                self.rows[-1] = row[:self.at] + ch + row[self.at + 1:]
                self.at += 1
        return self

    def row(self):
        return self.rows[-1].rstrip()


class Cases:
    def __init__(self, the_lab, kind):
        self.lab, self.kind = the_lab, kind

    def appliance(self, image='lines.bin', **config):
        settings = dict(self.lab.config(), **{'renew-days': '1'})
        settings.update({name.replace('_', '-'): value for name, value in config.items()})
        self.lab.provision(self.kind, image, config=settings)
        return self.lab.board(self.kind, image, life=200)

    @staticmethod
    def ready(board):
        board.read_until(words.PROMPT, 30)
        end = time.monotonic() + 20
        while words.command(board, words.TIME).startswith('unknown'):
            need(time.monotonic() < end, 'no time from the NTP server')
            time.sleep(0.2)
        time.sleep(0.5)
        board.unread()

    @staticmethod
    def types(board, keys, row):
        """Types keys; the row with the prompt comes to look like this."""
        screen, end = Screen(), time.monotonic() + 10
        screen.feed('perennial> ')
        board.send(keys, end='')
        while screen.row() != row:
            need(time.monotonic() < end, '%r shows %r, not %r' % (keys, screen.row(), row))
            screen.feed(board.unread())
            time.sleep(0.02)
        board.send('\x15', end='')
        while screen.row() != 'perennial>':
            need(time.monotonic() < end, '^U leaves %r' % screen.row())
            screen.feed(board.unread())
            time.sleep(0.02)

    @staticmethod
    def _shown_part(line):
        """A row behind the prompt has 68 columns; at its end it moves on by a quarter."""
        first = 0
        for size in range(len(line) + 1):
            if size - first > 68:
                first = size - 51
        return line[first:]

    def keys_and_completion(self):
        with self.appliance() as board:
            self.ready(board)
            self.types(board, 'shw' + LEFT + 'o', 'perennial> show')
            self.types(board, 'how' + HOME + 's' + END + ' x', 'perennial> show x')
            self.types(board, 'show' + LEFT + LEFT + DELETE + '\x7f', 'perennial> sw')
            self.types(board, 'show log\x17\x01\x0btime', 'perennial> time')
            self.types(board, 'conf\tset pol\t', 'perennial> config set poll-minutes')
            long_line = 'config set ca-url http://ca.example.net/' + 'a' * 100
            self.types(board, long_line, 'perennial> $' + self._shown_part(long_line)[1:])
            words.command(board, 'show version')
            self.types(board, UP, 'perennial> show version')
            text = words.command(board, 'conf s')
            need(words.sentence('AMBIGUOUS') in text and '  save ' in text and '  set ' in text, text)
            need('example: renew agent' in words.command(board, 'help ren'), 'no example')
            board.send('show ?', end='')
            text = board.read_until(r'<Enter>[^>]*> show ', 10)
            need('  timers ' in text, text)
            board.send('\x15', end='')

    def pages(self):
        with self.appliance() as board:
            self.ready(board)
            board.send('config list')
            first = board.read_until(words.MORE, 10)
            need(first.count('\n') == 24, '%d lines on the first page' % first.count('\n'))
            board.send('\r', end='')
            need(board.read_until(words.MORE, 10).count('\n') == 1, 'Enter is a line')
            board.send('q', end='')
            board.read_until(words.PROMPT, 10)
            whole = words.command(board, 'config list')
            words.command(board, 'terminal length 0')
            need(whole == words.command(board, 'config list'), 'pages change the text')
            rows = words.command(board, 'show credentials | include thumb').splitlines()
            need(len(rows) == 2 and all('thumbprint' in r for r in rows), rows)

    @staticmethod
    def _json_commands(board):
        """The commands whose help says that they print JSON."""
        firsts = set(re.findall(r'^  ([a-z]+)', words.command(board, 'help'), re.M))
        texts = [words.command(board, 'help ' + first) for first in sorted(firsts)]
        return set(re.findall(r'^  ([a-z -]+?)(?: \[[A-Z]+\])? \[\| json\]', '\n'.join(texts), re.M))

    def json_for_scripts(self):
        with self.appliance() as board:
            self.ready(board)
            words.command(board, 'config set ca-password ' + SECRET)
            self.lab.ca.mode('pend', template='CEPEncryption')
            words.command(board, 'renew all')
            board.read_until(words.event('pending', 'encryption'), 60)
            commands = self._json_commands(board)
            need({'show', 'show log', 'config list', 'trust list', 'time'} <= commands, commands)
            for command in sorted(commands) + ['show log 3']:
                text = words.command(board, command + ' | json')
                try:
                    rows = json.loads(text)
                except ValueError as why:
                    raise ConsoleError('%s: %s: %r' % (command, why, text)) from why
                need(isinstance(rows, list) and rows and all(isinstance(r, dict) for r in rows), text)
            got = json.loads(words.command(board, 'show | json'))
            text, shown = words.show(board)
            for row in got:
                want = shown[row['role']]
                need(row['thumbprint'].upper() == want['thumbprint'], text)
                need(str(row['days_left']) == want['days left'], text)
            need([r['role'] for r in got] == ['agent', 'encryption'], got)
            if self.kind == 'sf2':
                size = subprocess.run(['arm-none-eabi-size', board.image], capture_output=True,
                                      text=True, check=True).stdout.splitlines()[1].split()
                version = json.loads(words.command(board, 'show version | json'))[0]
                need(version['image_bytes'] == int(size[0]) + int(size[1]), version)
            need(got[1]['request_id'] == str(shown['encryption']['request id']), got)
            tech = words.command(board, 'show tech', 60)
            need(SECRET not in tech and 'bank bytes' in tech and 'Perennial' in tech, tech)
            self.lab.ca.mode('issue', template='CEPEncryption')

    def work_in_the_prompt(self):
        """A search for an RSA key, as somebody who looks sees it. One that is over before its count was
        shown is luck: then another appliance searches."""
        kind, tried = ('rsa4096', r'(, \d+ tried)?') if self.kind == 'host' else (
            'rsa3072', r', \d+ tried')
        seen = r'\[agent: making a key' + tried + r'\] ' + words.PROMPT
        for _ in range(4):
            with self.appliance(agent_key=kind, key_policy='new') as board:
                self.ready(board)
                words.command(board, 'renew agent')
                text = board.read_until(seen + '|' + words.event('switched', 'agent'), 90)
                if not re.search(seen, text):
                    continue
                words.command(board, 'terminal length 0')
                time.sleep(2.5)
                text = board.unread()
                need('tried]' not in text, 'not switched off: %r' % text)
                return
        raise ConsoleError('four searches, and never a count')

    def configuration_to_another_appliance(self):
        with self.appliance(host_name='ra-one', subject='CN=ra1,O=Example', hold='on',
                            ca_user='EXAMPLE\\ra') as board:
            self.ready(board)
            words.command(board, 'config set ca-password ' + SECRET)
            words.command(board, 'terminal length 0')
            text = words.command(board, 'show running-config all')
            need(SECRET not in text and '! secret ca-password is set' in text, text)
        self.lab.provision(self.kind, 'other.bin', config={'host-name': 'other', 'split-days': '3'})
        with self.lab.board(self.kind, 'other.bin', life=100) as board:
            board.read_until(words.PROMPT, 30)
            words.command(board, 'terminal length 0')
            board.send(text.replace('\n', '\r') + 'config set ca-password ' + SECRET)  # at full speed
            time.sleep(1)
            again = words.command(board, 'show running-config all', 40)
            need('% E' not in board.transcript, board.transcript)
            need(again == text, 'not the same:\n%s\n%s' % (text, again))

    def password(self):
        with self.appliance() as board:
            self.ready(board)
            board.send('password set')
            board.read_until('new password: ', 10)
            board.send(PASSWORD)
            board.read_until('again: ', 10)
            board.send(PASSWORD)
            board.read_until('the password is set', 60)
            board.read_until(words.PROMPT, 10)
            board.ask('logout', 'password: ')
            for wrong in (1, 2, 4):
                board.send('a wrong one')
                board.read_until(re.escape(words.sentence('PASSWORD')), 60)
                begin = time.monotonic()
                board.read_until('wait %d s' % wrong, 10)
                board.send('show')
                board.read_until('password: ', wrong + 20)
                if self.kind == 'host':
                    need(wrong - 0.5 < time.monotonic() - begin < wrong + 5, 'the lock of %d s' % wrong)
            board.kill()
            board.start()
            text = board.read_until(r'(?s)wait 4 s\r*\n.*\npassword: ', 60)
            need('perennial>' not in text, text)
            board.send(PASSWORD)
            board.read_until(words.PROMPT, 60)
            need('Enrollment Agent' in words.show(board)[0], 'the console is stuck')
            board.send('password clear force')
            board.read_until('no password is asked for', 20)
            board.kill()
            board.start()
            board.read_until(words.PROMPT, 30)
            need('EnrollmentAgent' not in board.transcript and PASSWORD not in board.transcript,
                 'the password is on the terminal')

    def noise_at_full_speed(self):
        """Any bytes, then a paste with no pause; the console answers afterwards."""
        noise = random.Random(4)
        with self.appliance() as board:
            self.ready(board)
            for _ in range(20):
                board.send(bytes(noise.choice((noise.randrange(256), 13, 27, 9, 63)) for _ in range(700)))
                time.sleep(0.05)
            board.send('q\x03\x15', end='')
            time.sleep(1)
            board.send('q\x03\x15terminal length 0')
            board.read_until(words.PROMPT + '$', 30)
            end = time.monotonic() + 90
            time.sleep(2)
            while board.unread():  # what the noise asked for, at the line's speed
                need(time.monotonic() < end, 'no end of answers')
                time.sleep(2)
            need('Enrollment Agent' in words.show(board)[0], 'the console is stuck')


def script(kind, total):
    lab.enter()
    tally.limit(total)
    passed, failed = 0, []
    chosen = sys.argv[1:]
    with lab.Lab(days_left=30, agent_key='p256', ca_key='p256') as the_lab:
        for name in [n for n in Cases.__dict__ if not n.startswith('_')
                     and n not in ('appliance', 'ready', 'types')]:
            if chosen and name not in chosen:
                continue
            the_lab.ca.core.requests.clear()
            begin = time.monotonic()
            try:
                getattr(Cases(the_lab, kind), name)()
                passed += 1
                print('  ok    %-36s %.1f s' % (name, time.monotonic() - begin), flush=True)
            except ConsoleError as why:
                failed.append(name)
                print('  FAIL  %s: %s' % (name, why), flush=True)
    print('%d passed, %d failed' % (passed, len(failed)))
    sys.exit(1 if failed else 0)
