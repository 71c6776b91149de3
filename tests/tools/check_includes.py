#!/usr/bin/env python3
"""The rule of who may include whom, checked over every #include of hal/, crypto/, firmware/, boards/.

    check_includes.py [ROOT]

hal/ holds interfaces only; crypto/ alone includes wolfSSL; firmware/net alone includes lwIP;
firmware/http alone includes picohttpparser; boards/ alone touches registers or the operating
system; everything else is C11 without I/O. Between the rooms the arrows point down, as in ROOMS.
"""
import pathlib
import re
import sys

# Room: the rooms whose headers it may include besides its own.
COMMON = ["firmware", "hal"]
CORE = COMMON + ["crypto", "firmware/pki"]
TALK = CORE + ["firmware/config", "firmware/http", "firmware/store"]
RENEW = TALK + ["firmware/enroll", "firmware/renewal"]
ROOMS = {
    "hal": [],
    "firmware": [],
    "crypto": COMMON,
    "firmware/pki": COMMON + ["crypto"],
    "firmware/store": CORE,
    "firmware/config": CORE,
    "firmware/http": CORE,
    "firmware/enroll": TALK,
    "firmware/renewal": RENEW,
    "firmware/console": RENEW,
    "firmware/appliance": RENEW + ["firmware/console", "firmware/net"],
    "firmware/example": RENEW + ["firmware/net"],
    "firmware/net": COMMON + ["firmware/config", "firmware/http"],
}
# The public header lies at the top for whoever links us; it is the renewal room's own interface.
PLACED = {f"firmware/perennial.{x}": "firmware/renewal" for x in "ch"}

FREESTANDING = {"float.h", "iso646.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h",
                "stddef.h", "stdint.h", "stdnoreturn.h"}
LIBRARIES = {  # first part of the name in <> : the rooms that may
    "wolfssl": ["crypto"],
    "lwip": ["firmware/net", "boards/common/lwip"],
    "netif": ["firmware/net", "boards/common/lwip"],
    "picohttpparser.h": ["firmware/http"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def room_of(path):
    """The room of a path relative to the root: the folder it lies in."""
    return PLACED.get(str(path), str(path.parent))


def check_file(path, text, homes):
    room = room_of(path)
    board = room.startswith("boards/")
    for match in INCLUDE.finditer(text):
        name = match.group(2)
        where = f"{path}:{text.count(chr(10), 0, match.start(2)) + 1}"
        library = next((x for x in LIBRARIES if name == x or name.startswith(x + "/")), None)
        if library:
            if room not in LIBRARIES[library]:
                yield f"{where}: <{name}>: only {' and '.join(LIBRARIES[library])} may include it"
        elif match.group(1) == "<":
            allowed = FREESTANDING if room == "hal" else FREESTANDING | {"string.h"}
            if not board and name not in allowed:
                yield f"{where}: <{name}>: {room}/ is portable C without I/O, only boards/ may"
        elif board:
            continue
        elif name not in homes:
            yield f"{where}: \"{name}\" is no header of this tree (file name only, no folder)"
        elif homes[name] != room and homes[name] not in ROOMS[room]:
            yield (f"{where}: \"{name}\" is of {homes[name]}/, which {room}/ may not include "
                   f"(it may: {', '.join(ROOMS[room]) or 'nothing else'})")


def check(root):
    """(complaints, number of #include lines looked at)"""
    files = sorted(p.relative_to(root) for top in ("hal", "crypto", "firmware", "boards")
                   for p in (root / top).rglob("*.[ch]"))
    complaints, count, homes = [], 0, {}
    for path in files:
        room = room_of(path)
        if path.suffix == ".h" and not room.startswith("boards/"):
            if path.name in homes:
                complaints.append(f"{path}: {homes[path.name]}/ has a header of that name too")
            homes[path.name] = room
    for path in files:
        text = (root / path).read_text(encoding="utf-8")
        count += len(INCLUDE.findall(text))
        if room_of(path) not in ROOMS and not str(path).startswith("boards/"):
            complaints.append(f"{path}: no rule for {room_of(path)}/, add it to {sys.argv[0]}")
            continue
        complaints += check_file(path, text, homes)
    return complaints, count


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    if root.is_file():
        root = root.parents[2]
    complaints, count = check(root)
    for line in complaints:
        print(line, file=sys.stderr)
    if count == 0:
        print("check_includes: no #include found, nothing was checked", file=sys.stderr)
        return 1
    print(f"{count} includes looked at, {len(complaints)} against the rule")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
