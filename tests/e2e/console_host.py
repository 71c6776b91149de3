#!/usr/bin/env python3
"""Keys, pages, JSON, configuration and password at the console of the host board: see console_lines.py."""
# timeout: 240
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console_lines  # noqa: E402  (the path comes first)

if __name__ == '__main__':
    console_lines.script('host', 220)
