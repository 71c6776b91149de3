#!/usr/bin/env python3
"""The no-heap proof once more over all that was built: every archive and every appliance image.

The build runs noheap.py on each of them as it is made; this one makes sure that none was left out.
"""
import pathlib
import sys

import noheap

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARCHIVES = ["crypto/libwolfssl.a", "crypto/libperennial_crypto.a", "firmware/libperennial.a",
            "firmware/libperennial_net.a", "firmware/libperennial_appliance.a",
            "firmware/liblwip.a", "firmware/libpicohttpparser.a"]
CROSS = "arm-none-eabi-nm"
TREES = {"host": "nm", "emcraft-sf2": CROSS, "emcraft-sf2-tls": CROSS, "emcraft-sf2-est": CROSS,
         "mps2-an386": CROSS}


def main():
    bad = files = objects = 0
    for name, nm in TREES.items():
        tree = ROOT / "build" / name
        paths = [tree / a for a in ARCHIVES]
        if name.startswith("emcraft-sf2"):
            images = sorted(tree.glob("boards/**/*.elf"))
            if not images:
                print(f"check_noheap: no appliance image in build/{name}", file=sys.stderr)
                bad += 1
            paths += images
        for path in paths:
            if not path.exists():
                print(f"check_noheap: {path.relative_to(ROOT)} is missing", file=sys.stderr)
                bad += 1
                continue
            found, seen = noheap.offenders(nm, path)
            for where, verb, name in found:
                print(f"check_noheap: {where} {verb} {name}", file=sys.stderr)
            bad += len(found)
            files += 1
            objects += seen
    print(f"{files} archives and images, {objects} symbols looked at, {bad} against the rule")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
