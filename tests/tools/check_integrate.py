#!/usr/bin/env python3
"""An appliance's own CMake project adds Perennial, brings its own wolfSSL and lwIP, and runs.

# timeout: 200
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/integrate"


def cached(name):
    """A value of build/host's configuration."""
    for line in (ROOT / "build/host/CMakeCache.txt").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.partition("=")[2]
    sys.exit(f"check_integrate: build/host knows no {name}")


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\ncheck_integrate: failed: {' '.join(map(str, command))}")
    return done.stdout


def main():
    folders = [f"-D{name}={cached(name)}" for name in ("WOLFSSL_DIR", "LWIP_DIR",
                                                        "PICOHTTPPARSER_DIR")]
    run("cmake", "-S", ROOT / "tests/integrate", "-B", BUILD, "-G", "Ninja",
        f"-DPERENNIAL_DIR={ROOT}", f"-DRA_WITH_TLS={cached('RA_WITH_TLS')}", *folders)
    run("cmake", "--build", BUILD)
    own = sorted(p.name for p in BUILD.rglob("lib*.a"))
    if "libwolfssl.a" in own or "liblwip.a" in own or "libperennial.a" not in own:
        sys.exit(f"check_integrate: not the appliance's own wolfSSL and lwIP: built {own}")
    print(run(BUILD / "appliance"), end="")
    return 0


if __name__ == "__main__":
    os.environ.pop("CFLAGS", None)
    sys.exit(main())
