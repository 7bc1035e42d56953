"""Saved states that do not fit are refused with the first difference named, and nothing has changed then."""

import copy

import pytest
import torch
from models import assert_same, backward, parameters, small_model
from torch import nn

import fop


def make(model, **options):
    return fop.FOP(model, **{"lr": 0.05, "factor_interval": 1, "inverse_interval": 2, **options})


def trained(model=None, steps=3, **options):
    model = model or small_model()
    optimizer = make(model, **options)
    for step in range(steps):
        backward(model, step)
        optimizer.step()
        optimizer.zero_grad()
    return model, optimizer


def saved(model=None, include_factors=True, **options):
    return copy.deepcopy(trained(model, **options)[1].state_dict(include_factors))


def assert_equal(one, other):
    """Of nested dictionaries and lists."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype and torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other):
            assert_equal(a, b)
    else:
        assert one == other


def without(*path):
    state = saved()
    inner = state
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return state


def changed(value, *path):
    state = saved()
    inner = state
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return state


def first_version(state):
    """As states were before they had a layout."""
    return {key: value for key, value in state.items() if key not in ("format_version", "layout", "keys")}


def wider():
    return nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.LayerNorm(9), nn.Linear(9, 3))


def frozen_first_layer():
    model = small_model()
    model[0].requires_grad_(False)
    return model


WIDER = "'0.weight' has shape (9, 6) where (8, 6) is expected: it is of another model"
CASES = {
    "other names": (lambda: saved(nn.Sequential(nn.Tanh(), nn.Linear(6, 3))),
                    "no parameter '0.weight' of shape (8, 6)"),
    "more layers": (lambda: saved(nn.Sequential(*small_model(), nn.Linear(3, 3))),
                    "a parameter '4.weight' of shape (3, 3), which the model has not"),
    "other shapes": (lambda: saved(wider()), WIDER),
    "other shapes, nothing else to tell": (lambda: saved(wider(), False, momentum=0.0), WIDER),
    "other shapes, no step": (lambda: saved(wider(), steps=0), WIDER),
    "another block": (lambda: saved(block="diagonal"),
                      "'0.weight' was updated by diagonal, and is by Kronecker here: use the options"),
    "a block where there was none": (lambda: saved(max_vocabulary=2),
                                     "'0.weight' was updated by SGD, and is by Kronecker"),
    "another fallback": (lambda: saved(max_vocabulary=2, fallback="adamw"), "'0.weight' was updated by AdamW"),
    "other factors": (lambda: saved(max_factor_dim=4), "'0.input_factor.0' of shape (4, 4), which there is"),
    "other groups": (lambda: {**saved(), "param_groups": saved()["param_groups"] * 2}, "has 2 parameter groups"),
    "a later version": (lambda: changed(3, "format_version"), "of format version 3 and fop"),
    "another kind of version": (lambda: changed("new", "format_version"), "of format version 'new'"),
    "no curvature": (lambda: without("curvature"), "it has no 'curvature'"),
    "no layout": (lambda: without("layout"), "has no 'layout': it is damaged"),
    "no factor": (lambda: without("curvature", "3.output_factor"), "has no 'curvature.3.output_factor'"),
    "no layer": (lambda: {**saved(), "curvature": saved(include_factors=False)["curvature"]},
                 "has no 'curvature.0.input_damping'"),
    "no counters": (lambda: without("curvature", "counters"), "has no 'curvature.counters'"),
    "no momentum": (lambda: without("state", "0.bias", "momentum_buffer"), "has no 'state.0.bias.momentum_buffer'"),
    "no momenta": (lambda: without("state", "2.bias"), "has no 'state.2.bias.momentum_buffer'"),
    "no learning rate": (lambda: without("param_groups", 0, "lr"), "group 0 of the saved state has no 'lr'"),
    "no parameter of a group": (lambda: without("param_groups", 0, "params", 0),
                                "has no '0.weight', which is in it here"),
    "a factor of another shape": (lambda: changed(torch.zeros(2, 2), "curvature", "3.input_factor"),
                                  "'3.input_factor' has shape (2, 2) where (9, 9) is expected"),
    "momentum of another shape": (lambda: changed(torch.zeros(2), "state", "3.bias", "momentum_buffer"),
                                  "'momentum_buffer' of '3.bias' has shape (2,) where (3,) is expected"),
    "a factor that is no tensor": (lambda: changed(None, "curvature", "3.input_factor"), "'3.input_factor' is None"),
    "an unknown buffer": (lambda: changed(torch.zeros(3), "state", "3.bias", "speed"), "has 'speed' of '3.bias'"),
    "unknown curvature": (lambda: changed(torch.zeros(3), "curvature", "3.speed"), "has '3.speed' of shape (3,)"),
    "counters that count nothing": (lambda: changed(torch.tensor([-1, 0, 0, 0]), "curvature", "counters"),
                                    "'counters' are [-1, 0, 0, 0]"),
    "a damping of nan": (lambda: changed(torch.tensor(float("nan")), "curvature", "damping"), "'damping' is nan"),
    "first version, other shapes": (lambda: first_version(saved(wider())), "'0.weight' has shape (9, 6)"),
    "first version, other names": (lambda: first_version(saved(nn.Sequential(nn.Tanh(), nn.Linear(6, 3)))),
                                   "has no '0.weight', which is in it here"),
    "first version, no factor": (lambda: first_version(without("curvature", "3.output_factor")),
                                 "has no '3.output_factor' of shape (3, 3): it is damaged"),
    "another optimizer": (lambda: torch.optim.SGD(small_model().parameters(), lr=0.1).state_dict(),
                          "not a state of fop: it has no 'curvature'"),
    "a path": (lambda: "run.pt", "not 'run.pt': read a file with torch.load"),
    "nothing": (lambda: None, "what state_dict() returned, not None"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_does_not_fit_is_named_and_changes_nothing(name):
    make_state, message = CASES[name]
    model, optimizer = trained()
    twin, other = trained()
    # In the middle of a step: what was gathered is not lost either.
    for network in (model, twin):
        backward(network, 7)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict(), optimizer.stats))
    state = make_state()
    with pytest.raises(ValueError) as caught:
        optimizer.load_state_dict(state)
    assert message in str(caught.value)
    assert_equal(before[0], model.state_dict())
    assert_equal(before[1], optimizer.state_dict())
    assert before[2] == optimizer.stats
    for one in (optimizer, other):
        one.step()
    assert_same(parameters(model), parameters(twin))


def test_parameters_in_other_groups_are_named():
    model = small_model()
    optimizer = make(model, params=[{"params": [model[0].weight]}])
    twin = small_model()
    for params, message in (([twin[0].weight, twin[0].bias], "group 0 of the saved state has '0.bias', which is not"),
                            ([twin[0].bias], "group 0 of the saved state has no '0.weight', which is in it")):
        state = make(twin, params=[{"params": params}]).state_dict()
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(state)


def test_a_layer_that_is_frozen_now_is_named():
    _, optimizer = trained(frozen_first_layer())
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match="'0.weight' was updated by Kronecker, and is frozen here"):
        optimizer.load_state_dict(saved())
    assert_equal(before, optimizer.state_dict())


def test_what_was_frozen_may_train():
    model, optimizer = trained(small_model(), steps=1)
    optimizer.load_state_dict(saved(frozen_first_layer()))
    before = parameters(model)
    backward(model)
    optimizer.step()
    assert all(not torch.equal(a, b) and torch.isfinite(b).all() for a, b in zip(before, parameters(model)))


def test_states_of_the_first_version_go_on_bit_for_bit():
    model, optimizer = trained()
    twin = small_model(1)
    other = make(twin)
    twin.load_state_dict(model.state_dict())
    other.load_state_dict(first_version(copy.deepcopy(optimizer.state_dict())))
    for network, own in ((model, optimizer), (twin, other)):
        backward(network, 7)
        own.step()
    assert_same(parameters(model), parameters(twin))


@pytest.mark.parametrize("options", [{"block": "ekfac"}, {"max_factor_dim": 4}, {"max_vocabulary": 2}], ids=str)
def test_states_of_other_options_load_without_their_factors(options):
    state = saved(**options)
    model = small_model()
    optimizer = make(model)
    optimizer.load_state_dict(state, include_factors=False)
    assert optimizer.stats["steps"] == 3
    assert_equal(optimizer.state_dict()["state"], state["state"])
    backward(model)
    optimizer.step()
    assert all(torch.isfinite(value).all() for value in parameters(model))
    with pytest.raises(ValueError, match="'0.weight' was updated by SGD, and is by AdamW here"):
        make(small_model(), max_vocabulary=2, fallback="adamw").load_state_dict(
            saved(max_vocabulary=2), include_factors=False)


def test_the_state_stays_as_it_was_loaded():
    state = saved()
    before = copy.deepcopy(state)
    model, optimizer = trained(steps=0)
    optimizer.load_state_dict(state)
    for step in range(3):
        backward(model, step)
        optimizer.step()
    optimizer.param_groups[0]["lr"] = 3.0
    assert_equal(before, state)
