#!/usr/bin/env python3
"""The deepest stack of an image, from -fstack-usage and the call graph that GCC writes.

    stack.py IMAGE.elf EDGES [-v]        IMAGE.elf.map lies beside the image

A call through a pointer has no target in GCC's graph, so EDGES names them, one caller a line:
    caller: target target ...     caller and targets are functions, `file.c:function` for a static
                                  one whose name is not unique; `caller:` alone means never called
    root: function ...            where execution starts
    interrupt: function ...       one of them may come on top of all, at any point
    recursion: function N ...     the function calls itself, at most N deep in all
    outside: function             its address is taken for something else than a call
    @NAME: target ...             a name for targets, used as @NAME in the lines below it
A name with a `?` behind it is part of a build option: an image without it has neither the calls nor
the targets. size.py sees to it that one of the images has it. It is an error when a function of the image calls through a pointer and has no line, when a line
fits no function, when a function whose address is taken is a target nowhere, when a frame has no
bound, and when a cycle of calls has no `recursion` line. Functions of the C library and of libgcc
have no figures; each counts ASSUMED bytes.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys

import linkmap

ASSUMED = 64          # bytes of a C library function, which come without figures
EXCEPTION_FRAME = 36  # what a Cortex-M pushes on an interrupt, with alignment
INDIRECT = "__indirect_call"

NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "([^"]*)"( shape : ellipse)? \}')
EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
FRAME = re.compile(r"\\n(\d+) bytes \(([a-z,]+)\)")


class Function:
    def __init__(self, name, unit, frame, kind):
        self.name, self.unit = name, unit  # unit: the source's file name
        self.frame, self.kind = frame, kind
        self.calls, self.indirect = set(), False
        self.depth, self.next = None, None

    def __str__(self):
        return self.name


class Problem(Exception):
    pass


def graph_files(image):
    """{.ci file: archive name or None} of every object that the image holds code of."""
    root = image_root(image)
    current = compiled(root)  # a graph may lie there still of a source that was moved away
    found, missing = {}, set()
    for piece in linkmap.read(str(image) + ".map"):
        if not piece.section.startswith(".text") and piece.output != ".text":
            continue
        stem = re.sub(r"\.(obj|o)$", "", str(piece.object))
        if piece.archive is None:
            candidates = [root / (stem + ".ci")]
        elif piece.archive.is_absolute():
            continue  # of the compiler or the C library
        else:
            library = re.sub(r"^lib|\.a$", "", piece.archive.name)
            folder = root / piece.archive.parent / "CMakeFiles" / f"{library}.dir"
            candidates = sorted(folder.rglob(stem + ".ci"))
        present = [c for c in candidates if c.exists() and c in current]
        if len(present) == 1:
            found[present[0]] = piece.archive.name if piece.archive else None
        elif not str(piece.object).endswith((".S.obj", ".S.o")) and not piece.object.is_absolute():
            missing.add(f"{piece.archive or ''} {piece.object} ({len(present)} found)".strip())
    if missing:
        raise Problem("no call graph (-fcallgraph-info) for " + ", ".join(sorted(missing)))
    return found


def compiled(root):
    """The .ci files of what the build compiles now."""
    commands = json.loads((root / "compile_commands.json").read_text())
    outputs = (re.search(r" -o (\S+)", entry["command"]).group(1) for entry in commands)
    return {(root / output).with_suffix(".ci") for output in outputs}


def image_root(image):
    """The CMake build folder: the one with CMakeCache.txt."""
    for folder in pathlib.Path(image).resolve().parents:
        if (folder / "CMakeCache.txt").exists():
            return folder
    raise Problem(f"{image} lies in no build folder")


def read_graph(files):
    """{title: Function}; a title is the name, or path:name for a static function."""
    functions, edges = {}, []
    for path in files:
        unit = re.sub(r"\.ci$", "", path.name)
        local = {}
        for line in path.read_text().splitlines():
            node = NODE.match(line)
            if node:
                title, label, external = node.groups()
                frame = FRAME.search(label)
                if external or not frame:
                    continue
                name = label.split("\\n")[0]
                local[title] = Function(name, unit, int(frame.group(1)), frame.group(2))
                continue
            edge = EDGE.match(line)
            if edge:
                edges.append((path, edge.group(1), edge.group(2)))
        for title, function in local.items():
            functions[(path, title)] = function
            if ":" not in title:
                functions.setdefault((None, title), function)
    outside = {}
    for path, source, target in edges:
        caller = functions.get((path, source))
        if caller is None:
            continue
        if target == INDIRECT:
            caller.indirect = True
            continue
        callee = functions.get((path, target)) or functions.get((None, target))
        if callee is None:
            callee = outside.setdefault(target, Function(target, "libc", ASSUMED, "assumed"))
        caller.calls.add(callee)
    return set(functions.values()), set(outside.values())


def addresses_taken(image, files):
    """Names of functions that a pointer in the image's data or code refers to."""
    taken = set()
    for path in files:
        objects = [path.with_suffix(".obj"), path.with_suffix(".o")]
        for obj in filter(pathlib.Path.exists, objects):
            out = subprocess.run(["arm-none-eabi-objdump", "-r", obj], capture_output=True, text=True,
                                 check=True).stdout
            section = ""
            for line in out.splitlines():
                if line.startswith("RELOCATION RECORDS FOR ["):
                    section = line[line.index("[") + 1:line.rindex("]")]
                parts = line.split()
                if len(parts) == 3 and parts[1] in ("R_ARM_ABS32", "R_ARM_MOVW_ABS_NC",
                                                    "R_ARM_THM_MOVW_ABS_NC"):
                    if section.startswith((".debug", ".ARM")):
                        continue
                    target = re.sub(r"[+-]0x[0-9a-f]+$", "", parts[2])
                    own = re.sub(r"^\.text\.", "", section)
                    name = re.sub(r"^\.text\.", "", target)
                    if name != own and not name.startswith("."):
                        taken.add((path.stem, re.sub(r"\.\d+$", "", name)))
    return taken


