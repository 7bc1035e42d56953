import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors: with more threads they wait for each other."""
    torch.set_num_threads(1)
