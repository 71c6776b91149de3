#!/usr/bin/env python3
"""The documents that are printed from tables in the code are as the code has them.

    check_docs.py [--write]     --write: bring docs/ up to date instead (make docs)
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ("states", "errors", "configuration")


PRINTER = ROOT / "build/host-asan/unit/print_docs"


def main():
    if not PRINTER.exists():
        sys.exit(f"{PRINTER.relative_to(ROOT)} is not built: make host-asan")
    stale = []
    for name in DOCUMENTS:
        path = ROOT / "docs" / f"{name}.md"
        wanted = subprocess.run([PRINTER, name], capture_output=True, text=True, check=True).stdout
        if "--write" in sys.argv[1:]:
            path.write_text(wanted)
        elif not path.exists() or path.read_text() != wanted:
            stale.append(path.relative_to(ROOT))
    for path in stale:
        print(f"{path} is not what the code says: run `make docs`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
