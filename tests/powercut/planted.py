#!/usr/bin/env python3
"""Plants bugs, most of them others have had, one at a time, in a copy of the tree: powercut must find each.

    planted.py [NAME ...]

Each bug is a few lines to look for and what stands there instead; when they are not found, or not
just once, that is a failure. The copy is under build/planted. A cut of an operation that there is not must fail too. Only the file touched is compiled again,
the rest comes from build/host. Each failure is then had again by the arguments that it printed, with
the bug, and is not there without it.
"""
# timeout: 300
import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / 'build/host'
TARGET = 'powercut/powercut'
LIBRARY = 'small_perennial'  # what it links
COPY = ROOT / 'build/planted'
NOTHING = ['replay', '0:0:0:9999:0:0:0:0']  # what must fail without a bug too
FOLDERS = ('firmware', 'crypto', 'hal', 'boards')
REPLAY = re.compile(r'replay: powercut ((?:replay|flips|repeats|counters) .*?--seed \d+(?: --\w+ \d+)*)')
STORE = 'firmware/store/ra_store.c'
INSTALL = 'firmware/renewal/ra_install.c'
WORK = 'firmware/renewal/ra_work.c'
SAMPLE = ['sample', '--seed', '3', '--share', '50']

# name: (what happened to whom, file, [(there, planted)], arguments for powercut)
BUGS = {
    'marker_by_its_magic': (
        'a torn marker counts: MCUboot issue 1966', STORE,
        [('    if (difference == 0) {\n        return 1;',
          '    if (difference == 0 || get16(h) == MAGIC) {\n        return 1;')],
        SAMPLE),
    'bank_before_its_copies': (
        'the second bank counts before it is complete: wolfBoot issue 406', STORE,
        [('            s->copy_index = 0;\n            s->copy_pos = SLOTS * s->head;\n            copy_on(s);',
          '            s->copy_pos = SLOTS * s->head + s->live;\n            ready_begin(s);'),
         ('            io_bank(s, &s->target, 2);\n            s->job = JOB_BANK_AGAIN;',
          '            s->copy_index = 0;\n            s->copy_pos = SLOTS * s->head;\n            copy_on(s);'),
         ('    } else {\n        ready_begin(s);\n    }',
          '    } else {\n        io_bank(s, &s->target, 2);\n        s->job = JOB_BANK_AGAIN;\n    }'),
         ('    b->believed = b->ready && bank_followed(s, b);', '    b->believed = b->ready;')],
        SAMPLE + ['--story', '1']),
    'old_bank_erased_first': (
        'the old copy goes before the new one is there: FlashDB issues 67 and 383', STORE,
        [('overlap(first * size, sectors * size, s->active.base, s->active.size)', 'false'),
         ('    uint32_t after = (s->active.base + s->active.size) / size;',
          '    uint32_t after = s->active.base / size;')],
        SAMPLE),
    'order_without_sequence': (
        'which sector is newer is guessed: FlashDB issue 347', STORE,
        [('b->believed != 0 && b->seq > s->active.seq', 'b->believed != 0 && s->active.seq == 0')],
        SAMPLE),
    'sequence_of_8_bits': (
        '256 cuts at one point wrap a counter: Zephyr issue 84874', STORE,
        [('b->believed != 0 && b->seq > s->active.seq',
          'b->believed != 0 && (uint8_t)b->seq > (uint8_t)s->active.seq')],
        ['repeats', '--geometry', '0']),
    'header_not_bound_to_its_place': (
        'data is taken for metadata: Zephyr issues 87809 and 119632', STORE,
        [('    put32(place, at);', '    put32(place, 0 * at);'), ('    put32(p, b->salt);', '    put32(p, 0);'),
         ('    put32(p + 4, b->seq);', '    put32(p + 4, 0);')],
        SAMPLE + ['--start', '4']),
    'blank_by_the_first_byte': (
        'what is partly programmed counts as unwritten: littlefs issue 245', STORE,
        [('    return size == 0 || (p[0] == s->flash->erased && memcmp(p, p + 1, size - 1u) == 0);',
          '    return size == 0 || p[0] == s->flash->erased;')],
        SAMPLE),
    'torn_log_goes_on': (
        'cells in between are relied on: littlefs issue 671', STORE,
        [('    s->unclean = 1;', '    s->unclean = 0;')],
        SAMPLE),
    'roles_switch_one_by_one': (
        'one goes back and the other does not: littlefs issue 899', INSTALL,
        [('           (ra_roles_paired(i, leader) && ra->renewal[i].state == RA_STATE_READY &&',
          '           (false && ra_roles_paired(i, leader) && ra->renewal[i].state == RA_STATE_READY &&')],
        SAMPLE),
    'first_request_forgotten': (
        'of a role without a certificate what was asked for does not count', WORK,
        [('slot->active != 0 || (open && r->txn.first);', 'slot->active != 0;')],
        SAMPLE + ['--story', '12']),
    'first_key_forgotten': (
        'after a reset another key is made', WORK,
        [('        found->key = e == RA_OK;', '        found->key = false;')],
        SAMPLE + ['--story', '14']),
    'erasing_without_its_mark': (
        'keys are dropped before flash says why', 'firmware/renewal/ra_erase.c',
        [('ra_erase_found(ra) ? DROP : MARK;', 'DROP;')],
        SAMPLE + ['--story', '15']),
    'erasing_leaves_the_cells': (
        'what was dropped stays in the banks', STORE,
        [('s->flash->sector_count / s->bank_sectors + 1u, 255u', '1u, 255u')],
        SAMPLE + ['--story', '15', '--geometry', '0']),
    'cuts_that_do_not_fire': (
        'the power-fail test cuts nothing for a while: wolfBoot pull request 315', 'boards/host/nor_model.c',
        [('m->operations != m->cut_at', 'm->operations != m->cut_at + 1u')],
        SAMPLE + ['--geometry', '0', '--start', '0', '--story', '0']),
    'second_torn_header': (
        'a header torn behind a torn one is programmed again where it reads erased: ours', STORE,
        [('s->pos = from + (s->pos - from + s->head - 1u) / s->head * s->head;',
          's->pos = in_units(s->flash, s->pos > from + s->head ? s->pos : from + s->head);')],
        ['markers', '--geometry', '7', '--start', '0', '--story', '15']),
}
NOT_FIRED = 'a planned cut did not fire'


