#!/usr/bin/env python3
"""Fails when an archive, object or image holds or refers to a heap function.

    noheap.py [--nm NM] FILE...
"""
import re
import subprocess
import sys

HEAP = re.compile(
    r"^(_|__|__wrap_|__real_)?"
    r"(malloc|calloc|realloc|reallocarray|free|cfree|memalign|aligned_alloc|posix_memalign|valloc"
    r"|sbrk|brk|strdup|strndup|asprintf|vasprintf|getline|mallinfo)(_r)?$")


def offenders(nm, path):
    done = subprocess.run([nm, "-A", path], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"noheap: {nm} cannot read {path}: {done.stderr.strip()}")
    found = []
    symbols = 0
    for line in done.stdout.splitlines():
        where, _, rest = line.rpartition(":")
        parts = rest.split()
        if len(parts) < 2:
            continue
        symbols += 1
        kind, name = parts[-2], parts[-1]
        if kind not in "aN" and HEAP.match(name.split("@")[0]):
            found.append((where, "refers to" if kind in "Uuw" else "holds", name))
    if symbols == 0 and not done.stderr.strip():
        sys.exit(f"noheap: {path} has no symbols, nothing can be proved")
    return found


def main(args):
    nm = "nm"
    if args[:1] == ["--nm"]:
        nm, args = args[1], args[2:]
    if not args:
        sys.exit(__doc__)
    bad = 0
    for path in args:
        for where, verb, name in offenders(nm, path):
            print(f"noheap: {where} {verb} {name}", file=sys.stderr)
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
