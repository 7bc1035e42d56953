"""Where the source tree is: tests are copied away from it, to try what was installed."""

import os
from pathlib import Path

REPOSITORY = Path(os.environ.get("FOP_REPOSITORY", Path(__file__).resolve().parents[2]))
