"""QEMU's gdb stub as a test uses it: stop at functions, look at registers and memory.

    with QemuSf2(image, nor, extra=gdb_stub.options(path)) as board:
        stub = gdb_stub.Stub(path)
        stub.stop_at(address)
        pc = stub.go_on(timeout=5)         # None: it did not come there

While it is stopped everything that the board had written is in its files.
Packets: the remote serial protocol of GDB's manual, appendix E.
"""
import select
import socket
import struct
import time


def options(path):
    """For QEMU: wait for go_on before the first instruction."""
    return ['-S', '-gdb', 'unix:%s,server=on,wait=off' % path]


class Stub:
    def __init__(self, path, timeout=10.0):
        end = time.monotonic() + timeout
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                self._socket.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self._buffer = b''
        self._points = set()
        self._running = False
        self.ask('?')

    def close(self):
        self._socket.close()

    def _send(self, text):
        data = text.encode()
        self._socket.sendall(b'$%s#%02x' % (data, sum(data) & 0xFF))

    def _receive(self, timeout):
        """The next packet's text, None when none came in time."""
        end = time.monotonic() + timeout
        while True:
            begin = self._buffer.find(b'$')
            close = self._buffer.find(b'#', begin)
            if begin >= 0 and 0 <= close <= len(self._buffer) - 3:
                text = self._buffer[begin + 1:close]
                self._buffer = self._buffer[close + 3:]
                self._socket.sendall(b'+')
                return text.decode('latin-1')
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                return None
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError('QEMU has gone')
            self._buffer += data

    def ask(self, text, timeout=10.0):
        self._send(text)
        answer = self._receive(timeout)
        if answer is None or answer.startswith('E'):
            raise ConnectionError('gdb stub: %r to %r' % (answer, text))
        return answer

    def stop_at(self, address):
        """Stop before the instruction at `address`, from now on."""
        self._points.add(address)
        self.ask('Z1,%x,2' % address)

    def go_on(self, timeout):
        """Runs to the next of the places; its address, None when it does not come there in time
        (then it runs on: ask again)."""
        if not self._running:
            here = self.register(15)
            if here in self._points:  # over it: the stub would stop there again at once
                self.ask('z1,%x,2' % here)
                self.ask('s')
                self.ask('Z1,%x,2' % here)
            self._send('c')
            self._running = True
        if self._receive(timeout) is None:
            return None
        self._running = False
        return self.register(15)

    def register(self, number):
        return struct.unpack_from('<I', bytes.fromhex(self.ask('g')[:16 * 8]), 4 * number)[0]

    def memory(self, address, size):
        return bytes.fromhex(self.ask('m%x,%x' % (address, size)))
