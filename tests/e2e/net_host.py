#!/usr/bin/env python3
# timeout: 150
"""firmware/net on the host board against stand-in peers: what works, and each way it can fail.

    net_host.py [--probe FILE]      in a network namespace with only `lo` (tests/run.py makes one)

net_probe (tests/net) carries HTTP over lwIP and libslirp to servers on 127.0.0.1, which lwIP sees
at the gateway 10.0.2.2. The peers here are Python's; the frames are judged from a pcap file.
"""
import argparse
import http.server
import pathlib
import random
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
GATEWAY = "10.0.2.2"
BIG = random.Random(1).randbytes(1_000_000)
SILENT = "10.0.2.200"  # in the emulated network, but nobody is there
FAR = "192.0.2.1"      # outside; no route leads there

passed = failed = 0
pushed = []            # bytes that the half-closing server got


def check(name, ok, *shown):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED", name, *shown)


# ---- the peers ----

class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BIG)))
        self.end_headers()
        try:
            self.wfile.write(BIG)
        except OSError:
            pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def abort(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def reset_at_once(s):
    s.recv(100)
    abort(s)


def reset_after_data(s):
    s.recv(100)
    s.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 1000)
    time.sleep(0.3)
    abort(s)


def close_early(s):
    s.recv(100)
    s.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 1000)


def drip(s):
    s.recv(100)
    for byte in b"HTTP/1.0 200 OK\r\n\r\n" + b"0123456789" * 20:
        s.sendall(bytes([byte]))
        time.sleep(0.002)


def half_close(s):
    s.sendall(b"bye\n")
    s.shutdown(socket.SHUT_WR)
    got = 0
    while part := s.recv(65536):
        got += len(part)
    pushed.append(got)


def swallow_slowly(s):
    """Reads with long pauses, echoes nothing: the sender has to wait."""
    got = 0
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while part := s.recv(2000):
        got += len(part)
        time.sleep(0.0005)
        if got >= 300_000:
            break
    pushed.append(got)


