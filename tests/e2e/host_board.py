#!/usr/bin/env python3
"""The host board's flash file, power cuts and options, without the firmware (tests/net/net_probe)."""
import argparse
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECTOR, PAGE, SECTORS = 4096, 256, 4
GEOMETRY = ["--sector-size", str(SECTOR), "--sectors", str(SECTORS), "--page", str(PAGE), "--unit", "8"]

passed = failed = 0


def check(name, ok, *shown):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED", name, *shown)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe")
    a = parser.parse_args()
    probe = a.probe or next((str(p) for p in (ROOT / f"build/{b}/boards/host/net_probe"
                             for b in ("host-asan", "host")) if p.exists()), None)
    if probe is None:
        sys.exit("net_probe is not built: `make host`")
    with tempfile.TemporaryDirectory() as tmp:
        cases(probe, pathlib.Path(tmp))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def cases(probe, tmp):
    count = 0

    def run(commands, *options, image=None, geometry=GEOMETRY):
        """Exit code, standard error, output and the image's bytes."""
        nonlocal count
        count += 1
        file = image or tmp / f"{count}.img"
        done = subprocess.run([probe, "--no-network", "--flash", file, *geometry, *options, *commands],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        return done.returncode, done.stderr, done.stdout, file.read_bytes() if file.exists() else b""

    code, err, out, image = run([])
    check("a new file is all erased", code == 0 and image == b"\xff" * SECTOR * SECTORS)
    check("and nobody else may read it", (tmp / "1.img").stat().st_mode & 0o077 == 0)
    code, err, out, image = run([], "--erased", "0")
    check("erased to 0", code == 0 and image == bytes(SECTOR * SECTORS))

    code, err, out, image = run(["program 256 16 90", "erase 0", "program 256 8 7"],
                                "--busy-polls", "3", "--trace-flash")
    check("operations reach the file", code == 0 and
          image == b"\xff" * 256 + b"\x07" * 8 + b"\xff" * (SECTOR * SECTORS - 264), err)
    check("busy for three polls, then done", out.count("status=0 polls=4") == 3, out)
    check("the trace names each", err.splitlines() == ["flash 1: program 0x000100 16",
          "flash 2: erase 0x000000", "flash 3: program 0x000100 8"], err)
    again = tmp / f"{count}.img"
    code, err, out, image = run(["program 264 8 9"], image=again)
    check("the next start finds it", code == 0 and image[256:272] == b"\x07" * 8 + b"\x09" * 8)
    code, err, out, image = run(["program 256 8 7"], image=again)
    check("a unit programmed twice ends the program", code == 70 and "not erased" in err and
          image[256:272] == b"\x07" * 8 + b"\x09" * 8, code, err)
    for name, command in (("misaligned", "program 4 8 0"), ("across a page", "program 248 16 0"),
                          ("beyond the end", f"program {SECTOR * SECTORS} 8 0"),
                          ("erase beyond the end", f"erase {SECTORS}")):
        code, err, out, image = run([command])
        check(name, code == 70 and "flash rule broken" in err and set(image) == {0xff}, code, err)

    steps = ["program 0 16 0", "erase 0", "program 16 16 0"]
    whole = run(steps)[3]
    for operation in (1, 2, 3):
        shorter = run(steps[:operation - 1])[3]
        done = run(steps[:operation])[3]
        code, err, out, image = run(steps, "--cut-before", str(operation))
        check(f"cut before {operation}", code == 137 and image == shorter and
              err.startswith(f"flash {operation}: cut before "), code, err)
        check("... and nothing was said after it", out.count("\n") == operation - 1, out)
        code, err, out, image = run(steps, "--cut-after", str(operation))
        check(f"cut after {operation}", code == 137 and image == done and
              err.startswith(f"flash {operation}: cut after "), code, err)
        code, err, out, image = run(steps, "--cut-in", str(operation))
        check(f"cut in {operation}", code == 137 and image not in (shorter, done), code, err)
    code, err, out, image = run(steps, "--cut-before", "4")
    check("no cut after the last", code == 0 and image == whole)

    code, err, _, _ = run([], image=again, geometry=["--sectors", "9"])
    check("a file of another size is refused", code == 1 and "not the size" in err, code, err)
    code, err, _, _ = run([], "--unit", "7")
    check("an impossible geometry is refused", code == 1 and "no such flash" in err, code, err)
    key = tmp / "key"
    key.write_bytes(bytes(31))
    code, err, _, _ = run([], "--device-key", str(key))
    check("a device key of 31 bytes is refused", code == 1 and "not 32 bytes" in err, code, err)
    key.write_bytes(bytes(32))
    check("one of 32 is taken", run([], "--device-key", str(key))[0] == 0)
    code, err, _, _ = run([], "--sectors", "x")
    check("a number that is none", code == 64 and "not a number" in err, code, err)
    code, err, _, _ = run(["--sectors"])
    check("a value missing", code == 64 and "missing" in err, code, err)
    code, err, _, _ = run([], "--time", "soon")
    check("a time that is none", code == 64 and "not a time" in err, code, err)
    done = subprocess.run([probe, "--no-network", "--watchdog", "1", "sleep 100000"], timeout=20,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    check("the watchdog ends it", done.returncode == 134 and "watchdog" in done.stderr,
          done.returncode)


main()
