"""The C allocator's settings for training on the CPU."""

import ctypes
import functools
import mmap
import os

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4

TOLERATED_WASTE = 0.04
"""Freed memory that may stay resident on top of the most that was ever in use, as a part of that."""


@functools.cache
def keep_freed_memory() -> "Heap | None":
    """Keeps glibc from handing large blocks back to the kernel, which would zero every page again at each step.

    For the whole process, as there is one allocator. ``FOP_ALLOCATOR=system`` in the environment leaves it as it is.

    Returns:
        What bounds the memory that is kept; None where nothing can.
    """
    libc = ctypes.CDLL(None)
    if os.environ.get("FOP_ALLOCATOR") == "system" or not all(
            hasattr(libc, name) for name in ("mallopt", "malloc_trim", "mallinfo2")):
        return None
    # Large blocks come from the heap, which keeps them.
    libc.mallopt(M_MMAP_MAX, 0)
    libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    libc.mallopt(M_TOP_PAD, 64 << 20)
    try:
        return Heap(libc)
    except OSError:
        # Without /proc nobody can tell what is resident.
        return None


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]


class Heap:
    """glibc's heap, which gives free pages back where more of it is resident than was ever in use.

    Blocks that live longer than those around them, as factors do that are formed in the middle of a backward pass, leave
    holes that the next ones of other sizes do not fit into: the heap grows, and what is in the holes stays resident.
    """

    def __init__(self, libc: ctypes.CDLL):
        self._libc = libc
        libc.mallinfo2.restype = _Mallinfo2
        libc.malloc_trim.argtypes = [ctypes.c_size_t]
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._process = os.getpid()
        self._most_used = 0
        self._others = 0
        """Resident memory that is not malloc's: libraries, mapped files."""
        self._allowed = 0
        self.trims = 0
        """How often pages were given back."""

    def look(self, needed: int = 0) -> None:
        """Gives free pages back where there are too many of them. Cheap while resident memory does not grow.

        Args:
            needed: how many bytes are about to be taken, which may not be found among the pages that are there.
        """
        resident = self._resident() + needed
        if resident <= self._allowed:
            return
        used = self._used()
        self._most_used = max(self._most_used, used)
        self._allow()
        if resident > self._allowed:
            self._libc.malloc_trim(0)
            self.trims += 1
            self._others = max(self._others, self._resident() - used)
            self._allow()

    def _allow(self) -> None:
        self._allowed = self._others + int(self._most_used * (1 + TOLERATED_WASTE))

    def _used(self) -> int:
        info = self._libc.mallinfo2()
        return int(info.uordblks + info.hblkhd)

    def _resident(self) -> int:
        if self._process != os.getpid():
            # A child's file still tells of its parent.
            os.close(self._statm)
            self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
            self._process = os.getpid()
        return int(os.pread(self._statm, 128, 0).split()[1]) * mmap.PAGESIZE
