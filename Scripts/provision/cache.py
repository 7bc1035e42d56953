"""The cache folder: where things lie in it, one set-up at a time, free space, and leftovers of a killed one."""
import contextlib
import errno
import fcntl
import os
import shutil
from pathlib import Path

from .console import MEGABYTE, SetupError, say


class Cache:
    def __init__(self, root: Path):
        self.root = root
        self.libtorch = root / "libtorch"
        self.fashion_mnist = root / "data" / "fashion-mnist"
        self.test_venv = root / "venv"
        self.reference_venv = root / "reference-venv"
        self.figures_venv = root / "figures-venv"
        self.python_test_venv = root / "python-test-venv"
        self.oldest_python_test_venv = root / "python-test-venv-oldest"
        self.downloads = root / "downloads"
        """Whole wheels, until they are unpacked."""
        self.temporary = root / "tmp"
        """Work in progress; emptied whenever a set-up begins."""
        self.logs = root / "logs"

    @contextlib.contextmanager
    def locked(self):
        """One set-up at a time. The lock goes with the process that holds it, however it ends."""
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / "lock", "a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                owner = lock.read().strip() or "?"
                say(f"Waiting for another set-up (process {owner}) that is filling {self.root}...")
                fcntl.flock(lock, fcntl.LOCK_EX)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self.discard_temporary()
            for folder in (self.temporary, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            try:
                yield
            finally:
                self.discard_temporary()
                lock.truncate(0)

    def discard_temporary(self) -> None:
        shutil.rmtree(self.temporary, ignore_errors=True)

    def require_space(self, megabytes: int, purpose: str) -> None:
        """Says so before a download that cannot fit, rather than in its middle."""
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free // MEGABYTE
        if free < megabytes:
            raise SetupError(
                f"{purpose} needs {megabytes} MB free on the disk of {self.root}, which has {free} MB: "
                "make room there, or name a folder on another disk with FOP_CACHE=DIR.")

    def publish(self, finished: Path, place: Path) -> None:
        """Puts a finished folder into its place by renaming, so that the place never holds a half-made one."""
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_symlink():
            place.unlink()
        elif place.exists():
            place.rename(self.temporary / f"old-{place.name}")
        finished.rename(place)


def sentence_for(error: OSError, root: Path) -> str:
    """An operating-system failure in the user's words."""
    where = error.filename or root
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (f"the disk of {root} is full: make room there, or name a folder on another disk with FOP_CACHE=DIR.")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return (f"no permission to write {where}: it belongs to another user or a read-only disk; "
                "name a folder of your own with FOP_CACHE=DIR.")
    return f"{where}: {error.strerror or error}."
