"""fisher="mc": labels drawn from the model's own predictions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from networks import SmallNetwork, batch, passes
from dense import kronecker_statistics
from models import data, parameters, small_model
from torch import nn

import fop

PLAIN = {"momentum": 0.0, "kl_clip": None, "factor_interval": 1, "inverse_interval": 1}


def factors(optimizer, name):
    curvature = optimizer.state_dict()["curvature"]
    return curvature[f"{name}.input_factor"].numpy(), curvature[f"{name}.output_factor"].numpy()


def noise_that_draws(labels, classes):
    """All but certain to draw these, whatever the predictions."""
    return torch.full((len(labels), classes), 1e-9, dtype=torch.float64).scatter_(1, labels, 1 - 1e-9)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("sizes", [[9], [4, 5]], ids=str)
def test_the_factors_are_those_of_the_drawn_labels(monkeypatch, reduction, sizes):
    """With the draw replaced by known labels, against the dense computation with these labels."""
    model = SmallNetwork()
    drawn = [torch.randint(0, 3, (size, 1), generator=torch.Generator().manual_seed(size)) for size in sizes]
    waiting = list(drawn)
    monkeypatch.setattr(torch, "rand", lambda shape, **options: noise_that_draws(waiting.pop(0), shape[1]))
    micro_batches = [batch(size, seed=size) for size in sizes]
    optimizer = fop.FOP(model, lr=0.0, fisher="mc", loss_reduction=reduction, **PLAIN)
    for x, labels in micro_batches:
        loss = functional.cross_entropy(model(x), labels, reduction="sum")
        (loss if reduction == "sum" else loss / sum(sizes)).backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    optimizer.step()
    assert waiting == []
    seen = [passes(model, x, labels[:, 0]) for (x, _), labels in zip(micro_batches, drawn)]
    for name in ("convolution", "tokens", "head"):
        a, g = (np.concatenate([part[name][place] for part in seen]) for place in (0, 1))
        for found, expected in zip(factors(optimizer, name), kronecker_statistics(a, g)):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=name)
    # The drawing pass leaves the gradients alone.
    twin = SmallNetwork()
    for x, labels in micro_batches:
        loss = functional.cross_entropy(twin(x), labels, reduction="sum")
        (loss if reduction == "sum" else loss / sum(sizes)).backward()
    for parameter, gradient in zip(twin.parameters(), gradients):
        assert torch.equal(parameter.grad, gradient)


def test_draws_follow_the_predictions():
    """The output factor of the last layer is about the expectation, diag(p) - p p^T."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 3)).double()
    optimizer = fop.FOP(model, lr=0.0, fisher="mc", ema_decay=0.0, **PLAIN)
    x = torch.zeros(20000, 1, dtype=torch.float64)
    functional.cross_entropy(model(x), torch.zeros(20000, dtype=torch.long)).backward()
    optimizer.step()
    p = model(x[:1]).softmax(-1)[0].detach()
    expected = torch.diag(p) - torch.outer(p, p)
    np.testing.assert_allclose(factors(optimizer, "0")[1], expected.numpy(), atol=0.05)


def test_gaussian_draws():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 4)).double()
    optimizer = fop.FOP(model, lr=0.0, fisher="mc", fisher_distribution="gaussian", ema_decay=0.0, **PLAIN)
    x = torch.zeros(20000, 1, dtype=torch.float64)
    functional.mse_loss(model(x), torch.ones(20000, 4, dtype=torch.float64)).backward()
    optimizer.step()
    # The Hessian of the mean over 4 squares; 512 of the examples enter.
    np.testing.assert_allclose(factors(optimizer, "0")[1], np.eye(4) * 2 / 4, atol=0.1)


def own_loss(distribution, reduction, output, noise):
    """torch's loss of labels that are drawn in the obvious way."""
    if distribution == "categorical":
        labels = (output.softmax(-1) / -noise.log()).argmax(-1)
        return functional.cross_entropy(output.movedim(-1, 1), labels, reduction=reduction)
    if distribution == "bernoulli":
        return functional.binary_cross_entropy_with_logits(
            output, (noise < output.sigmoid()).to(output.dtype), reduction=reduction)
    variance = output.shape[-1] / 2 if reduction == "mean" else 0.5
    return functional.mse_loss(output, output.detach() - noise * variance**0.5, reduction=reduction)