def serve(work):
    """One thread for each connection to a port of its own; the port."""
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                work(self.request)
            except OSError:
                pass

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def serve_web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def dns_answer(query):
    """A record 10.0.2.2 for ca.test and ntp.test (RFC 1035 4.1), else: no such name."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    question = query[12:at + 5]
    known = ".".join(labels).lower() in ("ca.test", "ntp.test")
    head = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, int(known), 0, 0)
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(GATEWAY)
    return head + question + (record if known else b"")


def ntp_answer(query, seconds, *, leap=0, stratum=2, mode=4, cookie=None, fraction=0):
    """RFC 4330 4; seconds since 1900, modulo 2^32."""
    return (struct.pack(">BBbb", leap << 6 | 4 << 3 | mode, stratum, 6, -20) + bytes(8) + b"TEST" +
            bytes(8) + (cookie or query[40:48]) + struct.pack(">II", seconds & 0xffffffff, 0) +
            struct.pack(">II", seconds & 0xffffffff, fraction))


class Ntp:
    """Port 123; `how` says what it answers."""

    def __init__(self):
        self.how = lambda query: None
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 123))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            query, peer = self.socket.recvfrom(1000)
            self.asked.append(query)
            for answer in self.how(query) or ():
                self.socket.sendto(answer, peer)


def serve_dns():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 53))

    def run():
        while True:
            query, peer = s.recvfrom(1000)
            s.sendto(dns_answer(query), peer)

    threading.Thread(target=run, daemon=True).start()


# ---- the probe ----

class Probe:
    def __init__(self, program, *commands, options=()):
        self.process = subprocess.Popen([program, *options, *commands], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def line(self):
        line = self.process.stdout.readline().split()
        return dict(w.partition("=")[::2] for w in line)

    def end(self):
        try:
            out, err = self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
        check("the probe ends with 0 and nothing on stderr",
              self.process.returncode == 0 and err == "", self.process.returncode, err)
        return out


def run(program, *commands, options=()):
    """One dictionary for each command."""
    probe = Probe(program, *commands, options=options)
    lines = [dict(w.partition("=")[::2] for w in line.split()) for line in probe.end().splitlines()]
    check("every command printed a line", len(lines) == len(commands), len(lines))
    return lines + [{}] * (len(commands) - len(lines))


def end_of(result, state, error):
    return result.get("state") == state and result.get("error") == error


def frames(file):
    data = pathlib.Path(file).read_bytes()
    at = 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + size]
        at += 16 + size


# ---- the cases ----

def transfers(program, web, tmp):
    capture = f"{tmp}/frames.pcap"
    up, by_address, by_name, slowly, post, empty = run(
        program, "up", f"get {GATEWAY} {web} /big", f"get ca.test. {web} /big",
        f"get {GATEWAY} {web} /big 2000 0", f"post {GATEWAY} {web} /echo 200000",
        f"post {GATEWAY} {web} /echo 1", options=("--capture", capture))
    check("DHCP gives address, gateway and DNS server",
          (up.get("address"), up.get("netmask"), up.get("gateway"), up.get("dns"), up.get("dhcp")) ==
          ("10.0.2.15", "255.255.255.0", GATEWAY, "10.0.2.3", "1"), up)
    want = f"{zlib.crc32(BIG):08x}"
    check("1 MB from an address", by_address.get("crc") == want and
          by_address.get("body") == str(len(BIG)) and end_of(by_address, "closed", "OK"), by_address)
    # The relay at 10.0.2.3 asks whom /etc/resolv.conf names, which may be nobody here.
    check("a name ends in time", by_name.get("state") in ("closed", "failed"), by_name)
    check("1 MB in small pieces", slowly.get("crc") == want, slowly)
    check("POST of 200 kB comes back", post.get("crc") == post.get("sent") and
          post.get("body") == "200000" and end_of(post, "closed", "OK"), post)
    check("POST of one byte comes back", empty.get("crc") == empty.get("sent"), empty)

    ports, numbers, segments = set(), set(), 0
    for f in frames(capture):
        if f[12:14] == b"\x08\x00" and f[23] == 6 and f[6:12] == b"\x02RA\0\0\x02":
            ihl = (f[14] & 15) * 4
            source, _, sequence = struct.unpack_from(">HHI", f, 14 + ihl)
            segments += 1
            if f[14 + ihl + 13] & 0x12 == 2:  # SYN alone
                ports.add(source)
                numbers.add(sequence >> 8)
    check("the HTTP is in lwIP's own TCP segments", segments > 300, segments)
    check("each connection has its own random port", len(ports) >= 3 and
          all(p >= 49152 for p in ports) and max(ports) - min(ports) > 20, ports)
    check("initial sequence numbers are far apart", len(numbers) >= 3, numbers)


def names(program, web):
    set_up = f"static 10.0.2.15 255.255.255.0 {GATEWAY} {GATEWAY}"
    s, up, by_name, again, unknown, bad, back, up2, still = run(
        program, set_up, "up", f"get ca.test {web} /big", f"get CA.TEST. {web} /big",
        f"try nowhere.test {web}", "static 10.0.2.15 255.0.255.0 0.0.0.0 0.0.0.0",
        f"dhcp {GATEWAY}", "up", f"get ntp.test {web} /big")
    check("static address", s.get("set") == "OK" and up.get("dhcp") == "0" and
          up.get("address") == "10.0.2.15" and up.get("dns") == GATEWAY, s, up)
    want = f"{zlib.crc32(BIG):08x}"
    check("a name is resolved", by_name.get("crc") == want, by_name)
    check("a name with other case and a final dot", again.get("crc") == want, again)
    check("no such name", end_of(unknown, "failed", "NET_DNS") and
          int(unknown.get("ms", 99999)) < 1000, unknown)
    check("a netmask with a hole is refused", bad.get("set") == "CONFIG_VALUE", bad)
    check("back to DHCP, with the configured DNS server", back.get("set") == "OK" and
          up2.get("dhcp") == "1" and up2.get("dns") == GATEWAY and still.get("crc") == want,
          up2, still)


def faults(program, web):
    none = socket.socket()
    none.bind(("127.0.0.1", 0))  # bound, not listening
    refused, reset, after, early, dripped, pushing, held, slow, churn, good, _, pools = run(
        program, "up", f"try {GATEWAY} {none.getsockname()[1]}",
        f"get {GATEWAY} {serve(reset_at_once)} /", f"get {GATEWAY} {serve(reset_after_data)} /",
        f"get {GATEWAY} {serve(close_early)} /", f"get {GATEWAY} {serve(drip)} /",
        f"push {GATEWAY} {serve(half_close)} 50000 2000",
        f"hold {GATEWAY} {serve(drip)} 1500", f"push {GATEWAY} {serve(swallow_slowly)} 300000 10",
        f"churn {GATEWAY} {web} 40", f"get {GATEWAY} {web} /big", "sleep 500", "pools")[1:]
    check("refused", end_of(refused, "failed", "NET_REFUSED"), refused)
    check("reset before an answer", end_of(reset, "failed", "NET_RESET") and
          reset.get("bytes") == "0", reset)
    check("reset behind an answer: the answer first", after.get("body") == "1000" and
          end_of(after, "failed", "NET_RESET"), after)
    check("early close", early.get("body") == "1000" and end_of(early, "closed", "OK"), early)
    check("byte by byte", dripped.get("body") == "200" and end_of(dripped, "closed", "OK"), dripped)
    check("sending on after the peer's half-close", pushing.get("before") == "closed" and
          pushed[:1] == [50000], pushing, pushed)
    check("small segments not taken for a while are all there", held.get("body") == "200" and
          end_of(held, "closed", "OK"), held)
    check("... and hold few buffers", 0 < int(held.get("buffers", 99)) <= 5, held)
    check("a slow reader gets everything", pushed[1:] == [300000], slow, pushed)
    check("40 connections closed in every phase", churn.get("opened") == "40" and
          int(churn.get("connections", 0)) > 5, churn)
    check("... and the next one works", good.get("crc") == f"{zlib.crc32(BIG):08x}", good)
    left = {k: int(v.split("/")[0]) for k, v in pools.items() if "/" in v}
    check("no buffer is lost", left and left.pop("TCP_PCB", 9) <= 4 and
          all(left.get(k, 9) == 0 for k in ("PBUF_POOL", "POOL_512", "POOL_1600")) and
          left.get("POOL_128", 9) <= 3 and left.get("TCP_SEG", 9) <= 2, pools)
    peak = {k: int(v.split("/")[1]) for k, v in pools.items() if "/" in v}
    print("pools, most used:", " ".join(f"{k}={v}" for k, v in peak.items()))


def silence(program, web, tmp):
    """The board's clock runs ten times as fast, so its time limits come sooner. It runs on while a busy
    machine leaves the program none, so the times here have a lower limit only: what is sent counts."""
    fast = ("--speed", "10")
    capture = f"{tmp}/silence.pcap"
    up, near, far = run(program, "up", f"try {SILENT} 80", f"try {FAR} 80",
                        options=(*fast, "--capture", capture))
    for name, r in (("nobody there", near), ("no way there", far)):
        check(name, end_of(r, "failed", "NET_TIMEOUT") and 10000 < int(r["ms"]), r)
    asked = sum(f[12:14] == b"\x08\x00" and f[30:34] == socket.inet_aton(FAR) for f in frames(capture))
    check("no way there: asked five times", asked == 5, asked)
    _, _, lost = run(program, f"static 10.0.2.15 255.255.255.0 {GATEWAY} {SILENT}", "up",
                     f"try ca.test {web}", options=fast)
    check("DNS server silent", end_of(lost, "failed", "NET_DNS") and
          3000 < int(lost["ms"]), lost)
    _, none = run(program, f"static 10.0.2.15 255.255.255.0 {GATEWAY} 0.0.0.0",
                  f"try ca.test {web}")
    check("no DNS server and no link yet", end_of(none, "failed", "NET_DOWN"), none)
    _, _, none = run(program, f"static 10.0.2.15 255.255.255.0 {GATEWAY} 0.0.0.0", "up",
                     f"try ca.test {web}")
    check("no DNS server", end_of(none, "failed", "NET_DNS") and none.get("open") == "NET_DNS", none)
    _, down = run(program, "sleep 10", f"try {GATEWAY} {web}", options=("--no-network",))
    check("no cable", end_of(down, "failed", "NET_DOWN"), down)
    _, _, wrong = run(program, "up", f"try {GATEWAY} {web}", f"get {GATEWAY} {web} /big",
                      options=("--restrict",))
    check("restricted: the gateway refuses", wrong.get("error") in ("NET_REFUSED", "NET_TIMEOUT"),
          wrong)


def cable(program, web):
    probe = Probe(program, "up", f"get {GATEWAY} {web} /big 1000 3", f"try {GATEWAY} {web}", "sleep 800",
                  f"get {GATEWAY} {web} /big")
    probe.line()
    time.sleep(0.5)
    probe.process.send_signal(signal.SIGUSR1)
    time.sleep(1)
    probe.process.send_signal(signal.SIGUSR2)
    through = probe.line()
    check("a transfer outlives a second without cable", through.get("body") == str(len(BIG)) and
          through.get("crc") == f"{zlib.crc32(BIG):08x}", through)
    probe.end()


def sntp(program):
    ntp = Ntp()
    era1 = 4_000_000_000  # 2026-10-04 in seconds since 1900
    unix = era1 - 2_208_988_800

    def ask(how, wait=700, server=GATEWAY):
        ntp.how = how
        return run(program, f"static 10.0.2.15 255.255.255.0 {GATEWAY} {GATEWAY}", "up",
                   f"sntp {server} {wait}")[2]

    def wall(r):
        return int(r.get("wall", 0))

    r = ask(lambda q: [ntp_answer(q, era1)], 3000)
    check("SNTP gives the time", r.get("answers") == "1" and 0 <= wall(r) - unix <= 2, r)
    r = ask(lambda q: [ntp_answer(q, era1)], 3000, "ntp.test")
    check("SNTP from a name", r.get("answers") == "1" and 0 <= wall(r) - unix <= 2, r)
    later = 2**32 + 1_000_000  # in the era that begins on 2036-02-07
    r = ask(lambda q: [ntp_answer(q, later)], 3000)
    check("SNTP after 2036", r.get("answers") == "1" and 0 <= wall(r) - (later - 2_208_988_800) <= 2, r)
    query = ntp.asked[0]
    check("an SNTP request says version 4, client, and nothing else but the cookie",
          len(query) == 48 and query[0] == 0x23 and query[1:40] == bytes(39), query.hex())
    check("cookies differ", len({q[40:48] for q in ntp.asked}) == len(ntp.asked) >= 3)
    for name, how in (
            ("a clock that is not synchronised", lambda q: [ntp_answer(q, era1, leap=3)]),
            ("a kiss of death", lambda q: [ntp_answer(q, era1, stratum=0)]),
            ("stratum 16", lambda q: [ntp_answer(q, era1, stratum=16)]),
            ("another mode", lambda q: [ntp_answer(q, era1, mode=5)]),
            ("another cookie", lambda q: [ntp_answer(q, era1, cookie=b"01234567")]),
            ("transmit time 0", lambda q: [ntp_answer(q, 0)]),
            ("a short message", lambda q: [ntp_answer(q, era1)[:47]])):
        r = ask(how)
        check(f"SNTP refuses {name}", r.get("answers") == "0" and r.get("refused") == "1" and
              wall(r) == -2**63, name, r)
    r = ask(lambda q: [ntp_answer(q, era1 + 999, cookie=b"01234567"), ntp_answer(q, era1)], 3000)
    check("SNTP takes the answer behind a forged one", r.get("answers") == "1" and
          0 <= wall(r) - unix <= 2, r)
    n = len(ntp.asked)
    ntp.how = lambda q: None if len(ntp.asked) == n + 1 else [ntp_answer(q, era1)]
    r = run(program, "up", f"sntp {GATEWAY} 20000", options=("--speed", "10"))[1]
    check("SNTP asks again", r.get("answers") == "1" and len(ntp.asked) == n + 2, r)
    r = ask(lambda q: [ntp_answer(q, era1)], f"20000 {GATEWAY}", "nowhere.test")
    check("SNTP asks the other server where a name does not resolve", r.get("answers") == "1", r)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe")
    a = parser.parse_args()
    program = a.probe or next((str(p) for p in (ROOT / f"build/{b}/boards/host/net_probe"
                               for b in ("host-asan", "host")) if p.exists()), None)
    if program is None:
        sys.exit("net_probe is not built: `make host`")
    serve_dns()
    web = serve_web()
    with tempfile.TemporaryDirectory() as tmp:
        transfers(program, web, tmp)
        silence(program, web, tmp)
    names(program, web)
    faults(program, web)
    cable(program, web)
    sntp(program)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
