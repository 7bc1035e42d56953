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
    methods = {row.parameter: row.method for row in optimizer.coverage().rows}
    assert methods == {"first.weight": "SGD", "first.bias": "Kronecker"}
    before = parameters(model)
    backward(model)
    optimizer.step()
    assert not any(torch.equal(new, old) for new, old in zip(parameters(model), before))


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


def matrix(layer):
    return torch.cat([layer.weight, layer.bias[:, None]], 1).detach()


def test_large_factors_are_split_along_their_diagonal():
    """Their blocks are those of the whole factors, and the step is K-FAC's with what is left of these."""
    model, twin = small_model().double(), small_model().double()
    optimizer, whole = fop.KFAC(model, lr=1.0, max_factor_dim=5, **PLAIN), fop.KFAC(twin, lr=1.0, **PLAIN)
    x, labels = data()
    for one in (model, twin):
        functional.cross_entropy(one(x.double()), labels).backward()
    layer = model[0]
    gradient, before = torch.cat([layer.weight.grad, layer.bias.grad[:, None]], 1), matrix(layer)
    optimizer.step()
    whole.step()
    assert "4x4 3x3 4x4 4x4" in str(optimizer.coverage())
    split, full = optimizer.state_dict()["curvature"], whole.state_dict()["curvature"]

    def joined(kind):
        return torch.block_diag(split[f"0.{kind}.0"], split[f"0.{kind}.1"])

    for kind in ("input_factor", "output_factor"):
        kept = joined(kind) != 0
        torch.testing.assert_close(joined(kind), full[f"0.{kind}"] * kept)
    expected = joined("output_inverse") @ gradient @ joined("input_inverse")
    torch.testing.assert_close(before - matrix(layer), expected)
    again = fop.KFAC(small_model(), lr=1.0, max_factor_dim=5)
    again.load_state_dict(optimizer.state_dict())
    assert again.state_dict()["curvature"]["0.input_factor.1"].dtype == torch.float32


class Words(nn.Module):
    """Tokens and their positions, the latter looked up once for all examples."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.token, self.position = nn.Embedding(7, 4, padding_idx=0), nn.Embedding(5, 4)
        self.head = nn.Linear(4, 3)
        self.double()

    def forward(self, tokens):
        return self.head(self.token(tokens) + self.position(torch.arange(5))).mean(1)


@pytest.mark.parametrize("indices", [torch.int64, torch.int32], ids=str)
def test_embeddings_have_a_diagonal_input_factor(indices):
    model = Words()
    optimizer = fop.KFAC(model, lr=1.0, damping=0.02, **PLAIN)
    tokens = torch.randint(0, 7, (12, 5), generator=torch.Generator().manual_seed(0))
    labels = data(12)[1]
    looked_up = model.token(tokens).detach().requires_grad_()
    hidden = model.head(looked_up + model.position(torch.arange(5))).mean(1)
    g = torch.autograd.grad(functional.cross_entropy(hidden, labels, reduction="sum"), looked_up)[0]
    g, flat = (g * (tokens != 0)[..., None]).reshape(-1, 4), tokens.reshape(-1)
    one_hot = functional.one_hot(flat, 7).double() * (flat != 0)[:, None]
    A, G = one_hot.sum(0) / (flat != 0).sum(), g.T @ g / 12
    pi = torch.sqrt(A.mean() / G.diagonal().mean())
    root = 0.02**0.5
    inverse = torch.linalg.inv(G + root / pi * torch.eye(4, dtype=torch.float64))
    expected = (one_hot.T @ g / 12) / (A + pi * root)[:, None] @ inverse
    before, position = model.token.weight.detach().clone(), model.position.weight.detach().clone()
    functional.cross_entropy(model(tokens.to(indices)), labels).backward()
    optimizer.step()
    torch.testing.assert_close(before - model.token.weight.detach(), expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(position - model.position.weight.detach(), model.position.weight.grad)
    methods = {row.parameter: row.method for row in optimizer.coverage().rows}
    assert methods["token.weight"] == "Kronecker" and methods["position.weight"] == "SGD"


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolutions_are_convolutions_turned_round(groups):
    torch.manual_seed(0)
    transposed = nn.Sequential(nn.ConvTranspose1d(4, 6, 3, groups=groups), nn.Flatten(), nn.Linear(48, 3)).double()
    plain = copy.deepcopy(transposed)
    plain[0] = nn.Conv1d(4, 6, 3, padding=2, groups=groups).double()

    def turned(weight):
        parts = weight.detach().reshape(groups, 4 // groups, 6 // groups, 3)
        return parts.transpose(1, 2).flip(-1).reshape(6, 4 // groups, 3)

    with torch.no_grad():
        plain[0].weight.copy_(turned(transposed[0].weight))
        plain[0].bias.copy_(transposed[0].bias)
    optimizers = [fop.FOP(one, lr=0.1, **PLAIN) for one in (transposed, plain)]
    x = torch.randn(9, 4, 6, dtype=torch.float64)
    labels = torch.arange(9) % 3
    for _ in range(3):
        for one, optimizer in zip((transposed, plain), optimizers):
            functional.cross_entropy(one(x), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
    torch.testing.assert_close(turned(transposed[0].weight), plain[0].weight.detach(), rtol=1e-8, atol=1e-10)
    assert {row.method for row in optimizers[0].coverage().rows} == {"Kronecker"}


def test_another_output_size_is_the_fallbacks():
    class Sized(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.ConvTranspose1d(2, 3, 3, stride=2)

        def forward(self, x):
            return self.layer(x, output_size=[12]).mean(-1)

    model = Sized()
    optimizer = fop.FOP(model, lr=0.1)
    functional.cross_entropy(model(torch.randn(6, 2, 5)), torch.arange(6) % 3).backward()
    with pytest.warns(UserWarning, match="nothing was seen passing through layer"):
        optimizer.step()


@pytest.mark.parametrize(("block", "method"), [("ekfac", "EKFAC"), ("diagonal", "diagonal")])
def test_other_blocks_of_layers_with_a_weight(block, method):
    model = small_model()
    optimizer = fop.FOP(model, lr=0.05, block=block)
    losses = []
    for _ in range(6):
        losses.append(backward(model))
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < losses[0]
    methods = {row.parameter: row.method for row in optimizer.coverage().rows}
    assert methods["0.weight"] == method and methods["2.weight"] == "unit-wise"


def test_heads_of_large_vocabularies_are_the_fallbacks():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1, max_vocabulary=7)
    methods = {row.parameter: row.method for row in optimizer.coverage().rows}
    assert methods["0.weight"] == "SGD" and methods["3.weight"] == "Kronecker"
    before = parameters(model)
    backward(model)
    optimizer.step()
    assert all(not torch.equal(new, old) for new, old in zip(parameters(model), before))
