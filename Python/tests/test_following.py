"""A model that changes between steps is followed: its next step is the one of an optimizer that is made after the change."""

import gc
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from dense import half_gradients, kronecker_matrices, kronecker_statistics, project
from models import PLAIN, data, parameters
from networks import SmallNetwork, batch, passes
from torch import nn
from torch.nn.utils import parametrize

import fop

OPTIONS = {"damping": 0.02, "ema_decay": 0.0, **PLAIN}
"""What a step does is in its own batch alone."""


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.LayerNorm(6), nn.Linear(6, 3)).double()


def step(model, optimizer, seed=0):
    x, labels = data(seed=seed)
    functional.cross_entropy(model(x.double()), labels).backward()
    optimizer.step()
    optimizer.zero_grad()


def freeze(*names):
    return lambda model: [model.get_parameter(name).requires_grad_(False) for name in names]


def unfreeze(model):
    model.requires_grad_(True)


def nothing(model):
    pass


def tie(model):
    model[2].weight = model[0].weight


def parametrized(model):
    parametrize.register_parametrization(model[2], "weight", nn.Identity())


def hook(model):
    model[2].weight.register_hook(lambda gradient: gradient * 2)


def harmless_hook(model):
    model[2].weight.register_hook(lambda gradient: None)


CHANGES = {
    "nothing": (nothing, nothing),
    "unfreeze a layer": (freeze("0.weight", "0.bias"), unfreeze),
    "unfreeze a weight": (freeze("2.weight"), unfreeze),
    "unfreeze a bias": (freeze("2.bias", "3.bias"), unfreeze),
    "freeze a layer": (nothing, freeze("2.weight", "2.bias")),
    "freeze a weight": (nothing, freeze("2.weight", "3.weight")),
    "freeze a bias": (nothing, freeze("2.bias", "3.bias")),
    "freeze the other part": (freeze("2.bias"), lambda model: (unfreeze(model), freeze("2.weight")(model))),
    "tie": (nothing, tie),
    "parametrize": (nothing, parametrized),
    "hook": (nothing, hook),
    "hook that looks": (nothing, harmless_hook),
}


def methods(optimizer):
    return {row.parameter: row.method for row in optimizer.coverage().rows}


