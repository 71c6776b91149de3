#!/usr/bin/env python3
"""AD CS by https as it is met in the field: TLS of nginx, stunnel or Caddy before the stand-in.

The appliance of the host board renews its pair through each of them, by TLS 1.2 and 1.3. nginx and
stunnel stand on OpenSSL and agree to records of 2 KiB; Caddy stands on Go's own TLS, which does
not know max_fragment_length, and sends what it likes. nginx also asks for a client's certificate.
"""
# timeout: 300
import contextlib
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (the path comes first)
import tally  # noqa: E402
import tls  # noqa: E402
import tls_host  # noqa: E402
import words  # noqa: E402
import x509  # noqa: E402
from console import ConsoleError  # noqa: E402

USER, PASSWORD = 'EXAMPLE\\ra01', 'correct-horse:battery'
PORT = 8443
VERSIONS = {'TLS 1.2': 'TLSv1.2', 'TLS 1.3': 'TLSv1.3'}
MFL_RECORD = 2048 + 256  # the largest record a server may send that has agreed to 2 KiB
ROLES = {'agent': 'agent', 'encryption': 'cep'}

NGINX = '''
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.error;
events {{ }}
http {{
    log_format seen '$connection "$request" $status $ssl_protocol $ssl_server_name $ssl_client_verify '
                    '$ssl_client_fingerprint';
    access_log {dir}/nginx.log seen;
    client_body_temp_path {dir}/n1; proxy_temp_path {dir}/n2; fastcgi_temp_path {dir}/n3;
    uwsgi_temp_path {dir}/n4; scgi_temp_path {dir}/n5;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols {version};
        ssl_buffer_size 16k; ssl_verify_client {client}; ssl_client_certificate {root};
        location / {{
            proxy_pass http://127.0.0.1:80; proxy_http_version 1.1; proxy_set_header Connection "";
        }}
    }}
}}
'''
STUNNEL = '''
foreground = yes
pid =
output = {dir}/stunnel.log
[web]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:80
cert = {cert}
key = {key}
sslVersionMin = {version}
sslVersionMax = {version}
'''
CADDY = '''
{{
    admin off
    auto_https off
    storage file_system {dir}/caddy
    servers {{
        protocols h1
    }}
}}
https://:{port} {{
    bind 127.0.0.1
    tls {cert} {key} {{
        protocols {low} {low}
    }}
    handle /large {{
        reverse_proxy 127.0.0.1:8081 {{
            flush_interval -1
        }}
    }}
    handle {{
        reverse_proxy 127.0.0.1:80
    }}
}}
'''
COMMANDS = {'nginx': (NGINX, ['/usr/sbin/nginx', '-c']), 'stunnel': (STUNNEL, ['/usr/bin/stunnel4']),
            'caddy': (CADDY, ['/usr/bin/caddy', 'run', '--adapter', 'caddyfile', '--config'])}


@contextlib.contextmanager
def front(kind, here, version, client='off'):
    """The program between the world and the stand-in's port 80."""
    cert, key = here.path('pki', 'web.pem'), here.path('pki', 'web.key')
    if not os.path.exists(cert):
        tls.certificate(here.pki, 'web')
    text, argv = COMMANDS[kind]
    name, log = here.path(kind + '.conf'), here.path(kind + '.out')
    with open(name, 'w') as out:
        out.write(text.format(dir=here.dir, port=PORT, cert=cert, key=key, client=client,
                              root=here.pki.path('root.pem'), version=VERSIONS[version],
                              low=VERSIONS[version].lower().replace('v', '')))
    with open(log, 'w') as out:
        process = subprocess.Popen(['timeout', '280'] + argv + [name], stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=out, env=dict(os.environ, HOME=here.dir))
    try:
        end = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', PORT), 1):
                break
            if process.poll() is not None or time.monotonic() > end:
                raise ConsoleError('%s does not listen: %s' % (kind, open(log).read()[-800:]))
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(10)


class Records(tls_host.Sizes):
    """The largest record, of any connection."""

    def __call__(self, data, at):
        if at == 0:
            self.head, self.left = b'', 0
        return super().__call__(data, at)


def settings(here, port, **more):
    found = dict(here.config(), **{'attempts-per-day': '50', 'ca-url':
                                   'https://%s:%d/certsrv/' % (lab.CA_NAME, port)})
    found.update({name.replace('_', '-'): value for name, value in more.items()})
    return found


