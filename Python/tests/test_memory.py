"""The C allocator keeps what is freed, unless told otherwise."""

import os
import subprocess
import sys

import pytest


def run(script, allocator=None):
    """In a process of its own, whose allocator is set as in a training loop or as told."""
    environment = {key: value for key, value in os.environ.items() if key != "FOP_ALLOCATOR"}
    if allocator:
        environment["FOP_ALLOCATOR"] = allocator
    return subprocess.check_output([sys.executable, "-c", script], env=environment, text=True).split()


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
    assert mapped <= int(run(SCRIPT, allocator)[0]) <= mapped + 2**20


HOLES = """
import torch, fop
from fop.memory import keep_freed_memory

heap = keep_freed_memory()
blocks = [torch.ones(2**20) for _ in range(64)]
heap.look()
trims, before = heap.trims, heap._resident()
del blocks[::2]
more = [torch.ones(2**21) for _ in range({taken})]
heap.look({needed})
print(heap.trims - trims, (before - heap._resident()) // 2**20)
"""


# Of 256 MB in use half is freed, between blocks that stay: what is taken then, in larger blocks, does not fit.
@pytest.mark.parametrize("taken, needed, trims, fallen", [(16, 0, 1, 0), (0, 0, 0, 0), (0, 2**27, 1, 128)])
def test_pages_between_blocks_in_use_are_given_back_when_memory_would_grow(taken, needed, trims, fallen):
    found = run(HOLES.format(taken=taken, needed=needed))
    assert int(found[0]) == trims
    assert abs(int(found[1]) - fallen) < 16


LOOKING = """
import torch, fop

for width in (64, 4096):
    optimizer = fop.FOP(torch.nn.Linear(width, width), lr=0.1)
    print(optimizer._watch.is_on)
"""


# Factors and inverses of 4096 and 4097 rows are 256 MB.
@pytest.mark.parametrize("allocator, expected", [(None, ["False", "True"]), ("system", ["False", "False"])])
def test_the_heap_is_looked_after_where_factors_are_large(allocator, expected):
    assert run(LOOKING, allocator) == expected


WITHIN_A_STEP = """
import torch, fop, fop.watch
from fop.memory import keep_freed_memory

fop.watch.LARGE_CURVATURE = 0
heap = keep_freed_memory()
model = torch.nn.Sequential(torch.nn.Linear(8, 256), torch.nn.ReLU(), torch.nn.Linear(256, 4))
optimizer = fop.FOP(model, lr=0.01)
looks = []
heap.look = lambda needed=0: looks.append(needed)
for step in range(2):
    optimizer.zero_grad()
    model(torch.randn(4, 8)).square().mean().backward()
    optimizer.step()
print(len(looks), *(int(look > 0) for look in looks[:8]))
"""


def test_it_is_looked_at_between_layers_and_around_the_step():
    # Two layers forwards, two backwards before and after their records, the step before and after.
    assert run(WITHIN_A_STEP) == ["16", "0", "0", "1", "0", "1", "0", "1", "0"]
