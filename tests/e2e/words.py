"""What the appliance's console says, in one place.

The end-to-end tests read the console by these patterns and these functions
only, so that a change of wording is a change here.
"""

import os
import re
import time

PROMPT = r'perennial> '
MORE = r'--more-- \(space, Enter, q\)'
ROLES = ('agent', 'encryption')
HEADING = {'agent': r'Enrollment Agent \(agent\)', 'encryption': r'CEP Encryption \(encryption\)',
           'device': r'Device \(device\)'}
TITLE = {'agent': 'Enrollment Agent', 'encryption': 'CEP Encryption', 'device': 'Device'}

READING = 'taking up where it stopped'
SERVING = 'serving'
PROBATION = 'serving, on probation'
PENDING = 'waiting for the CA manager'
READY = 'ready, waiting for the partner'
BACKOFF = 'waiting to try again'
EXPIRED = 'EXPIRED'

# Events, as they appear above the line being typed.
EVENT = {'begun': 'renewal begins', 'pending': 'the CA makes the request wait', 'issued': 'the CA issued the certificate',
         'ready': 'the new certificate passed every check',
         'switched': 'the new credential serves now', 'failed': 'renewal failed',
         'split': 'switched without its partner', 'rolled-back': 'back to the old credential'}

_ERRORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'firmware',
                       'ra_error.h')
RENEW = {'agent': 'renew agent', 'encryption': 'renew encryption', 'device': 'renew device'}
SHOW, SHOW_LOG, REBOOT, TIME = 'show', 'show log', 'reboot', 'time'
ASK_NOW = 'renew encryption'  # also asks at once for a request that is pending


def event(kind, role=None):
    """A pattern for an event's line; group 1 is the detail, if there is one."""
    return (r'[*!] [^\r\n]*' + (re.escape(TITLE[role]) + ': ' if role else '')
            + re.escape(EVENT[kind]) + r'[^\r\n]*')


def sentence(name):
    """The sentence of ra_error.h for an error's name without its prefix."""
    with open(_ERRORS) as source:
        found = re.search(r'X\(%s,[^"]*"((?:[^"\\\\]|\\\\.)*)"' % name, source.read())
    if not found:
        raise KeyError('ra_error.h has no ' + name)
    return found.group(1)


def clean(text):
    """Console text without what was taken off the terminal again (the prompt when an event came,
    the pager's question)."""
    return re.sub(r'[^\r\n]*\r +\r', '', text).replace('\r', '')


def command(board, line, timeout=20.0):
    """Sends a command; returns its output without echo and prompt."""
    board.unread()
    board.send(line)
    # The end of the line's echo (where a long line moves sideways, what follows is wiped first),
    # its output, then a prompt at the start of a line; between pages of output a question.
    echo = '[ \b]*'.join(re.escape(c) for c in line[-12:])
    board.read_until(echo + r'(?=\r*\n)', timeout)
    text = ''
    while not text.endswith('perennial> '):
        text += board.read_until(r'[\r\n](\[[^\n]*\] )?' + PROMPT + '$|' + MORE + '$', timeout)
        if text.endswith(MORE.replace('\\', '')):
            board.send(' ', end='')
    text = clean(text[text.index('\n') + 1:])
    return re.sub(r'(\[[^\n]*\] )?' + PROMPT + '$', '', text)


def credentials(text):
    """The output of `show` as {role: {field: value}}."""
    out, role = {}, None
    for line in clean(text).splitlines():
        for name, heading in HEADING.items():
            if re.match(heading, line.strip()):
                role = out.setdefault(name, {})
        found = re.match(r'  (state|subject|issuer|serial|thumbprint|valid|days left|'
                         r"window opens|next attempt|last failure|CA's status|CA's words)\s+(.*)$",
                         line)
        if found and role is not None:
            role[found.group(1)] = found.group(2).strip()
    for fields in out.values():
        for field in ('serial', 'thumbprint'):
            if field in fields:
                fields[field] = fields[field].replace(':', '').replace(' ', '').upper()
        found = re.search(r'request id (\w+)', fields.get('state', ''))
        text = found.group(1) if found else None
        # AD CS counts its requests; SCEP's transaction id is 32 hex digits of our own.
        fields['request id'] = int(text) if text and text.isdigit() and len(text) < 32 else text
    return out


def show(board, timeout=20.0):
    """(the console's own words, what they say) of `show`; asks again while the
    appliance is still reading its store after a boot."""
    end = time.monotonic() + timeout
    while True:
        text = command(board, SHOW, timeout)
        got = credentials(text)
        reading = [role for role, fields in got.items()
                   if fields.get('state', '').startswith(READING) and 'thumbprint' not in fields]
        if not reading or time.monotonic() > end:
            return text, got
        time.sleep(0.1)