def linked_names(image):
    out = subprocess.run(["arm-none-eabi-nm", image], capture_output=True, text=True,
                         check=True).stdout
    # GCC numbers the copies it makes of a function (name.part.0); the graph has no number.
    return {re.sub(r"\.\d+$", "", line.split()[-1]) for line in out.splitlines()
            if line.split()[-2] in "tTwW"}


def read_edges(path):
    rules, groups = [], {}
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        match = re.match(r"^(@?(?:[\w.]+:)?[\w.]+\??):(?:\s+(.*))?$", line)
        if not match:
            raise Problem(f"{path}:{number}: not understood: {line}")
        key, words = match.group(1), []
        for word in (match.group(2) or "").split():
            if word.startswith("@") and word not in groups:
                raise Problem(f"{path}:{number}: {word} has no line above")
            words += groups.get(word, [word])
        if key.startswith("@"):
            groups[key] = words
        else:
            rules.append((f"{path}:{number}", key, words))
    return rules


class Analysis:
    def __init__(self, image, edges):
        self.image = pathlib.Path(image)
        self.problems, self.absent = [], set()  # absent: what a build option left out
        files = graph_files(image)
        linked = linked_names(image)
        functions, self.outside = read_graph(files)
        # GCC keeps a graph of what the linker dropped; only what is linked counts.
        self.functions = {f for f in functions if f.name in linked}
        self.parts = {re.sub(r"\.ci$", "", p.name): a for p, a in files.items()}
        self.by_name = collections.defaultdict(list)
        for function in self.functions:
            self.by_name[function.name].append(function)
            self.by_name[f"{function.unit}:{function.name}"].append(function)
        self.roots, self.interrupts, self.limits = [], [], {}
        self.apply(read_edges(edges), addresses_taken(image, files))
        self.measure()

    def find(self, where, name):
        found = self.by_name.get(name.rstrip("?"), [])
        if not found and name.endswith("?"):
            self.absent.add(name)
            return None
        if len(found) != 1:
            self.problems.append(f"{where}: {name}: " + ("no such function in the image" if not found
                                 else "not unique, write " + " or ".join(
                                     f"{f.unit}:{f.name}" for f in found)))
            return None
        return found[0]

    def apply(self, rules, taken):
        named, answered = set(), set()
        for where, key, words in rules:
            if key == "recursion":
                function = self.find(where, words[0])
                if function:
                    self.limits[function] = int(words[1])
                continue
            targets = [f for f in (self.find(where, w) for w in words) if f]
            named.update(targets)
            if key == "root":
                self.roots += targets
            elif key == "interrupt":
                self.interrupts += targets
            elif key != "outside":
                caller = self.find(where, key)
                if caller:
                    if not caller.indirect and not key.endswith("?"):
                        self.problems.append(f"{where}: {key} calls nothing through a pointer")
                    answered.add(caller)
                    caller.calls.update(targets)
        for function in sorted(self.functions, key=str):
            if function.indirect and function not in answered:
                self.problems.append(f"{function.unit}:{function}: calls through a pointer, "
                                     "and no line says what")
            if function.kind == "dynamic":
                self.problems.append(f"{function.unit}:{function}: a frame without bound")
        for unit, name in sorted(taken):
            function = next((f for f in self.by_name.get(name, []) if f.unit == unit),
                            next(iter(self.by_name.get(name, [])), None))
            if function and function not in named:
                self.problems.append(f"{function.unit}:{name}: its address is taken (in {unit}), "
                                     "and no line names it")
        if not self.roots:
            self.problems.append("no root")

    def measure(self):
        """Depth of every function: its frame and the deepest of what it calls."""
        for component in components(self.functions | self.outside):
            own = sum(f.frame for f in component)
            cycle = len(component) > 1 or any(f in f.calls for f in component)
            if cycle:
                limit = min((self.limits[f] for f in component if f in self.limits), default=None)
                if limit is None:
                    self.problems.append("a cycle of calls: "
                                         + ", ".join(sorted(map(str, component))))
                    limit = 1
                own *= limit
            below = max((c for f in component for c in f.calls if c not in component),
                        key=lambda c: c.depth, default=None)
            for function in component:
                function.depth = own + (below.depth if below else 0)
                function.next = below

    def deepest(self):
        main = max(self.roots, key=lambda f: f.depth)
        interrupt = max(self.interrupts, key=lambda f: f.depth, default=None)
        extra = interrupt.depth + EXCEPTION_FRAME if interrupt else 0
        return main, interrupt, main.depth + extra


