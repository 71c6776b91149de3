"""A board's serial console as a test sees it: start, read_until, send, kill, wait.

Console runs any program whose standard input and output are the serial line:
the host board's program as it is, an emulated board through a subclass that
makes the command line (qemu_sf2.QemuSf2). Every call has a time limit, the
process is ended by its own id, and it does not outlive the test.

    with Console(["build/host/boards/host/appliance", "--flash", image]) as board:
        board.read_until("ready")
        board.send("show")
        text = board.read_until(r"EnrollmentAgent.*\\n", timeout=5)
        board.kill()                  # power cut
"""
import ctypes
import os
import re
import signal
import subprocess
import threading
import time

PR_SET_PDEATHSIG = 1
FOLD = re.compile(r"\r\n {4}(?=\S)")
_libc = ctypes.CDLL(None)


class ConsoleError(AssertionError):
    """The board did not do what was waited for; the text shows what it said last."""


class Console:
    SETTLE = 0.0  # seconds between kill() and the signal

    def __init__(self, argv=None, cwd=None, env=None, life=300.0):
        """`life`: seconds after which the process is killed whatever happens."""
        self.argv = argv
        self.cwd = cwd
        self.env = env
        self.life = life
        self.transcript = ""  # all that came since the first start
        self._process = None
        self._at = 0  # what read_until has given out of the transcript
        self._news = threading.Condition()
        self._open = False
        self._timer = None
        self._reader = None

    # ---- life ----

    def command(self):
        """The command line; a subclass makes its own."""
        return [str(word) for word in self.argv]

    def start(self):
        if self.running():
            raise ConsoleError("already running")
        self._end_threads()
        self.unread()  # the last life's prompt is not this one's
        argv = self.command()
        # A worker thread may end before the test does; then the kernel must not act on it.
        tie = threading.current_thread() is threading.main_thread()
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=self.cwd, env=self.env, bufsize=0,
            preexec_fn=(lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)) if tie else None)
        self._open = True
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        self._timer = threading.Timer(self.life, self._process.kill)
        self._timer.daemon = True
        self._timer.start()
        return self

    @property
    def pid(self):
        return self._process.pid if self._process else None

    def running(self):
        return self._process is not None and self._process.poll() is None

    def kill(self):
        """Cuts the power: SIGKILL, and waits until the process is gone."""
        if self._process is None:
            return
        if self.SETTLE:
            time.sleep(self.SETTLE)
        if os.environ.get("RA_COUNTED"):  # check_coverage.py: it writes its counters as it ends
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        self._process.kill()
        self._process.wait(10)
        self._end_threads()

    def wait(self, timeout=10.0):
        """Waits for the program to end by itself; returns its exit code."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self._fail(f"did not end within {timeout} s")
        self._end_threads()
        return code

    def __enter__(self):
        if not self.running():
            self.start()
        return self

    def __exit__(self, *_):
        if self.running():
            self.kill()
        self._end_threads()

    # ---- talk ----

    def read_until(self, pattern, timeout=10.0):
        """Waits for a regular expression in what was not read yet. Returns the text up
        to the end of the match and steps behind it. On time-out or end: ConsoleError."""
        wanted = re.compile(pattern)
        end = time.monotonic() + timeout
        with self._news:
            while True:
                match = wanted.search(self.transcript, self._at)
                if match:
                    text = self.transcript[self._at:match.end()]
                    self._at = match.end()
                    return text
                if not self._open:
                    self._fail(f"ended without {pattern!r}")
                left = end - time.monotonic()
                if left <= 0:
                    self._fail(f"no {pattern!r} within {timeout} s")
                self._news.wait(left)

    def unread(self):
        """What came and was not given out yet, without waiting."""
        with self._news:
            text = self.transcript[self._at:]
            self._at = len(self.transcript)
            return text

    def send(self, line, end="\r"):
        """Sends a line as a terminal does; `end=""` for bare characters."""
        data = line if isinstance(line, bytes) else line.encode()
        try:
            self._process.stdin.write(data + end.encode())
        except (BrokenPipeError, ValueError):
            self._fail("the program is gone")

    def ask(self, line, pattern, timeout=10.0):
        """send, then read_until."""
        self.send(line)
        return self.read_until(pattern, timeout)

    # ---- inside ----

    def _read(self, process):
        while True:
            data = os.read(process.stdout.fileno(), 65536)
            with self._news:
                if not data:
                    self._open = False
                    self._news.notify_all()
                    return
                # A sentence that went on in the next row (ra_console.c) is one line to a test.
                self.transcript = self.transcript[:self._at] + FOLD.sub(
                    " ", self.transcript[self._at:] + data.decode("utf-8", "backslashreplace"))
                self._news.notify_all()

    def _end_threads(self):
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._reader:
            self._reader.join(5)
            self._reader = None
        if self._process and self._process.poll() is not None:
            for stream in (self._process.stdin, self._process.stdout):
                if stream:
                    stream.close()

    def _fail(self, what):
        tail = "".join(f"    {line}\n" for line in self.transcript.splitlines()[-25:])
        raise ConsoleError(f"{what}; the board's last words:\n{tail}")
