"""What the GNU linker's map file says: which object gave how many bytes to which section."""
import pathlib
import re

# `.text.name  0xaddress  0xsize  object`; the name may stand alone on the line before.
PIECE = re.compile(r"^ (\S+)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S.*)$")
OUTPUT = re.compile(r"^([.\w]\S*)(\s+0x([0-9a-f]+)\s+0x([0-9a-f]+).*)?$")
# Equal strings are kept once; newer linkers give the bytes of all of them to the first piece.
UNMERGED = re.compile(r"^\s+0x([0-9a-f]+) \(size before relaxing\)$")
MEMBER = re.compile(r"^(.*\.a)\((.*)\)$")


class Piece:
    def __init__(self, output, section, address, size, path):
        self.output, self.section = output, section
        self.address, self.size = address, size
        member = MEMBER.match(path)
        self.archive = pathlib.PurePath(member.group(1)) if member else None
        self.object = pathlib.PurePath(member.group(2) if member else path)


def read(path):
    """The pieces of the image, in the order of their addresses; dropped sections are left out."""
    text = pathlib.Path(path).read_text()
    _, _, text = text.partition("Linker script and memory map")
    pieces, output, section = [], None, None
    for line in text.splitlines():
        if not line or line.startswith("OUTPUT(") or line.startswith("LOAD "):
            continue
        if not line.startswith(" "):
            match = OUTPUT.match(line)
            output = match.group(1) if match else None
            continue
        match = UNMERGED.match(line)
        if match and pieces:
            pieces[-1].size = min(pieces[-1].size, int(match.group(1), 16))
            continue
        match = PIECE.match(line)
        if match:
            name = match.group(1) or section
            if name == "*fill*" or not name or output is None or output == "/DISCARD/":
                continue
            size = int(match.group(3), 16)
            if size and not match.group(4).startswith(("0x", "=")):
                pieces.append(Piece(output, name, int(match.group(2), 16), size, match.group(4)))
        elif re.match(r"^ \S+$", line):
            section = line.strip()
    return pieces
