#!/usr/bin/env python3
"""A reset before and after every HTTP exchange of a SCEP renewal with a pending request.

The pair is renewed at the SCEP stand-in, one of the two after the CA manager's approval. For each
exchange there are two runs: in one the appliance is ended when the server has the request and has
not answered, in the other when it has. The next boot must end in one valid new pair, and the CA
must have been asked for no more than the lost answer calls for.
"""
# timeout: 300
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
import lab  # noqa: E402  (the path comes first)
import words  # noqa: E402
from console import ConsoleError  # noqa: E402

LEAF = {'agent': 'agent', 'encryption': 'cep'}


class Story:
    """One renewal; `cut` is (stage, number of the exchange) or None."""

    def __init__(self, the_lab, cut):
        self.lab, self.cut, self.n = the_lab, cut, 0
        self.here, self.gone = threading.Event(), threading.Event()
        self.lock = threading.Lock()
        the_lab.ca.core.hook = self.hook
        the_lab.ca.mode('issue')
        the_lab.ca.mode('pend', template='cep')
        self.old = {role: the_lab.old(leaf).sha1 for role, leaf in LEAF.items()}
        self.issued = {leaf: len(the_lab.ca.issued(leaf)) for leaf in LEAF.values()}

    def hook(self, stage):
        with self.lock:
            if stage == 'before':
                self.n += 1
            mine = (stage, self.n) == self.cut and not self.here.is_set()
        if mine:
            self.here.set()
            self.gone.wait(20)

    def start(self, image):
        return self.lab.board('host', image, life=60, options=['--time', 'now'])

    def finish(self, board):
        """Approves what waits, asks, until both are new; how they are served."""
        end = time.monotonic() + 40
        ask_at = None  # again and again: while the request is on its way it is not listened to
        while time.monotonic() < end:
            if self.here.is_set() and not self.gone.is_set():
                return None
            for request in self.lab.ca.pending('cep'):
                self.lab.ca.mode('issue', template='cep')
                self.lab.ca.approve(request.id)
                ask_at = time.monotonic()
            if ask_at is not None and time.monotonic() >= ask_at:
                words.command(board, words.ASK_NOW)
                ask_at = time.monotonic() + 2
            shown = words.show(board)[1]
            if all('thumbprint' in shown.get(role, {}) for role in self.old):
                served = {role: shown[role]['thumbprint'] for role in self.old}
                new = [role for role in served if served[role] != self.old[role]]
                if len(new) == 2:
                    return served
            time.sleep(0.1)
        raise ConsoleError('not renewed: ' + words.show(board)[0][-900:])

    def run(self, image):
        self.lab.provision('host', image, config=dict(self.lab.config(), **{
            'sntp-server': 'none.invalid', 'attempts-per-day': '100'}))
        with self.start(image) as board:
            board.read_until(words.PROMPT, 20)
            served = None
            try:
                served = self.finish(board)
            except ConsoleError:
                if not self.here.is_set():
                    raise
            board.kill()
        if self.cut:
            if not self.here.is_set():
                raise ConsoleError('the reset did not come: %d exchanges' % self.n)
            self.gone.set()
            with self.start(image) as board:
                board.read_until(words.PROMPT, 20)
                served = self.finish(board)
                board.kill()
        issued = {role: [r.cert.sha1 for r in self.lab.ca.core.records.all] for role in LEAF}
        if served is None or any(served[role] not in issued[role] for role in served):
            raise ConsoleError('serves what nobody issued')
        for leaf, before in self.issued.items():
            if len(self.lab.ca.issued(leaf)) != before + 1:
                raise ConsoleError('%d certificates were issued for %s' % (
                    len(self.lab.ca.issued(leaf)) - before, leaf))
        if self.lab.ca.bad():
            raise ConsoleError('the CA finds fault: %s' % self.lab.ca.bad()[0])


def main():
    passed = failed = 0
    with lab.Lab(days_left=30, protocol='scep', ca_key='p256') as the_lab:
        whole = Story(the_lab, None)
        whole.run('whole.img')
        total = whole.n
        for n in range(1, total + 1):
            for stage in ('before', 'after'):
                try:
                    Story(the_lab, (stage, n)).run('%s-%d.img' % (stage, n))
                    passed += 1
                except ConsoleError as why:
                    failed += 1
                    print('FAIL  %s exchange %d: %s' % (stage, n, why), flush=True)
    print('count: %d exchanges, %d resets planned' % (total, 2 * total))
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed or passed != 2 * total else 0


if __name__ == '__main__':
    lab.enter()
    sys.exit(main())
