"""A small network, its data, and comparisons."""

import torch
import torch.nn.functional as functional
from torch import nn

PLAIN = {"momentum": 0.0, "kl_clip": None, "factor_interval": 1, "inverse_interval": 1}
"""Steps that are the algorithm and nothing else."""


def small_model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3))


def data(examples=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(examples, 6, generator=generator), torch.randint(0, 3, (examples,), generator=generator)


def backward(model, seed=0, examples=16, weight=1.0):
    x, labels = data(examples, seed)
    loss = functional.cross_entropy(model(x), labels)
    (loss * weight).backward()
    return loss.item()


def parameters(model):
    return [value.detach().clone() for value in model.parameters()]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a, b)
