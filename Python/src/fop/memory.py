"""The C allocator's settings for training on the CPU."""

import ctypes
import functools
import os

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


@functools.cache
def keep_freed_memory() -> None:
    """Keeps glibc from handing large blocks back to the kernel, which would zero every page again at each step.

    For the whole process, as there is one allocator. ``FOP_ALLOCATOR=system`` in the environment leaves it as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or os.environ.get("FOP_ALLOCATOR") == "system":
        return
    # Large blocks come from the heap, which keeps them.
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 64 << 20)
