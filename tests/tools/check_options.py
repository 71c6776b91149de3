#!/usr/bin/env python3
"""Each combination of the build options RA_WITH_* that makes sense compiles and lacks nothing.

For each, CMake names the files; those of firmware/ and crypto/ are compiled for this machine with
all warnings as errors, and every function of ours that one of them calls must be in another.
Combinations that make no sense must be refused by ra_options.h.
"""
# timeout: 400
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPTIONS = ("TLS", "TLS13", "ADCS", "SCEP", "EST", "CERTREQ", "PROVISION")
GOOD = ("TLS TLS13 ADCS SCEP EST CERTREQ PROVISION", "ADCS SCEP CERTREQ PROVISION", "ADCS", "SCEP",
        "TLS ADCS", "TLS EST", "TLS ADCS SCEP", "TLS TLS13 ADCS EST PROVISION", "TLS TLS13 SCEP EST CERTREQ", "TLS SCEP",
        "ADCS PROVISION")
BAD = ("EST", "ADCS EST", "TLS", "CERTREQ PROVISION")
OURS = ("ra_", "hal_")


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def commands(words, build):
    """The compile commands of our files under this combination."""
    chosen = words.split()
    done = run(["cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                *(f"-DRA_WITH_{o}={'ON' if o in chosen else 'OFF'}" for o in OPTIONS)])
    if done.returncode:
        sys.exit(f"{words}: {done.stdout}")
    ours = [str(ROOT / "firmware") + "/", str(ROOT / "crypto") + "/"]
    return [e for e in json.loads((build / "compile_commands.json").read_text())
            if any(e["file"].startswith(o) for o in ours)
            and not any(f"/{room}/" in e["file"] for room in ("net", "appliance", "example"))]


def compile_one(entry):
    words = shlex.split(entry["command"])
    out = pathlib.Path(entry["directory"]) / words[words.index("-o") + 1]
    out.parent.mkdir(parents=True, exist_ok=True)
    return run(words, cwd=entry["directory"]), out


def missing(objects):
    """Functions of ours that are called and are nowhere."""
    held, wanted = set(), set()
    for line in run(["nm", *map(str, objects)]).stdout.splitlines():
        parts = line.split()
        if len(parts) >= 2 and parts[-1].startswith(OURS):
            (wanted if parts[-2] == "U" else held).add(parts[-1])
    return sorted(wanted - held)


def check(words, pool):
    with tempfile.TemporaryDirectory() as folder:
        done = list(pool.map(compile_one, commands(words, pathlib.Path(folder))))
        for result, out in done:
            if result.returncode:
                return f"{out.name}: {result.stdout[-1500:]}"
        lacking = missing([out for _, out in done])
        return f"missing: {', '.join(lacking)}" if lacking else ""


def refused(words):
    chosen = words.split()
    done = run(["cc", "-fsyntax-only", "-x", "c", f"-I{ROOT / 'firmware'}",
                *(f"-DRA_WITH_{o}={int(o in chosen)}" for o in OPTIONS), "-"],
               input='#include "ra_options.h"\n')
    return done.returncode != 0 and "RA_WITH_" in done.stdout


def main():
    os.environ.pop("CFLAGS", None)
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for words in GOOD:
            why = check(words, pool)
            print(f"{words}: {why or 'ok'}")
            passed, failed = passed + (not why), failed + bool(why)
    for words in BAD:
        good = refused(words)
        print(f"{words}: {'refused' if good else 'not refused'}")
        passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
