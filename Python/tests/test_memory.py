"""The C allocator keeps what is freed, unless told otherwise."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, torch, fop

class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo2
fop.FOP(torch.nn.Linear(2, 2), lr=0.1)
before = libc.mallinfo2().hblkhd
large = torch.zeros(16, 1024, 1024)
print(libc.mallinfo2().hblkhd - before)
"""


@pytest.mark.parametrize("allocator, mapped", [(None, 0), ("system", 64 * 2**20)])
def test_large_blocks_come_from_the_heap(allocator, mapped):
    environment = {key: value for key, value in os.environ.items() if key != "FOP_ALLOCATOR"}
    if allocator:
        environment["FOP_ALLOCATOR"] = allocator
    found = subprocess.check_output([sys.executable, "-c", SCRIPT], env=environment, text=True)
    assert mapped <= int(found) <= mapped + 2**20