@pytest.mark.parametrize("shape", [(7, 5), (7, 3, 5)], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("distribution", ["categorical", "bernoulli", "gaussian"])
def test_the_drawn_gradient_is_that_of_torchs_loss(distribution, reduction, shape):
    engine = fop.FOP(small_model(), lr=0.1, loss_reduction=reduction)._engine
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
    draw = torch.randn if distribution == "gaussian" else torch.rand
    noise = draw(shape, generator=generator, dtype=torch.float64)
    expected, = torch.autograd.grad(own_loss(distribution, reduction, output, noise.clone()), output)
    found = engine.drawn_gradient(output.detach(), noise, distribution, 3.0)
    torch.testing.assert_close(found, 3 * expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("distribution", ["bernoulli", "gaussian"])
def test_other_distributions_train(distribution):
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1, fisher="mc", fisher_distribution=distribution)
    x, labels = data()
    targets = functional.one_hot(labels, 3).float()
    loss = functional.mse_loss if distribution == "gaussian" else functional.binary_cross_entropy_with_logits
    losses = []
    for _ in range(6):
        losses.append(loss(model(x), targets))
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("wrap", [
    lambda logits: {"loss": None, "logits": logits}, lambda logits: (logits, "cache"),
    lambda logits: type("Output", (), {"logits": logits})(),
], ids=["dictionary", "tuple", "object"])
def test_logits_are_found(wrap):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = small_model()

        def forward(self, x):
            return wrap(self.inner(x))

    model = Wrapped()
    optimizer = fop.FOP(model, lr=0.1, fisher="mc")
    x, labels = data()
    before = parameters(model)
    torch.manual_seed(1)
    model(x)
    functional.cross_entropy(model.inner(x), labels).backward()
    optimizer.step()
    assert any(not torch.equal(new, old) for new, old in zip(parameters(model), before))


def test_outputs_without_logits_are_an_error():
    class Silent(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = small_model()

        def forward(self, x):
            self.inner(x)
            return "nothing"

    model = Silent()
    optimizer = fop.FOP(model, lr=0.1, fisher="mc")
    with pytest.raises(ValueError, match="fisher='mc' needs logits and the model returned str"):
        model(data()[0])
    assert optimizer.stats["steps"] == 0


def test_drawing_happens_on_factor_steps_only(monkeypatch):
    calls = []
    draw = torch.rand
    monkeypatch.setattr(torch, "rand", lambda *arguments, **options: calls.append(1) or draw(*arguments, **options))
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1, fisher="mc", factor_interval=3)
    counts = []
    for step in range(6):
        x, labels = data(16, step)
        with torch.no_grad():
            model(x)
        functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
        optimizer.zero_grad()
        counts.append(len(calls))
    assert counts == [1, 1, 1, 2, 2, 2]


def test_a_forward_pass_without_backward_leaves_no_trace():
    results = []
    for extra in (False, True):
        model = small_model()
        optimizer = fop.FOP(model, lr=0.1, fisher="mc", **PLAIN)
        for step in range(2):
            if extra:
                model(data(5, seed=99)[0])
            torch.manual_seed(step)
            x, labels = data(16, step)
            functional.cross_entropy(model(x), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
        results.append(parameters(model))
    for one, other in zip(*results):
        assert torch.equal(one, other)


def test_predictions_that_are_not_finite_leave_the_step_out():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1, fisher="mc", **PLAIN)
    before = parameters(model)
    x, labels = data()
    x[3, 0] = float("inf")
    functional.cross_entropy(model(x), labels).backward()
    optimizer.step()
    optimizer.zero_grad()
    assert all(torch.equal(one, other) for one, other in zip(before, parameters(model)))
    functional.cross_entropy(model(data()[0]), labels).backward()
    optimizer.step()
    assert optimizer.stats["steps"] == 1 and optimizer.stats["skipped_steps"] == 1
    assert not torch.equal(before[0], model[0].weight)
