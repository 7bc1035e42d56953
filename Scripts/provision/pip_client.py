"""pip, quietly: pinned wheels one at a time, with our own progress line, its words in a log and its failures named."""
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .cache import Cache
from .console import Progress, SetupError, details_in, say
from .process import run_logged

# The wheels are for the C library, not for this Python, so any Python may fetch them.
WHEEL_TARGET = ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"] + [
    word for tag in ("manylinux_2_28", "manylinux_2_27", "manylinux_2_25", "manylinux_2_18", "manylinux_2_17",
                     "manylinux2014", "manylinux_2_12", "manylinux2010", "manylinux_2_5", "manylinux1")
    for word in ("--platform", f"{tag}_x86_64")]

NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|SSLError|Network is unreachable|"
    r"Connection refused|Temporary failure in name resolution|Failed to establish a new connection", re.IGNORECASE)
BROKEN_OFF = re.compile(
    r"ReadTimeout|IncompleteRead|ProtocolError|Connection broken|Connection reset|RemoteDisconnected", re.IGNORECASE)


@dataclass(frozen=True)
class Pin:
    """One line of a requirements file: `name==version --hash=sha256:...`."""
    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def line(self) -> str:
        return " ".join([f"{self.name}=={self.version}"] + [f"--hash=sha256:{each}" for each in self.hashes])

    def belongs_to(self, wheel: Path) -> bool:
        name, version = wheel.name.split("-")[:2]
        return (name.lower().replace("_", "-"), version) == (self.name.lower().replace("_", "-"), self.version)


@dataclass(frozen=True)
class PinFile:
    path: Path
    pins: tuple[Pin, ...]
    megabytes: int
    """The size of the downloads."""
    megabytes_needed: int
    """The free space that downloading and unpacking takes at its height."""

    @classmethod
    def read(cls, path: Path) -> "PinFile":
        text = path.read_text()
        pins = []
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                name, version = re.match(r"([\w.-]+)==(\S+)", line).groups()
                pins.append(Pin(name, version, tuple(re.findall(r"--hash=sha256:(\w+)", line))))
        sizes = re.search(r"^# download: (\d+) MB; free space needed: (\d+) MB$", text, re.MULTILINE)
        return cls(path, tuple(pins), int(sizes[1]), int(sizes[2]))

    def version(self, name: str) -> str:
        return next(pin.version for pin in self.pins if pin.name == name)


def fetch_wheel(cache: Cache, pin: Pin) -> Path:
    """The wheel's file in the downloads folder: found there whole from an earlier call, or downloaded."""
    cache.downloads.mkdir(parents=True, exist_ok=True)
    for wheel in cache.downloads.glob("*.whl"):
        if pin.belongs_to(wheel):
            if sha256(wheel) in pin.hashes:
                return wheel
            say(f"{wheel.name} is broken (its sha256 is not the pinned one): downloading it again.")
            wheel.unlink()
    folder = cache.temporary / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    requirements = cache.temporary / "requirements.txt"
    requirements.write_text(pin.line + "\n")
    run_pip(cache, ["download", "--no-cache-dir", "--no-deps", "--require-hashes", "--only-binary", ":all:", *WHEEL_TARGET,
                    "--dest", str(folder), "--requirement", str(requirements)],
            label=f"{pin.name} {pin.version}", log_name=f"pip-{pin.name}.log")
    wheel, = folder.glob("*.whl")
    return wheel.rename(cache.downloads / wheel.name)


def install(cache: Cache, interpreter: Path, arguments: Sequence[str], label: str) -> None:
    """Installs into the virtual environment of `interpreter`, which needs no pip of its own."""
    run_pip(cache, ["--python", str(interpreter), "install", "--only-binary", ":all:", "--no-compile", *arguments],
            label=label, log_name=f"pip-{label.replace(' ', '-')}.log")


def run_pip(cache: Cache, arguments: Sequence[str], label: str, log_name: str) -> None:
    log = cache.logs / log_name
    scratch = cache.temporary / "pip"
    scratch.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "--retries", "3",
               *arguments, "--progress-bar", "off"]
    with Progress(f"downloading {label}") as progress:
        def tick(output: str) -> None:
            if "Installing collected packages" in output:
                return progress.phase(f"installing {label}")
            sizes = re.findall(r"Downloading \S+ \(([\d.]+) (kB|MB|GB)\)", output)
            progress.total = int(sum(float(size) * {"kB": 1e3, "MB": 1e6, "GB": 1e9}[unit] for size, unit in sizes))
            progress.update(size_of(scratch))
        code, output = run_logged(command, log, environment(scratch), every_tick=tick)
    if code != 0:
        raise SetupError(failure(label, code, output, log, cache.root))


def environment(scratch: Path) -> dict[str, str]:
    """The user's pip settings stay (index, certificates, proxy); those that would move the result elsewhere go."""
    kept = {key: value for key, value in os.environ.items()
            if key not in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PIP_QUIET",
                           "PIP_VERBOSE", "PIP_LOG", "PIP_CONSTRAINT", "PYTHONPATH", "PYTHONHOME")}
    return kept | {"TMPDIR": str(scratch), "PIP_USER": "0", "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"}


def failure(label: str, code: int, output: str, log: Path, root: Path) -> str:
    """Why pip gave up, in one sentence."""
    if re.search(r"No space left on device|Disk quota exceeded", output):
        return (f"the disk of {root} became full while {label} was downloaded: make room there, or name a folder on "
                "another disk with FOP_CACHE=DIR.")
    if "DO NOT MATCH THE HASHES" in output:
        return (f"the download of {label} is broken or not the pinned file (its sha256 differs): it was thrown away, "
                f"call again to fetch it anew ({details_in(log)}).")
    if "No module named pip" in output:
        return (f"{label} is fetched by pip, which {sys.executable} lacks: install it (python3-pip on Debian and "
                "Ubuntu), or name another Python with PYTHON=...")
    if NO_NETWORK.search(output):
        return (f"{label} could not be downloaded, as pip cannot reach its package index: is there a network "
                f"(and a proxy, if one is needed)? Call again to go on ({details_in(log)}).")
    if BROKEN_OFF.search(output):
        return f"the download of {label} broke off: call again to go on ({details_in(log)})."
    if "No matching distribution" in output:
        return f"pip's package index does not have {label} for Linux x86-64 ({details_in(log)})."
    errors = re.findall(r"^ERROR: (.+)$", output, re.MULTILINE)
    reason = errors[-1] if errors else f"exit code {code}"
    return f"pip could not get {label}: {reason} ({details_in(log)})."


def size_of(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except OSError:
                pass
    return total


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
