"""The emcraft-sf2 board under QEMU.

    nor = "nor.img"
    blank_nor(nor)
    with QemuSf2(image, nor, words={"key": "device.key", "exit-on-reset": None}) as board:
        board.read_until("ready")

One NOR image serves one board at a time: QEMU locks nothing. kill() is the
power cut: QEMU's own process is killed, the NOR image keeps what was written.
"""
import json
import os
import shutil
import socket
import tempfile
import time

from console import Console, ConsoleError

NOR_SIZE = 16 * 1024 * 1024
SECTOR = 64 * 1024
STORE_OFFSET = 0xF80000  # RA_BOARD_STORE_OFFSET of boards/emcraft-sf2
STORE_SIZE = 8 * SECTOR


def blank_nor(path):
    """Makes a wholly erased NOR image."""
    with open(path, "wb") as f:
        f.write(b"\xff" * NOR_SIZE)


def read_store(path):
    """The store's region of a NOR image."""
    with open(path, "rb") as f:
        f.seek(STORE_OFFSET)
        return f.read(STORE_SIZE)


def write_store(path, data):
    """Puts `data` at the start of the store's region, the rest of it erased."""
    if len(data) > STORE_SIZE:
        raise ValueError(f"{len(data)} bytes do not fit the store's {STORE_SIZE}")
    if not os.path.exists(path):
        blank_nor(path)
    with open(path, "r+b") as f:
        f.seek(STORE_OFFSET)
        f.write(data + b"\xff" * (STORE_SIZE - len(data)))


def instructions(cycles, shift):
    """Instructions for a difference of board_cycles() (100 MHz) under -icount shift=SHIFT."""
    return cycles * 10 / 2 ** shift


class QemuSf2(Console):
    # A command written microseconds before the signal may not be in the file yet.
    SETTLE = 0.03

    def __init__(self, image, nor=None, words=None, nic="user", icount=None, sleep=True, extra=(),
                 life=300.0):
        """image    ELF file
        nor      NOR image (16 MiB); without one the flash is blank and volatile
        words    for board_word in boards/emcraft-sf2/board.h: {"key": "FILE", "flag": None};
                 None turns semihosting off altogether
        nic      back end and its options for -nic; "none" for a board without a network
        icount   shift for -icount: one instruction is 2^shift ns of the board's time
        sleep    False: idle time is skipped (with icount)
        extra    more arguments for QEMU"""
        super().__init__(life=life)
        self.image = str(image)
        self.nor = None if nor is None else str(nor)
        self.words = words
        self.nic = nic
        self.icount = icount
        self.sleep = sleep
        self.extra = list(extra)
        self._dir = tempfile.mkdtemp(prefix="sf2.")
        self.log = os.path.join(self._dir, "guest_errors")
        self._socket = os.path.join(self._dir, "qmp")

    def command(self):
        argv = ["qemu-system-arm", "-M", "emcraft-sf2", "-display", "none", "-monitor", "none",
                "-serial", "stdio", "-kernel", self.image, "-d", "guest_errors", "-D", self.log,
                "-qmp", f"unix:{self._socket},server=on,wait=off"]
        if self.nor is not None:
            if os.path.getsize(self.nor) < NOR_SIZE:
                raise ValueError(f"{self.nor} is smaller than {NOR_SIZE} bytes")
            argv += ["-drive", f"if=mtd,format=raw,file={_escape(self.nor)}"]
        if self.nic == "none":
            argv += ["-nic", "none"]
        else:
            kind, _, options = self.nic.partition(",")
            argv += ["-nic", f"{kind},model=msf2-emac,id=n0" + ("," + options if options else "")]
        if self.words is not None:
            text = " ".join(n if v is None else f"{n}={v}" for n, v in self.words.items())
            argv += ["-semihosting-config",
                     "enable=on,target=native" + (f",arg={_escape(text)}" if text else "")]
        if self.icount is not None:
            argv += ["-icount", f"shift={self.icount},sleep={'on' if self.sleep else 'off'}"]
        return argv + self.extra

    def __exit__(self, *exception):
        super().__exit__(*exception)
        shutil.rmtree(self._dir, ignore_errors=True)

    def guest_errors(self):
        """What QEMU logged about wrong accesses by the drivers; empty is right."""
        if not os.path.exists(self.log):
            return ""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def check_log(self):
        text = self.guest_errors()
        if text:
            raise ConsoleError("the drivers did what the hardware does not allow:\n" + text[:2000])

    def monitor(self, command, **arguments):
        """One QMP command, for instance monitor("set_link", name="n0", up=False)."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            for _ in range(50):
                try:
                    s.connect(self._socket)
                    break
                except (FileNotFoundError, ConnectionRefusedError):
                    time.sleep(0.1)
            with s.makefile("rw", encoding="utf-8") as f:
                json.loads(f.readline())
                for request in ({"execute": "qmp_capabilities"},
                                {"execute": command, "arguments": arguments}):
                    f.write(json.dumps(request) + "\n")
                    f.flush()
                    answer = json.loads(f.readline())
                    while "event" in answer:
                        answer = json.loads(f.readline())
                    if "error" in answer:
                        raise ConsoleError(f"QMP {command}: {answer['error']}")
                return answer["return"]

    def link(self, up):
        """Plugs or pulls the network cable."""
        self.monitor("set_link", name="n0", up=up)


def _escape(text):
    """In a QEMU option a comma is written twice."""
    return text.replace(",", ",,")
