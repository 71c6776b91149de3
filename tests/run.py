#!/usr/bin/env python3
"""Runs every test and sums up; the last line is `N passed, N failed`.

    run.py [--jobs N] [--list] [PATTERN...]     only the tests whose name holds one of the patterns

What there is to run:
  unit/NAME         build/host-asan/unit/test_NAME, one cmocka suite, under ASan and UBSan
  target/NAME       the same suite as an image for QEMU's mps2-an386
  be/NAME           the same for a big-endian machine of 32 bits, run by qemu-ppc
  tools/NAME        tests/tools/check_NAME.py, test_NAME.py, size.py: rules of the tree, the tools
  FOLDER/NAME       every executable script in tests/e2e, tests/powercut, tests/simulate, tests/consttime,
                    tests/fuzz and tests/bench/check_*; run in a network namespace where there is only `lo`

What a script prints after `count: ` at the begin of a line is shown beside its result.
A script passes when it exits with 0. Where it prints a line `N passed, N failed`, that is counted
instead of 1. Two comments in its first 30 lines tell the runner more:
  # timeout: 200      seconds after which it is killed (default 120)
  # alone             not beside another test (it measures time)
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parent
ROOT = TESTS.parent
BUILD = ROOT / "build"
QEMU = ("qemu-system-arm -M mps2-an386 -display none -monitor none -serial none "
        "-semihosting-config enable=on,target=native -kernel").split()
SCRIPTS = ("e2e/*", "powercut/*", "simulate/*", "consttime/*", "fuzz/*", "bench/check_*", "tools/check_*.py", "tools/test_*.py", "tools/size.py")
OWN_NETWORK = 'ip link set lo up && exec "$@"'

CMOCKA = re.compile(r"^\[  (PASSED|FAILED)  \] (\d+) test\(s\)", re.M)
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed\b", re.M)


class Test:
    def __init__(self, name, command, timeout=120, alone=False, cmocka=False):
        self.name, self.command, self.timeout = name, [str(c) for c in command], timeout
        self.alone, self.cmocka = alone, cmocka
        self.passed = self.failed = 0
        self.seconds, self.output, self.why = 0.0, "", ""

    def run(self):
        start = time.monotonic()
        process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, start_new_session=True, cwd=ROOT)
        try:
            out, _ = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            self.why = f"killed after {self.timeout} s"
        self.seconds = time.monotonic() - start
        self.output = out.decode("utf-8", "replace")
        self.judge(process.returncode)

    def judge(self, code):
        if self.cmocka:
            for verdict, count in CMOCKA.findall(self.output):
                if verdict == "PASSED":
                    self.passed += int(count)
                else:
                    self.failed += int(count)
            if code == 0 and self.passed == 0 and not self.why:
                self.why = "ran no test"
        elif SUMMARY.search(self.output):
            passed, failed = SUMMARY.findall(self.output)[-1]
            self.passed, self.failed = int(passed), int(failed)
            if code == 0 and self.passed == 0 and not self.why:
                self.why = "ran no test"
        elif code == 0:
            self.passed = 1
        if code != 0 and self.failed == 0 and not self.why:
            self.why = f"ended with {code}"
        if self.why:
            self.failed = max(1, self.failed)


def network_wrapper():
    """Command prefix for a network namespace with only `lo`; empty where none can be made."""
    for options in (["-n"], ["-r", "-n"]):
        prefix = ["unshare", *options, "sh", "-c", OWN_NETWORK, "sh"]
        if shutil.which("unshare") and subprocess.run(prefix + ["true"], capture_output=True).returncode == 0:
            return prefix
    print("no network namespace can be made here: the tests use the machine's own loopback")
    return []


def collect():
    tests = []
    names = sorted(p.stem[len("test_"):] for p in TESTS.glob("unit/test_*.c"))
    for name in names:
        tests.append(Test(f"unit/{name}", [BUILD / f"host-asan/unit/test_{name}"], 300, cmocka=True))
    for name in names:
        image = BUILD / f"mps2-an386/unit/test_{name}.elf"
        tests.append(Test(f"target/{name}", [*QEMU, image], 300, cmocka=True))
    for name in names:
        image = BUILD / f"big-endian/unit/test_{name}.elf"
        tests.append(Test(f"be/{name}", ["qemu-ppc", image], 300, cmocka=True))
    wrapper = None
    for pattern in SCRIPTS:
        for path in sorted(TESTS.glob(pattern)):
            if not path.is_file() or not os.access(path, os.X_OK):
                continue
            head = "\n".join(path.read_text("utf-8", "replace").splitlines()[:30])
            timeout = re.search(r"^\s*# timeout: (\d+)", head, re.M)
            alone = re.search(r"^\s*# alone\s*$", head, re.M) is not None
            folder = path.parent.name
            prefix = []
            if folder != "tools":
                wrapper = network_wrapper() if wrapper is None else wrapper
                prefix = wrapper
            name = re.sub(r"^(check|test)_", "", path.stem) if folder == "tools" else path.stem
            tests.append(Test(f"{folder}/{name}", [*prefix, path],
                              int(timeout.group(1)) if timeout else 120, alone))
    return tests


def report(test):
    verdict = "ok  " if test.failed == 0 else "FAIL"
    count = f"{test.passed} passed" + (f", {test.failed} failed" if test.failed else "")
    print(f"{verdict} {test.name:<32} {test.seconds:6.1f} s  {count}"
          f"{'  (' + test.why + ')' if test.why else ''}", flush=True)
    for line in re.findall(r"^count: (.*)", test.output, re.M):
        print("     " + line, flush=True)
    if test.failed:
        lines = test.output.splitlines()
        kept = lines if len(lines) <= 80 else lines[:20] + ["..."] + lines[-60:]
        for line in kept:
            print("    | " + line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("pattern", nargs="*")
    args = parser.parse_args()

    tests = [t for t in collect() if not args.pattern or any(p in t.name for p in args.pattern)]
    if args.list:
        print("\n".join(t.name for t in tests))
        return 0
    logs = BUILD / "test-logs"
    logs.mkdir(parents=True, exist_ok=True)

    def one(test):
        try:
            test.run()
        except OSError as why:
            test.why, test.failed = str(why), 1
        (logs / (test.name.replace("/", "-") + ".log")).write_text(test.output)
        return test

    with concurrent.futures.ThreadPoolExecutor(max(1, args.jobs)) as pool:
        for done in concurrent.futures.as_completed(
                [pool.submit(one, t) for t in tests if not t.alone]):
            report(done.result())
    for test in tests:
        if test.alone:
            report(one(test))

    failing = [t.name for t in tests if t.failed]
    if failing:
        print("failed: " + " ".join(failing))
    passed, failed = sum(t.passed for t in tests), sum(t.failed for t in tests)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
