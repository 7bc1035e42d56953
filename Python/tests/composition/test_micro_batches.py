"""Gradient accumulation without a flag: micro-batches are the sub-batches, and k of them are one batch."""

import pytest
import torch
import torch.nn.functional as functional
from same import Network, assert_same, train

import fop


def accumulate(micro_batches):
    def backward(model, optimizer, x, labels):
        for part, target in zip(x.chunk(micro_batches), labels.chunk(micro_batches), strict=True):
            (functional.cross_entropy(model(part), target) / micro_batches).backward()
    return backward


@pytest.mark.parametrize("micro_batches", [2, 4, 8])
def test_micro_batches_are_one_batch(micro_batches):
    assert_same(train(Network(), accumulate(micro_batches)), train(Network()))


def test_several_forward_passes_before_the_backward_passes():
    def backward(model, optimizer, x, labels):
        losses = [functional.cross_entropy(model(part), target) / 2
                  for part, target in zip(x.chunk(2), labels.chunk(2))]
        for loss in losses:
            loss.backward()
    assert_same(train(Network(), backward), train(Network()))


def test_sum_of_losses():
    def backward(model, optimizer, x, labels):
        for part, target in zip(x.chunk(2), labels.chunk(2)):
            functional.cross_entropy(model(part), target, reduction="sum").backward()
    assert_same(train(Network(), backward, loss_reduction="sum"), train(Network()))


def test_an_evaluation_in_between_changes_nothing():
    def backward(model, optimizer, x, labels):
        accumulate(2)(model, optimizer, x, labels)
        with torch.no_grad():
            model(x)
        model(x)    # with gradients, which nobody asks for
    assert_same(train(Network(), backward), train(Network()))


@pytest.mark.parametrize("clip", ["norm", "value", None])
def test_clipping_counts(clip):
    """The step follows what clipping made of the gradients; along the same direction it is shorter."""
    def backward(model, optimizer, x, labels):
        functional.cross_entropy(model(x), labels).backward()
        if clip == "norm":
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
        elif clip == "value":
            torch.nn.utils.clip_grad_value_(model.parameters(), 1e-4)
    start = Network()
    model, _ = train(Network(), backward, steps=1, momentum=0.0, kl_clip=None)
    distance = sum((a - b).square().sum() for a, b in zip(model.parameters(), start.parameters())).sqrt()
    assert (distance < 0.02) == (clip is not None)


def test_clipping_by_the_norm_keeps_the_direction():
    """One factor for all gradients: without trust region and momentum the step is that factor times the whole one."""
    total = {}

    def backward(model, optimizer, x, labels):
        functional.cross_entropy(model(x), labels).backward()
        total["norm"] = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01).item()

    options = {"steps": 1, "momentum": 0.0, "kl_clip": None}
    start = dict(Network().named_parameters())
    whole, _ = train(Network(), **options)
    clipped, _ = train(Network(), backward, **options)
    factor = 0.01 / (total["norm"] + 1e-6)
    assert factor < 0.2
    for (name, short), long in zip(clipped.named_parameters(), whole.parameters()):
        torch.testing.assert_close(short - start[name], factor * (long - start[name]), rtol=1e-6, atol=1e-12)


def test_gradients_zeroed_by_the_model():
    def backward(model, optimizer, x, labels):
        functional.cross_entropy(model(x + 1), labels).backward()
        model.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
    assert_same(train(Network(), backward), train(Network()))


def test_kfac_takes_the_mean_of_all():
    def optimize(backward):
        model = Network()
        optimizer = fop.KFAC(model, lr=0.1, factor_interval=1, inverse_interval=1)
        return train(model, backward, optimizer=optimizer)
    assert_same(optimize(accumulate(4)), optimize(accumulate(1)))
