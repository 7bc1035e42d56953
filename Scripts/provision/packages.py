"""The Swift packages that ours depends on, fetched before the build so that a missing network gets its sentence."""
import re
import shutil
from pathlib import Path

from .cache import Cache
from .console import SetupError, say, tail_of
from .process import run_logged


def ensure(cache: Cache, package: Path) -> None:
    state = package / ".build" / "workspace-state.json"
    manifest = package / "Package.swift"
    if not manifest.is_file():
        raise SetupError(f"{manifest} is missing.")
    if state.is_file() and state.stat().st_mtime >= manifest.stat().st_mtime:
        return
    if not shutil.which("git"):
        raise SetupError("the Swift packages that FOP depends on are fetched by git, which is not on the PATH: install git.")
    say("Fetching the Swift packages that FOP depends on...")
    log = cache.logs / "swift-package-resolve.log"
    code, output = run_logged(["swift", "package", "--package-path", str(package), "resolve"], log)
    if code == 0:
        state.touch()
        return
    if "No space left on device" in output:
        raise SetupError(f"the disk of {package} is full: make room there.")
    if re.search(r"Could not resolve host|Failed to connect|Could not connect|unable to access|Network is unreachable|"
                 r"Connection timed out|Couldn't fetch updates|Failed to clone", output):
        raise SetupError("the Swift packages that FOP depends on could not be downloaded: is there a network? "
                         f"Call again to go on ({tail_of(log)}).")
    errors = re.findall(r"error: (.+)", output)
    raise SetupError(f"`swift package resolve` failed: {errors[0] if errors else f'exit code {code}'} ({tail_of(log)}).")
