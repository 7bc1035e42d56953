"""Wrong options and models are named, with what is legal."""

import pytest
import torch
from models import assert_same, backward, parameters, small_model
from torch import nn

import fop


@pytest.mark.parametrize(("options", "message"), [
    ({"lr": -1.0}, "lr is -1.0"), ({"lr": float("nan")}, "lr is nan"), ({"momentum": 1.0}, "momentum is 1.0"),
    ({"weight_decay": -1}, "weight_decay is -1"), ({"damping": -1}, "damping is -1.0: use a finite number of 0"),
    ({"damping": "x"}, "damping is 'x': use a number"),
    ({"kl_clip": 0}, "kl_clip is 0.0: use a number above 0, or None"),
    ({"ema_decay": 1}, "ema_decay is 1.0: use a number from 0 to below 1"), ({"beta": "big"}, "beta is 'big'"),
    ({"factor_interval": 0}, "factor_interval is 0: use a whole number of 1"),
    ({"stagger_curvature": "x"}, "stagger_curvature is 'x': use 'True' or 'False'"),
    ({"inverse_interval": 1.5}, "inverse_interval is 1.5"), ({"eta": "long"}, "eta is 'long': use 'average' or 'sum'"),
    ({"metric": "x"}, "metric is 'x'"), ({"kfac_approx": "x"}, "kfac_approx is 'x'"),
    ({"fisher": "x"}, "fisher is 'x'"), ({"block": "x"}, "block is 'x': use 'kronecker' or 'ekfac' or 'diagonal'"),
    ({"fallback": "lion"}, "fallback is 'lion': use 'sgd' or 'adamw'"), ({"loss_reduction": "none"}, "loss_reduction"),
    ({"fallback_lr": -1.0}, "fallback_lr is -1.0"),
    ({"max_factor_dim": 0}, "max_factor_dim is 0: use a whole number of 1"),
    ({"max_vocabulary": "x"}, "max_vocabulary is x"),
    ({"lr": "0.1"}, "lr is '0.1'"), ({"lr": True}, "lr is True"), ({"damping": True}, "damping is True: use a number"),
    ({"process_group": "world"}, "process_group is 'world': use 'auto'"),
    ({"params": [{"lr": 0.1}]}, "without 'params'"),
    ({"process_group": 3}, "process_group is 3: use 'auto', None, or a group"), ({"params": 3}, "params is 3: use"),
    ({"kl_clip": "x"}, "kl_clip is 'x': use a number or None"),
], ids=str)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError) as caught:
        fop.FOP(small_model(), **{"lr": 0.1, **options})
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [0, -1, 2.5, "x", None, True])
def test_intervals_that_functions_return_are_named(value):
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1, inverse_interval=lambda step: value)
    with pytest.raises(ValueError, match=rf"inverse_interval\(0\) is {value!r}: return a whole number of 1 or more"):
        backward(model)
        optimizer.step()


@pytest.mark.parametrize("key", ["lr", "momentum", "weight_decay"])
def test_settings_that_are_not_finite_are_named(key):
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1)
    before = parameters(model)
    backward(model)
    optimizer.param_groups[0][key] = float("nan")
    with pytest.raises(ValueError, match=rf"param_groups\[0\]\['{key}'\] is nan: use a finite number"):
        optimizer.step()
    assert_same(before, parameters(model))


def test_a_wrong_group_is_not_added():
    optimizer = fop.FOP(small_model(), lr=0.1)
    with pytest.raises(ValueError, match="lr is -3: use"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.ones(2))], "lr": -3})
    assert len(optimizer.param_groups) == len(optimizer.state_dict()["param_groups"]) == 1


def test_numbers_of_numpy_and_torch_are_numbers():
    numpy = pytest.importorskip("numpy")
    optimizer = fop.FOP(small_model(), lr=numpy.float32(0.5), damping=numpy.float64(0.1), beta=torch.tensor(0.5),
                        factor_interval=numpy.int64(3))
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_parameters_that_cannot_be_trained_are_named():
    complex_model = nn.Module()
    complex_model.z = nn.Parameter(torch.zeros(2, dtype=torch.complex64))
    with pytest.raises(ValueError, match="z is complex"):
        fop.FOP(complex_model, lr=0.1)
    with pytest.raises(ValueError, match="weight has no shape yet"):
        fop.FOP(nn.LazyLinear(3), lr=0.1)
    with pytest.raises(ValueError, match="the model has no parameters"):
        fop.FOP(nn.Tanh(), lr=0.1)
    sparse = nn.Embedding(4, 3, sparse=True)
    optimizer = fop.FOP(sparse, lr=0.1)
    sparse(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match="gradient of weight is sparse"):
        optimizer.step()


def test_parameters_instead_of_the_model():
    with pytest.raises(TypeError, match="takes the model itself"):
        fop.FOP(small_model().parameters(), lr=0.1)
