"""Which layers get a block, and what happens to the others."""

import copy

import pytest
import torch
import torch.nn.functional as functional
from models import PLAIN, assert_same, backward, data, parameters, small_model
from torch import nn

import fop


@pytest.mark.parametrize("make", [lambda: nn.RMSNorm(6), lambda: nn.LayerNorm(6, bias=False),
                                  lambda: nn.BatchNorm1d(6, track_running_stats=False), lambda: nn.GroupNorm(2, 6),
                                  lambda: nn.LayerNorm(6, elementwise_affine=False)],
                         ids=["rms", "layer", "batch", "group", "no-scale"])
def test_normalisations_of_all_kinds(make):
    """A step of K-FAC without damping's help: F^-1 g per unit, from each example's own gradients."""
    torch.manual_seed(0)
    norm = make().double()
    model = nn.Sequential(nn.Linear(6, 6), norm, nn.Linear(6, 3)).double()
    optimizer = fop.KFAC(model, lr=1.0, damping=0.02, **PLAIN)
    x = data()[0].double()
    labels = data()[1]
    own = [parameter for parameter in norm.parameters()]
    if not own:
        assert all(row.parameter[0] != "1" for row in optimizer.coverage().rows)
        return
    hidden = model[0](x)
    if isinstance(norm, nn.BatchNorm1d):
        normalized = (hidden - hidden.mean(0)) / torch.sqrt(hidden.var(0, unbiased=False) + norm.eps)
    else:
        plain = copy.deepcopy(norm)
        with torch.no_grad():
            plain.weight.fill_(1)
            if len(own) == 2:
                plain.bias.zero_()
        normalized = plain(hidden)
    normalized = normalized.detach()
    output = (normalized * norm.weight + (norm.bias if len(own) == 2 else 0)).detach().requires_grad_()
    g = torch.autograd.grad(functional.cross_entropy(model[2](output), labels, reduction="sum"), output)[0]
    rows = torch.stack([g * normalized, g][:len(own)], -1)
    F = torch.einsum("nui,nuj->uij", rows, rows) / len(rows) + 0.02 * torch.eye(len(own), dtype=torch.float64)
    expected = torch.linalg.solve(F, rows.mean(0))
    before = [parameter.detach().clone() for parameter in own]
    functional.cross_entropy(model(x), labels).backward()
    optimizer.step()
    for place, (old, parameter) in enumerate(zip(before, own)):
        torch.testing.assert_close(old - parameter.detach(), expected[:, place], rtol=1e-8, atol=1e-10)


def test_frozen_batch_norm_statistics():
    """In evaluation a BatchNorm normalises with its running statistics, and so do its gradients."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).double()
    model(torch.randn(50, 6, dtype=torch.float64) + 1)
    model[1].eval()
    optimizer = fop.KFAC(model, lr=1.0, damping=0.02, **PLAIN)
    x, labels = data()[0].double(), data()[1]
    hidden = model[0](x).detach()
    normalized = (hidden - model[1].running_mean) / torch.sqrt(model[1].running_var + model[1].eps)
    output = model[1](hidden).detach().requires_grad_()
    g = torch.autograd.grad(functional.cross_entropy(model[2](output), labels, reduction="sum"), output)[0]
    rows = torch.stack([g * normalized, g], -1)
    F = torch.einsum("nui,nuj->uij", rows, rows) / len(rows) + 0.02 * torch.eye(2, dtype=torch.float64)
    expected = torch.linalg.solve(F, rows.mean(0))
    before = model[1].weight.detach().clone()
    functional.cross_entropy(model(x), labels).backward()
    optimizer.step()
    torch.testing.assert_close(before - model[1].weight.detach(), expected[:, 0], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("shape", [(16, 6), (4, 4, 6), (2, 2, 4, 6)], ids=str)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", ""])
def test_activations_in_place_change_nothing(shape, bias):
    """Also where the layer's output is a view, which is changed in place."""
    results = []
    for inplace in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 6, bias=bias), nn.ReLU(inplace=inplace), nn.Linear(6, 5),
                              nn.Hardtanh(inplace=inplace), nn.Linear(5, 3))
        optimizer = fop.FOP(model, lr=0.1)
        for step in range(2):
            x = torch.randn(shape, generator=torch.Generator().manual_seed(step))
            model(x).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        results.append(parameters(model))
        assert "4.input_factor" in optimizer.state_dict()["curvature"]
        assert "0.input_factor" in optimizer.state_dict()["curvature"]
    assert_same(*results)


