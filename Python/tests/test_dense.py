"""With momentum 0, no decay, no trust region and intervals 1 a step is what the algorithm says, from one pass."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from networks import SmallNetwork, batch
from reference import Reference

import fop

PLAIN = {"momentum": 0.0, "kl_clip": None, "factor_interval": 1, "inverse_interval": 1}


def assert_follows(optimizer, model, reference, examples, reduction="mean", lr=0.5, steps=2):
    for step in range(steps):
        x, labels = batch(examples, seed=step)
        before = {name: value.detach().clone() for name, value in model.named_parameters()}
        expected = reference.directions(model, (x, labels))
        functional.cross_entropy(model(x), labels, reduction=reduction).backward()
        optimizer.step()
        optimizer.zero_grad()
        for name, value in model.named_parameters():
            moved = (before[name] - value.detach()).numpy() / lr
            np.testing.assert_allclose(moved, expected[name], rtol=1e-7, atol=1e-9, err_msg=f"{name}, step {step}")


OPTIONS = [{}, {"beta": 0.3}, {"eta": "sum"}, {"eta": "off"}, {"metric": "damped"}]
KFAC = [{"beta": "zero"}, {"beta": "zero", "eta": "off"}]


@pytest.mark.parametrize("options", OPTIONS + KFAC, ids=str)
@pytest.mark.parametrize("examples", [8, 9])
def test_step_is_the_dense_one(examples, options):
    model = SmallNetwork()
    optimizer = fop.FOP(model, lr=0.5, damping=0.02, **PLAIN, **options)
    assert_follows(optimizer, model, Reference(0.02, **options), examples)
    assert optimizer.stats["steps"] == 2 and optimizer.stats["skipped_steps"] == 0


def test_reduce_is_the_dense_one():
    model = SmallNetwork()
    optimizer = fop.FOP(model, lr=0.5, damping=0.02, kfac_approx="reduce", **PLAIN)
    assert_follows(optimizer, model, Reference(0.02, approximation="reduce"), 8)


def test_sum_of_losses_gives_the_same_steps():
    model = SmallNetwork()
    optimizer = fop.FOP(model, lr=0.5, damping=0.02, loss_reduction="sum", **PLAIN)
    assert_follows(optimizer, model, Reference(0.02), 9, reduction="sum")


@pytest.mark.parametrize("examples", [8, 9])
def test_kfac_is_beta_zero_and_eta_off(examples):
    model = SmallNetwork()
    assert_follows(fop.KFAC(model, lr=0.5, damping=0.02, **PLAIN), model, Reference(0.02, beta="zero", eta="off"),
                   examples)


def test_ema_decay_enters_the_averages():
    model = SmallNetwork()
    optimizer = fop.FOP(model, lr=0.5, damping=0.02, ema_decay=0.3, **PLAIN)
    assert_follows(optimizer, model, Reference(0.02, decay=0.3), 8, steps=3)


def test_every_parameter_of_the_network_has_a_block():
    coverage = fop.FOP(SmallNetwork(), lr=0.1).coverage()
    methods = {row.parameter.partition(".")[0]: row.method for row in coverage.rows}
    assert methods == {
        "convolution": "Kronecker", "grouped": "Kronecker", "tokens": "Kronecker", "head": "Kronecker",
        "batch_norm": "unit-wise", "layer_norm": "unit-wise"}
    assert torch.isclose(torch.tensor(sum(row.share for row in coverage.rows)), torch.tensor(1.0))
