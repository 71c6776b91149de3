"""How a script of tests/e2e tries its cases, each whatever became of the one before it."""

import signal
import time

from console import ConsoleError


def limit(seconds):
    """After so many seconds of the whole script whatever waits ends with a ConsoleError."""
    def out_of_time(*_):
        raise ConsoleError('out of time')
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(seconds)


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def case(self, name, call, *arguments):
        begin = time.monotonic()
        try:
            call(*arguments)
            self.passed += 1
            print('  ok   %-20s %.1f s' % (name, time.monotonic() - begin), flush=True)
        except (ConsoleError, AssertionError) as why:
            self.failed += 1
            print('  FAIL %s: %s' % (name, why), flush=True)

    def end(self):
        """The line that tests/run.py counts; the exit code."""
        print('%d passed, %d failed' % (self.passed, self.failed))
        return 1 if self.failed else 0
