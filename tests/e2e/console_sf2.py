#!/usr/bin/env python3
"""Keys, pages, JSON, configuration and password at the console of emcraft-sf2: see console_lines.py."""
# timeout: 400
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console_lines  # noqa: E402  (the path comes first)

if __name__ == '__main__':
    console_lines.script('sf2', 380)
