#!/usr/bin/env python3
"""Proves the drivers of boards/emcraft-sf2 under QEMU with the board's self-test image.

    board_sf2.py [--build DIR] [NAME ...]

Prints one line a test and ends with "N passed, N failed".
"""
import argparse
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import ConsoleError
from qemu_sf2 import (NOR_SIZE, SECTOR, STORE_OFFSET, STORE_SIZE, QemuSf2, blank_nor,
                      instructions)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def expect(condition, text):
    if not condition:
        raise ConsoleError(text)


def fnv(data):
    value = 2166136261
    for byte in data:
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return f"{value:08x}"


class Bench:
    """The images and a directory for the files of one test."""

    def __init__(self, build, directory):
        self.image = os.path.join(build, "boards/emcraft-sf2/selftest-test.elf")
        self.plain = os.path.join(build, "boards/emcraft-sf2/selftest.elf")
        self.dir = directory

    def path(self, name):
        return os.path.join(self.dir, name)

    def nor(self):
        path = self.path("nor.img")
        blank_nor(path)
        return path


def run(board, command, timeout=20.0):
    """One command of the self-test; its output, or ConsoleError when it says FAIL."""
    board.send(command)
    text = board.read_until(r"\n(ok|FAIL) [^\r]*\r\n", timeout)
    expect("\nFAIL" not in text, text.strip())
    return text


def ready(board):
    return board.read_until("ready\r\n")


@test
def banner_and_exit_code(bench):
    with QemuSf2(bench.image, words={}) as board:
        expect("*** TEST BOARD: entropy and device key by semihosting ***" in ready(board),
               "the test board does not say what it is")
        board.send("exit 42")
        expect(board.wait() == 42, "the exit code is lost")
        board.check_log()


@test
def timer_rate_and_idle(bench):
    with QemuSf2(bench.image, words={}) as board:
        ready(board)
        run(board, "timer")
        board.check_log()


@test
def timer_wraps(bench):
    """100 s of the board's time, skipped by QEMU: twice past 2^32 counts."""
    with QemuSf2(bench.image, words={}, icount=4, sleep=False, nic="none") as board:
        ready(board)
        start = time.monotonic()
        run(board, "wrap", 60)
        expect(time.monotonic() - start < 50, "idle time was not skipped")


@test
def flash_driver_and_power_cut(bench):
    nor = bench.nor()
    with QemuSf2(bench.image, nor, words={}) as board:
        ready(board)
        run(board, "flash", 60)
        board.check_log()
        board.kill()
    mark = bytes(i ^ 0x5A for i in range(256))
    with open(nor, "rb") as f:
        content = f.read()
    at = STORE_OFFSET + 3 * SECTOR
    expect(len(content) == NOR_SIZE, "the image changed its size")
    expect(content[at:at + 256] == mark, "the mark is not where the host expects it")
    expect(content[:at] + content[at + 256:] == b"\xff" * (NOR_SIZE - 256),
           "something outside the region was touched")
    with QemuSf2(bench.image, nor, words={}) as board:
        ready(board)
        run(board, "flash-check")
        board.check_log()


@test
def flash_commands_as_the_part_wants_them(bench):
    """QEMU's trace of every command: erases aligned, programs inside a page, WREN before each."""
    nor = bench.nor()
    trace = bench.path("trace")
    extra = ["-trace", "m25p80_command_decoded", "-trace", "m25p80_flash_erase",
             "-trace", "m25p80_page_program"]
    board = QemuSf2(bench.image, nor, words={}, extra=extra)
    board.log = trace
    with board:
        ready(board)
        run(board, "flash", 60)
    erases = programs = 0
    enabled = False
    with open(trace, encoding="utf-8") as f:
        for line in f:
            if line.startswith("m25p80_command_decoded"):
                command = int(line.split("new command:0x")[1].split()[0], 16)
                expect(command in (0x06, 0x05, 0x9F, 0x03, 0x02, 0xD8), f"command 0x{command:02x}")
                if command in (0x02, 0xD8):
                    expect(enabled, f"no write enable before 0x{command:02x}")
                    enabled = False
                elif command == 0x06:
                    enabled = True
            elif line.startswith("m25p80_flash_erase"):
                offset = int(line.split("offset = 0x")[1].split(",")[0], 16)
                expect(offset % SECTOR == 0 and
                       STORE_OFFSET <= offset < STORE_OFFSET + STORE_SIZE,
                       f"erase at 0x{offset:x}")
                erases += 1
            elif line.startswith("m25p80_page_program"):
                programs += 1
    expect(erases >= 7 and programs >= 7, f"{erases} erases, {programs} programs traced")


@test
def ethernet(bench):
    with QemuSf2(bench.image, words={}) as board:
        ready(board)
        run(board, "ethernet")
        run(board, "link")
        board.link(False)
        board.send("link")
        board.read_until("FAIL link: down")
        board.link(True)
        run(board, "link")
        run(board, "ethernet")
        board.check_log()


@test
def ethernet_under_lwip(bench):
    """DHCP, then 2 MB over TCP, twice; all the packet pools lie in DDR."""
    data = random.Random(3).randbytes(2000000)

    def give(listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                peer.recv(5)
                peer.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=give, args=(listener,), daemon=True).start()
        with QemuSf2(bench.image, words={}) as board:
            ready(board)
            for _ in range(2):
                text = run(board, f"fetch {listener.getsockname()[1]}", 60)
                expect("address 10.0.2.15" in text, "another address than DHCP gives: " + text)
                expect(f"bytes {len(data)} fnv {fnv(data)}" in text, "other bytes: " + text)
            board.check_log()


