#!/usr/bin/env python3
"""Writes the reference numbers in Tests/Fixtures with PyTorch: `make fixtures`, or `make_fixtures.py TOPIC…`."""

import sys

from fixtures import files, topics


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(topics.ALL))
    if unknown:
        print(f"make_fixtures.py: no topic {', '.join(unknown)}: use {', '.join(topics.ALL)}", file=sys.stderr)
        return 2
    files.check_versions()
    for name in names or topics.ALL:
        path = files.write(name, topics.ALL[name])
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
