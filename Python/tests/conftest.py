import os

import pytest
import torch

# One process makes dozens of networks, small and large: what one test frees should not stay with the process.
os.environ.setdefault("FOP_ALLOCATOR", "system")


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors: with more threads they wait for each other."""
    torch.set_num_threads(1)
