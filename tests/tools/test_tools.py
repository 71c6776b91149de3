#!/usr/bin/env python3
"""The checks can fail: each is given something it must complain about, and something fine."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent))
import check_imports   # noqa: E402
import check_includes  # noqa: E402
import fetch           # noqa: E402
import linkmap         # noqa: E402
import noheap          # noqa: E402
import run             # noqa: E402
import stack           # noqa: E402


class Folder(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.root = pathlib.Path(held.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


class Imports(unittest.TestCase):
    def test_unused(self):
        self.assertEqual(check_imports.unused(
            "import os\nimport http.server\nfrom a import b, c as d\nprint(http.x, b)\n"),
            [(1, "os"), (3, "d")])


class Includes(Folder):
    def complaints(self, files):
        for name in ("hal/hal_x.h", "crypto/ra_key.h", "firmware/ra_error.h",
                     "firmware/http/ra_http.h", "firmware/pki/ra_der.h",
                     "firmware/renewal/ra_states.h", "firmware/perennial.h"):
            self.write(name, "")
        for name, text in files.items():
            self.write(name, text)
        return check_includes.check(self.root)[0]

    def test_fine(self):
        self.assertEqual(self.complaints({
            "crypto/ra_key.c": "#include <wolfssl/wolfcrypt/rsa.h>\n#include \"hal_x.h\"\n",
            "firmware/net/ra_net.c": "#include <lwip/tcp.h>\n#include \"ra_error.h\"\n",
            "firmware/http/ra_http.c": "#include <picohttpparser.h>\n#include <string.h>\n",
            "firmware/pki/ra_der.c": "#include \"ra_key.h\"\n#include <stdint.h>\n",
            "firmware/appliance/ra_a.c": "#include \"perennial.h\"\n",
            "boards/b/main.c": "#include <unistd.h>\n#include \"anything.h\"\n"}), [])

    def test_each_rule(self):
        for name, text in (
                ("firmware/http/ra_http.c", "#include <lwip/tcp.h>\n"),
                ("firmware/http/ra_http.c", "#include <wolfssl/wolfcrypt/rsa.h>\n"),
                ("firmware/pki/ra_der.c", "#include <wolfssl/wolfcrypt/asn.h>\n"),
                ("firmware/pki/ra_der.c", "#  include <stdio.h>\n"),
                ("firmware/pki/ra_der.c", "#include <picohttpparser.h>\n"),
                ("firmware/pki/ra_der.c", "#include \"ra_http.h\"\n"),
                ("firmware/pki/ra_der.c", "#include \"pki/ra_der.h\"\n"),
                ("firmware/http/ra_http.c", "#include \"ra_states.h\"\n"),
                ("firmware/http/ra_http.c", "#include \"perennial.h\"\n"),
                ("crypto/ra_key.c", "#include \"ra_der.h\"\n"),
                ("crypto/ra_key.c", "#include <stdlib.h>\n"),
                ("hal/hal_y.h", "#include \"ra_error.h\"\n"),
                ("hal/hal_y.h", "#include <string.h>\n"),
                ("boards/b/main.c", "#include <lwip/tcp.h>\n"),
                ("firmware/new/ra_new.c", "#include <stdint.h>\n"),
                ("firmware/pki/ra_http.h", "\n")):
            with self.subTest(name=name, text=text):
                self.assertEqual(len(self.complaints({name: text})), 1)
                (self.root / name).unlink()


class Heap(Folder):
    def found(self, source):
        path = self.write("a.c", source)
        subprocess.run(["gcc", "-c", "-fno-builtin", path, "-o", self.root / "a.o"], check=True)
        return [(verb, name) for _, verb, name in noheap.offenders("nm", self.root / "a.o")[0]]

    def test_fine(self):
        self.assertEqual(self.found("int free_slots(void); int ra_free; int f(void)"
                                    "{ return free_slots() + ra_free; }"), [])

    def test_refers(self):
        for name in ("malloc", "calloc", "realloc", "free", "sbrk", "_sbrk", "_malloc_r", "_free_r",
                     "_realloc_r", "_calloc_r", "_sbrk_r", "strdup", "__libc_malloc",
                     "posix_memalign"):
            with self.subTest(name=name):
                self.assertEqual(self.found(f"int {name}(void); int f(void)"
                                            f"{{ return {name}(); }}"), [("refers to", name)])

    def test_holds(self):
        self.assertEqual(self.found("void *_sbrk(int n) { (void)n; return 0; }"),
                         [("holds", "_sbrk")])

    def test_nothing_to_look_at(self):
        with self.assertRaises(SystemExit):
            self.found("typedef int nothing;")


class Stack(Folder):
    """A small image for the Cortex-M3, whose frames are known from the source."""

    SOURCE = """
        __attribute__((noinline)) static int leaf(volatile char *p) { volatile char a[1000];
            a[0] = *p; return a[0]; }
        __attribute__((noinline)) static int small(volatile char *p) { return *p; }
        int (*volatile chosen)(volatile char *) = leaf;
        int (*volatile other)(volatile char *) = small;
        __attribute__((noinline)) int by_pointer(volatile char *p) { return chosen(p) + other(p); }
        __attribute__((noinline)) int again(int n, volatile char *p) { volatile char a[100];
            a[0] = *p; return n ? again(n - 1, a) + a[0] : 0; }
        void irq(void) { volatile char a[200]; a[0] = 1; }
        int start(void) { volatile char a[500]; a[0] = 1;
            return by_pointer(a) + a[1]%s; }
        """

    def analyse(self, edges, extra=""):
        flags = ["-mcpu=cortex-m3", "-mthumb", "-Os", "-ffunction-sections"]
        self.write("CMakeCache.txt", "")
        self.write("compile_commands.json", '[{"command": "gcc -o a.o -c a.c"}]')
        self.write("a.c", self.SOURCE % extra)
        subprocess.run(["arm-none-eabi-gcc", *flags, "-fno-optimize-sibling-calls",
                        "-fcallgraph-info=su,da", "-c", "a.c", "-o", "a.o"], cwd=self.root, check=True)
        subprocess.run(["arm-none-eabi-gcc", *flags, "-nostdlib", "-Wl,-e,start,-u,irq",
                        "-Wl,--gc-sections,-Map=a.elf.map", "a.o", "-o", "a.elf"], cwd=self.root,
                       check=True)
        return stack.Analysis(self.root / "a.elf", self.write("edges", edges))

    FINE = "root: start\ninterrupt: irq\n@both: leaf small\nby_pointer: @both\n"

    def test_depth(self):
        analysis = self.analyse(self.FINE)
        self.assertEqual(analysis.problems, [])
        deep, interrupt, total = analysis.deepest()
        self.assertEqual([f.name for f in stack.chain(deep)], ["start", "by_pointer", "leaf"])
        self.assertEqual(interrupt.name, "irq")
        self.assertIn(total, range(500 + 1000 + 200 + 36, 500 + 1000 + 200 + 36 + 80))

    def test_missing_edge(self):
        analysis = self.analyse("root: start\ninterrupt: irq\n")
        self.assertEqual(len(analysis.problems), 3)  # the call, and two addresses taken

    def test_missing_target(self):
        analysis = self.analyse("root: start\ninterrupt: irq\nby_pointer: small\n")
        self.assertEqual(len(analysis.problems), 1)
        self.assertIn("leaf", analysis.problems[0])

    def test_stale_line(self):
        self.assertEqual(len(self.analyse(self.FINE + "gone: leaf\n").problems), 1)
        self.assertEqual(len(self.analyse(self.FINE + "irq: leaf\n").problems), 1)

    def test_recursion(self):
        analysis = self.analyse(self.FINE, extra=" + again(a[2], a)")
        self.assertEqual(len(analysis.problems), 1)
        self.assertIn("cycle", analysis.problems[0])
        analysis = self.analyse(self.FINE + "recursion: again 20\n", extra=" + again(a[2], a)")
        self.assertEqual(analysis.problems, [])
        self.assertGreater(analysis.deepest()[2], 500 + 20 * 100)

    def test_map(self):
        self.analyse(self.FINE)
        pieces = linkmap.read(self.root / "a.elf.map")
        size = {p.section: p.size for p in pieces if p.object.name == "a.o"}
        self.assertEqual(size[".data"] if ".data" in size else size[".data.chosen"], 8)
        self.assertNotIn(".text.again", size)


class Runner(unittest.TestCase):
    def judged(self, output, code, cmocka=False):
        test = run.Test("t", ["true"], cmocka=cmocka)
        test.output = output
        test.judge(code)
        return test.passed, test.failed

    def test_counts(self):
        both = "[  PASSED  ] 2 test(s).\n[  FAILED  ] 1 test(s), listed below:\n"
        for output, code, cmocka, expected in (
                ("", 0, False, (1, 0)),
                ("", 3, False, (0, 1)),
                ("7 passed, 0 failed\n", 0, False, (7, 0)),
                ("7 passed, 2 failed\n", 1, False, (7, 2)),
                ("7 passed, 0 failed\n", 1, False, (7, 1)),
                ("0 passed, 0 failed\n", 0, False, (0, 1)),
                ("[  PASSED  ] 2 test(s).\n", 0, True, (2, 0)),
                (both, 1, True, (2, 1)),
                ("[  PASSED  ] 2 test(s).\n", -11, True, (2, 1)),
                ("", 0, True, (0, 1)),
                ("[  PASSED  ] 2 test(s).\n" + both, 1, True, (4, 1))):
            with self.subTest(output=output, code=code):
                self.assertEqual(self.judged(output, code, cmocka), expected)

    def test_killed(self):
        test = run.Test("t", ["sleep", "30"], timeout=1)
        test.run()
        self.assertEqual((test.passed, test.failed), (0, 1))


class Names(unittest.TestCase):
    def test_no_script_hides_a_module_of_python(self):
        scripts = sorted(p for p in HERE.parent.rglob("*.py"))
        self.assertGreater(len(scripts), 10)
        self.assertEqual([str(p) for p in scripts if p.stem in sys.stdlib_module_names], [])


class Fetch(Folder):
    def test_altered_file(self):
        path = self.write("a", "abc")
        self.assertTrue(fetch.good(path, "ba7816bf8f01cfea414140de5dae2223"
                                         "b00361a396177a9cb410ff61f20015ad"))
        path.write_text("abd")
        self.assertFalse(fetch.good(path, "ba7816bf8f01cfea414140de5dae2223"
                                          "b00361a396177a9cb410ff61f20015ad"))
        self.assertFalse(fetch.good(path, None))

    def test_held(self):
        need = fetch.Need("x", "x", "5.7.2", (), "x.c")
        self.assertFalse(fetch.held(need, self.root))
        self.write("x.c", "")
        self.assertFalse(fetch.held(need, self.root))
        for version, enough in (("5.7.2-0.1+deb13u2", True), ("5.9.2-1.2", True),
                                ("5.5.4-2+deb12u2", False), ("1:5.10.0-1", True)):
            self.write(".origin", f"x {version} trixie, with Debian's changes\n")
            self.assertEqual(fetch.held(need, self.root), enough, version)

    def test_incomplete(self):
        self.write("d/x_1.orig.tar.gz", "")
        need = fetch.Need("x", "x", "1", (), "x.c")
        files = {"x_1.orig.tar.gz": "", "x_1-1.debian.tar.xz": "", "x_1-1.dsc": ""}
        with self.assertRaises(fetch.Failed):
            fetch.unpack(need, "1-1", files, self.root / "d", self.root / "to")


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)
