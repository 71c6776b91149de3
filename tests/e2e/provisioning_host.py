#!/usr/bin/env python3
"""First provisioning by paste, and erasing, at the serial port of the host board: see provisioning.py."""
# timeout: 320
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import provisioning  # noqa: E402  (the path comes first)

if __name__ == '__main__':
    provisioning.script('host', 300)