@test
def serial_paste(bench):
    """8 KiB at once while the board looks away for 300 ms; the driver's queue has 512."""
    data = bytes(random.Random(1).choices(range(256), k=8192))
    with QemuSf2(bench.image, words={}) as board:
        ready(board)
        board.send(f"echo {len(data)}")
        board.read_until("send\r\n")
        board.send(data, end="")
        expect(fnv(data) in board.read_until(r"\n(ok|FAIL) [^\r]*\r\n"), "bytes were lost")
        board.check_log()


@test
def serial_output(bench):
    with QemuSf2(bench.image, words={}) as board:
        ready(board)
        text = run(board, "text 2000")
        lines = [line for line in text.splitlines() if line.startswith("line ")]
        expect(lines == [f"line {i:05d} abcdefghijklmnopqrstuvwxyz" for i in range(2000)],
               "lines were lost, doubled or out of order")
        board.check_log()


@test
def stack_mark(bench):
    with QemuSf2(bench.image, words={}) as board:
        ready(board)
        run(board, "stack")


@test
def entropy_and_device_key(bench):
    key = bytes(range(100, 132))
    noise = bytes(random.Random(2).choices(range(256), k=80))
    for name, data in (("key", key), ("noise", noise), ("short", key[:31])):
        with open(bench.path(name), "wb") as f:
            f.write(data)
    with QemuSf2(bench.image, words={"key": bench.path("key"),
                                     "entropy": bench.path("noise")}) as board:
        ready(board)
        expect(fnv(key) in run(board, "key"), "another device key")
        expect(fnv(noise[:32]) in run(board, "entropy"), "not the bytes of the file")
        expect("none" in run(board, "entropy"), "the file ended and entropy did not fail")
    with QemuSf2(bench.image, words={"key": bench.path("short")}) as board:
        ready(board)
        expect("none" in run(board, "key"), "a short key file was taken")
        first = run(board, "entropy")
        expect("fnv" in first and first != run(board, "entropy"), "no entropy")
    with QemuSf2(bench.image, words={"entropy": bench.path("absent")}) as board:
        ready(board)
        expect("none" in run(board, "key"), "a device key without a file")
        expect("none" in run(board, "entropy"), "entropy without a file")


@test
def product_board(bench):
    """Without the option: no semihosting, so no entropy, no device key, no breakpoint."""
    code = subprocess.run(["arm-none-eabi-objdump", "-d", bench.plain], capture_output=True,
                          text=True, timeout=60, check=True).stdout
    expect("sf2_start" in code and "bkpt" not in code, "a breakpoint in a product's image")
    code = subprocess.run(["arm-none-eabi-objdump", "-d", bench.image], capture_output=True,
                          text=True, timeout=60, check=True).stdout
    expect("bkpt" in code, "the check for breakpoints finds none where there are some")
    with QemuSf2(bench.plain, bench.nor(), words=None) as board:
        expect("TEST BOARD" not in ready(board), "a product calls itself a test board")
        expect("none" in run(board, "entropy"), "entropy out of nothing")
        expect("none" in run(board, "key"), "a device key out of nothing")
        run(board, "flash", 60)
        board.send("reset")
        ready(board)
        run(board, "flash-check")
        board.check_log()
        board.send("fault bus")
        board.read_until("FAULT exception=")
        ready(board)
        run(board, "timer")


@test
def faults(bench):
    """CFSR bits: ARM DDI 0403, B3.2.15."""
    for what, cfsr in (("bus", 0x8200), ("undef", 0x10000), ("stack", 0), ("xn", 0x1),
                       ("below", 0x82)):
        with QemuSf2(bench.image, words={}) as board:
            ready(board)
            board.send("fault " + what)
            text = board.read_until(r"FAULT exception=.* bfar=[0-9a-f]{8}\r\n")
            expect(board.wait() == 125, f"{what}: the exit code is not the fault's")
            got = int(text.split("cfsr=")[1][:8], 16)
            if what == "stack":
                expect("stack overflow" in text and got & 0xFF & ~0x80 in (0x10, 0x12, 0x2),
                       f"stack: {text}")
            else:
                expect(got == cfsr, f"{what}: {text}")
                expect(" pc=" in text, f"{what}: no program counter")


@test
def exit_on_reset(bench):
    with QemuSf2(bench.image, words={"exit-on-reset": None}) as board:
        ready(board)
        board.send("reset")
        expect(board.wait() == 0, "the reset did not end the emulation")
    with QemuSf2(bench.image, words={}) as board:
        ready(board)
        board.send("reset")
        ready(board)


@test
def counts_repeat(bench):
    """With -icount the same work takes the same count: what `make bench` stands on."""
    counts = []
    for shift in (4, 6):
        with QemuSf2(bench.image, bench.nor(), words={}, icount=shift, nic="none") as board:
            ready(board)
            text = run(board, "flash", 120)
            counts.append(instructions(int(text.split("1 KiB read: ")[1].split()[0]), shift))
    expect(abs(counts[0] - counts[1]) <= 4, f"counts differ: {counts}")
    print(f"      1 KiB of flash read: {counts[0]:.0f} instructions")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--build", default=os.path.join(ROOT, "build/emcraft-sf2"))
    arguments.add_argument("names", nargs="*")
    options = arguments.parse_args()
    failed = passed = 0
    for function in TESTS:
        if options.names and function.__name__ not in options.names:
            continue
        with tempfile.TemporaryDirectory(prefix="sf2.") as directory:
            try:
                function(Bench(options.build, directory))
                passed += 1
                print(f"ok    {function.__name__}", flush=True)
            except (ConsoleError, OSError, subprocess.SubprocessError) as error:
                failed += 1
                print(f"FAIL  {function.__name__}: {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
