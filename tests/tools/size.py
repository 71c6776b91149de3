#!/usr/bin/env python3
"""Code, data, bss and worst stack of the appliance image, part by part, against budgets.mk.

    size.py [--quiet]       exits with 1 when a figure is above its budget

Figures are bytes. `code` is what lies in code memory: instructions, constants and the initial
values of data; `data` and `bss` lie in RAM; `ddr` is the external RAM of the network buffers;
`stack` is the deepest chain of calls that starts in the part (tests/tools/stack.py), and in the
line of the whole image what the stack needs at most, an interrupt included. The measured stack is
the largest that an image reported in a run of the tests ("stack N of M bytes").
"""
import collections
import pathlib
import re
import subprocess
import sys

import linkmap
import stack

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOARD = "emcraft-sf2"
IMAGE = ROOT / "build" / BOARD / "boards" / BOARD / "appliance.elf"
EDGES = ROOT / "tests/tools/stack-emcraft-sf2.txt"
MEASURED = re.compile(r"\bstack:? (\d+) of (\d+) bytes")

ARCHIVES = {"libwolfssl.a": "wolfSSL", "liblwip.a": "lwIP", "libpicohttpparser.a": "picohttpparser",
            "libperennial_crypto.a": "crypto", "libperennial_net.a": "firmware/net",
            "libperennial_appliance.a": "firmware/appliance"}
COLUMNS = ("code", "data", "bss", "ddr")


def kind_of(output):
    for prefix, kind in ((".ddr", "ddr"), (".data", "data"), (".bss", "bss"), (".text", "code"),
                         (".rodata", "code"), (".vectors", "code"), (".init", "code")):
        if output.startswith(prefix):
            return kind
    return None


def rooms():
    """{object's stem: room} for the sources of firmware/."""
    return {p.stem: str(p.parent.relative_to(ROOT)) for p in (ROOT / "firmware").rglob("*.c")}


def part_of(archive, name, room_names):
    """The part of the tree that an object belongs to; `name` is without .c and .obj."""
    if archive is None:
        return f"boards/{BOARD}"
    if archive == "libperennial.a":
        return room_names[name]
    return ARCHIVES.get(archive, "C library")


def parts_of(image):
    parts, names = collections.defaultdict(collections.Counter), rooms()
    for piece in linkmap.read(f"{image}.map"):
        kind = kind_of(piece.output)
        if kind:
            archive = piece.archive.name if piece.archive else None
            part = part_of(archive, piece.object.name.split(".")[0], names)
            parts[part][kind] += piece.size
            if kind == "data":
                parts[part]["code"] += piece.size
    return parts


def totals_of(image):
    out = subprocess.run(["arm-none-eabi-size", "-A", "-d", image], capture_output=True, text=True,
                         check=True).stdout
    total = collections.Counter()
    for line in out.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1].isdigit():
            kind = kind_of(fields[0])
            if fields[0] == ".stack":
                total["reserved"] += int(fields[1])
            elif kind:
                total[kind] += int(fields[1])
    total["code"] += total["data"]
    total["ram"] = total["data"] + total["bss"] + total["reserved"]
    return total


def budgets():
    found = {}
    for line in (ROOT / "budgets.mk").read_text().splitlines():
        match = re.match(r"^([\w./-]+)\s*:?=\s*(\d+)\s*(#.*)?$", line)
        if match:
            found[match.group(1)] = int(match.group(2))
    return found


def measured():
    """Largest stack that an image of the board reported, in the logs of the tests; 0 = none."""
    logs = list((ROOT / "build").glob("test-logs/*.log")) + list((ROOT / "build").glob("demo/*.log"))
    return max((int(m.group(1)) for log in logs
                for m in MEASURED.finditer(log.read_text("utf-8", "replace"))), default=0)


def main():
    if not IMAGE.exists():
        sys.exit(f"size: {IMAGE.relative_to(ROOT)} is missing: make emcraft-sf2")
    try:
        analysis = stack.Analysis(IMAGE, EDGES)
    except stack.Problem as why:
        sys.exit(f"size: {why}")
    if not analysis.roots:
        sys.exit("size: " + "\nsize: ".join(analysis.problems))
    parts, total, names = parts_of(IMAGE), totals_of(IMAGE), rooms()
    deepest = collections.Counter()
    for function in analysis.functions:
        part = part_of(analysis.parts[function.unit], function.unit.split(".")[0], names)
        deepest[part] = max(deepest[part], function.depth)
    deep, interrupt, total["stack"] = analysis.deepest()
    total["measured"] = measured()

    line = "{:<24}" + "{:>9}" * 5
    print(f"{BOARD}, {IMAGE.relative_to(ROOT)}")
    print(line.format("part", *COLUMNS, "stack"))
    for part in sorted(parts, key=lambda p: -parts[p]["code"]):
        print(line.format(part, *(parts[part][c] for c in COLUMNS), deepest[part]))
    print(line.format("the whole image", *(total[c] for c in COLUMNS), total["stack"]))
    print(f"stack reserved {total['reserved']}, needed at most {total['stack']}, measured "
          f"{total['measured'] or 'not yet (make test)'}; eSRAM in all {total['ram']}")
    print("deepest: " + " > ".join(f"{f} {f.frame}" for f in stack.chain(deep)))

    bad = 0
    for key, budget in budgets().items():
        board, _, figure = key.partition(".")
        if board != BOARD:
            continue
        figure, _, part = figure.partition(".")
        value = parts[part][figure] if part else total[figure]
        if part and part not in parts:
            print(f"size: budgets.mk: {key}: no such part", file=sys.stderr)
            bad += 1
        if value > budget:
            print(f"size: {key} is {value}, {value - budget} above its budget of {budget}",
                  file=sys.stderr)
            bad += 1
    if total["measured"] > total["stack"]:
        print(f"size: measured more stack than computed: {EDGES.name} lacks a call", file=sys.stderr)
        bad += 1
    for problem in analysis.problems:
        print(f"size: stack: {problem}", file=sys.stderr)
    return 1 if bad or analysis.problems else 0


if __name__ == "__main__":
    sys.exit(main())