def wait(board, truth, what, seconds=60.0):
    end = time.monotonic() + seconds
    while True:
        got = words.show(board)[1]
        if truth(got):
            return got
        if time.monotonic() > end:
            raise ConsoleError('%s: %s' % (what, got))
        time.sleep(0.2)


def nginx_log(here):
    """[(connection, request, status, version, name, verdict, fingerprint)]"""
    with open(here.path('nginx.log')) as source:
        return [re.match(r'(\d+) "([^"]*)" (\d+) (\S+) (\S+) (\S+) (\S+)', line).groups()
                for line in source]


def renewal(kind, version):
    """Refused without a password, and told what the server takes; then the whole pair."""
    with lab.Lab(days_left=30, agent_key='p256') as here, front(kind, here, version):
        here.ca.auth(USER, PASSWORD)
        records = Records()
        with tls_host.Relay(PORT, records) as relay:
            here.provision('host', config=settings(here, relay.port))
            with here.board('host', life=120) as board:
                board.read_until(words.PROMPT, 30)
                got = wait(board, lambda g: all(g[r].get('last failure') for r in ROLES),
                           'no refusal')
                for role in ROLES:
                    if words.sentence('HTTP_AUTH') not in got[role]['last failure'] or \
                            got[role].get("CA's words") != 'the server offers Basic NTLM Negotiate':
                        raise ConsoleError('%s' % got[role])
                if {e['auth'] for e in here.ca.log()} != {None} or here.ca.requests():
                    raise ConsoleError('%s' % here.ca.log())
                for line in ('config set ca-user ' + USER, 'config set ca-password ' + PASSWORD):
                    words.command(board, line)
                old = {role: got[role]['thumbprint'] for role in ROLES}
                first = len(here.ca.log())
                for role in ROLES:
                    words.command(board, words.RENEW[role])
                got = wait(board, lambda g: all(g[r]['thumbprint'] != old[r] for r in ROLES),
                           'not renewed')
                pended = pending(here, board) if kind == 'nginx' else []
        for role, leaf in ROLES.items():
            new = x509.Cert(here.ca.issued(leaf)[0].cert)
            if got[role]['thumbprint'] != new.sha1 or got[role]['serial'] != new.serial_hex:
                raise ConsoleError('%s serves %s' % (role, got[role]))
        if here.ca.bad():
            raise ConsoleError('; '.join(here.ca.bad()))
        seen = here.ca.log()[first:]
        if {e['auth'] for e in seen} != {'Basic'} or len(here.ca.requests()) != 2 + len(pended):
            raise ConsoleError('%s' % seen)
        kept_alive(kind, here, version, len(seen))
        agreed = records.largest <= MFL_RECORD
        if agreed != (kind != 'caddy'):
            raise ConsoleError('records of %d bytes' % records.largest)
        print('        %d requests, records of %d bytes at most' % (len(seen), records.largest))


def pending(here, board):
    """The manager is asked; what was asked and answered later is on a connection of its own."""
    here.ca.mode('pend')
    here.ca.core.life += lab.datetime.timedelta(days=1)
    before = words.show(board)[1]['agent']
    words.command(board, words.RENEW['agent'])
    wait(board, lambda g: g['agent']['state'].startswith(words.PENDING), 'not pending')
    here.ca.approve(here.ca.pending('agent')[0].id)
    words.command(board, words.RENEW['agent'])
    wait(board, lambda g: g['agent']['thumbprint'] != before['thumbprint'], 'not fetched')
    return [here.ca.issued('agent')[-1]]


def kept_alive(kind, here, version, count):
    """What belongs together went over one connection."""
    if kind != 'nginx':
        return
    good = [e for e in nginx_log(here) if e[2] == '200']
    if len(good) != count or {e[3] for e in good} != {VERSIONS[version]} or \
            {e[4] for e in good} != {lab.CA_NAME}:
        raise ConsoleError('%s' % good)
    by_connection = {}
    for connection, request, *_ in good:
        by_connection.setdefault(connection, []).append(request.split()[1].split('?')[0])
    # Two submissions with their chains, the pending one, its question with its chain.
    asked = [p.rsplit('/', 1)[1] for paths in by_connection.values() for p in paths]
    for paths in by_connection.values():
        if paths[-1].endswith('certnew.p7b') and len(paths) < 2:
            raise ConsoleError('a chain on a connection of its own: %s' % by_connection)
    if asked.count('certfnsh.asp') != 3 or asked.count('certnew.p7b') != 3 or len(asked) != 7:
        raise ConsoleError('%s' % by_connection)


