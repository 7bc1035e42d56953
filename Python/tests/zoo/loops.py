"""The plain loop that every model of the zoo goes through, and what must hold after it."""

import warnings

import torch
import torch.nn.functional as functional
from torch import nn

import fop


def train(model, inputs, labels, lr, steps=4, silent=0, **options):
    """Takes steps on one batch, in a loop that knows nothing of FOP but the optimizer's line, and checks that the loss
    falls, that every parameter moves, and that the coverage table names each.

    Args:
        silent: how many layers have hooks that never fire: there must be one warning that names them, or none.
    """
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = fop.FOP(model, lr=lr, **options)
    losses = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(steps):
            optimizer.zero_grad()
            scores = model(inputs)
            loss = functional.cross_entropy(scores.flatten(0, -2), labels.flatten())
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0], losses
    assert optimizer.stats["steps"] == steps and optimizer.stats["skipped_steps"] == 0
    assert_every_parameter_moves(model, before, optimizer)
    assert_coverage_is_whole(model, optimizer)
    found = [str(warning.message) for warning in caught]
    assert len(found) == (1 if silent else 0), found
    for message in found:
        names = message.partition("through ")[2].partition(", whose")[0].split(", ")
        assert len(names) == silent, names
        assert not set(names) - {name for name, _ in model.named_modules()}, names
    return optimizer


def assert_every_parameter_moves(model, before, optimizer):
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter).all(), name
        if torch.equal(parameter, before[name]):
            # A step below the type's resolution, as behind ConvNeXt's layer scale of 1e-6: the buffer has it.
            step = optimizer.state[parameter]["momentum_buffer"] * optimizer.param_groups[0]["lr"]
            assert 0 < step.abs().max() < 1e-6, name


def assert_coverage_is_whole(model, optimizer):
    rows = optimizer.coverage().rows
    assert sorted(row.parameter for row in rows) == sorted(name for name, _ in model.named_parameters())
    assert sum(row.numbers for row in rows) == sum(parameter.numel() for parameter in model.parameters())
    methods = {row.method for row in rows}
    assert methods <= {"Kronecker", "unit-wise", "SGD", "AdamW"}, methods


def hooks_of(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()) + sum(
        len(parameter._backward_hooks or {}) for parameter in model.parameters())
