#!/usr/bin/env python3
"""The demo by https, with a password: see demo.py."""
# timeout: 300
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import demo  # noqa: E402  (the path comes first)
import lab  # noqa: E402

if __name__ == '__main__':
    lab.enter()
    sys.argv[1:] = ['--tls']
    sys.exit(demo.main())