def client(version):
    """nginx asks for a certificate: there is none, there is none and it is needed, there is one."""
    with lab.Lab(days_left=200, agent_key='p256') as here:
        cert, key = tls.certificate(here.pki, 'own', hosts=(), kind='p256', purposes=(tls.CLIENT_AUTH,),
                                    days=(-10, 300))
        chain = here.path('pki', 'own-chain.pem')
        with open(here.pki.path('issuing.pem')) as source, open(chain, 'w') as out:
            out.write(source.read())
        here.provision('host', roles=('agent',), config=settings(here, PORT), options=(
            '--own-key', key, '--own-cert', cert, '--own-chain', chain))
        with here.board('host', life=120) as board:
            board.read_until(words.PROMPT, 30)

            def renew(good):
                here.ca.core.life += lab.datetime.timedelta(days=1)
                before = words.show(board)[1]['agent']
                words.command(board, words.RENEW['agent'])
                return wait(board, lambda g: g['agent']['thumbprint'] != before['thumbprint'] if good
                            else g['agent'].get('last failure'), 'not as expected')['agent']
            with front('nginx', here, version, 'optional'):
                renew(True)
                if {e[5] for e in nginx_log(here)} != {'NONE'}:
                    raise ConsoleError('%s' % nginx_log(here))
            with front('nginx', here, version, 'on'):
                state = renew(False)
                if words.sentence('HTTP_STATUS') not in state['last failure'] or \
                        not state.get("CA's words", '').startswith('400'):
                    raise ConsoleError('%s' % state)
                seen = len(nginx_log(here))
                words.command(board, 'config set tls-client-certificate device')
                renew(True)
                shown = {(e[5], e[6].upper()) for e in nginx_log(here)[seen:]}
                if shown != {('SUCCESS', x509.load(cert).sha1)}:
                    raise ConsoleError('%s' % shown)


class InTwo(http.server.BaseHTTPRequestHandler):
    """A reply whose head and first byte have gone when the rest comes: one write, one record."""
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '16384')
        self.end_headers()
        self.wfile.write(b'x')
        self.wfile.flush()
        time.sleep(0.1)
        self.wfile.write(bytes(16383))


def large_records(version):
    """Asked for 2 KiB, Caddy sends 16: once it has sent some smaller ones, as Go does."""
    with lab.Lab(days_left=200) as here, front('caddy', here, version), \
            http.server.ThreadingHTTPServer(('127.0.0.1', 8081), InTwo) as behind:
        threading.Thread(target=behind.serve_forever, args=(0.05,), daemon=True).start()
        anchor = here.path('root.der')
        with open(anchor, 'wb') as out:
            out.write(here.pki.root.der)
        records = Records()
        with tls_host.Relay(PORT, records) as relay:
            done = subprocess.run(
                [tls_host.PROBE, '--anchor', anchor, '--time', str(int(time.time())), '--requests', '12',
                 str(relay.port), lab.CA_NAME, '/large'], stdout=subprocess.PIPE, timeout=60, check=False)
        behind.shutdown()
        text = done.stdout.decode()
        if text.count('reply 200 16384\n') != 12 or 'connections 1\n' not in text:
            raise ConsoleError(text)
        if records.largest < 16383:
            raise ConsoleError('records of %d bytes' % records.largest)
        print('        records of %d bytes, arena used at most: %s bytes' % (
            records.largest, max(int(p) for p in re.findall(r'peak (\d+)', text))))


def main():
    tally.limit(290)
    cases = [('%s, %s: the pair' % (kind, v), renewal, (kind, v)) for kind in COMMANDS for v in VERSIONS]
    cases += [('nginx, %s: a client certificate is asked for' % v, client, (v,)) for v in VERSIONS]
    cases += [('caddy, %s: records of 16 KiB' % v, large_records, (v,)) for v in VERSIONS]
    only = sys.argv[1] if len(sys.argv) > 1 else ''
    passed = failed = 0
    for name, function, arguments in cases:
        if only not in name:
            continue
        begin = time.monotonic()
        try:
            function(*arguments)
            passed += 1
            print('  ok    %-52s %.1f s' % (name, time.monotonic() - begin), flush=True)
        except Exception as why:  # one case may fail in any way, the next still runs
            failed += 1
            print('  FAIL  %s: %s' % (name, why), flush=True)
            if not isinstance(why, (ConsoleError, KeyError)):
                traceback.print_exc()
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
