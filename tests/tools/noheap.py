#!/usr/bin/env python3
"""Fails when an object, archive or image holds or refers to a heap function.

    noheap.py [--nm NM] FILE...
"""
import re
import subprocess
import sys

HEAP = re.compile(
    r"^_*(wrap_|real_|libc_|libc_init_)?"
    r"(malloc|calloc|realloc|reallocarray|reallocf|free|cfree|memalign|aligned_alloc"
    r"|posix_memalign|valloc|pvalloc|mallopt|mallinfo|malloc_trim|sbrk|brk|strdup|strndup|asprintf"
    r"|vasprintf|asnprintf|vasnprintf|getline|getdelim|open_memstream)(_r)?$")


def offenders(nm, path):
    """([(object, "holds" or "refers to", symbol)], number of symbols looked at)"""
    done = subprocess.run([nm, "-A", path], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"noheap: {nm} cannot read {path}: {done.stderr.strip()}")
    found, symbols = [], 0
    for line in done.stdout.splitlines():
        where, _, rest = line.rpartition(":")
        parts = rest.split()
        if len(parts) < 2:
            continue
        symbols += 1
        kind, name = parts[-2], parts[-1]
        if kind not in "aN" and HEAP.match(name.split("@")[0]):
            found.append((where, "refers to" if kind in "Uwv" else "holds", name))
    if symbols == 0:
        sys.exit(f"noheap: {path} has no symbols, nothing can be proved")
    return found, symbols


def main(args):
    nm = "nm"
    if args[:1] == ["--nm"]:
        nm, args = args[1], args[2:]
    if not args:
        sys.exit(__doc__)
    bad = 0
    for path in args:
        for where, verb, name in offenders(nm, path)[0]:
            print(f"noheap: {where} {verb} {name}", file=sys.stderr)
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
