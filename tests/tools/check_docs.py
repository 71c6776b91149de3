#!/usr/bin/env python3
"""The documents that are printed from tables in the code are as the code has them.

    check_docs.py [--write]     --write: bring docs/ up to date instead (make docs)
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ("states", "errors", "configuration", "console")


PRINTER = ROOT / "build/host-asan/unit/print_docs"
OF_THE_CONSOLE = PRINTER.with_name("print_console")


def main():
    if not PRINTER.exists():
        sys.exit(f"{PRINTER.relative_to(ROOT)} is not built: make host-asan")
    stale = []
    for name in DOCUMENTS:
        path = ROOT / "docs" / f"{name}.md"
        command = [OF_THE_CONSOLE] if name == "console" else [PRINTER, name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{command[0].name} ended with {done.returncode}")
        wanted = done.stdout
        if "--write" in sys.argv[1:]:
            path.write_text(wanted)
        elif not path.exists() or path.read_text() != wanted:
            stale.append(path.relative_to(ROOT))
    for path in stale:
        print(f"{path} is not what the code says: run `make docs`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
