#!/usr/bin/env python3
# timeout: 420
"""Lines and branches of firmware/ and crypto/ that tests reach, counted by gcov and lcov.

    check_coverage.py [--table] [--missed [FILE...]] [--no-run]
      --table     print every file, not only the folders
      --missed    print each line that was not reached, or not in each direction
      --no-run    judge the counters that are there: each run of a program of build/gcov adds to them

The programs are those of build/gcov (-O0 --coverage; `make gcov`): all unit suites, and those of
the host board as some scripts of tests/e2e run them, for what needs lwIP or a peer. It fails where
one of them fails (a script: also when it runs by itself), where the lines of a folder are below LINES
or its branches below BRANCHES (per cent, of what tests/tools/coverage.txt does not leave out), and
where an entry of that table leaves out nothing any more.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from run import network_wrapper  # noqa: E402  (the path comes first)

TREE = ROOT / "build/gcov"
EXCLUDED = ROOT / "tests/tools/coverage.txt"
LINES, BRANCHES = 100.0, 95.0
HOST = TREE / "boards/host"
SCRIPTS = [["net_host.py", "--probe", HOST / "net_probe"], ["tls_host.py"],
           ["getcacert.py", "host"], ["est_host.py", "issue"], ["scep_host.py", "issue"]]
LCOV = ["lcov", "--quiet", "--rc", "lcov_branch_coverage=1"]


def run(command):
    """Empty when it ended well, else how it ended."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=200)
    except subprocess.TimeoutExpired:
        return "more than 200 s"
    return f"{done.returncode}\n{(done.stdout + done.stderr)[-2000:]}" if done.returncode != 0 else ""


def run_all():
    for counters in TREE.rglob("*.gcda"):
        counters.unlink()
    # The scripts find the host board in RA_BUILD/host, and end it so that its counters are written.
    os.environ.update(RA_BUILD=str(TREE / "e2e"), RA_COUNTED="1")
    (TREE / "e2e").mkdir(exist_ok=True)
    for link in (TREE / "e2e/host", TREE / "e2e/host-asan"):
        if not link.is_symlink():
            link.symlink_to("..")
    commands = [(script[0], [*network_wrapper(), ROOT / "tests/e2e" / script[0], *script[1:]])
                for script in SCRIPTS]
    for suite in sorted((ROOT / "tests/unit").glob("test_*.c")):
        commands.append((suite.stem, [TREE / "unit" / suite.stem]))
    # The scripts mostly wait: more run than there are processors. Some measure time: one that fails
    # in the crowd runs again by itself.
    with concurrent.futures.ThreadPoolExecutor(3 + (os.cpu_count() or 1)) as pool:
        ends = list(pool.map(lambda c: run(c[1]), commands))
    for (name, command), end in zip(commands, ends):
        if end and not name.startswith("test_"):
            print(f"{name} runs once more by itself: {end.splitlines()[0]}")
            end = run(command)
        if end:
            sys.exit(f"{name} ended with an error: {end}")


def collect():
    for counters in TREE.rglob("*.gcda"):  # of what has been compiled anew since, or is no more
        notes = counters.with_suffix(".gcno")
        if not notes.exists() or notes.stat().st_mtime > counters.stat().st_mtime:
            counters.unlink()
    # All that was compiled, reached or not; then what was reached. Only the libraries: the tests
    # compile some of it again, otherwise.
    parts = []
    folders = ["--directory", TREE / "firmware", "--directory", TREE / "crypto"]
    for name, option in (("zero", ["--initial"]), ("run", [])):
        parts += ["--add-tracefile", TREE / f"{name}.info"]
        lcov("--capture", *option, *folders, "--output-file", TREE / f"{name}.info")
    lcov(*parts, "--output-file", TREE / "all.info")
    lcov("--extract", TREE / "all.info", f"{ROOT}/firmware/*", f"{ROOT}/crypto/*",
         "--output-file", TREE / "own.info")


