#!/usr/bin/env python3
"""Stand-ins for a DNS and an NTP server, on 127.0.0.1 UDP only.

    python3 tests/ca/netservices.py --name ca.example.net=10.0.2.2 --offset 0

Inside a network namespace they take the real ports, 53 and 123, so that an
emulated appliance finds them at its gateway 10.0.2.2. DNS answers A queries
for the given names, an empty answer for other types of them, and NXDOMAIN for
anything else. NTP answers as a stratum 1 server whose clock is `offset`
seconds ahead. Faults: a stand-in told to be `mute` reads and says nothing; an
NTP server told to be `unsynchronised` says so (leap 3, stratum 0).
"""

import argparse
import socket
import struct
import sys
import threading
import time

NTP_EPOCH = 2208988800


class Udp:
    """One UDP port on loopback, served by a thread."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', port))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self.mute = False
        self.count = 0
        self.ended = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ended:
            try:
                data, peer = self.socket.recvfrom(1024)
            except socket.timeout:
                continue
            except OSError:
                return
            self.count += 1
            reply = None if self.mute else self.answer(data)
            if reply:
                self.socket.sendto(reply, peer)

    def answer(self, data):
        raise NotImplementedError

    def close(self):
        self.ended = True
        self.thread.join(2)
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


class Dns(Udp):
    """Answers A queries for the names of a dict."""

    def __init__(self, names, port=53):
        self.names = {k.lower().rstrip('.'): v for k, v in names.items()}
        super().__init__(port)

    def answer(self, data):
        if len(data) < 17 or data[2] & 0x80 or data[4:6] != b'\x00\x01':
            return None
        labels, at = [], 12
        while at < len(data) and data[at]:
            size = data[at]
            if size > 63 or at + 1 + size >= len(data):
                return None
            labels.append(data[at + 1:at + 1 + size].decode('ascii', 'replace'))
            at += 1 + size
        end = at + 5
        if end > len(data):
            return None
        kind = struct.unpack('>H', data[at + 1:at + 3])[0]
        name = '.'.join(labels).lower()
        address = self.names.get(name)
        answers = b''
        if address and kind == 1:
            answers = b'\xc0\x0c\x00\x01\x00\x01' + struct.pack('>IH', 60, 4) \
                + socket.inet_aton(address)
        code = 0 if address else 3
        head = data[:2] + bytes((0x84 | data[2] & 1, 0x80 | code)) \
            + struct.pack('>HHHH', 1, 1 if answers else 0, 0, 0)
        return head + data[12:end] + answers


class Ntp(Udp):
    """Answers as an NTP server (RFC 5905, mode 4) `offset` seconds ahead."""

    def __init__(self, port=123, offset=0.0):
        self.offset = offset
        self.unsynchronised = False
        super().__init__(port)

    def answer(self, data):
        if len(data) < 48 or data[0] & 7 != 3:
            return None
        version = data[0] >> 3 & 7
        now = time.time() + self.offset + NTP_EPOCH
        # NTP seconds wrap in 2036; the low 32 bits are what is sent.
        stamp = struct.pack('>II', int(now) & 0xffffffff, int((now % 1) * (1 << 32)))
        leap = 3 if self.unsynchronised else 0
        head = bytes((leap << 6 | version << 3 | 4, 0 if self.unsynchronised else 1, 6, 0xec))
        return head + bytes(8) + b'TEST' + stamp + data[40:48] + stamp + stamp


def main():
    parser = argparse.ArgumentParser(description='DNS and NTP stand-ins')
    parser.add_argument('--name', action='append', default=[], help='NAME=ADDRESS')
    parser.add_argument('--offset', type=float, default=0)
    parser.add_argument('--dns-port', type=int, default=53)
    parser.add_argument('--ntp-port', type=int, default=123)
    parser.add_argument('--lifetime', type=float, default=3600)
    args = parser.parse_args()
    with Dns(dict(n.split('=', 1) for n in args.name), args.dns_port) as dns, \
            Ntp(args.ntp_port, args.offset) as ntp:
        print('ready dns %d ntp %d' % (dns.port, ntp.port), flush=True)
        time.sleep(args.lifetime)
    return 0


if __name__ == '__main__':
    sys.exit(main())
