#!/usr/bin/env python3
"""Every test that docs/security.md names for a promise exists, and every promise names one.

`FOLDER/NAME` is what tests/run.py lists; `unit/NAME:FUNCTION` one test of that suite, registered.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = '| promise | held by |', '\n\n'


def wrong(name, listed):
    """What is wrong with a name, or None."""
    test, _, function = name.partition(':')
    if test not in listed:
        return 'tests/run.py has no %s' % test
    if function:
        suite = ROOT / 'tests/unit' / ('test_%s.c' % test.removeprefix('unit/'))
        text = suite.read_text(encoding='utf-8') if suite.exists() else ''
        if not re.search(r'(cmocka_unit_test\w*|TEST)\(%s[,)]' % re.escape(function), text):
            return '%s has no test %s' % (suite.name, function)
    return None


def main():
    text = (ROOT / 'docs/security.md').read_text(encoding='utf-8')
    rows = text[text.index(BEGIN):].split(END, 1)[0].splitlines()[2:]
    listed = set(subprocess.run([sys.executable, ROOT / 'tests/run.py', '--list'], capture_output=True, text=True,
                                check=True).stdout.split())
    names, bad = 0, []
    for row in rows:
        promise, held_by = [cell.strip() for cell in row.strip('|').split(' | ', 1)] if ' | ' in row else (row, '')
        found = re.findall(r'`([a-z0-9_]+/[a-z0-9_]+(?::\w+)?)`', held_by)
        names += len(found)
        if not found and not promise.startswith('**'):
            bad.append('no test holds: ' + promise)
        bad += [why for why in (wrong(name, listed) for name in found) if why]
    for why in bad:
        print('docs/security.md: ' + why)
    print('count: %d promises, %d tests named for them' % (sum(not r.startswith('| **') for r in rows), names))
    return 1 if bad or names < 30 else 0


if __name__ == '__main__':
    sys.exit(main())
