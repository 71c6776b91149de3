"""A small DER reader and writer for the test CA.

It shares nothing with the firmware, on purpose: what the firmware writes is
judged here by other code. The reader is strict (X.690 section 10): minimal
definite lengths, minimal integers and object identifiers, booleans 00 or ff,
no spare bits set, and, where the caller asks, SET OF in ascending order. A
`Node` is one TLV; its offset is kept so that a finding can point at a byte.
"""


class DerError(Exception):
    """The bytes are not the DER they should be; `at` is the offset."""

    def __init__(self, text, at=0):
        super().__init__('%s at offset %d' % (text, at))
        self.at = at


# ---------------------------------------------------------------- writer

def tlv(tag, content):
    """One TLV with a minimal definite length."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, 'big')
    return bytes((tag, 0x80 | len(length))) + length + content


def seq(*parts):
    return tlv(0x30, b''.join(parts))


def set_of(*parts, in_order=True):
    """SET OF, sorted as DER asks unless a test wants it wrong."""
    return tlv(0x31, b''.join(sorted(parts) if in_order else parts))


def integer(value):
    size = max(1, value.bit_length() // 8 + 1)
    return tlv(0x02, value.to_bytes(size, 'big', signed=True))


def boolean(value):
    return tlv(0x01, b'\xff' if value else b'\x00')


def octets(content):
    return tlv(0x04, content)


def bits(content, unused=0):
    return tlv(0x03, bytes((unused,)) + content)


def null():
    return b'\x05\x00'


def oid(text):
    arcs = [int(a) for a in text.split('.')]
    out = b''
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        piece = [arc & 0x7f]
        arc >>= 7
        while arc:
            piece.insert(0, 0x80 | (arc & 0x7f))
            arc >>= 7
        out += bytes(piece)
    return tlv(0x06, out)


def utf8(text):
    return tlv(0x0c, text.encode('utf-8'))


def printable(text):
    return tlv(0x13, text.encode('ascii'))


def ia5(text):
    return tlv(0x16, text.encode('ascii'))


def bmp(text):
    return tlv(0x1e, text.encode('utf-16-be'))


def context(number, content, constructed=True):
    return tlv((0xa0 if constructed else 0x80) | number, content)


def time(moment):
    """An X.509 Time from an aware or UTC datetime: UTCTime until 2049."""
    if 1950 <= moment.year < 2050:
        return tlv(0x17, moment.strftime('%y%m%d%H%M%SZ').encode('ascii'))
    return tlv(0x18, moment.strftime('%Y%m%d%H%M%SZ').encode('ascii'))


def named_bits(*numbers):
    """A BIT STRING with named bits, trailing zeros removed (X.690 11.2.2)."""
    if not numbers:
        return bits(b'')
    data = bytearray(max(numbers) // 8 + 1)
    for number in numbers:
        data[number // 8] |= 0x80 >> (number % 8)
    return bits(bytes(data), 7 - max(numbers) % 8)


# ---------------------------------------------------------------- reader

class Node:
    """One TLV. `raw` is all of it, `content` its content octets."""

    __slots__ = ('tag', 'raw', 'content', 'at', 'head', '_children')

    def __init__(self, tag, raw, content, at, head):
        self.tag = tag
        self.raw = raw
        self.content = content
        self.at = at
        self.head = head
        self._children = None

    @property
    def constructed(self):
        return bool(self.tag & 0x20)

    @property
    def children(self):
        if self._children is None:
            if not self.constructed:
                raise DerError('primitive where constructed was wanted', self.at)
            self._children = read_all(self.content, self.at + self.head)
        return self._children

    def expect(self, tag, what):
        if self.tag != tag:
            raise DerError('%s: tag %02x where %02x was wanted' % (what, self.tag, tag), self.at)
        return self

    def int(self, what='INTEGER'):
        self.expect(0x02, what)
        return int.from_bytes(self.content, 'big', signed=True)

    def oid(self, what='OBJECT IDENTIFIER'):
        self.expect(0x06, what)
        arcs, arc = [], 0
        for byte in self.content:
            arc = arc << 7 | (byte & 0x7f)
            if not byte & 0x80:
                arcs.append(arc)
                arc = 0
        first = min(arcs[0] // 40, 2)
        return '.'.join(str(a) for a in [first, arcs[0] - 40 * first] + arcs[1:])

    def bit_octets(self, what='BIT STRING'):
        self.expect(0x03, what)
        if self.content[0]:
            raise DerError('%s: not a whole number of octets' % what, self.at)
        return self.content[1:]


def read_one(data, at=0):
    """The TLV at the start of `data`, and how many bytes it took."""
    if len(data) < 2:
        raise DerError('end of data inside a tag or length', at)
    tag = data[0]
    if tag & 0x1f == 0x1f:
        raise DerError('high tag number', at)
    size, head = data[1], 2
    if size == 0x80:
        raise DerError('indefinite length', at)
    if size > 0x80:
        count = size & 0x7f
        if count > 4 or len(data) < 2 + count:
            raise DerError('bad length of length', at)
        size = int.from_bytes(data[2:2 + count], 'big')
        if size < 0x80 or data[2] == 0:
            raise DerError('length is not minimal', at)
        head = 2 + count
    if len(data) < head + size:
        raise DerError('content runs past the end', at)
    content = data[head:head + size]
    node = Node(tag, data[:head + size], content, at, head)
    _check(node)
    return node, head + size


def _check(node):
    content, at = node.content, node.at
    if node.tag in (0x02, 0x0a):
        if not content:
            raise DerError('empty integer', at)
        if len(content) > 1 and ((content[0] == 0 and content[1] < 0x80)
                                 or (content[0] == 0xff and content[1] >= 0x80)):
            raise DerError('integer is not minimal', at)
    elif node.tag == 0x01:
        if content not in (b'\x00', b'\xff'):
            raise DerError('boolean is neither 00 nor ff', at)
    elif node.tag == 0x03:
        if not content or content[0] > 7 or (len(content) == 1 and content[0]):
            raise DerError('bad bit string', at)
        if content[0] and content[-1] & ((1 << content[0]) - 1):
            raise DerError('unused bits are not zero', at)
    elif node.tag == 0x05:
        if content:
            raise DerError('null with content', at)
    elif node.tag == 0x06:
        if not content or content[-1] & 0x80:
            raise DerError('bad object identifier', at)
        start = True
        for byte in content:
            if start and byte == 0x80:
                raise DerError('object identifier is not minimal', at)
            start = not byte & 0x80
    elif node.tag in (0x23, 0x24, 0x2c, 0x33, 0x36, 0x3e):
        raise DerError('constructed string', at)
    elif node.tag in (0x10, 0x11):
        raise DerError('primitive SEQUENCE or SET', at)


def read_all(data, at=0):
    nodes, used = [], 0
    while used < len(data):
        node, size = read_one(data[used:], at + used)
        nodes.append(node)
        used += size
    return nodes


def read(data):
    """The one TLV that `data` is; anything after it is an error."""
    node, used = read_one(data)
    if used != len(data):
        raise DerError('%d bytes after the end' % (len(data) - used), used)
    return node


def walk(node):
    """Reads every TLV below `node`, so that a fault anywhere in it raises."""
    pending = [node]
    while pending:
        here = pending.pop()
        yield here
        if here.constructed:
            pending.extend(here.children)


def is_sorted(nodes):
    """Whether the elements of a SET OF are in DER order (X.690 11.6)."""
    raws = [n.raw for n in nodes]
    return all(a <= b for a, b in zip(raws, raws[1:]))


# ---------------------------------------------------------------- PEM

def to_pem(data, label, eol='\n'):
    import base64
    text = base64.b64encode(data).decode('ascii')
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return eol.join(['-----BEGIN %s-----' % label] + lines + ['-----END %s-----' % label, ''])


def from_pem(text):
    """The DER of every PEM block in `text`."""
    import base64
    out, inside, body = [], False, []
    for line in text.splitlines():
        line = line.strip()
        if line.startswith('-----BEGIN '):
            inside, body = True, []
        elif line.startswith('-----END '):
            out.append(base64.b64decode(''.join(body)))
            inside = False
        elif inside:
            body.append(line)
    return out
