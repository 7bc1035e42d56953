"""Two ways to train one network, which must come to the same."""

import torch
import torch.nn.functional as functional
from torch import nn

import fop


class Network(nn.Module):
    """Convolution, normalisations, tokens, a head; nothing that looks at the whole batch at once."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(2, 4, 3, padding=1)
        self.group_norm = nn.GroupNorm(2, 4)
        self.body = nn.Sequential(nn.Linear(16, 8), nn.ReLU(inplace=True), nn.LayerNorm(8), nn.Linear(8, 8), nn.Tanh())
        self.head = nn.Linear(8, 5)
        self.offset = nn.Parameter(torch.zeros(5))
        self.to(dtype)

    def stem(self, x):
        return functional.relu(self.group_norm(self.convolution(x)), inplace=True).flatten(2)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean(1)) + self.offset


def data(step, examples=8, dtype=torch.float64):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(examples, 2, 4, 4, generator=generator, dtype=dtype)
    return x, torch.randint(0, 5, (examples,), generator=generator)


def plain_backward(model, optimizer, x, labels):
    functional.cross_entropy(model(x), labels).backward()


def train(model, backward=plain_backward, steps=4, optimizer=None, examples=8, **options):
    """Trains a model that may be wrapped; `backward` is the part of the loop before `optimizer.step()`."""
    settings = {"lr": 0.1, "factor_interval": 2, "inverse_interval": 2, "damping": 0.05, "fallback": "sgd"} | options
    optimizer = optimizer or fop.FOP(model, **settings)
    dtype = next(model.parameters()).dtype
    for step in range(steps):
        optimizer.zero_grad()
        backward(model, optimizer, *data(step, examples, dtype))
        optimizer.step()
    return model, optimizer


def assert_same(one, other, rtol=1e-9, atol=1e-11):
    """Parameters, factors and inverses of two (model, optimizer)."""
    for (name, mine), (_, wanted) in zip(one[0].named_parameters(), other[0].named_parameters(), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=rtol, atol=atol, msg=lambda text: f"{name}: {text}")
    mine, wanted = curvature(one[1]), curvature(other[1])
    assert mine.keys() == wanted.keys() and len(mine) > 10
    for name in wanted:
        torch.testing.assert_close(mine[name], wanted[name], rtol=rtol, atol=atol, msg=lambda text: f"{name}: {text}")


def curvature(optimizer):
    return optimizer._engine.state()


def moved(model, initial):
    """How far each parameter is from where it began, relative to that."""
    start = dict(initial.named_parameters())
    return {name: ((parameter - start[name]).norm() / (start[name].norm() + 1e-3)).item()
            for name, parameter in model.named_parameters()}
