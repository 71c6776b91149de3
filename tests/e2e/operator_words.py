#!/usr/bin/env python3
"""Boot and operator on the host board: the boot is never held, and the console does what it says.

Each case provisions an appliance of its own. The program is the real one with its own TCP.
"""
# timeout: 240
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import words  # noqa: E402
from console import ConsoleError  # noqa: E402


def need(truth, what):
    if not truth:
        raise ConsoleError(what)


class Cases:
    def __init__(self, the_lab):
        self.lab = the_lab

    def appliance(self, options=('--time', 'now'), **config):
        settings = dict(self.lab.config(), **{'sntp-server': 'none.invalid'})
        settings.update({name.replace('_', '-'): value for name, value in config.items()})
        self.lab.provision('host', 'case.bin', config=settings)
        return self.lab.board('host', 'case.bin', life=100, options=options)

    def boot_with_a_dead_ca(self):
        """10.0.2.77 never answers: the boot goes on after its budget, the console answers."""
        with self.appliance(ca_url='http://10.0.2.77/certsrv', boot_budget_seconds='3') as board:
            begin = time.monotonic()
            board.read_until('boot: going on, renewal continues in the background', 8)
            took = time.monotonic() - begin
            need(2.0 < took < 5.0, 'the boot was held for %.1f s, its budget is 3 s' % took)
            text, shown = words.show(board)
            need(shown['agent']['thumbprint'] == self.lab.old('agent').sha1, 'not served: ' + text)

    def boot_without_a_time(self):
        """Nobody knows the time: nothing begins, the boot goes on, the old pair is served."""
        with self.appliance(options=(), boot_budget_seconds='2') as board:
            board.read_until('boot: going on', 6)
            text, shown = words.show(board)
            need('the time is not set' in text, text)
            need(all(shown[r]['state'] == 'serving' for r in words.ROLES), text)
            need(not self.lab.ca.requests(), 'a request was sent without a time')

    def boot_with_nothing_due(self):
        with self.appliance(renew_days='1') as board:
            board.read_until('boot: nothing due, going on', 3)

    def hold_keeps_everything_back(self):
        with self.appliance(hold='on') as board:
            board.read_until(words.PROMPT, 10)
            time.sleep(2)
            text = words.command(board, 'renew all')
            need(words.sentence('HELD') in text, text)
            need('on hold by the operator' in words.show(board)[0], 'hold is not shown')
            need(not self.lab.ca.requests(), 'a request was sent while on hold')
            words.command(board, 'config set hold off')
            board.read_until(words.event('switched', 'encryption'), 30)

    def static_address(self):
        """No DHCP: address, mask, gateway and name server by the operator."""
        with self.appliance(ip_address='10.0.2.50', netmask='255.255.255.0',
                            gateway='10.0.2.2') as board:
            board.read_until(words.event('switched', 'encryption'), 30)

    def renew_by_thumbprint(self):
        with self.appliance(renew_days='1') as board:
            board.read_until(words.PROMPT, 10)
            old = self.lab.old('cep').sha1.lower()
            text = words.command(board, 'renew ' + old[:39])
            need(words.sentence('THUMBPRINT') in text, text)
            text = words.command(board, 'renew ' + '0' * 40)
            need(words.sentence('NO_SUCH_CERT') in text, text)
            colons = ':'.join(old[i:i + 2] for i in range(0, 40, 2))
            text = words.command(board, 'renew ' + colons)
            need('CEP Encryption: renewal begins' in text, text)
            board.read_until(words.event('switched', 'encryption'), 30)
            shown = words.show(board)[1]
            need(shown['agent']['thumbprint'] == self.lab.old('agent').sha1, 'the agent changed too')

    def settings_survive_a_reboot(self):
        with self.appliance(renew_days='1') as board:
            board.read_until(words.PROMPT, 10)
            need(words.sentence('CONFIG_VALUE') in words.command(board, 'config set poll-minutes 0'),
                 'a wrong value was taken')
            need(words.sentence('CONFIG_NAME') in words.command(board, 'config set colour red'),
                 'an unknown name was taken')
            words.command(board, 'config set poll-minutes 17')
            words.command(board, 'config set ca-password sesame')
            words.command(board, 'config save')
            end = time.monotonic() + 10
            while 'configuration saved' not in board.transcript and time.monotonic() < end:
                time.sleep(0.05)
            board.send('reboot')
            board.read_until('rebooting', 5)
            board.read_until('Perennial', 10)
            board.read_until(words.PROMPT, 10)
            time.sleep(0.5)
            text = words.command(board, 'config list')
            need('17' in text.split('poll-minutes')[1].split('\n')[0], 'the setting was lost')
            need('(set)' in text and 'sesame' not in text, 'the password: ' + text)

    def the_time_is_set_by_hand(self):
        with self.appliance(options=()) as board:
            board.read_until(words.PROMPT, 10)
            need(words.command(board, 'time').startswith('unknown'), 'knows the time')
            need(words.sentence('TIME_SYNTAX') in words.command(board, 'time set noon'), 'took noon')
            need(words.sentence('TIME_UNKNOWN') in
                 words.command(board, 'time set 2001-01-01T00:00:00Z'), 'took a time long past')
            words.command(board, 'config set hold on')
            need('operator' in words.command(board, 'time set 2049-01-01T00:00:00Z'), 'not set')
            words.command(board, 'config set hold off')
            now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
            need('operator' in words.command(board, 'time set ' + now), 'not set')
            board.read_until(words.event('switched', 'encryption'), 30)

    def bad_input_gets_one_line(self):
        with self.appliance(renew_days='1') as board:
            board.read_until('boot: nothing due', 10)
            for line, name in (('frobnicate', 'COMMAND'), ('show nothing', 'PARAMETER'),
                               ('renew nobody', 'THUMBPRINT'), ('config set', 'PARAMETER'),
                               ('a b c d e f', 'COMMAND'),
                               ('show log 1 2', 'PARAMETER'), ('re', 'AMBIGUOUS')):
                text = words.command(board, line).strip()
                need(words.sentence(name) in text.split('\n')[0], '%s: %r' % (line, text))
            board.send('x' * 5000)
            board.read_until(words.sentence('LINE_TOO_LONG'), 10)
            board.send(bytes(range(0x80, 0x100)) + b'\x00\x1b[31m\x07')
            board.read_until(words.PROMPT, 10)
            need('Enrollment Agent' in words.show(board)[0], 'the console is stuck')


def main():
    passed, failed = 0, []
    with lab.Lab(days_left=30, agent_key='p256', ca_key='p256') as the_lab:
        for name in [n for n in Cases.__dict__ if not n.startswith('_') and n != 'appliance']:
            the_lab.ca.core.requests.clear()
            begin = time.monotonic()
            try:
                getattr(Cases(the_lab), name)()
                passed += 1
                print('  ok    %-32s %.1f s' % (name, time.monotonic() - begin), flush=True)
            except ConsoleError as why:
                failed.append(name)
                print('  FAIL  %s: %s' % (name, why), flush=True)
    print('%d passed, %d failed' % (passed, len(failed)))
    return 1 if failed else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
