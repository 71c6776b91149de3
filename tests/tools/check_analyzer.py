#!/usr/bin/env python3
# timeout: 300
"""gcc -fanalyzer over firmware/, crypto/ and boards/, as build/host-asan compiles them.

    check_analyzer.py [WORD...]     only files whose path holds one of the words

Nothing is written. It takes the compile command of each file, without the sanitizers; any
warning fails that MISTAKEN does not name.
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = ROOT / "build/host-asan/compile_commands.json"
OWN = tuple(f"{ROOT}/{folder}/" for folder in ("firmware", "crypto", "boards"))
LEFT_OUT = ("-fsanitize", "-fno-sanitize", "-fcallgraph", "-fstack-usage", "-Werror", "-MD")
# (file, words of the warning): why the analyzer is wrong.
MISTAKEN = {
    ("firmware/config/ra_config.c", "uninitialized value ‘*(unsigned int *)&number’"):
        "parse_ipv4 sets it wherever it returns true (gcc 12)",
}
WITH_VALUE = {"-MF", "-MT", "-o"}


def analyze(entry):
    words = iter(shlex.split(entry["command"]))
    command = []
    for word in words:
        if word in WITH_VALUE:
            next(words)
        elif not word.startswith(LEFT_OUT):
            command.append(word)
    command += ["-Os", "-fanalyzer", "-o", os.devnull]
    done = subprocess.run(command, capture_output=True, text=True, cwd=entry["directory"], timeout=250)
    path = os.path.relpath(entry["file"], ROOT)
    warnings = [line for line in done.stderr.splitlines() if "warning:" in line
                and not any(path == file and words in line for file, words in MISTAKEN)]
    return done.stderr if done.returncode != 0 or warnings else ""


def main():
    entries = {e["file"]: e for e in json.loads(COMMANDS.read_text()) if e["file"].startswith(OWN)}
    chosen = [e for f, e in sorted(entries.items())
              if not sys.argv[1:] or any(w in f for w in sys.argv[1:])]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        complaints = [text for text in pool.map(analyze, chosen) if text]
    print("\n".join(complaints))
    print(f"{len(chosen) - len(complaints)} passed, {len(complaints)} failed")
    return 1 if complaints or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