def commands():
    """How to compile a file of powercut, and how to link it."""
    with open(BUILD / 'compile_commands.json', encoding='utf-8') as f:
        compile_ = {c['file']: c['command'] for c in json.load(f)
                    if re.search(r'/(%s|powercut)\.dir/' % LIBRARY, c['command'])}
    link = subprocess.run(['ninja', '-C', BUILD, '-t', 'commands', TARGET], capture_output=True,
                          text=True, check=True).stdout.strip().splitlines()[-1]
    return compile_, link.removeprefix(': && ').removesuffix(' && :')


def build(name, file, changes):
    """The program with the bug; a text when it cannot be planted."""
    tree = COPY / name
    shutil.rmtree(tree, ignore_errors=True)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder)
    text = (tree / file).read_text(encoding='utf-8')
    for there, planted in changes:
        if text.count(there) != 1:
            return None, 'stands %d times in %s: %r' % (text.count(there), file, there)
        text = text.replace(there, planted)
    (tree / file).write_text(text, encoding='utf-8')
    compile_, link = commands()
    words = shlex.split(compile_[str(ROOT / file)])
    words[words.index('-o') + 1] = str(tree / 'planted.o')
    words = [w.replace(str(ROOT) + '/', str(tree) + '/', 1)
             if any('%s/%s' % (ROOT, folder) in w for folder in FOLDERS) else w for w in words
             if not w.startswith(('-fcallgraph', '-fstack-usage', '-W'))]
    done = subprocess.run(words + ['-w'], cwd=BUILD, capture_output=True, text=True)
    if done.returncode == 0:
        words = [w for w in shlex.split(link) if not w.endswith('/%s.o' % file)]
        out = words.index('-o') + 1
        words[out:out + 1] = [str(tree / 'powercut'), str(tree / 'planted.o')]  # before the archives
        done = subprocess.run(words, cwd=BUILD, capture_output=True, text=True)
    return (tree / 'powercut', '') if done.returncode == 0 else (None, done.stdout + done.stderr)


def run(program, arguments):
    try:
        done = subprocess.run([program, *arguments, '--stop'], capture_output=True, text=True, timeout=200,
                              errors='replace')
    except subprocess.TimeoutExpired:
        return 0, 'no end within 200 s'
    return done.returncode, done.stdout + done.stderr


def plant(name):
    """What is wrong, '' when the bug was found; and how it was."""
    _, file, changes, arguments = BUGS[name]
    program, why = build(name, file, changes)
    if not program:
        return why, ''
    code, out = run(program, arguments)
    found = re.search(r'FAIL: (.*)', out)
    if code == 0 or not found:
        return 'not found:\n' + out[-600:], ''
    again = REPLAY.search(out)
    if not again and found.group(1) == NOT_FIRED:
        return '', NOT_FIRED
    if not again:
        return 'found, and nothing says how to have it again:\n' + out[-600:], ''
    words = again.group(1).split()
    code, out = run(program, words)
    if code == 0 or 'FAIL: ' not in out:
        return 'found, and not again by %s:\n%s' % (again.group(1), out[-600:]), ''
    code, out = run(BUILD / TARGET, words)
    if code != 0:
        return 'there without the bug too, by %s:\n%s' % (again.group(1), out[-600:]), ''
    return '', found.group(1)


def main():
    names = sys.argv[1:] or list(BUGS)
    bad = 0
    if NOTHING:
        code, out = run(BUILD / TARGET, NOTHING)
        bad = code == 0 or '0 fired' not in out
        print('%s a cut of an operation that there is not is %s' % (('FAIL', 'taken for one') if bad else
                                                                    ('ok  ', 'a failure')))
    found = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for name, (wrong, how) in zip(names, pool.map(plant, names)):
            bad += bool(wrong)
            found += not wrong
            print('%s %-30s %s\n     %s' % ('FAIL' if wrong else 'ok  ', name, BUGS[name][0], wrong or 'found: ' + how),
                  flush=True)
    print('count: %d planted bugs, %d found and replayed; %.0f s of processor' % (
        len(names), found, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime))
    print('%d passed, %d failed' % (len(names) + bool(NOTHING) - bad, bad))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