@pytest.mark.filterwarnings("ignore:fop. the gradients of 2 are not what passes through")
@pytest.mark.parametrize("options", [{}, {"fisher": "mc"}, {"block": "diagonal"}], ids=["empirical", "mc", "diagonal"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_next_step_is_a_new_optimizers(change, options):
    before, after = CHANGES[change]
    model, twin = network(), network()
    for one in (model, twin):
        before(one)
    optimizer, other = (fop.FOP(one, lr=0.1, **OPTIONS, **options) for one in (model, twin))
    for number in range(2):
        for one, stepping in ((model, optimizer), (twin, other)):
            torch.manual_seed(number)
            step(one, stepping, number)
    for one in (model, twin):
        after(one)
    del other, stepping
    gc.collect()
    fresh = fop.FOP(twin, lr=0.1, **OPTIONS, **options)
    for number in range(2, 4):
        start = parameters(model)
        for one, stepping in ((model, optimizer), (twin, fresh)):
            torch.manual_seed(number)
            step(one, stepping, number)
        for (name, value), expected, old in zip(model.named_parameters(), twin.parameters(), start):
            torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-12, msg=lambda text: f"{name}: {text}")
            assert torch.equal(value, old) != value.requires_grad, name
    # The one still lists a parameter that tying has put out of use, and knows others by the names that they had.
    assert not Counter(methods(fresh).values()) - Counter(methods(optimizer).values())
    assert optimizer.state_dict()["curvature"].keys() >= fresh.state_dict()["curvature"].keys()


@pytest.mark.filterwarnings("ignore:fop. the gradients of 2 are not what passes through")
@pytest.mark.parametrize("change", CHANGES)
def test_eigenbases_train_on(change):
    """Their step depends on the steps before."""
    before, after = CHANGES[change]
    model = network()
    before(model)
    optimizer = fop.FOP(model, lr=0.05, block="ekfac")
    for _ in range(2):
        step(model, optimizer)
    after(model)
    x, labels = data()
    losses = []
    for _ in range(5):
        losses.append(functional.cross_entropy(model(x.double()), labels).item())
        start = parameters(model)
        step(model, optimizer)
        moved = [not torch.equal(value, old) for value, old in zip(model.parameters(), start)]
        assert moved == [value.requires_grad for value in model.parameters()]
    assert losses[-1] < losses[0]


def test_blocks_that_stay_keep_their_curvature():
    model = network()
    freeze("0.weight", "0.bias")(model)
    optimizer = fop.FOP(model, lr=0.1, damping=0.02, factor_interval=100, inverse_interval=100)
    step(model, optimizer)
    before = optimizer.state_dict()["curvature"]
    unfreeze(model)
    step(model, optimizer, 1)
    after = optimizer.state_dict()["curvature"]
    new = {name for name in after if name not in before}
    assert new == {f"0.{side}_{part}" for side in ("input", "output") for part in ("factor", "inverse", "damping")}
    assert all(torch.equal(after[name], before[name]) for name in before if name != "counters")
    assert optimizer.stats["steps"] == 2


def test_a_model_of_which_nothing_was_observed():
    """The change is seen at the step, and the pass before it went by without hooks: one step of the fallback."""
    model = network()
    freeze(*dict(model.named_parameters()))(model)
    optimizer = fop.FOP(model, lr=0.1, **OPTIONS)
    unfreeze(model)
    x, labels = data()
    start = parameters(model)
    functional.cross_entropy(model(x.double()), labels).backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    optimizer.step()
    for old, gradient, value in zip(start, gradients, model.parameters()):
        torch.testing.assert_close(value.detach(), old - 0.1 * gradient)
    optimizer.zero_grad()
    step(model, optimizer, 1)
    assert set(methods(optimizer).values()) == {"Kronecker", "unit-wise"}
    assert "0.input_factor" in optimizer.state_dict()["curvature"]


def test_a_model_whose_own_forward_is_not_called():
    """The change is seen at the first layer that has a hook, after the one that was unfrozen."""
    model = network()
    freeze("0.weight", "0.bias")(model)
    optimizer = fop.FOP(model, lr=0.1, **OPTIONS)
    whole = nn.Sequential(*model)
    step(whole, optimizer)
    unfreeze(model)
    for number in (1, 2):
        start = parameters(model)
        step(whole, optimizer, number)
        assert not any(torch.equal(old, value) for old, value in zip(start, model.parameters()))
    assert "0.input_factor" in optimizer.state_dict()["curvature"]


def test_a_change_between_the_backward_pass_and_the_step():
    model = network()
    optimizer = fop.KFAC(model, lr=0.1, damping=0.02, factor_interval=100, inverse_interval=100)
    step(model, optimizer)
    x, labels = data(seed=1)
    start = parameters(model)
    functional.cross_entropy(model(x.double()), labels).backward()
    model[0].weight.requires_grad_(False)
    optimizer.step()
    assert not any(torch.equal(old, value) for old, value in zip(start[1:], list(model.parameters())[1:]))
    assert methods(optimizer)["0.weight"] == "frozen" and methods(optimizer)["0.bias"] == "Kronecker"


def test_momentum_begins_anew_where_the_rule_changes():
    model = network()
    optimizer = fop.FOP(model, lr=0.1, momentum=0.9, kl_clip=None, damping=0.02)
    for number in range(2):
        step(model, optimizer, number)
    tie(model)
    kept = optimizer.state[model[4].weight]["momentum_buffer"].clone()
    start, (x, labels) = model[0].weight.detach().clone(), data(seed=2)
    functional.cross_entropy(model(x.double()), labels).backward()
    gradient = model[0].weight.grad.clone()
    optimizer.step()
    torch.testing.assert_close(model[0].weight.detach(), start - 0.1 * gradient)
    moved = optimizer.state[model[4].weight]["momentum_buffer"] - 0.9 * kept
    assert 0 < moved.norm() and not torch.equal(moved, optimizer.state[model[4].weight]["momentum_buffer"])


def test_hooks_come_and_go():
    model = network()
    optimizer = fop.FOP(model, lr=0.1, **OPTIONS)
    step(model, optimizer)
    handle = model[2].weight.register_hook(lambda gradient: gradient * 2)
    with pytest.warns(UserWarning, match="the gradients of 2 are not what passes through") as caught:
        for number in range(1, 3):
            step(model, optimizer, number)
    assert len(caught) == 1 and methods(optimizer)["2.weight"] == "SGD"
    handle.remove()
    step(model, optimizer, 3)
    assert methods(optimizer)["2.weight"] == "Kronecker"


def halve(parameter):
    parameter.grad.mul_(0.5)


def test_hooks_after_accumulation_are_as_changes_of_grad():
    model, twin = network(), network()
    optimizer, other = (fop.FOP(one, lr=0.1, **OPTIONS) for one in (model, twin))
    step(model, optimizer)
    step(twin, other)
    model[2].weight.register_post_accumulate_grad_hook(halve)
    step(model, optimizer, 1)
    x, labels = data(seed=1)
    functional.cross_entropy(twin(x.double()), labels).backward()
    halve(twin[2].weight)
    other.step()
    for value, expected in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(value, expected)


def test_a_weight_that_is_replaced():
    model = network()
    optimizer = fop.FOP(model, lr=0.1, **OPTIONS)
    step(model, optimizer)
    model[2].weight = nn.Parameter(model[2].weight.detach() * 0.5)
    start = parameters(model)
    with pytest.warns(UserWarning, match="2.weight came into the model after the optimizer was made"):
        step(model, optimizer, 1)
    moved = {name for (name, value), old in zip(model.named_parameters(), start) if not torch.equal(value, old)}
    assert moved == dict(model.named_parameters()).keys() - {"2.weight"}
    assert optimizer.state_dict()["curvature"]["2.input_factor"].shape == (1, 1)
    model.zero_grad()
    optimizer.add_param_group({"params": [model[2].weight]})
    twin = network()
    twin.load_state_dict(model.state_dict())
    step(model, optimizer, 2)
    step(twin, fop.FOP(twin, lr=0.1, **OPTIONS), 2)
    for value, expected in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(value, expected)


def test_the_plan_stays_as_long_as_the_model_does(monkeypatch):
    import fop.optimizer
    plans = []
    make = fop.optimizer.plan
    monkeypatch.setattr(fop.optimizer, "plan", lambda *given: plans.append(1) or make(*given))
    model = network()
    optimizer = fop.FOP(model, lr=0.1)
    for number in range(3):
        step(model, optimizer, number)
    model.eval()(data()[0].double())
    assert len(plans) == 1
    unfreeze(model)
    freeze("0.bias")(model)
    for number in range(3):
        step(model.train(), optimizer, number)
    assert len(plans) == 2


# The bias before a BatchNorm has no gradient.
@pytest.mark.parametrize(("layer", "part"), [("convolution", "weight"), ("tokens", "weight"), ("tokens", "bias")])
@pytest.mark.parametrize("approximation", ["expand", "reduce"])
def test_a_weight_or_a_bias_alone_is_the_dense_one(layer, part, approximation):
    """A bias alone is a weight of one column whose input is always 1."""
    model = SmallNetwork()
    freeze(f"{layer}.{'bias' if part == 'weight' else 'weight'}")(model)
    optimizer = fop.FOP(model, lr=0.5, damping=0.02, kfac_approx=approximation, **PLAIN)
    x, labels = batch(9)
    a, g = passes(model, x, labels)[layer]
    a = a[..., :-1] if part == "weight" else a[..., -1:]
    F, M = kronecker_matrices(*kronecker_statistics(a, g, approximation), 0.02)
    g1, g2 = half_gradients(np.einsum("nto,nti->noi", g, a), 5)
    expected = project(g1.ravel(), g2.ravel(), F, M)
    value = model.get_parameter(f"{layer}.{part}")
    before = value.detach().clone()
    functional.cross_entropy(model(x), labels).backward()
    optimizer.step()
    moved = (before - value.detach()).numpy().ravel() / 0.5
    np.testing.assert_allclose(moved, expected, rtol=1e-7, atol=1e-9)
    assert methods(optimizer)[f"{layer}.{part}"] == "Kronecker"
