#!/usr/bin/env python3
"""Builds the pip wheel into a folder: `make wheel`, after the library was built."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Python"))

import build_backend  # noqa: E402

folder = Path(sys.argv[1])
wheel = folder / build_backend.build_wheel(folder)
print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB")