def components(functions):
    """Strongly connected components, callees first (Tarjan's algorithm, without recursion)."""
    index, low, on_stack, stack, result = {}, {}, set(), [], []
    for start in functions:
        if start in index:
            continue
        work = [(start, iter(start.calls))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, calls = work[-1]
            for callee in calls:
                if callee not in index:
                    index[callee] = low[callee] = len(index)
                    stack.append(callee)
                    on_stack.add(callee)
                    work.append((callee, iter(callee.calls)))
                    break
                if callee in on_stack:
                    low[node] = min(low[node], index[callee])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    component = set()
                    while node not in component:
                        component.add(stack.pop())
                    on_stack -= component
                    result.append(component)
    return result


def chain(function):
    while function:
        yield function
        function = function.next


def main():
    verbose = "-v" in sys.argv
    image, edges = [a for a in sys.argv[1:] if a != "-v"]
    try:
        analysis = Analysis(image, edges)
    except Problem as why:
        sys.exit(f"stack: {why}")
    for line in analysis.problems:
        print(f"stack: {line}", file=sys.stderr)
    if not analysis.roots:
        return 1
    deep, interrupt, total = analysis.deepest()
    print(f"deepest stack {total} bytes: {deep} {deep.depth}"
          + (f", interrupt {interrupt} {interrupt.depth} + {EXCEPTION_FRAME}" if interrupt else ""))
    if verbose:
        for function in chain(deep):
            print(f"  {function.depth:6} {function.frame:6}  {function.unit}:{function}")
    return 1 if analysis.problems else 0


if __name__ == "__main__":
    sys.exit(main())
