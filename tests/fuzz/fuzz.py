#!/usr/bin/env python3
"""Runs the libFuzzer targets; each begins with its corpus, tests/fuzz/corpus/NAME.

    fuzz.py [NAME...]                  as `make test` does: the corpus, then a bounded run
    fuzz.py --seconds N [NAME...]      `make fuzz SECONDS=N T="NAME..."`: what is new goes to build/
    fuzz.py --merge [NAME...]          minimise: the corpus, the seeds and what was new become the corpus
    fuzz.py --floors                   write floors.txt from the corpus as it is

A target fails on a crash, a sanitizer's finding, a run of more than 10 s (25 s in all where the
machine is slow), more than 2 GiB, or when its corpus reaches fewer edges than floors.txt says:
then the seeds do not get into the parser any more. What broke it is left in build/fuzzers/found.
"""
# timeout: 900
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build/fuzzers"
CORPUS = HERE / "corpus"
FLOORS = HERE / "floors.txt"
FOUND = BUILD / "found"
NEW = BUILD / "new"
SEEDS = BUILD / "seeds"
BOUNDED = 2  # seconds of each target in `make test`, after its corpus
SLACK = 0.85  # compilers count edges differently
COMMON = ["-timeout=25", "-rss_limit_mb=2048", "-print_final_stats=1", "-close_fd_mask=1"]
DICTIONARY = {"exchange": "http", "world": "http"}  # others have their own name's, or none
STATUS = re.compile(r"^#(\d+)\s+(INITED|DONE)\s+cov: (\d+) ft: \d+ corp: (\d+)", re.M)


def targets(names):
    known = sorted(p.stem[len("fuzz_"):] for p in HERE.glob("fuzz_*.c"))
    for name in names:
        if name not in known:
            sys.exit(f"fuzz: no target {name}; there are: {' '.join(known)}")
    return names or known


def floors():
    lines = FLOORS.read_text().splitlines() if FLOORS.exists() else []
    return {name: int(edges) for name, edges in (line.split() for line in lines)}


def fuzz(name, folders, *options):
    """The output of a run, and why it failed ('' when it did not)."""
    FOUND.mkdir(parents=True, exist_ok=True)
    command = [BUILD / "fuzz" / name, *COMMON, f"-artifact_prefix={FOUND}/{name}-"]
    dictionary = HERE / "dict" / (DICTIONARY.get(name, name) + ".dict")
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    done = subprocess.run([str(c) for c in (*command, *options, *folders)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, cwd=ROOT, check=False)
    out = done.stderr.decode("utf-8", "replace")
    return out, "" if done.returncode == 0 else f"ended with {done.returncode}"


def numbers(out):
    """Edges after the corpus, then at the end: runs, edges, corpus."""
    seen = {kind: (int(runs), int(cov), int(corp)) for runs, kind, cov, corp in STATUS.findall(out)}
    return seen.get("INITED", (0, 0, 0))[1], seen.get("DONE", (0, 0, 0))


def run(name, floor, seconds, keep):
    NEW.mkdir(parents=True, exist_ok=True)
    folders = [CORPUS / name] if (CORPUS / name).is_dir() else []
    with tempfile.TemporaryDirectory() as scratch:
        new = NEW / name if keep else pathlib.Path(scratch)
        new.mkdir(exist_ok=True)
        out, why = fuzz(name, [new, *folders], f"-max_total_time={seconds}", "-max_len=16384",
                        *([] if keep else ["-seed=1"]))
    first, (runs, edges, corpus) = numbers(out)
    if not why and first < floor:
        why = f"the corpus reaches {first} edges, of {floor} at least"
    return name, runs, first, edges, corpus, why, out


def run_all(names, seconds, jobs, keep):
    known, failed, total = floors(), 0, 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(run, n, known.get(n, 1), seconds, keep) for n in names]
        for done in concurrent.futures.as_completed(waiting):
            name, runs, first, edges, corpus, why, out = done.result()
            total += runs
            print(f"count: {name:<16}{runs:>9} runs, edges: {first:>5} by the corpus, {edges:>5} in the end, "
                  f"{known.get(name, 1):>5} demanded; {corpus:>4} inputs{'  FAIL: ' + why if why else ''}", flush=True)
            if why:
                failed += 1
                print(out[-6000:])
    print(f"count: {total} runs of {len(names)} targets")
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


def merge(name):
    """The smallest files that together reach all that is known."""
    folders = [f for f in (CORPUS / name, SEEDS / name, NEW / name) if f.is_dir()]
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        out, why = fuzz(name, [scratch, *folders], "-merge=1", "-use_counters=0", "-max_len=16384")
        if why:
            return f"{name}: {why}\n{out[-3000:]}"
        kept = {p.name: p.read_bytes() for p in (CORPUS / name).glob("crash-*")}
        shutil.rmtree(CORPUS / name, ignore_errors=True)
        (CORPUS / name).mkdir(parents=True)
        size = 0
        for kept_name, content in kept.items():
            (CORPUS / name / kept_name).write_bytes(content)
        for path in sorted(pathlib.Path(scratch).iterdir()):
            (CORPUS / name / path.name[:12]).write_bytes(path.read_bytes())
            size += path.stat().st_size
    return f"{name}: {len(list((CORPUS / name).iterdir()))} files, {size} bytes"


def write_floors(names):
    lines = []
    for name in names:
        out, why = fuzz(name, [CORPUS / name], "-runs=0")
        if why:
            sys.exit(f"{name}: {why}\n{out}")
        lines.append(f"{name} {int(numbers(out)[0] * SLACK)}\n")
    FLOORS.write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--merge", action="store_true")
    parser.add_argument("--floors", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    names = targets(args.names)
    if args.merge:
        subprocess.run([sys.executable, HERE / "seeds.py", SEEDS], check=True)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for line in pool.map(merge, names):
                print(line, flush=True)
        return 0
    if args.floors:
        write_floors(targets([]))
        return 0
    return run_all(names, args.seconds or BOUNDED, args.jobs, args.seconds is not None)


if __name__ == "__main__":
    sys.exit(main())
