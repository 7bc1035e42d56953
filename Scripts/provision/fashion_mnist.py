"""Fashion-MNIST's four IDX files: in the cache, installed on the system, or out of the Debian package."""
import os
import re
import shutil
from pathlib import Path

from .cache import Cache
from .console import SetupError, details_in, say
from .pip_client import sha256
from .process import run_logged

PACKAGE = "dataset-fashion-mnist"
INSIDE_PACKAGE = Path("usr/share/datasets/fashion-mnist")
MEGABYTES_NEEDED = 120
OTHERWISE = "or name a folder that has the four IDX files: DATA=DIR make run"


def ensure(cache: Cache, hashes_file: Path) -> None:
    """The files, whole, under `data/fashion-mnist` of the cache (a link, where the system has them)."""
    hashes = read_hashes(hashes_file)
    if not problems(cache.fashion_mnist, hashes):
        return
    with cache.locked():
        found = problems(cache.fashion_mnist, hashes)
        if not found:
            return
        installed = Path("/") / INSIDE_PACKAGE
        if installed.is_dir() and not problems(installed, hashes):
            say(f"Fashion-MNIST is installed in {installed}.")
            link = cache.temporary / "fashion-mnist"
            link.symlink_to(installed)
            cache.publish(link, cache.fashion_mnist)
            return
        if cache.fashion_mnist.exists():
            say(f"{found[0]}: fetching the package again.")
        folder = fetch(cache)
        found = problems(folder, hashes)
        if found:
            raise SetupError(f"the package {PACKAGE} is not the expected one: {found[0]}; {OTHERWISE}.")
        cache.publish(folder, cache.fashion_mnist)


def check_folder(folder: Path) -> None:
    """DATA=DIR: the fop command reads and judges the files themselves."""
    if not folder.is_dir():
        raise SetupError(f"the folder of DATA={folder} does not exist.")


def read_hashes(file: Path) -> dict[str, str]:
    return {name: digest for digest, name in (line.split() for line in file.read_text().splitlines())}


def problems(folder: Path, hashes: dict[str, str]) -> list[str]:
    found = []
    for name, expected in hashes.items():
        file = folder / name
        if not file.is_file():
            found.append(f"{file} is missing")
        elif sha256(file) != expected:
            found.append(f"{file} is broken (its sha256 is not the pinned one)")
    return found


def fetch(cache: Cache) -> Path:
    """The folder of the files, unpacked from the Debian package. Needs no root and leaves the system as it is."""
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise SetupError(f"Fashion-MNIST comes as a Debian package and this system has no {program}: "
                             f"{OTHERWISE.removeprefix('or ')}.")
    cache.require_space(MEGABYTES_NEEDED, "Fashion-MNIST")
    say(f"Fetching Fashion-MNIST into {cache.fashion_mnist} (31 MB, once)...")
    package = download(cache)
    unpacked = cache.temporary / "unpacked"
    log = cache.logs / "dpkg-deb.log"
    code, output = run_logged(["dpkg-deb", "-x", str(package), str(unpacked)], log)
    if code != 0:
        if "No space left" in output:
            raise SetupError(f"the disk of {cache.root} became full while Fashion-MNIST was unpacked: make room there, "
                             "or name a folder on another disk with FOP_CACHE=DIR.")
        raise SetupError(f"the package {package.name} is damaged: it was thrown away, call again to fetch it anew "
                         f"({details_in(log)}).")
    return unpacked / INSIDE_PACKAGE


def download(cache: Cache) -> Path:
    """`apt-get update` and `apt-get download` with lists, state and cache of our own."""
    apt = cache.temporary / "apt"
    packages = apt / "packages"
    for folder in ("state/lists/partial", "cache/archives/partial", "packages"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "apt.conf").write_text("\n".join([
        f'Dir::State "{apt}/state";', f'Dir::State::lists "{apt}/state/lists";', f'Dir::State::status "{apt}/status";',
        f'Dir::Cache "{apt}/cache";', 'Acquire::Languages "none";', 'Acquire::Retries "2";', 'APT::Sandbox::User "root";',
        # The system's own hooks are about the system's own state.
        "#clear APT::Update::Pre-Invoke;", "#clear APT::Update::Post-Invoke;",
        "#clear APT::Update::Post-Invoke-Success;", "#clear DPkg::Post-Invoke;", ""]))
    options = ["-q", "-c", str(apt / "apt.conf")]
    environment = dict(os.environ, LC_ALL="C.UTF-8", TMPDIR=str(apt))
    update_log, log = cache.logs / "apt-update.log", cache.logs / "apt-download.log"
    # One broken source among several does not matter as long as the package is then known.
    _, updated = run_logged(["apt-get", *options, "update"], update_log, environment)
    code, output = run_logged(["apt-get", *options, "download", PACKAGE], log, environment, folder=packages)
    found = list(packages.glob("*.deb"))
    if code == 0 and found:
        return found[0]
    raise SetupError(failure(updated, output, update_log, log, cache.root))


def failure(updated: str, downloaded: str, update_log: Path, log: Path, root: Path) -> str:
    """Why apt gave up, in one sentence."""
    both = updated + downloaded
    if re.search(r"No space left|Write error|28: No space", both):
        return (f"the disk of {root} became full while Fashion-MNIST was downloaded: make room there, or name a folder "
                "on another disk with FOP_CACHE=DIR.")
    if re.search(r"Temporary failure resolving|Could not resolve|Could not connect|Cannot initiate the connection|"
                 r"Network is unreachable|Connection refused|Connection timed out|Unable to connect", both):
        return (f"Fashion-MNIST could not be downloaded, as apt cannot reach its package sources: is there a network? "
                f"Call again to go on, {OTHERWISE} ({details_in(update_log)}).")
    if "Hash Sum mismatch" in both or "unexpected size" in both:
        return ("the download of Fashion-MNIST is broken: it was thrown away, call again to fetch it anew "
                f"({details_in(log)}).")
    if "Unable to locate package" in downloaded:
        return (f"apt's package sources do not have {PACKAGE}: add Debian's or Ubuntu's own (main, universe), {OTHERWISE} "
                f"({details_in(update_log)}).")
    return f"apt could not get {PACKAGE}; {OTHERWISE} ({details_in(log)})."
