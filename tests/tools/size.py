#!/usr/bin/env python3
"""Code, data, bss and worst stack of the appliance images, part by part, against budgets.mk.

    size.py [TREE...]       exits with 1 when a figure is above its budget; all trees: see TREES

Figures are bytes. `code` is what lies in code memory: instructions, constants and the initial
values of data; `data` and `bss` lie in RAM; `ddr` is the external RAM of the network buffers;
`stack` is the deepest chain of calls that starts in the part (tests/tools/stack.py), and in the
line of the whole image what the stack needs at most, an interrupt included. The measured stack is
the largest that an image reported in a run of the tests ("stack N of M bytes"); TLS's own arena
is part of ddr.
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
TREES = ("emcraft-sf2", "emcraft-sf2-tls", "emcraft-sf2-est")
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


def measured(tree):
    """Largest stack that an image of the tree reported, in the logs of the tests; 0 = none."""
    logs = list((ROOT / "build").glob("test-logs/*.log")) + list((ROOT / "build").glob("demo/*.log"))
    largest = 0
    for log in logs:
        words = re.split(r"[-_]", log.stem)
        of = TREES[0] + ("-est" if "est" in words else "-tls" if "tls" in words else "")
        if of == tree:
            for m in MEASURED.finditer(log.read_text("utf-8", "replace")):
                largest = max(largest, int(m.group(1)))
    return largest


def report(tree):
    """Prints the table of one tree; what is wrong, as texts, and the names its image has not."""
    image = ROOT / "build" / tree / "boards" / BOARD / "appliance.elf"
    if not image.exists():
        return [f"{image.relative_to(ROOT)} is missing: make {tree}"], set()
    try:
        analysis = stack.Analysis(image, EDGES)
    except stack.Problem as why:
        return [str(why)], set()
    problems = [f"stack: {p}" for p in analysis.problems]
    if not analysis.roots:
        return problems, analysis.absent
    parts, total, names = parts_of(image), totals_of(image), rooms()
    deepest = collections.Counter()
    for function in analysis.functions:
        part = part_of(analysis.parts[function.unit], function.unit.split(".")[0], names)
        deepest[part] = max(deepest[part], function.depth)
    deep, _, total["stack"] = analysis.deepest()
    total["measured"] = measured(tree)

    line = "{:<24}" + "{:>9}" * 5
    print(f"{tree}, {image.relative_to(ROOT)}")
    print(line.format("part", *COLUMNS, "stack"))
    for part in sorted(parts, key=lambda p: -parts[p]["code"]):
        print(line.format(part, *(parts[part][c] for c in COLUMNS), deepest[part]))
    print(line.format("the whole image", *(total[c] for c in COLUMNS), total["stack"]))
    print(f"stack reserved {total['reserved']}, needed at most {total['stack']}, measured "
          f"{total['measured'] or 'not yet (make test)'}; eSRAM in all {total['ram']}")
    print("deepest: " + " > ".join(f"{f} {f.frame}" for f in stack.chain(deep)))

    for key, budget in budgets().items():
        board, _, figure = key.partition(".")
        if board != tree:
            continue
        figure, _, part = figure.partition(".")
        value = parts[part][figure] if part else total[figure]
        if part and part not in parts:
            problems.append(f"budgets.mk: {key}: no such part")
        if value > budget:
            problems.append(f"{key} is {value}, {value - budget} above its budget of {budget}")
    if total["measured"] > total["stack"]:
        problems.append(f"measured more stack than computed: {EDGES.name} lacks a call")
    return problems, analysis.absent


def main():
    trees = sys.argv[1:] or TREES
    problems, absent = [], None
    for number, tree in enumerate(trees):
        if number:
            print()
        wrong, missing = report(tree)
        problems += [f"{tree}: {w}" for w in wrong]
        absent = missing if absent is None else absent & missing
    if len(trees) == len(TREES):
        problems += [f"{EDGES.name}: {name} is in none of the images" for name in sorted(absent)]
        problems += [f"budgets.mk: no code, ram or stack of {tree}" for tree in trees
                     if not {f"{tree}.{f}" for f in ("code", "ram", "stack")} <= set(budgets())]
    for problem in problems:
        print(f"size: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