def test_frozen_parameters_cost_nothing_and_can_be_unfrozen():
    model = small_model()
    for parameter in model[0].parameters():
        parameter.requires_grad_(False)
    optimizer = fop.FOP(model, lr=0.1)
    assert not model[0]._forward_hooks
    before = parameters(model)
    backward(model)
    optimizer.step()
    assert_same(parameters(model)[:2], before[:2])
    assert {row.parameter: row.method for row in optimizer.coverage().rows}["0.weight"] == "frozen"
    model[0].requires_grad_(True)
    backward(model)
    optimizer.step()
    assert not torch.equal(model[0].weight, before[0])


def test_freezing_in_the_middle_of_a_run():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1, momentum=0.0)
    backward(model)
    optimizer.step()
    optimizer.zero_grad()
    model[3].bias.requires_grad_(False)
    before = parameters(model)
    backward(model)
    optimizer.step()
    after = parameters(model)
    assert torch.equal(after[5], before[5])
    assert all(not torch.equal(new, old) for new, old in zip(after[:5], before[:5]))


def test_tied_weights_are_the_fallbacks():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(6, 6)
            self.second = nn.Linear(6, 6, bias=False)
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.second(torch.tanh(self.first(x)))

    model = Tied()
    optimizer = fop.FOP(model, lr=0.1)
    assert {row.method for row in optimizer.coverage().rows} == {"SGD"}
    backward(model)
    optimizer.step()


class UsedTwice(nn.Module):
    """A weight that is also used outside of its layer, where no hook sees it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.tanh(functional.linear(self.layer(x), self.layer.weight)))


def changed_by_a_hook():
    model = nn.Sequential()
    model.layer, model.head = nn.Linear(6, 6), nn.Linear(6, 3)
    model.layer.weight.register_hook(lambda gradient: gradient * 2)
    return model


@pytest.mark.parametrize("make", [UsedTwice, changed_by_a_hook])
def test_gradients_that_the_layer_does_not_explain_are_the_fallbacks(make):
    model = make()
    optimizer = fop.FOP(model, lr=0.1, momentum=0.0)
    for step in range(2):
        backward(model, step)
        before, gradient = model.layer.weight.detach().clone(), model.layer.weight.grad.clone()
        if step == 0:
            with pytest.warns(UserWarning, match="gradients of layer are not what passes through"):
                optimizer.step()
        else:
            optimizer.step()
        torch.testing.assert_close(model.layer.weight.detach(), before - 0.1 * gradient)
        optimizer.zero_grad()
    assert "head.input_factor" in optimizer.state_dict()["curvature"]


def test_large_factors_are_the_fallbacks():
    model = small_model()
    methods = {row.parameter: row.method for row in fop.FOP(model, lr=0.1, max_factor_dim=7).coverage().rows}
    assert methods["0.weight"] == "SGD" and methods["2.weight"] == "unit-wise"


def test_heads_of_large_vocabularies_are_the_fallbacks():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1, max_vocabulary=7)
    methods = {row.parameter: row.method for row in optimizer.coverage().rows}
    assert methods["0.weight"] == "SGD" and methods["3.weight"] == "Kronecker"
    before = parameters(model)
    backward(model)
    optimizer.step()
    assert all(not torch.equal(new, old) for new, old in zip(parameters(model), before))