def lcov(*arguments):
    done = subprocess.run([*LCOV, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"lcov {arguments[0]} failed: {done.stdout}{done.stderr}")


def read():
    """{path: ({line: count}, {line: [taken...]})}, without what has been deleted since it was built"""
    files = {}
    for text in (TREE / "own.info").read_text().splitlines():
        kind, _, rest = text.partition(":")
        if kind == "SF":
            lines, branches = files.setdefault(os.path.relpath(rest, ROOT), ({}, {}))
        elif kind == "DA":
            number, count = rest.split(",")[:2]
            lines[int(number)] = max(lines.get(int(number), 0), int(count))
        elif kind == "BRDA":
            number, _, _, taken = rest.split(",")
            branches.setdefault(int(number), []).append(0 if taken == "-" else int(taken))
    return {path: counts for path, counts in files.items() if (ROOT / path).exists()}


def exclusions():
    """[path, text of the line, reason]: `path | text | reason` each."""
    table = []
    for text in EXCLUDED.read_text().splitlines():
        if text.strip() and not text.startswith("#"):
            entry = [x.strip() for x in text.split(" | ")]
            if len(entry) != 3 or not all(entry):
                sys.exit(f"{EXCLUDED.name}: not `path | line | reason`: {text}")
            table.append(entry)
    return table


def leave_out(files, table):
    """Takes the lines of the table out of the count; returns what is wrong with the table."""
    wrong, left_out = [], [0, 0]
    for path, wanted, _ in table:
        lines, branches = files.get(path, ({}, {}))
        source = (ROOT / path).read_text().splitlines() if (ROOT / path).exists() else []
        used = False
        for number, text in enumerate(source, 1):
            if text.strip() == wanted and (lines.get(number) == 0 or 0 in branches.get(number, [])):
                used = True
                if lines.get(number) == 0:
                    left_out[0] += 1
                    del lines[number]
                kept = [t for t in branches.get(number, []) if t]
                left_out[1] += len(branches.get(number, [])) - len(kept)
                branches[number] = kept
        if not used:
            wrong.append(f"{EXCLUDED.name}: {path}: '{wanted}' leaves out nothing")
    return wrong, left_out


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def figures(files):
    rows = []
    for path, (lines, branches) in sorted(files.items()):
        taken = [t for all_ in branches.values() for t in all_]
        rows.append((path, sum(c > 0 for c in lines.values()), len(lines),
                     sum(t > 0 for t in taken), len(taken)))
    return rows


def show_missed(files, names):
    for path, (lines, branches) in sorted(files.items()):
        if names and not any(n in path for n in names):
            continue
        source = (ROOT / path).read_text().splitlines()
        for number in sorted(lines.keys() | branches.keys()):
            taken = branches.get(number, [])
            if lines.get(number) == 0 or 0 in taken:
                what = "line" if lines.get(number) == 0 else f"{taken.count(0)}/{len(taken)}"
                print(f"{path}:{number}: {what:>5}  {source[number - 1].strip()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--missed", nargs="*")
    parser.add_argument("--no-run", action="store_true")
    args = parser.parse_args()
    if not args.no_run:
        run_all()
    collect()
    files = read()
    table = exclusions()
    wrong, left_out = leave_out(files, table)
    if args.missed is not None:
        show_missed(files, args.missed)
    rows = figures(files)
    folders = {}
    for path, *counts in rows:
        for folder in (os.path.dirname(path), "all"):
            folders[folder] = [a + b for a, b in zip(folders.get(folder, [0] * 4), counts)]
    sums = [(folder, *counts) for folder, counts in folders.items()]
    sums.append(sums.pop([f for f, *_ in sums].index("all")))
    for name, lines, lines_all, branches, branches_all in (rows if args.table else []) + sums:
        print(f"{'count: ' if name == 'all' else ''}{name:<36} lines {percent(lines, lines_all):6.2f} % of {lines_all:5}   "
              f"branches {percent(branches, branches_all):6.2f} % of {branches_all:5}")
    for path, text, reason in table:
        print(f"left out: {path}: {text} ({reason})")
    print(f"left out by {len(table)} entries of {EXCLUDED.relative_to(ROOT)}: "
          f"{left_out[0]} lines, {left_out[1]} branches")
    for name, lines, lines_all, branches, branches_all in sums:
        if percent(lines, lines_all) < LINES:
            wrong.append(f"{name}: {lines_all - lines} lines were not reached, {LINES} % is the least")
        if percent(branches, branches_all) < BRANCHES:
            wrong.append(f"{name}: branches below {BRANCHES} %")
    for text in wrong:
        print(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
