#!/usr/bin/env python3
"""Alerts by syslog, read by rsyslogd: every field of RFC 5424 as the daemon parsed it.

The appliance (host board) renews at a CA that denies one of the two requests. rsyslogd, Debian's,
listens on loopback UDP and writes what it made of each message, field by field.
"""
# timeout: 120
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import words  # noqa: E402
from console import ConsoleError  # noqa: E402

PORT = 5514
CONF = """
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="%d")
template(name="fields" type="string" string="%%syslogfacility%%|%%syslogseverity%%|%%protocol-version%%|%%timereported:::date-rfc3339%%|%%hostname%%|%%app-name%%|%%procid%%|%%msgid%%|%%structured-data%%|%%msg%%\\n")
action(type="omfile" file="%s" template="fields")
"""
NAMES = ('facility', 'severity', 'version', 'time', 'host', 'app', 'proc', 'id', 'data', 'text')


def need(truth, what):
    if not truth:
        raise ConsoleError(what)


class Daemon:
    def __init__(self, where):
        self.out = os.path.join(where, 'messages')
        conf = os.path.join(where, 'rsyslog.conf')
        with open(conf, 'w') as out:
            out.write(CONF % (PORT, self.out))
        self.process = subprocess.Popen(
            ['rsyslogd', '-n', '-f', conf, '-i', os.path.join(where, 'rsyslog.pid')],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def messages(self):
        if not os.path.exists(self.out):
            return []
        with open(self.out) as source:
            return [dict(zip(NAMES, line.rstrip('\n').split('|', len(NAMES) - 1)))
                    for line in source if line.count('|') >= len(NAMES) - 1]

    def wait(self, truth, what, timeout=40):
        end = time.monotonic() + timeout
        while True:
            for message in self.messages():
                if truth(message):
                    return message
            need(time.monotonic() < end, 'no %s in %s' % (what, self.messages()))
            time.sleep(0.1)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def parameters(data):
    return dict(re.findall(r' (\w+)="((?:[^"\\]|\\.)*)"', data))


def run(the_lab, daemon):
    the_lab.ca.mode('deny', template='agent')
    old = the_lab.old('agent')
    the_lab.provision('host', 'case.bin', config=dict(the_lab.config(), **{
        'key-policy': 'same', 'host-name': 'ra-01', 'syslog-server': lab.GATEWAY,
        'syslog-port': str(PORT), 'syslog-facility': '20', 'syslog-level': 'notice'}))
    with the_lab.board('host', 'case.bin', life=100) as board:
        board.read_until(words.PROMPT, 20)
        soon = daemon.wait(lambda m: m['id'] == 'DAYS_LEFT' and 'agent' in m['data'], 'reminder')
        failed = daemon.wait(lambda m: m['id'] == 'FAILED', 'failure')
        # The pair's other half is ready, and waits.
        ready = [m for m in daemon.messages() if m['id'] in ('READY', 'BEGUN', 'ISSUED')]
        need(not ready, 'less than notice was sent: %s' % ready)
        words.command(board, 'config set syslog-level info')
        words.command(board, 'config save')
        saved = daemon.wait(lambda m: m['id'] == 'CONFIG', 'saving')
        # A name that nobody knows: nothing is sent, nothing stands still.
        count = len(daemon.messages())
        words.command(board, 'config set syslog-server nobody.invalid')
        words.command(board, 'config save')
        time.sleep(1.5)
        need('thumbprint' in words.command(board, 'show'), 'the console stands still')
        need(len(daemon.messages()) == count, 'it still came')
        board.kill()
    need(soon['severity'] == '4' and '29 days left' in soon['text'], soon)
    need((failed['facility'], failed['severity'], failed['version']) == ('20', '3', '1'), failed)
    need((failed['host'], failed['app'], failed['proc']) == ('ra-01', 'perennial', '-'), failed)
    need(re.match(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d', failed['time']), failed)
    need(failed['data'].startswith('[perennial@32473 '), failed)
    got = parameters(failed['data'])
    need(got['role'] == 'agent' and bytes.fromhex(got['serial']) == old.serial.lstrip(b'\0'), got)
    need(got['daysLeft'] == '29' and re.match(r'E6-\d\d$', got['cause']), got)
    need('renewal failed' in failed['text'], failed)
    need(saved['severity'] == '6' and 'role' not in parameters(saved['data']), saved)


def main():
    lab.enter()
    # Not on the edge of a day: it would depend on the second in which the board starts.
    with lab.Lab(days_left=29.5) as the_lab:
        daemon = Daemon(the_lab.dir)
        try:
            run(the_lab, daemon)
        finally:
            daemon.close()
    print('1 passed, 0 failed')


if __name__ == '__main__':
    main()
