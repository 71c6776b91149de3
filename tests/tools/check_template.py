#!/usr/bin/env python3
"""boards/template compiles as it stands, for this machine and for a Cortex-M3, without a warning,
and its HAL leaves no pointer of struct hal unset."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
WARNINGS = ("-std=c11 -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes "
            "-Wmissing-prototypes -Werror -Os").split()
BOARD = ROOT / "boards/template"

# Every pointer to a function that struct hal has, read from its headers, is set by board_hal.
text = (BOARD / "board.c").read_text()
failed = []
for part in re.findall(r"struct hal_(\w+) \w+;", (ROOT / "hal/hal.h").read_text()):
    header = (ROOT / f"hal/hal_{part}.h").read_text()
    for name in re.findall(r"\(\*(\w+)\)\(void \*dev", header):
        if not re.search(rf"hal->{part}\.{name} = \w+;", text):
            failed.append(f"board_hal does not set {part}.{name}")

with tempfile.TemporaryDirectory() as tmp:
    for compiler in (["cc"], ["arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb"]):
        if shutil.which(compiler[0]) is None:
            failed.append(f"{compiler[0]} is missing")
            continue
        done = subprocess.run([*compiler, *WARNINGS, f"-I{ROOT}/hal", "-c", BOARD / "board.c", "-o",
                               f"{tmp}/board.o"], capture_output=True, text=True)
        if done.returncode != 0:
            failed.append(done.stderr)
print("\n".join(failed) or "ok")
sys.exit(1 if failed else 0)
