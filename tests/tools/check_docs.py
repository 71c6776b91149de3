#!/usr/bin/env python3
"""The documents that are printed from tables in the code are as the code has them, and the sessions
in README (its fenced blocks that begin with a prompt) as docs/console.md has them. What the console
says in them fits on 80 columns.

    check_docs.py [--write]     --write: bring docs/ up to date instead (make docs)
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCUMENTS = ("states", "errors", "configuration", "console")
SESSION = re.compile(r"^```\n(perennial> .*\n)((?:(?!```).*\n)*)```$", re.M)

PRINTER = ROOT / "build/host-asan/unit/print_docs"
OF_THE_CONSOLE = PRINTER.with_name("print_console")


def with_sessions(text, console):
    """README with each session as the document of the console has the one that begins like it."""
    printed = {m.group(1): m.group(2) for m in SESSION.finditer(console)}
    return SESSION.sub(lambda m: f"```\n{m.group(1)}{printed[m.group(1)]}```", text)


def too_wide(console):
    """The lines that a terminal of 80 columns would break."""
    lines = [line for block in re.findall(r"^```\n(.*?)^```$", console, re.M | re.S) for line in block.splitlines()]
    return [line for line in lines if len(line) > 80 and not line.startswith("perennial> ")]


def main():
    if not PRINTER.exists():
        sys.exit(f"{PRINTER.relative_to(ROOT)} is not built: make host-asan")
    wanted = {}
    for name in DOCUMENTS:
        command = [OF_THE_CONSOLE] if name == "console" else [PRINTER, name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{command[0].name} ended with {done.returncode}")
        wanted[ROOT / "docs" / f"{name}.md"] = done.stdout
    wanted[README] = with_sessions(README.read_text(), done.stdout)
    stale = []
    for path, text in wanted.items():
        if "--write" in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.relative_to(ROOT))
    for path in stale:
        print(f"{path} is not what the code says: run `make docs`")
    wide = too_wide(done.stdout)
    for line in wide:
        print(f"more than 80 columns: {line}")
    return 1 if stale or wide else 0


if __name__ == "__main__":
    sys.exit(main())
