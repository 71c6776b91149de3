#!/usr/bin/env python3
"""The same as host_board.py under SCEP: a power cut around every flash operation of a renewal."""
# timeout: 500
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import host_board  # noqa: E402  (the path comes first)

if __name__ == '__main__':
    host_board.lab.enter()
    sys.exit(host_board.main('scep'))
