"""Hooks stay as long as somebody needs them, and no longer."""

import gc
import weakref

import pytest
import torch
from loops import hooks_of
from torch import nn

import fop


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.BatchNorm1d(5), nn.Linear(5, 3))


def step(model, optimizer):
    model(torch.randn(6, 4)).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()


def test_optimizer_gone_hooks_gone():
    model = network()
    optimizer = fop.FOP(model, lr=0.1)
    assert hooks_of(model) > 0
    step(model, optimizer)
    del optimizer
    gc.collect()
    assert hooks_of(model) == 0
    model(torch.randn(6, 4)).sum().backward()


@pytest.mark.parametrize("steps", [0, 2])
def test_model_and_optimizer_go(steps):
    model = network()
    optimizer = fop.FOP(model, lr=0.1)
    for _ in range(steps):
        step(model, optimizer)
    left = [weakref.ref(part) for part in (model, model[0], model[0].weight, optimizer)]
    del model, optimizer
    gc.collect()
    assert [reference() for reference in left] == [None] * 4


def test_the_model_goes_before_its_optimizer():
    model = network()
    optimizer = fop.FOP(model, lr=0.1)
    step(model, optimizer)
    module, parameter = weakref.ref(model[0]), weakref.ref(model[0].weight)
    del model
    gc.collect()
    assert module() is None, "the optimizer keeps layers alive"
    assert parameter() is not None, "an optimizer owns references to its parameters, as torch's do"
    assert hooks_of_parameters(optimizer) == 0, "hooks outlive the model"


def hooks_of_parameters(optimizer):
    parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
    return sum(len(parameter._backward_hooks or {}) for parameter in parameters)


def test_two_optimizers_of_one_model_do_not_mix():
    model = network()
    first = fop.FOP(model, lr=0.1)
    second = fop.FOP(model, lr=0.0)
    step(model, first)
    del first
    gc.collect()
    step(model, second)
    assert second.stats["steps"] == 1
