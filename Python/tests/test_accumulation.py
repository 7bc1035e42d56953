"""Several backward passes before a step, and gradients that were changed between backward and step."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from networks import SmallNetwork, batch
from reference import Reference
from models import assert_same, parameters

import fop

PLAIN = {"momentum": 0.0, "kl_clip": None, "factor_interval": 1, "inverse_interval": 1, "damping": 0.02}


def moves(model, before, lr):
    return {name: (before[name] - value.detach()).numpy() / lr for name, value in model.named_parameters()}


def values(model):
    return {name: value.detach().clone() for name, value in model.named_parameters()}


@pytest.mark.parametrize("sizes", [[4, 4], [5, 3, 4], [3, 3, 3, 3], [2, 3, 4, 2, 5]], ids=str)
def test_micro_batches_are_the_sub_batches(sizes):
    model = SmallNetwork()
    reference = Reference(0.02)
    optimizer = fop.FOP(model, lr=0.5, **PLAIN)
    for step in range(2):
        micro_batches = [batch(size, seed=10 * step + place) for place, size in enumerate(sizes)]
        expected = reference.directions(model, *micro_batches)
        before = values(model)
        for x, labels in micro_batches:
            # The mean over all examples, as a sum over micro-batches.
            (functional.cross_entropy(model(x), labels, reduction="sum") / sum(sizes)).backward()
        optimizer.step()
        optimizer.zero_grad()
        for name, move in moves(model, before, 0.5).items():
            np.testing.assert_allclose(move, expected[name], rtol=1e-7, atol=1e-9, err_msg=f"{name}, step {step}")


def test_a_module_called_twice_in_a_pass():
    """Both calls of the shared layer see the same examples: its gradient is their sum."""
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.layer = torch.nn.Linear(4, 4).double()

        def forward(self, x):
            return self.layer(torch.tanh(self.layer(x)))

    model = Twice()
    optimizer = fop.FOP(model, lr=1.0, beta="zero", eta="off", **PLAIN)
    x = torch.randn(6, 4, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    functional.cross_entropy(model(x), labels).backward()
    gradient = torch.cat([model.layer.weight.grad, model.layer.bias.grad[:, None]], 1).numpy()
    before = torch.cat([model.layer.weight, model.layer.bias[:, None]], 1).detach().numpy().copy()
    optimizer.step()
    state = optimizer.state_dict()["curvature"]
    expected = state["layer.output_inverse"].numpy() @ gradient @ state["layer.input_inverse"].numpy()
    moved = before - torch.cat([model.layer.weight, model.layer.bias[:, None]], 1).detach().numpy()
    np.testing.assert_allclose(moved, expected, rtol=1e-9)
    # Six examples, two calls.
    assert state["layer.input_factor"][4, 4] == 1.0


def clipped(model, factor):
    for parameter in model.parameters():
        parameter.grad.mul_(factor)


def test_clipping_by_norm_scales_the_step():
    """Everything in section 3 but the curvature is linear in the two gradients."""
    model, twin = SmallNetwork(), SmallNetwork()
    x, labels = batch(9)
    optimizers = [fop.FOP(one, lr=0.5, **PLAIN) for one in (model, twin)]
    for one in (model, twin):
        functional.cross_entropy(one(x), labels).backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01)
    assert norm > 0.1
    before = values(model)
    for optimizer in optimizers:
        optimizer.step()
    plain = moves(twin, before, 0.5)
    for name, move in moves(model, before, 0.5).items():
        np.testing.assert_allclose(move, plain[name] * (0.01 / float(norm)), rtol=1e-4, err_msg=name)
    first, second = (optimizer.state_dict()["curvature"] for optimizer in optimizers)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_clipping_by_value_replaces_the_mean():
    """K-FAC uses the mean gradient alone: what `.grad` says is what is preconditioned."""
    model = SmallNetwork()
    x, labels = batch(8)
    optimizer = fop.KFAC(model, lr=1.0, **PLAIN)
    functional.cross_entropy(model(x), labels).backward()
    torch.nn.utils.clip_grad_value_(model.parameters(), 0.01)
    gradient = model.head.weight.grad.clone()
    before = model.head.weight.detach().clone()
    optimizer.step()
    state = optimizer.state_dict()["curvature"]
    expected = state["head.output_inverse"] @ gradient @ state["head.input_inverse"]
    torch.testing.assert_close(before - model.head.weight.detach(), expected, rtol=1e-9, atol=1e-12)


def test_a_replaced_gradient_keeps_the_halves_difference():
    """g1 and g2 are the new mean plus what the hooks saw of their difference, scaled as the norm was."""
    from dense import kronecker_matrices, kronecker_statistics, project
    from networks import passes
    model = SmallNetwork()
    x, labels = batch(7)
    optimizer = fop.FOP(model, lr=1.0, **PLAIN)
    a, g = passes(model, x, labels)["head"]
    per_example = np.einsum("nto,nti->noi", g, a)
    functional.cross_entropy(model(x), labels).backward()
    raw, new = per_example.mean(0), 3 * np.roll(per_example.mean(0), 1, 0) + 0.1
    model.head.weight.grad.copy_(torch.from_numpy(new))
    before = model.head.weight.detach().numpy().copy()
    optimizer.step()
    ratio = np.linalg.norm(new) / np.linalg.norm(raw)
    halves = [new + ratio * (half.mean(0) - raw) for half in (per_example[:4], per_example[4:])]
    F, M = kronecker_matrices(*kronecker_statistics(a, g), 0.02)
    expected = project(*(half.ravel() for half in halves), F, M).reshape(new.shape)
    np.testing.assert_allclose(before - model.head.weight.detach().numpy(), expected, rtol=1e-7, atol=1e-9)


def test_a_second_pass_through_one_graph_is_a_micro_batch():
    model, twin = SmallNetwork(), SmallNetwork()
    x, labels = batch(8)
    optimizers = [fop.FOP(one, lr=0.5, **PLAIN) for one in (model, twin)]
    loss = functional.cross_entropy(model(x), labels) / 2
    loss.backward(retain_graph=True)
    loss.backward()
    twin.batch_norm.momentum = 0.0
    for _ in range(2):
        (functional.cross_entropy(twin(x), labels) / 2).backward()
    for optimizer in optimizers:
        optimizer.step()
    for one, other in zip(parameters(model), parameters(twin)):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_several_steps_of_one_size_each_are_steps_of_their_own():
    model, twin = SmallNetwork(), SmallNetwork()
    optimizers = [fop.FOP(one, lr=0.1) for one in (model, twin)]
    for seed in range(3):
        x, labels = batch(8, seed)
        for one, optimizer in zip((model, twin), optimizers):
            functional.cross_entropy(one(x), labels).backward()
            optimizer.step()
            # The one by this optimizer's method, the other by the model's.
            (optimizer if one is model else one).zero_grad()
    assert_same(parameters(model), parameters(twin))
