#!/usr/bin/env python3
# timeout: 900
"""The unit suites under valgrind: no read of what was never written, no leak, no access outside.

    check_memcheck.py [NAME...]     only these suites

The sanitizers of build/host-asan do not see a value that was never set; memcheck does. The programs
are those of build/gcov, which have no sanitizer. Where none is named, the suites in LEFT_OUT are left
out: they take minutes here, and what they run is run by others too, or read such memory on purpose.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "build/gcov/unit"
LEFT_OUT = {
    "keygen": "RSA key search; test_machine's keys are made by the same code under the sanitizers",
    "machine": "hundreds of RSA operations; test_console and test_events run the same firmware",
    "store": "whole banks of 768 KiB; test_console, test_events and test_review write records too",
    "store_cuts": "thousands of mounts",
    "login": "it looks for the password in all of RAM, gaps of structs included; test_console runs the same",
    "secrets": "it looks for keys in stack that nobody owns any more; the renewals are test_machine's",
}
COMMAND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full"]


def run(name, folder):
    # The counters of build/gcov stay as the coverage run left them.
    environment = dict(os.environ, GCOV_PREFIX=folder)
    try:
        done = subprocess.run([*COMMAND, UNIT / f"test_{name}"], capture_output=True, text=True,
                              errors="replace", env=environment, timeout=400)
    except subprocess.TimeoutExpired:
        return name, ["took more than 400 s"]
    if done.returncode == 0 and "[  PASSED  ]" in done.stdout + done.stderr:
        return name, []
    return name, (done.stdout + done.stderr).splitlines()[-40:]


def main():
    names = sys.argv[1:] or sorted(
        p.stem[len("test_"):] for p in (ROOT / "tests/unit").glob("test_*.c")
        if p.stem[len("test_"):] not in LEFT_OUT)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for name, complaint in pool.map(lambda n: run(n, folder), names):
            passed += not complaint
            failed += bool(complaint)
            for line in complaint:
                print(f"{name}: {line}")
    print(f"count: {len(names)} suites under valgrind, left out {', '.join(LEFT_OUT)}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
