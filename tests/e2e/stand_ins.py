#!/usr/bin/env python3
"""The stand-ins of tests/ca, tested without the firmware: see tests/ca/selftest.py."""
# timeout: 200
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.execv(sys.executable, [sys.executable, '-B', os.path.join(HERE, '..', 'ca', 'selftest.py')]
         + sys.argv[1:])
