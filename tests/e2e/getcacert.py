#!/usr/bin/env python3
"""firmware/example on both boards: GetCACert over lwIP serves the pair that serves, and the new one
from the moment it is switched, without a restart. Read by openssl; what a client does wrong, slowly
or not at all stops nobody else."""
# timeout: 240
import http.client
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import words  # noqa: E402
from console import ConsoleError  # noqa: E402

PORT = 8080
PATH = '/certsrv/mscep/mscep.dll/pkiclient.exe?operation=GetCACert&message=ra'


def need(truth, what):
    if not truth:
        raise ConsoleError(what)


def get(path=PATH, method='GET', tries=40):
    """Status, type and body. One client at a time is served: who is refused comes again."""
    for left in reversed(range(tries)):
        there = http.client.HTTPConnection('127.0.0.1', PORT, timeout=15)
        try:
            there.request(method, path)
            reply = there.getresponse()
            body = reply.read()
            if reply.status != 503 or not left:
                return reply.status, reply.getheader('Content-Type'), body
        except (ConnectionError, http.client.HTTPException):
            if not left:
                raise
        finally:
            there.close()
        time.sleep(0.25)
    raise AssertionError


def raw(pieces, half_close=False):
    """What comes back for these bytes; who is refused because another is served comes again."""
    for left in reversed(range(40)):
        try:
            with socket.create_connection(('127.0.0.1', PORT), 15) as s:
                for piece in pieces:
                    s.sendall(piece)
                if half_close:
                    s.shutdown(socket.SHUT_WR)
                reply = s.recv(100)
                if reply:
                    return reply
        except ConnectionError:
            if not left:
                raise
        time.sleep(0.25)
    return b''


def openssl(*arguments, stdin=None):
    return subprocess.run(['openssl', *arguments], input=stdin, capture_output=True, timeout=20,
                          check=True).stdout


def certificates(message):
    """DER of each certificate, in the message's order, as openssl reads them."""
    text = openssl('pkcs7', '-inform', 'DER', '-print_certs', stdin=message).decode()
    return [openssl('x509', '-outform', 'DER', stdin=pem.encode())
            for pem in re.findall(r'-----BEGIN.*?END CERTIFICATE-----', text, re.S)]


def file_der(path):
    with open(path) as source:
        pems = re.findall(r'-----BEGIN.*?END CERTIFICATE-----', source.read(), re.S)
    return [openssl('x509', '-outform', 'DER', stdin=pem.encode()) for pem in pems]


def what_a_client_can_do_wrong():
    for path, method, status in (('/?operation=GetCACaps', 'GET', 404), ('/', 'GET', 404),
                                 (PATH, 'POST', 405), (PATH, 'HEAD', 405)):
        need(get(path, method)[0] == status, '%s %s is not answered with %d' % (method, path, status))
    for head, status in ((b'\0\1\2\r\n\r\n', b'400'), (b'GET ' + b'/' * 3000 + b' HTTP/1.1\r\n', b'400'),
                         (b'GET http://x/ HTTP/1.1\r\n\r\n', b'400')):
        need(raw([head]).startswith(b'HTTP/1.1 ' + status), '%r' % head[:20])
    # In single bytes, and with its end of the connection closed before the answer.
    single = [bytes([byte]) for byte in ('GET %s HTTP/1.0\r\n\r\n' % PATH).encode()]
    need(raw(single, half_close=True).startswith(b'HTTP/1.1 200 '), 'in single bytes')
    # One that says nothing holds the others up for 10 s and not longer.
    with socket.create_connection(('127.0.0.1', PORT), 15) as idle:
        begin = time.monotonic()
        idle.sendall(b'GET ')
        time.sleep(0.5)
        need(get(tries=100)[0] == 200, 'served behind a client that says nothing')
        need(time.monotonic() - begin < 25, 'held up for long')


def story(the_lab, board_kind):
    the_lab.ca.mode('pend')
    the_lab.provision(board_kind, 'case.bin')
    old = [file_der(the_lab.pki.path(n)) for n in ('agent.pem', 'cep.pem', 'cep-chain.pem')]
    with the_lab.board(board_kind, 'case.bin', life=150, program='example', serve=PORT) as board:
        board.read_until(words.PROMPT, 20)
        status, kind, body = get()
        need((status, kind) == (200, 'application/x-x509-ca-ra-cert'), '%s %s' % (status, kind))
        served = certificates(body)
        need(served == old[0] + old[1] + old[2], 'the old pair and its issuers: %d certificates'
             % len(served))
        the_lab.ca.wait(lambda ca: len(ca.pending()) == 2, 60, 'both requests')
        need(certificates(get()[2]) == served, 'the same while the CA thinks')
        for request in the_lab.ca.pending():
            the_lab.ca.approve(request.id)
        for role in ('agent', 'encryption'):
            words.command(board, 'retry ' + role)
        begin = time.monotonic()
        while certificates(get()[2])[:2] == served[:2]:
            need(time.monotonic() - begin < 90, 'the new pair is not served')
            time.sleep(0.5)
        new = certificates(get()[2])
        issued = {r.template: r.cert for r in the_lab.ca.issued()}
        need(new[:2] == [issued['EnrollmentAgentOffline'], issued['CEPEncryption']],
             'both of the new pair at once, as the CA issued them')
        need('boot:' not in words.clean(words.command(board, 'show version')), 'no restart')
        what_a_client_can_do_wrong()


def main():
    lab.enter()
    failed = 0
    for kind in sys.argv[1:] or ('host', 'sf2'):
        with lab.Lab(days_left=30) as the_lab:
            try:
                story(the_lab, kind)
                print('ok   ', kind)
            except (ConsoleError, OSError, subprocess.SubprocessError) as e:
                failed += 1
                print('FAIL ', kind, e)
    print('%d passed, %d failed' % ((len(sys.argv[1:]) or 2) - failed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
