"""The Swift packages that ours depends on, fetched before the build so that a missing network gets its sentence."""
import re
import shutil
from pathlib import Path

from .cache import Cache
from .console import MEGABYTE, SetupError, details_in, say
from .process import run_logged

MEGABYTES_TO_BUILD = 500


def ensure(cache: Cache, package: Path) -> None:
    state = package / ".build" / "workspace-state.json"
    manifest = package / "Package.swift"
    if not manifest.is_file():
        raise SetupError(f"{manifest} is missing.")
    if state.is_file() and state.stat().st_mtime >= manifest.stat().st_mtime:
        return
    free = shutil.disk_usage(package).free // MEGABYTE
    if free < MEGABYTES_TO_BUILD:
        raise SetupError(f"building needs {MEGABYTES_TO_BUILD} MB free on the disk of {package}, which has {free} MB: "
                         "make room there.")
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
                 r"Connection timed out|Connection refused", output):
        raise SetupError("the Swift packages that FOP depends on could not be downloaded: is there a network? "
                         f"Call again to go on ({details_in(log)}).")
    reasons = re.findall(r"fatal: (.+)", output) or re.findall(r"error: (.+)", output) or [f"exit code {code}"]
    raise SetupError(f"the Swift packages that FOP depends on could not be fetched: {reasons[0]} ({details_in(log)}).")
