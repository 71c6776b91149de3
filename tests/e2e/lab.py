"""The laboratory of the end-to-end tests: one loopback world for an appliance.

A network namespace holds only `lo`. In it run, all on 127.0.0.1, the stand-in
for AD CS (port 80), a DNS server (53) and an NTP server (123); the user-mode
network of QEMU or of the host board lets the appliance reach them at its
gateway 10.0.2.2, and the DNS relay 10.0.2.3 too, where a mount namespace can
give this process its own resolv.conf. Nothing else can be reached.

    import lab
    if __name__ == '__main__':
        lab.enter()                      # runs the script again, inside
        with lab.Lab() as l:
            l.ca.mode('pend', template='CEPEncryption')
            l.provision()
            with l.board('host') as console:
                ...
            l.ca.approve(l.ca.pending()[0].id)

The servers are threads of the test, so they cannot outlive it; boards are
tied to it by console.py. Nothing here waits without a limit.
"""

import ctypes
import datetime
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'ca')]

import adcs  # noqa: E402  (the path comes first)
import est  # noqa: E402
import netservices  # noqa: E402
import pki as pki_room  # noqa: E402
import scep  # noqa: E402
import tls as tls_room  # noqa: E402
import x509  # noqa: E402
from console import Console, ConsoleError  # noqa: E402

BUILD = os.environ.get('RA_BUILD', os.path.join(ROOT, 'build'))  # holds host/, emcraft-sf2/
INSIDE = 'PERENNIAL_LAB'
CA_NAME = 'ca01.example.net'
TIME_NAME = 'time.example.net'
GATEWAY = '10.0.2.2'
TEMPLATE = {'agent': 'EnrollmentAgentOffline', 'cep': 'CEPEncryption', 'device': 'device'}
PROTOCOL = {'adcs': adcs, 'scep': scep, 'est': est}  # the stand-in of each
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
MS_BIND = 4096


# ---------------------------------------------------------------- namespace

