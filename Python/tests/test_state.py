"""Saved states: bit-exact resume, names, devices, mismatches."""

import copy

import pytest
import torch
from models import PLAIN, assert_same, backward, parameters, small_model
from torch import nn

import fop


def run(model, optimizer, steps):
    for step in steps:
        backward(model, step)
        optimizer.step()
        optimizer.zero_grad()


def make(model, **options):
    return fop.FOP(model, lr=0.05, weight_decay=0.01, factor_interval=2, inverse_interval=3, **options)


@pytest.mark.parametrize(
    "options", [{}, {"fallback": "adamw"}, {"momentum": 0.0}, {"stagger_curvature": True}], ids=str)
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_a_resumed_run_is_the_same_bit_for_bit(tmp_path, options, steps):
    def model():
        return nn.Sequential(small_model(), nn.PReLU())

    straight = model()
    optimizer = make(straight, **options)
    run(straight, optimizer, range(steps))
    torch.save({"model": straight.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "run.pt")
    run(straight, optimizer, range(steps, 8))

    resumed = model()
    again = make(resumed, **options)
    run(resumed, again, range(20, 22))
    saved = torch.load(tmp_path / "run.pt", weights_only=True, map_location="cpu")
    resumed.load_state_dict(saved["model"])
    again.load_state_dict(saved["optimizer"])
    run(resumed, again, range(steps, 8))
    assert_same(parameters(straight), parameters(resumed))
    assert again.stats["steps"] == optimizer.stats["steps"] == 8


@pytest.mark.parametrize("before", [False, True])
def test_staggering_can_begin_and_end_with_a_resumed_run(before):
    model = small_model()
    optimizer = make(model, stagger_curvature=before)
    run(model, optimizer, range(4))
    saved = optimizer.state_dict()
    assert any(key.endswith(".turn") for key in saved["curvature"]) == before
    other = make(small_model(1), stagger_curvature=not before)
    other.load_state_dict(saved)
    assert other.stats["steps"] == 4
    run(model, other, range(4, 8))


def test_without_factors_the_run_goes_on():
    model = small_model()
    optimizer = make(model)
    run(model, optimizer, range(3))
    small, whole = optimizer.state_dict(include_factors=False), optimizer.state_dict()
    assert set(small["curvature"]) == {"counters", "damping"} and len(whole["curvature"]) > 10
    other = make(small_model(1))
    other.load_state_dict(small)
    assert other.stats["steps"] == 3


def test_automatic_damping_goes_by_the_largest_batch():
    """What is left at the end of an epoch does not change it, nor does a resumed run forget."""
    model, twin = small_model(), small_model()
    optimizer, other = fop.FOP(model, lr=0.1, **PLAIN), fop.FOP(twin, lr=0.1, damping=0.05, **PLAIN)
    for seed, examples in enumerate([800, 7, 9]):
        for one, own in ((model, optimizer), (twin, other)):
            own.zero_grad()
            backward(one, seed, examples)
            own.step()
        assert_same(parameters(model), parameters(twin))
        saved = optimizer.state_dict()
        optimizer = fop.FOP(model, lr=0.1, **PLAIN)
        optimizer.load_state_dict(saved)


def test_settings_come_back():
    optimizer = make(small_model())
    optimizer.param_groups[0].update(lr=0.3, momentum=0.5, initial_lr=0.7)
    other = make(small_model())
    other.load_state_dict(optimizer.state_dict())
    group = other.param_groups[0]
    assert (group["lr"], group["momentum"], group["initial_lr"]) == (0.3, 0.5, 0.7)
    assert group["params"][0] is next(iter(other._names))


def test_names_do_not_depend_on_wrappers():
    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def forward(self, x):
            return self.module(x)

    plain, wrapped = small_model(), Wrapper(small_model())
    one, other = make(plain), make(wrapped)
    run(plain, one, range(2))
    other.load_state_dict(one.state_dict())
    wrapped.module.load_state_dict(plain.state_dict())
    run(plain, one, range(2, 5))
    run(wrapped, other, range(2, 5))
    assert_same(parameters(plain), parameters(wrapped))


def test_loading_discards_gathered_gradients():
    model, twin = small_model(), small_model()
    optimizer, other = make(model), make(twin)
    saved = optimizer.state_dict()
    backward(model, 5)
    optimizer.load_state_dict(saved)
    model.zero_grad()
    run(model, optimizer, range(2))
    run(twin, other, range(2))
    assert_same(parameters(model), parameters(twin))


def test_the_optimizer_itself_is_not_pickled():
    with pytest.raises(TypeError, match="use state_dict"):
        copy.deepcopy(make(small_model()))


def test_state_dict_hooks_run():
    seen = []
    optimizer = make(small_model())
    optimizer.register_state_dict_pre_hook(lambda optimizer: seen.append("pre"))
    optimizer.register_state_dict_post_hook(lambda optimizer, state: seen.append("post"))
    optimizer.register_load_state_dict_post_hook(lambda optimizer: seen.append("loaded"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == ["pre", "post", "loaded"]


