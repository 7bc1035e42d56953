"""Virtual environments of pinned Python packages, for the tests and for making fixtures."""
import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from . import pip_client
from .cache import Cache
from .console import SetupError, say
from .pip_client import PinFile
from .process import run_logged


def ensure(cache: Cache, place: Path, pin_file: PinFile, purpose: str, extra: Sequence[str] = ()) -> None:
    """A virtual environment at `place` with what the pin file and `extra` name; nothing is done when it is there."""
    stamp = stamp_of(pin_file, extra)
    if is_complete(place, stamp):
        return
    with cache.locked():
        if is_complete(place, stamp):
            return
        cache.require_space(pin_file.megabytes_needed, f"The Python environment for {purpose}")
        say(f"Making the Python environment for {purpose} in {place} ({pin_file.megabytes} MB, once)...")
        # Made in place, as its scripts name their folder; without the stamp it counts as absent.
        shutil.rmtree(place, ignore_errors=True)
        log = cache.logs / f"{place.name}.log"
        code, _ = run_logged([sys.executable, "-m", "venv", "--without-pip", str(place)], log)
        if code != 0:
            raise SetupError(f"{sys.executable} cannot make a virtual environment: install its venv module "
                             f"(python3-venv on Debian and Ubuntu); details in {log}.")
        hashed = all(pin.hashes for pin in pin_file.pins)
        pip_client.install(cache, place / "bin" / "python",
                           [*(["--require-hashes"] if hashed else []), "--requirement", str(pin_file.path), *extra],
                           label=f"Python packages for {purpose}")
        (place / "stamp").write_text(stamp)


def stamp_of(pin_file: PinFile, extra: Sequence[str]) -> str:
    text = "\n".join([sys.version, *(pin.line for pin in pin_file.pins), *extra])
    return hashlib.sha256(text.encode()).hexdigest()


def is_complete(place: Path, stamp: str) -> bool:
    try:
        return (place / "stamp").read_text() == stamp and os.access(place / "bin" / "python", os.X_OK)
    except OSError:
        return False
