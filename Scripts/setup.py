#!/usr/bin/env python3
"""Fetches what the make targets need into the cache folder; a second call finds it there and returns at once.

    setup.py --cache DIR libtorch data test-venv ...

Every failure is one sentence on stderr and a non-zero exit code; the next call goes on from there.
The parts are in provision/. This file runs on any Python 3, so that an old one gets a sentence too.
"""
import os
import sys

OLDEST_PYTHON = (3, 11)


def main():
    if sys.version_info < OLDEST_PYTHON:
        sys.stderr.write("setup: Python %d.%d or newer is needed, but %s is %d.%d: name another one with PYTHON=...\n"
                         % (OLDEST_PYTHON + (sys.executable,) + tuple(sys.version_info[:2])))
        return 1
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from provision.commands import run
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