def enter():
    """Runs this script again in a namespace of its own; returns inside it.
    Where none can be made, says so and stays, if the ports are to be had."""
    if os.environ.get(INSIDE):
        _link_up()
        _own_resolver()
        return
    for options in (['-n', '-m'], ['-n'], ['-r', '-n', '-m'], ['-r', '-n']):
        done = subprocess.run(['unshare'] + options + ['true'], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            env = dict(os.environ, **{INSIDE: '1'})
            os.execvpe('unshare', ['unshare'] + options + [sys.executable, '-B']
                       + sys.argv, env)
    print('no network namespace can be made here: using the loopback of this machine')


def _link_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack('16sh22x', b'lo', 0)
        flags = struct.unpack('16sh22x', fcntl.ioctl(s, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack('16sh22x', b'lo', flags | IFF_UP))


def _own_resolver():
    """Lets the relay at 10.0.2.3 find our DNS server; harmless if it fails."""
    mine = os.path.join(tempfile.gettempdir(), 'perennial-lab-resolv.%d' % os.getpid())
    try:
        with open(mine, 'w') as out:
            out.write('nameserver 127.0.0.1\n')
        # Only in a mount namespace of our own, never over the machine's file.
        if os.readlink('/proc/self/ns/mnt') != os.readlink('/proc/%d/ns/mnt' % _outer_pid()):
            ctypes.CDLL(None, use_errno=True).mount(mine.encode(), b'/etc/resolv.conf', None,
                                                    MS_BIND, None)
    except OSError:
        pass
    finally:
        if os.path.exists(mine):
            os.unlink(mine)


def _outer_pid():
    return os.getppid()


# ---------------------------------------------------------------- the CA

class LabCa:
    """The stand-in CA with the handles a test wants."""

    def __init__(self, pki, log_dir, port, life_days=None, protocol='adcs', tls=None):
        self.protocol = PROTOCOL[protocol]
        self.core = self.protocol.Ca(pki, log_dir, life_days)
        # An EST server asks for a client's certificate, which is of its own CA.
        context = getattr(self.core, 'context', tls_room.context)
        self.tls = context(tls) if tls else None
        self.pki = pki
        self.port = port
        self._web = None
        self.up()

    def mode(self, *words, template=None):
        """Sets the mode words for all templates, or for one ('agent', 'cep',
        or its name). Without words: issue everything, rightly."""
        self.core.set_mode(words, TEMPLATE.get(template, template))

    def up(self):
        """Starts to listen."""
        if not self._web:
            handler = type('Handler', (self.protocol.Handler,), {'ca': self.core})
            self._web = adcs.Server(('127.0.0.1', self.port), handler, self.tls)
            self.port = self._web.server_address[1]
            threading.Thread(target=self._web.serve_forever, args=(0.05,), daemon=True).start()

    def down(self):
        """Stops to listen: a connection is refused from now on."""
        if self._web:
            self._web.shutdown()
            self._web.server_close()
            self._web = None

    def auth(self, user=None, password=None):
        """Demands Basic authentication, or none."""
        self.core.auth = (user, password) if user else None

    def requests(self, role=None):
        """Requests the CA has in its table, oldest first."""
        with self.core.lock:
            return [r for r in self.core.requests.values()
                    if role is None or r.template == TEMPLATE[role]]

    def pending(self, role=None):
        return [r for r in self.requests(role) if r.state == adcs.PENDING]

    def issued(self, role=None):
        return [r for r in self.requests(role) if r.state == adcs.ISSUED]

    def approve(self, request_id):
        assert self.core.resolve(request_id, True), 'request %d is not pending' % request_id

    def deny(self, request_id):
        assert self.core.resolve(request_id, False), 'request %d is not pending' % request_id

    def log(self, where=None):
        """What came in: a list of dicts, see adcs.py; `where` picks a place."""
        with self.core.lock:
            return [dict(e) for e in self.core.events if where in (None, e.get('where'))]

    def connections(self):
        with self.core.lock:
            return [dict(c) for c in self.core.connections]

    def name_of(self, request):
        """What the appliance knows a request by."""
        return getattr(request, 'txid', request.id)

    def bad(self):
        """Findings against requests that came, as texts; empty is right."""
        return list(getattr(self.core, 'findings', [])) + ['request %d: %s' % (r.id, f) for r in self.requests()
                for f in r.verdict.as_json()['findings']]

    def wait(self, truth, timeout, what):
        """Waits until truth(self) holds; the time it took."""
        begin = time.monotonic()
        while not truth(self):
            if time.monotonic() - begin > timeout:
                raise ConsoleError('%s: not within %d s; the CA saw %s' % (
                    what, timeout, [(e['method'], e['path'], e.get('state'))
                                    for e in self.log()][-6:]))
            time.sleep(0.05)
        return time.monotonic() - begin

    def close(self):
        self.core.stop.set()
        self.down()


# ---------------------------------------------------------------- the laboratory

def host_program(name):
    """A program of the host build."""
    return os.path.join(BUILD, 'host', 'boards', 'host', name)


class Lab:
    """PKI, CA, DNS, NTP and the files of one appliance, in one directory.

    days_left, agent_key, cep_key, ca_key, sub_ca, v2, san: see pki.make.
    offset    the CA's and the NTP server's clock, seconds ahead of ours
    keep      a directory to use and keep; otherwise one that is removed
    tls       the CA speaks https, on port 443; False or arguments of tls.certificate
    """

    def __init__(self, days_left=30, offset=0.0, keep=None, port=80, dns_port=53, ntp_port=123,
                 life_days=None, protocol='adcs', tls=False, **pki_options):
        self.tls = {} if tls is True or (protocol == 'est' and tls is False) else tls
        port = 443 if port == 80 and self.tls is not False else port
        self.keep = keep
        self.dir = keep or tempfile.mkdtemp(prefix='perennial-lab.')
        self.ports = (port, dns_port, ntp_port)
        self.offset = offset
        self.life_days = life_days
        self.protocol = protocol
        self.pki_options = dict(pki_options, days_left=days_left)
        self.ca = self.dns = self.ntp = self.pki = None
        self.words = {}

    def __enter__(self):
        os.makedirs(self.dir, exist_ok=True)
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        self.pki = pki_room.make(self.path('pki'), now=now + datetime.timedelta(
            seconds=self.offset), **self.pki_options)
        try:
            web = None
            if self.tls is not False:
                web = tls_room.certificate(self.pki, 'web', **self.tls)
            self.ca = LabCa(self.pki, self.path('ca'), self.ports[0], self.life_days,
                            self.protocol, web)
            self.dns = netservices.Dns({CA_NAME: GATEWAY, TIME_NAME: GATEWAY}, self.ports[1])
            self.ntp = netservices.Ntp(self.ports[2], self.offset)
        except OSError:
            self.__exit__()
            raise
        self.clock(self.offset)
        with open(self.path('device.key'), 'wb') as out:
            out.write(os.urandom(32))
        return self

    def __exit__(self, *_):
        for server in (self.ca, self.dns, self.ntp):
            if server:
                server.close()
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def clock(self, offset):
        """Moves the CA's and the NTP server's clock."""
        self.ca.core.offset = self.ntp.offset = offset

    def old(self, role):
        """The certificate the appliance was provisioned with."""
        return x509.load(self.pki.path(role + '.pem'))

    @property
    def url(self):
        scheme, usual = ('http', 80) if self.tls is False else ('https', 443)
        return '%s://%s%s/%s' % (scheme, CA_NAME,
                                   '' if self.ca.port == usual else ':%d' % self.ca.port,
                                   {'scep': 'scep', 'est': ''}.get(self.protocol, 'certsrv/'))

    def config(self):
        """The settings an appliance needs here; a dict to change and hand on."""
        return {'protocol': self.protocol, 'ca-url': self.url, 'sntp-server': TIME_NAME, 'dns-server': GATEWAY,
                'jitter-hours': '0', 'poll-minutes': '1'}

    def provision(self, board='sf2', image='nor.img', config=None, device_key=True, options=(),
                  roles=('agent', 'cep')):
        """Makes a flash image with the old credentials of `roles` and the root
        as trust anchor; returns its path. `config` replaces Lab.config()."""
        out = self.path(image)
        argv = [host_program('provision'), '--out', out]
        if board == 'sf2':
            argv.append('--sf2')
        for role in roles:
            for part, leaf in (('key', '.key'), ('cert', '.pem'), ('chain', '-chain.pem')):
                argv += ['--%s-%s' % (role, part), self.pki.path(role + leaf)]
        argv += ['--anchor', self.pki.path('root.pem')]
        for name, value in (self.config() if config is None else config).items():
            argv += ['--config', '%s=%s' % (name, value)]
        if device_key:
            argv += ['--device-key', self.path('device.key')]
        done = subprocess.run(argv + list(options), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        if done.returncode:
            raise ConsoleError('%s: %s' % (' '.join(argv), done.stdout.decode('utf-8', 'replace')))
        return out

    def board(self, kind='sf2', image='nor.img', life=300.0, options=(), words=None,
              program='appliance', serve=None):
        """A console on an appliance with this flash image; not yet started
        (use `with`, or start()). `serve`: the appliance's port 80 is this port of 127.0.0.1."""
        if kind == 'sf2':
            from qemu_sf2 import QemuSf2
            # 256 KiB do not hold TLS and every protocol: see the trees in the Makefile.
            tree = 'emcraft-sf2' + ('' if self.tls is False else
                                    '-est' if self.protocol == 'est' else '-tls')
            elf = os.path.join(BUILD, tree, 'boards', 'emcraft-sf2',
                               program + '-test.elf')
            told = {'key': self.path('device.key')} if words is None else words
            nic = 'user' + (',hostfwd=tcp:127.0.0.1:%d-:80' % serve if serve else '')
            return QemuSf2(elf, self.path(image), words=told, nic=nic, extra=options, life=life)
        argv = [host_program(program), '--flash', self.path(image), '--device-key',
                self.path('device.key')] + list(options)
        if serve:
            argv += ['--serve', '%d:80' % serve]
        return Console(argv, life=life)
